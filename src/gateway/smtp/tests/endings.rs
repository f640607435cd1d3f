//! Messages that must not be delivered after all, relays that do not wait for the end, and what log lines say of it.

use tracing_subscriber::fmt::MakeWriter;

use super::*;

const BEGIN: &str = "MAIL FROM:<a@c.example>\r\nRCPT TO:<b@r.example>\r\nDATA\r\n";

async fn begin(client: &mut Client<TcpStream>) {
    client.send(BEGIN).await;
    client.expect_all(&["250 ", "250 ", "354 "]).await;
}

/// A relay that sets no limit to messages.
fn unlimited() -> Script {
    Script { replies: vec![("EHLO", "250 relay\r\n")], ..Script::default() }
}

/// A mail of `mib` MiB, with its last dot.
fn large(mib: usize) -> String {
    "0123456789abcde\r\n".repeat((mib << 20) / 17) + ".\r\n"
}

/// How a client leaves.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    Close,
    Reset,
    /// Its own side only: it hears what becomes of it.
    Half,
    /// Its next commands, QUIT among them, are there already.
    AfterMore,
}

#[tokio::test]
async fn a_client_that_has_gone_gets_nothing_delivered() {
    for leaves in [Leaves::Close, Leaves::Reset, Leaves::Half, Leaves::AfterMore] {
        let stage = Stage::new(&[]).await;
        let mut client = stage.greeted().await;
        begin(&mut client).await;
        client.send("WAIT\r\n.\r\n").await;
        stage.until("the judge has it", |s| s.words.waiting() == 1).await;
        match leaves {
            Leaves::Close => drop(client),
            Leaves::Reset => {
                client.stream.set_zero_linger().unwrap();
                drop(client);
            }
            Leaves::Half => {
                client.stream.shutdown().await.unwrap();
                client.expect_all(&["451 4.3.0 ", ""]).await;
            }
            Leaves::AfterMore => {
                client.send("MAIL FROM:<next>\r\nQUIT\r\n").await;
                drop(client);
            }
        }
        // The judge has not even said anything.
        stage.until("the end", |s| s.outcomes() == ["failed"]).await;
        stage.until("no session", |s| s.count.0.lock().unwrap().0 == 0).await;
        assert!(stage.taken() > 0, "the judge has it still");
        stage.words.open();
        stage.settled().await;
        stage.until("goodbye", |s| s.commands().contains(&"QUIT".to_owned())).await;
        assert_eq!(stage.commands()[3..], ["RSET", "QUIT"], "{leaves:?}");
        assert!(stage.messages().is_empty(), "{leaves:?}");
    }
}

/// The relay is slow to take the message, and the client goes while it is being written.
#[tokio::test]
async fn a_client_that_goes_while_the_relay_takes_its_message() {
    for (at, text) in [(HANG, "text\r\n.\r\n".to_owned()), (STUCK, large(16))] {
        let mut script = unlimited();
        script.replies.push(("DATA", at));
        let stage = Stage::with(script, |_| ()).await;
        let mut client = stage.client().await;
        client.expect("220 ").await;
        client.say("EHLO c\r\n", "250").await;
        begin(&mut client).await;
        client.send(&text).await;
        stage.until("DATA", |s| s.commands().contains(&"DATA".to_owned())).await;
        drop(client);
        stage.settled().await;
        assert_eq!(stage.outcomes(), ["failed"]);
        assert!(stage.messages().is_empty());
    }
}

#[tokio::test]
async fn what_a_client_sends_ahead_is_kept() {
    let stage = Stage::new(&[]).await;
    let mut client = stage.greeted().await;
    begin(&mut client).await;
    client.send("WAIT 1\r\n.\r\n").await;
    stage.until("the judge has it", |s| s.words.waiting() == 1).await;
    // More than is kept of a client that is watched.
    let ahead = format!("RCPT TO:<{}@r.example>\r\n", "b".repeat(1_000)).repeat(300);
    let whole = format!("MAIL FROM:<a>\r\n{ahead}");
    let (mut reading, mut writing) = client.stream.split();
    let written = async {
        for piece in whole.as_bytes().chunks(1_001) {
            writing.write_all(piece).await.unwrap();
        }
        writing.write_all(b"DATA\r\n").await.unwrap();
    };
    let read = async {
        stage.words.open();
        let (mut input, mut lines) = (Vec::new(), 0);
        while lines < 303 {
            assert!(reading.read_buf(&mut input).await.unwrap() > 0);
            lines = memchr::memchr_iter(b'\n', &input).count();
        }
        String::from_utf8(input).unwrap()
    };
    let (replies, ()) =
        timeout(Duration::from_secs(60), async { tokio::join!(read, written) }).await.unwrap();
    assert!(replies.starts_with("250 2.0.0 queued as 7\r\n") && replies.contains("\r\n354 "));
    client.say("2\r\n.\r\nQUIT\r\n", "250 2.0.0 ").await;
    client.expect_all(&["221 ", ""]).await;
    drop(client);
    stage.settled().await;
    assert_eq!(stage.messages(), ["WAIT 1", "2"]);
    assert_eq!(stage.commands().iter().filter(|c| c.starts_with("RCPT")).count(), 301);
}

#[tokio::test]
async fn a_client_waits_for_its_reply_no_longer_than_it_must() {
    let set = |o: &mut Options| o.timeouts.reply = Duration::from_secs(1);
    // For the judge.
    let stage = Stage::with(Script::default(), set).await;
    let mut client = stage.greeted().await;
    begin(&mut client).await;
    client.say("WAIT\r\n.\r\n", "451 4.3.0 ").await;
    client.say("MAIL FROM:<a>\r\n", "250 ").await;
    assert!(stage.taken() > 0, "the judge has it still");
    stage.words.open();
    drop(client);
    stage.settled().await;
    assert_eq!(stage.commands()[3..5], ["RSET", "MAIL FROM:<a>"]);
    assert!(stage.messages().is_empty());
    // For the relay to take DATA, and the message.
    for (at, text) in [(HANG, "text\r\n.\r\n".to_owned()), (STUCK, large(16))] {
        let mut script = unlimited();
        script.replies.push(("DATA", at));
        let stage = Stage::with(script, set).await;
        let mut client = stage.client().await;
        client.expect("220 ").await;
        client.say("EHLO c\r\n", "250").await;
        begin(&mut client).await;
        client.send(&text).await;
        client.expect("451 4.3.0 ").await;
        drop(client);
        stage.settled().await;
        assert_eq!(stage.outcomes(), ["failed"]);
        assert!(stage.messages().is_empty());
    }
}

/// When the relay has the last dot, its reply is waited for, however long the client has waited.
#[tokio::test]
async fn the_relays_last_word_is_waited_for() {
    let script = Script { ponder: Duration::from_secs(4), ..Script::default() };
    let stage = Stage::with(script, |o| o.timeouts.reply = Duration::from_secs(3)).await;
    let mut client = stage.greeted().await;
    begin(&mut client).await;
    client.say("text\r\n.\r\n", "250 2.0.0 queued as 7\r\n").await;
    assert_eq!(stage.outcomes(), ["forwarded"]);
}

/// A relay that refuses a message in the middle, whatever it does then, is heard at once; one that takes it in the
/// middle is not believed.
#[tokio::test]
async fn a_relay_that_refuses_in_the_middle() {
    // More than the system's buffers hold: the end must not be on its way when the relay speaks.
    let mail = large(16);
    let too_big = "552-5.3.4 too\r\n552 5.3.4 big\r\n";
    for then in [Then::Close, Then::Stop, Then::Read] {
        for (reply, told) in [
            (too_big, too_big),
            ("452 4.3.1 full\r\n", "452 4.3.1 full\r\n"),
            ("421 4.3.2 closing\r\n", "421 4.3.2 closing\r\n"),
            ("250 2.0.0 have it\r\n", "451 4.3.0 "),
        ] {
            for after in [1, 200_000] {
                let early = Some(Early { after, reply, then });
                let stage = Stage::with(Script { early, ..unlimited() }, |_| ()).await;
                let mut client = stage.client().await;
                client.expect("220 ").await;
                client.say("EHLO c\r\n", "250").await;
                begin(&mut client).await;
                client.send(&mail).await;
                let got = client.reply().await;
                assert!(got.starts_with(told), "{got:?}, not {told:?} ({then:?} after {after})");
                if !told.starts_with("421") {
                    client.say("MAIL FROM:<a>\r\n", "421 4.3.0 ").await;
                }
                client.expect("").await;
                drop(client);
                stage.settled().await;
                assert_eq!(stage.outcomes(), ["failed"]);
                if then == Then::Read {
                    stage.until("the relay's end", |s| !s.got.lock().unwrap().rest.is_empty()).await;
                    let rest = std::mem::take(&mut stage.got.lock().unwrap().rest);
                    assert!(!rest.ends_with(b"\r\n.\r\n"), "the last dot is not sent");
                }
            }
        }
    }
}

/// A connection that failed is broken off: what could not be sent, the last dot perhaps, is not sent when the client
/// has been told to come back.
#[tokio::test]
async fn nothing_more_is_sent_on_a_connection_that_failed() {
    for (broken, unsent, expected) in
        [(true, ".\r\n", None), (false, ".\r\n", None), (true, "", None), (false, "", Some("QUIT\r\n"))]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options::new(listener.local_addr().unwrap().to_string(), "p");
        let (relay, peer) = tokio::join!(relay::Relay::connect(&options), async {
            let (mut peer, _) = listener.accept().await.unwrap();
            peer.write_all(b"220 hello\r\n").await.unwrap();
            peer
        });
        let (mut relay, mut peer) = (relay.unwrap(), peer);
        relay.wire().queue(unsent.as_bytes());
        if broken {
            relay.give_up();
        }
        let read = async {
            let mut input = Vec::new();
            let end = peer.read_to_end(&mut input).await;
            (end.is_ok(), String::from_utf8(input).unwrap())
        };
        let ((in_order, input), ()) = tokio::join!(read, relay.quit());
        assert_eq!((in_order, input.as_str()), (expected.is_some(), expected.unwrap_or_default()));
    }
}

/// The last dot may wait in the system's buffer, for a relay that reads no further: it is taken back.
#[tokio::test]
async fn a_last_dot_that_was_not_read_is_taken_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = Options::new(listener.local_addr().unwrap().to_string(), "p");
    options.timeouts.data_end = Duration::from_millis(300);
    let (relay, mut peer) = tokio::join!(relay::Relay::connect(&options), async {
        let (mut peer, _) = listener.accept().await.unwrap();
        peer.write_all(b"220 hello\r\n").await.unwrap();
        peer
    });
    let mut relay = relay.unwrap();
    let mut command = [0; 6];
    let message = "0123456789abcde\r\n".repeat(60_000);
    let (offered, ()) = tokio::join!(relay.offer(message.as_bytes()), async {
        peer.read_exact(&mut command).await.unwrap();
        peer.write_all(b"354 go\r\n").await.unwrap();
    });
    assert!(matches!(offered, Ok(None)), "it fits into the system's buffers");
    assert!(relay.finish().await.is_err() && !relay.is_usable());
    relay.quit().await;
    let mut input = Vec::new();
    let end = peer.read_to_end(&mut input).await;
    assert!(end.is_err() && !input.ends_with(b"\r\n.\r\n"), "{} bytes, {end:?}", input.len());
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;
    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn log_lines_bear_the_number_of_their_session() {
    let log = Log::default();
    let lines =
        tracing_subscriber::fmt().with_ansi(false).with_env_filter("warn").with_writer(log.clone()).finish();
    let _here = tracing::subscriber::set_default(lines);
    let stage = Stage::new(&[("", "554 5.7.1 not you, a@c.example\r\n")]).await;
    for _ in 0..2 {
        stage.client().await.expect("421 4.3.0 ").await;
        stage.settled().await;
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("a@c"), "{text}");
    let numbers: Vec<u32> = text
        .lines()
        .filter(|line| line.contains("the relay cannot be used"))
        .filter_map(|line| line.split_once("smtp{session=")?.1.split_once('}')?.0.parse().ok())
        .collect();
    assert!(numbers.len() == 2 && numbers[1] == numbers[0].wrapping_add(1), "{text}");
}
