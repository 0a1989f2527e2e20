//! `hearken completions`: what a shell needs to complete commands, and the manual pages.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::exit::MEANINGS;

/// The program's name.
const NAME: &str = "hearken";

/// Arguments of `hearken completions`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken completions bash > ~/.local/share/bash-completion/completions/hearken
  hearken completions man  > ~/.local/share/man/man1/hearken.1
  hearken completions man --out ~/.local/share/man/man1")]
pub struct Args {
    /// What to print
    #[arg(value_enum)]
    kind: Kind,

    /// Write into this folder instead: the script under its usual name, or a manual page for each command
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    Bash,
    Elvish,
    Fish,
    Zsh,
    /// The manual page, in roff
    Man,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut command = super::Cli::command();
    if matches!(args.kind, Kind::Man) {
        command = without_help(command);
    }
    command.build();
    let shell = match args.kind {
        Kind::Bash => Some(clap_complete::Shell::Bash),
        Kind::Elvish => Some(clap_complete::Shell::Elvish),
        Kind::Fish => Some(clap_complete::Shell::Fish),
        Kind::Zsh => Some(clap_complete::Shell::Zsh),
        Kind::Man => None,
    };
    if let Some(folder) = &args.out {
        let written = std::fs::create_dir_all(folder).and_then(|()| match shell {
            Some(shell) => {
                clap_complete::generate_to(shell, &mut command, NAME, folder).map(|_| ())
            }
            None => pages(&command, folder),
        });
        return written.with_context(|| format!("cannot write into {}", folder.display()));
    }
    let mut out = Vec::new();
    match shell {
        Some(shell) => clap_complete::generate(shell, &mut command, NAME, &mut out),
        None => man(&command, &mut out)?,
    }
    std::io::Write::write_all(&mut std::io::stdout(), &out)?;
    Ok(())
}

/// The commands as they are but for `help`, which has no page.
fn without_help(command: Command) -> Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}

/// The page for everything, and one for each command.
fn pages(command: &Command, folder: &Path) -> std::io::Result<()> {
    let mut page = Vec::new();
    man(command, &mut page)?;
    std::fs::write(folder.join(format!("{NAME}.1")), page)?;
    let mut rest: Vec<&Command> = shown(command).collect();
    while let Some(command) = rest.pop() {
        let page = Man::new(command.clone());
        page.source(concat!("hearken ", env!("CARGO_PKG_VERSION")))
            .generate_to(folder)?;
        rest.extend(shown(command));
    }
    Ok(())
}

/// The commands that a person is told of.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| !c.is_hide_set())
}

/// One page for everything: a section a command, so that `man hearken` answers without a second page.
fn man(command: &Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    let page = Man::new(command.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    page.render_subcommands_section(out)?;
    for sub in shown(command) {
        let mut section = Vec::new();
        let page = Man::new(sub.clone());
        page.render_synopsis_section(&mut section)?;
        page.render_options_section(&mut section)?;
        let text = String::from_utf8_lossy(&section);
        let text = text
            .replace(".SH SYNOPSIS", ".SS SYNOPSIS")
            .replace(".SH OPTIONS", ".SS OPTIONS");
        out.extend(format!(".SH HEARKEN {}\n", sub.get_name().to_uppercase()).bytes());
        out.extend(text.bytes());
    }
    out.extend(b".SH EXIT STATUS\n");
    for (code, meaning) in MEANINGS {
        out.extend(format!(".TP\n{code}\n{}\n", meaning.replace('`', "")).bytes());
    }
    Ok(())
}
