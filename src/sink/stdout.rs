//! StreamSink.

/// To be written.
pub struct StreamSink {}
