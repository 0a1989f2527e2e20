//! One run of one scenario: the room is furnished, hearken is started, people speak when it is their turn, and the
//! judge has the last word. On the thread of whoever calls it; sleeps only until the next thing is due.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use hearken::audio::wav;
use serde_json::json;
use toml::{Table, Value};

use super::daemon::Daemon;
use super::format::{Model, Scenario};
use super::judge::judge;
use super::model::{self, Asked, UNSCRIPTED};
use super::room::{Furnished, PLAYER_LATENCY_MS};
use super::speech::{Take, Utterance};
use super::tape::Tape;
use super::timeline::Timeline;
use crate::support::sound_server::SoundServer;

/// Loading the models takes longer only when something is wrong, even on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// The scripted model's requests are looked for so often.
const TICK: Duration = Duration::from_millis(10);

/// What a run left behind.
pub struct Outcome {
    /// What was wrong; nothing when all was well.
    pub wrong: Vec<String>,
    /// What happened.
    pub timeline: Timeline,
    /// What the daemon wrote to standard error.
    pub said: String,
}

impl Outcome {
    /// A run that could not be.
    pub fn broken(reason: String) -> Self {
        Self {
            wrong: vec![reason],
            timeline: Timeline::default(),
            said: String::new(),
        }
    }
}

/// Runs `scenario`; recordings and the configuration are left in `folder`.
pub fn run(
    scenario: &Scenario,
    hearken: &Path,
    speech: Take<'_>,
    server: &SoundServer,
    folder: &Path,
) -> Outcome {
    match Run::prepare(scenario, hearken, speech, server, folder) {
        Ok(run) => run.perform(),
        Err(reason) => Outcome::broken(reason),
    }
}

struct Run<'a> {
    scenario: &'a Scenario,
    hearken: &'a Path,
    folder: &'a Path,
    room: Furnished<'a>,
    daemon: Daemon,
    asked: Receiver<Asked>,
    speaker: Tape,
    microphone: Tape,
    /// Who has not spoken yet; numbers from 1.
    waiting: Vec<(usize, Utterance)>,
    start: Instant,
    timeline: Timeline,
    wrong: Vec<String>,
    /// What the scripted model was asked and has no reply to.
    unscripted: Vec<String>,
}

impl<'a> Run<'a> {
    /// Up to the daemon's `ready`.
    fn prepare(
        scenario: &'a Scenario,
        hearken: &'a Path,
        speech: Take<'_>,
        server: &'a SoundServer,
        folder: &'a Path,
    ) -> Result<Self, String> {
        let mut waiting = Vec::new();
        for (number, say) in (1..).zip(&scenario.say) {
            let said = speech.of(say);
            waiting.push((number, said.map_err(|e| format!("say:{number}: {e}"))?));
        }
        let (tell, asked) = channel();
        let url = match scenario.model {
            Model::Embedded => None,
            Model::Scripted => Some(model::serve(scenario, tell).map_err(|e| e.to_string())?),
            Model::Dead => Some(model::dead().map_err(|e| e.to_string())?),
        };
        let configuration = configuration(scenario, url.as_deref());
        let configured = folder.join("hearken.toml");
        std::fs::write(&configured, configuration.to_string()).map_err(|e| e.to_string())?;
        let room = Furnished::new(server, &scenario.room, folder)?;
        let speaker = Tape::start(server, "speaker.monitor");
        let microphone = Tape::start(server, "mic");
        let mut command = unconfigured(server.command(hearken));
        command
            .env("HEARKEN_CONFIG", &configured)
            // What hearken remembers from run to run, it must not.
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("XDG_CONFIG_HOME", folder.join("config"))
            // Others may run beside it with the same weights.
            .env("HEARKEN_MEMORY__FILE", folder.join("conversation.db"))
            .args(["run", "--json"]);
        let daemon = Daemon::start(command).map_err(|e| format!("hearken: {e}"))?;
        let latest = Instant::now() + READY_WITHIN;
        let (start, ready) = loop {
            match daemon.next(latest)? {
                Some((at, event)) if event["event"] == "ready" => break (at, event),
                Some(_) => {}
                None => return Err(format!("hearken is not ready after {READY_WITHIN:?}")),
            }
        };
        let mut timeline = Timeline::default();
        timeline.add(0, "start", json!({}));
        timeline.add(0, "ready", ready);
        Ok(Self {
            scenario,
            hearken,
            folder,
            room,
            daemon,
            asked,
            speaker,
            microphone,
            waiting,
            start,
            timeline,
            wrong: Vec::new(),
            unscripted: Vec::new(),
        })
    }

    fn perform(mut self) -> Outcome {
        let bound = (self.scenario.bound_s * 1000) as i64;
        loop {
            if let Err(reason) = self.speak() {
                self.wrong.push(reason);
                break;
            }
            let now = self.now();
            let until = self.timeline.when(&self.scenario.until);
            if until.is_some_and(|until| now >= until) {
                break;
            }
            if now >= bound {
                let (until, bound) = (&self.scenario.until, self.scenario.bound_s);
                self.wrong
                    .push(format!("{until} did not come within {bound} s"));
                break;
            }
            match self.daemon.next(Instant::now() + TICK) {
                Ok(Some((at, event))) => {
                    let kind = event["event"].as_str().unwrap_or("unreadable").to_owned();
                    self.timeline.add(since(self.start, at), &kind, event);
                }
                Ok(None) => {}
                Err(reason) => {
                    self.wrong.push(reason);
                    break;
                }
            }
            self.note_requests();
        }
        self.judged()
    }

    fn now(&self) -> i64 {
        since(self.start, Instant::now())
    }

    /// Whose moment has come begins to speak.
    fn speak(&mut self) -> Result<(), String> {
        let now = self.now();
        let latency = PLAYER_LATENCY_MS as i64;
        let waiting = std::mem::take(&mut self.waiting);
        for (number, utterance) in waiting {
            let say = &self.scenario.say[number - 1];
            let due = match &say.after {
                Some(moment) => self.timeline.when(moment),
                None => say.at_ms.map(|ms| ms as i64),
            };
            if due.is_none_or(|due| now < due - latency) {
                self.waiting.push((number, utterance));
                continue;
            }
            self.room.say(&utterance)?;
            let begins = self.now() + latency;
            let ends = begins + utterance.length_ms as i64;
            let what = json!({ "text": say.text, "recording": say.recording });
            self.timeline.add(begins, &format!("say:{number}"), what);
            self.timeline
                .add(ends, &format!("said:{number}"), json!({}));
        }
        Ok(())
    }

    fn note_requests(&mut self) {
        for (at, request) in self.asked.try_iter() {
            if request["scripted"] == false {
                let last = request["last"].as_str().unwrap_or_default();
                self.unscripted.push(last.to_owned());
            }
            self.timeline.add(since(self.start, at), "asked", request);
        }
    }

    /// Stops everything and judges.
    fn judged(mut self) -> Outcome {
        self.note_requests();
        let end = self.now();
        self.timeline.add(end, "end", json!({}));
        for (number, _) in &self.waiting {
            let say = &self.scenario.say[number - 1];
            let never = match &say.after {
                Some(moment) => format!("say:{number} never began: {moment} never came"),
                None => format!("say:{number} never began: the scenario was over"),
            };
            self.wrong.push(never);
        }
        let said = self.daemon.said();
        let (left, ended) = self.daemon.stop();
        for (at, event) in left {
            let kind = event["event"].as_str().unwrap_or("unreadable").to_owned();
            self.timeline.add(since(self.start, at), &kind, event);
        }
        if !ended {
            self.wrong.push("hearken had to be killed".into());
        }
        // What is asked for in a pause, and dropped when somebody goes on, needs no reply.
        if !self.unscripted.is_empty() && self.timeline.says(UNSCRIPTED) {
            let asked = self.unscripted.join("; ");
            self.wrong
                .push(format!("the scenario has no reply to: {asked}"));
        }
        let speaker = self.speaker.stop(self.start);
        let microphone = self.microphone.stop(self.start);
        for (track, file) in [(&speaker, "speaker.wav"), (&microphone, "microphone.wav")] {
            // Only for whoever looks into a failure.
            let _ = wav::write(&self.folder.join(file), &track.samples, track.rate);
            let begins = json!({ "file": file });
            self.timeline.add(track.starts_ms, "recording", begins);
        }
        let heard = match &self.scenario.heard {
            Some(_) => transcribe(self.hearken, self.scenario, self.folder),
            None => Ok(String::new()),
        };
        match heard {
            Ok(heard) => {
                let verdict = judge(self.scenario, &self.timeline, &speaker, Some(&heard));
                self.wrong.extend(verdict);
            }
            Err(reason) => self.wrong.push(reason),
        }
        Outcome {
            wrong: self.wrong,
            timeline: self.timeline,
            said,
        }
    }
}

/// In ms; negative when `at` was before `start`.
fn since(start: Instant, at: Instant) -> i64 {
    match at.checked_duration_since(start) {
        Some(later) => later.as_millis() as i64,
        None => -(start.duration_since(at).as_millis() as i64),
    }
}

/// Without the configuration of whoever runs the tests; their weights are used.
fn unconfigured(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("HEARKEN_") && text != "HEARKEN_DATA_DIR" && text != "HEARKEN_LOG" {
            command.env_remove(&name);
        }
    }
    // Nobody's conversation is gone on with.
    command.env("HEARKEN_MEMORY__CONVERSATION", "false");
    command
}

/// The scenario's configuration; with the rig's language model, unless it wants hearken's own.
fn configuration(scenario: &Scenario, url: Option<&str>) -> Table {
    let mut configuration = Table::new();
    if let Some(url) = url {
        let mut server = Table::new();
        server.insert("url".into(), Value::String(url.into()));
        let mut reply = Table::new();
        reply.insert("backend".into(), Value::String("server".into()));
        reply.insert("server".into(), Value::Table(server));
        configuration.insert("reply".into(), Value::Table(reply));
    }
    merge(&mut configuration, &scenario.config);
    configuration
}

/// Puts `more` over `table`, key by key at every depth.
fn merge(table: &mut Table, more: &Table) {
    for (key, value) in more {
        match (table.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(more)) => merge(below, more),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

/// What the loudspeaker was heard to say.
fn transcribe(hearken: &Path, scenario: &Scenario, folder: &Path) -> Result<String, String> {
    let language = scenario
        .config
        .get("listen")
        .and_then(|listen| listen.get("language"))
        .and_then(Value::as_str)
        .unwrap_or("en");
    let output = unconfigured(Command::new(hearken))
        .env("HEARKEN_CONFIG", "/dev/null")
        .args(["transcribe", "--language", language])
        .arg(folder.join("speaker.wav"))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("hearken: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("the loudspeaker could not be transcribed: {said}"))
}

/// An empty folder for one run.
pub fn folder(base: &Path, name: &str, number: usize) -> PathBuf {
    let folder = base.join(format!("{name}-{number}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
