//! What is counted and measured, hour by hour, and whether it grows.

use std::time::Duration;

use serde::Serialize;

use super::life::Scene;
use crate::cli::bench::percentile;
use crate::cli::process;

/// At the end of an hour of sound.
#[derive(Debug, Clone, Serialize)]
pub struct Look {
    pub hour: f64,
    /// Resident memory of hearken, and of its language model, in MB.
    pub memory_mb: f64,
    pub model_mb: f64,
    pub threads: f64,
    pub descriptors: f64,
    /// From the end of a question to the first sample of its answer, in ms: the middle of the hour's.
    pub latency_ms: Option<f64>,
}

/// A figure of a look.
pub type Figure = fn(&Look) -> Option<f64>;

/// How a figure goes on over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    pub what: &'static str,
    /// Of all that was measured after the first quarter.
    pub mean: f64,
    /// By the line of the least squares, from the first quarter's end to the end, as a part of the mean.
    pub growth: f64,
    /// The line rises by more than twice what the figure strays from it (its standard deviation).
    pub grows: bool,
}

/// All that was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    pub hours: f64,
    pub took_s: f64,
    pub scenes: u64,
    pub answered: u64,
    pub overheard: u64,
    pub interrupted: u64,
    /// Devices that went or came back, language models that were killed.
    pub faults: u64,
    pub false_wakes: u64,
    /// Calls in which the name was not heard, and which were said again.
    pub missed: u64,
    /// What nobody answered.
    pub lost: Vec<String>,
    /// Hours at whose end it was not idle.
    pub stuck: u64,
    pub looks: Vec<Look>,
    pub trends: Vec<Trend>,
}

/// Counts.
#[derive(Default)]
pub struct Watch {
    scenes: u64,
    answered: u64,
    pub overheard: u64,
    pub interrupted: u64,
    pub faults: u64,
    pub false_wakes: u64,
    pub missed: u64,
    lost: Vec<String>,
    stuck: u64,
    looks: Vec<Look>,
    /// Of this hour.
    latencies: Vec<f64>,
}

impl Watch {
    pub fn scene(&mut self, scene: &Scene) {
        self.scenes += 1;
        self.faults += u64::from(*scene == Scene::ModelKilled);
    }

    pub fn answered(&mut self, first_played_ms: Option<f64>) {
        self.answered += 1;
        self.latencies.extend(first_played_ms);
    }

    pub fn lost(&mut self, what: String) {
        self.lost.push(what);
    }

    /// At the end of an hour.
    pub fn look(&mut self, hour: f64, stuck: bool) {
        let own = std::process::id();
        let mb = |pid| process::memory(pid, false).map_or(0.0, |memory| memory.rss as f64 / 1e6);
        let entries = |folder: &str| {
            let entries = std::fs::read_dir(format!("/proc/self/{folder}"));
            entries.map_or(0.0, |entries| entries.count() as f64)
        };
        self.stuck += u64::from(stuck);
        self.looks.push(Look {
            hour,
            memory_mb: mb(own),
            model_mb: process::children(own).into_iter().map(mb).sum(),
            threads: entries("task"),
            descriptors: entries("fd"),
            latency_ms: percentile(&self.latencies, 50),
        });
        self.latencies.clear();
    }

    /// In a few words.
    pub fn so_far(&self) -> String {
        let lost = self.lost.len();
        format!(
            "{} answered, {lost} lost, {} stuck",
            self.answered, self.stuck
        )
    }

    pub fn figures(self, hours: f64, took: Duration) -> Figures {
        let kinds: [(&'static str, Figure); 5] = [
            ("memory, MB", |look| Some(look.memory_mb)),
            ("language model, MB", |look| Some(look.model_mb)),
            ("threads", |look| Some(look.threads)),
            ("descriptors", |look| Some(look.descriptors)),
            ("latency, ms", |look| look.latency_ms),
        ];
        let settled = &self.looks[self.looks.len() / 4..];
        let trends = kinds.into_iter().filter_map(|(what, of)| {
            let points = settled
                .iter()
                .filter_map(|look| Some((look.hour, of(look)?)));
            trend(what, &points.collect::<Vec<_>>())
        });
        Figures {
            hours,
            took_s: took.as_secs_f64(),
            scenes: self.scenes,
            answered: self.answered,
            overheard: self.overheard,
            interrupted: self.interrupted,
            faults: self.faults,
            false_wakes: self.false_wakes,
            missed: self.missed,
            stuck: self.stuck,
            trends: trends.collect(),
            lost: self.lost,
            looks: self.looks,
        }
    }
}

impl Figures {
    pub fn as_text(&self) -> String {
        let mut text = format!(
            "{:.1} hours of sound in {:.0} s: {} scenes, {} answers, {} sentences left alone, {} interruptions, {} faults\n\
             {} false wakes, {} calls said twice, {} lost, {} hours stuck\n\n{:20} {:>9} {:>8}\n",
            self.hours,
            self.took_s,
            self.scenes,
            self.answered,
            self.overheard,
            self.interrupted,
            self.faults,
            self.false_wakes,
            self.missed,
            self.lost.len(),
            self.stuck,
            "after the first quarter",
            "mean",
            "growth"
        );
        for trend in &self.trends {
            let mark = if trend.grows { "grows" } else { "" };
            let growth = trend.growth * 100.0;
            text += &format!(
                "{:23} {:>9.1} {growth:>7.1}% {mark}\n",
                trend.what, trend.mean
            );
        }
        for lost in &self.lost {
            text += &format!("lost: {lost}\n");
        }
        text
    }
}

/// The line of the least squares through some points; `None` for fewer than three.
fn trend(what: &'static str, points: &[(f64, f64)]) -> Option<Trend> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 3 {
        return None;
    }
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let across = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>();
    let along = points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    let slope = across / along;
    let strays = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2));
    let deviation = (strays.sum::<f64>() / count).sqrt();
    let rise = slope * (last.0 - first.0);
    Some(Trend {
        what,
        mean: y,
        growth: rise / y,
        grows: rise > 2.0 * deviation,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_rises_grows_and_what_strays_does_not() {
        let leak: Vec<_> = (0..20)
            .map(|n| (f64::from(n), 100.0 + f64::from(n)))
            .collect();
        let trend_of = |points: &[(f64, f64)]| trend("memory", points).unwrap();
        let leaks = trend_of(&leak);
        assert!(
            leaks.grows && (leaks.growth - 19.0 / 109.5).abs() < 1e-9,
            "{leaks:?}"
        );
        let noise: Vec<_> = (0..20)
            .map(|n| (f64::from(n), 100.0 + f64::from(n * 7 % 5)))
            .collect();
        let strays = trend_of(&noise);
        assert!(!strays.grows && strays.growth.abs() < 0.02, "{strays:?}");
        assert!(trend("few", &leak[..2]).is_none());
    }
}
