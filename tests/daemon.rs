//! The daemon itself, with the real models, on a real sound server and on recordings of people.
//!
//! One test after the other in one process would share a microphone; each starts a sound server of its own, and a lock
//! keeps them from competing for the cores.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../src/cli/process.rs"]
#[allow(dead_code)]
mod process;
mod support;

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::bugs::tells_of_a_bug;
use support::daemon::{BOUND, Daemon, HEARKEN, alone, by_default, hearken, recording};
use support::sound_server::{SoundServer, ended_within};

/// From the last sample that a program heard to the first that its successor heard: under a second.
const GAP_MS: u64 = 1_000;

/// Fails unless whisper reads `expected` in the recording, with a word error rate of at most 20 %.
fn reads(wav: &Path, expected: &str) {
    let output = by_default(Command::new(HEARKEN))
        .arg("transcribe")
        .arg(wav)
        .args(["--max-wer", "20", "--expect", expected])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "expected {expected:?}, heard {:?}: {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Two turns on the real sound server: a person's recording is heard through cpal, and what rodio plays is recorded
/// from the loudspeaker and read back.
#[test]
fn hears_a_person_and_answers_through_the_loudspeaker() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let server = SoundServer::start();
    let mut command = by_default(server.command(HEARKEN));
    command.args(["run", "--json", "--set", "attention.mode=always"]);
    command.env("HEARKEN_LOG", "warn,hearken::cli::heap=trace");
    let daemon = Daemon::start(command);
    daemon.until("ready");

    server.play_into_room(&recording("goforward.raw", dir.path()));
    let heard = daemon.until("transcribed");
    let text = heard["text"].as_str().unwrap().to_lowercase();
    assert!(text.contains("go forward"), "{text}");
    assert!(
        text.contains("10 meter") || text.contains("ten meter"),
        "{text}"
    );
    let first = daemon.until("turn_finished");
    assert!(first["failure"].is_null(), "{first}");
    assert!(!first["reply"].as_str().unwrap().is_empty(), "{first}");
    let stages = &first["stages_ms"];
    let at = |stage: &str| stages[stage].as_f64().unwrap();
    // The words and the reply are prepared in the pause: they may be there before the end is decided.
    for order in [
        &[
            "pause",
            "text",
            "first_token",
            "first_clause",
            "first_sample",
            "first_played",
        ][..],
        &["pause", "endpoint", "first_played"],
    ] {
        // Who goes on after the end was decided is heard as one, without a pause that was prepared for.
        let reached = order.iter().filter(|stage| !stages[**stage].is_null());
        let order: Vec<f64> = reached.map(|stage| at(stage)).collect();
        assert!(order.is_sorted(), "{stages}");
    }
    daemon.until("listening");

    // What the loudspeaker says is compared on a question whose answer is one plain sentence.
    let reply = dir.path().join("reply.wav");
    let recorder = server.record_speaker(&reply);
    server.play_into_room(Path::new("assets/demo/question.wav"));
    let second = daemon.until("turn_finished");
    daemon.until("listening");
    let (samples, rate) = recorder.stop();
    assert!(
        samples.len() as u32 > rate / 2,
        "less than half a second was recorded"
    );
    reads(&reply, second["reply"].as_str().unwrap());

    daemon.signal(Signal::SIGTERM);
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said:?}");
    // It says nothing but what it was asked for: that memory was given back when nothing was going on.
    let given = |line: &String| line.contains("freed memory was given back");
    assert!(!said.is_empty() && said.iter().all(given), "{said:?}");
}

/// Whoever starts it reads that its server is not there, before somebody speaks to it; it listens all the same.
#[test]
fn says_that_its_server_is_not_there() {
    let _alone = alone();
    let server = SoundServer::start();
    let mut command = by_default(server.command(HEARKEN));
    command.args(["run", "--json", "--set", "reply.backend=server"]);
    command.args(["--set", "reply.server.url=http://127.0.0.1:9/v1"]);
    let daemon = Daemon::start(command);
    daemon.until("ready");
    daemon.signal(Signal::SIGTERM);
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("127.0.0.1:9") && said[0].contains("reply.server"),
        "{said:?}"
    );
}

/// `hearken ctl` against a real daemon: it says what it is told, answers, and has its microphone closed.
#[test]
fn is_steered_from_a_shell() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let server = SoundServer::start();
    let ctl = |arguments: &[&str]| hearken(&server, &[&["ctl"], arguments].concat());
    let (code, _, said) = ctl(&["status"]);
    assert_eq!(code, Some(10), "{said}");
    assert!(said.contains("hearken run"), "{said}");

    let mut command = by_default(server.command(HEARKEN));
    command.args(["run", "--json", "--set", "attention.mode=always"]);
    let daemon = Daemon::start(command);
    daemon.until("ready");
    // There is one at a time.
    let second = by_default(server.command(HEARKEN)).arg("run").output();
    let second = second.unwrap();
    assert_eq!(second.status.code(), Some(10));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("runs already"), "{said}");

    let (code, status, _) = ctl(&["status", "--json"]);
    assert_eq!(code, Some(0));
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status["microphone"], &status["muted"]),
        (&true.into(), &false.into())
    );
    // A mistake in the file keeps nobody from closing the microphone.
    let broken = dir.path().join("broken.toml");
    std::fs::write(&broken, "[listne]\n").unwrap();
    let broken = ["--config", broken.to_str().unwrap(), "ctl", "status"];
    let (code, _, said) = hearken(&server, &broken);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("listne") && said.contains("passed over"),
        "{said}"
    );
    let spoken = dir.path().join("said.wav");
    let recorder = server.record_speaker(&spoken);
    let (code, ..) = ctl(&["say", "The water in the kettle is boiling."]);
    assert_eq!(code, Some(0));
    daemon.until("turn_finished");
    daemon.until("listening");
    let _ = recorder.stop();
    reads(&spoken, "The water in the kettle is boiling.");

    let (code, reply, said) = ctl(&["ask", "What is the capital of France?"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(reply.contains("Paris"), "{reply}");
    daemon.until("listening");

    // What is said to a closed microphone is not heard, not even later.
    assert_eq!(ctl(&["mute"]).0, Some(0));
    daemon.until("muted");
    server.play_into_room(Path::new("assets/demo/question.wav"));
    assert_eq!(ctl(&["unmute"]).0, Some(0));
    daemon.until("unmuted");
    server.play_into_room(&recording("goforward.raw", dir.path()));
    let heard = daemon.until("transcribed");
    let text = heard["text"].as_str().unwrap().to_lowercase();
    assert!(text.contains("go forward"), "{text}");

    assert_eq!(ctl(&["shutdown"]).0, Some(0));
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said:?}");
}

/// Killed in the middle of a reply: what was said before is remembered, and the sound system is free again.
#[test]
fn remembers_the_conversation_when_it_is_killed() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let server = SoundServer::start();
    let file = dir.path().join("conversation.db");
    let start = || {
        let mut command = by_default(server.command(HEARKEN));
        command
            .args(["run", "--json", "--set", "attention.mode=always"])
            .args(["--set", "reply.max_tokens=60"])
            .env("HEARKEN_MEMORY__CONVERSATION", "true")
            .env("HEARKEN_MEMORY__FILE", &file);
        let daemon = Daemon::start(command);
        daemon.until("ready");
        daemon
    };
    let ctl = |arguments: &[&str]| {
        let (code, out, said) = hearken(&server, &[&["ctl"], arguments].concat());
        assert_eq!(code, Some(0), "{said}");
        out
    };
    let first = start();
    ctl(&["ask", "What is the capital of France?"]);
    first.until("listening");
    let history = ctl(&["history", "--json"]);
    assert!(history.contains("France"), "{history}");
    server.play_into_room(&recording("goforward.raw", dir.path()));
    first.until("clause_started");
    first.signal(Signal::SIGKILL);
    let _ = first.end();

    let second = start();
    assert_eq!(ctl(&["history", "--json"]), history);
    ctl(&["history", "clear"]);
    // Nor does a microphone open by itself that somebody has closed.
    ctl(&["mute"]);
    second.signal(Signal::SIGKILL);
    let _ = second.end();
    let second = start();
    second.until("muted");
    assert!(ctl(&["status"]).contains("closed (muted)"));
    ctl(&["unmute"]);
    second.signal(Signal::SIGTERM);
    assert_eq!(second.end().0, Some(0));
    // A file that is damaged is told, and keeps nobody from anything.
    std::fs::write(&file, "no database").unwrap();
    let third = start();
    assert_eq!(ctl(&["history", "--json"]), "[]\n");
    third.signal(Signal::SIGTERM);
    let (code, said) = third.end();
    assert_eq!(code, Some(0));
    assert!(
        said.iter().any(|line| line.contains("set aside as")),
        "{said:?}"
    );
}

/// Name, voice, thresholds, loudspeaker and language model are others while the conversation goes on; a bad configuration
/// changes nothing.
#[test]
fn takes_another_configuration_without_a_restart() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let server = SoundServer::start();
    let file = dir.path().join("hearken.toml");
    let always = "[attention]\nmode = \"always\"\n";
    let write = |text: &str| std::fs::write(&file, format!("{text}{always}")).unwrap();
    write("");
    let ctl = |arguments: &[&str]| {
        let (code, out, said) = hearken(&server, &[&["ctl"], arguments].concat());
        (code, out + &said)
    };
    let mut command = by_default(server.command(HEARKEN));
    command.args(["run", "--json"]).env("HEARKEN_CONFIG", &file);
    let daemon = Daemon::start(command);
    daemon.until("ready");
    let (code, reply) = ctl(&["ask", "What is the capital of France?"]);
    assert_eq!(code, Some(0), "{reply}");
    daemon.until("listening");

    // At once on a signal.
    write("name = \"Anna\"\n[speak]\nvoice = \"espeak:en\"\n[listen]\nhangover_ms = 700\n");
    daemon.signal(Signal::SIGHUP);
    let keys = daemon.until("reloaded")["keys"].clone();
    assert_eq!(
        keys,
        serde_json::json!(["listen.hangover_ms", "name", "speak.voice"])
    );
    assert!(ctl(&["status"]).1.contains("Anna"));

    // Nonsense changes nothing, and is told to who asked and to who looks on.
    write("name = 3\n");
    let (code, told) = ctl(&["reload"]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("line 1") && told.contains("stays in force"),
        "{told}"
    );
    assert!(
        daemon.until("failed")["what"]
            .as_str()
            .unwrap()
            .contains("stays in force")
    );
    assert!(ctl(&["status"]).1.contains("Anna"));
    write("name = \"Anna\"\n[audio]\nmicrophone = \"the one that I do not have\"\n");
    let (code, told) = ctl(&["reload"]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("the one that I do not have") && told.contains("stays in force"),
        "{told}"
    );
    daemon.until("failed");

    // By itself when the file has changed; what is only read at the start waits for that.
    write(
        "[reply]\nmodel = \"smollm2-135m\"\n[audio]\nloudspeaker = \"other\"\nmicrophone = \"other\"\n[echo]\ngain_control = true\n",
    );
    let keys = daemon.until("reloaded")["keys"].to_string();
    for key in [
        "reply.model",
        "audio.loudspeaker",
        "audio.microphone",
        "speak.voice",
        "name",
    ] {
        assert!(keys.contains(key) && !keys.contains("echo"), "{keys}");
    }
    assert!(
        ctl(&["reload"])
            .1
            .contains("after a restart: echo.gain_control")
    );

    // The conversation has gone on, and goes on.
    assert!(ctl(&["history"]).1.contains("France"));
    let spoken = dir.path().join("said.wav");
    let recorder = server.record_speaker(&spoken);
    server.play_into_room(&recording("goforward.raw", dir.path()));
    let heard = daemon.until("transcribed");
    let text = heard["text"].as_str().unwrap().to_lowercase();
    assert!(text.contains("go forward"), "{text}");
    let turn = daemon.until("turn_finished");
    assert!(turn["failure"].is_null(), "{turn}");
    daemon.until("listening");
    let _ = recorder.stop();
    reads(&spoken, turn["reply"].as_str().unwrap());
    daemon.signal(Signal::SIGTERM);
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said:?}");
}

/// Another program goes on: what was said, what it is called, that it is muted; what is being said is finished first. One that
/// cannot begin changes nothing.
#[test]
fn is_succeeded_in_the_middle_of_a_conversation() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let server = SoundServer::start();
    let hearken = |arguments: &[&str]| {
        let (code, out, said) = hearken(&server, arguments);
        (code, out + &said)
    };
    let mut command = by_default(server.command(HEARKEN));
    command.args(["run", "--json", "--set", "attention.mode=always"]);
    let daemon = Daemon::start(command);
    daemon.until("ready");
    let (code, reply) = hearken(&["ctl", "ask", "What is the capital of France?"]);
    assert_eq!(code, Some(0), "{reply}");
    hearken(&["ctl", "volume", "80"]);
    daemon.until("listening");

    let (code, said) = hearken(&["upgrade-restart", "--program", "/bin/false"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("goes on as it is"), "{said}");
    daemon.until("failed");

    let text = "The water in the kettle is boiling, and the cups are on the table.";
    hearken(&["ctl", "say", text]);
    let (code, said) = hearken(&["upgrade-restart"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(daemon.until("turn_finished")["reply"], text);
    daemon.until("ready");
    let gap = daemon.until("took_over")["gap_ms"].as_u64().unwrap();
    eprintln!("{said}");
    assert!(gap < GAP_MS, "nobody was heard for {gap} ms");
    let (_, history) = hearken(&["ctl", "history"]);
    assert!(history.contains("France"), "{history}");
    let (_, status) = hearken(&["ctl", "status"]);
    assert!(status.contains("80 %"), "{status}");
    server.play_into_room(&recording("goforward.raw", dir.path()));
    let heard = daemon.until("transcribed")["text"]
        .as_str()
        .unwrap()
        .to_lowercase();
    assert!(heard.contains("go forward"), "{heard}");
    daemon.until("listening");

    // Closed, it stays closed, and can be opened.
    hearken(&["ctl", "mute"]);
    daemon.until("muted");
    let (code, said) = hearken(&["upgrade-restart"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stays closed"), "{said}");
    daemon.until("muted");
    server.play_into_room(Path::new("assets/demo/question.wav"));
    hearken(&["ctl", "unmute"]);
    daemon.until("unmuted");
    server.play_into_room(&recording("goforward.raw", dir.path()));
    let heard = daemon.until("transcribed")["text"]
        .as_str()
        .unwrap()
        .to_lowercase();
    assert!(heard.contains("go forward"), "{heard}");
    // The first program waits for the last one and ends it. It has given up its models.
    let resident = process::memory(daemon.process.id(), false).unwrap().rss / 1_000_000;
    eprintln!("{resident} MB in the program that has ended its work");
    assert!(resident < 200, "{resident} MB");
    daemon.signal(Signal::SIGINT);
    let (code, said) = daemon.end();
    assert_eq!(code, Some(130), "{said:?}");
    let (code, said) = hearken(&["ctl", "status"]);
    assert_eq!(code, Some(10), "{said}");
}

/// The daemon tells the service manager that it is ready when it hears, that it goes on, and that it stops.
#[test]
fn tells_the_service_manager_how_it_is() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let server = SoundServer::start();
    let socket = dir.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(BOUND)).unwrap();
    let mut command = by_default(server.command(HEARKEN));
    command
        .args(["run", "--wait", "--json", "--set", "attention.mode=always"])
        .env("NOTIFY_SOCKET", &socket);
    let daemon = Daemon::start(command);
    let mut told = Vec::new();
    let mut until = |wanted: &str| {
        while !told.iter().any(|line| line == wanted) {
            let mut buffer = [0; 4096];
            let length = manager.recv(&mut buffer).expect(wanted);
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            told.extend(text.lines().map(String::from));
        }
        std::mem::take(&mut told)
    };
    let before = until("READY=1");
    assert!(
        !before.iter().any(|line| line == "WATCHDOG=1"),
        "{before:?}"
    );
    daemon.until("ready");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    daemon.signal(Signal::SIGTERM);
    until("STOPPING=1");
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said:?}");
}

#[test]
fn stops_at_any_moment() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let server = SoundServer::start();
    let question = recording("goforward.raw", dir.path());
    // While it starts, while it listens, while somebody speaks, while whisper works, while it speaks.
    let moments = [
        "",
        "ready",
        "speech_started",
        "turn_started",
        "clause_started",
    ];
    for (index, moment) in moments.iter().enumerate() {
        let mut command = by_default(server.command(HEARKEN));
        command.args(["run", "--json", "--set", "attention.mode=always"]);
        let daemon = Daemon::start(command);
        let mut player = None;
        if index >= 1 {
            daemon.until("ready");
        }
        if index >= 2 {
            player = Some(server.start_playing(&question));
            daemon.until(moment);
        }
        let (signal, expected) = match index % 2 {
            0 => (Signal::SIGINT, 130),
            _ => (Signal::SIGTERM, 0),
        };
        daemon.signal(signal);
        let (code, said) = daemon.end();
        // In its first milliseconds nobody listens for signals yet, and the system ends it.
        let by_the_system = index == 0 && code.is_none();
        assert!(
            code == Some(expected) || by_the_system,
            "{moment:?}: {code:?} {said:?}"
        );
        assert!(!said.iter().any(|line| tells_of_a_bug(line)), "{said:?}");
        if let Some(mut player) = player {
            assert!(ended_within(&mut player, Duration::from_secs(30)));
        }
    }
}

/// While the models load nothing can stop in order; the second signal must not wait for it, nor crash in it.
#[test]
fn a_second_signal_forces() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    for pause_ms in [0, 50, 100, 200, 300] {
        let mut command = by_default(Command::new(HEARKEN));
        command
            .env("HEARKEN_LOG", "hearken=debug")
            .args([
                "converse",
                "--json",
                "--in",
                "assets/demo/question.wav",
                "--out",
            ])
            .arg(dir.path().join("out.wav"));
        let daemon = Daemon::start(command);
        let heard = daemon.errors.recv_timeout(BOUND).unwrap();
        assert!(heard.contains("signals are heard"), "{heard}");
        daemon.signal(Signal::SIGINT);
        std::thread::park_timeout(Duration::from_millis(pause_ms));
        daemon.signal(Signal::SIGTERM);
        let (code, said) = daemon.end();
        // A quick machine may have stopped in order before the later ones.
        assert!(
            code == Some(137) || (pause_ms > 0 && code == Some(130)),
            "{pause_ms} ms: {code:?} {said:?}"
        );
        assert!(
            pause_ms > 0 || said.iter().any(|line| line.contains("second signal")),
            "{said:?}"
        );
    }
}

/// A sound card that another program holds: ALSA says so when the microphone is opened.
#[test]
fn says_that_the_microphone_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let (source, library) = (dir.path().join("busy.c"), dir.path().join("busy.so"));
    // Stands in for the driver, which is not to be had on a machine without a sound card: every open is refused as the
    // kernel refuses it, with EBUSY.
    let busy = "#include <errno.h>\nint snd_pcm_open(void **p, const char *n, int s, int m) { return -EBUSY; }\n";
    std::fs::write(&source, busy).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status();
    assert!(built.unwrap().success());
    let mut command = by_default(Command::new(HEARKEN));
    command.env("LD_PRELOAD", &library).arg("run");
    let (code, said) = Daemon::start(command).end();
    assert_eq!(code, Some(4), "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("microphone") && said[0].contains("using it"),
        "{said:?}"
    );
}

/// Another device, chosen from a shell: until the configuration says something else, and beyond an update.
#[test]
fn uses_the_device_that_is_chosen() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let server = SoundServer::start();
    let file = dir.path().join("hearken.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("[attention]\nmode = \"always\"\n");
    let hearken = |arguments: &[&str]| {
        let (code, out, said) = hearken(&server, arguments);
        (code, out + &said)
    };
    let used = || -> [Vec<Value>; 2] {
        let (code, devices) = hearken(&["ctl", "devices", "--json"]);
        assert_eq!(code, Some(0), "{devices}");
        let devices: Value = serde_json::from_str(&devices).unwrap();
        ["microphones", "loudspeakers"].map(|list| {
            let list = devices[list].as_array().unwrap().iter();
            let used = list.filter(|device| device["used"] == true);
            used.map(|device| device["name"].clone()).collect()
        })
    };
    let mut command = by_default(server.command(HEARKEN));
    command.args(["run", "--json"]).env("HEARKEN_CONFIG", &file);
    let daemon = Daemon::start(command);
    daemon.until("ready");
    assert_eq!(used(), [["default"], ["default"]]);
    let (code, said) = hearken(&["ctl", "use-device", "gramophone"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("nearest"), "{said}");

    let (code, said) = hearken(&["ctl", "use-device", "other"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("microphone from now on: other"), "{said}");
    assert_eq!(used(), [["other"], ["other"]]);
    server.play_into_room(&recording("goforward.raw", dir.path()));
    let heard = daemon.until("transcribed");
    let text = heard["text"].as_str().unwrap().to_lowercase();
    assert!(text.contains("go forward"), "{text}");
    daemon.until("listening");

    let (code, said) = hearken(&["upgrade-restart"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(used(), [["other"], ["other"]]);
    // Whoever writes another name into the file means that.
    write("[attention]\nmode = \"always\"\n[audio]\nmicrophone = \"another name\"\n");
    let (code, said) = hearken(&["ctl", "reload"]);
    assert_eq!(
        (code, &said[..]),
        (Some(0), "in force now: audio.microphone\n")
    );
    assert_eq!(used()[1], ["other"]);

    let (code, measured) = hearken(&["ctl", "bench", "--turns", "1", "--json"]);
    assert_eq!(code, Some(0), "{measured}");
    let measured: Value = serde_json::from_str(&measured).unwrap();
    assert_eq!(measured["rows"][3]["what"], "first sound", "{measured}");
    assert!(
        measured["rows"][3]["p50_ms"].as_f64().unwrap() > 0.0,
        "{measured}"
    );
    // The program that was there before has nothing to do with another configuration any more.
    let failed: Vec<_> = daemon
        .events
        .try_iter()
        .filter(|event| event["event"] == "failed")
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    // A terminal's Ctrl-C reaches both.
    let first = daemon.process.id();
    let all = std::iter::once(first).chain(process::children(first));
    for id in all.collect::<Vec<_>>() {
        kill(Pid::from_raw(id.cast_signed()), Signal::SIGINT).unwrap();
    }
    let (code, said) = daemon.end();
    assert_eq!(code, Some(130), "{said:?}");
    assert_eq!(hearken(&["ctl", "status"]).0, Some(10));
}

/// The name alone wants no answer; the recording after it does.
#[test]
fn converses_after_a_recording_of_the_name_alone() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let said = |text: &str, file: &str| {
        let path = dir.path().join(file);
        let mut say = by_default(Command::new(HEARKEN));
        let say = say.args(["say", text, "--out"]).arg(&path).status();
        assert!(say.unwrap().success());
        path
    };
    let mut command = by_default(Command::new(HEARKEN));
    command
        .args(["converse", "--json", "--in"])
        .arg(said("Samantha.", "name.wav"))
        .arg("--in")
        .arg(said("How many days are in a week?", "question.wav"))
        .arg("--out")
        .arg(dir.path().join("replies.wav"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut converse = command.spawn().unwrap();
    let ended = ended_within(&mut converse, BOUND);
    let _ = converse.kill();
    let output = converse.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(ended && output.status.success(), "{told}");
    assert!(told.contains("name.wav"), "{told}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["turns"].as_array().unwrap().len(), 1, "{result}");
}

/// Three questions in one conversation on files, spoken by hearken's own voice; the replies are read back.
#[test]
fn converses_on_files() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let asked = [
        "What is the capital of Japan?",
        "How many days are in a week?",
        "Tell me about cats.",
    ];
    let mut command = by_default(Command::new(HEARKEN));
    command
        .args(["converse", "--json", "--out"])
        .arg(dir.path().join("replies.wav"));
    for (index, text) in asked.iter().enumerate() {
        let path = dir.path().join(format!("{index}.wav"));
        let say = by_default(Command::new(HEARKEN))
            .args(["say", text, "--out"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(
            say.status.success(),
            "{}",
            String::from_utf8_lossy(&say.stderr)
        );
        command.arg("--in").arg(path);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let turns = result["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 3, "{result}");
    let normal = |text: &str| {
        text.to_lowercase()
            .replace(|c: char| !c.is_alphanumeric(), " ")
    };
    let words = |text: &str| {
        let words = normal(text);
        words
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (mut wrong, mut said) = (0, 0);
    for (turn, asked) in turns.iter().zip(asked) {
        let (heard, asked) = (words(turn["transcript"].as_str().unwrap()), words(asked));
        wrong += strsim::generic_levenshtein(&heard, &asked);
        said += asked.len();
        assert!(
            turn["stages_ms"]["first_played"].as_f64().unwrap() > 0.0,
            "{turn}"
        );
    }
    // The voice never says a sentence twice in the same way, and now and then one is misread.
    assert!(
        4 * wrong <= said,
        "{wrong} of {said} words are wrong: {result}"
    );
    let all: Vec<_> = turns
        .iter()
        .map(|turn| turn["reply"].as_str().unwrap())
        .collect();
    reads(&dir.path().join("replies.wav"), &all.join(" "));
}
