//! A body as one JSON document: what is special in it by its role, everything else as a record.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, NOT_UTF_8, Request, Role, Stop, form, multipart};
use crate::codec::{Codec, CodecScratch, Edit, Format, Leaf, Place};
use crate::gateway::GatewayPolicy;
use crate::gateway::mail::{AttachmentAction, Decision, OPAQUE, SubjectAction};
use crate::gateway::text::{TextAction, TextFate};
use crate::keys::encoding::{base64, unbase64};
use crate::kind::Kind;
use crate::policy::{PathPattern, Recipient};
use crate::scrubber::{About, DROPPED, Document, Scratch, Scrubber};
use crate::span::Span;

/// A text with a role, and where it stands.
struct Special {
    role: Role,
    /// The document's bytes.
    at: Span,
    place: Place,
    depth: u8,
    text: String,
    /// The path up to the last step, which tells what stands beside it.
    beside: String,
}

/// Whom a message goes to: where that stands, and what.
type Named = (String, String);

/// Rewrites the body of one request.
pub(super) struct Rewriter<'r> {
    /// Scrubs texts by themselves.
    pub(super) scrubber: &'r Scrubber,
    /// Scrubs what has no role.
    pub(super) rest: &'r Scrubber,
    pub(super) policy: &'r GatewayPolicy,
    pub(super) request: &'r Request,
    pub(super) scratch: &'r mut Scratch,
    pub(super) about: About<'r>,
    pub(super) findings: &'r mut Findings,
    pub(super) keep: bool,
    pub(super) template: Option<String>,
    /// Types that stand in the document, by the path of what they stand in.
    pub(super) types: BTreeMap<String, String>,
}

/// Names of the field that says of what type an attachment is, beside it.
const TYPE_FIELDS: [&[u8]; 4] = [b"type", b"ContentType", b"content_type", b"contentType"];
/// The shortest base64 that is taken for text where nothing says so: an identifier of nine digits.
const MIN_ENCODED: usize = 12;
/// Where the head of a mail ends.
const HEAD_END: &str = "\r\n\r\n";
const BROKEN_BASE64: &str = "what should be base64 is not, and cannot be scanned";
/// The longest text of an SMS that one message holds (3GPP TS 23.040): shorter ones may grow up to it.
const ONE_SMS: usize = 160;

impl Rewriter<'_> {
    /// A form; `None` where it stays as it is.
    pub(super) fn form(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let pairs = form::decode(body).ok_or(NOT_UTF_8)?;
        Ok(self.pairs(&pairs)?.map(|pairs| form::encode(&pairs)))
    }

    /// Fields of a form; `None` where they stay.
    fn pairs(&mut self, pairs: &[(String, String)]) -> Result<Option<Vec<(String, String)>>, Stop> {
        match self.json(&form::to_json(pairs))? {
            None => Ok(None),
            Some(object) => Ok(Some(form::from_json(&object).ok_or("it cannot be written anew")?)),
        }
    }

    /// Fields and files.
    pub(super) fn multipart(&mut self, content_type: &str, body: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let (_, parameters) = super::media_type(content_type);
        let parts = multipart::parts(parameters, body).ok_or("its parts can be read in more than one way")?;
        let text =
            |span: Span| std::str::from_utf8(&body[span.range()]).map(str::to_owned).map_err(|_| NOT_UTF_8);
        let fields = parts.iter().filter(|part| !part.is_file);
        let fields: Vec<_> =
            fields.map(|part| Ok((part.name.clone(), text(part.content)?))).collect::<Result<_, Stop>>()?;
        let renewed = self.pairs(&fields)?;
        let mut fields = renewed.into_iter().flatten();
        let (mut out, mut at, mut edited) = (Vec::with_capacity(body.len()), 0, false);
        for part in &parts {
            if part.is_file {
                // A file is made like a part of a mail, name and type included.
                let whole = Span::at(part.head.start(), part.content.end());
                if let Some(new) = self.mail(&body[whole.range()])? {
                    out.extend_from_slice(&body[at..whole.start()]);
                    out.extend_from_slice(&new);
                    (at, edited) = (whole.end(), true);
                }
            } else if let Some((name, value)) = fields.next() {
                if name != part.name {
                    return Err("the name of a field holds what may not go out".into());
                }
                out.extend_from_slice(&body[at..part.content.start()]);
                out.extend_from_slice(value.as_bytes());
                (at, edited) = (part.content.end(), true);
            }
        }
        out.extend_from_slice(&body[at..]);
        Ok(edited.then_some(out))
    }

    /// A document; `None` where it stays.
    pub(super) fn json(&mut self, document: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let codec = Codec::new(Format::Json);
        let mut memory = CodecScratch::default();
        let (specials, recipients) = self.look(&codec, document, &mut memory)?;
        // Where there are several, no name is the reader's own.
        self.about.recipient = match &recipients[..] {
            [] if self.request.recipients.is_empty() => Recipient::Unknown,
            _ if is_one(&recipients) => {
                Recipient::Words(recipients.iter().flat_map(|(_, text)| words(text)).collect())
            }
            _ => Recipient::Words(Vec::new()),
        };
        let (mut edits, mut text) = (Vec::new(), Vec::new());
        for special in &specials {
            let Some(new) = self.special(special)? else { continue };
            let start = text.len();
            text.extend_from_slice(new.as_bytes());
            let replacement = Span::at(start, text.len());
            edits.push(Edit { span: special.at, replacement, place: special.place, depth: special.depth });
        }
        let mut first = Cow::Borrowed(document);
        if !edits.is_empty() {
            let mut out = Vec::with_capacity(document.len());
            codec.encode(document, &edits, &text, &mut memory, &mut out);
            first = Cow::Owned(out);
        }
        let scrubbed = self.rest.scrub_json(&first, self.about.clone(), self.scratch);
        let Document { bytes: second, findings } = scrubbed?;
        self.findings.add(&findings);
        // What is filled into a template is part of a short text: where those are refused, so is it.
        let short = self.request.fields.iter().any(|(_, role)| *role == Role::Text);
        if second.is_some() && short && self.policy.text.phi == TextAction::Refuse {
            return Err("it holds what may not go out".into());
        }
        Ok(match (second, first) {
            (Some(second), _) => Some(second),
            (None, Cow::Owned(first)) => Some(first),
            (None, Cow::Borrowed(_)) => None,
        })
    }

    /// Everything with a role, and whom the message goes to.
    fn look(
        &mut self,
        codec: &Codec,
        document: &[u8],
        memory: &mut CodecScratch,
    ) -> Result<(Vec<Special>, Vec<Named>), Stop> {
        let (mut specials, mut recipients, mut template) = (Vec::new(), Vec::new(), None);
        let (mut bad, mut twice, mut printed, mut types) = (false, false, String::new(), BTreeMap::new());
        let request = self.request;
        codec.leaves(document, memory, &mut |leaf: &Leaf<'_>| {
            if leaf.place == Place::Key {
                return;
            }
            let text = || std::str::from_utf8(leaf.text).map(str::to_owned);
            if leaf.path.keys_inward_out().next().is_some_and(|key| TYPE_FIELDS.contains(&key))
                && let Some(media) = media_of(leaf.text)
            {
                printed.clear();
                leaf.path.print(&mut printed);
                let of = printed.rsplit_once('.').map_or("", |(up, _)| up).to_owned();
                twice |= types.insert(of, media.clone()).is_some_and(|other| other != media);
            }
            let is = |pattern: &PathPattern| pattern.matches(leaf.path);
            if request.template.as_ref().is_some_and(is) && template.is_none() {
                template = text().ok();
            }
            if request.recipients.iter().any(is)
                && let Ok(text) = text()
            {
                printed.clear();
                leaf.path.print(&mut printed);
                recipients.push((printed.clone(), text));
            }
            let named = request.fields.iter().find(|(pattern, _)| is(pattern)).map(|(_, role)| *role);
            let role = named.or_else(|| unnamed(leaf.text));
            let Some(role) = role.filter(|role| *role != Role::Keep || has_words(leaf.text)) else { return };
            let Ok(text) = text() else {
                bad = true;
                return;
            };
            printed.clear();
            // What no list names has no type beside it, whatever a field is called.
            if named.is_some() {
                leaf.path.print(&mut printed);
            }
            let beside = printed.rsplit_once(['.', '[']).map_or("", |(beside, _)| beside).to_owned();
            let at = leaf.map.to_payload(Span::at(0, leaf.text.len()));
            specials.push(Special { role, at, place: leaf.place, depth: leaf.depth, text, beside });
        });
        self.template = template.or(self.template.take());
        self.types = types;
        if twice {
            return Err("a type is said twice: it can be read in more than one way".into());
        }
        if bad { Err(NOT_UTF_8.into()) } else { Ok((specials, recipients)) }
    }

    /// What stands for a text with a role; `None` where it stays.
    fn special(&mut self, special: &Special) -> Result<Option<String>, Stop> {
        let text = &special.text;
        match special.role {
            Role::Keep => self.holds_nothing(text, "an address or a setting holds what may not go out"),
            Role::Link => {
                let allowed = self.scrubber.settings().policy.allowed.as_ref();
                match text.is_empty() || allowed.is_some_and(|allowed| allowed.is_link(text.as_bytes())) {
                    true => Ok(None),
                    false => Err("it links to what is not among the links that are allowed".into()),
                }
            }
            Role::Text => self.text(text),
            Role::Subject => self.subject(text),
            Role::Html => {
                let media = self.types.get(&special.beside).filter(|of| of.starts_with("text/"));
                let media = media.map_or("text/html", String::as_str);
                self.wrapped(&format!("Content-Type: {media}; charset=utf-8\r\n\r\n"), text, "")
            }
            Role::Addresses => match text.contains(['\r', '\n']) {
                true => Err("a field of addresses has more than one line".into()),
                false => self.wrapped("To: ", text, HEAD_END),
            },
            Role::Mail => {
                let mail = decoded(text).ok_or(BROKEN_BASE64)?;
                Ok(self.mail(&mail)?.map(|new| base64(&new)))
            }
            Role::Attachment => self.attachment(special),
            Role::Encoded => {
                let inner = encoded_text(text.as_bytes()).ok_or(BROKEN_BASE64)?;
                let message = self.scrubber.scrub_message(&inner, self.about.clone(), self.scratch)?;
                self.findings.add(&message.findings);
                match (message.dropped, message.edits.is_empty()) {
                    (true, _) => Err(DROPPED.into()),
                    (_, true) => Ok(None),
                    _ => Ok(Some(base64(message.apply(&inner).as_bytes()))),
                }
            }
        }
    }

    /// Refuses what holds anything but a telephone number or an address of mail.
    fn holds_nothing(&mut self, text: &str, why: &'static str) -> Result<Option<String>, Stop> {
        let message = self.scrubber.scrub_message(text, self.about.clone(), self.scratch)?;
        let addressed = [Kind::Phone, Kind::Fax, Kind::Email];
        let told = Kind::ALL.iter().any(|k| !addressed.contains(k) && message.findings[*k as usize] > 0);
        if told { Err(why.into()) } else { Ok(None) }
    }

    fn text(&mut self, text: &str) -> Result<Option<String>, Stop> {
        // What costs more is one message more: an alphabet with fewer letters a message is not left for another here.
        let room = text.chars().count().div_ceil(ONE_SMS).max(1) * ONE_SMS;
        let fits = |new: &str| new.chars().count() <= room;
        let decided = self.policy.text.decide(self.scrubber, text, self.about.clone(), &fits, self.scratch);
        self.findings.add(&decided.findings);
        match decided.fate {
            TextFate::Unchanged => Ok(None),
            TextFate::Replace(new) => Ok(Some(new)),
            TextFate::Refuse(why) => Err(Stop::Refuse(why)),
            TextFate::TryLater(why) => Err(Stop::TryLater(why)),
        }
    }

    fn subject(&mut self, text: &str) -> Result<Option<String>, Stop> {
        let message = self.scrubber.scrub_message(text, self.about.clone(), self.scratch)?;
        self.findings.add(&message.findings);
        if message.dropped {
            return Err(DROPPED.into());
        }
        if message.edits.is_empty() {
            return Ok(None);
        }
        match self.policy.mail.subject {
            SubjectAction::Template => Ok(Some(self.policy.mail.subject_template.clone())),
            SubjectAction::Redact => Ok(Some(message.apply(text))),
            SubjectAction::Refuse => Err("the subject holds what may not go out".into()),
        }
    }

    /// A text that is read as it would be in a mail, between these.
    fn wrapped(&mut self, head: &str, text: &str, tail: &str) -> Result<Option<String>, Stop> {
        let mail = [head, text, tail].concat();
        let recipient = self.about.recipient.clone();
        let decision = self.policy.mail.decide_for(self.scrubber, mail.as_bytes(), recipient, self.scratch);
        let Some(new) = self.decided(decision)? else { return Ok(None) };
        let inner = new.strip_prefix(head.as_bytes()).and_then(|rest| rest.strip_suffix(tail.as_bytes()));
        let inner = inner.ok_or("it cannot be written anew")?;
        String::from_utf8(inner.to_vec()).map(Some).map_err(|_| NOT_UTF_8.into())
    }

    /// A mail by the policy for mail; `None` where it stays.
    fn mail(&mut self, mail: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let decision = self.policy.mail.decide(self.scrubber, mail, self.scratch);
        self.decided(decision)
    }

    fn decided(&mut self, decision: Decision) -> Result<Option<Vec<u8>>, Stop> {
        match decision {
            Decision::Forward { mail, findings, keep, .. } => {
                self.findings.add(&findings);
                self.keep |= keep;
                Ok(mail)
            }
            Decision::Refuse(why) => Err(Stop::Refuse(why)),
            Decision::TryLater(why) => Err(Stop::TryLater(why)),
        }
    }

    fn attachment(&mut self, special: &Special) -> Result<Option<String>, Stop> {
        let media = self.types.get(&special.beside).map_or("application/octet-stream", String::as_str);
        if decoded(&special.text).is_none() {
            return Err(BROKEN_BASE64.into());
        }
        let head = format!("Content-Type: {media}\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        let decided = self.wrapped(&head, &special.text, "");
        let strips =
            matches!(self.policy.mail.attachments, AttachmentAction::Strip | AttachmentAction::Quarantine);
        match decided {
            Err(Stop::Refuse(why)) if strips && why == OPAQUE => {
                self.keep |= self.policy.mail.attachments == AttachmentAction::Quarantine;
                Ok(Some(base64(b"[ATTACHMENT REMOVED]")))
            }
            // Base64 in JSON has no line ends.
            Ok(Some(new)) => Ok(Some(new.split_ascii_whitespace().collect())),
            other => other,
        }
    }
}

/// Whether these, each with its path, are one person's: one value, or a name and an address side by side.
fn is_one(recipients: &[Named]) -> bool {
    let beside = |path: &str| {
        path.rsplit_once('.').filter(|(_, last)| !last.ends_with(']')).map(|(up, _)| up.to_owned())
    };
    let addresses = recipients.iter().map(|(_, text)| text.matches('@').count()).sum::<usize>();
    let paths: BTreeSet<&str> = recipients.iter().map(|(path, _)| &**path).collect();
    let places: BTreeSet<Option<String>> = paths.iter().map(|path| beside(path)).collect();
    addresses <= 1
        && paths.len() == recipients.len()
        && (paths.len() == 1 || places.len() == 1 && !places.contains(&None))
}

/// The words of a name and an address, in lower case; the domain is the provider's.
fn words(text: &str) -> Vec<String> {
    let text = text.split('@').next().unwrap_or_default().to_lowercase();
    text.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let mut out = vec![0; (text.len() / 4 * 3).checked_sub(padding)?];
    unbase64(&text, &mut out).then_some(out)
}

/// What a field is that no list names: what it looks like.
fn unnamed(text: &[u8]) -> Option<Role> {
    let markup = |at: usize| match text.get(at + 1) {
        Some(next) if text[at] == b'<' => next.is_ascii_alphabetic() || matches!(next, b'/' | b'!' | b'?'),
        Some(next) => *next == b'#' || next.is_ascii_alphabetic(),
        None => false,
    };
    if memchr::memchr2_iter(b'<', b'&', text).any(markup) {
        return Some(Role::Html);
    }
    encoded_text(text).map(|_| Role::Encoded)
}

/// Whether there are words in an address or a setting.
fn has_words(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_whitespace)
        && text.iter().filter(|b| b.is_ascii_alphabetic() || !b.is_ascii()).count() > 1
}

/// The text that a value is the base64 of, padded or not, in either alphabet. Ids and keys decode to anything but text.
fn encoded_text(value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    let bare = value.strip_suffix(b"==").or(value.strip_suffix(b"=")).unwrap_or(value);
    let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    if bare.len() < MIN_ENCODED || !bare.iter().all(legal) {
        return None;
    }
    let padded = [bare, &b"==="[..(4 - bare.len() % 4) % 4]].concat();
    let text = String::from_utf8(decoded(std::str::from_utf8(&padded).ok()?)?).ok()?;
    text.chars().all(|c| !c.is_control() || c.is_whitespace()).then_some(text)
}

/// A type that a member says. Parameters are left out: one that could end the line would be another header.
fn media_of(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.split(';').next()?.trim();
    let legal = text.bytes().all(|b| b.is_ascii_graphic()) && text.contains('/');
    legal.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_base64_is_known_from_ids() {
        for (value, want) in [
            ("U1NOIDIxOS0xMC05OTk5", Some("SSN 219-10-9999")),
            ("MjE5LTEwLTk5OTk=", Some("219-10-9999")),
            ("MjE5LTEwLTk5OTk", Some("219-10-9999")),
            ("w7bDpMO8IDIxOS0xMC05OTk5", Some("\u{f6}\u{e4}\u{fc} 219-10-9999")),
            ("MjE5LTEw", None),
            ("d-f43daeeaef504760851f727007e0b5d0", None),
            ("AC0123456789abcdef0123456789abcdef", None),
            ("SSN 219-10-9999", None),
            ("appointment-reminder", None),
        ] {
            assert_eq!(encoded_text(value.as_bytes()).as_deref(), want, "{value}");
        }
    }

    #[test]
    fn a_name_and_an_address_side_by_side_are_one_person() {
        let cases: [(&[(&str, &str)], bool); 8] = [
            (&[("$.to", "Pat <pat@a.example>")], true),
            (&[("$.p[0].to[0].email", "pat@a.example"), ("$.p[0].to[0].name", "Pat")], true),
            (&[("$.p[0].to[0].email", "pat@a.example"), ("$.p[0].to[1].email", "kim@a.example")], false),
            (&[("$.to[0]", "12125550187")], true),
            (&[("$.to[0]", "Pat"), ("$.to[1]", "Kim")], false),
            (&[("$.to", "pat@a.example"), ("$.to", "kim@a.example")], false),
            (&[("$.to", "pat"), ("$.to", "kim")], false),
            (&[("$.to", "pat@a.example, kim@a.example")], false),
        ];
        for (recipients, want) in cases {
            let owned: Vec<_> = recipients.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
            assert_eq!(is_one(&owned), want, "{recipients:?}");
        }
    }
}
