//! Name, windows, barge-in and commands with scripted models: the daemon's own `run`, real threads and channels.
//!
//! How loud somebody speaks says what they say: the scripted transcriber reads it off the samples, so that it does not
//! matter how often hearken listens to the beginning.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/scripted.rs"]
#[allow(dead_code)] // Each test takes what it needs.
mod scripted;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hearken::audio::file::{FileMicrophone, FileMicrophoneFeed, Pace};
use hearken::audio::{EAR_RATE, Speaker, SpeakerError};
use hearken::config::{Config, Mode, Policy};
use hearken::daemon::{self, Parts};
use hearken::event::{Bus, Event, TurnReport};
use hearken::listen::transcribe::{TranscribeError, Transcriber, Transcript};
use hearken::reply::model::{Message, Role};
use hearken::speak::voice::{Speech, Voice, VoiceError};
use hearken::turn::conductor::Ending;
use scripted::{Asked, Loudness, ScriptedModel, Writes};
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;

const BOUND: Duration = Duration::from_secs(30);
/// Of the scripted loudspeaker and voice, in Hz.
const RATE: u32 = 8_000;

/// What takes until everybody leaves to be read.
const ENDLESS: &str = "…";

/// Says the sentence whose number is the loudness.
struct ByLoudness {
    sentences: &'static [&'static str],
    leaving: Arc<AtomicBool>,
}

/// So loud is sentence `index`.
fn loudness(index: usize) -> f32 {
    0.1 + 0.04 * index as f32
}

fn spoken(index: usize, ms: usize) -> Vec<f32> {
    vec![loudness(index); ms * EAR_RATE as usize / 1000]
}

impl Transcriber for ByLoudness {
    fn transcribe(
        &mut self,
        samples: &[f32],
        abort: &AtomicBool,
    ) -> Result<Transcript, TranscribeError> {
        // Each stretch of one loudness is a sentence.
        let mut said: Vec<usize> = samples
            .iter()
            .filter(|s| **s > 0.05)
            .map(|s| ((s - 0.1) / 0.04).round() as usize)
            .collect();
        said.dedup();
        let text: Vec<_> = said.iter().map(|index| self.sentences[*index]).collect();
        let ends = || abort.load(Ordering::Relaxed) || self.leaving.load(Ordering::Relaxed);
        while text.contains(&ENDLESS) && !ends() {
            std::thread::yield_now();
        }
        Ok(Transcript {
            text: text.join(" "),
            language: "en".into(),
            mean_logprob: -0.1,
            refused: None,
            doubted: String::new(),
        })
    }
}

/// A second of sound for each clause.
struct Slow;

impl Voice for Slow {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
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
struct Desk {
    written: u64,
    played: u64,
    allowed: u64,
    gains: Vec<f32>,
    paused: bool,
}

/// A loudspeaker that plays no further than it is let.
#[derive(Clone, Default)]
struct Loudspeaker(Arc<Mutex<Desk>>);

impl Loudspeaker {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap()
    }

    /// Lets it play so much more, in s.
    fn let_play(&self, seconds: f32) {
        self.desk().allowed += (seconds * RATE as f32) as u64;
    }
}

impl Loudspeaker {
    /// Waits until it plays `db` quieter than usual, whether or not anything sounds.
    async fn quieter_by(&self, db: f32) {
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

struct Room {
    feed: FileMicrophoneFeed,
    events: Receiver<Event>,
    asked: Asked,
    loudspeaker: Loudspeaker,
    push: Arc<Notify>,
    leaving: Arc<AtomicBool>,
    ending: JoinHandle<Result<(), Ending>>,
}

fn config() -> Config {
    let mut config = Config::default();
    config.audio.chimes = false;
    // What is scripted is heard to the sample.
    config.echo.noise_suppression = false;
    config.barge_in.policy = Policy::Speech;
    config
}

fn enter(sentences: &'static [&'static str], writes: Vec<Writes>) -> Room {
    enter_with(sentences, writes, config(), None)
}

fn enter_with(
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

fn enter_before(
    (microphone, feed): (FileMicrophone, FileMicrophoneFeed),
    sentences: &'static [&'static str],
    writes: Vec<Writes>,
    config: Config,
    name_file: Option<&Path>,
    patience: Duration,
) -> Room {
    let (model, asked) = ScriptedModel::new(writes);
    let (loudspeaker, push) = (Loudspeaker::default(), Arc::new(Notify::new()));
    let leaving = Arc::new(AtomicBool::new(false));
    let parts = Parts {
        microphone: Box::new(microphone),
        vad: Box::new(Loudness),
        wake: None,
        transcriber: Box::new(ByLoudness {
            sentences,
            leaving: Arc::clone(&leaving),
        }),
        model,
        voice: Box::new(Slow),
        speaker: Box::new(loudspeaker.clone()),
        push: Arc::clone(&push),
        name_file: name_file.map(Path::to_owned),
        patience,
    };
    let bus = Bus::default();
    let events = bus.subscribe();
    let ending =
        tokio::spawn(async move { daemon::run(parts, &config, bus, <_>::default()).await });
    Room {
        feed,
        events,
        asked,
        loudspeaker,
        push,
        leaving,
        ending,
    }
}

/// One that hears nothing at all after what is played to it, not even silence.
fn sparing_microphone() -> (FileMicrophone, FileMicrophoneFeed) {
    let (mut microphone, feed) = FileMicrophone::new(Pace::AsFast);
    microphone.set_tail(Duration::ZERO);
    (microphone, feed)
}

impl Room {
    /// Somebody says sentence `index`.
    fn say(&self, index: usize) {
        self.feed.play(spoken(index, 600));
    }

    /// Events up to the first that `wanted` takes; all of them.
    async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
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

    async fn overheard(&mut self) {
        let seen = self.until("overheard", |e| *e == Event::Overheard).await;
        let leaks = |e: &Event| matches!(e, Event::Transcribed { .. } | Event::TurnStarted { .. });
        assert!(
            !seen.iter().any(leaks),
            "words left the listening: {seen:?}"
        );
    }

    async fn finished(&mut self) -> TurnReport {
        let seen = self
            .until("the end of a turn", |e| matches!(e, Event::TurnFinished(_)))
            .await;
        match seen.into_iter().next_back() {
            Some(Event::TurnFinished(report)) => report,
            _ => unreachable!(),
        }
    }

    /// Somebody says sentence `index`, and is answered to the end.
    async fn answered(&mut self, index: usize) -> TurnReport {
        self.loudspeaker.let_play(60.0);
        self.say(index);
        let report = self.finished().await;
        self.until("listening", |e| *e == Event::Listening).await;
        self.loudspeaker.desk().allowed = 0;
        report
    }

    /// Somebody says sentence `index`; the reply sounds up to the middle of its second clause.
    async fn speaking(&mut self, index: usize) {
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

    fn asked(&self) -> Vec<Vec<Message>> {
        self.asked.lock().unwrap().clone()
    }

    async fn leave(self) {
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

const STORY: Writes = Writes::Text(&[
    "Once there was a king. ",
    "He lived in a big old castle. ",
    "And he was happy.",
]);

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_say_the_name_is_not_answered_nor_known() {
    let mut room = enter(
        &[
            "What time is dinner?",
            "Samantha, what is a whale?",
            "And a shark?",
        ],
        vec![Writes::Text(&["A mammal."]), Writes::Text(&["A fish."])],
    );
    room.say(0);
    room.overheard().await;
    assert!(room.asked().is_empty());
    assert_eq!(room.answered(1).await.reply, "A mammal.");
    assert_eq!(room.asked()[0].last().unwrap().text, "What is a whale?");
    // In the window after a reply the name is not needed.
    assert_eq!(room.answered(2).await.reply, "A fish.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_opens_when_the_reply_has_been_played_and_closes() {
    let mut config = config();
    config.attention.follow_up_ms = 50;
    let mut room = enter_with(
        &["Samantha, what is a whale?", "And a shark?"],
        vec![Writes::Text(&["A mammal."])],
        config,
        None,
    );
    room.say(0);
    room.loudspeaker.let_play(0.5);
    let begun = |e: &Event| matches!(e, Event::ClauseStarted { .. });
    let seen = room.until("the reply", begun).await;
    let opened = |e: &Event| matches!(e, Event::WindowOpened { .. });
    assert!(!seen.iter().any(opened), "{seen:?}");
    room.loudspeaker.let_play(60.0);
    let seen = room.until("the window", opened).await;
    assert!(seen.iter().any(|e| matches!(e, Event::TurnFinished(_))));
    room.until("its end", |e| *e == Event::WindowClosed).await;
    room.say(1);
    room.overheard().await;
    assert_eq!(room.asked().len(), 1);
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_alone_waits_for_what_is_wanted() {
    let mut room = enter(
        &["Samantha.", "What is a whale?"],
        vec![Writes::Text(&["A mammal."])],
    );
    room.say(0);
    let opened = |e: &Event| *e == Event::WindowOpened { ms: 8_000 };
    let seen = room.until("the window", opened).await;
    assert!(seen.contains(&Event::Called), "{seen:?}");
    assert_eq!(room.answered(1).await.reply, "A mammal.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_stops_the_reply_and_the_history_holds_what_was_heard() {
    let mut room = enter(
        &["Samantha, tell me a story.", "What about the queen?"],
        vec![STORY, Writes::Text(&["She was out."])],
    );
    room.speaking(0).await;
    room.say(1);
    let seen = room
        .until("the end of the reply", |e| {
            matches!(e, Event::TurnFinished(_))
        })
        .await;
    let place = |wanted: fn(&Event) -> bool| seen.iter().position(wanted).unwrap();
    let ducked = place(|e| matches!(e, Event::Ducked { .. }));
    let interrupted = place(|e| matches!(e, Event::Interrupted { .. }));
    assert!(ducked < interrupted, "{seen:?}");
    let Some(Event::TurnFinished(report)) = seen.last() else {
        panic!()
    };
    assert!(report.interrupted);
    // 0.55 of the second clause's 29 characters, whole words.
    assert_eq!(report.reply, "Once there was a king. He lived in a");
    room.loudspeaker.let_play(60.0);
    assert_eq!(room.finished().await.reply, "She was out.");
    room.loudspeaker.quieter_by(0.0).await;
    let asked = room.asked();
    let texts: Vec<_> = asked[1][1..]
        .iter()
        .map(|m| (m.role, m.text.as_str()))
        .collect();
    assert_eq!(
        texts,
        [
            (Role::User, "Tell me a story."),
            (Role::Assistant, "Once there was a king. He lived in a —"),
            (Role::User, "(interrupting) What about the queen?"),
        ]
    );
    room.leave().await;
}

/// The beginning of a sentence stops the reply while it is still being said, and is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_sentence_stops_the_reply_before_it_ends() {
    let mut room = enter_before(
        sparing_microphone(),
        &["Samantha, tell me a story.", "What about the queen?"],
        vec![STORY, Writes::Text(&["She was out."])],
        config(),
        None,
        daemon::PATIENCE,
    );
    let silence = || vec![0.0; 2 * EAR_RATE as usize];
    room.feed.play([spoken(0, 600), silence()].concat());
    room.loudspeaker.let_play(0.5);
    room.until("the reply", |e| matches!(e, Event::ClauseStarted { .. }))
        .await;
    room.feed.play(spoken(1, 700));
    let seen = room
        .until("the interruption", |e| {
            matches!(e, Event::Interrupted { .. })
        })
        .await;
    assert!(!seen.iter().any(|e| matches!(e, Event::TurnStarted { .. })));
    room.loudspeaker.let_play(60.0);
    room.feed.play([spoken(1, 700), silence()].concat());
    let next = |e: &Event| matches!(e, Event::Transcribed { .. });
    room.until("the next turn", next).await;
    assert_eq!(room.finished().await.transcript, "What about the queen?");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_murmur_only_makes_it_quieter_for_a_moment() {
    let mut room = enter(&["Samantha, tell me a story.", "Uh-huh."], vec![STORY]);
    room.speaking(0).await;
    room.say(1);
    let seen = room
        .until("full loudness", |e| matches!(e, Event::Restored { .. }))
        .await;
    assert!(seen.iter().any(|e| matches!(e, Event::Ducked { .. })));
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    assert!(!report.interrupted);
    assert!(report.reply.ends_with("And he was happy."));
    assert_eq!(room.asked().len(), 1, "a murmur is no question");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_stops_and_asks_nobody() {
    let mut room = enter(&["Samantha, tell me a story.", "Stop!"], vec![STORY]);
    room.speaking(0).await;
    room.say(1);
    assert!(room.finished().await.interrupted);
    let stop = |e: &Event| {
        matches!(
            e,
            Event::Command {
                command: "stop",
                ..
            }
        )
    };
    room.until("the command", stop).await;
    assert_eq!(room.finished().await.reply, "");
    assert_eq!(room.asked().len(), 1);
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_reply_waits_and_goes_on_to_its_end() {
    let mut room = enter(
        &["Samantha, tell me a story.", "Pause.", "Go on."],
        vec![STORY],
    );
    room.speaking(0).await;
    room.say(1);
    room.until("the pause", |e| matches!(e, Event::Held { .. }))
        .await;
    let played = room.loudspeaker.desk().played;
    room.loudspeaker.let_play(60.0);
    room.say(2);
    room.until("going on", |e| matches!(e, Event::WentOn { .. }))
        .await;
    assert!(played < 3 * u64::from(RATE));
    let report = room.finished().await;
    assert!(!report.interrupted);
    assert!(report.reply.ends_with("And he was happy."));
    assert_eq!(room.loudspeaker.desk().played, 3 * u64::from(RATE));
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn louder_is_louder_and_stops_nothing() {
    let mut room = enter(
        &["Samantha, tell me a story.", "Louder, please."],
        vec![STORY],
    );
    room.speaking(0).await;
    room.say(1);
    let louder = |e: &Event| {
        matches!(
            e,
            Event::Command {
                command: "louder",
                ..
            }
        )
    };
    room.until("the command", louder).await;
    room.loudspeaker.let_play(60.0);
    assert!(!room.finished().await.interrupted);
    let loudest = room
        .loudspeaker
        .desk()
        .gains
        .iter()
        .fold(0.0f32, |a, b| a.max(*b));
    assert!((loudest - 1.2).abs() < 0.01, "{loudest}");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_policy_name_a_sentence_is_not_enough() {
    let mut config = config();
    config.barge_in.policy = Policy::Name;
    let mut room = enter_with(
        &[
            "Samantha, tell me a story.",
            "What about the queen?",
            "Samantha, stop.",
        ],
        vec![STORY],
        config,
        None,
    );
    room.speaking(0).await;
    room.say(1);
    room.say(2);
    let report = room.finished().await;
    assert!(report.interrupted);
    let stop = |e: &Event| {
        matches!(
            e,
            Event::Command {
                command: "stop",
                ..
            }
        )
    };
    room.until("the command", stop).await;
    assert_eq!(room.asked().len(), 1);
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_off_while_it_is_being_thought_about_is_not_answered() {
    let mut room = enter(
        &["Samantha, tell me a story.", "Never mind."],
        vec![Writes::Hangs],
    );
    room.say(0);
    room.until("the words", |e| matches!(e, Event::Transcribed { .. }))
        .await;
    room.say(1);
    let command = |e: &Event| {
        matches!(
            e,
            Event::Command {
                command: "never-mind",
                ..
            }
        )
    };
    let seen = room.until("the command", command).await;
    assert!(
        seen.iter()
            .any(|e| matches!(e, Event::TurnCancelled { .. }))
    );
    room.loudspeaker.let_play(60.0);
    room.finished().await;
    // It may have been called off before the model was asked at all.
    assert!(room.asked().len() <= 1, "{:?}", room.asked());
    room.leave().await;
}

/// Sentences `1..` are said one by one while the model thinks about sentence 0; the last is "Louder.", which tells that
/// all have been judged. Then the model writes. What came of it.
async fn said_while_it_thinks(mut room: Room, sentences: usize, told: &Notify) -> TurnReport {
    let asked = room.asked.clone();
    room.say(0);
    room.until("the words", |e| matches!(e, Event::Transcribed { .. }))
        .await;
    // Longer than somebody pauses who has not finished.
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    for index in 1..sentences {
        room.say(index);
        room.feed.play(vec![0.0; 2 * EAR_RATE as usize]);
    }
    let louder = |e: &Event| {
        matches!(
            e,
            Event::Command {
                command: "louder",
                ..
            }
        )
    };
    room.until("the last sentence", louder).await;
    told.notify_one();
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    assert_eq!(asked.lock().unwrap().len(), 1, "it was asked anew");
    room.leave().await;
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_it_while_it_thinks_changes_nothing() {
    let told = Arc::new(Notify::new());
    let sentences = &[
        "Samantha, tell me a story.",
        "Uh-huh.",
        "Tom, can you pass me the salt?",
        "Louder.",
    ];
    let writes = Writes::Late(Arc::clone(&told), &["Once there was a king."]);
    let room = enter(sentences, vec![writes]);
    let report = said_while_it_thinks(room, sentences.len(), &told).await;
    assert_eq!(report.transcript, "Samantha, tell me a story.");
    assert_eq!(report.reply, "Once there was a king.");
    assert!(!report.interrupted);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_policy_name_others_may_talk_while_it_thinks() {
    let told = Arc::new(Notify::new());
    let sentences = &[
        "Samantha, tell me a story.",
        "Where did you put the scissors?",
        "Louder.",
    ];
    for policy in [Policy::Name, Policy::Off] {
        let mut config = config();
        config.barge_in.policy = policy;
        let writes = Writes::Late(Arc::clone(&told), &["Once there was a king."]);
        let room = enter_with(sentences, vec![writes], config, None);
        let report = said_while_it_thinks(room, sentences.len(), &told).await;
        assert_eq!(report.transcript, "Samantha, tell me a story.");
        assert_eq!(report.reply, "Once there was a king.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_while_it_thinks_is_heard_as_one() {
    let story = Writes::Text(&["There was a cat."]);
    let mut room = enter(
        &["Samantha, tell me a story.", "About a cat."],
        vec![Writes::Hangs, story],
    );
    room.say(0);
    room.until("the words", |e| matches!(e, Event::Transcribed { .. }))
        .await;
    room.say(1);
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    assert_eq!(report.transcript, "Samantha, tell me a story. About a cat.");
    let asked = room.asked();
    let last = asked.last().unwrap().last().unwrap();
    assert_eq!(last.text, "Tell me a story. About a cat.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_needs_no_model_and_that_can_be_said_again() {
    let mut room = enter(&["Samantha, what time is it?", "Say that again."], vec![]);
    let first = room.answered(0).await;
    assert_eq!(first.failure, None);
    assert!(first.reply.contains("It's"), "{first:?}");
    assert_eq!(room.answered(1).await.reply, first.reply);
    assert!(room.asked().is_empty());
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_not_in_the_next_prompt() {
    let mut room = enter(
        &[
            "Samantha, I like whales.",
            "Forget that.",
            "What do I like?",
        ],
        vec![Writes::Text(&["Nice."]), Writes::Text(&["I don't know."])],
    );
    room.answered(0).await;
    room.answered(1).await;
    room.answered(2).await;
    let last = room.asked()[1].clone();
    assert!(last.iter().all(|m| !m.text.contains("whales")), "{last:?}");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_forgotten_is_gone() {
    let mut room = enter(
        &[
            "Samantha, I like whales.",
            "I like cats, too.",
            "Forget everything.",
            "What do I like?",
        ],
        vec![
            Writes::Text(&["Nice."]),
            Writes::Text(&["Very nice."]),
            Writes::Text(&["I don't know."]),
        ],
    );
    for number in 0..4 {
        room.answered(number).await;
    }
    let last = room.asked()[2].clone();
    let gone = |word| last.iter().all(|m| !m.text.contains(word));
    assert!(gone("whales") && gone("cats"), "{last:?}");
    room.leave().await;
}

/// What was said to somebody else in the same breath is shown to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_for_hearken_is_told() {
    let mut room = enter(
        &["My PIN is 4711. Samantha, who are you?"],
        vec![Writes::Text(&["I'm Samantha."])],
    );
    let report = room.answered(0).await;
    assert_eq!(report.transcript, "Samantha, who are you?");
    room.leave().await;
}

/// An echo of the reply's last words that is heard as speech is no question.
#[tokio::test(flavor = "multi_thread")]
async fn its_own_last_words_are_not_answered() {
    let mut room = enter(
        &[
            "Samantha, what is a whale?",
            "Live in the deep sea.",
            "And what is a cat?",
        ],
        vec![
            Writes::Text(&["They live in the deep sea."]),
            Writes::Text(&["A smaller one."]),
        ],
    );
    room.loudspeaker.let_play(60.0);
    room.say(0);
    room.finished().await;
    room.say(1);
    room.until("its own words", |e| *e == Event::Overheard)
        .await;
    assert_eq!(room.answered(2).await.reply, "A smaller one.");
    assert_eq!(room.asked().len(), 2);
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_is_taken_kept_and_told_to_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("name.toml");
    let sentences = &[
        "Samantha, I'll call you Anna.",
        "Anna, who are you?",
        "Samantha, who are you?",
    ];
    let mut config = config();
    config.attention.follow_up_ms = 0;
    let writes = || vec![Writes::Text(&["I'm Anna."])];
    let mut room = enter_with(sentences, writes(), config.clone(), Some(&file));
    let report = room.answered(0).await;
    assert!(report.reply.contains("Anna"), "{report:?}");
    room.say(2);
    room.overheard().await;
    assert_eq!(room.answered(1).await.reply, "I'm Anna.");
    assert!(room.asked()[0][0].text.contains("You are Anna,"));
    room.leave().await;
    // The next day.
    let mut room = enter_with(sentences, writes(), config, Some(&file));
    room.say(2);
    room.overheard().await;
    assert_eq!(room.answered(1).await.reply, "I'm Anna.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asleep_it_hears_its_name_alone() {
    let mut config = config();
    config.attention.mode = Mode::Always;
    let mut room = enter_with(
        &["Go to sleep.", "What is a whale?", "Wake up."],
        vec![Writes::Text(&["A mammal."])],
        config,
        None,
    );
    room.loudspeaker.let_play(60.0);
    room.say(0);
    room.until("sleep", |e| *e == Event::Asleep).await;
    room.until("listening", |e| *e == Event::Listening).await;
    room.say(1);
    room.overheard().await;
    room.say(2);
    room.until("waking", |e| *e == Event::Awake).await;
    room.until("listening", |e| *e == Event::Listening).await;
    assert_eq!(room.answered(1).await.reply, "A mammal.");
    room.leave().await;
}

/// It says "Good night." and sleeps already: who speaks meanwhile is not heard.
#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_while_it_falls_asleep_does_not_wake_it() {
    let mut room = enter(
        &["Samantha, go to sleep.", "What is a whale?", "Samantha."],
        vec![],
    );
    room.say(0);
    room.loudspeaker.let_play(0.1);
    room.until("good night", |e| matches!(e, Event::ClauseStarted { .. }))
        .await;
    room.say(1);
    room.until("speech", |e| *e == Event::SpeechStarted).await;
    room.loudspeaker.let_play(60.0);
    room.overheard().await;
    assert!(room.asked().is_empty());
    room.say(2);
    room.until("waking", |e| *e == Event::Awake).await;
    room.leave().await;
}

/// Who must push pushes for everything: a reply opens no window.
#[tokio::test(flavor = "multi_thread")]
async fn with_push_to_talk_nobody_is_heard_without_a_push() {
    let mut config = config();
    config.attention.mode = Mode::PushToTalk;
    let mut room = enter_with(
        &["What is a whale?", "And what is a cat?"],
        vec![Writes::Text(&["A mammal."])],
        config,
        None,
    );
    room.loudspeaker.let_play(60.0);
    room.push.notify_one();
    room.until("the call", |e| *e == Event::Called).await;
    assert_eq!(room.answered(0).await.reply, "A mammal.");
    room.say(1);
    room.overheard().await;
    assert_eq!(room.asked().len(), 1);
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_opens_the_ear_and_stops_the_reply() {
    let mut config = config();
    config.attention.mode = Mode::PushToTalk;
    let mut room = enter_with(
        &["Samantha, tell me a story.", "What is a whale?"],
        vec![STORY, Writes::Text(&["A mammal."])],
        config,
        None,
    );
    room.say(0);
    room.overheard().await;
    room.push.notify_one();
    room.until("the window", |e| matches!(e, Event::WindowOpened { .. }))
        .await;
    room.speaking(0).await;
    room.push.notify_one();
    let seen = room
        .until("the end", |e| matches!(e, Event::TurnFinished(_)))
        .await;
    assert!(
        seen.iter().any(|e| matches!(e, Event::Interrupted { .. })),
        "{seen:?}"
    );
    assert_eq!(room.answered(1).await.reply, "A mammal.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_to_somebody_else_in_the_window_ends_it() {
    let mut room = enter(
        &[
            "Samantha, what is a whale?",
            "Tom, can you pass me the salt?",
            "And a shark?",
        ],
        vec![Writes::Text(&["A mammal."])],
    );
    room.answered(0).await;
    room.say(1);
    let seen = room.until("overheard", |e| *e == Event::Overheard).await;
    assert!(seen.contains(&Event::WindowClosed), "{seen:?}");
    room.say(2);
    room.overheard().await;
    assert_eq!(room.asked().len(), 1);
    room.leave().await;
}

/// Whoever speaks again while the first utterance is being judged does not keep it from being judged.
#[tokio::test(flavor = "multi_thread")]
async fn murmurs_one_after_the_other_leave_the_reply_alone() {
    let sentences = &["Samantha, tell me a story.", "Uh-huh.", "Right.", "Yeah."];
    let mut room = enter(sentences, vec![STORY]);
    room.speaking(0).await;
    for index in [1, 2, 3, 1, 2] {
        room.say(index);
    }
    // Those that come quickly are judged as one; how many are depends on the machine.
    let restored = |e: &Event| matches!(e, Event::Restored { .. });
    let seen = room.until("full loudness", restored).await;
    assert!(!seen.iter().any(|e| matches!(e, Event::Interrupted { .. })));
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    assert!(!report.interrupted && report.reply.ends_with("And he was happy."));
    room.loudspeaker.quieter_by(0.0).await;
    room.leave().await;
}

/// As long as it is not known what somebody wants, hearken is quieter; and no longer.
/// The push counts for the sentence that is being said.
#[tokio::test(flavor = "multi_thread")]
async fn who_pushes_while_speaking_is_heard() {
    let mut config = config();
    config.attention.mode = Mode::PushToTalk;
    let mut room = enter_before(
        sparing_microphone(),
        &["What is a whale?"],
        vec![Writes::Text(&["A mammal."])],
        config,
        None,
        daemon::PATIENCE,
    );
    room.feed.play(spoken(0, 300));
    room.until("speech", |e| *e == Event::SpeechStarted).await;
    room.push.notify_one();
    room.until("the call", |e| *e == Event::Called).await;
    room.feed.play(spoken(0, 300));
    room.feed.play(vec![0.0; 2 * EAR_RATE as usize]);
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    assert_eq!(report.transcript, "What is a whale?");
    assert_eq!(report.reply, "A mammal.");
    room.leave().await;
}

/// Whatever hangs: it is said, and the next who speaks is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_hangs_is_given_up() {
    let mut config = config();
    config.attention.mode = Mode::Always;
    config.reply.connect_timeout_ms = 100;
    config.reply.first_token_timeout_ms = 100;
    config.reply.next_token_timeout_ms = 100;
    let mut room = enter_before(
        FileMicrophone::new(Pace::AsFast),
        &[ENDLESS, "What is a whale?", "What is a cat?"],
        vec![Writes::Hangs, Writes::Text(&["A mammal."])],
        config,
        None,
        Duration::from_secs(1),
    );
    let failed = |e: &Event| matches!(e, Event::Failed { what } if what.contains("no progress"));
    // First whisper hangs, then the model.
    for index in [0, 1] {
        room.say(index);
        room.until("the end of the patience", failed).await;
    }
    assert_eq!(room.answered(2).await.reply, "A mammal.");
    room.leave().await;
}

/// What it says itself is no command, even when it is heard as speech.
#[tokio::test(flavor = "multi_thread")]
async fn its_own_louder_is_no_command() {
    let story = Writes::Text(&[
        "Once there was a king. ",
        "Much louder than this, he said to them. ",
        "And he was happy.",
    ]);
    let mut room = enter(&["Samantha, tell me a story.", "Louder."], vec![story]);
    room.speaking(0).await;
    room.say(1);
    room.until("full loudness", |e| matches!(e, Event::Restored { .. }))
        .await;
    room.loudspeaker.let_play(60.0);
    let over = |e: &Event| matches!(e, Event::TurnFinished(_));
    let seen = room.until("the end", over).await;
    assert!(!seen.iter().any(|e| matches!(e, Event::Command { .. })));
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_quieter_while_it_is_judged() {
    let mut room = enter(&["Samantha, tell me a story.", ENDLESS], vec![STORY]);
    room.speaking(0).await;
    room.loudspeaker.quieter_by(0.0).await;
    room.say(1);
    room.loudspeaker.quieter_by(12.0).await;
    room.push.notify_one();
    assert!(room.finished().await.interrupted);
    room.loudspeaker.quieter_by(0.0).await;
    room.leave().await;
}
