//! MemorySource.

/// To be written.
pub struct MemorySource {}
