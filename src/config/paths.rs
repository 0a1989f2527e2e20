//! Paths as people write them: `~` is the home folder, and a relative one begins where it was written down.

use std::path::Path;

/// Keys of paths.
const PATHS: [&str; 5] = [
    "data_dir",
    "reply.server.unix_socket",
    "reply.server.key_file",
    "memory.file",
    "control.socket",
];

/// Keys of weights: a name, or a path.
const WEIGHTS: [&str; 4] = [
    "attention.wake_model",
    "listen.model",
    "reply.model",
    "speak.voice",
];

/// Every key whose value may be a path.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    PATHS.into_iter().chain(WEIGHTS)
}

/// The text that `key` is set to, as an absolute path where it is one. A relative one begins in `folder`, which is the file's own
/// or that of whoever gives a flag; without it, it stays as it is.
pub(super) fn settled(key: &str, text: &str, folder: Option<&Path>, home: Option<&Path>) -> String {
    let is_a_path = PATHS.contains(&key) || (WEIGHTS.contains(&key) && is_a_file(text));
    if text.is_empty() || !is_a_path {
        return text.to_owned();
    }
    let path = Path::new(text);
    let path = match (path.strip_prefix("~"), home, folder) {
        (Ok(below), Some(home), _) => home.join(below),
        (Err(_), _, Some(folder)) => folder.join(path.strip_prefix(".").unwrap_or(path)),
        _ => path.to_owned(),
    };
    let path = path.into_os_string().into_string();
    // A folder with a name that is no text cannot stand in a configuration.
    path.unwrap_or_else(|_| text.to_owned())
}

/// Whether what may be a name of weights as well is a file's: it has a slash, or the ending of a file of weights, which no name
/// has ([`crate::weights::is_file_name`]).
fn is_a_file(text: &str) -> bool {
    text.contains('/') || crate::weights::is_file_name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_from_where_it_was_written() {
        let (folder, home) = (Path::new("/etc/hearken"), Path::new("/home/ann"));
        let settle = |key, text| settled(key, text, Some(folder), Some(home));
        for (key, text, is) in [
            (
                "reply.server.key_file",
                "~/keys/model",
                "/home/ann/keys/model",
            ),
            ("memory.file", "talk.db", "/etc/hearken/talk.db"),
            ("control.socket", "/run/h.sock", "/run/h.sock"),
            ("reply.model", "./models/own", "/etc/hearken/models/own"),
            ("reply.model", "own.GGUF", "/etc/hearken/own.GGUF"),
            (
                "listen.model",
                "ggml-tiny.bin",
                "/etc/hearken/ggml-tiny.bin",
            ),
            ("listen.model", "whisper-base", "whisper-base"),
            ("speak.voice", "espeak:fr", "espeak:fr"),
            ("attention.wake_model", "hey-marvin", "hey-marvin"),
            ("data_dir", "", ""),
            ("name", "~/x", "~/x"),
        ] {
            assert_eq!(settle(key, text), is, "{key}");
        }
    }

    #[test]
    fn without_a_folder_a_path_stays_as_it_is() {
        assert_eq!(settled("memory.file", "talk.db", None, None), "talk.db");
        assert_eq!(settled("data_dir", "~/data", None, None), "~/data");
    }
}
