//! From an error to the one sentence that a person reads and the exit code that a script reads.

use std::error::Error;
use std::process::ExitCode;

use hearken::audio::wav::WavError;
use hearken::audio::{MicrophoneError, SpeakerError};
use hearken::config::ConfigError;
use hearken::control::ClaimError;
use hearken::daemon::StartError;
use hearken::listen::transcribe::TranscribeError;
use hearken::onnx::OnnxError;
use hearken::reply::embedded::EmbeddedError;
use hearken::reply::model::ModelError;
use hearken::speak::voice::VoiceError;
use hearken::turn::conductor::Ending;
use hearken::weights::WeightsError;

use super::bench::{NoReport, NoSpeech};
use super::converse::TurnFailed;
use super::say::{NoFile, NothingToSay, OtherFormat};
use super::signal::{self, INTERRUPTED, Interrupted};
use super::top::NoTerminal;
use super::upgrade::successor::Ended;
use super::wire::NotRunning;

/// Anything that has no code of its own.
const OTHER: u8 = 1;
/// Arguments that make no sense; clap's own code for those it finds.
const USAGE: u8 = 2;
const CONFIG: u8 = 3;
const MICROPHONE: u8 = 4;
const LOUDSPEAKER: u8 = 5;
const WEIGHTS: u8 = 6;
/// A file of sound: one to be read, or one to be written.
const RECORDING: u8 = 7;
const MODEL: u8 = 8;
const DOWNLOAD: u8 = 9;
/// No daemon to be steered, or another one where this one wants to be.
const NOT_RUNNING: u8 = 10;

/// What each code means, as the README has it.
pub const MEANINGS: [(u8, &str); 13] = [
    (0, "done; `run` and `converse` also after SIGTERM"),
    (1, "something else failed; the sentence says what"),
    (2, "the command line is wrong"),
    (3, "the configuration is wrong"),
    (4, "no microphone, or it went away"),
    (5, "no loudspeaker, or it went away"),
    (6, "weights are missing, damaged, or cannot be loaded"),
    (
        7,
        "a recording cannot be read, or the file of `--out` not be written",
    ),
    (8, "the language model failed, or a reply did"),
    (9, "a download failed"),
    (10, "`ctl`: hearken does not run; `run`: it runs already"),
    (130, "interrupted by SIGINT (Ctrl-C)"),
    (137, "it did not stop in time, or a second signal forced it"),
];

/// Prints the error's whole chain on one line and gives its exit code (the table is in the README).
pub fn report(error: &anyhow::Error) -> ExitCode {
    // A reader that has enough (`| head`) is no failure, and SIGINT was the user's own wish.
    let closed = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    if error.chain().any(|c| c.downcast_ref().is_some_and(closed)) {
        return ExitCode::SUCCESS;
    }
    if !error.is::<Interrupted>() {
        eprintln!("hearken: {}", one_line(&format!("{error:#}")));
    }
    let code = error.chain().find_map(code).unwrap_or(OTHER);
    match error.chain().find_map(|c| c.downcast_ref()) {
        Some(Ending::Hangs(_)) => signal::leave(code),
        _ => ended(code),
    }
}

/// Ends with `code`; at once where a thread was left behind that computes, which an ordinary end would take the libraries from.
pub fn ended(code: u8) -> ExitCode {
    if hearken::work::is_left_behind() {
        signal::leave(code);
    }
    ExitCode::from(code)
}

/// Other libraries' words may hold line breaks; a sentence has none.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The code of one error, wrapped ones included.
fn code(error: &(dyn Error + 'static)) -> Option<u8> {
    if let Some(error) = error.downcast_ref::<Ending>() {
        return Some(match error {
            Ending::Name(_) => CONFIG,
            Ending::Microphone(_) => MICROPHONE,
            Ending::Speaker(error) => return code(error),
            // The same weights ran until now.
            Ending::Detector(_)
            | Ending::Hangs(_)
            | Ending::WornOut(_)
            | Ending::NoThread(_)
            | Ending::Thread(_) => OTHER,
        });
    }
    if let Some(error) = error.downcast_ref::<StartError>() {
        return match error {
            StartError::Weights(error) => code(error),
            StartError::Onnx(error) => code(error),
            StartError::Transcriber(error) => code(error),
            StartError::Config(error) => code(error),
            StartError::Server(error) => code(error),
            // A full folder may be emptied, and with our own mistake the next start may be luckier.
            StartError::Embedded(EmbeddedError::Folder { .. } | EmbeddedError::Internal(_)) => {
                Some(OTHER)
            }
            StartError::Embedded(_) => Some(WEIGHTS),
        };
    }
    if let Some(ended) = error.downcast_ref::<Ended>() {
        return ended.code;
    }
    let is = |code: u8, yes: bool| yes.then_some(code);
    let taken = matches!(
        error.downcast_ref(),
        Some(ClaimError::Taken { .. } | ClaimError::Held { .. })
    );
    if error.is::<NotRunning>() || taken {
        return Some(NOT_RUNNING);
    }
    is(INTERRUPTED, error.is::<Interrupted>())
        .or(is(
            USAGE,
            error.is::<NoTerminal>()
                || error.is::<NothingToSay>()
                || error.is::<OtherFormat>()
                || error.is::<NoFile>()
                || error.is::<NoReport>(),
        ))
        .or(is(CONFIG, error.is::<ConfigError>()))
        .or(is(MICROPHONE, error.is::<MicrophoneError>()))
        .or(is(
            RECORDING,
            matches!(error.downcast_ref(), Some(SpeakerError::File { .. })),
        ))
        .or(is(LOUDSPEAKER, error.is::<SpeakerError>()))
        .or(is(
            DOWNLOAD,
            error
                .downcast_ref()
                .is_some_and(WeightsError::is_of_a_download),
        ))
        .or(is(
            WEIGHTS,
            error.is::<WeightsError>() || error.is::<OnnxError>(),
        ))
        .or(is(
            WEIGHTS,
            matches!(error.downcast_ref(), Some(TranscribeError::Model { .. })),
        ))
        .or(is(
            WEIGHTS,
            matches!(error.downcast_ref(), Some(VoiceError::Model { .. })),
        ))
        .or(is(
            RECORDING,
            error.is::<WavError>() || error.is::<NoSpeech>(),
        ))
        .or(is(
            WEIGHTS,
            matches!(error.downcast_ref(), Some(ModelError::CannotStart { .. })),
        ))
        .or(is(
            MODEL,
            error.is::<ModelError>() || error.is::<TurnFailed>(),
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../../README.md");
        let table: Vec<_> = readme
            .lines()
            .skip_while(|line| *line != "## Exit codes")
            .take_while(|line| *line != "## Troubleshooting")
            .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
            .collect();
        let own = MEANINGS.map(|(code, meaning)| format!("| {code} | {meaning} |"));
        assert_eq!(table, own);
    }

    #[test]
    fn the_service_is_started_anew_after_what_may_pass_by_itself() {
        let unit = include_str!("../../assets/hearken.service");
        let last = unit
            .lines()
            .find_map(|line| line.strip_prefix("RestartPreventExitStatus="))
            .unwrap_or_default();
        assert_eq!(last, format!("{CONFIG} {WEIGHTS} {NOT_RUNNING}"));
        let for_good = |error: &(dyn Error + 'static)| {
            matches!(code(error), Some(CONFIG | WEIGHTS | NOT_RUNNING))
        };
        let full = || std::io::Error::from_raw_os_error(libc::ENOSPC);
        let onnx = || OnnxError::Model {
            path: "vad.onnx".into(),
            reason: "it failed".into(),
        };
        assert!(!for_good(&Ending::Detector(onnx())));
        assert!(!for_good(&Ending::Hangs("the voice")));
        assert!(!for_good(&Ending::WornOut("the voice")));
        assert!(!for_good(&Ending::Thread("ear")));
        assert!(!for_good(&StartError::Embedded(EmbeddedError::Folder {
            parent: "/run/user/1000".into(),
            source: full(),
        })));
        assert!(!for_good(&StartError::Transcriber(
            TranscribeError::Memory {
                path: "base.bin".into(),
            }
        )));
        assert!(!for_good(&ModelError::NotReady {
            at: "embedded a".into(),
            status: 503,
            detail: "not enough memory".into(),
        }));
        // Another try mends none of these.
        assert!(for_good(&StartError::Onnx(onnx())));
        assert!(for_good(&StartError::Embedded(EmbeddedError::NoModel {
            path: "a.gguf".into(),
        })));
        assert!(for_good(&ModelError::CannotStart {
            at: "embedded a".into(),
            reason: "it is damaged".into(),
        }));
    }

    #[test]
    fn wrapped_errors_keep_their_code() {
        let lost = || MicrophoneError::Lost("unplugged".into());
        assert_eq!(code(&lost()), Some(MICROPHONE));
        assert_eq!(code(&Ending::from(lost())), Some(MICROPHONE));
        let file = || SpeakerError::File {
            path: "/nowhere/a.wav".into(),
            reason: "no such folder".into(),
        };
        assert_eq!(code(&file()), Some(RECORDING));
        assert_eq!(code(&Ending::from(file())), Some(RECORDING));
        let gone = SpeakerError::Lost("unplugged".into());
        assert_eq!(code(&Ending::from(gone)), Some(LOUDSPEAKER));
        let missing = WeightsError::NotPulled { name: "joe".into() };
        assert_eq!(code(&StartError::from(missing)), Some(WEIGHTS));
        let refused = WeightsError::Http {
            url: "http://localhost/a".into(),
            status: "404 Not Found".into(),
        };
        assert_eq!(code(&refused), Some(DOWNLOAD));
        let outer = anyhow::Error::from(Interrupted).context("outer");
        assert_eq!(outer.chain().find_map(code), Some(INTERRUPTED));
    }
}
