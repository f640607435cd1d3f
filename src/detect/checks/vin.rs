//! Vehicle identification numbers: 17 characters without I, O and Q, the ninth a check digit (49 CFR 565.15).

/// Weights of the positions; the check digit itself has none.
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

pub(super) fn passes(text: &[u8]) -> bool {
    let Ok(vin) = <[u8; 17]>::try_from(text) else { return false };
    let mut sum = 0;
    for (byte, weight) in vin.iter().zip(WEIGHTS) {
        let Some(value) = value(*byte) else { return false };
        sum += value * weight;
    }
    let check = match sum % 11 {
        10 => b'X',
        n => b'0' + n as u8,
    };
    // Seventeen equal digits have a valid sum (all ones), and are no vehicle.
    vin[8].to_ascii_uppercase() == check && vin.iter().any(|b| *b != vin[0])
}

/// The value of a character, by the table of the rule.
fn value(byte: u8) -> Option<u32> {
    Some(match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => u32::from(digit - b'0'),
        letter @ b'A'..=b'H' => u32::from(letter - b'A') + 1,
        letter @ b'J'..=b'N' => u32::from(letter - b'J') + 1,
        b'P' => 7,
        b'R' => 9,
        letter @ b'S'..=b'Z' => u32::from(letter - b'S') + 2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn numbers() {
        for text in ["1M8GDM9AXKP042788", "1m8gdm9axkp042788", "5GZCZ43D13S812715"] {
            assert!(passes(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "1M8GDM9A1KP042788",
            "1M8GDM9AXKP04278",
            "1M8GDM9AXKP04278I",
            "11111111111111111",
            "1M8GDM9AXKP0427888",
        ] {
            assert!(!passes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn one_check_character_fits() {
        let fitting = b"0123456789X"
            .iter()
            .filter(|c| passes(format!("1M8GDM9A{}KP042788", **c as char).as_bytes()))
            .count();
        assert_eq!(fitting, 1);
    }
}
