//! One mail, or one short text, as one record.

use super::edits::Edits;
use super::part::{Out, Outcome, Scratch, Unreadable};
use super::{Halt, Keys, Scrubber, Tenant};
use crate::codec::mime::{self, Facts, Touched};
use crate::codec::{Codec, Format};
use crate::kind::Kind;
use crate::policy::Recipient;
use crate::record::Origin;
use crate::span::Span;

/// A mail that was scrubbed, and what was seen of it.
pub struct Mail {
    /// Its new bytes; `None` where nothing was replaced, and it is as it was.
    pub bytes: Option<Vec<u8>>,
    /// What it is made of.
    pub facts: Facts,
    /// Where something was replaced.
    pub touched: Touched,
    /// Findings that were acted upon, by kind.
    pub findings: [u64; Kind::COUNT],
    /// A rule says that it goes nowhere.
    pub dropped: bool,
}

/// A short text that was scrubbed: an SMS, a line of a notification.
#[derive(Clone)]
pub struct Message {
    /// What is replaced in it, in order and apart, and by what.
    pub edits: Vec<(Span, String)>,
    /// Findings that were acted upon, by kind.
    pub findings: [u64; Kind::COUNT],
    /// A rule says that it goes nowhere.
    pub dropped: bool,
}

/// A document that was scrubbed.
pub struct Document {
    /// Its new bytes; `None` where nothing was replaced.
    pub bytes: Option<Vec<u8>>,
    /// Findings that were acted upon, by kind.
    pub findings: [u64; Kind::COUNT],
}

impl Message {
    /// The text that it was made from, with what replaces in place.
    pub fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (span, replacement) in &self.edits {
            out.push_str(text.get(at..span.start()).unwrap_or_default());
            out.push_str(replacement);
            at = span.end();
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }
}

/// What is known of a message beside its text.
#[derive(Clone, Debug, Default)]
pub struct About<'a> {
    /// Whose it is, where [`Tenant::Header`] says that messages tell.
    pub tenant: Option<&'a str>,
    /// Whom it goes to.
    pub recipient: Recipient,
}

impl Scrubber {
    /// Scrubs a mail: header fields, bodies and what is attached. Whether it may go out is for the caller to say, by what
    /// it is made of and what was touched. How large it may be is for the caller to say, too: below 4 GiB.
    ///
    /// # Errors
    /// When it cannot be scanned, or the vault failed.
    pub fn scrub_mail(&self, mail: &[u8], recipient: Recipient, scratch: &mut Scratch) -> Result<Mail, Halt> {
        let mut bytes = Vec::new();
        let tenant = match &self.settings.keys {
            Some(Keys { tenant: Tenant::Header(wanted), .. }) => mime::fields(mail)
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
                .and_then(|(_, value)| std::str::from_utf8(value.trim_ascii()).ok()),
            _ => None,
        };
        let about = About { tenant, recipient };
        let scrubbed = self.scrub_whole(mail, Format::Mime, about, scratch, &mut bytes);
        let mime = &mut scratch.codec.mime;
        mime.forget();
        let (outcome, findings) = scrubbed?;
        Ok(Mail {
            bytes: (outcome == Outcome::Edited).then_some(bytes),
            facts: std::mem::take(&mut mime.facts),
            touched: std::mem::take(&mut mime.touched),
            findings,
            dropped: outcome == Outcome::Drop,
        })
    }

    /// Finds what is to be replaced in a text, which is read as it stands, whatever it looks like.
    ///
    /// # Errors
    /// When it cannot be scanned, or the vault failed.
    pub fn scrub_message(
        &self,
        text: &str,
        about: About<'_>,
        scratch: &mut Scratch,
    ) -> Result<Message, Halt> {
        let mut bytes = Vec::new();
        let (outcome, findings) =
            self.scrub_whole(text.as_bytes(), Format::Plain, about, scratch, &mut bytes)?;
        let Edits { list, text: replacements, .. } = &scratch.edits;
        let edits = match outcome {
            Outcome::Edited => list
                .iter()
                .map(|e| (e.span, String::from_utf8_lossy(&replacements[e.replacement.range()]).into_owned()))
                .collect(),
            Outcome::Clean | Outcome::Drop => Vec::new(),
        };
        Ok(Message { edits, findings, dropped: outcome == Outcome::Drop })
    }

    /// Scrubs a JSON document as one record.
    ///
    /// # Errors
    /// When it cannot be scanned, a rule drops it, or the vault failed.
    pub fn scrub_json(&self, json: &[u8], about: About<'_>, scratch: &mut Scratch) -> Result<Document, Halt> {
        let mut bytes = Vec::new();
        let (outcome, findings) = self.scrub_whole(json, Format::Json, about, scratch, &mut bytes)?;
        match outcome {
            Outcome::Clean => Ok(Document { bytes: None, findings }),
            Outcome::Edited => Ok(Document { bytes: Some(bytes), findings }),
            Outcome::Drop => Err(halt(Unreadable::record(DROPPED))),
        }
    }

    fn scrub_whole(
        &self,
        record: &[u8],
        format: Format,
        about: About<'_>,
        scratch: &mut Scratch,
        bytes: &mut Vec<u8>,
    ) -> Result<(Outcome, [u64; Kind::COUNT]), Halt> {
        scratch.serve(self.serial, self.settings.roster.as_ref());
        scratch.forget();
        scratch.leaf.recipient = about.recipient;
        if let Some(keys) = &self.settings.keys {
            scratch.whose.begin(keys, |_| about.tenant.map(str::as_bytes));
        }
        let codec = Codec { format, ..self.settings.codec };
        let whole = Span::at(0, record.len());
        let mut findings = [0; Kind::COUNT];
        let out = Out { bytes, findings: &mut findings };
        let outcome = self.part_scrubber().payload(&codec, record, whole, whole, scratch, out);
        // The next record may be a log line, which goes to nobody.
        scratch.leaf.recipient = Recipient::Unknown;
        let outcome = outcome.map_err(halt)?;
        if std::mem::take(&mut scratch.uncommitted)
            && let Some(keys) = &self.settings.keys
        {
            keys.keyed.commit().map_err(|failed| halt(Unreadable::from(failed)))?;
        }
        Ok((outcome, findings))
    }
}

/// Why a message goes nowhere that a rule drops.
pub(crate) const DROPPED: &str = "a rule says that it goes nowhere";

fn halt(e: Unreadable) -> Halt {
    Halt { origin: Origin::Line(1), reason: e.reason, for_all: e.halts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Profile};
    use crate::scrubber::Settings;

    fn scrub(mail: &str) -> (String, Mail) {
        let policy = Policy { profile: Profile::Notification, ..Policy::default() };
        let scrubber = Scrubber::new(Settings { policy, ..Settings::new() });
        let done = scrubber
            .scrub_mail(mail.replace('\n', "\r\n").as_bytes(), Recipient::Unknown, &mut Scratch::default())
            .unwrap();
        let text = done.bytes.clone().map_or(String::new(), |b| String::from_utf8(b).unwrap());
        (text.replace("\r\n", "\n"), done)
    }

    #[test]
    fn what_is_found_in_one_place_is_looked_for_in_all() {
        let (out, done) = scrub(
            "Date: Thu, 5 Mar 2026 10:00:00 +0000\nFrom: clinic@example.org\nTo: maria.wexlorth@example.org\nSubject: results\n\
             Content-Type: multipart/alternative; boundary=b\n\n\
             --b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nRGVhciB3ZXhsb3J0aCwgYSBub3RlLg==\n\
             --b\nContent-Type: text/html\n\n<p>Patient: Maria <b>Wexlorth</b>, SSN 219-<i>10</i>-9999</p>\n--b--\n",
        );
        assert!(
            out.contains("To: maria.wexlorth@example.org\n") && out.contains("Date: Thu, 5 Mar 2026"),
            "{out}"
        );
        assert!(out.contains("<p>Patient: [NAME]") && out.contains("SSN [SSN]<i></i></p>"), "{out}");
        // \"Dear [NAME], a note.\"
        assert!(out.contains("RGVhciBbTkFNRV0sIGEgbm90ZS4="), "{out}");
        assert!(done.findings.iter().sum::<u64>() >= 3 && !done.dropped);
    }

    #[test]
    fn a_short_text_is_read_as_it_stands() {
        let policy = Policy { profile: Profile::Notification, ..Policy::default() };
        let scrubber = Scrubber::new(Settings { policy, ..Settings::new() });
        let text = "{\"a\": 1}\nSSN 219-10-9999, bye";
        let done = scrubber.scrub_message(text, About::default(), &mut Scratch::default()).unwrap();
        let got: Vec<_> = done.edits.iter().map(|(s, r)| (&text[s.range()], r.as_str())).collect();
        assert_eq!(got, [("219-10-9999", "[SSN]")]);
        assert_eq!(done.findings[Kind::Ssn as usize], 1);
    }

    #[test]
    fn a_mail_without_phi_is_as_it_was() {
        let (_, done) = scrub("Subject: the build is done\nTo: team@example.org\n\nAll tests passed.\n");
        assert!(done.bytes.is_none() && done.touched == Touched::default());
    }
}
