//! Other programs that want the cores: this program, started again to compute nothing.

use std::hint::black_box;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// No measurement takes longer; a process that nobody ends ends itself.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Arguments of `hearken bench burn`.
#[derive(clap::Args)]
pub struct Args {
    /// The process that wants it; the core is free again when that is gone
    #[arg(long)]
    parent: u32,
}

/// Keeps one core busy until the parent is gone or the longest time is over.
pub fn burn(args: &Args) {
    let began = Instant::now();
    let mut number = 1u64;
    while began.elapsed() < LONGEST && std::os::unix::process::parent_id() == args.parent {
        for _ in 0..1_000_000 {
            number = black_box(
                number
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            );
        }
    }
}

/// Processes that keep cores busy while this lives.
pub struct Busy(Vec<Child>);

impl Busy {
    /// Starts `count` of them.
    pub fn start(count: usize) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program to start it")?;
        let mut busy = Self(Vec::with_capacity(count));
        for _ in 0..count {
            let parent = std::process::id().to_string();
            let child = Command::new(&program)
                .args(["bench", "burn", "--parent", &parent])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .context("cannot start a busy process")?;
            busy.0.push(child);
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
