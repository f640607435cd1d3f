//! `[vault]` and `[audit]`.

use toml::Spanned;

use crate::audit::SIX_YEARS_DAYS;
use crate::authored::Table;

/// `[vault]`
pub(in crate::config) struct VaultSpec {
    pub(in crate::config) span: std::ops::Range<usize>,
    pub(in crate::config) path: Option<Spanned<String>>,
    pub(in crate::config) postgres: Option<Spanned<String>>,
    pub(in crate::config) ca_file: Option<Spanned<String>>,
    pub(in crate::config) retention_days: Option<u32>,
    pub(in crate::config) cache_bytes: Option<u64>,
}

/// `[audit]`
pub(in crate::config) struct AuditSpec {
    pub(in crate::config) dir: Option<Spanned<String>>,
    pub(in crate::config) key: Option<Spanned<String>>,
    pub(in crate::config) copy_to: Option<Spanned<String>>,
    pub(in crate::config) checkpoint_entries: Option<u64>,
    pub(in crate::config) checkpoint_seconds: Option<u64>,
    pub(in crate::config) rotate_bytes: Option<u64>,
    pub(in crate::config) rotate_days: Option<u32>,
    pub(in crate::config) retention_days: Option<u32>,
}

impl VaultSpec {
    pub(super) fn read(t: &Table<'_>) -> VaultSpec {
        let spec = VaultSpec {
            span: t.span(),
            path: t.string("path"),
            postgres: t.string("postgres"),
            ca_file: t.string("ca_file"),
            retention_days: t.integer("retention_days", 1..=36_500).map(|days| days as u32),
            cache_bytes: t.size("cache_bytes", 0..=64 << 30),
        };
        t.finish(&[]);
        spec
    }
}

impl AuditSpec {
    pub(super) fn read(t: &Table<'_>) -> AuditSpec {
        let dir = t.required_string(
            "dir",
            "write the directory of the audit log: dir = \"/var/lib/scrubjay/audit\"",
        );
        let days = |name, range| t.integer(name, range).map(|days| days as u32);
        let spec = AuditSpec {
            dir,
            key: t.string("key"),
            copy_to: t.string("copy_to"),
            checkpoint_entries: t.integer("checkpoint_entries", 1..=1_000_000).map(|n| n as u64),
            checkpoint_seconds: t.integer("checkpoint_seconds", 1..=86_400).map(|n| n as u64),
            rotate_bytes: t.size("rotate_bytes", 64 << 10..=1 << 40),
            rotate_days: days("rotate_days", 1..=366),
            // 45 CFR 164.316(b)(2)(i): six years at least.
            retention_days: days("retention_days", i64::from(SIX_YEARS_DAYS)..=36_500),
        };
        t.finish(&[]);
        spec
    }
}
