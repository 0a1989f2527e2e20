//! A recording that knows when each of its samples was: a thread reads `parecord`'s output and looks at the clock.

use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::sound_server::{SoundServer, ended_within};

/// Of the recordings, in Hz; enough for whisper.
pub const RATE: u32 = 16_000;
/// Blocks that `parecord` hands over are so long, in ms. The virtual devices work ahead of their clock by as much, so
/// that a block comes when it sounds.
const LATENCY_MS: u32 = 20;

/// Samples and when they were. Pure.
#[derive(Debug, Clone)]
pub struct Track {
    /// Mono, -1.0 to 1.0.
    pub samples: Vec<f32>,
    /// Of `samples`, in Hz.
    pub rate: u32,
    /// When the first sample was, in ms after the scenario's `start`.
    pub starts_ms: i64,
}

impl Track {
    /// What was recorded between two moments in ms after `start`; `None` when that is nothing.
    pub fn between(&self, from_ms: i64, to_ms: i64) -> Option<&[f32]> {
        let place = |ms: i64| {
            let place = (ms - self.starts_ms).max(0) as usize * self.rate as usize / 1000;
            place.min(self.samples.len())
        };
        let stretch = self.samples.get(place(from_ms)..place(to_ms))?;
        (!stretch.is_empty()).then_some(stretch)
    }
}

/// What the reading thread shares.
#[derive(Default)]
struct Shared {
    samples: Vec<f32>,
    /// When the first sample was, as the block that came soonest says.
    first: Option<Instant>,
}

/// A running recording; it ends with the value.
pub struct Tape {
    process: Child,
    shared: Arc<Mutex<Shared>>,
    reader: Option<JoinHandle<()>>,
}

impl Tape {
    /// Records a source of the sound server; returns when it gives sound.
    pub fn start(server: &SoundServer, source: &str) -> Self {
        let mut process = server
            .command("parecord")
            .args(["--raw", "--format=s16le", "--channels=1"])
            .arg(format!("--rate={RATE}"))
            .arg(format!("--latency-msec={LATENCY_MS}"))
            .arg(format!("--device={source}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("parecord (pulseaudio-utils) is needed");
        let mut out = process.stdout.take().unwrap();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let writer = Arc::clone(&shared);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            let mut odd = Vec::new();
            while let Ok(read @ 1..) = out.read(&mut bytes) {
                let now = Instant::now();
                odd.extend_from_slice(&bytes[..read]);
                let whole = odd.len() / 2 * 2;
                let block = odd
                    .chunks_exact(2)
                    .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0);
                let mut shared = writer.lock().unwrap();
                shared.samples.extend(block);
                let length = shared.samples.len() as f64 / f64::from(RATE);
                let first = now.checked_sub(Duration::from_secs_f64(length));
                // A block may come late, but never before it was played.
                shared.first = match (shared.first, first) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                drop(shared);
                odd.drain(..whole);
            }
        });
        let tape = Self {
            process,
            shared,
            reader: Some(reader),
        };
        let began = Instant::now();
        while tape.shared.lock().unwrap().samples.is_empty() {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{source} gives no sound"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        tape
    }

    /// Ends the recording. `start` is the scenario's.
    pub fn stop(mut self, start: Instant) -> Track {
        self.end();
        let mut shared = self.shared.lock().unwrap();
        let first = shared.first.unwrap_or(start);
        let starts_ms = match first.checked_duration_since(start) {
            Some(later) => later.as_millis() as i64,
            None => -(start.duration_since(first).as_millis() as i64),
        };
        Track {
            samples: std::mem::take(&mut shared.samples),
            rate: RATE,
            starts_ms,
        }
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        ended_within(&mut self.process, Duration::from_secs(3));
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.end();
    }
}
