//! What is said while the reply is being written.

use super::*;

/// A question that is thought about, then `inputs`; what is done from then on.
fn after_a_question(inputs: &[Input]) -> (State, Vec<Action>) {
    let mut all = vec![
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            outcome: Outcome::Reply,
        },
    ];
    let before = run(&all).1.len();
    all.extend_from_slice(inputs);
    let (state, actions) = run(&all);
    (state, actions[before..].to_vec())
}

#[test]
fn somebody_who_goes_on_speaking_is_heard_as_one() {
    let (state, actions) = after_a_question(&[
        Input::SpeechStarted,
        Input::ClauseReady { turn: A },
        Input::Utterance,
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
            Action::Judge(A),
            Action::KeepJudged,
            Action::Cancel(A),
            Action::Transcribe(B)
        ],
        "the first reply never sounds, and the audio held is kept for the second"
    );
}

#[test]
fn somebody_who_goes_on_before_there_are_words_is_heard_as_one() {
    let (state, actions) = run(&[Input::Utterance, Input::SpeechStarted, Input::Utterance]);
    assert_eq!(state.turn(), Some(B));
    assert_eq!(
        actions,
        [
            Action::Transcribe(A),
            Action::Cancel(A),
            Action::Transcribe(B)
        ]
    );
}

#[test]
fn what_was_not_for_hearken_after_the_question_is_forgotten_and_the_reply_sounds() {
    let (state, actions) = after_a_question(&[
        Input::SpeechStarted,
        Input::ClauseReady { turn: A },
        Input::Utterance,
        judged(true, Verdict::CarryOn),
    ]);
    assert_eq!(state, State::Speaking(Speaking::new(A, None)));
    assert_eq!(
        actions,
        [
            Action::Judge(A),
            Action::DropJudged,
            Action::Sounding(true),
            Action::DropHeldAudio,
            Action::LetSound(A)
        ]
    );
}

#[test]
fn while_it_is_judged_nothing_sounds() {
    let asked = [Input::SpeechStarted, Input::Utterance];
    let ready = Input::ClauseReady { turn: A };
    let (state, actions) = after_a_question(&[&asked[..], &[ready]].concat());
    assert!(matches!(state, State::Thinking(t) if t.ready && t.unjudged == 1));
    assert_eq!(actions, [Action::Judge(A)]);
    let cough = [Input::SpeechStarted, Input::SpeechDismissed];
    let (state, _) = after_a_question(&[&asked[..], &[ready], &cough].concat());
    assert!(matches!(state, State::Thinking(_)));
}

#[test]
fn who_was_not_speaking_to_it_and_talks_on_does_not_keep_it_silent() {
    let talk = [
        Input::SpeechStarted,
        Input::Utterance,
        Input::SpeechStarted,
        judged(true, Verdict::CarryOn),
    ];
    let ready = Input::ClauseReady { turn: A };
    let (state, actions) = after_a_question(&[&talk[..], &[ready]].concat());
    assert!(matches!(state, State::Thinking(t) if t.talking && t.ready));
    assert_eq!(actions, [Action::Judge(A), Action::DropJudged]);
    let next = [Input::Utterance, Input::SpeechStarted];
    let nothing = judged(true, Verdict::CarryOn);
    let all = [&talk[..], &[ready], &next, &[nothing]].concat();
    let (state, actions) = after_a_question(&all);
    assert!(matches!(
        state,
        State::Speaking(Speaking {
            over: Over::Talking { ducked: true },
            ..
        })
    ));
    assert_eq!(
        actions[2..],
        [
            Action::Judge(A),
            Action::DropJudged,
            Action::Sounding(true),
            Action::DropHeldAudio,
            Action::LetSound(A),
            Action::Duck(A)
        ]
    );
}

#[test]
fn one_after_the_other_is_judged() {
    let (state, actions) = after_a_question(&[
        Input::Utterance,
        Input::Utterance,
        judged(true, Verdict::Stop),
        judged(true, Verdict::CarryOn),
    ]);
    assert_eq!(state.turn(), Some(B));
    assert_eq!(
        actions,
        [
            Action::Judge(A),
            Action::KeepJudged,
            Action::Judge(A),
            Action::DropJudged,
            Action::Cancel(A),
            Action::Transcribe(B)
        ],
        "what was not for hearken is not in the next turn"
    );
}

#[test]
fn a_question_that_comes_to_nothing_does_not_take_the_next_with_it() {
    let (state, actions) = after_a_question(&[
        Input::Utterance,
        Input::ReplyEnded {
            turn: A,
            clauses: 0,
        },
        judged(true, Verdict::Stop),
    ]);
    assert_eq!(state.turn(), Some(B));
    assert_eq!(
        actions,
        [
            Action::Judge(A),
            Action::KeepJudged,
            Action::Cancel(A),
            Action::Transcribe(B)
        ]
    );
    let (state, actions) = after_a_question(&[
        Input::Utterance,
        Input::ReplyEnded {
            turn: A,
            clauses: 0,
        },
        judged(true, Verdict::CarryOn),
    ]);
    assert_eq!(state, State::Idle);
    assert_eq!(
        actions,
        [
            Action::Judge(A),
            Action::DropJudged,
            Action::DropHeldAudio,
            Action::Finish(A)
        ]
    );
}
