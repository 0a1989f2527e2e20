//! A room's life in real time: the daemon as it is by default, with the real models, on a real sound server. It is called by
//! name and interrupted, others talk, devices and the language model break. Nothing may be lost, nothing may be stuck, nothing
//! may grow. `hearken bench soak` lives days of such a life, without a sound server and in accelerated time.
//!
//! A minute and a half, so that it is tried with every other test; `SOAK_MINUTES=60` lives for so long and writes its figures
//! and their picture to target/real_time.json and .svg (`SOAK_OUT` names another place, without the extension).
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../src/cli/bench/wake/chance.rs"]
#[allow(dead_code)]
mod chance;
#[path = "real_time/desk.rs"]
mod desk;
#[path = "real_time/life.rs"]
mod life;
#[path = "real_time/person.rs"]
mod person;
#[path = "../src/cli/bench/soak/plot.rs"]
mod plot;
#[path = "../src/cli/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "real_time/sounds.rs"]
mod sounds;
mod support;
#[path = "../src/cli/bench/soak/trend.rs"]
mod trend;
#[path = "real_time/watch.rs"]
mod watch;

use std::path::{Path, PathBuf};

use desk::Desk;
use life::Life;
use person::Person;
use support::bugs::tells_of_a_bug;
use watch::{Figures, Watch};

/// Unless `SOAK_MINUTES` says otherwise.
const SHORT: f64 = 1.5;
/// From one line about how it goes to the next, in minutes.
const TELLS_EVERY: f64 = 5.0;

#[test]
fn a_life_in_real_time_loses_nothing_and_grows_nothing() {
    let wished = std::env::var("SOAK_MINUTES").ok();
    let minutes = wished.as_ref().map_or(SHORT, |minutes| {
        let minutes: f64 = minutes.parse().expect("SOAK_MINUTES is a number");
        assert!(
            minutes > 0.0 && minutes <= 10_000.0,
            "SOAK_MINUTES: {minutes}"
        );
        minutes
    });
    let mut desk = Desk::new();
    let watch = Watch::new(desk.daemon.process.id(), desk.server.folder());
    live(&mut desk, &watch, minutes);
    let figures = watch.end();
    print!("{}", figures.as_text());
    if wished.is_some() {
        write(&figures);
    }
    let said = desk.end();
    let broke: Vec<_> = said.iter().filter(|line| tells_of_a_bug(line)).collect();
    assert!(broke.is_empty(), "{broke:?}");
    let wrong = figures.wrong();
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
}

fn live(desk: &mut Desk, watch: &Watch, minutes: f64) {
    let (mut life, mut told) = (Life::new(), 0.0);
    let mut person = Person::new(desk, watch);
    while (watch.minutes() < minutes || !life.is_begun()) && !watch.is_enough() {
        let (quiet_s, scene) = life.next();
        person.quiet(quiet_s);
        person.play(scene);
        if watch.minutes() >= told + TELLS_EVERY {
            told = watch.minutes();
            println!("{}", watch.so_far());
        }
    }
}

fn write(figures: &Figures) {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/real_time");
    let out = std::env::var_os("SOAK_OUT").map_or(default, PathBuf::from);
    let json = serde_json::to_string_pretty(figures).unwrap();
    std::fs::write(out.with_extension("json"), json).unwrap();
    let picture = plot::svg("minutes", figures.minutes, &figures.curves()).unwrap();
    std::fs::write(out.with_extension("svg"), picture).unwrap();
}
