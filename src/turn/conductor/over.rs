//! What is said over a reply: probed while it goes on, judged, and carried out.
//!
//! A probe is a transcription of the beginning. One runs at a time; what has been said meanwhile is in the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::debug;

use super::after::GOES_ON;
use super::{Conductor, Turn};
use crate::audio::EAR_RATE;
use crate::command::{Command, ends_in_stop, is_own, is_part, misread_stop, must_be_stop};
use crate::config::Policy;
use crate::event::Event;
use crate::listen::Partial;
use crate::listen::name::Called;
use crate::listen::transcribe::{Refused, TranscribeError, Transcript};
use crate::reply::history::End;
use crate::turn::TurnId;
use crate::turn::barge_in::{self, Agreement, Interruption, OVER_MS};
use crate::turn::responder::Note;
use crate::turn::state::{Input, State, Verdict};
use crate::turn::transcription::{parts, transcribe_all};

/// The player says how far a reply came within this, or it is taken to have said all.
const CUT_WITHIN: Duration = Duration::from_millis(300);

/// How much a probe has heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Speech in it, in ms.
    pub voiced_ms: u32,
    /// It was followed by silence.
    pub over: bool,
}

/// The probe of what is being said over a reply.
#[derive(Default)]
pub(super) struct Probe {
    /// The number of the latest, so that nothing of an earlier one is taken for its result.
    number: u64,
    /// Where the speech began that is or was judged as a whole last, as an index of samples since the ear began.
    judging: Option<u64>,
    /// Calls off the transcription that runs.
    running: Option<Arc<AtomicBool>>,
    /// What it hears, or the last one heard.
    extent: Extent,
    /// What came while it ran.
    waiting: Option<Partial>,
    /// What was wanted as far as it was heard when it stopped the reply.
    stopped_with: String,
    /// What the looks at it have said so far.
    agreement: Agreement,
}

impl Probe {
    /// Calls off what runs.
    pub(super) fn stop(&mut self) {
        if let Some(abort) = self.running.take() {
            abort.store(true, Ordering::Relaxed);
        }
        self.waiting = None;
    }

    /// Somebody begins anew. A judgement of the whole of what was said before goes on.
    pub(super) fn begin(&mut self, judging_whole: bool) {
        if !judging_whole {
            self.stop();
        }
        self.waiting = None;
        self.extent = Extent::default();
        self.stopped_with.clear();
        self.agreement = Agreement::default();
    }

    /// Whether `wanted` is the stop that a reply was stopped for, whatever was read in the end; `brief` when that took no time.
    pub(super) fn stopped_for(&self, wanted: &str, language: &str, brief: bool) -> bool {
        let stopped = !self.stopped_with.is_empty();
        stopped
            && (must_be_stop(wanted, language)
                || misread_stop(&self.stopped_with, wanted, language)
                || (brief && ends_in_stop(wanted, language)))
    }
}

/// A reply that was stopped; the player has yet to say how far it came.
pub(super) struct Cut {
    turn: Turn,
    why: Why,
    /// Clauses whose fate is not known yet.
    open: usize,
    /// The words of the clauses that were cut off.
    heard: Vec<String>,
    after_ms: f64,
}

/// Why a reply was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Somebody spoke.
    Spoken,
    /// Who spoke had not finished the question: what they say goes on with it.
    WentOn,
    /// A program wished for silence.
    CalledOff,
    /// The loudspeaker is gone. What was not heard is said when there is one again.
    Lost,
}

impl Cut {
    /// Nobody waits for the rest of it.
    pub(super) fn called_off(&mut self) {
        self.why = Why::CalledOff;
    }

    /// The rest of it is said later.
    pub(super) fn lost(&mut self) {
        self.why = Why::Lost;
    }

    /// The conversation is to be forgotten, this reply with it.
    pub(super) fn forget(&mut self) {
        self.turn.forgotten = true;
    }

    /// Whether it is the reply of `turn`.
    pub(super) fn is_of(&self, turn: TurnId) -> bool {
        self.turn.id == turn
    }
}

impl Conductor {
    /// Time since the first sound of the speech that is going on, in ms.
    fn since_speech_ms(&self) -> f64 {
        (self.speech_began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
    }

    pub(super) fn duck(&self, turn: TurnId) {
        // Without echo cancellation hearken hears itself all the time: only words count.
        if self.manners.policy == Policy::Speech {
            self.company.player.duck(self.manners.duck_db);
            let after_ms = self.since_speech_ms();
            self.bus.emit(Event::Ducked { turn, after_ms });
        }
    }

    pub(super) fn restore(&self, turn: TurnId) {
        if self.manners.policy == Policy::Speech {
            self.company.player.duck(0.0);
            self.bus.emit(Event::Restored { turn });
        }
    }

    /// More has been said over the reply.
    pub(super) fn partial(&mut self, partial: Partial) {
        let State::Speaking(speaking) = self.state else {
            return;
        };
        let extent = Extent {
            voiced_ms: partial.voiced_ms,
            over: partial.silent_ms >= OVER_MS,
        };
        if extent == self.probe.extent || !barge_in::is_worth_a_look(extent.voiced_ms, extent.over)
        {
            return;
        }
        if self.probe.running.is_some() {
            self.probe.waiting = Some(partial);
            return;
        }
        self.probe.extent = extent;
        self.transcribe_over(speaking.turn, false, extent, vec![partial.samples]);
    }

    /// The utterance over the reply, or after the question, is complete.
    pub(super) fn judge(&mut self, turn: TurnId) {
        self.probe.stop();
        let extent = Extent {
            voiced_ms: 0,
            over: true,
        };
        let (judged, whole) = match self.state {
            State::Thinking(_) => {
                let judged = self.held.after_question();
                let sound = judged.map(|u| &u.samples[..]);
                (judged, parts(sound, self.manners.longest))
            }
            _ => (
                self.held.utterances.last(),
                parts(self.held.sound(), self.manners.longest),
            ),
        };
        self.probe.judging = judged.map(|spoken| spoken.at);
        self.transcribe_over(turn, true, extent, whole);
    }

    fn transcribe_over(
        &mut self,
        turn: TurnId,
        whole: bool,
        extent: Extent,
        samples: Vec<Vec<f32>>,
    ) {
        let abort = Arc::new(AtomicBool::new(false));
        self.probe.running = Some(Arc::clone(&abort));
        self.probe.number += 1;
        let number = self.probe.number;
        let (worker, notes) = (Arc::clone(&self.company.transcriber), self.notes_in.clone());
        tokio::spawn(async move {
            // Of what goes on there will be another look.
            let glance = !extent.over;
            let result = transcribe_all(&worker, samples, glance, Arc::clone(&abort)).await;
            // Called off: nobody waits for it, and the next may be running already.
            if !abort.load(Ordering::Relaxed) {
                let _ = notes
                    .send(Note::Probed {
                        turn,
                        number,
                        whole,
                        extent,
                        result,
                    })
                    .await;
            }
        });
    }

    pub(super) fn probed(
        &mut self,
        turn: TurnId,
        number: u64,
        whole: bool,
        extent: Extent,
        result: Result<Transcript, TranscribeError>,
    ) {
        // One that was called off may have sent its note already.
        let latest = number == self.probe.number && self.probe.running.is_some();
        if self.state.turn() != Some(turn) || !latest {
            return;
        }
        self.probe.running = None;
        let State::Speaking(speaking) = self.state else {
            return self.after_question(turn, result);
        };
        let result = match result {
            Ok(transcript) if extent.over => Ok(barge_in::believed(transcript)),
            result => result,
        };
        let verdict = match &result {
            Ok(transcript) => self.verdict(transcript, extent, whole, speaking.held),
            // Without words only length is left, and a whole utterance has been long enough for nothing.
            Err(error) if whole => {
                self.not_understood(turn, error);
                Verdict::CarryOn
            }
            Err(_) => Verdict::Unclear,
        };
        debug!(
            turn = turn.0,
            whole,
            ?extent,
            ?verdict,
            "somebody speaks over the reply"
        );
        let command = match verdict {
            Verdict::Hold if !speaking.held => Some(Command::Pause),
            Verdict::GoOn if speaking.held => Some(Command::GoOn),
            _ => None,
        };
        if let Some(command) = command {
            let command = command.key();
            self.bus.emit(Event::Command { turn, command });
        }
        if let (Verdict::Stop, Ok(transcript)) = (verdict, &result) {
            self.probe.stopped_with = match self.manners.name.called(&transcript.text) {
                Called::With(wanted) => wanted,
                Called::Alone | Called::No => transcript.text.clone(),
            };
        }
        if whole && verdict == Verdict::CarryOn {
            self.pass_over();
        }
        if let (true, Ok(transcript)) = (whole, result) {
            let sounding = self.sounding();
            let own = is_own(&transcript.text, &sounding) || is_part(&transcript.text, &sounding);
            if verdict == Verdict::CarryOn && (speaking.held || !own) {
                self.adjust(turn, &transcript);
            }
            self.held.known = Some(transcript);
        }
        self.take(Input::Judged {
            turn,
            whole,
            verdict,
        });
        if let Some(waiting) = self.probe.waiting.take() {
            self.partial(waiting);
        }
    }

    fn verdict(
        &mut self,
        transcript: &Transcript,
        extent: Extent,
        whole: bool,
        held: bool,
    ) -> Verdict {
        let speaking = self.sounding();
        // Another may have begun to speak since.
        let in_window = match whole {
            true => self.held.in_window,
            false => self.began_in_window,
        };
        let said = Interruption {
            policy: self.policy(in_window),
            text: &transcript.text,
            language: &transcript.language,
            mean_logprob: transcript.mean_logprob,
            no_words: transcript.refused == Some(Refused::NotWords),
            over: extent.over,
            whole,
            voiced_ms: extent.voiced_ms,
            length_ms: self.held.length_ms(),
            name: &self.manners.name,
            speaking: &speaking,
            held,
        };
        let (verdict, certain) = (barge_in::verdict(&said), barge_in::is_certain(&said));
        self.probe.agreement.with(verdict, whole || certain)
    }

    /// What was judged was no interruption.
    pub(super) fn pass_over(&mut self) {
        self.passed_over = self.probe.judging;
    }

    /// The words of the reply that sounds.
    fn sounding(&self) -> String {
        let turn = self.turn.as_ref();
        turn.map(|turn| turn.queued.join(" ")).unwrap_or_default()
    }

    /// Stops the reply for good: discarded, not muted.
    pub(super) fn interrupt(&mut self, id: TurnId) {
        let after_ms = self.since_speech_ms();
        let Some(turn) = self.end_turn() else { return };
        self.company.player.flush();
        self.undo_sound();
        // Who interrupts speaks to hearken.
        if !self.hushing {
            self.began_in_window = true;
            self.held.in_window |= !self.held.utterances.is_empty();
        }
        let open = turn.queued.len().saturating_sub(turn.played);
        debug!(turn = id.0, after_ms, "interrupted");
        let soon = GOES_ON.as_millis() as u64 * (u64::from(EAR_RATE) / 1000);
        // Nobody has spoken since the question when the last speech was the question itself.
        let pause = self.speech_at.checked_sub(turn.asked_until);
        let pause = pause.filter(|_| self.passed_over != Some(self.speech_at));
        let went_on = !turn.ordered && pause.is_some_and(|pause| pause < soon);
        self.cut = Some(Cut {
            turn,
            why: if went_on { Why::WentOn } else { Why::Spoken },
            open,
            heard: Vec::new(),
            after_ms,
        });
        if open == 0 {
            return self.conclude();
        }
        let notes = self.notes_in.clone();
        tokio::spawn(async move {
            tokio::time::sleep(CUT_WITHIN).await;
            let _ = notes.send(Note::CutOverdue { turn: id }).await;
        });
    }

    /// The player says what became of a clause of a reply that was stopped: cut off after the words `heard`, or played
    /// to its end all the same.
    pub(super) fn cut_at(&mut self, tag: u64, heard: Option<String>) {
        let Some(cut) = self.cut.as_mut().filter(|cut| cut.turn.id.0 == tag) else {
            return;
        };
        match heard {
            Some(heard) => cut.heard.push(heard),
            None => cut.turn.played += 1,
        }
        cut.open = cut.open.saturating_sub(1);
        if cut.open == 0 {
            self.conclude();
        }
    }

    /// Writes down how far the reply came that was stopped, if there is one.
    pub(super) fn conclude(&mut self) {
        let Some(cut) = self.cut.take() else { return };
        let Cut {
            turn,
            why,
            heard,
            after_ms,
            ..
        } = cut;
        let played = &turn.queued[..turn.played.min(turn.queued.len())];
        let heard = played
            .iter()
            .chain(&heard)
            .map(String::as_str)
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        match why {
            Why::Spoken => self.remember(&turn, &heard, End::Interrupted),
            // The beginning of an answer to half a question is none: the whole question is answered next.
            Why::WentOn => self.remember(&turn, "", End::Interrupted),
            Why::CalledOff => {
                self.remember(&turn, &heard, End::Interrupted);
                self.company.history.call_off();
            }
            Why::Lost => self.remember(&turn, &turn.queued.join(" "), End::BrokeOff),
        }
        let id = turn.id;
        self.bus.emit(Event::Interrupted {
            turn: id,
            heard: heard.clone(),
            after_ms,
        });
        let began = self.began_in_window;
        self.report(id, turn, heard, true);
        self.began_in_window = began;
        if let Some(note) = self.deferred.take() {
            self.note(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_begins_anew_calls_off_a_probe_and_not_a_judgement() {
        let abort = Arc::new(AtomicBool::new(false));
        let mut probe = Probe {
            number: 1,
            running: Some(Arc::clone(&abort)),
            extent: Extent {
                voiced_ms: 300,
                over: true,
            },
            ..Probe::default()
        };
        probe.begin(true);
        assert!(!abort.load(Ordering::Relaxed));
        assert_eq!(probe.extent, Extent::default());
        probe.begin(false);
        assert!(abort.load(Ordering::Relaxed));
    }

    #[test]
    fn a_stop_stays_one_until_somebody_begins_anew() {
        let mut probe = Probe {
            stopped_with: "Please stop".into(),
            ..Probe::default()
        };
        let stopped_for = |probe: &Probe, text, brief| probe.stopped_for(text, "en", brief);
        assert!(stopped_for(&probe, "Please start talking.", false));
        assert!(stopped_for(&probe, "Star.", false));
        assert!(stopped_for(&probe, "I'd stop.", true));
        assert!(!stopped_for(&probe, "Where's the stop?", false));
        // "Is the Sun a star or a planet?"
        probe.begin(false);
        for text in ["Please start talking.", "Star."] {
            assert!(!stopped_for(&probe, text, true), "{text}");
        }
    }
}
