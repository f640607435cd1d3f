//! Connections to the upstream.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::upstream::{Protocol, Upstream};

/// Connects to the one upstream, whatever it is asked to connect to.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    upstream: Uri,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    protocol: Protocol,
    patience: Duration,
}

impl Connector {
    pub(super) fn new(upstream: &Upstream, patience: Duration) -> Connector {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        // Split over the host's addresses, so that one that does not answer leaves time for the next.
        tcp.set_connect_timeout(Some(patience));
        let protocol = upstream.protocol();
        let tls = upstream.tls().map(|(config, name)| {
            let mut config = rustls::ClientConfig::clone(config);
            let offered: &[&[u8]] = match protocol {
                Protocol::Auto => &[b"h2", b"http/1.1"],
                Protocol::Http1 => &[b"http/1.1"],
                Protocol::Http2 => &[b"h2"],
            };
            config.alpn_protocols = offered.iter().map(|p| p.to_vec()).collect();
            (TlsConnector::from(Arc::new(config)), name.clone())
        });
        Connector { tcp, upstream: upstream.uri().clone(), tls, protocol, patience }
    }

    async fn connect(mut self) -> io::Result<TokioIo<Stream>> {
        let tcp = self.tcp.call(self.upstream).await.map_err(|e| {
            let source = std::error::Error::source(&e).and_then(|s| s.downcast_ref::<io::Error>());
            source.map_or(io::ErrorKind::NotConnected, io::Error::kind)
        })?;
        let tcp = tcp.into_inner();
        let Some((tls, name)) = self.tls else {
            return Ok(TokioIo::new(Stream { io: Box::new(tcp), is_h2: self.protocol == Protocol::Http2 }));
        };
        let tls = tls.connect(name, tcp).await?;
        let is_h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        if self.protocol == Protocol::Http2 && !is_h2 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(TokioIo::new(Stream { io: Box::new(tls), is_h2 }))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (patience, connect) = (self.patience, self.clone().connect());
        Box::pin(async move {
            let connected = timeout(patience, connect).await;
            let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            if let Err(error) = &connected {
                tracing::warn!("HTTP: no connection to the upstream: {}", error.kind());
            }
            connected
        })
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// A connection to the upstream, in clear or under TLS.
pub(super) struct Stream {
    io: Box<dyn Io>,
    is_h2: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        if self.is_h2 { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }
}
