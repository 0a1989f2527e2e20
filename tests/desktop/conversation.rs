//! A whole conversation with scripted models, beside a media player: which sentences stop the music.

use std::time::{Duration, Instant};

use hearken::config::{self, Media};
use hearken::desktop::Desktop;
use hearken::desktop::quiet::Quiet;
use hearken::event::Event;
use tokio::sync::watch;

use super::bus::{Player, PrivateBus};
use crate::room::*;
use crate::scripted::Writes;

fn begin(room: &Room, place: String) -> Desktop {
    let (_, config) = watch::channel(config::Desktop::default());
    Desktop::begin(room.events.resubscribe(), config, Some(place))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_for_somebody_else_plays_on_and_a_call_pauses() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], "Playing", 1.0).await;
    let mut room = enter(
        &[
            "What time is dinner?",
            "I told Samantha about it.",
            "Samantha, what is a whale?",
            "Tom, can you pass me the salt?",
        ],
        vec![Writes::Text(&["A mammal."])],
    );
    let desktop = begin(&room, bus.address());
    for sentence in [0, 1] {
        room.say(sentence);
        let seen = room.until("overheard", |e| *e == Event::Overheard).await;
        let (mut quiet, now) = (Quiet::default(), Instant::now());
        for event in &seen {
            quiet.regard(event, now);
            assert!(!quiet.is_wanted(now), "{event:?} in {seen:?}");
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(music.told().is_empty() && music.deck().asked == 0);
    room.say(2);
    // It is quiet before anything sounds.
    music.until_told(&["pause"]).await;
    room.loudspeaker.let_play(60.0);
    room.until("the window", |e| matches!(e, Event::WindowOpened { .. }))
        .await;
    assert_eq!(music.told(), ["pause"]);
    // Whoever turns to somebody else closes the window.
    room.say(3);
    music.until_told(&["pause", "play"]).await;
    room.leave().await;
    desktop.end().await;
    assert_eq!(music.told(), ["pause", "play"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_waits_for_no_player_and_no_bus() {
    let bus = PrivateBus::start();
    let hangs = Player::join(&bus, &["hangs"], "Playing", 1.0).await;
    hangs.deck().hangs = true;
    for place in [bus.address(), "unix:path=/nowhere/bus".into()] {
        let mut room = enter(
            &["Samantha, what is a whale?"],
            vec![Writes::Text(&["A mammal."])],
        );
        let desktop = begin(&room, place);
        assert_eq!(room.answered(0).await.reply, "A mammal.");
        room.leave().await;
        desktop.end().await;
    }
    assert_eq!(config::Desktop::default().media, Media::Pause);
}
