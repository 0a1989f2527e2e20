//! WAV files: any that a person may have in, plain 16-bit mono out.
//!
//! Runs on the thread of whoever calls it; reading takes as long as the disk does. The header is read here, because
//! files in the wild have wrong lengths (recorders that were killed, pipes), odd chunks and odd format blocks that
//! mean something all the same; `hound` then decodes and encodes the samples.

mod header;

use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Read};
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use self::header::{Header, plain_header, read_header};
use super::EAR_RATE;
use super::resample::Resampler;

/// Rates that a recording may have, in Hz: from below the telephone to beyond any sound card.
pub const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;

/// More mono samples than this are not kept in memory (1.4 GB): six hours at 16 kHz.
const MAX_SAMPLES: u64 = 6 * 3600 * EAR_RATE as u64;

/// A recording, mixed to mono.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Mono, -1.0 to 1.0, at [`Recording::rate`].
    pub samples: Vec<f32>,
    /// Of `samples`, in Hz.
    pub rate: u32,
    /// How many channels the file has.
    pub channels: u16,
    /// How long the recording is.
    pub seconds: f64,
    /// The file ends before its header says so; `samples` is what there is. Worth a warning.
    pub truncated: bool,
}

/// What is wrong with a WAV file.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// It cannot be opened or read. The path or its permissions are wrong.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// It is something else. Convert it first.
    #[error(
        "{path} is not a WAV file ({found}); convert it, for example with `ffmpeg -i {path} out.wav`"
    )]
    NotWav {
        /// The file.
        path: String,
        /// What it seems to be.
        found: String,
    },
    /// It is a WAV file whose header makes no sense.
    #[error("{path} is a damaged WAV file: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What makes no sense.
        reason: String,
    },
    /// It is a good WAV file with an encoding that is not read. Convert it first.
    #[error(
        "{path} holds {encoding}, which is not read; convert it, for example with `ffmpeg -i {path} -c:a pcm_s16le out.wav`"
    )]
    Unsupported {
        /// The file.
        path: String,
        /// The encoding's name.
        encoding: String,
    },
    /// There is no sound in it.
    #[error("{path} is empty: there is no sound in it")]
    Empty {
        /// The file.
        path: String,
    },
    /// It is longer than fits in memory. Cut it first.
    #[error("{path} is too long ({hours:.1} hours); cut it into pieces of at most two hours")]
    TooLong {
        /// The file.
        path: String,
        /// Its length.
        hours: f64,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {reason}")]
    Unwritable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
}

/// Reads a recording at its own rate, mixed to mono.
///
/// # Errors
/// Any [`WavError`] but `Unwritable`.
pub fn read(path: &Path) -> Result<Recording, WavError> {
    let (header, reader) = open(path)?;
    let rate = header.format.rate;
    let mut samples = Vec::new();
    let header = decode(path, header, reader, rate, &mut |block| {
        samples.extend_from_slice(block);
    })?;
    Ok(header.recording(samples, rate))
}

/// Reads a recording as the ear wants it: mono, 16 kHz.
///
/// # Errors
/// Any [`WavError`] but `Unwritable`.
pub fn read_for_ear(path: &Path) -> Result<Recording, WavError> {
    let (header, reader) = open(path)?;
    let mut resampler =
        Resampler::new(header.format.rate, EAR_RATE).map_err(|error| WavError::Damaged {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
    let mut samples = Vec::new();
    let header = decode(path, header, reader, EAR_RATE, &mut |block| {
        resampler.push(block, &mut samples);
    })?;
    resampler.finish(&mut samples);
    // Between two samples at full scale the sound may go beyond.
    for sample in &mut samples {
        *sample = sample.clamp(-1.0, 1.0);
    }
    Ok(header.recording(samples, EAR_RATE))
}

/// Writes a whole recording: 16 bit, mono.
///
/// # Errors
/// [`WavError::Unwritable`].
pub fn write(path: &Path, samples: &[f32], rate: u32) -> Result<(), WavError> {
    let mut writer = Writer::create(path, rate)?;
    writer.write(samples)?;
    writer.flush()
}

/// Opens a file and reads its header; the reader stands at the first byte of sound.
fn open(path: &Path) -> Result<(Header, BufReader<File>), WavError> {
    let unreadable = |error: std::io::Error| WavError::Unreadable {
        path: path.display().to_string(),
        reason: plain(&error),
    };
    // Before opening: to open a pipe that nobody writes to would wait for ever.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(WavError::Unreadable {
            path: path.display().to_string(),
            reason: "it is not a file".into(),
        });
    }
    if metadata.len() == 0 {
        return Err(WavError::Empty {
            path: path.display().to_string(),
        });
    }
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let header = read_header(&mut reader, metadata.len()).map_err(|fault| fault.at(path))?;
    Ok((header, reader))
}

/// Decodes the sound block by block, mixed to mono and cleaned of what is no number. `kept_rate` is the rate at which
/// the caller keeps it.
fn decode(
    path: &Path,
    mut header: Header,
    reader: BufReader<File>,
    kept_rate: u32,
    take: &mut dyn FnMut(&[f32]),
) -> Result<Header, WavError> {
    if header.frames() == 0 {
        return Err(WavError::Empty {
            path: path.display().to_string(),
        });
    }
    if header.seconds() * f64::from(kept_rate) > MAX_SAMPLES as f64 {
        return Err(WavError::TooLong {
            path: path.display().to_string(),
            hours: header.seconds() / 3600.0,
        });
    }
    let decoder = Cursor::new(plain_header(&header)).chain(reader.take(header.bytes));
    let mut decoder = WavReader::new(decoder).map_err(|error| WavError::Damaged {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    let channels = usize::from(header.format.channels);
    let frames = if header.format.float {
        mix(
            decoder.samples::<f32>().map_while(Result::ok),
            channels,
            take,
        )
    } else {
        let scale = 1.0 / (1u64 << (u32::from(header.format.width) * 8 - 1)) as f64;
        let samples = decoder.samples::<i32>().map_while(Result::ok);
        mix(
            samples.map(|sample| (f64::from(sample) * scale) as f32),
            channels,
            take,
        )
    };
    if frames < header.frames() {
        // The disk gave less than it promised a moment ago.
        header.bytes = frames * header.format.frame();
        header.truncated = true;
    }
    Ok(header)
}

/// Averages each frame of `channels` samples, hands the result on in blocks, and returns how many frames there were.
fn mix(
    mut samples: impl Iterator<Item = f32>,
    channels: usize,
    take: &mut dyn FnMut(&[f32]),
) -> u64 {
    const BLOCK: usize = 4096;
    let mut block = Vec::with_capacity(BLOCK);
    let mut frames = 0;
    loop {
        let mut sum = 0.0;
        let mut count = 0;
        for sample in samples.by_ref().take(channels) {
            sum += if sample.is_finite() { sample } else { 0.0 };
            count += 1;
        }
        if count == channels {
            block.push((sum / channels as f32).clamp(-1.0, 1.0));
            frames += 1;
        }
        if block.len() == BLOCK || count < channels {
            take(&block);
            block.clear();
        }
        if count < channels {
            return frames;
        }
    }
}

/// The system's words without its numbers.
fn plain(error: &std::io::Error) -> String {
    let words = error.to_string();
    match words.find(" (os error") {
        Some(end) => words[..end].to_lowercase(),
        None => words,
    }
}

/// Writes mono, 16 bit, in pieces; the file on disk is a good WAV after each [`Writer::flush`].
pub struct Writer {
    path: String,
    inner: WavWriter<BufWriter<File>>,
}

impl Writer {
    /// Creates the file, or empties the one that is there.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn create(path: &Path, rate: u32) -> Result<Self, WavError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let path_text = path.display().to_string();
        match WavWriter::create(path, spec) {
            Ok(inner) => {
                let mut writer = Self {
                    path: path_text,
                    inner,
                };
                writer.flush()?;
                Ok(writer)
            }
            Err(error) => Err(unwritable(&path_text, error)),
        }
    }

    /// Appends samples; what is beyond ±1.0 is clipped.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn write(&mut self, samples: &[f32]) -> Result<(), WavError> {
        for sample in samples {
            let sample = if sample.is_finite() { *sample } else { 0.0 };
            let value = (sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
            self.inner
                .write_sample(value)
                .map_err(|error| unwritable(&self.path, error))?;
        }
        Ok(())
    }

    /// Brings everything so far to the file, header included.
    ///
    /// # Errors
    /// [`WavError::Unwritable`].
    pub fn flush(&mut self) -> Result<(), WavError> {
        self.inner
            .flush()
            .map_err(|error| unwritable(&self.path, error))
    }
}

fn unwritable(path: &str, error: hound::Error) -> WavError {
    let reason = match &error {
        hound::Error::IoError(error) => plain(error),
        other => other.to_string(),
    };
    WavError::Unwritable {
        path: path.into(),
        reason,
    }
}

#[cfg(test)]
mod tests;
