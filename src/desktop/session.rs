//! The session bus. It is looked for when it is needed, and may be absent, or go.

use std::time::{Duration, Instant};

use tracing::debug;
use zbus::Connection;
use zbus::connection::Builder;

/// Whoever is asked something on the bus has this long to answer, unless a session says otherwise.
pub const CALL: Duration = Duration::from_secs(1);
/// A bus that was not there is not looked for again within this.
const AGAIN: Duration = Duration::from_secs(10);

/// A way to the session bus.
#[derive(Debug, Clone)]
pub struct Session {
    place: Option<String>,
    call: Duration,
    connection: Option<Connection>,
    missed: Option<Instant>,
}

impl Session {
    /// The bus at this D-Bus address; at `None` the session's own: `DBUS_SESSION_BUS_ADDRESS`, or else `$XDG_RUNTIME_DIR/bus`.
    /// Nothing is opened yet.
    pub fn new(place: Option<String>) -> Self {
        Self {
            place,
            call: CALL,
            connection: None,
            missed: None,
        }
    }

    /// The same for somebody who can wait so long for an answer.
    pub fn with_patience(self, call: Duration) -> Self {
        Self { call, ..self }
    }

    /// The connection that was had before, where it is still open. No other is looked for.
    pub fn still_open(&self) -> Option<Connection> {
        self.connection.clone().filter(|open| !open.is_closed())
    }

    /// A connection, where there is a bus. Takes as long as a call at most.
    pub async fn connection(&mut self) -> Option<Connection> {
        if let Some(open) = self.still_open() {
            return Some(open);
        }
        if self.missed.is_some_and(|at| at.elapsed() < AGAIN) {
            return None;
        }
        let opened = tokio::time::timeout(self.call, open(self.place.as_deref(), self.call)).await;
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

async fn open(place: Option<&str>, call: Duration) -> zbus::Result<Connection> {
    let builder = match place {
        Some(place) => Builder::address(place)?,
        None => Builder::session()?,
    };
    builder.method_timeout(call).build().await
}
