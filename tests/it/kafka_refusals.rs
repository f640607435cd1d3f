//! What is refused before a line starts, and with which words.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scrubjay::kafka::{KafkaRefusal, KafkaSinkOptions, KafkaSourceOptions, check, preflight};

use crate::brokers::{Broker, Kind};
use crate::kafka::Client;

fn refusal(source: &KafkaSourceOptions, sink: &KafkaSinkOptions, key_injective: bool) -> String {
    let stop = Arc::new(AtomicBool::new(false));
    match preflight(source, sink, key_injective, &stop) {
        Ok(_) => panic!("not refused: {source:?} {sink:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 3, &[]);
    client.create("narrow.app", 2, &[]);
    client.create("compact.app", 3, &[("cleanup.policy", "compact")]);
    client.create("compact", 3, &[("cleanup.policy", "compact")]);
    let existing = |template: &str| KafkaSinkOptions::new(&broker.address(), template);
    let app = client.source(&["app"], "g");

    let cases = [
        (
            "a source topic that is missing",
            client.source(&["app", "nope"], "g"),
            existing("clean"),
            "topic nope does not",
        ),
        (
            "a sink topic that is missing",
            app.clone(),
            existing("clean.{topic}"),
            "topic clean.app does not exist",
        ),
        ("a loop by name", app.clone(), existing("{topic}"), "for ever"),
        ("a loop by pattern", client.source(&["^.*app$"], "g"), existing("compact.{topic}"), "`^.*app$`"),
        (
            "a loop through quarantine",
            app.clone(),
            KafkaSinkOptions { quarantine_topic: Some("app".into()), ..existing("narrow.{topic}") },
            "for ever",
        ),
        (
            "fewer partitions",
            app.clone(),
            existing("narrow.{topic}"),
            "has 2 partitions, but its source has 3",
        ),
        ("keys that collapse", app.clone(), existing("compact.{topic}"), "key_action"),
        (
            "a compacted quarantine",
            app.clone(),
            KafkaSinkOptions { quarantine_topic: Some("compact".into()), ..client.sink() },
            "sealed records have no key",
        ),
    ];
    for (what, source, sink, says) in cases {
        let said = refusal(&source, &sink, false);
        assert!(said.contains(says), "{what}: {said}");
    }

    let stop = Arc::new(AtomicBool::new(false));
    assert!(preflight(&app, &existing("compact.{topic}"), true, &stop).is_ok(), "keys that stay different");
}

#[test]
fn missing_topics_are_made_like_their_source() {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app.a", 3, &[]);
    client.create("app.b", 5, &[("max.message.bytes", "2000000")]);
    let source = client.source(&["^app\\."], "g");
    let mut sink = client.sink();
    sink.quarantine_topic = Some("quarantine".into());
    check(&source, &sink, false, Duration::from_secs(30)).unwrap();
    assert_eq!(client.partitions("clean.app.a"), 0, "a check makes nothing");

    let stop = Arc::new(AtomicBool::new(false));
    let passed = preflight(&source, &sink, false, &stop).unwrap();
    assert_eq!([client.partitions("clean.app.a"), client.partitions("clean.app.b")], [3, 5]);
    assert_eq!(client.partitions("quarantine"), 5);
    assert!((1_000_000..1_048_588).contains(&passed.max_output_bytes), "{}", passed.max_output_bytes);
    // Several topics into one: it grows to the largest.
    preflight(&source, &KafkaSinkOptions { topic: "all".into(), ..sink }, false, &stop).unwrap();
    assert_eq!(client.partitions("all"), 5);
}

#[test]
fn the_smallest_topic_sets_the_limit() {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    client.create("clean.app", 1, &[("max.message.bytes", "20000")]);
    let stop = Arc::new(AtomicBool::new(false));
    let passed = preflight(&client.source(&["app"], "g"), &client.sink(), false, &stop).unwrap();
    assert!((19_000..20_000).contains(&passed.max_output_bytes), "{}", passed.max_output_bytes);
}

#[test]
fn a_broker_that_is_away_is_waited_for() {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    let (source, sink) = (client.source(&["app"], "g"), client.sink());
    let mut broker = broker;
    broker.shut_down();
    let error = check(&source, &sink, false, Duration::from_millis(100)).unwrap_err();
    assert!(matches!(error, KafkaRefusal::Unreachable { .. }), "{error}");

    let stop = Arc::new(AtomicBool::new(false));
    let waiting = std::thread::spawn({
        let (source, sink, stop) = (source.clone(), sink.clone(), stop.clone());
        move || preflight(&source, &sink, false, &stop).map(|_| ())
    });
    std::thread::sleep(Duration::from_millis(500));
    assert!(!waiting.is_finished());
    broker.resume();
    waiting.join().unwrap().unwrap();

    broker.shut_down();
    let waiting = std::thread::spawn({
        let stop = stop.clone();
        move || preflight(&source, &sink, false, &stop).map(|_| ())
    });
    stop.store(true, Ordering::Relaxed);
    assert!(matches!(waiting.join().unwrap(), Err(KafkaRefusal::Stopped)));
}
