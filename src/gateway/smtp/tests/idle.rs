//! Connections to the relay that one session leaves to the next.

use super::*;

const TO: &[(&str, &str)] =
    &[("MAIL FROM:<a>\r\n", "250 "), ("RCPT TO:<b>\r\n", "250 "), ("DATA\r\n", "354 ")];

async fn stage(script: Script) -> Stage {
    Stage::with(script, |o| o.timeouts.relay_idle = Duration::from_secs(60)).await
}

/// A session that says this, and is over when this returns.
async fn session(stage: &Stage, said: &[(&str, &str)]) {
    session_of("c.example", stage, said).await;
}

async fn session_of(name: &str, stage: &Stage, said: &[(&str, &str)]) {
    let mut client = stage.client().await;
    client.expect("220 proxy.example").await;
    client.say(&format!("EHLO {name}\r\n"), "250-proxy.example").await;
    for (said, reply) in said {
        client.say(said, reply).await;
    }
    client.say("QUIT\r\n", "221 ").await;
    client.expect("").await;
    drop(client);
    stage.until("over", |s| s.count.0.lock().unwrap().0 == 0).await;
}

fn connections(stage: &Stage) -> usize {
    stage.got.lock().unwrap().connections
}

#[tokio::test]
async fn a_connection_is_left_to_the_next_session() {
    let stage = stage(Script::default()).await;
    for text in ["one\r\n.\r\n", "two\r\n.\r\n"] {
        session(&stage, &[TO, &[(text, "250 ")]].concat()).await;
    }
    // What is refused is forgotten there as well.
    session(&stage, &[TO, &[("REFUSE\r\n.\r\n", "550 ")]].concat()).await;
    // One of another name has another connection, and both go on waiting.
    session_of("d.example", &stage, &[TO, &[("three\r\n.\r\n", "250 ")]].concat()).await;
    session_of("d.example", &stage, &[]).await;
    session(&stage, &[]).await;
    assert_eq!(connections(&stage), 2);
    assert_eq!(stage.messages(), ["one", "two", "three"]);
    let to = ["MAIL FROM:<a>", "RCPT TO:<b>"];
    let both = [&["EHLO c.example"], &to[..], &["DATA"], &to, &["DATA"]].concat();
    let more = [&to[..], &["RSET", "EHLO d.example"], &to, &["DATA"]].concat();
    assert_eq!(stage.commands(), [both, more].concat());
    stage.stop.send(true).unwrap();
    stage.served.await.unwrap();
    let commands = stage.got.lock().unwrap().commands.split_off(14);
    assert_eq!(commands, ["QUIT"; 2], "leave is taken at the end");
}

#[tokio::test]
async fn what_a_relay_knows_of_a_client_does_not_outlive_the_session() {
    for (said, also) in [
        (&[("XFORWARD NAME=a ADDR=192.0.2.1\r\n", "250 ")][..], "QUIT"),
        (&[("AUTH PLAIN AGEAYg==\r\n", "250 ")], "QUIT"),
        // The transaction is open.
        (&TO[..1], "QUIT"),
        (&TO[..2], "QUIT"),
    ] {
        let stage = stage(Script::default()).await;
        session(&stage, said).await;
        stage.until("leave is taken", |s| s.commands().last().unwrap() == also).await;
        session(&stage, &[TO, &[("text\r\n.\r\n", "250 ")]].concat()).await;
        assert_eq!((connections(&stage), stage.messages().len()), (2, 1), "{said:?}");
    }
    // Without a message, what was begun is over.
    let stage = stage(Script::default()).await;
    session(&stage, &[TO[0], TO[1], ("RSET\r\n", "250 ")]).await;
    session(&stage, &[TO[0], ("EHLO again\r\n", "250")]).await;
    session_of("again", &stage, &[]).await;
    assert_eq!(connections(&stage), 1);
}

/// Many relays count what they have refused.
#[tokio::test]
async fn what_one_client_gets_refused_does_not_count_against_the_next() {
    let script = Script { replies: vec![("RCPT TO:<no>", "550 5.1.1 nobody\r\n")], ..Script::default() };
    let stage = stage(script).await;
    let refused = [TO[0], ("RCPT TO:<no>\r\n", "550 ")];
    session(&stage, &[&refused[..], &[("RSET\r\n", "250 ")]].concat()).await;
    stage.until("leave is taken", |s| s.commands().last().unwrap() == "QUIT").await;
    // A message makes up for it.
    session(&stage, &[&refused[..], &TO[1..], &[("text\r\n.\r\n", "250 ")]].concat()).await;
    session(&stage, &[]).await;
    assert_eq!(connections(&stage), 2);
}

#[tokio::test]
async fn a_client_that_breaks_off_leaves_nothing_behind() {
    let stage = stage(Script::default()).await;
    let mut client = stage.greeted().await;
    for (said, reply) in TO {
        client.say(said, reply).await;
    }
    client.send("half a mess").await;
    drop(client);
    stage.settled().await;
    session(&stage, &[TO, &[("text\r\n.\r\n", "250 ")]].concat()).await;
    assert_eq!((connections(&stage), stage.messages()), (2, vec!["text".to_owned()]));
}

/// The relay closes a connection the moment it is taken over, or has had enough: nobody notices.
#[tokio::test]
async fn a_relay_need_not_wait() {
    for reply in [CLOSE, "421 4.4.2 too long\r\n", "451 timeout\r\n", "503 5.5.1 enough\r\n"] {
        let stage = stage(Script { again: Some(("MAIL", reply)), ..Script::default() }).await;
        for _ in 0..3 {
            session(&stage, &[TO, &[("text\r\n.\r\n", "250 ")]].concat()).await;
        }
        assert_eq!((connections(&stage), stage.messages().len()), (3, 3), "{reply:?}");
        // A transaction that is open on the other connection is nobody else's.
        session(&stage, &TO[..2]).await;
        session(&stage, &[TO, &[("text\r\n.\r\n", "250 ")]].concat()).await;
        assert_eq!((connections(&stage), stage.messages().len()), (5, 4), "{reply:?}");
    }
}

#[tokio::test]
async fn helo_does_as_well() {
    let stage = stage(Script::default()).await;
    for _ in 0..2 {
        let mut client = stage.client().await;
        client.expect("220 ").await;
        for (said, reply) in [("HELO c.example\r\n", "250 2.1.0 Ok")].iter().chain(TO) {
            client.say(said, reply).await;
        }
        client.say("text\r\n.\r\n", "250 ").await;
        client.say("QUIT\r\n", "221 ").await;
        drop(client);
        stage.until("over", |s| s.count.0.lock().unwrap().0 == 0).await;
    }
    // EHLO offers more.
    session(&stage, &[]).await;
    assert_eq!((connections(&stage), stage.messages().len()), (2, 2));
    assert_eq!(stage.commands().iter().filter(|c| c.starts_with("HELO")).count(), 1);
}

/// A command before EHLO does not go to a relay that another client has greeted.
#[tokio::test]
async fn who_has_not_said_ehlo_takes_nothing_over() {
    let stage = stage(Script { again: Some(("EHLO", "503 5.5.1 twice\r\n")), ..Script::default() }).await;
    session(&stage, &[]).await;
    let mut client = stage.client().await;
    client.expect("220 ").await;
    for (said, reply) in [("RSET\r\n", "250 "), ("EHLO d.example\r\n", "250-")].iter().chain(TO) {
        client.say(said, reply).await;
    }
    client.say("text\r\n.\r\n", "250 ").await;
    assert_eq!((connections(&stage), stage.messages().len()), (2, 1));
}

/// A login is tried once.
#[tokio::test]
async fn a_password_that_is_wrong_counts_once() {
    let script = Script { replies: vec![("AUTH", "535 5.7.8 no\r\n")], ..Script::default() };
    let stage = stage(script).await;
    session(&stage, &[]).await;
    session(&stage, &[("AUTH PLAIN AGEAYg==\r\n", "535 ")]).await;
    assert_eq!(stage.commands().iter().filter(|c| c.starts_with("AUTH")).count(), 1);
    assert_eq!(connections(&stage), 1);
}

/// What was offered must hold, or the client comes back.
#[tokio::test]
async fn a_relay_that_offers_something_else_is_not_taken_for_the_same() {
    let script = Script { again: Some(("MAIL", CLOSE)), changes_its_offer: true, ..Script::default() };
    let stage = stage(script).await;
    session(&stage, &[TO, &[("text\r\n.\r\n", "250 ")]].concat()).await;
    let mut client = stage.greeted().await;
    client.say(TO[0].0, "421 4.3.0 ").await;
    client.expect("").await;
    assert_eq!((connections(&stage), stage.messages().len()), (2, 1));
}

#[tokio::test]
async fn only_so_many_wait() {
    let stage = stage(Script::default()).await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(stage.greeted().await);
    }
    for client in &mut clients {
        client.say("QUIT\r\n", "221 ").await;
    }
    drop(clients);
    stage.until("over", |s| s.count.0.lock().unwrap().0 == 0).await;
    let left = || stage.commands().iter().filter(|c| *c == "QUIT").count();
    assert_eq!((connections(&stage), left()), (12, 2));
}

#[tokio::test]
async fn a_connection_does_not_wait_for_ever() {
    let stage = Stage::with(Script::default(), |o| o.timeouts.relay_idle = Duration::from_millis(50)).await;
    session(&stage, &[]).await;
    stage.until("leave is taken", |s| s.commands().last().unwrap() == "QUIT").await;
    session(&stage, &[]).await;
    assert_eq!(connections(&stage), 2);
    stage.until("leave is taken", |s| s.commands().iter().filter(|c| *c == "QUIT").count() == 2).await;
}
