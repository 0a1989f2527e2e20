//! Paths as people write them: `~` is the home folder, and a relative one begins where it was written down.

use std::path::{Path, PathBuf};

use super::Config;

/// What files of weights end in; no name of weights does.
const FILES: [&str; 3] = ["gguf", "onnx", "bin"];

/// Makes every path of `config` absolute. A relative one begins in `folder`, which is the file's own or that of whoever gives
/// a flag; without it, it stays as it is.
pub(super) fn settle(config: &mut Config, folder: Option<&Path>, home: Option<&Path>) {
    let paths = [
        &mut config.data_dir,
        &mut config.reply.server.unix_socket,
        &mut config.reply.server.key_file,
        &mut config.memory.file,
        &mut config.control.socket,
    ];
    for path in paths {
        if !path.as_os_str().is_empty() {
            *path = settled(path, folder, home);
        }
    }
    let wake = &mut config.attention.wake_model;
    if is_a_path(&wake.to_string_lossy()) {
        *wake = settled(wake, folder, home);
    }
    let names = [
        &mut config.listen.model,
        &mut config.reply.model,
        &mut config.speak.voice,
    ];
    for name in names {
        if is_a_path(name)
            && let Ok(path) = settled(Path::new(name), folder, home)
                .into_os_string()
                .into_string()
        {
            *name = path;
        }
    }
}

/// Whether what may be a name of weights as well as a file's is a file's.
fn is_a_path(name: &str) -> bool {
    let extension = Path::new(name).extension();
    name.contains('/') || FILES.iter().any(|of| extension.is_some_and(|is| is == *of))
}

fn settled(path: &Path, folder: Option<&Path>, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home, folder) {
        (Ok(below), Some(home), _) => home.join(below),
        (Err(_), _, Some(folder)) => folder.join(path.strip_prefix(".").unwrap_or(path)),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_from_where_it_was_written() {
        let mut config = Config::default();
        config.reply.server.key_file = "~/keys/model".into();
        config.memory.file = "talk.db".into();
        config.control.socket = "/run/hearken.sock".into();
        config.reply.model = "./models/own.gguf".into();
        config.listen.model = "ggml-tiny.bin".into();
        config.speak.voice = "espeak:fr".into();
        config.attention.wake_model = "hey-marvin".into();
        settle(
            &mut config,
            Some(Path::new("/etc/hearken")),
            Some(Path::new("/home/ann")),
        );
        assert_eq!(
            config.reply.server.key_file,
            Path::new("/home/ann/keys/model")
        );
        assert_eq!(config.memory.file, Path::new("/etc/hearken/talk.db"));
        assert_eq!(config.control.socket, Path::new("/run/hearken.sock"));
        assert_eq!(config.reply.model, "/etc/hearken/models/own.gguf");
        assert_eq!(config.speak.voice, "espeak:fr");
        assert_eq!(config.data_dir, Path::new(""));
        assert_eq!(config.listen.model, "/etc/hearken/ggml-tiny.bin");
        assert_eq!(config.attention.wake_model, Path::new("hey-marvin"));
    }

    #[test]
    fn without_a_folder_a_path_stays_as_it_is() {
        let mut config = Config::default();
        config.memory.file = "talk.db".into();
        config.data_dir = "~/data".into();
        settle(&mut config, None, None);
        assert_eq!(config.memory.file, Path::new("talk.db"));
        assert_eq!(config.data_dir, Path::new("~/data"));
    }
}
