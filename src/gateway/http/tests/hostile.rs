//! Requests that two servers could read differently, and fields that could become others.

use super::*;

#[tokio::test]
async fn requests_that_are_two_for_some_are_one_or_none() {
    let stage = Stage::new().await;
    const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    for fields in [
        // The client's framing, and what follows it as seen by somebody else.
        "Content-Length: 4\r\nContent-Length: 5\r\n\r\ntext",
        "Content-Length: 4, 5\r\n\r\ntext",
        "Content-Length: +4\r\n\r\ntext",
        "Content-Length: 0x4\r\n\r\ntext",
        "Content-Length: -1\r\n\r\ntext",
        "Content-Length : 4\r\n\r\ntext",
        "Content-Length:\r\n 4\r\n\r\ntext",
        "Content-Length: 99999999999999999999999\r\n\r\ntext",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nG\r\ntext\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\ntext\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\ntext\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n4\r\ntextX\r\n0\r\n\r\n",
        "Host: b\r\nContent-Length: 0\r\n\r\n",
        "X-Y: a\rb\r\nContent-Length: 0\r\n\r\n",
        "X-Y: a\0b\r\nContent-Length: 0\r\n\r\n",
        "X Y: a\r\nContent-Length: 0\r\n\r\n",
        ": a\r\nContent-Length: 0\r\n\r\n",
    ] {
        let mut client = stage.client().await;
        client.send(&format!("POST /open HTTP/1.1\r\nHost: a\r\n{fields}{HIDDEN}")).await;
        let replies = client.rest().await;
        assert!(replies.starts_with("HTTP/1.1 400 "), "{fields:?}: {replies}");
        assert_eq!(replies.matches("HTTP/1.1").count(), 1, "{fields:?}: {replies}");
        assert!(stage.seen().is_empty(), "{fields:?}: {:?}", stage.seen());
    }
    for line in [
        "GET /a b HTTP/1.1",
        "GET  /a HTTP/1.1",
        "GET /a HTTP/1.2",
        "GET /a",
        "GET a HTTP/1.1",
        " GET /a HTTP/1.1",
    ] {
        let mut client = stage.client().await;
        client.send(&format!("{line}\r\nHost: a\r\n\r\n")).await;
        let replies = client.rest().await;
        assert!(
            replies.starts_with("HTTP/1.1 4") || replies.starts_with("HTTP/1.1 505"),
            "{line:?}: {replies}"
        );
        assert!(stage.seen().is_empty(), "{line:?}: {:?}", stage.seen());
    }
}

/// Where there are both, the length does not count, and nothing behind it is read (RFC 9112, 6.1).
#[tokio::test]
async fn a_length_and_chunks() {
    for fields in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let stage = Stage::new().await;
        let mut client = stage.client().await;
        let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send(&format!("POST /open HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n{hidden}")).await;
        let replies = client.rest().await;
        assert_eq!(replies.matches("HTTP/1.1").count(), 1, "{fields}: {replies}");
        let seen = stage.only();
        assert_eq!((seen.uri.path(), seen.header("transfer-encoding")), ("/open", None), "{fields}");
        assert!(seen.body.is_empty());
    }
}

#[tokio::test]
async fn header_sections_are_bounded() {
    let stage = Stage::with(|o| o.max_header_bytes = 8 << 10).await;
    let get = |n: usize| format!("GET /a HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(n));
    stage.ask(&get(4_000)).await.is(201, "taken");
    for (case, request) in [
        ("a long field", get(10_000)),
        ("a long target", format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "y".repeat(10_000))),
        ("many fields", format!("GET /a HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(500))),
    ] {
        let mut client = stage.client().await;
        client.send(&request).await;
        let replies = client.rest().await;
        let status = replies.get(9..12).unwrap_or_default();
        assert!(matches!(status, "431" | "414" | ""), "{case}: {replies}");
    }
    stage.only();
}

#[tokio::test]
async fn bodies_are_bounded_and_the_answer_gets_through() {
    let stage = Stage::with(|o| o.max_body_bytes = 100_000).await;
    stage.ask(&post("/a", &"x".repeat(100_000))).await.is(201, "taken");
    // The client writes all of it, come what may, and only reads then.
    let long = "x".repeat(4 << 20);
    for request in [
        post("/a", &long),
        post("/a", &"x".repeat(100_001)),
        format!(
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
            long.len()
        ),
    ] {
        stage.ask(&request).await.is_own(413, "body too large", "refused");
    }
    stage.only();
    assert_eq!(stage.outcomes(), ["forwarded", "too_large", "too_large", "too_large"]);
    stage.settled(512 << 20).await;
}

/// Fields of HTTP/2 are not lines: what they hold must not become some in HTTP/1.1.
#[tokio::test]
async fn fields_of_http2_cannot_become_lines() {
    let field = |name: &str, value: &str| {
        // A literal without indexing or Huffman's code (RFC 7541, 6.2.2); no length here needs a second byte.
        let mut bytes = vec![0, name.len() as u8];
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(value.len() as u8);
        bytes.extend_from_slice(value.as_bytes());
        bytes
    };
    let fine = [(":method", "GET"), (":scheme", "http"), (":path", "/a"), (":authority", "a"), ("x-y", "z")];
    for (case, at, name, value, reaches) in [
        ("fine", 4, "x-y", "z", true),
        ("a line in a value", 4, "x-y", "z\r\nx-injected: 1", false),
        ("a bare LF in a value", 4, "x-y", "z\nx-injected: 1", false),
        ("NUL in a value", 4, "x-y", "z\0", false),
        ("a line in a name", 4, "x\r\ny", "z", false),
        ("a colon in a name", 4, "x-y: z\r\nx-injected", "1", false),
        ("capitals in a name", 4, "X-Y", "z", false),
        ("a line in the path", 2, ":path", "/a HTTP/1.1\r\nx-injected: 1", false),
        ("a line in the method", 0, ":method", "GET / HTTP/1.1\r\nx-injected: 1", false),
        ("a line in the authority", 3, ":authority", "a\r\nx-injected: 1", false),
        ("a field between hops", 4, "connection", "x-y", false),
        ("chunks", 4, "transfer-encoding", "chunked", false),
        ("no path", 2, "x-y", "z", false),
    ] {
        let stage = Stage::new().await;
        let mut fields = fine;
        fields[at] = (name, value);
        let block: Vec<u8> = fields.iter().flat_map(|(n, v)| field(n, v)).collect();
        let mut wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        wire.extend_from_slice(&[0, 0, block.len() as u8, 1, 5, 0, 0, 0, 1]);
        wire.extend_from_slice(&block);
        let mut tcp = TcpStream::connect(stage.proxy).await.unwrap();
        tcp.write_all(&wire).await.unwrap();
        // HEADERS of stream 1, or RST_STREAM of it, or GOAWAY: one of them comes.
        let (mut input, mut kind) = (Vec::new(), 0);
        while kind == 0 {
            let read = timeout(PATIENCE, tcp.read_buf(&mut input)).await.expect("a frame in time");
            kind = if matches!(read, Ok(1..)) { 0 } else { 7 };
            let mut rest = &input[..];
            while let [a, b, c, frame, _, _, _, _, _, more @ ..] = rest {
                let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
                if matches!(frame, 1 | 3 | 7) {
                    kind = *frame;
                }
                rest = more.get(length..).unwrap_or_default();
            }
        }
        assert_eq!(stage.seen().len(), usize::from(reaches), "{case}");
        assert!(stage.seen().iter().all(|s| s.header("x-injected").is_none()), "{case}");
    }
}
