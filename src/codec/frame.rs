//! Cuts a stream into records.

use memchr::memchr;

use super::Format;
use super::auto::{BOM, looks_like_json};
use super::json::{State, Structure};
use crate::record::{Batch, Piece};
use crate::span::Span;

/// Cuts the bytes of a stream into records: lines, or whole JSON documents.
///
/// Nothing is lost: payloads and frames together are the input, blank lines being records without a payload. The
/// records are the same however the input was chunked, and no byte is looked at more than a few times.
///
/// With [`Format::Auto`] and [`Format::Json`]:
///
/// - A line that looks like JSON and is complete makes the stream NDJSON, if it is the first to tell: from then
///   on every line stands alone, broken ones too.
/// - Else a document goes on over lines up to its balanced close, within the limit. Where it breaks (a token that
///   cannot follow, a string that does not end on its line) or outgrows the limit its lines stand alone, and framing
///   goes on with the line that broke it: a broken document swallows nothing.
/// - Other lines are records of their own.
///
/// A line of text longer than the limit comes in windows, see [`Piece`]. A line of JSON longer than the limit comes cut
/// at the limit, its rest thrown away but counted; it must not be forwarded.
pub struct Framer {
    format: Format,
    limit: usize,
    /// Bytes of a window that are its own.
    step: usize,
    overlap: usize,
    /// Records so far.
    number: u64,
    mode: Mode,
    structure: Structure,
    /// The lines from the record's start to `line` are the head of a document.
    in_document: bool,
    long: Long,
    /// Offsets from the record's start: where the current line begins, and up to where it has no line end.
    line: usize,
    searched: usize,
    /// Bytes at the record's start that the window before has written.
    head: usize,
    /// Bytes thrown away of the current line.
    left_out: u64,
    /// So many bytes from the record's start on were taken for the head of a document, and their lines stand alone.
    apart: usize,
    /// Records that a batch may hold.
    most_records: usize,
    has_more: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing has told yet what the stream is.
    Undecided,
    /// Lines are records.
    Lines,
    /// Documents go over lines.
    Documents,
}

/// What becomes of a line that is longer than the limit, while its end has not come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Long {
    No,
    Windows,
    Oversize,
}

/// A line in the arena: its end without and with its terminator.
#[derive(Clone, Copy)]
struct Line {
    end: usize,
    next: usize,
}

impl Framer {
    /// A framer for a stream of `format`. Lines longer than `max_record_bytes` are cut into windows that share
    /// `overlap` bytes on either side; the limit should be three times the overlap at least.
    pub fn new(format: Format, max_record_bytes: usize, overlap: usize) -> Framer {
        Framer {
            format,
            limit: max_record_bytes.max(1),
            step: max_record_bytes.saturating_sub(2 * overlap).max(overlap).max(1),
            overlap,
            number: 0,
            mode: Mode::start(format),
            structure: Structure::new(),
            in_document: false,
            long: Long::No,
            line: 0,
            searched: 0,
            head: 0,
            left_out: 0,
            apart: 0,
            most_records: usize::MAX,
            has_more: false,
        }
    }

    /// The same, for batches of so many records: what is said of a record takes more memory than a short line does.
    pub fn with_most_records(self, most_records: usize) -> Framer {
        Framer { most_records, ..self }
    }

    /// How many of the bytes left over have been looked at: the next call must come with more.
    pub fn seen(&self) -> usize {
        self.searched
    }

    /// Whether the batch was full: what is left over holds whole records.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Frames `batch`'s arena from offset `from` on, pushes the records found, and returns the offset from which bytes
    /// are left over (a record not yet whole). With `eof` nothing is left over, and the next call begins a new stream
    /// whose records are numbered on.
    ///
    /// The next call's `from` must be where the left-over bytes then stand. Bytes of a record longer than the limit
    /// may be taken off the arena's end.
    pub fn frame(&mut self, batch: &mut Batch, from: usize, eof: bool) -> usize {
        let mut start = from;
        loop {
            while let Some(n) = memchr(b'\n', &batch.arena[start + self.searched..]) {
                self.has_more = batch.records.len() >= self.most_records;
                if self.has_more {
                    return start;
                }
                let at = start + self.searched + n;
                let carriage = at > start + self.line && batch.arena[at - 1] == b'\r';
                let line = Line { end: at - usize::from(carriage), next: at + 1 };
                start = self.line(batch, start, line);
            }
            self.has_more = false;
            // The rest of a document that is none has not come yet.
            if self.apart > 0 {
                return start;
            }
            start = self.unfinished(batch, start);
            if eof && self.apart == 0 {
                start = self.finish(batch, start);
            }
            if self.apart == 0 {
                return start;
            }
        }
    }

    /// A line is complete. Returns where the next record starts.
    fn line(&mut self, batch: &mut Batch, start: usize, line: Line) -> usize {
        if self.apart > 0 {
            self.apart -= line.next - start;
            return self.alone(batch, start, line);
        }
        match self.long {
            Long::No => {}
            Long::Windows => return self.windows(batch, start, line),
            Long::Oversize => return self.oversize(batch, start, line),
        }
        if self.mode == Mode::Lines {
            return self.alone(batch, start, line);
        }
        if self.in_document {
            let fits = line.end - start <= self.limit;
            match self.structure.line(&batch.arena[start + self.line..line.end]) {
                State::Open if fits => return self.go_on(start, line),
                State::Complete if fits => {
                    self.mode = Mode::Documents;
                    return self.alone(batch, start, line);
                }
                _ => return self.give_up(start),
            }
        }
        if line.end - start > self.limit || !self.begins_document(&batch.arena[start..line.end]) {
            return self.alone(batch, start, line);
        }
        self.structure.reset();
        match self.structure.line(&batch.arena[start..line.end]) {
            State::Open => {
                self.in_document = true;
                return self.go_on(start, line);
            }
            State::Complete if self.mode == Mode::Undecided => self.mode = Mode::Lines,
            State::Complete | State::Broken => {}
        }
        self.alone(batch, start, line)
    }

    fn begins_document(&self, line: &[u8]) -> bool {
        let text = line.strip_prefix(BOM).unwrap_or(line).trim_ascii_start();
        match self.format {
            Format::Json => matches!(text.first(), Some(b'{' | b'[')),
            Format::Auto => looks_like_json(text),
            Format::Plain | Format::Mime => false,
        }
    }

    /// The document goes on in the next line.
    fn go_on(&mut self, start: usize, line: Line) -> usize {
        self.line = line.next - start;
        self.searched = self.line;
        start
    }

    /// The document is none: its lines before the current one stand alone, and are gone through once more.
    fn give_up(&mut self, start: usize) -> usize {
        self.apart = self.line;
        self.next_record(start)
    }

    /// What stands from `start` on is one record, if it is not too long.
    fn alone(&mut self, batch: &mut Batch, start: usize, line: Line) -> usize {
        self.number += 1;
        if line.end - start <= self.limit {
            batch.push_line(self.number, Span::at(start, line.end), line.next);
            return self.next_record(line.next);
        }
        if self.is_json(&batch.arena[start..start + self.limit]) {
            self.oversize(batch, start, line)
        } else {
            self.windows(batch, start, line)
        }
    }

    fn is_json(&self, head: &[u8]) -> bool {
        match self.format {
            Format::Json => true,
            Format::Auto => looks_like_json(head),
            Format::Plain | Format::Mime => false,
        }
    }

    fn next_record(&mut self, start: usize) -> usize {
        self.in_document = false;
        self.long = Long::No;
        (self.line, self.searched, self.head, self.left_out) = (0, 0, 0, 0);
        start
    }

    /// The arena ends within a line. What of it is more than the limit is cut into windows or thrown away.
    ///
    /// A line counts as too long only when the two bytes of a line end could not make it fit, so that it does not
    /// matter when they come.
    fn unfinished(&mut self, batch: &mut Batch, mut start: usize) -> usize {
        loop {
            let pending = batch.arena.len() - start;
            self.searched = pending;
            match self.long {
                Long::No if pending >= self.limit + 2 => {
                    if self.in_document {
                        return self.give_up(start);
                    }
                    self.number += 1;
                    let json = self.is_json(&batch.arena[start..start + self.limit]);
                    self.long = if json { Long::Oversize } else { Long::Windows };
                }
                Long::Windows if pending >= self.head + self.step + self.overlap + 2 => {
                    start = self.window(batch, start, self.overlap);
                }
                Long::Oversize if pending > self.limit + 1 => {
                    // The last byte may be half of a line end.
                    let carriage = batch.arena.last() == Some(&b'\r');
                    let kept = self.limit + usize::from(carriage);
                    self.left_out += (pending - kept) as u64;
                    batch.arena.truncate(start + self.limit);
                    batch.arena.extend_from_slice(if carriage { b"\r" } else { b"" });
                }
                _ => return start,
            }
        }
    }

    /// Pushes the window that begins at `start`, which is not the last of its line, and returns where the next does.
    fn window(&mut self, batch: &mut Batch, start: usize, tail: usize) -> usize {
        let body_end = start + self.head + self.step;
        let piece = Piece { head: self.head as u32, tail: tail as u32 };
        batch.push_piece(self.number, Span::at(start, body_end + tail), body_end + tail, piece);
        self.head = self.overlap.min(body_end - start);
        body_end - self.head
    }

    /// Pushes the windows up to the end of their line.
    fn windows(&mut self, batch: &mut Batch, mut start: usize, line: Line) -> usize {
        loop {
            let body = line.end - start - self.head;
            if body <= self.step {
                let piece = Piece { head: self.head as u32, tail: 0 };
                batch.push_piece(self.number, Span::at(start, line.end), line.next, piece);
                return self.next_record(line.next);
            }
            start = self.window(batch, start, self.overlap.min(body - self.step));
        }
    }

    /// Pushes the head of a line of JSON that is too long; its line end is moved up to it.
    fn oversize(&mut self, batch: &mut Batch, start: usize, line: Line) -> usize {
        let cut = start + self.limit;
        // A carriage return that ends what was kept ends no line when the rest was thrown away.
        let end = line.end.max(cut);
        let left_out = self.left_out + (end - cut) as u64;
        batch.arena.copy_within(end..line.next, cut);
        batch.push_cut(self.number, Span::at(start, cut), cut + (line.next - end), left_out);
        self.next_record(line.next)
    }

    /// The stream has ended: what is left is a record, however incomplete.
    fn finish(&mut self, batch: &mut Batch, mut start: usize) -> usize {
        let end = batch.arena.len();
        if start + self.line < end {
            start = self.line(batch, start, Line { end, next: end });
        }
        if self.apart > 0 {
            return start;
        }
        if self.in_document {
            // Cut off. One record, unless its end has no line of its own.
            let text = &batch.arena[start..end];
            let text = text.strip_suffix(b"\n").map_or(text, |t| t.strip_suffix(b"\r").unwrap_or(t));
            let line = Line { end: start + text.len(), next: end };
            start = self.alone(batch, start, line);
        }
        self.mode = Mode::start(self.format);
        start
    }
}

impl Mode {
    fn start(format: Format) -> Mode {
        if format == Format::Plain { Mode::Lines } else { Mode::Undecided }
    }
}

#[cfg(test)]
mod tests;
