//! `[source.smtp]`, `[sink.smtp]` and `[mail]`.

use std::ops::Range;

use toml::Spanned;

use super::gateway::TlsSpec;
use crate::authored::Table;
use crate::gateway::{
    AttachmentAction, DkimAction, EncryptedAction, MailPolicy, SignedAction, SubjectAction,
};

/// `[source.smtp]`
pub(in crate::config) struct SmtpSourceSpec {
    pub(in crate::config) listen: Option<Spanned<String>>,
    pub(in crate::config) hostname: Option<Spanned<String>>,
    pub(in crate::config) tls: TlsSpec,
    pub(in crate::config) implicit_tls: bool,
    pub(in crate::config) max_message_bytes: Option<u64>,
    pub(in crate::config) memory_bytes: Option<u64>,
    pub(in crate::config) max_sessions: Option<u32>,
}

/// `[sink.smtp]`
pub(in crate::config) struct SmtpSinkSpec {
    pub(in crate::config) relay: Option<Spanned<String>>,
    pub(in crate::config) tls: RelayTlsWord,
    pub(in crate::config) ca_file: Option<Spanned<String>>,
    pub(in crate::config) user: Option<Spanned<String>>,
    pub(in crate::config) password: Option<Spanned<String>>,
    pub(in crate::config) idle_seconds: Option<u64>,
}

/// How the relay is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RelayTlsWord {
    /// In clear.
    #[default]
    None,
    /// STARTTLS, without which nothing is sent (RFC 3207).
    StartTls,
    /// TLS from the first byte on (RFC 8314).
    Implicit,
}

const TLS: &[(&str, RelayTlsWord)] = &[
    ("none", RelayTlsWord::None),
    ("starttls", RelayTlsWord::StartTls),
    ("implicit", RelayTlsWord::Implicit),
];

pub(super) fn source(t: &Table<'_>) -> SmtpSourceSpec {
    let spec = SmtpSourceSpec {
        listen: t.required_string("listen", "write an address: listen = \"127.0.0.1:10032\""),
        hostname: t.string("hostname"),
        tls: TlsSpec::read(t),
        implicit_tls: t.boolean("implicit_tls").unwrap_or(false),
        max_message_bytes: t.size("max_message_bytes", 64 << 10..=1 << 30),
        memory_bytes: t.size("memory_bytes", 1 << 20..=1 << 40),
        max_sessions: t.integer("max_sessions", 1..=100_000).map(|n| n as u32),
    };
    t.finish(&[]);
    spec
}

pub(super) fn sink(t: &Table<'_>) -> SmtpSinkSpec {
    let spec = SmtpSinkSpec {
        relay: t
            .required_string("relay", "write the server that mail goes on to: relay = \"127.0.0.1:10028\""),
        tls: t.one_of("tls", TLS, &[]).map(Spanned::into_inner).unwrap_or_default(),
        ca_file: t.string("ca_file"),
        user: t.string("user"),
        password: t.string("password"),
        idle_seconds: t.integer("idle_seconds", 0..=3600).map(|n| n as u64),
    };
    t.finish(&[]);
    spec
}

/// `[mail]`
pub(in crate::config) struct MailSpec {
    pub(in crate::config) span: Range<usize>,
    pub(in crate::config) policy: MailPolicy,
}

pub(super) fn mail(t: &Table<'_>) -> MailSpec {
    let usual = MailPolicy::default();
    fn word<T: Copy + Default>(t: &Table<'_>, key: &'static str, names: &'static [(&'static str, T)]) -> T {
        t.one_of(key, names, &[]).map(Spanned::into_inner).unwrap_or_default()
    }
    let policy = MailPolicy {
        subject: word(t, "subject", SubjectAction::NAMES),
        subject_template: safe_text(t, "subject_template").unwrap_or(usual.subject_template),
        attachments: word(t, "attachments", AttachmentAction::NAMES),
        encrypted: word(t, "encrypted", EncryptedAction::NAMES),
        signed: word(t, "signed", SignedAction::NAMES),
        dkim: word(t, "dkim", DkimAction::NAMES),
        dry_run: false,
    };
    let spec = MailSpec { span: t.span(), policy };
    t.finish(&[]);
    spec
}

/// A text that stands for what may not be shown: in every alphabet, on one line.
pub(super) fn safe_text(t: &Table<'_>, key: &'static str) -> Option<String> {
    let text = t.string(key)?;
    if text.get_ref().is_empty() || !text.get_ref().bytes().all(|b| matches!(b, b' '..=b'~')) {
        let help = Some(format!("one line of ASCII: {key} = \"You have a new message\""));
        t.wrong(key, text.span(), "printable ASCII", "is not", help);
        return None;
    }
    Some(text.into_inner())
}
