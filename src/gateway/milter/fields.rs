//! Header fields: what they were, what they are to be, and the fewest changes from the one to the other.

use std::collections::HashMap;

use super::packet;

/// The most fields a header may have. Mail has some dozens; the time and memory of a comparison grow with the square.
pub const MOST_FIELDS: usize = 2_000;

/// A header field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, as it is written.
    pub name: &'a [u8],
    /// All that is behind the colon, with the space there and folds as CRLF and white space, but without its last CRLF.
    pub value: &'a [u8],
    /// The MTA has it otherwise than it is shown: it must be changed, even to what it seems to be already.
    pub altered: bool,
}

/// A change of a header, as MTAs make them. They are to be made in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Edit<'a> {
    /// `SMFIR_CHGHEADER`: the field of this name gets another value.
    Change {
        /// Its name; upper and lower case are one.
        name: &'a [u8],
        /// The how manieth of its name it is, from 1, by what the edits before have made of the header.
        index: u32,
        /// Its new value.
        value: &'a [u8],
    },
    /// The same, without a value: the field goes.
    Delete {
        /// Its name.
        name: &'a [u8],
        /// As in [`Edit::Change`].
        index: u32,
    },
    /// `SMFIR_INSHEADER`: a new field before the one at this place, from 0, of those that the milter was shown.
    Insert {
        /// The place.
        at: u32,
        /// Its name.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// `SMFIR_ADDHEADER`: a new field behind all others.
    Add {
        /// Its name.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
}

/// A new message that cannot be made of the old one by what MTAs offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inexpressible {
    /// A line of the new header begins no field and continues none.
    #[error("the new header has a line that is no field")]
    NoField,
    /// More than [`MOST_FIELDS`].
    #[error("the new header has too many fields")]
    TooMany,
    /// A NUL in a new value, which would end it.
    #[error("a new header field has a NUL")]
    Nul,
    /// A new field is too long for a packet.
    #[error("a new header field is too long")]
    TooLong,
}

/// Only sizes: what is in a field is not for showing.
impl std::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field({} bytes)", self.name.len() + self.value.len())
    }
}

/// Only what is done where.
impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Edit::Change { index, .. } => write!(f, "Change({index})"),
            Edit::Delete { index, .. } => write!(f, "Delete({index})"),
            Edit::Insert { at, .. } => write!(f, "Insert({at})"),
            Edit::Add { .. } => f.write_str("Add"),
        }
    }
}

/// Whether bytes can be a field's name: of printable ASCII without the colon (RFC 5322, 2.2), or above ASCII.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&b| b > b' ' && b != b':' && b != 0x7f)
}

/// Header and body of a message with whole line ends. The empty line between them is in neither.
pub fn split(message: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = message.strip_prefix(b"\r\n") {
        return (b"", body);
    }
    match memchr::memmem::find(message, b"\r\n\r\n") {
        Some(at) => (&message[..at + 2], &message[at + 4..]),
        None => (message, b""),
    }
}

/// The fields of a header with whole line ends.
pub fn fields(header: &[u8]) -> Result<Vec<Field<'_>>, Inexpressible> {
    let mut fields = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let (field, behind) = rest.split_at(end_of_field(rest));
        let field = field.strip_suffix(b"\r\n").unwrap_or(field);
        let colon = memchr::memchr(b':', field).ok_or(Inexpressible::NoField)?;
        let (name, value) = (&field[..colon], &field[colon + 1..]);
        if !is_name(name) {
            return Err(Inexpressible::NoField);
        }
        if fields.len() == MOST_FIELDS {
            return Err(Inexpressible::TooMany);
        }
        fields.push(Field { name, value, altered: false });
        rest = behind;
    }
    Ok(fields)
}

/// The length of the field at the beginning, with its continuation lines.
fn end_of_field(header: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', header)
        .map(|at| at + 1)
        .find(|&next| !matches!(header.get(next), Some(b' ' | b'\t')))
        .unwrap_or(header.len())
}

/// The fewest edits that make `new` of `old`.
///
/// A change or removal of one field must not move the index of another, and MTAs do not agree on whether a field that was
/// removed is still counted. So new fields come first, from the last place to the first, and the others follow in the
/// same direction: an edit never depends on the ones before.
pub fn diff<'a>(old: &[Field<'a>], new: &[Field<'a>]) -> Result<Vec<Edit<'a>>, Inexpressible> {
    if old.len() > MOST_FIELDS || new.len() > MOST_FIELDS {
        return Err(Inexpressible::TooMany);
    }
    let (mut edits, mut rest) = (Vec::new(), Vec::new());
    // How many fields of each name have come, the new ones with them.
    let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut at = 0;
    let mut last = Vec::new();
    for step in align(old, new) {
        let name = step.new.or(step.old).map(|f| f.name).unwrap_or_default();
        let end = at == old.len();
        let index = seen.entry(name.to_ascii_lowercase()).or_default();
        *index += 1;
        match (step.old, step.new) {
            (None, Some(Field { name, value, .. })) if end => last.push(Edit::Add { name, value }),
            (None, Some(Field { name, value, .. })) => {
                edits.push(Edit::Insert { at: at as u32, name, value })
            }
            (Some(Field { name, .. }), None) => rest.push(Edit::Delete { name, index: *index }),
            (Some(_), Some(Field { name, value, .. })) if !step.kept => {
                rest.push(Edit::Change { name, index: *index, value });
            }
            _ => {}
        }
        at += usize::from(step.old.is_some());
    }
    edits.reverse();
    rest.reverse();
    edits.extend(rest);
    edits.extend(last);
    edits.iter().try_for_each(Edit::check)?;
    Ok(edits)
}

/// A field that stays or is changed (both), goes (old only) or comes (new only).
struct Step<'f, 'a> {
    old: Option<&'f Field<'a>>,
    new: Option<&'f Field<'a>>,
    /// Nothing is to be done.
    kept: bool,
}

/// Pairs fields of the same name, in their order, so that the fewest are left over or changed.
fn align<'f, 'a>(old: &'f [Field<'a>], new: &'f [Field<'a>]) -> Vec<Step<'f, 'a>> {
    let (old_keys, new_keys) = keys(old, new);
    let alike = |(a, b): &(&Key, &Key)| a.field == b.field;
    let head = old_keys.iter().zip(&new_keys).take_while(alike).count();
    let (left, right) = (&old_keys[head..], &new_keys[head..]);
    let tail = left.iter().rev().zip(right.iter().rev()).take_while(alike).count();
    let (left, right) = (&left[..left.len() - tail], &right[..right.len() - tail]);

    let costs = Costs::new(left, right);
    let mut steps = Vec::with_capacity(old.len().max(new.len()));
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        let (x, y) = (i.wrapping_sub(head), j.wrapping_sub(head));
        let (takes_old, takes_new, kept) = match (left.get(x), right.get(y)) {
            (None, None) => (true, true, true),
            (Some(was), Some(is))
                if was.change(is).is_some_and(|c| costs.at(x, y) == costs.at(x + 1, y + 1) + c) =>
            {
                (true, true, was.field == is.field)
            }
            (Some(_), _) if costs.at(x, y) == costs.at(x + 1, y) + 1 => (true, false, false),
            _ => (false, true, false),
        };
        let step =
            Step { old: old.get(i).filter(|_| takes_old), new: new.get(j).filter(|_| takes_new), kept };
        steps.push(step);
        (i, j) = (i + usize::from(takes_old), j + usize::from(takes_new));
    }
    steps
}

/// Numbers in place of names and fields: fields are compared with each other many times, and may be long.
#[derive(Clone, Copy)]
struct Key {
    name: u32,
    /// The same number, the same bytes; one that was altered is the same as none.
    field: u32,
}

fn keys<'a>(old: &[Field<'a>], new: &[Field<'a>]) -> (Vec<Key>, Vec<Key>) {
    let (mut names, mut fields) = (HashMap::new(), HashMap::new());
    let mut key = |field: &Field<'a>, number: u32| Key {
        name: *names.entry(field.name.to_ascii_lowercase()).or_insert(number),
        field: match field.altered {
            true => number,
            false => *fields.entry((field.name, field.value)).or_insert(number),
        },
    };
    let mut numbers = 0..;
    let mut all = |list: &[Field<'a>]| list.iter().zip(&mut numbers).map(|(f, n)| key(f, n)).collect();
    (all(old), all(new))
}

impl Key {
    /// Edits that make a field of the other, where their names allow it.
    fn change(&self, new: &Key) -> Option<u16> {
        (self.name == new.name).then(|| u16::from(self.field != new.field))
    }
}

/// The fewest edits for what is left of each list, from each place on: at most [`MOST_FIELDS`] squared, 8 MB.
struct Costs {
    edits: Vec<u16>,
    width: usize,
}

impl Costs {
    fn new(old: &[Key], new: &[Key]) -> Costs {
        let width = new.len() + 1;
        let mut costs = Costs { edits: vec![0; (old.len() + 1) * width], width };
        for i in (0..=old.len()).rev() {
            for j in (0..=new.len()).rev() {
                costs.edits[i * width + j] = match (old.get(i), new.get(j)) {
                    (None, _) => (new.len() - j) as u16,
                    (_, None) => (old.len() - i) as u16,
                    (Some(was), Some(is)) => {
                        let apart = costs.at(i + 1, j).min(costs.at(i, j + 1)) + 1;
                        was.change(is).map_or(apart, |c| apart.min(costs.at(i + 1, j + 1) + c))
                    }
                };
            }
        }
        costs
    }

    fn at(&self, i: usize, j: usize) -> u16 {
        self.edits[i * self.width + j]
    }
}

impl Edit<'_> {
    fn check(&self) -> Result<(), Inexpressible> {
        let (name, value) = self.content();
        // With four bytes of index, two NULs and, it may be, a space.
        if name.len() + value.len() + 7 > packet::LONGEST_REPLY {
            return Err(Inexpressible::TooLong);
        }
        if memchr::memchr(0, value).is_some() || memchr::memchr(0, name).is_some() {
            return Err(Inexpressible::Nul);
        }
        Ok(())
    }

    fn content(&self) -> (&[u8], &[u8]) {
        match *self {
            Edit::Change { name, value, .. }
            | Edit::Insert { name, value, .. }
            | Edit::Add { name, value } => (name, value),
            Edit::Delete { name, .. } => (name, b""),
        }
    }

    /// Puts the packet of the edit behind `out`. Folds are a bare LF in it. Where `leading_space` was not agreed on, the
    /// MTA puts a space of its own before the value.
    pub(super) fn encode(&self, leading_space: bool, out: &mut Vec<u8>) {
        let (name, value) = self.content();
        let mut value = value;
        if !leading_space {
            value = value.strip_prefix(b" ").unwrap_or(value);
        }
        let folded: Vec<u8> = value.iter().copied().filter(|&b| b != b'\r').collect();
        let value = match self {
            Edit::Delete { .. } => &folded[..],
            // Without a value, the MTA would take the field away.
            _ if folded.is_empty() => b" ",
            _ => &folded,
        };
        match self {
            Edit::Change { index, .. } | Edit::Delete { index, .. } => {
                packet::put(out, b'm', &[&index.to_be_bytes(), name, b"\0", value, b"\0"]);
            }
            // An MTA counts its own Received field, which it does not show and which stands first.
            Edit::Insert { at, .. } => {
                packet::put(out, b'i', &[&(at + 1).to_be_bytes(), name, b"\0", value, b"\0"]);
            }
            Edit::Add { .. } => packet::put(out, b'h', &[name, b"\0", value, b"\0"]),
        }
    }
}
