//! What hearken writes, and whom it calls: the real program with the real models, watched by the system.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../src/cli/process.rs"]
#[allow(dead_code)]
mod process;
#[allow(dead_code)] // Each test takes what it needs.
#[path = "support/sound_server.rs"]
mod sound_server;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sound_server::SoundServer;

const HEARKEN: &str = env!("CARGO_BIN_EXE_hearken");
/// A key that stands in the environment.
const SECRET: &str = "sk-nobody-else-reads-this";
const BOUND: Duration = Duration::from_secs(120);

/// Somebody who has just begun: their home folder is empty, and the weights are where everybody's are.
struct Newcomer {
    dir: tempfile::TempDir,
}

impl Newcomer {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["data", "tmp"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let weights = by_default(Command::new(HEARKEN))
            .args(["weights", "path", "joe"])
            .output()
            .unwrap();
        assert!(weights.status.success(), "run `hearken weights pull`");
        let file = PathBuf::from(text(&weights.stdout).trim());
        let folder = dir.path().join("data/weights");
        std::os::unix::fs::symlink(file.parent().unwrap(), folder).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `program` as this person runs it.
    fn at_home(&self, program: Command) -> Command {
        let mut command = by_default(program);
        command
            .env("HOME", self.dir.path())
            .env("HEARKEN_DATA_DIR", self.path("data"))
            .env("TMPDIR", self.path("tmp"))
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// `sentence` as a recording. The voice never says a sentence twice alike, and now and then in a way that nobody
    /// understands: it is said until it is read as it was meant, at most five times.
    fn question(&self, sentence: &str, name: &str) {
        let mut misread = Vec::new();
        while misread.len() < 5 {
            let say = self
                .at_home(Command::new(HEARKEN))
                .args(["say", sentence, "--out", name])
                .output()
                .unwrap();
            succeeded(&say);
            let read = self
                .at_home(Command::new(HEARKEN))
                .args(["transcribe", name, "--expect", sentence])
                .args(["--max-wer", "0"])
                .output()
                .unwrap();
            if read.status.success() {
                return;
            }
            misread.push(text(&read.stderr));
        }
        panic!("{misread:?}");
    }

    /// Every file and folder that there is, but for the weights: its path, and its mode.
    fn files(&self) -> Vec<(String, u32)> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = path.symlink_metadata().unwrap();
                if metadata.is_symlink() {
                    continue;
                }
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                let name = path.strip_prefix(self.dir.path()).unwrap();
                let mode = metadata.permissions().mode() & 0o777;
                found.push((name.to_str().unwrap().to_owned(), mode));
            }
        }
        found.sort();
        found
    }
}

fn by_default(mut command: Command) -> Command {
    // What is set for the tests' own process is not what a user has.
    command
        .env("HEARKEN_CONFIG", "/dev/null")
        .env_remove("ORT_DISABLE_TELEMETRY")
        .env_remove("JOURNAL_STREAM")
        .env_remove("HEARKEN_LOG");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Its process, which does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_conversation_calls_nobody_and_leaves_only_what_was_asked_for() {
    let newcomer = Newcomer::new();
    newcomer.question("What is the capital of Norway?", "question.wav");
    // Outside of what is looked at.
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-e", "trace=connect,bind,sendto", "-o"])
        .arg(trace.path())
        .arg(HEARKEN)
        .args([
            "converse",
            "--json",
            "--in",
            "question.wav",
            "--out",
            "reply.wav",
        ]);
    let converse = newcomer.at_home(command).output();
    let converse = converse.expect("strace (package strace) is needed");
    succeeded(&converse);
    let events = text(&converse.stdout);
    assert!(events.contains("Norway"), "{events}");

    let calls = std::fs::read_to_string(trace.path()).unwrap();
    // The language model is called, so that the trace is none of nothing.
    assert!(
        calls.contains("connect(") && calls.contains("AF_UNIX"),
        "{calls}"
    );
    let abroad: Vec<_> = calls
        .lines()
        .filter(|call| call.contains("AF_INET"))
        .collect();
    assert!(abroad.is_empty(), "{abroad:?}");
    let files = newcomer.files();
    let names: Vec<_> = files.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, ["data", "question.wav", "reply.wav", "tmp"]);
}

#[test]
fn what_a_running_hearken_keeps_is_its_owners_alone() {
    let newcomer = Newcomer::new();
    let server = SoundServer::start();
    let mut command = newcomer.at_home(server.command(HEARKEN));
    std::fs::create_dir(newcomer.path("run")).unwrap();
    command
        .env("XDG_RUNTIME_DIR", newcomer.path("run"))
        .env("HEARKEN_TEST_KEY", SECRET)
        .args([
            "run",
            "--json",
            "--set",
            "reply.server.key_env=HEARKEN_TEST_KEY",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let daemon = Running(command.spawn().unwrap());
    let ctl = |arguments: &[&str]| {
        newcomer
            .at_home(Command::new(HEARKEN))
            .env("XDG_RUNTIME_DIR", newcomer.path("run"))
            .arg("ctl")
            .args(arguments)
            .output()
            .unwrap()
    };
    let began = Instant::now();
    while !ctl(&["status"]).status.success() {
        assert!(began.elapsed() < BOUND, "it never begins");
        std::thread::sleep(Duration::from_millis(200));
    }
    succeeded(&ctl(&["ask", "What is the capital of Norway?"]));
    succeeded(&ctl(&["name", "Eleanor"]));
    succeeded(&ctl(&["mute"]));

    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.0.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.contains("core file"))
        .unwrap();
    let figures: Vec<_> = core
        .split_whitespace()
        .filter(|word| word.parse::<u64>().is_ok())
        .collect();
    assert_eq!(figures, ["0", "0"], "{core}");

    // Other programs of the same user can read how a program was begun.
    let children = process::children(daemon.0.id());
    assert!(!children.is_empty(), "no language model runs");
    for id in children.iter().chain([&daemon.0.id()]) {
        let begun = |file| std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        let begun = |file| String::from_utf8_lossy(&begun(file)).into_owned();
        assert!(!begun("cmdline").contains(SECRET), "on a command line");
        if *id != daemon.0.id() {
            let environment = begun("environ");
            assert!(environment.contains("PATH="), "{environment}");
            assert!(!environment.contains(SECRET), "in an environment");
        }
    }

    let kept = newcomer.files();
    for wanted in ["data/conversation.db", "run/hearken/control.sock"] {
        assert!(kept.iter().any(|(name, _)| name == wanted), "{kept:?}");
    }
    // The test's own folders are as the test has made them.
    let own = ["data", "tmp", "run"];
    let open: Vec<_> = kept
        .iter()
        .filter(|(name, mode)| !own.contains(&&name[..]) && mode & 0o077 != 0)
        .collect();
    assert!(open.is_empty(), "others may read or write {open:?}");

    // What it keeps is all that it ever writes: when it has been ended by force as well.
    let mut daemon = daemon;
    kill(Pid::from_raw(daemon.0.id() as i32), Signal::SIGABRT).unwrap();
    let status = daemon.0.wait().unwrap();
    assert!(!status.core_dumped(), "{status}");
    let left = newcomer.files();
    let core = left.iter().find(|(name, _)| name.contains("core"));
    assert!(core.is_none(), "{core:?}");
    let words = ["capital", "Norway"];
    let holds = |name: &str| {
        let bytes = std::fs::read(newcomer.path(name)).unwrap_or_default();
        words.iter().any(|word| {
            bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        })
    };
    let holders: Vec<_> = left
        .iter()
        .map(|(name, _)| &name[..])
        .filter(|name| holds(name))
        .collect();
    assert!(!holders.is_empty());
    assert!(
        holders
            .iter()
            .all(|name| name.starts_with("data/conversation.db")),
        "{holders:?}"
    );
}

/// What the commands beside it write: for its owner alone, but for sound that somebody asked for, which has the rights of any
/// new file.
#[test]
fn what_is_written_beside_the_daemon_is_its_owners_alone() {
    let newcomer = Newcomer::new();
    let run = |arguments: &[&str]| {
        let mut command = newcomer.at_home(Command::new("sh"));
        command.args(["-c", "umask 022; exec \"$0\" \"$@\"", HEARKEN]);
        let output = command.args(arguments).output().unwrap();
        succeeded(&output);
    };
    let mode = |name: &str| {
        let about = std::fs::metadata(newcomer.path(name));
        let about = about.unwrap_or_else(|error| panic!("{name}: {error}"));
        about.permissions().mode() & 0o777
    };
    run(&["--config", "kept/below/hearken.toml", "config", "--init"]);
    assert_eq!(mode("kept/below/hearken.toml"), 0o600);
    assert_eq!((mode("kept"), mode("kept/below")), (0o700, 0o700));

    run(&["say", "What is the capital of Norway?", "--out", "said.wav"]);
    assert_eq!(mode("said.wav"), 0o644);
    run(&["converse", "--in", "said.wav", "--out", "reply.wav"]);
    assert_eq!(mode("reply.wav"), 0o644);
}

/// docs/security.md names the test of each claim; each must be there.
#[test]
fn every_claim_of_the_security_page_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut rows = 0;
    for line in page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| claim"))
    {
        rows += 1;
        let cell = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test stands behind: {line}");
        for test in named {
            let (file, name) = test
                .split_once("::")
                .unwrap_or_else(|| panic!("{test}: FILE::TEST"));
            let source = std::fs::read_to_string(root.join(file));
            let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(
                source.contains(&format!("fn {name}(")),
                "{file} has no test {name}"
            );
        }
    }
    assert!(rows > 20, "{rows} claims");
}

/// The same page names the files that hold unsafe code.
#[test]
fn unsafe_code_is_where_it_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut listed: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    let mut found = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap_or_default();
            if source.contains("unsafe {")
                || source.contains("unsafe extern")
                || source.contains("unsafe impl")
            {
                found.push(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    listed.sort();
    found.sort();
    assert_eq!(listed, found);
}
