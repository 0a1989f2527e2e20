//! The command line: one file a command. `anyhow` lives here and nowhere else.

mod bench;
mod broken;
mod chat;
mod check;
mod completions;
mod config;
mod converse;
mod ctl;
mod devices;
mod exit;
mod heap;
mod process;
mod push;
mod reload;
mod run;
mod say;
mod service;
mod signal;
mod top;
mod transcribe;
mod upgrade;
mod weights;
mod wire;

use std::io::IsTerminal as _;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// A hands-free voice assistant: it listens, thinks and answers aloud, on this computer alone.
#[derive(Parser)]
#[command(
    name = "hearken",
    version,
    propagate_version = true,
    after_help = "Examples:
  hearken check                                   is everything there?
  hearken run                                     listen and answer
  hearken converse --in question.wav --out reply.wav"
)]
struct Cli {
    /// The configuration file [default: the XDG configuration folder's hearken/hearken.toml]
    #[arg(long, global = true, env = "HEARKEN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Set one key of the configuration, for example --set listen.hangover_ms=800
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Listen and answer until stopped, on the real microphone and loudspeaker
    Run(run::Args),
    /// Hold a conversation on recordings: questions in, spoken replies out
    Converse(converse::Args),
    /// Write down what is said in recordings
    Transcribe(transcribe::Args),
    /// Say a text aloud, or into a file
    Say(say::Args),
    /// Talk to the language model by keyboard
    Chat(chat::Args),
    /// Ask and steer the hearken that runs
    Ctl(ctl::Args),
    /// Watch it on a terminal: what it hears, says and takes
    Top(top::Args),
    /// Let a newer program go on in place of the one that runs, in the middle of the conversation
    UpgradeRestart(upgrade::Args),
    /// Install hearken as a service of your session, and look after it
    Service(service::Args),
    /// List, mark and test microphones and loudspeakers
    Devices(devices::Args),
    /// Check configuration, devices, weights and language model, and say what to do
    Check(check::Args),
    /// Show where the configuration is and what is in force
    Config(config::Args),
    /// List, fetch, verify, import and remove model files
    Weights(weights::Args),
    /// Measure transcription, voice, echo cancellation, the name, whole conversations and the cost of silence on this machine
    Bench(bench::Args),
    /// Print a completion script for a shell, or the manual page
    Completions(completions::Args),
}

/// Everything but the process's own exit.
pub fn main() -> ExitCode {
    heap::keep_for_the_next();
    let cli = Cli::parse();
    // Commands that only print end quietly when their reader has enough. The others write to sockets and to a child,
    // and see a closed one as an error.
    if matches!(
        cli.command,
        Command::Transcribe(_)
            | Command::Ctl(_)
            | Command::Devices(_)
            | Command::Weights(_)
            | Command::Bench(_)
    ) {
        signal::end_on_closed_pipe();
    }
    // The push to talk of a `hearken run` beside it, sent to every program of this name, ends none.
    if !matches!(cli.command, Command::Run(_)) {
        signal::ignore_pushes();
    }
    // The daemon's log is where details of failures are; the other commands say what is wrong themselves.
    log(match cli.command {
        Command::Run(_) => "warn",
        // Another model than the first answers, and nobody would know.
        Command::Chat(_) | Command::Converse(_) => "error,hearken::reply::fallback=warn",
        _ => "error",
    });
    broken::log_panics();
    leave_no_core();
    // What needs no configuration works with a broken one, too: it may be what mends it.
    let without = match &cli.command {
        Command::Completions(args) => Some(completions::run(args)),
        Command::Config(args) => config::without_reading(args, cli.config.as_deref()),
        _ => None,
    };
    if let Some(result) = without {
        return outcome(result);
    }
    // Who steers a hearken that runs needs little more than its socket, and a mistake in the file is no reason not to be able to
    // close the microphone.
    let steers = match &cli.command {
        Command::Ctl(_) | Command::Top(_) | Command::UpgradeRestart(_) => true,
        Command::Service(args) => args.is_of_what_is_there(),
        _ => false,
    };
    if steers {
        for set in cli.set.iter().filter(|set| !finds_the_socket(set)) {
            eprintln!(
                "hearken: --set {set} changes nothing of the hearken that runs; write it into its configuration file"
            );
        }
    }
    let source = reload::Source::new(cli.config.clone(), cli.set.clone());
    let result = hearken::config::load(cli.config.as_deref(), &cli.set)
        .or_else(|error| match steers {
            true => {
                eprintln!("hearken: {error}; the file is passed over");
                hearken::config::load(Some(Path::new("/dev/null")), &cli.set)
            }
            false => Err(error),
        })
        .map_err(anyhow::Error::from)
        .and_then(|config| match cli.command {
            Command::Run(args) => run::run(&args, &config, source),
            Command::Converse(args) => converse::run(&args, &config),
            Command::Transcribe(args) => transcribe::run(args, &config),
            Command::Say(args) => say::run(args, &config),
            Command::Chat(args) => chat::run(&args, &config),
            Command::Ctl(args) => ctl::run(&args, &config),
            Command::Top(args) => top::run(&args, &config),
            Command::UpgradeRestart(args) => upgrade::run(&args, &config),
            Command::Service(args) => service::run(&args, &config, &source),
            Command::Devices(args) => devices::run(args, &config),
            Command::Check(args) => check::run(&args, &config, cli.config.as_deref()),
            Command::Config(args) => config::run(&args, &config, cli.config.as_deref()),
            Command::Weights(args) => weights::run(args, &config),
            Command::Bench(args) => bench::run(args, &config),
            Command::Completions(args) => completions::run(&args),
        });
    outcome(result)
}

/// Whether an assignment matters for whoever only looks for the hearken that runs.
fn finds_the_socket(set: &str) -> bool {
    let key = set.split('=').next().unwrap_or_default().trim();
    matches!(key, "control.socket" | "data_dir")
}

fn outcome(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => exit::ended(0),
        Err(error) => exit::report(&error),
    }
}

/// Logs go to standard error; `HEARKEN_LOG` takes tracing's filters, `debug` or `hearken=debug,info`. Never words.
fn log(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HEARKEN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    // ONNX Runtime tells of every node of its graphs.
    let quiet = "ort=error".parse();
    let filter = match quiet {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    // A service's log has fields; everybody else reads lines.
    let journal = is_journal(std::io::stderr())
        .then(|| tracing_journald::layer().ok())
        .flatten();
    let registry = tracing_subscriber::registry().with(filter);
    match journal {
        Some(journal) => registry.with(journal).init(),
        None => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(std::io::stderr().is_terminal()),
            )
            .init(),
    }
}

/// Whether an output is the journal: `JOURNAL_STREAM` names the stream, and children of services inherit it.
fn is_journal(output: impl AsFd) -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    nix::sys::stat::fstat(output)
        .is_ok_and(|output| named == format!("{}:{}", output.st_dev, output.st_ino))
}

/// Words, sound and keys are in memory, and a core dump would write them to disk. Children inherit the limit; where the
/// system hands dumps to a program, which heeds no limit, it is told that there is nothing to dump.
fn leave_no_core() {
    use nix::sys::resource::{Resource, setrlimit};
    let forbidden = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let forbidden = forbidden.and_then(|()| nix::sys::prctl::set_dumpable(false));
    if let Err(error) = forbidden {
        tracing::debug!("a core dump cannot be forbidden: {error}");
    }
}

/// What the commands that hold a conversation run on: one thread for the conductor, one for the network.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}
