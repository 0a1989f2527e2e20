//! `hearken bench talk`, the program itself with real models: its reports are whole, and what is wrong is told before
//! anything is measured.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;

/// Two questions take a quarter of a minute on a quiet machine.
const BOUND: Duration = Duration::from_secs(300);

fn bench(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("hearken").unwrap();
    command
        .timeout(BOUND)
        .env_remove("HEARKEN_LOG")
        .env("HEARKEN_CONFIG", "/dev/null")
        .args(["bench", "talk"])
        .args(arguments);
    command
}

/// Runs it, expects `code` and one sentence that contains all of `words`.
fn refuses(arguments: &[&str], code: i32, words: &[&str]) {
    let output = bench(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn two_questions_make_a_whole_report() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("talk.html");
    let output = bench(&["--repeat", "1", "--only", "2", "--json"])
        .args(["--html", text(&page)])
        .args(["--set", "reply.model=smollm2-135m"])
        .args(["--set", "reply.max_tokens=24"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["config"]["reply"]["model"], "smollm2-135m");
    assert!(report["machine"]["cores"].as_u64() > Some(0));
    let turns = report["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 2);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.ends_with("</html>\n") && page.contains("</svg>"));
    for turn in turns {
        // The second one pauses, and may be cut off there: that is what the bench counts.
        let outcome = turn["outcome"].as_str().unwrap();
        assert!(["answered", "cut-off"].contains(&outcome), "{turn}");
        for stage in [
            "endpoint",
            "text",
            "first_token",
            "first_clause",
            "first_sample",
            "first_played",
        ] {
            assert!(turn["stages_ms"][stage].is_number(), "{stage}: {turn}");
        }
        assert!(!turn["heard"].as_str().unwrap().is_empty(), "{turn}");
        assert!(page.contains(turn["question"].as_str().unwrap()), "{turn}");
    }
    assert_eq!(turns[1]["pauses_ms"][0], 600.0);
    let answered = turns.iter().filter(|t| t["outcome"] == "answered").count();
    assert!(answered >= 1);
    assert_eq!(report["summary"]["counted"], answered);

    let json = folder.path().join("talk.json");
    std::fs::write(&json, &output.stdout).unwrap();
    let output = bench(&["--compare", text(&json), text(&json), "--json"])
        .output()
        .unwrap();
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = compared["stages"].as_array().unwrap();
    let played = rows
        .iter()
        .find(|row| row["stage"] == "first_played")
        .unwrap();
    assert_eq!(played["ratio"], 1.0);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (not_json, other) = (write("a.json", b"RIFF"), write("b.json", b"{}"));
    let nowhere = folder.path().join("no/page.html");
    refuses(
        &["--html", text(&nowhere)],
        1,
        &["cannot write", "no folder"],
    );
    refuses(
        &["--html", text(folder.path())],
        1,
        &["cannot write", "a folder"],
    );
    refuses(
        &["--compare", text(&nowhere), text(&other)],
        2,
        &["cannot be read", "--json"],
    );
    refuses(
        &["--compare", text(&not_json), text(&other)],
        2,
        &["a.json is not JSON"],
    );
    refuses(
        &["--compare", text(&other), text(&other)],
        2,
        &["b.json is JSON, and no report"],
    );
    refuses(
        &["--backend", "ftp://127.0.0.1/v1"],
        3,
        &["reply.server.url"],
    );
    refuses(&["--questions", text(&not_json)], 7, &["a.json"]);
    // A header, and a second of nothing.
    let silence = folder.path().join("silence.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&silence, spec).unwrap();
    (0..16_000).for_each(|_| wav.write_sample(0i16).unwrap());
    wav.finalize().unwrap();
    refuses(
        &["--questions", text(&silence)],
        7,
        &["no speech in", "silence.wav"],
    );
}
