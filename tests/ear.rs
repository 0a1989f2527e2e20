//! The ear's thread with a scripted microphone and a scripted detector: what it tells, and that it always ends.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hearken::audio::file::{FileMicrophone, Pace};
use hearken::audio::{Microphone, MicrophoneError};
use hearken::config::Config;
use hearken::listen::Heard;
use hearken::listen::ear::{Detectors, Ear, EarHandle, EarSettings};
use hearken::listen::echo::EchoSettings;
use hearken::listen::vad::{FRAME, SpeechDetector};
use hearken::onnx::OnnxError;

/// A microphone that brings what it is given, piece by piece, and then what is said.
struct Scripted {
    pieces: std::vec::IntoIter<Vec<f32>>,
    then: Option<MicrophoneError>,
    read: Arc<AtomicUsize>,
}

impl Microphone for Scripted {
    fn read(&mut self, out: &mut Vec<f32>, _: Duration) -> Result<(), MicrophoneError> {
        if let Some(piece) = self.pieces.next() {
            self.read.fetch_add(piece.len(), Ordering::Release);
            out.extend(piece);
            return Ok(());
        }
        self.then.take().map_or(Ok(()), Err)
    }

    fn keeps_time(&self) -> bool {
        false
    }
}

/// Speech is what is loud.
struct Loud;

impl SpeechDetector for Loud {
    fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError> {
        Ok(if frame.iter().any(|s| s.abs() > 0.2) {
            0.9
        } else {
            0.1
        })
    }

    fn reset(&mut self) {}
}

fn ear(
    sound: Vec<f32>,
    then: Option<MicrophoneError>,
    room: usize,
) -> (
    EarHandle,
    tokio::sync::mpsc::Receiver<Heard>,
    Arc<AtomicUsize>,
) {
    let read = Arc::new(AtomicUsize::new(0));
    let pieces: Vec<Vec<f32>> = sound.chunks(700).map(<[f32]>::to_vec).collect();
    let mic = Scripted {
        pieces: pieces.into_iter(),
        then,
        read: Arc::clone(&read),
    };
    let (out, heard) = tokio::sync::mpsc::channel(room);
    let settings = EarSettings::from(&Config::default().listen);
    (
        Ear::spawn(
            Box::new(mic),
            Detectors {
                vad: Box::new(Loud),
                wake: None,
                turn_end: None,
            },
            None,
            EchoSettings::OFF,
            settings,
            out,
        )
        .unwrap(),
        heard,
        read,
    )
}

fn loud(seconds: f32) -> Vec<f32> {
    vec![0.5; (seconds * 16_000.0) as usize]
}

fn quiet(seconds: f32) -> Vec<f32> {
    vec![0.0; (seconds * 16_000.0) as usize]
}

#[test]
fn the_ear_tells_what_it_hears_and_that_the_recording_is_over() {
    let sound = [quiet(1.0), loud(1.0), quiet(1.0), loud(1.0)].concat();
    let (_ear, mut heard, _) = ear(sound, Some(MicrophoneError::Ended), 8);
    let mut told = Vec::new();
    while let Some(event) = heard.blocking_recv() {
        told.push(match event {
            Heard::SpeechStarted { .. } => "started",
            Heard::Partial(_) => "partial",
            Heard::Paused(_) => "paused",
            Heard::Resumed { .. } => "resumed",
            Heard::SpeechDismissed => "dismissed",
            Heard::Utterance(_) => "utterance",
            Heard::Ended => "ended",
            Heard::Lost(_) => "lost",
            Heard::Missing(_) => "missing",
            Heard::Found => "found",
            Heard::Muted(_) => "muted",
            Heard::Deaf(_) => "deaf",
        });
    }
    assert_eq!(
        told,
        [
            "started",
            "paused",
            "utterance",
            "started",
            "utterance",
            "ended"
        ]
    );
}

#[test]
fn an_ear_that_naps_loses_nothing_of_what_is_said() {
    // In real time, so that the ear may nap; the speech begins somewhere in a nap each time.
    let (microphone, feed) = FileMicrophone::new(Pace::RealTime);
    let (out, mut heard) = tokio::sync::mpsc::channel(64);
    let detectors = Detectors {
        vad: Box::new(Loud),
        wake: None,
        turn_end: None,
    };
    let settings = EarSettings::from(&Config::default().listen);
    let microphone = Box::new(microphone);
    let _ear = Ear::spawn(
        microphone,
        detectors,
        None,
        EchoSettings::OFF,
        settings,
        out,
    )
    .unwrap();
    for wait in [730, 1_011, 1_290] {
        std::thread::sleep(std::time::Duration::from_millis(wait));
        feed.play(loud(0.5));
        let utterance = loop {
            match heard.blocking_recv() {
                Some(Heard::Utterance(utterance)) => break utterance,
                Some(_) => {}
                None => panic!("the ear ended"),
            }
        };
        let spoken = utterance.samples.iter().filter(|s| **s > 0.4).count();
        assert_eq!(spoken, 8_000, "of half a second");
        let before = utterance.samples.iter().take_while(|s| **s < 0.4).count();
        assert!(before >= 7_500, "a pre-roll of {before} samples");
    }
}

#[test]
fn a_microphone_that_fails_dismisses_and_is_lost() {
    let failure = MicrophoneError::Lost("unplugged".into());
    let (_ear, mut heard, _) = ear(loud(1.0), Some(failure), 8);
    assert!(matches!(
        heard.blocking_recv(),
        Some(Heard::SpeechStarted { at: 0, .. })
    ));
    assert!(matches!(
        heard.blocking_recv(),
        Some(Heard::SpeechDismissed)
    ));
    assert!(matches!(
        heard.blocking_recv(),
        Some(Heard::Lost(MicrophoneError::Lost(_)))
    ));
    assert!(heard.blocking_recv().is_none());
}

#[test]
fn an_ear_that_nobody_listens_to_stops_all_the_same() {
    let sound = [loud(1.0), quiet(1.0)].concat().repeat(10);
    let (ear, mut heard, _) = ear(sound, None, 1);
    assert!(heard.blocking_recv().is_some());
    drop(ear);
    let mut left = 0;
    while heard.blocking_recv().is_some() {
        left += 1;
    }
    assert!(left <= 1, "{left}");
}

#[test]
fn an_ear_that_ignores_reads_on_and_tells_nothing() {
    // The channel holds one event: the ear waits in the second utterance until it is told to ignore.
    let sound = [loud(1.0), quiet(1.0)].concat().repeat(5);
    let length = sound.len();
    let (ear, mut heard, read) = ear(sound, Some(MicrophoneError::Ended), 1);
    ear.ignore(true);
    let mut told = Vec::new();
    while let Some(event) = heard.blocking_recv() {
        told.push(event);
    }
    assert_eq!(read.load(Ordering::Acquire), length);
    // What was heard before the flag was set comes first; then nothing but the end.
    assert!(matches!(told.last(), Some(Heard::Ended)));
    let utterances = told
        .iter()
        .filter(|h| matches!(h, Heard::Utterance(_)))
        .count();
    assert!(utterances < 5, "{utterances}");
}

/// A microphone that is unplugged between two sentences.
struct Unplugged(Scripted);

impl Microphone for Unplugged {
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError> {
        let read = self.0.read(out, patience);
        if out.last().is_some_and(|s| *s < -0.5) {
            out.clear();
            return Err(MicrophoneError::Lost("unplugged".into()));
        }
        read
    }

    fn keeps_time(&self) -> bool {
        false
    }

    fn comes_back(&self) -> bool {
        true
    }
}

#[test]
fn a_microphone_that_comes_back_is_missed_and_found_and_heard_again() {
    // What is below -0.5 stands for the plug being pulled.
    let pieces = vec![
        quiet(0.6),
        loud(0.8),
        vec![-1.0; 100],
        quiet(0.6),
        loud(0.8),
        quiet(1.0),
    ];
    let microphone = Unplugged(Scripted {
        pieces: pieces.into_iter(),
        then: Some(MicrophoneError::Ended),
        read: Arc::default(),
    });
    let (out, mut heard) = tokio::sync::mpsc::channel(64);
    let detectors = Detectors {
        vad: Box::new(Loud),
        wake: None,
        turn_end: None,
    };
    let settings = EarSettings::from(&Config::default().listen);
    let microphone = Box::new(microphone);
    let ear = Ear::spawn(
        microphone,
        detectors,
        None,
        EchoSettings::OFF,
        settings,
        out,
    )
    .unwrap();
    let mut told = Vec::new();
    while let Some(event) = heard.blocking_recv() {
        match event {
            Heard::Missing(_) => told.push("missing"),
            Heard::Found => told.push("found"),
            Heard::SpeechDismissed => told.push("dismissed"),
            Heard::Utterance(utterance) => {
                let spoken = utterance.samples.iter().filter(|s| **s > 0.4).count();
                assert_eq!(spoken, 12_800, "the words after its return are whole");
                told.push("utterance");
            }
            // It looks for another, for ever: this one has nothing more.
            Heard::Ended => break,
            _ => {}
        }
    }
    drop(ear);
    assert_eq!(told, ["dismissed", "missing", "found", "utterance"]);
}
