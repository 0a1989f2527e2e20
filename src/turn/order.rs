//! What is ordered from outside the conversation: a key that is pushed, a program at the control socket.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::TurnId;
use super::baton::Baton;
use super::carried::Carried;
use crate::daemon::change::Change;
use crate::reply::model::Message;

/// Orders that may wait for the conductor. It takes them at once; more is a flood, and who sends it waits.
const WAITING: usize = 16;

/// An order. Who gave it may have gone when it is answered.
pub enum Order {
    /// Listen to what is said next, without the name.
    Listen,
    /// Be silent, and forget what is being thought about. Answers whether there was anything to stop.
    Stop(oneshot::Sender<bool>),
    /// Close the microphone, or open it again. Answered when that is done.
    Mute(bool, oneshot::Sender<()>),
    /// Say this as soon as nobody speaks. Answers when it begins.
    Say(String, oneshot::Sender<TurnId>),
    /// Answer this as if it had been said, as soon as nobody speaks. Answers when it begins; without a turn when it was a
    /// command that needs no answer.
    Ask(String, oneshot::Sender<Option<TurnId>>),
    /// Set the loudness, in percent of full loudness; kept within what speech can set.
    Volume(u32, oneshot::Sender<u32>),
    /// Be called otherwise. Answers why it cannot be.
    Name(String, oneshot::Sender<Result<(), String>>),
    /// Tell what was said so far: the conversation as the model sees it, without its instructions.
    History(oneshot::Sender<Vec<Message>>),
    /// Forget what was said so far. Answered when it is in no file any more, or why it still is.
    Forget(oneshot::Sender<Result<(), String>>),
    /// Go on with other parts, as soon as nothing goes on. Answered when that is so.
    Change(Box<Change>, oneshot::Sender<()>),
    /// End as soon as nothing goes on, and tell how things are then: another program goes on, unless the baton is kept.
    HandOver(oneshot::Sender<Carried>, Arc<Baton>),
    /// Tell how things are.
    Status(oneshot::Sender<Status>),
}

/// How things are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// `idle`, `listening`, `transcribing`, `thinking`, `speaking`, `held`, `settling`.
    pub state: &'static str,
    /// The turn that is alive.
    pub turn: Option<TurnId>,
    /// What hearken is called.
    pub name: String,
    /// The microphone is closed because somebody wished it.
    pub muted: bool,
    /// It sleeps until it is called by its name.
    pub asleep: bool,
    /// Whoever speaks now need not say the name.
    pub window_open: bool,
    /// The microphone is there.
    pub microphone: bool,
    /// The loudspeaker is there.
    pub loudspeaker: bool,
    /// Loudness in percent.
    pub volume_percent: u32,
    /// Loudness of what the microphone hears: root mean square, 0 to 1.
    pub level: f32,
    /// By so much less echo is left, in dB.
    pub erle_db: Option<f32>,
    /// Who writes the replies.
    pub backend: String,
    /// The daemon's process.
    pub process: u32,
    /// Turns that the conversation remembers.
    pub remembered_turns: usize,
}

/// A way to give orders and the conductor's end of it.
pub fn channel() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(WAITING)
}

/// Nobody gives orders.
pub fn none() -> mpsc::Receiver<Order> {
    channel().1
}
