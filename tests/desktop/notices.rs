//! What fails is shown, where somebody shows it.

use hearken::config::{self, Media};
use hearken::event::Event;

use super::bus::*;

fn failed(what: &str) -> Event {
    Event::Failed { what: what.into() }
}

fn lost() -> Event {
    Event::DeviceLost {
        device: "microphone",
        why: "the microphone is gone: unplugged".into(),
    }
}

const FOUND: Event = Event::DeviceFound {
    device: "microphone",
};

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_shown_once_a_minute() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &["body", "body-markup"]).await;
    let part = Part::begin(Media::Off, bus.address());
    part.events.emit(failed("<b>R&D</b>"));
    part.events.emit(failed("<b>R&D</b>"));
    part.events.emit(failed("another"));
    let shown = server.shows(2).await;
    let first = Shown {
        app: "hearken".into(),
        id: 10,
        replaces: 0,
        summary: "Something failed".into(),
        body: "&lt;b&gt;R&amp;D&lt;/b&gt;".into(),
        urgency: 1,
    };
    let second = Shown {
        id: 11,
        body: "another".into(),
        ..first.clone()
    };
    assert_eq!(shown, [first, second]);
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_no_markup_gets_plain_text() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &["body"]).await;
    let part = Part::begin(Media::Off, bus.address());
    part.events.emit(failed("<b>R&D</b>"));
    assert_eq!(server.shows(1).await[0].body, "<b>R&D</b>");
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_back_replaces_its_loss() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &[]).await;
    let part = Part::begin(Media::Off, bus.address());
    part.events.emit(failed("before"));
    part.events.emit(lost());
    part.events.emit(FOUND);
    let shown = server.shows(3).await;
    let told: Vec<_> = shown
        .iter()
        .map(|s| (s.id, s.replaces, &s.summary[..], &s.body[..]))
        .collect();
    let gone = "the microphone is gone: unplugged; it is looked for";
    assert_eq!(
        told,
        [
            (10, 0, "Something failed", "before"),
            (11, 0, "hearken has no microphone", gone),
            (11, 11, "hearken has a microphone again", "")
        ]
    );
    // It goes again too soon to be shown, and what is shown is true no longer.
    part.events.emit(lost());
    until("it is withdrawn", || *server.closed.lock().unwrap() == [11]).await;
    part.end().await;
    assert_eq!(server.shown.lock().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_nothing_is_missed_and_one_that_comes_is_used() {
    let bus = PrivateBus::start();
    let music = Player::join(&bus, &["music"], "Playing", 1.0).await;
    let part = Part::begin(Media::Pause, bus.address());
    part.events.emit(failed("nobody sees it"));
    part.events.emit(lost());
    part.asked(1);
    music.until_told(&["pause"]).await;
    let server = Server::join(&bus, &[]).await;
    let mut number = 0;
    // The first may have been on its way while the server came.
    while server.shown.lock().unwrap().is_empty() {
        number += 1;
        part.events.emit(failed(&format!("failure {number}")));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_to_who_wants_nothing() {
    let bus = PrivateBus::start();
    let server = Server::join(&bus, &[]).await;
    let part = Part::begin(Media::Off, bus.address());
    let notifications = |notifications| config::Desktop {
        notifications,
        ..config::Desktop::default()
    };
    part.events.emit(failed("shown"));
    server.shows(1).await;
    part.configure(notifications(false));
    part.events.emit(failed("not shown"));
    // It has been read when what follows it is.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    part.configure(notifications(true));
    part.events.emit(failed("shown again"));
    let shown = server.shows(2).await;
    assert_eq!(shown[1].body, "shown again");
    part.end().await;
}
