//! The control socket: other programs ask how things are, give orders, and watch events. JSON lines over a Unix socket that
//! its owner alone may use; `docs/control.md` has the protocol.
//!
//! It lives on a thread of its own, so that a flood of requests takes nothing from the conversation but a channel's room.

mod claim;
mod client;
mod devices;
mod own;
mod request;
mod serve;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::Audio;
use crate::turn::baton::Baton;

pub use claim::{Claim, ClaimError, Hold};
pub use serve::{Server, serve};

/// The version of the protocol; it grows when a program that knows the one before would misunderstand.
pub const PROTOCOL: u32 = 1;

/// The longest line that is read, in bytes: a long text to be said fits easily.
pub const LONGEST_LINE: usize = 64 * 1024;

/// What reading the configuration anew has brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// Keys that are in force now and were not before.
    pub changed: Vec<String>,
    /// Keys that have changed and are in force after a restart.
    pub restart: Vec<String>,
}

/// Devices that somebody has chosen while hearken runs; what is `None` is as the configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The microphone's name.
    pub microphone: Option<String>,
    /// The loudspeaker's.
    pub loudspeaker: Option<String>,
}

impl Chosen {
    /// `audio` with these devices.
    pub fn over(&self, audio: &Audio) -> Audio {
        let or = |chosen: &Option<String>, set: &String| chosen.as_ref().unwrap_or(set).clone();
        Audio {
            microphone: or(&self.microphone, &audio.microphone),
            loudspeaker: or(&self.loudspeaker, &audio.loudspeaker),
            ..audio.clone()
        }
    }
}

/// Asks for these devices to be used, or for the configuration to be read anew. The answer is one sentence when it cannot
/// be had: then all is as it was.
pub type Reload = mpsc::Sender<(Option<Chosen>, oneshot::Sender<Result<Reloaded, String>>)>;

/// Asks for another program, or a newer one at the same place, to go on in place of this one. The answer comes only when it
/// cannot.
pub type Upgrade = mpsc::Sender<(Option<PathBuf>, oneshot::Sender<String>)>;

/// What programs may have done beside the conversation.
#[derive(Clone, Default)]
pub struct Services {
    /// See [`Reload`].
    pub reload: Option<Reload>,
    /// See [`Upgrade`].
    pub upgrade: Option<Upgrade>,
    /// The devices that are in use.
    pub audio: Option<watch::Receiver<Audio>>,
    /// Whether another program may go on with the conversation.
    pub baton: Arc<Baton>,
}

/// Where the socket is: what is set, or else in the user's folder for running programs, or else in the data folder.
pub fn socket_path(set: &Path, data_dir: &Path) -> PathBuf {
    if !set.as_os_str().is_empty() {
        return set.to_owned();
    }
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => Path::new(&dir).join("hearken/control.sock"),
        None => data_dir.join("run/control.sock"),
    }
}
