//! Sockets in the file system.

use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tokio::net::UnixStream;

use super::*;

struct Served {
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

async fn serve_at(path: &Path, mode: u32) -> io::Result<Served> {
    let listener = Listener::bind(&Listen::Unix { path: path.to_owned(), mode }).await?;
    let options = Options::default();
    assert_eq!(listener.local_addr(), None);
    let (stop, stopping) = watch::channel(false);
    let served = tokio::spawn(serve_on(listener, options, Arc::new(Words::default()), stopping));
    Ok(Served { stop, served })
}

impl Served {
    async fn end(self) {
        self.stop.send(true).unwrap();
        timeout(Duration::from_secs(60), self.served).await.expect("an end").unwrap();
    }
}

async fn scrubs(path: &Path) {
    let mut mta = Mta { stream: UnixStream::connect(path).await.unwrap(), input: Vec::new(), protocol: 0 };
    mta.negotiate(NEW).await;
    let mail = Mail::new("Subject: 219-10-9999\n\n219-10-9999\n");
    assert_eq!(mta.mail(&mail).await.unwrap().text(), "Subject: [SSN]\n\n[SSN]\n");
}

#[tokio::test]
async fn a_socket_has_its_mode_and_goes_with_its_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("milter.sock");
    for mode in [0o660, 0o600, 0o666] {
        let served = serve_at(&path, mode).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        scrubs(&path).await;
        served.end().await;
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn only_the_socket_of_a_dead_server_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("milter.sock");
    // A dead one: std does not remove what it has bound.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let served = serve_at(&path, 0o660).await.unwrap();
    let refused = serve_at(&path, 0o660).await.err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    scrubs(&path).await;

    // What was put in its place since is not removed with it.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "kept").unwrap();
    served.end().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
    let refused = serve_at(&path, 0o660).await.err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");

    // Nor is what a link leads to, nor a socket of another kind.
    let (link, other) = (dir.path().join("link"), dir.path().join("datagrams"));
    symlink(&path, &link).unwrap();
    assert!(serve_at(&link, 0o660).await.is_err());
    let datagrams = std::os::unix::net::UnixDatagram::bind(&other).unwrap();
    assert!(serve_at(&other, 0o660).await.is_err());
    assert!(link.exists() && other.exists());
    drop(datagrams);
    assert!(serve_at(&dir.path().join("none").join("milter.sock"), 0o660).await.is_err());
}

/// A server that lives but does not accept: its socket is full.
#[tokio::test]
async fn a_server_that_is_busy_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("milter.sock");
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut clients = Vec::new();
    while let Ok(client) = UnixStream::connect(&path).await {
        clients.push(client);
        assert!(clients.len() < 1_000);
    }
    assert!(serve_at(&path, 0o660).await.is_err());
    assert!(path.exists());
    drop(listener);
}
