//! `/readyz` of a member of a group: ready once the group has given it its partitions, even if those are none.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;

use crate::kafka::PATIENCE;
use crate::kit::{Dir, Running};
use crate::kit_pipeline::Pipeline;
use crate::metrics::{address, fetch};

/// A member, and where its pages are. The cluster here lets a new group wait three seconds for more members.
fn member(dir: &Dir, brokers: &str, name: &str) -> (Running, String) {
    Pipeline::at(brokers)
        .source(&[("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "300")])
        .both(&[("socket.timeout.ms", "1500")])
        .with("[metrics]\nlisten = \"127.0.0.1:0\"\n")
        .write(dir, name);
    let mut running = dir.cmd().args("run").arg(name).spawn();
    let at = address(&mut running);
    (running, at)
}

fn is_ready(at: &str) -> bool {
    let answer = fetch(at, "/readyz");
    assert!(fetch(at, "/healthz").ends_with("ok\n"));
    match answer.ends_with("\r\n\r\nok\n") {
        true => true,
        false => {
            assert!(answer.contains(" 503 ") && answer.contains("is starting"), "{answer}");
            false
        }
    }
}

fn until_ready(at: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !is_ready(at) {
        assert!(Instant::now() < deadline, "{at} does not become ready");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn ready_is_who_has_an_assignment() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("app", 1, 1).unwrap();
    mock.create_topic("clean.app", 1, 1).unwrap();
    let (brokers, dir) = (mock.bootstrap_servers(), Dir::new());

    let (mut first, at_first) = member(&dir, &brokers, "first.toml");
    assert!(!is_ready(&at_first), "it looks at its topics");
    first.wait_for_stderr("first.toml: running");
    assert!(!is_ready(&at_first), "it has no partition yet");
    first.wait_for_stderr("assigned app[0]");
    until_ready(&at_first);

    // One partition is too few for two: one of them has none, and is ready all the same.
    let (second, at_second) = member(&dir, &brokers, "second.toml");
    until_ready(&at_second);
    until_ready(&at_first);
    for running in [second, first] {
        running.signal("TERM");
        running.wait().code(0);
    }
}
