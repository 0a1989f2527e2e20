//! The state machine by whole sequences and by random ones.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

/// Runs a whole sequence; turns are numbered from 0.
fn run(inputs: &[Input]) -> (State, Vec<Action>) {
    let (mut state, mut actions, mut next) = (State::Idle, Vec::new(), 0);
    for input in inputs {
        let (after, done) = state.step(*input, TurnId(next));
        next += u64::from(done.contains(&Action::Transcribe(TurnId(next))));
        actions.extend(done);
        state = after;
    }
    (state, actions)
}

const A: TurnId = TurnId(0);
const B: TurnId = TurnId(1);

#[test]
fn a_turn_from_speech_to_settled() {
    let (state, actions) = run(&[
        Input::SpeechStarted,
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            words: true,
        },
        Input::ClauseReady { turn: A },
        Input::ClausePlayed { turn: A },
        Input::ReplyEnded {
            turn: A,
            clauses: 2,
        },
        Input::ClausePlayed { turn: A },
        Input::Settled,
    ]);
    assert_eq!(state, State::Idle);
    assert_eq!(
        actions,
        [
            Action::Transcribe(A),
            Action::Reply(A),
            Action::IgnoreMicrophone(true),
            Action::DropHeldAudio,
            Action::LetSound(A),
            Action::Finish(A),
            Action::Settle,
            Action::IgnoreMicrophone(false),
        ]
    );
}

#[test]
fn an_utterance_without_words_is_no_turn() {
    let (state, actions) = run(&[
        Input::SpeechStarted,
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            words: false,
        },
    ]);
    assert_eq!(state, State::Idle);
    assert_eq!(
        actions,
        [
            Action::Transcribe(A),
            Action::DropHeldAudio,
            Action::NothingSaid(A)
        ]
    );
}

#[test]
fn somebody_who_goes_on_speaking_is_heard_as_one() {
    let (state, actions) = run(&[
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            words: true,
        },
        Input::SpeechStarted,
        Input::ClauseReady { turn: A },
        Input::Utterance,
    ]);
    assert_eq!(
        state,
        State::Transcribing {
            turn: B,
            talking: false
        }
    );
    assert_eq!(
        actions,
        [
            Action::Transcribe(A),
            Action::Reply(A),
            Action::Cancel(A),
            Action::Transcribe(B)
        ],
        "the first reply never sounds, and the audio held is kept for the second"
    );
}

#[test]
fn a_cough_while_thinking_only_holds_the_reply_back() {
    let (state, actions) = run(&[
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            words: true,
        },
        Input::SpeechStarted,
        Input::ClauseReady { turn: A },
        Input::ReplyEnded {
            turn: A,
            clauses: 1,
        },
        Input::SpeechDismissed,
    ]);
    assert_eq!(
        state,
        State::Speaking {
            turn: A,
            played: 0,
            clauses: Some(1)
        }
    );
    assert_eq!(actions.last(), Some(&Action::LetSound(A)));
}

#[test]
fn what_is_late_for_a_dead_turn_changes_nothing() {
    let before = [
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            words: true,
        },
        Input::Utterance,
    ];
    let (state, _) = run(&before);
    for late in [
        Input::Transcribed {
            turn: A,
            words: true,
        },
        Input::ClauseReady { turn: A },
        Input::ReplyEnded {
            turn: A,
            clauses: 3,
        },
        Input::ClausePlayed { turn: A },
        Input::WatchdogBit { turn: A },
    ] {
        assert_eq!(state.step(late, TurnId(2)), (state, Vec::new()), "{late:?}");
    }
}

#[test]
fn a_stuck_turn_ends_and_the_microphone_comes_back() {
    let (state, actions) = run(&[
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            words: true,
        },
        Input::ClauseReady { turn: A },
        Input::WatchdogBit { turn: A },
        Input::Settled,
    ]);
    assert_eq!(state, State::Idle);
    assert!(actions.contains(&Action::Cancel(A)) && actions.contains(&Action::Stuck(A)));
    assert_eq!(actions.last(), Some(&Action::IgnoreMicrophone(false)));
}

fn inputs() -> impl Strategy<Value = Vec<(u8, u64, usize)>> {
    prop::collection::vec((0..11_u8, 0..4_u64, 0..3_usize), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whatever happens in whatever order: at most one turn is alive, none begins twice, a reply sounds only for
    /// the turn that is alive, and when the world falls silent the conversation ends up listening.
    #[test]
    fn any_sequence_ends_listening(script in inputs()) {
        let (mut state, mut next) = (State::Idle, 0_u64);
        let mut alive: Option<TurnId> = None;
        let mut deaf = false;
        let mut apply = |state: State, input: Input, next: &mut u64| {
            let (after, actions) = state.step(input, TurnId(*next));
            for action in actions {
                match action {
                    Action::Transcribe(turn) => {
                        assert_eq!(alive, None, "two turns alive");
                        assert_eq!(turn, TurnId(*next));
                        alive = Some(turn);
                        *next += 1;
                    }
                    Action::Reply(turn) | Action::LetSound(turn) => assert_eq!(alive, Some(turn)),
                    Action::Cancel(turn) | Action::Finish(turn) | Action::NothingSaid(turn) => {
                        assert_eq!(alive.take(), Some(turn));
                    }
                    Action::IgnoreMicrophone(on) => deaf = on,
                    Action::DropHeldAudio | Action::Stuck(_) | Action::Settle => {}
                }
            }
            assert_eq!(after.turn(), alive, "the state and the actions disagree");
            after
        };
        for (kind, back, clauses) in script {
            let turn = TurnId(next.saturating_sub(1).saturating_sub(back % 2));
            let input = match kind {
                0 => Input::SpeechStarted,
                1 => Input::SpeechDismissed,
                2 | 3 => Input::Utterance,
                4 => Input::Transcribed { turn, words: clauses > 0 },
                5 | 6 => Input::ClauseReady { turn },
                7 => Input::ReplyEnded { turn, clauses },
                8 => Input::ClausePlayed { turn },
                9 => Input::Settled,
                _ => Input::WatchdogBit { turn },
            };
            state = apply(state, input, &mut next);
        }
        // Silence: the ear's open segment closes, the watchdog bites what hangs, the tail passes.
        state = apply(state, Input::SpeechDismissed, &mut next);
        if let Some(turn) = state.turn() {
            state = apply(state, Input::WatchdogBit { turn }, &mut next);
        }
        state = apply(state, Input::Settled, &mut next);
        prop_assert_eq!(state, State::Idle);
        prop_assert!(!deaf, "the microphone stays ignored");
    }
}
