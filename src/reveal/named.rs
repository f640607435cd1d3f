//! What an operator asks for: a token, or a value that was encrypted in its own form.

use super::Refusal;
use crate::keys::encoding::hex;
use crate::kind::Kind;
use crate::transform::{Keyed, ReadToken};

pub(super) enum Named {
    Token(ReadToken),
    /// `SSN:f1:210-19-2572`: what `format_preserving` made of a value of this kind under this version of the key. Nothing in the text tells
    /// either, so that the operator says it.
    Formatted {
        kind: Kind,
        version: u32,
        text: String,
    },
}

impl Named {
    /// Reads what stands on the command line or in an approval.
    pub(super) fn read(keyed: &Keyed, text: &str) -> Option<Named> {
        let token = keyed.recognize(text.as_bytes());
        token
            .or_else(|| keyed.recognize_by_form(text.as_bytes()))
            .map(Named::Token)
            .or_else(|| formatted(text))
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Named::Token(token) => token.kind,
            Named::Formatted { kind, .. } => *kind,
        }
    }

    /// How it is named on record. What was encrypted in its own form is named by a keyed hash of it: an operator may have given the value
    /// itself by mistake.
    pub(super) fn on_record(&self, keyed: &Keyed, tenant: &str) -> Result<String, Refusal> {
        match self {
            Named::Token(token) => Ok(token.on_record()),
            Named::Formatted { kind, version, text } => {
                let tag = keyed.vault_tag(*kind, tenant, text.as_bytes());
                let tag = tag.map_err(|_| {
                    ("the key ring lacks a key", "the key ring lacks a key it should have".to_owned())
                })?;
                Ok(format!("{kind}:f{version}:{}", hex(&tag[..16])))
            }
        }
    }
}

fn formatted(text: &str) -> Option<Named> {
    let (kind, rest) = text.split_once(':')?;
    let (version, text) = rest.strip_prefix('f')?.split_once(':')?;
    let kind = kind.to_ascii_lowercase().parse().ok()?;
    Some(Named::Formatted { kind, version: version.parse().ok()?, text: text.to_owned() })
}
