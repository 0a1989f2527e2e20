//! What is said when whisper.cpp cannot go on: its library ends the process itself, mostly because memory has run out.

use std::ffi::c_char;

/// ggml calls it with its reason, a line of its source, before it would print a backtrace and abort.
type AbortCallback = extern "C" fn(*const c_char);

unsafe extern "C" {
    /// ggml's own; whisper-rs does not pass it on.
    fn ggml_set_abort_callback(callback: Option<AbortCallback>) -> Option<AbortCallback>;
}

/// What the process ends with: a service is started anew after it.
const FAILED: i32 = 1;

/// From now on a sentence is said, and the process ends as after any other failure. Call it first in `main`: no model may be
/// at work.
pub fn settle() {
    // SAFETY: sets a pointer that ggml reads when it aborts; the caller promises that nothing runs yet.
    unsafe { ggml_set_abort_callback(Some(explain)) };
}

extern "C" fn explain(_reason: *const c_char) {
    eprintln!(
        "hearken: speech-to-text could not go on and ended hearken, most likely because memory ran out; close other programs, or \
         take a smaller model (listen.model, `hearken weights list`)"
    );
    // SAFETY: takes no pointer and does not return. The ordinary exit would take down libraries at work.
    unsafe { libc::_exit(FAILED) };
}
