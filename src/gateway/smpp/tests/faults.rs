//! Malformed PDUs, an SMSC that fails, clients that go, stops: a message is acknowledged when the SMSC has it, and never
//! else.

use super::*;

#[tokio::test]
async fn malformed_pdus() {
    let good = plain(2, "good");
    let cut = |at: usize| {
        let mut pdu = plain(3, "malformed")[..at].to_vec();
        pdu::set_length(&mut pdu);
        pdu
    };
    let mut longer = plain(3, "malformed");
    longer.extend(b"abc");
    pdu::set_length(&mut longer);
    let multi = raw(0x21, 0, 3, b"\0\0\0a\0\x01\x03b\0\0\0\0\0\0\0\0\0\0\0");
    for (case, octets, sequence) in [
        ("length 0", vec![0; 16], 0),
        ("length 15", [&[0, 0, 0, 15][..], &[0; 11]].concat(), 0),
        ("too long", vec![0x7f, 0xff, 0xff, 0xff], 0),
        ("a byte too long", (72_u32 * 1024 + 1).to_be_bytes().to_vec(), 0),
        ("no body", cut(16), 3),
        ("an address without end", cut(24), 3),
        ("no length of the text", cut(46), 3),
        ("half a text", cut(50), 3),
        ("octets behind", longer, 3),
        ("a destination that is none", multi, 3),
    ] {
        let stage = Stage::new().await;
        let mut client = stage.bound().await;
        // What came before is still answered, what comes after is nothing.
        let octets: Vec<u8> = octets;
        client.send(&[&good[..], &octets, &plain(4, "after")].concat()).await;
        client.expect(&[(0x8000_0004, OK, 2), (0x8000_0000, 2, sequence)]).await;
        client.expect_end().await;
        assert_eq!(stage.smsc.messages(), std::slice::from_ref(&good), "{case}");
        drop(client);
        stage.settled().await;
    }
}

#[tokio::test]
async fn an_smsc_that_is_not_there() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let stage = Stage::with(Script::default(), |o| o.smsc = free.to_string()).await;
    for (request, reply) in [
        (bind(0x34), (0x8000_0009, RSYSERR, 1)),
        (raw(2, 0, 5, b""), (0x8000_0002, RSYSERR, 5)),
        (raw(0x7777, 0, 5, b""), (0x8000_0000, RSYSERR, 5)),
    ] {
        let mut client = stage.client().await;
        client.ask(&request, &[reply]).await;
        client.expect_end().await;
    }
    let mut client = stage.client().await;
    client.send(&raw(0x8000_0000, 0, 5, b"")).await;
    client.expect_end().await;
    stage.settled().await;
}

#[tokio::test]
async fn an_smsc_that_closes() {
    let stage = Stage::with(Script { closes: true, ..Script::default() }, |_| ()).await;
    let mut client = stage.bound().await;
    let half = submit(2, 0x40, 0, b"\x05\0\x03\x01\x02\x01a", &[]);
    client.send(&[half, plain(3, "a")].concat()).await;
    // The segment was not sent, and that is known. Of the other nothing is known.
    client.expect(&[(0x8000_0004, RSYSERR, 2)]).await;
    client.expect_end().await;
    stage.settled().await;
    assert_eq!(stage.outcomes(), ["failed", "failed"]);
    // One that sends what is no PDU.
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    stage.smsc.say(&[raw(0x15, 0, 9, b""), vec![0, 0, 0, 3]].concat());
    client.expect(&[(0x15, 0, 9)]).await;
    client.expect_end().await;
    stage.settled().await;
}

#[tokio::test]
async fn a_judge_that_takes_too_long() {
    let set = |o: &mut Options| {
        o.timeouts.judge = Duration::from_millis(100);
        o.max_judgements = 2;
    };
    let stage = Stage::with(Script::default(), set).await;
    let mut client = stage.bound().await;
    client.send(&[plain(2, "fine"), plain(3, "STUCK"), plain(4, "behind it")].concat()).await;
    let (mut told, mut sent) = (HashSet::new(), 0);
    for _ in 0..3 {
        let (_, status, sequence) = header(&client.next().await);
        match status {
            RMSGQFUL => assert!(told.insert(sequence)),
            _ => sent += 1,
        }
    }
    assert!(told.contains(&3), "{told:?}");
    assert_eq!(stage.smsc.messages().len(), sent);
    // It still has its memory, but not the session; the next text has another thread.
    assert!(stage.memory.available_permits() < MEMORY);
    assert!(stage.smsc.messages().iter().all(|pdu| text(pdu) != b"STUCK"));
    stage.judge.set_free();
    drop(client);
    stage.settled().await;
    assert!(stage.smsc.messages().iter().all(|pdu| text(pdu) != b"STUCK"));
}

#[tokio::test]
async fn clients_that_go() {
    let stage = Stage::new().await;
    // In the middle of a PDU, of a message, of a judgement.
    let mut client = stage.bound().await;
    client.send(&plain(2, "half")[..30]).await;
    drop(client);
    let mut client = stage.bound().await;
    client.send(&submit(2, 0x40, 0, b"\x05\0\x03\x01\x02\x01a", &[])).await;
    drop(client);
    stage.settled().await;
    assert!(stage.smsc.messages().is_empty());
    let mut client = stage.bound().await;
    client.send(&plain(2, "STUCK")).await;
    stage.until("the judge", |s| !s.judge.seen().is_empty()).await;
    stage.judge.set_free();
    drop(client);
    stage.settled().await;
    // One that only says that it has no more requests gets its replies.
    let mut client = stage.bound().await;
    client.send(&plain(2, "last")).await;
    client.stream.shutdown().await.unwrap();
    client.expect(&[(0x8000_0004, OK, 2)]).await;
    client.expect_end().await;
    stage.settled().await;
}

#[tokio::test]
async fn a_client_that_says_nothing() {
    let stage = Stage::with(Script::default(), |o| o.timeouts.client = Duration::from_millis(200)).await;
    let mut client = stage.bound().await;
    client.expect_end().await;
    stage.settled().await;
}

#[tokio::test]
async fn too_many() {
    let stage = Stage::with(Script { silent: true, ..Script::default() }, |o| {
        o.max_outstanding = 2;
        o.max_sessions = 1;
        o.timeouts.stop = Duration::from_millis(100);
    });
    let stage = stage.await;
    let mut client = stage.bound().await;
    for n in 2..4 {
        client.send(&plain(n, "a")).await;
        stage.until("a message", |s| s.smsc.messages().len() == n as usize - 1).await;
    }
    client.submit(&plain(4, "a"), RTHROTTLED).await;
    // Another client.
    let mut other = stage.client().await;
    other.expect_end().await;
    // An answer that is no answer to a message does not make room; one that is does.
    stage.smsc.say(&raw(0x8000_0003, 0, 2, b""));
    client.expect(&[(0x8000_0003, 0, 2)]).await;
    client.submit(&plain(5, "a"), RTHROTTLED).await;
    stage.smsc.say(&raw(0x8000_0000, 3, 2, b""));
    client.expect(&[(0x8000_0000, 3, 2)]).await;
    client.send(&plain(6, "a")).await;
    stage.until("a message", |s| s.smsc.messages().len() == 3).await;
    drop(client);
    stage.settled().await;
    let mut outcomes = stage.outcomes();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["failed", "failed", "failed", "no_memory", "no_memory"]);
}

#[tokio::test]
async fn stops() {
    // Nothing to wait for.
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    stage.stop.send(true).unwrap();
    client.expect_end().await;
    timeout(PATIENCE, stage.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(stage.proxy).await.is_err());
    // A text that is being judged, and a segment that waits.
    let stage = Stage::new().await;
    let mut client = stage.bound().await;
    let half = submit(2, 0x40, 0, b"\x05\0\x03\x01\x02\x01a", &[]);
    client.send(&[half, plain(3, "STUCK")].concat()).await;
    stage.until("the judge", |s| !s.judge.seen().is_empty()).await;
    stage.stop.send(true).unwrap();
    stage.judge.set_free();
    client.expect(&[(0x8000_0004, RSYSERR, 2), (0x8000_0004, OK, 3)]).await;
    client.expect_end().await;
    timeout(PATIENCE, stage.served).await.unwrap().unwrap();
    // An SMSC that does not answer.
    let set = |o: &mut Options| o.timeouts.stop = Duration::from_millis(100);
    let stage = Stage::with(Script { silent: true, ..Script::default() }, set).await;
    let mut client = stage.bound().await;
    client.send(&plain(2, "a")).await;
    stage.until("a message", |s| s.smsc.messages().len() == 1).await;
    stage.stop.send(true).unwrap();
    client.expect_end().await;
    timeout(PATIENCE, stage.served).await.unwrap().unwrap();
}
