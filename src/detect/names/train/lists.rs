//! Word lists, read; and the dictionary made of them.

use super::{File, Random};
use crate::detect::names::dictionary::{Entry, Flag};
use std::collections::BTreeMap;

/// Everything that is known, by list.
pub(super) struct Lists {
    tables: BTreeMap<String, Vec<(String, u64)>>,
}

/// Lists that come as TSV, words with a figure.
const TABLES: [&str; 16] = [
    "given",
    "surnames",
    "common",
    "cities",
    "us_cities",
    "regions",
    "counties",
    "drugs",
    "medical",
    "eponyms",
    "diseases",
    "shown_given",
    "shown_surnames",
    "rare_given",
    "rare_surnames",
    "nicknames",
];
/// Lists that people wrote, one word a line.
const WRITTEN: [&str; 8] =
    ["calendar", "titles", "particles", "organisations", "technical", "eponyms", "medical", "regions"];

impl Lists {
    pub(super) fn read(tables: &[File], written: &[File]) -> Result<Lists, String> {
        let mut all: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        let file = |files: &'_ [File], name: &str| {
            let found = files.iter().find(|(file, _)| file == name).cloned();
            found.ok_or_else(|| format!("there is no list {name}"))
        };
        for name in TABLES {
            for (n, line) in file(tables, name)?.1.lines().enumerate() {
                let row = line.split_once('\t').and_then(|(w, c)| Some((w.to_string(), c.parse().ok()?)));
                let row = row.ok_or_else(|| format!("{name}:{}: not a word and a count", n + 1))?;
                all.entry(name.to_string()).or_default().push(row);
            }
        }
        for name in WRITTEN {
            let (_, text) = file(written, name)?;
            let words = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
            all.entry(name.to_string()).or_default().extend(words.map(|w| (w.to_string(), 1)));
        }
        Ok(Lists { tables: all })
    }

    pub(super) fn table(&self, name: &str) -> &[(String, u64)] {
        self.tables.get(name).map_or(&[], Vec::as_slice)
    }

    /// The dictionary's words, in order.
    pub(super) fn entries(&self) -> Vec<(Vec<u8>, Entry)> {
        let mut all: BTreeMap<&str, Entry> = BTreeMap::new();
        // Each level is twice as many as the one below.
        let level = |count: u64, unit: u64| (1 + (count / unit).max(1).ilog2()).min(15) as u8;
        let mut merge = |word, entry: Entry| {
            let known: &mut Entry = all.entry(word).or_default();
            known.0 |= entry.0;
        };
        for (w, n) in self.table("given") {
            merge(w, Entry::new(level(*n, 90), 0, 0, 0));
        }
        for (w, n) in self.table("surnames") {
            merge(w, Entry::new(0, level(*n, 90), 0, 0));
        }
        for (w, n) in self.table("cities") {
            merge(w, Entry::new(0, 0, 0, level(*n, 1000)));
            if let Some((first, _)) = w.split_once(' ') {
                merge(first, Entry::default().with(Flag::TownBegins));
            }
        }
        for (name, flag) in Flag::ALL {
            for (w, _) in self.table(name) {
                merge(w, Entry::default().with(flag));
            }
        }
        for (w, n) in self.table("common") {
            // The rarest words only matter where they are something else, too.
            if *n >= 3 || all.contains_key(w.as_str()) {
                let known: &mut Entry = all.entry(w).or_default();
                known.0 |= Entry::new(0, 0, *n as u8, 0).0;
            }
        }
        all.into_iter().filter(|(w, _)| w.len() <= 32).map(|(w, e)| (w.as_bytes().to_vec(), e)).collect()
    }
}

/// Draws from a list: by figure, or each alike.
pub(super) struct Sampler<'l> {
    words: &'l [(String, u64)],
    sums: Vec<u64>,
}

impl<'l> Sampler<'l> {
    pub(super) fn new(words: &'l [(String, u64)]) -> Sampler<'l> {
        let mut sum = 0;
        let sums = words.iter().map(|(_, n)| {
            sum += n;
            sum
        });
        Sampler { words, sums: sums.collect() }
    }

    pub(super) fn by_count(&self, r: &mut Random) -> &'l str {
        let total = self.sums.last().copied().unwrap_or(1);
        let at = r.below(total as usize) as u64;
        self.words.get(self.sums.partition_point(|s| *s <= at)).map_or("", |(w, _)| w)
    }

    pub(super) fn any(&self, r: &mut Random) -> &'l str {
        match self.words.len() {
            0 => "",
            n => &self.words[r.below(n)].0,
        }
    }
}
