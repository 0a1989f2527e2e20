//! The state machine by whole sequences.
#![allow(clippy::unwrap_used)]

use super::*;

mod after_a_question;

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
            outcome: Outcome::Reply,
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
            Action::Sounding(true),
            Action::DropHeldAudio,
            Action::LetSound(A),
            Action::Finish(A),
            Action::Settle,
            Action::Sounding(false),
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
            outcome: Outcome::Nothing,
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
fn a_cough_while_thinking_only_holds_the_reply_back() {
    let (state, actions) = run(&[
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            outcome: Outcome::Reply,
        },
        Input::SpeechStarted,
        Input::ClauseReady { turn: A },
        Input::ReplyEnded {
            turn: A,
            clauses: 1,
        },
        Input::SpeechDismissed,
    ]);
    assert_eq!(state, State::Speaking(Speaking::new(A, Some(1))));
    assert_eq!(actions.last(), Some(&Action::LetSound(A)));
}

#[test]
fn what_is_not_for_hearken_is_no_turn() {
    for (outcome, last) in [
        (Outcome::Overheard, Action::Overheard(A)),
        (Outcome::Done, Action::Finish(A)),
        (
            Outcome::Called,
            Action::Called {
                turn: A,
                chime: true,
            },
        ),
    ] {
        let (state, actions) = run(&[Input::Utterance, Input::Transcribed { turn: A, outcome }]);
        assert_eq!(state, State::Idle);
        assert_eq!(
            actions,
            [Action::Transcribe(A), Action::DropHeldAudio, last]
        );
    }
}

#[test]
fn no_chime_over_somebody_who_goes_on_after_the_name() {
    let (state, actions) = run(&[
        Input::Utterance,
        Input::SpeechStarted,
        Input::Transcribed {
            turn: A,
            outcome: Outcome::Called,
        },
    ]);
    assert_eq!(state, State::Listening);
    assert_eq!(
        actions.last(),
        Some(&Action::Called {
            turn: A,
            chime: false
        })
    );
}

/// A reply that sounds, then `inputs`; what is done from then on.
fn over_a_reply(inputs: &[Input]) -> (State, Vec<Action>) {
    let mut all = vec![
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            outcome: Outcome::Reply,
        },
        Input::ClauseReady { turn: A },
    ];
    let before = run(&all).1.len();
    all.extend_from_slice(inputs);
    let (state, actions) = run(&all);
    (state, actions[before..].to_vec())
}

fn judged(whole: bool, verdict: Verdict) -> Input {
    Input::Judged {
        turn: A,
        whole,
        verdict,
    }
}

#[test]
fn a_sentence_over_the_reply_stops_it_and_is_the_next_turn() {
    let (state, actions) = over_a_reply(&[
        Input::SpeechStarted,
        judged(false, Verdict::Unclear),
        judged(false, Verdict::Stop),
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
            Action::Duck(A),
            Action::Interrupt(A),
            Action::Sounding(false),
            Action::Transcribe(B)
        ]
    );
}

#[test]
fn uh_huh_over_the_reply_is_nothing() {
    let (state, actions) = over_a_reply(&[
        Input::SpeechStarted,
        judged(false, Verdict::CarryOn),
        Input::Utterance,
        judged(true, Verdict::CarryOn),
    ]);
    assert_eq!(
        state,
        State::Speaking(Speaking {
            turn: A,
            played: 0,
            clauses: None,
            held: false,
            over: Over::Nobody
        })
    );
    assert_eq!(
        actions,
        [
            Action::Duck(A),
            Action::Restore(A),
            Action::Judge(A),
            Action::DropHeldAudio
        ]
    );
}

#[test]
fn uh_huh_that_goes_on_as_a_sentence_stops_it() {
    let (state, actions) = over_a_reply(&[
        Input::SpeechStarted,
        judged(false, Verdict::CarryOn),
        judged(false, Verdict::Unclear),
        judged(false, Verdict::Stop),
    ]);
    assert_eq!(state, State::Listening);
    assert_eq!(
        actions,
        [
            Action::Duck(A),
            Action::Restore(A),
            Action::Duck(A),
            Action::Interrupt(A),
            Action::Sounding(false)
        ]
    );
}

#[test]
fn a_short_sentence_that_ends_before_it_is_judged_stops_it() {
    let (state, actions) = over_a_reply(&[
        Input::SpeechStarted,
        Input::Utterance,
        judged(false, Verdict::CarryOn),
        judged(true, Verdict::Stop),
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
            Action::Duck(A),
            Action::Judge(A),
            Action::Interrupt(A),
            Action::Sounding(false),
            Action::Transcribe(B)
        ]
    );
}

#[test]
fn a_held_reply_goes_on_where_it_was() {
    let (state, actions) = over_a_reply(&[
        Input::SpeechStarted,
        judged(false, Verdict::Hold),
        Input::Utterance,
        judged(true, Verdict::Hold),
        Input::SpeechStarted,
        Input::Utterance,
        judged(true, Verdict::GoOn),
    ]);
    let State::Speaking(speaking) = state else {
        panic!("{state:?}");
    };
    assert!(!speaking.held && speaking.over == Over::Nobody);
    assert!(actions.contains(&Action::Hold(A)));
    assert_eq!(
        actions[actions.len() - 3..],
        [Action::DropHeldAudio, Action::GoOn(A), Action::Restore(A)]
    );
}

#[test]
fn what_is_said_over_the_last_word_is_the_next_turn() {
    let ends = [
        Input::ReplyEnded {
            turn: A,
            clauses: 1,
        },
        Input::ClausePlayed { turn: A },
    ];
    let (state, actions) = over_a_reply(&[&[Input::SpeechStarted], &ends[..]].concat());
    assert_eq!(state, State::Listening);
    assert_eq!(
        actions,
        [
            Action::Duck(A),
            Action::Restore(A),
            Action::Finish(A),
            Action::Sounding(false)
        ]
    );
    let whole = [&[Input::SpeechStarted, Input::Utterance], &ends[..]].concat();
    let (state, actions) = over_a_reply(&whole);
    assert_eq!(
        state,
        State::Transcribing {
            turn: B,
            talking: false
        }
    );
    assert_eq!(actions.last(), Some(&Action::Transcribe(B)));
}

#[test]
fn a_push_stops_the_reply() {
    let (state, actions) = over_a_reply(&[Input::Pushed]);
    assert_eq!(state, State::Idle);
    assert_eq!(
        actions,
        [
            Action::Interrupt(A),
            Action::Sounding(false),
            Action::DropHeldAudio,
            Action::Attend
        ]
    );
}

#[test]
fn what_is_late_for_a_dead_turn_changes_nothing() {
    let before = [Input::Utterance, Input::SpeechStarted, Input::Utterance];
    let (state, _) = run(&before);
    for late in [
        Input::Transcribed {
            turn: A,
            outcome: Outcome::Reply,
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
            outcome: Outcome::Reply,
        },
        Input::ClauseReady { turn: A },
        Input::WatchdogBit { turn: A },
        Input::Settled,
    ]);
    assert_eq!(state, State::Idle);
    assert!(actions.contains(&Action::Cancel(A)) && actions.contains(&Action::Stuck(A)));
    assert_eq!(actions.last(), Some(&Action::Sounding(false)));
}
