//! Is the server there? Asked before anybody wants a reply, for whoever starts hearken rather than for whoever speaks to it.

use std::time::Duration;

use super::client::Client;
use super::refusal;
use crate::reply::model::ModelError;

/// A server that is there answers within this once it is connected.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

impl Client {
    /// Asks the server once for the list of its models, of which nothing is read. A server that has no such list, or is not
    /// ready yet, is there as well.
    ///
    /// # Errors
    /// [`ModelError::Unreachable`] when nothing listens there, [`ModelError::TimedOut`] when it does not answer within the connection's
    /// limit and five seconds more, [`ModelError::Unauthorized`] when it refuses the key; what speaks no HTTP is
    /// [`ModelError::Nonsense`] or [`ModelError::BrokeOff`].
    pub async fn look(&self) -> Result<(), ModelError> {
        let settings = self.settings();
        let limit = settings.connect_timeout + ANSWERS_WITHIN;
        let at = || settings.label.clone();
        let answered = match tokio::time::timeout(limit, self.list_models().send()).await {
            Ok(answered) => answered.map_err(|error| {
                let error = error.without_url();
                refusal::from_request(&at(), &error, settings.connect_timeout)
            })?,
            Err(_) => {
                return Err(ModelError::TimedOut {
                    at: at(),
                    waited_ms: refusal::millis(limit),
                });
            }
        };
        match answered.status().as_u16() {
            // A key that may not list models (403) may well ask them.
            status @ 401 => Err(ModelError::Unauthorized { at: at(), status }),
            _ => Ok(()),
        }
    }
}
