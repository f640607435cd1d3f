//! Whose record it is, and whom it speaks of: the tenant whose keys it is written with, and the person by whom dates are shifted.

use super::merge::Decided;
use super::{Keys, Tenant};
use crate::codec::{Leaf, Place};
use crate::kind::Kind;
use crate::policy::Action;
use crate::transform::{Context, canonical};

/// Names of fields that tell one person from another, without what joins their words, in lower case.
const PERSON_FIELDS: [&[u8]; 7] =
    [b"patientid", b"patientuuid", b"subjectid", b"personid", b"memberid", b"enrolleeid", b"beneficiaryid"];
/// The tenant of keys of records where the tenant stands in the payload: what becomes of a key must follow from the key alone.
const KEYS_TENANT: &str = "@key";

/// Values of one sort that a record holds.
#[derive(Default)]
enum Seen {
    #[default]
    None,
    One(Vec<u8>),
    /// More than one person: no date is anybody's.
    Several,
}

impl Seen {
    fn add(&mut self, value: Vec<u8>) {
        match self {
            _ if value.is_empty() => {}
            Seen::None => *self = Seen::One(value),
            Seen::One(one) if *one != value => *self = Seen::Several,
            _ => {}
        }
    }
}

/// What is known of the record at hand.
#[derive(Default)]
pub(super) struct Whose {
    header_tenant: Option<String>,
    path_tenant: Option<String>,
    /// What the configured path leads to, medical record numbers, fields that name a person.
    persons: [Seen; 3],
    is_key: bool,
}

impl Whose {
    /// Begins a record; `header` gives the value of a header.
    pub(super) fn begin<'h>(&mut self, keys: &Keys, header: impl Fn(&str) -> Option<&'h [u8]>) {
        *self = Whose::default();
        if let Tenant::Header(name) = &keys.tenant {
            self.header_tenant = header(name).and_then(tenant_of);
        }
    }

    /// Begins the payload, perhaps once more.
    pub(super) fn begin_payload(&mut self) {
        self.path_tenant = None;
        self.persons = Default::default();
    }

    /// Begins the record's key: what becomes of it follows from itself alone.
    pub(super) fn begin_key(&mut self) {
        self.begin_payload();
        self.is_key = true;
    }

    /// Begins a header: it is the record's, whatever was looked at before.
    pub(super) fn begin_header(&mut self) {
        self.is_key = false;
    }

    /// Looks at a leaf, before it is known whether anything stands in it.
    pub(super) fn look(&mut self, keys: &Keys, leaf: &Leaf<'_>) {
        if leaf.place == Place::Key {
            return;
        }
        if let Tenant::Path(pattern) = &keys.tenant
            && self.path_tenant.is_none()
            && pattern.matches(leaf.path)
        {
            self.path_tenant = tenant_of(leaf.text);
        }
        if !keys.shifts_dates {
            return;
        }
        if keys.subject.as_ref().is_some_and(|pattern| pattern.matches(leaf.path)) {
            self.persons[0].add(person(leaf.text, leaf.place));
        }
        if leaf.path.keys_inward_out().next().is_some_and(names_a_person) {
            self.persons[2].add(person(leaf.text, leaf.place));
        }
    }

    /// Takes note of the medical record numbers among what was decided in a leaf.
    pub(super) fn found(&mut self, keys: &Keys, leaf: &Leaf<'_>, decided: &[Decided]) {
        if keys.shifts_dates {
            for d in decided.iter().filter(|d| d.lead.kind == Kind::Mrn && d.action != Action::Keep) {
                self.persons[1].add(person(&leaf.text[d.span.range()], leaf.place));
            }
        }
    }

    /// What the transforms need to know. Where several persons are seen, none is known.
    pub(super) fn context<'c>(&'c self, tenant: &'c Tenant) -> Context<'c> {
        let tenant = match tenant {
            Tenant::Fixed(name) => Some(name.as_str()),
            Tenant::Header(_) => self.header_tenant.as_deref(),
            Tenant::Path(_) if self.is_key => Some(KEYS_TENANT),
            Tenant::Path(_) => self.path_tenant.as_deref(),
        };
        let first = self.persons.iter().find(|seen| !matches!(seen, Seen::None));
        let subject = match first {
            Some(Seen::One(value)) => Some(value.as_slice()),
            _ => None,
        };
        Context { tenant, subject }
    }
}

/// A tenant's name: text, and not endless.
fn tenant_of(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim();
    (!text.is_empty() && text.len() <= Tenant::MAX_BYTES).then(|| text.to_owned())
}

/// However a person's number is written, it is the same person.
fn person(text: &[u8], place: Place) -> Vec<u8> {
    let mut out = Vec::new();
    canonical(Kind::Mrn, text, place == Place::Number, 0, &mut out);
    out
}

fn names_a_person(key: &[u8]) -> bool {
    let mut letters = [0; 16];
    let mut len = 0;
    for b in key.iter().filter(|b| b.is_ascii_alphanumeric()) {
        let Some(slot) = letters.get_mut(len) else { return false };
        *slot = b.to_ascii_lowercase();
        len += 1;
    }
    PERSON_FIELDS.contains(&&letters[..len])
}
