//! From an error to the one sentence that a person reads and the exit code that a script reads.

use std::process::ExitCode;

use hearken::audio::wav::WavError;
use hearken::audio::{MicrophoneError, SpeakerError};
use hearken::config::ConfigError;
use hearken::listen::transcribe::TranscribeError;
use hearken::onnx::OnnxError;
use hearken::reply::model::ModelError;
use hearken::speak::voice::VoiceError;
use hearken::weights::WeightsError;

/// Prints the error's whole chain on one line and gives its exit code (the table is in the README).
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("hearken: {error:#}");
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if cause.is::<ConfigError>() {
            return 3;
        } else if cause.is::<MicrophoneError>() {
            return 4;
        } else if cause.is::<SpeakerError>() {
            return 5;
        } else if let Some(WeightsError::Network { .. }) = cause.downcast_ref() {
            return 9;
        } else if cause.is::<WeightsError>() || cause.is::<OnnxError>() {
            return 6;
        } else if let Some(TranscribeError::Model { .. }) = cause.downcast_ref() {
            return 6;
        } else if let Some(VoiceError::Model { .. }) = cause.downcast_ref() {
            return 6;
        } else if cause.is::<WavError>() {
            return 7;
        } else if cause.is::<ModelError>() {
            return 8;
        }
    }
    1
}
