//! The line's own event time: what makes a log line a log line.
//!
//! In profile `logs` it stays: the leading timestamp of a line, or the first top-level member of a JSON record
//! called [`KEYS`] whose value is an instant to the second or finer, or an epoch. A date alone or a time alone is
//! never one, or an appointment would pass; nor is an ISO instant before 2000, or a time of birth would.

use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

use crate::span::Span;

/// Names of the member that holds a JSON record's own time. Never `date`.
pub(crate) const KEYS: &[&[u8]] = &[b"ts", b"timestamp", b"@timestamp", b"time", b"eventTime"];

const ISO: &str = r"20\d\d[-/.](?:0[1-9]|1[0-2])[-/.](?:0[1-9]|[12]\d|3[01])[T ][0-2]\d:[0-5]\d:[0-6]\d(?:[.,:]\d{1,9})?(?: ?(?:Z|UTC|GMT|[+-][01]\d:?[0-5]\d))?";
const COMPACT: &str = r"(?:20\d{6}T?[0-2]\d[0-5]\d[0-6]\d(?:[.,]\d{1,9})?Z?|\d{6} [0-2]\d[0-5]\d[0-6]\d|20\d{6}-[0-2]?\d:[0-5]?\d:[0-6]?\d(?::\d{1,3})?)";
const SLASHED: &str = r"\d\d/\d\d/\d\d(?:\d\d)? [0-2]\d:[0-5]\d:[0-6]\d(?:[.,]\d{1,9})?";
const MONTH: &str = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const EPOCH: &str = r"1\d{9}(?:\d{3}|\d{6}|\d{9}|\.\d{1,9})?";

/// What may stand before it: a syslog priority (RFC 5424), a bracket or a level.
static LEAD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    build(
        r"\s{0,8}(?:<\d{1,3}>(?:1 )?)?(?:\[?(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|[IWEF])\]?:? )?[\[(]?",
    )
});

/// A timestamp, and the byte after it.
static STAMP: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let day = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? ";
    let syslog = format!(
        r"(?:{day})?{MONTH} {{1,2}}\d{{1,2}} (?:[12]\d{{3}} )?[0-2]\d:[0-5]\d:[0-6]\d(?:\.\d{{1,9}})?(?: [12]\d{{3}})?"
    );
    let http = format!(
        r"(?:{day})?\d\d[- ]{MONTH}[- ][12]\d{{3}} [0-2]\d:[0-5]\d:[0-6]\d(?:[.,]\d{{1,9}})?(?: (?:GMT|UTC|[+-]\d{{4}}))?"
    );
    let android = r"\d\d-\d\d [0-2]\d:[0-5]\d:[0-6]\d\.\d{3}";
    build(&format!(r"(?:{ISO}|{COMPACT}|{SLASHED}|{syslog}|{http}|{android}|{EPOCH})(?:[^0-9A-Za-z]|\z)"))
});

/// That of the common log format, and the bracket after it.
static COMMON: LazyLock<Option<Regex>> =
    LazyLock::new(|| build(&format!(r"\d\d/{MONTH}/[12]\d{{3}}:[0-2]\d:[0-5]\d:[0-6]\d(?: [+-]\d{{4}})?\]")));

static INSTANT: LazyLock<Option<Regex>> =
    LazyLock::new(|| build(&format!(r"\A(?:{ISO}|{COMPACT}|{SLASHED}|{EPOCH})\z")));

fn build(pattern: &str) -> Option<Regex> {
    let syntax = regex_automata::util::syntax::Config::new().unicode(false).utf8(false);
    Regex::builder().syntax(syntax).configure(Regex::config().utf8_empty(false)).build(pattern).ok()
}

/// The timestamp a line begins with.
pub(crate) fn leading(line: &[u8]) -> Option<Span> {
    common_leading(line).or_else(|| find_leading(line))
}

/// One in the form that most logs use, where it is plain at once where it ends.
fn common_leading(line: &[u8]) -> Option<Span> {
    let (stamp, rest) = line.split_first_chunk::<19>().filter(|(stamp, _)| is_common_stamp(stamp))?;
    let fraction = match rest {
        [b'.' | b',', digits @ ..] => 1 + digits.iter().take_while(|b| b.is_ascii_digit()).count(),
        _ => 0,
    };
    let zone = usize::from(rest.get(fraction) == Some(&b'Z'));
    let end = stamp.len() + fraction + zone;
    let ends = match line[end..] {
        [] => true,
        // No zone behind a blank.
        [b' ', next, ..] => zone == 1 || !matches!(next, b'Z' | b'U' | b'G' | b'+' | b'-'),
        [next, ..] => !next.is_ascii_alphanumeric() && (zone == 1 || !matches!(next, b'+' | b'-' | b':')),
    };
    (ends && matches!(fraction, 0 | 2..=10)).then(|| Span::at(0, end))
}

fn find_leading(line: &[u8]) -> Option<Span> {
    let match_end = |regex: &LazyLock<Option<Regex>>, from: usize| {
        let input = Input::new(line).range(from..).anchored(Anchored::Yes);
        regex.as_ref()?.search_half(&input).map(|m| m.offset())
    };
    let start = match_end(&LEAD, 0)?;
    if let Some(end) = match_end(&STAMP, start) {
        // Every form ends in a letter or a digit: anything else is the byte after it.
        return Some(Span::at(start, end - usize::from(!line[end - 1].is_ascii_alphanumeric())));
    }
    let start = common_start(line)?;
    match_end(&COMMON, start).map(|end| Span::at(start, end - 1))
}

/// Where the timestamp of a line in the common log format begins: after host, ident, user and a bracket.
fn common_start(line: &[u8]) -> Option<usize> {
    let mut at = 0;
    for longest in [256, 64, 64] {
        let len = line[at..].iter().take(longest + 1).position(|b| *b == b' ').filter(|len| *len > 0)?;
        at += len + 1;
    }
    (line.get(at) == Some(&b'[')).then_some(at + 1)
}

/// Whether a value is an instant to the second or finer, or an epoch.
pub(crate) fn is_instant(value: &[u8]) -> bool {
    is_common_instant(value)
        || INSTANT.as_ref().is_some_and(|r| r.is_match(Input::new(value).anchored(Anchored::Yes)))
}

/// The form that most logs use, `2026-11-22T18:48:52.123Z`: part of what [`INSTANT`] says, and told at a glance.
fn is_common_instant(value: &[u8]) -> bool {
    let Some((stamp, rest)) = value.split_first_chunk::<19>() else { return false };
    let fraction = match rest {
        [b'.', digits @ .., b'Z'] | [b'.', digits @ ..] => {
            (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => matches!(rest, b"" | b"Z"),
    };
    fraction && is_common_stamp(stamp)
}

/// `2026-11-22T18:48:52` or the same with a blank.
fn is_common_stamp(stamp: &[u8; 19]) -> bool {
    let form = stamp.iter().zip(b"2000-00-00T00:00:00").all(|(b, form)| match form {
        b'0' => b.is_ascii_digit(),
        b'T' => matches!(b, b'T' | b' '),
        form => b == form,
    });
    let two = |i: usize| stamp[i].wrapping_sub(b'0') * 10 + stamp[i + 1].wrapping_sub(b'0');
    form && stamp[1] == b'0'
        && (1..=12).contains(&two(5))
        && (1..=31).contains(&two(8))
        && two(11) <= 29
        && two(14) <= 59
        && two(17) <= 69
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_timestamps() {
        let cases = [
            "«2026-11-22T18:48:52.123Z» INFO started",
            "[«2026-11-22 18:48:52,123»] started",
            "«Nov 22 18:48:52» host sshd[1]: x",
            "<34>1 «2026-11-22T18:48:52+00:00» host",
            "INFO «2026-11-22 18:48:52» x",
            "10.0.0.1 - - [«17/May/2015:10:05:03 +0000»] \"GET / HTTP/1.1\" 200",
            "[IP] - [NAME] [«17/May/2015:10:05:03 +0000»] \"GET / HTTP/1.1\" 200",
            "«081109 203615» 148 INFO dfs",
            "«03-17 16:13:38.811»  1702 D Window",
            "«17/06/09 20:10:40» INFO x",
            "«Sun Dec 04 04:47:44 2005» x",
            "«1700000000» start",
        ];
        for case in cases {
            let start = case.find('«').unwrap();
            let end = case.find('»').unwrap() - 2;
            let text = case.replace(['«', '»'], "");
            assert_eq!(leading(text.as_bytes()), Some(Span::at(start, end)), "{case}");
        }
        for (i, rest) in [
            "",
            "Z",
            ".5",
            ",123Z",
            ":5 x",
            " UTC x",
            " GMT",
            " +01:00",
            "+0100 x",
            "-07:00",
            "Z ",
            " x",
            "Zulu",
            "x",
            "9",
            ". x",
            ".1234567890",
            "_",
            " Z",
            "Z+1",
            "]",
            " -",
        ]
        .iter()
        .enumerate()
        {
            let line = format!("2026-11-22{}18:48:5{}{rest}", if i % 2 == 0 { "T" } else { " " }, i % 10);
            assert_eq!(leading(line.as_bytes()), find_leading(line.as_bytes()), "{line}");
        }
        for text in [
            "2026-11-22 visit",
            "10:30:00 visit",
            "visit on 2026-11-22 10:30:00",
            "11/22/2026 10:30 visit",
            "",
        ] {
            assert_eq!(leading(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn instants() {
        for v in ["2026-11-22T18:48:52Z", "2026-11-22 18:48:52.5+01:00", "1700000000", "1700000000123"] {
            assert!(is_instant(v.as_bytes()), "{v}");
        }
        for v in [
            "2026-11-22T18:48:52Z",
            "2026-11-22 18:48:52.123456789",
            "2026-13-22T18:48:52Z",
            "2026-00-22T18:48:52Z",
            "2026-11-32T18:48:52Z",
            "2026-11-00T18:48:52Z",
            "2126-11-22T18:48:52Z",
            "2026-11-22T30:48:52Z",
            "2026-11-22T29:59:69Z",
            "2026-11-22T18:60:52Z",
            "2026-11-22T18:48:70Z",
            "2026-11-22T18:48:52.Z",
            "2026-11-22T18:48:52.1234567890",
            "2026-11-22T18:48:52ZZ",
            "2026-11-22T18:48:5a",
        ] {
            let said = INSTANT.as_ref().is_some_and(|r| r.is_match(Input::new(v)));
            assert_eq!(is_common_instant(v.as_bytes()), said, "{v}");
        }
        for v in ["2026-11-22", "18:48:52", "2026-11-22T18:48", "219109999", "4155552671", ""] {
            assert!(!is_instant(v.as_bytes()), "{v}");
        }
    }
}
