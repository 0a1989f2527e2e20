//! What is prepared in a pause: used when the pause was the end, and without a trace when it was not.

use std::sync::Arc;
use std::time::Duration;

use hearken::audio::EAR_RATE;
use hearken::audio::file::FileMicrophoneFeed;
use hearken::config::Mode;
use hearken::daemon;
use hearken::event::Event;
use hearken::listen::turn_end::TurnEndDetector;
use hearken::onnx::OnnxError;
use hearken::reply::model::ModelError;
use tokio::sync::Notify;

use super::room::*;
use crate::scripted::Writes;

/// A room that hears nothing after what is played to it, so that a pause lasts until more is said.
fn enter_pausing(sentences: &'static [&'static str], writes: Vec<Writes>) -> Room {
    let room = enter_before(
        sparing_microphone(),
        sentences,
        writes,
        config(),
        None,
        daemon::PATIENCE,
    );
    room.loudspeaker.let_play(600.0);
    room
}

/// The same, with somebody whose voice sounds finished in every pause.
fn enter_sure(sentences: &'static [&'static str], writes: Vec<Writes>) -> Room {
    let room = enter_judged(
        sparing_microphone(),
        sentences,
        writes,
        config(),
        None,
        daemon::PATIENCE,
        Some(Box::new(Sure)),
    );
    room.loudspeaker.let_play(600.0);
    room
}

fn silence(feed: &FileMicrophoneFeed, ms: usize) {
    feed.play(vec![0.0; ms * EAR_RATE as usize / 1000]);
}

fn is_partial(event: &Event) -> bool {
    matches!(event, Event::Partial { .. })
}

impl Room {
    /// Somebody says sentence `index` and pauses, for less than an end.
    fn say_and_pause(&self, index: usize) {
        self.say(index);
        silence(&self.feed, 320);
    }

    pub async fn asked_times(&self, times: usize) {
        let asked = async {
            while self.asked().len() < times {
                tokio::task::yield_now().await;
            }
        };
        let asked = tokio::time::timeout(BOUND, asked).await;
        assert!(asked.is_ok(), "the model was never asked {times} times");
    }
}

const DONE: Writes = Writes::Text(&["It is done."]);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_prepared_in_a_pause_is_said_at_the_end_and_not_before() {
    let mut room = enter_pausing(&["Samantha, open the door."], vec![DONE]);
    room.say_and_pause(0);
    let seen = room.until("the words so far", is_partial).await;
    assert!(seen.contains(&Event::Partial {
        text: "Samantha, open the door.".into()
    }));
    room.asked_times(1).await;
    // The reply is ready, and waits.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(room.loudspeaker.desk().written, 0, "it spoke too soon");
    silence(&room.feed, 1_000);
    let report = room.finished().await;
    assert_eq!(report.transcript, "Samantha, open the door.");
    assert_eq!(report.reply, "It is done.");
    let stages = report.stages;
    assert!(stages.pause.is_some() && stages.text.is_some() && stages.first_played.is_some());
    assert_eq!(room.asked().len(), 1, "it asked twice");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_after_a_pause_is_answered_once_and_to_all_of_it() {
    let mut room = enter_pausing(
        &[
            "Samantha, open the door.",
            "And the window.",
            "Samantha, what did I say?",
        ],
        vec![Writes::Text(&["The door, then."]), DONE, DONE],
    );
    room.say_and_pause(0);
    room.until("the words so far", is_partial).await;
    room.asked_times(1).await;
    room.say(1);
    silence(&room.feed, 1_000);
    let seen = room
        .until("a reply", |e| matches!(e, Event::TurnFinished(_)))
        .await;
    let Some(Event::TurnFinished(report)) = seen.last() else {
        unreachable!()
    };
    assert_eq!(
        report.transcript,
        "Samantha, open the door. And the window."
    );
    assert_eq!(report.reply, "It is done.");
    let begun = seen
        .iter()
        .filter(|e| matches!(e, Event::TurnStarted { .. }));
    assert_eq!(begun.count(), 1, "{seen:?}");
    room.until("listening", |e| *e == Event::Listening).await;
    room.say(2);
    silence(&room.feed, 1_000);
    room.finished().await;
    // Nothing of the reply that was thrown away is remembered.
    let last = room.asked().pop().unwrap();
    assert!(
        !last.iter().any(|m| m.text.contains("The door, then.")),
        "{last:?}"
    );
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_prepared_is_void_for_who_goes_on_without_another_pause() {
    let mut room = enter_pausing(
        &["Samantha, open the door.", "And the window."],
        vec![Writes::Text(&["The door, then."]), DONE],
    );
    room.say_and_pause(0);
    room.until("the words so far", is_partial).await;
    room.asked_times(1).await;
    room.say(1);
    // The recording ends in the middle of speech.
    room.feed.end();
    let report = room.finished().await;
    assert_eq!(
        report.transcript,
        "Samantha, open the door. And the window."
    );
    assert_eq!(report.reply, "It is done.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_a_pause_is_obeyed_only_at_the_end() {
    let mut room = enter_pausing(
        &["Samantha, go to sleep", "is what I told the dog to do."],
        vec![DONE],
    );
    room.say_and_pause(0);
    room.until("the words so far", is_partial).await;
    room.say(1);
    silence(&room.feed, 1_000);
    let seen = room
        .until("a reply", |e| matches!(e, Event::TurnFinished(_)))
        .await;
    let obeyed = |e: &Event| matches!(e, Event::Command { .. } | Event::Asleep);
    assert!(!seen.iter().any(obeyed), "{seen:?}");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_hearken_prepares_nothing() {
    let mut room = enter_pausing(&["The bus was late again."], vec![DONE]);
    room.say_and_pause(0);
    silence(&room.feed, 1_000);
    let seen = room.until("overheard", |e| *e == Event::Overheard).await;
    assert!(!seen.iter().any(is_partial), "{seen:?}");
    assert!(room.asked().is_empty());
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_cannot_be_read_is_told_once_and_at_the_end() {
    let mut room = enter_pausing(&[UNREADABLE, "Samantha, open the door."], vec![DONE]);
    room.say_and_pause(0);
    silence(&room.feed, 1_000);
    let seen = room
        .until("the failure", |e| matches!(e, Event::Failed { .. }))
        .await;
    let failures = seen.iter().filter(|e| matches!(e, Event::Failed { .. }));
    assert_eq!(failures.count(), 1);
    room.say(1);
    silence(&room.feed, 1_000);
    assert_eq!(room.finished().await.reply, "It is done.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_cut_off_and_goes_on_is_answered_to_the_whole_question() {
    for (pause_ms, whole) in [(200, true), (4_000, false)] {
        let mut room = enter_before(
            sparing_microphone(),
            &[
                "Samantha, what is the name of the river?",
                "That flows through Paris, I mean.",
            ],
            vec![
                Writes::Text(&["Which river is it? ", "Tell me. ", "I wait."]),
                DONE,
            ],
            config(),
            None,
            daemon::PATIENCE,
        );
        room.say(0);
        silence(&room.feed, 700);
        // Its first words sound.
        room.loudspeaker.let_play(1.2);
        room.until("a clause", |e| matches!(e, Event::ClauseStarted { .. }))
            .await;
        silence(&room.feed, pause_ms);
        room.say(1);
        silence(&room.feed, 1_000);
        let report = room.finished().await;
        assert!(report.interrupted);
        room.loudspeaker.let_play(60.0);
        room.finished().await;
        let asked = room.asked().pop().unwrap();
        let last = &asked.last().unwrap().text;
        assert_eq!(
            last.starts_with("What is the name of the river?"),
            whole,
            "{last}"
        );
        let remembers = asked.iter().any(|m| m.text.contains("Which river"));
        assert_eq!(remembers, !whole, "{asked:?}");
        room.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_while_somebody_speaks_is_read_ahead_by_the_model() {
    let mut config = config();
    config.attention.mode = Mode::Always;
    let sentences = &["What is the name of the river", "that flows through Paris?"];
    let (microphone, patience) = (sparing_microphone(), daemon::PATIENCE);
    let mut room = enter_before(microphone, sentences, vec![DONE], config, None, patience);
    room.loudspeaker.let_play(60.0);
    room.until("ready", |e| *e == Event::Ready).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        room.feed.play(spoken(0, 1_500));
    }
    let seen = room.until("what stands", is_partial).await;
    assert!(seen.contains(&Event::Partial {
        text: "What is the name of the river".into()
    }));
    let prepared = room.prepared.lock().unwrap().clone();
    let last = prepared.last().and_then(|p| p.last()).unwrap().clone();
    assert_eq!(last.text, "What is the name of the river");
    assert!(room.asked().is_empty(), "nothing is asked before a pause");
    room.say(1);
    silence(&room.feed, 1_000);
    let report = room.finished().await;
    assert_eq!(
        report.transcript,
        "What is the name of the river that flows through Paris?"
    );
    assert_eq!(room.asked().len(), 1);
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_for_long_is_read_piece_by_piece() {
    let sentences = &["Samantha, tell me a story", "about a bear", "and a bee."];
    let mut room = enter_pausing(sentences, vec![DONE, DONE, DONE]);
    room.until("ready", |e| *e == Event::Ready).await;
    for part in 0..3 {
        room.feed.play(spoken(part, 2_000));
        // Its words are known before it goes on.
        silence(&room.feed, if part < 2 { 400 } else { 1_000 });
        if part < 2 {
            room.asked_times(part + 1).await;
        }
    }
    let report = room.finished().await;
    assert_eq!(
        report.transcript,
        "Samantha, tell me a story about a bear and a bee."
    );
    let seconds = |samples: usize| samples as f32 / EAR_RATE as f32;
    let last = seconds(*room.reads.lock().unwrap().last().unwrap());
    assert!((2.0..3.0).contains(&last), "{last} s were read of the last");
    room.leave().await;
}

/// One after the other: they share the bar in front of the second look.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_thought_about_while_it_is_looked_at_again() {
    let call = "Samantha, open the door.|Samantha, open the door.";
    let rival = "Samantha, my number is nine.|Savannah, my number is nine.";
    let sentences: &'static [&'static str] = Box::leak(Box::new([call, rival]));
    let bar = |may: bool| SECOND_LOOK.store(may, std::sync::atomic::Ordering::Relaxed);
    for (index, local) in [(0, true), (1, true), (0, false), (1, false)] {
        bar(false);
        let mut room = enter_pausing(sentences, vec![DONE, DONE]);
        room.model
            .local
            .store(local, std::sync::atomic::Ordering::Relaxed);
        room.say_and_pause(index);
        if local {
            // Its reply is begun, and nobody knows yet whether it is for hearken.
            room.asked_times(1).await;
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(
                room.asked().is_empty(),
                "it was told what is not its business"
            );
        }
        bar(true);
        if !local {
            // It may go on so that it was no call.
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(room.asked().is_empty(), "it was told too soon");
        }
        silence(&room.feed, 1_000);
        if index == 0 {
            assert_eq!(room.finished().await.reply, "It is done.");
            assert_eq!(room.asked().len(), 1, "it asked twice");
        } else {
            room.overheard().await;
            assert_eq!(room.loudspeaker.desk().written, 0);
            assert_eq!(room.asked().len(), usize::from(local));
        }
        room.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_as_soon_as_it_can_be_said() {
    let mut room = enter_sure(
        &["Samantha, open the door."],
        vec![Writes::Fails(ModelError::Unreachable {
            at: "scripted".into(),
            reason: "scripted".into(),
        })],
    );
    // No more silence comes than this: what ends it is that there is something to say.
    room.say_and_pause(0);
    let report = room.finished().await;
    assert!(report.failure.is_some() && !report.reply.is_empty());
    room.leave().await;
}

/// Whoever is silent sounds finished.
struct Sure;

impl TurnEndDetector for Sure {
    fn finished(&mut self, _: &[f32]) -> Result<f32, OnnxError> {
        Ok(0.95)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_not_decided_before_there_is_something_to_say() {
    let written = Arc::new(Notify::new());
    let mut room = enter_sure(
        &["Samantha, open the door.", "And the window."],
        vec![
            Writes::Late(Arc::clone(&written), &["The door, then."]),
            DONE,
        ],
    );
    // It sounds and reads finished, but its reply is not there yet: who goes on has lost nothing.
    room.say_and_pause(0);
    room.asked_times(1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    room.say_and_pause(1);
    // The second reply is there: this silence is long enough, and no more of it is needed.
    let report = room.finished().await;
    assert_eq!(
        report.transcript,
        "Samantha, open the door. And the window."
    );
    assert_eq!(report.reply, "It is done.");
    room.leave().await;
}

/// People pause wherever they like: whatever the order of speech and pauses, each question is answered once, as a whole, and
/// never by two replies at a time.
#[tokio::test(flavor = "multi_thread")]
async fn random_pauses_never_make_two_replies() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut below = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let endless = || {
        (0..400)
            .map(|_| Writes::Text(&["It is done."]))
            .collect::<Vec<_>>()
    };
    let mut room = enter_pausing(
        &["Samantha, open the door.", "And the window.", "Or both."],
        endless(),
    );
    for question in 0..60 {
        let parts = 1 + below(3) as usize;
        for part in 0..parts {
            room.say(part);
            let last = part + 1 == parts;
            // Pauses around the bounds: told at once, told late, not told at all.
            silence(
                &room.feed,
                if last {
                    1_200
                } else {
                    40 + below(560) as usize
                },
            );
            for _ in 0..below(4) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        let seen = room
            .until("a reply", |e| matches!(e, Event::TurnFinished(_)))
            .await;
        let Some(Event::TurnFinished(report)) = seen.last() else {
            unreachable!()
        };
        let wanted = &["Samantha, open the door.", "And the window.", "Or both."][..parts];
        assert_eq!(report.transcript, wanted.join(" "), "question {question}");
        assert_eq!(report.reply, "It is done.", "question {question}");
        let sounded = |e: &&Event| matches!(e, Event::ClauseStarted { .. });
        assert_eq!(seen.iter().filter(sounded).count(), 1, "{seen:?}");
        room.until("listening", |e| *e == Event::Listening).await;
    }
    room.leave().await;
}
