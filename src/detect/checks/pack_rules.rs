//! Runs the packs' own examples until the engine does.

use std::collections::BTreeMap;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use serde::Deserialize;

use super::Check;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    detector: Vec<Detector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Detector {
    id: String,
    kind: String,
    pattern: Option<String>,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    not_fields: Vec<String>,
    check: Option<String>,
    #[serde(default = "yes")]
    veto: bool,
    #[serde(default)]
    whole_field: bool,
    value: Option<String>,
    #[serde(default)]
    case_insensitive: bool,
    window: Option<usize>,
    weights: BTreeMap<String, f64>,
    examples: Vec<String>,
    counter_examples: Vec<String>,
}

fn yes() -> bool {
    true
}

fn tokens(s: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut lower = false;
    let mut fresh = true;
    for c in s.chars() {
        if !c.is_ascii_alphanumeric() {
            fresh = true;
            continue;
        }
        if fresh || (c.is_ascii_uppercase() && lower) {
            out.push(String::new());
        }
        fresh = false;
        lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        if let Some(last) = out.last_mut() {
            last.push(c.to_ascii_lowercase());
        }
    }
    out
}

fn field_matches(fields: &[String], path: &str) -> bool {
    let toks = tokens(path);
    fields.iter().any(|f| {
        let f = tokens(f).concat();
        (0..toks.len()).any(|i| toks[i..].concat() == f)
    })
}

fn word_in(hay: &str, word: &str) -> bool {
    let hay = hay.to_ascii_lowercase();
    let word = word.to_ascii_lowercase();
    hay.match_indices(&word).any(|(i, _)| {
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
        edge(hay[..i].chars().next_back()) && edge(hay[i + word.len()..].chars().next())
    })
}

fn compile(p: &str, ci: bool) -> Regex {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false).case_insensitive(ci))
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(50 << 20)))
        .build(p)
        .unwrap_or_else(|e| panic!("{p}: {e:?}"))
}

fn lossy_window(text: &str, from: usize, to: usize) -> String {
    String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned()
}

fn find(d: &Detector, regexes: &[Regex], path: &str, text: &str) -> Vec<((usize, usize), f64)> {
    let w = |name: &str, or: f64| d.weights.get(name).copied().unwrap_or(or);
    let mut out = Vec::new();
    if !d.not_fields.is_empty() && field_matches(&d.not_fields, path) {
        return out;
    }
    let field = field_matches(&d.fields, path);
    if d.whole_field {
        let v = text.trim();
        if field && !v.is_empty() && !["true", "false", "null"].contains(&v) {
            let ok = d.value.as_ref().is_none_or(|p| compile(p, d.case_insensitive).is_match(v.as_bytes()));
            let check: Option<Check> = d.check.as_ref().map(|c| c.parse().unwrap());
            let passed = check.is_none_or(|c| c.passes(v.as_bytes()));
            if ok && (passed || !d.veto) {
                let s = w("base", 0.0)
                    + w("field", 4.0)
                    + if passed && check.is_some() { w("check", 1.5) } else { 0.0 };
                let at = text.find(v).unwrap();
                out.push(((at, at + v.len()), s));
            }
        }
        return out;
    }
    let window = d.window.unwrap_or(48);
    for re in regexes {
        let mut caps = re.create_captures();
        let mut at = 0;
        while at <= text.len() {
            re.search_captures(&regex_automata::Input::new(text.as_bytes()).range(at..), &mut caps);
            let Some(m) = caps.get_match() else { break };
            let span = caps.get_group_by_name("phi").unwrap_or(m.span());
            at = m.end().max(at + 1);
            let check: Option<Check> = d.check.as_ref().map(|c| c.parse().unwrap());
            let passed = check.is_none_or(|c| c.passes(&text.as_bytes()[span.start..span.end]));
            if !passed && d.veto {
                at = m.start() + 1;
                continue;
            }
            let before = lossy_window(text, span.start.saturating_sub(window), span.start);
            let after = lossy_window(text, span.end, (span.end + window).min(text.len()));
            let kw = d.keywords.iter().any(|k| word_in(&before, k) || word_in(&after, k) || word_in(path, k));
            let mut s = w("base", 0.0);
            if passed && check.is_some() {
                s += w("check", 1.5);
            }
            if kw {
                s += w("keyword", 3.0);
            }
            if field {
                s += w("field", 4.0);
            }
            out.push(((span.start, span.end), s));
        }
    }
    out
}

fn leaves(value: &serde_json::Value, path: String, out: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(o) => o.iter().for_each(|(k, v)| leaves(v, format!("{path}.{k}"), out)),
        serde_json::Value::Array(a) => a.iter().for_each(|v| leaves(v, path.clone(), out)),
        serde_json::Value::String(s) => out.push((path, s.clone())),
        other => out.push((path, other.to_string())),
    }
}

fn run(d: &Detector, regexes: &[Regex], text: &str, threshold: f64) -> Vec<String> {
    let mut ls = Vec::new();
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(v @ serde_json::Value::Object(_)) => leaves(&v, "$".into(), &mut ls),
        _ => ls.push((String::new(), text.to_string())),
    }
    let mut found: Vec<String> = Vec::new();
    for (path, t) in ls {
        let mut spans: Vec<(usize, usize)> =
            find(d, regexes, &path, &t).into_iter().filter(|f| f.1 >= threshold).map(|f| f.0).collect();
        spans.sort();
        let mut united: Vec<(usize, usize)> = Vec::new();
        for s in spans {
            match united.last_mut() {
                Some(last) if s.0 < last.1 => last.1 = last.1.max(s.1),
                _ => united.push(s),
            }
        }
        found.extend(united.iter().map(|s| String::from_utf8_lossy(&t.as_bytes()[s.0..s.1]).into_owned()));
    }
    found
}

#[test]
fn examples_hold() {
    let mut bad = 0;
    let mut n = 0;
    let mut ids = std::collections::HashSet::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/detectors")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        for d in &file.detector {
            assert!(ids.insert(d.id.clone()), "{} twice", d.id);
            let _: crate::Kind = d.kind.parse().unwrap();
            assert!(d.examples.len() >= 2 && d.counter_examples.len() >= 2, "{}: too few examples", d.id);
            assert_eq!(d.whole_field, d.pattern.is_none() && d.patterns.is_empty(), "{}", d.id);
            let regexes: Vec<Regex> =
                d.pattern.iter().chain(&d.patterns).map(|p| compile(p, d.case_insensitive)).collect();
            for p in d.pattern.iter().chain(&d.patterns) {
                let hir =
                    regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(p).unwrap();
                let max = hir.properties().maximum_len();
                let bound = if d.kind == "url" { 2100 } else { 512 };
                assert!(max.is_some_and(|m| m <= bound), "{}: longest match {max:?}: {p}", d.id);
            }
            for e in &d.examples {
                let mut want: Vec<String> =
                    e.split('«').skip(1).map(|s| s.split('»').next().unwrap().to_string()).collect();
                let plain = e.replace(['«', '»'], "");
                let mut got = run(d, &regexes, &plain, 0.0);
                if let Ok(v) = serde_json::from_str::<serde_json::Value>(e) {
                    let mut ls = Vec::new();
                    leaves(&v, String::new(), &mut ls);
                    want = ls
                        .iter()
                        .flat_map(|(_, e)| {
                            e.split('«')
                                .skip(1)
                                .map(|s| s.split('»').next().unwrap().to_string())
                                .collect::<Vec<_>>()
                        })
                        .collect();
                    if want.is_empty() {
                        want =
                            e.split('«').skip(1).map(|s| s.split('»').next().unwrap().to_string()).collect();
                    }
                }
                want.sort();
                got.sort();
                n += 1;
                if want != got {
                    bad += 1;
                    eprintln!("{}: {e}\n    want {want:?}\n    got  {got:?}", d.id);
                }
            }
            for e in &d.counter_examples {
                let got = run(d, &regexes, e, -0.85);
                n += 1;
                if !got.is_empty() {
                    bad += 1;
                    eprintln!("{}: counter {e}\n    got  {got:?}", d.id);
                }
            }
        }
    }
    eprintln!("{n} examples, {bad} bad");
    assert_eq!(bad, 0);
}
