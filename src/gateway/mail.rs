//! Whether a mail goes out, and how.
//!
//! ```text
//! take parts out -> scrub -> can all of it be scanned? -> may what was touched be touched? -> the mail that goes out
//! ```
//!
//! What cannot be scanned does not go out, unless the policy names its sort. A refusal says why, in fixed words.

use crate::codec::mime::{self, Role, Unscannable};
use crate::kind::Kind;
use crate::scrubber::{Scratch, Scrubber};

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
            subject_template: "You have a new message".to_owned(),
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
        /// Markers take its place.
        #[default]
        Redact "redact",
        /// The mail is refused.
        Refuse "refuse",
        /// The template takes the place of the whole subject.
        Template "template",
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
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes out like this.
    Forward {
        /// All of it.
        mail: Vec<u8>,
        /// Findings that were acted upon, by kind.
        findings: Box<[u64; Kind::COUNT]>,
        /// Why it would have been refused, in a dry run.
        overlooked: Option<&'static str>,
    },
    /// It does not go out, and why: a fixed phrase.
    Refuse(&'static str),
    /// It cannot be told now: the sender is to try later.
    TryLater(&'static str),
}

impl MailPolicy {
    /// Decides on a mail.
    pub fn decide(&self, scrubber: &Scrubber, mail: Vec<u8>, scratch: &mut Scratch) -> Decision {
        let original = self.dry_run.then(|| mail.clone());
        let decided = self.judge(scrubber, mail, scratch);
        match (original, decided) {
            (None, decided) => decided,
            (Some(mail), Decision::Forward { findings, .. }) => {
                Decision::Forward { mail, findings, overlooked: None }
            }
            (Some(mail), Decision::Refuse(why) | Decision::TryLater(why)) => {
                Decision::Forward { mail, findings: Box::new([0; Kind::COUNT]), overlooked: Some(why) }
            }
        }
    }

    fn judge(&self, scrubber: &Scrubber, mut mail: Vec<u8>, scratch: &mut Scratch) -> Decision {
        if self.attachments == AttachmentAction::Strip
            && let Some(rest) = mime::without_opaque_parts(&mail)
        {
            mail = rest;
        }
        let done = match scrubber.scrub_mail(&mail, scratch) {
            Ok(done) => done,
            Err(halt) => return Decision::Refuse(halt.reason),
        };
        if done.dropped {
            return Decision::Refuse("a rule says that it goes nowhere");
        }
        if let Some(why) = done.facts.unscannable.iter().find_map(|what| self.refuses(*what)) {
            return Decision::Refuse(why);
        }
        let Some(changed) = done.bytes else {
            return Decision::Forward { mail, findings: Box::new(done.findings), overlooked: None };
        };
        if done.touched.signed && self.signed == SignedAction::Refuse {
            return Decision::Refuse("a signed part holds what may not go out, and cannot be changed");
        }
        mail = changed;
        if done.touched.roles.contains(&Role::Subject) {
            match self.subject {
                SubjectAction::Redact => {}
                SubjectAction::Refuse => return Decision::Refuse("the subject holds what may not go out"),
                SubjectAction::Template => mail = mime::with_subject(&mail, &self.subject_template),
            }
        }
        if done.facts.dkim {
            match self.dkim {
                DkimAction::Refuse => {
                    return Decision::Refuse(
                        "it is signed (DKIM) and holds what may not go out; sign it behind the scrubber",
                    );
                }
                DkimAction::Strip => mail = mime::without_signatures(&mail),
            }
        }
        Decision::Forward { mail, findings: Box::new(done.findings), overlooked: None }
    }

    /// Why a mail with something in it that cannot be scanned is refused, if it is.
    fn refuses(&self, what: Unscannable) -> Option<&'static str> {
        match what {
            Unscannable::Opaque if self.attachments == AttachmentAction::Allow => None,
            Unscannable::Opaque => Some("an attachment is no text, and cannot be scanned"),
            Unscannable::Encrypted if self.encrypted == EncryptedAction::Allow => None,
            Unscannable::Encrypted => Some("it is encrypted, and cannot be scanned"),
            Unscannable::Ambiguous => Some("its structure can be read in more than one way"),
            Unscannable::Encoding => Some("a transfer encoding is unknown or broken"),
            Unscannable::Charset => Some("a character set cannot be read"),
            Unscannable::TooDeep => Some("it has too many parts, or parts in parts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Profile};
    use crate::scrubber::Settings;

    fn decide(policy: &MailPolicy, mail: &str) -> Decision {
        let notification = Policy { profile: Profile::Notification, ..Policy::default() };
        let scrubber = Scrubber::new(Settings { policy: notification, ..Settings::new() });
        policy.decide(&scrubber, mail.replace('\n', "\r\n").into_bytes(), &mut Scratch::default())
    }

    fn forwarded(policy: &MailPolicy, mail: &str) -> String {
        match decide(policy, mail) {
            Decision::Forward { mail, .. } => String::from_utf8(mail).unwrap().replace("\r\n", "\n"),
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
            (usual.clone(), SUBJECT, Ok(SUBJECT.replace("219-10-9999", "[SSN]"))),
            (
                MailPolicy { subject: SubjectAction::Refuse, ..usual.clone() },
                SUBJECT,
                Err("the subject holds"),
            ),
            (
                MailPolicy { subject: SubjectAction::Template, ..usual.clone() },
                SUBJECT,
                Ok(SUBJECT.replace("SSN 219-10-9999", "You have a new message")),
            ),
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
    fn a_dry_run_changes_nothing_and_tells() {
        let policy = MailPolicy { dry_run: true, ..MailPolicy::default() };
        assert_eq!(forwarded(&policy, SUBJECT), SUBJECT);
        let Decision::Forward { findings, overlooked: None, .. } = decide(&policy, SUBJECT) else { panic!() };
        assert_eq!(findings[Kind::Ssn as usize], 1);
        let Decision::Forward { overlooked, .. } = decide(&policy, PICTURE) else { panic!() };
        assert_eq!(overlooked, Some("an attachment is no text, and cannot be scanned"));
    }
}
