//! `hearken weights`: lists, fetches, verifies, imports and removes model files. Loads no model.

mod bars;

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use hearken::config::Config;
use hearken::weights::import::Quant;
use hearken::weights::{
    self, Addition, Check, Digest, Entry, Machine, Options, Pulled, Role, State, Store, Verdict,
    WeightsError,
};
use serde_json::{Value, json};

use bars::Bars;

/// Arguments of `hearken weights`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  hearken weights list
  hearken weights pull                            what the configuration needs
  hearken weights pull smollm2-135m
  hearken weights verify
  hearken weights add my-model https://example.org/my-model.gguf --sha256 HEX --role llm")]
pub struct Args {
    /// Fail at once when another hearken is changing the weights, instead of waiting for it
    #[arg(long, global = true)]
    no_wait: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the weights that are known, and whether they are here
    List {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
        /// List what imports need, too
        #[arg(long)]
        all: bool,
    },
    /// Fetch weights; without a name, those that the configuration needs
    ///
    /// What is here already is not fetched again: with names the bytes are compared with the digest, without names
    /// only the length.
    Pull {
        /// Names of `hearken weights list`
        names: Vec<String>,
    },
    /// Read the files and compare their digests; without a name, those that are here
    Verify {
        /// Names of `hearken weights list`
        names: Vec<String>,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Print where a file is; without a name, the folder of weights
    Path {
        /// A name of `hearken weights list`
        name: Option<String>,
    },
    /// Convert a faster-whisper (CTranslate2) checkpoint to ggml
    Import {
        /// The checkpoint's model.bin, or its folder
        file: PathBuf,
        /// What to call it [default: the name of the file or folder]
        #[arg(long)]
        name: Option<String>,
        /// How numbers are stored
        #[arg(long, default_value = "q8_0")]
        quant: Quant,
        /// Use the tokens of the English-only models, whatever the vocabulary's size says
        #[arg(long)]
        english: bool,
        /// Write to this file instead of the folder of weights
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Add weights from an address, and fetch them
    ///
    /// What cannot be fetched is not added; a download that breaks off stays, and the same command goes on with it.
    Add(Add),
    /// Remove weights from this computer
    Remove {
        /// A name of `hearken weights list`
        name: String,
    },
}

#[derive(ClapArgs)]
struct Add {
    /// What to call them
    name: String,
    /// Their http or https address
    url: String,
    /// The SHA-256 of the file, 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    sha256: Digest,
    /// What they are for
    #[arg(long)]
    role: Role,
    /// A voice's JSON: its address
    #[arg(long, value_name = "URL", requires = "json_sha256")]
    json_url: Option<String>,
    /// A voice's JSON: its SHA-256
    #[arg(long, value_name = "HEX", requires = "json_url")]
    json_sha256: Option<Digest>,
    /// A language they are for, ISO 639-1; may be given again
    #[arg(long = "language", value_name = "CODE")]
    languages: Vec<String>,
    /// Their licence
    #[arg(long, default_value = "")]
    licence: String,
    /// Only write the entry, fetch later
    #[arg(long)]
    no_pull: bool,
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let store = Store::new(&config.data_dir);
    let options = Options {
        wait: !args.no_wait,
        check: Check::Digest,
    };
    match args.command {
        Command::List { json, all } => list(&store, json, all)?,
        Command::Pull { names } if names.is_empty() => {
            let names = weights::starter(config, Machine::measure(&store.dir()));
            // The quick way, for a start-up script: their length is enough.
            let check = Check::Size;
            pull(&store, &names, Options { check, ..options })?;
        }
        Command::Pull { names } => pull(&store, &names, options)?,
        Command::Verify { names, json } => verify(&store, &names, json)?,
        Command::Path { name: None } => println!("{}", store.dir().display()),
        Command::Path { name: Some(name) } => {
            let catalogue = store.catalogue()?;
            println!("{}", store.file_of(catalogue.get(&name)?)?.display());
        }
        Command::Import {
            file,
            name,
            quant,
            english,
            out,
        } => {
            let request = weights::Import {
                name: name.unwrap_or_else(|| name_for(&file)),
                from: file,
                out,
                quant,
                english,
            };
            let path = weights::import_file(&store, &request, options, &Bars::new())?;
            println!("{}", path.display());
        }
        Command::Add(add) => {
            let bars = Bars::new();
            if add.no_pull {
                weights::add(&store, add.into(), options.wait, &bars)?;
            } else {
                tell(weights::add_and_pull(&store, add.into(), options, &bars)?);
            }
        }
        Command::Remove { name } => {
            for path in weights::remove(&store, &name, options.wait, &Bars::new())? {
                println!("removed {}", path.display());
            }
        }
    }
    Ok(())
}

impl From<Add> for Addition {
    fn from(add: Add) -> Self {
        Self {
            name: add.name,
            role: add.role,
            url: add.url,
            sha256: add.sha256,
            json: add.json_url.zip(add.json_sha256),
            languages: add.languages,
            licence: add.licence,
        }
    }
}

fn pull(store: &Store, names: &[String], options: Options) -> Result<(), WeightsError> {
    tell(weights::pull(store, names, options, &Bars::new())?);
    Ok(())
}

fn tell(pulled: Vec<Pulled>) {
    for pulled in pulled {
        let how = if pulled.fetched {
            "fetched"
        } else {
            "here already"
        };
        println!("{}: {how}, {}", pulled.name, pulled.path.display());
    }
}

fn list(store: &Store, json: bool, all: bool) -> anyhow::Result<()> {
    let catalogue = store.catalogue()?;
    if json {
        let rows: Vec<Value> = catalogue.entries().iter().map(|e| row(store, e)).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    println!(
        "{:<28} {:<8} {:<10} {:>8}  {:<13} {:<8} about",
        "name", "role", "languages", "size", "licence", "state"
    );
    for entry in catalogue.entries() {
        if entry.role == Role::Aid && !all {
            continue;
        }
        let about = if entry.own && entry.about.is_empty() {
            "your own"
        } else {
            &entry.about
        };
        println!(
            "{:<28} {:<8} {:<10} {:>8}  {:<13} {:<8} {about}",
            entry.name,
            entry.role,
            entry.languages.join(","),
            size_of(entry).map_or_else(String::new, |n| format!("{:.1} MB", n as f64 / 1e6)),
            entry.licence,
            match store.state_of(entry) {
                State::Missing => "-",
                State::Present => "here",
                State::Damaged { .. } => "damaged",
            },
        );
    }
    Ok(())
}

fn size_of(entry: &Entry) -> Option<u64> {
    entry.files.iter().map(|f| f.size).sum()
}

fn row(store: &Store, entry: &Entry) -> Value {
    let (state, reason) = match store.state_of(entry) {
        State::Missing => ("missing", None),
        State::Present => ("present", None),
        State::Damaged { reason, .. } => ("damaged", Some(reason)),
    };
    let file = |f: &weights::File| {
        json!({
            "path": store.dir().join(&f.file),
            "size": f.size,
            "sha256": f.sha256,
        })
    };
    json!({
        "name": entry.name,
        "role": entry.role,
        "about": entry.about,
        "languages": entry.languages,
        "licence": entry.licence,
        "own": entry.own,
        "size": size_of(entry),
        "state": state,
        "reason": reason,
        "files": entry.files.iter().map(file).collect::<Vec<_>>(),
    })
}

fn verify(store: &Store, names: &[String], json: bool) -> anyhow::Result<()> {
    let catalogue = store.catalogue()?;
    let mut entries = Vec::new();
    if names.is_empty() {
        let here = |e: &&Entry| store.state_of(e) != State::Missing;
        entries.extend(catalogue.entries().iter().filter(here));
    }
    for name in names {
        entries.push(catalogue.get(name)?);
    }
    if entries.is_empty() {
        if json {
            println!("[]");
        }
        return Err(WeightsError::NonePulled.into());
    }
    let bars = Bars::quiet();
    let (mut rows, mut first) = (Vec::new(), None);
    for entry in entries {
        let verdict = weights::verify(store, entry, &bars);
        let line = match &verdict {
            Verdict::Right => "right".to_owned(),
            Verdict::Missing => "missing".to_owned(),
            Verdict::Wrong { path, reason } => format!("wrong: {}: {reason}", path.display()),
        };
        if json {
            rows.push(json!({"name": entry.name, "result": verdict}));
        } else {
            println!("{}: {line}", entry.name);
        }
        first = first.or(fault(entry, verdict));
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    first.map_or(Ok(()), |error| Err(error.into()))
}

fn fault(entry: &Entry, verdict: Verdict) -> Option<WeightsError> {
    let name = entry.name.clone();
    match verdict {
        Verdict::Right => None,
        Verdict::Missing => Some(WeightsError::NotPulled { name }),
        Verdict::Wrong { path, reason } => Some(WeightsError::Damaged {
            name,
            path: path.display().to_string(),
            reason,
        }),
    }
}

/// A name for an imported file: its own, or its folder's when it is the usual `model.bin`; what a name cannot have
/// becomes a dash.
fn name_for(file: &Path) -> String {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let text = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
    let name = if file.is_dir() {
        text(whole.file_name())
    } else if whole.file_stem().is_some_and(|stem| stem == "model") {
        text(whole.parent().and_then(Path::file_name))
    } else {
        text(whole.file_stem())
    };
    let plain: String = name
        .unwrap_or_default()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let plain = plain.trim_start_matches(['-', '.', '_']);
    if plain.is_empty() {
        "imported".to_owned()
    } else {
        plain.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_file_gets_a_name() {
        assert_eq!(
            name_for(Path::new("/m/faster-whisper-base/model.bin")),
            "faster-whisper-base"
        );
        assert_eq!(name_for(Path::new("/m/my whisper.bin")), "my-whisper");
        assert_eq!(name_for(Path::new("/model.bin")), "imported");
    }
}
