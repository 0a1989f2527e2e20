//! A name that is expected is heard too easily: whisper, told to expect "Samantha", writes it for "Savannah" as well.
//! So a call is looked at again by a whisper that is offered names that sound like it. Where the first look was sure of its
//! words it is offered these alone, and writes the name only where it is plainly heard; in noise it is offered the name as
//! well, and has to choose. When it writes none of them, the call is believed if something like the name is heard without
//! expecting it. On the thread `transcribe`.
//!
//! The second look costs only calls, not other talk, and looks only at the end of the utterance where the name is.

use std::sync::atomic::AtomicBool;

use super::name::{Called, Name, Side};
use super::transcribe::{Refused, Stretch, TranscribeError, Transcriber, Transcript};
use crate::audio::EAR_RATE;

/// So much of the utterance is looked at again: with its margins just what whisper's shortest context holds.
const LOOK: usize = EAR_RATE as usize * 35 / 10;

/// A call in words that are less sure than whisper's floor, but not less than this mean log-probability, is believed when
/// the name is chosen as well: then it is the name alone that was heard.
const DOUBT: f32 = -1.6;

/// From this mean log-probability on the first look was sure of its words. Of 256 calls of
/// "Samantha", half of them in noise, 3 more were lost than with the easier choice alone; of 125 calls of "Savannah" that the
/// first look took for it 79 were believed, and 101 otherwise (both before [`Confirming::is_near`] and [`Confirming::is_somebody`]).
const SURE: f32 = -0.3;

/// A transcriber that looks twice at a call of the name that it expects.
pub struct Confirming<T> {
    inner: T,
    /// What the inner one expects, and the name that it is.
    expected: String,
    name: Option<Name>,
    /// What it expects when it is to choose: the name and its rivals, and the rivals alone.
    choice: String,
    rivals: String,
}

impl<T: Transcriber> Confirming<T> {
    /// Around `inner`; nothing is looked at twice until a name is expected.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            expected: String::new(),
            name: None,
            choice: String::new(),
            rivals: String::new(),
        }
    }

    /// As the inner one does when it expects other words.
    fn expecting(
        &mut self,
        words: &str,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.inner.expect(words);
        let result = self.inner.transcribe(samples, abort);
        self.inner.expect(&self.expected);
        result
    }

    /// What is read on that `side` when whisper is to choose; with the name among what it is offered, or without.
    fn chosen(
        &mut self,
        side: Side,
        offered: bool,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        let choice = match offered {
            true => self.choice.clone(),
            false => self.rivals.clone(),
        };
        self.expecting(&choice, part(samples, side), abort)
    }

    /// What was read, if the call in it is believed; and otherwise what is read without expecting the name.
    fn confirmed(
        &mut self,
        primed: Transcript,
        samples: &[f32],
        abort: &AtomicBool,
        first: &mut dyn FnMut(&Transcript),
    ) -> Result<Transcript, TranscribeError> {
        let Some(side) = self.name.as_ref().and_then(|n| n.side(&primed.text)) else {
            return Ok(primed);
        };
        first(&primed);
        let sure = primed.mean_logprob >= SURE;
        let chosen = self.chosen(side, !sure, samples, abort)?;
        if self.believes(&chosen) {
            return Ok(primed);
        }
        // What was said, without anything that was only expected.
        let plain = self.expecting("", samples, abort)?;
        let rival = self
            .name
            .as_ref()
            .is_some_and(|n| n.has_rival(&chosen.text));
        let believed = match rival {
            true => sure && self.is_somebody(&primed, &plain),
            false => self.believes(&plain) || (sure && self.is_near(&plain, side)),
        };
        match believed {
            true => Ok(primed),
            false => Ok(plain),
        }
    }

    /// What was said, looked at again where it calls; what the first look read of that goes to `first`.
    fn twice(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
        first: &mut dyn FnMut(&Transcript),
    ) -> Result<Transcript, TranscribeError> {
        let primed = self.inner.transcribe(samples, abort)?;
        if primed.refused == Some(Refused::Unsure) && primed.mean_logprob >= DOUBT {
            return self.doubted(primed, samples, abort);
        }
        let guess = |name: &Name| match name.side(&primed.text) {
            Some(_) => None,
            None => name.guess(&primed.text),
        };
        match self.name.as_ref().and_then(guess) {
            Some((side, guess)) => self.guessed(primed, side, guess, samples, abort),
            None => self.confirmed(primed, samples, abort, first),
        }
    }

    /// Words on that `side` are not quite the name: they are if it is what is chosen, or if they are near it in both looks.
    /// Then `guess` was said.
    fn guessed(
        &mut self,
        primed: Transcript,
        side: Side,
        guess: String,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        let chosen = self.chosen(side, true, samples, abort)?;
        let calls = |name: &Name| {
            let nearly = [&primed, &chosen].map(|t| name.is_nearly_called(&t.text));
            name.side(&chosen.text).is_some() || nearly == [true; 2]
        };
        Ok(match self.name.as_ref().is_some_and(calls) {
            true => Transcript {
                text: guess,
                ..primed
            },
            false => primed,
        })
    }

    /// What was said is not understood, but perhaps the name in it is.
    fn doubted(
        &mut self,
        primed: Transcript,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        let words = &primed.doubted;
        let side = |name: &Name| name.side(words).or_else(|| name.at_edge(words));
        let Some(side) = self.name.as_ref().and_then(side) else {
            return Ok(primed);
        };
        let chosen = self.chosen(side, true, samples, abort)?;
        let words = format!("{} {}", chosen.text, chosen.doubted);
        match &self.name {
            Some(name) if name.resembles(&words) && !name.has_rival(&words) => Ok(Transcript {
                text: name.prompt(),
                refused: None,
                ..primed
            }),
            _ => Ok(primed),
        }
    }

    /// Another name was written for the one that could not be, and who expects none writes words in its place, and not that one: "So man,
    /// set a timer." for "Set a timer." Somebody was called, and it was nobody else.
    fn is_somebody(&self, primed: &Transcript, plain: &Transcript) -> bool {
        let Some(name) = &self.name else {
            return false;
        };
        let words = |transcript: &Transcript| transcript.text.split_whitespace().count();
        let called = matches!(name.called(&primed.text), Called::With(_));
        called && words(plain) >= words(primed) && !name.has_rival(&plain.text)
    }

    /// Whether words on that `side` sound a little like the name: "Sonata, tell me a story." Where the first look was sure of the name
    /// that is enough.
    fn is_near(&self, transcript: &Transcript, side: Side) -> bool {
        let guess = self
            .name
            .as_ref()
            .and_then(|name| name.guess(&transcript.text));
        guess.is_some_and(|(where_it_is, _)| where_it_is == side)
    }

    /// Whether this does not speak against the name.
    fn believes(&self, transcript: &Transcript) -> bool {
        let resembles = |name: &Name| name.resembles(&transcript.text);
        transcript.refused == Some(Refused::Unsure) || self.name.as_ref().is_some_and(resembles)
    }
}

/// The part of an utterance that the name is in.
fn part(samples: &[f32], side: Side) -> &[f32] {
    match side {
        Side::Start => &samples[..samples.len().min(LOOK)],
        Side::End => &samples[samples.len().saturating_sub(LOOK)..],
        Side::Within => samples,
    }
}

impl<T: Transcriber> Transcriber for Confirming<T> {
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.twice(samples, abort, &mut |_| ())
    }

    fn transcribe_stretch(
        &mut self,
        _: Stretch,
        samples: &[f32],
        abort: &AtomicBool,
        first: &mut dyn FnMut(&Transcript),
    ) -> Result<Transcript, TranscribeError> {
        self.twice(samples, abort, first)
    }

    fn follow(&mut self, before: Option<&Transcript>) {
        self.inner.follow(before);
    }

    fn glance(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        let primed = self.inner.glance(samples, abort)?;
        self.confirmed(primed, samples, abort, &mut |_| ())
    }

    fn expect(&mut self, words: &str) {
        words.clone_into(&mut self.expected);
        self.name = Name::new(words).ok();
        let offered = |own| self.name.as_ref().map(|name| name.prompt_to_choose(own));
        self.choice = offered(true).unwrap_or_default();
        self.rivals = offered(false).unwrap_or_default();
        self.inner.expect(words);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Writes one text when it expects something and another when it does not; remembers how much it was given.
    struct Scripted {
        /// What is written when the name, the choice and nothing is expected.
        writes: [&'static str; 3],
        /// The name was among what it could choose from.
        offered: Option<bool>,
        /// How sure it is of what it expects.
        logprob: f32,
        expects: usize,
        looks: Vec<(usize, usize)>,
    }

    impl Transcriber for Scripted {
        fn transcribe(
            &mut self,
            samples: &[f32],
            _: &AtomicBool,
        ) -> Result<Transcript, TranscribeError> {
            self.looks.push((self.expects, samples.len()));
            let written = self.writes[self.expects];
            // In brackets: unsure.
            let doubted = written.trim_matches(|c| "()".contains(c));
            let sure = doubted == written;
            Ok(Transcript {
                text: if sure { written.into() } else { String::new() },
                language: "en".into(),
                mean_logprob: if sure { self.logprob } else { -1.2 },
                refused: (!sure).then_some(Refused::Unsure),
                doubted: if sure { String::new() } else { doubted.into() },
            })
        }

        fn expect(&mut self, words: &str) {
            self.expects = match words {
                "Samantha." => 0,
                "" => 2,
                _ => {
                    self.offered = Some(words.contains("Samantha"));
                    1
                }
            };
        }
    }

    /// What is written for 10 s, and the looks it took: what was expected, and how many samples.
    fn written(writes: [&'static str; 3]) -> (String, Vec<(usize, usize)>) {
        let inner = Scripted {
            writes,
            offered: None,
            logprob: -0.1,
            expects: 2,
            looks: Vec::new(),
        };
        let mut both = Confirming::new(inner);
        both.expect("Samantha.");
        let samples = vec![0.0; 160_000];
        let text = both
            .transcribe(&samples, &AtomicBool::new(false))
            .unwrap()
            .text;
        assert_eq!(both.inner.expects, 0, "it must expect the name again");
        (text, both.inner.looks)
    }

    #[test]
    fn talk_is_looked_at_once() {
        let (text, looks) = written(["What time is it?", "never", "never"]);
        assert_eq!((text.as_str(), looks.len()), ("What time is it?", 1));
    }

    #[test]
    fn a_call_that_is_chosen_is_believed() {
        let call = "Samantha, what time is it?";
        let (text, looks) = written([call, "Samanta, what time?", "never"]);
        assert_eq!(text, call);
        assert_eq!(looks, [(0, 160_000), (1, LOOK)]);
    }

    #[test]
    fn words_that_are_not_quite_the_name_are_it_if_it_is_chosen() {
        let nearly = "Saman, set a timer for ten minutes.";
        let (text, looks) = written([nearly, "Samantha, set a timer.", "never"]);
        assert_eq!(text, "Samantha, set a timer for ten minutes.");
        assert_eq!(looks, [(0, 160_000), (1, LOOK)]);
        let again = [nearly, "Semantha, set a timer.", "never"];
        assert_eq!(written(again).0, "Samantha, set a timer for ten minutes.");
        for chosen in ["Amanda, set a timer.", "Someone set a timer.", "(Samantha)"] {
            assert_eq!(written([nearly, chosen, "never"]).0, nearly);
        }
        // No call, whatever the word is.
        let spoken_of = "Saman is coming.";
        assert_eq!(written([spoken_of, "never", "never"]).1.len(), 1);
    }

    #[test]
    fn what_is_looked_at_again_is_told_before_that() {
        let told = |writes| {
            let mut both = Confirming::new(Scripted {
                writes,
                offered: None,
                logprob: -0.1,
                expects: 2,
                looks: Vec::new(),
            });
            both.expect("Samantha.");
            let (mut first, never) = (Vec::new(), AtomicBool::new(false));
            let mut tell = |t: &Transcript| first.push(t.text.clone());
            both.twice(&[0.0; 16_000], &never, &mut tell).unwrap();
            first
        };
        let call = "Samantha, what time is it?";
        assert_eq!(told([call, "Savannah", "Savannah, what time?"]), [call]);
        assert!(told(["What time is it?", "never", "never"]).is_empty());
    }

    #[test]
    fn a_call_that_is_heard_without_expecting_it_is_believed() {
        let call = "Samantha, what time is it?";
        let (text, looks) = written([call, "What time is it?", "Summon the what time?"]);
        assert_eq!(text, call);
        assert_eq!(looks, [(0, 160_000), (1, LOOK), (2, 160_000)]);
    }

    #[test]
    fn a_sure_call_is_believed_where_a_word_a_little_like_it_is_heard() {
        let call = "Samantha, tell me a story.";
        let plain = "Sonata, tell me a story.";
        for (logprob, chosen, plain, believed) in [
            (-0.1, "Tell me a story.", plain, true),
            (-0.6, "Tell me a story.", plain, false),
            (
                -0.1,
                "Savannah, tell me a story.",
                "Savannah, tell me a story.",
                false,
            ),
            (
                -0.1,
                "Santa, tell me a story.",
                "So man, tell me a story.",
                true,
            ),
            (
                -0.6,
                "Santa, tell me a story.",
                "So man, tell me a story.",
                false,
            ),
            (-0.1, "Santa, tell me a story.", "Tell me a story.", false),
            (-0.1, "Tell me a story.", "Tell me a sonata.", false),
        ] {
            let mut both = Confirming::new(Scripted {
                writes: [call, chosen, plain],
                offered: None,
                logprob,
                expects: 2,
                looks: Vec::new(),
            });
            both.expect("Samantha.");
            let read = both.transcribe(&[0.1; 40_000], &AtomicBool::new(false));
            assert_eq!(
                read.unwrap().text == call,
                believed,
                "{logprob} {chosen} {plain}"
            );
        }
    }

    #[test]
    fn of_words_that_are_not_understood_the_name_is_heard_if_it_is_chosen() {
        let vague = "(Samantha, gun you care me)";
        assert_eq!(
            written([vague, "Samanta, can you?", "never"]).0,
            "Samantha."
        );
        assert_eq!(
            written([vague, "(Samanta can you)", "never"]).0,
            "Samantha."
        );
        assert_eq!(written([vague, "Savannah, can you?", "never"]).0, "");
        assert_eq!(written([vague, "Gun you care.", "never"]).0, "");
        assert_eq!(written(["(Gun you care me)", "Samanta", "never"]).0, "");
        // No grammar in it, but the very name at its edge.
        let mangled = "(Ludboiling Samantha.)";
        assert_eq!(written([mangled, "Samanta", "never"]).0, "Samantha.");
        assert_eq!(written([mangled, "Ludboiling Amanda", "never"]).0, "");
        let within = "(Ludboiling Samantha gone.)";
        assert_eq!(written([within, "Samanta", "never"]).0, "");
    }

    #[test]
    fn the_name_is_offered_only_where_the_first_look_was_not_sure() {
        let call = "Samantha, what time is it?";
        for (logprob, writes, offered) in [
            (-0.1, call, false),
            (-0.6, call, true),
            (-0.1, "(Samantha, gun you care me)", true),
        ] {
            let mut both = Confirming::new(Scripted {
                writes: [writes, "Samantha", "never"],
                offered: None,
                logprob,
                expects: 2,
                looks: Vec::new(),
            });
            both.expect("Samantha.");
            let never = AtomicBool::new(false);
            both.transcribe(&vec![0.0; 16_000], &never).unwrap();
            assert_eq!(both.inner.offered, Some(offered), "{logprob} {writes}");
        }
    }

    #[test]
    fn another_name_is_written_as_it_is() {
        let river = "Savannah, then we go down to the river.";
        let call = "Samantha, then we go down to the river.";
        assert_eq!(written([call, river, river]).0, river);
        // Once more without expecting any, and no name in its place.
        let none = "Then we go down to the river.";
        assert_eq!(written([call, river, none]).0, none);
    }
}
