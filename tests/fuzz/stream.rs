//! A language model's answer: the client against a server that sends anything, in pieces of any size.

use futures_util::StreamExt;
use hearken::reply::model::{LanguageModel, Message, ModelError, Role};
use hearken::reply::openai::{Client, Settings};
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::mutate::{Bytes, mutated, noise};
use crate::trial::alone;

/// The longest event and the longest reply that the client reads.
const LONGEST_EVENT: usize = 1024 * 1024;
const LONGEST_REPLY: usize = 256 * 1024;

/// With a word first, so that nothing that follows is a reason to ask again.
const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Well, \"}}]}\n\n: ping\n\nevent: message\nid: 7\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"it is <think>x</think>\\u00e9 서울 \"}}]}\r\n\r\n\
    data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\ndata: {\"choices\":[],\ndata: \"usage\":{}}\n\n\
    data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"Paris.\"}]},\"finish_reason\":\"stop\"}]}\n\n\
    data: [DONE]\n\n";
const OBJECT: &str =
    "\u{feff}{\"choices\":[{\"message\":{\"content\":\"Paris.\"},\"finish_reason\":\"stop\"}]}";

const WORDS: [&str; 18] = [
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    ":",
    "data: ",
    "data",
    "event: error\n",
    "error: ",
    "[DONE]",
    "{",
    "}",
    "[",
    "\"",
    "<think>",
    "\u{feff}",
    "{\"error\":{\"message\":\"m\",\"code\":429}}",
    "\"finish_reason\":\"length\"",
];

/// Answers the first request with `pieces` and refuses all others.
async fn serve(listener: &UnixListener, pieces: &[&[u8]]) {
    let mut pieces = Some(pieces);
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        let mut answer = Vec::new();
        match pieces.take() {
            Some(pieces) => {
                answer.extend(
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
                );
                for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                    answer.extend(format!("{:x}\r\n", piece.len()).as_bytes());
                    answer.extend(*piece);
                    answer.extend(b"\r\n");
                }
                answer.extend(b"0\r\n\r\n");
            }
            None => {
                answer.extend(b"HTTP/1.1 400 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            }
        }
        // The client need not read it all.
        let _ = socket.write_all(&answer).await;
    }
}

/// Reads a request whose body is one object.
async fn request(socket: &mut UnixStream) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"}") {
        let mut some = [0; 4096];
        let read = socket.read(&mut some).await.unwrap();
        assert!(read > 0, "a request without an end");
        bytes.extend(&some[..read]);
    }
}

/// The whole reply, and what ended it early.
async fn reply(client: &Client) -> (String, Option<ModelError>) {
    let question = vec![Message {
        role: Role::User,
        text: "Hello?".into(),
    }];
    let mut reply = client.reply(question);
    let mut text = String::new();
    while let Some(piece) = reply.next().await {
        match piece {
            Ok(piece) => text.push_str(&piece),
            Err(error) => return (text, Some(error)),
        }
    }
    (text, None)
}

#[test]
fn a_stream_ends_and_means_the_same_however_it_is_cut() {
    let alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("llm.sock");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let long = Duration::from_secs(30);
    let client = Client::new(Settings {
        base_url: "http://localhost/v1".into(),
        unix_socket: Some(socket.clone()),
        model: String::new(),
        key: None,
        temperature: 0.0,
        max_tokens: 100,
        connect_timeout: long,
        first_token_timeout: long,
        next_token_timeout: long,
        label: "the test".into(),
    })
    .unwrap();
    let listener = {
        let _inside = runtime.enter();
        UnixListener::bind(&socket).unwrap()
    };
    let ask = |pieces: &[&[u8]]| {
        runtime.block_on(async {
            tokio::select! {
                reply = reply(&client) => reply,
                () = serve(&listener, pieces) => unreachable!(),
            }
        })
    };

    let begun = STREAM.split_inclusive("\n\n").next().unwrap().as_bytes();
    let tail = STREAM.as_bytes()[begun.len()..].to_vec();
    let behind = move |rest: Bytes| Bytes([begun, &*rest].concat());
    let seeds = vec![STREAM.into(), OBJECT.into()];
    let flood = select(vec![
        "x",
        "data: x\n",
        "data: [",
        "data\n",
        "[1,",
        "{\"a\":",
        "\n",
        " ",
        "data: {}\n\n",
    ]);
    let body = prop_oneof![
        20 => mutated(vec![tail], &WORDS).prop_map(behind),
        2 => mutated(seeds, &WORDS),
        2 => noise().prop_map(behind),
        1 => noise(),
        1 => (flood, 1_usize..3 * LONGEST_EVENT)
            .prop_map(|(piece, length)| Bytes(piece.repeat(length / piece.len()).into())),
        1 => (1..LONGEST_EVENT)
            .prop_map(|n| Bytes(format!("data: [{}1]\n\n", "1,".repeat(n / 2)).into())),
    ];
    alone.fuzz(
        4,
        (body, 1_usize..40),
        // What the server has to send, and of an event what it says.
        |(body, _)| 1_000_000 + 16 * body.len() + 64 * body.len().min(LONGEST_EVENT),
        |(body, size)| {
            let whole = ask(&[body]);
            let pieces: Vec<&[u8]> = match body.len() {
                0..10_000 => body.chunks(*size).collect(),
                _ => body.chunks(size * 1_000).collect(),
            };
            let mut cut = ask(&pieces);
            if cut != whole {
                // What comes behind the end is waited for only shortly, and this machine may be slow.
                cut = ask(&pieces);
            }
            prop_assert_eq!(&cut, &whole);
            let (text, error) = whole;
            // A byte that is no text takes three.
            prop_assert!(text.len() <= (3 * body.len()).min(LONGEST_REPLY));
            let said = error.map_or_else(String::new, |error| error.to_string());
            prop_assert!(
                !said.chars().any(char::is_control) && said.len() < 2_000,
                "{said:?}"
            );
            let mut lines = body.split(|b| matches!(b, b'\n' | b'\r'));
            let is_endless = lines.any(|line| line.len() > LONGEST_EVENT);
            let is_refused = said.contains("1 MiB") || said.contains("white space");
            prop_assert!(is_refused || !is_endless, "{said:?}");
            Ok(())
        },
    );
}
