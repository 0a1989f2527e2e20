//! A file that gets its name only when its digest is right: bytes go to a temporary file on the same file system and
//! are hashed on their way; then synced, renamed, and the folder synced.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::catalogue::Digest;

/// An unfinished file.
pub(super) struct Landing {
    path: PathBuf,
    file: File,
    hash: Sha256,
    written: u64,
    limit: u64,
}

impl Landing {
    /// A new file at `path`, replacing an unfinished one. More than `limit` bytes are refused.
    pub(super) fn create(path: &Path, limit: Option<u64>) -> io::Result<Self> {
        let file = File::create(path)?;
        Ok(Self::around(path, file, limit))
    }

    /// Goes on with the unfinished file at `path`, reading what is there into the digest.
    pub(super) fn resume(path: &Path, limit: Option<u64>) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut landing = Self::around(path, file, limit);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = landing.file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            landing.hash.update(&buffer[..read]);
            landing.written += read as u64;
        }
        if landing.written > landing.limit {
            landing.restart()?;
        }
        Ok(landing)
    }

    fn around(path: &Path, file: File, limit: Option<u64>) -> Self {
        Self {
            path: path.to_owned(),
            file,
            hash: Sha256::new(),
            written: 0,
            limit: limit.unwrap_or(u64::MAX),
        }
    }

    /// Throws away what is there and begins again.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        use std::io::Seek;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hash = Sha256::new();
        self.written = 0;
        Ok(())
    }

    /// Bytes so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Syncs the file; its digest, length and temporary path.
    pub(super) fn finish(self) -> io::Result<Landed> {
        self.file.sync_all()?;
        Ok(Landed {
            path: self.path,
            digest: Digest::of(self.hash),
            size: self.written,
        })
    }
}

impl Write for Landing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written.saturating_add(bytes.len() as u64) > self.limit {
            // A source that goes on and on must not fill the disk.
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it is longer than the {} bytes it should have", self.limit),
            ));
        }
        let n = self.file.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A complete and synced file that waits for its name.
#[derive(Debug)]
pub(super) struct Landed {
    /// Where it is for now.
    pub(super) path: PathBuf,
    /// The digest of its bytes.
    pub(super) digest: Digest,
    /// Its length in bytes.
    pub(super) size: u64,
}

impl Landed {
    /// Gives it its name, replacing what had it. The caller has looked at the digest.
    pub(super) fn settle(self, to: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, to)?;
        match to.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_resumed_file_has_the_digest_of_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        let temp = dir.path().join("x.part");
        let mut first = Landing::create(&temp, None).unwrap();
        first.write_all(b"ab").unwrap();
        drop(first);
        let mut second = Landing::resume(&temp, Some(3)).unwrap();
        assert_eq!(second.written(), 2);
        second.write_all(b"c").unwrap();
        assert!(second.write_all(b"d").is_err());
        let landed = second.finish().unwrap();
        assert_eq!((landed.digest.as_str(), landed.size), (ABC, 3));
        let named = dir.path().join("x");
        landed.settle(&named).unwrap();
        assert_eq!(std::fs::read(named).unwrap(), b"abc");
        assert!(!temp.exists());
    }

    #[test]
    fn a_restarted_file_forgets_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut landing = Landing::create(&dir.path().join("x"), None).unwrap();
        landing.write_all(b"wrong and longer").unwrap();
        landing.restart().unwrap();
        landing.write_all(b"abc").unwrap();
        let landed = landing.finish().unwrap();
        assert_eq!(landed.digest.as_str(), ABC);
        assert_eq!(std::fs::read(&landed.path).unwrap(), b"abc");
    }

    #[test]
    fn an_overlong_leftover_is_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        let temp = dir.path().join("x");
        std::fs::write(&temp, b"much too long").unwrap();
        assert_eq!(Landing::resume(&temp, Some(3)).unwrap().written(), 0);
    }
}
