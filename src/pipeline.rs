//! The loop. READ FIRST.
//!
//! ```text
//!   read  ->  scrub (N threads)  ->  deliver, in order
//!   source    codec.decode           sink.begin, write, flush, commit
//!             detect, policy         source.acknowledge
//!             transform, encode
//!             = Scrubber::scrub
//! ```
//!
//! Batches travel along this line and their memory comes back to the reader: a fixed number of them exists, so a
//! slow sink stops the reader, which then only keeps its source alive. Nothing is dropped on the way, and
//! nothing is acknowledged to the source before the sink has it for good.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::metrics::{self, Stage};
use crate::record::{Batch, Origin};
use crate::scrubber::{Halt, Scratch, ScrubbedBatch, Scrubber, Tally};
use crate::sink::{Sink, SinkError};
use crate::source::{Acknowledge, Polled, Source, SourceError};

/// How long a read waits for the first record, and so how fast a stop is noticed.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// A batch's memory is given back to the system above this size.
const KEEP_BYTES: usize = 4 << 20;
/// While more bytes than this are on their way in batches with large records no batch is read, so that large records pass one
/// after the other.
const MOST_LARGE_BYTES: usize = 2 << 20;

/// One line from a source to a sink.
pub struct Line<'a> {
    /// Where records come from.
    pub source: Box<dyn Source + 'a>,
    /// Where they go.
    pub sink: Box<dyn Sink + 'a>,
    /// What is done to them; may be replaced while the line runs, and takes effect from one batch to the next.
    pub scrubber: Arc<ArcSwap<Scrubber>>,
    /// Threads that scrub.
    pub threads: usize,
    /// Set from outside to stop: what has been read is delivered first.
    pub stop: Arc<AtomicBool>,
}

/// Why a line stopped before its source ended.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Reading failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Writing failed.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A record could not be read, and the pipeline says `halt`.
    #[error(transparent)]
    Halt(#[from] Halt),
}

impl LineError {
    /// The stage whose failure it is; none where a filter's reader has gone.
    fn stage(&self) -> Option<Stage> {
        match self {
            LineError::Source(_) => Some(Stage::Source),
            LineError::Halt(_) => Some(Stage::Scrub),
            LineError::Sink(SinkError::Closed) => None,
            LineError::Sink(SinkError::Failed(_)) => Some(Stage::Sink),
        }
    }
}

/// Runs the line until its source ends, it is stopped, or something fails. Returns the sums of what was
/// delivered.
pub fn run(line: Line<'_>) -> Result<Tally, LineError> {
    travel(line).inspect_err(|e| e.stage().into_iter().for_each(metrics::error))
}

fn travel(line: Line<'_>) -> Result<Tally, LineError> {
    let Line { mut source, mut sink, scrubber, threads, stop } = line;
    let threads = threads.max(1);
    let acknowledger = source.acknowledger();
    // The number of batches bounds the channels.
    let (free_tx, free_rx) = unbounded();
    let (raw_tx, raw_rx) = unbounded();
    let (clean_tx, clean_rx) = unbounded();
    for _ in 0..threads + 2 {
        let _ = free_tx.send(Batch::new());
    }
    // Nothing more will be delivered.
    let over = AtomicBool::new(false);
    // Bytes of batches with large records that were read and not yet delivered.
    let under_way = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (source, stopping, over, under_way) = (&mut *source, &*stop, &over, &under_way);
        let reader = scope.spawn(move || {
            let has_room = || under_way.load(Ordering::Relaxed) <= MOST_LARGE_BYTES;
            let sent = |bytes| _ = under_way.fetch_add(bytes, Ordering::Relaxed);
            read(source, &free_rx, raw_tx, (&has_room, &sent), stopping)?;
            // What is on its way can only be acknowledged while the source lives and is kept alive.
            while !over.load(Ordering::Relaxed) {
                source.idle(Duration::from_millis(1))?;
            }
            Ok::<_, SourceError>(())
        });
        for _ in 0..threads {
            let (raw_rx, clean_tx, scrubber) = (raw_rx.clone(), clean_tx.clone(), &*scrubber);
            scope.spawn(move || scrub(scrubber, &raw_rx, &clean_tx));
        }
        drop((raw_rx, clean_tx));
        let delivered = deliver(&mut *sink, acknowledger, clean_rx, free_tx, under_way);
        if delivered.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        over.store(true, Ordering::Relaxed);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let tally = delivered?;
        read?;
        Ok(tally)
    })
}

/// Reads batches, numbers them, and hands them on. Ends when the source does, on `stop`, or when the rest of
/// the line has gone.
fn read(
    source: &mut dyn Source,
    free: &Receiver<Batch>,
    raw: Sender<(u64, Batch)>,
    (has_room, sent): (&dyn Fn() -> bool, &dyn Fn(usize)),
    stop: &AtomicBool,
) -> Result<(), SourceError> {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let Some(mut batch) = has_room().then(|| free.try_recv().ok()).flatten() else {
            source.idle(Duration::from_millis(1))?;
            continue;
        };
        let mut polled = Polled::Idle;
        while polled == Polled::Idle && !stop.load(Ordering::Relaxed) {
            polled = source.next(&mut batch, MAX_WAIT)?;
        }
        if !batch.is_empty() {
            sent(batch.large_bytes());
            if raw.send((number, batch)).is_err() {
                return Ok(());
            }
            number += 1;
        }
        if polled == Polled::End {
            break;
        }
    }
    Ok(())
}

/// Scrubs whatever batch is next. A worker owns its scratch memory; the scrubber is looked up anew for each batch.
fn scrub(
    scrubber: &ArcSwap<Scrubber>,
    raw: &Receiver<(u64, Batch)>,
    clean: &Sender<(u64, Result<ScrubbedBatch, Halt>)>,
) {
    let mut scratch = Scratch::default();
    for (number, batch) in raw {
        let origin = batch.records().first().map(|r| r.origin().clone());
        let is_large = batch.large_bytes() > 0;
        let scrubber = scrubber.load();
        // A panic must end the line, not leave it waiting for a batch that will never come.
        let scrubbed =
            catch_unwind(AssertUnwindSafe(|| scrubber.scrub(batch, &mut scratch))).unwrap_or_else(|_| {
                let origin = origin.unwrap_or(Origin::Line(0));
                Err(Halt {
                    origin,
                    reason: "internal error here or in one of the next records",
                    for_all: false,
                })
            });
        if clean.send((number, scrubbed)).is_err() {
            return;
        }
        if is_large {
            scratch.shrink();
        }
    }
}

/// Puts batches back in the order they were read in, and takes each through the sink to the acknowledgement.
fn deliver(
    sink: &mut dyn Sink,
    mut source: Box<dyn Acknowledge>,
    clean: Receiver<(u64, Result<ScrubbedBatch, Halt>)>,
    free: Sender<Batch>,
    under_way: &AtomicUsize,
) -> Result<Tally, LineError> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    let mut total = Tally::default();
    for (number, scrubbed) in &clean {
        early.insert(number, scrubbed);
        while let Some(scrubbed) = early.remove(&next) {
            let scrubbed = scrubbed?;
            deliver_one(sink, &mut *source, &scrubbed).inspect_err(|_| sink.abort())?;
            metrics::delivered(&scrubbed);
            total.add(scrubbed.tally());
            let mut batch = scrubbed.into_batch();
            let bytes = batch.large_bytes();
            batch.clear(KEEP_BYTES);
            let _ = free.send(batch);
            under_way.fetch_sub(bytes, Ordering::Relaxed);
            next += 1;
        }
    }
    Ok(total)
}

/// One batch, from the first write to the commit.
fn deliver_one(
    sink: &mut dyn Sink,
    source: &mut dyn Acknowledge,
    batch: &ScrubbedBatch,
) -> Result<(), LineError> {
    sink.begin()?;
    sink.write(batch)?;
    sink.flush()?;
    sink.commit(batch.checkpoint())?;
    source.acknowledge(batch.checkpoint())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Checkpoint;
    use crate::scrubber::{OnError, Settings};
    use crate::sink::MemorySink;
    use crate::source::{MemorySource, Nothing};

    struct Failing;

    impl Source for Failing {
        fn next(&mut self, _: &mut Batch, _: Duration) -> Result<Polled, SourceError> {
            Err(SourceError::Failed("made to fail".to_owned()))
        }

        fn idle(&mut self, _: Duration) -> Result<(), SourceError> {
            Ok(())
        }

        fn acknowledger(&self) -> Box<dyn Acknowledge> {
            Box::new(Nothing)
        }
    }

    struct Refusing(fn() -> SinkError);

    impl Sink for Refusing {
        fn begin(&mut self) -> Result<(), SinkError> {
            Ok(())
        }

        fn write(&mut self, _: &ScrubbedBatch) -> Result<(), SinkError> {
            Err(self.0())
        }

        fn flush(&mut self) -> Result<(), SinkError> {
            Ok(())
        }

        fn commit(&mut self, _: &Checkpoint) -> Result<(), SinkError> {
            Ok(())
        }

        fn abort(&mut self) {}
    }

    /// How often a stage has failed, as the page says.
    fn failures() -> [u64; 3] {
        let page = metrics::render();
        ["source", "scrub", "sink"].map(|stage| {
            let name = format!("scrubjay_errors_total{{stage=\"{stage}\"}} ");
            page.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
        })
    }

    #[test]
    fn failures_are_counted_by_stage() {
        metrics::install();
        let halt = Settings { on_error: OnError::Halt, max_record_bytes: 1, ..Settings::new() };
        let lines = || Box::new(MemorySource::lines(vec![vec![b"one\n".to_vec()]]));
        let failed = || SinkError::Failed("made to fail".to_owned());
        type Case = (Box<dyn Source>, Box<dyn Sink>, Settings, [u64; 3]);
        let cases: Vec<Case> = vec![
            (lines(), Box::new(MemorySink::new()), Settings::new(), [0, 0, 0]),
            (Box::new(Failing), Box::new(MemorySink::new()), Settings::new(), [1, 0, 0]),
            (lines(), Box::new(MemorySink::new()), halt, [0, 1, 0]),
            (lines(), Box::new(Refusing(failed)), Settings::new(), [0, 0, 1]),
            (lines(), Box::new(Refusing(|| SinkError::Closed)), Settings::new(), [0, 0, 0]),
        ];
        for (source, sink, settings, want) in cases {
            let before = failures();
            let scrubber = Arc::new(ArcSwap::from_pointee(Scrubber::new(settings)));
            let result = run(Line { source, sink, scrubber, threads: 1, stop: Arc::default() });
            let after = failures();
            let counted = [0, 1, 2].map(|i| after[i] - before[i]);
            assert_eq!(counted, want, "{:?}", result.map(|tally| tally.records));
        }
    }
}
