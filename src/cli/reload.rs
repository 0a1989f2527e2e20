//! The configuration is read anew: on SIGHUP, when a program asks for it, and when the file has changed. A good one is in
//! force as soon as nothing goes on; of a bad one it is said what is wrong, and the old one stays.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use hearken::config::{self, Audio, Config};
use hearken::control::{Chosen, Reload, Reloaded};
use hearken::daemon::Mind;
use hearken::daemon::change::{ChangeError, differences, needs_restart, prepare};
use hearken::event::{Bus, Event};
use hearken::turn::order::Order;
use hearken::weights::Store;
use tokio::signal::unix::Signal;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

/// The file is looked at so often. One that is being written is left alone until it stays the same.
const LOOK: Duration = Duration::from_secs(2);

/// Who asked is answered by this.
type Answer = oneshot::Sender<Result<Reloaded, String>>;

/// Where the configuration comes from: as on the command line.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file that was named.
    pub file: Option<PathBuf>,
    /// Keys that were set.
    pub set: Vec<String>,
    /// How the file was before it was read.
    read: State,
    /// How it was at the last look.
    seen: State,
}

/// What tells whether a file is another: when it was written, and how long it is.
type State = Option<(SystemTime, u64)>;

impl Source {
    /// One that is read after this.
    pub fn new(file: Option<PathBuf>, set: Vec<String>) -> Self {
        let mut source = Self {
            file,
            set,
            read: None,
            seen: None,
        };
        source.read = source.state();
        source.seen = source.read;
        source
    }

    fn state(&self) -> State {
        let metadata = std::fs::metadata(self.path()?).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Another configuration, if the file is another since it was read, the same as at the last look, and holds a good one. What is wrong
    /// with a bad one is told once.
    pub fn changed(&mut self) -> Option<Config> {
        let now = self.state();
        let same = std::mem::replace(&mut self.seen, now) == now;
        if now == self.read || !same {
            return None;
        }
        self.read = now;
        self.load()
            .inspect_err(|error| tracing::warn!("{}", stays(error)))
            .ok()
    }

    fn load(&self) -> Result<Config, config::ConfigError> {
        config::load(self.file.as_deref(), &self.set)
    }

    fn path(&self) -> Option<PathBuf> {
        self.file.clone().or_else(config::default_path)
    }
}

/// Reads the configuration anew, again and again.
pub struct Reloader {
    /// SIGHUP, where that asks for it.
    pub hang_ups: Option<Signal>,
    /// What is in force.
    pub config: Config,
    /// What the source says of devices, whatever was chosen since.
    pub own: Audio,
    /// Where another comes from.
    pub source: Source,
    /// Where weights are.
    pub store: Store,
    /// The conductor's ear for orders.
    pub orders: mpsc::Sender<Order>,
    /// For everybody to know.
    pub bus: Bus,
    /// The language model that is to be stopped at the end.
    pub mind: Arc<Mutex<Mind>>,
    /// Told which devices are in use.
    pub audio: watch::Sender<Audio>,
    /// Told which devices were chosen beyond what the source says.
    pub chosen: watch::Sender<Chosen>,
    /// What the desktop's part goes by.
    pub desktop: watch::Sender<config::Desktop>,
}

impl Reloader {
    /// Watches from now on. What is returned asks for it at once.
    pub fn watch(mut self) -> Reload {
        let mut hup = self.hang_ups.take();
        let (asks, mut asked) = mpsc::channel(4);
        tokio::spawn(async move {
            // What was written since the file was read is another configuration already.
            let (mut taken, mut before) = (self.source.read, None);
            let mut look = tokio::time::interval(LOOK);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let ask = tokio::select! {
                    _ = look.tick() => {
                        let now = self.source.state();
                        let stays = before.replace(now) == Some(now);
                        if now == taken || !stays {
                            continue;
                        }
                        None
                    }
                    () = hung_up(&mut hup) => None,
                    ask = asked.recv() => match ask {
                        Some(ask) => Some(ask),
                        None => return,
                    },
                };
                taken = self.source.state();
                let (chosen, ask): (Option<Chosen>, Option<Answer>) = match ask {
                    Some((chosen, ask)) => (chosen, Some(ask)),
                    None => (None, None),
                };
                // Of a device that cannot be used only who chose it is told.
                let to_all = chosen.is_none();
                let work = async {
                    match chosen {
                        Some(chosen) => self.use_devices(chosen).await,
                        None => self.reload().await,
                    }
                };
                let bug = || stays(&"it broke; this is a bug in hearken, please report it");
                let outcome = AssertUnwindSafe(work).catch_unwind().await;
                let outcome = outcome.unwrap_or_else(|_| Err(bug()));
                if let (Err(what), true) = (&outcome, to_all) {
                    tracing::warn!("{what}");
                    self.bus.emit(Event::Failed { what: what.clone() });
                }
                if let Some(ask) = ask {
                    let _ = ask.send(outcome);
                }
            }
        });
        asks
    }

    async fn reload(&mut self) -> Result<Reloaded, String> {
        let own = self.source.load().map_err(|error| stays(&error))?;
        let chosen = still_chosen(&self.chosen.borrow(), &self.own, &own.audio);
        let new = Config {
            audio: chosen.over(&own.audio),
            ..own.clone()
        };
        let reloaded = self.take(new).await.map_err(|error| match error {
            Untaken::Part(error) => stays(&error),
            Untaken::Ending => Untaken::Ending.to_string(),
        })?;
        self.own = own.audio;
        self.chosen.send_replace(chosen);
        Ok(reloaded)
    }

    async fn use_devices(&mut self, wanted: Chosen) -> Result<Reloaded, String> {
        let before = self.chosen.borrow().clone();
        let chosen = Chosen {
            microphone: wanted.microphone.or(before.microphone),
            loudspeaker: wanted.loudspeaker.or(before.loudspeaker),
        };
        let new = Config {
            audio: chosen.over(&self.config.audio),
            ..self.config.clone()
        };
        let reloaded = self.take(new).await.map_err(|error| error.to_string())?;
        self.chosen.send_replace(chosen);
        Ok(reloaded)
    }

    /// Has the conversation go on with `new`, and returns when it does.
    async fn take(&mut self, new: Config) -> Result<Reloaded, Untaken> {
        let mut waiting = differences(&self.config, &new);
        waiting.retain(|key| needs_restart(key));
        let Some((change, mind)) = prepare(&self.config, &new, &self.store).await? else {
            return Ok(Reloaded {
                changed: Vec::new(),
                restart: waiting,
            });
        };
        let changed = change.keys.clone();
        let (done, taken) = oneshot::channel();
        let ordered = self
            .orders
            .send(Order::Change(Box::new(change), done))
            .await;
        if ordered.is_err() || taken.await.is_err() {
            if let Some(mind) = mind {
                mind.stop().await;
            }
            return Err(Untaken::Ending);
        }
        if let Some(mind) = mind {
            mind.look_for_server();
            let old = std::mem::replace(&mut *self.mind.lock().await, mind);
            old.stop().await;
        }
        self.audio.send_replace(new.audio.clone());
        // What needs a restart is still not in force.
        self.config = Config {
            data_dir: self.config.data_dir.clone(),
            control: self.config.control.clone(),
            memory: self.config.memory.clone(),
            echo: self.config.echo.clone(),
            ..new
        };
        self.desktop.send_replace(self.config.desktop);
        Ok(Reloaded {
            changed,
            restart: waiting,
        })
    }
}

/// Why another configuration is not in force.
#[derive(Debug, thiserror::Error)]
enum Untaken {
    #[error(transparent)]
    Part(#[from] ChangeError),
    #[error("hearken is ending")]
    Ending,
}

/// What stays chosen when the configuration says `now` of devices, where it said `before`: who has changed it there means that.
fn still_chosen(chosen: &Chosen, before: &Audio, now: &Audio) -> Chosen {
    let kept = |chosen: &Option<String>, same: bool| chosen.clone().filter(|_| same);
    Chosen {
        microphone: kept(&chosen.microphone, before.microphone == now.microphone),
        loudspeaker: kept(&chosen.loudspeaker, before.loudspeaker == now.loudspeaker),
    }
}

/// The next SIGHUP; never, where that asks for nothing.
async fn hung_up(hup: &mut Option<Signal>) {
    let heard = match hup {
        Some(hup) => hup.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending().await
    }
}

fn stays(error: &dyn std::fmt::Display) -> String {
    format!("the new configuration is not taken, the old one stays in force: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_holds_until_the_configuration_says_something_else() {
        let chosen = Chosen {
            microphone: Some("headset".into()),
            loudspeaker: Some("headset".into()),
        };
        let before = Audio::default();
        assert_eq!(still_chosen(&chosen, &before, &before), chosen);
        let now = Audio {
            loudspeaker: "radio".into(),
            ..Audio::default()
        };
        let kept = still_chosen(&chosen, &before, &now);
        let audio = kept.over(&now);
        assert_eq!(
            (&audio.microphone[..], &audio.loudspeaker[..]),
            ("headset", "radio")
        );
    }
}
