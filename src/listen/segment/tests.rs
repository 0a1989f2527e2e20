//! Utterances, pauses and what is skipped.

use super::*;
use crate::listen::ending::Ending;

/// Speech is what is loud.
struct Loud;

impl SpeechDetector for Loud {
    fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError> {
        Ok(if level(frame) > 0.05 { 0.95 } else { 0.02 })
    }

    fn reset(&mut self) {}
}

fn segmenter() -> Segmenter {
    let settings = EndpointSettings {
        threshold: 0.5,
        onset_ms: 96,
        pre_roll_ms: 500,
        hangover_ms: 640,
        max_utterance_ms: 10_000,
    };
    Segmenter::new(Box::new(Loud), &settings)
}

fn tone(seconds: f32) -> Vec<f32> {
    let samples = (seconds * 16_000.0) as usize;
    (0..samples).map(|i| (i as f32 * 0.2).sin() * 0.3).collect()
}

fn silence(seconds: f32) -> Vec<f32> {
    vec![0.0; (seconds * 16_000.0) as usize]
}

fn utterances(heard: Vec<Heard>) -> Vec<Utterance> {
    let utterance = |h| match h {
        Heard::Utterance(u) => Some(u),
        _ => None,
    };
    heard.into_iter().filter_map(utterance).collect()
}

#[test]
fn an_utterance_holds_the_very_samples_that_were_heard() {
    let mut sound = silence(2.0);
    sound.extend(tone(1.0));
    sound.extend(silence(2.0));
    // Marks that make each place unique and stay silent.
    for (i, s) in sound.iter_mut().enumerate() {
        *s += (i % 977) as f32 * 1e-6;
    }
    for chunk in [1, 160, 511, 512, 4000, sound.len()] {
        let (mut segmenter, mut heard) = (segmenter(), Vec::new());
        for part in sound.chunks(chunk) {
            segmenter.hear(part, &mut heard).unwrap();
        }
        let [u] = &utterances(heard)[..] else {
            panic!("one utterance");
        };
        let start = u.start as usize;
        assert_eq!(u.samples, sound[start..start + u.samples.len()]);
        assert_eq!(u.start + u.samples.len() as u64, u.endpoint + 1);
        // The tone is samples 32 000 to 47 999; a frame is 512, a step of energy 160.
        assert!((23_000..=24_100).contains(&u.start), "{}", u.start);
        assert!(u.speech_end.abs_diff(47_999) <= 320, "{}", u.speech_end);
        assert!(!u.cut_at_maximum);
    }
}

#[test]
fn what_is_skipped_is_in_no_utterance() {
    let (mut segmenter, mut heard) = (segmenter(), Vec::new());
    segmenter.hear(&tone(1.0), &mut heard).unwrap();
    segmenter.skip(&tone(3.0), &mut heard);
    assert!(matches!(
        heard[..],
        [Heard::SpeechStarted { at: 0, .. }, Heard::SpeechDismissed]
    ));
    heard.clear();
    segmenter.hear(&tone(1.0), &mut heard).unwrap();
    segmenter.hear(&silence(1.0), &mut heard).unwrap();
    let [u] = &utterances(heard)[..] else {
        panic!("one utterance");
    };
    assert!(u.start >= 4 * 16_000 - 512, "{}", u.start);
}

#[test]
fn a_recording_that_ends_in_speech_is_heard_to_its_last_sample() {
    let (mut segmenter, mut heard) = (segmenter(), Vec::new());
    let sound = [silence(1.0), tone(1.0), vec![0.25; 77]].concat();
    segmenter.hear(&sound, &mut heard).unwrap();
    segmenter.finish(&mut heard).unwrap();
    let [u] = &utterances(heard)[..] else {
        panic!("one utterance");
    };
    assert!(u.start as usize + u.samples.len() >= sound.len());
}

#[test]
fn long_speech_is_cut_without_losing_a_sample() {
    let (mut segmenter, mut heard) = (segmenter(), Vec::new());
    segmenter.hear(&tone(25.0), &mut heard).unwrap();
    segmenter.hear(&silence(1.0), &mut heard).unwrap();
    let utterances = utterances(heard);
    assert!(utterances.len() >= 3);
    for pair in utterances.windows(2) {
        assert_eq!(pair[0].start + pair[0].samples.len() as u64, pair[1].start);
        assert!(pair[0].cut_at_maximum);
    }
}

#[test]
fn an_eager_ear_tells_sooner_and_what_was_said_so_far() {
    let noticed = |eager| {
        let (mut segmenter, mut heard) = (segmenter(), Vec::new());
        segmenter.set_eager(eager);
        let sound = [silence(1.024), tone(0.64), silence(0.96)].concat();
        segmenter.hear(&sound, &mut heard).unwrap();
        heard
    };
    let usual = noticed(false);
    assert!(matches!(
        usual[0],
        Heard::SpeechStarted { lasted: 1536, .. }
    ));
    assert!(!usual.iter().any(|h| matches!(h, Heard::Partial(_))));
    let eager = noticed(true);
    assert!(matches!(
        eager[0],
        Heard::SpeechStarted { lasted: 1024, .. }
    ));
    let partials: Vec<_> = eager
        .iter()
        .filter_map(|h| match h {
            Heard::Partial(p) => Some((p.samples.len(), p.voiced_ms, p.silent_ms)),
            _ => None,
        })
        .collect();
    assert!(partials.len() >= 10, "{partials:?}");
    assert!(
        partials.is_sorted(),
        "each holds the one before it: {partials:?}"
    );
    // The tone is 20 frames.
    let (samples, voiced, silent) = partials[partials.len() - 1];
    assert!(
        (640..=672).contains(&voiced) && silent > 500,
        "{partials:?}"
    );
    assert_eq!(samples as u32 / 16, 6 * 32 + voiced + silent);
    // What sounded longer before it is left out: it may be hearken's own voice.
    let (usual, eager) = (utterances(usual), utterances(eager));
    assert!(usual[0].samples.ends_with(&eager[0].samples));
    let less = (usual[0].samples.len() - eager[0].samples.len()) / FRAME;
    assert_eq!(less, 10);
}

/// Fires at the first sample that is louder than the tone.
struct Shout;

impl WakeDetector for Shout {
    fn hear(&mut self, samples: &[f32]) -> Result<Option<f32>, OnnxError> {
        Ok(samples.iter().any(|s| *s > 0.5).then_some(0.9))
    }

    fn reset(&mut self) {}
}

#[test]
fn an_utterance_is_woken_by_the_word_in_it_or_just_before_it() {
    let shout = vec![0.9; 16_000];
    let woken = |parts: &[Vec<f32>], wake: Option<Box<dyn WakeDetector>>| {
        let (mut segmenter, mut heard) = (segmenter().with_wake(wake), Vec::new());
        segmenter.hear(&parts.concat(), &mut heard).unwrap();
        segmenter.finish(&mut heard).unwrap();
        utterances(heard)
            .iter()
            .map(|u| u.woken)
            .collect::<Vec<_>>()
    };
    let parts = [
        silence(1.0),
        tone(1.0),
        silence(2.0),
        shout,
        silence(0.8),
        tone(1.0),
        silence(2.0),
        tone(1.0),
    ];
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(woken(&parts, Some(Box::new(Shout))), [no, yes, yes, no]);
    assert_eq!(woken(&parts, None), [None; 4]);
}

/// Says its number of every pause, and counts how often it is asked.
struct Sounds(f32, std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl TurnEndDetector for Sounds {
    fn finished(&mut self, samples: &[f32]) -> Result<f32, OnnxError> {
        use std::sync::atomic::Ordering;
        self.1.fetch_add(1, Ordering::Relaxed);
        assert!(samples.len() > 8_000, "it is asked about all that was said");
        if self.0.is_nan() {
            let (path, reason) = ("turn".into(), "broken".into());
            return Err(OnnxError::Model { path, reason });
        }
        Ok(self.0)
    }
}

/// A second of speech, a pause in which the words become known after `words_after` s of it, and the silence in s after
/// which the utterance ended; and how often the detector was asked.
fn silence_granted(finished: f32, words: Option<(f32, Ending)>) -> (f32, usize) {
    let asked = std::sync::Arc::default();
    let detector = Sounds(finished, std::sync::Arc::clone(&asked));
    let mut segmenter = segmenter()
        .telling_pauses()
        .with_turn_end(Some(Box::new(detector)));
    let mut heard = Vec::new();
    segmenter.hear(&tone(1.0), &mut heard).unwrap();
    let mut silent = 0.0;
    while utterances(std::mem::take(&mut heard)).is_empty() && silent < 5.0 {
        segmenter.hear(&silence(0.01), &mut heard).unwrap();
        silent += 0.01;
        if let Some((_, words)) = words.filter(|(after, _)| *after <= silent) {
            segmenter.words(1, words, &mut heard);
        }
    }
    (silent, asked.load(std::sync::atomic::Ordering::Relaxed))
}

fn near(got: (f32, usize), wanted: f32) {
    assert!((got.0 - wanted).abs() < 0.05, "{got:?}, not {wanted}");
    assert_eq!(got.1, 1, "asked once a pause");
}

#[test]
fn a_pause_ends_when_voice_and_words_say_so() {
    near(silence_granted(0.9, Some((0.1, Ending::Whole))), 0.2);
    near(silence_granted(0.9, Some((0.35, Ending::Whole))), 0.36);
    near(silence_granted(0.9, None), 0.8);
    near(silence_granted(0.9, Some((0.3, Ending::Open))), 1.2);
    near(silence_granted(0.1, Some((0.3, Ending::Whole))), 0.64);
    near(silence_granted(0.1, None), 2.0);
}

#[test]
fn words_of_another_pause_do_not_count() {
    let mut segmenter = segmenter()
        .telling_pauses()
        .with_turn_end(Some(Box::new(Sounds(0.9, Default::default()))));
    let mut heard = Vec::new();
    segmenter.hear(&tone(1.0), &mut heard).unwrap();
    segmenter.hear(&silence(0.3), &mut heard).unwrap();
    segmenter.hear(&tone(1.0), &mut heard).unwrap();
    segmenter.hear(&silence(0.3), &mut heard).unwrap();
    segmenter.words(1, Ending::Whole, &mut heard);
    let numbers: Vec<_> = heard
        .iter()
        .filter_map(|h| match h {
            Heard::Paused(pause) => Some(pause.number),
            Heard::Resumed { .. } => Some(0),
            Heard::Utterance(_) => Some(99),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 0, 2]);
    segmenter.words(2, Ending::Whole, &mut heard);
    assert_eq!(utterances(heard).len(), 1);
}

#[test]
fn a_detector_that_breaks_leaves_silence() {
    let (silent, asked) = silence_granted(f32::NAN, Some((0.1, Ending::Whole)));
    assert!((silent - 0.64).abs() < 0.05, "{silent}");
    assert_eq!(asked, 1);
}

#[test]
fn a_pause_is_told_sooner_while_it_is_probably_for_hearken() {
    for (keen, least, most) in [(true, 0.08, 0.13), (false, 0.17, 0.23)] {
        let mut segmenter = segmenter().telling_pauses();
        segmenter.set_keen(keen);
        let mut heard = Vec::new();
        segmenter.hear(&tone(1.0), &mut heard).unwrap();
        let mut silent = 0.0;
        while !heard.iter().any(|h| matches!(h, Heard::Paused(_))) {
            segmenter.hear(&silence(0.01), &mut heard).unwrap();
            silent += 0.01;
        }
        assert!((least..=most).contains(&silent), "{keen}: {silent}");
    }
}
