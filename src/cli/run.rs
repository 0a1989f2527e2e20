//! `hearken run`: the daemon in the foreground, one line a turn.

use std::io::{IsTerminal, Write};

use hearken::audio::hardware;
use hearken::config::Config;
use hearken::daemon::{self, Mind, Parts};
use hearken::event::{Bus, Event, TurnReport};
use hearken::speak;
use hearken::weights::Store;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::signal::Stop;

/// Arguments of `hearken run`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken run
  hearken run --set audio.microphone=\"USB Audio\" --set listen.language=ko
  hearken run --json                      one JSON object an event, for a script")]
pub struct Args {
    /// Print events as JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// So long the last lines may take after everything has stopped.
const LAST_LINES: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    let store = Store::new(&config.data_dir);
    // Devices first: they fail soonest, and what is missing there no download mends.
    let microphone = hardware::open_microphone(&config.audio.microphone)?;
    let speaker = hardware::open_speaker(&config.audio.loudspeaker)?;
    daemon::open_onnx(&store)?;
    let json = args.json;
    super::runtime()?.block_on(async {
        let stop = Stop::on_signals()?;
        let mind = Mind::open(config, &store).await?;
        mind.warm(config);
        let opened = tokio::task::block_in_place(|| {
            anyhow::Ok((
                daemon::open_vad(&store)?,
                daemon::open_transcriber(config, &store)?,
                speak::open(config, &store)?,
            ))
        });
        let outcome = match opened {
            Ok((vad, transcriber, voice)) => {
                let parts = Parts {
                    microphone,
                    vad: Box::new(vad),
                    transcriber: Box::new(transcriber),
                    model: mind.model.clone(),
                    voice,
                    speaker,
                };
                let bus = Bus::default();
                let events = bus.subscribe();
                let (done, printed) = tokio::sync::oneshot::channel::<()>();
                std::thread::Builder::new()
                    .name("printer".into())
                    .spawn(move || {
                        print(events, json);
                        drop(done);
                    })?;
                let ending = daemon::run(parts, config, bus, stop.token()).await;
                // A reader that has stopped reading does not keep the daemon.
                let _ = tokio::time::timeout(LAST_LINES, printed).await;
                ending.map_err(anyhow::Error::from)
            }
            Err(error) => Err(error),
        };
        mind.stop().await;
        outcome?;
        stop.outcome()
    })
}

/// Prints until the daemon ends, on a thread of its own: a reader that is slow delays nobody. A closed pipe ends the
/// printing, not the daemon.
fn print(mut events: Receiver<Event>, json: bool) {
    let terminal = std::io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    loop {
        let line = match events.blocking_recv() {
            Ok(event) if json => as_json(&event),
            // What was said is for who looks on, not for a file or a journal.
            Ok(Event::TurnFinished(_)) if !terminal => None,
            Ok(event) => as_line(&event, colour),
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        if let Some(line) = line
            && writeln!(std::io::stdout(), "{line}").is_err()
        {
            return;
        }
    }
}

fn as_line(event: &Event, colour: bool) -> Option<String> {
    let (dim, bold, plain) = if colour {
        ("\x1b[2m", "\x1b[1m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    match event {
        Event::Ready => Some(format!("{dim}listening; speak, or end with Ctrl-C{plain}")),
        Event::TurnFinished(TurnReport {
            transcript,
            reply,
            stages,
            ..
        }) => {
            let after = stages
                .first_played
                .map_or_else(String::new, |ms| format!(" ({ms:.0} ms)"));
            Some(format!(
                "{bold}you:{plain} {transcript}  {bold}hearken:{plain} {reply}{dim}{after}{plain}"
            ))
        }
        Event::Failed { what } => Some(format!("{dim}failed: {what}{plain}")),
        Event::Listening
        | Event::SpeechStarted
        | Event::TurnStarted { .. }
        | Event::Transcribed { .. }
        | Event::NothingSaid { .. }
        | Event::ClauseStarted { .. }
        | Event::TurnCancelled { .. }
        | Event::Ended => None,
    }
}

/// The event as one JSON object with its kind under `event`.
fn as_json(event: &Event) -> Option<String> {
    use serde_json::json;
    let value = match event {
        Event::Ready => json!({"event": "ready"}),
        Event::Listening => json!({"event": "listening"}),
        Event::SpeechStarted => json!({"event": "speech_started"}),
        Event::TurnStarted { turn } => json!({"event": "turn_started", "turn": turn}),
        Event::Transcribed {
            turn,
            text,
            language,
        } => {
            json!({"event": "transcribed", "turn": turn, "text": text, "language": language})
        }
        Event::NothingSaid { turn } => json!({"event": "nothing_said", "turn": turn}),
        Event::ClauseStarted { turn, text } => {
            json!({"event": "clause_started", "turn": turn, "text": text})
        }
        Event::TurnCancelled { turn } => json!({"event": "turn_cancelled", "turn": turn}),
        Event::TurnFinished(report) => {
            let mut value = super::converse::turn_json(report);
            value["event"] = json!("turn_finished");
            value["turn"] = json!(report.turn);
            value
        }
        Event::Failed { what } => json!({"event": "failed", "what": what}),
        Event::Ended => json!({"event": "ended"}),
    };
    Some(value.to_string())
}
