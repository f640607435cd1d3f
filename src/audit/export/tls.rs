//! Syslog over TLS (RFC 5425).

use std::fmt;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::FramedSyslog;
use crate::reason::{plain_reason, unreadable};

/// The port of syslog over TLS (RFC 5425, 4.1).
const PORT: u16 = 6514;
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the receiver may take to close after all has been sent.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// Where systems keep the authorities they trust: Debian and Alpine, Fedora, SUSE, macOS and the BSDs.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where syslog messages go: `tls://HOST:PORT`; without a port, 6514.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogTarget {
    host: String,
    port: u16,
}

/// Why messages could not be sent, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

/// A connection that syslog messages are sent on. Syslog has no acknowledgement: what was sent before the connection broke may
/// have been lost. [`TlsSink::finish`] waits until the receiver has closed its side, which it does after it has read
/// everything.
pub struct TlsSink {
    stream: StreamOwned<ClientConnection, TcpStream>,
    target: SyslogTarget,
}

impl FromStr for SyslogTarget {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<SyslogTarget, TlsError> {
        let refused = || TlsError("the receiver is written tls://HOST or tls://HOST:PORT".to_owned());
        let rest = text.strip_prefix("tls://").ok_or_else(refused)?;
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(refused)?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some("")).ok_or_else(refused)?)
            }
            None => rest.split_once(':').unwrap_or((rest, "")),
        };
        let port = if port.is_empty() { PORT } else { port.parse().map_err(|_| refused())? };
        if host.is_empty() || ServerName::try_from(host).is_err() || port == 0 {
            return Err(refused());
        }
        Ok(SyslogTarget { host: host.to_owned(), port })
    }
}

impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "tls://[{}]:{}", self.host, self.port),
            false => write!(f, "tls://{}:{}", self.host, self.port),
        }
    }
}

impl TlsSink {
    /// Connects. The receiver's certificate must be for its host, by an authority in the PEM file `ca`; without one, by
    /// those the system trusts (`SSL_CERT_FILE`, or the system's bundle).
    pub fn connect(target: &SyslogTarget, ca: Option<&Path>) -> Result<TlsSink, TlsError> {
        let failed = |why: String| TlsError(format!("cannot connect to {target}: {why}"));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| failed(e.to_string()))?
            .with_root_certificates(authorities(ca)?)
            .with_no_client_auth();
        let name = ServerName::try_from(target.host.clone()).map_err(|e| failed(e.to_string()))?;
        let tcp = tcp(target)
            .map_err(|e| failed(format!("{}; check host, port and firewall", plain_reason(&e))))?;
        let mut connection =
            ClientConnection::new(Arc::new(config), name).map_err(|e| failed(e.to_string()))?;
        let mut tcp = tcp;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp).map_err(|e| failed(explain(&e)))?;
        }
        Ok(TlsSink { stream: StreamOwned::new(connection, tcp), target: target.clone() })
    }

    /// Sends a message, framed by its octets.
    pub fn send(&mut self, message: &str) -> Result<(), TlsError> {
        let sent = self.stream.write_all(&FramedSyslog(message).to_bytes());
        sent.map_err(|e| self.broke(&e))
    }

    /// Sends what is left, says that nothing more comes, and waits for the receiver to close; an error where it broke
    /// the connection off instead.
    pub fn finish(mut self) -> Result<(), TlsError> {
        self.stream.conn.send_close_notify();
        self.stream.flush().map_err(|e| self.broke(&e))?;
        let _ = self.stream.sock.shutdown(std::net::Shutdown::Write);
        let _ = self.stream.sock.set_read_timeout(Some(CLOSE_PATIENCE));
        // What a receiver says is nothing to us; that it closes is.
        match io::copy(&mut self.stream.sock, &mut io::sink()) {
            Ok(_) => Ok(()),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(()),
            Err(e) => Err(self.broke(&e)),
        }
    }

    fn broke(&self, error: &io::Error) -> TlsError {
        TlsError(format!(
            "the connection to {} broke: {}; syslog has no acknowledgement, so send the same range again",
            self.target,
            explain(error)
        ))
    }
}

/// The first of the host's addresses that answers.
fn tcp(target: &SyslogTarget) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_PATIENCE) {
            Ok(tcp) => {
                tcp.set_read_timeout(Some(PATIENCE))?;
                tcp.set_write_timeout(Some(PATIENCE))?;
                return Ok(tcp);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn explain(error: &io::Error) -> String {
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(e)) => {
            format!(
                "its certificate is not accepted ({e}); name its authority with --ca, and the host as the certificate does"
            )
        }
        Some(tls) => tls.to_string(),
        None => plain_reason(error),
    }
}

fn authorities(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let from_environment = || std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let bundle = || BUNDLES.iter().map(PathBuf::from).find(|p| p.is_file());
    let Some(path) = ca.map(Path::to_owned).or_else(from_environment).or_else(bundle) else {
        return Err(TlsError("the system has no bundle of authorities; name one with --ca".to_owned()));
    };
    let shown = path.display();
    let pem = std::fs::read(&path)
        .map_err(|e| TlsError(format!("the authorities in {shown} cannot be read: {}", unreadable(&e))))?;
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    // A bundle may hold certificates that are no authorities for us; one that is must be there.
    let (taken, _) = store.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err(TlsError(format!("{shown} holds no certificate of an authority; it must be PEM")));
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (text, target) in [
            ("tls://logs.example:6515", Some(("logs.example", 6515))),
            ("tls://logs.example", Some(("logs.example", 6514))),
            ("tls://192.0.2.7", Some(("192.0.2.7", 6514))),
            ("tls://[2001:db8::1]:99", Some(("2001:db8::1", 99))),
            ("tls://[2001:db8::1]", Some(("2001:db8::1", 6514))),
            ("tcp://logs.example:6515", None),
            ("logs.example:6515", None),
            ("tls://", None),
            ("tls://:6514", None),
            ("tls://logs.example:0", None),
            ("tls://logs.example:x", None),
            ("tls://[2001:db8::1", None),
            ("tls://[2001:db8::1]x", None),
            ("tls://a b", None),
        ] {
            let got = text.parse::<SyslogTarget>().ok();
            let want = target.map(|(host, port)| SyslogTarget { host: host.to_owned(), port });
            assert_eq!(got, want, "{text}");
            if let Some(target) = got {
                assert_eq!(target.to_string().parse(), Ok(target), "{text}");
            }
        }
    }

    #[test]
    fn authorities_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("ca.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        let error = authorities(Some(&empty)).unwrap_err().to_string();
        assert!(error.contains("ca.pem holds no certificate"), "{error}");
        let error = authorities(Some(&dir.path().join("absent"))).unwrap_err().to_string();
        assert!(error.contains("cannot be read: no such file"), "{error}");
    }
}
