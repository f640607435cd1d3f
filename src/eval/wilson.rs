//! Shares with the interval that the sample leaves open.

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// `part` out of `whole`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Share {
    /// How many have it.
    pub part: u64,
    /// How many there are.
    pub whole: u64,
}

impl Share {
    /// `part` out of `whole`.
    pub fn of(part: u64, whole: u64) -> Share {
        Share { part, whole }
    }

    /// The share, from 0 to 1; none of nothing.
    pub fn value(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }

    /// Its 95 % interval.
    pub fn interval(self) -> Option<(f64, f64)> {
        wilson(self.part, self.whole)
    }
}

/// Wilson's score interval at 95 % for `part` successes out of `whole` (E. B. Wilson, JASA 22, 1927). It stays within
/// 0 and 1, and says something about small samples and about shares of 0 and 1, too.
pub fn wilson(part: u64, whole: u64) -> Option<(f64, f64)> {
    if whole == 0 {
        return None;
    }
    let (n, p) = (whole as f64, part as f64 / whole as f64);
    let denominator = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / denominator;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / denominator;
    // At the ends the bound is the share itself, which rounding would miss.
    let low = if part == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if part == whole { 1.0 } else { (centre + half).min(1.0) };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Published examples: R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    #[test]
    fn published_intervals() {
        for (part, whole, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (a, b) = wilson(part, whole).unwrap();
            assert!((a - low).abs() < 5e-5 && (b - high).abs() < 5e-5, "{part}/{whole}: {a} {b}");
        }
        assert_eq!(wilson(29, 29).unwrap().1, 1.0);
        assert_eq!((wilson(0, 0), Share::of(0, 0).value()), (None, None));
    }

    proptest! {
        #[test]
        fn the_share_lies_within(whole in 1u64..5000, part in 0u64..5000) {
            let part = part.min(whole);
            let (low, high) = wilson(part, whole).unwrap();
            let share = Share::of(part, whole).value().unwrap();
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
            // Mirrored, it is the same.
            let (low2, high2) = wilson(whole - part, whole).unwrap();
            prop_assert!((low - (1.0 - high2)).abs() < 1e-12 && (high - (1.0 - low2)).abs() < 1e-12);
        }
    }
}
