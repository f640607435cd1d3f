//! Peers that do not keep to the protocol, or to time.

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::net::TcpSocket;

use super::conversation::{Conversation, Next};
use super::*;

/// Whatever does not belong where it comes closes the connection: the MTA answers 451 then.
#[tokio::test]
async fn what_cannot_be_understood_closes_the_connection() {
    let stage = Stage::new().await;
    let packet = |letter, data: &[u8]| {
        let mut out = Vec::new();
        packet::put(&mut out, letter, &[data]);
        out
    };
    let negotiated = packet(b'O', NEW.map(u32::to_be_bytes).as_flattened());
    let old = packet(b'O', [1_u32, 0x3f, 0x7f].map(u32::to_be_bytes).as_flattened());
    let weak = packet(b'O', [6_u32, 0x01, 0x7f].map(u32::to_be_bytes).as_flattened());
    let (field, end) = (packet(b'L', b"A\0 b\0"), packet(b'N', b""));
    for (number, bytes) in [
        old,
        weak,
        packet(b'O', b"short"),
        field.clone(),
        packet(b'C', b"x"),
        packet(b'E', b""),
        [&negotiated[..], &[0; 4]].concat(),
        [&negotiated[..], &[0xff; 9]].concat(),
        [&negotiated[..], b"EHLO x\r\n"].concat(),
        [&negotiated[..], &packet(b'Z', b"")].concat(),
        [&negotiated[..], &packet(b'L', b"A")].concat(),
        [&negotiated[..], &packet(b'L', b"A\0b\0c\0")].concat(),
        [&negotiated[..], &packet(b'B', b"x")].concat(),
        [&negotiated[..], &packet(b'E', b"x")].concat(),
        [&negotiated[..], &field, &packet(b'E', b"x")].concat(),
        [&negotiated[..], &field, &packet(b'B', b"x")].concat(),
        [&negotiated[..], &field, &negotiated].concat(),
        [&negotiated[..], &end, &field].concat(),
        [&negotiated[..], &end, &end].concat(),
        [&negotiated[..], &end, &packet(b'N', b"x")].concat(),
    ]
    .into_iter()
    .enumerate()
    {
        let mut mta = stage.raw().await;
        let _ = mta.stream.write_all(&bytes).await;
        while let Some((letter, _)) = mta.packet().await {
            assert_eq!(letter, b'O', "case {number}");
        }
    }
    stage.settled().await;
    assert!(stage.judge.seen.lock().unwrap().is_empty());
    assert!(stage.outcomes().iter().all(|o| *o == "failed"));
}

/// Header fields that would be others, or the end of the header, once they are written down.
#[tokio::test]
async fn a_header_that_cannot_be_written_down_is_put_off() {
    let stage = Stage::new().await;
    let mut mta = stage.mta(NEW).await;
    for (name, value) in [
        ("", " x"),
        ("A:B", " x"),
        ("A B", " x"),
        (" A", " x"),
        ("A\r\nB", " x"),
        ("A", " x\nB: y"),
        ("A", " x\r\nB: y"),
        ("A", " x\n"),
        ("A", " x\n\n y"),
        ("A", "\n"),
    ] {
        mta.header(name.as_bytes(), value.as_bytes()).await;
        mta.header(b"Subject", b" next").await;
        mta.send(b'N', b"").await;
        mta.send(b'E', b"text\r\n").await;
        let said = mta.verdict(&Mail::new("\n")).await;
        assert_eq!(said, Err("451 4.6.0 The header cannot be read".to_owned()), "{name:?} {value:?}");
    }
    for _ in 0..=fields::MOST_FIELDS {
        mta.header(b"A", b" x").await;
    }
    mta.send(b'N', b"").await;
    mta.send(b'E', b"").await;
    assert!(mta.verdict(&Mail::new("\n")).await.unwrap_err().starts_with("451 4.6.0"));
    assert!(stage.judge.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_mta_hears_that_work_goes_on() {
    let stage = Stage::with(|o| o.timeouts.progress = Duration::from_millis(5)).await;
    let mut mta = stage.mta(NEW).await;
    let end = mta.begin(&Mail::new("Subject: 219-10-9999\n\nWAIT\n")).await;
    mta.send(b'E', &end).await;
    for _ in 0..3 {
        assert_eq!(mta.packet().await, Some((b'p', Vec::new())));
    }
    stage.judge.open();
    let got = mta.verdict(&Mail::new("Subject: 219-10-9999\n\nWAIT\n")).await.unwrap();
    assert_eq!(got.text(), "Subject: [SSN]\n\nWAIT\n");
}

/// A judgement that takes too long: the MTA is told to come back, and the memory is held until the judge has ended.
#[tokio::test]
async fn a_judgement_that_takes_too_long_is_not_waited_for() {
    let stage = Stage::with(|o| {
        o.timeouts.judge = Duration::from_millis(50);
        o.max_judgements = 1;
    })
    .await;
    let mut mta = stage.mta(NEW).await;
    for _ in 0..2 {
        // The second does not even get its turn.
        let said = mta.mail(&Mail::new("\nWAIT\n")).await.unwrap_err();
        assert!(said.starts_with("451 4.3.0"), "{said}");
    }
    assert!(stage.budget.free() < stage.budget.total());
    assert_eq!(stage.judge.seen.lock().unwrap().len(), 1);
    stage.judge.open();
    drop(mta);
    stage.settled().await;
    assert_eq!(stage.outcomes(), ["failed", "failed"]);
}

#[tokio::test]
async fn those_who_are_too_slow_are_left() {
    let short = Duration::from_millis(30);
    type Which = fn(&mut Timeouts) -> &mut Duration;
    let cases: [(&str, Which); 3] =
        [("idle", |t| &mut t.idle), ("packet", |t| &mut t.packet), ("message", |t| &mut t.message)];
    for (name, which) in cases {
        let stage = Stage::with(|o| *which(&mut o.timeouts) = short).await;
        let mut mta = stage.raw().await;
        if name != "idle" {
            mta.negotiate(NEW).await;
            mta.header(b"A", b" b").await;
        }
        if name == "message" {
            // Something comes all the time.
            while stage.outcomes().is_empty() {
                mta.header(b"A", b" b").await;
                sleep(Duration::from_millis(1)).await;
            }
        }
        assert_eq!(mta.packet().await, None, "{name}");
        stage.settled().await;
        assert_eq!(stage.outcomes().len(), usize::from(name != "idle"), "{name}");
    }
}

/// An MTA that does not read what it asked for.
#[tokio::test]
async fn an_mta_that_does_not_read_is_left() {
    let stage = Stage::with(|o| o.timeouts.write = Duration::from_millis(50)).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut mta = Mta { stream: socket.connect(stage.at).await.unwrap(), input: Vec::new(), protocol: 0 };
    mta.negotiate(NEW).await;
    // More than the system takes for the milter: 4 MiB, unless set otherwise.
    let mail = Mail::new(&format!("\n{}", "219-10-9999\n".repeat(1_500_000)));
    let end = mta.begin(&mail).await;
    mta.send(b'E', &end).await;
    stage.until("the end", |s| s.outcomes() == ["failed"]).await;
    stage.settled().await;
    assert_eq!(mta.verdict(&mail).await, Err("closed".to_owned()));
}

/// A stop: who has no message is let go, who has one may end it.
#[tokio::test]
async fn messages_underway_end_after_a_stop() {
    let stage = Stage::new().await;
    let mut idle = stage.mta(NEW).await;
    let mut busy = stage.mta(NEW).await;
    let mut judged = stage.mta(NEW).await;
    let waiting = Mail::new("Subject: 219-10-9999\n\nWAIT\n");
    let end = judged.begin(&waiting).await;
    judged.send(b'E', &end).await;
    busy.header(b"Subject", b" 219-10-9999").await;
    stage
        .until("both", |s| {
            s.budget.free() < s.budget.total() - (16 << 10) && !s.judge.seen.lock().unwrap().is_empty()
        })
        .await;
    stage.stop.send(true).unwrap();
    assert_eq!(idle.packet().await, None);
    while TcpStream::connect(stage.at).await.is_ok() {
        sleep(Duration::from_millis(1)).await;
    }
    busy.send(b'N', b"").await;
    busy.send(b'E', b"x\r\n").await;
    let got = busy.verdict(&Mail::new("Subject: 219-10-9999\n\nx\n")).await.unwrap();
    assert_eq!(got.text(), "Subject: [SSN]\n\nx\n");
    stage.judge.open();
    assert_eq!(judged.verdict(&waiting).await.unwrap().text(), "Subject: [SSN]\n\nWAIT\n");
    assert_eq!((busy.packet().await, judged.packet().await), (None, None));
    timeout(Duration::from_secs(60), stage.served).await.expect("an end").unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let stage = Stage::with(|o| o.timeouts.stop = Duration::from_millis(50)).await;
    let mut busy = stage.mta(NEW).await;
    busy.header(b"A", b" b").await;
    stage.until("the message", |s| s.budget.free() < s.budget.total()).await;
    stage.stop.send(true).unwrap();
    timeout(Duration::from_secs(60), stage.served).await.expect("an end").unwrap();
    assert_eq!(busy.packet().await, None);
    assert_eq!(stage.budget.free(), stage.budget.total());
}

/// Packets that begin well and go on anyhow.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let letter = prop::sample::select(&b"ODCHMRTULNBEAQKLNBELNBE"[..]);
    let data = prop::sample::select(vec![
        &b""[..],
        b"A\0 b\0",
        b"A\0 b\n\tc\rd\0",
        b"A\0\n\0",
        b"x\r",
        b"\ny\r\n",
        b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff",
    ]);
    let packet = (letter, data).prop_map(|(letter, data)| {
        let mut out = Vec::new();
        packet::put(&mut out, letter, &[data]);
        out
    });
    vec(packet, 0..20).prop_map(|packets| packets.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Whatever comes, what a judge would be shown is whole and within the limits, and the memory is given back.
    #[test]
    fn no_packets_get_a_broken_message_to_the_judge(mut bytes in packets(), noise in vec(any::<(u16, u8)>(), 0..4)) {
        let negotiated = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff".to_vec();
        for (at, byte) in noise {
            if let Some(b) = bytes.get_mut(usize::from(at) % 400) {
                *b = byte;
            }
        }
        let bytes = [negotiated, bytes].concat();
        let budget = Budget::new(1_000);
        let mut conversation = Conversation::new(Arc::clone(&budget), 60);
        let mut rest = &bytes[..];
        while let Ok(Some((command, read))) = packet::parse(rest) {
            rest = &rest[read..];
            match conversation.take(command) {
                Ok(Next::Decide { kept: message::Kept::Whole(message), .. }) => {
                    prop_assert!(message.bytes.len() <= 60);
                    prop_assert_eq!(&lines::whole(&message.bytes)[..], &message.bytes[..]);
                    let (header, _) = fields::split(&message.bytes);
                    prop_assert_eq!(header.len(), message.header);
                    let old = message::placed(header, &message.layout);
                    let new = fields::fields(header).unwrap();
                    prop_assert!(old.iter().zip(&new).all(|(a, b)| (a.name, a.value) == (b.name, b.value)));
                    prop_assert_eq!(old.len(), new.len());
                }
                Ok(Next::Close) | Err(_) => break,
                Ok(_) => {}
            }
        }
        drop(conversation);
        prop_assert_eq!(budget.free(), 1_000);
    }
}
