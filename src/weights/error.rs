//! Why weights are not to be had: each variant one sentence for the person, and what a caller can do about it.

use std::io;
use std::path::Path;

use super::Role;
use super::import::ImportError;

/// Why a weight file is not to be had. Whatever it says, the file that was there before is still there, unchanged.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Known, and not here yet. Pull it.
    #[error(
        "the weights {name:?} are not here; run `hearken weights pull {name}`, or `hearken weights pull` for all that is needed"
    )]
    NotPulled {
        /// Its name in the catalogue.
        name: String,
    },
    /// Nothing has been pulled.
    #[error("no weights are here yet; run `hearken weights pull`")]
    NonePulled,
    /// Neither a name of the catalogue nor a file. Correct the name.
    #[error("{name:?} is neither a file nor a name of `hearken weights list`{hint}", hint = did_you_mean(nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name that there is.
        nearest: Option<String>,
    },
    /// Weights of another kind. Name others.
    #[error("{name:?} has the role {is}, and {wanted} is wanted here")]
    WrongRole {
        /// Its name in the catalogue.
        name: String,
        /// What it is for.
        is: Role,
        /// What was asked for.
        wanted: Role,
    },
    /// The file in the store is not what the catalogue says. Pull it again.
    #[error("{path} is damaged: {reason}; run `hearken weights pull {name}`")]
    Damaged {
        /// Its name in the catalogue.
        name: String,
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was fetched is not what the catalogue says. Another source may do; the digest or the address may be wrong.
    #[error(
        "{what} from {source_name} has the wrong digest: {got} where {expected} was expected; nothing was changed"
    )]
    Digest {
        /// The file.
        what: String,
        /// Where it came from.
        source_name: String,
        /// SHA-256 expected, hexadecimal.
        expected: String,
        /// SHA-256 found, hexadecimal.
        got: String,
    },
    /// What was fetched is not as long as the catalogue says. Another source may do.
    #[error(
        "{what} from {source_name} has the wrong length: {got} where {expected} bytes were expected; nothing was changed"
    )]
    Length {
        /// The file.
        what: String,
        /// Where it came from.
        source_name: String,
        /// The length found, for people.
        got: String,
        /// The length expected, in bytes.
        expected: u64,
    },
    /// A package that cannot be unpacked. Try again: the broken package has been thrown away.
    #[error("the package {package} is broken ({reason}) and has been thrown away; try again")]
    BrokenPackage {
        /// Its name and version.
        package: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The package client is missing. Install it.
    #[error(
        "{missing} is needed to fetch {package}; install it with `sudo apt-get install python3-pip`"
    )]
    NoPackageClient {
        /// `python3` or `pip`.
        missing: &'static str,
        /// What was to be fetched.
        package: String,
    },
    /// The package client refused, for a reason that is not the network.
    #[error("pip could not fetch {package}: {reason}")]
    PackageClient {
        /// Its name and version.
        package: String,
        /// pip's own words, one line.
        reason: String,
    },
    /// No connection, or one that broke off. Try again later; what has come is kept.
    #[error(
        "cannot fetch {what}: {reason}; check the network and run the command again, it resumes"
    )]
    Network {
        /// The address or package.
        what: String,
        /// What the network said.
        reason: String,
    },
    /// The server answered, and not with the file. Correct the address.
    #[error("{url} answered {status}")]
    Http {
        /// The address.
        url: String,
        /// Status code and words.
        status: String,
    },
    /// No room. Free some.
    #[error("no room for {what} in {dir}: {reason}; free some space and run the command again")]
    DiskFull {
        /// What was to be written.
        what: String,
        /// The folder.
        dir: String,
        /// Figures, or the system's words.
        reason: String,
    },
    /// A file or folder that cannot be read or written. Mend its permissions, or set `data_dir`.
    #[error("cannot {action} {path}: {reason}")]
    Folder {
        /// Read, write or create.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// The user's own `weights.toml` is not understood. Correct it where it says.
    #[error("{path}: {problem}")]
    Catalogue {
        /// The file.
        path: String,
        /// Line and problem, one line.
        problem: String,
    },
    /// Another process is changing the weights. Wait for it.
    #[error("another hearken ({holder}) is changing the weights in {dir}; wait until it is done")]
    Busy {
        /// Who holds the lock.
        holder: String,
        /// The folder of weights.
        dir: String,
    },
    /// There is no source that could be tried.
    #[error(
        "{name:?} has no source to fetch it from on this computer; put the file in place with `hearken weights import` or add it with an address"
    )]
    NoSource {
        /// Its name in the catalogue.
        name: String,
    },
    /// What was asked for cannot be done. Ask otherwise.
    #[error("{problem}")]
    Refused {
        /// What and why.
        problem: String,
    },
    /// A checkpoint that cannot be converted.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl WeightsError {
    /// Whether something was fetched, or was to be, and what is here is as it was.
    #[must_use]
    pub fn is_of_a_download(&self) -> bool {
        matches!(
            self,
            Self::Network { .. }
                | Self::Http { .. }
                | Self::Digest { .. }
                | Self::Length { .. }
                | Self::BrokenPackage { .. }
                | Self::PackageClient { .. }
        )
    }
}

impl WeightsError {
    /// Whether trying another source, or the same later, is pointless because the trouble is on this computer.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(
            self,
            Self::DiskFull { .. }
                | Self::Folder { .. }
                | Self::Busy { .. }
                | Self::Catalogue { .. }
        )
    }

    /// Whether the same command may succeed later, going on with what has come.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Network { .. } | Self::DiskFull { .. })
    }

    /// An input or output error on `path`, told apart: a full disk is not a missing permission.
    pub(super) fn io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            let dir = path.parent().unwrap_or(path);
            return Self::DiskFull {
                what: name_of(path),
                dir: dir.display().to_string(),
                reason: plain(error),
            };
        }
        Self::Folder {
            action,
            path: path.display().to_string(),
            reason: plain(error),
        }
    }
}

/// The file's name alone, for sentences.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The system's words without "(os error 28)".
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_missing_permission() {
        let path = Path::new("/data/weights/joe.onnx");
        let full = WeightsError::io("write", path, &io::Error::from_raw_os_error(libc::ENOSPC));
        assert_eq!(
            full.to_string(),
            "no room for joe.onnx in /data/weights: No space left on device; free some space and run the command again"
        );
        let denied = WeightsError::io("write", path, &io::Error::from_raw_os_error(libc::EACCES));
        assert_eq!(
            denied.to_string(),
            "cannot write /data/weights/joe.onnx: Permission denied"
        );
        assert!(full.is_local() && denied.is_local());
    }
}
