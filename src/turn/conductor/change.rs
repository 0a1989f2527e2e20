//! The conversation goes on with other parts, between two turns.

use std::sync::Arc;

use super::{Conductor, Ending};
use crate::daemon::change::Change;
use crate::event::Event;
use crate::turn::state::State;

impl Conductor {
    /// Takes the changes that wait, when nothing goes on.
    ///
    /// # Errors
    /// When the player has ended.
    pub(super) async fn change_what_waits(&mut self) -> Result<(), Ending> {
        while let Some((change, _)) = self.changes.front() {
            let nothing_goes_on = self.state == State::Idle && self.cut.is_none();
            // A reply that waits for a loudspeaker is not to wait in vain for the one that somebody has chosen.
            let is_waited_for = self.sound_waits.is_some() && change.is_of_devices();
            if !nothing_goes_on && !is_waited_for {
                return Ok(());
            }
            let Some((change, done)) = self.changes.pop_front() else {
                return Ok(());
            };
            self.change(*change).await?;
            let _ = done.send(());
        }
        Ok(())
    }

    async fn change(&mut self, change: Change) -> Result<(), Ending> {
        self.ahead = None;
        let before = std::mem::replace(&mut self.manners, change.manners);
        let wanted = std::mem::replace(&mut self.manners.attention, before.attention);
        self.manners.attention.configure(&wanted);
        if let Some(voice) = change.voice {
            self.company.synthesizer = voice;
            // It begins with the configured speed; what was said aloud holds, unless the configuration has changed.
            if self.rate_percent != before.rate_percent {
                self.set_rate(self.rate_percent);
            }
        }
        if self.manners.volume_percent != before.volume_percent {
            self.set_volume(self.manners.volume_percent);
        }
        if self.manners.rate_percent != before.rate_percent {
            self.set_rate(self.manners.rate_percent);
        }
        if self.manners.language != before.language {
            self.language.clone_from(&self.manners.language);
        }
        if let Some(transcriber) = change.transcriber {
            self.company.transcriber = Arc::new(transcriber);
        }
        if let Some(ear) = change.ear {
            self.company.ear.change(ear);
        }
        if let Some((speaker, open)) = change.speaker {
            self.company.open_speaker = Some(open);
            match self.loudspeaker {
                true => self.play_by(speaker).await?,
                false => self.loudspeaker_found(speaker).await?,
            }
        }
        if let Some(model) = change.model {
            self.company.model = model;
        }
        let (turns, tokens) = change.history;
        self.company.history.resize(turns, tokens);
        self.take_name();
        self.company.model.prepare(self.company.history.so_far());
        self.bus.emit(Event::Reloaded { keys: change.keys });
        Ok(())
    }
}
