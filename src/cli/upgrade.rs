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
/// While it does not, it is asked so often whether it has a microphone.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

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
                let version = wire.version().to_owned();
                let microphone = microphone(&socket, &mut wire)?;
                println!(
                    "hearken {version} has taken over from {before}; the microphone {microphone}"
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

/// What there is to say of the microphone of the program that has taken over.
fn microphone(socket: &Path, wire: &mut Wire) -> anyhow::Result<String> {
    if wire.ask(json!({"method": "status"}))?["muted"] == true {
        return Ok("stays closed, as it was".into());
    }
    wire.ask(json!({"method": "events"}))?;
    let began = Instant::now();
    while began.elapsed() < HEARS_WITHIN {
        if let Some(gap) = wire.event_within("took_over", "gap_ms", LOOKS_AGAIN)? {
            return Ok(format!("was closed for {gap} ms"));
        }
        // There may be no room for another connection.
        let status = Wire::open(socket).and_then(|mut w| w.ask(json!({"method": "status"})));
        if status.is_ok_and(|status| status["microphone"] == false) {
            return Ok("is not there, and is opened when it comes".into());
        }
    }
    bail!(
        "another hearken has taken over, and its microphone has brought nothing for {} s; look with `hearken ctl status` and `hearken devices`",
        HEARS_WITHIN.as_secs()
    )
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
