//! MemorySink.

/// To be written.
pub struct MemorySink {}
