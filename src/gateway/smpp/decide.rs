//! A message in its PDUs, shown to the judge, and what the judge made of it: pure, for it waits for nothing but the judge.

use std::ops::Range;

use rusmpp::tlvs::TlvTag;

use super::alphabet::{Alphabet, Encoded, Reading};
use super::body::{self, Body, Purpose};
use super::edit::{self, Edit, Place};
use super::gsm7;
use super::layout::{self, Layout, Malformed};
use super::pdu::Header;
use super::refusal::{Reason, Refusal};
use super::{Binary, Rules, TextJudge, TextVerdict};

/// The `data_coding` of ASCII.
const ASCII: u8 = 1;
/// Octets of a TLV that can be a number or flags.
const LONGEST_NUMBER: usize = 8;
/// Octets of `callback_num_atag` at most, without the first (SMPP 3.4, 5.3.2.38).
const LONGEST_NAME: usize = 64;

const UNREADABLE: Refusal = Refusal::new(Reason::Unreadable, "The alphabet of the text is not supported");
const DOES_NOT_FIT: Refusal = Refusal::new(Reason::Refused, "The text cannot be sent");

/// A PDU with text, and what is where in it.
pub(super) struct Part {
    pub(super) pdu: Vec<u8>,
    pub(super) header: Header,
    pub(super) layout: Layout,
    /// The message, if there is one.
    pub(super) body: Option<Body>,
}

impl Part {
    /// The inner result is whether it can be judged.
    pub(super) fn new(pdu: Vec<u8>) -> Result<Result<Part, Refusal>, Malformed> {
        let header = Header::of(&pdu);
        let layout = layout::parse(header.id, &pdu)?;
        Ok(body::find(&pdu, &layout).map(|body| Part { pdu, header, layout, body }))
    }
}

/// Shows the message of all `parts`, the segments of one message in their order, to the judge, and so every other text in
/// them. The result are the PDUs to be sent, in the same order; where nothing is to be changed they are what came, octet
/// by octet.
pub(super) fn decide(
    parts: Vec<Part>,
    rules: &Rules,
    account: &str,
    judge: &dyn TextJudge,
) -> Result<Vec<Vec<u8>>, Refusal> {
    let ask = Ask { rules, account, judge };
    let mut edits = ask.message(&parts)?;
    for (part, edits) in parts.iter().zip(&mut edits) {
        for (tag, value) in &part.layout.tlvs {
            edits.extend(ask.tlv(*tag, &part.pdu, value.clone())?);
        }
    }
    let write = |(part, edits): (Part, Vec<Edit>)| match edits.is_empty() {
        true => Ok(part.pdu),
        false => edit::rewrite(part.pdu, edits).ok_or(DOES_NOT_FIT),
    };
    parts.into_iter().zip(edits).map(write).collect()
}

struct Ask<'a> {
    rules: &'a Rules,
    account: &'a str,
    judge: &'a dyn TextJudge,
}

impl Ask<'_> {
    /// The text that is to be sent in the place of this one; `None` for itself.
    fn text(&self, text: &str, fits: &dyn Fn(&str) -> bool) -> Result<Option<String>, Refusal> {
        if text.is_empty() {
            return Ok(None);
        }
        match self.judge.judge_text(self.account, text, fits) {
            TextVerdict::Unchanged => Ok(None),
            TextVerdict::Replace(text) => Ok(Some(text)),
            TextVerdict::Refuse(why) => Err(Refusal::new(Reason::Refused, why)),
            TextVerdict::TryLater(why) => Err(Refusal::new(Reason::Later, why)),
        }
    }

    /// The message itself: edits for each of the parts.
    fn message(&self, parts: &[Part]) -> Result<Vec<Vec<Edit>>, Refusal> {
        let mut edits: Vec<Vec<Edit>> = parts.iter().map(|_| Vec::new()).collect();
        // Parts without a body are not segments, and stand alone.
        let bodies: Vec<(&Part, &Body)> = parts.iter().filter_map(|p| Some((p, p.body.as_ref()?))).collect();
        let Some((first, _)) = bodies.first() else { return Ok(edits) };
        let announced = self.alphabet(first)?;
        for (part, body) in &bodies {
            let national = body.national && announced != Alphabet::Ucs2;
            if national || self.alphabet(part)? != announced {
                return Err(UNREADABLE);
            }
        }
        let (units, places) = joined(&bodies, announced)?;
        let (alphabet, other) = reading(first.layout.data_coding, announced, &units);
        let text = match alphabet.read(&units, self.rules.binary) {
            Reading::Text(text) => text,
            Reading::Opaque => return Ok(edits),
            Reading::Unreadable => return Err(UNREADABLE),
        };
        let whole = bodies.iter().all(|(_, body)| body.segment.is_none());
        let clear = other.is_none_or(|other| same(alphabet, other, &text));
        let fits = |new: &str| {
            alphabet.write(new, false).is_some_and(|encoded| {
                let cheap = !whole || places.iter().all(|p| alphabet.costs_no_more(p.header, &text, new));
                // A marker that is another one in the other alphabet is the second choice.
                let clear = !clear || other.is_none_or(|other| same(alphabet, other, new));
                cheap && clear && spread(&encoded, alphabet, &places, whole).is_some()
            })
        };
        let Some(new) = self.text(&text, &fits)? else {
            self.harmless(other, alphabet, &units)?;
            return Ok(edits);
        };
        let encoded = alphabet.write(&new, true).ok_or(DOES_NOT_FIT)?;
        self.harmless(other, alphabet, &encoded.units)?;
        let ranges = spread(&encoded, alphabet, &places, whole).ok_or(DOES_NOT_FIT)?;
        for (((part, body), range), edits) in bodies.iter().zip(ranges).zip(&mut edits) {
            let header = &part.pdu[body.field.start..body.field.start + body.header];
            let value = edit::octets(header, alphabet, &encoded.units[range]);
            edits.push(Edit { field: body.field.clone(), tlv: body.payload, value });
        }
        Ok(edits)
    }

    fn alphabet(&self, part: &Part) -> Result<Alphabet, Refusal> {
        let data_coding = part.layout.data_coding.unwrap_or_default();
        Alphabet::of(data_coding, self.rules.default_alphabet).ok_or(UNREADABLE)
    }

    /// What is sent must be harmless in the other alphabet too that it may be in.
    fn harmless(&self, other: Option<Alphabet>, judged: Alphabet, units: &[u8]) -> Result<(), Refusal> {
        let read = |alphabet: Alphabet| alphabet.read(units, self.rules.binary);
        match other.map(read) {
            Some(Reading::Text(text)) if read(judged) != Reading::Text(text.clone()) => {
                match self.text(&text, &|_| false)? {
                    None => Ok(()),
                    Some(_) => Err(Refusal::new(Reason::Refused, "The alphabet of the text is not clear")),
                }
            }
            _ => Ok(()),
        }
    }

    /// Text in a TLV other than the message's.
    fn tlv(&self, tag: TlvTag, pdu: &[u8], field: Range<usize>) -> Result<Option<Edit>, Refusal> {
        if self.rules.trusted_tlvs.contains(&u16::from(tag)) {
            return Ok(None);
        }
        let value = &pdu[field.clone()];
        let purpose = body::purpose(tag);
        let (head, alphabet, octets) = match purpose {
            Purpose::Message | Purpose::Address => return Ok(None),
            Purpose::Number if value.len() <= LONGEST_NUMBER => return Ok(None),
            Purpose::Number | Purpose::Text => (&value[..0], Alphabet::Latin1, value),
            Purpose::Name => match value.split_at_checked(1) {
                None => return Ok(None),
                Some((coding, name)) => {
                    let alphabet = Alphabet::of(coding[0], self.rules.default_alphabet);
                    (coding, alphabet.filter(|a| *a != Alphabet::Gsm7Packed).ok_or(UNREADABLE)?, name)
                }
            },
        };
        let text = match alphabet.read(octets, self.rules.binary) {
            Reading::Text(text) => text,
            Reading::Opaque => return Ok(None),
            Reading::Unreadable => return Err(UNREADABLE),
        };
        // How long a text may be that nobody has specified, only its sender knows.
        let least = if purpose == Purpose::Name { LONGEST_NAME } else { 0 };
        let limit = octets.len().max(least);
        let written =
            |new: &str, lossy| alphabet.write(new, lossy).filter(|encoded| encoded.units.len() <= limit);
        match self.text(&text, &|new| written(new, false).is_some())? {
            None => Ok(None),
            Some(new) => {
                let new = written(&new, true).ok_or(DOES_NOT_FIT)?;
                Ok(Some(Edit { field, tlv: true, value: [head, &new.units].concat() }))
            }
        }
    }
}

/// The alphabet of units, and another that they may be in.
///
/// `replace_sm` is in the alphabet of the message that it replaces, which may be UCS-2. And what is announced as ASCII is
/// GSM 7 bit from some clients (npm's `smpp` does so unless it is told not to), where an `@` is a NUL.
fn reading(data_coding: Option<u8>, announced: Alphabet, units: &[u8]) -> (Alphabet, Option<Alphabet>) {
    let no_ascii = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\r' | b'\n');
    match data_coding {
        Some(ASCII) if units.iter().any(no_ascii) => (Alphabet::Gsm7, Some(Alphabet::Ascii)),
        Some(ASCII) => (Alphabet::Ascii, Some(Alphabet::Gsm7)),
        Some(_) => (announced, None),
        None => match announced.read(units, Binary::Refuse) {
            Reading::Text(_) => (announced, Some(Alphabet::Ucs2)),
            _ => (Alphabet::Ucs2, None),
        },
    }
}

/// Whether a text has the same units in both alphabets.
fn same(one: Alphabet, other: Alphabet, text: &str) -> bool {
    let units = |alphabet: Alphabet| alphabet.write(text, false).map(|encoded| encoded.units);
    units(one) == units(other)
}

/// The units of all bodies together, and where they can be put.
fn joined(bodies: &[(&Part, &Body)], alphabet: Alphabet) -> Result<(Vec<u8>, Vec<Place>), Refusal> {
    let (mut units, mut places) = (Vec::new(), Vec::with_capacity(bodies.len()));
    for (n, (part, body)) in bodies.iter().enumerate() {
        let octets = &part.pdu[body.field.start + body.header..body.field.end];
        let before = units.len();
        if alphabet == Alphabet::Gsm7Packed {
            let (septets, ambiguous) = gsm7::unpack(body.header, octets);
            // Within a text it makes a difference whether there is an @.
            if ambiguous && n + 1 < bodies.len() {
                return Err(UNREADABLE);
            }
            units.extend(septets);
        } else {
            units.extend_from_slice(octets);
        }
        places.push(Place { header: body.header, tlv: body.payload, units: units.len() - before });
    }
    Ok((units, places))
}

/// Where the text goes: into its field as far as that holds it, or spread over segments.
fn spread(text: &Encoded, alphabet: Alphabet, places: &[Place], whole: bool) -> Option<Vec<Range<usize>>> {
    if !whole {
        return edit::spread(text, alphabet, places);
    }
    let [place] = places else { return None };
    let all = 0..text.units.len();
    (all.len() <= place.limit(alphabet)).then(|| vec![all])
}
