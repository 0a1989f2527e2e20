//! Every way in which a server fails, and what is made of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use hearken::reply::fallback::WithFallback;
use hearken::reply::model::{LanguageModel, ModelError};
use hearken::reply::openai::{Client, Settings};

use super::support::http_server::{DONE, Server, Step, head, plain, stream, token};
use super::{ask, question, settings, whole};

/// The failure when a server follows `script` on its only connection.
async fn failure(script: Vec<Step>) -> ModelError {
    let server = Server::start(vec![script]).await;
    let (text, error) = ask(settings(&server.url())).await;
    assert_eq!(text, "");
    assert_eq!(server.asked(), 1, "asked again in vain");
    error.unwrap()
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn refused_and_unknown_hosts_are_unreachable() {
    let refused = ask(settings(&format!("http://127.0.0.1:{}/v1", free_port())))
        .await
        .1;
    assert!(
        matches!(&refused, Some(ModelError::Unreachable { reason, .. }) if reason.contains("refused")),
        "{refused:?}"
    );
    // A label that is too long is refused before anybody is asked for it.
    let unknown = ask(settings(&format!("http://{}.test/v1", "x".repeat(70))))
        .await
        .1;
    assert!(
        matches!(unknown, Some(ModelError::Unreachable { .. })),
        "{unknown:?}"
    );

    let mut socket = settings("http://localhost/v1");
    socket.unix_socket = Some("/nonexistent/llm.sock".into());
    let missing = ask(socket).await.1;
    assert!(
        matches!(missing, Some(ModelError::Unreachable { .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn a_server_is_looked_for_before_it_is_needed() {
    let look = |at: String| async move { Client::new(settings(&at)).unwrap().look().await };
    let nobody = look(format!("http://127.0.0.1:{}/v1", free_port())).await;
    assert!(
        matches!(nobody, Err(ModelError::Unreachable { .. })),
        "{nobody:?}"
    );
    for (status, there) in [
        ("200 OK", true),
        ("404 Not Found", true),
        ("503 Service Unavailable", true),
        ("401 Unauthorized", false),
        ("403 Forbidden", true),
    ] {
        let server = Server::start(vec![vec![plain(status, "", "{}")]]).await;
        let looked = look(server.url()).await;
        match looked {
            Ok(()) => assert!(there, "{status}"),
            Err(ModelError::Unauthorized { .. }) => assert!(!there, "{status}"),
            Err(error) => panic!("{status}: {error}"),
        }
        assert!(server.request(0).starts_with("GET /v1/models HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_server_that_just_starts_is_tried_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("llm.sock");
    let mut socket = settings("http://localhost/v1");
    socket.unix_socket = Some(path.clone());
    // The reply is not polled while the server starts, so that it does so within the pause; a machine that stalls for
    // longer than the pause is given another chance.
    for _ in 0..20 {
        let mut reply = Client::new(socket.clone()).unwrap().reply(question());
        let waited = tokio::time::timeout(Duration::from_millis(50), reply.next()).await;
        if waited.is_ok() {
            continue;
        }
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let server = Server::start_unix(listener, vec![vec![stream(&(token("Hello.") + DONE))]]);
        let (pieces, error) = whole(reply).await;
        assert_eq!((pieces.concat().as_str(), error), ("Hello.", None));
        assert_eq!(server.asked(), 1);
        return;
    }
    panic!("a missing socket is never tried again");
}

#[tokio::test]
async fn an_idle_connection_that_broke_is_tried_once_more() {
    let hello = || vec![stream(&(token("Hello.") + DONE))];
    let server = Server::start(vec![vec![], hello()]).await;
    let (text, error) = ask(settings(&server.url())).await;
    assert_eq!((text.as_str(), error), ("Hello.", None));
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_wrong_key_is_told_at_once() {
    for status in [401, 403] {
        let error = failure(vec![plain(&format!("{status} No"), "", "{}")]).await;
        assert!(matches!(error, ModelError::Unauthorized { status: s, .. } if s == status));
        assert!(error.is_permanent());
    }
}

#[tokio::test]
async fn a_wrong_model_is_told_in_the_servers_words() {
    let body = "{\"error\":{\"message\":\"model 'parrot' not found\",\"code\":\"not_found\"}}";
    for (status, body, words) in [
        ("404 Not Found", body, "model 'parrot' not found"),
        ("404 Not Found", "<html>nginx</html>", "Not Found"),
        (
            "400 Bad Request",
            "{\"detail\":\"no such model\"}",
            "no such model",
        ),
        ("400 Bad Request", "", "Bad Request"),
        ("422 Unprocessable Entity", "too\r\nlong", "too long"),
    ] {
        let error = failure(vec![plain(status, "", body)]).await;
        let ModelError::Rejected { detail, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(detail, words);
    }
    let long = failure(vec![plain("400 No", "", &"blah ".repeat(100_000))]).await;
    assert!(long.to_string().chars().count() < 320);
}

#[tokio::test]
async fn too_many_requests_wait_only_for_a_short_while() {
    for (extra, wanted) in [
        ("", None),
        ("retry-after: 60\r\n", Some(Duration::from_secs(60))),
        ("retry-after: soon\r\n", None),
    ] {
        let error = failure(vec![plain("429 Too Many Requests", extra, "")]).await;
        assert!(
            matches!(error, ModelError::RateLimited { retry_after, .. } if retry_after == wanted)
        );
    }
    let busy = vec![plain("429 Too Many Requests", "retry-after: 0.1\r\n", "{}")];
    let hello = vec![stream(&(token("Hello.") + DONE))];
    let server = Server::start(vec![busy.clone(), busy, hello]).await;
    let (text, error) = ask(settings(&server.url())).await;
    assert_eq!((text.as_str(), error), ("Hello.", None));
}

#[tokio::test]
async fn a_server_that_loads_its_model_is_waited_for() {
    let loading = vec![plain(
        "503 Service Unavailable",
        "",
        "{\"error\":{\"code\":503,\"message\":\"Loading model\"}}",
    )];
    let hello = vec![stream(&(token("Hello.") + DONE))];
    let server = Server::start(vec![loading, hello]).await;
    let (text, error) = ask(settings(&server.url())).await;
    assert_eq!((text.as_str(), error), ("Hello.", None));
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_server_that_fails_is_asked_twice() {
    let broken = vec![plain("500 Internal Server Error", "", "out of memory")];
    let server = Server::start(vec![broken.clone(), broken]).await;
    let error = ask(settings(&server.url())).await.1.unwrap();
    assert!(
        matches!(&error, ModelError::NotReady { status: 500, detail, .. } if detail == "out of memory"),
        "{error:?}"
    );
}

#[tokio::test]
async fn silence_ends_at_the_deadlines() {
    let quick = |server: &Server| Settings {
        first_token_timeout: Duration::from_millis(150),
        next_token_timeout: Duration::from_millis(100),
        ..settings(&server.url())
    };
    let ping = ": ping\n\ndata: {\"choices\":[]}\n\n";
    for before_first in [
        vec![Step::Hang],
        vec![Step::Send(head("200 OK", "")), Step::Hang],
        // Neither a comment nor an empty chunk is a token.
        vec![stream(ping), Step::Hang],
        vec![
            Step::Send(head("200 OK", "")),
            Step::Flood(b": ping\n\n".to_vec()),
        ],
    ] {
        let mut server = Server::start(vec![before_first]).await;
        let (text, error) = ask(quick(&server)).await;
        assert_eq!(text, "");
        assert!(
            matches!(error, Some(ModelError::TimedOut { waited_ms: 150, .. })),
            "{error:?}"
        );
        server.hung_up_on().await;
        assert_eq!(server.asked(), 1, "the person has waited long enough");
    }
    let mut server = Server::start(vec![vec![stream(&token("Hello")), Step::Hang]]).await;
    let mut patient_at_first = quick(&server);
    patient_at_first.first_token_timeout = Duration::from_secs(20);
    let (text, error) = ask(patient_at_first).await;
    assert_eq!(text, "Hello");
    assert!(
        matches!(error, Some(ModelError::TimedOut { waited_ms: 100, .. })),
        "{error:?}"
    );
    server.hung_up_on().await;
}

#[tokio::test]
async fn a_connection_that_is_not_accepted_times_out() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Fill the queue of those who wait to be accepted, until one more has to wait outside.
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let connecting = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(200), connecting).await {
            Ok(stream) => waiting.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    let mut impatient = settings(&format!("http://{address}/v1"));
    impatient.connect_timeout = Duration::from_millis(150);
    let error = ask(impatient).await.1;
    assert!(
        matches!(error, Some(ModelError::TimedOut { waited_ms: 150, .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_stream_that_breaks_off_keeps_what_came_before() {
    let chunked = head("200 OK", "transfer-encoding: chunked\r\n");
    let event = token("Half a sen");
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    for script in [
        vec![stream(&event)],
        // The connection ends inside of the body.
        vec![Step::Send(chunked), Step::Send(chunk.into_bytes())],
        vec![stream(
            &(event.clone() + "data: {\"error\":{\"message\":\"CUDA error\",\"code\":500}}\n\n"),
        )],
        vec![stream(
            &(event.clone() + "error: {\"code\":500,\"message\":\"CUDA error\"}\n\n"),
        )],
        vec![stream(
            &(event.clone() + "event: error\ndata: CUDA error\n\n"),
        )],
    ] {
        let server = Server::start(vec![script]).await;
        let (text, error) = ask(settings(&server.url())).await;
        assert_eq!(text, "Half a sen");
        assert!(
            matches!(error, Some(ModelError::BrokeOff { .. })),
            "{error:?}"
        );
        assert_eq!(
            server.asked(),
            1,
            "a second attempt would be a second reply"
        );
    }
}

#[tokio::test]
async fn an_error_in_the_stream_is_the_error_that_it_is() {
    for body in [
        "data: {\"error\":{\"message\":\"no credit\",\"code\":401}}\n\n",
        "{\"error\":{\"message\":\"no credit\",\"code\":401}}",
        "[{\"error\":{\"message\":\"no credit\",\"code\":401}}]",
    ] {
        let error = failure(vec![stream(body)]).await;
        assert!(
            matches!(error, ModelError::Unauthorized { status: 401, .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn nonsense_is_told_from_answers() {
    for script in [
        vec![stream("<!DOCTYPE html>\n<html>Welcome to nginx!</html>\n")],
        vec![stream("data: not json\n\n")],
        vec![stream(
            "data: {\"choices\": [{\"delta\": {\"content\": \"x\n\n",
        )],
        vec![plain("200 OK", "", "{\"hello\": 1}")],
        vec![plain("200 OK", "", "{\"choices\": nonsense}")],
        vec![stream("event: hello\ndata: {}\n\n")],
        vec![Step::Send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())],
        vec![Step::Send(vec![0xff; 5_000])],
        vec![stream("data: [DONE]\n\n")],
        // Complete, and kept from saying a word.
        vec![stream(
            "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"},\"finish_reason\":\"length\"}]}\n\n",
        )],
        vec![stream(
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n",
        )],
        vec![stream(
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
        )],
    ] {
        let shown = format!("{script:?}");
        let error = failure(script).await;
        assert!(
            matches!(error, ModelError::Nonsense { .. }),
            "{shown}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_line_without_end_eats_no_memory() {
    for begin in ["data: ", "{\"choices\": \""] {
        let mut server = Server::start(vec![vec![
            stream(begin),
            Step::Flood(vec![b'x'; 64 * 1024]),
        ]])
        .await;
        let error = ask(settings(&server.url())).await.1.unwrap();
        assert!(matches!(&error, ModelError::Nonsense { detail, .. } if detail.contains("1 MiB")));
        server.hung_up_on().await;
        assert!(server.flooded.load(Ordering::Relaxed) < 24 << 20);
    }
}

#[tokio::test]
async fn with_a_fallback_somebody_answers() {
    let hello = || vec![stream(&(token("I stand in.") + DONE))];
    let second = Server::start(vec![hello(), hello()]).await;
    for script in [
        vec![plain("401 Unauthorized", "", "")],
        vec![stream("data: not json\n\n")],
    ] {
        let first = Server::start(vec![script]).await;
        let model = WithFallback::new(
            Arc::new(Client::new(settings(&first.url())).unwrap()),
            Arc::new(Client::new(settings(&second.url())).unwrap()),
        );
        let (pieces, error) = whole(model.reply(question())).await;
        assert_eq!((pieces.concat().as_str(), error), ("I stand in.", None));
    }
}
