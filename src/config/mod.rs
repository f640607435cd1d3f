//! Configuration: TOML text, read into a raw [`spec`] that knows where each value stands, then [`resolved`] into
//! what the parts of a line are built from. Every error is a [`Diagnostic`]: a file, a line, a column, a caret,
//! and what is allowed there.

mod build;
mod diagnostic;
mod gateway;
mod mail;
#[cfg(feature = "kafka")]
mod offline;
mod resolve;
mod resolved;
mod spec;
mod vault;

use std::fmt;
use std::path::Path;

pub use crate::authored::{Diagnostic, Severity, did_you_mean};
pub use crate::reason::plain_reason;
use crate::reason::unreadable;
pub use build::{engine, pack, this_year};
#[cfg(test)]
pub(crate) use gateway::{PROVIDERS, builtin_provider};
#[cfg(feature = "kafka")]
pub use offline::chained;
pub use resolved::{
    ClientProperty, HttpSink, HttpSource, KafkaSink, KafkaSource, KeysConfig, MAX_RECORD_BYTES, MilterListen,
    MilterSource, OnErrorConfig, Pipeline, PropertyValue, QuarantineTo, RosterConfig, SinkConfig, SmppSink,
    SmppSource, SmtpSink, SmtpSource, SourceConfig, TestCase, Treatment, VaultConfig, VaultPlace,
};
pub use spec::{Alphabet, RelayTls};
pub use vault::{OpenVault, VaultKeeper};

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read: a sentence.
    Unreadable(String),
    /// What it says is wrong: each place.
    Invalid(Vec<Diagnostic>),
}

/// One line, for logs.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable(text) => f.write_str(text),
            ConfigError::Invalid(all) => {
                let all: Vec<String> = all.iter().map(Diagnostic::to_string).collect();
                f.write_str(&all.join("; "))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// Reads a pipeline file. Nothing is connected to, and no secret is read.
pub fn load(path: &Path) -> Result<Pipeline, ConfigError> {
    let text = read_text(path)?;
    let mut pipeline = Pipeline::parse(path, &text).map_err(ConfigError::Invalid)?;
    pipeline.treatment.digest = Some(digest(&text));
    Ok(pipeline)
}

/// Reads the parts of a pipeline file that say what is done to records, whatever its source and sink.
pub fn load_treatment(path: &Path) -> Result<Treatment, ConfigError> {
    let text = read_text(path)?;
    let treatment = Treatment::parse(path, &text).map_err(ConfigError::Invalid)?;
    Ok(Treatment { digest: Some(digest(&text)), ..treatment })
}

/// What a file is known by on record: of the very text that was understood, for the file may be another one a moment later.
fn digest(text: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref());
    digest
}

/// Without Kafka no pipeline reads what another one writes.
#[cfg(not(feature = "kafka"))]
pub fn chained(_: &[Pipeline]) -> Vec<String> {
    Vec::new()
}

/// Reads a text file, or says in a sentence why not and what to do.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let shown = path.display();
    if path.is_dir() {
        return Err(ConfigError::Unreadable(format!("{shown} is a directory; name a file in it")));
    }
    let bytes = std::fs::read(path)
        .map_err(|e| ConfigError::Unreadable(format!("cannot read {shown}: {}", unreadable(&e))))?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        ConfigError::Unreadable(format!("{shown} is not UTF-8 text: byte {at} is not; save it as UTF-8"))
    })
}

#[cfg(test)]
mod chain_tests;
#[cfg(test)]
mod gateway_tests;
#[cfg(test)]
mod tests;
