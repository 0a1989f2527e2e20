//! What is asked: recordings of people, and sentences in synthesized voices at several rates, every third one with a
//! pause where a speaker would hesitate. Of each it is known to the sample where its last word ends.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hearken::audio::EAR_RATE;
use hearken::audio::wav;
use hearken::config::Config;
use hearken::daemon;
use hearken::listen::Heard;
use hearken::listen::endpoint::EndpointSettings;
use hearken::listen::segment::Segmenter;
use hearken::weights::{Role, Store};
use serde::{Deserialize, Serialize};

use super::sound::{self, Part};
use crate::cli::bench::recordings::{RECORDINGS, Recording, recordings};
use crate::cli::bench::wake::speakers::Speaker;

const RATE: usize = EAR_RATE as usize;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A recording of somebody.
    Person,
    /// A synthesized voice.
    Synthesized,
    /// A file of the user's.
    File,
}

/// A question.
pub struct Question {
    /// What reports call it.
    pub name: String,
    /// Its words, as far as they are known; `…` is a pause.
    pub said: String,
    pub kind: Kind,
    /// Who says it.
    pub speaker: String,
    /// Mono, at the ear's rate.
    pub samples: Vec<f32>,
    /// Samples up to and with the last one of speech.
    pub end: usize,
    /// The pauses inside, in ms.
    pub pauses_ms: Vec<f64>,
}

/// Where a question comes from.
enum Source {
    /// A recording of the test data by the end of its file's name, the longest breath in it so much longer (ms).
    Recorded(&'static str, usize),
    /// A voice, its rate and pitch in percent, and what it says: each part with the pause behind it, in ms. A part that
    /// is not the last ends with a comma, so that the voice does not fall.
    Said(Speaking, &'static [(&'static str, usize)]),
}

#[derive(Clone, Copy)]
enum Speaking {
    /// The configured Piper voice.
    Piper(u32, u32),
    /// One of eSpeak NG's.
    Espeak(&'static str, u32, u32),
}

use Source::{Recorded, Said};
use Speaking::{Espeak, Piper};

/// The built-in questions; kinds alternate, so that the first few are of every kind. None is a command that needs no
/// model. Those that are spoken without a question mark end as sentences do, with the voice falling.
const QUESTIONS: [Source; 14] = [
    Said(
        Piper(100, 100),
        &[("What is the tallest mountain in Europe?", 0)],
    ),
    Said(
        Piper(95, 100),
        &[("What is the capital,", 600), ("of France?", 0)],
    ),
    Recorded("goforward.raw", 0),
    Said(
        Espeak("en-us", 100, 100),
        &[("How many people live in the city of London?", 0)],
    ),
    Recorded("0930.wav", 0),
    Said(
        Piper(110, 104),
        &[
            ("I'd like to know, um,", 1_300),
            ("how far it is to the moon.", 0),
        ],
    ),
    Recorded("0870.wav", 0),
    Said(
        Piper(85, 108),
        &[(
            "Could you tell me why the sky is blue during the day, and red in the evening?",
            0,
        )],
    ),
    Said(
        Espeak("en-us+f3", 90, 105),
        &[
            ("Can you tell me the name of the river,", 400),
            ("that flows through Paris?", 0),
        ],
    ),
    Recorded("something.raw", 0),
    Said(
        Espeak("en-gb-x-rp", 95, 100),
        &[(
            "Please explain to me how a bicycle stays upright while somebody is riding it.",
            0,
        )],
    ),
    Recorded("0920.wav", 600),
    Said(
        Piper(85, 100),
        &[
            ("If I leave the house at half past seven,", 900),
            ("and it takes me forty minutes,", 300),
            ("when do I arrive?", 0),
        ],
    ),
    Said(
        Piper(120, 94),
        &[(
            "Who wrote the book about the old man and the sea, and when was it published?",
            0,
        )],
    ),
];

/// What begins every conversation.
const GREETING: &[(&str, usize)] = &[("Hello there, can you hear me?", 0)];

/// The built-in questions.
pub fn built_in(config: &Config, store: &Store) -> anyhow::Result<Vec<Question>> {
    let people = recordings(Path::new(RECORDINGS))?;
    let build = |source: &Source| match source {
        Recorded(file, longer) => recorded(&people, file, *longer, store),
        Said(speaking, parts) => said(config, store, *speaking, parts),
    };
    QUESTIONS.iter().map(build).collect()
}

/// What begins every conversation.
pub fn greeting(config: &Config, store: &Store) -> anyhow::Result<Question> {
    said(config, store, Espeak("en-us", 100, 100), GREETING)
}

/// Questions of the user's own.
pub fn own(files: &[PathBuf], store: &Store) -> anyhow::Result<Vec<Question>> {
    let read = |path: &PathBuf| {
        let recording = wav::read_for_ear(path)?;
        let name = path.display().to_string();
        if recording.truncated {
            eprintln!("hearken: {name} is cut short; taking what is there");
        }
        measured(&name, "", Kind::File, recording.samples, store)
    };
    files.iter().map(read).collect()
}

fn recorded(
    people: &[Recording],
    file: &str,
    longer: usize,
    store: &Store,
) -> anyhow::Result<Question> {
    let Some(found) = people.iter().find(|r| r.file.ends_with(file)) else {
        bail!(
            "the recording {file} is not in {RECORDINGS}; install Debian's package pocketsphinx-testdata again"
        );
    };
    let mut samples = found.samples.clone();
    if longer > 0 {
        let breath = sound::breath(&samples)
            .with_context(|| format!("{} has no breath to make longer", found.file))?;
        samples = sound::stretched(&samples, breath, longer * RATE / 1000);
    }
    let name = Path::new(&found.file).file_stem().unwrap_or_default();
    let name = name.to_string_lossy().replace("_austen_64kb", "");
    measured(&name, &found.said.join(" "), Kind::Person, samples, store)
}

/// A recording, with its end and its pauses found.
fn measured(
    name: &str,
    words: &str,
    kind: Kind,
    samples: Vec<f32>,
    store: &Store,
) -> anyhow::Result<Question> {
    let Some(end) = last_word(&samples, store)? else {
        return Err(NoSpeech(name.to_owned()).into());
    };
    let pauses = sound::pauses(&samples[..end]).into_iter();
    Ok(Question {
        name: name.to_owned(),
        said: words.to_owned(),
        kind,
        speaker: name.to_owned(),
        pauses_ms: pauses.map(|(from, to)| super::ms(to - from)).collect(),
        samples,
        end,
    })
}

/// A question in which nobody speaks.
#[derive(Debug, thiserror::Error)]
#[error("there is no speech in {0}; a question is a recording of somebody who asks something")]
pub struct NoSpeech(String);

/// Where the last word ends: the number of samples up to there.
fn last_word(samples: &[f32], store: &Store) -> anyhow::Result<Option<usize>> {
    // Whoever waits so long hears one utterance.
    let patient = EndpointSettings {
        threshold: 0.5,
        onset_ms: 96,
        pre_roll_ms: 500,
        hangover_ms: 3_000,
        max_utterance_ms: 600_000,
    };
    let mut segmenter = Segmenter::new(Box::new(daemon::open_vad(store)?), &patient);
    let mut heard = Vec::new();
    segmenter.hear(samples, &mut heard)?;
    segmenter.hear(&vec![0.0; 4 * RATE], &mut heard)?;
    segmenter.finish(&mut heard)?;
    let mut ends = heard.iter().filter_map(|heard| match heard {
        Heard::Utterance(u) => Some(usize::try_from(u.speech_end + 1).unwrap_or(usize::MAX)),
        _ => None,
    });
    Ok(ends.next_back().map(|end| end.min(samples.len())))
}

/// A question in a synthesized voice.
fn said(
    config: &Config,
    store: &Store,
    speaking: Speaking,
    parts: &[(&str, usize)],
) -> anyhow::Result<Question> {
    let mut speaker = match speaking {
        Piper(rate, pitch) => {
            let model = store
                .locate(&config.speak.voice, Role::Voice)
                .context("the bench lets the configured Piper voice ask")?;
            Speaker::piper(&model, rate, pitch)?
        }
        Espeak(voice, rate, pitch) => Speaker::espeak(voice, rate, pitch)?,
    };
    let spoken = parts.iter().map(|(text, pause)| {
        anyhow::Ok(Part {
            samples: speaker.say(text)?,
            pause: pause * RATE / 1000,
        })
    });
    let spoken = spoken.collect::<anyhow::Result<Vec<_>>>()?;
    let (samples, end) = sound::joined(&spoken);
    let words: Vec<&str> = parts.iter().map(|(text, _)| *text).collect();
    let pauses = parts[..parts.len() - 1].iter();
    Ok(Question {
        name: words.join(" "),
        said: words.join(" … "),
        kind: Kind::Synthesized,
        speaker: speaker.name().to_owned(),
        pauses_ms: pauses.map(|(_, pause)| *pause as f64).collect(),
        samples,
        end,
    })
}
