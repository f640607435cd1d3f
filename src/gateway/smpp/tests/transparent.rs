//! Whatever is not to be judged passes octet by octet, both ways, in its order.

use super::*;

#[tokio::test]
async fn every_other_pdu_passes() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    let tail = |id, body: &[u8]| raw(id, 0, id & 0xffff | 0x700, body);
    let pdus = [
        // Even what makes no sense: a bind of version 3.3, and one that ends in the middle.
        tail(1, b"a\0b\0\0\x33\0\0\0"),
        tail(2, b"a"),
        tail(9, b"\xff\0\0\0\x50\0\0\0"),
        tail(3, b"id\0\0\0REFUSE\0"),
        tail(8, b"\0id\0REFUSE\0"),
        tail(0xb, b"system\0password\0"),
        tail(0x15, b""),
        tail(0x102, b"\0\0a\0\0\0b\0"),
        tail(0x112, b"id\0\0\0\0"),
        tail(0x113, b"\0id\0\0\0\0"),
        tail(0x0001_0200, b"REFUSE"),
        raw(0x8000_0000, 3, 5, b""),
        raw(0x8000_0005, 0, 6, b"\0"),
        raw(0x8000_0103, 0x64, 7, b"\0"),
        raw(0x8001_0200, 0, 8, b"any"),
        raw(4, 77, 9, &plain(9, "status and all")[16..]),
        raw(6, 0, 10, b""),
    ];
    client.send(&pdus.concat()).await;
    stage.until("all PDUs", |s| s.smsc.got().len() == pdus.len()).await;
    // Replies and enquire_link may come before others, the others come in their order.
    let first = |pdu: &&Vec<u8>| header(pdu).0 >> 31 == 1 || header(pdu).0 == 0x15;
    for part in [true, false] {
        let got = stage.smsc.got();
        let got: Vec<_> = got.iter().filter(|p| first(p) == part).collect();
        let sent: Vec<_> = pdus.iter().filter(|p| first(p) == part).collect();
        assert_eq!(got, sent);
    }
    assert_eq!(stage.judge.seen(), ["status and all"]);
}

#[tokio::test]
async fn everything_passes_to_the_client() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    let pdus = [
        [&plain(1, "REFUSE 123-45-6789")[..7], &[5], &plain(1, "REFUSE 123-45-6789")[8..]].concat(),
        raw(0x103, 0, 2, b"no data_sm at all"),
        raw(0x15, 0, 3, b""),
        raw(0x102, 0, 4, b"\0\0a\0\0\0b\0"),
        raw(0xb, 0, 5, b"a\0b\0"),
        raw(6, 0, 6, b""),
        raw(0x8000_0000, 0xff, 7, b""),
        raw(0x8000_0004, 0, 8, b"for nobody\0"),
        raw(0x77, 9, 9, &[0xff; 40_000]),
    ];
    for pdu in &pdus {
        stage.smsc.say(pdu);
    }
    for pdu in &pdus {
        assert_eq!(client.next().await, *pdu);
    }
    // And the client's replies pass back, while a text is being judged.
    client.send(&plain(20, "STUCK")).await;
    stage.until("the judge", |s| !s.judge.seen().is_empty()).await;
    client.send(&raw(0x8000_0005, 0, 1, b"\0")).await;
    client.ask(&raw(0x15, 0, 21, b""), &[(0x8000_0015, OK, 21)]).await;
    assert_eq!(stage.smsc.messages(), [raw(0x8000_0005, 0, 1, b"\0"), raw(0x15, 0, 21, b"")]);
    stage.judge.set_free();
    client.expect(&[(0x8000_0004, OK, 20)]).await;
}

#[tokio::test]
async fn unknown_commands_where_they_must_not() {
    let stage = Stage::with(Script::default(), |o| o.pass_unknown = false).await;
    let mut client = stage.bound().await;
    client.ask(&raw(0x0001_0200, 0, 2, b"any"), &[(0x8000_0000, 3, 2)]).await;
    client.submit(&plain(3, "a"), OK).await;
    assert_eq!(stage.smsc.messages(), [plain(3, "a")]);
}

#[tokio::test]
async fn replies_come_as_the_smsc_gives_them() {
    let stage = Stage::with(Script { reversed: 3, ..Script::default() }, |_| ()).await;
    let mut client = stage.bound().await;
    client.send(&[plain(1, "a"), plain(2, "b"), plain(0xffff_ffff, "c")].concat()).await;
    client.expect(&[(0x8000_0004, OK, 0xffff_ffff), (0x8000_0004, OK, 2), (0x8000_0004, OK, 1)]).await;
    let stage = Stage::with(Script { status: 0x58, ..Script::default() }, |_| ()).await;
    let mut client = stage.bound().await;
    client.submit(&plain(1, "a"), 0x58).await;
    assert_eq!(stage.outcomes(), ["failed"]);
}

#[tokio::test]
async fn requests_keep_their_order() {
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    let mut pdus = Vec::new();
    for n in 0..1_000_u32 {
        let pdu = if n % 7 == 0 { raw(3, 0, n + 2, b"id\0\0\0a\0") } else { plain(n + 2, "x") };
        pdus.push(pdu);
    }
    client.send(&pdus.concat()).await;
    for n in 0..1_000 {
        assert_eq!(header(&client.next().await).2, n + 2);
    }
    assert_eq!(stage.smsc.messages(), pdus);
    drop(client);
    stage.settled().await;
}

#[tokio::test]
async fn peers_that_do_not_read() {
    // What fills every buffer between them ends the session, not the memory.
    let set = |o: &mut Options| o.timeouts.write = Duration::from_millis(300);
    let stage = Stage::with(Script::default(), set).await;
    let client = stage.bound().await;
    let large = raw(0x77, 0, 2, &[0; 60_000]);
    for _ in 0..400 {
        stage.smsc.say(&large);
    }
    stage.settled().await;
    drop(client);
    let stage = Stage::with(Script { deaf: true, ..Script::default() }, set).await;
    let mut client = stage.client().await;
    let flood = async { while client.stream.write_all(&large).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("the end of it");
    stage.settled().await;
}
