//! The reference: what was played, brought to the ear's rate and laid beside what the microphone hears.
//!
//! Runs on the `ear` thread. Output callbacks write in bursts, and the two devices' clocks differ, so the reference
//! waits in a queue. Its place beside the near end moves only when samples are missing or too many have gathered; the
//! clocks are kept together by a correction that [`super::drift`] finds.

use super::varispeed::Varispeed;
use crate::audio::EAR_RATE;
use crate::audio::far_end::FarEnd;
use crate::audio::resample::{RateError, Resampler};

/// Missing samples move the reference later, so that the next burst comes in time; further than so much in all they
/// do not, in samples (100 ms).
const PATIENCE: usize = EAR_RATE as usize / 10;
/// They do so before the loudspeaker has sounded, and no longer than this, in samples (10 s): how irregularly the bursts
/// come shows then. Whoever moves it later makes everything wrong that was learned of the room. So later the near end
/// waits longer for what is late, and what is missing all the same is a hole …
const SETTLING: usize = 10 * EAR_RATE as usize;
/// … unless it goes on: so many holes in the time that the queue is watched.
const CHRONIC: usize = 12;
/// The near end waits so long for what is late, in samples: 20 ms while the reference may move, 100 ms when it may not.
const WAIT: (usize, usize) = (EAR_RATE as usize / 50, EAR_RATE as usize / 10);
/// Below this (-80 dB of full scale) the loudspeaker is silent.
pub const SILENCE: f32 = 1e-4;
/// More than this never waits beyond need, in samples (40 ms): a stream was interrupted, or the place was found while the
/// loudspeaker's callback was late. What lies later than it sounded may lie behind its own echo, where no filter finds it.
const SURPLUS: usize = EAR_RATE as usize / 25;
/// Where the reference was moved later because so much is missing all the time, more than this (200 ms).
const SURPLUS_OF_IRREGULAR: usize = EAR_RATE as usize / 5;
/// Who owes more than this has been misplaced, in samples (500 ms): the place is found anew.
const STARVED: usize = EAR_RATE as usize / 2;
/// How long the queue is watched before something of it is called surplus, in samples (5 s).
const WATCHED: usize = 5 * EAR_RATE as usize;

/// What was laid beside the near end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// What was played.
    Whole,
    /// Silence, for what was played has not come.
    Hole,
    /// Silence, and what comes next lies later beside the near end than before; or it lies earlier.
    Moved,
}

/// The reference of one loudspeaker.
pub struct Reference {
    far_end: FarEnd,
    resampler: Resampler,
    queue: Varispeed,
    /// Scratch: as it came, and at the ear's rate.
    raw: Vec<f32>,
    converted: Vec<f32>,
    /// Whether the place beside the near end has been found.
    placed: bool,
    /// Samples of silence given for missing ones, by which the reference has become later.
    late: usize,
    /// Input still to be passed over.
    owed: usize,
    dropped: u64,
    /// The shortest that the queue was since it was last looked at, and how long ago that is.
    shortest: usize,
    watched: usize,
    /// Samples given since the place was found, and whether any of them was to be heard.
    given: usize,
    sounded: bool,
    /// The last samples were missing: nobody waits for the next.
    stalled: bool,
    /// Holes since the queue was last looked at.
    holes: usize,
    /// Holes went on and on since the place was found.
    irregular: bool,
}

impl Reference {
    /// The reference of the loudspeaker that `far_end` belongs to.
    ///
    /// # Errors
    /// When its rate is none.
    pub fn new(far_end: FarEnd) -> Result<Self, RateError> {
        Ok(Self {
            resampler: Resampler::new(far_end.rate(), EAR_RATE)?,
            dropped: far_end.dropped(),
            far_end,
            queue: Varispeed::new(),
            raw: Vec::new(),
            converted: Vec::new(),
            placed: false,
            late: 0,
            owed: 0,
            shortest: usize::MAX,
            watched: 0,
            given: 0,
            sounded: false,
            stalled: false,
            holes: 0,
            irregular: false,
        })
    }

    /// Whether the loudspeaker is gone.
    pub fn ended(&self) -> bool {
        self.far_end.ended()
    }

    /// Takes what was played; `near` samples wait to be laid beside it. Whether the place beside the near end was lost.
    pub fn take(&mut self, near: usize) -> bool {
        self.raw.clear();
        self.converted.clear();
        self.far_end.read(&mut self.raw);
        self.resampler.push(&self.raw, &mut self.converted);
        self.queue.push(&self.converted);
        let owed = self.owed.min(self.queue.ready());
        self.queue.pass_over(owed);
        self.owed -= owed;
        let dropped = self.far_end.dropped();
        // Owing so much, it would pass over for ever what it is given.
        let lost = self.placed && (dropped != self.dropped || self.owed > STARVED);
        self.dropped = dropped;
        if lost {
            self.placed = false;
        }
        if !self.placed && !self.raw.is_empty() {
            // The newest that was played lies beside the newest that was heard.
            let surplus = self.queue.ready().saturating_sub(near);
            self.queue.pass_over(surplus);
            self.placed = true;
            self.late = 0;
            self.owed = 0;
            self.given = 0;
            self.sounded = false;
            self.stalled = false;
            self.holes = 0;
            self.irregular = false;
        }
        lost
    }

    /// The place beside the near end is lost, and found with the next samples.
    pub fn place_anew(&mut self) {
        self.placed = false;
    }

    /// Samples that are ready to be laid beside the near end.
    pub fn ready(&self) -> usize {
        self.queue.ready()
    }

    /// How long the near end should wait for samples that are not ready, in samples.
    pub fn patience(&self) -> usize {
        match (self.stalled, self.settling()) {
            (true, _) => 0,
            (false, true) => WAIT.0,
            (false, false) => WAIT.1,
        }
    }

    fn settling(&self) -> bool {
        !self.sounded && self.given < SETTLING
    }

    /// The next samples; silence when not all of them are ready.
    pub fn fill(&mut self, block: &mut [f32]) -> Filled {
        let enough = self.queue.ready() >= block.len();
        let mut filled = Filled::Whole;
        if enough {
            for sample in block.iter_mut() {
                *sample = self.queue.sample().unwrap_or(0.0);
            }
            self.sounded |= block.iter().any(|sample| sample.abs() > SILENCE);
        } else {
            block.fill(0.0);
            if self.placed {
                filled = self.miss(block.len());
            }
        }
        self.stalled = !enough;
        self.given = self.given.saturating_add(block.len());
        self.shortest = self.shortest.min(self.queue.ready());
        self.watched += block.len();
        if self.watched >= WATCHED {
            let surplus = match self.irregular {
                true => SURPLUS_OF_IRREGULAR,
                false => SURPLUS,
            };
            if self.shortest > surplus {
                self.queue.pass_over(self.shortest - SURPLUS / 4);
                self.late = 0;
                filled = Filled::Moved;
            }
            self.watched = 0;
            self.holes = 0;
            self.shortest = usize::MAX;
        }
        filled
    }

    /// So many samples are missing.
    fn miss(&mut self, missing: usize) -> Filled {
        // A long one is one.
        self.holes += usize::from(!self.stalled);
        self.irregular |= self.holes > CHRONIC;
        let movable = self.settling() || self.holes > CHRONIC;
        if movable && self.late + missing <= PATIENCE {
            self.late += missing;
            Filled::Moved
        } else {
            self.owed += missing;
            Filled::Hole
        }
    }

    /// The microphone lost so many samples: what was played meanwhile is passed over.
    pub fn skip(&mut self, samples: usize) {
        if self.placed {
            self.owed += samples;
        }
    }

    /// Reads the reference faster or slower by so many parts per million than before.
    pub fn correct(&mut self, ppm: f64) {
        self.queue.set_ppm(self.queue.ppm() + ppm);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::audio::far_end::Tap;

    fn play(tap: &mut Tap, from: usize, count: usize) {
        (from..from + count).for_each(|n| tap.push(n as f32));
    }

    /// What nobody hears, but can be told apart.
    const FAINT: f32 = 1e-8;

    fn play_faintly(tap: &mut Tap, from: usize, count: usize) {
        (from..from + count).for_each(|n| tap.push(n as f32 * FAINT));
    }

    fn block(reference: &mut Reference, count: usize) -> (Vec<f32>, bool) {
        let mut block = vec![9.0; count];
        let moved = reference.fill(&mut block) == Filled::Moved;
        (block, moved)
    }

    fn near(a: f32, b: f32) -> bool {
        (a - b).abs() < 0.5
    }

    #[test]
    fn the_newest_that_was_played_lies_beside_the_newest_that_was_heard() {
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut reference = Reference::new(far_end).unwrap();
        play(&mut tap, 0, 50_000);
        reference.take(320);
        assert!(
            (319..=321).contains(&reference.ready()),
            "{}",
            reference.ready()
        );
        let (samples, moved) = block(&mut reference, 160);
        assert!(!moved);
        // All but the few samples that the filter holds.
        assert!(samples[0] > 49_600.0 && near(samples[159] - samples[0], 159.0));
    }

    #[test]
    fn what_is_missing_is_silence_and_moves_the_reference_once() {
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut reference = Reference::new(far_end).unwrap();
        play_faintly(&mut tap, 0, 1_000);
        reference.take(200);
        block(&mut reference, 160);
        let (samples, moved) = block(&mut reference, 160);
        assert!(moved && samples.iter().all(|s| *s == 0.0));
        play_faintly(&mut tap, 1_000, 640);
        reference.take(160);
        let (samples, moved) = block(&mut reference, 160);
        assert!(
            !moved && near((samples[159] - samples[0]) / FAINT, 159.0),
            "no sample is lost"
        );
    }

    #[test]
    fn once_it_has_settled_what_is_missing_is_a_hole() {
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut reference = Reference::new(far_end).unwrap();
        play(&mut tap, 0, 1_000);
        reference.take(320);
        let mut next = 1_000;
        let mut steady = |reference: &mut Reference, tap: &mut Tap, count: usize| {
            for _ in 0..count {
                play(tap, next, 160);
                next += 160;
                reference.take(160);
                assert!(!block(reference, 160).1);
            }
        };
        steady(&mut reference, &mut tap, SETTLING / 160 + 1);
        while reference.ready() >= 160 {
            assert!(!block(&mut reference, 160).1);
        }
        let before = reference.ready();
        let (samples, moved) = block(&mut reference, 160);
        assert!(!moved && samples.iter().all(|s| *s == 0.0));
        play(&mut tap, 5_000_000, 320);
        reference.take(0);
        let after = reference.ready();
        assert!(
            after.abs_diff(before + 160) <= 1,
            "{before} {after}: what is late is passed over"
        );
        // Every second one late: that is how this device is.
        let moves = (0..100)
            .filter(|n| {
                play(&mut tap, 5_000_000 + n * 320, 320);
                reference.take(320);
                let first = block(&mut reference, 160).1 | block(&mut reference, 160).1;
                first | block(&mut reference, 160).1
            })
            .count();
        assert!(moves > 0);
    }

    #[test]
    fn what_it_was_moved_later_for_is_no_surplus_when_nothing_is_late_for_a_while() {
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut reference = Reference::new(far_end).unwrap();
        let mut next = 0;
        let mut lump = |reference: &mut Reference, blocks: usize| {
            play(&mut tap, next, blocks * 160);
            next += blocks * 160;
            reference.take(160);
        };
        for _ in 0..=SETTLING / 160 {
            lump(&mut reference, 1);
            block(&mut reference, 160);
        }
        // All comes in lumps of 60 ms: that is how this device is.
        for _ in 0..40 {
            (0..5).for_each(|_| drop(block(&mut reference, 160)));
            lump(&mut reference, 6);
            block(&mut reference, 160);
        }
        assert!(reference.ready() > SURPLUS, "{}", reference.ready());
        let moves = (0..1_500)
            .filter(|_| {
                lump(&mut reference, 1);
                block(&mut reference, 160).1
            })
            .count();
        assert_eq!(moves, 0);
    }

    #[test]
    fn beyond_patience_what_is_missing_is_passed_over_later() {
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut reference = Reference::new(far_end).unwrap();
        play(&mut tap, 0, 1_000);
        reference.take(0);
        let moves = (0..100).filter(|_| block(&mut reference, 160).1).count();
        assert_eq!(moves, PATIENCE / 160);
        play(&mut tap, 1_000, 100 * 160);
        reference.take(160);
        assert!(reference.ready() <= PATIENCE + 160, "{}", reference.ready());
    }

    #[test]
    fn a_gap_of_the_microphone_is_a_gap_of_the_reference() {
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut reference = Reference::new(far_end).unwrap();
        play(&mut tap, 0, 1_000);
        reference.take(1_000);
        let (first, _) = block(&mut reference, 160);
        reference.skip(4_000);
        play(&mut tap, 1_000, 8_000);
        reference.take(160);
        let (second, _) = block(&mut reference, 160);
        assert!(
            near(second[0] - first[0], 4_160.0),
            "{}",
            second[0] - first[0]
        );
    }

    #[test]
    fn a_surplus_that_stays_is_dropped() {
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut reference = Reference::new(far_end).unwrap();
        play(&mut tap, 0, 1_000);
        reference.take(160);
        let mut moved = 0;
        for n in 0..2_000 {
            // A stall of the microphone's stream that nobody counted.
            let count = if n == 100 { 8_000 } else { 160 };
            play(&mut tap, n * 160, count);
            reference.take(160);
            moved += usize::from(block(&mut reference, 160).1);
        }
        assert_eq!(moved, 1);
        assert!(reference.ready() < SURPLUS);
    }

    #[test]
    fn what_nobody_read_in_time_has_the_place_found_anew() {
        let (mut tap, far_end) = Tap::new(EAR_RATE);
        let mut reference = Reference::new(far_end).unwrap();
        play(&mut tap, 0, 1_000);
        assert!(!reference.take(160));
        play(&mut tap, 0, 400_000);
        assert!(reference.take(160));
        assert!(reference.ready() <= 161);
        assert!(!reference.ended());
        drop(tap);
        assert!(reference.ended());
    }

    #[test]
    fn another_rate_is_converted() {
        let (mut tap, far_end) = Tap::new(48_000);
        let mut reference = Reference::new(far_end).unwrap();
        let mut given = 0;
        for n in 0..100 {
            play(&mut tap, n * 480, 480);
            reference.take(160);
            while reference.ready() >= 160 {
                block(&mut reference, 160);
                given += 160;
            }
        }
        assert!((15_500..=16_000).contains(&given), "{given}");
    }
}
