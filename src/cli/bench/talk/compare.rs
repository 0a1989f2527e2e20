//! Two reports side by side.

use std::path::Path;

use serde_json::{Value, json};

use super::report::{KIND, Report, whole};
use super::stages::{STAGES, percentile};

/// Why a file is no report. Name one that `hearken bench talk --json` wrote.
#[derive(Debug, thiserror::Error)]
#[error("{path} {problem}; name a file that `hearken bench talk --json` wrote")]
pub struct NoReport {
    path: String,
    problem: String,
}

/// One percentile of one stage in both.
#[derive(Debug, PartialEq)]
struct Row {
    key: &'static str,
    label: &'static str,
    percent: u32,
    before: Option<f64>,
    after: Option<f64>,
}

impl Row {
    /// How many times as long it took; `None` when either was never reached, or not after the end of speech.
    fn ratio(&self) -> Option<f64> {
        let (before, after) = (self.before?, self.after?);
        (before > 0.0 && after > 0.0).then(|| after / before)
    }
}

/// Compares the reports in two files.
pub fn run(before: &Path, after: &Path, as_json: bool) -> anyhow::Result<()> {
    let (a, b) = (read(before)?, read(after)?);
    if as_json {
        println!("{:#}", json(&a, &b));
        return Ok(());
    }
    println!("A: {}\nB: {}\n", a.conditions(), b.conditions());
    let head = "ms after the last speech sample";
    println!("{head:<36}{:>4}{:>8}{:>8}{:>8}", "", "A", "B", "B / A");
    for row in rows(&a, &b) {
        let ratio = row
            .ratio()
            .map_or_else(|| "–".into(), |r| format!("{r:.2}"));
        let label = if row.percent == 50 { row.label } else { "" };
        println!(
            "{label:<36}{:>4}{:>8}{:>8}{ratio:>8}",
            format!("p{}", row.percent),
            whole(row.before),
            whole(row.after),
        );
    }
    for (name, report) in [("A", &a), ("B", &b)] {
        println!();
        for line in report.remarks() {
            println!("{name}: {line}");
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Report, NoReport> {
    let no = |problem: String| NoReport {
        path: path.display().to_string(),
        problem,
    };
    let bytes = std::fs::read(path).map_err(|e| no(format!("cannot be read ({e})")))?;
    parse(&bytes).map_err(no)
}

fn parse(bytes: &[u8]) -> Result<Report, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("is not JSON ({e})"))?;
    if value.get("bench") != Some(&json!(KIND)) {
        return Err("is JSON, and no report of this bench".into());
    }
    serde_json::from_value(value).map_err(|e| format!("is a report of another version ({e})"))
}

fn rows(a: &Report, b: &Report) -> Vec<Row> {
    let both = |key: &str, percent| {
        let of = |report: &Report| percentile(&report.times(key), percent);
        (of(a), of(b))
    };
    let row = |(stage, percent): (&super::stages::Stage, u32)| {
        let (before, after) = both(stage.key, percent);
        Row {
            key: stage.key,
            label: stage.label,
            percent,
            before,
            after,
        }
    };
    let each = STAGES.iter().flat_map(|s| [(s, 50), (s, 95)]);
    each.map(row).collect()
}

fn json(a: &Report, b: &Report) -> Value {
    let rows = rows(a, b);
    let stages = rows.iter().map(|row| {
        json!({
            "stage": row.key,
            "percentile": row.percent,
            "a_ms": row.before,
            "b_ms": row.after,
            "ratio": row.ratio().map(|r| (r * 1000.0).round() / 1000.0),
        })
    });
    let about = |report: &Report| {
        json!({
            "conditions": report.conditions(),
            "questions": report.turns.len(),
            "counted": report.counted(),
            "cut_off": report.cut_off(),
            "gaps": report.gaps().len(),
        })
    };
    json!({"a": about(a), "b": about(b), "stages": stages.collect::<Vec<_>>()})
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report::tests::report;
    use super::super::stages::PLAYED;
    use super::*;

    #[test]
    fn the_ratio_is_of_the_second_to_the_first() {
        let (a, mut b) = (report(), report());
        for turn in &mut b.turns {
            turn.stages_ms.values_mut().for_each(|ms| *ms /= 2.0);
        }
        let rows = rows(&a, &b);
        let played: Vec<&Row> = rows.iter().filter(|r| r.key == PLAYED).collect();
        assert_eq!(played[0].before, Some(1_000.0));
        assert_eq!(played[0].after, Some(500.0));
        assert!(played.iter().all(|row| row.ratio() == Some(0.5)));
        // What neither reports has no ratio.
        assert!(
            rows.iter()
                .any(|row| row.key == "pause" && row.ratio().is_none())
        );
        assert_eq!(json(&a, &b)["stages"].as_array().unwrap().len(), rows.len());
    }

    #[test]
    fn what_is_no_report_is_refused_in_a_sentence() {
        let says = |bytes: &[u8]| parse(bytes).unwrap_err();
        assert!(says(b"RIFF").starts_with("is not JSON"));
        assert!(says(b"{\"turns\": []}").contains("no report"));
        let other = format!("{{\"bench\": \"{KIND}\"}}");
        assert!(says(other.as_bytes()).contains("another version"));
        let good = report();
        assert_eq!(parse(good.json().to_string().as_bytes()).unwrap(), good);
        let error = read(Path::new("/nowhere/a.json")).unwrap_err().to_string();
        assert!(
            error.starts_with("/nowhere/a.json cannot be read"),
            "{error}"
        );
    }
}
