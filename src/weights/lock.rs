//! One writer at a time: a lock on `.lock` in the folder of weights, which the system releases whenever its holder
//! ends, however that ends. The file's text says who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::plain;
use super::{Progress, WeightsError};

/// A pull of the largest weights on a slow line takes less than this.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Held while the folder of weights is being changed.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `dir`; when another process has it, says so and waits for at most an hour if `wait`.
    pub(super) fn take(
        dir: &Path,
        wait: bool,
        progress: &dyn Progress,
    ) -> Result<Self, WeightsError> {
        let path = dir.join(".lock");
        let failed = |e: &std::io::Error| WeightsError::io("write", &path, e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| failed(&e))?;
        let begun = Instant::now();
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => {
                    return Err(WeightsError::Folder {
                        action: "lock",
                        path: path.display().to_string(),
                        reason: plain(&e),
                    });
                }
            }
            let holder = holder(&mut file);
            if !wait || begun.elapsed() > LONGEST_WAIT {
                let dir = dir.display().to_string();
                return Err(WeightsError::Busy { holder, dir });
            }
            if !said {
                progress.note(&format!(
                    "another hearken ({holder}) is changing the weights; waiting for it"
                ));
                said = true;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // Only for the other's message; without it the lock holds all the same.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(20).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("process {pid}"),
        _ => "process unknown".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Silent;
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path(), false, &Silent).unwrap();
        let error = Lock::take(dir.path(), false, &Silent).unwrap_err();
        let me = format!("(process {})", std::process::id());
        assert!(error.to_string().contains(&me), "{error}");
        drop(first);
        Lock::take(dir.path(), false, &Silent).unwrap();
    }
}
