//! What the user may set: one TOML file, read once, frozen afterwards.
//!
//! Precedence, highest first: `--set key=value`, `HEARKEN_…` in the environment, the file, the defaults below. The
//! annotated default is `assets/hearken.toml`; a test keeps it equal to [`Config::default`].

mod explain;
mod load;
mod paths;
mod validate;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use load::{ConfigError, anywhere, default_path, load};

/// The annotated default, as `hearken config --default` prints it.
pub const ANNOTATED_DEFAULT: &str = include_str!("../assets/hearken.toml");

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What hearken is called, until it is told another name.
    pub name: String,
    /// The name was given to this program, by a flag or in its environment: what it was called since does not count.
    #[serde(skip)]
    pub name_given: bool,
    /// Where weights live; the XDG data folder when empty.
    pub data_dir: PathBuf,
    /// Devices and loudness.
    pub audio: Audio,
    /// What of the microphone's sound is changed before anybody listens.
    pub echo: Echo,
    /// From samples to words.
    pub listen: Listen,
    /// What is meant for hearken.
    pub attention: Attention,
    /// Speech while hearken speaks.
    pub barge_in: BargeIn,
    /// From words to a reply.
    pub reply: Reply,
    /// From a reply to sound.
    pub speak: Speak,
    /// What outlasts the day.
    pub memory: Memory,
    /// How other programs reach it.
    pub control: Control,
    /// How it fits into a desktop.
    pub desktop: Desktop,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "Samantha".into(),
            name_given: false,
            data_dir: PathBuf::new(),
            audio: Audio::default(),
            listen: Listen::default(),
            echo: Echo::default(),
            attention: Attention::default(),
            barge_in: BargeIn::default(),
            reply: Reply::default(),
            speak: Speak::default(),
            memory: Memory::default(),
            control: Control::default(),
            desktop: Desktop::default(),
        }
    }
}

/// What outlasts the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Whether the conversation is kept in a file, and gone on with by the next start.
    pub conversation: bool,
    /// That file; `conversation.db` in the data folder when empty.
    pub file: PathBuf,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            conversation: true,
            file: PathBuf::new(),
        }
    }
}

/// Devices and loudness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audio {
    /// The microphone's name as `hearken devices` lists it, or `default`.
    pub microphone: String,
    /// The loudspeaker's name as `hearken devices` lists it, or `default`.
    pub loudspeaker: String,
    /// Loudness of everything that is played, 0 to 150.
    pub volume_percent: u32,
    /// Whether a chime says "I'm listening", "something failed", and that the microphone is closed or open.
    pub chimes: bool,
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            microphone: "default".into(),
            loudspeaker: "default".into(),
            volume_percent: 100,
            chimes: true,
        }
    }
}

/// What of the microphone's sound is changed before anybody listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Echo {
    /// Whether hearken's own voice is taken out of what the microphone hears.
    pub cancellation: bool,
    /// Whether steady noise is lowered.
    pub noise_suppression: bool,
    /// Whether faint voices are raised.
    pub gain_control: bool,
}

impl Default for Echo {
    fn default() -> Self {
        Self {
            cancellation: true,
            noise_suppression: true,
            gain_control: false,
        }
    }
}

/// From samples to words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// whisper's code of the language that is spoken (ISO 639-1, where there is one), or `auto`.
    pub language: String,
    /// With `language = "auto"`: the languages to choose from; empty means all that the model knows.
    pub languages: Vec<String>,
    /// Speech-to-text weights: a name of `hearken weights list`, or a path to a ggml file.
    pub model: String,
    /// Words to expect (names, jargon); whisper's initial prompt.
    pub prompt: String,
    /// Threads for whisper at most; 0 chooses.
    pub threads: usize,
    /// Probability from which a frame counts as speech, 0 to 1.
    pub vad_threshold: f32,
    /// Speech this long begins an utterance, in ms.
    pub onset_ms: u32,
    /// Sound from before the onset that is kept, in ms.
    pub pre_roll_ms: u32,
    /// Silence this long ends an utterance, in ms.
    pub hangover_ms: u32,
    /// Whether the end of a turn is told by the sound of the voice and by the words as well, or by silence alone.
    pub turn_end: bool,
    /// An utterance is cut here, in ms; at most 29 500, which is what whisper takes.
    pub max_utterance_ms: u32,
    /// A transcript whose mean log-probability is below this is dropped.
    pub logprob_floor: f32,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            language: "en".into(),
            languages: vec!["en".into(), "ko".into()],
            model: "whisper-base".into(),
            prompt: String::new(),
            threads: 0,
            vad_threshold: 0.5,
            onset_ms: 96,
            pre_roll_ms: 500,
            hangover_ms: 640,
            turn_end: true,
            max_utterance_ms: 28_000,
            logprob_floor: -1.0,
        }
    }
}

/// Whom hearken takes itself to be spoken to by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Whoever says its name, and whoever it has just answered.
    Name,
    /// Everybody: all that is said is for hearken.
    Always,
    /// Whoever pushes: SIGUSR1, or Enter in the terminal of `hearken run`.
    PushToTalk,
}

/// What is meant for hearken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attention {
    /// Who is listened to.
    pub mode: Mode,
    /// So long after a reply has been played no name is needed, in ms.
    pub follow_up_ms: u64,
    /// So long after the name alone, or a push, hearken waits for what is wanted, in ms.
    pub called_ms: u64,
    /// A wake-word classifier of one's own (openWakeWord kind, ONNX); none when empty.
    pub wake_model: PathBuf,
    /// Its score from which it counts, 0 to 1.
    pub wake_threshold: f32,
}

impl Default for Attention {
    fn default() -> Self {
        Self {
            mode: Mode::Name,
            follow_up_ms: 8_000,
            called_ms: 8_000,
            wake_model: PathBuf::new(),
            wake_threshold: 0.5,
        }
    }
}

/// What stops a reply that is being spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// `speech` with echo cancellation, `off` without.
    Auto,
    /// Nothing: hearken does not listen while it speaks.
    Off,
    /// Its name, or a word such as "stop".
    Name,
    /// Any sentence.
    Speech,
}

/// Speech while hearken speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BargeIn {
    /// What stops a reply.
    pub policy: Policy,
    /// So much quieter hearken becomes while it finds out whether it is being interrupted, in dB.
    pub duck_db: f32,
}

impl Default for BargeIn {
    fn default() -> Self {
        Self {
            policy: Policy::Auto,
            duck_db: 12.0,
        }
    }
}

/// Which language model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// `hearken-llm`, started and watched by the daemon.
    Embedded,
    /// The OpenAI-compatible server of `[reply.server]`.
    Server,
}

/// What answers when the server does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// Nothing: the person hears what is wrong.
    None,
    /// The embedded model.
    Embedded,
}

/// From words to a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    /// Which language model answers.
    pub backend: Backend,
    /// Embedded weights: a name of `hearken weights list`, or a path to a GGUF file.
    pub model: String,
    /// What the model is told it is.
    pub system_prompt: String,
    /// 0 always takes the likeliest word; up to 2.
    pub temperature: f32,
    /// A reply is cut after so many tokens.
    pub max_tokens: u32,
    /// So many earlier turns are kept, as far as the context has room.
    pub history_turns: usize,
    /// The model's context, in tokens.
    pub context_tokens: u32,
    /// Threads for the embedded model; 0 chooses.
    pub threads: usize,
    /// The server must accept the connection within this, in ms.
    pub connect_timeout_ms: u64,
    /// The first token must come within this, in ms.
    pub first_token_timeout_ms: u64,
    /// Each further token must come within this, in ms.
    pub next_token_timeout_ms: u64,
    /// What answers when the server does not.
    pub fallback: Fallback,
    /// An own server.
    pub server: Server,
}

/// Instructions with examples: the embedded model is small and follows an example where it overlooks a rule. They cost
/// nothing per turn, because the model keeps them computed. `{name}` stands for the name.
const SYSTEM_PROMPT: &str = "\
You are {name}, a voice assistant. Answer in one or two short spoken sentences, in the language of the question: English or Korean. No lists, no markdown. You have no clock, no weather report and no timers.\n\
Examples:\n\
User: What time is it?\n\
{name}: I have no clock, so I can't tell.\n\
User: What's the weather like today?\n\
{name}: I can't see the weather from here.\n\
User: How do I cook rice?\n\
{name}: Simmer one cup of rice in two cups of water for fifteen minutes, then let it rest.\n\
User: Set an alarm.\n\
{name}: Sorry, I can't do that yet.\n\
User: I'm tired.\n\
{name}: I'm sorry to hear that. A short rest may help.\n\
User: My name is Tom.\n\
{name}: Nice to meet you, Tom.\n\
User: How are you?\n\
{name}: I'm fine, thank you. How are you?\n\
User: 너는 누구니?\n\
{name}: 저는 음성 비서 {name}입니다.\n\
User: 지금 몇 시야?\n\
{name}: 시계가 없어서 몇 시인지 몰라요.\n\
User: 오늘 날씨 어때?\n\
{name}: 저는 날씨를 알 수 없어요.\n\
User: 오늘 피곤해.\n\
{name}: 힘드셨겠어요. 조금 쉬어 보세요.\n\
User: 고마워.\n\
{name}: 천만에요! 안녕히 계세요.";

impl Default for Reply {
    fn default() -> Self {
        Self {
            backend: Backend::Embedded,
            model: "qwen2.5-coder-0.5b".into(),
            system_prompt: SYSTEM_PROMPT.into(),
            temperature: 0.0,
            max_tokens: 160,
            history_turns: 8,
            context_tokens: 4096,
            threads: 0,
            connect_timeout_ms: 3_000,
            first_token_timeout_ms: 20_000,
            next_token_timeout_ms: 10_000,
            fallback: Fallback::None,
            server: Server::default(),
        }
    }
}

/// An OpenAI-compatible server of one's own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Base URL up to and with `/v1`, such as `http://127.0.0.1:11434/v1`.
    pub url: String,
    /// A Unix socket to speak over instead of TCP; the URL's host is then only a name.
    pub unix_socket: PathBuf,
    /// The model's name there.
    pub model: String,
    /// Name of the environment variable that holds the key.
    pub key_env: String,
    /// A file (mode 0600) that holds the key.
    pub key_file: PathBuf,
}

/// From a reply to sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Speak {
    /// Voice weights: a name of `hearken weights list`, a path to a Piper `.onnx` file, or `espeak:LANG`.
    pub voice: String,
    /// Speed of speech, 50 to 200.
    pub rate_percent: u32,
    /// Threads for the voice; 0 chooses.
    pub threads: usize,
}

impl Default for Speak {
    fn default() -> Self {
        Self {
            voice: "joe".into(),
            rate_percent: 100,
            threads: 0,
        }
    }
}

/// How other programs reach hearken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// Whether `hearken run` opens the control socket.
    pub enabled: bool,
    /// Where; empty: in the user's folder for running programs, or else in the data folder.
    pub socket: PathBuf,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            enabled: true,
            socket: PathBuf::new(),
        }
    }
}

/// What becomes of media players while somebody speaks with hearken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Media {
    /// They are paused, and go on afterwards.
    Pause,
    /// Their volume is lowered, and raised again.
    Duck,
    /// Nothing.
    Off,
}

/// How it fits into a desktop. Where there is no desktop, none of it is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Desktop {
    /// What becomes of media players while somebody speaks with hearken.
    pub media: Media,
    /// Whether failures and lost devices are shown as notifications.
    pub notifications: bool,
}

impl Default for Desktop {
    fn default() -> Self {
        Self {
            media: Media::Pause,
            notifications: true,
        }
    }
}
