//! Medicare Beneficiary Identifiers, position by position (CMS, "Understanding the MBI format"): C A AN N A AN N A A N N, where C
//! is 1 to 9, N a digit, A a letter but S, L, O, I, B, Z, and AN either. Dashes may stand after the fourth and seventh.

pub(super) fn passes(text: &[u8]) -> bool {
    let mut chars = text.iter().filter(|b| !matches!(b, b'-' | b' ')).map(u8::to_ascii_uppercase);
    let fits = b"CAXNAXNAANN".iter().all(|class| {
        chars.next().is_some_and(|c| match class {
            b'C' => matches!(c, b'1'..=b'9'),
            b'N' => c.is_ascii_digit(),
            b'A' => is_letter(c),
            _ => c.is_ascii_digit() || is_letter(c),
        })
    });
    fits && chars.next().is_none()
}

fn is_letter(c: u8) -> bool {
    c.is_ascii_uppercase() && !matches!(c, b'S' | b'L' | b'O' | b'I' | b'B' | b'Z')
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn identifiers() {
        for text in ["1EG4-TE5-MK73", "1EG4TE5MK73", "9aa9aa9aa99", "2A33C44DE55"] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in
            ["", "0EG4TE5MK73", "1SG4TE5MK73", "1EG4TE5MK7", "1EG4TE5MK733", "1EGATE5MK73", "1EG4TE5M173"]
        {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_not_used() {
        let used: String = ('A'..='Z').filter(|c| passes(format!("1{c}04TE5MK73").as_bytes())).collect();
        assert_eq!(used, "ACDEFGHJKMNPQRTUVWXY");
    }
}
