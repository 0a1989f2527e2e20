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
    let parents = match parent {
        Some(parent) => vec![parent.to_owned()],
        None => parents(env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)),
    };
    let within = |parent: &Path| {
        tempfile::Builder::new()
            .prefix(&format!("hearken-{}-", std::process::id()))
            .rand_bytes(6)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
    };
    // A service may write to its own part of a folder that is closed to it otherwise.
    let mut failed = None;
    for parent in parents {
        match within(&parent) {
            Ok(folder) => return Ok(folder),
            Err(source) => failed = failed.or(Some(EmbeddedError::Folder { parent, source })),
        }
    }
    Err(failed.unwrap_or_else(|| EmbeddedError::Folder {
        parent: env::temp_dir(),
        source: std::io::ErrorKind::NotFound.into(),
    }))
}

/// Where the folder may be, best first.
fn parents(runtime_dir: Option<PathBuf>) -> Vec<PathBuf> {
    let fits = |p: &PathBuf| p.is_dir() && p.as_os_str().as_bytes().len() + 32 <= LONGEST_FOLDER;
    let own = runtime_dir.as_ref().map(|dir| dir.join("hearken"));
    [own, runtime_dir, Some(env::temp_dir()), Some("/tmp".into())]
        .into_iter()
        .flatten()
        .filter(fits)
        .collect()
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
        assert!(!parents(Some(long.clone())).contains(&long));
        assert_eq!(parents(Some(parent.path().to_owned()))[0], parent.path());
        let own = parent.path().join("hearken");
        std::fs::create_dir(&own).unwrap();
        assert_eq!(parents(Some(parent.path().to_owned()))[0], own);
    }
}
