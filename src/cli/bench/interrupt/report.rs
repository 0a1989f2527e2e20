//! What the bench has counted.

use hearken::turn::state::Verdict;
use serde_json::{Value, json};

use super::super::percentile;
use super::hear::Life;

/// What is known after so much sound, in ms.
const AFTER_MS: [f64; 8] = [300.0, 400.0, 500.0, 600.0, 800.0, 1_000.0, 1_200.0, 1_500.0];
/// A decision is wished for within this, in ms.
const WISHED_MS: f64 = 400.0;
/// Whoever is silent for so long has perhaps finished, in ms: what a detector needs to say so.
const SILENT_MS: f64 = 96.0;

/// What can be known after so much sound.
struct Known {
    after_ms: f64,
    /// Wishes that still sound, and murmurs that do.
    sounding: [usize; 2],
    /// By the words: stopped, goes on, open; of wishes, and of murmurs.
    words: [[usize; 3]; 2],
}

/// The report.
pub struct Report {
    /// Wishes, and murmurs.
    of: [usize; 2],
    known: Vec<Known>,
    /// When the reply was stopped for a wish, in ms.
    stopped_ms: Vec<f64>,
    /// When it went on after a murmur, in ms.
    went_on_ms: Vec<f64>,
    /// Wishes that did not stop it; murmurs that did.
    wrong: [usize; 2],
    pass_ms: Vec<f64>,
}

impl Report {
    pub fn new(lives: &[Life]) -> Self {
        let mut report = Self {
            of: [0; 2],
            known: AFTER_MS.map(|ms| known(lives, ms)).into(),
            stopped_ms: Vec::new(),
            went_on_ms: Vec::new(),
            wrong: [0; 2],
            pass_ms: Vec::new(),
        };
        for life in lives {
            report.of[kind(life)] += 1;
            let glances = life.looks.iter().filter(|look| !look.over);
            report.pass_ms.extend(glances.map(|look| look.pass_ms));
            match (life.wish, life.decided()) {
                (true, Some((ms, true))) => report.stopped_ms.push(ms),
                (false, Some((ms, false))) => report.went_on_ms.push(ms),
                // What is not heard at all leaves a reply alone.
                (false, None) => {}
                _ => report.wrong[kind(life)] += 1,
            }
        }
        report
    }

    fn within(&self) -> usize {
        let decided = self.stopped_ms.iter().chain(&self.went_on_ms);
        decided.filter(|ms| **ms <= WISHED_MS).count()
    }

    pub fn print(&self) {
        let [wishes, murmurs] = self.of;
        println!("{wishes} wishes and {murmurs} murmurs over a reply\n");
        println!(
            "            still sounding        by length alone   by words, if reading took no time"
        );
        println!("heard for   wishes    murmurs     right at best     right    wrong     open");
        for known in &self.known {
            let [right, wrong, open] = known.by_words();
            let share = |n| percent(n, wishes + murmurs);
            println!(
                "{:>6.0} ms   {:>4.0} %    {:>5.0} %     {:>10.0} %     {:>4.0} %   {:>4.0} %   {:>4.0} %",
                known.after_ms,
                percent(known.sounding[0], wishes),
                percent(known.sounding[1], murmurs),
                self.by_length(known),
                share(right),
                share(wrong),
                share(open),
            );
        }
        println!();
        let ms = |values: &[f64], p| percentile(values, p).unwrap_or_default();
        println!(
            "a glance of whisper's takes {:.0} ms (95 %: {:.0} ms)",
            ms(&self.pass_ms, 50),
            ms(&self.pass_ms, 95)
        );
        println!(
            "as it is: a wish stops the reply after {:.0} ms (95 %: {:.0} ms), and {} of {wishes} do not",
            ms(&self.stopped_ms, 50),
            ms(&self.stopped_ms, 95),
            self.wrong[0]
        );
        println!(
            "          after a murmur it goes on at {:.0} ms (95 %: {:.0} ms), and {} of {murmurs} stop it",
            ms(&self.went_on_ms, 50),
            ms(&self.went_on_ms, 95),
            self.wrong[1]
        );
        println!(
            "          decided within {WISHED_MS:.0} ms: {} of {}",
            self.within(),
            wishes + murmurs
        );
    }

    /// The share of right decisions, in percent, of "who still speaks wants to be heard", when wishes and murmurs are as many.
    fn by_length(&self, known: &Known) -> f64 {
        let [wishes, murmurs] = known.sounding;
        let (heard, left) = (percent(wishes, self.of[0]), percent(murmurs, self.of[1]));
        (heard + 100.0 - left) / 2.0
    }

    pub fn json(&self) -> Value {
        let known: Vec<Value> = self
            .known
            .iter()
            .map(|known| {
                let [right, wrong, open] = known.by_words();
                json!({
                    "after_ms": known.after_ms,
                    "wishes_sounding": known.sounding[0],
                    "murmurs_sounding": known.sounding[1],
                    "by_length_percent": self.by_length(known),
                    "by_words": { "right": right, "wrong": wrong, "open": open },
                })
            })
            .collect();
        let times =
            |values: &[f64]| json!({"p50": percentile(values, 50), "p95": percentile(values, 95)});
        json!({
            "wishes": self.of[0],
            "murmurs": self.of[1],
            "known": known,
            "glance_ms": times(&self.pass_ms),
            "stopped_ms": times(&self.stopped_ms),
            "went_on_ms": times(&self.went_on_ms),
            "wishes_passed_over": self.wrong[0],
            "murmurs_that_stopped": self.wrong[1],
            "within_400_ms": self.within(),
        })
    }
}

impl Known {
    /// Right, wrong, open.
    fn by_words(&self) -> [usize; 3] {
        let [wishes, murmurs] = self.words;
        [
            wishes[0] + murmurs[1],
            wishes[1] + murmurs[0],
            wishes[2] + murmurs[2],
        ]
    }
}

fn known(lives: &[Life], after_ms: f64) -> Known {
    let mut known = Known {
        after_ms,
        sounding: [0; 2],
        words: [[0; 3]; 2],
    };
    for life in lives {
        let look = life.known_after(after_ms);
        let sounds = life.sounds_ms + SILENT_MS > after_ms;
        known.sounding[kind(life)] += usize::from(sounds);
        let words = match look.map(|look| look.verdict) {
            Some(Verdict::Stop | Verdict::Hold) => 0,
            Some(Verdict::CarryOn | Verdict::GoOn) => 1,
            Some(Verdict::Unclear) | None => 2,
        };
        known.words[kind(life)][words] += 1;
    }
    known
}

fn kind(life: &Life) -> usize {
    usize::from(!life.wish)
}

fn percent(part: usize, of: usize) -> f64 {
    100.0 * part as f64 / of.max(1) as f64
}
