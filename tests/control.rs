//! The control socket: a real daemon's `run` with scripted models, and programs that ask, steer, watch and misbehave.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/scripted.rs"]
#[allow(dead_code)] // Each test takes what it needs.
mod scripted;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hearken::audio::file::{FileMicrophone, FileMicrophoneFeed, Pace};
use hearken::config::{Config, Mode};
use hearken::control::{self, Claim, LONGEST_LINE, Server};
use hearken::daemon::{self, Parts};
use hearken::event::{Bus, Event};
use hearken::service::manager::Supervisor;
use hearken::turn::conductor::{Ending, Outcome};
use hearken::turn::order;
use scripted::{
    Hears, Loudness, ScriptedModel, ScriptedSpeaker, ScriptedTranscriber, ScriptedVoice, Writes,
    speech,
};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const BOUND: Duration = Duration::from_secs(30);
/// Hostile programs go on for so long.
const ATTACK: Duration = Duration::from_secs(8);

struct House {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    feed: FileMicrophoneFeed,
    events: Receiver<Event>,
    said: Arc<Mutex<Vec<String>>>,
    signs: Arc<Mutex<Signs>>,
    server: Server,
    ending: JoinHandle<Result<Outcome, Ending>>,
}

/// When the last sign of life came, and the longest time between two.
struct Signs {
    last: Instant,
    longest: Duration,
}

struct Watching(Arc<Mutex<Signs>>);

impl Supervisor for Watching {
    fn ready(&mut self) {}

    fn alive(&mut self) {
        let mut signs = self.0.lock().unwrap();
        signs.longest = signs.longest.max(signs.last.elapsed());
        signs.last = Instant::now();
    }
}

fn house(hears: Vec<Hears>, writes: Vec<Writes>) -> House {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let (microphone, feed) = FileMicrophone::new(Pace::AsFast);
    let (model, _) = ScriptedModel::new(writes);
    let said = Arc::new(Mutex::new(Vec::new()));
    let signs = Arc::new(Mutex::new(Signs {
        last: Instant::now(),
        longest: Duration::ZERO,
    }));
    let (orders, ordered) = order::channel();
    let (bus, stop) = (Bus::default(), CancellationToken::new());
    let events = bus.subscribe();
    let claim = Claim::new(&socket).unwrap();
    let server = control::serve(claim, orders, bus.clone(), stop.clone(), <_>::default()).unwrap();
    let parts = Parts {
        microphone: Box::new(microphone),
        vad: Box::new(Loudness),
        wake: None,
        turn_end: None,
        transcriber: Box::new(ScriptedTranscriber(VecDeque::from(hears))),
        model,
        voice: Box::new(ScriptedVoice(Arc::clone(&said))),
        speaker: Box::new(ScriptedSpeaker::default()),
        open_speaker: None,
        supervisor: Some(Box::new(Watching(Arc::clone(&signs)))),
        orders: ordered,
        name_file: Some(folder.path().join("name.toml")),
        conversation_file: None,
        left_file: None,
        carried: None,
        mute_file: None,
        patience: daemon::PATIENCE,
    };
    let mut config = Config::default();
    config.audio.chimes = false;
    config.echo.noise_suppression = false;
    config.attention.mode = Mode::Always;
    let ending = tokio::spawn(async move { daemon::run(parts, &config, bus, stop).await });
    House {
        _folder: folder,
        socket,
        feed,
        events,
        said,
        signs,
        server,
        ending,
    }
}

impl House {
    async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) {
        let search = async { while !wanted(&self.events.recv().await.unwrap()) {} };
        tokio::time::timeout(BOUND, search)
            .await
            .unwrap_or_else(|_| panic!("{what} never came"));
    }
}

/// A program at the socket.
struct Program {
    lines: std::io::Lines<BufReader<UnixStream>>,
    stream: UnixStream,
}

impl Program {
    fn new(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut program = Self { lines, stream };
        assert_eq!(program.read()["protocol"], control::PROTOCOL);
        program
    }

    fn write(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).unwrap();
        self.stream.write_all(b"\n").unwrap();
    }

    fn read(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("it was left").unwrap()).unwrap()
    }

    /// The answer to a request; events before it are passed over.
    fn ask(&mut self, request: Value) -> Value {
        self.write(&request.to_string());
        loop {
            let line = self.read();
            if line.get("event").is_none() {
                return line;
            }
        }
    }

    fn status(&mut self) -> Value {
        self.ask(json!({"method": "status"}))["ok"].clone()
    }

    /// The next event of this kind.
    fn event(&mut self, kind: &str) -> Value {
        loop {
            let line = self.read();
            if line["event"] == kind {
                return line;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_how_it_is_and_does_what_it_is_told() {
    let mut house = house(vec![], vec![Writes::Text(&["Oslo is."])]);
    house.until("ready", |e| *e == Event::Ready).await;
    let mut program = Program::new(&house.socket);
    let status = program.status();
    assert_eq!(
        (&status["state"], &status["name"], &status["muted"]),
        (&json!("idle"), &json!("Samantha"), &json!(false))
    );
    assert_eq!(program.ask(json!({"method": "events", "id": 1}))["id"], 1);

    let said = program.ask(json!({"method": "say", "text": "Tea is ready.", "id": 2}));
    let turn = said["ok"]["turn"].clone();
    let finished = program.event("turn_finished");
    assert_eq!(
        (&finished["turn"], &finished["reply"]),
        (&turn, &json!("Tea is ready."))
    );
    assert_eq!(finished["transcript"], "");
    assert_eq!(*house.said.lock().unwrap(), ["Tea is ready."]);

    program.ask(json!({"method": "ask", "text": "What is the capital of Norway?"}));
    let finished = program.event("turn_finished");
    assert_eq!(finished["reply"], "Oslo is.");
    // What was said because of an order is no part of the conversation; what was asked is.
    let history = program.ask(json!({"method": "history"}))["ok"].clone();
    let expected = json!([
        {"role": "user", "text": "What is the capital of Norway?"},
        {"role": "assistant", "text": "Oslo is."},
    ]);
    assert_eq!(history, expected);
    program.ask(json!({"method": "forget"}));
    assert_eq!(program.status()["remembered_turns"], 0);

    let volume = |program: &mut Program, percent: u32| {
        program.ask(json!({"method": "volume", "percent": percent}))["ok"]["percent"].clone()
    };
    assert_eq!(volume(&mut program, 80), 80);
    assert_eq!(volume(&mut program, 0), 10);
    assert_eq!(program.status()["volume_percent"], 10);
    program.ask(json!({"method": "name", "name": "Anna"}));
    assert_eq!(program.status()["name"], "Anna");
    let refused = program.ask(json!({"method": "name", "name": "42"}));
    assert!(refused["error"].is_string(), "{refused}");
    assert_eq!(
        program.ask(json!({"method": "stop"}))["ok"]["stopped"],
        false
    );

    program.ask(json!({"method": "shutdown"}));
    tokio::time::timeout(BOUND, house.ending)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    drop(house.server);
    assert!(!house.socket.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_muted_is_not_heard_and_not_heard_later_either() {
    let hears = vec![Hears::Words("Can you hear me?")];
    let mut house = house(hears, vec![Writes::Text(&["I can."])]);
    house.until("ready", |e| *e == Event::Ready).await;
    let mut program = Program::new(&house.socket);
    program.ask(json!({"method": "mute"}));
    assert_eq!(program.status()["muted"], true);
    house.until("muted", |e| *e == Event::Muted).await;
    house.feed.play(speech(600));
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Both at once: each is answered, and the last holds.
    program.write(r#"{"method":"unmute","id":1}"#);
    program.write(r#"{"method":"mute","id":2}"#);
    program.write(r#"{"method":"unmute","id":3}"#);
    for id in 1..=3 {
        assert_eq!(program.read(), json!({"id": id, "ok": null}));
    }
    house.until("unmuted", |e| *e == Event::Unmuted).await;
    assert!(
        house.said.lock().unwrap().is_empty(),
        "it heard what it was not to hear"
    );
    house.feed.play(speech(600));
    house
        .until(
            "a reply",
            |e| matches!(e, Event::TurnFinished(r) if r.reply == "I can."),
        )
        .await;
    house.feed.end();
    house.ending.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_stopped_and_what_is_to_be_said_waits_for_it() {
    let long = Writes::Text(&["One. ", "Two. ", "Three. ", "Four. ", "Five. "]);
    let mut house = house(vec![], vec![Writes::Hangs, long]);
    house.until("ready", |e| *e == Event::Ready).await;
    let mut program = Program::new(&house.socket);
    program.ask(json!({"method": "ask", "text": "What is this?"}));
    assert_eq!(program.status()["state"], "thinking");
    // It waits until nobody thinks or speaks.
    program.write(r#"{"method":"say","text":"Tea is ready.","id":9}"#);
    let mut other = Program::new(&house.socket);
    assert_eq!(other.ask(json!({"method": "stop"}))["ok"]["stopped"], true);
    assert!(program.read()["ok"]["turn"].is_number());
    house
        .until(
            "it is said",
            |e| matches!(e, Event::TurnFinished(r) if r.reply == "Tea is ready."),
        )
        .await;
    house.feed.end();
    house.ending.await.unwrap().unwrap();
}

/// By so much more a turn may take under attack, on a machine with two cores that are busy with the attack.
const DELAY: Duration = Duration::from_millis(300);

/// How long half of so many turns take at most.
async fn half_of(turns: usize, house: &mut House) -> Duration {
    let mut took = Vec::new();
    for _ in 0..turns {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        house.feed.play(speech(600));
        house
            .until("a reply", |e| matches!(e, Event::TurnFinished(_)))
            .await;
        took.push(began.elapsed());
        house.until("listening", |e| *e == Event::Listening).await;
    }
    took.sort();
    took[turns / 2]
}

/// Programs that do everything wrong while somebody talks with hearken: each turn comes, and comes about as soon as without
/// them.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_programs_delay_no_turn() {
    let turns = 8;
    let hears = (0..2 * turns).map(|_| Hears::Words("Hm?")).collect();
    let writes = (0..2 * turns).map(|_| Writes::Text(&["Yes."])).collect();
    let mut house = house(hears, writes);
    house.until("ready", |e| *e == Event::Ready).await;
    let alone = half_of(turns, &mut house).await;
    house.signs.lock().unwrap().longest = Duration::ZERO;
    let done = CancellationToken::new();
    let floods = FLOODS
        .map(|requests| -> Attack { Box::new(|socket, done| flood(socket, done, requests)) })
        .into_iter();
    let attacks =
        [half_a_line, endless_line, crowd, deaf].map(|attack| -> Attack { Box::new(attack) });
    let hostile: Vec<_> = floods
        .chain(attacks)
        .map(|attack| {
            let (socket, done) = (house.socket.clone(), done.clone());
            std::thread::spawn(move || attack(&socket, &done))
        })
        .collect();
    let began = Instant::now();
    let attacked = half_of(turns, &mut house).await;
    tokio::time::sleep(ATTACK.saturating_sub(began.elapsed())).await;
    done.cancel();
    for thread in hostile {
        thread.join().unwrap();
    }
    eprintln!("half of the turns took {alone:?} at most, and {attacked:?} under attack");
    // The attackers take cores as well, which this does not forbid; a conversation that waits for them takes longer.
    assert!(attacked < alone + DELAY, "{alone:?}, {attacked:?}");
    // Nor does whoever supervises hearken take it for dead.
    let silent = {
        let signs = house.signs.lock().unwrap();
        signs.longest.max(signs.last.elapsed())
    };
    eprintln!("{silent:?} without a sign of life at most");
    assert!(silent < ATTACK / 2, "{silent:?}");
    // Programs that behave are served again.
    let served = || {
        let stream = UnixStream::connect(&house.socket).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.contains("protocol")
    };
    let began = Instant::now();
    while !served() {
        assert!(began.elapsed() < BOUND, "nobody is served any more");
        std::thread::sleep(Duration::from_millis(20));
    }
    house.feed.end();
    house.ending.await.unwrap().unwrap();
}

type Attack = Box<dyn FnOnce(&Path, &CancellationToken) + Send>;

/// What is asked for again and again, each by a program of its own. A name is written to its file.
const FLOODS: [&[&str]; 8] = [
    &[r#"{"method":"status"}"#],
    &[
        r#"{"method":"name","name":"Anna"}"#,
        r#"{"method":"name","name":"Bella"}"#,
    ],
    &[
        r#"{"method":"name","name":"Clara"}"#,
        r#"{"method":"name","name":"Diana"}"#,
    ],
    &[r#"{"method":"name","name":"Emily"}"#],
    &[
        r#"{"method":"volume","percent":100}"#,
        r#"{"method":"volume","percent":90}"#,
    ],
    &[r#"{"method":"history"}"#, r#"{"method":"forget"}"#],
    &[r#"{"method":"devices"}"#, r#"{"method":"reload"}"#],
    &[r#"{"method":"fly"}"#],
];

/// These requests as fast as they go; who is turned away comes again.
fn flood(socket: &Path, done: &CancellationToken, requests: &[&str]) {
    let lines: String = requests.iter().map(|line| format!("{line}\n")).collect();
    while !done.is_cancelled() {
        let Ok(mut stream) = UnixStream::connect(socket) else {
            return;
        };
        let mut answers = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            while answers.read(&mut bytes).is_ok_and(|n| n > 0) {}
        });
        while !done.is_cancelled() && stream.write_all(lines.as_bytes()).is_ok() {}
        let _ = stream.shutdown(std::net::Shutdown::Both);
        reader.join().unwrap();
    }
}

/// Half a line, and then nothing.
fn half_a_line(socket: &Path, done: &CancellationToken) {
    let Ok(mut stream) = UnixStream::connect(socket) else {
        return;
    };
    let _ = stream.write_all(b"{\"method\":\"sta");
    while !done.is_cancelled() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// 100 MB without an end of line: the connection ends soon after what a line may have.
fn endless_line(socket: &Path, done: &CancellationToken) {
    let chunk = vec![b'x'; LONGEST_LINE];
    let mut written = 0;
    let Ok(mut stream) = UnixStream::connect(socket) else {
        return;
    };
    while written < 100_000_000 && !done.is_cancelled() {
        if stream.write_all(&chunk).is_err() {
            break;
        }
        written += chunk.len();
    }
    assert!(written < 2_000_000, "{written} bytes were taken for a line");
}

/// 500 connections, some of which leave at once.
fn crowd(socket: &Path, done: &CancellationToken) {
    let mut held = Vec::new();
    for n in 0..500 {
        if done.is_cancelled() {
            return;
        }
        if let Ok(stream) = UnixStream::connect(socket)
            && n % 3 != 0
        {
            held.push(stream);
        }
    }
}

/// Watches and never reads.
fn deaf(socket: &Path, done: &CancellationToken) {
    let Ok(mut stream) = UnixStream::connect(socket) else {
        return;
    };
    let _ = stream.write_all(b"{\"method\":\"events\"}\n");
    while !done.is_cancelled() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A successor waits for its connection to be closed, and takes the place at once.
#[test]
fn who_sees_the_end_can_begin() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    for _ in 0..200 {
        let (orders, _ordered) = order::channel();
        let claim = Claim::new(&socket).unwrap();
        let stop = CancellationToken::new();
        let server = control::serve(claim, orders, Bus::default(), stop, <_>::default()).unwrap();
        let mut wire = UnixStream::connect(&socket).unwrap();
        // It has greeted: there is a task that holds the connection.
        wire.read_exact(&mut [0]).unwrap();
        let ending = std::thread::spawn(move || drop(server));
        wire.read_to_end(&mut Vec::new()).unwrap();
        let next = Claim::new(&socket);
        assert!(next.is_ok(), "{next:?}");
        ending.join().unwrap();
        assert!(
            socket.exists(),
            "the one before has removed the socket of the next"
        );
    }
}

/// However many only look on, an order finds room.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_watch_lock_nobody_out() {
    let mut house = house(vec![], vec![]);
    house.until("ready", |e| *e == Event::Ready).await;
    let mut watching = Vec::new();
    let refused = loop {
        let mut program = Program::new(&house.socket);
        let answer = program.ask(json!({"method": "events"}));
        if answer["error"].is_string() {
            break answer;
        }
        // Who watches already may ask again.
        assert!(program.ask(json!({"method": "events"}))["ok"].is_object());
        watching.push(program);
        assert!(watching.len() < 32, "they take every place");
    };
    assert!(refused.to_string().contains("watch"), "{refused}");
    let mut owner = Program::new(&house.socket);
    assert_eq!(
        owner.ask(json!({"method": "mute"})),
        json!({"id": null, "ok": null})
    );
    assert_eq!(watching[0].event("muted"), json!({"event": "muted"}));
    // One that goes makes room for another.
    watching.pop();
    let began = Instant::now();
    while owner.ask(json!({"method": "events"}))["ok"].is_null() {
        assert!(began.elapsed() < BOUND, "its place is not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.feed.end();
    house.ending.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_ends_nothing() {
    let mut house = house(vec![], vec![]);
    house.until("ready", |e| *e == Event::Ready).await;
    let mut program = Program::new(&house.socket);
    for nonsense in [
        "hello",
        "{}",
        "[]",
        r#"{"method":"fly"}"#,
        r#"{"method":"say","text":3}"#,
    ] {
        program.write(nonsense);
        assert!(program.read()["error"].is_string(), "{nonsense}");
    }
    assert_eq!(program.status()["state"], "idle");
    // Bytes that are no text end their connection alone.
    program.stream.write_all(&[0xff, 0xfe, b'\n']).unwrap();
    assert!(program.read()["error"].is_string());
    assert!(program.lines.next().is_none());
    assert_eq!(Program::new(&house.socket).status()["state"], "idle");
    house.feed.end();
    house.ending.await.unwrap().unwrap();
}
