//! TLS and HTTP/2 on either side.

use hyper::client::conn::http2;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

pub(super) const CA: &[u8] = include_bytes!("tls/ca.pem");
const OTHER_CA: &[u8] = include_bytes!("tls/other-ca.pem");
const SERVER: &[u8] = include_bytes!("tls/server.pem");
const CLIENT: &[u8] = include_bytes!("tls/client.pem");

fn roots(ca: &[u8]) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
    roots
}

fn pair(pem: &[u8]) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_slice(pem).unwrap())
}

fn server(asks_for_certificate: bool, alpn: &[&[u8]]) -> Arc<rustls::ServerConfig> {
    let (chain, key) = pair(SERVER);
    let mut config = server_config(chain, key, asks_for_certificate.then(|| roots(CA))).unwrap();
    config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
    Arc::new(config)
}

pub(super) fn trusting(ca: &[u8], with_certificate: bool) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.unwrap().with_root_certificates(roots(ca));
    Arc::new(if with_certificate {
        let (chain, key) = pair(CLIENT);
        builder.with_client_auth_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth()
    })
}

async fn secure(
    stage: &Stage,
    config: Arc<rustls::ClientConfig>,
    alpn: &[u8],
) -> io::Result<TlsStream<TcpStream>> {
    let mut config = rustls::ClientConfig::clone(&config);
    config.alpn_protocols = vec![alpn.to_vec()];
    let tcp = TcpStream::connect(stage.proxy).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

pub(super) type H2 = http2::SendRequest<Full<Bytes>>;

pub(super) async fn h2(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> H2 {
    let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    send
}

pub(super) async fn ask_h2(client: &mut H2, method: &str, path: &str, body: &str) -> (Response<()>, String) {
    let request = Request::builder().method(method).uri(format!("http://proxy.example{path}"));
    let request = request.header("te", "trailers");
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let reply = timeout(PATIENCE, client.send_request(request)).await.unwrap().unwrap();
    let (parts, body) = reply.into_parts();
    let body = timeout(PATIENCE, body.collect()).await.unwrap().unwrap();
    let trailers = body.trailers().map(|t| format!("{t:?}")).unwrap_or_default();
    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap() + &trailers;
    (Response::from_parts(parts, ()), text)
}

#[tokio::test]
async fn every_version_to_every_version() {
    for (tls, protocol, expected) in [
        (None, Protocol::Auto, Version::HTTP_11),
        (None, Protocol::Http1, Version::HTTP_11),
        (None, Protocol::Http2, Version::HTTP_2),
        (Some(server(false, &[b"h2", b"http/1.1"])), Protocol::Auto, Version::HTTP_2),
        (Some(server(false, &[b"http/1.1"])), Protocol::Auto, Version::HTTP_11),
        (Some(server(false, &[])), Protocol::Auto, Version::HTTP_11),
        (Some(server(false, &[b"h2", b"http/1.1"])), Protocol::Http1, Version::HTTP_11),
        (Some(server(false, &[b"h2", b"http/1.1"])), Protocol::Http2, Version::HTTP_2),
    ] {
        let case = format!("{}, {protocol:?}", if tls.is_some() { "TLS" } else { "clear text" });
        let (address, got) = upstream(tls.clone()).await;
        let url = format!("http{}://{address}", if tls.is_some() { "s" } else { "" });
        let trusting = tls.map(|_| trusting(CA, false));
        let stage = Stage::before(&url, trusting, protocol, got, |_| ()).await;
        let mut one = stage.client().await;
        one.ask(&post("/a?b", "text")).await.is(201, "taken");
        one.ask("HEAD /a?b HTTP/1.1\r\nHost: a\r\n\r\n").await.is(201, "");
        let mut two = h2(TcpStream::connect(stage.proxy).await.unwrap()).await;
        let (reply, body) = ask_h2(&mut two, "POST", "/a?b", "text").await;
        assert_eq!((reply.status().as_u16(), body.as_str()), (201, "taken"), "{case}");
        assert_eq!(reply.headers()["x-upstream"], "yes");
        assert_eq!(ask_h2(&mut two, "HEAD", "/a?b", "").await.0.status(), 201);
        assert_eq!(ask_h2(&mut two, "DELETE", "/status/204", "").await.0.status(), 204);
        let (_, body) = ask_h2(&mut two, "POST", "/big/40", "text").await;
        assert_eq!(body.len(), 40 * PIECE, "{case}");
        let (_, body) = ask_h2(&mut two, "GET", "/trailers", "").await;
        assert_eq!(body, "taken{\"x-sum\": \"7\"}", "{case}");
        for seen in stage.seen() {
            assert_eq!(seen.version, expected, "{case}");
            let authority = seen.uri.authority().map(|a| a.as_str()).or(seen.header("host"));
            assert_eq!(authority, Some(address.to_string().as_str()), "{case}");
        }
        assert_eq!(stage.seen().iter().filter(|s| s.body == b"text").count(), 3, "{case}");
        drop((one, two));
        stage.settled(512 << 20).await;
    }
}

#[tokio::test]
async fn clients_under_tls() {
    let stage = Stage::with(|o| o.client_tls = Some(server(false, &[]))).await;
    let one = secure(&stage, trusting(CA, false), b"http/1.1").await.unwrap();
    assert_eq!(one.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut one = Client::new(one);
    one.ask(&post("/a", "text")).await.is(201, "taken");
    one.ask(&post("/a", "more")).await.is(201, "taken");
    let two = secure(&stage, trusting(CA, false), b"h2").await.unwrap();
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut two = h2(two).await;
    assert_eq!(ask_h2(&mut two, "POST", "/a", "text").await.1, "taken");
    let (reply, body) = ask_h2(&mut two, "POST", "/a", "REFUSE").await;
    assert_eq!((reply.status().as_u16(), body.as_str()), (400, "{\"code\":21610}"));
    // What HEAD gets has no body, in HTTP/2 either.
    let (reply, body) = ask_h2(&mut two, "HEAD", "/../a", "").await;
    assert_eq!((reply.status().as_u16(), body.as_str()), (400, ""));
    assert_eq!(reply.headers()["content-length"], "20");
    assert_eq!(stage.seen().len(), 3);
    // Who trusts somebody else stays away; who does not speak TLS is not answered, and neither does harm.
    assert!(secure(&stage, trusting(OTHER_CA, false), b"h2").await.is_err());
    let mut clear = stage.client().await;
    clear.send(&post("/a", "text")).await;
    assert!(!clear.rest().await.contains("HTTP"));
    drop((one, two));
    stage.settled(512 << 20).await;
    // A handshake has its time too.
    let stage = Stage::with(|o| {
        o.client_tls = Some(server(false, &[]));
        o.timeouts.handshake = Duration::from_millis(100);
    })
    .await;
    assert_eq!(stage.client().await.rest().await, "");
    stage.settled(512 << 20).await;
}

#[tokio::test]
async fn old_versions_of_tls_are_not_spoken() {
    let stage = Stage::with(|o| o.client_tls = Some(server(false, &[]))).await;
    // A ClientHello of TLS 1.1, with a cipher suite of that time.
    let mut hello = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x02".to_vec();
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(b"\x00\x00\x02\x00\x2f\x01\x00");
    let mut tcp = TcpStream::connect(stage.proxy).await.unwrap();
    tcp.write_all(&hello).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, tcp.read_to_end(&mut answer)).await.unwrap().unwrap();
    // A fatal alert.
    assert_eq!((answer.first(), answer.get(5)), (Some(&0x15), Some(&2)), "{answer:?}");
}

#[tokio::test]
async fn clients_with_certificates() {
    let stage = Stage::with(|o| o.client_tls = Some(server(true, &[]))).await;
    let mut good = Client::new(secure(&stage, trusting(CA, true), b"http/1.1").await.unwrap());
    good.ask(&post("/a", "text")).await.is(201, "taken");
    // In TLS 1.3 a client without one learns of it when it reads.
    if let Ok(bad) = secure(&stage, trusting(CA, false), b"http/1.1").await {
        let mut bad = Client::new(bad);
        let _ = bad.stream.write_all(post("/a", "text").as_bytes()).await;
        assert_eq!(bad.rest().await, "");
    }
    stage.only();
}

#[tokio::test]
async fn upstreams_with_certificates() {
    let server_h1 = server(true, &[b"http/1.1"]);
    let no_h2 = server(false, &[b"http/1.1"]);
    for (case, config, ca, host, certificate, protocol, status) in [
        ("fine", &server_h1, CA, "localhost", true, Protocol::Auto, 201),
        ("by address", &server_h1, CA, "127.0.0.1", true, Protocol::Auto, 201),
        ("another authority", &server_h1, OTHER_CA, "localhost", true, Protocol::Auto, 503),
        // There is no such name in its certificate, though it leads there.
        ("another name", &server_h1, CA, "127.0.0.2", true, Protocol::Auto, 503),
        // It may have read the request before it looked at the certificate that did not come.
        ("none of ours", &server_h1, CA, "localhost", false, Protocol::Auto, 502),
        ("no HTTP/2", &no_h2, CA, "localhost", false, Protocol::Http2, 503),
    ] {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, config) = (Arc::new(Got::default()), Arc::clone(config));
        let theirs = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve_upstream(tcp, Some(Arc::clone(&config)), Arc::clone(&theirs)));
            }
        });
        let tls = Some(trusting(ca, certificate));
        let stage = Stage::before(&format!("https://{host}:{port}"), tls, protocol, got, |_| ()).await;
        let reply = stage.ask(&post("/a", "text")).await;
        assert_eq!(reply.status, status, "{case}: {reply:?}");
        assert_eq!(stage.seen().len(), usize::from(status == 201), "{case}");
    }
}

/// The upstream says of a stream that it has done nothing about it: that is sent again, whatever it is.
#[tokio::test]
async fn a_stream_that_was_not_taken_is_sent_again() {
    let reset = |reason| vec![0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, reason];
    let go_away = |last, reason| vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, reason];
    for (case, answer, status, times) in [
        ("refused", reset(7), 201, 2),
        ("an error", reset(2), 502, 1),
        ("canceled", reset(8), 502, 1),
        ("takes its leave", go_away(0, 0), 201, 2),
        ("takes its leave after an error", go_away(0, 2), 201, 2),
        ("takes its leave, and may have taken the stream", go_away(1, 0), 502, 1),
        ("takes its leave after an error, and may have taken the stream", go_away(1, 2), 502, 1),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let streams = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&streams);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let mut upstream = Client::new(tcp);
                upstream.bytes(24).await.unwrap();
                // SETTINGS, empty.
                upstream.stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
                while let Some(head) = upstream.bytes(9).await {
                    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                    upstream.bytes(length).await.unwrap();
                    // The request is there when its stream ends; then SETTINGS are acknowledged.
                    let ends = matches!(head[3], 0 | 1) && head[4] & 1 == 1;
                    if ends && theirs.fetch_add(1, Ordering::SeqCst) == 0 {
                        upstream.stream.write_all(&answer).await.unwrap();
                        if answer[3] == 7 {
                            break;
                        }
                    } else if ends {
                        // HEADERS with END_STREAM, and `:status` 201 as a literal with the static table's name 8.
                        let reply = [&[0, 0, 5, 1, 5], &head[5..9], b"\x08\x03201"].concat();
                        upstream.stream.write_all(&reply).await.unwrap();
                    } else if head[3] == 4 && head[4] == 0 {
                        upstream.stream.write_all(&[0, 0, 0, 4, 1, 0, 0, 0, 0]).await.unwrap();
                    }
                }
            }
        });
        let stage = Stage::before(&url, None, Protocol::Http2, Arc::default(), |_| ()).await;
        let reply = stage.ask(&post("/a", "text")).await;
        assert_eq!(reply.status, status, "{case}: {reply:?}");
        assert_eq!(streams.load(Ordering::SeqCst), times, "{case}");
    }
}

/// A client of HTTP/2 that is still writing gets the answer, not only its stream reset.
#[tokio::test]
async fn a_long_body_over_http2_is_answered() {
    let stage = Stage::with(|o| o.max_body_bytes = 100_000).await;
    let mut two = h2(TcpStream::connect(stage.proxy).await.unwrap()).await;
    let long = "x".repeat(8 << 20);
    let (reply, body) = ask_h2(&mut two, "POST", "/a", &long).await;
    assert_eq!((reply.status().as_u16(), body.as_str()), (413, "{\"error\":\"body too large\"}"));
    assert!(!reply.headers().contains_key("connection"));
    assert_eq!(ask_h2(&mut two, "POST", "/a", "short").await.1, "taken");
}
