//! The daemon itself in a desktop, with its real models and a sound server of the test's own.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::bus::{Player, PrivateBus, until};
use crate::sound_server::{SoundServer, ended_within};

/// From a signal to the end of the process.
const STOPS_WITHIN: Duration = Duration::from_secs(12);

struct Home {
    dir: tempfile::TempDir,
    sound: SoundServer,
    bus: PrivateBus,
}

impl Home {
    fn hearken(&self, arguments: &[&str]) -> Command {
        let mut command = self.sound.command(env!("CARGO_BIN_EXE_hearken"));
        command
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus.address())
            .env("HEARKEN_CONFIG", self.config())
            .env("HEARKEN_MEMORY__CONVERSATION", "false")
            .env(
                "HEARKEN_MEMORY__FILE",
                self.dir.path().join("conversation.db"),
            )
            .env_remove("JOURNAL_STREAM")
            .env_remove("HEARKEN_LOG")
            .args(arguments);
        command
    }

    fn config(&self) -> impl AsRef<Path> + AsRef<OsStr> {
        self.dir.path().join("hearken.toml")
    }

    fn configure(&self, media: &str) {
        let text = format!("[attention]\ncalled_ms = 120000\n[desktop]\nmedia = {media:?}\n");
        std::fs::write(self.config(), text).unwrap();
    }

    /// A command beside the one that runs.
    fn ask(&self, arguments: &[&str]) {
        let output = self.hearken(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// `hearken run`, and whoever goes on in its place: it ends that one as well.
struct Daemon(Child);

impl Daemon {
    fn stop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        if !ended_within(&mut self.0, STOPS_WITHIN) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            self.stop();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn players_follow_the_daemon_over_another_configuration_another_program_and_its_end() {
    let home = Home {
        dir: tempfile::tempdir().unwrap(),
        sound: SoundServer::start(),
        bus: PrivateBus::start(),
    };
    let music = Player::join(&home.bus, &["music"], "Playing", 1.0).await;
    home.configure("pause");
    let mut run = home.hearken(&["run"]);
    let mut daemon = Daemon(run.stdout(Stdio::null()).spawn().unwrap());
    until("it can be asked", || {
        let status = home.hearken(&["ctl", "status"]).output().unwrap();
        status.status.success()
    })
    .await;

    // Somebody pushes, and it waits for what they want.
    home.ask(&["ctl", "listen"]);
    music.until_told(&["pause"]).await;
    home.configure("duck");
    home.ask(&["ctl", "reload"]);
    music.until_told(&["pause", "play", "volume 0.200"]).await;
    home.ask(&["upgrade-restart"]);
    let given_back = ["pause", "play", "volume 0.200", "volume 1.000"];
    music.until_told(&given_back).await;

    home.ask(&["ctl", "listen"]);
    let again = |all: &[&'static str]| [&given_back[..], all].concat();
    music.until_told(&again(&["volume 0.200"])).await;
    daemon.stop();
    music
        .until_told(&again(&["volume 0.200", "volume 1.000"]))
        .await;
}
