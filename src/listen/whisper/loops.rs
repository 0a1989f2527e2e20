//! whisper that goes round in circles is stopped while it writes.

use std::ffi::{c_int, c_void};

use whisper_rs::{WhisperTokenId, whisper_rs_sys as sys};

use crate::listen::guard;

/// Watches the tokens as they are written, and ends the text when they go round in circles.
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
/// # Safety
/// `tokens` and `logits` are what whisper.cpp says they are: `count` tokens, and one number for each token of the
/// vocabulary. `data` points to a [`Watch`] that nobody else uses during the call.
pub(super) unsafe extern "C" fn stop_loops(
    context: *mut sys::whisper_context,
    _: *mut sys::whisper_state,
    tokens: *const sys::whisper_token_data,
    count: c_int,
    logits: *mut f32,
    data: *mut c_void,
) {
    let Some(count) = usize::try_from(count)
        .ok()
        .filter(|&c| c > 0 && !tokens.is_null())
    else {
        return;
    };
    // SAFETY: by contract.
    let (watch, tokens) = unsafe {
        let tokens = std::slice::from_raw_parts(tokens, count);
        (&mut *data.cast::<Watch>(), tokens)
    };
    watch.text.clear();
    let text = tokens.iter().map(|t| t.id);
    watch
        .text
        .extend(text.filter(|&id| id < watch.end_of_text && id < watch.first_timestamp));
    watch.looped = guard::two_rounds(&watch.text);
    if watch.looped.is_none() {
        return;
    }
    // SAFETY: by contract; the vocabulary's length is the context's own.
    let logits = unsafe {
        let length = usize::try_from(sys::whisper_n_vocab(context)).unwrap_or(0);
        std::slice::from_raw_parts_mut(logits, length)
    };
    logits.fill(f32::NEG_INFINITY);
    if let Some(end) = usize::try_from(watch.end_of_text)
        .ok()
        .and_then(|i| logits.get_mut(i))
    {
        *end = 0.0;
    }
}
