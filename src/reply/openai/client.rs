//! The client: one HTTP connection pool to one server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Url, redirect};
use serde_json::json;

use super::session::Session;
use super::settings::{Settings, base_url};
use crate::reply::model::{LanguageModel, Message, ModelError, Role, TextStream};

/// An idle connection is kept for the next turn this long; a conversation pauses longer only when it ends.
const KEEP_IDLE: Duration = Duration::from_secs(60);

/// A language model behind an OpenAI-compatible server. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

/// What every reply of one client shares.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: Settings,
    http: reqwest::Client,
    endpoint: Url,
    models: Url,
    /// The server wants `max_completion_tokens` for `max_tokens` (OpenAI's newer models).
    pub(super) completion_tokens: AtomicBool,
    /// The server refuses to be told a temperature (OpenAI's reasoning models).
    pub(super) no_temperature: AtomicBool,
}

impl Client {
    /// Prepares the client. Connects to nothing.
    ///
    /// # Errors
    /// [`ModelError::Unreachable`] when the URL is none or the system has no TLS.
    pub fn new(settings: Settings) -> Result<Self, ModelError> {
        let unreachable = |reason: String| ModelError::Unreachable {
            at: settings.label.clone(),
            reason,
        };
        let base = base_url(&settings.base_url).map_err(unreachable)?;
        let below = |end: &str| {
            let mut url = base.clone();
            url.set_path(&format!("{}/{end}", base.path().trim_end_matches('/')));
            url
        };
        let (endpoint, models) = (below("chat/completions"), below("models"));

        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("hearken/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(KEEP_IDLE)
            .tcp_nodelay(true)
            .http1_only()
            // A redirect could carry the key and the words to somebody else.
            .redirect(redirect::Policy::none());
        if is_loopback(&endpoint) {
            builder = builder.no_proxy();
        }
        if let Some(path) = &settings.unix_socket {
            builder = builder.no_proxy().unix_socket(path.clone());
        }
        let http = builder
            .build()
            .map_err(|e| unreachable(super::refusal::root_cause(&e)))?;
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                http,
                endpoint,
                models,
                completion_tokens: AtomicBool::new(false),
                no_temperature: AtomicBool::new(false),
            }),
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// A request for the list of models, not sent yet.
    pub(super) fn list_models(&self) -> reqwest::RequestBuilder {
        let request = self.inner.http.get(self.inner.models.clone());
        self.inner.with_key(request)
    }
}

impl LanguageModel for Client {
    fn reply(&self, messages: Vec<Message>) -> TextStream {
        let session = Session::new(Arc::clone(&self.inner), messages);
        Box::pin(futures_util::stream::unfold(
            session,
            |mut session| async move { session.next().await.map(|item| (item, session)) },
        ))
    }

    fn name(&self) -> String {
        self.inner.settings.label.clone()
    }
}

impl Inner {
    /// One request for `messages`, not sent yet.
    pub(super) fn request(&self, messages: &[Message]) -> reqwest::RequestBuilder {
        let settings = &self.settings;
        let messages: Vec<_> = messages
            .iter()
            .map(|m| json!({ "role": role_name(m.role), "content": m.text }))
            .collect();
        let mut body = json!({ "messages": messages, "stream": true });
        if !settings.model.is_empty() {
            body["model"] = json!(settings.model);
        }
        let limit = if self.completion_tokens.load(Ordering::Relaxed) {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        body[limit] = json!(settings.max_tokens);
        if !self.no_temperature.load(Ordering::Relaxed) {
            body["temperature"] = json!(tidy(settings.temperature));
        }
        let request = self
            .http
            .post(self.endpoint.clone())
            .header(ACCEPT, "text/event-stream, application/json")
            .json(&body);
        self.with_key(request)
    }

    /// `request` with the key, if there is one.
    fn with_key(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let bearer = self
            .settings
            .key
            .as_ref()
            .and_then(|key| HeaderValue::from_str(&format!("Bearer {}", key.expose())).ok());
        match bearer {
            Some(mut value) => {
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            None => request,
        }
    }

    /// `text` of the server's without the key, which servers like to quote, and short enough for one line.
    pub(super) fn quote(&self, text: &str) -> String {
        let redacted = match &self.settings.key {
            Some(key) => key.redact(text),
            None => text.to_owned(),
        };
        super::refusal::shorten(&redacted)
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// The decimal that was meant: an `f32` of 0.3 would go out as 0.30000001192092896.
fn tidy(temperature: f32) -> f64 {
    (f64::from(temperature) * 1_000.0).round() / 1_000.0
}

/// Whether the host is this machine, which no proxy can reach.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.to_ascii_lowercase().ends_with(".localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_the_rest() {
        for here in [
            "http://localhost:1/v1",
            "http://127.9.9.9/v1",
            "http://[::1]:80/v1",
        ] {
            assert!(is_loopback(&Url::parse(here).unwrap()), "{here}");
        }
        for away in ["http://10.0.0.1/v1", "https://localhost.example.com/v1"] {
            assert!(!is_loopback(&Url::parse(away).unwrap()), "{away}");
        }
    }

    #[test]
    fn a_temperature_goes_out_as_it_was_written() {
        assert_eq!(json!(tidy(0.3)).to_string(), "0.3");
        assert_eq!(json!(tidy(0.0)).to_string(), "0.0");
    }
}
