//! Relays that fail, clients that go, and stops: a message is acknowledged when the relay has it, and never else.

use std::sync::LazyLock;

use super::*;

const BEGIN: &str = "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\n";

static HELP: LazyLock<String> =
    LazyLock::new(|| "214-help yourself\r\n".repeat(1_500) + "214 and be helped\r\n");

async fn begin(client: &mut Client<TcpStream>) {
    client.send(BEGIN).await;
    client.expect_all(&["250 ", "250 ", "354 "]).await;
}

fn short(options: &mut Options) {
    let t = &mut options.timeouts;
    for time in [&mut t.greeting, &mut t.command, &mut t.data_start, &mut t.data_end] {
        *time = Duration::from_secs(1);
    }
}

fn noops(stage: &Stage) -> usize {
    stage.commands().iter().filter(|c| *c == "NOOP").count()
}

#[tokio::test]
async fn a_relay_that_is_not_there() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let stage = Stage::with(Script::default(), |o| o.relay = free.to_string()).await;
    let mut client = stage.client().await;
    client.expect("421 4.3.0 proxy.example ").await;
    client.expect("").await;
    for greeting in ["554 5.7.1 no\r\n", "421 4.3.2 busy\r\n", "hello\r\n", "250-a\r\n220 b\r\n", CLOSE, HANG]
    {
        let script = Script { replies: vec![("", greeting)], ..Script::default() };
        let stage = Stage::with(script, short).await;
        let mut client = stage.client().await;
        client.expect("421 4.3.0 proxy.example ").await;
        client.expect("").await;
        drop(client);
        stage.settled().await;
    }
}

#[tokio::test]
async fn a_relay_that_fails_at_a_command() {
    for reply in [CLOSE, HANG, "hello\r\n", "250-a\r\n550 b\r\n", "99\r\n"] {
        for (at, said) in [
            ("EHLO", "EHLO c\r\n"),
            ("MAIL", BEGIN),
            ("RCPT", BEGIN),
            ("NOOP", "NOOP\r\n"),
            ("RSET", "RSET\r\n"),
        ] {
            let script = Script { replies: vec![(at, reply)], ..Script::default() };
            let stage = Stage::with(script, short).await;
            let mut client = stage.client().await;
            client.expect("220 ").await;
            if at != "EHLO" {
                client.say("EHLO c\r\n", "250-").await;
            }
            client.send(said).await;
            if at == "RCPT" {
                client.expect("250 ").await;
            }
            client.expect("421 4.3.0 ").await;
            client.expect("").await;
            drop(client);
            stage.settled().await;
        }
    }
}

#[tokio::test]
async fn a_relay_that_fails_at_a_message() {
    for (at, reply) in [
        ("DATA", CLOSE),
        ("DATA", HANG),
        ("DATA", "250 2.0.0 have it\r\n"),
        ("DATA", "334 go\r\n"),
        ("DATA", "hello\r\n"),
        // An acknowledgement before the end.
        ("DATA", "354 go\r\n250 2.0.0 have it\r\n"),
        (".", CLOSE),
        (".", HANG),
        (".", "354 more\r\n"),
        (".", "250-have it\r\n"),
        (".", "hello\r\n"),
    ] {
        let script = Script { replies: vec![(at, reply)], ..Script::default() };
        let stage = Stage::with(script, short).await;
        let mut client = stage.greeted().await;
        begin(&mut client).await;
        client.say("text\r\n.\r\n", "451 4.3.0 ").await;
        client.say("MAIL FROM:<a>\r\n", "421 4.3.0 ").await;
        client.expect("").await;
        drop(client);
        stage.settled().await;
        assert_eq!(stage.outcomes(), ["failed"], "{at} {reply:?}");
    }
    // QUIT is polite, all the same.
    let stage = Stage::new(&[(".", CLOSE)]).await;
    let mut client = stage.greeted().await;
    begin(&mut client).await;
    client.say("text\r\n.\r\nQUIT\r\n", "451 ").await;
    client.expect("221 ").await;
    // A relay that is gone when the judge refuses.
    for reply in [CLOSE, "421 4.3.2 closing\r\n"] {
        let stage = Stage::new(&[("RSET", reply)]).await;
        let mut client = stage.greeted().await;
        begin(&mut client).await;
        client.say("REFUSE\r\n.\r\n", "550 5.7.1 ").await;
        client.say("NOOP\r\n", "421 4.3.0 ").await;
    }
}

#[tokio::test]
async fn replies_that_nobody_asked_for() {
    // A reply too many must not be taken for the next command's.
    for (at, extra, said, next) in [
        ("NOOP", "250 Ok\r\n250 twice\r\n", "NOOP\r\n", "421 4.3.0 "),
        ("NOOP", "250 Ok\r\n421 4.4.2 bye\r\n", "NOOP\r\n", "421 4.4.2 bye\r\n"),
    ] {
        let stage = Stage::new(&[(at, extra)]).await;
        let mut client = stage.greeted().await;
        client.say(said, "250 ").await;
        client.say("MAIL FROM:<a>\r\n", next).await;
        client.expect("").await;
    }
    // A refusal before the end of the message is the reply to it.
    let stage = Stage::new(&[("DATA", "354 go\r\n554 5.6.0 stop\r\n")]).await;
    let mut client = stage.greeted().await;
    begin(&mut client).await;
    client.say("text\r\n.\r\n", "554 5.6.0 stop\r\n").await;
    client.say("NOOP\r\n", "421 ").await;
    assert!(stage.messages().is_empty());
}

#[tokio::test]
async fn a_client_that_goes() {
    let stage = Stage::new(&[]).await;
    for last in ["Subject: x\r\n\r\nhalf", "half\r\n", "half\r\n.", "half\r\n.\r", "half\n.\n"] {
        let mut client = stage.greeted().await;
        begin(&mut client).await;
        client.send(last).await;
    }
    drop(stage.client().await);
    stage.greeted().await;
    stage.settled().await;
    stage.until("7 goodbyes", |s| s.commands().iter().filter(|c| *c == "QUIT").count() == 7).await;
    assert!(!stage.commands().iter().any(|c| c == "DATA"));
    assert!(stage.messages().is_empty());
    assert_eq!(stage.outcomes(), ["failed"; 5]);
}

#[tokio::test]
async fn a_client_that_is_slow() {
    let slow = |o: &mut Options| {
        o.timeouts.client = Duration::from_secs(1);
        o.timeouts.message = Duration::from_secs(2);
    };
    for (begun, data) in [(false, None), (true, None), (true, Some("half a line"))] {
        let stage = Stage::with(Script::default(), slow).await;
        let mut client = stage.greeted().await;
        if begun {
            client.say("MAIL FROM:<a> SIZE=5000\r\n", "250 ").await;
            client.say("RCPT TO:<b>\r\n", "250 ").await;
            assert_eq!(stage.taken(), 0, "a mail without a message");
        }
        if let Some(data) = data {
            client.say("DATA\r\n", "354 ").await;
            assert_eq!(stage.taken(), 5_000);
            client.send(data).await;
        }
        client.expect_all(&["421 4.4.2 ", ""]).await;
        drop(client);
        stage.settled().await;
        assert!(stage.messages().is_empty());
    }
    // Always in time, and never done.
    let stage = Stage::with(Script::default(), slow).await;
    let mut client = stage.greeted().await;
    begin(&mut client).await;
    let reply = loop {
        client.send("x\r\n").await;
        if let Ok(reply) = timeout(Duration::from_millis(50), client.reply()).await {
            break reply;
        }
    };
    assert!(reply.starts_with("421 4.4.2 "), "{reply:?}");
    drop(client);
    stage.settled().await;
}

/// Neither a relay that reads nothing of a message nor a client that reads nothing of the replies holds a session.
#[tokio::test]
async fn peers_that_do_not_read() {
    let replies = vec![("DATA", STUCK), ("EHLO", "250 relay\r\n")];
    let set = |o: &mut Options| o.timeouts.data_block = Duration::from_secs(1);
    let stage = Stage::with(Script { replies, ..Script::default() }, set).await;
    let mut client = stage.client().await;
    client.expect("220 ").await;
    client.say("EHLO c\r\n", "250-").await;
    begin(&mut client).await;
    client.send(&"0123456789abcdef\r\n".repeat(1 << 20)).await;
    client.say(".\r\n", "451 4.3.0 ").await;
    client.say("NOOP\r\n", "421 ").await;
    drop(client);
    stage.settled().await;

    let help = LazyLock::force(&HELP).as_str();
    let stage = Stage::with(Script { replies: vec![("HELP", help)], ..Script::default() }, set).await;
    let mut client = stage.client().await;
    let flood = "HELP\r\n".repeat(1_000);
    let written = async {
        loop {
            if client.stream.write_all(flood.as_bytes()).await.is_err() {
                return;
            }
        }
    };
    timeout(Duration::from_secs(30), written).await.expect("the session ends");
    drop(client);
    stage.settled().await;
}

#[tokio::test]
async fn the_relay_is_kept_awake() {
    let often = |o: &mut Options| o.timeouts.keep_alive = Duration::from_millis(40);
    let stage = Stage::with(Script::default(), often).await;
    let mut client = stage.greeted().await;
    begin(&mut client).await;
    stage.until("noops", |s| noops(s) >= 3).await;
    client.send("WAIT\r\n.\r\nQUIT\r\n").await;
    stage.until("the judge", |s| s.words.waiting() == 1).await;
    let before = noops(&stage);
    stage.until("more noops", |s| noops(s) >= before + 3).await;
    stage.words.open();
    client.expect_all(&["250 2.0.0 queued as 7\r\n", "221 ", ""]).await;
    // One that goes to sleep all the same.
    for (reply, then) in [(CLOSE, "451 4.3.0 "), (HANG, "451 4.3.0 "), ("421 4.4.2 bye\r\n", "451 4.3.0 ")] {
        let script = Script { replies: vec![("NOOP", reply)], ..Script::default() };
        let set = |o: &mut Options| {
            short(o);
            often(o);
        };
        let stage = Stage::with(script, set).await;
        let mut client = stage.greeted().await;
        begin(&mut client).await;
        stage.until("a noop", |s| noops(s) > 0).await;
        client.say("text\r\n.\r\n", then).await;
        client.say("NOOP\r\n", "421 ").await;
        drop(client);
        stage.settled().await;
        assert!(stage.messages().is_empty());
    }
}

#[tokio::test]
async fn a_judge_that_is_slow() {
    let stage = Stage::with(Script::default(), |o| {
        o.timeouts.judge = Duration::from_secs(1);
        o.max_judgements = 2;
    });
    let stage = stage.await;
    let mut client = stage.greeted().await;
    begin(&mut client).await;
    client.say("WAIT\r\n.\r\n", "451 4.3.0 ").await;
    assert!(stage.taken() > 0, "the judge has the message yet");
    begin(&mut client).await;
    client.say("text\r\n.\r\nQUIT\r\n", "250 ").await;
    client.expect("221 ").await;
    drop(client);
    assert!(stage.taken() > 0, "the judge has the message yet");
    stage.words.open();
    stage.settled().await;
    assert_eq!(stage.messages(), ["text"]);
}

#[tokio::test]
async fn a_stop() {
    let stage = Stage::new(&[]).await;
    let (mut idle, mut busy, mut reset) =
        (stage.greeted().await, stage.greeted().await, stage.greeted().await);
    begin(&mut busy).await;
    reset.say("MAIL FROM:<a>\r\n", "250 ").await;
    stage.stop.send(true).unwrap();
    idle.expect("421 4.3.2 ").await;
    idle.expect("").await;
    reset.say("RSET\r\n", "250 ").await;
    reset.expect("421 4.3.2 ").await;
    busy.say("text\r\n.\r\nMAIL FROM:<a>\r\n", "250 2.0.0 queued as 7\r\n").await;
    busy.expect("421 4.3.2 ").await;
    drop((idle, busy, reset));
    stage.settled().await;
    timeout(Duration::from_secs(5), stage.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(stage.proxy).await.is_err());

    // A transaction that does not end in time is broken off.
    let mut stage = Stage::with(Script::default(), |o| o.timeouts.stop = Duration::from_millis(100)).await;
    let mut busy = stage.greeted().await;
    begin(&mut busy).await;
    drop(std::mem::replace(&mut stage.stop, watch::channel(false).0));
    timeout(Duration::from_secs(5), &mut stage.served).await.unwrap().unwrap();
    busy.expect("").await;
    assert_eq!((stage.count.0.lock().unwrap().0, stage.taken()), (0, 0));
    assert!(stage.got.lock().unwrap().messages.is_empty());
}

#[tokio::test]
async fn too_many_sessions() {
    let stage = Stage::with(Script::default(), |o| o.max_sessions = 2).await;
    let (one, _two) = (stage.greeted().await, stage.greeted().await);
    let mut three = stage.client().await;
    three.expect("421 4.3.2 proxy.example ").await;
    three.expect("").await;
    drop(one);
    stage.until("a place", |s| s.count.0.lock().unwrap().0 == 1).await;
    // The proxy itself may learn of it a moment later.
    for _ in 0..100 {
        if stage.client().await.reply().await.starts_with("220 ") {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("no place again");
}
