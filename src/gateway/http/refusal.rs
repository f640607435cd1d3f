//! What the proxy answers itself.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use super::Outcome;

const X_SCRUBJAY: HeaderName = HeaderName::from_static("x-scrubjay");

/// An answer of the proxy's own: fixed words, in JSON, and marked so that nobody takes it for the upstream's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    /// The client can have what it asks for later: nothing has gone out, and `Retry-After` says when to come back.
    retry: bool,
    /// What the client sends next may not be what it means: its connection ends.
    pub(super) close: bool,
    /// How the request is counted.
    pub(super) outcome: Option<Outcome>,
}

const fn refused(status: StatusCode, error: &'static str) -> Refusal {
    Refusal { status, error, retry: false, close: false, outcome: Some(Outcome::Failed) }
}

const fn later(error: &'static str) -> Refusal {
    Refusal {
        status: StatusCode::SERVICE_UNAVAILABLE,
        error,
        retry: true,
        close: false,
        outcome: Some(Outcome::Failed),
    }
}

pub(super) const BAD_REQUEST: Refusal =
    Refusal { close: true, ..refused(StatusCode::BAD_REQUEST, "bad request") };
pub(super) const BAD_PATH: Refusal = Refusal { close: true, ..refused(StatusCode::BAD_REQUEST, "bad path") };
/// Not counted: what somebody sends who may not ask is no message.
pub(super) const BAD_KEY: Refusal =
    Refusal { outcome: None, ..refused(StatusCode::UNAUTHORIZED, "API key missing or wrong") };
pub(super) const TOO_SLOW: Refusal = refused(StatusCode::REQUEST_TIMEOUT, "request too slow");
pub(super) const TOO_LARGE: Refusal =
    Refusal { outcome: Some(Outcome::TooLarge), ..refused(StatusCode::PAYLOAD_TOO_LARGE, "body too large") };
pub(super) const NOT_DONE: Refusal = refused(StatusCode::NOT_IMPLEMENTED, "method or upgrade not supported");
pub(super) const NO_MEMORY: Refusal =
    Refusal { outcome: Some(Outcome::NoMemory), ..later("too much at once") };
pub(super) const TOO_MANY: Refusal = later("too many requests at once");
pub(super) const UNDECIDED: Refusal = later("the request could not be checked");
/// It was not reached: the request has not left.
pub(super) const UNREACHABLE: Refusal = later("the upstream cannot be reached");
/// The request may have been taken, so the client is not told to come back.
pub(super) const BROKEN: Refusal = refused(StatusCode::BAD_GATEWAY, "the upstream broke off");
/// The same holds for it.
pub(super) const NO_REPLY: Refusal =
    refused(StatusCode::GATEWAY_TIMEOUT, "the upstream did not reply in time");

impl Refusal {
    /// The hook's words for [`UNDECIDED`].
    pub(super) fn undecided(why: &'static str) -> Refusal {
        Refusal { error: why, ..UNDECIDED }
    }

    pub(super) fn reply(&self, retry_after_seconds: u32) -> Response<Bytes> {
        let body = serde_json::json!({ "error": self.error }).to_string();
        let mut reply = Response::new(Bytes::from(body));
        *reply.status_mut() = self.status;
        let is_final = self.status.is_client_error() || self.status == StatusCode::NOT_IMPLEMENTED;
        let kind = if is_final { "refused" } else { "unavailable" };
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(X_SCRUBJAY, HeaderValue::from_static(kind));
        if self.retry {
            headers.insert(RETRY_AFTER, retry_after_seconds.into());
        }
        reply
    }
}
