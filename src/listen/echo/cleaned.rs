//! The two streams that come out of the canceller.

/// What comes out, twice: equally many samples, each at its own place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cleaned {
    /// Nothing is left of the echo, and noise is lowered: for the detector of speech. Of somebody who speaks over hearken
    /// parts may be missing.
    pub suppressed: Vec<f32>,
    /// People as they spoke, with what the linear filter leaves of the echo, and all noise: for whisper.
    pub linear: Vec<f32>,
}

impl Cleaned {
    /// Forgets all samples.
    pub fn clear(&mut self) {
        self.suppressed.clear();
        self.linear.clear();
    }

    pub(super) fn truncate(&mut self, samples: usize) {
        self.suppressed.truncate(samples);
        self.linear.truncate(samples);
    }
}
