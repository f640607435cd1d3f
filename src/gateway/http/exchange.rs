//! One request and its reply.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::activity::Busy;
use super::body::Payload;
use super::budget::Reservation;
use super::fields;
use super::receive::{Held, linger, receive};
use super::refusal::{self, Refusal};
use super::{Answer, Asked, Outcome, Shared};

/// What goes on, of what is asked of this proxy.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

enum Reply {
    Own(Response<Bytes>),
    Upstream(Response<Incoming>, OwnedSemaphorePermit),
}

/// A request on its way. It is counted however it ends: when its client goes away, it is only dropped.
struct Exchange {
    shared: Arc<Shared>,
    outcome: Option<Outcome>,
    /// The length of the body as it came.
    bytes: usize,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            self.shared.options.observer.message(outcome, self.bytes);
        }
    }
}

/// Answers a request in one way or another.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>, busy: Busy) -> Response<Payload> {
    let began = Instant::now();
    let method = METHODS.iter().find(|m| *m == request.method()).map_or("other", Method::as_str);
    let patience = shared.options.timeouts.response_piece;
    let mut exchange = Exchange { shared, outcome: Some(Outcome::Failed), bytes: 0 };
    let reply = exchange.run(request).await;
    let reply = match reply {
        Reply::Own(mut reply) => {
            // Only HTTP/1.1 would see to it below that there is a length and no body.
            if method == Method::HEAD.as_str() {
                let length = std::mem::take(reply.body_mut()).len();
                reply.headers_mut().insert(CONTENT_LENGTH, length.into());
            }
            reply.map(|b| Payload::own(b, busy))
        }
        Reply::Upstream(reply, turn) => reply.map(|b| Payload::upstream(b, patience, busy, turn)),
    };
    let (bytes, status, ms) = (exchange.bytes, reply.status().as_u16(), began.elapsed().as_millis());
    tracing::debug!("HTTP: {method} of {bytes} bytes: {status} after {ms} ms");
    reply
}

impl Exchange {
    async fn run(&mut self, request: Request<Incoming>) -> Reply {
        let (mut parts, mut body) = request.into_parts();
        let waits = parts.headers.contains_key(EXPECT);
        let turn = match self.admit(&mut parts) {
            Ok(turn) => turn,
            Err(refusal) => return self.unread(&refusal, parts.version, body, waits),
        };
        let held = match receive(&mut body, &self.shared.options, &self.shared.budget).await {
            Ok(held) => held,
            Err(refusal) => return self.unread(&refusal, parts.version, body, waits),
        };
        self.bytes = held.bytes.len();
        let Held { bytes, reservation } = held;
        let asked = Asked { method: parts.method, uri: parts.uri, headers: parts.headers, body: bytes };
        match decide(Arc::clone(&self.shared), asked, reservation).await {
            Some((Answer::Forward(asked), reservation)) => self.forward(asked, reservation, turn).await,
            Some((Answer::Reply(reply), _)) => self.reply(reply),
            Some((Answer::TryLater(why), _)) => self.decline(&Refusal::undecided(why)),
            None => self.decline(&refusal::UNDECIDED),
        }
    }

    /// Looks at the header section: whether the request may be made at all, and made now. What is for this proxy only is
    /// gone from it then.
    fn admit(&self, parts: &mut Parts) -> Result<OwnedSemaphorePermit, Refusal> {
        let headers = &mut parts.headers;
        if !self.shared.keys.admit(headers) {
            tracing::warn!("HTTP: a client has no API key, or a wrong one");
            return Err(refusal::BAD_KEY);
        }
        if !METHODS.contains(&parts.method) || fields::wants_upgrade(headers) {
            return Err(refusal::NOT_DONE);
        }
        if !fields::one_host(headers) {
            return Err(refusal::BAD_REQUEST);
        }
        parts.uri = match fields::target(&parts.uri) {
            Some(target) => Uri::from(target.clone()),
            None => return Err(refusal::BAD_PATH),
        };
        fields::strip_request(headers);
        Arc::clone(&self.shared.requests).try_acquire_owned().map_err(|_| refusal::TOO_MANY)
    }

    /// Sends what was decided on, and passes the reply through.
    async fn forward(
        &mut self,
        mut asked: Asked,
        mut reservation: Reservation,
        turn: OwnedSemaphorePermit,
    ) -> Reply {
        if !reservation.grow_to(asked.body.capacity()) {
            return self.decline(&refusal::NO_MEMORY);
        }
        // Hooks have a say in what goes out, but not in where it goes and how it is framed.
        fields::strip_request(&mut asked.headers);
        let (true, Some(target)) = (METHODS.contains(&asked.method), fields::target(&asked.uri)) else {
            tracing::error!("HTTP: the hook has made a request that cannot be sent");
            return self.decline(&refusal::UNDECIDED);
        };
        let target = target.clone();
        let body = Held { bytes: asked.body, reservation }.into_bytes();
        let mut reply = match self.shared.sender.send(&asked.method, &target, &asked.headers, body).await {
            Ok(reply) => reply,
            Err(refusal) => return self.decline(&refusal),
        };
        // Nobody has asked for another protocol.
        if reply.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.decline(&refusal::BROKEN);
        }
        fields::strip_hops(reply.headers_mut());
        let taken = !reply.status().is_client_error() && !reply.status().is_server_error();
        self.outcome = Some(if taken { Outcome::Forwarded } else { Outcome::Failed });
        Reply::Upstream(reply, turn)
    }

    /// The hook's own answer. What is not an error is no refusal either, but the answer to a question to the hook itself, and
    /// is not counted as a message.
    fn reply(&mut self, reply: Response<Vec<u8>>) -> Reply {
        if reply.status().is_informational() {
            tracing::error!("HTTP: the hook has made a reply that is none");
            return self.decline(&refusal::UNDECIDED);
        }
        let is_error = reply.status().is_client_error() || reply.status().is_server_error();
        self.outcome = is_error.then_some(Outcome::Refused);
        let mut reply = reply.map(Bytes::from);
        fields::strip_hops(reply.headers_mut());
        reply.headers_mut().remove(CONTENT_LENGTH);
        Reply::Own(reply)
    }

    fn decline(&mut self, refusal: &Refusal) -> Reply {
        self.outcome = refusal.outcome;
        Reply::Own(refusal.reply(self.shared.options.retry_after_seconds))
    }

    /// Declines a request whose body has not been read to its end.
    fn unread(&mut self, refusal: &Refusal, version: Version, body: Incoming, waits: bool) -> Reply {
        let mut reply = self.decline(refusal);
        let unread = !body.is_end_stream();
        if let Reply::Own(reply) = &mut reply
            && version < Version::HTTP_2
            && (unread || refusal.close)
        {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // One that waits for 100 Continue would be given it by reading on.
        if unread && !waits {
            linger(body);
        }
        reply
    }
}

/// Asks the hook; `None` where there is no answer. The memory is accounted for until the hook has ended, even when nobody
/// waits for it any more.
async fn decide(
    shared: Arc<Shared>,
    asked: Asked,
    reservation: Reservation,
) -> Option<(Answer, Reservation)> {
    let patience = shared.options.timeouts.judge;
    let decided = timeout(patience, async move {
        let turn = Arc::clone(&shared.judgements).acquire_owned().await.ok()?;
        let decided = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            (shared.hook.decide(asked), reservation)
        });
        decided.await.ok()
    });
    let decided = decided.await.ok().flatten();
    if decided.is_none() {
        tracing::error!("HTTP: a request was not decided on: the hook failed or took too long");
    }
    decided
}
