//! What may stay in a notification although it is found: the texts, links and greetings that an organisation has said are
//! its own.

use std::fmt;
use std::str::FromStr;

use crate::kind::Kind;
use crate::span::Span;

/// The longest value that stands in a place of a link, in bytes.
const MAX_ID: usize = 128;
/// The longest name behind a greeting, in bytes.
const MAX_NAME: usize = 60;
/// Words that a notification greets with.
const GREETINGS: &[&str] =
    &["dear", "hello", "hi", "hey", "good morning", "good afternoon", "good evening", "welcome"];
/// Words that go before a name in a greeting, and are no part of it.
const TITLES: &[&str] = &["mr", "mrs", "ms", "miss", "mx", "dr"];
/// The least letters and digits that a template's fixed text has: with fewer it would fit texts that it was not written for.
const MIN_FIXED: usize = 8;

/// What an organisation lets stand. The default lets nothing stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Links.
    pub links: Vec<LinkPattern>,
    /// Whole texts.
    pub templates: Vec<Template>,
    /// The recipient's own name behind a greeting.
    pub greeting: bool,
}

/// What is known of whom a message goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recipient {
    /// Nothing: a telephone number has no name.
    #[default]
    Unknown,
    /// The words of the one recipient's name and address, in lower case; none where there are several.
    Words(Vec<String>),
}

/// Places of a text in which something stays.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Here nothing is replaced.
    fixed: Vec<Span>,
    /// Ids within links: opaque, unless they turn out to be something else.
    ids: Vec<Span>,
    /// A name.
    name: Option<Span>,
}

impl Places {
    /// Whether a finding stays.
    pub(crate) fn keep(&self, kind: Kind, span: Span) -> bool {
        let within = |places: &[Span]| places.iter().any(|place| place.contains(span));
        match kind {
            Kind::Name if self.name.is_some_and(|name| name.contains(span)) => true,
            _ if !within(&self.fixed) => false,
            Kind::Url | Kind::UniqueId => true,
            _ => !self.ids.iter().any(|id| id.overlaps(span)),
        }
    }
}

impl Allowed {
    /// Whether nothing is let stand.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.templates.is_empty() && !self.greeting
    }

    /// Where in a text something stays.
    pub(crate) fn places(&self, text: &[u8], recipient: &Recipient) -> Places {
        let mut places = Places::default();
        if let Some(template) = self.template(text) {
            template.fixed(text, &mut places.fixed);
        }
        self.links.iter().for_each(|link| link.find(text, &mut places));
        if self.greeting {
            places.name = greeted(text, recipient);
        }
        places
    }

    /// Whether a text is one of the links, and nothing else.
    pub fn is_link(&self, text: &[u8]) -> bool {
        let mut places = Places::default();
        self.links.iter().for_each(|link| link.find(text, &mut places));
        places.fixed.contains(&Span::at(0, text.len()))
    }

    /// The first template that a whole text was made from.
    pub fn template(&self, text: &[u8]) -> Option<&Template> {
        self.templates.iter().find(|template| template.fixed(text, &mut Vec::new()))
    }
}

/// A text with places in it: `Your appointment is on {date}. Call 555-0100 to change it.` What stands in places is scanned like any
/// other text; what is fixed stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name, for counts.
    pub name: String,
    /// What stands between places; the first and the last may be empty.
    fixed: Vec<String>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// In a few words: a brace is not closed, two places touch, or hardly anything is fixed.
    pub fn new(name: impl Into<String>, text: &str) -> Result<Template, &'static str> {
        let fixed = between_places(text.trim())?;
        if fixed.iter().flat_map(|part| part.chars()).filter(|c| c.is_alphanumeric()).count() < MIN_FIXED {
            return Err("has hardly any text of its own: it would fit texts that it was not written for");
        }
        Ok(Template { name: name.into(), fixed })
    }

    /// Whether a text was made from it, and where what is fixed stands.
    fn fixed(&self, text: &[u8], out: &mut Vec<Span>) -> bool {
        let start = text.len() - text.trim_ascii_start().len();
        let end = start + text.trim_ascii().len();
        let (Some(first), Some(last)) = (self.fixed.first(), self.fixed.last()) else { return false };
        let known = out.len();
        let matched = (|| {
            let body = text.get(start..end)?;
            body.starts_with(first.as_bytes()).then_some(())?;
            out.push(Span::at(start, start + first.len()));
            let mut at = start + first.len();
            if self.fixed.len() == 1 {
                return (at == end).then_some(());
            }
            for part in &self.fixed[1..self.fixed.len() - 1] {
                let found = at + memchr::memmem::find(text.get(at..end)?, part.as_bytes())?;
                at = found + part.len();
                out.push(Span::at(found, at));
            }
            let rest = text.get(at..end)?;
            rest.ends_with(last.as_bytes()).then_some(())?;
            out.push(Span::at(end - last.len(), end));
            Some(())
        })();
        if matched.is_none() {
            out.truncate(known);
        }
        matched.is_some()
    }
}

/// A link with places in it: `https://portal.example.org/m/{id}`. In a place stand letters, digits, `-`, `_` and `~`; the link ends where
/// the pattern does, so that no query can follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPattern(Vec<String>);

impl FromStr for LinkPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<LinkPattern, &'static str> {
        let parts = between_places(text)?;
        let host = parts[0].split_once("://").filter(|(scheme, _)| !scheme.is_empty()).map(|(_, rest)| rest);
        match host {
            None => Err("is no link: it begins with a scheme, as in https://portal.example.org/m/{id}"),
            // A place in the host would be any host.
            Some(rest) if parts.len() > 1 && !rest.contains('/') => {
                Err("has a place in its host: the host is fixed")
            }
            Some(_) if !parts.iter().flat_map(|p| p.bytes()).all(|b| b.is_ascii_graphic()) => {
                Err("holds what no link holds")
            }
            Some(_) => Ok(LinkPattern(parts)),
        }
    }
}

/// As it was written, with `{}` for each place.
impl fmt::Display for LinkPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("{}"))
    }
}

impl LinkPattern {
    fn find(&self, text: &[u8], places: &mut Places) {
        let mut from = 0;
        while let Some(found) = memchr::memmem::find(&text[from..], self.0[0].as_bytes()) {
            let start = from + found;
            from = start + self.0[0].len();
            let before = text[..start].last();
            if before
                .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'=' | b'.' | b'@' | b'+'))
            {
                continue;
            }
            let known = places.ids.len();
            match self.end(text, from, &mut places.ids) {
                Some(end) => places.fixed.push(Span::at(start, end)),
                None => places.ids.truncate(known),
            }
        }
    }

    /// Where a link ends whose first part ends at `at`.
    fn end(&self, text: &[u8], mut at: usize, ids: &mut Vec<Span>) -> Option<usize> {
        for part in &self.0[1..] {
            let is_id = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'~');
            let len = text[at..].iter().take(MAX_ID + 1).take_while(|b| is_id(b)).count();
            if len == 0 || len > MAX_ID || !text[at + len..].starts_with(part.as_bytes()) {
                return None;
            }
            ids.push(Span::at(at, at + len));
            at += len + part.len();
        }
        // Punctuation behind it is the sentence's.
        let rest = &text[at..];
        let rest = match rest {
            [b'.' | b',' | b'!' | b'?' | b';' | b':', rest @ ..] => rest,
            _ => rest,
        };
        let ends = rest
            .first()
            .is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b')' | b']' | b'>' | b'<' | b'"' | b'\''));
        ends.then_some(at)
    }
}

/// What stands between the places of a pattern.
fn between_places(text: &str) -> Result<Vec<String>, &'static str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((fixed, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}').ok_or("has a `{` that is not closed")?;
        if name.contains('{') || fixed.contains('}') {
            return Err("has braces in braces");
        }
        if fixed.is_empty() && !parts.is_empty() {
            return Err("has two places next to each other: nobody can tell where one ends");
        }
        parts.push(fixed.to_owned());
        rest = behind;
    }
    parts.push(rest.to_owned());
    Ok(parts)
}

/// The name that a text greets, if it is the recipient's own.
fn greeted(text: &[u8], recipient: &Recipient) -> Option<Span> {
    // A greeting opens a text; in a mail's view headings may stand before it.
    let head = &text[..text.len().min(2000)];
    let mut start = 0;
    for line in head.split_inclusive(|b| *b == b'\n') {
        if let Some(name) = greeted_in(line, recipient) {
            return Some(name.shifted(start));
        }
        start += line.len();
    }
    None
}

fn greeted_in(line: &[u8], recipient: &Recipient) -> Option<Span> {
    let blank = line.len() - line.trim_ascii_start().len();
    let text = std::str::from_utf8(line).ok()?.get(blank..)?;
    let starts = |word: &&&str| {
        let behind = text.as_bytes().get(word.len());
        text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
            && behind.is_some_and(|b| matches!(b, b' ' | b','))
    };
    let word = GREETINGS.iter().find(starts)?;
    let after = text.get(word.len()..)?;
    let skipped = after.len() - after.trim_start_matches([' ', ',']).len();
    let mut from = blank + word.len() + skipped;
    let mut name = &after[skipped..];
    name = &name[..name.find([',', '!', ':', ';', '\n', '\r', '?', '(']).unwrap_or(name.len())];
    if let Some((title, rest)) = name.split_once(' ')
        && TITLES.iter().any(|t| title.trim_end_matches('.').eq_ignore_ascii_case(t))
    {
        from += title.len() + 1;
        name = rest;
    }
    let name = name.trim_end().trim_end_matches('.');
    if name.is_empty() || name.len() > MAX_NAME {
        return None;
    }
    let mut words = name.split([' ', '-']).filter(|w| !w.is_empty());
    let own = match recipient {
        // One given name says no more than a telephone number does.
        Recipient::Unknown => words.next().is_some_and(is_word) && words.next().is_none(),
        Recipient::Words(known) => words.all(|word| {
            is_word(word) && known.iter().any(|k| *k == word.trim_end_matches('.').to_lowercase())
        }),
    };
    own.then(|| Span::at(from, from + name.len()))
}

fn is_word(word: &str) -> bool {
    word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '\u{2019}' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(allowed: &Allowed, text: &str, recipient: &Recipient) -> Vec<String> {
        let places = allowed.places(text.as_bytes(), recipient);
        let all = places.fixed.iter().chain(&places.name);
        all.filter(|s| !s.is_empty()).map(|s| text[s.range()].to_owned()).collect()
    }

    #[test]
    fn links_end_where_their_pattern_does() {
        let link = |text: &str| Allowed { links: vec![text.parse().unwrap()], ..Allowed::default() };
        let fixed = link("https://portal.example.org/login");
        let opaque = link("https://portal.example.org/m/{id}/view");
        let cases: [(&Allowed, &str, &[&str]); 12] = [
            (&fixed, "Go to https://portal.example.org/login.", &["https://portal.example.org/login"]),
            (&fixed, "<https://portal.example.org/login>", &["https://portal.example.org/login"]),
            (&fixed, "https://portal.example.org/login, or call", &["https://portal.example.org/login"]),
            (&fixed, "https://portal.example.org/login?mrn=4471902", &[]),
            (&fixed, "https://portal.example.org/login/4471902", &[]),
            (&fixed, "https://portal.example.org/login.4471902", &[]),
            (&fixed, "https://evil.example/?u=https://portal.example.org/login", &[]),
            (&fixed, "https://portal.example.org.evil/login", &[]),
            (
                &opaque,
                "see https://portal.example.org/m/aZ09-_~/view",
                &["https://portal.example.org/m/aZ09-_~/view"],
            ),
            (&opaque, "see https://portal.example.org/m//view", &[]),
            (&opaque, "see https://portal.example.org/m/a%20b/view", &[]),
            (&opaque, "see https://portal.example.org/m/a/b/view", &[]),
        ];
        for (allowed, text, want) in cases {
            assert_eq!(kept(allowed, text, &Recipient::Unknown), want, "{text}");
            assert_eq!(allowed.is_link(text.as_bytes()), want == [text], "{text}");
        }
    }

    #[test]
    fn an_id_in_a_link_is_no_licence_for_identifiers() {
        let allowed =
            Allowed { links: vec!["https://p.example/m/{id}".parse().unwrap()], ..Allowed::default() };
        let text = b"https://p.example/m/219-10-9999";
        let places = allowed.places(text, &Recipient::Unknown);
        assert!(
            places.keep(Kind::Url, Span::at(0, text.len())) && places.keep(Kind::UniqueId, Span::at(20, 31))
        );
        assert!(!places.keep(Kind::Ssn, Span::at(20, 31)) && !places.keep(Kind::Mrn, Span::at(18, 24)));
        assert!(!places.keep(Kind::Url, Span::at(0, text.len() + 1)));
    }

    #[test]
    fn what_is_fixed_in_a_template_stays_and_its_places_are_scanned() {
        let template =
            |text: &str| Allowed { templates: vec![Template::new("t", text).unwrap()], ..Allowed::default() };
        let call = template("Your visit is on {when}. Call Ross Clinic at 555-0100.");
        let whole = template("Your results are in.");
        let cases: [(&Allowed, &str, &[&str]); 6] = [
            (
                &call,
                "Your visit is on 3 May. Call Ross Clinic at 555-0100.",
                &["Your visit is on ", ". Call Ross Clinic at 555-0100."],
            ),
            (&call, "Your visit is on 3 May. Call Ross Clinic at 555-0101.", &[]),
            (&call, "Maria, Your visit is on 3 May. Call Ross Clinic at 555-0100.", &[]),
            (&whole, " Your results are in.\n", &["Your results are in."]),
            (&whole, "Your results are in. SSN 219-10-9999", &[]),
            (&whole, "", &[]),
        ];
        for (allowed, text, want) in cases {
            assert_eq!(kept(allowed, text, &Recipient::Unknown), want, "{text}");
        }
        let places =
            call.places(b"Your visit is on 3 May. Call Ross Clinic at 555-0100.", &Recipient::Unknown);
        assert!(places.keep(Kind::Phone, Span::at(44, 52)) && !places.keep(Kind::Date, Span::at(17, 22)));
        assert!(!places.keep(Kind::Date, Span::at(14, 22)));
        for (text, why) in [
            ("{a}{b} and a longer text", "next to each other"),
            ("{a} ok", "hardly any text"),
            ("an open { brace here", "not closed"),
            ("a {x {y} z} longer text", "braces in braces"),
        ] {
            assert!(Template::new("t", text).unwrap_err().contains(why), "{text}");
        }
        for (text, why) in [
            ("portal.example.org", "no link"),
            ("https://{host}/a", "place in its host"),
            ("https://a.b{c}/a", "place in its host"),
            ("https://a.b/ä", "no link holds"),
        ] {
            assert!(text.parse::<LinkPattern>().unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn a_greeting_holds_the_recipients_own_name() {
        let allowed = Allowed { greeting: true, ..Allowed::default() };
        let maria = Recipient::Words(["maria", "lopez", "m"].map(str::to_owned).to_vec());
        let cases: [(&str, &Recipient, &[&str]); 13] = [
            ("Dear Maria Lopez,\nyour visit", &maria, &["Maria Lopez"]),
            ("Example Clinic\n\n Hi Maria! A note", &maria, &["Maria"]),
            ("Dear Ms. Lopez: a note", &maria, &["Lopez"]),
            ("dear m. lopez, a note", &maria, &["m. lopez"]),
            ("Dear John Smith,", &maria, &[]),
            ("Dear Maria Smith,", &maria, &[]),
            ("Dear parent of Maria,", &maria, &[]),
            ("About Maria Lopez: dear Maria", &maria, &[]),
            ("Dearest Maria", &maria, &[]),
            ("Hi Maria, your visit", &Recipient::Unknown, &["Maria"]),
            ("Hi Maria Lopez, your visit", &Recipient::Unknown, &[]),
            ("Hi 4471902, your visit", &Recipient::Unknown, &[]),
            ("Dear Maria,", &Recipient::Words(Vec::new()), &[]),
        ];
        for (text, recipient, want) in cases {
            assert_eq!(kept(&allowed, text, recipient), want, "{text}");
        }
        let places = allowed.places(b"Hi Maria, ok", &Recipient::Unknown);
        assert!(places.keep(Kind::Name, Span::at(3, 8)) && !places.keep(Kind::Mrn, Span::at(3, 8)));
        assert!(
            !Allowed::default().places(b"Hi Maria, ok", &Recipient::Unknown).keep(Kind::Name, Span::at(3, 8))
        );
    }
}
