//! Whether the echo has jumped: the linear filter takes out what is not there. Pure; runs on the `ear` thread.
//!
//! A device that ran dry, or a stream that stood still, moves the echo against the reference for good. All that the filter
//! knows is wrong then, and sure of it as it is, it learns the new place slowly. It shows within a few syllables: the filter
//! adds sound in place of taking it out. Somebody who speaks cannot bring that about, for they are in what is heard as well
//! as in what is left.

/// The levels follow the newest span by this share: a mean over 80 ms.
const FOLLOW: f32 = 0.2;
/// What is left has so many times the power of what is heard (2 dB). Where the echo has jumped it is twice, for echo and
/// what was taken for it have the same power and nothing in common.
const LOUDER: f32 = 1.6;
/// For so many spans in a row (96 ms).
const SPANS: u32 = 6;
/// Below this power (-60 dB of full scale) it is the room's noise.
const FAINT: f32 = 1e-6;
/// It is no fainter than this share of what was heard of late (-6 dB): in pauses the room falls silent, and what the filter
/// still gets wrong is not heard beside anything.
const SHARE: f32 = 0.25;
/// What was heard of late is forgotten by so much per span (3 dB a second).
const FALL: f32 = 0.989;

/// Watches what the linear filter makes louder.
#[derive(Debug, Default)]
pub struct Jump {
    heard: f32,
    left: f32,
    loudest: f32,
    spans: u32,
}

impl Jump {
    /// A span of 16 ms was heard with one power, and the filter, which knows the room, left another. Whether the echo is not
    /// where it was, or not as loud.
    pub fn observe(&mut self, heard: f32, left: f32) -> bool {
        self.heard += FOLLOW * (heard - self.heard);
        self.left += FOLLOW * (left - self.left);
        self.loudest = self.heard.max(FALL * self.loudest);
        let wrong = (LOUDER * self.heard).max(SHARE * self.loudest).max(FAINT);
        self.spans = match self.left > wrong {
            true => self.spans + 1,
            false => 0,
        };
        self.spans >= SPANS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_louder_for_a_while_has_jumped() {
        let mut jump = Jump::default();
        assert!((0..100).all(|_| !jump.observe(0.01, 0.0001)));
        let needed = (1..).find(|_| jump.observe(0.01, 0.02));
        assert!(needed.is_some_and(|spans| (SPANS..25).contains(&spans)));
    }

    #[test]
    fn a_voice_noise_and_a_moment_have_not() {
        let mut jump = Jump::default();
        // All that is heard is somebody's voice.
        assert!((0..100).all(|_| !jump.observe(0.01, 0.0105)));
        // What the filter takes out is fainter than the room.
        assert!((0..100).all(|_| !jump.observe(1e-7, 3e-7)));
        // One syllable.
        assert!((0..5).all(|_| !jump.observe(0.01, 0.02)));
        assert!((0..100).all(|_| !jump.observe(0.01, 0.001)));
        // A pause: the room is silent, and the filter is not yet.
        assert!((0..40).all(|_| !jump.observe(1e-6, 1e-4)));
    }
}
