//! Messages in segments: judged as one, sent or refused as one.

use super::*;

/// A header for a segment, with a reference of 8 bits.
fn udh(reference: u8, total: u8, number: u8) -> Vec<u8> {
    vec![5, 0, 3, reference, total, number]
}

fn udh16(reference: u8, total: u8, number: u8) -> Vec<u8> {
    vec![6, 8, 4, 1, reference, total, number]
}

fn segment(sequence: u32, header: &[u8], text: &[u8]) -> Vec<u8> {
    submit(sequence, 0x40, 0, &[header, text].concat(), &[])
}

fn sar(sequence: u32, reference: u8, total: u8, number: u8, text: &[u8]) -> Vec<u8> {
    submit(sequence, 0, 0, text, &[(0x20c, &[0, reference]), (0x20e, &[total]), (0x20f, &[number])])
}

fn sent(sequence: u32) -> (u32, u32, u32) {
    (0x8000_0004, OK, sequence)
}

fn refused(sequence: u32, status: u32) -> (u32, u32, u32) {
    (0x8000_0004, status, sequence)
}

#[tokio::test]
async fn a_value_in_two_segments() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    let (one, two) = ("x".repeat(147) + " 123-", "45-6789 is it");
    let whole = [&one, two].concat();
    for (n, header) in [udh, udh16].into_iter().enumerate() {
        client.send(&segment(11, &header(7, 2, 1), one.as_bytes())).await;
        // While it waits, the connection lives.
        client.ask(&raw(0x15, 0, 12, b""), &[(0x8000_0015, OK, 12)]).await;
        client.ask(&segment(13, &header(7, 2, 2), two.as_bytes()), &[sent(11), sent(13)]).await;
        assert_eq!(stage.judge.seen()[n], whole);
        let texts = stage.smsc.texts().split_off(2 * n);
        let length = header(7, 2, 1).len();
        assert!(texts[0].starts_with(&header(7, 2, 1)) && texts[1].starts_with(&header(7, 2, 2)));
        let joined = [&texts[0][length..], &texts[1][length..]].concat();
        assert_eq!(joined, whole.replace("123-45-6789", "<a number was removed>").into_bytes());
        // Evenly.
        assert!(texts[0].len() - texts[1].len() <= 1);
    }
    let (one, two) = ("12", "3-45-6789");
    client.send(&sar(21, 7, 2, 1, one.as_bytes())).await;
    client.ask(&sar(22, 7, 2, 2, two.as_bytes()), &[sent(21), sent(22)]).await;
    let pdus = stage.smsc.messages().split_off(6);
    assert_eq!(pdus, [sar(21, 7, 2, 1, b"<a number w"), sar(22, 7, 2, 2, b"as removed>")]);
    drop(client);
    stage.settled().await;
}

#[tokio::test]
async fn what_is_not_changed_is_not_touched() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    // In any order they come, and others between them.
    let parts: Vec<_> = (1..=4).map(|n| segment(n.into(), &udh(9, 4, n), b"<a\x1b")).collect();
    for n in [4, 2, 1] {
        client.send(&parts[n - 1]).await;
    }
    client.submit(&plain(50, "alone"), OK).await;
    client.ask(&parts[2], &[sent(1), sent(2), sent(3), sent(4)]).await;
    assert_eq!(stage.smsc.messages(), [vec![plain(50, "alone")], parts].concat());
    // An escape at the end of a segment leads into the next.
    assert_eq!(stage.judge.seen()[1], "<a[a[a[a ");
}

#[tokio::test]
async fn surrogates_and_payloads() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    // Two halves of a character in two segments, in message_payload.
    let units: Vec<u8> = "a😀 123-45-6789".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let part = |sequence, number: u8, text: &[u8]| {
        let value = [&udh(1, 2, number), text].concat();
        submit(sequence, 0x40, 8, b"", &[(0x424, &value)])
    };
    client.send(&part(1, 1, &units[..4])).await;
    client.ask(&part(2, 2, &units[4..]), &[sent(1), sent(2)]).await;
    assert_eq!(stage.judge.seen(), ["a😀 123-45-6789"]);
    let texts = stage.smsc.texts();
    let joined = [&texts[0][6..], &texts[1][6..]].concat();
    let expected: Vec<u8> = "a😀 <a number was removed>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(joined, expected);
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    // The judge has nothing short enough.
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    let full = "x".repeat(153);
    let text = "[".repeat(71) + "123-45-6789";
    client.send(&segment(1, &udh(1, 2, 1), full.as_bytes())).await;
    let written = Text(&text).septets();
    assert_eq!(written.len(), 153);
    client.ask(&segment(2, &udh(1, 2, 2), &written), &[sent(1), sent(2)]).await;
    let texts = stage.smsc.texts();
    assert!(texts.iter().all(|text| text.len() <= 6 + 153));
    assert!(texts[1].ends_with(b"#?") || texts[1].ends_with(b"\x1b<SSN\x1b>"));
}

struct Text<'a>(&'a str);

impl Text<'_> {
    fn septets(&self) -> Vec<u8> {
        self.0.replace('[', "\x1b<").into_bytes()
    }
}

#[tokio::test]
async fn refused_as_one() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    for (word, status) in [("REFUSE", RSUBMITFAIL), ("LATER", RMSGQFUL), ("PANIC", RMSGQFUL)] {
        client.send(&segment(1, &udh(1, 2, 1), &word.as_bytes()[..3])).await;
        let two = segment(2, &udh(1, 2, 2), &word.as_bytes()[3..]);
        client.ask(&two, &[refused(1, status), refused(2, status)]).await;
    }
    // Not in one alphabet.
    client.send(&segment(1, &udh(1, 2, 1), b"abc")).await;
    let other = submit(2, 0x40, 8, &[&udh(1, 2, 2)[..], b"\0a"].concat(), &[]);
    client.ask(&other, &[refused(1, RSUBMITFAIL), refused(2, RSUBMITFAIL)]).await;
    assert!(stage.smsc.messages().is_empty());
    for (case, pdu) in [
        (
            "two ways at once",
            submit(
                3,
                0x40,
                0,
                &[&udh(1, 2, 1)[..], b"a"].concat(),
                &[(0x20c, &[0, 1]), (0x20e, &[2]), (0x20f, &[1])],
            ),
        ),
        ("no total", submit(3, 0, 0, b"a", &[(0x20c, &[0, 1]), (0x20f, &[1])])),
        ("number 0", sar(3, 1, 2, 0, b"a")),
        ("number 3 of 2", segment(3, &udh(1, 2, 3), b"a")),
        ("two headers", segment(3, &[10, 0, 3, 1, 2, 1, 0, 3, 2, 2, 1], b"a")),
        ("nothing in it", sar(3, 1, 2, 1, b"")),
    ] {
        client.submit(&pdu, RINVTLVVAL).await;
        assert!(stage.smsc.messages().is_empty(), "{case}");
    }
    // One of one is a message.
    client.submit(&segment(4, &udh(1, 1, 1), b"a"), OK).await;
}

#[tokio::test]
async fn segments_are_told_apart() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    let to = |to, sequence, number, text: &[u8]| {
        submit_to(to, sequence, 0x40, 0, &[&udh(1, 2, number)[..], text].concat(), &[])
    };
    // Another recipient, another kind of reference, another connection.
    client.send(&to("1", 1, 1, b"a")).await;
    client.send(&to("2", 2, 2, b"b")).await;
    client.send(&sar(3, 1, 2, 2, b"c")).await;
    client.send(&segment(4, &udh16(1, 2, 2), b"d")).await;
    let mut other = stage.bound().await;
    other.send(&to("1", 1, 2, b"e")).await;
    other.submit(&plain(2, "x"), OK).await;
    client.submit(&plain(5, "y"), OK).await;
    assert_eq!(stage.judge.seen(), ["x", "y"]);
    client.ask(&to("1", 6, 2, b"f"), &[sent(1), sent(6)]).await;
    assert_eq!(stage.judge.seen()[2], "af");
    // The same number again: the later one counts, and is what is sent.
    client.ask(&to("2", 7, 2, b"B"), &[refused(2, RMSGQFUL)]).await;
    client.ask(&to("2", 8, 1, b"g"), &[sent(8), sent(7)]).await;
    assert_eq!(stage.judge.seen()[3], "gB");
    // A client that goes leaves nothing behind; one that says so is told.
    let nothing = raw(6, 0, 9, b"");
    client.send(&nothing).await;
    let told = HashSet::from([header(&client.next().await), header(&client.next().await)]);
    assert_eq!(told, HashSet::from([refused(3, RMSGQFUL), refused(4, RMSGQFUL)]));
    client.expect(&[(0x8000_0006, OK, 9)]).await;
    drop((client, other));
    stage.settled().await;
}

#[tokio::test]
async fn a_client_that_waits_for_each_reply() {
    let set = |o: &mut Options| o.timeouts.segments = Duration::from_millis(50);
    let stage = Stage::with(Script::default(), set).await;
    let mut client = stage.bound().await;
    // It gets a reply, but nothing was sent; the next segment fares no better.
    client.submit(&segment(1, &udh(1, 2, 1), b"123-45"), RMSGQFUL).await;
    client.submit(&segment(2, &udh(1, 2, 2), b"-6789"), RMSGQFUL).await;
    assert!(stage.smsc.messages().is_empty());
    assert_eq!(stage.outcomes(), ["failed", "failed"]);
    // The same message as a whole does it.
    client.submit(&submit(3, 0, 0, b"", &[(0x424, b"123-45-6789")]), OK).await;
    drop(client);
    stage.settled().await;
    // Or it is told at once.
    let stage = Stage::with(Script::default(), |o| o.segments = Segments::Refuse).await;
    let mut client = stage.bound().await;
    client.submit(&segment(1, &udh(1, 2, 1), b"123-45"), RSUBMITFAIL).await;
    client.submit(&segment(2, &udh(1, 1, 1), b"a"), OK).await;
}

#[tokio::test]
async fn limits() {
    // Too many segments: all that wait are told.
    let stage = Stage::with(Script::default(), |o| o.max_held = 2).await;
    let mut client = stage.bound().await;
    for n in 1..=2 {
        client.send(&segment(n.into(), &udh(n, 2, 1), b"a")).await;
    }
    client.send(&segment(3, &udh(3, 2, 1), b"a")).await;
    let mut told = HashSet::new();
    for _ in 0..3 {
        let (_, status, sequence) = header(&client.next().await);
        assert_eq!(status, RTHROTTLED);
        told.insert(sequence);
    }
    assert_eq!(told, HashSet::from([1, 2, 3]));
    // Too much memory.
    let stage = Stage::new().await;
    let held = Arc::clone(&stage.memory).try_acquire_many_owned(MEMORY as u32 - 700).unwrap();
    let mut client = stage.bound().await;
    client.send(&segment(1, &udh(1, 2, 1), b"a")).await;
    client.submit(&plain(2, "b"), RTHROTTLED).await;
    assert_eq!(stage.outcomes(), ["no_memory"]);
    drop(held);
    client.ask(&segment(3, &udh(1, 2, 2), b"c"), &[sent(1), sent(3)]).await;
}

#[tokio::test]
async fn a_segment_that_the_smsc_turns_down_may_come_again() {
    let stage = Stage::with(Script { silent: true, ..Script::default() }, |_| ()).await;
    let mut client = stage.bound().await;
    let (one, two) = (segment(2, &udh(1, 2, 1), b"123-45-"), segment(3, &udh(1, 2, 2), b"6789 is it"));
    client.send(&[one, two].concat()).await;
    stage.until("both", |s| s.smsc.messages().len() == 2).await;
    stage.smsc.say(&[raw(0x8000_0004, OK, 2, b"id\0"), raw(0x8000_0004, RTHROTTLED, 3, b"")].concat());
    client.expect(&[sent(2), refused(3, RTHROTTLED)]).await;
    client.send(&segment(4, &udh(1, 2, 2), b"6789 is it")).await;
    stage.until("the second once more", |s| s.smsc.messages().len() == 3).await;
    let texts = stage.smsc.texts();
    assert_eq!(texts[1], texts[2]);
    assert_eq!(header(&stage.smsc.messages()[2]), (SUBMIT, 0, 4));
    assert_eq!(stage.judge.seen(), ["123-45-6789 is it"]);
    // Once it is taken, the same is the beginning of another message; and so is what differs.
    stage.smsc.say(&raw(0x8000_0004, OK, 4, b"id\0"));
    client.expect(&[sent(4)]).await;
    client.send(&segment(5, &udh(1, 2, 2), b"6789 is it")).await;
    client.ask(&segment(6, &udh(1, 2, 2), b"6789"), &[refused(5, RMSGQFUL)]).await;
    assert_eq!(stage.smsc.messages().len(), 3);
}
