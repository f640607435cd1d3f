//! Key rings on the command line: the same tokens everywhere, rotation, and everything that can be wrong with a ring.

use crate::kit::{Dir, contains};

const LINE: &str = "Patient: Ana Keller, SSN 219-10-9999, MRN 4471902\n";
const RULES: &str = "[policy]\nprofile = \"pseudonymised\"\n[keys]\nring = \"ring\"\n";

fn with_ring() -> Dir {
    let dir = Dir::new();
    dir.cmd()
        .args("keys init ring --kek file:kek --create-kek")
        .run()
        .code(0)
        .stdout("")
        .stderr_has("version 1 is active");
    dir
}

fn filter(dir: &Dir, options: &str, input: &str) -> String {
    let out = dir.cmd().args("--quiet --keys ring").args(options).stdin(input).run().code(0);
    String::from_utf8(out.stdout).unwrap()
}

/// Two pipelines, the filter and a JSON number: one value, one token.
#[test]
fn one_ring_gives_the_same_tokens_everywhere() {
    let dir = with_ring();
    let plain = filter(&dir, "--profile pseudonymised", LINE);
    assert!(plain.contains("SSN [SSN:p1:") && plain.contains("Patient: [NAME:p1:"), "{plain}");
    for name in ["a.toml", "b.toml"] {
        dir.file(name, format!("[source.stdin]\n[sink.stdout]\n{RULES}"));
        dir.cmd().args("run").arg(name).stdin(LINE).run().code(0).stdout(&plain);
    }
    let token = plain.split([' ', ',']).find(|w| w.starts_with("[SSN:")).unwrap();
    let json = filter(&dir, "--profile pseudonymised", "{\"ssn\":219109999}\n");
    assert_eq!(json, format!("{{\"ssn\":\"{token}\"}}\n"));
    // A second pass changes nothing, and another tenant's tokens are others.
    assert_eq!(filter(&dir, "--profile pseudonymised", &plain), plain);
    assert!(!filter(&dir, "--profile pseudonymised --tenant b", LINE).contains(token));
}

#[test]
fn after_rotation_new_tokens_are_of_the_new_version() {
    let dir = with_ring();
    let old = filter(&dir, "--profile pseudonymised", LINE);
    dir.cmd().args("keys generate ring").run().code(0).stderr_has("version 2 is pending");
    assert_eq!(filter(&dir, "--profile pseudonymised", LINE), old);
    dir.cmd().args("keys rotate ring").run().code(0).stderr_has("version 2 is active");
    let new = filter(&dir, "--profile pseudonymised", LINE);
    assert!(new.contains("[SSN:p2:") && !new.contains(":p1:"), "{new}");
    // The old ones are known for tokens as before, until their key is destroyed.
    assert_eq!(filter(&dir, "--profile pseudonymised", &old), old);
    dir.cmd().args("keys list ring").run().code(0).quiet().stdout_has("1  retired").stdout_has("2  active");
    dir.cmd().args("keys destroy ring 1").run().code(2).stderr_has("add --yes if that is meant");
    let done = dir
        .cmd()
        .args("keys destroy ring 1 --yes --audit audit")
        .run()
        .code(0)
        .stderr_has("version 1 is destroyed");
    assert_eq!(String::from_utf8_lossy(&done.stderr).matches("is destroyed").count(), 1);
    let log = String::from_utf8(dir.read("audit/audit-000001.jsonl")).unwrap();
    assert!(log.contains(r#""event":"key_destroy""#) && log.contains(r#""key_versions":[1]"#), "{log}");
    assert_eq!(log.lines().count(), 1, "what was not meant is not on record as done");
    dir.cmd().args("keys verify ring").run().code(0).stderr_has("1 version can be read, version 2 is active");
    dir.cmd()
        .args("keys destroy ring 2 --yes")
        .run()
        .code(2)
        .stderr_has("version 2 is active; only a retired one");
}

#[test]
fn a_ring_can_get_another_key_encryption_key() {
    let dir = with_ring();
    let before = filter(&dir, "--profile pseudonymised", LINE);
    dir.cmd()
        .args("keys rewrap ring --kek file:other --create-kek")
        .run()
        .code(0)
        .stderr_has("wrapped by file:");
    std::fs::remove_file(dir.path().join("kek")).unwrap();
    assert_eq!(filter(&dir, "--profile pseudonymised", LINE), before);
}

#[test]
fn what_is_wrong_with_a_ring_is_told_and_nothing_goes_out() {
    let dir = with_ring();
    let refused = |dir: &Dir, says: &str| {
        let out = dir
            .cmd()
            .args("--quiet --keys ring --profile pseudonymised")
            .stdin(LINE)
            .run()
            .code(2)
            .stdout("");
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(stderr.contains(says), "no {says:?} in {stderr}");
        assert!(!stderr.contains("Keller") && !stderr.contains("219"), "{stderr}");
    };
    let (ring, kek) = (dir.read("ring"), dir.read("kek"));
    // Another key.
    dir.secret("kek", "11".repeat(32));
    refused(&dir, "key-encryption key");
    dir.secret("kek", &kek);
    // Others may read the key.
    dir.file("kek2", &kek);
    std::fs::remove_file(dir.path().join("kek")).unwrap();
    refused(&dir, "kek");
    dir.secret("kek", &kek);
    // Damaged, altered, no ring at all.
    dir.file("ring", &ring[..ring.len() / 2]);
    refused(&dir, "the key ring ring is no JSON");
    dir.file(
        "ring",
        String::from_utf8(ring.clone()).unwrap().replace("\"created_ms\": 1", "\"created_ms\": 2"),
    );
    refused(&dir, "the key ring ring is altered");
    // Whoever may write it says which server is asked and which library is loaded.
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.path().join("ring");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    dir.file("ring", &ring);
    mode(0o666);
    refused(&dir, "writable by others than its owner");
    mode(0o644);
    std::fs::remove_file(dir.path().join("ring")).unwrap();
    refused(&dir, "cannot read the key ring ring");
    dir.file("ring", &ring);
    assert!(filter(&dir, "--profile pseudonymised", LINE).contains(":p1:"));
    // It is never made over another one.
    dir.cmd().args("keys init ring --kek file:kek").run().code(2).stderr_has("never overwritten");
    assert_eq!(dir.read("ring"), ring);
    // And no key stands in it.
    assert!(!contains(&ring, String::from_utf8(kek).unwrap().trim()));
}

#[test]
fn what_takes_a_key_is_refused_without_one() {
    let dir = Dir::new();
    let says = "`pseudonym` takes a key: name a key ring, with --keys RING";
    dir.cmd().args("--quiet --profile pseudonymised").stdin(LINE).run().code(2).stdout("").stderr_has(says);
    // To look needs none.
    dir.cmd().args("scan --profile pseudonymised").stdin(LINE).run().code(1).stdout_has("ssn");
    dir.cmd()
        .args("explain --profile pseudonymised")
        .arg("SSN 219-10-9999")
        .run()
        .code(0)
        .quiet()
        .stdout_has("pseudonym");
}

#[test]
fn safe_harbor_refuses_what_is_derived_and_says_why() {
    let dir = with_ring();
    let rule =
        "[policy]\nprofile = \"safe-harbor\"\n[[policy.rule]]\nkind = [\"ssn\"]\naction = \"pseudonym\"\n";
    dir.file("p.toml", format!("[source.stdin]\n[sink.stdout]\n[keys]\nring = \"ring\"\n{rule}"));
    dir.cmd().args("check p.toml").run().code(2).stdout("").stderr_has("164.514(c)");
    // An option does not get around it.
    let logs = rule.replace("safe-harbor", "logs");
    dir.file("rules.toml", logs);
    let args = "--quiet --keys ring --policy rules.toml";
    dir.cmd().args(args).stdin(LINE).run().code(0).stdout_has("[SSN:p1:");
    dir.cmd()
        .args(args)
        .args("--profile safe-harbor")
        .stdin(LINE)
        .run()
        .code(2)
        .stdout("")
        .stderr_has("164.514(c)");
}

#[test]
fn test_cases_run_on_a_ring_of_their_own() {
    let dir = Dir::new();
    let case =
        "[[test]]\ninput = 'SSN 219-10-9999'\noutput = 'SSN [SSN:p1:ez0c38tpzvgjz2m0r3ddg11hm1bc3wqtsc]'\n";
    // No ring is there, and none is needed.
    dir.file("p.toml", format!("[source.stdin]\n[sink.stdout]\n{RULES}{case}"));
    dir.cmd().args("test p.toml").run().code(0).quiet().stdout_has("1 test, 0 failed");
}

#[test]
fn check_reads_the_ring_or_warns() {
    let dir = with_ring();
    dir.file("p.toml", format!("[source.stdin]\n[sink.stdout]\n{RULES}"));
    dir.cmd().args("check p.toml").run().code(0).quiet().stdout_has("valid; profile pseudonymised");
    std::fs::remove_file(dir.path().join("ring")).unwrap();
    dir.cmd()
        .args("check p.toml")
        .run()
        .code(0)
        .stdout_has("valid")
        .stderr_has("warning: cannot read the key ring");
}
