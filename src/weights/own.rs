//! The user's own weights: `weights.toml` in the data folder, changed by add, import and remove.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::catalogue::{self, Digest, Entry, File, Source, Table};
use super::import::{Checkpoint, ImportError, Quant, convert};
use super::landing::Landing;
use super::lock::Lock;
use super::pull::{Check, Options, Pulled, carry_out, enter, pull};
use super::{Progress, Role, Store, WeightsError, download};

const HEADER: &str = "# The user's own weights. `hearken weights add`, `import` and `remove` write this file anew.\n\n";

/// What `add` is given.
#[derive(Debug, Clone)]
pub struct Addition {
    /// What it shall be called.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Where it comes from.
    pub url: String,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Address and digest of the JSON beside a voice.
    pub json: Option<(String, Digest)>,
    /// ISO 639-1 codes.
    pub languages: Vec<String>,
    /// SPDX expression, or empty.
    pub licence: String,
}

/// Adds an entry to the user's table, replacing one of the user's of that name. Fetches nothing.
///
/// # Errors
/// [`WeightsError::Refused`] for a name, address or combination that cannot be, and those of reading and writing the
/// table.
pub fn add(
    store: &Store,
    addition: Addition,
    wait: bool,
    progress: &dyn Progress,
) -> Result<(), WeightsError> {
    let entry = entry_of(addition)?;
    let _lock = enter(store, wait, progress)?;
    let _ = fs::remove_dir(store.staging());
    register(store, entry)
}

/// [`add`], and fetches it. What fails leaves the table as it was, but for one case: a first download that broke off and
/// can be gone on with keeps its entry, so that it can be pulled or removed; the progress is told so.
///
/// # Errors
/// Those of [`add`] and [`pull`].
pub fn add_and_pull(
    store: &Store,
    addition: Addition,
    options: Options,
    progress: &dyn Progress,
) -> Result<Vec<Pulled>, WeightsError> {
    let entry = entry_of(addition)?;
    let lock = enter(store, options.wait, progress)?;
    let swept = || fs::remove_dir(store.staging());
    let before = catalogue::read_own(&store.own_table())
        .and_then(|before| register(store, entry.clone()).map(|()| before))
        .inspect_err(|_| drop(swept()))?;
    let catalogue = store.catalogue()?;
    let wanted = [catalogue.get(&entry.name)?];
    carry_out(store, &catalogue, &wanted, options.check, progress, &lock).inspect_err(|error| {
        let name = &entry.name;
        let part = |file: &File| download::unfinished(&store.staging(), &file.file);
        let begun = |file: &File| fs::metadata(part(file)).is_ok_and(|part| part.len() > 0);
        if error.is_passing() && entry.files.iter().any(begun) {
            if !before.weights.iter().any(|e| e.name == *name) {
                progress.note(&format!(
                    "{name} stays in the list, with what has come of it: the same command or `hearken weights pull \
                     {name}` goes on, `hearken weights remove {name}` drops it"
                ));
                return;
            }
        } else {
            for file in &entry.files {
                download::forget(&part(file));
            }
            let _ = swept();
        }
        if let Err(error) = write_back(store, &before, &lock) {
            progress.note(&format!("{name} stays in the list: {error}"));
        }
    })
}

/// The table as it was; none where there was none.
fn write_back(store: &Store, before: &Table, _lock: &Lock) -> Result<(), WeightsError> {
    if !before.weights.is_empty() {
        return write(store, before);
    }
    let path = store.own_table();
    fs::remove_file(&path).map_err(|e| WeightsError::io("remove", &path, &e))
}

fn entry_of(addition: Addition) -> Result<Entry, WeightsError> {
    let refused = |problem: String| WeightsError::Refused { problem };
    catalogue::check_own_name(&addition.name).map_err(refused)?;
    catalogue::check_url(&addition.url).map_err(refused)?;
    if (addition.role == Role::Voice) != addition.json.is_some() {
        return Err(refused(match addition.role {
            Role::Voice => {
                "a voice needs the JSON beside it: give --json-url and --json-sha256".into()
            }
            _ => "only a voice has a JSON beside it".into(),
        }));
    }
    let file_name = format!("{}{}", addition.name, extension(addition.role));
    let mut files = vec![from_url(file_name.clone(), addition.url, addition.sha256)];
    if let Some((url, sha256)) = addition.json {
        catalogue::check_url(&url).map_err(refused)?;
        files.push(from_url(format!("{file_name}.json"), url, sha256));
    }
    Ok(Entry {
        name: addition.name,
        role: addition.role,
        about: String::new(),
        languages: addition.languages,
        licence: addition.licence,
        arch: String::new(),
        files,
        own: true,
    })
}

/// Removes a name's files, what is unfinished of them, and, if it is the user's own, its entry. The paths removed.
///
/// # Errors
/// [`WeightsError::Unknown`]; [`WeightsError::Refused`] when nothing of it is here.
pub fn remove(
    store: &Store,
    name: &str,
    wait: bool,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, WeightsError> {
    let catalogue = store.catalogue()?;
    let entry = catalogue.get(name)?;
    if !store.dir().is_dir() && !entry.own {
        return Err(nothing_here(name));
    }
    let _lock = enter(store, wait, progress)?;
    let mut removed = Vec::new();
    for file in &entry.files {
        download::forget(&download::unfinished(&store.staging(), &file.file));
        let path = store.dir().join(&file.file);
        match fs::remove_file(&path) {
            Ok(()) => removed.push(path),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(WeightsError::io("remove", &path, &e)),
        }
    }
    let _ = fs::remove_dir(store.staging());
    if entry.own {
        let mut table = catalogue::read_own(&store.own_table())?;
        table.weights.retain(|e| e.name != name);
        write(store, &table)?;
    } else if removed.is_empty() {
        return Err(nothing_here(name));
    }
    Ok(removed)
}

/// What `import` is given.
#[derive(Debug, Clone)]
pub struct Import {
    /// The checkpoint, or its folder.
    pub from: PathBuf,
    /// What it shall be called.
    pub name: String,
    /// Where to write it instead of the store; then it gets no entry.
    pub out: Option<PathBuf>,
    /// How numbers are stored.
    pub quant: Quant,
    /// Use the English-only tokens, whatever the vocabulary's size says.
    pub english: bool,
}

/// Converts a CTranslate2 whisper checkpoint into a file of its own or into the store, there with an entry. Tokens and filters are pulled when they are not here. The file that was written.
///
/// # Errors
/// [`WeightsError`]: an unreadable checkpoint before anything is fetched or written.
pub fn import_file(
    store: &Store,
    request: &Import,
    options: Options,
    progress: &dyn Progress,
) -> Result<PathBuf, WeightsError> {
    let (name, quant) = (&request.name, request.quant);
    let out = request.out.as_deref();
    let mut checkpoint = Checkpoint::open(&request.from)?;
    if out.is_none() {
        catalogue::check_own_name(name).map_err(|problem| WeightsError::Refused { problem })?;
        if let Some(taken) = store.catalogue()?.find(name).filter(|e| !e.own) {
            return Err(WeightsError::Refused {
                problem: format!(
                    "{:?} is a name of the catalogue; choose another with --name",
                    taken.name
                ),
            });
        }
    }
    let english = request.english || checkpoint.is_english()?;
    let tokens = if english {
        "whisper-tokens-english"
    } else {
        "whisper-tokens-multilingual"
    };
    let aids = [tokens.to_owned(), "whisper-mel-filters".to_owned()];
    let options = Options {
        check: Check::Size,
        ..options
    };
    let aids = pull(store, &aids, options, progress)?;
    let file = format!("{name}-{quant}.bin");
    let to = out.map_or_else(|| store.dir().join(&file), Path::to_owned);
    let _lock = match out {
        None => Some(enter(store, options.wait, progress)?),
        Some(_) => None,
    };
    let temp = beside(&to);
    let failed = |e: &io::Error| WeightsError::io("write", &to, e);
    let landing = Landing::create(&temp, None).map_err(|e| failed(&e))?;
    let mut buffered = BufWriter::new(landing);
    progress.begin(
        &format!("{}: convert", super::error::name_of(&to)),
        Some(checkpoint.bytes()),
    );
    let result = convert(
        &mut checkpoint,
        &aids[0].path,
        &aids[1].path,
        quant,
        &mut buffered,
        &mut |bytes| progress.at(bytes),
    )
    .map_err(|e| match e {
        ImportError::Write(e) => failed(&e),
        other => other.into(),
    })
    .and_then(|()| buffered.into_inner().map_err(|e| failed(e.error())))
    .and_then(|landing| landing.finish().map_err(|e| failed(&e)));
    progress.end();
    let landed = result.inspect_err(|_| download::forget(&temp))?;
    let (size, sha256) = (landed.size, landed.digest.clone());
    landed.settle(&to).map_err(|e| failed(&e))?;
    if out.is_none() {
        let _ = fs::remove_dir(store.staging());
        register(
            store,
            Entry {
                name: name.clone(),
                role: Role::Stt,
                about: format!("imported, {quant}"),
                languages: vec![if english { "en" } else { "multi" }.to_owned()],
                licence: String::new(),
                arch: String::new(),
                files: vec![File {
                    file,
                    size: Some(size),
                    sha256,
                    sources: Vec::new(),
                }],
                own: true,
            },
        )?;
    }
    Ok(to)
}

/// Notes the lengths that a first fetch has shown. The caller holds the lock.
pub(super) fn record_sizes(
    store: &Store,
    name: &str,
    sizes: &[(String, u64)],
) -> Result<(), WeightsError> {
    let mut table = catalogue::read_own(&store.own_table())?;
    for file in table
        .weights
        .iter_mut()
        .filter(|e| e.name == name)
        .flat_map(|e| &mut e.files)
    {
        if let Some((_, size)) = sizes.iter().find(|(name, _)| *name == file.file) {
            file.size = Some(*size);
        }
    }
    write(store, &table)
}

/// The caller holds the lock.
fn register(store: &Store, entry: Entry) -> Result<(), WeightsError> {
    let taken = store.catalogue()?.entries().iter().any(|e| {
        !(e.own && e.name == entry.name)
            && (e.name == entry.name
                || e.files
                    .iter()
                    .any(|f| entry.files.iter().any(|g| g.file == f.file)))
    });
    if taken {
        return Err(WeightsError::Refused {
            problem: format!(
                "{:?} or its file's name is taken; choose another name",
                entry.name
            ),
        });
    }
    let mut table = catalogue::read_own(&store.own_table())?;
    table.weights.retain(|e| e.name != entry.name);
    table.weights.push(entry);
    write(store, &table)
}

fn write(store: &Store, table: &Table) -> Result<(), WeightsError> {
    let path = store.own_table();
    let failed = |e: &io::Error| WeightsError::io("write", &path, e);
    let text = toml::to_string_pretty(table).map_err(|e| WeightsError::Catalogue {
        path: path.display().to_string(),
        problem: e.to_string(),
    })?;
    let mut landing = Landing::create(&beside(&path), None).map_err(|e| failed(&e))?;
    landing
        .write_all(format!("{HEADER}{text}").as_bytes())
        .and_then(|()| landing.finish()?.settle(&path))
        .map_err(|e| failed(&e))
}

fn from_url(file: String, url: String, sha256: Digest) -> File {
    let source = Source {
        url: Some(url),
        ..Source::default()
    };
    File {
        file,
        size: None,
        sha256,
        sources: vec![source],
    }
}

fn extension(role: Role) -> &'static str {
    match role {
        Role::Stt => ".bin",
        Role::Llm => ".gguf",
        Role::Voice | Role::Vad | Role::Turn | Role::Wake => ".onnx",
        Role::Runtime => ".so",
        Role::Aid => ".aid",
    }
}

/// A temporary name in the same folder.
fn beside(path: &Path) -> PathBuf {
    let name = format!(".{}.new", super::error::name_of(path));
    path.with_file_name(name)
}

fn nothing_here(name: &str) -> WeightsError {
    WeightsError::Refused {
        problem: format!("nothing of {name:?} is here, so nothing was removed"),
    }
}
