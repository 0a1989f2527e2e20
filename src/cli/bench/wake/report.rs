//! What the bench found, for people and for programs.

use std::collections::BTreeMap;

use hearken::audio::EAR_RATE;
use hearken::listen::name::Called;
use serde_json::{Value, json};

use super::Judged;

/// All of it.
#[derive(Default)]
pub struct Report {
    /// For each name: clean, then noisy.
    pub calls: Vec<Calls>,
    /// For each English name.
    pub mentions: Vec<Talked>,
    /// Speech without the name, as in any house.
    pub talk: Option<Talked>,
    /// Speech without the name that is made to tempt.
    pub tempting: Option<Talked>,
    /// How long the bench took.
    pub elapsed_s: f64,
}

/// Utterances that call a name.
pub struct Calls {
    name: String,
    condition: &'static str,
    total: usize,
    missed: Vec<Instance>,
    /// By voice: utterances, missed.
    voices: BTreeMap<String, (usize, usize)>,
}

/// Speech in which nobody is called.
pub struct Talked {
    name: String,
    /// Of speech, pauses between the pieces left out.
    pub seconds: f64,
    /// Of these, recordings of people.
    pub recorded_s: f64,
    utterances: usize,
    woken: Vec<Instance>,
}

/// One sentence that went wrong.
struct Instance {
    speaker: String,
    said: String,
    heard: String,
}

impl Instance {
    fn new(speaker: &str, said: &str, heard: &[Judged]) -> Self {
        let texts: Vec<&str> = heard.iter().map(|j| j.text.as_str()).collect();
        Self {
            speaker: speaker.to_owned(),
            said: said.to_owned(),
            heard: texts.join(" | "),
        }
    }

    fn print(&self) {
        println!(
            "    said:  {} ({})\n    heard: {}",
            self.said, self.speaker, self.heard
        );
    }

    fn json(&self) -> Value {
        json!({"speaker": self.speaker, "said": self.said, "heard": self.heard})
    }
}

impl Calls {
    /// None so far.
    pub fn new(name: &str, condition: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            condition,
            total: 0,
            missed: Vec::new(),
            voices: BTreeMap::new(),
        }
    }

    /// One utterance, and what was heard.
    pub fn add(&mut self, speaker: &str, said: &str, heard: &[Judged]) {
        self.total += 1;
        let missed = heard.iter().all(|j| j.called == Called::No);
        let kind = speaker.split([',', ':']).next().unwrap_or(speaker);
        let (total, lost) = self.voices.entry(kind.to_owned()).or_default();
        *total += 1;
        if missed {
            *lost += 1;
            self.missed.push(Instance::new(speaker, said, heard));
        }
    }

    fn percent(&self) -> f64 {
        100.0 * self.missed.len() as f64 / self.total.max(1) as f64
    }
}

impl Talked {
    /// Nothing so far.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            seconds: 0.0,
            recorded_s: 0.0,
            utterances: 0,
            woken: Vec::new(),
        }
    }

    /// One piece, and what was heard.
    pub fn add(&mut self, sound: &[f32], said: &str, heard: Vec<Judged>) {
        self.seconds += sound.len() as f64 / f64::from(EAR_RATE);
        self.utterances += heard.len();
        let wrong = heard.into_iter().filter(|j| j.called != Called::No);
        self.woken
            .extend(wrong.map(|j| Instance::new("", said, &[j])));
    }

    fn an_hour(&self) -> f64 {
        self.woken.len() as f64 * 3600.0 / self.seconds.max(1.0)
    }
}

/// What went wrong, sentence by sentence.
fn list(wrong: &[Instance], verbose: bool) {
    if verbose {
        wrong.iter().for_each(Instance::print);
    }
}

impl Calls {
    /// For people.
    pub fn print(&self, verbose: bool) {
        println!(
            "{:<12} called, {:<15} {:>5} utterances, {:>4} missed, {:>5.1} %",
            self.name,
            self.condition,
            self.total,
            self.missed.len(),
            self.percent(),
        );
        for (voice, (total, missed)) in &self.voices {
            println!(
                "{:<12}   {voice:<20} {total:>5} utterances, {missed:>4} missed",
                ""
            );
        }
        list(&self.missed, verbose);
    }
}

impl Talked {
    /// For people: somebody with that name is spoken of.
    pub fn print_mentions(&self, verbose: bool) {
        println!(
            "{:<12} {:<23} {:>5} utterances, {:>4} wakes",
            self.name,
            "spoken of",
            self.utterances,
            self.woken.len()
        );
        list(&self.woken, verbose);
    }

    /// For people: talk without the name.
    pub fn print_talk(&self, kind: &str, verbose: bool) {
        println!(
            "{:<12} {:<23} {:>5} utterances, {:>4} wakes, {:.2} an hour in {:.2} hours, {:.1} minutes of them recordings of people",
            self.name,
            kind,
            self.utterances,
            self.woken.len(),
            self.an_hour(),
            self.seconds / 3600.0,
            self.recorded_s / 60.0,
        );
        list(&self.woken, verbose);
    }
}

impl Report {
    /// For programs; the sentences themselves when `verbose`.
    pub fn json(&self, verbose: bool) -> Value {
        let list = |wrong: &[Instance]| {
            verbose.then(|| wrong.iter().map(Instance::json).collect::<Vec<_>>())
        };
        let calls = self.calls.iter().map(|c| {
            json!({
                "name": c.name,
                "condition": c.condition,
                "utterances": c.total,
                "missed": c.missed.len(),
                "missed_percent": c.percent(),
                "voices": c.voices.iter().map(|(voice, (total, missed))| {
                    json!({"voice": voice, "utterances": total, "missed": missed})
                }).collect::<Vec<_>>(),
                "missed_utterances": list(&c.missed),
            })
        });
        let talked = |t: &Talked| {
            json!({
                "name": t.name,
                "hours": t.seconds / 3600.0,
                "recorded_hours": t.recorded_s / 3600.0,
                "utterances": t.utterances,
                "wakes": t.woken.len(),
                "wakes_an_hour": t.an_hour(),
                "woken_by": list(&t.woken),
            })
        };
        json!({
            "calls": calls.collect::<Vec<_>>(),
            "mentions": self.mentions.iter().map(talked).collect::<Vec<_>>(),
            "talk": self.talk.as_ref().map(talked),
            "tempting": self.tempting.as_ref().map(talked),
            "elapsed_s": self.elapsed_s,
        })
    }
}
