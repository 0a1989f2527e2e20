//! One turn's utterances to one transcript, however long somebody spoke. On the turn's own tokio task.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::listen::transcribe::{TranscribeError, Transcript};
use crate::listen::worker::Worker;

/// The utterances, joined as far as `longest` samples allow: what somebody says with a pause in it is one sentence.
pub fn parts<'s>(held: impl IntoIterator<Item = &'s [f32]>, longest: usize) -> Vec<Vec<f32>> {
    let mut parts: Vec<Vec<f32>> = Vec::new();
    for utterance in held {
        match parts.last_mut() {
            Some(last) if last.len() + utterance.len() <= longest => last.extend(utterance),
            _ => parts.push(utterance.to_vec()),
        }
    }
    parts
}

/// The transcript of all parts, one after the other; with a `glance` sooner and less exactly. Parts without words do not
/// count.
///
/// # Errors
/// The first part's that fails.
pub async fn transcribe_all(
    worker: &Worker,
    parts: Vec<Vec<f32>>,
    glance: bool,
    abort: Arc<AtomicBool>,
) -> Result<Transcript, TranscribeError> {
    let mut whole: Option<Transcript> = None;
    for part in parts {
        let next = worker.transcribe(part, glance, Arc::clone(&abort)).await?;
        whole = Some(match whole {
            Some(mut before) if !before.text.is_empty() => {
                if !next.text.is_empty() {
                    before.text = format!("{} {}", before.text, next.text);
                    before.mean_logprob = before.mean_logprob.min(next.mean_logprob);
                }
                before
            }
            _ => next,
        });
    }
    whole.ok_or_else(|| TranscribeError::Failed("there was nothing to transcribe".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utterances_are_joined_as_far_as_they_fit() {
        let held = [
            vec![1.0; 3],
            vec![2.0; 2],
            vec![3.0; 4],
            vec![4.0; 9],
            vec![5.0; 1],
        ];
        let joined = parts(held.iter().map(|u| &u[..]), 5);
        let lengths: Vec<usize> = joined.iter().map(Vec::len).collect();
        assert_eq!(lengths, [5, 4, 9, 1]);
        assert_eq!(joined.concat(), held.concat(), "no sample is lost or moved");
        assert!(parts([], 5).is_empty());
    }
}
