//! Devices that come and go, on the real sound server, with the real models: what went is told, and is back by itself; the
//! first word that is said then is heard. `WRITE_TABLES=1` writes the times into docs/reliability.md.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use support::daemon::{BOUND, Daemon, HEARKEN, alone, by_default, hearken, recording};
use support::sound_server::SoundServer;
use support::table::standing;

/// What returns while hearken runs is used again within so many s.
const BACK_WITHIN_S: f64 = 3.0;
/// Who waited for the sound server has its models to load as well, on a machine that has other work too; in s.
const BEGINS_WITHIN_S: f64 = 20.0;
/// So long the computer sleeps.
const ASLEEP: Duration = Duration::from_secs(4);
/// Nobody speaks to a computer that shows no sign of life yet.
const RUBS_ITS_EYES: Duration = Duration::from_millis(500);

/// A desk with a daemon that has just begun.
struct Desk {
    server: SoundServer,
    daemon: Daemon,
    /// "Go forward ten meters."
    sentence: PathBuf,
    rows: Vec<String>,
    /// What was told since the last row.
    seen: RefCell<Vec<Value>>,
    _dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = SoundServer::start();
        let mut command = by_default(server.command(HEARKEN));
        command.args(["run", "--json", "--set", "attention.mode=always"]);
        let daemon = Daemon::start(command);
        daemon.until("ready");
        Self {
            server,
            daemon,
            sentence: recording("goforward.raw", dir.path()),
            rows: Vec::new(),
            seen: RefCell::default(),
            _dir: dir,
        }
    }

    /// The next event of this kind.
    fn until(&self, kind: &str) -> Value {
        loop {
            let event = self.daemon.events.recv_timeout(BOUND);
            let event = event.unwrap_or_else(|_| {
                let (said, seen) = (self.daemon.said(), self.seen.borrow());
                panic!("no event {kind}: {said:?}; {seen:?}")
            });
            self.seen.borrow_mut().push(event.clone());
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// The next event of this kind about each device; when the second came, in s since the daemon began.
    fn both(&self, kind: &str) -> f64 {
        let told = [self.until(kind), self.until(kind)];
        let mut devices = told
            .each_ref()
            .map(|event| event["device"].as_str().unwrap());
        devices.sort_unstable();
        assert_eq!(devices, ["loudspeaker", "microphone"]);
        told[1]["seen_s"].as_f64().unwrap()
    }

    /// Both have been there again since `returned`, and the first word is heard.
    fn back(&mut self, what: &str, returned: Instant) {
        let returned = returned.duration_since(self.daemon.began).as_secs_f64();
        // A stream may go on before the last of the server's modules has been loaded.
        let after = (self.both("device_found") - returned).max(0.0);
        assert!(after <= BACK_WITHIN_S, "{what}: back after {after:.1} s");
        self.heard(what);
        self.row(what, &format!("{after:.1} s"));
    }

    /// What is said now is heard whole and answered.
    fn heard(&self, what: &str) {
        self.server.play_into_room(&self.sentence);
        let heard = self.until("transcribed");
        let text = heard["text"].as_str().unwrap().to_lowercase();
        assert!(text.contains("go forward"), "{what}: {text}");
        let turn = self.until("turn_finished");
        assert!(turn["failure"].is_null(), "{what}: {turn}");
        assert!(
            !turn["reply"].as_str().unwrap().is_empty(),
            "{what}: {turn}"
        );
        self.until("listening");
    }

    /// What has happened until now was one coming and going: it was said aloud once at most.
    fn row(&mut self, what: &str, after: &str) {
        let seen = self.seen.take();
        let notices: Vec<_> = seen.iter().filter(|event| is_notice(event)).collect();
        assert!(notices.len() <= 1, "{what}: {notices:?}");
        eprintln!("{what}: {after}");
        self.rows.push(format!("| {what} | {after} |"));
    }

    fn end(self) -> Vec<String> {
        self.daemon.signal(Signal::SIGTERM);
        let (code, said) = self.daemon.end();
        assert_eq!(code, Some(0), "{said:?}");
        self.rows
    }
}

/// A sentence that nobody asked for: about a device that is gone.
fn is_notice(event: &Value) -> bool {
    let said = event["reply"].as_str().unwrap_or_default();
    event["event"] == "turn_finished" && event["transcript"] == "" && !said.is_empty()
}

#[test]
fn what_goes_comes_back_by_itself() {
    let _alone = alone();
    let mut desk = Desk::new();

    desk.server.unplug();
    desk.both("device_lost");
    let there = desk.server.plug_in(48_000);
    desk.back("both are unplugged and plugged in", there);

    desk.server.unplug();
    desk.both("device_lost");
    let there = desk.server.plug_in(44_100);
    desk.back("others are plugged in, with another sample rate", there);

    desk.server.kill();
    desk.both("device_lost");
    let there = desk.server.restart();
    desk.back("the sound server dies and is started anew", there);

    desk.server.freeze();
    desk.both("device_lost");
    desk.server.thaw();
    desk.back(
        "the sound server hangs and goes on: a stream that stalls without an error",
        Instant::now(),
    );

    another_default(&mut desk);
    asleep(&mut desk);
    succeeded(&mut desk);
    let mut rows = desk.end();
    rows.push(late());
    let table = format!(
        "| what happens | back after |\n|---|---|\n{}\n",
        rows.join("\n")
    );
    // The times are those of the machine that wrote the table; what happens is the same everywhere.
    let names = |table: &str| {
        let names = table.lines().filter_map(|row| row.split('|').nth(1));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&standing("comings", &table)), names(&table));
}

/// The streams go over to another microphone and loudspeaker, which the server does by itself.
fn another_default(desk: &mut Desk) {
    let server = &desk.server;
    for module in [
        "module-null-sink sink_name=headset rate=48000",
        "module-loopback source=headset.monitor sink=void latency_msec=30",
        "module-null-sink sink_name=mouth rate=48000",
        "module-remap-source source_name=headset-mic master=mouth.monitor",
        "module-loopback source=headset-mic sink=void latency_msec=30",
    ] {
        let words: Vec<_> = module.split(' ').collect();
        server.pactl(&[&["load-module"], &words[..]].concat());
    }
    server.pactl(&["set-default-sink", "headset"]);
    server.pactl(&["set-default-source", "headset-mic"]);
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("headset.wav");
    let recorder = server.record(&taken, "headset.monitor");
    server.play_into(&desk.sentence, "mouth");
    let heard = desk.until("transcribed");
    let text = heard["text"].as_str().unwrap().to_lowercase();
    assert!(text.contains("go forward"), "{text}");
    desk.until("turn_finished");
    desk.until("listening");
    let (samples, _) = recorder.stop();
    let loudest = samples
        .iter()
        .fold(0.0_f32, |most, sample| most.max(sample.abs()));
    assert!(
        loudest > 0.05,
        "the other loudspeaker was silent: {loudest}"
    );
    desk.row(
        "another microphone and loudspeaker become the default",
        "at once: nothing is missed",
    );
    let server = &desk.server;
    server.pactl(&["set-default-sink", "speaker"]);
    server.pactl(&["set-default-source", "mic"]);
}

/// The computer sleeps: nothing of hearken runs, and the devices are suspended; then all goes on.
fn asleep(desk: &mut Desk) {
    let suspend = |desk: &Desk, yes: &str| {
        desk.server.pactl(&["suspend-source", "mic", yes]);
        desk.server.pactl(&["suspend-sink", "speaker", yes]);
    };
    suspend(desk, "1");
    desk.daemon.signal(Signal::SIGSTOP);
    std::thread::sleep(ASLEEP);
    suspend(desk, "0");
    let woken = Instant::now();
    desk.daemon.signal(Signal::SIGCONT);
    let woken_s = woken.duration_since(desk.daemon.began).as_secs_f64();
    std::thread::sleep(RUBS_ITS_EYES);
    desk.heard("after a sleep");
    let since = |event: &Value| event["seen_s"].as_f64().unwrap() - woken_s;
    let told = desk.seen.borrow().clone();
    // A stream that has slept may have to be opened anew; that is nothing to talk about.
    let is = |event: &Value, kind| event["event"] == kind && since(event) > 0.0;
    let found = told.iter().filter(|event| is(event, "device_found"));
    let lost = told.iter().filter(|event| is(event, "device_lost"));
    assert_eq!(lost.count(), found.clone().count(), "{told:?}");
    for event in found {
        assert!(since(event) <= BACK_WITHIN_S, "{event}");
    }
    assert!(!told.iter().any(is_notice), "{told:?}");
    let began = told.iter().find(|event| is(event, "speech_started"));
    let heard_s = since(began.expect("speech_started"));
    let spoke_s = RUBS_ITS_EYES.as_secs_f64();
    assert!(heard_s <= spoke_s + BACK_WITHIN_S, "{heard_s:.1} s");
    let (code, status, _) = hearken(&desk.server, &["ctl", "status", "--json"]);
    assert_eq!(code, Some(0));
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status["microphone"], &status["loudspeaker"]),
        (&true.into(), &true.into())
    );
    let spoken = format!(
        "a sentence that was said at once was heard and answered, all within {:.0} s",
        woken.elapsed().as_secs_f64()
    );
    desk.row("the computer sleeps for 4 s and wakes", &spoken);
}

/// Another program goes on while both are gone: it is steered as ever, and has them as soon as they are there.
fn succeeded(desk: &mut Desk) {
    desk.server.unplug();
    desk.both("device_lost");
    let (code, said, errors) = hearken(&desk.server, &["upgrade-restart"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("the microphone is not there"), "{said}");
    desk.both("device_lost");
    let (code, status, errors) = hearken(&desk.server, &["ctl", "status", "--json"]);
    assert_eq!(code, Some(0), "{errors}");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_ne!(status["process"], desk.daemon.process.id());
    assert_eq!(
        (&status["microphone"], &status["loudspeaker"]),
        (&false.into(), &false.into())
    );
    let there = desk.server.plug_in(48_000);
    desk.back(
        "both are unplugged, another program takes over, and they are plugged in",
        there,
    );
}

/// The sound server comes later than hearken.
fn late() -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut server = SoundServer::start();
    server.kill();
    let mut command = by_default(server.command(HEARKEN));
    command.args(["run", "--json", "--wait", "--set", "attention.mode=always"]);
    let daemon = Daemon::start(command);
    let waits = daemon.errors.recv_timeout(BOUND).unwrap();
    assert!(waits.contains("waiting for it"), "{waits}");
    let there = server.restart().duration_since(daemon.began).as_secs_f64();
    let after = daemon.until("ready")["seen_s"].as_f64().unwrap() - there;
    assert!(after <= BEGINS_WITHIN_S, "{after:.1} s");
    server.play_into_room(&recording("goforward.raw", dir.path()));
    let text = daemon.until("transcribed")["text"]
        .as_str()
        .unwrap()
        .to_lowercase();
    assert!(text.contains("go forward"), "{text}");
    daemon.signal(Signal::SIGTERM);
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said:?}");
    let what = "the sound server comes later than `hearken run --wait`";
    let after = format!("{after:.1} s, with the models loaded");
    eprintln!("{what}: {after}");
    format!("| {what} | {after} |")
}
