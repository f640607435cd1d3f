//! Builds what a pipeline is made of: reads packs and secrets.

use std::path::PathBuf;
use std::sync::Arc;

use super::resolved::{OnErrorConfig, Pipeline, PropertyValue, SinkConfig, SourceConfig, Treatment};
use super::{ConfigError, read_text};
use crate::detect::{Engine, Pack};
use crate::keys::{KeyError, QuarantineKey, SecretRef};
use crate::scrubber::{KeyAction, OnError, Settings};

/// The built-in packs and these, compiled; a detector of a later pack overrides one of the same id.
pub fn engine(packs: &[PathBuf]) -> Result<Arc<Engine>, ConfigError> {
    if packs.is_empty() {
        return Ok(Engine::builtin());
    }
    let mut all = Engine::builtin_packs();
    for path in packs {
        all.push(pack(path)?);
    }
    Engine::new(&all).map(Arc::new).map_err(|e| ConfigError::Invalid(vec![e.into()]))
}

/// Reads one pack.
pub fn pack(path: &std::path::Path) -> Result<Pack, ConfigError> {
    let text = read_text(path)?;
    Pack::parse(&path.display().to_string(), &text).map_err(|e| ConfigError::Invalid(vec![e.into()]))
}

impl From<KeyError> for ConfigError {
    fn from(e: KeyError) -> ConfigError {
        ConfigError::Unreadable(e.to_string())
    }
}

impl Treatment {
    /// A scrubber's settings, as far as the treatment says.
    pub fn settings(&self, engine: Arc<Engine>) -> Settings {
        Settings {
            engine,
            policy: self.policy.clone(),
            codec: self.codec,
            max_record_bytes: self.max_record_bytes,
            ..Settings::new()
        }
    }
}

impl Pipeline {
    /// The scrubber's settings; reads the secrets they need.
    pub fn settings(&self, engine: Arc<Engine>) -> Result<Settings, ConfigError> {
        let mut settings = self.treatment.settings(engine);
        settings.on_error = match &self.on_error {
            OnErrorConfig::Redact => OnError::Redact,
            OnErrorConfig::Halt => OnError::Halt,
            OnErrorConfig::Quarantine { key, .. } => OnError::Quarantine(Arc::new(QuarantineKey::load(key)?)),
        };
        if let SinkConfig::Kafka(sink) = &self.sink
            && let Some(reference) = &sink.key_hmac
        {
            settings.key_action = KeyAction::Hmac(Arc::new(reference.read_hmac_key()?));
        }
        Ok(settings)
    }

    /// The secrets it names that cannot be read, in words.
    pub fn secret_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut note = |result: Result<(), KeyError>| problems.extend(result.err().map(|e| e.to_string()));
        if let OnErrorConfig::Quarantine { key, .. } = &self.on_error {
            note(key.read_key().map(drop));
        }
        let mut properties = Vec::new();
        if let SourceConfig::Kafka(source) = &self.source {
            properties.extend(&source.properties);
        }
        if let SinkConfig::Kafka(sink) = &self.sink {
            properties.extend(&sink.properties);
            note(sink.key_hmac.iter().try_for_each(|k| k.read_hmac_key().map(drop)));
        }
        for property in properties {
            if let PropertyValue::Secret(reference) = &property.value {
                note(reference.read().map(drop));
            }
        }
        problems
    }
}

impl PropertyValue {
    /// The value itself, read if it is a secret.
    pub fn read(&self) -> Result<String, KeyError> {
        match self {
            PropertyValue::Plain(text) => Ok(text.clone()),
            PropertyValue::Secret(reference) => secret_text(reference),
        }
    }
}

fn secret_text(reference: &SecretRef) -> Result<String, KeyError> {
    let secret = reference.read()?;
    let text = std::str::from_utf8(secret.expose());
    text.map(str::to_owned).map_err(|_| KeyError(format!("the secret {reference} is not UTF-8 text")))
}
