//! IPv4 addresses in dotted decimal: four octets, no more.

pub(super) fn passes(text: &[u8]) -> bool {
    let mut octets = [0; 4];
    let mut groups = text.split(|b| *b == b'.');
    for slot in &mut octets {
        let Some(octet) = groups.next().and_then(octet) else { return false };
        *slot = octet;
    }
    // 103.0.0.0 is a browser's version far oftener than an address: it names no host.
    groups.next().is_none() && octets[1..] != [0, 0, 0]
}

/// A group of one to three digits, 0 to 255. Leading zeros pass: padded addresses are addresses.
fn octet(group: &[u8]) -> Option<u8> {
    if group.is_empty() || group.len() > 3 || !group.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = group.iter().fold(0, |n: u16, b| n * 10 + u16::from(b - b'0'));
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::{octet, passes};

    #[test]
    fn octets() {
        for n in 0..1000_u16 {
            assert_eq!(octet(n.to_string().as_bytes()), u8::try_from(n).ok());
        }
        assert_eq!(octet(b"007"), Some(7));
        assert!(octet(b"").is_none() && octet(b"0001").is_none() && octet(b"+1").is_none());
    }

    #[test]
    fn addresses() {
        for text in ["203.0.113.7", "10.0.0.1", "192.168.001.010", "255.255.255.255", "127.0.0.1"] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.3.6.1.4.1",
            "256.1.1.1",
            "1..2.3",
            "103.0.0.0",
            "0.0.0.0",
            "1.2.3.4 ",
        ] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
