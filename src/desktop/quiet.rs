//! When other sound is to be quiet: from the moment when hearken knows that it is spoken to until nobody waits for either. Pure;
//! time is an input.
//!
//! Two kinds of events are told apart. Some say that something is hearken's: it was called, it read words that are for it, its
//! reply sounds. They begin the quiet. The others only say that something goes on: a turn may begin before it is known for
//! whom it is. They keep a quiet that there is, and begin none, so that no sentence of somebody else's stops the music.

use std::time::{Duration, Instant};

use crate::event::Event;
use crate::turn::TurnId;

/// So long after the last of it other sound comes back: a turn that is begun anew, because somebody had not finished, follows
/// sooner than that, and nobody hears music in between.
pub const LINGER: Duration = Duration::from_millis(1_500);
/// Somebody who has said something for hearken goes on speaking for this long at most: what `listen.max_utterance_ms` can be.
pub const LONGEST: Duration = Duration::from_millis(29_500);

/// What is known of the conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quiet {
    /// Something was hearken's, and quiet has been wanted since.
    claimed: bool,
    /// The turn that is alive.
    turn: Option<TurnId>,
    /// No name is needed.
    window: bool,
    /// It is wanted until then also when nothing goes on.
    until: Option<Instant>,
}

impl Quiet {
    /// Something happened.
    pub fn regard(&mut self, event: &Event, now: Instant) {
        self.claimed = self.is_wanted(now);
        let (claims, lasts) = match event {
            Event::TurnStarted { turn } => {
                self.turn = Some(*turn);
                (false, LINGER)
            }
            Event::Transcribed { turn, .. } | Event::ClauseStarted { turn, .. } => {
                self.turn = Some(*turn);
                (true, LINGER)
            }
            Event::Partial { .. } => (true, LONGEST),
            Event::Called => {
                self.turn = None;
                (true, LINGER)
            }
            Event::WindowOpened { .. } => {
                self.window = true;
                (true, LINGER)
            }
            // Who sleeps has no window.
            Event::WindowClosed | Event::Asleep => {
                self.window = false;
                (false, LINGER)
            }
            // Somebody else's: nobody waits for what comes of it.
            Event::Overheard => {
                self.turn = None;
                (false, Duration::ZERO)
            }
            Event::NothingSaid { turn } | Event::TurnCancelled { turn } => {
                self.turn = self.turn.filter(|alive| alive != turn);
                (false, LINGER)
            }
            Event::TurnFinished(report) => {
                self.turn = self.turn.filter(|alive| *alive != report.turn);
                (false, LINGER)
            }
            // Nobody hears the rest of what was begun; a turn that is alive goes on.
            Event::Muted
            | Event::DeviceLost {
                device: "microphone",
                ..
            } => (false, LINGER),
            _ => return,
        };
        self.claimed |= claims;
        self.until = Some(now + lasts);
    }

    /// Events were missed: what was going on may be over. What follows tells.
    pub fn missed(&mut self, now: Instant) {
        *self = Self {
            claimed: self.is_wanted(now),
            until: Some(now + LINGER),
            ..Self::default()
        };
    }

    /// Whether other sound is to be quiet.
    pub fn is_wanted(&self, now: Instant) -> bool {
        self.claimed && (self.goes_on() || self.until.is_some_and(|until| now < until))
    }

    /// When it ends, if nothing happens until then.
    pub fn until(&self) -> Option<Instant> {
        self.until.filter(|_| self.claimed && !self.goes_on())
    }

    fn goes_on(&self) -> bool {
        self.turn.is_some() || self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TurnReport;
    use crate::turn::timing::Stages;

    const A: TurnId = TurnId(1);
    const B: TurnId = TurnId(2);
    const WINDOW: Event = Event::WindowOpened { ms: 8_000 };

    fn started(turn: TurnId) -> Event {
        Event::TurnStarted { turn }
    }

    fn read(turn: TurnId) -> Event {
        Event::Transcribed {
            turn,
            text: String::new(),
            language: "en".into(),
        }
    }

    fn sounds(turn: TurnId) -> Event {
        let text = String::new();
        Event::ClauseStarted { turn, text }
    }

    fn partial() -> Event {
        Event::Partial {
            text: String::new(),
        }
    }

    fn finished(turn: TurnId) -> Event {
        Event::TurnFinished(TurnReport {
            turn,
            transcript: String::new(),
            reply: String::new(),
            interrupted: false,
            failure: None,
            stages: Stages::default(),
            speech_end: Instant::now(),
            gaps_ms: Vec::new(),
        })
    }

    /// What happens, in this order and each at its time in ms; then, from when to when quiet is wanted, in ms.
    fn wanted(story: &[(u64, Event)]) -> Vec<(u64, u64)> {
        let (mut quiet, began) = (Quiet::default(), Instant::now());
        let at = |ms| began + Duration::from_millis(ms);
        let mut spans: Vec<(u64, u64)> = Vec::new();
        let mut events = story.iter().peekable();
        for ms in (0..100_000).step_by(100) {
            while let Some((_, event)) = events.next_if(|(when, _)| *when <= ms) {
                quiet.regard(event, at(ms));
            }
            assert!(
                quiet.until().is_none_or(|until| until >= at(ms)) || !quiet.is_wanted(at(ms)),
                "nobody would look again"
            );
            if quiet.is_wanted(at(ms)) {
                match spans.last_mut().filter(|(_, to)| *to == ms) {
                    Some((_, to)) => *to += 100,
                    None => spans.push((ms, ms + 100)),
                }
            }
        }
        spans
    }

    #[test]
    fn a_question_has_quiet_from_its_words_until_its_window_closes() {
        let story = [
            (1_000, Event::SpeechStarted),
            (3_000, started(A)),
            (3_000, read(A)),
            (4_000, sounds(A)),
            (6_000, sounds(A)),
            (9_000, finished(A)),
            (9_000, WINDOW),
            (9_300, Event::Listening),
            (17_000, Event::WindowClosed),
        ];
        assert_eq!(wanted(&story), [(3_000, 18_500)]);
    }

    #[test]
    fn one_that_is_read_piece_by_piece_has_it_from_its_first_piece() {
        let story = [
            (1_000, Event::SpeechStarted),
            (2_000, partial()),
            (9_000, partial()),
            (20_000, started(A)),
            (20_000, read(A)),
            (21_000, sounds(A)),
            (22_000, finished(A)),
        ];
        assert_eq!(wanted(&story), [(2_000, 23_500)]);
        // What becomes of it is never told.
        let dropped = [(1_000, Event::SpeechStarted), (2_000, partial())];
        assert_eq!(wanted(&dropped), [(2_000, 31_500)]);
    }

    #[test]
    fn a_beginning_whose_rest_nobody_hears_is_over() {
        let lost = |device| Event::DeviceLost {
            device,
            why: String::new(),
        };
        for (end, until) in [
            (Event::Muted, 4_500),
            (lost("microphone"), 4_500),
            (lost("loudspeaker"), 31_500),
        ] {
            let story = [(2_000, partial()), (3_000, end.clone())];
            assert_eq!(wanted(&story), [(2_000, until)], "{end:?}");
            // A turn that is alive goes on.
            let story = [(2_000, read(A)), (3_000, end), (9_000, finished(A))];
            assert_eq!(wanted(&story), [(2_000, 10_500)]);
        }
        // Neither begins anything.
        assert!(wanted(&[(2_000, Event::Muted), (3_000, lost("microphone"))]).is_empty());
    }

    #[test]
    fn what_is_not_for_hearken_changes_nothing() {
        for story in [
            vec![(1_000, Event::SpeechStarted), (3_000, Event::Overheard)],
            // With `attention.mode = "always"` a turn begins before anything was read.
            vec![(1_000, started(A)), (2_000, Event::Overheard)],
            vec![(1_000, started(A)), (2_000, Event::NothingSaid { turn: A })],
            vec![
                (1_000, started(A)),
                (2_000, Event::TurnCancelled { turn: A }),
            ],
            vec![(1_000, Event::Listening), (2_000, Event::WindowClosed)],
        ] {
            assert!(wanted(&story).is_empty(), "{story:?}");
        }
    }

    #[test]
    fn talk_in_the_window_makes_it_no_longer() {
        let story = [
            (1_000, read(A)),
            (2_000, finished(A)),
            (2_000, WINDOW),
            (5_000, started(B)),
            (5_500, Event::WindowClosed),
            (5_500, Event::Overheard),
            // It is nobody's any more.
            (6_000, started(TurnId(3))),
            (8_000, Event::Overheard),
        ];
        assert_eq!(wanted(&story), [(1_000, 5_500)]);
    }

    #[test]
    fn the_name_alone_has_it_while_hearken_waits() {
        let story = [
            (1_000, started(A)),
            (1_500, Event::Called),
            (1_500, WINDOW),
            (9_500, Event::WindowClosed),
        ];
        assert_eq!(wanted(&story), [(1_500, 11_000)]);
    }

    #[test]
    fn a_turn_that_is_begun_anew_lets_nothing_in_between() {
        let story = [
            (1_000, started(A)),
            (1_000, read(A)),
            (2_000, Event::TurnCancelled { turn: A }),
            (2_000, started(B)),
            (3_000, read(B)),
            // How far the one before came is told late.
            (3_500, finished(A)),
            (8_000, sounds(B)),
            (9_000, finished(B)),
        ];
        assert_eq!(wanted(&story), [(1_000, 10_500)]);
    }

    #[test]
    fn who_goes_to_sleep_has_no_window() {
        let story = [
            (1_000, Event::Called),
            (1_000, WINDOW),
            (3_000, Event::Asleep),
        ];
        assert_eq!(wanted(&story), [(1_000, 4_500)]);
    }

    #[test]
    fn what_a_program_has_it_say_has_quiet_while_it_sounds() {
        let story = [
            (1_000, started(A)),
            (1_200, sounds(A)),
            (3_000, finished(A)),
        ];
        assert_eq!(wanted(&story), [(1_200, 4_500)]);
    }

    #[test]
    fn whoever_missed_something_does_not_wait_for_its_end() {
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        quiet.regard(&read(A), now);
        quiet.regard(&WINDOW, now);
        assert_eq!(quiet.until(), None);
        quiet.missed(now);
        assert!(quiet.is_wanted(now) && !quiet.is_wanted(now + LINGER));
        assert_eq!(quiet.until(), Some(now + LINGER));
        let mut quiet = Quiet::default();
        quiet.missed(now);
        assert!(!quiet.is_wanted(now));
    }
}
