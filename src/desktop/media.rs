//! Media players on the session bus, by MPRIS: they are made quiet and given back. On the task that has them; players are
//! asked side by side, so that one that does not answer costs the others nothing.

use futures_util::future::join_all;
use tracing::debug;
use zbus::Connection;
use zbus::fdo::DBusProxy;
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

/// The players that were made quiet.
#[derive(Debug)]
pub struct Players {
    session: Session,
    /// Each by the name that only this program had on the bus: another one of the same kind is another one.
    quietened: Vec<(OwnedUniqueName, Deed)>,
}

impl Players {
    /// None yet.
    pub fn new(session: Session) -> Self {
        Self {
            session,
            quietened: Vec::new(),
        }
    }

    /// Makes every player quiet that plays.
    pub async fn quieten(&mut self, wish: Media) {
        if wish == Media::Off {
            return;
        }
        let Some(connection) = self.session.connection().await else {
            return;
        };
        let there = there(&connection).await;
        let deeds = there.into_iter().map(|name| {
            let connection = &connection;
            async move {
                let deed = quieten_one(connection, &name, wish).await;
                told(&name, deed).flatten().map(|deed| (name, deed))
            }
        });
        self.quietened
            .extend(join_all(deeds).await.into_iter().flatten());
    }

    /// Gives back every player that still has what was done to it.
    pub async fn give_back(&mut self) {
        let quietened = std::mem::take(&mut self.quietened);
        // With a bus its players are gone; on another the same names are other programs'.
        let Some(connection) = self.session.still_open() else {
            return;
        };
        let given = quietened.iter().map(|(name, deed)| {
            let connection = &connection;
            async move { told(name, give_back_one(connection, name, *deed).await) }
        });
        join_all(given).await;
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

/// What was done to this player. One that was asked and does not say that it has done it may do so yet.
async fn quieten_one(
    connection: &Connection,
    name: &OwnedUniqueName,
    wish: Media,
) -> zbus::Result<Option<Deed>> {
    let player = proxy(connection, name).await?;
    let Some(deed) = player::quieten(wish, &now(&player).await?) else {
        return Ok(None);
    };
    let asked = match deed {
        Deed::Pause => player.pause().await,
        Deed::Lower { to, .. } => player.set_volume(to).await,
    };
    match asked {
        Err(error @ zbus::Error::MethodError(..)) => Err(error),
        _ => Ok(Some(deed)),
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

/// What came of it; a player that refuses, does not answer or has gone is nobody's trouble.
fn told<T>(name: &OwnedUniqueName, result: zbus::Result<T>) -> Option<T> {
    result
        .inspect_err(|error| debug!("the media player {name}: {error}"))
        .ok()
}
