//! Transforms that take a key, through the whole scrubber.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use crate::keys::Ring;
use crate::kind::{Kind, KindSet};
use crate::policy::{Action, Policy, Profile, Rule};
use crate::record::{Batch, Origin, Timestamp};
use crate::scrubber::{Keys, Outgoing, Scratch, Scrubber, Settings, Stamp, StampPlace, Tenant};
use crate::transform::{Failed, Keyed, NewToken, TokenForm, Tokens};

/// A vault in memory, which can fail.
#[derive(Default)]
struct Memory {
    tokens: Mutex<HashMap<[u8; 32], [u8; 16]>>,
    commits: Mutex<u32>,
    broken: bool,
    /// It takes no longer values; any if that is not said.
    longest: Option<usize>,
}

impl Tokens for Memory {
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<[u8; 16]>, Failed> {
        if items.iter().any(|item| self.longest.is_some_and(|longest| item.value.len() > longest)) {
            return Err(Failed::Record("a value is too long for the vault"));
        }
        let mut tokens = self.tokens.lock().unwrap();
        let mut token = |item: &NewToken<'_>| {
            let next = [tokens.len() as u8 + 1; 16];
            *tokens.entry(item.tag).or_insert(next)
        };
        Ok(items.iter().map(&mut token).collect())
    }

    fn commit(&self) -> Result<(), &'static str> {
        *self.commits.lock().unwrap() += 1;
        if self.broken { Err("the vault cannot be written to") } else { Ok(()) }
    }
}

fn rule(kinds: KindSet, action: Action) -> Rule {
    Rule { kinds, path: None, min_confidence: 0.0, action }
}

fn policy(profile: Profile, action: Option<Action>) -> Policy {
    let rules = action.map(|a| rule(KindSet::ALL, a)).into_iter().collect();
    Policy { profile, rules, ..Policy::default() }
}

fn with(policy: Policy, keyed: Keyed, tenant: Tenant, subject: Option<&str>) -> Scrubber {
    let subject = subject.map(|s| s.parse().unwrap());
    let keys = Some(Keys::new(Arc::new(keyed), tenant, subject, &policy));
    Scrubber::new(Settings { policy, keys, ..Settings::new() })
}

fn keyed() -> Keyed {
    Keyed::new(Arc::new(Ring::of_tests()), 2026).unwrap().with_vault(Arc::new(Memory::default()))
}

fn scrubber(action: Action) -> Scrubber {
    with(policy(Profile::Logs, Some(action)), keyed(), Tenant::default(), None)
}

fn scrub(scrubber: &Scrubber, text: &str) -> String {
    String::from_utf8(scrubber.scrub_text(text.as_bytes(), &mut Scratch::default()).unwrap()).unwrap()
}

const SHIFT: Action = Action::DateShift { days: 365 };

#[test]
fn one_value_has_one_token_however_it_stands() {
    for action in [Action::Pseudonym, Action::Token] {
        let scrubber = scrubber(action);
        let plain = scrub(&scrubber, "SSN: 219-10-9999, again SSN 219 10 9999");
        let token = plain.split([' ', ',']).nth(1).unwrap();
        assert!(token.starts_with("[SSN:"), "{plain}");
        assert_eq!(plain, format!("SSN: {token}, again SSN {token}"));
        assert_eq!(
            scrub(&scrubber, r#"{"ssn":219109999,"note":"x"}"#),
            format!(r#"{{"ssn":"{token}","note":"x"}}"#)
        );
        assert_eq!(
            scrub(&scrubber, r#"{"a":{"ssn":2.19109999E8}}"#),
            format!(r#"{{"a":{{"ssn":"{token}"}}}}"#)
        );
    }
}

#[test]
fn tokens_are_known_again_and_invented_ones_are_scanned() {
    for action in [Action::Pseudonym, Action::Token, Action::Seal] {
        let scrubber = scrubber(action);
        for text in [
            "Patient: Ana Keller, MRN 4471902, phone (415) 555-2671, SSN 219-10-9999",
            r#"{"msg":"Patient: Ana Keller, MRN 4471902","mrn":4471902,"ip":"12.1.2.3","email":"ana@keller.org"}"#,
        ] {
            let once = scrub(&scrubber, text);
            assert!(!once.contains("Keller") && !once.contains("4471902") && once.contains(":"), "{once}");
            assert_eq!(scrub(&scrubber, &once), once);
        }
    }
    let scrubber = scrubber(Action::Pseudonym);
    let body = "0".repeat(34);
    for invented in [
        "[SSN:v1:219-10-9999]".to_owned(),
        "[SSN:p1:219-10-9999]".to_owned(),
        format!("[SSN:p1:{body}] 219-10-9999"),
    ] {
        let out = scrub(&scrubber, &invented);
        assert!(!out.contains("219-10-9999"), "{out}");
    }
    // What another ring made is text.
    let marked = scrub(&scrubber, "SSN 219-10-9999");
    let other = with(policy(Profile::Logs, Some(Action::Redact)), keyed(), Tenant::default(), None);
    assert_eq!(scrub(&other, &marked), marked, "the same ring knows it");
}

#[test]
fn a_number_becomes_a_string() {
    let out = scrub(&scrubber(Action::FormatPreserving), r#"{"ssn":219109999}"#);
    assert!(out.starts_with(r#"{"ssn":""#) && out.len() == r#"{"ssn":"219109999"}"#.len(), "{out}");
}

#[test]
fn dates_move_with_the_person_of_the_record() {
    let scrubber = scrubber(SHIFT);
    let day = |text: &str| {
        text.split(&['"', ' ', ','][..]).find(|w| w.starts_with("20") && w.len() == 10).map(str::to_owned)
    };
    // The person may be named behind the date, and in text.
    let a = day(&scrub(&scrubber, r#"{"admitted":"2021-03-05","patient_id":"P-4471902"}"#)).unwrap();
    let b = day(&scrub(&scrubber, r#"{"patientId":"p4471902","visit_date":"2021-03-05"}"#)).unwrap();
    assert_eq!(a, b);
    assert_ne!(a, "2021-03-05");
    let c = day(&scrub(&scrubber, r#"{"visit_date":"2021-03-05","patient_id":"P-4471903"}"#)).unwrap();
    assert_ne!(a, c, "another person");
    // Nobody, or two of them: a marker.
    assert_eq!(scrub(&scrubber, r#"{"visit_date":"2021-03-05"}"#), r#"{"visit_date":"[DATE]"}"#);
    let two = r#"{"x":[{"patient_id":"1","visit_date":"2021-03-05"},{"patient_id":"2","visit_date":"2021-03-05"}]}"#;
    assert!(day(&scrub(&scrubber, two)).is_none());
    let path = with(policy(Profile::Logs, Some(SHIFT)), keyed(), Tenant::default(), Some("$.case"));
    assert!(day(&scrub(&path, r#"{"visit_date":"2021-03-05","case":"77"}"#)).is_some());
}

#[test]
fn dates_of_a_line_of_text_move_with_its_mrn() {
    let rules = vec![rule(KindSet::EMPTY.with(Kind::Date), SHIFT)];
    let scrubber = with(Policy { rules, ..Policy::default() }, keyed(), Tenant::default(), None);
    let out = scrub(&scrubber, "MRN 4471902 admitted 2021-03-05, discharged 2021-03-15");
    let days: Vec<&str> = out.split([' ', ',']).filter(|w| w.starts_with("20")).collect();
    assert!(out.starts_with("MRN [MRN] admitted ") && days.len() == 2, "{out}");
}

fn message(payload: Option<&str>, key: Option<&str>, tenant: Option<&str>) -> Batch {
    let mut batch = Batch::new();
    let payload = payload.map(|p| batch.append(p.as_bytes()));
    let key = key.map(|k| batch.append(k.as_bytes()));
    if let Some(tenant) = tenant {
        batch.push_header(b"x-tenant", Some(tenant.as_bytes()));
    }
    let origin = Origin::Kafka { topic: "t".into(), partition: 0, offset: 0, timestamp: Timestamp::None };
    batch.push_message(origin, payload, key, usize::from(tenant.is_some()));
    batch
}

fn forwarded(scrubber: &Scrubber, batch: Batch) -> (String, String) {
    let done = scrubber.scrub(batch, &mut Scratch::default()).unwrap();
    let text = |b: Option<&[u8]>| String::from_utf8(b.unwrap_or_default().to_vec()).unwrap();
    match done.iter().next().unwrap() {
        Outgoing::Clean(clean) => (text(clean.payload()), text(clean.key())),
        Outgoing::Sealed(_) => panic!("sealed"),
    }
}

#[test]
fn each_tenant_has_tokens_of_its_own() {
    let pseudonyms = || policy(Profile::Pseudonymised, None);
    let by_header = with(pseudonyms(), keyed(), Tenant::Header("x-tenant".into()), None);
    let by_path = with(pseudonyms(), keyed(), Tenant::Path("$.org.tenant".parse().unwrap()), None);
    let fixed = |t: &str| with(pseudonyms(), keyed(), Tenant::Fixed(t.into()), None);
    let payload = |tenant: &str| format!(r#"{{"ssn":"219-10-9999","org":{{"tenant":"{tenant}"}}}}"#);
    let token = |out: &str| out.split('"').nth(3).unwrap().to_owned();
    let (a, _) = forwarded(&by_header, message(Some(&payload("x")), None, Some("a")));
    let (b, _) = forwarded(&by_header, message(Some(&payload("x")), None, Some("b")));
    let (c, _) = forwarded(&by_path, message(Some(&payload("a")), None, None));
    let d = scrub(&fixed("a"), &payload("x"));
    assert_ne!(token(&a), token(&b));
    assert_eq!(token(&a), token(&c));
    assert_eq!(token(&a), token(&d));
    // No tenant, no token: the record cannot be written.
    let (none, _) = forwarded(&by_header, message(Some(&payload("x")), None, None));
    assert_eq!(none, r#"{"scrubjay":"unreadable"}"#);
    // What holds nothing needs no tenant.
    assert_eq!(forwarded(&by_header, message(Some(r#"{"a":1}"#), None, None)).0, r#"{"a":1}"#);
}

/// What becomes of a key follows from the key alone, or compaction would keep both a record and its deletion.
#[test]
fn keys_become_the_same_with_and_without_a_payload() {
    for tenant in
        [Tenant::default(), Tenant::Header("x-tenant".into()), Tenant::Path("$.tenant".parse().unwrap())]
    {
        let scrubber = with(policy(Profile::Pseudonymised, None), keyed(), tenant, None);
        let (_, a) = forwarded(
            &scrubber,
            message(Some(r#"{"mrn":"4471902","tenant":"q"}"#), Some("MRN 4471902"), Some("a")),
        );
        let (_, b) = forwarded(&scrubber, message(None, Some("MRN 4471902"), Some("a")));
        assert_eq!(a, b);
        assert!(a.starts_with("MRN [MRN:p1:"), "{a}");
    }
}

#[test]
fn what_the_vault_could_not_keep_goes_nowhere() {
    let vault = Arc::new(Memory { broken: true, ..Memory::default() });
    let keyed = Keyed::new(Arc::new(Ring::of_tests()), 2026).unwrap().with_vault(vault.clone());
    let scrubber = with(policy(Profile::SafeHarbor, Some(Action::Token)), keyed, Tenant::default(), None);
    let mut scratch = Scratch::default();
    let failed = scrubber.scrub_text(b"SSN 219-10-9999", &mut scratch).unwrap_err();
    assert_eq!(failed.reason, "the vault cannot be written to");
    // Where no token was given out nothing is committed.
    let before = *vault.commits.lock().unwrap();
    assert!(scrubber.scrub_text(b"nothing here", &mut scratch).is_ok());
    assert_eq!(*vault.commits.lock().unwrap(), before);
    let keyed = Keyed::new(Arc::new(Ring::of_tests()), 2026).unwrap();
    let scrubber = with(policy(Profile::Logs, Some(Action::Token)), keyed, Tenant::default(), None);
    let failed = scrubber.scrub_text(b"SSN 219-10-9999", &mut scratch).unwrap_err();
    assert_eq!(failed.reason, "there is no vault to keep tokens in");
}

/// One value that no vault takes is its record's failure, not the pipeline's.
#[test]
fn what_no_vault_takes_stops_nothing() {
    let vault = Arc::new(Memory { longest: Some(64), ..Memory::default() });
    let keyed = Keyed::new(Arc::new(Ring::of_tests()), 2026).unwrap().with_vault(vault);
    let scrubber = with(policy(Profile::Logs, Some(Action::Token)), keyed, Tenant::default(), None);
    let long = format!("mail to {}@example.org", "a".repeat(60));
    assert_eq!(scrub(&scrubber, &long), "[UNREADABLE]");
    assert!(scrub(&scrubber, "SSN 219-10-9999").starts_with("SSN [SSN:t1:"));
}

#[test]
fn profiles() {
    let text = r#"{"ts":"2026-03-01T00:00:01Z","msg":"Patient: Ana Keller, age 93, admitted 2021-03-05, Boston, MA 02115","dob":"1931-03-05"}"#;
    for (profile, want) in [
        (
            Profile::SafeHarbor,
            r#"{"ts":"2026","msg":"Patient: [NAME], age 90+, admitted 2021, [CITY], MA 021","dob":"[DATE]"}"#,
        ),
        (
            Profile::LimitedDataSet,
            r#"{"ts":"2026-03-01T00:00:01Z","msg":"Patient: [NAME], age 93, admitted 2021-03-05, Boston, MA 02115","dob":"1931-03-05"}"#,
        ),
        (
            Profile::Logs,
            r#"{"ts":"2026-03-01T00:00:01Z","msg":"Patient: [NAME], age [AGE], admitted [DATE], [CITY], MA [ZIP]","dob":"[DATE]"}"#,
        ),
    ] {
        let scrubber = Scrubber::new(Settings { policy: policy(profile, None), ..Settings::new() });
        let once = scrub(&scrubber, text);
        assert_eq!(once, want);
        assert_eq!(scrub(&scrubber, &once), once, "{}", profile.name());
    }
    let scrubber = with(policy(Profile::Pseudonymised, None), keyed(), Tenant::default(), None);
    let out = scrub(&scrubber, text);
    assert!(out.starts_with(r#"{"ts":"2026-03-01T00:00:01Z","msg":"Patient: [NAME:p1:"#), "{out}");
}

/// 45 CFR 164.514(c): a code that is derived from the value does not stay, whoever made it.
#[test]
fn safe_harbor_lets_no_derived_token_through() {
    let made = |action| {
        let scrubber = with(policy(Profile::Logs, Some(action)), keyed(), Tenant::default(), None);
        let out = scrub(&scrubber, "SSN 219-10-9999");
        out.strip_prefix("SSN ").unwrap().to_owned()
    };
    let (pseudonym, sealed, random) = (made(Action::Pseudonym), made(Action::Seal), made(Action::Token));
    let round = pseudonym.replace('[', "(").replace(']', ")");
    let foreign = format!("[MRN:p7:{}]", "0".repeat(34));
    let policy = policy(Profile::SafeHarbor, None);
    let bare = Scrubber::new(Settings { policy: policy.clone(), ..Settings::new() });
    let ringed = with(policy, keyed(), Tenant::default(), None);
    for scrubber in [&bare, &ringed] {
        for (text, want) in [
            (format!("of {pseudonym}, {sealed} and {round}"), "of [SSN], [SSN] and [SSN]".to_owned()),
            (format!("x{pseudonym}{foreign}"), "x[SSN][MRN]".to_owned()),
            (format!(r#"{{"id":"{pseudonym}","{foreign}":1}}"#), r#"{"id":"[SSN]","[MRN]":1}"#.to_owned()),
            (
                format!("Patient: Ana Keller {foreign} then keller phoned"),
                "Patient: [NAME] [MRN] then [NAME] phoned".to_owned(),
            ),
        ] {
            // Of the first record nothing is known yet, of the others there is.
            let mut scratch = Scratch::default();
            for _ in 0..4 {
                let out = scrubber.scrub_text(text.as_bytes(), &mut scratch).unwrap();
                assert_eq!(String::from_utf8(out).unwrap(), want, "{text}");
                let quiet = br#"{"id":"[SSN:p0:x]","k":1}"#;
                assert_eq!(scrubber.scrub_text(quiet, &mut scratch).unwrap(), quiet);
            }
        }
    }
    // What is random stays, where the ring tells that it is.
    assert_eq!(scrub(&ringed, &format!("of {random}")), format!("of {random}"));
}

/// A year before the name of a field may be taken for the field's value.
#[test]
fn what_is_generalised_is_not_found_a_second_time() {
    let scrubber = scrubber(Action::Generalize);
    for text in
        ["2021-03-05 MRN 4471902", "2021-03-05 MRN", "03/05/2021 account 4471902", "age 93 MRN 4471902"]
    {
        let once = scrub(&scrubber, text);
        assert_eq!(scrub(&scrubber, &once), once, "{text}");
    }
}

#[test]
fn records_are_stamped() {
    let stamped = |place: StampPlace| {
        let policy = policy(Profile::SafeHarbor, None);
        let stamp = Some(Stamp::new(place, &policy));
        Scrubber::new(Settings { policy, stamp, ..Settings::new() })
    };
    let field = stamped(StampPlace::Field("_by".into()));
    let text = field.settings().stamp.as_ref().unwrap().text().to_owned();
    assert!(text.starts_with("safe-harbor/3 sha256:") && text.len() == 21 + 16, "{text}");
    for (input, want) in [
        (r#"{"a":1}"#, format!(r#"{{"a":1,"_by":"{text}"}}"#)),
        (r#"{"ssn":"219-10-9999"}"#, format!(r#"{{"ssn":"[SSN]","_by":"{text}"}}"#)),
        ("plain 219-10-9999", "plain [SSN]".to_owned()),
    ] {
        let once = scrub(&field, input);
        assert_eq!(once, want);
        assert_eq!(scrub(&field, &once), once, "a second time");
    }
    // What was stamped only is not counted as changed.
    let done = field.scrub(Batch::from_lines([br#"{"a":1}"#.as_slice()]), &mut Scratch::default()).unwrap();
    assert_eq!(done.tally().edited, 0);
    let header = stamped(StampPlace::Header("by".into()));
    let done = header.scrub(message(Some("x"), None, Some("a")), &mut Scratch::default()).unwrap();
    let Some(Outgoing::Clean(clean)) = done.iter().next() else { panic!("not forwarded") };
    let headers: Vec<_> = clean.headers().collect();
    assert_eq!(headers, [(&b"x-tenant"[..], Some(&b"a"[..])), (b"by", Some(text.as_bytes()))]);
    // One that came in with its name says nothing any more.
    let forged = stamped(StampPlace::Header("x-tenant".into()));
    let done = forged.scrub(message(Some("x"), None, Some("a")), &mut Scratch::default()).unwrap();
    let Some(Outgoing::Clean(clean)) = done.iter().next() else { panic!("not forwarded") };
    assert_eq!(clean.headers().collect::<Vec<_>>(), [(&b"x-tenant"[..], Some(text.as_bytes()))]);
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => "[a-z]{1,8}|[A-Z][a-z]{1,7}|[0-9]{1,5}|[ .,:'_@-]",
        2 => Just(" ".to_owned()),
        2 => prop_oneof![
            Just("Patient: Ana Keller"), Just("Keller, Ana"), Just("219-10-9999"), Just("MRN 4471902"), Just("2021-03-05"), Just("March 5, 2021"),
            Just("age 93"), Just("age 90+"), Just("(415) 555-2671"), Just("Boston, MA 02115"), Just("MA 021"), Just("ana@keller.org"), Just("12.1.2.3"),
            Just("https://a.example/?mrn=4471902"), Just("[SSN]"), Just("[NAME:p1:"), Just("[SSN:p1:00000000000000000000000000000000000]"),
            Just("[MRN:p1:ez0c38tpzvgjz2m0r3ddg11hm1bc3wqtsc]"), Just("[SSN:p1:ez0c38tpzvgjz2m0r3ddg11hm1bc3wqtsc]"), Just("4242 4242 4242 4242"),
            Just("dob 3/4/1962"), Just("spring 2019"), Just("ninety-three year old"), Just("\u{200b}"), Just("12 Elm Street, Dallas, TX 75201"),
        ].prop_map(str::to_owned),
    ];
    let line = proptest::collection::vec(part, 0..10).prop_map(|parts| parts.concat());
    (line, any::<bool>(), any::<bool>()).prop_map(|(text, json, round)| {
        let text = if round { text.replace('[', "(").replace(']', ")") } else { text };
        match json {
            true => {
                let text = serde_json::Value::from(text);
                format!("{{\"msg\":{text},\"dob\":\"1962-03-14\",\"zip\":2115,\"age\":93}}")
            }
            false => text,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Rule 5: what has been scrubbed stays as it is when it passes again.
    #[test]
    fn scrubbing_again_changes_nothing(text in text(), which in 0..4usize, profile in 0..4usize, round: bool) {
        let action = [Action::Pseudonym, Action::Seal, Action::Token, Action::Generalize][which];
        let profile = Profile::NAMES[profile].1;
        let form = if round { TokenForm::Round } else { TokenForm::Square };
        let policies = [policy(profile, Some(action)), policy(profile, None)];
        // What a profile refuses no pipeline does.
        for policy in policies.into_iter().filter(|p| p.contradiction().is_none()) {
            let scrubber = with(policy, keyed().with_form(form), Tenant::default(), None);
            let once = scrub(&scrubber, &text);
            prop_assert_eq!(scrub(&scrubber, &once), once.clone(), "{} then {}", text, once);
        }
    }

    /// Whatever is put in its place, what is found is what is found when it is redacted.
    #[test]
    fn the_same_is_found_whatever_takes_its_place(text in text(), which in 0..5usize) {
        let action = [Action::Pseudonym, Action::Seal, Action::Token, Action::Surrogate, SHIFT][which];
        let count = |action| {
            let scrubber = scrubber(action);
            let done = scrubber.scrub(Batch::from_lines([text.as_bytes()]), &mut Scratch::default()).unwrap();
            done.tally().findings
        };
        prop_assert_eq!(count(action), count(Action::Redact), "{}", text);
    }

    /// A worker that has seen tokens does with the next record what a new one does.
    #[test]
    fn what_is_remembered_of_tokens_changes_nothing(texts in proptest::collection::vec(text(), 1..6)) {
        let made = with(policy(Profile::Pseudonymised, None), keyed(), Tenant::default(), None);
        let strict = with(policy(Profile::SafeHarbor, None), keyed(), Tenant::default(), None);
        let mut scratch = Scratch::default();
        for scrubber in [&made, &made, &made, &strict, &strict, &strict] {
            for text in &texts {
                let once = scrub(&made, text);
                for text in [text, &once] {
                    let got = scrubber.scrub_text(text.as_bytes(), &mut scratch).unwrap();
                    prop_assert_eq!(String::from_utf8(got).unwrap(), scrub(scrubber, text));
                }
            }
        }
    }
}
