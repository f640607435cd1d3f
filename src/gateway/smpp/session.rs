//! A session: a client and its SMSC, each with a connection of its own, and what goes between them.

use std::sync::Arc;

use rusmpp::CommandId;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::link::Link;
use super::net::{self, Frames, Output};
use super::pdu::{self, Header};
use super::refusal::{Reason, Refusal};
use super::upstream::Upstream;
use super::{Shared, stopped};

const DOWN: Refusal = Refusal::new(Reason::Down, "");

/// Counts a session from its beginning to its end, even where it is broken off.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.options.observer.session_closed();
    }
}

/// Serves a client to its end.
pub(super) async fn run(shared: Arc<Shared>, client: TcpStream, mut stop: watch::Receiver<bool>) {
    shared.options.observer.session_opened();
    let _open = Open(&shared);
    let Ok((client, to_client)) = net::accept(client, &shared.options).await else { return };
    let connected = tokio::select! {
        connected = net::connect(&shared.options) => connected,
        () = stopped(&mut stop) => return,
    };
    let (smsc, to_smsc) = match connected {
        Ok(smsc) => smsc,
        Err(error) => {
            tracing::warn!("SMPP: the SMSC cannot be used: {error}; the client keeps its messages");
            return turn_down(&shared, client, &to_client).await;
        }
    };
    let link = Arc::new(Link::new(Arc::clone(&shared.options.observer)));
    let to_client = Arc::new(to_client);
    let mut upstream =
        Upstream::new(Arc::clone(&shared), Arc::clone(&link), client, Arc::clone(&to_client), to_smsc);
    tokio::select! {
        ended = upstream.run(&mut stop) => {
            if let Err(error) = ended {
                tracing::debug!("SMPP: a connection broke: {}", error.kind());
            }
        }
        () = downstream(smsc, &to_client, &link) => {}
    }
    upstream.close().await;
}

/// From the SMSC to the client: everything passes, octet by octet. What comes here is for the client's own eyes, so
/// nothing of it is judged.
async fn downstream(mut smsc: Frames, to_client: &Output, link: &Link) {
    loop {
        let (length, bad) = smsc.whole();
        let mut pdus = &smsc.buffered()[..length];
        if !pdus.is_empty() && to_client.send(pdus).await.is_err() {
            return;
        }
        // The client has the replies now: a session that only waited for them may end.
        while !pdus.is_empty() {
            link.received(&Header::of(pdus));
            pdus = pdus.split_at_checked(pdu::length(pdus)).map_or(&[], |(_, rest)| rest);
        }
        smsc.consume(length);
        if bad.is_err() {
            return tracing::warn!("SMPP: the SMSC sent a PDU that is malformed or too long");
        }
        if !matches!(smsc.fill().await, Ok(true)) {
            return;
        }
    }
}

/// Answers the client's first request: the SMSC is not there.
async fn turn_down(shared: &Shared, mut client: Frames, to_client: &Output) {
    let first = timeout(shared.options.timeouts.connect, async {
        loop {
            match client.take() {
                Ok(Some(pdu)) => return Some(Header::of(&pdu)),
                Ok(None) if matches!(client.fill().await, Ok(true)) => {}
                _ => return None,
            }
        }
    });
    if let Ok(Some(header)) = first.await
        && !header.is_reply()
    {
        let reply = match header.id {
            CommandId::Other(_) => pdu::generic_nack(header.sequence, DOWN.status(header.id, 0)),
            id => pdu::refusal(id, header.sequence, DOWN.status(id, 0), 0, ""),
        };
        let _ = to_client.send(&reply).await;
    }
    to_client.shutdown().await;
    client.linger().await;
}
