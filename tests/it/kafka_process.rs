//! `scrubjay run` on a real broker: killed, stopped, and asked what it does with identifiers.

use std::time::{Duration, Instant};

use crate::brokers::{Broker, Foreign, Kind};
use crate::kafka::{Client, PATIENCE, Seen, word};
use crate::kit::{Dir, Out, Running, contains};
use crate::kit_pipeline::Pipeline;

/// A pipeline that keeps its place when it is killed, with these tables beside.
fn pipeline(dir: &Dir, broker: &Broker, more: &str) {
    let large = [("receive.message.max.bytes", "2000000000")];
    Pipeline::on(broker).member().source(&large).with(more).write(dir, "pipeline.toml");
}

fn start(dir: &Dir) -> Running {
    dir.cmd().args("run pipeline.toml").spawn()
}

/// Waits until so many records have come out.
fn until_delivered(client: &Client, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while client.count("clean.app") < count {
        assert!(Instant::now() < deadline, "{} of {count} records came out", client.count("clean.app"));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A member that is in the middle of its work: another client, not ours, goes on writing the records up to `end`.
fn in_the_middle(client: &Client, dir: &Dir, at: &str, first: usize, end: usize) -> (Running, Foreign) {
    let mut running = start(dir);
    running.wait_for_stderr("assigned");
    let before = client.count("clean.app");
    let writer = Foreign::start(&["produce", at, "app", &first.to_string(), &end.to_string(), "1250"]);
    until_delivered(client, before + 100);
    (running, writer)
}

/// Every record holds identifiers, in its payload and often in its key and headers. A client that is not ours writes
/// them and looks at each that comes out.
#[test]
fn killed_at_any_time_it_loses_nothing_and_lets_nothing_through() {
    const COUNT: usize = 20_000;
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let (client, at) = (Client::new(&broker.address()), broker.address());
    client.create("app", 3, &[]);
    pipeline(&dir, &broker, "");
    for part in 0..5 {
        let (first, end) = (part * COUNT / 5, (part + 1) * COUNT / 5);
        let (running, writer) = in_the_middle(&client, &dir, &at, first, end);
        // At another moment between two batches, or within one, each time.
        std::thread::sleep(Duration::from_millis(part as u64 * 37));
        assert!(client.count("app") < end, "it is killed while records keep coming");
        running.signal("KILL");
        assert_eq!(running.wait().exit_code(), None, "it was killed");
        let (good, said) = writer.end();
        assert!(good, "{said}");
    }
    let running = start(&dir);
    Foreign::must(&["verify", &at, "app", "clean.app", &COUNT.to_string()]);
    running.signal("TERM");
    running.wait().code(0);
    let committed: i64 = client.committed("g", "app").iter().sum();
    assert_eq!(committed, COUNT as i64, "a clean stop commits all");
}

/// What a stop has delivered it has committed, so that nothing comes twice.
#[test]
fn a_clean_stop_in_the_middle_repeats_nothing() {
    const COUNT: usize = 9000;
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let (client, at) = (Client::new(&broker.address()), broker.address());
    client.create("app", 3, &[]);
    pipeline(&dir, &broker, "");
    for part in 0..3 {
        let (first, end) = (part * COUNT / 3, (part + 1) * COUNT / 3);
        let (running, writer) = in_the_middle(&client, &dir, &at, first, end);
        std::thread::sleep(Duration::from_millis(part as u64 * 37));
        assert!(client.count("app") < end, "it is stopped while records keep coming");
        let asked = Instant::now();
        running.signal("TERM");
        running.wait().code(0).stderr_has("ended");
        assert!(asked.elapsed() < Duration::from_secs(2), "a stop took {:?}", asked.elapsed());
        Foreign::must(&["committed", &at, "g", "app", "clean.app"]);
        let (good, said) = writer.end();
        assert!(good, "{said}");
    }
    let running = start(&dir);
    let said = Foreign::must(&["verify", &at, "app", "clean.app", &COUNT.to_string()]);
    assert!(said.contains(" 0 came twice"), "{said}");
    running.signal("TERM");
    running.wait().code(0);
    Foreign::must(&["committed", &at, "g", "app", "clean.app"]);

    // The judge itself: what was not scrubbed does not pass.
    let (good, said) = Foreign::judge(&["verify", &at, "app", "app", &COUNT.to_string()]);
    assert!(!good && said.contains("holds a planted value"), "{said}");
    let (good, said) = Foreign::judge(&["committed", &at, "nobody", "app", "clean.app"]);
    assert!(!good && said.contains("committed None"), "{said}");
}

/// Waits for the end of a line whose brokers are away, which must come soon.
fn ends_soon(running: Running) -> Out {
    let asked = Instant::now();
    running.signal("TERM");
    let out = running.wait();
    assert!(asked.elapsed() < Duration::from_millis(2500), "a stop took {:?}", asked.elapsed());
    out
}

#[test]
fn a_stop_does_not_wait_for_brokers_that_are_away() {
    let (mut broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let client = Client::new(&broker.address());
    client.create("app", 3, &[]);
    pipeline(&dir, &broker, "");

    // Nothing to do.
    let mut running = start(&dir);
    running.wait_for_stderr("assigned");
    // Not killed: its topics have to be there when it comes back.
    broker.shut_down();
    running.wait_for_stderr("cannot reach");
    ends_soon(running).code(0);

    // Before it has begun, when it has tried for long.
    let mut running = start(&dir);
    running.wait_for_stderr("cannot reach");
    std::thread::sleep(Duration::from_secs(4));
    ends_soon(running).code(0);

    // In the middle of its work.
    broker.resume();
    let sent = (0..200_000).map(|n| Seen::text(n % 3, &word(n as usize)));
    client.produce("app", sent);
    let mut running = start(&dir);
    until_delivered(&client, 1);
    broker.kill();
    running.wait_for_stderr("cannot reach");
    assert!(running.stderr_so_far().windows(5).all(|w| w != b"ended"));
    let out = ends_soon(running);
    match out.exit_code() {
        // What was on its way could not be delivered, and that is said.
        Some(2) => drop(out.stderr_has("will be read again")),
        code => assert_eq!(code, Some(0)),
    }
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
    dir.secret("key", "a".repeat(64));
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
