//! Nobody talks: planted identifiers are sent down every path, and looked for in all that comes out.
//!
//! A path that is added to the project gets its line here.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use scrubjay::codec::{Format, Leaf, Map, PathBuf, Place};
use scrubjay::keys::QuarantineKey;
use scrubjay::pipeline::{Line, LineError, run};
use scrubjay::record::{Batch, Origin};
use scrubjay::scrubber::{KeyAction, Located, OnError, Outgoing, Scratch, Scrubber, Settings};
use scrubjay::sink::{MemorySink, QuarantineDir};
use scrubjay::source::{Acknowledge, Acknowledgements, MemorySource, Message, Polled, Source, SourceError};
use scrubjay::{Kind, Sensitive, Span};

use crate::kit::{self, Cmd, Dir};

/// The planted identifiers in one sentence; none stands anywhere else in the project.
const SENTENCE: &str =
    "Patient: Zebulon Quackenbush, SSN 219-10-8731, MRN 83729105, write to zeb.quackenbush@clinic-canary.org";

/// What must not come out, in any of the forms it could take.
const CANARIES: &[&str] = &[
    "Zebulon",
    "zebulon",
    "Quackenbush",
    "quackenbush",
    "219-10-8731",
    "219108731",
    "219%2D10",
    "10-8731",
    "83729105",
    "clinic-canary",
];

/// Fails when an identifier stands in `bytes`; says which and on which path, with what stands around it.
#[track_caller]
fn assert_silent(path: &str, bytes: &[u8]) {
    for canary in CANARIES {
        if let Some(at) = bytes.windows(canary.len()).position(|w| w == canary.as_bytes()) {
            let around = &bytes[at.saturating_sub(60)..(at + 60).min(bytes.len())];
            panic!("{path}: {canary:?} came out: ...{}...", String::from_utf8_lossy(around));
        }
    }
}

/// The check itself must be able to fail.
#[test]
#[should_panic(expected = "came out")]
fn a_leak_is_seen() {
    assert_silent("made up", SENTENCE.as_bytes());
}

/// The sentence with every letter and digit as an escape.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() { format!("\\u{:04x}", c as u32) } else { c.to_string() })
        .collect()
}

/// Records that hold the identifiers in every position.
fn records() -> Vec<(&'static str, String)> {
    let s = SENTENCE;
    let nested = serde_json::json!({ "body": serde_json::json!({ "msg": s }).to_string() }).to_string();
    let twice = serde_json::json!({ "outer": nested }).to_string();
    vec![
        ("a line", s.to_owned()),
        ("a line in the middle", format!("2024-03-14T10:32:07Z INFO app.Svc - {s} - done in 12 ms")),
        (
            "key=value",
            format!("level=info msg=\"{s}\" ssn=219-10-8731 user_email=zeb.quackenbush@clinic-canary.org"),
        ),
        (
            "a URL",
            "GET /find?ssn=219-10-8731&mail=zeb.quackenbush@clinic-canary.org&mrn=83729105 HTTP/1.1"
                .to_owned(),
        ),
        ("a JSON value", format!(r#"{{"msg":"{s}"}}"#)),
        (
            "a JSON field",
            r#"{"patient_name":"Zebulon Quackenbush","ssn":"219-10-8731","mrn":"83729105"}"#.to_owned(),
        ),
        ("a JSON key", r#"{"SSN 219-10-8731":true,"zeb.quackenbush@clinic-canary.org":{"a":1}}"#.to_owned()),
        ("a JSON number", r#"{"ssn":219108731,"mrn":83729105}"#.to_owned()),
        ("a JSON array", format!(r#"[1,["{s}"],{{"a":["{s}"]}}]"#)),
        ("escapes", format!(r#"{{"msg":"{}"}}"#, escaped(s))),
        ("JSON in JSON", nested),
        ("JSON in JSON in JSON", twice),
        ("cut-off JSON", format!(r#"{{"a":1,"msg":"{s}"#)),
        ("cut-off JSON with escapes", format!(r#"{{"a":1,"msg":"{}"#, escaped(s))),
        ("JSON with rubbish", format!(r#"{{"msg":"{s}",,}} trailing {s}"#)),
        ("JSON with a bad escape", format!(r#"{{"msg":"\x {s}","b":"\ud800 {s}"}}"#)),
        ("duplicate keys", format!(r#"{{"a":"{s}","a":"{s}"}}"#)),
    ]
}

/// All records as one stream.
fn stream() -> String {
    records().into_iter().map(|(_, record)| record + "\n").collect()
}

#[test]
fn the_filter() {
    for format in Format::NAMES.iter().map(|f| f.0) {
        let out = Cmd::new().args("--input-format").arg(format).stdin(stream()).run().code(0);
        assert_silent(&format!("the filter, reading {format}"), &out.all());
        let lines: Vec<_> = out.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
        assert_eq!(lines.len(), records().len(), "records out, reading {format}");
        for ((path, _), line) in records().iter().zip(lines) {
            assert!(kit::contains(line, "[SSN]"), "{path}, read as {format}: nothing was found");
        }
    }
}

#[test]
fn the_filter_with_logs_at_their_most_talkative() {
    for log_format in ["text", "json"] {
        let cmd = Cmd::new().args("--log-format").arg(log_format).env("SCRUBJAY_LOG", "trace");
        let cmd = cmd.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").stdin(stream());
        assert_silent(&format!("{log_format} logs at level trace"), &cmd.run().code(0).all());
    }
}

/// With keys: derived codes, codes that the key leads back from, and a vault; neither in what goes out nor in any file that is kept.
#[test]
fn keys_a_vault_and_the_audit_log() {
    let dir = Dir::new();
    dir.cmd().args("keys init ring --kek file:kek --create-kek").run().code(0);
    let rules = |action: &str| {
        format!("[[policy.rule]]\nkind = [\"ssn\", \"mrn\", \"name\", \"email\"]\naction = \"{action}\"\n")
    };
    for (profile, action) in
        [("pseudonymised", "pseudonym"), ("logs", "seal"), ("logs", "token"), ("logs", "surrogate")]
    {
        let tables = "[keys]\nring = \"ring\"\n[vault]\npath = \"vault.redb\"\n[audit]\ndir = \"audit\"\n";
        let policy = format!("[policy]\nprofile = \"{profile}\"\n{}", rules(action));
        dir.file("p.toml", format!("[source.stdin]\n[sink.stdout]\n{tables}{policy}"));
        if !dir.path().join("vault.redb").exists() {
            dir.cmd().args("vault init --config p.toml").run().code(0);
        }
        let cmd = dir.cmd().args("run p.toml").env("SCRUBJAY_LOG", "trace").env("RUST_LOG", "trace");
        let out = cmd.env("RUST_BACKTRACE", "full").stdin(stream()).run().code(0);
        assert_silent(&format!("profile {profile}, {action}"), &out.all());
    }
    for (path, content) in dir.files() {
        assert_silent(&path.to_string_lossy(), &content);
    }
}

#[test]
fn scan() {
    for format in ["table", "jsonl"] {
        let out = Cmd::new().args("scan --format").arg(format).stdin(stream()).run().code(1);
        assert_silent(&format!("scan --format {format}"), &out.all());
        assert!(kit::contains(&out.stdout, "ssn"), "scan --format {format} found nothing");
    }
}

/// `explain` is asked to show a text, and does so on standard output alone.
#[test]
fn explain() {
    let out = Cmd::new().args("explain").stdin(format!("{SENTENCE}\n")).run().code(0);
    assert!(kit::contains(&out.stdout, "219-10-8731"), "explain shows what it explains");
    assert_silent("what explain says beside", &out.stderr);
}

/// `eval` shows text to who asks for it, and then on standard output alone; a file that is wrong is not quoted.
#[test]
fn eval() {
    let dir = Dir::new();
    let line = |id: &str, spans: &str| {
        let text = serde_json::Value::from(SENTENCE);
        format!("{{\"id\":\"{id}\",\"text\":{text},\"spans\":{spans}}}\n")
    };
    dir.file("gold.jsonl", line("a", "[[0,7,\"NAME\"],[9,28,\"NAME\"]]"));
    for args in ["", "--json", "--min-recall 1 --min-precision 1", "--predictions p.jsonl"] {
        let out = dir.cmd().args("eval gold.jsonl").args(args).env("SCRUBJAY_LOG", "trace").run();
        assert!(out.exit_code() < Some(2) && kit::contains(&out.stdout, "NAME"), "eval {args}");
        assert_silent(&format!("eval {args}"), &out.all());
    }
    let out = dir.cmd().args("eval gold.jsonl --errors 3 --min-recall 1").run();
    assert_silent("what eval says beside", &out.stderr);
    for (i, bad) in [
        "[[0,9999,\"NAME\"]]",
        "[[9,9,\"NAME\"]]",
        "[0,\"Zebulon\"]",
        "\"Zebulon\"",
        "[[0,7,\"NAME\"]",
        "Zebulon",
    ]
    .into_iter()
    .enumerate()
    {
        dir.file("bad.jsonl", line("a", bad) + SENTENCE);
        let out =
            dir.cmd().args("eval bad.jsonl --errors 3").run().code(2).stderr_has("bad.jsonl:2:1: no JSON");
        assert_silent(&format!("a bad gold file, {i}"), &out.all());
    }
}

/// A pipeline file from stdin to stdout with these extra lines.
fn pipeline(extra: &str) -> String {
    format!("[source.stdin]\n[sink.stdout]\n[codec]\nformat = \"json\"\n{extra}\n")
}

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn records_that_cannot_be_read() {
    let dir = Dir::new();
    dir.secret("key", KEY);
    let large =
        format!("{{\"msg\":\"{SENTENCE}\",\"pad\":\"{}\",\"b\":\"{SENTENCE}\"}}\n", "x".repeat(100_000));
    for (action, code) in [("redact", 0), ("halt", 2), ("quarantine", 0)] {
        let to = if action == "quarantine" { "to = { dir = \"sealed\" }\nkey = \"file:key\"" } else { "" };
        let limits = "[limits]\nmax_record_bytes = \"64 KiB\"";
        dir.file("p.toml", pipeline(&format!("{limits}\n[on_error]\naction = \"{action}\"\n{to}")));
        let out = dir.cmd().args("run p.toml").env("SCRUBJAY_LOG", "trace").env("RUST_BACKTRACE", "full");
        let out = out.stdin(large.clone()).run().code(code);
        assert_silent(&format!("on_error {action}"), &out.all());
        match action {
            "redact" => drop(out.stdout_has("unreadable")),
            "halt" => drop(out.stderr_has("record 1")),
            _ => assert!(out.stdout.is_empty(), "a quarantined record came out"),
        }
    }
    let sealed = dir.path().join("sealed");
    let sealed: Vec<_> = dir.files().into_iter().filter(|(path, _)| path.starts_with(&sealed)).collect();
    assert!(!sealed.is_empty(), "nothing was quarantined");
    for (path, envelope) in &sealed {
        assert_silent("an envelope", envelope);
        assert_silent("the name of an envelope", path.to_string_lossy().as_bytes());
    }
    // Only here it may come out: that is what the key is for.
    let out = dir.cmd().args("quarantine open --key file:key").arg(&sealed[0].0).run().code(0);
    assert!(kit::contains(&out.stdout, "219-10-8731"), "the quarantine gives the record back");
    assert_silent("what quarantine open says", &out.stderr);
}

#[cfg(feature = "console")]
#[test]
fn the_metrics_page() {
    let dir = Dir::new();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    dir.file("p.toml", pipeline(&format!("[metrics]\nlisten = \"{address}\"")));
    let mut running = dir.cmd().args("run p.toml").spawn();
    running.write(stream());
    running.wait_for_stdout("[SSN]");
    let (mut page, mut seen) = (String::new(), false);
    for _ in 0..100 {
        page = fetch(address, "/metrics");
        seen = page.contains("ssn");
        if seen {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(seen, "no finding is counted:\n{page}");
    for path in ["/healthz", "/readyz", "/219-10-8731"] {
        page += &fetch(address, path);
    }
    assert_silent("the pages for operators", page.as_bytes());
    assert_silent("a pipeline with pages", &running.finish().code(0).all());
}

#[cfg(feature = "console")]
fn fetch(address: std::net::SocketAddr, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

/// A secret that stands in a configuration by mistake is not shown with the error.
#[test]
fn secrets_in_bad_configuration() {
    let dir = Dir::new();
    for line in [
        "[on_error]\naction = \"quarantine\"\nkey = \"219-10-8731\"",
        "[source.kafka]\nproperties = { \"sasl.password\" = \"219-10-8731\", x = }",
        "[source.kafka]\nkey_action = { hmac = \"219-10-8731\" }",
        // As people write it who have not read the manual.
        "[on_error]\nkey = 219-10-8731",
        "[on_error]\nkey = 219108731",
        "[on_error]\nkey = Zebulon Quackenbush",
        "[on_error]\nkey: \"219-10-8731\"",
        "[on_error]\nkey = [\"219-10-8731\"]",
        "[on_error]\nkey = { value = \"219-10-8731\" }",
        "[on_error]\nkey = “219-10-8731”",
        "[on_error]\nkey = \"219-10-8731",
        "[on_error]\nkey = \"\"\"219-10-8731\n83729105",
        "[on_error]\nkey = '219-10-8731'\nkey = \"83729105\"",
        "[source.kafka.properties]\n\"sasl.password\" =\n\"219-10-8731\"",
        "[source.kafka.properties]\nsasl.password = \"219-10-8731\"",
        "[source.kafka]\nproperties.\"sasl.password\" = 219-10-8731",
    ] {
        dir.file("p.toml", line);
        for command in ["check p.toml", "run p.toml", "test p.toml"] {
            let out = dir.cmd().args(command).run().code(2);
            assert_silent(&format!("{command} on {line:?}"), &out.all());
        }
    }
}

/// A key in place of the reference to it.
#[test]
fn secrets_on_the_command_line() {
    for command in ["quarantine open --key 219-10-8731", "quarantine list --key=219-10-8731"] {
        let out = Cmd::new().args(command).run().code(2).stderr_has("env:NAME");
        assert_silent(command, &out.all());
    }
}

const DETECTOR: &str = r#"
[[detector]]
id = "badge"
kind = "unique_id"
pattern = '\bBDG-\d{6}\b'
weights = { base = 1.0 }
examples = ["badge «BDG-104423»", "BDG «BDG-104423»"]
counter_examples = ["badge", "BDG-1"]
"#;

/// The text of a pack is its author's own, and the line that is wrong is drawn; an example is to be invented. What
/// stands in its other lines is not shown with it, nor is the data that the pack was to be used on.
#[test]
fn errors_in_packs_show_the_line_they_are_about() {
    let dir = Dir::new();
    dir.file("p.toml", pipeline("[detect]\npacks = [\"pack.toml\"]"));
    let planted = DETECTOR.replace("\"badge\",", &format!("\"{SENTENCE}\","));
    for (wrong, right) in [
        ("unknown = 1", ""),
        ("kind = \"badge\"", "kind = \"unique_id\""),
        ("pattern = '\\bBDG-\\d{6\\b('", "pattern = '\\bBDG-\\d{6}\\b'"),
    ] {
        let text = match right {
            "" => format!("{planted}{wrong}\n"),
            right => planted.replace(right, wrong),
        };
        assert!(text.contains("Zebulon"), "the counter-example is in the pack");
        dir.file("pack.toml", text);
        for command in ["check p.toml", "run p.toml", "scan --policy p.toml"] {
            let out = dir.cmd().args(command).env("SCRUBJAY_LOG", "trace").stdin(stream()).run().code(2);
            let out = out.stderr_has("pack.toml");
            assert_silent(&format!("{command}, {wrong}"), &out.all());
        }
    }
    // Good as it stands but for its example, which fails and is shown.
    dir.file("pack.toml", DETECTOR.replace("\"badge\",", "\"badge BDG-219108\","));
    let out = dir.cmd().args("test pack.toml").run();
    assert_ne!(out.exit_code(), Some(0));
    assert!(kit::contains(&out.all(), "BDG-219108"), "{}", String::from_utf8_lossy(&out.all()));
}

/// A Kafka message with an identifier in its key, in header values and in its payload.
fn message(offset: i64) -> Message {
    Message {
        offset,
        key: Some(b"SSN 219-10-8731".to_vec()),
        payload: Some(format!(r#"{{"msg":"{SENTENCE}"}}"#).into_bytes()),
        headers: vec![
            (b"trace".to_vec(), Some(SENTENCE.as_bytes().to_vec())),
            (b"ssn".to_vec(), Some(b"219108731".to_vec())),
            (b"json".to_vec(), Some(format!(r#"{{"a":["{SENTENCE}"]}}"#).into_bytes())),
            (b"none".to_vec(), None),
        ],
        ..Message::default()
    }
}

#[test]
fn keys_and_headers_of_messages() {
    use aws_lc_rs::hmac;
    let hmac = KeyAction::Hmac(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes())));
    for key_action in [KeyAction::Policy, hmac] {
        let sink = MemorySink::new();
        run(Line {
            source: Box::new(MemorySource::messages(vec![vec![message(0), message(1)]])),
            sink: Box::new(sink.clone()),
            scrubber: Arc::new(ArcSwap::from_pointee(Scrubber::new(Settings {
                key_action,
                ..Settings::new()
            }))),
            threads: 1,
            stop: Arc::default(),
        })
        .unwrap();
        let delivered = sink.delivered();
        assert_eq!(delivered.committed, 2, "messages delivered");
        for record in &delivered.written {
            assert_silent("a key", record.key.as_deref().unwrap());
            assert_silent("a payload", record.payload.as_deref().unwrap());
            assert_eq!(record.headers.len(), 4);
            for (name, value) in &record.headers {
                let value = value.as_deref().unwrap_or_default();
                assert_silent(&format!("header {}", String::from_utf8_lossy(name)), value);
            }
        }
    }
}

/// Where a line stops at a record, the error says where and why.
#[test]
fn errors_of_the_line() {
    let settings = Settings { on_error: OnError::Halt, max_record_bytes: 16, ..Settings::new() };
    let error = run(Line {
        source: Box::new(MemorySource::messages(vec![vec![message(7)]])),
        sink: Box::new(MemorySink::new()),
        scrubber: Arc::new(ArcSwap::from_pointee(Scrubber::new(settings))),
        threads: 1,
        stop: Arc::default(),
    })
    .unwrap_err();
    assert_silent("an error of the line", format!("{error} {error:?}").as_bytes());
    assert!(error.to_string().contains("@7"), "{error}");
}

/// Gives one batch in which a record reaches past the end: whatever reads it panics.
struct BrokenSource(bool);

impl Source for BrokenSource {
    fn next(&mut self, batch: &mut Batch, _: Duration) -> Result<Polled, SourceError> {
        if std::mem::replace(&mut self.0, true) {
            return Ok(Polled::End);
        }
        let line = batch.append(SENTENCE.as_bytes());
        batch.push_line(1, line, line.end());
        batch.push_line(2, Span::at(0, 1 << 20), 1 << 20);
        Ok(Polled::Batch)
    }

    fn idle(&mut self, _: Duration) -> Result<(), SourceError> {
        Ok(())
    }

    fn acknowledger(&self) -> Box<dyn Acknowledge> {
        Box::new(Acknowledgements::default())
    }
}

/// A panic between source and sink ends the line; nothing of the batch goes out, to the sink or to quarantine.
#[test]
fn a_panic_in_a_worker() {
    let dir = Dir::new();
    let key = QuarantineKey::new(Sensitive::new([7; 32]));
    let sink = MemorySink::new();
    let quarantine = QuarantineDir::open(dir.path(), Box::new(sink.clone())).unwrap();
    let settings = Settings { on_error: OnError::Quarantine(Arc::new(key)), ..Settings::new() };
    let error = run(Line {
        source: Box::new(BrokenSource(false)),
        sink: Box::new(quarantine),
        scrubber: Arc::new(ArcSwap::from_pointee(Scrubber::new(settings))),
        threads: 2,
        stop: Arc::default(),
    })
    .unwrap_err();
    assert!(matches!(error, LineError::Halt(_)), "{error:?}");
    assert!(error.to_string().contains("line 1") || error.to_string().contains("record 1"), "{error}");
    assert_silent("an error after a panic", format!("{error} {error:?} {error:#?}").as_bytes());
    let delivered = sink.delivered();
    assert!(delivered.written.is_empty() && delivered.committed == 0, "part of the batch went out");
    for (path, content) in dir.files() {
        assert_silent("the name of a quarantine file", path.to_string_lossy().as_bytes());
        assert_silent("a quarantine file", &content);
    }
}

#[track_caller]
fn assert_debug_silent(what: impl Debug) {
    let shown = format!("{what:?} {what:#?}");
    let path = format!("Debug of {}", shown.split(['(', ' ', '{']).next().unwrap_or(""));
    assert_silent(&path, shown.as_bytes());
    // Nor as the numbers that a slice of bytes is shown as.
    let numbers: String = shown.chars().filter(|c| c.is_ascii_digit() || *c == ',').collect();
    for canary in CANARIES {
        let bytes: Vec<_> = canary.bytes().map(|b| b.to_string()).collect();
        assert!(!numbers.contains(&bytes.join(",")), "{path}: {canary:?} came out, byte by byte: {shown}");
    }
}

#[test]
#[should_panic(expected = "byte by byte")]
fn a_leak_in_numbers_is_seen() {
    assert_debug_silent(SENTENCE.as_bytes());
}

#[test]
fn debug_of_what_flows() {
    assert_debug_silent(Sensitive::new(SENTENCE.to_owned()));
    let batch = Batch::from_lines([SENTENCE.as_bytes()]);
    assert_debug_silent(&batch);
    assert_debug_silent(message(0));
    assert_debug_silent(&batch.records()[0]);
    let scrubber = Scrubber::new(Settings::new());
    let mut kinds = Vec::new();
    let mut scratch = Scratch::default();
    let mut look = |located: &Located<'_>| {
        assert_debug_silent(located);
        assert_debug_silent(located.leaf);
        kinds.push(located.finding.kind);
    };
    scrubber.scan(&batch, &batch.records()[0], &mut scratch, &mut look).unwrap();
    assert!(kinds.contains(&Kind::Ssn), "nothing was found");
    let scrubbed = scrubber.scrub(batch, &mut Scratch::default()).unwrap();
    assert_debug_silent(&scrubbed);
    assert_debug_silent(scrubbed.tally());
    for record in scrubbed.iter() {
        let Outgoing::Clean(record) = record else { panic!("it was sealed") };
        assert_debug_silent(record.origin());
    }
}

#[test]
fn debug_of_paths_and_secrets() {
    let mut path = PathBuf::default();
    path.push_key(SENTENCE.as_bytes());
    path.push_index(3);
    assert_debug_silent(&path);
    assert_debug_silent(path.as_path());
    let leaf = Leaf {
        text: SENTENCE.as_bytes(),
        map: Map::Direct(0),
        path: path.as_path(),
        place: Place::String,
        depth: 0,
    };
    assert_debug_silent(leaf);
    assert_debug_silent(Scratch::default());
    let key = QuarantineKey::new(Sensitive::new(*b"Zebulon Quackenbush, 219-10-8731"));
    assert_debug_silent(&key);
    let value = Some(SENTENCE.as_bytes());
    let headers = [(SENTENCE.as_bytes(), value)];
    let envelope = key.seal(&Origin::Line(4), "invented", value, value, &headers).unwrap();
    assert_silent("an envelope", &envelope);
    let opened = key.open(&envelope).unwrap();
    assert_eq!(opened.payload(), value);
    assert_debug_silent(&opened);
    let mut damaged = envelope.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for broken in [damaged.as_slice(), &envelope[..60], SENTENCE.as_bytes()] {
        let error = key.open(broken).err().unwrap();
        assert_silent("why an envelope does not open", format!("{error} {error:?}").as_bytes());
    }
    // Sealed by the scrubber: too large to be read.
    let on_error = OnError::Quarantine(Arc::new(key));
    let scrubber = Scrubber::new(Settings { on_error, max_record_bytes: 16, ..Settings::new() });
    let batch = Batch::from_lines([SENTENCE.as_bytes()]);
    let scrubbed = scrubber.scrub(batch, &mut Scratch::default()).unwrap();
    assert_eq!(scrubbed.sealed().len(), 1);
    assert_debug_silent(&scrubbed);
    assert_debug_silent(&scrubbed.sealed()[0]);
}
