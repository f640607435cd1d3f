//! `[source.milter]`, `[source.http]`, `[sink.http]`, `[source.smpp]` and `[sink.smpp]`.

use toml::Spanned;

use super::provider;
use crate::authored::{Reader, Table};
use crate::gateway::providers::Request;

/// PEM files: certificates, and their key.
pub(in crate::config) struct TlsSpec {
    pub(in crate::config) certificate: Option<Spanned<String>>,
    pub(in crate::config) key: Option<Spanned<String>>,
}

impl TlsSpec {
    pub(super) fn read(t: &Table<'_>) -> TlsSpec {
        TlsSpec { certificate: t.string("certificate"), key: t.string("key") }
    }
}

/// `[source.milter]`
pub(in crate::config) struct MilterSpec {
    pub(in crate::config) listen: Option<Spanned<String>>,
    pub(in crate::config) mode: Option<Spanned<String>>,
    pub(in crate::config) max_message_bytes: Option<u64>,
    pub(in crate::config) memory_bytes: Option<u64>,
    pub(in crate::config) max_connections: Option<u32>,
}

/// `[source.http]`
pub(in crate::config) struct HttpSourceSpec {
    pub(in crate::config) listen: Option<Spanned<String>>,
    pub(in crate::config) provider: Option<Spanned<String>>,
    pub(in crate::config) tls: TlsSpec,
    pub(in crate::config) client_ca_file: Option<Spanned<String>>,
    pub(in crate::config) api_keys: Vec<Spanned<String>>,
    pub(in crate::config) api_key_header: Option<Spanned<String>>,
    pub(in crate::config) api: bool,
    pub(in crate::config) max_body_bytes: Option<u64>,
    pub(in crate::config) memory_bytes: Option<u64>,
    pub(in crate::config) max_connections: Option<u32>,
    pub(in crate::config) requests: Vec<Request>,
    /// There are some, be they wrong.
    pub(in crate::config) has_requests: bool,
}

/// `[sink.http]`
#[derive(Default)]
pub(in crate::config) struct HttpSinkSpec {
    pub(in crate::config) upstream: Option<Spanned<String>>,
    pub(in crate::config) ca_file: Option<Spanned<String>>,
    pub(in crate::config) tls: Option<TlsSpec>,
    pub(in crate::config) region: Option<Spanned<String>>,
    pub(in crate::config) timeout_seconds: Option<u32>,
}

/// `[source.smpp]`
pub(in crate::config) struct SmppSourceSpec {
    pub(in crate::config) listen: Option<Spanned<String>>,
    pub(in crate::config) tls: TlsSpec,
    pub(in crate::config) alphabet: Alphabet,
    pub(in crate::config) binary_allowed: bool,
    pub(in crate::config) segments_refused: bool,
    pub(in crate::config) segments_seconds: Option<u32>,
    pub(in crate::config) trusted_tlvs: Vec<Spanned<String>>,
    pub(in crate::config) memory_bytes: Option<u64>,
    pub(in crate::config) max_sessions: Option<u32>,
}

/// `[sink.smpp]`
pub(in crate::config) struct SmppSinkSpec {
    pub(in crate::config) smsc: Option<Spanned<String>>,
    pub(in crate::config) tls: bool,
    pub(in crate::config) ca_file: Option<Spanned<String>>,
}

/// What `data_coding` 0 means at an SMSC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Alphabet {
    /// GSM 7 bit, a septet to an octet.
    #[default]
    Gsm7,
    /// GSM 7 bit, packed.
    Gsm7Packed,
    /// ISO 8859-1.
    Latin1,
    /// ASCII.
    Ascii,
}

const ALPHABETS: &[(&str, Alphabet)] = &[
    ("gsm7", Alphabet::Gsm7),
    ("gsm7-packed", Alphabet::Gsm7Packed),
    ("latin1", Alphabet::Latin1),
    ("ascii", Alphabet::Ascii),
];

/// Memory that messages may take together.
const MEMORY: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 40;

pub(super) fn milter(t: &Table<'_>) -> MilterSpec {
    let spec = MilterSpec {
        listen: t.required_string(
            "listen",
            "write an address or a socket: listen = \"127.0.0.1:10034\", or \"unix:/run/scrubjay/milter.sock\"",
        ),
        mode: t.string("mode"),
        max_message_bytes: t.size("max_message_bytes", 64 << 10..=1 << 30),
        memory_bytes: t.size("memory_bytes", MEMORY),
        max_connections: count(t, "max_connections"),
    };
    t.finish(&[]);
    spec
}

pub(super) fn http_source(reader: &Reader, t: &Table<'_>) -> HttpSourceSpec {
    let spec = HttpSourceSpec {
        listen: t.required_string("listen", "write an address: listen = \"127.0.0.1:10080\""),
        provider: t.string("provider"),
        tls: TlsSpec::read(t),
        client_ca_file: t.string("client_ca_file"),
        api_keys: t.strings("api_keys").unwrap_or_default(),
        api_key_header: t.string("api_key_header"),
        api: t.boolean("api").unwrap_or(false),
        max_body_bytes: t.size("max_body_bytes", 1 << 10..=1 << 30),
        memory_bytes: t.size("memory_bytes", MEMORY),
        max_connections: count(t, "max_connections"),
        has_requests: t.has("request"),
        requests: provider::requests(reader, t),
    };
    t.finish(&[]);
    spec
}

pub(super) fn http_sink(t: &Table<'_>) -> HttpSinkSpec {
    let spec = HttpSinkSpec {
        upstream: t.string("upstream"),
        ca_file: t.string("ca_file"),
        tls: Some(TlsSpec::read(t)),
        region: t.string("region"),
        timeout_seconds: t.integer("timeout_seconds", 1..=3600).map(|n| n as u32),
    };
    t.finish(&[]);
    spec
}

pub(super) fn smpp_source(t: &Table<'_>) -> SmppSourceSpec {
    const REFUSED: &[(&str, bool)] = &[("refuse", true), ("reassemble", false)];
    const ALLOWED: &[(&str, bool)] = &[("refuse", false), ("allow", true)];
    let spec = SmppSourceSpec {
        listen: t.required_string("listen", "write an address: listen = \"127.0.0.1:2775\""),
        tls: TlsSpec::read(t),
        alphabet: t.one_of("alphabet", ALPHABETS, &[]).map(Spanned::into_inner).unwrap_or_default(),
        binary_allowed: t.one_of("binary", ALLOWED, &[]).is_some_and(Spanned::into_inner),
        segments_refused: t.one_of("segments", REFUSED, &[]).is_some_and(Spanned::into_inner),
        segments_seconds: t.integer("segments_seconds", 1..=600).map(|n| n as u32),
        trusted_tlvs: t.strings("trusted_tlvs").unwrap_or_default(),
        memory_bytes: t.size("memory_bytes", 1 << 20..=4 << 30),
        max_sessions: count(t, "max_sessions"),
    };
    t.finish(&[]);
    spec
}

pub(super) fn smpp_sink(t: &Table<'_>) -> SmppSinkSpec {
    let spec = SmppSinkSpec {
        smsc: t.required_string("smsc", "write where the SMSC is: smsc = \"smsc.example.org:2775\""),
        tls: t.boolean("tls").unwrap_or(false),
        ca_file: t.string("ca_file"),
    };
    t.finish(&[]);
    spec
}

fn count(t: &Table<'_>, key: &'static str) -> Option<u32> {
    t.integer(key, 1..=100_000).map(|n| n as u32)
}
