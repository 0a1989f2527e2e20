//! What the person hears when there is no reply: one short sentence for each [`ModelError`], in the language of the
//! conversation. Pure. The log has the details; the ear gets what is wrong and, where there is something, what to do.

use super::model::ModelError;

/// The sentence for a reply in which there is nothing to say.
pub fn nothing_written(language: &str) -> &'static str {
    match language {
        "ko" => "뭐라고 대답해야 할지 모르겠어요.",
        _ => "I don't know what to say to that.",
    }
}

/// The sentence for a microphone that is gone.
pub fn no_microphone(language: &str) -> &'static str {
    match language {
        "ko" => "마이크가 없어져서 들을 수 없어요.",
        _ => "I can't hear you: my microphone is gone.",
    }
}

/// The sentence for `error` in `language` (ISO 639-1; Korean for `ko`, English for every other).
pub fn spoken(error: &ModelError, language: &str) -> &'static str {
    let (english, korean) = match error {
        ModelError::Unreachable { .. } => (
            "I can't reach my language model.",
            "언어 모델에 연결할 수 없어요.",
        ),
        ModelError::CannotStart { .. } => (
            "My language model can't start. Its file may be damaged; the log says more.",
            "언어 모델을 시작할 수 없어요. 파일이 손상됐을 수 있으니 로그를 확인해 주세요.",
        ),
        ModelError::Unauthorized { .. } => (
            "My language model won't accept the key. Please check it.",
            "언어 모델이 키를 받아 주지 않아요. 키를 확인해 주세요.",
        ),
        ModelError::Rejected { status: 404, .. } => (
            "My language model's address or name is wrong. Please check the settings.",
            "언어 모델의 주소나 이름이 잘못됐어요. 설정을 확인해 주세요.",
        ),
        ModelError::Rejected { .. } => (
            "My language model refused the request. The log says why.",
            "언어 모델이 요청을 거절했어요. 이유는 로그에 있어요.",
        ),
        ModelError::RateLimited { .. } => (
            "My language model is getting too many requests. Please try again later.",
            "언어 모델에 요청이 너무 많아요. 나중에 다시 말해 주세요.",
        ),
        ModelError::NotReady { .. } => (
            "My language model isn't ready yet. Please try again in a moment.",
            "언어 모델이 아직 준비되지 않았어요. 잠시 후에 다시 말해 주세요.",
        ),
        ModelError::TimedOut { .. } => (
            "My language model took too long to answer.",
            "언어 모델이 제때 대답하지 않았어요.",
        ),
        ModelError::BrokeOff { .. } => (
            "Sorry, my language model broke off.",
            "죄송해요, 언어 모델의 대답이 끊겼어요.",
        ),
        ModelError::Nonsense { .. } => (
            "I couldn't make sense of my language model's answer.",
            "언어 모델의 대답을 이해할 수 없었어요.",
        ),
    };
    if language == "ko" { korean } else { english }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_failure_has_its_own_short_sentence_in_both_languages() {
        let (at, detail) = (|| "http://secret.example/v1".to_owned(), String::new);
        let failures = [
            ModelError::Unreachable {
                at: at(),
                reason: detail(),
            },
            ModelError::CannotStart {
                at: at(),
                reason: detail(),
            },
            ModelError::Unauthorized {
                at: at(),
                status: 401,
            },
            ModelError::Rejected {
                at: at(),
                status: 404,
                detail: detail(),
            },
            ModelError::Rejected {
                at: at(),
                status: 400,
                detail: detail(),
            },
            ModelError::RateLimited {
                at: at(),
                retry_after: None,
            },
            ModelError::NotReady {
                at: at(),
                status: 503,
                detail: detail(),
            },
            ModelError::TimedOut {
                at: at(),
                waited_ms: 1,
            },
            ModelError::BrokeOff {
                at: at(),
                reason: detail(),
            },
            ModelError::Nonsense {
                at: at(),
                detail: detail(),
            },
        ];
        for language in ["en", "ko", "de"] {
            let sentences: HashSet<_> = failures.iter().map(|f| spoken(f, language)).collect();
            assert_eq!(sentences.len(), failures.len());
            for sentence in sentences {
                assert!(sentence.chars().count() <= 80, "{sentence}");
                assert!(sentence.ends_with('.') && !sentence.contains("http"));
                assert_eq!(!sentence.is_ascii(), language == "ko", "{sentence}");
            }
        }
    }
}
