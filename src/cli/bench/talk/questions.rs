//! What is asked: recordings of people, and sentences in synthesized voices at several rates, every third one with a
//! pause where a speaker would hesitate. Of each it is known where its last word ends.

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
    /// Its words, or the name of the user's file; `…` is a pause.
    pub words: String,
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

/// Between the name and the question, in samples: 150 ms.
const BEHIND_THE_NAME: usize = RATE * 150 / 1000;

impl Question {
    /// Says `call` before it.
    pub fn begin_with(&mut self, call: &[f32]) {
        let samples = [call, &[0.0; BEHIND_THE_NAME], &self.samples].concat();
        self.end += samples.len() - self.samples.len();
        self.samples = samples;
    }
}

/// Where a question comes from.
enum Source {
    /// A recording of the test data: the end of its file's name; its words; where its last word ends (ms), read off its
    /// energy in steps of 10 ms, because the noise in some of them misleads what finds ends; by how much the longest
    /// breath in it is made longer (ms).
    Recorded(&'static str, &'static str, usize, usize),
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

/// The built-in questions. Recordings are the last: they are statements, which small models repeat, and in one
/// conversation they would go on doing so. None is a command that needs no model. Where a sentence does not end with a
/// question mark the voice falls at its end all the same.
const QUESTIONS: [Source; 14] = [
    Said(
        Piper(100, 100),
        &[(
            "What is the name of the tallest mountain in Europe, and how high is it?",
            0,
        )],
    ),
    Said(
        Piper(95, 100),
        &[
            ("Please tell me, what is the capital,", 600),
            ("of France?", 0),
        ],
    ),
    Said(
        Espeak("en-us", 100, 100),
        &[(
            "Roughly how many people live in the city of London, and in the towns around it?",
            0,
        )],
    ),
    Said(
        Piper(85, 108),
        &[(
            "Could you tell me why the sky is blue during the day, and red in the evening?",
            0,
        )],
    ),
    Said(
        Piper(110, 104),
        &[
            ("I'd like to know, um,", 1_300),
            ("how far it is to the moon.", 0),
        ],
    ),
    Said(
        Espeak("en-us+f3", 90, 105),
        &[(
            "Can you tell me the name of the river that flows through Paris?",
            0,
        )],
    ),
    Said(
        Espeak("en-gb-x-rp", 95, 100),
        &[
            (
                "I am planning a trip to Italy in the spring with my two children,",
                500,
            ),
            ("and we would like to see the sea and the mountains,", 700),
            ("so which part of the country would you recommend?", 0),
        ],
    ),
    Said(
        Piper(120, 94),
        &[(
            "Who wrote the book about the old man and the sea, and when was it published?",
            0,
        )],
    ),
    Said(
        Piper(85, 100),
        &[
            ("If I leave the house at half past seven,", 900),
            ("and it takes me forty minutes,", 300),
            ("when do I arrive?", 0),
        ],
    ),
    Recorded("goforward.raw", "Go forward ten meters.", 2_410, 0),
    Recorded(
        "0930.wav",
        "He might even have been made amiable himself.",
        3_210,
        0,
    ),
    Recorded(
        "0870.wav",
        "And Mister John Dashwood had then leisure to consider how much there might be prudently in his power to do \
         for them.",
        6_750,
        0,
    ),
    Recorded("something.raw", "Go somewhere and do something.", 2_310, 0),
    Recorded(
        "0920.wav",
        "Had he married a more amiable woman, … he might have been made still more respectable than he was.",
        5_850,
        600,
    ),
];

/// What begins every conversation.
const GREETING: &[(&str, usize)] = &[("Hello there, can you hear me?", 0)];

/// The built-in questions.
pub fn built_in(config: &Config, store: &Store) -> anyhow::Result<Vec<Question>> {
    let people = recordings(Path::new(RECORDINGS))?;
    let build = |source: &Source| match source {
        Recorded(file, words, end, longer) => recorded(&people, file, words, [*end, *longer]),
        Said(speaking, parts) => said(config, store, *speaking, parts),
    };
    QUESTIONS.iter().map(build).collect()
}

/// What begins every conversation.
pub fn greeting(config: &Config, store: &Store) -> anyhow::Result<Question> {
    said(config, store, Espeak("en-us", 100, 100), GREETING)
}

/// The name, in the configured voice.
pub fn call(config: &Config, store: &Store) -> anyhow::Result<Vec<f32>> {
    let name = format!("{},", config.name);
    let call = said(config, store, Piper(100, 100), &[(&name, 0)])?;
    Ok(call.samples[..call.end].to_vec())
}

/// Questions of the user's own.
pub fn own(files: &[PathBuf], store: &Store) -> anyhow::Result<Vec<Question>> {
    let read = |path: &PathBuf| {
        let recording = wav::read_for_ear(path)?;
        let name = path.display().to_string();
        if recording.truncated {
            eprintln!("hearken: {name} is cut short; taking what is there");
        }
        let Some(end) = last_word(&recording.samples, store)? else {
            return Err(NoSpeech(name).into());
        };
        anyhow::Ok(Question {
            words: name.clone(),
            kind: Kind::File,
            speaker: name,
            pauses_ms: pauses_ms(&recording.samples[..end]),
            end,
            samples: recording.samples,
        })
    };
    files.iter().map(read).collect()
}

fn recorded(
    people: &[Recording],
    file: &str,
    words: &str,
    [end, longer]: [usize; 2],
) -> anyhow::Result<Question> {
    let Some(found) = people.iter().find(|r| r.file.ends_with(file)) else {
        bail!(
            "the recording {file} is not in {RECORDINGS}; install Debian's package pocketsphinx-testdata again"
        );
    };
    let (mut samples, mut end) = (found.samples.clone(), end * RATE / 1000);
    if longer > 0 {
        let longer = longer * RATE / 1000;
        let breath = sound::breath(&samples[..end])
            .with_context(|| format!("{} has no breath to make longer", found.file))?;
        samples = sound::stretched(&samples, breath, longer);
        end += longer;
    }
    let name = Path::new(&found.file).file_name().unwrap_or_default();
    Ok(Question {
        words: words.to_owned(),
        kind: Kind::Person,
        speaker: name.to_string_lossy().replace("_austen_64kb", ""),
        pauses_ms: pauses_ms(&samples[..end]),
        end,
        samples,
    })
}

fn pauses_ms(samples: &[f32]) -> Vec<f64> {
    let pauses = sound::pauses(samples).into_iter();
    pauses.map(|(from, to)| super::ms(to - from)).collect()
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
        words: words.join(" … "),
        kind: Kind::Synthesized,
        speaker: speaker.name().to_owned(),
        pauses_ms: pauses.map(|(_, pause)| *pause as f64).collect(),
        samples,
        end,
    })
}
