//! "Did you mean".

/// The candidate that `word` was most likely meant to be: close in spelling, or one that it begins.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    let allowed = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .filter_map(|c| {
            let plain = c.to_lowercase().replace('-', "_");
            let begins = word.len() >= 3 && plain.starts_with(&word);
            let distance = if begins { 1 } else { distance(&word, &plain) };
            (distance <= allowed).then_some((distance, c))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Edits from one word to the other: insert, delete, replace, swap neighbours.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        let [before, above, row] = &mut rows;
        row[0] = i;
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, d) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ssn", "ssn", 0),
            ("snn", "ssn", 1),
            ("sns", "ssn", 1),
            ("kafak", "kafka", 1),
            ("abc", "xyz", 3),
        ] {
            assert_eq!(distance(a, b), d, "{a} {b}");
            assert_eq!(distance(b, a), d, "{b} {a}");
        }
    }

    #[test]
    fn suggestions() {
        let keys = ["profile", "threshold", "kinds", "rule", "safe-harbor"];
        for (word, want) in [
            ("profil", Some("profile")),
            ("treshold", Some("threshold")),
            ("thres", Some("threshold")),
            ("kind", Some("kinds")),
            ("Rule", Some("rule")),
            ("safe_harbour", Some("safe-harbor")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(did_you_mean(word, keys), want, "{word}");
        }
    }
}
