//! Replies: the one letter that lets the MTA go on, and refusals with their SMTP codes.

use super::packet;

/// The MTA goes on: to the next command, or with the message.
pub(super) const CONTINUE: &[u8] = &[0, 0, 0, 1, b'c'];
/// The judge is at work: the MTA's clock starts anew.
pub(super) const PROGRESS: &[u8] = &[0, 0, 0, 1, b'p'];

/// Characters of a text, so that the reply stays below the 512 bytes of RFC 5321, 4.5.3.1.5.
const LONGEST_TEXT: usize = 480;

/// Refuses a message: `SMFIR_REPLYCODE`, on one line and in printable ASCII.
///
/// Sendmail takes the text for a format, so percent signs are doubled; Postfix makes them one again. Both want an
/// enhanced code (RFC 3463) of the code's class: one that is not is replaced.
pub(super) fn refusal(code: u16, enhanced: &str, text: &str) -> Vec<u8> {
    let class = if code >= 500 { b'5' } else { b'4' };
    let fits = enhanced.as_bytes().first() == Some(&class)
        && enhanced.split('.').count() == 3
        && enhanced.split('.').all(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
    let enhanced = match (fits, class) {
        (true, _) => enhanced,
        (false, b'5') => "5.7.1",
        (false, _) => "4.3.0",
    };
    let printable = |c: char| match c {
        ' '..='~' => c,
        c if c.is_whitespace() || c.is_control() => ' ',
        _ => '?',
    };
    let text: String = text.chars().take(LONGEST_TEXT).map(printable).collect();
    let mut out = Vec::new();
    let line = format!("{code} {enhanced} {}\0", text.replace('%', "%%"));
    packet::put(&mut out, b'y', &[line.as_bytes()]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_one_line_that_any_mta_takes() {
        for (code, enhanced, text, expected) in [
            (550, "5.7.1", "no", "550 5.7.1 no"),
            (550, "4.7.1", "no", "550 5.7.1 no"),
            (550, "", "no", "550 5.7.1 no"),
            (550, "5.7", "no", "550 5.7.1 no"),
            (550, "5.7.1000", "no", "550 5.7.1 no"),
            (550, "5.7.x", "no", "550 5.7.1 no"),
            (451, "4.3.0", "100% %s\r\n250 Ok", "451 4.3.0 100%% %%s  250 Ok"),
            (452, "5.3.1", "a\0\u{e9}\u{85}", "452 4.3.0 a ? "),
        ] {
            let packet = refusal(code, enhanced, text);
            assert_eq!(packet[4], b'y');
            assert_eq!(packet[5..packet.len() - 1], *expected.as_bytes(), "{enhanced} {text:?}");
            assert_eq!(packet[..4], (packet.len() as u32 - 4).to_be_bytes());
            assert_eq!(packet.last(), Some(&0));
        }
        let long = refusal(550, "5.7.1", &"\u{1F600}%".repeat(9_000));
        assert!(long.len() < 5 + 11 + 2 * LONGEST_TEXT && !long.ends_with(b"?%\0"));
    }
}
