//! The rig of the spoken scenarios, without sound: what its format refuses, and that each kind of expectation can fail.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/rig/mod.rs"]
mod rig;
mod support;

use rig::format::{Moment, Scenario};
use rig::judge::{judge, spoken_words};
use rig::speech::{level, trim};
use rig::table::Table;
use rig::tape::Track;
use rig::timeline::Timeline;
use serde_json::json;
use support::tone::{rms, tone};

/// A scenario that expects `rest`.
fn scenario(rest: &str) -> Result<Scenario, String> {
    Scenario::parse(&format!(
        "about = \"\"\nbound_s = 9\nuntil = \"interrupted\"\n\
         [[say]]\nat_ms = 10\ntext = \"Stop.\"\n[[say]]\nafter = \"asked\"\nsound = \"cough\"\n{rest}"
    ))
}

/// A story that was interrupted: the voice at -20 dB from 1 s to 4 s, at -34 dB from there to 4.5 s, then nothing.
fn story() -> (Timeline, Track) {
    let mut timeline = Timeline::default();
    timeline.add(5000, "end", json!({}));
    timeline.add(0, "start", json!({}));
    timeline.add(
        600,
        "asked",
        json!({"last": "Tell me a story.", "conversation": "user: Tell me a story."}),
    );
    timeline.add(
        1000,
        "clause_started",
        json!({"event": "clause_started", "turn": 1, "text": "Once upon a time."}),
    );
    timeline.add(
        2500,
        "clause_started",
        json!({"event": "clause_started", "turn": 1, "text": "It was dark."}),
    );
    timeline.add(3900, "say:1", json!({}));
    timeline.add(
        4000,
        "ducked",
        json!({"event": "ducked", "turn": 1, "after_ms": 96}),
    );
    timeline.add(
        4500,
        "interrupted",
        json!({"event": "interrupted", "turn": 1, "heard": "Once upon a time. It"}),
    );
    timeline.add(4600, "say:2", json!({}));
    timeline.add(
        5600,
        "failed",
        json!({"event": "failed", "what": "stopped"}),
    );
    let rate = 1000;
    // Begins half a second before the start.
    let mut samples = vec![0.0; 1500];
    samples.extend(tone(rate, 100.0, 3.0, 0.1 * 2_f64.sqrt()));
    samples.extend(tone(rate, 100.0, 0.5, 0.02 * 2_f64.sqrt()));
    samples.extend(vec![0.0; 1000]);
    let speaker = Track {
        samples,
        rate,
        starts_ms: -500,
    };
    (timeline, speaker)
}

/// What is wrong with the story when `rest` is expected.
fn wrong(rest: &str) -> Vec<String> {
    let (timeline, speaker) = story();
    let heard = "Once upon a time, it's dark.";
    judge(&scenario(rest).unwrap(), &timeline, &speaker, Some(heard))
}

#[track_caller]
fn passes(rest: &str) {
    assert_eq!(wrong(rest), [""; 0], "{rest}");
}

#[track_caller]
fn fails(rest: &str, why: &str) {
    let wrong = wrong(rest);
    assert_eq!(wrong.len(), 1, "{rest}: {wrong:?}");
    assert!(wrong[0].contains(why), "{rest}: {wrong:?}");
}

#[test]
fn every_scenario_of_the_folder_is_understood() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::parse(&std::fs::read_to_string(&path).unwrap());
        assert!(
            scenario.is_ok(),
            "{}: {}",
            path.display(),
            scenario.unwrap_err()
        );
        read += 1;
    }
    assert!(read > 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let absent = "[[absent]]\nevents = [\"failed\"]\n";
    assert!(scenario(absent).is_ok());
    for (rest, why) in [
        ("", "nothing is expected"),
        ("[[absent]]\nevents = [\"interupted\"]", "interrupted"),
        ("[[expect]]\nevent = \"intterupted\"", "interrupted"),
        (
            "[[expect]]\nevent = \"failed\"\nafter = \"say:3\"",
            "there are 2",
        ),
        (
            "[[expect]]\nevent = \"failed\"\nafter = \"clause_started:0\"",
            "counted from 1",
        ),
        (
            "[[expect]]\nevent = \"failed\"\nafter = { event = \"asked\", text = \"\" }",
            "moment",
        ),
        ("[[expect]]\nevent = \"failed\"\ncontains = \"(\"", "regex"),
        ("[[expect]]\nevent = \"failed\"\nwithin = 3", "within"),
        ("[[count]]\nevent = \"failed\"", "[[count]] without"),
        (
            "[[loudspeaker]]\nfrom = \"asked\"\nfor_ms = 3",
            "[[loudspeaker]] without",
        ),
        (
            "[[absent]]\nevents = [\"failed\"]\n[[say]]\ntext = \"\"",
            "at_ms and after",
        ),
        (
            "[[absent]]\nevents = [\"failed\"]\n[[say]]\nat_ms = 3",
            "text, recording and sound",
        ),
        (
            "[[absent]]\nevents = [\"failed\"]\n[[say]]\nat_ms = 3\ntext = \"\"\nlength_ms = 3",
            "length_ms",
        ),
    ] {
        match scenario(rest) {
            Err(reason) => assert!(reason.contains(why), "{rest}: {reason}"),
            Ok(_) => panic!("not refused: {rest}"),
        }
    }
}

#[test]
fn a_moment_is_found_by_number_words_and_distance() {
    let (timeline, _) = story();
    let when = |moment: &str| {
        let table: toml::Table = toml::from_str(&format!("m = {moment}")).unwrap();
        timeline.when(&table["m"].clone().try_into::<Moment>().unwrap())
    };
    assert_eq!(when("\"clause_started\""), Some(1000));
    assert_eq!(when("\"clause_started:2\""), Some(2500));
    assert_eq!(when("\"clause_started:3\""), None);
    assert_eq!(
        when("{ event = \"clause_started\", contains = \"DARK\" }"),
        Some(2500)
    );
    assert_eq!(
        when("{ event = \"clause_started\", contains = \"clause\" }"),
        None
    );
    assert_eq!(when("{ event = \"say:2\", ms = 50 }"), Some(4650));
    assert_eq!(
        when("{ event = \"clause_started\", nth = 2, ms = -500 }"),
        Some(2000)
    );
}

#[test]
fn an_event_is_expected() {
    passes("[[expect]]\nevent = \"ducked\"\nafter = \"say:1\"\nwithin_ms = 100");
    fails(
        "[[expect]]\nevent = \"ducked\"\nafter = \"say:1\"\nwithin_ms = 99",
        "after 100 ms",
    );
    fails("[[expect]]\nevent = \"restored\"", "did not come");
    fails(
        "[[expect]]\nevent = \"ducked\"\nafter = \"interrupted\"",
        "did not come",
    );
    fails(
        "[[expect]]\nevent = \"ducked\"\nafter = \"called\"",
        "never came",
    );
    // An event does not come after itself.
    fails(
        "[[expect]]\nevent = \"ducked\"\nafter = \"ducked\"",
        "did not come",
    );
    passes("[[expect]]\nevent = \"clause_started\"\nafter = \"clause_started\"\nwithin_ms = 1500");
    passes("[[expect]]\nevent = \"interrupted\"\ncontains = \"once UPON\"");
    fails(
        "[[expect]]\nevent = \"interrupted\"\ncontains = \"dark\"",
        "did not come",
    );
    passes("[[expect]]\nevent = \"interrupted\"\nfields = { heard = \"it$\", turn = \"^1$\" }");
    fails(
        "[[expect]]\nevent = \"interrupted\"\nfields = { turn = \"2\" }",
        "turn ~ /2/",
    );
    fails(
        "[[expect]]\nevent = \"interrupted\"\nfields = { after_ms = \"\" }",
        "did not come",
    );
}

#[test]
fn an_event_must_not_come() {
    passes("[[absent]]\nevents = [\"called\", \"restored\"]");
    fails(
        "[[absent]]\nevents = [\"called\", \"ducked\"]",
        "it came at 4000 ms",
    );
    passes("[[absent]]\nevents = [\"ducked\"]\nto = \"clause_started:2\"");
    passes("[[absent]]\nevents = [\"ducked\"]\nfrom = \"interrupted\"");
    fails(
        "[[absent]]\nevents = [\"ducked\"]\nfrom = { event = \"ducked\", ms = -1 }",
        "ducked",
    );
    passes("[[absent]]\nevents = [\"clause_started\"]\ncontains = \"story\"");
    fails(
        "[[absent]]\nevents = [\"clause_started\"]\ncontains = \"dark\"",
        "2500 ms",
    );
    // Absent from a moment that never was shows nothing.
    fails(
        "[[absent]]\nevents = [\"called\"]\nfrom = \"asleep\"",
        "never came",
    );
    // What comes while hearken is being stopped is no part of the scenario.
    passes("[[absent]]\nevents = [\"failed\"]");
}

#[test]
fn events_are_counted() {
    passes("[[count]]\nevent = \"clause_started\"\nis = 2");
    fails(
        "[[count]]\nevent = \"clause_started\"\nis = 1",
        "came 2 times, and 1",
    );
    fails(
        "[[count]]\nevent = \"clause_started\"\nat_least = 3",
        "at least 3",
    );
    fails(
        "[[count]]\nevent = \"clause_started\"\nat_most = 1",
        "at most 1",
    );
    passes("[[count]]\nevent = \"clause_started\"\nat_least = 1\nat_most = 2");
    passes("[[count]]\nevent = \"clause_started\"\nis = 1\nfrom = \"clause_started\"");
    passes("[[count]]\nevent = \"clause_started\"\nis = 1\ncontains = \"dark\"");
    fails(
        "[[count]]\nevent = \"failed\"\nis = 0\nfrom = \"asleep\"",
        "never came",
    );
}

#[test]
fn the_loudspeaker_is_measured() {
    passes("[[loudspeaker]]\nfrom = \"interrupted\"\nfor_ms = 400\nbelow_db = -60");
    fails(
        "[[loudspeaker]]\nfrom = \"ducked\"\nfor_ms = 400\nbelow_db = -60",
        "reached -34 dB",
    );
    passes("[[loudspeaker]]\nfrom = \"clause_started\"\nfor_ms = 400\nabove_db = -21");
    fails(
        "[[loudspeaker]]\nfrom = \"interrupted\"\nfor_ms = 400\nabove_db = -21",
        "only reached -120 dB",
    );
    passes("[[loudspeaker]]\nfrom = \"ducked\"\nfor_ms = 400\nquieter_db = 13");
    fails(
        "[[loudspeaker]]\nfrom = \"ducked\"\nfor_ms = 400\nquieter_db = 15",
        "14 dB quieter",
    );
    let than = "than = \"say:1\"";
    passes(&format!(
        "[[loudspeaker]]\nfrom = \"interrupted\"\nfor_ms = 400\nquieter_db = 90\n{than}"
    ));
    fails(
        "[[loudspeaker]]\nfrom = \"called\"\nfor_ms = 400\nbelow_db = -60",
        "never came",
    );
    fails(
        "[[loudspeaker]]\nfrom = \"failed\"\nfor_ms = 400\nbelow_db = -60",
        "does not reach",
    );
}

#[test]
fn what_was_heard_is_compared() {
    passes("[heard]\ncontains = [\"once upon a time it's dark\"]\nabsent = [\"light\"]");
    fails("[heard]\ncontains = [\"light\"]", "should say");
    fails("[heard]\nabsent = [\"dark\"]", "should not say");
    assert_eq!(
        spoken_words("  Nine-thirty,\nit's 9:30!"),
        "nine thirty it's 9 30"
    );
}

#[test]
fn the_table_counts_runs_names_what_was_wrong_most_often_and_how_soon_things_came() {
    let mut table = Table::default();
    table.note("stop", &[]);
    table.note("stop", &["late".into()]);
    table.note("stop", &["silent".into(), "late".into()]);
    table.note("stop", &["silent".into()]);
    table.note("cough", &[]);
    table.measure("ducked", &[90.0, 70.0]);
    table.measure("ducked", &[110.0]);
    table.passed_again("cough");
    assert_eq!(table.again(), ["cough"]);
    assert_eq!(table.totals(), (2, 3));
    assert_eq!(table.failed(), ["stop"]);
    let text = table.print();
    assert!(text.contains("| stop | 4 | 3 | silent |"), "{text}");
    assert!(text.contains("| cough | 1 | 0 |  |"), "{text}");
    assert!(text.contains("| all | 5 | 3 | |"), "{text}");
    assert!(text.contains("| ducked | 3 | 90 | 110 | 110 |"), "{text}");
}

#[test]
fn people_speak_without_silence_around_it_and_equally_loud() {
    let rate = 16_000;
    let mut samples = vec![0.0; 8000];
    samples.extend(tone(rate, 200.0, 0.5, 0.01));
    samples.extend(vec![0.0; 8000]);
    samples.extend(tone(rate, 200.0, 0.5, 0.01));
    samples.extend(vec![0.0; 4000]);
    let voice = trim(&samples, rate);
    // A second of tone, half a second of pause, 20 ms at each end.
    assert!((24_000..25_000).contains(&voice.len()), "{}", voice.len());
    let loud = level(voice, rate, -20.0);
    assert!((rms(&loud[1000..8000]) - 0.1).abs() < 0.005);
    assert!(
        level(voice, rate, 20.0)
            .iter()
            .all(|sample| sample.abs() < 1.0)
    );
}

#[test]
fn what_comes_is_measured_from_the_words_before_it() {
    let mut timeline = Timeline::default();
    for (ms, kind) in [
        (-5, "ducked"),
        (100, "say:1"),
        (900, "say:2"),
        (1_250, "ducked"),
    ] {
        timeline.add(ms, kind, json!({"event": kind}));
    }
    assert_eq!(timeline.after_words("ducked"), [350.0]);
}

#[test]
fn a_reply_that_was_dropped_says_nothing() {
    let mut timeline = Timeline::default();
    timeline.add(100, "asked", json!({"text": "I do not know."}));
    timeline.add(200, "clause_started", json!({"text": "It is late."}));
    assert!(timeline.says("It is late. Good night."));
    assert!(!timeline.says("I do not know."));
}
