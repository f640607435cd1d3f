//! Packets: four bytes of length, big endian, then a letter and its data, of that length together.
//!
//! Letters and layouts are those of Sendmail's `libmilter/mfdef.h`, which is the protocol's definition; Postfix speaks
//! the same. Strings end in a NUL.

/// The longest packet an MTA may send: a header field with its name, or 65,535 bytes of a body. Postfix cuts fields at
/// its `header_size_limit`, 102,400 bytes unless set otherwise.
pub const LONGEST_COMMAND: usize = 256 << 10;
/// The longest data of a packet to the MTA: `MILTER_CHUNK_SIZE`. Sendmail takes no more in one.
pub const LONGEST_REPLY: usize = 65_535;

/// What an MTA says.
#[derive(PartialEq, Eq)]
pub enum Command<'a> {
    /// `O`: what it can do, and asks what is wanted of it.
    Negotiate {
        /// The protocol's version.
        version: u32,
        /// Which changes it can make: `SMFIF_*`.
        actions: u32,
        /// Which commands and replies can be left out: `SMFIP_*`.
        protocol: u32,
    },
    /// `D`: values of macros, which nothing here depends on.
    Macros,
    /// What comes before a message.
    Envelope(Step),
    /// `L`: a header field.
    Header {
        /// Its name.
        name: &'a [u8],
        /// What is behind the colon. Folds are a bare LF and the white space behind it.
        value: &'a [u8],
    },
    /// `N`: no more header fields.
    EndOfHeader,
    /// `B`: a piece of the body, with CRLF.
    Body(&'a [u8]),
    /// `E`: the last piece of the body, which may be empty. What becomes of the message is to be answered now.
    EndOfMessage(&'a [u8]),
    /// `A`: the message is given up; the connection stays.
    Abort,
    /// `Q`: goodbye.
    Quit,
    /// `K`: the same, but another SMTP session follows on this connection.
    QuitForNext,
}

/// A step of SMTP before the message itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `C`
    Connect,
    /// `H`
    Helo,
    /// `M`
    Mail,
    /// `R`
    Rcpt,
    /// `T`
    Data,
    /// `U`: an SMTP command that the MTA does not know.
    Unknown,
}

/// Bytes that are no packet, or not one an MTA sends. Nothing behind them can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Empty, or longer than [`LONGEST_COMMAND`].
    #[error("a packet of an impossible length")]
    Length,
    /// A letter that is no command.
    #[error("an unknown command")]
    Letter,
    /// Data of another form than its command has.
    #[error("a command with data of the wrong form")]
    Data,
}

/// Only what it is: its data is not for showing.
impl std::fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Command::Negotiate { version, actions, protocol } => {
                write!(f, "Negotiate(version {version}, actions {actions:#x}, protocol {protocol:#x})")
            }
            Command::Macros => f.write_str("Macros"),
            Command::Envelope(step) => write!(f, "Envelope({step:?})"),
            Command::Header { name, value } => write!(f, "Header({} bytes)", name.len() + value.len()),
            Command::EndOfHeader => f.write_str("EndOfHeader"),
            Command::Body(piece) => write!(f, "Body({} bytes)", piece.len()),
            Command::EndOfMessage(piece) => write!(f, "EndOfMessage({} bytes)", piece.len()),
            Command::Abort => f.write_str("Abort"),
            Command::Quit => f.write_str("Quit"),
            Command::QuitForNext => f.write_str("QuitForNext"),
        }
    }
}

/// The packet that `input` begins with, and its bytes; `None` while it is not whole.
pub fn parse(input: &[u8]) -> Result<Option<(Command<'_>, usize)>, Malformed> {
    let Some((length, rest)) = input.split_first_chunk() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if !(1..=LONGEST_COMMAND).contains(&length) {
        return Err(Malformed::Length);
    }
    let Some(packet) = rest.get(..length) else {
        // One that will be refused need not be waited for.
        return match rest.first() {
            Some(&letter) if !b"ODCHMRTULNBEAQK".contains(&letter) => Err(Malformed::Letter),
            _ => Ok(None),
        };
    };
    let (letter, data) = packet.split_first().ok_or(Malformed::Length)?;
    Ok(Some((command(*letter, data)?, 4 + length)))
}

fn command(letter: u8, data: &[u8]) -> Result<Command<'_>, Malformed> {
    let bare = |command| if data.is_empty() { Ok(command) } else { Err(Malformed::Data) };
    match letter {
        b'O' => negotiate(data),
        b'D' => Ok(Command::Macros),
        b'C' => Ok(Command::Envelope(Step::Connect)),
        b'H' => Ok(Command::Envelope(Step::Helo)),
        b'M' => Ok(Command::Envelope(Step::Mail)),
        b'R' => Ok(Command::Envelope(Step::Rcpt)),
        b'T' => Ok(Command::Envelope(Step::Data)),
        b'U' => Ok(Command::Envelope(Step::Unknown)),
        b'L' => header(data),
        b'N' => bare(Command::EndOfHeader),
        b'B' => Ok(Command::Body(data)),
        b'E' => Ok(Command::EndOfMessage(data)),
        b'A' => bare(Command::Abort),
        b'Q' => bare(Command::Quit),
        b'K' => bare(Command::QuitForNext),
        _ => Err(Malformed::Letter),
    }
}

/// Three numbers; later versions may put more behind them.
fn negotiate(data: &[u8]) -> Result<Command<'_>, Malformed> {
    let mut numbers = data.chunks_exact(4).map(|n| n.iter().fold(0, |all, &b| all << 8 | u32::from(b)));
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(version), Some(actions), Some(protocol)) => {
            Ok(Command::Negotiate { version, actions, protocol })
        }
        _ => Err(Malformed::Data),
    }
}

fn header(data: &[u8]) -> Result<Command<'_>, Malformed> {
    let strings = data.strip_suffix(b"\0").ok_or(Malformed::Data)?;
    let at = memchr::memchr(0, strings).ok_or(Malformed::Data)?;
    let (name, value) = (&strings[..at], &strings[at + 1..]);
    // A NUL in the value cannot be told from its end.
    if memchr::memchr(0, value).is_some() {
        return Err(Malformed::Data);
    }
    Ok(Command::Header { name, value })
}

/// Puts a packet behind `out`. `data` is at most [`LONGEST_REPLY`] bytes, in pieces.
pub(super) fn put(out: &mut Vec<u8>, letter: u8, data: &[&[u8]]) {
    let length = 1 + data.iter().map(|d| d.len()).sum::<usize>();
    debug_assert!(length <= 1 + LONGEST_REPLY);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    out.push(letter);
    data.iter().for_each(|d| out.extend_from_slice(d));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(letter: u8, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, letter, &[data]);
        out
    }

    #[test]
    fn commands_are_read_whole_or_not_at_all() {
        let numbers = [0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff];
        let negotiate = Command::Negotiate { version: 6, actions: 0x1ff, protocol: 0x1f_ffff };
        let longer = [&numbers[..], &[0; 8]].concat();
        let field = Command::Header { name: b"Subject", value: b" a\n\tb" };
        for (letter, data, expected) in [
            (b'O', &numbers[..], Ok(&negotiate)),
            (b'O', &longer, Ok(&negotiate)),
            (b'O', &numbers[..11], Err(Malformed::Data)),
            (b'D', b"Cj\0mail.example\0", Ok(&Command::Macros)),
            (b'D', b"", Ok(&Command::Macros)),
            (b'C', b"host\0U", Ok(&Command::Envelope(Step::Connect))),
            (b'H', b"host\0", Ok(&Command::Envelope(Step::Helo))),
            (b'M', b"<a>\0", Ok(&Command::Envelope(Step::Mail))),
            (b'R', b"<a>\0", Ok(&Command::Envelope(Step::Rcpt))),
            (b'T', b"", Ok(&Command::Envelope(Step::Data))),
            (b'U', b"FOO\0", Ok(&Command::Envelope(Step::Unknown))),
            (b'L', b"Subject\0 a\n\tb\0", Ok(&field)),
            (b'L', b"X\0\0", Ok(&Command::Header { name: b"X", value: b"" })),
            (b'L', b"X\0", Err(Malformed::Data)),
            (b'L', b"X\0a", Err(Malformed::Data)),
            (b'L', b"X\0a\0b\0", Err(Malformed::Data)),
            (b'L', b"", Err(Malformed::Data)),
            (b'N', b"", Ok(&Command::EndOfHeader)),
            (b'N', b"x", Err(Malformed::Data)),
            (b'B', b"a\r\n\0", Ok(&Command::Body(b"a\r\n\0"))),
            (b'E', b"", Ok(&Command::EndOfMessage(b""))),
            (b'E', b"z", Ok(&Command::EndOfMessage(b"z"))),
            (b'A', b"", Ok(&Command::Abort)),
            (b'Q', b"", Ok(&Command::Quit)),
            (b'K', b"", Ok(&Command::QuitForNext)),
            (b'K', b"x", Err(Malformed::Data)),
            (b'Z', b"", Err(Malformed::Letter)),
            (0, b"", Err(Malformed::Letter)),
        ] {
            let whole = packet(letter, data);
            let followed = [&whole[..], b"\0\0"].concat();
            let got = parse(&followed);
            assert_eq!(
                got.as_ref().map(|p| p.as_ref().map(|(c, n)| (c, *n))),
                expected.map(|c| Some((c, whole.len()))).as_ref().map(|p| *p),
                "{} {data:?}",
                char::from(letter)
            );
            for cut in 0..whole.len() {
                let early = parse(&whole[..cut]);
                assert!(matches!(early, Ok(None) | Err(Malformed::Letter)), "{cut} of {}", whole.len());
            }
        }
    }

    #[test]
    fn lengths_are_bounded_before_anything_is_waited_for() {
        for (bytes, expected) in [
            (&[0, 0, 0, 0][..], Err(Malformed::Length)),
            (&[0, 4, 0, 1], Err(Malformed::Length)),
            (&[0xff; 4], Err(Malformed::Length)),
            (&[0, 4, 0, 0, b'B'], Ok(None)),
            (&[0, 0, 0, 9, b'G', b'E', b'T'], Err(Malformed::Letter)),
            (b"EHLO host\r\n", Err(Malformed::Length)),
            (&[], Ok(None)),
        ] {
            assert_eq!(parse(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn nothing_of_a_message_is_shown() {
        let data = b"X-Name\0 Ana Keller\0";
        let shown = format!("{:?}", command(b'L', data));
        assert_eq!(shown, "Ok(Header(17 bytes))");
        assert!(!format!("{:?}", command(b'E', data)).contains("Ana"));
    }
}
