//! `scrubjay eval`: what it prints of labelled texts, its gates, and what it says of bad files.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::kit::{Dir, Out, contains};

/// Three texts: an SSN that is found and a word that is not, a hard negative, and one with a character of four bytes.
const GOLD: &str = concat!(
    r#"{"id":"a","text":"Patient SSN 219-10-9999, codeword Heron","spans":[[12,23,"SSN"],[34,39,"N_WORD"]]}"#,
    "\n\n",
    r#"{"id":"b","text":"the build took 12 s","spans":[]}"#,
    "\n",
    r#"{"id":"c","text":"\ud83d\ude00 SSN 219-10-9998 and codeword Egret","spans":[[6,17,"ID"],[31,36,"CODE"]],"more":1}"#,
    "\n"
);

fn dir() -> Dir {
    let dir = Dir::new();
    dir.file("gold.jsonl", GOLD);
    dir
}

fn eval(dir: &Dir, args: &str) -> Out {
    dir.cmd().args("eval gold.jsonl").args(args).run()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

#[test]
fn a_table_of_the_numbers() {
    let out = eval(&dir(), "").code(0).quiet();
    for line in [
        "SSN                   1   1.000 [.21-1.00]  1.000 [.21-1.00]  1.000 [.70-1.00]  1.000 [.21-1.00]",
        "ID                    1   1.000 [.21-1.00]  1.000 [.21-1.00]  1.000 [.70-1.00]  0.000 [.00-.79]",
        "CODE                  1   0.000 [.00-.79]   0.000 [.00-.79]   0.000 [.00-.43]   0.000 [.00-.79]",
        "3 documents, 2 with labels to be found: all of them fully covered in 0.500 [.09-.91]",
        "1 document without labels: flagged 0.000 [.00-.79]",
    ] {
        assert!(contains(&out.stdout, line), "no {line:?} in\n{}", String::from_utf8_lossy(&out.stdout));
    }
    for text in ["219-10", "Heron", "Egret", "codeword"] {
        assert!(!contains(&out.all(), text), "{text} is shown");
    }
}

#[test]
fn the_numbers_as_json() {
    let value = json(&eval(&dir(), "--json").code(0).quiet().stdout);
    assert_eq!(value["recall"]["ALL"]["n"], 3);
    assert_eq!(value["recall"]["ALL"]["hit"], 2.0 / 3.0);
    assert_eq!(value["precision"]["SSN"]["span"], 1.0);
    assert_eq!((&value["overall"]["docs"], &value["overall"]["words"]), (&3.into(), &16.into()));
    assert!(value.get("missed").is_none());
    let value = json(&eval(&dir(), "--json --neutral SSN,ID,CODE --neutral-prefix=").code(0).stdout);
    assert_eq!(value["recall"]["ALL"]["n"], 1, "{value}");
    assert_eq!(value["recall"]["N_WORD"]["hit"], 0.0);
}

#[test]
fn text_is_shown_only_when_asked_for() {
    let out = eval(&dir(), "--errors 5").code(0).quiet();
    out.stdout_has("\nmissed\tc\tCODE\t\"Egret\"\n").stdout_lacks("Heron").stdout_lacks("219-10-9999");
    let value = json(&eval(&dir(), "--errors 1 --json --neutral ID,SSN").code(0).stdout);
    assert_eq!(value["missed"], json(br#"[{"id":"c","label":"CODE","text":"Egret"}]"#));
    assert_eq!(value["wrong"], json(b"[]"));
}

#[test]
fn predictions_have_the_shape_of_gold() {
    let dir = dir();
    eval(&dir, "--predictions out.jsonl").code(0).quiet().stdout_has("gold label");
    let written = String::from_utf8(dir.read("out.jsonl")).unwrap();
    let lines: Vec<Value> = written.lines().map(|l| json(l.as_bytes())).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["spans"], json(br#"[[12,23,"SSN"]]"#));
    assert_eq!(lines[1]["spans"], json(b"[]"));
    // In code points, not bytes.
    assert_eq!((&lines[2]["spans"], &lines[2]["id"]), (&json(br#"[[6,17,"SSN"]]"#), &"c".into()));
    assert_eq!(lines[2]["text"], "\u{1f600} SSN 219-10-9998 and codeword Egret");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = dir.path().join("out.jsonl").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "the texts are for their owner alone");
    }
    // On standard output they are alone; measured against themselves they are right.
    let out = eval(&dir, "--predictions -").code(0).stdout(&written).stderr_has("gold label");
    dir.file("again.jsonl", out.stdout);
    dir.cmd()
        .args("eval again.jsonl --min-full 1 --min-typed 1 --min-precision 1 --min-docs 1")
        .run()
        .code(0);
}

#[test]
fn the_labels_that_are_read_are_not_overwritten() {
    let dir = dir();
    for out in ["gold.jsonl", "./gold.jsonl"] {
        eval(&dir, "--predictions").code(2);
        eval(&dir, &format!("--predictions {out}")).code(2).stdout("").stderr_has("its labels would be lost");
    }
    assert_eq!(dir.read("gold.jsonl"), GOLD.as_bytes());
    eval(&dir, "--predictions no/where.jsonl")
        .code(2)
        .stderr_has("cannot write no/where.jsonl: no such file");
}

#[test]
fn gates_decide_the_exit_code() {
    let dir = dir();
    for (gates, missed) in [
        ("--min-recall 0.66 --min-recall SSN=1 --min-precision 1 --max-flagged 0 --min-docs 0.5", None),
        ("--min-recall 0.67", Some("missed: recall (hit) is 0.6667 (2 of 3), less than 0.67\n")),
        ("--min-recall code=0.1", Some("missed: recall (hit) of CODE is 0.0000 (0 of 1), less than 0.1\n")),
        ("--min-full id=1", None),
        ("--min-typed ID=0.5", Some("missed: typed recall of ID is 0.0000 (0 of 1), less than 0.5\n")),
        (
            "--min-docs 0.51",
            Some("missed: the share of documents fully covered is 0.5000 (1 of 2), less than 0.51\n"),
        ),
        ("--min-precision SSN=1", None),
        ("--min-precision NAME=0.5", Some("missed: precision (span) of NAME cannot be measured")),
        (
            "--max-per-1000-words SSN=124",
            Some("missed: predictions in 1,000 words of SSN is 125.0000 (2 of 16)"),
        ),
        ("--max-per-1000-words NAME=0", None),
    ] {
        let out = eval(&dir, gates);
        match missed {
            None => out.code(0).quiet(),
            Some(said) => out.code(1).stderr_has(said).stdout_has("gold label"),
        };
    }
    // Each gate that is missed is named.
    let out = eval(&dir, "--min-recall 1 --min-docs 1 --min-full SSN=1").code(1);
    assert_eq!(out.stderr.iter().filter(|b| **b == b'\n').count(), 2);
    for (args, says) in [
        ("--min-recall high", "it must be a number such as 0.95, or LABEL=0.95"),
        ("--min-docs NAME=0.5", "a number without a label"),
        ("--min-precision 0.5 --recall-only", "cannot be used with"),
    ] {
        eval(&dir, args).code(2).stdout("").stderr_has(says);
    }
}

#[test]
fn bad_gold_is_told_with_line_column_and_reason() {
    let dir = Dir::new();
    let faults = [
        (
            r#"{"id":"a","text":"SSN 219-10-9999","spans":[[0,99,"SSN"]]}"#,
            "1:48: the span ends at 99, and the text at 15",
        ),
        (r#"{"id":"b","text":"SSN 219-10-9999","spans":[[0,3,"SSN"]}"#, "2:56: no JSON: expected `,` or `]`"),
        (r#"{"id":"c","text":219109999,"spans":[]}"#, "3:18: \"text\" must be a string"),
        (r#"["219-10-9999"]"#, "4:1: a line is one object: {\"id\":\"...\""),
        (r#"{"id":"ok","text":"x","spans":[]}"#, ""),
        (r#"{"id":"ok","text":"x","spans":[]}"#, "6:1: the id of line 5 once more"),
    ];
    dir.file("bad.jsonl", faults.map(|f| f.0).join("\n"));
    let mut out = dir.cmd().args("eval bad.jsonl --errors 9 --predictions p.jsonl").run().code(2).stdout("");
    for (_, says) in faults.iter().filter(|f| !f.1.is_empty()) {
        out = out.stderr_has(&format!("scrubjay: bad.jsonl:{says}"));
    }
    assert!(!contains(&out.all(), "219"), "a fault quotes the text");
    assert!(!dir.path().join("p.jsonl").exists());
    dir.file("bad.jsonl", "x\n".repeat(15));
    let out =
        dir.cmd().args("eval bad.jsonl").run().code(2).stderr_has("bad.jsonl: 5 more faults like these");
    assert_eq!(out.stderr.iter().filter(|b| **b == b'\n').count(), 11);
}

#[test]
fn files_that_cannot_be_measured() {
    let dir = dir();
    dir.file("empty.jsonl", "\n\n");
    dir.file("latin1.jsonl", b"{\"id\":\"\xe9\"}");
    for (args, says) in [
        ("eval", "<GOLD>"),
        ("eval absent.jsonl", "cannot read absent.jsonl: no such file or directory; check the path"),
        ("eval .", ". is a directory; name the files in it"),
        ("eval empty.jsonl", "there is no document to measure on"),
        ("eval latin1.jsonl", "latin1.jsonl:1:8: not UTF-8; save the file as UTF-8"),
    ] {
        dir.cmd().args(args).run().code(2).stdout("").stderr_has(says);
    }
}

#[test]
fn several_files_are_one_measurement_and_dash_is_stdin() {
    let dir = dir();
    // The same ids in another file are other documents.
    dir.file("more.jsonl", GOLD);
    let out = dir.cmd().args("eval --json gold.jsonl - more.jsonl").stdin(GOLD).run().code(0);
    assert_eq!(json(&out.stdout)["overall"]["docs"], 9);
}

#[test]
fn profile_kinds_and_records() {
    let dir = Dir::new();
    // A time at the head of a line stays in logs, and does not under Safe Harbor; the second line is JSON on its own.
    let text = "2026-03-14T10:32:07Z INFO up\\n{\\\"ssn\\\":\\\"219\\\\u002d10-9999\\\"}";
    dir.file(
        "t.jsonl",
        format!("{{\"id\":\"a\",\"text\":\"{text}\",\"spans\":[[0,20,\"DATE\"],[37,53,\"SSN\"]]}}\n"),
    );
    for (args, date, ssn) in [
        ("", 1.0, None),
        ("--by-line", 1.0, Some(1.0)),
        ("--by-line --profile logs", 0.0, Some(1.0)),
        ("--by-line --kinds ssn", 0.0, Some(1.0)),
        ("--by-line --kinds date", 1.0, Some(0.0)),
    ] {
        let value = json(&dir.cmd().args("eval --json t.jsonl").args(args).run().code(0).stdout);
        assert_eq!(value["recall"]["DATE"]["typed"], date, "{args}: {value}");
        if let Some(ssn) = ssn {
            assert_eq!(value["recall"]["SSN"]["full"], ssn, "{args}: {value}");
        }
    }
    // A policy file says which profile it is for; what it keeps is not found.
    dir.file(
        "p.toml",
        "[policy]\nprofile = \"logs\"\n[[policy.rule]]\nkind = [\"ssn\"]\naction = \"keep\"\n",
    );
    let out = dir.cmd().args("eval --json --by-line --policy p.toml t.jsonl").run().code(0);
    let value = json(&out.stdout);
    assert_eq!((&value["recall"]["DATE"]["hit"], &value["recall"]["SSN"]["hit"]), (&0.0.into(), &0.0.into()));
}

/// The list that `./dev eval` reads names options and figures that there are.
#[test]
fn the_floors_can_be_read() {
    let list = std::fs::read_to_string(crate::kit::root().join("tests/eval-floors.txt")).unwrap();
    let rows: Vec<Vec<&str>> = list
        .lines()
        .filter(|l| !l.starts_with('#') && !l.trim().is_empty())
        .map(|l| l.split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 5);
    let page = std::fs::read_to_string(crate::kit::root().join("docs/detection.md")).unwrap();
    let dir = dir();
    for row in rows {
        let [set, name, figures, options] = row[..] else { panic!("four columns: {row:?}") };
        assert!(!set.is_empty() && !name.is_empty() && Path::new(set).extension().is_none(), "{row:?}");
        assert!(
            page.contains(&format!("| `{set}` | {name}")),
            "docs/detection.md does not say what {set} is"
        );
        assert!(page.contains(&format!("\n| {name} | ")), "docs/detection.md has no results of {name}");
        for figure in figures.split(',') {
            let (word, value) = figure.trim().split_once('=').unwrap();
            let known = ["recall", "typed", "precision", "docs", "flagged", "names"];
            assert!(known.contains(&word) && value.parse::<f64>().is_ok(), "{row:?}");
        }
        eval(&dir, options).code(0);
    }
}

/// Where another implementation of the measures is at hand (`python3 SCORER GOLD PREDICTIONS --json`, with the same
/// options and members), both must say the same of every file of labelled texts.
#[test]
#[ignore = "needs SCRUBJAY_EVAL_SCORER, a file, and SCRUBJAY_EVAL_DATA, a directory"]
fn another_scorer_says_the_same() {
    let given = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let (scorer, data) = (given("SCRUBJAY_EVAL_SCORER"), given("SCRUBJAY_EVAL_DATA"));
    let dir = Dir::new();
    let mut compared = 0;
    for entry in std::fs::read_dir(data).unwrap() {
        let gold = entry.unwrap().path();
        if gold.extension().is_none_or(|e| e != "jsonl") {
            continue;
        }
        for options in
            ["", "--judge NAME", "--neutral ORG,TITLE,DATE --neutral-prefix=", "--neutral= --recall-only"]
        {
            let own =
                dir.cmd().args("eval --json --predictions p.jsonl").args(options).arg(&gold).run().code(0);
            let mut theirs = Command::new("python3");
            theirs.arg(&scorer).arg(&gold).arg(dir.path().join("p.jsonl"));
            let theirs = theirs.arg("--json").args(options.split_whitespace()).output().unwrap();
            assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stderr));
            let what = format!("{} {options}", gold.display());
            compared += same(&what, &json(&own.stdout), &json(&theirs.stdout));
        }
    }
    assert!(compared > 0, "nothing was compared");
}

/// Everything that stands in `theirs` stands in `own`, too; how many figures.
fn same(what: &str, own: &Value, theirs: &Value) -> usize {
    match theirs {
        Value::Object(members) => {
            members.iter().map(|(name, value)| same(&format!("{what}/{name}"), &own[name], value)).sum()
        }
        Value::Number(n) => {
            let (a, b) = (own.as_f64().unwrap_or_else(|| panic!("{what}: {own}")), n.as_f64().unwrap());
            assert!((a - b).abs() < 1e-12, "{what}: {a}, and {b} there");
            1
        }
        other => {
            assert_eq!(own, other, "{what}");
            1
        }
    }
}
