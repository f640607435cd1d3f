//! The body of a reply: our own, or the upstream's as it comes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};

use super::activity::Busy;

/// A body, and what is held until it is gone.
pub(super) struct Payload {
    source: Source,
    busy: Busy,
    _turn: Option<OwnedSemaphorePermit>,
}

enum Source {
    Own(Bytes),
    Upstream { body: Incoming, patience: Duration, waiting: Option<Pin<Box<Sleep>>> },
}

impl Payload {
    pub(super) fn own(bytes: Bytes, busy: Busy) -> Payload {
        Payload { source: Source::Own(bytes), busy, _turn: None }
    }

    /// `patience` is how long the upstream may take for a piece. When it takes longer, or breaks off, so does the client's
    /// connection or stream: a part must not pass for the whole.
    pub(super) fn upstream(
        body: Incoming,
        patience: Duration,
        busy: Busy,
        turn: OwnedSemaphorePermit,
    ) -> Payload {
        let source = Source::Upstream { body, patience, waiting: None };
        Payload { source, busy, _turn: Some(turn) }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Payload { source, busy, .. } = &mut *self;
        busy.taken();
        let frame = match source {
            Source::Own(bytes) if bytes.is_empty() => None,
            Source::Own(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Source::Upstream { body, patience, waiting } => match Pin::new(body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    *waiting = None;
                    frame.map(|f| f.map_err(|_| broken("the reply broke off")))
                }
                Poll::Pending => {
                    let waiting = waiting.get_or_insert_with(|| Box::pin(sleep(*patience)));
                    ready!(waiting.as_mut().poll(cx));
                    Some(Err(broken("the reply did not go on")))
                }
            },
        };
        if matches!(frame, Some(Ok(_))) {
            busy.given();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.is_empty(),
            Source::Upstream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Upstream { body, .. } => body.size_hint(),
        }
    }
}

fn broken(what: &'static str) -> io::Error {
    tracing::warn!("HTTP: from the upstream, {what}");
    io::Error::other(what)
}
