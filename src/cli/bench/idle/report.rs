//! The figures of `hearken bench idle`, and how they are printed. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::daemon::Heard;
use super::process::{Memory, Thread};
use super::scene::Scene;

/// In silence hearken may take so much of a core, in percent.
const SILENCE_PERCENT: f64 = 1.5;
/// It listens so soon after its start, with the weights on the disk, in ms.
const READY_MS: f64 = 2000.0;
/// Resident memory of daemon and language model together, by model, in MB.
const RSS_MB: [(&str, f64); 2] = [("qwen2.5-coder-0.5b", 1100.0), ("smollm2-135m", 650.0)];
/// Threads that took less than this of a core are not listed, in percent.
const LEAST_PERCENT: f64 = 0.02;

/// Memory at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// So long after the beginning of the measurement, in s.
    pub at_s: f64,
    /// The daemon's.
    pub daemon: Memory,
    /// The language model's process's; nothing when there is none.
    pub model: Memory,
}

impl Moment {
    /// Resident memory of both, in MB.
    fn rss(&self) -> f64 {
        mb(self.daemon.rss + self.model.rss)
    }

    /// The same with shared pages shared out, when both are known.
    fn pss(&self) -> Option<f64> {
        Some(mb(self.daemon.pss? + self.model.pss?))
    }
}

/// One scene's figures.
pub struct Measured {
    /// What was heard.
    pub scene: Scene,
    /// From the start of the process until it listens, in ms.
    pub ready_ms: f64,
    /// How long was measured, in s.
    pub seconds: f64,
    /// Processor time of the daemon, in s.
    pub daemon_s: f64,
    /// Processor time of the language model's process, in s.
    pub model_s: f64,
    /// Processor time of each thread, in s.
    pub threads: BTreeMap<Thread, f64>,
    /// Memory from time to time.
    pub moments: Vec<Moment>,
    /// What came of the sound, from the start on.
    pub heard: Heard,
}

impl Measured {
    fn percent(&self, seconds: f64) -> f64 {
        100.0 * seconds / self.seconds.max(1e-9)
    }

    /// Of one core, both processes.
    fn cpu_percent(&self) -> f64 {
        self.percent(self.daemon_s + self.model_s)
    }

    fn first(&self) -> Moment {
        self.moments.first().copied().unwrap_or_default()
    }

    fn last(&self) -> Moment {
        self.moments.last().copied().unwrap_or_default()
    }

    /// The most resident memory, in MB.
    fn most(&self) -> f64 {
        self.moments.iter().map(Moment::rss).fold(0.0, f64::max)
    }

    /// How fast resident memory grows, in MB an hour.
    fn slope(&self) -> f64 {
        let point = |m: &Moment| (m.at_s / 3600.0, m.rss());
        slope(&self.moments.iter().map(point).collect::<Vec<_>>())
    }

    /// By process and thread, in percent of a core, the costliest first. Threads with one name are one line.
    fn costliest(&self) -> Vec<(String, f64)> {
        let mut sums = BTreeMap::<String, f64>::new();
        for ((process, thread, _), seconds) in &self.threads {
            *sums.entry(format!("{process}/{thread}")).or_default() += self.percent(*seconds);
        }
        let mut lines: Vec<(String, f64)> = sums
            .into_iter()
            .filter(|(_, percent)| *percent >= LEAST_PERCENT)
            .collect();
        lines.sort_by(|a, b| b.1.total_cmp(&a.1));
        lines
    }
}

/// How much more processor time each thread of `after` has taken than before. What began in between counts whole.
pub fn taken(
    before: &BTreeMap<Thread, f64>,
    after: &BTreeMap<Thread, f64>,
) -> BTreeMap<Thread, f64> {
    after
        .iter()
        .map(|(thread, seconds)| (thread.clone(), seconds - before.get(thread).unwrap_or(&0.0)))
        .collect()
}

/// The straight line that fits the points best: how much it rises for one to the right. 0 of too few points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let rise: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let run: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    match run > 0.0 {
        true => rise / run,
        false => 0.0,
    }
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn hundredth(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

/// All scenes.
pub struct Report<'a> {
    /// The language model; empty when it is a server that is not hearken's.
    pub model: &'a str,
    /// The scenes.
    pub scenes: &'a [Measured],
}

impl Report<'_> {
    fn rss_aim(&self) -> Option<f64> {
        let known = RSS_MB.iter().find(|(model, _)| *model == self.model);
        known.map(|(_, mb)| *mb)
    }

    /// As a table.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "scene      ready      core   daemon    model   RSS start      end     most  PSS end     growth\n",
        );
        for m in self.scenes {
            let pss = m
                .last()
                .pss()
                .map_or_else(|| "-".into(), |pss| format!("{pss:.0} MB"));
            text += &format!(
                "{:<8} {:>5.0} ms  {:>6.2} % {:>6.2} % {:>6.2} %   {:>6.0} MB {:>5.0} MB {:>5.0} MB",
                m.scene.name(),
                m.ready_ms,
                m.cpu_percent(),
                m.percent(m.daemon_s),
                m.percent(m.model_s),
                m.first().rss(),
                m.last().rss(),
                m.most(),
            );
            text += &format!(" {pss:>8} {:>+5.0} MB/h\n", m.slope());
        }
        for m in self.scenes {
            let threads = m.costliest().into_iter();
            let threads: Vec<String> = threads
                .map(|(name, percent)| format!("{name} {percent:.2} %"))
                .collect();
            let (memory, heard) = (m.last(), m.heard);
            text += &format!(
                "\n{}: resident at the end: daemon {:.0} MB, model {:.0} MB; speech began {} times, {} utterances were \
                 for nobody, {} were taken to be for hearken\nby thread: {}\n",
                m.scene.name(),
                mb(memory.daemon.rss),
                mb(memory.model.rss),
                heard.speech,
                heard.overheard,
                heard.taken,
                threads.join(", "),
            );
        }
        text += &self.aims_text();
        text
    }

    fn aims_text(&self) -> String {
        let mut text = String::from("\n");
        for aim in self.aims() {
            let judged = if aim.value <= aim.most {
                "held"
            } else {
                "missed"
            };
            text += &format!(
                "{judged}: {} {:.2} {} (at most {:.1})\n",
                aim.what, aim.value, aim.unit, aim.most
            );
        }
        text
    }

    fn aims(&self) -> Vec<Aim> {
        let mut aims = Vec::new();
        if let Some(silence) = self.scenes.iter().find(|m| m.scene == Scene::Silence) {
            aims.push(Aim {
                what: "of a core in silence",
                value: silence.cpu_percent(),
                unit: "%",
                most: SILENCE_PERCENT,
            });
        }
        let most = |of: fn(&Measured) -> f64| self.scenes.iter().map(of).fold(0.0, f64::max);
        if let Some(rss) = self.rss_aim() {
            aims.push(Aim {
                what: "resident memory, daemon and language model",
                value: most(Measured::most),
                unit: "MB",
                most: rss,
            });
        }
        aims.push(Aim {
            what: "from start to listening",
            value: most(|m| m.ready_ms),
            unit: "ms",
            most: READY_MS,
        });
        aims
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let scenes: Vec<Value> = self.scenes.iter().map(scene_json).collect();
        let aims: Vec<Value> = self
            .aims()
            .iter()
            .map(|aim| {
                json!({
                    "what": aim.what,
                    "value": hundredth(aim.value),
                    "unit": aim.unit,
                    "at_most": aim.most,
                    "held": aim.value <= aim.most,
                })
            })
            .collect();
        json!({ "model": self.model, "scenes": scenes, "aims": aims })
    }
}

/// What is wanted of a figure.
struct Aim {
    what: &'static str,
    value: f64,
    unit: &'static str,
    most: f64,
}

fn scene_json(m: &Measured) -> Value {
    let threads: BTreeMap<String, f64> = m
        .costliest()
        .into_iter()
        .map(|(name, percent)| (name, hundredth(percent)))
        .collect();
    json!({
        "scene": m.scene.name(),
        "ready_ms": hundredth(m.ready_ms),
        "seconds": hundredth(m.seconds),
        "core_percent": hundredth(m.cpu_percent()),
        "daemon_core_percent": hundredth(m.percent(m.daemon_s)),
        "model_core_percent": hundredth(m.percent(m.model_s)),
        "rss_mb": {
            "start": hundredth(m.first().rss()),
            "end": hundredth(m.last().rss()),
            "end_daemon": hundredth(mb(m.last().daemon.rss)),
            "end_model": hundredth(mb(m.last().model.rss)),
            "most": hundredth(m.most()),
            "growth_per_hour": hundredth(m.slope()),
        },
        "pss_mb": {"start": m.first().pss().map(hundredth), "end": m.last().pss().map(hundredth)},
        "threads_core_percent": threads,
        "heard": m.heard,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(name: &str, id: u32) -> Thread {
        ("hearken".into(), name.into(), id)
    }

    fn measured(rss: [u64; 3]) -> Measured {
        let moment = |n: usize| Moment {
            at_s: n as f64 * 30.0,
            daemon: Memory {
                rss: rss[n],
                pss: Some(rss[n] / 2),
            },
            model: Memory::default(),
        };
        Measured {
            scene: Scene::Silence,
            ready_ms: 900.0,
            seconds: 60.0,
            daemon_s: 0.6,
            model_s: 0.15,
            threads: BTreeMap::from([
                (thread("ear", 1), 0.3),
                (thread("tokio", 2), 0.12),
                (thread("tokio", 3), 0.12),
                (thread("voice", 4), 0.001),
            ]),
            moments: (0..3).map(moment).collect(),
            heard: Heard::default(),
        }
    }

    #[test]
    fn memory_that_grows_steadily_has_its_slope() {
        assert!((slope(&[(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) - 2.0).abs() < 1e-9);
        assert!((slope(&[(1.0, 5.0), (1.0, 7.0)])).abs() < 1e-9);
        assert!(slope(&[]).abs() < 1e-9);
        // 1 MB a minute.
        let grows = measured([100_000_000, 100_500_000, 101_000_000]);
        assert!((grows.slope() - 60.0).abs() < 1e-6, "{}", grows.slope());
    }

    #[test]
    fn threads_of_one_name_are_one_line_and_idle_ones_none() {
        let lines = measured([1, 1, 1]).costliest();
        let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["hearken/ear", "hearken/tokio"]);
        assert!((lines[1].1 - 0.4).abs() < 1e-9);
    }

    #[test]
    fn a_thread_that_is_new_counts_whole() {
        let before = BTreeMap::from([(thread("ear", 1), 2.0), (thread("gone", 2), 1.0)]);
        let after = BTreeMap::from([(thread("ear", 1), 2.5), (thread("new", 3), 0.25)]);
        let taken = taken(&before, &after);
        assert_eq!(taken.len(), 2);
        assert!((taken[&thread("ear", 1)] - 0.5).abs() < 1e-9);
        assert!((taken[&thread("new", 3)] - 0.25).abs() < 1e-9);
    }

    #[test]
    fn aims_are_those_of_the_model_that_was_measured() {
        let scenes = [measured([640_000_000, 660_000_000, 655_000_000])];
        let of = |model| {
            Report {
                model,
                scenes: &scenes,
            }
            .json()
        };
        let held = |report: &Value, n: usize| report["aims"][n]["held"].as_bool();
        let small = of("smollm2-135m");
        assert_eq!(small["scenes"][0]["core_percent"], json!(1.25));
        assert_eq!(
            (held(&small, 0), held(&small, 1), held(&small, 2)),
            (Some(true), Some(false), Some(true))
        );
        assert_eq!(held(&of("qwen2.5-coder-0.5b"), 1), Some(true));
        // A model of which nothing is promised.
        assert_eq!(of("other")["aims"].as_array().map(Vec::len), Some(2));
    }
}
