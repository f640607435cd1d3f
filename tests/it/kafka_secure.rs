//! TLS and logins: the whole way goes over them, and what is wrong with them is said.

use std::time::{Duration, Instant};

use crate::brokers::{Broker, Gate, Kind};
use crate::kafka::{Client, Seen};
use crate::kit::{Cmd, Dir, contains};
use crate::kit_pipeline::Pipeline;

/// The properties of a client, with some of them changed; an empty value takes one away.
fn properties(changes: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let mut all = Gate::properties();
    for (name, value) in &mut all {
        if let Some((_, other)) = changes.iter().find(|(changed, _)| changed == name) {
            *value = other.to_string();
        }
    }
    all.retain(|(_, value)| !value.is_empty());
    all
}

/// `scrubjay run` with these properties at source and sink. The password is where a password has to be.
fn run(dir: &Dir, brokers: &str, properties: &[(&'static str, String)]) -> Cmd {
    let named = properties.iter().map(|(name, value)| match *name {
        "sasl.password" => (*name, "env:KAFKA_PASSWORD"),
        _ => (*name, value.as_str()),
    });
    Pipeline::at(brokers)
        .create()
        .source(&[("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "300")])
        .both(&[("socket.timeout.ms", "1500")])
        .both(&named.collect::<Vec<_>>())
        .write(dir, "p.toml");
    let password = properties.iter().find(|(name, _)| *name == "sasl.password");
    let password = password.map_or("", |(_, value)| value.as_str());
    dir.cmd().args("run p.toml").env("KAFKA_PASSWORD", password)
}

#[test]
fn all_of_it_goes_over_tls_with_a_login() {
    let (gate, dir) = (Gate::start(), Dir::new());
    let client = Client::new(&gate.address()).with(&properties(&[]));
    client.create("app", 2, &[]);
    client.produce("app", (0..500).map(|n| Seen::text(n % 2, "SSN 219-10-9999 on file")));
    let running = run(&dir, &gate.address(), &properties(&[])).spawn();
    let seen = client.read("clean.app", 500);
    assert!(seen.iter().all(|m| m.str() == "SSN [SSN] on file"));
    running.signal("TERM");
    let out = running.wait().code(0);
    assert_eq!(client.committed("g", "app"), [250, 250]);
    assert!(!contains(&out.all(), Gate::LOGIN.1), "the password is not shown");
}

/// What cannot get better by itself ends the start, with a sentence.
#[test]
fn a_wrong_certificate_or_login_is_refused() {
    let (gate, dir) = (Gate::start(), Dir::new());
    let other_ca = Gate::file("other-ca.pem");
    for (changes, says) in [
        (&[("ssl.ca.location", other_ca.as_str())][..], "the TLS handshake failed: check `ssl.ca.location`"),
        (&[("ssl.ca.location", other_ca.as_str())], "certificate verify failed"),
        (&[("sasl.password", "guess")], "the broker refused the credentials: check `sasl.username`"),
        (&[("sasl.mechanism", "SCRAM-SHA-512")], "supported mechanisms: PLAIN"),
        (&[("ssl.ca.location", "/nowhere.pem")], "ssl.ca.location failed"),
        // It was not the gate that was wrong.
        (&[], "topic app does not exist"),
    ] {
        let out = run(&dir, &gate.address(), &properties(changes)).run().code(2).stderr_has(says);
        assert_eq!(out.stderr.iter().filter(|b| **b == b'\n').count(), 1, "one sentence");
        assert!(!contains(&out.all(), "guess"));
    }
}

/// A connection that the other side closes may be a broker that starts: it is tried again, and the likely reason said.
#[test]
fn a_protocol_that_does_not_fit_is_named() {
    let (gate, plain, dir) = (Gate::start(), Broker::start(Kind::Noida), Dir::new());
    let no_login = [("sasl.mechanism", ""), ("sasl.username", ""), ("sasl.password", "")];
    let with = |protocol: &'static str| [&[("security.protocol", protocol)], &no_login[..]].concat();
    for (brokers, changes, says) in [
        (gate.address(), with("PLAINTEXT"), "does `security.protocol` fit"),
        (gate.address(), with("SSL"), "does `security.protocol` fit"),
        (plain.address(), with("SSL"), "connecting to a PLAINTEXT broker listener?"),
    ] {
        let began = Instant::now();
        let mut running = run(&dir, &brokers, &properties(&changes)).spawn();
        running.wait_for_stderr(says);
        assert!(began.elapsed() < Duration::from_secs(10), "said after {:?}", began.elapsed());
        assert!(contains(&running.stderr_so_far(), format!("cannot reach {brokers}")));
        running.signal("TERM");
        running.wait().code(0);
    }
}
