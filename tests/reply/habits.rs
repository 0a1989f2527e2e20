//! What servers do although no protocol says so, and what they get to see of us.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use hearken::reply::model::{LanguageModel, Message, Role};
use hearken::reply::openai::Client;

use super::support::http_server::{DONE, Server, Step, head, plain, stream, token};
use super::{ask, question, settings, whole};

/// What is spoken when a server streams `body` and closes.
async fn spoken(body: &str) -> String {
    let server = Server::start(vec![vec![stream(body)]]).await;
    let (text, error) = ask(settings(&server.url())).await;
    assert_eq!(error, None, "{body}");
    text
}

#[tokio::test]
async fn a_reply_comes_as_it_is_written() {
    let events = [token("Hello"), token(" there"), token(".")].concat() + DONE;
    let server = Server::start(vec![vec![stream(&events)]]).await;
    let client = Client::new(settings(&server.url())).unwrap();
    let (pieces, error) = whole(client.reply(question())).await;
    assert_eq!(
        (pieces, error),
        (vec!["Hello".into(), " there".into(), ".".into()], None)
    );

    let request = server.request(0);
    assert!(
        request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        !request.to_lowercase().contains("authorization"),
        "{request}"
    );
    let body: serde_json::Value =
        serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "model": "parrot",
            "messages": [{"role": "user", "content": "Hello?"}],
            "stream": true,
            "temperature": 0.3,
            "max_tokens": 100,
        })
    );
}

#[tokio::test]
async fn the_first_words_do_not_wait_for_the_others() {
    let first = stream(&token("Hello"));
    let mut server = Server::start(vec![vec![first, Step::Hang]]).await;
    let mut reply = Client::new(settings(&server.url()))
        .unwrap()
        .reply(question());
    assert_eq!(reply.next().await.unwrap().unwrap(), "Hello");
    // Whoever drops the reply hangs up, and the server can stop generating.
    drop(reply);
    server.hung_up_on().await;
}

#[tokio::test]
async fn dropping_a_reply_before_its_first_word_hangs_up() {
    let mut server = Server::start(vec![vec![Step::Hang]]).await;
    let mut reply = Client::new(settings(&server.url()))
        .unwrap()
        .reply(question());
    let waited = tokio::time::timeout(Duration::from_millis(200), reply.next()).await;
    assert!(waited.is_err());
    drop(reply);
    server.hung_up_on().await;
}

#[tokio::test]
async fn streams_may_end_in_many_ways() {
    let hello = token("Hello.");
    let stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}";
    let length = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n";
    let usage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
    for end in [
        DONE.to_owned(),
        // Closed behind the reason; without even the empty line behind it.
        format!("{stop}\n\n"),
        stop.to_owned(),
        "data: [DONE]\n\n".to_owned(),
        "data: [DONE]".to_owned(),
        "data:[DONE]\n\n".to_owned(),
        format!("{stop}\n\n{usage}data: [DONE]\n\n"),
        length.to_owned(),
        // The same event has the last word and the reason.
        "data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\n"
            .to_owned(),
    ] {
        assert_eq!(spoken(&format!("{hello}{end}")).await, "Hello.");
    }
}

#[tokio::test]
async fn a_complete_reply_does_not_wait_for_a_server_that_keeps_the_line() {
    for end in [
        DONE,
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    ] {
        let mut server =
            Server::start(vec![vec![stream(&(token("Hello.") + end)), Step::Hang]]).await;
        // Half of what the next token may take.
        let asked = tokio::time::timeout(Duration::from_secs(10), ask(settings(&server.url())));
        let (text, error) = asked.await.unwrap();
        assert_eq!((text.as_str(), error), ("Hello.", None));
        server.hung_up_on().await;
    }
}

#[tokio::test]
async fn a_connection_serves_a_second_turn() {
    let body = token("Hello.") + DONE;
    let answer = plain(
        "200 OK",
        &format!("content-length: {}\r\n", body.len()),
        &body,
    );
    let Step::Send(mut bytes) = answer else {
        unreachable!()
    };
    let text = String::from_utf8(bytes)
        .unwrap()
        .replace("connection: close\r\n", "");
    bytes = text.into_bytes();
    // The second turn finds a server that answers on the same connection: only one is ever accepted.
    let mut server = Server::start(vec![vec![Step::Send(bytes), Step::Hang]]).await;
    let client = Client::new(settings(&server.url())).unwrap();
    assert_eq!(whole(client.reply(question())).await.0.concat(), "Hello.");
    let mut second = client.reply(question());
    let waited = tokio::time::timeout(Duration::from_millis(200), second.next()).await;
    assert!(
        waited.is_err(),
        "the second request hangs on the first connection"
    );
    drop((second, client));
    server.hung_up_on().await;
}

#[tokio::test]
async fn comments_line_ends_marks_and_empty_chunks_are_no_words() {
    let hello = token("Hello.");
    let empty = "data: {\"choices\":[]}\n\n";
    let role = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n";
    let ping = ": ping\n\n";
    let unknown = "data: {\"timings\":{\"predicted_ms\":1}}\n\nevent: ping\ndata: {}\n\n";
    let body = format!("{ping}{empty}{role}{unknown}{hello}{ping}{empty}{DONE}");
    assert_eq!(spoken(&body).await, "Hello.");
    assert_eq!(spoken(&body.replace('\n', "\r\n")).await, "Hello.");
    assert_eq!(spoken(&body.replace('\n', "\r")).await, "Hello.");
    assert_eq!(spoken(&format!("\u{feff}{body}")).await, "Hello.");
    // Servers that forget the empty line between events.
    assert_eq!(spoken(&body.replace("\n\n", "\n")).await, "Hello.");
}

#[tokio::test]
async fn characters_may_come_in_pieces() {
    let body = format!(
        "{}{}{DONE}",
        token("대한민국의 수도는"),
        token(" 서울입니다. 😀")
    );
    let server = Server::start(vec![vec![
        Step::Send(head("200 OK", "")),
        Step::Drip(body.into_bytes()),
    ]])
    .await;
    let (text, error) = ask(settings(&server.url())).await;
    assert_eq!(
        (text.as_str(), error),
        ("대한민국의 수도는 서울입니다. 😀", None)
    );
}

#[tokio::test]
async fn thoughts_are_never_spoken() {
    let thought =
        |key: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"{key}\":\"hm\"}}}}]}}\n\n");
    for body in [
        thought("reasoning") + &token("Paris.") + DONE,
        thought("reasoning_content") + &token("Paris.") + DONE,
        ["<th", "ink>Is it ", "Paris?</thi", "nk>\n", "\n", "Paris."]
            .map(token)
            .concat()
            + DONE,
        token("<think>\n\n</think>\n\nParis.") + DONE,
    ] {
        assert_eq!(spoken(&body).await, "Paris.");
    }
}

#[tokio::test]
async fn a_model_may_have_nothing_to_say() {
    assert_eq!(spoken(DONE).await, "");
    assert_eq!(spoken(&(token(" \n") + DONE)).await, "");
    assert_eq!(spoken(&(token("<think>never closed") + DONE)).await, "");
}

#[tokio::test]
async fn a_thinking_model_has_more_time_for_its_first_word() {
    let thought = "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\n";
    let server = Server::start(vec![vec![stream(thought), Step::Hang]]).await;
    let mut slow = settings(&server.url());
    slow.first_token_timeout = Duration::from_millis(100);
    slow.next_token_timeout = Duration::from_millis(500);
    let error = ask(slow).await.1.unwrap();
    // Longer than the first token had, but three times as long at most.
    assert!(error.to_string().contains("within 300 ms"), "{error}");
}

#[tokio::test]
async fn a_server_that_cannot_stream_is_heard_too() {
    let object = "{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\
                  \"content\":\"<think>x</think>Hello.\"},\"finish_reason\":\"stop\"}]}";
    for body in [
        object.to_owned(),
        format!("\n \u{20}{object}\n"),
        format!("\u{feff}{object}"),
    ] {
        let server = Server::start(vec![vec![plain(
            "200 OK",
            "content-type: application/json\r\n",
            &body,
        )]])
        .await;
        let (text, error) = ask(settings(&server.url())).await;
        assert_eq!((text.as_str(), error), ("Hello.", None));
    }
}

#[tokio::test]
async fn newer_openai_models_are_asked_their_way_from_then_on() {
    let refusal = |param: &str| {
        let body = format!("{{\"error\":{{\"message\":\"Unsupported\",\"param\":\"{param}\"}}}}");
        vec![plain("400 Bad Request", "", &body)]
    };
    let hello = || vec![stream(&(token("Hello.") + DONE))];
    let server = Server::start(vec![
        refusal("max_tokens"),
        refusal("temperature"),
        hello(),
        hello(),
    ])
    .await;
    let client = Client::new(settings(&server.url())).unwrap();
    for _ in 0..2 {
        let (pieces, error) = whole(client.reply(question())).await;
        assert_eq!((pieces.concat().as_str(), error), ("Hello.", None));
    }
    assert_eq!(server.asked(), 4);
    let last = server.request(3);
    assert!(last.contains("\"max_completion_tokens\":100") && !last.contains("\"max_tokens\""));
    assert!(!last.contains("temperature"), "{last}");
}

#[tokio::test]
async fn a_unix_socket_does_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("llm.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = Server::start_unix(listener, vec![vec![stream(&(token("Hello.") + DONE))]]);
    let mut over_socket = settings("http://localhost/v1/");
    over_socket.unix_socket = Some(path);
    over_socket.model = String::new();
    let (text, error) = ask(over_socket).await;
    assert_eq!((text.as_str(), error), ("Hello.", None));
    let request = server.request(0);
    assert!(
        request.starts_with("POST /v1/chat/completions "),
        "{request}"
    );
    assert!(!request.contains("\"model\""), "{request}");
}

#[tokio::test]
async fn a_reply_without_end_is_cut() {
    let piece = token(&"blah ".repeat(20_000));
    let mut server = Server::start(vec![vec![
        Step::Send(head("200 OK", "")),
        Step::Flood(piece.into_bytes()),
    ]])
    .await;
    let (text, error) = ask(settings(&server.url())).await;
    assert_eq!((text.len(), error), (256 * 1024, None));
    server.hung_up_on().await;
    // What the sockets' buffers hold comes on top; a hundred megabytes never came near us.
    assert!(server.flooded.load(Ordering::Relaxed) < 24 << 20);
}

#[tokio::test]
async fn every_role_has_its_name() {
    let server = Server::start(vec![vec![stream(&(token("Hello.") + DONE))]]).await;
    let messages = [Role::System, Role::User, Role::Assistant].map(|role| Message {
        role,
        text: "\"\u{1}😀".into(),
    });
    let client = Client::new(settings(&server.url())).unwrap();
    whole(client.reply(messages.to_vec())).await;
    let request = server.request(0);
    let roles = [
        "\"role\":\"system\"",
        "\"role\":\"user\"",
        "\"role\":\"assistant\"",
    ];
    assert!(roles.iter().all(|role| request.contains(role)), "{request}");
    assert_eq!(client.name(), "the test");
}
