//! Where the server's program is, and where its socket goes.

use std::env;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::EmbeddedError;

const PROGRAM: &str = "hearken-llm";

/// Longest path of a folder for a Unix socket, in bytes: the system allows 108 for the whole path, with its end.
const LONGEST_FOLDER: usize = 90;

/// The path of `hearken-llm`: the environment variable `HEARKEN_LLM`, else beside the running program, else in `PATH`.
///
/// # Errors
/// [`EmbeddedError::ProgramMissing`].
pub fn find_program() -> Result<PathBuf, EmbeddedError> {
    if let Some(path) = env::var_os("HEARKEN_LLM").filter(|p| !p.is_empty()) {
        return Ok(path.into());
    }
    let this = env::current_exe().unwrap_or_default();
    let beside = this.parent().map(|folder| folder.join(PROGRAM));
    // Test programs are one folder deeper than the programs that they test.
    let above = this
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join(PROGRAM));
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|folder| folder.join(PROGRAM));
    beside
        .into_iter()
        .chain(above)
        .chain(in_path)
        .find(|candidate| candidate.is_file())
        .ok_or(EmbeddedError::ProgramMissing { beside: this })
}

/// A new folder that only this user can enter, removed when dropped.
pub(super) fn socket_folder(parent: Option<&Path>) -> Result<TempDir, EmbeddedError> {
    let parent = match parent {
        Some(parent) => parent.to_owned(),
        None => choose_parent(env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)),
    };
    tempfile::Builder::new()
        .prefix(&format!("hearken-{}-", std::process::id()))
        .rand_bytes(6)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(|source| EmbeddedError::Folder { parent, source })
}

fn choose_parent(runtime_dir: Option<PathBuf>) -> PathBuf {
    let fits = |p: &PathBuf| p.is_dir() && p.as_os_str().as_bytes().len() + 32 <= LONGEST_FOLDER;
    runtime_dir
        .filter(fits)
        .or_else(|| Some(env::temp_dir()).filter(fits))
        .unwrap_or_else(|| PathBuf::from("/tmp"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_private_and_goes_away() {
        let parent = tempfile::tempdir().unwrap();
        let folder = socket_folder(Some(parent.path())).unwrap();
        let mode = folder.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = socket_folder(Some(Path::new("/nonexistent/folder"))).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/folder"), "{error}");
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_not_chosen() {
        let parent = tempfile::tempdir().unwrap();
        let long = parent.path().join("x".repeat(80));
        std::fs::create_dir(&long).unwrap();
        assert_ne!(choose_parent(Some(long.clone())), long);
        assert_eq!(choose_parent(Some(parent.path().to_owned())), parent.path());
    }
}
