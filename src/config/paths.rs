//! Paths as people write them: `~` is the home folder, and a relative one begins where it was written down.

use std::path::{Path, PathBuf};

use super::Config;

/// Makes every path of `config` absolute. A relative one begins in `folder`, which is the file's own or that of whoever gives
/// a flag; without it, it stays as it is.
pub(super) fn settle(config: &mut Config, folder: Option<&Path>, home: Option<&Path>) {
    let paths = [
        &mut config.data_dir,
        &mut config.attention.wake_model,
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
    // Names of weights as well; a path has a slash.
    let names = [
        &mut config.listen.model,
        &mut config.reply.model,
        &mut config.speak.voice,
    ];
    for name in names {
        if name.contains('/')
            && let Ok(path) = settled(Path::new(name), folder, home)
                .into_os_string()
                .into_string()
        {
            *name = path;
        }
    }
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
        config.speak.voice = "espeak:fr".into();
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
        assert_eq!(config.listen.model, Config::default().listen.model);
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
