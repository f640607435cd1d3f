//! PDUs as octets (SMPP 3.4, 3.2): their header, and the replies that are the proxy's own.
//!
//! PDUs are passed on as they came, never decoded and encoded again: what a peer sent may be odd, and still be what the
//! other understands.

use rusmpp::tlvs::TlvTag;
use rusmpp::{CommandId, CommandStatus};

/// Octets of a PDU's header.
pub(super) const HEADER: usize = 16;
/// The bit of a command's number that makes it a reply.
const REPLY: u32 = 0x8000_0000;
/// The longest `additional_status_info_text` (SMPP 3.4, 5.3.2.11), without its NUL.
const LONGEST_TEXT: usize = 255;

/// The header of a PDU, but for its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// What it is.
    pub(super) id: CommandId,
    /// What was done, in a reply.
    pub(super) status: CommandStatus,
    /// What a reply shares with what it replies to.
    pub(super) sequence: u32,
}

impl Header {
    /// Of a PDU; zeros where there is less.
    pub(super) fn of(pdu: &[u8]) -> Header {
        Header {
            id: CommandId::from(number(pdu, 4)),
            status: CommandStatus::from(number(pdu, 8)),
            sequence: number(pdu, 12),
        }
    }

    /// Whether it is a reply.
    pub(super) fn is_reply(&self) -> bool {
        u32::from(self.id) & REPLY != 0
    }
}

/// The length that a PDU says it has; its first four octets must be there.
pub(super) fn length(pdu: &[u8]) -> usize {
    usize::try_from(number(pdu, 0)).unwrap_or(usize::MAX)
}

fn number(pdu: &[u8], at: usize) -> u32 {
    let octets = pdu.get(at..at + 4).and_then(|o| <[u8; 4]>::try_from(o).ok());
    octets.map_or(0, u32::from_be_bytes)
}

/// Writes the length of a PDU into its header.
pub(super) fn set_length(pdu: &mut [u8]) {
    let length = u32::try_from(pdu.len()).unwrap_or(u32::MAX);
    if let Some(octets) = pdu.get_mut(..4) {
        octets.copy_from_slice(&length.to_be_bytes());
    }
}

/// Writes a sequence number into the header of a PDU.
pub(super) fn set_sequence(pdu: &mut [u8], sequence: u32) {
    if let Some(octets) = pdu.get_mut(12..HEADER) {
        octets.copy_from_slice(&sequence.to_be_bytes());
    }
}

/// A reply that says no: its header alone (SMPP 3.4, 4.4.2), and where the version lets replies have TLVs, `text`.
///
/// `version` is the `interface_version` of the bind. Version 3.4 has TLVs in the reply to `data_sm` only.
pub(super) fn refusal(
    to: CommandId,
    sequence: u32,
    status: CommandStatus,
    version: u8,
    text: &str,
) -> Vec<u8> {
    let mut pdu = Vec::with_capacity(HEADER + 8 + text.len());
    pdu.extend([0; 4]);
    for number in [u32::from(to) | REPLY, u32::from(status), sequence] {
        pdu.extend(number.to_be_bytes());
    }
    let (with_id, takes_text) = match to {
        CommandId::DataSm => (true, version >= 0x34),
        CommandId::SubmitSm | CommandId::BroadcastSm => (true, version >= 0x50),
        CommandId::ReplaceSm => (false, version >= 0x50),
        // Its reply goes on with the number of addresses that failed: better none of it.
        _ => (false, false),
    };
    let text = &text.as_bytes()[..text.len().min(LONGEST_TEXT)];
    if takes_text && text.is_ascii() && !text.is_empty() {
        // No message_id.
        pdu.extend(with_id.then_some(0));
        pdu.extend(u16::from(TlvTag::AdditionalStatusInfoText).to_be_bytes());
        pdu.extend((text.len() as u16 + 1).to_be_bytes());
        pdu.extend(text);
        pdu.push(0);
    }
    set_length(&mut pdu);
    pdu
}

/// `generic_nack` (SMPP 3.4, 4.3).
pub(super) fn generic_nack(sequence: u32, status: CommandStatus) -> Vec<u8> {
    refusal(CommandId::GenericNack, sequence, status, 0, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        let bare = refusal(CommandId::SubmitSm, 7, CommandStatus::EsmeRsubmitfail, 0x34, "No");
        assert_eq!(bare, [0, 0, 0, 16, 0x80, 0, 0, 4, 0, 0, 0, 0x45, 0, 0, 0, 7]);
        let header = Header::of(&bare);
        assert!(header.is_reply());
        assert_eq!(header.id, CommandId::SubmitSmResp);
        assert_eq!((header.status, header.sequence), (CommandStatus::EsmeRsubmitfail, 7));
        let long = "x".repeat(300);
        for (to, version, text, length) in [
            (CommandId::SubmitSm, 0x50, "No", 16 + 1 + 4 + 3),
            (CommandId::DataSm, 0x34, "No", 16 + 1 + 4 + 3),
            (CommandId::DataSm, 0x33, "No", 16),
            (CommandId::ReplaceSm, 0x50, "No", 16 + 4 + 3),
            (CommandId::SubmitMulti, 0x50, "No", 16),
            (CommandId::SubmitSm, 0x50, "Nö", 16),
            (CommandId::SubmitSm, 0x50, &long, 16 + 1 + 4 + 256),
        ] {
            let pdu = refusal(to, 7, CommandStatus::EsmeRsubmitfail, version, text);
            assert_eq!((pdu.len(), super::length(&pdu)), (length, length), "{to:?} {version:#x}");
        }
        assert_eq!(
            generic_nack(3, CommandStatus::EsmeRinvcmdlen),
            [0, 0, 0, 16, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3]
        );
        assert_eq!(Header::of(&[1, 2]).sequence, 0);
    }
}
