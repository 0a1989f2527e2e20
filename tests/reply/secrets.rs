//! The key goes to the server, and nowhere else.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use hearken::config::Config;
use hearken::reply::key::Secret;
use hearken::reply::model::{LanguageModel, ModelError};
use hearken::reply::openai::{Client, Settings};

use super::support::http_server::{DONE, Server, plain, stream, token};
use super::{ask, question, settings, whole};

const KEY: &str = "sk-parrot-0123456789";

/// Everything that is logged in this process, by the tests beside this one as well.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_key_is_sent_and_never_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // Not for this thread alone: whether a line is logged at all is remembered for all threads, by the first that comes to it.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let said = format!("{{\"error\":{{\"message\":\"Incorrect API key provided: {KEY}\"}}}}");
    let broken = format!("data: {{\"error\":\"{KEY} has no credit\"}}\n\n");
    for script in [
        plain("401 Unauthorized", "", &said),
        plain("400 Bad Request", "", &said),
        plain("500 Internal Server Error", "", &said),
        stream(&broken),
        stream(&format!("data: {KEY}\n\n")),
    ] {
        let server = Server::start(vec![vec![script.clone()], vec![script]]).await;
        let mut with_key = settings(&server.url());
        with_key.key = Some(Secret::new(KEY, "the test").unwrap());
        let client = Client::new(with_key.clone()).unwrap();
        let shown = format!("{with_key:?} {client:?} {}", client.name());
        assert!(!shown.contains("sk-parrot"), "{shown}");
        let error = whole(client.reply(question())).await.1.unwrap();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("sk-parrot"), "{shown}");
        let request = server.request(0);
        assert!(
            request.contains(&format!("authorization: Bearer {KEY}")),
            "{request}"
        );
    }
    tracing::info!("the log is read");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the log is read"));
    assert!(logged.contains("asking again"), "{logged}");
    assert!(!logged.contains("sk-parrot"), "{logged}");
    // Nor are the words of the conversation.
    assert!(!logged.contains("Hello?"), "{logged}");
}

#[tokio::test]
async fn a_redirect_gets_neither_key_nor_words() {
    let elsewhere = Server::start(vec![vec![stream(&(token("Stolen.") + DONE))]]).await;
    for status in [
        "301 Moved",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!(
            "location: http://user:pass@127.0.0.1:{}/v1?q=1\r\n",
            elsewhere.port
        );
        let server = Server::start(vec![vec![plain(status, &location, "")]]).await;
        let mut with_key = settings(&server.url());
        with_key.key = Some(Secret::new(KEY, "the test").unwrap());
        let (text, error) = ask(with_key).await;
        assert_eq!(text, "");
        let Some(ModelError::Rejected { detail, .. }) = error else {
            panic!("{error:?}");
        };
        let wanted = format!("it redirects to http://127.0.0.1:{}/v1", elsewhere.port);
        assert_eq!(detail, wanted);
    }
    assert_eq!(elsewhere.asked(), 0);
}

/// A server that has made its own certificate, as anybody on the way could.
#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key",
            "-out",
            "certificate",
        ])
        .current_dir(folder.path())
        .output()
        .expect("openssl (package openssl) is needed");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut server = Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            "localhost:0",
            "-key",
            "key",
            "-cert",
            "certificate",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = said
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            line.strip_prefix("ACCEPT ")?
                .rsplit(':')
                .next()
                .map(str::to_owned)
        })
        .expect("openssl names its port");
    let read =
        std::thread::spawn(move || said.map_while(Result::ok).collect::<Vec<_>>().join("\n"));

    let mut with_key = settings(&format!("https://localhost:{port}/v1"));
    with_key.key = Some(Secret::new(KEY, "the test").unwrap());
    let (text, error) = ask(with_key).await;
    assert_eq!(text, "");
    let error = error.unwrap().to_string();
    assert!(error.contains("certificate"), "{error}");
    server.kill().unwrap();
    server.wait().unwrap();
    let read = read.join().unwrap();
    assert!(!read.contains(KEY) && !read.contains("POST"), "{read}");
}

fn with_server(url: &str) -> Config {
    let mut config = Config::default();
    config.reply.server.url = url.to_owned();
    config.reply.server.model = "parrot".into();
    config
}

#[test]
fn settings_come_from_the_configuration() {
    let mut config = with_server("http://127.0.0.1:11434/v1");
    let plain = Settings::from_config(&config).unwrap();
    assert_eq!(plain.label, "http://127.0.0.1:11434/v1 parrot");
    assert!(plain.key.is_none() && plain.unix_socket.is_none());
    assert_eq!(plain.first_token_timeout.as_millis(), 20_000);

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{KEY}\n")).unwrap();
    let mode = |mode| {
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    config.reply.server.key_file = file.path().to_owned();
    mode(0o600);
    let key = Settings::from_config(&config).unwrap().key.unwrap();
    assert_eq!(key.expose(), KEY);
    mode(0o644);
    let error = Settings::from_config(&config).unwrap_err().to_string();
    assert!(error.starts_with("reply.server.key_file: "), "{error}");
    assert!(error.contains("chmod 600"), "{error}");

    config.reply.server.key_env = "HEARKEN_TEST_NO_SUCH_KEY".into();
    let error = Settings::from_config(&config).unwrap_err().to_string();
    assert!(error.contains("not both"), "{error}");
    config.reply.server.key_file = "".into();
    let error = Settings::from_config(&config).unwrap_err().to_string();
    assert!(
        error.contains("HEARKEN_TEST_NO_SUCH_KEY is not set"),
        "{error}"
    );
}

#[test]
fn a_bad_url_is_refused_with_what_would_be_right() {
    for url in [
        "",
        "127.0.0.1:11434",
        "localhost:11434/v1",
        "ftp://127.0.0.1/v1",
        "http://127.0.0.1:99999/v1",
        "http://user:sk-parrot@127.0.0.1/v1",
        "http://127.0.0.1/v1?key=sk-parrot",
        "http://127.0.0.1/v1/chat/completions",
    ] {
        let error = Settings::from_config(&with_server(url))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("reply.server.url: "), "{error}");
        assert!(!error.contains("sk-parrot"), "{error}");
        assert!(Client::new(settings(url)).is_err());
    }
}
