//! Short texts: the SMPP proxy, and what decides for it.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use super::tls::{client_config, server_config};
use super::{Gateway, Seen};
use crate::config::{Alphabet, SmppSink, SmppSource};
use crate::gateway::TextFate;
use crate::gateway::judge::{TextJudge, TextVerdict};
use crate::gateway::smpp::{Binary, DefaultAlphabet, Options, Rules, Segments};
use crate::scrubber::About;

/// Asks the policy.
pub(super) struct ShortTextJudge(pub(super) Arc<Gateway>);

impl TextJudge for ShortTextJudge {
    fn judge_text(&self, account: &str, text: &str, fits: &dyn Fn(&str) -> bool) -> TextVerdict {
        let gateway = &*self.0;
        let (scrubber, policy) = (gateway.scrubber.load(), gateway.policy.load());
        let tenant = gateway.tenant_or(account);
        let about = About { tenant: Some(tenant), ..About::default() };
        let decision = gateway
            .with_scratch(text.len(), |scratch| policy.text.decide(&scrubber, text, about, fits, scratch));
        let seen = || {
            let template =
                scrubber.settings().policy.allowed.as_ref().and_then(|a| a.template(text.as_bytes()));
            Seen::of(gateway, &scrubber, Some(tenant), template.map(|t| &*t.name))
        };
        match decision.fate {
            TextFate::Unchanged => {
                gateway.judged(&seen, &decision.findings, false, text.len(), text.len(), None);
                TextVerdict::Unchanged
            }
            TextFate::Replace(new) => {
                gateway.judged(&seen, &decision.findings, true, text.len(), new.len(), None);
                TextVerdict::Replace(new)
            }
            TextFate::Refuse(why) => {
                let _ = gateway.keep(&scrubber, why, text.as_bytes());
                gateway.refused(&seen(), why, text.len());
                TextVerdict::Refuse(why)
            }
            TextFate::TryLater(why) => {
                gateway.waits(why);
                TextVerdict::TryLater(why)
            }
        }
    }
}

/// The SMPP proxy's options.
pub(super) fn smpp_options(source: &SmppSource, sink: &SmppSink, threads: usize) -> Result<Options, String> {
    let mut options = Options::new(&*sink.smsc);
    if let Some((certificate, key)) = &source.tls {
        options.client_tls = Some(server_config(certificate, key, None)?);
    }
    if sink.tls {
        let host = sink.smsc.rsplit_once(':').map_or(&*sink.smsc, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|_| "the SMSC's name is no host name".to_owned())?;
        options.smsc_tls = Some((client_config(sink.ca_file.as_deref(), None)?, name));
    }
    options.rules = Rules {
        default_alphabet: match source.alphabet {
            Alphabet::Gsm7 => DefaultAlphabet::Gsm7,
            Alphabet::Gsm7Packed => DefaultAlphabet::Gsm7Packed,
            Alphabet::Latin1 => DefaultAlphabet::Latin1,
            Alphabet::Ascii => DefaultAlphabet::Ascii,
        },
        binary: if source.binary_allowed { Binary::Allow } else { Binary::Refuse },
        trusted_tlvs: source.trusted_tlvs.clone(),
    };
    options.segments = if source.segments_refused { Segments::Refuse } else { Segments::Reassemble };
    if let Some(seconds) = source.segments_seconds {
        options.timeouts.segments = Duration::from_secs(u64::from(seconds));
    }
    options.memory_budget = source.memory_bytes.unwrap_or(options.memory_budget);
    options.max_sessions = source.max_sessions.unwrap_or(options.max_sessions);
    options.max_judgements = threads;
    Ok(options)
}
