//! hearken in a desktop: media players make room while it is spoken with, and what fails is shown. Each is optional, and where
//! there is no session bus, no player or nobody who shows anything, nothing is missed.
//!
//! Two tokio tasks read events, as any observer does; the conversation does not know them. One has the media players, the
//! other what is shown, so that neither waits for the other.

pub mod media;
pub mod notice;
pub mod notify;
pub mod player;
pub mod quiet;
pub mod session;

use std::time::{Duration, Instant};

use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::media::Players;
use self::notice::Notices;
use self::notify::Notifier;
use self::quiet::Quiet;
use self::session::Session;
use crate::again::again;
use crate::config::{self, Media};
use crate::event::Event;

/// Players have this long to be given back, also while another is waited for that does not answer: three calls of
/// [`session::CALL`].
const LAST_CALLS: Duration = Duration::from_secs(3);

/// Both tasks.
pub struct Desktop {
    stop: CancellationToken,
    media: JoinHandle<()>,
    notices: JoinHandle<()>,
}

impl Desktop {
    /// Begins, with the next of `events`. `config` may change at any time; `session` is the way to the bus; each task
    /// opens its own connection.
    pub fn begin(
        events: Receiver<Event>,
        config: watch::Receiver<config::Desktop>,
        session: Session,
    ) -> Self {
        let stop = CancellationToken::new();
        Self {
            notices: tokio::spawn(show(
                events.resubscribe(),
                config.clone(),
                Notifier::new(session.clone().with_patience(notify::CALL)),
                stop.clone(),
            )),
            media: tokio::spawn(make_room(
                events,
                config,
                Players::new(session),
                stop.clone(),
            )),
            stop,
        }
    }

    /// Gives back every player that still has what was done to it, and ends. Bounded.
    pub async fn end(self) {
        self.stop.cancel();
        if tokio::time::timeout(LAST_CALLS, self.media).await.is_err() {
            tracing::debug!("the media players were not given back in time");
        }
        self.notices.abort();
    }
}

/// Has the players quiet while quiet is wanted.
async fn make_room(
    events: Receiver<Event>,
    config: watch::Receiver<config::Desktop>,
    players: Players,
    stop: CancellationToken,
) {
    let told = (events, config, stop);
    let done = (players, Quiet::default(), Media::Off);
    let what = "what quietens media players";
    let keep = again(what, (told, done), |(told, done)| {
        Box::pin(keep_room(told, done))
    });
    let (_, (mut players, ..)) = keep.await;
    players.give_back().await;
}

/// What the tasks go by: what happens, what is configured, and when they are to end.
type Told = (
    Receiver<Event>,
    watch::Receiver<config::Desktop>,
    CancellationToken,
);

async fn keep_room(
    (events, config, stop): &mut Told,
    (players, quiet, in_force): &mut (Players, Quiet, Media),
) {
    loop {
        let until = quiet.until();
        let over = tokio::time::sleep_until(until.unwrap_or_else(Instant::now).into());
        tokio::select! {
            () = stop.cancelled() => break,
            event = events.recv() => match event {
                Ok(event) => quiet.regard(&event, Instant::now()),
                Err(RecvError::Lagged(_)) => quiet.missed(Instant::now()),
                Err(RecvError::Closed) => break,
            },
            Ok(()) = config.changed() => {}
            // What is over already needs no waking: it would wake without an end.
            () = over, if until.is_some() && *in_force != Media::Off => {}
            () = players.try_again() => {}
        }
        let wanted = match quiet.is_wanted(Instant::now()) {
            true => config.borrow_and_update().media,
            false => Media::Off,
        };
        if wanted != *in_force {
            if *in_force != Media::Off {
                players.give_back().await;
            }
            players.quieten(wanted).await;
            *in_force = wanted;
        }
    }
}

/// Shows what fails.
async fn show(
    events: Receiver<Event>,
    config: watch::Receiver<config::Desktop>,
    notifier: Notifier,
    stop: CancellationToken,
) {
    let told = (events, config, stop);
    let all = (told, (Notices::default(), notifier));
    again("what shows failures", all, |(told, done)| {
        Box::pin(show_all(told, done))
    })
    .await;
}

async fn show_all(
    (events, config, stop): &mut Told,
    (notices, notifier): &mut (Notices, Notifier),
) {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => match event {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        let shown = config.borrow().notifications;
        if let Some(wish) = notices.regard(&event, shown, Instant::now()) {
            notifier.carry_out(wish).await;
        }
    }
}
