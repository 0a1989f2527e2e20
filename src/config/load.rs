//! Reading the configuration: file, environment and flags, and what to say when one of them is wrong.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml::de::DeTable;
use toml::{Table, Value};

use super::explain::{offset, plain, schema, unknown, unknown_key, wrong_kind};
use super::validate::validate;
use super::{Config, paths};

/// Variables that begin with `HEARKEN_` and are no keys of the configuration.
const RESERVED: [&str; 3] = ["HEARKEN_CONFIG", "HEARKEN_LLM", "HEARKEN_LOG"];

/// The longest file that is read, in bytes: every key with a page of words for each fits.
const LONGEST_FILE: u64 = 1024 * 1024;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read. Name another, or mend its permissions.
    #[error("cannot read the configuration {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// A key or a value that is not understood. Correct it where `place` says.
    #[error("{place}: {problem}")]
    Invalid {
        /// File and line, variable or flag.
        place: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

fn invalid(place: impl AsRef<str>, problem: impl AsRef<str>) -> ConfigError {
    ConfigError::Invalid {
        place: one_line(place.as_ref()),
        problem: one_line(problem.as_ref()),
    }
}

/// `text` with what would end the line, or steer a terminal, as it is escaped. What is wrong is quoted, and may be anything.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// The text of a file that is no longer than a configuration can be.
fn text_of(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LONGEST_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_FILE {
        let why = format!("it is longer than {LONGEST_FILE} bytes");
        return Err(io::Error::other(why));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// The file that is read when no other is named: `hearken/hearken.toml` in the XDG configuration folder. `None`
/// when there is no home folder.
pub fn default_path() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.config_dir().join("hearken").join("hearken.toml"))
}

/// The configuration in force: defaults, then `file` (or the default file, when it is there), then `HEARKEN_…`
/// variables (`HEARKEN_LISTEN__HANGOVER_MS`), then `set` (`listen.hangover_ms=800`).
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong. A named file must exist; the default one need not.
pub fn load(file: Option<&Path>, set: &[String]) -> Result<Config, ConfigError> {
    let (path, required) = match file {
        Some(path) => (Some(path.to_owned()), true),
        None => (default_path(), false),
    };
    let text = match &path {
        Some(path) => match text_of(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound && !required => String::new(),
            Err(e) => {
                let path = path.display().to_string();
                return Err(ConfigError::Unreadable {
                    path,
                    reason: e.to_string(),
                });
            }
        },
        None => String::new(),
    };
    let place = path
        .as_ref()
        .map_or_else(String::new, |p| p.display().to_string());
    let environment = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect::<Vec<_>>();
    let here = std::env::current_dir().ok();
    let folder = path
        .as_deref()
        .and_then(|path| std::path::absolute(path).ok())
        .and_then(|path| path.parent().map(Path::to_owned));
    let folders = Folders {
        file: folder.as_deref(),
        here: here.as_deref(),
        home: etcetera::home_dir().ok(),
    };
    read(&text, &place, &environment, set, &folders)
}

/// An assignment such as `reply.model=./own.gguf` that means the same elsewhere, too: its path, if it is one, is absolute.
pub fn anywhere(assignment: &str) -> String {
    let here = std::env::current_dir().ok();
    let home = etcetera::home_dir().ok();
    match assignment.split_once('=') {
        Some((key, value)) => {
            let (key, value) = (key.trim(), value.trim());
            let value = paths::settled(key, value, here.as_deref(), home.as_deref());
            format!("{key}={value}")
        }
        None => assignment.to_owned(),
    }
}

/// Where relative paths begin.
#[derive(Default)]
struct Folders<'a> {
    /// Those of the file.
    file: Option<&'a Path>,
    /// Those of variables and flags.
    here: Option<&'a Path>,
    /// `~`.
    home: Option<PathBuf>,
}

/// [`load`] without the file system and the environment.
fn read(
    text: &str,
    place: &str,
    environment: &[(String, String)],
    set: &[String],
    folders: &Folders<'_>,
) -> Result<Config, ConfigError> {
    let schema = schema();
    let line = |at: usize| 1 + text.bytes().take(at).filter(|b| *b == b'\n').count();
    let at = |e: &toml::de::Error| match e.span() {
        Some(span) => format!("{place} line {}", line(span.start)),
        None => place.to_owned(),
    };
    let parsed = DeTable::parse(text).map_err(|e| invalid(at(&e), e.message()))?;
    if let Some((offset, problem)) = unknown_key(parsed.get_ref(), &schema, "") {
        return Err(invalid(format!("{place} line {}", line(offset)), problem));
    }
    if let Some((offset, problem)) = wrong_kind(parsed.get_ref(), &schema, "") {
        return Err(invalid(format!("{place} line {}", line(offset)), problem));
    }
    // The typed reading says which line has a value that is out of its key's reach.
    let config: Result<Config, _> = toml::from_str(text);
    let config = config.map_err(|e| invalid(at(&e), plain(e.message())))?;
    let mut table = Table::try_from(&config).map_err(|e| invalid(place, e.to_string()))?;
    for key in paths::keys() {
        if let Some(Value::String(text)) = at_key(&mut table, key) {
            *text = paths::settled(key, text, folders.file, folders.home.as_deref());
        }
    }
    let mut overlays = Vec::new();
    let key_env = set
        .iter()
        .rev()
        .find_map(|s| s.trim().strip_prefix("reply.server.key_env="));
    let key_env = key_env.unwrap_or(&config.reply.server.key_env).trim();
    for (name, value) in environment {
        if let Some(key) = name.strip_prefix("HEARKEN_")
            && !RESERVED.contains(&name.as_str())
            && name != key_env
        {
            overlays.push((
                name.clone(),
                key.to_lowercase().replace("__", "."),
                value.clone(),
            ));
        }
    }
    overlays.sort();
    for assignment in set {
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| invalid(format!("--set {assignment}"), "write it as KEY=VALUE"))?;
        overlays.push((
            format!("--set {key}"),
            key.trim().to_owned(),
            value.trim().to_owned(),
        ));
    }
    let whole = |table: &Table| Config::deserialize_table(table);
    let mut config = whole(&table).map_err(|problem| invalid(place, problem))?;
    for (place, key, value) in &overlays {
        let value = paths::settled(key, value, folders.here, folders.home.as_deref());
        put(&mut table, &schema, key, &value).map_err(|problem| invalid(place, problem))?;
        // One by one, so that the message names the one that is of the wrong type.
        config = whole(&table).map_err(|problem| invalid(place, problem))?;
    }
    // Together, because two keys may only make sense together; the message begins with the key, and the place is where that one
    // is set, or else any of them.
    let places = |problem: &str| {
        let wrong = problem.split([' ', ':']).next().unwrap_or_default();
        let laid_over = overlays.iter().rev().find(|(_, key, _)| key == wrong);
        let own = match (laid_over, offset(parsed.get_ref(), wrong)) {
            (Some((place, ..)), _) => Some(place.clone()),
            (None, Some(at)) => Some(format!("{place} line {}", line(at))),
            (None, None) => None,
        };
        let mut places: Vec<_> = match &own {
            Some(own) => vec![own.as_str()],
            None if text.is_empty() => Vec::new(),
            None => vec![place],
        };
        // Where its own place is known, of the others those that it speaks of.
        let speaks_of = |key: &str| {
            let mut words = problem.split(|c: char| c != '.' && c != '_' && !c.is_alphanumeric());
            words.any(|word| word.trim_matches('.') == key)
        };
        let others = overlays
            .iter()
            .filter(|(_, key, _)| own.is_none() || (key != wrong && speaks_of(key)));
        places.extend(others.map(|(place, ..)| place.as_str()));
        places.join(", ")
    };
    validate(&config).map_err(|problem| invalid(places(&problem), problem))?;
    config.name_given = overlays.iter().any(|(_, key, _)| key == "name");
    Ok(config)
}

impl Config {
    fn deserialize_table(table: &Table) -> Result<Self, String> {
        table
            .clone()
            .try_into()
            .map_err(|e: toml::de::Error| plain(e.message()))
    }
}

/// What stands at a dotted key.
fn at_key<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        Some((section, rest)) => at_key(table.get_mut(section)?.as_table_mut()?, rest),
        None => table.get_mut(key),
    }
}

/// Puts the text of a variable or flag at a dotted key, as the type that the key has.
fn put(table: &mut Table, schema: &Table, key: &str, text: &str) -> Result<(), String> {
    let (mut table, mut schema, mut rest) = (table, schema, key);
    while let Some((section, inner)) = rest.split_once('.') {
        match (table.get_mut(section), schema.get(section)) {
            (Some(Value::Table(t)), Some(Value::Table(s))) => (table, schema) = (t, s),
            _ => return Err(unknown(key)),
        }
        rest = inner;
    }
    match schema.get(rest) {
        Some(Value::Table(_)) => Err(format!("{key:?} is a section; name a key in it")),
        Some(example) => {
            table.insert(rest.to_owned(), typed(example, text)?);
            Ok(())
        }
        None => Err(unknown(key)),
    }
}

fn typed(example: &Value, text: &str) -> Result<Value, String> {
    let wrong = |kind: &str| format!("{text:?} is not {kind}");
    Ok(match example {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Integer(_) => Value::Integer(text.parse().map_err(|_| wrong("a whole number"))?),
        Value::Float(_) => Value::Float(text.parse().map_err(|_| wrong("a number"))?),
        Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| wrong("true or false"))?),
        // As in the file, or as people write it: en, ko.
        Value::Array(_) => Value::Array(
            text.trim_matches(['[', ']'])
                .split(',')
                .map(|item| item.trim().trim_matches(['"', '\'']))
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        ),
        Value::Datetime(_) | Value::Table(_) => return Err(wrong("a value")),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
