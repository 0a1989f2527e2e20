//! An answer that needs no model: a command's, or one that is said again. It goes the way of every reply.

use futures_util::StreamExt;

use super::model::{LanguageModel, Message, TextStream};

/// Says this, whatever it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready(pub String);

impl LanguageModel for Ready {
    fn reply(&self, _: Vec<Message>) -> TextStream {
        futures_util::stream::iter([Ok(self.0.clone())]).boxed()
    }

    fn name(&self) -> String {
        "none".into()
    }
}
