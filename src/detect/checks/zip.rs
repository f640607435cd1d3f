//! ZIP codes whose first three digits the Postal Service uses (USPS labeling list L002): the sectional centers.

use super::{digits, number};

/// First three digits that no post office has, as inclusive ranges.
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

pub(super) fn passes(text: &[u8]) -> bool {
    let mut code = [0; 5];
    let mut found = digits(text);
    for slot in &mut code {
        let Some(digit) = found.next() else { return false };
        *slot = digit;
    }
    matches!(found.count(), 0 | 4) && is_used(number(&code[..3]))
}

fn is_used(prefix: u32) -> bool {
    !UNUSED.iter().any(|(from, to)| (u32::from(*from)..=u32::from(*to)).contains(&prefix))
}

#[cfg(test)]
mod tests {
    use super::{UNUSED, is_used, passes};

    #[test]
    fn the_table_is_sorted_and_apart() {
        assert!(UNUSED.iter().all(|(from, to)| from <= to && *to < 1000));
        assert!(UNUSED.windows(2).all(|w| w[0].1 + 1 < w[1].0));
    }

    #[test]
    fn every_prefix() {
        assert_eq!((0..1000).filter(|p| is_used(*p)).count(), 933);
        for (prefix, used) in
            [("005", true), ("004", false), ("100", true), ("902", true), ("999", true), ("213", false)]
        {
            assert_eq!(passes(format!("{prefix}07").as_bytes()), used, "{prefix}");
        }
    }

    #[test]
    fn five_or_nine_digits() {
        assert!(passes(b"94110") && passes(b"94110-1234") && passes(b"941101234"));
        assert!(!passes(b"") && !passes(b"9411") && !passes(b"94110-123") && !passes(b"94110-12345"));
    }
}
