//! The control protocol: a real server at a real socket, and programs that write anything.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use hearken::control::{self, Claim, LONGEST_LINE};
use hearken::event::Bus;
use hearken::turn::order::{self, Order, Status};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use crate::mutate::{Bytes, mutated, noise};
use crate::trial::alone;

const REQUESTS: &str = r#"{"id":1,"method":"status"}
{"method":"mute"}
{"id":"b","method":"unmute"}
{"id":[2],"method":"listen"}
{"id":{"a":null},"method":"stop"}
{"method":"say","text":"Tea is ready.","id":3}
{"id":4.5,"method":"ask","text":"What's \u00e9?"}
{"id":5,"method":"volume","percent":80}
{"id":6,"method":"name","name":"Anna"}
{"id":7,"method":"history"}
{"id":8,"method":"forget"}
{"id":9,"method":"events"}
{"id":10,"method":"reload"}
{"id":11,"method":"upgrade","program":"/bin/true"}
{"id":12,"method":"devices"}
{"id":13,"method":"use-device","name":"headset","as":"microphone"}
{"id":14,"method":"shutdown"}
"#;

const WORDS: [&str; 18] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\n",
    "\r\n",
    "\\u0000",
    "\\ud800",
    "null",
    "-1",
    "1e400",
    "\"id\":",
    "\"method\":",
    "{\"method\":\"hand-over\"}\n",
    "\"text\":\" \"",
];

/// Has nothing to do and says so.
fn obey(mut orders: Receiver<Order>) {
    while let Some(order) = orders.blocking_recv() {
        // Who has asked may be gone.
        match order {
            Order::Listen | Order::Change(..) | Order::HandOver(..) => {}
            Order::Stop(done) => drop(done.send(false)),
            Order::Mute(_, done) => drop(done.send(())),
            Order::Forget(done) => drop(done.send(Ok(()))),
            Order::Say(_, _) => {}
            Order::Ask(_, done) => drop(done.send(None)),
            Order::Volume(percent, done) => drop(done.send(percent)),
            Order::Name(_, done) => drop(done.send(Ok(()))),
            Order::History(done) => drop(done.send(Vec::new())),
            Order::Status(done) => drop(done.send(status())),
        }
    }
}

fn status() -> Status {
    Status {
        state: "idle",
        turn: None,
        name: "Anna".into(),
        muted: false,
        asleep: false,
        window_open: false,
        microphone: true,
        loudspeaker: true,
        volume_percent: 100,
        level: 0.0,
        erle_db: None,
        backend: "none".into(),
        process: 1,
        remembered_turns: 0,
    }
}

/// What the server answers to `bytes`, until it closes.
fn answers(socket: &Path, bytes: &[u8]) -> std::io::Result<String> {
    let stream = UnixStream::connect(socket)?;
    let within = Some(Duration::from_secs(20));
    stream.set_read_timeout(within)?;
    stream.set_write_timeout(within)?;
    let mut said = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // It may have closed already, and need not read on.
            let _ = (&stream).write_all(bytes);
            let _ = stream.shutdown(Shutdown::Write);
        });
        match (&stream).read_to_end(&mut said) {
            // Closed with some of what was written unread.
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => Err(error),
            _ => Ok(()),
        }
    })?;
    String::from_utf8(said).map_err(std::io::Error::other)
}

/// The fields of what stands on a line, as they are written.
fn fields(line: &str) -> serde_json::Result<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_str(line)
}

/// The ids of what stands on the lines, `null` where there is none.
fn ids(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split('\n').filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let id = fields(line).unwrap_or_default().remove("id");
            id.unwrap_or_default().get().to_owned()
        })
        .collect()
}

#[test]
fn whatever_is_written_each_line_is_answered_in_its_order() {
    let alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let (orders, ordered) = order::channel();
    let claim = Claim::new(&socket).unwrap();
    let stop = CancellationToken::new();
    let server = control::serve(claim, orders, Bus::default(), stop, <_>::default()).unwrap();
    let obeying = std::thread::spawn(|| obey(ordered));

    let lines: Vec<Vec<u8>> = REQUESTS.split_inclusive('\n').map(Into::into).collect();
    let stream = prop_oneof![
        3 => mutated(vec![REQUESTS.into()], &WORDS),
        3 => mutated(lines, &WORDS),
        1 => noise(),
        1 => (select(vec!["[", "{\"a\":", "1,", "{\"id\":[", "\"", "\n", "{}\n"]), 1_usize..40_000)
            .prop_map(|(piece, times)| Bytes(piece.repeat(times).into_bytes())),
        1 => (1_usize..30_000)
            .prop_map(|n| Bytes(format!("{{\"method\":\"stop\",\"x\":[{}1]}}\n", "1,".repeat(n)).into())),
    ];
    alone.fuzz(
        2,
        stream,
        // Of a line, what it says; and the answers, which are here as well as there.
        |bytes| 500_000 + 64 * bytes.len().min(LONGEST_LINE) + 64 * bytes.len(),
        |bytes| {
            let said = answers(&socket, bytes).unwrap();
            let mut told = said
                .split_terminator('\n')
                .map(|line| fields(line).unwrap());
            let hello = told.next().unwrap();
            prop_assert_eq!(hello["protocol"].get(), control::PROTOCOL.to_string());
            let asked = ids(bytes);
            let mut answered = Vec::new();
            for answer in told {
                prop_assert!(
                    answer.contains_key("ok") != answer.contains_key("error"),
                    "{:?}",
                    answer
                );
                // An error without an id is the last word: bytes that are no text, or a line without end.
                answered.extend(answer.get("id").map(|id| id.get().to_owned()));
            }
            prop_assert!(
                asked.starts_with(&answered),
                "{:?} and not {:?}",
                answered,
                asked
            );
            let whole = std::str::from_utf8(bytes).is_ok()
                && !said.contains("a line is longer")
                && !bytes.windows(9).any(|at| at == b"hand-over");
            prop_assert!(!whole || answered.len() == asked.len(), "{}", said);
            Ok(())
        },
    );
    drop(server);
    obeying.join().unwrap();
}
