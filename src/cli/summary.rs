//! What a filter has done, in one line or two.

use std::time::Duration;

use crate::scrubber::Tally;

/// For standard error: records, bytes, speed, and findings by kind.
pub(super) fn text(tally: &Tally, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    let mut text = format!("{}, {}", counted(tally.records, "record"), bytes(tally.bytes_in));
    if seconds > 0.0 && tally.bytes_in > 0 {
        let speed = tally.bytes_in as f64 / seconds / 1e6;
        text += &format!(" in {seconds:.2} s ({speed:.1} MB/s)");
    }
    format!("{text}; {}", counts(tally))
}

/// Findings by kind, and what else became of records.
pub(super) fn counts(tally: &Tally) -> String {
    let found: u64 = tally.findings.iter().sum();
    let mut text = match found {
        0 => "nothing found".to_owned(),
        _ => {
            let kinds: Vec<String> =
                tally.by_kind().iter().map(|(kind, n)| format!("{kind} {}", grouped(*n))).collect();
            let records = counted(tally.edited + tally.dropped, "record");
            format!("{} in {records}: {}", counted(found, "finding"), kinds.join(", "))
        }
    };
    for (n, what) in
        [(tally.dropped, "dropped"), (tally.sealed, "put into quarantine"), (tally.unreadable, "unreadable")]
    {
        if n > 0 {
            text += &format!("; {} {what}", counted(n, "record"));
        }
    }
    text
}

/// `1 record`, `1,234 records`.
pub(super) fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Digits in groups of three.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes in powers of 1000.
pub(super) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn numbers() {
        for (n, want) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), want);
        }
        for (n, want) in [(7, "7 B"), (1500, "1.5 kB"), (2_500_000, "2.5 MB"), (3_210_000_000, "3.21 GB")] {
            assert_eq!(bytes(n), want);
        }
    }

    #[test]
    fn sums() {
        let second = Duration::from_secs(1);
        let mut tally = Tally { records: 2000, bytes_in: 5_000_000, ..Tally::default() };
        assert_eq!(text(&tally, second), "2,000 records, 5.0 MB in 1.00 s (5.0 MB/s); nothing found");
        tally.edited = 3;
        tally.dropped = 1;
        tally.findings[Kind::Ssn as usize] = 4;
        tally.findings[Kind::Name as usize] = 1200;
        let want = "; 1,204 findings in 4 records: name 1,200, ssn 4; 1 record dropped";
        assert!(text(&tally, second).ends_with(want), "{}", text(&tally, second));
        assert_eq!(text(&Tally::default(), Duration::ZERO), "0 records, 0 B; nothing found");
    }
}
