//! Records of a known shape, read without a walk.
//!
//! Logs repeat their keys: what stands between the values of a record has stood in the records before it, byte for byte. A
//! walk's state follows from the bytes it has read, and of a plain value it keeps nothing; so behind the same stretches the
//! next value has the same path and place as it had then. The stretches of records that were walked through are kept in a
//! tree, and a record that follows one of its branches to the end needs no walk: only the ends of its values are looked for.

use std::collections::HashMap;

use super::lex::{Events, bare_len, is_literal, may_nest, quote_or_backslash, walk};
use crate::codec::auto::is_number;
use crate::codec::{Leaf, Map, PathBuf, Place};
use crate::span::Span;

/// Stretches that are kept; past that all are forgotten.
const MOST_NODES: usize = 4096;
/// Bytes in all of them.
const MOST_BYTES: usize = 256 << 10;
/// Ways to go on behind one value. A record that would need one more is walked through.
const MOST_WAYS: usize = 16;
/// Shapes that were refused for that; past it all are forgotten, since others seem to come now.
const MOST_REFUSED: u32 = 64;
/// Values of a record. One with more is walked through.
const MOST_VALUES: usize = 256;

/// What a record brings that was read by its shape, and what one brings that was not.
const GAINS: [u32; 2] = [16, 1];
/// What learning a shape costs: a stream that never repeats itself must not pay for it again and again.
const PRICE: u32 = 128;
/// What can be saved up, and what there is in the beginning.
const MOST_CREDIT: u32 = 256 * PRICE;

/// The shapes that a worker knows. They hold keys of records, and never a value.
pub(crate) struct Shapes {
    nodes: Vec<Node>,
    bytes: usize,
    /// Paths of values with what stands there, by number.
    places: Vec<(PathBuf, Place)>,
    /// The number of the first of them. No number is given out twice.
    first: u64,
    numbers: HashMap<(PathBuf, Place), u64>,
    refused: u32,
    credit: u32,
    values: Vec<Value>,
}

/// A value of a record that holds text: neither empty nor a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// Of all values at one path, of one kind, the same number; of no others.
    pub(crate) place: u64,
    /// Where it stands in the payload, without its quotes.
    pub(crate) span: Span,
}

/// A stretch between two values, and what follows on it.
struct Node {
    stretch: Box<[u8]>,
    follows: Follows,
    /// The number of the value's path and place.
    place: u64,
    /// The first way to go on behind the value.
    child: usize,
    /// The next way to go on behind the value before.
    sibling: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// A string: the stretch ends with its quote.
    String,
    /// A number or a literal.
    Bare,
    /// Nothing.
    End,
}

/// The node before all others: it stands for no stretch.
const ROOT: usize = 0;
/// No node.
const NONE: usize = usize::MAX;

impl Default for Shapes {
    fn default() -> Shapes {
        let mut shapes = Shapes {
            nodes: Vec::new(),
            bytes: 0,
            places: Vec::new(),
            first: 0,
            numbers: HashMap::new(),
            refused: 0,
            credit: MOST_CREDIT,
            values: Vec::new(),
        };
        shapes.forget();
        shapes
    }
}

impl Shapes {
    fn forget(&mut self) {
        self.nodes.clear();
        self.bytes = 0;
        self.first += self.places.len() as u64;
        self.places.clear();
        self.numbers.clear();
        self.refused = 0;
        self.add(&[], Follows::End, 0);
    }

    /// Reads a record by its shape; whether it could be. [`Shapes::value`] gives its values.
    pub(crate) fn read(&mut self, payload: &[u8]) -> bool {
        let fits = self.follow(payload).is_some();
        self.credit = (self.credit + GAINS[usize::from(!fits)]).min(MOST_CREDIT);
        fits
    }

    fn follow(&mut self, payload: &[u8]) -> Option<()> {
        self.values.clear();
        let (mut at, mut way) = (0, self.nodes[ROOT].child);
        loop {
            let node = self.nodes.get(way)?;
            let Some((from, to)) = node.fits(payload, at) else {
                way = node.sibling;
                continue;
            };
            match node.follows {
                Follows::End => return Some(()),
                Follows::String if from == to => {}
                Follows::Bare if is_literal(&payload[from..to]) => {}
                _ => self.values.push(Value { place: node.place, span: Span::at(from, to) }),
            }
            (at, way) = (to, node.child);
        }
    }

    /// One of the values of the record that was read last, in order.
    #[inline]
    pub(crate) fn value(&self, i: usize) -> Option<Value> {
        self.values.get(i).copied()
    }

    /// A value of the record that was read last, as a leaf.
    #[inline]
    pub(crate) fn leaf<'l>(&'l self, value: Value, payload: &'l [u8]) -> Leaf<'l> {
        let (path, place) = &self.places[(value.place - self.first) as usize];
        Leaf {
            text: &payload[value.span.range()],
            map: Map::Direct(value.span.start() as u32),
            path: path.as_path(),
            place: *place,
            depth: 0,
        }
    }

    /// Learns the shape of a record that could not be read by one, if that is possible and seems worth it. `is_silent` says
    /// of a key that nothing can be found in it: a record with another is never read by its shape.
    pub(crate) fn learn(
        &mut self,
        payload: &[u8],
        memory: &mut super::Scratch,
        is_silent: &mut dyn FnMut(&Leaf<'_>) -> bool,
    ) {
        // What begins like this is JSON however it goes on.
        let begins =
            payload.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""));
        if !begins || self.credit < PRICE || payload.len() > MOST_BYTES / 4 {
            return;
        }
        self.credit -= PRICE;
        let mut outline = Outline { values: Vec::new(), is_plain: true, is_silent };
        walk(payload, &mut memory.lexer, &mut outline);
        let Outline { values, is_plain, .. } = outline;
        if is_plain && (1..=MOST_VALUES).contains(&values.len()) {
            self.insert(payload, values);
        }
    }

    fn insert(&mut self, payload: &[u8], values: Vec<(Span, Follows, (PathBuf, Place))>) {
        let full = self.nodes.len() + values.len() >= MOST_NODES || self.bytes + payload.len() > MOST_BYTES;
        if full || self.refused > MOST_REFUSED {
            self.forget();
        }
        let (mut at, mut node) = (0, ROOT);
        for (span, follows, place) in values {
            let number = self.number(place);
            let Some(next) = self.way(node, &payload[at..span.start()], follows, number) else { return };
            (node, at) = (next, span.end());
        }
        self.way(node, &payload[at..], Follows::End, 0);
    }

    fn number(&mut self, place: (PathBuf, Place)) -> u64 {
        let next = self.first + self.places.len() as u64;
        let number = *self.numbers.entry(place.clone()).or_insert(next);
        if number == next {
            self.places.push(place);
        }
        number
    }

    /// The way to go on behind a node with this stretch, made if there is none; `None` where there are too many.
    fn way(&mut self, node: usize, stretch: &[u8], follows: Follows, place: u64) -> Option<usize> {
        let (mut way, mut ways) = (self.nodes[node].child, 0);
        while let Some(known) = self.nodes.get(way) {
            if *known.stretch == *stretch && known.follows == follows {
                return Some(way);
            }
            (way, ways) = (known.sibling, ways + 1);
        }
        if ways == MOST_WAYS {
            self.refused += 1;
            return None;
        }
        let new = self.add(stretch, follows, place);
        self.nodes[new].sibling = self.nodes[node].child;
        self.nodes[node].child = new;
        Some(new)
    }

    fn add(&mut self, stretch: &[u8], follows: Follows, place: u64) -> usize {
        self.bytes += stretch.len();
        self.nodes.push(Node { stretch: stretch.into(), follows, place, child: NONE, sibling: NONE });
        self.nodes.len() - 1
    }
}

impl Node {
    /// The value, if what stands at `at` is this stretch with a value as it needs be.
    #[inline]
    fn fits(&self, payload: &[u8], at: usize) -> Option<(usize, usize)> {
        let rest = payload.get(at..)?.strip_prefix(&*self.stretch)?;
        let from = at + self.stretch.len();
        match self.follows {
            Follows::String => {
                let to = quote_or_backslash(payload, from);
                let is_plain = payload.get(to) == Some(&b'"') && !may_nest(rest.first());
                is_plain.then_some((from, to))
            }
            Follows::Bare => {
                let len = bare_len(rest);
                let token = &rest[..len];
                (is_number(token) || is_literal(token)).then_some((from, from + len))
            }
            Follows::End => rest.is_empty().then_some((from, from)),
        }
    }
}

/// The values of a record, gathered in a walk.
struct Outline<'a> {
    values: Vec<(Span, Follows, (PathBuf, Place))>,
    /// No escape, no document in a string, no text without quotes, no key that may hold something.
    is_plain: bool,
    is_silent: &'a mut dyn FnMut(&Leaf<'_>) -> bool,
}

impl Events for Outline<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>) {
        self.is_plain &= leaf.place != Place::Key || (self.is_silent)(leaf);
        self.blank(leaf);
    }

    fn blank(&mut self, leaf: &Leaf<'_>) {
        let follows = match leaf.place {
            Place::Key => None,
            Place::String => Some(Follows::String),
            Place::Number => Some(Follows::Bare),
            Place::Text => return self.is_plain = false,
        };
        match leaf.map {
            Map::Direct(at) if leaf.depth == 0 => {
                let at = at as usize;
                let span = Span::at(at, at + leaf.text.len());
                self.values.extend(follows.map(|f| (span, f, (leaf.path.to_buf(), leaf.place))));
            }
            _ => self.is_plain = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::json::Scratch;

    /// What a walk gives: text, path, place, and where it stands; keys left out.
    fn walked(payload: &[u8]) -> Vec<String> {
        struct All(Vec<String>);
        impl Events for All {
            fn leaf(&mut self, leaf: &Leaf<'_>) {
                self.0.extend((leaf.place != Place::Key).then(|| line(leaf)));
            }
        }
        let mut all = All(Vec::new());
        walk(payload, &mut Default::default(), &mut all);
        all.0
    }

    fn line(leaf: &Leaf<'_>) -> String {
        let mut path = String::new();
        leaf.path.print(&mut path);
        format!("{path} {:?} {} {:?}", leaf.place, leaf.map.base(), String::from_utf8_lossy(leaf.text))
    }

    /// What is read by a shape, if it is.
    fn read(shapes: &mut Shapes, payload: &[u8]) -> Option<Vec<String>> {
        shapes.read(payload).then(|| {
            let values = (0..).map_while(|i| shapes.value(i));
            values.map(|v| line(&shapes.leaf(v, payload))).collect()
        })
    }

    fn learnt(payloads: &[&str]) -> Shapes {
        let mut shapes = Shapes::default();
        for p in payloads {
            shapes.learn(p.as_bytes(), &mut Scratch::default(), &mut |key| key.text != b"loud");
        }
        shapes
    }

    #[test]
    fn a_shape_fits_what_differs_in_values_alone() {
        let taught = r#"{"a":"x","b": 1,"c":{"d":[true,"y"],"e":""} }"#;
        let fits = [
            taught,
            r#"{"a":"a longer one, with all sorts: [of] {things}","b": -1.5e3,"c":{"d":[null,""],"e":"z"} }"#,
            r#"{"a":"","b": false,"c":{"d":[7,"219-10-9999"],"e":"\u007f"} }"#,
        ];
        let others = [
            "",
            "{",
            r#"{"a":"x"#,
            r#"{"a":"x","b": 1,"c":{"d":[true,"y"],"e":""}"#,
            r#"{"a":"x","b": 1,"c":{"d":[true,"y"],"e":""} } "#,
            r#"{"a":"x","b":1,"c":{"d":[true,"y"],"e":""} }"#,
            r#"{"a":"x\n","b": 1,"c":{"d":[true,"y"],"e":""} }"#,
            r#"{"a":" x","b": 1,"c":{"d":[true,"y"],"e":""} }"#,
            r#"{"a":"{\"k\":1}","b": 1,"c":{"d":[true,"y"],"e":""} }"#,
            r#"{"a":"{}","b": 1,"c":{"d":[true,"y"],"e":""} }"#,
            r#"{"a":"x","b": one,"c":{"d":[true,"y"],"e":""} }"#,
            r#"{"a":"x","b": "1","c":{"d":[true,"y"],"e":""} }"#,
            r#"{"a":"x","b": 1,"c":{"d":["true","y"],"e":""} }"#,
            r#"{"a":"x","b": 1,"c":{"d":[true,"y","z"],"e":""} }"#,
        ];
        let mut shapes = learnt(&[taught]);
        for text in fits {
            let text = text.replace(r"\u007f", "\u{7f}");
            assert_eq!(read(&mut shapes, text.as_bytes()), Some(walked(text.as_bytes())), "{text}");
        }
        for text in others {
            assert_eq!(read(&mut shapes, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_not_learnt() {
        let texts = [
            r#"{"a":"x\ty"}"#,
            r#"{"a\u0062":"x"}"#,
            r#"{"a":"{\"b\":\"x\"}"}"#,
            r#"{"a":x}"#,
            r#"{"loud":"x"}"#,
            r#"{"a":"x"#,
            r#"[{"a":"x"}]"#,
            r#"{"a":"x"} and more"#,
            "{}",
            "plain",
        ];
        for text in texts {
            assert_eq!(read(&mut learnt(&[text]), text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn places_have_one_number_each() {
        let mut shapes = learnt(&[r#"{"a":"x","b":1}"#, r#"{"b":2,"a":"y"}"#, r#"{"a":"x","b":"1"}"#]);
        let mut places = |text: &str| {
            assert!(shapes.read(text.as_bytes()));
            (0..).map_while(|i| shapes.value(i)).map(|v| v.place).collect::<Vec<_>>()
        };
        let (one, two) = (places(r#"{"a":"p","b":3}"#), places(r#"{"b":4,"a":"q"}"#));
        assert_eq!([one[0], one[1]], [two[1], two[0]]);
        let three = places(r#"{"a":"x","b":"5"}"#);
        assert_eq!(three[0], one[0]);
        assert_ne!(three[1], one[1], "a string is no number");
    }

    /// However many shapes a stream has, what is kept of them stays small, and no number means two places.
    #[test]
    fn memory_is_bounded() {
        let (mut shapes, mut known) = (Shapes::default(), HashMap::new());
        for round in 0..3000 {
            let text = format!("{{\"k{round}\":\"x\",\"{}\":1}}", "long".repeat(200));
            shapes.credit = MOST_CREDIT;
            shapes.learn(text.as_bytes(), &mut Scratch::default(), &mut |_| true);
            if shapes.read(text.as_bytes()) {
                for v in (0..).map_while(|i| shapes.value(i)) {
                    let leaf = shapes.leaf(v, text.as_bytes());
                    let place = (leaf.path.to_buf(), leaf.place);
                    assert!(*known.entry(v.place).or_insert(place.clone()) == place);
                }
            }
            assert!(shapes.nodes.len() <= MOST_NODES && shapes.bytes <= MOST_BYTES);
            assert!(shapes.places.len() <= MOST_NODES && shapes.numbers.len() == shapes.places.len());
        }
        assert!(known.len() > 10 * MOST_WAYS, "others are learnt in their turn: {}", known.len());
    }

    #[test]
    fn learning_has_its_price() {
        let mut shapes = Shapes::default();
        let mut learnt = 0;
        for round in 0..10_000 {
            let text = format!("{{\"k{round}\":\"x\"}}");
            let before = shapes.credit;
            if !shapes.read(text.as_bytes()) {
                shapes.learn(text.as_bytes(), &mut Scratch::default(), &mut |_| true);
            }
            learnt += usize::from(shapes.credit < before);
        }
        assert!((256..400).contains(&learnt), "{learnt}");
    }

    fn json() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            3 => "\"[a-z0-9 .:@{\\[-]{0,9}\"",
            2 => "-?[0-9]{1,3}(\\.[0-9]{1,2})?",
            1 => prop_oneof![Just("true"), Just("null"), Just("\"\\n\""), Just("oops"), Just("[NAME]"), Just("\"{}\"")]
                .prop_map(str::to_owned),
        ];
        scalar.prop_recursive(3, 12, 3, |inner| {
            let blank = prop_oneof![4 => Just(""), 1 => Just(" ")];
            let member = ("[a-c]", blank, inner.clone()).prop_map(|(k, s, v)| format!("\"{k}\":{s}{v}"));
            prop_oneof![
                proptest::collection::vec(inner, 0..3).prop_map(|v| format!("[{}]", v.join(","))),
                proptest::collection::vec(member, 0..4).prop_map(|v| format!("{{{}}}", v.join(","))),
            ]
        })
    }

    proptest! {
        /// Whatever is read by a shape is what a walk gives, broken documents included.
        #[test]
        fn shapes_give_what_a_walk_gives(
            texts in proptest::collection::vec((json(), 0..60usize, "[\"{},: x\\]\\[1]{0,2}"), 1..24),
        ) {
            let mut shapes = Shapes::default();
            for _ in 0..2 {
                for (text, at, put) in &texts {
                    let mut broken = text.clone();
                    if *at < broken.len() {
                        broken.insert_str(*at, put);
                    }
                    for text in [text, &broken] {
                        if let Some(values) = read(&mut shapes, text.as_bytes()) {
                            prop_assert_eq!(values, walked(text.as_bytes()), "{}", text);
                        }
                        shapes.learn(text.as_bytes(), &mut Scratch::default(), &mut |_| true);
                    }
                }
            }
        }
    }
}
