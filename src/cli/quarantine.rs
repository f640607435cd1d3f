//! `scrubjay quarantine`: reads sealed records back.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::failure::Failure;
use super::recording::RecordArgs;
use crate::audit::{Event, Outcome, What};
use crate::keys::encoding::base64;
use crate::keys::{KeyError, QuarantineKey, SealedRecord, SecretRef};
use crate::reason::unreadable;
use crate::record::{Origin, Timestamp};
use crate::sink::{Envelopes, QUARANTINE_EXTENSION};

/// Open sealed records.
#[derive(Debug, clap::Args)]
pub(super) struct QuarantineArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the records as they came. The output is PHI
    Open {
        #[command(flatten)]
        input: Input,
        /// How records are printed
        #[arg(long, value_enum, default_value_t = Form::Jsonl)]
        format: Form,
        #[command(flatten)]
        record: RecordArgs,
    },
    /// Count the records by where they came from and why they were sealed; prints no text of theirs
    List {
        #[command(flatten)]
        input: Input,
    },
}

#[derive(Debug, clap::Args)]
struct Input {
    /// Files of sealed records, directories of them, or single envelopes (a message of a quarantine topic);
    /// `-` or none is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The key they were sealed with: `env:NAME` or `file:PATH`
    #[arg(long, value_name = "REF", value_parser = reference)]
    key: Reference,
}

/// A reference, or why it is none. Refused here rather than by the parser of the command line, which shows what it
/// refuses: that may be the key itself.
#[derive(Clone, Debug)]
struct Reference(Result<SecretRef, KeyError>);

/// How records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// One JSON object a line: origin, reason, payload, key and headers
    Jsonl,
    /// The payloads alone, each ended by a line end
    Raw,
}

fn reference(text: &str) -> Result<Reference, Infallible> {
    Ok(Reference(text.parse()))
}

/// Runs `scrubjay quarantine`. Gives 2 when something did not open, after everything else has been printed.
pub(super) fn run(args: &QuarantineArgs) -> Result<ExitCode, Failure> {
    // What cannot be put on record is not opened.
    let mut opened = None;
    if let Command::Open { input, record, .. } = &args.command {
        let recorder = record.open(None)?;
        let names =
            input.files.iter().filter_map(|f| f.file_name()).map(|n| n.to_string_lossy().into_owned());
        let what = What {
            count: Some(input.files.len() as u64),
            object: names.reduce(|all, name| all + " " + &name).map(|all| all.chars().take(200).collect()),
            ..What::default()
        };
        recorder.record(Event::QuarantineOpen, what.clone(), Outcome::Ok)?;
        opened = Some((recorder, what));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let mut failures = 0usize;
    let mut complain = |what: String| {
        failures += 1;
        let _ = writeln!(io::stderr(), "scrubjay: {what}");
    };
    print(args, &mut out, &mut complain)?;
    out.flush()?;
    if let Some((recorder, what)) = opened {
        if failures > 0 {
            let outcome = Outcome::failed("not all of it opened; the messages of the command say why");
            recorder.record(Event::QuarantineOpen, what, outcome)?;
        }
        recorder.close()?;
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Prints what the arguments ask for. Errors are those of `out`; what cannot be read goes to `complain`.
fn print(args: &QuarantineArgs, out: &mut dyn Write, complain: &mut dyn FnMut(String)) -> io::Result<()> {
    let (Command::Open { input, .. } | Command::List { input }) = &args.command;
    let key = match input.key.0.as_ref().map_err(Clone::clone).and_then(QuarantineKey::load) {
        Ok(key) => key,
        Err(e) => {
            complain(e.to_string());
            return Ok(());
        }
    };
    match &args.command {
        Command::Open { format, .. } => {
            let _ = writeln!(
                io::stderr(),
                "scrubjay: what follows is PHI as it came in; keep it only where PHI may be kept"
            );
            each_record(input, &key, complain, &mut |record| match format {
                Form::Jsonl => write_json(out, record),
                Form::Raw => write_raw(out, record),
            })
        }
        Command::List { .. } => {
            let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
            each_record(input, &key, complain, &mut |record| {
                *counts.entry((source(record.origin()), record.reason().to_string())).or_default() += 1;
                Ok(())
            })?;
            for ((source, reason), count) in &counts {
                writeln!(out, "{count:>8}  {source}  {reason}")?;
            }
            Ok(())
        }
    }
}

/// Where records came from, without their numbers.
fn source(origin: &Origin) -> String {
    match origin {
        Origin::Line(_) => "stream".to_string(),
        Origin::Kafka { topic, partition, .. } => format!("{topic}[{partition}]"),
    }
}

type Visit<'a> = dyn FnMut(&SealedRecord) -> io::Result<()> + 'a;

fn each_record(
    input: &Input,
    key: &QuarantineKey,
    complain: &mut dyn FnMut(String),
    visit: &mut Visit<'_>,
) -> io::Result<()> {
    let standard = [PathBuf::from("-")];
    let files = if input.files.is_empty() { &standard[..] } else { &input.files };
    for path in files {
        if path.as_os_str() == "-" {
            if io::stdin().is_terminal() {
                let _ = writeln!(io::stderr(), "scrubjay: reading sealed records from the terminal");
            }
            each_envelope("standard input", io::stdin().lock(), key, complain, visit)?;
            continue;
        }
        let members = if path.is_dir() { members(path) } else { Ok(vec![path.clone()]) };
        let members = members.unwrap_or_else(|e| {
            complain(format!("{} cannot be read: {}", path.display(), unreadable(&e)));
            Vec::new()
        });
        for path in members {
            match File::open(&path) {
                Ok(file) => {
                    let name = path.display().to_string();
                    each_envelope(&name, BufReader::new(file), key, complain, visit)?;
                }
                Err(e) => complain(format!("{} cannot be read: {}", path.display(), unreadable(&e))),
            }
        }
    }
    Ok(())
}

/// The quarantine files of a directory, oldest first.
fn members(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(dir)?.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|p| p.extension().is_some_and(|e| e == QUARANTINE_EXTENSION));
    paths.sort();
    Ok(paths)
}

fn each_envelope(
    name: &str,
    input: impl Read,
    key: &QuarantineKey,
    complain: &mut dyn FnMut(String),
    visit: &mut Visit<'_>,
) -> io::Result<()> {
    let mut envelopes = Envelopes::new(input);
    for (number, envelope) in (1..).zip(envelopes.by_ref()) {
        let envelope = match envelope {
            Ok(envelope) => envelope,
            Err(e) => {
                complain(format!("{name} cannot be read: {}", unreadable(&e)));
                return Ok(());
            }
        };
        match key.open(&envelope) {
            Ok(record) => visit(&record)?,
            Err(e) => complain(format!("{name}, envelope {number}: {e}")),
        }
    }
    if envelopes.cut_short() {
        // Not a failure: a crash does this, and the source gave that record again.
        let _ = writeln!(io::stderr(), "scrubjay: {name}: the last record is cut short and was passed over");
    }
    Ok(())
}

fn write_raw(out: &mut dyn Write, record: &SealedRecord) -> io::Result<()> {
    let Some(payload) = record.payload() else { return Ok(()) };
    out.write_all(payload)?;
    if payload.ends_with(b"\n") { Ok(()) } else { out.write_all(b"\n") }
}

fn write_json(out: &mut dyn Write, record: &SealedRecord) -> io::Result<()> {
    match record.origin() {
        Origin::Line(number) => write!(out, r#"{{"origin":{{"record":{number}}}"#)?,
        Origin::Kafka { topic, partition, offset, timestamp } => {
            write!(out, r#"{{"origin":{{"topic":"#)?;
            write_string(out, topic)?;
            write!(out, r#","partition":{partition},"offset":{offset}"#)?;
            match timestamp {
                Timestamp::None => {}
                Timestamp::Create(ms) => write!(out, r#","create_time_ms":{ms}"#)?,
                Timestamp::Append(ms) => write!(out, r#","append_time_ms":{ms}"#)?,
            }
            write!(out, "}}")?;
        }
    }
    write!(out, r#","reason":"#)?;
    write_string(out, record.reason())?;
    write!(out, r#","payload":"#)?;
    write_bytes(out, record.payload())?;
    write!(out, r#","key":"#)?;
    write_bytes(out, record.key())?;
    write!(out, r#","headers":["#)?;
    for (i, (name, value)) in record.headers().enumerate() {
        write!(out, "{}{{\"name\":", if i == 0 { "" } else { "," })?;
        write_bytes(out, Some(name))?;
        write!(out, r#","value":"#)?;
        write_bytes(out, value)?;
        write!(out, "}}")?;
    }
    writeln!(out, "]}}")
}

/// `null`, or an object with the bytes in base64 and, where they are UTF-8, as text.
fn write_bytes(out: &mut dyn Write, bytes: Option<&[u8]>) -> io::Result<()> {
    let Some(bytes) = bytes else { return write!(out, "null") };
    write!(out, r#"{{"base64":"{}""#, base64(bytes))?;
    if let Ok(text) = std::str::from_utf8(bytes) {
        write!(out, r#","utf8":"#)?;
        write_string(out, text)?;
    }
    write!(out, "}}")
}

/// A JSON string (RFC 8259, section 7). DEL and C1 controls are escaped too: the output may go to a terminal.
fn write_string(out: &mut dyn Write, text: &str) -> io::Result<()> {
    write!(out, "\"")?;
    for c in text.chars() {
        match c {
            '"' => write!(out, "\\\"")?,
            '\\' => write!(out, "\\\\")?,
            '\n' => write!(out, "\\n")?,
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c))?,
            c => write!(out, "{c}")?,
        }
    }
    write!(out, "\"")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Sensitive;

    fn key() -> QuarantineKey {
        QuarantineKey::new(Sensitive::new([9; 32]))
    }

    fn printed(envelope: &[u8], form: Form) -> Vec<u8> {
        let record = key().open(envelope).unwrap();
        let mut out = Vec::new();
        match form {
            Form::Jsonl => write_json(&mut out, &record).unwrap(),
            Form::Raw => write_raw(&mut out, &record).unwrap(),
        }
        out
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        let origin = Origin::Kafka {
            topic: "app.logs".into(),
            partition: 2,
            offset: 40,
            timestamp: Timestamp::Create(1_700_000_000_000),
        };
        let headers: [(&[u8], Option<&[u8]>); 3] =
            [(b"h", Some(b"v\"\\\n\x7f")), (b"h", None), (b"\xff", Some(b""))];
        let envelope = key().seal(&origin, "nested too deep", Some(b"\xff\x00"), None, &headers).unwrap();
        let line = printed(&envelope, Form::Jsonl);
        assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
        assert!(!line.contains(&0x7f));
        assert_eq!(
            serde_json::from_slice::<Value>(&line).unwrap(),
            json!({
                "origin": {"topic": "app.logs", "partition": 2, "offset": 40, "create_time_ms": 1_700_000_000_000u64},
                "reason": "nested too deep",
                "payload": {"base64": "/wA="},
                "key": null,
                "headers": [
                    {"name": {"base64": "aA==", "utf8": "h"}, "value": {"base64": "diJcCn8=", "utf8": "v\"\\\n\u{7f}"}},
                    {"name": {"base64": "aA==", "utf8": "h"}, "value": null},
                    {"name": {"base64": "/w=="}, "value": {"base64": "", "utf8": ""}},
                ],
            })
        );
    }

    #[test]
    fn raw_is_the_payload_with_a_line_end() {
        for (payload, out) in [
            (Some(b"a\r\n".as_slice()), b"a\r\n".as_slice()),
            (Some(b"a\xff"), b"a\xff\n"),
            (Some(b""), b"\n"),
            (None, b""),
        ] {
            let envelope = key().seal(&Origin::Line(1), "r", payload, None, &[]).unwrap();
            assert_eq!(printed(&envelope, Form::Raw), out);
        }
    }

    #[test]
    fn what_does_not_open_is_named_and_the_rest_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let good = key().seal(&Origin::Line(1), "r", Some(b"x"), None, &[]).unwrap();
        let foreign = QuarantineKey::new(Sensitive::new([8; 32]));
        let foreign = foreign.seal(&Origin::Line(1), "r", Some(b"x"), None, &[]).unwrap();
        for (name, bytes) in
            [("a.sealed", &good[..]), ("b.sealed", &foreign), ("c.sealed", b"12345678"), ("d.txt", b"")]
        {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        let absent = dir.path().join("absent");
        let input = Input {
            files: vec![dir.path().into(), absent],
            key: Reference(Ok(SecretRef::Env("UNUSED".to_string()))),
        };
        let (mut opened, mut complaints) = (0, Vec::new());
        each_record(&input, &key(), &mut |c| complaints.push(c), &mut |_| {
            opened += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(opened, 1);
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert!(complaints[0].contains("b.sealed, envelope 1: sealed with the key"));
        assert!(complaints[1].contains("c.sealed, envelope 1: not a sealed record"));
        assert!(complaints[2].contains("absent cannot be read"));
        assert!(!complaints.concat().contains("12345678"));
    }
}
