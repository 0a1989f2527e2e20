//! Where eSpeak NG finds its data (dictionaries and phonemes) in a built, an installed or a moved program.
//!
//! The library looks at the path compiled in, which is the build's own folder and gone in an installed program.
//! Before that, espeak-rs looks in `PIPER_ESPEAKNG_DATA_DIRECTORY`, the current folder, and beside the program.

use std::path::{Path, PathBuf};

/// The variable that espeak-rs reads: the folder that contains [`FOLDER`].
const VARIABLE: &str = "PIPER_ESPEAKNG_DATA_DIRECTORY";

/// The folder's own name.
const FOLDER: &str = "espeak-ng-data";

/// A file without which the folder is of no use.
const WITNESS: &str = "phontab";

/// Points eSpeak NG at the data of an installed program, unless the user already points elsewhere. Call it first of
/// all in `main`, before any thread exists: it may set an environment variable. Without installed data it does
/// nothing, and the library uses the data of its build.
pub fn settle() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let found = std::env::current_exe()
        .ok()
        .and_then(|program| program.canonicalize().ok())
        .and_then(|program| {
            candidates(&program)
                .into_iter()
                .find(|folder| holds_data(folder))
        });
    if let Some(folder) = found {
        // SAFETY: the caller promises that no other thread exists yet.
        unsafe { std::env::set_var(VARIABLE, folder) };
    }
}

/// Folders that may contain [`FOLDER`] for `program`, best first.
fn candidates(program: &Path) -> Vec<PathBuf> {
    let Some(folder) = program.parent() else {
        return Vec::new();
    };
    let mut candidates = vec![folder.to_owned()];
    if let Some(prefix) = folder.parent() {
        candidates.push(prefix.join("share/hearken"));
        candidates.push(prefix.join("lib/hearken"));
    }
    candidates
}

fn holds_data(folder: &Path) -> bool {
    folder.join(FOLDER).join(WITNESS).is_file()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn looks_beside_the_program_and_then_in_its_prefix() {
        let folders = candidates(Path::new("/opt/x/bin/hearken"));
        assert_eq!(folders[0], Path::new("/opt/x/bin"));
        assert_eq!(folders[1], Path::new("/opt/x/share/hearken"));
        assert!(candidates(Path::new("/")).is_empty());
    }

    #[test]
    fn an_empty_folder_is_not_taken_for_data() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(FOLDER)).unwrap();
        assert!(!holds_data(dir.path()));
        std::fs::write(dir.path().join(FOLDER).join(WITNESS), "x").unwrap();
        assert!(holds_data(dir.path()));
    }
}
