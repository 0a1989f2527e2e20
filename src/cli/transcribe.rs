//! `hearken transcribe`.

use hearken::config::Config;

/// Arguments of `hearken transcribe`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args, _config: &Config) -> anyhow::Result<()> {
    anyhow::bail!("being built")
}
