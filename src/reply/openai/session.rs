//! One reply: asks, asks again where that is worth it, and hands the text on as it comes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::client::Inner;
use super::reading::Reading;
use super::{answer, refusal, settings};
use crate::reply::model::{Message, ModelError};
use crate::reply::retry;

/// So much of a refusal's body is read, in bytes.
const REFUSAL_BYTES: usize = 16 * 1024;
/// A refusal's body must come within this.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// One reply on its way.
pub(super) struct Session {
    inner: Arc<Inner>,
    messages: Vec<Message>,
    /// Attempts that failed.
    failures: u32,
    /// Text was handed on: from here on nothing is retried.
    begun: bool,
    state: State,
}

enum State {
    Asking,
    Reading(Box<Reading>),
    Over,
}

impl Session {
    pub(super) fn new(inner: Arc<Inner>, messages: Vec<Message>) -> Self {
        Self {
            inner,
            messages,
            failures: 0,
            begun: false,
            state: State::Asking,
        }
    }

    /// The next piece of text, the failure that ends the reply, or its end.
    pub(super) async fn next(&mut self) -> Option<Result<String, ModelError>> {
        loop {
            let failed = match &mut self.state {
                State::Over => return None,
                State::Asking => match self.ask().await {
                    Ok(reading) => {
                        self.state = State::Reading(Box::new(reading));
                        continue;
                    }
                    Err(error) => error,
                },
                State::Reading(reading) => match reading.next().await {
                    Some(Ok(text)) => {
                        self.begun = true;
                        return Some(Ok(text));
                    }
                    Some(Err(error)) => error,
                    None => {
                        self.state = State::Over;
                        return None;
                    }
                },
            };
            // Closes the connection of the failed attempt, too.
            self.state = State::Over;
            let pause = Some(())
                .filter(|()| !self.begun)
                .and_then(|()| retry::next(self.failures, &failed));
            let Some(pause) = pause else {
                return Some(Err(failed));
            };
            tracing::debug!("{failed}; asking again in {} ms", pause.as_millis());
            tokio::time::sleep(pause).await;
            self.failures += 1;
            self.state = State::Asking;
        }
    }

    /// Asks once, or once more for each habit of the server's that its refusal shows.
    async fn ask(&self) -> Result<Reading, ModelError> {
        let settings = &self.inner.settings;
        loop {
            let asked = Instant::now();
            let deadline = asked + settings.first_token_timeout;
            let response =
                match timeout_at(deadline, self.inner.request(&self.messages).send()).await {
                    Ok(Ok(response)) => response,
                    Ok(Err(error)) => {
                        let error = error.without_url();
                        return Err(refusal::from_request(
                            &settings.label,
                            &error,
                            settings.connect_timeout,
                        ));
                    }
                    Err(_) => {
                        return Err(ModelError::TimedOut {
                            at: settings.label.clone(),
                            waited_ms: refusal::millis(settings.first_token_timeout),
                        });
                    }
                };
            if response.status().is_success() {
                return Ok(Reading::new(Arc::clone(&self.inner), response, asked));
            }
            let (error, parameter) = self.refused(response).await;
            if !self.adapt(parameter.as_deref()) {
                return Err(error);
            }
        }
    }

    /// What the refusal says, and the parameter that it objects to.
    async fn refused(&self, response: Response) -> (ModelError, Option<String>) {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok());
        let pause = header(RETRY_AFTER)
            .and_then(|header| refusal::retry_after(header, jiff::Timestamp::now()));
        let elsewhere = header(LOCATION)
            .filter(|_| status.is_redirection())
            .and_then(|location| response.url().join(location).ok())
            .map(|url| format!("it redirects to {}", settings::shown(&url)));
        let body = match elsewhere {
            Some(_) => String::new(),
            None => body(response).await,
        };
        let detail = elsewhere.unwrap_or_else(|| refusal::detail(status, &body));
        let hint = refusal::hint(status, &body, &self.inner.settings.base_url);
        let error = refusal::from_status(
            &self.inner.settings.label,
            status.as_u16(),
            pause,
            self.inner.quote(&detail) + hint,
        );
        let parameter = serde_json::from_str::<Value>(&body)
            .ok()
            .filter(|_| status == StatusCode::BAD_REQUEST)
            .and_then(|body| answer::refused_parameter(&body).map(str::to_owned));
        (error, parameter)
    }

    /// Learns what the server does not take; true when that was new, so that asking again can help.
    fn adapt(&self, parameter: Option<&str>) -> bool {
        let learned = match parameter {
            Some("max_tokens") => &self.inner.completion_tokens,
            Some("temperature") => &self.inner.no_temperature,
            _ => return false,
        };
        !learned.swap(true, Ordering::Relaxed)
    }
}

/// The beginning of a refusal's body, as far as it comes in time.
async fn body(mut response: Response) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(REFUSAL_TIME, async {
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > REFUSAL_BYTES {
                break;
            }
        }
    })
    .await;
    bytes.truncate(REFUSAL_BYTES);
    String::from_utf8_lossy(&bytes).into_owned()
}
