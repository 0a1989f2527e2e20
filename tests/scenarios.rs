//! Spoken scenarios: people speak in a room, hearken hears them through cpal, a real sound server, and its own voice's
//! echo, with the real voice activity detector, whisper and Piper; what it did is compared with what was expected.
//!
//! `cargo test --release --test scenarios [-- FILTER] [--repeat N] [--tries N] [--jobs N] [--keep] [--list]` runs each file of
//! `tests/scenarios` once, or N times; `make soak` repeats them all and prints a table of failures. `--keep` leaves the
//! recordings and the configuration of runs that passed in the build folder too, as those that failed are always left.
//!
//! A scenario is a TOML file; `tests/support/rig/format.rs` has every key.
//!
//! ```toml
//! about = "Somebody says \"stop\" in the middle of a story: it ends for good."
//! bound_s = 30                                  # it never runs longer
//! until = { event = "interrupted", ms = 2000 }  # it is over 2 s after that event
//!
//! [room]
//! echo = [                                      # the microphone hears the loudspeaker; none is headphones
//!   { delay_ms = 60, level_db = -6 },
//!   { delay_ms = 78, level_db = -14 },          # and a wall
//! ]
//! noise_db = -60                                # a quiet room
//!
//! [config.attention]                            # hearken's configuration
//! mode = "name"
//!
//! [[reply]]                                     # what the language model answers, to whom
//! to = "story"                                  # regular expressions ignore case and match anywhere
//! text = "Once upon a time there was a lighthouse. It stood alone."
//!
//! [[say]]                                       # "say:1" is the moment when it begins, "said:1" when it ends
//! at_ms = 1000
//! text = "Samantha, tell me a story."
//!
//! [[say]]
//! text = "Stop."
//! voice = "espeak:en-us+f3"                     # or joe, or joe@118: 18 % higher; or recording = "goforward.raw",
//!                                               # or sound = "cough", "noise", "music"
//! after = { event = "clause_started", nth = 2, ms = 300 }
//!
//! [[expect]]                                    # an event must come, with these words, so soon
//! event = "interrupted"
//! after = "say:2"
//! within_ms = 900
//! fields = { heard = "^Once upon" }
//!
//! [[absent]]                                    # must not come between two moments
//! events = ["turn_started", "failed"]
//! from = "interrupted"
//!
//! [[count]]
//! event = "interrupted"
//! is = 1                                        # or at_least, at_most
//!
//! [[loudspeaker]]                               # how loud it is; also above_db, quieter_db
//! from = { event = "interrupted", ms = 200 }
//! for_ms = 1000
//! below_db = -55
//!
//! [heard]                                       # what whisper makes of all that the loudspeaker played
//! contains = ["once upon a time"]
//! absent = ["alone"]
//! ```
//!
//! Events are those of `hearken run --json`, with the moment at which they were printed, and the rig's own: `start`,
//! `end`, and `asked` for each request to the scripted model (fields `last`, `conversation` and `messages`). Two
//! parsers watch each other: a name of an event that does not exist, or a scenario that expects nothing, is refused.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/rig/mod.rs"]
mod rig;
mod support;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use clap::Parser;
use rig::format::Scenario;
use rig::run::Outcome;
use rig::speech::{Speech, Take};
use rig::table::Table;
use support::sound_server::SoundServer;

/// Runs spoken scenarios.
#[derive(Parser)]
struct Args {
    /// Only scenarios with one of these in their names
    filters: Vec<String>,
    /// The filters are whole names
    #[arg(long)]
    exact: bool,
    /// Not those with this in their names
    #[arg(long)]
    skip: Vec<String>,
    /// Print the names and what is shown
    #[arg(long)]
    list: bool,
    /// Run each so often
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Try a run that failed again, so often in all: a machine that is busy for a moment is late for everything
    #[arg(long, default_value_t = 3)]
    tries: usize,
    /// Run so many at the same time; more than half the cores disturb each other
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Keep the recordings of runs that passed, and print their events
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    libtest: Libtest,
}

/// What `cargo test` may hand to every test program.
#[derive(clap::Args)]
struct Libtest {
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    no_capture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(short, long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
}

/// A scenario with its name.
type Named = (String, Scenario);

fn main() -> ExitCode {
    let args = Args::parse();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let scenarios = match read(&folder) {
        Ok(all) => all
            .into_iter()
            .filter(|(name, _)| args.wants(name))
            .collect::<Vec<_>>(),
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::FAILURE;
        }
    };
    if args.list {
        for (name, scenario) in &scenarios {
            println!("{name}: test  {}", scenario.about);
        }
        println!("\n{} tests, 0 benchmarks", scenarios.len());
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    println!("\nrunning {} tests", scenarios.len() * args.repeat);
    let table = run_all(&scenarios, &args);
    if args.repeat > 1 {
        println!("\n{}", table.print());
    }
    let (passed, failed) = table.totals();
    if failed > 0 {
        println!("\nfailures:\n    {}", table.failed().join("\n    "));
    }
    if !table.again().is_empty() {
        println!(
            "\npassed only when tried again:\n    {}",
            table.again().join("\n    ")
        );
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in \
         {:.2}s\n",
        began.elapsed().as_secs_f64()
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

impl Args {
    fn wants(&self, name: &str) -> bool {
        let is = |filter: &String| {
            if self.exact {
                name == filter
            } else {
                name.contains(filter.as_str())
            }
        };
        let wanted = self.filters.is_empty() || self.filters.iter().any(is);
        wanted && !self.skip.iter().any(is) && !self.libtest.ignored
    }
}

/// Every scenario of the folder, in the order of their names.
fn read(folder: &Path) -> Result<Vec<Named>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    let one = |path: &PathBuf| {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
        let scenario = text.and_then(|text| Scenario::parse(&text));
        let scenario = scenario.map_err(|reason| format!("{}: {reason}", path.display()));
        scenario.map(|scenario| (name, scenario))
    };
    paths.iter().map(one).collect()
}

fn run_all(scenarios: &[Named], args: &Args) -> Table {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenarios");
    let speech = Speech::new(
        base.join("speech"),
        Path::new(env!("CARGO_BIN_EXE_hearken")),
    );
    // Each once before any for the second time: what a broken-off soak has run is of some use.
    let queue: VecDeque<(usize, &Named)> = (1..=args.repeat)
        .flat_map(|number| scenarios.iter().map(move |named| (number, named)))
        .collect();
    let (queue, table) = (Mutex::new(queue), Mutex::new(Table::default()));
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                let mut server = None;
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some((number, (name, scenario))) = next else {
                        break;
                    };
                    let folder = rig::run::folder(&base, name, number);
                    let take = speech.take(number);
                    let mut outcome = run_one(scenario, take, &mut server, &folder);
                    let failed_first = !outcome.wrong.is_empty();
                    for _ in 1..args.tries {
                        if outcome.wrong.is_empty() {
                            break;
                        }
                        println!("test {name} ... once more, because:");
                        print_failure(&outcome);
                        outcome = run_one(scenario, take, &mut server, &folder);
                    }
                    let mut table = table.lock().unwrap();
                    table.note(name, &outcome.wrong);
                    if failed_first && outcome.wrong.is_empty() {
                        table.passed_again(name);
                    }
                    for event in ["ducked", "interrupted"] {
                        table.measure(event, &outcome.timeline.after_words(event));
                    }
                    report(name, number, &outcome, &folder, args);
                }
            });
        }
    });
    table.into_inner().unwrap()
}

/// A sound server that something went wrong on is not used again.
fn run_one(
    scenario: &Scenario,
    speech: Take<'_>,
    server: &mut Option<SoundServer>,
    folder: &Path,
) -> Outcome {
    let hearken = Path::new(env!("CARGO_BIN_EXE_hearken"));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let server = server.get_or_insert_with(SoundServer::start);
        rig::run::run(scenario, hearken, speech, server, folder)
    }));
    let outcome = outcome.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome::broken(said.unwrap_or_else(|| "the rig broke".into()))
    });
    if !outcome.wrong.is_empty() {
        *server = None;
    }
    outcome
}

fn print_failure(outcome: &Outcome) {
    for wrong in &outcome.wrong {
        println!("    {wrong}");
    }
    print!("{}", outcome.timeline.print());
    if !outcome.said.is_empty() {
        println!("hearken wrote:\n{}", outcome.said);
    }
}

fn report(name: &str, number: usize, outcome: &Outcome, folder: &Path, args: &Args) {
    let which = if args.repeat > 1 {
        format!(" ({number} of {})", args.repeat)
    } else {
        String::new()
    };
    let ok = outcome.wrong.is_empty();
    println!(
        "test {name}{which} ... {}",
        if ok { "ok" } else { "FAILED" }
    );
    if !ok || args.keep {
        print_failure(outcome);
        println!("recordings: {}\n", folder.display());
    } else {
        let _ = std::fs::remove_dir_all(folder);
    }
}
