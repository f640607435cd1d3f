//! Tables in the docs that repeat what the code says must say the same.

use scrubjay::Kind;
use scrubjay::policy::Profile;

use crate::kit;

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
