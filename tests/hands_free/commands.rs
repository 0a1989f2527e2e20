//! Commands that change what is remembered or said again.

use super::room::*;
use crate::scripted::Writes;

#[tokio::test(flavor = "multi_thread")]
async fn the_time_needs_no_model_and_that_can_be_said_again() {
    let mut room = enter(&["Samantha, what time is it?", "Say that again."], vec![]);
    let first = room.answered(0).await;
    assert_eq!(first.failure, None);
    assert!(first.reply.contains("It's"), "{first:?}");
    assert_eq!(room.answered(1).await.reply, first.reply);
    assert!(room.asked().is_empty());
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_not_in_the_next_prompt() {
    let mut room = enter(
        &[
            "Samantha, I like whales.",
            "Forget that.",
            "What do I like?",
        ],
        vec![Writes::Text(&["Nice."]), Writes::Text(&["I don't know."])],
    );
    room.answered(0).await;
    room.answered(1).await;
    room.answered(2).await;
    let last = room.asked()[1].clone();
    assert!(last.iter().all(|m| !m.text.contains("whales")), "{last:?}");
    room.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_forgotten_is_gone() {
    let mut room = enter(
        &[
            "Samantha, I like whales.",
            "I like cats, too.",
            "Forget everything.",
            "What do I like?",
        ],
        vec![
            Writes::Text(&["Nice."]),
            Writes::Text(&["Very nice."]),
            Writes::Text(&["I don't know."]),
        ],
    );
    for number in 0..4 {
        room.answered(number).await;
    }
    let last = room.asked()[2].clone();
    let gone = |word| last.iter().all(|m| !m.text.contains(word));
    assert!(gone("whales") && gone("cats"), "{last:?}");
    room.leave().await;
}
