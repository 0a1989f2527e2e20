//! Scripted models: they do what a test tells them, through the same traits as the real ones.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use hearken::audio::{EAR_RATE, Microphone, MicrophoneError, Speaker, SpeakerError};
use hearken::listen::transcribe::{TranscribeError, Transcriber, Transcript};
use hearken::listen::vad::{FRAME, SpeechDetector};
use hearken::onnx::OnnxError;
use hearken::reply::model::{LanguageModel, Message, ModelError, TextStream};
use hearken::speak::voice::{Speech, Voice, VoiceError};
use tokio::sync::Notify;

/// Whatever is loud is speech.
pub struct Loudness;

impl SpeechDetector for Loudness {
    fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError> {
        let power = frame.iter().map(|s| s * s).sum::<f32>() / FRAME as f32;
        Ok(if power > 0.001 { 0.95 } else { 0.02 })
    }

    fn reset(&mut self) {}
}

/// Something loud for [`Loudness`], so many ms, at the ear's rate.
pub fn speech(ms: usize) -> Vec<f32> {
    let step = 220.0 * std::f32::consts::TAU / EAR_RATE as f32;
    (0..ms * EAR_RATE as usize / 1000)
        .map(|i| 0.4 * (i as f32 * step).sin())
        .collect()
}

/// What the transcriber makes of the next utterance.
pub enum Hears {
    Words(&'static str),
    Nothing,
    Fails,
    /// Until it is called off.
    Hangs,
    /// The same, and tells that it has begun.
    HangsTelling(Arc<Notify>),
}

pub struct ScriptedTranscriber(pub VecDeque<Hears>);

impl Transcriber for ScriptedTranscriber {
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        let text = match self.0.pop_front() {
            Some(Hears::Words(text)) => text,
            Some(Hears::Fails) => return Err(TranscribeError::Failed("scripted".into())),
            Some(hangs @ (Hears::Hangs | Hears::HangsTelling(_))) => {
                if let Hears::HangsTelling(begun) = hangs {
                    begun.notify_one();
                }
                while !abort.load(Ordering::Relaxed) {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                return Err(TranscribeError::Aborted);
            }
            Some(Hears::Nothing) => "",
            // Without a script: how many seconds there were. No transcriber reads them in no time; this one takes long
            // enough for the ear to tell that somebody speaks on.
            None => {
                std::thread::sleep(Duration::from_millis(50));
                return Ok(transcript(
                    &(samples.len() as f32 / EAR_RATE as f32).to_string(),
                ));
            }
        };
        Ok(transcript(text))
    }
}

fn transcript(text: &str) -> Transcript {
    Transcript {
        text: text.into(),
        language: "en".into(),
        mean_logprob: -0.1,
        refused: None,
        doubted: String::new(),
    }
}

/// What the model writes next.
pub enum Writes {
    Text(&'static [&'static str]),
    Fails(ModelError),
    BreaksOff(&'static [&'static str], ModelError),
    Hangs,
    /// Has a bug behind these words.
    Panics(&'static [&'static str]),
    /// When it is told to.
    Late(Arc<Notify>, &'static [&'static str]),
    /// These words, and when it is told to, the rest.
    Then(&'static [&'static str], Arc<Notify>, Box<Writes>),
    /// What another one writes.
    Asks(Arc<dyn LanguageModel>),
}

/// The messages of every reply that was asked for.
pub type Asked = Arc<Mutex<Vec<Vec<Message>>>>;

/// Answers from a script, and remembers what it was asked.
pub struct ScriptedModel {
    script: Mutex<VecDeque<Writes>>,
    asked: Asked,
    /// What it was told to read ahead.
    pub prepared: Asked,
    /// Whether it says that it runs on this computer.
    pub local: AtomicBool,
}

impl ScriptedModel {
    pub fn new(script: Vec<Writes>) -> (Arc<Self>, Asked) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Mutex::new(script.into());
        (
            Arc::new(Self {
                script,
                asked: Arc::clone(&asked),
                prepared: Asked::default(),
                local: AtomicBool::new(true),
            }),
            asked,
        )
    }
}

impl ScriptedModel {
    fn written(&self, writes: Writes) -> TextStream {
        let pieces = |text: &[&str]| text.iter().map(|t| Ok((*t).to_owned())).collect::<Vec<_>>();
        match writes {
            Writes::Text(text) => futures_util::stream::iter(pieces(text)).boxed(),
            Writes::Fails(error) => futures_util::stream::iter([Err(error)]).boxed(),
            Writes::BreaksOff(text, error) => {
                let mut pieces = pieces(text);
                pieces.push(Err(error));
                futures_util::stream::iter(pieces).boxed()
            }
            Writes::Hangs => futures_util::stream::pending().boxed(),
            Writes::Panics(text) => {
                let bug = futures_util::stream::once(async { panic!("scripted") });
                futures_util::stream::iter(pieces(text)).chain(bug).boxed()
            }
            Writes::Late(told, text) => {
                futures_util::stream::once(async move { told.notified_owned().await })
                    .flat_map(move |()| futures_util::stream::iter(pieces(text)))
                    .boxed()
            }
            Writes::Then(text, told, rest) => {
                let rest = self.written(*rest);
                let told = futures_util::stream::once(async move { told.notified_owned().await });
                let mut rest = Some(rest);
                let rest = told.flat_map(move |()| rest.take().unwrap());
                futures_util::stream::iter(pieces(text)).chain(rest).boxed()
            }
            Writes::Asks(other) => {
                let messages = self.asked.lock().unwrap().last().cloned();
                other.reply(messages.unwrap_or_default())
            }
        }
    }
}

impl LanguageModel for ScriptedModel {
    fn is_local(&self) -> bool {
        self.local.load(Ordering::Relaxed)
    }

    fn reply(&self, messages: Vec<Message>) -> TextStream {
        self.asked.lock().unwrap().push(messages);
        let next = self.script.lock().unwrap().pop_front();
        match next {
            Some(writes) => self.written(writes),
            None => futures_util::stream::empty().boxed(),
        }
    }

    fn prepare(&self, messages: Vec<Message>) {
        self.prepared.lock().unwrap().push(messages);
    }

    fn name(&self) -> String {
        "scripted".into()
    }
}

/// 20 ms of tone a clause, nothing for signs alone; fails for a clause that contains `unspeakable`.
pub struct ScriptedVoice(pub Arc<Mutex<Vec<String>>>);

impl Voice for ScriptedVoice {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
        if text.contains("unspeakable") {
            return Err(VoiceError::Failed("scripted".into()));
        }
        self.0.lock().unwrap().push(text.to_owned());
        let sounds = text.contains(char::is_alphanumeric);
        Ok(Speech {
            samples: if sounds { vec![0.1; 441] } else { Vec::new() },
            rate: 22_050,
        })
    }

    fn set_rate(&mut self, _percent: u32) {}

    fn name(&self) -> String {
        "scripted".into()
    }
}

/// Takes everything at once and counts it as played; gone after `lost_after` samples.
#[derive(Default)]
pub struct ScriptedSpeaker {
    pub written: u64,
    pub lost_after: Option<u64>,
}

impl Speaker for ScriptedSpeaker {
    fn rate(&self) -> u32 {
        22_050
    }

    fn write(&mut self, samples: &[f32]) -> Result<usize, SpeakerError> {
        if self.lost_after.is_some_and(|limit| self.written >= limit) {
            return Err(SpeakerError::Lost("scripted".into()));
        }
        self.written += samples.len() as u64;
        Ok(samples.len())
    }

    fn written(&self) -> u64 {
        self.written
    }

    fn played(&self) -> u64 {
        self.written
    }

    fn flush(&mut self) {}

    fn set_gain(&mut self, _: f32) {}
}

/// A microphone that is unplugged at once.
pub struct LostMicrophone;

impl Microphone for LostMicrophone {
    fn read(&mut self, _: &mut Vec<f32>, _: Duration) -> Result<(), MicrophoneError> {
        Err(MicrophoneError::Lost("scripted".into()))
    }
}
