//! `hearken bench talk`: voice to voice, from the last speech sample at the microphone to the first sample of the reply
//! at the output callback.
//!
//! Questions (`talk/questions.rs`) are played in real time into the daemon's own pipeline, with the configured models,
//! each when the turn before it is over. Every round of questions is a conversation of its own: so the history does not
//! grow from round to round, and a question has the same history before it in each. A conversation begins with a
//! greeting that is not counted, and the model has written a word before that: files that are read for the first
//! time are no part of a turn.
//!
//! Echo cancellation and noise suppression are off, for nothing of the replies comes back; everybody is listened to, or with
//! `--called` only who calls.

mod ask;
mod compare;
mod html;
mod judge;
mod questions;
mod report;
pub(super) mod room;
mod sound;
pub(super) mod stages;
mod turn;
mod waterfall;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use hearken::audio::EAR_RATE;
use hearken::audio::file::{FileMicrophone, Pace, WavSpeaker};
use hearken::config::{Backend, Config, Mode};
use hearken::daemon::{self, Mind, Parts};
use hearken::event::Bus;
use hearken::reply::model::{LanguageModel, Message, Role};
use hearken::reply::openai::Settings;
use hearken::weights::Store;
use hearken::{reply, speak};
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use self::ask::Asking;
pub use self::compare::NoReport;
use self::html::Page;
use self::judge::Outcome;
pub use self::questions::NoSpeech;
use self::questions::Question;
use self::report::{Machine, Report};
use self::room::Room;
use self::turn::Turn;
use super::busy::Busy;
use crate::cli::converse::TurnFailed;
use crate::cli::signal::{Interrupted, Stop};

/// Rate of what the loudspeaker gets, in Hz.
const OUT_RATE: u32 = 22_050;

/// Arguments of `hearken bench talk`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench talk                                   14 questions: three minutes or so
  hearken bench talk --repeat 3 --html talk.html --json > talk.json
  hearken bench talk --busy 2                          while others want the cores
  hearken bench talk --called                          each question begins with the name, as the first of a conversation does
  hearken bench talk --backend http://127.0.0.1:11434/v1 --model llama3.2
  hearken bench talk --questions q1.wav q2.wav --verbose
  hearken bench talk --compare before.json after.json")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Write a page with the waterfall of every turn, for a browser
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    html: Option<PathBuf>,

    /// So many rounds of all questions, each a conversation of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,

    /// So many other processes want the cores meanwhile
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=64))]
    busy: u8,

    /// Each question begins with the name, and is heard for that alone
    #[arg(long)]
    called: bool,

    /// Ask an OpenAI-compatible server instead of the configured model: its base URL up to and with /v1
    #[arg(long, value_name = "URL")]
    backend: Option<String>,

    /// The model's name there
    #[arg(long, value_name = "NAME", requires = "backend")]
    model: Option<String>,

    /// Own questions (WAV) instead of the built-in ones; each ends with its last word
    #[arg(long, value_name = "FILE", num_args = 1..)]
    questions: Vec<PathBuf>,

    /// Only the first N questions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    only: Option<u32>,

    /// Say what was asked, heard and answered, turn by turn
    #[arg(long)]
    verbose: bool,

    /// Seed of the room's noise
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Compare two reports (--json) stage by stage; measures nothing
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"])]
    compare: Option<Vec<PathBuf>>,
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    if let Some([before, after]) = args.compare.as_deref() {
        return compare::run(before, after, args.json);
    }
    // First: nobody waits for minutes to hear that it cannot be written.
    let page = args.html.as_deref().map(Page::open).transpose()?;
    let config = in_force(&args, config)?;
    let machine = Machine::this(args.busy);
    let store = Store::new(&config.data_dir);
    daemon::open_onnx(&store)?;
    let mut questions = match args.questions.is_empty() {
        true => questions::built_in(&config, &store)?,
        false => questions::own(&args.questions, &store)?,
    };
    questions.truncate(args.only.map_or(usize::MAX, |n| n as usize));
    let mut greeting = questions::greeting(&config, &store)?;
    if args.called {
        let call = questions::call(&config, &store)?;
        let all = questions.iter_mut().chain([&mut greeting]);
        all.for_each(|question| question.begin_with(&call));
    }
    let rounds = args.repeat as usize;
    let bar = bar(rounds * (1 + questions.len()));
    let bench = Bench {
        args: &args,
        config: &config,
        store: &store,
        greeting,
        questions,
        bar: bar.clone(),
    };
    let (model, turns) = crate::cli::runtime()?.block_on(bench.measure())?;
    bar.finish_and_clear();

    let report = Report::new(machine, &config, model, args.seed, turns);
    if let Some(page) = page {
        page.write(&html::page(&report))?;
    }
    if args.json {
        println!("{:#}", report.json());
    } else {
        report.print(args.verbose);
    }
    let failed = report.turns.iter().find(|t| t.outcome == Outcome::Failed);
    match failed {
        Some(turn) => Err(TurnFailed::new(turn.failure.clone().unwrap_or_default()).into()),
        None => Ok(()),
    }
}

/// The configuration that is measured.
fn in_force(args: &Args, config: &Config) -> anyhow::Result<Config> {
    let mut config = config.clone();
    config.audio.chimes = false; // They are no reply.
    config.echo.cancellation = false;
    config.echo.noise_suppression = false;
    config.attention.mode = match args.called {
        true => Mode::Name,
        false => Mode::Always,
    };
    if args.called {
        config.attention.follow_up_ms = 0;
    }
    if let Some(url) = &args.backend {
        config.reply.backend = Backend::Server;
        config.reply.server.url.clone_from(url);
        config.reply.server.model = args.model.clone().unwrap_or_default();
    }
    if config.reply.backend == Backend::Server {
        // Says what is wrong with it before the voices are loaded.
        Settings::from_config(&config)?;
    }
    Ok(config)
}

fn bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} turns, {eta} left  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style)
}

struct Bench<'a> {
    args: &'a Args,
    config: &'a Config,
    store: &'a Store,
    greeting: Question,
    questions: Vec<Question>,
    bar: ProgressBar,
}

impl Bench<'_> {
    /// All rounds; the model's name, and the turns.
    async fn measure(&self) -> anyhow::Result<(String, Vec<Turn>)> {
        let stop = Stop::on_signals()?;
        let mind = Mind::open(self.config, self.store).await?;
        mind.warm(self.config, &self.config.name);
        let outcome = self.rounds(&mind, &stop).await;
        mind.stop().await;
        stop.outcome()?;
        // Asked to stop in order: there is nothing whole to report.
        if stop.token().is_cancelled() {
            return Err(Interrupted.into());
        }
        Ok((mind.model.name(), outcome?))
    }

    async fn rounds(&self, mind: &Mind, stop: &Stop) -> anyhow::Result<Vec<Turn>> {
        self.bar.set_message("the model is loaded");
        self.first_word(&*mind.model, &stop.token()).await?;
        let mut turns = Vec::new();
        for round in 1..=self.args.repeat {
            // A new one each round: a busy process ends by itself some time.
            let _others = Busy::start(self.args.busy.into())?;
            turns.extend(self.round(round, mind, &stop.token()).await?);
            if stop.token().is_cancelled() {
                break;
            }
        }
        Ok(turns)
    }

    /// Waits until the model has begun to answer anything at all: it is loaded, and the server is there.
    async fn first_word(
        &self,
        model: &dyn LanguageModel,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let message = |role, text: &str| Message {
            role,
            text: text.to_owned(),
        };
        let instructions = reply::instructions(&self.config.reply.system_prompt, &self.config.name);
        let mut stream = model.reply(vec![
            message(Role::System, &instructions),
            message(Role::User, "Hello."),
        ]);
        tokio::select! {
            piece = stream.next() => match piece {
                Some(Err(error)) => Err(error.into()),
                Some(Ok(_)) => Ok(()),
                None => bail!("the language model wrote nothing when it was asked anything at all"),
            },
            () = stop.cancelled() => Ok(()),
        }
    }

    /// One conversation.
    async fn round(
        &self,
        round: u32,
        mind: &Mind,
        stop: &CancellationToken,
    ) -> anyhow::Result<Vec<Turn>> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let (microphone, feed) = FileMicrophone::new(Pace::RealTime);
        let room = Room::new(microphone, self.args.seed ^ u64::from(round));
        let parts = tokio::task::block_in_place(|| {
            anyhow::Ok(Parts {
                microphone: Box::new(room),
                vad: Box::new(daemon::open_vad(self.store)?),
                wake: daemon::open_wake(self.config, self.store)?,
                transcriber: Box::new(daemon::open_transcriber(self.config, self.store)?),
                model: mind.model.clone(),
                turn_end: daemon::open_turn_end(self.config, self.store)?,
                voice: speak::open(self.config, self.store)?,
                speaker: Box::new(WavSpeaker::create(
                    &folder.path().join("replies.wav"),
                    OUT_RATE,
                    Pace::RealTime,
                )?),
                orders: hearken::turn::order::none(),
                open_speaker: None,
                supervisor: None,
                name_file: None,
                conversation_file: None,
                left_file: None,
                carried: None,
                mute_file: None,
                patience: daemon::PATIENCE,
            })
        })?;
        let bus = Bus::default();
        let events = bus.subscribe();
        let conversation = daemon::run(parts, self.config, bus, stop.clone());
        let asking = async {
            let mut asking = Asking::new(feed, events, self.config.listen.hangover_ms);
            let mut turns = Vec::new();
            let all = std::iter::once(&self.greeting).chain(&self.questions);
            for (number, question) in all.enumerate() {
                self.bar.set_message(question.words.clone());
                let asked = tokio::select! {
                    asked = asking.ask(question) => asked,
                    () = stop.cancelled() => None,
                };
                let Some(asked) = asked else { break };
                if number > 0 {
                    turns.push(Turn::of(round, question, &asked));
                }
                self.bar.inc(1);
            }
            asking.end();
            turns
        };
        let (ending, turns) = tokio::join!(conversation, asking);
        ending?;
        Ok(turns)
    }
}

/// A place among samples at the ear's rate, in ms.
fn ms(samples: usize) -> f64 {
    samples as f64 * 1000.0 / f64::from(EAR_RATE)
}

/// Rounded to a tenth: finer than any of it is.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
