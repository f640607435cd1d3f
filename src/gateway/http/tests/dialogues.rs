//! What goes through, in which form, and what does not.

use super::faults::{Step, raw};
use super::*;

#[tokio::test]
async fn a_request_goes_through_and_its_reply_comes_back() {
    let stage = Stage::new().await;
    let request = "POST /2010/Messages.json?a=b%20c HTTP/1.1\r\nHost: proxy.example\r\nUser-Agent: x/1\r\n\
                   Authorization: Basic abc\r\nX-Twice: 1\r\nX-Twice: 2\r\nAccept-Encoding: gzip\r\n\
                   Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
    let reply = stage.ask(request).await;
    reply.is(201, "taken");
    assert_eq!(reply.header("x-upstream"), Some("yes"));
    assert_eq!(reply.header("x-scrubjay"), None);
    let seen = stage.only();
    assert_eq!((seen.method.as_str(), seen.version), ("POST", Version::HTTP_11));
    assert_eq!(seen.uri, "/2010/Messages.json?a=b%20c");
    assert_eq!(seen.body, b"{\"a\":1}");
    let mut names: Vec<_> = seen.headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
    names.sort_unstable();
    let host = seen.header("host").unwrap();
    assert!(host.starts_with("127.0.0.1:"));
    // Nothing is added: no Via, no X-Forwarded-For.
    assert_eq!(
        names,
        [
            ("accept-encoding", "gzip"),
            ("authorization", "Basic abc"),
            ("content-length", "7"),
            ("content-type", "application/json"),
            ("host", host),
            ("idempotency-key", "k"),
            ("user-agent", "x/1"),
            ("x-twice", "1"),
            ("x-twice", "2"),
        ]
    );
    assert_eq!(stage.count.0.lock().unwrap().1, [("forwarded", 7)]);
    stage.settled(512 << 20).await;
}

#[tokio::test]
async fn replies_pass_as_they_are() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    for (path, status, body) in [
        ("/status/200", 200, "taken"),
        ("/status/204", 204, ""),
        ("/status/304", 304, ""),
        ("/status/400", 400, "taken"),
        ("/status/429", 429, "taken"),
        ("/status/500", 500, "taken"),
        ("/status/503", 503, "taken"),
        ("/status/799", 799, "taken"),
    ] {
        let reply = client.ask(&post(path, "text")).await;
        reply.is(status, body);
        assert_eq!(reply.header("x-scrubjay"), None, "{path}");
    }
    let reply = client.ask(&post("/zip", "text")).await;
    assert_eq!(
        (reply.header("content-encoding"), &reply.body[..4]),
        (Some("gzip"), &b"\x1f\x8b\x08\x00"[..])
    );
    let head = client.ask("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((head.status, head.header("x-upstream")), (201, Some("yes")));
    // Trailers, for a client that asks for them (RFC 9110, 6.5.1).
    let asking = "GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n";
    client.ask(asking).await.is(200, "takenx-sum: 7\r\n");
    client.ask("GET /trailers HTTP/1.1\r\nHost: a\r\n\r\n").await.is(200, "taken");
    // All of this came on one connection and went on one.
    assert_eq!(stage.got.connections.load(Ordering::SeqCst), 1);
    let failed = stage.outcomes().iter().filter(|o| **o == "failed").count();
    assert_eq!(failed, 5 - 1, "{:?}", stage.outcomes());
}

#[tokio::test]
async fn a_raw_reply_passes_byte_for_byte() {
    // Names in the case of their writer, a reason of its own, and the length of what HEAD does not get.
    let (address, _) = raw(|_| {
        Step::Reply("HTTP/1.1 200 Really Fine\r\nX-MiXed: ä b\r\nDate: now\r\nContent-Length: 3\r\nConnection: X-Gone\r\nX-Gone: 1\r\n\r\n")
    })
    .await;
    let stage = Stage::before(&address, None, Protocol::Auto, Arc::default(), |_| ()).await;
    let reply = stage.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(
        reply.head,
        "HTTP/1.1 200 Really Fine\r\nX-MiXed: ä b\r\nDate: now\r\nContent-Length: 3\r\n\r\n"
    );
}

#[tokio::test]
async fn what_the_hook_decides_is_done() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    let refused = client.ask(&post("/a", "REFUSE")).await;
    refused.is(400, "{\"code\":21610}");
    assert_eq!(refused.header("content-type"), Some("text/x-own"));
    client.ask(&post("/a", "SCRUB")).await.is(200, "clean");
    client.ask(&post("/a", "LATER")).await.is_own(503, "\\\"busy\\\"", "unavailable");
    client.ask(&post("/a", "PANIC")).await.is_own(503, "the request could not be checked", "unavailable");
    client.ask(&post("/a", "CONTINUE")).await.is_own(503, "the request could not be checked", "unavailable");
    client.ask(&post("/a", "ESCAPE")).await.is_own(503, "the request could not be checked", "unavailable");
    assert!(stage.seen().is_empty());
    client.ask(&post("/a", "REWRITE")).await.is(201, "taken");
    let seen = stage.only();
    assert_eq!(seen.body, b"a text that is longer than the one before");
    assert_eq!((seen.method.as_str(), seen.uri.to_string().as_str()), ("PUT", "/made?up"));
    assert_eq!(seen.header("content-length"), Some("41"));
    assert!(seen.header("host").unwrap().starts_with("127.0.0.1:"));
    assert_eq!((seen.header("transfer-encoding"), seen.header("x-left")), (None, Some("1")));
    drop(client);
    assert_eq!(stage.outcomes(), ["refused", "failed", "failed", "failed", "failed", "forwarded"]);
    stage.settled(512 << 20).await;
}

#[tokio::test]
async fn chunked_bodies_go_on_with_a_length() {
    let stage = Stage::new().await;
    let chunked = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                   4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nX-Sum: 7\r\n\r\n";
    let mut client = stage.client().await;
    client.ask(chunked).await.is(201, "taken");
    client.ask(&post("/b", "next")).await.is(201, "taken");
    let seen = stage.seen();
    assert_eq!((seen[0].body.as_slice(), seen[0].header("content-length")), (&b"Wikipedia"[..], Some("9")));
    for gone in ["transfer-encoding", "trailer", "x-sum"] {
        assert_eq!(seen[0].header(gone), None);
    }
    assert_eq!(seen[1].body, b"next");
}

#[tokio::test]
async fn continue_is_said_when_the_body_is_wanted() {
    let stage = Stage::with(|o| {
        o.max_body_bytes = 10_000;
        o.api_keys = Arc::new([Sensitive::new(b"good".to_vec())]);
    })
    .await;
    let expecting = |key: &str, length: usize| {
        format!(
            "POST /a HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut client = stage.client().await;
    let reply = client.ask(&expecting("good", 4)).await;
    assert_eq!(reply.head, "HTTP/1.1 100 Continue\r\n\r\n");
    client.ask("text").await.is(201, "taken");
    assert_eq!(stage.only().header("expect"), None);
    // Where it is not, the client is spared it, and the connection ends.
    client.ask(&expecting("bad", 4)).await.is_own(401, "API key missing or wrong", "refused");
    assert!(!client.more().await);
    let mut client = stage.client().await;
    client.ask(&expecting("good", 10_001)).await.is_own(413, "body too large", "refused");
    assert!(!client.more().await);
    assert_eq!(stage.seen().len(), 1);
}

#[tokio::test]
async fn keys_open_the_door_and_go_no_further() {
    let stage = Stage::with(|o| {
        o.api_keys = Arc::new([b"one".to_vec(), b"two".to_vec()].map(Sensitive::new));
        o.api_key_header = HeaderName::from_static("x-proxy-key");
    })
    .await;
    let get = |fields: &str| format!("GET /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    for (fields, good) in [
        ("X-Proxy-Key: one\r\n", true),
        ("x-proxy-key: two\r\n", true),
        ("", false),
        ("X-Proxy-Key: three\r\n", false),
        ("X-Proxy-Key:\r\n", false),
        ("X-Proxy-Key: one\r\nX-Proxy-Key: one\r\n", false),
        ("X-Api-Key: one\r\n", false),
        // Naming it between two hops does not take it away from us.
        ("Connection: X-Proxy-Key\r\nX-Proxy-Key: one\r\n", true),
    ] {
        let reply = stage.ask(&get(fields)).await;
        match good {
            true => reply.is(201, "taken"),
            false => reply.is_own(401, "API key missing or wrong", "refused"),
        }
    }
    let seen = stage.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|s| s.header("x-proxy-key").is_none()));
    assert_eq!(stage.outcomes(), ["forwarded"; 3]);
}

#[tokio::test]
async fn methods_and_targets() {
    let stage = Stage::new().await;
    let line = |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nHost: proxy.example\r\n{fields}\r\n");
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    for (request, status, at_upstream) in [
        (line("DELETE /a?b", ""), 201, Some("/a?b")),
        (line("PATCH /a", ""), 201, Some("/a")),
        (line("OPTIONS /a", ""), 201, Some("/a")),
        (line("GET /a", h2c), 201, Some("/a")),
        // Whom the client names plays no part.
        (line("GET http://evil.example/a?b", ""), 201, Some("/a?b")),
        (line("GET https://u:p@169.254.169.254/", ""), 201, Some("/")),
        (line("GET //evil.example/a", ""), 201, Some("//evil.example/a")),
        (line("OPTIONS *", ""), 400, None),
        (line("GET /a/../b", ""), 400, None),
        (line("GET /%2e%2e/b", ""), 400, None),
        (line("GET http://evil.example/../a", ""), 400, None),
        (line("CONNECT evil.example:443", ""), 501, None),
        (line("TRACE /a", ""), 501, None),
        (line("PROPFIND /a", ""), 501, None),
        (line("GET /a", websocket), 501, None),
    ] {
        let before = stage.seen().len();
        let reply = stage.ask(&request).await;
        assert_eq!(reply.status, status, "{request:?}: {reply:?}");
        let seen = stage.seen();
        let target = seen.get(before).map(|s| s.uri.to_string());
        assert_eq!(target.as_deref(), at_upstream, "{request:?}");
        let fields = seen.get(before).map(|s| (s.header("host").unwrap(), s.header("http2-settings")));
        assert!(fields.is_none_or(|(h, s)| h.starts_with("127.0.0.1:") && s.is_none()), "{request:?}");
    }
}

#[tokio::test]
async fn a_base_path_is_put_before() {
    let (address, got) = upstream(None).await;
    let stage = Stage::before(&format!("http://{address}/base/v1/"), None, Protocol::Auto, got, |_| ()).await;
    stage.ask("GET /a?b=/c HTTP/1.1\r\nHost: a\r\n\r\n").await.is(201, "taken");
    assert_eq!(stage.only().uri, "/base/v1/a?b=/c");
}

#[test]
fn addresses_of_upstreams() {
    let tls = secure::trusting(secure::CA, false);
    for (url, with_tls, expected) in [
        ("https://api.example.com", true, Ok("https://api.example.com/")),
        ("https://[::1]:8443/base", true, Ok("https://[::1]:8443/")),
        ("http://localhost:80", false, Ok("http://localhost:80/")),
        ("http://localhost", true, Err(UpstreamError::Tls)),
        ("https://localhost", false, Err(UpstreamError::Tls)),
        ("ftp://localhost", false, Err(UpstreamError::NotAUrl)),
        ("ftp://localhost", true, Err(UpstreamError::NotAUrl)),
        ("localhost", false, Err(UpstreamError::NotAUrl)),
        ("/a", false, Err(UpstreamError::NotAUrl)),
        ("", false, Err(UpstreamError::NotAUrl)),
        ("http://localhost/a/../b", false, Err(UpstreamError::NotAUrl)),
        ("http://user:password@localhost", false, Err(UpstreamError::TooMuch)),
        ("http://localhost/?a", false, Err(UpstreamError::TooMuch)),
        ("http://localhost/#a", false, Err(UpstreamError::TooMuch)),
    ] {
        let made = Upstream::new(url, with_tls.then(|| Arc::clone(&tls)), Protocol::Auto);
        assert_eq!(made.map(|u| u.uri().to_string()), expected.map(str::to_owned), "{url}");
    }
}

#[test]
fn nothing_of_a_request_is_shown() {
    let asked = Asked {
        method: Method::POST,
        uri: Uri::from_static("/secret"),
        headers: HeaderMap::from_iter([("secret".parse().unwrap(), HeaderValue::from_static("secret"))]),
        body: b"secret".to_vec(),
    };
    assert_eq!(format!("{asked:?}"), "Asked(1 fields, 6 bytes)");
    assert_eq!(format!("{:?}", Answer::Forward(asked)), "Forward(6 bytes)");
    assert_eq!(format!("{:?}", Answer::Reply(Response::new(b"secret".to_vec()))), "Reply(200)");
    assert_eq!(format!("{:?}", Answer::TryLater("secret")), "TryLater");
}
