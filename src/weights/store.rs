//! The folder of weights: where a file lies and whether it is there. Reads only; pulls write.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::catalogue::{Catalogue, Entry};
use super::starter::{LARGE_LLM, Machine, SMALL_LLM, suited};
use super::{Role, WeightsError};
use crate::config::Config;

/// The folder of weights.
#[derive(Debug, Clone)]
pub struct Store {
    data: PathBuf,
}

/// What a look at the folder says, without reading the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// A file is not there.
    Missing,
    /// All files are there and have their length.
    Present,
    /// A file is there and is not what it should be.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Store {
    /// The store below `data_dir`, or below the XDG data folder (`hearken` in it) when that is empty. Creates nothing.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        let data = if data_dir.as_os_str().is_empty() {
            etcetera::choose_base_strategy().map_or_else(
                // Without a home folder there is only the current one.
                |_| PathBuf::from("hearken-data"),
                |base| base.data_dir().join("hearken"),
            )
        } else {
            data_dir.to_owned()
        };
        Self { data }
    }

    /// The data folder, below which everything of hearken's is.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder that holds the files.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.data.join("weights")
    }

    /// Where a name is kept that hearken was given aloud.
    #[must_use]
    pub fn name_file(&self) -> PathBuf {
        self.data.join("name.toml")
    }

    /// What is there while the microphone is to stay closed: beside the conversation.
    #[must_use]
    pub fn mute_file(&self, set: &Path) -> PathBuf {
        self.conversation_file(set).with_file_name("muted")
    }

    /// Where the conversation is kept, where nothing else is `set`.
    #[must_use]
    pub fn conversation_file(&self, set: &Path) -> PathBuf {
        match set.as_os_str().is_empty() {
            true => self.data.join("conversation.db"),
            false => set.to_owned(),
        }
    }

    /// The user's own table.
    #[must_use]
    pub fn own_table(&self) -> PathBuf {
        self.data.join("weights.toml")
    }

    /// Unfinished downloads.
    pub(super) fn staging(&self) -> PathBuf {
        self.dir().join(".staging")
    }

    /// The built-in table and the user's own.
    ///
    /// # Errors
    /// Those of [`Catalogue::load`].
    pub fn catalogue(&self) -> Result<Catalogue, WeightsError> {
        Catalogue::load(&self.own_table())
    }

    /// The file behind a name of the catalogue, or behind a path, when it is there. For weights of several files it
    /// is the first; the others lie beside it.
    ///
    /// # Errors
    /// [`WeightsError::NotPulled`], [`WeightsError::Damaged`], [`WeightsError::WrongRole`],
    /// [`WeightsError::Unknown`], and those of [`Catalogue::load`].
    pub fn locate(&self, name_or_path: &str, role: Role) -> Result<PathBuf, WeightsError> {
        let catalogue = self.catalogue()?;
        if let Some(entry) = catalogue.find(name_or_path) {
            if entry.role != role {
                return Err(WeightsError::WrongRole {
                    name: entry.name.clone(),
                    is: entry.role,
                    wanted: role,
                });
            }
            return self.file_of(entry);
        }
        let path = Path::new(name_or_path);
        if path.is_file() {
            return Ok(path.to_owned());
        }
        Err(catalogue.unknown(name_or_path, Some(role)))
    }

    /// [`Store::locate`] for the language model, with one kindness: where the large default is not here and the small
    /// one is, as [`super::starter()`] arranges on a small machine, the small one answers. Its name comes along.
    ///
    /// # Errors
    /// Those of [`Store::locate`].
    pub fn language_model(&self, name_or_path: &str) -> Result<(String, PathBuf), WeightsError> {
        match self.locate(name_or_path, Role::Llm) {
            Err(WeightsError::NotPulled { name }) if name == LARGE_LLM => self
                .locate(SMALL_LLM, Role::Llm)
                .map(|path| (SMALL_LLM.to_owned(), path))
                .map_err(|_| WeightsError::NotPulled { name }),
            found => found.map(|path| (name_or_path.to_owned(), path)),
        }
    }

    /// The first file of an entry, when all its files are there.
    ///
    /// # Errors
    /// [`WeightsError::NotPulled`] and [`WeightsError::Damaged`].
    pub fn file_of(&self, entry: &Entry) -> Result<PathBuf, WeightsError> {
        match (self.state_of(entry), entry.files.first()) {
            (State::Present, Some(file)) => Ok(self.dir().join(&file.file)),
            (State::Damaged { path, reason }, _) => Err(WeightsError::Damaged {
                name: entry.name.clone(),
                path: path.display().to_string(),
                reason,
            }),
            _ => Err(not_pulled(entry)),
        }
    }

    /// What a look at the folder says of a name. Reads lengths, not bytes: [`super::verify()`] reads the bytes.
    ///
    /// # Errors
    /// [`WeightsError::Unknown`] and those of [`Catalogue::load`].
    pub fn state(&self, name: &str) -> Result<State, WeightsError> {
        Ok(self.state_of(self.catalogue()?.get(name)?))
    }

    /// [`Store::state`] of an entry.
    #[must_use]
    pub fn state_of(&self, entry: &Entry) -> State {
        let mut state = State::Present;
        for file in &entry.files {
            let path = self.dir().join(&file.file);
            let reason = match std::fs::metadata(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    state = State::Missing;
                    continue;
                }
                Err(e) => super::error::plain(&e),
                Ok(found) if !found.is_file() => "it is no file".to_owned(),
                Ok(found) => match file.size {
                    Some(size) if found.len() != size => {
                        format!("it has {} bytes and should have {size}", found.len())
                    }
                    None if found.len() == 0 => "it is empty".to_owned(),
                    _ => continue,
                },
            };
            return State::Damaged { path, reason };
        }
        state
    }

    /// The names that `config` needs and that are not here, or damaged.
    ///
    /// # Errors
    /// Those of [`Catalogue::load`].
    pub fn missing(&self, config: &Config) -> Result<Vec<String>, WeightsError> {
        let catalogue = self.catalogue()?;
        let here = |name: &String| {
            self.language_model(name).is_ok()
                || match catalogue.find(name) {
                    Some(entry) => self.state_of(entry) == State::Present,
                    None => Path::new(name).is_file(),
                }
        };
        let mut names = super::needed(config);
        names.retain(|name| !here(name));
        Ok(names)
    }

    /// Those of [`Store::missing`] that can be pulled, as they suit `machine`.
    ///
    /// # Errors
    /// Those of [`Catalogue::load`].
    pub fn to_pull(&self, config: &Config, machine: Machine) -> Result<Vec<String>, WeightsError> {
        let catalogue = self.catalogue()?;
        let mut names = self.missing(config)?;
        names.retain(|name| catalogue.find(name).is_some());
        Ok(suited(names, machine))
    }
}

fn not_pulled(entry: &Entry) -> WeightsError {
    WeightsError::NotPulled {
        name: entry.name.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_located_by_name_and_by_path() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::new(data.path());
        let error = store.locate("whisper-base", Role::Stt).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the weights \"whisper-base\" are not here; run `hearken weights pull whisper-base`, or `hearken weights pull` for all that is needed"
        );
        std::fs::create_dir_all(store.dir()).unwrap();
        let path = store.dir().join("whisper-base-q8_0.bin");
        std::fs::write(&path, b"short").unwrap();
        let error = store.locate("whisper-base", Role::Stt).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("it has 5 bytes and should have 81768585"),
            "{error}"
        );
        std::fs::File::create(&path)
            .unwrap()
            .set_len(81_768_585)
            .unwrap();
        assert_eq!(store.locate("whisper-base", Role::Stt).unwrap(), path);
        assert_eq!(
            store.locate(path.to_str().unwrap(), Role::Stt).unwrap(),
            path
        );
        assert!(matches!(
            store.locate("whisper-base", Role::Voice),
            Err(WeightsError::WrongRole { .. })
        ));
        assert!(matches!(
            store.locate("/no/such/file", Role::Stt),
            Err(WeightsError::Unknown { .. })
        ));
    }

    #[test]
    fn a_voice_without_its_json_is_missing() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::new(data.path());
        std::fs::create_dir_all(store.dir()).unwrap();
        let file = std::fs::File::create(store.dir().join("joe.onnx")).unwrap();
        file.set_len(63_201_294).unwrap();
        assert_eq!(store.state("joe").unwrap(), State::Missing);
    }

    #[test]
    fn the_small_model_stands_in_for_the_large() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::new(data.path());
        let error = store.language_model(LARGE_LLM).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("hearken weights pull qwen2.5-coder-0.5b")
        );
        std::fs::create_dir_all(store.dir()).unwrap();
        let file = |name: &str, size| {
            let file = std::fs::File::create(store.dir().join(name)).unwrap();
            file.set_len(size).unwrap();
        };
        file("smollm2-135m-q4_1.gguf", 98_362_432);
        assert_eq!(store.language_model(LARGE_LLM).unwrap().0, SMALL_LLM);
        assert_eq!(
            store.missing(&Config::default()).unwrap(),
            [
                "whisper-base",
                "joe",
                "silero-vad",
                "smart-turn",
                "onnxruntime"
            ]
        );
        file("qwen2.5-coder-0.5b-q4_k_m.gguf", 491_400_064);
        assert_eq!(store.language_model(LARGE_LLM).unwrap().0, LARGE_LLM);
    }

    #[test]
    fn everything_needed_is_missing_at_first() {
        let data = tempfile::tempdir().unwrap();
        let missing = Store::new(data.path()).missing(&Config::default()).unwrap();
        assert_eq!(
            missing,
            [
                "whisper-base",
                "joe",
                "qwen2.5-coder-0.5b",
                "silero-vad",
                "smart-turn",
                "onnxruntime"
            ]
        );
    }
}
