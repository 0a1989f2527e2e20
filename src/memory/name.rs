//! A name that was said aloud ("I'll call you Anna") outlasts the day: one small file, readable by its owner alone.
//!
//! The configuration is the user's and is never written. So the file says which configured name it replaces: whoever
//! changes the configuration later means it, and the file no longer counts.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::listen::name::Name;

#[derive(Debug, Serialize, Deserialize)]
struct Said {
    name: String,
    instead_of: String,
}

/// The name in force: the one that was said, or else `configured`. A file that cannot be read or holds nonsense does not
/// count, and is said once in the log.
pub fn recall(file: &Path, configured: &str) -> String {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!("cannot read {}: {error}", file.display());
            }
            return configured.to_owned();
        }
    };
    match toml::from_str::<Said>(&text) {
        Ok(said) if said.instead_of == configured && Name::new(&said.name).is_ok() => said.name,
        Ok(_) => configured.to_owned(),
        Err(_) => {
            tracing::warn!("{} holds no name; it is passed over", file.display());
            configured.to_owned()
        }
    }
}

/// Keeps `name` in place of `configured`. The file is whole at any moment.
///
/// # Errors
/// When the folder cannot be written.
pub fn keep(file: &Path, name: &str, configured: &str) -> std::io::Result<()> {
    let said = Said {
        name: name.to_owned(),
        instead_of: configured.to_owned(),
    };
    let text = toml::to_string(&said).map_err(std::io::Error::other)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    super::make_folder_of(file)?;
    // A temporary file is its owner's alone, and stays so under its new name.
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_name_is_kept_until_the_configuration_names_another() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("below").join("name.toml");
        assert_eq!(recall(&file, "Samantha"), "Samantha");
        keep(&file, "Anna-Bell", "Samantha").unwrap();
        assert_eq!(recall(&file, "Samantha"), "Anna-Bell");
        keep(&file, "지수", "Samantha").unwrap();
        assert_eq!(recall(&file, "Samantha"), "지수");
        assert_eq!(recall(&file, "Marvin"), "Marvin");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn nonsense_is_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("name.toml");
        for text in [
            "",
            "name = 3",
            "\u{0}",
            "name = \"\"\ninstead_of = \"Samantha\"",
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(recall(&file, "Samantha"), "Samantha", "{text:?}");
        }
        assert_eq!(recall(dir.path(), "Samantha"), "Samantha");
        assert!(keep(Path::new("/proc/none/name.toml"), "Anna", "Samantha").is_err());
    }
}
