//! A WAV file's header: chunk by chunk up to the sound, forgiving where the meaning is clear.

use std::io::{Read, Seek};
use std::path::Path;

use super::{RATES, Recording, WavError, plain};

/// More channels than this are a broken header, not a recording.
const MAX_CHANNELS: u16 = 256;

/// Lengths from here on are what writers put when they do not know the length (pipes, streams).
const UNKNOWN_LENGTH: u32 = 0x7fff_0000;

/// The format block of a header, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Format {
    pub(super) float: bool,
    pub(super) channels: u16,
    pub(super) rate: u32,
    /// Bytes that one sample of one channel takes.
    pub(super) width: u16,
}

impl Format {
    pub(super) fn frame(self) -> u64 {
        u64::from(self.width) * u64::from(self.channels)
    }
}

pub(super) struct Header {
    pub(super) format: Format,
    /// Bytes of sound, whole frames only.
    pub(super) bytes: u64,
    pub(super) truncated: bool,
}

impl Header {
    pub(super) fn frames(&self) -> u64 {
        self.bytes / self.format.frame()
    }

    pub(super) fn seconds(&self) -> f64 {
        self.frames() as f64 / f64::from(self.format.rate)
    }

    pub(super) fn recording(&self, samples: Vec<f32>, rate: u32) -> Recording {
        Recording {
            samples,
            rate,
            channels: self.format.channels,
            seconds: self.seconds(),
            truncated: self.truncated,
        }
    }
}

/// A fault in the header, not yet tied to a path.
pub(super) enum Fault {
    NotWav(String),
    Damaged(String),
    Unsupported(String),
}

impl Fault {
    pub(super) fn at(self, path: &Path) -> WavError {
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
pub(super) fn read_header(reader: &mut (impl Read + Seek), size: u64) -> Result<Header, Fault> {
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
                // Within what is buffered where it can be: a header may have a million chunks.
                reader.seek_relative(i64::from(length) + i64::from(length % 2))?;
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
pub(super) fn plain_header(header: &Header) -> Vec<u8> {
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
