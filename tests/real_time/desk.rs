//! The daemon on its sound server, and what it tells: every wait for it is bounded.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::daemon::{BOUND, Daemon, HEARKEN, by_default};
use super::support::sound_server::{SoundServer, ended_within};

/// From the end of a sentence to the end of its answer; a busy machine needs some of it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(90);
/// A sentence that was left alone may still turn out to have been the first half of a question.
const THINKS_AGAIN: Duration = Duration::from_secs(4);
/// It is idle again within this after whatever happens, or it is stuck.
const RESTS_WITHIN: Duration = Duration::from_secs(60);
/// An answer of `hearken ctl`.
const OBEYS_WITHIN: Duration = Duration::from_secs(30);

/// What became of a sentence that was said to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// So many ms after its end the answer began to sound.
    Answered(Option<f64>),
    /// It was taken for somebody else's, or for no words.
    NotForIt(String),
    /// Nothing was told of it at all.
    NotHeard(String),
    Failed(String),
}

pub struct Desk {
    pub server: SoundServer,
    pub daemon: Daemon,
    pub config: PathBuf,
    /// No name is needed now.
    pub window: bool,
    /// What was told since the last sentence.
    pub seen: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Desk {
    /// A daemon as it is configured by default, which has begun.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("hearken.toml");
        std::fs::write(&config, "").unwrap();
        let server = SoundServer::start();
        let mut command = by_default(server.command(HEARKEN));
        command
            .args(["run", "--json"])
            .env("HEARKEN_CONFIG", &config);
        let mut desk = Self {
            daemon: Daemon::start(command),
            server,
            config,
            window: false,
            seen: Vec::new(),
            _folder: folder,
        };
        assert!(desk.wait(&["ready"], BOUND).is_some(), "it never begins");
        desk
    }

    /// The next event of one of these kinds.
    pub fn wait(&mut self, kinds: &[&str], within: Duration) -> Option<Value> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.daemon.events.recv_timeout(left) {
                Ok(event) => {
                    self.note(&event);
                    if kinds.contains(&event["event"].as_str().unwrap()) {
                        return Some(event);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("hearken has ended by itself: {:?}", self.daemon.said())
                }
            }
        }
    }

    fn note(&mut self, event: &Value) {
        let kind = event["event"].as_str().unwrap();
        match kind {
            "window_opened" => self.window = true,
            "window_closed" => self.window = false,
            _ => {}
        }
        if !matches!(kind, "echo" | "partial") {
            let told = [
                &event["text"],
                &event["why"],
                &event["what"],
                &event["failure"],
            ];
            let told: Vec<_> = told.iter().filter_map(|told| told.as_str()).collect();
            self.seen
                .push(format!("{kind} {}", told.join(" ")).trim_end().to_owned());
        }
    }

    /// All that has been told by now.
    pub fn catch_up(&mut self) {
        while let Ok(event) = self.daemon.events.try_recv() {
            self.note(&event);
        }
    }

    /// Somebody says this in the room, and what was told before counts no more.
    pub fn say(&mut self, wav: &Path) {
        self.catch_up();
        self.seen.clear();
        self.server.play_into_room(wav);
    }

    /// What became of what was just said. A reply that was interrupted by it is no answer, and a sentence about a device that
    /// nobody asked for is none.
    pub fn outcome(&mut self) -> Outcome {
        let until = Instant::now() + ANSWERS_WITHIN;
        let (mut within, mut heard) = (ANSWERS_WITHIN, false);
        loop {
            let kinds = [
                "turn_finished",
                "overheard",
                "nothing_said",
                "turn_started",
                "called",
            ];
            let Some(event) = self.wait(&kinds, within) else {
                let seen = self.seen.join(", ");
                return match heard {
                    true => Outcome::NotForIt(seen),
                    false => Outcome::NotHeard(seen),
                };
            };
            within = until.saturating_duration_since(Instant::now());
            match event["event"].as_str().unwrap() {
                "overheard" | "nothing_said" => (heard, within) = (true, THINKS_AGAIN),
                "turn_started" | "called" => heard = false,
                _ => {}
            }
            let asked = event["transcript"]
                .as_str()
                .is_some_and(|text| !text.is_empty());
            if !asked || event["interrupted"] == true {
                continue;
            }
            return match (event["failure"].as_str(), event["reply"].as_str()) {
                (None, Some(reply)) if !reply.is_empty() => {
                    Outcome::Answered(event["stages_ms"]["first_played"].as_f64())
                }
                (failure, _) => Outcome::Failed(format!("{failure:?}: {}", self.seen.join(", "))),
            };
        }
    }

    /// Waits until it is idle; whether it is. Otherwise it is stuck.
    pub fn rest(&mut self) -> bool {
        let until = Instant::now() + RESTS_WITHIN;
        loop {
            let state = self.status()["state"].clone();
            if state == "idle" {
                self.catch_up();
                return true;
            }
            if Instant::now() > until {
                self.seen.push(format!("state {state}"));
                return false;
            }
            self.wait(&[], Duration::from_millis(300));
        }
    }

    /// How it is; nothing when it does not say.
    fn status(&self) -> Value {
        let (_, status) = self.ctl(&["status", "--json"]);
        serde_json::from_str(&status).unwrap_or_default()
    }

    /// `hearken ctl`: whether it succeeded, and what it printed.
    pub fn ctl(&self, arguments: &[&str]) -> (bool, String) {
        let mut asking = by_default(self.server.command(HEARKEN))
            .arg("ctl")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // What it prints is less than what a pipe holds.
        if !ended_within(&mut asking, OBEYS_WITHIN) {
            let _ = asking.kill();
        }
        let output = asking.wait_with_output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), printed)
    }

    /// Another configuration is there, whole, from one moment to the next.
    pub fn configure(&self, text: &str) {
        let unfinished = self.config.with_extension("unfinished");
        std::fs::write(&unfinished, text).unwrap();
        std::fs::rename(&unfinished, &self.config).unwrap();
        self.daemon.signal(Signal::SIGHUP);
    }

    /// Ends it in order, and returns what it wrote to standard error.
    pub fn end(self) -> Vec<String> {
        self.daemon.signal(Signal::SIGTERM);
        let (code, said) = self.daemon.end();
        assert_eq!(code, Some(0), "{said:?}");
        said
    }
}
