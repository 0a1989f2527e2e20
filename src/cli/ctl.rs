//! `hearken ctl`: asks and steers the hearken that runs, over its control socket.

use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use hearken::config::Config;
use hearken::control;
use hearken::weights::Store;
use nix::sys::socket::{MsgFlags, send};
use serde_json::{Value, json};

/// Arguments of `hearken ctl`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken ctl status
  hearken ctl mute && hearken ctl unmute
  hearken ctl say \"The tea is ready.\"
  hearken ctl ask \"What is the capital of Norway?\"     the answer is spoken, and printed
  hearken ctl events --json | jq .                     watch, for a script
  hearken ctl listen                                   bind this to a key: talk without the name")]
pub struct Args {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Subcommand)]
enum Wish {
    /// Tell how it is
    Status {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Tell again and again, once a second
        #[arg(long)]
        watch: bool,
    },
    /// Close the microphone: nothing is captured
    Mute,
    /// Open the microphone again
    Unmute,
    /// Listen to what is said next, without the name
    Listen,
    /// Be silent, and forget what is being thought about
    Stop,
    /// Say a text aloud as soon as nobody speaks
    Say {
        /// What to say
        text: String,
    },
    /// Answer a text as if it had been said; the answer is spoken, and printed
    Ask {
        /// What to answer
        text: String,
    },
    /// Set the loudness
    Volume {
        /// 10 to 150 percent
        percent: u32,
    },
    /// Give hearken another name, which it keeps
    Name {
        /// The name
        name: String,
    },
    /// Watch what happens: first how it is, then every event
    Events {
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Print the conversation that it remembers
    History {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
        /// Forget it instead
        #[arg(value_parser = ["clear"])]
        clear: Option<String>,
    },
    /// Read the configuration anew, as when its file changes or on SIGHUP
    Reload {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// End it
    Shutdown,
}

/// It does not run, or cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "hearken does not run, or not with the control socket {socket}: {reason}; start it with `hearken run`"
)]
pub struct NotRunning {
    socket: PathBuf,
    reason: std::io::Error,
}

/// It took the wish and could not fulfil it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// Between two looks with `--watch`.
const LOOK: Duration = Duration::from_secs(1);

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
        let (read, stream) = connect().map_err(|reason| NotRunning {
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
        // A daemon that is still loading its models answers when it has them.
        let hello = wire.line()?;
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
            Some(Err(reason)) => bail!(self.ended(reason)),
            None => bail!(self.ended(std::io::Error::other("it has ended"))),
        };
        serde_json::from_str(&line).context("hearken answered nonsense")
    }

    fn ended(&self, reason: std::io::Error) -> NotRunning {
        // A closed connection is not a closed pipe behind us, which is no failure.
        let reason = match reason.kind() {
            std::io::ErrorKind::BrokenPipe => std::io::Error::other("it has ended"),
            _ => reason,
        };
        NotRunning {
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

    /// What the next event of this kind says of `key`.
    pub(super) fn await_event(
        &mut self,
        kind: &str,
        key: &str,
        within: Duration,
    ) -> anyhow::Result<Value> {
        self.stream.set_read_timeout(Some(within))?;
        self.ask(json!({"method": "events"}))?;
        loop {
            let mut event = self.line()?;
            if event["event"] == kind {
                return Ok(event[key].take());
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

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    let store = Store::new(&config.data_dir);
    let socket = control::socket_path(&config.control.socket, store.data());
    let mut wire = Wire::open(&socket)?;
    match &args.wish {
        Wish::Status { json, watch } => loop {
            let status = wire.ask(json!({"method": "status"}))?;
            match json {
                true => println!("{status}"),
                false => print!("{}", as_text(&status)),
            }
            if !watch {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        },
        Wish::Mute => done(&mut wire, json!({"method": "mute"})),
        Wish::Unmute => done(&mut wire, json!({"method": "unmute"})),
        Wish::Listen => done(&mut wire, json!({"method": "listen"})),
        Wish::Stop => done(&mut wire, json!({"method": "stop"})),
        Wish::Say { text } => done(&mut wire, json!({"method": "say", "text": text})),
        Wish::Ask { text } => ask(&mut wire, text),
        Wish::Volume { percent } => {
            let answer = wire.ask(json!({"method": "volume", "percent": percent}))?;
            println!("{} %", answer["percent"]);
            Ok(())
        }
        Wish::Name { name } => done(&mut wire, json!({"method": "name", "name": name})),
        Wish::Events { json } => events(&mut wire, *json),
        Wish::History { clear: Some(_), .. } => done(&mut wire, json!({"method": "forget"})),
        Wish::History { json, clear: None } => {
            let said = wire.ask(json!({"method": "history"}))?;
            if *json {
                println!("{said}");
                return Ok(());
            }
            for message in said.as_array().into_iter().flatten() {
                let who = match text(&message["role"]) {
                    "user" => "you",
                    _ => "hearken",
                };
                println!("{who}: {}", printable(text(&message["text"])));
            }
            Ok(())
        }
        Wish::Reload { json } => {
            let reloaded = wire.ask(json!({"method": "reload"}))?;
            if *json {
                println!("{reloaded}");
                return Ok(());
            }
            let keys = |of: &str| {
                let keys = reloaded[of].as_array().into_iter().flatten();
                keys.map(text).collect::<Vec<_>>().join(", ")
            };
            match &keys("changed")[..] {
                "" => println!("nothing has changed that could be taken now"),
                changed => println!("in force now: {changed}"),
            }
            let restart = keys("restart");
            if !restart.is_empty() {
                println!("in force after a restart: {restart}");
            }
            Ok(())
        }
        Wish::Shutdown => {
            done(&mut wire, json!({"method": "shutdown"}))?;
            // Until it has really ended, so that another can begin.
            wire.until_closed();
            Ok(())
        }
    }
}

fn done(wire: &mut Wire, request: Value) -> anyhow::Result<()> {
    wire.ask(request).map(|_| ())
}

/// Asks, waits for the answer to be spoken, and prints it.
fn ask(wire: &mut Wire, question: &str) -> anyhow::Result<()> {
    wire.ask(json!({"method": "events"}))?;
    let asked = wire.ask(json!({"method": "ask", "text": question}))?;
    // A command that needs no answer has been obeyed.
    let Some(turn) = asked["turn"].as_u64() else {
        return Ok(());
    };
    loop {
        let event = wire.line()?;
        if event["turn"].as_u64() != Some(turn) {
            continue;
        }
        match text(&event["event"]) {
            "turn_finished" => {
                println!("{}", printable(text(&event["reply"])));
                return match event["failure"].as_str() {
                    Some(failure) => bail!(Refused(failure.to_owned())),
                    None => Ok(()),
                };
            }
            "turn_cancelled" => bail!(Refused("it was called off".into())),
            _ => {}
        }
    }
}

fn events(wire: &mut Wire, json: bool) -> anyhow::Result<()> {
    let status = wire.ask(json!({"method": "events"}))?;
    match json {
        true => println!("{}", json!({"event": "status", "status": status})),
        false => print!("{}", as_text(&status)),
    }
    loop {
        let event = wire.line()?;
        if json {
            println!("{event}");
            continue;
        }
        let mut line = text(&event["event"]).replace('_', " ");
        for (key, value) in event.as_object().into_iter().flatten() {
            if matches!(
                &key[..],
                "text" | "transcript" | "reply" | "heard" | "why" | "what" | "device"
            ) {
                line.push_str(&format!(" · {}", printable(text(value))));
            }
        }
        println!("{line}");
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

/// The status for people.
fn as_text(status: &Value) -> String {
    let yes = |key: &str| status[key].as_bool() == Some(true);
    let mut lines = vec![format!(
        "{} is {}",
        printable(text(&status["name"])),
        match (yes("asleep"), text(&status["state"])) {
            (true, "idle") => "asleep",
            (false, "idle") if yes("window_open") => "listening to you",
            (_, state) => state,
        }
    )];
    let device = |key: &str| {
        if yes(key) {
            "there"
        } else {
            "GONE; looked for"
        }
    };
    let microphone = match yes("muted") {
        true => "closed (muted)",
        false => device("microphone"),
    };
    lines.push(format!("microphone   {microphone}"));
    lines.push(format!("loudspeaker  {}", device("loudspeaker")));
    lines.push(format!("volume       {} %", status["volume_percent"]));
    let echo = status["erle_db"].as_f64();
    let echo = echo.map_or_else(
        || "not measured yet".into(),
        |db| format!("{db:.0} dB less"),
    );
    lines.push(format!("echo         {echo}"));
    lines.push(format!("remembers    {} turns", status["remembered_turns"]));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_in_words() {
        let status = json!({
            "state": "idle", "turn": null, "name": "Samantha", "muted": false, "asleep": false, "window_open": true,
            "microphone": false, "loudspeaker": true, "volume_percent": 80, "level": 0.1, "erle_db": 31.6,
            "remembered_turns": 2,
        });
        let told = as_text(&status);
        for words in [
            "Samantha is listening to you",
            "GONE",
            "80 %",
            "32 dB less",
            "2 turns",
        ] {
            assert!(told.contains(words), "{words} is not in {told}");
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a [2Jb c");
    }
}
