//! What a file says of a provider's HTTP API, and `[[source.http.request]]`.

use toml::Spanned;

use crate::authored::{Reader, Table};
use crate::gateway::providers::{Body, Provider, Refusal, Request, Role, Route};
use crate::policy::PathPattern;

/// Methods that carry messages.
const METHODS: &[(&str, &str)] = &[("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("GET", "GET")];

/// A provider's file.
pub(in crate::config) fn provider(reader: &Reader, t: &Table<'_>) -> Provider {
    let refusal = t.table("refusal").map(|r| {
        let usual = Refusal::default();
        let refusal = Refusal {
            status: r.integer("status", 400..=599).map_or(usual.status, |n| n as u16),
            content_type: r.string("content_type").map_or(usual.content_type, Spanned::into_inner),
            body: r.string("body").map_or(usual.body, Spanned::into_inner),
        };
        r.finish(&[]);
        refusal
    });
    let text = |key| t.string(key).map(Spanned::into_inner);
    let provider = Provider {
        name: t
            .required_string("name", "name it: name = \"acme\"")
            .map(Spanned::into_inner)
            .unwrap_or_default(),
        upstream: text("upstream"),
        aws_service: text("aws_service"),
        http2: t.boolean("http2").unwrap_or(false),
        idempotency_headers: t
            .strings("idempotency_headers")
            .unwrap_or_default()
            .into_iter()
            .map(Spanned::into_inner)
            .collect(),
        refusal: refusal.unwrap_or_default(),
        requests: requests(reader, t),
    };
    t.finish(&[]);
    provider
}

/// Its requests.
pub(super) fn requests(reader: &Reader, t: &Table<'_>) -> Vec<Request> {
    t.tables("request").iter().filter_map(|r| request(reader, r)).collect()
}

fn request(reader: &Reader, t: &Table<'_>) -> Option<Request> {
    let method = t.one_of("method", METHODS, &[]).map_or("POST", Spanned::into_inner);
    let path = t.required_string(
        "path",
        "write it, with a name in braces for what changes: path = \"/v1/{id}/send\"",
    );
    let body = t.one_of("body", Body::NAMES, &[]).map_or(Body::Json, Spanned::into_inner);
    let mut fields = Vec::new();
    for (list, role) in Role::NAMES {
        fields.extend(patterns(reader, t, list).into_iter().map(|pattern| (pattern, *role)));
    }
    let template = super::policy::path_pattern(reader, t, "template");
    let recipients = patterns(reader, t, "recipients");
    t.finish(&[]);
    let path = path?;
    let route = path.get_ref().parse::<Route>();
    let path = route
        .map_err(|why| {
            let help = Some("path = \"/v1/{id}/send\"".to_owned());
            t.wrong("path", path.span(), "the path of a request", why, help);
        })
        .ok()?;
    Some(Request { method: method.to_owned(), path, body, fields, template, recipients })
}

fn patterns(reader: &Reader, t: &Table<'_>, key: &'static str) -> Vec<PathPattern> {
    let texts = t.strings(key).unwrap_or_default();
    texts.iter().filter_map(|text| super::policy::read_pattern(reader, &t.full_name(key), text)).collect()
}
