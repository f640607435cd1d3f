//! HTML bodies: the text that a browser shows, and what it hides.
//!
//! Read by the states of the WHATWG tokenizer (13.2.5), in place and in time linear in the text. What a browser shows
//! comes in **one** view, laid out as a browser copies it: inline tags and comments leave nothing (`123-<b>45</b>-6789` is
//! a number), cells are parted by a tab, lines and rows by a line end, paragraphs by an empty line, white space is one
//! space. So detectors see in it what they see in the text/plain alternative of the same mail, labels near their
//! values whatever blocks a mail program wrapped around each of them; a view for each block would part
//! `<p>SSN</p><p>219-10-9999</p>`.
//!
//! Values of attributes, comments, scripts and unusual names are views of their own. Every byte of the document that
//! is no markup, white space or NUL is in exactly one view.
//!
//! A view comes when it is complete, the one of the shown text last: edits made of all of them are to be sorted.
//!
//! Where a browser would drop the rest of the document as one unfinished tag, or hide it in an element that never ends,
//! it is read as HTML: what was cut off is to be scrubbed, not trusted.

mod escape;
mod names;
mod references;

use memchr::{memchr, memchr_iter, memchr2, memchr2_iter};

use self::names::{Content, Gap};
use super::view::View;
use crate::span::Span;

pub(super) use self::escape::escape;

/// What kind of place a view's text stands in; it decides how a replacement is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Shown text, or the text of a `title` or `textarea`.
    Text,
    /// The value of an attribute.
    Attribute {
        /// `"`, `'`, or none.
        quote: Option<u8>,
        /// Where the attribute's name stands.
        name: Span,
    },
    /// The names in a tag of which some are unusual.
    Name,
    /// Inside of a comment or declaration, or of HTML that is hidden in a comment or `noframes`.
    Comment,
    /// The content of a `script`, `style` or the like.
    Raw,
}

impl Place {
    /// Whether `&lt;` stands for `<` there.
    fn has_references(self) -> bool {
        !matches!(self, Place::Name | Place::Raw)
    }
}

/// Hands out every view of an HTML document.
pub(super) fn views(text: &[u8], each: &mut dyn FnMut(Place, View)) {
    Reader::new(text, false, each).read(0);
}

struct Reader<'t, 'e> {
    text: &'t [u8],
    /// HTML in a comment or the like: it holds no comments, and its text and values stand in [`Place::Comment`].
    hidden: bool,
    each: &'e mut dyn FnMut(Place, View),
    /// The shown text so far.
    shown: View,
    /// What stands between it and the text to come, and where.
    gap: (Gap, Span),
    /// How many elements are open in which white space counts.
    preformatted: usize,
    /// A tag was found that a browser never sees the end of: from there on a tag ends at the next `>`, quoted or not.
    loose: bool,
    /// Elements that are known not to end.
    endless: Vec<&'t [u8]>,
    /// Of the tag at hand; kept for its memory.
    attributes: Vec<Attribute>,
}

#[derive(Clone, Copy)]
struct Attribute {
    name: Span,
    value: Option<Span>,
    quote: Option<u8>,
}

impl<'t, 'e> Reader<'t, 'e> {
    fn new(text: &'t [u8], hidden: bool, each: &'e mut dyn FnMut(Place, View)) -> Reader<'t, 'e> {
        Reader {
            text,
            hidden,
            each,
            shown: View::default(),
            gap: Default::default(),
            preformatted: 0,
            loose: false,
            endless: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// The data state.
    fn read(mut self, from: usize) {
        let mut at = from;
        while at < self.text.len() {
            let end = memchr2(b'<', b'&', &self.text[at..]).map_or(self.text.len(), |n| at + n);
            looked(end - at + 1);
            self.show(at, end);
            at = match self.text.get(end) {
                Some(b'<') => self.markup(end),
                Some(_) => self.reference(end),
                None => end,
            };
        }
        let shown = std::mem::take(&mut self.shown);
        self.hand_out(Place::Text, shown);
    }

    fn hand_out(&mut self, place: Place, view: View) {
        if !view.text.is_empty() {
            (self.each)(if self.hidden && place.has_references() { Place::Comment } else { place }, view);
        }
    }

    /// Adds text without references to what is shown.
    fn show(&mut self, from: usize, to: usize) {
        let mut at = from;
        while at < to {
            let (run, kept) = self.run(at, to);
            if kept {
                self.close_gap();
                self.shown.push_verbatim(&self.text[at..run], at);
            } else if self.text[at] != 0 {
                self.widen_gap(Gap::Space, Span::at(at, run));
            }
            at = run;
        }
    }

    /// Where the run at `at` ends, and whether it is shown as it is: it is either words with single spaces between them, or
    /// white space that is not, or NULs, which browsers drop.
    fn run(&self, at: usize, to: usize) -> (usize, bool) {
        let text = &self.text[at..to];
        let is_space = |b: u8| self.preformatted == 0 && is_space(b);
        let count = |is: &dyn Fn(u8) -> bool| text.iter().take_while(|b| is(**b)).count();
        let (nuls, spaces) = (count(&|b| b == 0), count(&is_space));
        if nuls + spaces > 0 {
            return (at + nuls + spaces, false);
        }
        let alone = |i: usize| text[i] == b' ' && text.get(i + 1).is_some_and(|b| *b != 0 && !is_space(*b));
        let words =
            (0..text.len()).take_while(|i| text[*i] != 0 && (!is_space(text[*i]) || alone(*i))).count();
        (at + words, true)
    }

    /// The gap between the last text and the next is as wide as the widest thing that stands there.
    fn widen_gap(&mut self, gap: Gap, raw: Span) {
        if gap > self.gap.0 {
            self.gap = (gap, raw);
        }
    }

    fn close_gap(&mut self) {
        let (gap, raw) = std::mem::take(&mut self.gap);
        if self.shown.text.is_empty() {
            return;
        }
        match &self.text[raw.range()] {
            b" " => self.shown.push_verbatim(b" ", raw.start()),
            _ => self.shown.push_decoded(gap.text(), raw),
        }
    }

    /// A `&` that stands in shown text.
    fn reference(&mut self, at: usize) -> usize {
        let mut buffer = [0; 4];
        let Some((text, len)) = references::decode(&self.text[at..], false, &mut buffer) else {
            self.close_gap();
            self.shown.push_verbatim(b"&", at);
            return at + 1;
        };
        looked(len);
        let raw = Span::at(at, at + len);
        if self.preformatted == 0 && matches!(text, [b] if is_space(*b)) {
            self.widen_gap(Gap::Space, raw);
        } else {
            self.close_gap();
            self.shown.push_decoded(text, raw);
        }
        at + len
    }

    /// The tag open state: a `<` that stands in shown text. Says where it goes on.
    fn markup(&mut self, at: usize) -> usize {
        let rest = &self.text[at + 1..];
        match rest {
            [b'a'..=b'z' | b'A'..=b'Z', ..] => self.tag(at, false),
            [b'/', b'a'..=b'z' | b'A'..=b'Z', ..] => self.tag(at, true),
            [b'/', b'>', ..] => at + 3,
            _ if self.hidden => self.no_markup(at),
            [b'!', b'-', b'-', ..] => self.comment(at + 4),
            [b'!' | b'?', ..] | [b'/', _, ..] => self.declaration(at + 2),
            _ => self.no_markup(at),
        }
    }

    fn no_markup(&mut self, at: usize) -> usize {
        self.show(at, at + 1);
        at + 1
    }

    /// A bogus comment: `<!doctype html>`, `<?xml ?>`, `<![endif]>`, `</3>`.
    fn declaration(&mut self, from: usize) -> usize {
        let end = memchr(b'>', &self.text[from..]).map_or(self.text.len(), |n| from + n);
        looked(end - from);
        let view = self.decoded(Span::at(from, end), false);
        self.hand_out(Place::Comment, view);
        end + 1
    }

    fn comment(&mut self, from: usize) -> usize {
        let rest = &self.text[from..];
        let ended = memchr_iter(b'>', rest).find_map(|n| match &rest[..n] {
            [] | [b'-'] => Some((0, n)),
            [comment @ .., b'-', b'-'] | [comment @ .., b'-', b'-', b'!'] => Some((comment.len(), n)),
            _ => None,
        });
        let (end, next) = ended.map_or((self.text.len(), self.text.len()), |(c, n)| (from + c, from + n + 1));
        looked(next - from);
        Reader::new(&self.text[..end], true, self.each).read(from);
        next
    }

    /// A start or end tag.
    fn tag(&mut self, at: usize, is_end: bool) -> usize {
        let name_at = at + 1 + usize::from(is_end);
        let name = Span::at(name_at, skip(self.text, name_at, |b| !is_space(b) && !matches!(b, b'/' | b'>')));
        if !self.loose {
            if let Some(end) = self.attributes_of(name.end(), self.text.len()) {
                return self.take_tag(at, name, is_end, end + 1);
            }
            self.loose = true;
            saw_tag(Span::at(at, at));
        }
        let Some(end) = memchr(b'>', &self.text[at..]).map(|n| at + n) else {
            return self.show_rest(at);
        };
        looked(end - at);
        self.attributes_of(name.end(), end);
        self.take_tag(at, name, is_end, end + 1)
    }

    /// Text to the end, where nothing is a tag any more.
    fn show_rest(&mut self, from: usize) -> usize {
        let mut at = from;
        while at < self.text.len() {
            let end = memchr(b'&', &self.text[at..]).map_or(self.text.len(), |n| at + n);
            looked(end - at + 1);
            self.show(at, end);
            at = if end < self.text.len() { self.reference(end) } else { end };
        }
        at
    }

    /// Finds the attributes of a tag, and where it ends, if it does before `limit`; a value that does not ends there.
    fn attributes_of(&mut self, from: usize, limit: usize) -> Option<usize> {
        self.attributes.clear();
        let text = &self.text[..limit];
        let mut at = from;
        loop {
            at = skip(text, at, |b| is_space(b) || b == b'/');
            if *text.get(at)? == b'>' {
                return Some(at);
            }
            // A `=` that begins a name is part of it.
            let name = Span::at(at, skip(text, at + 1, |b| !is_space(b) && !matches!(b, b'/' | b'>' | b'=')));
            at = skip(text, name.end(), is_space);
            if text.get(at) != Some(&b'=') {
                self.attributes.push(Attribute { name, value: None, quote: None });
                continue;
            }
            at = skip(text, at + 1, is_space);
            let quote = text.get(at).copied().filter(|b| matches!(b, b'"' | b'\''));
            let value = match quote {
                Some(quote) => Span::at(at + 1, skip(text, at + 1, |b| b != quote)),
                None => Span::at(at, skip(text, at, |b| !is_space(b) && b != b'>')),
            };
            self.attributes.push(Attribute { name, value: Some(value), quote });
            at = limit.min(value.end() + usize::from(quote.is_some()));
        }
    }

    /// A whole tag, its attributes known.
    fn take_tag(&mut self, at: usize, name: Span, is_end: bool, next: usize) -> usize {
        saw_tag(Span::at(at, next));
        let text = self.text;
        let element = names::element(&text[name.range()]);
        let attributes = std::mem::take(&mut self.attributes);
        self.hand_out_names(name, element, &attributes);
        for &Attribute { name, value, quote } in &attributes {
            if let Some(value) = value {
                let view = self.decoded(value, true);
                self.hand_out(Place::Attribute { quote, name }, view);
            }
        }
        self.attributes = attributes;
        let (gap, content) = element.unwrap_or((Gap::None, Content::Html));
        let after_line = self.gap.0 == Gap::Line && text[name.range()].eq_ignore_ascii_case(b"br");
        self.widen_gap(if after_line { Gap::Paragraph } else { gap }, Span::at(at, at));
        match content {
            Content::Html => next,
            Content::Preformatted if is_end => {
                self.preformatted = self.preformatted.saturating_sub(1);
                next
            }
            Content::Preformatted => {
                self.preformatted += 1;
                next
            }
            _ if is_end => next,
            Content::Fallback if self.hidden => next,
            Content::References | Content::Raw | Content::Fallback => {
                let name = &text[name.range()];
                if self.endless.iter().any(|n| n.eq_ignore_ascii_case(name)) {
                    return next;
                }
                let end = end_of_element(text, name, next);
                looked(end.unwrap_or(text.len()) - next);
                match end {
                    Some(end) => self.take_content(content, Span::at(next, end)),
                    None => {
                        saw_tag(Span::at(next, next));
                        self.endless.push(name);
                    }
                }
                end.unwrap_or(next)
            }
        }
    }

    /// The names in a tag that might be somebody's. Those without a value stand in one view with the tag's: `<Maria Lopez>`,
    /// `<Mark Lang>`.
    fn hand_out_names(&mut self, name: Span, element: Option<(Gap, Content)>, attributes: &[Attribute]) {
        let text = self.text;
        let (mut together, mut is_known) = (View::default(), element.is_some());
        // A name that says how to read on has to stay.
        if matches!(element, None | Some((_, Content::Html))) {
            together.push_verbatim(&text[name.range()], name.start());
        }
        for Attribute { name, value, .. } in attributes {
            let bytes = &text[name.range()];
            let is_known_here = names::is_known_attribute(bytes, value.is_some());
            if value.is_none() {
                is_known &= is_known_here;
                together.push_decoded(b" ", Span::at(name.start(), name.start()));
                together.push_verbatim(bytes, name.start());
            } else if !is_known_here {
                self.hand_out(Place::Name, View::verbatim(bytes, name.start()));
            }
        }
        if !is_known {
            self.hand_out(Place::Name, together);
        }
    }

    fn take_content(&mut self, content: Content, span: Span) {
        match content {
            Content::References => {
                let view = self.decoded(span, false);
                self.hand_out(Place::Text, view);
            }
            Content::Fallback => {
                Reader::new(&self.text[..span.end()], true, self.each).read(span.start());
            }
            _ => self.hand_out(Place::Raw, View::verbatim(&self.text[span.range()], span.start())),
        }
    }

    /// Text as it stands, but references decoded and NULs left out.
    fn decoded(&self, span: Span, in_attribute: bool) -> View {
        let text = &self.text[..span.end()];
        let (mut view, mut at) = (View::default(), span.start());
        while at < span.end() {
            let end = memchr2(b'&', 0, &text[at..]).map_or(span.end(), |n| at + n);
            looked(end - at + 1);
            view.push_verbatim(&text[at..end], at);
            let mut buffer = [0; 4];
            at = match references::decode(&text[end..], in_attribute, &mut buffer) {
                Some((decoded, len)) => {
                    view.push_decoded(decoded, Span::at(end, end + len));
                    end + len
                }
                None => {
                    if text.get(end) == Some(&b'&') {
                        view.push_verbatim(b"&", end);
                    }
                    end + 1
                }
            };
        }
        view
    }
}

/// Where the end tag stands that ends the content of a `script`, `title` or the like.
///
/// A script may hold `</script>` between `<script` and `-->` inside of `<!--`.
fn end_of_element(text: &[u8], name: &[u8], from: usize) -> Option<usize> {
    #[derive(PartialEq)]
    enum Escaped {
        No,
        Once,
        Twice,
    }
    let is_name = |at: usize| {
        text[at..].get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name))
            && text.get(at + name.len()).is_some_and(|b| is_space(*b) || matches!(b, b'/' | b'>'))
    };
    let is_script = name.eq_ignore_ascii_case(b"script");
    let mut escaped = Escaped::No;
    for at in memchr2_iter(b'<', b'>', &text[from..]).map(|n| from + n) {
        match &text[at..] {
            [b'>', ..] if text[from..at].ends_with(b"--") => escaped = Escaped::No,
            [b'<', b'/', ..] if is_name(at + 2) => match escaped {
                Escaped::Twice => escaped = Escaped::Once,
                _ => return Some(at),
            },
            [b'<', b'!', b'-', b'-', ..] if is_script && escaped == Escaped::No => escaped = Escaped::Once,
            [b'<', ..] if escaped == Escaped::Once && is_name(at + 1) => escaped = Escaped::Twice,
            _ => {}
        }
    }
    None
}

/// Where the bytes end that are such.
fn skip(text: &[u8], from: usize, is: impl Fn(u8) -> bool) -> usize {
    let len = text[from..].iter().take_while(|b| is(**b)).count();
    looked(len + 1);
    from + len
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

/// For tests: how many bytes were looked at.
#[inline]
fn looked(_bytes: usize) {
    #[cfg(test)]
    tests::LOOKED.with(|n| n.set(n.get() + _bytes));
}

/// For tests: where tags stand, and, empty, that one or its element does not end.
#[inline]
fn saw_tag(_tag: Span) {
    #[cfg(test)]
    tests::TAGS.with(|t| t.borrow_mut().push(_tag));
}

#[cfg(test)]
mod tests;
