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

static LEADING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let day = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? ";
    let syslog = format!(
        r"(?:{day})?{MONTH} {{1,2}}\d{{1,2}} (?:[12]\d{{3}} )?[0-2]\d:[0-5]\d:[0-6]\d(?:\.\d{{1,9}})?(?: [12]\d{{3}})?"
    );
    let http = format!(
        r"(?:{day})?\d\d[- ]{MONTH}[- ][12]\d{{3}} [0-2]\d:[0-5]\d:[0-6]\d(?:[.,]\d{{1,9}})?(?: (?:GMT|UTC|[+-]\d{{4}}))?"
    );
    let android = r"\d\d-\d\d [0-2]\d:[0-5]\d:[0-6]\d\.\d{3}";
    let clf = format!(r"\d\d/{MONTH}/[12]\d{{3}}:[0-2]\d:[0-5]\d:[0-6]\d(?: [+-]\d{{4}})?");
    // Before it: a syslog priority (RFC 5424), a bracket or a level; for the common log format host, ident and user.
    let lead = r"(?:\s{0,8}(?:<\d{1,3}>(?:1 )?)?(?:\[?(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|[IWEF])\]?:? )?[\[(]?)";
    build(&format!(
        r"(?:{lead}(?P<a>{ISO}|{COMPACT}|{SLASHED}|{syslog}|{http}|{android}|{EPOCH})(?:[^0-9A-Za-z]|\z)|[^ ]{{1,256}} [^ ]{{1,64}} [^ ]{{1,64}} \[(?P<b>{clf})\])"
    ))
});

static INSTANT: LazyLock<Option<Regex>> =
    LazyLock::new(|| build(&format!(r"\A(?:{ISO}|{COMPACT}|{SLASHED}|{EPOCH})\z")));

fn build(pattern: &str) -> Option<Regex> {
    let syntax = regex_automata::util::syntax::Config::new().unicode(false).utf8(false);
    Regex::builder().syntax(syntax).configure(Regex::config().utf8_empty(false)).build(pattern).ok()
}

/// The timestamp a line begins with.
pub(crate) fn leading(line: &[u8]) -> Option<Span> {
    let regex = LEADING.as_ref()?;
    let input = Input::new(line).range(..line.len().min(512)).anchored(Anchored::Yes);
    regex.search_half(&input)?;
    let mut captures = regex.create_captures();
    regex.search_captures(&input, &mut captures);
    let span = captures.get_group_by_name("a").or_else(|| captures.get_group_by_name("b"))?;
    Some(Span::at(span.start, span.end))
}

/// Whether a value is an instant to the second or finer, or an epoch.
pub(crate) fn is_instant(value: &[u8]) -> bool {
    INSTANT.as_ref().is_some_and(|r| r.is_match(value))
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
        for v in ["2026-11-22", "18:48:52", "2026-11-22T18:48", "219109999", "4155552671", ""] {
            assert!(!is_instant(v.as_bytes()), "{v}");
        }
    }
}
