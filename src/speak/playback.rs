//! What the player decides: what to write next, what has been heard, what to report. Knows no thread, no channel and
//! no clock; [`super::player`] calls it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::chime::Chime;
use super::player::{PlayItem, Played, heard};
use crate::audio::resample::Resampler;
use crate::audio::{Speaker, SpeakerError};

/// Samples made ready at a time: 20 ms.
const BLOCKS_PER_SECOND: usize = 50;

/// A loudspeaker that takes or plays nothing for so long is gone, whatever it says of itself.
const STALL: Duration = Duration::from_secs(5);

/// Something to be heard.
#[derive(Debug)]
pub(super) enum Sound {
    Clause(PlayItem),
    Chime(Chime),
}

/// A clause (or a chime) on its way out: where it lies among the speaker's positions.
struct Mark {
    /// The clause, without its samples; `None` for a chime.
    item: Option<PlayItem>,
    /// Position of its first sample.
    start: u64,
    /// Position after its last sample, once that is written.
    end: Option<u64>,
    /// What its length will be about, in the speaker's samples.
    length: u64,
    started: bool,
}

/// The sound being written.
struct Writing {
    samples: Vec<f32>,
    next: usize,
    resampler: Resampler,
    mark: Mark,
}

/// How everything is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Manner {
    /// The factor that volume and ducking make together.
    pub(super) gain: f32,
    pub(super) paused: bool,
}

/// All that a player owns.
pub(super) struct Playback {
    /// `None` once it is lost.
    speaker: Option<Box<dyn Speaker>>,
    writing: Option<Writing>,
    /// Written and not yet wholly played, oldest first.
    written: VecDeque<Mark>,
    /// Ready samples that the speaker did not take yet.
    ready: Vec<f32>,
    /// What the speaker was last told of [`Manner`]; `None` before.
    told: Option<Manner>,
    /// Whether `Idle` is due when all has ended.
    busy: bool,
    /// The speaker's position when it last moved, and when that was.
    progress: (u64, u64, Option<Instant>),
    /// To be handed on, oldest first.
    pub(super) reports: VecDeque<Played>,
}

impl Playback {
    pub(super) fn new(speaker: Box<dyn Speaker>) -> Self {
        Self {
            speaker: Some(speaker),
            writing: None,
            written: VecDeque::new(),
            ready: Vec::new(),
            told: None,
            busy: false,
            progress: (0, 0, None),
            reports: VecDeque::new(),
        }
    }

    /// Nothing is written, playing or to be reported.
    pub(super) fn is_idle(&self) -> bool {
        !self.busy && self.reports.is_empty()
    }

    /// Whether [`Playback::play`] may be called.
    pub(super) fn has_room(&self) -> bool {
        self.writing.is_none()
    }

    /// Takes a sound to be written next.
    pub(super) fn play(&mut self, sound: Sound) {
        let Some(speaker) = &self.speaker else {
            return self.refuse(sound);
        };
        let (rate, start) = (speaker.rate(), speaker.written());
        let (samples, from, item) = match sound {
            Sound::Chime(chime) => (chime.samples(rate), rate, None),
            Sound::Clause(mut item) => (
                std::mem::take(&mut item.speech.samples),
                item.speech.rate,
                Some(item),
            ),
        };
        self.busy = true;
        let mark = Mark {
            item,
            start,
            end: None,
            length: samples.len() as u64 * u64::from(rate) / u64::from(from.max(1)),
            started: false,
        };
        match Resampler::new(from, rate) {
            Ok(resampler) => {
                self.writing = Some(Writing {
                    samples,
                    next: 0,
                    resampler,
                    mark,
                });
            }
            // A rate that no sound has: nothing of it can be heard.
            Err(_) => self.stop(mark, start),
        }
    }

    /// Reports a sound as stopped before it began.
    pub(super) fn refuse(&mut self, sound: Sound) {
        if let Sound::Clause(item) = sound {
            self.busy = true;
            self.reports.push_back(Played::Stopped {
                tag: item.tag,
                clause: item.clause,
                fraction: 0.0,
                heard: String::new(),
            });
        }
    }

    /// Discards all that is not yet heard.
    pub(super) fn flush(&mut self) {
        let position = match &mut self.speaker {
            Some(speaker) => {
                let position = speaker.played();
                speaker.flush();
                position
            }
            None => 0,
        };
        self.stop_all(position);
    }

    /// Takes another speaker in place of the present one.
    pub(super) fn replace(&mut self, speaker: Box<dyn Speaker>) {
        self.flush();
        self.speaker = Some(speaker);
        self.progress = (0, 0, None);
        self.told = None;
    }

    /// Writes what fits, in the given `manner`, and looks at what has been heard by `now`.
    pub(super) fn step(&mut self, manner: Manner, now: Instant) {
        self.tell(manner);
        if self.busy {
            let outcome = self.write(manner.paused);
            let outcome = outcome.and_then(|()| self.watch(manner.paused, now));
            self.observe(now);
            if let Err(error) = outcome {
                self.lose(error);
            }
        } else if let Some(speaker) = &mut self.speaker
            && let Err(error) = speaker.write(&[])
        {
            // What is to be said next should find a loudspeaker.
            self.lose(error);
        }
        if self.busy && self.writing.is_none() && self.written.is_empty() {
            self.busy = false;
            self.reports.push_back(Played::Idle);
        }
    }

    /// Tells the speaker of a change.
    fn tell(&mut self, manner: Manner) {
        let Some(speaker) = &mut self.speaker else {
            return;
        };
        if self.told.map(|told| told.gain) != Some(manner.gain) {
            speaker.set_gain(manner.gain);
        }
        if self.told.map(|told| told.paused) != Some(manner.paused) {
            speaker.pause(manner.paused);
        }
        self.told = Some(manner);
    }

    /// Makes samples ready and hands them to the speaker until it is full or the sound is written; nothing in a pause.
    fn write(&mut self, paused: bool) -> Result<(), SpeakerError> {
        let Some(speaker) = &mut self.speaker else {
            return Ok(());
        };
        if paused {
            return speaker.write(&[]).map(|_| ());
        }
        loop {
            // Even with nothing to write: a speaker tells of its loss here.
            let taken = speaker.write(&self.ready)?;
            self.ready.drain(..taken.min(self.ready.len()));
            if !self.ready.is_empty() {
                return Ok(());
            }
            let Some(mut writing) = self.writing.take() else {
                return Ok(());
            };
            if !writing.make_ready(speaker.rate(), &mut self.ready) {
                writing.mark.end = Some(speaker.written());
                self.written.push_back(writing.mark);
                return Ok(());
            }
            self.writing = Some(writing);
        }
    }

    /// Notices a speaker that stands still although there is something to play and no pause.
    fn watch(&mut self, paused: bool, now: Instant) -> Result<(), SpeakerError> {
        let Some(speaker) = &self.speaker else {
            return Ok(());
        };
        let (played, written) = (speaker.played(), speaker.written());
        let moved = (played, written) != (self.progress.0, self.progress.1);
        let nothing_due = paused || (self.ready.is_empty() && played >= written);
        match self.progress.2 {
            Some(since) if !moved && !nothing_due => {
                if now.duration_since(since) >= STALL {
                    return Err(SpeakerError::Lost(format!(
                        "it has played nothing for {} s",
                        STALL.as_secs()
                    )));
                }
            }
            _ => self.progress = (played, written, Some(now)),
        }
        Ok(())
    }

    /// Reports what has begun and ended up to the speaker's position.
    fn observe(&mut self, now: Instant) {
        let Some(speaker) = &self.speaker else {
            return;
        };
        let position = speaker.played();
        let reports = &mut self.reports;
        for mark in &mut self.written {
            mark.observe(position, now, reports);
        }
        while let Some(mark) = self.written.front() {
            if mark.end.is_none_or(|end| position < end) {
                break;
            }
            if let Some(PlayItem { tag, clause, .. }) =
                self.written.pop_front().and_then(|m| m.item)
            {
                reports.push_back(Played::Finished { tag, clause });
            }
        }
        if let Some(writing) = &mut self.writing {
            writing.mark.observe(position, now, reports);
        }
    }

    /// The speaker is gone: everything stops where it was.
    pub(super) fn lose(&mut self, error: SpeakerError) {
        let position = self.speaker.take().map_or(0, |speaker| speaker.played());
        self.stop_all(position);
        self.reports.push_back(Played::Lost(error));
    }

    fn stop_all(&mut self, position: u64) {
        self.ready.clear();
        while let Some(mark) = self.written.pop_front() {
            self.stop(mark, position);
        }
        if let Some(writing) = self.writing.take() {
            self.stop(writing.mark, position);
        }
    }

    /// Reports how a sound ended that goes no further than `position`.
    fn stop(&mut self, mark: Mark, position: u64) {
        let Some(item) = mark.item else {
            return;
        };
        let (tag, clause) = (item.tag, item.clause);
        if mark.end.is_some_and(|end| position >= end) {
            self.reports.push_back(Played::Finished { tag, clause });
            return;
        }
        let played = position.saturating_sub(mark.start) as f32;
        let fraction = (played / mark.length.max(1) as f32).clamp(0.0, 1.0);
        self.reports.push_back(Played::Stopped {
            tag,
            clause,
            fraction,
            heard: heard(&item.text, fraction),
        });
    }
}

impl Mark {
    /// Reports the beginning when `position` is beyond it (or at an end without any samples).
    fn observe(&mut self, position: u64, now: Instant, reports: &mut VecDeque<Played>) {
        let empty_and_reached = self.end == Some(self.start) && position >= self.start;
        if self.started || !(position > self.start || empty_and_reached) {
            return;
        }
        self.started = true;
        if let Some(PlayItem { tag, clause, .. }) = self.item {
            reports.push_back(Played::Started {
                tag,
                clause,
                at: now,
            });
        }
    }
}

impl Writing {
    /// Converts the next block into `ready`, which is empty; whether there was anything left.
    fn make_ready(&mut self, rate: u32, ready: &mut Vec<f32>) -> bool {
        let block = (rate as usize / BLOCKS_PER_SECOND).max(1);
        while ready.is_empty() && self.next < self.samples.len() {
            let end = (self.next + block).min(self.samples.len());
            self.resampler.push(&self.samples[self.next..end], ready);
            self.next = end;
            if end == self.samples.len() {
                self.resampler.finish(ready);
            }
        }
        !ready.is_empty()
    }
}
