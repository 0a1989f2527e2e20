//! `hearken ctl bench`: how soon the hearken that runs answers, as it is, on what it has.

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::{Value, json};

use crate::cli::bench::percentile;
use crate::cli::wire::{Refused, Wire, text};

/// Arguments of `hearken ctl bench`.
#[derive(clap::Args)]
pub struct Args {
    /// How many questions
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=20))]
    turns: u16,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Asked one after the other, and again from the beginning. Their answers are short.
const QUESTIONS: [&str; 5] = [
    "What is the capital of Norway?",
    "How many days are in a week?",
    "What colour is the sky?",
    "Which animal barks?",
    "What is two plus three?",
];
/// So often it is asked how it is, for the time that takes.
const LOOKS: usize = 100;
/// What is measured of a turn, from the order on: its key, and its name.
const STAGES: [(&str, &str); 3] = [
    ("first_token", "first word of the model"),
    ("first_clause", "first clause"),
    ("first_played", "first sound"),
];

/// Runs the command.
pub(super) fn run(wire: &mut Wire, args: &Args) -> anyhow::Result<()> {
    let mut looks = Vec::new();
    for _ in 0..LOOKS {
        let asked = Instant::now();
        wire.ask(json!({"method": "status"}))?;
        looks.push(ms(asked.elapsed()));
    }
    wire.ask(json!({"method": "events"}))?;
    let mut stages: Vec<Vec<f64>> = STAGES.map(|_| Vec::new()).into();
    for question in QUESTIONS.iter().cycle().take(args.turns.into()) {
        let report = answer(wire, question)?;
        for ((key, _), times) in STAGES.iter().zip(&mut stages) {
            times.extend(report["stages_ms"][key].as_f64());
        }
    }
    let names = STAGES.iter().map(|(_, name)| *name);
    let rows = std::iter::once(("a question for its status", &looks)).chain(names.zip(&stages));
    let rows: Vec<_> = rows
        .filter_map(|(name, times)| {
            Some((
                name,
                times.len(),
                percentile(times, 50)?,
                percentile(times, 95)?,
            ))
        })
        .collect();
    if args.json {
        let rows = rows.iter().map(|(name, count, p50, p95)| {
            json!({"what": name, "count": count, "p50_ms": p50, "p95_ms": p95})
        });
        println!("{}", json!({"rows": rows.collect::<Vec<_>>()}));
        return Ok(());
    }
    println!("{:27} {:>5} {:>9} {:>9}", "ms after", "times", "p50", "p95");
    for (name, count, p50, p95) in rows {
        println!("{name:27} {count:>5} {p50:>9.1} {p95:>9.1}");
    }
    Ok(())
}

/// How the turn went that answers it.
fn answer(wire: &mut Wire, question: &str) -> anyhow::Result<Value> {
    let asked = wire.ask(json!({"method": "ask", "text": question}))?;
    loop {
        let event = wire.line()?;
        if event["event"] == "lagged" {
            bail!(Refused::new("more happened than could be read; try again"));
        }
        if event["turn"] != asked["turn"] {
            continue;
        }
        match text(&event["event"]) {
            "turn_finished" => {
                return match event["failure"].as_str() {
                    Some(failure) => bail!(Refused::new(failure)),
                    None => Ok(event),
                };
            }
            "turn_cancelled" => bail!(Refused::new(
                "somebody spoke meanwhile; try again in silence"
            )),
            _ => {}
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
