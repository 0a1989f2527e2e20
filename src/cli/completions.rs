//! `hearken completions`: what a shell needs to complete commands, and the manual page.

use clap::CommandFactory;

/// Arguments of `hearken completions`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken completions bash > ~/.local/share/bash-completion/completions/hearken
  hearken completions man  > ~/.local/share/man/man1/hearken.1")]
pub struct Args {
    /// What to print
    #[arg(value_enum)]
    kind: Kind,
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
    let mut out = Vec::new();
    let shell = match args.kind {
        Kind::Bash => Some(clap_complete::Shell::Bash),
        Kind::Elvish => Some(clap_complete::Shell::Elvish),
        Kind::Fish => Some(clap_complete::Shell::Fish),
        Kind::Zsh => Some(clap_complete::Shell::Zsh),
        Kind::Man => None,
    };
    match shell {
        Some(shell) => clap_complete::generate(shell, &mut command, "hearken", &mut out),
        None => man(command, &mut out)?,
    }
    std::io::Write::write_all(&mut std::io::stdout(), &out)?;
    Ok(())
}

/// One page for everything: a section a command, so that `man hearken` answers without a second page.
fn man(command: clap::Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    let mut command = command;
    command.build();
    let page = clap_mangen::Man::new(command.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    page.render_subcommands_section(out)?;
    for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
        let mut section = Vec::new();
        let page = clap_mangen::Man::new(sub.clone());
        page.render_synopsis_section(&mut section)?;
        page.render_options_section(&mut section)?;
        let text = String::from_utf8_lossy(&section);
        let text = text
            .replace(".SH SYNOPSIS", ".SS SYNOPSIS")
            .replace(".SH OPTIONS", ".SS OPTIONS");
        out.extend(format!(".SH HEARKEN {}\n", sub.get_name().to_uppercase()).bytes());
        out.extend(text.bytes());
    }
    Ok(())
}
