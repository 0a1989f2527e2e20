//! What is said over a reply.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hearken::audio::EAR_RATE;
use hearken::config::{Mode, Policy};
use hearken::daemon;
use hearken::event::Event;
use hearken::reply::model::Role;

use tokio::sync::Notify;

use super::room::*;
use crate::scripted::Writes;

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
            (Role::Assistant, "Once there was a king. He lived in a"),
            (Role::User, "(interrupting) What about the queen?"),
        ]
    );
    room.leave().await;
}

/// The first sentence is being answered, and hearken hears nothing but what is played to it.
async fn replying(sentences: &'static [&'static str], writes: Vec<Writes>) -> Room {
    let (microphone, patience) = (sparing_microphone(), daemon::PATIENCE);
    let mut room = enter_before(microphone, sentences, writes, config(), None, patience);
    room.feed.play([spoken(0, 600), silence()].concat());
    room.loudspeaker.let_play(0.5);
    room.until("the reply", |e| matches!(e, Event::ClauseStarted { .. }))
        .await;
    room
}

/// Two seconds of it.
fn silence() -> Vec<f32> {
    vec![0.0; 2 * EAR_RATE as usize]
}

/// The beginning of a sentence stops the reply while it is still being said, and is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_sentence_stops_the_reply_before_it_ends() {
    let mut room = replying(
        &["Samantha, tell me a story.", "What about the queen?"],
        vec![STORY, Writes::Text(&["She was out."])],
    )
    .await;
    room.feed.play(spoken(1, 700));
    let seen = room
        .until("the interruption", |e| {
            matches!(e, Event::Interrupted { .. })
        })
        .await;
    assert!(!seen.iter().any(|e| matches!(e, Event::TurnStarted { .. })));
    assert!(
        room.glances.load(Ordering::Relaxed) > 0,
        "a beginning is glanced at"
    );
    room.loudspeaker.let_play(60.0);
    room.feed.play([spoken(1, 700), silence()].concat());
    let next = |e: &Event| matches!(e, Event::Transcribed { .. });
    room.until("the next turn", next).await;
    assert_eq!(room.finished().await.transcript, "What about the queen?");
    room.leave().await;
}

/// "Please stop" stops a reply, and is a stop also when all of it is read "Please start talking".
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_misread_in_the_end_asks_nobody() {
    let mut room = replying(
        &[
            "Samantha, tell me a story.",
            "Please stop.~Please start talking.",
        ],
        vec![STORY],
    )
    .await;
    room.feed.play(spoken(1, 700));
    room.until("the interruption", |e| {
        matches!(e, Event::Interrupted { .. })
    })
    .await;
    room.feed.play([spoken(1, 700), silence()].concat());
    let over = |e: &Event| matches!(e, Event::TurnFinished(report) if !report.interrupted);
    let seen = room.until("the end of the turn", over).await;
    let commands = seen.iter().filter(|e| {
        matches!(
            e,
            Event::Command {
                command: "stop",
                ..
            }
        )
    });
    assert_eq!(commands.count(), 1, "{seen:?}");
    assert_eq!(room.asked().len(), 1);
    room.leave().await;
}

/// What may have been "Stop!" on the last syllable of a reply, which it has not stopped, is no question.
#[tokio::test(flavor = "multi_thread")]
async fn a_doubtful_stop_as_a_reply_ends_asks_nobody() {
    let mut room = replying(
        &["Samantha, open the door.", "(I'd stop.)"],
        vec![Writes::Text(&["It is done."]), STORY],
    )
    .await;
    room.feed.play(spoken(1, 300));
    room.until("a quieter voice", |e| matches!(e, Event::Ducked { .. }))
        .await;
    room.loudspeaker.let_play(60.0);
    assert_eq!(room.finished().await.reply, "It is done.");
    room.feed.play(silence());
    let seen = room
        .until("the end of what was said", |e| {
            matches!(e, Event::NothingSaid { .. } | Event::TurnFinished(_))
        })
        .await;
    assert!(
        matches!(seen.last(), Some(Event::NothingSaid { .. })),
        "{seen:?}"
    );
    assert_eq!(room.asked().len(), 1);
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

/// A word as short as "wait" stops the reply before the utterance has ended; what is shorter is a click, whatever could be read
/// in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_stop_is_heard_at_once_and_a_click_never() {
    let mut room = enter(&["Samantha, tell me a story.", "Stop!"], vec![STORY]);
    room.speaking(0).await;
    let silence = |ms: usize| vec![0.0; ms * EAR_RATE as usize / 1000];
    let reads = room.reads.lock().unwrap().len();
    room.feed.play([spoken(1, 96), silence(1_500)].concat());
    let seen = room
        .until("full loudness", |e| matches!(e, Event::Restored { .. }))
        .await;
    assert!(seen.iter().any(|e| matches!(e, Event::Ducked { .. })));
    assert_eq!(room.reads.lock().unwrap().len(), reads, "a click was read");
    // Less silence than ends an utterance.
    room.feed.play([spoken(1, 200), silence(400)].concat());
    room.until("the interruption", |e| {
        matches!(e, Event::Interrupted { .. })
    })
    .await;
    room.feed.play(silence(1_500));
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

/// Nothing sounds that it could interrupt: what is said in the room is somebody else's, as it is at any time.
#[tokio::test(flavor = "multi_thread")]
async fn talk_beside_a_held_reply_is_not_for_it() {
    let sentences = &[
        "Samantha, tell me a story.",
        "Pause.",
        "I got the documents yesterday.",
        "Go on.",
    ];
    let mut config = config();
    config.attention.follow_up_ms = 0;
    let mut room = enter_with(sentences, vec![STORY], config, None);
    room.speaking(0).await;
    room.say(1);
    room.until("the pause", |e| matches!(e, Event::Held { .. }))
        .await;
    room.loudspeaker.let_play(60.0);
    // Each is judged before the next is said.
    for index in [2, 3] {
        tokio::time::sleep(Duration::from_millis(500)).await;
        room.say(index);
    }
    room.until("going on", |e| matches!(e, Event::WentOn { .. }))
        .await;
    let report = room.finished().await;
    assert!(!report.interrupted);
    assert!(report.reply.ends_with("And he was happy."));
    assert_eq!(room.asked().len(), 1);
    room.leave().await;
}

/// Who has a reply wait has a window, in which another question is one; what is plainly somebody else's is not.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_reply_wait_may_ask_something_else() {
    let sentences = &[
        "Samantha, tell me a story.",
        "Pause.",
        "Tom, can you close the window?",
        "What about the queen?",
    ];
    let mut room = enter(sentences, vec![STORY, Writes::Text(&["She was out."])]);
    room.speaking(0).await;
    room.say(1);
    room.until("the window", |e| matches!(e, Event::WindowOpened { .. }))
        .await;
    room.loudspeaker.let_play(60.0);
    for index in [2, 3] {
        tokio::time::sleep(Duration::from_millis(500)).await;
        room.say(index);
    }
    let story = room.finished().await;
    assert!(story.interrupted);
    let report = room.finished().await;
    assert_eq!(report.transcript, "What about the queen?");
    assert_eq!(room.asked().len(), 2);
    room.leave().await;
}

/// While a reply waits nothing sounds that is taken for a voice: in its window any sentence counts, whatever stops one that sounds.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_policy_name_a_held_reply_has_a_window_too() {
    let mut config = config();
    config.barge_in.policy = Policy::Name;
    let sentences = &[
        "Samantha, tell me a story.",
        "Samantha, pause.",
        "What about the queen?",
    ];
    let mut room = enter_with(
        sentences,
        vec![STORY, Writes::Text(&["She was out."])],
        config,
        None,
    );
    room.speaking(0).await;
    room.say(1);
    room.until("the window", |e| matches!(e, Event::WindowOpened { .. }))
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    room.loudspeaker.let_play(60.0);
    room.say(2);
    assert!(room.finished().await.interrupted);
    assert_eq!(room.finished().await.transcript, "What about the queen?");
    room.leave().await;
}

/// With push to talk, somebody has pushed; they ask for a story, murmur, and ask something else.
async fn pushed(writes: Vec<Writes>) -> Room {
    let sentences = &[
        "Samantha, tell me a story.",
        "Uh-huh.",
        "What about the queen?",
    ];
    let mut config = config();
    config.attention.mode = Mode::PushToTalk;
    // Silence comes when it is played: little passes between the question and the murmur.
    let (microphone, patience) = (sparing_microphone(), daemon::PATIENCE);
    let mut room = enter_before(microphone, sentences, writes, config, None, patience);
    room.push();
    room.until("the window", |e| matches!(e, Event::WindowOpened { .. }))
        .await;
    room
}

/// What was heard of a reply is not forgotten because of a murmur while the model still thought.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_long_after_a_murmur_in_thought_keeps_what_was_heard() {
    let told = Arc::new(Notify::new());
    let text = &["Once there was a king. ", "He lived in a big old castle."];
    let writes = vec![
        Writes::Late(Arc::clone(&told), text),
        Writes::Text(&["She was out."]),
    ];
    let mut room = pushed(writes).await;
    room.say(0);
    room.feed.play(vec![0.0; 11_200]);
    room.asked_times(1).await;
    room.say(1);
    room.feed.play(vec![0.0; 11_200]);
    tokio::time::sleep(Duration::from_millis(700)).await;
    told.notify_one();
    room.loudspeaker.let_play(1.5);
    room.until("a clause", |e| matches!(e, Event::ClauseStarted { .. }))
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    room.push();
    let report = room.finished().await;
    assert!(report.interrupted && !report.reply.is_empty(), "{report:?}");
    room.say(2);
    room.feed.play(vec![0.0; 11_200]);
    room.finished().await;
    let asked = room.asked().pop().unwrap();
    let before = &asked[asked.len() - 2].text;
    assert!(before.contains(report.reply.trim()), "{asked:?}");
    room.leave().await;
}

/// What was heard of a reply is not forgotten because of a click some time before it is stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_after_a_murmur_keeps_what_was_heard() {
    let mut room = pushed(vec![STORY, Writes::Text(&["She was out."])]).await;
    room.say(0);
    room.feed.play(vec![0.0; 11_200]);
    room.loudspeaker.let_play(1.5);
    room.until("a clause", |e| matches!(e, Event::ClauseStarted { .. }))
        .await;
    room.say(1);
    room.feed.play(vec![0.0; 11_200]);
    room.until("going on", |e| matches!(e, Event::Restored { .. }))
        .await;
    room.loudspeaker.let_play(1.0);
    tokio::time::sleep(Duration::from_millis(300)).await;
    room.push();
    let report = room.finished().await;
    assert!(report.interrupted && !report.reply.is_empty(), "{report:?}");
    room.say(2);
    room.feed.play(vec![0.0; 11_200]);
    room.finished().await;
    let asked = room.asked().pop().unwrap();
    let wished = &asked.last().unwrap().text;
    assert!(
        wished.ends_with("What about the queen?") && !wished.contains("story"),
        "{wished}"
    );
    let before = &asked[asked.len() - 2].text;
    assert!(before.contains(report.reply.trim()), "{asked:?}");
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

/// As long as it is not known what somebody wants, hearken is quieter; and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_quieter_while_it_is_judged() {
    let mut room = enter(&["Samantha, tell me a story.", ENDLESS], vec![STORY]);
    room.speaking(0).await;
    room.loudspeaker.quieter_by(0.0).await;
    room.say(1);
    room.loudspeaker.quieter_by(12.0).await;
    room.push();
    assert!(room.finished().await.interrupted);
    room.loudspeaker.quieter_by(0.0).await;
    room.leave().await;
}

/// What whisper cannot read over a reply is told, and the reply goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_over_a_reply_is_told() {
    let mut room = enter(&["Samantha, tell me a story.", UNREADABLE], vec![STORY]);
    room.speaking(0).await;
    room.say(1);
    let failed = |e: &Event| matches!(e, Event::Failed { what } if what.contains("scripted"));
    room.until("the failure", failed).await;
    room.loudspeaker.let_play(60.0);
    assert!(!room.finished().await.interrupted);
    room.leave().await;
}
