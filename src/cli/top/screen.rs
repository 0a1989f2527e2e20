//! What is on the screen: grown from the status and from events. Pure.

use std::collections::VecDeque;

use serde_json::Value;

use crate::cli::wire::{printable, text};

/// So many lines of the conversation and so many turns are kept; no terminal shows more.
const KEPT: usize = 200;
const TURNS: usize = 20;

/// What the daemon takes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Percent of one core, of the daemon and its language model.
    pub percent: f64,
    /// Memory of both, in bytes.
    pub bytes: u64,
}

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The person.
    You,
    /// hearken.
    Hearken,
    /// Nobody: something happened.
    Note,
}

/// When the stages of a turn were reached, in ms after the end of speech, in order; and what they are called.
pub type Waterfall = Vec<(&'static str, f64)>;

/// The stages that are drawn.
const STAGES: [(&str, &str); 6] = [
    ("endpoint", "end"),
    ("text", "text"),
    ("first_token", "token"),
    ("first_clause", "clause"),
    ("first_sample", "voice"),
    ("first_played", "sound"),
];

/// See the module.
pub struct Screen {
    /// The daemon's version.
    pub version: String,
    status: Value,
    /// The conversation, oldest first.
    pub said: VecDeque<(Who, String)>,
    /// What is being said, before it is known to be all.
    pub partial: String,
    /// The latest turns, oldest first.
    pub turns: VecDeque<Waterfall>,
    /// What it takes.
    pub cost: Cost,
}

impl Screen {
    /// Nothing is known yet but the version.
    pub fn new(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            status: Value::Null,
            said: VecDeque::new(),
            partial: String::new(),
            turns: VecDeque::new(),
            cost: Cost::default(),
        }
    }

    /// What was said before.
    pub fn remember(&mut self, history: &Value) {
        for message in history.as_array().into_iter().flatten() {
            let who = match text(&message["role"]) {
                "user" => Who::You,
                _ => Who::Hearken,
            };
            self.say(who, text(&message["text"]));
        }
    }

    /// How things are.
    pub fn status(&mut self, status: Value) {
        self.status = status;
    }

    /// What it takes.
    pub fn cost(&mut self, cost: Cost) {
        self.cost = cost;
    }

    /// Something happened here.
    pub fn note(&mut self, what: &str) {
        self.say(Who::Note, what);
    }

    /// The daemon's process; 0 while it is not known.
    pub fn process(&self) -> u32 {
        let id = self.status["process"].as_u64();
        id.and_then(|id| u32::try_from(id).ok()).unwrap_or(0)
    }

    /// Whether the microphone is closed on somebody's wish.
    pub fn is_muted(&self) -> bool {
        self.is("muted")
    }

    /// A truth of the status.
    pub fn is(&self, key: &str) -> bool {
        self.status[key].as_bool() == Some(true)
    }

    /// A text of the status.
    pub fn text(&self, key: &str) -> String {
        printable(text(&self.status[key]))
    }

    /// A number of the status.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.status[key].as_f64()
    }

    /// Loudness of what is heard, in dB of full scale.
    pub fn level_db(&self) -> f64 {
        20.0 * self.number("level").unwrap_or(0.0).max(1e-5).log10()
    }

    /// Something happened there.
    pub fn event(&mut self, event: &Value) {
        match text(&event["event"]) {
            "partial" => self.partial = printable(text(&event["text"])),
            "transcribed" => {
                self.partial.clear();
                self.say(Who::You, text(&event["text"]));
            }
            "turn_finished" => {
                let reply = text(&event["reply"]);
                let broken = match event["interrupted"].as_bool() {
                    Some(true) => " —",
                    _ => "",
                };
                if !reply.is_empty() {
                    self.say(Who::Hearken, &format!("{reply}{broken}"));
                }
                self.turn(&event["stages_ms"]);
            }
            "overheard" | "nothing_said" | "turn_cancelled" => self.partial.clear(),
            "failed" => self.note(text(&event["what"])),
            "device_lost" => self.note(text(&event["why"])),
            "device_found" => self.note(&format!("the {} is back", text(&event["device"]))),
            "reloaded" => self.note("another configuration is in force"),
            "took_over" => self.note("another program has taken over"),
            _ => {}
        }
    }

    fn turn(&mut self, stages: &Value) {
        let reached = |(key, name): (&str, &'static str)| Some((name, stages[key].as_f64()?));
        let waterfall: Waterfall = STAGES.into_iter().filter_map(reached).collect();
        // What was only said had nothing to wait for.
        if waterfall.len() > 1 {
            self.turns.push_back(waterfall);
            while self.turns.len() > TURNS {
                self.turns.pop_front();
            }
        }
    }

    fn say(&mut self, who: Who, text: &str) {
        self.said.push_back((who, printable(text)));
        while self.said.len() > KEPT {
            self.said.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_grows_from_events_and_holds_no_more_than_it_shows() {
        let mut screen = Screen::new("0.1.0");
        screen.remember(
            &json!([{"role": "user", "text": "Hello?"}, {"role": "assistant", "text": "Hi."}]),
        );
        screen.event(&json!({"event": "partial", "text": "What time"}));
        assert_eq!(screen.partial, "What time");
        screen.event(&json!({"event": "transcribed", "text": "What time\u{1b}[2J is it?"}));
        screen.event(&json!({
            "event": "turn_finished", "reply": "Noon.", "interrupted": true,
            "stages_ms": {"endpoint": 200.0, "text": 450.0, "first_token": null, "first_played": 900.0},
        }));
        let said: Vec<_> = screen
            .said
            .iter()
            .map(|(who, text)| (*who, &text[..]))
            .collect();
        assert_eq!(
            said,
            [
                (Who::You, "Hello?"),
                (Who::Hearken, "Hi."),
                (Who::You, "What time [2J is it?"),
                (Who::Hearken, "Noon. —"),
            ]
        );
        assert!(screen.partial.is_empty());
        assert_eq!(
            screen.turns[0],
            [("end", 200.0), ("text", 450.0), ("sound", 900.0)]
        );
        (0..1_000).for_each(|_| screen.note("x"));
        assert_eq!(screen.said.len(), KEPT);
    }
}
