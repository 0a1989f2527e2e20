//! The room: people who speak in it, the loudspeaker that the microphone hears, noise. All on a private sound server.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use hearken::audio::wav;
use serde_json::Value;

use super::format::{Echo, Room};
use super::sounds;
use super::speech::{Utterance, level};
use super::timeline::as_text;
use crate::support::sound_server::{SoundServer, ended_within};

/// From `paplay`'s start to its first sample in the room, in ms, as measured.
pub const PLAYER_LATENCY_MS: u64 = 10;
/// So long the room's noise lasts, in s, before it is over; a scenario is shorter.
const NOISE_S: u64 = 180;

/// A room that is furnished; empty again when the value is gone.
pub struct Furnished<'a> {
    server: &'a SoundServer,
    /// Modules of the sound server.
    echo: Vec<String>,
    playing: Vec<Child>,
}

impl<'a> Furnished<'a> {
    /// Furnishes the room of a sound server.
    ///
    /// # Errors
    /// When the sound server does not do as it is told.
    pub fn new(server: &'a SoundServer, room: &Room, folder: &Path) -> Result<Self, String> {
        let mut furnished = Self {
            server,
            echo: Vec::new(),
            playing: Vec::new(),
        };
        for echo in &room.echo {
            let module = furnished.reflect(*echo)?;
            furnished.echo.push(module);
        }
        if let Some(db) = room.noise_db {
            let path = folder.join("noise.wav");
            let noise = sounds::noise((NOISE_S * u64::from(sounds::RATE)) as usize);
            let noise = level(&noise, sounds::RATE, db);
            wav::write(&path, &noise, sounds::RATE).map_err(|e| e.to_string())?;
            furnished.play(&path)?;
        }
        Ok(furnished)
    }

    /// Loops the loudspeaker into the room; returns the module's number.
    fn reflect(&self, echo: Echo) -> Result<String, String> {
        let delay = format!("latency_msec={}", echo.delay_ms);
        let module = self.pactl(&[
            "load-module",
            "module-loopback",
            "source=speaker.monitor",
            "sink=room",
            // The distance to the loudspeaker does not change; the module would change its rate to hold the delay.
            "adjust_time=0",
            &delay,
        ])?;
        let module = module.trim().to_owned();
        let inputs = self.pactl(&["--format=json", "list", "sink-inputs"])?;
        let inputs: Value = serde_json::from_str(&inputs).map_err(|e| e.to_string())?;
        let ours = inputs
            .as_array()
            .into_iter()
            .flatten()
            // A number in quotation marks or without, as the version has it.
            .find(|input| as_text(&input["owner_module"]) == module)
            .and_then(|input| input["index"].as_u64())
            .ok_or("the echo's stream is not there")?;
        let volume = format!("{}", (65536.0 * 10_f64.powf(echo.level_db / 60.0)).round());
        self.pactl(&["set-sink-input-volume", &ours.to_string(), &volume])?;
        Ok(module)
    }

    fn pactl(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.server.command("pactl").args(arguments).output();
        let output = output.map_err(|e| format!("pactl: {e}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!("pactl {}: {said}", arguments.join(" ")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Somebody begins to speak; it sounds [`PLAYER_LATENCY_MS`] later.
    ///
    /// # Errors
    /// When it cannot be played.
    pub fn say(&mut self, utterance: &Utterance) -> Result<(), String> {
        self.play(&utterance.path)
    }

    fn play(&mut self, path: &Path) -> Result<(), String> {
        let child = self
            .server
            .command("paplay")
            .args(["--device=room", "--latency-msec=20"])
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.playing
            .push(child.map_err(|e| format!("paplay: {e}"))?);
        Ok(())
    }
}

impl Drop for Furnished<'_> {
    fn drop(&mut self) {
        for child in &mut self.playing {
            let _ = child.kill();
            ended_within(child, Duration::from_secs(3));
        }
        for module in &self.echo {
            let _ = self.pactl(&["unload-module", module]);
        }
    }
}
