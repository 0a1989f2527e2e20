//! That the microphone is to stay closed outlasts the process: an empty file, there while it holds. A hearken that is started
//! anew by itself must not open what somebody has closed.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Whether it holds.
pub fn recall(file: &Path) -> bool {
    file.exists()
}

/// It holds from now on, or no longer.
///
/// # Errors
/// When the folder cannot be written.
pub fn keep(file: &Path, muted: bool) -> std::io::Result<()> {
    if muted {
        super::make_folder_of(file)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600).open(file)?;
        return Ok(());
    }
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_until_it_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("below/muted");
        assert!(!recall(&file));
        keep(&file, false).unwrap();
        keep(&file, true).unwrap();
        assert!(recall(&file));
        keep(&file, false).unwrap();
        assert!(!recall(&file));
        assert!(keep(Path::new("/proc/none/muted"), true).is_err());
    }
}
