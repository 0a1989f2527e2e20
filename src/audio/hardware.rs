//! Real microphones and loudspeakers: cpal in, rodio out. The only file (with its folder) that names either.
//!
//! The callbacks (`callback`) run on the sound system's threads. What they notice they count; the ear and the player,
//! which own the handles here, read the counts and speak of them. Nothing in this folder blocks for longer than its
//! caller allows: a sound system can hang.

#[cfg(target_os = "linux")]
mod alsa_silence;
mod callback;
mod lookup;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, SampleFormat, StreamConfig, SupportedStreamConfig};
use rodio::{DeviceSinkBuilder, DeviceSinkError, MixerDeviceSink};
use rtrb::Consumer;

pub use self::callback::{Feed, Line, Sink, Source};
pub use self::lookup::{DEFAULT, Format, format, list};

use self::callback::Pulse;
use self::lookup::{Held, Refusal, answered, find, input_config};
use super::devices::Role;
use super::far_end::FarEnd;
use super::resample::Resampler;
use super::{EAR_RATE, Microphone, MicrophoneError, Speaker, SpeakerError};

/// What is asked of a microphone at a time: short against the endpoint's hangover, long enough for a busy machine.
const MICROPHONE_PERIOD: Duration = Duration::from_millis(20);
/// What is asked of a loudspeaker at a time. Two of them lie between the ring and the air; with 30 ms, a machine whose
/// cores are all busy with models left gaps.
const SPEAKER_PERIOD: Duration = Duration::from_millis(40);
/// So much is kept for an ear that is late.
const MICROPHONE_RING: Duration = Duration::from_secs(10);
/// So much the player writes ahead.
const SPEAKER_RING: Duration = Duration::from_millis(300);
/// How often an empty ring is looked at: the callback must not wake anybody.
const GLANCE: Duration = Duration::from_millis(4);

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
            if let Some(reason) = self.pulse.check(&self.line, Instant::now()) {
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
        match self.pulse.check(&self.feed.line, Instant::now()) {
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

    fn set_gain(&mut self, gain: f32) {
        self.feed.set_gain(gain);
    }

    fn pause(&mut self, paused: bool) {
        self.feed.pause(paused);
    }

    fn far_end(&mut self) -> Option<FarEnd> {
        self.feed.far_end()
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

/// Whether there is a microphone of this name. It is not opened: some can be open only once, and it may be in use.
///
/// # Errors
/// [`MicrophoneError::NotFound`] when no device has the name. A sound system that does not answer is nobody's mistake.
pub fn find_microphone(name: &str) -> Result<(), MicrophoneError> {
    let asked = name.to_owned();
    match answered(move || find(&asked, Role::Microphone).map(drop)) {
        Some(Err(Refusal::Unknown(advice))) => Err(MicrophoneError::NotFound {
            name: name.into(),
            advice,
        }),
        _ => Ok(()),
    }
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
        pulse: Pulse::new(Instant::now()),
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
        pulse: Pulse::new(Instant::now()),
        rate: rate.get(),
        _stream: Held(Some(stream)),
    }))
}

fn samples_in(time: Duration, rate: u32) -> usize {
    (time.as_secs_f64() * f64::from(rate)) as usize
}
