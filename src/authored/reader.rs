//! Reads TOML tables key by key, and says where something is not as it should be.
//!
//! Each key that is asked for is known from then on; [`Table::finish`] refuses the others. Messages name keys and
//! kinds of values, never a value: what was written in the wrong place may be a secret.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::secrets::{blank, blank_secrets, may_be_secret_name};
use super::{Diagnostic, Severity, did_you_mean, inside_string};

/// A file that is being read, and what is wrong with it so far.
pub(crate) struct Reader {
    file: String,
    /// What is shown of it.
    text: RefCell<String>,
    /// It may hold secrets.
    guarded: bool,
    found: RefCell<Vec<Diagnostic>>,
}

/// A table of the file.
pub(crate) struct Table<'r> {
    reader: &'r Reader,
    /// Its dotted name, empty for the root.
    name: String,
    span: Range<usize>,
    entries: &'r DeTable<'r>,
    known: RefCell<Vec<&'static str>>,
}

impl Reader {
    /// A reader of `text`, which came from `file`.
    pub(crate) fn new(file: String, text: &str) -> Reader {
        Reader {
            file,
            text: RefCell::new(blank_secrets(text, true)),
            guarded: true,
            found: RefCell::default(),
        }
    }

    /// A reader of a file that holds no secrets, such as a pack: what looks like one is shown.
    pub(crate) fn without_secrets(file: String, text: &str) -> Reader {
        Reader { file, text: RefCell::new(text.to_owned()), guarded: false, found: RefCell::default() }
    }

    /// Where a part of a string stands in the file; the whole string where that cannot be told.
    pub(crate) fn inside(&self, string: &Spanned<String>, part: Range<usize>) -> Range<usize> {
        inside_string(&self.text.borrow(), string.span(), string.get_ref(), part).unwrap_or(string.span())
    }

    /// Parses the text. What is wrong with its syntax is kept as errors, and nothing else is then looked at: it
    /// would not be what the author meant.
    pub(crate) fn parse<'t>(&self, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        for e in &errors {
            let span = e.span().unwrap_or(0..0);
            self.error(span, format!("this is not TOML: {}", e.message()), "here", None);
        }
        if self.guarded && errors.is_empty() {
            *self.text.borrow_mut() = blank_secrets(text, false);
            self.blank_under(root.get_ref(), false);
        }
        errors.is_empty().then_some(root)
    }

    /// Blanks the values of keys that may be secret. The text alone does not tell of all: a key may be written with
    /// escapes, or be a table's.
    fn blank_under(&self, table: &DeTable<'_>, secret: bool) {
        for (key, value) in table {
            self.blank_value(value, secret || may_be_secret_name(key.get_ref()));
        }
    }

    fn blank_value(&self, value: &Spanned<DeValue<'_>>, secret: bool) {
        match value.get_ref() {
            DeValue::Table(table) => self.blank_under(table, secret),
            DeValue::Array(list) => list.iter().for_each(|v| self.blank_value(v, secret)),
            _ if secret => self.blank(value.span()),
            _ => {}
        }
    }

    /// From now on, and in what has been found already, this value is not shown.
    pub(crate) fn blank(&self, value: Range<usize>) {
        let blanked = blank(&self.text.borrow(), value);
        *self.text.borrow_mut() = blanked;
    }

    /// The root table.
    pub(crate) fn root<'r>(&'r self, root: &'r Spanned<DeTable<'r>>) -> Table<'r> {
        Table {
            reader: self,
            name: String::new(),
            span: 0..0,
            entries: root.get_ref(),
            known: RefCell::default(),
        }
    }

    /// Keeps an error.
    pub(crate) fn error(&self, span: Range<usize>, title: String, label: &str, help: Option<String>) {
        self.keep(Severity::Error, span, title, label, help);
    }

    /// Keeps a warning.
    pub(crate) fn warning(&self, span: Range<usize>, title: String, label: &str, help: Option<String>) {
        self.keep(Severity::Warning, span, title, label, help);
    }

    fn keep(&self, severity: Severity, span: Range<usize>, title: String, label: &str, help: Option<String>) {
        // The text comes with the last of them.
        let (file, text) = (self.file.clone(), Arc::default());
        let label = label.to_owned();
        self.found.borrow_mut().push(Diagnostic { severity, title, file, text, span, label, help });
    }

    /// What was found wrong, in the order of the file: the warnings, or all if there is an error.
    pub(crate) fn finish(self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let text: Arc<str> = self.text.into_inner().into();
        let mut found = self.found.into_inner();
        found.iter_mut().for_each(|d| d.text = text.clone());
        found.sort_by_key(|d| d.span.start);
        match found.iter().any(|d| d.severity == Severity::Error) {
            true => Err(found),
            false => Ok(found),
        }
    }
}

impl<'r> Table<'r> {
    /// Where its name stands.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The full name of one of its keys.
    pub(crate) fn full_name(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Its keys, whatever they are.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'r str, Range<usize>)> + use<'r> {
        self.entries.iter().map(|(k, _)| (&**k.get_ref(), k.span()))
    }

    /// Whether a key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn value(&self, key: &'static str) -> Option<&'r Spanned<DeValue<'r>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.entries.get(key)
    }

    /// Keeps an error about a key's value.
    pub(crate) fn wrong(&self, key: &str, span: Range<usize>, must: &str, label: &str, help: Option<String>) {
        self.reader.error(span, format!("`{}` must be {must}", self.full_name(key)), label, help);
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, must: &str) {
        let label = format!("this is {}", type_in_words(value.get_ref()));
        self.wrong(key, value.span(), must, &label, None);
    }

    /// A string.
    pub(crate) fn string(&self, key: &'static str) -> Option<Spanned<String>> {
        let value = self.value(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(key, value, "a string");
        }
        text.map(|t| Spanned::new(value.span(), t.to_owned()))
    }

    /// A string that has to be there.
    pub(crate) fn required_string(&self, key: &'static str, help: &str) -> Option<Spanned<String>> {
        if !self.has(key) {
            self.missing(key, help);
        }
        self.string(key)
    }

    /// Says that a key is missing.
    pub(crate) fn missing(&self, key: &'static str, help: &str) {
        let title = format!("`{}` is missing", self.full_name(key));
        let label = if self.name.is_empty() { "in this file" } else { "in this table" };
        self.reader.error(self.span(), title, label, Some(help.to_owned()));
    }

    /// A list of strings.
    pub(crate) fn strings(&self, key: &'static str) -> Option<Vec<Spanned<String>>> {
        let value = self.value(key)?;
        let Some(list) = value.get_ref().as_array() else {
            let label = format!("this is {}", type_in_words(value.get_ref()));
            let help = value.get_ref().is_str().then(|| "put it in brackets: [\"...\"]".to_owned());
            self.wrong(key, value.span(), "a list of strings", &label, help);
            return None;
        };
        let strings = list.iter().filter_map(|v| match v.get_ref().as_str() {
            Some(s) => Some(Spanned::new(v.span(), s.to_owned())),
            None => {
                self.wrong_type(key, v, "a list of strings");
                None
            }
        });
        Some(strings.collect())
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let b = value.get_ref().as_bool();
        if b.is_none() {
            self.wrong_type(key, value, "true or false");
        }
        b
    }

    /// A number within a range; a whole number will do.
    pub(crate) fn number(&self, key: &'static str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let value = self.value(key)?;
        let must = format!("a number from {} to {}", range.start(), range.end());
        let number = match value.get_ref() {
            DeValue::Float(f) => f.as_str().parse().ok(),
            DeValue::Integer(_) => as_integer(value.get_ref()).map(|i| i as f64),
            _ => {
                self.wrong_type(key, value, &must);
                return None;
            }
        };
        let inside = number.filter(|n| range.contains(n));
        if inside.is_none() {
            self.wrong(key, value.span(), &must, "out of range", None);
        }
        inside
    }

    /// A whole number within a range.
    pub(crate) fn integer(&self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(key)?;
        let must = format!("a whole number from {} to {}", range.start(), range.end());
        if !value.get_ref().is_integer() {
            self.wrong_type(key, value, &must);
            return None;
        }
        let inside = as_integer(value.get_ref()).filter(|n| range.contains(n));
        if inside.is_none() {
            self.wrong(key, value.span(), &must, "out of range", None);
        }
        inside
    }

    /// A size in bytes, with a unit.
    pub(crate) fn size(&self, key: &'static str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let parsed = match value.get_ref() {
            DeValue::String(s) => super::size::parse(s),
            DeValue::Integer(_) => {
                as_integer(value.get_ref()).and_then(|i| u64::try_from(i).ok()).ok_or("too large")
            }
            _ => {
                self.wrong_type(key, value, "a size such as \"16 MiB\"");
                return None;
            }
        };
        match parsed {
            Ok(n) if range.contains(&n) => Some(n),
            Ok(_) => {
                let must = format!("from {} to {} bytes", range.start(), range.end());
                self.wrong(key, value.span(), &must, "out of range", None);
                None
            }
            Err(how) => {
                self.wrong(
                    key,
                    value.span(),
                    "a size such as \"16 MiB\"",
                    "not a size",
                    Some(how.to_owned()),
                );
                None
            }
        }
    }

    /// One of a closed list of words. Words of `later` are known, but this version has not got them.
    pub(crate) fn one_of<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
        later: &[&str],
    ) -> Option<Spanned<T>> {
        let word = self.string(key)?;
        self.choose(key, &word, choices, later).map(|t| Spanned::new(word.span(), t))
    }

    /// The meaning of a word of a closed list.
    pub(crate) fn choose<T: Copy>(
        &self,
        key: &str,
        word: &Spanned<String>,
        choices: &[(&str, T)],
        later: &[&str],
    ) -> Option<T> {
        self.choose_or(key, word, choices, later, None)
    }

    /// The same where something else than a word may stand too: its name, and how it is written.
    pub(crate) fn choose_or<T: Copy>(
        &self,
        key: &str,
        word: &Spanned<String>,
        choices: &[(&str, T)],
        later: &[&str],
        other: Option<(&str, &str)>,
    ) -> Option<T> {
        let given = word.get_ref().as_str();
        let found = choices.iter().find(|(name, _)| *name == given).map(|(_, t)| *t);
        if found.is_none() {
            let names = choices.iter().map(|(n, _)| *n);
            let allowed = names.clone().chain(other.map(|(_, form)| form)).collect::<Vec<_>>();
            let allowed = format!("one of {}", listed(&allowed));
            match later.iter().find(|l| **l == given) {
                Some(l) => {
                    self.not_yet(word.span(), &format!("`{} = \"{l}\"`", self.full_name(key)), &allowed)
                }
                None => {
                    let near = did_you_mean(given, names.chain(other.map(|(name, _)| name)));
                    let hint = near.map(|near| match other {
                        Some((name, form)) if name == near => format!("did you mean {form}?"),
                        _ => format!("did you mean \"{near}\"?"),
                    });
                    self.wrong(key, word.span(), &allowed, "not one of them", hint);
                }
            }
        }
        found
    }

    /// Says that something is known, but this version has not got it.
    pub(crate) fn not_yet(&self, span: Range<usize>, what: &str, instead: &str) {
        let title = format!("{what} is not in this version");
        self.reader.error(span, title, "not in this version", Some(format!("use {instead}")));
    }

    /// A table within.
    pub(crate) fn table(&self, key: &'static str) -> Option<Table<'r>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(entries) => Some(self.inner(self.full_name(key), self.key_span(key), entries)),
            None => {
                self.wrong_type(key, value, "a table");
                None
            }
        }
    }

    /// A list of tables within: `[[name]]`.
    pub(crate) fn tables(&self, key: &'static str) -> Vec<Table<'r>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let name = self.full_name(key);
        let list = match value.get_ref() {
            DeValue::Array(list) => list,
            other => {
                let label = format!("this is {}", type_in_words(other));
                let help = Some(format!("begin each with a line [[{name}]]"));
                self.wrong(key, value.span(), "a list of tables", &label, help);
                return Vec::new();
            }
        };
        let tables = list.iter().filter_map(|v| match v.get_ref().as_table() {
            Some(entries) => Some(self.inner(name.clone(), v.span(), entries)),
            None => {
                self.wrong_type(key, v, "a list of tables");
                None
            }
        });
        tables.collect()
    }

    /// A key whose value may be a word or a table.
    pub(crate) fn string_or_table(&self, key: &'static str) -> Option<Result<Spanned<String>, Table<'r>>> {
        let value = self.value(key)?;
        if let Some(entries) = value.get_ref().as_table() {
            return Some(Err(self.inner(self.full_name(key), value.span(), entries)));
        }
        self.string(key).map(Ok)
    }

    /// A table of free keys with plain values, each as a string.
    pub(crate) fn properties(&self, key: &'static str) -> Vec<(Spanned<String>, Spanned<String>)> {
        let Some(table) = self.table(key) else { return Vec::new() };
        let read = table.entries.iter().filter_map(|(k, v)| {
            let value = match v.get_ref() {
                DeValue::String(s) => s.to_string(),
                DeValue::Boolean(b) => b.to_string(),
                DeValue::Float(f) => f.as_str().to_owned(),
                DeValue::Integer(_) => as_integer(v.get_ref()).unwrap_or_default().to_string(),
                DeValue::Table(_) => {
                    let help = Some("put the name in quotes: \"fetch.wait.max.ms\" = \"50\"".to_owned());
                    table.wrong(k.get_ref(), v.span(), "a string", "a dot makes this a table", help);
                    return None;
                }
                _ => {
                    table.wrong_type(k.get_ref(), v, "a string");
                    return None;
                }
            };
            Some((Spanned::new(k.span(), k.get_ref().to_string()), Spanned::new(v.span(), value)))
        });
        read.collect()
    }

    /// Says that there is one too many.
    pub(crate) fn only_one(&self, span: Range<usize>, what: &str, help: &str) {
        let title = format!("there must be {what} in [{}]", self.name);
        self.reader.error(span, title, "one too many", Some(help.to_owned()));
    }

    /// Where a key's value stands.
    pub(crate) fn value_span(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or_else(|| self.span(), Spanned::span)
    }

    fn inner(&self, name: String, span: Range<usize>, entries: &'r DeTable<'r>) -> Table<'r> {
        Table { reader: self.reader, name, span, entries, known: RefCell::default() }
    }

    fn key_span(&self, key: &str) -> Range<usize> {
        self.entries.get_key_value(key).map_or_else(|| self.span(), |(k, _)| k.span())
    }

    /// Refuses every key that nobody asked for. Keys of `later` are known, but this version has not got them.
    pub(crate) fn finish(&self, later: &[&str]) {
        let known = self.known.borrow();
        let here = if self.name.is_empty() { "the file".to_owned() } else { format!("[{}]", self.name) };
        for (key, span) in self.keys().filter(|(k, _)| !known.contains(k)) {
            let allowed =
                format!("in {here} stand{}: {}", if known.len() == 1 { "s" } else { "" }, listed(&known));
            if later.contains(&key) {
                let title = format!("`{}` is not in this version", self.full_name(key));
                self.reader.error(span, title, "not in this version", Some(allowed));
                continue;
            }
            let hint = did_you_mean(key, known.iter().copied()).map(|s| format!("did you mean `{s}`? "));
            let help = format!("{}{allowed}", hint.unwrap_or_default());
            let title = format!(
                "unknown {} in {here}",
                if self.entries[key].get_ref().is_table() { "table" } else { "key" }
            );
            self.reader.error(span, title, "not known", Some(help));
        }
    }
}

/// Words as a list for people.
pub(crate) fn listed(words: &[&str]) -> String {
    words.join(", ")
}

fn as_integer(value: &DeValue<'_>) -> Option<i64> {
    let i = value.as_integer()?;
    i64::from_str_radix(i.as_str(), i.radix()).ok()
}

fn type_in_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_say_what_is_wrong() {
        let text = "s = 1\nn = \"x\"\nflag = 'no'\nlist = \"a\"\nb = 3\nsize = \"16 M\"\nnmae = \"x\"\nsoon = 1\nword = \"rde\"\nlate = \"green\"\n";
        let reader = Reader::new("t.toml".into(), text);
        let root = reader.parse(text).unwrap();
        let t = reader.root(&root);
        t.string("s");
        t.number("n", 0.0..=1.0);
        t.boolean("flag");
        t.strings("list");
        t.integer("b", 0..=2);
        t.size("size", 0..=9);
        t.string("name");
        t.one_of("word", &[("red", 1), ("blue", 2)], &["green"]);
        t.one_of("late", &[("red", 1), ("blue", 2)], &["green"]);
        t.finish(&["soon"]);
        let found = reader.finish().unwrap_err();
        let lines: Vec<String> = found.iter().map(|d| format!("{d}")).collect();
        let want = [
            "t.toml:1:5: `s` must be a string",
            "t.toml:2:5: `n` must be a number from 0 to 1",
            "t.toml:3:8: `flag` must be true or false",
            "t.toml:4:8: `list` must be a list of strings; put it in brackets: [\"...\"]",
            "t.toml:5:5: `b` must be a whole number from 0 to 2",
            "t.toml:6:8: `size` must be a size such as \"16 MiB\"; a size is a whole number and a unit: B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024)",
            "t.toml:7:1: unknown key in the file; did you mean `name`? in the file stand: s, n, flag, list, b, size, name, word, late",
            "t.toml:8:1: `soon` is not in this version; in the file stand: s, n, flag, list, b, size, name, word, late",
            "t.toml:9:8: `word` must be one of red, blue; did you mean \"red\"?",
            "t.toml:10:8: `late = \"green\"` is not in this version; use one of red, blue",
        ];
        assert_eq!(lines, want);
    }
}
