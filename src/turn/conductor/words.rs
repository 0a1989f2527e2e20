//! What was said becomes what it is: for hearken or not, a command or a question.

use std::time::Instant;

use tracing::{debug, warn};

use super::Conductor;
use crate::command::{self, Command, is_own, is_part, is_stop};
use crate::config::Policy;
use crate::event::Event;
use crate::listen::name::{Called, Name};
use crate::listen::transcribe::{TranscribeError, Transcript};
use crate::memory;
use crate::memory::conversation::Told;
use crate::speak::chime::Chime;
use crate::turn::TurnId;
use crate::turn::attention::{Regard, Said};
use crate::turn::barge_in;
use crate::turn::state::{Input, Outcome};
use crate::turn::timing::Stage;

/// One step of "louder" and "quieter", in percent of full loudness.
const VOLUME_STEP: u32 = 20;
/// "Quieter" goes no lower: nobody would hear that it still speaks.
const QUIETEST: u32 = 10;
/// The loudest there is.
const LOUDEST: u32 = 150;
/// One step of "slower" and "faster", in percent of the voice's own speed.
const RATE_STEP: u32 = 15;

/// How something was said.
pub(super) struct Circumstances {
    /// How loud, in dB.
    pub level: f32,
    /// It began when no name was needed.
    pub in_window: bool,
    /// It began while a reply sounded, or right after.
    pub over_reply: bool,
    /// Whether the wake model fired; `None` without one.
    pub woken: Option<bool>,
    /// In several goes.
    pub several: bool,
}

/// What words are to hearken.
pub(super) enum Meant {
    /// They are for somebody else; `leave`: plainly so.
    Other { leave: bool },
    /// The name, and nothing else.
    Called,
    /// Something is wanted, without the name; perhaps a command.
    Wanted {
        wanted: String,
        command: Option<Command>,
    },
}

impl Conductor {
    pub(super) fn transcribed(
        &mut self,
        turn: TurnId,
        result: Result<Transcript, TranscribeError>,
        at: Instant,
    ) {
        let Some(alive) = self.turn.as_mut().filter(|t| t.id == turn) else {
            return;
        };
        alive.timing.mark(Stage::Text, at);
        let outcome = match result {
            Ok(transcript) => {
                let transcript = match self.held.over_reply {
                    true => self.if_it_stops(transcript),
                    false => transcript,
                };
                if let Some(refused) = transcript.refused {
                    debug!(
                        turn = turn.0,
                        ?refused,
                        "what whisper wrote is not taken for words"
                    );
                }
                match transcript.text.is_empty() {
                    true => Outcome::Nothing,
                    false => self.words(turn, transcript),
                }
            }
            Err(error) => {
                self.not_understood(turn, &error);
                if self.manners.chimes {
                    self.company.player.chime(Chime::Failed);
                }
                Outcome::Nothing
            }
        };
        self.take(Input::Transcribed { turn, outcome });
    }

    /// Doubtful words over a reply are believed when they are a stop. Those that only may have been one ("I'd stop.") are when they
    /// are taken for the one that has stopped it; otherwise they would be a question.
    fn if_it_stops(&self, transcript: Transcript) -> Transcript {
        let believed = barge_in::believed(transcript.clone());
        let Transcript { text, language, .. } = &believed;
        let wanted = match self.manners.name.called(text) {
            Called::With(wanted) => wanted,
            Called::Alone | Called::No => text.clone(),
        };
        let brief = barge_in::is_brief(self.held.length_ms());
        let stops = command::recognise(&wanted, language) == Some(Command::Stop)
            || self.probe.stopped_for(&wanted, language, brief);
        if stops { believed } else { transcript }
    }

    /// What was said could not become words.
    pub(super) fn not_understood(&self, turn: TurnId, error: &TranscribeError) {
        warn!(turn = turn.0, "{error}");
        self.bus.emit(Event::Failed {
            what: error.to_string(),
        });
    }

    /// What words are to hearken. Changes nothing: they may be those of somebody who has not finished.
    pub(super) fn meant(&self, transcript: &Transcript, circumstances: &Circumstances) -> Meant {
        let Transcript { text, language, .. } = transcript;
        // What is heard when hearken has just spoken may be its own voice.
        if circumstances.over_reply && self.is_own(text, language) {
            return Meant::Other { leave: false };
        }
        let said = Said {
            text,
            language,
            in_window: circumstances.in_window,
            woken: circumstances.woken,
            fainter_db: self
                .last_level
                .map_or(0.0, |last| last - circumstances.level),
            was_asked: self.last_spoken.trim_end().ends_with('?'),
        };
        let wanted = match self.manners.attention.regard(&said, &self.manners.name) {
            Regard::Other { leave } => return Meant::Other { leave },
            Regard::Called => return Meant::Called,
            Regard::Wanted(wanted) => wanted,
        };
        let command = command::recognise(&wanted, language)
            // "I'll call you Samantha" is not addressed to Samantha, also when that is its name.
            .or_else(|| named(text, language))
            .or_else(|| {
                let brief = barge_in::is_brief(self.held.length_ms());
                let stops = self.probe.stopped_for(&wanted, language, brief);
                stops.then_some(Command::Stop)
            })
            // Who calls it off while hearken still thinks says it after the question.
            .or_else(|| {
                (circumstances.several && called_off(&wanted, language))
                    .then_some(Command::NeverMind)
            });
        Meant::Wanted { wanted, command }
    }

    /// What to do with the words of a turn.
    fn words(&mut self, turn: TurnId, transcript: Transcript) -> Outcome {
        let level = level_db(self.held.sound());
        let circumstances = Circumstances {
            level,
            in_window: self.held.in_window,
            over_reply: self.held.over_reply,
            woken: self.held.woken,
            several: self.held.utterances.len() > 1,
        };
        let (wanted, command) = match self.meant(&transcript, &circumstances) {
            Meant::Other { leave } => {
                if leave {
                    self.close_window();
                }
                return Outcome::Overheard;
            }
            Meant::Called => return Outcome::Called,
            Meant::Wanted { wanted, command } => (wanted, command),
        };
        let Transcript { text, language, .. } = transcript;
        self.language.clone_from(&language);
        self.last_level = Some(level);
        self.wake();
        self.close_window();
        // What was said to somebody else in the same breath is nobody's business.
        let shown = self.manners.name.addressed(&text).to_owned();
        if let Some(alive) = self.turn.as_mut() {
            if !alive.announced {
                alive.announced = true;
                self.bus.emit(Event::TurnStarted { turn });
            }
            alive.transcript.clone_from(&shown);
            alive.wanted = wanted;
            alive.language.clone_from(&language);
        }
        self.bus.emit(Event::Transcribed {
            turn,
            text: shown,
            language: language.clone(),
        });
        match command {
            // Without a reply that waits, it is a wish like any other.
            None | Some(Command::GoOn) => Outcome::Reply,
            Some(command) => self.command(turn, command, &language),
        }
    }

    /// Obeys a command, and says what there is to say.
    fn command(&mut self, turn: TurnId, command: Command, language: &str) -> Outcome {
        let answer = self.obey(turn, &command, language);
        let Some(alive) = self.turn.as_mut() else {
            return Outcome::Nothing;
        };
        alive.command = Some(command);
        alive.answer = answer;
        // It has been obeyed: who says more is not to have it obeyed twice.
        self.held.answered();
        match alive.answer {
            Some(_) => Outcome::Reply,
            None => Outcome::Done,
        }
    }

    /// A command over a reply that goes on: louder, slower.
    pub(super) fn adjust(&mut self, turn: TurnId, transcript: &Transcript) {
        let Transcript { text, language, .. } = transcript;
        let wanted = match self.manners.name.called(text) {
            Called::With(wanted) => wanted,
            // Who must call to be heard over a reply must call for this, too.
            Called::Alone | Called::No if self.manners.policy != Policy::Speech => return,
            Called::Alone | Called::No => text.clone(),
        };
        if let Some(
            command @ (Command::Louder | Command::Quieter | Command::Slower | Command::Faster),
        ) = command::recognise(&wanted, language)
        {
            self.obey(turn, &command, language);
        }
    }

    /// Does what a command says; the answer, where there is one.
    pub(super) fn obey(
        &mut self,
        turn: TurnId,
        command: &Command,
        language: &str,
    ) -> Option<String> {
        self.bus.emit(Event::Command {
            turn,
            command: command.key(),
        });
        let usual = || command::answer(command, jiff::ZonedDateTime::now().datetime(), language);
        match command {
            Command::Louder => self.set_volume(self.volume_percent + VOLUME_STEP),
            Command::Quieter => self.set_volume(self.volume_percent.saturating_sub(VOLUME_STEP)),
            Command::Slower => self.set_rate(self.rate_percent.saturating_sub(RATE_STEP)),
            Command::Faster => self.set_rate(self.rate_percent + RATE_STEP),
            Command::Stop => self.company.history.call_off(),
            Command::NeverMind => {
                self.company.history.call_off();
                self.close_window();
            }
            Command::Forget => self.forget_last(),
            // What fails is told as an event.
            Command::ForgetAll => self.forget_all(Box::new(|_| ())),
            Command::Repeat if !self.last_reply.is_empty() => {
                return Some(self.last_reply.clone());
            }
            Command::Sleep => {
                self.manners.attention.sleep();
                self.bus.emit(Event::Asleep);
            }
            Command::Name(name) => match Name::new(name) {
                Ok(name) => self.rename(name),
                Err(_) => {
                    debug!("a name that cannot be taken");
                    return command::refusal(language);
                }
            },
            Command::Pause
            | Command::GoOn
            | Command::Repeat
            | Command::Wake
            | Command::Time
            | Command::Date => {}
        }
        usual()
    }

    fn forget_last(&mut self) {
        let before = self.company.history.turns();
        self.company.history.forget_last();
        self.last_reply.clear();
        // A question that was not answered was not kept.
        if let Some(keeper) = &self.company.keeper
            && self.company.history.turns() < before
        {
            keeper.forget_last();
        }
    }

    /// `told` is told when it is forgotten in the file as well.
    pub(super) fn forget_all(&mut self, told: Told) {
        self.company.history.clear();
        self.last_reply.clear();
        match (&self.company.keeper, &self.company.left_file) {
            (Some(keeper), _) => keeper.clear(told),
            (None, Some(file)) => {
                let bus = self.bus.clone();
                let failed = move |what: String| {
                    warn!("{what}");
                    bus.emit(Event::Failed { what });
                };
                memory::conversation::clear_left(file, failed, told);
            }
            (None, None) => told(Ok(())),
        }
    }

    /// Whether words are those that hearken has just spoken. One word may be somebody's as well.
    fn is_own(&self, text: &str, language: &str) -> bool {
        let several = text.split_whitespace().count() > 1;
        is_own(text, &self.last_spoken)
            || (several && !is_stop(text, language) && is_part(text, &self.last_spoken))
    }

    pub(super) fn wake(&mut self) {
        if self.manners.attention.wake() {
            self.bus.emit(Event::Awake);
        }
    }

    pub(super) fn set_volume(&mut self, percent: u32) {
        self.volume_percent = percent.clamp(QUIETEST, LOUDEST);
        self.company.player.set_volume(self.volume_percent);
    }

    pub(super) fn set_rate(&mut self, percent: u32) {
        self.rate_percent = percent.clamp(50, 200);
        self.company.synthesizer.set_rate(self.rate_percent);
    }

    pub(super) fn rename(&mut self, name: Name) {
        if name == self.manners.name && !self.name_unkept {
            return;
        }
        self.name_unkept = false;
        if let Some(file) = &self.manners.name_file
            && let Err(error) =
                memory::name::keep(file, name.written(), &self.manners.configured_name)
        {
            self.name_unkept = true;
            let what = format!("cannot remember the name in {}: {error}", file.display());
            warn!("{what}");
            self.bus.emit(Event::Failed { what });
        }
        self.manners.name = name;
        self.take_name();
        // The next question comes soon, and the instructions are new to the model.
        self.company
            .model
            .prepare(self.company.history.instructions());
    }

    /// Lets whisper expect the name, and the model know it.
    pub(super) fn take_name(&mut self) {
        let name = &self.manners.name;
        self.company.transcriber.expect(&name.prompt());
        let instructions = crate::reply::instructions(&self.manners.instructions, name.written());
        self.company.history.instruct(&instructions);
    }
}

/// The command that `text` is, when it gives a name.
fn named(text: &str, language: &str) -> Option<Command> {
    command::recognise(text, language).filter(|command| matches!(command, Command::Name(_)))
}

/// Whether the last sentence of what was said in several goes calls the others off.
fn called_off(text: &str, language: &str) -> bool {
    text.trim_end_matches(|c: char| !c.is_alphanumeric())
        .rsplit(['.', '!', '?'])
        .next()
        .is_some_and(|last| command::calls_off(last, language))
}

/// How loud somebody spoke: the loudest 100 ms of it, in dB of full scale.
pub(super) fn level_db<'s>(utterances: impl IntoIterator<Item = &'s [f32]>) -> f32 {
    let loudest = utterances
        .into_iter()
        .flat_map(|utterance| utterance.chunks(1_600))
        .map(|part| part.iter().map(|s| s * s).sum::<f32>() / part.len() as f32)
        .fold(0.0, f32::max);
    10.0 * loudest.max(1e-9).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_question_may_call_it_off() {
        let off = |text| called_off(text, "en");
        assert!(off("Tell me a story. Never mind.") && off("Tell me a story. Stop!"));
        assert!(!off("Tell me a story about a stop.") && !off("Tell me. Louder."));
        assert!(!off("What is the capital of France? That's all."));
        assert!(called_off("이야기해 줘. 그만.", "ko"));
    }

    #[test]
    fn loudness_is_that_of_the_loudest_part() {
        let quiet = vec![0.01; 16_000];
        let mut loud = quiet.clone();
        loud[3_200..4_800].fill(0.1);
        assert!((level_db([&quiet[..]]) + 40.0).abs() < 0.1);
        assert!((level_db([&quiet[..], &loud[..]]) + 20.0).abs() < 0.1);
        assert!(level_db([]) < -80.0);
    }
}
