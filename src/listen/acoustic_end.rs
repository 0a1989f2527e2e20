//! Where speech ends, by its energy. Pure.

/// Where the sound of speech ends in `samples` (the number of samples up to there), when the detector says `voiced`.
/// The detector lags behind a little, and by whole frames: the energy, in steps of 10 ms, tells better.
pub fn acoustic_end(samples: &[f32], voiced: usize) -> usize {
    const STEP: usize = 160;
    /// So many steps before the detector's end are looked through: it never lags longer.
    const BACK: usize = 40;
    /// So many steps behind it may still be the last sound of a word.
    const ON: usize = 20;
    let voiced = voiced.min(samples.len());
    let steps: Vec<f32> = samples.chunks(STEP).map(level).collect();
    let loudest = steps.iter().fold(0.0f32, |a, &b| a.max(b));
    let faintest = steps.iter().fold(f32::INFINITY, |a, &b| a.min(b));
    // Above twice the noise, and no fainter than 34 dB below the loudest.
    let audible = (2.0 * faintest).max(loudest * 0.02);
    let detected = voiced.div_ceil(STEP).min(steps.len());
    let earliest = detected.saturating_sub(BACK);
    let on = steps[detected..]
        .iter()
        .take(ON)
        .take_while(|&&l| l >= audible)
        .count();
    let end = if on > 0 && on < ON {
        detected + on
    } else {
        // Loud right to the limit behind the end is no word's last sound but noise: the detector is right.
        (earliest..detected)
            .rev()
            .find(|&i| steps[i] >= audible)
            .map_or(detected, |i| i + 1)
    };
    (end * STEP).min(samples.len())
}

/// Root mean square.
fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_acoustic_end_is_where_the_energy_falls() {
        let tone = (0..8_000).map(|i| (i as f32 * 0.2).sin() * 0.3);
        let sound: Vec<f32> = tone.chain([0.0; 8_000]).collect();
        for voiced in [8_000, 8_500, 10_000, 7_800] {
            let end = acoustic_end(&sound, voiced);
            assert!(end.abs_diff(8_000) <= 160, "{voiced}: {end}");
        }
        assert_eq!(acoustic_end(&[], 0), 0);
    }
}
