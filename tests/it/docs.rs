//! Tables in the docs that repeat what the code says must say the same.

use std::path::Path;
use std::process::Command;

use scrubjay::Kind;
use scrubjay::detect::{Engine, Pack};
use scrubjay::policy::Profile;

use crate::kit::{self, Dir};

fn page(name: &str) -> String {
    std::fs::read_to_string(kit::root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn the_kinds_are_those_of_the_code() {
    let page = page("docs/hipaa.md");
    let rows: Vec<&str> = page
        .lines()
        .skip_while(|l| !l.starts_with("| kind |"))
        .skip(2)
        .take_while(|l| l.starts_with('|'))
        .collect();
    let expected: Vec<_> =
        Kind::ALL.iter().map(|k| format!("| {} | {} | {} |", k.name(), k.letter(), k.about())).collect();
    assert_eq!(rows, expected, "docs/hipaa.md, table of kinds");
}

#[test]
fn the_profiles_are_those_of_the_code() {
    let page = page("docs/hipaa.md");
    for (name, profile) in Profile::NAMES {
        let row =
            page.lines().find(|l| l.starts_with(&format!("| `{name}`"))).unwrap_or_else(|| panic!("{name}"));
        let threshold = row.split('|').nth(2).unwrap().trim();
        assert_eq!(threshold, profile.threshold().to_string(), "docs/hipaa.md, profile {name}");
    }
}

/// A safeguard is shown by a test that is there.
#[test]
fn the_tests_that_show_a_safeguard_are_there() {
    let page = page("docs/hipaa.md");
    let rows: Vec<&str> = page.lines().filter(|l| l.starts_with("| 164.")).collect();
    assert!(rows.len() > 12, "docs/hipaa.md, table of safeguards");
    for row in rows {
        let shown = row.split('|').nth(4).unwrap();
        let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        let (files, tests): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|n| n.contains('/'));
        let text: String =
            files.iter().map(|file| std::fs::read_to_string(kit::root().join(file)).unwrap()).collect();
        assert!(!files.is_empty() && tests.iter().all(|t| text.contains(&format!("fn {t}("))), "{row}");
    }
}

/// The fenced TOML blocks of a page.
fn toml_blocks(page: &str) -> Vec<&str> {
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn the_detectors_shown_work() {
    for name in ["docs/detectors.md", "CONTRIBUTING.md"] {
        let page = page(name);
        let blocks: Vec<_> = toml_blocks(&page).into_iter().filter(|b| b.contains("[[detector]]")).collect();
        assert!(!blocks.is_empty(), "{name} shows no detector");
        for block in blocks {
            let pack = Pack::parse(name, block).unwrap_or_else(|e| panic!("{e}"));
            let engine = Engine::new(&[pack]).unwrap();
            let failures: Vec<_> = engine.test_examples().into_iter().map(|f| f.message).collect();
            assert!(failures.is_empty(), "{name}: {}", failures.join("\n"));
        }
    }
}

#[test]
fn the_checks_are_those_of_the_code() {
    // An unknown check is refused with the list of those there are.
    let asked = r#"
        [[detector]]
        id = "x"
        kind = "ssn"
        pattern = '\d\d'
        check = "no-such-check"
        weights = { base = 1.0 }
        examples = ["«12»", "«34»"]
        counter_examples = ["a", "b"]
    "#;
    let refusal = Pack::parse("asked.toml", asked).unwrap_err().to_string();
    let page = page("docs/detectors.md");
    let rows: Vec<&str> = page
        .lines()
        .skip_while(|l| !l.starts_with("| check |"))
        .skip(2)
        .take_while(|l| l.starts_with('|'))
        .filter_map(|l| l.split('`').nth(1))
        .collect();
    let listed = rows.join(", ");
    assert!(
        rows.len() > 3 && refusal.contains(&listed),
        "docs/detectors.md lists {listed}; the code says: {refusal}"
    );
}

/// A text whose codes are numbered in the order in which they first come: a key ring that was just made makes others each time, but equal ones
/// where they are equal.
fn numbered(text: &str) -> String {
    let (mut seen, mut out) = (Vec::new(), String::new());
    for (i, part) in text.split(":p1:").enumerate() {
        let Some((code, rest)) = part.split_once(']').filter(|_| i > 0) else {
            out += part;
            continue;
        };
        assert_eq!(code.len(), 34, "{code} is no code");
        let at = seen.iter().position(|s| *s == code).unwrap_or(seen.len());
        if at == seen.len() {
            seen.push(code);
        }
        out += &format!(":p1:{at}]{rest}");
    }
    out
}

/// The sessions that the README shows are run: what follows `$` in a shell, and what it writes must be what stands there.
#[test]
fn the_tour_is_real() {
    let page = page("README.md");
    let (dir, mut commands) = (Dir::new(), 0);
    for block in page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        for session in block.split("$ ").skip(1) {
            let (command, expected) = session.split_once('\n').unwrap();
            let bin = Path::new(env!("CARGO_BIN_EXE_scrubjay")).parent().unwrap();
            let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
            let out =
                Command::new("sh").arg("-c").arg(command).env("PATH", path).current_dir(dir.path()).output();
            let written = String::from_utf8(out.unwrap().stdout).unwrap();
            assert_eq!(numbered(&written), numbered(expected), "README.md: $ {command}");
            commands += 1;
        }
    }
    assert!(commands > 3, "the README shows {commands} commands");
}

#[test]
fn the_pipeline_shown_is_valid() {
    let page = page("docs/operations.md");
    let dir = Dir::new();
    let pipelines = toml_blocks(&page);
    assert!(!pipelines.is_empty(), "docs/operations.md shows no pipeline");
    for text in pipelines {
        dir.file("shown.toml", text);
        // Exit code 1 is a gap in coverage, which the profile has; 2 would be an error.
        let out = dir.cmd().args("check shown.toml").run().stdout_has("valid");
        assert!(out.exit_code() < Some(2), "docs/operations.md: {}", String::from_utf8_lossy(&out.stderr));
    }
}
