//! Language models: llama.cpp reads them, in a program of its own, which says in one sentence what is wrong and ends.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use crate::mutate::{Made, noise, wrong};
use crate::trial::alone;

/// `Exit::Model` of the program: the file is at fault.
const MODEL: i32 = 6;
/// `Exit::Memory`: where llama.cpp gives up while it loads, nobody can tell which it was.
const MEMORY: i32 = 75;

fn text(made: &mut Made, text: &str) {
    made.number(8, text.len() as u64);
    made.put(text.as_bytes());
}

/// A sound file of a model that is far too small.
fn model() -> Made {
    let mut made = Made::default();
    made.put(b"GGUF");
    made.number(4, 3);
    // Tensors, then keys.
    made.number(8, 2);
    made.number(8, 13);
    for (key, value) in [
        ("general.architecture", "llama"),
        ("tokenizer.ggml.model", "llama"),
    ] {
        text(&mut made, key);
        made.number(4, 8);
        text(&mut made, value);
    }
    for (key, value) in [
        ("general.alignment", 32),
        ("llama.context_length", 64),
        ("llama.embedding_length", 32),
        ("llama.block_count", 1),
        ("llama.feed_forward_length", 32),
        ("llama.attention.head_count", 1),
        ("llama.vocab_size", 3),
        ("tokenizer.ggml.bos_token_id", 1),
    ] {
        text(&mut made, key);
        made.number(4, 4);
        made.number(4, value);
    }
    text(&mut made, "llama.attention.layer_norm_rms_epsilon");
    made.number(4, 6);
    made.put(&1e-5_f32.to_le_bytes());
    text(&mut made, "tokenizer.ggml.tokens");
    for (width, value) in [(4, 9), (4, 8), (8, 3)] {
        made.number(width, value);
    }
    ["<unk>", "<s>", "a"]
        .iter()
        .for_each(|token| text(&mut made, token));
    text(&mut made, "tokenizer.ggml.scores");
    for (width, value) in [(4, 9), (4, 6), (8, 3)] {
        made.number(width, value);
    }
    made.put(&[0; 12]);
    for (name, rows, offset) in [("token_embd.weight", 3, 0), ("output_norm.weight", 1, 384)] {
        text(&mut made, name);
        for (width, value) in [(4, 2), (8, 32), (8, rows), (4, 0), (8, offset)] {
            made.number(width, value);
        }
    }
    let end = made.bytes.len().next_multiple_of(32) + 4 * 32 * 4;
    made.bytes.resize(end, 0);
    made
}

/// The most memory that a program which this one has started has had, in bytes.
fn most_memory() -> usize {
    // SAFETY: a structure of numbers, which the call fills.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage), 0);
        usage
    };
    // In kilobytes on Linux, in bytes on macOS, where the bound is wide.
    usage.ru_maxrss as usize * if cfg!(target_os = "linux") { 1_024 } else { 1 }
}

#[test]
fn a_wrong_language_model_ends_the_program_with_a_sentence() {
    let alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (path, socket) = (folder.path().join("a.gguf"), folder.path().join("llm.sock"));
    let bytes = prop_oneof![20 => wrong(model()), 1 => noise()];
    alone.fuzz(
        20,
        bytes,
        |bytes| 200_000 + bytes.len(),
        |bytes| {
            std::fs::write(&path, &**bytes).unwrap();
            let mut program = Command::new(env!("CARGO_BIN_EXE_hearken-llm"))
                .arg("--parent-pipe")
                .arg("--model")
                .arg(&path)
                .arg("--socket")
                .arg(&socket)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            // It ends of itself, and not because this end is closed.
            let lifeline = program.stdin.take();
            let ended = program.wait_with_output().unwrap();
            drop(lifeline);
            let said = String::from_utf8_lossy(&ended.stderr);
            prop_assert_eq!(ended.status.signal(), None, "{}", said);
            let code = ended.status.code();
            prop_assert!(matches!(code, Some(MODEL | MEMORY)), "{code:?}: {said}");
            let sentence = said.strip_suffix('\n').unwrap_or_default();
            let is_one =
                sentence.starts_with("hearken-llm: ") && !sentence.contains(char::is_control);
            prop_assert!(is_one, "{said:?}");
            prop_assert!(!socket.exists());
            let most = most_memory();
            prop_assert!(most < 400_000_000, "{} bytes of memory", most);
            Ok(())
        },
    );
}
