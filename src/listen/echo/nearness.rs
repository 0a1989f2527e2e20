//! Does somebody speak while hearken speaks? From what the linear filter takes out and what it leaves. Pure; runs on the
//! `ear` thread.
//!
//! What the filter leaves of the echo is a share of what it takes out; the share is learned, and when much more is left,
//! it is somebody's voice.

/// So much more power than the echo leaves may be somebody's voice (5 dB).
const MORE: f32 = 3.0;
/// If the suppressor lets this share of it pass as well.
const PASSED: f32 = 0.4;
/// A filter that leaves more than this share does not know the room yet, and can tell nothing.
const KNOWS: f32 = 0.1;
/// After somebody's voice so many spans still count (640 ms): the faint ends of words, and pauses between them.
const HOLD: u32 = 40;
/// The share follows a larger one by so much per span (3 dB a second), so that a voice is not taken for echo.
const RISE: f32 = 1.011;
/// And a smaller one by this share per span.
const FALL: f32 = 0.1;
/// What was taken out rings on in the room; it falls by so much per span (60 dB in 0.4 s).
const RING: f32 = 0.758;
/// Below this power nothing is anybody's voice (-66 dB of full scale).
const FLOOR: f32 = 2.5e-7;

/// Watches the linear filter.
#[derive(Debug)]
pub struct Nearness {
    /// The share that the filter leaves.
    left: f32,
    ringing: f32,
    hold: u32,
}

impl Nearness {
    /// Before the filter knows the room: it leaves everything.
    pub fn new() -> Self {
        Self {
            left: 1.0,
            ringing: 0.0,
            hold: 0,
        }
    }

    /// Whether the filter knows the room.
    pub fn knows(&self) -> bool {
        self.left < KNOWS
    }

    /// In a span of 16 ms the filter took out one power and left another, of which the suppressor let some pass. Whether
    /// somebody speaks.
    pub fn observe(&mut self, taken: f32, left: f32, passed: f32) -> bool {
        self.ringing = taken.max(self.ringing * RING);
        let share = left / self.ringing.max(1e-12);
        let voice = self.knows()
            && left > (MORE * self.left * self.ringing).max(FLOOR)
            && passed > PASSED * left;
        if self.ringing > FLOOR {
            self.left = if share > self.left {
                share.min(self.left * RISE)
            } else {
                self.left + FALL * (share - self.left)
            }
            .clamp(1e-4, 1.0);
        }
        self.hold = match voice {
            true => HOLD,
            false => self.hold.saturating_sub(1),
        };
        self.hold > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained() -> Nearness {
        let mut nearness = Nearness::new();
        (0..300).for_each(|_| assert!(!nearness.observe(0.01, 0.0001, 0.000_001)));
        nearness
    }

    #[test]
    fn a_filter_that_knows_nothing_tells_nothing() {
        let mut nearness = Nearness::new();
        assert!((0..100).all(|_| !nearness.observe(0.0, 0.01, 0.01)));
    }

    #[test]
    fn a_voice_is_noticed_and_held_over_pauses() {
        let mut nearness = trained();
        assert!(nearness.observe(0.01, 0.002, 0.001));
        assert!((1..HOLD).all(|_| nearness.observe(0.01, 0.0001, 0.0)));
        assert!(!nearness.observe(0.01, 0.0001, 0.0));
    }

    #[test]
    fn what_the_suppressor_takes_for_echo_is_no_voice() {
        let mut nearness = trained();
        assert!((0..100).all(|_| !nearness.observe(0.01, 0.002, 0.000_1)));
    }

    #[test]
    fn the_room_rings_on_after_the_loudspeaker() {
        let mut nearness = trained();
        // As much as before is left, although nothing is taken out any more.
        assert!((0..3).all(|_| !nearness.observe(0.0, 0.0001, 0.0001)));
    }
}
