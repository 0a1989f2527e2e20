//! Frames in, endpoints out.

use super::*;

/// Onset 3 frames, pre-roll 4, hangover 5, longest 40.
fn settings() -> EndpointSettings {
    EndpointSettings {
        threshold: 0.5,
        onset_ms: 3 * FRAME_MS,
        pre_roll_ms: 4 * FRAME_MS,
        hangover_ms: 5 * FRAME_MS,
        max_utterance_ms: 40 * FRAME_MS,
    }
}

fn hear_all(machine: &mut Endpointer, probabilities: &[f32]) -> Vec<Endpoint> {
    (0u64..)
        .zip(probabilities)
        .flat_map(|(i, &p)| machine.hear(i, p, 0.1))
        .flatten()
        .collect()
}

fn frames(parts: &[(usize, f32)]) -> Vec<f32> {
    parts
        .iter()
        .flat_map(|&(n, p)| std::iter::repeat_n(p, n))
        .collect()
}

fn events(parts: &[(usize, f32)]) -> Vec<Endpoint> {
    hear_all(&mut Endpointer::new(&settings()), &frames(parts))
}

#[test]
fn speech_between_silences_is_one_utterance_with_pre_roll_and_hangover() {
    assert_eq!(
        events(&[(10, 0.1), (8, 0.9), (10, 0.1)]),
        [
            Endpoint::Started { at: 10, from: 6 },
            Endpoint::Ended {
                from: 6,
                speech_end: 17,
                endpoint: 22,
                cut: false
            }
        ]
    );
}

#[test]
fn less_than_the_onset_is_nothing() {
    assert_eq!(events(&[(10, 0.1), (2, 0.9), (10, 0.1), (2, 0.9)]), []);
}

#[test]
fn more_than_the_onset_and_less_than_a_word_is_dismissed() {
    assert_eq!(
        events(&[(10, 0.1), (4, 0.9), (10, 0.1)]),
        [Endpoint::Started { at: 10, from: 6 }, Endpoint::Dismissed]
    );
}

#[test]
fn faint_speech_is_dismissed() {
    let mut machine = Endpointer::new(&settings());
    let heard: Vec<Endpoint> = (0..30)
        .flat_map(|i| machine.hear(i, if i < 10 { 0.9 } else { 0.1 }, 0.0001))
        .flatten()
        .collect();
    assert_eq!(
        heard,
        [Endpoint::Started { at: 0, from: 0 }, Endpoint::Dismissed]
    );
}

#[test]
fn a_dip_above_the_lower_threshold_does_not_end_speech() {
    let heard = events(&[(8, 0.9), (12, 0.4), (2, 0.9), (10, 0.1)]);
    let ended = Endpoint::Ended {
        from: 0,
        speech_end: 21,
        endpoint: 26,
        cut: false,
    };
    assert_eq!(heard, [Endpoint::Started { at: 0, from: 0 }, ended]);
}

#[test]
fn a_pause_shorter_than_the_hangover_does_not_end_speech() {
    assert_eq!(events(&[(8, 0.9), (4, 0.1), (8, 0.9), (4, 0.1)]).len(), 1);
}

#[test]
fn the_end_of_a_recording_ends_what_is_being_said() {
    let mut machine = Endpointer::new(&settings());
    hear_all(&mut machine, &frames(&[(5, 0.1), (8, 0.9), (1, 0.1)]));
    let ended = Endpoint::Ended {
        from: 1,
        speech_end: 12,
        endpoint: 13,
        cut: false,
    };
    assert_eq!(machine.finish(13), Some(ended));
    assert_eq!(machine.finish(13), None);
}

#[test]
fn the_maximum_cuts_at_the_quietest_place_and_goes_on_there() {
    // Frame 34 is the quietest of the last ten.
    let mut machine = Endpointer::new(&settings());
    let heard: Vec<Endpoint> = (0..60)
        .flat_map(|i| {
            let level = if i == 34 { 0.01 } else { 0.1 };
            machine.hear(i, if i < 50 { 0.9 } else { 0.1 }, level)
        })
        .flatten()
        .collect();
    let first = Endpoint::Ended {
        from: 0,
        speech_end: 34,
        endpoint: 34,
        cut: true,
    };
    let second = Endpoint::Ended {
        from: 35,
        speech_end: 49,
        endpoint: 54,
        cut: false,
    };
    assert_eq!(
        heard,
        [
            Endpoint::Started { at: 0, from: 0 },
            first,
            Endpoint::Started { at: 35, from: 35 },
            second
        ]
    );
}

#[test]
fn forgetting_dismisses_and_keeps_the_pre_roll_out_of_the_past() {
    let mut machine = Endpointer::new(&settings());
    hear_all(&mut machine, &frames(&[(5, 0.1), (8, 0.9)]));
    assert_eq!(machine.forget(20), Some(Endpoint::Dismissed));
    assert_eq!(machine.forget(20), None);
    let heard: Vec<Endpoint> = (20..25)
        .flat_map(|i| machine.hear(i, 0.9, 0.1))
        .flatten()
        .collect();
    assert_eq!(heard, [Endpoint::Started { at: 20, from: 20 }]);
}
