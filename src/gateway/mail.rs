//! Whether a mail goes out, and how.
//!
//! ```text
//! take parts out -> scrub -> can all of it be scanned? -> may what was touched be touched? -> the mail that goes out
//! ```
//!
//! What cannot be scanned does not go out, unless the policy names its sort. A refusal says why, in fixed words.

use super::text::SAFE_TEXT;
use crate::codec::mime::{self, Role, Unscannable};
use crate::kind::Kind;
use crate::policy::Recipient;
use crate::scrubber::{DROPPED, Scratch, Scrubber};

/// What is done with a mail, beside what its profile does with findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailPolicy {
    /// PHI in the subject.
    pub subject: SubjectAction,
    /// What stands for such a subject under [`SubjectAction::Template`].
    pub subject_template: String,
    /// What is attached and is no text.
    pub attachments: AttachmentAction,
    /// What is encrypted: S/MIME, PGP.
    pub encrypted: EncryptedAction,
    /// PHI in a part that is signed.
    pub signed: SignedAction,
    /// PHI in a mail whose header is signed.
    pub dkim: DkimAction,
    /// Every mail goes out as it came; what would have been done is counted.
    pub dry_run: bool,
}

impl Default for MailPolicy {
    fn default() -> MailPolicy {
        MailPolicy {
            subject: SubjectAction::default(),
            subject_template: SAFE_TEXT.to_owned(),
            attachments: AttachmentAction::default(),
            encrypted: EncryptedAction::default(),
            signed: SignedAction::default(),
            dkim: DkimAction::default(),
            dry_run: false,
        }
    }
}

macro_rules! actions {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them by their configuration names.
            pub const NAMES: &'static [(&'static str, $name)] = &[$(($word, $name::$variant),)*];
        }
    };
}

actions! {
    /// What is done with PHI in a subject.
    SubjectAction {
        /// The template takes the place of the whole subject.
        #[default]
        Template "template",
        /// Markers take its place.
        Redact "redact",
        /// The mail is refused.
        Refuse "refuse",
    }
}

actions! {
    /// What is done with an attachment that is no text.
    AttachmentAction {
        /// The mail is refused.
        #[default]
        Refuse "refuse",
        /// A note takes its place.
        Strip "strip",
        /// A note takes its place, and the mail as it came goes into quarantine, sealed.
        Quarantine "quarantine",
        /// It goes out unseen.
        Allow "allow",
    }
}

actions! {
    /// What is done with a mail that is encrypted.
    EncryptedAction {
        /// It is refused.
        #[default]
        Refuse "refuse",
        /// It goes out unseen.
        Allow "allow",
    }
}

actions! {
    /// What is done with PHI in a part that a signature in the mail covers.
    SignedAction {
        /// The mail is refused.
        #[default]
        Refuse "refuse",
        /// It is redacted, and the signature does not fit any more.
        Redact "redact",
    }
}

actions! {
    /// What is done with PHI in a mail whose header has a signature over all of it.
    DkimAction {
        /// The mail is refused: sign behind the scrubber.
        #[default]
        Refuse "refuse",
        /// The signature is taken out.
        Strip "strip",
    }
}

/// What becomes of a mail.
#[derive(PartialEq, Eq)]
pub enum Decision {
    /// It goes out.
    Forward {
        /// All of it; `None` where nothing was replaced, and it goes out as it came.
        mail: Option<Vec<u8>>,
        /// Findings that were acted upon, by kind; in a dry run those that would have been.
        findings: Box<[u64; Kind::COUNT]>,
        /// Something was taken out that belongs into quarantine: to be kept before the mail goes out.
        keep: bool,
        /// Why it would have been refused, in a dry run.
        overlooked: Option<&'static str>,
    },
    /// It does not go out, and why: a fixed phrase.
    Refuse(&'static str),
    /// It cannot be told now, and why: the sender is to try later.
    TryLater(&'static str),
}

/// Only what was decided: the mail is not for showing.
impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Decision::Forward { mail, overlooked, .. } => {
                write!(f, "Forward({:?} bytes, {overlooked:?})", mail.as_ref().map(Vec::len))
            }
            Decision::Refuse(why) => write!(f, "Refuse({why})"),
            Decision::TryLater(why) => write!(f, "TryLater({why})"),
        }
    }
}

impl MailPolicy {
    /// Decides on a mail.
    pub fn decide(&self, scrubber: &Scrubber, mail: &[u8], scratch: &mut Scratch) -> Decision {
        let greets = scrubber.settings().policy.allowed.as_ref().is_some_and(|allowed| allowed.greeting);
        let recipient = if greets { recipient(mail) } else { Recipient::default() };
        self.decide_for(scrubber, mail, recipient, scratch)
    }

    /// The same for a part of a message of which it is known whom it goes to.
    pub(super) fn decide_for(
        &self,
        scrubber: &Scrubber,
        mail: &[u8],
        recipient: Recipient,
        scratch: &mut Scratch,
    ) -> Decision {
        match self.judge(scrubber, mail, recipient, scratch) {
            decided if !self.dry_run => decided,
            Decision::Forward { findings, .. } => {
                Decision::Forward { mail: None, findings, keep: false, overlooked: None }
            }
            Decision::Refuse(why) | Decision::TryLater(why) => {
                let findings = Box::new([0; Kind::COUNT]);
                Decision::Forward { mail: None, findings, keep: false, overlooked: Some(why) }
            }
        }
    }

    fn judge(
        &self,
        scrubber: &Scrubber,
        original: &[u8],
        recipient: Recipient,
        scratch: &mut Scratch,
    ) -> Decision {
        let strips = matches!(self.attachments, AttachmentAction::Strip | AttachmentAction::Quarantine);
        let mut mail = if strips { mime::without_opaque_parts(original) } else { None };
        let keep = mail.is_some() && self.attachments == AttachmentAction::Quarantine;
        let done = match scrubber.scrub_mail(mail.as_deref().unwrap_or(original), recipient, scratch) {
            Ok(done) => done,
            Err(halt) if halt.for_all => return Decision::TryLater(halt.reason),
            Err(halt) => return Decision::Refuse(halt.reason),
        };
        if done.dropped {
            return Decision::Refuse(DROPPED);
        }
        if let Some(why) = done.facts.unscannable.iter().find_map(|what| self.refuses(*what)) {
            return Decision::Refuse(why);
        }
        let findings = Box::new(done.findings);
        let Some(mut changed) = done.bytes else {
            // A note in place of an attachment breaks a signature over the header like any edit.
            if let (Some(stripped), true) = (&mail, done.facts.dkim) {
                match self.dkim {
                    DkimAction::Refuse => return Decision::Refuse(SIGNED_HEADER),
                    DkimAction::Strip => mail = Some(mime::without_signatures(stripped)),
                }
            }
            return Decision::Forward { mail, findings, keep, overlooked: None };
        };
        if done.touched.signed && self.signed == SignedAction::Refuse {
            return Decision::Refuse("a signed part holds what may not go out, and cannot be changed");
        }
        if done.touched.roles.contains(&Role::Subject) {
            match self.subject {
                SubjectAction::Redact => {}
                SubjectAction::Refuse => return Decision::Refuse("the subject holds what may not go out"),
                SubjectAction::Template => changed = mime::with_subject(&changed, &self.subject_template),
            }
        }
        if done.facts.dkim {
            match self.dkim {
                DkimAction::Refuse => return Decision::Refuse(SIGNED_HEADER),
                DkimAction::Strip => changed = mime::without_signatures(&changed),
            }
        }
        Decision::Forward { mail: Some(changed), findings, keep, overlooked: None }
    }

    /// Why a mail with something in it that cannot be scanned is refused, if it is.
    fn refuses(&self, what: Unscannable) -> Option<&'static str> {
        match what {
            Unscannable::Opaque if self.attachments == AttachmentAction::Allow => None,
            Unscannable::Opaque => Some(OPAQUE),
            Unscannable::Encrypted if self.encrypted == EncryptedAction::Allow => None,
            Unscannable::Encrypted => Some("it is encrypted, and cannot be scanned"),
            Unscannable::Ambiguous => Some("its structure can be read in more than one way"),
            Unscannable::Encoding => Some("a transfer encoding is unknown or broken"),
            Unscannable::Charset => Some("a character set cannot be read"),
            Unscannable::TooDeep => Some("it has too many parts, or parts in parts"),
        }
    }
}

/// Why a mail with something attached that is no text is refused.
pub(super) const OPAQUE: &str = "an attachment is no text, and cannot be scanned";
const SIGNED_HEADER: &str = "it is signed (DKIM) and holds what may not go out; sign it behind the scrubber";

/// The words of whom a mail is for, by its only `To` field; none where it is for several, or nobody is named.
fn recipient(mail: &[u8]) -> Recipient {
    let mut fields = mime::fields(mail)
        .filter(|(name, _)| [&b"to"[..], b"cc", b"bcc"].iter().any(|field| name.eq_ignore_ascii_case(field)));
    let only = fields.next().filter(|(name, _)| name.len() == 2).filter(|_| fields.next().is_none());
    let value = only.map(|(_, value)| String::from_utf8_lossy(value).to_lowercase()).unwrap_or_default();
    // The domain is the provider's name, not the recipient's.
    let mut addresses = value.split('@');
    let words = match (addresses.next(), addresses.next(), addresses.next()) {
        (Some(named), Some(_), None) => {
            named.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    Recipient::Words(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Profile};
    use crate::scrubber::Settings;

    fn decide(policy: &MailPolicy, mail: &str) -> Decision {
        let notification = Policy { profile: Profile::Notification, ..Policy::default() };
        let scrubber = Scrubber::new(Settings { policy: notification, ..Settings::new() });
        policy.decide(&scrubber, mail.replace('\n', "\r\n").as_bytes(), &mut Scratch::default())
    }

    fn forwarded(policy: &MailPolicy, original: &str) -> String {
        match decide(policy, original) {
            Decision::Forward { mail: None, .. } => original.to_owned(),
            Decision::Forward { mail: Some(mail), .. } => {
                String::from_utf8(mail).unwrap().replace("\r\n", "\n")
            }
            other => panic!("{other:?}"),
        }
    }

    const CLEAN: &str = "Subject: the build is done\nTo: a@example.org\n\nAll tests passed.\n";
    const SUBJECT: &str = "Subject: SSN 219-10-9999\nTo: a@example.org\n\nSee the portal.\n";
    const BODY: &str = "DKIM-Signature: v=1\nSubject: note\nTo: a@example.org\n\nSSN 219-10-9999\n";
    const SIGNED: &str = "Subject: note\nContent-Type: multipart/signed; boundary=b\n\n--b\n\nSSN 219-10-9999\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--\n";
    const PICTURE: &str = "Subject: note\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Type: image/png\n\nx\n--b--\n";
    const SEALED: &str = "Subject: note\nContent-Type: application/pkcs7-mime\n\nx\n";

    #[test]
    fn the_policy_says_what_goes_out() {
        let usual = MailPolicy::default();
        let cases = [
            (usual.clone(), CLEAN, Ok(CLEAN.to_owned())),
            (
                MailPolicy { subject: SubjectAction::Redact, ..usual.clone() },
                SUBJECT,
                Ok(SUBJECT.replace("219-10-9999", "[SSN]")),
            ),
            (
                MailPolicy { subject: SubjectAction::Refuse, ..usual.clone() },
                SUBJECT,
                Err("the subject holds"),
            ),
            (usual.clone(), SUBJECT, Ok(SUBJECT.replace("SSN 219-10-9999", SAFE_TEXT))),
            (usual.clone(), BODY, Err("it is signed (DKIM)")),
            (
                MailPolicy { dkim: DkimAction::Strip, ..usual.clone() },
                BODY,
                Ok(BODY.replace("DKIM-Signature: v=1\n", "").replace("219-10-9999", "[SSN]")),
            ),
            (usual.clone(), SIGNED, Err("a signed part")),
            (
                MailPolicy { signed: SignedAction::Redact, ..usual.clone() },
                SIGNED,
                Ok(SIGNED.replace("219-10-9999", "[SSN]")),
            ),
            (usual.clone(), PICTURE, Err("an attachment is no text")),
            (
                MailPolicy { attachments: AttachmentAction::Allow, ..usual.clone() },
                PICTURE,
                Ok(PICTURE.to_owned()),
            ),
            (
                MailPolicy { attachments: AttachmentAction::Strip, ..usual.clone() },
                PICTURE,
                Ok(PICTURE.replace("image/png\n\nx", "text/plain; charset=us-ascii\n\n[ATTACHMENT REMOVED]")),
            ),
            (usual.clone(), SEALED, Err("it is encrypted")),
            (
                MailPolicy { encrypted: EncryptedAction::Allow, ..usual.clone() },
                SEALED,
                Ok(SEALED.to_owned()),
            ),
        ];
        for (policy, mail, want) in cases {
            match want {
                Ok(want) => assert_eq!(forwarded(&policy, mail), want),
                Err(why) => match decide(&policy, mail) {
                    Decision::Refuse(said) => assert!(said.starts_with(why), "{said}"),
                    other => panic!("{mail}: {other:?}"),
                },
            }
        }
    }

    #[test]
    fn what_is_taken_out_breaks_a_signature_like_an_edit() {
        let signed = format!("DKIM-Signature: v=1\n{PICTURE}");
        for attachments in [AttachmentAction::Strip, AttachmentAction::Quarantine] {
            let policy = MailPolicy { attachments, ..MailPolicy::default() };
            assert_eq!(decide(&policy, &signed), Decision::Refuse(SIGNED_HEADER));
            let policy = MailPolicy { dkim: DkimAction::Strip, ..policy };
            assert!(!forwarded(&policy, &signed).contains("DKIM"));
            let Decision::Forward { keep, .. } = decide(&policy, &signed) else { panic!() };
            assert_eq!(keep, attachments == AttachmentAction::Quarantine);
        }
    }

    #[test]
    fn one_recipient_has_words_and_several_have_none() {
        let cases: [(&str, &[&str]); 6] = [
            ("To: Maria Lopez <m.lopez77@example.org>\n\n", &["maria", "lopez", "m", "lopez"]),
            ("to:\n maria@example.org\n\nTo: body@example.org", &["maria"]),
            ("To: Maria <m@a.example>, John <j@a.example>\n\n", &[]),
            ("To: Maria <m@a.example>\nCc: John <j@a.example>\n\n", &[]),
            ("Subject: maria\n\n", &[]),
            ("To: undisclosed-recipients:;\n\n", &[]),
        ];
        for (mail, want) in cases {
            let got = recipient(mail.replace('\n', "\r\n").as_bytes());
            assert_eq!(got, Recipient::Words(want.iter().map(|w| (*w).to_owned()).collect()), "{mail}");
        }
    }

    #[test]
    fn a_dry_run_changes_nothing_and_tells() {
        let policy = MailPolicy { dry_run: true, ..MailPolicy::default() };
        assert_eq!(forwarded(&policy, SUBJECT), SUBJECT);
        let Decision::Forward { findings, overlooked: None, .. } = decide(&policy, SUBJECT) else { panic!() };
        assert_eq!(findings[Kind::Ssn as usize], 1);
        let Decision::Forward { overlooked, .. } = decide(&policy, PICTURE) else { panic!() };
        assert_eq!(overlooked, Some("an attachment is no text, and cannot be scanned"));
    }
}
