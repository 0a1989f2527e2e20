//! Devices that go and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearken::audio::file::{FileMicrophone, Pace};
use hearken::daemon;
use hearken::event::Event;
use hearken::turn::order::Order;
use tokio::sync::oneshot;

use super::room::*;
use super::unpluggable::Unpluggable;
use crate::scripted::Writes;

fn lost(event: &Event) -> bool {
    matches!(
        event,
        Event::DeviceLost {
            device: "microphone",
            ..
        }
    )
}

fn found(event: &Event) -> bool {
    matches!(
        event,
        Event::DeviceFound {
            device: "microphone"
        }
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_microphone_that_stays_away_is_told_once_and_one_that_comes_back_is_not() {
    let unplugged = Arc::new(AtomicBool::new(false));
    let (inner, feed) = FileMicrophone::new(Pace::AsFast);
    let microphone = Unpluggable::new(inner, &unplugged);
    let mut room = enter_before(
        (microphone, feed),
        &["Samantha, are you there?"],
        vec![Writes::Text(&["Yes."]), Writes::Text(&["Still."])],
        config(),
        None,
        daemon::PATIENCE,
    );
    let plug = |out| unplugged.store(out, Ordering::Relaxed);
    room.loudspeaker.let_play(60.0);
    room.until("ready", |e| *e == Event::Ready).await;
    plug(true);
    room.until("the loss", lost).await;
    plug(false);
    room.say(0);
    room.until("the return", found).await;
    assert_eq!(room.finished().await.reply, "Yes.");
    room.until("listening", |e| *e == Event::Listening).await;

    plug(true);
    room.until("the loss", lost).await;
    let told = room.finished().await;
    assert_eq!(told.reply, "I can't hear you: my microphone is gone.");
    room.until("listening", |e| *e == Event::Listening).await;
    plug(false);
    room.say(0);
    room.until("the return", found).await;
    assert_eq!(room.finished().await.reply, "Still.");
    assert_eq!(room.asked().len(), 2);
    room.leave().await;
}

fn loudspeaker_lost(event: &Event) -> bool {
    matches!(
        event,
        Event::DeviceLost {
            device: "loudspeaker",
            ..
        }
    )
}

fn loudspeaker_found(event: &Event) -> bool {
    matches!(
        event,
        Event::DeviceFound {
            device: "loudspeaker"
        }
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loudspeaker_that_goes_while_nothing_sounds_is_missed_at_once() {
    let mut room = enter(&["Samantha, hello."], vec![Writes::Text(&["Hello."])]);
    room.until("ready", |e| *e == Event::Ready).await;
    room.loudspeaker.desk().gone = true;
    room.until("the loss", loudspeaker_lost).await;
    // What is asked meanwhile is answered when it can be heard.
    room.loudspeaker.let_play(60.0);
    room.say(0);
    room.until("the question", |e| matches!(e, Event::Transcribed { .. }))
        .await;
    room.loudspeaker.desk().gone = false;
    room.until("the return", loudspeaker_found).await;
    let report = room.finished().await;
    assert_eq!((&report.reply[..], report.interrupted), ("Hello.", false));
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_loudspeaker_did_not_play_is_said_by_the_next() {
    let said = &["Samantha, tell me a story.", "Samantha, and then?"];
    let mut room = enter(said, vec![STORY, Writes::Text(&["The end."])]);
    room.speaking(0).await;
    room.loudspeaker.desk().gone = true;
    room.until("the loss", loudspeaker_lost).await;
    room.loudspeaker.desk().gone = false;
    room.loudspeaker.let_play(60.0);
    // The one that was stopped, and the one that says the rest.
    room.until("the return", loudspeaker_found).await;
    let rest = room.finished().await;
    assert_eq!(
        rest.reply,
        "He lived in a big old castle. And he was happy."
    );
    room.until("listening", |e| *e == Event::Listening).await;
    assert_eq!(room.answered(1).await.reply, "The end.");
    let asked = &room.asked()[1];
    let before = &asked[asked.len() - 2].text;
    assert!(before.ends_with("And he was happy."), "{before}");
    room.leave().await;
}

/// However much programs order meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_of_a_reply_is_not_dropped_for_orders() {
    let mut room = enter(&["Samantha, tell me a story."], vec![STORY]);
    room.speaking(0).await;
    room.loudspeaker.desk().gone = true;
    room.until("the loss", loudspeaker_lost).await;
    let mut waiting = Vec::new();
    for number in 0..12 {
        let (begun, turn) = oneshot::channel();
        room.order(Order::Say(format!("Number {number}."), begun))
            .await;
        waiting.push(turn);
    }
    let (answer, taken) = oneshot::channel();
    room.order(Order::Status(answer)).await;
    taken.await.unwrap();
    room.loudspeaker.desk().gone = false;
    room.loudspeaker.let_play(60.0);
    room.until("the return", loudspeaker_found).await;
    let rest = room.finished().await;
    // What was not written yet when the loudspeaker went is not owed.
    let owed = rest.reply.starts_with("He lived in a big old castle.");
    assert!(owed, "{}", rest.reply);
    // Eight of the twelve were kept, the latest.
    for (number, turn) in waiting.into_iter().enumerate() {
        assert_eq!(turn.await.is_ok(), number >= 4, "{number}");
    }
    room.leave().await;
}

/// Waits for so many more signs of life.
async fn signs(room: &Room, more: usize) {
    let before = room.alive.load(Ordering::Relaxed);
    let there = async {
        while room.alive.load(Ordering::Relaxed) < before + more {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(BOUND, there).await;
    assert!(waited.is_ok(), "it shows no sign of life");
}

/// Somebody opens the microphone again that was closed from the beginning, and there is none.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_said_that_it_is_ready_goes_on_without_a_microphone() {
    let mut room = enter(&["Samantha, are you there?"], vec![]);
    room.until("ready", |e| *e == Event::Ready).await;
    let mute = async |muted| {
        let (done, closed) = oneshot::channel();
        room.order(Order::Mute(muted, done)).await;
        closed.await.unwrap();
    };
    mute(true).await;
    signs(&room, 1).await;
    mute(false).await;
    // One may be on its way.
    signs(&room, 3).await;
    assert_eq!(room.ready.load(Ordering::Relaxed), 1);
    room.leave().await;
}

/// As after an update while the microphone is unplugged.
#[tokio::test(flavor = "multi_thread")]
async fn who_looks_for_a_microphone_goes_on_and_is_ready_when_it_is_there() {
    let unplugged = Arc::new(AtomicBool::new(true));
    let (inner, feed) = FileMicrophone::new(Pace::AsFast);
    let microphone = Unpluggable::new(inner, &unplugged);
    let mut room = enter_before(
        (microphone, feed),
        &["Samantha, are you there?"],
        vec![Writes::Text(&["Yes."])],
        config(),
        None,
        daemon::PATIENCE,
    );
    room.until("the loss", lost).await;
    signs(&room, 2).await;
    assert_eq!(room.ready.load(Ordering::Relaxed), 0, "it hears nothing");
    unplugged.store(false, Ordering::Relaxed);
    room.loudspeaker.let_play(60.0);
    room.say(0);
    room.until("the return", found).await;
    signs(&room, 1).await;
    assert_eq!(room.ready.load(Ordering::Relaxed), 1);
    room.leave().await;
}

/// Who supervises hearken is told that it goes on while the conversation and the ear both do, and has heard something.
#[tokio::test(flavor = "multi_thread")]
async fn an_ear_that_hangs_shows_no_sign_of_life() {
    let hangs = Arc::new(AtomicBool::new(false));
    let (inner, feed) = FileMicrophone::new(Pace::AsFast);
    let microphone = Unpluggable {
        inner,
        unplugged: Arc::default(),
        hangs: Arc::clone(&hangs),
        breaks: Arc::default(),
        told: false,
    };
    let mut room = enter_before(
        (microphone, feed),
        &["Samantha, are you there?"],
        vec![Writes::Text(&["Yes."])],
        config(),
        None,
        daemon::PATIENCE,
    );
    room.until("ready", |e| *e == Event::Ready).await;
    let signs = || room.alive.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(signs(), 0, "nothing has been heard");
    room.feed.play(vec![0.0; 1_600]);
    while signs() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    hangs.store(true, Ordering::Relaxed);
    // One may be on its way.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let before = signs();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(signs(), before);
    hangs.store(false, Ordering::Relaxed);
    assert_eq!(room.answered(0).await.reply, "Yes.");
    room.leave().await;
}
