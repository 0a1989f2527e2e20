//! The player on a scripted loudspeaker, whose time goes only when the test says so.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hearken::audio::loudness::Loudness;
use hearken::audio::{Speaker, SpeakerError};
use hearken::speak::chime::Chime;
use hearken::speak::player::{PlayItem, Played, Player, PlayerHandle, PlayerSettings, heard};
use hearken::speak::voice::{Speech, Voice, VoiceError};
use hearken::speak::worker::Synthesizer;
use tokio::sync::mpsc::Receiver;

/// Nothing here takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct State {
    /// Everything that was handed to the device.
    heard: Vec<f32>,
    /// Written and not yet handed over.
    ring: Vec<f32>,
    written: u64,
    played: u64,
    flushes: usize,
    broken: bool,
    gain: f32,
    paused: bool,
    loudness: Loudness,
}

impl Default for State {
    fn default() -> Self {
        Self {
            heard: Vec::new(),
            ring: Vec::new(),
            written: 0,
            played: 0,
            flushes: 0,
            broken: false,
            gain: 1.0,
            paused: false,
            loudness: Loudness::new(16_000),
        }
    }
}

/// The test's side of a scripted loudspeaker.
#[derive(Clone, Default)]
struct Desk {
    state: Arc<Mutex<State>>,
    gone: Arc<AtomicBool>,
}

struct Scripted {
    desk: Desk,
    rate: u32,
    room: usize,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn speaker(&self, rate: u32, room: usize) -> Box<dyn Speaker> {
        Box::new(Scripted {
            desk: self.clone(),
            rate,
            room,
        })
    }

    /// Waits until so many samples lie ready, and hands them to the device.
    async fn play(&self, count: usize) {
        let mut left = count;
        let handing = async {
            while left > 0 {
                {
                    let mut guard = self.state();
                    let state = &mut *guard;
                    let now = left.min(state.ring.len());
                    for sample in state.ring.drain(..now) {
                        state.heard.push(state.loudness.apply(sample, state.gain));
                    }
                    state.played += now as u64;
                    left -= now;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, handing).await.unwrap();
    }

    async fn until(&self, what: impl Fn(&State) -> bool) {
        let waiting = async {
            while !what(&self.state()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    }
}

impl Speaker for Scripted {
    fn rate(&self) -> u32 {
        self.rate
    }

    fn write(&mut self, samples: &[f32]) -> Result<usize, SpeakerError> {
        let mut state = self.desk.state();
        if state.broken {
            return Err(SpeakerError::Lost("unplugged".into()));
        }
        let count = samples.len().min(self.room - state.ring.len());
        state.ring.extend_from_slice(&samples[..count]);
        state.written += count as u64;
        Ok(count)
    }

    fn written(&self) -> u64 {
        self.desk.state().written
    }

    fn played(&self) -> u64 {
        self.desk.state().played
    }

    fn flush(&mut self) {
        let mut state = self.desk.state();
        state.ring.clear();
        state.played = state.written;
        state.flushes += 1;
    }

    fn set_gain(&mut self, gain: f32) {
        self.desk.state().gain = gain;
    }

    fn pause(&mut self, paused: bool) {
        self.desk.state().paused = paused;
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.desk.gone.store(true, Ordering::SeqCst);
    }
}

fn start(desk: &Desk, rate: u32, room: usize) -> (PlayerHandle, Receiver<Played>) {
    Player::spawn(
        desk.speaker(rate, room),
        PlayerSettings {
            volume_percent: 100,
        },
    )
    .unwrap()
}

fn clause(tag: u64, clause: usize, samples: usize) -> PlayItem {
    PlayItem {
        tag,
        clause,
        speech: Speech {
            samples: vec![0.5; samples],
            rate: 16_000,
        },
        text: "one two three four five six seven eight nine ten".into(),
    }
}

/// What happened, in short.
async fn next(reports: &mut Receiver<Played>) -> String {
    let report = tokio::time::timeout(PATIENCE, reports.recv())
        .await
        .unwrap();
    match report.unwrap() {
        Played::Started { tag, clause, .. } => format!("started {tag}.{clause}"),
        Played::Finished { tag, clause } => format!("finished {tag}.{clause}"),
        Played::Stopped {
            tag,
            clause,
            fraction,
            heard,
        } => {
            format!(
                "stopped {tag}.{clause} at {:.0} % {heard:?}",
                fraction * 100.0
            )
        }
        Played::Idle => "idle".into(),
        Played::Lost(error) => format!("lost: {error}"),
    }
}

#[tokio::test]
async fn clauses_start_and_finish_when_the_device_plays_them() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 100_000);
    player.play(clause(7, 0, 1_600)).await.unwrap();
    player.play(clause(7, 1, 800)).await.unwrap();
    desk.until(|state| state.written == 2_400).await;
    assert!(reports.try_recv().is_err(), "nothing was played yet");
    desk.play(1).await;
    assert_eq!(next(&mut reports).await, "started 7.0");
    desk.play(1_599).await;
    assert_eq!(next(&mut reports).await, "finished 7.0");
    desk.play(1).await;
    assert_eq!(next(&mut reports).await, "started 7.1");
    desk.play(799).await;
    assert_eq!(next(&mut reports).await, "finished 7.1");
    assert_eq!(next(&mut reports).await, "idle");
}

#[tokio::test]
async fn a_flush_stops_everything_and_says_what_was_heard() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 100_000);
    player.play(clause(1, 0, 16_000)).await.unwrap();
    player.play(clause(1, 1, 16_000)).await.unwrap();
    desk.until(|state| state.written == 32_000).await;
    desk.play(8_000).await;
    assert_eq!(next(&mut reports).await, "started 1.0");
    player.flush();
    assert_eq!(
        next(&mut reports).await,
        "stopped 1.0 at 50 % \"one two three four five\""
    );
    assert_eq!(next(&mut reports).await, "stopped 1.1 at 0 % \"\"");
    assert_eq!(next(&mut reports).await, "idle");
    assert_eq!(desk.state().heard.len(), 8_000);
    // What comes after the flush is played.
    player.play(clause(2, 0, 160)).await.unwrap();
    desk.play(160).await;
    assert_eq!(next(&mut reports).await, "started 2.0");
    assert_eq!(next(&mut reports).await, "finished 2.0");
    assert_eq!(next(&mut reports).await, "idle");
}

/// A reply that was stopped may be about to send a clause: it comes too late.
#[tokio::test]
async fn what_a_stopped_reply_still_sends_is_not_played() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 100_000);
    let line = player.line();
    line.play(clause(1, 0, 160)).await.unwrap();
    desk.play(160).await;
    assert_eq!(next(&mut reports).await, "started 1.0");
    assert_eq!(next(&mut reports).await, "finished 1.0");
    assert_eq!(next(&mut reports).await, "idle");
    player.flush();
    line.play(clause(1, 1, 800)).await.unwrap();
    player.play(clause(2, 0, 160)).await.unwrap();
    desk.until(|state| state.written >= 320).await;
    desk.play(160).await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "finished 2.0") {
        seen.push(next(&mut reports).await);
    }
    assert!(!seen.iter().any(|report| report.starts_with("started 1.")));
    assert_eq!(desk.state().heard.len(), 320);
}

#[tokio::test]
async fn what_waits_for_room_is_flushed_too() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 1_000);
    player.play(clause(1, 0, 16_000)).await.unwrap();
    player.play(clause(1, 1, 16_000)).await.unwrap();
    let third = tokio::spawn({
        let player = player.clone();
        async move { player.play(clause(1, 2, 16_000)).await }
    });
    desk.until(|state| state.written == 1_000).await;
    tokio::task::yield_now().await;
    player.flush();
    assert_eq!(next(&mut reports).await, "stopped 1.0 at 0 % \"\"");
    let mut stopped = 0;
    while stopped < 2 {
        let report = next(&mut reports).await;
        stopped += usize::from(report.starts_with("stopped"));
        assert!(
            report.starts_with("stopped") || report == "idle",
            "{report}"
        );
    }
    third.await.unwrap().unwrap();
    assert!(desk.state().heard.is_empty());
}

#[tokio::test]
async fn a_lost_loudspeaker_is_told_and_another_takes_its_place() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 100_000);
    player.play(clause(1, 0, 16_000)).await.unwrap();
    desk.play(4_000).await;
    assert_eq!(next(&mut reports).await, "started 1.0");
    desk.state().broken = true;
    assert_eq!(next(&mut reports).await, "stopped 1.0 at 25 % \"one two\"");
    assert_eq!(
        next(&mut reports).await,
        "lost: the loudspeaker is gone: unplugged"
    );
    assert_eq!(next(&mut reports).await, "idle");
    player.play(clause(1, 1, 16_000)).await.unwrap();
    assert_eq!(next(&mut reports).await, "stopped 1.1 at 0 % \"\"");
    assert_eq!(next(&mut reports).await, "idle");
    let other = Desk::default();
    player
        .replace(other.speaker(16_000, 100_000))
        .await
        .unwrap();
    player.play(clause(2, 0, 100)).await.unwrap();
    other.play(100).await;
    assert_eq!(next(&mut reports).await, "started 2.0");
    assert_eq!(next(&mut reports).await, "finished 2.0");
}

#[tokio::test]
async fn sound_is_brought_to_the_speakers_rate_and_never_beyond_full_scale() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 48_000, 100_000);
    player.set_volume(150);
    desk.state().loudness = Loudness::new(48_000);
    let mut loud = clause(1, 0, 0);
    loud.speech.samples = (0..22_050).map(|i| (i as f32 * 0.1).sin()).collect();
    loud.speech.rate = 22_050;
    player.play(loud).await.unwrap();
    desk.until(|state| state.written >= 47_900).await;
    desk.play(47_900).await;
    assert_eq!(next(&mut reports).await, "started 1.0");
    let state = desk.state();
    let peak = state.heard.iter().fold(0.0f32, |p, x| p.max(x.abs()));
    assert!((0.95..=1.0).contains(&peak), "{peak}");
    assert!(state.written <= 48_100, "{}", state.written);
}

/// Who was quiet for somebody who spoke is not quiet at the beginning of the next sound.
#[tokio::test]
async fn loudness_that_is_set_while_nothing_plays_does_not_wait_for_the_next_sound() {
    let desk = Desk::default();
    let (player, _reports) = start(&desk, 16_000, 1_000);
    player.duck(12.0);
    desk.until(|state| state.gain < 0.3).await;
    player.duck(0.0);
    desk.until(|state| state.gain == 1.0).await;
}

#[tokio::test]
async fn loudness_changes_without_a_step() {
    let desk = Desk::default();
    // All is written long before it is played: a change is heard at once all the same.
    let (player, mut reports) = start(&desk, 16_000, 100_000);
    player.play(clause(1, 0, 16_000)).await.unwrap();
    desk.until(|state| state.written == 16_000).await;
    desk.play(4_000).await;
    player.duck(20.0);
    desk.until(|state| (state.gain - 0.1).abs() < 1e-6).await;
    desk.play(4_000).await;
    player.duck(0.0);
    player.set_volume(0);
    desk.until(|state| state.gain == 0.0).await;
    desk.play(8_000).await;
    assert_eq!(next(&mut reports).await, "started 1.0");
    assert_eq!(next(&mut reports).await, "finished 1.0");
    let state = desk.state();
    let steepest = state
        .heard
        .windows(2)
        .map(|p| (p[1] - p[0]).abs())
        .fold(0.0, f32::max);
    assert!(steepest < 0.01, "{steepest}");
    assert!((state.heard[3_999] - 0.5).abs() < 1e-4);
    // Down within 15 ms.
    assert!(
        (state.heard[4_240] - 0.05).abs() < 1e-3,
        "{}",
        state.heard[4_240]
    );
    assert_eq!(state.heard[15_999], 0.0);
}

#[tokio::test]
async fn a_paused_player_writes_nothing_and_goes_on_where_it_was() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 1_000);
    player.play(clause(1, 0, 4_000)).await.unwrap();
    desk.play(800).await;
    assert_eq!(next(&mut reports).await, "started 1.0");
    player.pause(true);
    desk.until(|state| state.paused).await;
    let written = desk.state().written;
    assert!(written < 4_000);
    // What it was given may still be played by a speaker that cannot hold back; nothing is added.
    let left = desk.state().ring.len();
    desk.play(left).await;
    player.duck(6.0);
    desk.until(|state| state.gain < 0.6).await;
    assert_eq!(desk.state().written, written);
    assert!(reports.try_recv().is_err(), "a pause is no end");
    player.duck(0.0);
    player.pause(false);
    desk.play(4_000 - usize::try_from(written).unwrap()).await;
    assert_eq!(next(&mut reports).await, "finished 1.0");
    assert_eq!(next(&mut reports).await, "idle");
    assert_eq!(desk.state().heard.len(), 4_000);
}

#[tokio::test]
async fn a_flush_during_a_pause_discards_and_what_follows_waits() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 1_000);
    player.play(clause(1, 0, 4_000)).await.unwrap();
    desk.play(400).await;
    assert_eq!(next(&mut reports).await, "started 1.0");
    player.pause(true);
    desk.until(|state| state.paused).await;
    player.flush();
    assert_eq!(next(&mut reports).await, "stopped 1.0 at 10 % \"one\"");
    assert_eq!(next(&mut reports).await, "idle");
    let written = desk.state().written;
    player.play(clause(2, 0, 160)).await.unwrap();
    // The player has looked at it, and at this.
    player.duck(6.0);
    desk.until(|state| state.gain < 0.6).await;
    assert_eq!(desk.state().written, written);
    player.pause(false);
    desk.play(160).await;
    assert_eq!(next(&mut reports).await, "started 2.0");
    assert_eq!(next(&mut reports).await, "finished 2.0");
}

#[tokio::test]
async fn a_clause_without_sound_begins_and_ends() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 1_000);
    player.play(clause(1, 0, 0)).await.unwrap();
    assert_eq!(next(&mut reports).await, "started 1.0");
    assert_eq!(next(&mut reports).await, "finished 1.0");
    assert_eq!(next(&mut reports).await, "idle");
    let mut odd = clause(1, 1, 10);
    odd.speech.rate = 0;
    player.play(odd).await.unwrap();
    assert_eq!(next(&mut reports).await, "stopped 1.1 at 0 % \"\"");
}

#[tokio::test]
async fn a_chime_is_heard_and_only_its_end_reported() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 100_000);
    assert!(player.chime(Chime::Listening));
    let length = Chime::Listening.samples(16_000).len();
    desk.play(length).await;
    assert_eq!(next(&mut reports).await, "idle");
}

#[tokio::test]
async fn no_report_is_lost_on_a_reader_that_sleeps() {
    let desk = Desk::default();
    let (player, mut reports) = start(&desk, 16_000, 1_000);
    let feeding = tokio::spawn({
        let player = player.clone();
        async move {
            for index in 0..100 {
                player.play(clause(1, index, 0)).await.unwrap();
            }
        }
    });
    let mut finished = 0;
    while finished < 100 {
        let report = next(&mut reports).await;
        if let Some(index) = report.strip_prefix("finished 1.") {
            assert_eq!(index, finished.to_string());
            finished += 1;
        }
    }
    feeding.await.unwrap();
}

#[tokio::test]
async fn the_thread_ends_with_its_last_handle() {
    let desk = Desk::default();
    let (player, reports) = start(&desk, 16_000, 1_000);
    player.play(clause(1, 0, 16_000)).await.unwrap();
    desk.until(|state| state.written == 1_000).await;
    drop(player);
    drop(reports);
    let gone = async {
        while !desk.gone.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    assert_eq!(desk.state().flushes, 1);
}

#[test]
fn heard_words_are_whole_words() {
    let text = "Paris is the capital.";
    assert_eq!(heard(text, 0.0), "");
    assert_eq!(heard(text, 0.2), "");
    assert_eq!(heard(text, 0.25), "Paris");
    assert_eq!(heard(text, 0.5), "Paris is");
    assert_eq!(heard(text, 1.0), text);
    assert_eq!(heard(text, f32::NAN), "");
    assert_eq!(heard("", 0.5), "");
    assert_eq!(
        heard("대한민국의 수도는 서울입니다", 0.6),
        "대한민국의 수도는"
    );
}

struct Slow(Arc<Mutex<Vec<String>>>);

impl Voice for Slow {
    fn say(&mut self, text: &str) -> Result<Speech, VoiceError> {
        self.0.lock().unwrap().push(text.into());
        match text {
            "bad" => Err(VoiceError::Failed("bad".into())),
            _ => Ok(Speech {
                samples: vec![0.1; text.len()],
                rate: 16_000,
            }),
        }
    }

    fn set_rate(&mut self, percent: u32) {
        self.0.lock().unwrap().push(format!("{percent} %"));
    }

    fn name(&self) -> String {
        "slow".into()
    }
}

#[tokio::test]
async fn the_voice_says_in_order_and_skips_what_is_called_off() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let voice = Synthesizer::spawn(Box::new(Slow(Arc::clone(&said)))).unwrap();
    let go = Arc::new(AtomicBool::new(false));
    let off = Arc::new(AtomicBool::new(true));
    let first = voice
        .say("hello".into(), "", Arc::clone(&go))
        .await
        .unwrap();
    assert_eq!(first.samples.len(), 5);
    let called_off = voice.say("never".into(), "", off).await;
    assert!(matches!(called_off, Err(VoiceError::Aborted)));
    let failed = voice.say("bad".into(), "", Arc::clone(&go)).await;
    assert!(matches!(failed, Err(VoiceError::Failed(_))));
    assert!(voice.say("again".into(), "", go).await.is_ok());
    assert_eq!(*said.lock().unwrap(), ["hello", "bad", "again"]);
}

#[tokio::test]
async fn the_voice_is_told_its_speed_once_and_before_the_next_clause() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let voice = Synthesizer::spawn(Box::new(Slow(Arc::clone(&said)))).unwrap();
    let say = async |text: &str| {
        let go = Arc::new(AtomicBool::new(false));
        voice.say(text.into(), "", go).await.unwrap();
    };
    say("usual").await;
    voice.set_rate(80);
    voice.set_rate(1_000);
    say("quick").await;
    say("still").await;
    voice.clone().set_rate(100);
    say("usual").await;
    let said = said.lock().unwrap();
    assert_eq!(
        *said,
        ["usual", "200 %", "quick", "still", "100 %", "usual"]
    );
}
