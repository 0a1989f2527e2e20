//! A connection to the hearken that runs, and what is said when it cannot be had.

use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hearken::control;
use nix::sys::socket::{MsgFlags, send};
use serde_json::{Value, json};

/// It does not run, or cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum NotRunning {
    /// Nobody is there.
    #[error(
        "hearken does not run, or not with the control socket {socket}: {reason}; start it with `hearken run`"
    )]
    Absent {
        socket: PathBuf,
        reason: std::io::Error,
    },
    /// Who was there closed the connection.
    #[error(
        "the hearken at {socket} {reason}; where another has taken its place, as after an update, ask that one by the same command, or \
         else start it with `hearken run`"
    )]
    Ended {
        socket: PathBuf,
        reason: std::io::Error,
    },
}

/// What is known of who was there and is not any more.
const CLOSED: &str =
    "has closed the connection: it has ended, or what it says was not read in time";

/// It runs, and says nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "hearken runs and does not answer at {0}: it is still beginning, or waits for a microphone or loudspeaker, of which its \
     log tells; try again, or end it with SIGTERM"
)]
pub struct Silent(PathBuf);

/// It took the wish and could not fulfil it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    pub(super) fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// One that has begun greets at once. It holds its socket before that: while its models are loaded, and while it waits for a
/// device.
const GREETS_WITHIN: Duration = Duration::from_secs(10);

/// A connection to the daemon.
pub(super) struct Wire {
    lines: std::io::Lines<BufReader<UnixStream>>,
    stream: UnixStream,
    socket: PathBuf,
    asked: u64,
    version: String,
}

impl Wire {
    pub(super) fn open(socket: &Path) -> anyhow::Result<Self> {
        let connect = || {
            let stream = UnixStream::connect(socket)?;
            Ok((stream.try_clone()?, stream))
        };
        let (read, stream) = connect().map_err(|reason| NotRunning::Absent {
            socket: socket.to_owned(),
            reason,
        })?;
        let mut wire = Self {
            lines: BufReader::new(read).lines(),
            stream,
            socket: socket.to_owned(),
            asked: 0,
            version: String::new(),
        };
        wire.stream.set_read_timeout(Some(GREETS_WITHIN))?;
        let hello = wire.line()?;
        wire.stream.set_read_timeout(None)?;
        wire.version = text(&hello["hearken"]).to_owned();
        match hello["protocol"].as_u64() {
            Some(protocol) if protocol == u64::from(control::PROTOCOL) => Ok(wire),
            Some(protocol) => bail!(
                "the hearken that runs speaks protocol {protocol}, this one {}; restart it",
                control::PROTOCOL
            ),
            None => bail!(Refused(text(&hello["error"]).to_owned())),
        }
    }

    /// The next line that the daemon says.
    pub(super) fn line(&mut self) -> anyhow::Result<Value> {
        let line = match self.lines.next() {
            Some(Ok(line)) => line,
            Some(Err(reason)) if reason.kind() == std::io::ErrorKind::WouldBlock => {
                bail!(Silent(self.socket.clone()))
            }
            Some(Err(reason)) => bail!(self.ended(reason)),
            None => bail!(self.ended(std::io::Error::other(CLOSED))),
        };
        serde_json::from_str(&line).context("hearken answered nonsense")
    }

    fn ended(&self, reason: std::io::Error) -> NotRunning {
        // A closed connection is not a closed pipe behind us, which is no failure.
        let reason = match reason.kind() {
            std::io::ErrorKind::BrokenPipe => std::io::Error::other(CLOSED),
            _ => std::io::Error::other(format!("is gone ({reason})")),
        };
        NotRunning::Ended {
            socket: self.socket.clone(),
            reason,
        }
    }

    /// Sends a request; its number.
    fn send(&mut self, mut request: Value) -> anyhow::Result<u64> {
        self.asked += 1;
        request["id"] = json!(self.asked);
        match self.write(&format!("{request}\n")) {
            Ok(()) => Ok(self.asked),
            // It may have said why before it closed.
            Err(reason) => match self.lines.next() {
                Some(Ok(last)) => {
                    let last: Value = serde_json::from_str(&last).unwrap_or_default();
                    bail!(Refused(text(&last["error"]).to_owned()))
                }
                _ => bail!(self.ended(reason)),
            },
        }
    }

    /// Without the signal that ends a program whose reader is gone: it is the daemon that has gone.
    fn write(&self, line: &str) -> std::io::Result<()> {
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            let sent = send(self.stream.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL)?;
            rest = &rest[sent..];
        }
        Ok(())
    }

    /// The answer to request `id`; events before it are passed over.
    fn answer(&mut self, id: u64) -> anyhow::Result<Value> {
        loop {
            let mut line = self.line()?;
            // What is wrong with the connection itself has no number.
            let ours = line["id"].as_u64() == Some(id);
            let closing = line["id"].is_null() && line.get("error").is_some();
            if !ours && !closing {
                continue;
            }
            return match line.get("error") {
                Some(error) => bail!(Refused(text(error).to_owned())),
                None => Ok(line["ok"].take()),
            };
        }
    }

    /// The version of the daemon.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// What the next event of this kind says of `key`, if there is one within that time. The events have been asked for.
    pub(super) fn event_within(
        &mut self,
        kind: &str,
        key: &str,
        within: Duration,
    ) -> anyhow::Result<Option<Value>> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.line() {
                Ok(mut event) if event["event"] == kind => return Ok(Some(event[key].take())),
                Ok(_) => {}
                Err(error) if error.is::<Silent>() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the daemon has closed the connection.
    pub(super) fn until_closed(&mut self) {
        while self.line().is_ok() {}
    }

    pub(super) fn ask(&mut self, request: Value) -> anyhow::Result<Value> {
        let id = self.send(request)?;
        self.answer(id)
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What a model wrote may hold anything; a terminal is not to obey it.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a [2Jb c");
    }
}
