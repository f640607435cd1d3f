//! What profile `logs` lets stand, so that a log stays a log.

use std::net::IpAddr;

use crate::codec::{Leaf, Place};
use crate::detect::{self, Finding};
use crate::kind::Kind;
use crate::span::Span;

/// Whether this leaf is a JSON record's own event time: a top-level member of one of the names that say so, whose
/// value is an instant.
pub(super) fn is_event_time(leaf: &Leaf<'_>) -> bool {
    matches!(leaf.place, Place::String | Place::Number)
        && leaf.depth == 0
        && leaf.path.depth() == 1
        && leaf.path.keys_inward_out().next().is_some_and(|k| detect::EVENT_TIME_KEYS.contains(&k))
        && detect::is_instant(leaf.text.trim_ascii())
}

/// The timestamp that a plain line begins with.
pub(super) fn leading_time(leaf: &Leaf<'_>) -> Option<Span> {
    if may_lead(leaf) { detect::leading(leaf.text) } else { None }
}

/// Whether a leaf is the beginning of a plain line.
pub(super) fn may_lead(leaf: &Leaf<'_>) -> bool {
    leaf.place == Place::Text && leaf.depth == 0 && leaf.path.depth() == 0 && leaf.map.base() == 0
}

/// Whether the profile lets a finding stand as it is: the line's own time, or an address that means nothing
/// outside of the network it was seen in.
pub(super) fn stands(finding: &Finding, text: &[u8], event_time: Option<Span>) -> bool {
    finding.kind == Kind::Date && event_time.is_some_and(|t| t.contains(finding.span))
        || finding.kind == Kind::Ip && is_private_ip(&text[finding.span.range()])
}

/// RFC 1918, 3927, 4193, 4291 and loopback, and the unspecified address.
fn is_private_ip(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let address = text.split(['%', '/']).next().unwrap_or_default();
    match address.parse() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()
        }
        Ok(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
            None => {
                ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
            }
        },
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses() {
        for ip in [
            "10.1.2.3",
            "172.16.0.9",
            "192.168.1.1",
            "127.0.0.1",
            "::1",
            "fe80::1%eth0",
            "fd00::5",
            "::ffff:10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(is_private_ip(ip.as_bytes()), "{ip}");
        }
        for ip in ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "x", ""] {
            assert!(!is_private_ip(ip.as_bytes()), "{ip}");
        }
    }
}
