//! `hearken bench idle`: what hearken costs while nobody wants anything of it: processor time and memory of the daemon
//! and its language model, and how soon after the start it listens.
//!
//! The daemon's own pipeline runs as a child process in front of a recording, in real time (`daemon.rs`), so that what
//! Linux says of that process and of its language model is what a daemon takes. A sound card's share is not in it.

mod daemon;
mod report;
mod scene;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hearken::config::{Backend, Config};
use hearken::weights::{Role, Store};

use crate::cli::process::{self, Memory};
use daemon::Heard;
use report::{Measured, Moment, Report};
use scene::Scene;

/// After the daemon listens, its language model is still being loaded and reads its instructions; then the pipeline's
/// buffers grow to their size. So long nothing is measured.
const SETTLING: Duration = Duration::from_secs(10);

/// Memory is looked at so often.
const LOOK: Duration = Duration::from_secs(2);

/// Arguments of `hearken bench idle`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken bench idle                              five minutes each of silence, music and talk
  hearken bench idle --scene silence --minutes 1
  hearken bench idle --set reply.model=smollm2-135m --json")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// So long each scene is measured
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = minutes, allow_hyphen_values = true)]
    minutes: f64,

    /// What is heard; give it again for another [default: all]
    #[arg(long, value_enum, value_name = "SCENE")]
    scene: Vec<Scene>,

    /// Be the daemon that is measured, in front of this recording
    #[arg(long, value_name = "FILE", hide = true)]
    hear: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if (0.1..=1440.0).contains(&minutes) => Ok(minutes),
        _ => Err("a number of minutes from 0.1 to 1440".into()),
    }
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    if let Some(sound) = &args.hear {
        return daemon::run(sound, config);
    }
    if !cfg!(target_os = "linux") {
        bail!(
            "hearken bench idle reads what Linux says of processes; on other systems it measures nothing"
        );
    }
    let scenes = match args.scene.is_empty() {
        true => Scene::ALL.to_vec(),
        false => args.scene.clone(),
    };
    let store = Store::new(&config.data_dir);
    hearken::daemon::open_onnx(&store)?;
    let piper = store
        .locate(&config.speak.voice, Role::Voice)
        .context("the bench lets the configured Piper voice speak")?;
    let length = Duration::from_secs_f64(args.minutes * 60.0);
    let mut measured = Vec::new();
    for scene in scenes {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(&daemon::bytes(&scene.sound(&config.name, &piper)?))?;
        measured.push(measure(scene, file.path(), length)?);
    }
    let report = Report {
        model: match config.reply.backend {
            Backend::Embedded => &config.reply.model,
            Backend::Server => "",
        },
        scenes: &measured,
    };
    match args.json {
        true => println!("{:#}", report.json()),
        false => print!("{}", report.text()),
    }
    Ok(())
}

/// Starts a daemon in front of `sound`, and looks at it for `length`.
fn measure(scene: Scene, sound: &Path, length: Duration) -> anyhow::Result<Measured> {
    let began = Instant::now();
    let mut running = Running::start(sound)?;
    if running.line()? != daemon::READY {
        bail!("the daemon that was to be measured ended early");
    }
    let ready_ms = began.elapsed().as_secs_f64() * 1000.0;
    std::thread::sleep(SETTLING);
    let daemon = running.child.id();
    let models = process::children(daemon);
    let gone = "the daemon that is measured has ended";
    let processor = || {
        let model: f64 = models
            .iter()
            .filter_map(|&pid| process::processor_s(pid))
            .sum();
        process::processor_s(daemon).map(|daemon| (daemon, model))
    };
    let threads = || {
        let mut all = process::threads(daemon);
        models
            .iter()
            .for_each(|&pid| all.extend(process::threads(pid)));
        all
    };
    let began = Instant::now();
    let memory = |shares: bool| Moment {
        at_s: began.elapsed().as_secs_f64(),
        daemon: process::memory(daemon, shares).unwrap_or_default(),
        model: together(
            models
                .iter()
                .filter_map(|&pid| process::memory(pid, shares)),
        ),
    };
    let (before, threads_before) = (processor().context(gone)?, threads());
    let mut moments = vec![memory(true)];
    while began.elapsed() < length {
        let left = length.saturating_sub(began.elapsed());
        std::thread::sleep(LOOK.min(left));
        let last = began.elapsed() >= length;
        moments.push(memory(last));
    }
    let (after, threads_after) = (processor().context(gone)?, threads());
    let seconds = began.elapsed().as_secs_f64();
    Ok(Measured {
        scene,
        ready_ms,
        seconds,
        daemon_s: after.0 - before.0,
        model_s: after.1 - before.1,
        threads: report::taken(&threads_before, &threads_after),
        moments,
        heard: running.end()?,
    })
}

/// The memory of several processes. Their proportional shares are known when all are.
fn together(processes: impl Iterator<Item = Memory>) -> Memory {
    let all: Vec<Memory> = processes.collect();
    Memory {
        rss: all.iter().map(|m| m.rss).sum(),
        pss: all.iter().map(|m| m.pss).sum(),
    }
}

/// A daemon in a process of its own; it ends when this is dropped.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    /// This program with the same arguments, so with the same configuration, and a recording to hear.
    fn start(sound: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program to start it")?;
        let mut child = Command::new(program)
            .args(std::env::args_os().skip(1))
            .arg("--hear")
            .arg(sound)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a daemon to measure")?;
        let stdout = child.stdout.take().context("the daemon has no output")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout),
        })
    }

    /// The next line that it prints; empty when it has ended.
    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Ends it in order, and takes what it says of the sound.
    fn end(mut self) -> anyhow::Result<Heard> {
        drop(self.child.stdin.take());
        let heard = self.line()?;
        serde_json::from_str(&heard).context("the daemon that was measured ended badly")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its input closes, which ends it and its language model in order; nothing waits longer than the daemon does.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_known_when_all_are() {
        let memory = |rss, pss| Memory { rss, pss };
        let both = [memory(5, Some(3)), memory(7, Some(4))];
        assert_eq!(together(both.into_iter()), memory(12, Some(7)));
        let one = [memory(5, Some(3)), memory(7, None)];
        assert_eq!(together(one.into_iter()), memory(12, None));
    }

    #[test]
    fn minutes_are_a_sensible_number() {
        assert_eq!(minutes("0.5"), Ok(0.5));
        assert!(
            ["0", "-1", "nan", "many"]
                .iter()
                .all(|text| minutes(text).is_err())
        );
    }
}
