//! Everything that can be done to a log, done to a real one.

use std::fs;

use super::checkpoint::{Checkpoint, SigningKey};
use super::entry::Entry;
use super::files::name;
use super::line::Record;
use super::tests::{Bench, entry};
use super::*;

/// The file and line of a log's nth entry are not the same with every run: hosts have names of different lengths.
struct Broken {
    bench: Bench,
    /// Lines of the second file.
    second: Vec<String>,
}

impl Broken {
    fn new() -> Broken {
        let bench = Bench::filled(60);
        let second = bench.lines(&name(2));
        assert!(second.len() > 8);
        Broken { bench, second }
    }

    fn write(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines = self.second.clone();
        change(&mut lines);
        self.bench.write(&name(2), &lines);
    }

    fn checkpoints(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines = self.bench.lines("checkpoints.jsonl");
        change(&mut lines);
        self.bench.write("checkpoints.jsonl", &lines);
    }

    /// The first problem must be this one; and who opens the log to append must be refused.
    #[track_caller]
    fn found(self, file: &str, line: u64, what: &str) {
        let report = self.bench.verify();
        let first = report.problems.first().expect("it went unnoticed");
        assert!(first.what.contains(what), "{first}");
        assert_eq!((first.file.ends_with(file), first.line), (true, line), "{:#?}", report.problems);
        let refused = AuditLog::open(self.bench.settings()).err();
        assert!(refused.is_some(), "it was opened to append");
    }

    fn entries(&self) -> Vec<Record> {
        Reader::open(&self.bench.log()).unwrap().map(Result::unwrap).collect()
    }

    /// Writes the whole log anew, with a sound chain, as one who can compute hashes but not sign.
    fn rewrite(&self, change: impl Fn(&mut Entry, u64)) {
        let mut prev = [0; 32];
        let mut at = self.entries().into_iter();
        for number in 1.. {
            let path = self.bench.path(&name(number));
            let Ok(text) = fs::read_to_string(&path) else { break };
            let mut lines = Vec::new();
            for _ in text.lines() {
                let old = at.next().unwrap();
                let mut entry = old.entry;
                if entry.event == Event::AuditRotate {
                    entry.what.digest = Some(prev);
                }
                change(&mut entry, old.seq);
                let new =
                    Record::seal(entry, old.seq, (old.time_ms, old.clock_behind_ms), old.checkpoints, prev);
                prev = new.hash;
                lines.push(new.to_line());
            }
            self.bench.write(&name(number), &lines);
        }
    }
}

#[test]
fn untouched_it_is_sound() {
    let report = Broken::new().bench.verify();
    assert!(report.is_intact(), "{:?}", report.problems);
}

#[test]
fn a_changed_entry() {
    let b = Broken::new();
    b.write(|lines| lines[4] = lines[4].replace("\"ana\"", "\"bob\""));
    b.found(&name(2), 5, "was changed: its hash is not that of its text");
}

#[test]
fn a_changed_entry_with_its_hash_made_to_fit() {
    let b = Broken::new();
    b.write(|lines| {
        let old = Record::parse(lines[4].as_bytes()).unwrap();
        let entry = entry(4711);
        lines[4] = Record::seal(entry, old.seq, (old.time_ms, None), old.checkpoints, old.prev).to_line();
    });
    b.found(&name(2), 6, "does not follow from the one before");
}

#[test]
fn a_chain_computed_anew() {
    let b = Broken::new();
    b.rewrite(|entry, seq| {
        if seq == 12 {
            entry.actor = Actor::default().operator("bob");
        }
    });
    // The second checkpoint is over entries 2 to 9, the third over 10 to 17.
    b.found("checkpoints.jsonl", 3, "entries 10 to 17 have the root");
}

#[test]
fn a_chain_computed_anew_with_checkpoints_by_another_key() {
    let b = Broken::new();
    b.rewrite(|entry, seq| {
        if seq == 12 {
            entry.purpose = Some("nothing".to_owned());
        }
    });
    let other = SigningKey::load(&b.bench.key_file("other", [9; 32])).unwrap();
    let records = b.entries();
    let (mut tree, mut prev, mut at) = (merkle::Frontier::default(), [0; 32], 0);
    b.checkpoints(|lines| {
        for line in lines {
            let old = Checkpoint::parse(line.as_bytes()).unwrap();
            while at < old.size as usize {
                tree.push(&records[at].hash);
                at += 1;
            }
            let head = records[at - 1].hash;
            let new = Checkpoint { head, root: tree.root(), prev, ..old }.sign(&other);
            prev = new.hash();
            *line = new.to_line();
        }
    });
    let report = b.bench.verify();
    assert!(
        report.problems[0].what.contains("signed with a key that was not given"),
        "{}",
        report.problems[0]
    );
    // Without any key and copy it is a sound log: that is what they are for.
    assert!(verify(&b.bench.log(), &VerifyOptions::default()).unwrap().is_intact());
    // The copies alone tell it too.
    let copies = VerifyOptions { public_keys: vec![], checkpoints: Some(b.bench.copies()) };
    let report = verify(&b.bench.log(), &copies).unwrap();
    assert!(
        report.problems[0].file.contains("copies")
            && report.problems[0].what.contains("the log has not got it")
    );
}

#[test]
fn a_dropped_entry() {
    let b = Broken::new();
    b.write(|lines| drop(lines.remove(4)));
    b.found(&name(2), 5, "is missing before entry");
}

#[test]
fn several_dropped_entries() {
    let b = Broken::new();
    b.write(|lines| drop(lines.drain(3..6)));
    b.found(&name(2), 4, "are missing before entry");
}

#[test]
fn the_first_entries_dropped() {
    let b = Broken::new();
    let mut lines = b.bench.lines(&name(1));
    lines.drain(..2);
    b.bench.write(&name(1), &lines);
    b.found(&name(1), 1, "entries 1 to 2 are missing before entry 3");
}

#[test]
fn reordered_entries() {
    let b = Broken::new();
    b.write(|lines| lines.swap(4, 5));
    b.found(&name(2), 5, "is missing before entry");
}

#[test]
fn an_entry_moved_back() {
    let b = Broken::new();
    b.write(|lines| {
        let moved = lines.remove(2);
        lines.insert(6, moved);
    });
    let report = b.bench.verify();
    assert!(
        report.problems.iter().any(|p| p.line == 7 && p.what.contains("put in, repeated or moved")),
        "{report:#?}"
    );
}

#[test]
fn a_duplicated_entry() {
    let b = Broken::new();
    b.write(|lines| lines.insert(5, lines[4].clone()));
    b.found(&name(2), 6, "put in, repeated or moved");
}

#[test]
fn an_inserted_entry() {
    let b = Broken::new();
    b.write(|lines| {
        let old = Record::parse(lines[4].as_bytes()).unwrap();
        let new = Record::seal(entry(99), old.seq + 1, (old.time_ms, None), old.checkpoints, old.hash);
        lines.insert(5, new.to_line());
    });
    b.found(&name(2), 7, "put in, repeated or moved");
}

#[test]
fn a_line_that_is_none() {
    for line in ["", "{}", "x", "{\"v\":1}"] {
        let b = Broken::new();
        b.write(|lines| lines.insert(5, line.to_owned()));
        b.found(&name(2), 6, "it is no entry of an audit log");
    }
    let b = Broken::new();
    b.write(|lines| lines[5] = "x".repeat(300 << 10));
    b.found(&name(2), 6, "longer than any entry");
}

/// The hash of a line fits, and the line is still none that this program writes.
#[test]
fn a_line_spelt_otherwise() {
    let b = Broken::new();
    b.write(|lines| {
        let body = lines[4].split(",\"hash\":").next().unwrap().replace("\"ana\"", "\"\\u0061na\"");
        let prev = Record::parse(lines[4].as_bytes()).unwrap().prev;
        let hash = merkle::sha256(&[&prev, body.as_bytes(), b"}"]);
        lines[4] = format!("{body},\"hash\":\"{}\"}}", crate::keys::encoding::hex(&hash));
    });
    let report = b.bench.verify();
    assert!(
        report.problems[0].what.contains("changed by hand") && report.problems[0].line == 5,
        "{report:#?}"
    );
}

#[test]
fn the_end_cut_off() {
    for cut in [1, 5] {
        let b = Broken::new();
        let number = files::numbers(&b.bench.log()).unwrap().pop().unwrap();
        let mut lines = b.bench.lines(&name(number));
        let left = lines.len() - cut;
        lines.truncate(left);
        b.bench.write(&name(number), &lines);
        let n = b.bench.lines("checkpoints.jsonl").len() as u64;
        b.found("checkpoints.jsonl", n, "entries were cut off");
    }
}

#[test]
fn the_end_cut_off_with_its_checkpoints() {
    let b = Broken::new();
    let number = files::numbers(&b.bench.log()).unwrap().pop().unwrap();
    fs::remove_file(b.bench.path(&name(number))).unwrap();
    let last = Reader::open(&b.bench.log()).unwrap().last().unwrap().unwrap().seq;
    b.checkpoints(|lines| lines.retain(|l| Checkpoint::parse(l.as_bytes()).unwrap().size <= last));
    // Alone it is a sound, shorter log.
    let alone = VerifyOptions { checkpoints: None, ..b.bench.options() };
    assert!(verify(&b.bench.log(), &alone).unwrap().is_intact());
    let kept = b.bench.lines("checkpoints.jsonl").len() as u64;
    b.found("copies/checkpoints.jsonl", kept + 1, "entries were cut off");
}

#[test]
fn a_missing_file() {
    let b = Broken::new();
    fs::remove_file(b.bench.path(&name(2))).unwrap();
    b.found(&name(3), 0, "audit-000002.jsonl before it is missing");
    let b = Broken::new();
    fs::remove_file(b.bench.path(&name(1))).unwrap();
    b.found(&name(2), 0, "the files before it are missing");
    let b = Broken::new();
    for number in files::numbers(&b.bench.log()).unwrap() {
        fs::remove_file(b.bench.path(&name(number))).unwrap();
    }
    b.found("checkpoints.jsonl", 1, "entries were cut off");
}

#[test]
fn an_emptied_file() {
    let b = Broken::new();
    b.write(Vec::clear);
    b.found(&name(2), 0, "it is empty");
}

#[test]
fn a_file_cut_in_a_line() {
    let b = Broken::new();
    let text = fs::read(b.bench.path(&name(2))).unwrap();
    fs::write(b.bench.path(&name(2)), &text[..text.len() - 30]).unwrap();
    let n = b.second.len() as u64;
    b.found(&name(2), n, "cut off in the middle of a line");
}

#[test]
fn forged_checkpoints() {
    for (from, to) in [
        ("\"size\":9", "\"size\":8"),
        ("\"checkpoint\":2", "\"checkpoint\":3"),
        ("\"root\":\"", "\"root\":\"0"),
    ] {
        let b = Broken::new();
        b.checkpoints(|lines| {
            let mut line = lines[1].replacen(from, to, 1);
            if to.ends_with('0') {
                let at = line.find("\"root\":\"0").unwrap() + 8;
                line.remove(at + 1);
                line.replace_range(at..at + 1, if lines[1][at..].starts_with('0') { "1" } else { "0" });
            }
            assert_ne!(line, lines[1]);
            lines[1] = line;
        });
        b.found("checkpoints.jsonl", 2, "signature does not hold");
    }
}

#[test]
fn missing_checkpoints() {
    let b = Broken::new();
    b.checkpoints(|lines| drop(lines.remove(2)));
    let report = b.bench.verify();
    let told = |file: &str, what: &str| {
        report.problems.iter().any(|p| p.file.ends_with(file) && p.what.contains(what))
    };
    assert!(told("checkpoints.jsonl", "some are missing or moved"), "{report:#?}");
    assert!(told("copies/checkpoints.jsonl", "the log has not got it"), "{report:#?}");
    assert!(AuditLog::open(b.bench.settings()).is_err());

    // The last ones: entries know how many there were before them, and the copy has them.
    let b = Broken::new();
    b.checkpoints(|lines| lines.truncate(3));
    let alone = VerifyOptions { checkpoints: None, ..b.bench.options() };
    let report = verify(&b.bench.log(), &alone).unwrap();
    assert!(
        report.problems[0].what.contains("was written after 4 checkpoints, but there are 3"),
        "{report:#?}"
    );
    assert_eq!(report.problems.len(), 1, "told once: {report:#?}");
    let n = b.bench.verify().problems.iter().filter(|p| p.file.contains("copies")).count();
    assert!(n > 3);
    let b = Broken::new();
    fs::remove_file(b.bench.path("checkpoints.jsonl")).unwrap();
    b.found(&name(1), 2, "was written after 1 checkpoints, but there are 0");
}

#[test]
fn copies_of_another_log() {
    let (b, other) = (Broken::new(), Bench::filled(10));
    let key = b.bench.key_file("other", [9; 32]);
    let log = AuditLog::open(AuditSettings {
        key: Some(key.clone()),
        dir: other.dir.path().join("second"),
        copy_to: None,
        ..other.settings()
    });
    log.unwrap().append(&entry(1)).unwrap();
    let options = VerifyOptions { checkpoints: Some(other.dir.path().join("second")), ..b.bench.options() };
    let report = verify(&b.bench.log(), &options).unwrap();
    assert!(report.problems[0].what.contains("signed with a key that was not given"), "{report:#?}");
    let settings = AuditSettings { copy_to: Some(other.dir.path().join("second")), ..b.bench.settings() };
    let refused = AuditLog::open(settings).unwrap_err().to_string();
    assert!(refused.contains("not among the log's own"), "{refused}");
    fs::write(b.bench.copies().join("checkpoints.jsonl"), "").unwrap();
    assert!(b.bench.verify().problems[0].what.contains("no checkpoint that the log could be held against"));
}

/// Set back to yesterday's backup, the log is sound; but the copy knows better.
#[test]
fn a_log_set_back() {
    let bench = Bench::filled(20);
    let backup: Vec<_> = fs::read_dir(bench.log())
        .unwrap()
        .map(|f| f.unwrap().path())
        .map(|p| (p.clone(), fs::read(p).unwrap()))
        .collect();
    let log = AuditLog::open(bench.settings()).unwrap();
    (0..20).for_each(|i| assert!(log.append(&entry(i)).unwrap().seq > 0));
    log.close().unwrap();
    fs::remove_dir_all(bench.log()).unwrap();
    fs::create_dir(bench.log()).unwrap();
    backup.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let b = Broken { second: Vec::new(), bench };
    let line = b.bench.lines("checkpoints.jsonl").len() as u64 + 1;
    b.found("copies/checkpoints.jsonl", line, "entries were cut off");
}

#[test]
fn a_writer_sees_what_is_done_while_it_runs() {
    let bench = Bench::filled(20);
    let log = AuditLog::open(bench.settings()).unwrap();
    log.append(&entry(1)).unwrap();
    let last = files::numbers(&bench.log()).unwrap().pop().unwrap();
    let path = bench.path(&name(last));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let error = log.append(&entry(2)).unwrap_err();
    assert!(matches!(error, AuditError::Tampered(_)), "{error}");
    fs::remove_file(&path).unwrap();
    assert!(matches!(log.append(&entry(2)), Err(AuditError::Tampered(_))));
    fs::write(&path, [&whole[..], b"{}\n"].concat()).unwrap();
    assert!(matches!(log.append(&entry(2)), Err(AuditError::Tampered(_))));
    fs::write(&path, &whole).unwrap();
    log.append(&entry(2)).unwrap();
    let checkpoints = fs::read(bench.path("checkpoints.jsonl")).unwrap();
    fs::write(bench.path("checkpoints.jsonl"), &checkpoints[..checkpoints.len() / 2]).unwrap();
    assert!(matches!(log.append(&entry(3)), Err(AuditError::Tampered(_))));
    fs::write(bench.path("checkpoints.jsonl"), &checkpoints).unwrap();
    log.append(&entry(3)).unwrap();
}
