//! The canceller in synthetic rooms, with the real AEC3.

mod moving;

use super::*;
use crate::audio::far_end::Tap;
use crate::audio::resample::resample;

const RATE: usize = EAR_RATE as usize;

/// Noise that is about as loud, and about as restless, as speech.
fn speech_like(seconds: f32, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut low = 0.0;
    (0..(seconds * RATE as f32) as usize)
        .map(|n| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let white = (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
            low += 0.3 * (white - low);
            // Syllables, four a second, with pauses between words.
            let syllable = (n as f32 * std::f32::consts::TAU * 4.0 / RATE as f32).sin();
            0.3 * low * syllable.max(0.0)
        })
        .collect()
}

/// What a room makes of it: a delay, and a tail that falls by 60 dB within `rt60` s.
fn room(sound: &[f32], delay: usize, rt60: f32) -> Vec<f32> {
    let length = (rt60 * RATE as f32) as usize;
    let noise = speech_like(rt60 + 0.1, 77);
    let mut response = vec![0.0; delay + length];
    response[delay] = 0.5;
    for n in 1..length {
        response[delay + n] = 0.4 * noise[n] * 10f32.powf(-3.0 * n as f32 / length as f32);
    }
    let taps: Vec<(usize, f32)> = response
        .into_iter()
        .enumerate()
        .filter(|(n, tap)| tap.abs() > 1e-4 || *n == delay)
        .collect();
    let mut out = vec![0.0; sound.len()];
    for (n, sample) in sound.iter().enumerate() {
        for (later, tap) in &taps {
            if let Some(place) = out.get_mut(n + later) {
                *place += sample * tap;
            }
        }
    }
    out
}

fn power_db(samples: &[f32]) -> f32 {
    20.0 * level(samples).max(1e-9).log10()
}

/// Plays `far` and hears `near`, 20 ms at a time.
fn run(canceller: &mut Canceller, tap: &mut Tap, far: &[f32], near: &[f32]) -> Cleaned {
    let mut out = Cleaned::default();
    for (far, near) in far.chunks(320).zip(near.chunks(320)) {
        far.iter().for_each(|sample| tap.push(*sample));
        canceller.process(near, &mut out);
    }
    out
}

fn cancelling(noise_suppression: bool) -> EchoSettings {
    EchoSettings {
        cancellation: true,
        noise_suppression,
        gain_control: false,
    }
}

#[test]
fn the_echo_goes_within_a_second() {
    let far = speech_like(4.0, 1);
    let near = room(&far, 800, 0.12);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let out = run(&mut canceller, &mut tap, &far, &near).suppressed;
    let reduction = power_db(&near[RATE..out.len()]) - power_db(&out[RATE..]);
    assert!(reduction > 25.0, "{reduction} dB");
    let report = canceller.report();
    assert!(report.active && report.far_active);
    assert!(report.erle_db.unwrap() > 20.0, "{report:?}");
    let delay = report.delay_ms.unwrap();
    assert!((30.0..=60.0).contains(&delay), "{delay} ms in place of 50");
}

/// Devices are opened before the models are loaded: the ear finds seconds of both in the rings.
#[test]
fn what_gathered_before_the_ear_began_does_not_misplace_the_reference() {
    let far = [vec![0.0; 2 * RATE], speech_like(4.0, 1)].concat();
    let near = room(&far, 800, 0.12);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    far[..2 * RATE].iter().for_each(|sample| tap.push(*sample));
    let mut out = Cleaned::default();
    let mut backlog = 2 * RATE;
    for piece in near[..2 * RATE].chunks(512) {
        backlog -= piece.len();
        canceller.set_backlog(backlog);
        canceller.process(piece, &mut out);
    }
    let rest = run(
        &mut canceller,
        &mut tap,
        &far[2 * RATE..],
        &near[2 * RATE..],
    );
    let rest = rest.suppressed;
    let reduction = power_db(&near[3 * RATE..][..rest.len() - RATE]) - power_db(&rest[RATE..]);
    assert!(reduction > 25.0, "{reduction} dB");
}

/// Whatever misplaced it: a reference that owes more than it will ever get is placed anew.
#[test]
fn a_misplaced_reference_is_placed_anew() {
    let far = speech_like(6.0, 1);
    let near = room(&far, 800, 0.12);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    // Two seconds were heard before, of which nobody said that they were waiting.
    let mut out = Cleaned::default();
    tap.push(0.0);
    vec![0.0; 2 * RATE]
        .chunks(512)
        .for_each(|piece| canceller.process(piece, &mut out));
    let out = run(&mut canceller, &mut tap, &far, &near).suppressed;
    let reduction = power_db(&near[3 * RATE..out.len()]) - power_db(&out[3 * RATE..]);
    assert!(reduction > 25.0, "{reduction} dB");
}

#[test]
fn as_many_samples_come_out_as_went_in() {
    for echo in [true, false] {
        for noise in [true, false] {
            for gain in [true, false] {
                let settings = EchoSettings {
                    cancellation: echo,
                    noise_suppression: noise,
                    gain_control: gain,
                };
                for count in [0, 1, 100, 16_001] {
                    let sound = speech_like(2.0, 3);
                    let (mut tap, far_end) = Tap::new(EAR_RATE);
                    let mut canceller = Canceller::new(settings, Some(far_end));
                    let mut out = run(&mut canceller, &mut tap, &sound[..count], &sound[..count]);
                    let given = out.suppressed.len();
                    assert!(given <= count && count - given <= 960);
                    canceller.finish(&mut out);
                    assert_eq!(out.suppressed.len(), count, "{settings:?}");
                    assert_eq!(out.linear.len(), count, "{settings:?}");
                }
            }
        }
    }
}

#[test]
fn off_is_to_the_sample() {
    let sound = speech_like(0.1, 4);
    let mut out = Cleaned::default();
    Canceller::new(EchoSettings::OFF, None).process(&sound, &mut out);
    assert_eq!(out.suppressed, sound);
    assert_eq!(out.linear, sound);
}

#[test]
fn without_a_loudspeaker_every_sample_stays_at_its_place() {
    let sound = speech_like(1.0, 5);
    let mut out = Cleaned::default();
    let mut canceller = Canceller::new(cancelling(false), None);
    for piece in sound.chunks(333) {
        canceller.process(piece, &mut out);
    }
    canceller.finish(&mut out);
    assert_eq!(out.suppressed, sound);
    assert_eq!(out.linear, sound);
    assert!(!canceller.report().active && canceller.gate(0.0));
}

#[test]
fn while_nothing_is_played_nothing_is_changed() {
    let sound = speech_like(1.0, 6);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let out = run(&mut canceller, &mut tap, &vec![0.0; sound.len()], &sound);
    assert_eq!(out.suppressed, sound[..out.suppressed.len()]);
    assert_eq!(out.linear, out.suppressed);
    assert!(canceller.report().active && !canceller.report().far_active);
}

/// How much quieter the echo became, in dB, from a sample on.
fn reduction(near: &[f32], out: &[f32], from: usize) -> f32 {
    power_db(&near[from..out.len()]) - power_db(&out[from..])
}

#[test]
fn clocks_that_differ_are_kept_together() {
    let far = speech_like(8.0, 8);
    let mut near = resample(&room(&far, 640, 0.1), 10_000, 10_001).unwrap();
    near.truncate(far.len());
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let out = run(&mut canceller, &mut tap, &far, &near).suppressed;
    let reduction = reduction(&near, &out, 4 * RATE);
    assert!(reduction > 25.0, "{reduction} dB");
}

/// Before the room is known nothing counts as speech, but not for ever, and not for long behind a short sound.
#[test]
fn while_the_room_is_learned_nothing_counts_as_speech() {
    let far = speech_like(4.0, 21);
    let near = room(&far, 800, 0.12);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let part = |canceller: &mut Canceller, tap: &mut Tap, from: f32, to: f32| {
        let range = (from * RATE as f32) as usize..(to * RATE as f32) as usize;
        run(canceller, tap, &far[range.clone()], &near[range]);
    };
    part(&mut canceller, &mut tap, 0.0, 0.15);
    assert!(!canceller.gate(0.9), "whatever is heard may be echo");
    part(&mut canceller, &mut tap, 0.15, 4.0);
    assert!(canceller.gate(0.2), "a voice is heard again");

    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    part(&mut canceller, &mut tap, 0.0, 0.15);
    let silence = vec![0.0; RATE / 2];
    run(&mut canceller, &mut tap, &silence, &silence);
    assert!(canceller.report().far_active && canceller.gate(0.2));
}

/// A filter that has heard a chime knows one tone.
#[test]
fn a_chime_does_not_teach_the_room() {
    let tone = |n: usize| 0.2 * (n as f32 * 880.0 * std::f32::consts::TAU / RATE as f32).sin();
    let chime: Vec<f32> = (0..RATE * 3 / 10).map(tone).collect();
    let far = [chime, vec![0.0; 2 * RATE], speech_like(4.0, 1)].concat();
    let near = room(&far, 800, 0.12);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(true), Some(far_end));
    let mut out = Cleaned::default();
    for (n, (far, near)) in far.chunks(320).zip(near.chunks(320)).enumerate() {
        far.iter().for_each(|sample| tap.push(*sample));
        canceller.process(near, &mut out);
        let ms = n as u32 * 20;
        // The voice begins at 2300 ms; a third of a second later the room is not known yet.
        if (2_400..2_650).contains(&ms) {
            assert!(!canceller.gate(0.9), "believed at {ms} ms");
        }
    }
    assert!(canceller.gate(0.5) && canceller.report().residual_level < 0.1);
}

#[test]
fn another_loudspeaker_is_learned() {
    let far = speech_like(6.0, 9);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let first = run(&mut canceller, &mut tap, &far, &room(&far, 640, 0.1));
    let held = far.len() - first.suppressed.len();
    drop(tap);
    let (mut tap, far_end) = Tap::new(48_000);
    canceller.set_far_end(Some(far_end));
    assert_eq!(canceller.report().erle_db, None);
    let (near, mut out) = (room(&far, 1_600, 0.15), Cleaned::default());
    let played = resample(&far, EAR_RATE, 48_000).unwrap();
    for (far, near) in played.chunks(960).zip(near.chunks(320)) {
        far.iter().for_each(|sample| tap.push(*sample));
        canceller.process(near, &mut out);
    }
    let reduction = reduction(&near, &out.suppressed[held..], 3 * RATE);
    assert!(reduction > 15.0, "{reduction} dB");
}

#[test]
fn a_gap_of_the_microphone_costs_little() {
    let far = speech_like(6.0, 10);
    let near = room(&far, 640, 0.1);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    run(
        &mut canceller,
        &mut tap,
        &far[..3 * RATE],
        &near[..3 * RATE],
    );
    // Half a second was played and not heard.
    let after = 7 * RATE / 2;
    far[3 * RATE..after].iter().for_each(|s| tap.push(*s));
    canceller.gap(after - 3 * RATE);
    let out = run(&mut canceller, &mut tap, &far[after..], &near[after..]).suppressed;
    let reduction = reduction(&near[after..], &out, RATE);
    assert!(reduction > 25.0, "{reduction} dB");
}

#[test]
fn a_loudspeaker_that_goes_away_is_left() {
    let sound = speech_like(1.0, 11);
    let (tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    drop(tap);
    let mut out = Cleaned::default();
    canceller.process(&sound, &mut out);
    canceller.finish(&mut out);
    assert_eq!(out.suppressed, sound);
    assert_eq!(out.linear, sound);
    assert!(!canceller.report().active);
}

#[test]
fn with_headphones_nobody_is_harmed() {
    // Nobody speaks in the beginning; from then on, somebody does.
    let far = speech_like(6.0, 12);
    let near = [vec![0.0; 5 * RATE / 2], speech_like(3.5, 13)].concat();
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let out = run(&mut canceller, &mut tap, &far, &near).suppressed;
    let lost = reduction(&near, &out, 3 * RATE);
    assert!(lost.abs() < 3.0, "{lost} dB of a voice are lost");
}

/// The output callback comes late now and then, as on a busy machine: what the loudspeaker plays is the same, what is
/// known of it comes in lumps.
#[test]
fn a_reference_that_comes_late_costs_nothing() {
    let far = [vec![0.0; 2 * RATE], speech_like(10.0, 31)].concat();
    let near = room(&far, 1_600, 0.12);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let (mut out, mut pushed, mut learned) = (Cleaned::default(), 0, 0);
    for (n, piece) in near.chunks(320).enumerate() {
        // Every eighth lump is 80 ms late once the loudspeaker sounds.
        let late = n > 100 && n % 8 < 4;
        if !late {
            far[pushed..(n + 1) * 320].iter().for_each(|s| tap.push(*s));
            pushed = (n + 1) * 320;
        }
        canceller.process(piece, &mut out);
        learned += usize::from(n > 250 && canceller.report().residual_level >= 1.0);
    }
    let reduction = reduction(&near, &out.suppressed, 4 * RATE);
    assert!(reduction > 25.0, "{reduction} dB");
    assert_eq!(learned, 0, "blind for {learned} lumps");
}

/// It stays away for longer than it is waited for, while the loudspeaker plays what it has: what is left of the echo must
/// not count as speech, and the room is not forgotten.
#[test]
fn a_hole_in_the_reference_is_nobodys_voice() {
    let far = [vec![0.0; 2 * RATE], speech_like(10.0, 32)].concat();
    let near = room(&far, 1_600, 0.12);
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(false), Some(far_end));
    let (mut out, mut pushed) = (Cleaned::default(), 0);
    for (n, piece) in near.chunks(320).enumerate() {
        let stalled = (400..410).contains(&n);
        if !stalled {
            far[pushed..(n + 1) * 320].iter().for_each(|s| tap.push(*s));
            pushed = (n + 1) * 320;
        }
        let before = out.suppressed.len();
        canceller.process(piece, &mut out);
        // Its echo comes 100 ms later, and it is waited for so long.
        if (407..430).contains(&n) {
            let loudest = out.suppressed[before..]
                .chunks(160)
                .map(level)
                .fold(0.0, f32::max);
            let closed = !canceller.gate(loudest) || loudest < 0.002;
            assert!(closed, "speech at {} ms: {loudest}", n * 20);
        }
    }
    let after = reduction(&near, &out.suppressed, 10 * RATE);
    assert!(after > 25.0, "{after} dB");
}

/// Whisper gets people as they spoke, from the first sound on, whatever the suppressor makes of them.
#[test]
fn who_speaks_over_the_loudspeaker_stays_whole_in_the_linear_stream() {
    let far = speech_like(8.0, 41);
    let voice = [vec![0.0; 5 * RATE], speech_like(2.0, 42), vec![0.0; RATE]].concat();
    let echo = room(&far, 1_600, 0.12);
    let near: Vec<f32> = echo.iter().zip(&voice).map(|(a, b)| a + 0.5 * b).collect();
    let (mut tap, far_end) = Tap::new(EAR_RATE);
    let mut canceller = Canceller::new(cancelling(true), Some(far_end));
    let out = run(&mut canceller, &mut tap, &far, &near);
    let wrong = |stream: &[f32]| {
        let spoken = 5 * RATE..7 * RATE;
        let difference: Vec<f32> = spoken.map(|n| stream[n] - 0.5 * voice[n]).collect();
        power_db(&difference) - power_db(&voice[5 * RATE..7 * RATE]) + 6.0
    };
    let (suppressed, linear) = (wrong(&out.suppressed), wrong(&out.linear));
    assert!(
        linear < -8.0 && linear < suppressed - 3.0,
        "{suppressed} and {linear} dB"
    );
}
