//! The endpoints. A client that goes away drops its response, with it the receiver of the reply's parts, and the
//! inference thread stops before the next token.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::answer::{ApiError, Heading, Summary};
use crate::end::{self, Exit};
use crate::engine::{Order, Part};
use crate::health::Health;
use crate::request::{self, Chat};
use crate::socket::Listener;

/// Largest body, in bytes: far more text than any context holds.
const BODY_LIMIT: usize = 4 << 20;

/// While a long prompt is computed, a comment this often shows the client that somebody is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct State {
    orders: mpsc::Sender<Order>,
    health: Arc<Health>,
    count: Arc<AtomicU64>,
}

impl State {
    pub(crate) fn new(orders: mpsc::Sender<Order>, health: Arc<Health>) -> Self {
        Self {
            orders,
            health,
            count: Arc::default(),
        }
    }

    fn heading(&self) -> Heading {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        Heading {
            id: format!("chatcmpl-{}-{number}", self.health.started),
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs()),
            model: self.health.model.clone(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.body())).into_response();
        if matches!(self.status, 429 | 503) {
            response
                .headers_mut()
                .insert("retry-after", axum::http::HeaderValue::from_static("1"));
        }
        response
    }
}

/// Serves until a signal ends the program.
///
/// # Errors
/// The runtime cannot be built, or the listener fails.
pub(crate) fn serve(listener: Listener, state: State) -> io::Result<()> {
    let router = Router::new()
        .route("/health", get(health))
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(chat))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = async {
            match listener {
                Listener::Unix(socket) => {
                    axum::serve(tokio::net::UnixListener::from_std(socket)?, router).await
                }
                Listener::Tcp(socket) => {
                    axum::serve(tokio::net::TcpListener::from_std(socket)?, router).await
                }
            }
        };
        tokio::select! {
            ended = server => ended,
            _ = terminate.recv() => end::exit(Exit::Asked, ""),
            _ = interrupt.recv() => end::exit(Exit::Asked, ""),
        }
    })
}

async fn health(Shared(state): Shared<State>) -> Response {
    let status = if state.health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(state.health.report())).into_response()
}

async fn models(Shared(state): Shared<State>) -> Json<Value> {
    Json(json!({"object": "list", "data": [{
        "id": state.health.model, "object": "model", "created": state.health.started, "owned_by": "local",
    }]}))
}

async fn unknown(uri: Uri) -> ApiError {
    ApiError::unknown(404, format!("there is no {}", uri.path()))
}

async fn wrong_method(uri: Uri) -> ApiError {
    ApiError::unknown(405, format!("{} does not take this method", uri.path()))
}

async fn chat(Shared(state): Shared<State>, body: Result<Bytes, BytesRejection>) -> Response {
    match begin(&state, body).await {
        Ok((chat, parts)) if chat.stream => events(&state, chat.include_usage, parts),
        Ok((_, parts)) => whole(&state, parts).await,
        Err(error) => error.into_response(),
    }
}

/// Queues the request and waits until its turn has come and its prompt is known to fit.
async fn begin(
    state: &State,
    body: Result<Bytes, BytesRejection>,
) -> Result<(Chat, mpsc::Receiver<Part>), ApiError> {
    let body = body.map_err(|problem| match problem.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(BODY_LIMIT),
        _ => ApiError::invalid(None, problem.body_text()),
    })?;
    let chat = request::parse(&body)?;
    if !state.health.is_ready() {
        return Err(ApiError::loading());
    }
    // Full: the inference thread waits, which is what a slow client deserves.
    let (reply, mut parts) = mpsc::channel(4);
    let order = Order {
        chat: chat.clone(),
        reply,
    };
    state.orders.try_send(order).map_err(|_| ApiError::busy())?;
    match parts.recv().await {
        Some(Part::Failed(error)) => Err(error),
        Some(_) => Ok((chat, parts)),
        None => Err(ended_early()),
    }
}

fn ended_early() -> ApiError {
    ApiError::failed("the inference thread gave no answer")
}

async fn whole(state: &State, mut parts: mpsc::Receiver<Part>) -> Response {
    let mut text = String::new();
    loop {
        match parts.recv().await {
            Some(Part::Begun) => {}
            Some(Part::Text(more)) => text.push_str(&more),
            Some(Part::Done(summary)) => {
                return Json(state.heading().whole(&text, &summary)).into_response();
            }
            Some(Part::Failed(error)) => return error.into_response(),
            None => return ended_early().into_response(),
        }
    }
}

/// Where a stream of events is.
enum Stage {
    Opening,
    Text,
    Figures(Summary),
    Mark,
    End,
}

fn events(state: &State, include_usage: bool, parts: mpsc::Receiver<Part>) -> Response {
    let heading = state.heading();
    let begin = (parts, Stage::Opening);
    let events = stream::unfold(begin, move |(mut parts, stage)| {
        let heading = heading.clone();
        async move {
            let (data, next) = match stage {
                Stage::Opening => (heading.opening().to_string(), Stage::Text),
                Stage::Text => match parts.recv().await {
                    Some(Part::Begun) => (heading.text("").to_string(), Stage::Text),
                    Some(Part::Text(text)) => (heading.text(&text).to_string(), Stage::Text),
                    Some(Part::Done(summary)) if include_usage => (
                        heading.closing(&summary).to_string(),
                        Stage::Figures(summary),
                    ),
                    Some(Part::Done(summary)) => {
                        (heading.closing(&summary).to_string(), Stage::Mark)
                    }
                    Some(Part::Failed(error)) => (error.body().to_string(), Stage::End),
                    None => (ended_early().body().to_string(), Stage::End),
                },
                Stage::Figures(summary) => (heading.figures(&summary).to_string(), Stage::Mark),
                Stage::Mark => ("[DONE]".to_owned(), Stage::End),
                Stage::End => return None,
            };
            let event = Ok::<_, Infallible>(Event::default().data(data));
            Some((event, (parts, next)))
        }
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE))
        .into_response()
}
