//! Requests to the HTTP API of a provider, and questions of code that wants to ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode, Uri};

use super::ask;
use super::tls::{client_config, server_config};
use super::{Gateway, Seen};
use crate::config::{HttpSink, HttpSource};
use crate::gateway::http::{Answer, Asked, Hook, Options, Protocol, Upstream};
use crate::gateway::providers::{Incoming, Judged, Profile, Provider, Refusal};
use crate::scrubber::{Scrubber, Tenant};
use crate::secret::Sensitive;

/// Says that it was the gateway that refused.
const NOTE: HeaderName = HeaderName::from_static("x-scrubjay");
/// Fields that are made from a body, and do not fit another.
const MADE_FROM_BODY: [&str; 6] =
    ["content-md5", "digest", "content-digest", "repr-digest", "signature", "signature-input"];

/// Asks the policy.
pub(super) struct ProviderHook {
    gateway: Arc<Gateway>,
    provider: Provider,
    /// Whether `/v1/scrub` and `/v1/scan` are answered.
    api: bool,
    /// Whether nothing else is: there is nobody to send to.
    alone: bool,
    signer: Option<Signer>,
    /// Built from a scrubber, and built anew when there is another.
    profile: Mutex<Option<(Arc<Scrubber>, Arc<Profile>)>>,
}

impl Hook for ProviderHook {
    fn decide(&self, asked: Asked) -> Answer {
        let gateway = &*self.gateway;
        let scrubber = gateway.scrubber.load_full();
        if self.api
            && let Some(reply) = ask::answer(gateway, &scrubber, &asked)
        {
            return Answer::Reply(reply);
        }
        if self.alone {
            return Answer::Reply(ask::nothing_here());
        }
        let profile = self.profile(&scrubber);
        let policy = gateway.policy.load();
        let named = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        let tenant = match &gateway.tenant {
            Tenant::Header(name) => named(name),
            Tenant::Fixed(_) | Tenant::Path(_) => None,
        };
        let judged = match body_type(&asked) {
            Ok(content_type) => {
                let incoming = Incoming {
                    method: asked.method.as_str(),
                    path: asked.uri.path(),
                    query: asked.uri.query(),
                    content_type,
                    body: &asked.body,
                };
                gateway.with_scratch(asked.body.len(), |scratch| {
                    profile.judge(&policy, incoming, tenant, scratch)
                })
            }
            Err(why) => {
                let (refused, overlooked) = match policy.text.dry_run {
                    true => (None, Some(why)),
                    false => (Some(why), None),
                };
                Judged { refused, overlooked, is_message: true, ..Judged::default() }
            }
        };
        let template = judged.template.as_deref().or(policy.template_header.as_deref().and_then(named));
        let seen = || {
            let tenant = tenant.or(judged.tenant.as_deref());
            Seen::of(gateway, &scrubber, Some(gateway.tenant_or(tenant.unwrap_or_default())), template)
        };
        if let Some(why) = judged.try_later {
            gateway.waits(why);
            return Answer::TryLater(why);
        }
        if let Some(why) = judged.refused {
            let _ = gateway.keep(&scrubber, why, &asked.body);
            gateway.refused(&seen(), why, asked.body.len());
            return Answer::Reply(refusal(&self.provider.refusal, why));
        }
        if judged.keep
            && let Err(why) = gateway.keep(&scrubber, "an attachment was taken out", &asked.body)
        {
            return Answer::TryLater(why);
        }
        if judged.is_message {
            let sent = judged.body.as_ref().map_or(asked.body.len(), Vec::len);
            let edited = judged.body.is_some() || judged.query.is_some();
            gateway.judged(&seen, &judged.findings.0, edited, asked.body.len(), sent, judged.overlooked);
        }
        match self.outgoing(asked, judged.body, judged.query) {
            Ok(asked) => Answer::Forward(asked),
            Err(why) => {
                gateway.waits(why);
                Answer::TryLater(why)
            }
        }
    }
}

impl ProviderHook {
    pub(super) fn new(
        source: &HttpSource,
        sink: Option<&HttpSink>,
        gateway: &Arc<Gateway>,
    ) -> Result<ProviderHook, String> {
        let provider = (*source.provider).clone();
        let signer = match (&provider.aws_service, sink) {
            (Some(service), Some(sink)) => Some(Signer::new(service, sink)?),
            _ => None,
        };
        let gateway = gateway.clone();
        let (api, alone) = (source.api, sink.is_none());
        Ok(ProviderHook { gateway, provider, api, alone, signer, profile: Mutex::default() })
    }

    fn profile(&self, scrubber: &Arc<Scrubber>) -> Arc<Profile> {
        let mut kept = self.profile.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, profile)) if Arc::ptr_eq(of, scrubber) => profile.clone(),
            _ => {
                let profile = Arc::new(Profile::new(self.provider.clone(), scrubber.settings()));
                *kept = Some((scrubber.clone(), profile.clone()));
                profile
            }
        }
    }

    /// The request with what is new in it, signed anew where its body is signed.
    fn outgoing(
        &self,
        mut asked: Asked,
        body: Option<Vec<u8>>,
        query: Option<String>,
    ) -> Result<Asked, &'static str> {
        if let Some(body) = body {
            asked.body = body;
            for name in MADE_FROM_BODY {
                asked.headers.remove(name);
            }
        }
        if let Some(query) = query {
            let target = format!("{}?{query}", asked.uri.path());
            asked.uri = target.parse::<Uri>().map_err(|_| "its address cannot be written anew")?;
        }
        if let Some(signer) = &self.signer {
            signer.sign(&mut asked)?;
        }
        Ok(asked)
    }
}

/// Of what type a body is, as it stands in the header.
///
/// # Errors
/// In a fixed phrase: it is compressed, or its type is not said once and in ASCII, so that who reads it next may read it otherwise.
pub(super) fn body_type(asked: &Asked) -> Result<&str, &'static str> {
    let encodings = || asked.headers.get_all(CONTENT_ENCODING).iter();
    if !asked.body.is_empty() && encodings().any(|value| value != "identity") {
        return Err("its body is compressed, and cannot be scanned");
    }
    let mut types = asked.headers.get_all(CONTENT_TYPE).iter();
    match (types.next().map(HeaderValue::to_str), types.next()) {
        (None, _) => Ok(""),
        (Some(Ok(only)), None) => Ok(only),
        _ => Err("the type of its body can be read in more than one way"),
    }
}

/// A refusal in the provider's own words, so that its libraries understand.
fn refusal(refusal: &Refusal, why: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(refusal.body.replace("{why}", why).into_bytes());
    *response.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    if let Ok(of) = HeaderValue::from_str(&refusal.content_type) {
        response.headers_mut().insert(CONTENT_TYPE, of);
    }
    response.headers_mut().insert(NOTE, HeaderValue::from_static("refused"));
    response
}

/// Signs for AWS with this process's own credentials.
#[cfg(feature = "kms")]
struct Signer {
    signer: crate::keys::RequestSigner,
    host: String,
}

#[cfg(feature = "kms")]
impl Signer {
    fn new(service: &str, sink: &HttpSink) -> Result<Signer, String> {
        let region = sink.region.clone().or_else(|| std::env::var("AWS_REGION").ok());
        let region = region.ok_or_else(|| {
            "requests to AWS are signed for a region: write [sink.http] region = \"us-east-1\"".to_owned()
        })?;
        let signer = crate::keys::RequestSigner::new(&region, service).map_err(|e| e.to_string())?;
        let host =
            sink.upstream.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        Ok(Signer { signer, host: host.to_owned() })
    }

    fn sign(&self, asked: &mut Asked) -> Result<(), &'static str> {
        const FAILED: &str = "the request cannot be signed for AWS";
        for name in ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"] {
            asked.headers.remove(name);
        }
        let signed = self.signer.sign(&crate::keys::ToSign {
            method: asked.method.as_str(),
            path: asked.uri.path(),
            query: asked.uri.query().unwrap_or_default(),
            host: &self.host,
            content_type: asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()),
            body: &asked.body,
        });
        for (name, value) in signed.map_err(|_| FAILED)? {
            asked.headers.insert(name, HeaderValue::from_str(&value).map_err(|_| FAILED)?);
        }
        Ok(())
    }
}

#[cfg(not(feature = "kms"))]
struct Signer;

#[cfg(not(feature = "kms"))]
impl Signer {
    fn new(_: &str, _: &HttpSink) -> Result<Signer, String> {
        Err("this build signs nothing for AWS; build it with the feature `kms`".to_owned())
    }

    fn sign(&self, _: &mut Asked) -> Result<(), &'static str> {
        Err("the request cannot be signed for AWS")
    }
}

/// Host and port of an address.
pub(super) fn place(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match has_port {
        true => authority.to_owned(),
        false => format!("{authority}:{}", if scheme == "http" { 80 } else { 443 }),
    }
}

/// The HTTP proxy's options.
pub(super) fn http_options(
    source: &HttpSource,
    sink: Option<&HttpSink>,
    threads: usize,
) -> Result<Options, String> {
    // One that only answers asks nobody.
    let url = sink.map_or("http://127.0.0.1:9", |sink| &*sink.upstream);
    let tls = match (sink, url.starts_with("https://")) {
        (Some(sink), true) => Some(client_config(sink.ca_file.as_deref(), sink.tls.as_ref())?),
        _ => None,
    };
    let protocol = if source.provider.http2 { Protocol::Http2 } else { Protocol::Auto };
    let upstream =
        Upstream::new(url, tls, protocol).map_err(|e| format!("the upstream cannot be used: {e}"))?;
    let mut options = Options::new(upstream);
    if let Some((certificate, key)) = &source.tls {
        options.client_tls = Some(server_config(certificate, key, source.client_ca_file.as_deref())?);
    }
    let keys = source.api_keys.iter().map(|reference| {
        let secret = reference.read().map_err(|e| e.to_string())?;
        Ok(Sensitive::new(secret.expose().to_vec()))
    });
    options.api_keys = keys.collect::<Result<Vec<_>, String>>()?.into();
    if let Some(name) = &source.api_key_header {
        options.api_key_header = name
            .parse()
            .map_err(|_| "`source.http.api_key_header` is no name of a header field".to_owned())?;
    }
    for name in &source.provider.idempotency_headers {
        let name =
            name.parse().map_err(|_| "an idempotency header is no name of a header field".to_owned())?;
        options.idempotency_headers.push(name);
    }
    if let Some(seconds) = sink.and_then(|sink| sink.timeout_seconds) {
        options.timeouts.response = Duration::from_secs(u64::from(seconds));
    }
    options.max_body_bytes = source.max_body_bytes.unwrap_or(options.max_body_bytes);
    options.memory_budget = source.memory_bytes.unwrap_or(options.memory_budget);
    options.max_connections = source.max_connections.unwrap_or(options.max_connections);
    options.max_judgements = threads;
    Ok(options)
}
