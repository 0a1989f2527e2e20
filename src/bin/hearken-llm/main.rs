//! hearken-llm: the embedded language model, an OpenAI-compatible server in a program of its own.
//!
//! It is apart from the daemon because whisper.cpp and llama.cpp each bring a different ggml, and the two collide in
//! one program. For the same reason nothing here may name the library crate.
//!
//! | thread | does |
//! |---|---|
//! | main | HTTP on a current-thread tokio runtime; signals |
//! | `inference` | owns model and context; one request after the other ([`engine`]) |
//! | `lifeline` | waits for the end of stdin, which is the end of the parent ([`end`]) |

mod answer;
mod end;
mod engine;
mod health;
mod http;
mod load;
mod log;
mod piece;
mod prefix;
mod prompt;
mod request;
mod socket;
mod spin;
mod sprint;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use clap::{ArgGroup, Parser};
use tokio::sync::mpsc;

use crate::end::Exit;
use crate::health::Health;
use crate::load::Options;

/// Requests that wait for the one that is being answered. A voice assistant has one conversation; more than this many
/// at once is a mistake somewhere, and the client is told so (429).
const QUEUE: usize = 8;

/// Serves one GGUF model to OpenAI-compatible clients on this machine.
#[derive(Debug, Parser)]
#[command(name = "hearken-llm", version, group(ArgGroup::new("place").required(true)))]
struct Args {
    /// The model, a GGUF file.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Listen on this Unix socket, for this user only.
    #[arg(long, value_name = "PATH", group = "place")]
    socket: Option<PathBuf>,
    /// Listen on this loopback address, such as 127.0.0.1:8080.
    #[arg(long, value_name = "ADDRESS:PORT", group = "place")]
    listen: Option<SocketAddr>,
    /// Context in tokens: instructions, conversation and reply together.
    #[arg(long, value_name = "TOKENS", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(256..=131_072))]
    context: u32,
    /// Threads that compute the prompt, half as many the reply; 0 chooses.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=64))]
    threads: u32,
    /// End when stdin ends: the parent holds the other end of the pipe.
    #[arg(long)]
    parent_pipe: bool,
    /// Show what llama.cpp says, on stderr.
    #[arg(long)]
    verbose: bool,
}

fn main() {
    let args = Args::parse();
    if let Err(reason) = spin::ensure() {
        eprintln!(
            "hearken-llm: the spin limit could not be set ({reason}); a busy machine will slow it down"
        );
    }
    end::catch_crashes(args.verbose);
    if args.parent_pipe {
        end::with_parent();
    }
    let log = log::start(args.verbose);
    let place = match (&args.socket, args.listen) {
        (Some(path), _) => socket::Place::Unix(path.clone()),
        (None, Some(address)) => socket::Place::Tcp(address),
        (None, None) => end::exit(Exit::Usage, "give --socket or --listen"),
    };
    let listener = socket::bind(&place)
        .unwrap_or_else(|problem| end::exit(Exit::Failed, &problem.to_string()));

    let threads = load::Threads::choose(args.threads);
    let health = Arc::new(Health::new(&args.model, threads.prompt));
    // Full: the request is refused with 429.
    let (orders, queue) = mpsc::channel(QUEUE);
    let options = Options {
        model: args.model,
        context_tokens: args.context,
        threads,
    };
    let state = http::State::new(orders, Arc::clone(&health));
    let inference = thread::Builder::new()
        .name("inference".into())
        .spawn(move || {
            if let Err(problem) = engine::run(&options, queue, &health, &log) {
                let code = match problem.may_pass() {
                    true => Exit::Memory,
                    false => Exit::Model,
                };
                end::exit(code, &problem.to_string());
            }
        });
    if let Err(problem) = inference {
        end::exit(
            Exit::Failed,
            &format!("cannot start the inference thread: {problem}"),
        );
    }
    match http::serve(listener, state) {
        Ok(()) => end::exit(Exit::Asked, ""),
        Err(problem) => end::exit(Exit::Failed, &format!("the server stopped: {problem}")),
    }
}
