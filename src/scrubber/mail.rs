//! One mail as one record.

use super::part::{Out, Outcome, PartScrubber, Scratch, Unreadable};
use super::{Halt, Scrubber};
use crate::codec::mime::{Facts, Touched};
use crate::codec::{Codec, Format};
use crate::kind::Kind;
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

impl Scrubber {
    /// Scrubs a mail: header fields, bodies and what is attached. Whether it may go out is for the caller to say, by what
    /// it is made of and what was touched. How large it may be is for the caller to say, too: below 4 GiB.
    ///
    /// # Errors
    /// When it cannot be scanned, or the vault failed.
    pub fn scrub_mail(&self, mail: &[u8], scratch: &mut Scratch) -> Result<Mail, Halt> {
        let halt = |e: Unreadable| Halt { origin: Origin::Line(1), reason: e.reason };
        scratch.serve(self.serial, self.settings.roster.as_ref());
        scratch.forget();
        if let Some(keys) = &self.settings.keys {
            scratch.whose.begin(keys, |_| None);
        }
        let scrubber = PartScrubber { settings: &self.settings, query: self.query, reports: false };
        let codec = Codec { format: Format::Mime, ..self.settings.codec };
        let whole = Span::at(0, mail.len());
        let (mut bytes, mut findings) = (Vec::new(), [0; Kind::COUNT]);
        let out = Out { bytes: &mut bytes, findings: &mut findings };
        let outcome = scrubber.payload(&codec, mail, whole, whole, scratch, out).map_err(halt)?;
        if std::mem::take(&mut scratch.uncommitted)
            && let Some(keys) = &self.settings.keys
        {
            keys.keyed.commit().map_err(|failed| halt(Unreadable::from(failed)))?;
        }
        let mime = &mut scratch.codec.mime;
        Ok(Mail {
            bytes: (outcome == Outcome::Edited).then_some(bytes),
            facts: std::mem::take(&mut mime.facts),
            touched: std::mem::take(&mut mime.touched),
            findings,
            dropped: outcome == Outcome::Drop,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Profile};
    use crate::scrubber::Settings;

    fn scrub(mail: &str) -> (String, Mail) {
        let policy = Policy { profile: Profile::Notification, ..Policy::default() };
        let scrubber = Scrubber::new(Settings { policy, ..Settings::new() });
        let done =
            scrubber.scrub_mail(mail.replace('\n', "\r\n").as_bytes(), &mut Scratch::default()).unwrap();
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
    fn a_mail_without_phi_is_as_it_was() {
        let (_, done) = scrub("Subject: the build is done\nTo: team@example.org\n\nAll tests passed.\n");
        assert!(done.bytes.is_none() && done.touched == Touched::default());
    }
}
