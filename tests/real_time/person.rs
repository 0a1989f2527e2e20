//! Who lives in the room: plays the scenes, and tells the watch what became of them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::desk::{Desk, Outcome};
use super::life::{Fault, Scene};
use super::process;
use super::sounds::{Sounds, Speaker};
use super::watch::Watch;

const QUESTIONS: [&str; 8] = [
    "Samantha, what is the capital of Norway?",
    "Samantha, how many days are in a week?",
    "Samantha, how many legs does a spider have?",
    "Samantha, what colour is the sky?",
    "What do bees make, Samantha?",
    "Samantha, where do penguins live?",
    "Samantha, what animal barks?",
    "Samantha, what is the capital of Japan?",
];
const COMMANDS: [&str; 3] = [
    "Samantha, what time is it?",
    "Samantha, say that again.",
    "Samantha, what's the date?",
];
/// What people say to each other.
const TALK: [&str; 6] = [
    "I went to the market this morning and the tomatoes were terrible.",
    "The bus was late again. I think they changed the time table.",
    "Somebody should call the man about the roof before it rains.",
    "What time does the meeting start tomorrow?",
    "The neighbours have painted their fence green.",
    "We should bring an umbrella, just in case.",
];
const STORY: &str = "Samantha, tell me a long story about a king and his castle.";
const STOP: &str = "Samantha, stop.";
const OTHERWISE: &str = "Samantha, tell me something about bees instead.";
/// One after the other; both are what somebody might like.
const CONFIGURATIONS: [&str; 2] = [
    "[listen]\nhangover_ms = 700\n[speak]\nrate_percent = 105\n",
    "[audio]\nvolume_percent = 90\n",
];

const CONFIGURED: Speaker = Speaker(100);
const ANOTHER: Speaker = Speaker(118);

/// Until a story begins; a busy machine needs some of it.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
/// So much of a reply is heard before somebody interrupts it.
const LISTENED: Duration = Duration::from_millis(700);
/// A story that ends by itself within this of the end of what is said over it was over before that could be understood.
const OVER: Duration = Duration::from_secs(2);
/// Until an interruption is understood.
const STOPS_WITHIN: Duration = Duration::from_secs(15);
/// A window has closed within this.
const CLOSES_WITHIN: Duration = Duration::from_secs(30);
/// So long a device may be missed, or missing.
const DEVICES_WITHIN: Duration = Duration::from_secs(60);
/// Another configuration has been read within this, with a voice that is opened anew.
const RELOADS_WITHIN: Duration = Duration::from_secs(60);
/// What is said to a closed microphone is not heard within this.
const DEAF: Duration = Duration::from_secs(2);
/// What is told of a device: of the microphone, and of the loudspeaker.
const DEVICES: usize = 2;

/// What happened right before something is said to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    Fault,
}

pub struct Person<'a> {
    desk: &'a mut Desk,
    watch: &'a Watch,
    sounds: Sounds,
    /// How often each kind of thing was said: never the same twice in a row.
    asked: usize,
    commanded: usize,
    talked: usize,
    sounded: usize,
    reloaded: usize,
}

impl<'a> Person<'a> {
    pub fn new(desk: &'a mut Desk, watch: &'a Watch) -> Self {
        Self {
            desk,
            watch,
            sounds: Sounds::new(),
            asked: 0,
            commanded: 0,
            talked: 0,
            sounded: 0,
            reloaded: 0,
        }
    }

    /// Nothing happens.
    pub fn quiet(&mut self, seconds: f32) {
        self.desk.wait(&[], Duration::from_secs_f32(seconds));
    }

    pub fn play(&mut self, scene: Scene) {
        let began = self.watch.minutes();
        match scene {
            Scene::Ask => self.ask(),
            Scene::Command => {
                let text = COMMANDS[self.commanded % COMMANDS.len()];
                self.commanded += 1;
                self.call(text, After::Nothing);
            }
            Scene::Talk => self.talk(),
            Scene::Sound => {
                self.sounded += 1;
                let sound = match self.sounded % 2 {
                    1 => self.sounds.music(),
                    _ => self.sounds.noise(),
                };
                self.desk.say(&sound);
                self.rest();
                self.left_alone("music or noise");
            }
            Scene::Stop => self.interrupt(STOP),
            Scene::Interruption => self.interrupt(OTHERWISE),
            Scene::Mute => self.mute(),
            Scene::Reload => self.reload(),
            Scene::Fault { what, in_a_reply } => self.fault(what, in_a_reply),
        }
        self.watch.scene(began, scene);
    }

    fn question(&mut self) -> &'static str {
        self.asked += 1;
        QUESTIONS[(self.asked - 1) % QUESTIONS.len()]
    }

    /// One of the two says it.
    fn call_of(&mut self, text: &str) -> PathBuf {
        let speaker = match self.asked % 3 {
            2 => ANOTHER,
            _ => CONFIGURED,
        };
        self.sounds.sentence(text, speaker)
    }

    fn ask(&mut self) {
        let question = self.question();
        self.call(question, After::Nothing);
    }

    /// Says something to it that is to be answered. Whom it takes to speak to somebody else says it again, once, as people do.
    fn call(&mut self, text: &str, after: After) {
        let wav = self.call_of(text);
        self.desk.say(&wav);
        let mut outcome = self.desk.outcome();
        if let Outcome::NotForIt(seen) = &outcome {
            let seen = format!("{text}: {seen}");
            match after {
                After::Nothing => self.watch.missed(seen),
                After::Fault => self.watch.missed_after_a_fault(seen),
            }
            self.rest();
            self.desk.say(&wav);
            outcome = self.desk.outcome();
        }
        self.answered(text, outcome);
        self.rest();
    }

    fn answered(&self, text: &str, outcome: Outcome) {
        match outcome {
            Outcome::Answered(latency_ms) => self.watch.answered(latency_ms),
            other => self.watch.lost(format!("{text}: {other:?}")),
        }
    }

    /// After whatever happens it is idle again.
    fn rest(&mut self) {
        if !self.desk.rest() {
            self.watch.stuck(self.desk.seen.join(", "));
        }
    }

    fn talk(&mut self) {
        // What is said in a window may be for it.
        if self.desk.window && self.desk.wait(&["window_closed"], CLOSES_WITHIN).is_none() {
            self.watch.stuck("a window is open for ever".into());
        }
        let (n, by_people) = (self.talked / 2, self.talked.is_multiple_of(2));
        self.talked += 1;
        let wav = match by_people {
            true => self.sounds.people(n),
            false => self.sounds.sentence(TALK[n % TALK.len()], ANOTHER),
        };
        self.desk.say(&wav);
        let heard = [
            "overheard",
            "nothing_said",
            "turn_finished",
            "clause_started",
        ];
        if self.desk.wait(&heard, BEGINS_WITHIN).is_none() {
            let seen = self.desk.seen.join(", ");
            self.watch
                .lost(format!("talk {n}: heard by nobody: {seen}"));
        }
        self.rest();
        if self.left_alone("talk") {
            self.watch.overheard();
        }
    }

    /// Whether what was not for it was not answered.
    fn left_alone(&mut self, what: &str) -> bool {
        let answered = self
            .desk
            .seen
            .iter()
            .any(|seen| seen.starts_with("clause_started"));
        if answered {
            let seen = self.desk.seen.join(", ");
            self.watch.false_wake(format!("{what}: {seen}"));
        }
        !answered
    }

    /// Has a story told; whether it was begun.
    fn story(&mut self) -> bool {
        let wav = self.sounds.sentence(STORY, CONFIGURED);
        for again in [true, false] {
            self.desk.say(&wav);
            let heard = ["clause_started", "overheard", "nothing_said"];
            let event = self.desk.wait(&heard, BEGINS_WITHIN);
            if event.is_some_and(|event| event["event"] == "clause_started") {
                return true;
            }
            let seen = self.desk.seen.join(", ");
            match again {
                true => self.watch.missed(format!("{STORY}: {seen}")),
                false => self.watch.lost(format!("{STORY}: {seen}")),
            }
            self.rest();
        }
        false
    }

    /// Interrupts a story, with something else to answer or to be silent. Whom it does not hear says it again, once.
    fn interrupt(&mut self, with: &str) {
        let wav = self.sounds.sentence(with, ANOTHER);
        if !self.story() {
            return;
        }
        self.desk.wait(&[], LISTENED);
        let (mut stopped, mut said) = (None, Instant::now());
        for again in [false, true] {
            if again {
                let seen = self.desk.seen.join(", ");
                self.watch.missed(format!("{with}: {seen}"));
            }
            self.desk.say(&wav);
            said = Instant::now();
            let kinds = ["interrupted", "turn_finished"];
            stopped = self.desk.wait(&kinds, STOPS_WITHIN);
            if stopped.is_some() {
                break;
            }
        }
        let seen = self.desk.seen.join(", ");
        match stopped.map(|event| event["event"] == "interrupted") {
            Some(true) => self.watch.interrupted(),
            // What was said was for it nevertheless.
            Some(false) if said.elapsed() < OVER => self.watch.over(),
            Some(false) | None => {
                return self.watch.lost(format!("an interruption, {with}: {seen}"));
            }
        }
        if with == OTHERWISE {
            let outcome = self.desk.outcome();
            self.answered(with, outcome);
        }
        self.rest();
    }

    fn mute(&mut self) {
        let wav = self.sounds.sentence(QUESTIONS[0], CONFIGURED);
        self.obeys("mute", "muted");
        self.desk.say(&wav);
        if self
            .desk
            .wait(&["speech_started", "turn_started"], DEAF)
            .is_some()
        {
            let seen = self.desk.seen.join(", ");
            self.watch
                .lost(format!("heard by a closed microphone: {seen}"));
        }
        self.obeys("unmute", "unmuted");
        self.ask();
    }

    fn obeys(&mut self, order: &str, told: &str) {
        self.desk.catch_up();
        let (done, _) = self.desk.ctl(&[order]);
        if !done || self.desk.wait(&[told], STOPS_WITHIN).is_none() {
            self.watch.stuck(format!("it does not {order}"));
        }
    }

    fn reload(&mut self) {
        let text = CONFIGURATIONS[self.reloaded % CONFIGURATIONS.len()];
        self.reloaded += 1;
        self.desk.catch_up();
        self.desk.configure(text);
        if self.desk.wait(&["reloaded"], RELOADS_WITHIN).is_none() {
            self.watch.lost("a configuration".into());
        }
        self.ask();
    }

    /// Something breaks; what is said next is answered at once.
    fn fault(&mut self, what: Fault, in_a_reply: bool) {
        // Made before, so that it can be said at once.
        let question = self.question();
        self.call_of(question);
        let in_a_reply = in_a_reply && self.story();
        self.desk.catch_up();
        match what {
            Fault::Devices => {
                self.desk.server.unplug();
                self.devices("device_lost");
                self.desk.server.plug_in(48_000);
                self.devices("device_found");
            }
            Fault::Server => {
                self.desk.server.kill();
                self.devices("device_lost");
                self.desk.server.restart();
                self.devices("device_found");
            }
            Fault::Hang => {
                self.desk.server.freeze();
                self.devices("device_lost");
                self.desk.server.thaw();
                self.devices("device_found");
            }
            Fault::Model => {
                for child in process::children(self.desk.daemon.process.id()) {
                    kill(Pid::from_raw(child.cast_signed()), Signal::SIGKILL).unwrap();
                }
            }
        }
        self.watch.fault(what);
        if in_a_reply {
            // Nobody waits for the rest of the story.
            self.desk.ctl(&["stop"]);
        }
        self.rest();
        self.call(question, After::Fault);
    }

    /// Something is told of both devices.
    fn devices(&mut self, kind: &str) {
        let until = Instant::now() + DEVICES_WITHIN;
        for _ in 0..DEVICES {
            let left = until.saturating_duration_since(Instant::now());
            if self.desk.wait(&[kind], left).is_none() {
                let seen = self.desk.seen.join(", ");
                return self.watch.lost(format!("no {kind}: {seen}"));
            }
        }
    }
}
