//! Events and turns as scripts read them: one JSON object each.

use super::{Event, TurnReport};
use serde_json::json;

/// A turn.
pub fn turn_json(report: &TurnReport) -> serde_json::Value {
    json!({
        "transcript": report.transcript,
        "reply": report.reply,
        "interrupted": report.interrupted,
        "failure": report.failure,
        "stages_ms": report.stages,
        "gaps_ms": report.gaps_ms,
    })
}

/// The event as one JSON object with its kind under `event`.
pub fn event_json(event: &Event) -> String {
    let value = match event {
        Event::Ready => json!({"event": "ready"}),
        Event::Listening => json!({"event": "listening"}),
        Event::SpeechStarted => json!({"event": "speech_started"}),
        Event::Partial { text } => json!({"event": "partial", "text": text}),
        Event::TurnStarted { turn } => json!({"event": "turn_started", "turn": turn}),
        Event::Transcribed {
            turn,
            text,
            language,
        } => {
            json!({"event": "transcribed", "turn": turn, "text": text, "language": language})
        }
        Event::NothingSaid { turn } => json!({"event": "nothing_said", "turn": turn}),
        Event::ClauseStarted { turn, text } => {
            json!({"event": "clause_started", "turn": turn, "text": text})
        }
        Event::TurnCancelled { turn } => json!({"event": "turn_cancelled", "turn": turn}),
        Event::Ducked { turn, after_ms } => {
            json!({"event": "ducked", "turn": turn, "after_ms": after_ms})
        }
        Event::Restored { turn } => json!({"event": "restored", "turn": turn}),
        Event::Interrupted {
            turn,
            heard,
            after_ms,
        } => {
            json!({"event": "interrupted", "turn": turn, "heard": heard, "after_ms": after_ms})
        }
        Event::Held { turn } => json!({"event": "held", "turn": turn}),
        Event::WentOn { turn } => json!({"event": "went_on", "turn": turn}),
        Event::Called => json!({"event": "called"}),
        Event::WindowOpened { ms } => json!({"event": "window_opened", "ms": ms}),
        Event::WindowClosed => json!({"event": "window_closed"}),
        Event::Overheard => json!({"event": "overheard"}),
        Event::Command { turn, command } => {
            json!({"event": "command", "turn": turn, "command": command})
        }
        Event::Asleep => json!({"event": "asleep"}),
        Event::Awake => json!({"event": "awake"}),
        Event::TookOver { gap_ms } => json!({"event": "took_over", "gap_ms": gap_ms}),
        Event::Reloaded { keys } => json!({"event": "reloaded", "keys": keys}),
        Event::Muted => json!({"event": "muted"}),
        Event::Unmuted => json!({"event": "unmuted"}),
        Event::DeviceLost { device, why } => {
            json!({"event": "device_lost", "device": device, "why": why})
        }
        Event::DeviceFound { device } => json!({"event": "device_found", "device": device}),
        Event::Echo(echo) => json!({
            "event": "echo",
            "active": echo.active,
            "erle_db": echo.erle_db,
            "delay_ms": echo.delay_ms,
        }),
        Event::TurnFinished(report) => {
            let mut value = turn_json(report);
            value["event"] = json!("turn_finished");
            value["turn"] = json!(report.turn);
            value
        }
        Event::Failed { what } => json!({"event": "failed", "what": what}),
        Event::Ended => json!({"event": "ended"}),
    };
    value.to_string()
}

#[cfg(test)]
mod tests {
    /// docs/control.md has a row for each event, and the events are those of this file.
    #[test]
    fn every_event_is_in_the_documentation() {
        let own = include_str!("json.rs");
        let page = include_str!("../../docs/control.md");
        let kinds = own.split("json!({\"event\": \"").skip(1);
        let kinds: Vec<_> = kinds.filter_map(|rest| rest.split('"').next()).collect();
        assert!(kinds.len() > 20, "{kinds:?}");
        for kind in kinds {
            assert!(page.contains(&format!("| `{kind}` |")), "{kind}");
        }
    }
}
