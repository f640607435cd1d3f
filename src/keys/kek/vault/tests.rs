//! Against OpenBao, the real server.

use std::time::{Duration, Instant};

use super::super::servers::{Bao, ROOT, secret};
use super::*;

fn key(bao: &Bao, query: &str) -> TransitKeyRef {
    TransitKeyRef::parse(&format!("{}/transit/keys/ring{query}", bao.address)).unwrap()
}

/// An environment that holds a token, and nothing else.
fn holding(token: &str) -> impl Fn(&str) -> Option<String> + '_ {
    move |name| (name == "VAULT_TOKEN").then(|| token.to_string())
}

fn error<T>(result: Result<T, KekError>) -> KekError {
    let Err(error) = result else { panic!("it worked") };
    for secret in [ROOT, "s.", "hvs."] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    }
    error
}

fn root() -> Sensitive<[u8; 32]> {
    Sensitive::new([7; 32])
}

#[test]
fn wraps_with_a_key_that_cannot_be_exported() {
    let bao = Bao::start();
    let env = holding(ROOT);
    let absent = error(TransitKek::open(&key(&bao, ""), &env));
    assert!(
        matches!(&absent, KekError::Absent(text) if text.contains("keys/ring at http://127.0.0.1")),
        "{absent}"
    );
    TransitKek::create(&key(&bao, ""), &env).unwrap();
    assert!(matches!(error(TransitKek::create(&key(&bao, ""), &env)), KekError::Exists(_)));

    // With no more rights than the documentation gives.
    bao.policy("kek", "");
    let token = bao.token("kek", "1h");
    let env = holding(&token);
    let kek = TransitKek::open(&key(&bao, ""), &env).unwrap();
    wrapped::exercise(&kek, false);

    let wrapped = kek.wrap(&root(), b"c").unwrap();
    bao.cli(&["write", "-f", "transit/keys/ring/rotate"]);
    assert_eq!(kek.unwrap_key(&wrapped, b"c").unwrap().expose(), &[7; 32]);
    let again = kek.rewrap(&wrapped, b"c").unwrap();
    let version = |wrapped: &[u8]| wrapped[wrapped::head(&kek.id()).len()..][..9].to_vec();
    assert_eq!((version(&wrapped), version(&again)), (b"vault:v1:".to_vec(), b"vault:v2:".to_vec()));
    bao.cli(&["write", "transit/keys/ring/config", "min_decryption_version=2"]);
    let old = error(kek.unwrap_key(&wrapped, b"c"));
    assert!(matches!(&old, KekError::Absent(text) if text.contains("min_decryption_version")), "{old}");
    assert_eq!(kek.unwrap_key(&again, b"c").unwrap().expose(), &[7; 32]);

    // A key of another name, and one that is of the same name at another mount.
    bao.cli(&["write", "-f", "transit/keys/other"]);
    let env = holding(ROOT);
    let other = TransitKeyRef::parse(&format!("{}/transit/keys/other", bao.address)).unwrap();
    let other = TransitKek::open(&other, &env).unwrap();
    let foreign = error(other.unwrap_key(&again, b"c"));
    assert_eq!(foreign, KekError::OtherKey { wrapped: kek.id(), given: other.id() });
}

#[test]
fn refuses_keys_that_could_be_taken_out() {
    let bao = Bao::start();
    let env = holding(ROOT);
    for (name, setting, says) in [
        ("a", "exportable=true", "is exportable"),
        ("b", "allow_plaintext_backup=true", "backed up in clear"),
        ("c", "type=chacha20-poly1305", "aes256-gcm96"),
        ("d", "derived=true", "derived"),
    ] {
        bao.cli(&["write", "-f", &format!("transit/keys/{name}"), setting]);
        let key = TransitKeyRef::parse(&format!("{}/transit/keys/{name}", bao.address)).unwrap();
        let refused = error(TransitKek::open(&key, &env));
        assert!(matches!(&refused, KekError::Unsuitable(text) if text.contains(says)), "{name}: {refused}");
        assert!(matches!(error(TransitKek::create(&key, &env)), KekError::Exists(_)));
    }
}

#[test]
fn says_which_permission_is_lacking_and_whether_the_token_lives() {
    let bao = Bao::start();
    bao.cli(&["write", "-f", "transit/keys/ring"]);
    bao.policy("all", "");
    let wrapped = TransitKek::open(&key(&bao, ""), &holding(ROOT)).unwrap().wrap(&root(), b"").unwrap();
    for without in ["keys", "encrypt", "decrypt"] {
        bao.policy(without, without);
        let token = bao.token(without, "1h");
        let kek = TransitKek::open(&key(&bao, ""), &holding(&token));
        let denied = match without {
            "keys" => error(kek),
            "encrypt" => error(kek.unwrap().wrap(&root(), b"")),
            _ => error(kek.unwrap().unwrap_key(&wrapped, b"")),
        };
        assert!(
            matches!(&denied, KekError::Denied(text) if text.contains("policy does not allow")),
            "{denied}"
        );
    }
    let token = bao.token("all", "1s");
    let kek = TransitKek::open(&key(&bao, ""), &holding(&token)).unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    for dead in [
        error(kek.unwrap_key(&wrapped, b"")),
        error(TransitKek::open(&key(&bao, ""), &holding("s.invented"))),
    ] {
        assert!(matches!(&dead, KekError::Denied(text) if text.contains("expired, revoked")), "{dead}");
    }
    let none = error(TransitKek::open(&key(&bao, ""), &|_| None));
    assert!(matches!(&none, KekError::Secret(text) if text.contains("VAULT_TOKEN")), "{none}");
    let odd = error(TransitKek::open(&key(&bao, ""), &holding("a\u{7f}b")));
    assert!(odd.to_string().contains("cannot be sent"), "{odd}");
    let elsewhere = TransitKeyRef::parse(&format!("{}/no/where/keys/ring", bao.address)).unwrap();
    let unmounted = error(TransitKek::open(&elsewhere, &holding(ROOT)));
    assert!(
        matches!(&unmounted, KekError::Absent(text) if text.contains("nothing is mounted")),
        "{unmounted}"
    );
}

#[test]
fn a_token_in_a_file_is_read_each_time() {
    let bao = Bao::start();
    bao.cli(&["write", "-f", "transit/keys/ring"]);
    bao.policy("all", "");
    let path = bao.dir.path().join("token");
    secret(&path, &format!("{}\n", bao.token("all", "1h")));
    let kek = TransitKek::open(&key(&bao, &format!("?token-file={}", path.display())), &|_| None).unwrap();
    let wrapped = kek.wrap(&root(), b"").unwrap();
    bao.cli(&["token", "revoke", std::fs::read_to_string(&path).unwrap().trim()]);
    assert!(matches!(error(kek.unwrap_key(&wrapped, b"")), KekError::Denied(_)));
    secret(&path, &bao.token("all", "1h"));
    assert!(kek.unwrap_key(&wrapped, b"").is_ok());
}

#[test]
fn logs_in_by_approle_again_when_the_token_has_died() {
    let bao = Bao::start();
    bao.cli(&["write", "-f", "transit/keys/ring"]);
    bao.policy("all", "");
    bao.cli(&["auth", "enable", "approle"]);
    bao.cli(&["write", "auth/approle/role/scrubjay", "token_policies=all", "token_ttl=1h"]);
    let role = bao.cli(&["read", "-field=role_id", "auth/approle/role/scrubjay/role-id"]);
    let id = bao.cli(&["write", "-f", "-field=secret_id", "auth/approle/role/scrubjay/secret-id"]);
    let path = bao.dir.path().join("secret-id");
    secret(&path, &id);
    let reference = key(&bao, &format!("?role-id={role}&secret-id-file={}", path.display()));
    let kek = TransitKek::open(&reference, &|_| None).unwrap();
    let wrapped = kek.wrap(&root(), b"").unwrap();
    let token = String::from_utf8(kek.current_token().unwrap().expose().clone()).unwrap();
    bao.cli(&["token", "revoke", &token]);
    assert!(kek.unwrap_key(&wrapped, b"").is_ok());

    secret(&path, "00000000-0000-0000-0000-000000000000");
    let refused = error(TransitKek::open(&reference, &|_| None));
    assert!(matches!(&refused, KekError::Denied(text) if text.contains("used up")), "{refused}");
    assert!(!refused.to_string().contains("00000000"));
}

#[test]
fn a_server_that_is_sealed_or_gone_and_a_key_that_is_deleted() {
    let mut bao = Bao::start();
    let env = holding(ROOT);
    let kek = TransitKek::create(&key(&bao, ""), &env).unwrap();
    let wrapped = kek.wrap(&root(), b"").unwrap();

    bao.cli(&["write", "transit/keys/ring/config", "deletion_allowed=true"]);
    bao.cli(&["delete", "transit/keys/ring"]);
    let deleted = error(kek.unwrap_key(&wrapped, b""));
    assert!(matches!(&deleted, KekError::Absent(text) if text.contains("deleted")), "{deleted}");
    assert!(matches!(error(kek.wrap(&root(), b"")), KekError::Absent(_)), "the server has made a new key");

    bao.cli(&["operator", "seal"]);
    let sealed = error(kek.unwrap_key(&wrapped, b""));
    assert!(
        matches!(&sealed, KekError::Unavailable(text) if text.contains("bao operator unseal")),
        "{sealed}"
    );
    bao.kill();
    let began = Instant::now();
    let gone = error(kek.unwrap_key(&wrapped, b""));
    assert!(matches!(&gone, KekError::Unavailable(text) if text.contains("connection refused")), "{gone}");
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(10)).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn trusts_the_authority_that_is_named_and_no_other() {
    let bao = Bao::start_tls();
    let ca = bao.dir.path().join("ca.pem");
    let trusting = key(&bao, &format!("?ca-file={}", ca.display()));
    // The engine is not mounted there: that is an answer.
    assert!(matches!(error(TransitKek::open(&trusting, &holding(ROOT))), KekError::Absent(_)));
    let by_variable = |name: &str| match name {
        "VAULT_CACERT" => Some(ca.display().to_string()),
        "VAULT_TOKEN" => Some(ROOT.to_string()),
        _ => None,
    };
    assert!(matches!(error(TransitKek::open(&key(&bao, ""), &by_variable)), KekError::Absent(_)));
    let untrusted = error(TransitKek::open(&key(&bao, ""), &holding(ROOT)));
    assert!(
        matches!(&untrusted, KekError::Unavailable(text) if text.contains("certificate is refused")),
        "{untrusted}"
    );
    let plain =
        TransitKeyRef::parse(&format!("{}/transit/keys/ring", bao.address.replace("https", "http"))).unwrap();
    assert!(matches!(error(TransitKek::open(&plain, &holding(ROOT))), KekError::Unavailable(_)));
    std::fs::write(&ca, "no certificate").unwrap();
    assert!(error(TransitKek::open(&trusting, &holding(ROOT))).to_string().contains("holds no certificate"));
}
