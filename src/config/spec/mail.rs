//! `[source.smtp]`, `[sink.smtp]` and `[mail]`.

use std::ops::Range;

use toml::Spanned;

use crate::authored::Table;
use crate::gateway::{
    AttachmentAction, DkimAction, EncryptedAction, MailPolicy, SignedAction, SubjectAction,
};

/// `[source.smtp]`
pub(in crate::config) struct SmtpSourceSpec {
    pub(in crate::config) listen: Option<Spanned<String>>,
    pub(in crate::config) hostname: Option<String>,
    /// PEM files: the certificates, and their key.
    pub(in crate::config) certificate: Option<Spanned<String>>,
    pub(in crate::config) key: Option<Spanned<String>>,
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
        hostname: t.string("hostname").map(Spanned::into_inner),
        certificate: t.string("certificate"),
        key: t.string("key"),
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
        subject_template: t.string("subject_template").map_or(usual.subject_template, Spanned::into_inner),
        attachments: word(t, "attachments", AttachmentAction::NAMES),
        encrypted: word(t, "encrypted", EncryptedAction::NAMES),
        signed: word(t, "signed", SignedAction::NAMES),
        dkim: word(t, "dkim", DkimAction::NAMES),
        dry_run: t.boolean("dry_run").unwrap_or(false),
    };
    if !policy.subject_template.bytes().all(|b| matches!(b, b' '..=b'~')) {
        let help = Some("one line of ASCII: subject_template = \"You have a new message\"".to_owned());
        t.wrong("subject_template", t.value_span("subject_template"), "printable ASCII", "is not", help);
    }
    let spec = MailSpec { span: t.span(), policy };
    t.finish(&[]);
    spec
}
