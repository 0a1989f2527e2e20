//! Whole conversations with scripted models: the daemon's own `run`, the file microphone, real threads and channels.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/scripted.rs"]
#[allow(dead_code)] // Each test takes what it needs.
mod scripted;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearken::audio::file::{FileMicrophone, FileMicrophoneFeed, Pace};
use hearken::audio::{Microphone, MicrophoneError, SpeakerError};
use hearken::config::{Config, Mode};
use hearken::daemon::{self, Parts};
use hearken::event::{Bus, Event, TurnReport};
use hearken::reply::model::{ModelError, Role};
use hearken::turn::conductor::{Ending, Outcome};
use scripted::{
    Asked, Hears, LostMicrophone, Loudness, ScriptedModel, ScriptedSpeaker, ScriptedTranscriber,
    ScriptedVoice, Writes, speech,
};
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// No test takes longer than this; most take a tenth of a second.
const BOUND: Duration = Duration::from_secs(30);

struct Conversation {
    feed: FileMicrophoneFeed,
    events: Receiver<Event>,
    asked: Asked,
    said: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    ending: JoinHandle<Result<Outcome, Ending>>,
}

fn config() -> Config {
    let mut config = Config::default();
    config.audio.chimes = false;
    // What is scripted is heard to the sample.
    config.echo.noise_suppression = false;
    config.attention.mode = Mode::Always;
    config
}

fn begin(hears: Vec<Hears>, writes: Vec<Writes>) -> Conversation {
    let (microphone, feed) = FileMicrophone::new(Pace::AsFast);
    begin_with(
        Box::new(microphone),
        feed,
        ScriptedSpeaker::default(),
        hears,
        writes,
    )
}

fn begin_with(
    microphone: Box<dyn Microphone>,
    feed: FileMicrophoneFeed,
    speaker: ScriptedSpeaker,
    hears: Vec<Hears>,
    writes: Vec<Writes>,
) -> Conversation {
    let (model, asked) = ScriptedModel::new(writes);
    let said = Arc::new(Mutex::new(Vec::new()));
    let parts = Parts {
        microphone,
        vad: Box::new(Loudness),
        wake: None,
        turn_end: None,
        transcriber: Box::new(ScriptedTranscriber(hears.into())),
        model,
        voice: Box::new(ScriptedVoice(Arc::clone(&said))),
        speaker: Box::new(speaker),
        orders: hearken::turn::order::none(),
        open_speaker: None,
        supervisor: None,
        name_file: None,
        conversation_file: None,
        left_file: None,
        carried: None,
        mute_file: None,
        patience: daemon::PATIENCE,
    };
    let (bus, stop) = (Bus::default(), CancellationToken::new());
    let events = bus.subscribe();
    let token = stop.clone();
    let ending = tokio::spawn(async move { daemon::run(parts, &config(), bus, token).await });
    Conversation {
        feed,
        events,
        asked,
        said,
        stop,
        ending,
    }
}

impl Conversation {
    /// Events up to the first that `wanted` takes.
    async fn until<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(BOUND, search)
            .await
            .expect("the event never came")
    }

    async fn turn(&mut self) -> TurnReport {
        self.until(|event| match event {
            Event::TurnFinished(report) => Some(report.clone()),
            _ => None,
        })
        .await
    }

    /// One turn, up to the moment when the next may begin.
    async fn say(&mut self) -> TurnReport {
        self.feed.play(speech(600));
        let report = self.turn().await;
        self.until(|e| matches!(e, Event::Listening).then_some(()))
            .await;
        report
    }

    async fn end(self) -> Result<Outcome, Ending> {
        self.feed.end();
        tokio::time::timeout(BOUND, self.ending)
            .await
            .expect("it never ended")
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_turns_are_one_conversation() {
    let mut talk = begin(
        vec![
            Hears::Words("First?"),
            Hears::Words("Second?"),
            Hears::Words("Third?"),
        ],
        vec![
            Writes::Text(&["One ", "is first. Two", " comes next."]),
            Writes::Text(&["Again."]),
            Writes::Text(&["The end."]),
        ],
    );
    let first = talk.say().await;
    assert_eq!(first.transcript, "First?");
    assert_eq!(first.reply, "One is first. Two comes next.");
    assert_eq!(first.failure, None);
    let stages = first.stages;
    // The words may be known before the end is decided.
    let order = [
        stages.text,
        stages.first_token,
        stages.first_clause,
        stages.first_sample,
        stages.first_played,
    ];
    assert!(order.iter().all(Option::is_some), "{stages:?}");
    assert!(order.is_sorted(), "{stages:?}");
    assert!(stages.endpoint <= stages.first_played, "{stages:?}");
    assert!(
        stages.endpoint.unwrap() >= f64::from(config().listen.hangover_ms),
        "{stages:?}"
    );

    assert_eq!(talk.say().await.reply, "Again.");
    assert_eq!(talk.say().await.reply, "The end.");
    let asked = Arc::clone(&talk.asked);
    talk.end().await.unwrap();

    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    let third: Vec<_> = asked[2].iter().map(|m| (m.role, m.text.as_str())).collect();
    assert_eq!(third[0].0, Role::System);
    assert_eq!(
        &third[1..],
        [
            (Role::User, "First?"),
            (Role::Assistant, "One is first. Two comes next."),
            (Role::User, "Second?"),
            (Role::Assistant, "Again."),
            (Role::User, "Third?"),
        ]
    );
    assert_eq!(
        asked[2][..3],
        asked[1][..3],
        "the prefix of the prompt is stable"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_without_words_is_no_turn_and_the_next_one_works() {
    let mut talk = begin(
        vec![Hears::Nothing, Hears::Words("Now?")],
        vec![Writes::Text(&["Yes."])],
    );
    talk.feed.play(speech(600));
    talk.until(|e| matches!(e, Event::NothingSaid { .. }).then_some(()))
        .await;
    assert_eq!(talk.say().await.reply, "Yes.");
    assert_eq!(
        talk.asked.lock().unwrap().len(),
        1,
        "the model was asked about nothing"
    );
    talk.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_transcription_is_told_and_the_next_turn_works() {
    let mut talk = begin(
        vec![Hears::Fails, Hears::Words("Now?")],
        vec![Writes::Text(&["Yes."])],
    );
    talk.feed.play(speech(600));
    talk.until(|e| matches!(e, Event::Failed { .. }).then_some(()))
        .await;
    talk.until(|e| matches!(e, Event::NothingSaid { .. }).then_some(()))
        .await;
    assert_eq!(talk.say().await.reply, "Yes.");
    talk.end().await.unwrap();
}

fn at() -> String {
    "http://127.0.0.1:1".into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_of_the_model_is_heard_and_the_next_turn_works() {
    let failures = [
        ModelError::Unreachable {
            at: at(),
            reason: "refused".into(),
        },
        ModelError::Unauthorized {
            at: at(),
            status: 401,
        },
        ModelError::Rejected {
            at: at(),
            status: 404,
            detail: "no such model".into(),
        },
        ModelError::RateLimited {
            at: at(),
            retry_after: None,
        },
        ModelError::NotReady {
            at: at(),
            status: 503,
            detail: "loading".into(),
        },
        ModelError::TimedOut {
            at: at(),
            waited_ms: 100,
        },
        ModelError::Nonsense {
            at: at(),
            detail: "not JSON".into(),
        },
    ];
    for error in failures {
        let mut talk = begin(
            vec![Hears::Words("Hello?"), Hears::Words("And now?")],
            vec![Writes::Fails(error.clone()), Writes::Text(&["Better."])],
        );
        let failed = talk.say().await;
        assert_eq!(failed.failure, Some(error.to_string()));
        assert!(
            !failed.reply.is_empty(),
            "{error}: the person heard nothing"
        );
        assert!(
            !failed.reply.contains("127.0.0.1"),
            "{error}: details are for the log"
        );
        assert_eq!(talk.say().await.reply, "Better.");
        let asked = Arc::clone(&talk.asked);
        talk.end().await.unwrap();
        let second = asked.lock().unwrap()[1].clone();
        assert!(
            second.iter().all(|m| m.text != failed.reply),
            "{error}: the sentence about the failure went into the history"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_breaks_off_keeps_what_was_said() {
    let error = ModelError::BrokeOff {
        at: at(),
        reason: "reset".into(),
    };
    let mut talk = begin(
        vec![Hears::Words("Tell me."), Hears::Words("Go on.")],
        vec![
            Writes::BreaksOff(&["The cat sat down. And the do"], error.clone()),
            Writes::Text(&["Gladly."]),
        ],
    );
    let broken = talk.say().await;
    assert!(
        broken.reply.starts_with("The cat sat down."),
        "{}",
        broken.reply
    );
    assert_eq!(broken.failure, Some(error.to_string()));
    talk.say().await;
    let asked = talk.asked.lock().unwrap()[1].clone();
    assert!(
        asked
            .iter()
            .any(|m| m.role == Role::Assistant && m.text.starts_with("The cat sat down.")),
        "{asked:?}"
    );
    talk.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_reply_is_not_silence() {
    let mut talk = begin(
        vec![Hears::Words("Hello?")],
        vec![Writes::Text(&["", " \n"])],
    );
    let report = talk.say().await;
    assert!(!report.reply.is_empty());
    assert!(report.failure.is_some());
    talk.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_fails_is_told_and_the_next_turn_works() {
    let mut talk = begin(
        vec![Hears::Words("One."), Hears::Words("Two.")],
        vec![
            Writes::Text(&["This is unspeakable."]),
            Writes::Text(&["Fine."]),
        ],
    );
    let report = talk.say().await;
    assert!(report.failure.is_some_and(|f| f.contains("voice")));
    assert_eq!(report.reply, "", "nothing sounded");
    assert_eq!(talk.say().await.reply, "Fine.");
    talk.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_speaking_before_the_reply_is_answered_once() {
    // The first transcription hangs until it is called off: the second utterance comes while it runs.
    let begun = Arc::new(Notify::new());
    let hangs = Hears::HangsTelling(Arc::clone(&begun));
    let mut talk = begin(
        vec![hangs, Hears::Words("All of it.")],
        vec![Writes::Text(&["Answered once."])],
    );
    talk.feed.play(speech(600));
    talk.until(|e| matches!(e, Event::TurnStarted { .. }).then_some(()))
        .await;
    begun.notified().await;
    talk.feed.play(speech(600));
    talk.until(|e| matches!(e, Event::TurnCancelled { .. }).then_some(()))
        .await;
    let report = talk.turn().await;
    assert_eq!(report.reply, "Answered once.");
    assert_eq!(talk.asked.lock().unwrap().len(), 1);
    assert_eq!(*talk.said.lock().unwrap(), ["Answered once."]);
    talk.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_at_any_moment() {
    type Moment = fn(&Event) -> Option<()>;
    let moments: [(&str, Moment); 5] = [
        ("listening", |e| matches!(e, Event::Ready).then_some(())),
        ("speech", |e| {
            matches!(e, Event::SpeechStarted).then_some(())
        }),
        ("transcribing", |e| {
            matches!(e, Event::TurnStarted { .. }).then_some(())
        }),
        ("thinking", |e| {
            matches!(e, Event::Transcribed { .. }).then_some(())
        }),
        ("speaking", |e| {
            matches!(e, Event::ClauseStarted { .. }).then_some(())
        }),
    ];
    for (name, moment) in moments {
        let (hears, writes) = match name {
            "transcribing" => (Hears::Hangs, Writes::Hangs),
            "thinking" => (Hears::Words("Hm?"), Writes::Hangs),
            _ => (
                Hears::Words("Hm?"),
                Writes::Text(&["A. ", "long. ", "reply. ", "it. ", "is."]),
            ),
        };
        let mut talk = begin(vec![hears], vec![writes]);
        talk.feed.play(speech(600));
        talk.until(moment).await;
        talk.stop.cancel();
        let ended = tokio::time::timeout(BOUND, talk.ending).await;
        assert!(
            matches!(ended, Ok(Ok(Ok(Outcome::Ended)))),
            "while {name}: {ended:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_microphone_ends_it_with_the_reason() {
    let (_, feed) = FileMicrophone::new(Pace::AsFast);
    let speaker = ScriptedSpeaker::default();
    let talk = begin_with(Box::new(LostMicrophone), feed, speaker, vec![], vec![]);
    let ended = tokio::time::timeout(BOUND, talk.ending)
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(ended, Err(Ending::Microphone(MicrophoneError::Lost(_)))),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loudspeaker_that_disappears_ends_it_with_the_reason() {
    let (microphone, feed) = FileMicrophone::new(Pace::AsFast);
    let speaker = ScriptedSpeaker {
        lost_after: Some(100),
        ..ScriptedSpeaker::default()
    };
    let talk = begin_with(
        Box::new(microphone),
        feed,
        speaker,
        vec![Hears::Words("Hello?")],
        vec![Writes::Text(&["One sentence. ", "Another sentence."])],
    );
    talk.feed.play(speech(600));
    let ended = tokio::time::timeout(BOUND, talk.ending)
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(ended, Err(Ending::Speaker(SpeakerError::Lost(_)))),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_signs_alone_is_not_silence() {
    let mut talk = begin(vec![Hears::Words("Hello?")], vec![Writes::Text(&["^_^"])]);
    let report = talk.say().await;
    assert!(report.reply.chars().any(char::is_alphabetic), "{report:?}");
    assert!(report.failure.is_some());
    talk.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sounded_before_the_voice_failed_is_remembered() {
    let mut talk = begin(
        vec![Hears::Words("Tell me."), Hears::Words("Go on.")],
        vec![
            Writes::Text(&["The cat sat down. ", "Then it was unspeakable."]),
            Writes::Text(&["Gladly."]),
        ],
    );
    let broken = talk.say().await;
    assert_eq!(broken.reply, "The cat sat down.");
    assert!(broken.failure.is_some_and(|f| f.contains("voice")));
    talk.say().await;
    let asked = talk.asked.lock().unwrap()[1].clone();
    assert!(
        asked
            .iter()
            .any(|m| m.text.starts_with("The cat sat down.")),
        "{asked:?}"
    );
    talk.end().await.unwrap();
}

/// Somebody who speaks for longer than whisper takes at once is heard whole: in several transcriptions, one turn.
#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_for_a_minute_is_heard_from_the_first_word() {
    // The ear cuts 60 s of unbroken sound at least twice; what was being transcribed is given up each time.
    let (microphone, feed) = FileMicrophone::new(Pace::AsFast);
    let speaker = ScriptedSpeaker::default();
    let (hears, writes) = (vec![], vec![Writes::Text(&["Heard."])]);
    let mut talk = begin_with(Box::new(microphone), feed, speaker, hears, writes);
    talk.feed.play(speech(60_000));
    let report = talk.turn().await;
    let seconds: f32 = report
        .transcript
        .split_whitespace()
        .map(|s| s.parse::<f32>().unwrap())
        .sum();
    assert!(
        (59.0..64.0).contains(&seconds),
        "{} of 60 s were heard",
        report.transcript
    );
    assert!(report.transcript.split_whitespace().count() >= 2);
    talk.end().await.unwrap();
}
