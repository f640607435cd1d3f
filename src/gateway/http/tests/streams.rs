//! Replies that are long, or never end, and clients that do not take them.

use super::secure::{ask_h2, h2};
use super::*;

/// An upstream whose reply goes on when it is told to.
async fn fed() -> (String, tokio::sync::mpsc::UnboundedSender<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (send, mut pieces) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut client = Client::new(tcp);
        client.through("\r\n\r\n").await.unwrap();
        while let Some(piece) = pieces.recv().await {
            client.send(piece).await;
        }
        client.more().await;
    });
    (url, send)
}

/// Each event of a stream (SSE) is there when it was sent, not when the next one is.
#[tokio::test]
async fn replies_are_not_held_back() {
    let (url, feed) = fed().await;
    let stage = Stage::before(&url, None, Protocol::Auto, Arc::default(), |_| ()).await;
    let mut client = stage.client().await;
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await;
    feed.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let head = client.through("\r\n\r\n").await.unwrap();
    assert!(head.contains("text/event-stream") && head.contains("chunked"), "{head}");
    for _ in 0..3 {
        feed.send("8\r\ndata: 1\n\r\n").unwrap();
        client.through("data: 1\n\r\n").await.unwrap();
    }
    feed.send("0\r\n\r\n").unwrap();
    client.through("0\r\n\r\n").await.unwrap();
    assert_eq!(stage.outcomes(), ["forwarded"]);
}

#[tokio::test]
async fn a_long_reply_is_whole() {
    let stage = Stage::new().await;
    let reply = stage.ask("GET /big/800 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(reply.whole && reply.body.len() == 800 * PIECE && reply.body.iter().all(|b| *b == b'x'));
}

/// A client that asks for much and reads nothing, in either version: what it holds is given back.
#[tokio::test]
async fn a_reply_that_is_not_taken_is_broken_off() {
    let stage = Stage::with(|o| o.timeouts.client = Duration::from_millis(300)).await;
    let mut one = stage.client().await;
    one.send("GET /big/1000 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    stage.settled(512 << 20).await;
    // A client of HTTP/2 that reads its connection, but takes nothing from its stream.
    let mut two = h2(TcpStream::connect(stage.proxy).await.unwrap()).await;
    let request = Request::get("http://a/big/1000").body(Full::default()).unwrap();
    let reply = two.send_request(request).await.unwrap();
    stage.settled(512 << 20).await;
    drop((one, reply));
    assert_eq!(stage.seen().len(), 2);
    // Others are not harmed.
    let mut two = h2(TcpStream::connect(stage.proxy).await.unwrap()).await;
    assert_eq!(ask_h2(&mut two, "POST", "/a", "x").await.1, "taken");
}

/// A client that takes its time between requests, and a reply that takes its time, are not idle.
#[tokio::test]
async fn a_quiet_upstream_is_waited_for() {
    let (url, feed) = fed().await;
    let stage = Stage::before(&url, None, Protocol::Auto, Arc::default(), |o| {
        o.timeouts.client = Duration::from_millis(50);
        o.timeouts.header = Duration::from_millis(50);
    })
    .await;
    let mut client = stage.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(Duration::from_millis(300)).await;
    feed.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi").unwrap();
    client.through("\r\n\r\nfi").await.unwrap();
    sleep(Duration::from_millis(300)).await;
    feed.send("ne").unwrap();
    client.through("ne").await.unwrap();
}
