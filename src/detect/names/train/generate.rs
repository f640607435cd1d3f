//! Texts with names in them, out of templates.

use super::super::model::{NAME, TOWN};
use super::lists::{Lists, Sampler};
use super::phrases::*;
use super::{File, Random};

/// A text, and where in it what stands.
#[derive(Default)]
pub(super) struct Text {
    pub(super) text: String,
    /// Byte ranges, with what they are.
    pub(super) spans: Vec<(usize, usize, usize)>,
}

/// Templates, and what fills them.
pub(super) struct Generator<'l> {
    templates: Vec<String>,
    fill: Fill<'l>,
}

struct Fill<'l> {
    given: Sampler<'l>,
    surnames: Sampler<'l>,
    nicknames: Sampler<'l>,
    shown_given: Sampler<'l>,
    shown_surnames: Sampler<'l>,
    rare_given: Sampler<'l>,
    rare_surnames: Sampler<'l>,
    common: Sampler<'l>,
    cities: Sampler<'l>,
    world_cities: Sampler<'l>,
    counties: Sampler<'l>,
    regions: Sampler<'l>,
    drugs: Sampler<'l>,
    medical: Sampler<'l>,
    eponyms: Sampler<'l>,
    diseases: Sampler<'l>,
    technical: Sampler<'l>,
}

impl<'l> Generator<'l> {
    pub(super) fn new(templates: &[File], lists: &'l Lists) -> Result<Generator<'l>, String> {
        let fill = Fill::new(lists);
        let mut all = Vec::new();
        for (file, text) in templates {
            for (n, line) in text.lines().enumerate() {
                if line.starts_with("# ") || line.trim().is_empty() {
                    continue;
                }
                let line = line.replace("\\n", "\n");
                let filled = fill.fill(&line, &mut Random::new(1), &mut Text::default());
                filled.map_err(|slot| format!("{file}:{}: no such slot: {{{slot}}}", n + 1))?;
                all.push(line);
            }
        }
        Ok(Generator { templates: all, fill })
    }

    pub(super) fn len(&self) -> usize {
        self.templates.len()
    }

    pub(super) fn text(&self, r: &mut Random, out: &mut Text) {
        out.text.clear();
        out.spans.clear();
        let template = &self.templates[r.below(self.templates.len())];
        let varied = if r.chance(80) { self.fill.vary(template, r) } else { template.clone() };
        // Slots were checked when the templates were read.
        let _ = self.fill.fill(&varied, r, out);
        // People in haste write nothing with a capital, or everything.
        let ascii = out.text.is_ascii();
        match r.below(100) {
            0..8 if ascii => out.text.make_ascii_lowercase(),
            8..12 if ascii => out.text.make_ascii_uppercase(),
            _ => {}
        }
    }
}

impl<'l> Fill<'l> {
    fn new(lists: &'l Lists) -> Fill<'l> {
        let s = |name: &str| Sampler::new(lists.table(name));
        Fill {
            given: s("given"),
            surnames: s("surnames"),
            nicknames: s("nicknames"),
            shown_given: s("shown_given"),
            shown_surnames: s("shown_surnames"),
            rare_given: s("rare_given"),
            rare_surnames: s("rare_surnames"),
            common: s("common"),
            cities: s("us_cities"),
            world_cities: s("cities"),
            counties: s("counties"),
            regions: s("regions"),
            drugs: s("drugs"),
            medical: s("medical"),
            eponyms: s("eponyms"),
            diseases: s("diseases"),
            technical: s("technical"),
        }
    }

    /// The template with some of its own words changed for others of the same shape, lest they be learnt by heart.
    fn vary(&self, template: &str, r: &mut Random) -> String {
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(first) = rest.chars().next() {
            let is_letter = |c: char| c.is_alphabetic() || c == '\'';
            let end = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
            let slot = rest.starts_with('{')
                && rest
                    .find('}')
                    .is_some_and(|e| rest[1..e].bytes().all(|b| b.is_ascii_alphabetic() || b == b'_'));
            if slot || end == 0 {
                let end = if slot { rest.find('}').map_or(1, |e| e + 1) } else { first.len_utf8() };
                out.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            let word = &rest[..end];
            rest = &rest[end..];
            let upper = word.chars().all(char::is_uppercase);
            let titled = first.is_uppercase() && word.chars().skip(1).all(char::is_lowercase);
            match word.len() {
                2..=6 if upper && r.chance(30) => out.push_str(&self.acronym(r)),
                3.. if upper && r.chance(15) => out.push_str(&self.thing(r).to_uppercase()),
                3.. if titled && r.chance(12) => out.push_str(&title(&self.thing(r))),
                3.. if !upper && !titled && r.chance(6) => out.push_str(self.word(r)),
                _ => out.push_str(word),
            }
        }
        out
    }

    /// A word that is no name here, whatever it may be elsewhere.
    fn thing(&self, r: &mut Random) -> String {
        match r.below(12) {
            10 => self.medical.any(r).to_string(),
            11 => coined(self.medical.any(r), self.medical.any(r), r),
            0..5 => self.word(r).to_string(),
            5..7 => self.coined(r),
            7 => self.technical.any(r).to_string(),
            8 => self.eponyms.any(r).to_string(),
            _ => self.drugs.any(r).to_string(),
        }
    }

    /// A word that there is not: the head of one and the tail of another.
    fn coined(&self, r: &mut Random) -> String {
        coined(self.common.any(r), self.common.any(r), r)
    }

    fn acronym(&self, r: &mut Random) -> String {
        (0..2 + r.below(4))
            .map(|_| char::from(b"ABCDEFGHIKLMNOPRSTUVABCDEFGHIMNOPRST"[r.below(36)]))
            .collect()
    }

    /// Appends a template, filled; the name of a slot that there is not is the error.
    fn fill<'t>(&self, template: &'t str, r: &mut Random, out: &mut Text) -> Result<(), &'t str> {
        let mut rest = template;
        while let Some(open) = rest.find(['{', '}']) {
            out.text.push_str(&rest[..open]);
            rest = &rest[open..];
            if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                out.text.push_str(&rest[..1]);
                rest = after;
                continue;
            }
            let name = |b: u8| b.is_ascii_alphabetic() || b == b'_';
            let close = 1 + rest[1..].bytes().take_while(|b| name(*b)).count();
            if close == 1 || !rest[close..].starts_with('}') {
                // A brace of the text's own, as in JSON.
                out.text.push_str(&rest[..1]);
                rest = &rest[1..];
                continue;
            }
            let slot = &rest[1..close];
            rest = &rest[close + 1..];
            let start = out.text.len();
            match self.slot(slot, r, out) {
                None => return Err(slot),
                Some(None) => {}
                Some(Some(class)) => out.spans.push((start, out.text.len(), class)),
            }
        }
        out.text.push_str(rest);
        Ok(())
    }

    /// Fills a slot and says what it is; `None` if there is no such slot.
    fn slot(&self, slot: &str, r: &mut Random, out: &mut Text) -> Option<Option<usize>> {
        let name = |text: &str, out: &mut Text| {
            out.text.push_str(text);
            Some(Some(NAME))
        };
        let plain = |text: &str, out: &mut Text| {
            out.text.push_str(text);
            Some(None)
        };
        let world = r.chance(22);
        match slot {
            "full" => name(&self.full(r, world), out),
            "given" => name(&self.given(r, world), out),
            "surname" => name(&self.surname(r, world), out),
            "given_initial" => {
                let point = if r.chance(80) { "." } else { "" };
                name(&format!("{} {}{point}", self.given(r, world), initial(r)), out)
            }
            "initial_surname" => {
                let middle = if r.chance(30) { format!(" {}.", initial(r)) } else { String::new() };
                name(&format!("{}.{middle} {}", initial(r), self.surname(r, world)), out)
            }
            "last_first" => {
                let middle = match r.below(4) {
                    0 => format!(" {}", initial(r)),
                    1 => format!(" {}.", initial(r)),
                    _ => String::new(),
                };
                name(&format!("{}, {}{middle}", self.surname(r, world), self.given(r, world)), out)
            }
            "FULL" => name(&self.full(r, world).to_uppercase(), out),
            "GIVEN" => name(&self.given(r, world).to_uppercase(), out),
            "SURNAME" => name(&self.surname(r, world).to_uppercase(), out),
            "LAST_FIRST" => {
                let comma = if r.chance(80) { ", " } else { "," };
                let middle = if r.chance(40) { format!(" {}", initial(r)) } else { String::new() };
                let text = format!("{}{comma}{}{middle}", self.surname(r, world), self.given(r, world));
                name(&text.to_uppercase(), out)
            }
            "lower_full" => name(&self.full(r, world).to_lowercase(), out),
            "lower_given" => name(&self.given(r, world).to_lowercase(), out),
            "lower_surname" => name(&self.surname(r, world).to_lowercase(), out),
            "nick" => name(&title(self.nicknames.any(r)), out),
            "full_suffix" => {
                let suffix = r.of(&["Jr.", "Sr.", "Jr", "II", "III", "IV"]);
                let comma = if r.chance(40) { "," } else { "" };
                name(&format!("{}{comma} {suffix}", self.full(r, false)), out)
            }
            "city" => self.town(self.city(r), out),
            "CITY" => self.town(self.city(r).to_uppercase(), out),
            "county" => {
                let county = self.counties.any(r);
                self.town(county.trim_end_matches(" County").to_string(), out);
                plain(" County", out)
            }
            "city_state" => {
                self.town(self.city(r), out);
                let state = r.of(&STATES);
                plain(
                    &if r.chance(70) { format!(", {}", &state[..2]) } else { format!(", {}", &state[3..]) },
                    out,
                )
            }
            "state" => plain(&r.of(&STATES)[3..], out),
            "country" => plain(&title(self.regions.any(r)), out),
            "nationality" | "language" => plain(r.of(&PEOPLES), out),
            "street" => {
                let street =
                    if r.chance(60) { title(self.surnames.by_count(r)) } else { title(self.common.any(r)) };
                let direction =
                    if r.chance(20) { r.of(&["N ", "S. ", "West ", "E. ", "North "]) } else { "" };
                let kind = r.of(&[
                    "St", "Street", "Ave", "Avenue", "Rd", "Road", "Lane", "Dr.", "Drive", "Blvd", "Court",
                    "Way", "Place",
                ]);
                plain(&format!("{} {direction}{street} {kind}", 1 + r.below(9999)), out)
            }
            "facility" => plain(&self.facility(r), out),
            "FACILITY" => plain(&self.facility(r).to_uppercase(), out),
            "org" => plain(&self.organisation(r), out),
            "product" if r.chance(40) => plain(&title(&self.coined(r)), out),
            "product" => plain(r.of(&PRODUCTS), out),
            "drug" => {
                let drug = self.drugs.any(r);
                plain(&if r.chance(50) { title(drug) } else { drug.to_string() }, out)
            }
            "DRUG" => plain(&self.drugs.any(r).to_uppercase(), out),
            "disease" => plain(self.diseases.any(r), out),
            "eponym" => plain(&self.eponym(r), out),
            "EPONYM" => plain(&self.eponym(r).to_uppercase(), out),
            // A name that stands for a thing: `Kelly clamp`.
            "thing_name" => match r.below(12) {
                0..5 => plain(&title(self.eponyms.any(r)), out),
                5..8 => plain(&title(self.rare_surnames.any(r)), out),
                8..11 => plain(&title(self.surnames.any(r)), out),
                _ => plain(&surname_case(self.surnames.by_count(r), r), out),
            },
            "Coined" => plain(&title(&self.coined(r)), out),
            "Medical" => {
                let (a, b) = (self.medical.any(r), self.medical.any(r));
                plain(&title(&if r.chance(50) { coined(a, b, r) } else { a.to_string() }), out)
            }
            "device" => plain(r.of(&DEVICES), out),
            "test" => plain(r.of(&TESTS), out),
            "month" => plain(r.of(&MONTHS), out),
            "weekday" => plain(r.of(&WEEKDAYS), out),
            "date" => plain(&date(r), out),
            "time" => plain(&format!("{:02}:{:02}", r.below(24), r.below(60)), out),
            "num" => plain(&r.below(100_000).to_string(), out),
            "small" => plain(&r.below(100).to_string(), out),
            "age" => plain(&(1 + r.below(99)).to_string(), out),
            "id" => plain(
                &format!("{}{}", r.of(&["A-", "", "REQ", "ab12", "TX-", "c0ffee"]), r.below(10_000_000)),
                out,
            ),
            "mrn" => plain(&(100_000 + r.below(99_000_000)).to_string(), out),
            "phone" => plain(&format!("{}-555-01{:02}", 201 + r.below(700), r.below(100)), out),
            "email" => {
                let text =
                    format!("{}.{}@{}.com", self.given.any(r), self.surnames.any(r), self.common.any(r));
                plain(&text, out)
            }
            "username" => plain(
                &format!(
                    "{}{}",
                    &self.given.any(r).chars().take(1).collect::<String>(),
                    self.surnames.any(r)
                ),
                out,
            ),
            "url" => {
                plain(&format!("https://{}.example.org/{}", self.common.any(r), self.common.any(r)), out)
            }
            "ip" => plain(&format!("10.{}.{}.{}", r.below(256), r.below(256), r.below(256)), out),
            "word" => plain(self.word(r), out),
            "Word" if r.chance(15) => plain(&title(&self.thing(r)), out),
            "Word" => plain(&title(self.word(r)), out),
            "WORD" if r.chance(40) => plain(&self.acronym(r), out),
            "WORD" => plain(&self.word(r).to_uppercase(), out),
            "job" => plain(r.of(&JOBS), out),
            "tech" if r.chance(25) => plain(&title(&self.coined(r)), out),
            "tech" => plain(&title(self.technical.any(r)), out),
            "class" => plain(&format!("{}{}", title(self.word(r)), title(self.word(r))), out),
            _ => None,
        }
    }

    fn town(&self, text: String, out: &mut Text) -> Option<Option<usize>> {
        let start = out.text.len();
        out.text.push_str(&text);
        out.spans.push((start, out.text.len(), TOWN));
        Some(None)
    }

    /// A word of every day: the more common, the likelier.
    fn word(&self, r: &mut Random) -> &'l str {
        (0..8).map(|_| self.common.by_count(r)).find(|w| w.len() > 2).unwrap_or("word")
    }

    fn given(&self, r: &mut Random, world: bool) -> String {
        let one = |r: &mut Random| match r.below(100) {
            _ if world => self.shown_given.any(r).to_string(),
            0..46 => title(self.given.by_count(r)),
            46..73 => title(self.given.any(r)),
            73..81 => title(self.nicknames.any(r)),
            81..92 => title(self.rare_given.any(r)),
            _ => self.shown_given.any(r).to_string(),
        };
        let first = one(r);
        match r.below(40) {
            0 => format!("{first}-{}", one(r)),
            _ => first,
        }
    }

    fn surname(&self, r: &mut Random, world: bool) -> String {
        let one = |r: &mut Random| match r.below(100) {
            _ if world => self.shown_surnames.any(r).to_string(),
            0..50 => surname_case(self.surnames.by_count(r), r),
            50..78 => surname_case(self.surnames.any(r), r),
            78..90 => title(self.rare_surnames.any(r)),
            _ => self.shown_surnames.any(r).to_string(),
        };
        let last = one(r);
        match r.below(60) {
            0 | 1 => format!("{last}-{}", one(r)),
            2 => format!(
                "{} {last}",
                r.of(&["van", "de", "von", "van der", "de la", "del", "di", "al", "bin", "dos", "da"])
            ),
            3 => format!(
                "{} {last}",
                r.of(&["Van", "De", "Von", "De La", "Del", "Di", "Al", "El", "St.", "Le", "La"])
            ),
            4 => format!("{}'{last}", r.of(&["O", "D", "O"])),
            5 if world => format!("{last} {}", one(r)),
            _ => last,
        }
    }

    fn full(&self, r: &mut Random, world: bool) -> String {
        let (given, surname) = (self.given(r, world), self.surname(r, world));
        match r.below(20) {
            0..=2 => format!("{given} {}. {surname}", initial(r)),
            3 => format!("{given} {} {surname}", initial(r)),
            4 => format!("{given} {} {surname}", self.given(r, world)),
            5 if r.chance(30) => format!("{given} \"{}\" {surname}", title(self.nicknames.any(r))),
            _ => format!("{given} {surname}"),
        }
    }

    fn city(&self, r: &mut Random) -> String {
        match r.below(10) {
            0..6 => self.cities.by_count(r).to_string(),
            6..8 => self.cities.any(r).to_string(),
            8 => self.world_cities.by_count(r).split(' ').map(title).collect::<Vec<_>>().join(" "),
            _ => self.world_cities.any(r).split(' ').map(title).collect::<Vec<_>>().join(" "),
        }
    }

    fn facility(&self, r: &mut Random) -> String {
        let kind = r.of(&[
            "Hospital",
            "Medical Center",
            "Clinic",
            "Health",
            "General Hospital",
            "Memorial Hospital",
            "Med Ctr",
            "Regional Medical Center",
            "Children's Hospital",
            "Family Clinic",
            "Urgent Care",
        ]);
        match r.below(6) {
            0 => format!("St. {}'s {kind}", title(self.given.by_count(r))),
            1 => format!("Mount {} {kind}", title(self.common.any(r))),
            2 | 3 => format!("{} {kind}", title(self.surnames.by_count(r))),
            4 => format!("{} {kind}", self.cities.by_count(r)),
            _ => format!("{} {kind}", title(self.common.any(r))),
        }
    }

    fn organisation(&self, r: &mut Random) -> String {
        let surname = |r: &mut Random| title(self.surnames.by_count(r));
        match r.below(9) {
            8 => title(&self.coined(r)),
            0 if r.chance(50) => format!("{} & {}", surname(r), surname(r)),
            1 if r.chance(25) => format!("{}, {} & {}", surname(r), surname(r), surname(r)),
            2 => format!(
                "{} {}",
                surname(r),
                r.of(&["Inc", "Inc.", "LLC", "Ltd", "Group", "PLC", "and Sons", "Bros", "Foundation"])
            ),
            3 => format!(
                "{} {}",
                self.cities.by_count(r),
                r.of(&["University", "Bank", "Partners", "Times", "Insurance", "Airlines"])
            ),
            4 => {
                format!("{}{}", title(self.word(r)), r.of(&["soft", "Tech", "corp", "Works", "Labs", "Net"]))
            }
            5 => format!(
                "{} {}",
                title(self.word(r)),
                r.of(&[
                    "Systems",
                    "Capital",
                    "Partners",
                    "Health",
                    "Technologies",
                    "Corporation",
                    "Insurance",
                    "Logistics"
                ])
            ),
            6 => title(self.technical.any(r)),
            _ => r.of(&ORGANISATIONS).to_string(),
        }
    }

    fn eponym(&self, r: &mut Random) -> String {
        let e = title(self.eponyms.any(r));
        let possessive = if r.chance(50) { "'s" } else { "" };
        match r.below(12) {
            0..3 => format!(
                "{e}{possessive} {}",
                r.of(&[
                    "disease",
                    "syndrome",
                    "sign",
                    "test",
                    "palsy",
                    "lymphoma",
                    "thyroiditis",
                    "contracture"
                ])
            ),
            3 => format!(
                "{e} {}",
                r.of(&[
                    "catheter",
                    "clamp",
                    "retractor",
                    "forceps",
                    "tube",
                    "drain",
                    "wire",
                    "scissors",
                    "needle"
                ])
            ),
            4 => format!(
                "{e}-{} {}",
                title(self.eponyms.any(r)),
                r.of(&["syndrome", "disease", "procedure", "score"])
            ),
            5 => format!(
                "{e} {}",
                r.of(&[
                    "procedure",
                    "maneuver",
                    "score",
                    "scale",
                    "criteria",
                    "classification",
                    "position",
                    "fracture"
                ])
            ),
            6 => format!("{e}{possessive}"),
            _ => format!(
                "{e} {}",
                r.of(&[
                    "disease", "syndrome", "sign", "score", "test", "lesion", "tumor", "nodes", "reflex",
                    "cells", "bodies", "stage"
                ])
            ),
        }
    }
}
