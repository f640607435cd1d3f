//! Who decides on a message, and what can be decided: the seam between protocols and policy.

use std::fmt;

/// Decides on messages.
///
/// It is called on a blocking thread of the runtime, for several messages at once, and may take as long as it needs: after
/// a time the client is told to come back, while the judgement runs on, its memory accounted for, and its verdict is
/// dropped. A panic is a [`Verdict::TryLater`].
pub trait Judge: Send + Sync + 'static {
    /// Whether a message of this length is judged without waiting for anything, and so quickly that to hand it to another
    /// thread would take as long. It may be judged on the thread of its session then, which serves no other meanwhile.
    fn is_quick(&self, bytes: usize) -> bool {
        let _ = bytes;
        false
    }

    /// Decides on a message: headers and body, lines ending in CRLF, dots unstuffed. There is no bare CR or LF in it;
    /// there may be bytes over 127, NULs, and lines of any length.
    fn judge(&self, message: Vec<u8>) -> Verdict;
}

/// What becomes of a message.
pub enum Verdict {
    /// It goes to the relay, in this form.
    Forward(Vec<u8>),
    /// It is refused for good: 550.
    Refuse {
        /// The enhanced status code (RFC 3463), such as `5.7.1`.
        code: &'static str,
        /// What the client is told, and in the end the sender. It must not repeat what it refuses.
        text: String,
    },
    /// It cannot be decided on now: 451, and the client will come back.
    TryLater {
        /// What the client is told; the same holds for it.
        text: String,
    },
}

/// Only what was decided: the message is not for showing.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Forward(message) => write!(f, "Forward({} bytes)", message.len()),
            Verdict::Refuse { code, .. } => write!(f, "Refuse({code})"),
            Verdict::TryLater { .. } => f.write_str("TryLater"),
        }
    }
}

/// How a message that a client has sent or begun ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The relay has taken it.
    Forwarded,
    /// The judge has refused it.
    Refused,
    /// The client was told to come back, or went away; or the relay has refused it.
    Failed,
    /// It was over the limit.
    TooLarge,
    /// The budget was used up.
    NoMemory,
}

impl Outcome {
    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Forwarded => "forwarded",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::TooLarge => "too_large",
            Outcome::NoMemory => "no_memory",
        }
    }
}

/// Is told what happens, to count it. It is called from the sessions, so it must be quick.
pub trait Observer: Send + Sync + 'static {
    /// A client has connected and is served.
    fn session_opened(&self) {}
    /// It is gone.
    fn session_closed(&self) {}
    /// A message has ended; `bytes` is its length as it came, or 0 where it was not kept.
    fn message(&self, outcome: Outcome, bytes: usize) {
        let _ = (outcome, bytes);
    }
}

impl Observer for () {}

/// Decides on short texts: an SMS, a push notification.
///
/// It is called like a [`Judge`]: on a blocking thread, for several texts at once.
pub trait TextJudge: Send + Sync + 'static {
    /// Decides on a text. `account` is who sends it at the protocol's level (an SMPP `system_id`, an API account), for counts.
    ///
    /// `fits` tells whether a text can be sent in place of this one at no greater cost: in the same alphabet, in no more
    /// segments. Of the texts that may go out, the first that fits is taken; where none does, the shortest.
    fn judge_text(&self, account: &str, text: &str, fits: &dyn Fn(&str) -> bool) -> TextVerdict;
}

/// What becomes of a short text.
#[derive(PartialEq, Eq)]
pub enum TextVerdict {
    /// It goes out as it is.
    Unchanged,
    /// This goes out in its place.
    Replace(String),
    /// It is refused for good, and why, in words that repeat nothing of it.
    Refuse(&'static str),
    /// It cannot be decided on now: the client is to come back.
    TryLater(&'static str),
}

/// Only what was decided: the text is not for showing.
impl fmt::Debug for TextVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextVerdict::Unchanged => f.write_str("Unchanged"),
            TextVerdict::Replace(text) => write!(f, "Replace({} bytes)", text.len()),
            TextVerdict::Refuse(why) => write!(f, "Refuse({why})"),
            TextVerdict::TryLater(why) => write!(f, "TryLater({why})"),
        }
    }
}
