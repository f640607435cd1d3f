//! TLS to the server: rustls, with the aws-lc provider, the server's certificate verified against the CA file given and
//! the host name asked for (what libpq calls `verify-full`). There is no weaker mode.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_lc_rs::digest;
use postgres::Socket;
use postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as RustlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::reason::unreadable;
use crate::vault::VaultError;

/// Makes TLS connections that trust one CA file.
#[derive(Clone)]
pub(super) struct Connector(Arc<ClientConfig>);

impl Connector {
    /// Reads the CA certificates, PEM.
    pub(super) fn new(ca_file: &Path) -> Result<Connector, VaultError> {
        let refuse = |why: String| VaultError::Setting(format!("the CA file {} {why}", ca_file.display()));
        let pem =
            std::fs::read(ca_file).map_err(|e| refuse(format!("cannot be read: {}", unreadable(&e))))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let added = certificate.ok().and_then(|c| roots.add(c).ok());
            added.ok_or_else(|| {
                refuse("holds a certificate that cannot be read; give it in PEM".to_string())
            })?;
        }
        if roots.is_empty() {
            return Err(refuse("holds no certificate; give the CA's in PEM".to_string()));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| VaultError::Setting("TLS could not be set up".to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Connector(Arc::new(config)))
    }
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Handshake> {
        let name = ServerName::try_from(domain.to_string());
        let name = name.map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not a host name"))?;
        Ok(Handshake { connector: TlsConnector::from(self.0.clone()), name })
    }
}

/// A handshake about to begin.
pub(super) struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, socket).await.map(|s| Stream(Box::new(s))) })
    }
}

/// An encrypted connection.
pub(super) struct Stream(Box<RustlsStream<Socket>>);

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl TlsStream for Stream {
    /// Binds the password exchange to this connection (RFC 5929, section 4), so that nobody in between can pass it on,
    /// not even with a certificate of the same CA.
    fn channel_binding(&self) -> ChannelBinding {
        let (_, connection) = self.0.get_ref();
        let certificate = connection.peer_certificates().and_then(|all| all.first());
        match certificate.and_then(|c| Some(digest::digest(signature_hash(c)?, c))) {
            Some(hash) => ChannelBinding::tls_server_end_point(hash.as_ref().to_vec()),
            None => ChannelBinding::none(),
        }
    }
}

/// The hash of a certificate's signature (RFC 5280, section 4.1.1.2), SHA-256 in place of SHA-1; `None` where the
/// algorithm has none of its own, as Ed25519.
fn signature_hash(certificate: &[u8]) -> Option<&'static digest::Algorithm> {
    const SEQUENCE: u8 = 0x30;
    const OID: u8 = 0x06;
    let (whole, _) = der(certificate, SEQUENCE)?;
    let (_, after) = der(whole, SEQUENCE)?;
    let (algorithm, _) = der(after, SEQUENCE)?;
    let (oid, _) = der(algorithm, OID)?;
    // PKCS #1 of RSA (RFC 8017, appendix C) and ECDSA (RFC 5758, section 3.2).
    const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];
    const ECDSA: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03];
    match (oid.strip_prefix(RSA), oid.strip_prefix(ECDSA)) {
        (Some([5 | 11]), _) | (_, Some([2])) => Some(&digest::SHA256),
        (Some([12]), _) | (_, Some([3])) => Some(&digest::SHA384),
        (Some([13]), _) | (_, Some([4])) => Some(&digest::SHA512),
        _ => None,
    }
}

/// The content of a DER element of one type, and what follows it.
fn der(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (len, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    let (len, rest) = match len {
        0..=0x7F => (usize::from(*len), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(len & 0x7F))?;
            (digits.iter().fold(0, |len, d| len << 8 | usize::from(*d)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// What a failed handshake means, without the names in it.
pub(super) fn reason(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(e) => match e {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "shows a certificate that the CA file does not vouch for; give the CA that signed it"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "shows a certificate for another host name; connect by the name in the certificate"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "shows a certificate that has expired; renew it"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "shows a certificate that is not valid yet; check the clocks"
            }
            _ => "shows a certificate that cannot be verified; check how it was made",
        },
        _ => "could not agree on TLS with this program, which speaks TLS 1.2 and 1.3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(oid: &[u8], body: usize) -> Vec<u8> {
        let element = |tag: u8, content: &[u8]| {
            let mut out = vec![tag];
            match content.len() {
                len @ 0..=127 => out.push(len as u8),
                len => out.extend([0x82, (len >> 8) as u8, len as u8]),
            }
            out.extend_from_slice(content);
            out
        };
        let algorithm = element(0x30, &element(0x06, oid));
        element(0x30, &[element(0x30, &vec![7; body]), algorithm, element(0x03, &[0; 70])].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let rsa = |last| vec![0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, last];
        let ecdsa = |last| vec![0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, last];
        for (oid, bits) in [
            (rsa(5), Some(32)),
            (rsa(11), Some(32)),
            (rsa(12), Some(48)),
            (rsa(13), Some(64)),
            (ecdsa(2), Some(32)),
            (ecdsa(3), Some(48)),
            (ecdsa(4), Some(64)),
            (rsa(10), None),
            (vec![0x2B, 0x65, 0x70], None),
        ] {
            for body in [10, 600] {
                let certificate = certificate(&oid, body);
                assert_eq!(signature_hash(&certificate).map(|a| a.output_len), bits, "{oid:?}");
                for end in 0..certificate.len() - 73 {
                    assert!(signature_hash(&certificate[..end]).is_none(), "cut at {end}");
                }
            }
        }
    }
}
