//! `[notification]` and `[sms]`.

use std::ops::Range;

use toml::Spanned;

use super::mail::safe_text;
use crate::authored::Table;
use crate::gateway::{TextAction, TextPolicy};
use crate::policy::{Allowed, LinkPattern, Template};

/// `[notification]`
pub(in crate::config) struct NotificationSpec {
    pub(in crate::config) span: Range<usize>,
    pub(in crate::config) dry_run: bool,
    pub(in crate::config) allowed: Allowed,
    pub(in crate::config) template_header: Option<String>,
}

/// `[sms]`
pub(in crate::config) struct SmsSpec {
    pub(in crate::config) span: Range<usize>,
    pub(in crate::config) policy: TextPolicy,
}

pub(super) fn notification(t: &Table<'_>) -> NotificationSpec {
    let links = t.strings("links").unwrap_or_default();
    let links = links.iter().filter_map(|link| {
        let read = link.get_ref().parse::<LinkPattern>();
        read.map_err(|why| {
            let help = Some("links = [\"https://portal.example.org/m/{id}\"]".to_owned());
            t.wrong("links", link.span(), "a list of links", why, help);
        })
        .ok()
    });
    let allowed = Allowed {
        links: links.collect(),
        templates: t.tables("template").iter().filter_map(template).collect(),
        greeting: t.boolean("greeting").unwrap_or(false),
    };
    let spec = NotificationSpec {
        span: t.span(),
        dry_run: t.boolean("dry_run").unwrap_or(false),
        allowed,
        template_header: t.string("template_header").map(Spanned::into_inner),
    };
    t.finish(&[]);
    spec
}

fn template(t: &Table<'_>) -> Option<Template> {
    let name = t.required_string("name", "name it, for the counts: name = \"reminder\"");
    let text = t.required_string("text", "write it, with a name in braces for what changes: text = \"...\"");
    t.finish(&[]);
    let (name, text) = (name?, text?);
    Template::new(name.into_inner(), text.get_ref())
        .map_err(|why| {
            let help = Some("text = \"Your visit is on {date}. Call 555-0100 to change it.\"".to_owned());
            t.wrong("text", text.span(), "a text with places in it", why, help);
        })
        .ok()
}

pub(super) fn sms(t: &Table<'_>) -> SmsSpec {
    let usual = TextPolicy::default();
    let spec = SmsSpec {
        span: t.span(),
        policy: TextPolicy {
            phi: t.one_of("phi", TextAction::NAMES, &[]).map(Spanned::into_inner).unwrap_or_default(),
            template: safe_text(t, "template").unwrap_or(usual.template),
            dry_run: false,
        },
    };
    t.finish(&[]);
    spec
}
