//! Half-open byte ranges inside one buffer.

use std::fmt;
use std::ops::Range;

/// A half-open range of byte offsets, `start <= end`, into a buffer the context names.
///
/// Offsets are 32 bits: a record is never larger than 4 GiB (the default limit is 16 MiB), and findings are
/// kept by the thousand.
///
/// ```
/// use scrubjay::Span;
/// let a = Span::new(2, 6);
/// assert_eq!(a.len(), 4);
/// assert!(a.overlaps(Span::new(5, 9)));
/// assert!(!a.overlaps(Span::new(6, 9)));
/// assert_eq!(a.union(Span::new(5, 9)), Span::new(2, 9));
/// assert_eq!(&b"a john b"[a.range()], b"john");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A span from `start` to `end`, exclusive. An `end` before `start` is taken as `start`.
    #[inline]
    pub const fn new(start: u32, end: u32) -> Span {
        Span { start, end: if end < start { start } else { end } }
    }

    /// A span from `usize` offsets, which callers have bounded by the record limit.
    #[inline]
    pub fn at(start: usize, end: usize) -> Span {
        debug_assert!(end <= u32::MAX as usize, "offset past 4 GiB");
        Span::new(start as u32, end as u32)
    }

    /// First byte.
    #[inline]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// One past the last byte.
    #[inline]
    pub const fn end(self) -> usize {
        self.end as usize
    }

    /// Length in bytes.
    #[inline]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it covers nothing.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// As a range to index with.
    #[inline]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether both share at least one byte.
    #[inline]
    pub const fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether `other` lies within.
    #[inline]
    pub const fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest span that covers both.
    #[inline]
    pub fn union(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The same span `by` bytes further on.
    #[inline]
    pub fn shifted(self, by: usize) -> Span {
        Span::at(self.start() + by, self.end() + by)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl From<Range<usize>> for Span {
    fn from(r: Range<usize>) -> Span {
        Span::at(r.start, r.end)
    }
}
