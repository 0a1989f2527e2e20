//! What is counted and measured, hour by hour, and whether it grows.

use std::time::Duration;

use serde::Serialize;

use super::life::Scene;
use super::trend::{Trend, trend};
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
type Figure = fn(&Look) -> Option<f64>;

/// What is looked at: its name in the text, and in the picture.
const KINDS: [(&str, &str, Figure); 5] = [
    ("memory, MB", "memory of hearken, MB", |look| {
        Some(look.memory_mb)
    }),
    (
        "language model, MB",
        "memory of its language model, MB",
        |look| Some(look.model_mb),
    ),
    ("threads", "threads", |look| Some(look.threads)),
    ("descriptors", "file descriptors", |look| {
        Some(look.descriptors)
    }),
    (
        "latency, ms",
        "from the end of a question to its answer, ms (middle of the hour)",
        |look| look.latency_ms,
    ),
];

fn points(looks: &[Look], of: Figure) -> Vec<(f64, f64)> {
    let point = |look: &Look| Some((look.hour, of(look)?));
    looks.iter().filter_map(point).collect()
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
    /// Of all that was measured after the first quarter.
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
        let settled = &self.looks[self.looks.len() / 4..];
        let trends = KINDS
            .into_iter()
            .filter_map(|(what, _, of)| trend(what, &points(settled, of)));
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
    /// For the picture: each with its title.
    pub fn curves(&self) -> Vec<(&'static str, Vec<(f64, f64)>)> {
        let curve = |(_, title, of)| (title, points(&self.looks, of));
        KINDS.into_iter().map(curve).collect()
    }

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
