//! What Linux says of a process: the processor time and the memory that it has taken. Reading is here; the parsing of
//! each file is pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Processor time and name of a process or thread.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    /// In user mode and in the kernel, in clock ticks.
    ticks: u64,
}

/// A process's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Resident, files that are mapped included.
    pub rss: u64,
    /// The same, with shared pages divided by who shares them; `None` when the system does not say.
    pub pss: Option<u64>,
}

/// A thread of a process: the process's name, the thread's name and its id.
pub type Thread = (String, String, u32);

/// The processes that `parent` has started.
pub fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| stat(&folder(pid)).is_some_and(|stat| stat.parent == parent))
        .collect()
}

/// Processor time that the process has taken so far, in s; `None` when it is gone.
pub fn processor_s(pid: u32) -> Option<f64> {
    Some(seconds(stat(&folder(pid))?.ticks))
}

/// The same of each of its threads that is alive.
pub fn threads(pid: u32) -> BTreeMap<Thread, f64> {
    let Some(process) = stat(&folder(pid)) else {
        return BTreeMap::new();
    };
    let tasks = std::fs::read_dir(folder(pid).join("task"));
    tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| {
            let id = task.file_name().to_str()?.parse().ok()?;
            let thread = stat(&task.path())?;
            let key = (process.name.clone(), thread.name, id);
            Some((key, seconds(thread.ticks)))
        })
        .collect()
}

/// Memory of the process; with the proportional share only when `shares`, which takes the kernel some milliseconds.
pub fn memory(pid: u32, shares: bool) -> Option<Memory> {
    let read = |file: &str| std::fs::read_to_string(folder(pid).join(file)).ok();
    let pss = match shares {
        true => read("smaps_rollup").and_then(|text| kilobytes(&text, "Pss")),
        false => None,
    };
    Some(Memory {
        rss: kilobytes(&read("status")?, "VmRSS")?,
        pss,
    })
}

fn folder(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

fn stat(folder: &Path) -> Option<Stat> {
    parse_stat(&std::fs::read_to_string(folder.join("stat")).ok()?)
}

fn seconds(ticks: u64) -> f64 {
    // SAFETY: takes a number and gives one.
    let in_a_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    ticks as f64 / in_a_second.max(1) as f64
}

/// Such as `42 (a name) S 7 …`, where the name may hold anything, parentheses too.
fn parse_stat(text: &str) -> Option<Stat> {
    let (before, after) = text.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<u64>().ok();
    Some(Stat {
        name,
        parent: fields.get(1)?.parse().ok()?,
        ticks: ticks(11)? + ticks(12)?,
    })
}

/// The line `key:   123 kB`, in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let number = line.trim().strip_suffix("kB")?;
    number.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        let text = "42 (tokio) rt (x) S 7 42 42 0 -1 4194560 9 0 0 0 120 30 0 0 20 0 3 0 99 1 2 3";
        let stat = parse_stat(text).unwrap();
        assert_eq!(stat.name, "tokio) rt (x");
        assert_eq!((stat.parent, stat.ticks), (7, 150));
        assert_eq!(parse_stat("42 (cut) S 7"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn memory_is_the_line_that_is_named() {
        let text = "VmHWM:\t  999 kB\nVmRSS:\t   12345 kB\nPss_Dirty:     8 kB\nPss:      16 kB\n";
        assert_eq!(kilobytes(text, "VmRSS"), Some(12_345 * 1024));
        assert_eq!(kilobytes(text, "Pss"), Some(16 * 1024));
        assert_eq!(kilobytes(text, "VmSwap"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_threads() {
        let pid = std::process::id();
        let memory = memory(pid, true).unwrap();
        assert!(memory.rss > 1_000_000);
        assert!(memory.pss.is_none_or(|pss| pss <= memory.rss * 2));
        assert!(!threads(pid).is_empty());
        assert!(processor_s(pid).is_some());
        assert!(children(std::os::unix::process::parent_id()).contains(&pid));
    }
}
