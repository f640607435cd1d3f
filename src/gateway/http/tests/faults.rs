//! Upstreams that fail, clients that are slow, and how often a request gets out.

use super::*;

/// What an upstream of bare sockets does with a request it has read.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Reply(&'static str),
    /// And closes then, without having said so.
    ReplyAndClose(&'static str),
    Close,
    Hang,
}

/// An upstream that does what `script` says to the request of that number. Tells how many it has read.
pub(super) async fn raw(script: fn(usize) -> Step) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_raw(tcp, script, Arc::clone(&theirs)));
        }
    });
    (url, requests)
}

async fn serve_raw(tcp: TcpStream, script: fn(usize) -> Step, requests: Arc<AtomicUsize>) {
    let mut client = Client::new(tcp);
    while let Ok(head) = client.through("\r\n\r\n").await {
        let length = head
            .to_ascii_lowercase()
            .split("content-length: ")
            .nth(1)
            .map(|l| l.split("\r\n").next().unwrap().parse().unwrap());
        if client.bytes(length.unwrap_or(0)).await.is_none() {
            return;
        }
        match script(requests.fetch_add(1, Ordering::SeqCst)) {
            Step::Reply(reply) => client.send(reply).await,
            Step::ReplyAndClose(reply) => return client.send(reply).await,
            Step::Close => return,
            Step::Hang => std::future::pending().await,
        }
    }
}

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

#[tokio::test]
async fn only_what_is_safe_is_sent_again() {
    let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned();
    let put = post("/a", "text").replace("POST", "PUT");
    let patch = post("/a", "text").replace("POST", "PATCH");
    let known = post("/a", "text").replace("Host", "Idempotency-Key: k\r\nHost");
    // The first is cut off without a reply, the second is fine.
    for (case, request, status, requests) in [
        ("POST", post("/a", "text"), 502, 1),
        ("PATCH", patch, 502, 1),
        ("GET", get, 200, 2),
        ("PUT", put, 200, 2),
        ("POST with a key", known.clone(), 200, 2),
    ] {
        let (url, count) = raw(|n| if n == 0 { Step::Close } else { Step::Reply(FINE) }).await;
        let stage = Stage::before(&url, None, Protocol::Auto, Arc::default(), |_| ()).await;
        let reply = stage.ask(&request).await;
        assert_eq!(reply.status, status, "{case}: {reply:?}");
        if status == 502 {
            reply.is_own(502, "the upstream broke off", "unavailable");
        }
        assert_eq!(count.load(Ordering::SeqCst), requests, "{case}");
        stage.settled(512 << 20).await;
    }
    // There is an end to it.
    for retries in 0..4 {
        let (url, count) = raw(|_| Step::Close).await;
        let stage = Stage::before(&url, None, Protocol::Auto, Arc::default(), |o| o.retries = retries).await;
        stage.ask(&known).await.is_own(502, "the upstream broke off", "unavailable");
        assert_eq!(count.load(Ordering::SeqCst), 1 + retries as usize);
    }
}

#[tokio::test]
async fn a_reply_cut_off_or_malformed_is_no_reply() {
    for (case, script) in [
        ("cut off", (|_| Step::ReplyAndClose("HTTP/1.1 200 OK\r\nContent-")) as fn(usize) -> Step),
        ("malformed", |_| Step::Reply("HELLO 200\r\n\r\n")),
        ("another protocol", |_| {
            Step::Reply("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        }),
        ("two lengths", |_| {
            Step::Reply("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfine")
        }),
    ] {
        let (url, count) = raw(script).await;
        let stage = Stage::before(&url, None, Protocol::Auto, Arc::default(), |_| ()).await;
        let reply = stage.ask(&post("/a", "text")).await;
        assert_eq!((reply.status, reply.header("x-scrubjay")), (502, Some("unavailable")), "{case}");
        assert_eq!(count.load(Ordering::SeqCst), 1, "{case}");
    }
}

/// The upstream closes the connection that was kept: a POST that finds it closed goes out on a new one, once.
#[tokio::test]
async fn a_kept_connection_that_was_closed_is_no_failure() {
    let (url, count) = raw(|_| Step::ReplyAndClose(FINE)).await;
    let stage = Stage::before(&url, None, Protocol::Auto, Arc::default(), |o| o.retries = 0).await;
    let mut client = stage.client().await;
    for n in 1..=20 {
        client.ask(&post("/a", "text")).await.is(200, "fine");
        assert_eq!(count.load(Ordering::SeqCst), n);
        // The close is on its way already, behind the reply: this lets the proxy see it. A request that crosses it is another
        // matter.
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_upstream_that_is_down() {
    // Nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let stage =
        Stage::before(&format!("http://{address}"), None, Protocol::Auto, Arc::default(), |_| ()).await;
    let mut client = stage.client().await;
    client.ask(&post("/a", "text")).await.is_own(503, "the upstream cannot be reached", "unavailable");
    // And then somebody does.
    let listener = TcpListener::bind(address).await.unwrap();
    let got = Arc::clone(&stage.got);
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        serve_upstream(tcp, None, got).await;
    });
    client.ask(&post("/a", "text")).await.is(201, "taken");
    // A name that there is none for.
    let stage = Stage::before("http://nothing.invalid", None, Protocol::Auto, Arc::default(), |_| ()).await;
    stage.ask(&post("/a", "text")).await.is_own(503, "the upstream cannot be reached", "unavailable");
    assert_eq!(stage.outcomes(), ["failed"]);
}

/// It comes up while a request waits for its second chance.
#[tokio::test]
async fn a_connection_that_could_not_be_opened_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}");
    let stage = Stage::before(&url, None, Protocol::Auto, Arc::default(), |o| o.retries = 600).await;
    let mut client = stage.client().await;
    client.send(&post("/a", "text")).await;
    sleep(Duration::from_millis(50)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let got = Arc::clone(&stage.got);
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        serve_upstream(tcp, None, got).await;
    });
    client.reply(false).await.is(201, "taken");
    stage.only();
}

#[tokio::test]
async fn an_upstream_that_says_nothing() {
    let short = Duration::from_millis(200);
    for (case, path, request) in [
        ("POST", "/hang", post("/hang", "x")),
        ("GET", "/hang", "GET /hang HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
    ] {
        let stage = Stage::with(|o| o.timeouts.response = short).await;
        let reply = stage.ask(&request).await;
        reply.is_own(504, "the upstream did not reply in time", "unavailable");
        // Whatever the method: there is no time left.
        assert_eq!(stage.only().uri, path, "{case}");
        stage.settled(512 << 20).await;
    }
    // It does not even take the connection to TLS.
    let (url, _) = raw(|_| Step::Hang).await;
    let url = url.replace("http:", "https:");
    let tls = Some(secure::trusting(secure::CA, false));
    let stage =
        Stage::before(&url, tls, Protocol::Auto, Arc::default(), |o| o.timeouts.connect = short).await;
    stage.ask(&post("/a", "x")).await.is_own(503, "the upstream cannot be reached", "unavailable");
}

/// A reply that breaks off must not pass for a whole one.
#[tokio::test]
async fn a_reply_that_does_not_go_on_is_broken_off() {
    let stage = Stage::with(|o| o.timeouts.response_piece = Duration::from_millis(200)).await;
    let reply = stage.ask("GET /stall HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((reply.status, reply.body.len(), reply.whole), (200, PIECE, false));
    stage.settled(512 << 20).await;
    for script in [
        (|_| Step::ReplyAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine")) as fn(usize) -> Step,
        |_| Step::ReplyAndClose("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n"),
    ] {
        let (url, _) = raw(script).await;
        let stage = Stage::before(&url, None, Protocol::Auto, Arc::default(), |_| ()).await;
        let reply = stage.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(reply.status == 200 && !reply.whole, "{reply:?}");
    }
}

#[tokio::test]
async fn a_slow_client_is_told_and_its_memory_is_given_back() {
    let short = Duration::from_millis(200);
    for set in [(|o, t| o.timeouts.client = t) as fn(&mut Options, Duration), |o, t| o.timeouts.body = t] {
        let stage = Stage::with(|o| set(o, short)).await;
        let mut client = stage.client().await;
        client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin").await;
        let reply = client.reply(false).await;
        reply.is_own(408, "request too slow", "refused");
        assert_eq!(reply.header("connection"), Some("close"));
        until("the memory is given back", || stage.budget.free() == 512 << 20).await;
        assert!(stage.seen().is_empty());
        assert_eq!(stage.outcomes(), ["failed"]);
    }
    // One whose header section does not come gets no further either, nor one that says nothing.
    for said in ["", "POST /a HTTP/1.1\r\nHo", "PRI * HTT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let stage = Stage::with(|o| o.timeouts.header = short).await;
        let mut client = stage.client().await;
        client.send(said).await;
        while client.more().await {}
        drop(client);
        stage.settled(512 << 20).await;
    }
    // A kept connection is not kept for ever.
    let stage = Stage::with(|o| o.timeouts.header = short).await;
    let mut client = stage.client().await;
    client.ask(&post("/a", "x")).await.is(201, "taken");
    while client.more().await {}
    stage.settled(512 << 20).await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    let stage = Stage::new().await;
    for said in [
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegin".to_owned(),
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n".to_owned(),
        post("/hang", "x"),
        post("/a", "SLOW"),
    ] {
        let mut client = stage.client().await;
        client.send(&said).await;
        until("it is served", || stage.count.0.lock().unwrap().0 == 1).await;
        drop(client);
        stage.settled(512 << 20).await;
    }
    assert!(stage.seen().iter().all(|s| s.body != b"begin"));
    assert_eq!(stage.outcomes(), ["failed"; 4]);
}

#[tokio::test]
async fn a_hook_that_is_slow() {
    let stage = Stage::with(|o| o.timeouts.judge = Duration::from_millis(100)).await;
    stage.ask(&post("/a", "SLOW")).await.is_own(503, "the request could not be checked", "unavailable");
    // Its memory is held until it is done with it.
    assert!(stage.budget.free() < 512 << 20);
    stage.settled(512 << 20).await;
    assert!(stage.seen().is_empty());
}
