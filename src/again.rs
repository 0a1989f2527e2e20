//! Work that goes on as long as the process does: a bug in it ends it once, and it is begun again.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// Before it is begun again: a bug that comes at once is not to take a core.
const PAUSE: Duration = Duration::from_secs(1);

/// Does `work` with `state` to its end. When it panics, which the log says with its place, it is begun again, with the state as it was
/// then; `what` it is goes into the log. The state is given back.
pub async fn again<S>(
    what: &str,
    mut state: S,
    work: impl for<'a> Fn(&'a mut S) -> BoxFuture<'a, ()>,
) -> S {
    while AssertUnwindSafe(work(&mut state))
        .catch_unwind()
        .await
        .is_err()
    {
        tracing::error!(
            "{what} broke, and is begun again; this is a bug in hearken, please report it"
        );
        tokio::time::sleep(PAUSE).await;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_breaks_is_begun_again_where_it_was() {
        let state = (vec!["third", "second", "first"], Vec::new());
        let (_, done) = again("the test", state, |(left, done)| {
            Box::pin(async move {
                while let Some(next) = left.pop() {
                    tokio::task::yield_now().await;
                    done.push(next);
                    assert_ne!(next, "second", "scripted");
                }
            })
        })
        .await;
        assert_eq!(done, ["first", "second", "third"]);
    }
}
