//! What the bench found, for people and for programs.

use hearken::config::Config;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::judge::{GAP_MS, Outcome, gaps};
use super::stages::{PLAYED, STAGES, percentile};
use super::turn::Turn;

/// What a report says that it is.
pub const KIND: &str = "hearken bench talk";
/// At most so many questions are to be cut off, in percent.
pub const CUT_OFF_AIM: f64 = 5.0;

/// Where it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub system: String,
    pub processor: String,
    pub cores: usize,
    /// Processes of the bench's own that wanted the cores.
    pub busy: u8,
    /// How many other threads wanted them in the minute before it began (the system's load average); where the system
    /// does not say, 0.
    pub load_before: f64,
}

impl Machine {
    /// This one, before anything is measured.
    pub fn this(busy: u8) -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = information
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map(|rest| rest.trim_start_matches([' ', '\t', ':']));
        Self {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: model.unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            busy,
            load_before: load
                .split(' ')
                .next()
                .and_then(|first| first.parse().ok())
                .unwrap_or(0.0),
        }
    }
}

/// All of it. What is not in here is computed from the turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub bench: String,
    pub version: String,
    pub machine: Machine,
    /// The language model as the pipeline calls it.
    pub model: String,
    pub seed: u64,
    /// The configuration that was in force.
    pub config: Value,
    pub turns: Vec<Turn>,
}

impl Report {
    /// A report on `turns`.
    pub fn new(
        machine: Machine,
        config: &Config,
        model: String,
        seed: u64,
        turns: Vec<Turn>,
    ) -> Self {
        Self {
            bench: KIND.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine,
            model,
            seed,
            config: serde_json::to_value(config).unwrap_or_default(),
            turns,
        }
    }

    /// How many turns count.
    pub fn counted(&self) -> usize {
        self.turns.iter().filter(|turn| turn.counts()).count()
    }

    /// So many ended so.
    pub fn with(&self, outcome: Outcome) -> usize {
        self.turns.iter().filter(|t| t.outcome == outcome).count()
    }

    /// Questions whose speaker was not left to finish.
    pub fn cut_off(&self) -> usize {
        let cut = self.turns.iter().filter(|t| t.outcome.is_cut_off());
        cut.count()
    }

    /// Questions that were taken for finished too early, which nobody heard of.
    pub fn taken_back(&self) -> usize {
        self.turns.iter().filter(|turn| turn.taken_back).count()
    }

    /// The same as [`Report::cut_off`] in percent of all.
    pub fn cut_off_percent(&self) -> f64 {
        super::tenth(100.0 * self.cut_off() as f64 / self.turns.len().max(1) as f64)
    }

    /// When the stage `key` was reached in the turns that count.
    pub fn times(&self, key: &str) -> Vec<f64> {
        let counted = self.turns.iter().filter(|turn| turn.counts());
        counted
            .filter_map(|t| t.stages_ms.get(key).copied())
            .collect()
    }

    /// The gaps in all replies, in ms.
    pub fn gaps(&self) -> Vec<f64> {
        let silences = self.turns.iter().map(|turn| &turn.silences_ms);
        silences.flat_map(|s| gaps(s)).collect()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let mut report = serde_json::to_value(self).unwrap_or_default();
        let stages = STAGES.iter().map(|stage| {
            let times = self.times(stage.key);
            json!({
                "stage": stage.key,
                "p50_ms": percentile(&times, 50),
                "p95_ms": percentile(&times, 95),
                "turns": times.len(),
            })
        });
        report["summary"] = json!({
            "questions": self.turns.len(),
            "counted": self.counted(),
            "stages": stages.collect::<Vec<_>>(),
            "cut_off": self.cut_off(),
            "cut_off_percent": self.cut_off_percent(),
            "taken_back": self.taken_back(),
            "unanswered": self.with(Outcome::Unanswered),
            "failed": self.with(Outcome::Failed),
            "gaps_ms": self.gaps(),
        });
        report
    }

    /// Machine and models, in a line.
    pub fn conditions(&self) -> String {
        let of = |section: &str, key: &str| {
            let value = self.config.get(section).and_then(|s| s.get(key));
            value.and_then(Value::as_str).unwrap_or("?").to_owned()
        };
        let Machine {
            processor,
            cores,
            busy,
            load_before,
            ..
        } = &self.machine;
        // Below that it is the system's own housekeeping.
        let load = match *load_before >= 0.5 {
            true => format!(", load average {load_before:.1} before it began"),
            false => String::new(),
        };
        let called = match of("attention", "mode").as_str() {
            "name" => ", called by name",
            _ => "",
        };
        let busy = match busy {
            0 => String::new(),
            1 => ", 1 busy process beside it".into(),
            n => format!(", {n} busy processes beside it"),
        };
        format!(
            "{}, {}, voice {}{called}; {cores} cores ({processor}){busy}{load}",
            of("listen", "model"),
            self.model,
            of("speak", "voice"),
        )
    }

    /// What happened beside the times, a line each.
    pub fn remarks(&self) -> Vec<String> {
        let gaps = self.gaps();
        let longest = gaps.iter().fold(0.0f64, |a, &b| a.max(b));
        let mut lines = vec![
            format!(
                "{} of {} turns counted (answered whole)",
                self.counted(),
                self.turns.len()
            ),
            format!(
                "cut off {} of {} ({:.1} %, aim at most {CUT_OFF_AIM:.0} %), not answered {}, failed {}",
                self.cut_off(),
                self.turns.len(),
                self.cut_off_percent(),
                self.with(Outcome::Unanswered),
                self.with(Outcome::Failed),
            ),
        ];
        lines.push(format!(
            "taken for finished too early, and taken back before a sound: {}",
            self.taken_back()
        ));
        lines.push(match gaps.len() {
            0 => format!("no gap over {GAP_MS:.0} ms between clauses"),
            n => format!(
                "gaps over {GAP_MS:.0} ms between clauses: {n}, the longest {longest:.0} ms"
            ),
        });
        lines
    }

    /// For people.
    pub fn print(&self, verbose: bool) {
        println!("{}\n", self.conditions());
        println!(
            "{:<36}{:>8}{:>8}",
            "ms after the last speech sample", "p50", "p95"
        );
        for stage in &STAGES {
            let times = self.times(stage.key);
            let label = match stage.key {
                PLAYED => format!("{}: voice to voice", stage.label),
                _ => stage.label.to_owned(),
            };
            let [p50, p95] = [50, 95].map(|p| whole(percentile(&times, p)));
            println!("{label:<36}{p50:>8}{p95:>8}");
        }
        println!();
        self.remarks().iter().for_each(|line| println!("{line}"));
        if verbose {
            self.turns.iter().for_each(print_turn);
        }
    }
}

/// A number of ms, or a dash.
pub fn whole(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".into(), |ms| format!("{ms:.0}"))
}

fn print_turn(turn: &Turn) {
    println!(
        "\n{}  ({}, {:.1} s, {})",
        turn.question,
        turn.speaker,
        turn.seconds,
        turn.outcome.label()
    );
    println!("  heard:   {}", turn.heard);
    println!("  reply:   {}", turn.reply);
    let stages = STAGES.iter().filter_map(|stage| {
        let ms = turn.stages_ms.get(stage.key)?;
        Some(format!("{} {ms:.0}", stage.label))
    });
    println!("  ms:      {}", stages.collect::<Vec<_>>().join(", "));
    let list = |values: &[f64]| {
        let values: Vec<String> = values.iter().map(|v| format!("{v:.0}")).collect();
        values.join(", ")
    };
    if !turn.pauses_ms.is_empty() {
        println!("  pauses:  {} ms", list(&turn.pauses_ms));
    }
    let gaps: Vec<f64> = gaps(&turn.silences_ms).collect();
    if !gaps.is_empty() {
        println!("  gaps:    {} ms", list(&gaps));
    }
    if let Some(taken) = turn.taken_ms {
        println!("  the pipeline's end of speech: {taken:+.0} ms");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub mod tests {
    use super::super::turn::tests::turn;
    use super::*;

    /// Two answers, one turn that was cut off.
    pub fn report() -> Report {
        let machine = Machine {
            system: "linux".into(),
            processor: "a processor".into(),
            cores: 2,
            busy: 0,
            load_before: 1.5,
        };
        let stages = |more: f64| [("endpoint", 640.0 + more), (PLAYED, 1_000.0 + more)];
        let mut late = turn("third <question>", Outcome::Answered, &stages(300.0));
        late.taken_back = true;
        late.silences_ms = vec![20.0, 400.0];
        let turns = vec![
            turn("first question", Outcome::Answered, &stages(0.0)),
            turn("second question", Outcome::CutOff, &stages(-900.0)),
            late,
        ];
        Report::new(machine, &Config::default(), "a model".into(), 1, turns)
    }

    #[test]
    fn a_report_survives_json() {
        let report = report();
        let text = report.json().to_string();
        let back: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(back, report);
    }

    #[test]
    fn only_whole_answers_count() {
        let report = report();
        assert_eq!(report.counted(), 2);
        assert_eq!(report.times(PLAYED), [1_000.0, 1_300.0]);
        assert_eq!((report.cut_off(), report.cut_off_percent()), (1, 33.3));
        assert_eq!(report.gaps(), [400.0]);
        let summary = &report.json()["summary"];
        assert_eq!(summary["stages"].as_array().unwrap().len(), STAGES.len());
        assert_eq!(summary["stages"][6]["p50_ms"], 1_000.0);
        assert_eq!(summary["stages"][0]["p50_ms"], Value::Null);
        let conditions = report.conditions();
        assert!(conditions.contains("load average 1.5"), "{conditions}");
        let remarks = report.remarks().join("\n");
        assert!(remarks.contains("cut off 1 of 3 (33.3 %"), "{remarks}");
        assert!(remarks.contains("before a sound: 1"), "{remarks}");
    }
}
