//! Shows notices by the desktop's notification server. On the task that shows them.

use std::collections::HashMap;

use tracing::debug;
use zbus::Connection;
use zbus::zvariant::Value;

use super::notice::{Notice, Wish, escaped};
use super::session::Session;

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
    /// What is shown of each device.
    shown: HashMap<&'static str, u32>,
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
        let server = ServerProxy::new(connection).await?;
        // One that is only being started does not say so in time; most take markup.
        let markup = server
            .get_capabilities()
            .await
            .map_or(true, |can| can.iter().any(|can| can == "body-markup"));
        let body = match markup {
            true => escaped(&notice.body),
            false => notice.body.clone(),
        };
        let before = notice.device.and_then(|device| self.shown.get(device));
        let id = server
            .notify(
                "hearken",
                before.copied().unwrap_or(NOTHING),
                "",
                &notice.summary,
                &body,
                &[],
                HashMap::from([("urgency", NORMAL.into())]),
                AS_USUAL,
            )
            .await?;
        if let Some(device) = notice.device {
            self.shown.insert(device, id);
        }
        Ok(())
    }

    async fn withdraw(&mut self, connection: &Connection, device: &str) -> zbus::Result<()> {
        let Some(id) = self.shown.remove(device) else {
            return Ok(());
        };
        ServerProxy::new(connection)
            .await?
            .close_notification(id)
            .await
    }
}
