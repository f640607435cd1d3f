//! `scrubjay scan`: reports findings, changes nothing.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::args::{CommonArgs, ThreadsArgs};
use super::failure::{Failure, say};
use super::inputs::Inputs;
use super::summary::{counted, grouped};
use crate::codec::{Framer, Path, Place};
use crate::detect::DetectorInfo;
use crate::kind::Kind;
use crate::policy::{Action, Policy, Profile};
use crate::record::{Batch, Origin, Record};
use crate::scrubber::{Halt, Scratch, Scrubber};
use crate::source::{Polled, Source, SourceError, StreamSource};

#[derive(clap::Args)]
pub(super) struct ScanArgs {
    /// Files to scan, one after the other; `-` or none is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    threads: ThreadsArgs,
    /// How findings are printed; the text that was found never is
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
    /// No summary and no progress bar
    #[arg(long, short)]
    quiet: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line for each finding
    Table,
    /// A JSON object for each record with findings
    Jsonl,
}

/// What one batch gave.
#[derive(Default)]
struct Scanned {
    text: Vec<u8>,
    records: u64,
    hits: u64,
    findings: [u64; Kind::COUNT],
    /// Records that could not be scanned: where, and why.
    failures: Vec<Halt>,
}

type Read = (u64, Batch, Vec<u64>);

pub(super) fn run(args: &ScanArgs) -> Result<ExitCode, Failure> {
    let settings = args.common.settings_to_report(Profile::default())?;
    let mut inputs = Inputs::new(&args.files);
    if !args.quiet {
        inputs = inputs.with_progress();
        inputs.hint();
    }
    let scan = Scan { scrubber: Scrubber::new(settings), form: args.format, threads: args.threads.count() };
    let readers = inputs.readers();
    let several = readers.len() > 1;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut total = Scanned::default();
    for (name, reader) in readers {
        // Records are counted in each file anew.
        let file = several.then(|| name.clone());
        scan.file((name, reader), file.as_deref(), &mut total, &mut out)?;
    }
    out.flush()?;
    let failed = inputs.finish();
    if !args.quiet && (!failed || total.records > 0) {
        summarise(&total);
    }
    Ok(match (failed || !total.failures.is_empty(), total.hits) {
        (true, _) => ExitCode::from(2),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(1),
    })
}

/// What is done to each file.
struct Scan {
    scrubber: Scrubber,
    form: Form,
    threads: usize,
}

impl Scan {
    /// Scans one file; `named` is its name where it has to be told.
    fn file(
        &self,
        input: (String, Box<dyn io::Read + Send>),
        named: Option<&str>,
        total: &mut Scanned,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let settings = self.scrubber.settings();
        let (format, limit, overlap) =
            (settings.codec.format, settings.max_record_bytes, settings.engine.reach());
        let source = StreamSource::new(vec![input], Framer::new(format, limit, overlap));
        let stop = AtomicBool::new(false);
        let (raw_tx, raw_rx) = bounded::<Read>(self.threads);
        let (done_tx, done_rx) = bounded(self.threads);
        thread::scope(|scope| {
            let reader = scope.spawn(|| read(source, raw_tx, &stop));
            for _ in 0..self.threads {
                let (raw_rx, done_tx) = (raw_rx.clone(), done_tx.clone());
                scope.spawn(move || scan(&self.scrubber, self.form, named, &raw_rx, &done_tx));
            }
            drop((raw_rx, done_tx));
            let printed = print((self.form, action_width(&settings.policy)), named, &done_rx, total, out);
            stop.store(true, Ordering::Relaxed);
            drop(done_rx);
            let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            printed?;
            read.map_err(|e| Failure::Sentence(e.to_string()))
        })
    }
}

/// Reads batches, and works out where in its whole record each one begins: a long line comes in windows.
fn read(mut source: StreamSource, raw: Sender<Read>, stop: &AtomicBool) -> Result<(), SourceError> {
    let mut number = 0;
    // Of the window before: its record, where its own end stood.
    let mut before: Option<(Origin, u64)> = None;
    while !stop.load(Ordering::Relaxed) {
        let mut batch = Batch::new();
        let polled = source.next(&mut batch, Duration::from_millis(100))?;
        let bases = batch.records().iter().map(|record| {
            let piece = record.piece;
            let base = match &before {
                Some((origin, end)) if piece.head > 0 && *origin == record.origin => {
                    end - u64::from(piece.head)
                }
                _ => 0,
            };
            let len = record.payload.map_or(0, |p| p.len()) as u64;
            before = Some((record.origin.clone(), base + len - u64::from(piece.tail)));
            base
        });
        let bases = bases.collect();
        if !batch.is_empty() {
            if raw.send((number, batch, bases)).is_err() {
                break;
            }
            number += 1;
        }
        if polled == Polled::End {
            break;
        }
    }
    Ok(())
}

fn scan(
    scrubber: &Scrubber,
    form: Form,
    named: Option<&str>,
    raw: &Receiver<Read>,
    done: &Sender<(u64, Scanned)>,
) {
    let mut scratch = Scratch::default();
    let width = action_width(&scrubber.settings().policy);
    let detectors = scrubber.settings().engine.detectors();
    for (number, batch, bases) in raw {
        let mut scanned = Scanned::default();
        for (record, base) in batch.records().iter().zip(bases) {
            scanned.records += u64::from(record.piece.head == 0);
            let found = match findings(scrubber, &batch, record, base, &mut scratch) {
                Ok(found) => found,
                Err(halt) => {
                    scanned.failures.push(halt);
                    continue;
                }
            };
            if found.is_empty() {
                continue;
            }
            scanned.hits += 1;
            for f in &found {
                scanned.findings[f.kind as usize] += 1;
            }
            print_record(form, named, record.origin(), &found, (detectors, width), &mut scanned.text);
        }
        if done.send((number, scanned)).is_err() {
            return;
        }
    }
}

/// What would be acted on in one record, as a line of JSON, and how much it is.
#[cfg(feature = "gateway")]
pub(super) fn reported(scrubber: &Scrubber, record: &[u8]) -> Result<(Vec<u8>, u64), Halt> {
    let batch = Batch::from_lines([record]);
    let mut out = Vec::new();
    let found = findings(scrubber, &batch, &batch.records[0], 0, &mut Scratch::default())?;
    let detectors = scrubber.settings().engine.detectors();
    print_record(Form::Jsonl, None, &batch.records[0].origin, &found, (detectors, 0), &mut out);
    Ok((out, found.len() as u64))
}

/// A finding that would be acted on.
struct Found {
    start: u64,
    end: u64,
    kind: Kind,
    detector: usize,
    confidence: f32,
    action: Action,
    path: String,
}

fn findings(
    scrubber: &Scrubber,
    batch: &Batch,
    record: &Record,
    base: u64,
    scratch: &mut Scratch,
) -> Result<Vec<Found>, Halt> {
    // A window of a long line has what starts in its own part; the rest is the neighbours'.
    let len = record.payload.map_or(0, |p| p.len());
    let own = record.piece.head as usize..len - (record.piece.tail as usize).min(len);
    let mut found = Vec::new();
    // An object's key may itself be what must not be told; the paths through it have its marker instead. A long one
    // is not printed anyway.
    let mut secret_keys: HashMap<Vec<u8>, Kind> = HashMap::new();
    scrubber.scan(batch, record, scratch, &mut |located| {
        if located.action == Action::Keep || !own.contains(&located.payload.start()) {
            return;
        }
        let text = located.leaf.text;
        if located.leaf.place == Place::Key && text.len() <= Path::MAX_PRINTED_KEY_BYTES {
            secret_keys.entry(text.to_vec()).or_insert(located.finding.kind);
        }
        found.push(Found {
            start: base + located.payload.start() as u64,
            end: base + located.payload.end() as u64,
            kind: located.finding.kind,
            detector: usize::from(located.finding.detector.0),
            confidence: located.finding.confidence,
            action: located.action,
            path: path_without(located.leaf.path, &secret_keys),
        });
    })?;
    Ok(found)
}

/// A path as text, with markers for the keys that are secret.
fn path_without(path: Path<'_>, secret_keys: &HashMap<Vec<u8>, Kind>) -> String {
    let mut text = String::new();
    path.print_with(&mut text, &mut |key| secret_keys.get(key).map(|kind| kind.marker()));
    text
}

/// Columns that the longest action of a policy takes.
fn action_width(policy: &Policy) -> usize {
    policy.actions().map(|action| action.name().len()).fold("action".len(), usize::max)
}

fn print_record(
    form: Form,
    named: Option<&str>,
    origin: &Origin,
    found: &[Found],
    (detectors, width): (&[DetectorInfo], usize),
    out: &mut Vec<u8>,
) {
    let number = match origin {
        Origin::Line(n) => *n,
        Origin::Kafka { offset, .. } => u64::try_from(*offset).unwrap_or(0),
    };
    let detector = |f: &Found| detectors.get(f.detector).map_or("token", |d| &*d.id);
    // Writing to memory does not fail.
    let _ = match form {
        Form::Table => found.iter().try_for_each(|f| {
            let (range, action) = (format!("{}..{}", f.start, f.end), f.action.name());
            let (kind, id, path) = (f.kind, detector(f), printable(&f.path));
            writeln!(
                out,
                "{number:>8}  {range:<13} {kind:<14} {:>10.2}  {action:<width$}  {id:<24} {path}",
                f.confidence
            )
        }),
        Form::Jsonl => {
            out.push(b'{');
            if let Some(file) = named {
                out.extend_from_slice(b"\"file\":");
                json_string(file, out);
                out.push(b',');
            }
            let _ = write!(out, "\"record\":{number},\"findings\":[");
            for (i, f) in found.iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                let (start, end, kind, confidence) = (f.start, f.end, f.kind, f.confidence);
                let _ =
                    write!(out, "{comma}{{\"start\":{start},\"end\":{end},\"kind\":\"{kind}\",\"detector\":");
                json_string(detector(f), out);
                let _ = write!(out, ",\"confidence\":{confidence:.3},\"path\":");
                json_string(&f.path, out);
                out.push(b'}');
            }
            writeln!(out, "]}}")
        }
    };
}

/// Prints what the batches gave, in their order, as soon as it is there.
fn print(
    (form, width): (Form, usize),
    named: Option<&str>,
    done: &Receiver<(u64, Scanned)>,
    total: &mut Scanned,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (mut early, mut next, mut told) = (BTreeMap::new(), 0, false);
    for (number, scanned) in done {
        early.insert(number, scanned);
        while let Some(scanned) = early.remove(&next) {
            if form == Form::Table && total.hits == 0 && scanned.hits > 0 {
                let head = ["record", "bytes", "kind", "confidence", "action", "detector", "path"];
                let [record, bytes, kind, confidence, action, detector, path] = head;
                writeln!(
                    out,
                    "{record:>8}  {bytes:<13} {kind:<14} {confidence}  {action:<width$}  {detector:<24} {path}"
                )?;
            }
            if let Some(file) = named.filter(|_| form == Form::Table && scanned.hits > 0 && !told) {
                writeln!(out, "{}", printable(file))?;
                told = true;
            }
            out.write_all(&scanned.text)?;
            for f in &scanned.failures {
                say(format!("{}: {}; it was not scanned", f.origin, f.reason));
            }
            total.failures.extend(scanned.failures);
            total.records += scanned.records;
            total.hits += scanned.hits;
            total.findings.iter_mut().zip(scanned.findings).for_each(|(a, b)| *a += b);
            next += 1;
        }
        if done.is_empty() || io::stdout().is_terminal() {
            out.flush()?;
        }
    }
    Ok(())
}

fn summarise(total: &Scanned) {
    let found: u64 = total.findings.iter().sum();
    let kinds = Kind::ALL.iter().filter(|k| total.findings[**k as usize] > 0);
    let kinds: Vec<String> = kinds.map(|k| format!("{k} {}", grouped(total.findings[*k as usize]))).collect();
    let list = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
    say(format!("{} in {}{list}", counted(found, "finding"), counted(total.records, "record")));
}

/// A string as JSON.
pub(super) fn json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\u{0}'..='\u{1f}' => write!(out, "\\u{:04x}", c as u32),
            _ => write!(out, "{c}"),
        };
    }
    out.push(b'"');
}

/// Text without characters that do something to a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings_are_json() {
        for text in ["", "a", "$.a\"b\\c", "\u{1}\n\u{1f}", "é\u{2028}"] {
            let mut out = Vec::new();
            json_string(text, &mut out);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
