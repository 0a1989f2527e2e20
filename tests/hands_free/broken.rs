//! Bugs: a part that breaks costs what it was doing, and not the conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearken::audio::file::{FileMicrophone, Pace};
use hearken::daemon;
use hearken::event::Event;

use super::devices::Unpluggable;
use super::room::*;
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
