//! Texts in every field and every alphabet.

use super::*;

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[tokio::test]
async fn alphabets() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    let cyrillic = |marker: &[u8]| [b"\xb6 ".as_slice(), marker].concat();
    let korean = |marker: &[u8]| [b"\xb0\xa1 ".as_slice(), marker].concat();
    let long = "x".repeat(148) + " ";
    for (case, data_coding, text, expected) in [
        ("gsm7", 0, b"@\x00 123-45-6789".to_vec(), b"@\x00 <a number was removed>".to_vec()),
        // `[` and `]` have two septets each.
        (
            "gsm7, no room for more",
            0,
            (long.clone() + "123-45-6789").into(),
            (long.clone() + "\x1b<SSN\x1b>").into(),
        ),
        ("gsm7, a lone escape", 0, b"\x1b1 123-45-6789".to_vec(), b"1 <a number was removed>".to_vec()),
        ("ascii", 1, b"123-45-6789".to_vec(), b"<a number was removed>".to_vec()),
        (
            "gsm7 that is called ascii",
            1,
            b"a\x00b 123-45-6789".to_vec(),
            b"a\x00b <a number was removed>".to_vec(),
        ),
        ("octets that are ascii", 4, b"123-45-6789".to_vec(), b"<a number was removed>".to_vec()),
        ("latin1", 3, b"\xe9 123-45-6789".to_vec(), b"\xe9 <a number was removed>".to_vec()),
        ("cyrillic", 6, cyrillic(b"123-45-6789"), cyrillic(b"<a number was removed>")),
        ("hebrew", 7, b"\xe0 123-45-6789".to_vec(), b"\xe0 <a number was removed>".to_vec()),
        ("korean", 14, korean(b"123-45-6789"), korean(b"<a number was removed>")),
        ("ucs2", 8, utf16("Ж😀 123-45-6789"), utf16("Ж😀 <a number was removed>")),
        ("flash", 0x10, b"123-45-6789".to_vec(), b"<a number was removed>".to_vec()),
        ("flash, ucs2", 0x18, utf16("123-45-6789"), utf16("<a number was removed>")),
        ("message class", 0xf1, b"123-45-6789".to_vec(), b"<a number was removed>".to_vec()),
        ("message class, octets", 0xf5, b"123-45-6789".to_vec(), b"<a number was removed>".to_vec()),
        ("message waiting", 0xc8, b"123-45-6789".to_vec(), b"<a number was removed>".to_vec()),
    ] {
        client.submit(&submit(7, 0, data_coding, &text, &[]), OK).await;
        let pdu = stage.smsc.messages().pop().unwrap();
        assert_eq!(pdu, submit(7, 0, data_coding, &expected, &[]), "{case}");
        assert_eq!(super::text(&pdu), expected);
    }
    let accounts: HashSet<_> = stage.judge.seen.lock().unwrap().iter().map(|s| s.0.clone()).collect();
    assert_eq!(accounts, HashSet::from(["clinic".to_owned()]));
    assert!(stage.outcomes().iter().all(|outcome| *outcome == "forwarded"));
    drop(client);
    stage.settled().await;
}

#[tokio::test]
async fn texts_that_cannot_be_read() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    let mut client5 = stage.bound_as(0x50).await;
    for (case, esm_class, data_coding, text) in [
        ("no septet", 0, 0, &b"caf\xe9"[..]),
        ("no ascii", 0, 1, b"caf\xe9"),
        ("octets", 0, 4, b"\x01\x02"),
        ("octets, the other way", 0, 2, b"\x01\x02"),
        ("jis", 0, 5, b"abc"),
        ("pictograms", 0, 9, b"abc"),
        ("iso-2022-jp", 0, 10, b"abc"),
        ("reserved", 0, 0xe0, b"abc"),
        ("compressed", 0, 0x20, b"abc"),
        ("half of a unit", 0, 8, b"\0a\0"),
        ("the other byte order", 0, 8, b"\xff\xfea\0"),
        ("half of a character", 0, 14, b"\xb0"),
        ("a national table, by npm's smpp", 0x40, 1, b"\x03\x24\x01\x01abc"),
        ("a national table", 0x40, 0, b"\x03\x25\x01\x01abc"),
    ] {
        let pdu = submit(7, esm_class, data_coding, text, &[]);
        client.submit(&pdu, RSUBMITFAIL).await;
        client5.send(&pdu).await;
        let reply = client5.next().await;
        assert_eq!(header(&reply), (0x8000_0004, 0x104, 7), "{case}");
        assert_eq!(tlv(&reply, 0x1d).unwrap(), b"The alphabet of the text is not supported\0");
        read(&reply);
    }
    assert!(stage.smsc.messages().is_empty() && stage.judge.seen().is_empty());
    assert!(stage.outcomes().iter().all(|outcome| *outcome == "refused"));
}

#[tokio::test]
async fn configured_alphabets() {
    for (default_alphabet, text, read) in [
        (DefaultAlphabet::Latin1, &b"caf\xe9 @"[..], "café @"),
        (DefaultAlphabet::Ascii, b"a@", "a@"),
        (DefaultAlphabet::Gsm7Packed, &[0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37], "hellohello"),
    ] {
        let stage = Stage::with(Script::default(), |o| o.rules.default_alphabet = default_alphabet).await;
        let mut client = stage.bound().await;
        client.submit(&submit(7, 0, 0, text, &[]), OK).await;
        client.submit(&submit(8, 0, 0xf0, text, &[]), OK).await;
        assert_eq!(stage.judge.seen(), [read, read]);
        assert_eq!(stage.smsc.texts(), [text, text]);
    }
    // Packed, behind a header that is not a segment's, with an edit.
    let stage = Stage::with(Script::default(), |o| o.rules.default_alphabet = DefaultAlphabet::Gsm7Packed);
    let stage = stage.await;
    let mut client = stage.bound().await;
    let ports = [6, 5, 4, 0, 80, 0, 80];
    let packed = |text: &str| [&ports[..], &gsm7::pack(7, text.as_bytes())].concat();
    client.submit(&submit(7, 0x40, 0, &packed("is 123-45-6789."), &[]), OK).await;
    assert_eq!(stage.judge.seen(), ["is 123-45-6789."]);
    assert_eq!(stage.smsc.texts(), [packed("is <a number was removed>.")]);
    // Binary data, where it may pass.
    let stage = Stage::with(Script::default(), |o| o.rules.binary = Binary::Allow).await;
    let mut client = stage.bound().await;
    client.submit(&submit(7, 0, 4, b"\x01\x02", &[]), OK).await;
    client.submit(&submit(8, 0, 4, b"REFUSE", &[]), RSUBMITFAIL).await;
    assert_eq!((stage.judge.seen(), stage.smsc.messages().len()), (vec!["REFUSE".to_owned()], 1));
}

#[tokio::test]
async fn verdicts() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    for (text, status, outcome) in [
        ("fine", OK, "forwarded"),
        ("REFUSE", RSUBMITFAIL, "refused"),
        ("LATER", RMSGQFUL, "failed"),
        ("PANIC", RMSGQFUL, "failed"),
        ("", OK, "forwarded"),
        // No room for any of the texts: the last, with ? for what the alphabet lacks.
        (&("x".repeat(160) + "123-45-6789"), OK, "forwarded"),
    ] {
        client.submit(&plain(7, text), status).await;
        assert_eq!(stage.outcomes().last(), Some(&outcome), "{text}");
    }
    let forwarded = [b"fine".to_vec(), Vec::new(), ("x".repeat(160) + "#?").into()];
    assert_eq!(stage.smsc.texts()[..2], forwarded[..2]);
    assert_eq!(stage.smsc.texts().len(), 3);
    // Where the version lets a reply have a reason, it has it.
    let mut client = stage.bound_as(0x50).await;
    client.send(&plain(7, "REFUSE")).await;
    let reply = client.next().await;
    assert_eq!((header(&reply).1, tlv(&reply, 0x1d).unwrap()), (RSUBMITFAIL, b"Not this\0".to_vec()));
}

#[tokio::test]
async fn a_message_in_each_field() {
    let stage = Stage::new().await;
    let mut client = stage.bound_as(0x50).await;
    let dirty = b"123-45-6789";
    let clean = b"<a number was removed>";
    let long = [b"y".repeat(400), dirty.to_vec()].concat();
    let long_clean = [b"y".repeat(400), clean.to_vec()].concat();
    let multi = |text: &[u8]| {
        let head = b"\0\0\0CLINIC\0\x02\x01\x01\x011555\0\x02friends\0";
        raw(0x21, 0, 3, &[&head[..], &[0, 0, 0, 0, 0, 1, 0, 0, 0, text.len() as u8], text].concat())
    };
    let replace =
        |text: &[u8]| raw(7, 0, 4, &[b"id7\0\0\0CLINIC\0\0\0\x01\0", &[text.len() as u8][..], text].concat());
    let data = |text: &[u8]| {
        let tlvs = optional(&[(0x30, &[1]), (0x424, text)]);
        raw(0x103, 0, 5, &[&b"\0\0\0CLINIC\0\x01\x011555\0\0\0\0"[..], &tlvs].concat())
    };
    let broadcast = |text: &[u8]| {
        let tlvs = optional(&[(0x606, b"\0Springfield"), (0x424, text), (0x601, &[0, 0, 0])]);
        raw(0x111, 0, 6, &[&b"\0\0\0CLINIC\0id\0\0\0\0\0\0\0"[..], &tlvs].concat())
    };
    for (case, sent, expected) in [
        (
            "message_payload",
            submit(2, 0, 0, b"", &[(0x424, &long)]),
            submit(2, 0, 0, b"", &[(0x424, &long_clean)]),
        ),
        (
            "TLVs on both sides of it",
            submit(2, 0, 0, b"", &[(0x20a, &[0, 80]), (0x424, dirty), (0x204, &[0, 1])]),
            submit(2, 0, 0, b"", &[(0x20a, &[0, 80]), (0x424, clean), (0x204, &[0, 1])]),
        ),
        (
            "an empty payload besides",
            submit(2, 0, 0, dirty, &[(0x424, b"")]),
            submit(2, 0, 0, clean, &[(0x424, b"")]),
        ),
        ("submit_multi", multi(dirty), multi(clean)),
        ("replace_sm", replace(dirty), replace(clean)),
        ("data_sm", data(dirty), data(clean)),
        ("broadcast_sm", broadcast(dirty), broadcast(clean)),
        (
            "a name",
            submit(
                2,
                0,
                0,
                b"",
                &[(0x303, b"\x08\0M\0r\0 \x001\x002\x003\0-\x004\x005\0-\x006\x007\x008\x009")],
            ),
            submit(2, 0, 0, b"", &[(0x303, &[&[8], &utf16("Mr <a number was removed>")[..]].concat())]),
        ),
        (
            "an operator's TLV, no longer than it was",
            submit(2, 0, 0, b"a", &[(0x1400, b"1 123-45-6789 2")]),
            submit(2, 0, 0, b"a", &[(0x1400, b"1 [SSN] 2")]),
        ),
        (
            "a number that is none",
            submit(2, 0, 0, b"a", &[(0x20a, b"123-45-6789")]),
            submit(2, 0, 0, b"a", &[(0x20a, b"[SSN]")]),
        ),
        (
            "addresses",
            submit_to(
                "123-45-6789",
                2,
                0,
                0,
                b"a",
                &[(0x381, b"\0\0\x00123-45-6789"), (0x203, b"\x80123-45-6789")],
            ),
            submit_to(
                "123-45-6789",
                2,
                0,
                0,
                b"a",
                &[(0x381, b"\0\0\x00123-45-6789"), (0x203, b"\x80123-45-6789")],
            ),
        ),
    ] {
        client.submit(&sent, OK).await;
        assert_eq!(stage.smsc.messages().pop().unwrap(), expected, "{case}");
        // rusmpp wants a port to be one.
        if case != "a number that is none" {
            read(&expected);
        }
    }
    for (case, pdu, status) in [
        ("both", submit(2, 0, 0, b"a", &[(0x424, b"b")]), RINVTLVVAL),
        ("two payloads", submit(2, 0, 0, b"", &[(0x424, b"a"), (0x424, b"b")]), RINVTLVVAL),
        ("a name in octets", submit(2, 0, 0, b"a", &[(0x303, b"\x04\x01")]), 0x104),
        ("a name in what?", submit(2, 0, 0, b"a", &[(0x303, b"\x09a")]), 0x104),
        ("a TLV", submit(2, 0, 0, b"a", &[(0x1400, b"REFUSE")]), RSUBMITFAIL),
        ("reason", submit(2, 0, 0, b"a", &[(0x1d, b"LATER\0")]), RMSGQFUL),
        ("replace_sm", replace(b"REFUSE"), 0x13),
        ("replace_sm in UCS-2", replace(&utf16("123-45-6789")), 0x13),
        ("broadcast_sm", broadcast(b"REFUSE"), 0x10d),
        (
            "deliver_sm from a client",
            [&plain(2, "REFUSE")[..7], &[5], &plain(2, "REFUSE")[8..]].concat(),
            RSUBMITFAIL,
        ),
        ("a header that is none", submit(2, 0x40, 0, b"\x05a", &[]), RINVTLVVAL),
    ] {
        let before = stage.smsc.messages().len();
        client.submit(&pdu, status).await;
        assert_eq!(stage.smsc.messages().len(), before, "{case}");
    }
    drop(client);
    stage.settled().await;
}

#[tokio::test]
async fn trusted_tlvs_pass() {
    let stage = Stage::with(Script::default(), |o| o.rules.trusted_tlvs = vec![0x1400]).await;
    let mut client = stage.bound().await;
    client.submit(&submit(2, 0, 0, b"a", &[(0x1400, b"REFUSE")]), OK).await;
    client.submit(&submit(2, 0, 0, b"a", &[(0x1401, b"REFUSE")]), RSUBMITFAIL).await;
    assert_eq!(stage.judge.seen(), ["a", "a", "REFUSE"]);
}

#[tokio::test]
async fn texts_in_one_of_two_alphabets() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    for (text, status, seen) in [
        (&b"nothing special"[..], OK, vec!["nothing special"]),
        (b"a@b", OK, vec!["a@b", "a¡b"]),
        (b"a\x00b\x1b<", OK, vec!["a@b[", "a\0b\u{1b}<"]),
        (b"REFUSE [", RSUBMITFAIL, vec!["REFUSE ["]),
        // No NUL stands in a text, but where it is no NUL.
        (b"\x00 REFUSE", RSUBMITFAIL, vec!["@ REFUSE"]),
        (b"[ LA\x1bTER", RMSGQFUL, vec!["Ä LATER"]),
    ] {
        stage.judge.seen.lock().unwrap().clear();
        client.submit(&submit(7, 0, 1, text, &[]), status).await;
        assert_eq!(stage.judge.seen(), seen);
    }
    // Of two markers the one that both alphabets have in the same place.
    let long = "x".repeat(140) + " ";
    let text = long.clone() + "123-45-6789";
    client.submit(&submit(7, 0, 1, text.as_bytes(), &[]), OK).await;
    assert_eq!(stage.smsc.texts().pop().unwrap(), (long + "#?").into_bytes());
    assert_eq!(stage.judge.seen().len(), 2);
}
