//! What the bench has counted.

use hearken::turn::state::Verdict;
use serde_json::{Value, json};

use super::super::percentile;
use super::hear::Life;

/// What is known after so much sound, in ms.
const AFTER_MS: [f64; 8] = [300.0, 400.0, 500.0, 600.0, 800.0, 1_000.0, 1_200.0, 1_500.0];
/// A decision is wished for within this, in ms.
const WISHED_MS: f64 = 400.0;

/// What can be known after so much sound. Parts of one, of all wishes or of all murmurs: as if there were as many of both.
#[derive(Debug, PartialEq)]
struct Known {
    after_ms: f64,
    /// Wishes that still sound, and murmurs that do.
    sounding: [f64; 2],
    /// By their words: wishes for which the reply was stopped, and murmurs for which it was.
    stopped: [f64; 2],
    /// Nothing is known of these by their words, or it goes on as yet.
    open: [f64; 2],
}

impl Known {
    fn new(lives: &[Life], after_ms: f64) -> Self {
        let share = |wish: bool, is: &dyn Fn(&Life) -> bool| {
            let of: Vec<_> = lives.iter().filter(|life| life.wish == wish).collect();
            let count = of.iter().filter(|life| is(life)).count();
            count as f64 / of.len().max(1) as f64
        };
        let both = |is: &dyn Fn(&Life) -> bool| [share(true, is), share(false, is)];
        let verdict = |life: &Life| life.known_after(after_ms);
        Self {
            after_ms,
            sounding: both(&|life| life.sounds_after(after_ms)),
            stopped: both(&|life| verdict(life) == Some(Verdict::Stop)),
            open: both(&|life| matches!(verdict(life), None | Some(Verdict::Unclear))),
        }
    }

    /// The part of right decisions of "who still speaks wants to be heard".
    fn by_length(&self) -> f64 {
        f64::midpoint(self.sounding[0], 1.0 - self.sounding[1])
    }

    /// Right, wrong, open.
    fn by_words(&self) -> [f64; 3] {
        let [wishes, murmurs] = self.stopped;
        let open = f64::midpoint(self.open[0], self.open[1]);
        let right = f64::midpoint(wishes, 1.0 - murmurs - self.open[1]);
        [right, 1.0 - right - open, open]
    }
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
            known: AFTER_MS.map(|ms| Known::new(lives, ms)).into(),
            stopped_ms: Vec::new(),
            went_on_ms: Vec::new(),
            wrong: [0; 2],
            pass_ms: Vec::new(),
        };
        for life in lives {
            let kind = usize::from(!life.wish);
            report.of[kind] += 1;
            let glances = life.looks.iter().filter(|look| !look.over);
            report.pass_ms.extend(glances.map(|look| look.pass_ms));
            match (life.wish, life.decided()) {
                (true, Some((ms, true))) => report.stopped_ms.push(ms),
                (false, Some((ms, false))) => report.went_on_ms.push(ms),
                // What nothing comes of leaves a reply alone.
                (false, None) => {}
                _ => report.wrong[kind] += 1,
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
        println!(
            "{wishes} wishes and {murmurs} murmurs over a reply; parts as if there were as many of both\n"
        );
        println!("            still sounding       by length   by words, if reading took no time");
        println!("heard for   wishes   murmurs     right       right    wrong     open");
        for known in &self.known {
            let [right, wrong, open] = known.by_words().map(percent);
            println!(
                "{:>6.0} ms   {:>4.0} %   {:>5.0} %     {:>3.0} %      {right:>4.0} %   {wrong:>4.0} %   {open:>4.0} %",
                known.after_ms,
                percent(known.sounding[0]),
                percent(known.sounding[1]),
                percent(known.by_length()),
            );
        }
        println!("\na glance of whisper's takes {}", times(&self.pass_ms));
        println!(
            "as it is: a wish stops the reply after {}, and {} of {wishes} do not",
            times(&self.stopped_ms),
            self.wrong[0]
        );
        println!(
            "          after a murmur it goes on at {}, and {} of {murmurs} stop it",
            times(&self.went_on_ms),
            self.wrong[1]
        );
        println!(
            "          decided within {WISHED_MS:.0} ms: {} of {}",
            self.within(),
            wishes + murmurs
        );
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
                    "by_length": known.by_length(),
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

/// The median and the 95th percentile.
fn times(values: &[f64]) -> String {
    match (percentile(values, 50), percentile(values, 95)) {
        (Some(median), Some(most)) => format!("{median:.0} ms (95 %: {most:.0} ms)"),
        _ => "no time".into(),
    }
}

fn percent(part: f64) -> f64 {
    100.0 * part
}

#[cfg(test)]
mod tests {
    use super::super::hear::Look;
    use super::*;

    fn life(wish: bool, frames: usize, verdict: Option<Verdict>) -> Life {
        let look = |verdict| Look {
            at_ms: 350.0,
            pass_ms: 100.0,
            over: false,
            voiced_ms: 300,
            text: String::new(),
            mean_logprob: -0.2,
            verdict,
            certain: true,
        };
        Life {
            wish,
            audible: [vec![true; frames], vec![false; 40]].concat(),
            looks: verdict.into_iter().map(look).collect(),
            whole: None,
        }
    }

    #[test]
    fn wishes_and_murmurs_weigh_the_same_however_many_there_are() {
        let mut lives = vec![
            life(false, 5, Some(Verdict::CarryOn)),
            life(false, 20, None),
        ];
        for _ in 0..3 {
            lives.push(life(true, 20, Some(Verdict::Stop)));
        }
        lives.push(life(true, 5, Some(Verdict::CarryOn)));
        let known = Known::new(&lives, 400.0);
        assert_eq!(known.sounding, [0.75, 0.5]);
        assert!((known.by_length() - 0.625).abs() < 1e-9);
        // Three wishes of four and one murmur of two are right; one wish is wrong; a murmur is open.
        let [right, wrong, open] = known.by_words();
        assert!((right - 0.625).abs() < 1e-9, "{right}");
        assert!((wrong - 0.125).abs() < 1e-9, "{wrong}");
        assert!((open - 0.25).abs() < 1e-9, "{open}");
        let report = Report::new(&lives);
        assert_eq!((report.of, report.wrong), ([4, 2], [1, 0]));
        assert_eq!(report.stopped_ms, [450.0; 3]);
        assert_eq!(report.within(), 0);
    }
}
