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
    let index = |token: WhisperTokenId| usize::try_from(token).unwrap_or(0).min(logits.len());
    let (first_timestamp, end) = (index(watch.first_timestamp), index(watch.end_of_text));
    if tokens.is_empty() {
        let (others, timestamps) = logits.split_at_mut(first_timestamp);
        // Models of the kind that writes no timestamps have none to begin with.
        if timestamps.iter().any(|logit| logit.is_finite()) {
            others.fill(f32::NEG_INFINITY);
        }
        return;
    }
    watch.text.clear();
    let text = tokens.iter().map(|t| t.id);
    watch
        .text
        .extend(text.filter(|&id| id < watch.end_of_text && id < watch.first_timestamp));
    watch.looped = guard::two_rounds(&watch.text);
    if watch.looped.is_some() {
        logits.fill(f32::NEG_INFINITY);
        if let Some(end) = logits.get_mut(end) {
            *end = 0.0;
        }
    }
}
