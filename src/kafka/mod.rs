//! What the Kafka source and sink share: their options, the client settings made from them, topic routing, and
//! the checks made before a line starts.
//!
//! A pipeline is put together in this order: [`preflight()`] looks at both clusters and refuses what would lose
//! or mangle records; its result is what a [`KafkaSink`](crate::sink::kafka::KafkaSink) is made from.

mod admin;
mod client;
mod offline;
mod options;
mod outputs;
mod preflight;
mod topics;

pub use options::{KafkaSinkOptions, KafkaSourceOptions};
pub use preflight::{Preflight, check, preflight};
pub use topics::{Route, TopicPatterns};

pub(crate) use client::{Reach, config_error, describe, forward_log, is_denied, is_unreachable};
pub(crate) use offline::{PropertyFault, USUAL_PROPERTIES, find_loop, property_fault};
pub(crate) use options::{consumer_config, producer_config};
pub(crate) use outputs::Output;

/// Why a Kafka line cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum KafkaRefusal {
    /// Something is wrong that waiting does not mend; the sentence says what to do.
    #[error("{0}")]
    Refused(String),
    /// The brokers could not be reached within the time given.
    #[error("cannot reach {brokers} ({reason}); check that the brokers run and that `brokers` is right")]
    Unreachable {
        /// The brokers tried.
        brokers: String,
        /// What the client reported.
        reason: String,
    },
    /// Asked to stop while waiting for brokers.
    #[error("stopped while waiting for the brokers")]
    Stopped,
}
