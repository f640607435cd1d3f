//! Where the fields of a PDU with text are (SMPP 3.4, 4.4 to 4.10; SMPP 5.0, 4.4 for `broadcast_sm`).

use std::ops::Range;

use rusmpp::CommandId;
use rusmpp::tlvs::TlvTag;

use super::pdu::HEADER;

/// The bit of `esm_class` that announces a header in front of the text (SMPP 3.4, 5.2.12).
const UDHI: u8 = 0x40;
/// A destination that is an address, and one that is a list's name (SMPP 3.4, 5.2.25).
const ADDRESS: u8 = 1;
const LIST: u8 = 2;

/// Where in a PDU what is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// From the first octet of the source to the last of the destinations; in `replace_sm` and `broadcast_sm`, with the
    /// message's number.
    pub(super) addresses: Range<usize>,
    /// A header stands in front of the text.
    pub(super) udhi: bool,
    /// What the text is in; `replace_sm` does not say.
    pub(super) data_coding: Option<u8>,
    /// `short_message`; its length is the octet before it.
    pub(super) short_message: Option<Range<usize>>,
    /// The values of TLVs; their length is in the two octets before.
    pub(super) tlvs: Vec<(TlvTag, Range<usize>)>,
}

/// A PDU does not have the fields that its kind must have, or has octets left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Whether a PDU from a client carries text that may reach a person. `deliver_sm` and `data_sm` from the SMSC are not
/// asked about; a `deliver_sm` from a client makes no sense, but is no way around.
pub(super) fn carries_text(id: CommandId) -> bool {
    matches!(
        id,
        CommandId::SubmitSm
            | CommandId::DeliverSm
            | CommandId::DataSm
            | CommandId::SubmitMulti
            | CommandId::ReplaceSm
            | CommandId::BroadcastSm
    )
}

/// Finds the fields of a PDU that [`carries_text`].
pub(super) fn parse(id: CommandId, pdu: &[u8]) -> Result<Layout, Malformed> {
    Fields { pdu, at: HEADER }.layout(id).ok_or(Malformed)
}

/// The `system_id` and the `interface_version` of a bind (SMPP 3.4, 4.1).
pub(super) fn bind(pdu: &[u8]) -> Option<(&[u8], u8)> {
    let mut fields = Fields { pdu, at: HEADER };
    let system_id = fields.string()?;
    fields.string()?;
    fields.string()?;
    Some((&pdu[system_id], fields.octet()?))
}

/// Reads fields one after another.
struct Fields<'a> {
    pdu: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn layout(mut self, id: CommandId) -> Option<Layout> {
        if id != CommandId::ReplaceSm {
            self.string()?; // service_type
        }
        let begin = self.at;
        match id {
            CommandId::SubmitMulti => {
                self.address()?;
                for _ in 0..self.octet()? {
                    match self.octet()? {
                        ADDRESS => self.address()?,
                        LIST => self.string().map(|_| ())?,
                        _ => return None,
                    }
                }
            }
            CommandId::BroadcastSm => {
                self.address()?;
                self.string()?; // message_id
            }
            CommandId::ReplaceSm => {
                self.string()?; // message_id
                self.address()?;
            }
            _ => {
                self.address()?;
                self.address()?;
            }
        }
        let addresses = begin..self.at;
        let (mut esm_class, mut data_coding) = (0, None);
        match id {
            CommandId::DataSm => {
                esm_class = self.octet()?;
                self.skip(1)?; // registered_delivery
                data_coding = Some(self.octet()?);
            }
            CommandId::BroadcastSm => {
                self.skip(1)?; // priority_flag
                self.times()?;
                self.skip(1)?; // replace_if_present_flag
                data_coding = Some(self.octet()?);
                self.skip(1)?; // sm_default_msg_id
            }
            CommandId::ReplaceSm => {
                self.times()?;
                self.skip(2)?; // registered_delivery, sm_default_msg_id
            }
            _ => {
                esm_class = self.octet()?;
                self.skip(2)?; // protocol_id, priority_flag
                self.times()?;
                self.skip(2)?; // registered_delivery, replace_if_present_flag
                data_coding = Some(self.octet()?);
                self.skip(1)?; // sm_default_msg_id
            }
        }
        let short_message = match id {
            CommandId::DataSm | CommandId::BroadcastSm => None,
            _ => {
                let length = usize::from(self.octet()?);
                let begin = self.at;
                self.skip(length)?;
                Some(begin..self.at)
            }
        };
        let tlvs = self.tlvs()?;
        Some(Layout { addresses, udhi: esm_class & UDHI != 0, data_coding, short_message, tlvs })
    }

    fn octet(&mut self) -> Option<u8> {
        let octet = *self.pdu.get(self.at)?;
        self.at += 1;
        Some(octet)
    }

    fn skip(&mut self, octets: usize) -> Option<()> {
        self.at = self.at.checked_add(octets).filter(|at| *at <= self.pdu.len())?;
        Some(())
    }

    /// A string with a NUL behind it.
    fn string(&mut self) -> Option<Range<usize>> {
        let length = memchr::memchr(0, self.pdu.get(self.at..)?)?;
        let string = self.at..self.at + length;
        self.at += length + 1;
        Some(string)
    }

    /// Type of number, numbering plan, number.
    fn address(&mut self) -> Option<()> {
        self.skip(2)?;
        self.string().map(|_| ())
    }

    /// `schedule_delivery_time` and `validity_period`.
    fn times(&mut self) -> Option<()> {
        self.string()?;
        self.string().map(|_| ())
    }

    fn tlvs(&mut self) -> Option<Vec<(TlvTag, Range<usize>)>> {
        let mut tlvs = Vec::new();
        while self.at < self.pdu.len() {
            let &[tag_high, tag_low, high, low] = self.pdu.get(self.at..self.at + 4)? else { return None };
            let begin = self.at + 4;
            self.skip(4 + usize::from(u16::from_be_bytes([high, low])))?;
            tlvs.push((TlvTag::from(u16::from_be_bytes([tag_high, tag_low])), begin..self.at));
        }
        Some(tlvs)
    }
}
