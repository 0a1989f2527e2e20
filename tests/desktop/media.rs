//! Media players make room, and are given back.

use hearken::config::{self, Media};
use hearken::desktop::session::Session;
use hearken::event::Event;

use super::bus::*;

const PLAYING: &str = "Playing";
const PAUSED: &str = "Paused";

#[tokio::test(flavor = "multi_thread")]
async fn what_plays_is_paused_and_goes_on_and_the_others_are_left_alone() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let film = Player::join(&bus, &["film"], PAUSED, 1.0).await;
    let radio = Player::join(&bus, &["radio"], "Stopped", 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    music.until_told(&["pause"]).await;
    part.answered(1);
    music.until_told(&["pause", "play"]).await;
    // And once more.
    part.asked(2);
    music.until_told(&["pause", "play", "pause"]).await;
    part.answered(2);
    music.until_told(&["pause", "play", "pause", "play"]).await;
    part.end().await;
    assert!(film.told().is_empty() && radio.told().is_empty());
    assert!(film.deck().asked > 0 && radio.deck().asked > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_presses_play_or_stop_meanwhile_keeps_their_will() {
    let bus = PrivateBus::start();
    let played = Player::join(&bus, &["played"], PLAYING, 1.0).await;
    let stopped = Player::join(&bus, &["stopped"], PLAYING, 1.0).await;
    let neither = Player::join(&bus, &["neither"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    for player in [&played, &stopped, &neither] {
        player.until_told(&["pause"]).await;
    }
    played.deck().status = PLAYING.into();
    stopped.deck().status = "Stopped".into();
    part.answered(1);
    neither.until_told(&["pause", "play"]).await;
    part.end().await;
    assert_eq!(played.told(), ["pause"]);
    assert_eq!(stopped.told(), ["pause"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_after_a_reply_is_quiet_as_well() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    music.until_told(&["pause"]).await;
    part.answered(1);
    part.events.emit(Event::WindowOpened { ms: 8_000 });
    // Longer than it lingers without a window.
    tokio::time::sleep(2 * hearken::desktop::quiet::LINGER).await;
    assert_eq!(music.told(), ["pause"]);
    part.events.emit(Event::WindowClosed);
    music.until_told(&["pause", "play"]).await;
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ducked_volume_is_raised_again_unless_somebody_has_set_another() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 0.43).await;
    let film = Player::join(&bus, &["film"], PAUSED, 1.0).await;
    let radio = Player::join(&bus, &["radio"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Duck, bus.session());
    part.asked(1);
    music.until_told(&["volume 0.086"]).await;
    radio.until_told(&["volume 0.200"]).await;
    radio.deck().volume = 0.7;
    part.answered(1);
    music.until_told(&["volume 0.086", "volume 0.430"]).await;
    part.end().await;
    assert_eq!(radio.told(), ["volume 0.200"]);
    assert!(film.told().is_empty());
}

/// A player may have a name for its kind and another for itself, and one speaks for others.
#[tokio::test(flavor = "multi_thread")]
async fn a_player_with_two_names_is_asked_once_and_a_spokesman_never() {
    let bus = PrivateBus::start();
    let film = Player::join(&bus, &["film", "film.instance7"], PLAYING, 1.0).await;
    let spokesman = Player::join(&bus, &["playerctld"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Duck, bus.session());
    part.asked(1);
    film.until_told(&["volume 0.200"]).await;
    part.end().await;
    assert_eq!(film.told(), ["volume 0.200", "volume 1.000"]);
    assert!(spokesman.told().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_vanishes_is_not_missed_and_another_of_its_name_is_another() {
    let bus = PrivateBus::start();
    let vanishes = Player::join(&bus, &["vanishes"], PLAYING, 1.0).await;
    let stays = Player::join(&bus, &["stays"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    vanishes.until_told(&["pause"]).await;
    stays.until_told(&["pause"]).await;
    vanishes.vanish().await;
    let another = Player::join(&bus, &["vanishes"], PAUSED, 1.0).await;
    part.answered(1);
    stays.until_told(&["pause", "play"]).await;
    part.end().await;
    assert!(another.told().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_never_answers_delays_no_other() {
    let bus = PrivateBus::start();
    // It is asked first.
    let hangs = Player::join(&bus, &["hangs"], PLAYING, 1.0).await;
    hangs.deck().hangs = true;
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session().with_patience(FOR_GOOD));
    part.asked(1);
    music.until_told(&["pause"]).await;
    until("both are asked", || hangs.deck().asked > 0).await;
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_never_answers_again_delays_no_other() {
    let bus = PrivateBus::start();
    let hangs = Player::join(&bus, &["hangs"], PLAYING, 1.0).await;
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session().with_patience(FOR_GOOD));
    part.asked(1);
    hangs.until_told(&["pause"]).await;
    music.until_told(&["pause"]).await;
    hangs.deck().hangs = true;
    part.answered(1);
    music.until_told(&["pause", "play"]).await;
    part.end().await;
    assert_eq!(hangs.told(), ["pause"]);
}

/// Waits until the player hangs in all that it was asked: what is asked later it answers, if it is let.
async fn until_it_hangs(player: &Player, asked_before: usize) {
    let asked = || player.deck().asked;
    until("it is asked how it is", || asked() == asked_before + 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_hangs_when_it_is_to_be_given_back_is_given_back_later() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    music.until_told(&["pause"]).await;
    let asked = music.deck().asked;
    music.deck().hangs = true;
    part.answered(1);
    until_it_hangs(&music, asked).await;
    music.deck().hangs = false;
    music.until_told(&["pause", "play"]).await;
    part.end().await;
    assert_eq!(music.told(), ["pause", "play"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_hangs_keeps_nobody_at_the_end_and_is_asked_once_more() {
    for goes_on in [true, false] {
        let bus = PrivateBus::start();
        let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
        let part = Part::begin(Media::Pause, bus.session());
        part.asked(1);
        music.until_told(&["pause"]).await;
        let asked = music.deck().asked;
        music.deck().hangs = true;
        part.answered(1);
        until_it_hangs(&music, asked).await;
        music.deck().hangs = !goes_on;
        part.end().await;
        match goes_on {
            true => assert_eq!(music.told(), ["pause", "play"]),
            false => assert_eq!(music.told(), ["pause"]),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_was_not_given_back_is_made_no_quieter_and_is_as_loud_as_at_first() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let radio = Player::join(&bus, &["radio"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Duck, bus.session());
    part.asked(1);
    music.until_told(&["volume 0.200"]).await;
    radio.until_told(&["volume 0.200"]).await;
    let asked = music.deck().asked;
    music.deck().hangs = true;
    part.answered(1);
    until_it_hangs(&music, asked).await;
    music.deck().hangs = false;
    part.asked(2);
    let again = ["volume 0.200", "volume 1.000", "volume 0.200"];
    radio.until_told(&again).await;
    assert_eq!(music.told(), ["volume 0.200"]);
    part.answered(2);
    music.until_told(&["volume 0.200", "volume 1.000"]).await;
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_goes_on_by_itself_after_all_is_made_quiet_again() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    music.until_told(&["pause"]).await;
    let asked = music.deck().asked;
    music.deck().hangs = true;
    part.answered(1);
    until_it_hangs(&music, asked).await;
    music.deck().hangs = false;
    music.deck().status = PLAYING.into();
    part.asked(2);
    music.until_told(&["pause", "pause"]).await;
    part.answered(2);
    music.until_told(&["pause", "pause", "play"]).await;
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_pauses_without_an_answer_is_given_back_too() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    music.deck().mute = true;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    music.until_told(&["pause"]).await;
    part.answered(1);
    music.until_told(&["pause", "play"]).await;
    part.end().await;
}

/// Whoever stops hearken, or lets another program go on, has their music back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_is_given_back_at_the_end() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    music.until_told(&["pause"]).await;
    part.end().await;
    assert_eq!(music.told(), ["pause", "play"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_configuration_is_in_force_at_once() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Off, bus.session());
    let media = |media| config::Desktop {
        media,
        ..config::Desktop::default()
    };
    part.asked(1);
    part.configure(media(Media::Pause));
    music.until_told(&["pause"]).await;
    part.configure(media(Media::Duck));
    music.until_told(&["pause", "play", "volume 0.200"]).await;
    part.configure(media(Media::Off));
    let all = ["pause", "play", "volume 0.200", "volume 1.000"];
    music.until_told(&all).await;
    part.end().await;
    assert_eq!(music.told(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_goes_away_is_found_again() {
    let mut bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.asked(1);
    music.until_told(&["pause"]).await;
    bus.restart();
    // It is known on this bus as the other was on the old one.
    let film = Player::join(&bus, &["film"], PAUSED, 1.0).await;
    let music = Player::join(&bus, &["music"], PLAYING, 1.0).await;
    part.answered(1);
    // What was paused on the old bus is nobody's; the next turn has the new one.
    let over = 2 * hearken::desktop::quiet::LINGER;
    tokio::time::sleep(over).await;
    part.asked(2);
    music.until_told(&["pause"]).await;
    part.end().await;
    assert_eq!(music.told(), ["pause", "play"]);
    assert!(film.told().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bus_nothing_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = format!("unix:path={}/bus", dir.path().display());
    for place in [nowhere, "nonsense".into()] {
        let part = Part::begin(Media::Pause, Session::new(Some(place)));
        part.asked(1);
        part.events.emit(Event::Failed {
            what: "scripted".into(),
        });
        part.answered(1);
        part.end().await;
    }
}
