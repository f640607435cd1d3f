//! What reads a peer's bytes, without a network, for fuzzing: each function panics where something that must hold of all
//! bytes does not.

use super::super::budget::Budget;
use super::command::{self, LONGEST_AUTH, Mail, Verb, Wrong};
use super::data::{Body, Kept, Stuffer};
use super::line::{Line, LineReader};
use super::reply::Reply;

/// Bytes of a message; a fuzzer reaches them.
const LIMIT: usize = 4 << 10;
/// Room for a message of [`LIMIT`] with all the steps it may grow by, so that what is kept does not depend on pieces.
const MEMORY: usize = 1 << 20;

/// What a session finds in a client's bytes.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    NoLine(Line),
    /// A command that is too long for its verb.
    TooLong,
    Mail(Result<Mail, Wrong>),
    Rcpt(Result<(), Wrong>),
    Other(Verb),
    /// `None`: over the limit.
    Message(Option<Vec<u8>>),
}

/// Reads what a client says, commands and messages, in one piece and cut into many. The first byte tells how
/// many lengths of pieces stand behind it, of which the last goes for all further pieces; the rest is what the client
/// says.
pub fn session(input: &[u8]) {
    let Some((&lengths, input)) = input.split_first() else { return };
    let (lengths, said) = input.split_at(input.len().min(usize::from(lengths)));
    let whole = events(std::iter::once(said));
    assert_eq!(events(pieces(said, lengths)), whole, "pieces make a difference");
    for event in &whole {
        match event {
            Event::Mail(Ok(mail)) => check_mail(mail),
            Event::Message(Some(text)) => check_message(text),
            _ => {}
        }
    }
}

/// Writes a message to the relay, of whatever bytes a judge may have made it.
pub fn message(text: &[u8]) {
    let wire = stuffed(text, 1 + text.len() % 50);
    assert_eq!(stuffed(text, text.len() + 9), wire, "pieces make a difference");
    let (read, kept) = unstuffed(&wire);
    assert_eq!(read, wire.len(), "it ends at its end, and not before");
    if let Some(text) = kept {
        check_message(&text);
    }
}

/// Reads what a relay says.
pub fn replies(mut said: &[u8]) {
    while let Ok(Some((reply, bytes))) = Reply::parse(said) {
        assert!((1..=said.len()).contains(&bytes), "it is there");
        assert!((200..600).contains(&reply.code()), "it has a code");
        assert!(reply.lines().count() > 0, "it has a line");
        let again = Reply::parse(reply.bytes());
        assert_eq!(again, Ok(Some((reply.clone(), reply.bytes().len()))), "the client reads the same");
        said = &said[bytes..];
    }
}

/// The pieces of `bytes`; a length of 0 counts as 1.
fn pieces<'a>(mut bytes: &'a [u8], lengths: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().copied().chain(std::iter::repeat(lengths.last().copied().unwrap_or(1)));
    std::iter::from_fn(move || {
        let length = usize::from(lengths.next()?).max(1);
        let piece;
        (piece, bytes) = bytes.split_at(bytes.len().min(length));
        (!piece.is_empty()).then_some(piece)
    })
}

/// Reads commands, and behind DATA a message.
fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Event> {
    let budget = Budget::new(MEMORY);
    let (mut events, mut buffered) = (Vec::new(), Vec::new());
    let (mut reader, mut body) = (LineReader::default(), None::<Body>);
    for piece in pieces {
        buffered.extend_from_slice(piece);
        loop {
            if let Some(mut receiving) = body.take() {
                let (read, end) = receiving.feed(&buffered);
                buffered.drain(..read);
                if !end {
                    assert!(buffered.is_empty(), "text is not left lying");
                    body = Some(receiving);
                    break;
                }
                events.push(Event::Message(text(receiving.finish())));
                continue;
            }
            let (read, line) = reader.feed(&buffered, LONGEST_AUTH);
            buffered.drain(..read);
            let Some(line) = line else { break };
            reader = LineReader::default();
            let event = obey(line);
            if event == Event::Other(Verb::Data) {
                body = Body::new(&budget, 0, LIMIT);
                assert!(body.is_some(), "there is memory");
            }
            events.push(event);
        }
        assert!(buffered.len() <= LONGEST_AUTH, "lines are bounded");
    }
    drop(body);
    assert!(budget.reserve(MEMORY).is_some(), "all memory is given back");
    events
}

fn obey(line: Line) -> Event {
    let Line::Whole(line) = line else { return Event::NoLine(line) };
    if !command::fits(&line) {
        return Event::TooLong;
    }
    match Verb::of(&line).0 {
        Verb::Mail => Event::Mail(command::mail(&line, true)),
        Verb::Rcpt => Event::Rcpt(command::rcpt(&line)),
        verb => Event::Other(verb),
    }
}

fn text(kept: Kept) -> Option<Vec<u8>> {
    match kept {
        Kept::Whole(message) => {
            assert!(message.bytes.capacity() <= message.reservation.bytes(), "what is held is paid for");
            Some(message.bytes)
        }
        Kept::TooLarge => None,
        Kept::NoMemory => unreachable!("there is memory for one"),
    }
}

/// What goes to the relay is read there as it was here, also by one for which any white space is a space.
fn check_mail(mail: &Mail) {
    assert_eq!(command::mail(&mail.line, true).as_ref(), Ok(mail), "it is as it was");
    assert!(!mail.line.iter().any(u8::is_ascii_control), "it has but one line");
    let quoted = mail.line.contains(&b'"');
    let binary = |word: &[u8]| word.eq_ignore_ascii_case(b"BODY=BINARYMIME");
    assert!(
        quoted || !mail.line.split(u8::is_ascii_whitespace).any(binary),
        "a parameter that is not offered"
    );
    let Ok(without) = command::mail(&mail.line, false) else { unreachable!("it is as good without SIZE") };
    assert_eq!(without.size, mail.size, "the size is known all the same");
}

/// A message has whole lines, and what goes to the relay is read there as it was here.
fn check_message(text: &[u8]) {
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'\r' => assert_eq!(text.get(at + 1), Some(&b'\n'), "a bare CR"),
            b'\n' => assert_eq!(at.checked_sub(1).and_then(|at| text.get(at)), Some(&b'\r'), "a bare LF"),
            _ => {}
        }
    }
    let wire = stuffed(text, 7);
    assert_eq!(unstuffed(&wire), (wire.len(), Some(text.to_vec())), "it is as it was");
}

fn stuffed(text: &[u8], piece: usize) -> Vec<u8> {
    let (mut stuffer, mut wire) = (Stuffer::new(text), Vec::new());
    while stuffer.more(&mut wire, piece) {}
    wire.extend_from_slice(Stuffer::END);
    wire
}

/// The bytes up to the end of a message, and the message.
fn unstuffed(wire: &[u8]) -> (usize, Option<Vec<u8>>) {
    let budget = Budget::new(MEMORY + 2 * wire.len());
    let Some(mut body) = Body::new(&budget, 0, MEMORY + wire.len()) else { unreachable!("there is memory") };
    let (read, end) = body.feed(wire);
    assert!(end, "it has an end");
    (read, text(body.finish()))
}
