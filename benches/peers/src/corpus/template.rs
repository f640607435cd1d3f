//! Templates: text with `$slots`. `$$` is a dollar sign; `${slot}` where a letter follows.

#[cfg(test)]
use super::record::Kind;
use super::record::Record;
use super::slots::{SLOTS, Scene, Slot};

/// What is drawn from a list of templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// A message, inside a string.
    Message,
    /// A message between quotes, in a line that is not JSON.
    Quoted,
    /// Members of a JSON object, with a comma before each.
    Fields,
    /// A whole JSON object inside a string.
    Nested,
}

/// What a template is written with.
pub struct Pen<'p, 'l> {
    pub scene: &'p mut Scene<'l>,
    pub record: &'p mut Record,
    pub buffer: &'p mut String,
}

/// Writes something out of a pool, at the levels of the template that asks for it.
pub type Pools<'f> = dyn FnMut(Pool, (u8, u8), &mut Pen<'_, '_>) + 'f;

enum Piece {
    Text(&'static str),
    Slot(&'static Slot),
    Pool(Pool),
}

/// A template, taken apart.
pub struct Template(Vec<Piece>);

impl Template {
    /// # Panics
    /// When a slot is not known: templates are part of the code.
    pub fn parse(source: &'static str) -> Template {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find('$') {
            pieces.push(Piece::Text(&rest[..at]));
            let after = &rest[at + 1..];
            if let Some(more) = after.strip_prefix('$') {
                pieces.push(Piece::Text("$"));
                rest = more;
                continue;
            }
            let name;
            if let Some(braced) = after.strip_prefix('{') {
                let end = braced.find('}').unwrap_or_else(|| panic!("no }} in {source:?}"));
                (name, rest) = (&braced[..end], &braced[end + 1..]);
            } else {
                let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                let end = after.find(|c| !in_name(c)).unwrap_or(after.len());
                (name, rest) = after.split_at(end);
            }
            pieces.push(match name {
                "msg" => Piece::Pool(Pool::Message),
                "quoted" => Piece::Pool(Pool::Quoted),
                "fields" => Piece::Pool(Pool::Fields),
                "nested" => Piece::Pool(Pool::Nested),
                _ => Piece::Slot(
                    SLOTS
                        .iter()
                        .find(|s| s.name == name)
                        .unwrap_or_else(|| panic!("no slot ${name}: {source:?}")),
                ),
            });
        }
        pieces.push(Piece::Text(rest));
        Template(pieces)
    }

    pub fn parse_all(sources: &[&'static str]) -> Vec<Template> {
        sources.iter().map(|s| Template::parse(s)).collect()
    }

    /// The kinds of what it plants itself.
    #[cfg(test)]
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => slot.kind,
            _ => None,
        })
    }

    /// Writes it: its own text escaped for JSON as often as the first level says, what fills its slots as often as the second.
    pub fn write(&self, levels: (u8, u8), pen: &mut Pen<'_, '_>, pools: &mut Pools<'_>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => pen.record.push(text, levels.0),
                Piece::Slot(slot) => {
                    pen.buffer.clear();
                    (slot.write)(pen.scene, pen.buffer);
                    match slot.kind {
                        Some(kind) => pen.record.plant(kind, pen.buffer, levels.1),
                        None => pen.record.push(pen.buffer, levels.1),
                    }
                }
                Piece::Pool(pool) => pools(*pool, levels, pen),
            }
        }
    }

    /// The same, where it has nothing but slots.
    pub fn write_plain(&self, levels: (u8, u8), pen: &mut Pen<'_, '_>) {
        self.write(levels, pen, &mut |pool, _, _| unreachable!("{pool:?} where only slots are"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found() {
        assert_eq!(
            Template::parse("a $ssn, ${dob}x $$5 $ms").kinds().collect::<Vec<_>>(),
            [Kind::Ssn, Kind::Dob]
        );
    }

    #[test]
    #[should_panic(expected = "no slot")]
    fn unknown_slots_are_refused() {
        Template::parse("$nonsense");
    }
}
