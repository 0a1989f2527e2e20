//! Media players on the session bus, by MPRIS: they are made quiet and given back. On the task that has them; players are
//! asked side by side, so that one that does not answer costs the others nothing.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tracing::debug;
use zbus::Connection;
use zbus::fdo::{self, DBusProxy};
use zbus::names::{OwnedBusName, OwnedUniqueName};
use zbus::proxy::CacheProperties;

use super::player::{self, Deed, Now, Undo};
use super::session::Session;
use crate::config::Media;

/// What a player can be asked.
#[zbus::proxy(
    interface = "org.mpris.MediaPlayer2.Player",
    default_path = "/org/mpris/MediaPlayer2"
)]
trait Player {
    fn pause(&self) -> zbus::Result<()>;
    fn play(&self) -> zbus::Result<()>;
    #[zbus(property)]
    fn playback_status(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn volume(&self) -> zbus::Result<f64>;
    #[zbus(property)]
    fn set_volume(&self, volume: f64) -> zbus::Result<()>;
}

/// A player that did not let itself be given back is asked again after this, ...
pub const AGAIN: Duration = Duration::from_secs(3);
/// ... so often; then it is left as it is. Who has not answered for so long would startle with it.
const TRIES: u32 = 40;

/// What was done to a player.
#[derive(Debug, Clone, Copy)]
struct Taken {
    deed: Deed,
    /// How often it did not let itself be given back.
    failed: u32,
}

/// The players that were made quiet.
#[derive(Debug)]
pub struct Players {
    session: Session,
    /// Each by the name that only this program had on the bus: another one of the same kind is another one.
    quietened: BTreeMap<OwnedUniqueName, Taken>,
    /// When those that did not let themselves be given back are asked again.
    again: Option<Instant>,
}

impl Players {
    /// None yet.
    pub fn new(session: Session) -> Self {
        Self {
            session,
            quietened: BTreeMap::new(),
            again: None,
        }
    }

    /// Makes every player quiet that plays. One that was not given back yet is to be again as it was at first.
    pub async fn quieten(&mut self, wish: Media) {
        if wish == Media::Off {
            return;
        }
        self.again = None;
        // As below: with a bus its players are gone.
        if self.session.still_open().is_none() {
            self.quietened.clear();
        }
        let Some(connection) = self.session.connection().await else {
            return;
        };
        let there = there(&connection).await;
        let asked = there.into_iter().map(|name| {
            let (connection, before) = (&connection, self.quietened.get(&name).copied());
            async move {
                let taken = quieten_one(connection, &name, before, wish).await;
                (told(&name, taken).unwrap_or(before), name)
            }
        });
        for (taken, name) in join_all(asked).await {
            match taken {
                Some(taken) => self.quietened.insert(name, taken),
                None => self.quietened.remove(&name),
            };
        }
    }

    /// Gives back every player that still has what was done to it. One that does not let itself be given back is kept for
    /// another time, and all are that are still waited for when this is dropped.
    pub async fn give_back(&mut self) {
        self.again = Some(Instant::now() + AGAIN);
        // With a bus its players are gone; on another the same names are other programs'.
        let Some(connection) = self.session.still_open() else {
            self.quietened.clear();
            self.again = None;
            return;
        };
        let asked = self.quietened.iter().map(|(name, taken)| {
            let (connection, name, deed) = (&connection, name.clone(), taken.deed);
            async move { (give_back_one(connection, &name, deed).await, name) }
        });
        let mut asked: FuturesUnordered<_> = asked.collect();
        while let Some((given, name)) = asked.next().await {
            let over = given.as_ref().map_or_else(has_gone, |()| true);
            told(&name, given);
            match self.quietened.get_mut(&name) {
                Some(taken) if !over && taken.failed < TRIES => taken.failed += 1,
                _ => drop(self.quietened.remove(&name)),
            }
        }
        if self.quietened.is_empty() {
            self.again = None;
        }
    }

    /// Gives back, when it is time, what did not let itself be given back before; never ends where there is none. May be
    /// dropped, as [`Self::give_back`].
    pub async fn try_again(&mut self) {
        match self.again {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => pending().await,
        }
        self.give_back().await;
    }
}

/// The players on the bus. One that has several names is there once.
async fn there(connection: &Connection) -> Vec<OwnedUniqueName> {
    let owners = async {
        let bus = DBusProxy::new(connection).await?;
        let names = bus.list_names().await?;
        let names = names.into_iter().filter(|name| player::is_player(name));
        let owners = names.map(|name: OwnedBusName| {
            let bus = &bus;
            // One that has gone meanwhile has no owner.
            async move { bus.get_name_owner(name.into()).await.ok() }
        });
        zbus::Result::Ok(join_all(owners).await)
    };
    match owners.await {
        Ok(owners) => {
            let mut owners: Vec<_> = owners.into_iter().flatten().collect();
            owners.sort();
            owners.dedup();
            owners
        }
        Err(error) => {
            debug!("the session bus names nobody: {error}");
            Vec::new()
        }
    }
}

async fn proxy<'c>(
    connection: &'c Connection,
    name: &OwnedUniqueName,
) -> zbus::Result<PlayerProxy<'c>> {
    PlayerProxy::builder(connection)
        .destination(name.clone())?
        .cache_properties(CacheProperties::No)
        .build()
        .await
}

async fn now(player: &PlayerProxy<'_>) -> zbus::Result<Now> {
    let (status, volume) = tokio::join!(player.playback_status(), player.volume());
    Ok(Now {
        status: status?,
        volume: volume.ok(),
    })
}

/// What was done to this player; what was done `before` counts as long as it is as that left it. One that was asked and does not say that it has done it may do so yet.
async fn quieten_one(
    connection: &Connection,
    name: &OwnedUniqueName,
    before: Option<Taken>,
    wish: Media,
) -> zbus::Result<Option<Taken>> {
    let player = proxy(connection, name).await?;
    let now = now(&player).await?;
    if before.is_some_and(|taken| player::undo(taken.deed, &now).is_some()) {
        return Ok(before);
    }
    let Some(deed) = player::quieten(wish, &now) else {
        return Ok(None);
    };
    let asked = match deed {
        Deed::Pause => player.pause().await,
        Deed::Lower { to, .. } => player.set_volume(to).await,
    };
    match asked {
        Err(error @ zbus::Error::MethodError(..)) => Err(error),
        _ => Ok(Some(Taken { deed, failed: 0 })),
    }
}

async fn give_back_one(
    connection: &Connection,
    name: &OwnedUniqueName,
    deed: Deed,
) -> zbus::Result<()> {
    let player = proxy(connection, name).await?;
    match player::undo(deed, &now(&player).await?) {
        Some(Undo::Play) => player.play().await,
        Some(Undo::Volume(volume)) => player.set_volume(volume).await,
        None => Ok(()),
    }
}

/// Whether a player did not answer because it is not there any more.
fn has_gone(error: &zbus::Error) -> bool {
    use fdo::Error::{NameHasNoOwner, ServiceUnknown};
    matches!(error.clone().into(), ServiceUnknown(_) | NameHasNoOwner(_))
}

/// What came of it; a player that refuses, does not answer or has gone is nobody's trouble.
fn told<T>(name: &OwnedUniqueName, result: zbus::Result<T>) -> Option<T> {
    result
        .inspect_err(|error| debug!("the media player {name}: {error}"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::names::OwnedErrorName;

    #[test]
    fn who_has_gone_is_told_from_who_refuses_or_is_silent() {
        let call = zbus::Message::method_call("/", "Play").expect("a call");
        let call = call.build(&()).expect("a message");
        let refusal = |name: &str| {
            let name = format!("org.freedesktop.DBus.Error.{name}");
            let name = OwnedErrorName::try_from(name).expect("a name");
            zbus::Error::MethodError(name, None, call.clone())
        };
        // A property's error comes in another form than a call's.
        assert!(has_gone(&refusal("ServiceUnknown")));
        assert!(has_gone(&fdo::Error::ServiceUnknown(String::new()).into()));
        assert!(has_gone(&fdo::Error::NameHasNoOwner(String::new()).into()));
        assert!(!has_gone(&refusal("NoReply")));
        assert!(!has_gone(&fdo::Error::Failed(String::new()).into()));
        let silent = std::io::Error::from(std::io::ErrorKind::TimedOut);
        assert!(!has_gone(&silent.into()));
    }
}
