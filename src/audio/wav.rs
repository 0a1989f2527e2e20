//! WAV files: any that a person may have in, plain 16-bit mono out.
//!
//! Runs on the thread of whoever calls it; reading takes as long as the disk does. The header is read here, because
//! files in the wild have wrong lengths (recorders that were killed, pipes), odd chunks and odd format blocks that
//! mean something all the same; `hound` then decodes and encodes the samples.

use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::EAR_RATE;
use super::resample::Resampler;

/// Rates that a recording may have, in Hz: from below the telephone to beyond any sound card.
pub const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;

/// More mono samples than this are not kept in memory (1.4 GB): six hours at 16 kHz.
const MAX_SAMPLES: u64 = 6 * 3600 * EAR_RATE as u64;

/// More channels than this are a broken header, not a recording.
const MAX_CHANNELS: u16 = 256;

/// Lengths from here on are what writers put when they do not know the length (pipes, streams).
const UNKNOWN_LENGTH: u32 = 0x7fff_0000;

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

/// The format block of a header, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Format {
    float: bool,
    channels: u16,
    rate: u32,
    /// Bytes that one sample of one channel takes.
    width: u16,
}

impl Format {
    fn frame(self) -> u64 {
        u64::from(self.width) * u64::from(self.channels)
    }
}

struct Header {
    format: Format,
    /// Bytes of sound, whole frames only.
    bytes: u64,
    truncated: bool,
}

impl Header {
    fn frames(&self) -> u64 {
        self.bytes / self.format.frame()
    }

    fn seconds(&self) -> f64 {
        self.frames() as f64 / f64::from(self.format.rate)
    }

    fn recording(&self, samples: Vec<f32>, rate: u32) -> Recording {
        Recording {
            samples,
            rate,
            channels: self.format.channels,
            seconds: self.seconds(),
            truncated: self.truncated,
        }
    }
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

/// A fault in the header, not yet tied to a path.
enum Fault {
    NotWav(String),
    Damaged(String),
    Unsupported(String),
}

impl Fault {
    fn at(self, path: &Path) -> WavError {
        let path = path.display().to_string();
        match self {
            Self::NotWav(found) => WavError::NotWav { path, found },
            Self::Damaged(reason) => WavError::Damaged { path, reason },
            Self::Unsupported(encoding) => WavError::Unsupported { path, encoding },
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            Self::Damaged("it ends within its header".into())
        } else {
            Self::Damaged(plain(&error))
        }
    }
}

/// Walks the chunks up to the sound. `size` is the file's.
fn read_header(reader: &mut (impl Read + Seek), size: u64) -> Result<Header, Fault> {
    let mut magic = [0; 12];
    if size < 12 {
        return Err(Fault::NotWav("it is too short".into()));
    }
    reader.read_exact(&mut magic)?;
    if &magic[..4] != b"RIFF" || &magic[8..] != b"WAVE" {
        return Err(Fault::NotWav(kind_of(&magic).into()));
    }
    let riff_length = u64::from(le32(&magic[4..8]));
    let mut format = None;
    loop {
        let mut chunk = [0; 8];
        reader.read_exact(&mut chunk)?;
        let length = le32(&chunk[4..]);
        match &chunk[..4] {
            b"fmt " => {
                let mut body = vec![0; (length as usize).min(40)];
                reader.read_exact(&mut body)?;
                format = Some(parse_format(&body)?);
                reader
                    .seek_relative(i64::from(length) - body.len() as i64 + i64::from(length % 2))?;
            }
            b"data" => {
                let format = format.ok_or_else(|| {
                    Fault::Damaged("its sound comes before the description of it".into())
                })?;
                let start = reader.stream_position()?;
                let there = size.saturating_sub(start);
                return Ok(measure(
                    format,
                    length,
                    there,
                    riff_length + 8 >= start + there,
                ));
            }
            _ => {
                reader.seek(SeekFrom::Current(i64::from(length) + i64::from(length % 2)))?;
            }
        }
    }
}

/// How much sound there is, when the header claims `claimed` bytes and `there` follow it.
fn measure(format: Format, claimed: u32, there: u64, rest_is_accounted_for: bool) -> Header {
    // A writer that was killed leaves a length of 0, and a file that is longer than its header knows.
    let unknown = claimed >= UNKNOWN_LENGTH || (claimed == 0 && !rest_is_accounted_for);
    let bytes = if unknown {
        there
    } else {
        u64::from(claimed).min(there)
    };
    // hound counts in 32 bits.
    let bytes = bytes.min(u64::from(u32::MAX));
    Header {
        format,
        bytes: bytes - bytes % format.frame(),
        truncated: !unknown && u64::from(claimed) > there,
    }
}

fn parse_format(body: &[u8]) -> Result<Format, Fault> {
    if body.len() < 16 {
        return Err(Fault::Damaged("its format block is too short".into()));
    }
    let (mut tag, channels, rate) = (le16(&body[0..]), le16(&body[2..]), le32(&body[4..]));
    let (align, bits) = (le16(&body[12..]), le16(&body[14..]));
    if tag == 0xfffe && body.len() >= 26 {
        // WAVE_FORMAT_EXTENSIBLE: the real tag opens the sub-format's identifier.
        tag = le16(&body[24..]);
    }
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(Fault::Damaged(format!("it claims {channels} channels")));
    }
    if !RATES.contains(&rate) {
        return Err(Fault::Damaged(format!(
            "it claims a rate of {rate} Hz, outside {} to {} Hz",
            RATES.start(),
            RATES.end()
        )));
    }
    // The samples are as wide as their container; unused bits are the low ones.
    let width = if align % channels == 0 {
        align / channels
    } else {
        0
    };
    if bits == 0 || u32::from(bits) > u32::from(width) * 8 {
        return Err(Fault::Damaged(format!(
            "it claims {bits} bits a sample in frames of {align} bytes for {channels} channels"
        )));
    }
    let float = match tag {
        1 => false,
        3 => true,
        _ => return Err(Fault::Unsupported(encoding(tag))),
    };
    let known = if float {
        width == 4
    } else {
        (1..=4).contains(&width)
    };
    if !known {
        let kind = if float { "floating-point" } else { "integer" };
        return Err(Fault::Unsupported(format!(
            "{}-bit {kind} samples",
            width * 8
        )));
    }
    Ok(Format {
        float,
        channels,
        rate,
        width,
    })
}

/// The plainest header that says the same, for hound.
fn plain_header(header: &Header) -> Vec<u8> {
    let Format {
        float,
        channels,
        rate,
        width,
    } = header.format;
    // `measure` keeps the length within 32 bits; nothing reads the overall length.
    let length = u32::try_from(header.bytes).unwrap_or(u32::MAX);
    let align = width * channels;
    let mut bytes = Vec::with_capacity(44);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&length.saturating_add(36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16u32.to_le_bytes());
    bytes.extend_from_slice(&(if float { 3u16 } else { 1 }).to_le_bytes());
    bytes.extend_from_slice(&channels.to_le_bytes());
    bytes.extend_from_slice(&rate.to_le_bytes());
    bytes.extend_from_slice(&(rate * u32::from(align)).to_le_bytes());
    bytes.extend_from_slice(&align.to_le_bytes());
    bytes.extend_from_slice(&(width * 8).to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes
}

fn le16(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

fn le32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn encoding(tag: u16) -> String {
    match tag {
        0x0002 | 0x0011 => "ADPCM".into(),
        0x0006 => "A-law".into(),
        0x0007 => "\u{3bc}-law".into(),
        0x0050 | 0x0055 => "MPEG audio".into(),
        _ => format!("the encoding 0x{tag:04x}"),
    }
}

/// What the first 12 bytes of something that is no WAV look like.
fn kind_of(magic: &[u8; 12]) -> &'static str {
    match magic {
        [b'R', b'F', b'6', b'4', ..] => "it is RF64, the kind for more than 4 GB",
        [b'R', b'I', b'F', b'X', ..] => "it is big-endian RIFX",
        [b'R', b'I', b'F', b'F', ..] => "it is another kind of RIFF file",
        [b'f', b'L', b'a', b'C', ..] => "it looks like FLAC",
        [b'O', b'g', b'g', b'S', ..] => "it looks like Ogg",
        [b'I', b'D', b'3', ..] | [0xff, 0xfb | 0xf3 | 0xf2, ..] => "it looks like MP3",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "it looks like MP4",
        bytes
            if bytes
                .iter()
                .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) =>
        {
            "it looks like text"
        }
        _ => "its first bytes are not those of one",
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A header as a recorder writes it; everything can be set wrong.
    fn wav(
        tag: u16,
        channels: u16,
        rate: u32,
        align: u16,
        bits: u16,
        claimed: u32,
        data: &[u8],
    ) -> Vec<u8> {
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + claimed as u64).min(u64::from(u32::MAX)).to_le_bytes()[..4].iter());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16u32.to_le_bytes());
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(align.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend(claimed.to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn read_bytes(bytes: &[u8]) -> Result<Recording, WavError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path())
    }

    #[test]
    fn every_width_gives_the_same_samples() {
        let cases: [(u16, u16, Vec<u8>); 5] = [
            (1, 1, vec![128, 192, 64]),
            (
                1,
                2,
                [0i16, 16384, -16384]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
            ),
            (1, 3, vec![0, 0, 0, 0, 0, 0x40, 0, 0, 0xc0]),
            (
                1,
                4,
                [0i32, 1 << 30, -(1 << 30)]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
            ),
            (
                3,
                4,
                [0f32, 0.5, -0.5]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
            ),
        ];
        for (tag, width, data) in cases {
            let length = data.len() as u32;
            let recording =
                read_bytes(&wav(tag, 1, 8000, width, width * 8, length, &data)).unwrap();
            assert_eq!(
                recording.samples,
                [0.0, 0.5, -0.5],
                "tag {tag}, {width} bytes"
            );
            assert_eq!((recording.rate, recording.channels), (8000, 1));
            assert!(!recording.truncated);
        }
    }

    #[test]
    fn channels_are_averaged() {
        let data: Vec<u8> = [8192i16, 24576, 0, -16384]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let recording = read_bytes(&wav(1, 2, 44_100, 4, 16, 8, &data)).unwrap();
        assert_eq!(recording.samples, [0.5, -0.25]);
        assert_eq!(recording.channels, 2);
    }

    #[test]
    fn extensible_and_odd_chunks_are_understood() {
        let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
        bytes.extend(b"LIST\x03\0\0\0abc\0");
        bytes.extend(b"fmt ");
        bytes.extend(40u32.to_le_bytes());
        // 20 valid bits in 24, two channels.
        for value in [0xfffeu16, 2] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(48_000u32.to_le_bytes());
        bytes.extend(288_000u32.to_le_bytes());
        for value in [6u16, 24, 22, 20] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(3u32.to_le_bytes());
        bytes.extend([
            1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71,
        ]);
        bytes.extend(b"data");
        bytes.extend(6u32.to_le_bytes());
        bytes.extend([0, 0, 0x40, 0, 0, 0x40]);
        let recording = read_bytes(&bytes).unwrap();
        assert_eq!(recording.samples, [0.5]);
    }

    #[test]
    fn what_is_no_number_is_silence_and_what_is_too_loud_is_clipped() {
        let data: Vec<u8> = [f32::NAN, f32::INFINITY, 7.0, -7.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let recording = read_bytes(&wav(3, 1, 16_000, 4, 32, 16, &data)).unwrap();
        assert_eq!(recording.samples, [0.0, 0.0, 1.0, -1.0]);
    }

    #[test]
    fn a_truncated_file_gives_what_is_there_and_says_so() {
        let recording =
            read_bytes(&wav(1, 1, 16_000, 2, 16, 1000, &[0, 0x40, 0, 0x40, 9])).unwrap();
        assert_eq!(recording.samples, [0.5, 0.5]);
        assert!(recording.truncated);
        assert_eq!(recording.seconds, 2.0 / 16_000.0);
    }

    #[test]
    fn a_length_that_nobody_knew_is_found() {
        for claimed in [0, 0x7fff_ffff, u32::MAX] {
            let mut bytes = wav(1, 1, 16_000, 2, 16, claimed, &[0, 0x40, 0, 0xc0]);
            bytes[4..8].copy_from_slice(&36u32.to_le_bytes());
            let recording = read_bytes(&bytes).unwrap();
            assert_eq!(recording.samples, [0.5, -0.5], "claims {claimed}");
            assert!(!recording.truncated);
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        let cases: [(Vec<u8>, &str); 13] = [
            (vec![], "is empty: there is no sound in it"),
            (wav(1, 1, 16_000, 2, 16, 0, &[]), "is empty"),
            (
                b"hello, this is a text".to_vec(),
                "is not a WAV file (it looks like text)",
            ),
            (b"RIFF".to_vec(), "is not a WAV file (it is too short)"),
            (b"OggS\0\0\0\0\0\0\0\0\0".to_vec(), "it looks like Ogg"),
            (wav(1, 0, 16_000, 2, 16, 4, &[0; 4]), "it claims 0 channels"),
            (
                wav(1, 60_000, 16_000, 2, 16, 4, &[0; 4]),
                "it claims 60000 channels",
            ),
            (wav(1, 1, 0, 2, 16, 4, &[0; 4]), "it claims a rate of 0 Hz"),
            (
                wav(1, 1, u32::MAX, 2, 16, 4, &[0; 4]),
                "it claims a rate of 4294967295 Hz",
            ),
            (
                wav(1, 1, 16_000, 2, 99, 4, &[0; 4]),
                "it claims 99 bits a sample",
            ),
            (
                wav(7, 1, 8_000, 1, 8, 4, &[0; 4]),
                "holds \u{3bc}-law, which is not read",
            ),
            (
                wav(3, 1, 8_000, 8, 64, 8, &[0; 8]),
                "64-bit floating-point samples",
            ),
            (
                wav(1, 1, 16_000, 2, 16, 4, &[])[..30].to_vec(),
                "it ends within its header",
            ),
        ];
        for (bytes, expected) in cases {
            let message = read_bytes(&bytes).unwrap_err().to_string();
            assert!(message.contains(expected), "{message} lacks {expected}");
            assert!(!message.contains('\n'));
        }
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read(folder.path()),
            Err(WavError::Unreadable { .. })
        ));
        assert!(matches!(
            read(&folder.path().join("none.wav")),
            Err(WavError::Unreadable { .. })
        ));
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(read(&pipe), Err(WavError::Unreadable { .. })));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let samples: Vec<f32> = (0..4800).map(|n| (n as f32 * 0.05).sin() * 0.8).collect();
        write(file.path(), &samples, 48_000).unwrap();
        let recording = read(file.path()).unwrap();
        assert_eq!(recording.rate, 48_000);
        for (before, after) in samples.iter().zip(&recording.samples) {
            assert!((before - after).abs() < 1e-4);
        }
        let heard = read_for_ear(file.path()).unwrap();
        assert_eq!((heard.rate, heard.samples.len()), (16_000, 1600));
        assert_eq!(heard.seconds, 0.1);
    }

    #[test]
    fn a_file_that_was_never_finished_is_readable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = Writer::create(file.path(), 16_000).unwrap();
        writer.write(&[0.25; 100]).unwrap();
        writer.flush().unwrap();
        writer.write(&[0.25; 10]).unwrap();
        std::mem::forget(writer);
        let recording = read(file.path()).unwrap();
        assert_eq!(recording.samples.len(), 100);
    }

    #[test]
    fn a_full_disk_and_a_missing_folder_are_said() {
        if Path::new("/dev/full").exists() {
            let message = write(Path::new("/dev/full"), &[0.1; 100], 16_000)
                .unwrap_err()
                .to_string();
            assert_eq!(message, "cannot write /dev/full: no space left on device");
        }
        let message = write(Path::new("/nowhere/out.wav"), &[], 16_000)
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "cannot write /nowhere/out.wav: no such file or directory"
        );
    }
}
