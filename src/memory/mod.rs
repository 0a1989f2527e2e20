//! What hearken keeps from one day to the next.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

pub mod conversation;
pub mod mute;
pub mod name;

/// Makes the folder that `file` is in, and those above it that are missing, for their owner alone. One that is there stays as
/// it is: it is somebody's.
///
/// # Errors
/// When the system does not let it.
pub fn make_folder_of(file: &Path) -> std::io::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder.unwrap_or(Path::new(".")))
}
