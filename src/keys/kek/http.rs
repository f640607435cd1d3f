//! Calls to key management services: HTTPS by rustls with aws-lc, no redirects, short timeouts, few retries.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use serde_json::Value;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::{KekError, uri};
use crate::keys::encoding::unbase64;
use crate::reason::{plain_reason, unreadable};
use crate::secret::Sensitive;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// The same, for what is near.
const NEAR: Duration = Duration::from_secs(2);
/// Until an answer is there, for one try.
const ANSWER: Duration = Duration::from_secs(15);
/// The waits between tries. What a server cannot do after these, it cannot do now.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];
/// No answer of such a service is longer.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// Makes calls.
pub(super) struct Client {
    agent: Agent,
}

/// A call to be made.
pub(super) struct Call<'a> {
    pub(super) method: &'static str,
    pub(super) url: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
    /// Whether it may be made again when it is not known whether it was done: not for what makes something.
    pub(super) repeatable: bool,
}

/// What a server answered. It may hold keys and tokens.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Sensitive<Vec<u8>>,
}

impl Answer {
    /// The body as JSON. Take secrets out by [`take_text`], so that they are wiped.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(self.body.expose()).unwrap_or(Value::Null)
    }
}

/// Takes a string out of an answer.
pub(super) fn take_text(answer: &mut Value, pointer: &str) -> Option<Sensitive<String>> {
    match answer.pointer_mut(pointer).map(Value::take) {
        Some(Value::String(text)) => Some(Sensitive::new(text)),
        _ => None,
    }
}

/// JSON as bytes; the strings it was made of are wiped.
pub(super) fn wiped(mut value: Value) -> Vec<u8> {
    let bytes = value.to_string().into_bytes();
    if let Some(members) = value.as_object_mut() {
        for member in members.values_mut() {
            if let Value::String(text) = member.take() {
                drop(Sensitive::new(text));
            }
        }
    }
    bytes
}

/// Decodes base64 of any length.
pub(super) fn decode(text: &str) -> Option<Sensitive<Vec<u8>>> {
    let padding = text.bytes().rev().take_while(|b| *b == b'=').count();
    let mut bytes = vec![0; (text.len() / 4 * 3).checked_sub(padding)?];
    unbase64(text.as_bytes(), &mut bytes).then(|| Sensitive::new(bytes))
}

impl Client {
    /// `ca` is a file of certificates (PEM) that vouch for servers, in place of the system's.
    pub(super) fn new(ca: Option<&Path>) -> Result<Client, KekError> {
        let certificates = match ca {
            Some(path) => read_certificates(path)?,
            None => system_certificates(),
        };
        Ok(Client::with(certificates, CONNECT))
    }

    /// For services of this machine's own surroundings, which answer at once or are not there.
    pub(super) fn near() -> Result<Client, KekError> {
        Ok(Client::with(system_certificates(), NEAR))
    }

    fn with(certificates: Vec<Certificate<'static>>, connect: Duration) -> Client {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(certificates)))
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // A redirect would take the token or the key to another server.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("scrubjay/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(connect))
            .timeout_global(Some(ANSWER))
            // Calls are rare: no connection is kept for the next.
            .max_idle_connections(0)
            .build();
        Client { agent: config.into() }
    }

    /// Makes a call, again where the connection was refused or the server failed (5xx).
    pub(super) fn call(&self, call: &Call<'_>) -> Result<Answer, KekError> {
        let mut pauses = PAUSES.iter();
        loop {
            let outcome = self.try_once(call);
            let again = match &outcome {
                Ok(answer) => call.repeatable && answer.status >= 500,
                // Nothing was sent then.
                Err(ureq::Error::Io(e)) => e.kind() == io::ErrorKind::ConnectionRefused,
                Err(_) => false,
            };
            match pauses.next() {
                Some(pause) if again => sleep(*pause),
                _ => return outcome.map_err(|e| unreachable(call.url, &e)),
            }
        }
    }

    fn try_once(&self, call: &Call<'_>) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(call.method).uri(call.url);
        for (name, value) in call.headers {
            let mut value = ureq::http::HeaderValue::from_str(value).map_err(ureq::http::Error::from)?;
            // Not shown by whatever prints requests.
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        let mut response = if call.body.is_empty() && call.method == "GET" {
            self.agent.run(request.body(())?)?
        } else {
            self.agent.run(request.body(call.body)?)?
        };
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
        Ok(Answer { status, body: Sensitive::new(body) })
    }
}

/// Why no answer came. The host is named, nothing of the request.
fn unreachable(url: &str, error: &ureq::Error) -> KekError {
    let host = uri::host(url);
    let why = match error {
        ureq::Error::HostNotFound => "its name is not known; check the name and the resolver".to_string(),
        ureq::Error::Timeout(_) => {
            "it does not answer in time; check the network between, and its load".to_string()
        }
        ureq::Error::Io(e) => match e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => tls_reason(tls),
            None => format!("{}; check that it runs, and the port", plain_reason(e)),
        },
        ureq::Error::Rustls(tls) => tls_reason(tls),
        ureq::Error::Tls(_) | ureq::Error::Pem(_) => {
            "TLS cannot be spoken with it; check the certificates".to_string()
        }
        ureq::Error::ConnectionFailed => "no connection; check that it runs, and the port".to_string(),
        ureq::Error::Http(_) => {
            "a token or a name has characters that cannot be sent; check the secret's file".to_string()
        }
        ureq::Error::BodyExceedsLimit(_) => {
            "its answer is far too long; check that it is the right server".to_string()
        }
        _ => "it does not speak HTTP as it should; check the port, and https:// or http://".to_string(),
    };
    KekError::Unavailable(format!("the key management service at {host} cannot be asked: {why}"))
}

fn tls_reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            let why = match why {
                rustls::CertificateError::UnknownIssuer => "nobody who is trusted has signed it",
                rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
                    "it has expired"
                }
                rustls::CertificateError::NotValidForName
                | rustls::CertificateError::NotValidForNameContext { .. } => "it is for another name",
                _ => "it is not valid",
            };
            format!(
                "its certificate is refused: {why}; name its authority by ca-file=, VAULT_CACERT or AWS_CA_BUNDLE"
            )
        }
        _ => "TLS cannot be spoken with it; check the port, and that it speaks TLS 1.2 or 1.3".to_string(),
    }
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate<'static>>, KekError> {
    let pem = std::fs::read(path).map_err(|e| {
        KekError::Secret(format!("the certificates in {} cannot be read: {}", path.display(), unreadable(&e)))
    })?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| if let Ok(PemItem::Certificate(c)) = item { Some(c) } else { None })
        .collect();
    if certificates.is_empty() {
        return Err(KekError::Secret(format!(
            "{} holds no certificate; it must be one of an authority, in PEM",
            path.display()
        )));
    }
    Ok(certificates)
}

/// What the system trusts. Empty where it has no such store: then no server is trusted, and that is told.
fn system_certificates() -> Vec<Certificate<'static>> {
    let found = rustls_native_certs::load_native_certs();
    found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
}
