//! How the program ends: on request, with its parent, on a failure, or in a crash of llama.cpp; always without a
//! socket left behind, and with at most one sentence on stderr.
//!
//! It ends by `_exit`: the inference thread may be in the midst of a computation that it cannot be called back from,
//! and the destructors that an ordinary exit runs would pull the model away under it.

use std::ffi::{CStr, CString, c_char};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Exit {
    /// A signal, or the end of the parent.
    Asked = 0,
    /// Cannot listen, or our bug.
    Failed = 1,
    /// The command line.
    Usage = 2,
    /// The model cannot be loaded: starting again is of no use.
    Model = 6,
    /// It could not be loaded, most likely for want of memory: that may pass. `EX_TEMPFAIL` of sysexits.h.
    Memory = 75,
}

static SOCKET: OnceLock<CString> = OnceLock::new();
static FOLDER: OnceLock<CString> = OnceLock::new();
static WITH_PARENT: AtomicBool = AtomicBool::new(false);
static LOADED: AtomicBool = AtomicBool::new(false);

/// The socket to unlink at the end.
pub(crate) fn remember_socket(path: &Path) {
    if let Ok(name) = CString::new(path.as_os_str().as_bytes()) {
        let _ = SOCKET.set(name);
    }
    let folder = path
        .parent()
        .map(|p| CString::new(p.as_os_str().as_bytes()));
    if let Some(Ok(name)) = folder {
        let _ = FOLDER.set(name);
    }
}

/// From now on a crash is no longer the model file's fault.
pub(crate) fn model_is_loaded() {
    LOADED.store(true, Ordering::Relaxed);
}

/// Says `sentence` on stderr, if there is one, and ends the program.
pub(crate) fn exit(code: Exit, sentence: &str) -> ! {
    if !sentence.is_empty() {
        eprintln!("hearken-llm: {sentence}");
    }
    leave(code)
}

/// Only system calls that a signal handler may make.
fn leave(code: Exit) -> ! {
    let unlink = |name: &CStr| {
        // SAFETY: the name is a C string that lives as long as the program.
        unsafe { libc::unlink(name.as_ptr()) };
    };
    if let Some(name) = SOCKET.get() {
        unlink(name);
    }
    // SAFETY: ends the process; nothing of it is used afterwards.
    unsafe { libc::_exit(code as i32) }
}

/// Ends the program when stdin ends, even while the model loads or writes. The parent needs to do nothing for that:
/// the kernel closes its end of the pipe, however it died.
pub(crate) fn with_parent() {
    WITH_PARENT.store(true, Ordering::Relaxed);
    let lifeline = thread::Builder::new().name("lifeline".into()).spawn(|| {
        let mut stdin = std::io::stdin().lock();
        let mut nothing = [0; 64];
        loop {
            match stdin.read(&mut nothing) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if let Some(name) = SOCKET.get() {
            // SAFETY: C strings that live as long as the program.
            unsafe { libc::unlink(name.as_ptr()) };
        }
        if let Some(name) = FOLDER.get() {
            // The parent made the folder for this socket and can no longer remove it; one with other files stays.
            // SAFETY: as above.
            unsafe { libc::rmdir(name.as_ptr()) };
        }
        leave(Exit::Asked);
    });
    if let Err(problem) = lifeline {
        exit(Exit::Failed, &format!("cannot watch the parent: {problem}"));
    }
}

/// What ggml calls with its reason before it aborts.
type AbortCallback = extern "C" fn(*const c_char);

unsafe extern "C" {
    /// ggml's own; the crates around it do not pass it on.
    fn ggml_set_abort_callback(callback: Option<AbortCallback>) -> Option<AbortCallback>;
}

/// llama.cpp aborts where it does not expect something, and a broken file may lead it astray: instead of a backtrace
/// the person gets a sentence and the parent an exit code. With `verbose` ggml's reason, a line of its source, comes first.
pub(crate) fn catch_crashes(verbose: bool) {
    std::panic::set_hook(Box::new(|panic| {
        // Not what it says of itself: that may quote what somebody said.
        match panic.location() {
            Some(place) => eprintln!("hearken-llm: internal error at {place}"),
            None => eprintln!("hearken-llm: internal error"),
        }
        leave(Exit::Failed);
    }));
    extern "C" fn say_nothing(_reason: *const c_char) {}
    if !verbose {
        // SAFETY: sets a pointer that ggml reads when it aborts; set before any thread is started.
        unsafe { ggml_set_abort_callback(Some(say_nothing)) };
    }
    // SAFETY: read by ggml's abort only; set before any thread is started.
    unsafe { std::env::set_var("GGML_NO_BACKTRACE", "1") };
    let action = SigAction::new(
        SigHandler::Handler(crashed),
        SaFlags::SA_RESETHAND,
        SigSet::empty(),
    );
    for signal in [
        Signal::SIGABRT,
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGFPE,
        Signal::SIGQUIT,
        Signal::SIGTRAP,
        Signal::SIGSYS,
    ] {
        // SAFETY: the handler makes async-signal-safe calls only.
        let _ = unsafe { sigaction(signal, &action) };
    }
}

extern "C" fn crashed(signal: libc::c_int) {
    let loaded = LOADED.load(Ordering::Relaxed);
    let sentence: &[u8] = match (loaded, signal) {
        (_, libc::SIGILL) => {
            b"hearken-llm: this processor lacks instructions that the program was built for; build it on this machine\n"
        }
        (false, _) => {
            b"hearken-llm: llama.cpp gave up while it loaded the model; the file is damaged or memory is short\n"
        }
        (true, _) => b"hearken-llm: llama.cpp gave up while it wrote a reply\n",
    };
    // SAFETY: write(2) of a static buffer to stderr.
    unsafe { libc::write(2, sentence.as_ptr().cast(), sentence.len()) };
    leave(match (loaded, signal) {
        (true, _) => Exit::Failed,
        (false, libc::SIGILL) => Exit::Model,
        (false, _) => Exit::Memory,
    })
}
