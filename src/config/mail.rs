//! From what a pipeline file says of notifications to what it means.

use std::time::Duration;

use super::resolve::Resolver;
use super::resolved::{SmtpSink, SmtpSource};
use super::spec::{MailSpec, OnErrorWord, RelayTls, SmtpSinkSpec, SmtpSourceSpec, Spec};
use crate::gateway::{AttachmentAction, EncryptedAction, GatewayPolicy};

impl Resolver<'_> {
    /// What is done with notifications. A table about them where none come, and one about records where they do, are mistakes.
    pub(super) fn gateway(&self, spec: &Spec) -> GatewayPolicy {
        let source = spec.source.as_ref();
        let is_gateway = source.is_some_and(|s| s.get_ref().is_gateway());
        let tables = [
            ("mail", spec.mail.as_ref().map(|t| &t.span)),
            ("sms", spec.sms.as_ref().map(|t| &t.span)),
            ("notification", spec.notification.as_ref().map(|t| &t.span)),
        ];
        for (name, span) in tables {
            if let (Some(span), false, true) = (span, is_gateway, source.is_some()) {
                let help = Some("it is about notifications: take some with [source.smtp]".to_owned());
                let title = format!("[{name}] does not go with this source");
                self.reader.error(span.clone(), title, "here", help);
            }
        }
        let quarantines = spec.on_error.key.is_some();
        if let (Some(action), true) = (&spec.on_error.action, is_gateway)
            && *action.get_ref() != OnErrorWord::Quarantine
        {
            let title =
                "a notification that cannot be scanned is refused, and stays with its sender".to_owned();
            let help = "take this out, or write action = \"quarantine\" to keep a sealed copy".to_owned();
            self.reader.error(action.span(), title, "not for notifications", Some(help));
        }
        if let (Some(format), true) = (&spec.format, is_gateway) {
            let title = "`codec.format` does not go with this source".to_owned();
            let help = Some("take it out".to_owned());
            self.reader.error(format.span(), title, "mail is read as mail", help);
        }
        let unused = [
            ("policy.stamp", spec.policy.stamp.is_some(), "a notification is not stamped"),
            ("limits.max_record_bytes", spec.max_record_bytes.is_some(), "its source has a limit of its own"),
        ];
        for (name, given, label) in unused {
            if let (true, true, Some(source)) = (given, is_gateway, source) {
                let title = format!("`{name}` does not go with this source");
                self.reader.error(source.span(), title, label, Some("take it out".to_owned()));
            }
        }
        self.unseen(spec);
        let mut policy = GatewayPolicy::default();
        if let Some(mail) = &spec.mail {
            policy.mail = mail.policy.clone();
            if policy.mail.attachments == AttachmentAction::Quarantine && !quarantines {
                let help = "name the place and the key: [on_error] action = \"quarantine\", \
                            to = { dir = \"quarantine\" }, key = \"file:quarantine.key\"";
                let title = "attachments cannot go into quarantine".to_owned();
                self.reader.error(mail.span.clone(), title, "there is none", Some(help.to_owned()));
            }
        }
        if let Some(sms) = &spec.sms {
            policy.text = sms.policy.clone();
        }
        if let Some(notification) = &spec.notification {
            (policy.mail.dry_run, policy.text.dry_run) = (notification.dry_run, notification.dry_run);
            policy.template_header = notification.template_header.clone();
        }
        policy
    }

    /// Warns of what goes out without having been looked at, or changed.
    fn unseen(&self, spec: &Spec) {
        let warn = |span: &std::ops::Range<usize>, title: &str, label: &str, help: &str| {
            self.reader.warning(span.clone(), title.to_owned(), label, Some(help.to_owned()));
        };
        if let Some(notification) = spec.notification.as_ref().filter(|n| n.dry_run) {
            let help = "the log and the metrics say what would have been done; take it out to have it done";
            warn(
                &notification.span,
                "dry run: every notification goes out as it came",
                "dry_run = true",
                help,
            );
        }
        let Some(MailSpec { span, policy }) = &spec.mail else { return };
        if policy.attachments == AttachmentAction::Allow {
            let help = "attachments = \"strip\" or \"refuse\" lets nothing out that was not looked at";
            warn(span, "attachments that are no text go out unseen", "attachments = \"allow\"", help);
        }
        if policy.encrypted == EncryptedAction::Allow {
            let help = "encrypted = \"refuse\" lets nothing out that was not looked at";
            warn(span, "encrypted mail goes out unseen", "encrypted = \"allow\"", help);
        }
    }

    /// Warns where whoever can connect could send in this process's name.
    pub(super) fn smtp_open(&self, from: &SmtpSourceSpec, source: &SmtpSource, sink: &SmtpSink) {
        let Some(listen) = &from.listen else { return };
        if !source.listen.ip().is_loopback() && sink.auth.is_some() {
            let title = "whoever can connect here sends mail as this relay's user".to_owned();
            let help = Some("listen on 127.0.0.1, or let a firewall say who may connect".to_owned());
            self.reader.warning(listen.span(), title, "every interface's clients", help);
        }
        if sink.relay.parse() == Ok(source.listen) {
            let title = "`sink.smtp.relay` is this proxy itself".to_owned();
            let help = Some("name the server that mail goes on to".to_owned());
            self.reader.error(listen.span(), title, "it would send to itself", help);
        }
    }

    pub(super) fn smtp_source(&self, spec: &SmtpSourceSpec) -> Option<SmtpSource> {
        let listen = spec.listen.as_ref()?;
        let address = self.listens("source.smtp.listen", listen, "127.0.0.1:10032")?;
        let tls = self.tls(&spec.tls)?;
        if spec.implicit_tls && tls.is_none() {
            let title = "`implicit_tls` needs a certificate".to_owned();
            let help = Some("name it, and its key: certificate = \"cert.pem\", key = \"key.pem\"".to_owned());
            self.reader.error(listen.span(), title, "this would be in clear", help);
            return None;
        }
        if let Some(name) = &spec.hostname
            && !is_host_name(name.get_ref())
        {
            let title = "`source.smtp.hostname` must be the name of a host".to_owned();
            let help = Some("hostname = \"scrubjay.example.org\"".to_owned());
            self.reader.error(name.span(), title, "letters, digits, `-` and `.`", help);
            return None;
        }
        if let (Some(longest), Some(memory)) = (spec.max_message_bytes, spec.memory_bytes)
            && memory < longest
        {
            let title = "`source.smtp.memory_bytes` is less than the longest message".to_owned();
            let help = Some("make it a few times as much as max_message_bytes".to_owned());
            self.reader.error(listen.span(), title, "it could never be taken", help);
            return None;
        }
        Some(SmtpSource {
            listen: address,
            hostname: spec.hostname.as_ref().map(|name| name.get_ref().clone()),
            tls,
            implicit_tls: spec.implicit_tls,
            max_message_bytes: spec.max_message_bytes.map(|n| n as usize),
            memory_bytes: spec.memory_bytes.map(|n| n as usize),
            max_sessions: spec.max_sessions.map(|n| n as usize),
        })
    }

    pub(super) fn smtp_sink(&self, spec: &SmtpSinkSpec) -> Option<SmtpSink> {
        let relay = spec.relay.as_ref()?;
        self.host_and_port("sink.smtp.relay", relay, "smtp.example.org:587")?;
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
        if let (Some(ca), RelayTls::None) = (&spec.ca_file, spec.tls) {
            let title = "`sink.smtp.ca_file` goes with TLS".to_owned();
            let help = Some("write tls = \"starttls\" or tls = \"implicit\"".to_owned());
            self.reader.error(ca.span(), title, "would not be used", help);
            return None;
        }
        let ca_file = spec.ca_file.as_ref().map(|file| self.base.join(file.get_ref()));
        let idle = spec.idle_seconds.map(Duration::from_secs);
        Some(SmtpSink { relay: relay.get_ref().clone(), tls: spec.tls, ca_file, auth, idle })
    }
}

/// A name as it stands in a greeting: RFC 5321, 4.1.2.
fn is_host_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'[' | b']' | b':');
    (1..=255).contains(&text.len()) && text.bytes().all(legal)
}
