//! The state machine by random sequences.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn inputs() -> impl Strategy<Value = Vec<(u8, u64, usize)>> {
    prop::collection::vec((0..19_u8, 0..4_u64, 0..5_usize), 0..60)
}

/// What the actions so far amount to, checked as they come.
#[derive(Default)]
struct World {
    alive: Option<TurnId>,
    sounding: bool,
    ducked: bool,
    held: bool,
    /// Utterances after the question that have not been judged.
    unjudged: u32,
    next: u64,
}

impl World {
    fn apply(&mut self, state: State, input: Input) -> State {
        let (after, actions) = state.step(input, TurnId(self.next));
        if let (State::Thinking(_), Input::Utterance) = (state, input) {
            self.unjudged += 1;
        }
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
            Action::Transcribe(turn) | Action::Take(turn) => {
                assert_eq!(self.alive, None, "two turns alive");
                assert_eq!(turn, TurnId(self.next));
                assert_eq!(self.unjudged, 0, "nobody knows whom that was for");
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
            Action::DropJudged | Action::KeepJudged => {
                assert!(self.unjudged > 0, "there was nothing to judge");
                self.unjudged -= 1;
            }
            Action::DropHeldAudio => self.unjudged = 0,
            Action::Attend | Action::Stuck(_) | Action::Settle => {}
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
            Outcome::Nothing,
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
            16 => Input::Ordered,
            17 => Input::Hushed,
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
        State::Thinking(Thinking { talking: true, .. }) => Input::SpeechDismissed,
        State::Thinking(Thinking { turn, unjudged, .. }) if unjudged > 0 => Input::Judged {
            turn,
            whole: true,
            verdict: Verdict::CarryOn,
        },
        State::Thinking(Thinking { turn, ready, .. }) if !ready => Input::ClauseReady { turn },
        State::Thinking(Thinking { turn, .. }) => Input::ReplyEnded { turn, clauses: 0 },
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
