//! A pipeline file, understood: defaults filled in, paths beside the file found, values checked against each other.
//! Still nothing is opened or connected to; [`super::build`] does that.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::resolve::Resolver;
use super::spec::{Alphabet, RelayTls, Spec};
use crate::audit::AuditSettings;
use crate::authored::Diagnostic;
use crate::authored::Reader;
use crate::codec::Codec;
use crate::gateway::GatewayPolicy;
use crate::gateway::providers::Provider;
use crate::keys::SecretRef;
use crate::policy::{PathPattern, Policy};
use crate::scrubber::{StampPlace, Tenant};
use crate::transform::TokenForm;

/// Records larger than this are not read, unless the file says otherwise.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// A pipeline file, understood.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The file.
    pub file: PathBuf,
    /// Where records come from.
    pub source: SourceConfig,
    /// Where they go.
    pub sink: SinkConfig,
    /// What is done to them.
    pub treatment: Treatment,
    /// What is done with notifications.
    pub gateway: GatewayPolicy,
    /// What becomes of those that cannot be read.
    pub on_error: OnErrorConfig,
    /// Where the metrics are served.
    pub metrics_listen: Option<SocketAddr>,
    /// Its own tests.
    pub tests: Vec<TestCase>,
    /// What somebody should look at.
    pub warnings: Vec<Diagnostic>,
}

/// What is done to records, whatever source and sink.
#[derive(Clone, Debug)]
pub struct Treatment {
    /// What is done with findings.
    pub policy: Policy,
    /// How records are read and written.
    pub codec: Codec,
    /// Detector packs beyond the built-in ones.
    pub packs: Vec<PathBuf>,
    /// The organisation's own patients.
    pub roster: Option<RosterConfig>,
    /// The keys of what takes a key.
    pub keys: KeysConfig,
    /// Where tokens are kept.
    pub vault: Option<VaultConfig>,
    /// Where it is put on each record what was done to it.
    pub stamp: Option<StampPlace>,
    /// Where it is put on record what was loaded, revealed and changed.
    pub audit: Option<AuditSettings>,
    /// SHA-256 of the file that all this was read from.
    pub digest: Option<[u8; 32]>,
    /// A record larger than this many bytes is not read.
    pub max_record_bytes: usize,
}

/// `[vault]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultConfig {
    /// The file, or the database.
    pub place: VaultPlace,
    /// Days after which a value that was not seen again is removed.
    pub retention_days: Option<u32>,
    /// Memory for what was looked up.
    pub cache_bytes: Option<usize>,
}

/// Where a vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultPlace {
    /// In a file, which one process has open.
    File(PathBuf),
    /// In a PostgreSQL database.
    Postgres {
        /// The connection string.
        connection: SecretRef,
        /// The CA certificates that the server's is verified with.
        ca_file: Option<PathBuf>,
    },
}

/// `[keys]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysConfig {
    /// The file of the key ring.
    pub ring: Option<PathBuf>,
    /// Whose a record is.
    pub tenant: Tenant,
    /// Where it stands whom a record speaks of.
    pub subject: Option<PathPattern>,
    /// How tokens are put into text.
    pub form: TokenForm,
}

/// A roster, and the key it was built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterConfig {
    /// The file.
    pub path: PathBuf,
    /// The key.
    pub key: SecretRef,
}

/// Where records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceConfig {
    /// Kafka topics.
    Kafka(KafkaSource),
    /// Standard input.
    Stdin,
    /// Mail that clients and servers hand in.
    Smtp(SmtpSource),
    /// Mail that a mail server asks about.
    Milter(MilterSource),
    /// Requests to the HTTP API of a provider.
    Http(HttpSource),
    /// Text messages.
    Smpp(SmppSource),
}

impl SourceConfig {
    /// Whether notifications come from it, each of which is answered.
    pub fn is_gateway(&self) -> bool {
        match self {
            SourceConfig::Kafka(_) | SourceConfig::Stdin => false,
            SourceConfig::Smtp(_)
            | SourceConfig::Milter(_)
            | SourceConfig::Http(_)
            | SourceConfig::Smpp(_) => true,
        }
    }
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkConfig {
    /// Kafka topics.
    Kafka(KafkaSink),
    /// Standard output.
    Stdout,
    /// A mail server.
    Smtp(SmtpSink),
    /// A provider.
    Http(HttpSink),
    /// A short message service centre.
    Smpp(SmppSink),
    /// Nowhere else: whoever asked gets them back.
    Asker,
}

impl SinkConfig {
    /// The provider, if it is one.
    pub fn http(&self) -> Option<&HttpSink> {
        match self {
            SinkConfig::Http(sink) => Some(sink),
            _ => None,
        }
    }
}

/// `[source.smtp]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSource {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it calls itself.
    pub hostname: Option<String>,
    /// PEM files: its certificates, and their key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// TLS from the first byte on, in place of STARTTLS.
    pub implicit_tls: bool,
    /// A larger mail is refused.
    pub max_message_bytes: Option<usize>,
    /// Memory for mails in all sessions together.
    pub memory_bytes: Option<usize>,
    /// Sessions at once.
    pub max_sessions: Option<usize>,
}

/// `[sink.smtp]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSink {
    /// Host and port.
    pub relay: String,
    /// How it is spoken to.
    pub tls: RelayTls,
    /// The CA certificates that the server's is verified with; else those of the system.
    pub ca_file: Option<PathBuf>,
    /// User and password, in place of those that clients give.
    pub auth: Option<(String, SecretRef)>,
    /// How long a connection waits for the next client.
    pub idle: Option<Duration>,
}

/// `[source.milter]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MilterSource {
    /// Where it listens.
    pub listen: MilterListen,
    /// A larger mail is refused.
    pub max_message_bytes: Option<usize>,
    /// Memory for mails in all connections together.
    pub memory_bytes: Option<usize>,
    /// Connections at once.
    pub max_connections: Option<usize>,
}

/// Where a milter listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MilterListen {
    /// On a port.
    Tcp(SocketAddr),
    /// On a socket in the file system.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Who may connect, as for chmod.
        mode: u32,
    },
}

/// `[source.http]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSource {
    /// Where it listens.
    pub listen: SocketAddr,
    /// PEM files: its certificates, and their key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Clients must show a certificate of one of these authorities.
    pub client_ca_file: Option<PathBuf>,
    /// Clients must show one of these; with none, all may ask.
    pub api_keys: Vec<SecretRef>,
    /// The header field they come in.
    pub api_key_header: Option<String>,
    /// Whether `/v1/scrub` and `/v1/scan` are answered.
    pub api: bool,
    /// Whose API it is.
    pub provider: Box<Provider>,
    /// A larger body is refused.
    pub max_body_bytes: Option<usize>,
    /// Memory for bodies in all connections together.
    pub memory_bytes: Option<usize>,
    /// Connections at once.
    pub max_connections: Option<usize>,
}

/// `[sink.http]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSink {
    /// The provider's address.
    pub upstream: String,
    /// The CA certificates that its own is verified with; else those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM files: the certificate that it is shown, and its key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The AWS region that requests are signed for.
    pub region: Option<String>,
    /// How long its answer may take.
    pub timeout_seconds: Option<u32>,
}

/// `[source.smpp]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmppSource {
    /// Where it listens.
    pub listen: SocketAddr,
    /// PEM files: its certificates, and their key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// What `data_coding` 0 means.
    pub alphabet: Alphabet,
    /// Binary data goes out unseen.
    pub binary_allowed: bool,
    /// Segments are refused at once.
    pub segments_refused: bool,
    /// How long segments wait for each other.
    pub segments_seconds: Option<u32>,
    /// Tags of TLVs that go out unseen.
    pub trusted_tlvs: Vec<u16>,
    /// Memory for messages in all sessions together.
    pub memory_bytes: Option<usize>,
    /// Sessions at once.
    pub max_sessions: Option<usize>,
}

/// `[sink.smpp]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmppSink {
    /// Host and port.
    pub smsc: String,
    /// TLS from the first octet on.
    pub tls: bool,
    /// The CA certificates that the server's is verified with; else those of the system.
    pub ca_file: Option<PathBuf>,
}

/// A client property, whose value may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientProperty {
    /// librdkafka's name for it.
    pub name: String,
    /// Its value.
    pub value: PropertyValue,
}

/// The value of a client property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyValue {
    /// As it stands.
    Plain(String),
    /// Named, to be read at start.
    Secret(SecretRef),
}

/// `[source.kafka]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSource {
    /// Addresses to begin with, separated by commas.
    pub brokers: String,
    /// Topic names, and patterns that begin with `^`.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// Further client properties.
    pub properties: Vec<ClientProperty>,
}

/// `[sink.kafka]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSink {
    /// Addresses to begin with, separated by commas.
    pub brokers: String,
    /// The topic; `{topic}` stands for the record's own.
    pub topic: String,
    /// Make missing topics, with as many partitions as the source has.
    pub create: bool,
    /// Replace each key by its HMAC under this secret.
    pub key_hmac: Option<SecretRef>,
    /// Further client properties.
    pub properties: Vec<ClientProperty>,
}

/// `[on_error]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnErrorConfig {
    /// The record becomes a marker.
    Redact,
    /// It is sealed with this key and goes there.
    Quarantine {
        /// The key.
        key: SecretRef,
        /// The place.
        to: QuarantineTo,
    },
    /// The pipeline stops before it.
    Halt,
}

/// Where sealed records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuarantineTo {
    /// A topic of the sink's cluster.
    Topic(String),
    /// A directory.
    Dir(PathBuf),
}

/// `[[test]]`
#[derive(Clone)]
pub struct TestCase {
    /// Its name.
    pub name: Option<String>,
    /// The line of the file it begins on.
    pub line: usize,
    /// A record as it comes.
    pub input: String,
    /// How it should go out.
    pub output: String,
}

impl std::fmt::Debug for TestCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestCase(line {})", self.line)
    }
}

impl Pipeline {
    /// Understands the text of a pipeline file.
    pub fn parse(file: &Path, text: &str) -> Result<Pipeline, Vec<Diagnostic>> {
        let (built, warnings) = read(file, text, true, |resolver, spec| resolver.pipeline(file, text, spec))?;
        // Without an error all of it was built.
        built.flatten().map(|p| Pipeline { warnings, ..p }).ok_or_else(Vec::new)
    }
}

impl Treatment {
    /// Understands the parts of a pipeline file that say what is done to records. Source and sink may be missing,
    /// and are not used.
    pub fn parse(file: &Path, text: &str) -> Result<Treatment, Vec<Diagnostic>> {
        let (built, _) = read(file, text, false, |resolver, spec| resolver.treatment(&spec))?;
        built.ok_or_else(Vec::new)
    }
}

/// Reads a file's text and resolves what it says; with warnings, or with errors instead.
fn read<T>(
    file: &Path,
    text: &str,
    edges_needed: bool,
    resolve: impl FnOnce(&Resolver<'_>, Spec) -> T,
) -> Result<(Option<T>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let reader = Reader::new(file.display().to_string(), text);
    let built = reader.parse(text).map(|root| {
        let spec = Spec::read(&reader, &reader.root(&root), edges_needed);
        resolve(&Resolver { reader: &reader, base: file.parent().unwrap_or(Path::new("")) }, spec)
    });
    Ok((built, reader.finish()?))
}
