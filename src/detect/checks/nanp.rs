//! Telephone numbers of the North American Numbering Plan.
//!
//! ATIS-0300051: area and exchange begin with 2 to 9, and no area is an N11 service code. An extension may follow; the
//! country code 1 may stand before.

use super::digits;

pub(super) fn passes(text: &[u8]) -> bool {
    let mut found = digits(text);
    let first = match found.next() {
        Some(1) => found.next(),
        first => first,
    };
    let mut number = [0; 10];
    let mut rest = first.into_iter().chain(found);
    for slot in &mut number {
        let Some(digit) = rest.next() else { return false };
        *slot = digit;
    }
    let [a, b, c, exchange, ..] = number;
    a >= 2 && !(b == 1 && c == 1) && exchange >= 2
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn every_area_and_exchange_lead() {
        for area in 0..1000 {
            let valid = area >= 200 && area % 100 != 11;
            assert_eq!(passes(format!("({area:03}) 555-0142").as_bytes()), valid, "area {area:03}");
        }
        for exchange in 0..1000 {
            assert_eq!(
                passes(format!("415-{exchange:03}-0142").as_bytes()),
                exchange >= 200,
                "exchange {exchange:03}"
            );
        }
    }

    #[test]
    fn country_code_and_extension() {
        for text in
            ["+1 415 555 2671", "1-415-555-2671", "14155552671", "415-555-2671 x12", "(415) 555-2671 ext. 40"]
        {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in ["", "1", "415-555", "1415555267", "1616161616"] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }
}
