//! A hearken that waits for its devices: what it outlives, and who may begin beside it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::daemon::{BOUND, Daemon, HEARKEN, by_default};

/// `hearken run --wait` where there is no device, with its own folder for running programs.
fn without_devices(home: &Path, set: &[&str]) -> Command {
    // No sound server answers here, and ALSA finds no card of the name that the file gives it.
    let none =
        "pcm.!default { type hw card NoSuchCard }\nctl.!default { type hw card NoSuchCard }\n";
    std::fs::write(home.join(".asoundrc"), none).unwrap();
    let mut command = by_default(Command::new(HEARKEN));
    command
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("HEARKEN_DATA_DIR", home.join("data"))
        .env_remove("HEARKEN_MEMORY__FILE")
        .env_remove("PULSE_SERVER")
        .env_remove("NOTIFY_SOCKET")
        .args(["run", "--wait", "--json"])
        .args(set.iter().flat_map(|set| ["--set", set]));
    command
}

/// It waits; it has taken its place before.
fn waits(command: Command) -> Daemon {
    let daemon = Daemon::start(command);
    let said = daemon.errors.recv_timeout(BOUND).unwrap();
    assert!(said.contains("waiting for it"), "{said}");
    daemon
}

/// A hang-up asks for another configuration; it is none that a hearken is to end with while it begins.
#[test]
fn who_waits_outlives_a_hang_up() {
    let home = tempfile::tempdir().unwrap();
    let mut daemon = waits(without_devices(home.path(), &[]));
    daemon.signal(Signal::SIGHUP);
    std::thread::sleep(Duration::from_millis(500));
    assert!(daemon.process.try_wait().unwrap().is_none());
    daemon.signal(Signal::SIGTERM);
    daemon.end();
}

/// Whoever corrects the name of a device that never comes need not start hearken anew.
#[test]
fn who_waits_goes_by_the_configuration_that_is_written_meanwhile() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("hearken.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("[audio]\nmicrophone = \"gramophone\"\n");
    let mut command = without_devices(home.path(), &[]);
    command.env("HEARKEN_CONFIG", &file);
    let daemon = Daemon::start(command);
    let next = || daemon.errors.recv_timeout(BOUND).unwrap();
    let said = next();
    assert!(
        said.contains("gramophone") && said.contains("waiting for it"),
        "{said}"
    );
    write("[audio]\nmicrophone = 3\n");
    let said = next();
    assert!(said.contains("the old one stays in force"), "{said}");
    write("[audio]\nmicrophone = \"megaphone\"\n");
    let said = next();
    assert!(
        said.contains("megaphone") && said.contains("waiting for it"),
        "{said}"
    );
    daemon.signal(Signal::SIGTERM);
    daemon.end();
}

/// Nobody is asked twice, nor is one conversation written by two, whatever their control sockets are.
#[test]
fn one_hearken_holds_a_conversation() {
    let home = tempfile::tempdir().unwrap();
    let first = waits(without_devices(home.path(), &["control.enabled=false"]));
    let elsewhere = format!("control.socket={}/other.sock", home.path().display());
    for set in ["control.enabled=false", &elsewhere, "name=Anna"] {
        let second = Daemon::start(without_devices(home.path(), &[set]));
        let (code, said) = second.end();
        assert_eq!(code, Some(10), "{set}: {said:?}");
        assert_eq!(said.len(), 1, "{set}: {said:?}");
        let by = format!("runs already as process {}", first.process.id());
        assert!(said[0].contains(&by), "{set}: {said:?}");
    }
    // With a conversation of its own it is somebody else's.
    let own = format!("memory.file={}/own/conversation.db", home.path().display());
    let other = waits(without_devices(
        home.path(),
        &["control.enabled=false", &own],
    ));
    for daemon in [first, other] {
        daemon.signal(Signal::SIGTERM);
        daemon.end();
    }
    // Whoever has ended holds nothing.
    let next = waits(without_devices(home.path(), &[]));
    next.signal(Signal::SIGTERM);
    next.end();
}
