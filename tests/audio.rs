//! WAV files as other programs write them, and `hearken devices` as a person runs it.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use hearken::audio::wav::{self, WavError};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::sound_server::{SoundServer, ended_within};
use support::tone::{amplitude_at, rms, tone};

/// Half a second of 440 Hz at amplitude 0.5, as sox writes it with these options.
fn sox(path: &Path, options: &[&str]) {
    let done = Command::new("sox")
        .args(["-D", "-n"])
        .args(options)
        .arg(path)
        .args(["synth", "0.5", "sine", "440", "vol", "0.5"])
        .status()
        .expect("sox is needed");
    assert!(done.success(), "sox {options:?}");
}

#[test]
fn whatever_a_recorder_writes_is_heard_alike() {
    let folder = tempfile::tempdir().unwrap();
    let matrix: [(&str, &[&str], u16); 12] = [
        (
            "8-bit",
            &["-r", "16000", "-b", "8", "-e", "unsigned-integer"],
            1,
        ),
        ("16-bit", &["-r", "16000", "-b", "16"], 1),
        ("24-bit", &["-r", "16000", "-b", "24"], 1),
        (
            "32-bit",
            &["-r", "16000", "-b", "32", "-e", "signed-integer"],
            1,
        ),
        (
            "float",
            &["-r", "16000", "-b", "32", "-e", "floating-point"],
            1,
        ),
        ("stereo", &["-r", "44100", "-b", "16", "-c", "2"], 2),
        ("six channels", &["-r", "48000", "-b", "24", "-c", "6"], 6),
        ("1 kHz", &["-r", "1000", "-b", "16"], 1),
        ("8 kHz", &["-r", "8000", "-b", "16"], 1),
        ("96 kHz", &["-r", "96000", "-b", "24", "-c", "2"], 2),
        (
            "384 kHz",
            &["-r", "384000", "-b", "32", "-e", "floating-point"],
            1,
        ),
        ("44101 Hz", &["-r", "44101", "-b", "16"], 1),
    ];
    for (name, options, channels) in matrix {
        let path = folder.path().join(format!("{name}.wav"));
        sox(&path, options);
        let recording = wav::read_for_ear(&path).unwrap();
        assert_eq!(
            (recording.rate, recording.channels),
            (16_000, channels),
            "{name}"
        );
        assert!(
            (recording.seconds - 0.5).abs() < 0.001,
            "{name}: {} s",
            recording.seconds
        );
        assert!(
            recording.samples.len().abs_diff(8000) <= 1,
            "{name}: {}",
            recording.samples.len()
        );
        assert!(!recording.truncated, "{name}");
        // Away from the edges; 1 kHz hardly carries the tone, but carries it.
        let middle = &recording.samples[1000..7000];
        let amplitude = amplitude_at(middle, 16_000, 440.0);
        let lowest = if name == "1 kHz" { 0.3 } else { 0.49 };
        assert!(
            (lowest..0.51).contains(&amplitude),
            "{name}: amplitude {amplitude}"
        );
        let all = rms(middle) * 2f64.sqrt();
        assert!(
            (all - amplitude).abs() < 0.01,
            "{name}: {all} in all, {amplitude} of it the tone"
        );
    }
}

#[test]
fn encodings_that_are_not_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (options, named) in [
        (["-r", "8000", "-e", "a-law"], "A-law"),
        (["-r", "8000", "-e", "mu-law"], "\u{3bc}-law"),
        (["-r", "8000", "-e", "ima-adpcm"], "ADPCM"),
    ] {
        let path = folder.path().join(format!("{named}.wav"));
        sox(&path, &options);
        let error = wav::read(&path).unwrap_err();
        assert!(matches!(error, WavError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn a_recording_that_was_cut_off_gives_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.wav");
    sox(&path, &["-r", "16000", "-b", "24"]);
    let bytes = std::fs::read(&path).unwrap();
    // Every length, also within a sample and within the header, gives samples or a sentence.
    for length in (0..bytes.len())
        .step_by(997)
        .chain([0, 1, 11, 12, 30, 43, 44, 45, 46, 47, 60, 80, 81, 100])
    {
        std::fs::write(&path, &bytes[..length]).unwrap();
        match wav::read(&path) {
            Ok(recording) => {
                assert!(recording.truncated, "{length} bytes");
                assert!(recording.samples.len() * 3 <= length, "{length} bytes");
                assert!(!recording.samples.is_empty(), "{length} bytes");
            }
            Err(error) => assert!(length < 100, "{length} bytes: {error}"),
        }
    }
}

#[test]
fn a_text_is_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note.wav");
    std::fs::write(&path, "This is a note, and nobody will ever hear it.").unwrap();
    let message = wav::read(&path).unwrap_err().to_string();
    assert!(
        message.contains("is not a WAV file (it looks like text); convert it"),
        "{message}"
    );
}

fn hearken() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearken"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Nothing but our own sentences on stderr.
fn only_our_words(output: &Output) {
    for line in text(&output.stderr).lines() {
        assert!(line.starts_with("hearken: "), "not our words: {line}");
    }
}

#[test]
fn without_any_device_each_is_missed_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alsa.conf");
    for content in [
        "pcm.!default { type pulse }\nctl.!default { type pulse }\n",
        "",
    ] {
        std::fs::write(&config, content).unwrap();
        for arguments in [&["devices"][..], &["devices", "--test", "--seconds", "2"]] {
            let output = hearken()
                .args(arguments)
                .env("ALSA_CONFIG_PATH", &config)
                .env("PULSE_SERVER", "unix:/nonexistent/socket")
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
            only_our_words(&output);
            let said = text(&output.stderr);
            assert_eq!(said.lines().count(), 2, "{said}");
            assert!(
                said.contains("no loudspeaker \"default\": neither a sound card nor"),
                "{said}"
            );
            assert!(
                said.contains("no microphone \"default\": neither a sound card nor"),
                "{said}"
            );
        }
    }
}

#[test]
fn the_devices_are_listed_and_tested() {
    let server = SoundServer::start();
    let devices = |arguments: &[&str]| {
        let output = hearken()
            .arg("devices")
            .args(arguments)
            .envs(server.env())
            .output()
            .unwrap();
        only_our_words(&output);
        output
    };
    let output = devices(&[]);
    assert!(output.status.success());
    assert!(
        text(&output.stdout).contains("* default"),
        "{}",
        text(&output.stdout)
    );

    let output = devices(&["--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for role in ["microphones", "loudspeakers"] {
        let device = &listed[role][0];
        assert_eq!(
            (&device["name"], &device["default"], &device["used"]),
            (&"default".into(), &true.into(), &true.into())
        );
        assert!(device["rate"].as_u64().unwrap() >= 16_000, "{device}");
    }

    // A silent room, then one with a tone in it.
    let silent: serde_json::Value =
        serde_json::from_slice(&devices(&["--test", "--seconds", "1", "--json"]).stdout).unwrap();
    assert_eq!(silent["microphone"]["silent"], true, "{silent}");
    assert!(
        silent["loudspeaker"]["played_seconds"].as_f64().unwrap() > 0.3,
        "{silent}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    wav::write(&path, &tone(16_000, 440.0, 6.0, 0.5), 16_000).unwrap();
    let mut player = server.start_playing(&path);
    let loud: serde_json::Value =
        serde_json::from_slice(&devices(&["--test", "--seconds", "3", "--json"]).stdout).unwrap();
    let peak = loud["microphone"]["peak_dbfs"].as_f64().unwrap();
    assert!((peak + 6.0).abs() < 1.0, "{loud}");
    assert_eq!(loud["microphone"]["verdict"], "it hears");

    // Ctrl-C ends the test with its result.
    let mut long = hearken()
        .args(["devices", "--test", "--seconds", "600"])
        .envs(server.env())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    while catches_interrupt(long.id()) != Some(true) {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it never listens for Ctrl-C"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    kill(Pid::from_raw(long.id() as i32), Signal::SIGINT).unwrap();
    assert!(ended_within(&mut long, Duration::from_secs(10)));
    let output = long.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).starts_with("microphone: "),
        "{}",
        text(&output.stdout)
    );
    assert!(ended_within(&mut player, Duration::from_secs(20)));
}

/// Whether the process has a handler for SIGINT, as the kernel tells it.
fn catches_interrupt(process: u32) -> Option<bool> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))?;
    let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
    Some(caught & (1 << (Signal::SIGINT as u64 - 1)) != 0)
}
