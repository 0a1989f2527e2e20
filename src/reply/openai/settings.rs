//! Where the server is and how it is asked: checked before anything connects.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::config::{Config, ConfigError};
use crate::reply::key::{self, Secret};

/// How to reach one server and what to ask of it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Base URL up to and with `/v1`. Over a Unix socket its host is only a name.
    pub base_url: String,
    /// The socket to speak over instead of TCP.
    pub unix_socket: Option<PathBuf>,
    /// The model's name there; not sent when empty (llama.cpp then takes the one that it has).
    pub model: String,
    /// The key, if the server wants one.
    pub key: Option<Secret>,
    /// 0 always takes the likeliest word; up to 2.
    pub temperature: f32,
    /// The server ends the reply after so many tokens.
    pub max_tokens: u32,
    /// For the connection to be accepted (TLS included).
    pub connect_timeout: Duration,
    /// For the first token, counted from the request. A model that thinks aloud first has three times as long
    /// for the first word that can be spoken.
    pub first_token_timeout: Duration,
    /// For each further token.
    pub next_token_timeout: Duration,
    /// What logs and errors call it, without secrets.
    pub label: String,
}

impl Settings {
    /// What `[reply]` and `[reply.server]` say.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], naming the key of the configuration: an URL that is none, a missing variable, a key
    /// file that others may read, two sources of a key.
    pub fn from_config(config: &Config) -> Result<Self, ConfigError> {
        let reply = &config.reply;
        let server = &reply.server;
        let invalid = |place: &str, problem: String| ConfigError::Invalid {
            place: place.to_owned(),
            problem,
        };
        let url = base_url(&server.url).map_err(|p| invalid("reply.server.url", p))?;
        let no_file = server.key_file.as_os_str().is_empty();
        let key = match (server.key_env.is_empty(), no_file) {
            (true, true) => None,
            (false, true) => Some(
                key::from_env(&server.key_env)
                    .map_err(|e| invalid("reply.server.key_env", e.to_string()))?,
            ),
            (true, false) => Some(
                key::from_file(&server.key_file)
                    .map_err(|e| invalid("reply.server.key_file", e.to_string()))?,
            ),
            (false, false) => {
                return Err(invalid(
                    "reply.server",
                    "set key_env or key_file, not both".into(),
                ));
            }
        };
        let unix_socket = Some(&server.unix_socket)
            .filter(|path| !path.as_os_str().is_empty())
            .cloned();
        let place = match &unix_socket {
            Some(path) => path.display().to_string(),
            None => shown(&url),
        };
        Ok(Self {
            label: format!("{place} {}", server.model).trim_end().to_owned(),
            base_url: url.into(),
            unix_socket,
            model: server.model.clone(),
            key,
            temperature: reply.temperature,
            max_tokens: reply.max_tokens,
            connect_timeout: Duration::from_millis(reply.connect_timeout_ms),
            first_token_timeout: Duration::from_millis(reply.first_token_timeout_ms),
            next_token_timeout: Duration::from_millis(reply.next_token_timeout_ms),
        })
    }
}

/// The URL that requests are built on, or what is wrong with `text`.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let example = "write it like http://127.0.0.1:11434/v1";
    // The text may hold a password, so that it is not repeated.
    let url = Url::parse(text.trim()).map_err(|e| format!("not a URL ({e}); {example}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "{:?} is not http or https; {example}",
            url.scheme()
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("a base URL has no ? and no #; {example}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("put the key into key_env or key_file, not into the URL".into());
    }
    if url
        .path()
        .trim_end_matches('/')
        .ends_with("/chat/completions")
    {
        return Err(format!("end it before /chat/completions; {example}"));
    }
    Ok(url)
}

/// An address as people may see it: no name, no password, no query.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_owned()
}
