//! The name and the wake model with the real models: spoken by the real voices, heard by the real whisper.
//!
//! `hearken bench wake` measures how often; this shows that it works at all.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use hearken::audio::{EAR_RATE, resample, wav};
use hearken::config::Config;
use hearken::daemon;
use hearken::listen::endpoint::EndpointSettings;
use hearken::listen::name::{Called, Name};
use hearken::listen::segment::Segmenter;
use hearken::listen::transcribe::Transcriber;
use hearken::listen::wake::{WakeDetector, WakeFiles, WakeModel};
use hearken::listen::{Heard, Utterance};
use hearken::onnx::OnnxError;
use hearken::speak;
use hearken::speak::espeak::EspeakVoice;
use hearken::speak::voice::Voice;
use hearken::weights::{Role, Store};

fn store() -> (Config, Store) {
    let config = hearken::config::load(None, &[]).unwrap();
    let store = Store::new(&config.data_dir);
    daemon::open_onnx(&store).unwrap();
    (config, store)
}

/// `text` for the ear, with silence around it.
fn said(voice: &mut dyn Voice, text: &str) -> Vec<f32> {
    let speech = voice.say(text).unwrap();
    let sound = resample::resample(&speech.samples, speech.rate, EAR_RATE).unwrap();
    let silence = vec![0.0; EAR_RATE as usize];
    [silence.clone(), sound, silence].concat()
}

/// A segmenter that hears everything as speech from the first loud frame on, and `wake` besides.
fn utterances(
    config: &Config,
    store: &Store,
    wake: Option<Box<dyn WakeDetector>>,
    sound: &[f32],
) -> Vec<Utterance> {
    let vad = daemon::open_vad(store).unwrap();
    let settings = EndpointSettings::from(&config.listen);
    let mut segmenter = Segmenter::new(Box::new(vad), &settings).with_wake(wake);
    let mut heard = Vec::new();
    segmenter.hear(sound, &mut heard).unwrap();
    segmenter.finish(&mut heard).unwrap();
    let utterance = |event| match event {
        Heard::Utterance(utterance) => Some(utterance),
        _ => None,
    };
    heard.into_iter().filter_map(utterance).collect()
}

/// It stood in whisper's prompt already, so it is what whisper leaves out where it can: of this sentence every fourth time.
#[test]
fn the_name_that_whisper_expects_is_not_left_out() {
    const TAKES: usize = 40;
    let (config, store) = store();
    let mut whisper = daemon::open_transcriber(&config, &store).unwrap();
    let mut voice = speak::open(&config, &store).unwrap();
    let name = Name::new("Samantha").unwrap();
    whisper.expect(&name.prompt());
    let never = AtomicBool::new(false);
    let mut read = || {
        let sound = said(
            voice.as_mut(),
            "Samantha, how many legs does a spider have?",
        );
        let heard = utterances(&config, &store, None, &sound);
        whisper.transcribe(&heard[0].samples, &never).unwrap().text
    };
    let texts: Vec<_> = (0..TAKES).map(|_| read()).collect();
    let missed: Vec<_> = texts
        .iter()
        .filter(|text| name.called(text) == Called::No)
        .collect();
    assert!(missed.len() <= 3, "{missed:?}");
}

#[test]
fn a_name_that_is_called_is_found_and_talk_is_not() {
    let (config, store) = store();
    let mut whisper = daemon::open_transcriber(&config, &store).unwrap();
    let mut voice = speak::open(&config, &store).unwrap();
    let name = Name::new("Samantha").unwrap();
    whisper.expect(&name.prompt());
    let mut called = |voice: &mut dyn Voice, text: &str| {
        let sound = said(voice, text);
        let heard = utterances(&config, &store, None, &sound);
        let transcripts = heard.iter().map(|u| {
            let never = AtomicBool::new(false);
            whisper.transcribe(&u.samples, &never).unwrap().text
        });
        let texts: Vec<String> = transcripts.collect();
        (texts.iter().any(|t| name.called(t) != Called::No), texts)
    };
    // Piper never says a sentence the same way twice: one of four may be misheard.
    let calls = [
        "Samantha, what time is it?",
        "Hey Samantha, turn on the light.",
        "How far is it to the moon, Samantha?",
        "Samantha.",
    ];
    let missed: Vec<_> = calls
        .into_iter()
        .map(|text| called(voice.as_mut(), text))
        .filter(|(found, _)| !found)
        .collect();
    assert!(missed.len() <= 1, "{missed:?}");
    // eSpeak NG always does.
    let mut voice = EspeakVoice::open("en-us", 90).unwrap();
    for text in [
        "Amanda, what time is it?",
        "Okay, Savannah, then we meet on the beach.",
        "I told Samantha that we would be late.",
        "The cement is not dry yet.",
        "What time is it?",
    ] {
        let (found, heard) = called(&mut voice, text);
        assert!(!found, "{text}: {heard:?}");
    }
}

/// The wake model for "hey Marvin": no starter, as it may not be used commercially.
fn hey_marvin(store: &Store) -> WakeModel {
    let classifier = store
        .locate("hey-marvin", Role::Wake)
        .expect("hearken weights pull hey-marvin wake-melspectrogram wake-embedding");
    let files = WakeFiles {
        spectrogram: store.locate("wake-melspectrogram", Role::Wake).unwrap(),
        embedding: store.locate("wake-embedding", Role::Wake).unwrap(),
        classifier,
    };
    WakeModel::open(&files, 0.5).unwrap()
}

#[test]
fn the_wake_model_hears_its_words_and_nothing_else() {
    let (config, store) = store();
    let mut model = hey_marvin(&store);
    let mut voice = speak::open(&config, &store).unwrap();
    let mut british = EspeakVoice::open("en", 90).unwrap();
    for sound in [
        said(voice.as_mut(), "Hey Marvin, what time is it?"),
        said(&mut british, "Hey Marvin!"),
    ] {
        model.reset();
        assert!(model.hear(&sound).unwrap().is_some());
        // In small pieces it is the same, and once is enough for 2 s.
        model.reset();
        let fired = sound
            .chunks(333)
            .filter(|c| model.hear(c).unwrap().is_some());
        assert_eq!(fired.count(), 1);
    }
    for text in [
        "What time is it?",
        "I told Peter that we would be late.",
        "Good morning.",
    ] {
        model.reset();
        let score = model.hear(&said(voice.as_mut(), text)).unwrap();
        assert_eq!(score, None, "{text}");
    }
    let recordings = PathBuf::from("/usr/share/pocketsphinx/test/data/librivox");
    for entry in std::fs::read_dir(recordings).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "wav") {
            let samples = wav::read_for_ear(&path).unwrap().samples;
            model.reset();
            assert_eq!(model.hear(&samples).unwrap(), None, "{}", path.display());
        }
    }
    let sound = said(voice.as_mut(), "Hey Marvin, what time is it?");
    model.reset();
    let heard = utterances(&config, &store, Some(Box::new(model)), &sound);
    let woken: Vec<_> = heard.iter().map(|u| u.woken).collect();
    assert_eq!(woken, [Some(true)]);
}

#[test]
fn what_is_no_wake_model_is_refused_with_its_name() {
    let (_, store) = store();
    let vad = store.locate("silero-vad", Role::Vad).unwrap();
    let files = WakeFiles {
        spectrogram: vad.clone(),
        embedding: vad.clone(),
        classifier: vad,
    };
    let error = WakeModel::open(&files, 0.5).err().unwrap();
    assert!(matches!(error, OnnxError::Model { .. }));
    assert!(error.to_string().contains("silero-vad.onnx"), "{error}");
}
