//! Another configuration for a conversation that goes on: what differs, and the new parts that it needs. They are opened
//! beside the old ones, which go on until the conductor takes the new.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{
    Mind, StartError, budget, lasting_transcriber, lasting_vad, lasting_voice, manners, name,
    open_wake, turn_end_or_silence,
};
use crate::audio::lasting::Lasting;
use crate::audio::{Microphone, MicrophoneError, OpenSpeaker, Speaker, SpeakerError, hardware};
use crate::config::Config;
use crate::listen::ear::{Detectors, EarChange, EarSettings};
use crate::listen::name::{Name, NameError};
use crate::listen::worker::Worker;
use crate::reply::model::{LanguageModel, ModelError};
use crate::speak::OpenError;
use crate::speak::worker::Synthesizer;
use crate::turn::conductor::Manners;
use crate::weights::Store;

/// What of a running conversation is replaced.
pub struct Change {
    /// How it is held.
    pub manners: Manners,
    /// Turns that are remembered, and tokens that they may take.
    pub history: (usize, usize),
    /// Writes replies.
    pub model: Option<Arc<dyn LanguageModel>>,
    /// Says them.
    pub voice: Option<Synthesizer>,
    /// Makes words of speech.
    pub transcriber: Option<Worker>,
    /// Hears it.
    pub ear: Option<EarChange>,
    /// Plays, and how it is opened again.
    pub speaker: Option<(Box<dyn Speaker>, OpenSpeaker)>,
    /// The keys that are in force from now on.
    pub keys: Vec<String>,
}

impl Change {
    /// Only devices are replaced, and nothing that a turn is made with.
    pub fn is_of_devices(&self) -> bool {
        let ear = self.ear.as_ref();
        self.model.is_none()
            && self.voice.is_none()
            && self.transcriber.is_none()
            && ear.is_none_or(|ear| ear.detectors.is_none())
    }
}

/// Why the new configuration cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A part cannot be opened.
    #[error(transparent)]
    Part(#[from] StartError),
    /// The language model cannot be loaded.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The voice cannot be opened.
    #[error("{0}: {why}", why = .0.source().map_or_else(String::new, ToString::to_string))]
    Voice(#[from] OpenError),
    /// The loudspeaker cannot be opened.
    #[error(transparent)]
    Speaker(#[from] SpeakerError),
    /// There is no such microphone.
    #[error(transparent)]
    Microphone(#[from] MicrophoneError),
    /// The name cannot be one.
    #[error("name: {0}")]
    Name(#[from] NameError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    NoThread(#[from] std::io::Error),
}

/// The keys in which two configurations differ, such as `speak.voice`, in alphabetical order.
pub fn differences(old: &Config, new: &Config) -> Vec<String> {
    let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    compare("", &old, &new, &mut keys);
    keys.sort();
    keys
}

fn compare(place: &str, old: &Value, new: &Value, keys: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                let dot = if place.is_empty() { "" } else { "." };
                let place = format!("{place}{dot}{key}");
                compare(&place, old.get(key).unwrap_or(&Value::Null), value, keys);
            }
        }
        _ if old != new => keys.push(place.to_owned()),
        _ => {}
    }
}

/// Which parts some keys are about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Needed {
    mind: bool,
    voice: bool,
    transcriber: bool,
    detectors: bool,
    microphone: bool,
    loudspeaker: bool,
}

/// Whether a key is only read at the start.
pub fn needs_restart(key: &str) -> bool {
    key == "data_dir"
        || ["control.", "memory.", "echo."]
            .iter()
            .any(|section| key.starts_with(section))
}

fn needed(keys: &[String]) -> Needed {
    let mut needed = Needed::default();
    for key in keys {
        match &key[..] {
            "audio.microphone" => needed.microphone = true,
            "audio.loudspeaker" => needed.loudspeaker = true,
            // The conductor takes these.
            "speak.rate_percent" | "reply.system_prompt" | "reply.history_turns" => {}
            "listen.language" => (needed.transcriber, needed.detectors) = (true, true),
            "listen.languages"
            | "listen.model"
            | "listen.prompt"
            | "listen.threads"
            | "listen.logprob_floor" => needed.transcriber = true,
            key if key.starts_with("listen.") || key.starts_with("attention.wake_") => {
                needed.detectors = true;
            }
            key if key.starts_with("reply.") => needed.mind = true,
            key if key.starts_with("speak.") => needed.voice = true,
            _ => {}
        }
    }
    needed
}

/// Opens what `new` needs and `old` did not have; `None` when nothing is to be done now. The language model that is to
/// be stopped some day comes beside it. Blocking work is done on threads that may block.
///
/// # Errors
/// [`ChangeError`] when a part cannot be opened: all stays as it is.
pub async fn prepare(
    old: &Config,
    new: &Config,
    store: &Store,
) -> Result<Option<(Change, Option<Mind>)>, ChangeError> {
    let mut keys = differences(old, new);
    keys.retain(|key| !needs_restart(key));
    if keys.is_empty() {
        return Ok(None);
    }
    let needed = needed(&keys);
    let name_file = store.name_file();
    let called = name(new, Some(&name_file));
    let mind = match needed.mind {
        true => Some(Mind::open(new, store).await?),
        false => None,
    };
    if let Some(mind) = &mind {
        // One that cannot be loaded is none to go on with.
        if let Err(error) = mind.ready().await {
            mind.stop().await;
            return Err(error.into());
        }
        mind.warm(new, &called);
    }
    let open = || -> Result<_, ChangeError> {
        if needed.microphone {
            hardware::find_microphone(&new.audio.microphone)?;
        }
        let ear = match needed.detectors {
            true => {
                let detectors = Detectors {
                    vad: Box::new(lasting_vad(store)?),
                    wake: open_wake(new, store)?,
                    turn_end: turn_end_or_silence(new, store),
                };
                Some((detectors, EarSettings::from(&new.listen)))
            }
            false => None,
        };
        let transcriber = match needed.transcriber {
            true => Some(Worker::spawn(Box::new(lasting_transcriber(new, store)?))?),
            false => None,
        };
        let voice = match needed.voice {
            true => Some(Synthesizer::spawn(lasting_voice(new, store)?)?),
            false => None,
        };
        let speaker = match needed.loudspeaker {
            true => {
                let spoken = new.audio.loudspeaker.clone();
                let open: OpenSpeaker = Arc::new(move || hardware::open_speaker(&spoken));
                Some((open()?, open))
            }
            false => None,
        };
        Ok((ear, transcriber, voice, speaker))
    };
    let opened = tokio::task::block_in_place(open);
    let (detectors, transcriber, voice, speaker) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // It would go on without anybody who asks it.
            if let Some(mind) = mind {
                mind.stop().await;
            }
            return Err(error);
        }
    };
    let microphone = needed.microphone.then(|| {
        let heard = new.audio.microphone.clone();
        let open = Box::new(move || hardware::open_microphone(&heard));
        Box::new(Lasting::closed(open, Duration::ZERO)) as Box<dyn Microphone>
    });
    let ear = (microphone.is_some() || detectors.is_some()).then_some(EarChange {
        microphone,
        detectors,
    });
    let change = Change {
        manners: manners(
            new,
            Name::new(&called)?,
            // What is in force until a restart.
            old.echo.cancellation,
            Some(name_file),
            super::PATIENCE,
        ),
        history: (new.reply.history_turns, budget(&new.reply)),
        model: mind.as_ref().map(|mind| Arc::clone(&mind.model)),
        voice,
        transcriber,
        ear,
        speaker,
        keys,
    };
    Ok(Some((change, mind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_that_is_missing_is_named() {
        let missing = crate::weights::WeightsError::NotPulled { name: "joe".into() };
        let said = ChangeError::from(OpenError::from(missing)).to_string();
        assert!(
            said.starts_with("nothing can be said aloud: ") && said.contains("joe"),
            "{said}"
        );
    }

    #[test]
    fn keys_that_differ_are_named_and_tell_what_is_needed() {
        let old = Config::default();
        assert!(differences(&old, &old).is_empty());
        let mut new = old.clone();
        new.name = "Anna".into();
        new.speak.voice = "espeak:ko".into();
        new.listen.hangover_ms = 900;
        new.echo.gain_control = true;
        let keys = differences(&old, &new);
        assert_eq!(
            keys,
            [
                "echo.gain_control",
                "listen.hangover_ms",
                "name",
                "speak.voice"
            ]
        );
        assert!(needs_restart(&keys[0]) && !needs_restart(&keys[1]));
        let expected = Needed {
            voice: true,
            detectors: true,
            ..Needed::default()
        };
        assert_eq!(needed(&keys), expected);
    }

    #[test]
    fn what_the_conductor_takes_needs_no_part() {
        let old = Config::default();
        let mut new = old.clone();
        new.speak.rate_percent = 120;
        new.reply.system_prompt = "Be brief.".into();
        new.audio.volume_percent = 50;
        new.barge_in.duck_db = 6.0;
        assert_eq!(needed(&differences(&old, &new)), Needed::default());
    }
}
