//! A line of the log: an entry with its number, its time and its place in the chain.
//!
//! ```text
//! {"v":1,"seq":7,"time":"2026-01-02T03:04:05.678Z","checkpoints":0,"event":"vault_reveal","who":{"operator":"ana"},
//!  "from":{"tty":"/dev/pts/3"},"what":{"tokens":["mrn.7Q2k"]},"why":"dispute 4711","result":"ok",
//!  "prev":"(64 digits)","hash":"(64 digits)"}
//! ```
//!
//! (in one line). The hash is SHA-256 over the 32 bytes of `prev` and the bytes of the line as it would be without
//! its member `hash`. Each entry has exactly one spelling: a line that is not spelt so is no line of a log.

use serde_json::{Map, Value};

use super::actor::Actor;
use super::entry::{Entry, Outcome, Reason, What};
use super::event::Event;
use super::json::{Object, push_string};
use super::merkle::{Hash, sha256};
use super::time;
use crate::keys::encoding::{hex, unhex};
use crate::kind::Kind;

/// Bytes of a line, at most, without its end. No entry that may be written comes near it.
pub(super) const MAX_LINE_BYTES: usize = 256 << 10;
const HEAD: &[u8] = b"{\"v\":1,\"seq\":";
const PREV: &[u8] = b",\"prev\":\"";
const HASH: &[u8] = b",\"hash\":\"";
/// `,"hash":"`, 64 digits, `"}`.
const HASH_BYTES: usize = HASH.len() + 64 + 2;

/// An entry as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number; the first entry of a log is 1.
    pub seq: u64,
    /// Its time, in milliseconds since 1970 (UTC). Never before that of the entry before.
    pub time_ms: i64,
    /// By how many milliseconds the clock was behind the last entry's time, where it was by more than five seconds.
    pub clock_behind_ms: Option<u64>,
    /// Checkpoints that had been made before it.
    pub checkpoints: u64,
    /// What it says.
    pub entry: Entry,
    /// The hash of the entry before; zeros for the first.
    pub prev: [u8; 32],
    /// Its hash.
    pub hash: [u8; 32],
}

/// Why a line is none of an audit log. It repeats nothing of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub(super) &'static str);

const FORM: LineError = LineError("it is no entry of an audit log, or was changed by hand");
const VERSION: LineError = LineError("it was written by a later version of this program; use that");

impl Record {
    /// Puts an entry in its place.
    pub(super) fn seal(
        entry: Entry,
        seq: u64,
        (time_ms, clock_behind_ms): (i64, Option<u64>),
        checkpoints: u64,
        prev: Hash,
    ) -> Record {
        let mut record = Record { seq, time_ms, clock_behind_ms, checkpoints, entry, prev, hash: [0; 32] };
        record.hash = sha256(&[&prev, record.body().as_bytes()]);
        record
    }

    /// Reads a line, without its end. Its hash is not checked: that is the work of who walks along the chain.
    pub fn parse(line: &[u8]) -> Result<Record, LineError> {
        let frame = Frame::read(line)?;
        let value = serde_json::from_slice::<Value>(line).map_err(|_| FORM)?;
        let members = value.as_object().ok_or(FORM)?;
        let entry = entry(members).ok_or(FORM)?;
        let record = Record {
            seq: frame.seq,
            time_ms: frame.time_ms,
            clock_behind_ms: frame.clock_behind_ms,
            checkpoints: frame.checkpoints,
            entry: Entry { event: frame.event, ..entry },
            prev: frame.prev,
            hash: frame.hash,
        };
        // One spelling: no member twice, none unknown, no other order, no other escapes.
        if record.to_line().as_bytes() != line || record.entry.check().is_err() || !record.entry.actor.fits()
        {
            return Err(FORM);
        }
        Ok(record)
    }

    /// The line, without its end.
    pub fn to_line(&self) -> String {
        let mut line = self.body();
        line.pop();
        let mut object = String::with_capacity(line.len() + HASH_BYTES);
        object.push_str(&line);
        object.push_str(",\"hash\":\"");
        object.push_str(&hex(&self.hash));
        object.push_str("\"}");
        object
    }

    /// Its time as RFC 3339 has it, in UTC.
    pub fn time(&self) -> String {
        time::format(self.time_ms)
    }

    /// The line without its hash.
    fn body(&self) -> String {
        let Entry { event, actor, what, purpose, outcome } = &self.entry;
        let mut out = String::with_capacity(512);
        let mut line = Object::new(&mut out);
        line.number("v", 1);
        line.number("seq", self.seq);
        line.text("time", &self.time());
        if let Some(behind) = self.clock_behind_ms {
            line.number("clock_behind_ms", behind);
        }
        line.number("checkpoints", self.checkpoints);
        line.text("event", event.name());
        let mut who = Object::new(line.member("who"));
        who.optional("operator", actor.operator.as_deref());
        who.optional("user", actor.user.as_deref());
        for (name, uid) in [("uid", actor.uid), ("login_uid", actor.login_uid)] {
            if let Some(uid) = uid {
                who.number(name, uid.into());
            }
        }
        who.optional("host", actor.host.as_deref());
        who.end();
        if [&actor.tty, &actor.ssh, &actor.address].into_iter().any(Option::is_some) {
            let mut from = Object::new(line.member("from"));
            from.optional("tty", actor.tty.as_deref());
            from.optional("ssh", actor.ssh.as_deref());
            from.optional("address", actor.address.as_deref());
            from.end();
        }
        if *what != What::default() {
            let mut object = Object::new(line.member("what"));
            object.list("kinds", &what.kinds, |out, kind| push_string(out, kind.name()));
            object.list("tokens", &what.tokens, |out, token| push_string(out, token));
            if let Some(count) = what.count {
                object.number("count", count);
            }
            object.optional("tenant", what.tenant.as_deref());
            object.optional("key", what.key.as_deref());
            object.list("key_versions", &what.key_versions, |out, n| out.push_str(&n.to_string()));
            object.optional("object", what.object.as_deref());
            object.optional("approver", what.approver.as_deref());
            object.optional("digest", what.digest.map(|d| hex(&d)).as_deref());
            object.end();
        }
        line.optional("why", purpose.as_deref());
        line.text("result", outcome.name());
        line.optional("reason", outcome.reason());
        line.text("prev", &hex(&self.prev));
        line.end();
        out
    }
}

/// The entry in a line, but its event. Strict only as far as [`Record::parse`] does not compare the spelling.
fn entry(line: &Map<String, Value>) -> Option<Entry> {
    let none = Map::new();
    let part = |name: &str| match line.get(name) {
        None => Some(&none),
        Some(part) => part.as_object(),
    };
    let (who, from, what) = (part("who")?, part("from")?, part("what")?);
    let reason = || text(line, "reason").map(Reason::read);
    let outcome = match line.get("result")?.as_str()? {
        "ok" => Outcome::Ok,
        "refused" => Outcome::Refused(reason()?),
        "failed" => Outcome::Failed(reason()?),
        _ => return None,
    };
    let digest = match what.get("digest") {
        None => None,
        Some(digest) => Some(digest_of(digest.as_str()?.as_bytes())?),
    };
    let number = |map: &Map<String, Value>, name: &str| {
        map.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
    };
    let list = |name: &str| what.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let kinds = list("kinds").iter().map(|k| k.as_str()?.parse::<Kind>().ok());
    let versions = list("key_versions").iter().map(|n| u32::try_from(n.as_u64()?).ok());
    Some(Entry {
        event: Event::AuditRecover,
        actor: Actor {
            operator: text(who, "operator"),
            user: text(who, "user"),
            uid: number(who, "uid"),
            login_uid: number(who, "login_uid"),
            host: text(who, "host"),
            tty: text(from, "tty"),
            ssh: text(from, "ssh"),
            address: text(from, "address"),
        },
        what: What {
            kinds: kinds.collect::<Option<_>>()?,
            tokens: list("tokens").iter().map(|t| Some(t.as_str()?.to_owned())).collect::<Option<_>>()?,
            count: what.get("count").and_then(Value::as_u64),
            tenant: text(what, "tenant"),
            key: text(what, "key"),
            key_versions: versions.collect::<Option<_>>()?,
            object: text(what, "object"),
            approver: text(what, "approver"),
            digest,
        },
        purpose: text(line, "why"),
        outcome,
    })
}

fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    map.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A hash in hexadecimal.
pub(super) fn digest_of(text: &[u8]) -> Option<Hash> {
    let mut hash = [0; 32];
    unhex(text, &mut hash).then_some(hash)
}

/// What the chain needs of a line, read off its two ends: a log of years is walked along at its every opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) seq: u64,
    pub(super) time_ms: i64,
    clock_behind_ms: Option<u64>,
    pub(super) checkpoints: u64,
    pub(super) event: Event,
    pub(super) prev: Hash,
    pub(super) hash: Hash,
}

impl Frame {
    pub(super) fn read(line: &[u8]) -> Result<Frame, LineError> {
        let mut rest = match line.strip_prefix(HEAD) {
            Some(rest) => rest,
            None => return Err(if later(line) { VERSION } else { FORM }),
        };
        Frame::read_on(line, &mut rest).ok_or(FORM)?
    }

    fn read_on(line: &[u8], rest: &mut &[u8]) -> Option<Result<Frame, LineError>> {
        let seq = number(rest)?;
        skip(rest, b",\"time\":\"")?;
        let (moment, after) = rest.split_at_checked(time::LEN)?;
        let time_ms = time::parse(moment)?;
        *rest = after;
        skip(rest, b"\"")?;
        let clock_behind_ms = match skip(rest, b",\"clock_behind_ms\":") {
            Some(()) => Some(number(rest)?),
            None => None,
        };
        skip(rest, b",\"checkpoints\":")?;
        let checkpoints = number(rest)?;
        skip(rest, b",\"event\":\"")?;
        let end = rest.iter().take(64).position(|b| *b == b'"')?;
        let Some(event) = std::str::from_utf8(&rest[..end]).ok().and_then(Event::named) else {
            return Some(Err(LineError(
                "it names an event that this scrubjay does not know; use a newer one",
            )));
        };
        let (body, tail) = line.split_at_checked(line.len().checked_sub(HASH_BYTES)?)?;
        let hash = digest_of(tail.strip_prefix(HASH)?.strip_suffix(b"\"}")?)?;
        let prev = body.split_at_checked(body.len().checked_sub(PREV.len() + 65)?)?.1;
        let prev = digest_of(prev.strip_prefix(PREV)?.strip_suffix(b"\"")?)?;
        Some(Ok(Frame { seq, time_ms, clock_behind_ms, checkpoints, event, prev, hash }))
    }

    /// Whether the hash is that of the line it was read from.
    pub(super) fn is_hash_of(&self, line: &[u8]) -> bool {
        sha256(&[&self.prev, &line[..line.len() - HASH_BYTES], b"}"]) == self.hash
    }
}

/// Whether a line says that it is of another version of the format.
fn later(line: &[u8]) -> bool {
    let mut version = line.strip_prefix(b"{\"v\":").unwrap_or_default();
    number(&mut version).is_some_and(|v| v != 1)
}

/// Whether the hash that a line gives is its own.
pub(super) fn is_sound(line: &[u8]) -> bool {
    Frame::read(line).is_ok_and(|frame| frame.is_hash_of(line))
}

/// A whole number in its one spelling.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, after) = rest.split_at(len);
    *rest = after;
    if digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn skip(rest: &mut &[u8], what: &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(what)?;
    Some(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An entry with every part there can be.
    pub(in crate::audit) fn full() -> Entry {
        Entry {
            event: Event::VaultReveal,
            actor: Actor {
                operator: Some("ana".into()),
                user: Some("svc".into()),
                uid: Some(1000),
                login_uid: Some(1001),
                host: Some("vault-1".into()),
                tty: Some("/dev/pts/3".into()),
                ssh: Some("192.0.2.7 50000 192.0.2.1 22".into()),
                address: Some("192.0.2.7:4711".into()),
            },
            what: What {
                kinds: vec![Kind::Mrn, Kind::Name],
                tokens: vec!["mrn.7Q2k".into(), "name.\"x".into()],
                count: Some(2),
                tenant: Some("north".into()),
                key: Some("north/vault".into()),
                key_versions: vec![2, 3],
                object: Some("request 12".into()),
                approver: Some("bo".into()),
                digest: Some([0xab; 32]),
            },
            purpose: Some("billing\ndispute \u{1b}[31m\"4711\" \u{202e}".into()),
            outcome: Outcome::refused("no approval"),
        }
    }

    fn bare() -> Entry {
        Entry::new(Event::Login, Actor::default())
    }

    #[test]
    fn the_line_is_this() {
        let record = Record::seal(full(), 7, (1_767_323_045_678, Some(7000)), 2, [1; 32]);
        let line = record.to_line();
        let expected = format!(
            r#"{{"v":1,"seq":7,"time":"2026-01-02T03:04:05.678Z","clock_behind_ms":7000,"checkpoints":2,"event":"vault_reveal","who":{{"operator":"ana","user":"svc","uid":1000,"login_uid":1001,"host":"vault-1"}},"from":{{"tty":"/dev/pts/3","ssh":"192.0.2.7 50000 192.0.2.1 22","address":"192.0.2.7:4711"}},"what":{{"kinds":["mrn","name"],"tokens":["mrn.7Q2k","name.\"x"],"count":2,"tenant":"north","key":"north/vault","key_versions":[2,3],"object":"request 12","approver":"bo","digest":"{}"}},"why":"billing\ndispute \u001b[31m\"4711\" \u202e","result":"refused","reason":"no approval","prev":"{}","hash":"{}"}}"#,
            "ab".repeat(32),
            "01".repeat(32),
            hex(&record.hash)
        );
        assert_eq!(line, expected);
        // As the description of the format says it is computed.
        let body = format!("{}}}", line.split(",\"hash\":").next().unwrap());
        assert_eq!(record.hash, sha256(&[&[1; 32], body.as_bytes()]));
        assert_eq!(Record::parse(line.as_bytes()), Ok(record));
        let least = Record::seal(bare(), 1, (0, None), 0, [0; 32]).to_line();
        assert!(least.starts_with(r#"{"v":1,"seq":1,"time":"1970-01-01T00:00:00.000Z","checkpoints":0,"event":"login","who":{},"result":"ok","prev":"00"#));
        assert!(Record::parse(least.as_bytes()).is_ok());
    }

    #[test]
    fn there_is_one_spelling() {
        let line = Record::seal(full(), 7, (1_767_323_045_678, None), 2, [1; 32]).to_line();
        for (from, to) in [
            ("\"v\":1", "\"v\": 1"),
            ("\"seq\":7", "\"seq\":07"),
            ("\"seq\":7", "\"seq\":7.0"),
            ("\"count\":2", "\"count\":2.0"),
            ("\"count\":2", "\"count\":\"2\""),
            ("\"mrn\"", "\"mrN\""),
            ("ana", "\\u0061na"),
            ("\"who\":", "\"whom\":"),
            ("\"why\":", "\"more\":1,\"why\":"),
            ("\"why\":", "\"why\":\"x\",\"why\":"),
            ("\"result\":\"refused\"", "\"result\":\"ok\""),
            ("\"reason\":\"no approval\",", ""),
            ("abab", "ABab"),
            ("\\u001b", "\\u001B"),
            ("\\u202e", "\u{202e}"),
            ("mrn.7Q2k", "219-10-9999"),
            ("03:04:05", "25:04:05"),
            ("vault_reveal", "vault_peek"),
            ("\"prev\":\"01", "\"prev\":\"0g"),
            ("/dev/pts/3", ""),
        ] {
            let changed = line.replacen(from, to, 1);
            assert_ne!(changed, line, "{from}");
            assert!(Record::parse(changed.as_bytes()).is_err(), "{from} -> {to}");
        }
        let later = line.replacen("\"v\":1", "\"v\":2", 1);
        assert_eq!(Record::parse(later.as_bytes()), Err(VERSION));
        for end in 0..line.len() {
            assert!(Record::parse(&line.as_bytes()[..end]).is_err());
        }
        assert!(Record::parse(format!("{line}\n").as_bytes()).is_err());
    }

    proptest! {
        /// Whatever an operator writes, it is one line, and it reads back.
        #[test]
        fn any_purpose_reads_back(why in "\\PC{0,80}|.{0,80}", seq: u64, ms in 0i64..4_000_000_000_000, behind: Option<u64>, n: u64) {
            let record = Record::seal(bare().purpose(why), seq, (ms, behind), n, [3; 32]);
            let line = record.to_line();
            prop_assert!(!line.contains('\n'));
            prop_assert!(Frame::read(line.as_bytes()).unwrap().is_hash_of(line.as_bytes()));
            prop_assert_eq!(Record::parse(line.as_bytes()), Ok(record));
        }

        /// No bit of a line can change without its hash, or the reader, noticing.
        #[test]
        fn no_bit_changes_unnoticed(at: prop::sample::Index, bit in 0..8u8) {
            let line = Record::seal(full(), 7, (1_767_323_045_678, None), 2, [1; 32]).to_line();
            let mut changed = line.into_bytes();
            let at = at.index(changed.len());
            changed[at] ^= 1 << bit;
            let noticed = match Frame::read(&changed) {
                Err(_) => true,
                Ok(frame) => !frame.is_hash_of(&changed) || Record::parse(&changed).is_err(),
            };
            prop_assert!(noticed);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = Record::parse(&bytes);
            let _ = Frame::read(&[HEAD, &bytes].concat());
        }
    }
}
