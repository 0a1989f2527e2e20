//! When each stage of a turn was reached, counted from the last sample of speech.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Stages of a turn, each in ms since the end of speech (the acoustic end,
/// not the endpoint's decision). What was never reached is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Stages {
    /// Silence was noticed, and what it would need if it were the end was begun.
    pub pause: Option<f64>,
    /// The endpoint was decided: silence had lasted for the hangover.
    pub endpoint: Option<f64>,
    /// The transcript was there.
    pub text: Option<f64>,
    /// The model's first token arrived.
    pub first_token: Option<f64>,
    /// The first clause was complete.
    pub first_clause: Option<f64>,
    /// The first clause had been synthesized.
    pub first_sample: Option<f64>,
    /// The first sample of the reply was handed to the loudspeaker: voice to voice.
    pub first_played: Option<f64>,
}

/// A stage after the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// See [`Stages::pause`].
    Pause,
    /// See [`Stages::text`].
    Text,
    /// See [`Stages::first_token`].
    FirstToken,
    /// See [`Stages::first_clause`].
    FirstClause,
    /// See [`Stages::first_sample`].
    FirstSample,
    /// See [`Stages::first_played`].
    FirstPlayed,
}

/// A turn's stopwatch. Audio time up to the endpoint (so that a recording that is read faster than it was spoken
/// counts as if it had been spoken), the wall clock from there on.
#[derive(Debug, Clone)]
pub struct Timing {
    hangover: Duration,
    decided: Instant,
    stages: Stages,
}

impl Timing {
    /// When the last sample of speech was spoken.
    pub fn speech_end(&self) -> Instant {
        self.decided
            .checked_sub(self.hangover)
            .unwrap_or(self.decided)
    }

    /// Starts at an endpoint that was decided at `decided`, `hangover` after the last sample of speech.
    pub fn new(hangover: Duration, decided: Instant) -> Self {
        let stages = Stages {
            endpoint: Some(ms(hangover)),
            ..Stages::default()
        };
        Self {
            hangover,
            decided,
            stages,
        }
    }

    /// Notes that `stage` was reached at `at`. Only the first time counts.
    pub fn mark(&mut self, stage: Stage, at: Instant) {
        // What was ready before the endpoint was decided was so for nobody: not before the speech had ended.
        let early = self.decided.saturating_duration_since(at);
        let late = at.saturating_duration_since(self.decided);
        let since = ms((self.hangover + late).saturating_sub(early));
        let slot = match stage {
            Stage::Pause => &mut self.stages.pause,
            Stage::Text => &mut self.stages.text,
            Stage::FirstToken => &mut self.stages.first_token,
            Stage::FirstClause => &mut self.stages.first_clause,
            Stage::FirstSample => &mut self.stages.first_sample,
            Stage::FirstPlayed => &mut self.stages.first_played,
        };
        slot.get_or_insert(since);
    }

    /// What has been noted so far.
    pub fn stages(&self) -> Stages {
        self.stages
    }
}

/// The silences of one reply: from the last sample of a clause to the first of the next, when that came too late to
/// follow at once. Clauses count from 0.
#[derive(Debug, Clone, Default)]
pub struct Gaps {
    /// Clauses that have begun.
    begun: usize,
    silent_since: Option<Instant>,
    found: Vec<f64>,
}

impl Gaps {
    /// A clause began to sound at `at`.
    pub fn started(&mut self, clause: usize, at: Instant) {
        self.begun = clause + 1;
        if let Some(since) = self.silent_since.take() {
            self.found.push(ms(at.saturating_duration_since(since)));
        }
    }

    /// A clause had been played to its end at `at`. When the next follows at once it has begun already.
    pub fn finished(&mut self, clause: usize, at: Instant) {
        if clause + 1 == self.begun {
            self.silent_since = Some(at);
        }
    }

    /// The silences in ms, in their order. What follows the last clause is none.
    pub fn found(&self) -> Vec<f64> {
        self.found.clone()
    }
}

/// Rounded to a tenth: finer than any of it is.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_count_from_the_end_of_speech_and_keep_the_first_time() {
        let decided = Instant::now();
        let mut timing = Timing::new(Duration::from_millis(640), decided);
        timing.mark(Stage::Text, decided + Duration::from_millis(150));
        timing.mark(Stage::FirstToken, decided + Duration::from_millis(200));
        timing.mark(Stage::FirstToken, decided + Duration::from_millis(900));
        let stages = timing.stages();
        assert_eq!(stages.endpoint, Some(640.0));
        assert_eq!(stages.text, Some(790.0));
        assert_eq!(stages.first_token, Some(840.0));
        assert_eq!(stages.first_played, None);
    }

    #[test]
    fn a_gap_is_the_silence_before_a_clause_that_came_late() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut gaps = Gaps::default();
        gaps.started(0, at(0));
        // The second was ready: it begins before the first is reported to have ended.
        gaps.started(1, at(1_000));
        gaps.finished(0, at(1_001));
        gaps.finished(1, at(2_000));
        gaps.started(2, at(2_400));
        gaps.finished(2, at(3_000));
        assert_eq!(gaps.found(), [400.0]);
    }
}
