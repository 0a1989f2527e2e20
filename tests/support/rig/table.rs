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
pub struct Table {
    rows: BTreeMap<String, Row>,
    /// How long after the beginning of speech each of these came, in ms.
    latencies: BTreeMap<String, Vec<f64>>,
    /// Runs that passed only when they were tried again.
    again: Vec<String>,
}

impl Table {
    /// Notes a run; `wrong` is what was wrong with it.
    pub fn note(&mut self, name: &str, wrong: &[String]) {
        let row = self.rows.entry(name.to_owned()).or_default();
        row.runs += 1;
        if let Some(first) = wrong.first() {
            row.failed += 1;
            *row.reasons.entry(first.clone()).or_default() += 1;
        }
    }

    /// Notes how long after the beginning of speech each `event` of a run came, in ms.
    pub fn measure(&mut self, event: &str, after_ms: &[f64]) {
        let all = self.latencies.entry(event.to_owned()).or_default();
        all.extend_from_slice(after_ms);
        all.sort_by(f64::total_cmp);
    }

    /// Notes a run that failed and passed when it was tried again.
    pub fn passed_again(&mut self, name: &str) {
        self.again.push(name.to_owned());
    }

    /// Those that passed only when they were tried again, once for each time.
    pub fn again(&self) -> &[String] {
        &self.again
    }

    /// Runs that passed, and runs that failed.
    pub fn totals(&self) -> (usize, usize) {
        let runs: usize = self.rows.values().map(|row| row.runs).sum();
        let failed: usize = self.rows.values().map(|row| row.failed).sum();
        (runs - failed, failed)
    }

    /// Those with a failure.
    pub fn failed(&self) -> Vec<&str> {
        let rows = self.rows.iter().filter(|(_, row)| row.failed > 0);
        rows.map(|(name, _)| name.as_str()).collect()
    }

    /// Markdown, with what was wrong most often; and how soon things came.
    pub fn print(&self) -> String {
        let mut text =
            String::from("| scenario | runs | failed | most often |\n|---|--:|--:|---|\n");
        for (name, row) in &self.rows {
            let most = row.reasons.iter().max_by_key(|(_, times)| **times);
            let most = most.map_or("", |(reason, _)| reason.as_str());
            let line = format!("| {name} | {} | {} | {most} |\n", row.runs, row.failed);
            text.push_str(&line);
        }
        let (passed, failed) = self.totals();
        text.push_str(&format!("| all | {} | {failed} | |\n", passed + failed));
        text.push_str(
            "\n| ms after speech began | times | median | 95 % | most |\n|---|--:|--:|--:|--:|\n",
        );
        for (event, all) in &self.latencies {
            let [median, most_of, most] = [0.5, 0.95, 1.0].map(|part| quantile(all, part));
            let line = format!(
                "| {event} | {} | {median:.0} | {most_of:.0} | {most:.0} |\n",
                all.len()
            );
            text.push_str(&line);
        }
        text
    }
}

/// The value of `sorted` that `part` of them (0 to 1) do not exceed; 0 of none.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0.0)
}
