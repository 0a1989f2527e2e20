//! An echo that moves against the reference, and what is taken for that.

use super::*;

/// Whether what was given may be somebody's voice, after each 20 ms of `far` and `near`.
fn watched(canceller: &mut Canceller, far: &[f32], near: &[f32], tap: &mut Tap) -> Vec<bool> {
    let mut out = Cleaned::default();
    let mut open = Vec::new();
    for (far, near) in far.chunks(320).zip(near.chunks(320)) {
        far.iter().for_each(|sample| tap.push(*sample));
        let before = out.suppressed.len();
        canceller.process(near, &mut out);
        let frames = out.suppressed[before..].chunks(160).map(level);
        let loudest = frames.fold(0.0, f32::max);
        open.push(loudest > 0.002 && canceller.gate(loudest));
    }
    open
}

/// The loudspeaker's device ran dry: from now on it plays everything so much later, or earlier. That is nobody's voice, and
/// the room is known again soon.
#[test]
fn an_echo_that_jumps_is_nobodys_voice_and_goes_again() {
    let far = speech_like(12.0, 51);
    let before = room(&far, 2_240, 0.12);
    for delay in [1_600, 4_480, 480] {
        let after = room(&far, delay, 0.12);
        let near = [&before[..6 * RATE], &after[6 * RATE..]].concat();
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut canceller = Canceller::new(cancelling(true), Some(far_end));
        let open = watched(&mut canceller, &far, &near, &mut tap);
        // 300 ms after it the gate is shut, and then the room is known.
        let late: Vec<_> = (315..600).filter(|n| open[*n]).collect();
        assert!(late.is_empty(), "{delay}: {late:?}");
        let report = canceller.report();
        assert!(canceller.gate(0.01), "{report:?}");
        assert!(report.erle_db.is_some_and(|db| db > 30.0), "{report:?}");
    }
}

/// The place was found while the loudspeaker's callback was late: what was played lies behind its own echo.
#[test]
fn a_reference_that_lies_behind_its_echo_is_brought_forward() {
    let far = [vec![0.0; RATE], speech_like(14.0, 52)].concat();
    let near = room(&far, 480, 0.12);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let mut out = Cleaned::default();
    // The first 120 ms of it come with a delay, and then all is as it should be.
    tap.push(0.0);
    for (n, near) in near.chunks(320).enumerate() {
        let known = match n {
            0..6 => 0..0,
            6 => 0..7 * 320,
            _ => n * 320..(n + 1) * 320,
        };
        far[known].iter().for_each(|sample| tap.push(*sample));
        canceller.process(near, &mut out);
    }
    let after = reduction(&near, &out.suppressed, 10 * RATE);
    assert!(after > 20.0, "{after} dB");
}

/// Neither a voice over the echo, nor pauses, nor a gap of the microphone is a jump: the room stays known.
#[test]
fn what_is_no_jump_does_not_forget_the_room() {
    let pauses = |n: usize| f32::from(u8::from(n / RATE % 3 != 2));
    let far: Vec<f32> = speech_like(15.0, 61)
        .iter()
        .enumerate()
        .map(|(n, sample)| sample * pauses(n))
        .collect();
    let voice = [
        vec![0.0; 5 * RATE],
        speech_like(8.0, 62),
        vec![0.0; 2 * RATE],
    ]
    .concat();
    let noise = speech_like(15.0, 63);
    let echo = room(&far, 3_200, 0.3);
    for loudness in [0.0, 0.3, 1.0, 3.0] {
        let near: Vec<f32> = (0..far.len())
            .map(|n| echo[n] + loudness * voice[n] + 0.002 * noise[n])
            .collect();
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut canceller = Canceller::new(cancelling(true), Some(far_end));
        let mut forgotten = 0;
        let mut out = Cleaned::default();
        let (mut heard, mut played) = (0, 0);
        while heard + 320 <= near.len() {
            let lost = heard == 13 * RATE;
            far[played..heard + 320].iter().for_each(|s| tap.push(*s));
            played = heard + 320;
            if lost {
                // 100 ms were played and not heard.
                far[played..played + 1_600]
                    .iter()
                    .for_each(|s| tap.push(*s));
                played += 1_600;
                heard += 1_600;
                canceller.gap(1_600);
            }
            let knew = canceller.learning == 0;
            canceller.process(&near[heard..heard + 320], &mut out);
            forgotten += usize::from(knew && canceller.learning > 0);
            heard += 320;
        }
        assert_eq!(forgotten, 0, "with a voice of {loudness}");
    }
}

/// A filter that never knew the room says nothing of jumps: somebody speaks all the time, and there is next to no echo.
#[test]
fn a_room_that_was_never_known_is_not_forgotten() {
    let far = speech_like(12.0, 71);
    let voice = speech_like(12.0, 72);
    for echo in [0.0, 0.02, 0.1] {
        let near: Vec<f32> = room(&far, 1_600, 0.2)
            .iter()
            .zip(&voice)
            .map(|(sound, voice)| echo * sound + voice)
            .collect();
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut canceller = Canceller::new(cancelling(true), Some(far_end));
        let mut out = Cleaned::default();
        let mut forgotten = 0;
        for (far, near) in far.chunks(320).zip(near.chunks(320)) {
            far.iter().for_each(|sample| tap.push(*sample));
            let knew = canceller.learning == 0;
            canceller.process(near, &mut out);
            forgotten += usize::from(knew && canceller.learning > 0);
        }
        assert_eq!(forgotten, 0, "with an echo of {echo}");
    }
}
