//! The matrix of faults: each seam fails in each state of a turn; what the person hears, what is told, and that the next turn
//! works. The table of docs/reliability.md is what this finds: `WRITE_TABLES=1 cargo test --release --test hands_free
//! faults` writes it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearken::audio::file::{FileMicrophone, Pace};
use hearken::config::Config;
use hearken::event::Event;
use hearken::reply::model::ModelError;
use hearken::reply::openai::{Client, Settings};

use tokio::sync::Notify;

use super::devices::Unpluggable;
use super::room::*;
use crate::http_server::{Server, Step};
use crate::scripted::Writes;
use crate::table::standing;

/// What is asked with the fault, and after it.
const ASKED: [&str; 2] = ["Samantha, tell me a story.", "Samantha, are you there?"];

/// A row of the table.
struct Row {
    fault: &'static str,
    when: &'static str,
    heard: String,
    told: String,
}

/// What the person hears and what is told, as it comes.
#[derive(Default)]
struct Seen {
    heard: Vec<String>,
    told: Vec<String>,
}

impl Seen {
    fn take(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::TurnFinished(report) if !report.reply.is_empty() => {
                    let broken = if report.interrupted { " …" } else { "" };
                    self.heard.push(format!("“{}{broken}”", report.reply));
                }
                Event::Failed { what } => self.told.push(what.clone()),
                Event::DeviceLost { device, why } => {
                    self.told.push(format!("`device_lost` ({device}): {why}"));
                }
                Event::DeviceFound { device } => {
                    self.told.push(format!("`device_found` ({device})"));
                }
                _ => {}
            }
        }
    }

    fn row(self, fault: &'static str, when: &'static str) -> Row {
        let heard = match self.heard.is_empty() {
            true => "nothing of it".into(),
            false => self.heard.join(", then "),
        };
        Row {
            fault,
            when,
            heard,
            told: self.told.join("; "),
        }
    }
}

/// A house in which nothing chimes, with these sentences and answers.
fn house(sentences: &'static [&'static str], mut writes: Vec<Writes>, patience: Duration) -> House {
    writes.push(Writes::Text(&["I am here."]));
    let (unplugged, breaks) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (inner, feed) = FileMicrophone::new(Pace::AsFast);
    let microphone = Unpluggable {
        inner,
        unplugged: Arc::clone(&unplugged),
        hangs: Arc::default(),
        breaks: Arc::clone(&breaks),
        told: false,
    };
    let mut quick = config();
    // A turn is given up after twice as long as the model may take, or after `patience` if that is longer.
    quick.reply.connect_timeout_ms = 100;
    quick.reply.first_token_timeout_ms = 200;
    quick.reply.next_token_timeout_ms = 200;
    let room = enter_before((microphone, feed), sentences, writes, quick, None, patience);
    House {
        room,
        unplugged,
        breaks,
        seen: Seen::default(),
    }
}

struct House {
    room: Room,
    unplugged: Arc<AtomicBool>,
    breaks: Arc<AtomicBool>,
    seen: Seen,
}

impl House {
    async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) {
        let events = self.room.until(what, wanted).await;
        self.seen.take(&events);
    }

    /// The turn that the fault was in is over, and nothing goes on.
    async fn over(&mut self) {
        self.until("the end of it", |e| *e == Event::Listening)
            .await;
    }

    /// The next turn works.
    async fn row(mut self, fault: &'static str, when: &'static str) -> Row {
        self.room.loudspeaker.let_play(60.0);
        self.room.say(1);
        // What is still due of the fault comes before.
        let answer = |e: &Event| matches!(e, Event::TurnFinished(r) if r.reply == "I am here.");
        let mut events = self
            .room
            .until(&format!("the next turn after {fault} {when}"), answer)
            .await;
        events.pop();
        self.seen.take(&events);
        self.room.leave().await;
        self.seen.row(fault, when)
    }
}

const PATIENT: Duration = Duration::from_secs(90);

/// A house in that state, and what lets its model write on.
async fn house_while(when: &str) -> (House, Arc<Notify>) {
    let told = Arc::new(Notify::new());
    let first = match when {
        "idle" => vec![],
        "thinking" => vec![Writes::Late(Arc::clone(&told), &["Once."])],
        _ => vec![STORY],
    };
    let mut house = house(&ASKED, first, PATIENT);
    match when {
        "idle" => house.until("ready", |e| *e == Event::Ready).await,
        "thinking" => {
            house.room.say(0);
            house
                .until("the question", |e| matches!(e, Event::Transcribed { .. }))
                .await;
        }
        _ => house.room.speaking(0).await,
    }
    (house, told)
}

/// A device goes and comes back, while nobody speaks, while it thinks, and while it speaks.
async fn devices(rows: &mut Vec<Row>) {
    for fault in [
        "the microphone goes and comes back",
        "the loudspeaker goes and comes back",
    ] {
        for when in ["idle", "thinking", "speaking"] {
            let (mut house, told) = house_while(when).await;
            let microphone = fault.contains("microphone");
            let plug = |house: &House, gone: bool| match microphone {
                true => house.unplugged.store(gone, Ordering::Relaxed),
                false => house.room.loudspeaker.desk().gone = gone,
            };
            plug(&house, true);
            house
                .until("the loss", |e| matches!(e, Event::DeviceLost { .. }))
                .await;
            told.notify_one();
            plug(&house, false);
            house.room.loudspeaker.let_play(60.0);
            // What it was at is heard to the end.
            if when != "idle" {
                house
                    .until(
                        "the end",
                        |e| matches!(e, Event::TurnFinished(r) if !r.interrupted),
                    )
                    .await;
            }
            rows.push(house.row(fault, when).await);
        }
    }
}

/// Speech-to-text fails, breaks, or takes for ever.
async fn transcription(rows: &mut Vec<Row>) {
    for (fault, first) in [
        ("speech-to-text fails", UNREADABLE),
        ("speech-to-text breaks (a bug)", BUG),
        ("speech-to-text takes for ever", ENDLESS),
    ] {
        let sentences: &'static [&'static str] = vec![first, ASKED[1]].leak();
        let mut house = house(sentences, vec![], Duration::from_secs(2));
        house.room.say(0);
        house.over().await;
        rows.push(house.row(fault, "transcribing").await);
    }
}

/// The language model fails in every way that it has.
async fn model(rows: &mut Vec<Row>) {
    let refuses = || ModelError::Unreachable {
        at: "http://127.0.0.1:1/v1".into(),
        reason: "connection refused".into(),
    };
    for (fault, writes) in [
        (
            "the language model cannot be reached",
            Writes::Fails(refuses()),
        ),
        (
            "the language model breaks off",
            Writes::BreaksOff(&["Once there was a king. "], refuses()),
        ),
        ("the language model writes nothing", Writes::Text(&[])),
        ("the language model hangs", Writes::Hangs),
        (
            "the language model breaks (a bug)",
            Writes::Panics(&["Once there was a king. "]),
        ),
    ] {
        let mut house = house(&ASKED, vec![writes], Duration::from_secs(2));
        house.room.loudspeaker.let_play(60.0);
        house.room.say(0);
        house.over().await;
        rows.push(house.row(fault, "thinking").await);
    }
}

/// A language-model server that does what it likes, behind the real client.
async fn server(rows: &mut Vec<Row>) {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let begun = [
        &head[..],
        b"data: {\"choices\":[{\"delta\":{\"content\":\"Once there was a king. \"}}]}\n\n",
    ]
    .concat();
    for (fault, script) in [
        ("the server answers nothing", vec![Step::Hang]),
        (
            "the server writes a byte a minute",
            vec![
                Step::Send(begun.clone()),
                Step::Send(b"d".to_vec()),
                Step::Hang,
            ],
        ),
        ("the server breaks off", vec![Step::Send(begun)]),
        (
            "the server sends garbage",
            vec![Step::Send(
                [&head[..], b"\x00\xff<html>\n\ndata: {\n\n"].concat(),
            )],
        ),
        (
            "the server sends a line without end",
            vec![Step::Send(head.to_vec()), Step::Flood(vec![b'a'; 65_536])],
        ),
        (
            "the server fails",
            vec![Step::Send(
                b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".to_vec(),
            )],
        ),
    ] {
        // It is asked twice where that may help.
        let server = Server::start(vec![script.clone(), script]).await;
        let mut config = Config::default();
        config.reply.server.url = server.url();
        config.reply.server.model = "parrot".into();
        config.reply.connect_timeout_ms = 1_000;
        config.reply.first_token_timeout_ms = 1_000;
        config.reply.next_token_timeout_ms = 1_000;
        let client = Client::new(Settings::from_config(&config).unwrap()).unwrap();
        let mut house = house(&ASKED, vec![Writes::Asks(Arc::new(client))], PATIENT);
        house.room.loudspeaker.let_play(60.0);
        house.room.say(0);
        house.over().await;
        let mut row = house.row(fault, "thinking").await;
        // The port is another one each time.
        row.told = row.told.replace(&server.port.to_string(), "8080");
        rows.push(row);
    }
}

async fn voice(rows: &mut Vec<Row>) {
    for (fault, text) in [
        (
            "the voice fails",
            &["Once there was a king. ", "He had a giraffe."],
        ),
        (
            "the voice breaks (a bug)",
            &["Once there was a king. ", "He had a zebra."],
        ),
    ] {
        let mut house = house(&ASKED, vec![Writes::Text(text)], PATIENT);
        house.room.loudspeaker.let_play(60.0);
        house.room.say(0);
        house.over().await;
        rows.push(house.row(fault, "speaking").await);
    }
}

/// Bugs in the ear, and in the player.
async fn bugs(rows: &mut Vec<Row>) {
    let mut ear = house(&ASKED, vec![], PATIENT);
    ear.until("ready", |e| *e == Event::Ready).await;
    ear.breaks.store(true, Ordering::Relaxed);
    while ear.breaks.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    rows.push(ear.row("the ear breaks (a bug)", "idle").await);
    let mut detector = house(&ASKED, vec![], PATIENT);
    detector.until("ready", |e| *e == Event::Ready).await;
    detector.room.feed.play(vec![TIRING; 512]);
    rows.push(
        detector
            .row("the ear's speech detector fails", "idle")
            .await,
    );
    let mut player = house(&ASKED, vec![STORY], PATIENT);
    player.room.speaking(0).await;
    player.room.loudspeaker.desk().breaks = true;
    player.room.loudspeaker.let_play(60.0);
    player
        .until("the return", |e| matches!(e, Event::DeviceFound { .. }))
        .await;
    player.room.loudspeaker.let_play(60.0);
    player
        .until(
            "the rest",
            |e| matches!(e, Event::TurnFinished(r) if !r.interrupted),
        )
        .await;
    rows.push(player.row("the player breaks (a bug)", "speaking").await);
}

/// The conversation cannot be kept.
async fn disk(rows: &mut Vec<Row>) {
    let mut keeps = config();
    keeps.memory.conversation = true;
    // Whatever is written there is a full disk.
    keeps.memory.file = PathBuf::from("/dev/full");
    let room = enter_keeping(&ASKED, keeps);
    let mut house = House {
        room,
        unplugged: Arc::default(),
        breaks: Arc::default(),
        seen: Seen::default(),
    };
    house.until("ready", |e| *e == Event::Ready).await;
    house.room.loudspeaker.let_play(60.0);
    house.room.say(0);
    house.over().await;
    rows.push(
        house
            .row("the conversation cannot be written", "speaking")
            .await,
    );
}

fn enter_keeping(sentences: &'static [&'static str], config: Config) -> Room {
    let writes = vec![Writes::Text(&["Once."]), Writes::Text(&["I am here."])];
    enter_with(sentences, writes, config, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_told_and_the_next_turn_works() {
    let mut rows = Vec::new();
    devices(&mut rows).await;
    transcription(&mut rows).await;
    model(&mut rows).await;
    server(&mut rows).await;
    voice(&mut rows).await;
    bugs(&mut rows).await;
    disk(&mut rows).await;
    let mut table = String::from(
        "| fault | while | the person hears | events and the log say |\n|---|---|---|---|\n",
    );
    for row in &rows {
        let line = format!(
            "| {} | {} | {} | {} |\n",
            row.fault, row.when, row.heard, row.told
        );
        table.push_str(&line);
        // What the ear mends is in the log alone: it costs nothing that anybody said.
        assert!(
            !row.told.is_empty() || row.fault.starts_with("the ear"),
            "{}",
            row.fault
        );
    }
    assert_eq!(
        standing("faults", &table),
        table,
        "docs/reliability.md is not what happens"
    );
}
