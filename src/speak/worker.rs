//! The thread `voice`: says clauses one after the other, one ahead of what is played.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::voice::{Speech, Voice, VoiceError};
use crate::work::Work;

/// A clause on its way to the voice, and where its sound is wanted.
struct Request {
    text: String,
    language: String,
    abort: Arc<AtomicBool>,
    answer: oneshot::Sender<Result<Speech, VoiceError>>,
}

/// A handle to the thread that owns a voice. The thread ends when the last handle is dropped and the clause in
/// hand is done.
#[derive(Debug, Clone)]
pub struct Synthesizer {
    requests: mpsc::Sender<Request>,
    /// Percent of the voice's own speed that is wanted; 0 while nobody has asked for any.
    rate: Arc<AtomicU32>,
    work: Work,
}

impl Synthesizer {
    /// Moves `voice` to a thread of its own.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn spawn(voice: Box<dyn Voice>) -> std::io::Result<Self> {
        // One clause waits while another is said; whoever comes third waits in `say`.
        let (requests, inbox) = mpsc::channel(1);
        let rate = Arc::new(AtomicU32::new(0));
        let work = Work::default();
        std::thread::Builder::new().name("voice".into()).spawn({
            let (rate, work) = (Arc::clone(&rate), work.clone());
            move || serve(voice, inbox, &rate, &work)
        })?;
        Ok(Self {
            requests,
            rate,
            work,
        })
    }

    /// What the thread has in hand.
    pub(crate) fn work(&self) -> &Work {
        &self.work
    }

    /// Speaks at `percent` of the voice's own speed, 50 to 200, from the next clause that begins to be synthesized.
    /// Until it is called the voice keeps the speed it was opened with.
    pub fn set_rate(&self, percent: u32) {
        // An atomic, not a message: it must not wait behind the clauses.
        self.rate.store(percent.clamp(50, 200), Ordering::Relaxed);
    }

    /// Says `text`, which is already in its spoken form, in `language` (ISO 639-1; empty when unknown). May be dropped at any time. Once `abort` is true, a clause
    /// that has not begun is not begun, and one that has is thrown away when done.
    ///
    /// # Errors
    /// [`VoiceError::Aborted`] when called off, [`VoiceError::Failed`] when the voice is gone, and what the voice
    /// itself reports.
    pub async fn say(
        &self,
        text: String,
        language: &str,
        abort: Arc<AtomicBool>,
    ) -> Result<Speech, VoiceError> {
        let gone = || VoiceError::Failed("the voice thread has ended".into());
        let (answer, sound) = oneshot::channel();
        let request = Request {
            text,
            language: language.to_owned(),
            abort,
            answer,
        };
        self.requests.send(request).await.map_err(|_| gone())?;
        sound.await.map_err(|_| gone())?
    }

    /// Waits until the clause in hand is done, at most a second or so. Call it before the process ends: a model that
    /// is still at work when the libraries are taken down complains, or worse.
    pub async fn settle(&self) {
        let off = Arc::new(AtomicBool::new(true));
        // Called off from the start: it is answered as soon as the thread comes to it.
        let _ = self.say(String::new(), "", off).await;
    }
}

/// Runs on the thread `voice` until every handle is gone.
fn serve(
    mut voice: Box<dyn Voice>,
    mut inbox: mpsc::Receiver<Request>,
    rate: &AtomicU32,
    work: &Work,
) {
    let mut set = 0;
    while let Some(request) = inbox.blocking_recv() {
        let wanted = rate.load(Ordering::Relaxed);
        if wanted != set {
            voice.set_rate(wanted);
            set = wanted;
        }
        let unwanted = || request.answer.is_closed() || request.abort.load(Ordering::Relaxed);
        let mut result = if unwanted() {
            Err(VoiceError::Aborted)
        } else {
            work.begin(&request.abort);
            let result = voice.say_in(&request.text, &request.language);
            work.end();
            result
        };
        if let Err(error @ VoiceError::WornOut(_)) = &result {
            tracing::error!("{error}");
            work.wear_out();
        }
        if unwanted() {
            result = Err(VoiceError::Aborted);
        }
        // Nobody waits for it any more: that is what calling off looks like from here.
        let _ = request.answer.send(result);
    }
}
