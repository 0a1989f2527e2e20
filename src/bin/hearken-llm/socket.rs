//! Where the server listens: a Unix socket for this user only, or the loopback. Nothing else: it asks for no secret.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};

use crate::end;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A Unix socket.
    Unix(PathBuf),
    /// A loopback address.
    Tcp(SocketAddr),
}

/// A socket that listens, non-blocking, so that tokio can take it over.
#[derive(Debug)]
pub(crate) enum Listener {
    /// A Unix socket.
    Unix(UnixListener),
    /// A loopback address.
    Tcp(std::net::TcpListener),
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    /// Another address, or `--socket`.
    #[error(
        "{0} is not a loopback address; hearken-llm asks for no secret and only serves this machine: use 127.0.0.1 or --socket"
    )]
    NotLoopback(SocketAddr),
    /// Another path.
    #[error("{} exists and is no socket; give another path", .0.display())]
    NoSocket(PathBuf),
    /// The other server first.
    #[error("another program already listens on {}", .0.display())]
    InUse(PathBuf),
    /// The system's reason.
    #[error("cannot listen on {at}: {source}")]
    System {
        /// The address.
        at: String,
        /// The system's reason.
        source: io::Error,
    },
}

/// Begins to listen. A socket file that nobody listens on any more is replaced.
///
/// # Errors
/// See [`BindError`].
pub(crate) fn bind(place: &Place) -> Result<Listener, BindError> {
    match place {
        Place::Tcp(address) => bind_tcp(*address),
        Place::Unix(path) => bind_unix(path),
    }
}

fn bind_tcp(address: SocketAddr) -> Result<Listener, BindError> {
    if !address.ip().is_loopback() {
        return Err(BindError::NotLoopback(address));
    }
    let system = |source| BindError::System {
        at: address.to_string(),
        source,
    };
    let listener = std::net::TcpListener::bind(address).map_err(system)?;
    listener.set_nonblocking(true).map_err(system)?;
    if let Ok(address) = listener.local_addr() {
        eprintln!("hearken-llm: listening on http://{address}/v1");
    }
    Ok(Listener::Tcp(listener))
}

fn bind_unix(path: &Path) -> Result<Listener, BindError> {
    let system = |source| BindError::System {
        at: path.display().to_string(),
        source,
    };
    match std::fs::symlink_metadata(path) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
        Err(problem) => return Err(system(problem)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(BindError::NoSocket(path.to_owned()));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(BindError::InUse(path.to_owned()));
        }
        Ok(_) => std::fs::remove_file(path).map_err(system)?,
    }
    // The file is born with its mode: nobody can connect in between.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = UnixListener::bind(path);
    umask(before);
    let listener = bound.map_err(system)?;
    end::remember_socket(path);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(system)?;
    listener.set_nonblocking(true).map_err(system)?;
    Ok(Listener::Unix(listener))
}
