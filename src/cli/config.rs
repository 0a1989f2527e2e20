//! `hearken config`: where the configuration is, and what is in force.

use std::io::Write;

use anyhow::Context;
use hearken::config::{ANNOTATED_DEFAULT, Config, default_path};

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

/// Runs the command; `named` is the file of `--config`.
pub fn run(args: Args, config: &Config, named: Option<&std::path::Path>) -> anyhow::Result<()> {
    let path = named.map(ToOwned::to_owned).or_else(default_path);
    let path =
        path.context("there is no home folder to keep a configuration in; set HOME or --config")?;
    let mut out = std::io::stdout();
    if args.path {
        writeln!(out, "{}", path.display())?;
    } else if args.default {
        write!(out, "{ANNOTATED_DEFAULT}")?;
    } else if args.init {
        init(&path)?;
        writeln!(out, "wrote {}", path.display())?;
    } else if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(config)?)?;
    } else {
        let state = if path.exists() {
            ""
        } else {
            " (not there; these are the defaults)"
        };
        writeln!(
            out,
            "# {}{state}\n\n{}",
            path.display(),
            toml::to_string(config)?
        )?;
    }
    Ok(())
}

fn init(path: &std::path::Path) -> anyhow::Result<()> {
    let at = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(at)?;
    }
    let file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(path);
    file.and_then(|mut f| f.write_all(ANNOTATED_DEFAULT.as_bytes()))
        .with_context(at)
}
