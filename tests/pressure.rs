//! The computer runs short, or its clock jumps: the daemon with the real models on the real sound server. What the person
//! hears, and that the next turn works; `WRITE_TABLES=1` writes the table of docs/reliability.md.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../src/cli/process.rs"]
#[allow(dead_code)]
mod process;
mod support;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::daemon::{BOUND, Daemon, HEARKEN, alone, by_default, hearken, status};
use support::sound_server::SoundServer;
use support::table::standing;

/// What takes long to answer.
const STORY: &str = "Tell me a long story about a king and his castle.";

struct Desk {
    server: SoundServer,
    daemon: Daemon,
    rows: Vec<String>,
}

impl Desk {
    fn ask(&self, question: &str) -> (Option<i32>, String, String) {
        hearken(&self.server, &["ctl", "ask", question])
    }

    /// The next turn works.
    fn row(&mut self, what: &str, heard: &str) {
        let (code, reply, said) = self.ask("What is the capital of France?");
        assert_eq!(code, Some(0), "{what}: {said}");
        assert!(reply.contains("Paris"), "{what}: {reply}");
        self.daemon.until("listening");
        eprintln!("{what}: {heard}");
        self.rows.push(format!("| {what} | {heard} |"));
    }

    /// It tells a story, and something `happens` in the middle of it. What comes next of the reply: its next clause, or its end.
    /// Then that is `over`, and so is the story.
    fn in_a_story(&self, happens: impl FnOnce(), over: impl FnOnce()) -> Value {
        let server = &self.server;
        // Of a reply that is stopped these come in either order.
        let mut left = vec!["turn_finished", "listening"];
        let next = std::thread::scope(|scope| {
            let asking = scope.spawn(move || hearken(server, &["ctl", "ask", STORY]));
            self.daemon.until("clause_started");
            happens();
            let next = self.goes_on();
            over();
            if next["event"] == "turn_finished" {
                left.remove(0);
            } else {
                hearken(server, &["ctl", "stop"]);
            }
            asking.join().unwrap();
            next
        });
        while !left.is_empty() {
            let event = self.daemon.events.recv_timeout(BOUND);
            let event = event.expect("the reply is never over");
            left.retain(|kind| event["event"] != *kind);
        }
        next
    }

    /// The next clause that begins from now on, or the end of the reply, whenever that was.
    fn goes_on(&self) -> Value {
        let now = self.daemon.began.elapsed().as_secs_f64();
        loop {
            let event = self.daemon.events.recv_timeout(BOUND);
            let event = event.expect("the reply neither goes on nor ends");
            let later = event["seen_s"].as_f64() > Some(now);
            if event["event"] == "turn_finished" || (event["event"] == "clause_started" && later) {
                return event;
            }
        }
    }

    /// What this process has started.
    fn children(&self) -> Vec<i32> {
        let children = process::children(self.daemon.process.id());
        children.into_iter().map(|id| id as i32).collect()
    }
}

#[test]
fn runs_short_and_goes_on() {
    let _alone = alone();
    let server = SoundServer::start();
    let shift = server.folder().join("shift");
    let set = |jump: &str| std::fs::write(&shift, format!("{jump}\n")).unwrap();
    set("+0");
    let mut command = by_default(server.command(HEARKEN));
    command
        .args(["run", "--json", "--set", "attention.mode=always"])
        // The day's time is what the file says; what measures how long something takes goes on as it does when a clock is set.
        .env("LD_PRELOAD", faketime())
        .env("FAKETIME_TIMESTAMP_FILE", &shift)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("FAKETIME_CACHE_DURATION", "1");
    let daemon = Daemon::start(command);
    daemon.until("ready");
    let mut desk = Desk {
        server,
        daemon,
        rows: Vec::new(),
    };
    killed(&mut desk);
    without_descriptors(&mut desk);

    // The clock is set, forward by a day and back to the year before.
    let time = |desk: &Desk| desk.ask("What's the date?").1.trim().to_owned();
    let before = time(&desk);
    desk.daemon.until("listening");
    for jump in ["+1d", "-400d"] {
        set(jump);
        std::thread::sleep(Duration::from_secs(2));
        let after = time(&desk);
        desk.daemon.until("listening");
        assert!(
            !after.is_empty() && after != before,
            "{before}, then {after}"
        );
    }
    // The same while it speaks.
    let next = desk.in_a_story(
        || {
            set("+1d");
            std::thread::sleep(Duration::from_secs(2));
        },
        || set("+0"),
    );
    assert!(next["failure"].is_null(), "{next}");
    desk.row(
        "the clock is set a day forward, and a year back, also in the middle of a reply",
        "nothing of it; the date is the new one",
    );

    desk.daemon.signal(Signal::SIGTERM);
    let (code, said) = desk.daemon.end();
    assert_eq!(code, Some(0), "{said:?}");
    let table = format!(
        "| what happens | the person hears |\n|---|---|\n{}\n",
        desk.rows.join("\n")
    );
    assert_eq!(standing("pressure", &table), table);
}

/// Memory runs out, and the system ends the largest program: the language model, in the middle of a reply.
fn killed(desk: &mut Desk) {
    let model = desk.children();
    assert_eq!(model.len(), 1, "{model:?}");
    let server = &desk.server;
    let asking = std::thread::scope(|scope| {
        let asking = scope.spawn(|| hearken(server, &["ctl", "ask", STORY]));
        desk.daemon.until("clause_started");
        kill(Pid::from_raw(model[0]), Signal::SIGKILL).unwrap();
        asking.join().unwrap()
    });
    let (_, _, failure) = asking;
    let turn = desk.daemon.until("turn_finished");
    assert!(!turn["reply"].as_str().unwrap().is_empty(), "{turn}");
    // What it had written is said; the rest it had not, or it was told why it is missing.
    assert!(turn["failure"].is_null() || !failure.is_empty(), "{turn}");
    desk.daemon.until("listening");
    let began = Instant::now();
    while desk.children().is_empty() {
        assert!(began.elapsed() < BOUND, "no language model is begun anew");
        std::thread::sleep(Duration::from_millis(100));
    }
    desk.row(
        "memory runs out, and the system ends the language model in the middle of a reply",
        "what it had written; it is begun anew",
    );
}

/// No file can be opened any more.
fn without_descriptors(desk: &mut Desk) {
    let id = desk.daemon.process.id();
    let limit = |most: &str| {
        let done = Command::new("prlimit")
            .args(["--pid", &id.to_string(), &format!("--nofile={most}")])
            .status();
        assert!(done.unwrap().success());
    };
    // None beyond those that are open, and the hard limit as it was. The program that asked has one of them; who is
    // let in all the same has found one that was given back.
    let open = status(desk.server.folder()).unwrap()["descriptors"].as_u64();
    let mut most = open.unwrap() - 1;
    limit(&format!("{most}:"));
    while status(desk.server.folder()).is_some() {
        most -= 1;
        assert!(most > 0, "somebody is let in without a descriptor");
        limit(&format!("{most}:"));
    }
    // Somebody who speaks is heard and answered, if only with a sentence about it; where eSpeak NG cannot read its own files
    // either, with the chime of a failure.
    desk.server
        .play_into_room(&PathBuf::from("assets/demo/question.wav"));
    let turn = desk.daemon.until("turn_finished");
    let said = !turn["reply"].as_str().unwrap().is_empty();
    assert!(said || turn["failure"].is_string(), "{turn}");
    desk.daemon.until("listening");
    limit("1024:");
    // The same while it speaks, when no fewer are open.
    let full = format!("{most}:");
    let next = desk.in_a_story(|| limit(&full), || limit("1024:"));
    let said = next["reply"].as_str().is_none_or(|reply| !reply.is_empty());
    assert!(said, "{next}");
    desk.row(
        "no file descriptors are left, before a question and in the middle of a reply",
        "an answer, a sentence about the language model that cannot be reached, or, where the voice finds no descriptor for its own files, the chime of a failure; of a reply that sounds already, what the voice can still say; the control socket lets nobody in",
    );
}

fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let found = folders
        .map(|folder| folder.unwrap().path().join("faketime/libfaketime.so.1"))
        .find(|file| file.exists());
    found.expect("libfaketime (package faketime) is needed")
}
