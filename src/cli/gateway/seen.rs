//! Whose a message is and what it was made from, for counts and the log: a team sees which of its templates leaks.
//!
//! Both names come with the message, so that anyone may write there what he likes, PHI included: a name is shown only where it has the form of one and
//! nothing is found in it, and only so many different ones are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Gateway;
use crate::codec::mime;
use crate::gateway::GatewayPolicy;
use crate::kind::Kind;
use crate::metrics;
use crate::scrubber::{About, Scratch, Scrubber, Tenant};

/// Different names that are told apart.
const MAX_NAMES: usize = 500;
/// The longest name, in bytes.
const MAX_BYTES: usize = 64;
/// What stands for a name that is not shown.
const OTHER: &str = "other";
/// What stands where nothing is named.
const NONE: &str = "none";

/// Names that were seen before, and what is shown for them.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<String, Arc<str>>>);

impl Names {
    fn shown(&self, scrubber: &Scrubber, name: Option<&str>) -> Arc<str> {
        let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else { return NONE.into() };
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = known().get(name) {
            return shown.clone();
        }
        // Nobody waits while a name is looked at.
        if name.len() > MAX_BYTES || !is_plain(scrubber, name) {
            return OTHER.into();
        }
        let mut known = known();
        if known.len() >= MAX_NAMES && !known.contains_key(name) {
            return OTHER.into();
        }
        known.entry(name.to_owned()).or_insert_with(|| name.into()).clone()
    }
}

/// Whether a name is made like one and speaks of nobody. Ids of templates look like ids of other things.
fn is_plain(scrubber: &Scrubber, name: &str) -> bool {
    let like_one = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    name.bytes().all(like_one)
        && scrubber.scrub_message(name, About::default(), &mut Scratch::default()).is_ok_and(|message| {
            Kind::ALL.iter().all(|k| *k == Kind::UniqueId || message.findings[*k as usize] == 0)
        })
}

/// Whose a message is and what it was made from.
pub(super) struct Seen {
    channel: &'static str,
    tenant: Arc<str>,
    template: Arc<str>,
}

impl Seen {
    /// Of a mail: the fields of its header that the configuration names.
    pub(super) fn of_mail(
        gateway: &Gateway,
        scrubber: &Scrubber,
        policy: &GatewayPolicy,
        mail: &[u8],
    ) -> Seen {
        let field = |wanted: &str| {
            let mut fields =
                mime::fields(mail).filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
            fields.next().and_then(|(_, value)| std::str::from_utf8(value).ok())
        };
        let tenant = match &gateway.tenant {
            Tenant::Fixed(name) => Some(name.as_str()),
            Tenant::Header(name) => field(name),
            Tenant::Path(_) => None,
        };
        Seen::of(gateway, scrubber, tenant, policy.template_header.as_deref().and_then(field))
    }

    /// Of names that came with a message.
    pub(super) fn of(
        gateway: &Gateway,
        scrubber: &Scrubber,
        tenant: Option<&str>,
        template: Option<&str>,
    ) -> Seen {
        let shown = |name| gateway.names.shown(scrubber, name);
        Seen { channel: gateway.channel, tenant: shown(tenant), template: shown(template) }
    }

    /// Counts a message that held PHI, or that was refused.
    pub(super) fn count(&self) {
        metrics::leaked(self.channel, &self.tenant, &self.template);
    }
}

/// For the end of a line of the log.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.template != NONE {
            write!(f, " (template {})", self.template)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrubber::Settings;

    #[test]
    fn a_name_is_shown_where_it_tells_of_nobody() {
        let names = Names::default();
        let scrubber = Scrubber::new(Settings::new());
        for (name, want) in [
            (Some("appointment-reminder"), "appointment-reminder"),
            (Some(" lab_results.v2 "), "lab_results.v2"),
            (Some("d-f43daeeaef504760851f727007e0b5d0"), "d-f43daeeaef504760851f727007e0b5d0"),
            (Some("219-10-9999"), OTHER),
            (Some("ssn:219-10-9999"), OTHER),
            (Some("maria.lopez@example.org"), OTHER),
            (Some("Maria Lopez"), OTHER),
            (Some("x\ny"), OTHER),
            (Some(""), NONE),
            (None, NONE),
        ] {
            assert_eq!(&*names.shown(&scrubber, name), want, "{name:?}");
        }
    }

    #[test]
    fn names_are_bounded() {
        let names = Names::default();
        let scrubber = Scrubber::new(Settings::new());
        let letters =
            |n: usize| format!("t-{}{}", (b'a' + (n / 26) as u8) as char, (b'a' + (n % 26) as u8) as char);
        for n in 0..MAX_NAMES {
            assert_eq!(&*names.shown(&scrubber, Some(&letters(n))), letters(n));
        }
        assert_eq!(&*names.shown(&scrubber, Some("one-more")), OTHER);
        assert_eq!(&*names.shown(&scrubber, Some(&letters(7))), letters(7));
        let long = "x".repeat(MAX_BYTES + 1);
        assert_eq!(&*Names::default().shown(&scrubber, Some(&long)), OTHER);
    }
}
