//! Builds what a pipeline is made of: reads packs and secrets.

#[cfg(feature = "kafka")]
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "kafka")]
use super::resolved::{ClientProperty, QuarantineTo};
use super::resolved::{
    KeysConfig, OnErrorConfig, Pipeline, PropertyValue, RosterConfig, SinkConfig, SmtpSink, SourceConfig,
    Treatment, VaultConfig,
};
use super::{ConfigError, read_text};
use crate::detect::roster::{Roster, RosterError};
use crate::detect::{Engine, Pack, PackErrors};
#[cfg(feature = "kafka")]
use crate::kafka::{KafkaSinkOptions, KafkaSourceOptions};
use crate::keys::{KeyError, QuarantineKey, Ring, RingFile, SecretRef};
use crate::policy::Policy;
use crate::reason::unreadable;
use crate::scrubber::{KeyAction, Keys, OnError, Settings, Stamp, THIS_YEAR};
use crate::time;
use crate::transform::{Keyed, TestTokens};

/// The built-in packs and these, compiled; a detector of a later pack overrides one of the same id.
pub fn engine(packs: &[PathBuf]) -> Result<Arc<Engine>, ConfigError> {
    if packs.is_empty() {
        return Ok(Engine::builtin());
    }
    let (mut all, mut wrong) = (Engine::builtin_packs(), Vec::new());
    for path in packs {
        match pack(path) {
            Ok(pack) => all.push(pack),
            Err(ConfigError::Invalid(found)) => wrong.extend(found),
            Err(e) => return Err(e),
        }
    }
    if !wrong.is_empty() {
        return Err(ConfigError::Invalid(wrong));
    }
    Ok(Arc::new(Engine::new(&all)?))
}

/// Reads one pack.
pub fn pack(path: &std::path::Path) -> Result<Pack, ConfigError> {
    let text = read_text(path)?;
    Ok(Pack::parse(&path.display().to_string(), &text)?)
}

impl From<PackErrors> for ConfigError {
    fn from(PackErrors(found): PackErrors) -> ConfigError {
        ConfigError::Invalid(found)
    }
}

impl From<KeyError> for ConfigError {
    fn from(e: KeyError) -> ConfigError {
        ConfigError::Unreadable(e.to_string())
    }
}

impl RosterConfig {
    /// Reads the key, and opens the roster with it.
    pub fn open(&self) -> Result<Arc<Roster>, ConfigError> {
        let shown = self.path.display();
        let key = self.key.read_key()?;
        let wrong = |text: String| ConfigError::Unreadable(text);
        let failed = |e: io::Error| wrong(format!("cannot read the roster {shown}: {}", unreadable(&e)));
        // A pipe would be waited for when it is opened.
        let about = self.path.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(wrong(format!("the roster {shown} is no regular file; name the file itself")));
        }
        let mut file = File::open(&self.path).map_err(failed)?;
        // What it is is known by its first bytes: nothing else is read whole, however large it may be.
        let mut bytes = Vec::new();
        file.by_ref().take(Roster::HEADER_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        let refused = |e: RosterError| wrong(format!("cannot use the roster {shown}: {e}"));
        let rest = Roster::rest_of(&bytes, about.len()).map_err(refused)?;
        bytes.try_reserve_exact(rest as usize).map_err(|_| {
            wrong(format!("cannot use the roster {shown}: there is no memory for its {} bytes", about.len()))
        })?;
        // It may grow while it is read; then it is not what its header says.
        file.take(rest + 1).read_to_end(&mut bytes).map_err(failed)?;
        let file = bytes;
        Roster::open(file, key.expose()).map(Arc::new).map_err(refused)
    }
}

impl Treatment {
    /// A scrubber's settings, as far as the treatment says; reads the roster and the keys.
    ///
    /// # Errors
    /// When they cannot be read, or a rule asks for what the profile forbids or what there is no key for.
    pub fn settings(&self, engine: Arc<Engine>) -> Result<Settings, ConfigError> {
        if self.keys.ring.is_none()
            && let Some(action) = self.policy.actions().find(|action| action.is_keyed())
        {
            return Err(wrong(format!(
                "`{}` takes a key: name a key ring, with --keys RING or [keys] ring = \"RING\"; `scrubjay keys init` makes one",
                action.name()
            )));
        }
        if self.vault.is_none() && self.policy.needs_vault() {
            return Err(wrong("`token` needs a vault: name it in [vault] path = \"vault.redb\"; `scrubjay vault init` makes one".to_owned()));
        }
        self.settings_with(engine, true)
    }

    /// The same for commands that change nothing: they need no key but to tell tokens from text.
    ///
    /// # Errors
    /// As [`Treatment::settings`], but for keys that are not named.
    pub fn settings_to_report(&self, engine: Arc<Engine>) -> Result<Settings, ConfigError> {
        self.settings_with(engine, false)
    }

    fn settings_with(&self, engine: Arc<Engine>, to_write: bool) -> Result<Settings, ConfigError> {
        if let Some((_, why)) = self.policy.contradiction() {
            return Err(ConfigError::Unreadable(why));
        }
        let roster = self.roster.as_ref().map(RosterConfig::open).transpose()?;
        let this_year = this_year();
        let keys = self.keys.open(&self.policy, this_year, self.vault.as_ref().filter(|_| to_write))?;
        Ok(Settings { roster, keys, this_year, ..self.settings_without_secrets(engine) })
    }

    /// The same without roster and keys, which need secrets.
    pub fn settings_without_secrets(&self, engine: Arc<Engine>) -> Settings {
        Settings {
            engine,
            policy: self.policy.clone(),
            codec: self.codec,
            stamp: self.stamp.clone().map(|place| Stamp::new(place, &self.policy)),
            max_record_bytes: self.max_record_bytes,
            ..Settings::new()
        }
    }

    /// What test cases run with: a ring and a vault that are always the same, in the year of the release; the roster only if its key
    /// can be read.
    pub fn settings_for_tests(&self, engine: Arc<Engine>) -> Result<Settings, ConfigError> {
        let readable = self.roster.as_ref().filter(|r| r.key.read_key().is_ok());
        let roster = readable.map(RosterConfig::open).transpose()?;
        let keyed = Keyed::new(Arc::new(Ring::of_tests()), THIS_YEAR).map_err(|e| wrong(e.to_string()))?;
        let keyed = keyed.with_vault(Arc::new(TestTokens)).with_form(self.keys.form);
        let keys =
            Keys::new(Arc::new(keyed), self.keys.tenant.clone(), self.keys.subject.clone(), &self.policy);
        Ok(Settings { roster, keys: Some(keys), ..self.settings_without_secrets(engine) })
    }
}

impl KeysConfig {
    /// Opens the ring, if one is named.
    fn open(
        &self,
        policy: &Policy,
        this_year: i32,
        vault: Option<&VaultConfig>,
    ) -> Result<Option<Keys>, ConfigError> {
        let Some(path) = &self.ring else { return Ok(None) };
        let ring = RingFile::read(path).and_then(|file| file.open()).map_err(|e| wrong(e.to_string()))?;
        let ring = Arc::new(ring);
        let keyed =
            Keyed::new(ring.clone(), this_year).map_err(|e| wrong(e.to_string()))?.with_form(self.form);
        let keyed = match vault.filter(|_| policy.needs_vault()) {
            Some(vault) => keyed.with_vault(vault.open(&ring)?),
            None => keyed,
        };
        Ok(Some(Keys::new(Arc::new(keyed), self.tenant.clone(), self.subject.clone(), policy)))
    }
}

fn wrong(text: String) -> ConfigError {
    ConfigError::Unreadable(text)
}

/// The year it is. A clock that has gone back before the release is not believed.
pub fn this_year() -> i32 {
    time::civil(time::now_ms()).year.max(THIS_YEAR)
}

impl Pipeline {
    /// Why rules or the treatment of keys do not go with the profile.
    pub fn contradiction(&self) -> Option<String> {
        let policy = &self.treatment.policy;
        policy.contradiction().map(|(_, why)| why).or_else(|| {
            (policy.profile.refuses_derived() && self.keys_stay_apart()).then(|| {
                "profiles safe-harbor and notification allow no `key_action = { hmac }`: the hash is derived from the key, and under 45 CFR 164.514(c) a \
                 code in de-identified data must not be derived from information about the individual; leave it out"
                    .to_owned()
            })
        })
    }

    /// The scrubber's settings; reads the secrets they need.
    pub fn settings(&self, engine: Arc<Engine>) -> Result<Settings, ConfigError> {
        if let Some(why) = self.contradiction() {
            return Err(ConfigError::Unreadable(why));
        }
        let mut settings = self.treatment.settings(engine)?;
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

    /// Whether the action on Kafka keys keeps different keys different.
    pub fn keys_stay_apart(&self) -> bool {
        matches!(&self.sink, SinkConfig::Kafka(sink) if sink.key_hmac.is_some())
    }

    /// The options of a Kafka pipeline's source and sink; reads the secrets they need.
    #[cfg(feature = "kafka")]
    pub fn kafka_options(&self) -> Result<Option<(KafkaSourceOptions, KafkaSinkOptions)>, ConfigError> {
        let (SourceConfig::Kafka(from), SinkConfig::Kafka(to)) = (&self.source, &self.sink) else {
            return Ok(None);
        };
        let topics: Vec<&str> = from.topics.iter().map(String::as_str).collect();
        let mut source = KafkaSourceOptions::new(&from.brokers, &topics, &from.group);
        source.properties = read_properties(&from.properties)?;
        let mut sink = KafkaSinkOptions::new(&to.brokers, &to.topic);
        sink.properties = read_properties(&to.properties)?;
        sink.create = to.create;
        if let OnErrorConfig::Quarantine { to: QuarantineTo::Topic(topic), .. } = &self.on_error {
            sink.quarantine_topic = Some(topic.clone());
        }
        Ok(Some((source, sink)))
    }

    /// The secrets it names that cannot be read, in words.
    pub fn secret_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut note = |result: Result<(), KeyError>| problems.extend(result.err().map(|e| e.to_string()));
        if let OnErrorConfig::Quarantine { key, .. } = &self.on_error {
            note(key.read_key().map(drop));
        }
        if let Some(roster) = &self.treatment.roster {
            note(roster.key.read_key().map(drop));
        }
        let mut properties = Vec::new();
        if let SourceConfig::Kafka(source) = &self.source {
            properties.extend(&source.properties);
        }
        if let SinkConfig::Kafka(sink) = &self.sink {
            properties.extend(&sink.properties);
            note(sink.key_hmac.iter().try_for_each(|k| k.read_hmac_key().map(drop)));
        }
        if let SinkConfig::Smtp(SmtpSink { auth: Some((_, password)), .. }) = &self.sink {
            note(password.read().map(drop));
        }
        for property in properties {
            if let PropertyValue::Secret(reference) = &property.value {
                note(reference.read().map(drop));
            }
        }
        if let Some(ring) = &self.treatment.keys.ring {
            problems.extend(RingFile::read(ring).and_then(|file| file.open()).err().map(|e| e.to_string()));
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

#[cfg(feature = "kafka")]
fn read_properties(properties: &[ClientProperty]) -> Result<BTreeMap<String, String>, KeyError> {
    properties.iter().map(|p| Ok((p.name.clone(), p.value.read()?))).collect()
}

fn secret_text(reference: &SecretRef) -> Result<String, KeyError> {
    let secret = reference.read()?;
    let text = std::str::from_utf8(secret.expose());
    text.map(str::to_owned).map_err(|_| KeyError(format!("the secret {reference} is not UTF-8 text")))
}
