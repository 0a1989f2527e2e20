//! Whether what is said over a reply stops it. Pure.
//!
//! Loudness and length have been judged before: the ear passes over what is no louder than the echo that is left, and
//! dismisses what is too short for speech. Here the words decide, as far as they are known.

use super::attention::plainly_not_ours;
use super::state::Verdict;
use crate::command::{self, Command, Interjection, interjection, is_own, is_part, is_stop};
use crate::config::{BargeIn, Mode, Policy};
use crate::listen::name::{Called, Name};
use crate::listen::transcribe::{Refused, Transcript};

/// Nobody murmurs for so long, in ms: longer speech is a sentence, whatever is known of its words.
const SENTENCE_MS: u32 = 1_200;
/// A beginning that may become a command such as "louder" is waited for so long, in ms of speech.
const COMMAND_MS: u32 = 1_500;
/// Speech is over for a first judgement after so much silence, in ms: less than ends an utterance, so that a reply that
/// was made quieter for a murmur is not quiet for long.
pub const OVER_MS: u32 = 224;
/// Nobody says a sentence in less than this, in ms: doubtful words are what whisper makes of a murmur, "Come on" of "uh-huh".
const BRIEF_MS: u32 = 480;
/// The beginning of what is still being said is not worth a transcription below this, in ms of speech: what whisper makes of
/// it is no word.
const LEAST_MS: u32 = 256;

/// Words with a mean log-probability below this may be what whisper makes of a murmur: "Waha" for "uh-huh", "Emma Mann" for
/// "mm-hmm". Of the beginnings of wishes about every fifth is as doubtful, of murmurs that look like wishes nearly all
/// (`hearken bench interrupt --verbose`).
const DOUBTFUL: f32 = -0.6;

/// Below this mean log-probability whisper has heard nothing that it could name.
const NOISE: f32 = -1.6;

/// The policy in force: `auto` is `speech` when the echo is cancelled, `name` for whoever must push to be heard, and `off`
/// when the echo is not cancelled.
pub fn policy(config: &BargeIn, echo_cancelled: bool, mode: Mode) -> Policy {
    match config.policy {
        Policy::Auto if echo_cancelled && mode == Mode::PushToTalk => Policy::Name,
        Policy::Auto if echo_cancelled => Policy::Speech,
        Policy::Auto => Policy::Off,
        set => set,
    }
}

/// Whether speech over a reply is to be transcribed for a first judgement; `over` when it was followed by [`OVER_MS`] of silence.
/// A short word such as "wait" is known then, long before the utterance ends.
pub fn is_worth_a_look(voiced_ms: u32, over: bool) -> bool {
    over || voiced_ms >= LEAST_MS
}

/// What is known of the speech over a reply.
#[derive(Debug, Clone, Copy)]
pub struct Interruption<'a> {
    /// What stops a reply.
    pub policy: Policy,
    /// What whisper made of it so far.
    pub text: &'a str,
    /// ISO 639-1 code of its language.
    pub language: &'a str,
    /// How sure whisper is of it: mean log-probability, at most 0.
    pub mean_logprob: f32,
    /// Whisper wrote a note about a sound, such as `[laughter]`, and no words.
    pub no_words: bool,
    /// It was followed by [`OVER_MS`] of silence.
    pub over: bool,
    /// It is the whole utterance: nothing follows. Then its length is asked for only where whisper is unsure of it.
    pub whole: bool,
    /// Speech in it, in ms.
    pub voiced_ms: u32,
    /// From its first sound to its last, in ms, where it is the whole.
    pub length_ms: u32,
    /// What hearken is called.
    pub name: &'a Name,
    /// What the loudspeaker has been saying.
    pub speaking: &'a str,
    /// The reply is held already.
    pub held: bool,
}

/// What becomes of the reply.
///
/// Of a short sound that was followed by silence only a word that stops or holds is believed: whisper makes some word of a cough or
/// of half an "mm-hmm", and whoever goes on would speak over a reply at full loudness. Nor is what is doubtful believed in a pause. The
/// whole of it is judged soon.
pub fn verdict(said: &Interruption<'_>) -> Verdict {
    let pause = said.over && !said.whole;
    let short = pause && said.voiced_ms < LEAST_MS;
    match judged(said) {
        // Nothing sounds: there is time until all is said, and "please" may become "please continue".
        Verdict::Stop | Verdict::CarryOn if said.held && !said.whole => Verdict::Unclear,
        // It is no interruption of anything that sounds.
        Verdict::Stop
            if said.held
                && said.name.called(said.text) == Called::No
                && plainly_not_ours(said.text, said.language) =>
        {
            Verdict::CarryOn
        }
        Verdict::Stop if short && !stops(said) => Verdict::Unclear,
        Verdict::Stop if pause && !is_certain(said) => Verdict::Unclear,
        Verdict::CarryOn if short => Verdict::Unclear,
        verdict => verdict,
    }
}

/// Whether one look is enough to believe what it says: a word that stops, or words that whisper is sure of.
pub fn is_certain(said: &Interruption<'_>) -> bool {
    said.mean_logprob >= DOUBTFUL || stops(said)
}

/// Of what somebody goes on saying, doubtful words stop a reply when two looks in a row say so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Agreement {
    /// The look before this one wished to stop it.
    stops: bool,
}

impl Agreement {
    /// What becomes of the reply after a look that says `verdict`; `certain` when it is the whole, or as [`is_certain`] says.
    pub fn with(&mut self, verdict: Verdict, certain: bool) -> Verdict {
        let agreed = std::mem::replace(&mut self.stops, verdict == Verdict::Stop);
        match verdict {
            Verdict::Stop if !certain && !agreed => Verdict::Unclear,
            verdict => verdict,
        }
    }
}

/// Whether what took so long, in ms, is too short for a sentence; 0: it is not known.
pub fn is_brief(length_ms: u32) -> bool {
    (1..BRIEF_MS).contains(&length_ms)
}

/// Whether it is the name or a stop word.
fn stops(said: &Interruption<'_>) -> bool {
    let brief = said.whole && is_brief(said.length_ms);
    said.name.called(said.text) != Called::No
        || is_stop(said.text, said.language)
        || (brief && command::ends_in_stop(said.text, said.language))
}

/// What whisper wrote of what was said over a reply and has ended; a command to stop that it is unsure of is believed, for the echo that
/// is left makes a short word doubtful, and of 48 murmurs it made none (`hearken bench interrupt --verbose`).
pub fn believed(mut transcript: Transcript) -> Transcript {
    let unsure = transcript.refused == Some(Refused::Unsure) && transcript.mean_logprob >= NOISE;
    let (words, language) = (&transcript.doubted, &transcript.language);
    let stops = command::recognise(words, language) == Some(Command::Stop)
        || command::must_be_stop(words, language)
        || command::ends_in_stop(words, language);
    if unsure && stops {
        transcript.text = std::mem::take(&mut transcript.doubted);
        transcript.refused = None;
    }
    transcript
}

/// The words of `text` as they are compared.
fn plain_words(text: &str) -> Vec<String> {
    let plain = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.to_lowercase()
    };
    text.split_whitespace().map(plain).collect()
}

/// What is said twice, once: two rounds are left of a beginning that goes round in circles.
fn once(text: &str) -> String {
    let words = plain_words(text);
    match words.split_at(words.len() / 2) {
        (first, second) if first == second => first.join(" "),
        _ => text.to_owned(),
    }
}

/// Whether it is one word, however often: whisper makes "Emma. Emma." of "mm-hmm".
fn is_one_word(text: &str) -> bool {
    let mut words = plain_words(text);
    words.dedup();
    words.len() == 1
}

fn judged(said: &Interruption<'_>) -> Verdict {
    let undecided = if said.over {
        Verdict::CarryOn
    } else {
        Verdict::Unclear
    };
    if said.policy == Policy::Off {
        return Verdict::CarryOn;
    }
    let called = said.name.called(said.text);
    let stops = stops(said);
    // A reply that is held makes no echo.
    // A "star" in the reply is no "stop".
    let plain = stops && !command::must_be_stop(said.text, said.language);
    let echo = is_own(said.text, said.speaking) || (!plain && is_part(said.text, said.speaking));
    if echo && !said.held {
        // An echo that is heard as speech may go on as long as the reply: it does not stay quieter for that.
        let long = said.voiced_ms >= SENTENCE_MS;
        return if long { Verdict::CarryOn } else { undecided };
    }
    let wanted = match &called {
        Called::With(wanted) => wanted.as_str(),
        Called::Alone => return Verdict::Stop,
        Called::No => said.text,
    };
    if said.over && said.held && last_command(wanted, said.language) == Some(Command::GoOn) {
        return Verdict::GoOn;
    }
    if said.policy == Policy::Name && !stops {
        return undecided;
    }
    if said.over {
        match last_command(wanted, said.language) {
            Some(Command::Pause) => return Verdict::Hold,
            Some(
                Command::GoOn
                | Command::Louder
                | Command::Quieter
                | Command::Slower
                | Command::Faster,
            ) => return Verdict::CarryOn,
            _ => {}
        }
    }
    // "Turn it", and after a moment: "down". "Wait" is worth more than "wait a moment".
    let known = said.whole || (said.over && stops);
    let more = !known && said.voiced_ms < COMMAND_MS;
    if more && may_become_command(&once(wanted), said.language) {
        return Verdict::Unclear;
    }
    if called != Called::No {
        return Verdict::Stop;
    }
    let one_word = is_one_word(said.text);
    // What whisper makes of the first syllables of "speak louder" is some word or other.
    let begun = !said.over && said.voiced_ms < SENTENCE_MS;
    // Nobody says a word three times but to stop somebody: it is what whisper makes of "yeah, yeah, yeah".
    let thrice = plain_words(said.text).len() >= 3;
    let unsure = said.mean_logprob < DOUBTFUL;
    let brief = said.whole && is_brief(said.length_ms) && unsure;
    let doubtful = ((one_word && (begun || thrice || unsure)) || brief) && !stops;
    match interjection(said.text, said.over, said.language) {
        Interjection::Interrupts if doubtful => undecided,
        Interjection::Interrupts => Verdict::Stop,
        Interjection::Backchannel => Verdict::CarryOn,
        // Somebody hums, laughs or coughs for long.
        Interjection::Unclear if said.no_words || is_murmur(said) => undecided,
        Interjection::Unclear if said.voiced_ms >= SENTENCE_MS => Verdict::Stop,
        Interjection::Unclear => undecided,
    }
}

/// Whether its words so far are those of a listener.
fn is_murmur(said: &Interruption<'_>) -> bool {
    let words = said.text.chars().any(char::is_alphanumeric);
    words && interjection(said.text, true, said.language) == Interjection::Backchannel
}

/// Whether the beginning `text` may become a command for the reply. Its last word may be half of one: "speak low".
fn may_become_command(text: &str, language: &str) -> bool {
    let but_the_last = text.trim().rsplit_once(char::is_whitespace);
    command::may_become(text, language)
        || but_the_last.is_some_and(|(before, _)| command::may_become(before, language))
}

/// The command that `text` is; of several in a row, such as "Pause. Go on.", the last.
fn last_command(text: &str, language: &str) -> Option<Command> {
    command::recognise(text, language).or_else(|| {
        let sentences = text.split(['.', '!', '?']).filter(|s| !s.trim().is_empty());
        let commands: Option<Vec<_>> = sentences
            .map(|sentence| command::recognise(sentence, language))
            .collect();
        commands?.pop()
    })
}

#[cfg(test)]
mod tests;
