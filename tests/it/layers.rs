//! Who may import whom, read off the source files.
//!
//! The engine (records in, scrubbed records out) must stay free of sources, sinks and everything around them, or it
//! could not be tested, fuzzed and reused without them. Modules that tests alone compile are not looked at.

use std::collections::BTreeSet;
use std::path::Path;

use crate::kit;

/// What each module of the crate may use of the others; a module inside of one has that one's place unless it has its
/// own. A module that is not here fails the test: give it a place.
const LAYERS: &[(&str, &str)] = &[
    ("span", ""),
    ("calendar", ""),
    ("kind", ""),
    ("secret", ""),
    ("authored", ""),
    ("reason", ""),
    ("record", "span"),
    ("codec", "kind record span"),
    ("detect", "authored codec kind span"),
    // Examples are judged as a profile would.
    ("detect::examples", "codec kind policy span"),
    ("policy", "codec kind span"),
    ("keys", "reason record secret"),
    ("transform", "calendar codec keys kind policy secret span"),
    ("vault", "keys kind reason secret transform"),
    // The one clock of commands and configuration.
    ("time", "calendar"),
    ("audit", "calendar keys kind reason time"),
    ("reveal", "audit authored keys kind secret transform vault"),
    ("scrubber", "codec detect keys kind policy record secret span transform"),
    ("eval", "codec kind policy record scrubber"),
    // Hooks in front of mail and SMS: adapters onto the scrubber.
    ("gateway", "codec keys kind policy scrubber secret span"),
    ("metrics", "kind record scrubber"),
    ("health", "metrics"),
    ("kafka", "metrics record secret"),
    ("source", "codec kafka metrics reason record secret span"),
    ("sink", "kafka keys metrics reason record scrubber secret"),
    ("pipeline", "metrics record scrubber sink source"),
    ("console", "health metrics reason"),
    (
        "config",
        "audit authored codec detect gateway health kafka keys kind metrics pipeline policy reason record scrubber secret sink source \
         span time transform vault",
    ),
    ("demo", "config kafka kind metrics pipeline record scrubber sink source"),
    (
        "cli",
        "audit codec config console demo detect eval gateway health kafka keys kind metrics pipeline policy reason record reveal scrubber \
         secret sink source span time transform vault",
    ),
];

/// The part between source and sink: it has no clock, no threads, no files and no network.
const ENGINE: &[&str] =
    &["calendar", "span", "kind", "record", "codec", "detect", "policy", "transform", "scrubber"];

/// Of the standard library, what the engine may not touch.
const EFFECTS: &[&str] = &["env", "fs", "net", "process", "thread"];

/// Crates that only some modules may use, so that async, Kafka and the terminal stay at the edges.
const CRATES: &[(&str, &[&str])] = &[
    ("rdkafka", &["kafka", "source::kafka", "sink::kafka", "demo", "cli::demo"]),
    ("tokio", &["console", "gateway", "vault::postgres", "cli::gateway"]),
    ("axum", &["console"]),
    ("rustls", &["audit::export::tls", "gateway", "keys::kek", "vault::postgres", "cli::gateway"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("indicatif", &["cli"]),
    ("tracing_subscriber", &["cli"]),
    ("signal_hook", &["cli"]),
    ("annotate_snippets", &["cli", "config"]),
    ("fancy_regex", &["detect"]),
    ("ureq", &["keys::kek"]),
    ("rustls_native_certs", &["keys::kek", "cli::gateway"]),
    ("cryptoki", &["keys::kek::pkcs11"]),
    ("region", &["keys::memory"]),
    ("rustix", &["audit", "gateway::smtp", "keys::memory"]),
    ("redb", &["vault::file"]),
    ("postgres", &["vault::postgres"]),
    ("tokio_rustls", &["gateway", "vault::postgres"]),
    ("http", &["gateway::http", "cli::gateway"]),
    ("hyper", &["gateway::http"]),
    ("hyper_util", &["gateway::http"]),
    ("rusmpp", &["gateway::smpp"]),
];

/// The files that may hold `unsafe`, each with its reason in its head.
const UNSAFE: &[&str] = &["detect/simd.rs"];

/// Lines of a file above which it must be split.
const MAX_LINES: usize = 600;

#[test]
fn modules_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    let all = sources("src");
    let tests: BTreeSet<String> = all.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    for (path, text) in &all {
        let module = module_path(path);
        let is_test = (1..=module.len()).any(|depth| tests.contains(&module[..depth].join("::")));
        if !is_test {
            wrong.extend(violations(path, text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_short() {
    let all = sources("src").into_iter().chain(sources("tests")).chain(sources("benches"));
    let long: Vec<_> = all
        .map(|(path, text)| (text.lines().count(), path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines, more than {MAX_LINES}: it wants a second file"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// The checker must see what it is there for: each of these is wrong in one way.
#[test]
fn violations_are_seen() {
    for (path, text, expected) in [
        ("codec/json.rs", "use crate::source::MemorySource;", "codec uses source"),
        ("codec/json.rs", "use crate::{record::Batch, sink};", "codec uses sink"),
        ("codec/json.rs", "use super::super::cli;", "codec uses cli"),
        ("codec/mod.rs", "use super::{config::Spec};", "codec uses config"),
        ("codec/mod.rs", "fn f() { crate::console::serve() }", "codec uses console"),
        ("codec/mod.rs", "mod inner { use super::super::sink::Sink; }", "codec uses sink"),
        ("codec/mod.rs", "use crate::*;", "codec uses *"),
        ("detect/mod.rs", "use crate::Sensitive;", "detect uses secret"),
        ("policy.rs", "use std::{fmt, fs::File};", "policy uses std::fs"),
        ("detect/x.rs", "use std::net::TcpStream;", "detect uses std::net"),
        ("detect/x.rs", "use crate::policy::Profile;", "detect uses policy"),
        ("scrubber/mod.rs", "let now = std::time::Instant::now();", "scrubber reads a clock"),
        ("source/memory.rs", "use rdkafka::Message;", "source::memory uses the crate rdkafka"),
        ("pipeline.rs", "async fn run() { tokio::spawn(f()).await }", "pipeline uses the crate tokio"),
        ("pipeline.rs", "fn f() { unsafe { g() } }", "pipeline.rs holds `unsafe`"),
        ("pipeline.rs", "fn f() { eprintln!(\"x\") }", "pipeline prints"),
        ("fresh.rs", "", "fresh has no place in LAYERS"),
    ] {
        let got = violations(path, text);
        assert_eq!(got.len(), 1, "{path}: {text}: {got:?}");
        assert!(got[0].contains(expected), "{path}: {text}: {got:?}");
    }
    for (path, text) in [
        ("codec/json.rs", "use super::{Edit, Leaf};\nuse crate::span::Span;"),
        ("codec/json.rs", "#[cfg(test)]\nmod tests { use crate::source::MemorySource; use std::fs; }"),
        (
            "codec/json.rs",
            "// use crate::source::X; unsafe\n/* crate::sink */ const S: &str = \"crate::cli println!\";",
        ),
        ("codec/json.rs", "const R: &str = r#\"unsafe \" crate::cli\"#; const C: [char; 2] = ['\"', '\\''];"),
        ("codec/leaf.rs", "fn f<'a>(x: &'a str) -> &'a str { x }\nuse std::fmt;"),
        ("source/kafka.rs", "use rdkafka::Message;"),
        ("detect/x.rs", "use std::net::{Ipv4Addr, Ipv6Addr};"),
        ("detect/examples.rs", "use crate::policy::Profile;"),
        ("cli/demo.rs", "anstream::println!(\"x\");"),
        ("detect/simd.rs", "fn f() { unsafe { g() } }"),
        ("lib.rs", "pub mod cli; pub use kind::Kind;"),
    ] {
        let got = violations(path, text);
        assert!(got.is_empty(), "{path}: {text}: {got:?}");
    }
}

#[test]
fn modules_of_tests_are_known() {
    let text =
        "mod a;\n#[cfg(test)]\n#[allow(clippy::panic)]\nmod b;\nmod c;\n#[cfg(feature = \"x\")]\nmod d;";
    assert_eq!(test_modules("detect/mod.rs", text), ["detect::b"]);
}

/// The Rust files below a folder of the project: paths relative to it, and their text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let top = kit::root().join(folder);
    let mut found = Vec::new();
    if top.is_dir() {
        kit::walk(&top, &mut |path| {
            if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&top).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, std::fs::read_to_string(path).unwrap()));
            }
        });
        assert!(folder == "benches" || found.len() > 2, "no sources found in {folder}");
    }
    found.sort();
    found
}

/// Modules with a file of their own that only tests compile: `#[cfg(test)] mod name;`.
fn test_modules(file: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (i, window) in tokens.windows(3).enumerate() {
        if window[0] != "mod" || window[2] != ";" {
            continue;
        }
        // Its attributes stand since the last item ended.
        let attributes = tokens[..i].rsplit(|t| t == ";" || t == "}").next().unwrap_or_default();
        if attributes.windows(4).any(|w| w == ["cfg", "(", "test", ")"]) {
            let path = module_path(file).into_iter().chain([window[1].clone()]);
            found.push(path.collect::<Vec<_>>().join("::"));
        }
    }
    found
}

/// Everything wrong with one file of `src`, in sentences.
fn violations(file: &str, text: &str) -> Vec<String> {
    let module = module_path(file);
    let Some(top) = module.first().cloned() else {
        return Vec::new(); // lib.rs and main.rs bind everything together
    };
    let name = module.join("::");
    let place = LAYERS.iter().filter(|(m, _)| within(&name, m)).max_by_key(|(m, _)| m.len());
    let Some((_, allowed)) = place else {
        return vec![format!("src/{file}: {top} has no place in LAYERS; say what it may use")];
    };
    let tokens = tokens(text);
    let mut wrong = BTreeSet::new();
    for path in paths(&tokens, &module) {
        let first = path.first().map_or("", String::as_str);
        let second = path.get(1).map_or("", String::as_str);
        match first {
            "crate" => {
                let used = exported_by(second);
                if used != top && !allowed.split_whitespace().any(|a| a == used) {
                    wrong.insert(format!("src/{file}: {top} uses {used}"));
                }
            }
            "std" if ENGINE.contains(&&*top) && EFFECTS.contains(&second) && !is_address(&path) => {
                wrong.insert(format!("src/{file}: {top} uses std::{second}; the engine has no side effects"));
            }
            "std"
                if ENGINE.contains(&&*top)
                    && second == "time"
                    && path.get(2).is_none_or(|t| t != "Duration") =>
            {
                wrong.insert(format!("src/{file}: {top} reads a clock; the engine has none"));
            }
            _ => {
                let limited = CRATES.iter().find(|(c, _)| *c == first);
                if limited.is_some_and(|(_, homes)| !homes.iter().any(|home| within(&name, home))) {
                    wrong.insert(format!("src/{file}: {name} uses the crate {first}"));
                }
            }
        }
    }
    for pair in tokens.windows(2) {
        let prints =
            matches!(&*pair[0], "println" | "eprintln" | "print" | "eprint" | "dbg") && pair[1] == "!";
        if prints && top != "cli" {
            wrong.insert(format!(
                "src/{file}: {name} prints; only the command line does, others return or log"
            ));
        }
    }
    if tokens.iter().any(|t| t == "unsafe") && !UNSAFE.contains(&file) {
        wrong.insert(format!("src/{file} holds `unsafe`"));
    }
    wrong.into_iter().collect()
}

/// `std::net` has types that only hold an address.
fn is_address(path: &[String]) -> bool {
    path[1] == "net" && path.get(2).is_some_and(|t| t.starts_with("Ip"))
}

/// `a::b::c` lies within `a::b`.
fn within(module: &str, home: &str) -> bool {
    module.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The module that an export of the crate root stands in.
fn exported_by(name: &str) -> &str {
    match name {
        "Kind" | "KindSet" | "UnknownKind" => "kind",
        "Sensitive" => "secret",
        "Span" => "span",
        module => module,
    }
}

/// `codec/json.rs` is `codec::json`, `codec/mod.rs` is `codec`; the crate's roots are nothing.
fn module_path(file: &str) -> Vec<String> {
    let path = Path::new(file).with_extension("");
    let mut parts: Vec<_> = path.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|l| l == "mod" || (parts.len() == 1 && (l == "lib" || l == "main"))) {
        parts.pop();
    }
    parts
}

/// Cuts source text into words, `::` and single characters; comments, strings, characters and lifetimes are left out.
fn tokens(text: &str) -> Vec<String> {
    let b = text.as_bytes();
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < b.len() {
        let rest = &text[i..];
        if rest.starts_with("//") {
            i += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            i += block_comment(rest);
        } else if let Some(length) = raw_string(rest) {
            i += length;
        } else if b[i] == b'"' {
            i += string(rest);
        } else if b[i] == b'\'' {
            i += char_or_lifetime(rest);
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            i += 2;
        } else if b[i] == b'_' || b[i].is_ascii_alphanumeric() {
            let length = rest.bytes().take_while(|c| *c == b'_' || c.is_ascii_alphanumeric()).count();
            tokens.push(rest[..length].to_owned());
            i += length;
        } else {
            let c = rest.chars().next().unwrap();
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            i += c.len_utf8();
        }
    }
    tokens
}

fn block_comment(rest: &str) -> usize {
    let (b, mut depth, mut i) = (rest.as_bytes(), 0, 0);
    while i < b.len() {
        match &b[i..(i + 2).min(b.len())] {
            b"/*" => (depth, i) = (depth + 1, i + 2),
            b"*/" => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// The length of a raw string (`r"..."`, `br#"..."#`) that begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let open = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = open.bytes().take_while(|c| *c == b'#').count();
    if open.as_bytes().get(hashes) != Some(&b'"') {
        return None;
    }
    let body = rest.len() - open.len() + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(rest[body..].find(&close).map_or(rest.len(), |at| body + at + close.len()))
}

fn string(rest: &str) -> usize {
    let b = rest.as_bytes();
    let mut i = 1;
    while i < b.len() && b[i] != b'"' {
        i += if b[i] == b'\\' { 2 } else { 1 };
    }
    (i + 1).min(b.len())
}

fn char_or_lifetime(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => 3 + rest[3..].find('\'').map_or(0, |at| at + 1),
        Some((i, c)) if rest[i + c.len_utf8()..].starts_with('\'') => i + c.len_utf8() + 1,
        _ => 1, // a lifetime: its name follows as a word
    }
}

/// Every path that stands in the tokens, `use` trees taken apart, `self` and `super` resolved against `module`. Inline
/// modules called `tests` are left out.
fn paths(tokens: &[String], module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut inline: Vec<(String, usize)> = Vec::new(); // inline modules we are in, with their brace depth
    let (mut depth, mut i) = (0, 0);
    while i < tokens.len() {
        match &*tokens[i] {
            "mod" if tokens.get(i + 2).is_some_and(|t| t == "{") => {
                inline.push((tokens[i + 1].clone(), depth));
                i += 2;
                continue;
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.pop_if(|(_, at)| *at == depth);
            }
            _ => {}
        }
        let in_tests = inline.iter().any(|(name, _)| name == "tests");
        let begins = i == 0 || tokens[i - 1] != "::";
        if !in_tests && begins && tokens.get(i + 1).is_some_and(|t| t == "::") && is_word(&tokens[i]) {
            let here: Vec<_> = module.iter().chain(inline.iter().map(|(name, _)| name)).cloned().collect();
            let mut trees = Vec::new();
            tree(tokens, &mut i, &mut Vec::new(), &mut trees);
            found.extend(trees.into_iter().map(|path| resolve(path, &here)));
        } else {
            i += 1;
        }
    }
    found
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
}

/// Reads one path or `use` tree at `i`: `a::b`, `a::{b, c::d as e}`, `a::*`.
fn tree(tokens: &[String], i: &mut usize, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let at = prefix.len();
    while let Some(token) = tokens.get(*i) {
        if token == "{" && !prefix.is_empty() {
            *i += 1;
            while tokens.get(*i).is_some_and(|t| t != "}") {
                let before = *i;
                tree(tokens, i, prefix, found);
                while tokens.get(*i).is_some_and(|t| t != "," && t != "}") {
                    *i += 1; // `as name`
                }
                if tokens.get(*i).is_some_and(|t| t == ",") {
                    *i += 1;
                }
                if *i == before {
                    *i += 1;
                }
            }
            *i += 1;
            prefix.truncate(at);
            return;
        }
        if !is_word(token) && token != "*" {
            break;
        }
        prefix.push(token.clone());
        *i += 1;
        if tokens.get(*i).is_some_and(|t| t == "::") {
            *i += 1;
        } else {
            break;
        }
    }
    if prefix.len() > at {
        found.push(prefix.clone());
    }
    prefix.truncate(at);
}

/// Turns `self::x` and `super::x` into `crate::...`.
fn resolve(path: Vec<String>, here: &[String]) -> Vec<String> {
    let mut base = here.to_vec();
    let mut rest = path.as_slice();
    match rest.first().map(String::as_str) {
        Some("self") => rest = &rest[1..],
        Some("super") => {
            while rest.first().is_some_and(|p| p == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        _ => return path,
    }
    std::iter::once("crate".to_owned()).chain(base).chain(rest.iter().cloned()).collect()
}
