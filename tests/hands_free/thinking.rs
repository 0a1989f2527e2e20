//! What is said, or hangs, before a reply sounds.

use std::sync::Arc;
use std::time::Duration;

use hearken::audio::EAR_RATE;
use hearken::audio::file::FileMicrophone;
use hearken::audio::file::Pace;
use hearken::config::Mode;
use hearken::config::Policy;
use hearken::event::Event;
use hearken::event::TurnReport;
use tokio::sync::Notify;

use super::room::*;
use crate::scripted::Writes;

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

/// Sentences `1..` are said one by one while the model thinks about sentence 0; the last makes it louder, which tells that
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
        "Samantha, louder.",
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

/// Who goes on at once had not finished, whatever else may stop a reply.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_policy_name_who_goes_on_at_once_is_heard_as_one() {
    let mut config = config();
    config.barge_in.policy = Policy::Name;
    let story = Writes::Text(&["There was a cat."]);
    let sentences = &["Samantha, tell me a story.", "About a cat."];
    let mut room = enter_with(sentences, vec![Writes::Hangs, story], config, None);
    room.say(0);
    room.until("the words", |e| matches!(e, Event::Transcribed { .. }))
        .await;
    room.say(1);
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    assert_eq!(report.transcript, "Samantha, tell me a story. About a cat.");
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

/// A command after the question stands for itself: the question is not asked again with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_while_it_thinks_is_obeyed() {
    for (sentences, command) in [
        (&["Samantha, tell me a story.", "Samantha, stop."], "stop"),
        (&["Samantha, tell me a story.", "That's enough."], "stop"),
        (&["Samantha, tell me a story.", "Go to sleep."], "sleep"),
    ] {
        let mut room = enter(sentences, vec![Writes::Hangs]);
        room.loudspeaker.let_play(60.0);
        room.say(0);
        room.until("the words", |e| matches!(e, Event::Transcribed { .. }))
            .await;
        room.say(1);
        let obeyed = |e: &Event| matches!(e, Event::Command { command: c, .. } if *c == command);
        room.until("the command", obeyed).await;
        let report = room.finished().await;
        assert_eq!(report.failure, None);
        assert!(room.asked().len() <= 1, "{:?}", room.asked());
        room.leave().await;
    }
}

/// Nothing of the question is lost when its end has the name in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_name_in_what_goes_on_with_a_question_changes_nothing() {
    let sentences = &[
        "Samantha, hello.",
        "What is the capital of Italy?",
        "And of France, Samantha?",
    ];
    let hello = Writes::Text(&["Hello."]);
    let both = Writes::Text(&["Rome and Paris."]);
    let mut room = enter(sentences, vec![hello, Writes::Hangs, both]);
    room.answered(0).await;
    room.say(1);
    room.until("the words", |e| matches!(e, Event::Transcribed { .. }))
        .await;
    room.say(2);
    room.loudspeaker.let_play(60.0);
    assert_eq!(room.finished().await.reply, "Rome and Paris.");
    let asked = room.asked();
    let last = asked.last().unwrap().last().unwrap();
    assert_eq!(last.text, "What is the capital of Italy? And of France?");
    room.leave().await;
}
