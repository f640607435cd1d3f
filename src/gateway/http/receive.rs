//! A body is read into memory that is accounted for.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::Options;
use super::budget::{Budget, Reservation};
use super::refusal::{self, Refusal};

/// Memory for a body comes in doubling steps, from this on: a declared length may be a lie.
const FIRST_BYTES: usize = 8 << 10;
/// How much more of a refused body is read, and for how long, so that the client sees the answer: one that is still
/// writing when its connection is closed, or its stream is reset, may lose what it has not read.
const LINGER: (usize, Duration) = (64 << 20, Duration::from_secs(2));

/// A body, and the memory that is accounted for as long as it is there.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) reservation: Reservation,
}

impl Held {
    /// To be sent, as often as it takes.
    pub(super) fn into_bytes(self) -> Bytes {
        if self.bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(self) }
    }

    /// Makes room for `more` bytes: in the budget first, then in memory.
    fn make_room(&mut self, more: usize, most: usize) -> bool {
        let needed = self.bytes.len() + more;
        if needed <= self.bytes.capacity() {
            return true;
        }
        let room = (2 * self.bytes.capacity()).max(FIRST_BYTES).min(most).max(needed);
        let room = if self.reservation.grow_to(room) { room } else { needed };
        let paid = self.reservation.grow_to(room);
        if paid {
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        paid
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body to its end; what is behind it (trailers) is let go.
///
/// The client that waits for it gets its 100 Continue when the first piece is asked for, which is when the length it has
/// declared is known to be within limits and budget.
pub(super) async fn receive(
    body: &mut Incoming,
    options: &Options,
    budget: &Budget,
) -> Result<Held, Refusal> {
    let mut held = Held { bytes: Vec::new(), reservation: budget.empty() };
    if body.is_end_stream() {
        return Ok(held);
    }
    let declared = body.size_hint().exact().map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    if declared.is_some_and(|n| n > options.max_body_bytes) {
        return Err(refusal::TOO_LARGE);
    }
    if !held.reservation.grow_to(declared.unwrap_or(FIRST_BYTES.min(options.max_body_bytes))) {
        return Err(refusal::NO_MEMORY);
    }
    let most = declared.unwrap_or(options.max_body_bytes);
    let whole = timeout(options.timeouts.body, pieces(body, options, &mut held, most)).await;
    whole.unwrap_or(Err(refusal::TOO_SLOW))?;
    Ok(held)
}

async fn pieces(body: &mut Incoming, options: &Options, held: &mut Held, most: usize) -> Result<(), Refusal> {
    loop {
        let piece = match timeout(options.timeouts.client, body.frame()).await {
            Err(_) => return Err(refusal::TOO_SLOW),
            Ok(None) => return Ok(()),
            Ok(Some(Err(_))) => return Err(refusal::BAD_REQUEST),
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        if piece.len() > options.max_body_bytes.saturating_sub(held.bytes.len()) {
            return Err(refusal::TOO_LARGE);
        }
        if !held.make_room(piece.len(), most) {
            return Err(refusal::NO_MEMORY);
        }
        held.bytes.extend_from_slice(&piece);
    }
}

/// Reads on in a body that nobody wants, so that the client comes to read the answer.
pub(super) fn linger(mut body: Incoming) {
    let (most, patience) = LINGER;
    let rest = async move {
        let mut read = 0;
        while read < most {
            let Some(Ok(frame)) = body.frame().await else { return };
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    tokio::spawn(timeout(patience, rest));
}
