//! What is read while somebody still speaks: words that two readings agree on stand, and the language model computes its
//! prompt up to there, so that little of it is left at the end.
//!
//! Like what is prepared in a pause it changes nothing that outlives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::Conductor;
use super::words::{Circumstances, Meant, level_db};
use crate::event::Event;
use crate::listen::Partial;
use crate::listen::transcribe::{TranscribeError, Transcript};
use crate::turn::responder::Note;
use crate::turn::state::State;

/// Fewer words that stand are not worth a prompt.
const LEAST_WORDS: usize = 3;

/// The readings of what is being said.
#[derive(Default)]
pub(super) struct Draft {
    /// The number of the latest reading, so that nothing of an earlier one is taken for its result.
    number: u64,
    /// Calls off the reading that runs.
    running: Option<Arc<AtomicBool>>,
    /// How loud the latest was, in dB.
    level: f32,
    /// What the one before read.
    before: String,
    /// The words that stand.
    stable: String,
}

impl Draft {
    /// Calls off what runs; what stands still stands.
    pub(super) fn stop(&mut self) {
        if let Some(abort) = self.running.take() {
            abort.store(true, Ordering::Relaxed);
        }
    }

    /// Somebody begins anew.
    pub(super) fn begin(&mut self) {
        self.stop();
        self.before.clear();
        self.stable.clear();
    }
}

impl Conductor {
    /// More has been said, and it goes on.
    pub(super) fn read_on(&mut self, partial: Partial) {
        let listens = matches!(self.state, State::Idle | State::Listening);
        let idle = self.ahead.is_none() && self.draft.running.is_none();
        if !listens || !idle || !self.held.utterances.is_empty() {
            return;
        }
        let abort = Arc::new(AtomicBool::new(false));
        self.draft.running = Some(Arc::clone(&abort));
        self.draft.number += 1;
        self.draft.level = level_db([&partial.samples[..]]);
        let number = self.draft.number;
        let (worker, notes) = (Arc::clone(&self.company.transcriber), self.notes_in.clone());
        let stretch = self.stretch(false);
        tokio::spawn(async move {
            let (first, _) = oneshot::channel();
            let reading =
                worker.transcribe_stretch(stretch, partial.samples, first, Arc::clone(&abort));
            let result = reading.await;
            if !abort.load(Ordering::Relaxed) {
                let _ = notes.send(Note::Drafted { number, result }).await;
            }
        });
    }

    /// What has been said so far was read.
    pub(super) fn drafted(&mut self, number: u64, result: Result<Transcript, TranscribeError>) {
        if number != self.draft.number || self.draft.running.take().is_none() {
            return;
        }
        // What cannot be read now is read again at the end, and told there.
        let Ok(transcript) = result else { return };
        let stands = agreed(&self.draft.before, &transcript.text).to_owned();
        self.draft.before.clone_from(&transcript.text);
        let grown = stands.len() > self.draft.stable.len();
        if !grown || stands.split_whitespace().count() < LEAST_WORDS {
            return;
        }
        self.draft.stable.clone_from(&stands);
        if self.manners.attention.is_asleep() {
            return;
        }
        let circumstances = Circumstances {
            level: self.draft.level,
            in_window: self.began_in_window,
            over_reply: self.began_over,
            woken: None,
            several: false,
        };
        let so_far = Transcript {
            text: stands,
            ..transcript
        };
        let Meant::Wanted { wanted, .. } = self.meant(&so_far, &circumstances) else {
            return;
        };
        self.bus.emit(Event::Partial {
            text: self.manners.name.addressed(&so_far.text).to_owned(),
        });
        if self.cut.is_none() && self.model_may_know() {
            let messages = self.company.history.begin(&wanted);
            self.company.model.prepare(messages);
        }
    }
}

/// The words that `now` begins with as `before` does, as `now` has them, without marks behind the last.
fn agreed<'a>(before: &str, now: &'a str) -> &'a str {
    let plain = |word: &str| {
        word.to_lowercase()
            .replace(|c: char| !c.is_alphanumeric(), "")
    };
    let end = before
        .split_whitespace()
        .zip(now.split_whitespace())
        .take_while(|(a, b)| plain(a) == plain(b))
        .last()
        // Both are parts of `now`, so that the difference of their places is that within it.
        .map_or(0, |(_, word)| {
            word.as_ptr() as usize - now.as_ptr() as usize + word.len()
        });
    now[..end].trim_end_matches(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::agreed;

    #[test]
    fn words_that_two_readings_agree_on_stand() {
        for (before, now, stands) in [
            ("", "What is", ""),
            ("What is the.", "What is the capital of", "What is the"),
            (
                "what is the cap",
                "What is the capital, of France?",
                "What is the",
            ),
            ("Tell me. A", "Tell me a story about a", "Tell me a"),
            ("Go", "Stop", ""),
            ("대한민국의 수도", "대한민국의 수도는", "대한민국의"),
        ] {
            assert_eq!(agreed(before, now), stands, "{before} / {now}");
        }
    }
}
