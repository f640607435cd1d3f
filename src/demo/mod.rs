//! `scrubjay demo`: the Kafka-to-Kafka job on an embedded broker, on invented hospital records, and a check that no
//! identifier came out.
//!
//! ```text
//! message   invents records, and remembers each identifier it plants
//! broker    writes them to the embedded broker
//!           ... the pipeline under test: pipelines/demo.toml, run as `scrubjay run` runs it ...
//! broker    reads the clean topics back, with a client of its own
//! check     looks for every planted identifier in everything that came out
//! show      tells it
//! ```

mod broker;
mod check;
mod message;
mod person;
mod random;
mod show;
mod text;

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use broker::{Broker, Expected};
use check::{Checked, Output};
use message::Message;

use crate::scrubber::Tally;

pub(crate) use show::{Look, begin, end};

/// The pipeline file that the demo runs; its brokers are replaced by the embedded one.
pub(crate) const PIPELINE: &str = include_str!("../../pipelines/demo.toml");

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How many records.
    pub(crate) records: usize,
    /// Decides which.
    pub(crate) seed: u64,
}

/// The parts that are there before the pipeline runs.
pub(crate) struct Stage {
    plan: Plan,
    broker: Broker,
    messages: Vec<Message>,
}

/// What came of it.
pub(crate) struct Outcome {
    stage: Stage,
    outputs: Vec<Output>,
    surplus: usize,
    missing: usize,
    took: Duration,
    tally: Tally,
    checked: Checked,
}

impl Stage {
    /// Invents the records and starts the broker.
    pub(crate) fn set(plan: Plan) -> Result<Stage, String> {
        Ok(Stage { plan, broker: Broker::start()?, messages: message::messages(plan.seed, plan.records) })
    }

    /// The broker's address.
    pub(crate) fn address(&self) -> String {
        self.broker.address()
    }

    /// Runs `pipeline` between the writer and the reader, stops it by the flag it is given when all has come out, and
    /// checks what came. Errors are sentences.
    pub(crate) fn play(
        self,
        pipeline: impl FnOnce(&Arc<AtomicBool>) -> Result<Tally, String> + Send,
    ) -> Result<Outcome, String> {
        let address = self.address();
        let expected = Expected::new(&self.messages);
        let stop = Arc::new(AtomicBool::new(false));
        let (tally, written, read) = thread::scope(|scope| {
            let running = scope.spawn(|| {
                let tally = pipeline(&stop);
                // Nothing more will come out: the reader need not wait.
                expected.stop.store(tally.is_err(), Ordering::Relaxed);
                tally
            });
            let reading = scope.spawn(|| {
                let read = broker::read(&address, self.messages.len(), &expected);
                expected.stop.store(true, Ordering::Relaxed);
                stop.store(true, Ordering::Relaxed);
                read
            });
            let written = broker::write(&address, &self.messages, &expected);
            if written.is_err() {
                expected.stop.store(true, Ordering::Relaxed);
            }
            let read = reading.join().unwrap_or_else(|p| panic::resume_unwind(p));
            let tally = running.join().unwrap_or_else(|p| panic::resume_unwind(p));
            (tally, written, read)
        });
        let (tally, (), read) = (tally?, written?, read?);
        let checked = check::check(&self.messages, &read.outputs);
        let (outputs, surplus, missing, took) = (read.outputs, read.surplus, read.missing, read.took);
        Ok(Outcome { stage: self, outputs, surplus, missing, took, tally, checked })
    }
}

impl Outcome {
    /// Whether everything came out, once, in its place, and without its identifiers.
    pub(crate) fn passed(&self) -> bool {
        self.missing == 0 && self.surplus == 0 && self.checked.passed()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::kind::Kind;
    use crate::record::{Batch, Origin};
    use crate::scrubber::{Outgoing, Scratch, Scrubber, Settings};

    #[test]
    fn a_pipeline_that_does_not_scrub_fails_the_check() {
        let stage = Stage::set(Plan { records: 3000, seed: 1 }).unwrap();
        let address = stage.address();
        let outcome = stage.play(|stop| broker::copy(&address, stop).map(|()| Tally::default())).unwrap();
        assert!(!outcome.passed());
        assert_eq!((outcome.missing, outcome.surplus, outcome.checked.misplaced), (0, 0, 0));
        assert_eq!(outcome.checked.clean_changed, 0);
        assert!(outcome.checked.leaks.len() > 3000, "{}", outcome.checked.leaks.len());
        let told = show::tests::plain(&outcome);
        assert!(told.contains("CAME OUT") && told.contains("ssn"), "{told}");
    }

    /// What the scrubber alone makes of the messages, with the settings of the pipeline file's profile.
    fn scrubbed(messages: &[Message]) -> (Vec<Output>, Tally) {
        let mut batch = Batch::new();
        for message in messages {
            let payload = message.payload.as_ref().map(|p| batch.append(p.text.as_bytes()));
            let key = message.key.as_ref().map(|k| batch.append(k.text.as_bytes()));
            for (name, value) in &message.headers {
                batch.push_header(name.as_bytes(), Some(value.text.as_bytes()));
            }
            batch.push_message(Origin::Line(0), payload, key, message.headers.len());
        }
        let scrubbed = Scrubber::new(Settings::new()).scrub(batch, &mut Scratch::default()).unwrap();
        let outputs = scrubbed.iter().map(|outgoing| {
            let Outgoing::Clean(record) = outgoing else { panic!("sealed") };
            let headers = record
                .headers()
                .map(|(n, v)| (String::from_utf8(n.to_vec()).unwrap(), v.map(<[u8]>::to_vec)));
            Output {
                payload: record.payload().map(<[u8]>::to_vec),
                key: record.key().map(<[u8]>::to_vec),
                headers: headers.collect(),
            }
        });
        (outputs.collect(), scrubbed.tally().clone())
    }

    #[test]
    fn the_built_in_detectors_remove_everything() {
        for seed in 1..=5 {
            let messages = message::messages(seed, 2000);
            let (outputs, _) = scrubbed(&messages);
            let checked = check::check(&messages, &outputs);
            let mut shown: BTreeMap<Kind, (usize, String)> = BTreeMap::new();
            for leak in &checked.leaks {
                let output = &outputs[leak.record];
                let text = [&output.payload, &output.key].map(|b| b.clone().unwrap_or_default()).join(&b'\n');
                // The values are invented: they may be shown.
                let entry = shown.entry(leak.kind).or_default();
                *entry = (entry.0 + 1, String::from_utf8(text).unwrap());
            }
            assert!(checked.passed(), "seed {seed}: {shown:#?}");
            assert_eq!(checked.clean_changed, 0, "seed {seed}");
        }
    }

    #[test]
    fn a_pipeline_that_stops_fails_at_once() {
        let stage = Stage::set(Plan { records: 300, seed: 1 }).unwrap();
        let error = stage.play(|_| Err("no such topic".to_string())).err().unwrap();
        assert_eq!(error, "no such topic");
    }
}
