//! The HTTP endpoints for operators: `/metrics`, `/healthz`, `/readyz`.
//!
//! They run on a thread of their own, with nothing of the engine on it; what they serve holds no text of a record.
//! There is no access control: the address should be a loopback one, or one that only the monitoring reaches.

use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::health::Health;
use crate::metrics;
use crate::reason::plain_reason;

/// How often what nobody scrapes is folded together.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long a request that has begun may take after the stop.
const GRACE: Duration = Duration::from_secs(1);

/// Why the endpoints cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The address cannot be listened on.
    #[error("[metrics] listen: cannot listen on {address}: {}{}", plain_reason(cause), advice(cause))]
    Bind {
        /// The address of the configuration.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The thread or its runtime cannot be started.
    #[error("the metrics endpoint cannot be started: {}; raise the limits of processes and files of this user", plain_reason(.0))]
    Start(io::Error),
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "; another program has it: stop that one, or take another port",
        io::ErrorKind::PermissionDenied => "; take a port above 1023",
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: take 127.0.0.1, or 0.0.0.0 for all"
        }
        _ => "",
    }
}

/// The running endpoints. They stop when it goes.
#[derive(Debug)]
pub struct Console {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Begins to serve on `address` and returns when it listens; installs the metrics recorder. Port 0 takes a free one.
pub fn serve(address: SocketAddr, health: Health) -> Result<Console, ConsoleError> {
    metrics::install();
    health.publish();
    let bind = |cause| ConsoleError::Bind { address, cause };
    let listener = std::net::TcpListener::bind(address).map_err(bind)?;
    listener.set_nonblocking(true).map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ConsoleError::Start)?;
    let listener = {
        let _context = runtime.enter();
        TcpListener::from_std(listener).map_err(ConsoleError::Start)?
    };
    let (stop, stopped) = oneshot::channel();
    let serving = move || {
        runtime.block_on(async {
            let until = async {
                let _ = stopped.await;
            };
            let server = axum::serve(listener, router(health)).with_graceful_shutdown(until);
            tokio::select! {
                result = server => if let Err(e) = result {
                    tracing::error!("the metrics endpoint stopped: {e}");
                },
                () = upkeep() => {}
            }
        });
        runtime.shutdown_timeout(GRACE);
    };
    let thread = thread::Builder::new().name("console".into()).spawn(serving).map_err(ConsoleError::Start)?;
    Ok(Console { address, stop: Some(stop), thread: Some(thread) })
}

impl Console {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        // A client that keeps its connection open does not keep the process: it is left behind.
        let Some(thread) = self.thread.take() else { return };
        let wait = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        while !thread.is_finished() && waited < GRACE {
            thread::sleep(wait);
            waited += wait;
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

async fn upkeep() {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics::upkeep();
    }
}

fn router(health: Health) -> Router {
    let (alive, ready) = (health.clone(), health);
    Router::new()
        .route(
            "/metrics",
            get(|| async { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render()) }),
        )
        .route("/healthz", get(|| async move { answer(alive.alive()) }))
        .route("/readyz", get(|| async move { answer(ready.ready()) }))
}

fn answer(state: Result<(), String>) -> impl IntoResponse {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_string()),
        Err(sentence) => (StatusCode::SERVICE_UNAVAILABLE, sentence + "\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Instant;

    use super::*;

    fn request(address: SocketAddr, line: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn local() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn serves_metrics_and_health() {
        let health = Health::default();
        let light = health.pipeline("logs.toml");
        let console = serve(local(), health).unwrap();
        let at = console.address();
        let metrics = request(at, "GET /metrics");
        assert!(
            metrics.starts_with("HTTP/1.1 200") && metrics.contains("text/plain; version=0.0.4"),
            "{metrics}"
        );
        assert!(metrics.contains("scrubjay_records_total "), "{metrics}");
        assert!(metrics.contains(r#"scrubjay_pipeline_up{pipeline="logs.toml"} 0"#), "{metrics}");
        assert!(request(at, "GET /healthz").starts_with("HTTP/1.1 200"));
        let starting = request(at, "GET /readyz");
        assert!(
            starting.starts_with("HTTP/1.1 503") && starting.ends_with("pipeline logs.toml is starting\n")
        );
        light.ready();
        assert!(request(at, "GET /readyz").ends_with("\r\n\r\nok\n"));
        light.failed();
        assert!(request(at, "GET /healthz").starts_with("HTTP/1.1 503"));
        assert!(request(at, "GET /").starts_with("HTTP/1.1 404"));
        assert!(request(at, "POST /metrics").starts_with("HTTP/1.1 405"));
    }

    #[test]
    fn an_address_in_use_is_said_so() {
        let first = serve(local(), Health::default()).unwrap();
        let error = serve(first.address(), Health::default()).unwrap_err().to_string();
        assert!(
            error.contains(&first.address().to_string()) && error.contains("another program has it"),
            "{error}"
        );
    }

    #[test]
    fn stops_although_a_client_stays_connected() {
        let console = serve(local(), Health::default()).unwrap();
        let at = console.address();
        let mut idle = TcpStream::connect(at).unwrap();
        write!(idle, "GET /metr").unwrap();
        let begun = Instant::now();
        drop(console);
        assert!(begun.elapsed() < Duration::from_secs(5));
        drop(idle);
        assert!(TcpStream::connect(at).is_err());
    }
}
