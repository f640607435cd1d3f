//! Three-digit ZIP prefixes, 45 CFR 164.514(b)(2)(i)(B): they stay where more than 20,000 people live, elsewhere `000` takes their
//! place.

/// Which table this is; it goes into the version of the profile `safe-harbor`.
pub(crate) const VERSION: &str = "2000+2020";

/// Prefixes of 20,000 people or fewer: those that the guidance of the Department of Health and Human Services lists after the census
/// of 2000 ("Guidance Regarding Methods for De-identification of Protected Health Information", 2012), and those that have as few
/// after the census of 2020 (Census Bureau, population of the ZIP Code Tabulation Areas, summed by their first three digits).
const FEW: &[u16] = &[
    36, 59, 63, 102, 202, 203, 204, 205, 369, 556, 692, 753, 772, 790, 821, 823, 830, 831, 878, 879, 884,
    890, 893,
];

/// Prefixes that the Postal Service has not given out, as ranges.
const UNUSED: &[(u16, u16)] = &[
    (0, 4),
    (213, 213),
    (269, 269),
    (343, 343),
    (345, 345),
    (348, 348),
    (353, 353),
    (419, 419),
    (428, 429),
    (517, 519),
    (529, 529),
    (533, 533),
    (536, 536),
    (552, 552),
    (568, 568),
    (578, 579),
    (589, 589),
    (621, 621),
    (632, 632),
    (642, 643),
    (659, 659),
    (663, 663),
    (682, 682),
    (694, 699),
    (702, 702),
    (709, 709),
    (715, 715),
    (732, 732),
    (742, 742),
    (771, 771),
    (817, 819),
    (839, 839),
    (848, 849),
    (854, 854),
    (858, 858),
    (861, 862),
    (866, 869),
    (872, 872),
    (886, 887),
    (892, 892),
    (896, 896),
    (899, 899),
    (909, 909),
    (929, 929),
    (987, 987),
];

/// What stands for a ZIP code: its first three digits or `000`. A number may have lost zeros in front. `None` for what is no ZIP
/// code of the United States.
pub(crate) fn generalize(text: &[u8], number: bool) -> Option<[u8; 3]> {
    let mut digits = [b'0'; 9];
    let mut count = 0;
    for &b in text.trim_ascii() {
        match b {
            b'0'..=b'9' if count < 9 => {
                digits[count] = b;
                count += 1;
            }
            b'-' | b' ' if count == 5 => {}
            _ => return None,
        }
    }
    if number && matches!(count, 3 | 4) {
        digits.copy_within(..count, 5 - count);
        digits[..5 - count].fill(b'0');
        count = 5;
    }
    // What has been generalised already is judged once more.
    if !matches!(count, 3 | 5 | 9) {
        return None;
    }
    let prefix = digits[..3].iter().fold(0, |n, b| n * 10 + u16::from(b - b'0'));
    let unused = UNUSED.iter().any(|(from, to)| (*from..=*to).contains(&prefix));
    let few = unused || FEW.contains(&prefix);
    Some(if few { *b"000" } else { [digits[0], digits[1], digits[2]] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix() {
        let mut kept = 0;
        for prefix in 0..1000u32 {
            let got = generalize(format!("{prefix:03}42").as_bytes(), false).unwrap();
            let own = format!("{prefix:03}").into_bytes();
            assert!(got == own[..] || got == *b"000", "{prefix}");
            kept += usize::from(got == own[..] && got != *b"000");
            // Once more changes nothing.
            assert_eq!(generalize(&got, false), Some(got));
        }
        assert_eq!(
            kept,
            933 - FEW.len() + FEW.iter().filter(|p| UNUSED.iter().any(|(a, b)| (a..=b).contains(p))).count()
        );
        // The seventeen of the guidance, and 000 itself.
        for few in [36, 59, 63, 102, 203, 556, 692, 790, 821, 823, 830, 831, 878, 879, 884, 890, 893, 0] {
            assert_eq!(generalize(format!("{few:03}99").as_bytes(), false), Some(*b"000"), "{few}");
        }
        // The eighteen of 2020.
        for few in [36, 59, 102, 202, 203, 204, 205, 369, 556, 692, 753, 772, 821, 823, 878, 879, 884, 893] {
            assert_eq!(generalize(format!("{few:03}99").as_bytes(), false), Some(*b"000"), "{few}");
        }
    }

    #[test]
    fn forms() {
        for (text, number, want) in [
            ("94110", false, Some("941")),
            ("94110-1234", false, Some("941")),
            ("941101234", false, Some("941")),
            ("02115", false, Some("021")),
            ("2115", true, Some("021")),
            ("501", true, Some("005")),
            ("2115", false, None),
            ("SW1A 1AA", false, None),
            ("941", false, Some("941")),
            ("94110 apt", false, None),
            ("", false, None),
        ] {
            assert_eq!(
                generalize(text.as_bytes(), number).map(|z| z.to_vec()),
                want.map(|w| w.as_bytes().to_vec()),
                "{text}"
            );
        }
    }
}
