//! Members of a group come and go: nothing is lost, and late acknowledgements move nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use scrubjay::pipeline::LineError;
use scrubjay::record::{Batch, Checkpoint};
use scrubjay::scrubber::{ScrubbedBatch, Scrubber, Settings};
use scrubjay::sink::{Sink, SinkError};
use scrubjay::source::kafka::KafkaSource;
use scrubjay::source::{Polled, Source};

use crate::brokers::{Broker, Kind};
use crate::kafka::{Client, PATIENCE, Running, Seen, assert_nothing_lost, word};

/// A member joins in the middle and another leaves: between them they deliver everything, in order.
fn members_come_and_go(kind: Kind, strategy: &str) {
    const CHUNK: usize = 400;
    let broker = Broker::start(kind);
    let client = Client::new(&broker.address());
    client.create("app", 4, &[]);
    let mut sent = Vec::new();
    let more = |sent: &mut Vec<Seen>| {
        let from = sent.len();
        sent.extend((from..from + CHUNK).map(|n| Seen::text((n % 4) as i32, &word(n))));
        client.produce("app", sent[from..].to_vec());
    };
    let member = || {
        let mut source = client.source(&["app"], "g");
        source.max_batch_records = 50;
        source.properties.insert("partition.assignment.strategy".into(), strategy.into());
        let delivered = Arc::new(AtomicUsize::new(0));
        let counted = delivered.clone();
        let running = Running::with(&source, &client.sink(), Settings::new(), |inner| {
            Box::new(Around { inner, pause: Duration::ZERO, slow: 0, delivered: counted })
        });
        (running, delivered)
    };
    // Records keep coming until a member has delivered some.
    let until_it_works = |sent: &mut Vec<Seen>, delivered: &AtomicUsize| {
        let (deadline, before) = (Instant::now() + PATIENCE, delivered.load(Ordering::Relaxed));
        while delivered.load(Ordering::Relaxed) == before {
            assert!(Instant::now() < deadline, "a member has nothing to do");
            more(sent);
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let (first, by_first) = member();
    until_it_works(&mut sent, &by_first);
    let (second, by_second) = member();
    until_it_works(&mut sent, &by_second);
    until_it_works(&mut sent, &by_first);
    first.stop().unwrap();
    until_it_works(&mut sent, &by_second);

    let wanted: BTreeSet<_> = sent.iter().map(Seen::str).collect();
    let all = |seen: &[Seen]| seen.iter().map(Seen::str).collect::<BTreeSet<_>>().len() >= wanted.len();
    let seen = client.read_until("clean.app", all);
    second.stop().unwrap();
    assert_nothing_lost(&sent, &seen);
    // Noida takes no commit of a generation that ends, so that a rebalance there repeats what came since the last.
    if kind != Kind::Noida {
        assert!(seen.len() < sent.len() + 4 * 50, "{} of {} came twice", seen.len() - sent.len(), sent.len());
    }
}

#[test]
fn members_come_and_go_on_noida() {
    members_come_and_go(Kind::Noida, "range");
}

#[test]
fn members_come_and_go_on_tansu() {
    members_come_and_go(Kind::Tansu, "range");
}

#[test]
fn members_come_and_go_on_tansu_cooperatively() {
    members_come_and_go(Kind::Tansu, "cooperative-sticky");
}

/// Reads one batch, keeping the member alive.
fn batch_of(source: &mut KafkaSource) -> Batch {
    let deadline = Instant::now() + PATIENCE;
    let mut batch = Batch::new();
    while source.next(&mut batch, Duration::from_millis(100)).unwrap() == Polled::Idle {
        assert!(Instant::now() < deadline, "no records");
    }
    batch
}

fn checkpoint_of(batch: Batch) -> Checkpoint {
    let scrubber = Scrubber::new(Settings::new());
    scrubber.scrub(batch, &mut Default::default()).unwrap().checkpoint().clone()
}

#[test]
fn a_late_acknowledgement_moves_no_offset() {
    let broker = Broker::start(Kind::Tansu);
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    client.produce("app", (0..100).map(|n| Seen::text(0, &word(n))));
    let mut options = client.source(&["app"], "g");
    // A rebalance waits half of it for what is on its way.
    options.properties.insert("session.timeout.ms".into(), "2000".into());

    let mut source = KafkaSource::new(&options).unwrap();
    let mut acknowledger = source.acknowledger();
    let first = checkpoint_of(batch_of(&mut source));
    assert_eq!(first.positions[0].next_offset, 100);

    // Another member joins until the only partition has moved at least once.
    let mut other = KafkaSource::new(&options).unwrap();
    let mut batch = Batch::new();
    let deadline = Instant::now() + PATIENCE;
    let moved = loop {
        assert!(Instant::now() < deadline, "no rebalance");
        // Both are polled in turn; a rebalance blocks only the one that lets go.
        source.idle(Duration::from_millis(20)).unwrap();
        if other.next(&mut batch, Duration::from_millis(20)).unwrap() == Polled::Batch {
            break "other";
        }
        let mut again = Batch::new();
        if source.next(&mut again, Duration::from_millis(20)).unwrap() == Polled::Batch {
            break "back";
        }
    };
    acknowledger.acknowledge(&first).unwrap();
    for _ in 0..20 {
        source.idle(Duration::from_millis(20)).unwrap();
        let _ = other.idle(Duration::from_millis(20));
    }
    assert_eq!(client.committed("g", "app"), [-1], "a stale acknowledgement was committed ({moved})");
    drop((source, acknowledger, other));
    assert_eq!(client.committed("g", "app"), [-1]);
}

/// Counts what a sink has delivered, and may slow it down.
struct Around<S> {
    inner: S,
    pause: Duration,
    /// This many batches take a pause each.
    slow: usize,
    delivered: Arc<AtomicUsize>,
}

impl<S: Sink> Sink for Around<S> {
    fn begin(&mut self) -> Result<(), SinkError> {
        self.inner.begin()
    }

    fn write(&mut self, batch: &ScrubbedBatch) -> Result<(), SinkError> {
        if self.slow > 0 {
            self.slow -= 1;
            std::thread::sleep(self.pause);
        }
        self.inner.write(batch)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.inner.flush()
    }

    fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), SinkError> {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        self.inner.commit(checkpoint)
    }

    fn abort(&mut self) {
        self.inner.abort();
    }
}

/// Each write takes longer than a member may go without polling: the line must pause and keep polling.
#[test]
fn a_slow_sink_keeps_its_place_in_the_group() {
    let broker = Broker::start(Kind::Tansu);
    let client = Client::new(&broker.address());
    client.create("app", 2, &[]);
    let sent: Vec<_> = (0..4000).map(|n| Seen::text((n % 2) as i32, &word(n))).collect();
    client.produce("app", sent.clone());
    let mut source = client.source(&["app"], "g");
    source.max_batch_records = 500;
    source.properties.insert("session.timeout.ms".into(), "2000".into());
    source.properties.insert("max.poll.interval.ms".into(), "2000".into());
    let running = Running::with(&source, &client.sink(), Settings::new(), |inner| {
        Box::new(Around { inner, pause: Duration::from_millis(2500), slow: 3, delivered: Arc::default() })
    });
    let seen = client.read("clean.app", 4000);
    let tally = running.stop().unwrap();
    assert_eq!(tally.records, 4000, "an expelled member would have read some twice");
    assert_nothing_lost(&sent, &seen);
}

/// Fails at the given batch.
struct Failing {
    after: usize,
}

impl Sink for Failing {
    fn begin(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn write(&mut self, _: &ScrubbedBatch) -> Result<(), SinkError> {
        match self.after {
            0 => Err(SinkError::Failed("full".into())),
            _ => {
                self.after -= 1;
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn commit(&mut self, _: &Checkpoint) -> Result<(), SinkError> {
        Ok(())
    }

    fn abort(&mut self) {}
}

#[test]
fn a_sink_that_fails_leaves_its_batch_uncommitted() {
    let broker = Broker::start(Kind::Noida);
    let client = Client::new(&broker.address());
    client.create("app", 1, &[]);
    client.produce("app", (0..1000).map(|n| Seen::text(0, &word(n))));
    let mut source = client.source(&["app"], "g");
    source.max_batch_records = 100;
    let stop = Arc::new(AtomicBool::new(false));
    let running = Running::line(&source, Box::new(Failing { after: 3 }), Settings::new(), stop);
    let error = running.end().unwrap_err();
    assert_eq!(error, LineError::Sink(SinkError::Failed("full".into())).to_string());
    let committed = client.committed("g", "app")[0];
    assert!((1..=300).contains(&committed), "three batches were delivered, {committed} records committed");
}
