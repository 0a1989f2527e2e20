//! A line to a request. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::audio::devices::Role;

/// What a program wants.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub(super) enum Request {
    /// How are things?
    Status,
    /// Close the microphone.
    Mute,
    /// Open it again.
    Unmute,
    /// Listen to what is said next, without the name.
    Listen,
    /// Be silent.
    Stop,
    /// Say this.
    Say { text: String },
    /// Answer this.
    Ask { text: String },
    /// Set the loudness.
    Volume { percent: u32 },
    /// Be called otherwise.
    Name { name: String },
    /// What was said so far?
    History,
    /// Forget it.
    Forget,
    /// Tell events from now on, on this connection.
    Events,
    /// Read the configuration anew.
    Reload,
    /// Which microphones and loudspeakers are there?
    Devices,
    /// Use this one, as both or as one of them.
    UseDevice {
        name: String,
        #[serde(default, rename = "as")]
        role: Option<Role>,
    },
    /// Let another program go on, or a newer one at the same place.
    Upgrade {
        #[serde(default)]
        program: Option<PathBuf>,
    },
    /// The program that asks goes on; this one ends when nothing goes on.
    HandOver,
    /// End.
    Shutdown,
}

/// A request, and beside it what its answer is to be known by, which means nothing here.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default, rename = "id")]
    _id: IgnoredAny,
    #[serde(flatten)]
    request: Request,
}

/// The id of the request, as it was written (a number that is read would be rounded where it is long), `null` when there is
/// none; and the request, or one sentence that says what is wrong with it.
pub(super) fn parse(line: &str) -> (Box<RawValue>, Result<Request, String>) {
    // The id is told where there is one, so that the program knows which of its requests it was.
    let fields = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(line);
    let id = fields.unwrap_or_default().remove("id").unwrap_or_default();
    let request = match serde_json::from_str(line) {
        Ok(Line { request, .. }) => checked(request),
        Err(error) => Err(format!("not understood: {error}")),
    };
    (id, request)
}

/// A text of nothing is none.
fn checked(request: Request) -> Result<Request, String> {
    match &request {
        Request::Say { text } | Request::Ask { text } if text.trim().is_empty() => {
            Err("the text is empty".into())
        }
        Request::UseDevice { name, .. } if name.trim().is_empty() => {
            Err("the device's name is empty".into())
        }
        Request::Volume { percent } if *percent > 150 => {
            Err(format!("percent = {percent} is outside 0 to 150"))
        }
        _ => Ok(request),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_request_with_an_id_or_without() {
        let (id, request) = parse(r#"{"id": 7, "method": "say", "text": "Tea is ready."}"#);
        let text = "Tea is ready.".into();
        assert_eq!((id.get(), request), ("7", Ok(Request::Say { text })));
        let (id, request) = parse(r#"{"method":"status"}"#);
        assert_eq!((id.get(), request), ("null", Ok(Request::Status)));
    }

    #[test]
    fn an_id_comes_back_as_it_was_written() {
        for id in [
            "12345678901234567890123",
            "1.0",
            "0.1000",
            "1e400",
            "-0",
            r#""a\u00e4""#,
            r#"{"b":[1, 2], "a": null}"#,
        ] {
            let (back, request) = parse(&format!(r#"{{"method":"status","id": {id} }}"#));
            assert_eq!((back.get(), request), (id, Ok(Request::Status)));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_the_id() {
        for (line, says) in [
            (r#"{"id":"a","method":"fly"}"#, "fly"),
            (r#"{"id":"a","method":"say"}"#, "text"),
            (r#"{"id":"a","method":"say","text":" "}"#, "empty"),
            (r#"{"id":"a","method":"volume","percent":151}"#, "151"),
            (r#"{"id":"a","method":"volume","percent":-1}"#, "-1"),
            (r#"{"id":"a","method":"use-device","name":""}"#, "empty"),
            (
                r#"{"id":"a","method":"use-device","name":"x","as":"y"}"#,
                "microphone",
            ),
            (r#"{"id":"a"}"#, "method"),
        ] {
            let (id, request) = parse(line);
            assert_eq!(id.get(), r#""a""#, "{line}");
            let error = request.unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
        assert!(parse("").1.is_err() && parse("[1]").1.is_err());
    }
}
