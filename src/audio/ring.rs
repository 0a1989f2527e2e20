//! What a real-time callback does to its ring: three pure functions.
//!
//! They run on the operating system's audio threads, so none of them locks, allocates, logs or waits. Who holds the
//! other end of the ring decides what a loss means and reports it.

use rtrb::{Consumer, Producer};

/// Appends as many of `samples` as fit, in order, and returns how many were left out.
///
/// A full ring means that the reader is late. What is already in the ring is older and stays: the reader gets a
/// gapless past and then a gap, whose length is this count.
pub fn push_or_count(ring: &mut Producer<f32>, samples: impl Iterator<Item = f32>) -> u64 {
    let mut lost = 0;
    for sample in samples {
        if ring.push(sample).is_err() {
            lost += 1;
        }
    }
    lost
}

/// Fills `out` from the ring, oldest first, and the rest with silence; returns how many samples came from the ring.
pub fn fill_or_silence(ring: &mut Consumer<f32>, out: &mut [f32]) -> usize {
    let (filled, rest) = ring.pop_partial_slice(out);
    let count = filled.len();
    rest.fill(0.0);
    count
}

/// Drops samples until `position` (the index of the oldest sample in the ring) reaches `until`, or the ring is empty.
/// Returns the new position; it never moves backwards.
pub fn discard_until(ring: &mut Consumer<f32>, position: u64, until: u64) -> u64 {
    let wanted = usize::try_from(until.saturating_sub(position)).unwrap_or(usize::MAX);
    let count = wanted.min(ring.slots());
    match ring.read_chunk(count) {
        Ok(chunk) => {
            chunk.commit_all();
            position + count as u64
        }
        Err(_) => position,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;

    #[test]
    fn what_fits_is_kept_in_order_and_the_rest_is_counted() {
        let (mut producer, mut consumer) = RingBuffer::new(3);
        assert_eq!(
            push_or_count(&mut producer, [1.0, 2.0, 3.0, 4.0, 5.0].into_iter()),
            2
        );
        let mut out = [9.0; 3];
        assert_eq!(fill_or_silence(&mut consumer, &mut out), 3);
        assert_eq!(out, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_ring_with_room_loses_nothing() {
        let (mut producer, _consumer) = RingBuffer::new(4);
        assert_eq!(push_or_count(&mut producer, [1.0, 2.0].into_iter()), 0);
        assert_eq!(push_or_count(&mut producer, std::iter::empty()), 0);
    }

    #[test]
    fn an_underrun_is_silence() {
        let (mut producer, mut consumer) = RingBuffer::new(4);
        push_or_count(&mut producer, [0.5].into_iter());
        let mut out = [9.0; 3];
        assert_eq!(fill_or_silence(&mut consumer, &mut out), 1);
        assert_eq!(out, [0.5, 0.0, 0.0]);
        assert_eq!(fill_or_silence(&mut consumer, &mut out), 0);
        assert_eq!(out, [0.0; 3]);
    }

    #[test]
    fn discarding_stops_at_the_index() {
        let (mut producer, mut consumer) = RingBuffer::new(8);
        push_or_count(&mut producer, (0..6).map(|n| n as f32));
        assert_eq!(discard_until(&mut consumer, 100, 104), 104);
        let mut out = [9.0; 2];
        fill_or_silence(&mut consumer, &mut out);
        assert_eq!(out, [4.0, 5.0]);
    }

    #[test]
    fn discarding_stops_at_the_end_of_the_ring_and_never_goes_back() {
        let (mut producer, mut consumer) = RingBuffer::new(8);
        push_or_count(&mut producer, (0..3).map(|n| n as f32));
        assert_eq!(discard_until(&mut consumer, 50, 10), 50);
        assert_eq!(consumer.slots(), 3);
        assert_eq!(discard_until(&mut consumer, 50, u64::MAX), 53);
        assert_eq!(discard_until(&mut consumer, 53, 60), 53);
    }

    #[test]
    fn the_ring_wraps_without_a_seam() {
        let (mut producer, mut consumer) = RingBuffer::new(5);
        let mut expected = 0;
        for round in 0..20u16 {
            let lost = push_or_count(
                &mut producer,
                (0..4).map(|n| f32::from(round) * 4.0 + n as f32),
            );
            assert_eq!(lost, 0);
            let mut out = [0.0; 4];
            assert_eq!(fill_or_silence(&mut consumer, &mut out), 4);
            for sample in out {
                assert_eq!(sample, expected as f32);
                expected += 1;
            }
        }
    }
}
