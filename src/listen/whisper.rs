//! whisper.cpp behind [`Transcriber`]: one utterance at a time, its encoder's context cut to what was said.
//!
//! Runs on the `transcribe` thread, which owns the model. whisper's encoder always looks at 30 s; nearly all of that
//! is padding after a short question, and costs a second. Here it looks at the utterance and a little silence. Two
//! things keep that from making whisper loop: it decodes with timestamps, and never looks at less than
//! [`MIN_CONTEXT`].

pub mod crash;
mod tokens;
mod window;

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState,
    WhisperTokenId, whisper_rs_sys as sys,
};

use super::guard::{self, Evidence};
use super::transcribe::{Refused, TranscribeError, Transcriber, Transcript};
use super::{ggml, language};
use crate::audio::EAR_RATE;
use crate::config::Listen;
use tokens::{Watch, choose};
use window::{FAINTEST, STEP, cut_context, loudest, unheard};
pub use window::{FULL_CONTEXT, MIN_CONTEXT};

/// For a glance (2.6 s): half the time of [`MIN_CONTEXT`]; of a few words as many are right, with fewer marks between them.
const GLANCE_CONTEXT: usize = 128;
/// The tiny models loop and lose words below this (15.4 s): 33 % of words wrong on short commands at 512, none here.
const MIN_CONTEXT_TINY: usize = 768;
/// Layers of a tiny model's encoder; the base model has six.
const TINY_LAYERS: c_int = 4;
/// Silence before the utterance, 300 ms: without it whisper mishears a word that the recording begins with.
const LEAD: usize = EAR_RATE as usize * 300 / 1000;
/// What fits in the window beside that; the rest of a longer utterance is not heard.
const LONGEST: usize = FULL_CONTEXT * STEP - LEAD;
/// whisper.cpp refuses less than 0.1 s, and takes a timestamp within 0.1 s of the end for the end of the text; one before the
/// text may be 1 s.
const SHORTEST: usize = EAR_RATE as usize * 16 / 10;
/// What of the configuration concerns whisper.
#[derive(Debug, Clone, PartialEq)]
pub struct WhisperSettings {
    /// whisper's code of the language that is spoken (ISO 639-1, where there is one), or `auto`.
    pub language: String,
    /// With `auto`: the languages to choose from; empty means all that the model knows.
    pub languages: Vec<String>,
    /// Words to expect; whisper's initial prompt.
    pub prompt: String,
    /// Threads, at least 1.
    pub threads: usize,
    /// A transcript whose mean log-probability is below this is refused.
    pub logprob_floor: f32,
    /// The least of its context that the encoder looks at, in steps of 20 ms, at most [`FULL_CONTEXT`]; `None` chooses
    /// by the model.
    pub least_context: Option<usize>,
}

impl WhisperSettings {
    /// The settings of `listen`; `threads` where it leaves them to be chosen.
    pub fn new(listen: &Listen, threads: usize) -> Self {
        Self {
            language: listen.language.clone(),
            languages: listen.languages.clone(),
            prompt: listen.prompt.clone(),
            threads: match listen.threads {
                0 => threads.max(1),
                chosen => chosen,
            },
            logprob_floor: listen.logprob_floor,
            least_context: None,
        }
    }
}

/// A whisper model, loaded and warm.
pub struct Whisper {
    context: WhisperContext,
    state: WhisperState,
    settings: WhisperSettings,
    choice: language::Choice,
    least_context: usize,
    /// What it may expect.
    expected: String,
    /// The language of what was said right before.
    follows: Option<String>,
    prompt: Vec<WhisperTokenId>,
    /// Tokens from here on are timestamps; tokens below the other are text.
    first_timestamp: WhisperTokenId,
    end_of_text: WhisperTokenId,
}

/// So many bytes of the words before are whisper's context: two sentences or so.
const CONTEXT_BYTES: usize = 160;

/// One pass of whisper over the samples.
struct Written {
    text: String,
    evidence: Evidence,
    /// Tokens of text.
    tokens: u32,
    looped: bool,
    /// Samples up to the last timestamp, when there is one.
    end: Option<usize>,
}

impl Written {
    /// Appends what was written for the rest of the samples.
    fn append(&mut self, rest: Written) {
        let (a, b) = (f64::from(self.tokens), f64::from(rest.tokens));
        let sum =
            f64::from(self.evidence.mean_logprob) * a + f64::from(rest.evidence.mean_logprob) * b;
        self.evidence.mean_logprob = (sum / (a + b).max(1.0)) as f32;
        self.evidence.no_speech = self.evidence.no_speech.min(rest.evidence.no_speech);
        self.tokens += rest.tokens;
        self.text.push_str(&rest.text);
    }
}

impl Whisper {
    /// Loads the model and runs it once, so that the first utterance costs no more than the others.
    ///
    /// # Errors
    /// [`TranscribeError::Model`] when the file is missing, damaged, no whisper model, or does not know the language;
    /// [`TranscribeError::Memory`].
    pub fn open(path: &Path, settings: WhisperSettings) -> Result<Self, TranscribeError> {
        let unusable = |reason: String| TranscribeError::Model {
            path: path.display().to_string(),
            reason,
        };
        whisper_rs::install_logging_hooks();
        ggml::check(path).map_err(unusable)?;
        let context = WhisperContext::new_with_params(path, WhisperContextParameters::default())
            .map_err(|_| unusable("whisper.cpp refuses it".into()))?;
        let choice = language::Choice::new(
            &settings.language,
            &settings.languages,
            language::count(context.n_vocab(), context.is_multilingual()),
        )
        .map_err(unusable)?;
        let prompt = tokens(&context, &settings.prompt)
            .ok_or_else(|| unusable("listen.prompt is too long for it".into()))?;
        let state = context
            .create_state()
            .map_err(|_| TranscribeError::Memory {
                path: path.display().to_string(),
            })?;
        let mut whisper = Self {
            state,
            least_context: settings
                .least_context
                .unwrap_or(match context.model_n_audio_layer() {
                    ..=TINY_LAYERS => MIN_CONTEXT_TINY,
                    _ => MIN_CONTEXT,
                }),
            settings,
            choice,
            expected: String::new(),
            follows: None,
            prompt,
            first_timestamp: context.token_beg(),
            end_of_text: context.token_eot(),
            context,
        };
        let silence = vec![0.0; SHORTEST];
        let warm = whisper.choice.first();
        whisper
            .write(
                &silence,
                warm,
                (MIN_CONTEXT, false),
                &AtomicBool::new(false),
            )
            .map_err(|e| unusable(e.to_string()))?;
        Ok(whisper)
    }

    /// Which language `samples` is in: the fixed one, or the likeliest of those to choose from.
    ///
    /// # Errors
    /// [`TranscribeError::Failed`] when whisper fails.
    fn language(&mut self, samples: &[f32]) -> Result<&'static str, TranscribeError> {
        if let Some(fixed) = self.choice.fixed() {
            return Ok(fixed);
        }
        // The beginning tells; longer utterances need not cost more.
        let context = 2 * MIN_CONTEXT;
        let samples = &samples[..samples.len().min(context * STEP)];
        let context = cut_context(samples.len(), MIN_CONTEXT).min(context);
        let fixed_for_now = self.choice.first();
        let mut params = params(&self.settings, fixed_for_now, context);
        // whisper.cpp takes the context's length from its last full run alone: such a run is made and called off
        // before it encodes, which leaves the length and the spectrogram behind.
        // SAFETY: the callback takes any pointers and touches none.
        unsafe { params.set_start_encoder_callback(Some(not_now)) };
        self.state.full(params, samples).map_err(failed)?;
        let (_, likely) = self
            .state
            .lang_detect(0, crate::threads::free(self.settings.threads))
            .map_err(failed)?;
        Ok(self.choice.likeliest(&likely))
    }

    fn write(
        &mut self,
        samples: &[f32],
        language: &str,
        (context, glance): (usize, bool),
        abort: &AtomicBool,
    ) -> Result<Written, TranscribeError> {
        let mut params = params(&self.settings, language, context);
        if !self.prompt.is_empty() {
            params.set_tokens(&self.prompt);
        }
        // No more than people can say: a loop ends here at the latest.
        let most = 24 + 16 * samples.len() / EAR_RATE as usize;
        params.set_max_tokens(most as c_int);
        let mut watch = Watch {
            first_timestamp: self.first_timestamp,
            end_of_text: self.end_of_text,
            text: Vec::new(),
            looped: None,
        };
        // SAFETY: `abort` and `watch` outlive `full`, which alone calls the callbacks, on this thread; and each
        // callback takes its pointer for what is given here.
        unsafe {
            params.set_abort_callback(Some(called_off));
            params.set_abort_callback_user_data(std::ptr::from_ref(abort) as *mut c_void);
            params.set_filter_logits_callback(Some(choose));
            params.set_filter_logits_callback_user_data(std::ptr::from_mut(&mut watch).cast());
        }
        match self.state.full(params, samples) {
            _ if abort.load(Ordering::Relaxed) => return Err(TranscribeError::Aborted),
            Err(error) => return Err(failed(error)),
            Ok(()) => {}
        }
        let mut text = Vec::new();
        let (mut sum, mut tokens) = (0.0, 0u32);
        // Of a beginning that goes round in circles, the beginning; the rest is no sound.
        let kept = watch.looped.filter(|_| glance);
        let kept = kept.and_then(|kept| u32::try_from(kept).ok());
        let (mut no_speech, mut end) = (0.0f32, None);
        for segment in self.state.as_iter() {
            no_speech = no_speech.max(segment.no_speech_probability());
            for token in (0..segment.n_tokens()).filter_map(|i| segment.get_token(i)) {
                let data = token.token_data();
                if data.id > self.first_timestamp {
                    // The one that stands before the text is its beginning.
                    end = match tokens {
                        0 => None,
                        _ => usize::try_from(data.id - self.first_timestamp).ok(),
                    };
                } else if data.id < self.end_of_text && kept.is_none_or(|kept| tokens < kept) {
                    text.extend_from_slice(token.to_bytes().map_err(failed)?);
                    sum += data.plog;
                    tokens += 1;
                }
            }
        }
        Ok(Written {
            // A token may end within a character.
            text: String::from_utf8_lossy(&text)
                .trim_end_matches(char::REPLACEMENT_CHARACTER)
                .to_owned(),
            evidence: Evidence {
                mean_logprob: if tokens == 0 {
                    0.0
                } else {
                    sum / tokens as f32
                },
                no_speech,
            },
            tokens,
            looped: watch.looped.is_some(),
            end: end.filter(|_| kept.is_none()).map(|steps| steps * STEP),
        })
    }
}

/// The last of the words, no more than whisper's prompt easily holds.
fn last_words(text: &str) -> &str {
    let mut begin = text.len().saturating_sub(CONTEXT_BYTES);
    while !text.is_char_boundary(begin) {
        begin += 1;
    }
    match begin {
        0 => text,
        // Without a space it is a script that has none.
        _ => text[begin..]
            .split_once(' ')
            .map_or(&text[begin..], |(_, rest)| rest),
    }
}

impl Transcriber for Whisper {
    fn expect(&mut self, words: &str) {
        words.clone_into(&mut self.expected);
        self.prime("");
    }

    fn follow(&mut self, before: Option<&Transcript>) {
        self.follows = before.map(|before| before.language.clone());
        self.prime(before.map_or("", |before| last_words(&before.text)));
    }

    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.read(samples, (self.least_context, false), abort)
    }

    fn glance(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        // Whoever asked for another least, or has a tiny model, means it.
        let least = match self.least_context {
            MIN_CONTEXT => GLANCE_CONTEXT,
            set => set,
        };
        self.read(samples, (least, true), abort)
    }
}

impl Whisper {
    /// What whisper is told that it has read already: what it may expect, and the words `before`.
    fn prime(&mut self, before: &str) {
        let all = format!("{} {} {before}", self.expected, self.settings.prompt);
        match tokens(&self.context, all.trim_end()) {
            Some(prompt) => self.prompt = prompt,
            None if before.is_empty() => {
                tracing::warn!("the name and listen.prompt together are too long for whisper");
            }
            // It goes without them.
            None => {}
        }
    }

    /// Looks at no less of its context than `least`; when it loops, once more at all of it. Of a glance that loops two
    /// rounds are kept.
    fn read(
        &mut self,
        samples: &[f32],
        (least, glance): (usize, bool),
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        if abort.load(Ordering::Relaxed) {
            return Err(TranscribeError::Aborted);
        }
        if loudest(samples) < FAINTEST {
            return Ok(Transcript {
                text: String::new(),
                language: self.choice.first().to_owned(),
                mean_logprob: 0.0,
                refused: None,
                doubted: String::new(),
            });
        }
        let mut padded = vec![0.0; LEAD];
        padded.extend_from_slice(&samples[..samples.len().min(LONGEST)]);
        padded.resize(padded.len().max(SHORTEST), 0.0);
        let language = match &self.follows {
            Some(language) => language.clone(),
            None => self.language(&padded)?.to_owned(),
        };
        let language = &language[..];
        let context = cut_context(padded.len(), least);
        let mut written = self.write(&padded, language, (context, glance), abort)?;
        if written.looped && !glance && context < FULL_CONTEXT {
            // Once in a while the cut is what makes it loop: look at everything.
            written = self.write(&padded, language, (FULL_CONTEXT, false), abort)?;
        }
        let (mut rest, mut end) = (&padded[..], written.end);
        while let Some(unheard) = end.and_then(|end| unheard(rest, end)) {
            // whisper stopped before the end, in the middle of a sentence: on from there, as it means to.
            let context = cut_context(unheard.len(), least);
            let next = self.write(unheard, language, (context, glance), abort)?;
            (rest, end) = (unheard, next.end);
            if next.looped
                || guard::judge(&next.text, next.evidence, self.settings.logprob_floor).is_err()
            {
                break;
            }
            written.append(next);
        }
        let judged = match written.looped && !glance {
            true => Err(Refused::Repetition),
            false => guard::judge(&written.text, written.evidence, self.settings.logprob_floor),
        };
        tracing::trace!(evidence = ?written.evidence, taken = judged.is_ok(), context, "whisper wrote");
        let (text, refused) = match judged {
            Ok(text) => (text, None),
            Err(why) => (String::new(), Some(why)),
        };
        let doubted = match refused {
            Some(Refused::Unsure) => guard::without_notes(&written.text),
            _ => String::new(),
        };
        Ok(Transcript {
            text,
            language: language.to_owned(),
            mean_logprob: written.evidence.mean_logprob,
            refused,
            doubted,
        })
    }
}

/// The tokens of an initial prompt; `None` when it is too long.
fn tokens(context: &WhisperContext, words: &str) -> Option<Vec<WhisperTokenId>> {
    match words.replace('\0', " ").trim() {
        "" => Some(Vec::new()),
        // whisper wants the space that its own words begin with.
        words => context
            .tokenize(&format!(" {words}"), context.n_text_ctx().max(1) as usize)
            .ok(),
    }
}

/// Greedy, one pass, no second tries at a higher temperature: those cost seconds and invent words.
fn params<'a, 'b>(
    settings: &WhisperSettings,
    language: &'a str,
    context: usize,
) -> FullParams<'a, 'b> {
    let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    params.set_n_threads(crate::threads::free(settings.threads) as c_int);
    params.set_language(Some(language));
    params.set_audio_ctx(context as c_int);
    params.set_temperature(0.0);
    params.set_temperature_inc(0.0);
    params.set_no_context(true);
    params.set_no_timestamps(false);
    // The window holds the whole utterance: a second one would begin in the silence after it. When there is more than
    // silence left, `transcribe` goes on there itself.
    params.set_single_segment(true);
    // What is refused is decided in `guard`.
    params.set_no_speech_thold(1.0);
    params.set_logprob_thold(-100.0);
    params.set_entropy_thold(-1.0);
    params.set_print_special(false);
    params.set_print_progress(false);
    params.set_print_realtime(false);
    params.set_print_timestamps(false);
    params
}

fn failed(error: whisper_rs::WhisperError) -> TranscribeError {
    TranscribeError::Failed(error.to_string())
}

/// whisper.cpp asks after each run of the encoder and of the decoder whether to go on.
///
/// # Safety
/// `data` points to an `AtomicBool` that outlives the call.
unsafe extern "C" fn called_off(data: *mut c_void) -> bool {
    // SAFETY: by contract.
    unsafe { &*data.cast_const().cast::<AtomicBool>() }.load(Ordering::Relaxed)
}

unsafe extern "C" fn not_now(
    _: *mut sys::whisper_context,
    _: *mut sys::whisper_state,
    _: *mut c_void,
) -> bool {
    false
}
