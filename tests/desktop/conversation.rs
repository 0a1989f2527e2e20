//! A whole conversation with scripted models, beside a media player: which sentences stop the music.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use hearken::config::{self, Media};
use hearken::desktop::Desktop;
use hearken::desktop::quiet::Quiet;
use hearken::desktop::session::Session;
use hearken::event::Event;
use tokio::sync::watch;

use super::bus::{FOR_GOOD, Player, PrivateBus, until};
use crate::room::*;
use crate::scripted::Writes;

fn begin(room: &Room, session: Session) -> Desktop {
    let (_, config) = watch::channel(config::Desktop::default());
    Desktop::begin(room.events.resubscribe(), config, session)
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
    let desktop = begin(&room, bus.session());
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
    let dir = tempfile::tempdir().unwrap();
    let silent = dir.path().join("bus");
    let silent_bus = UnixListener::bind(&silent).unwrap();
    silent_bus.set_nonblocking(true).unwrap();
    let silent = Session::new(Some(format!("unix:path={}", silent.display())));
    let nowhere = Session::new(Some("unix:path=/nowhere/bus".into()));
    for session in [bus.session(), silent, nowhere] {
        let mut room = enter(
            &["Samantha, what is a whale?"],
            vec![Writes::Text(&["A mammal."])],
        );
        // Neither the player nor the silent bus ever answers, and whoever asks them waits for good.
        let desktop = begin(&room, session.with_patience(FOR_GOOD));
        assert_eq!(room.answered(0).await.reply, "A mammal.");
        room.leave().await;
        desktop.end().await;
    }
    until("the player is asked", || hangs.deck().asked > 0).await;
    until("the bus is asked", || silent_bus.accept().is_ok()).await;
    assert_eq!(config::Desktop::default().media, Media::Pause);
}
