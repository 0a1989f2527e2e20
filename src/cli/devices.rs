//! `hearken devices`: which microphones and loudspeakers there are, which are used, and whether they work.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hearken::audio::devices::{Device, Rank, Role, choose, listed, rank};
use hearken::audio::hardware::{self, DEFAULT, Format};
use hearken::audio::{EAR_RATE, Microphone, MicrophoneError, Speaker, SpeakerError};
use hearken::config::Config;
use serde_json::{Value, json};

/// Arguments of `hearken devices`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken devices
  hearken devices --test --seconds 10
  hearken devices --all --json")]
pub struct Args {
    /// List every name that the sound system has, its plugins too
    #[arg(long)]
    all: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Play a tone and show what the microphone hears
    #[arg(long, conflicts_with = "all")]
    test: bool,
    /// How long the test listens, in seconds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: u16,
}

/// Runs the command.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    if args.test {
        test(config, Duration::from_secs(args.seconds.into()), args.json)
    } else {
        list(config, args.all, args.json)
    }
}

/// One line of the list.
struct Line {
    device: Device,
    used: bool,
    /// `None` for plugins: to ask some of them is to start them.
    format: Option<Result<Format, String>>,
}

fn list(config: &Config, all: bool, as_json: bool) -> anyhow::Result<()> {
    let devices = hardware::list().map_err(anyhow::Error::msg)?;
    let microphones = lines(&devices, Role::Microphone, &config.audio.microphone, all);
    let loudspeakers = lines(&devices, Role::Loudspeaker, &config.audio.loudspeaker, all);
    let out = if as_json {
        let object = json!({
            "microphones": microphones.iter().map(as_value).collect::<Vec<_>>(),
            "loudspeakers": loudspeakers.iter().map(as_value).collect::<Vec<_>>(),
        });
        format!("{object:#}\n")
    } else {
        format!(
            "Microphones\n{}\nLoudspeakers\n{}\n* is used; choose with --set audio.microphone=NAME and --set \
             audio.loudspeaker=NAME.\n",
            as_text(&microphones),
            as_text(&loudspeakers)
        )
    };
    print(&out);
    let missing = |lines: &[Line]| {
        let works = lines.iter().any(|line| matches!(line.format, Some(Ok(_))));
        let reason = lines.iter().find_map(|line| line.format.clone()?.err());
        (!works).then(|| reason.unwrap_or_else(|| "plug one in".into()))
    };
    let microphone = missing(&microphones).map(|advice| MicrophoneError::NotFound {
        name: DEFAULT.into(),
        advice,
    });
    let loudspeaker = missing(&loudspeakers).map(|advice| SpeakerError::NotFound {
        name: DEFAULT.into(),
        advice,
    });
    finish(microphone, loudspeaker)
}

/// Ends with both errors, each a sentence of its own; the microphone's decides the exit code.
fn finish(
    microphone: Option<MicrophoneError>,
    loudspeaker: Option<SpeakerError>,
) -> anyhow::Result<()> {
    match (microphone, loudspeaker) {
        (None, None) => Ok(()),
        (None, Some(loudspeaker)) => Err(loudspeaker.into()),
        (Some(microphone), None) => Err(microphone.into()),
        (Some(microphone), Some(loudspeaker)) => {
            eprintln!("hearken: {loudspeaker}");
            Err(microphone.into())
        }
    }
}

fn lines(devices: &[Device], role: Role, asked: &str, all: bool) -> Vec<Line> {
    let used = choose(asked, devices, role).ok();
    let mut shown: Vec<&Device> = listed(devices, role, all);
    if let Some(used) = used
        && !shown.iter().any(|device| device.name == used.name)
    {
        shown.insert(0, used);
    }
    let line = |device: &Device| Line {
        device: device.clone(),
        used: used.is_some_and(|used| used.name == device.name),
        format: (rank(&device.name) != Rank::Variant).then(|| hardware::format(&device.name, role)),
    };
    shown.into_iter().map(line).collect()
}

fn as_value(line: &Line) -> Value {
    let format = line.format.as_ref().and_then(|format| format.as_ref().ok());
    json!({
        "name": line.device.name,
        "description": line.device.description,
        "default": line.device.name == DEFAULT,
        "used": line.used,
        "rate": format.map(|format| format.rate),
        "channels": format.map(|format| format.channels),
        "lowest_rate": format.map(|format| format.rates.0),
        "highest_rate": format.map(|format| format.rates.1),
        "error": line.format.as_ref().and_then(|format| format.as_ref().err()),
    })
}

fn as_text(lines: &[Line]) -> String {
    let width = lines
        .iter()
        .map(|line| line.device.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for line in lines {
        let mark = if line.used { '*' } else { ' ' };
        let format = match &line.format {
            Some(Ok(format)) => {
                let plural = if format.channels == 1 { "" } else { "s" };
                format!(" ({} Hz, {} channel{plural})", format.rate, format.channels)
            }
            Some(Err(reason)) => format!(" (cannot be opened: {reason})"),
            None => String::new(),
        };
        let name = &line.device.name;
        text += &format!(
            "{mark} {name:width$}  {}{format}\n",
            line.device.description
        );
    }
    if lines.is_empty() {
        text.push_str("  none\n");
    }
    text
}

fn test(config: &Config, time: Duration, as_json: bool) -> anyhow::Result<()> {
    let stop = stop_on_interrupt();
    let mut microphone = hardware::open_microphone(&config.audio.microphone);
    let mut speaker = hardware::open_speaker(&config.audio.loudspeaker);
    let mut level = Level::default();
    let mut played = 0.0;
    let mut tone = match &speaker {
        Ok(speaker) => tone(speaker.rate(), config.audio.volume_percent),
        Err(_) => Vec::new(),
    };
    let began = Instant::now();
    while began.elapsed() < time
        && !stop.load(Ordering::Relaxed)
        && (microphone.is_ok() || speaker.is_ok())
    {
        if let Err(error) = feed(&mut speaker, &mut tone) {
            speaker = Err(error);
        }
        if let Err(error) = hear(
            &mut microphone,
            &mut level,
            time.saturating_sub(began.elapsed()),
        ) {
            microphone = Err(error);
        }
        if let Ok(speaker) = &speaker {
            played = speaker.played() as f64 / f64::from(speaker.rate());
        }
        if std::io::stderr().is_terminal() {
            eprint!("\r  {}  ", bar(level.now_dbfs()));
        }
    }
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
    let report = Report {
        level: microphone.is_ok().then_some(level),
        played: speaker.is_ok().then_some(played),
    };
    print(&if as_json {
        report.as_json()
    } else {
        report.as_text()
    });
    finish(microphone.err(), speaker.err())
}

/// Gives the loudspeaker what it takes of the tone.
fn feed(
    speaker: &mut Result<Box<dyn Speaker>, SpeakerError>,
    tone: &mut Vec<f32>,
) -> Result<(), SpeakerError> {
    if let Ok(speaker) = speaker {
        let taken = speaker.write(tone)?;
        tone.drain(..taken);
    }
    Ok(())
}

/// Listens for a moment; without a microphone, only the moment passes.
fn hear(
    microphone: &mut Result<Box<dyn Microphone>, MicrophoneError>,
    level: &mut Level,
    left: Duration,
) -> Result<(), MicrophoneError> {
    let moment = left.min(Duration::from_millis(50));
    match microphone {
        Ok(microphone) => {
            let mut heard = Vec::new();
            microphone.read(&mut heard, moment)?;
            level.add(&heard);
            level.dropped = microphone.dropped();
        }
        Err(_) => std::thread::sleep(moment),
    }
    Ok(())
}

/// A second of 440 Hz, 20 dB below full scale, that swells and fades so that it does not click.
fn tone(rate: u32, volume_percent: u32) -> Vec<f32> {
    let gain = 0.1 * volume_percent as f32 / 100.0;
    let fade = rate as f32 / 50.0;
    (0..rate)
        .map(|n| {
            let edge = n.min(rate - n) as f32;
            let phase = std::f32::consts::TAU * 440.0 * n as f32 / rate as f32;
            gain * (edge / fade).min(1.0) * phase.sin()
        })
        .collect()
}

/// What the microphone heard.
#[derive(Default)]
struct Level {
    peak: f32,
    energy: f64,
    samples: u64,
    dropped: u64,
    /// Loudest of the last tenth of a second or so.
    now: f32,
}

/// A microphone whose loudest sample is below this hears nothing, not even its own noise.
const SILENT_DBFS: f64 = -80.0;

impl Level {
    fn add(&mut self, samples: &[f32]) {
        let loudest = samples
            .iter()
            .fold(0f32, |peak, sample| peak.max(sample.abs()));
        self.peak = self.peak.max(loudest);
        self.now = (self.now * 0.8).max(loudest);
        self.energy += samples
            .iter()
            .map(|sample| f64::from(*sample).powi(2))
            .sum::<f64>();
        self.samples += samples.len() as u64;
    }

    fn now_dbfs(&self) -> f64 {
        dbfs(self.now.into())
    }

    fn peak_dbfs(&self) -> f64 {
        dbfs(self.peak.into())
    }

    fn rms_dbfs(&self) -> f64 {
        dbfs((self.energy / self.samples.max(1) as f64).sqrt())
    }

    fn verdict(&self) -> &'static str {
        match self.peak_dbfs() {
            _ if self.samples == 0 => "it gave no sound at all; is it in use elsewhere?",
            peak if peak < SILENT_DBFS => "it is silent; is it muted, or is another one meant?",
            peak if peak > -0.1 => "it is too loud and clips; turn its level down",
            peak if peak < -40.0 => "it hears little; turn its level up, or speak closer to it",
            _ => "it hears",
        }
    }
}

/// Level relative to full scale in dB, with a floor that can be printed.
fn dbfs(amplitude: f64) -> f64 {
    (20.0 * amplitude.log10()).max(-120.0)
}

/// A meter from -60 to 0 dBFS, with the number.
fn bar(level_dbfs: f64) -> String {
    const WIDTH: f64 = 30.0;
    let filled = ((level_dbfs + 60.0) / 60.0 * WIDTH)
        .clamp(0.0, WIDTH)
        .round() as usize;
    let empty = WIDTH as usize - filled;
    format!(
        "[{}{}] {level_dbfs:6.1} dBFS",
        "#".repeat(filled),
        "-".repeat(empty)
    )
}

/// What the test found; `None` where there is no device.
struct Report {
    level: Option<Level>,
    /// Seconds that the loudspeaker took.
    played: Option<f64>,
}

impl Report {
    fn as_text(&self) -> String {
        let mut text = String::new();
        if let Some(level) = &self.level {
            let seconds = level.samples as f64 / f64::from(EAR_RATE);
            text += &format!(
                "microphone: {seconds:.1} s heard, peak {:.1} dBFS, rms {:.1} dBFS: {}\n",
                level.peak_dbfs(),
                level.rms_dbfs(),
                level.verdict()
            );
            if level.dropped > 0 {
                text += &format!(
                    "microphone: {} samples were lost; this machine is too busy\n",
                    level.dropped
                );
            }
        }
        if let Some(played) = self.played {
            text += &format!("loudspeaker: {played:.1} s of a tone played; did you hear it?\n");
        }
        text
    }

    fn as_json(&self) -> String {
        let microphone = self.level.as_ref().map(|level| {
            json!({
                "seconds": level.samples as f64 / f64::from(EAR_RATE),
                "peak_dbfs": level.peak_dbfs(),
                "rms_dbfs": level.rms_dbfs(),
                "silent": level.peak_dbfs() < SILENT_DBFS,
                "dropped": level.dropped,
                "verdict": level.verdict(),
            })
        });
        let loudspeaker = self
            .played
            .map(|seconds| json!({ "played_seconds": seconds }));
        format!(
            "{:#}\n",
            json!({ "microphone": microphone, "loudspeaker": loudspeaker })
        )
    }
}

/// Becomes true when the user presses Ctrl-C, so that the test ends with its result.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = stop.clone();
    // Without the thread Ctrl-C ends the program as it always does.
    let _ = std::thread::Builder::new()
        .name("interrupt".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build();
            if let Ok(runtime) = runtime
                && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
            {
                set.store(true, Ordering::Relaxed);
            }
        });
    stop
}

/// To standard output; a reader that has gone away is no error.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_tone_is_right() {
        let mut level = Level::default();
        level.add(&tone(48_000, 100));
        assert!(
            (level.peak_dbfs() + 20.0).abs() < 0.1,
            "{}",
            level.peak_dbfs()
        );
        assert!(
            (level.rms_dbfs() + 23.1).abs() < 0.2,
            "{}",
            level.rms_dbfs()
        );
        assert_eq!(level.verdict(), "it hears");
    }

    #[test]
    fn silence_is_called_so() {
        let mut level = Level::default();
        assert!(level.verdict().contains("no sound at all"));
        level.add(&[0.0; 100]);
        assert_eq!(level.peak_dbfs(), -120.0);
        assert!(level.verdict().contains("muted"));
        level.add(&[1.0]);
        assert!(level.verdict().contains("clips"));
    }

    #[test]
    fn the_meter_stays_within_its_ends() {
        assert!(bar(-120.0).starts_with("[-----"));
        assert!(bar(0.0).contains("##############################]"));
        assert_eq!(bar(-30.0).matches('#').count(), 15);
        assert_eq!(bar(9.0).matches('#').count(), 30);
    }
}
