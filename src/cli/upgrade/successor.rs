//! The program that goes on in place of this one: how it is begun, and what this one does while it lives.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hearken::again::again;
use hearken::control::{Chosen, Upgrade};
use hearken::event::{Bus, Event};
use hearken::service::manager;
use hearken::turn::baton::Baton;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::cli::signal::Stop;
use crate::cli::wire::Wire;

/// The flag by which a program is told whom it takes over from.
const FLAG: &str = "--take-over";
/// The flags by which a program tells its successor which devices were chosen.
const MICROPHONE: &str = "--chosen-microphone";
const LOUDSPEAKER: &str = "--chosen-loudspeaker";
/// Who is asked to end has ended within this.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Who is to go on has taken over within this, or is ended: it has loaded its models, and waited for whoever speaks.
pub const TAKES_OVER_WITHIN: Duration = Duration::from_secs(300);

/// What this program does about wishes for another one.
pub struct Upgrader {
    /// Where this one's socket is, if it has one.
    pub socket: PathBuf,
    /// For everybody to know what went wrong.
    pub bus: Bus,
    /// Devices that were chosen since the start, which the successor uses as well.
    pub chosen: watch::Receiver<Chosen>,
    /// This program is to end: so is one that has not taken over yet.
    pub stop: CancellationToken,
    /// See [`TAKES_OVER_WITHIN`].
    pub takes_over_within: Duration,
    /// Once it is given this program goes on no more, whatever becomes of the other.
    pub baton: Arc<Baton>,
}

/// The program that is to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There is none.
    Nobody,
    /// It lives, as this process.
    Lives(u32),
    /// It has ended, in order or not.
    Ended(Result<(), Ended>),
}

/// The program that went on has ended, and not in order. It has said why itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the new program ended: {how}")]
pub struct Ended {
    how: String,
    /// Its exit code, where it had one.
    pub code: Option<u8>,
}

impl Ended {
    fn of(status: std::io::Result<ExitStatus>) -> Result<(), Self> {
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Self {
                how: status.to_string(),
                code: status.code().and_then(|code| code.try_into().ok()),
            }),
            Err(error) => Err(Self {
                how: error.to_string(),
                code: None,
            }),
        }
    }
}

/// How it is with the program that is to go on.
pub struct Successor {
    next: watch::Receiver<Next>,
}

impl Successor {
    /// It goes on with the conversation. A service manager is told so; whoever waits for this program waits for that one, which
    /// ends when this one is to end. `socket` is where it can be asked to.
    ///
    /// # Errors
    /// [`Ended`] when it has not ended in order, and when somebody has interrupted this one.
    pub async fn follow(mut self, socket: &Path, stop: &Stop) -> anyhow::Result<()> {
        if let Next::Lives(id) = *self.next.borrow()
            && manager::succeeded_by(id)
        {
            return Ok(());
        }
        let token = stop.token();
        loop {
            let next = self.next.borrow_and_update().clone();
            let id = match next {
                Next::Ended(how) => {
                    stop.outcome()?;
                    return how.map_err(Into::into);
                }
                Next::Nobody => bail!("nobody goes on with the conversation"),
                Next::Lives(id) => id,
            };
            tokio::select! {
                changed = self.next.changed() => changed?,
                () = token.cancelled() => {
                    end(id, socket, &mut self.next).await;
                    self.next.changed().await?;
                }
            }
        }
    }
}

/// Has the process `id` end. A terminal's Ctrl-C has reached it as well, and a second signal would force it: it is asked at its
/// socket, and sent a signal only when that does not end it.
async fn end(id: u32, socket: &Path, next: &mut watch::Receiver<Next>) {
    let socket = socket.to_owned();
    let ask = move || Wire::open(&socket)?.ask(json!({"method": "shutdown"}));
    if let Err(error) = tokio::task::spawn_blocking(ask)
        .await
        .unwrap_or_else(|e| Err(e.into()))
    {
        tracing::debug!("the new program cannot be asked to end: {error}");
    }
    let ended = next.wait_for(|next| matches!(next, Next::Ended(_)));
    if tokio::time::timeout(ENDS_WITHIN, ended).await.is_err() {
        terminate(id);
    }
    // Whoever waits sees it again.
    next.mark_changed();
}

fn terminate(id: u32) {
    let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGTERM);
}

/// A wish for another program, and whom to tell that it came to nothing.
type Ask = (Option<PathBuf>, oneshot::Sender<String>);

impl Upgrader {
    /// Starts a successor with every wish, one at a time.
    pub fn watch(self) -> (Upgrade, Successor) {
        let (asks, asked) = mpsc::channel::<Ask>(1);
        let (alive, next) = watch::channel(Next::Nobody);
        let successor = Successor { next };
        let all = (self, asked, alive);
        let what = "what begins a new program";
        tokio::spawn(again(what, all, |(own, asked, alive)| {
            Box::pin(own.serve(asked, alive))
        }));
        (asks, successor)
    }

    async fn serve(&self, asked: &mut mpsc::Receiver<Ask>, alive: &watch::Sender<Next>) {
        while let Some((program, failed)) = asked.recv().await {
            let why = match self.begin(program) {
                Ok(mut child) => {
                    let _ = alive.send(child.id().map_or(Next::Nobody, Next::Lives));
                    // It goes on; or else this program does, or neither.
                    let late = tokio::time::sleep(self.takes_over_within);
                    let mut too_late = false;
                    let status = tokio::select! {
                        status = child.wait() => status,
                        () = self.stop.cancelled() => {
                            if let (false, Some(id)) = (self.baton.is_given(), child.id()) {
                                terminate(id);
                            }
                            child.wait().await
                        }
                        () = late => {
                            // What was given a moment ago is the other's.
                            too_late = self.baton.keep();
                            // It may hang so that no wish to end reaches it.
                            if too_late && let Err(error) = child.start_kill() {
                                tracing::warn!("the new program cannot be ended: {error}");
                            }
                            child.wait().await
                        }
                    };
                    let ended = Ended::of(status);
                    let how = match &ended {
                        _ if too_late => format!(
                            "the new program had not taken over after {} s, and was ended",
                            self.takes_over_within.as_secs()
                        ),
                        Ok(()) => "the new program ended without taking over".into(),
                        Err(error) => error.to_string(),
                    };
                    let _ = alive.send(Next::Ended(ended));
                    // Asked and kept in one: it may be given at this moment, to one that is no more.
                    if !too_late && !self.baton.keep() {
                        continue;
                    }
                    self.baton.back();
                    how
                }
                Err(error) => format!("{error:#}"),
            };
            let what = format!("hearken goes on as it is: {why}");
            tracing::warn!("{what}");
            self.bus.emit(Event::Failed { what: what.clone() });
            let _ = failed.send(what);
        }
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
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

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

    #[tokio::test]
    async fn who_neither_ends_nor_takes_over_is_ended() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("new");
        let id = folder.path().join("id");
        let script = format!(
            "#!/bin/sh\ntrap '' TERM\necho $$ >{}\nwhile :; do sleep 1; done\n",
            id.display()
        );
        std::fs::write(&program, script)?;
        std::fs::set_permissions(&program, Permissions::from_mode(0o755))?;
        let bus = Bus::default();
        let mut events = bus.subscribe();
        let upgrader = Upgrader {
            socket: folder.path().join("control.sock"),
            bus,
            chosen: watch::channel(Chosen::default()).1,
            stop: CancellationToken::new(),
            takes_over_within: Duration::from_secs(1),
            baton: Arc::default(),
        };
        let (upgrade, _successor) = upgrader.watch();
        let (failed, why) = oneshot::channel();
        upgrade.send((Some(program), failed)).await?;
        let why = tokio::time::timeout(Duration::from_secs(20), why).await??;
        assert!(
            why.contains("goes on as it is") && why.contains("after 1 s"),
            "{why}"
        );
        assert_eq!(events.recv().await?, Event::Failed { what: why });
        let id = std::fs::read_to_string(id)?.trim().parse()?;
        assert!(kill(Pid::from_raw(id), None).is_err(), "it lives");
        // Another may be tried.
        let (failed, why) = oneshot::channel();
        upgrade.send((Some("/bin/false".into()), failed)).await?;
        assert!(why.await?.contains("the new program ended"));
        Ok(())
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
