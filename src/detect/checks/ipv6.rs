//! IPv6 addresses (RFC 4291, zones of RFC 4007).

use std::net::Ipv6Addr;

pub(super) fn passes(text: &[u8]) -> bool {
    let address = text.split(|b| *b == b'%').next().unwrap_or(text);
    if is_code(address) || is_long_mac(address) {
        return false;
    }
    let parsed = std::str::from_utf8(address).ok().and_then(|a| a.parse::<Ipv6Addr>().ok());
    parsed.is_some_and(|parsed| !parsed.is_unspecified())
}

/// `add::bad` is a path in a program; an address has a digit, or more than two groups.
fn is_code(address: &[u8]) -> bool {
    !address.iter().any(u8::is_ascii_digit) && groups(address).filter(|g| !g.is_empty()).count() < 3
}

/// Eight groups of two: an EUI-64 or a Fibre Channel name.
fn is_long_mac(address: &[u8]) -> bool {
    groups(address).all(|group| group.len() == 2)
}

fn groups(address: &[u8]) -> impl Iterator<Item = &[u8]> {
    address.split(|b| *b == b':')
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn addresses() {
        for text in [
            "2001:db8:85a3:0:0:8a2e:370:7334",
            "2001:0db8:0000:0000:0000:8a2e:0370:7334",
            "2001:db8::8a2e:370:7334",
            "2001:DB8::",
            "::1",
            "fe80::1%eth0",
            "fe80::1ff:fe23:4567:890a%3",
            "::ffff:203.0.113.7",
            "64:ff9b::203.0.113.7",
            "dead:beef::cafe",
        ] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "::",
            "add::bad",
            "::dec",
            "12:34:56",
            "00:1a:2b:3c:4d:5e",
            "50:06:01:60:3b:20:11:22",
            "1:2:3:4:5:6:7:8:9",
            "2001:db8::1::2",
            "12345::1",
            "%eth0",
            "::ffff:203.0.113.256",
        ] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
