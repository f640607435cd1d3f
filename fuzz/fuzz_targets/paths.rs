//! Reads any text as a path pattern, and matches it with any path.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use scrubjay::codec::{PathBuf, PathStep};
use scrubjay::policy::PathPattern;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Key(&'a [u8]),
    Index(u32),
    /// Out of the pattern's own text, so that paths match at all.
    Own(u8, u8),
}

fuzz_target!(|input: (&str, Vec<Step<'_>>)| {
    let (text, steps) = input;
    let pattern = match text.parse::<PathPattern>() {
        Ok(pattern) => pattern,
        Err(e) => {
            assert!(text.get(e.span.clone()).is_some(), "an error outside of the pattern: {:?}", e.span);
            return;
        }
    };
    assert_eq!(pattern.as_str(), text);
    let mut path = PathBuf::default();
    for step in steps.iter().take(12) {
        match step {
            Step::Key(key) => path.push_key(key),
            Step::Index(i) => path.push_index(*i),
            Step::Own(from, to) => {
                let at = |i: &u8| usize::from(*i).min(text.len());
                path.push_key(text.as_bytes().get(at(from)..at(to)).unwrap_or_default());
            }
        }
    }
    let path = path.as_path();
    let matched = pattern.matches(path);
    // A path with its keys in quotes holds for itself.
    let quoted: Option<String> = (0..path.depth())
        .map(|i| match path.step(i)? {
            PathStep::Key(key) => {
                let key = std::str::from_utf8(key).ok()?;
                let quote = ['"', '\''].into_iter().find(|quote| !key.contains(*quote))?;
                Some(format!("[{quote}{key}{quote}]"))
            }
            PathStep::Index(i) => Some(format!("[{i}]")),
        })
        .collect();
    if let Some(steps) = quoted {
        let own: PathPattern = format!("${steps}").parse().expect("a quoted path is a pattern");
        assert!(own.matches(path), "${steps} does not hold for itself");
    }
    // `**` in front takes no step, too.
    if matched && let Some(rest) = text.strip_prefix('$') {
        let any: PathPattern = format!("$.**{rest}").parse().expect("as good as the pattern");
        assert!(any.matches(path), "{} holds for less than {text}", any.as_str());
    }
});
