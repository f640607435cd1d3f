//! Logs that are written, read, broken and killed.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::name;
use super::*;

pub(super) const SEED: [u8; 32] = [7; 32];
const DAY_MS: i64 = 86_400_000;
/// 1 January 2026.
pub(super) const START_MS: i64 = 1_767_225_600_000;

/// A directory for a log, with a key and a place for copies beside it.
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Bench {
        let bench = Bench { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(bench.copies()).unwrap();
        bench.key_file("key", SEED);
        bench
    }

    pub(super) fn key_file(&self, name: &str, seed: [u8; 32]) -> SecretRef {
        let path = self.dir.path().join(name);
        fs::write(&path, seed).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        SecretRef::File(path)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    pub(super) fn copies(&self) -> PathBuf {
        self.dir.path().join("copies")
    }

    pub(super) fn settings(&self) -> AuditSettings {
        AuditSettings {
            dir: self.log(),
            key: Some(SecretRef::File(self.dir.path().join("key"))),
            checkpoint_entries: 8,
            rotate_bytes: 4096,
            copy_to: Some(self.copies()),
            ..AuditSettings::default()
        }
    }

    /// A log of `n` entries, a minute apart, closed.
    pub(super) fn filled(n: u64) -> Bench {
        let bench = Bench::new();
        let log = AuditLog::open(bench.settings()).unwrap();
        (0..n).for_each(|i| append(&log, i, START_MS + i as i64 * 60_000));
        log.close().unwrap();
        bench
    }

    pub(super) fn options(&self) -> VerifyOptions {
        let key = PublicKey::of(&self.settings().key.unwrap()).unwrap();
        VerifyOptions { public_keys: vec![key], checkpoints: Some(self.copies()) }
    }

    pub(super) fn verify(&self) -> Report {
        verify(&self.log(), &self.options()).unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.log().join(name)
    }

    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.path(name)).unwrap().lines().map(str::to_owned).collect()
    }

    pub(super) fn write(&self, name: &str, lines: &[String]) {
        let text: String = lines.iter().flat_map(|l| [l, "\n"]).collect();
        fs::write(self.path(name), text).unwrap();
    }
}

pub(super) fn entry(i: u64) -> Entry {
    let what = What { tokens: vec![format!("mrn.{i}")], ..What::default() };
    Entry::new(Event::VaultReveal, Actor::default().operator("ana")).what(what)
}

fn append(log: &AuditLog, i: u64, ms: i64) {
    log.append_at(&entry(i), ms).unwrap();
}

fn records(dir: &Path) -> Vec<Record> {
    Reader::open(dir).unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_is_appended_reads_back_and_verifies() {
    let bench = Bench::filled(60);
    let records = records(&bench.log());
    let report = bench.verify();
    assert!(report.is_intact(), "{:?}", report.problems);
    assert_eq!(report.entries, records.len() as u64);
    assert_eq!((report.signed, report.last_seq), (report.entries, report.entries));
    assert!(report.checkpoints >= 7 && report.trusted == report.checkpoints && report.signatures_checked);
    assert!(report.files > 2 && report.pruned.is_none());
    assert_eq!(report.last_time(), "2026-01-01T00:59:00.000Z");
    let reveals = records.iter().filter(|r| r.entry.event == Event::VaultReveal);
    assert!(reveals.enumerate().all(|(i, r)| r.entry == entry(i as u64)));
    // Each new file begins by naming the one before.
    let rotations: Vec<_> = records.iter().filter(|r| r.entry.event == Event::AuditRotate).collect();
    assert_eq!(rotations.len(), report.files - 1);
    for (i, r) in (1..).zip(rotations) {
        assert_eq!(r.entry.what.object, Some(name(i)));
        assert_eq!(r.entry.what.digest, Some(r.prev));
        assert_eq!(bench.lines(&name(i + 1))[0], r.to_line());
    }
    // Files of the size that was asked for, but for the last line of each.
    for i in 1..report.files as u32 {
        let len = bench.path(&name(i)).metadata().unwrap().len();
        assert!((4096..5120).contains(&len), "{len}");
    }
    assert_eq!(
        fs::read(bench.path("checkpoints.jsonl")).unwrap(),
        fs::read(bench.copies().join("checkpoints.jsonl")).unwrap()
    );
}

#[test]
fn opened_again_it_goes_on() {
    let bench = Bench::filled(20);
    let log = AuditLog::open(bench.settings()).unwrap();
    let receipt = log.append_at(&entry(20), START_MS + 20 * 60_000).unwrap();
    drop(log);
    let last = records(&bench.log()).pop().unwrap();
    assert_eq!((receipt.seq, receipt.hash, receipt.time_ms), (last.seq, last.hash, last.time_ms));
    let report = bench.verify();
    assert!(
        report.is_intact() && report.signed == receipt.seq,
        "dropping it signs too: {:?}",
        report.problems
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::filled(20);
    let mode = |p: &Path| p.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.log()), 0o700);
    for file in fs::read_dir(bench.log()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[test]
fn a_clock_that_goes_back_is_told() {
    let bench = Bench::new();
    let log = AuditLog::open(bench.settings()).unwrap();
    append(&log, 0, START_MS);
    append(&log, 1, START_MS - 4_000);
    append(&log, 2, START_MS - 60_000);
    append(&log, 3, START_MS + 1);
    drop(log);
    let got: Vec<_> =
        records(&bench.log()).iter().map(|r| (r.time_ms - START_MS, r.clock_behind_ms)).collect();
    assert_eq!(got, [(0, None), (0, None), (0, Some(60_000)), (1, None)]);
    assert!(bench.verify().is_intact());
}

#[test]
fn checkpoints_come_by_number_and_by_time() {
    let bench = Bench::new();
    let log = AuditLog::open(AuditSettings { rotate_bytes: 1 << 20, ..bench.settings() }).unwrap();
    let made = || bench.lines("checkpoints.jsonl").len();
    append(&log, 0, time::now_ms());
    assert_eq!(made(), 1, "the first entry is signed at once: there was no checkpoint for a long time");
    (1..8).for_each(|i| append(&log, i, time::now_ms()));
    assert_eq!(made(), 1);
    append(&log, 8, time::now_ms());
    assert_eq!(made(), 2);
    append(&log, 9, time::now_ms() + 299_000);
    assert_eq!(made(), 2);
    append(&log, 10, time::now_ms() + 301_000);
    assert_eq!(made(), 3);
    let info = log.checkpoint().unwrap().unwrap();
    assert_eq!((info.number, info.size), (3, 11), "nothing new, no new checkpoint");
    append(&log, 11, time::now_ms());
    let info = log.checkpoint().unwrap().unwrap();
    assert_eq!((info.number, info.size), (4, 12));
    assert_eq!(bench.lines("checkpoints.jsonl")[3], info.line);
    log.close().unwrap();
    assert_eq!(made(), 4);
    assert!(bench.verify().is_intact());
}

/// As long as checkpoints cannot be copied, nothing goes on.
#[test]
fn a_copy_that_cannot_be_made_stops_the_log() {
    let bench = Bench::new();
    let log = AuditLog::open(bench.settings()).unwrap();
    append(&log, 0, START_MS);
    let away = bench.dir.path().join("away");
    fs::rename(bench.copies(), &away).unwrap();
    (1..8).for_each(|i| append(&log, i, START_MS));
    // The ninth makes a checkpoint. It is in the log; the tenth is not.
    for i in 8..12 {
        let error = log.append_at(&entry(i), START_MS).unwrap_err().to_string();
        assert!(error.contains("mount it"), "{error}");
    }
    assert_eq!(records(&bench.log()).len(), 9);
    fs::rename(&away, bench.copies()).unwrap();
    append(&log, 12, START_MS);
    log.close().unwrap();
    let report = bench.verify();
    assert!(report.is_intact() && report.trusted == 3, "{report:?}");
}

#[test]
fn without_a_key_there_is_a_chain_only() {
    let bench = Bench::new();
    let settings = AuditSettings { key: None, copy_to: None, ..bench.settings() };
    let log = AuditLog::open(settings).unwrap();
    append(&log, 0, START_MS);
    assert!(log.checkpoint().unwrap_err().to_string().contains("without a key"));
    assert!(log.prune(9999, Actor::default(), None).unwrap_err().to_string().contains("without a key"));
    log.close().unwrap();
    let report = verify(&bench.log(), &VerifyOptions::default()).unwrap();
    assert!(report.is_intact() && report.checkpoints == 0 && !report.signatures_checked);
}

#[test]
fn old_files_are_pruned_and_the_rest_verifies() {
    let bench = Bench::filled(60);
    let log = AuditLog::open(bench.settings()).unwrap();
    let refused = log.prune(2191, Actor::default(), None).unwrap_err().to_string();
    assert!(refused.contains("2192 days") && refused.contains("164.316"), "{refused}");
    let now = START_MS + 2192 * DAY_MS;
    assert_eq!(log.prune_at(2192, Actor::default(), None, now).unwrap(), PruneReport::default());
    // The whole first file is older now, and the second is not.
    let first_of_second: i64 =
        records(&bench.log()).iter().find(|r| r.entry.event == Event::AuditRotate).unwrap().time_ms;
    let done = log
        .prune_at(2192, Actor::default(), Some("retention".into()), first_of_second + 2192 * DAY_MS + 1)
        .unwrap();
    assert_eq!(done.files, 1);
    assert!(!bench.path(&name(1)).exists() && bench.path(&name(2)).exists());
    append(&log, 60, now + 60_000);
    drop(log);
    let report = bench.verify();
    assert!(report.is_intact(), "{:?}", report.problems);
    assert_eq!(report.pruned.as_ref().unwrap().entries, done.entries);
    assert_eq!(report.entries + done.entries, report.last_seq);
    let prune = records(&bench.log()).into_iter().find(|r| r.entry.event == Event::AuditPrune).unwrap();
    assert_eq!(
        (prune.entry.what.count, prune.entry.purpose.as_deref()),
        (Some(done.entries), Some("retention"))
    );

    // Pruned again, further; and a file that a crash has left of it does no harm.
    let leftover = fs::read(bench.path(&name(2))).unwrap();
    let log = AuditLog::open(bench.settings()).unwrap();
    let far = now + 2193 * DAY_MS;
    let again = log.prune_at(2192, Actor::default(), None, far).unwrap();
    assert!(again.files >= 2 && again.entries > done.entries, "{again:?}");
    drop(log);
    assert!(bench.verify().is_intact());
    fs::write(bench.path(&name(2)), leftover).unwrap();
    let report = bench.verify();
    assert!(report.is_intact(), "{:?}", report.problems);
    AuditLog::open(bench.settings()).unwrap().append(&entry(0)).unwrap();
    // But a file that was never pruned may not be missing.
    let numbers = files::numbers(&bench.log()).unwrap();
    fs::remove_file(bench.path(&name(2))).unwrap();
    fs::remove_file(bench.path(&name(numbers[1]))).unwrap();
    let report = bench.verify();
    assert!(
        report.problems[0].what.contains("pruned") || report.problems[0].what.contains("missing"),
        "{report:?}"
    );
}

#[test]
fn two_logs_on_one_directory_go_on_from_each_other() {
    let bench = Bench::new();
    let a = AuditLog::open(bench.settings()).unwrap();
    let b = AuditLog::open(bench.settings()).unwrap();
    for i in 0..40 {
        let log = if i % 3 == 0 { &a } else { &b };
        assert!(log.append(&entry(i)).unwrap().seq > i);
    }
    a.close().unwrap();
    b.close().unwrap();
    let report = bench.verify();
    assert!(report.is_intact() && report.files > 2, "{:?}", report.problems);
}

#[test]
fn many_threads_many_handles() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for t in 0..4 {
            let settings = bench.settings();
            scope.spawn(move || {
                let log = AuditLog::open(settings).unwrap();
                (0..25).for_each(|i| assert!(log.append(&entry(t * 100 + i)).unwrap().seq > 0));
            });
        }
    });
    let report = bench.verify();
    assert!(report.is_intact(), "{:?}", report.problems);
    let mut tokens: Vec<_> = records(&bench.log()).into_iter().flat_map(|r| r.entry.what.tokens).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 100);
}

#[test]
fn followers_see_what_comes() {
    let bench = Bench::filled(30);
    let (last, mut follower) = Follower::open(&bench.log(), 20).unwrap();
    let all: Vec<_> = records(&bench.log()).iter().map(|r| r.to_line().into_bytes()).collect();
    assert_eq!(last, all[all.len() - 20..]);
    assert_eq!(Follower::open(&bench.log(), 1000).unwrap().0, all);
    assert!(Follower::open(&bench.log(), 0).unwrap().0.is_empty());
    assert!(follower.poll().unwrap().is_empty());
    let log = AuditLog::open(bench.settings()).unwrap();
    (30..60).for_each(|i| append(&log, i, START_MS + DAY_MS));
    let came = follower.poll().unwrap();
    let now: Vec<_> = records(&bench.log()).iter().map(|r| r.to_line().into_bytes()).collect();
    assert_eq!(came, now[all.len()..], "over several files");
}

#[test]
fn places_that_cannot_be_used_are_told() {
    let bench = Bench::new();
    let gone = AuditSettings { copy_to: Some(bench.dir.path().join("gone")), ..bench.settings() };
    let log = AuditLog::open(gone.clone());
    assert!(log.unwrap_err().to_string().contains("mount it"), "the copy is missed before the first entry");
    let file = bench.dir.path().join("key");
    let error = AuditLog::open(AuditSettings { dir: file.join("x"), ..bench.settings() }).unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(
        verify(empty.path(), &VerifyOptions::default()).unwrap_err().to_string().contains("no audit log")
    );
    assert!(Reader::open(empty.path()).is_err() && Follower::open(empty.path(), 1).is_err());
    let absent = VerifyOptions { checkpoints: Some(empty.path().into()), ..VerifyOptions::default() };
    AuditLog::open(bench.settings()).unwrap().append(&entry(0)).unwrap();
    assert!(verify(&bench.log(), &absent).unwrap_err().to_string().contains("cannot be read"));
}
