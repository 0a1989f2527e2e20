//! `hearken chat`: the conversation by keyboard, with the language model and the history that the daemon uses. Lines are
//! read on a thread of their own, because a terminal gives them when it likes.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::StreamExt;
use hearken::config::Config;
use hearken::daemon::{self, Mind};
use hearken::reply::clause::Splitter;
use hearken::reply::history::{End, History};
use hearken::reply::model::{LanguageModel, ModelError};
use hearken::weights::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::signal::Stop;

/// The longest line, in bytes: more than any model's context in this program holds.
const LONGEST_LINE: usize = 256 * 1024;

/// Arguments of `hearken chat`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken chat
  hearken chat \"What is the capital of France?\"
  hearken chat --timings < questions.txt

In a conversation, /clear forgets what was said and /quit ends.")]
pub struct Args {
    /// Ask this one thing; otherwise every line of standard input is a turn
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Print when the first token, the first clause that could be spoken and the whole reply were there, and the
    /// speed, on standard error
    #[arg(long)]
    timings: bool,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    if args
        .text
        .as_ref()
        .is_some_and(|text| text.trim().is_empty())
    {
        anyhow::bail!("there is nothing to ask: the text is empty");
    }
    let store = Store::new(&config.data_dir);
    super::runtime()?.block_on(async {
        let stop = Stop::on_signals()?;
        let mind = Mind::open(config, &store).await?;
        let name = daemon::name(config, Some(&store.name_file()));
        mind.warm(config, &name);
        let reply = &config.reply;
        let mut chat = Chat {
            model: &*mind.model,
            history: History::new(
                &hearken::reply::instructions(&reply.system_prompt, &name),
                reply.history_turns,
                daemon::budget(reply),
            ),
            timings: args.timings,
            stop: stop.token(),
        };
        let outcome = match &args.text {
            Some(text) => chat.answer(text).await,
            None => chat.converse().await,
        };
        mind.stop().await;
        outcome?;
        stop.outcome()
    })
}

/// A conversation by keyboard.
struct Chat<'a> {
    model: &'a dyn LanguageModel,
    history: History,
    timings: bool,
    stop: CancellationToken,
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Clear,
    Quit,
    Unknown(&'a str),
    Say(&'a str),
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        match line.trim() {
            "" => Self::Nothing,
            "/clear" => Self::Clear,
            "/quit" | "/exit" => Self::Quit,
            // A path such as /etc/hosts may be talked about.
            word if word.starts_with('/') && !word[1..].contains(['/', ' ']) => Self::Unknown(word),
            text => Self::Say(text),
        }
    }
}

impl Chat<'_> {
    /// Answers line after line until the end of input, `/quit` or a signal. A turn that fails is told, and the next one
    /// tried; on a pipe the last failure is the command's.
    async fn converse(&mut self) -> anyhow::Result<()> {
        let by_hand = io::stdin().is_terminal() && io::stdout().is_terminal();
        if by_hand {
            eprintln!("{}. /clear forgets, /quit ends.", self.model.name());
        }
        let mut lines = read_lines();
        let (mut asked, mut failed, mut last) = (0, 0, None);
        loop {
            if by_hand {
                print!("> ");
                io::stdout().flush()?;
            }
            let line = tokio::select! {
                line = lines.recv() => line,
                () = self.stop.cancelled() => break,
            };
            let Some(line) = line else {
                if by_hand {
                    println!();
                }
                break;
            };
            match Line::read(&line.context("cannot read standard input")?) {
                Line::Nothing => {}
                Line::Clear => self.history.clear(),
                Line::Quit => break,
                Line::Unknown(word) => {
                    eprintln!("hearken: there is no {word}, only /clear and /quit");
                }
                Line::Say(text) => {
                    asked += 1;
                    if let Err(error) = self.answer(text).await {
                        if !error.is::<ModelError>() {
                            return Err(error);
                        }
                        eprintln!("hearken: {error:#}");
                        failed += 1;
                        last = Some(error);
                    }
                }
            }
            if self.stop.is_cancelled() {
                break;
            }
        }
        match last {
            Some(error) if !by_hand => {
                Err(error.context(format!("{failed} of {asked} turns failed; the last one")))
            }
            _ => Ok(()),
        }
    }

    /// Asks, prints the reply as it comes, and remembers the turn.
    async fn answer(&mut self, text: &str) -> anyhow::Result<()> {
        let asked = Instant::now();
        let mut stream = self.model.reply(self.history.begin(text));
        let mut out = io::stdout();
        let (mut reply, mut failure) = (String::new(), None);
        let (mut splitter, mut timings) = (Splitter::new(), Timings::default());
        loop {
            let piece = tokio::select! {
                piece = stream.next() => piece,
                () = self.stop.cancelled() => None,
            };
            match piece {
                Some(Ok(piece)) => {
                    let clause = !splitter.push(&piece).is_empty();
                    timings.piece(asked.elapsed(), clause);
                    out.write_all(printable(&piece).as_bytes())?;
                    out.flush()?;
                    reply.push_str(&piece);
                }
                Some(Err(error)) => {
                    failure = Some(error);
                    break;
                }
                None => break,
            }
        }
        if !reply.is_empty() {
            writeln!(out)?;
            let complete = failure.is_none() && !self.stop.is_cancelled();
            let end = if complete { End::Whole } else { End::BrokeOff };
            self.history.record(text, &reply, end);
        } else if failure.is_none() && !self.stop.is_cancelled() {
            eprintln!("hearken: the model has nothing to say to that");
        }
        timings.whole = asked.elapsed();
        if let (true, Some(line)) = (self.timings, timings.line()) {
            eprintln!("{line}");
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// When the stages of a reply were reached, from the question on.
#[derive(Default)]
struct Timings {
    first_token: Option<Duration>,
    first_clause: Option<Duration>,
    whole: Duration,
    /// A server sends about one piece a token.
    pieces: u32,
}

impl Timings {
    /// A piece came at `at`; with it, or before it, a `clause` was complete.
    fn piece(&mut self, at: Duration, clause: bool) {
        self.pieces += 1;
        self.first_token.get_or_insert(at);
        if clause {
            self.first_clause.get_or_insert(at);
        }
    }

    /// For people; `None` when nothing came. A reply without a boundary in it is one clause.
    fn line(&self) -> Option<String> {
        let first = self.first_token?;
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        let mut line = format!(
            "first token after {:.0} ms, first clause after {:.0} ms, whole reply after {:.0} ms",
            ms(first),
            ms(self.first_clause.unwrap_or(self.whole)),
            ms(self.whole),
        );
        let behind = self.pieces.saturating_sub(1);
        let rest = self.whole.saturating_sub(first).as_secs_f64();
        if behind > 0 && rest > 0.0 {
            let speed = f64::from(behind) / rest;
            line += &format!("; {} tokens, {speed:.1} tokens/s", self.pieces);
        }
        Some(line)
    }
}

/// `text` without what would steer a terminal.
fn printable(text: &str) -> String {
    let harmless = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().filter(harmless).collect()
}

/// The lines of standard input, read on a thread of their own. It ends with the input, or with the process: nobody can
/// interrupt a read from a terminal.
fn read_lines() -> mpsc::Receiver<io::Result<String>> {
    // One line waits; when it is full the thread does, and with it whoever writes into the pipe.
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input).transpose() {
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                break;
            }
        }
    });
    receiver
}

/// The next line; `None` at the end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let limit = LONGEST_LINE as u64 + 1;
    input.take(limit).read_until(b'\n', &mut line)?;
    if line.len() > LONGEST_LINE {
        return Err(io::Error::other("a line is longer than 256 KiB"));
    }
    Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        for (line, wanted) in [
            (" \t\n", Line::Nothing),
            ("/clear\r\n", Line::Clear),
            ("/quit", Line::Quit),
            ("/help", Line::Unknown("/help")),
            ("/etc/hosts is what?", Line::Say("/etc/hosts is what?")),
            ("/help me", Line::Say("/help me")),
            (" Hello? \n", Line::Say("Hello?")),
        ] {
            assert_eq!(Line::read(line), wanted);
        }
    }

    #[test]
    fn input_is_read_line_by_line_and_never_without_end() {
        let mut input = &b"one\n\xff\nlast"[..];
        let read = |input: &mut &[u8]| next_line(input).unwrap();
        assert_eq!(read(&mut input).unwrap(), "one\n");
        assert_eq!(read(&mut input).unwrap(), "\u{fffd}\n");
        assert_eq!(read(&mut input).unwrap(), "last");
        assert_eq!(read(&mut input), None);
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert!(next_line(&mut endless).is_err());
    }

    #[test]
    fn a_model_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}]0;x\u{7}b\n\tc\u{9b}"), "a]0;xb\n\tc");
    }

    #[test]
    fn stages_count_from_the_question_and_speed_from_the_first_token() {
        let ms = Duration::from_millis;
        let mut timings = Timings::default();
        assert_eq!(timings.line(), None);
        for i in 0..101 {
            timings.piece(ms(500 + i), i == 30);
        }
        timings.whole = ms(2_500);
        assert_eq!(
            timings.line().unwrap(),
            "first token after 500 ms, first clause after 530 ms, whole reply after 2500 ms; 101 tokens, 50.0 tokens/s"
        );
        let mut short = Timings::default();
        short.piece(ms(500), false);
        short.whole = ms(500);
        assert_eq!(
            short.line().unwrap(),
            "first token after 500 ms, first clause after 500 ms, whole reply after 500 ms"
        );
    }
}
