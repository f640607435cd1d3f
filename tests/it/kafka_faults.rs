//! Errors that brokers give: those that pass are ridden out, those that stay end the line with a sentence.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Error};

use scrubjay::scrubber::Tally;

use crate::kafka::{Client, Running, Seen, assert_nothing_lost, word};

const COUNT: usize = 4000;

/// A cluster whose errors can be chosen, with records to read.
struct Stage {
    mock: MockCluster<'static, DefaultProducerContext>,
    client: Client,
    sent: Vec<Seen>,
}

impl Stage {
    fn set() -> Stage {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic("app", 2, 1).unwrap();
        mock.create_topic("clean.app", 2, 1).unwrap();
        let client = Client::new(&mock.bootstrap_servers());
        let sent: Vec<_> = (0..COUNT).map(|n| Seen::text((n % 2) as i32, &word(n))).collect();
        client.produce("app", sent.clone());
        Stage { mock, client, sent }
    }

    fn start(&self) -> Running {
        let mut source = self.client.source(&["app"], "g");
        source.max_batch_records = 100;
        let mut sink = self.client.sink();
        // The mock does not answer questions about settings: this is how long they are waited for.
        for properties in [&mut source.properties, &mut sink.properties] {
            properties.insert("socket.timeout.ms".into(), "1500".into());
        }
        Running::start(&source, &sink)
    }

    /// Everything has come out, each partition in its order, and is committed.
    fn assert_done(&self, running: Running) -> Tally {
        let wanted: BTreeSet<_> = self.sent.iter().map(Seen::str).collect();
        let all = |seen: &[Seen]| seen.iter().map(Seen::str).collect::<BTreeSet<_>>().len() >= wanted.len();
        let seen = self.client.read_until("clean.app", all);
        let tally = running.stop().unwrap();
        assert_nothing_lost(&self.sent, &seen);
        assert_eq!(self.client.committed("g", "app"), [COUNT as i64 / 2; 2]);
        tally
    }
}

#[test]
fn produce_errors_that_pass_are_ridden_out() {
    let stage = Stage::set();
    let running = stage.start();
    for error in [
        Error::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Error::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Error::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Error::RD_KAFKA_RESP_ERR__TRANSPORT,
    ] {
        stage.mock.request_errors(Api::Produce, &[error; 3]);
        std::thread::sleep(Duration::from_millis(100));
    }
    let tally = stage.assert_done(running);
    assert_eq!(tally.records, COUNT as u64, "nothing was read again");
}

#[test]
fn commit_errors_that_pass_are_ridden_out() {
    let stage = Stage::set();
    stage.mock.request_errors(
        Api::OffsetCommit,
        &[
            Error::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            Error::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            Error::RD_KAFKA_RESP_ERR__TRANSPORT,
            Error::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        ],
    );
    stage.assert_done(stage.start());
}

#[test]
fn a_broker_that_goes_away_and_comes_back_is_waited_for() {
    let stage = Stage::set();
    stage.mock.broker_round_trip_time(-1, Duration::from_millis(5)).unwrap();
    let running = stage.start();
    stage.client.read_until("clean.app", |seen| !seen.is_empty());
    stage.mock.broker_down(-1).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert!(running.runs());
    stage.mock.broker_up(-1).unwrap();
    stage.assert_done(running);
}

#[test]
fn a_topic_that_may_not_be_written_ends_the_line() {
    let stage = Stage::set();
    stage.mock.request_errors(Api::Produce, &[Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 100]);
    let error = stage.start().end().unwrap_err();
    assert!(error.contains("topic clean.app") && error.contains("Write and Describe"), "{error}");
    assert_eq!(stage.client.committed("g", "app"), [-1, -1], "what was not delivered is not committed");
    // With the permission it goes on where it was.
    stage.mock.clear_request_errors(Api::Produce);
    stage.assert_done(stage.start());
}

#[test]
fn a_group_that_may_not_commit_ends_the_line() {
    let stage = Stage::set();
    stage.mock.request_errors(Api::OffsetCommit, &[Error::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 100]);
    let error = stage.start().end().unwrap_err();
    assert!(error.contains("offsets cannot be committed") && error.contains("Read on the group"), "{error}");
}

#[test]
fn a_group_that_may_not_be_joined_ends_the_line() {
    let stage = Stage::set();
    stage
        .mock
        .request_errors(Api::FindCoordinator, &[Error::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 100]);
    let error = stage.start().end().unwrap_err();
    assert!(error.contains("Read on the group"), "{error}");
}
