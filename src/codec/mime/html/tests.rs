use std::cell::{Cell, RefCell};

use memchr::memmem;
use proptest::prelude::*;

use super::*;

thread_local! {
    pub(super) static LOOKED: Cell<usize> = const { Cell::new(0) };
    pub(super) static TAGS: RefCell<Vec<Span>> = const { RefCell::new(Vec::new()) };
}

/// The views of a document, and its tags.
fn read(html: &[u8]) -> (Vec<(Place, View)>, Vec<&[u8]>) {
    TAGS.take();
    let mut all = Vec::new();
    views(html, &mut |place, view| all.push((place, view)));
    (all, TAGS.take().iter().map(|t| &html[t.range()]).collect())
}

fn kind(place: Place) -> char {
    match place {
        Place::Text => 'T',
        Place::Attribute { .. } => 'A',
        Place::Name => 'N',
        Place::Comment => 'C',
        Place::Raw => 'R',
    }
}

/// The views in one line: `T:text A:value`.
fn summary(html: &str) -> String {
    let (all, _) = read(html.as_bytes());
    let one =
        |(place, view): &(Place, View)| format!("{}:{}", kind(*place), String::from_utf8_lossy(&view.text));
    all.iter().map(one).collect::<Vec<_>>().join("|")
}

#[test]
fn shown_text_is_laid_out_as_a_browser_copies_it() {
    for (html, want) in [
        ("", ""),
        ("plain", "T:plain"),
        ("123-<b>45</b>-6789", "T:123-45-6789"),
        ("<p>123-<span><FONT>45</FONT ></span>-<i/>6789</p>", "T:123-45-6789"),
        ("12<wbr>3<o:p></o:p>", "T:123"),
        ("Ann<img>Lee <img> 7", "T:Ann Lee 7"),
        ("<table><tr><td>SSN</td>\n  <td>219-10-9999</td></tr><tr><td>x", "T:SSN\t219-10-9999\nx"),
        ("<td><p>SSN</p></td><td><p>219</p></td>", "T:SSN\t219"),
        ("<th>a<th>b<tr><td>c<td>d", "T:a\tb\nc\td"),
        ("Patient<br>Maria Lopez<BR/><br>x", "T:Patient\nMaria Lopez\n\nx"),
        ("<div>a</div><div>b</div><div><br></div><div>c", "T:a\nb\n\nc"),
        ("<p>a</p> <p>b</p><ul><li>c<li>d</ul>", "T:a\n\nb\n\nc\nd"),
        ("one<hr>two", "T:one\n\ntwo"),
        ("  Maria\r\n     <b> Lopez</b>  ", "T:Maria Lopez"),
        ("<pre>a  b\n c</pre> \n d", "T:a  b\n c\n\nd"),
        ("</pre>a  b", "T:a b"),
        ("21\x009-10", "T:219-10"),
        ("a \x00 b", "T:a b"),
        ("&lt;b&gt; &#50;19&#x2d;10&nbsp;Jos&eacute", "T:<b> 219-10\u{a0}José"),
        ("a&#32;&#32;&#10;b", "T:a b"),
        ("AT&T & &x; &", "T:AT&T & &x; &"),
        ("a < b <3 <> </", "T:a < b <3 <> </"),
        ("caf\u{e9} <\u{e9}>", "T:caf\u{e9} <\u{e9}>"),
    ] {
        assert_eq!(summary(html), want, "{html:?}");
    }
}

#[test]
fn what_a_browser_hides_is_handed_out() {
    for (html, want) in [
        ("219-<!-- x -->10-9999", "C:x|T:219-10-9999"),
        ("1<!-->2<!--->3<!---->4", "T:1234"),
        ("1<!--a--!>2<!--b--->3<!----!>4", "C:a|C:b-|T:1234"),
        ("1<!--a-- >b>--", "C:a-- >b>--|T:1"),
        (
            "<!--[if mso]><td>SSN</td><td title='z'>219</td><![endif]-->",
            "C:z|C:[if mso]>\tSSN\t219\t<![endif]",
        ),
        ("<![if !mso]>a<![endif]>", "C:[if !mso]|C:[endif]|T:a"),
        ("<!doctype html>a", "C:doctype html|T:a"),
        ("<?xml version=1?>a</3 b>c</>d", "C:xml version=1?|C:3 b|T:acd"),
        ("<![CDATA[ 219 ]]>", "C:[CDATA[ 219 ]]"),
        ("a<!219", "C:219|T:a"),
        ("<!-- 219 <b", "C:219 <b"),
        ("<a href='mailto:a&amp;b' title=\"J&#111;e\" alt=x&y>t", "A:mailto:a&b|A:Joe|A:x&y|T:t"),
        ("<a href = \"a>b\"/>t", "A:a>b|T:t"),
        ("<a href=/x/>t", "A:/x/|T:t"),
        ("<a href=>t", "T:t"),
        ("<a href=?q&copy=1&lt>t", "A:?q&copy=1<|T:t"),
        ("<img alt='a'title='b'>", "A:a|A:b"),
        ("Joe <joe.lee@example.com>", "N:joe.lee@example.com|T:Joe"),
        ("<Maria Lopez 219-10-9999>", "N:Maria Lopez 219-10-9999"),
        ("<Mark Lang><mark lang=en>", "N:Mark Lang|A:en"),
        ("<a 219=x =y>", "N:219|N:a =y|A:x"),
        ("</joe@example.com>", "N:joe@example.com"),
        ("<title>J&#111;e <b></title >x", "T:Joe <b>|T:x"),
        ("<textarea> <p></textarea>", "T: <p>"),
        ("a<style>p > b { }</style>b", "R:p > b { }|T:ab"),
        ("<SCRIPT>'</scripts>' </script\n>b", "R:'</scripts>' |T:b"),
        ("<script><!--<script></script>--></script>b", "R:<!--<script></script>-->|T:b"),
        ("<script><!--></script>b", "R:<!-->|T:b"),
        ("<script><!--x</script>b", "R:<!--x|T:b"),
        ("<noframes>1<b>2</b></noframes>3", "C:12|T:3"),
        ("<!--<noframes>1<b>2</b></noframes>3<style>a<b></style>-->", "R:a<b>|C:12 3"),
        // Cut off, or never closed.
        ("<style>1<b>2", "T:12"),
        ("a <a href='x", "T:a <a href='x"),
        ("a <a title='b> 219-<b>10</b>-9999", "A:b|T:a 219-10-9999"),
        ("a <a title=\"1", "T:a <a title=\"1"),
        ("<a &amp;", "T:<a &"),
    ] {
        assert_eq!(summary(html), want, "{html:?}");
    }
}

#[test]
fn time_is_linear() {
    const LEN: usize = 1 << 20;
    for part in [
        "<",
        "</",
        "<!",
        "<!--",
        "<!-- <!-- >",
        "--",
        "&",
        "&#",
        "&#1",
        "&a",
        "<a ",
        "<a b=",
        "<a b='",
        "<a b=\"",
        "<a b='>' ",
        "<a b='>'\"",
        "<a",
        "<?",
        ">",
        "<style>",
        "<title><textarea>",
        "</style",
        "<script><!--<script>",
        "<noframes><iframe><noembed>",
        "<!--<a b='>' -->",
        " ",
        " <b>",
        "\0",
        " \0",
        "<pre> ",
        "a ",
        "=",
        "<a =",
        "<b><!--><a '>",
    ] {
        let text = part.repeat(LEN / part.len());
        LOOKED.set(0);
        let (all, _) = read(text.as_bytes());
        let looked = LOOKED.get();
        assert!(looked < 12 * LEN, "{part}: {looked} for {LEN}");
        let segments: usize = all.iter().map(|v| v.1.segments.len()).sum();
        assert!(segments <= LEN, "{part}: {segments}");
    }
}

/// The document with a span of one view replaced.
fn replaced(html: &[u8], view: &View, place: Place, span: Span, with: &[u8]) -> Vec<u8> {
    let (mut out, mut at, mut with) = (Vec::new(), 0, Some(with));
    for piece in view.pieces(span) {
        out.extend_from_slice(&html[at..piece.start()]);
        if let Some(with) = with.take() {
            escape(place, with, &mut out);
        }
        at = piece.end();
    }
    out.extend_from_slice(&html[at..]);
    out
}

fn without_spaces(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_ascii_whitespace()).collect()
}

/// Pieces of documents, with the words that are to be found again: `q7`.
fn soup() -> impl Strategy<Value = Vec<String>> {
    #[rustfmt::skip]
    let markup = prop::sample::select(vec![
        "<", "</", ">", "<!--", "-->", "--!>", "-", "--", "<!", "<?", "<![CDATA[", "<!doctype html>", "]]>", "&", "&#",
        "&#x", "&lt", "&lt;", "&amp;", "&#60;", "&#32;", "&nbsp;", ";", "\"", "'", "=", "/", " ", "  ", "\n", "\0", "é",
        "<a ", "<a href=", "<a href='", "<a href=\"", " title=", " nowrap ", "<b>", "</b>", "<p>", "</p>", "<br>", "<td>",
        "</td>", "<tr>", "<table>", "<pre>", "</pre>", "<img alt='", "<style>", "</style>", "<title>", "</title>",
        "<textarea>", "</textarea>", "<script>", "</script>", "<script ", "<noframes>", "</noframes>", "<i\0>",
    ]);
    let part = prop_oneof![2 => markup.prop_map(String::from), 1 => (0..10u8).prop_map(|n| format!("q{n}"))];
    prop::collection::vec(part, 0..30)
}

/// Pieces that are whole.
fn tidy() -> impl Strategy<Value = Vec<String>> {
    #[rustfmt::skip]
    let markup = prop::sample::select(vec![
        "<b>", "</b>", "<span style='x'>", "</span>", "<p>", "</p>", "<br>", "<td>", "</td>", "<tr>", "<table>", "</table>",
        "<img src=x>", "<!-- q -->", "<!-->", "<!doctype html>", "<style>p > a</style>", "<title>t</title>", "&lt;",
        "&#60;", "&amp;", "&nbsp;", "&#32;", "&", " ", "  ", "\r\n", "-", "é", "<", "\0", "lt;", "#4;", "=", "/", "!",
    ]);
    let part = prop_oneof![1 => markup.prop_map(String::from), 1 => "[a-z0-9]{1,3}"];
    prop::collection::vec(part, 1..24)
}

fn with() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "[X]",
        "",
        "Ann Lee",
        "lt;",
        "#65;",
        "</script>",
        "--> <b>",
        "a\"b'c",
        "-",
        "/b>",
        "!--",
        "&amp;",
        "=x",
        "b>",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, view) in read(&bytes).0 {
            let text: u32 = view.segments.iter().map(|s| s.text_len).sum();
            prop_assert_eq!(text as usize, view.text.len());
        }
    }

    #[test]
    fn every_word_is_in_one_view_as_it_is(parts in soup()) {
        let html = parts.concat();
        let (all, tags) = read(html.as_bytes());
        let mut times = vec![0; html.len()];
        for (_, view) in &all {
            let mut last = 0;
            for s in &view.segments {
                let (text, raw) = (Span::at(s.text as usize, (s.text + s.text_len) as usize), s.raw as usize);
                prop_assert!(raw >= last);
                last = raw + s.raw_len as usize;
                times[raw..last].iter_mut().for_each(|n| *n += 1);
                if s.verbatim {
                    prop_assert_eq!(&view.text[text.range()], &html.as_bytes()[raw..last]);
                }
            }
        }
        prop_assert!(times.iter().all(|n| *n <= 1));
        for (at, word) in html.match_indices('q') {
            prop_assert_eq!(times[at], 1, "{} in {:?}", word, &html);
            prop_assert_eq!(times[at + 1], 1);
        }
        // No piece of shown text is part of a tag.
        let shown: Vec<_> = all.iter().filter(|v| v.0 == Place::Text).flat_map(|v| &v.1.segments).collect();
        for tag in tags.into_iter().filter(|t| !t.is_empty()) {
            let start = tag.as_ptr() as usize - html.as_ptr() as usize;
            let tag = Span::at(start, start + tag.len());
            prop_assert!(!shown.iter().any(|s| tag.overlaps(Span::new(s.raw, s.raw + s.raw_len))));
        }
    }

    #[test]
    fn a_replacement_changes_nothing_but_its_text(
        parts in prop_oneof![tidy(), soup()], which in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), with in with(),
    ) {
        let html = parts.concat().into_bytes();
        let (all, tags) = read(&html);
        // Where a tag or element has no end, anything less may give it one.
        if all.is_empty() || tags.contains(&b"".as_slice()) {
            return Ok(());
        }
        let index = which.index(all.len());
        let (place, view) = &all[index];
        let (a, b) = (from.index(view.text.len()), to.index(view.text.len()));
        let span = Span::at(a.min(b), a.max(b) + 1);
        let is_half = |i: usize| str::from_utf8(&view.text[..i]).is_err();
        if is_half(span.start()) || is_half(span.end()) {
            return Ok(());
        }
        // What is found begins with no space; only between names is that more than a matter of layout.
        if *place == Place::Name && view.text[span.start()] == b' ' {
            return Ok(());
        }
        // In a script, `<!--` says what ends it.
        if *place == Place::Raw && memmem::find(&view.text, b"--").is_some() {
            return Ok(());
        }
        // `&ltq` in a value is no reference, `&lt[` is.
        if matches!(place, Place::Attribute { .. } | Place::Comment) && memmem::find(&view.text, b"&lt").is_some() {
            return Ok(());
        }
        let new = replaced(&html, view, *place, span, with.as_bytes());
        let (all_new, tags_new) = read(&new);
        let show = || format!("{:?} to {:?}", String::from_utf8_lossy(&html), String::from_utf8_lossy(&new));
        match place {
            Place::Text | Place::Raw => prop_assert_eq!(&tags_new, &tags, "{}", show()),
            _ => prop_assert_eq!(tags_new.len(), tags.len(), "{}", show()),
        }
        let mut with = with.as_bytes().to_vec();
        if matches!(place, Place::Raw | Place::Name) {
            // Nothing there undoes what was done to it.
            escape(*place, &std::mem::take(&mut with), &mut with);
        }
        let of = |all: &[(Place, View)]| -> Vec<_> {
            all.iter().map(|(p, v)| (kind(*p), without_spaces(&v.text))).collect()
        };
        let mut want = of(&all);
        want[index].1 = without_spaces(&[&view.text[..span.start()], &with, &view.text[span.end()..]].concat());
        let mut got = of(&all_new);
        want.retain(|w| !w.1.is_empty());
        got.retain(|g| !g.1.is_empty());
        prop_assert_eq!(got, want, "{}", show());
    }
}
