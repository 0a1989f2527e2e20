//! `hearken run` as a test's own process, and what it tells.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::sound_server::{SoundServer, ended_within};

pub const HEARKEN: &str = env!("CARGO_BIN_EXE_hearken");
/// A turn of the default model on a busy two-core machine stays well below it.
pub const BOUND: Duration = Duration::from_secs(120);
/// From a signal to the end of the process.
pub const STOPS_WITHIN: Duration = Duration::from_secs(12);

/// Where nothing of anybody's is: no other test's either, whose closed microphone would stay closed.
fn memory() -> PathBuf {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let number = ASKED.fetch_add(1, Ordering::Relaxed);
    FOLDER.path().join(format!("{number}/conversation.db"))
}

/// Without the configuration of whoever runs the test.
pub fn by_default(mut command: Command) -> Command {
    command
        .env("HEARKEN_CONFIG", "/dev/null")
        // Nobody's conversation is gone on with.
        .env("HEARKEN_MEMORY__CONVERSATION", "false")
        .env("HEARKEN_MEMORY__FILE", memory())
        .env_remove("JOURNAL_STREAM")
        .env_remove("HEARKEN_LOG");
    command
}

/// A command of hearken's beside the one that runs: its exit code, what it printed, what it said of errors.
pub fn hearken(server: &SoundServer, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = by_default(server.command(HEARKEN));
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, said) = (text(output.stdout), text(output.stderr));
    (output.status.code(), out, said)
}

/// How the hearken with this runtime folder is, by its control socket; nothing when it does not say.
pub fn status(runtime: &Path) -> Option<Value> {
    let mut stream = UnixStream::connect(runtime.join("hearken/control.sock")).ok()?;
    stream.set_read_timeout(Some(STOPS_WITHIN)).ok()?;
    stream.write_all(b"{\"method\":\"status\"}\n").ok()?;
    // The first line is the greeting.
    let answer = BufReader::new(stream).lines().nth(1)?.ok()?;
    let mut answer: Value = serde_json::from_str(&answer).ok()?;
    answer.get_mut("ok").map(Value::take)
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A recording of a person from Debian's pocketsphinx-testdata, as a WAV file in `folder`.
pub fn recording(name: &str, folder: &Path) -> PathBuf {
    let source = Path::new("/usr/share/pocketsphinx/test/data").join(name);
    let bytes = std::fs::read(&source)
        .unwrap_or_else(|e| panic!("{}: {e}; install pocketsphinx-testdata", source.display()));
    let target = folder.join("recording.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&target, spec).unwrap();
    for pair in bytes.chunks_exact(2) {
        wav.write_sample(i16::from_le_bytes([pair[0], pair[1]]))
            .unwrap();
    }
    // Somebody who has spoken is silent.
    (0..16_000).for_each(|_| wav.write_sample(0_i16).unwrap());
    wav.finalize().unwrap();
    target
}

/// `hearken run --json` and the events that it prints.
pub struct Daemon {
    pub process: Child,
    /// Each with when it came: `seen_s`, in seconds since `began`.
    pub events: Receiver<Value>,
    pub errors: Receiver<String>,
    pub began: Instant,
}

impl Daemon {
    pub fn start(mut command: Command) -> Self {
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null());
        let began = Instant::now();
        let mut process = command.spawn().unwrap();
        let (events_in, events) = channel();
        let (errors_in, errors) = channel();
        let (out, err) = (
            process.stdout.take().unwrap(),
            process.stderr.take().unwrap(),
        );
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let mut event: Value = serde_json::from_str(&line).expect(&line);
                event["seen_s"] = began.elapsed().as_secs_f64().into();
                let _ = events_in.send(event);
            }
        });
        std::thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                let _ = errors_in.send(line);
            }
        });
        Self {
            process,
            events,
            errors,
            began,
        }
    }

    /// The next event of this kind; others before it are skipped.
    pub fn until(&self, kind: &str) -> Value {
        loop {
            match self.events.recv_timeout(BOUND) {
                Ok(event) if event["event"] == kind => return event,
                Ok(_) => {}
                Err(_) => panic!("no event {kind}; it said: {:?}", self.said()),
            }
        }
    }

    pub fn said(&self) -> Vec<String> {
        self.errors.try_iter().collect()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    /// Its exit code, and what it wrote to standard error.
    pub fn end(mut self) -> (Option<i32>, Vec<String>) {
        assert!(
            ended_within(&mut self.process, STOPS_WITHIN),
            "it does not stop"
        );
        let code = self.process.wait().unwrap().code();
        // The reader ends with the pipe.
        (code, self.errors.iter().collect())
    }
}

/// The processes that a process has begun, by whichever of its threads.
fn children(parent: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task"));
    let lists = threads.into_iter().flatten().flatten();
    let lists = lists.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    let ids = |list: String| -> Vec<u32> {
        let words = list.split_whitespace();
        words.filter_map(|id| id.parse().ok()).collect()
    };
    lists.flat_map(ids).collect()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(None)) {
            return;
        }
        // Who has taken over is a child of this one, and would go on.
        let mut family = vec![self.process.id()];
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            family.extend(children(parent));
            next += 1;
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        for id in &family[1..] {
            let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGKILL);
        }
    }
}
