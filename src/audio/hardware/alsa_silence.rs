//! Keeps ALSA's library from writing to the terminal.
//!
//! It reports each plugin that it cannot load and each card that it does not find on stderr ("ALSA lib pcm.c: ..."),
//! even while everything works. What matters of it comes back as an error code, which `hardware` puts into words.

use std::ffi::{c_char, c_int};
use std::sync::Once;

type Handler = unsafe extern "C" fn(*const c_char, c_int, *const c_char, c_int, *const c_char);

/// Takes a message and says nothing. Called on any thread, the real-time ones among them.
unsafe extern "C" fn silent(
    _file: *const c_char,
    _line: c_int,
    _function: *const c_char,
    _error: c_int,
    _format: *const c_char,
) {
}

/// Silences the library for this process. The first call does it.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the library calls the handler with five arguments and any number more. Rust cannot define such a
        // function, but on the calling conventions of every Linux target the caller clears the arguments away, so
        // that one that ignores the further ones may stand in. The handler reads none of them and lives for ever.
        unsafe {
            let handler = std::mem::transmute::<Handler, alsa_sys::snd_lib_error_handler_t>(silent);
            alsa_sys::snd_lib_error_set_handler(handler);
        }
    });
}
