//! A message is judged, and what the judge says is put into what an MTA can be asked for.

use std::borrow::Cow;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::super::budget::Reservation;
use super::fields::{self, Field, Inexpressible};
use super::lines::whole;
use super::message::{Message, placed};
use super::reply::refusal;
use super::session::come_back;
use super::{Judge, Shared, Verdict};

/// What an MTA is told, and the memory that is accounted for until it was.
pub(super) struct Decided {
    pub(super) answer: Answer,
    pub(super) _reservation: Reservation,
}

/// What an MTA is told.
pub(super) enum Answer {
    /// The message goes on, with changes.
    Pass {
        /// Packets that change the header.
        edits: Vec<u8>,
        /// The new body, where there is one.
        body: Option<Rest>,
    },
    /// A reply that refuses it.
    Refuse(Vec<u8>),
    /// One that puts it off.
    TryLater(Vec<u8>),
}

/// The end of a message.
pub(super) struct Rest {
    message: Vec<u8>,
    from: usize,
}

impl Rest {
    pub(super) fn bytes(&self) -> &[u8] {
        self.message.get(self.from..).unwrap_or_default()
    }
}

/// Asks the judge; `None` where there is no verdict. The memory is accounted for until the judge has ended, even when
/// nobody waits for it any more.
pub(super) async fn decide(shared: Arc<Shared>, message: Message, leading_space: bool) -> Option<Decided> {
    let patience = shared.options.timeouts.judge;
    let decided = timeout(patience, async move {
        let turn = Arc::clone(&shared.judgements).acquire_owned().await.ok()?;
        let decided = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            judge(&*shared.judge, message, leading_space)
        });
        decided.await.ok()
    });
    let decided = decided.await.ok().flatten();
    if decided.is_none() {
        tracing::error!(
            "milter: a message was not judged: the judge failed or took too long; the MTA keeps it"
        );
    }
    decided
}

fn judge(judge: &dyn Judge, message: Message, leading_space: bool) -> Decided {
    let Message { bytes, layout, header, body_altered, reservation, .. } = message;
    let (_, body) = bytes.split_at(bytes.len().min(header + 2));
    // The judge takes the message; of the body only this is kept, to see whether it is the same.
    let body_was = (!body_altered).then(|| Sha256::digest(body));
    let header = bytes.get(..header).unwrap_or_default().to_vec();
    let answer = match judge.judge(bytes) {
        Verdict::Forward(new) => {
            let old = placed(&header, &layout);
            let same = |body: &[u8]| body_was.is_some_and(|was| was == Sha256::digest(body));
            match express(&old, same, new, leading_space) {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::error!("milter: a message cannot be changed as the judge has it: {error}");
                    Answer::TryLater(come_back())
                }
            }
        }
        Verdict::Refuse { code, text } => Answer::Refuse(refusal(550, code, &text)),
        Verdict::TryLater { text } => Answer::TryLater(refusal(451, "4.3.0", &text)),
    };
    Decided { answer, _reservation: reservation }
}

/// The changes that make `new` of what the MTA has. It is not relied on that the judge's message is well-formed.
fn express(
    old: &[Field<'_>],
    same_body: impl Fn(&[u8]) -> bool,
    new: Vec<u8>,
    leading_space: bool,
) -> Result<Answer, Inexpressible> {
    let made_whole = match whole(&new) {
        Cow::Owned(made_whole) => Some(made_whole),
        Cow::Borrowed(_) => None,
    };
    let new = made_whole.unwrap_or(new);
    let (header, body) = fields::split(&new);
    let mut edits = Vec::new();
    for edit in fields::diff(old, &fields::fields(header)?)? {
        edit.encode(leading_space, &mut edits);
    }
    let from = (!same_body(body)).then(|| new.len() - body.len());
    Ok(Answer::Pass { edits, body: from.map(|from| Rest { message: new, from }) })
}
