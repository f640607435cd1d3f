//! Scrubjay's library as its command uses it, profile `logs`.

use scrubjay::policy::Action;
use scrubjay::record::Batch;
use scrubjay::scrubber::{Scratch, Scrubber};

use super::{Contestant, Finds, NAMES};
use crate::common;
use crate::corpus::Labelled;
use crate::recall::Removed;

pub struct Scrubjay {
    everything: bool,
    scrubber: Scrubber,
    scratch: Scratch,
}

impl Scrubjay {
    /// With names, or without them as with `--no-names`.
    pub fn new(everything: bool) -> Scrubjay {
        let [no_names, logs, _] = common::scrubbers();
        Scrubjay {
            everything,
            scrubber: if everything { logs.1 } else { no_names.1 },
            scratch: Scratch::default(),
        }
    }
}

impl Contestant for Scrubjay {
    fn name(&self) -> &'static str {
        NAMES[usize::from(self.everything)]
    }

    fn version(&self) -> String {
        let kinds = if self.everything { "all kinds" } else { "all kinds but names" };
        format!("this tree; profile logs, built-in packs, {kinds}")
    }

    fn finds(&self) -> Finds {
        if self.everything { Finds::Everything } else { Finds::Structured }
    }

    fn redact(&mut self, labelled: &Labelled) -> usize {
        common::scrub(&self.scrubber, &labelled.text, &mut self.scratch)
    }

    /// A scan finds what scrubbing replaces, and tells where.
    fn removed(&mut self, labelled: &Labelled) -> Option<Removed> {
        let mut scratch = Scratch::default();
        let mut batch = Batch::new();
        let mut spans = Vec::new();
        for told in &labelled.records {
            batch.clear(1 << 20);
            let payload = batch.append(&labelled.text[told.start..told.end]);
            batch.push_line(1, payload, payload.end());
            let scanned = self.scrubber.scan(&batch, &batch.records()[0], &mut scratch, &mut |located| {
                if located.action != Action::Keep {
                    spans.push(told.start + located.payload.start()..told.start + located.payload.end());
                }
            });
            scanned.expect("records of the corpora can be scanned");
        }
        Some(Removed::Spans(spans))
    }
}

#[cfg(test)]
mod tests {
    use scrubjay::codec::{Format, Framer};

    use super::*;
    use crate::corpus::{Corpus, Words};
    use crate::recall::score;

    /// What is scanned record by record is what a stream is cut into.
    #[test]
    fn streams_are_cut_where_records_end() {
        for corpus in Corpus::ALL {
            let labelled = Labelled::make(corpus, 300_000, 1, &Words::new());
            let mut batch = Batch::new();
            batch.append(&labelled.text);
            Framer::new(Format::Auto, 16 << 20, 0).frame(&mut batch, 0, true);
            assert_eq!(batch.records().len(), labelled.records.len(), "{corpus:?}");
        }
    }

    /// Where a scan says that something goes, scrubbing lets it go: what a scan covers of a record is not in its output.
    #[test]
    fn scans_tell_what_scrubbing_does() {
        for corpus in Corpus::ALL {
            let labelled = Labelled::make(corpus, 200_000, 1, &Words::new());
            let mut scrubjay = Scrubjay::new(true);
            let found = score(&labelled, &scrubjay.removed(&labelled).unwrap()).tally(true);
            let mut scratch = Scratch::default();
            let outputs = labelled.records.iter().map(|told| {
                scrubjay.scrubber.scrub_text(&labelled.text[told.start..told.end], &mut scratch).unwrap()
            });
            let gone = score(&labelled, &Removed::Outputs(outputs.collect())).tally(true);
            // What was removed in part does not stand there as a whole either.
            let slack = found.planted / 100;
            assert!(found.covered <= gone.covered + slack, "{corpus:?} {} {}", found.covered, gone.covered);
            assert!(gone.covered <= found.touched + slack, "{corpus:?} {} {}", found.touched, gone.covered);
        }
    }
}
