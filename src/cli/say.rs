//! `hearken say`: a text aloud, or into a file, sentence by sentence as it is synthesized.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use hearken::audio::wav::{WavError, Writer};
use hearken::audio::{SpeakerError, hardware};
use hearken::config::Config;
use hearken::speak::player::{PlayItem, Played, Player, PlayerGone, PlayerSettings};
use hearken::speak::voice::{Speech, VoiceError};
use hearken::speak::worker::Synthesizer;
use hearken::speak::{self, sentence, spoken, voices};
use hearken::weights::{Role, Store};
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::signal::Stop;

/// Characters synthesized at once at most: what is played while the next is made.
const AT_ONCE: usize = 300;

/// Silence behind the last word, in ms, so that closing the device cuts nothing off.
const TAIL_MS: u32 = 250;

/// After an interruption the voice gets so long to finish the piece in hand.
const SETTLE: Duration = Duration::from_secs(2);

/// Pieces from which a progress bar is worth showing.
const LONG: usize = 8;

/// Arguments of `hearken say`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken say \"Good morning.\"
  hearken say \"Good morning.\" --out morning.wav
  hearken say \"Bonjour.\" --voice espeak:fr
  date | hearken say -")]
pub struct Args {
    /// What to say; - reads it from standard input
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: String,

    /// Write a WAV file (16 bit, mono) instead of playing; an old file stays until the new one is whole
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// The voice: a name of `hearken weights list`, a Piper .onnx file, or espeak:LANG
    #[arg(long, value_name = "VOICE")]
    voice: Option<String>,

    /// Speed of speech in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(50..=200))]
    rate: Option<u32>,

    /// The text's language, such as fr; eSpeak NG speaks one that the voice does not
    #[arg(long, value_name = "LANG")]
    language: Option<String>,
}

/// There is no word, number or sign in the text. Not a failure of the voice: exit code 2, like any wrong argument.
#[derive(Debug, thiserror::Error)]
#[error("there is nothing to say in that text")]
pub struct NothingToSay;

/// Names of other formats of sound, of which a player would be told wrongly. Any other name is the user's own affair.
const OTHER_FORMATS: [&str; 20] = [
    "3gp", "aac", "ac3", "aif", "aiff", "amr", "ape", "au", "caf", "flac", "m4a", "mka", "mp2",
    "mp3", "mp4", "oga", "ogg", "opus", "weba", "wma",
];

/// The file's name promises another format. Like any wrong argument: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} would be a WAV file under the name of another format; name it {}, and convert that if need be, for example with `ffmpeg`",
    .path.display(), .path.with_extension("wav").display()
)]
pub struct OtherFormat {
    path: PathBuf,
}

/// A WAV file begins with its length, which is known at its end. Like any wrong argument: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("a WAV file cannot be written to standard output; name a file, such as --out reply.wav")]
pub struct NoFile;

/// Makes sure that what is to be written is a file, and named for what will be in it.
///
/// # Errors
/// [`NoFile`] and [`OtherFormat`].
pub(super) fn named_wav(path: &Path) -> anyhow::Result<()> {
    if path == Path::new("-") {
        return Err(NoFile.into());
    }
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    match OTHER_FORMATS.iter().any(|other| extension == *other) {
        true => Err(OtherFormat {
            path: path.to_owned(),
        }
        .into()),
        false => Ok(()),
    }
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    if let Some(path) = &args.out {
        named_wav(path)?;
    }
    let text = match args.text.as_str() {
        "-" => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .context("standard input cannot be read")?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        text => text.to_owned(),
    };
    let mut config = config.clone();
    config.speak.voice = args.voice.unwrap_or(config.speak.voice);
    config.speak.rate_percent = args.rate.unwrap_or(config.speak.rate_percent);
    let store = Store::new(&config.data_dir);
    let model = store.locate(&config.speak.voice, Role::Voice).ok();
    let mut language = voices::language(&config.speak.voice, model.as_deref());
    if let Some(wanted) = args.language {
        if !wanted.eq_ignore_ascii_case(&language) {
            config.speak.voice = format!("espeak:{wanted}");
        }
        language = wanted;
    }
    let said = spoken::form(&text, &language);
    let pieces: Vec<String> = sentence::split(&said, AT_ONCE)
        .into_iter()
        .filter(|piece| sentence::is_speakable(piece))
        .map(str::to_owned)
        .collect();
    if pieces.is_empty() {
        return Err(NothingToSay.into());
    }
    super::runtime()?.block_on(async {
        let stop = Stop::on_signals()?;
        // The target first: nobody should wait for a voice to hear that the folder does not exist.
        match &args.out {
            Some(path) => {
                let target = Target::create(path)?;
                let voice = open(&config, &store)?;
                write(&voice, pieces, target, &stop.token()).await?;
            }
            None => {
                let voice = open(&config, &store)?;
                play(&voice, pieces, &config, &stop.token()).await?;
            }
        }
        stop.outcome()
    })
}

fn open(config: &Config, store: &Store) -> anyhow::Result<Synthesizer> {
    let voice = tokio::task::block_in_place(|| speak::open(config, store))?;
    Ok(Synthesizer::spawn(voice)?)
}

/// Plays the pieces, each while the next is synthesized.
async fn play(
    voice: &Synthesizer,
    pieces: Vec<String>,
    config: &Config,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let name = config.audio.loudspeaker.clone();
    let speaker = tokio::task::block_in_place(|| hardware::open_speaker(&name))?;
    let settings = PlayerSettings {
        volume_percent: config.audio.volume_percent,
    };
    let (player, mut reports) = Player::spawn(speaker, settings)?;
    let abort = Arc::new(AtomicBool::new(false));
    let feeding = async {
        let mut count = 0;
        let mut rate = 22_050;
        for text in pieces {
            let speech = voice.say(text.clone(), "", Arc::clone(&abort)).await?;
            rate = speech.rate;
            player.play(item(count, speech, text)).await?;
            count += 1;
        }
        let samples = vec![0.0; (rate * TAIL_MS / 1000) as usize];
        let silence = Speech { samples, rate };
        player.play(item(count, silence, String::new())).await?;
        anyhow::Ok(count + 1)
    };
    let mut feeding = pin!(feeding);
    let (mut ended, mut total) = (0, None);
    while total != Some(ended) {
        tokio::select! {
            () = stop.cancelled() => {
                abort.store(true, Ordering::Relaxed);
                player.flush();
                settle(voice).await;
                return Ok(());
            }
            fed = &mut feeding, if total.is_none() => total = Some(fed?),
            report = reports.recv() => match report {
                Some(Played::Finished { .. } | Played::Stopped { .. }) => ended += 1,
                Some(Played::Lost(error)) => return Err(error.into()),
                Some(Played::Started { .. } | Played::Idle) => {}
                None => return Err(PlayerGone.into()),
            },
        }
    }
    Ok(())
}

/// Lets the voice finish what it has in hand, but not for long.
async fn settle(voice: &Synthesizer) {
    let _ = tokio::time::timeout(SETTLE, voice.settle()).await;
}

fn item(clause: usize, speech: Speech, text: String) -> PlayItem {
    PlayItem {
        tag: 0,
        clause,
        speech,
        text,
    }
}

/// Writes the pieces one after the other. Called off, it leaves the old file as it was.
async fn write(
    voice: &Synthesizer,
    pieces: Vec<String>,
    mut target: Target,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let bar = progress(&pieces);
    let abort = Arc::new(AtomicBool::new(false));
    for text in pieces {
        let length = text.chars().count() as u64;
        let speech = tokio::select! {
            () = stop.cancelled() => {
                abort.store(true, Ordering::Relaxed);
                settle(voice).await;
                return Ok(());
            }
            speech = voice.say(text, "", Arc::clone(&abort)) => speech?,
        };
        target.append(speech)?;
        bar.inc(length);
    }
    bar.finish_and_clear();
    target.finish()
}

/// A bar for a long text on a terminal, otherwise one that is not seen.
fn progress(pieces: &[String]) -> ProgressBar {
    if pieces.len() < LONG || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let total = pieces
        .iter()
        .map(|piece| piece.chars().count() as u64)
        .sum();
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// A WAV file that appears under its name only when it is whole.
struct Target {
    path: PathBuf,
    /// `None` where the name is a device such as /dev/null, which is written to directly.
    temporary: Option<tempfile::TempPath>,
    /// Opened with the first samples, whose rate it takes.
    writer: Option<(Writer, u32)>,
}

impl Target {
    /// Makes sure that `path` can be written.
    fn create(path: &Path) -> Result<Self, SpeakerError> {
        let failed = |reason: String| SpeakerError::File {
            path: path.display().to_string(),
            reason,
        };
        // What a link points to is written, and the link stays.
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_device = match std::fs::metadata(&target) {
            Ok(known) if known.is_dir() => return Err(failed("it is a folder".into())),
            Ok(known) => !known.is_file(),
            Err(_) => false,
        };
        let temporary = if is_device {
            None
        } else {
            let folder = match target.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            if !folder.is_dir() {
                return Err(failed(format!("there is no folder {}", folder.display())));
            }
            let file = temporary_file().tempfile_in(folder).map_err(|error| {
                // The name of the temporary file means nothing to the user.
                let words = error.to_string();
                failed(words.split(" at path").next().unwrap_or(&words).to_owned())
            })?;
            Some(file.into_temp_path())
        };
        Ok(Self {
            path: target,
            temporary,
            writer: None,
        })
    }

    fn append(&mut self, speech: Speech) -> anyhow::Result<()> {
        let place = self.temporary.as_deref().unwrap_or(&self.path);
        let (writer, rate) = match &mut self.writer {
            Some(open) => open,
            none => none.insert((
                Writer::create(place, speech.rate).map_err(|e| file_error(&self.path, e))?,
                speech.rate,
            )),
        };
        // Another voice may have spoken this piece.
        let samples = hearken::audio::resample::resample(&speech.samples, speech.rate, *rate)
            .map_err(|e| VoiceError::Failed(e.to_string()))?;
        writer
            .write(&samples)
            .map_err(|e| file_error(&self.path, e))?;
        Ok(())
    }

    /// Gives the file its name.
    fn finish(mut self) -> anyhow::Result<()> {
        if let Some((mut writer, _)) = self.writer.take() {
            writer.flush().map_err(|e| file_error(&self.path, e))?;
        }
        if let Some(temporary) = self.temporary.take() {
            let failed = |error: std::io::Error| SpeakerError::File {
                path: self.path.display().to_string(),
                reason: error.to_string(),
            };
            std::fs::File::open(&temporary)
                .and_then(|file| file.sync_all())
                .map_err(failed)?;
            temporary.persist(&self.path).map_err(|e| failed(e.error))?;
        }
        Ok(())
    }
}

/// A temporary file with the rights of any new file.
fn temporary_file() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(".hearken-")
        .suffix(".wav")
        .permissions(std::fs::Permissions::from_mode(0o666));
    builder
}

/// Names the file that the user asked for, not the temporary one.
fn file_error(path: &Path, error: WavError) -> SpeakerError {
    let reason = match error {
        WavError::Unwritable { reason, .. } => reason,
        other => other.to_string(),
    };
    SpeakerError::File {
        path: path.display().to_string(),
        reason,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_and_what_it_points_to_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.wav"), folder.path().join("link.wav"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut target = Target::create(&link).unwrap();
        let speech = Speech {
            samples: vec![0.1; 100],
            rate: 22_050,
        };
        target.append(speech).unwrap();
        target.finish().unwrap();
        assert!(link.is_symlink());
        assert!(std::fs::read(&file).unwrap().starts_with(b"RIFF"));
    }

    #[test]
    fn a_name_of_another_format_is_refused() {
        for name in ["a.mp3", "a.OGG", "b.c/a.flac", "a.wav.opus"] {
            assert!(named_wav(Path::new(name)).is_err(), "{name}");
        }
        for name in ["a.wav", "a.WAV", "a", "a.tmp", "/dev/stdout", "mp3", ".mp3"] {
            assert!(named_wav(Path::new(name)).is_ok(), "{name}");
        }
    }
}
