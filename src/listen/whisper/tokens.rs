//! What whisper may write next: a timestamp first, and the end as soon as it goes round in circles.

use std::ffi::{c_int, c_void};

use whisper_rs::{WhisperTokenId, whisper_rs_sys as sys};

use crate::listen::guard;

/// Watches the tokens as they are written.
pub(super) struct Watch {
    /// Tokens from here on are timestamps.
    pub first_timestamp: WhisperTokenId,
    /// Tokens below this are text.
    pub end_of_text: WhisperTokenId,
    /// What has been written, for the next look.
    pub text: Vec<WhisperTokenId>,
    /// It went round in circles: so many tokens of text there are to the end of the second round.
    pub looped: Option<usize>,
}

/// whisper.cpp calls this before it chooses a token.
///
/// The first one is a timestamp, as in OpenAI's decoding (`ApplyTimestampRules`), which whisper.cpp does not insist on.
/// Without it whisper goes on after its prompt: it leaves out the name that is said, for that stood there already.
///
/// # Safety
/// `tokens` and `logits` are what whisper.cpp says they are: `count` tokens, and one number for each token of the
/// vocabulary. `data` points to a [`Watch`] that nobody else uses during the call.
pub(super) unsafe extern "C" fn choose(
    context: *mut sys::whisper_context,
    _: *mut sys::whisper_state,
    tokens: *const sys::whisper_token_data,
    count: c_int,
    logits: *mut f32,
    data: *mut c_void,
) {
    // SAFETY: by contract; the vocabulary's length is the context's own. Without tokens there may be no pointer to them.
    let (watch, tokens, logits) = unsafe {
        let length = usize::try_from(sys::whisper_n_vocab(context)).unwrap_or(0);
        let tokens = match usize::try_from(count) {
            Ok(count) if count > 0 && !tokens.is_null() => {
                std::slice::from_raw_parts(tokens, count)
            }
            _ => &[],
        };
        (
            &mut *data.cast::<Watch>(),
            tokens,
            std::slice::from_raw_parts_mut(logits, length),
        )
    };
    watch.choose(tokens.iter().map(|token| token.id), logits);
}

impl Watch {
    /// Leaves of `logits`, one for each token of the vocabulary, what may follow what was `written`.
    fn choose(
        &mut self,
        written: impl ExactSizeIterator<Item = WhisperTokenId>,
        logits: &mut [f32],
    ) {
        let index = |token: WhisperTokenId| usize::try_from(token).unwrap_or(0).min(logits.len());
        let (first_timestamp, end) = (index(self.first_timestamp), index(self.end_of_text));
        if written.len() == 0 {
            let (others, timestamps) = logits.split_at_mut(first_timestamp);
            // Models of the kind that writes no timestamps have none to begin with.
            if timestamps.iter().any(|logit| logit.is_finite()) {
                others.fill(f32::NEG_INFINITY);
            }
            return;
        }
        self.text.clear();
        self.text
            .extend(written.filter(|&id| id < self.end_of_text && id < self.first_timestamp));
        self.looped = guard::two_rounds(&self.text);
        if self.looped.is_some() {
            logits.fill(f32::NEG_INFINITY);
            if let Some(end) = logits.get_mut(end) {
                *end = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: WhisperTokenId = 10;
    const FIRST_TIMESTAMP: WhisperTokenId = 12;
    const NEVER: f32 = f32::NEG_INFINITY;

    fn watch() -> Watch {
        Watch {
            first_timestamp: FIRST_TIMESTAMP,
            end_of_text: END,
            text: Vec::new(),
            looped: None,
        }
    }

    fn may_follow(watch: &mut Watch, written: &[WhisperTokenId], logits: &mut [f32]) -> Vec<usize> {
        watch.choose(written.iter().copied(), logits);
        let possible = logits.iter().enumerate().filter(|(_, l)| l.is_finite());
        possible.map(|(token, _)| token).collect()
    }

    #[test]
    fn a_timestamp_comes_first() {
        assert_eq!(may_follow(&mut watch(), &[], &mut [1.0; 15]), [12, 13, 14]);
    }

    #[test]
    fn who_has_no_timestamps_begins_with_what_there_is() {
        let mut logits = [1.0; 15];
        logits[FIRST_TIMESTAMP as usize..].fill(NEVER);
        let all: Vec<usize> = (0..12).collect();
        assert_eq!(may_follow(&mut watch(), &[], &mut logits), all);
    }

    #[test]
    fn behind_a_timestamp_anything_may_follow_and_behind_a_circle_only_the_end() {
        let mut watch = watch();
        assert_eq!(may_follow(&mut watch, &[12, 3], &mut [1.0; 15]).len(), 15);
        assert!(watch.looped.is_none() && watch.text == [3]);
        let circle: Vec<WhisperTokenId> = [12].into_iter().chain([1, 2, 3, 4].repeat(6)).collect();
        let after = may_follow(&mut watch, &circle, &mut [1.0; 15]);
        assert_eq!(after, [END as usize]);
        assert!(watch.looped.is_some());
    }
}
