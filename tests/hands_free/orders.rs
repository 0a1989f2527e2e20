//! What programs order, and people who speak meanwhile.

use std::sync::Arc;
use std::time::Duration;

use hearken::event::Event;
use hearken::memory::conversation::Keeper;
use hearken::reply::model::Role;
use hearken::speak::chime::Chime;
use hearken::turn::baton::Baton;
use hearken::turn::carried::Carried;
use hearken::turn::conductor::Outcome;
use hearken::turn::order::Order;
use tokio::sync::oneshot;

use super::room::*;
use crate::scripted::Writes;

#[tokio::test(flavor = "multi_thread")]
async fn who_orders_silence_has_heard_what_was_said_and_asks_it_no_more() {
    let said = &["Samantha, tell me a story.", "Samantha, who was it?"];
    let mut room = enter(said, vec![STORY, Writes::Text(&["A king."])]);
    room.speaking(0).await;
    let (done, stopped) = oneshot::channel();
    room.order(Order::Stop(done)).await;
    assert!(stopped.await.unwrap());
    assert!(room.finished().await.interrupted);
    room.answered(1).await;
    let asked = room.asked();
    let texts: Vec<_> = asked[1][1..]
        .iter()
        .map(|m| (m.role, m.text.as_str()))
        .collect();
    assert_eq!(
        texts,
        [
            (Role::User, "Tell me a story."),
            (Role::Assistant, "Once there was a king. He lived in a"),
            (Role::User, "(after stopping you) Who was it?"),
        ]
    );
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_while_a_program_has_something_said_need_not_mean_hearken() {
    let said = &[
        "What about the queen?",
        "Samantha, what time is it in Oslo?",
    ];
    let mut room = enter(said, vec![Writes::Text(&["Late."])]);
    let (begun, turn) = oneshot::channel();
    let text = "The tea is ready. It is in the kitchen.";
    room.order(Order::Say(text.into(), begun)).await;
    turn.await.unwrap();
    room.loudspeaker.let_play(0.5);
    room.until("it is said", |e| matches!(e, Event::ClauseStarted { .. }))
        .await;
    room.say(0);
    room.until("full loudness again", |e| matches!(e, Event::SpeechStarted))
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    assert_eq!((&report.reply[..], report.interrupted), (text, false));
    // No window is open afterwards either: the name is needed.
    room.until("listening", |e| *e == Event::Listening).await;
    room.say(0);
    room.overheard().await;
    assert!(room.asked().is_empty());
    assert_eq!(room.answered(1).await.reply, "Late.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_not_said() {
    let mut room = enter(&["Samantha, tell me a story."], vec![STORY]);
    room.speaking(0).await;
    let (given_up, receiver) = oneshot::channel();
    room.order(Order::Say("Too late.".into(), given_up)).await;
    let (begun, turn) = oneshot::channel();
    room.order(Order::Say("In time.".into(), begun)).await;
    // Both wait when the first is given up.
    let (answer, taken) = oneshot::channel();
    room.order(Order::Status(answer)).await;
    taken.await.unwrap();
    drop(receiver);
    room.loudspeaker.let_play(60.0);
    assert!(room.finished().await.reply.ends_with("And he was happy."));
    turn.await.unwrap();
    assert_eq!(room.finished().await.reply, "In time.");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_while_it_is_answered_stays_forgotten() {
    let mut room = enter(&["Samantha, tell me a story."], vec![STORY]);
    room.speaking(0).await;
    let (done, forgotten) = oneshot::channel();
    room.order(Order::Forget(done)).await;
    forgotten.await.unwrap().unwrap();
    room.loudspeaker.let_play(60.0);
    room.finished().await;
    let (answer, history) = oneshot::channel();
    room.order(Order::History(answer)).await;
    assert!(history.await.unwrap().is_empty());
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_what_would_be_said() {
    let mut room = enter(&["Samantha, go to sleep."], vec![Writes::Text(&["On it."])]);
    room.loudspeaker.let_play(60.0);
    room.answered(0).await;
    room.loudspeaker.let_play(60.0);
    for (text, reply) in [
        ("Samantha, wake up.", "I'm listening."),
        ("Go on.", "On it."),
    ] {
        let (begun, turn) = oneshot::channel();
        room.order(Order::Ask(text.into(), begun)).await;
        let turn = turn.await.unwrap().unwrap();
        let report = room.finished().await;
        assert_eq!((report.turn, &report.reply[..]), (turn, reply), "{text}");
    }
    let (answer, status) = oneshot::channel();
    room.order(Order::Status(answer)).await;
    assert!(!status.await.unwrap().asleep);
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_before_is_forgotten_where_nothing_is_kept_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeps_no_more = config();
    keeps_no_more.memory.file = folder.path().join("conversation.db");
    let file = keeps_no_more.memory.file.clone();
    let (keeper, _) = Keeper::open(&file, 8, |what| panic!("{what}")).unwrap();
    keeper.add("Where is my red umbrella?", "In the hall.");
    drop(keeper);
    let room = enter_with(&[], Vec::new(), keeps_no_more, None);
    let (done, forgotten) = oneshot::channel();
    room.order(Order::Forget(done)).await;
    assert_eq!(forgotten.await.unwrap(), Ok(()));
    let left = std::fs::read(&file).unwrap();
    assert!(!String::from_utf8_lossy(&left).contains("umbrella"));
    room.leave().await;
}

/// Who closes the microphone hears that it is closed, and open again; never in the middle of what is being said.
#[tokio::test(flavor = "multi_thread")]
async fn the_microphone_chimes_when_it_is_closed_and_opened_and_nothing_sounds() {
    let mut chiming = config();
    chiming.audio.chimes = true;
    let mut room = enter_with(&["Samantha, tell me a story."], vec![STORY], chiming, None);
    room.loudspeaker.let_play(60.0);
    let length = |chime: Chime| chime.samples(RATE).len() as u64;
    let mut expected = length(Chime::Listening);
    room.until("ready", |e| *e == Event::Ready).await;
    written(&room, expected).await;
    for (muted, chime) in [(true, Chime::Muted), (false, Chime::Unmuted)] {
        mute(&room, muted).await;
        expected += length(chime);
        written(&room, expected).await;
        // Once more is nothing new.
        mute(&room, muted).await;
    }
    room.loudspeaker.desk().allowed = 0;
    room.speaking(0).await;
    mute(&room, true).await;
    mute(&room, false).await;
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    room.until("listening", |e| *e == Event::Listening).await;
    // A second for each clause, and nothing else.
    let clauses = room.loudspeaker.desk().written - expected;
    assert_eq!(clauses % u64::from(RATE), 0, "{report:?}");
    room.leave().await;
}

/// Who takes over too late is told so, and the conversation goes on here.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_kept_is_given_to_nobody() {
    let mut room = enter(&["Samantha, are you there?"], vec![Writes::Text(&["Yes."])]);
    let baton = Arc::new(Baton::default());
    assert!(baton.keep());
    let (successor, carried) = oneshot::channel();
    room.order(Order::HandOver(successor, Arc::clone(&baton)))
        .await;
    assert!(carried.await.is_err());
    assert_eq!(room.answered(0).await.reply, "Yes.");
    // Another one may have it.
    baton.back();
    let (successor, carried) = oneshot::channel();
    room.order(Order::HandOver(successor, Arc::clone(&baton)))
        .await;
    assert!(carried.await.is_ok() && baton.is_given());
    let outcome = room.ending.await.unwrap().unwrap();
    assert_eq!(outcome, Outcome::HandedOver);
}

/// What was open stays open, and what slept sleeps, in the program that goes on.
#[tokio::test(flavor = "multi_thread")]
async fn another_program_goes_on_where_this_one_was() {
    const WHALE: Writes = Writes::Text(&["A mammal."]);
    let leave = async |room: Room| {
        let (successor, carried) = oneshot::channel();
        room.order(Order::HandOver(successor, Arc::default())).await;
        let carried = carried.await.unwrap();
        room.ending.await.unwrap().unwrap();
        carried
    };
    let mut room = enter(&["Samantha, what is a whale?"], vec![WHALE]);
    room.order(Order::Volume(80, oneshot::channel().0)).await;
    room.answered(0).await;
    let carried = leave(room).await;
    assert!(
        carried.window_ms.is_some_and(|ms| ms > 1_000),
        "{carried:?}"
    );
    assert_eq!(
        (carried.language.as_str(), carried.last_reply.as_str()),
        ("en", "A mammal.")
    );
    assert_eq!((carried.volume_percent, carried.asleep), (80, false));

    // In its window no name is needed, and it knows what was said.
    let sentences = &["And a shark?", "Say that again.", "Samantha, go to sleep."];
    let mut room = enter_after(carried, sentences, vec![Writes::Text(&["A fish."])]);
    assert_eq!(room.answered(0).await.reply, "A fish.");
    let asked = room.asked().pop().unwrap();
    assert!(asked.iter().any(|m| m.text == "A mammal."), "{asked:?}");
    assert_eq!(room.answered(1).await.reply, "A fish.");
    room.loudspeaker.let_play(60.0);
    room.say(2);
    room.until("sleep", |e| *e == Event::Asleep).await;
    room.finished().await;
    let carried = leave(room).await;
    assert!(carried.asleep && carried.window_ms.is_none(), "{carried:?}");

    let sentences = &["And a shark?", "Samantha, what is a whale?"];
    let mut room = enter_after(carried, sentences, vec![WHALE]);
    room.say(0);
    room.overheard().await;
    assert_eq!(room.answered(1).await.reply, "A mammal.");
    room.leave().await;
}

/// What another program could not say because its loudspeaker had gone is said by the one that goes on, when there is one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_unsaid_is_said_when_there_is_a_loudspeaker() {
    let rest = "And he was happy.";
    let carried = Carried {
        unsaid: vec![rest.into()],
        ..Carried::default()
    };
    let mut room = enter_after_without_loudspeaker(carried);
    room.loudspeaker.let_play(60.0);
    let seen = room
        .until("the rest", |e| matches!(e, Event::TurnFinished(_)))
        .await;
    let lost = |e: &Event| matches!(e, Event::DeviceLost { .. });
    let found = |e: &Event| matches!(e, Event::DeviceFound { .. });
    let (lost, found) = (seen.iter().position(lost), seen.iter().position(found));
    assert!(lost.is_some() && lost < found, "{seen:?}");
    match seen.last() {
        Some(Event::TurnFinished(report)) => assert_eq!(report.reply, rest),
        _ => panic!("{seen:?}"),
    }
    room.leave().await;
}

async fn mute(room: &Room, muted: bool) {
    let (done, closed) = oneshot::channel();
    room.order(Order::Mute(muted, done)).await;
    closed.await.unwrap();
}

/// Waits until so many samples, and no more, were written to the loudspeaker.
async fn written(room: &Room, samples: u64) {
    let there = async {
        while room.loudspeaker.desk().written < samples {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(BOUND, there).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let written = room.loudspeaker.desk().written;
    assert!(
        waited.is_ok() && written == samples,
        "{written} of {samples}"
    );
}
