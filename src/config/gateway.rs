//! From what a pipeline file says of a milter, an HTTP proxy and an SMPP proxy to what it means.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::resolve::Resolver;
use super::resolved::{HttpSink, HttpSource, MilterListen, MilterSource, SmppSink, SmppSource};
use super::spec::{self, HttpSinkSpec, HttpSourceSpec, MilterSpec, SmppSinkSpec, SmppSourceSpec, TlsSpec};
use crate::authored::Reader;
use crate::gateway::providers::Provider;

/// The providers that are built in: their names, and the files that say what is text in their requests.
pub(crate) const PROVIDERS: &[(&str, &str)] = &[
    ("twilio", include_str!("../gateway/providers/data/twilio.toml")),
    ("sendgrid", include_str!("../gateway/providers/data/sendgrid.toml")),
    ("mailgun", include_str!("../gateway/providers/data/mailgun.toml")),
    ("postmark", include_str!("../gateway/providers/data/postmark.toml")),
    ("ses", include_str!("../gateway/providers/data/ses.toml")),
    ("sns", include_str!("../gateway/providers/data/sns.toml")),
    ("vonage", include_str!("../gateway/providers/data/vonage.toml")),
    ("sinch", include_str!("../gateway/providers/data/sinch.toml")),
    ("messagebird", include_str!("../gateway/providers/data/messagebird.toml")),
    ("fcm", include_str!("../gateway/providers/data/fcm.toml")),
    ("apns", include_str!("../gateway/providers/data/apns.toml")),
    ("slack", include_str!("../gateway/providers/data/slack.toml")),
    ("generic", include_str!("../gateway/providers/data/generic.toml")),
];

/// A provider that is built in.
#[cfg(test)]
pub(crate) fn builtin_provider(name: &str) -> Option<Provider> {
    let (name, text) = PROVIDERS.iter().find(|(known, _)| *known == name)?;
    provider(name, text).ok()
}

/// Understands a provider's file.
pub(super) fn provider(name: &str, text: &str) -> Result<Provider, Vec<super::Diagnostic>> {
    let reader = Reader::new(format!("provider {name}"), text);
    let provider = reader.parse(text).map(|root| spec::provider(&reader, &reader.root(&root)));
    reader.finish()?;
    provider.ok_or_else(Vec::new)
}

impl Resolver<'_> {
    /// An address to listen on.
    pub(super) fn listens(&self, name: &str, text: &Spanned<String>, example: &str) -> Option<SocketAddr> {
        let parsed = text.get_ref().parse().ok();
        if parsed.is_none() {
            let title = format!("`{name}` must be an IP address and a port");
            self.reader.error(
                text.span(),
                title,
                "not an address",
                Some(format!("for example \"{example}\"")),
            );
        }
        parsed
    }

    /// A server to connect to.
    pub(super) fn host_and_port(&self, name: &str, text: &Spanned<String>, example: &str) -> Option<()> {
        let place = text.get_ref().rsplit_once(':');
        let good = place.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !good {
            let title = format!("`{name}` must be a host and a port");
            self.reader.error(text.span(), title, "no port", Some(format!("for example \"{example}\"")));
        }
        good.then_some(())
    }

    /// Both files or none; `None` after an error.
    #[expect(clippy::option_option, reason = "the outer one is an error's")]
    pub(super) fn tls(&self, spec: &TlsSpec) -> Option<Option<(PathBuf, PathBuf)>> {
        match (&spec.certificate, &spec.key) {
            (Some(certificate), Some(key)) => {
                Some(Some((self.base.join(certificate.get_ref()), self.base.join(key.get_ref()))))
            }
            (None, None) => Some(None),
            (Some(one), None) | (None, Some(one)) => {
                let title = "TLS needs a certificate and its key".to_owned();
                let help = Some("name both: certificate = \"cert.pem\", key = \"key.pem\"".to_owned());
                self.reader.error(one.span(), title, "alone", help);
                None
            }
        }
    }

    pub(super) fn milter(&self, spec: &MilterSpec) -> Option<MilterSource> {
        let listen = spec.listen.as_ref()?;
        let mode = match &spec.mode {
            None => 0o660,
            Some(text) => match u32::from_str_radix(text.get_ref(), 8).ok().filter(|mode| *mode <= 0o777) {
                Some(mode) => mode,
                None => {
                    let title = "`source.milter.mode` must be the mode of a file".to_owned();
                    let help = Some("in octal, as for chmod: mode = \"0660\"".to_owned());
                    self.reader.error(text.span(), title, "not octal", help);
                    return None;
                }
            },
        };
        let listen = match listen.get_ref().strip_prefix("unix:") {
            Some(path) => MilterListen::Unix { path: self.base.join(path), mode },
            None => MilterListen::Tcp(self.listens("source.milter.listen", listen, "127.0.0.1:10034")?),
        };
        Some(MilterSource {
            listen,
            max_message_bytes: spec.max_message_bytes.map(|n| n as usize),
            memory_bytes: spec.memory_bytes.map(|n| n as usize),
            max_connections: spec.max_connections.map(|n| n as usize),
        })
    }

    pub(super) fn http_source(&self, spec: &HttpSourceSpec) -> Option<HttpSource> {
        let listen = spec.listen.as_ref()?;
        let address = self.listens("source.http.listen", listen, "127.0.0.1:10080")?;
        let tls = self.tls(&spec.tls)?;
        if let (Some(ca), None) = (&spec.client_ca_file, &tls) {
            let title = "`client_ca_file` needs a certificate".to_owned();
            let help = Some("name it, and its key: certificate = \"cert.pem\", key = \"key.pem\"".to_owned());
            self.reader.error(ca.span(), title, "clients show theirs in TLS only", help);
            return None;
        }
        let mut provider = match &spec.provider {
            None => provider("generic", "name = \"generic\"").ok()?,
            Some(name) => self.provider(name)?,
        };
        if !spec.has_requests && provider.requests.is_empty() && !spec.api {
            let title = "no request would be let through".to_owned();
            let help = "name a provider: provider = \"twilio\"; or requests, in [[source.http.request]]; or \
                        let others ask, with api = true";
            self.reader.error(listen.span(), title, "for whom?", Some(help.to_owned()));
            return None;
        }
        // What a site says of a request stands above what is built in.
        provider.requests.splice(0..0, spec.requests.iter().cloned());
        if provider.aws_service.is_some()
            && spec.api_keys.is_empty()
            && spec.client_ca_file.is_none()
            && !address.ip().is_loopback()
        {
            let title = "whoever can connect here sends with this process's credentials of AWS".to_owned();
            let help = "let clients show a key, api_keys = [\"file:gateway.key\"], or a certificate, client_ca_file = \"ca.pem\"";
            self.reader.warning(listen.span(), title, "every interface's clients", Some(help.to_owned()));
        }
        let keys: Vec<_> = spec.api_keys.iter().map(|key| self.secret(key)).collect::<Option<_>>()?;
        Some(HttpSource {
            listen: address,
            tls,
            client_ca_file: spec.client_ca_file.as_ref().map(|file| self.base.join(file.get_ref())),
            api_keys: keys,
            api_key_header: spec.api_key_header.as_ref().map(|name| name.get_ref().clone()),
            api: spec.api,
            provider: Box::new(provider),
            max_body_bytes: spec.max_body_bytes.map(|n| n as usize),
            memory_bytes: spec.memory_bytes.map(|n| n as usize),
            max_connections: spec.max_connections.map(|n| n as usize),
        })
    }

    /// A provider that is built in, or one of a file beside the pipeline's.
    fn provider(&self, name: &Spanned<String>) -> Option<Provider> {
        if let Some((name, text)) = PROVIDERS.iter().find(|(known, _)| known == name.get_ref()) {
            return provider(name, text).ok();
        }
        let wrong = |label: &str| {
            let names: Vec<&str> = PROVIDERS.iter().map(|(name, _)| *name).collect();
            let help = format!("one of {}, or a file that ends in .toml", names.join(", "));
            let title = "`source.http.provider` must be one that is known".to_owned();
            self.reader.error(name.span(), title, label, Some(help));
        };
        if Path::new(name.get_ref()).extension().is_none_or(|e| e != "toml") {
            wrong("nobody of that name");
            return None;
        }
        let Ok(text) = super::read_text(&self.base.join(name.get_ref())) else {
            wrong("this file cannot be read");
            return None;
        };
        match provider(name.get_ref(), &text) {
            Ok(provider) => Some(provider),
            Err(found) => {
                wrong(&found.first().map_or_else(|| "not understood".to_owned(), ToString::to_string));
                None
            }
        }
    }

    pub(super) fn http_sink(&self, spec: &HttpSinkSpec, source: &HttpSource) -> Option<HttpSink> {
        let upstream = match (&spec.upstream, &source.provider.upstream, &source.provider.aws_service) {
            (Some(given), ..) => {
                let text = given.get_ref();
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
                if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['?', '#', '@'])) {
                    let title = "`sink.http.upstream` must be an address of HTTP".to_owned();
                    let help = Some("for example \"https://api.example.org\"".to_owned());
                    self.reader.error(given.span(), title, "not one", help);
                    return None;
                }
                text.clone()
            }
            (None, Some(usual), _) => usual.clone(),
            (None, None, Some(service)) if spec.region.is_some() => {
                let host = if service == "ses" { "email" } else { service };
                format!("https://{host}.{}.amazonaws.com", spec.region.as_ref()?.get_ref())
            }
            _ => {
                let title = "it is not said where requests go".to_owned();
                let help = "write [sink.http] upstream = \"https://api.example.org\"; for AWS, region = \"us-east-1\"";
                let span = spec.region.as_ref().or(spec.ca_file.as_ref()).map_or(0..0, Spanned::span);
                self.reader.error(span, title, "no upstream", Some(help.to_owned()));
                return None;
            }
        };
        Some(HttpSink {
            upstream,
            ca_file: spec.ca_file.as_ref().map(|file| self.base.join(file.get_ref())),
            tls: match &spec.tls {
                Some(tls) => self.tls(tls)?,
                None => None,
            },
            region: spec.region.as_ref().map(|region| region.get_ref().clone()),
            timeout_seconds: spec.timeout_seconds,
        })
    }

    pub(super) fn smpp_source(&self, spec: &SmppSourceSpec) -> Option<SmppSource> {
        let tags = spec.trusted_tlvs.iter().map(|text| {
            let hex = text.get_ref().strip_prefix("0x").and_then(|hex| u16::from_str_radix(hex, 16).ok());
            if hex.is_none() {
                let title = "`source.smpp.trusted_tlvs` must be tags".to_owned();
                let help = Some("in hexadecimal: trusted_tlvs = [\"0x1400\"]".to_owned());
                self.reader.error(text.span(), title, "not a tag", help);
            }
            hex
        });
        Some(SmppSource {
            listen: self.listens("source.smpp.listen", spec.listen.as_ref()?, "127.0.0.1:2775")?,
            tls: self.tls(&spec.tls)?,
            alphabet: spec.alphabet,
            binary_allowed: spec.binary_allowed,
            segments_refused: spec.segments_refused,
            segments_seconds: spec.segments_seconds,
            trusted_tlvs: tags.collect::<Option<_>>()?,
            memory_bytes: spec.memory_bytes.map(|n| n as usize),
            max_sessions: spec.max_sessions.map(|n| n as usize),
        })
    }

    pub(super) fn smpp_sink(&self, spec: &SmppSinkSpec) -> Option<SmppSink> {
        let smsc = spec.smsc.as_ref()?;
        self.host_and_port("sink.smpp.smsc", smsc, "smsc.example.org:2775")?;
        if let (Some(ca), false) = (&spec.ca_file, spec.tls) {
            let title = "`sink.smpp.ca_file` goes with tls = true".to_owned();
            self.reader.error(ca.span(), title, "would not be used", Some("write tls = true".to_owned()));
            return None;
        }
        Some(SmppSink {
            smsc: smsc.get_ref().clone(),
            tls: spec.tls,
            ca_file: spec.ca_file.as_ref().map(|file| self.base.join(file.get_ref())),
        })
    }
}
