use std::collections::BTreeSet;

use super::*;

const RECORDS: usize = 20_000;

fn records(corpus: Corpus, seed: u64, n: usize, visit: &mut dyn FnMut(&Record)) -> usize {
    let words = Words::new();
    let mut generator = Generator::new(corpus, seed, &words);
    let mut record = Record::default();
    for _ in 0..n {
        generator.next_into(&mut record);
        visit(&record);
    }
    generator.seen.iter().filter(|(of, _)| *of != "shape").count()
}

/// Undoes what a JSON writer does, as often as it was done.
fn unescape(text: &str, value: &str) -> String {
    let mut text = text.to_string();
    for _ in 0..3 {
        if text == value {
            break;
        }
        text = serde_json::from_str(&format!("\"{text}\"")).unwrap();
    }
    text
}

#[test]
fn a_seed_is_a_corpus() {
    let words = Words::new();
    for corpus in Corpus::ALL {
        let text = |seed| Labelled::make(corpus, 300_000, seed, &words).text;
        assert!(text(7) == text(7), "{corpus:?}");
        assert!(text(7) != text(8), "{corpus:?}");
        // More of it begins with the same.
        assert!(Labelled::make(corpus, 600_000, 7, &words).text.starts_with(&text(7)), "{corpus:?}");
    }
}

#[test]
fn spans_hold_what_was_planted() {
    for corpus in Corpus::ALL {
        records(corpus, 3, RECORDS, &mut |record| {
            let mut last = 0;
            for p in &record.planted {
                assert!(
                    last <= p.start && p.start < p.end && p.end <= record.text.len(),
                    "{corpus:?} {}",
                    record.text
                );
                last = p.end;
                let text = record.text.get(p.start..p.end).unwrap();
                assert_eq!(unescape(text, record.value(p)), record.value(p));
            }
            assert!(!record.text.contains('\n'), "{}", record.text);
        });
    }
}

#[test]
fn spans_of_a_corpus_are_those_of_its_records() {
    let labelled = Labelled::make(Corpus::Json, 200_000, 5, &Words::new());
    let mut at = 0;
    for record in &labelled.records {
        assert_eq!(record.start, at);
        assert_eq!(labelled.text[record.end], b'\n');
        at = record.end + 1;
        assert!(record.planted.iter().all(|t| record.start <= t.start && t.end <= record.end));
    }
    assert_eq!(at, labelled.text.len());
}

#[test]
fn as_many_records_hold_phi_as_is_said() {
    for (corpus, low, high) in [
        (Corpus::Json, 0.18, 0.22),
        (Corpus::Text, 0.18, 0.22),
        (Corpus::Notifications, 0.77, 0.83),
        (Corpus::Hl7, 1.0, 1.0),
    ] {
        let mut with = 0;
        records(corpus, 11, RECORDS, &mut |record| with += usize::from(record.has_phi()));
        let share = with as f64 / RECORDS as f64;
        assert!((low..=high).contains(&share), "{corpus:?}: {share}");
    }
}

#[test]
fn there_are_many_templates() {
    assert!(records(Corpus::Json, 1, RECORDS, &mut |_| {}) >= 150);
    assert!(records(Corpus::Text, 1, RECORDS, &mut |_| {}) >= 150);
    assert!(records(Corpus::Notifications, 1, RECORDS, &mut |_| {}) >= 60);
    assert!(shapes::SCHEMAS.len() >= 12);
}

#[test]
fn every_kind_is_planted() {
    let mut kinds = BTreeSet::new();
    for corpus in Corpus::ALL {
        records(corpus, 2, RECORDS, &mut |record| kinds.extend(record.planted.iter().map(|p| p.kind)));
    }
    assert_eq!(kinds.len(), Kind::ALL.len(), "{kinds:?}");
}

#[test]
fn what_counts_stands_only_in_templates_for_it() {
    for list in [messages::NOISE, notices::OPENINGS, notices::PLAIN, notices::CLOSINGS] {
        for source in list {
            assert!(Template::parse(source).kinds().all(|k| !k.counts()), "{source}");
        }
    }
    for list in [messages::PHI, messages::NESTED, notices::GREETINGS, notices::TOLD, hl7::HEADS] {
        for source in list {
            assert!(Template::parse(source).kinds().any(Kind::counts), "{source}");
        }
    }
}

#[test]
fn json_is_json() {
    let mut schemas = BTreeSet::new();
    records(Corpus::Json, 4, 5000, &mut |record| {
        let value: serde_json::Value =
            serde_json::from_str(&record.text).unwrap_or_else(|e| panic!("{e}: {}", record.text));
        let first = value.as_object().unwrap().keys().next().unwrap();
        schemas.insert(format!("{first} {}", record.ascii));
    });
    assert!(schemas.len() >= 8, "{schemas:?}");
}

#[test]
fn notifications_are_short() {
    records(Corpus::Notifications, 6, RECORDS, &mut |record| {
        assert!((80..=600).contains(&record.text.len()), "{}: {}", record.text.len(), record.text);
    });
}

#[test]
fn records_are_rarely_the_same() {
    for corpus in Corpus::ALL {
        let mut seen = BTreeSet::new();
        records(corpus, 9, RECORDS, &mut |record| {
            seen.insert(record.text.clone());
        });
        assert!(seen.len() * 100 >= RECORDS * 99, "{corpus:?}: {}", seen.len());
    }
}

#[test]
fn people_have_many_names() {
    let lists = Lists::new();
    assert!(
        lists.given.len() >= 300 && lists.surnames.len() >= 400,
        "{} {}",
        lists.given.len(),
        lists.surnames.len()
    );
}
