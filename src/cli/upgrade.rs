//! `hearken upgrade-restart`: a new program goes on in place of the one that runs. The new one loads its models first, then
//! asks the old one for the conversation, which finishes what it is saying, closes its devices and ends.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hearken::config::Config;
use hearken::control::{self, Chosen, Upgrade};
use hearken::event::{Bus, Event};
use hearken::turn::carried::Carried;
use hearken::weights::Store;
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

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

/// The flag by which a program is told whom it takes over from.
pub const FLAG: &str = "--take-over";
/// The flags by which a program tells its successor which devices were chosen.
const MICROPHONE: &str = "--chosen-microphone";
const LOUDSPEAKER: &str = "--chosen-loudspeaker";
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

/// What this program does about wishes for another one.
pub struct Upgrader {
    /// Where this one's socket is, if it has one.
    pub socket: PathBuf,
    /// For everybody to know what went wrong.
    pub bus: Bus,
    /// Devices that were chosen since the start, which the successor uses as well.
    pub chosen: watch::Receiver<Chosen>,
}

/// The program that is to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There is none.
    Nobody,
    /// It lives, as this process.
    Lives(u32),
    /// It has ended, in order or not.
    Ended {
        /// Whether it was in order.
        well: bool,
        /// How.
        how: String,
    },
}

/// How it is with the program that is to go on.
pub type Successor = watch::Receiver<Next>;

impl Upgrader {
    /// Starts a successor with every wish, one at a time.
    pub fn watch(self) -> (Upgrade, Successor) {
        let (asks, mut asked) = mpsc::channel::<(Option<PathBuf>, oneshot::Sender<String>)>(1);
        let (alive, successor) = watch::channel(Next::Nobody);
        tokio::spawn(async move {
            while let Some((program, failed)) = asked.recv().await {
                let why = match self.begin(program) {
                    Ok(mut child) => {
                        let _ = alive.send(child.id().map_or(Next::Nobody, Next::Lives));
                        // It goes on; or else this program does.
                        let status = child.wait().await;
                        let how = match &status {
                            Ok(status) => format!(
                                "the new program ended: {status}; its last words are in the log"
                            ),
                            Err(error) => format!("the new program is lost: {error}"),
                        };
                        let well = status.is_ok_and(|status| status.success());
                        let _ = alive.send(Next::Ended {
                            well,
                            how: how.clone(),
                        });
                        // Who asked has gone with the conversation: it was handed over, and is over now.
                        if well && failed.is_closed() {
                            continue;
                        }
                        how
                    }
                    Err(error) => format!("{error:#}"),
                };
                let what = format!("hearken goes on as it is: {why}");
                tracing::warn!("{what}");
                self.bus.emit(Event::Failed { what: what.clone() });
                let _ = failed.send(what);
            }
        });
        (asks, successor)
    }

    fn begin(&self, program: Option<PathBuf>) -> anyhow::Result<Child> {
        let program = match program {
            Some(program) => program,
            None => installed(&std::env::current_exe()?),
        };
        let mut arguments = arguments(std::env::args_os().skip(1));
        arguments.extend(as_arguments(&self.chosen.borrow()));
        arguments.extend([FLAG.into(), self.socket.clone().into()]);
        Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))
    }
}

/// Where a program is that may have been replaced meanwhile: the system says so behind its name.
fn installed(program: &Path) -> PathBuf {
    let name = program.to_string_lossy();
    name.strip_suffix(" (deleted)")
        .map_or_else(|| program.to_owned(), PathBuf::from)
}

/// The arguments of this program, without what the one that it took over from has told it.
fn arguments(own: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut own = own;
    let mut kept = Vec::new();
    while let Some(argument) = own.next() {
        if [FLAG, MICROPHONE, LOUDSPEAKER]
            .iter()
            .any(|flag| argument == *flag)
        {
            own.next();
        } else {
            kept.push(argument);
        }
    }
    kept
}

/// The arguments that tell which devices were chosen.
fn as_arguments(chosen: &Chosen) -> Vec<OsString> {
    let pairs = [
        (MICROPHONE, &chosen.microphone),
        (LOUDSPEAKER, &chosen.loudspeaker),
    ];
    let pair = |(flag, name): (&str, &Option<String>)| Some([flag.into(), name.as_ref()?.into()]);
    pairs.into_iter().filter_map(pair).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_took_over_may_be_taken_over_from() {
        let own = [
            "--set",
            "a=b",
            "run",
            "--wait",
            "--take-over",
            "/old.sock",
            "--chosen-loudspeaker",
            "old",
            "--json",
        ];
        let kept = arguments(own.into_iter().map(Into::into));
        assert_eq!(kept, ["--set", "a=b", "run", "--wait", "--json"]);
    }

    #[test]
    fn the_successor_uses_what_was_chosen() {
        let chosen = Chosen {
            loudspeaker: Some("USB Audio".into()),
            microphone: None,
        };
        assert_eq!(as_arguments(&chosen), [LOUDSPEAKER, "USB Audio"]);
    }

    #[test]
    fn a_program_that_was_replaced_is_found_at_its_place() {
        let at = |path: &str| installed(Path::new(path));
        assert_eq!(at("/bin/hearken (deleted)"), Path::new("/bin/hearken"));
        assert_eq!(at("/bin/hearken"), Path::new("/bin/hearken"));
    }
}
