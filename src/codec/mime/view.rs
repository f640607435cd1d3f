//! Views: text as a reader sees it, and the way back to the bytes it was made from.
//!
//! A view is made in layers (transfer encoding, character set, markup); each says of every run of its text which bytes of
//! the layer below it came from. Bytes that no run came from (a soft line break, a tag, a fold) stay when text around them
//! is replaced.

use crate::codec::{Map, Segment};
use crate::span::Span;

/// Text, and the way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// UTF-8, or bytes of an unknown character set.
    pub(super) text: Vec<u8>,
    /// In order, without gaps in the text; there may be gaps between the bytes they came from.
    pub(super) segments: Vec<Segment>,
}

impl View {
    /// The bytes as they are, `at` of them before.
    pub(super) fn verbatim(bytes: &[u8], at: usize) -> View {
        let mut view = View::default();
        view.push_verbatim(bytes, at);
        view
    }

    /// Takes over bytes that stand at `at`; a run that goes on where the last one ends becomes one with it.
    pub(super) fn push_verbatim(&mut self, bytes: &[u8], at: usize) {
        if bytes.is_empty() {
            return;
        }
        let (text, len) = (self.text.len() as u32, bytes.len() as u32);
        self.text.extend_from_slice(bytes);
        if let Some(last) = self.segments.last_mut()
            && last.verbatim
            && (last.raw + last.raw_len) as usize == at
        {
            last.text_len += len;
            last.raw_len += len;
            return;
        }
        self.segments.push(Segment { text, text_len: len, raw: at as u32, raw_len: len, verbatim: true });
    }

    /// Adds text that stands for the bytes of a span: what touches it covers all of them.
    pub(super) fn push_decoded(&mut self, text: &[u8], raw: Span) {
        if text.is_empty() {
            return;
        }
        let start = self.text.len() as u32;
        self.text.extend_from_slice(text);
        self.segments.push(Segment {
            text: start,
            text_len: text.len() as u32,
            raw: raw.start() as u32,
            raw_len: raw.len() as u32,
            verbatim: false,
        });
    }

    /// The same view, of bytes that stand so much further on.
    pub(super) fn shifted(mut self, by: usize) -> View {
        self.segments.iter_mut().for_each(|s| s.raw += by as u32);
        self
    }

    /// This view of another view's text, as a view of what that one was made from.
    pub(super) fn over(mut self, below: &View) -> View {
        let mut segments = Vec::with_capacity(self.segments.len());
        for s in &self.segments {
            let raw = Span::at(s.raw as usize, (s.raw + s.raw_len) as usize);
            if !s.verbatim {
                let raw = cover(&below.segments, raw);
                segments.push(Segment { raw: raw.start() as u32, raw_len: raw.len() as u32, ..*s });
                continue;
            }
            let first = below.segments.partition_point(|b| (b.text + b.text_len) as usize <= raw.start());
            for b in below.segments[first..].iter().take_while(|b| (b.text as usize) < raw.end()) {
                let from = raw.start().max(b.text as usize);
                let to = raw.end().min((b.text + b.text_len) as usize);
                let text = s.text + (from - raw.start()) as u32;
                let (text_len, within) = ((to - from) as u32, from as u32 - b.text);
                let (raw, raw_len) = if b.verbatim { (b.raw + within, text_len) } else { (b.raw, b.raw_len) };
                segments.push(Segment { text, text_len, raw, raw_len, verbatim: b.verbatim });
            }
        }
        self.segments = segments;
        self
    }

    /// What of the bytes goes when a span of the text does, in order: the pieces that its runs came from, none of which
    /// overlap. What lies between them stays.
    pub(super) fn pieces(&self, text: Span) -> impl Iterator<Item = Span> + '_ {
        let first = self.segments.partition_point(|s| (s.text + s.text_len) as usize <= text.start());
        let touched = self.segments[first..].iter().take_while(move |s| (s.text as usize) < text.end());
        let mut runs = touched
            .map(move |s| {
                if !s.verbatim {
                    return Span::at(s.raw as usize, (s.raw + s.raw_len) as usize);
                }
                let from = text.start().max(s.text as usize) - s.text as usize;
                let to = text.end().min((s.text + s.text_len) as usize) - s.text as usize;
                Span::at(s.raw as usize + from, s.raw as usize + to)
            })
            .peekable();
        std::iter::from_fn(move || {
            let mut piece = runs.next()?;
            // Several runs may have come from the same bytes, or from bytes of which some are the same.
            let more = |piece: Span, next: Span| {
                next.start() < piece.end() || next.is_empty() && next.start() == piece.end()
            };
            while let Some(next) = runs.next_if(|next| more(piece, *next)) {
                piece = piece.union(next);
            }
            Some(piece)
        })
    }
}

fn cover(segments: &[Segment], text: Span) -> Span {
    if text.is_empty() {
        // Something that stands between two characters.
        let after = segments.partition_point(|s| (s.text + s.text_len) as usize <= text.start());
        let at = match segments.get(after) {
            Some(s) if s.verbatim => s.raw + (text.start() as u32).saturating_sub(s.text),
            Some(s) => s.raw,
            None => segments.last().map_or(0, |s| s.raw + s.raw_len),
        };
        return Span::at(at as usize, at as usize);
    }
    Map::Segments(segments).to_payload(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(start: usize, end: usize) -> Span {
        Span::at(start, end)
    }

    #[test]
    fn pieces_do_not_overlap() {
        // `x&` came from one shift of seven bytes, `amp;` stands behind it: `+AHgAJg-amp;y`.
        let mut below = View::default();
        below.push_decoded(b"x&", at(0, 8));
        below.push_verbatim(b"amp;y", 8);
        let mut above = View::default();
        above.push_verbatim(b"x", 0);
        above.push_decoded(b"&", at(1, 6));
        above.push_verbatim(b"y", 6);
        let view = above.over(&below);
        assert_eq!(view.text, b"x&y");
        for (span, want) in [
            (at(0, 1), vec![at(0, 8)]),
            (at(0, 2), vec![at(0, 12)]),
            (at(1, 2), vec![at(0, 12)]),
            (at(0, 3), vec![at(0, 12), at(12, 13)]),
            (at(2, 3), vec![at(12, 13)]),
            (at(1, 1), vec![]),
        ] {
            assert_eq!(view.pieces(span).collect::<Vec<_>>(), want, "{span:?}");
        }
    }

    #[test]
    fn what_came_from_nothing_has_a_place() {
        // `a<br>b`: the line end came from no bytes of its own.
        let mut view = View::default();
        view.push_verbatim(b"a", 0);
        view.push_decoded(b"\n", at(1, 1));
        view.push_verbatim(b"b", 5);
        assert_eq!(view.pieces(at(1, 2)).collect::<Vec<_>>(), [at(1, 1)]);
        assert_eq!(view.pieces(at(0, 3)).collect::<Vec<_>>(), [at(0, 1), at(5, 6)]);
        let mut below = View::default();
        below.push_decoded(b"a", at(0, 3));
        below.push_verbatim(b"<br>b", 3);
        assert_eq!(view.over(&below).pieces(at(1, 2)).collect::<Vec<_>>(), [at(3, 3)]);
    }

    /// How a run of bytes shows in a view.
    #[derive(Clone, Debug)]
    enum Run {
        Verbatim(usize),
        Decoded(Vec<u8>, usize),
        LeftOut(usize),
    }

    fn runs() -> impl Strategy<Value = Vec<Run>> {
        let run = prop_oneof![
            (1usize..6).prop_map(Run::Verbatim),
            (proptest::collection::vec(any::<u8>(), 1..4), 0usize..5)
                .prop_map(|(text, len)| Run::Decoded(text, len)),
            (1usize..4).prop_map(Run::LeftOut),
        ];
        proptest::collection::vec(run, 0..12)
    }

    fn view_of(bytes: &[u8], runs: &[Run]) -> View {
        let (mut view, mut at) = (View::default(), 0);
        for run in runs {
            let (Run::Verbatim(len) | Run::Decoded(_, len) | Run::LeftOut(len)) = run;
            let end = (at + len).min(bytes.len());
            match run {
                Run::Verbatim(_) => view.push_verbatim(&bytes[at..end], at),
                Run::Decoded(text, _) => view.push_decoded(text, Span::at(at, end)),
                Run::LeftOut(_) => {}
            }
            at = end;
        }
        view
    }

    proptest! {
        #[test]
        fn views_compose(
            bytes in proptest::collection::vec(any::<u8>(), 0..40), below in runs(), above in runs(),
            from in 0usize..40, len in 0usize..20,
        ) {
            let below = view_of(&bytes, &below);
            let above = view_of(&below.text, &above);
            let view = above.clone().over(&below);
            prop_assert_eq!(&view.text, &above.text);
            let (mut text, mut raw) = (0, 0);
            for s in &view.segments {
                prop_assert_eq!(s.text, text);
                prop_assert!(s.raw >= raw, "in order");
                (text, raw) = (s.text + s.text_len, s.raw);
                let (shown, from) = (s.text as usize..text as usize, s.raw as usize..(s.raw + s.raw_len) as usize);
                prop_assert!(!s.verbatim || view.text[shown] == bytes[from]);
            }
            prop_assert_eq!(text as usize, view.text.len());

            let span = at(from.min(view.text.len()), (from + len).min(view.text.len()));
            let pieces: Vec<Span> = view.pieces(span).collect();
            prop_assert!(pieces.windows(2).all(|p| p[0].end() <= p[1].start()), "{:?}", pieces);
            if span.is_empty() {
                return Ok(());
            }
            // What goes in two steps goes in one, and nothing else but what lies within an indivisible run.
            let steps: Vec<Span> = above
                .pieces(span)
                .filter(|p| !p.is_empty())
                .flat_map(|p| below.pieces(p).collect::<Vec<_>>())
                .collect();
            for step in &steps {
                let step = *step;
                prop_assert!(step.is_empty() || pieces.iter().any(|p| p.contains(step)), "{:?} {:?}", step, pieces);
            }
            for piece in pieces.iter().filter(|p| !p.is_empty()) {
                let within: Vec<Span> = steps.iter().copied().filter(|s| piece.contains(*s)).collect();
                prop_assert_eq!(within.iter().copied().reduce(Span::union), Some(*piece));
            }
        }

        #[test]
        fn verbatim_pieces_are_the_text(bytes in proptest::collection::vec(any::<u8>(), 0..40), runs in runs(), from in 0usize..40, len in 0usize..20) {
            let runs: Vec<Run> = runs.into_iter().filter(|r| !matches!(r, Run::Decoded(..))).collect();
            let view = view_of(&bytes, &runs);
            let span = at(from.min(view.text.len()), (from + len).min(view.text.len()));
            let taken: Vec<u8> = view.pieces(span).flat_map(|p| bytes[p.range()].to_vec()).collect();
            prop_assert_eq!(&taken, &view.text[span.range()]);
        }
    }
}
