//! The session bus. It is looked for when it is needed, and may be absent, or go.

use std::time::{Duration, Instant};

use tracing::debug;
use zbus::Connection;
use zbus::connection::Builder;

/// Whoever is asked something on the bus has this long to answer.
pub const CALL: Duration = Duration::from_secs(1);
/// A bus that was not there is not looked for again within this.
const AGAIN: Duration = Duration::from_secs(10);

/// A way to the session bus.
#[derive(Debug)]
pub struct Session {
    place: Option<String>,
    connection: Option<Connection>,
    missed: Option<Instant>,
}

impl Session {
    /// The bus at this D-Bus address; at `None` the session's own: `DBUS_SESSION_BUS_ADDRESS`, or else `$XDG_RUNTIME_DIR/bus`.
    /// Nothing is opened yet.
    pub fn new(place: Option<String>) -> Self {
        Self {
            place,
            connection: None,
            missed: None,
        }
    }

    /// The connection that was had before, where it is still open. No other is looked for.
    pub fn still_open(&self) -> Option<Connection> {
        self.connection.clone().filter(|open| !open.is_closed())
    }

    /// A connection, where there is a bus. Takes [`CALL`] at most.
    pub async fn connection(&mut self) -> Option<Connection> {
        if let Some(open) = self.still_open() {
            return Some(open);
        }
        if self.missed.is_some_and(|at| at.elapsed() < AGAIN) {
            return None;
        }
        let opened = tokio::time::timeout(CALL, open(self.place.as_deref())).await;
        self.missed = Some(Instant::now());
        match opened {
            Ok(Ok(connection)) => {
                self.missed = None;
                Some(self.connection.insert(connection).clone())
            }
            Ok(Err(error)) => {
                debug!("there is no session bus: {error}");
                None
            }
            Err(_) => {
                debug!("the session bus does not answer");
                None
            }
        }
    }
}

async fn open(place: Option<&str>) -> zbus::Result<Connection> {
    let builder = match place {
        Some(place) => Builder::address(place)?,
        None => Builder::session()?,
    };
    builder.method_timeout(CALL).build().await
}
