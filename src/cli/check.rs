//! `hearken check`: what is fine, what is not, and what to do about it.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{anyhow, bail};
use futures_util::StreamExt;
use hearken::audio::hardware;
use hearken::config::{Backend, Config, Fallback, default_path};
use hearken::daemon::{self, Mind};
use hearken::reply::model::{Message, ModelError, Role};
use hearken::speak;
use hearken::weights::{Machine, Store};
use serde::Serialize;

/// Arguments of `hearken check`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken check
  hearken check --json
  hearken --config other.toml check")]
pub struct Args {
    /// Print JSON: {"checks": [{"what", "fine", "says"}]}
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Check {
    what: &'static str,
    fine: bool,
    /// What was found, or what is wrong and what to do.
    says: String,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config, named: Option<&Path>) -> anyhow::Result<()> {
    let store = Store::new(&config.data_dir);
    let mut checks = Vec::new();
    let mut note = |what, result: anyhow::Result<String>| {
        let fine = result.is_ok();
        let says = result.unwrap_or_else(|e| format!("{e:#}"));
        let check = Check { what, fine, says };
        if !args.json {
            show(&check);
        }
        checks.push(check);
    };
    // A configuration that does not load has ended the program before this.
    note("configuration", Ok(configuration(named)));
    note("weights", weights(config, &store));
    note("microphone", microphone(config));
    note("loudspeaker", loudspeaker(config));
    let runtime = daemon::open_onnx(&store).map_err(anyhow::Error::from);
    let onnx = runtime.is_ok();
    note("ONNX Runtime", runtime.map(|()| "loads".into()));
    if onnx {
        note(
            "voice activity",
            daemon::open_vad(&store)
                .map(|_| "loads".into())
                .map_err(Into::into),
        );
        if let Some(wake) = daemon::open_wake(config, &store).transpose() {
            let own = config.attention.wake_model.display();
            note(
                "wake model",
                wake.map(|_| format!("{own} loads")).map_err(Into::into),
            );
        }
        if let Some(turn_end) = daemon::open_turn_end(config, &store).transpose() {
            let opened = turn_end.map(|_| "smart-turn loads".to_owned());
            note("end of turn", opened.map_err(Into::into));
        }
        let voice = speak::open(config, &store).map_err(anyhow::Error::from);
        note(
            "voice",
            voice.map(|voice| format!("{} speaks", voice.name())),
        );
    }
    let transcriber = daemon::open_transcriber(config, &store).map_err(anyhow::Error::from);
    note(
        "speech-to-text",
        transcriber.map(|_| format!("{} loads", config.listen.model)),
    );
    // Each by itself: with one that answers instead nobody would see that the first one does not.
    let mut alone = config.clone();
    alone.reply.fallback = Fallback::None;
    let runtime = super::runtime()?;
    note(
        "language model",
        runtime.block_on(language_model(&alone, &store)),
    );
    if config.reply.fallback == Fallback::Embedded {
        alone.reply.backend = Backend::Embedded;
        note(
            "model instead",
            runtime.block_on(language_model(&alone, &store)),
        );
    }
    let bad = checks.iter().filter(|check| !check.fine).count();
    if args.json {
        writeln!(
            std::io::stdout(),
            "{}",
            serde_json::json!({ "checks": checks })
        )?;
    }
    match bad {
        0 => Ok(()),
        1 => bail!("one thing is not as it should be"),
        _ => bail!("{bad} things are not as they should be"),
    }
}

fn show(check: &Check) {
    let mut out = std::io::stdout();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (mark, code) = if check.fine {
        ("ok ", "32")
    } else {
        ("NOT", "31")
    };
    let mark = if colour {
        format!("\x1b[{code}m{mark}\x1b[0m")
    } else {
        mark.to_owned()
    };
    // A closed pipe is no reason to stop checking; the exit code still tells.
    let _ = writeln!(out, "{mark} {:15} {}", check.what, check.says);
}

fn configuration(named: Option<&Path>) -> String {
    match named.map(Path::to_owned).or_else(default_path) {
        Some(file) if file.exists() => format!("{} is understood", file.display()),
        Some(file) => format!("no file; {} would be read", file.display()),
        None => "no file is read".into(),
    }
}

/// All that is missing at once, so that nobody pulls one, looks again, and pulls the next.
fn weights(config: &Config, store: &Store) -> anyhow::Result<String> {
    let missing = store.to_pull(config, Machine::measure(&store.dir()))?;
    match missing.len() {
        0 => Ok(format!("all here, in {}", store.dir().display())),
        one_or_more => {
            let them = if one_or_more == 1 { "it" } else { "them" };
            let names = missing.join(" ");
            bail!(
                "{one_or_more} missing or damaged; fetch {them} with `hearken weights pull {names}`"
            )
        }
    }
}

fn microphone(config: &Config) -> anyhow::Result<String> {
    let _open = hardware::open_microphone(&config.audio.microphone)?;
    Ok(format!("{:?} opens", config.audio.microphone))
}

fn loudspeaker(config: &Config) -> anyhow::Result<String> {
    let speaker = hardware::open_speaker(&config.audio.loudspeaker)?;
    Ok(format!(
        "{:?} opens at {} Hz",
        config.audio.loudspeaker,
        hearken::audio::Speaker::rate(&*speaker)
    ))
}

async fn language_model(config: &Config, store: &Store) -> anyhow::Result<String> {
    let mind = Mind::open(config, store).await?;
    let asked = Message {
        role: Role::User,
        text: "Say yes.".into(),
    };
    let mut stream = mind.model.reply(vec![asked]);
    let first = stream.next().await;
    drop(stream);
    let name = mind.model.name();
    mind.stop().await;
    match first {
        Some(Ok(_)) => Ok(format!("{name} answers")),
        Some(Err(error)) => Err(advised(error, config.reply.backend)),
        None => bail!("{name} answered nothing; try another model"),
    }
}

/// What to do about a server that is not there.
fn advised(error: ModelError, backend: Backend) -> anyhow::Error {
    match (&error, backend) {
        (ModelError::Unreachable { .. }, Backend::Server) => {
            anyhow!("{error}; start that server, or name another in reply.server.url")
        }
        _ => error.into(),
    }
}
