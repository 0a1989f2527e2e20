//! The stages of a turn as the report knows them, and percentiles. Pure.

use std::collections::BTreeMap;

use hearken::turn::timing::Stages;

/// A stage.
pub struct Stage {
    /// The field of [`Stages`].
    pub key: &'static str,
    /// What a person reads.
    pub label: &'static str,
    /// Its colour in the waterfall, readable on light and on dark.
    pub colour: &'static str,
}

/// All of them, in the order in which they are usually reached. The one place that knows them: a field of [`Stages`]
/// that is listed here is in every report. What a pipeline does not report is shown as never reached.
pub const STAGES: [Stage; 7] = [
    stage("pause", "silence noticed", "#94a3b8"),
    stage("endpoint", "end decided", "#5b7fb5"),
    stage("text", "transcript", "#e08a2e"),
    stage("first_token", "first token", "#4f9d69"),
    stage("first_clause", "first clause", "#a3b545"),
    stage("first_sample", "first sample synthesized", "#9a6fb8"),
    stage(PLAYED, "first sample played", "#d9739b"),
];

/// The key of the stage that is voice to voice.
pub const PLAYED: &str = "first_played";

const fn stage(key: &'static str, label: &'static str, colour: &'static str) -> Stage {
    Stage { key, label, colour }
}

/// Stages by key, in ms; those that were never reached are absent.
pub type Reached = BTreeMap<String, f64>;

/// The `stages` that [`STAGES`] lists, `later` ms later.
pub fn reached(stages: &Stages, later: f64) -> Reached {
    let fields = serde_json::to_value(stages).unwrap_or_default();
    let known = |stage: &Stage| {
        let ms = fields.get(stage.key)?.as_f64()?;
        Some((stage.key.to_owned(), super::tenth(ms + later)))
    };
    STAGES.iter().filter_map(known).collect()
}

/// The percentile by the nearest rank: of `n` values in order the one with the number `n · percent / 100`, rounded up.
/// It is always a value that was measured; the 95th of fewer than 20 is the greatest. `None` of nothing.
pub fn percentile(values: &[f64], percent: u32) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent as usize).div_ceil(100).max(1);
    values.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_that_of_the_nearest_rank() {
        let twenty: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!(percentile(&twenty, 50), Some(10.0));
        assert_eq!(percentile(&twenty, 95), Some(19.0));
        assert_eq!(percentile(&twenty, 100), Some(20.0));
        assert_eq!(percentile(&twenty, 0), Some(1.0));
        assert_eq!(percentile(&[3.0, 1.0, 2.0], 50), Some(2.0));
        assert_eq!(percentile(&[7.0], 95), Some(7.0));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn stages_are_told_by_key_and_moved() {
        let stages = Stages {
            endpoint: Some(640.0),
            first_played: Some(900.04),
            ..Stages::default()
        };
        let reached = reached(&stages, -20.0);
        assert_eq!(reached["endpoint"], 620.0);
        assert_eq!(reached[PLAYED], 880.0);
        assert_eq!(reached.len(), 2);
    }

    #[test]
    fn every_stage_of_the_pipeline_is_listed() {
        let fields = serde_json::to_value(Stages::default()).unwrap_or_default();
        for key in fields.as_object().into_iter().flat_map(|o| o.keys()) {
            assert!(STAGES.iter().any(|s| s.key == key), "{key}");
        }
    }
}
