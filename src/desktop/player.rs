//! What is done to a media player, and what is undone. Pure.

use crate::config::Media;

/// What the names of players on the bus begin with.
const PREFIX: &str = "org.mpris.MediaPlayer2.";
/// This one speaks for whichever other player was used last: it would be asked twice, and give back another than it took.
const SPOKESMAN: &str = "org.mpris.MediaPlayer2.playerctld";

/// A ducked player has this share of its volume, 0 to 1: about 14 dB less where volume is amplitude.
pub const DUCKED: f64 = 0.2;
/// Players round their volume, most to percents; what differs by less is the same.
const ROUNDED: f64 = 0.015;

/// How it is with a player.
#[derive(Debug, Clone, PartialEq)]
pub struct Now {
    /// Its `PlaybackStatus`: `Playing`, `Paused` or `Stopped`.
    pub status: String,
    /// Its `Volume`, from 0; 1 is usual. `None` where it has none.
    pub volume: Option<f64>,
}

/// What is done to a player.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    /// It is paused.
    Pause,
    /// Its volume is lowered.
    Lower {
        /// As it was.
        from: f64,
        /// As it is then.
        to: f64,
    },
}

/// What takes it back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Undo {
    /// It plays again.
    Play,
    /// Its volume is this again.
    Volume(f64),
}

/// Whether this name on the bus is a player's.
pub fn is_player(name: &str) -> bool {
    name.starts_with(PREFIX) && name != SPOKESMAN
}

/// What makes a player quiet; `None` where it is, or cannot be made so.
pub fn quieten(wish: Media, now: &Now) -> Option<Deed> {
    if now.status != "Playing" {
        return None;
    }
    match (wish, now.volume) {
        (Media::Off, _) | (Media::Duck, None) => None,
        (Media::Pause, _) => Some(Deed::Pause),
        (Media::Duck, Some(volume)) => {
            let lowered = Deed::Lower {
                from: volume,
                to: volume * DUCKED,
            };
            // Below that nobody could tell whether it was changed.
            (volume - volume * DUCKED > ROUNDED).then_some(lowered)
        }
    }
}

/// What undoes a deed; `None` where somebody has changed it meanwhile: their will stays.
pub fn undo(deed: Deed, now: &Now) -> Option<Undo> {
    match deed {
        Deed::Pause => (now.status == "Paused").then_some(Undo::Play),
        Deed::Lower { from, to } => {
            let ours = now
                .volume
                .is_some_and(|volume| (volume - to).abs() < ROUNDED);
            ours.then_some(Undo::Volume(from))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(status: &str, volume: impl Into<Option<f64>>) -> Now {
        Now {
            status: status.into(),
            volume: volume.into(),
        }
    }

    #[test]
    fn players_are_known_by_their_names() {
        for (name, is) in [
            ("org.mpris.MediaPlayer2.vlc", true),
            ("org.mpris.MediaPlayer2.vlc.instance7", true),
            ("org.mpris.MediaPlayer2.playerctld", false),
            ("org.mpris.MediaPlayer2", false),
            ("org.freedesktop.Notifications", false),
            (":1.7", false),
        ] {
            assert_eq!(is_player(name), is, "{name}");
        }
    }

    #[test]
    fn only_what_plays_is_made_quiet() {
        let lowered = Deed::Lower { from: 0.5, to: 0.1 };
        for (wish, status, volume, deed) in [
            (Media::Pause, "Playing", Some(1.0), Some(Deed::Pause)),
            (Media::Pause, "Playing", None, Some(Deed::Pause)),
            (Media::Pause, "Paused", Some(1.0), None),
            (Media::Pause, "Stopped", Some(1.0), None),
            (Media::Duck, "Playing", Some(0.5), Some(lowered)),
            (Media::Duck, "Playing", None, None),
            (Media::Duck, "Playing", Some(0.0), None),
            (Media::Duck, "Paused", Some(0.5), None),
            (Media::Off, "Playing", Some(1.0), None),
        ] {
            let told = format!("{wish:?} {status} {volume:?}");
            assert_eq!(quieten(wish, &now(status, volume)), deed, "{told}");
        }
    }

    #[test]
    fn what_somebody_has_changed_stays_so() {
        let lowered = Deed::Lower { from: 0.5, to: 0.1 };
        for (deed, status, volume, undone) in [
            (Deed::Pause, "Paused", 1.0, Some(Undo::Play)),
            (Deed::Pause, "Playing", 1.0, None),
            (Deed::Pause, "Stopped", 1.0, None),
            (lowered, "Playing", 0.1, Some(Undo::Volume(0.5))),
            // It counts in percents, or in steps of its own.
            (lowered, "Playing", 0.109, Some(Undo::Volume(0.5))),
            // Somebody paused it, and it is to be as loud as it was when they go on.
            (lowered, "Paused", 0.1, Some(Undo::Volume(0.5))),
            (lowered, "Playing", 0.3, None),
            (lowered, "Playing", 0.0, None),
        ] {
            let told = format!("{deed:?} {status} {volume}");
            assert_eq!(undo(deed, &now(status, volume)), undone, "{told}");
        }
    }
}
