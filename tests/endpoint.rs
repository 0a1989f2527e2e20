//! The endpoint's state machine under random operations: what must hold whatever is heard.
#![allow(clippy::unwrap_used)]

use hearken::listen::endpoint::{Endpoint, EndpointSettings, Endpointer};
use hearken::listen::vad::FRAME_MS;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    Hear {
        frames: u8,
        probability: f32,
        level: f32,
    },
    Forget,
    Finish,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (1..60u8, 0.0..1.0f32, 0.0..0.3f32)
            .prop_map(|(frames, probability, level)| Op::Hear { frames, probability, level }),
        1 => Just(Op::Forget),
        1 => Just(Op::Finish),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_utterances_are_in_order_apart_and_never_too_long(
        ops in proptest::collection::vec(op(), 1..60),
        onset_ms in 32..400u32, pre_roll_ms in 0..600u32, hangover_ms in 100..900u32,
        threshold in 0.2..0.95f32,
    ) {
        let max_utterance_ms = 2_000u32;
        let longest = u64::from(max_utterance_ms / FRAME_MS);
        let settings =
            EndpointSettings { threshold, onset_ms, pre_roll_ms, hangover_ms, max_utterance_ms };
        let mut machine = Endpointer::new(&settings);
        let (mut now, mut open, mut last_end) = (0u64, None, None::<u64>);
        for op in ops {
            let mut heard = Vec::new();
            match op {
                Op::Hear { frames, probability, level } => for _ in 0..frames {
                    heard.extend(machine.hear(now, probability, level).into_iter().flatten());
                    now += 1;
                },
                Op::Forget => heard.extend(machine.forget(now)),
                Op::Finish => heard.extend(machine.finish(now.saturating_sub(1))),
            }
            for event in heard {
                match event {
                    Endpoint::Started { at, from } => {
                        prop_assert!(open.is_none(), "two starts without an end");
                        prop_assert!(from <= at && at < now);
                        prop_assert!(last_end.is_none_or(|end| end < from), "utterances overlap");
                        open = Some((at, from));
                    }
                    Endpoint::Dismissed => {
                        prop_assert!(open.take().is_some(), "dismissed what never started");
                    }
                    Endpoint::Ended { from, speech_end, endpoint, .. } => {
                        let (at, started) = open.take().unwrap();
                        prop_assert_eq!(from, started);
                        prop_assert!(at <= speech_end && speech_end <= endpoint && endpoint < now);
                        prop_assert!(endpoint - from < longest, "too long");
                        last_end = Some(endpoint);
                    }
                }
            }
            prop_assert_eq!(machine.is_speaking(), open.is_some());
        }
    }
}
