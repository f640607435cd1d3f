use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, GB18030, GBK, ISO_2022_JP, ISO_8859_15, KOI8_R, SHIFT_JIS, WINDOWS_1252,
};
use proptest::prelude::*;

use super::*;
use crate::span::Span;

const LEGACY: [&Encoding; 10] = [
    WINDOWS_1252,
    ISO_8859_15,
    KOI8_R,
    SHIFT_JIS,
    GB18030,
    GBK,
    BIG5,
    EUC_KR,
    EUC_JP,
    encoding_rs::WINDOWS_1255,
];

fn utf_16(text: &str, order: Order) -> Vec<u8> {
    let mut out = Vec::new();
    utf_16::encode(text, order, &mut out);
    out
}

/// The bytes of a text in a character set.
fn bytes(label: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    match label {
        "iso-2022-jp" => out.extend_from_slice(&ISO_2022_JP.encode(text).0),
        _ => assert!(Charset::named(label.as_bytes()).encode(text.as_bytes(), &mut out), "{label}"),
    }
    out
}

/// What a reader sees.
fn read(label: &str, bytes: &[u8]) -> String {
    match label {
        "utf-7" => String::from_utf8(Charset::Utf7.view(bytes).unwrap().text).unwrap(),
        _ => Encoding::for_label(label.as_bytes()).unwrap().decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// The bytes with a replacement in the place of a span of their view.
fn spliced(charset: Charset, bytes: &[u8], span: Span, replacement: &str) -> Vec<u8> {
    let view = charset.view(bytes).unwrap();
    let (mut out, mut at, mut first) = (Vec::new(), 0, true);
    for piece in view.pieces(span) {
        out.extend_from_slice(&bytes[at..piece.start()]);
        if std::mem::take(&mut first) {
            charset.resolved(bytes).encode(replacement.as_bytes(), &mut out);
        }
        at = piece.end();
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

#[test]
fn labels_are_known() {
    use Charset::{Ascii, Iso2022Jp, Legacy, Unknown, Unreadable, Utf7, Utf8, Utf16};
    for (label, want) in [
        ("utf-8", Utf8),
        ("UTF8", Utf8),
        (" \"Utf-8\" ", Utf8),
        ("'utf-8'", Utf8),
        ("utf-8*en", Utf8),
        ("utf-8-sig", Utf8),
        ("", Ascii),
        ("us-ascii", Ascii),
        ("ANSI_X3.4-1968", Ascii),
        ("iso-8859-1", Legacy(WINDOWS_1252)),
        ("latin1", Legacy(WINDOWS_1252)),
        ("latin-1", Legacy(WINDOWS_1252)),
        ("windows-1252", Legacy(WINDOWS_1252)),
        ("iso-8859-15", Legacy(ISO_8859_15)),
        ("koi8-r", Legacy(KOI8_R)),
        ("gb2312", Legacy(GBK)),
        ("gb18030", Legacy(GB18030)),
        ("ks_c_5601-1987", Legacy(EUC_KR)),
        ("cp949", Legacy(EUC_KR)),
        ("Shift-JIS", Legacy(SHIFT_JIS)),
        ("cp932", Legacy(SHIFT_JIS)),
        ("big5-hkscs", Legacy(BIG5)),
        ("iso-2022-jp", Iso2022Jp),
        ("iso-2022-jp-2", Iso2022Jp),
        ("iso-2022-kr", Unreadable),
        ("hz-gb-2312", Unreadable),
        ("utf-7", Utf7),
        ("UNICODE-1-1-UTF-7", Utf7),
        ("x-imap4-modified-utf7", Unreadable),
        ("utf-16", Utf16(None)),
        ("utf-16le", Utf16(Some(Order::LittleFirst))),
        ("utf-16be", Utf16(Some(Order::BigFirst))),
        ("utf-32", Unreadable),
        ("UTF-32LE", Unreadable),
        ("ucs-4", Unreadable),
        ("cp037", Unreadable),
        ("ibm1047", Unreadable),
        ("IBM-500", Unreadable),
        ("ibm850", Unknown),
        ("cp437", Unknown),
        ("x-unknown", Unknown),
        ("\u{fffd}", Unknown),
        ("cp99999999999999999999", Unknown),
    ] {
        assert_eq!(Charset::named(label.as_bytes()), want, "{label:?}");
    }
}

#[test]
fn the_bytes_say_what_labels_do_not() {
    use Charset::{Ascii, Iso2022Jp, Legacy, Unknown, Unreadable, Utf8, Utf16};
    let little = Utf16(Some(Order::LittleFirst));
    let big = Utf16(Some(Order::BigFirst));
    for (label, bytes, want) in [
        ("", b"219-10-9999".as_slice(), Ascii),
        ("", "María".as_bytes(), Utf8),
        ("us-ascii", "María".as_bytes(), Utf8),
        ("", b"Mar\xeda", Legacy(WINDOWS_1252)),
        ("iso-8859-1", "María".as_bytes(), Legacy(WINDOWS_1252)),
        ("", b"\x1b$B%5\x1b(B", Iso2022Jp),
        ("", b"\x1b[1mbold\x1b(B", Ascii),
        ("x-unknown", b"\x1b[1m", Unknown),
        ("x-unknown", b"\x1b$B%5\x1b(B", Unreadable),
        ("x-unknown", b"\x0e1", Unreadable),
        ("x-unknown", b"1\x002\x00", Unreadable),
        // Byte order marks.
        ("", b"\xef\xbb\xbfMar\xc3\xada", Utf8),
        ("iso-8859-1", b"\xef\xbb\xbfMar\xc3\xada", Utf8),
        ("iso-8859-1", b"\xef\xbb\xbfMar\xed", Legacy(WINDOWS_1252)),
        ("utf-16", b"\xff\xfe1\x00", little),
        ("utf-16", b"\xfe\xff\x001", big),
        ("utf-16le", b"\xff\xfe1\x00", little),
        ("utf-16le", b"\xfe\xff\x001", Unreadable),
        ("", b"\xff\xfe1\x002\x00", little),
        // To who takes it for text in Latin letters, there are digits.
        ("", b"\xff\xfe219-10-9999", Unreadable),
        ("koi8-r", b"\xff\xfe1\x002\x00", Unreadable),
        ("utf-8", b"\xff\xfe219-10-9999", Unreadable),
        ("", b"\xff\xfe\x00\x001\x00\x00\x00", Unreadable),
        // No mark.
        ("utf-16", b"1\x002\x00", little),
        ("utf-16", b"\x001\x002", big),
        ("utf-16", b"1\x00\x002", Unreadable),
        ("utf-16", b"\x4e\x01", Unreadable),
        ("utf-16", b"", little),
        ("", b"1\x002\x00", little),
        ("", b"\x001\x002", big),
        ("", b"\x00\x00\x00\x00", Unreadable),
        ("", b"one zero\x00 only", Ascii),
        ("cp037", b"\xf1\xf2", Unreadable),
    ] {
        let charset = Charset::named(label.as_bytes()).resolved(bytes);
        assert_eq!(charset, want, "{label} {bytes:?}");
        assert_eq!(charset.resolved(bytes), want, "{label} {bytes:?}");
        if label.is_empty() {
            assert_eq!(Charset::of(bytes), want);
        }
    }
}

#[test]
fn digits_are_replaced_between_other_characters() {
    for (label, before, after) in [
        ("utf-8", "María 日本 ", " é€😀"),
        ("windows-1252", "Marí", "é€”x"),
        ("iso-8859-1", "Marí", "é€”x"),
        ("iso-8859-15", "Marí€", "œé"),
        ("koi8-r", "Пациент ", "номер"),
        ("shift_jis", "患者番号ソ表ｱ", "です表"),
        ("gb2312", "患者", "号码"),
        ("gb18030", "患者é😀", "号码€ß"),
        ("big5", "病人許功", "號碼"),
        ("euc-kr", "환자 번호똠", "입니다"),
        ("euc-jp", "患者番号ｱ", "です"),
        ("iso-2022-jp", "患者番号 ", " です ok"),
        ("utf-16le", "María 日本 ", " é€😀"),
        ("utf-16be", "María 日本 ", " é€😀"),
        ("utf-7", "María + 日本 ", " é€😀-"),
        ("utf-7", "é", "-x"),
    ] {
        let charset = Charset::named(label.as_bytes());
        let encoded = bytes(label, &format!("{before}219-10-9999{after}"));
        let view = charset.view(&encoded).unwrap();
        assert_eq!(String::from_utf8(view.text).unwrap(), format!("{before}219-10-9999{after}"), "{label}");
        let span = Span::at(before.len(), before.len() + 11);
        for (replacement, want) in [("[SSN]", "[SSN]"), ("A1", "A1"), ("-", "-"), ("", ""), ("é•", "")] {
            let out = spliced(charset, &encoded, span, replacement);
            let read = read(label, &out);
            match want {
                "" if !replacement.is_empty() => {
                    assert!(read.starts_with(before) && read.ends_with(after), "{label}: {read}");
                }
                want => assert_eq!(read, format!("{before}{want}{after}"), "{label}"),
            }
        }
        // The other way round: a name goes, and the digits stay.
        let out = spliced(charset, &encoded, Span::at(0, before.len()), "[NAME]");
        assert_eq!(read(label, &out), format!("[NAME]219-10-9999{after}"), "{label}");
        let out =
            spliced(charset, &encoded, Span::at(before.len() + 11, before.len() + 11 + after.len()), "N1");
        assert_eq!(read(label, &out), format!("{before}219-10-9999N1"), "{label}");
    }
}

#[test]
fn byte_order_marks_stay() {
    for (bytes, want) in [
        (b"\xef\xbb\xbf219".as_slice(), b"\xef\xbb\xbf[N]".as_slice()),
        (b"\xff\xfe2\x001\x009\x00", b"\xff\xfe[\x00N\x00]\x00"),
        (b"\xfe\xff\x002\x001\x009", b"\xfe\xff\x00[\x00N\x00]"),
    ] {
        let charset = Charset::of(bytes);
        assert_eq!(charset.view(bytes).unwrap().text, b"219");
        assert_eq!(spliced(charset, bytes, Span::at(0, 3), "[N]"), want);
    }
}

#[test]
fn replacements_are_encoded() {
    for (label, text, want, whole) in [
        ("utf-8", "é•", "é•".as_bytes(), true),
        ("us-ascii", "é•[x]", b"?*[x]", false),
        ("x-unknown", "é•\x1b", b"?*?", false),
        ("iso-2022-jp", "日\x1b$B", b"??$B", false),
        ("windows-1252", "é•€", b"\xe9\x95\x80", true),
        ("iso-8859-15", "é•€日", b"\xe9*\xa4?", false),
        ("koi8-r", "é█Ж日Ж", b"?\x8d\xf6?\xf6", false),
        ("shift_jis", "é日", b"?\x93\xfa", false),
        ("gb18030", "é•", b"\xa8\xa6\xa1\xa4", true),
        ("utf-16le", "a•😀", b"a\x00\x22\x20\x3d\xd8\x00\xde", true),
        ("utf-16be", "a•😀", b"\x00a\x20\x22\xd8\x3d\xde\x00", true),
        ("utf-7", "a+é[x]~\\", b"a+-+AOk-[x]+AH4-+AFw-", true),
    ] {
        let want = if label == "gb18030" { GB18030.encode(text).0.into_owned() } else { want.to_vec() };
        let mut out = Vec::new();
        assert_eq!(Charset::named(label.as_bytes()).encode(text.as_bytes(), &mut out), whole, "{label}");
        assert_eq!(out, want, "{label} {text}");
    }
    let mut out = Vec::new();
    assert!(!Charset::Utf8.encode(b"a\xffb", &mut out));
    assert_eq!(out, b"a?b");
}

#[test]
fn what_is_malformed_stays() {
    for (label, bytes, want, segments) in [
        ("utf-8", b"a\xff1".as_slice(), b"a\xff1".as_slice(), vec![(0, 3)]),
        ("windows-1252", b"a\x811", b"a\xc2\x811", vec![(0, 1), (1, 2), (2, 3)]),
        ("windows-1255", b"a\xff1", b"a\xff1", vec![(0, 3)]),
        // A first byte without its second goes with what comes after.
        ("shift_jis", b"a\x81123", b"a\x81123", vec![(0, 1), (1, 3), (3, 5)]),
        ("shift_jis", b"a\x81", b"a\x81", vec![(0, 1), (1, 2)]),
        ("euc-kr", b"\xb0\xa11\xb0", b"\xea\xb0\x801\xb0", vec![(0, 2), (2, 3), (3, 4)]),
        ("gb18030", b"\x81\x301\x81\x30", b"\x8101\x810", vec![(0, 2), (2, 3), (3, 5)]),
        ("big5", b"\x81\x81\x811", b"\x81\x81\x811", vec![(0, 4)]),
    ] {
        let view = Charset::named(label.as_bytes()).view(bytes).unwrap();
        assert_eq!(view.text, want, "{label} {bytes:?}");
        let found: Vec<_> = view.segments.iter().map(|s| (s.raw, s.raw + s.raw_len)).collect();
        assert_eq!(found, segments, "{label} {bytes:?}");
    }
    let view = Charset::named(b"utf-16be").view(b"\xdc\x00\x001\xd8\x00\x002\x00").unwrap();
    assert_eq!(String::from_utf8(view.text).unwrap(), "\u{fffd}1\u{fffd}2\u{fffd}");
    // A replacement is not taken for the second byte.
    let out = spliced(Charset::Legacy(SHIFT_JIS), b"a\x81123", Span::at(2, 5), "[SSN]");
    assert_eq!(read("shift_jis", &out), "a[SSN]");
}

#[test]
fn shifted_runs_are_whole() {
    for (label, bytes, want) in [
        ("iso-2022-jp", b"plain".as_slice(), Some("plain")),
        ("iso-2022-jp", b"a\x1b$B%5%$\x1b(Bb", Some("aサイb")),
        ("iso-2022-jp", b"a\x1b$@%5\x1b(I1\x1b$B%5\x1b(Jb\\~\x1b(B\\", Some("aサｱサb¥‾\\")),
        ("iso-2022-jp", b"\x1b$B#2#1#9\x1b(B", Some("２１９")),
        ("iso-2022-jp", b"\x1b$B%5\x1b(B\x1b$B%5\x1b(B", Some("ササ")),
        ("iso-2022-jp", b"\x1b$B%5", Some("サ")),
        ("iso-2022-jp", b"\x1b$B\x1b(B1", Some("1")),
        ("iso-2022-jp", b"\x1b$B%5\r\n%5\x1b(B", None),
        ("iso-2022-jp", b"\x1b$B%5%\x1b(B", None),
        ("iso-2022-jp", b"\x1b$B%\x1b$B5\x1b(B", None),
        ("iso-2022-jp", b"\x1b$(D01\x1b(B", None),
        ("iso-2022-jp", b"\x1b.A", None),
        ("iso-2022-jp", b"a\x1b", None),
        ("iso-2022-jp", b"\x1b$B\x1b", None),
        ("iso-2022-jp", b"a\x0e1\x0f", None),
        ("iso-2022-jp", b"\x82\x4f", None),
        // RFC 2152.
        ("utf-7", b"Hi Mom -+Jjo--!", Some("Hi Mom -☺-!")),
        ("utf-7", b"A+ImIDkQ.", Some("A≢Α.")),
        ("utf-7", b"+ZeVnLIqe-", Some("日本語")),
        ("utf-7", b"1 +- 1 +AD0 2", Some("1 + 1 = 2")),
        ("utf-7", b"+2D3eAA-", Some("😀")),
        ("utf-7", b"+ADIAMQA5-", Some("219")),
        ("utf-7", b"call +1-555-1234", None),
        ("utf-7", b"+ x", None),
        ("utf-7", b"+", None),
        ("utf-7", b"+2D0-", None),
        ("utf-7", b"+AD1-", None),
        ("utf-7", b"\xe9", None),
    ] {
        let found =
            Charset::named(label.as_bytes()).view(bytes).map(|view| String::from_utf8(view.text).unwrap());
        assert_eq!(found.as_deref().ok(), want, "{label} {}", bytes.escape_ascii());
    }
    // What ended the run goes with it, so that the run does not go on with the replacement.
    let out = spliced(Charset::Utf7, b"+AOk.x", Span::at(2, 3), "Ax");
    assert_eq!(out, b"Axx");
    // Back in the Roman set, the state is that of the runs before.
    let out = spliced(Charset::Iso2022Jp, b"\x1b(Ja\x1b$B%5\x1b(Jb219\x1b$B%5\x1b(B", Span::at(5, 8), "[N]");
    assert_eq!(out, b"\x1b(Ja\x1b$B%5\x1b(Jb[N]\x1b$B%5\x1b(B");
    assert_eq!(read("iso-2022-jp", &out), "aサb[N]サ");
    let out = spliced(Charset::Iso2022Jp, b"a\x1b$B%5\x1b(J\\", Span::at(1, 4), "[N]");
    assert_eq!(read("iso-2022-jp", &out), "a[N]¥");
}

#[test]
fn hostile_texts_are_read() {
    let pieces: [&[u8]; 14] = [
        b"\x81",
        b"\xff",
        b"\x81\x30",
        b"\x81\x30\x81",
        b"\xd8\x00",
        b"\x00\xd8",
        b"+",
        b"+AOk-",
        b"+-",
        b"\x1b",
        b"\x1b$B%5\x1b(B",
        b"\x1b$B",
        b"\x8f\xb0\xb0",
        b"~{",
    ];
    let labels = [
        "",
        "utf-8",
        "koi8-r",
        "shift_jis",
        "gb18030",
        "big5",
        "euc-kr",
        "euc-jp",
        "iso-2022-jp",
        "utf-7",
        "utf-16le",
        "x-unknown",
    ];
    for piece in pieces {
        let text = piece.repeat((1 << 14) / piece.len());
        for label in labels {
            if let Ok(view) = Charset::named(label.as_bytes()).view(&text) {
                assert!(view.segments.len() <= text.len(), "{label} {piece:?}");
            }
        }
    }
}

/// Text that a character set has, and its bytes.
fn text_in(encoding: &'static Encoding) -> impl Strategy<Value = (String, Vec<u8>)> {
    let character = prop_oneof![
        3 => any::<char>(),
        3 => (0x20u8..0x7f).prop_map(char::from),
        1 => prop::char::range('\u{a0}', '\u{17f}'),
        1 => prop::char::range('\u{400}', '\u{45f}'),
        2 => prop::char::range('\u{3041}', '\u{30ff}'),
        3 => prop::char::range('\u{4e00}', '\u{9fa5}'),
        2 => prop::char::range('\u{ac00}', '\u{d7a3}'),
        1 => prop::char::range('\u{ff01}', '\u{ff9f}'),
    ];
    proptest::collection::vec(character, 0..60).prop_map(move |characters| {
        let fits = |c: &char| !encoding.encode(c.encode_utf8(&mut [0; 4])).2;
        let text: String = characters.into_iter().filter(fits).collect();
        let bytes = encoding.encode(&text).0.into_owned();
        (text, bytes)
    })
}

fn legacy() -> impl Strategy<Value = &'static Encoding> {
    proptest::sample::select(&LEGACY[..])
}

proptest! {
    #[test]
    fn valid_text_is_read_as_encoding_rs_does(
        (encoding, (_, bytes), at, len) in legacy().prop_flat_map(|e| (Just(e), text_in(e), 0usize..60, 0usize..9)),
    ) {
        let view = Charset::Legacy(encoding).view(&bytes).unwrap();
        let want = encoding.decode_without_bom_handling_and_without_replacement(&bytes).unwrap();
        prop_assert_eq!(str::from_utf8(&view.text).unwrap(), &*want);
        // Any characters lead back to bytes that say the same.
        let mut ends: Vec<usize> = want.char_indices().map(|(at, _)| at).collect();
        ends.push(want.len());
        let (at, to) = (at.min(ends.len() - 1), (at + len).min(ends.len() - 1));
        let span = Span::at(ends[at], ends[to]);
        let taken: Vec<u8> = view.pieces(span).flat_map(|p| bytes[p.range()].to_vec()).collect();
        let taken = encoding.decode_without_bom_handling(&taken).0;
        prop_assert!(taken == want[span.range()] || encoding == BIG5 && taken.contains(&want[span.range()]));
        // And a replacement in their place is read where they were.
        if taken == want[span.range()] && !span.is_empty() {
            let out = spliced(Charset::Legacy(encoding), &bytes, span, "[A1]");
            let read = encoding.decode_without_bom_handling(&out).0;
            prop_assert_eq!(read, format!("{}[A1]{}", &want[..span.start()], &want[span.end()..]));
        }
    }

    #[test]
    fn malformed_text_is_read_as_encoding_rs_does(encoding in legacy(), bytes in hostile()) {
        let mut text = String::new();
        let mut end = 0;
        legacy::characters(encoding, &bytes, &mut |raw, found| {
            assert_eq!(raw.start, end);
            end = raw.end;
            text.push_str(found.unwrap_or("\u{fffd}"));
        });
        prop_assert_eq!(end, bytes.len());
        let want = encoding.decode_without_bom_handling(&bytes).0;
        prop_assert_eq!(text, want);
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in hostile(), at in 0usize..80, len in 1usize..20) {
        for label in ["", "utf-8", "utf-7", "utf-16", "utf-16le", "utf-16be", "iso-2022-jp", "x-unknown"]
            .into_iter()
            .chain(LEGACY.map(Encoding::name))
        {
            let charset = Charset::named(label.as_bytes());
            let Ok(view) = charset.view(&bytes) else { continue };
            // In order, without gaps in the text.
            let (mut text, mut raw) = (0, 0);
            for s in &view.segments {
                prop_assert!(s.text == text && s.raw >= raw && s.raw_len > 0);
                (text, raw) = (s.text + s.text_len, s.raw + s.raw_len);
                if s.verbatim {
                    let same = bytes[s.raw as usize..raw as usize] == view.text[s.text as usize..text as usize];
                    prop_assert!(same && s.text_len == s.raw_len);
                }
            }
            prop_assert!(text as usize == view.text.len() && raw as usize <= bytes.len());
            // What is replaced shows as what it was replaced by; around it all is as it was.
            let (at, to) = (at.min(view.text.len()), (at + len).min(view.text.len()));
            if at == to {
                continue;
            }
            let first = view.segments.iter().find(|s| (s.text + s.text_len) as usize > at).unwrap();
            let last = view.segments.iter().find(|s| (s.text + s.text_len) as usize >= to).unwrap();
            let from = if first.verbatim { at } else { first.text as usize };
            let until = if last.verbatim { to } else { (last.text + last.text_len) as usize };
            let out = spliced(charset, &bytes, Span::at(at, to), "[A1]");
            let again = charset.resolved(&bytes).view(&out);
            prop_assert!(again.is_ok(), "{}", label);
            let again = again.unwrap();
            prop_assert!(again.text.starts_with(&view.text[..from]), "{}", label);
            prop_assert!(again.text[from..].starts_with(b"[A1]"), "{}", label);
            prop_assert_eq!(&again.text[from + 4..], &view.text[until..], "{}", label);
        }
    }

    #[test]
    fn utf_16_is_read(text: String, big: bool) {
        let order = if big { Order::BigFirst } else { Order::LittleFirst };
        let view = Charset::Utf16(Some(order)).view(&utf_16(&format!("\u{feff}{text}"), order)).unwrap();
        prop_assert_eq!(String::from_utf8(view.text).unwrap(), text);
    }

    #[test]
    fn utf_7_is_read(text: String) {
        let mut out = Vec::new();
        prop_assert!(Charset::Utf7.encode(text.as_bytes(), &mut out));
        prop_assert_eq!(String::from_utf8(Charset::Utf7.view(&out).unwrap().text).unwrap(), text);
    }

    #[test]
    fn iso_2022_jp_is_read((text, bytes) in text_in(ISO_2022_JP)) {
        let text = text.replace(['\x0e', '\x0f', '\x1b'], "");
        let bytes = if bytes.contains(&0x0e) || bytes.contains(&0x0f) { ISO_2022_JP.encode(&text).0.into_owned() } else { bytes };
        let want = ISO_2022_JP.decode_without_bom_handling_and_without_replacement(&bytes).unwrap();
        prop_assert_eq!(String::from_utf8(Charset::Iso2022Jp.view(&bytes).unwrap().text).unwrap(), want);
    }
}

/// Bytes among which those that begin something are frequent.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        2 => proptest::collection::vec(any::<u8>(), 1..4),
        2 => proptest::collection::vec(0x80u8.., 1..4),
        2 => "[0-9A-z ]{1,6}".prop_map(String::into_bytes),
        1 => proptest::sample::select(vec![
            b"\x81\x30\x81\x30".to_vec(), b"\x81\x30\x81".to_vec(), b"\x8f\xb0".to_vec(), b"\x88\x62".to_vec(), b"+AOk-".to_vec(), b"+AOk".to_vec(),
            b"\x1b$B%5".to_vec(), b"\x1b(B".to_vec(), b"\x1b(J".to_vec(), b"\x1b(I1".to_vec(), b"\xd8\x3d\xde\x00".to_vec(),
        ]),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}
