//! One daemon at a time: whoever holds the lock beside the socket may have the socket, and whoever holds the one beside the
//! conversation may hold that.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another daemon has it.
    #[error(
        "hearken runs already{by}; `hearken ctl status` asks it how it is, `hearken ctl shutdown` ends it"
    )]
    Taken {
        /// ` as process N`, when that is known.
        by: String,
    },
    /// Another daemon, with another control socket or none, holds the conversation.
    #[error(
        "hearken runs already{by} and holds the conversation of {folder}; end that one, or give this one a conversation in \
         a folder of its own with memory.file"
    )]
    Held {
        /// ` as process N`, when that is known.
        by: String,
        /// Where the conversation is kept.
        folder: PathBuf,
    },
    /// The folder, the lock or the socket cannot be made.
    #[error(
        "the control socket {path} cannot be made: {reason}; set control.socket to another place"
    )]
    Unusable {
        /// The socket.
        path: PathBuf,
        /// The operating system's words.
        reason: std::io::Error,
    },
}

/// The lock beside a file.
fn lock_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Why a lock cannot be had.
enum Unlocked {
    /// Somebody has it: ` as process N`, when that is known.
    Taken(String),
    Unusable(std::io::Error),
}

impl From<std::io::Error> for Unlocked {
    fn from(reason: std::io::Error) -> Self {
        Self::Unusable(reason)
    }
}

/// Takes the lock beside `file`, of mode 0600, in a folder of mode 0700 when that has to be made.
fn lock_beside(file: &Path) -> Result<Flock<File>, Unlocked> {
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(lock_of(file))?;
    let mut holder = String::new();
    // Who holds it is only told where it is known.
    let _ = file.read_to_string(&mut holder);
    let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => lock,
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
            let by = match holder.trim().parse::<u32>() {
                Ok(pid) => format!(" as process {pid}"),
                Err(_) => String::new(),
            };
            return Err(Unlocked::Taken(by));
        }
        Err((_, errno)) => return Err(Unlocked::Unusable(errno.into())),
    };
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())?;
    Ok(lock)
}

/// The right to hold the conversation that is kept in a file, whether or not it is. Dropping it lets another daemon begin.
#[derive(Debug)]
pub struct Hold {
    _lock: Flock<File>,
}

impl Hold {
    /// Takes the lock beside `conversation`; `None` where nothing can be written there, which keeps nobody from beginning.
    ///
    /// # Errors
    /// [`ClaimError::Held`].
    pub fn new(conversation: &Path) -> Result<Option<Self>, ClaimError> {
        match lock_beside(conversation) {
            Ok(lock) => Ok(Some(Self { _lock: lock })),
            Err(Unlocked::Taken(by)) => Err(ClaimError::Held {
                by,
                folder: conversation.parent().unwrap_or(Path::new(".")).to_owned(),
            }),
            Err(Unlocked::Unusable(error)) => {
                tracing::warn!(
                    "a second hearken would not be noticed: {} cannot be made: {error}",
                    lock_of(conversation).display()
                );
                Ok(None)
            }
        }
    }
}

/// The right to the socket. Dropping it removes the socket and lets another daemon begin.
#[derive(Debug)]
pub struct Claim {
    socket: PathBuf,
    _lock: Flock<File>,
}

impl Claim {
    /// Takes the lock and binds the socket with mode 0600, in a folder of mode 0700 when that has to be made.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn new(socket: &Path) -> Result<(Self, UnixListener), ClaimError> {
        let unusable = |reason| ClaimError::Unusable {
            path: socket.to_owned(),
            reason,
        };
        let lock = lock_beside(socket).map_err(|error| match error {
            Unlocked::Taken(by) => ClaimError::Taken { by },
            Unlocked::Unusable(reason) => unusable(reason),
        })?;
        // Whoever had the socket before is gone: the lock is free. Anything else is somebody's.
        match std::fs::symlink_metadata(socket) {
            Ok(found) if found.file_type().is_socket() => {
                std::fs::remove_file(socket).map_err(unusable)?;
            }
            Ok(_) => {
                let taken = "something that is no socket is there already";
                return Err(unusable(std::io::Error::other(taken)));
            }
            Err(_) => {}
        }
        let listener = UnixListener::bind(socket).map_err(unusable)?;
        let claim = Self {
            socket: socket.to_owned(),
            _lock: lock,
        };
        std::fs::set_permissions(socket, Permissions::from_mode(0o600)).map_err(unusable)?;
        Ok((claim, listener))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // It may have been removed by hand.
        let _ = std::fs::remove_file(&self.socket);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_daemon_has_the_socket_and_leaves_nothing_that_bars_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("of/hearken/control.sock");
        let (claim, _listener) = Claim::new(&socket).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&socket), 0o600);
        assert_eq!(mode(socket.parent().unwrap()), 0o700);
        assert_eq!(mode(&lock_of(&socket)), 0o600);
        let second = Claim::new(&socket).unwrap_err().to_string();
        let us = format!("process {}", std::process::id());
        assert!(second.contains(&us), "{second}");
        drop(claim);
        assert!(!socket.exists());
        // What a daemon that was killed leaves behind.
        drop(UnixListener::bind(&socket).unwrap());
        let (_claim, _listener) = Claim::new(&socket).unwrap();
    }

    #[test]
    fn one_daemon_holds_a_conversation() {
        let folder = tempfile::tempdir().unwrap();
        let conversation = folder.path().join("data/conversation.db");
        let hold = Hold::new(&conversation).unwrap();
        assert!(hold.is_some());
        let mode = std::fs::metadata(lock_of(&conversation)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        assert!(!conversation.exists());
        let second = Hold::new(&conversation).unwrap_err().to_string();
        let us = format!("process {}", std::process::id());
        assert!(
            second.contains(&us) && second.contains("memory.file"),
            "{second}"
        );
        // Another conversation is another's.
        assert!(Hold::new(&folder.path().join("data/other.db")).is_ok());
        drop(hold);
        assert!(Hold::new(&conversation).unwrap().is_some());
        // Where nothing can be written, nothing is kept that two could write.
        let nowhere = Path::new("/proc/none/conversation.db");
        assert!(Hold::new(nowhere).unwrap().is_none());
    }

    #[test]
    fn what_is_no_socket_is_somebodys_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes.txt");
        std::fs::write(&notes, "mine").unwrap();
        assert!(Claim::new(&notes).is_err());
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), "mine");
        // Nor is a lock followed to what it points to.
        let socket = folder.path().join("control.sock");
        std::os::unix::fs::symlink(&notes, lock_of(&socket)).unwrap();
        assert!(Claim::new(&socket).is_err());
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), "mine");
    }

    #[test]
    fn a_place_that_cannot_be_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Claim::new(&file.join("control.sock")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("control.socket") && text.contains("file/control.sock"));
    }
}
