//! Where a question's sound begins, pauses and ends, and how pauses are put into it. Pure.

use hearken::audio::EAR_RATE;

/// The energy is looked at in steps of 10 ms.
const STEP: usize = EAR_RATE as usize / 100;
/// Fainter than this against the loudest step (34 dB) is no sound of a word.
const AUDIBLE: f32 = 0.02;
/// Around a sound so much is kept that is fainter: how words begin and die away, 50 ms.
const AROUND: usize = 5 * STEP;
/// A silence inside a question from which it is a pause: 300 ms.
const PAUSE: usize = 30 * STEP;
/// The breath between two phrases takes at least so long: 60 ms.
const BREATH: usize = 6 * STEP;

/// What was said in one go, and the silence after it, in samples.
pub struct Part {
    /// Its sound, with silence around it or without.
    pub samples: Vec<f32>,
    /// From its last sound to the first one of the next part.
    pub pause: usize,
}

/// The parts one after the other, each with exactly its pause behind it (the last one has none), and where the last
/// sound ends: the number of samples up to there.
pub fn joined(parts: &[Part]) -> (Vec<f32>, usize) {
    let (mut all, mut end, mut kept) = (Vec::new(), 0, 0);
    for (number, part) in parts.iter().enumerate() {
        let (from, to) = sounding(&part.samples);
        // How the word before died away, and how this one begins, are in the pause.
        let room = (number > 0).then(|| parts[number - 1].pause);
        let before = from
            .min(AROUND)
            .min(room.map_or(AROUND, |r| r - kept.min(r)));
        if let Some(room) = room {
            all.resize(all.len() + room.saturating_sub(kept + before), 0.0);
        }
        end = all.len() + before + (to - from);
        kept = (part.samples.len() - to).min(AROUND).min(part.pause);
        if number + 1 == parts.len() {
            kept = (part.samples.len() - to).min(AROUND);
        }
        all.extend_from_slice(&part.samples[from - before..to + kept]);
    }
    (all, end)
}

/// From the first sound to behind the last, in samples.
fn sounding(samples: &[f32]) -> (usize, usize) {
    let audible = audible(samples);
    let first = audible.iter().position(|a| *a).unwrap_or(0);
    let last = audible.iter().rposition(|a| *a).map_or(0, |l| l + 1);
    (first * STEP, (last * STEP).min(samples.len()))
}

/// Silences of 300 ms or more between sounds: where they begin and end, in samples.
pub fn pauses(samples: &[f32]) -> Vec<(usize, usize)> {
    let silences = silences(samples).into_iter();
    silences.filter(|(from, to)| to - from >= PAUSE).collect()
}

/// The longest breath between two sounds, which takes 60 ms at least.
pub fn breath(samples: &[f32]) -> Option<(usize, usize)> {
    let silences = silences(samples).into_iter();
    silences
        .filter(|(from, to)| to - from >= BREATH)
        .max_by_key(|(from, to)| to - from)
}

/// The same sound with the silence `from..to` made `longer` (samples) by more of itself, to and fro, so that the room
/// behind the voice stays as it is.
pub fn stretched(samples: &[f32], (from, to): (usize, usize), longer: usize) -> Vec<f32> {
    let quiet = &samples[from + STEP..to - STEP];
    let more = quiet.iter().rev().chain(quiet).copied().cycle();
    let (before, after) = samples.split_at(to - STEP);
    let more: Vec<f32> = more.take(longer).collect();
    [before, &more, after].concat()
}

/// All silences between sounds.
fn silences(samples: &[f32]) -> Vec<(usize, usize)> {
    let audible = audible(samples);
    let mut found = Vec::new();
    let mut since = None;
    let mut began = false;
    for (step, loud) in audible.into_iter().enumerate() {
        match (loud, since) {
            (true, Some(from)) => {
                found.push((from * STEP, step * STEP));
                since = None;
            }
            (false, None) if began => since = Some(step),
            _ => {}
        }
        began |= loud;
    }
    found
}

/// Of each step, whether there is sound in it: above twice the noise, and not too faint.
fn audible(samples: &[f32]) -> Vec<bool> {
    let level = |s: &[f32]| (s.iter().map(|s| s * s).sum::<f32>() / s.len().max(1) as f32).sqrt();
    let steps: Vec<f32> = samples.chunks(STEP).map(level).collect();
    let loudest = steps.iter().fold(0.0f32, |a, &b| a.max(b));
    let faintest = steps.iter().fold(f32::INFINITY, |a, &b| a.min(b));
    let limit = (loudest * AUDIBLE).max((2.0 * faintest).min(loudest / 4.0));
    steps.iter().map(|&l| l > 0.0 && l >= limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(steps: usize) -> Vec<f32> {
        let samples = 0..steps * STEP;
        samples.map(|i| (i as f32 * 0.3).sin() * 0.2).collect()
    }

    fn silence(steps: usize) -> Vec<f32> {
        vec![0.0; steps * STEP]
    }

    #[test]
    fn parts_are_joined_with_exactly_the_pause() {
        let padded = [silence(30), tone(50), silence(40)].concat();
        for pause in [20, 60, 130] {
            let part = || Part {
                samples: padded.clone(),
                pause: pause * STEP,
            };
            let (all, end) = joined(&[part(), part()]);
            assert_eq!(silences(&all), [(55 * STEP, (55 + pause) * STEP)]);
            assert_eq!(end, (5 + 50 + pause + 50) * STEP);
            assert_eq!(all.len(), end + AROUND);
        }
        let (all, end) = joined(&[Part {
            samples: tone(10),
            pause: 0,
        }]);
        assert_eq!((all.len(), end), (10 * STEP, 10 * STEP));
    }

    #[test]
    fn pauses_are_long_silences_inside() {
        let sound = [
            silence(90),
            tone(20),
            silence(10),
            tone(20),
            silence(40),
            tone(20),
            silence(90),
        ]
        .concat();
        assert_eq!(pauses(&sound), [(140 * STEP, 180 * STEP)]);
        assert_eq!(breath(&sound), Some((140 * STEP, 180 * STEP)));
        assert_eq!(breath(&tone(50)), None);
        assert!(pauses(&[]).is_empty());
    }

    #[test]
    fn a_breath_is_stretched_by_what_is_in_it() {
        let mut sound = [tone(20), silence(10), tone(20)].concat();
        sound.iter_mut().for_each(|s| *s += 1e-4);
        let longer = stretched(&sound, (20 * STEP, 30 * STEP), 70 * STEP);
        assert_eq!(longer.len(), sound.len() + 70 * STEP);
        assert_eq!(silences(&longer), [(20 * STEP, 100 * STEP)]);
        assert!(longer[21 * STEP..99 * STEP].iter().all(|s| *s == 1e-4));
    }
}
