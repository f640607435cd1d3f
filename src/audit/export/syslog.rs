//! Syslog messages (RFC 5424).

use std::fmt::Write;

use super::super::event::Event;
use super::super::line::Record;
use crate::keys::encoding::hex;

/// Facility 13, "log audit" (RFC 5424, table 1).
const FACILITY: u32 = 13;
/// The id of the structured data. 32473 is the enterprise number that RFC 5612 sets aside for examples: this project
/// has none of its own.
const SD_ID: &str = "scrubjay@32473";

/// The message: what one looks for as structured data, and the line of the log, so that the receiver has what was
/// signed.
pub(super) fn message(record: &Record) -> String {
    let (entry, actor) = (&record.entry, &record.entry.actor);
    let priority = FACILITY * 8 + severity(record);
    let host = actor.host.as_deref().map_or("-".to_owned(), |h| printable(h, 255));
    let mut out =
        format!("<{priority}>1 {} {host} scrubjay - {} [{SD_ID}", record.time(), entry.event.name());
    param(&mut out, "seq", &record.seq.to_string());
    param(&mut out, "result", entry.outcome.name());
    if let Some(operator) = &actor.operator {
        param(&mut out, "operator", operator);
    }
    if let Some(uid) = actor.uid {
        param(&mut out, "uid", &uid.to_string());
    }
    // A name may be given several times (RFC 5424, 6.3.3).
    entry.what.tokens.iter().for_each(|token| param(&mut out, "token", token));
    param(&mut out, "hash", &hex(&record.hash));
    out.push_str("] ");
    out.push_str(&record.to_line());
    out
}

/// Alert 1, error 3, warning 4, notice 5.
fn severity(record: &Record) -> u32 {
    match (record.entry.event, record.entry.outcome.name()) {
        (Event::BreakGlass, _) => 1,
        (_, "failed") => 3,
        (_, "refused") => 4,
        _ => 5,
    }
}

/// RFC 5424, 6.3.3: quotes, backslashes and closing brackets are escaped.
fn param(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, " {name}=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(if c.is_control() { '?' } else { c });
    }
    out.push('"');
}

/// PRINTUSASCII of at most `len` characters.
fn printable(text: &str, len: usize) -> String {
    text.chars().take(len).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// Frames messages for a stream by counting their octets (RFC 6587, 3.4.1; RFC 5425, 4.3).
#[derive(Clone, Copy, Debug)]
pub struct FramedSyslog<'a>(pub &'a str);

impl FramedSyslog<'_> {
    /// The length in octets, a space, and the message.
    pub fn to_bytes(self) -> Vec<u8> {
        format!("{} {}", self.0.len(), self.0).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::line::tests::full;
    use super::super::tests::record;
    use super::*;
    use crate::audit::{Actor, Entry, Outcome, What};

    #[test]
    fn the_message_is_this() {
        let record = record(full());
        let start = "<108>1 2026-01-02T03:04:05.678Z vault-1 scrubjay - vault_reveal [scrubjay@32473 seq=\"7\" result=\"refused\" \
                     operator=\"ana\" uid=\"1000\" token=\"mrn.7Q2k\" token=\"name.\\\"x\" hash=\"";
        let message = message(&record);
        assert!(message.starts_with(start), "{message}");
        assert_eq!(message.split_once("\"] ").unwrap().1, record.to_line());
        assert_eq!(FramedSyslog("é").to_bytes(), "2 é".as_bytes());
    }

    #[test]
    fn brackets_are_escaped_and_severity_told() {
        let what = What { tokens: vec!["[MRN:v1:7Q]\\".into()], ..What::default() };
        let glass = Entry::new(Event::BreakGlass, Actor::default()).what(what);
        let message = message(&record(glass));
        assert!(
            message.starts_with("<105>1 2026-01-02T03:04:05.678Z - scrubjay - break_glass ["),
            "{message}"
        );
        assert!(message.contains(r#" token="[MRN:v1:7Q\]\\" "#), "{message}");
        let failed = Entry::new(Event::VaultBackup, Actor::default()).outcome(Outcome::failed("x"));
        assert_eq!(severity(&record(failed)), 3);
        assert_eq!(severity(&record(Entry::new(Event::VaultBackup, Actor::default()))), 5);
    }
}
