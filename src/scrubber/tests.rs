//! The scrubber as a whole, on records.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::detect::roster::{Builder, read_csv};
use crate::policy::{Action, Profile, Rule};

fn scrub_with(policy: Policy, text: &str) -> String {
    let scrubber = Scrubber::new(Settings { policy, ..Settings::new() });
    let out = scrubber.scrub_text(text.as_bytes(), &mut Scratch::default()).unwrap();
    String::from_utf8(out).unwrap()
}

fn scrub(text: &str) -> String {
    scrub_with(Policy::default(), text)
}

#[test]
fn plain_lines() {
    let cases = [
        ("nothing to see", "nothing to see"),
        ("ssn 219-10-9999 here", "ssn [SSN] here"),
        ("219-10-9999", "[SSN]"),
        ("", ""),
    ];
    for (text, want) in cases {
        assert_eq!(scrub(text), want);
    }
}

#[test]
fn rules_decide() {
    let rule = |action| Policy {
        rules: vec![Rule { kinds: KindSet::ALL, path: None, min_confidence: 0.0, action }],
        ..Policy::default()
    };
    let text = "ssn 219-10-9999 here";
    assert_eq!(scrub_with(rule(Action::Keep), text), text);
    assert_eq!(scrub_with(rule(Action::Mask { keep_last: 4, with: '*' }), text), "ssn ***-**-9999 here");
    assert_eq!(scrub_with(rule(Action::Drop), text), "");
    assert_eq!(scrub_with(Policy { kinds: Some(KindSet::EMPTY), ..Policy::default() }, text), text);
}

/// Addresses of a network of one's own mean nothing elsewhere: they stay in logs, unless a rule speaks of them.
#[test]
fn private_addresses_stay_in_logs_only() {
    let line = "from 10.1.2.3, fe80::1%eth0 and 203.0.113.9";
    let json = r#"{"pod_ip":"10.1.2.3","client_ip":"203.0.113.9","note":"127.0.0.1:80"}"#;
    let cases = [
        (line, "from 10.1.2.3, fe80::1%eth0 and [IP]", "from [IP], [IP] and [IP]"),
        (
            json,
            r#"{"pod_ip":"10.1.2.3","client_ip":"[IP]","note":"127.0.0.1:80"}"#,
            r#"{"pod_ip":"[IP]","client_ip":"[IP]","note":"[IP]:80"}"#,
        ),
        // In disguise it is no address that anybody's log writes.
        ("from 1\u{ff10}.1.2.3 to it", "from [IP] to it", "from [IP] to it"),
    ];
    let rule = Rule { kinds: KindSet::ALL, path: None, min_confidence: 0.0, action: Action::Redact };
    let ruled = Policy { rules: vec![rule], ..Policy::default() };
    let strict = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
    for (text, in_logs, elsewhere) in cases {
        assert_eq!(scrub(text), in_logs);
        assert_eq!(scrub_with(ruled.clone(), text), elsewhere, "{text}");
        assert_eq!(scrub_with(strict.clone(), text), elsewhere, "{text}");
    }
}

/// A leaf in which the first pass sees nothing is gone through where something else may speak of it.
#[test]
fn leaves_without_places_are_not_all_silent() {
    let cases = [
        // A number written with an exponent.
        (r#"{"x":4.111111111111111E15}"#, r#"{"x":"[ACCOUNT]"}"#),
        // A name that another leaf is known to hold, before it or behind it.
        (
            r#"{"patient_name":"Maria Wexlorth","b":"then wexlorth phoned"}"#,
            r#"{"patient_name":"[NAME]","b":"then [NAME] phoned"}"#,
        ),
        (
            r#"{"b":"then wexlorth phoned","patient_name":"Maria Wexlorth"}"#,
            r#"{"b":"then [NAME] phoned","patient_name":"[NAME]"}"#,
        ),
        // A field that says what it holds.
        (r#"{"a":"7","patient_name":"zqx"}"#, r#"{"a":"7","patient_name":"[NAME]"}"#),
    ];
    for (text, want) in cases {
        assert_eq!(scrub(text), want);
    }
    // A pattern that looks around goes through every text.
    let pack = r#"
[[detector]]
id = "ticket"
kind = "mrn"
patterns = ['(?<=~)qx[a-z]{3}(?!\w)']
weights = { base = 4.0 }
examples = ["~«qxabc»", "of ~«qxdef» now"]
counter_examples = ["qxabc", "~qxabcd"]
"#;
    let mut packs = Engine::builtin_packs();
    packs.push(crate::detect::Pack::parse("ticket.toml", pack).unwrap());
    let engine = Arc::new(Engine::new(&packs).unwrap());
    let scrubber = Scrubber::new(Settings { engine, ..Settings::new() });
    for (text, want) in
        [("of ~qxabc now", "of ~[MRN] now"), (r#"{"a":"~qxabc","~qxabd":1}"#, r#"{"a":"~[MRN]","~[MRN]":1}"#)]
    {
        let out = scrubber.scrub_text(text.as_bytes(), &mut Scratch::default()).unwrap();
        assert_eq!(String::from_utf8_lossy(&out), want);
    }
}

/// Every serial of one area and group, in every form an SSN is written in, in text and in JSON.
#[test]
fn every_valid_ssn_serial_is_found() {
    let scrubber = Scrubber::new(Settings::new());
    let mut scratch = Scratch::default();
    type Form = (&'static str, fn(u32) -> String);
    let forms: &[Form] = &[
        ("id [SSN] ok", |n| format!("id 219-10-{n:04} ok")),
        ("id [SSN] ok", |n| format!("id 219 10 {n:04} ok")),
        ("SSN [SSN] ok", |n| format!("SSN 21910{n:04} ok")),
        (r#"{"m":"x [SSN]"}"#, |n| format!(r#"{{"m":"x 219-10-{n:04}"}}"#)),
        (r#"{"ssn":"[SSN]"}"#, |n| format!(r#"{{"ssn":21910{n:04}}}"#)),
    ];
    for (want, form) in forms {
        let lines: Vec<String> = (1..=9999).map(form).collect();
        let batch = Batch::from_lines(lines.iter().map(String::as_bytes));
        let done = scrubber.scrub(batch, &mut scratch).unwrap();
        assert_eq!(done.iter().count(), 9999);
        for (line, outgoing) in lines.iter().zip(done.iter()) {
            let Outgoing::Clean(clean) = outgoing else { panic!("{line}") };
            assert_eq!(String::from_utf8_lossy(clean.payload().unwrap()), *want, "{line}");
        }
    }
}

#[test]
fn disguises_are_seen_through() {
    let cases = [
        ("\u{1b}[31m219-10-9999\u{1b}[0m", "\u{1b}[31m[SSN]\u{1b}[0m"),
        ("SSN\u{200b}219-10-9999", "SSN\u{200b}[SSN]"),
        ("body=hello%0A219-10-9999%0Aok", "body=hello%0A[SSN]%0Aok"),
        (r#"{"msg":"handled {\"ssn\":\"219\\u002d10-9999\"}"}"#, r#"{"msg":"handled {\"ssn\":\"[SSN]\"}"}"#),
        ("1234567893 npi", "[LICENSE] npi"),
        ("backup ssn_219-10-9999.tar of 219-10-9999_old", "backup ssn_[SSN].tar of [SSN]_old"),
        ("GET /find?q=MRN:+12345678&name=John+Smith", "GET /find?q=MRN:+[MRN]&name=[NAME]"),
        (r#"{"ssn":2.19109999E8,"took":1.5e3}"#, r#"{"ssn":"[SSN]","took":1.5e3}"#),
        (r#"{"phone":4.155552671e9}"#, r#"{"phone":"[PHONE]"}"#),
    ];
    for (text, want) in cases {
        assert_eq!(scrub(text), want);
    }
}

#[test]
fn masking_twice_is_masking_once() {
    let policy = || Policy {
        rules: vec![Rule {
            kinds: KindSet::EMPTY.with(Kind::Ssn),
            path: None,
            min_confidence: 0.0,
            action: Action::Mask { keep_last: 4, with: '*' },
        }],
        ..Policy::default()
    };
    for text in ["ssn 219-10-9999", "ssn 219109999", "SSN: 219 10 9999 ok"] {
        let once = scrub_with(policy(), text);
        assert_ne!(once, text);
        assert_eq!(scrub_with(policy(), &once), once);
    }
}

#[test]
fn the_lines_own_time_stays_also_behind_what_was_replaced() {
    let cases = [
        ("83.149.9.216 - - [17/May/2015:10:05:03 +0000] ok", "[IP] - - [17/May/2015:10:05:03 +0000] ok"),
        ("2026-11-22T18:48:52Z seen 2026-11-01", "2026-11-22T18:48:52Z seen [DATE]"),
        (
            r#"{"ts":"2026-11-22T18:48:52Z","date":"2026-11-01"}"#,
            r#"{"ts":"2026-11-22T18:48:52Z","date":"[DATE]"}"#,
        ),
        ("1962-03-14 00:00:00 was the day of birth", "[DATE] was the day of birth"),
    ];
    for (text, want) in cases {
        assert_eq!(scrub(text), want);
        assert_eq!(scrub(want), want);
    }
}

/// The parts of a batch stand side by side in one arena: the end of one is no context for the next.
#[test]
fn parts_do_not_touch() {
    let scrubber = Scrubber::new(Settings::new());
    let batch =
        Batch::from_lines([b"order 7abc".as_slice(), b"219-10-9999", b"x.y@example.org", b"219-10-9999"]);
    let done = scrubber.scrub(batch, &mut Scratch::default()).unwrap();
    assert_eq!(done.chunks().collect::<Vec<_>>().concat(), b"order 7abc[SSN][EMAIL][SSN]");
}

/// Windows of a long line share bytes at their borders: what stands there counts once, and the line is one record.
#[test]
fn a_long_line_counts_what_it_holds() {
    let line = "219-10-9999 on file; ".repeat(20_000);
    let scrubber = Scrubber::new(Settings::new());
    let reach = scrubber.settings().engine.reach();
    let mut batch = Batch::new();
    batch.append(line.as_bytes());
    crate::codec::Framer::new(crate::codec::Format::Plain, 64 << 10, reach).frame(&mut batch, 0, true);
    assert!(batch.records().len() > 1, "it comes in windows");
    let done = scrubber.scrub(batch, &mut Scratch::default()).unwrap();
    assert_eq!((done.tally.records, done.tally.findings[Kind::Ssn as usize]), (1, 20_000));
    assert_eq!(done.chunks().collect::<Vec<_>>().concat(), line.replace("219-10-9999", "[SSN]").into_bytes());
}

/// Names as people write them, beside what looks like them; the second pass finds nothing more.
#[test]
fn names_in_running_text() {
    let cases = [
        ("Patient: John Smith Admitted Today", "Patient: [NAME] Admitted Today"),
        (
            "seen by Dr. Priya Raman-Okafor and her nurse, Siobhan O'Malley",
            "seen by Dr. [NAME] and her nurse, [NAME]",
        ),
        ("GARCIA, MARIA L was discharged to home", "[NAME] was discharged to home"),
        ("we talked to Ludwig van der Berg and Ana de la Cruz", "we talked to [NAME] and [NAME]"),
        ("J. R. Whitcomb called; Whitcomb will call again", "[NAME] called; [NAME] will call again"),
        ("my patient john whitcomb has a fever", "my patient [NAME] has a fever"),
        (
            r#"{"note":"Dana Whitcomb called","log":"WHITCOMB queue full","id":"whitcomb-4"}"#,
            r#"{"note":"[NAME] called","log":"[NAME] queue full","id":"whitcomb-4"}"#,
        ),
        ("\u{c9}lodie Marchand et Zo\u{eb} M\u{fc}ller", "[NAME] et [NAME]"),
        ("she moved from San Diego to Aurora with Mary-Ann", "she moved from [CITY] to [CITY] with [NAME]"),
        (
            "INFO BlockManager Removed broadcast_1 on host Jenkins",
            "INFO BlockManager Removed broadcast_1 on host Jenkins",
        ),
        (
            "a Foley catheter for Crohn's disease, on Lipitor",
            "a Foley catheter for Crohn's disease, on Lipitor",
        ),
        ("Grant approved. Will it be enough?", "Grant approved. Will it be enough?"),
    ];
    for (text, want) in cases {
        assert_eq!(scrub(text), want);
        assert_eq!(scrub(want), want, "a second time");
    }
}

/// What becomes of a Kafka key follows from the key alone, or compaction would keep two of one; headers may know the payload's names.
#[test]
fn names_of_the_payload_do_not_change_the_key() {
    let scrubber = Scrubber::new(Settings::new());
    let scrub = |payload: Option<&[u8]>| {
        let mut batch = Batch::new();
        let payload = payload.map(|p| batch.append(p));
        let key = Some(batch.append(b"queue whitcomb"));
        batch.push_header(b"x-by", Some(b"queue whitcomb"));
        let origin = Origin::Kafka {
            topic: "t".into(),
            partition: 0,
            offset: 0,
            timestamp: crate::record::Timestamp::None,
        };
        batch.push_message(origin, payload, key, 1);
        let done = scrubber.scrub(batch, &mut Scratch::default()).unwrap();
        let Some(Outgoing::Clean(record)) = done.iter().next() else { panic!("it is clean") };
        let header = record.headers().next().unwrap().1.unwrap().to_vec();
        (record.key().unwrap().to_vec(), header)
    };
    let (key, header) = scrub(Some(b"Patient: Dana Whitcomb called"));
    assert_eq!((key.as_slice(), header.as_slice()), (&b"queue whitcomb"[..], &b"queue [NAME]"[..]));
    assert_eq!(scrub(None).0, key, "a tombstone has the same key");
}

/// What stands before the place where a name is told by its cue, plain and in disguise.
#[test]
fn a_name_found_before_it_is_sure() {
    let cases = [
        ("whitcomb-4 whitcomb called. Patient: Dana Whitcomb", "whitcomb-4 [NAME] called. Patient: [NAME]"),
        (
            r#"{"a":"\u0057hitcomb rang","b":"Patient: Dana Whitcomb"}"#,
            r#"{"a":"[NAME] rang","b":"Patient: [NAME]"}"#,
        ),
        ("for Whit\u{200b}comb\nPatient: Dana Whitcomb", "for [NAME]\nPatient: [NAME]"),
    ];
    for (text, want) in cases {
        assert_eq!(scrub(text), want);
    }
}

#[test]
fn what_is_changed_at_the_same_time_is_kept() {
    let shared = arc_swap::ArcSwap::from_pointee(Scrubber::new(Settings::new()));
    let first = std::cell::Cell::new(true);
    Scrubber::amend(&shared, |settings| {
        // Someone else is quicker.
        if first.replace(false) {
            Scrubber::amend(&shared, |settings| settings.max_record_bytes = 7);
        }
        settings.max_output_bytes = 5;
    });
    let now = shared.load();
    assert_eq!((now.settings().max_record_bytes, now.settings().max_output_bytes), (7, 5));
}

fn roster() -> Arc<Roster> {
    static ROSTER: LazyLock<Arc<Roster>> = LazyLock::new(|| {
        let csv = "first,last,dob,mrn,phone,address\nAna,Chase,1962-03-14,55129912,4155552671,12 Elm St\n\
                   Mika,Date,1990-01-02,5512,,\n";
        let mut builder = Builder::new(&[7; 32], [3; 32]).unwrap();
        read_csv(csv.as_bytes(), &[], false, &mut builder).unwrap();
        Arc::new(Roster::open(builder.finish().unwrap().file, &[7; 32]).unwrap())
    });
    ROSTER.clone()
}

/// A marker that is shorter than what it stands for brings a cue nearer to a number on the roster.
#[test]
fn a_roster_is_asked_again() {
    let scrubber = Scrubber::new(Settings { roster: Some(roster()), ..Settings::new() });
    let scrub = |text: &str| {
        String::from_utf8(scrubber.scrub_text(text.as_bytes(), &mut Scratch::default()).unwrap()).unwrap()
    };
    assert_eq!(scrub("a room and a bed, 5512"), "a room and a bed, 5512");
    let text = "patient an.address.that.goes.on.and.on.and.on@mail.example.org 5512";
    assert_eq!(scrub(text), "patient [EMAIL] [MRN]");
    assert_eq!(scrub(&text.replace("5512", "5513")), "patient [EMAIL] 5513");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// What is left of a text has nobody on the roster in it, whatever the markers have brought nearer.
    #[test]
    fn a_second_pass_finds_nobody_on_the_roster(
        parts in proptest::collection::vec(
            prop_oneof![
                3 => prop_oneof![
                    Just("Chase"), Just("ana"), Just("Ana Chase"), Just("Mika"), Just("Date"), Just("55129912"), Just("5512"), Just("9912"),
                    Just("1962-03-14"), Just("4155552671"), Just("415"), Just("555-2671"), Just("12"), Just("elm"), Just("born"), Just("patient"), Just("patient "),
                ],
                3 => prop_oneof![
                    Just(" "), Just(", "), Just("-"), Just("."), Just("\n"), Just(" ("), Just("+"), Just("/"), Just(""), Just(": "),
                ],
                2 => prop_oneof![
                    Just("219-10-9999"), Just("a@b.org"), Just("March 5, 2021"), Just("Dr. House"), Just("x_"), Just("MRN 8812345"),
                    Just("10.1.2.3"), Just("Elm Street"), Just("https://x.example/a?n=ana"), Just("%2D"),
                    Just("an.address.that.goes.on.and.on.and.on@mail.example.org"),
                ],
            ],
            1..14,
        ),
        strict in any::<bool>(),
    ) {
        let profile = if strict { Profile::SafeHarbor } else { Profile::Logs };
        let policy = Policy { profile, ..Policy::default() };
        let scrubber = Scrubber::new(Settings { policy, roster: Some(roster()), ..Settings::new() });
        let scrub = |text: &[u8]| scrubber.scrub_text(text, &mut Scratch::default()).unwrap();
        let once = scrub(parts.concat().as_bytes());
        let twice = scrub(&once);
        prop_assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once), "{:?}", parts.concat());
    }
}
