//! What is counted and measured, and whether it grows.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::life::{Fault, Scene};
use super::process;
use super::support::daemon::status;
use super::trend::{Trend, trend};

/// From one look at the processes to the next.
const APART: Duration = Duration::from_secs(10);
/// So many minutes a life lasts for the line through its second half to say something.
const LONG: f64 = 10.0;
/// Of the looks that a life has time for, so many must have been possible: who did not look has seen nothing grow.
const LOOKED: f64 = 0.75;
/// However short the life is: of its last looks, so many, none has more threads or descriptors than the first ones had …
const ENDS: usize = 3;
/// … but for these, which come and go with what is being done.
const COME_AND_GO: f64 = 3.0;
/// Whoever has so many sentences lost learns nothing from more.
pub const ENOUGH: usize = 10;
/// A call that is not heard is said again; of the calls one in so many may be such. It is what `hearken bench wake` aims at.
const MISSED_OF: usize = 20;
/// Of the stories, one in so many may be over before it can be interrupted.
const OVER_OF: usize = 3;
/// Of what was not for it, one in so many may be answered.
const FALSE_OF: usize = 20;

/// The processes at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Look {
    pub minute: f64,
    /// Resident memory in MB, of hearken and of its language model; that one may be dead.
    pub memory_mb: f64,
    pub model_mb: Option<f64>,
    pub threads: f64,
    pub descriptors: f64,
}

/// A scene.
#[derive(Debug, Clone, Serialize)]
pub struct Played {
    pub minute: f64,
    pub scene: String,
    pub took_s: f64,
}

/// All that was seen.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    pub minutes: f64,
    pub scenes: Vec<Played>,
    /// Sentences that were said to it and answered without a failure.
    pub answered: usize,
    /// Sentences that were said to it, not heard, and said again.
    pub missed: Vec<String>,
    /// Of these, the ones that were said right after a fault.
    pub missed_after_faults: usize,
    /// What nobody answered.
    pub lost: Vec<String>,
    /// When it was not idle again.
    pub stuck: Vec<String>,
    pub overheard: usize,
    pub false_wakes: Vec<String>,
    pub interrupted: usize,
    /// Stories that ended by themselves before what was said over them could be understood.
    pub over: usize,
    pub faults: Vec<String>,
    /// The minute, and from the end of a question to its answer in ms.
    pub latencies: Vec<(f64, f64)>,
    pub looks: Vec<Look>,
    /// Of the second half.
    pub trends: Vec<Trend>,
}

/// Counts, and looks at the processes in a thread of its own.
pub struct Watch {
    began: Instant,
    figures: Arc<Mutex<Figures>>,
    looking: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Watch {
    /// Of the hearken with this runtime folder, its process `pid` and its children.
    pub fn new(pid: u32, runtime: &Path) -> Self {
        let began = Instant::now();
        let figures = Arc::<Mutex<Figures>>::default();
        let (end, ended) = channel();
        let seen = Arc::clone(&figures);
        let runtime = runtime.to_owned();
        let looking = std::thread::spawn(move || {
            while ended.recv_timeout(APART) == Err(RecvTimeoutError::Timeout) {
                let look = look(pid, &runtime, minutes(began));
                seen.lock().unwrap().looks.extend(look);
            }
        });
        Self {
            began,
            figures,
            looking: Some((end, looking)),
        }
    }

    pub fn minutes(&self) -> f64 {
        minutes(self.began)
    }

    /// It began at this minute and is over.
    pub fn scene(&self, minute: f64, scene: Scene) {
        let took_s = (self.minutes() - minute) * 60.0;
        let scene = format!("{scene:?}");
        self.figures().scenes.push(Played {
            minute,
            scene,
            took_s,
        });
    }

    pub fn answered(&self, latency_ms: Option<f64>) {
        let minute = self.minutes();
        let mut figures = self.figures();
        figures.answered += 1;
        figures.latencies.extend(latency_ms.map(|ms| (minute, ms)));
    }

    pub fn overheard(&self) {
        self.figures().overheard += 1;
    }

    pub fn interrupted(&self) {
        self.figures().interrupted += 1;
    }

    pub fn over(&self) {
        self.figures().over += 1;
    }

    pub fn fault(&self, what: Fault) {
        self.tell(|figures| &mut figures.faults, format!("{what:?}"));
    }

    pub fn missed(&self, what: String) {
        eprintln!("missed: {what}");
        self.tell(|figures| &mut figures.missed, what);
    }

    pub fn missed_after_a_fault(&self, what: String) {
        self.figures().missed_after_faults += 1;
        self.missed(format!("after a fault, {what}"));
    }

    pub fn lost(&self, what: String) {
        eprintln!("lost: {what}");
        self.tell(|figures| &mut figures.lost, what);
    }

    pub fn stuck(&self, what: String) {
        eprintln!("stuck: {what}");
        self.tell(|figures| &mut figures.stuck, what);
    }

    pub fn false_wake(&self, what: String) {
        eprintln!("a false wake: {what}");
        self.tell(|figures| &mut figures.false_wakes, what);
    }

    /// It is known already that it fails.
    pub fn is_enough(&self) -> bool {
        let figures = self.figures();
        figures.lost.len() + figures.stuck.len() >= ENOUGH
    }

    /// In a line.
    pub fn so_far(&self) -> String {
        let figures = self.figures();
        let (lost, stuck) = (figures.lost.len(), figures.stuck.len());
        let last = figures.looks.last().map_or_else(String::new, |look| {
            format!(
                "; {:.0} MB, {} threads, {} descriptors",
                look.memory_mb, look.threads, look.descriptors
            )
        });
        format!(
            "{:3.0} min: {} answered, {} said again, {lost} lost, {stuck} stuck, {} left alone, {} interrupted, {} faults{last}",
            self.minutes(),
            figures.answered,
            figures.missed.len(),
            figures.overheard,
            figures.interrupted,
            figures.faults.len()
        )
    }

    /// It looks no more.
    pub fn end(mut self) -> Figures {
        if let Some((end, looking)) = self.looking.take() {
            drop(end);
            looking.join().unwrap();
        }
        let mut figures = self.figures().clone();
        figures.minutes = self.minutes();
        figures.trends = figures.trends();
        figures
    }

    fn tell(&self, of: fn(&mut Figures) -> &mut Vec<String>, what: String) {
        let told = format!("{:.1} min: {what}", self.minutes());
        of(&mut self.figures()).push(told);
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap()
    }
}

fn minutes(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() / 60.0
}

fn look(pid: u32, runtime: &Path, minute: f64) -> Option<Look> {
    let mb = |pid| Some(process::memory(pid, false)?.rss as f64 / 1e6);
    let status = status(runtime)?;
    Some(Look {
        minute,
        memory_mb: mb(pid)?,
        model_mb: process::children(pid)
            .into_iter()
            .filter_map(mb)
            .reduce(f64::max),
        threads: status["threads"].as_f64()?,
        descriptors: status["descriptors"].as_f64()?,
    })
}

impl Figures {
    /// Each figure with its title and its points.
    pub fn curves(&self) -> Vec<(&'static str, Vec<(f64, f64)>)> {
        let of = |figure: fn(&Look) -> Option<f64>| {
            let point = |look: &Look| Some((look.minute, figure(look)?));
            self.looks.iter().filter_map(point).collect()
        };
        vec![
            ("memory of hearken, MB", of(|look| Some(look.memory_mb))),
            ("memory of its language model, MB", of(|look| look.model_mb)),
            ("threads", of(|look| Some(look.threads))),
            ("file descriptors", of(|look| Some(look.descriptors))),
            (
                "from the end of a question to its answer, ms",
                self.latencies.clone(),
            ),
        ]
    }

    fn trends(&self) -> Vec<Trend> {
        let half = self.minutes / 2.0;
        let settled = |points: Vec<(f64, f64)>| {
            points
                .into_iter()
                .filter(|(at, _)| *at >= half)
                .collect::<Vec<_>>()
        };
        let trends = self.curves().into_iter();
        trends
            .filter_map(|(what, points)| trend(what, &settled(points)))
            .collect()
    }

    pub fn as_text(&self) -> String {
        let mut text = format!(
            "{:.1} minutes in real time: {} scenes, {} answers, {} sentences left alone, {} interruptions ({} stories were over), {} faults\n\
             {} false wakes, {} said again ({} of them after faults), {} lost, {} stuck\n\n{:45} {:>9} {:>8}\n",
            self.minutes,
            self.scenes.len(),
            self.answered,
            self.overheard,
            self.interrupted,
            self.over,
            self.faults.len(),
            self.false_wakes.len(),
            self.missed.len(),
            self.missed_after_faults,
            self.lost.len(),
            self.stuck.len(),
            "in the second half",
            "mean",
            "growth"
        );
        if !self.is_judged() {
            text += "(too short a life to judge it by)\n";
        }
        for trend in &self.trends {
            let (growth, mark) = (trend.growth * 100.0, if trend.grows { "grows" } else { "" });
            text += &format!(
                "{:45} {:>9.1} {growth:>7.1}% {mark}\n",
                trend.what, trend.mean
            );
        }
        let told = [
            ("a false wake", &self.false_wakes),
            ("said again", &self.missed),
            ("lost", &self.lost),
            ("stuck", &self.stuck),
        ];
        for (what, all) in told {
            all.iter()
                .for_each(|one| text += &format!("{what}: {one}\n"));
        }
        text
    }

    /// Whether the life was long enough for its trends to mean something.
    fn is_judged(&self) -> bool {
        self.minutes >= LONG
    }

    /// Looks that there was time for.
    fn due(&self) -> f64 {
        (self.minutes * 60.0 / APART.as_secs_f64()).floor()
    }

    /// The most of it among the first looks, and among the last ones.
    fn ends(&self, figure: fn(&Look) -> f64) -> (f64, f64) {
        let most = |looks: &[Look]| looks.iter().map(figure).fold(0.0, f64::max);
        let ends = ENDS.min(self.looks.len());
        let last = self.looks.len() - ends;
        (most(&self.looks[..ends]), most(&self.looks[last..]))
    }

    /// What is wrong; nothing, as it should be.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut unless = |fine: bool, what: String| {
            if !fine {
                wrong.push(what);
            }
        };
        let (lost, stuck) = (self.lost.len(), self.stuck.len());
        unless(lost == 0, format!("{lost} lost"));
        unless(stuck == 0, format!("{stuck} times stuck"));
        let calls = self.answered + self.missed.len() + lost;
        let (missed, wakes) = (self.missed.len(), self.false_wakes.len());
        unless(
            missed <= (calls / MISSED_OF).max(1),
            format!("{missed} of {calls} calls were not heard"),
        );
        let (stopped, over) = (self.interrupted, self.over);
        unless(
            over <= (stopped + over) / OVER_OF || stopped + over < OVER_OF,
            format!(
                "{over} of {} stories were over too soon to be interrupted",
                stopped + over
            ),
        );
        // After a fault no more than at other times.
        let (after, faults) = (self.missed_after_faults, self.faults.len());
        unless(
            after <= (faults / MISSED_OF).max(1),
            format!("{after} of {faults} calls after faults were not heard"),
        );
        unless(
            wakes <= self.overheard / FALSE_OF,
            format!("{wakes} answers that nobody asked for"),
        );
        let all = self.answered >= 2 && self.overheard > 0 && stopped + over > 0;
        unless(
            all && !self.faults.is_empty(),
            "the life was too short".into(),
        );
        let (looks, due) = (self.looks.len(), self.due());
        unless(
            looks > 0 && looks as f64 >= due * LOOKED,
            format!("its processes were looked at {looks} times, of {due}"),
        );
        let threads = self.ends(|look| look.threads);
        let descriptors = self.ends(|look| look.descriptors);
        for (what, (first, last)) in [("threads", threads), ("descriptors", descriptors)] {
            unless(
                last <= first + COME_AND_GO,
                format!("{first} {what} at first, {last} at last"),
            );
        }
        // How long an answer takes is told, not judged: the machine has other work too.
        let judged = self
            .trends
            .iter()
            .filter(|trend| !trend.what.contains("answer"));
        for trend in judged.filter(|trend| self.is_judged() && trend.is_a_leak()) {
            let percent = trend.growth * 100.0;
            unless(false, format!("{} grows by {percent:.1} %", trend.what));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lived(minutes: f64, looks: usize) -> Figures {
        let look = |n| Look {
            minute: n as f64 / 6.0,
            memory_mb: 500.0,
            model_mb: None,
            threads: 20.0,
            descriptors: 40.0,
        };
        Figures {
            minutes,
            looks: (0..looks).map(look).collect(),
            answered: 9,
            overheard: 9,
            interrupted: 1,
            faults: vec!["one".into()],
            ..Figures::default()
        }
    }

    #[test]
    fn who_did_not_look_has_seen_nothing() {
        assert!(lived(10.0, 59).wrong().is_empty());
        assert!(lived(1.5, 8).wrong().is_empty());
        for (minutes, looks) in [(1.5, 0), (10.0, 0), (10.0, 40), (60.0, 200)] {
            let wrong = lived(minutes, looks).wrong();
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert!(wrong[0].contains("looked at"), "{wrong:?}");
        }
    }
}
