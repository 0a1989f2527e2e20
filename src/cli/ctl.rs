//! `hearken ctl`: asks and steers the hearken that runs, over its control socket.

mod bench;
mod devices;

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use hearken::config::Config;
use hearken::control;
use hearken::weights::Store;
use serde_json::{Value, json};

use super::converse::TurnFailed;
use super::wire::{Refused, Wire, printable, text};

/// Arguments of `hearken ctl`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken ctl status
  hearken ctl mute && hearken ctl unmute
  hearken ctl volume +10                               louder than now; a number alone sets it
  hearken ctl say \"The tea is ready.\"
  hearken ctl ask \"What is the capital of Norway?\"     the answer is spoken, and printed
  hearken ctl events --json | jq .                     watch, for a script
  hearken ctl use-device headset                       hear and speak by what has this in its name
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
        /// Percent of full loudness, 0 to 150, or so many percent more or less, such as +10; 10 at least is kept, so that it can
        /// be told to be louder
        #[arg(allow_hyphen_values = true, value_parser = Loudness::read)]
        percent: Loudness,
    },
    /// Give hearken another name, which it keeps; without one, print its name
    Name {
        /// The name
        name: Option<String>,
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
    /// List microphones and loudspeakers, and mark those that are used
    Devices {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Use another microphone or loudspeaker until it ends
    UseDevice {
        /// Its name, its description, or a part of one
        name: String,
        /// Only as this, where it is both
        #[arg(long = "as", value_name = "ROLE", value_parser = ["microphone", "loudspeaker"])]
        role: Option<String>,
    },
    /// Ask it some questions, which it answers aloud and remembers, and tell how soon it answers
    Bench(bench::Args),
    /// End it
    Shutdown,
}

/// A wish for another loudness, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loudness {
    To(u32),
    /// More or less than now.
    By(i32),
}

impl Loudness {
    fn read(text: &str) -> Result<Self, String> {
        let read = match text.starts_with(['+', '-']) {
            true => text.parse().map(Self::By),
            false => text.parse().map(Self::To),
        };
        match read {
            Ok(Self::To(percent)) if percent > LOUDEST.unsigned_abs() => {
                Err(format!("the loudest is {LOUDEST}"))
            }
            Ok(loudness) => Ok(loudness),
            Err(_) => Err("write it like 80, +10 or -10".into()),
        }
    }
}

/// The loudness that is so much more than now, within what can be set.
fn changed(now: u64, by: i32) -> u32 {
    let now = i32::try_from(now).unwrap_or(LOUDEST);
    now.saturating_add(by).clamp(0, LOUDEST).cast_unsigned()
}

/// In percent.
const LOUDEST: i32 = 150;

/// Between two looks with `--watch`.
const LOOK: Duration = Duration::from_secs(1);

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
            // Who only looks on takes nobody's place between two looks.
            drop(wire);
            std::thread::sleep(LOOK);
            wire = Wire::open(&socket)?;
        },
        Wish::Mute => done(&mut wire, json!({"method": "mute"})),
        Wish::Unmute => done(&mut wire, json!({"method": "unmute"})),
        Wish::Listen => done(&mut wire, json!({"method": "listen"})),
        Wish::Stop => done(&mut wire, json!({"method": "stop"})),
        Wish::Say { text } => done(&mut wire, json!({"method": "say", "text": text})),
        Wish::Ask { text } => ask(&mut wire, text),
        Wish::Volume { percent } => {
            let percent = match percent {
                Loudness::To(percent) => *percent,
                Loudness::By(change) => {
                    let status = wire.ask(json!({"method": "status"}))?;
                    let now = status["volume_percent"].as_u64();
                    changed(now.context("hearken does not say how loud it is")?, *change)
                }
            };
            let answer = wire.ask(json!({"method": "volume", "percent": percent}))?;
            println!("{} %", answer["percent"]);
            Ok(())
        }
        Wish::Name { name: Some(name) } => done(&mut wire, json!({"method": "name", "name": name})),
        Wish::Name { name: None } => {
            let status = wire.ask(json!({"method": "status"}))?;
            println!("{}", printable(text(&status["name"])));
            Ok(())
        }
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
            let (changed, restart) = (keys("changed"), keys("restart"));
            if !changed.is_empty() {
                println!("in force now: {changed}");
            }
            if !restart.is_empty() {
                println!("in force after a restart: {restart}");
            }
            if changed.is_empty() && restart.is_empty() {
                println!("the configuration is as it was");
            }
            Ok(())
        }
        Wish::Devices { json } => devices::list(&mut wire, *json),
        Wish::UseDevice { name, role } => devices::choose(&mut wire, name, role.as_deref()),
        Wish::Bench(args) => bench::run(&mut wire, args),
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
                    Some(failure) => bail!(TurnFailed::new(failure.to_owned())),
                    None => Ok(()),
                };
            }
            "turn_cancelled" => bail!(Refused::new("it was called off")),
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
        |db| format!("{:.0} dB less", db.max(0.0)),
    );
    lines.push(format!("echo         {echo}"));
    lines.push(format!(
        "answers      {}",
        printable(text(&status["backend"]))
    ));
    let turns = match &status["remembered_turns"] {
        one if *one == 1 => "1 turn".to_owned(),
        many => format!("{many} turns"),
    };
    lines.push(format!("remembers    {turns}"));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_set_or_changed() {
        assert_eq!(Loudness::read("80"), Ok(Loudness::To(80)));
        assert_eq!(Loudness::read("+10"), Ok(Loudness::By(10)));
        assert_eq!(Loudness::read("-10"), Ok(Loudness::By(-10)));
        for nonsense in ["", "loud", "+", "1.5"] {
            assert!(Loudness::read(nonsense).is_err(), "{nonsense}");
        }
        assert_eq!(changed(80, 10), 90);
        assert_eq!(changed(5, -10), 0);
        assert_eq!(changed(145, i32::MAX), 150);
    }

    #[test]
    fn a_status_is_told_in_words() {
        let status = json!({
            "state": "idle", "turn": null, "name": "Samantha", "muted": false, "asleep": false, "window_open": true,
            "microphone": false, "loudspeaker": true, "volume_percent": 80, "level": 0.1, "erle_db": 31.6,
            "remembered_turns": 2, "backend": "server at http://localhost/v1, else embedded one",
        });
        let told = as_text(&status);
        for words in [
            "Samantha is listening to you",
            "GONE",
            "80 %",
            "32 dB less",
            "2 turns",
            "answers      server at http://localhost/v1, else embedded one",
        ] {
            assert!(told.contains(words), "{words} is not in {told}");
        }
        let after_one = json!({"remembered_turns": 1});
        assert!(as_text(&after_one).ends_with(" 1 turn\n"));
    }
}
