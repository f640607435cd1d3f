//! What a milter and an MTA agree on before anything else: which commands come, which are answered, and in what form
//! header fields go.

use super::packet::{self, Step};

/// The newest version spoken here, of Sendmail 8.14 and later.
const NEWEST: u32 = 6;
/// The oldest, of Sendmail 8.12: the first that can change header fields.
const OLDEST: u32 = 2;

/// Actions, `SMFIF_*`.
const ADD_HEADERS: u32 = 0x01;
const CHANGE_BODY: u32 = 0x02;
const CHANGE_HEADERS: u32 = 0x10;
/// Without any of these a message could not be changed.
const ACTIONS: u32 = ADD_HEADERS | CHANGE_BODY | CHANGE_HEADERS;

/// `SMFIP_NO*`: connect, HELO, MAIL, RCPT, unknown commands and DATA need not come, for nothing depends on them. The
/// flags for body, header and its end are not among them.
const LEFT_OUT: u32 = 0x01 | 0x02 | 0x04 | 0x08 | 0x100 | 0x200;
/// `SMFIP_NR_*`: commands that the MTA does not wait for a reply to.
const NO_REPLY: u32 = NR_HEADER | 0x7_f000 | NR_BODY;
const NR_HEADER: u32 = 0x80;
const NR_EOH: u32 = 0x4_0000;
const NR_BODY: u32 = 0x8_0000;
/// `SMFIP_HDR_LEADSPC`: the space behind a field's colon is part of its value, both ways.
const LEADING_SPACE: u32 = 0x10_0000;

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    version: u32,
    protocol: u32,
}

/// Why an MTA cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Its version is below the oldest one spoken here.
    #[error("the MTA speaks version {0} of the milter protocol; 2 is the oldest that will do")]
    TooOld(u32),
    /// It does not let this milter change header fields or bodies.
    #[error("the MTA does not let this milter change messages: of the actions 0x13 it offers {0:#x}")]
    NoChanges(u32),
}

/// A command that may or may not be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Envelope(Step),
    Header,
    EndOfHeader,
    Body,
}

/// Answers an offer: of all that is wanted here, what the MTA can do.
pub fn negotiate(version: u32, actions: u32, protocol: u32) -> Result<Terms, Unfit> {
    if version < OLDEST {
        return Err(Unfit::TooOld(version));
    }
    if actions & ACTIONS != ACTIONS {
        return Err(Unfit::NoChanges(actions));
    }
    let wanted = LEFT_OUT | NO_REPLY | LEADING_SPACE;
    Ok(Terms { version: version.min(NEWEST), protocol: protocol & wanted })
}

impl Terms {
    /// The packet that says so.
    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = Vec::new();
        let numbers = [self.version, ACTIONS, self.protocol].map(u32::to_be_bytes);
        packet::put(&mut out, b'O', &[numbers.as_flattened()]);
        out
    }

    /// Whether values have the space behind the colon.
    pub fn leading_space(self) -> bool {
        self.protocol & LEADING_SPACE != 0
    }

    /// Whether the MTA waits for a reply.
    pub(super) fn answered(self, asked: Asked) -> bool {
        let silent = match asked {
            Asked::Envelope(Step::Connect) => 0x1000,
            Asked::Envelope(Step::Helo) => 0x2000,
            Asked::Envelope(Step::Mail) => 0x4000,
            Asked::Envelope(Step::Rcpt) => 0x8000,
            Asked::Envelope(Step::Data) => 0x1_0000,
            Asked::Envelope(Step::Unknown) => 0x2_0000,
            Asked::EndOfHeader => NR_EOH,
            Asked::Header => NR_HEADER,
            Asked::Body => NR_BODY,
        };
        self.protocol & silent == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_offered_is_asked_for() {
        for (version, actions, protocol, expected) in [
            // Postfix 3.7, and Sendmail 8.17.
            (6, 0x1ff, 0x1f_ffff, Ok((6, 0x1f_f38f))),
            (7, u32::MAX, u32::MAX, Ok((6, 0x1f_f38f))),
            (6, 0x1ff, 0, Ok((6, 0))),
            (4, 0x3f, 0x3ff, Ok((4, 0x38f))),
            (2, 0x3f, 0x7f, Ok((2, 0x0f))),
            (1, 0x3f, 0x7f, Err(Unfit::TooOld(1))),
            (0, 0, 0, Err(Unfit::TooOld(0))),
            (6, 0x0f, 0x7f, Err(Unfit::NoChanges(0x0f))),
            (6, 0x1fd, 0x7f, Err(Unfit::NoChanges(0x1fd))),
            (6, 0x1fe, 0x7f, Err(Unfit::NoChanges(0x1fe))),
        ] {
            let terms = negotiate(version, actions, protocol);
            assert_eq!(
                terms.map(|t| (t.version, t.protocol)),
                expected,
                "{version} {actions:#x} {protocol:#x}"
            );
        }
    }

    #[test]
    fn what_was_agreed_on_is_said() {
        let terms = negotiate(6, 0x1ff, 0x1f_ffff).unwrap();
        assert_eq!(terms.encode(), [0, 0, 0, 13, b'O', 0, 0, 0, 6, 0, 0, 0, 0x13, 0, 0x1f, 0xf3, 0x8f]);
        assert!(terms.leading_space() && !terms.answered(Asked::Header));
        let old = negotiate(2, 0x3f, 0x7f).unwrap();
        assert!(!old.leading_space());
        let all = [Step::Connect, Step::Helo, Step::Mail, Step::Rcpt, Step::Data, Step::Unknown];
        for asked in
            all.map(Asked::Envelope).into_iter().chain([Asked::Header, Asked::EndOfHeader, Asked::Body])
        {
            assert!(old.answered(asked) && !terms.answered(asked), "{asked:?}");
        }
    }
}
