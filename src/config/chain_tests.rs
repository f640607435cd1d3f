//! Pipelines beside each other, and the log that they share.

use std::path::Path;

use super::Pipeline;

#[test]
fn how_the_audit_log_is_kept_can_be_said() {
    let text = String::from(
        "[source.stdin]\n[sink.stdout]\n[audit]\ndir = \"log\"\nrotate_bytes = \"1MiB\"\nrotate_days = 7\nretention_days = 3650\ncheckpoint_entries = 10\n",
    );
    let audit = Pipeline::parse(Path::new("dir/p.toml"), &text).unwrap().treatment.audit.unwrap();
    assert_eq!(audit.dir, Path::new("dir/log"));
    assert_eq!((audit.rotate_bytes, audit.rotate_days, audit.retention_days), (1 << 20, 7, 3650));
    assert_eq!((audit.checkpoint_entries, audit.checkpoint_seconds), (10, 300));
    // 45 CFR 164.316(b)(2)(i)
    let wrong = Pipeline::parse(Path::new("p.toml"), &text.replace("3650", "365")).unwrap_err();
    let wrong: String = wrong.iter().map(|d| d.to_string()).collect();
    assert!(wrong.contains("retention_days") && wrong.contains("2192"), "{wrong}");
}

/// Shifted dates and surrogates look like PHI: who scrubs them a second time changes them a second time.
#[test]
#[cfg(feature = "kafka")]
fn chained_pipelines_that_change_twice_are_told() {
    let pipeline = |name: &str, topics: &str, to: &str, action: &str| {
        let text = format!(
            "[source.kafka]\nbrokers = \"b:1\"\ntopics = [{topics}]\n[sink.kafka]\ntopic = \"{to}\"\n[keys]\nring = \"r\"\n\
             [[policy.rule]]\nkind = [\"name\"]\naction = \"{action}\"\n"
        );
        Pipeline::parse(Path::new(name), &text).unwrap()
    };
    for (first, second, chained) in [
        (("\"t\"", "clean.{topic}", "surrogate"), ("\"clean.t\"", "x", "redact"), true),
        (("\"t\"", "clean.{topic}", "surrogate"), ("\"^clean\\\\..*\"", "x", "surrogate"), true),
        (("\"t\"", "clean.{topic}", "surrogate"), ("\"other\"", "x", "surrogate"), false),
        (("\"t\"", "clean.{topic}", "pseudonym"), ("\"clean.t\"", "x", "surrogate"), false),
    ] {
        let (a, b) =
            (pipeline("a.toml", first.0, first.1, first.2), pipeline("b.toml", second.0, second.1, second.2));
        let told = super::chained(&[a, b]);
        assert_eq!(told.len(), usize::from(chained), "{first:?} {second:?} {told:?}");
        assert!(
            told.iter()
                .all(|t| t
                    .starts_with("b.toml reads topic clean.t, with what `surrogate` put there by a.toml")),
            "{told:?}"
        );
    }
}
