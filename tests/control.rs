//! The control socket: a real daemon's `run` with scripted models, and programs that ask, steer, watch and misbehave.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/scripted.rs"]
#[allow(dead_code)] // Each test takes what it needs.
mod scripted;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hearken::audio::file::{FileMicrophone, FileMicrophoneFeed, Pace};
use hearken::config::{Config, Mode};
use hearken::control::{self, Claim, LONGEST_LINE, Reload, Reloaded, Server, Services};
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
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const BOUND: Duration = Duration::from_secs(30);
/// Hostile programs go on for so long.
const ATTACK: Duration = Duration::from_secs(8);
/// The daemon reads a configuration, and finds it the same, in about so long.
const RELOADS_IN: Duration = Duration::from_millis(5);
/// So many programs are served at a time.
const PLACES: usize = 32;
/// The place of a program that is gone is free again within this, which is shorter than the silence after which everybody
/// is left.
const FREE_WITHIN: Duration = Duration::from_secs(10);

struct House {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    feed: FileMicrophoneFeed,
    events: Receiver<Event>,
    said: Arc<Mutex<Vec<String>>>,
    signs: Arc<Mutex<Signs>>,
    /// The configuration was read anew so often.
    reloads: Arc<AtomicUsize>,
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

/// What the daemon has beside the conversation: the sound system's own devices, and a configuration that is read anew, which
/// is counted.
fn services() -> (Services, Arc<AtomicUsize>) {
    // As many may wait as in the daemon; who asks beyond that waits as well.
    let (reload, mut asked): (Reload, _) = mpsc::channel(4);
    let reloads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reloads);
    tokio::spawn(async move {
        while let Some((_, done)) = asked.recv().await {
            tokio::time::sleep(RELOADS_IN).await;
            counted.fetch_add(1, Ordering::Relaxed);
            // Who has asked may be gone.
            let _ = done.send(Ok(Reloaded {
                changed: Vec::new(),
                restart: Vec::new(),
            }));
        }
    });
    let (_, audio) = watch::channel(Config::default().audio);
    let services = Services {
        reload: Some(reload),
        audio: Some(audio),
        ..Services::default()
    };
    (services, reloads)
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
    let (services, reloads) = services();
    let server = control::serve(claim, orders, bus.clone(), stop.clone(), services).unwrap();
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
        reloads,
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
        let mut program = Self::greeted(stream);
        assert_eq!(program.read()["protocol"], control::PROTOCOL);
        program
    }

    /// One that has been greeted already.
    fn greeted(stream: UnixStream) -> Self {
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        Self { lines, stream }
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
    let reloads = house.reloads.load(Ordering::Relaxed);
    eprintln!(
        "half of the turns took {alone:?} at most, and {attacked:?} under attack, which had {reloads} reloads"
    );
    assert!(reloads > 0, "no configuration was read anew");
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
    let mut program = Program::greeted(greeted(&house.socket));
    let began = Instant::now();
    let devices = program.ask(json!({"method": "devices"}));
    let took = began.elapsed();
    eprintln!("the sound system lists its devices in {took:?}");
    // It was really asked, whether or not it has any.
    let unasked = devices.to_string().contains("no devices of its own");
    assert!(!unasked, "{devices}");
    drop(program);
    house.feed.end();
    house.ending.await.unwrap().unwrap();
}

type Attack = Box<dyn FnOnce(&Path, &CancellationToken) + Send>;

/// What is asked for again and again, each by a program of its own. A name is written to its file, and devices are the sound
/// system's own.
const FLOODS: [&[&str]; 10] = [
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
    &[r#"{"method":"devices"}"#],
    &[
        r#"{"method":"use-device","name":"gramophone"}"#,
        r#"{"method":"devices"}"#,
    ],
    &[r#"{"method":"reload"}"#],
    &[r#"{"method":"fly"}"#],
];

/// These requests as fast as they go; who is turned away, or cannot write on for a second, comes again.
fn flood(socket: &Path, done: &CancellationToken, requests: &[&str]) {
    let lines: String = requests.iter().map(|line| format!("{line}\n")).collect();
    while !done.is_cancelled() {
        let Ok(mut stream) = UnixStream::connect(socket) else {
            return;
        };
        // What takes long is not waited for when the attack is over.
        let patience = Some(Duration::from_secs(1));
        stream.set_write_timeout(patience).unwrap();
        let mut answers = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            while answers.read(&mut bytes).is_ok_and(|n| n > 0) {}
        });
        while !done.is_cancelled() && stream.write_all(lines.as_bytes()).is_ok() {}
        let _ = stream.shutdown(Shutdown::Both);
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

/// A connection on which the greeting has begun; none for who is turned away.
fn connect(socket: &Path) -> Option<UnixStream> {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    let mut begins = [0; 10];
    let told = stream.read_exact(&mut begins).is_ok();
    (told && begins == *br#"{"hearken""#).then_some(stream)
}

/// The same; who is turned away comes again.
fn admitted(socket: &Path) -> UnixStream {
    let began = Instant::now();
    loop {
        if let Some(stream) = connect(socket) {
            return stream;
        }
        assert!(began.elapsed() < FREE_WITHIN, "a place is not given back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same, and the greeting is read to its end.
fn greeted(socket: &Path) -> UnixStream {
    let stream = admitted(socket);
    // Nothing follows it until something is asked.
    let mut rest = String::new();
    BufReader::new(&stream).read_line(&mut rest).unwrap();
    stream
}

/// Where this is set, the process is a test's own.
const ALONE: &str = "HEARKEN_TEST_ALONE";

/// Runs a test of this file in a process of its own.
fn alone(test: &str) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Waits until it is so.
async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < FREE_WITHIN, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every request but those by which the server ends. The last is none.
const REQUESTS: [&str; 16] = [
    r#"{"method":"status"}"#,
    r#"{"method":"mute"}"#,
    r#"{"method":"unmute"}"#,
    r#"{"method":"listen"}"#,
    r#"{"method":"say","text":"Tea is ready."}"#,
    r#"{"method":"ask","text":"Are you there?"}"#,
    r#"{"method":"stop"}"#,
    r#"{"method":"volume","percent":90}"#,
    r#"{"method":"name","name":"Anna"}"#,
    r#"{"method":"history"}"#,
    r#"{"method":"forget"}"#,
    r#"{"method":"events"}"#,
    r#"{"method":"devices"}"#,
    r#"{"method":"use-device","name":"gramophone"}"#,
    r#"{"method":"reload"}"#,
    r#"{"method":"fly"}"#,
];

/// The points at which programs leave.
const LEAVINGS: [fn(&Path, &str); 6] = [
    before_a_word,
    in_the_middle_of_the_line,
    before_the_answer,
    in_the_middle_of_the_answer,
    with_a_reset,
    with_the_last_word,
];

/// So often each request is left at each point.
const ROUNDS: usize = 4;
/// So many descriptors come and go with what is being done: fewer than [`ROUNDS`], so that one for each leaving of a kind
/// would be seen.
const SLACK: usize = 3;

fn tell(mut stream: &UnixStream, line: &str) {
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn before_a_word(socket: &Path, _: &str) {
    drop(greeted(socket));
}

fn in_the_middle_of_the_line(socket: &Path, line: &str) {
    let half = &line.as_bytes()[..line.len() / 2];
    greeted(socket).write_all(half).unwrap();
}

fn before_the_answer(socket: &Path, line: &str) {
    tell(&greeted(socket), line);
}

fn in_the_middle_of_the_answer(socket: &Path, line: &str) {
    let mut stream = greeted(socket);
    tell(&stream, line);
    stream.read_exact(&mut [0]).unwrap();
}

/// A Unix socket that is closed while something is unread, here the greeting, resets the connection.
fn with_a_reset(socket: &Path, line: &str) {
    tell(&admitted(socket), line);
}

/// It says that it is through, and hears what it is answered.
fn with_the_last_word(socket: &Path, line: &str) {
    let mut stream = greeted(socket);
    tell(&stream, line);
    stream.shutdown(Shutdown::Write).unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    assert!(told.contains(r#"{"id":null,"#), "{line}: {told}");
}

/// Whatever a program was about when it left: its place and its descriptors are free again, others are served, and who
/// watches is told.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_at_any_point_leaves_nothing_behind() {
    // Descriptors are counted, which other tests open as well.
    if std::env::var_os(ALONE).is_none() {
        return alone("who_leaves_at_any_point_leaves_nothing_behind");
    }
    let goodbye = "Goodbye.";
    let asked = ROUNDS * LEAVINGS.len();
    let writes = (0..asked).map(|_| Writes::Text(&["Yes."])).collect();
    let mut house = house(vec![], writes);
    house.until("ready", |e| *e == Event::Ready).await;
    let mut watcher = Program::new(&house.socket);
    watcher.ask(json!({"method": "events"}));
    // What the sound system's libraries open once may stay open.
    watcher.ask(json!({"method": "devices"}));
    let before = descriptors();
    let watching = std::thread::spawn(move || {
        while watcher.event("turn_finished")["reply"] != goodbye {}
        watcher
    });
    for _ in 0..ROUNDS {
        for line in REQUESTS {
            for leave in LEAVINGS {
                leave(&house.socket, line);
            }
        }
    }
    // One place is the watcher's.
    let others: Vec<_> = (1..PLACES).map(|_| admitted(&house.socket)).collect();
    assert!(connect(&house.socket).is_none(), "there are more places");
    drop(others);

    let mut fresh = Program::greeted(greeted(&house.socket));
    fresh.ask(json!({"method": "unmute"}));
    fresh.ask(json!({"method": "volume", "percent": 80}));
    fresh.ask(json!({"method": "name", "name": "Bella"}));
    let status = fresh.status();
    assert_eq!(
        (&status["name"], &status["muted"]),
        (&json!("Bella"), &json!(false))
    );
    assert_eq!(
        (&status["volume_percent"], &status["process"]),
        (&json!(80), &json!(std::process::id()))
    );
    let said = fresh.ask(json!({"method": "say", "text": goodbye}));
    assert!(said["ok"]["turn"].is_number(), "{said}");
    let watcher = watching.join().unwrap();
    eventually("it is not idle", || fresh.status()["state"] == "idle").await;
    drop(fresh);
    let few = before + SLACK;
    eventually("descriptors stay open", || descriptors() <= few).await;
    drop(watcher);
    house.feed.end();
    house.ending.await.unwrap().unwrap();
}

/// Who leaves, or speaks, before the conversation is handed over does not get it: it goes on here.
#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_leaves_too_early_gets_nothing() {
    let writes = vec![Writes::Hangs, Writes::Text(&["Yes."])];
    let mut house = house(vec![], writes);
    house.until("ready", |e| *e == Event::Ready).await;
    let mut owner = Program::new(&house.socket);
    owner.ask(json!({"method": "ask", "text": "What is this?"}));
    assert_eq!(owner.status()["state"], "thinking");
    let wants = || {
        let mut successor = Program::new(&house.socket);
        successor.write(r#"{"method":"hand-over"}"#);
        successor
    };
    let mut leaves = wants();
    leaves.stream.shutdown(Shutdown::Write).unwrap();
    let mut speaks = wants();
    speaks.write("{}");
    // Each is left without an answer while the turn goes on.
    assert!(leaves.lines.next().is_none() && speaks.lines.next().is_none());
    assert_eq!(owner.ask(json!({"method": "stop"}))["ok"]["stopped"], true);
    owner.ask(json!({"method": "ask", "text": "Are you there?"}));
    house
        .until(
            "a reply",
            |e| matches!(e, Event::TurnFinished(r) if r.reply == "Yes."),
        )
        .await;
    house.feed.end();
    assert_eq!(house.ending.await.unwrap().unwrap(), Outcome::Ended);
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
