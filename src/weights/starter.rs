//! Which weights a configuration and a machine ask for. Pure but for [`Machine::measure`].

use std::path::Path;

use crate::config::{Backend, Config, Fallback};
use crate::listen::turn_end;

/// Below this much memory the small language model is chosen, in bytes: Qwen 0.5B takes about 0.7 GB with its context,
/// whisper and the voice 0.4 GB, and the desktop wants the rest.
const SMALL_MEMORY: u64 = 3 << 30;
/// Below this much free disk the small language model is chosen, in bytes: while it is fetched, Qwen 0.5B lies there
/// twice (packages and file, 1 GB), and the other starters take 0.5 GB.
const SMALL_DISK: u64 = 2 << 30;

pub(super) const LARGE_LLM: &str = "qwen2.5-coder-0.5b";
pub(super) const SMALL_LLM: &str = "smollm2-135m";

/// What decides between a large and a small model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// All memory, in bytes.
    pub memory: u64,
    /// Free disk where weights go, in bytes.
    pub free_disk: u64,
}

impl Machine {
    /// This computer, with the disk that `dir` is or will be on. What cannot be measured counts as plenty.
    #[must_use]
    pub fn measure(dir: &Path) -> Self {
        Self {
            memory: std::fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| memory_of(&text))
                .unwrap_or(u64::MAX),
            free_disk: free_disk(dir).unwrap_or(u64::MAX),
        }
    }
}

/// The language model that suits a machine.
#[must_use]
pub fn default_llm(machine: Machine) -> &'static str {
    if machine.memory < SMALL_MEMORY || machine.free_disk < SMALL_DISK {
        SMALL_LLM
    } else {
        LARGE_LLM
    }
}

/// The names (or paths) that a configuration uses: speech-to-text, voice, language model, detectors of speech, of the end
/// of a turn and of a wake word, runtime. A voice of eSpeak NG and an own server without fallback need none.
#[must_use]
pub fn needed(config: &Config) -> Vec<String> {
    let mut names = vec![config.listen.model.clone()];
    if !config.speak.voice.starts_with("espeak:") {
        names.push(config.speak.voice.clone());
    }
    if config.reply.backend == Backend::Embedded || config.reply.fallback == Fallback::Embedded {
        names.push(config.reply.model.clone());
    }
    names.push("silero-vad".to_owned());
    if config.listen.turn_end && turn_end::knows(&config.listen.language) {
        names.push("smart-turn".to_owned());
    }
    let wake = config.attention.wake_model.to_string_lossy();
    if !wake.is_empty() {
        names.extend(["wake-melspectrogram", "wake-embedding", &wake].map(str::to_owned));
    }
    names.push("onnxruntime".to_owned());
    names
}

/// What `hearken weights pull` fetches when nothing is named: what `config` needs, with the small language model in
/// place of the large default where `machine` is small. Paths of the user's are left out.
#[must_use]
pub fn starter(config: &Config, machine: Machine) -> Vec<String> {
    let mut names = needed(config);
    names.retain(|name| !name.contains('/'));
    suited(names, machine)
}

/// With the small language model in place of the large default where `machine` is small.
pub(super) fn suited(mut names: Vec<String>, machine: Machine) -> Vec<String> {
    for name in &mut names {
        if name == LARGE_LLM {
            *name = default_llm(machine).to_owned();
        }
    }
    names
}

/// Bytes free to the user on the disk of `dir`, or of the nearest folder above it that exists.
pub(super) fn free_disk(dir: &Path) -> Option<u64> {
    let found = dir
        .ancestors()
        .map(|d| {
            if d.as_os_str().is_empty() {
                Path::new(".")
            } else {
                d
            }
        })
        .find(|d| d.is_dir())?;
    let stat = nix::sys::statvfs::statvfs(found).ok()?;
    Some(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

fn memory_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|l| l.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_small_machine_gets_the_small_model() {
        let llm = |memory, free_disk| default_llm(Machine { memory, free_disk });
        assert_eq!(llm(8 * GIB, 50 * GIB), LARGE_LLM);
        assert_eq!(llm(3 * GIB, 2 * GIB), LARGE_LLM);
        assert_eq!(llm(3 * GIB - 1, 50 * GIB), SMALL_LLM);
        assert_eq!(llm(8 * GIB, 2 * GIB - 1), SMALL_LLM);
    }

    #[test]
    fn the_starters_follow_the_configuration() {
        let big = Machine {
            memory: 8 * GIB,
            free_disk: 50 * GIB,
        };
        let mut config = Config::default();
        assert_eq!(
            starter(&config, big),
            [
                "whisper-base",
                "joe",
                LARGE_LLM,
                "silero-vad",
                "smart-turn",
                "onnxruntime"
            ]
        );
        config.listen.model = "/models/own.bin".into();
        config.speak.voice = "espeak:ko".into();
        config.reply.backend = Backend::Server;
        assert_eq!(
            starter(&config, big),
            ["silero-vad", "smart-turn", "onnxruntime"]
        );
        config.listen.turn_end = false;
        config.attention.wake_model = "hey-marvin".into();
        assert_eq!(
            starter(&config, big),
            [
                "silero-vad",
                "wake-melspectrogram",
                "wake-embedding",
                "hey-marvin",
                "onnxruntime"
            ]
        );
        config.reply.fallback = Fallback::Embedded;
        assert_eq!(
            starter(&config, Machine { memory: GIB, ..big })[0],
            SMALL_LLM
        );
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(
            memory_of("MemTotal:       2097152 kB\nMemFree: 1 kB\n"),
            Some(2 * GIB)
        );
        assert_eq!(memory_of("nothing"), None);
    }

    #[test]
    fn the_disk_of_a_folder_to_come_is_that_of_its_parent() {
        assert!(free_disk(Path::new("/tmp/not/yet/there")).unwrap() > 0);
        assert!(free_disk(Path::new("not-yet")).is_some());
    }
}
