//! `hearken bench`: measures this machine, one part at a time, and the whole.

mod busy;
mod echo;
mod idle;
mod interrupt;
mod parts;
mod recordings;
mod room;
mod soak;
mod stt;
mod talk;
mod voice;
mod wake;
pub(super) mod words;

use hearken::config::Config;

pub(super) use self::talk::stages::percentile;
pub(super) use self::talk::{NoReport, NoSpeech};

/// Arguments of `hearken bench`.
#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  hearken bench stt
  hearken bench echo --no-words
  hearken bench voice --json
  hearken bench talk --html talk.html
  hearken bench wake --hours 0
  hearken bench interrupt
  hearken bench idle --minutes 1
  hearken bench soak --hours 2 --svg soak.svg"
)]
pub struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(clap::Subcommand)]
enum Part {
    /// Speech-to-text: word error rate and time, context cut and full, machine quiet and busy
    Stt(stt::Args),
    /// Echo cancellation: reduction, false speech and words in double talk, in simulated rooms
    Echo(echo::Args),
    /// The voice: time to the first sample and real-time factor, on one thread and on two
    Voice(voice::Args),
    /// The name: how often it is missed, and how often hearken wakes without it
    Wake(wake::Args),
    /// Words over a reply: how soon a wish is told from a murmur, and what could be known when
    Interrupt(interrupt::Args),
    /// A conversation: from the end of a question to the first sample of its reply, stage by stage
    Talk(talk::Args),
    /// What hearken costs while nobody wants anything of it: processor and memory in silence, music and talk
    Idle(idle::Args),
    /// Days of a room's life in accelerated time: is anything lost, does anything grow?
    Soak(soak::Args),
    /// Speech-to-text and the voice with warm models, as JSON, for a comparison with other programs
    Parts(parts::Args),
    /// Keeps a core busy, for the measurements above
    #[command(hide = true)]
    Burn(busy::Args),
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    match args.part {
        Part::Stt(args) => stt::run(args, config),
        Part::Echo(args) => echo::run(args, config),
        Part::Voice(args) => voice::run(args, config),
        Part::Wake(args) => wake::run(args, config),
        Part::Interrupt(args) => interrupt::run(&args, config),
        Part::Talk(args) => talk::run(args, config),
        Part::Idle(args) => idle::run(&args, config),
        Part::Soak(args) => soak::run(&args, config),
        Part::Parts(args) => parts::run(&args, config),
        Part::Burn(args) => {
            busy::burn(&args);
            Ok(())
        }
    }
}
