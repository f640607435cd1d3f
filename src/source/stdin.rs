//! StreamSource.

/// To be written.
pub struct StreamSource {}
