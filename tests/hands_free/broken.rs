//! Bugs: a part that breaks costs what it was doing, and not the conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearken::audio::file::{FileMicrophone, Pace};
use hearken::daemon;
use hearken::event::Event;
use hearken::turn::conductor::Ending;

use super::room::*;
use super::unpluggable::Unpluggable;
use crate::scripted::Writes;

const SAID: &[&str] = &["Samantha, tell me a story.", "Samantha, and then?"];

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_breaks_is_told_and_the_next_is_whole() {
    for words in [&[][..], &["Once there was a king. ", "He"][..]] {
        let mut room = enter(
            SAID,
            vec![Writes::Panics(words), Writes::Text(&["The end."])],
        );
        let report = room.answered(0).await;
        let failure = report.failure.unwrap();
        assert!(failure.contains("bug"), "{failure}");
        assert!(!report.reply.contains("He"), "{}", report.reply);
        assert_eq!(room.answered(1).await.reply, "The end.");
        room.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loudspeaker_that_breaks_is_opened_again() {
    let mut room = enter(SAID, vec![STORY, Writes::Text(&["The end."])]);
    room.speaking(0).await;
    room.loudspeaker.desk().breaks = true;
    room.loudspeaker.let_play(60.0);
    let found = |e: &Event| matches!(e, Event::DeviceFound { .. });
    let seen = room.until("another loudspeaker", found).await;
    let lost = |e: &Event| matches!(e, Event::DeviceLost { why, .. } if why.contains("broke"));
    assert!(seen.iter().any(lost), "{seen:?}");
    room.loudspeaker.let_play(60.0);
    let rest = room.finished().await.reply;
    assert!(rest.ends_with("And he was happy."), "{rest}");
    room.until("listening", |e| *e == Event::Listening).await;
    assert_eq!(room.answered(1).await.reply, "The end.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ear_that_breaks_hears_again() {
    let breaks = Arc::new(AtomicBool::new(false));
    let (inner, feed) = FileMicrophone::new(Pace::AsFast);
    let microphone = Unpluggable {
        inner,
        unplugged: Arc::default(),
        hangs: Arc::default(),
        breaks: Arc::clone(&breaks),
        told: false,
    };
    let mut room = enter_before(
        (microphone, feed),
        SAID,
        vec![Writes::Text(&["Once."]), Writes::Text(&["The end."])],
        config(),
        None,
        daemon::PATIENCE,
    );
    assert_eq!(room.answered(0).await.reply, "Once.");
    breaks.store(true, Ordering::Relaxed);
    while breaks.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    assert_eq!(room.answered(1).await.reply, "The end.");
    room.leave().await;
}

/// How the conversation ends by itself.
async fn ending(room: Room) -> Ending {
    let ending = tokio::time::timeout(BOUND, room.ending).await;
    ending.expect("it never ended").unwrap().unwrap_err()
}

/// A room in which a turn is given up after a second.
fn hasty(sentences: &'static [&'static str], writes: Vec<Writes>) -> Room {
    let mut config = config();
    config.reply.connect_timeout_ms = 100;
    config.reply.first_token_timeout_ms = 100;
    config.reply.next_token_timeout_ms = 100;
    let microphone = FileMicrophone::new(Pace::AsFast);
    let patience = Duration::from_secs(1);
    enter_before(microphone, sentences, writes, config, None, patience)
}

/// The next turn is given up.
async fn given_up(room: &mut Room) {
    let stuck = |e: &Event| matches!(e, Event::Failed { what } if what.contains("given up"));
    room.until("that it is given up", stuck).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_to_text_that_hangs_ends_it_with_the_second_turn() {
    let mut room = hasty(&[TRAP, "Samantha, are you there?"], vec![]);
    room.say(0);
    given_up(&mut room).await;
    room.until("listening", |e| *e == Event::Listening).await;
    assert!(!room.ending.is_finished());
    room.say(1);
    given_up(&mut room).await;
    let ending = ending(room).await;
    assert!(
        matches!(ending, Ending::Hangs("speech-to-text")),
        "{ending}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_hangs_ends_it_with_the_second_turn() {
    let trap = || Writes::Text(&["I saw a walrus."]);
    let mut room = hasty(SAID, vec![trap(), trap()]);
    for _ in 0..2 {
        assert!(!room.ending.is_finished());
        room.say(0);
        given_up(&mut room).await;
    }
    let ending = ending(room).await;
    assert!(matches!(ending, Ending::Hangs("the voice")), "{ending}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_hangs_never_ends_it() {
    let hangs = || Writes::Hangs;
    let mut room = hasty(
        SAID,
        vec![hangs(), hangs(), hangs(), Writes::Text(&["The end."])],
    );
    for _ in 0..3 {
        room.say(0);
        given_up(&mut room).await;
        room.until("listening", |e| *e == Event::Listening).await;
    }
    assert_eq!(room.answered(0).await.reply, "The end.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_fails_is_begun_anew_and_ends_it_when_that_fails() {
    let mut room = enter(
        SAID,
        vec![Writes::Text(&["Once."]), Writes::Text(&["The end."])],
    );
    assert_eq!(room.answered(0).await.reply, "Once.");
    room.feed.play(vec![TIRING; 512]);
    assert_eq!(room.answered(1).await.reply, "The end.");
    room.feed.play(vec![UNBEARABLE; 512]);
    let ending = ending(room).await;
    assert!(matches!(ending, Ending::Detector(_)), "{ending}");
    assert!(ending.to_string().contains("scripted"), "{ending}");
}
