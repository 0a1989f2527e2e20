//! What the sound system's own threads do: [`Sink::take`] for each block that comes in, [`Source`]'s `next` for each
//! sample that goes out, and [`Line::note`] for each error.
//!
//! Real-time: a ring and atomics, nothing else. No lock, no allocation, no log, no channel. `tests/callbacks.rs`
//! proves it with a counting allocator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpal::{ErrorKind, FromSample};
use rodio::{ChannelCount, SampleRate};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::audio::far_end::{FarEnd, Tap};
use crate::audio::loudness::Loudness;
use crate::audio::ring::{discard_until, fill_or_silence, push_or_count};

/// A device that has not called back for so long is gone, whatever it says: some never report it.
const STALLED: Duration = Duration::from_secs(2);
/// The same before its first callback: a Bluetooth headset changes its profile first.
const STARTING: Duration = Duration::from_secs(6);
/// The same while the sound system reports failures.
const FAILING: Duration = Duration::from_millis(500);

/// What a stream's callbacks tell their handle.
#[derive(Debug)]
pub struct Line {
    /// Grows with each callback (or frame): a sign of life.
    beats: AtomicU64,
    /// Samples that did not fit into the ring.
    pub(super) dropped: AtomicU64,
    /// Errors that need not mean anything.
    failures: AtomicU64,
    /// 0, or why the device is gone ([`FAULTS`]).
    fault: AtomicU8,
    /// Position up to which samples were played or discarded (loudspeaker).
    played: AtomicU64,
    /// Position up to which samples are to be discarded (loudspeaker).
    discard: AtomicU64,
    /// Bits of an `f32`: the loudness that is wanted (loudspeaker).
    gain: AtomicU32,
    /// Nothing is to be taken from the ring (loudspeaker).
    paused: AtomicBool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            beats: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            fault: AtomicU8::new(0),
            played: AtomicU64::new(0),
            discard: AtomicU64::new(0),
            gain: AtomicU32::new(1.0f32.to_bits()),
            paused: AtomicBool::new(false),
        }
    }
}

/// Why a device is gone, by number, so that an error callback only stores one.
const FAULTS: [(ErrorKind, &str); 5] = [
    (ErrorKind::DeviceNotAvailable, "it was disconnected"),
    (ErrorKind::HostUnavailable, "the sound server stopped"),
    (
        ErrorKind::StreamInvalidated,
        "the sound system changed its format",
    ),
    (
        ErrorKind::PermissionDenied,
        "the system no longer allows it",
    ),
    (
        ErrorKind::ResourceExhausted,
        "the system has run out of memory or threads",
    ),
];

impl Line {
    /// Stores an error of the stream. One that ends it is a fault at once; any other counts as a failure, and is
    /// serious only if the stream stops: ALSA's PulseAudio plugin, for one, reports failures while it starts.
    pub(super) fn note(&self, kind: ErrorKind) {
        match FAULTS.iter().position(|(known, _)| *known == kind) {
            Some(index) => self.fault.store(index as u8 + 1, Ordering::Release),
            None => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn fault(&self) -> Option<&'static str> {
        match self.fault.load(Ordering::Acquire) {
            0 => None,
            number => FAULTS.get(usize::from(number) - 1).map(|(_, words)| *words),
        }
    }
}

/// Watches [`Line::beats`] from the handle's thread.
pub(super) struct Pulse {
    beats: u64,
    failures: u64,
    at: Instant,
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            beats: 0,
            failures: 0,
            at: now,
        }
    }

    /// Why the stream is dead, if it is, at the time `now`.
    pub(super) fn check(&mut self, line: &Line, now: Instant) -> Option<&'static str> {
        if let Some(fault) = line.fault() {
            return Some(fault);
        }
        let beats = line.beats.load(Ordering::Relaxed);
        let failures = line.failures.load(Ordering::Relaxed);
        if beats != self.beats {
            (self.beats, self.failures, self.at) = (beats, failures, now);
            return None;
        }
        let still = now.saturating_duration_since(self.at);
        if failures != self.failures && still > FAILING && beats > 0 {
            Some("the sound system reports failures")
        } else if still > if beats == 0 { STARTING } else { STALLED } {
            Some("it has stopped answering")
        } else {
            None
        }
    }
}

/// What the input callback does: mixes to mono and pushes into the ring.
pub struct Sink {
    ring: Producer<f32>,
    channels: usize,
    line: Arc<Line>,
}

impl Sink {
    /// A sink for frames of `channels` samples, the ring's other end, and what the sink counts.
    pub fn new(channels: u16, capacity: usize) -> (Self, Consumer<f32>, Arc<Line>) {
        let (ring, consumer) = RingBuffer::new(capacity);
        let line = Arc::new(Line::default());
        let channels = usize::from(channels.max(1));
        (
            Self {
                ring,
                channels,
                line: line.clone(),
            },
            consumer,
            line,
        )
    }

    /// Takes one callback's worth of interleaved samples. Real-time safe.
    pub fn take<T: Copy>(&mut self, data: &[T])
    where
        f32: FromSample<T>,
    {
        let share = 1.0 / self.channels as f32;
        let mono = data.chunks_exact(self.channels).map(|frame| {
            let sum: f32 = frame.iter().map(|sample| f32::from_sample_(*sample)).sum();
            let mean = sum * share;
            if mean.is_finite() { mean } else { 0.0 }
        });
        let lost = push_or_count(&mut self.ring, mono);
        if lost > 0 {
            self.line.dropped.fetch_add(lost, Ordering::Relaxed);
        }
        self.line.beats.fetch_add(1, Ordering::Relaxed);
    }
}

/// A held voice fades by this factor from sample to sample, so that it does not click.
const HOLD: f32 = 0.98;
/// Below this (-120 dB of full scale) it is silence.
const INAUDIBLE: f32 = 1e-6;

/// What the output callback plays: the ring, as loud as is wanted, the same on each channel, and silence when it is
/// empty. What it plays it copies for the ear.
pub struct Source {
    ring: Consumer<f32>,
    channels: ChannelCount,
    rate: SampleRate,
    line: Arc<Line>,
    loudness: Loudness,
    tap: Tap,
    /// Which channel is next.
    channel: u16,
    /// The frame that is being played.
    current: f32,
    /// Of the oldest sample in the ring.
    position: u64,
}

impl Source {
    /// A source at the device's own rate and channels, and what feeds and flushes it.
    pub fn new(channels: ChannelCount, rate: SampleRate, capacity: usize) -> (Self, Feed) {
        let (producer, ring) = RingBuffer::new(capacity);
        let line = Arc::new(Line::default());
        let (tap, far_end) = Tap::new(rate.get());
        let feed = Feed {
            ring: producer,
            line: line.clone(),
            written: 0,
            far_end: Some(far_end),
        };
        let source = Self {
            ring,
            channels,
            rate,
            line,
            loudness: Loudness::new(rate.get()),
            tap,
            channel: 0,
            current: 0.0,
            position: 0,
        };
        (source, feed)
    }
}

impl Iterator for Source {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        if self.channel == 0 {
            let until = self.line.discard.load(Ordering::Acquire);
            if until > self.position {
                self.position = discard_until(&mut self.ring, self.position, until);
            }
            if self.line.paused.load(Ordering::Acquire) {
                self.current *= HOLD;
                // Never so small that it would cost the processor more.
                if self.current.abs() < INAUDIBLE {
                    self.current = 0.0;
                }
            } else {
                let mut frame = [0.0];
                self.position += fill_or_silence(&mut self.ring, &mut frame) as u64;
                let gain = f32::from_bits(self.line.gain.load(Ordering::Relaxed));
                self.current = self.loudness.apply(frame[0], gain);
            }
            self.tap.push(self.current);
            self.line.played.store(self.position, Ordering::Release);
            self.line.beats.fetch_add(1, Ordering::Relaxed);
        }
        self.channel = (self.channel + 1) % self.channels.get();
        Some(self.current)
    }
}

impl rodio::Source for Source {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> ChannelCount {
        self.channels
    }

    fn sample_rate(&self) -> SampleRate {
        self.rate
    }

    fn total_duration(&self) -> Option<Duration> {
        None
    }
}

/// The player's end of a [`Source`].
pub struct Feed {
    ring: Producer<f32>,
    pub(super) line: Arc<Line>,
    written: u64,
    far_end: Option<FarEnd>,
}

impl Feed {
    /// Takes what fits and returns how much that was.
    pub fn write(&mut self, samples: &[f32]) -> usize {
        let (taken, _rest) = self.ring.push_partial_slice(samples);
        self.written += taken.len() as u64;
        taken.len()
    }

    /// The position after the last sample taken.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The position up to which samples were played or discarded.
    pub fn played(&self) -> u64 {
        self.line.played.load(Ordering::Acquire)
    }

    /// How loud the source plays from its next frame on, with a ramp.
    pub fn set_gain(&mut self, gain: f32) {
        self.line.gain.store(gain.to_bits(), Ordering::Relaxed);
    }

    /// While true, the source takes nothing from the ring but what is to be discarded.
    pub fn pause(&mut self, paused: bool) {
        self.line.paused.store(paused, Ordering::Release);
    }

    /// What the source plays; given out once.
    pub fn far_end(&mut self) -> Option<FarEnd> {
        self.far_end.take()
    }

    /// Has the source discard everything written so far, from its next frame on.
    pub fn flush(&mut self) {
        self.line.discard.store(self.written, Ordering::Release);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn beat(line: &Line) {
        line.beats.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn a_stream_may_take_its_time_to_start() {
        let (line, start) = (Line::default(), Instant::now());
        let mut pulse = Pulse::new(start);
        line.note(ErrorKind::BackendError);
        assert_eq!(pulse.check(&line, start + Duration::from_secs(5)), None);
        assert!(pulse.check(&line, start + Duration::from_secs(7)).is_some());
        beat(&line);
        assert_eq!(pulse.check(&line, start + Duration::from_secs(7)), None);
    }

    #[test]
    fn a_stream_that_stops_is_dead_after_two_seconds() {
        let (line, start) = (Line::default(), Instant::now());
        let mut pulse = Pulse::new(start);
        for second in 1..10 {
            beat(&line);
            assert_eq!(
                pulse.check(&line, start + Duration::from_secs(second)),
                None
            );
        }
        assert_eq!(pulse.check(&line, start + Duration::from_secs(11)), None);
        assert!(
            pulse
                .check(&line, start + Duration::from_millis(11_100))
                .is_some()
        );
    }

    #[test]
    fn a_handle_that_was_not_used_for_long_finds_its_stream_alive() {
        let (line, start) = (Line::default(), Instant::now());
        let mut pulse = Pulse::new(start);
        beat(&line);
        assert_eq!(pulse.check(&line, start), None);
        beat(&line);
        assert_eq!(pulse.check(&line, start + Duration::from_secs(3600)), None);
    }

    #[test]
    fn failures_count_only_when_the_stream_stops() {
        let (line, start) = (Line::default(), Instant::now());
        let mut pulse = Pulse::new(start);
        beat(&line);
        line.note(ErrorKind::Xrun);
        assert_eq!(pulse.check(&line, start), None);
        line.note(ErrorKind::BackendError);
        assert_eq!(pulse.check(&line, start + Duration::from_millis(400)), None);
        assert!(
            pulse
                .check(&line, start + Duration::from_millis(600))
                .is_some()
        );
    }

    #[test]
    fn a_device_that_is_gone_is_gone_at_once() {
        let (line, start) = (Line::default(), Instant::now());
        let mut pulse = Pulse::new(start);
        beat(&line);
        line.note(ErrorKind::DeviceNotAvailable);
        assert_eq!(pulse.check(&line, start), Some("it was disconnected"));
    }

    #[test]
    fn the_sink_mixes_and_counts_what_does_not_fit() {
        let (mut sink, mut ring, line) = Sink::new(2, 2);
        sink.take(&[0.5f32, 0.25, f32::NAN, 1.0, 0.1, 0.1]);
        assert_eq!((ring.pop().unwrap(), ring.pop().unwrap()), (0.375, 0.0));
        assert_eq!(line.dropped.load(Ordering::Relaxed), 1);
        sink.take(&[i16::MIN, i16::MIN]);
        assert_eq!(ring.pop().unwrap(), -1.0);
        sink.take(&[u8::MAX, 1]);
        assert!(ring.pop().unwrap().abs() < 0.01);
    }

    #[test]
    fn a_flush_discards_to_the_sample() {
        let (channels, rate) = (
            ChannelCount::new(2).unwrap(),
            SampleRate::new(48_000).unwrap(),
        );
        let (source, mut feed) = Source::new(channels, rate, 8);
        let mut frames = source.step_by(2);
        assert_eq!(feed.write(&[0.1; 12]), 8);
        assert_eq!(frames.next(), Some(0.1));
        feed.flush();
        assert_eq!(feed.played(), 1);
        // The ring is still full: what comes after the flush has to wait for the next frame.
        assert_eq!(feed.write(&[0.2]), 1);
        assert_eq!(feed.write(&[0.2]), 0);
        assert_eq!(frames.next(), Some(0.2));
        assert_eq!((feed.played(), feed.written()), (9, 9));
        assert_eq!(frames.next(), Some(0.0));
    }

    #[test]
    fn a_pause_holds_and_loses_no_sample() {
        let (source, mut feed) = mono(16_000);
        let mut frames = source;
        let ramp: Vec<f32> = (1..=60).map(|n| n as f32 / 100.0).collect();
        assert_eq!(feed.write(&ramp), 60);
        let mut heard: Vec<f32> = frames.by_ref().take(20).collect();
        feed.pause(true);
        let held: Vec<f32> = frames.by_ref().take(1000).collect();
        assert!(held[0] < 0.2 && held[999] < 1e-6, "it fades");
        assert!(held.windows(2).all(|pair| pair[1] <= pair[0]));
        assert_eq!(feed.played(), 20);
        feed.pause(false);
        heard.extend(frames.by_ref().take(40));
        assert_eq!(heard, ramp);
    }

    #[test]
    fn a_flush_during_a_pause_discards_and_the_pause_goes_on() {
        let (mut frames, mut feed) = mono(16_000);
        feed.write(&[0.5; 30]);
        feed.pause(true);
        feed.flush();
        assert_eq!(frames.next(), Some(0.0));
        assert_eq!(feed.played(), 30);
        feed.write(&[0.25; 5]);
        assert!(frames.by_ref().take(100).all(|sample| sample == 0.0));
        feed.pause(false);
        assert_eq!(frames.next(), Some(0.25));
    }

    #[test]
    fn the_far_end_is_what_was_played() {
        let (channels, rate) = (
            ChannelCount::new(2).unwrap(),
            SampleRate::new(16_000).unwrap(),
        );
        let (source, mut feed) = Source::new(channels, rate, 1000);
        let mut far_end = feed.far_end().unwrap();
        assert!(feed.far_end().is_none());
        feed.write(&[0.5; 400]);
        feed.set_gain(0.25);
        let played: Vec<f32> = source.step_by(2).take(600).collect();
        let mut copied = Vec::new();
        far_end.read(&mut copied);
        assert_eq!(copied, played);
        assert_eq!(far_end.rate(), 16_000);
        assert!((played[399] - 0.125).abs() < 1e-6, "{}", played[399]);
        assert!(played[400..].iter().all(|sample| *sample == 0.0));
    }

    fn mono(rate: u32) -> (Source, Feed) {
        let channels = ChannelCount::new(1).unwrap();
        Source::new(channels, SampleRate::new(rate).unwrap(), 1000)
    }
}
