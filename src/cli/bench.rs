//! `hearken bench`: what this machine can do.

mod voice;

use hearken::config::Config;

/// Arguments of `hearken bench`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// How soon and how fast the voice speaks
    Voice(voice::Args),
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    match args.what {
        What::Voice(args) => voice::run(args, config),
    }
}
