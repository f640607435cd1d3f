//! Commands: their verbs, and the parameters of MAIL and RCPT.

/// Bytes of a command with its CRLF: room for long addresses and the parameters of extensions.
const LONGEST_COMMAND: usize = 4_096;
/// Bytes of AUTH with its initial response, and of an answer within AUTH (RFC 4954, 4): the tokens of OAuth are long.
pub(super) const LONGEST_AUTH: usize = 12_288;

/// The verbs that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Data,
    Rset,
    Quit,
    StartTls,
    Auth,
    /// NOOP, VRFY, HELP, XFORWARD: they carry no message and change nothing here.
    Passed,
    /// BDAT: what follows its line is no command but a piece of a message.
    Bdat,
    /// Known, and not done by a proxy: XCLIENT would let a client claim to be another, ETRN and TURN move mail, EXPN
    /// lists addresses.
    Refused,
    Unknown,
}

impl Verb {
    /// The verb of a line, and what stands behind it.
    pub(super) fn of(line: &[u8]) -> (Verb, &[u8]) {
        let end = memchr::memchr(b' ', line).unwrap_or(line.len());
        let verb = match line[..end].to_ascii_uppercase().as_slice() {
            b"EHLO" => Verb::Ehlo,
            b"HELO" => Verb::Helo,
            b"MAIL" => Verb::Mail,
            b"RCPT" => Verb::Rcpt,
            b"DATA" => Verb::Data,
            b"RSET" => Verb::Rset,
            b"QUIT" => Verb::Quit,
            b"STARTTLS" => Verb::StartTls,
            b"AUTH" => Verb::Auth,
            b"NOOP" | b"VRFY" | b"HELP" | b"XFORWARD" => Verb::Passed,
            b"BDAT" => Verb::Bdat,
            b"XCLIENT" | b"ETRN" | b"TURN" | b"ATRN" | b"EXPN" | b"SEND" | b"SOML" | b"SAML" => Verb::Refused,
            _ => Verb::Unknown,
        };
        (verb, line[end..].trim_ascii())
    }
}

/// Whether a command has its due length; the line is without its CRLF.
pub(super) fn fits(line: &[u8]) -> bool {
    let longest = if Verb::of(line).0 == Verb::Auth { LONGEST_AUTH } else { LONGEST_COMMAND };
    line.len() + 2 <= longest
}

/// MAIL as it goes to the relay, and the size that it declares.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) line: Vec<u8>,
    pub(super) size: Option<usize>,
}

/// What is wrong with a command's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// 501: it cannot be read.
    Syntax,
    /// 555: a parameter that was not offered.
    Parameter,
}

/// Reads MAIL. A parameter that EHLO does not offer is refused, even where the relay would take it: it might ask for
/// what this proxy does not do (BODY=BINARYMIME has no lines, so no dots to stuff). SIZE is left out for a relay that
/// does not know it.
pub(super) fn mail(line: &[u8], relay_knows_size: bool) -> Result<Mail, Wrong> {
    let (head, parameters) = split(line, b"FROM:")?;
    let mut mail = Mail { line: head.to_vec(), size: None };
    for parameter in parameters {
        let (keyword, value) = halves(parameter);
        let fits = match keyword.as_slice() {
            b"SIZE" => {
                mail.size = Some(size(value.ok_or(Wrong::Syntax)?)?);
                if !relay_knows_size {
                    continue;
                }
                true
            }
            b"BODY" => {
                value.is_some_and(|v| v.eq_ignore_ascii_case(b"7BIT") || v.eq_ignore_ascii_case(b"8BITMIME"))
            }
            b"SMTPUTF8" => value.is_none(),
            b"RET" | b"ENVID" | b"AUTH" => value.is_some(),
            _ => false,
        };
        if !fits {
            return Err(Wrong::Parameter);
        }
        mail.line.push(b' ');
        mail.line.extend_from_slice(parameter);
    }
    Ok(mail)
}

/// Looks RCPT over: only the parameters of DSN (RFC 3461) are offered.
pub(super) fn rcpt(line: &[u8]) -> Result<(), Wrong> {
    let (_, mut parameters) = split(line, b"TO:")?;
    let fits = |p: &[u8]| matches!(halves(p), (k, Some(_)) if k == b"NOTIFY" || k == b"ORCPT");
    if parameters.all(fits) { Ok(()) } else { Err(Wrong::Parameter) }
}

/// A declared size: up to 20 digits (RFC 1870, 4). One that no machine can hold is over any limit.
fn size(digits: &[u8]) -> Result<usize, Wrong> {
    if digits.is_empty() || digits.len() > 20 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Wrong::Syntax);
    }
    let more = |n: usize, digit: &u8| n.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    Ok(digits.iter().fold(0, more))
}

fn halves(parameter: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    match memchr::memchr(b'=', parameter) {
        Some(at) => (parameter[..at].to_ascii_uppercase(), Some(&parameter[at + 1..])),
        None => (parameter.to_ascii_uppercase(), None),
    }
}

/// A line up to the end of its path, and the parameters behind it.
fn split<'a>(line: &'a [u8], word: &[u8]) -> Result<(&'a [u8], impl Iterator<Item = &'a [u8]>), Wrong> {
    // No path and no parameter has one (RFC 5321, 4.1.2). A relay for which a tab is as good as a space would find
    // parameters that nobody has looked at here.
    if line.iter().any(u8::is_ascii_control) {
        return Err(Wrong::Syntax);
    }
    let start = memchr::memchr(b' ', line).ok_or(Wrong::Syntax)?;
    let spaces = |from: usize| line[from..].iter().take_while(|&&b| b == b' ').count();
    let start = start + spaces(start);
    let named = line.get(start..start + word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
    if !named {
        return Err(Wrong::Syntax);
    }
    let start = start + word.len();
    // Some clients put a space before the path.
    let path = start + spaces(start);
    let end = path + path_len(&line[path..]).ok_or(Wrong::Syntax)?;
    let (head, rest) = line.split_at(end);
    if !matches!(rest.first(), None | Some(b' ')) {
        return Err(Wrong::Syntax);
    }
    Ok((head, rest.split(|&b| b == b' ').filter(|p| !p.is_empty())))
}

/// The length of a path: `<...>`, where a `>` or a space may stand inside quotes only (RFC 5321, 4.1.2), or a bare address.
fn path_len(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'<') {
        let len = memchr::memchr(b' ', text).unwrap_or(text.len());
        return (len > 0).then_some(len);
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, &b) in text.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at + 1),
            b' ' if !quoted => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs() {
        for (line, verb, rest) in [
            ("EHLO a.example", Verb::Ehlo, "a.example"),
            ("mail FROM:<>", Verb::Mail, "FROM:<>"),
            ("Data", Verb::Data, ""),
            ("quit  ", Verb::Quit, ""),
            ("STARTTLS", Verb::StartTls, ""),
            ("XFORWARD NAME=x", Verb::Passed, "NAME=x"),
            ("XCLIENT ADDR=1", Verb::Refused, "ADDR=1"),
            ("BDAT 5 LAST", Verb::Bdat, "5 LAST"),
            ("", Verb::Unknown, ""),
            (" DATA", Verb::Unknown, "DATA"),
            ("GET / HTTP/1.1", Verb::Unknown, "/ HTTP/1.1"),
            ("DATA\t", Verb::Unknown, ""),
        ] {
            assert_eq!(Verb::of(line.as_bytes()), (verb, rest.as_bytes()), "{line:?}");
        }
    }

    #[test]
    fn parameters_of_mail() {
        let passed = |line: &str, size| Ok((line.to_owned(), size));
        for (line, known, expected) in [
            ("MAIL FROM:<a@x>", true, passed("MAIL FROM:<a@x>", None)),
            ("mail from: <a@x>  size=12 ", true, passed("mail from: <a@x> size=12", Some(12))),
            ("MAIL FROM:<> SIZE=12 RET=HDRS", false, passed("MAIL FROM:<> RET=HDRS", Some(12))),
            ("MAIL FROM:a@x BODY=8bitmime", true, passed("MAIL FROM:a@x BODY=8bitmime", None)),
            (
                r#"MAIL FROM:<"a> BODY=BINARYMIME \" b"@x> SMTPUTF8 ENVID=q AUTH=<>"#,
                true,
                passed(r#"MAIL FROM:<"a> BODY=BINARYMIME \" b"@x> SMTPUTF8 ENVID=q AUTH=<>"#, None),
            ),
            (
                "MAIL FROM:<a@x> SIZE=99999999999999999999",
                true,
                passed("MAIL FROM:<a@x> SIZE=99999999999999999999", Some(usize::MAX)),
            ),
            ("MAIL FROM:<a@x> SIZE=999999999999999999999", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<a@x> SIZE=", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<a@x> SIZE", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<a@x> SIZE=-1", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<a@x> BODY=BINARYMIME", true, Err(Wrong::Parameter)),
            ("MAIL FROM:<a@x> BODY", true, Err(Wrong::Parameter)),
            ("MAIL FROM:<a@x> SMTPUTF8=1", true, Err(Wrong::Parameter)),
            ("MAIL FROM:<a@x> REQUIRETLS", true, Err(Wrong::Parameter)),
            ("MAIL FROM:<a@x>SIZE=1", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<a BODY=BINARYMIME b>", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<a@x", true, Err(Wrong::Syntax)),
            ("MAIL FROM:", true, Err(Wrong::Syntax)),
            ("MAIL FROM:a@x\tBODY=BINARYMIME", true, Err(Wrong::Syntax)),
            ("MAIL FROM:a@x\x0bBODY=BINARYMIME", true, Err(Wrong::Syntax)),
            ("MAIL FROM:a\x7f@x", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<a@x>\tBODY=BINARYMIME", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<\"a\tb\"@x>", true, Err(Wrong::Syntax)),
            ("MAIL FROM:<a@x> ENVID=q\tBODY=BINARYMIME", true, Err(Wrong::Syntax)),
            ("MAIL\tFROM:<a@x>", true, Err(Wrong::Syntax)),
            ("MAIL", true, Err(Wrong::Syntax)),
            ("MAIL TO:<a@x>", true, Err(Wrong::Syntax)),
        ] {
            let read = mail(line.as_bytes(), known).map(|m| (String::from_utf8(m.line).unwrap(), m.size));
            assert_eq!(read, expected, "{line:?}");
        }
    }

    #[test]
    fn parameters_of_rcpt() {
        for (line, expected) in [
            ("RCPT TO:<b@x>", Ok(())),
            ("RCPT TO:<b@x> notify=SUCCESS,DELAY ORCPT=rfc822;b@x", Ok(())),
            ("RCPT TO:<b@x> NOTIFY", Err(Wrong::Parameter)),
            ("RCPT TO:<b@x> SIZE=1", Err(Wrong::Parameter)),
            ("RCPT FROM:<b@x>", Err(Wrong::Syntax)),
            ("RCPT TO:b@x\tX=1", Err(Wrong::Syntax)),
            ("RCPT TO:<b@x> NOTIFY=NEVER\tX=1", Err(Wrong::Syntax)),
        ] {
            assert_eq!(rcpt(line.as_bytes()), expected, "{line:?}");
        }
    }
}
