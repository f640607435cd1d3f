//! The message of a PDU: which field it is in, the header in front of it, and which segment of which message it is. And
//! which TLVs have text besides.

use std::ops::Range;

use rusmpp::tlvs::TlvTag;

use super::layout::Layout;
use super::refusal::{Reason, Refusal};
use super::udh::{self, Numbering, Segment};

/// The message of a PDU.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    /// `short_message`, or the value of `message_payload`.
    pub(super) field: Range<usize>,
    /// Which of the two.
    pub(super) payload: bool,
    /// Octets of the header at the field's beginning.
    pub(super) header: usize,
    /// The header announces a national language's tables.
    pub(super) national: bool,
    /// Which segment of which message it is; `None` for one that is whole.
    pub(super) segment: Option<Segment>,
}

/// What a TLV is to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The message.
    Message,
    /// A name to be shown, behind an octet that tells its `data_coding` (SMPP 3.4, 5.3.2.38).
    Name,
    /// An address of some kind: never touched.
    Address,
    /// A number or a set of flags. Where it is longer than any of these, it is taken for text.
    Number,
    /// Text, in ISO 8859-1 as far as anyone knows. Whatever is not in the specifications is taken for text.
    Text,
}

/// What a TLV with this tag is for.
pub(super) fn purpose(tag: TlvTag) -> Purpose {
    match tag {
        TlvTag::MessagePayload => Purpose::Message,
        TlvTag::CallbackNumAtag => Purpose::Name,
        TlvTag::SourceSubaddress
        | TlvTag::DestSubaddress
        | TlvTag::CallbackNum
        | TlvTag::SourceNetworkId
        | TlvTag::DestNetworkId
        | TlvTag::SourceNodeId
        | TlvTag::DestNodeId
        | TlvTag::DestAddrNpInformation
        | TlvTag::ReceiptedMessageId
        | TlvTag::BroadcastAreaIdentifier => Purpose::Address,
        TlvTag::AdditionalStatusInfoText
        | TlvTag::BroadcastContentTypeInfo
        | TlvTag::BroadcastServiceGroup
        | TlvTag::BillingIdentification
        | TlvTag::BroadcastEndTime
        | TlvTag::Other(_) => Purpose::Text,
        _ => Purpose::Number,
    }
}

/// Finds the message; `None` where there is none.
pub(super) fn find(pdu: &[u8], layout: &Layout) -> Result<Option<Body>, Refusal> {
    let mut payloads = layout.tlvs.iter().filter(|(tag, _)| *tag == TlvTag::MessagePayload);
    let payload = payloads.next().map(|(_, value)| value.clone());
    let short = layout.short_message.clone().filter(|field| !field.is_empty());
    let (field, payload) = match (short, payload) {
        // Which of them is sent is for the SMSC to say (SMPP 3.4, 5.3.2.32).
        _ if payloads.next().is_some() => return Err(CONTRADICTORY),
        (Some(_), Some(value)) if !value.is_empty() => return Err(CONTRADICTORY),
        (Some(field), _) => (field, false),
        (None, Some(value)) if !value.is_empty() => (value, true),
        (None, _) => {
            // What else it says does not matter then, but that it is one of several.
            return match sar(pdu, layout)? {
                Some(_) => Err(CONTRADICTORY),
                None => Ok(None),
            };
        }
    };
    let mut body = Body { field, payload, header: 0, national: false, segment: sar(pdu, layout)? };
    if layout.udhi {
        let header = udh::parse(&pdu[body.field.clone()]).ok_or(CONTRADICTORY)?;
        if header.segment.is_some() && body.segment.is_some() {
            return Err(CONTRADICTORY);
        }
        body.segment = body.segment.or(header.segment);
        (body.header, body.national) = (header.length, header.national);
    }
    body.segment = body.segment.filter(|segment| segment.total > 1);
    Ok(Some(body))
}

const CONTRADICTORY: Refusal = Refusal::new(Reason::Contradictory, "Not clear what the message is");

/// The segment that the TLVs for it tell (SMPP 3.4, 5.3.2.22 to 24). One of them without the others is a contradiction,
/// for the SMSC may make something of it.
fn sar(pdu: &[u8], layout: &Layout) -> Result<Option<Segment>, Refusal> {
    let mut found = [None::<&Range<usize>>; 3];
    for (tag, value) in &layout.tlvs {
        let place = match tag {
            TlvTag::SarMsgRefNum => &mut found[0],
            TlvTag::SarTotalSegments => &mut found[1],
            TlvTag::SarSegmentSeqnum => &mut found[2],
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(CONTRADICTORY);
        }
    }
    let octets = |value: &Range<usize>| &pdu[value.clone()];
    match found {
        [None, None, None] => Ok(None),
        [Some(reference), Some(total), Some(number)] => {
            match (octets(reference), octets(total), octets(number)) {
                (&[high, low], &[total], &[number]) => {
                    let reference = u16::from_be_bytes([high, low]);
                    Segment::new(Numbering::Sar, reference, total, number).map(Some).ok_or(CONTRADICTORY)
                }
                _ => Err(CONTRADICTORY),
            }
        }
        _ => Err(CONTRADICTORY),
    }
}
