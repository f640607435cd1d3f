//! Records that Kafka carries although nobody should write them.

use std::path::Path;

use crate::brokers::{Broker, Foreign, Kind};
use crate::kafka::{Client, Seen};
use crate::kit::{Dir, Out, contains};
use crate::kit_pipeline::Pipeline;

/// A broker with the records of `foreign.py odd`, which are from 1970: they must not be thrown away for their age.
fn stage() -> (Broker, Client) {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    for topic in ["app", "clean.app"] {
        client.create(topic, 1, &[("retention.ms", "-1")]);
    }
    Foreign::must(&["odd", &broker.address(), "app"]);
    (broker, client)
}

fn pipeline(dir: &Dir, broker: &Broker, more: &str) {
    Pipeline::at(&broker.address()).with(more).write(dir, "p.toml");
}

/// Runs it until so many records have come out.
fn run(dir: &Dir, client: &Client, count: usize) -> (Vec<Seen>, Out) {
    let running = dir.cmd().args("run p.toml").spawn();
    let seen = client.read("clean.app", count);
    running.signal("TERM");
    let out = running.wait().code(0);
    assert!(!contains(&out.stderr, "panicked"), "{}", String::from_utf8_lossy(&out.stderr));
    (seen, out)
}

#[test]
fn a_header_whose_name_is_no_text_makes_the_record_unreadable() {
    let (broker, client) = stage();
    let dir = Dir::new();
    pipeline(&dir, &broker, "");
    let (seen, out) = run(&dir, &client, 4);
    let texts: Vec<_> = seen.iter().map(Seen::str).collect();
    assert_eq!(texts, ["of old", "[UNREADABLE]", "plain", "older"]);
    let header = |name: &str, value: &str| (name.to_string(), Some(value.as_bytes().to_vec()));
    assert_eq!(seen[1].headers, [header("note", "ssn: [SSN]"), header("trace", "a")], "the others are kept");
    assert_eq!(seen[1].key.as_deref(), Some(b"k".as_slice()));
    assert!(contains(&out.stderr, "1 record unreadable"));

    // The smallest time that can be kept, and those beside it.
    let times: Vec<_> = seen.iter().map(|m| m.timestamp).collect();
    assert_eq!(times, [Some(1), Some(5), Some(6), Some(-2)]);
}

#[test]
fn such_a_record_can_be_sealed() {
    let (broker, client) = stage();
    let dir = Dir::new();
    let key = dir.secret("key", "a".repeat(64));
    let quarantine = "[on_error]\naction = \"quarantine\"\nto = { dir = \"q\" }\nkey = \"file:key\"\n";
    std::fs::create_dir(dir.path().join("q")).unwrap();
    pipeline(&dir, &broker, quarantine);
    let (seen, _) = run(&dir, &client, 3);
    assert_eq!(seen.iter().map(Seen::str).collect::<Vec<_>>(), ["of old", "plain", "older"]);
    let sealed =
        dir.files().into_iter().map(|(path, _)| path).find(|p| p.parent() == Some(&*dir.path().join("q")));
    // All of it but that header.
    let opened = open(&dir, &key, &sealed.expect("an envelope"));
    for there in ["\"offset\":1", "not UTF-8", "Maria Lopez", "219-10-9999"] {
        assert!(contains(&opened.stdout, there), "{there}: {}", String::from_utf8_lossy(&opened.stdout));
    }
}

fn open(dir: &Dir, key: &Path, sealed: &Path) -> Out {
    dir.cmd().args("quarantine open --key").arg(format!("file:{}", key.display())).arg(sealed).run().code(0)
}

#[test]
fn such_a_record_can_stop_the_line() {
    let (broker, client) = stage();
    let dir = Dir::new();
    pipeline(&dir, &broker, "[on_error]\naction = \"halt\"\n");
    let out = dir.cmd().args("run p.toml").run().code(2);
    let out = out.stderr_has("app[0]@1: a header's name is not UTF-8; stopped before it");
    assert!(!contains(&out.stderr, "panicked"));
    assert_eq!(client.count("clean.app"), 0, "nothing of its batch is delivered");
}
