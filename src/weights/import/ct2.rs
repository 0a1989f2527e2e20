//! The CTranslate2 format, version 6: which variables a checkpoint has, and where their bytes lie.
//!
//! A u32 version, the model's kind, its u32 revision, a u32 count, then the variables: name, u8 rank, u32 for each
//! dimension, u8 type, u32 byte count, bytes. Names are a u16 length and bytes, the last of them NUL. Aliases follow,
//! which whisper does not need. All numbers are little-endian.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::ImportError;
use crate::weights::error::plain;

/// Whisper large has about 1300 variables; a file that claims far more is not one.
const MOST_VARIABLES: u32 = 20_000;
/// Whisper's tensors have at most three dimensions.
const HIGHEST_RANK: u8 = 4;
/// A vocabulary of this size is that of the English-only models; the multilingual ones begin one above.
const ENGLISH_VOCABULARY: u32 = 51_864;

/// How a variable's numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    F32,
    I8,
    I16,
    I32,
    F16,
    Bf16,
}

impl Type {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::F32,
            1 => Self::I8,
            2 => Self::I16,
            3 => Self::I32,
            4 => Self::F16,
            5 => Self::Bf16,
            _ => return None,
        })
    }

    /// Bytes of one number.
    pub(super) fn width(self) -> u64 {
        match self {
            Self::I8 => 1,
            Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
        }
    }
}

/// Where a variable lies. Its bytes are inside the file, and as many as its dimensions say.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) dims: Vec<u32>,
    pub(super) kind: Type,
    pub(super) offset: u64,
}

/// An open checkpoint whose table has been read and checked.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    file: BufReader<File>,
    variables: HashMap<String, Variable>,
    bytes: u64,
}

impl Checkpoint {
    /// Opens `path`: the checkpoint's `model.bin`, or the folder it lies in.
    ///
    /// # Errors
    /// [`ImportError::Unreadable`] and [`ImportError::NotACheckpoint`].
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let path = if path.is_dir() {
            path.join("model.bin")
        } else {
            path.to_owned()
        };
        let unreadable = |e: std::io::Error| ImportError::Unreadable {
            path: path.display().to_string(),
            reason: plain(&e),
        };
        let file = File::open(&path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut reader = Reader {
            file: BufReader::new(file),
            at: 0,
            length,
        };
        let (variables, bytes) = reader.table().map_err(|wrong| match wrong {
            Wrong::Io(e) => unreadable(e),
            Wrong::Format(reason) => ImportError::NotACheckpoint {
                path: path.display().to_string(),
                reason,
            },
        })?;
        Ok(Self {
            file: reader.file,
            path,
            variables,
            bytes,
        })
    }

    /// Bytes of all variables together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the vocabulary is that of an English-only model, which has tokens of its own.
    ///
    /// # Errors
    /// [`ImportError::NotACheckpoint`] when there is no vocabulary.
    pub fn is_english(&self) -> Result<bool, ImportError> {
        let embeddings = self.get("decoder/embeddings/weight")?;
        Ok(embeddings.dims.first() == Some(&ENGLISH_VOCABULARY))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Result<&Variable, ImportError> {
        self.variables
            .get(name)
            .ok_or_else(|| self.wrong(format!("it has no {name}")))
    }

    pub(super) fn wrong(&self, reason: String) -> ImportError {
        ImportError::NotACheckpoint {
            path: self.path.display().to_string(),
            reason,
        }
    }

    /// Fills `bytes` from `offset` of the file.
    pub(super) fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), ImportError> {
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.read_exact(bytes))
            .map_err(|e| ImportError::Unreadable {
                path: self.path.display().to_string(),
                reason: plain(&e),
            })
    }
}

enum Wrong {
    Io(std::io::Error),
    Format(String),
}

impl From<std::io::Error> for Wrong {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

struct Reader {
    file: BufReader<File>,
    at: u64,
    length: u64,
}

impl Reader {
    fn table(&mut self) -> Result<(HashMap<String, Variable>, u64), Wrong> {
        let version = self.u32()?;
        if version != 6 {
            return Err(Wrong::Format("it is not of format version 6".into()));
        }
        let kind = self.string()?;
        if kind != "WhisperSpec" {
            return Err(Wrong::Format(format!("it is a {kind:.40} model")));
        }
        let _revision = self.u32()?;
        let count = self.u32()?;
        if count > MOST_VARIABLES {
            return Err(Wrong::Format(format!("it claims {count} variables")));
        }
        let mut variables = HashMap::new();
        let mut total = 0;
        for _ in 0..count {
            let name = self.string()?;
            let (variable, bytes) = self.variable(&name)?;
            total += bytes;
            variables.insert(name, variable);
        }
        Ok((variables, total))
    }

    fn variable(&mut self, name: &str) -> Result<(Variable, u64), Wrong> {
        let rank = self.u8()?;
        if rank > HIGHEST_RANK {
            return Err(Wrong::Format(format!("{name:.80} has {rank} dimensions")));
        }
        let mut dims = Vec::with_capacity(rank.into());
        for _ in 0..rank {
            dims.push(self.u32()?);
        }
        let code = self.u8()?;
        let kind = Type::of(code)
            .ok_or_else(|| Wrong::Format(format!("{name:.80} has the unknown type {code}")))?;
        let bytes = u64::from(self.u32()?);
        let expected = dims
            .iter()
            .try_fold(kind.width(), |n, d| n.checked_mul(u64::from(*d)));
        if expected != Some(bytes) {
            return Err(Wrong::Format(format!(
                "{name:.80} has {bytes} bytes, which is not what its dimensions say"
            )));
        }
        let offset = self.at;
        self.skip(bytes)?;
        Ok((Variable { dims, kind, offset }, bytes))
    }

    fn need(&self, bytes: u64) -> Result<(), Wrong> {
        if bytes > self.length - self.at {
            return Err(Wrong::Format("it is truncated".into()));
        }
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Wrong> {
        self.need(bytes)?;
        // `bytes` is a u32's worth, so it fits.
        self.file.seek_relative(bytes as i64)?;
        self.at += bytes;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        self.need(N as u64)?;
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<u8, Wrong> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Wrong> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn string(&mut self) -> Result<String, Wrong> {
        let length = u16::from_le_bytes(self.array()?);
        self.need(length.into())?;
        let mut bytes = vec![0; length.into()];
        self.file.read_exact(&mut bytes)?;
        self.at += u64::from(length);
        if bytes.pop() != Some(0) {
            return Err(Wrong::Format("a name in it does not end".into()));
        }
        // Names are told to people when something is wrong with them.
        let text = String::from_utf8(bytes).ok();
        text.filter(|text| !text.chars().any(char::is_control))
            .ok_or_else(|| Wrong::Format("a name in it is no text".into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u16 + 1).to_le_bytes());
        out.extend(text.as_bytes());
        out.push(0);
    }

    fn small() -> Vec<u8> {
        let mut out = 6u32.to_le_bytes().to_vec();
        name(&mut out, "WhisperSpec");
        out.extend(3u32.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        name(&mut out, "decoder/embeddings/weight");
        out.push(2);
        out.extend(51_864u32.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.push(1);
        out.extend(51_864u32.to_le_bytes());
        out.resize(out.len() + 51_864, 7);
        out
    }

    fn open(bytes: &[u8]) -> Result<Checkpoint, ImportError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Checkpoint::open(file.path())
    }

    #[test]
    fn a_small_checkpoint_is_read() {
        let mut checkpoint = open(&small()).unwrap();
        assert!(checkpoint.is_english().unwrap());
        assert_eq!(checkpoint.bytes(), 51_864);
        let offset = checkpoint.get("decoder/embeddings/weight").unwrap().offset;
        let mut bytes = [0; 3];
        checkpoint.read(offset, &mut bytes).unwrap();
        assert_eq!(bytes, [7; 3]);
    }

    #[test]
    fn every_truncation_is_one_sentence() {
        let whole = small();
        for length in (0..100).chain([whole.len() - 1]) {
            let error = open(&whole[..length]).unwrap_err().to_string();
            assert!(error.ends_with("it is truncated"), "{length}: {error}");
        }
    }

    #[test]
    fn another_model_is_named() {
        let mut other = 6u32.to_le_bytes().to_vec();
        name(&mut other, "TransformerSpec");
        let error = open(&other).unwrap_err().to_string();
        assert!(error.ends_with("it is a TransformerSpec model"), "{error}");
    }
}
