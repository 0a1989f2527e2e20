//! One program at the socket: its requests one after the other, and events when it wants them.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

use super::request::{Request, parse};
use super::{Chosen, LONGEST_LINE, PROTOCOL, Reloaded, Services, devices, own};
use crate::config::Audio;
use crate::event::json::event_json;
use crate::event::{Bus, Event};
use crate::turn::order::{Order, Status};

/// A program that asks nothing and watches nothing for so long makes room for others.
const SILENCE: Duration = Duration::from_secs(30);
/// A program that does not read what it is told for so long is left.
const READS_WITHIN: Duration = Duration::from_secs(5);
/// An order is answered within this, or something is wrong. Longer than somebody speaks in front of what is to be said.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

/// What programs are served with.
#[derive(Clone)]
pub(super) struct Desk {
    pub orders: mpsc::Sender<Order>,
    pub bus: Bus,
    pub shutdown: CancellationToken,
    pub services: Services,
    /// Room for those who watch.
    pub watchers: Arc<Semaphore>,
}

/// The program is gone, or has to go.
struct Gone;

/// Tells a program why it is not served, if it reads that at once.
pub(super) fn refuse(stream: UnixStream, why: &str) {
    // Past the runtime, which does not know yet that a connection that has just come can be written to.
    if let Ok(mut stream) = stream.into_std() {
        let told = format!("{}\n", json!({"error": why}));
        let _ = stream.write_all(told.as_bytes());
    }
}

/// Serves a program until it goes.
pub(super) async fn attend(stream: UnixStream, desk: Desk) {
    attend_within(stream, desk, SILENCE).await;
}

async fn attend_within(stream: UnixStream, desk: Desk, silence: Duration) {
    let (read, write) = stream.into_split();
    let lines = FramedRead::new(read, LinesCodec::new_with_max_length(LONGEST_LINE));
    let mut served = Served {
        write,
        desk,
        silence,
        events: None,
        place: None,
    };
    // It has gone, which is its right.
    let _gone = served.all(lines).await;
}

struct Served {
    write: OwnedWriteHalf,
    desk: Desk,
    /// See [`SILENCE`].
    silence: Duration,
    /// Set when it watches.
    events: Option<broadcast::Receiver<Event>>,
    /// Its place among those who watch.
    place: Option<OwnedSemaphorePermit>,
}

impl Served {
    async fn all(
        &mut self,
        mut lines: FramedRead<tokio::net::unix::OwnedReadHalf, LinesCodec>,
    ) -> Result<(), Gone> {
        let hello = json!({"hearken": env!("CARGO_PKG_VERSION"), "protocol": PROTOCOL});
        self.tell(&hello).await?;
        let mut until = Instant::now() + self.silence;
        loop {
            let watches = self.events.is_some();
            let line = tokio::select! {
                line = lines.next() => line,
                event = next(&mut self.events) => {
                    self.event(event).await?;
                    continue;
                }
                () = tokio::time::sleep_until(until), if !watches => return Err(Gone),
            };
            let line = match line {
                None => return Ok(()),
                Some(Ok(line)) => line,
                Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                    let why = format!("a line is longer than {LONGEST_LINE} bytes");
                    return self.tell(&json!({"error": why})).await;
                }
                // Bytes that are no text, or a connection that broke.
                Some(Err(LinesCodecError::Io(error))) => {
                    return self.tell(&json!({"error": error.to_string()})).await;
                }
            };
            if line.trim().is_empty() {
                continue;
            }
            let (id, request) = parse(&line);
            let understood = request.is_ok();
            let answer = match request {
                Ok(Request::HandOver) => match self.hand_over(&mut lines).await {
                    Some(answer) => answer,
                    None => return Err(Gone),
                },
                Ok(request) => self.obey(request).await,
                Err(error) => Err(error),
            };
            let (key, answer) = match answer {
                Ok(answer) => ("ok", answer),
                Err(error) => ("error", error.into()),
            };
            self.line(format!(r#"{{"id":{id},"{key}":{answer}}}"#))
                .await?;
            // Empty lines and nonsense ask nothing: they keep no place. What was asked may have been long in coming.
            if understood {
                until = Instant::now() + self.silence;
            }
        }
    }

    async fn obey(&mut self, request: Request) -> Result<Value, String> {
        match request {
            Request::Status => self.status().await,
            Request::Mute => self.order(|done| Order::Mute(true, done)).await.map(told),
            Request::Unmute => self.order(|done| Order::Mute(false, done)).await.map(told),
            Request::Listen if self.order(Order::Status).await?.muted => {
                Err("the microphone is closed; open it with unmute".into())
            }
            Request::Listen => {
                self.give(Order::Listen).await?;
                Ok(Value::Null)
            }
            Request::Stop => {
                let stopped: bool = self.order(Order::Stop).await?;
                Ok(json!({"stopped": stopped}))
            }
            Request::Say { text } => {
                let turn = self.order(|begun| Order::Say(text, begun)).await?;
                Ok(json!({"turn": turn}))
            }
            Request::Ask { text } => {
                let turn = self.order(|begun| Order::Ask(text, begun)).await?;
                Ok(json!({"turn": turn}))
            }
            Request::Volume { percent } => {
                let percent: u32 = self.order(|done| Order::Volume(percent, done)).await?;
                Ok(json!({"percent": percent}))
            }
            Request::Name { name } => {
                let taken: Result<(), String> = self.order(|done| Order::Name(name, done)).await?;
                taken.map(told)
            }
            Request::History => {
                let messages = self.order(Order::History).await?;
                let said = messages
                    .iter()
                    .map(|message| json!({"role": message.role, "text": message.text}));
                Ok(Value::Array(said.collect()))
            }
            Request::Forget => {
                let forgotten: Result<(), String> = self.order(Order::Forget).await?;
                forgotten.map(told)
            }
            Request::Events => {
                if self.place.is_none() {
                    let room = Arc::clone(&self.desk.watchers).try_acquire_owned();
                    self.place = Some(room.map_err(|_| "too many programs watch already")?);
                }
                // First the subscription: what happens while the snapshot is made is told twice rather than never.
                self.events = Some(self.desk.bus.subscribe());
                self.status().await
            }
            Request::Reload => {
                let reloaded = self.reload(None).await?;
                serde_json::to_value(reloaded).map_err(|error| error.to_string())
            }
            Request::Devices => {
                let used = self.audio()?;
                Ok(devices::as_value(&devices::there().await?, &used))
            }
            Request::UseDevice { name, role } => {
                let chosen = devices::choose_for(&devices::there().await?, &name, role)?;
                devices::can_hear(&chosen, &self.audio()?).await?;
                self.reload(Some(chosen.clone())).await?;
                Ok(devices::chosen_value(&chosen))
            }
            Request::Upgrade { program } => {
                let Some(upgrade) = &self.desk.services.upgrade else {
                    return Err("this hearken cannot be replaced while it runs".into());
                };
                let (failed, why) = oneshot::channel();
                let ending = || "hearken is ending".to_owned();
                let asked = upgrade.send((program, failed)).await;
                asked.map_err(|_| ending())?;
                // Where it succeeds this connection ends with this program.
                Err(why.await.map_err(|_| ending())?)
            }
            // It waits beside the connection, in `hand_over`.
            Request::HandOver => Err("it is being handed over".into()),
            Request::Shutdown => {
                self.desk.shutdown.cancel();
                Ok(Value::Null)
            }
        }
    }

    /// Has these devices used, or the configuration read anew.
    async fn reload(&self, chosen: Option<Chosen>) -> Result<Reloaded, String> {
        let Some(reload) = &self.desk.services.reload else {
            return Err("there is no configuration to be read anew".into());
        };
        let (done, reloaded) = oneshot::channel();
        let ending = || "hearken is ending".to_owned();
        reload.send((chosen, done)).await.map_err(|_| ending())?;
        tokio::time::timeout(ANSWERED_WITHIN, reloaded)
            .await
            .map_err(|_| "it is not in force yet: somebody speaks with hearken".to_owned())?
            .map_err(|_| ending())?
    }

    /// Which devices are in use.
    fn audio(&self) -> Result<Audio, String> {
        let audio = self.desk.services.audio.as_ref();
        let audio = audio.ok_or("this hearken has no devices of its own")?;
        Ok(audio.borrow().clone())
    }

    /// Gives the conversation to this program, however long somebody is being answered before; `None` when the program goes
    /// meanwhile, or says anything: then nobody gets it.
    async fn hand_over(
        &mut self,
        lines: &mut FramedRead<tokio::net::unix::OwnedReadHalf, LinesCodec>,
    ) -> Option<Result<Value, String>> {
        let (successor, carried) = oneshot::channel();
        let baton = Arc::clone(&self.desk.services.baton);
        if let Err(error) = self.give(Order::HandOver(successor, baton)).await {
            return Some(Err(error));
        }
        tokio::select! {
            biased;
            _ = lines.next() => None,
            carried = carried => Some(match carried {
                Ok(carried) => serde_json::to_value(carried).map_err(|error| error.to_string()),
                Err(_) => Err("hearken goes on by itself, or is ending".into()),
            }),
        }
    }

    async fn status(&self) -> Result<Value, String> {
        let status: Status = self.order(Order::Status).await?;
        let mut status = serde_json::to_value(status).map_err(|error| error.to_string())?;
        status["threads"] = json!(own::threads());
        status["descriptors"] = json!(own::descriptors());
        Ok(status)
    }

    /// Gives an order and waits for its answer.
    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, String> {
        let (sender, answer) = oneshot::channel();
        self.give(order(sender)).await?;
        match tokio::time::timeout(ANSWERED_WITHIN, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err("it was dropped: too much waits to be said, or hearken ends".into()),
            Err(_) => Err("hearken did not get to it in time".into()),
        }
    }

    async fn give(&self, order: Order) -> Result<(), String> {
        let given = self.desk.orders.send(order).await;
        given.map_err(|_| "hearken is ending, or not listening yet".into())
    }

    async fn event(&mut self, event: Result<Event, RecvError>) -> Result<(), Gone> {
        match event {
            Ok(event) => self.line(event_json(&event)).await,
            Err(RecvError::Lagged(missed)) => {
                let status = self.status().await.unwrap_or_default();
                let told = json!({"event": "lagged", "missed": missed, "status": status});
                self.tell(&told).await
            }
            Err(RecvError::Closed) => Err(Gone),
        }
    }

    async fn tell(&mut self, value: &Value) -> Result<(), Gone> {
        self.line(value.to_string()).await
    }

    async fn line(&mut self, mut line: String) -> Result<(), Gone> {
        line.push('\n');
        let written = self.write.write_all(line.as_bytes());
        match tokio::time::timeout(READS_WITHIN, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

fn told((): ()) -> Value {
    Value::Null
}

/// The next event; never, for who does not watch.
async fn next(events: &mut Option<broadcast::Receiver<Event>>) -> Result<Event, RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::time::sleep;

    use super::*;
    use crate::turn::order;

    /// A program may be silent for so long here.
    const SHORT: Duration = Duration::from_secs(1);
    /// One that is not says something so often.
    const OFTEN: Duration = Duration::from_millis(50);
    /// Long before the answers that nobody reads here have filled the connection, for which it would be left as well.
    const BOUND: Duration = Duration::from_secs(8);

    /// Nobody takes orders here, and there is nothing to be read anew.
    fn desk() -> Desk {
        Desk {
            orders: order::channel().0,
            bus: Bus::default(),
            shutdown: CancellationToken::new(),
            services: Services::default(),
            watchers: Arc::new(Semaphore::new(1)),
        }
    }

    /// Whether a program that writes this again and again is left within so long.
    async fn left(writes: &[u8], within: Duration) -> bool {
        let (served, mut program) = UnixStream::pair().unwrap();
        let writes_on = async {
            while program.write_all(writes).await.is_ok() {
                sleep(OFTEN).await;
            }
        };
        tokio::select! {
            () = attend_within(served, desk(), SHORT) => true,
            () = writes_on => true,
            () = sleep(within) => false,
        }
    }

    #[tokio::test]
    async fn who_asks_nothing_is_left_whatever_it_writes() {
        let (empty, nonsense, endless, asks) = tokio::join!(
            left(b"\n", BOUND),
            left(b"{\"method\":\"fly\"}\n", BOUND),
            left(b"{", BOUND),
            // It cannot be had, and is a request.
            left(b"{\"method\":\"reload\"}\n", 3 * SHORT),
        );
        assert!(
            empty && nonsense && endless,
            "{empty}, {nonsense}, {endless}"
        );
        assert!(!asks, "who asks is left");
    }

    #[tokio::test]
    async fn who_watches_may_be_silent() {
        let (served, program) = UnixStream::pair().unwrap();
        let desk = desk();
        let bus = desk.bus.clone();
        let watches = async {
            let (read, mut write) = program.into_split();
            let mut lines = BufReader::new(read).lines();
            write.write_all(b"{\"method\":\"events\"}\n").await.unwrap();
            // The greeting, and that nobody here can tell how things are: it watches all the same.
            for _ in 0..2 {
                lines.next_line().await.unwrap().unwrap();
            }
            sleep(2 * SHORT).await;
            bus.emit(Event::Muted);
            lines.next_line().await.unwrap()
        };
        tokio::select! {
            () = attend_within(served, desk, SHORT) => panic!("it was left"),
            told = watches => assert_eq!(told, Some(event_json(&Event::Muted))),
        }
    }
}
