//! A room with scripted models, a scripted loudspeaker and somebody who speaks.
//!
//! How loud somebody speaks says what they say: the scripted transcriber reads it off the samples, so that it does not
//! matter how often hearken listens to the beginning.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::scripted::{Asked, Loudness, ScriptedModel, Writes};
use hearken::audio::absent::Absent;
use hearken::audio::file::{FileMicrophone, FileMicrophoneFeed, Pace};
use hearken::audio::{EAR_RATE, Microphone, OpenSpeaker, Speaker, SpeakerError};
use hearken::config::{Config, Policy};
use hearken::daemon::{self, Parts};
use hearken::event::{Bus, Event, TurnReport};
use hearken::listen::confirm::Confirming;
use hearken::listen::continuing::Continuing;
use hearken::listen::mending::Mending;
use hearken::listen::transcribe::{Refused, TranscribeError, Transcriber, Transcript};
use hearken::listen::turn_end::TurnEndDetector;
use hearken::listen::vad::{self, FRAME, SpeechDetector};
use hearken::onnx::OnnxError;
use hearken::reply::model::Message;
use hearken::service::manager::Supervisor;
use hearken::speak;
use hearken::speak::voice::{Speech, Voice, VoiceError};
use hearken::turn::carried::Carried;
use hearken::turn::conductor::{Ending, Outcome};
use hearken::turn::order::{self, Order};
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

pub const BOUND: Duration = Duration::from_secs(30);
/// Of the scripted loudspeaker and voice, in Hz.
pub const RATE: u32 = 8_000;

/// What takes until everybody leaves to be read.
pub const ENDLESS: &str = "…";

/// Who reads this never comes back from it.
pub const TRAP: &str = "∞";

/// What cannot be read at all.
pub const UNREADABLE: &str = "✗";

/// Who reads or says this has a bug.
pub const BUG: &str = "☠";

/// Says the sentence whose number is the loudness.
#[derive(Clone)]
struct ByLoudness {
    sentences: &'static [&'static str],
    leaving: Arc<AtomicBool>,
    glances: Arc<AtomicUsize>,
    reads: Arc<Mutex<Vec<usize>>>,
    /// Words that it may expect: one is the name alone.
    expects: usize,
    /// It glances.
    glancing: bool,
}

/// Whether the second look at a call may begin; it waits.
pub static SECOND_LOOK: AtomicBool = AtomicBool::new(true);

/// So loud is sentence `index`.
pub fn loudness(index: usize) -> f32 {
    0.1 + 0.04 * index as f32
}

pub fn spoken(index: usize, ms: usize) -> Vec<f32> {
    vec![loudness(index); ms * EAR_RATE as usize / 1000]
}

impl Transcriber for ByLoudness {
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.reads.lock().unwrap().push(samples.len());
        // Each stretch of one loudness is a sentence.
        let mut said: Vec<usize> = samples
            .iter()
            .filter(|s| **s > 0.05)
            .map(|s| ((s - 0.1) / 0.04).round() as usize)
            .collect();
        said.dedup();
        // Of a sentence with a bar, what is before it is read by who expects the name alone, and what is behind it by
        // who is to choose.
        let chooses = self.expects != 1;
        // Of one with a wave, what is before it is read at a glance.
        let parts = |sentence: &'static str, sign, behind| match sentence.split_once(sign) {
            Some((_, second)) if behind => second,
            Some((first, _)) => first,
            None => sentence,
        };
        let read = |index: &usize| {
            let sentence = parts(self.sentences[*index], '|', chooses);
            parts(sentence, '~', !self.glancing)
        };
        let text: Vec<_> = said.iter().map(read).collect();
        if text.contains(&UNREADABLE) {
            return Err(TranscribeError::Failed("scripted".into()));
        }
        let ends = || abort.load(Ordering::Relaxed) || self.leaving.load(Ordering::Relaxed);
        let bars = said
            .iter()
            .any(|index| self.sentences[*index].contains('|'));
        assert!(!text.contains(&BUG), "scripted");
        while text.contains(&TRAP) {
            std::thread::sleep(BOUND);
        }
        while bars && chooses && !SECOND_LOOK.load(Ordering::Relaxed) && !ends() {
            std::thread::yield_now();
        }
        while text.contains(&ENDLESS) && !ends() {
            std::thread::yield_now();
        }
        let text = text.join(" ");
        // In brackets: unsure.
        let doubted = text.trim_matches(|c| "()".contains(c));
        let sure = doubted == text;
        Ok(Transcript {
            language: "en".into(),
            mean_logprob: if sure { -0.1 } else { -1.2 },
            refused: (!sure).then_some(Refused::Unsure),
            doubted: if sure { String::new() } else { doubted.into() },
            text: if sure { text } else { String::new() },
        })
    }

    fn expect(&mut self, words: &str) {
        self.expects = words.split_whitespace().count();
    }

    fn glance(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        self.glances.fetch_add(1, Ordering::Relaxed);
        self.glancing = true;
        let read = self.transcribe(samples, abort);
        self.glancing = false;
        read
    }
}

/// Sound of which this is a part breaks the detector, but for one that has heard nothing else.
pub const TIRING: f32 = -0.3;
/// Sound of which this is a part breaks every detector.
pub const UNBEARABLE: f32 = -0.6;

/// [`Loudness`], unless it is broken.
struct Sensitive {
    fresh: bool,
}

impl SpeechDetector for Sensitive {
    fn probability(&mut self, frame: &[f32; FRAME]) -> Result<f32, OnnxError> {
        let fresh = std::mem::replace(&mut self.fresh, false);
        let least = frame.iter().fold(0.0, |least: f32, s| least.min(*s));
        if least <= UNBEARABLE + 0.1 || (least <= TIRING + 0.1 && !fresh) {
            return Err(OnnxError::Model {
                path: "vad".into(),
                reason: "scripted".into(),
            });
        }
        match least < 0.0 {
            true => Ok(0.02),
            false => Loudness.probability(frame),
        }
    }

    fn reset(&mut self) {}
}

/// A second of sound for each clause. It cannot say "giraffe", breaks on "zebra", and never comes back from "walrus".
struct Slow;

impl Voice for Slow {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
        assert!(!text.contains("zebra"), "scripted");
        while text.contains("walrus") {
            std::thread::sleep(BOUND);
        }
        if text.contains("giraffe") {
            return Err(VoiceError::Failed("scripted".into()));
        }
        let sounds = text.contains(char::is_alphanumeric);
        Ok(Speech {
            samples: vec![0.1; if sounds { RATE as usize } else { 0 }],
            rate: RATE,
        })
    }

    fn set_rate(&mut self, _: u32) {}

    fn name(&self) -> String {
        "scripted".into()
    }
}

#[derive(Default)]
pub struct Desk {
    pub written: u64,
    pub played: u64,
    pub allowed: u64,
    pub gains: Vec<f32>,
    pub paused: bool,
    /// Somebody has unplugged it.
    pub gone: bool,
    /// Its driver has a bug that shows once.
    pub breaks: bool,
}

/// A loudspeaker that plays no further than it is let.
#[derive(Clone, Default)]
pub struct Loudspeaker(Arc<Mutex<Desk>>);

impl Loudspeaker {
    pub fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap()
    }

    /// How another one is opened when it is gone: it is the same, plugged in again.
    fn reopened(&self) -> OpenSpeaker {
        let same = self.clone();
        Arc::new(move || match same.desk().gone {
            true => Err(SpeakerError::Lost("still unplugged".into())),
            false => Ok(Box::new(same.clone()) as Box<dyn Speaker>),
        })
    }

    /// Lets it play so much more, in s.
    pub fn let_play(&self, seconds: f32) {
        self.desk().allowed += (seconds * RATE as f32) as u64;
    }
}

impl Loudspeaker {
    /// Waits until it plays `db` quieter than usual, whether or not anything sounds.
    pub async fn quieter_by(&self, db: f32) {
        let wanted = 10f32.powf(-db / 20.0);
        let is = |gain: &f32| (gain - wanted).abs() < 0.01;
        let there = async {
            while !self.desk().gains.last().is_some_and(is) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(BOUND, there).await;
        assert!(
            waited.is_ok(),
            "not {db} dB quieter: {:?}",
            self.desk().gains
        );
    }
}

impl Speaker for Loudspeaker {
    fn rate(&self) -> u32 {
        RATE
    }

    fn write(&mut self, samples: &[f32]) -> Result<usize, SpeakerError> {
        let mut desk = self.desk();
        if std::mem::take(&mut desk.breaks) {
            drop(desk);
            panic!("scripted");
        }
        if desk.gone {
            return Err(SpeakerError::Lost("unplugged".into()));
        }
        let taken = samples
            .len()
            .min(2_000 - (desk.written - desk.played) as usize);
        desk.written += taken as u64;
        if !desk.paused {
            let step = (desk.written - desk.played).min(desk.allowed);
            desk.played += step;
            desk.allowed -= step;
        }
        Ok(taken)
    }

    fn written(&self) -> u64 {
        self.desk().written
    }

    fn played(&self) -> u64 {
        self.desk().played
    }

    fn flush(&mut self) {
        let mut desk = self.desk();
        desk.played = desk.written;
        desk.allowed = 0;
    }

    fn set_gain(&mut self, gain: f32) {
        let mut desk = self.desk();
        if desk.gains.last() != Some(&gain) {
            desk.gains.push(gain);
        }
    }

    fn pause(&mut self, paused: bool) {
        self.desk().paused = paused;
    }
}

/// Counts the signs of life.
struct Counting {
    ready: Arc<AtomicUsize>,
    alive: Arc<AtomicUsize>,
}

impl Supervisor for Counting {
    fn ready(&mut self) {
        self.ready.fetch_add(1, Ordering::Relaxed);
    }

    fn alive(&mut self) {
        self.alive.fetch_add(1, Ordering::Relaxed);
    }
}

pub struct Room {
    pub feed: FileMicrophoneFeed,
    pub events: Receiver<Event>,
    pub asked: Asked,
    pub prepared: Asked,
    pub model: Arc<ScriptedModel>,
    /// How many samples were read, each time.
    pub reads: Arc<Mutex<Vec<usize>>>,
    /// How often a beginning was glanced at.
    pub glances: Arc<AtomicUsize>,
    /// How often it has said that it hears.
    pub ready: Arc<AtomicUsize>,
    /// How often it has shown that it goes on.
    pub alive: Arc<AtomicUsize>,
    pub loudspeaker: Loudspeaker,
    pub orders: Sender<Order>,
    pub leaving: Arc<AtomicBool>,
    pub ending: JoinHandle<Result<Outcome, Ending>>,
}

pub fn config() -> Config {
    let mut config = Config::default();
    config.audio.chimes = false;
    // What is scripted is heard to the sample.
    config.echo.noise_suppression = false;
    config.barge_in.policy = Policy::Speech;
    config.memory.conversation = false;
    config
}

pub fn enter(sentences: &'static [&'static str], writes: Vec<Writes>) -> Room {
    enter_with(sentences, writes, config(), None)
}

pub fn enter_with(
    sentences: &'static [&'static str],
    writes: Vec<Writes>,
    config: Config,
    name_file: Option<&Path>,
) -> Room {
    enter_before(
        FileMicrophone::new(Pace::AsFast),
        sentences,
        writes,
        config,
        name_file,
        daemon::PATIENCE,
    )
}

pub fn enter_before(
    microphone: (impl Microphone + 'static, FileMicrophoneFeed),
    sentences: &'static [&'static str],
    writes: Vec<Writes>,
    config: Config,
    name_file: Option<&Path>,
    patience: Duration,
) -> Room {
    enter_judged(
        microphone, sentences, writes, config, name_file, patience, None,
    )
}

/// As [`enter`], where another program was before, and left this.
pub fn enter_after(
    carried: Carried,
    sentences: &'static [&'static str],
    writes: Vec<Writes>,
) -> Room {
    let microphone = FileMicrophone::new(Pace::AsFast);
    let made = |parts: &mut Parts| parts.carried = Some(carried);
    enter_made(microphone, sentences, writes, config(), made)
}

/// As [`enter_after`], with a loudspeaker that is not there yet; the one of the room is found.
pub fn enter_after_without_loudspeaker(carried: Carried) -> Room {
    let microphone = FileMicrophone::new(Pace::AsFast);
    let made = |parts: &mut Parts| {
        let absent = Absent::new(SpeakerError::Lost("scripted".into()));
        (parts.carried, parts.speaker) = (Some(carried), Box::new(absent));
    };
    enter_made(microphone, &[], Vec::new(), config(), made)
}

/// As [`enter_before`]; `turn_end` tells whether somebody has finished.
pub fn enter_judged(
    microphone: (impl Microphone + 'static, FileMicrophoneFeed),
    sentences: &'static [&'static str],
    writes: Vec<Writes>,
    config: Config,
    name_file: Option<&Path>,
    patience: Duration,
    turn_end: Option<Box<dyn TurnEndDetector>>,
) -> Room {
    let made = |parts: &mut Parts| {
        parts.name_file = name_file.map(Path::to_owned);
        (parts.patience, parts.turn_end) = (patience, turn_end);
    };
    enter_made(microphone, sentences, writes, config, made)
}

fn enter_made(
    (microphone, feed): (impl Microphone + 'static, FileMicrophoneFeed),
    sentences: &'static [&'static str],
    writes: Vec<Writes>,
    config: Config,
    made: impl FnOnce(&mut Parts),
) -> Room {
    let (model, asked) = ScriptedModel::new(writes);
    let (own, prepared) = (Arc::clone(&model), Arc::clone(&model.prepared));
    let glances = Arc::new(AtomicUsize::new(0));
    let (ready, alive) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let reads = Arc::default();
    let (loudspeaker, (orders, taken)) = (Loudspeaker::default(), order::channel());
    let leaving = Arc::new(AtomicBool::new(false));
    let reader = ByLoudness {
        sentences,
        expects: 0,
        leaving: Arc::clone(&leaving),
        glances: Arc::clone(&glances),
        glancing: false,
        reads: Arc::clone(&reads),
    };
    let reads_on = |reader: &ByLoudness| Continuing::new(Confirming::new(reader.clone()));
    let transcriber = Mending::new(reads_on(&reader), Box::new(move || Ok(reads_on(&reader))));
    let mut parts = Parts {
        microphone: Box::new(microphone),
        vad: Box::new(vad::Mending::new(
            Box::new(Sensitive { fresh: true }),
            Box::new(|| Ok(Box::new(Sensitive { fresh: true }))),
        )),
        wake: None,
        turn_end: None,
        transcriber: Box::new(transcriber),
        model,
        voice: Box::new(speak::mending::Mending::new(
            Box::new(Slow),
            Box::new(|| Ok(Box::new(Slow))),
        )),
        speaker: Box::new(loudspeaker.clone()),
        orders: taken,
        open_speaker: Some(loudspeaker.reopened()),
        supervisor: Some(Box::new(Counting {
            ready: Arc::clone(&ready),
            alive: Arc::clone(&alive),
        })),
        name_file: None,
        conversation_file: config
            .memory
            .conversation
            .then(|| config.memory.file.clone()),
        left_file: (!config.memory.conversation).then(|| config.memory.file.clone()),
        carried: None,
        mute_file: None,
        patience: daemon::PATIENCE,
    };
    made(&mut parts);
    let bus = Bus::default();
    let events = bus.subscribe();
    let ending =
        tokio::spawn(async move { daemon::run(parts, &config, bus, <_>::default()).await });
    Room {
        feed,
        events,
        asked,
        prepared,
        model: own,
        reads,
        glances,
        ready,
        alive,
        loudspeaker,
        orders,
        leaving,
        ending,
    }
}

/// One that hears nothing at all after what is played to it, not even silence.
pub fn sparing_microphone() -> (FileMicrophone, FileMicrophoneFeed) {
    let (mut microphone, feed) = FileMicrophone::new(Pace::AsFast);
    microphone.set_tail(Duration::ZERO);
    (microphone, feed)
}

impl Room {
    /// Somebody pushes to talk.
    pub fn push(&self) {
        self.orders.try_send(Order::Listen).unwrap();
    }

    /// Somebody says sentence `index`.
    pub fn say(&self, index: usize) {
        self.feed.play(spoken(index, 600));
    }

    /// Events up to the first that `wanted` takes; all of them.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        let search = async {
            loop {
                seen.push(self.events.recv().await.unwrap());
                if seen.last().is_some_and(&wanted) {
                    return;
                }
            }
        };
        if tokio::time::timeout(BOUND, search).await.is_err() {
            panic!("{what} never came; there were {seen:?}");
        }
        seen
    }

    /// Gives an order.
    pub async fn order(&self, order: Order) {
        self.orders.send(order).await.unwrap();
    }

    pub async fn overheard(&mut self) {
        let seen = self.until("overheard", |e| *e == Event::Overheard).await;
        let leaks = |e: &Event| {
            matches!(
                e,
                Event::Transcribed { .. } | Event::TurnStarted { .. } | Event::Partial { .. }
            )
        };
        assert!(
            !seen.iter().any(leaks),
            "words left the listening: {seen:?}"
        );
    }

    pub async fn finished(&mut self) -> TurnReport {
        let seen = self
            .until("the end of a turn", |e| matches!(e, Event::TurnFinished(_)))
            .await;
        match seen.into_iter().next_back() {
            Some(Event::TurnFinished(report)) => report,
            _ => unreachable!(),
        }
    }

    /// Somebody says sentence `index`, and is answered to the end.
    pub async fn answered(&mut self, index: usize) -> TurnReport {
        self.loudspeaker.let_play(60.0);
        self.say(index);
        let report = self.finished().await;
        self.until("listening", |e| *e == Event::Listening).await;
        self.loudspeaker.desk().allowed = 0;
        report
    }

    /// Somebody says sentence `index`; the reply sounds up to the middle of its second clause.
    pub async fn speaking(&mut self, index: usize) {
        self.say(index);
        self.loudspeaker.let_play(1.55);
        let mut clauses = 0;
        while clauses < 2 {
            self.until("a clause", |e| matches!(e, Event::ClauseStarted { .. }))
                .await;
            clauses += 1;
        }
        let half = |desk: &Desk| desk.allowed == 0;
        while !half(&self.loudspeaker.desk()) {
            tokio::task::yield_now().await;
        }
    }

    pub fn asked(&self) -> Vec<Vec<Message>> {
        self.asked.lock().unwrap().clone()
    }

    pub async fn leave(self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.loudspeaker.let_play(600.0);
        self.feed.end();
        tokio::time::timeout(BOUND, self.ending)
            .await
            .expect("it never ended")
            .unwrap()
            .unwrap();
    }
}

pub const STORY: Writes = Writes::Text(&[
    "Once there was a king. ",
    "He lived in a big old castle. ",
    "And he was happy.",
]);
