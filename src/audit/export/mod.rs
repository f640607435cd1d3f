//! Entries in the forms that other systems read.

mod fhir;
mod ocsf;
mod syslog;
#[cfg(feature = "tls")]
mod tls;

use serde_json::Value;

pub use syslog::FramedSyslog;
#[cfg(feature = "tls")]
pub use tls::{SyslogTarget, TlsError, TlsSink};

use super::json::push_value;
use super::line::Record;

/// A form of export. Each gives one line an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// The lines of the log as they stand there.
    Jsonl,
    /// Events of the Open Cybersecurity Schema Framework, as JSON.
    Ocsf,
    /// Syslog messages (RFC 5424).
    Syslog,
    /// FHIR R4 AuditEvent resources, as JSON, of the entries that disclose something ([`Event::discloses`](super::Event::discloses)).
    Fhir,
}

impl ExportFormat {
    /// Every form, with its name.
    pub const NAMES: &'static [(&'static str, ExportFormat)] = &[
        ("jsonl", ExportFormat::Jsonl),
        ("ocsf", ExportFormat::Ocsf),
        ("syslog", ExportFormat::Syslog),
        ("fhir", ExportFormat::Fhir),
    ];

    /// The entry in this form, without a line end; nothing where the form has no place for it.
    pub fn render(self, record: &Record) -> Option<String> {
        match self {
            ExportFormat::Jsonl => Some(record.to_line()),
            ExportFormat::Ocsf => Some(line(&ocsf::event(record))),
            ExportFormat::Syslog => Some(syslog::message(record)),
            ExportFormat::Fhir => fhir::audit_event(record).map(|e| line(&e)),
        }
    }
}

fn line(value: &Value) -> String {
    let mut out = String::with_capacity(1024);
    push_value(&mut out, value);
    out
}

/// The address the actor came from, without a port: what a service knows, else the client's of `SSH_CONNECTION`.
fn address(record: &Record) -> Option<std::net::IpAddr> {
    let actor = &record.entry.actor;
    let ssh = || actor.ssh.as_deref().and_then(|s| s.split(' ').next());
    let given = actor.address.as_deref().or_else(ssh)?;
    let socket = given.parse::<std::net::SocketAddr>().map(|a| a.ip());
    socket.or_else(|_| given.parse()).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::line::tests::full;
    use super::*;
    use crate::audit::{Actor, Entry, Event};

    pub(in crate::audit) fn record(entry: Entry) -> Record {
        Record::seal(entry, 7, (1_767_323_045_678, None), 2, [1; 32])
    }

    /// No form may show a control character, and each is one line, whatever the entry.
    #[test]
    fn every_event_has_every_form() {
        for event in Event::ALL {
            for entry in [Entry { event: *event, ..full() }, Entry::new(*event, Actor::default())] {
                let record = record(entry);
                for (name, format) in ExportFormat::NAMES {
                    let out = format.render(&record);
                    assert_eq!(out.is_some(), *name != "fhir" || event.discloses(), "{name} {event:?}");
                    assert!(!out.unwrap_or_default().chars().any(char::is_control), "{name} {event:?}");
                }
            }
        }
    }

    #[test]
    fn addresses_are_found() {
        for (actor, found) in [
            (Actor::default(), None),
            (Actor::default().address("192.0.2.7:4711"), Some("192.0.2.7")),
            (Actor::default().address("[2001:db8::1]:4711"), Some("2001:db8::1")),
            (Actor::default().address("2001:db8::1"), Some("2001:db8::1")),
            (Actor { ssh: Some("192.0.2.9 5 192.0.2.1 22".into()), ..Actor::default() }, Some("192.0.2.9")),
            (Actor::default().address("somewhere"), None),
        ] {
            let got = address(&record(Entry::new(Event::Login, actor))).map(|a| a.to_string());
            assert_eq!(got.as_deref(), found);
        }
    }
}
