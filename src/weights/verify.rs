//! Whether the bytes of a file are what the catalogue says: its digest, not only its length.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::catalogue::{Digest, Entry};
use super::error::plain;
use super::{Progress, Store};

/// What reading a file's bytes has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// The bytes are right.
    Right,
    /// There is no such file.
    Missing,
    /// The file is there and wrong.
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads all files of an entry. About a second for every gigabyte, when the disk keeps up.
#[must_use]
pub fn verify(store: &Store, entry: &Entry, progress: &dyn Progress) -> Verdict {
    for file in &entry.files {
        let path = store.dir().join(&file.file);
        progress.begin(&format!("{}: verify", file.file), file.size);
        let found = digest(&path, &mut |bytes| progress.at(bytes));
        progress.end();
        let reason = match found {
            Ok(found) if found == file.sha256 => continue,
            Ok(found) => format!(
                "its digest is {} and should be {}",
                found.as_str(),
                file.sha256.as_str()
            ),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Verdict::Missing,
            Err(e) => format!("it cannot be read: {}", plain(&e)),
        };
        return Verdict::Wrong { path, reason };
    }
    Verdict::Right
}

/// The digest of a file's bytes.
pub(super) fn digest(path: &Path, progress: &mut dyn FnMut(u64)) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let (mut hash, mut done) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Digest::of(hash));
        }
        hash.update(&buffer[..read]);
        done += read as u64;
        progress(done);
    }
}
