//! The client of OpenAI-compatible servers against real HTTP on the loopback: every habit that servers have, every
//! failure that a person meets.
#![allow(clippy::unwrap_used)]

mod support;

#[path = "reply/chat.rs"]
mod chat;
#[path = "reply/failures.rs"]
mod failures;
#[path = "reply/habits.rs"]
mod habits;
#[path = "reply/secrets.rs"]
mod secrets;

use std::time::Duration;

use futures_util::StreamExt;
use hearken::reply::model::{LanguageModel, Message, ModelError, Role, TextStream};
use hearken::reply::openai::{Client, Settings};

/// Settings that no test waits for.
fn settings(url: &str) -> Settings {
    Settings {
        base_url: url.to_owned(),
        unix_socket: None,
        model: "parrot".into(),
        key: None,
        temperature: 0.3,
        max_tokens: 100,
        connect_timeout: Duration::from_secs(10),
        first_token_timeout: Duration::from_secs(20),
        next_token_timeout: Duration::from_secs(20),
        label: "the test".into(),
    }
}

fn question() -> Vec<Message> {
    vec![Message {
        role: Role::User,
        text: "Hello?".into(),
    }]
}

/// The whole reply: its pieces, and what ended it early.
async fn whole(mut reply: TextStream) -> (Vec<String>, Option<ModelError>) {
    let read = async {
        let mut pieces = Vec::new();
        while let Some(item) = reply.next().await {
            match item {
                Ok(piece) => pieces.push(piece),
                Err(error) => {
                    assert!(reply.next().await.is_none(), "an error is the last item");
                    return (pieces, Some(error));
                }
            }
        }
        (pieces, None)
    };
    tokio::time::timeout(Duration::from_secs(60), read)
        .await
        .expect("a reply ends")
}

/// Asks with `settings`; the reply's text and what ended it early.
async fn ask(settings: Settings) -> (String, Option<ModelError>) {
    let (pieces, error) = whole(Client::new(settings).unwrap().reply(question())).await;
    (pieces.concat(), error)
}
