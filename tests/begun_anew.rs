//! Parts that are begun anew, as with each other configuration, leave no memory behind. With the real models, in a process of
//! its own: nothing else takes memory meanwhile.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use hearken::config::Config;
use hearken::listen::transcribe::Transcriber as _;
use hearken::listen::turn_end::{SmartTurn, TurnEndDetector as _};
use hearken::listen::vad::{FRAME, SpeechDetector as _, Vad};
use hearken::listen::whisper::{Whisper, WhisperSettings};
use hearken::speak::piper::{PiperSettings, PiperVoice};
use hearken::speak::voice::Voice as _;
use hearken::weights::{Role, Store};

/// Before this nothing is counted: the first ones leave what all share, and pieces that the next ones fill.
const FIRST: usize = 8;
const THEN: usize = 12;
/// So much more at the end is more than chance, in MB: the smallest model that were left behind each time would be more.
const CHANCE_MB: f64 = 20.0;

fn weights(name: &str, role: Role) -> PathBuf {
    static STORE: LazyLock<Store> =
        LazyLock::new(|| Store::new(&hearken::config::load(None, &[]).unwrap().data_dir));
    STORE.locate(name, role).unwrap()
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<f64>().unwrap() * 1024.0 / 1e6
}

/// Begins a part on one thread and uses it on another, as the daemon does.
fn again<P: Send + 'static>(open: fn() -> P, work: fn(&mut P)) {
    let mut part = std::thread::spawn(open).join().unwrap();
    std::thread::spawn(move || work(&mut part)).join().unwrap();
}

fn stays<P: Send + 'static>(what: &str, open: fn() -> P, work: fn(&mut P)) {
    (0..FIRST).for_each(|_| again(open, work));
    let before = resident_mb();
    (0..THEN).for_each(|_| again(open, work));
    let more = resident_mb() - before;
    eprintln!("{what}: {before:.0} MB, and {more:+.1} MB after {THEN} more");
    assert!(more < CHANCE_MB, "{what} leaves {more:.1} MB behind");
}

#[test]
fn no_part_that_is_begun_anew_leaves_memory_behind() {
    hearken::onnx::init(&weights("onnxruntime", Role::Runtime)).unwrap();
    stays(
        "voice activity detector",
        || Vad::open(&weights("silero-vad", Role::Vad)).unwrap(),
        |vad| {
            for _ in 0..100 {
                vad.probability(&[0.01; FRAME]).unwrap();
            }
        },
    );
    stays(
        "Smart Turn",
        || SmartTurn::open(&weights("smart-turn", Role::Turn)).unwrap(),
        |turn| assert!(turn.finished(&[0.01; 64_000]).is_ok()),
    );
    stays(
        "voice",
        || PiperVoice::open(&weights("joe", Role::Voice), PiperSettings::default()).unwrap(),
        |voice| drop(voice.say("The capital of Japan is Tokyo.").unwrap()),
    );
    stays(
        "speech-to-text",
        || {
            let settings = WhisperSettings::new(&Config::default().listen, 2);
            Whisper::open(&weights("whisper-base", Role::Stt), settings).unwrap()
        },
        |whisper| {
            let never = AtomicBool::new(false);
            let sound: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.2).sin() * 0.1).collect();
            drop(whisper.transcribe(&sound, &never).unwrap());
        },
    );
}
