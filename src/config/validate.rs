//! Whether values make sense, each by itself and together with others.

use super::{Backend, Config, Fallback};
use crate::listen::is_language;
use crate::listen::name::Name;

/// What is wrong with the values, or with two of them together; the first thing found.
pub(super) fn validate(config: &Config) -> Result<(), String> {
    let within = |key: &str, value: f64, low: f64, high: f64| {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(format!("{key} = {value} is outside {low} to {high}"))
        }
    };
    let Config {
        audio,
        listen,
        attention,
        barge_in,
        reply,
        speak,
        ..
    } = config;
    Name::new(&config.name).map_err(|e| format!("name = {:?}: {e}", config.name))?;
    within(
        "attention.follow_up_ms",
        attention.follow_up_ms as f64,
        0.0,
        120_000.0,
    )?;
    within(
        "attention.called_ms",
        attention.called_ms as f64,
        1_000.0,
        120_000.0,
    )?;
    within(
        "attention.wake_threshold",
        attention.wake_threshold.into(),
        0.01,
        0.99,
    )?;
    within("barge_in.duck_db", barge_in.duck_db.into(), 0.0, 60.0)?;
    within(
        "audio.volume_percent",
        audio.volume_percent.into(),
        0.0,
        150.0,
    )?;
    within(
        "listen.vad_threshold",
        listen.vad_threshold.into(),
        0.05,
        0.99,
    )?;
    within("listen.onset_ms", listen.onset_ms.into(), 32.0, 1_000.0)?;
    within(
        "listen.pre_roll_ms",
        listen.pre_roll_ms.into(),
        0.0,
        3_000.0,
    )?;
    within(
        "listen.hangover_ms",
        listen.hangover_ms.into(),
        100.0,
        5_000.0,
    )?;
    within(
        "listen.max_utterance_ms",
        listen.max_utterance_ms.into(),
        2_000.0,
        29_500.0,
    )?;
    within(
        "listen.logprob_floor",
        listen.logprob_floor.into(),
        -10.0,
        0.0,
    )?;
    within("listen.threads", listen.threads as f64, 0.0, 64.0)?;
    within("reply.temperature", reply.temperature.into(), 0.0, 2.0)?;
    within("reply.max_tokens", reply.max_tokens.into(), 1.0, 8_192.0)?;
    within(
        "reply.history_turns",
        reply.history_turns as f64,
        0.0,
        1_000.0,
    )?;
    within(
        "reply.context_tokens",
        reply.context_tokens.into(),
        512.0,
        131_072.0,
    )?;
    within("reply.threads", reply.threads as f64, 0.0, 64.0)?;
    within("speak.rate_percent", speak.rate_percent.into(), 50.0, 200.0)?;
    within("speak.threads", speak.threads as f64, 0.0, 64.0)?;
    for (key, ms) in [
        ("reply.connect_timeout_ms", reply.connect_timeout_ms),
        ("reply.first_token_timeout_ms", reply.first_token_timeout_ms),
        ("reply.next_token_timeout_ms", reply.next_token_timeout_ms),
    ] {
        within(key, ms as f64, 50.0, 600_000.0)?;
    }
    let lead_in = listen.pre_roll_ms + listen.onset_ms + listen.hangover_ms;
    if lead_in >= listen.max_utterance_ms {
        return Err(format!(
            "listen.max_utterance_ms = {} leaves no room for speech beside pre-roll, onset and hangover ({lead_in} ms)",
            listen.max_utterance_ms
        ));
    }
    if listen.language != "auto" && !is_language(&listen.language) {
        return Err(format!(
            "listen.language: whisper has no language of the code {:?}; it has \"en\" and \"ko\", for example, and \"auto\" finds out",
            listen.language
        ));
    }
    if let Some(code) = listen.languages.iter().find(|code| !is_language(code)) {
        return Err(format!(
            "listen.languages: whisper has no language of the code {code:?}; it has \"en\" and \"ko\", for example"
        ));
    }
    if reply.backend == Backend::Server && reply.server.url.is_empty() {
        return Err("reply.backend = \"server\" needs reply.server.url".into());
    }
    if reply.backend == Backend::Embedded && reply.fallback == Fallback::Embedded {
        return Err(
            "reply.fallback = \"embedded\" only goes with reply.backend = \"server\"".into(),
        );
    }
    if !reply.server.key_env.is_empty() && !reply.server.key_file.as_os_str().is_empty() {
        return Err("set reply.server.key_env or reply.server.key_file, not both".into());
    }
    Ok(())
}
