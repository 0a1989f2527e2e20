//! The way of what is said over a reply, and when what is known of it.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use hearken::config::{Config, Policy};
use hearken::listen::confirm::Confirming;
use hearken::listen::endpoint::EndpointSettings;
use hearken::listen::name::Name;
use hearken::listen::segment::Segmenter;
use hearken::listen::transcribe::{Refused, Transcriber as _};
use hearken::listen::vad::{FRAME, FRAME_MS, Vad};
use hearken::listen::whisper::Whisper;
use hearken::listen::{Heard, Partial};
use hearken::turn::barge_in::{self, Agreement, Interruption, OVER_MS};
use hearken::turn::state::Verdict;

use crate::cli::transcribe::{detector_path, whisper};

/// The reply that sounds.
const REPLY: &str = "Once upon a time there was a lighthouse. It stood alone on a rock in the sea, and nobody knew who \
    had built it.";
/// Beginnings are looked at for so long, in ms from the first sound: nobody murmurs longer, and a wish has stopped the reply by then.
const LOOKS_FOR_MS: f64 = 2_500.0;
/// Whoever is silent for so long has perhaps finished, in frames: 96 ms, what a detector needs to say so.
const SILENT: usize = 3;

/// What is known after so much of it.
pub struct Look {
    /// When it was told, in ms since the first sound.
    pub at_ms: f64,
    /// So long whisper read it, in ms.
    pub pass_ms: f64,
    /// It was followed by silence, and read whole.
    pub over: bool,
    /// Speech in it, in ms; 0 where it is the whole.
    pub voiced_ms: u32,
    /// What whisper made of it; in brackets what it wrote and is not believed.
    pub text: String,
    /// How sure whisper is of it: mean log-probability.
    pub mean_logprob: f32,
    /// What it says by itself.
    pub verdict: Verdict,
    /// It is enough by itself.
    pub certain: bool,
}

impl Look {
    fn stops(&self) -> bool {
        matches!(self.verdict, Verdict::Stop | Verdict::Hold)
    }
}

/// Something said over the reply.
pub struct Life {
    /// Somebody wants to be heard.
    pub wish: bool,
    /// Which frames are heard, from the first one on.
    pub audible: Vec<bool>,
    /// What can be looked at while it is said.
    pub looks: Vec<Look>,
    /// The whole of it; `None` when the ear took it for no speech.
    pub whole: Option<Look>,
}

impl Life {
    /// When it was decided in ms since the first sound, and whether the reply was stopped, with one look after the other as
    /// in a conversation. `None` when nothing came of it.
    pub fn decided(&self) -> Option<(f64, bool)> {
        let end = self
            .whole
            .as_ref()
            .map_or(f64::INFINITY, |whole| whole.at_ms);
        let (mut free, mut goes_on, mut next) = (0.0_f64, None, 0);
        let mut agreement = Agreement::default();
        while next < self.looks.len() {
            // What was told while whisper read is looked at in its newest state.
            let told = self.looks[next..].iter().take_while(|l| l.at_ms <= free);
            let index = next + told.count().saturating_sub(1);
            let look = &self.looks[index];
            free = free.max(look.at_ms) + look.pass_ms;
            // The end of the utterance calls off what is not read by then.
            if free > end {
                break;
            }
            match agreement.with(look.verdict, look.certain) {
                Verdict::Stop | Verdict::Hold => return Some((free, true)),
                Verdict::CarryOn | Verdict::GoOn => _ = goes_on.get_or_insert(free),
                // It is made quieter again.
                Verdict::Unclear => goes_on = None,
            }
            next = index + 1;
        }
        let whole = self.whole.as_ref().map(|whole| {
            let at = whole.at_ms + whole.pass_ms;
            match whole.stops() {
                true => (at, true),
                false => (goes_on.unwrap_or(at), false),
            }
        });
        whole.or(goes_on.map(|at| (at, false)))
    }

    /// What is known of the first `ms`, if reading took no time. A reply that was stopped stays so.
    pub fn known_after(&self, ms: f64) -> Option<Verdict> {
        let looks = self.looks.iter().chain(&self.whole);
        let mut known = looks.take_while(|look| look.at_ms <= ms).peekable();
        known.peek()?;
        let (mut latest, mut agreement) = (None, Agreement::default());
        for look in known {
            match agreement.with(look.verdict, look.certain) {
                Verdict::Stop | Verdict::Hold => return Some(Verdict::Stop),
                verdict => latest = Some(verdict),
            }
        }
        latest
    }

    /// Whether it sounds after `ms`, as far as can be told then.
    pub fn sounds_after(&self, ms: f64) -> bool {
        let frames = (ms / f64::from(FRAME_MS)) as usize;
        let heard = &self.audible[..frames.min(self.audible.len())];
        let silent = heard.len() >= frames && heard.iter().rev().take(SILENT).all(|heard| !heard);
        heard.len() >= frames && !silent
    }
}

/// All that hears.
pub struct Hearing<'a> {
    name: &'a Name,
    whisper: Confirming<Whisper>,
    vad: PathBuf,
    settings: EndpointSettings,
}

impl<'a> Hearing<'a> {
    pub fn open(config: &Config, name: &'a Name) -> anyhow::Result<Self> {
        let vad = detector_path(config)?;
        let mut whisper = Confirming::new(whisper(config, |_| {})?);
        whisper.expect(&name.prompt());
        let settings = EndpointSettings::from(&config.listen);
        Ok(Self {
            name,
            whisper,
            vad,
            settings,
        })
    }

    /// What becomes of `sound`, of which the frames `audible` are heard.
    pub fn hear(&mut self, sound: &[f32], audible: Vec<bool>, wish: bool) -> anyhow::Result<Life> {
        let begin = audible.iter().position(|heard| *heard).unwrap_or_default();
        let mut life = Life {
            wish,
            audible: audible[begin..].to_vec(),
            looks: Vec::new(),
            whole: None,
        };
        let mut segmenter = Segmenter::new(Box::new(Vad::open(&self.vad)?), &self.settings);
        segmenter.set_eager(true);
        let (mut told, mut looked_at) = (Vec::new(), None);
        for (frame, part) in sound.chunks(FRAME).enumerate() {
            segmenter.hear(part, &mut told)?;
            let at_ms = (frame as f64 + 1.0 - begin as f64) * f64::from(FRAME_MS);
            for event in told.drain(..) {
                match event {
                    Heard::Partial(said) if life.whole.is_none() => {
                        let over = said.silent_ms >= OVER_MS;
                        let extent = Some((said.voiced_ms, over));
                        // As in a conversation, what has been looked at is not looked at again.
                        let worth =
                            at_ms < LOOKS_FOR_MS && barge_in::is_worth_a_look(said.voiced_ms, over);
                        if worth && extent != looked_at {
                            looked_at = extent;
                            life.looks.push(self.look(&said, 0, at_ms)?);
                        }
                    }
                    Heard::Utterance(said) if life.whole.is_none() => {
                        let whole = Partial {
                            samples: said.samples,
                            voiced_ms: 0,
                            silent_ms: u32::MAX,
                        };
                        let last = life.audible.iter().rposition(|heard| *heard);
                        let frames = last.map_or(0, |last| last as u32 + 1);
                        life.whole = Some(self.look(&whole, frames * FRAME_MS, at_ms)?);
                    }
                    _ => {}
                }
            }
        }
        Ok(life)
    }

    /// Looks at it; `length_ms` is 0 where it may go on.
    fn look(&mut self, said: &Partial, length_ms: u32, at_ms: f64) -> anyhow::Result<Look> {
        let (never, whole) = (AtomicBool::new(false), length_ms > 0);
        let over = said.silent_ms >= OVER_MS;
        let began = Instant::now();
        let transcript = match over {
            true => barge_in::believed(self.whisper.transcribe(&said.samples, &never)?),
            false => self.whisper.glance(&said.samples, &never)?,
        };
        let pass_ms = began.elapsed().as_secs_f64() * 1000.0;
        let interruption = Interruption {
            policy: Policy::Speech,
            text: &transcript.text,
            language: &transcript.language,
            mean_logprob: transcript.mean_logprob,
            no_words: transcript.refused == Some(Refused::NotWords),
            over,
            whole,
            voiced_ms: said.voiced_ms,
            length_ms,
            name: self.name,
            speaking: REPLY,
            held: false,
        };
        let verdict = barge_in::verdict(&interruption);
        let certain = whole || barge_in::is_certain(&interruption);
        let text = match transcript.refused {
            Some(why) => format!("({why:?}: {})", transcript.doubted),
            None => transcript.text,
        };
        Ok(Look {
            at_ms,
            pass_ms,
            over,
            voiced_ms: said.voiced_ms,
            text,
            mean_logprob: transcript.mean_logprob,
            verdict,
            certain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at_ms: f64, verdict: Verdict) -> Look {
        Look {
            at_ms,
            pass_ms: 150.0,
            over: false,
            voiced_ms: 300,
            text: String::new(),
            mean_logprob: -0.2,
            verdict,
            certain: true,
        }
    }

    fn life(looks: Vec<Look>, whole: Verdict) -> Life {
        Life {
            wish: true,
            audible: vec![true, true, false, true, false, false, false, false],
            looks,
            whole: Some(look(1_000.0, whole)),
        }
    }

    #[test]
    fn one_look_follows_the_other_and_takes_the_newest_state() {
        let decided = |third, whole| {
            let first = look(300.0, Verdict::Unclear);
            // The first look ends at 450; what was known at 400 is old by then.
            let looks = vec![first, look(400.0, Verdict::Stop), look(440.0, third)];
            life(looks, whole).decided()
        };
        assert_eq!(
            decided(Verdict::Stop, Verdict::Unclear),
            Some((600.0, true))
        );
        assert_eq!(
            decided(Verdict::Unclear, Verdict::Stop),
            Some((1_150.0, true))
        );
        assert_eq!(
            decided(Verdict::CarryOn, Verdict::CarryOn),
            Some((600.0, false))
        );
    }

    #[test]
    fn the_end_calls_off_what_is_not_read_by_then() {
        let late = life(vec![look(900.0, Verdict::Stop)], Verdict::CarryOn);
        assert_eq!(late.decided(), Some((1_150.0, false)));
        let unheard = Life {
            whole: None,
            ..life(Vec::new(), Verdict::Stop)
        };
        assert_eq!(unheard.decided(), None);
    }

    #[test]
    fn a_reply_that_was_stopped_stays_so() {
        let looks = vec![look(300.0, Verdict::Stop), look(400.0, Verdict::CarryOn)];
        let stopped = life(looks, Verdict::CarryOn);
        assert_eq!(stopped.known_after(200.0), None);
        assert_eq!(stopped.known_after(500.0), Some(Verdict::Stop));
        let open = life(vec![look(300.0, Verdict::Unclear)], Verdict::CarryOn);
        assert_eq!(open.known_after(500.0), Some(Verdict::Unclear));
        assert_eq!(open.known_after(1_000.0), Some(Verdict::CarryOn));
    }

    #[test]
    fn a_short_pause_is_no_end() {
        let life = life(Vec::new(), Verdict::Stop);
        let sounds: Vec<bool> = (1..=9)
            .map(|n| life.sounds_after(32.0 * f64::from(n)))
            .collect();
        assert_eq!(
            sounds,
            [true, true, true, true, true, true, false, false, false]
        );
    }
}
