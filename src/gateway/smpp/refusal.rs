//! Why a PDU is not passed on, and the status that its client is told.

use rusmpp::{CommandId, CommandStatus};

use super::Outcome;

/// Why a PDU is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// In fixed words.
    pub(super) text: &'static str,
}

/// The reasons that make a difference to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The judge has refused the text, or the text that may go out does not fit: for good.
    Refused,
    /// The text cannot be read, so it cannot be judged: for good.
    Unreadable,
    /// The PDU says two things about its text: for good.
    Contradictory,
    /// There is no verdict: later there may be one.
    Later,
    /// A limit of the proxy is reached: the client is too fast.
    Busy,
    /// The proxy is about to stop, or its SMSC is not there.
    Down,
}

impl Refusal {
    pub(super) const fn new(reason: Reason, text: &'static str) -> Refusal {
        Refusal { reason, text }
    }

    /// The status for the reply to `id` (SMPP 3.4, 5.1.3; SMPP 5.0, 4.7.6).
    ///
    /// `ESME_RX_T_APPN` and its likes would say more, but are for a receiver's reply to the SMSC. Clients come back after
    /// `ESME_RMSGQFUL` and slow down after `ESME_RTHROTTLED`; they do neither after `ESME_RSUBMITFAIL`.
    pub(super) fn status(self, id: CommandId, version: u8) -> CommandStatus {
        match self.reason {
            Reason::Later => CommandStatus::EsmeRmsgqful,
            Reason::Busy => CommandStatus::EsmeRthrottled,
            Reason::Down => CommandStatus::EsmeRsyserr,
            Reason::Contradictory => CommandStatus::EsmeRinvtlvval,
            Reason::Unreadable if version >= 0x50 => CommandStatus::EsmeRinvdcs,
            Reason::Unreadable | Reason::Refused => match id {
                CommandId::ReplaceSm => CommandStatus::EsmeRreplacefail,
                CommandId::BroadcastSm if version >= 0x50 => CommandStatus::EsmeRbcastfail,
                _ => CommandStatus::EsmeRsubmitfail,
            },
        }
    }

    /// What it counts as.
    pub(super) fn outcome(self) -> Outcome {
        match self.reason {
            Reason::Refused | Reason::Unreadable | Reason::Contradictory => Outcome::Refused,
            Reason::Later | Reason::Down => Outcome::Failed,
            Reason::Busy => Outcome::NoMemory,
        }
    }
}
