//! The child: the daemon's own pipeline in front of a recording that is played again and again, in real time.
//!
//! It prints `ready` when hearken listens, goes on until its standard input closes, and then prints what it heard. The
//! recording is read a second at a time, so that it takes no memory that a daemon would not.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use hearken::audio::EAR_RATE;
use hearken::audio::file::{FileMicrophone, FileMicrophoneFeed, Pace, WavSpeaker};
use hearken::config::{Config, Mode};
use hearken::daemon::{self, Mind, Parts};
use hearken::event::{Bus, Event};
use hearken::speak;
use hearken::weights::Store;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::cli::heap;
use crate::cli::signal::Stop;

/// What the child prints when it listens.
pub const READY: &str = "ready";

/// So much is fed ahead of the clock, in s: a feeder that is late makes no gap.
const AHEAD: usize = 3;

/// The file loudspeaker's rate: what Piper's medium voices speak at.
const OUT_RATE: u32 = 22_050;

/// What came of the sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Beginnings of what may be speech.
    pub speech: u32,
    /// Utterances for nobody: words to somebody else, or no words.
    pub overheard: u32,
    /// Utterances taken to be for hearken, answered in the end or not. In these scenes each is a mistake.
    pub taken: u32,
    /// Failures that the user would have been told of.
    pub failures: u32,
}

impl Heard {
    fn count(&mut self, event: &Event) {
        match event {
            Event::SpeechStarted => self.speech += 1,
            Event::Overheard | Event::NothingSaid { .. } => self.overheard += 1,
            Event::Transcribed { .. } | Event::Called => self.taken += 1,
            Event::Failed { .. } => self.failures += 1,
            _ => {}
        }
    }
}

/// Runs the daemon in front of `sound`: samples of 16 bit at the ear's rate, without a header.
pub fn run(sound: &Path, config: &Config) -> anyhow::Result<()> {
    let mut sound = File::open(sound).with_context(|| format!("{}", sound.display()))?;
    let mut config = config.clone();
    config.audio.chimes = false;
    config.attention.mode = Mode::Name;
    let config = &config;
    let store = Store::new(&config.data_dir);
    daemon::open_onnx(&store)?;
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out.wav");
    crate::cli::runtime()?.block_on(async {
        let stop = Stop::on_signals()?;
        let token = stop.token();
        let mind = Mind::open(config, &store).await?;
        mind.warm(config, &config.name);
        let (microphone, feed) = FileMicrophone::new(Pace::RealTime);
        let opened = tokio::task::block_in_place(|| {
            anyhow::Ok(Parts {
                microphone: Box::new(microphone),
                vad: Box::new(daemon::open_vad(&store)?),
                wake: daemon::open_wake(config, &store)?,
                turn_end: daemon::open_turn_end(config, &store)?,
                transcriber: Box::new(daemon::open_transcriber(config, &store)?),
                model: mind.model.clone(),
                voice: speak::open(config, &store)?,
                speaker: Box::new(WavSpeaker::create(&out, OUT_RATE, Pace::RealTime)?),
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
        });
        let outcome = match opened {
            Ok(parts) => {
                end_with_input(token.clone())?;
                let bus = Bus::default();
                let watching = tokio::spawn(watch(bus.subscribe()));
                tokio::spawn(heap::give_back(bus.subscribe()));
                let feeding = tokio::spawn(async move { play(&mut sound, &feed).await });
                let ending = daemon::run(parts, config, bus, token).await;
                feeding.abort();
                let heard = watching.await.unwrap_or_default();
                ending.map_err(anyhow::Error::from).and(Ok(heard))
            }
            Err(error) => Err(error),
        };
        mind.stop().await;
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&outcome?)?)?;
        stop.outcome()
    })
}

/// Stops everything when standard input closes: nobody measures any more.
fn end_with_input(token: CancellationToken) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("lifeline".into())
        .spawn(move || {
            let mut rest = [0; 16];
            while std::io::stdin()
                .read(&mut rest)
                .is_ok_and(|count| count > 0)
            {}
            token.cancel();
        })
        .map(drop)
}

/// Counts what happens, and says when hearken listens.
async fn watch(mut events: Receiver<Event>) -> Heard {
    let mut heard = Heard::default();
    loop {
        match events.recv().await {
            Ok(Event::Ready) => {
                // A parent that is gone closes the input too.
                let _ = writeln!(std::io::stdout(), "{READY}");
            }
            Ok(event) => heard.count(&event),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return heard,
        }
    }
}

/// Feeds the sound, round after round, until it is stopped.
async fn play(sound: &mut File, feed: &FileMicrophoneFeed) -> anyhow::Result<()> {
    for _ in 0..AHEAD {
        feed.play(second(sound)?);
    }
    let mut clock = tokio::time::interval(Duration::from_secs(1));
    loop {
        clock.tick().await;
        feed.play(second(sound)?);
    }
}

/// The next second of it, from the beginning again where it ends.
fn second(sound: &mut (impl Read + Seek)) -> anyhow::Result<Vec<f32>> {
    let mut bytes = vec![0; 2 * EAR_RATE as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match sound.read(&mut bytes[filled..])? {
            0 if sound.stream_position()? == 0 => anyhow::bail!("there is no sound to play"),
            0 => sound.rewind()?,
            count => filled += count,
        }
    }
    let sample = |b: &[u8]| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0;
    Ok(bytes.chunks_exact(2).map(sample).collect())
}

/// `sound` as [`run`] reads it.
pub fn bytes(sound: &[f32]) -> Vec<u8> {
    let sample = |s: &f32| ((s * 32_767.0) as i16).to_le_bytes();
    sound.iter().flat_map(sample).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_round_follows_the_other_without_a_gap() {
        let round: Vec<f32> = (0..24_000).map(|n| n as f32 / 32_768.0).collect();
        let mut file = Cursor::new(bytes(&round));
        let heard: Vec<f32> = (0..3).flat_map(|_| second(&mut file).unwrap()).collect();
        assert_eq!(heard.len(), 48_000);
        for (index, sample) in heard.iter().enumerate() {
            let said = round[index % round.len()];
            assert!((sample - said).abs() < 2e-4, "{index}: {sample}, {said}");
        }
        assert!(second(&mut Cursor::new(Vec::new())).is_err());
    }

    #[test]
    fn what_is_for_nobody_is_told_from_what_is_taken() {
        let mut heard = Heard::default();
        for event in [
            Event::SpeechStarted,
            Event::Overheard,
            Event::Called,
            Event::Listening,
        ] {
            heard.count(&event);
        }
        assert_eq!((heard.speech, heard.overheard, heard.taken), (1, 1, 1));
    }
}
