//! `POST /v1/scrub` and `POST /v1/scan`, for code that wants to ask.
//!
//! A body of type `application/json` is read as JSON, `message/rfc822` as a mail, anything else of type `text/...` as text; `/v1/scrub?as=sms` treats
//! text as a short message.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};

use super::http::body_type;
use super::{Gateway, Seen};
use crate::cli::scan::reported;
use crate::codec::Format;
use crate::gateway::http::Asked;
use crate::gateway::{Decision, TextFate};
use crate::scrubber::{About, DROPPED, Scrubber};

/// What was found in a body, and what it became.
struct Done {
    body: Vec<u8>,
    findings: u64,
}

/// Why there is no answer: a status, and a fixed phrase.
type Refused = (StatusCode, &'static str);

/// What is said to what is no question, where only questions are answered.
pub(super) fn nothing_here() -> Response<Vec<u8>> {
    let body = b"{\"error\":\"ask with POST /v1/scrub or POST /v1/scan\"}".to_vec();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The answer to a question; `None` where it is none.
pub(super) fn answer(gateway: &Gateway, scrubber: &Scrubber, asked: &Asked) -> Option<Response<Vec<u8>>> {
    let path = asked.uri.path();
    if !matches!(path, "/v1/scrub" | "/v1/scan") {
        return None;
    }
    let answered = match (&asked.method, path) {
        (&Method::POST, "/v1/scrub") => scrub(gateway, scrubber, asked),
        (&Method::POST, _) => scan(scrubber, asked),
        _ => Err((StatusCode::METHOD_NOT_ALLOWED, "ask with POST")),
    };
    let (status, of, done) = match answered {
        Ok((of, done)) => (StatusCode::OK, of, done),
        Err((status, why)) => {
            let body = format!("{{\"error\":\"{why}\"}}").into_bytes();
            (status, "application/json".to_owned(), Done { body, findings: 0 })
        }
    };
    let mut response = Response::new(done.body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(of) = HeaderValue::from_str(&of) {
        headers.insert(CONTENT_TYPE, of);
    }
    if status == StatusCode::OK {
        headers.insert("x-scrubjay-findings", HeaderValue::from(done.findings));
    }
    Some(response)
}

/// What a body is read as.
fn format(asked: &Asked) -> Result<(String, Format), Refused> {
    let unsupported =
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json, message/rfc822 or text, in UTF-8");
    let of = body_type(asked).map_err(|_| unsupported)?;
    let (media, parameters) = of.split_once(';').unwrap_or((of, ""));
    let utf_8 = parameters.trim().is_empty()
        || parameters.to_ascii_lowercase().replace('"', "").trim() == "charset=utf-8";
    let format = match &*media.trim().to_ascii_lowercase() {
        "application/json" => Format::Json,
        "message/rfc822" => Format::Mime,
        "" => Format::Plain,
        media if media.starts_with("text/") => Format::Plain,
        _ => return Err(unsupported),
    };
    let of = if of.is_empty() { "text/plain; charset=utf-8" } else { of };
    // Of the charset of a mail the mail itself tells.
    if utf_8 || format == Format::Mime { Ok((of.to_owned(), format)) } else { Err(unsupported) }
}

fn utf_8(body: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(body).map_err(|_| (StatusCode::BAD_REQUEST, "the text is no UTF-8"))
}

fn scrub(gateway: &Gateway, scrubber: &Scrubber, asked: &Asked) -> Result<(String, Done), Refused> {
    let (of, format) = format(asked)?;
    let policy = gateway.policy.load();
    let refused = |why| (StatusCode::UNPROCESSABLE_ENTITY, why);
    let later = |why| (StatusCode::SERVICE_UNAVAILABLE, why);
    let body = &asked.body;
    let done = gateway.with_scratch(body.len(), |scratch| match format {
        Format::Mime => match policy.mail.decide(scrubber, body, scratch) {
            Decision::Forward { mail, findings, .. } => Ok((mail.unwrap_or_else(|| body.clone()), findings)),
            Decision::Refuse(why) => Err(refused(why)),
            Decision::TryLater(why) => Err(later(why)),
        },
        Format::Json => match scrubber.scrub_json(body, About::default(), scratch) {
            Ok(done) => Ok((done.bytes.unwrap_or_else(|| body.clone()), Box::new(done.findings))),
            Err(halt) if halt.for_all => Err(later(halt.reason)),
            Err(halt) => Err(refused(halt.reason)),
        },
        Format::Plain | Format::Auto if asked.uri.query() == Some("as=sms") => {
            let text = utf_8(body)?;
            let fits = |new: &str| new.chars().count() <= text.chars().count().max(160);
            let decided = policy.text.decide(scrubber, text, About::default(), &fits, scratch);
            match decided.fate {
                TextFate::Unchanged => Ok((body.clone(), decided.findings)),
                TextFate::Replace(new) => Ok((new.into_bytes(), decided.findings)),
                TextFate::Refuse(why) => Err(refused(why)),
                TextFate::TryLater(why) => Err(later(why)),
            }
        }
        Format::Plain | Format::Auto => {
            let text = utf_8(body)?;
            match scrubber.scrub_message(text, About::default(), scratch) {
                Ok(message) if message.dropped => Err(refused(DROPPED)),
                Ok(message) => Ok((message.apply(text).into_bytes(), Box::new(message.findings))),
                Err(halt) if halt.for_all => Err(later(halt.reason)),
                Err(halt) => Err(refused(halt.reason)),
            }
        }
    });
    let seen = || Seen::of(gateway, scrubber, Some(gateway.tenant_or("")), None);
    match done {
        Ok((new, findings)) => {
            gateway.judged(&seen, &findings, new != *body, body.len(), new.len(), None);
            Ok((of, Done { body: new, findings: findings.iter().sum() }))
        }
        Err((status, why)) => {
            gateway.refused(&seen(), why, body.len());
            Err((status, why))
        }
    }
}

/// The findings as `scrubjay scan --format jsonl` writes them; the text is not among them. Of a mail, offsets count its texts one after
/// the other.
fn scan(scrubber: &Scrubber, asked: &Asked) -> Result<(String, Done), Refused> {
    let (_, format) = format(asked)?;
    let mut settings = scrubber.settings().clone();
    settings.codec.format = format;
    let (body, findings) = reported(&Scrubber::new(settings), &asked.body)
        .map_err(|halt| (StatusCode::UNPROCESSABLE_ENTITY, halt.reason))?;
    Ok(("application/json".to_owned(), Done { body, findings }))
}
