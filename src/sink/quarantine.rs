//! QuarantineDir.

/// To be written.
pub struct QuarantineDir {}
