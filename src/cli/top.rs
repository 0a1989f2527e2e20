//! `hearken top`: what the hearken that runs hears, thinks and says, on a terminal. It looks through the control socket and
//! changes nothing but by the keys that it names.

mod screen;
mod view;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use hearken::config::Config;
use hearken::control;
use hearken::weights::Store;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::{Value, json};

use self::screen::{Cost, Screen};
use super::process;
use super::wire::Wire;

/// Arguments of `hearken top`.
#[derive(clap::Args)]
#[command(
    after_help = "Keys: q ends it, m closes the microphone and opens it again, l listens without the name, s stops the reply"
)]
pub struct Args {}

/// Standard output is no terminal.
#[derive(Debug, thiserror::Error)]
#[error(
    "hearken top needs a terminal; a script asks with `hearken ctl status --json` and `hearken ctl events --json`"
)]
pub struct NoTerminal;

/// The picture changes so often.
const FRAME: Duration = Duration::from_millis(100);
/// Processor and memory are looked at so often.
const COST: Duration = Duration::from_secs(1);

/// Runs the command.
pub fn run(_: &Args, config: &Config) -> anyhow::Result<()> {
    if !std::io::stdout().is_terminal() {
        return Err(NoTerminal.into());
    }
    let store = Store::new(&config.data_dir);
    let socket = control::socket_path(&config.control.socket, store.data());
    let mut wire = Wire::open(&socket)?;
    let mut screen = Screen::new(wire.version());
    let history = wire.ask(json!({"method": "history"}))?;
    screen.remember(&history);
    let events = events(socket)?;
    let mut terminal = ratatui::try_init()?;
    let outcome = watch(&mut terminal, &mut wire, &mut screen, &events);
    ratatui::restore();
    outcome
}

/// Events come on a thread of their own; it ends with the daemon, or with this program.
fn events(socket: PathBuf) -> anyhow::Result<Receiver<Value>> {
    let mut wire = Wire::open(&socket)?;
    wire.ask(json!({"method": "events"}))?;
    let (sender, events) = channel();
    std::thread::Builder::new()
        .name("events".into())
        .spawn(move || {
            while let Ok(event) = wire.line() {
                if sender.send(event).is_err() {
                    return;
                }
            }
        })?;
    Ok(events)
}

fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    wire: &mut Wire,
    screen: &mut Screen,
    events: &Receiver<Value>,
) -> anyhow::Result<()> {
    let mut meter = Meter::default();
    loop {
        events.try_iter().for_each(|event| screen.event(&event));
        screen.status(wire.ask(json!({"method": "status"}))?);
        if let Some(cost) = meter.look(screen.process()) {
            screen.cost(cost);
        }
        terminal.draw(|frame| view::draw(frame, screen))?;
        if !event::poll(FRAME)? {
            continue;
        }
        let wish = match event::read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => wish(key, screen.is_muted()),
            _ => None,
        };
        match wish {
            Some("quit") => return Ok(()),
            // What cannot be done now is no reason to end.
            Some(method) => {
                if let Err(error) = wire.ask(json!({"method": method})) {
                    screen.note(&error.to_string());
                }
            }
            None => {}
        }
    }
}

/// What a key wishes: a method of the control socket, or `quit`.
fn wish(key: KeyEvent, muted: bool) -> Option<&'static str> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Some("quit"),
        KeyCode::Char('c') if control => Some("quit"),
        KeyCode::Char('m') if muted => Some("unmute"),
        KeyCode::Char('m') => Some("mute"),
        KeyCode::Char('l') => Some("listen"),
        KeyCode::Char('s') => Some("stop"),
        _ => None,
    }
}

/// Looks at what the daemon and its language model take.
#[derive(Default)]
struct Meter {
    before: Option<(Instant, f64)>,
}

impl Meter {
    fn look(&mut self, daemon: u32) -> Option<Cost> {
        let due = self.before.is_none_or(|(at, _)| at.elapsed() >= COST);
        if !due || daemon == 0 {
            return None;
        }
        let all: Vec<u32> = std::iter::once(daemon)
            .chain(process::children(daemon))
            .collect();
        let seconds: f64 = all
            .iter()
            .filter_map(|&pid| process::processor_s(pid))
            .sum();
        let memory = all.iter().filter_map(|&pid| process::memory(pid, false));
        let bytes: u64 = memory.map(|memory| memory.rss).sum();
        let before = self.before.replace((Instant::now(), seconds));
        let percent = before.map_or(0.0, |(at, before)| {
            100.0 * (seconds - before).max(0.0) / at.elapsed().as_secs_f64()
        });
        Some(Cost { percent, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_wish_what_the_help_says() {
        let key = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        assert_eq!(wish(key('m'), false), Some("mute"));
        assert_eq!(wish(key('m'), true), Some("unmute"));
        assert_eq!(wish(key('q'), false), Some("quit"));
        assert_eq!(wish(key('c'), false), None);
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(wish(control, false), Some("quit"));
    }
}
