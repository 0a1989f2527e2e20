//! `hearken chat`, the program itself, with a server of one's own.

use std::process::Output;

use assert_cmd::Command;

use super::support::http_server::{DONE, Server, Step, plain, stream, token};

/// Runs `hearken chat` with `arguments` and `input` against a server that follows `scripts`.
async fn chat(scripts: Vec<Vec<Step>>, arguments: &[&str], input: &str) -> (Server, Output) {
    let server = Server::start(scripts).await;
    let output = run(&server.url(), arguments, input).await;
    (server, output)
}

async fn run(url: &str, arguments: &[&str], input: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("hearken").unwrap();
    command
        .env_clear()
        .env("HOME", home.path())
        // A proxy that nobody serves: the loopback must not be asked for through it.
        .envs(["http_proxy", "HTTP_PROXY", "all_proxy"].map(|name| (name, "http://127.0.0.1:9")))
        .args(["--set", &format!("reply.server.url={url}")])
        .args(["--set", "reply.backend=server"])
        .arg("chat")
        .args(arguments)
        .write_stdin(input.to_owned())
        .timeout(std::time::Duration::from_secs(60));
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap()
}

fn said(words: &[&str]) -> Vec<Step> {
    let events: String = words.iter().map(|word| token(word)).collect();
    vec![stream(&(events + DONE))]
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn one_question_one_answer() {
    let (server, output) = chat(
        vec![said(&["Par", "is\u{1b}[2J", "."])],
        &["--timings", "The capital of France?"],
        "",
    )
    .await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "Paris[2J.\n");
    assert!(
        text(&output.stderr).contains("first token after"),
        "{}",
        text(&output.stderr)
    );
    assert!(server.request(0).contains("You are Samantha"));
}

#[tokio::test]
async fn a_pipe_is_a_conversation() {
    let input = "Hello?\n\n/what\nAnd then?\n/clear\nWho?\n/quit\nNever asked.\n";
    let (server, output) = chat(
        vec![said(&["One."]), said(&["Two."]), said(&["Three."])],
        &[],
        input,
    )
    .await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "One.\nTwo.\nThree.\n");
    assert!(text(&output.stderr).contains("there is no /what"));
    assert_eq!(server.asked(), 3);
    let second = server.request(1);
    assert!(second.contains("Hello?") && second.contains("One.") && second.contains("And then?"));
    let third = server.request(2);
    assert!(!third.contains("Hello?") && third.contains("Who?"));
}

#[tokio::test]
async fn a_failure_has_its_exit_code_and_the_next_turn_works() {
    let refused = || vec![plain("401 Unauthorized", "", "{}")];
    let (_server, output) = chat(vec![refused()], &["Hello?"], "").await;
    assert_eq!(output.status.code(), Some(8));
    assert!(
        text(&output.stderr).contains("refuses the key"),
        "{}",
        text(&output.stderr)
    );

    let (_server, output) = chat(vec![refused(), said(&["Two."])], &[], "One?\nTwo?\n").await;
    assert_eq!(output.status.code(), Some(8));
    assert_eq!(text(&output.stdout), "Two.\n");
    assert!(
        text(&output.stderr).contains("1 of 2 turns failed"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn wrong_settings_and_empty_questions_are_refused() {
    let output = run("ftp://127.0.0.1/v1", &["Hello?"], "").await;
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("reply.server.url"),
        "{}",
        text(&output.stderr)
    );
    let output = run("http://127.0.0.1/v1", &["  "], "").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("nothing to ask"),
        "{}",
        text(&output.stderr)
    );
}
