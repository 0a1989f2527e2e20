//! Shows notices by the desktop's notification server. On the task that shows them.

use std::collections::HashMap;
use std::time::Duration;

use tracing::debug;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::names::{BusName, OwnedUniqueName, WellKnownName};
use zbus::zvariant::Value;

use super::notice::{Notice, Wish, escaped};
use super::session::Session;

/// A notification server has this long to answer: it may only be being started, and nobody waits for it.
pub const CALL: Duration = Duration::from_secs(5);
/// Its name on the bus.
const SERVER: WellKnownName<'_> =
    WellKnownName::from_static_str_unchecked("org.freedesktop.Notifications");
/// The urgency "normal" of the specification (0 is low, 2 critical).
const NORMAL: u8 = 1;
/// As long as the server shows such things.
const AS_USUAL: i32 = -1;
/// Replaces nothing.
const NOTHING: u32 = 0;

/// What a notification server can be asked.
#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait Server {
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;
    #[allow(clippy::too_many_arguments)] // The specification's.
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;
    fn close_notification(&self, id: u32) -> zbus::Result<()>;
}

/// Whoever shows notices.
#[derive(Debug)]
pub struct Notifier {
    session: Session,
    /// What is shown of each device, and by whom: to another server the number means another notification, or none.
    shown: HashMap<&'static str, (OwnedUniqueName, u32)>,
}

impl Notifier {
    /// Nothing is shown yet.
    pub fn new(session: Session) -> Self {
        Self {
            session,
            shown: HashMap::new(),
        }
    }

    /// Does what is wished, where somebody can. Bounded by a few calls.
    pub async fn carry_out(&mut self, wish: Wish) {
        // With a bus its server is gone; on another the same name is another program's.
        if self.session.still_open().is_none() {
            self.shown.clear();
        }
        if matches!(wish, Wish::Withdraw(device) if !self.shown.contains_key(device)) {
            return;
        }
        let Some(connection) = self.session.connection().await else {
            return;
        };
        let done = match wish {
            Wish::Show(notice) => self.show(&connection, &notice).await,
            Wish::Withdraw(device) => self.withdraw(&connection, device).await,
        };
        if let Err(error) = done {
            debug!("nobody shows notifications: {error}");
        }
    }

    async fn show(&mut self, connection: &Connection, notice: &Notice) -> zbus::Result<()> {
        // One that is only being started may not say so in time; most take markup.
        let markup = ServerProxy::new(connection)
            .await?
            .get_capabilities()
            .await
            .map_or(true, |can| can.iter().any(|can| can == "body-markup"));
        // From here on it is this one, or, while none is there yet, whichever the bus starts.
        let bus = DBusProxy::new(connection).await?;
        let owner = bus.get_name_owner(SERVER.into()).await.ok();
        let server = match &owner {
            Some(owner) => self::server(connection, owner).await?,
            None => ServerProxy::new(connection).await?,
        };
        let before = notice.device.and_then(|device| self.shown.get(device));
        let before = before.filter(|(by, _)| Some(by) == owner.as_ref());
        let body = match markup {
            true => escaped(&notice.body),
            false => notice.body.clone(),
        };
        let id = server
            .notify(
                "hearken",
                before.map_or(NOTHING, |(_, id)| *id),
                "",
                &notice.summary,
                &body,
                &[],
                HashMap::from([("urgency", NORMAL.into())]),
                AS_USUAL,
            )
            .await?;
        if let (Some(device), Some(owner)) = (notice.device, owner) {
            self.shown.insert(device, (owner, id));
        }
        Ok(())
    }

    async fn withdraw(&mut self, connection: &Connection, device: &str) -> zbus::Result<()> {
        let Some((owner, id)) = self.shown.remove(device) else {
            return Ok(());
        };
        server(connection, &owner)
            .await?
            .close_notification(id)
            .await
    }
}

/// This very server.
async fn server<'c>(
    connection: &'c Connection,
    owner: &OwnedUniqueName,
) -> zbus::Result<ServerProxy<'c>> {
    ServerProxy::builder(connection)
        .destination(BusName::from(owner.clone()))?
        .build()
        .await
}
