//! Devices that go and come back. A lost one is an event, is said aloud once where that can be heard, and is looked for; the
//! conversation stays as it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::orders::Saying;
use super::over::Cut;
use super::{Conductor, Ending};
use crate::audio::{MicrophoneError, Speaker, SpeakerError};
use crate::event::Event;
use crate::reply::failure;
use crate::turn::responder::Note;
use crate::turn::state::{Input, State};

/// A loudspeaker that is not there is looked for this often.
const RETRY: Duration = Duration::from_millis(500);
/// A device that is back within this was not missed: a sound server that starts anew is said nothing of.
const OVERDUE: Duration = Duration::from_secs(3);
/// Who hears that a device is gone need not hear it again within this: a loose plug goes in and out.
const SAID: Duration = Duration::from_secs(60);

const MICROPHONE: &str = "microphone";
const LOUDSPEAKER: &str = "loudspeaker";

impl Conductor {
    pub(super) fn microphone_missing(&mut self, error: &MicrophoneError) {
        self.missing = Some(Instant::now());
        self.ahead = None;
        self.gone(MICROPHONE, error.to_string());
        self.notice_after(OVERDUE);
    }

    fn notice_after(&self, pause: Duration) {
        let notes = self.notes_in.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let _ = notes.send(Note::DevicesOverdue).await;
        });
    }

    pub(super) fn microphone_found(&mut self) {
        self.missing = None;
        // What has not been said of it yet is no longer true.
        self.to_say
            .retain(|saying| !matches!(saying, Saying::Notice(_)));
        self.back(MICROPHONE);
    }

    /// Says that the microphone is gone, when it has not come back by itself and there is something to say it with.
    pub(super) fn notice(&mut self) {
        let overdue = self.missing.is_some_and(|since| since.elapsed() >= OVERDUE);
        let lately = self.noticed.is_some_and(|at| at.elapsed() < SAID);
        // What is plugged in together is found one after the other.
        let settled = self.returned.is_none_or(|at| at.elapsed() >= OVERDUE);
        if overdue && settled && self.loudspeaker && !lately {
            self.say(Saying::Notice(failure::no_microphone(&self.language)));
        }
    }

    /// The loudspeaker is gone: what sounded is stopped, and another is looked for.
    ///
    /// # Errors
    /// When there is no way to open another.
    pub(super) fn loudspeaker_lost(&mut self, error: SpeakerError) -> Result<(), Ending> {
        let Some(open) = self.company.open_speaker.clone() else {
            self.take(Input::Shutdown);
            return Err(error.into());
        };
        self.loudspeaker = false;
        self.gone(LOUDSPEAKER, error.to_string());
        self.company.ear.far_end(None);
        if matches!(self.state, State::Speaking(_)) {
            let unheard = self.turn.as_ref().map(|turn| {
                let played = turn.played.min(turn.queued.len());
                turn.queued[played..].join(" ")
            });
            self.hush();
            self.cut.iter_mut().for_each(Cut::lost);
            if let Some(rest) = unheard.filter(|rest| !rest.is_empty()) {
                self.to_say.push_front(Saying::Rest(rest));
            }
        }
        let (found, search) = (self.speakers_in.clone(), self.search);
        tokio::spawn(async move {
            while !found.is_closed() {
                tokio::time::sleep(RETRY).await;
                let open = Arc::clone(&open);
                let Ok(opened) = tokio::task::spawn_blocking(move || open()).await else {
                    return;
                };
                if let Ok(speaker) = opened {
                    let _ = found.send((search, speaker)).await;
                    return;
                }
            }
        });
        Ok(())
    }

    /// There is a loudspeaker again.
    ///
    /// # Errors
    /// When the player has ended.
    pub(super) async fn loudspeaker_found(
        &mut self,
        speaker: Box<dyn Speaker>,
    ) -> Result<(), Ending> {
        self.play_by(speaker).await?;
        self.back(LOUDSPEAKER);
        self.returned = Some(Instant::now());
        self.notice_after(OVERDUE);
        if let Some(turn) = self.sound_waits.take() {
            self.take(Input::ClauseReady { turn });
        }
        Ok(())
    }

    /// This loudspeaker plays from now on.
    ///
    /// # Errors
    /// When the player has ended.
    pub(super) async fn play_by(&mut self, mut speaker: Box<dyn Speaker>) -> Result<(), Ending> {
        self.company.ear.far_end(speaker.far_end());
        let replaced = self.company.player.replace(speaker).await;
        replaced.map_err(|_| Ending::Thread("player"))?;
        self.loudspeaker = true;
        // Whoever looks for another still has looked in vain.
        self.search += 1;
        Ok(())
    }

    fn gone(&self, device: &'static str, why: String) {
        warn!("{why}; it is looked for");
        self.bus.emit(Event::DeviceLost { device, why });
    }

    fn back(&self, device: &'static str) {
        info!("the {device} is back");
        self.bus.emit(Event::DeviceFound { device });
    }
}
