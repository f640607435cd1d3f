//! Records that cannot be read, into a quarantine directory and out of it again.

use crate::kit::{Dir, contains};

const CANARY: &str = "219-10-9999";
const KEY: &str = "7f3c1a90b2d84e65f0a1c2d3e4f5061728394a5b6c7d8e9f0011223344556677";
const PIPELINE: &str = r#"
[source.stdin]
[codec]
format = "json"
[sink.stdout]
[on_error]
action = "quarantine"
to = { dir = "quarantine" }
key = "file:quarantine.key"
[limits]
max_record_bytes = "64 KiB"
"#;

fn key_file(dir: &Dir, name: &str, key: &str) {
    let path = dir.file(name, format!("{key}\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A record too large to be read, between two that are not.
fn input() -> String {
    let large = format!(r#"{{"ssn":"{CANARY}","blob":"{}"}}"#, "x".repeat(100_000));
    format!("{{\"n\":1}}\n{large}\n{{\"n\":3}}\n")
}

#[test]
fn what_cannot_be_read_is_sealed_and_opens_again() {
    let dir = Dir::new();
    dir.file("p.toml", PIPELINE);
    key_file(&dir, "quarantine.key", KEY);
    let out = dir.cmd().args("run p.toml").stdin(input()).run().code(0);
    let out = out.stdout("{\"n\":1}\n{\"n\":3}\n");
    assert!(!contains(&out.all(), CANARY));
    let files = dir.files();
    let sealed: Vec<_> =
        files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "sealed")).collect();
    assert_eq!(sealed.len(), 1);
    assert!(!contains(&sealed[0].1, CANARY) && contains(&sealed[0].1, "SCRUBJAY-SEALED"));

    dir.cmd()
        .args("quarantine open quarantine --key file:quarantine.key")
        .run()
        .code(0)
        .stdout_has(r#"{"origin":{"record":2},"reason":""#)
        .stdout_has(CANARY)
        .stderr_has("PHI");
    dir.cmd()
        .args("quarantine open quarantine --key file:quarantine.key --format raw")
        .run()
        .code(0)
        .stdout_has(&format!("{{\"ssn\":\"{CANARY}\""));
    let stored = sealed[0].1.clone();
    let list = dir.cmd().args("quarantine list --key file:quarantine.key -").stdin(stored).run().code(0);
    list.stdout_has("       1  stream  ").stdout_lacks(CANARY).quiet();
}

#[test]
fn another_key_and_damage_are_told_apart() {
    let dir = Dir::new();
    dir.file("p.toml", PIPELINE);
    key_file(&dir, "quarantine.key", KEY);
    key_file(&dir, "other.key", &KEY.replace('7', "8"));
    dir.cmd().args("run p.toml").stdin(input()).run().code(0);
    let open = |key: &str| dir.cmd().args("quarantine open quarantine --key").arg(key).run();
    open("file:other.key").code(2).stdout("").stderr_has("envelope 1: sealed with the key");
    open("file:absent.key").code(2).stdout("").stderr_has("absent.key cannot be read");
    open(KEY).code(2).stdout("").stderr_has("`env:NAME` or `file:PATH`");

    let (path, mut bytes) =
        dir.files().into_iter().find(|(p, _)| p.extension().is_some_and(|e| e == "sealed")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    open("file:quarantine.key").code(2).stdout("").stderr_has("damaged or altered");
    std::fs::write(&path, &bytes[..last]).unwrap();
    open("file:quarantine.key").code(0).stdout("").stderr_has("cut short");
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    dir.file("p.toml", PIPELINE);
    key_file(&dir, "quarantine.key", KEY);
    let key = dir.path().join("quarantine.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let out = dir.cmd().args("run p.toml").stdin(input()).run().code(2);
    let out = out.stdout("").stderr_has("chmod 600");
    assert!(!contains(&out.stderr, KEY));
}
