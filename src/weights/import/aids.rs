//! What whisper's own package has and a checkpoint has not: tokens (`.tiktoken`: base64 and rank on each line) and mel
//! filters (`.npz`: a zip of numpy arrays).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zip::ZipArchive;

use super::ImportError;
use crate::weights::error::plain;

/// The tokens are 0.8 MB; more than this is something else.
const MOST_TOKEN_BYTES: u64 = 16 << 20;
/// The filters are 80 or 128 rows of 201 numbers; more than this is something else.
const MOST_FILTER_BYTES: u64 = 4 << 20;

/// Mel filters, row by row.
#[derive(Debug, PartialEq)]
pub(super) struct Filters {
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) numbers: Vec<f32>,
}

/// The tokens' bytes in the order of the file, which is that of their ranks.
pub(super) fn tokens(path: &Path) -> Result<Vec<Vec<u8>>, ImportError> {
    let wrong = |reason: String| aid(path, reason);
    let mut text = String::new();
    File::open(path)
        .and_then(|f| f.take(MOST_TOKEN_BYTES).read_to_string(&mut text))
        .map_err(|e| wrong(plain(&e)))?;
    let mut words = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let Some(word) = line.split_ascii_whitespace().next() else {
            continue;
        };
        // The last multilingual token is empty, written as "=": padding is not looked at.
        let bytes = STANDARD_NO_PAD
            .decode(word.trim_end_matches('='))
            .map_err(|e| wrong(format!("line {} is no token: {e}", i + 1)))?;
        words.push(bytes);
    }
    if words.is_empty() {
        return Err(wrong("it has no tokens".into()));
    }
    Ok(words)
}

/// The filters for so many mel bands.
pub(super) fn mel_filters(path: &Path, mels: u32) -> Result<Filters, ImportError> {
    let wrong = |reason: String| aid(path, reason);
    let file = File::open(path).map_err(|e| wrong(plain(&e)))?;
    let mut zip = ZipArchive::new(file).map_err(|e| wrong(e.to_string()))?;
    let name = format!("mel_{mels}.npy");
    let member = zip
        .by_name(&name)
        .map_err(|_| wrong(format!("it has no filters for {mels} mel bands")))?;
    let mut bytes = Vec::new();
    member
        .take(MOST_FILTER_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|e| wrong(plain(&e)))?;
    let filters = array(&bytes).ok_or_else(|| wrong(format!("{name} is no array of f32")))?;
    if filters.rows != mels {
        return Err(wrong(format!("{name} has {} rows", filters.rows)));
    }
    Ok(filters)
}

fn aid(path: &Path, reason: String) -> ImportError {
    ImportError::Aid {
        path: path.display().to_string(),
        reason,
    }
}

/// numpy's `.npy`, version 1: magic, version, u16 header length, a header in Python's notation, the numbers. `None`
/// unless it is a matrix of little-endian f32 in rows.
fn array(bytes: &[u8]) -> Option<Filters> {
    let rest = bytes.strip_prefix(b"\x93NUMPY\x01")?;
    let length = usize::from(u16::from_le_bytes([*rest.get(1)?, *rest.get(2)?]));
    let header = std::str::from_utf8(rest.get(3..3 + length)?).ok()?;
    let data = rest.get(3 + length..)?;
    if !header.contains("'descr': '<f4'") || !header.contains("'fortran_order': False") {
        return None;
    }
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let dims: Vec<u32> = shape
        .split(',')
        .map(str::trim)
        .filter(|d| !d.is_empty())
        .map(|d| d.parse().ok())
        .collect::<Option<_>>()?;
    let &[rows, columns] = dims.as_slice() else {
        return None;
    };
    let count = u64::from(rows) * u64::from(columns);
    let (numbers, rest) = data.as_chunks::<4>();
    if numbers.len() as u64 != count || !rest.is_empty() {
        return None;
    }
    Some(Filters {
        rows,
        columns,
        numbers: numbers.iter().map(|b| f32::from_le_bytes(*b)).collect(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((header.len() as u16).to_le_bytes());
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn an_array_is_read_and_a_wrong_one_is_not() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        let data = [1f32.to_le_bytes(), 2f32.to_le_bytes()].concat();
        let read = array(&npy(header, &data)).unwrap();
        assert_eq!(
            (read.rows, read.columns, read.numbers),
            (2, 1, vec![1.0, 2.0])
        );
        assert!(array(&npy(header, &data[1..])).is_none());
        assert!(array(&npy(&header.replace("<f4", "<f8"), &data)).is_none());
        assert!(
            array(&npy(
                &header.replace("2, 1", "4294967295, 4294967295"),
                &data
            ))
            .is_none()
        );
        let whole = npy(header, &data);
        for length in 0..whole.len() {
            assert!(array(&whole[..length]).is_none());
        }
    }

    #[test]
    fn a_line_that_is_no_token_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "IQ== 0\n\nYWI= 1\n= 2\n").unwrap();
        assert_eq!(
            tokens(file.path()).unwrap(),
            [b"!".to_vec(), b"ab".to_vec(), Vec::new()]
        );
        std::fs::write(file.path(), "IQ== 0\n%% 1\n").unwrap();
        let error = tokens(file.path()).unwrap_err().to_string();
        assert!(error.contains("line 2 is no token"), "{error}");
        std::fs::write(file.path(), "").unwrap();
        assert!(tokens(file.path()).is_err());
    }
}
