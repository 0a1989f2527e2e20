//! `hearken run`: the daemon in the foreground, one line a turn.

use std::io::{IsTerminal, Write};
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hearken::audio::absent::Absent;
use hearken::audio::lasting::Lasting;
use hearken::audio::{Microphone, Speaker, hardware};
use hearken::config::{Config, Mode};
use hearken::control::{self, Chosen, Claim, ClaimError, Hold, Services};
use hearken::daemon::{self, Mind, Parts};
use hearken::desktop::Desktop;
use hearken::desktop::session::Session;
use hearken::event::json::event_json;
use hearken::event::{Bus, Event, TurnReport};
use hearken::memory;
use hearken::service::manager::{self, ServiceManager};
use hearken::turn::baton::Baton;
use hearken::turn::conductor::Outcome;
use hearken::turn::order;
use hearken::weights::Store;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{Mutex, watch};

use super::heap;
use super::push;
use super::reload::{Reloader, Source};
use super::signal::Stop;
use super::upgrade::{self, successor};
use super::wire::printable;

/// Arguments of `hearken run`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken run
  hearken run --set audio.microphone=\"USB Audio\" --set listen.language=ko
  hearken run --set name=Anna --set attention.mode=always
  hearken run --set attention.mode=push-to-talk    then press Enter, or: hearken ctl listen
  hearken run --json                               one JSON object an event, for a script")]
pub struct Args {
    /// Print events as JSON, one object a line
    #[arg(long)]
    json: bool,

    /// Wait for a microphone and a loudspeaker that are not there yet, as a service does
    #[arg(long)]
    wait: bool,

    /// Go on with the conversation of the hearken at this control socket, which ends then
    #[arg(long, value_name = "SOCKET", hide = true)]
    take_over: Option<PathBuf>,

    /// The microphone that was chosen of the hearken before
    #[arg(long, value_name = "NAME", hide = true)]
    chosen_microphone: Option<String>,

    /// The loudspeaker that was
    #[arg(long, value_name = "NAME", hide = true)]
    chosen_loudspeaker: Option<String>,
}

/// A device that is waited for is looked for so often.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);
/// Whoever has handed over the conversation gives up its place within this.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// Before what is said of a device that is not there; who waits never ends with it.
const NOT_WAITED: &str = "not started (`hearken run --wait` waits for its devices)";
/// The system may look for a server's name for half a minute, which nobody waits for at the end.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// So long the last lines may take after everything has stopped.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Runs the command.
pub fn run(args: &Args, config: &Config, mut source: Source) -> anyhow::Result<()> {
    let chosen = Chosen {
        microphone: args.chosen_microphone.clone(),
        loudspeaker: args.chosen_loudspeaker.clone(),
    };
    let mut read = config.clone();
    let runtime = super::runtime()?;
    // A terminal that closes wishes an end; without one a hang-up asks for another configuration, also of a hearken that has
    // not begun yet.
    let terminal = std::io::stdin().is_terminal() || std::io::stdout().is_terminal();
    let hang_ups = match terminal {
        true => None,
        false => {
            let _inside = runtime.enter();
            Some(signal(SignalKind::hangup())?)
        }
    };
    // Before anything is opened that another hearken may have; whoever takes over opens them when that one has ended.
    let place = match args.take_over {
        None => Some(loop {
            match Place::take(args, &read, &mut source) {
                Err(Untaken::Changed(config)) => read = *config,
                taken => break taken.map_err(Untaken::into_error)?,
            }
        }),
        Some(_) => None,
    };
    let own = read.audio.clone();
    let config = &Config {
        audio: chosen.over(&own),
        ..read
    };
    let store = Store::new(&config.data_dir);
    daemon::open_onnx(&store)?;
    let json = args.json;
    let outcome = runtime.block_on(async {
        let stop = Stop::on_signals()?;
        let mind = Mind::open(config, &store).await?;
        let name_file = store.name_file();
        let name = daemon::name(config, Some(&name_file));
        mind.warm(config, &name);
        mind.look_for_server();
        let model = Arc::clone(&mind.model);
        let mind = Arc::new(Mutex::new(mind));
        let (orders, ordered) = order::channel();
        push::listen(&orders, config.attention.mode)?;
        let opened = tokio::task::block_in_place(|| {
            anyhow::Ok((
                daemon::lasting_vad(&store)?,
                daemon::open_wake(config, &store)?,
                daemon::turn_end_or_silence(config, &store),
                daemon::lasting_transcriber(config, &store)?,
                daemon::lasting_voice(config, &store)?,
            ))
        });
        let outcome = match opened {
            Ok((vad, wake, turn_end, transcriber, voice)) => {
                let (place, carried) = match (place, &args.take_over) {
                    (Some(place), _) => (place, None),
                    (None, socket) => tokio::task::block_in_place(|| {
                        let socket = socket.as_deref().unwrap_or(Path::new(""));
                        let handle = tokio::runtime::Handle::current();
                        handle.block_on(async { mind.lock().await.ready().await })?;
                        let carried = upgrade::take(socket)?;
                        let place = Place::take(args, config, &mut source);
                        anyhow::Ok((place.map_err(Untaken::into_error)?, Some(carried)))
                    })?,
                };
                let Place {
                    claim,
                    hold,
                    microphone,
                    speaker,
                } = place;
                let (heard, spoken) = (&config.audio.microphone, &config.audio.loudspeaker);
                let (heard, spoken) = (heard.clone(), spoken.clone());
                let kept = store.conversation_file(&config.memory.file);
                let reopen = Box::new(move || hardware::open_microphone(&heard));
                let parts = Parts {
                    microphone: Box::new(match microphone {
                        Some(microphone) => Lasting::new(microphone, reopen),
                        // Where it is to stay closed, the ear knows before this has passed.
                        None => Lasting::closed(
                            reopen,
                            match carried.as_ref().is_some_and(|c| c.muted)
                                || memory::mute::recall(&store.mute_file(&config.memory.file))
                            {
                                true => LOOKS_AGAIN,
                                false => Duration::ZERO,
                            },
                        ),
                    }),
                    carried,
                    open_speaker: Some(Arc::new(move || hardware::open_speaker(&spoken))),
                    supervisor: Some(Box::new(ServiceManager)),
                    orders: ordered,
                    vad: Box::new(vad),
                    wake,
                    transcriber: Box::new(transcriber),
                    model: Arc::clone(&model),
                    turn_end,
                    voice,
                    speaker,
                    name_file: Some(name_file),
                    mute_file: Some(store.mute_file(&config.memory.file)),
                    conversation_file: config.memory.conversation.then(|| kept.clone()),
                    left_file: (!config.memory.conversation).then_some(kept),
                    patience: daemon::PATIENCE,
                };
                let bus = Bus::default();
                let events = bus.subscribe();
                tokio::spawn(heap::give_back(bus.subscribe()));
                if terminal {
                    stop.also_on_hang_up()?;
                }
                let (audio, used) = watch::channel(config.audio.clone());
                let (chosen_in, chosen) = watch::channel(chosen);
                let (desktop_in, desktop) = watch::channel(config.desktop);
                let desktop = Desktop::begin(bus.subscribe(), desktop, Session::new(None));
                let reloader = Reloader {
                    hang_ups,
                    config: config.clone(),
                    own,
                    source,
                    store: Store::new(&config.data_dir),
                    orders: orders.clone(),
                    bus: bus.clone(),
                    mind: Arc::clone(&mind),
                    audio,
                    chosen: chosen_in,
                    desktop: desktop_in,
                };
                let reload = reloader.watch();
                let socket = control::socket_path(&config.control.socket, store.data());
                let baton = Arc::new(Baton::default());
                let upgrader = successor::Upgrader {
                    socket: socket.clone(),
                    stop: stop.token(),
                    bus: bus.clone(),
                    chosen,
                    takes_over_within: successor::TAKES_OVER_WITHIN,
                    baton: Arc::clone(&baton),
                };
                let (upgrade, successor) = upgrader.watch();
                // It is read anew by signal and by file also where nobody can ask for it.
                let by_itself = reload.clone();
                let services = Services {
                    reload: Some(reload),
                    upgrade: Some(upgrade),
                    audio: Some(used),
                    baton,
                };
                let control = claim
                    .map(|claim| control::serve(claim, orders, bus.clone(), stop.token(), services))
                    .transpose()?;
                let attention = config.attention.mode;
                let (done, printed) = tokio::sync::oneshot::channel::<()>();
                std::thread::Builder::new()
                    .name("printer".into())
                    .spawn(move || {
                        let mut events = events;
                        let mut print = || print(&mut events, json, attention, &name);
                        // A bug costs a line; each that is tried has been taken.
                        while catch_unwind(AssertUnwindSafe(&mut print)).is_err() {}
                        drop(done);
                    })?;
                let ending = daemon::run(parts, config, bus, stop.token()).await;
                // Whoever takes over waits for this.
                drop(hold);
                drop(control);
                desktop.end().await;
                match ending {
                    Ok(Outcome::HandedOver) => {
                        mind.lock().await.stop().await;
                        // The models are closed, and another configuration is not this program's any more.
                        drop((by_itself, mind, model));
                        heap::trim();
                        return successor.follow(&socket, &stop).await;
                    }
                    _ => manager::stopping(),
                }
                // A reader that has stopped reading does not keep the daemon.
                let _ = tokio::time::timeout(LAST_LINES, printed).await;
                ending.map(|_| ()).map_err(anyhow::Error::from)
            }
            Err(error) => Err(error),
        };
        mind.lock().await.stop().await;
        outcome?;
        stop.outcome()
    });
    runtime.shutdown_timeout(LAST_LOOK);
    outcome
}

/// What only one program has at a time.
struct Place {
    claim: Option<(Claim, UnixListener)>,
    /// None where nothing can be written.
    hold: Option<Hold>,
    /// None yet where it is to be opened while the conversation goes on.
    microphone: Option<Box<dyn Microphone>>,
    speaker: Box<dyn Speaker>,
}

/// Why the place is not taken.
#[derive(Debug, thiserror::Error)]
enum Untaken {
    #[error("the configuration is another")]
    Changed(Box<Config>),
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl Untaken {
    /// With its cause at the top, which exit codes go by.
    fn into_error(self) -> anyhow::Error {
        match self {
            Self::Failed(error) => error,
            changed @ Self::Changed(_) => changed.into(),
        }
    }
}

impl From<ClaimError> for Untaken {
    fn from(error: ClaimError) -> Self {
        Self::Failed(error.into())
    }
}

impl Place {
    /// Takes it, and waits for devices where `args` say so, as long as the configuration stays the same.
    fn take(args: &Args, config: &Config, source: &mut Source) -> Result<Self, Untaken> {
        let takes_over = args.take_over.is_some();
        let store = Store::new(&config.data_dir);
        let claim = match config.control.enabled {
            true => {
                let socket = control::socket_path(&config.control.socket, store.data());
                match patiently(takes_over, || Claim::new(&socket)) {
                    // Nobody has asked for this place: without it hearken cannot be steered, and works all the same.
                    Err(error @ ClaimError::Unusable { .. })
                        if config.control.socket.as_os_str().is_empty() =>
                    {
                        tracing::warn!("{error}");
                        None
                    }
                    claim => Some(claim?),
                }
            }
            false => None,
        };
        // Also where there is no socket, or another one: two would answer every question.
        let conversation = store.conversation_file(&config.memory.file);
        let hold = patiently(takes_over, || Hold::new(&conversation))?;
        let mut changed = || args.wait.then(|| source.changed()).flatten();
        // Devices first: they fail soonest, and what is missing there no download mends. One that somebody
        // has closed is not opened at all.
        let microphone =
            match takes_over || memory::mute::recall(&store.mute_file(&config.memory.file)) {
                true => None,
                false => {
                    let name = &config.audio.microphone;
                    let open = || hardware::open_microphone(name);
                    Some(match args.wait {
                        true => awaited(open, &mut changed)?,
                        false => advised(open(), name)?,
                    })
                }
            };
        let name = &config.audio.loudspeaker;
        let open = || hardware::open_speaker(name);
        let speaker = match (takes_over, args.wait) {
            // The conversation goes on without one, as it did before.
            (true, _) => open().unwrap_or_else(|error| Box::new(Absent::new(error))),
            (false, true) => awaited(open, &mut changed)?,
            (false, false) => advised(open(), name)?,
        };
        Ok(Self {
            claim,
            hold,
            microphone,
            speaker,
        })
    }
}

/// What only one has at a time. Who takes over waits a moment for whoever had it, and is ending.
fn patiently<T>(
    takes_over: bool,
    take: impl Fn() -> Result<T, ClaimError>,
) -> Result<T, ClaimError> {
    let began = Instant::now();
    loop {
        match take() {
            Err(ClaimError::Taken { .. } | ClaimError::Held { .. })
                if takes_over && began.elapsed() < ENDS_WITHIN =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            taken => return taken,
        }
    }
}

/// Names `--wait` where a device is missing that nobody has named: one that is mistyped never comes.
fn advised<D, E: Into<anyhow::Error>>(device: Result<D, E>, name: &str) -> anyhow::Result<D> {
    let device = device.map_err(Into::into);
    match name {
        "default" => device.context(NOT_WAITED),
        _ => device,
    }
}

/// Opens a device as soon as it is there, unless the configuration `changed` meanwhile.
fn awaited<D, E: std::fmt::Display>(
    open: impl Fn() -> Result<D, E>,
    changed: &mut dyn FnMut() -> Option<Config>,
) -> Result<D, Untaken> {
    let mut told = false;
    loop {
        let error = match open() {
            Ok(device) => return Ok(device),
            Err(error) => error,
        };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("{error}; waiting for it");
        }
        manager::waiting(&error.to_string(), 10 * LOOKS_AGAIN);
        if let Some(config) = changed() {
            return Err(Untaken::Changed(Box::new(config)));
        }
        std::thread::sleep(LOOKS_AGAIN);
    }
}

/// Prints until the daemon ends, on a thread of its own: a reader that is slow delays nobody. A closed pipe ends the
/// printing, not the daemon.
fn print(events: &mut Receiver<Event>, json: bool, attention: Mode, name: &str) {
    let terminal = std::io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    let together = match terminal {
        true => std::io::stderr().is_terminal(),
        false => super::is_journal(std::io::stdout()) && super::is_journal(std::io::stderr()),
    };
    let logged = together && std::env::var_os("HEARKEN_LOG").is_none();
    loop {
        let line = match events.blocking_recv() {
            Ok(event) if json => Some(event_json(&event)),
            // What was said is for who looks on, not for a file or a journal.
            Ok(Event::TurnFinished(_)) if !terminal => None,
            // The log has said so already, on the same terminal or in the same journal.
            Ok(Event::Failed { .. }) if logged => None,
            Ok(event) => as_line(&event, colour, attention, name),
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        if let Some(line) = line
            && writeln!(std::io::stdout(), "{line}").is_err()
        {
            return;
        }
    }
}

fn as_line(event: &Event, colour: bool, attention: Mode, name: &str) -> Option<String> {
    let (dim, bold, plain) = if colour {
        ("\x1b[2m", "\x1b[1m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    match event {
        Event::Ready => Some(format!("{dim}{}{plain}", invitation(attention, name))),
        Event::TurnFinished(TurnReport {
            transcript,
            reply,
            interrupted,
            stages,
            ..
        }) => {
            let broken = if *interrupted { " —" } else { "" };
            let after = stages
                .first_played
                .map_or_else(String::new, |ms| format!(" ({ms:.0} ms)"));
            let (transcript, reply) = (printable(transcript), printable(reply));
            Some(format!(
                "{bold}you:{plain} {transcript}  {bold}hearken:{plain} {reply}{broken}{dim}{after}{plain}"
            ))
        }
        Event::Failed { what } => Some(format!("{dim}failed: {}{plain}", printable(what))),
        Event::Called => Some(format!("{dim}yes?{plain}")),
        Event::DeviceLost { device, why } => Some(format!(
            "{bold}the {device} is gone{plain}{dim} ({why}); looking for it{plain}"
        )),
        Event::DeviceFound { device } => Some(format!("{dim}the {device} is back{plain}")),
        Event::Reloaded { keys } => Some(format!(
            "{dim}another configuration is in force: {}{plain}",
            keys.join(", ")
        )),
        Event::Muted => Some(format!("{dim}muted: the microphone is closed{plain}")),
        Event::Unmuted => Some(format!("{dim}the microphone is open again{plain}")),
        Event::Asleep => Some(format!("{dim}asleep; say the name to wake it{plain}")),
        Event::Awake => Some(format!("{dim}awake{plain}")),
        _ => None,
    }
}

/// How to begin.
fn invitation(attention: Mode, name: &str) -> String {
    match attention {
        Mode::Name => format!("listening; say \"{name}\" and what you want, or end with Ctrl-C"),
        Mode::Always => "listening; speak, or end with Ctrl-C".into(),
        Mode::PushToTalk => {
            "listening when you press Enter (or with `hearken ctl listen`); end with Ctrl-C".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_reply() {
        let attack = "red \x1b[31m and \x07 gone \x1b[2J\r\n";
        let event = Event::Failed {
            what: attack.into(),
        };
        let line = as_line(&event, false, Mode::Name, "Samantha").unwrap_or_default();
        assert!(
            line.contains("gone") && !line.contains(char::is_control),
            "{line:?}"
        );
        let report = TurnReport {
            turn: hearken::turn::TurnId(1),
            transcript: attack.into(),
            reply: attack.into(),
            interrupted: false,
            failure: None,
            stages: hearken::turn::timing::Stages::default(),
            speech_end: std::time::Instant::now(),
            gaps_ms: Vec::new(),
        };
        let event = Event::TurnFinished(report);
        let line = as_line(&event, false, Mode::Name, "Samantha").unwrap_or_default();
        assert!(
            line.contains("gone") && !line.contains(char::is_control),
            "{line:?}"
        );
    }
}
