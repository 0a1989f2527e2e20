//! `hearken check`.

use hearken::config::Config;

/// Arguments of `hearken check`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args, _config: &Config) -> anyhow::Result<()> {
    anyhow::bail!("being built")
}
