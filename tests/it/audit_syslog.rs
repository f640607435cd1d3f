//! The export of the audit log to a receiver of syslog over TLS.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use scrubjay::audit::{Actor, AuditLog, AuditSettings, Entry, Event, What};

use crate::kit::{Cmd, Dir, root};

/// A receiver that takes one connection, and gives what came on it and how it ended.
fn receiver(host: &str) -> (SocketAddr, JoinHandle<Result<Vec<u8>, String>>) {
    let pem = root().join("tests/brokers/tls/server.pem");
    let chain = CertificateDer::pem_file_iter(&pem).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&pem).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (tcp, _) = listener.accept().map_err(|e| e.to_string())?;
        let connection = ServerConnection::new(Arc::new(config)).map_err(|e| e.to_string())?;
        let mut received = Vec::new();
        // Without a close_notify this is an error: what came may have been cut short.
        StreamOwned::new(connection, tcp).read_to_end(&mut received).map_err(|e| e.to_string())?;
        Ok(received)
    });
    (address, thread)
}

/// Takes frames apart by their octets (RFC 6587, 3.4.1).
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|b| *b == b' ').unwrap();
        let len: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let (frame, rest) = bytes[space + 1..].split_at(len);
        found.push(String::from_utf8(frame.to_vec()).unwrap());
        bytes = rest;
    }
    found
}

fn filled(entries: usize) -> Dir {
    let dir = Dir::new();
    let settings = AuditSettings { dir: dir.path().join("log"), ..AuditSettings::default() };
    let log = AuditLog::open(settings).unwrap();
    for i in 0..entries {
        let what = What { tokens: vec![format!("[MRN:{i}]")], ..What::default() };
        let entry = Entry::new(Event::VaultReveal, Actor::default().operator("ana")).what(what);
        log.append(&entry.purpose("wegen Prüfung")).unwrap();
    }
    log.close().unwrap();
    dir
}

fn export(dir: &Dir, to: &str, ca: &str) -> Cmd {
    let ca = root().join("tests/brokers/tls").join(ca);
    dir.cmd().args("audit export --dir log --format syslog --to").arg(to).arg("--ca").arg(ca)
}

#[test]
fn messages_arrive_framed_and_whole() {
    let dir = filled(40);
    let log = dir.read("log/audit-000001.jsonl");
    let (address, received) = receiver("127.0.0.1");
    export(&dir, &format!("tls://localhost:{}", address.port()), "ca.pem")
        .run()
        .code(0)
        .stdout("")
        .stderr_has("40 entries sent");
    let frames = frames(&received.join().unwrap().unwrap());
    assert_eq!(frames.len(), 40);
    for (i, (frame, line)) in frames.iter().zip(std::str::from_utf8(&log).unwrap().lines()).enumerate() {
        assert!(frame.starts_with("<109>1 20"), "{frame}");
        assert!(
            frame.contains(&format!(r#" seq="{}" result="ok" operator="ana" token="[MRN:{i}\]" "#, i + 1)),
            "{frame}"
        );
        assert!(frame.ends_with(&format!("] {line}")), "{frame}");
    }
    let out = dir.cmd().args("audit tail -n 1 --dir log").run().code(0);
    out.stdout_has(&format!("\"object\":\"syslog to tls://localhost:{}\"", address.port()));
}

#[test]
fn a_receiver_that_cannot_be_trusted_gets_nothing() {
    let dir = filled(2);
    let (address, received) = receiver("127.0.0.1");
    export(&dir, &format!("tls://localhost:{}", address.port()), "other-ca.pem")
        .run()
        .code(2)
        .stderr_has("its certificate is not accepted")
        .stderr_has("--ca");
    assert!(received.join().unwrap().is_err());
    // The certificate is for localhost and 127.0.0.1, and Linux has more of these addresses.
    if cfg!(target_os = "linux") {
        let (address, received) = receiver("127.0.0.2");
        export(&dir, &format!("tls://{address}"), "ca.pem")
            .run()
            .code(2)
            .stderr_has("its certificate is not accepted");
        assert!(received.join().unwrap().is_err());
    }
    // That it was broken off is on record.
    let out = dir.cmd().args("audit tail -n 1 --dir log").run().code(0);
    out.stdout_has("\"result\":\"failed\",\"reason\":\"the export was broken off\"");
}

#[test]
fn what_is_wrong_with_a_target_is_said() {
    let dir = filled(1);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    export(&dir, &format!("tls://localhost:{closed}"), "ca.pem")
        .run()
        .code(2)
        .stderr_has("connection refused");
    export(&dir, "tcp://localhost:1", "ca.pem").run().code(2).stderr_has("tls://HOST:PORT");
    export(&dir, "tls://localhost:1", "make.sh").run().code(2).stderr_has("holds no certificate");
    dir.cmd()
        .args("audit export --dir log --to tls://localhost:1")
        .run()
        .code(2)
        .stderr_has("say --format syslog");
}
