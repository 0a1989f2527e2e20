//! Listens at the socket, on the thread `control`.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::Services;
use super::claim::Claim;
use super::client::{Desk, attend, refuse};
use crate::again::again;
use crate::event::Bus;
use crate::turn::order::Order;

/// So many programs are served at a time; more are turned away, and told so.
const CLIENTS: usize = 32;
/// So many of them may watch events, for as long as they like; the others' places are for orders.
const WATCHERS: usize = 24;

/// A running server. Dropping it ends it, and removes the socket.
pub struct Server {
    ending: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control socket's thread broke");
        }
    }
}

/// Serves `listener` until the server is dropped. Orders go to `orders`, events come from `bus`, and who asks for it stops
/// the daemon by `shutdown`, or has what is named in [`Services`] done.
///
/// # Errors
/// When the system gives no thread or does not take the socket.
pub fn serve(
    (claim, listener): (Claim, UnixListener),
    orders: Sender<Order>,
    bus: Bus,
    shutdown: CancellationToken,
    services: Services,
) -> std::io::Result<Server> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ending = CancellationToken::new();
    let ended = ending.clone();
    let thread = std::thread::Builder::new()
        .name("control".into())
        .spawn(move || {
            let desk = Desk {
                orders,
                bus,
                shutdown,
                services,
                watchers: Arc::new(Semaphore::new(WATCHERS)),
            };
            let served = runtime.block_on(async {
                let listener = tokio::net::UnixListener::from_std(listener)?;
                tokio::select! {
                    () = ended.cancelled() => {}
                    _ = again("the control socket", (listener, desk), |(listener, desk)| {
                        Box::pin(accept(listener, desk))
                    }) => {}
                }
                Ok::<_, std::io::Error>(())
            });
            // Given up before the connections are closed: a successor takes that for its turn.
            drop(claim);
            // A sound system that is being asked for its devices and hangs keeps nobody.
            runtime.shutdown_background();
            if let Err(error) = served {
                tracing::error!("the control socket does not work: {error}");
            }
        })?;
    Ok(Server {
        ending,
        thread: Some(thread),
    })
}

/// Takes every program that comes; each has a task of its own.
async fn accept(listener: &tokio::net::UnixListener, desk: &Desk) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No descriptors left, for one: that passes, and turning in a circle would not make it pass sooner.
                tracing::warn!("a program could not reach the control socket: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                continue;
            }
        };
        if !is_ours(&stream) {
            tracing::warn!("another user's program was turned away from the control socket");
            continue;
        }
        match Arc::clone(&room).try_acquire_owned() {
            Ok(place) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    attend(stream, desk).await;
                    drop(place);
                });
            }
            Err(_) => refuse(stream, "too many programs are connected"),
        }
    }
}

/// Whether it is a program of the same user, or of root's. The socket's mode says so already; this is the second lock.
fn is_ours(stream: &tokio::net::UnixStream) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}
