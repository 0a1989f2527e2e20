//! The configuration is read anew: on SIGHUP, when a program asks for it, and when the file has changed. A good one is in
//! force as soon as nothing goes on; of a bad one it is said what is wrong, and the old one stays.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hearken::config::{self, Audio, Config};
use hearken::control::{Reload, Reloaded};
use hearken::daemon::Mind;
use hearken::daemon::change::{differences, needs_restart, prepare};
use hearken::event::{Bus, Event};
use hearken::turn::order::Order;
use hearken::weights::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};
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
}

impl Source {
    fn load(&self, chosen: &[String]) -> Result<Config, config::ConfigError> {
        let set = [&self.set, chosen].concat();
        config::load(self.file.as_deref(), &set)
    }

    fn path(&self) -> Option<PathBuf> {
        self.file.clone().or_else(config::default_path)
    }
}

/// Reads the configuration anew, again and again.
pub struct Reloader {
    /// Whether SIGHUP asks for it.
    pub by_signal: bool,
    /// What is in force.
    pub config: Config,
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
    /// Told which keys (`KEY=VALUE`) were set since the start, beyond what the source says.
    pub chosen: watch::Sender<Vec<String>>,
    /// What the desktop's part goes by.
    pub desktop: watch::Sender<config::Desktop>,
}

impl Reloader {
    /// Watches from now on. What is returned asks for it at once.
    ///
    /// # Errors
    /// When the operating system gives no signal handler.
    pub fn watch(mut self) -> std::io::Result<Reload> {
        let mut hup = match self.by_signal {
            true => Some(signal(SignalKind::hangup())?),
            false => None,
        };
        let (asks, mut asked) = mpsc::channel(4);
        tokio::spawn(async move {
            let path = self.source.path();
            let (mut taken, mut before) = (state(path.as_deref()), None);
            let mut look = tokio::time::interval(LOOK);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let ask = tokio::select! {
                    _ = look.tick() => {
                        let now = state(path.as_deref());
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
                taken = state(path.as_deref());
                let (keys, ask): (Vec<String>, Option<Answer>) = match ask {
                    Some((keys, ask)) => (keys, Some(ask)),
                    None => (Vec::new(), None),
                };
                let outcome = self.reload(keys).await;
                if let Err(what) = &outcome {
                    tracing::warn!("{what}");
                    self.bus.emit(Event::Failed { what: what.clone() });
                }
                if let Some(ask) = ask {
                    let _ = ask.send(outcome);
                }
            }
        });
        Ok(asks)
    }

    async fn reload(&mut self, keys: Vec<String>) -> Result<Reloaded, String> {
        let stays = |error: &dyn std::fmt::Display| {
            format!("the new configuration is not taken, the old one stays in force: {error}")
        };
        let mut chosen = self.chosen.borrow().clone();
        for key in keys {
            choose(&mut chosen, key);
        }
        let new = self.source.load(&chosen).map_err(|error| stays(&error))?;
        let mut waiting = differences(&self.config, &new);
        waiting.retain(|key| needs_restart(key));
        let prepared = prepare(&self.config, &new, &self.store).await;
        let Some((change, mind)) = prepared.map_err(|error| stays(&error))? else {
            self.chosen.send_replace(chosen);
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
            return Err("hearken is ending".into());
        }
        if let Some(mind) = mind {
            let old = std::mem::replace(&mut *self.mind.lock().await, mind);
            old.stop().await;
        }
        self.chosen.send_replace(chosen);
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

/// Sets `key` (`KEY=VALUE`) in place of what was chosen for it before.
fn choose(chosen: &mut Vec<String>, key: String) {
    let name = |assignment: &str| assignment.split('=').next().map(str::to_owned);
    chosen.retain(|before| name(before) != name(&key));
    chosen.push(key);
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

/// What tells whether the file is another: when it was written, and how long it is.
fn state(path: Option<&Path>) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path?).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_takes_the_place_of_what_was() {
        let mut chosen = Vec::new();
        for key in [
            "audio.microphone=a=b",
            "audio.loudspeaker=c",
            "audio.microphone=d",
        ] {
            choose(&mut chosen, key.into());
        }
        assert_eq!(chosen, ["audio.loudspeaker=c", "audio.microphone=d"]);
    }
}
