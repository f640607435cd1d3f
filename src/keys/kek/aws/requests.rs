//! Signs requests of others anew: what goes to a service of AWS is signed over its body, so that whoever changes a body must sign.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::credentials::{Credentials, Source};
use super::sign::{self, Scope};
use crate::keys::kek::KekError;

/// How long credentials are used before they are read again. Temporary ones are good for a quarter of an hour at least.
const FRESH: Duration = Duration::from_secs(60);

/// Signs requests to one service in one region with this process's own credentials.
pub(crate) struct RequestSigner {
    source: Source,
    region: String,
    service: String,
    read: Mutex<Option<(Instant, Arc<Credentials>)>>,
}

/// A request to be signed.
pub(crate) struct ToSign<'a> {
    pub(crate) method: &'a str,
    /// As it goes over the wire.
    pub(crate) path: &'a str,
    /// As it goes over the wire; empty for none.
    pub(crate) query: &'a str,
    pub(crate) host: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

impl RequestSigner {
    /// Finds the credentials where AWS's own tools do.
    pub(crate) fn new(region: &str, service: &str) -> Result<RequestSigner, KekError> {
        let source = Source::find(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
        source.read()?;
        Ok(RequestSigner {
            source,
            region: region.to_owned(),
            service: service.to_owned(),
            read: Mutex::default(),
        })
    }

    /// The header fields that sign a request, to be put in place of those it has.
    pub(crate) fn sign(&self, request: &ToSign<'_>) -> Result<Vec<(&'static str, String)>, KekError> {
        let credentials = self.credentials()?;
        let at = sign::timestamp(SystemTime::now());
        let mut headers = vec![("host", request.host), ("x-amz-date", &*at)];
        headers.extend(request.content_type.map(|of| ("content-type", of)));
        let session = credentials.session.as_ref().map(|token| token.expose().as_str());
        headers.extend(session.map(|token| ("x-amz-security-token", token)));
        let scope = Scope { region: &self.region, service: &self.service, at: &at };
        let (path, query) = (canonical_path(request.path), canonical_query(request.query));
        let authorization = sign::authorization(
            &credentials,
            &scope,
            (request.method, &path, &query),
            &headers,
            request.body,
        );
        let mut signed = vec![("x-amz-date", at.clone()), ("authorization", authorization)];
        signed.extend(session.map(|token| ("x-amz-security-token", token.to_owned())));
        Ok(signed)
    }

    fn credentials(&self) -> Result<Arc<Credentials>, KekError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, credentials)) = &*read
            && when.elapsed() < FRESH
        {
            return Ok(credentials.clone());
        }
        let credentials = Arc::new(self.source.read()?);
        *read = Some((Instant::now(), credentials.clone()));
        Ok(credentials)
    }
}

/// Every service but S3 encodes what is encoded once more.
fn canonical_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for b in path.bytes() {
        match b {
            b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(b)),
            _ if b.is_ascii_alphanumeric() => out.push(char::from(b)),
            _ => {
                let _ = write!(out, "%{b:02X}");
            }
        }
    }
    out
}

/// Parameters in order of their names, each with its `=`.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={value}").replace('+', "%20")).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_written_as_they_are_signed() {
        for (path, want) in [
            ("/", "/"),
            ("/v2/email/outbound-emails", "/v2/email/outbound-emails"),
            ("/v2/email/identities/a%40b.example", "/v2/email/identities/a%2540b.example"),
        ] {
            assert_eq!(canonical_path(path), want);
        }
        for (query, want) in [("", ""), ("b=2&a=1&a", "a=&a=1&b=2"), ("n=a%20b", "n=a%20b")] {
            assert_eq!(canonical_query(query), want);
        }
    }
}
