//! Does somebody speak while hearken speaks? From what the linear filter takes out and what it leaves. Pure; runs on the
//! `ear` thread.
//!
//! What the filter leaves of the echo is a share of what it takes out; beside it the room's own noise is left. Both are
//! learned, and when much more is left, it is somebody's voice.

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
/// A voice has so many times the power of the room's noise (6 dB).
const ABOVE_NOISE: f32 = 4.0;
/// The noise follows what is louder by so much per span (0.8 dB a second), and what is fainter by [`FALL`].
const NOISE_RISE: f32 = 1.003;
/// Below this power nothing is anybody's voice (-66 dB of full scale).
const FLOOR: f32 = 2.5e-7;

/// Watches the linear filter.
#[derive(Debug)]
pub struct Nearness {
    /// The share that the filter leaves.
    left: f32,
    ringing: f32,
    /// The power of the room's noise.
    noise: f32,
    hold: u32,
}

impl Nearness {
    /// Before the filter knows the room: it leaves everything.
    pub fn new() -> Self {
        Self {
            left: 1.0,
            ringing: 0.0,
            noise: FLOOR,
            hold: 0,
        }
    }

    /// Whether the filter knows the room.
    pub fn knows(&self) -> bool {
        self.left < KNOWS
    }

    /// The power that the filter leaves of the echo now, as far as it is known.
    pub fn expected(&self) -> f32 {
        if self.knows() {
            self.left * self.ringing
        } else {
            0.0
        }
    }

    /// In a span of 16 ms the filter took out one power and left another, of which the suppressor let some pass. Whether
    /// somebody speaks.
    pub fn observe(&mut self, taken: f32, left: f32, passed: f32) -> bool {
        self.ringing = taken.max(self.ringing * RING);
        let share = left / self.ringing.max(1e-12);
        let voice = self.knows()
            && left > (MORE * self.left * self.ringing + ABOVE_NOISE * self.noise).max(FLOOR)
            && passed > PASSED * left;
        self.noise = if left > self.noise {
            left.min(self.noise * NOISE_RISE)
        } else {
            self.noise + FALL * (left - self.noise)
        }
        .max(FLOOR / ABOVE_NOISE);
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
    fn the_rooms_noise_is_no_voice() {
        let mut nearness = trained();
        // It becomes louder while nothing sounds: at first it is something new, then it is the room.
        (0..2_000).for_each(|_| {
            nearness.observe(0.0, 0.000_01, 0.000_01);
        });
        assert!(!nearness.observe(0.0, 0.000_02, 0.000_02));
        assert!(nearness.observe(0.0, 0.001, 0.001));
    }

    #[test]
    fn what_is_left_of_the_echo_is_a_share_of_it() {
        assert_eq!(Nearness::new().expected(), 0.0);
        let expected = trained().expected();
        assert!((0.000_05..0.000_2).contains(&expected), "{expected}");
    }

    #[test]
    fn the_room_rings_on_after_the_loudspeaker() {
        let mut nearness = trained();
        // As much as before is left, although nothing is taken out any more.
        assert!((0..3).all(|_| !nearness.observe(0.0, 0.0001, 0.0001)));
    }
}
