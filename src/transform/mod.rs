//! Transforms: what takes the place of a finding.

mod mask;
mod url;

pub(crate) use mask::mask;
pub(crate) use url::url_parts;
