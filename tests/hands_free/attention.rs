//! Who is listened to: the name, windows, sleep, push to talk.

use hearken::audio::EAR_RATE;
use hearken::config::Mode;
use hearken::daemon;
use hearken::event::Event;

use super::room::*;
use crate::scripted::Writes;

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
    // The label is what a small model writes, and nothing to say.
    let writes = || vec![Writes::Text(&["Anna: ", "I'm Anna."])];
    let mut room = enter_with(sentences, writes(), config.clone(), Some(&file));
    let report = room.answered(0).await;
    assert!(report.reply.contains("Anna"), "{report:?}");
    let prepared = room.prepared.lock().unwrap().clone();
    assert!(prepared[0][0].text.contains("You are Anna,"));
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
    room.push();
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
    room.push();
    room.until("the window", |e| matches!(e, Event::WindowOpened { .. }))
        .await;
    room.speaking(0).await;
    room.push();
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
    room.push();
    room.until("the call", |e| *e == Event::Called).await;
    room.feed.play(spoken(0, 300));
    room.feed.play(vec![0.0; 2 * EAR_RATE as usize]);
    room.loudspeaker.let_play(60.0);
    let report = room.finished().await;
    assert_eq!(report.transcript, "What is a whale?");
    assert_eq!(report.reply, "A mammal.");
    room.leave().await;
}

/// "I'll call you Samantha" gives the name that it has; it is no sentence that ends in a call.
#[tokio::test(flavor = "multi_thread")]
async fn the_name_that_it_has_can_be_given_again() {
    let mut config = config();
    config.attention.mode = Mode::Always;
    let mut room = enter_with(&["I'll call you Samantha."], vec![], config, None);
    let report = room.answered(0).await;
    assert!(report.reply.contains("Samantha"), "{report:?}");
    assert!(room.asked().is_empty());
    room.leave().await;
}
