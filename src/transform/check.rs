//! The keyed check in tokens: what tells one that this ring made from one that somebody invented.
//!
//! It is the AES-256-CMAC of what stands before the body, filled up with zeros to whole blocks, and of what names the value. No byte
//! before the body is zero, so that two tokens never have the same message. The first part is the same for all tokens of one kind and
//! type, and absorbed once.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::mac::{Begun, Mac};
use super::token::{self, CHECK_BYTES, ReadToken, TokenForm, TokenType};
use crate::keys::{LockedBox, Purpose, Ring, RingError};
use crate::kind::Kind;

/// What makes and proves checks.
pub(super) struct Checks {
    /// Of each version that can be read.
    versions: Vec<(u32, LockedBox<Option<Mac>>)>,
    /// Where the active version stands among them.
    active: usize,
    /// What tokens of the active version begin with, by kind and type.
    heads: Vec<[Head; TokenType::ALL.len()]>,
}

struct Head {
    /// What stands before the body: `SSN:p1:`.
    text: Vec<u8>,
    begun: Begun,
}

impl Checks {
    /// With the keys of this ring.
    ///
    /// # Errors
    /// When the ring has no key for a version that should have one.
    pub(super) fn new(ring: &Ring) -> Result<Checks, RingError> {
        let check = |version| {
            let key = ring.derive::<32>(version, Purpose::TokenCheck, &[])?;
            let mut mac = LockedBox::<Option<Mac>>::default();
            *mac = Some(Mac::new(key.expose()));
            Ok((version, mac))
        };
        let versions = ring.readable().map(check).collect::<Result<Vec<_>, _>>()?;
        let version = ring.active();
        let active = versions.iter().position(|(v, _)| *v == version).ok_or(RingError::NoVersion(version))?;
        let mac = versions[active].1.as_ref().ok_or(RingError::NoVersion(version))?;
        let heads = Kind::ALL.iter().map(|kind| {
            TokenType::ALL.map(|token_type| {
                let mut text = Vec::new();
                token::head(*kind, token_type, version, &mut text);
                let begun = mac.begin(&text);
                Head { text, begun }
            })
        });
        let heads = heads.collect();
        Ok(Checks { versions, active, heads })
    }

    /// What stands before the body of a token of the active version: `SSN:p1:`.
    pub(super) fn head(&self, kind: Kind, token_type: TokenType) -> &[u8] {
        &self.heads[kind as usize][token_type as usize].text
    }

    /// Appends a token of the active version; `false` if there is no key. `name` names the value.
    pub(super) fn write(
        &self,
        (kind, token_type): (Kind, TokenType),
        name: &[u8],
        form: TokenForm,
        body: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(mac) = self.versions[self.active].1.as_ref() else { return false };
        let head = &self.heads[kind as usize][token_type as usize];
        let check = mac.tag(&head.begun, name);
        body.clear();
        body.extend_from_slice(name);
        body.extend_from_slice(&check[..CHECK_BYTES]);
        token::write(form, &head.text, body, out);
        true
    }

    /// Whether a token that was read is one that this ring made.
    pub(super) fn is_genuine(&self, read: &ReadToken) -> bool {
        let held = self.versions.iter().find(|(version, _)| *version == read.version);
        held.and_then(|(_, mac)| mac.as_ref()).is_some_and(|mac| {
            let tag = mac.tag(&mac.begin(read.head()), read.name());
            // In a time that does not tell how much of the check is right.
            verify_slices_are_equal(&tag[..CHECK_BYTES], &read.check).is_ok()
        })
    }
}
