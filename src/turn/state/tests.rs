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
fn somebody_who_goes_on_speaking_is_heard_as_one() {
    let (state, actions) = run(&[
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            outcome: Outcome::Reply,
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
    let before = [
        Input::Utterance,
        Input::Transcribed {
            turn: A,
            outcome: Outcome::Reply,
        },
        Input::Utterance,
    ];
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

fn inputs() -> impl Strategy<Value = Vec<(u8, u64, usize)>> {
    prop::collection::vec((0..17_u8, 0..4_u64, 0..5_usize), 0..60)
}

/// What the actions so far amount to, checked as they come.
#[derive(Default)]
struct World {
    alive: Option<TurnId>,
    sounding: bool,
    ducked: bool,
    held: bool,
    next: u64,
}

impl World {
    fn apply(&mut self, state: State, input: Input) -> State {
        let (after, actions) = state.step(input, TurnId(self.next));
        for action in actions {
            self.act(action);
        }
        assert_eq!(
            after.turn(),
            self.alive,
            "the state and the actions disagree"
        );
        after
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Transcribe(turn) => {
                assert_eq!(self.alive, None, "two turns alive");
                assert_eq!(turn, TurnId(self.next));
                self.alive = Some(turn);
                self.next += 1;
            }
            Action::Reply(turn) | Action::Judge(turn) => assert_eq!(self.alive, Some(turn)),
            Action::LetSound(turn) => {
                assert_eq!(self.alive, Some(turn));
                assert!(self.sounding);
            }
            Action::Duck(turn) => {
                assert_eq!(self.alive, Some(turn));
                assert!(!self.ducked, "ducked twice");
                self.ducked = true;
            }
            Action::Restore(turn) => {
                assert_eq!(self.alive, Some(turn));
                assert!(self.ducked, "restored what was not ducked");
                self.ducked = false;
            }
            Action::Hold(turn) | Action::GoOn(turn) => {
                assert_eq!(self.alive, Some(turn));
                self.held = matches!(action, Action::Hold(_));
            }
            Action::Interrupt(turn) => {
                assert!(self.sounding, "stopped what did not sound");
                self.over(turn);
            }
            Action::Cancel(turn)
            | Action::Finish(turn)
            | Action::NothingSaid(turn)
            | Action::Overheard(turn)
            | Action::Called { turn, .. } => self.over(turn),
            Action::Sounding(on) => self.sounding = on,
            Action::DropHeldAudio | Action::Attend | Action::Stuck(_) | Action::Settle => {}
        }
    }

    /// A turn ends, and all that was done to its sound.
    fn over(&mut self, turn: TurnId) {
        assert_eq!(self.alive.take(), Some(turn));
        (self.ducked, self.held) = (false, false);
    }

    fn random(&self, kind: u8, back: u64, choice: usize) -> Input {
        let turn = TurnId(self.next.saturating_sub(1).saturating_sub(back % 2));
        let outcomes = [
            Outcome::Reply,
            Outcome::Reply,
            Outcome::Called,
            Outcome::Done,
            Outcome::Overheard,
        ];
        let verdicts = [
            Verdict::Unclear,
            Verdict::CarryOn,
            Verdict::Stop,
            Verdict::Hold,
            Verdict::GoOn,
        ];
        match kind {
            0 | 1 => Input::SpeechStarted,
            2 => Input::SpeechDismissed,
            3 | 4 => Input::Utterance,
            5 | 6 => Input::Transcribed {
                turn,
                outcome: outcomes[choice],
            },
            7 | 8 => Input::ClauseReady { turn },
            9 => Input::ReplyEnded {
                turn,
                clauses: choice,
            },
            10 => Input::ClausePlayed { turn },
            11 => Input::Settled,
            12 | 13 => Input::Judged {
                turn,
                whole: back > 1,
                verdict: verdicts[choice],
            },
            14 => Input::Pushed,
            15 => Input::Abandoned { turn },
            _ => Input::WatchdogBit { turn },
        }
    }

    fn at_rest(&self) -> bool {
        !(self.sounding || self.ducked || self.held)
    }
}

/// What an honest world reports next in this state, when nobody says anything more.
fn answer(state: State) -> Option<Input> {
    Some(match state {
        State::Idle | State::Stopped => return None,
        State::Listening => Input::SpeechDismissed,
        State::Settling => Input::Settled,
        State::Transcribing { turn, .. } => Input::Transcribed {
            turn,
            outcome: Outcome::Reply,
        },
        State::Thinking { talking: true, .. } => Input::SpeechDismissed,
        State::Thinking { turn, ready, .. } if !ready => Input::ClauseReady { turn },
        State::Thinking { turn, .. } => Input::ReplyEnded { turn, clauses: 0 },
        State::Speaking(Speaking { turn, over, .. }) if over != Over::Nobody => match over {
            Over::Judging { talking: false, .. } => Input::Judged {
                turn,
                whole: true,
                verdict: Verdict::CarryOn,
            },
            _ => Input::SpeechDismissed,
        },
        State::Speaking(Speaking {
            turn,
            played,
            clauses: None,
            ..
        }) => Input::ReplyEnded {
            turn,
            clauses: played + 1,
        },
        State::Speaking(Speaking { turn, .. }) => Input::ClausePlayed { turn },
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    /// Whatever happens in whatever order: at most one turn is alive, none begins twice, a reply sounds only for
    /// the turn that is alive; and when the world falls silent and everything hangs, the watchdog ends it listening.
    #[test]
    fn any_sequence_ends_listening(script in inputs()) {
        let (mut state, mut world) = (State::Idle, World::default());
        for (kind, back, choice) in script {
            let input = world.random(kind, back, choice);
            state = world.apply(state, input);
        }
        state = world.apply(state, Input::SpeechDismissed);
        if let Some(turn) = state.turn() {
            state = world.apply(state, Input::WatchdogBit { turn });
        }
        state = world.apply(state, Input::Settled);
        prop_assert_eq!(state, State::Idle);
        prop_assert!(world.at_rest(), "something of the last reply is left");
    }

    /// The same without the watchdog, when the parts answer as they should: soon, and at full loudness.
    #[test]
    fn any_sequence_ends_listening_by_itself(script in inputs()) {
        let (mut state, mut world) = (State::Idle, World::default());
        for (kind, back, choice) in script {
            let input = world.random(kind, back, choice);
            state = world.apply(state, input);
        }
        let mut steps = 0;
        while let Some(input) = answer(state) {
            state = world.apply(state, input);
            steps += 1;
            prop_assert!(steps < 100, "it never ends: {state:?}");
        }
        prop_assert_eq!(state, State::Idle);
        prop_assert!(world.at_rest(), "something of the last reply is left");
    }
}
