//! Everything wrong that a user can bring, through the program itself: one clear sentence, the right exit code, no
//! panic, no hang, nothing lost.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/bugs.rs"]
mod bugs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use bugs::tells_of_a_bug;

/// Loading whisper, ONNX Runtime and a language model on a busy machine stays well below it.
const BOUND: Duration = Duration::from_secs(120);

fn hearken() -> Command {
    let mut command = Command::cargo_bin("hearken").unwrap();
    command
        .timeout(BOUND)
        .env_remove("HEARKEN_LOG")
        .env("HEARKEN_CONFIG", "/dev/null");
    command
}

/// Runs it, expects `code` and one sentence on standard error that contains all of `words`.
fn refuses(command: &mut Command, code: i32, words: &[&str]) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 1, "more or less than one sentence: {said}");
    assert!(lines[0].starts_with("hearken: "), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!tells_of_a_bug(&said), "{said}");
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The store that the tests use, as the program itself finds it.
fn weights(name: &str) -> PathBuf {
    let output = hearken().args(["weights", "path", name]).output().unwrap();
    assert!(
        output.status.success(),
        "the weights {name} are missing; run `hearken weights pull {name}`"
    );
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// The first half of a good file, and a good header with noise behind it.
fn damaged(folder: &Path, good: &Path, extension: &str) -> [PathBuf; 3] {
    let bytes = std::fs::read(good).unwrap();
    let mut noise = bytes[..4096.min(bytes.len())].to_vec();
    noise.extend((0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8));
    [
        write(
            folder,
            &format!("half.{extension}"),
            &bytes[..bytes.len() / 2],
        ),
        write(folder, &format!("noise.{extension}"), noise),
        write(folder, &format!("empty.{extension}"), b""),
    ]
}

#[test]
fn recordings_that_are_none() {
    let dir = folder();
    let text = write(
        dir.path(),
        "text.wav",
        "this is no recording at all, only words\n",
    );
    let empty = write(dir.path(), "empty.wav", b"");
    let missing = dir.path().join("missing.wav");
    let out = dir.path().join("out.wav");
    for path in [&text, &empty, &missing, &dir.path().to_owned()] {
        let name = path.file_name().unwrap().to_str().unwrap();
        refuses(hearken().arg("transcribe").arg(path), 7, &[name]);
        refuses(
            hearken()
                .args(["converse", "--in"])
                .arg(path)
                .arg("--out")
                .arg(&out),
            7,
            &[name],
        );
    }
    assert!(!out.exists(), "a conversation that never began left a file");
}

#[test]
fn a_place_where_no_reply_can_be_written() {
    let dir = folder();
    let question = dir.path().join("question.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&question, spec).unwrap();
    (0..16_000).for_each(|_| wav.write_sample(0_i16).unwrap());
    wav.finalize().unwrap();
    let nowhere = dir.path().join("no/such/folder/out.wav");
    refuses(
        hearken()
            .args(["converse", "--in"])
            .arg(&question)
            .arg("--out")
            .arg(&nowhere),
        7,
        &["out.wav"],
    );
    refuses(
        hearken().args(["say", "Hello.", "--out"]).arg(&nowhere),
        7,
        &["out.wav"],
    );
}

#[test]
fn configurations_that_make_no_sense() {
    let dir = folder();
    let cases = [
        (
            "[listen]\nhangover_ms = \"long\"\n",
            &["line 2", "wants a whole number"][..],
        ),
        ("[listen]\nhangovr_ms = 3\n", &["line 2", "hangover_ms"]),
        ("[listen\n", &["line 1"]),
        (
            "[audio]\nvolume_percent = 900\n",
            &["volume_percent", "150"],
        ),
        ("[reply]\nbackend = \"server\"\n", &["reply.server.url"]),
        ("[reply]\nbackend = \"cloud\"\n", &["line 2", "cloud"]),
        ("\u{0}\u{1}\n", &["line 1"]),
    ];
    for (text, words) in cases {
        let path = write(dir.path(), "hearken.toml", text);
        refuses(hearken().arg("--config").arg(&path).arg("config"), 3, words);
    }
    let missing = dir.path().join("missing.toml");
    refuses(
        hearken().arg("--config").arg(&missing).arg("config"),
        3,
        &["missing.toml"],
    );
    refuses(
        hearken().args(["--set", "listen.hangover_ms=x", "config"]),
        3,
        &["hangover_ms"],
    );
    refuses(
        hearken().args(["--set", "lissen.x=1", "config"]),
        3,
        &["listen"],
    );
    refuses(
        hearken().env("HEARKEN_AUDIO__VOLUME", "3").arg("config"),
        3,
        &["volume_percent"],
    );
}

#[test]
fn weights_that_are_not_there() {
    let dir = folder();
    let recording = write(
        dir.path(),
        "q.wav",
        include_bytes!("../assets/demo/question.wav"),
    );
    let empty = |command: &mut Command| {
        command.env("HEARKEN_DATA_DIR", dir.path());
    };
    let mut transcribe = hearken();
    empty(&mut transcribe);
    refuses(
        transcribe.arg("transcribe").arg(&recording),
        6,
        &["hearken weights pull"],
    );
    let mut say = hearken();
    empty(&mut say);
    refuses(say.args(["say", "Hello."]), 6, &["hearken weights pull"]);
    let mut chat = hearken();
    empty(&mut chat);
    refuses(chat.args(["chat", "Hello."]), 6, &["hearken weights pull"]);
    refuses(
        hearken()
            .args(["--set", "listen.model=/no/such/file.bin", "transcribe"])
            .arg(&recording),
        6,
        &["/no/such/file.bin"],
    );
}

#[test]
fn a_data_folder_that_cannot_be_used() {
    let dir = folder();
    let file = write(dir.path(), "file", b"not a folder");
    refuses(
        hearken()
            .env("HEARKEN_DATA_DIR", file.join("below"))
            .args(["weights", "pull", "joe"]),
        6,
        &["file"],
    );
}

#[test]
fn speech_to_text_weights_that_are_damaged() {
    let dir = folder();
    let recording = write(
        dir.path(),
        "q.wav",
        include_bytes!("../assets/demo/question.wav"),
    );
    for path in damaged(dir.path(), &weights("whisper-base"), "bin") {
        let set = format!("listen.model={}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        refuses(
            hearken()
                .args(["--set", &set, "transcribe"])
                .arg(&recording),
            6,
            &[&name],
        );
    }
}

#[test]
fn voices_that_are_damaged() {
    let dir = folder();
    let joe = weights("joe");
    let json = std::fs::read(joe.with_extension("onnx.json")).unwrap();
    for path in damaged(dir.path(), &joe, "onnx") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        std::fs::write(path.with_extension("onnx.json"), &json).unwrap();
        let set = format!("speak.voice={}", path.display());
        let out = dir.path().join("out.wav");
        let mut say = hearken();
        refuses(
            say.args(["--set", &set, "say", "Hello.", "--out"])
                .arg(&out),
            6,
            &[&name],
        );
        assert!(!out.exists());
    }
    let lone = dir.path().join("lone.onnx");
    std::os::unix::fs::symlink(&joe, &lone).unwrap();
    let set = format!("speak.voice={}", lone.display());
    refuses(
        hearken().args(["--set", &set, "say", "Hello."]),
        6,
        &["lone.onnx.json"],
    );
}

#[test]
fn language_models_that_are_damaged() {
    let dir = folder();
    for path in damaged(dir.path(), &weights("smollm2-135m"), "gguf") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let set = format!("reply.model={}", path.display());
        let output = hearken()
            .args(["--set", &set, "chat", "Hello."])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(6)), "{said}");
        assert!(said.contains(&name) && !tells_of_a_bug(&said), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_file_that_is_named_as_another_format() {
    let dir = folder();
    let out = dir.path().join("reply.mp3");
    let question = dir.path().join("question.wav");
    let mut commands = [hearken(), hearken()];
    commands[0].args(["say", "Hello.", "--out"]).arg(&out);
    let converse = commands[1].args(["converse", "--in"]).arg(&question);
    converse.arg("--out").arg(&out);
    for command in &mut commands {
        refuses(command, 2, &["reply.mp3 would be a WAV", "reply.wav"]);
    }
    assert!(!out.exists());
}

/// Whoever begins learns in one go what to fetch, and of a wrong name only what could be meant there.
#[test]
fn weights_that_are_missing() {
    let dir = folder();
    let check = |arguments: &[&str]| {
        let mut command = hearken();
        command.env("HEARKEN_DATA_DIR", dir.path()).args(arguments);
        let output = command.arg("check").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).unwrap()
    };
    let line = |said: &str, what: &str| {
        let found = said.lines().find(|line| line[4..].starts_with(what));
        found.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let said = check(&["--set", "attention.wake_model=hey-marvin"]);
    let weights = line(&said, "weights");
    for name in [
        "9 missing",
        "`hearken weights pull ",
        "whisper-base",
        "joe",
        "silero-vad",
        "smart-turn",
        "onnxruntime",
        "wake-melspectrogram",
        "wake-embedding",
        "hey-marvin",
    ] {
        assert!(weights.contains(name), "{name}: {weights}");
    }
    assert!(weights.contains("qwen2.5-coder-0.5b") || weights.contains("smollm2-135m"));
    let said = check(&["--set", "reply.model=jo", "--set", "listen.model=whisper"]);
    assert!(!line(&said, "language model").contains("joe"), "{said}");
    let heard = line(&said, "speech-to-text");
    assert!(heard.contains("did you mean \"whisper-base\"?"), "{said}");
}

/// Behind a model that answers instead nobody would see that the server is dead.
#[test]
fn a_server_that_is_dead_behind_another_model() {
    let dir = folder();
    let output = hearken()
        .env("HEARKEN_DATA_DIR", dir.path())
        .args([
            "--set",
            "reply.backend=server",
            "--set",
            "reply.fallback=embedded",
        ])
        .args(["--set", "reply.server.url=http://127.0.0.1:1/v1", "check"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let has = |begins: &str, words: &str| {
        let found = |line: &str| line.starts_with(begins) && line.contains(words);
        assert!(said.lines().any(found), "{begins}, {words}: {said}");
    };
    has("NOT language model", "127.0.0.1:1");
    has("NOT model instead", "hearken weights pull");
}

#[test]
fn a_language_model_of_another_format() {
    let set = "reply.model=assets/demo/question.wav";
    refuses(
        hearken().args(["--set", set, "chat", "Hello."]),
        6,
        &["question.wav is no language model", "GGUF"],
    );
}

#[test]
fn a_recording_for_standard_output() {
    let out = ["say", "Hello.", "--out", "-"];
    refuses(
        hearken().args(out),
        2,
        &["standard output", "--out reply.wav"],
    );
}

/// Who steers a hearken that runs changes nothing of its configuration.
#[test]
fn a_setting_for_a_hearken_that_runs() {
    let dir = folder();
    let socket = format!("control.socket={}", dir.path().join("none.sock").display());
    let told = |set: &str| {
        let mut command = hearken();
        command.args(["--set", &socket, "--set", set, "ctl", "reload"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(10));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = told("name=Anna");
    assert!(said.contains("--set name=Anna changes nothing"), "{said}");
    assert!(!said.contains("--set control.socket"), "{said}");
    let elsewhere = format!("data_dir={}", dir.path().display());
    assert_eq!(told(&elsewhere).lines().count(), 1);
}

#[test]
fn nothing_to_say() {
    for text in ["", "   \n\t ", "*** --- ###", "…!?,;:"] {
        refuses(hearken().args(["say", text]), 2, &["nothing to say"]);
    }
}

#[test]
fn a_language_that_is_none() {
    let transcribe = ["transcribe", "--language", "klingon", "x.wav"];
    let output = hearken().args(transcribe).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("klingon") && said.contains("no language code"),
        "{said}"
    );
    for (set, key) in [
        ("listen.language=klingon", "listen.language"),
        ("listen.language=xx", "listen.language"),
        ("listen.languages=[\"en\", \"xx\"]", "listen.languages"),
    ] {
        let code = set
            .trim_end_matches("\"]")
            .rsplit(['=', '"'])
            .next()
            .unwrap();
        refuses(
            hearken().args(["--set", set, "config"]),
            3,
            &[key, &format!("{code:?}"), "whisper"],
        );
    }
    // Three letters, and whisper has it.
    let hawaiian = ["--set", "listen.language=haw", "config"];
    assert!(hearken().args(hawaiian).output().unwrap().status.success());
}

/// 100 kB is an hour and a half of speech: it begins at once, is written as it goes, and can be interrupted.
#[test]
fn a_text_of_100_kb_is_begun_and_can_be_interrupted() {
    let dir = folder();
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(2_300);
    assert!(text.len() > 100_000);
    let out = write(dir.path(), "out.wav", b"the old file");
    let program = assert_cmd::cargo::cargo_bin!("hearken");
    let mut say = std::process::Command::new(program)
        .args(["say", "-", "--out"])
        .arg(&out)
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut say.stdin.take().unwrap(), text.as_bytes()).unwrap();
    // Something grows beside the old file.
    let grown = || {
        std::fs::read_dir(dir.path())
            .unwrap()
            .filter_map(|entry| entry.unwrap().metadata().ok())
            .any(|metadata| metadata.len() > 200_000)
    };
    let began = std::time::Instant::now();
    while !grown() {
        assert!(began.elapsed() < BOUND, "nothing was written");
        assert!(say.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let pid = nix::unistd::Pid::from_raw(say.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let ended = say.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(!tells_of_a_bug(&said), "{said}");
    assert_eq!(std::fs::read(&out).unwrap(), b"the old file");
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "something was left behind"
    );
}

#[test]
fn servers_that_are_not_there() {
    let server = |more: &[&str]| {
        let mut command = hearken();
        command.args([
            "--set",
            "reply.server.url=http://127.0.0.1:9/v1",
            "--set",
            "reply.backend=server",
        ]);
        command.args(more);
        command
    };
    refuses(server(&[]).args(["chat", "Hello."]), 8, &["127.0.0.1:9"]);
    let mut keyless = server(&["--set", "reply.server.key_env=HEARKEN_TEST_NO_SUCH_KEY"]);
    refuses(
        keyless.args(["chat", "Hello."]),
        3,
        &["HEARKEN_TEST_NO_SUCH_KEY"],
    );
    let dir = folder();
    let key = write(dir.path(), "key", "secret-of-the-test");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let mut open = server(&["--set", &format!("reply.server.key_file={}", key.display())]);
    refuses(open.args(["chat", "Hello."]), 3, &["chmod 600"]);
}

#[test]
fn no_devices_at_all() {
    let dir = folder();
    // No sound server answers here, and ALSA finds no card of the name that the file gives it.
    write(
        dir.path(),
        ".asoundrc",
        "pcm.!default { type hw card NoSuchCard }\nctl.!default { type hw card NoSuchCard }\n",
    );
    let without = |command: &mut Command| {
        command
            .env("HOME", dir.path())
            .env("XDG_RUNTIME_DIR", dir.path())
            .env_remove("PULSE_SERVER");
        command.env(
            "HEARKEN_DATA_DIR",
            weights("joe").parent().unwrap().parent().unwrap(),
        );
        // Whoever holds the conversation that is kept there goes on.
        command.env("HEARKEN_MEMORY__FILE", dir.path().join("conversation.db"));
    };
    let mut run = hearken();
    without(&mut run);
    refuses(run.arg("run"), 4, &["microphone", "--wait"]);
    let mut say = hearken();
    without(&mut say);
    refuses(say.args(["say", "Hello."]), 5, &["loudspeaker"]);
}
