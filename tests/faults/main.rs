//! The matrix of faults: each seam fails in each state of a turn that it can fail in; what the person hears, what is told, what
//! is logged, and that the next turn works. The table of docs/reliability.md is what this finds:
//! `WRITE_TABLES=1 cargo test --release --test faults` writes it. One test, in a process of its own: its log is read.
#![allow(clippy::unwrap_used, missing_docs)]

mod house;
#[path = "../support/http_server.rs"]
#[allow(dead_code)]
mod http_server;
mod log;
#[path = "../hands_free/room.rs"]
#[allow(dead_code)]
mod room;
#[path = "../support/scripted.rs"]
#[allow(dead_code)]
mod scripted;
mod stalling;
#[path = "../support/table.rs"]
mod table;
#[path = "../hands_free/unpluggable.rs"]
mod unpluggable;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hearken::config::Config;
use hearken::event::Event;
use hearken::reply::model::ModelError;
use hearken::reply::openai::{Client, Settings};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use tokio::sync::Notify;

use house::{Device, EVERY, FURTHER, IMPATIENT, PATIENT, Row, SAID, When, house, quick};
use http_server::{Server, Step};
use log::{Log, complaints};
use room::{BUG, ENDLESS, TIRING, UNREADABLE, enter};
use scripted::Writes;
use table::standing;

/// A fault shows within this; nobody waits for one that is told.
const SHOWS: Duration = Duration::from_millis(300);
/// A server that says nothing is given up after this, in ms.
const SILENT_MS: u64 = 800;
/// What a server or a model writes before it fails in the middle of a reply.
const BEGUN: &[&str] = &[
    "Once there was a king. ",
    "He lived in a castle. ",
    "And he",
];

/// The rows, each with what was logged.
struct Table {
    log: Log,
    rows: Vec<(Row, Vec<String>)>,
}

impl Table {
    fn add(&mut self, row: Row) {
        self.add_with(row, "/dev/full", "/dev/full");
    }

    /// A row in which `own` is another one each time, and `stands as `shown`.
    fn add_with(&mut self, mut row: Row, own: &str, shown: &str) {
        eprintln!("{}, {}: {}", row.fault, row.when, row.heard);
        let logged = self.log.take();
        for words in WORDS {
            assert!(
                !logged.contains(words),
                "{}, {}: {words:?} is in the log: {logged}",
                row.fault,
                row.when
            );
        }
        row.told = row.told.replace(own, shown);
        self.rows
            .push((row, complaints(&logged.replace(own, shown))));
    }
}

/// Of all that is said and answered here, words that nothing else has.
const WORDS: [&str; 10] = [
    "tell me a story",
    "are you there",
    "Once",
    "a king",
    "castle",
    "happy",
    "I am here",
    "giraffe",
    "zebra",
    "wibble",
];

/// Not of a fault, but of the same log: words that are for somebody else are in it at no level.
async fn what_is_not_for_hearken_is_in_no_log(table: &Table) {
    let mut room = enter(&["Where is the umbrella?"], vec![]);
    room.until("ready", |e| *e == Event::Ready).await;
    room.say(0);
    room.overheard().await;
    room.leave().await;
    let logged = table.log.take();
    assert!(!logged.is_empty(), "nothing is logged at all");
    assert!(!logged.contains("umbrella"), "{logged}");
}

/// A device goes and comes back.
async fn devices(table: &mut Table) {
    for (fault, device) in [
        ("the microphone goes and comes back", Device::Microphone),
        ("the loudspeaker goes and comes back", Device::Loudspeaker),
    ] {
        for when in EVERY {
            let mut house = house(when, "", None, quick(), PATIENT).await;
            house.plug(device, true);
            house
                .until("the loss", |e| matches!(e, Event::DeviceLost { .. }))
                .await;
            house.plug(device, false);
            // It is back when it is heard again.
            house.room.feed.play(vec![0.0; 1_600]);
            house
                .until("the return", |e| matches!(e, Event::DeviceFound { .. }))
                .await;
            house.end().await;
            table.add(house.row(fault).await);
        }
    }
}

/// A device stands still and says nothing of it. While a loudspeaker has nothing to play, that is no fault yet.
async fn stalls(table: &mut Table) {
    for when in EVERY {
        let mut house = house(when, "", None, quick(), PATIENT).await;
        house.stalls.store(true, Ordering::Relaxed);
        house
            .until("the loss", |e| matches!(e, Event::DeviceLost { .. }))
            .await;
        house.stalls.store(false, Ordering::Relaxed);
        // It is back when it is heard again.
        house.room.feed.play(vec![0.0; 1_600]);
        house
            .until("the return", |e| matches!(e, Event::DeviceFound { .. }))
            .await;
        house.end().await;
        table.add(house.row("the microphone stalls without an error").await);
    }
    for when in [When::Listening, When::Thinking, When::Speaking, When::Held] {
        let mut house = house(when, "", None, quick(), PATIENT).await;
        house.end_unplayed().await;
        table.add(house.row("the loudspeaker stalls without an error").await);
    }
}

/// Bugs in the ear, and in the player, and a detector that has failed and must be opened anew.
async fn bugs(table: &mut Table) {
    for when in EVERY {
        let mut house = house(when, "", None, quick(), PATIENT).await;
        house.breaks.store(true, Ordering::Relaxed);
        while house.breaks.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        house.end().await;
        table.add(house.row("the ear breaks (a bug)").await);
    }
    for when in EVERY {
        let mut house = house(when, "", None, quick(), PATIENT).await;
        // An ear that naps listens to several frames at a time.
        // A detector that has heard nothing yet bears it.
        let sound = match when {
            // In the middle of a word: a silence would end the sentence.
            When::Listening => vec![TIRING; 512],
            _ => [vec![0.0; 1_536], vec![TIRING; 512], vec![0.0; 4_096]].concat(),
        };
        house.room.feed.play(sound);
        tokio::time::sleep(SHOWS).await;
        house.end().await;
        table.add(house.row("the ear's speech detector fails").await);
    }
    for when in EVERY {
        let mut house = house(when, "", None, quick(), PATIENT).await;
        house.room.loudspeaker.desk().breaks = true;
        house.room.loudspeaker.let_play(0.1);
        house
            .until("the return", |e| matches!(e, Event::DeviceFound { .. }))
            .await;
        house.end().await;
        table.add(house.row("the player breaks (a bug)").await);
    }
}

/// Speech-to-text fails, breaks, or takes for ever, with what somebody says then.
async fn transcription(table: &mut Table) {
    for (fault, sentence) in [
        ("speech-to-text fails", UNREADABLE),
        ("speech-to-text breaks (a bug)", BUG),
        ("speech-to-text takes for ever", ENDLESS),
    ] {
        for when in [When::Idle, When::Thinking, When::Speaking, When::Held] {
            // Whoever holds a reply waits ten minutes, and so does what cannot be read then.
            if (sentence, when) == (ENDLESS, When::Held) {
                continue;
            }
            let mut house = house(when, sentence, None, quick(), IMPATIENT).await;
            house.say(FURTHER);
            tokio::time::sleep(SHOWS).await;
            house.end().await;
            table.add(house.row(fault).await);
        }
    }
}

/// Speech-to-text writes garbage behind the name, which makes it a question like any other.
async fn garbage(table: &mut Table) {
    let numbered: String = (0..2_000).map(|n| format!(" wibble {n}")).collect();
    let faults = [
        (
            "speech-to-text writes control characters",
            "Samantha, wibble \u{1b}]0;wibble\u{7}\u{1b}[2J\u{0}\u{8}\u{9b}31m\u{202e} wibble."
                .to_owned(),
        ),
        (
            "speech-to-text writes 20 kB of words",
            format!("Samantha,{numbered}"),
        ),
        (
            "speech-to-text writes a word over and over",
            format!("Samantha,{}", " wibble".repeat(500)),
        ),
    ];
    for (fault, words) in faults {
        let words: &'static str = words.leak();
        for when in [When::Idle, When::Thinking, When::Speaking, When::Held] {
            let mut house = house(when, words, None, quick(), PATIENT).await;
            house.say(FURTHER);
            house
                .until("the words", |e| matches!(e, Event::Transcribed { .. }))
                .await;
            tokio::time::sleep(SHOWS).await;
            house.end().await;
            table.add(house.row(fault).await);
        }
    }
}

/// What it is called, and what the model does then.
type Fault = (&'static str, fn() -> Writes);

fn refused() -> ModelError {
    ModelError::Unreachable {
        at: "http://127.0.0.1:1/v1".into(),
        reason: "connection refused".into(),
    }
}

/// The language model fails in every way that it has: before it has written anything, and in the middle of a reply.
async fn model(table: &mut Table) {
    let faults: [Fault; 5] = [
        ("the language model cannot be reached", || {
            Writes::Fails(refused())
        }),
        ("the language model breaks off", || {
            Writes::BreaksOff(&[], refused())
        }),
        ("the language model writes nothing", || Writes::Text(&[])),
        ("the language model hangs", || Writes::Hangs),
        ("the language model breaks (a bug)", || Writes::Panics(&[])),
    ];
    for (fault, writes) in faults {
        for when in [When::Thinking, When::Speaking, When::Held] {
            // In the middle of a reply that is its end.
            if fault.ends_with("writes nothing") && when != When::Thinking {
                continue;
            }
            let told = Arc::new(Notify::new());
            let begun = if when == When::Thinking { &[] } else { BEGUN };
            let writes = Writes::Then(begun, Arc::clone(&told), Box::new(writes()));
            let mut house = house(when, "", Some(writes), quick(), IMPATIENT).await;
            told.notify_one();
            tokio::time::sleep(SHOWS).await;
            house.end().await;
            table.add(house.row(fault).await);
        }
    }
}

/// A language-model server that does what it likes, behind the real client.
async fn server(table: &mut Table) {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let token = |text: &&str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n").into_bytes()
    };
    let begun: Vec<u8> = BEGUN.iter().flat_map(token).collect();
    let faults = [
        ("the server answers nothing", vec![Step::Hang]),
        (
            "the server writes a byte a minute",
            vec![Step::Send(b"d".to_vec()), Step::Hang],
        ),
        ("the server breaks off", vec![]),
        (
            "the server sends garbage",
            vec![Step::Send(b"\x00\xff<html>\n\ndata: {\n\n".to_vec())],
        ),
        (
            "the server sends a line without end",
            vec![Step::Flood(vec![b'a'; 65_536])],
        ),
        (
            "the server writes words without end",
            vec![Step::Flood(token(&"la ").repeat(1_000))],
        ),
        (
            "the server fails",
            vec![Step::Send(
                b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".to_vec(),
            )],
        ),
    ];
    for (fault, script) in faults {
        for when in [When::Thinking, When::Speaking, When::Held] {
            let fails_at_once = fault == "the server fails";
            if fails_at_once && when != When::Thinking {
                continue;
            }
            let mut steps = Vec::new();
            if !fails_at_once && fault != "the server answers nothing" || when != When::Thinking {
                steps.push(Step::Send(head.to_vec()));
            }
            let told = Arc::new(Notify::new());
            if when != When::Thinking {
                steps.extend([Step::Send(begun.clone()), Step::Wait(Arc::clone(&told))]);
            }
            steps.extend(script.clone());
            // It is asked twice where that may help.
            let server = Server::start(vec![steps.clone(), steps]).await;
            let mut config = Config::default();
            config.reply.server.url = server.url();
            config.reply.server.model = "parrot".into();
            // The fault has to come before it.
            let silent = script
                .iter()
                .any(|step| matches!(step, Step::Hang))
                .then_some(SILENT_MS);
            config.reply.connect_timeout_ms = 1_000;
            config.reply.first_token_timeout_ms = SILENT_MS;
            config.reply.next_token_timeout_ms = silent.unwrap_or(10_000);
            let client = Client::new(Settings::from_config(&config).unwrap()).unwrap();
            let writes = Writes::Asks(Arc::new(client));
            let mut house = house(when, "", Some(writes), quick(), PATIENT).await;
            told.notify_one();
            tokio::time::sleep(silent.map_or(SHOWS, |ms| SHOWS + Duration::from_millis(ms))).await;
            house.end().await;
            let row = house.row(fault).await;
            // The port is another one each time.
            table.add_with(row, &server.port.to_string(), "8080");
        }
    }
}

/// The voice fails with the first clause, and with one in the middle of a reply.
async fn voice(table: &mut Table) {
    for (fault, at_once, later) in [
        (
            "the voice fails",
            &["He had a giraffe. ", "And he was happy."][..],
            &["Once there was a king. ", "He had a giraffe."][..],
        ),
        (
            "the voice breaks (a bug)",
            &["He had a zebra. ", "And he was happy."],
            &["Once there was a king. ", "He had a zebra."],
        ),
    ] {
        for (when, text) in [("thinking", at_once), ("speaking", later)] {
            let told = Arc::new(Notify::new());
            let writes = Writes::Then(&[], Arc::clone(&told), Box::new(Writes::Text(text)));
            let mut house = house(When::Thinking, "", Some(writes), quick(), IMPATIENT).await;
            told.notify_one();
            house.end().await;
            table.add(house.row_while(fault, when).await);
        }
    }
}

/// The conversation cannot be kept: from the beginning, and from some moment on.
async fn disk(table: &mut Table) {
    let keeping = |file: PathBuf| {
        let mut keeps = quick();
        keeps.memory.conversation = true;
        keeps.memory.file = file;
        keeps
    };
    // Whatever is written there is a full disk.
    let full = keeping(PathBuf::from("/dev/full"));
    let mut house_ = house(When::Idle, "", None, full, PATIENT).await;
    house_.end().await;
    table.add(house_.row("the conversation cannot be written").await);
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    for when in EVERY {
        let dir = tempfile::tempdir().unwrap();
        let config = keeping(dir.path().join("conversation.db"));
        let mut house = house(when, "", None, config, PATIENT).await;
        // No file grows any more.
        setrlimit(Resource::RLIMIT_FSIZE, 0, hard).unwrap();
        house.end().await;
        let row = house.row("the disk becomes full").await;
        setrlimit(Resource::RLIMIT_FSIZE, soft, hard).unwrap();
        table.add_with(row, &dir.path().display().to_string(), "/home/you");
    }
}

#[test]
fn every_fault_is_told_and_the_next_turn_works() {
    // Who writes beyond what a file may have is told by an error and not ended; so are the threads that begin here.
    let mut too_much = SigSet::empty();
    too_much.add(Signal::SIGXFSZ);
    too_much.thread_block().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut table = Table {
        log: Log::begin(),
        rows: Vec::new(),
    };
    runtime.block_on(async {
        what_is_not_for_hearken_is_in_no_log(&table).await;
        devices(&mut table).await;
        stalls(&mut table).await;
        bugs(&mut table).await;
        transcription(&mut table).await;
        garbage(&mut table).await;
        model(&mut table).await;
        server(&mut table).await;
        voice(&mut table).await;
        disk(&mut table).await;
    });
    assert!(SAID[0].contains(WORDS[0]) && SAID[1].contains(WORDS[1]));
    let mut text = String::from(
        "| fault | while | the person hears | events | warnings in the log |\n|---|---|---|---|---|\n",
    );
    let mut untold = Vec::new();
    for (row, logged) in &table.rows {
        let logged = logged.join("; ");
        text += &format!(
            "| {} | {} | {} | {} | {logged} |\n",
            row.fault, row.when, row.heard, row.told
        );
        // Somebody is told of every one. What the ear mends costs nothing that anybody said; the program's own hook logs a bug in it.
        // What is taken for a question is answered.
        let quiet = ["the ear", "speech-to-text writes"];
        let quiet = quiet.iter().any(|fault| row.fault.starts_with(fault));
        if row.told.is_empty() && logged.is_empty() && !quiet {
            untold.push((row.fault, row.when));
        }
    }
    assert_eq!(
        standing("faults", &text),
        text,
        "docs/reliability.md is not what happens"
    );
    assert!(untold.is_empty(), "nobody is told of {untold:?}");
}
