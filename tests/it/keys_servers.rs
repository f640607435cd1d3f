//! Key rings whose key-encryption key is not on this machine, from the command: made, used, rotated, and brought home.

use crate::kit::{Cmd, Dir, contains};

const LINE: &str = "Patient: Ana Keller, SSN 219-10-9999, MRN 4471902\n";
const FILTER: &str = "--quiet --profile pseudonymised --keys";

/// The whole life of a ring in `dir` under a key-encryption key that is made for it. `reaching` gives a command what it needs to get to the
/// key, and `away` takes the key out of reach. None of the secrets ends up in a file.
fn lives(dir: &Dir, kek: &str, secrets: &[&str], reaching: impl Fn(Cmd) -> Cmd, away: impl FnOnce()) {
    let cmd = || reaching(dir.cmd());
    let filter = |input: &str| {
        let out = cmd().args(FILTER).arg("ring").stdin(input).run().code(0).quiet();
        String::from_utf8(out.stdout).unwrap()
    };
    cmd()
        .args("keys init ring --create-kek --kek")
        .arg(kek)
        .run()
        .code(0)
        .stdout("")
        .stderr_has("version 1 is active");
    cmd().args("keys init ring2 --create-kek --kek").arg(kek).run().code(2).stderr_has("was left as it is");
    assert!(!dir.path().join("ring2").exists());
    // To list opens no key, and so needs nothing.
    let listed = dir.cmd().args("keys list ring").run().code(0).quiet();
    listed.stdout_has(&format!("wrapped by {kek}\n")).stdout_has("1  active");
    cmd().args("keys verify ring").run().code(0).stderr_has("1 version can be read, version 1 is active");

    let old = filter(LINE);
    assert!(old.contains("SSN [SSN:p1:") && old.contains("MRN [MRN:p1:"), "{old}");
    assert_eq!(filter(LINE), old);
    cmd().args("keys generate ring").run().code(0).stderr_has("version 2 is pending");
    cmd().args("keys rotate ring").run().code(0).stderr_has("version 2 is active");
    cmd().args("keys verify ring").run().code(0).stderr_has("2 versions can be read, version 2 is active");
    let new = filter(LINE);
    assert!(new.contains("SSN [SSN:p2:") && !new.contains(":p1:"), "{new}");
    // The old tokens are known for such. One that somebody invented is a number like any other.
    assert_eq!(filter(&old), old);
    let (_, token) = old.trim_end().split_once("MRN ").unwrap();
    let at = "[MRN:p1:".len();
    let other = if token[at..].starts_with('z') { "y" } else { "z" };
    let invented = [&token[..at], other, &token[at + 1..]].concat();
    for (token, genuine) in [(token, true), (&invented, false)] {
        let record = format!("{{\"mrn\":\"{token}\"}}\n");
        assert_eq!(filter(&record) == record, genuine, "{token}");
    }

    // Wrapped anew by the same key it is the same ring.
    cmd().args("keys rewrap ring").run().code(0).stderr_has(&format!("wrapped by {kek}"));
    assert_eq!(filter(LINE), new);
    let before = dir.file("before", dir.read("ring"));
    cmd()
        .args("keys rewrap ring --kek file:home --create-kek")
        .run()
        .code(0)
        .stderr_has("all keys are wrapped by file:");
    away();
    // At home it needs nobody else, and all of its versions came along.
    for (input, want) in [(LINE, &new), (&*old, &old), (&*new, &new)] {
        dir.cmd().args(FILTER).arg("ring").stdin(input).run().code(0).quiet().stdout(want);
    }
    dir.cmd().args("keys verify ring").run().code(0).stderr_has("2 versions can be read");
    // A copy from before does not open any more, and nothing goes out.
    let refused = cmd().args(FILTER).arg(before).stdin(LINE).run().code(2).stdout("");
    assert!(!contains(&refused.stderr, "Keller") && !contains(&refused.stderr, "219"));
    refused.stderr_has("the key-encryption key of the key ring");
    nowhere(dir, secrets);
}

/// No file of a directory holds any of these.
fn nowhere(dir: &Dir, secrets: &[&str]) {
    for (path, content) in dir.files() {
        for secret in secrets {
            assert!(!contains(&content, secret), "{secret} stands in {}", path.display());
        }
    }
}

#[cfg(feature = "kms")]
#[test]
fn at_openbao() {
    use crate::servers::{Bao, ROOT};
    let (dir, mut bao) = (Dir::new(), Bao::start());
    let kek = format!("vault:{}/transit/keys/ring", bao.address);
    lives(&dir, &kek, &[ROOT], |cmd| cmd.env("VAULT_TOKEN", ROOT), || bao.kill());
}

/// The token of a service has no more rights than the documentation gives, stands in a file, and may be taken away.
#[cfg(feature = "kms")]
#[test]
fn a_service_needs_few_rights_at_openbao() {
    use crate::servers::{Bao, ROOT};
    let (dir, bao) = (Dir::new(), Bao::start());
    bao.policy("kek", "");
    let token = bao.token("kek", "1h");
    let file = dir.secret("token", &token);
    let kek = format!("vault:{}/transit/keys/ring?token-file={}", bao.address, file.display());
    let refused = dir.cmd().args("keys init ring --create-kek --kek").arg(&kek).run().code(2);
    refused.stdout("").stderr_has("policy does not allow");
    bao.cli(&["write", "-f", "transit/keys/ring"]);
    dir.cmd().args("keys init ring --kek").arg(&kek).run().code(0);
    let used = || dir.cmd().args(FILTER).arg("ring").stdin(LINE).run();
    used().code(0).quiet().stdout_has("[SSN:p1:");
    for work in ["generate", "rotate", "rewrap", "verify"] {
        dir.cmd().args("keys").args(work).arg("ring").run().code(0);
    }
    used().code(0).quiet().stdout_has("[SSN:p2:");
    bao.cli(&["token", "revoke", &token]);
    let refused = used().code(2).stdout("").stderr_has("expired, revoked");
    assert!(!contains(&refused.stderr, &token));
    std::fs::remove_file(file).unwrap();
    nowhere(&dir, &[&token, ROOT]);
}

#[cfg(feature = "kms")]
#[test]
fn at_aws_kms() {
    let (dir, moto) = (Dir::new(), crate::servers::Moto::start());
    let address = moto.address.clone();
    let reaching = |cmd: Cmd| {
        cmd.env("AWS_ENDPOINT_URL_KMS", &address)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "s3cr3t-access")
    };
    lives(
        &dir,
        "aws-kms:arn:aws:kms:eu-west-1:123456789012:alias/ring",
        &["s3cr3t-access"],
        reaching,
        || drop(moto),
    );
}

#[cfg(feature = "pkcs11")]
#[test]
fn on_a_token() {
    let dir = Dir::new();
    let Some(hsm) = crate::kit_token::SoftHsm::start(&dir) else { return };
    lives(&dir, &hsm.kek(), &[], |cmd| hsm.seen_by(cmd), || hsm.pull());
}
