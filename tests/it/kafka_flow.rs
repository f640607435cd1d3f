//! Records go through whole: nothing is lost, changed or out of order.

use std::time::{SystemTime, UNIX_EPOCH};

use scrubjay::scrubber::Settings;

use crate::brokers::{Broker, Kind};
use crate::kafka::{Client, Running, Seen, assert_nothing_lost, word};

/// What a record may look like, by its number. The time is of late, or the broker's retention would drop it.
fn message(now_ms: i64, n: usize) -> Seen {
    let mut m = Seen::text((n % 4) as i32, &word(n));
    m.timestamp = Some(now_ms - 10_000_000 + n as i64);
    m.key = match n % 5 {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(format!("key {}", word(n)).into_bytes()),
    };
    match n % 10 {
        3 => m.payload = None,
        4 => m.payload = Some(Vec::new()),
        _ => {}
    }
    let header = |name: &str, value: Option<&[u8]>| (name.to_string(), value.map(<[u8]>::to_vec));
    if n.is_multiple_of(3) {
        m.headers = vec![
            header("trace", Some(word(n).as_bytes())),
            header("empty", Some(b"")),
            header("trace", Some(b"again")),
            header("null", None),
            header("n", Some(b"nameless")),
        ];
    }
    m
}

#[test]
fn a_hundred_thousand_records_arrive_as_they_were() {
    const COUNT: usize = 100_000;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let message = |n| message(now_ms, n);
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 4, &[]);
    client.produce("app", (0..COUNT).map(message));
    let running = Running::start(&client.source(&["app"], "g"), &client.sink());
    let seen = client.read("clean.app", COUNT);
    let tally = running.stop().unwrap();
    assert_eq!(tally.records, COUNT as u64);

    // Partition by partition, every record is the same in every respect.
    for partition in 0..4 {
        let got = seen.iter().filter(|m| m.partition == partition);
        let want = (0..COUNT).map(message).filter(|m| m.partition == partition);
        for (i, (got, want)) in got.zip(want).enumerate() {
            assert_eq!(*got, want, "record {i} of partition {partition}");
        }
    }
    let committed: i64 = client.committed("g", "app").iter().sum();
    assert_eq!(committed, COUNT as i64, "the stop commits everything");
}

#[test]
fn a_second_run_goes_on_where_the_first_stopped() {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 2, &[]);
    let part = |from: usize, to: usize| (from..to).map(|n| Seen::text((n % 2) as i32, &word(n)));
    for run in 0..3 {
        client.produce("app", part(run * 500, run * 500 + 500));
        let running = Running::start(&client.source(&["app"], "g"), &client.sink());
        client.read("clean.app", run * 500 + 500);
        assert_eq!(running.stop().unwrap().records, 500, "no record twice");
    }
}

#[test]
fn topics_and_partitions_that_appear_later_are_read() {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app.a", 1, &[]);
    let running = Running::start(&client.source(&["^app\\."], "g"), &client.sink());
    client.produce("app.a", [Seen::text(0, &word(1))]);
    client.read("clean.app.a", 1);
    client.create("app.b", 3, &[]);
    client.produce("app.b", (0..3).map(|n| Seen::text(n, &word(n as usize))));
    // The sink's topic is made when the first record comes.
    client.read("clean.app.b", 3);
    running.stop().unwrap();
}

#[test]
fn records_too_large_for_the_topic_are_set_aside_in_order() {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    client.create("clean.app", 1, &[("max.message.bytes", "20000")]);
    let large = "spacious ".repeat(2500);
    let sent: Vec<_> =
        (0..2000).map(|n| Seen::text(0, if n % 100 == 7 { &large } else { "small" })).collect();
    client.produce("app", sent);
    let running =
        Running::with(&client.source(&["app"], "g"), &client.sink(), Settings::new(), |sink| Box::new(sink));
    let seen = client.read("clean.app", 2000);
    running.stop().unwrap();
    for (n, m) in seen.iter().enumerate() {
        assert_eq!(m.str(), if n % 100 == 7 { "[UNREADABLE]" } else { "small" }, "record {n}");
    }
}

#[test]
fn a_broker_that_restarts_is_waited_for() {
    let mut broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 2, &[]);
    let sent: Vec<_> = (0..20_000).map(|n| Seen::text((n % 2) as i32, &word(n))).collect();
    client.produce("app", sent[..10_000].to_vec());
    let mut source = client.source(&["app"], "g");
    source.max_batch_records = 500;
    let running = Running::start(&source, &client.sink());
    client.read_until("clean.app", |seen| seen.len() > 1000);
    broker.shut_down();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(running.runs());
    broker.resume();
    client.produce("app", sent[10_000..].to_vec());
    let seen = client.read_until("clean.app", |seen| seen.len() >= sent.len());
    running.stop().unwrap();
    assert_nothing_lost(&sent, &seen);
}
