//! The unit under a real `systemd --user`: it is ready when it hears, and started anew when it dies or hangs.
//!
//! The manager is the test's own: another home folder, another runtime folder. Where the system gives nobody control groups to
//! write (most containers), no installation can mend that: the test says so and shows nothing. Anywhere else it fails where no
//! manager runs, unless `HEARKEN_TEST_WITHOUT_MANAGER=1`.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // Each test takes what it needs.
#[path = "support/sound_server.rs"]
mod sound_server;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sound_server::{SoundServer, ended_within};

const HEARKEN: &str = env!("CARGO_BIN_EXE_hearken");
/// From the start of the service to the first sound that it hears, on a busy machine.
const BOUND: Duration = Duration::from_secs(120);
/// systemd looks here whether it is what the system was booted with, and refuses to manage a user's services otherwise.
const BOOTED: &str = "/run/systemd/system";

struct Manager {
    home: tempfile::TempDir,
    process: Child,
    /// What had to be made for it.
    made: Option<PathBuf>,
}

impl Manager {
    /// `None` where none can run.
    fn start() -> Option<Self> {
        let program = ["/lib/systemd/systemd", "/usr/lib/systemd/systemd"]
            .into_iter()
            .find(|program| Path::new(program).exists())
            .expect("systemd (package systemd) is needed");
        let made = (!Path::new(BOOTED).exists() && std::fs::create_dir_all(BOOTED).is_ok())
            .then(|| PathBuf::from(BOOTED));
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("run")).unwrap();
        let process = at_home(Command::new(program), home.path())
            .arg("--user")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let manager = Self {
            home,
            process,
            made,
        };
        let began = Instant::now();
        while !manager
            .systemctl(&["show", "--property=Version"])
            .status
            .success()
        {
            if began.elapsed() > Duration::from_secs(15) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(manager)
    }

    fn hearken(&self, arguments: &[&str]) -> Output {
        at_home(Command::new(HEARKEN), self.home.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    fn systemctl(&self, arguments: &[&str]) -> Output {
        at_home(Command::new("systemctl"), self.home.path())
            .arg("--user")
            .args(arguments)
            .output()
            .unwrap()
    }

    fn property(&self, name: &str) -> String {
        let wanted = format!("--property={name}");
        let shown = self.systemctl(&["show", "hearken", &wanted, "--value"]);
        text(&shown.stdout).trim().to_owned()
    }

    /// Waits until the service is ready and has been started anew so often.
    fn ready(&self, restarts: &str) {
        let began = Instant::now();
        while self.property("ActiveState") != "active" || self.property("NRestarts") != restarts {
            assert!(
                began.elapsed() < BOUND,
                "{}",
                text(&self.systemctl(&["status", "--no-pager", "hearken"]).stdout)
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.property("MainPID").parse().unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM);
        if !ended_within(&mut self.process, Duration::from_secs(30)) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        if let Some(made) = &self.made {
            let _ = std::fs::remove_dir(made);
        }
    }
}

/// `program` in that home folder. The weights are where everybody's are.
fn at_home(mut command: Command, home: &Path) -> Command {
    let weights = Command::new(HEARKEN)
        .args(["weights", "path", "joe"])
        .env("HEARKEN_CONFIG", "/dev/null")
        .output()
        .unwrap();
    assert!(weights.status.success(), "run `hearken weights pull`");
    let file = PathBuf::from(text(&weights.stdout).trim());
    command
        .env("HEARKEN_DATA_DIR", file.ancestors().nth(2).unwrap())
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home.join("run"))
        .env("HEARKEN_CONFIG", "/dev/null")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Why no service manager of a user can run here whatever is installed; nothing where one should.
fn cannot_be_mended() -> Option<String> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let unified = own.lines().find_map(|line| line.strip_prefix("0::"));
    // Where both versions are mounted, the unified one has a folder of its own.
    let folder = unified.map(|own| {
        ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            .map(|root| PathBuf::from(format!("{root}{own}")))
            .into_iter()
            .find(|folder| folder.join("cgroup.procs").exists())
    });
    match folder {
        None => Some("the kernel has no unified control groups".into()),
        Some(None) => Some("no unified control groups are mounted".into()),
        Some(Some(folder)) => {
            let writable = nix::unistd::access(&folder, nix::unistd::AccessFlags::W_OK);
            let why = writable.err()?;
            let is_roots = std::fs::metadata(&folder).is_ok_and(|about| about.uid() == 0);
            // The manager that a login brings gives each user some of their own; here there is none that could.
            (is_roots && !Path::new(BOOTED).exists())
                .then(|| format!("{} cannot be written: {why}", folder.display()))
        }
    }
}

/// What the unit asks for and what of it the kernel holds the process to, for whoever reads what this test has shown.
fn tell_what_is_in_force(manager: &Manager) {
    let asked = [
        "Type",
        "WatchdogUSec",
        "RestartUSec",
        "UMask",
        "NoNewPrivileges",
        "RestrictNamespaces",
        "MemoryDenyWriteExecute",
        "SystemCallArchitectures",
        "ProtectSystem",
        "ProtectHome",
        "ReadWritePaths",
        "PrivateTmp",
        "PrivateUsers",
        "PrivateMounts",
        "ProtectProc",
    ];
    for name in asked {
        eprintln!("unit: {name}={}", manager.property(name));
    }
    let id = manager.property("MainPID");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let held = ["Umask:", "NoNewPrivs:", "Seccomp:", "CapEff:", "CapBnd:"];
    for line in status
        .lines()
        .filter(|line| held.iter().any(|name| line.starts_with(name)))
    {
        eprintln!("kernel: {line}");
    }
}

#[test]
fn is_ready_when_it_hears_and_is_started_anew() {
    let Some(manager) = Manager::start() else {
        let why = cannot_be_mended();
        let allowed = std::env::var_os("HEARKEN_TEST_WITHOUT_MANAGER").is_some();
        assert!(
            why.is_some() || allowed,
            "no service manager of a user runs here; HEARKEN_TEST_WITHOUT_MANAGER=1 goes on without this test"
        );
        let why = why.unwrap_or_else(|| "HEARKEN_TEST_WITHOUT_MANAGER is set".into());
        eprintln!("skipped: no service manager of a user can run here: {why}");
        return;
    };
    let server = SoundServer::start();
    // The test's sound server is in the folder for temporary files, which the unit hides; and nobody waits half a minute.
    let own = manager
        .home
        .path()
        .join(".config/systemd/user/hearken.service.d");
    std::fs::create_dir_all(&own).unwrap();
    let dropin = "[Service]\nPrivateTmp=no\nWatchdogSec=10s\nRestartSec=1s\n";
    std::fs::write(own.join("test.conf"), dropin).unwrap();
    let settings: Vec<_> = server
        .env()
        .into_iter()
        .filter(|(name, _)| *name != "XDG_RUNTIME_DIR")
        .map(|(name, value)| format!("{name}={}", value.to_string_lossy()))
        .collect();
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    succeeded(&manager.systemctl(&[&["set-environment"], &settings[..]].concat()));

    let memory = manager.home.path().join("conversation.db");
    let memory = format!("memory.file={}", memory.display());
    succeeded(&manager.hearken(&["--set", &memory, "service", "install"]));
    manager.ready("0");
    assert_eq!(manager.property("StatusText"), "listening");
    let status = manager.hearken(&["ctl", "status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["microphone"], true, "{status}");
    assert_eq!(status["process"].to_string(), manager.property("MainPID"));
    tell_what_is_in_force(&manager);
    succeeded(&manager.hearken(&["service", "status"]));

    // Another configuration is no restart.
    succeeded(&manager.systemctl(&["reload", "hearken"]));
    manager.ready("0");
    // It dies; then it hangs.
    manager.signal(Signal::SIGKILL);
    manager.ready("1");
    let began = Instant::now();
    manager.signal(Signal::SIGSTOP);
    manager.ready("2");
    eprintln!(
        "hung, and ready again after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(
        began.elapsed() > Duration::from_secs(5),
        "nobody watched it"
    );
    // Another program goes on as the service.
    let before = manager.property("MainPID");
    succeeded(&manager.hearken(&["upgrade-restart"]));
    // The old one tells the service manager when it has ended its parts.
    let began = Instant::now();
    while manager.property("MainPID") == before {
        assert!(
            began.elapsed() < BOUND,
            "the service is still the old program"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    manager.ready("2");

    succeeded(&manager.hearken(&["service", "uninstall"]));
    assert_eq!(manager.property("ActiveState"), "inactive");
    assert!(
        !manager
            .home
            .path()
            .join(".config/systemd/user/hearken.service")
            .exists()
    );
}
