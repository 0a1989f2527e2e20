//! Builds the parts that the configuration names, holds the conversation, and stops everything in the order of the
//! path: ear, turn, voice, loudspeaker, language model.

pub mod change;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::audio::{EAR_RATE, Microphone, OpenSpeaker, Speaker};
use crate::config::{Backend, Config, ConfigError, Fallback, Reply};
use crate::event::{Bus, Event};
use crate::listen::confirm::Confirming;
use crate::listen::continuing::Continuing;
use crate::listen::ear::{Detectors, Ear, EarSettings};
use crate::listen::echo::EchoSettings;
use crate::listen::mending::Mending;
use crate::listen::name::Name;
use crate::listen::transcribe::{TranscribeError, Transcriber};
use crate::listen::turn_end::{self, SmartTurn, TurnEndDetector};
use crate::listen::vad::{self, SpeechDetector, Vad};
use crate::listen::wake::{WakeDetector, WakeFiles, WakeModel};
use crate::listen::whisper::{Whisper, WhisperSettings};
use crate::listen::worker::Worker;
use crate::memory;
use crate::memory::conversation::Keeper;
use crate::onnx::{self, OnnxError};
use crate::reply;
use crate::reply::embedded::{Embedded, EmbeddedError, EmbeddedSettings};
use crate::reply::fallback::WithFallback;
use crate::reply::history::History;
use crate::reply::model::{LanguageModel, Message, ModelError};
use crate::reply::openai::{Client, Settings};
use crate::service::manager::Supervisor;
use crate::speak::chime::Chime;
use crate::speak::player::{Player, PlayerSettings};
use crate::speak::voice::{Voice, VoiceError};
use crate::speak::worker::Synthesizer;
use crate::speak::{self, OpenError};
use crate::threads;
use crate::turn::attention::Attention;
use crate::turn::barge_in;
use crate::turn::carried::Carried;
use crate::turn::conductor::{Company, Ending, Manners, Outcome, converse};
use crate::turn::order::Order;
use crate::weights::{Role, Store, WeightsError};

/// How long a reply still rings in the devices' buffers and the room after its last sample was handed over.
const TAIL: Duration = Duration::from_millis(300);
/// A clause that is being said when everything stops has this long to end.
const LAST_CLAUSE: Duration = Duration::from_secs(3);
/// How long a turn may show no progress, usually.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Model files are missing.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// ONNX Runtime or a model of its.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// Speech-to-text.
    #[error(transparent)]
    Transcriber(#[from] TranscribeError),
    /// The own server's settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The own server's client.
    #[error(transparent)]
    Server(#[from] ModelError),
    /// The embedded language model.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

/// What a conversation is held with. Tests put scripted parts in.
pub struct Parts {
    /// Where sound comes from.
    pub microphone: Box<dyn Microphone>,
    /// Tells speech from other sound.
    pub vad: Box<dyn SpeechDetector>,
    /// Hears a wake word in speech; without one, words alone tell whether hearken is called.
    pub wake: Option<Box<dyn WakeDetector>>,
    /// Tells whether a speaker has finished; without one, silence alone tells.
    pub turn_end: Option<Box<dyn TurnEndDetector>>,
    /// Makes words of speech.
    pub transcriber: Box<dyn Transcriber>,
    /// Writes replies.
    pub model: Arc<dyn LanguageModel>,
    /// Says them.
    pub voice: Box<dyn Voice>,
    /// Plays them.
    pub speaker: Box<dyn Speaker>,
    /// Opens a loudspeaker in place of one that is gone; without it, that is the end.
    pub open_speaker: Option<OpenSpeaker>,
    /// Is told that the conversation goes on.
    pub supervisor: Option<Box<dyn Supervisor>>,
    /// The conversation that another program left.
    pub carried: Option<Carried>,
    /// What is ordered from outside ([`crate::turn::order`]).
    pub orders: mpsc::Receiver<Order>,
    /// Where a name that is said aloud is kept; nowhere when `None`.
    pub name_file: Option<PathBuf>,
    /// Where the conversation is kept; nowhere when `None`.
    pub conversation_file: Option<PathBuf>,
    /// Where one may lie that was kept before, and is not added to: what is to be forgotten is forgotten there too.
    pub left_file: Option<PathBuf>,
    /// What says beyond the process that the microphone is to stay closed; nothing when `None`.
    pub mute_file: Option<PathBuf>,
    /// A turn that shows no progress for so long is given up; longer when the configuration lets the model take longer.
    pub patience: Duration,
}

/// The language model that the configuration names, and what must be stopped with it.
pub struct Mind {
    /// Who writes.
    pub model: Arc<dyn LanguageModel>,
    embedded: Option<Arc<Embedded>>,
    server: Option<Client>,
}

impl Mind {
    /// Starts or finds the language model. Returns before an embedded model is loaded: a reply waits for it.
    ///
    /// # Errors
    /// When its weights, its program or its settings are wrong.
    pub async fn open(config: &Config, store: &Store) -> Result<Self, StartError> {
        let embedded = match (config.reply.backend, config.reply.fallback) {
            (Backend::Embedded, _) | (Backend::Server, Fallback::Embedded) => {
                let (_, model) = store.language_model(&config.reply.model)?;
                Some(Arc::new(Embedded::start(EmbeddedSettings::from_config(
                    config, model,
                )?)?))
            }
            (Backend::Server, Fallback::None) => None,
        };
        let (model, server): (Arc<dyn LanguageModel>, _) = match (config.reply.backend, &embedded) {
            (Backend::Embedded, Some(embedded)) => (Arc::clone(embedded) as _, None),
            (_, fallback) => {
                let client = Client::new(Settings::from_config(config)?)?;
                let server = Arc::new(client.clone());
                let model: Arc<dyn LanguageModel> = match fallback {
                    Some(embedded) => {
                        Arc::new(WithFallback::new(server, Arc::clone(embedded) as _))
                    }
                    None => server,
                };
                (model, Some(client))
            }
        };
        Ok(Self {
            model,
            embedded,
            server,
        })
    }

    /// Warns when an own server does not answer or refuses the key. Returns at once: hearken goes on without it, and a server that
    /// comes later is used.
    pub fn look_for_server(&self) {
        let Some(server) = self.server.clone() else {
            return;
        };
        tokio::spawn(async move {
            if let Err(error) = server.look().await {
                tracing::warn!(
                    "{error}; it is asked again with the next question (see reply.server in the configuration)"
                );
            }
        });
    }

    /// Has the model read its instructions while nobody waits for it, where that makes the first turn sooner (see
    /// [`LanguageModel::prepare`]).
    pub fn warm(&self, config: &Config, name: &str) {
        self.model.prepare(vec![Message {
            role: reply::model::Role::System,
            text: reply::instructions(&config.reply.system_prompt, name),
        }]);
    }

    /// Waits until the embedded model is loaded, if there is one; as long as a reply would.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn ready(&self) -> Result<(), ModelError> {
        match &self.embedded {
            Some(embedded) => embedded.ready().await,
            None => Ok(()),
        }
    }

    /// Ends the embedded model, if there is one. Bounded.
    pub async fn stop(&self) {
        if let Some(embedded) = &self.embedded {
            embedded.stop().await;
        }
    }
}

/// Loads ONNX Runtime from the store. Needed once before a [`Vad`] or a voice is opened.
///
/// # Errors
/// When it is not there or cannot be loaded.
pub fn open_onnx(store: &Store) -> Result<(), StartError> {
    Ok(onnx::init(&store.locate("onnxruntime", Role::Runtime)?)?)
}

/// Opens the voice activity detector.
///
/// # Errors
/// When its weights are missing or damaged.
pub fn open_vad(store: &Store) -> Result<Vad, StartError> {
    Ok(Vad::open(&store.locate("silero-vad", Role::Vad)?)?)
}

/// As [`open_vad`]; one that fails is begun anew.
///
/// # Errors
/// As there.
pub fn lasting_vad(store: &Store) -> Result<vad::Mending, StartError> {
    let model = store.locate("silero-vad", Role::Vad)?;
    let first = Vad::open(&model)?;
    let open = move || Ok(Box::new(Vad::open(&model)?) as Box<dyn SpeechDetector>);
    Ok(vad::Mending::new(Box::new(first), Box::new(open)))
}

/// Opens the detector of the end of a turn; `None` where silence alone is to tell, or the language is none of its.
///
/// # Errors
/// When its weights are missing or damaged.
pub fn open_turn_end(
    config: &Config,
    store: &Store,
) -> Result<Option<Box<dyn TurnEndDetector>>, StartError> {
    if !config.listen.turn_end || !turn_end::knows(&config.listen.language) {
        return Ok(None);
    }
    let model = SmartTurn::open(&store.locate("smart-turn", Role::Turn)?)?;
    Ok(Some(Box::new(model)))
}

/// As [`open_turn_end`], but hearken goes on without a detector that is not there: whoever updates it need not be stopped.
pub fn turn_end_or_silence(config: &Config, store: &Store) -> Option<Box<dyn TurnEndDetector>> {
    open_turn_end(config, store).unwrap_or_else(|error| {
        tracing::warn!("{error}; until then silence alone ends what somebody says");
        None
    })
}

/// Opens the wake model that the configuration names, if any.
///
/// # Errors
/// When its file, or that of a stage before it, is missing or damaged.
pub fn open_wake(
    config: &Config,
    store: &Store,
) -> Result<Option<Box<dyn WakeDetector>>, StartError> {
    let attention = &config.attention;
    let own = attention.wake_model.to_string_lossy();
    if own.is_empty() {
        return Ok(None);
    }
    let files = WakeFiles {
        spectrogram: store.locate("wake-melspectrogram", Role::Wake)?,
        embedding: store.locate("wake-embedding", Role::Wake)?,
        classifier: store.locate(&own, Role::Wake)?,
    };
    let model = WakeModel::open(&files, attention.wake_threshold)?;
    Ok(Some(Box::new(model)))
}

/// Opens speech-to-text.
///
/// # Errors
/// When its weights are missing or damaged.
pub fn open_transcriber(
    config: &Config,
    store: &Store,
) -> Result<Continuing<Confirming<Whisper>>, StartError> {
    let model = store.locate(&config.listen.model, Role::Stt)?;
    let whisper = Whisper::open(
        &model,
        WhisperSettings::new(
            &config.listen,
            threads(config.listen.threads, |b| b.whisper),
        ),
    )?;
    Ok(Continuing::new(Confirming::new(whisper)))
}

/// As [`open_transcriber`]; one that breaks is begun anew.
///
/// # Errors
/// As there.
pub fn lasting_transcriber(
    config: &Config,
    store: &Store,
) -> Result<Mending<Continuing<Confirming<Whisper>>>, StartError> {
    let (again, weights) = (config.clone(), Store::new(&config.data_dir));
    let open = move || {
        open_transcriber(&again, &weights)
            .map_err(|error| TranscribeError::Failed(error.to_string()))
    };
    Ok(Mending::new(
        open_transcriber(config, store)?,
        Box::new(open),
    ))
}

/// Opens the configured voice; one that breaks is begun anew.
///
/// # Errors
/// When it is not there or cannot be loaded.
pub fn lasting_voice(config: &Config, store: &Store) -> Result<Box<dyn Voice>, OpenError> {
    let (again, weights) = (config.clone(), Store::new(&config.data_dir));
    let open = move || {
        speak::open(&again, &weights).map_err(|error| VoiceError::Failed(error.to_string()))
    };
    let voice = speak::open(config, store)?;
    Ok(Box::new(speak::mending::Mending::new(
        voice,
        Box::new(open),
    )))
}

/// Tokens of the context that the conversation may fill: the reply needs the rest.
pub fn budget(reply: &Reply) -> usize {
    let context = reply.context_tokens as usize;
    context
        .saturating_sub(reply.max_tokens as usize)
        .max(context / 2)
}

/// What the user set, or the share of the budget when that is 0.
fn threads(set: usize, share: impl Fn(threads::Budget) -> usize) -> usize {
    if set > 0 {
        set
    } else {
        share(threads::budget(threads::cores()))
    }
}

/// What hearken is called: the name that was said and kept in `file`, or else the configured one.
pub fn name(config: &Config, file: Option<&Path>) -> String {
    match file {
        Some(file) if !config.name_given => memory::name::recall(file, &config.name),
        _ => config.name.clone(),
    }
}

/// How a conversation is held, as the configuration has it.
fn manners(
    config: &Config,
    name: Name,
    cancels: bool,
    name_file: Option<PathBuf>,
    patience: Duration,
) -> Manners {
    let slowest_model = Duration::from_millis(
        config.reply.connect_timeout_ms
            + config.reply.first_token_timeout_ms
            + config.reply.next_token_timeout_ms,
    );
    Manners {
        name,
        configured_name: config.name.clone(),
        name_file,
        instructions: config.reply.system_prompt.clone(),
        attention: Attention::new(&config.attention),
        language: match &config.listen.language[..] {
            "auto" => config.listen.languages.first().cloned(),
            fixed => Some(fixed.to_owned()),
        }
        .unwrap_or_else(|| "en".into()),
        policy: barge_in::policy(&config.barge_in, cancels, config.attention.mode),
        duck_db: config.barge_in.duck_db,
        volume_percent: config.audio.volume_percent,
        rate_percent: config.speak.rate_percent,
        tail: TAIL,
        patience: patience.max(slowest_model * 2),
        longest: config.listen.max_utterance_ms as usize * (EAR_RATE as usize / 1000),
        chimes: config.audio.chimes,
    }
}

/// Whoever keeps the conversation in `file`; what was kept goes to `history`. Without one hearken goes on, and says so.
fn keeper(file: &Path, turns: usize, history: &mut History, bus: &Bus) -> Option<Keeper> {
    let tell = |bus: &Bus, what: String| {
        tracing::warn!("{what}");
        bus.emit(Event::Failed { what });
    };
    let later = bus.clone();
    match Keeper::open(file, turns, move |what| tell(&later, what)) {
        Ok((keeper, recalled)) => {
            recalled.told.into_iter().for_each(|what| tell(bus, what));
            let turns = recalled.turns.into_iter();
            history.restore(turns.map(|turn| (turn.asked, turn.said)));
            Some(keeper)
        }
        Err(error) => {
            tell(bus, error.to_string());
            None
        }
    }
}

/// Holds one conversation until `shutdown`, the end of the recordings, or the loss of a device. The ear's thread has
/// ended when it returns; the threads `transcribe`, `voice` and `player` have nothing left to do and are ending, unless one hangs
/// ([`crate::work::is_left_behind`]).
///
/// # Errors
/// [`Ending`].
pub async fn run(
    parts: Parts,
    config: &Config,
    bus: Bus,
    shutdown: CancellationToken,
) -> Result<Outcome, Ending> {
    let name = Name::new(&name(config, parts.name_file.as_deref())).map_err(Ending::Name)?;
    // The ear waits when the conductor is behind; 16 utterances are minutes of speech.
    let (heard_in, heard) = mpsc::channel(16);
    let mut speaker = parts.speaker;
    let (far_end, loudspeaker) = (speaker.far_end(), speaker.is_there());
    let cancels = config.echo.cancellation && far_end.is_some();
    let ear = Ear::spawn(
        parts.microphone,
        Detectors {
            vad: parts.vad,
            wake: parts.wake,
            turn_end: parts.turn_end,
        },
        far_end,
        EchoSettings::from(&config.echo),
        EarSettings::from(&config.listen),
        heard_in,
    )?;
    let muted = parts.carried.as_ref().is_some_and(|c| c.muted)
        || parts.mute_file.as_deref().is_some_and(memory::mute::recall);
    ear.mute(muted);
    let settings = PlayerSettings {
        volume_percent: config.audio.volume_percent,
    };
    let (player, played) = Player::spawn(speaker, settings)?;
    // One that is not to hear anything says that instead.
    if config.audio.chimes && !muted && loudspeaker {
        player.chime(Chime::Listening);
    }
    let synthesizer = Synthesizer::spawn(parts.voice)?;
    // The conductor instructs it, with the name.
    let mut history = History::new("", config.reply.history_turns, budget(&config.reply));
    let (keeps, turns) = (parts.conversation_file, config.reply.history_turns);
    let keeper = keeps
        .as_ref()
        .and_then(|file| keeper(file, turns, &mut history, &bus));
    let company = Company {
        heard,
        ear,
        transcriber: Arc::new(Worker::spawn(parts.transcriber)?),
        model: parts.model,
        synthesizer: synthesizer.clone(),
        player,
        played,
        history,
        keeper,
        left_file: parts.left_file.or(keeps),
        orders: parts.orders,
        loudspeaker,
        open_speaker: parts.open_speaker,
        supervisor: parts.supervisor,
        mute_file: parts.mute_file,
    };
    let manners = manners(config, name, cancels, parts.name_file, parts.patience);
    let ending = converse(company, manners, parts.carried, bus, shutdown).await;
    // A model that is at work while the process ends complains on the terminal.
    let settled = tokio::time::timeout(LAST_CLAUSE, synthesizer.settle()).await;
    if settled.is_err() {
        tracing::warn!("the voice does not come back; it is left behind");
        crate::work::leave_behind();
    }
    ending
}
