//! `hearken upgrade-restart`: a new program goes on in place of the one that runs. The new one loads its models first, then
//! asks the old one for the conversation, which finishes what it is saying, closes its devices and ends.

pub mod successor;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hearken::config::Config;
use hearken::control;
use hearken::turn::carried::Carried;
use hearken::weights::Store;
use serde_json::json;

use super::wire::{NotRunning, Wire};

/// Arguments of `hearken upgrade-restart`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken upgrade-restart                       after make install: the program at the same place, which is newer now
  hearken upgrade-restart --program ./hearken   another one")]
pub struct Args {
    /// The program that goes on [default: the one at the place of the one that runs]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// The new program hears within this after the old one has ended.
const HEARS_WITHIN: Duration = Duration::from_secs(30);

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    let store = Store::new(&config.data_dir);
    let socket = control::socket_path(&config.control.socket, store.data());
    let program = args.program.as_ref().map(std::path::absolute).transpose()?;
    let mut wire = Wire::open(&socket)?;
    let before = wire.version().to_owned();
    match wire.ask(json!({"method": "upgrade", "program": program})) {
        Ok(_) => bail!("hearken answered nonsense"),
        // It has ended, as it should.
        Err(error) if error.is::<NotRunning>() => {}
        Err(error) => return Err(error),
    }
    let began = Instant::now();
    loop {
        match Wire::open(&socket) {
            Ok(mut wire) => {
                let muted = wire.ask(json!({"method": "status"}))?["muted"] == true;
                let microphone = match muted {
                    true => "stays closed, as it was".into(),
                    false => {
                        let gap = wire.await_event("took_over", "gap_ms", HEARS_WITHIN)?;
                        format!("was closed for {gap} ms")
                    }
                };
                println!(
                    "hearken {} has taken over from {before}; the microphone {microphone}",
                    wire.version()
                );
                return Ok(());
            }
            Err(_) if began.elapsed() < HEARS_WITHIN => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error).context("the new program has not begun"),
        }
    }
}

/// The one that runs, as the program that replaces it sees it: gives the conversation away, and is gone when that has come.
///
/// # Errors
/// [`NotRunning`] when there is none.
pub fn take(socket: &Path) -> anyhow::Result<Carried> {
    let mut wire = Wire::open(socket)?;
    let carried = wire.ask(json!({"method": "hand-over"}))?;
    let carried = serde_json::from_value(carried).context("the old program gave nonsense")?;
    wire.until_closed();
    Ok(carried)
}
