//! Reads any bytes as the body of a request to a provider, in every way one can be written; what goes out is clean on a second look.
//!
//! The first byte says how the body is written.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use scrubjay::gateway::providers::{Body, Incoming, Profile, Provider, Refusal, Request, Role};
use scrubjay::gateway::{GatewayPolicy, MailPolicy, SubjectAction, TextAction, TextPolicy};
use scrubjay::policy::{PathPattern, Policy, Profile as Stance};
use scrubjay::scrubber::{Scratch, Settings};

const TYPES: [&str; 4] =
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", ""];

fn profile() -> Profile {
    let roles = [
        ("$.to", Role::Keep),
        ("$.text", Role::Text),
        ("$.subject", Role::Subject),
        ("$.html", Role::Html),
        ("$.mail", Role::Mail),
        ("$.from", Role::Addresses),
        ("$.files[*].content", Role::Attachment),
    ];
    let fields: Vec<(PathPattern, Role)> =
        roles.iter().map(|(path, role)| (path.parse().expect("a pattern"), *role)).collect();
    let request = |body| Request {
        method: if body == Body::Json { "POST" } else { "PUT" }.to_owned(),
        path: "/send".parse().expect("a route"),
        body,
        fields: fields.clone(),
        template: None,
        recipients: vec!["$.to".parse().expect("a pattern")],
    };
    let provider = Provider {
        name: "fuzz".to_owned(),
        upstream: None,
        aws_service: None,
        idempotency_headers: Vec::new(),
        http2: false,
        refusal: Refusal::default(),
        requests: vec![request(Body::Json), request(Body::Form)],
    };
    let policy = Policy { profile: Stance::Notification, ..Policy::default() };
    Profile::new(provider, &Settings { policy, ..Settings::new() })
}

thread_local! {
    static PROFILE: (Profile, RefCell<Scratch>) = (profile(), RefCell::default());
}

fn incoming(how: u8, body: &[u8]) -> Incoming<'_> {
    Incoming {
        method: if how & 4 == 0 { "POST" } else { "PUT" },
        path: "/send",
        query: None,
        content_type: TYPES[usize::from(how & 3)],
        body,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((how, body)) = data.split_first() else { return };
    let policy = GatewayPolicy {
        mail: MailPolicy { subject: SubjectAction::Redact, ..MailPolicy::default() },
        text: TextPolicy { phi: TextAction::Redact, ..TextPolicy::default() },
        ..GatewayPolicy::default()
    };
    PROFILE.with(|(profile, scratch)| {
        let scratch = &mut scratch.borrow_mut();
        let first = profile.judge(&policy, incoming(*how, body), None, scratch);
        assert!(first.body.is_none() || first.refused.is_none(), "what is refused has no new body");
        if let Some(out) = first.body {
            let again = profile.judge(&policy, incoming(*how, &out), None, scratch);
            // What one edit brought together may be found only then; it converges.
            if let Some(out) = again.body {
                let third = profile.judge(&policy, incoming(*how, &out), None, scratch);
                assert!(third.refused.is_none() || again.refused.is_none());
            }
        }
    });
});
