//! The embedded language model as the daemon uses it: started, watched, stopped; with real weights (SmolLM2-135M).

#![allow(clippy::unwrap_used)]

#[path = "support/llm.rs"]
mod support;

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt;
use hearken::reply::embedded::{Embedded, EmbeddedError, EmbeddedSettings};
use hearken::reply::model::{LanguageModel, Message, ModelError, Role};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{BOUND, eventually, model, program};
use tokio::time::timeout;

/// Set in the process that [`nothing_is_left_when_the_parent_is_killed`] kills.
const PARENT: &str = "HEARKEN_TEST_EMBEDDED_PARENT";
/// Set in the process that [`a_server_that_dies_of_every_question_is_reported_with_what_it_said`] starts: its arguments.
const DYING: &str = "HEARKEN_TEST_EMBEDDED_DYING";

fn settings(model: PathBuf) -> EmbeddedSettings {
    EmbeddedSettings {
        program: program(),
        model,
        context_tokens: 1024,
        threads: 1,
        socket_dir: None,
        temperature: 0.0,
        max_tokens: 12,
        connect_timeout: Duration::from_secs(5),
        first_token_timeout: BOUND,
        next_token_timeout: BOUND,
    }
}

fn hello() -> Vec<Message> {
    vec![Message {
        role: Role::User,
        text: "What is the capital of France?".into(),
    }]
}

async fn ask(model: &Embedded) -> Result<String, ModelError> {
    let mut reply = model.reply(hello());
    let mut text = String::new();
    let read = async {
        while let Some(piece) = reply.next().await {
            text.push_str(&piece?);
        }
        Ok(text)
    };
    timeout(BOUND, read).await.unwrap()
}

/// Whether the process runs; one that has ended and that nobody has asked about yet does not.
fn exists(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_reply_waits_while_the_model_loads_and_stop_leaves_nothing() {
    let model = Embedded::start(settings(model())).unwrap();
    // Asked at once: the model cannot be loaded yet.
    let text = ask(&model).await.unwrap();
    assert!(!text.trim().is_empty());
    assert!(model.name().starts_with("embedded smollm2"));
    let pid = model.pid().unwrap();
    assert!(exists(pid));
    model.stop().await;
    assert!(!exists(pid));
    assert!(matches!(
        ask(&model).await,
        Err(ModelError::Unreachable { .. })
    ));
    model.stop().await;
}

#[tokio::test]
async fn prewarming_changes_no_answer() {
    let model = Embedded::start(settings(model())).unwrap();
    let cold = ask(&model).await.unwrap();
    model.prewarm(hello()).await.unwrap();
    assert_eq!(ask(&model).await.unwrap(), cold);
}

#[tokio::test]
async fn it_is_started_again_after_it_was_killed() {
    let model = Embedded::start(settings(model())).unwrap();
    let before = ask(&model).await.unwrap();
    let first = model.pid().unwrap();
    kill(
        Pid::from_raw(i32::try_from(first).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    // The next reply may meet the dead server, its absence or its successor: it comes all the same.
    assert_eq!(ask(&model).await.unwrap(), before);
    let second = model.pid().unwrap();
    assert_ne!(first, second);
    drop(model);
    eventually("the server is gone", || async { !exists(second) }).await;
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_reported_until_its_file_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.gguf");
    let good = std::fs::read(model()).unwrap();
    std::fs::write(&damaged, &good[..good.len() / 2]).unwrap();
    let model = Embedded::start(settings(damaged.clone())).unwrap();
    for _ in 0..2 {
        let error = ask(&model).await.unwrap_err();
        assert!(error.is_permanent());
        let sentence = error.to_string();
        assert!(sentence.contains("damaged.gguf"), "{sentence}");
        assert!(sentence.contains("llama.cpp cannot load"), "{sentence}");
    }
    assert_eq!(model.pid(), None);
    std::fs::write(&damaged, &good).unwrap();
    eventually("the mended file is used", || async {
        ask(&model).await.is_ok()
    })
    .await;
}

/// Settings whose server finds no memory so many times, or until the other value exists.
fn settings_short_of_memory(folder: &Path, times: u32) -> (EmbeddedSettings, PathBuf) {
    let (program, enough) = (folder.join("short"), folder.join("enough"));
    let script = format!(
        "#!/bin/sh\necho >>'{tried}'\nif [ ! -e '{enough}' ] && [ \"$(wc -l <'{tried}')\" -le {times} ]; then\n\
           echo 'hearken-llm: not enough memory' >&2\n  exit 75\nfi\nexec '{}' \"$@\"\n",
        self::program().display(),
        tried = folder.join("tried").display(),
        enough = enough.display(),
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let settings = EmbeddedSettings {
        program,
        ..settings(model())
    };
    (settings, enough)
}

#[tokio::test]
async fn a_reply_waits_while_memory_is_short_for_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, _) = settings_short_of_memory(folder.path(), 2);
    let model = Embedded::start(settings).unwrap();
    assert!(!ask(&model).await.unwrap().trim().is_empty());
}

#[tokio::test]
async fn memory_that_stays_short_is_said_and_the_model_comes_when_there_is_some() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, enough) = settings_short_of_memory(folder.path(), 1_000);
    let model = Embedded::start(settings).unwrap();
    let error = ask(&model).await.unwrap_err();
    assert!(matches!(error, ModelError::NotReady { .. }), "{error}");
    assert!(!error.is_permanent());
    assert!(error.to_string().contains("not enough memory"), "{error}");
    std::fs::write(&enough, "").unwrap();
    eventually("the model is there", || async { ask(&model).await.is_ok() }).await;
}

/// Plays the server in [`a_server_that_dies_of_every_question_is_reported_with_what_it_said`]: healthy, until it is asked.
#[test]
fn server_that_dies_of_questions() {
    let Ok(arguments) = std::env::var(DYING) else {
        return;
    };
    let mut arguments = arguments.split(' ');
    let socket = arguments.find(|argument| *argument == "--socket");
    let socket = socket.and_then(|_| arguments.next()).unwrap();
    let _ = std::fs::remove_file(socket);
    for stream in UnixListener::bind(socket).unwrap().incoming() {
        let mut stream = stream.unwrap();
        let mut asked = String::new();
        BufReader::new(&stream).read_line(&mut asked).unwrap();
        if !asked.starts_with("GET /health ") {
            eprintln!("hearken-llm: the answer to that is my end");
            std::process::exit(70);
        }
        let healthy = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        stream.write_all(healthy).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_dies_of_every_question_is_reported_with_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("dies");
    let script = format!(
        "#!/bin/sh\n{DYING}=\"$*\" exec {} --exact server_that_dies_of_questions --nocapture\n",
        std::env::current_exe().unwrap().display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let settings = EmbeddedSettings {
        program,
        ..settings(model())
    };
    let error = ask(&Embedded::start(settings).unwrap()).await.unwrap_err();
    assert!(!error.is_permanent());
    let sentence = error.to_string();
    assert!(sentence.contains("my end"), "{sentence}");
}

#[tokio::test]
async fn what_is_missing_is_said_at_once() {
    let missing = Embedded::start(settings("/nonexistent/model.gguf".into()));
    assert!(matches!(missing, Err(EmbeddedError::ModelMissing { .. })));
    let mut without = settings(model());
    without.program = "/nonexistent/hearken-llm".into();
    let without = Embedded::start(without).unwrap();
    let error = ask(&without).await.unwrap_err();
    assert!(matches!(error, ModelError::CannotStart { .. }), "{error}");
}

/// Plays the daemon in [`nothing_is_left_when_the_parent_is_killed`]; does nothing otherwise.
#[tokio::test]
async fn parent_that_will_be_killed() {
    if std::env::var_os(PARENT).is_none() {
        return;
    }
    let model = Embedded::start(settings(model())).unwrap();
    model.ready().await.unwrap();
    println!("\nserver {}", model.pid().unwrap());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_is_left_when_the_parent_is_killed() {
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent_that_will_be_killed", "--nocapture"])
        .env(PARENT, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(parent.stdout.take().unwrap());
    let read = tokio::task::spawn_blocking(move || {
        stdout
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("server ")?.parse::<u32>().ok())
    });
    let server = timeout(BOUND, read).await;
    parent.kill().unwrap();
    parent.wait().unwrap();
    let server = server.unwrap().unwrap().expect("the parent told no server");
    eventually("the server is gone", || async { !exists(server) }).await;
}
