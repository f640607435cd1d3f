//! Plain text whose lines are not the reader's: format=flowed mail, and the folded lines of calendars and cards.

use memchr::memchr;

use super::view::View;
use crate::span::Span;

/// A text in format=flowed (RFC 3676): a line that ends in a space goes on in the next of the same quote depth.
///
/// What a joined line begins with (quote marks, the space that stuffs it) is left out, as is the space before the break
/// if `delsp` says that it was put there for the break alone. Quote marks of a first line stay, and all line ends that
/// are shown.
pub(super) fn flowed(text: &[u8], delsp: bool) -> View {
    let mut view = View::default();
    // Up to where the text is in the view, or left out.
    let (mut taken, mut at) = (0, 0);
    let mut before: Option<Line> = None;
    while at < text.len() {
        let line = Line::at(text, at);
        match before.filter(|b| b.goes_on(text) && b.depth == line.depth && !line.is_signature(text)) {
            Some(before) => {
                view.push_verbatim(&text[taken..before.text.end() - usize::from(delsp)], taken);
                taken = line.text.start();
            }
            None if line.depth == 0 => {
                view.push_verbatim(&text[taken..at], taken);
                taken = line.text.start();
            }
            None => {}
        }
        at = line.end;
        before = Some(line);
    }
    view.push_verbatim(&text[taken..], taken);
    view
}

/// A line of flowed text.
struct Line {
    /// How many quote marks it begins with.
    depth: usize,
    /// What is behind the quote marks and the space that stuffs it, without the line end.
    text: Span,
    /// Where the next begins.
    end: usize,
}

impl Line {
    fn at(text: &[u8], at: usize) -> Line {
        let (end, next) = match memchr(b'\n', &text[at..]) {
            Some(n) => (at + n, at + n + 1),
            None => (text.len(), text.len()),
        };
        let line = &text[at..end];
        let len = line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len);
        let depth = line[..len].iter().take_while(|b| **b == b'>').count();
        let stuffed = usize::from(line[..len].get(depth) == Some(&b' '));
        Line { depth, text: Span::at(at + depth + stuffed, at + len), end: next }
    }

    /// Whether the line ends in a soft break; the last one has no break.
    fn goes_on(&self, text: &[u8]) -> bool {
        text[self.text.range()].ends_with(b" ") && self.end > self.text.end() && !self.is_signature(text)
    }

    /// The `-- ` above a signature ends in a space, but nothing is joined to it on either side.
    fn is_signature(&self, text: &[u8]) -> bool {
        &text[self.text.range()] == b"-- "
    }
}

/// A calendar (RFC 5545) or card (RFC 6350): folds are taken out, and the escapes of values decoded.
///
/// A fold may stand anywhere, within an escape or a character, too.
pub(super) fn unfolded(text: &[u8]) -> View {
    let mut view = View::default();
    let (mut taken, mut at) = (0, 0);
    while at < text.len() {
        let Some(n) = memchr::memchr2(b'\n', b'\\', &text[at..]) else { break };
        let found = at + n;
        if text[found] == b'\n' {
            let fold = if found > taken && text[found - 1] == b'\r' { found - 1 } else { found };
            let past = past_folds(text, fold);
            at = found + 1;
            if past > fold {
                view.push_verbatim(&text[taken..fold], taken);
                (taken, at) = (past, past);
            }
            continue;
        }
        let second = past_folds(text, found + 1);
        at = found + 1;
        let decoded = match text.get(second) {
            Some(b'n' | b'N') => b"\n",
            Some(b',') => b",",
            Some(b';') => b";",
            Some(b'\\') => b"\\",
            _ => continue,
        };
        view.push_verbatim(&text[taken..found], taken);
        view.push_decoded(decoded, Span::at(found, second + 1));
        (taken, at) = (second + 1, second + 1);
    }
    view.push_verbatim(&text[taken..], taken);
    view
}

/// Behind the folds that stand there, one after another.
fn past_folds(text: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        at += match &text[at..] {
            [b'\r', b'\n', b' ' | b'\t', ..] => 3,
            [b'\n', b' ' | b'\t', ..] => 2,
            _ => return at,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn flowed_lines_are_joined() {
        for (text, keep, delsp) in [
            ("", "", ""),
            ("a \r\nb\r\nc", "a b\r\nc", "ab\r\nc"),
            ("219-10- \n9999 \n", "219-10- 9999 \n", "219-10-9999 \n"),
            // RFC 3676, 4.1: fixed lines, then a paragraph.
            (
                "`Take some more tea,' the March Hare said to Alice, very \r\nearnestly.\r\n\r\n`I've had nothing yet,' Alice \
                 replied in an offended \r\ntone, `so I can't take more.'\r\n",
                "`Take some more tea,' the March Hare said to Alice, very earnestly.\r\n\r\n`I've had nothing yet,' Alice \
                 replied in an offended tone, `so I can't take more.'\r\n",
                "`Take some more tea,' the March Hare said to Alice, veryearnestly.\r\n\r\n`I've had nothing yet,' Alice \
                 replied in an offendedtone, `so I can't take more.'\r\n",
            ),
            // 4.5: quote depth; 5.: the same with a line that was to be joined.
            (
                ">> I know that. \r\n>> Well?\r\n> So \r\n>> no \r\nyes \r\n> 1",
                ">> I know that. Well?\r\n> So \r\n>> no \r\nyes \r\n> 1",
                ">> I know that.Well?\r\n> So \r\n>> no \r\nyes \r\n> 1",
            ),
            (">a \r\n>b", ">a b", ">ab"),
            ("> > a \r\n> > b", "> > a > b", "> > a> b"),
            // 4.4: space-stuffing.
            (" From x\r\n  y \r\n >z\r\n", "From x\r\n y >z\r\n", "From x\r\n y>z\r\n"),
            // 4.3: signatures.
            ("bye \r\n-- \r\nAnn \r\nLee", "bye \r\n-- \r\nAnn Lee", "bye \r\n-- \r\nAnnLee"),
            ("> bye \n> -- \n> Ann", "> bye \n> -- \n> Ann", "> bye \n> -- \n> Ann"),
            // No text, one space, a lone CR, no line end.
            (" \r\n\r\n \n", "\r\n\r\n\n", "\r\n\r\n\n"),
            ("  \r\na", " a", "a"),
            ("a \rb \n\nc ", "a \rb \nc ", "a \rb\nc "),
            (">", ">", ">"),
        ] {
            for (want, delsp) in [(keep, false), (delsp, true)] {
                let got = flowed(text.as_bytes(), delsp);
                assert_eq!(String::from_utf8_lossy(&got.text), want, "{text:?} {delsp}");
            }
        }
    }

    #[test]
    fn folds_and_escapes_are_undone() {
        for (text, want) in [
            ("", ""),
            // RFC 5545, 3.1.
            (
                "DESCRIPTION:This is a lo\r\n ng description\r\n  that exists on a long line.\r\n",
                "DESCRIPTION:This is a long description that exists on a long line.\r\n",
            ),
            // RFC 5545, 3.3.11.
            (
                "Project XYZ Final Review\\nConference Room - 3B\\nCome Prepared.",
                "Project XYZ Final Review\nConference Room - 3B\nCome Prepared.",
            ),
            // RFC 6350, 3.2 and 4.
            ("NOTE:This is a long descrip\n\ttion\n", "NOTE:This is a long description\n"),
            (
                "NOTE:Mythical Manager\\nHyjinx Software Division\\nBabsCo\\, Inc.\\N",
                "NOTE:Mythical Manager\nHyjinx Software Division\nBabsCo, Inc.\n",
            ),
            ("X:a\\;b\\\\nc", "X:a;b\\nc"),
            ("X:219-\r\n \r\n 10\n\t-9999\r\n \n", "X:219-10-9999\n"),
            ("a\\\r\n nb\\\n \\", "a\nb\\"),
            ("caf\u{e9}", "caf\u{e9}"),
            (" a\r\nb\r\n", " a\r\nb\r\n"),
            ("\\x \\", "\\x \\"),
            ("\\\n \nn", "\\\nn"),
        ] {
            assert_eq!(String::from_utf8_lossy(&unfolded(text.as_bytes()).text), want, "{text:?}");
        }
        assert_eq!(unfolded(b"caf\xc3\r\n \xa9").text, "caf\u{e9}".as_bytes());
    }

    #[test]
    fn what_was_folded_goes_whole() {
        let text = b"SSN:219-\r\n 10\\,9999 x";
        let view = unfolded(text);
        let pieces: Vec<_> =
            view.pieces(Span::at(4, 15)).map(|p| text[p.range()].escape_ascii().to_string()).collect();
        assert_eq!(view.text[4..15], *b"219-10,9999");
        assert_eq!(pieces, ["219-", "10", "\\\\,", "9999"]);
    }

    /// A view leads back to bytes in order, the same where it says so; what is left out is but what may be.
    fn check(text: &[u8], view: &View, may_go: &[u8]) -> Result<(), TestCaseError> {
        let (mut at, mut raw) = (0, 0);
        let left_out = |from: usize, to: usize| {
            let gone = &text[from..to];
            prop_assert!(gone.iter().all(|b| may_go.contains(b)), "{:?}", gone);
            Ok(())
        };
        for s in &view.segments {
            let text_span = Span::at(s.text as usize, (s.text + s.text_len) as usize);
            let raw_span = Span::at(s.raw as usize, (s.raw + s.raw_len) as usize);
            prop_assert_eq!(text_span.start(), at);
            prop_assert!(raw_span.start() >= raw);
            left_out(raw, raw_span.start())?;
            if s.verbatim {
                prop_assert_eq!(&view.text[text_span.range()], &text[raw_span.range()]);
            }
            (at, raw) = (text_span.end(), raw_span.end());
        }
        prop_assert_eq!(at, view.text.len());
        left_out(raw, text.len())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn views_lead_back(text in "([a>,;nN -]|\r\n|\n|\r|\t|\\\\|> |-- | \r\n){0,40}", delsp in any::<bool>()) {
            let text = text.as_bytes();
            check(text, &flowed(text, delsp), b" >\r\n")?;
            check(text, &unfolded(text), b" \t\r\n")?;
        }

        #[test]
        fn any_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..100)) {
            check(&text, &flowed(&text, true), b" >\r\n")?;
            check(&text, &unfolded(&text), b" \t\r\n")?;
        }

        /// RFC 3676, 4.2, the other way round: text that is wrapped and stuffed reads as it was.
        #[test]
        fn what_was_wrapped_is_read_as_it_was(
            paragraphs in prop::collection::vec(prop::collection::vec("[a-z0-9][a-z0-9-]{0,4}", 1..12), 1..4),
            depth in 0..3usize, delsp in any::<bool>(),
        ) {
            let marks = match depth { 0 => String::new(), n => format!("{} ", ">".repeat(n)) };
            let soft = if delsp { "  \r\n" } else { " \r\n" };
            let wrap = |between: &str| -> String {
                paragraphs.iter().map(|p| format!("{marks}{}\r\n", p.join(between))).collect()
            };
            let view = flowed(wrap(&format!("{soft}{marks}")).as_bytes(), delsp);
            prop_assert_eq!(String::from_utf8_lossy(&view.text), wrap(" "));
        }

        #[test]
        fn what_was_folded_is_read_as_it_was(lines in prop::collection::vec("[a-zé,;\\\\\n -]{0,30}", 1..4), every in 1..7usize) {
            let (mut folded, mut want) = (Vec::new(), String::new());
            for line in &lines {
                let escaped = line.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;").replace('\n', "\\n");
                let parts: Vec<_> = escaped.as_bytes().chunks(every).collect();
                folded.extend_from_slice(b"X:");
                folded.extend_from_slice(&parts.join(b"\r\n ".as_slice()));
                folded.extend_from_slice(b"\r\n");
                want.push_str(&format!("X:{line}\r\n"));
            }
            let view = unfolded(&folded);
            prop_assert_eq!(String::from_utf8_lossy(&view.text), want);
        }
    }
}
