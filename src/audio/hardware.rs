//! Real microphones and loudspeakers: cpal in, rodio out. The only file that names either.
//!
//! Its callbacks ([`Sink::take`] and [`Source`]'s `next`) run on the sound system's threads and touch a ring and
//! atomics, nothing else: no lock, no allocation, no log, no channel. What they notice they count; the ear and the
//! player, which own the handles, read the counts and speak of them. `tests/callbacks.rs` proves it with a counting
//! allocator.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, SampleFormat, StreamConfig, SupportedStreamConfig};
use rodio::{ChannelCount, DeviceSinkBuilder, DeviceSinkError, MixerDeviceSink, SampleRate};
use rtrb::{Consumer, Producer, RingBuffer};

use super::devices::{self, Device, Role};
use super::resample::Resampler;
use super::ring::{discard_until, fill_or_silence, push_or_count};
use super::{EAR_RATE, Microphone, MicrophoneError, Speaker, SpeakerError};

/// What is asked of a microphone at a time: short against the endpoint's hangover, long enough for a busy machine.
const MICROPHONE_PERIOD: Duration = Duration::from_millis(20);
/// What is asked of a loudspeaker at a time. Two of them lie between the ring and the air.
const SPEAKER_PERIOD: Duration = Duration::from_millis(30);
/// So much is kept for an ear that is late.
const MICROPHONE_RING: Duration = Duration::from_secs(10);
/// So much the player writes ahead.
const SPEAKER_RING: Duration = Duration::from_millis(300);
/// A device that has not called back for so long is gone, whatever it says: some never report it.
const STALLED: Duration = Duration::from_secs(2);
/// The same before its first callback: a Bluetooth headset changes its profile first.
const STARTING: Duration = Duration::from_secs(6);
/// The same while the sound system reports failures.
const FAILING: Duration = Duration::from_millis(500);
/// A sound system that has not answered for so long is hung.
const OPENING: Duration = Duration::from_secs(8);
/// Closing a dead device is not waited for any longer than this.
const CLOSING: Duration = Duration::from_secs(1);
/// How often an empty ring is looked at: the callback must not wake anybody.
const GLANCE: Duration = Duration::from_millis(4);

/// What a stream's callbacks tell their handle.
#[derive(Debug, Default)]
pub struct Line {
    /// Grows with each callback (or frame): a sign of life.
    beats: AtomicU64,
    /// Samples that did not fit into the ring.
    dropped: AtomicU64,
    /// Errors that need not mean anything.
    failures: AtomicU64,
    /// 0, or why the device is gone ([`FAULTS`]).
    fault: AtomicU8,
    /// Position up to which samples were played or discarded (loudspeaker).
    played: AtomicU64,
    /// Position up to which samples are to be discarded (loudspeaker).
    discard: AtomicU64,
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
    fn note(&self, kind: ErrorKind) {
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
struct Pulse {
    beats: u64,
    failures: u64,
    at: Instant,
}

impl Pulse {
    fn new() -> Self {
        Self {
            beats: 0,
            failures: 0,
            at: Instant::now(),
        }
    }

    /// Why the stream is dead, if it is.
    fn check(&mut self, line: &Line) -> Option<&'static str> {
        if let Some(fault) = line.fault() {
            return Some(fault);
        }
        let beats = line.beats.load(Ordering::Relaxed);
        let failures = line.failures.load(Ordering::Relaxed);
        if beats != self.beats {
            (self.beats, self.failures, self.at) = (beats, failures, Instant::now());
            return None;
        }
        let still = self.at.elapsed();
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

/// What the output callback plays: the ring, the same on each channel, and silence when it is empty.
pub struct Source {
    ring: Consumer<f32>,
    channels: ChannelCount,
    rate: SampleRate,
    line: Arc<Line>,
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
        let feed = Feed {
            ring: producer,
            line: line.clone(),
            written: 0,
        };
        let source = Self {
            ring,
            channels,
            rate,
            line,
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
            let mut frame = [0.0];
            self.position += fill_or_silence(&mut self.ring, &mut frame) as u64;
            self.current = frame[0];
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
    line: Arc<Line>,
    written: u64,
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

    /// Has the source discard everything written so far, from its next frame on.
    pub fn flush(&mut self) {
        self.line.discard.store(self.written, Ordering::Release);
    }
}

struct CpalMicrophone {
    ring: Consumer<f32>,
    line: Arc<Line>,
    pulse: Pulse,
    rate: u32,
    resampler: Resampler,
    raw: Vec<f32>,
    _stream: Held<cpal::Stream>,
}

impl Microphone for CpalMicrophone {
    fn read(&mut self, out: &mut Vec<f32>, patience: Duration) -> Result<(), MicrophoneError> {
        let began = Instant::now();
        let before = out.len();
        loop {
            if let Ok(chunk) = self.ring.read_chunk(self.ring.slots()) {
                self.raw.extend(chunk);
                self.resampler.push(&self.raw, out);
                self.raw.clear();
            }
            if out.len() > before {
                return Ok(());
            }
            if let Some(reason) = self.pulse.check(&self.line) {
                return Err(MicrophoneError::Lost(reason.into()));
            }
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }

    fn dropped(&self) -> u64 {
        self.line.dropped.load(Ordering::Relaxed) * u64::from(EAR_RATE) / u64::from(self.rate)
    }
}

struct RodioSpeaker {
    feed: Feed,
    pulse: Pulse,
    rate: u32,
    _stream: Held<MixerDeviceSink>,
}

impl Speaker for RodioSpeaker {
    fn rate(&self) -> u32 {
        self.rate
    }

    fn write(&mut self, samples: &[f32]) -> Result<usize, SpeakerError> {
        match self.pulse.check(&self.feed.line) {
            Some(reason) => Err(SpeakerError::Lost(reason.into())),
            None => Ok(self.feed.write(samples)),
        }
    }

    fn written(&self) -> u64 {
        self.feed.written()
    }

    fn played(&self) -> u64 {
        self.feed.played()
    }

    fn flush(&mut self) {
        self.feed.flush();
    }
}

/// Opens a microphone by name, or `default`, at its own rate and channels.
///
/// # Errors
/// [`MicrophoneError::NotFound`] and [`MicrophoneError::Busy`].
pub fn open_microphone(name: &str) -> Result<Box<dyn Microphone>, MicrophoneError> {
    let asked = name.to_owned();
    answered(move || microphone(&asked))
        .unwrap_or(Err(Refusal::Hung))
        .map_err(|refusal| match refusal.words(name, Role::Microphone) {
            (true, advice) => MicrophoneError::NotFound {
                name: name.into(),
                advice,
            },
            (false, reason) => MicrophoneError::Busy {
                name: name.into(),
                reason,
            },
        })
}

/// Opens a loudspeaker by name, or `default`, at its own rate and channels.
///
/// # Errors
/// [`SpeakerError::NotFound`] and [`SpeakerError::Busy`].
pub fn open_speaker(name: &str) -> Result<Box<dyn Speaker>, SpeakerError> {
    let asked = name.to_owned();
    answered(move || speaker(&asked))
        .unwrap_or(Err(Refusal::Hung))
        .map_err(|refusal| match refusal.words(name, Role::Loudspeaker) {
            (true, advice) => SpeakerError::NotFound {
                name: name.into(),
                advice,
            },
            (false, reason) => SpeakerError::Busy {
                name: name.into(),
                reason,
            },
        })
}

fn microphone(name: &str) -> Result<Box<dyn Microphone>, Refusal> {
    let device = find(name, Role::Microphone)?;
    let supported = input_config(&device)?;
    let rate = supported.sample_rate();
    let resampler =
        Resampler::new(rate, EAR_RATE).map_err(|error| Refusal::Unfit(error.to_string()))?;
    // Some devices take no wish for a buffer's size.
    let fixed = BufferSize::Fixed(samples_in(MICROPHONE_PERIOD, rate) as u32);
    let build = |buffer_size| {
        let (sink, ring, line) = Sink::new(supported.channels(), samples_in(MICROPHONE_RING, rate));
        let stream = input_stream(&device, &supported, buffer_size, sink, line.clone())?;
        stream.play()?;
        Ok::<_, cpal::Error>((stream, ring, line))
    };
    let (stream, ring, line) = build(fixed).or_else(|_| build(BufferSize::Default))?;
    Ok(Box::new(CpalMicrophone {
        ring,
        line,
        pulse: Pulse::new(),
        rate,
        resampler,
        raw: Vec::new(),
        _stream: Held(Some(stream)),
    }))
}

/// Builds the input stream for whichever sample format the device has.
fn input_stream(
    device: &cpal::Device,
    supported: &SupportedStreamConfig,
    buffer_size: BufferSize,
    mut sink: Sink,
    line: Arc<Line>,
) -> Result<cpal::Stream, cpal::Error> {
    let config = StreamConfig {
        buffer_size,
        ..supported.config()
    };
    let failed = move |error: cpal::Error| line.note(error.kind());
    macro_rules! build {
        ($($format:ident $sample:ty),+) => {
            match supported.sample_format() {
                $(SampleFormat::$format => device.build_input_stream::<$sample, _, _>(
                    config, move |data, _| sink.take(data), failed, None),)+
                _ => Err(ErrorKind::UnsupportedConfig.into()),
            }
        };
    }
    build!(
        I8 i8, I16 i16, I24 cpal::I24, I32 i32, I64 i64, U8 u8, U16 u16, U24 cpal::U24, U32 u32, U64 u64,
        F32 f32, F64 f64
    )
}

/// The device's own format; one with samples that are numbers, should that be DSD.
fn input_config(device: &cpal::Device) -> Result<SupportedStreamConfig, cpal::Error> {
    let own = device.default_input_config()?;
    if !own.sample_format().is_dsd() {
        return Ok(own);
    }
    let mut others = device.supported_input_configs()?;
    let other = others.find(|range| !range.sample_format().is_dsd());
    Ok(other.map_or(own, |range| range.with_max_sample_rate()))
}

fn speaker(name: &str) -> Result<Box<dyn Speaker>, Refusal> {
    let device = find(name, Role::Loudspeaker)?;
    let supported = device.default_output_config()?;
    let (Some(channels), Some(rate)) = (
        NonZero::new(supported.channels()),
        NonZero::new(supported.sample_rate()),
    ) else {
        return Err(Refusal::Unfit("it has no channels".into()));
    };
    let fixed = BufferSize::Fixed(samples_in(SPEAKER_PERIOD, rate.get()) as u32);
    let build = |buffer_size| {
        let (source, feed) = Source::new(channels, rate, samples_in(SPEAKER_RING, rate.get()));
        let line = feed.line.clone();
        let mut stream = DeviceSinkBuilder::default()
            .with_device(device.clone())
            .with_supported_config(&supported)
            .with_buffer_size(buffer_size)
            .with_error_callback(move |error: cpal::Error| line.note(error.kind()))
            .open_stream()?;
        stream.log_on_drop(false);
        stream.mixer().add(source);
        Ok::<_, DeviceSinkError>((stream, feed))
    };
    let (stream, feed) = build(fixed).or_else(|_| build(BufferSize::Default))?;
    Ok(Box::new(RodioSpeaker {
        feed,
        pulse: Pulse::new(),
        rate: rate.get(),
        _stream: Held(Some(stream)),
    }))
}

fn samples_in(time: Duration, rate: u32) -> usize {
    (time.as_secs_f64() * f64::from(rate)) as usize
}

/// Why a device was not opened.
enum Refusal {
    /// No device of that name; the advice.
    Unknown(String),
    /// The sound system refused.
    System(cpal::Error),
    /// It opened and is of no use.
    Unfit(String),
    /// The sound system did not answer.
    Hung,
}

impl From<cpal::Error> for Refusal {
    fn from(error: cpal::Error) -> Self {
        Self::System(error)
    }
}

impl From<DeviceSinkError> for Refusal {
    fn from(error: DeviceSinkError) -> Self {
        match error {
            DeviceSinkError::PlayError(error)
            | DeviceSinkError::DefaultSinkConfigError(error)
            | DeviceSinkError::BuildError(error)
            | DeviceSinkError::SupportedConfigsError(error) => Self::System(error),
            DeviceSinkError::NoDevice => Self::System(ErrorKind::DeviceNotAvailable.into()),
            other => Self::Unfit(other.to_string()),
        }
    }
}

impl Refusal {
    /// Whether the device is absent (else it is there and refuses), and the sentence for the user.
    fn words(self, name: &str, role: Role) -> (bool, String) {
        let by_default = name == DEFAULT || name.is_empty();
        let (noun, group) = match role {
            Role::Microphone => ("record", "a microphone"),
            Role::Loudspeaker => ("play", "a loudspeaker"),
        };
        match self {
            Self::Unknown(advice) => (true, advice),
            Self::Unfit(reason) => (false, reason),
            Self::Hung => (
                false,
                format!("the sound system has not answered for {} s; restart it", OPENING.as_secs()),
            ),
            Self::System(error) => match error.kind() {
                ErrorKind::DeviceBusy => (false, "another program is using it; close that, or name another device".into()),
                ErrorKind::PermissionDenied => (
                    false,
                    "the system does not allow it; add your user to the group \"audio\" and log in again".into(),
                ),
                ErrorKind::UnsupportedOperation => {
                    (true, format!("it cannot {noun}; `hearken devices` lists what can"))
                }
                ErrorKind::UnsupportedConfig if !by_default => {
                    (false, "it offers no format that can be used; `hearken devices` lists others".into())
                }
                _ if by_default => (
                    true,
                    format!(
                        "neither a sound card nor a sound server answers; plug in {group}, or start PipeWire or \
                         PulseAudio, and look with `hearken devices`"
                    ),
                ),
                ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => {
                    (true, "it is not there now; plug it in, or choose another from `hearken devices`".into())
                }
                _ => (false, format!("the sound system refuses ({error})")),
            },
        }
    }
}

/// The name that means whatever the system is set to.
pub const DEFAULT: &str = "default";

/// The device that `name` means.
fn find(name: &str, role: Role) -> Result<cpal::Device, Refusal> {
    let host = host()?;
    let preset = match role {
        Role::Microphone => host.default_input_device(),
        Role::Loudspeaker => host.default_output_device(),
    };
    if name == DEFAULT || name.is_empty() {
        return preset.ok_or_else(|| Refusal::System(ErrorKind::DeviceNotAvailable.into()));
    }
    let known = known(&host)?;
    let names: Vec<Device> = known.iter().map(|(named, _)| named.clone()).collect();
    let chosen = devices::choose(name, &names, role).map_err(Refusal::Unknown)?;
    let position = names.iter().position(|named| named == chosen);
    position
        .and_then(|index| known.into_iter().nth(index))
        .map(|(_, device)| device)
        .ok_or_else(|| Refusal::System(ErrorKind::DeviceNotAvailable.into()))
}

/// All devices and how they are named; the default among them even where the sound system does not list it.
fn known(host: &cpal::Host) -> Result<Vec<(Device, cpal::Device)>, cpal::Error> {
    let mut known: Vec<(Device, cpal::Device)> = host
        .devices()?
        .filter_map(|device| Some((described(&device)?, device)))
        .collect();
    let preset = host
        .default_input_device()
        .or_else(|| host.default_output_device());
    if let Some(device) = preset
        && !known.iter().any(|(named, _)| named.name == DEFAULT)
    {
        let named = Device {
            name: DEFAULT.into(),
            description: "what the system is set to".into(),
            hears: true,
            plays: true,
        };
        known.push((named, device));
    }
    Ok(known)
}

fn described(device: &cpal::Device) -> Option<Device> {
    let id = device.id().ok()?;
    let description = device.description().ok()?;
    let words: Vec<&str> = description.extended().collect();
    // ALSA's identifier is what a person can type; elsewhere it is a number, and the name is.
    let name = if cfg!(target_os = "linux") {
        id.id()
    } else {
        description.name()
    };
    Some(Device {
        name: name.to_owned(),
        description: words
            .first()
            .copied()
            .unwrap_or(description.name())
            .to_owned(),
        hears: device.supports_input(),
        plays: device.supports_output(),
    })
}

/// All devices as the sound system names them, without opening any.
///
/// # Errors
/// A sentence, when the sound system does not answer.
pub fn list() -> Result<Vec<Device>, String> {
    let listed = answered(|| {
        Ok::<_, cpal::Error>(
            known(&host()?)?
                .into_iter()
                .map(|(named, _)| named)
                .collect(),
        )
    });
    match listed {
        Some(Ok(devices)) => Ok(devices),
        Some(Err(error)) => Err(format!("the sound system lists no devices: {error}")),
        None => Err("the sound system does not answer; restart it".into()),
    }
}

/// The format in which a device would be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// In Hz.
    pub rate: u32,
    /// How many channels.
    pub channels: u16,
    /// The lowest and highest rates that it takes, in Hz.
    pub rates: (u32, u32),
}

/// Asks a device (its exact name, or `default`) for its format; that opens it for a moment.
///
/// # Errors
/// A sentence, when it cannot be opened.
pub fn format(name: &str, role: Role) -> Result<Format, String> {
    let asked = name.to_owned();
    let probed = answered(move || {
        let device = find(&asked, role)?;
        let (own, ranges): (_, Vec<_>) = match role {
            Role::Microphone => (
                input_config(&device)?,
                device.supported_input_configs()?.collect(),
            ),
            Role::Loudspeaker => (
                device.default_output_config()?,
                device.supported_output_configs()?.collect(),
            ),
        };
        let lowest = ranges.iter().map(|range| range.min_sample_rate()).min();
        let highest = ranges.iter().map(|range| range.max_sample_rate()).max();
        let rate = own.sample_rate();
        Ok::<_, Refusal>(Format {
            rate,
            channels: own.channels(),
            rates: (lowest.unwrap_or(rate), highest.unwrap_or(rate)),
        })
    });
    probed
        .unwrap_or(Err(Refusal::Hung))
        .map_err(|refusal| refusal.words(name, role).1)
}

fn host() -> Result<cpal::Host, cpal::Error> {
    quieten();
    // Not `default_host`, which panics when there is none.
    let id = cpal::available_hosts().into_iter().next();
    cpal::host_from_id(id.ok_or(ErrorKind::HostUnavailable)?)
}

/// Runs `work` on a thread of its own and gives up on it when the sound system hangs.
fn answered<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    // One answer; when nobody waits any more it is dropped, device and all.
    let (sender, receiver) = sync_channel(1);
    let spawned = std::thread::Builder::new()
        .name("sound-open".into())
        .spawn(move || {
            let _ = sender.try_send(work());
        });
    spawned.ok()?;
    receiver.recv_timeout(OPENING).ok()
}

/// A stream that is closed on a thread of its own, because closing a dead device can hang.
struct Held<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Drop for Held<T> {
    fn drop(&mut self) {
        let Some(stream) = self.0.take() else { return };
        // Nothing is ever sent: that the sender is dropped says that the stream is.
        let (sender, receiver) = sync_channel::<()>(0);
        let closing = std::thread::Builder::new()
            .name("sound-close".into())
            .spawn(move || {
                drop(stream);
                drop(sender);
            });
        if closing.is_ok() && receiver.recv_timeout(CLOSING) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the sound system does not close a device; it is left behind");
        }
    }
}

/// Keeps ALSA from writing to the terminal: what matters of it comes back as an error.
fn quieten() {
    #[cfg(target_os = "linux")]
    super::alsa_silence::install();
}
