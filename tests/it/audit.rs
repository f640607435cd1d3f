//! `scrubjay audit` on logs that the library has written.

use std::path::{Path, PathBuf};

use scrubjay::audit::{Actor, AuditLog, AuditSettings, Entry, Event, ExportFormat, Outcome, Record, What};
use scrubjay::keys::SecretRef;

use crate::kit::{Cmd, Dir, contains, root};

const KEY: &str = "7f3c1a90b2d84e65f0a1c2d3e4f5061728394a5b6c7d8e9f0011223344556677";
const CANARY: &str = "219-10-9999";

/// A log of reveals, with a key and copies of its checkpoints beside it.
fn filled(entries: usize) -> Dir {
    let dir = Dir::new();
    dir.secret("audit.key", format!("{KEY}\n"));
    std::fs::create_dir(dir.path().join("copies")).unwrap();
    let log = AuditLog::open(settings(dir.path())).unwrap();
    for i in 0..entries {
        let what = What { tokens: vec![format!("mrn.{i}")], ..What::default() };
        let actor = Actor::default().operator("ana").address("192.0.2.7:50000");
        let entry = Entry::new(Event::VaultReveal, actor).what(what).purpose("claim 12");
        let refused = i % 4 == 3;
        let outcome = if refused { Outcome::refused("no approval") } else { Outcome::Ok };
        log.append(&entry.outcome(outcome)).unwrap();
    }
    log.append(&Entry::new(Event::KeyRotate, Actor::default().operator("bo"))).unwrap();
    log.close().unwrap();
    dir
}

fn settings(dir: &Path) -> AuditSettings {
    AuditSettings {
        dir: dir.join("log"),
        key: Some(SecretRef::File(dir.join("audit.key"))),
        copy_to: Some(dir.join("copies")),
        checkpoint_entries: 4,
        ..AuditSettings::default()
    }
}

fn audit(dir: &Dir, args: &str) -> Cmd {
    dir.cmd().env("SCRUBJAY_AUDIT_DIR", "log").arg("audit").args(args)
}

fn lines(bytes: &[u8]) -> Vec<serde_json::Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

#[test]
fn a_sound_log_verifies_with_the_public_key_alone() {
    let dir = filled(10);
    let out = audit(&dir, "public-key --key file:audit.key").run().code(0).quiet();
    let public = String::from_utf8(out.stdout).unwrap();
    assert_eq!(public.len(), 65);
    audit(&dir, "verify --checkpoints copies --public-key")
        .arg(public.trim())
        .run()
        .code(0)
        .quiet()
        .stdout_has("entries      11 in 1 file, up to 11 at 20")
        .stdout_has("signatures   checked\n")
        .stdout_has("\nintact\n");
    audit(&dir, "verify --key file:audit.key").run().code(0).stdout_has("name them with --checkpoints");
    audit(&dir, "verify").run().code(0).stdout_has("not checked: name a --public-key");
}

#[test]
fn exit_codes_tell_tampered_from_unreadable() {
    let dir = filled(10);
    let log = dir.path().join("log/audit-000001.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("claim 12", "claim 21", 1)).unwrap();
    audit(&dir, "verify")
        .run()
        .code(1)
        .stdout_has("audit-000001.jsonl:1: entry 1 was changed")
        .stdout_has("\nNOT INTACT\n");
    // Nothing is appended to such a log, and it is not exported as if it were sound.
    for command in ["checkpoint --key file:audit.key", "export"] {
        audit(&dir, command)
            .run()
            .code(1)
            .stdout("")
            .stderr_has("does not verify")
            .stderr_has("audit-000001.jsonl:1");
    }
    audit(&dir, "verify --dir absent").run().code(2).stdout("").stderr_has("absent cannot be read");
    audit(&dir, "verify --checkpoints absent").run().code(2).stderr_has("absent cannot be read");
    audit(&dir, "verify --public-key 12").run().code(2).stderr_has("64 hexadecimal digits");
    audit(&dir, "export --dir absent").run().code(2).stderr_has("absent holds no audit log");
    assert!(!dir.path().join("absent").exists(), "reading begins no log");
    dir.cmd().args("audit verify").run().code(2).stderr_has("SCRUBJAY_AUDIT_DIR");
    audit(&dir, "checkpoint --key").arg(KEY).run().code(2).stderr_has("`env:NAME` or `file:PATH`");
}

#[test]
fn the_cut_off_end_shows_by_the_copies() {
    let dir = filled(10);
    for file in ["log/audit-000001.jsonl", "log/checkpoints.jsonl"] {
        let text = String::from_utf8(dir.read(file)).unwrap();
        let keep = if file.contains("audit") { 5 } else { 2 };
        dir.file(file, text.lines().take(keep).flat_map(|l| [l, "\n"]).collect::<String>());
    }
    audit(&dir, "verify --key file:audit.key").run().code(0);
    audit(&dir, "verify --key file:audit.key --checkpoints copies")
        .run()
        .code(1)
        .stdout_has("copies/checkpoints.jsonl:3: checkpoint 3 over 9 entries was kept here, and the log ends with entry 5");
}

#[test]
fn tail_shows_and_follows() {
    let dir = filled(10);
    let out = audit(&dir, "tail -n 2").run().code(0).quiet();
    let shown = lines(&out.stdout);
    assert_eq!((shown[0]["seq"].as_u64(), shown[1]["seq"].as_u64(), shown.len()), (Some(10), Some(11), 2));
    let mut running = audit(&dir, "tail -n 0 --follow").spawn();
    // It follows from when it has begun; what comes until then is asked for again.
    for round in 0..20 {
        let log = AuditLog::open(settings(dir.path())).unwrap();
        log.append(&Entry::new(Event::Login, Actor::default().operator("late"))).unwrap();
        log.close().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100 + 20 * round));
        if contains(&running.stdout_so_far(), "late") {
            break;
        }
    }
    running.wait_for_stdout("\"login\"");
    running.signal("TERM");
}

#[test]
fn an_export_is_on_record_without_the_phi_of_its_purpose() {
    let dir = filled(10);
    let plain = audit(&dir, "export --key file:audit.key --operator eve --purpose")
        .arg(format!("asked for by patient with SSN {CANARY}"))
        .run()
        .code(0)
        .quiet();
    assert_eq!(lines(&plain.stdout).len(), 11);
    let out = audit(&dir, "tail -n 1").run().code(0);
    let last = &lines(&out.stdout)[0];
    assert_eq!(last["event"], "audit_export");
    assert_eq!(last["who"]["operator"], "eve");
    assert_eq!(last["what"]["object"], "jsonl");
    let why = last["why"].as_str().unwrap();
    assert!(why.contains("[SSN]") && why.starts_with("asked for by"), "{why}");
    for (path, bytes) in dir.files() {
        assert!(!contains(&bytes, CANARY), "{}", path.display());
    }
    audit(&dir, "verify --key file:audit.key").run().code(0).stdout_has("the last over 12 entries");
}

#[test]
fn ranges_and_forms() {
    let dir = filled(10);
    let export = |args: &str| lines(&audit(&dir, args).run().code(0).stdout);
    assert!(export("export --until 2020-01-01").is_empty());
    assert_eq!(export("export --since 2020-01-01T00:00:00Z --until 9999-12-31").len(), 12);
    let events = export("export --format ocsf");
    assert_eq!(events[0]["class_uid"], 6003);
    assert_eq!(events[3]["status_detail"], "no approval");
    assert_eq!(events[10]["class_uid"], 3004);
    assert!(events.iter().all(|e| e["metadata"]["version"] == "1.9.0"));
    let resources = export("export --format fhir");
    assert_eq!(resources.len(), 10, "reveals only");
    assert_eq!(resources[0]["entity"][0]["what"]["identifier"]["value"], "mrn.0");
    let out = audit(&dir, "export --format syslog").run().code(0);
    assert!(out.stdout.starts_with(b"<109>1 20"));
    audit(&dir, "export --since yesterday").run().code(2).stderr_has("it must be a date");
    let out = audit(&dir, "tail -n 1").run().code(0);
    assert_eq!(lines(&out.stdout)[0]["what"]["object"], "syslog");
}

#[test]
fn many_processes_append_at_once() {
    let dir = filled(3);
    let export = || audit(&dir, "export --key file:audit.key --copy-to copies --until 2020-01-01").spawn();
    let running: Vec<_> = (0..6).map(|_| export()).collect();
    for one in running {
        one.finish().code(0).quiet();
    }
    audit(&dir, "verify --key file:audit.key --checkpoints copies")
        .run()
        .code(0)
        .stdout_has("entries      10 in");
}

/// The page names every event, and its samples are what the program writes.
#[test]
fn the_page_is_of_this_program() {
    let page = std::fs::read_to_string(root().join("docs/audit.md")).unwrap();
    let rows: Vec<_> = page
        .lines()
        .skip_while(|l| !l.starts_with("| event |"))
        .skip(2)
        .take_while(|l| l.starts_with('|'))
        .collect();
    let expected: Vec<_> = Event::ALL.iter().map(|e| format!("| `{}` | {} |", e.name(), e.about())).collect();
    assert_eq!(rows, expected, "docs/audit.md, table of events");
    let entry = page.lines().find(|l| l.starts_with("{\"v\":1,\"seq\":")).unwrap();
    let record = Record::parse(entry.as_bytes()).unwrap();
    for (name, format) in ExportFormat::NAMES {
        let mut shown = page.lines().filter(|l| l.contains(&format.render(&record).unwrap()[..]));
        assert!(
            shown.next().is_some(),
            "docs/audit.md does not show the entry as {name}: {}",
            format.render(&record).unwrap()
        );
    }
}

#[test]
fn checkpoints_on_demand_and_what_may_be_pruned() {
    let dir = filled(2);
    let out = audit(&dir, "checkpoint --key file:audit.key").run().code(0).quiet();
    assert_eq!(lines(&out.stdout)[0]["size"], 3);
    audit(&dir, "checkpoint").run().code(2).stderr_has("without a key");
    audit(&dir, "prune --key file:audit.key --older-than 365").run().code(2).stderr_has("164.316(b)(2)(i)");
    // A file says where the log is, and how long it is kept.
    dir.file("p.toml", "[audit]\ndir = \"log\"\nkey = \"file:audit.key\"\nretention_days = 3650\n");
    let of_file = |args: &str| dir.cmd().args(&format!("audit {args} --config p.toml")).run();
    of_file("prune --older-than 2192").code(2).stderr_has("are kept for 3650 days");
    of_file("prune").code(0).stderr_has("nothing is that old");
    dir.file("p.toml", "[policy]\n");
    of_file("tail").code(2).stderr_has("p.toml names no audit log");
    audit(&dir, "prune --key file:audit.key --older-than 2192")
        .run()
        .code(0)
        .stderr_has("nothing is that old");
    let none: PathBuf = dir.path().join("none");
    std::fs::create_dir(none).unwrap();
    audit(&dir, "checkpoint --dir none --key file:audit.key").run().code(2).stderr_has("empty");
}
