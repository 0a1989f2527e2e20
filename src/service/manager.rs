//! The service manager is told that hearken hears, and that it goes on. Outside a service nobody is told anything.

use std::sync::Once;
use std::time::Duration;

use sd_notify::NotifyState;

/// Signs of life for whoever supervises hearken.
pub trait Supervisor: Send {
    /// It hears, or is not to hear anything. Told once.
    fn ready(&mut self);

    /// The conversation and the ear have both gone on since the last call, with a microphone or while one is looked for.
    fn alive(&mut self);
}

/// systemd, by `NOTIFY_SOCKET`.
pub struct ServiceManager;

impl Supervisor for ServiceManager {
    fn ready(&mut self) {
        tell(&[NotifyState::Ready, NotifyState::Status("listening")]);
    }

    fn alive(&mut self) {
        tell(&[NotifyState::Watchdog]);
    }
}

/// hearken is ending, as somebody wished.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// hearken cannot begin yet, and says what it waits for; so long at least nothing is wrong with that. It lives: who has taken over from
/// another is watched already.
pub fn waiting(why: &str, patience: Duration) {
    let micros = u32::try_from(patience.as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::Status(why),
        NotifyState::ExtendTimeoutUsec(micros),
        NotifyState::Watchdog,
    ]);
}

/// Another process is the service from now on; whether there is a service manager that wants to know.
pub fn succeeded_by(id: u32) -> bool {
    tell(&[NotifyState::MainPid(id)]);
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

fn tell(states: &[NotifyState<'_>]) {
    static TOLD: Once = Once::new();
    if let Err(error) = sd_notify::notify(states) {
        // It would end a service that it does not hear of.
        TOLD.call_once(|| tracing::warn!("the service manager cannot be told how it is: {error}"));
    }
}
