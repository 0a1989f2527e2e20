//! Orders from outside are carried out. What is to be said waits until nobody speaks.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::warn;

use super::over::Cut;
use super::{Conductor, Turn};
use crate::command::{self, Command};
use crate::event::Event;
use crate::listen::name::{Called, Name};
use crate::memory::mute;
use crate::speak::chime::Chime;
use crate::turn::TurnId;
use crate::turn::order::{Order, Status};
use crate::turn::state::{Input, State};
use crate::turn::timing::Timing;

/// So many sentences of programs may wait to be said; the oldest of them is dropped, and its giver told so.
const MOST_WAITING: usize = 8;

/// What waits to be said until nobody speaks.
pub(super) enum Saying {
    /// A program wants it said.
    Text(String, oneshot::Sender<TurnId>),
    /// A program wants it answered.
    Question(String, oneshot::Sender<Option<TurnId>>),
    /// hearken has noticed something.
    Notice(&'static str),
    /// The rest of a reply whose loudspeaker went.
    Rest(String),
}

impl Saying {
    /// A program has ordered it; what hearken itself owes somebody is never dropped for that.
    fn is_ordered(&self) -> bool {
        matches!(self, Self::Text(..) | Self::Question(..))
    }

    /// The rest of a reply.
    pub(super) fn rest(&self) -> Option<String> {
        match self {
            Self::Rest(rest) => Some(rest.clone()),
            Self::Text(..) | Self::Question(..) | Self::Notice(_) => None,
        }
    }

    /// Nobody waits for it any more.
    fn is_void(&self) -> bool {
        match self {
            Self::Text(_, begun) => begun.is_closed(),
            Self::Question(_, begun) => begun.is_closed(),
            Self::Notice(_) | Self::Rest(_) => false,
        }
    }
}

impl Conductor {
    pub(super) fn order(&mut self, order: Order) {
        match order {
            Order::Listen => self.take(Input::Pushed),
            Order::Stop(done) => {
                let anything = self.state.turn().is_some();
                self.ahead = None;
                self.hush();
                match self.cut.as_mut() {
                    Some(cut) => cut.called_off(),
                    None => self.company.history.call_off(),
                }
                let _ = done.send(anything);
            }
            Order::Mute(muted, done) => {
                self.muting.push_back((muted, done));
                self.mute_next();
            }
            Order::Say(text, begun) => self.say(Saying::Text(text, begun)),
            Order::Ask(text, begun) => self.say(Saying::Question(text, begun)),
            Order::Volume(percent, done) => {
                self.set_volume(percent);
                let _ = done.send(self.volume_percent);
            }
            Order::Name(name, done) => {
                let result = Name::new(&name).map(|name| self.rename(name));
                let _ = done.send(result.map_err(|error| error.to_string()));
            }
            Order::History(answer) => {
                let _ = answer.send(self.company.history.conversation());
            }
            Order::Forget(done) => {
                self.forget_all(Box::new(|outcome| _ = done.send(outcome)));
                // What is alive would be remembered at its end.
                self.turn.iter_mut().for_each(|turn| turn.forgotten = true);
                self.cut.iter_mut().for_each(Cut::forget);
            }
            Order::HandOver(successor, baton) => self.successor = Some((successor, baton)),
            Order::Change(change, done) => self.changes.push_back((change, done)),
            Order::Status(answer) => {
                let _ = answer.send(self.status());
            }
        }
    }

    /// Stops what sounds or is thought about, although nobody has spoken.
    pub(super) fn hush(&mut self) {
        self.hushing = true;
        self.take(Input::Hushed);
        self.hushing = false;
    }

    /// Has something said as soon as nobody speaks.
    pub(super) fn say(&mut self, saying: Saying) {
        self.to_say.retain(|saying| !saying.is_void());
        let ordered: Vec<usize> = (0..self.to_say.len())
            .filter(|at| self.to_say[*at].is_ordered())
            .collect();
        if saying.is_ordered() && ordered.len() >= MOST_WAITING {
            self.to_say.remove(ordered[0]);
        }
        self.to_say.push_back(saying);
    }

    /// Begins what waits to be said, when nobody speaks and there is something to say it with.
    pub(super) fn say_what_waits(&mut self) {
        while matches!(self.state, State::Idle | State::Settling)
            && self.cut.is_none()
            && self.loudspeaker
        {
            let Some(saying) = self.to_say.pop_front() else {
                return;
            };
            if saying.is_void() {
                continue;
            }
            match saying {
                Saying::Text(text, begun) => {
                    let turn = self.begin(String::new(), Some(text));
                    let _ = begun.send(turn);
                }
                Saying::Question(text, begun) => {
                    let turn = self.asked(text);
                    let _ = begun.send(turn);
                }
                Saying::Notice(text) => {
                    self.noticed = Some(Instant::now());
                    self.begin(String::new(), Some(text.to_owned()));
                }
                Saying::Rest(text) => {
                    self.begin(String::new(), Some(text));
                }
            }
        }
    }

    /// Somebody has written what they want.
    fn asked(&mut self, text: String) -> Option<TurnId> {
        let language = self.language.clone();
        // The name may stand before it, as it does in speech.
        let wanted = match self.manners.name.called(&text) {
            Called::With(wanted) => wanted,
            Called::Alone | Called::No => text,
        };
        self.wake();
        let command = command::recognise(&wanted, &language);
        // Without a reply that waits, going on is a wish like any other.
        let Some(command) = command.filter(|command| *command != Command::GoOn) else {
            return Some(self.begin(wanted, None));
        };
        let id = self.next;
        self.next = TurnId(id.0 + 1);
        let answer = self.obey(id, &command, &language)?;
        let turn = self.begin(wanted, Some(answer));
        if let Some(alive) = self.turn.as_mut() {
            alive.command = Some(command);
        }
        Some(turn)
    }

    /// Begins a turn without anything heard: with an `answer`, or with one that the model gives.
    fn begin(&mut self, wanted: String, answer: Option<String>) -> TurnId {
        let id = self.next;
        self.ahead = None;
        self.by_order = true;
        let mut turn = Turn::new(id, Timing::new(Duration::ZERO, Instant::now()), true);
        turn.language.clone_from(&self.language);
        turn.transcript.clone_from(&wanted);
        turn.ordered = true;
        turn.said_only = wanted.is_empty();
        turn.answer = answer;
        self.bus.emit(Event::TurnStarted { turn: id });
        if !wanted.is_empty() {
            self.bus.emit(Event::Transcribed {
                turn: id,
                text: wanted.clone(),
                language: self.language.clone(),
            });
        }
        turn.wanted = wanted;
        self.turn = Some(turn);
        self.take(Input::Ordered);
        id
    }

    /// The microphone is closed or opened, as somebody wished.
    pub(super) fn muted(&mut self, muted: bool) {
        let sounds = matches!(self.state, State::Speaking(_)) || self.cut.is_some();
        // Who goes on in another program, as closed as before, has nothing to say of it.
        if self.manners.chimes && muted != self.muted && !sounds {
            self.company.player.chime(match muted {
                true => Chime::Muted,
                false => Chime::Unmuted,
            });
        }
        self.muted = muted;
        self.ahead = None;
        if let Some(file) = &self.company.mute_file
            && let Err(error) = mute::keep(file, muted)
        {
            let what = format!(
                "cannot remember in {} that the microphone is to stay closed: {error}",
                file.display()
            );
            warn!("{what}");
            self.bus.emit(Event::Failed { what });
        }
        self.bus
            .emit(if muted { Event::Muted } else { Event::Unmuted });
        self.mute_next();
    }

    /// Answers wishes that are fulfilled, and sees to the next that is not.
    fn mute_next(&mut self) {
        while let Some((muted, done)) = self.muting.pop_front() {
            if muted != self.muted {
                self.company.ear.mute(muted);
                return self.muting.push_front((muted, done));
            }
            let _ = done.send(());
        }
    }

    fn status(&self) -> Status {
        let state = match self.state {
            State::Idle | State::Stopped => "idle",
            State::Listening => "listening",
            State::Transcribing { .. } => "transcribing",
            State::Thinking(_) => "thinking",
            State::Speaking(speaking) if speaking.held => "held",
            State::Speaking(_) => "speaking",
            State::Settling => "settling",
        };
        Status {
            state,
            turn: self.state.turn(),
            name: self.manners.name.written().to_owned(),
            muted: self.muted,
            asleep: self.manners.attention.is_asleep(),
            window_open: self.open() || self.manners.attention.in_window(Instant::now()),
            microphone: self.missing.is_none(),
            loudspeaker: self.loudspeaker,
            volume_percent: self.volume_percent,
            level: self.company.ear.level(),
            erle_db: self.company.ear.echo().erle_db,
            backend: self.company.model.name(),
            process: std::process::id(),
            remembered_turns: self.company.history.turns(),
        }
    }
}
