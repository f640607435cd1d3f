//! `scrubjay run` on a real broker: killed, stopped, and asked what it does with identifiers.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::brokers::{Broker, Kind};
use crate::kafka::{Client, Seen, assert_nothing_lost, word};
use crate::kit::{Dir, Running, contains};

/// Writes a pipeline file that reads `app` as a member that keeps its place when it is killed.
fn pipeline(dir: &Dir, broker: &Broker, more: &str) -> PathBuf {
    let brokers = broker.address();
    dir.file(
        "pipeline.toml",
        format!(
            r#"
[source.kafka]
brokers = "{brokers}"
topics = ["app"]
group = "g"
properties = {{ "group.instance.id" = "one", "session.timeout.ms" = "6000", "receive.message.max.bytes" = "2000000000" }}

[sink.kafka]
topic = "clean.{{topic}}"
create = true
{more}
"#
        ),
    )
}

fn start(dir: &Dir) -> Running {
    dir.cmd().args("run pipeline.toml").spawn()
}

#[test]
fn killed_at_any_time_it_loses_nothing() {
    const COUNT: usize = 20_000;
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let client = Client::new(&broker.address());
    client.create("app", 3, &[]);
    pipeline(&dir, &broker, "");
    let sent: Vec<_> = (0..COUNT)
        .map(|n| {
            let mut m = Seen::text((n % 3) as i32, &word(n));
            m.key = Some(format!("key {}", word(n)).into_bytes());
            m.headers = vec![("trace".into(), Some(word(n).into_bytes()))];
            m
        })
        .collect();
    for (part, chunk) in sent.chunks(COUNT / 4).enumerate() {
        client.produce("app", chunk.to_vec());
        let running = start(&dir);
        client.read_until("clean.app", |seen| seen.len() > part * COUNT / 4 + COUNT / 16);
        running.signal("KILL");
        let _ = running.wait();
    }
    let running = start(&dir);
    let wanted: BTreeSet<_> = sent.iter().map(Seen::str).collect();
    let all = |seen: &[Seen]| seen.iter().map(Seen::str).collect::<BTreeSet<_>>().len() >= wanted.len();
    let seen = client.read_until("clean.app", all);
    running.signal("TERM");
    running.wait().code(0);
    assert_nothing_lost(&sent, &seen);
    for m in &seen {
        assert_eq!(m.key.as_deref(), Some(format!("key {}", m.str()).as_bytes()));
        assert_eq!(m.headers, [("trace".to_string(), m.payload.clone())]);
    }
    assert_eq!(client.committed("g", "app").iter().sum::<i64>(), COUNT as i64, "a clean stop commits all");
}

#[test]
fn identifiers_go_from_payload_key_and_headers() {
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    pipeline(&dir, &broker, "");
    let ssn = "219-10-9999";
    let mut m = Seen::text(0, &format!(r#"{{"msg":"SSN {ssn} on file"}}"#));
    m.key = Some(format!("ssn {ssn}").into_bytes());
    m.headers = vec![
        ("note".into(), Some(format!("ssn: {ssn}").into_bytes())),
        ("ok".into(), Some(b"plain".to_vec())),
    ];
    client.produce("app", [m]);
    let running = start(&dir);
    let seen = client.read("clean.app", 1).remove(0);
    running.signal("TERM");
    let out = running.wait().code(0);
    assert_eq!(seen.str(), r#"{"msg":"SSN [SSN] on file"}"#);
    assert_eq!(seen.key.as_deref(), Some(b"ssn [SSN]".as_slice()));
    assert_eq!(seen.headers[0].1.as_deref(), Some(b"ssn: [SSN]".as_slice()));
    assert_eq!(seen.headers[1].1.as_deref(), Some(b"plain".as_slice()));
    assert!(!contains(&out.all(), ssn));
}

#[test]
fn what_cannot_be_forwarded_goes_sealed_to_the_quarantine_topic() {
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let client = Client::new(&broker.address());
    client.create("app", 2, &[]);
    client.create("clean.app", 2, &[("max.message.bytes", "20000")]);
    let key = dir.file("key", "a".repeat(64));
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    pipeline(
        &dir,
        &broker,
        "[on_error]\naction = \"quarantine\"\nto = { topic = \"quarantine\" }\nkey = \"file:key\"\n",
    );
    let large = "spacious ".repeat(2500);
    let sent: Vec<_> =
        (0..100).map(|n| Seen::text(n % 2, if n % 10 == 7 { &large } else { "small" })).collect();
    client.produce("app", sent);
    let running = start(&dir);
    let sealed = client.read("quarantine", 10);
    client.read("clean.app", 90);
    running.signal("TERM");
    running.wait().code(0);
    for (i, m) in sealed.iter().enumerate() {
        assert_eq!(m.partition, 1, "all of them came from partition 1");
        let origin = format!("app[1]@{}", i * 5 + 3);
        assert_eq!(m.headers, [("scrubjay.origin".to_string(), Some(origin.into_bytes()))]);
        assert!(!contains(m.payload.as_deref().unwrap(), "spacious"));
    }
}

#[test]
fn a_refusal_is_a_sentence_and_exit_2() {
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    pipeline(&dir, &broker, "");
    start(&dir).wait().code(2).stderr_has("topic app does not exist");
}

#[test]
fn it_stops_while_it_waits_for_a_broker() {
    let (mut broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    pipeline(&dir, &broker, "");
    broker.kill();
    let mut running = start(&dir);
    running.wait_for_stderr("cannot reach");
    running.signal("TERM");
    running.wait().code(0);
}
