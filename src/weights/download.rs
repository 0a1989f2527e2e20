//! A file from an http or https address, resumed where it broke off.
//!
//! The unfinished file keeps beside it which address it is from and which version of the file it is (`ETag`,
//! `Last-Modified`), so that a later run, too, asks only for the rest, and only of the same version.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::landing::{Landed, Landing};
use super::{Progress, WeightsError, starter};

/// A server that does not take the connection within this is not there.
const CONNECT: Duration = Duration::from_secs(15);
/// A connection on which nothing comes for so long is dead.
const SILENCE: Duration = Duration::from_secs(60);
/// Tries in a row that bring not one byte.
const FRUITLESS: u32 = 3;
/// Tries in all, so that a server that sends a byte at a time does not hold us for ever.
const TRIES: u32 = 100;

/// What has come, and whether some of it came in an earlier try: then a wrong digest may be the seam's fault.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) landed: Landed,
    pub(super) resumed: bool,
}

/// The unfinished file for `file` in `staging`.
pub(super) fn unfinished(staging: &Path, file: &str) -> PathBuf {
    staging.join(format!("{file}.part"))
}

/// Forgets an unfinished file.
pub(super) fn forget(part: &Path) {
    // Whatever cannot be removed is overwritten by the next download.
    let _ = std::fs::remove_file(part);
    let _ = std::fs::remove_file(memo_of(part));
}

/// Fetches `url` into the unfinished file `part`, at most `limit` bytes. Blocks; runs its own thread, so that it can be
/// called from anywhere.
pub(super) fn fetch(
    url: &str,
    part: &Path,
    limit: Option<u64>,
    progress: &dyn Progress,
) -> Result<Download, WeightsError> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|e| network(url, &super::error::plain(&e)))?;
            runtime.block_on(run(url, part, limit, progress))
        });
        (thread.join()).unwrap_or_else(|_| Err(network(url, "the download's thread ended")))
    })
}

#[derive(Serialize, Deserialize, Default, PartialEq, Clone)]
struct Memo {
    url: String,
    /// What `If-Range` says: a strong ETag, or the date.
    version: Option<String>,
}

fn memo_of(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Why a try ended.
enum End {
    /// Try again, if that is worth it.
    Broken(String),
    /// No try will help.
    Final(WeightsError),
}

impl From<reqwest::Error> for End {
    fn from(error: reqwest::Error) -> Self {
        Self::Broken(words(&error))
    }
}

struct Job<'a> {
    url: &'a str,
    part: &'a Path,
    limit: Option<u64>,
    landing: Landing,
    memo: Memo,
    progress: &'a dyn Progress,
}

async fn run(
    url: &str,
    part: &Path,
    limit: Option<u64>,
    progress: &dyn Progress,
) -> Result<Download, WeightsError> {
    let failed = |e: &std::io::Error| WeightsError::io("write", part, e);
    let memo = std::fs::read(memo_of(part))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Memo>(&bytes).ok())
        .filter(|memo| memo.url == url);
    let landing = match memo {
        Some(_) => Landing::resume(part, limit),
        None => Landing::create(part, limit),
    };
    let mut job = Job {
        url,
        part,
        limit,
        landing: landing.map_err(|e| failed(&e))?,
        memo: memo.unwrap_or_default(),
        progress,
    };
    let client = Client::builder()
        .user_agent(concat!("hearken/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()
        .map_err(|e| network(url, &words(&e)))?;
    let mut resumed = job.landing.written() > 0;
    let (mut fruitless, mut tries) = (0, 0);
    loop {
        let before = job.landing.written();
        let reason = match job.attempt(&client).await {
            Ok(()) => break,
            Err(End::Final(error)) => return Err(error),
            Err(End::Broken(reason)) => reason,
        };
        tries += 1;
        fruitless = if job.landing.written() > before {
            0
        } else {
            fruitless + 1
        };
        if fruitless >= FRUITLESS || tries >= TRIES {
            return Err(network(url, &reason));
        }
        resumed |= job.landing.written() > 0;
        tokio::time::sleep(Duration::from_millis(500) * fruitless).await;
    }
    let landed = job.landing.finish().map_err(|e| failed(&e))?;
    Ok(Download { landed, resumed })
}

impl Job<'_> {
    async fn attempt(&mut self, client: &Client) -> Result<(), End> {
        let have = self.landing.written();
        // The bytes themselves are wanted, not a compressed form whose ranges would mean something else.
        let mut request = client.get(self.url).header(ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
            if let Some(version) = &self.memo.version {
                request = request.header(IF_RANGE, version);
            }
        }
        let response = request.send().await?;
        let status = response.status();
        match status {
            StatusCode::PARTIAL_CONTENT if starts_at(response.headers()) == Some(have) => {}
            StatusCode::PARTIAL_CONTENT => {
                self.restart()?;
                return Err(End::Broken(
                    "it sent another part than was asked for".into(),
                ));
            }
            // The version has changed, or the server knows no ranges: from the beginning.
            StatusCode::OK => self.restart()?,
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                if length_of(response.headers()) == Some(have) {
                    return Ok(());
                }
                self.restart()?;
                return Err(End::Broken("it has less of the file than we have".into()));
            }
            _ if is_passing(status) => return Err(End::Broken(format!("it answered {status}"))),
            _ => {
                return Err(End::Final(WeightsError::Http {
                    url: self.url.to_owned(),
                    status: status.to_string(),
                }));
            }
        }
        self.remember(response.headers());
        self.receive(response).await
    }

    async fn receive(&mut self, response: Response) -> Result<(), End> {
        let rest = response.content_length();
        let total = rest.map(|rest| rest + self.landing.written());
        self.room_for(rest)?;
        if let Some(total) = total {
            self.progress.total(total);
        }
        self.progress.at(self.landing.written());
        let mut body = response.bytes_stream();
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|_| {
                let have = self.landing.written();
                End::Broken(match total {
                    Some(total) => {
                        format!("the connection broke off after {have} of {total} bytes")
                    }
                    None => format!("the connection broke off after {have} bytes"),
                })
            })?;
            self.landing.write_all(&bytes).map_err(|e| {
                if e.kind() != std::io::ErrorKind::InvalidData {
                    return self.failed(&e);
                }
                forget(self.part);
                End::Final(WeightsError::Length {
                    what: super::error::name_of(self.part),
                    source_name: self.url.to_owned(),
                    got: "more".to_owned(),
                    expected: self.limit.unwrap_or(0),
                })
            })?;
            self.progress.at(self.landing.written());
        }
        Ok(())
    }

    fn room_for(&self, bytes: Option<u64>) -> Result<(), End> {
        let free = starter::free_disk(self.part.parent().unwrap_or(self.part));
        match (bytes, free) {
            (Some(need), Some(free)) if need > free => Err(End::Final(super::pull::no_room(
                &super::error::name_of(self.part),
                self.part.parent().unwrap_or(self.part),
                need,
                free,
            ))),
            _ => Ok(()),
        }
    }

    fn restart(&mut self) -> Result<(), End> {
        self.memo = Memo::default();
        self.landing.restart().map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &std::io::Error) -> End {
        End::Final(WeightsError::io("write", self.part, error))
    }

    fn remember(&mut self, headers: &HeaderMap) {
        let memo = Memo {
            url: self.url.to_owned(),
            version: version_of(headers).or(self.memo.version.take()),
        };
        if let Ok(text) = serde_json::to_vec(&memo) {
            // Without it the next run begins anew, which is right if slow.
            let _ = std::fs::write(memo_of(self.part), text);
        }
        self.memo = memo;
    }
}

/// What tells one version of the file from another. A weak ETag promises no equal bytes.
fn version_of(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
    text(ETAG)
        .filter(|tag| !tag.starts_with("W/"))
        .or_else(|| text(LAST_MODIFIED))
}

/// The first byte of `Content-Range: bytes 5-9/10`.
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .parse()
        .ok()
}

/// The length in `Content-Range: bytes */10`.
fn length_of(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.split_once('/')?.1.parse().ok()
}

/// Whether the same request may be answered otherwise a little later.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

fn network(url: &str, reason: &str) -> WeightsError {
    WeightsError::Network {
        what: url.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The innermost cause, which is what a person can act on.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(pairs: &[(reqwest::header::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_range_is_read() {
        let map = headers(&[(CONTENT_RANGE, "bytes 5-9/10")]);
        assert_eq!((starts_at(&map), length_of(&map)), (Some(5), Some(10)));
        let map = headers(&[(CONTENT_RANGE, "bytes */10")]);
        assert_eq!((starts_at(&map), length_of(&map)), (None, Some(10)));
        assert_eq!(starts_at(&headers(&[(CONTENT_RANGE, "lines 1-2")])), None);
    }

    #[test]
    fn a_weak_tag_is_no_version() {
        let map = headers(&[(ETAG, "W/\"a\""), (LAST_MODIFIED, "yesterday")]);
        assert_eq!(version_of(&map).unwrap(), "yesterday");
        assert_eq!(version_of(&headers(&[(ETAG, "\"a\"")])).unwrap(), "\"a\"");
    }
}
