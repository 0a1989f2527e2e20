//! The way of what is said over a reply, and when what is known of it.

use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use hearken::audio::EAR_RATE;
use hearken::config::{Config, Policy};
use hearken::listen::confirm::Confirming;
use hearken::listen::endpoint::EndpointSettings;
use hearken::listen::name::Name;
use hearken::listen::segment::Segmenter;
use hearken::listen::transcribe::Transcriber as _;
use hearken::listen::vad::{FRAME, Vad};
use hearken::listen::whisper::Whisper;
use hearken::listen::{Heard, Partial};
use hearken::turn::barge_in::{self, Interruption, OVER_MS};
use hearken::turn::state::Verdict;

use crate::cli::transcribe::{detector_path, whisper};

/// The reply that sounds.
const REPLY: &str = "Once upon a time there was a lighthouse. It stood alone on a rock in the sea, and nobody knew who \
    had built it.";
/// Beginnings are looked at for so long, in ms from the first sound: later all has been decided.
const LOOKS_FOR_MS: f64 = 2_000.0;

/// What is known after so much of it.
pub struct Look {
    /// When it was told, in ms since the first sound.
    pub at_ms: f64,
    /// So long whisper read it, in ms.
    pub pass_ms: f64,
    /// It was followed by silence, and read whole.
    pub over: bool,
    /// What whisper made of it; in brackets what it wrote and is not believed.
    pub text: String,
    /// What becomes of the reply.
    pub verdict: Verdict,
}

/// Something said over the reply.
pub struct Life {
    /// Somebody wants to be heard.
    pub wish: bool,
    /// So long it sounds, in ms.
    pub sounds_ms: f64,
    /// All of the beginnings that were told.
    pub looks: Vec<Look>,
    /// The whole of it.
    pub whole: Option<Look>,
}

impl Life {
    /// When it was decided in ms since the first sound, and whether the reply was stopped, with one look after the other as
    /// in a conversation. `None` when it was not heard at all.
    pub fn decided(&self) -> Option<(f64, bool)> {
        let mut free = 0.0;
        let mut goes_on = None;
        let mut next = 0;
        while let Some(look) = self.looks.get(next) {
            // What was told while whisper read is looked at in its newest state.
            let newest = self.looks[next..]
                .iter()
                .take_while(|l| l.at_ms <= free)
                .count();
            let (index, look) = match newest {
                0 => (next, look),
                more => (next + more - 1, &self.looks[next + more - 1]),
            };
            free = free.max(look.at_ms) + look.pass_ms;
            match look.verdict {
                Verdict::Stop | Verdict::Hold => return Some((free, true)),
                Verdict::CarryOn | Verdict::GoOn => _ = goes_on.get_or_insert(free),
                Verdict::Unclear => {}
            }
            next = index + 1;
        }
        let whole = self.whole.as_ref()?;
        let at = whole.at_ms + whole.pass_ms;
        match whole.verdict {
            Verdict::Stop | Verdict::Hold => Some((at, true)),
            _ => Some((goes_on.unwrap_or(at), false)),
        }
    }

    /// What is known of the first `ms`.
    pub fn known_after(&self, ms: f64) -> Option<&Look> {
        let whole = self.whole.as_ref().filter(|whole| whole.at_ms <= ms);
        whole.or_else(|| self.looks.iter().rfind(|look| look.at_ms <= ms))
    }
}

/// All that hears.
pub struct Hearing<'a> {
    name: &'a Name,
    whisper: Confirming<Whisper>,
    segmenter: Segmenter,
}

impl<'a> Hearing<'a> {
    pub fn open(config: &Config, name: &'a Name) -> anyhow::Result<Self> {
        let vad = Vad::open(&detector_path(config)?)?;
        let mut whisper = Confirming::new(whisper(config, |_| {})?);
        whisper.expect(&name.prompt());
        let settings = EndpointSettings::from(&config.listen);
        let mut segmenter = Segmenter::new(Box::new(vad), &settings);
        segmenter.set_eager(true);
        Ok(Self {
            name,
            whisper,
            segmenter,
        })
    }

    /// What becomes of `sound`, of which the samples `spoken` are not silence.
    pub fn hear(
        &mut self,
        sound: &[f32],
        spoken: Range<usize>,
        wish: bool,
    ) -> anyhow::Result<Life> {
        let ms = |samples: f64| samples * 1000.0 / f64::from(EAR_RATE);
        let mut life = Life {
            wish,
            sounds_ms: ms(spoken.len() as f64),
            looks: Vec::new(),
            whole: None,
        };
        let (mut heard, mut told) = (0, Vec::new());
        for part in sound.chunks(FRAME) {
            self.segmenter.hear(part, &mut told)?;
            heard += part.len();
            let at_ms = ms(heard as f64 - spoken.start as f64);
            for event in told.drain(..) {
                match event {
                    Heard::Partial(said) if at_ms < LOOKS_FOR_MS => {
                        let over = said.silent_ms >= OVER_MS;
                        if barge_in::is_worth_a_look(said.voiced_ms, over) {
                            life.looks.push(self.look(&said, at_ms)?);
                        }
                    }
                    Heard::Utterance(said) if life.whole.is_none() => {
                        let whole = Partial {
                            samples: said.samples,
                            voiced_ms: 0,
                            silent_ms: u32::MAX,
                        };
                        life.whole = Some(self.look(&whole, at_ms)?);
                    }
                    _ => {}
                }
            }
        }
        Ok(life)
    }

    fn look(&mut self, said: &Partial, at_ms: f64) -> anyhow::Result<Look> {
        let never = AtomicBool::new(false);
        let over = said.silent_ms >= OVER_MS;
        let began = Instant::now();
        let transcript = match over {
            true => self.whisper.transcribe(&said.samples, &never)?,
            false => self.whisper.glance(&said.samples, &never)?,
        };
        let pass_ms = began.elapsed().as_secs_f64() * 1000.0;
        let verdict = barge_in::verdict(&Interruption {
            policy: Policy::Speech,
            text: &transcript.text,
            language: &transcript.language,
            mean_logprob: transcript.mean_logprob,
            over,
            voiced_ms: said.voiced_ms,
            name: self.name,
            speaking: REPLY,
            held: false,
        });
        let text = match transcript.refused {
            Some(why) => format!("({why:?}: {})", transcript.doubted),
            None => transcript.text,
        };
        Ok(Look {
            at_ms,
            pass_ms,
            over,
            text,
            verdict,
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
            text: String::new(),
            verdict,
        }
    }

    #[test]
    fn one_look_follows_the_other_and_takes_the_newest_state() {
        let life = |third, whole| Life {
            wish: true,
            sounds_ms: 700.0,
            looks: vec![
                look(300.0, Verdict::Unclear),
                look(400.0, Verdict::Stop),
                look(440.0, third),
            ],
            whole: Some(look(1_000.0, whole)),
        };
        // The first look ends at 450; what was known at 400 is old by then.
        let decided = |third, whole| life(third, whole).decided();
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
        let known = life(Verdict::Unclear, Verdict::Stop);
        assert_eq!(
            known.known_after(420.0).map(|l| l.verdict),
            Some(Verdict::Stop)
        );
        assert!(known.known_after(200.0).is_none());
    }
}
