//! TLS on either side, and no way around it.

use tokio_rustls::TlsConnector;

use super::super::super::kit::{CA, OTHER_CA, name, server, trusting};
use super::*;

#[tokio::test]
async fn both_sides() {
    let stage = Stage::with(Script { tls: Some(server()), ..Script::default() }, |o| {
        o.client_tls = Some(server());
        o.smsc_tls = Some((trusting(CA), name()));
    });
    let stage = stage.await;
    let tcp = stage.client().await.stream;
    let stream = TlsConnector::from(trusting(CA)).connect(name(), tcp).await.unwrap();
    let mut client = Peer { stream, input: Vec::new() };
    client.ask(&bind(0x34), &[(0x8000_0009, OK, 1)]).await;
    client.submit(&plain(2, "123-45-6789"), OK).await;
    let many: Vec<u8> = (3..500).flat_map(|n| submit(n, 0, 0, &[b'x'; 250], &[])).collect();
    client.send(&many).await;
    for n in 3..500 {
        client.expect(&[(0x8000_0004, OK, n)]).await;
    }
    assert_eq!(stage.smsc.texts()[0], b"<a number was removed>");
    drop(client);
    stage.settled().await;
}

#[tokio::test]
async fn no_clear_text_instead() {
    // A client that does not do TLS.
    let stage = Stage::with(Script::default(), |o| o.client_tls = Some(server())).await;
    let mut client = stage.client().await;
    client.send(&bind(0x34)).await;
    // An alert, and the end.
    let mut octets = Vec::new();
    let _ = timeout(PATIENCE, client.stream.read_to_end(&mut octets)).await.unwrap();
    assert!(stage.smsc.got().is_empty() && octets.len() < 16);
    stage.settled().await;
    // An SMSC that does not, and one that is another.
    for (tls, ca) in [(None, CA), (Some(server()), OTHER_CA)] {
        let stage = Stage::with(Script { tls, ..Script::default() }, |o| {
            o.smsc_tls = Some((trusting(ca), name()));
            o.timeouts.connect = Duration::from_secs(2);
        });
        let stage = stage.await;
        let mut client = stage.client().await;
        client.ask(&bind(0x34), &[(0x8000_0009, RSYSERR, 1)]).await;
        client.expect_end().await;
        let named = stage.smsc.got().iter().any(|octets| memchr::memmem::find(octets, b"secret").is_some());
        assert!(!named);
        stage.settled().await;
    }
}
