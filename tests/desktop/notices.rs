//! What fails is shown, where somebody shows it.

use hearken::config::{self, Media};
use hearken::event::Event;

use super::bus::*;

const SECRET: &str = "the server says: \"What is a whale?\" is no question";

fn failed() -> Event {
    Event::Failed {
        what: SECRET.into(),
    }
}

fn lost(device: &'static str, why: &str) -> Event {
    Event::DeviceLost {
        device,
        why: why.into(),
    }
}

fn found(device: &'static str) -> Event {
    Event::DeviceFound { device }
}

fn summaries(shown: &[Shown]) -> Vec<&str> {
    shown.iter().map(|shown| &shown.summary[..]).collect()
}

const FAILED: &str = "Something failed";
const NO_MICROPHONE: &str = "hearken has no microphone";
const MICROPHONE: &str = "hearken has a microphone again";
const NO_LOUDSPEAKER: &str = "hearken has no loudspeaker";

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_shown_once_a_minute_without_its_text() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &["body", "body-markup"]).await;
    let part = Part::begin(Media::Off, bus.session());
    part.events.emit(failed());
    part.events.emit(Event::Failed {
        what: "another".into(),
    });
    part.events.emit(lost("microphone", "<b>R&D</b>"));
    let shown = server.shows(2).await;
    let first = Shown {
        app: "hearken".into(),
        id: 10,
        replaces: 0,
        summary: FAILED.into(),
        body: "Details are in the log".into(),
        urgency: 1,
    };
    let second = Shown {
        id: 11,
        summary: NO_MICROPHONE.into(),
        body: "&lt;b&gt;R&amp;D&lt;/b&gt;; it is looked for".into(),
        ..first.clone()
    };
    assert_eq!(shown, [first, second]);
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_no_markup_gets_plain_text() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &["body"]).await;
    let part = Part::begin(Media::Off, bus.session());
    part.events.emit(lost("microphone", "<b>R&D</b>"));
    let shown = server.shows(1).await;
    assert_eq!(shown[0].body, "<b>R&D</b>; it is looked for");
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_true_of_a_device_replaces_what_was() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &[]).await;
    let part = Part::begin(Media::Off, bus.session());
    part.events.emit(failed());
    part.events.emit(lost("microphone", "unplugged"));
    part.events.emit(found("microphone"));
    part.events.emit(lost("microphone", "unplugged"));
    let shown = server.shows(4).await;
    let ids: Vec<_> = shown.iter().map(|s| (s.id, s.replaces)).collect();
    assert_eq!(ids, [(10, 0), (11, 0), (11, 11), (11, 11)]);
    let told = [FAILED, NO_MICROPHONE, MICROPHONE, NO_MICROPHONE];
    assert_eq!(summaries(&shown), told);
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_late_is_waited_for() {
    let bus = PrivateBus::start();
    let late = 2 * hearken::desktop::session::CALL;
    let server = Server::join_late(&bus, &[], late).await;
    let part = Part::begin(Media::Off, bus.session());
    part.events.emit(lost("microphone", "unplugged"));
    part.events.emit(found("microphone"));
    let shown = server.shows(2).await;
    assert_eq!((shown[1].id, shown[1].replaces), (10, 10));
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_does_not_get_the_numbers_of_the_one_before() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &[]).await;
    let part = Part::begin(Media::Off, bus.session());
    part.events.emit(lost("microphone", "unplugged"));
    part.events.emit(lost("loudspeaker", "unplugged"));
    server.shows(2).await;
    server.vanish().await;
    let server = Server::join(&bus, &[]).await;
    part.events.emit(failed());
    part.events.emit(found("microphone"));
    let shown = server.shows(2).await;
    assert_eq!(summaries(&shown), [FAILED, MICROPHONE]);
    // Its own first number is that of the other's first.
    assert_eq!((shown[0].id, shown[1].id, shown[1].replaces), (10, 11, 0));
    part.configure(nothing_shown());
    part.events.emit(found("loudspeaker"));
    part.events.emit(lost("microphone", "unplugged"));
    let closed = || server.closed.lock().unwrap().clone();
    until("its own is withdrawn", || !closed().is_empty()).await;
    assert_eq!(closed(), [11]);
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_another_bus_is_another() {
    let mut bus = PrivateBus::start();
    let server = Server::join(&bus, &[]).await;
    let part = Part::begin(Media::Off, bus.session());
    part.events.emit(lost("microphone", "unplugged"));
    part.events.emit(lost("loudspeaker", "unplugged"));
    // With the second, the number of the first is known.
    server.shows(2).await;
    bus.restart();
    // It is known on this bus as the other was on the old one.
    let server = Server::join(&bus, &[]).await;
    let shows = |summary| {
        let shown = server.shown.lock().unwrap().clone();
        shown.into_iter().find(|shown| shown.summary == summary)
    };
    until("the new bus is found", || {
        part.events.emit(lost("loudspeaker", "unplugged"));
        shows(NO_LOUDSPEAKER).is_some()
    })
    .await;
    part.events.emit(found("microphone"));
    until("the end of the loss", || shows(MICROPHONE).is_some()).await;
    assert_eq!(shows(MICROPHONE).unwrap().replaces, 0);
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_nothing_is_missed_and_one_that_comes_is_used() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], "Playing", 1.0).await;
    let part = Part::begin(Media::Pause, bus.session());
    part.events.emit(failed());
    part.events.emit(lost("microphone", "unplugged"));
    part.asked(1);
    music.until_told(&["pause"]).await;
    let server = Server::join(&bus, &[]).await;
    part.events.emit(lost("loudspeaker", "unplugged"));
    // Those before may have been on their way while the server came.
    until("what comes later is shown", || {
        let shown = server.shown.lock().unwrap();
        summaries(&shown).contains(&NO_LOUDSPEAKER)
    })
    .await;
    part.end().await;
}

fn nothing_shown() -> config::Desktop {
    config::Desktop {
        notifications: false,
        media: Media::Off,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_to_who_wants_nothing_and_nothing_untrue_stays() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &[]).await;
    let part = Part::begin(Media::Off, bus.session());
    part.events.emit(lost("microphone", "unplugged"));
    server.shows(1).await;
    part.configure(nothing_shown());
    part.events.emit(failed());
    part.events.emit(lost("loudspeaker", "unplugged"));
    part.events.emit(found("microphone"));
    // All of that has been read then.
    until("it is withdrawn", || *server.closed.lock().unwrap() == [10]).await;
    part.configure(config::Desktop {
        notifications: true,
        ..nothing_shown()
    });
    part.events.emit(found("loudspeaker"));
    part.events.emit(failed());
    let shown = server.shows(2).await;
    assert_eq!(summaries(&shown), [NO_MICROPHONE, FAILED]);
    part.end().await;
}
