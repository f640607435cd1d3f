//! Sizes with units.

/// Bytes in a size such as `16 MiB`, `64KB` or `4096`.
pub(crate) fn parse(text: &str) -> Result<u64, &'static str> {
    const HOW: &str = "a size is a whole number and a unit: B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024)";
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "kib" => 1 << 10,
        "mb" => 1_000_000,
        "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return Err(HOW),
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or(HOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, want) in [
            ("16 MiB", Some(16 << 20)),
            ("16MiB", Some(16 << 20)),
            (" 64 kb ", Some(64_000)),
            ("1 GiB", Some(1 << 30)),
            ("4096", Some(4096)),
            ("7 B", Some(7)),
            ("2 GB", Some(2_000_000_000)),
            ("", None),
            ("MiB", None),
            ("1.5 MiB", None),
            ("-1", None),
            ("16 M", None),
            ("99999999999999999999", None),
            ("99999999999 GiB", None),
        ] {
            assert_eq!(parse(text).ok(), want, "{text:?}");
        }
    }
}
