//! Tokens as they stand in text: `[SSN:p1:` + body + `]`, in SMS `(SSN:p1:` + body + `)`.
//!
//! The letter says what the token is, the number behind it which version of the key made it. The body is base32 of what
//! names the value and of a keyed check over all of it. Whatever else looks like a token has been invented by someone, and is
//! text like any other.

use super::base32;
use crate::keys::encoding::hex;
use crate::kind::Kind;
use crate::span::Span;

/// Bytes of the keyed check at the end of a body: 40 bits.
pub(crate) const CHECK_BYTES: usize = 5;
/// Bytes that name a value in a pseudonym and a vault token: 128 bits.
pub(crate) const NAME_BYTES: usize = 16;
/// A longer body is none: it could only be a sealed value, and no value is so long.
const MAX_BODY: usize = 1 << 16;
/// Bytes of the longest value whose sealed form is still read as a token: base32 makes eight characters of five bytes.
pub(crate) const MAX_SEALED: usize = MAX_BODY / 8 * 5 - NAME_BYTES - CHECK_BYTES;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenType {
    /// HMAC of the value: equal values have equal tokens, nothing leads back.
    Pseudonym,
    /// Random: the vault leads back.
    Vault,
    /// The value itself, encrypted: the key leads back.
    Sealed,
}

impl TokenType {
    /// In the order of their discriminants.
    pub(super) const ALL: [TokenType; 3] = [TokenType::Pseudonym, TokenType::Vault, TokenType::Sealed];

    /// The letter in the token.
    pub const fn letter(self) -> u8 {
        match self {
            TokenType::Pseudonym => b'p',
            TokenType::Vault => b't',
            TokenType::Sealed => b's',
        }
    }

    /// Whether it follows from the value; a vault's token is random.
    pub const fn is_derived(self) -> bool {
        !matches!(self, TokenType::Vault)
    }
}

/// How tokens are put into text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TokenForm {
    /// In square brackets, as markers are.
    #[default]
    Square,
    /// In round brackets: in an SMS a square one takes the room of two characters (3GPP TS 23.038, 6.2.1.1).
    Round,
}

/// A token that was read. Whether it is one the check tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadToken {
    /// What it stands for.
    pub kind: Kind,
    /// What it is.
    pub token_type: TokenType,
    /// Version of the key that made it.
    pub version: u32,
    /// `SSN:p1:` and what names the value: what the check is made over.
    text: Vec<u8>,
    /// Where in it what names the value begins.
    name_at: usize,
    pub(crate) check: [u8; CHECK_BYTES],
}

impl ReadToken {
    /// What stands before the body: `SSN:p1:`.
    pub(crate) fn head(&self) -> &[u8] {
        &self.text[..self.name_at]
    }

    /// What names the value: 16 bytes, of a sealed value all of its ciphertext.
    pub fn name(&self) -> &[u8] {
        &self.text[self.name_at..]
    }

    /// How it is named on record: kind, type, version, and the first 16 bytes of what names the value, in hexadecimal digits. All of a sealed
    /// value would be the value to whoever has the key.
    pub fn on_record(&self) -> String {
        let letter = char::from(self.token_type.letter());
        format!("{}:{letter}{}:{}", self.kind, self.version, hex(&self.name()[..NAME_BYTES]))
    }
}

/// Appends what stands before the body: `SSN:p1:`.
pub(crate) fn head(kind: Kind, token_type: TokenType, version: u32, out: &mut Vec<u8>) {
    let marker = kind.marker().as_bytes();
    out.extend_from_slice(&marker[1..marker.len() - 1]);
    out.extend_from_slice(&[b':', token_type.letter()]);
    let mut digits = [0; 10];
    let (mut n, mut at) = (version, digits.len());
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
    out.push(b':');
}

/// Appends a token: `head` as [`head`] writes it, and the bytes of the body.
pub(crate) fn write(form: TokenForm, head: &[u8], body: &[u8], out: &mut Vec<u8>) {
    let [open, close] = match form {
        TokenForm::Square => [b'[', b']'],
        TokenForm::Round => [b'(', b')'],
    };
    out.reserve(head.len() + base32::encoded_len(body.len()) + 2);
    out.push(open);
    out.extend_from_slice(head);
    base32::encode(body, out);
    out.push(close);
}

/// Whether a text may hold a token. Costs a step for each colon.
pub(crate) fn may_hold(text: &[u8]) -> bool {
    memchr::memchr_iter(b':', text).any(|colon| is_colon(text, colon))
}

fn is_colon(text: &[u8], colon: usize) -> bool {
    let before = colon.checked_sub(1).is_some_and(|i| text[i].is_ascii_uppercase());
    before
        && matches!(text.get(colon + 1), Some(b'p' | b't' | b's'))
        && matches!(text.get(colon + 2), Some(b'1'..=b'9'))
}

/// Everything from `from` on that has the form of a token.
pub(crate) fn all(text: &[u8]) -> impl Iterator<Item = (Span, ReadToken)> {
    memchr::memchr_iter(b':', text)
        .filter(|colon| is_colon(text, *colon))
        .filter_map(|colon| around(text, colon))
}

/// The token whose first colon stands here.
fn around(text: &[u8], colon: usize) -> Option<(Span, ReadToken)> {
    let word = text[..colon].iter().rev().take_while(|b| b.is_ascii_uppercase() || **b == b'_').count();
    let start = (colon - word).checked_sub(1)?;
    let close = match text[start] {
        b'[' => b']',
        b'(' => b')',
        _ => return None,
    };
    let kind = Kind::ALL.iter().copied().find(|k| {
        let marker = k.marker().as_bytes();
        marker[1..marker.len() - 1] == text[start + 1..colon]
    })?;
    let token_type = TokenType::ALL.into_iter().find(|t| t.letter() == text[colon + 1])?;
    let digits = text[colon + 2..].iter().take_while(|b| b.is_ascii_digit()).count();
    let version = std::str::from_utf8(&text[colon + 2..colon + 2 + digits]).ok()?.parse().ok()?;
    let body_at = colon + 3 + digits;
    if text.get(body_at - 1) != Some(&b':') {
        return None;
    }
    let rest = text.get(body_at..)?;
    let letters = rest.iter().take(MAX_BODY + 1).take_while(|b| base32::is_letter(**b)).count();
    if rest.get(letters) != Some(&close) || letters > MAX_BODY {
        return None;
    }
    let mut read = text[start + 1..body_at].to_vec();
    let name_at = read.len();
    if !base32::decode(&rest[..letters], &mut read) {
        return None;
    }
    let least = if token_type == TokenType::Sealed { NAME_BYTES + 1 } else { NAME_BYTES };
    let name = (read.len() - name_at).checked_sub(CHECK_BYTES).filter(|name| *name >= least)?;
    if token_type != TokenType::Sealed && name != NAME_BYTES {
        return None;
    }
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&read[name_at + name..]);
    read.truncate(name_at + name);
    let span = Span::at(start, body_at + letters + 1);
    Some((span, ReadToken { kind, token_type, version, text: read, name_at, check }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(kind: Kind, token_type: TokenType, version: u32, form: TokenForm, body: &[u8]) -> Vec<u8> {
        let (mut start, mut out) = (Vec::new(), Vec::new());
        head(kind, token_type, version, &mut start);
        write(form, &start, body, &mut out);
        out
    }

    #[test]
    fn the_form() {
        let out = written(Kind::HealthPlanId, TokenType::Vault, 12, TokenForm::Square, &[0xff; 21]);
        assert_eq!(String::from_utf8(out).unwrap(), format!("[HEALTH_PLAN_ID:t12:{}w]", "z".repeat(33)));
        let out = written(Kind::Ssn, TokenType::Pseudonym, 1, TokenForm::Round, &[0; 21]);
        assert_eq!(String::from_utf8(out).unwrap(), format!("(SSN:p1:{})", "0".repeat(34)));
    }

    /// In an SMS each character of a token takes the room of one: all are in the basic set of GSM 7 bit.
    #[test]
    fn the_round_form_is_safe_in_an_sms() {
        let out = written(Kind::HealthPlanId, TokenType::Sealed, 7, TokenForm::Round, &[0x5a; 40]);
        assert!(out.iter().all(|b| b.is_ascii_alphanumeric() || b"(:_)".contains(b)));
    }

    #[test]
    fn what_is_no_token() {
        let body = "0".repeat(34);
        for text in [
            "[SSN:v1:219-10-9999]".to_owned(),
            format!("[SSN:p0:{body}]"),
            format!("[SSN:p:{body}]"),
            format!("[SSN:p1:{body})"),
            format!("[SSN:p1:{body}"),
            format!("[SSN:p1:{}]", &body[1..]),
            format!("[SSN:p1:{body}0]"),
            format!("[SSN:p1:{}1]", &body[1..]),
            format!("[SSN:p1:{}A]", &body[1..]),
            format!("[ssn:p1:{body}]"),
            format!("[SSX:p1:{body}]"),
            format!("[SSN:x1:{body}]"),
            format!("[SSN:p99999999999:{body}]"),
            format!("SSN:p1:{body}"),
            format!("[SSN:s1:{body}]"),
            "[SSN:p1:".to_owned(),
            "[SSN:p1".to_owned(),
            "SSN:p1:]".to_owned(),
        ] {
            assert_eq!(all(text.as_bytes()).count(), 0, "{text}");
        }
    }

    proptest! {
        #[test]
        fn is_read_as_it_was_written(
            kind in 0..Kind::COUNT, which in 0..3usize, version in 1..u32::MAX, round: bool, name: [u8; 16], more in 1..40usize,
            before in "[ -~]{0,20}", after in "[ -~]{0,20}",
        ) {
            let (kind, token_type) = (Kind::ALL[kind], TokenType::ALL[which]);
            let form = if round { TokenForm::Round } else { TokenForm::Square };
            let mut body = name.to_vec();
            if token_type == TokenType::Sealed {
                body.extend(vec![7; more]);
            }
            let named = body.clone();
            body.extend([1, 2, 3, 4, 5]);
            let token = written(kind, token_type, version, form, &body);
            let text = [before.as_bytes(), &token, after.as_bytes()].concat();
            prop_assert!(may_hold(&text));
            let (span, read) = all(&text).find(|(span, _)| span.start() == before.len()).unwrap();
            prop_assert_eq!(&text[span.range()], token.as_slice());
            prop_assert_eq!((read.kind, read.token_type, read.version), (kind, token_type, version));
            prop_assert_eq!(read.name(), named.as_slice());
            prop_assert_eq!(read.check, [1, 2, 3, 4, 5]);
        }

        #[test]
        fn never_panics(text in "[:\\[\\](){}SNpts0-9a-z_ ]{0,60}", bytes: Vec<u8>) {
            for text in [text.as_bytes(), &bytes] {
                for (span, _) in all(text) {
                    prop_assert!(may_hold(text) && span.end() <= text.len());
                }
            }
        }
    }
}
