use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::signature::KeyPair as _;

use super::*;
use crate::audit::{AuditSettings, Record, VerifyOptions, verify};
use crate::keys::encoding::hex;
use crate::keys::{Purpose, Ring, SecretRef};
use crate::policy::Action;
use crate::transform::{Context, Failed, KeyedScratch, NewToken, Tokens, Value};
use crate::vault::{FileVault, VaultError, VaultKeys, VaultOptions};

const NOW: i64 = 1_795_900_000_000;
const WHY: &str = "billing dispute, ticket 4711";

struct RingKeys(Arc<Ring>);

impl VaultKeys for RingKeys {
    fn current(&self) -> u32 {
        self.0.active()
    }

    fn ring(&self) -> u64 {
        1
    }

    fn data_key(&self, version: u32, table: &'static str) -> Result<Sensitive<[u8; 32]>, VaultError> {
        let key = self.0.derive::<32>(version, Purpose::VaultSeal, &[table.as_bytes()]);
        key.map_err(|_| VaultError::MissingKey { version })
    }
}

struct VaultTokens(Arc<FileVault>);

impl Tokens for VaultTokens {
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<[u8; 16]>, Failed> {
        Ok(self.0.tokenize(items).map_err(|_| Failed::Keys("failed"))?.into_iter().map(|t| t.0).collect())
    }

    fn commit(&self) -> Result<(), &'static str> {
        self.0.commit().map_err(|_| "failed")
    }
}

/// A vault, an audit log, and three operators.
struct Fixture {
    dir: tempfile::TempDir,
    keyed: Keyed,
    vault: Arc<FileVault>,
    operators: Operators,
    log: AuditLog,
    alerts: RefCell<Vec<String>>,
}

fn key(dir: &std::path::Path, id: &str) -> SecretRef {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(format!("{id}.key"));
    let seed = hex(&[id.as_bytes()[0]; 32]);
    std::fs::write(&path, seed).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    SecretRef::File(path)
}

fn public(id: &str) -> String {
    let seed = Sensitive::new([id.as_bytes()[0]; 32]);
    hex(operators::pair(&seed).unwrap().public_key().as_ref())
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let ring = Arc::new(Ring::of_tests());
    let keys = Arc::new(RingKeys(ring.clone()));
    let vault = FileVault::create(&dir.path().join("vault.redb"), keys, VaultOptions::default()).unwrap();
    let vault = Arc::new(vault);
    let keyed = Keyed::new(ring, 2026).unwrap().with_vault(Arc::new(VaultTokens(vault.clone())));
    let mut text = String::new();
    for (id, role) in [("ana", "officer"), ("ben", "officer"), ("cho", "clerk")] {
        text +=
            &format!("[[operator]]\nid = \"{id}\"\npublic_key = \"{}\"\nroles = [\"{role}\"]\n", public(id));
    }
    text += "[[role]]\nname = \"officer\"\nbreak_glass = true\n[[role]]\nname = \"clerk\"\nkinds = [\"mrn\"]\ntenants = [\"a\"]\n";
    text += "[limits]\nper_hour = 6\nbulk_from = 3\nbreak_glass_minutes = 15\n";
    let operators = Operators::parse(std::path::Path::new("operators.toml"), &text).unwrap();
    let settings = AuditSettings { dir: dir.path().join("audit"), ..AuditSettings::default() };
    let log = AuditLog::open(settings).unwrap();
    Fixture { dir, keyed, vault, operators, log, alerts: RefCell::default() }
}

impl Fixture {
    fn token(&self, action: Action, kind: Kind, text: &str, tenant: &str) -> String {
        let value = Value { kind, action, text: text.as_bytes(), number: false };
        let context = Context { tenant: Some(tenant), subject: None };
        let mut out = Vec::new();
        let mut scratch = KeyedScratch::default();
        match action {
            Action::Token => {
                self.keyed.tokenize([value].into_iter(), context, &mut scratch, |t| out.extend(t)).unwrap();
                self.keyed.commit().unwrap();
            }
            _ => self.keyed.transform(value, context, &mut scratch, &mut out).unwrap(),
        }
        String::from_utf8(out).unwrap()
    }

    fn key(&self, id: &str) -> SecretRef {
        key(self.dir.path(), id)
    }

    fn who(&self, id: &str) -> Authenticated<'_> {
        self.operators.authenticate(id, &self.key(id)).unwrap()
    }

    fn log_dir(&self) -> PathBuf {
        self.dir.path().join("audit")
    }

    fn with<T>(&self, now_ms: i64, work: impl FnOnce(&Revealer<'_>) -> T) -> T {
        let alert = |text: &str| {
            self.alerts.borrow_mut().push(text.to_owned());
            Ok(())
        };
        let log_dir = self.log_dir();
        work(&Revealer {
            keyed: &self.keyed,
            vault: Some(&*self.vault),
            operators: &self.operators,
            log: &self.log,
            log_dir: &log_dir,
            alert: &alert,
            now_ms,
        })
    }

    fn reveal(&self, id: &str, tokens: &[&str], ground: Ground<'_>) -> Result<Vec<String>, String> {
        let tokens: Vec<String> = tokens.iter().map(|t| (*t).to_owned()).collect();
        let got = self.with(now_ms(), |r| r.reveal(self.who(id), &tokens, "a", WHY, ground));
        let text = |r: &Revealed| String::from_utf8(r.value.expose().clone()).unwrap();
        got.map(|all| all.iter().map(text).collect()).map_err(|e| e.to_string())
    }

    fn records(&self) -> Vec<Record> {
        Reader::open(&self.log_dir()).unwrap().map(Result::unwrap).collect()
    }

    fn last(&self) -> (Event, &'static str, Option<String>) {
        let last = self.records().pop().unwrap().entry;
        (last.event, last.outcome.name(), last.outcome.reason().map(str::to_owned))
    }
}

/// Entries have the log's own time.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

#[test]
fn those_who_may_see_the_exact_bytes_and_it_is_on_record() {
    let f = fixture();
    let ssn = f.token(Action::Token, Kind::Ssn, "219-10-9999", "a");
    let name = f.token(Action::Seal, Kind::Name, "Ana Keller", "a");
    assert_eq!(f.reveal("ana", &[&ssn, &name], Ground::Role).unwrap(), ["219-10-9999", "Ana Keller"]);
    let records = f.records();
    let entry = &records.last().unwrap().entry;
    assert_eq!((entry.event, entry.outcome.name()), (Event::VaultReveal, "ok"));
    assert_eq!(entry.what.kinds, [Kind::Name, Kind::Ssn]);
    assert_eq!((entry.what.tokens.len(), entry.what.count), (2, Some(2)));
    assert_eq!(entry.actor.operator_id(), Some("ana"));
    assert_eq!(entry.purpose.as_deref(), Some(WHY));
    assert_eq!(entry.what.tenant.as_deref(), Some("a"));
    // The log holds neither a value nor what a key would make one of.
    for (_, bytes) in std::fs::read_dir(f.log_dir())
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| (p.clone(), std::fs::read(p).unwrap()))
    {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("219-10-9999") && !text.contains("Keller") && !text.contains(&name), "{text}");
    }
    assert!(verify(&f.log_dir(), &VerifyOptions::default()).unwrap().is_intact());
}

#[test]
fn what_is_not_allowed_is_refused_and_on_record() {
    let f = fixture();
    let ssn = f.token(Action::Token, Kind::Ssn, "219-10-9999", "a");
    let mrn = f.token(Action::Token, Kind::Mrn, "4471902", "a");
    let other = f.token(Action::Token, Kind::Mrn, "4471902", "b");
    let pseudonym = f.token(Action::Pseudonym, Kind::Mrn, "4471902", "a");
    let sealed = f.token(Action::Seal, Kind::Mrn, "4471902", "b");
    assert_eq!(f.reveal("cho", &[&mrn], Ground::Role).unwrap(), ["4471902"]);
    for (tokens, reason) in [
        (&[ssn.as_str()][..], "no role for this kind and tenant"),
        (&[&other], "no role for this kind and tenant"),
        // One that may not be seen hides the others.
        (&[&mrn, &ssn], "no role for this kind and tenant"),
        (&[&pseudonym], "a pseudonym"),
        (&[&sealed], "it does not open"),
        (&["[MRN:t1:00000000000000000000000000000000000]"], "no token of this key ring"),
        (&["4471902"], "no token of this key ring"),
    ] {
        assert!(f.reveal("cho", tokens, Ground::Role).is_err(), "{reason}");
        assert_eq!(f.last(), (Event::VaultReveal, "refused", Some(reason.to_owned())));
    }
    let many: Vec<&str> = std::iter::repeat_n(mrn.as_str(), crate::audit::MAX_TOKENS + 1).collect();
    assert!(f.reveal("ana", &many, Ground::Role).unwrap_err().contains("at most 256 tokens"));
    let tokens = [mrn];
    let none = f.with(NOW, |r| r.reveal(f.who("cho"), &tokens, "a", " x ", Ground::Role)).unwrap_err();
    assert!(none.to_string().starts_with("say why"), "{none}");
}

#[test]
fn nobody_is_somebody_else() {
    let f = fixture();
    for (id, key) in [("ana", "ben"), ("nobody", "ana")] {
        let refused = f.operators.authenticate(id, &f.key(key)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("no operator {id:?} with this key is in the file of operators")
        );
    }
}

/// Nothing in such a value tells its kind and version: the operator does.
#[test]
fn what_was_encrypted_in_its_own_form_leads_back() {
    let f = fixture();
    let text = f.token(Action::FormatPreserving, Kind::Ssn, "219-10-9999", "a");
    assert!(text.len() == 11 && text != "219-10-9999", "{text}");
    for named in [format!("SSN:f1:{text}"), format!("ssn:f1:{text}")] {
        assert_eq!(f.reveal("ana", &[&named], Ground::Role).unwrap(), ["219-10-9999"]);
    }
    // The role counts here, too; and neither text stands on record.
    assert!(f.reveal("cho", &[&format!("SSN:f1:{text}")], Ground::Role).unwrap_err().contains("kind ssn"));
    for (named, says) in [
        (format!("SSN:f2:{text}"), "not in the ring"),
        ("NAME:f1:Ana Keller".to_owned(), "no value of this kind"),
        ("SSN:f1:12-34".to_owned(), "no value of this kind"),
        (format!("SSX:f1:{text}"), "no token"),
        (text.clone(), "no token"),
    ] {
        let said = f.reveal("ana", &[&named], Ground::Role).unwrap_err();
        assert!(said.contains(says), "{named}: {said}");
    }
    let records = f.records();
    let names: Vec<&String> = records.iter().flat_map(|r| &r.entry.what.tokens).collect();
    assert!(names.iter().all(|n| n.starts_with("ssn:f") || n.starts_with("name:f")), "{names:?}");
    assert!(names.iter().all(|n| !n.contains(&text) && !n.contains("219")), "{names:?}");
}

/// Two who look at the limit before either is on record do not both get through: whoever is on record second sees it.
#[test]
fn the_limit_is_looked_at_again_once_it_is_on_record() {
    let f = fixture();
    let mrn = f.token(Action::Token, Kind::Mrn, "4471902", "a");
    let log_dir = f.log_dir();
    let (who, tokens) = (f.who("ana"), [mrn.clone(), mrn]);
    std::thread::scope(|scope| {
        let many: Vec<_> = (0..8)
            .map(|_| {
                let (keyed, vault, operators) = (&f.keyed, &f.vault, &f.operators);
                let (log_dir, tokens) = (&log_dir, &tokens);
                scope.spawn(move || {
                    let settings = AuditSettings { dir: log_dir.clone(), ..AuditSettings::default() };
                    let log = AuditLog::open(settings).unwrap();
                    let revealer = Revealer {
                        keyed,
                        vault: Some(&**vault),
                        operators,
                        log: &log,
                        log_dir,
                        alert: &|_| Ok(()),
                        now_ms: now_ms(),
                    };
                    revealer.reveal(who, tokens, "a", WHY, Ground::Role).is_ok()
                })
            })
            .collect();
        let shown = many.into_iter().map(|thread| thread.join().unwrap()).filter(|shown| *shown).count();
        assert!(shown <= 3, "{shown} times two tokens, and six may be");
    });
}

#[test]
fn an_hour_has_a_limit() {
    let f = fixture();
    let mrn = f.token(Action::Token, Kind::Mrn, "4471902", "a");
    for _ in 0..3 {
        f.reveal("ana", &[&mrn, &mrn], Ground::Role).unwrap();
    }
    assert!(f.reveal("ana", &[&mrn], Ground::Role).unwrap_err().contains("6 may be"));
    assert_eq!(f.last().2.as_deref(), Some("above the limit of an hour"));
    // It is each operator's own, and an hour later it is over.
    f.reveal("ben", &[&mrn], Ground::Role).unwrap();
    let tokens = [mrn];
    let later = now_ms() + HOUR_MS + 1000;
    f.with(later, |r| r.reveal(f.who("ana"), &tokens, "a", WHY, Ground::Role)).unwrap();
}

#[test]
fn many_at_once_need_a_second_person() {
    let f = fixture();
    let tokens: Vec<String> =
        (0..3).map(|i| f.token(Action::Token, Kind::Mrn, &format!("447190{i}"), "a")).collect();
    let three: Vec<&str> = tokens.iter().map(String::as_str).collect();
    assert!(f.reveal("ana", &three, Ground::Role).unwrap_err().contains("need a second person"));
    assert_eq!(
        f.last(),
        (Event::VaultRevealBulk, "refused", Some("no approval by a second person".to_owned()))
    );
    let request = |id: &str| Request {
        operator: id.to_owned(),
        tokens: tokens.clone(),
        purpose: WHY.to_owned(),
        time_ms: now_ms() - 1000,
    };
    let approve = |request: Request, id: &str| {
        let now = request.time_ms + 1;
        request.approve(f.who(id), &f.key(id), &f.log, Actor::default(), now)
    };
    // By oneself it cannot be approved.
    assert!(approve(request("ana"), "ana").is_err());
    assert_eq!(f.last(), (Event::ApprovalGrant, "refused", Some("approved by oneself".to_owned())));
    let approval = approve(request("ana"), "ben").unwrap();
    assert_eq!(f.last(), (Event::ApprovalGrant, "ok", None));
    // Nor one of another day, past or to come.
    for off in [-2 * 24 * HOUR_MS, HOUR_MS] {
        let other = Request { time_ms: now_ms() + off, ..request("ana") };
        let refused = other.approve(f.who("ben"), &f.key("ben"), &f.log, Actor::default(), now_ms());
        assert!(refused.is_err(), "{off}");
    }
    let approval = Approval::from_json(&approval.to_json()).unwrap();
    assert_eq!(f.reveal("ana", &three, Ground::Approved(&approval)).unwrap().len(), 3);
    assert_eq!(f.records().last().unwrap().entry.what.approver.as_deref(), Some("ben"));
    // It is good for nothing else.
    let refused = |id: &str, tokens: &[&str], approval: &Approval, reason: &str| {
        assert!(f.reveal(id, tokens, Ground::Approved(approval)).is_err(), "{reason}");
        assert_eq!(f.last().2.as_deref(), Some(reason));
    };
    let mut turned = three.clone();
    turned.reverse();
    refused("ana", &turned, &approval, "approved was something else");
    refused("ben", &three, &approval, "approved was something else");
    let mut old = request("ana");
    old.time_ms -= 2 * 24 * HOUR_MS;
    refused("ana", &three, &approve(old, "ben").unwrap(), "the approval is too old");
    let forged = Approval { approver: "cho".to_owned(), ..approval.clone() };
    refused("ana", &three, &forged, "the approval is not signed by an operator");
    let moved =
        Approval { request: Request { time_ms: now_ms() - 500, ..approval.request.clone() }, ..approval };
    refused("ana", &three, &moved, "the approval is not signed by an operator");
}

/// The disk takes no entry any more once all has been looked at: nobody sees a value.
#[test]
fn what_cannot_be_put_on_record_at_the_last_moment_is_not_revealed() {
    let f = fixture();
    let token = f.token(Action::Token, Kind::Mrn, "4471902", "a");
    let copies = f.dir.path().join("copies");
    std::fs::create_dir(&copies).unwrap();
    let dir = f.dir.path().join("audit2");
    let log = AuditLog::open(AuditSettings {
        dir: dir.clone(),
        key: Some(f.key("ana")),
        copy_to: Some(copies.clone()),
        checkpoint_entries: 1,
        ..AuditSettings::default()
    });
    let log = log.unwrap();
    let revealer = Revealer {
        keyed: &f.keyed,
        vault: Some(&*f.vault),
        operators: &f.operators,
        log: &log,
        log_dir: &dir,
        alert: &|_| Ok(()),
        now_ms: now_ms(),
    };
    let reveal = || revealer.reveal(f.who("ana"), std::slice::from_ref(&token), "a", WHY, Ground::Role);
    assert_eq!(reveal().unwrap().len(), 1);
    std::fs::remove_dir_all(&copies).unwrap();
    assert!(matches!(reveal(), Err(RevealError::Audit(_))));
}

#[test]
fn the_glass_is_broken_for_some_minutes_and_somebody_is_told() {
    let f = fixture();
    let tokens: Vec<String> =
        (0..4).map(|i| f.token(Action::Token, Kind::Ssn, &format!("219-10-999{i}"), "z")).collect();
    let all: Vec<&str> = tokens.iter().map(String::as_str).collect();
    assert!(f.reveal("ana", &all, Ground::BrokenGlass).unwrap_err().contains("the glass is not broken"));
    let cho = f.with(now_ms(), |r| r.break_glass(f.who("cho"), WHY)).unwrap_err();
    assert_eq!(cho.to_string(), "no role of cho may break the glass");
    f.with(now_ms(), |r| r.break_glass(f.who("ana"), WHY)).unwrap();
    assert_eq!(f.reveal("ana", &all, Ground::BrokenGlass).unwrap().len(), 4);
    assert_eq!(f.last(), (Event::BreakGlass, "ok", None));
    assert_eq!(f.alerts.borrow().len(), 2, "once when it was broken, once when it was used");
    assert!(f.alerts.borrow().iter().all(|a| a.contains("\"operator\":\"ana\"") && !a.contains("219-10")));
    // It is hers, and is whole again after a time.
    assert!(f.reveal("ben", &all, Ground::BrokenGlass).is_err());
    let later = now_ms() + 16 * MINUTE_MS;
    let refused =
        f.with(later, |r| r.reveal(f.who("ana"), &tokens, "a", WHY, Ground::BrokenGlass)).unwrap_err();
    assert!(refused.to_string().contains("the glass is not broken"), "{refused}");
}

/// A clock that was set back holds no limit of time open.
#[test]
fn with_a_clock_behind_the_log_nothing_is_revealed() {
    let f = fixture();
    let mrn = f.token(Action::Token, Kind::Mrn, "4471902", "a");
    f.with(now_ms(), |r| r.break_glass(f.who("ana"), WHY)).unwrap();
    let (tokens, early) = ([mrn], now_ms() - 16 * MINUTE_MS);
    for ground in [Ground::BrokenGlass, Ground::Role] {
        let refused = f.with(early, |r| r.reveal(f.who("ana"), &tokens, "a", WHY, ground)).unwrap_err();
        assert!(refused.to_string().contains("behind the last entry of the audit log"), "{refused}");
        assert_eq!(f.last().2.as_deref(), Some("the clock is behind the audit log"));
    }
    assert!(f.with(early, |r| r.break_glass(f.who("ana"), WHY)).is_err());
}

#[test]
fn the_glass_stays_whole_where_nobody_can_be_told() {
    let f = fixture();
    let log_dir = f.log_dir();
    let alert = |_: &str| Err("the pager is gone".to_owned());
    let revealer = Revealer {
        keyed: &f.keyed,
        vault: None,
        operators: &f.operators,
        log: &f.log,
        log_dir: &log_dir,
        alert: &alert,
        now_ms: now_ms(),
    };
    let refused = revealer.break_glass(f.who("ana"), WHY).unwrap_err();
    assert_eq!(refused.to_string(), "nobody could be alerted: the pager is gone");
    let on_record = (Event::BreakGlass, "failed", Some("nobody could be alerted".to_owned()));
    assert_eq!(f.last(), on_record);
    // What failed has not broken it.
    assert!(f.reveal("ana", &["x"], Ground::BrokenGlass).unwrap_err().contains("no token"));
    let mrn = f.token(Action::Token, Kind::Mrn, "4471902", "a");
    assert!(f.reveal("ana", &[&mrn], Ground::BrokenGlass).unwrap_err().contains("the glass is not broken"));
}

/// What cannot be put on record is not revealed: here the log is damaged, there its directory is gone.
#[test]
fn a_log_that_cannot_be_written_fails_the_reveal() {
    let f = fixture();
    let mrn = f.token(Action::Token, Kind::Mrn, "4471902", "a");
    f.reveal("ana", &[&mrn], Ground::Role).unwrap();
    let file = std::fs::read_dir(f.log_dir())
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "jsonl"));
    let file = file.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"ana\"", "\"ben\"")).unwrap();
    let refused = f.reveal("ana", &[&mrn], Ground::Role).unwrap_err();
    assert!(!refused.contains("4471902"), "{refused}");
    std::fs::remove_dir_all(f.log_dir()).unwrap();
    assert!(f.reveal("ana", &[&mrn], Ground::Role).is_err());
}

#[test]
fn files_of_operators_are_checked() {
    let wrong = |text: &str| {
        let found = Operators::parse(std::path::Path::new("o.toml"), text).unwrap_err();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let key = "ab".repeat(32);
    for (text, says) in [
        (
            "[[operator]]\nid = \"ana\"\npublic_key = \"12\"\n",
            "o.toml:3:14: `operator.public_key` must be an Ed25519 key",
        ),
        ("[[operator]]\nid = \"ana\"\n", "`operator.public_key` is missing"),
        (
            &format!("[[operator]]\nid = \"ana\"\npublic_key = \"{key}\"\nroles = [\"x\"]\n"),
            "o.toml:4:10: `operator.roles` names a role",
        ),
        ("[[role]]\nname = \"x\"\nkinds = [\"nmae\"]\n", "did you mean \"name\"?"),
        ("[limits]\nbulk_from = 1\n", "`limits.bulk_from` must be a whole number from 2"),
        ("[[oper]]\n", "did you mean `operator`?"),
        // One person is not two.
        (
            &format!(
                "[[operator]]\nid = \"ana\"\npublic_key = \"{key}\"\n[[operator]]\nid = \"ana2\"\npublic_key = \"{key}\"\n"
            ),
            "o.toml:6:14: `operator.public_key` stands there twice",
        ),
        (
            &format!(
                "[[operator]]\nid = \"ana\"\npublic_key = \"{key}\"\n[[operator]]\nid = \"ana\"\npublic_key = \"{}\"\n",
                "cd".repeat(32)
            ),
            "o.toml:5:6: `operator.id` stands there twice",
        ),
        ("[[role]]\nname = \"x\"\n[[role]]\nname = \"x\"\n", "o.toml:4:8: `role.name` stands there twice"),
    ] {
        assert!(wrong(text).contains(says), "{}", wrong(text));
    }
}
