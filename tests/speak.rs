//! Speaking with real voices: the joe voice and eSpeak NG, measured, and read back by whisper.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Instant;

use hearken::speak::piper::{PiperSettings, PiperVoice};
use hearken::speak::voice::{Speech, Voice, VoiceError};

fn weights() -> PathBuf {
    let dir = std::env::var_os("HEARKEN_DATA_DIR").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share/hearken"),
        PathBuf::from,
    );
    dir.join("weights")
}

fn joe() -> PiperVoice {
    hearken::onnx::init(&weights().join("libonnxruntime.so")).unwrap();
    PiperVoice::open(&weights().join("joe.onnx"), PiperSettings::default()).unwrap()
}

const SENTENCES: [&str; 15] = [
    "Hello there.",
    "What time is it?",
    "The capital of France is Paris.",
    "Go forward ten meters.",
    "I am sorry, but I did not hear that.",
    "Yes.",
    "Apples are red, and bananas are yellow.",
    "It is twenty three degrees outside.",
    "Okay, let me think about that for a moment.",
    "Water boils at one hundred degrees Celsius.",
    "Your timer is set for five minutes.",
    "Thank you!",
    "Unfortunately, the server does not answer.",
    "Is there anything else that I can do for you?",
    "She sells sea shells by the sea shore.",
];

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |p, x| p.max(x.abs()))
}

#[test]
fn joe_speaks_clean_sound_at_once() {
    let mut joe = joe();
    let (mut sound, mut spent) = (0.0, 0.0);
    for sentence in SENTENCES {
        let began = Instant::now();
        let Speech { samples, rate } = joe.say(sentence).unwrap();
        spent += began.elapsed().as_secs_f64();
        sound += samples.len() as f64 / f64::from(rate);
        let top = peak(&samples);
        assert!((0.1..=1.0).contains(&top), "{sentence}: peak {top}");
        let mean = samples.iter().sum::<f32>() / samples.len() as f32;
        assert!(mean.abs() < 0.005, "{sentence}: DC {mean}");
        let lead = samples.iter().position(|x| x.abs() > 0.01).unwrap();
        let lead_ms = lead as f32 * 1000.0 / rate as f32;
        assert!(lead_ms < 60.0, "{sentence}: {lead_ms} ms of silence first");
        assert!(samples[0].abs() < 0.001 && samples[samples.len() - 1].abs() < 0.001);
        println!(
            "{sentence}: peak {top:.2}, lead {lead_ms:.0} ms, {} ms",
            samples.len() * 1000 / rate as usize
        );
    }
    println!("real-time factor {:.3}", spent / sound);
}

#[test]
fn nothing_to_say_is_silence_and_no_error() {
    let mut joe = joe();
    for text in ["", "  ", "...", "!!!", "\u{200b}", "🎉🎉", "*** --- ***"] {
        assert!(joe.say(text).unwrap().samples.is_empty(), "{text:?}");
    }
}

#[test]
fn two_takes_without_noise_are_alike_and_rate_changes_length() {
    hearken::onnx::init(&weights().join("libonnxruntime.so")).unwrap();
    let open = |rate_percent| {
        let settings = PiperSettings {
            rate_percent,
            ..PiperSettings::default()
        };
        PiperVoice::open(&weights().join("joe.onnx"), settings)
            .unwrap()
            .without_noise()
    };
    let mut usual = open(100);
    let first = usual.say("What time is it?").unwrap();
    assert_eq!(first, usual.say("What time is it?").unwrap());
    let quick = open(200).say("What time is it?").unwrap();
    let slow = open(50).say("What time is it?").unwrap();
    assert!(quick.samples.len() < first.samples.len() * 7 / 10);
    assert!(slow.samples.len() > first.samples.len() * 15 / 10);
}

#[test]
fn a_voice_that_cannot_be_used_is_one_sentence() {
    hearken::onnx::init(&weights().join("libonnxruntime.so")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let onnx = std::fs::read(weights().join("joe.onnx")).unwrap();
    let json = std::fs::read_to_string(weights().join("joe.onnx.json")).unwrap();
    let mut broken = onnx.clone();
    broken[..4096].fill(0xA5);
    let silero = std::fs::read(weights().join("silero-vad.onnx")).unwrap();
    let case = |name: &str, onnx: Option<&[u8]>, json: Option<&str>| {
        let path = dir.path().join(format!("{name}.onnx"));
        if let Some(onnx) = onnx {
            std::fs::write(&path, onnx).unwrap();
        }
        if let Some(json) = json {
            std::fs::write(dir.path().join(format!("{name}.onnx.json")), json).unwrap();
        }
        match PiperVoice::open(&path, PiperSettings::default()) {
            Err(error @ VoiceError::Model { .. }) => {
                let text = error.to_string();
                println!("{name}: {text}");
                assert!(
                    text.contains(name) && !text.contains('\n') && text.len() < 600,
                    "{text}"
                );
            }
            Err(other) => panic!("{name}: {other}"),
            Ok(_) => panic!("{name} was opened"),
        }
    };
    case("missing", None, Some(&json));
    case("no-json", Some(&onnx), None);
    case("bad-json", Some(&onnx), Some("{\"audio\": "));
    case("other-json", Some(&onnx), Some("{\"model\": 1}"));
    case(
        "no-pad",
        Some(&onnx),
        Some(&json.replacen("\"_\"", "\"€\"", 1)),
    );
    case("silly-rate", Some(&onnx), Some(&json.replace("22050", "7")));
    case(
        "language",
        Some(&onnx),
        Some(&json.replace("en-us", "xx-none")),
    );
    case(
        "pinyin",
        Some(&onnx),
        Some(&json.replace(
            "\"phoneme_type\": \"espeak\"",
            "\"phoneme_type\": \"pinyin\"",
        )),
    );
    case("truncated", Some(&onnx[..onnx.len() / 2]), Some(&json));
    case("broken", Some(&broken), Some(&json));
    case("empty", Some(&[]), Some(&json));
    case("not-a-voice", Some(&silero), Some(&json));
    let many = json.replace("\"num_speakers\": 1", "\"num_speakers\": 3");
    case("more-speakers", Some(&onnx), Some(&many));
}
