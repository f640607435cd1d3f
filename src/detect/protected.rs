//! Machine identifiers that look like PHI: evidence against a finding that stands in one.

use crate::span::Span;

/// How far around a finding is looked, in bytes, either side.
pub(super) const REACH: usize = 80;

/// Which runs a byte goes on, one bit each.
mod run {
    /// `main.rs:10`, `a/b-c_d`
    pub(super) const TOKEN: u8 = 1;
    /// Hexadecimal digits.
    pub(super) const HEX: u8 = 2;
    /// The same, and dashes.
    pub(super) const UUID: u8 = 4;
    /// `2.0.1rc1`
    pub(super) const DOTTED: u8 = 8;
    /// `com.acme.Smith$Inner`
    pub(super) const CHAIN: u8 = 16;

    pub(super) static OF: [u8; 256] = {
        let mut of = [0; 256];
        let mut b = 0;
        while b < 256 {
            let c = b as u8;
            of[b] = match c {
                b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => TOKEN | HEX | UUID | DOTTED | CHAIN,
                b'g'..=b'z' | b'G'..=b'Z' | b'.' => TOKEN | DOTTED | CHAIN,
                b'-' => TOKEN | UUID,
                b'_' => TOKEN | CHAIN,
                b':' | b'/' => TOKEN,
                b'$' => CHAIN,
                _ => 0,
            };
            b += 1;
        }
        of
    };
}

/// The form of machine identifier that `span` stands in, if it does.
pub(super) fn form(text: &[u8], span: Span) -> Option<&'static str> {
    let within = |kind: u8| around(text, span, |b| run::OF[usize::from(b)] & kind != 0);
    let goes_on = |b: Option<u8>| b.is_some_and(|b| run::OF[usize::from(b)] & run::TOKEN != 0);
    if !goes_on(before(text, span.start(), 1)) && !goes_on(text.get(span.end()).copied()) {
        return None;
    }
    if has_uuid(&text[within(run::UUID).range()]) {
        return Some("uuid");
    }
    let run = within(run::HEX);
    let letters = text[run.range()].iter().filter(|b| b.is_ascii_alphabetic()).count();
    if run != span && run.len() >= 12 && letters > 0 {
        return Some("hex");
    }
    if let (Some(b'x' | b'X'), Some(b'0')) = (before(text, run.start(), 1), before(text, run.start(), 2)) {
        return Some("hex");
    }
    if is_version(&text[within(run::DOTTED).range()]) {
        return Some("version");
    }
    if is_file_line(&text[within(run::TOKEN).range()]) {
        return Some("file:line");
    }
    if is_qualified(text, span, within(run::CHAIN)) {
        return Some("qualified name");
    }
    let joins = |a: Option<u8>, b: Option<u8>| {
        matches!(a, Some(b'-' | b'_')) && b.is_some_and(|b| b.is_ascii_alphanumeric())
    };
    let left = joins(before(text, span.start(), 1), before(text, span.start(), 2));
    let right = joins(text.get(span.end()).copied(), text.get(span.end() + 1).copied());
    if left || right {
        return Some("identifier");
    }
    None
}

/// Whether `span` stands in the comment behind a product and its version (RFC 9110, 10.1.5: `crawler/1.0 (compatible; ...)`): there a
/// program tells whose it is.
pub(super) fn in_user_agent(text: &[u8], span: Span) -> bool {
    let low = span.start().saturating_sub(REACH);
    let near = &text[low..span.start()];
    let Some(open) = near.iter().rposition(|b| matches!(b, b'(' | b')')) else { return false };
    let Some(product) = near[..open].strip_suffix(b" ").filter(|_| near[open] == b'(') else { return false };
    let token = product.rsplit(|b| matches!(b, b' ' | b'"' | b'\'')).next().unwrap_or_default();
    let Some(slash) = token.iter().position(|b| *b == b'/') else { return false };
    token[..slash].iter().any(u8::is_ascii_alphabetic) && token.get(slash + 1).is_some_and(u8::is_ascii_digit)
}

/// Whether `span` stands in a parameter of a URL that names the campaign which led to it: its source, its medium, or
/// itself. The words there are a publisher's, alike for all its readers; `utm_content` and `utm_term` may differ from reader to reader.
pub(super) fn is_campaign(text: &[u8], span: Span) -> bool {
    let parameter = around(text, span, |b| b > b' ' && !matches!(b, b'&' | b'?' | b'"' | b';'));
    let names_one = [&b"utm_campaign="[..], b"utm_source=", b"utm_medium="];
    names_one.iter().any(|p| text[parameter.range()].starts_with(p))
        && matches!(before(text, parameter.start(), 1), Some(b'&' | b'?'))
}

fn before(text: &[u8], at: usize, back: usize) -> Option<u8> {
    at.checked_sub(back).map(|i| text[i])
}

/// The span grown to the run of `member` bytes it stands in.
fn around(text: &[u8], span: Span, member: impl Fn(u8) -> bool) -> Span {
    let low = span.start().saturating_sub(REACH);
    let high = (span.end() + REACH).min(text.len());
    let start = text[low..span.start()].iter().rposition(|b| !member(*b)).map_or(low, |i| low + i + 1);
    let end = text[span.end()..high].iter().position(|b| !member(*b)).map_or(high, |i| span.end() + i);
    Span::at(start, end)
}

/// RFC 9562: 8-4-4-4-12 hex digits, somewhere in the run.
fn has_uuid(run: &[u8]) -> bool {
    run.windows(36).any(|w| {
        w.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
    })
}

/// `v1.2.3`, `go1.22.4`, `2.0.1rc1`: three or more dotted parts, with a letter somewhere.
fn is_version(run: &[u8]) -> bool {
    let parts = run.split(|b| *b == b'.').count();
    let digits = run.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = run.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let joined = run.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.');
    joined && parts >= 3 && letters > 0 && digits >= 3 && digits > letters
}

/// `Foo.java:123`, `main.rs:10:5`.
fn is_file_line(token: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', token) else { return false };
    let (file, line) = (&token[..colon], &token[colon + 1..]);
    let extension = file.rsplit(|b| *b == b'.').next().unwrap_or_default();
    file.len() > extension.len()
        && (1..=5).contains(&extension.len())
        && extension.iter().all(u8::is_ascii_lowercase)
        && line.first().is_some_and(u8::is_ascii_digit)
        && line.iter().all(|b| b.is_ascii_digit() || *b == b':')
}

/// `com.acme.Smith` in `com.acme.Smith.run(`: a part of what a program calls, behind a package in lower case and before a method.
fn is_qualified(text: &[u8], span: Span, chain: Span) -> bool {
    let (package, method) = (&text[chain.start()..span.start()], &text[span.end()..chain.end()]);
    let begins =
        |part: &[u8]| part.first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$'));
    package.first().is_some_and(u8::is_ascii_lowercase)
        && package.strip_suffix(b".").is_some_and(|p| p.split(|b| *b == b'.').all(begins))
        && method.first().is_some_and(|b| matches!(b, b'.' | b'$'))
        && method[1..].split(|b| *b == b'.').all(begins)
        && text.get(chain.end()) == Some(&b'(')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agents() {
        let cases = [
            (r#""Kettlebot/1.2 (compatible; «ops@example.com»)""#, true),
            ("Mozilla/5.0 (compatible; Kettle/1.0; «ops@example.com»)", true),
            ("seen 3/5 (mail «pat@example.com»)", false),
            ("on 3/5/2021 by (Pat, «pat@example.com»)", false),
            ("Kettlebot/1.2 (x) «pat@example.com»", false),
            ("Kettlebot (mail «pat@example.com»)", false),
            ("(«pat@example.com»)", false),
            ("«pat@example.com»", false),
        ];
        for (case, want) in cases {
            let start = case.find('«').unwrap();
            let end = case.find('»').unwrap() - 2;
            let text = case.replace(['«', '»'], "");
            assert_eq!(in_user_agent(text.as_bytes(), Span::at(start, end)), want, "{case}");
        }
    }

    #[test]
    fn campaigns() {
        let cases = [
            ("GET /a?utm_source=x&utm_campaign=Feed+-+«John+Smith» HTTP/1.1", true),
            ("/a?utm_medium=«Smith»", true),
            ("/a?utm_medium=mail&name=«Smith»", false),
            ("/a?utm_content=«Smith»", false),
            ("/a?name=«Smith»&utm_medium=x", false),
            ("utm_campaign «Smith»", false),
        ];
        for (case, want) in cases {
            let start = case.find('«').unwrap();
            let span = Span::at(start, case.find('»').unwrap() - 2);
            let text = case.replace(['«', '»'], "");
            assert_eq!(is_campaign(text.as_bytes(), span), want, "{case}");
        }
    }

    #[test]
    fn forms() {
        let cases = [
            ("id=4f1c2e3a-123-«4567»", Some("identifier")),
            ("3f2504e0-4f89-41d3-9a0c-0305e82c«3301»", Some("uuid")),
            ("sha=9f86d081«884»c7d659a2feaa", Some("hex")),
            ("at 0x«123456789»", Some("hex")),
            ("go1.«22.4»", Some("version")),
            ("at Foo.java:«123456»", Some("file:line")),
            ("req-«123456789»", Some("identifier")),
            ("at com.acme.«Smith».run(Main.java)", Some("qualified name")),
            ("at com.acme.«Smith»$Inner.run(x)", Some("qualified name")),
            ("mary.ann.«smith»(at)example.org", None),
            ("mail.«Smith». run (x)", None),
            ("call 415.«555».2671(home)", None),
            ("ssn=«123456789»", None),
            ("call «415-555-2671».", None),
            ("«Feb. 3, 2026, 10:15 a.m». on", None),
            ("ip «10.1.2.3»:80", None),
            ("/patients/«12345678»/x", None),
        ];
        for (case, want) in cases {
            let start = case.find('«').unwrap();
            let end = case.find('»').unwrap() - 2;
            let text = case.replace(['«', '»'], "");
            assert_eq!(form(text.as_bytes(), Span::at(start, end)), want, "{case}");
        }
    }
}
