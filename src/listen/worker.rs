//! The transcribe worker: a transcriber on the thread `transcribe`, one utterance at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::transcribe::{Stretch, TranscribeError, Transcriber, Transcript};
use crate::work::{self, Work};

/// What was called off ends within this, or the thread is left behind.
const DEADLINE: Duration = Duration::from_secs(2);

struct Job {
    samples: Vec<f32>,
    look: Look,
    /// See [`Transcriber::expect`].
    expected: Arc<str>,
    abort: Arc<AtomicBool>,
    reply: oneshot::Sender<Result<Transcript, TranscribeError>>,
}

/// How an utterance is transcribed.
enum Look {
    Whole,
    /// See [`Transcriber::glance`].
    Glance,
    /// See [`Transcriber::transcribe_stretch`].
    Stretch(Stretch, oneshot::Sender<Transcript>),
}

/// A transcriber on its own thread. Dropping it calls off what is being transcribed and waits for the thread, 2 s at most.
pub struct Worker {
    /// One job waits while another runs; a third caller waits for room.
    jobs: Option<mpsc::Sender<Job>>,
    /// Calls off every job, the running one and those that wait.
    closing: Arc<AtomicBool>,
    work: Work,
    expected: std::sync::Mutex<Arc<str>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread `transcribe`, which owns `transcriber`.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn spawn(mut transcriber: Box<dyn Transcriber>) -> std::io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(1);
        let closing = Arc::new(AtomicBool::new(false));
        let work = Work::default();
        let (closed, current) = (Arc::clone(&closing), work.clone());
        let thread = thread::Builder::new()
            .name("transcribe".into())
            .spawn(move || {
                let mut expected: Arc<str> = Arc::from("");
                while let Some(job) = waiting.blocking_recv() {
                    current.begin(&job.abort);
                    if job.expected != expected {
                        expected = Arc::clone(&job.expected);
                        transcriber.expect(&expected);
                    }
                    let off = closed.load(Ordering::Acquire) || job.abort.load(Ordering::Relaxed);
                    let (samples, abort) = (&job.samples[..], &*job.abort);
                    let result = match job.look {
                        _ if off => Err(TranscribeError::Aborted),
                        Look::Whole => transcriber.transcribe(samples, abort),
                        Look::Glance => transcriber.glance(samples, abort),
                        Look::Stretch(stretch, first) => {
                            let mut first = Some(first);
                            let mut tell = |transcript: &Transcript| {
                                // Who does not wait for it any more has no use for it.
                                let _ = first.take().map(|f| f.send(transcript.clone()));
                            };
                            transcriber.transcribe_stretch(stretch, samples, abort, &mut tell)
                        }
                    };
                    current.end();
                    if let Err(error @ TranscribeError::WornOut(_)) = &result {
                        tracing::error!("{error}");
                        current.wear_out();
                    }
                    // Nobody waits any more: nothing is lost.
                    let _unwanted = job.reply.send(result);
                }
            })?;
        Ok(Self {
            jobs: Some(jobs),
            closing,
            work,
            expected: std::sync::Mutex::new(Arc::from("")),
            thread: Some(thread),
        })
    }

    /// What the thread has in hand.
    pub(crate) fn work(&self) -> &Work {
        &self.work
    }

    /// Words to expect in what is handed over from now on (see [`Transcriber::expect`]).
    pub fn expect(&self, words: &str) {
        *self.expected.lock().unwrap_or_else(|e| e.into_inner()) = Arc::from(words);
    }

    /// Transcribes `samples` (mono, 16 kHz); with a `glance` sooner and less exactly (see [`Transcriber::glance`]). Setting
    /// `abort`, or dropping the future, calls it off.
    ///
    /// # Errors
    /// See [`TranscribeError`]; [`TranscribeError::Failed`] also when the thread has died.
    pub async fn transcribe(
        &self,
        samples: Vec<f32>,
        glance: bool,
        abort: Arc<AtomicBool>,
    ) -> Result<Transcript, TranscribeError> {
        let look = if glance { Look::Glance } else { Look::Whole };
        self.look(samples, look, abort).await
    }

    /// As [`Worker::transcribe`], the beginning of an utterance; `first` is told what was read and is looked at again (see
    /// [`Transcriber::transcribe_stretch`]), and hears nothing when it is not.
    ///
    /// # Errors
    /// As there.
    pub async fn transcribe_stretch(
        &self,
        stretch: Stretch,
        samples: Vec<f32>,
        first: oneshot::Sender<Transcript>,
        abort: Arc<AtomicBool>,
    ) -> Result<Transcript, TranscribeError> {
        self.look(samples, Look::Stretch(stretch, first), abort)
            .await
    }

    async fn look(
        &self,
        samples: Vec<f32>,
        look: Look,
        abort: Arc<AtomicBool>,
    ) -> Result<Transcript, TranscribeError> {
        let mut guard = CallOff(Some(Arc::clone(&abort)));
        let dead = || TranscribeError::Failed("the transcribe thread has died".into());
        let (reply, answer) = oneshot::channel();
        let expected = Arc::clone(&self.expected.lock().unwrap_or_else(|e| e.into_inner()));
        let job = Job {
            samples,
            look,
            expected,
            abort,
            reply,
        };
        let jobs = self.jobs.as_ref().ok_or_else(dead)?;
        jobs.send(job).await.map_err(|_| dead())?;
        let result = answer.await;
        guard.0 = None;
        result.map_err(|_| dead())?
    }
}

/// Sets the flag when it is dropped, unless the work is done.
struct CallOff(Option<Arc<AtomicBool>>);

impl Drop for CallOff {
    fn drop(&mut self) {
        if let Some(abort) = self.0.take() {
            abort.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        self.work.call_off();
        self.jobs = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        let until = Instant::now() + DEADLINE;
        while !thread.is_finished() {
            if Instant::now() > until {
                tracing::warn!("speech-to-text does not come back; it is left behind");
                work::leave_behind();
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        if thread.join().is_err() {
            tracing::error!("the transcribe thread broke");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Says how many samples it got; or says that it began, and waits to be called off.
    struct Scripted {
        endless: bool,
        began: Sender<()>,
        called_off: Sender<()>,
    }

    impl Transcriber for Scripted {
        fn transcribe(
            &mut self,
            samples: &[f32],
            abort: &AtomicBool,
        ) -> Result<Transcript, TranscribeError> {
            self.began.send(()).unwrap();
            if self.endless {
                while !abort.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                self.called_off.send(()).unwrap();
                return Err(TranscribeError::Aborted);
            }
            Ok(transcript(&samples.len().to_string()))
        }
    }

    fn transcript(text: &str) -> Transcript {
        Transcript {
            text: text.into(),
            language: "en".into(),
            mean_logprob: 0.0,
            refused: None,
            doubted: String::new(),
        }
    }

    fn worker(endless: bool) -> (Worker, Receiver<()>, Receiver<()>) {
        let (began, has_begun) = channel();
        let (called_off, was_called_off) = channel();
        let scripted = Scripted {
            endless,
            began,
            called_off,
        };
        let worker = Worker::spawn(Box::new(scripted)).unwrap();
        (worker, has_begun, was_called_off)
    }

    fn flag() -> Arc<AtomicBool> {
        Arc::new(AtomicBool::new(false))
    }

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn each_utterance_gets_its_own_answer() {
        let (worker, _began, _off) = worker(false);
        let (a, b) = tokio::join!(
            worker.transcribe(vec![0.0; 3], false, flag()),
            worker.transcribe(vec![0.0; 5], false, flag()),
        );
        assert_eq!(
            (a.unwrap().text.as_str(), b.unwrap().text.as_str()),
            ("3", "5")
        );
    }

    /// Says how it was asked to look.
    struct Looks;

    impl Transcriber for Looks {
        fn transcribe(&mut self, _: &[f32], _: &AtomicBool) -> Result<Transcript, TranscribeError> {
            Ok(transcript("long"))
        }

        fn glance(&mut self, _: &[f32], _: &AtomicBool) -> Result<Transcript, TranscribeError> {
            Ok(transcript("short"))
        }
    }

    #[tokio::test]
    async fn a_glance_is_asked_for() {
        let worker = Worker::spawn(Box::new(Looks)).unwrap();
        for (glance, text) in [(true, "short"), (false, "long")] {
            let seen = worker.transcribe(vec![0.0], glance, flag()).await.unwrap();
            assert_eq!(seen.text, text);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn setting_the_flag_calls_it_off() {
        let (worker, began, _off) = worker(true);
        let abort = flag();
        let set = Arc::clone(&abort);
        let setter = thread::spawn(move || {
            began.recv_timeout(LONG).unwrap();
            set.store(true, Ordering::Relaxed);
        });
        let result = worker.transcribe(vec![0.0; 3], false, abort).await;
        assert!(matches!(result, Err(TranscribeError::Aborted)));
        setter.join().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn dropping_the_future_calls_it_off() {
        let (worker, began, off) = worker(true);
        let worker = Arc::new(worker);
        let task = tokio::spawn({
            let worker = Arc::clone(&worker);
            async move {
                worker
                    .transcribe(vec![0.0; 3], false, flag())
                    .await
                    .map(|_| ())
            }
        });
        began.recv_timeout(LONG).unwrap();
        task.abort();
        off.recv_timeout(LONG).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn dropping_the_worker_calls_it_off_and_ends_the_thread() {
        let (worker, began, off) = worker(true);
        let job = Job {
            samples: vec![0.0],
            look: Look::Whole,
            expected: Arc::from(""),
            abort: flag(),
            reply: oneshot::channel().0,
        };
        worker.jobs.as_ref().unwrap().send(job).await.ok().unwrap();
        began.recv_timeout(LONG).unwrap();
        drop(worker);
        off.recv_timeout(LONG).unwrap();
    }
}
