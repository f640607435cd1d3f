//! What a crash leaves, made by hand at every byte, and by killing a process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::files::name;
use super::line::Record;
use super::tests::{Bench, entry};
use super::*;

/// Wherever a write was cut off, what was acknowledged is there afterwards, and the rest is on record.
#[test]
fn a_line_torn_at_any_byte() {
    let bench = Bench::new();
    let settings = AuditSettings { rotate_bytes: 1 << 20, ..bench.settings() };
    let log = AuditLog::open(settings.clone()).unwrap();
    (0..3).for_each(|i| assert!(log.append(&entry(i)).unwrap().seq > 0));
    let three = fs::read(bench.path(&name(1))).unwrap();
    let receipt = log.append(&entry(3)).unwrap();
    let four = fs::read(bench.path(&name(1))).unwrap();
    drop(log);
    let checkpoints = fs::read(bench.path("checkpoints.jsonl")).unwrap();
    let one = checkpoints.iter().position(|b| *b == b'\n').unwrap() + 1;
    for end in three.len() + 1..four.len() {
        fs::write(bench.path(&name(1)), &four[..end]).unwrap();
        fs::write(bench.path("checkpoints.jsonl"), &checkpoints[..one]).unwrap();
        let _ = fs::remove_file(bench.copies().join("checkpoints.jsonl"));
        assert!(!bench.verify_alone().is_intact(), "a torn line is told");
        let next = AuditLog::open(settings.clone()).unwrap().append(&entry(4)).unwrap();
        let read: Vec<_> = Reader::open(&bench.log()).unwrap().map(Result::unwrap).collect();
        if end == four.len() - 1 {
            // Complete but for its end: it stays.
            assert_eq!((read[3].hash, next.seq), (receipt.hash, 5));
        } else {
            assert_eq!((read[3].entry.event, next.seq), (Event::AuditRecover, 5));
            let what = &read[3].entry.what;
            assert_eq!(what.object.as_deref(), Some("audit-000001-4.torn"));
            assert_eq!(what.count, Some((end - three.len()) as u64));
            let aside = bench.path("audit-000001-4.torn");
            assert_eq!(fs::read(&aside).unwrap(), four[three.len()..end]);
            fs::remove_file(aside).unwrap();
        }
        assert_eq!(read.len() as u64, next.seq);
        assert!(bench.verify().is_intact());
    }
}

impl Bench {
    fn verify_alone(&self) -> Report {
        verify(&self.log(), &VerifyOptions { checkpoints: None, ..self.options() }).unwrap()
    }
}

#[test]
fn a_torn_checkpoint() {
    let bench = Bench::filled(12);
    let path = bench.path("checkpoints.jsonl");
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    for end in [last + 1, last + 100, whole.len() - 2, whole.len() - 1] {
        let bench = Bench::filled(12);
        let path = bench.path("checkpoints.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::remove_file(bench.copies().join("checkpoints.jsonl")).unwrap();
        fs::write(&path, &whole[..end]).unwrap();
        let problem = bench.verify_alone().problems.remove(0);
        assert!(problem.what.contains("not finished"), "{problem}");
        AuditLog::open(bench.settings()).unwrap().append(&entry(12)).unwrap();
        assert!(bench.verify().is_intact(), "{:#?}", bench.verify());
        let torn = bench.path("checkpoints-13.torn");
        assert_eq!(fs::read(torn).ok(), (end < whole.len() - 1).then(|| whole[last..end].to_vec()));
    }
}

/// Killed between moving the torn line aside and recording it: the next opening records it.
#[test]
fn killed_while_mending() {
    let bench = Bench::filled(5);
    fs::write(bench.path("audit-000001-6.torn"), "{\"v\":1,\"se").unwrap();
    AuditLog::open(bench.settings()).unwrap();
    let last = Reader::open(&bench.log()).unwrap().last().unwrap().unwrap();
    assert_eq!((last.seq, last.entry.event, last.entry.what.count), (6, Event::AuditRecover, Some(10)));
    AuditLog::open(bench.settings()).unwrap();
    assert_eq!(bench.verify().last_seq, 6, "once");
}

/// Killed after a new file was made and before its first line: the next entry begins it.
#[test]
fn killed_while_rotating() {
    for begun in ["", "{\"v\":1,\"seq\":6,\"ti"] {
        let bench = Bench::filled(5);
        fs::write(bench.path(&name(2)), begun).unwrap();
        AuditLog::open(bench.settings()).unwrap().append(&entry(5)).unwrap();
        let first = Record::parse(bench.lines(&name(2))[0].as_bytes()).unwrap();
        assert_eq!(first.entry.event, Event::AuditRotate);
        let report = bench.verify();
        assert!(report.is_intact() && report.files == 2, "{:#?}", report.problems);
    }
}

/// Not a test by itself: what [`killed_at_any_time`] runs as a process. Appends until it is killed, and says what was
/// acknowledged.
#[test]
#[ignore = "a part of killed_at_any_time"]
fn append_until_killed() {
    let Some(dir) = std::env::var_os("SCRUBJAY_TEST_AUDIT") else { return };
    let dir = std::path::PathBuf::from(dir);
    let settings = AuditSettings {
        dir: dir.join("log"),
        key: Some(SecretRef::File(dir.join("key"))),
        copy_to: Some(dir.join("copies")),
        checkpoint_entries: 4,
        rotate_bytes: 4096,
        ..AuditSettings::default()
    };
    let log = AuditLog::open(settings).unwrap();
    loop {
        let receipt = log.append(&entry(u64::from(std::process::id()))).unwrap();
        println!("acknowledged {} {}", receipt.seq, crate::keys::encoding::hex(&receipt.hash));
    }
}

/// Two processes at a time append, and are killed; what they were told is on the disk.
#[test]
fn killed_at_any_time() {
    let bench = Bench::new();
    let mut acknowledged = Vec::new();
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--ignored", "--nocapture", "audit::crash_tests::append_until_killed"]);
        command.env("SCRUBJAY_TEST_AUDIT", bench.dir.path()).stdout(Stdio::piped()).spawn().unwrap()
    };
    for round in 0..6u64 {
        let mut children = [start(), start()];
        let readers = children.each_mut().map(|child| {
            let out = BufReader::new(child.stdout.take().unwrap());
            std::thread::spawn(move || {
                let lines = out.lines().map_while(Result::ok);
                lines.filter(|l| l.starts_with("acknowledged ") && l.len() > 64).collect::<Vec<_>>()
            })
        });
        std::thread::sleep(std::time::Duration::from_millis(150 + 37 * round));
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        readers.into_iter().for_each(|r| acknowledged.extend(r.join().unwrap()));
    }
    assert!(acknowledged.len() > 10, "{} entries", acknowledged.len());
    AuditLog::open(bench.settings()).unwrap().append(&entry(0)).unwrap();
    let report = bench.verify();
    assert!(report.is_intact(), "{:#?}", report.problems);
    let read: Vec<_> = Reader::open(&bench.log()).unwrap().map(Result::unwrap).collect();
    for line in acknowledged {
        let mut parts = line.split(' ').skip(1);
        let seq: usize = parts.next().unwrap().parse().unwrap();
        let hash = parts.next().unwrap();
        assert_eq!(
            crate::keys::encoding::hex(&read[seq - 1].hash),
            hash[..64],
            "entry {seq} was acknowledged"
        );
    }
}
