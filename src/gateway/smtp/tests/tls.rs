//! TLS on either side, and what somebody in between could put into the clear part.

use tokio_rustls::TlsConnector;

use super::super::super::kit::{CA, OTHER_CA, name, server, trusting};
use super::*;

async fn stage(implicit: bool) -> Stage {
    Stage::with(Script::default(), |o| o.client_tls = Some(ClientTls { config: server(), implicit })).await
}

type Secure = Client<tokio_rustls::client::TlsStream<TcpStream>>;

async fn secure(client: Client<TcpStream>) -> io::Result<Secure> {
    let stream = TlsConnector::from(trusting(CA)).connect(name(), client.stream).await?;
    Ok(Client { stream, input: Vec::new() })
}

async fn send_one(client: &mut Secure) {
    client.send("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\ntext\r\n.\r\nQUIT\r\n").await;
    for start in ["250 ", "250 ", "354 ", "250 2.0.0 queued as 7\r\n", "221 ", ""] {
        client.expect(start).await;
    }
}

#[tokio::test]
async fn clients_under_tls() {
    let stage = stage(true).await;
    let mut client = secure(stage.client().await).await.unwrap();
    client.expect("220 ").await;
    let offered = client.say("EHLO c\r\n", "250").await;
    assert!(offered.contains("AUTH") && !offered.contains("STARTTLS"), "{offered}");
    client.say("STARTTLS\r\n", "503 ").await;
    send_one(&mut client).await;
    assert_eq!(stage.messages(), ["text"]);
    // One that does not speak TLS is not answered, and does no harm.
    let mut clear = stage.client().await;
    clear.send("EHLO c\r\n").await;
    drop(clear);
    stage.settled().await;
}

#[tokio::test]
async fn clients_by_starttls() {
    let stage = stage(false).await;
    let mut client = stage.client().await;
    client.expect("220 ").await;
    let offered = client.say("EHLO c\r\n", "250").await;
    assert!(offered.contains("STARTTLS") && !offered.contains("AUTH"), "{offered}");
    client.say("AUTH PLAIN AGEAYg==\r\n", "538 5.7.11 ").await;
    client.say("STARTTLS x\r\n", "501 ").await;
    client.say("XFORWARD NAME=x\r\n", "250 ").await;
    client.say("MAIL FROM:<before> SIZE=77\r\n", "250 ").await;
    client.say("STARTTLS\r\n", "220 ").await;
    let mut client = secure(client).await.unwrap();
    // What was said in clear is forgotten, at the relay too.
    assert_eq!(stage.got.lock().unwrap().connections, 2);
    client.say("RCPT TO:<b>\r\n", "503 ").await;
    client.say("MAIL FROM:<a>\r\n", "503 5.5.1 EHLO").await;
    let offered = client.say("EHLO c\r\n", "250").await;
    assert!(!offered.contains("STARTTLS") && offered.contains("AUTH"), "{offered}");
    client.say("STARTTLS\r\n", "503 ").await;
    send_one(&mut client).await;
    assert_eq!(stage.messages(), ["text"]);
    stage.settled().await;
}

#[tokio::test]
async fn commands_behind_starttls_are_not_taken_for_secure() {
    for injected in ["STARTTLS\r\nMAIL FROM:<x>\r\nRCPT TO:<y>\r\n", "STARTTLS\r\nN", "STARTTLS\r\n\r\n"] {
        let stage = stage(false).await;
        let mut client = stage.greeted().await;
        client.say(injected, "554 5.5.1 ").await;
        client.expect("").await;
        stage.settled().await;
        let commands = stage.commands();
        assert!(commands.iter().all(|c| c == "EHLO c.example" || c == "QUIT"), "{commands:?}");
    }
    // Behind the answer they break the handshake.
    let stage = stage(false).await;
    let mut client = stage.greeted().await;
    client.say("STARTTLS\r\n", "220 ").await;
    client.send("MAIL FROM:<x>\r\n").await;
    assert!(secure(client).await.is_err());
    stage.settled().await;
    assert!(!stage.commands().iter().any(|c| c.starts_with("MAIL")));
}

#[tokio::test]
async fn the_relay_by_starttls() {
    let offering = "250-relay\r\n250-STARTTLS\r\n250 SIZE 1000\r\n";
    let reached = vec!["EHLO proxy.example", "STARTTLS", "(TLS)", "EHLO c"];
    for (case, replies, ca, start, commands) in [
        ("fine", vec![("EHLO", offering)], CA, "220 ", reached),
        (
            "another authority",
            vec![("EHLO", offering)],
            OTHER_CA,
            "421 4.3.0 ",
            vec!["EHLO proxy.example", "STARTTLS", "(TLS)"],
        ),
        ("not offered", vec![], CA, "421 4.3.0 ", vec!["EHLO proxy.example"]),
        (
            "refused",
            vec![("EHLO", offering), ("STARTTLS", "454 4.7.0 no\r\n")],
            CA,
            "421 4.3.0 ",
            vec!["EHLO proxy.example", "STARTTLS"],
        ),
        (
            "a reply put behind",
            vec![("EHLO", offering), ("STARTTLS", "220 go\r\n250 2.0.0 have it\r\n")],
            CA,
            "421 4.3.0 ",
            vec!["EHLO proxy.example", "STARTTLS", "(TLS)"],
        ),
    ] {
        let stage = Stage::with(Script { replies, tls: Some(server()), ..Script::default() }, |o| {
            o.relay_tls = RelayTls::StartTls(trusting(ca), name());
        });
        let stage = stage.await;
        let mut client = stage.client().await;
        let greeting = client.reply().await;
        assert!(greeting.starts_with(start), "{case}: {greeting}");
        if start == "220 " {
            client.say("EHLO c\r\n", "250-proxy.example").await;
        }
        assert_eq!(stage.commands(), commands, "{case}");
    }
}

#[tokio::test]
async fn a_relay_under_tls() {
    // A proxy is the relay of another.
    let relay = stage(true).await;
    let stage = Stage::with(Script::default(), |o| {
        o.relay = relay.proxy.to_string();
        o.relay_tls = RelayTls::Implicit(trusting(CA), name());
    });
    let stage = stage.await;
    let mut client = stage.greeted().await;
    client.send("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n..text\r\n.\r\nQUIT\r\n").await;
    for start in ["250 ", "250 ", "354 ", "250 2.0.0 queued as 7\r\n", "221 ", ""] {
        client.expect(start).await;
    }
    assert_eq!(relay.messages(), ["..text"]);
    stage.settled().await;
    relay.settled().await;
    // Clear text where TLS is wanted.
    let stage =
        Stage::with(Script::default(), |o| o.relay_tls = RelayTls::Implicit(trusting(CA), name())).await;
    stage.client().await.expect("421 4.3.0 ").await;
}
