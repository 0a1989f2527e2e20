//! A second model that answers when the first one fails before its first word. Runs on the task that polls the reply.

use std::sync::Arc;

use futures_util::StreamExt;

use super::model::{LanguageModel, Message, ModelError, TextStream};

/// Two models as one.
pub struct WithFallback {
    first: Arc<dyn LanguageModel>,
    second: Arc<dyn LanguageModel>,
}

impl WithFallback {
    /// `first` answers; where it fails before its first word, `second` does. The first one is asked anew at every turn:
    /// a server that comes back is used again.
    pub fn new(first: Arc<dyn LanguageModel>, second: Arc<dyn LanguageModel>) -> Self {
        Self { first, second }
    }
}

impl LanguageModel for WithFallback {
    fn reply(&self, messages: Vec<Message>) -> TextStream {
        let reply = Reply {
            stream: self.first.reply(messages.clone()),
            spare: Some((Arc::clone(&self.second), messages)),
            cause: None,
        };
        Box::pin(futures_util::stream::unfold(
            reply,
            |mut reply| async move { reply.next().await.map(|item| (item, reply)) },
        ))
    }

    fn name(&self) -> String {
        format!("{}, else {}", self.first.name(), self.second.name())
    }
}

struct Reply {
    stream: TextStream,
    /// The model that may still step in.
    spare: Option<(Arc<dyn LanguageModel>, Vec<Message>)>,
    /// Why the first one did not answer.
    cause: Option<ModelError>,
}

impl Reply {
    async fn next(&mut self) -> Option<Result<String, ModelError>> {
        loop {
            match self.stream.next().await {
                Some(Ok(text)) => {
                    if !text.trim().is_empty() {
                        self.spare = None;
                        self.cause = None;
                    }
                    return Some(Ok(text));
                }
                Some(Err(error)) => match self.spare.take() {
                    Some((second, messages)) => {
                        tracing::warn!("{error}; {} answers instead", second.name());
                        self.cause = Some(error);
                        self.stream = second.reply(messages);
                    }
                    // Neither answered: the first one's failure is the one to mend.
                    None => match self.cause.take() {
                        Some(cause) => {
                            tracing::warn!("{error}");
                            return Some(Err(cause));
                        }
                        None => return Some(Err(error)),
                    },
                },
                None => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the same items to everybody who asks.
    struct Scripted(&'static str, Vec<Result<&'static str, u16>>);

    impl LanguageModel for Scripted {
        fn reply(&self, _: Vec<Message>) -> TextStream {
            let at = self.0;
            let items = self.1.clone().into_iter().map(move |item| {
                item.map(str::to_owned)
                    .map_err(|status| ModelError::Unauthorized {
                        at: at.to_owned(),
                        status,
                    })
            });
            Box::pin(futures_util::stream::iter(items.collect::<Vec<_>>()))
        }

        fn name(&self) -> String {
            self.0.to_owned()
        }
    }

    async fn run(
        first: &[Result<&'static str, u16>],
        second: &[Result<&'static str, u16>],
    ) -> (String, Option<String>) {
        let model = WithFallback::new(
            Arc::new(Scripted("one", first.to_vec())),
            Arc::new(Scripted("two", second.to_vec())),
        );
        let mut stream = model.reply(Vec::new());
        let (mut text, mut failure) = (String::new(), None);
        while let Some(item) = stream.next().await {
            match item {
                Ok(piece) => text += &piece,
                Err(error) => failure = Some(error.to_string()),
            }
        }
        (text, failure)
    }

    #[tokio::test]
    async fn the_second_answers_when_the_first_says_nothing() {
        assert_eq!(run(&[Ok("a")], &[Ok("b")]).await, ("a".into(), None));
        assert_eq!(run(&[Err(401)], &[Ok("b")]).await, ("b".into(), None));
        assert_eq!(run(&[Ok(" "), Err(401)], &[Ok("b")]).await.0, " b");
    }

    #[tokio::test]
    async fn there_are_never_two_replies() {
        let (text, failure) = run(&[Ok("a"), Err(401)], &[Ok("b")]).await;
        assert_eq!(text, "a");
        assert!(failure.is_some_and(|f| f.contains("one")));
    }

    #[tokio::test]
    async fn when_both_fail_the_first_failure_is_told_unless_the_second_had_begun() {
        let (_, failure) = run(&[Err(401)], &[Err(403)]).await;
        assert!(failure.is_some_and(|f| f.contains("one") && f.contains("401")));
        let (text, failure) = run(&[Err(401)], &[Ok("b"), Err(403)]).await;
        assert_eq!(text, "b");
        assert!(failure.is_some_and(|f| f.contains("two") && f.contains("403")));
    }
}
