//! Corpora with ground truth: what stands in them is invented from a seed, and where identifiers were planted is known.
//!
//! They are meant to be as varied as logs are: templates, schemas and names by the hundred, and every number, id, address and time
//! drawn anew, so that nothing is gained by having seen a record before that would not be gained in life.

mod clock;
mod hl7;
mod messages;
mod names;
mod notices;
mod phrases;
mod random;
mod record;
mod shapes;
mod slots;
mod template;
#[cfg(test)]
mod tests;
mod values;
mod vocabulary;

use std::str::FromStr;

use names::Lists;
use random::Random;
pub use record::{Kind, Planted, Record, escape};
use slots::Scene;
use template::{Pen, Pool, Template};
use values::Person;

/// A kind of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    Json,
    Text,
    Notifications,
    Hl7,
}

impl Corpus {
    pub const ALL: [Corpus; 4] = [Corpus::Json, Corpus::Text, Corpus::Notifications, Corpus::Hl7];

    pub fn name(self) -> &'static str {
        match self {
            Corpus::Json => "json",
            Corpus::Text => "text",
            Corpus::Notifications => "notifications",
            Corpus::Hl7 => "hl7",
        }
    }
}

impl FromStr for Corpus {
    type Err = String;

    fn from_str(s: &str) -> Result<Corpus, String> {
        let named = Corpus::ALL.into_iter().find(|c| c.name() == s);
        named.ok_or_else(|| format!("no such corpus: {s}; there are json, text, notifications and hl7"))
    }
}

/// The templates, taken apart once.
struct Templates {
    shapes: Vec<Template>,
    segments: Vec<Template>,
    noise: Vec<Template>,
    phi: Vec<Template>,
    fields: Vec<Template>,
    nested: Vec<Template>,
    greetings: Vec<Template>,
    openings: Vec<Template>,
    told: Vec<Template>,
    plain: Vec<Template>,
    closings: Vec<Template>,
}

/// What a record is given to hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Nothing,
    Message,
    Fields,
}

/// Makes one record after the other; it never ends.
pub struct Generator<'l> {
    corpus: Corpus,
    templates: Templates,
    scene: Scene<'l>,
    buffer: String,
    /// Which template each message came from; for the tests.
    #[cfg(test)]
    seen: std::collections::BTreeSet<(&'static str, usize)>,
}

/// The lists that generators draw from.
pub struct Words(Lists);

impl Words {
    pub fn new() -> Words {
        Words(Lists::new())
    }
}

/// 1 January 2026.
const BEGIN: u64 = 1_767_225_600;

impl<'l> Generator<'l> {
    pub fn new(corpus: Corpus, seed: u64, words: &'l Words) -> Generator<'l> {
        let lists = &words.0;
        // Corpora of one seed are not variations of each other.
        let mut r = Random::new(seed.wrapping_mul(31).wrapping_add(corpus as u64));
        let person = Person::draw(&mut r, lists);
        let schemas: Vec<&'static str> = shapes::SCHEMAS.iter().map(|s| s.shape).collect();
        let shapes = match corpus {
            Corpus::Json => Template::parse_all(&schemas),
            Corpus::Text => Template::parse_all(shapes::LAYOUTS),
            Corpus::Hl7 => Template::parse_all(hl7::HEADS),
            Corpus::Notifications => Vec::new(),
        };
        let templates = Templates {
            shapes,
            segments: Template::parse_all(hl7::SEGMENTS),
            noise: Template::parse_all(messages::NOISE),
            phi: Template::parse_all(messages::PHI),
            fields: Template::parse_all(messages::FIELDS),
            nested: Template::parse_all(messages::NESTED),
            greetings: Template::parse_all(notices::GREETINGS),
            openings: Template::parse_all(notices::OPENINGS),
            told: Template::parse_all(notices::TOLD),
            plain: Template::parse_all(notices::PLAIN),
            closings: Template::parse_all(notices::CLOSINGS),
        };
        let scene = Scene { r, lists, person, now: (BEGIN, 0) };
        Generator {
            corpus,
            templates,
            scene,
            buffer: String::new(),
            #[cfg(test)]
            seen: Default::default(),
        }
    }

    /// Writes the next record into `record`.
    pub fn next_into(&mut self, record: &mut Record) {
        record.clear();
        self.tick();
        self.scene.person = Person::draw(&mut self.scene.r, self.scene.lists);
        match self.corpus {
            Corpus::Json => self.json(record),
            Corpus::Text => self.text(record),
            Corpus::Notifications => self.notification(record),
            Corpus::Hl7 => self.hl7(record),
        }
    }

    /// Some milliseconds later.
    fn tick(&mut self) {
        let (seconds, ms) = self.scene.now;
        let ms = ms + self.scene.r.below(300);
        self.scene.now = (seconds + ms / 1000, ms % 1000);
    }

    fn json(&mut self, record: &mut Record) {
        let load = match self.scene.r.below(10) {
            0 => Load::Message,
            1 => Load::Fields,
            _ => Load::Nothing,
        };
        let shape = self.scene.r.index(&self.templates.shapes);
        record.ascii = shapes::SCHEMAS[shape].ascii;
        self.shaped(shape, (0, 1), load, record);
    }

    fn text(&mut self, record: &mut Record) {
        let load = if self.scene.r.chance(1, 5) { Load::Message } else { Load::Nothing };
        let shape = self.scene.r.index(&self.templates.shapes);
        self.shaped(shape, (0, 0), load, record);
    }

    /// A record of a shape, whose places for messages and fields are filled as `load` says.
    fn shaped(&mut self, shape: usize, levels: (u8, u8), load: Load, record: &mut Record) {
        self.saw("shape", shape);
        let Generator { templates, scene, buffer, .. } = self;
        let mut message = None;
        let mut nested = |_: Pool, (_, value): (u8, u8), pen: &mut Pen<'_, '_>| {
            let at = pen.scene.r.index(&templates.nested);
            templates.nested[at].write_plain((value, value + 1), pen);
        };
        let mut pools = |pool: Pool, levels: (u8, u8), pen: &mut Pen<'_, '_>| {
            if pool == Pool::Fields {
                if load == Load::Fields {
                    let at = pen.scene.r.index(&templates.fields);
                    templates.fields[at].write(levels, pen, &mut nested);
                }
                return;
            }
            let (name, messages) =
                if load == Load::Message { ("phi", &templates.phi) } else { ("noise", &templates.noise) };
            let at = pen.scene.r.index(messages);
            message = Some((name, at));
            let level = if pool == Pool::Quoted { levels.1 + 1 } else { levels.1 };
            messages[at].write((level, level), pen, &mut nested);
        };
        templates.shapes[shape].write(levels, &mut Pen { scene, record, buffer }, &mut pools);
        if let Some((name, at)) = message {
            self.saw(name, at);
        }
    }

    /// Four of five notifications hold identifiers. Text messages have a sentence or two, mail has some more.
    fn notification(&mut self, record: &mut Record) {
        let phi = self.scene.r.chance(4, 5);
        let wanted = match self.scene.r.below(3) {
            0 => 80,
            1 => 130,
            _ => self.scene.r.range(220, 440) as usize,
        };
        let greeted = phi && self.scene.r.chance(3, 5);
        self.say(if greeted { |t| &t.greetings } else { |t| &t.openings }, record);
        for i in 0.. {
            // Among sentences with identifiers stand some without.
            let told = phi && (i == 0 || self.scene.r.chance(1, 2));
            let at = self.say(if told { |t| &t.told } else { |t| &t.plain }, record);
            self.saw(if told { "told" } else { "plain" }, at);
            if record.text.len() + 60 > wanted {
                break;
            }
        }
        while record.text.len() < wanted {
            self.say(|t| &t.closings, record);
        }
    }

    /// A sentence behind those that are there; which one it was.
    fn say(&mut self, of: fn(&Templates) -> &Vec<Template>, record: &mut Record) -> usize {
        if !record.text.is_empty() {
            record.push(" ", 0);
        }
        let Generator { templates, scene, buffer, .. } = self;
        let list = of(templates);
        let at = scene.r.index(list);
        let begin = record.text.len();
        list[at].write_plain((0, 0), &mut Pen { scene, record, buffer });
        if record.text[..begin].trim_end().ends_with(['.', '!', '?']) {
            record.capitalise(begin);
        }
        at
    }

    /// A head and one to six more segments.
    fn hl7(&mut self, record: &mut Record) {
        let Generator { templates, scene, buffer, .. } = self;
        let pen = &mut Pen { scene, record, buffer };
        let at = pen.scene.r.index(&templates.shapes);
        templates.shapes[at].write_plain((0, 0), pen);
        for _ in 0..pen.scene.r.range(1, 6) {
            let at = pen.scene.r.index(&templates.segments);
            templates.segments[at].write_plain((0, 0), pen);
        }
    }

    /// Notes for the tests that a template was used.
    #[cfg_attr(not(test), allow(clippy::unused_self))]
    fn saw(&mut self, of: &'static str, at: usize) {
        #[cfg(test)]
        self.seen.insert((of, at));
        #[cfg(not(test))]
        let _ = (of, at);
    }
}

/// A corpus in memory: its text, one record a line, and where each record begins and what stands in it.
pub struct Labelled {
    pub text: Vec<u8>,
    pub records: Vec<Told>,
}

/// What is known of a record.
pub struct Told {
    /// Where it begins in the text, and where it ends without its end of line.
    pub start: usize,
    pub end: usize,
    /// Spans of the whole text, in order.
    pub planted: Vec<Truth>,
}

/// An identifier in a corpus.
pub struct Truth {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
    /// As it is without escapes, where it is written with some.
    pub unescaped: Option<Box<str>>,
}

impl Labelled {
    /// About `bytes` of a corpus.
    pub fn make(corpus: Corpus, bytes: usize, seed: u64, words: &Words) -> Labelled {
        let mut generator = Generator::new(corpus, seed, words);
        let mut record = Record::default();
        let mut made = Labelled { text: Vec::with_capacity(bytes + 8192), records: Vec::new() };
        while made.text.len() < bytes {
            generator.next_into(&mut record);
            let base = made.text.len();
            let truth = |p: &Planted| {
                let value = record.value(p);
                let unescaped = (record.text[p.start..p.end] != *value).then(|| value.into());
                Truth { start: base + p.start, end: base + p.end, kind: p.kind, unescaped }
            };
            let planted = record.planted.iter().map(truth).collect();
            made.text.extend_from_slice(record.text.as_bytes());
            made.records.push(Told { start: base, end: made.text.len(), planted });
            made.text.push(b'\n');
        }
        made
    }
}
