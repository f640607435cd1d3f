//! Addresses that mean nothing outside of the network they were seen in.

use std::net::{IpAddr, Ipv4Addr};

/// Whether a text is such an address: of RFC 1918, 3927, 4193 or 4291, loopback, or the unspecified one.
pub(crate) fn is_private_address(text: &[u8]) -> bool {
    // Most addresses can be told by how they begin.
    if !matches!(text, [b'0' | b':' | b'f' | b'F', ..] | [b'1', b'0' | b'2' | b'6' | b'7' | b'9', ..]) {
        return false;
    }
    let text = std::str::from_utf8(text).unwrap_or_default();
    let address = text.split(['%', '/']).next().unwrap_or_default();
    match address.parse() {
        Ok(IpAddr::V4(ip)) => is_private(ip),
        Ok(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
            None => {
                ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
            }
        },
        Err(_) => false,
    }
}

/// Whether a text is such an address of four numbers.
#[inline]
pub(super) fn is_private_v4(text: &[u8]) -> bool {
    matches!(text, [b'1' | b'0', .., _])
        && std::str::from_utf8(text).is_ok_and(|text| text.parse().is_ok_and(is_private))
}

fn is_private(ip: Ipv4Addr) -> bool {
    ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()
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
            assert!(is_private_address(ip.as_bytes()), "{ip}");
        }
        for ip in ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "x", ""] {
            assert!(!is_private_address(ip.as_bytes()), "{ip}");
        }
    }
}
