//! Against SoftHSM2, a real token in software. Each test is run in a process of its own: the library reads where its tokens are
//! from the environment, once.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::keys::kek::KekRef;

const LIBRARIES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
/// Says to the child where its directory is.
const CHILD: &str = "SCRUBJAY_PKCS11_CHILD";

struct Soft {
    library: PathBuf,
    dir: PathBuf,
}

/// Runs the calling test again in a process that has a SoftHSM of its own, and in that process gives it. `configuration` is added
/// to SoftHSM's.
fn in_a_process(test: &str, configuration: &str) -> Option<Soft> {
    let library = LIBRARIES.iter().map(PathBuf::from).find(|path| path.is_file());
    let Some(library) = library else {
        assert!(
            std::env::var_os("SCRUBJAY_TEST_SYSTEM").is_none(),
            "SoftHSM2 is demanded, and not installed"
        );
        println!("left out: SoftHSM2 is not installed (Debian: softhsm2, opensc)");
        return None;
    };
    if let Some(dir) = std::env::var_os(CHILD) {
        return Some(Soft { library, dir: dir.into() });
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("tokens")).unwrap();
    let text = format!(
        "directories.tokendir = {}/tokens\nlog.level = ERROR\n{configuration}\n",
        dir.path().display()
    );
    let conf = dir.path().join("softhsm2.conf");
    std::fs::write(&conf, text).unwrap();
    secret(&dir.path().join("pin"), "4711-s3cr3t\n");
    secret(&dir.path().join("wrong"), "0000-wr0ng\n");
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("keys::kek::pkcs11::tests::{test}"), "--nocapture"])
        .env("SOFTHSM2_CONF", &conf)
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
    None
}

fn secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl Soft {
    fn token(&self, label: &str) {
        let out = Command::new("softhsm2-util")
            .args([
                "--init-token",
                "--free",
                "--label",
                label,
                "--pin",
                "4711-s3cr3t",
                "--so-pin",
                "12345678",
            ])
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
    }

    fn reference(&self, token: &str, object: &str, pin: &str) -> KekRef {
        format!(
            "pkcs11:token={token};object={object}?module-path={}&pin-source=file:{}/{pin}",
            self.library.display(),
            self.dir.display()
        )
        .parse()
        .unwrap()
    }

    /// Another tool that speaks PKCS#11.
    fn tool(&self, token: &str, args: &[&str]) -> String {
        let out = Command::new("pkcs11-tool")
            .arg("--module")
            .arg(&self.library)
            .args(["--token-label", token, "--login", "--pin", "4711-s3cr3t"])
            .args(args)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
        said
    }
}

fn error(result: Result<Box<dyn Kek>, KekError>) -> KekError {
    let Err(error) = result else { panic!("it opened") };
    for secret in ["4711", "s3cr3t", "0000", "wr0ng"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    }
    error
}

#[test]
fn wraps_by_gcm_with_a_key_that_cannot_leave() {
    let Some(soft) = in_a_process("wraps_by_gcm_with_a_key_that_cannot_leave", "") else { return };
    soft.token("one");
    let reference = soft.reference("one", "ring", "pin");
    let absent = error(reference.open());
    assert!(matches!(&absent, KekError::Absent(text) if text.contains("the token one")), "{absent}");
    let made = reference.create().unwrap();
    let opened = reference.open().unwrap();
    assert_eq!(made.id(), opened.id());
    super::super::wrapped::exercise(&*opened, true);
    let wrapped = made.wrap(&Sensitive::new([7; 32]), b"c").unwrap();
    assert_eq!(opened.unwrap_key(&wrapped, b"c").unwrap().expose(), &[7; 32]);
    assert_eq!(wrapped[wrapped::head(&made.id()).len()], GCM);

    let listed = soft.tool("one", &["--list-objects", "--type", "secrkey"]);
    assert!(listed.contains("never extractable") && listed.contains("always sensitive"), "{listed}");
    assert!(listed.contains("encrypt, decrypt") && !listed.contains("wrap,"), "{listed}");
    assert!(matches!(error(reference.create()), KekError::Exists(_)));
    assert!(soft.tool("one", &["--list-objects", "--type", "secrkey"]).matches("label:").count() == 1);
}

#[test]
fn wraps_by_rfc_3394_where_the_token_has_no_gcm() {
    let without = "slots.mechanisms = CKM_AES_KEY_GEN,CKM_AES_KEY_WRAP";
    let Some(soft) = in_a_process("wraps_by_rfc_3394_where_the_token_has_no_gcm", without) else { return };
    soft.token("old");
    let reference = soft.reference("old", "ring", "pin");
    let kek = reference.create().unwrap();
    super::super::wrapped::exercise(&*kek, true);
    let wrapped = kek.wrap(&Sensitive::new([7; 32]), b"c").unwrap();
    assert_eq!(wrapped[wrapped::head(&kek.id()).len()], KEY_WRAP);
    let listed = soft.tool("old", &["--list-objects", "--type", "secrkey"]);
    assert!(!listed.contains("encrypt") && listed.matches("label:").count() == 1, "{listed}");
}

#[test]
fn refuses_keys_that_could_be_taken_out() {
    let Some(soft) = in_a_process("refuses_keys_that_could_be_taken_out", "") else { return };
    soft.token("one");
    let usage = ["--usage-decrypt", "--usage-wrap"];
    for (label, kind, extra, says) in [
        ("loose", "AES:32", &["--sensitive", "--extractable"][..], "CKA_EXTRACTABLE"),
        ("open", "AES:32", &["--extractable"], "CKA_SENSITIVE"),
        ("short", "AES:16", &["--sensitive"], "256 bits"),
    ] {
        soft.tool("one", &[&["--keygen", "--key-type", kind, "--label", label], &usage[..], extra].concat());
        let refused = error(soft.reference("one", label, "pin").open());
        assert!(matches!(&refused, KekError::Unsuitable(text) if text.contains(says)), "{label}: {refused}");
        assert!(refused.to_string().contains("--create-kek"), "{refused}");
    }
    // As the documentation makes one, with attributes of that tool's choice.
    let id = "00112233445566778899aabbccddeeff";
    soft.tool(
        "one",
        &[
            "--keygen",
            "--key-type",
            "AES:32",
            "--label",
            "byhand",
            "--id",
            id,
            "--sensitive",
            "--usage-decrypt",
        ],
    );
    let kek = soft.reference("one", "byhand", "pin").open().unwrap();
    assert_eq!(kek.id(), format!("pkcs11:byhand:{id}"));
    let wrapped = kek.wrap(&Sensitive::new([7; 32]), b"c").unwrap();
    assert_eq!(kek.unwrap_key(&wrapped, b"c").unwrap().expose(), &[7; 32]);
    // Two of one name: which is meant cannot be known.
    for _ in 0..2 {
        soft.tool("one", &["--keygen", "--key-type", "AES:32", "--label", "twin", "--sensitive"]);
    }
    assert!(error(soft.reference("one", "twin", "pin").open()).to_string().contains("give id="));
}

#[test]
fn a_wrong_pin_is_tried_once_and_told() {
    let Some(soft) = in_a_process("a_wrong_pin_is_tried_once_and_told", "") else { return };
    soft.token("one");
    let refused = error(soft.reference("one", "ring", "wrong").open());
    assert!(matches!(&refused, KekError::Denied(text) if text.contains("tried once")), "{refused}");
    let missing = error(soft.reference("one", "ring", "nothing").open());
    assert!(matches!(&missing, KekError::Secret(text) if text.contains("check the path")), "{missing}");
    // The right one works after that.
    soft.reference("one", "ring", "pin").create().unwrap();
}

#[test]
fn a_token_or_key_that_is_gone_is_told() {
    let Some(soft) = in_a_process("a_token_or_key_that_is_gone_is_told", "") else { return };
    soft.token("one");
    soft.token("other");
    let gone = error(soft.reference("two", "ring", "pin").open());
    assert!(
        matches!(&gone, KekError::Unavailable(t) if t.contains("it sees: ") && t.contains("one")),
        "{gone}"
    );

    let kek = soft.reference("one", "ring", "pin").create().unwrap();
    let other = soft.reference("other", "ring", "pin").create().unwrap();
    let wrapped = kek.wrap(&Sensitive::new([7; 32]), b"c").unwrap();
    let foreign = other.unwrap_key(&wrapped, b"c").unwrap_err();
    assert_eq!(foreign, KekError::OtherKey { wrapped: kek.id(), given: other.id() });

    soft.tool("one", &["--delete-object", "--type", "secrkey", "--label", "ring"]);
    let deleted = kek.unwrap_key(&wrapped, b"c").unwrap_err();
    assert!(matches!(&deleted, KekError::Absent(text) if text.contains("backup")), "{deleted}");
    assert!(kek.wrap(&Sensitive::new([7; 32]), b"c").is_err());

    let wrapped = other.wrap(&Sensitive::new([7; 32]), b"c").unwrap();
    std::fs::remove_dir_all(soft.dir.join("tokens")).unwrap();
    let lost = other.unwrap_key(&wrapped, b"c").unwrap_err();
    assert!(matches!(lost, KekError::Unavailable(_) | KekError::Absent(_)), "{lost}");
}

#[test]
fn a_library_that_is_none_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.so");
    let open = || {
        let text = format!("pkcs11:token=t;object=o?module-path={}&pin-source=env:NONE", path.display());
        error(text.parse::<KekRef>().unwrap().open())
    };
    assert!(matches!(open(), KekError::Unavailable(text) if text.contains("is not there")));
    std::fs::write(&path, "not a library").unwrap();
    assert!(matches!(open(), KekError::Unavailable(text) if text.contains("no PKCS#11 library")));
}
