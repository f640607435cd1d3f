//! From what a pipeline file says of mail to what it means.

use std::net::SocketAddr;

use super::resolve::Resolver;
use super::resolved::{SmtpSink, SmtpSource};
use super::spec::{RelayTls, SmtpSinkSpec, SmtpSourceSpec, SourceSpec, Spec};
use crate::gateway::MailPolicy;

impl Resolver<'_> {
    /// What is done with mail. A table about mail where none comes, and one about records where mail does, are mistakes.
    pub(super) fn mail(&self, spec: &Spec) -> MailPolicy {
        let is_mail = spec.source.as_ref().is_some_and(|s| matches!(s.get_ref(), SourceSpec::Smtp(_)));
        if let (Some(mail), false, true) = (&spec.mail, is_mail, spec.source.is_some()) {
            let help = Some("it is about mail: read some with [source.smtp]".to_owned());
            self.reader.error(
                mail.span.clone(),
                "[mail] does not go with this source".to_owned(),
                "here",
                help,
            );
        }
        if let (Some(action), true) = (&spec.on_error.action, is_mail) {
            let title = "[on_error] does not go with [source.smtp]".to_owned();
            let help =
                "take it out: a mail that cannot be scanned is refused, and stays with its sender".to_owned();
            self.reader.error(action.span(), title, "not for mail", Some(help));
        }
        if let (Some(format), true) = (&spec.format, is_mail) {
            let title = "`codec.format` does not go with [source.smtp]".to_owned();
            self.reader.error(format.span(), title, "mail is read as mail", Some("take it out".to_owned()));
        }
        spec.mail.as_ref().map(|mail| mail.policy.clone()).unwrap_or_default()
    }

    pub(super) fn smtp_source(&self, spec: &SmtpSourceSpec) -> Option<SmtpSource> {
        let listen = spec.listen.as_ref()?;
        let Ok(address) = listen.get_ref().parse::<SocketAddr>() else {
            let title = "`source.smtp.listen` must be an IP address and a port".to_owned();
            let help = Some("for example \"127.0.0.1:10032\"".to_owned());
            self.reader.error(listen.span(), title, "not an address", help);
            return None;
        };
        let tls = match (&spec.certificate, &spec.key) {
            (Some(certificate), Some(key)) => {
                Some((self.base.join(certificate.get_ref()), self.base.join(key.get_ref())))
            }
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => {
                let title = "TLS needs a certificate and its key".to_owned();
                let help = Some("name both: certificate = \"cert.pem\", key = \"key.pem\"".to_owned());
                self.reader.error(one.span(), title, "alone", help);
                return None;
            }
        };
        if spec.implicit_tls && tls.is_none() {
            let title = "`implicit_tls` needs a certificate".to_owned();
            let help = Some("name it, and its key: certificate = \"cert.pem\", key = \"key.pem\"".to_owned());
            self.reader.error(listen.span(), title, "this would be in clear", help);
            return None;
        }
        Some(SmtpSource {
            listen: address,
            hostname: spec.hostname.clone(),
            tls,
            implicit_tls: spec.implicit_tls,
            max_message_bytes: spec.max_message_bytes.map(|n| n as usize),
            memory_bytes: spec.memory_bytes.map(|n| n as usize),
            max_sessions: spec.max_sessions.map(|n| n as usize),
        })
    }

    pub(super) fn smtp_sink(&self, spec: &SmtpSinkSpec) -> Option<SmtpSink> {
        let relay = spec.relay.as_ref()?;
        let place = relay.get_ref().rsplit_once(':');
        if !place.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
            let title = "`sink.smtp.relay` must be a host and a port".to_owned();
            let help = Some("for example \"127.0.0.1:10028\" or \"smtp.example.org:587\"".to_owned());
            self.reader.error(relay.span(), title, "no port", help);
            return None;
        }
        let auth = match (&spec.user, &spec.password) {
            (Some(user), Some(password)) => Some((user.get_ref().clone(), self.secret(password)?)),
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => {
                let title = "a user needs a password".to_owned();
                let help =
                    Some("name both: user = \"scrubjay\", password = \"file:relay.password\"".to_owned());
                self.reader.error(one.span(), title, "alone", help);
                return None;
            }
        };
        if let (Some(user), RelayTls::None) = (&spec.user, spec.tls) {
            let title = "a password does not go over the network in clear".to_owned();
            let help = Some("write tls = \"starttls\" or tls = \"implicit\"".to_owned());
            self.reader.error(user.span(), title, "without TLS", help);
            return None;
        }
        let ca_file = spec.ca_file.as_ref().map(|file| self.base.join(file.get_ref()));
        Some(SmtpSink { relay: relay.get_ref().clone(), tls: spec.tls, ca_file, auth })
    }
}
