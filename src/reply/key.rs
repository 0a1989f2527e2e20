//! The secret that opens a language-model server: from the environment or from a file that only its owner reads.
//! It is shown by nothing: not by `Debug`, not in an error, not in a log.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A key longer than this is taken for a wrong file, in bytes.
const LONGEST_KEY: u64 = 8 * 1024;

/// A secret. Its `Debug` prints none of it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a key, without the white space around it.
    ///
    /// # Errors
    /// [`KeyError::Empty`] and [`KeyError::Unprintable`], which name `place` and nothing of the key.
    pub fn new(key: &str, place: &str) -> Result<Self, KeyError> {
        let key = key.trim();
        if key.is_empty() {
            return Err(KeyError::Empty {
                place: place.to_owned(),
            });
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(KeyError::Unprintable {
                place: place.to_owned(),
            });
        }
        Ok(Self(key.to_owned()))
    }

    /// The key itself, for the one header that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the key replaced: servers quote the key that they refuse.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([key])")
    }
}

/// Why there is no key. Permanent: the user sets the variable or mends the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The variable is not there.
    #[error("the environment variable {name} is not set")]
    NotSet {
        /// Its name.
        name: String,
    },
    /// What should be a variable's name is none that people give, and may be the key itself: it is not told.
    #[error(
        "it names no environment variable that is set; it is the name of a variable that holds the key, such as HEARKEN_API_KEY, and \
         not the key itself"
    )]
    NoName,
    /// The file cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// Others may read the file.
    #[error("{path} can be read by others (mode {mode:04o}); run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// Nothing is in it.
    #[error("{place} holds no key")]
    Empty {
        /// The variable or the file.
        place: String,
    },
    /// It holds more than one word, or characters that no key has.
    #[error("{place} does not hold a key: it has spaces, line breaks or characters beyond ASCII")]
    Unprintable {
        /// The variable or the file.
        place: String,
    },
    /// It is too long for a key.
    #[error("{path} does not hold a key: it has {bytes} bytes")]
    TooLong {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
    },
}

/// The key in the environment variable `name`.
///
/// # Errors
/// See [`KeyError`].
pub fn from_env(name: &str) -> Result<Secret, KeyError> {
    let place = format!("the environment variable {name}");
    match std::env::var(name) {
        Ok(key) => Secret::new(&key, &place),
        Err(std::env::VarError::NotPresent) if is_customary(name) => Err(KeyError::NotSet {
            name: name.to_owned(),
        }),
        Err(std::env::VarError::NotPresent) => Err(KeyError::NoName),
        Err(std::env::VarError::NotUnicode(_)) => Err(KeyError::Unprintable { place }),
    }
}

/// Whether it looks as names of variables do: capitals, digits and underscores. Keys do not.
fn is_customary(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The key in the file at `path`, which only its owner may read (mode 0600 or stricter).
///
/// # Errors
/// See [`KeyError`].
pub fn from_file(path: &Path) -> Result<Secret, KeyError> {
    use std::io::Read;

    let shown = path.display().to_string();
    let unreadable = |reason: String| KeyError::Unreadable {
        path: shown.clone(),
        reason,
    };
    let about = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?;
    if !about.is_file() {
        return Err(unreadable("not a file".into()));
    }
    let file = std::fs::File::open(path).map_err(|e| unreadable(e.to_string()))?;
    // The opened file decides, not the name: it could have been replaced in between.
    let about = file.metadata().map_err(|e| unreadable(e.to_string()))?;
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::TooOpen { path: shown, mode });
    }
    if about.len() > LONGEST_KEY {
        return Err(KeyError::TooLong {
            path: shown,
            bytes: about.len(),
        });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_KEY)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(e.to_string()))?;
    match String::from_utf8(bytes) {
        Ok(key) => Secret::new(&key, &shown),
        Err(_) => Err(KeyError::Unprintable { place: shown }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file_with(content: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn a_file_for_its_owner_alone_is_read_without_its_line_end() {
        for mode in [0o600, 0o400] {
            let file = file_with(b"  sk-abc123\n", mode);
            assert_eq!(from_file(file.path()).unwrap().expose(), "sk-abc123");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_told_how_to_mend() {
        for mode in [0o644, 0o640, 0o606, 0o660] {
            let file = file_with(b"sk-abc123\n", mode);
            let error = from_file(file.path()).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
            assert!(error.contains(&format!("{mode:04o}")), "{error}");
            assert!(!error.contains("sk-abc"), "{error}");
        }
    }

    #[test]
    fn what_holds_no_key_is_refused_without_showing_it() {
        let empty = file_with(b"\n", 0o600);
        assert!(matches!(
            from_file(empty.path()),
            Err(KeyError::Empty { .. })
        ));
        for content in [&b"two words"[..], b"a\nb", b"\xff\xfe", "키".as_bytes()] {
            let file = file_with(content, 0o600);
            assert!(matches!(
                from_file(file.path()),
                Err(KeyError::Unprintable { .. })
            ));
        }
        let long = file_with(&vec![b'x'; 100_000], 0o600);
        assert!(matches!(
            from_file(long.path()),
            Err(KeyError::TooLong { .. })
        ));
        assert!(matches!(
            from_file(Path::new("/nonexistent/key")),
            Err(KeyError::Unreadable { .. })
        ));
        assert!(matches!(
            from_file(Path::new("/")),
            Err(KeyError::Unreadable { .. })
        ));
    }

    #[test]
    fn the_environment_gives_a_key_or_says_that_it_has_none() {
        // Cargo sets this one for every test.
        assert!(from_env("CARGO_PKG_NAME").is_ok());
        let error = from_env("HEARKEN_NO_SUCH_KEY").unwrap_err();
        assert!(error.to_string().contains("HEARKEN_NO_SUCH_KEY"));
        for key in ["sk-live-123456", "gsk_abcdef0123"] {
            let told = from_env(key).unwrap_err().to_string();
            assert!(!told.contains(key) && told.contains("name"), "{told}");
        }
    }

    #[test]
    fn debug_and_redact_hide_the_key() {
        let secret = Secret::new("sk-abc123", "here").unwrap();
        assert!(!format!("{secret:?}").contains("sk-"));
        assert_eq!(
            secret.redact("Incorrect API key: sk-abc123."),
            "Incorrect API key: [key]."
        );
    }
}
