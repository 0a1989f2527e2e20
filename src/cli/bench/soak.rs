//! `hearken bench soak`: days of a room's life in accelerated time, with the configured models: silence, music, talk that is
//! not for it, questions, commands, interruptions, and devices and a language model that fail. Nothing may be lost, nothing
//! may grow.
//!
//! Sound goes by files: silence and music are heard as fast as the ear takes them, and turns take the time that they take.
//! The loudspeaker plays at once but where somebody is to interrupt it.

mod house;
mod life;
mod plot;
mod trend;
mod watch;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hearken::audio::EAR_RATE;
use hearken::audio::file::{FileMicrophone, FileMicrophoneFeed, Pace};
use hearken::config::{Config, Mode};
use hearken::daemon::{self, Mind, Parts};
use hearken::event::{Bus, Event, TurnReport};
use hearken::listen::name::Name;
use hearken::speak;
use hearken::turn::order::{self, Order};
use hearken::weights::{Role, Store};
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use self::house::{Handles, House};
use self::life::{Life, Scene};
use self::watch::{Figures, Watch};
use super::talk::room::Room;
use super::wake::speakers::Speaker;
use super::wake::text::Talk;
use crate::cli::heap;
use crate::cli::process;
use crate::cli::signal::Stop;

/// Arguments of `hearken bench soak`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench soak --hours 1
  hearken bench soak --hours 24 --svg soak.svg")]
pub struct Args {
    /// So much audio, in hours
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1000))]
    hours: u32,
    /// Another life
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Draw memory, threads, descriptors and latency over time
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What somebody waits for comes within this, or is lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// After a turn it listens within this, if it does not already.
const LISTENS_WITHIN: Duration = Duration::from_secs(3);
/// Sound is fed in pieces of so many seconds, each when the one before has been heard.
const PIECE_S: usize = 30;
/// The share of calls in which the name may be missed, and one in any case.
const MOST_MISSED: f64 = 0.05;

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    let store = Store::new(&config.data_dir);
    daemon::open_onnx(&store)?;
    let mut config = config.clone();
    // There is no room: nothing of the replies comes back.
    config.echo.cancellation = false;
    config.attention.mode = Mode::Name;
    // Accelerated talk would all be said in the seconds after a reply.
    config.attention.follow_up_ms = 0;
    config.memory.conversation = false;
    let config = &config;
    let name = Name::new(&config.name)?;
    crate::cli::runtime()?.block_on(async {
        let stop = Stop::on_signals()?;
        let mind = Mind::open(config, &store).await?;
        mind.warm(config, &config.name);
        let outcome = live(args, config, &store, &mind, &name, &stop.token()).await;
        mind.stop().await;
        report(args, &outcome?)?;
        stop.outcome()
    })
}

async fn live(
    args: &Args,
    config: &Config,
    store: &Store,
    mind: &Mind,
    name: &Name,
    token: &CancellationToken,
) -> anyhow::Result<Figures> {
    let (microphone, feed) = FileMicrophone::new(Pace::AsFast);
    let house = House::new(Box::new(Room::new(microphone, args.seed)));
    let handles = house.handles.clone();
    let (parts, speaker, orders) = tokio::task::block_in_place(|| {
        let (orders, ordered) = order::channel();
        let parts = Parts {
            microphone: Box::new(house),
            vad: Box::new(daemon::open_vad(store)?),
            wake: daemon::open_wake(config, store)?,
            turn_end: daemon::turn_end_or_silence(config, store),
            transcriber: Box::new(daemon::open_transcriber(config, store)?),
            model: mind.model.clone(),
            voice: speak::open(config, store)?,
            speaker: Box::new(handles.loudspeaker.clone()),
            open_speaker: Some(handles.loudspeaker.reopened()),
            supervisor: None,
            orders: ordered,
            name_file: None,
            conversation_file: None,
            left_file: None,
            carried: None,
            mute_file: None,
            patience: daemon::PATIENCE,
        };
        let piper = store.locate("joe", Role::Voice)?;
        anyhow::Ok((parts, Speaker::piper(&piper, 100, 100)?, orders))
    })?;
    let bus = Bus::default();
    let events = bus.subscribe();
    tokio::spawn(heap::give_back(bus.subscribe()));
    let ending = CancellationToken::new();
    let conversation = daemon::run(parts, config, bus, ending.clone());
    let person = Person {
        feed,
        events,
        orders,
        handles,
        speaker,
        name: config.name.clone(),
        heard_s: 0.0,
        watch: Watch::default(),
        seen: Vec::new(),
    };
    let living = async {
        let lived = person
            .live(args, Talk::ordinary(args.seed, name), token)
            .await;
        ending.cancel();
        lived
    };
    let (ended, lived) = tokio::join!(conversation, living);
    ended?;
    lived
}

/// Who lives in the house.
struct Person {
    feed: FileMicrophoneFeed,
    events: Receiver<Event>,
    orders: mpsc::Sender<Order>,
    handles: Handles,
    speaker: Speaker,
    name: String,
    /// Seconds of sound so far.
    heard_s: f64,
    watch: Watch,
    /// What came in place of what was waited for.
    seen: Vec<String>,
}

impl Person {
    async fn live(
        mut self,
        args: &Args,
        mut talk: Talk,
        token: &CancellationToken,
    ) -> anyhow::Result<Figures> {
        let began = Instant::now();
        self.until("it to begin", |e| *e == Event::Ready).await?;
        let mut life = Life::new(args.seed);
        let bar = indicatif::ProgressBar::new(u64::from(args.hours)).with_style(
            indicatif::ProgressStyle::with_template("{bar:30} {pos}/{len} h {msg}")?,
        );
        for hour in 1..=args.hours {
            while self.heard_s < f64::from(hour) * 3600.0 && !token.is_cancelled() {
                let (around, seconds, scene) = life.next();
                self.hear(life.sound(around, seconds)).await?;
                self.play(scene, &mut talk, &mut life).await?;
            }
            if token.is_cancelled() {
                break;
            }
            let stuck = self.state().await? != "idle";
            self.watch.look(f64::from(hour), stuck);
            bar.set_position(hour.into());
            bar.set_message(self.watch.so_far());
        }
        bar.finish_and_clear();
        Ok(self.watch.figures(self.heard_s / 3600.0, began.elapsed()))
    }

    /// Something happens.
    async fn play(&mut self, scene: Scene, talk: &mut Talk, life: &mut Life) -> anyhow::Result<()> {
        self.watch.scene(&scene);
        match scene {
            Scene::Quiet => {}
            Scene::Talk => {
                let sentence = talk.sentence();
                self.say(&sentence).await?;
                // It is read and left alone; a call of the name would be answered.
                let over = |e: &Event| {
                    matches!(
                        e,
                        Event::Overheard | Event::NothingSaid { .. } | Event::TurnFinished(_)
                    )
                };
                match self.wait(over).await? {
                    Some(Event::TurnFinished(_)) => {
                        self.watch.false_wakes += 1;
                        self.listening().await?;
                    }
                    Some(_) => self.watch.overheard += 1,
                    None => self
                        .watch
                        .lost(format!("{sentence}: {}", self.seen.join(", "))),
                }
            }
            Scene::Question(question) => self.ask(question).await?,
            Scene::Command(command) => self.ask(command).await?,
            Scene::Interruption => self.interrupt().await?,
            Scene::MicrophoneGone => {
                self.handles.unplugged.store(true, Ordering::Relaxed);
                self.device("lost", |e| matches!(e, Event::DeviceLost { .. }))
                    .await?;
                self.handles.unplugged.store(false, Ordering::Relaxed);
                self.device("found", |e| matches!(e, Event::DeviceFound { .. }))
                    .await?;
                self.ask(life.question()).await?;
            }
            Scene::LoudspeakerGone => {
                self.handles.loudspeaker.unplug(true);
                self.device("lost", |e| matches!(e, Event::DeviceLost { .. }))
                    .await?;
                self.handles.loudspeaker.unplug(false);
                self.device("found", |e| matches!(e, Event::DeviceFound { .. }))
                    .await?;
                self.ask(life.question()).await?;
            }
            Scene::ModelKilled => {
                for child in process::children(std::process::id()) {
                    let child = nix::unistd::Pid::from_raw(child.cast_signed());
                    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL)?;
                }
                // The first reply may be a sentence about it; the second one is an answer.
                self.say(&format!("{}, {}", self.name, life.question()))
                    .await?;
                self.finished().await?;
                self.ask(life.question()).await?;
            }
        }
        Ok(())
    }

    /// Asks, and has the answer counted. Who is not heard to have called says it once more, as people do.
    async fn ask(&mut self, question: &str) -> anyhow::Result<()> {
        let mut heard = self.asked(question).await?;
        if heard.is_none() && self.taken_for_talk() {
            self.watch.missed += 1;
            heard = self.asked(question).await?;
        }
        match heard {
            Some(report) if report.failure.is_none() && !report.reply.is_empty() => {
                self.watch.answered(report.stages.first_played);
            }
            Some(report) => self.watch.lost(format!("{question}: {:?}", report.failure)),
            None => self.watch.lost(format!(
                "{question}: no answer, but {}",
                self.seen.join(", ")
            )),
        }
        Ok(())
    }

    async fn asked(&mut self, question: &str) -> anyhow::Result<Option<TurnReport>> {
        self.say(&format!("{}, {question}", self.name)).await?;
        self.finished().await
    }

    /// Whether what was said last was not heard to be for it. Where a turn began it was.
    fn taken_for_talk(&self) -> bool {
        let seen = |kind: &str| self.seen.iter().any(|event| event.starts_with(kind));
        seen("Overheard") && !seen("TurnStarted")
    }

    async fn story(&mut self) -> anyhow::Result<Option<Event>> {
        self.say(&format!("{}, tell me a long story.", self.name))
            .await?;
        self.wait(|e| matches!(e, Event::ClauseStarted { .. }))
            .await
    }

    /// Interrupts a reply. The call for it is said once more like any other.
    async fn interrupt(&mut self) -> anyhow::Result<()> {
        self.handles.loudspeaker.hold(true);
        let mut begun = self.story().await?;
        if begun.is_none() && self.taken_for_talk() {
            self.watch.missed += 1;
            begun = self.story().await?;
        }
        if begun.is_some() {
            self.say(&format!("{}, stop.", self.name)).await?;
            match self
                .wait(|e| matches!(e, Event::Interrupted { .. }))
                .await?
            {
                Some(_) => self.watch.interrupted += 1,
                None => self.watch.lost("an interruption".into()),
            }
        } else {
            self.watch
                .lost(format!("a story: {}", self.seen.join(", ")));
        }
        self.handles.loudspeaker.hold(false);
        self.finished().await?;
        Ok(())
    }

    /// Somebody says this.
    async fn say(&mut self, text: &str) -> anyhow::Result<()> {
        let samples = tokio::task::block_in_place(|| self.speaker.say(text))?;
        // What was before is over.
        while self.events.try_recv().is_ok() {}
        self.hear(samples).await
    }

    /// It sounds, piece by piece; returns when the last piece is being heard.
    async fn hear(&mut self, samples: Vec<f32>) -> anyhow::Result<()> {
        for piece in samples.chunks(PIECE_S * EAR_RATE as usize) {
            self.heard_s += piece.len() as f64 / f64::from(EAR_RATE);
            let begun = self.feed.play_timed(piece.to_vec());
            tokio::time::timeout(PATIENCE, begun)
                .await
                .context("the ear has stopped hearing")?
                .context("the ear has ended")?;
        }
        Ok(())
    }

    /// The next turn that is over.
    async fn finished(&mut self) -> anyhow::Result<Option<TurnReport>> {
        match self.wait(|e| matches!(e, Event::TurnFinished(_))).await? {
            Some(Event::TurnFinished(report)) => {
                self.listening().await?;
                Ok(Some(report))
            }
            _ => Ok(None),
        }
    }

    /// Returns when it listens again: what is said before that is not heard where nothing tells its own voice from others'. After an
    /// interruption it has listened all the time.
    async fn listening(&mut self) -> anyhow::Result<()> {
        let listens = self.wait(|e| *e == Event::Listening);
        match tokio::time::timeout(LISTENS_WITHIN, listens).await {
            Ok(heard) => heard.map(|_| ()),
            Err(_) => Ok(()),
        }
    }

    async fn device(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> anyhow::Result<()> {
        match self.wait(wanted).await? {
            Some(_) => self.watch.faults += 1,
            None => self.watch.lost(format!("a device was not {what}")),
        }
        Ok(())
    }

    /// The event that is wanted; an error when it does not come.
    async fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&Event) -> bool,
    ) -> anyhow::Result<Event> {
        match self.wait(wanted).await? {
            Some(event) => Ok(event),
            None => bail!("waited in vain for {what}"),
        }
    }

    async fn wait(&mut self, wanted: impl Fn(&Event) -> bool) -> anyhow::Result<Option<Event>> {
        self.seen.clear();
        let search = async {
            loop {
                match self.events.recv().await {
                    Ok(event) if wanted(&event) => return Ok(event),
                    Ok(Event::Echo(_)) => {}
                    Ok(event) => self.seen.push(format!("{event:?}")),
                    Err(RecvError::Lagged(_)) => {}
                    Err(error) => bail!("the conversation has ended: {error}"),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, search).await {
            Ok(event) => event.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn state(&mut self) -> anyhow::Result<&'static str> {
        // What was just said may still be looked at.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (asked, answer) = oneshot::channel();
            let given = self.orders.send(Order::Status(asked)).await;
            given.map_err(|_| anyhow::anyhow!("the conversation has ended"))?;
            let status = tokio::time::timeout(PATIENCE, answer).await??;
            if status.state == "idle" || Instant::now() > deadline {
                return Ok(status.state);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn report(args: &Args, figures: &Figures) -> anyhow::Result<()> {
    if let Some(file) = &args.svg {
        let text = plot::svg("hours of sound", figures.hours, &figures.curves())?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    match args.json {
        true => println!("{}", json!(figures)),
        false => print!("{}", figures.as_text()),
    }
    let grown: Vec<_> = figures
        .trends
        .iter()
        .filter(|trend| trend.is_a_leak())
        .map(|trend| trend.what)
        .collect();
    // The name may be missed as often as `hearken bench wake` is to miss it.
    let calls = figures.answered + figures.missed + figures.lost.len() as u64;
    let missed = figures.missed as f64 > (MOST_MISSED * calls as f64).max(1.0);
    match figures {
        Figures { lost, stuck: 0, .. } if lost.is_empty() && grown.is_empty() && !missed => Ok(()),
        Figures { lost, stuck, .. } => bail!(
            "lost: {}; stuck: {stuck}; said twice: {} of {calls}; growing: {}",
            lost.len(),
            figures.missed,
            grown.join(", ")
        ),
    }
}
