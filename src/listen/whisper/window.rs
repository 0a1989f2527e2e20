//! How much of its window whisper looks at, and what it left unheard. Pure.

use crate::audio::EAR_RATE;

/// Samples per step of the encoder's context: 20 ms.
pub(super) const STEP: usize = EAR_RATE as usize / 50;
/// The encoder's whole context: 30 s in steps of 20 ms.
pub const FULL_CONTEXT: usize = 1500;
/// Never less context than this (5.1 s): below it, short utterances loop. `hearken bench stt` compares it with the
/// full context.
pub const MIN_CONTEXT: usize = 256;
/// Silence after the utterance that the encoder sees, in steps: 1.3 s. Words cut at the edge are lost without it.
const MARGIN: usize = 64;
/// Below this loudness (root mean square of the loudest 30 ms, about -66 dB of full scale) nobody speaks.
pub(super) const FAINTEST: f32 = 0.0005;

/// The context for so many samples: the utterance, a margin, and no less than the least.
pub(super) fn cut_context(samples: usize, least: usize) -> usize {
    (samples.div_ceil(STEP) + MARGIN)
        .next_multiple_of(8)
        .max(least)
        .min(FULL_CONTEXT)
}

/// What is left of `samples` from `end` on, when somebody speaks there: at least a second, of which half is not much
/// fainter than the rest.
pub(super) fn unheard(samples: &[f32], end: usize) -> Option<&[f32]> {
    let rest = samples.get(end..).filter(|_| end > 0)?;
    let audible = (loudest(samples) * 0.1).max(FAINTEST);
    let window = EAR_RATE as usize * 30 / 1000;
    let loud = rest
        .chunks(window)
        .filter(|part| loudest(part) > audible)
        .count()
        * window;
    (rest.len() >= EAR_RATE as usize && loud >= EAR_RATE as usize / 2).then_some(rest)
}

/// Root mean square of the loudest 30 ms.
pub(super) fn loudest(samples: &[f32]) -> f32 {
    let window = EAR_RATE as usize * 30 / 1000;
    samples
        .chunks(window)
        .map(|chunk| (chunk.iter().map(|s| s * s).sum::<f32>() / chunk.len() as f32).sqrt())
        .fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_the_utterance_and_a_margin_between_the_bounds() {
        assert_eq!(cut_context(16_000, MIN_CONTEXT), MIN_CONTEXT);
        assert_eq!(cut_context(10 * 16_000, MIN_CONTEXT), 568);
        assert_eq!(cut_context(40 * 16_000, MIN_CONTEXT), FULL_CONTEXT);
        assert_eq!(cut_context(16_000, FULL_CONTEXT), FULL_CONTEXT);
    }

    #[test]
    fn only_speech_that_is_left_over_is_unheard() {
        let tone = |seconds: usize| vec![0.3; seconds * 16_000];
        let ending = |rest: Vec<f32>| [tone(2), rest].concat();
        assert!(unheard(&ending(vec![0.001; 48_000]), 32_000).is_none());
        assert!(unheard(&ending(vec![0.3; 4_000]), 32_000).is_none());
        assert_eq!(
            unheard(&ending(tone(2)), 32_000).map(<[f32]>::len),
            Some(32_000)
        );
        assert!(unheard(&tone(2), 0).is_none());
        assert!(unheard(&tone(2), 99_000).is_none());
    }
}
