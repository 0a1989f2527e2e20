//! `hearken config`: where the configuration is, and what is in force.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hearken::config::{ANNOTATED_DEFAULT, Config, default_path};
use hearken::weights::Store;

/// Arguments of `hearken config`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken config                          what is in force, as TOML
  hearken config --path                   where the file is
  hearken config --default                every key, explained
  hearken config --init                   write that to the file, if there is none")]
pub struct Args {
    /// Print only the file's path
    #[arg(long, conflicts_with_all = ["default", "init", "json"])]
    path: bool,
    /// Print the annotated default
    #[arg(long, conflicts_with_all = ["init", "json"])]
    default: bool,
    /// Write the annotated default where the file belongs, unless there is one
    #[arg(long, conflicts_with = "json")]
    init: bool,
    /// Print what is in force as JSON
    #[arg(long)]
    json: bool,
}

/// The parts of the command that do not read the configuration; `None` for the others.
pub fn without_reading(args: &Args, named: Option<&Path>) -> Option<anyhow::Result<()>> {
    let mut out = std::io::stdout();
    if args.default {
        return Some(write!(out, "{ANNOTATED_DEFAULT}").map_err(Into::into));
    }
    if !args.path && !args.init {
        return None;
    }
    Some(place(named).and_then(|path| {
        if args.init {
            init(&path)?;
            write!(out, "wrote ")?;
        }
        Ok(writeln!(out, "{}", path.display())?)
    }))
}

/// Where the configuration is, or would be.
fn place(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = named.map(ToOwned::to_owned).or_else(default_path);
    path.context("there is no home folder to keep a configuration in; set HOME or --config")
}

/// Prints what is in force.
pub fn run(args: &Args, config: &Config, named: Option<&Path>) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(config)?)?;
    } else {
        let path = place(named)?;
        let state = if path.exists() {
            ""
        } else {
            " (not there; these are the defaults)"
        };
        writeln!(out, "# {}{state}", path.display())?;
        let said = Store::new(&config.data_dir).name_file();
        let name = hearken::daemon::name(config, Some(&said));
        if name != config.name {
            let file = said.display();
            writeln!(
                out,
                "# Its name is {name:?} since that was said aloud; without the file {file} it is {:?} again.",
                config.name
            )?;
        }
        writeln!(out, "\n{}", toml::to_string(config)?)?;
    }
    Ok(())
}

fn init(path: &Path) -> anyhow::Result<()> {
    let at = || format!("cannot write {}", path.display());
    hearken::memory::make_folder_of(path).with_context(at)?;
    anyhow::ensure!(
        !path.exists(),
        "{} is there already; nothing was written",
        path.display()
    );
    let file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut f| f.write_all(ANNOTATED_DEFAULT.as_bytes()))
        .with_context(at)
}
