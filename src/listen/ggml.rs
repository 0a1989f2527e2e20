//! Is a file a whole whisper model? Asked before whisper.cpp reads it.
//!
//! whisper.cpp trusts its input: it allocates what a header says, takes a short read for a long one, and lets C++
//! exceptions out, which end the process. So the file's structure is walked here first, from the header to the last
//! byte of the last tensor, without reading the weights themselves.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// `ggml` as whisper.cpp writes it, little-endian.
const MAGIC: u32 = 0x6767_6d6c;
/// Numbers of the header after the magic.
const HEADER: usize = 11;
/// A token is a few bytes of text; this is far above the longest.
const LONGEST_TOKEN: u32 = 1024;
/// Tensor names look like `encoder.blocks.0.attn.query.weight`.
const LONGEST_NAME: u32 = 256;

/// What whisper.cpp cannot know about the file, in words; `Ok` when it may be loaded.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|e| plain(&e))?;
    let metadata = file.metadata().map_err(|e| plain(&e))?;
    if !metadata.is_file() {
        return Err("it is not a file".into());
    }
    let mut reader = Walk {
        inner: BufReader::with_capacity(1 << 16, file),
        left: metadata.len(),
    };
    reader.model()
}

/// The system's words without its error number.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "reading it is not permitted".into(),
        io::ErrorKind::UnexpectedEof => "it is truncated".into(),
        _ => error.to_string(),
    }
}

struct Walk {
    inner: BufReader<File>,
    left: u64,
}

impl Walk {
    fn model(&mut self) -> Result<(), String> {
        if self.left < 4 || self.number()? != MAGIC {
            return Err("it is no whisper model in ggml format".into());
        }
        let mut header = [0u32; HEADER];
        for number in &mut header {
            *number = self.number()?;
        }
        let [
            vocabulary,
            audio_context,
            audio_state,
            audio_heads,
            audio_layers,
            ..,
        ] = header;
        let [
            ..,
            text_context,
            text_state,
            text_heads,
            text_layers,
            mels,
            _kind,
        ] = header;
        let sound = (50_000..60_000).contains(&vocabulary)
            && audio_context == 1500
            && (64..=4096).contains(&audio_state)
            && text_state == audio_state
            && [audio_heads, text_heads]
                .iter()
                .all(|h| (1..=64).contains(h))
            && [audio_layers, text_layers]
                .iter()
                .all(|l| (1..=64).contains(l))
            && (64..=4096).contains(&text_context)
            && (mels == 80 || mels == 128);
        if !sound {
            return Err("its header is damaged".into());
        }
        let (filters, bins) = (self.number()?, self.number()?);
        if filters != mels || bins != 201 {
            return Err("its mel filters are damaged".into());
        }
        self.skip(u64::from(filters) * u64::from(bins) * 4)?;
        let tokens = self.number()?;
        if tokens > vocabulary {
            return Err("its vocabulary is damaged".into());
        }
        for _ in 0..tokens {
            let length = self.number()?;
            if length > LONGEST_TOKEN {
                return Err("its vocabulary is damaged".into());
            }
            self.skip(length.into())?;
        }
        let mut tensors = 0;
        while self.left > 0 {
            self.tensor()?;
            tensors += 1;
        }
        // Seven tensors around the encoder's layers and four around the decoder's; 15 and 24 in each layer.
        let expected = 11 + 15 * audio_layers + 24 * text_layers;
        if tensors == expected {
            Ok(())
        } else {
            Err(format!("it is truncated: {tensors} tensors of {expected}"))
        }
    }

    fn tensor(&mut self) -> Result<(), String> {
        let damaged = || "one of its tensors is damaged".to_string();
        let (dimensions, name, kind) = (self.number()?, self.number()?, self.number()?);
        if !(1..=4).contains(&dimensions) || !(1..=LONGEST_NAME).contains(&name) {
            return Err(damaged());
        }
        let mut elements = 1u64;
        for _ in 0..dimensions {
            let length = self.number()?;
            elements = elements
                .checked_mul(length.into())
                .filter(|&e| e > 0 && e < 1 << 31)
                .ok_or_else(damaged)?;
        }
        let (block, bytes) = block(kind).ok_or_else(damaged)?;
        if !elements.is_multiple_of(block) {
            return Err(damaged());
        }
        self.skip(name.into())?;
        self.skip(elements / block * bytes)
    }

    fn number(&mut self) -> Result<u32, String> {
        let mut bytes = [0; 4];
        self.inner.read_exact(&mut bytes).map_err(|e| plain(&e))?;
        self.left = self.left.saturating_sub(4);
        Ok(u32::from_le_bytes(bytes))
    }

    fn skip(&mut self, bytes: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes).ok_or("it is truncated")?;
        let bytes = i64::try_from(bytes).map_err(|_| "it is damaged")?;
        self.inner.seek_relative(bytes).map_err(|e| plain(&e))
    }
}

/// Elements and bytes of one block, by ggml's number for the type; whisper models come in these.
fn block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (1, 4),      // F32
        1 => (1, 2),      // F16
        2 => (32, 18),    // Q4_0
        3 => (32, 20),    // Q4_1
        6 => (32, 22),    // Q5_0
        7 => (32, 24),    // Q5_1
        8 => (32, 34),    // Q8_0
        10 => (256, 84),  // Q2_K
        11 => (256, 110), // Q3_K
        12 => (256, 144), // Q4_K
        13 => (256, 176), // Q5_K
        14 => (256, 210), // Q6_K
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    /// The smallest model that may be loaded, and where its numbers are.
    fn small() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        let mut put = |number: u32, contents: usize| {
            numbers.push(bytes.len());
            bytes.extend(number.to_le_bytes());
            bytes.resize(bytes.len() + contents, 0);
        };
        for number in [
            MAGIC, 51_864, 1500, 64, 1, 1, 64, 64, 1, 1, 80, 1, // Header.
            80,
        ] {
            put(number, 0);
        }
        put(201, 80 * 201 * 4);
        // Two tokens.
        for (number, contents) in [(2, 0), (1, 1), (3, 3)] {
            put(number, contents);
        }
        for _ in 0..11 + 15 + 24 {
            // Two dimensions, a name of one letter, f16; two numbers.
            for (number, contents) in [(2, 0), (1, 0), (1, 0), (2, 0), (1, 1 + 2 * 2)] {
                put(number, contents);
            }
        }
        (bytes, numbers)
    }

    fn check_bytes(bytes: &[u8]) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        check(file.path())
    }

    #[test]
    fn a_whole_model_may_be_loaded() {
        assert_eq!(check_bytes(&small().0), Ok(()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

        #[test]
        fn less_than_a_model_and_more_than_one_may_not(
            less in prop_oneof![1_usize..40, 1_usize..60_000],
            more in 1_usize..100,
        ) {
            let (mut bytes, _) = small();
            prop_assert!(check_bytes(&bytes[..bytes.len() - less]).is_err());
            bytes.resize(bytes.len() + more, 0);
            prop_assert!(check_bytes(&bytes).is_err());
        }

        /// Whatever its lengths and counts say, what they say is in the file or it may not be loaded.
        #[test]
        fn no_number_leads_it_astray(
            at in prop::collection::vec(any::<Index>(), 1..4),
            number in prop_oneof![select(vec![0, 1, 4, 0x7fff_ffff, 0x8000_0000, u32::MAX]), any::<u32>()],
        ) {
            let (mut bytes, numbers) = small();
            for at in at {
                let at = numbers[at.index(numbers.len())];
                bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            if let Err(said) = check_bytes(&bytes) {
                prop_assert!(said.starts_with("it") || said.starts_with("one of"), "{}", said);
            }
        }
    }
}
