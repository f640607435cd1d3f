//! Cases counted by hand.

use std::collections::BTreeSet;

use super::*;

/// `start end LABEL` by `;`.
fn spans(text: &str) -> Vec<Labelled> {
    let one = |s: &str| {
        let parts: Vec<&str> = s.split_whitespace().collect();
        Labelled { start: parts[0].parse().unwrap(), end: parts[1].parse().unwrap(), label: parts[2].into() }
    };
    text.split(';').filter(|s| !s.trim().is_empty()).map(one).collect()
}

fn scored(rules: &Rules, text: &str, gold: &str, predicted: &str) -> Score {
    let mut score = Score::new(rules.clone());
    let document = Document { id: "d".into(), text: text.into(), spans: spans(gold) };
    score.add(&document, &spans(predicted));
    score
}

/// `LABEL n hit full typed chars_hit/chars` of each gold label.
fn gold_of(score: &Score) -> String {
    let row = |(l, c): &(String, GoldCounts)| {
        format!("{l} {} {} {} {} {}/{}", c.n, c.hit, c.full, c.typed, c.chars_hit, c.chars)
    };
    score.gold.iter().map(row).collect::<Vec<_>>().join("; ")
}

/// `LABEL n good chars_good/chars` of each predicted label.
fn predicted_of(score: &Score) -> String {
    let row =
        |(l, c): &(String, PredictedCounts)| format!("{l} {} {} {}/{}", c.n, c.good, c.chars_good, c.chars);
    score.predicted.iter().map(row).collect::<Vec<_>>().join("; ")
}

#[test]
fn counted_by_hand() {
    // "Ann Lee-Roy met Bo on 3/4/1999 in Rome": Ann Lee-Roy 0..11, Bo 16..18, the date 22..30, Rome 34..38.
    let text = "Ann Lee-Roy met Bo on 3/4/1999 in Rome";
    for (what, gold, predicted, want_gold, want_predicted) in [
        ("exact", "0 11 NAME", "0 11 NAME", "NAME 1 1 1 1 9/9", "NAME 1 1 9/9"),
        ("missed", "0 11 NAME", "", "NAME 1 0 0 0 0/9", ""),
        ("in part", "0 11 NAME", "0 3 NAME", "NAME 1 1 0 1 3/9", "NAME 1 1 3/3"),
        (
            "hyphens and blanks need no cover",
            "0 11 NAME",
            "0 3 NAME;4 7 NAME;8 11 NAME",
            "NAME 1 1 1 1 9/9",
            "NAME 3 3 9/9",
        ),
        ("under another label", "0 11 NAME", "0 11 CITY", "NAME 1 1 1 0 9/9", "CITY 1 1 9/9"),
        (
            "under a label of the family",
            "34 38 LOCATION",
            "34 38 FACILITY",
            "LOCATION 1 1 1 1 4/4",
            "FACILITY 1 1 4/4",
        ),
        ("too wide", "16 18 NAME", "12 18 NAME", "NAME 1 1 1 1 2/2", "NAME 1 1 2/5"),
        ("wrong", "16 18 NAME", "34 38 CITY", "NAME 1 0 0 0 0/2", "CITY 1 0 0/4"),
        ("a blank alone is no hit, though it overlaps", "0 11 NAME", "3 4 NAME", "NAME 1 0 0 1 0/9", ""),
        ("one over two", "0 11 NAME; 16 18 NAME", "0 18 NAME", "NAME 2 2 2 2 11/11", "NAME 1 1 11/14"),
        (
            "gold that overlaps counts twice",
            "0 11 NAME; 0 3 USERNAME",
            "0 3 NAME",
            "NAME 1 1 0 1 3/9; USERNAME 1 1 1 1 3/3",
            "NAME 1 1 3/3",
        ),
        (
            "predictions that overlap",
            "22 30 DATE",
            "22 30 DATE; 26 30 PHONE",
            "DATE 1 1 1 1 6/6",
            "DATE 1 1 6/6; PHONE 1 1 4/4",
        ),
        ("the same twice is one", "16 18 NAME", "16 18 NAME; 16 18 NAME", "NAME 1 1 1 1 2/2", "NAME 1 1 2/2"),
        ("neutral is not asked for", "34 38 ORG; 16 18 N_PET", "", "", ""),
        ("nor punished", "34 38 ORG", "34 38 CITY", "", ""),
        ("straddling neutral gold and none", "34 38 ORG", "31 38 CITY", "", ""),
        (
            "straddling neutral and other gold",
            "16 18 NAME; 22 30 AGE",
            "16 30 NAME",
            "NAME 1 1 1 1 2/2",
            "NAME 1 1 2/4",
        ),
        (
            "neutral under other gold is asked for",
            "0 11 NAME; 0 11 ORG",
            "0 11 NAME",
            "NAME 1 1 1 1 9/9",
            "NAME 1 1 9/9",
        ),
        ("gold of punctuation alone is covered, and no hit", "7 8 NAME", "", "NAME 1 0 1 0 0/0", ""),
        (
            "labels in the order they came",
            "22 30 DATE; 0 11 NAME",
            "",
            "DATE 1 0 0 0 0/6; NAME 1 0 0 0 0/9",
            "",
        ),
    ] {
        let score = scored(&Rules::default(), text, gold, predicted);
        assert_eq!(
            (gold_of(&score), predicted_of(&score)),
            (want_gold.into(), want_predicted.into()),
            "{what}"
        );
    }
}

#[test]
fn titles_before_names_are_neutral() {
    // Dr. 0..3, Ann 4..7, Lee 8..11
    let text = "Dr. Ann Lee";
    for (gold, predicted, want_gold, want_predicted) in [
        ("0 11 NAME", "4 11 NAME", "NAME 1 1 1 1 6/6", "NAME 1 1 6/6"),
        ("0 11 NAME", "0 11 NAME", "NAME 1 1 1 1 6/6", "NAME 1 1 6/6"),
        ("0 11 NAME", "0 3 NAME", "NAME 1 0 0 0 0/6", ""),
        ("0 11 USERNAME", "4 11 NAME", "USERNAME 1 1 1 1 6/6", "NAME 1 1 6/6"),
        // Another label, a title on its own, a name that is nothing but a title.
        ("0 11 CITY", "4 11 NAME", "CITY 1 1 0 0 6/8", "NAME 1 1 6/6"),
        ("0 3 TITLE; 4 11 NAME", "4 11 NAME", "NAME 1 1 1 1 6/6", "NAME 1 1 6/6"),
        ("0 3 NAME", "4 11 NAME", "NAME 1 0 0 0 0/2", "NAME 1 0 0/6"),
    ] {
        let score = scored(&Rules::default(), text, gold, predicted);
        assert_eq!(
            (gold_of(&score), predicted_of(&score)),
            (want_gold.into(), want_predicted.into()),
            "{gold}"
        );
    }
    // Where titles are not neutral they are asked for.
    let rules = Rules { neutral: BTreeSet::new(), ..Rules::default() };
    let score = scored(&rules, text, "0 11 NAME", "4 11 NAME");
    assert_eq!(gold_of(&score), "TITLE 1 0 0 0 0/2; NAME 1 1 1 1 6/6");
}

#[test]
fn offsets_are_code_points_and_marks_need_no_cover() {
    // J o s e U+0301 blank 😀 blank 日 本
    let text = "Jose\u{301} 😀 日本";
    let score = scored(&Rules::default(), text, "0 5 NAME; 8 10 NAME", "0 4 NAME; 8 9 NAME; 6 7 CITY");
    assert_eq!(gold_of(&score), "NAME 2 2 1 2 5/6");
    assert_eq!(predicted_of(&score), "NAME 2 2 5/5");
}

#[test]
fn documents() {
    let mut score = Score::new(Rules::default());
    for (gold, predicted) in [
        ("0 3 NAME; 4 7 NAME", "0 7 NAME"), // fully covered
        ("0 3 NAME; 4 7 NAME", "0 3 NAME"), // not
        ("0 3 ORG", "4 7 NAME"),            // only neutral gold: no PHI, and no hard negative
        ("", ""),                           // a hard negative, left alone
        ("", "0 3 AGE; 4 7 ORG; 0 1 N_X"),  // nothing that counts
        ("", "0 3 NAME"),                   // flagged
        ("", "3 4 NAME"),                   // flagged, though it holds no letter
    ] {
        score
            .add(&Document { id: "d".into(), text: "Ann Lee".into(), spans: spans(gold) }, &spans(predicted));
    }
    let t = score.totals;
    assert_eq!((t.docs, t.docs_with_phi, t.docs_covered), (7, 2, 1));
    assert_eq!((t.docs_negative, t.docs_flagged, t.words), (4, 2, 14));
    assert_eq!((t.need, t.need_hit), (12, 9));
    // Six and three in gold; in the third document 3, in the fifth all 6 as labels 0..3, 4..7, in the sixth 3.
    assert_eq!((t.claimed, t.claimed_good), (6 + 3 + 3 + 6 + 3, 9));
    assert_eq!(score.all_gold().n, 4);
}

#[test]
fn only_some_labels_are_judged() {
    let rules = Rules { judge: BTreeSet::from(["NAME".to_owned()]), ..Rules::default() };
    let score = scored(&rules, "Ann Lee in Rome", "0 7 NAME", "0 3 CITY; 4 7 NAME; 11 15 CITY; 8 10 NAME");
    // Recall is of any label all the same.
    assert_eq!(gold_of(&score), "NAME 1 1 1 1 6/6");
    assert_eq!(predicted_of(&score), "NAME 2 1 3/5");
    assert_eq!((score.totals.claimed, score.totals.claimed_good), (5, 3));
}

#[test]
fn placeholders_can_be_passed_over() {
    let rules = Rules { ignore_placeholders: true, ..Rules::default() };
    let (text, predicted) = ("Dr. X and ABC saw Lee", "4 5 NAME; 10 13 NAME; 18 21 NAME");
    assert_eq!(predicted_of(&scored(&rules, text, "", predicted)), "NAME 1 0 0/3");
    assert_eq!(predicted_of(&scored(&Rules::default(), text, "", predicted)), "NAME 3 0 0/7");
    assert_eq!(scored(&rules, text, "", "4 5 NAME").totals.docs_flagged, 0);
}

#[test]
fn examples_are_kept_only_when_asked_for() {
    let text = "Ann Lee in Rome";
    let score = scored(&Rules::default(), text, "0 7 NAME", "11 15 CITY");
    assert!(score.missed.is_empty() && score.wrong.is_empty());
    let rules = Rules { examples: 1, ..Rules::default() };
    let score = scored(&rules, text, "0 7 NAME; 0 3 NAME", "11 15 CITY; 8 10 CITY");
    let shown =
        |all: &[Example]| all.iter().map(|e| format!("{} {} {}", e.id, e.label, e.text)).collect::<Vec<_>>();
    assert_eq!(
        (shown(&score.missed), shown(&score.wrong)),
        (vec!["d NAME Ann Lee".into()], vec!["d CITY in".into()])
    );
}

#[test]
fn predictions_outside_of_the_text_are_passed_over() {
    let score = scored(&Rules::default(), "Ann", "", "0 9 NAME; 2 2 NAME; 1 3 NAME");
    assert_eq!(predicted_of(&score), "NAME 1 0 0/2");
}
