//! `hearken converse`: the daemon's own pipeline on recordings, turn after turn in one conversation.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use hearken::audio::file::{FileMicrophone, FileMicrophoneFeed, Pace, WavSpeaker};
use hearken::audio::{EAR_RATE, wav};
use hearken::config::{Config, Mode};
use hearken::daemon::{self, Mind, Parts};
use hearken::event::{Bus, Event, TurnReport};
use hearken::speak;
use hearken::turn::timing::Stages;
use hearken::weights::Store;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::say::named_wav;
use super::signal::Stop;
use hearken::event::json::turn_json;

/// Rate of the file that is written, in Hz: what Piper's medium voices speak at.
const OUT_RATE: u32 = 22_050;
/// A recording in which nothing has been heard for so long after it was read is taken to hold no speech.
const QUIET: Duration = Duration::from_secs(3);

/// Arguments of `hearken converse`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken converse --in question.wav --out reply.wav
  hearken converse --in q1.wav --in q2.wav --in q3.wav --out replies.wav --json
  hearken converse --in question.wav --out reply.wav --realtime")]
pub struct Args {
    /// A recorded question (WAV), meant for hearken with its name or without; give it again for each further turn
    #[arg(long = "in", value_name = "FILE", required = true)]
    questions: Vec<PathBuf>,
    /// Where the spoken replies go (WAV)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Hear and speak at the pace of a real room instead of as fast as possible
    #[arg(long)]
    realtime: bool,
    /// Print one JSON object: {"turns": [{"transcript", "reply", "stages_ms": {…}}]}
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    named_wav(&args.out)?;
    let mut questions = Vec::new();
    for path in &args.questions {
        if std::fs::canonicalize(path)
            .is_ok_and(|p| std::fs::canonicalize(&args.out).is_ok_and(|o| o == p))
        {
            anyhow::bail!(
                "--out {} is one of the questions; name another file",
                path.display()
            );
        }
        let recording = wav::read_for_ear(path)?;
        if recording.truncated {
            eprintln!(
                "hearken: {} is cut short; taking what is there",
                path.display()
            );
        }
        questions.push((path.display().to_string(), recording.samples));
    }
    let pace = if args.realtime {
        Pace::RealTime
    } else {
        Pace::AsFast
    };
    let store = Store::new(&config.data_dir);
    daemon::open_onnx(&store)?;
    let mut config = config.clone();
    config.audio.chimes = false; // Nobody is there to hear it, and it would be in the file.
    // Nothing of the replies comes back, and a recording that begins with a word leaves no time to learn its noise.
    config.echo.cancellation = false;
    config.echo.noise_suppression = false;
    config.attention.mode = Mode::Always; // Every recording is for hearken, with its name or without.
    let config = &config;
    super::runtime()?.block_on(async {
        let stop = Stop::on_signals()?;
        let mind = Mind::open(config, &store).await?;
        mind.warm(config, &config.name);
        let (microphone, feed) = FileMicrophone::new(pace);
        let opened = tokio::task::block_in_place(|| {
            anyhow::Ok((
                daemon::open_vad(&store)?,
                daemon::open_wake(config, &store)?,
                daemon::turn_end_or_silence(config, &store),
                daemon::open_transcriber(config, &store)?,
                speak::open(config, &store)?,
                // Last: an old file is only given up when there is a conversation to put there.
                WavSpeaker::create(&args.out, OUT_RATE, pace)?,
            ))
        });
        let outcome = match opened {
            Ok((vad, wake, turn_end, transcriber, voice, speaker)) => {
                let parts = Parts {
                    microphone: Box::new(microphone),
                    vad: Box::new(vad),
                    wake,
                    transcriber: Box::new(transcriber),
                    model: mind.model.clone(),
                    turn_end,
                    voice,
                    speaker: Box::new(speaker),
                    orders: hearken::turn::order::none(),
                    open_speaker: None,
                    supervisor: None,
                    name_file: None,
                    conversation_file: None,
                    left_file: None,
                    carried: None,
                    mute_file: None,
                    patience: daemon::PATIENCE,
                };
                let bus = Bus::default();
                let events = bus.subscribe();
                let token = stop.token();
                let conversation = daemon::run(parts, config, bus, token.clone());
                let asking = ask(questions, feed, events, token.clone());
                let (ending, turns) = tokio::join!(conversation, asking);
                ending.map_err(anyhow::Error::from).and(Ok(turns))
            }
            Err(error) => Err(error),
        };
        mind.stop().await;
        report(&outcome?, args.json)?;
        stop.outcome()
    })
}

/// Plays the questions one by one, each when the turn before it is over, and collects the turns.
async fn ask(
    questions: Vec<(String, Vec<f32>)>,
    feed: FileMicrophoneFeed,
    mut events: Receiver<Event>,
    stop: CancellationToken,
) -> Vec<TurnReport> {
    let mut turns = Vec::new();
    for (name, samples) in questions {
        let longest = Duration::from_secs_f64(samples.len() as f64 / f64::from(EAR_RATE)) + QUIET;
        feed.play(samples);
        match turn(&mut events, longest, &stop).await {
            Some(report) => {
                turns.push(report);
                // What is played before that is not heard.
                listening(&mut events).await;
            }
            None if stop.is_cancelled() => break,
            None => eprintln!("hearken: no words that want an answer were heard in {name}"),
        }
    }
    feed.end();
    turns
}

/// Waits until the microphone is heard again, or everything has ended.
async fn listening(events: &mut Receiver<Event>) {
    loop {
        match events.recv().await {
            Ok(Event::Listening) | Err(RecvError::Closed) => return,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
        }
    }
}

/// The next finished turn; `None` when nothing happens for `longest` while no turn is alive, or everything stops.
async fn turn(
    events: &mut Receiver<Event>,
    longest: Duration,
    stop: &CancellationToken,
) -> Option<TurnReport> {
    let mut alive = false;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = tokio::time::sleep(longest), if !alive => return None,
            () = stop.cancelled() => return None,
        };
        match event {
            Ok(Event::TurnStarted { .. }) => alive = true,
            // The name alone, words for somebody else, a command that needs no answer: nothing more comes of these.
            Ok(
                Event::NothingSaid { .. }
                | Event::TurnCancelled { .. }
                | Event::Called
                | Event::Overheard
                | Event::Listening,
            ) => alive = false,
            Ok(Event::TurnFinished(report)) => return Some(report),
            Err(RecvError::Closed) => return None,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
        }
    }
}

fn report(turns: &[TurnReport], json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if json {
        let turns: Vec<_> = turns.iter().map(turn_json).collect();
        writeln!(out, "{}", json!({ "turns": turns }))?;
    } else {
        for turn in turns {
            writeln!(out, "you: {}\nhearken: {}", turn.transcript, turn.reply)?;
            writeln!(out, "  {}", stages_line(&turn.stages))?;
        }
    }
    if let Some(turn) = turns.iter().find(|turn| turn.failure.is_some()) {
        return Err(TurnFailed::new(turn.failure.clone().unwrap_or_default()).into());
    }
    Ok(())
}

/// The stages on one line, in ms since the end of speech.
pub fn stages_line(stages: &Stages) -> String {
    [
        ("endpoint", stages.endpoint),
        ("text", stages.text),
        ("first token", stages.first_token),
        ("first clause", stages.first_clause),
        ("first sample", stages.first_sample),
        ("first played", stages.first_played),
    ]
    .iter()
    .filter_map(|(name, ms)| Some(format!("{name} {:.0} ms", (*ms)?)))
    .collect::<Vec<_>>()
    .join(", ")
}

/// A turn whose reply failed; the person heard a sentence about it.
#[derive(Debug, thiserror::Error)]
#[error("a reply failed: {0}")]
pub struct TurnFailed(String);

impl TurnFailed {
    /// With what went wrong.
    pub fn new(what: String) -> Self {
        Self(what)
    }
}
