//! Listening with the real models, on recordings of people (Debian's pocketsphinx-testdata) and on sounds that are no
//! words. Weights come from `HEARKEN_DATA_DIR` or the XDG data folder; without them the tests fail and say what to run.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hearken::audio::wav;
use hearken::config::Config;
use hearken::listen::continuing::Continuing;
use hearken::listen::segment::Segmenter;
use hearken::listen::transcribe::{Refused, Stretch, TranscribeError, Transcriber, Transcript};
use hearken::listen::vad::{FRAME, SpeechDetector as _, Vad};
use hearken::listen::whisper::{FULL_CONTEXT, Whisper, WhisperSettings};
use hearken::listen::{Heard, Utterance};
use hearken::onnx::OnnxError;

const PEOPLE: &str = "/usr/share/pocketsphinx/test/data";

fn weights(file: &str) -> PathBuf {
    let dir = std::env::var_os("HEARKEN_DATA_DIR").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share/hearken"),
        PathBuf::from,
    );
    let path = dir.join("weights").join(file);
    assert!(
        path.is_file(),
        "{} is missing: run `hearken weights pull`",
        path.display()
    );
    path
}

/// One whisper at a time: several at once would only wait for each other's cores.
fn whisper() -> MutexGuard<'static, Whisper> {
    static SHARED: Mutex<Option<&'static Mutex<Whisper>>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
    let whisper = shared.get_or_insert_with(|| Box::leak(Box::new(Mutex::new(open(|_| {})))));
    whisper.lock().unwrap_or_else(|e| e.into_inner())
}

fn settings() -> WhisperSettings {
    WhisperSettings::new(&Config::default().listen, 2)
}

fn open(change: impl FnOnce(&mut WhisperSettings)) -> Whisper {
    let mut settings = settings();
    change(&mut settings);
    Whisper::open(&weights("whisper-base-q8_0.bin"), settings).unwrap()
}

fn write(whisper: &mut Whisper, samples: &[f32]) -> String {
    let never = AtomicBool::new(false);
    whisper.transcribe(samples, &never).unwrap().text
}

fn vad() -> Vad {
    hearken::onnx::init(&weights("libonnxruntime.so")).unwrap();
    Vad::open(&weights("silero-vad.onnx")).unwrap()
}

fn person(file: &str) -> Vec<f32> {
    let path = Path::new(PEOPLE).join(file);
    assert!(
        path.is_file(),
        "{} is missing: install pocketsphinx-testdata",
        path.display()
    );
    if file.ends_with(".wav") {
        return wav::read_for_ear(&path).unwrap().samples;
    }
    std::fs::read(path)
        .unwrap()
        .chunks_exact(2)
        .map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0)
        .collect()
}

/// Numbers between -1 and 1 that look random and are the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Sounds that are no words, 4 s of each, at full scale.
fn sounds() -> Vec<(&'static str, Vec<f32>)> {
    let n = 4 * 16_000;
    let mut noise = Noise(0x1234_5678_9abc_def1);
    let white: Vec<f32> = (0..n).map(|_| noise.next()).collect();
    let mut slow = [0.0f32; 3];
    let pink = (0..n).map(|_| {
        let w = noise.next();
        slow[0] = 0.997 * slow[0] + 0.03 * w;
        slow[1] = 0.963 * slow[1] + 0.09 * w;
        slow[2] = 0.57 * slow[2] + 0.3 * w;
        slow.iter().sum::<f32>() + 0.05 * w
    });
    let pink: Vec<f32> = pink.collect();
    let tone = |hz: f32, i: usize| (std::f32::consts::TAU * hz * i as f32 / 16_000.0).sin();
    let scale = [261.6, 329.6, 392.0, 523.3, 440.0, 349.2, 293.7, 392.0];
    let melody = (0..n).map(|i| {
        let (note, since) = (i / 8_000, (i % 8_000) as f32 / 16_000.0);
        let f = scale[note % scale.len()];
        let harmonics = (1u8..5)
            .map(|h| tone(f * f32::from(h), i) / f32::from(h))
            .sum::<f32>();
        0.4 * (-3.0 * since).exp() * harmonics
    });
    let chord = (0..n).map(|i| {
        [130.8, 164.8, 196.0, 261.6]
            .map(|f| tone(f, i))
            .iter()
            .sum::<f32>()
            / 4.0
    });
    let (melody, chord): (Vec<f32>, Vec<f32>) = (melody.collect(), chord.collect());
    vec![
        ("white noise", white),
        ("pink noise", pink),
        ("melody", melody),
        ("chord", chord),
        ("cough", cough()),
    ]
}

/// Three coughs: bursts of noise with a sharp beginning through the resonance of a throat, the last of each voiced.
fn cough() -> Vec<f32> {
    let mut noise = Noise(0xfeed_beef_1234_0001);
    let mut out = vec![0.0; 4 * 16_000];
    for (start, hz) in [(8_000, 700.0f32), (16_000, 900.0), (28_000, 550.0)] {
        let r = (-std::f32::consts::PI * 300.0 / 16_000.0).exp();
        let a = 2.0 * r * (std::f32::consts::TAU * hz / 16_000.0).cos();
        let (mut y1, mut y2) = (0.0, 0.0);
        for i in 0..4_500 {
            let t = i as f32 / 16_000.0;
            let envelope = (1.0 - (-t / 0.004).exp()) * (-t / 0.07).exp();
            let voice = if t > 0.12 {
                (std::f32::consts::TAU * 140.0 * t).sin()
            } else {
                0.0
            };
            let y = (noise.next() + 0.6 * voice) * envelope + a * y1 - r * r * y2;
            (y2, y1) = (y1, y);
            out[start + i] = (0.15 * y).clamp(-1.0, 1.0);
        }
    }
    out
}

fn utterances(samples: &[f32]) -> Vec<Utterance> {
    let mut segmenter = Segmenter::new(Box::new(vad()), &(&Config::default().listen).into());
    let mut heard = Vec::new();
    segmenter.hear(samples, &mut heard).unwrap();
    segmenter.finish(&mut heard).unwrap();
    let utterance = |h| match h {
        Heard::Utterance(u) => Some(u),
        _ => None,
    };
    heard.into_iter().filter_map(utterance).collect()
}

#[test]
fn the_detector_hears_people_and_nothing_else() {
    let mut vad = vad();
    let mut share = |samples: &[f32]| {
        vad.reset();
        let (frames, _) = samples.as_chunks::<FRAME>();
        let voiced = frames
            .iter()
            .filter(|f| vad.probability(f).unwrap() >= 0.5)
            .count();
        voiced as f32 / frames.len() as f32
    };
    for file in [
        "goforward.raw",
        "librivox/sense_and_sensibility_01_austen_64kb-0870.wav",
    ] {
        let share = share(&person(file));
        assert!(share > 0.4, "{file}: {share}");
    }
    assert_eq!(share(&[0.0; 64_000]), 0.0);
    for (name, sound) in sounds() {
        for gain in [0.01, 0.1, 0.5] {
            let sound: Vec<f32> = sound.iter().map(|s| s * gain).collect();
            let share = share(&sound);
            assert!(share < 0.1, "{name} at {gain}: {share}");
        }
    }
}

#[test]
fn a_detector_that_is_reset_answers_as_a_new_one() {
    let speech = person("goforward.raw");
    let mut vad = vad();
    let mut run = || {
        vad.reset();
        let frames = speech.as_chunks::<FRAME>().0;
        frames
            .iter()
            .map(|f| vad.probability(f).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_file_that_is_no_detector_is_refused_in_one_sentence() {
    hearken::onnx::init(&weights("libonnxruntime.so")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let whole = std::fs::read(weights("silero-vad.onnx")).unwrap();
    for (name, bytes) in [
        ("half", &whole[..whole.len() / 2]),
        ("text", b"no model"),
        ("empty", b""),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let Err(error @ OnnxError::Model { .. }) = Vad::open(&path) else {
            panic!("{name} was opened");
        };
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
    assert!(Vad::open(&dir.path().join("missing")).is_err());
}

#[test]
fn silence_noise_music_and_coughs_give_no_text() {
    let mut whisper = whisper();
    assert_eq!(write(&mut whisper, &[0.0; 32_000]), "");
    assert_eq!(write(&mut whisper, &[]), "");
    assert!(utterances(&[0.0; 64_000]).is_empty());
    for (name, sound) in sounds() {
        for gain in [0.005, 0.1, 0.5] {
            let sound: Vec<f32> = sound.iter().map(|s| s * gain).collect();
            // Straight into whisper, as if the detector had been fooled …
            assert_eq!(write(&mut whisper, &sound), "", "{name} at {gain}");
            // … and by the way that sound takes.
            for utterance in utterances(&sound) {
                assert_eq!(
                    write(&mut whisper, &utterance.samples),
                    "",
                    "{name} at {gain}"
                );
            }
        }
    }
}

#[test]
fn people_are_understood_by_the_way_that_sound_takes() {
    let mut whisper = whisper();
    for (file, words) in [
        ("goforward.raw", "go forward 10 meters"),
        ("something.raw", "go somewhere and do something"),
        (
            "librivox/sense_and_sensibility_01_austen_64kb-0930.wav",
            "he might even have been made amiable himself",
        ),
    ] {
        let sound = [vec![0.0; 16_000], person(file), vec![0.0; 24_000]].concat();
        let utterances = utterances(&sound);
        assert_eq!(utterances.len(), 1, "{file}");
        let text = write(&mut whisper, &utterances[0].samples)
            .to_lowercase()
            .replace("ten", "10");
        assert_eq!(text.trim_end_matches('.'), words);
        let u = &utterances[0];
        assert!(u.start <= u.speech_end && u.speech_end <= u.endpoint);
        // The hangover is 640 ms; the acoustic end lies before the detector's.
        let hangover = u.endpoint - u.speech_end;
        assert!((8_000..20_000).contains(&hangover), "{file}: {hangover}");
    }
}

#[test]
fn a_glance_reads_how_people_begin() {
    let mut whisper = whisper();
    let never = AtomicBool::new(false);
    for (file, words) in [
        ("goforward.raw", "go forward"),
        ("something.raw", "go somewhere"),
    ] {
        // So much lies before the first word.
        let said = utterances(&[vec![0.0; 16_000], person(file), vec![0.0; 24_000]].concat());
        let beginning = &said[0].samples[..8_000 + 14_400];
        let text = whisper.glance(beginning, &never).unwrap().text;
        assert!(text.to_lowercase().contains(words), "{file}: {text}");
    }
}

/// Of a beginning with little sound whisper often goes round in circles. Its first words are what was said.
#[test]
fn a_glance_that_goes_round_in_circles_keeps_its_beginning() {
    let mut whisper = open(|settings| settings.prompt = "Samantha.".into());
    let never = AtomicBool::new(false);
    let mut longest = 0;
    for file in ["goforward.raw", "something.raw", "numbers.raw"] {
        let said = utterances(&[vec![0.0; 16_000], person(file), vec![0.0; 24_000]].concat());
        let said = &said[0].samples;
        // From a third of a second of speech on, as a conversation asks.
        for end in (8_000 + 5_120..said.len().min(8_000 + 24_000)).step_by(1_536) {
            let seen = whisper.glance(&said[..end], &never).unwrap();
            assert_ne!(seen.refused, Some(Refused::Repetition), "{file} to {end}");
            longest = longest.max(seen.text.split_whitespace().count());
        }
    }
    // A second and a half of speech.
    assert!((3..12).contains(&longest), "{longest} words");
}

#[test]
fn a_long_recording_loses_no_words_where_whisper_stops_early() {
    let part = |n: u16| {
        person(&format!(
            "librivox/sense_and_sensibility_01_austen_64kb-{n:04}.wav"
        ))
    };
    let mut sound = [870, 880, 890, 920].map(part).concat();
    sound.extend(&part(870)[..76_000]);
    let text = write(&mut whisper(), &sound[..sound.len().min(28 * 16_000)]);
    let again = text.rfind("leisure").unwrap();
    assert!(text[again..].contains("consider"), "{text}");
}

/// People who read aloud pause where they like: what is read from pause to pause, as a conversation does, says what is read
/// in one go.
#[test]
fn what_is_read_from_pause_to_pause_says_the_same() {
    let never = AtomicBool::new(false);
    let settings = (&Config::default().listen).into();
    let read = Arc::new(AtomicUsize::new(0));
    let (mut edits, mut words, mut offered) = (0, 0, 0);
    for numbers in [["0870", "0880"], ["0890", "0930"], ["0920", "0930"]] {
        let read_aloud = |number| {
            let book = "librivox/sense_and_sensibility_01_austen_64kb";
            person(&format!("{book}-{number}.wav"))
        };
        // Less than ends an utterance, and more than a gap between words.
        let samples = [
            read_aloud(numbers[0]),
            vec![0.0; 5_000],
            read_aloud(numbers[1]),
            vec![0.0; 16_000],
        ]
        .concat();
        let mut segmenter = Segmenter::new(Box::new(vad()), &settings).telling_pauses();
        segmenter.set_keen(true);
        let mut heard = Vec::new();
        segmenter.hear(&samples, &mut heard).unwrap();
        let mut continuing = Continuing::new(Counting(open(|_| {}), Arc::clone(&read)));
        let (mut stands, mut last) = (0, None);
        let mut paused = 0;
        let mut texts = (String::new(), String::new());
        for event in heard {
            match event {
                Heard::Paused(pause) => {
                    let stretch = Stretch {
                        utterance: 1,
                        stands,
                        pauses: true,
                    };
                    paused = pause.samples.len();
                    offered += paused;
                    let result =
                        continuing.transcribe_stretch(stretch, &pause.samples, &never, &mut |_| ());
                    texts.0 = result.unwrap().text;
                    last = Some(pause.samples);
                }
                Heard::Resumed { silent_ms } if silent_ms >= 128 => stands = paused,
                _ => {}
            }
        }
        let last = last.expect("there is a pause at the end");
        texts.1 = write(&mut whisper(), &last);
        eprintln!(
            "{numbers:?}\n  in pieces: {}\n  at once:   {}",
            texts.0, texts.1
        );
        let plain = |text: &str| {
            text.to_lowercase()
                .split_whitespace()
                .map(|word| word.replace(|c: char| !c.is_alphanumeric(), ""))
                .collect::<Vec<_>>()
        };
        let (pieces, once) = (plain(&texts.0), plain(&texts.1));
        edits += strsim::generic_levenshtein(&pieces, &once);
        words += once.len();
    }
    let read = read.load(Ordering::Relaxed);
    eprintln!("{edits} of {words} words differ; {read} of {offered} samples were read");
    assert!(
        words > 40 && edits * 10 <= words,
        "{edits} of {words} differ"
    );
    assert!(
        read * 10 < offered * 9,
        "it read all of it again: {read} of {offered} samples"
    );
}

/// A whisper that counts the samples that it is given.
struct Counting(Whisper, Arc<AtomicUsize>);

impl Transcriber for Counting {
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.1.fetch_add(samples.len(), Ordering::Relaxed);
        self.0.transcribe(samples, abort)
    }

    fn follow(&mut self, before: Option<&Transcript>) {
        self.0.follow(before);
    }
}

#[test]
fn the_cut_context_writes_what_the_full_one_writes() {
    let mut full = open(|s| s.least_context = Some(FULL_CONTEXT));
    let mut cut = whisper();
    for file in [
        "goforward.raw",
        "librivox/sense_and_sensibility_01_austen_64kb-0890.wav",
    ] {
        let sound = person(file);
        let plain = |text: String| text.to_lowercase().replace(['.', ','], "");
        assert_eq!(
            plain(write(&mut cut, &sound)),
            plain(write(&mut full, &sound)),
            "{file}"
        );
    }
}

#[test]
fn the_language_is_found_among_those_allowed() {
    let never = AtomicBool::new(false);
    let sound = person("librivox/sense_and_sensibility_01_austen_64kb-0890.wav");
    let mut english = open(|s| s.language = "auto".into());
    let transcript = english.transcribe(&sound, &never).unwrap();
    assert_eq!(transcript.language, "en");
    assert!(transcript.text.contains("cold"), "{}", transcript.text);
    let mut forced = open(|s| {
        s.language = "auto".into();
        s.languages = vec!["ko".into(), "ja".into()];
    });
    let transcript = forced.transcribe(&sound, &never).unwrap();
    assert!(["ko", "ja"].contains(&transcript.language.as_str()));
}

#[test]
fn the_prompt_is_taken_and_words_are_still_heard() {
    let mut whisper = open(|s| s.prompt = "Hearken, robot, meters.".into());
    let text = write(&mut whisper, &person("goforward.raw"));
    assert!(text.to_lowercase().contains("go forward"), "{text}");
}

#[test]
fn a_transcription_that_is_called_off_ends_and_the_next_one_works() {
    let mut whisper = whisper();
    let sound = person("goforward.raw");
    let set = AtomicBool::new(true);
    assert!(matches!(
        whisper.transcribe(&sound, &set),
        Err(TranscribeError::Aborted)
    ));
    // In the middle: the flag is set by another thread as soon as it runs, before the 7 s are encoded or after.
    let flag = Arc::new(AtomicBool::new(false));
    let setter = std::thread::spawn({
        let flag = Arc::clone(&flag);
        move || flag.store(true, Ordering::Relaxed)
    });
    let long = person("librivox/sense_and_sensibility_01_austen_64kb-0870.wav");
    assert!(matches!(
        whisper.transcribe(&long, &flag),
        Err(TranscribeError::Aborted)
    ));
    setter.join().unwrap();
    assert!(
        write(&mut whisper, &sound)
            .to_lowercase()
            .contains("go forward")
    );
}

#[test]
fn a_damaged_model_is_refused_in_one_sentence_and_the_process_lives() {
    let dir = tempfile::tempdir().unwrap();
    let whole = std::fs::read(weights("whisper-base-q8_0.bin")).unwrap();
    let mut noise = Noise(77);
    let random: Vec<u8> = (0..500_000)
        .map(|_| (noise.next() * 127.0) as i8 as u8)
        .collect();
    let mut wrong_size = whole.clone();
    wrong_size[4..8].copy_from_slice(&i32::MAX.to_le_bytes());
    let mut wrong_name = whole.clone();
    let at = whole
        .windows(14)
        .rposition(|w| w == b"decoder.ln.wei")
        .unwrap_or(whole.len() - 60);
    wrong_name[at] ^= 0x20;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("text", b"this is no model".to_vec()),
        ("header alone", whole[..48].to_vec()),
        (
            "random after the magic",
            [&whole[..4], &random[..]].concat(),
        ),
        (
            "random after the header",
            [&whole[..48], &random[..]].concat(),
        ),
        (
            "random after the words",
            [&whole[..600_000], &random[..]].concat(),
        ),
        ("half", whole[..whole.len() / 2].to_vec()),
        ("a byte short", whole[..whole.len() - 1].to_vec()),
        ("a byte long", [&whole[..], &[0]].concat()),
        ("a huge vocabulary", wrong_size),
        ("a tensor of another name", wrong_name),
    ];
    for (name, bytes) in cases {
        let path = dir.path().join("model.bin");
        std::fs::write(&path, bytes).unwrap();
        let Err(error @ TranscribeError::Model { .. }) = Whisper::open(&path, settings()) else {
            panic!("{name} was opened");
        };
        assert_eq!(error.to_string().lines().count(), 1, "{name}: {error}");
    }
    assert!(Whisper::open(&dir.path().join("missing"), settings()).is_err());
    assert!(Whisper::open(dir.path(), settings()).is_err());
}

#[test]
fn a_language_that_the_model_does_not_know_is_named() {
    let (base, english) = ("whisper-base-q8_0.bin", "whisper-tiny.en-q8_0.bin");
    for (language, model, words) in [
        ("xx", base, "\"xx\""),
        // Cantonese came with large-v3.
        ("yue", base, "\"yue\""),
        ("ko", english, "English alone"),
    ] {
        let mut settings = settings();
        settings.language = language.into();
        let error = Whisper::open(&weights(model), settings).err().unwrap();
        assert!(error.to_string().contains(words), "{error}");
    }
}
