//! `hearken run --json` on the rig's sound server: its events, each with the moment at which it was printed.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::sound_server::ended_within;

/// From a signal to the end of the process, at most.
const STOPS_WITHIN: Duration = Duration::from_secs(12);

/// An event and when it was printed.
pub type Printed = (Instant, Value);

/// The running daemon; it ends with the value.
pub struct Daemon {
    process: Child,
    events: Receiver<Printed>,
    said: Arc<Mutex<String>>,
}

impl Daemon {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A rig that is killed leaves no daemon behind.
        let die_together =
            || nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(std::io::Error::from);
        // SAFETY: between fork and exec only a system call is made.
        unsafe { command.pre_exec(die_together) };
        let mut process = command.spawn()?;
        let (printed, events) = channel();
        let out = process.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let now = Instant::now();
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                let _ = printed.send((now, event));
            }
        });
        let said = Arc::new(Mutex::new(String::new()));
        let (err, writer) = (process.stderr.take().unwrap(), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                let mut said = writer.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        Ok(Self {
            process,
            events,
            said,
        })
    }

    /// The next event, if it comes before `until`.
    ///
    /// # Errors
    /// When the daemon has ended.
    pub fn next(&self, until: Instant) -> Result<Option<Printed>, String> {
        let wait = until.saturating_duration_since(Instant::now());
        match self.events.recv_timeout(wait) {
            Ok(printed) => Ok(Some(printed)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(format!("hearken ended by itself: {}", self.said()))
            }
        }
    }

    /// What it wrote to standard error so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().trim().to_owned()
    }

    /// Ends it. Returns the events that were left, and whether it ended when it was asked.
    pub fn stop(mut self) -> (Vec<Printed>, bool) {
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM);
        let ended = ended_within(&mut self.process, STOPS_WITHIN);
        if !ended {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        (self.events.iter().collect(), ended)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
