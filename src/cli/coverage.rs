//! Which kinds are found in which positions of a record, by trial: an example of each detector is put into each
//! position, goes through the pipeline's own scrubber, and must not come out.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::scan::json_string;
use crate::codec::Format;
use crate::kind::Kind;
use crate::policy::{Action, Profile};
use crate::record::{Batch, Origin, Timestamp};
use crate::scrubber::{KeyAction, Outgoing, Scratch, Scrubber, Settings};
use crate::transform::ZIP3_VERSION;

/// A place in a record where an identifier can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Position {
    Value,
    Key,
    Number,
    Header,
    KafkaKey,
    Timestamp,
}

impl Position {
    const ALL: [(Position, &'static str); 6] = [
        (Position::Value, "value"),
        (Position::Key, "key"),
        (Position::Number, "number"),
        (Position::Header, "header"),
        (Position::KafkaKey, "kafka key"),
        (Position::Timestamp, "timestamp"),
    ];
}

/// What a trial showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// It does not come out.
    Yes,
    /// It does.
    Gap,
    /// There is no such position, or the kind cannot stand there.
    None,
}

/// What is covered by a pipeline.
pub(super) struct Coverage {
    cells: BTreeMap<(Kind, Position), Cover>,
    no_detector: Vec<Kind>,
    exceptions: Vec<String>,
}

/// Tries every kind in every position. `kafka` says whether records have keys, headers and timestamps.
pub(super) fn measure(settings: &Settings, kafka: bool) -> Coverage {
    // A trial leaves nothing in a vault: markers stand in for what takes a key.
    let settings = &Settings { keys: None, stamp: None, ..settings.clone() };
    // What would be hidden if no rule and no choice of kinds let anything stand.
    let mut strict = settings.clone();
    strict.policy.rules.clear();
    strict.policy.kinds = None;
    let trial = Trial {
        scrubber: Scrubber::new(settings.clone()),
        strict: Scrubber::new(strict),
        json: settings.codec.format != Format::Plain,
        kafka,
        keeps_timestamps: !settings.policy.profile.refuses_derived(),
        // A key that is replaced whole is covered, whatever stands in it.
        replaces_keys: matches!(settings.key_action, KeyAction::Hmac(_)),
    };
    let mut coverage =
        Coverage { cells: BTreeMap::new(), no_detector: Vec::new(), exceptions: exceptions(settings, kafka) };
    let mut scratch = Scratch::default();
    for &kind in Kind::ALL {
        let examples = examples(settings, kind);
        if examples.is_empty() {
            coverage.no_detector.push(kind);
        }
        for (position, _) in Position::ALL {
            let cover = trial.cover(kind, position, &examples, &mut scratch);
            coverage.cells.insert((kind, position), cover);
        }
    }
    coverage
}

/// A pipeline's scrubber, to be tried.
struct Trial {
    scrubber: Scrubber,
    strict: Scrubber,
    json: bool,
    kafka: bool,
    keeps_timestamps: bool,
    replaces_keys: bool,
}

impl Trial {
    fn cover(&self, kind: Kind, position: Position, examples: &[Example], scratch: &mut Scratch) -> Cover {
        let exists = match position {
            Position::Value => true,
            Position::Key => self.json,
            Position::Number => self.json && can_be_number(kind),
            Position::Header | Position::KafkaKey => self.kafka,
            Position::Timestamp => self.kafka && kind == Kind::Date,
        };
        let hidden = match position {
            _ if !exists => return Cover::None,
            Position::Timestamp => !self.keeps_timestamps,
            Position::KafkaKey if self.replaces_keys => true,
            // One detector is enough; but what the detectors find no rule may let stand.
            _ => {
                let mut hides = |s: &Scrubber, e| self.hides(s, e, position, scratch) == Some(true);
                let mut found = examples.iter().filter(|e| hides(&self.strict, e)).collect::<Vec<_>>();
                let some = !found.is_empty();
                found.retain(|e| !hides(&self.scrubber, e));
                some && found.is_empty()
            }
        };
        if hidden { Cover::Yes } else { Cover::Gap }
    }
}

/// Whether an identifier of this kind can be a JSON number.
fn can_be_number(kind: Kind) -> bool {
    use Kind::{Account, Age, Date, Device, Fax, Geo, HealthPlanId, License, Mrn, Phone, Ssn, UniqueId, Zip};
    matches!(
        kind,
        Account
            | Age
            | Date
            | Device
            | Fax
            | Geo
            | HealthPlanId
            | License
            | Mrn
            | Phone
            | Ssn
            | UniqueId
            | Zip
    )
}

/// An example of a detector: text before, the identifier, text after, and the fields it may stand in.
struct Example {
    before: String,
    secret: String,
    after: String,
    field: Option<String>,
}

impl Example {
    /// The identifier as a JSON number, if it is one or made of digits.
    fn number(&self) -> Option<String> {
        let is_decimal =
            self.secret.contains('.') && self.secret.bytes().all(|b| matches!(b, b'-' | b'.' | b'0'..=b'9'));
        if is_decimal && serde_json::from_str::<f64>(&self.secret).is_ok() {
            return Some(self.secret.clone());
        }
        let digits = self.secret.replace(['-', ' ', '.', '(', ')', '+'], "");
        let good = (1..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        (good && !digits.starts_with('0')).then_some(digits)
    }
}

fn examples(settings: &Settings, kind: Kind) -> Vec<Example> {
    let detectors = settings.engine.detectors().iter().filter(|d| d.kind == kind);
    let examples = detectors.flat_map(|d| {
        d.examples.iter().filter_map(|text| {
            let (before, rest) = text.split_once('«')?;
            let (secret, after) = rest.split_once('»')?;
            let after = after.replace(['«', '»'], "");
            let field = d.fields.first().map(|f| f.trim_matches('*').to_owned());
            Some(Example { before: before.to_owned(), secret: secret.to_owned(), after, field })
        })
    });
    examples.collect()
}

impl Trial {
    /// Whether the identifier is gone when it stood there; `None` if it cannot stand there.
    fn hides(
        &self,
        scrubber: &Scrubber,
        example: &Example,
        position: Position,
        scratch: &mut Scratch,
    ) -> Option<bool> {
        let Example { before, secret, after, field } = example;
        let text = format!("{before}{secret}{after}");
        let mut planted = secret.clone();
        let mut payload = Vec::new();
        match position {
            Position::Value if self.json => object("message", &text, &mut payload),
            Position::Value => payload.extend_from_slice(text.as_bytes()),
            Position::Key => object(&text, "x", &mut payload),
            Position::Number => {
                planted = example.number()?;
                payload.push(b'{');
                json_string(field.as_deref().unwrap_or("value"), &mut payload);
                payload.extend_from_slice(format!(":{planted}}}").as_bytes());
            }
            _ if self.json => object("message", "ok", &mut payload),
            _ => payload.extend_from_slice(b"ok"),
        }
        let mut batch = Batch::new();
        let span = batch.append(&payload);
        let key = (position == Position::KafkaKey).then(|| batch.append(text.as_bytes()));
        if position == Position::Header {
            batch.push_header(b"x-text", Some(text.as_bytes()));
        }
        let (topic, timestamp) = ("t".into(), Timestamp::None);
        let origin = Origin::Kafka { topic, partition: 0, offset: 0, timestamp };
        batch.push_message(origin, Some(span), key, usize::from(position == Position::Header));
        let scrubbed = scrubber.scrub(batch, scratch).ok()?;
        let leaks =
            |bytes: Option<&[u8]>| bytes.is_some_and(|b| String::from_utf8_lossy(b).contains(&planted));
        Some(scrubbed.iter().all(|outgoing| match outgoing {
            Outgoing::Clean(clean) => {
                !leaks(clean.payload())
                    && !leaks(clean.key())
                    && !clean.headers().any(|(_, value)| leaks(value))
            }
            Outgoing::Sealed(_) => true,
        }))
    }
}

fn object(key: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b'{');
    json_string(key, out);
    out.push(b':');
    json_string(value, out);
    out.push(b'}');
}

/// What stays on purpose, by name.
fn exceptions(settings: &Settings, kafka: bool) -> Vec<String> {
    let mut all = Vec::new();
    let profile = settings.policy.profile;
    let mut stays = |what: &str| all.push(format!("profile {}: {what}", profile.name()));
    if profile.keeps_logs_useful() {
        stays("the line's own event time stays");
        stays("private and loopback addresses stay");
        stays("scheme, host and route of a url stay");
    }
    if kafka && !profile.refuses_derived() {
        stays("Kafka timestamps stay");
    }
    if profile == Profile::Notification {
        stays("in the header of a mail its ids, references, trace, dates, signatures and addresses stay");
        stays("whom a text message or a request goes to stays");
    }
    match profile {
        Profile::Logs => {}
        Profile::SafeHarbor | Profile::Notification => {
            stays("of a date its year stays, unless it tells of an age over 89");
            stays(&format!(
                "of a ZIP code three digits stay, or 000 (table of the censuses of {ZIP3_VERSION})"
            ));
            stays("an age over 89 becomes 90+");
        }
        Profile::LimitedDataSet => stays("dates, ages, cities and ZIP codes stay; the output is PHI"),
        Profile::Pseudonymised => stays("what has a token can be joined; the output is PHI"),
    }
    if let Some(allowed) = &settings.policy.allowed {
        if allowed.greeting {
            all.push("greeting: the recipient's own name stays behind Dear, Hello and the like".to_owned());
        }
        all.extend(allowed.templates.iter().map(|t| format!("template {}: its own words stay", t.name)));
        all.extend(allowed.links.iter().map(|link| format!("link {link}: stays")));
    }
    if settings.policy.threshold() > settings.policy.profile.threshold() {
        let (set, usual) = (settings.policy.threshold(), settings.policy.profile.threshold());
        all.push(format!("threshold {set}: findings from {usual} on would act by the profile"));
    }
    for (i, rule) in settings.policy.rules.iter().enumerate() {
        if matches!(rule.action, Action::Keep | Action::Mask { .. }) {
            let kinds: Vec<&str> = match rule.kinds == crate::KindSet::ALL {
                true => vec!["every kind"],
                false => rule.kinds.iter().map(Kind::name).collect(),
            };
            let place = rule.path.as_ref().map_or("everywhere".to_owned(), |p| format!("at {}", p.as_str()));
            let verb = match rule.action {
                Action::Mask { keep_last, .. } if keep_last > 0 => {
                    format!("the last {keep_last} characters stay")
                }
                Action::Mask { .. } => continue,
                _ => "stays".to_owned(),
            };
            all.push(format!("rule {}: {} {place}: {verb}", i + 1, kinds.join(", ")));
        }
    }
    all
}

impl Coverage {
    fn has_gap(&self) -> bool {
        self.cells.values().any(|c| *c == Cover::Gap)
    }

    /// What profiles `safe-harbor` and `notification` cover and this does not, in a sentence; other profiles promise nothing.
    pub(super) fn gaps(&self, profile: Profile) -> Option<String> {
        if !profile.refuses_derived() || !self.has_gap() {
            return None;
        }
        let names = |kinds: &[Kind]| kinds.iter().map(|k| k.name()).collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        if !self.no_detector.is_empty() {
            parts.push(format!("no detector finds {}", names(&self.no_detector)));
        }
        let mut nowhere = Vec::new();
        for &kind in Kind::ALL.iter().filter(|k| !self.no_detector.contains(k)) {
            let cover = |position| self.cells.get(&(kind, position)).copied().unwrap_or(Cover::None);
            let open: Vec<&str> = Position::ALL
                .iter()
                .filter(|(p, _)| cover(*p) == Cover::Gap)
                .map(|(_, name)| *name)
                .collect();
            if !open.is_empty() && Position::ALL.iter().all(|(p, _)| cover(*p) != Cover::Yes) {
                nowhere.push(kind);
            } else if !open.is_empty() {
                parts.push(format!("{kind} stays in a {}", open.join(", ")));
            }
        }
        if !nowhere.is_empty() {
            parts.push(format!("nothing is done with {}", names(&nowhere)));
        }
        Some(format!("profile {} has gaps: {}", profile.name(), parts.join("; ")))
    }

    /// The table, the gaps and the exceptions.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "  {:<2} {:<15}", "", "kind")?;
        for (_, name) in Position::ALL {
            write!(out, " {name:<9}")?;
        }
        writeln!(out)?;
        for &kind in Kind::ALL {
            write!(out, "  {:<2} {:<15}", kind.letter(), kind)?;
            for (position, _) in Position::ALL {
                let word = match self.cells.get(&(kind, position)) {
                    Some(Cover::Yes) => "yes",
                    Some(Cover::Gap) => "GAP",
                    Some(Cover::None) | None => "-",
                };
                write!(out, " {word:<9}")?;
            }
            writeln!(out)?;
        }
        if !self.no_detector.is_empty() {
            let names: Vec<&str> = self.no_detector.iter().map(|k| k.name()).collect();
            writeln!(out, "  no detector: {}", names.join(", "))?;
        }
        self.exceptions.iter().try_for_each(|e| writeln!(out, "  exception: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KindSet;
    use crate::codec::Codec;
    use crate::detect::Engine;
    use crate::policy::{Policy, Rule};

    fn settings(policy: Policy, format: Format) -> Settings {
        Settings { policy, codec: Codec::new(format), ..Settings::new() }
    }

    /// Profile `safe-harbor` with an engine that has no detector for one kind.
    fn without(kind: Kind) -> Settings {
        let packs = Engine::builtin_packs().into_iter().filter(|p| p.kinds().all(|k| k != kind));
        let engine = Engine::new(&packs.collect::<Vec<_>>()).unwrap().into();
        let policy = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
        Settings { engine, ..settings(policy, Format::Json) }
    }

    fn cell(coverage: &Coverage, kind: Kind, position: Position) -> Cover {
        coverage.cells[&(kind, position)]
    }

    #[test]
    fn what_is_found_is_covered_where_records_have_such_places() {
        let policy = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
        let json = measure(&settings(policy.clone(), Format::Json), true);
        for position in
            [Position::Value, Position::Key, Position::Number, Position::Header, Position::KafkaKey]
        {
            assert_eq!(cell(&json, Kind::Ssn, position), Cover::Yes, "{position:?}");
        }
        assert_eq!(cell(&json, Kind::Date, Position::Timestamp), Cover::Yes);
        assert_eq!(cell(&json, Kind::Ssn, Position::Timestamp), Cover::None);
        assert_eq!(cell(&json, Kind::Email, Position::Number), Cover::None);
        let plain = measure(&settings(policy, Format::Plain), false);
        assert_eq!(cell(&plain, Kind::Ssn, Position::Value), Cover::Yes);
        for position in [Position::Key, Position::Number, Position::Header, Position::KafkaKey] {
            assert_eq!(cell(&plain, Kind::Ssn, position), Cover::None, "{position:?}");
        }
        // With packs for every kind there is no gap; without one for a kind that has to show.
        assert!(!json.has_gap() && json.no_detector.is_empty());
        let without = measure(&without(Kind::Biometric), false);
        assert_eq!(cell(&without, Kind::Biometric, Position::Value), Cover::Gap);
        assert!(without.has_gap() && without.no_detector.contains(&Kind::Biometric));
    }

    #[test]
    fn what_a_rule_keeps_is_a_gap_or_a_named_exception() {
        let rule = |path: Option<&str>, action| Rule {
            kinds: crate::KindSet::EMPTY.with(Kind::Ssn),
            path: path.map(|p| p.parse().unwrap()),
            min_confidence: 0.0,
            action,
        };
        let with = |rule| {
            let policy = Policy { profile: Profile::SafeHarbor, rules: vec![rule], ..Policy::default() };
            measure(&settings(policy, Format::Json), false)
        };
        let all = with(rule(None, Action::Keep));
        assert_eq!(cell(&all, Kind::Ssn, Position::Value), Cover::Gap);
        let one = with(rule(Some("$.public"), Action::Keep));
        assert_eq!(cell(&one, Kind::Ssn, Position::Value), Cover::Yes);
        let of_rules = |c: &Coverage| -> Vec<String> {
            c.exceptions.iter().filter(|e| e.starts_with("rule")).cloned().collect()
        };
        assert_eq!(of_rules(&one), ["rule 1: ssn at $.public: stays"]);
        let mask = with(rule(None, Action::Mask { keep_last: 4, with: '*' }));
        assert_eq!(of_rules(&mask), ["rule 1: ssn everywhere: the last 4 characters stay"]);
        let not_wanted = Policy { kinds: Some(crate::KindSet::EMPTY.with(Kind::Mrn)), ..Policy::default() };
        let not_wanted = measure(&settings(not_wanted, Format::Json), false);
        assert_eq!(cell(&not_wanted, Kind::Ssn, Position::Value), Cover::Gap);
    }

    #[test]
    fn gaps_are_a_sentence_under_safe_harbor() {
        let policy = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
        assert_eq!(measure(&settings(policy.clone(), Format::Json), false).gaps(Profile::SafeHarbor), None);
        let all = measure(&without(Kind::Photo), false);
        let said = all.gaps(Profile::SafeHarbor).unwrap();
        let begins = "profile safe-harbor has gaps: no detector finds ";
        assert!(said.starts_with(begins) && said.contains(Kind::Photo.name()), "{said}");
        assert!(!said.contains("ssn"), "{said}");
        assert_eq!(all.gaps(Profile::Logs), None);
        let ssn = KindSet::EMPTY.with(Kind::Ssn);
        let keep = Rule {
            kinds: ssn,
            path: Some("$.*".parse().unwrap()),
            min_confidence: 0.0,
            action: Action::Keep,
        };
        let some = measure(&settings(Policy { rules: vec![keep], ..policy.clone() }, Format::Json), false);
        let said = some.gaps(Profile::SafeHarbor).unwrap();
        assert!(said.contains("ssn stays in a value, number"), "{said}");
        let few = Policy { kinds: Some(KindSet::ALL.without(Kind::Ssn).without(Kind::Mrn)), ..policy };
        let said = measure(&settings(few, Format::Json), false).gaps(Profile::SafeHarbor).unwrap();
        assert!(said.ends_with("; nothing is done with ssn, mrn"), "{said}");
    }

    #[test]
    fn the_table_names_every_kind() {
        let mut out = Vec::new();
        measure(&settings(Policy::default(), Format::Auto), true).print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for kind in Kind::ALL {
            assert!(text.contains(kind.name()), "{kind}");
        }
        assert!(text.contains("exception: profile logs: Kafka timestamps stay"), "{text}");
    }
}
