//! What is text in the requests of a provider's HTTP API, and what becomes of it.
//!
//! ```text
//! route -> body as a JSON document -> texts, subjects, mails: each by its policy -> everything else: as a record -> body
//! ```
//!
//! A provider is data: a list of requests, each with the fields that are something special. What no list names is scanned like a record of
//! a stream, so that a field that was forgotten costs a marker in the wrong place, not a leak. A request that no list names and that has a body is refused.

mod form;
mod json;
mod multipart;
mod route;

#[cfg(test)]
mod tests;

pub use route::Route;

use serde::de::IgnoredAny;

use super::GatewayPolicy;
use crate::kind::{Kind, KindSet};
use crate::policy::{Action, PathPattern, Recipient, Rule};
use crate::scrubber::{About, Halt, Scratch, Scrubber, Settings};

/// The API of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name in configuration.
    pub name: String,
    /// Where it is, unless the sink says otherwise.
    pub upstream: Option<String>,
    /// The AWS service whose signature (SigV4) is made anew.
    pub aws_service: Option<String>,
    /// Requests that bear one of these headers may be sent again.
    pub idempotency_headers: Vec<String>,
    /// Whether it must be spoken to in HTTP/2.
    pub http2: bool,
    /// How it says that a request is refused.
    pub refusal: Refusal,
    /// The requests that carry messages.
    pub requests: Vec<Request>,
}

/// How a request is refused: as the provider would, so that its client libraries understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status, 400 or above.
    pub status: u16,
    /// The type of the body.
    pub content_type: String,
    /// The body; `{why}` stands for a fixed phrase.
    pub body: String,
}

impl Default for Refusal {
    fn default() -> Refusal {
        Refusal {
            status: 422,
            content_type: "application/json".to_owned(),
            body: r#"{"error":"{why}"}"#.to_owned(),
        }
    }
}

/// One kind of request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: Route,
    /// How its body is written.
    pub body: Body,
    /// What is special in it; what comes first counts.
    pub fields: Vec<(PathPattern, Role)>,
    /// Where the name of the template stands, for counts.
    pub template: Option<PathPattern>,
    /// Where it stands whom the message goes to: names and addresses.
    pub recipients: Vec<PathPattern>,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded` or `multipart/form-data`: fields are members of one object then.
    Form,
}

impl Body {
    /// All of them by their names in files.
    pub const NAMES: &'static [(&'static str, Body)] = &[("json", Body::Json), ("form", Body::Form)];
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Addresses, numbers, ids, settings: it stays. Words in it must tell of nobody, or the request is refused.
    Keep,
    /// A short text, by the policy for those.
    Text,
    /// The subject of a mail.
    Subject,
    /// HTML, or text of the type that stands beside it. A field that no list names is read so where it has markup.
    Html,
    /// A whole mail in base64.
    Mail,
    /// The address of something that is shown: one of the links that are allowed, or the request is refused.
    Link,
    /// Text in base64. A field that no list names is taken for one where it is.
    Encoded,
    /// A field of addresses as in a mail: addresses stay, display names do not.
    Addresses,
    /// What is attached, in base64; its type stands beside it, in a field `type`, `ContentType`, `content_type` or `contentType`.
    Attachment,
}

impl Role {
    /// All of them by the names of their lists in files.
    pub const NAMES: &'static [(&'static str, Role)] = &[
        ("keep", Role::Keep),
        ("text", Role::Text),
        ("subject", Role::Subject),
        ("html", Role::Html),
        ("mail", Role::Mail),
        ("base64", Role::Encoded),
        ("link", Role::Link),
        ("addresses", Role::Addresses),
        ("attachment", Role::Attachment),
    ];
}

/// A request as it came.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, as it stands in the request.
    pub path: &'a str,
    /// What stands behind the question mark.
    pub query: Option<&'a str>,
    /// `Content-Type`.
    pub content_type: &'a str,
    /// The body, not compressed.
    pub body: &'a [u8],
}

/// What becomes of a request.
#[derive(PartialEq, Eq, Default)]
pub struct Judged {
    /// The new body; `None` where it stays.
    pub body: Option<Vec<u8>>,
    /// The new query; `None` where it stays.
    pub query: Option<String>,
    /// Findings that were acted upon, by kind; in a dry run those that would have been.
    pub findings: Findings,
    /// It does not go out, and why: a fixed phrase.
    pub refused: Option<&'static str>,
    /// It cannot be told now whether it may, and why.
    pub try_later: Option<&'static str>,
    /// Why it would have been refused, in a dry run.
    pub overlooked: Option<&'static str>,
    /// Something was taken out that belongs into quarantine.
    pub keep: bool,
    /// Whose it is: what stood in the path's place `{tenant}`.
    pub tenant: Option<String>,
    /// The template that it was made from.
    pub template: Option<String>,
    /// Whether a list names the request: else it carries no message.
    pub is_message: bool,
}

/// Counts by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings(pub Box<[u64; Kind::COUNT]>);

impl Default for Findings {
    fn default() -> Findings {
        Findings(Box::new([0; Kind::COUNT]))
    }
}

impl Findings {
    fn add(&mut self, more: &[u64; Kind::COUNT]) {
        self.0.iter_mut().zip(more).for_each(|(sum, n)| *sum += n);
    }

    /// All of them.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// A request does not go out, and why: a fixed phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Refuse(&'static str),
    TryLater(&'static str),
}

impl From<&'static str> for Stop {
    fn from(why: &'static str) -> Stop {
        Stop::Refuse(why)
    }
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Stop {
        if halt.for_all { Stop::TryLater(halt.reason) } else { Stop::Refuse(halt.reason) }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const NOT_UTF_8: &str = "a field is no UTF-8, and cannot be scanned";
const UNKNOWN: &str = "this request is not one that the gateway knows; name it in [[source.http.request]]";
const OTHER_TYPE: &str = "its body is of another type than this request has, and cannot be scanned";
const NO_JSON: &str = "its body is no JSON, and can be read in more than one way";
const AMZ_JSON_0: &str = "application/x-amz-json-1.0";
const AMZ_JSON_1: &str = "application/x-amz-json-1.1";
const IN_QUERY: &str = "its address holds what may not go out";

/// A provider with a scrubber for each of its requests.
pub struct Profile {
    provider: Provider,
    scrubber: Scrubber,
    /// Scrubs what is nothing special in a request.
    rests: Vec<Scrubber>,
}

impl Profile {
    /// For a provider, with these settings for all that is scanned.
    pub fn new(provider: Provider, settings: &Settings) -> Profile {
        let rest = |request: &Request| {
            // Each text is looked at once: what is special has been.
            let keep = |(path, _): &(PathPattern, Role)| Rule {
                kinds: KindSet::ALL,
                path: Some(path.clone()),
                min_confidence: 0.0,
                action: Action::Keep,
            };
            let mut settings = settings.clone();
            settings.policy.rules.splice(0..0, request.fields.iter().map(keep));
            Scrubber::new(settings)
        };
        let rests = provider.requests.iter().map(rest).collect();
        Profile { scrubber: Scrubber::new(settings.clone()), rests, provider }
    }

    /// The provider.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Decides on a request.
    pub fn judge(
        &self,
        policy: &GatewayPolicy,
        incoming: Incoming<'_>,
        tenant: Option<&str>,
        scratch: &mut Scratch,
    ) -> Judged {
        let mut judged = Judged::default();
        // What would be done is found out first.
        let mut firm = policy.clone();
        (firm.mail.dry_run, firm.text.dry_run) = (false, false);
        let decided = self.decide(&firm, incoming, tenant, scratch, &mut judged);
        match decided {
            Err(Stop::Refuse(why) | Stop::TryLater(why)) if policy.text.dry_run => {
                judged.overlooked = Some(why)
            }
            Err(Stop::Refuse(why)) => judged.refused = Some(why),
            Err(Stop::TryLater(why)) => judged.try_later = Some(why),
            Ok(()) => {}
        }
        if policy.text.dry_run || decided.is_err() {
            (judged.body, judged.query, judged.keep) = (None, None, false);
        }
        judged
    }

    fn decide(
        &self,
        policy: &GatewayPolicy,
        incoming: Incoming<'_>,
        tenant: Option<&str>,
        scratch: &mut Scratch,
        judged: &mut Judged,
    ) -> Result<(), Stop> {
        let Incoming { method, path, query, content_type, body } = incoming;
        let named = self.provider.requests.iter().zip(&self.rests).find_map(|(request, rest)| {
            let places = request.path.matches(path).filter(|_| request.method == method)?;
            Some((request, rest, places))
        });
        let Some((request, rest, places)) = named else {
            return match body {
                [] => self.query_of_another(query, scratch, judged),
                _ => Err(UNKNOWN.into()),
            };
        };
        judged.is_message = true;
        judged.tenant = places;
        let tenant = tenant.or(judged.tenant.as_deref()).map(str::to_owned);
        let mut rewriter = json::Rewriter {
            scrubber: &self.scrubber,
            rest,
            policy,
            request,
            scratch,
            about: About { tenant: tenant.as_deref(), recipient: Recipient::Unknown },
            findings: &mut judged.findings,
            keep: false,
            template: None,
            types: Default::default(),
        };
        let queried =
            query.filter(|q| !q.is_empty()).map(|query| rewriter.form(query.as_bytes())).transpose()?;
        judged.query = queried.flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (media, _) = media_type(content_type);
        let is_json = media == "application/json" || media == "text/json" || media.ends_with("+json");
        judged.body = match request.body {
            _ if body.is_empty() => None,
            // What AWS calls it, and what a library sends that does not know better; Apple's own example has the type of a form.
            Body::Json
                if is_json || matches!(&*media, "" | "text/plain" | FORM | AMZ_JSON_0 | AMZ_JSON_1) =>
            {
                rewriter.json(valid(body)?)?
            }
            Body::Form if media == FORM => rewriter.form(body)?,
            Body::Form if media == "multipart/form-data" => rewriter.multipart(content_type, body)?,
            // Several providers take either.
            Body::Form if is_json => rewriter.json(valid(body)?)?,
            _ => return Err(OTHER_TYPE.into()),
        };
        (judged.keep, judged.template) = (rewriter.keep, rewriter.template);
        Ok(())
    }

    /// A request without a body that no list names asks for something. It may name a number, an address or a time to ask by, but
    /// tell of nobody.
    fn query_of_another(
        &self,
        query: Option<&str>,
        scratch: &mut Scratch,
        judged: &mut Judged,
    ) -> Result<(), Stop> {
        const ASKED_BY: KindSet = KindSet::EMPTY
            .with(Kind::Phone)
            .with(Kind::Fax)
            .with(Kind::Email)
            .with(Kind::Date)
            .with(Kind::Url)
            .with(Kind::Ip)
            .with(Kind::UniqueId)
            .with(Kind::Zip)
            .with(Kind::Age);
        for (name, value) in form::decode(query.unwrap_or_default().as_bytes()).ok_or(NOT_UTF_8)? {
            let text = format!("{name}: {value}");
            let message = self.scrubber.scrub_message(&text, About::default(), scratch)?;
            if Kind::ALL.iter().any(|k| !ASKED_BY.contains(*k) && message.findings[*k as usize] > 0) {
                judged.findings.add(&message.findings);
                return Err(IN_QUERY.into());
            }
        }
        Ok(())
    }
}

/// A body that is JSON in UTF-8: what another reader takes for something else was not read.
fn valid(body: &[u8]) -> Result<&[u8], &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| NO_JSON)?;
    serde_json::from_str::<IgnoredAny>(text).map(|_| body).map_err(|_| NO_JSON)
}

/// The media type in lower case, and its parameters.
fn media_type(content_type: &str) -> (String, &str) {
    let (media, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    (media.trim().to_ascii_lowercase(), parameters)
}
