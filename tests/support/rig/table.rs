//! Runs and failures of each scenario, as a table. Pure.

use std::collections::BTreeMap;

/// What became of the runs of one scenario.
#[derive(Debug, Default)]
struct Row {
    runs: usize,
    failed: usize,
    /// What was wrong first, and how often.
    reasons: BTreeMap<String, usize>,
}

/// The table.
#[derive(Debug, Default)]
pub struct Table(BTreeMap<String, Row>);

impl Table {
    /// Notes a run; `wrong` is what was wrong with it.
    pub fn note(&mut self, name: &str, wrong: &[String]) {
        let row = self.0.entry(name.to_owned()).or_default();
        row.runs += 1;
        if let Some(first) = wrong.first() {
            row.failed += 1;
            *row.reasons.entry(first.clone()).or_default() += 1;
        }
    }

    /// Runs that passed, and runs that failed.
    pub fn totals(&self) -> (usize, usize) {
        let runs: usize = self.0.values().map(|row| row.runs).sum();
        let failed: usize = self.0.values().map(|row| row.failed).sum();
        (runs - failed, failed)
    }

    /// Those with a failure.
    pub fn failed(&self) -> Vec<&str> {
        let rows = self.0.iter().filter(|(_, row)| row.failed > 0);
        rows.map(|(name, _)| name.as_str()).collect()
    }

    /// Markdown, with what was wrong most often.
    pub fn print(&self) -> String {
        let mut text =
            String::from("| scenario | runs | failed | most often |\n|---|--:|--:|---|\n");
        for (name, row) in &self.0 {
            let most = row.reasons.iter().max_by_key(|(_, times)| **times);
            let most = most.map_or("", |(reason, _)| reason.as_str());
            let line = format!("| {name} | {} | {} | {most} |\n", row.runs, row.failed);
            text.push_str(&line);
        }
        let (passed, failed) = self.totals();
        text.push_str(&format!("| all | {} | {failed} | |\n", passed + failed));
        text
    }
}
