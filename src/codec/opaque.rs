//! Records whose bytes are no text: compressed, or in an encoding that patterns over ASCII cannot see into.

/// Why a record cannot be scanned, if it cannot. Such a record goes the way of `on_error`.
pub(crate) fn unscannable(payload: &[u8]) -> Option<&'static str> {
    const COMPRESSED: &[&[u8]] =
        &[b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh9", b"\x04\x22\x4d\x18", b"PK\x03\x04"];
    if COMPRESSED.iter().any(|magic| payload.starts_with(magic)) {
        return Some("the record is compressed");
    }
    let wide = payload.starts_with(b"\xff\xfe") || payload.starts_with(b"\xfe\xff") || is_wide(payload);
    wide.then_some("the record is UTF-16 or UTF-32")
}

/// Whether nearly every other byte is zero, as Latin text is in UTF-16 and UTF-32.
fn is_wide(payload: &[u8]) -> bool {
    let head = &payload[..payload.len().min(256)];
    if head.len() < 8 || !head.contains(&0) {
        return false;
    }
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    let text =
        |parity: usize| head.iter().skip(parity).step_by(2).filter(|b| (0x20..0x7f).contains(*b)).count();
    let half = head.len() / 2;
    (0..2).any(|parity| zeros(parity) * 10 >= half * 8 && text(1 - parity) * 10 >= half * 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_patterns_cannot_see_into() {
        let utf16 = |s: &str| s.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let cases: &[(&[u8], bool)] = &[
            (b"plain text", false),
            (b"a\0b\0 with two NULs in a longer line", false),
            (b"", false),
            (b"\x1f\x8b\x08rest", true),
            (b"\xff\xfeh\0i\0", true),
            (&utf16("SSN: 219-10-9999"), true),
            (&utf16("SSN: 219-10-9999")[1..], true),
            (&[0; 64], false),
        ];
        for (payload, want) in cases {
            assert_eq!(unscannable(payload).is_some(), *want, "{payload:?}");
        }
    }
}
