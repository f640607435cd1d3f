//! A pipeline between topics that looks for an organisation's own patients, while their roster is built anew.

use std::time::{Duration, Instant};

use crate::brokers::{Broker, Kind};
use crate::kafka::{Client, PATIENCE, Seen};
use crate::kit::{Dir, contains};
use crate::kit_pipeline::Pipeline;
use crate::metrics::{address, fetch};

const KEY: &str = "8f3b6c1d9e2a4f7085b4c3d2e1f0a9b8c7d6e5f4031221304f5e6d7c8b9aa0b1";

/// Builds a roster of these patients beside the one that is there, and puts it in its place.
fn build(dir: &Dir, patients: &str) {
    dir.file("patients.csv", format!("first,last\n{patients}"));
    dir.cmd().args("roster build patients.csv -o roster.bin --key file:key").run().code(0);
}

/// The value of a metric, 0 if it has none yet.
fn metric(at: &str, line: &str) -> u64 {
    let text = fetch(at, "/metrics");
    let value = text.lines().find_map(|l| l.strip_prefix(line));
    value.map_or(0, |v| v.trim().parse().unwrap())
}

#[test]
fn a_roster_is_used_and_replaced_between_topics() {
    let (broker, dir) = (Broker::start(Kind::Noida), Dir::new());
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    dir.secret("key", KEY);
    build(&dir, "Quilliam,Vextrow\n");
    let key = dir.path().join("key");
    let tables = format!(
        "[detect]\nroster = \"roster.bin\"\nroster_key = \"file:{}\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
        key.display()
    );
    Pipeline::on(&broker).with(&tables).write(&dir, "pipeline.toml");
    let mut sent = 0;
    // In lower case and without a cue only the roster tells who that is.
    let mut scrubbed = |text: &str| {
        client.produce("app", [Seen::text(0, text)]);
        sent += 1;
        client.read("clean.app", sent).pop().unwrap().str().to_owned()
    };
    let mut running = dir.cmd().args("run pipeline.toml").spawn();
    let at = address(&mut running);
    running.wait_for_stderr("assigned");
    assert_eq!(scrubbed("ping vextrow quilliam, tamble orsky"), "ping [NAME], tamble orsky");
    assert_eq!(scrubbed(r#"{"note":"vextrow^quilliam"}"#), r#"{"note":"[NAME]"}"#);

    build(&dir, "Tamble,Orsky\nIda,Mo\n");
    running.wait_for_stderr("roster reloaded");
    assert_eq!(scrubbed("ping vextrow quilliam, tamble orsky"), "ping vextrow quilliam, [NAME]");
    assert_eq!(metric(&at, "scrubjay_reloads_total{result=\"ok\"}"), 1);

    // A broken one leaves the last good one in its place, and is told of.
    let good = dir.read("roster.bin");
    dir.file("new.bin", &good[..good.len() - 1]);
    std::fs::rename(dir.path().join("new.bin"), dir.path().join("roster.bin")).unwrap();
    running.wait_for_stderr("the roster that was loaded before stays");
    running.wait_for_stderr("it is cut off");
    assert_eq!(scrubbed("ping tamble orsky"), "ping [NAME]");
    let deadline = Instant::now() + PATIENCE;
    while metric(&at, "scrubjay_reloads_total{result=\"failed\"}") != 1 {
        assert!(Instant::now() < deadline, "the failure is not counted");
        std::thread::sleep(Duration::from_millis(50));
    }
    running.signal("TERM");
    let out = running.wait().code(0);
    for name in ["vextrow", "Vextrow", "orsky", "Orsky", &KEY[..12]] {
        assert!(!contains(&out.stderr, name) && !contains(&dir.read("roster.bin"), name));
    }
}
