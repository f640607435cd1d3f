//! Which topics a source reads, and which topic a record goes to.

use regex_automata::meta::Regex;

/// Kafka's own limit on the length of a topic name.
const MAX_TOPIC_LEN: usize = 249;
const PLACEHOLDER: &str = "{topic}";

/// The topics of a source: names, and patterns that begin with `^`.
pub struct TopicPatterns {
    literals: Vec<String>,
    patterns: Vec<(String, Regex)>,
}

impl TopicPatterns {
    /// Reads the entries of `topics`. An entry that begins with `^` is a regular expression, which must match
    /// from the start of a topic's name but need not reach its end.
    pub fn new(topics: &[String]) -> Result<TopicPatterns, String> {
        let mut new = TopicPatterns { literals: Vec::new(), patterns: Vec::new() };
        if topics.is_empty() {
            return Err("`topics` is empty: name at least one topic to read".to_string());
        }
        for topic in topics {
            if topic.starts_with('^') {
                let regex = Regex::new(topic).map_err(|_| {
                    format!("`{topic}` in `topics` is not a regular expression that can be used: correct it")
                })?;
                new.patterns.push((topic.clone(), regex));
            } else {
                check_name(topic)
                    .map_err(|why| format!("`{topic}` in `topics` {why}; a pattern must begin with `^`"))?;
                new.literals.push(topic.clone());
            }
        }
        Ok(new)
    }

    /// The entry that matches `topic`, if one does.
    pub fn matching(&self, topic: &str) -> Option<&str> {
        let literal = self.literals.iter().find(|l| *l == topic).map(String::as_str);
        literal.or_else(|| self.patterns.iter().find(|(_, r)| r.is_match(topic)).map(|(p, _)| p.as_str()))
    }

    /// The entries that are plain names.
    pub fn literals(&self) -> &[String] {
        &self.literals
    }
}

/// The way from a source's topic to the sink's: a name in which `{topic}` stands for the source's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    template: String,
}

impl Route {
    /// Reads a template such as `clean.{topic}`.
    pub fn new(template: &str) -> Result<Route, String> {
        let sample = template.replace(PLACEHOLDER, "t");
        if sample.contains(['{', '}']) {
            return Err(format!("topic `{template}`: the only placeholder is `{{topic}}`"));
        }
        check_name(&sample).map_err(|why| format!("topic `{template}` {why}"))?;
        Ok(Route { template: template.to_string() })
    }

    /// Where records of `topic` go.
    pub fn output(&self, topic: &str) -> String {
        self.template.replace(PLACEHOLDER, topic)
    }

    /// The one topic that all records go to, when the template has no placeholder.
    pub fn constant(&self) -> Option<&str> {
        (!self.template.contains(PLACEHOLDER)).then_some(self.template.as_str())
    }
}

/// Kafka's rule for topic names; the error completes a sentence that begins with the name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        Err("is empty".to_string())
    } else if name.len() > MAX_TOPIC_LEN {
        Err(format!("is longer than the {MAX_TOPIC_LEN} characters a topic may have"))
    } else if name == "." || name == ".." || !name.chars().all(allowed) {
        Err("is no topic name: letters, digits, `.`, `_` and `-` are allowed".to_string())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(topics: &[&str]) -> Result<TopicPatterns, String> {
        TopicPatterns::new(&topics.iter().map(|t| t.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn topics_match_by_name_or_pattern() {
        let p = patterns(&["app.logs", "^notify\\..*", "^exact$"]).unwrap();
        for (topic, by) in [
            ("app.logs", Some("app.logs")),
            ("appxlogs", None),
            ("app.logs.2", None),
            ("notify.sms", Some("^notify\\..*")),
            ("clean.notify.sms", None),
            ("exact", Some("^exact$")),
            ("exactly", None),
        ] {
            assert_eq!(p.matching(topic), by, "{topic}");
        }
        assert_eq!(p.literals(), ["app.logs"]);
    }

    #[test]
    fn bad_topics_are_refused() {
        for (topics, says) in [
            (&[][..], "empty"),
            (&[""], "is empty"),
            (&["a b"], "letters, digits"),
            (&["app.*"], "must begin with `^`"),
            (&["^a("], "not a regular expression"),
            (&[".."], "no topic name"),
        ] {
            let error = patterns(topics).err().expect("refused");
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn routes_put_the_topic_in() {
        let route = Route::new("clean.{topic}").unwrap();
        assert_eq!(route.output("app.logs"), "clean.app.logs");
        assert_eq!(route.constant(), None);
        let route = Route::new("clean").unwrap();
        assert_eq!((route.output("x").as_str(), route.constant()), ("clean", Some("clean")));
        for bad in ["", "clean.{partition}", "clean {topic}", "{topic", &"x".repeat(250)] {
            assert!(Route::new(bad).is_err(), "{bad}");
        }
    }
}
