//! `hearken service`: the unit as systemd reads it, and what is done to install and remove it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const HEARKEN: &str = env!("CARGO_BIN_EXE_hearken");

/// A home folder, with a systemctl that writes down what it is told and does what `does` says.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new(does: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        let told = dir.path().join("told");
        let text = format!("#!/bin/sh\necho \"$*\" >>'{}'\n{does}\n", told.display());
        let home = Self { dir };
        home.program("systemctl", &text);
        home.program("systemd-run", "#!/bin/sh\n");
        home
    }

    fn program(&self, name: &str, text: &str) {
        let program = self.dir.path().join("bin").join(name);
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// It is a service already, whatever has become of the session since.
    fn installed(&self) {
        std::fs::create_dir_all(self.unit().parent().unwrap()).unwrap();
        std::fs::write(self.unit(), "").unwrap();
    }

    /// Ends with 1 and one sentence that holds all of these.
    fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let output = self.hearken(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    }

    fn hearken(&self, arguments: &[&str]) -> Output {
        self.run(Command::new(HEARKEN), arguments)
    }

    /// The same of somebody whose new files everybody may write to.
    fn carelessly(&self, arguments: &[&str]) -> Output {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "umask 0; exec \"$0\" \"$@\"", HEARKEN]);
        self.run(shell, arguments)
    }

    fn run(&self, mut program: Command, arguments: &[&str]) -> Output {
        program
            .args(arguments)
            .env("HOME", self.dir.path())
            .env("PATH", self.dir.path().join("bin"))
            .env("HEARKEN_CONFIG", "/dev/null")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .env_remove("HEARKEN_DATA_DIR")
            .output()
            .unwrap()
    }

    fn unit(&self) -> PathBuf {
        self.dir.path().join(".config/systemd/user/hearken.service")
    }

    fn told(&self) -> Vec<String> {
        let told = std::fs::read_to_string(self.dir.path().join("told")).unwrap_or_default();
        told.lines().map(Into::into).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn is_installed_and_removed_without_root() {
    let home = Home::new("exit 0");
    let before = home.hearken(&["service", "status"]);
    assert_eq!(before.status.code(), Some(1));
    let said = text(&before.stderr);
    assert!(said.contains("hearken service install"), "{said}");

    let install = ["--set", "name=Anna", "service", "install"];
    let output = home.hearken(&install);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let unit = std::fs::read_to_string(home.unit()).unwrap();
    let start = format!(
        "ExecStart=\"{HEARKEN}\" \"--config\" \"/dev/null\" \"--set\" \"name=Anna\" \"run\" \"--wait\"\n"
    );
    assert!(unit.contains(&start), "{unit}");
    let data = home.dir.path().join(".local/share/hearken");
    assert!(data.is_dir(), "the unit lets it write there");
    // A folder that is missing later keeps nothing from starting.
    let writes = format!("ReadWritePaths=\"-{}\"\n", data.display());
    assert!(unit.contains(&writes), "{unit}");
    assert_eq!(
        home.told(),
        [
            "--user daemon-reload",
            "--user enable hearken.service",
            "--user restart --no-block hearken.service",
        ]
    );

    assert!(home.hearken(&["service", "uninstall"]).status.success());
    assert!(!home.unit().exists() && data.is_dir());
    assert_eq!(
        home.told()[3..],
        [
            "--user disable --now hearken.service",
            "--user daemon-reload"
        ]
    );
    let again = home.hearken(&["service", "uninstall"]);
    assert!(again.status.success() && text(&again.stdout).contains("nothing to do"));
}

/// Who could write the unit could have any program begun.
#[test]
fn the_unit_is_its_owners_alone() {
    let home = Home::new("exit 0");
    let installed = || {
        let output = home.carelessly(&["service", "install"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let about = std::fs::metadata(home.unit()).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
    };
    installed();
    // One that others may write is another afterwards.
    std::fs::set_permissions(home.unit(), PermissionsExt::from_mode(0o666)).unwrap();
    installed();
}

#[test]
fn says_what_is_wrong_without_a_session() {
    let home = Home::new("echo 'Failed to connect to bus: No medium found' >&2; exit 1");
    let output = home.hearken(&["service", "install"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("No medium found") && said.contains("enable-linger"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    let words = ["No medium found", "enable-linger", "hearken run"];
    home.refuses(&["service", "status"], &words);
    std::fs::remove_file(home.dir.path().join("bin/systemctl")).unwrap();
    home.refuses(&["service", "status"], &["systemctl", "hearken run"]);
}

#[test]
fn says_what_is_wrong_without_a_journal() {
    let home = Home::new("exit 0");
    home.installed();
    let logs = ["service", "logs", "--follow"];
    let words = ["no journal here that you may read", "hearken run"];
    home.refuses(&logs, &words);
    // As journalctl does: it says so, and ends well.
    let none = "#!/bin/sh\necho 'No journal files were found.' >&2\necho '-- No entries --'\n";
    home.program("journalctl", none);
    home.refuses(&logs, &["No journal files were found.", "systemd-journal"]);
    // One that has nothing of hearken yet is no failure.
    home.program("journalctl", "#!/bin/sh\necho '-- No entries --'\n");
    let output = home.hearken(&logs);
    assert!(output.status.success() && output.stderr.is_empty());
    home.program("journalctl", "#!/bin/sh\necho \"$*\"\n");
    let shown = text(&home.hearken(&["service", "logs"]).stdout);
    assert_eq!(
        shown,
        "--user --no-pager --unit hearken.service --lines 50\n"
    );
}

#[test]
fn does_without_namespaces_where_the_system_has_none_for_users() {
    let home = Home::new("exit 0");
    std::fs::remove_file(home.dir.path().join("bin/systemd-run")).unwrap();
    let output = home.hearken(&["service", "install"]);
    assert!(output.status.success() && text(&output.stdout).contains("does without"));
    let unit = std::fs::read_to_string(home.unit()).unwrap();
    assert!(!unit.contains("PrivateUsers") && unit.contains("NoNewPrivileges=yes"));
}

#[test]
fn the_unit_is_understood_and_may_do_little() {
    let home = Home::new("exit 0");
    let printed = home.hearken(&["service", "install", "--print"]);
    assert!(printed.status.success() && !home.unit().exists());
    let unit = home.dir.path().join("hearken.service");
    std::fs::write(&unit, &printed.stdout).unwrap();
    // A hearken in a terminal has its socket in the same folder, and a service that ends does not take that away.
    assert!(text(&printed.stdout).contains("\nRuntimeDirectoryPreserve=yes\n"));
    let said = analyze(home.dir.path(), &["verify", "--user"], &unit);
    // What is newer than the systemd of Debian 12 is passed over there.
    let newer = ["RestartSteps", "RestartMaxDelaySec"];
    let known = |line: &&str| !newer.iter().any(|key| line.contains(key));
    let wrong: Vec<_> = said.lines().filter(known).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let said = analyze(
        home.dir.path(),
        &["security", "--user", "--offline=true"],
        &unit,
    );
    let level = said
        .lines()
        .find(|line| line.contains("Overall exposure level"));
    let level = level.unwrap_or_else(|| panic!("{said}"));
    let level: f32 = level
        .split(':')
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(level <= 3.0, "{said}");
    eprintln!("overall exposure level {level}");
}

/// What systemd-analyze says of the unit, both streams.
fn analyze(runtime: &Path, arguments: &[&str], unit: &Path) -> String {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .env("XDG_RUNTIME_DIR", runtime)
        .env("SYSTEMD_PAGER", "")
        .output()
        .expect("systemd-analyze (package systemd) is needed");
    text(&output.stdout) + &text(&output.stderr)
}

/// The service has another working folder than whoever installs it.
#[test]
fn a_relative_path_means_the_same_in_the_unit() {
    let home = Home::new("exit 0");
    let set = ["--set", "reply.model=./own.gguf", "--set", "name=Anna"];
    let install = ["service", "install", "--print"];
    let output = home.hearken(&[&set[..], &install].concat());
    let unit = text(&output.stdout);
    let here = std::env::current_dir().unwrap();
    let model = format!("reply.model={}/own.gguf", here.display());
    assert!(
        unit.contains(&model) && unit.contains("name=Anna"),
        "{unit}"
    );
}

/// It would end at once, each time that it is begun.
#[test]
fn a_key_in_a_variable_is_none_for_a_service() {
    let home = Home::new("exit 0");
    let set = |key| ["--set", key];
    let server = [
        set("reply.backend=server"),
        set("reply.server.url=https://example.org/v1"),
        set("reply.server.model=small"),
        set("reply.server.key_env=HOME"),
    ];
    let install = ["service", "install"];
    let output = home.hearken(&[&server.concat()[..], &install].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("key_file") && said.contains("0600"), "{said}");
    let asked = |told: &String| told.contains("show-environment");
    assert!(!home.unit().exists() && home.told().iter().all(asked));
    // Where no server is asked the name of a variable does no harm.
    let output = home.hearken(&[&server[3..].concat()[..], &install].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
}
