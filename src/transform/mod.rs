//! Transforms: what takes the place of a finding.

mod base32;
mod canonical;
mod check;
mod dates;
mod ff1;
mod format_preserving;
mod generalize;
mod keyed;
mod mac;
mod mask;
mod prf;
mod surrogate;
mod token;
mod url;
mod zip3;

pub use keyed::{Context, Failed, Keyed, KeyedScratch, NewToken, TestTokens, Tokens, Value};
pub use token::{ReadToken, TokenForm, TokenType};

pub(crate) use canonical::{canonical, written_out};
pub(crate) use format_preserving::KINDS as FORMAT_PRESERVING_KINDS;
pub(crate) use generalize::{generalize, is_general_age};
pub(crate) use mask::mask;
pub(crate) use token::{all as tokens, may_hold as may_hold_tokens};
pub(crate) use url::url_parts;
pub(crate) use zip3::VERSION as ZIP3_VERSION;
