//! The far end: what the loudspeaker really played, for whoever must tell it from what the room says.
//!
//! The output callback copies each sample as it hands it to the device, silence too, after all changes of loudness; the
//! ear reads it. Between them lies a ring that neither waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

/// So much is kept for an ear that is late, in s: as much as is kept of the microphone.
const KEPT: usize = 10;

/// The loudspeaker's end. Real-time safe.
pub struct Tap {
    ring: Producer<f32>,
    dropped: Arc<AtomicU64>,
}

impl Tap {
    /// A tap for sound at `rate` Hz, and the ear's end of it.
    pub fn new(rate: u32) -> (Self, FarEnd) {
        let (producer, consumer) = RingBuffer::new(rate as usize * KEPT);
        let dropped = Arc::new(AtomicU64::new(0));
        let tap = Self {
            ring: producer,
            dropped: Arc::clone(&dropped),
        };
        let far_end = FarEnd {
            ring: consumer,
            rate,
            dropped,
        };
        (tap, far_end)
    }

    /// Copies what is being played. What does not fit, because nobody reads, is counted.
    pub fn push(&mut self, sample: f32) {
        if self.ring.push(sample).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The ear's end: what was played since the last look, mono, at the device's rate.
pub struct FarEnd {
    ring: Consumer<f32>,
    rate: u32,
    dropped: Arc<AtomicU64>,
}

impl FarEnd {
    /// The device's rate, in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Appends all that was played since the last call. Never waits.
    pub fn read(&mut self, out: &mut Vec<f32>) {
        if let Ok(chunk) = self.ring.read_chunk(self.ring.slots()) {
            out.extend(chunk);
        }
    }

    /// Samples lost so far because nobody read them. Monotonic.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether the loudspeaker is gone: nothing more will come.
    pub fn ended(&self) -> bool {
        self.ring.is_abandoned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_played_arrives_in_order() {
        let (mut tap, mut far_end) = Tap::new(48_000);
        (0..100u8).for_each(|n| tap.push(f32::from(n)));
        let mut out = vec![7.0];
        far_end.read(&mut out);
        assert_eq!((out.len(), out[1], out[100]), (101, 0.0, 99.0));
        far_end.read(&mut out);
        assert_eq!(out.len(), 101);
        assert_eq!((far_end.rate(), far_end.dropped()), (48_000, 0));
    }

    #[test]
    fn what_nobody_reads_is_counted() {
        let (mut tap, mut far_end) = Tap::new(10);
        (0..130u8).for_each(|n| tap.push(f32::from(n)));
        assert_eq!(far_end.dropped(), 30);
        let mut out = Vec::new();
        far_end.read(&mut out);
        assert_eq!((out.len(), out[99]), (100, 99.0));
        assert!(!far_end.ended());
        drop(tap);
        assert!(far_end.ended());
    }
}
