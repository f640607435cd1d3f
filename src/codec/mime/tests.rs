use proptest::prelude::*;

use super::*;
use crate::codec::PathStep;

/// All texts of a mail, each with its path.
pub(super) fn texts(mail: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    leaves(mail, &mut Scratch::default(), &mut |leaf| {
        let keys = (0..leaf.path.depth()).filter_map(|i| match leaf.path.step(i)? {
            PathStep::Key(key) => Some(String::from_utf8_lossy(key).into_owned()),
            PathStep::Index(_) => None,
        });
        found.push((keys.collect::<Vec<_>>().join("."), String::from_utf8_lossy(leaf.text).into_owned()));
    });
    found
}

/// The mail with every occurrence of a value in its texts replaced.
pub(super) fn replaced(mail: &[u8], value: &str, by: &str) -> (Vec<u8>, Touched) {
    let mut scratch = Scratch::default();
    let mut edits = Vec::new();
    leaves(mail, &mut scratch, &mut |leaf| {
        let text = String::from_utf8_lossy(leaf.text);
        if text.len() == leaf.text.len() {
            edits.extend(text.match_indices(value).map(|(at, _)| Edit {
                span: leaf.map.to_payload(Span::at(at, at + value.len())),
                replacement: Span::at(0, by.len()),
                place: Place::Text,
                depth: 0,
            }));
        }
    });
    let mut out = Vec::new();
    if edits.is_empty() {
        return (mail.to_vec(), Touched::default());
    }
    encode(mail, &edits, by.as_bytes(), &mut scratch, &mut out);
    (out, scratch.touched)
}

pub(super) fn lines(text: &str) -> String {
    text.replace('\n', "\r\n")
}

pub(super) const VALUE: &str = "219-10-9999";

/// Each mail holds the value where a careless reader would not look; it goes, and what is around it stays.
#[test]
fn wherever_a_value_stands_it_is_seen_and_replaced() {
    let cases: &[(&str, &str, &str)] = &[
        ("subject", "Subject: of 219-10-9999 it\n\nx", "Subject: of [SSN] it\n\nx"),
        ("no body", "Subject: 219-10-9999", "Subject: [SSN]"),
        (
            "encoded word",
            "Subject: =?utf-8?q?of_219-10-9999=2C?= x\n\n",
            "Subject: =?UTF-8?Q?of_=5BSSN=5D=2C?= x\n\n",
        ),
        ("base64 word", "Subject: =?utf-8?b?MjE5LTEwLTk5OTk=?=\n\n", "Subject: =?UTF-8?Q?=5BSSN=5D?=\n\n"),
        (
            "split words",
            "Subject: =?utf-8?q?of_219-1?=\n =?utf-8?q?0-9999_it?=\n\n",
            "Subject: =?UTF-8?Q?of_=5BSSN=5D?=\n =?UTF-8?Q?_it?=\n\n",
        ),
        ("unknown field", "X-Note: 219-10-9999\n\n", "X-Note: [SSN]\n\n"),
        ("no field", "219-10-9999\nTo: a@b\n\n", "[SSN]\nTo: a@b\n\n"),
        ("display name", "From: A 219-10-9999 <a@b.c>\n\n", "From: \"A [SSN]\" <a@b.c>\n\n"),
        (
            "quoted name",
            "To: x@y.z, \"B \\\"219-10-9999\\\"\" <a@b.c>\n\n",
            "To: x@y.z, \"B \\\"[SSN]\\\"\" <a@b.c>\n\n",
        ),
        (
            "encoded name",
            "Cc: =?utf-8?q?B=C3=A9_219-10-9999?= <a@b.c>\n\n",
            "Cc: =?UTF-8?Q?B=C3=A9_=5BSSN=5D?= <a@b.c>\n\n",
        ),
        ("address comment", "From: a@b.c (of 219-10-9999)\n\n", "From: a@b.c (of [SSN])\n\n"),
        ("group", "To: 219-10-9999: a@b.c;\n\n", "To: \"[SSN]\": a@b.c;\n\n"),
        (
            "filename",
            "Content-Type: text/plain; name=\"a 219-10-9999.txt\"\nContent-Disposition: attachment; filename=219-10-9999.txt\n\nx",
            "Content-Type: text/plain; name=\"a [SSN].txt\"\nContent-Disposition: attachment; filename=\"[SSN].txt\"\n\nx",
        ),
        (
            "filename in pieces",
            "Content-Disposition: attachment; filename*0*=utf-8''%C3%A9219-1; filename*1=\"0-9999.txt\"; size=3\n\n",
            "Content-Disposition: attachment; filename*=utf-8''%C3%A9%5BSSN%5D.txt; size=3\n\n",
        ),
        ("body", "\nof 219-10-9999 it", "\nof [SSN] it"),
        (
            "quoted-printable",
            "Content-Transfer-Encoding: quoted-printable\n\n=C3=A9 219=2D10-99=\n99=20it=\n\n",
            "Content-Transfer-Encoding: quoted-printable\n\n=C3=A9 [SSN]=\n=20it=\n\n",
        ),
        (
            "base64",
            "Content-Transfer-Encoding: base64\n\nb2YgMjE5LTEwLTk5OTkgaXQ=\n",
            "Content-Transfer-Encoding: base64\n\nb2YgW1NTTl0gaXQ=\n",
        ),
        (
            "preamble and epilogue",
            "Content-Type: multipart/mixed; boundary=b\n\npre 219-10-9999\n--b\n\nx\n--b--\npost 219-10-9999\n",
            "Content-Type: multipart/mixed; boundary=b\n\npre [SSN]\n--b\n\nx\n--b--\npost [SSN]\n",
        ),
        (
            "no boundary",
            "Content-Type: multipart/mixed\n\n--b\n\n219-10-9999\n",
            "Content-Type: multipart/mixed\n\n--b\n\n[SSN]\n",
        ),
        (
            "a mail in a mail",
            "Content-Type: message/rfc822\n\nSubject: 219-10-9999\nDate: today\n\nbody 219-10-9999",
            "Content-Type: message/rfc822\n\nSubject: [SSN]\nDate: today\n\nbody [SSN]",
        ),
        (
            "a mail in base64",
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogMjE5LTEwLTk5OTkNCg0KeA==\n",
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogW1NTTl0NCg0KeA==\n",
        ),
        (
            "octet-stream",
            "Content-Type: application/octet-stream\n\nid,ssn\n1,219-10-9999\n",
            "Content-Type: application/octet-stream\n\nid,ssn\n1,[SSN]\n",
        ),
        (
            "html",
            "Content-Type: text/html\n\n<a title='219-10-9999' href=x>219-<b>10</b>-9999</a><!-- 219-10-9999 --> &#50;19-10-9999",
            "Content-Type: text/html\n\n<a title='[SSN]' href=x>[SSN]<b></b></a><!-- [SSN] --> [SSN]",
        ),
        (
            "html in quoted-printable",
            "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<p class=3D\"=E9\">21=\n9-<i>10-=\n</i>9999</p>",
            "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<p class=3D\"=E9\">[SSN]=\n<i>=\n</i></p>",
        ),
        (
            "flowed",
            "Content-Type: text/plain; format=flowed; delsp=yes\n\nof 219-10- \n9999 it",
            "Content-Type: text/plain; format=flowed; delsp=yes\n\nof [SSN] \n it",
        ),
        (
            "calendar",
            "Content-Type: text/calendar\n\nSUMMARY:of 219-10\n -9999\\, it\n",
            "Content-Type: text/calendar\n\nSUMMARY:of [SSN]\n \\, it\n",
        ),
    ];
    for (what, mail, want) in cases {
        for mail_of in [lines as fn(&str) -> String, |text| text.to_owned()] {
            let (out, _) = replaced(mail_of(mail).as_bytes(), VALUE, "[SSN]");
            let out = String::from_utf8(out).unwrap();
            match *want {
                "" => assert!(!out.contains("219") && out.contains("[SSN]"), "{what}: {out}"),
                want => assert_eq!(out, mail_of(want), "{what}"),
            }
            assert!(texts(out.as_bytes()).iter().all(|(_, text)| !text.contains(VALUE)), "{what}: {out}");
        }
    }
}

/// What carries the mail is no text.
#[test]
fn structure_is_never_text() {
    let mail = lines(
        "Return-Path: <219-10-9999@x.org>\nReceived: from 219-10-9999 by x with ESMTPS id 219-10-9999 for <219-10-9999@x.org>; Thu, 5 Mar 2026 10:00:00 +0000\nMessage-ID: <219-10-9999@x>\nReferences: <219-10-9999@x>\n\
         Date: Thu, 5 Mar 2026 10:00:00 +0000\nFrom: 219-10-9999@x.org\nTo: <219-10-9999@x.org>, A <219-10-9999@y.org>\n\
         DKIM-Signature: v=1; a=rsa-sha256; d=x.org; s=219-10-9999; h=From:To; b=\nContent-Type: multipart/mixed; boundary=\"219-10-9999\"\n\n--219-10-9999\n\nx\n--219-10-9999--\n",
    );
    let (out, touched) = replaced(mail.as_bytes(), VALUE, "[SSN]");
    assert_eq!(String::from_utf8(out).unwrap(), mail);
    assert_eq!(touched, Touched::default());
}

#[test]
fn places_are_told_apart() {
    let mail = lines(
        "Subject: s\nTo: \"N\" <a@b>\nX-A: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nSubject: inner\nContent-Type: text/html\n\n<b id=i>h</b>\n\
         --b\nContent-Disposition: attachment; filename=f\n\na\n--b--\n",
    );
    let found = texts(mail.as_bytes());
    let found: Vec<(&str, &str)> =
        found.iter().map(|(p, t)| (&**p, t.trim())).filter(|(_, t)| !t.is_empty()).collect();
    assert_eq!(
        found,
        [
            ("subject", "s"),
            ("to", "N"),
            ("x-a", "x"),
            ("subject", "inner"),
            ("body.id", "i"),
            ("body", "h"),
            ("content-disposition", "f"),
            ("body", "a")
        ]
    );
    for (value, role) in [
        ("s", Role::Subject),
        ("N", Role::Address),
        ("inner", Role::Header),
        ("h", Role::Body),
        ("f", Role::Filename),
    ] {
        let (_, touched) = replaced(mail.as_bytes(), value, "-");
        assert!(touched.roles.contains(&role), "{value}: {touched:?}");
    }
}

#[test]
fn what_cannot_be_scanned_is_told() {
    let of = |mail: &str| {
        let mut scratch = Scratch::default();
        leaves(lines(mail).as_bytes(), &mut scratch, &mut |_| {});
        scratch.facts
    };
    for (mail, want) in [
        ("Subject: x\n\nplain", None),
        (
            "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n",
            Some(Unscannable::Opaque),
        ),
        ("Content-Type: application/pdf\n\n%PDF-1.4 text\n", Some(Unscannable::Opaque)),
        ("Content-Type: text/plain\n\n%PDF-1.4 text\n", Some(Unscannable::Opaque)),
        (
            "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\nUEsDBBQAAAA=\n",
            Some(Unscannable::Opaque),
        ),
        (
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx",
            Some(Unscannable::Encrypted),
        ),
        ("Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--", Some(Unscannable::Encrypted)),
        ("\n-----BEGIN PGP MESSAGE-----\n\nabc\n", Some(Unscannable::Encrypted)),
        ("Content-Type: text/plain\nContent-Type: text/html\n\nx", Some(Unscannable::Ambiguous)),
        ("Content-Type: multipart/mixed\n\nx", Some(Unscannable::Ambiguous)),
        ("Content-Transfer-Encoding: x-own\n\nx", Some(Unscannable::Encoding)),
        ("Content-Type: text/plain; charset=utf-32\n\nx", Some(Unscannable::Charset)),
    ] {
        assert_eq!(of(mail).unscannable, want.into_iter().collect::<Vec<_>>(), "{mail}");
    }
    assert!(of("DKIM-Signature: v=1\n\nx").dkim && !of("Subject: x\n\nx").dkim);
    let deep = "Content-Type: message/rfc822\n\n".repeat(60);
    assert_eq!(of(&deep).unscannable, [Unscannable::TooDeep]);
}

/// What a signature covers may be read, not changed.
#[test]
fn edits_under_a_signature_are_told() {
    let mail = lines(
        "Subject: outer\nContent-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\n\n--b\n\ninner\n--b\n\
         Content-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----\n--b--\n",
    );
    assert!(replaced(mail.as_bytes(), "inner", "-").1.signed);
    assert!(!replaced(mail.as_bytes(), "outer", "-").1.signed);
}

#[test]
fn header_fields_and_parts_are_taken_out() {
    let mail = lines(
        "DKIM-Signature: v=1;\n b=x\nSubject: a\n b\nTo: c\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png; name=x\n\n\u{1}\0\n--b\n\nt\n--b--\n",
    );
    let out = String::from_utf8(with_subject(mail.as_bytes(), "You have a new message")).unwrap();
    assert!(out.contains("b=x\r\nSubject: You have a new message\r\nTo: c\r\n"), "{out}");
    let out = String::from_utf8(without_signatures(mail.as_bytes())).unwrap();
    assert!(out.starts_with("Subject: a\r\n b\r\nTo: c\r\n"), "{out}");
    let out = String::from_utf8(without_opaque_parts(mail.as_bytes()).unwrap()).unwrap();
    assert!(out.contains("--b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n[ATTACHMENT REMOVED]\r\n--b\r\n\r\nt\r\n"), "{out}");
    assert_eq!(without_opaque_parts(out.as_bytes()), None);
    assert_eq!(without_opaque_parts(b"Content-Type: image/png\r\n\r\nx"), None);
}

/// Pieces of mails, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop_oneof![
            Just("\r\n"), Just("\n"), Just("\r\n\r\n"), Just("--b\r\n"), Just("--b--\r\n"), Just("Subject: "), Just("To: "), Just("X: "),
            Just("Content-Type: multipart/mixed; boundary=b\r\n"), Just("Content-Type: text/html\r\n"), Just("Content-Type: text/plain; format=flowed\r\n"),
            Just("Content-Type: message/rfc822\r\n"), Just("Content-Type: text/calendar; charset=utf-16\r\n"), Just("Content-Type: text/plain; charset=iso-2022-jp\r\n"),
            Just("Content-Transfer-Encoding: base64\r\n"), Just("Content-Transfer-Encoding: quoted-printable\r\n"), Just("Content-Disposition: attachment; filename*0="),
            Just("=?utf-8?q?a=20b?="), Just("=?utf-8?b?YWJj?="), Just("<b>"), Just("</b>"), Just("<!--"), Just("-->"), Just("&amp;"), Just("=3D"), Just("=\r\n"),
            Just("YWJjZGVm"), Just("\"a b\""), Just("(c)"), Just("<a@b>"), Just("begin 644 x\r\n#86)C\r\n`\r\nend\r\n"), Just("219-10-9999"), Just("; filename*1*=a%20"), Just("\u{e9}"),
        ].prop_map(|s| s.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
        2 => "[a-z ,;:=<>\"()@.]{0,8}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever a mail is, its texts stand one behind the other, nothing changes without edits, and what is written is read.
    #[test]
    fn any_mail_is_read_and_written(mail in pieces(), nth in 1..4usize) {
        let mut scratch = Scratch::default();
        let (mut edits, mut end, mut n) = (Vec::new(), 0, 0);
        leaves(&mail, &mut scratch, &mut |leaf| {
            let span = leaf.map.to_payload(Span::at(0, leaf.text.len()));
            assert!(span.start() >= end && span.len() == leaf.text.len());
            end = span.end();
            n += 1;
            if n % nth == 0 {
                edits.push(Edit { span, replacement: Span::at(0, 5), place: Place::Text, depth: 0 });
            }
        });
        let mut out = Vec::new();
        encode(&mail, &[], b"", &mut scratch, &mut out);
        prop_assert_eq!(&out, &mail);
        if edits.is_empty() {
            return Ok(());
        }
        out.clear();
        encode(&mail, &edits, b"[SSN]", &mut scratch, &mut out);
        let mut seen = false;
        leaves(&out, &mut scratch, &mut |leaf| seen |= leaf.text.windows(5).any(|w| w == b"[SSN]"));
        // A mail with something in it that cannot be scanned goes nowhere by itself.
        prop_assert!(seen || !scratch.facts.unscannable.is_empty(), "{:?}", String::from_utf8_lossy(&out));
    }
}
