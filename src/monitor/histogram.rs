//! Quantiles of lengths of time, each within 1 % of the exact one.
//!
//! A log-linear table: each doubling has 64 bins, so a bin is at most 1/64 wide of what it counts, and its middle is at most
//! 0.79 % off. Which bin a value falls into are bits of the number itself: no logarithm is computed. Only bins that count
//! anything are kept, since a sample of five seconds has few values.

use std::cmp::Ordering;

/// Bits of a number of single precision below those that name its bin.
const BELOW: u32 = 17;

/// The bin of the shortest time that is told apart, 2⁻¹⁰ ms; shorter ones count as that.
const FIRST: u32 = (127 - 10) << 6;

/// Bins: thirty doublings, up to 17 minutes; longer times count as the last.
const BINS: u32 = 30 << 6;

/// How often values fell into each bin. Two tables are merged without any loss.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Histogram {
    /// In order; a bin that counts more than fits stands there several times.
    bins: Vec<(u16, u16)>,
    count: u64,
}

impl Histogram {
    /// An empty one.
    pub const fn new() -> Self {
        Self { bins: Vec::new(), count: 0 }
    }

    /// Counts one value, in milliseconds. Negative ones and NaN count as 0.
    pub fn record(&mut self, millis: f64) {
        let bin = bin_of(millis);
        self.count += 1;
        let place = self.bins.partition_point(|&(other, _)| other < bin);
        match self.bins.get_mut(place) {
            Some((other, times)) if *other == bin && *times < u16::MAX => *times += 1,
            _ => self.bins.insert(place, (bin, 1)),
        }
    }

    /// Adds all that another one counts.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(self.bins.len().max(other.bins.len()));
        let (mut own, mut others) = (self.bins.iter().peekable(), other.bins.iter().peekable());
        loop {
            let next = match (own.peek(), others.peek()) {
                (Some((a, _)), Some((b, _))) if a.cmp(b) == Ordering::Greater => others.next(),
                (None, _) => others.next(),
                _ => own.next(),
            };
            let Some(&(bin, times)) = next else { break };
            match merged.last_mut() {
                Some((last, sum)) if *last == bin => match sum.checked_add(times) {
                    Some(both) => *sum = both,
                    None => merged.push((bin, times)),
                },
                _ => merged.push((bin, times)),
            }
        }
        merged.shrink_to_fit();
        self.bins = merged;
    }

    /// How many values were counted.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The value, in milliseconds, that this share of all values do not exceed (by nearest rank). `None` without any.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts"
    )]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut before = 0;
        let bin = self.bins.iter().find(|(_, times)| {
            before += u64::from(*times);
            before >= rank
        });
        bin.map(|&(bin, _)| middle_of(bin))
    }

    /// Places that are taken in memory, four bytes each.
    pub const fn size(&self) -> usize {
        self.bins.len()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "to single precision, and below 2^16")]
fn bin_of(millis: f64) -> u16 {
    // NaN is no maximum.
    let bits = (millis.max(0.0) as f32).to_bits() >> BELOW;
    bits.saturating_sub(FIRST).min(BINS - 1) as u16
}

fn middle_of(bin: u16) -> f64 {
    f64::from(f32::from_bits(((u32::from(bin) + FIRST) << BELOW) | (1 << (BELOW - 1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Histogram {
        let mut histogram = Histogram::new();
        for &value in values {
            histogram.record(value);
        }
        histogram
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks"
    )]
    fn exact(values: &[f64], share: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[((values.len() as f64 * share).ceil() as usize).max(1) - 1]
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::new().quantile(0.5), None);
    }

    #[test]
    fn what_cannot_be_told_apart_counts_as_the_first_or_the_last() {
        let histogram = of(&[f64::NAN, -1.0, 0.0, 1e12, f64::INFINITY]);
        assert_eq!(histogram.count(), 5);
        assert!(histogram.quantile(0.0).is_some_and(|first| first < 0.001));
        assert!(histogram.quantile(1.0).is_some_and(|last| last > 1_000_000.0));
    }

    #[test]
    fn a_bin_that_is_full_goes_on_in_another() {
        let mut one = Histogram::new();
        for _ in 0..70_000 {
            one.record(5.0);
        }
        let two = one.clone();
        one.merge(&two);
        assert_eq!((one.count(), one.quantile(0.99)), (140_000, two.quantile(0.5)));
        one.record(5.0);
        assert_eq!(one.count(), 140_001);
    }

    #[test]
    fn quantiles_of_five_distributions_are_within_one_percent() {
        let mut random = crate::random::Random::new(11);
        let mut draw = || random.fraction().max(1e-12);
        let mut normal = || {
            let sum: f64 = (0..12).map(|_| draw()).sum();
            sum - 6.0
        };
        let mut of = |next: &mut dyn FnMut(f64, f64) -> f64| -> Vec<f64> {
            (0..20_000).map(|k| next(f64::from(k % 2), normal())).collect()
        };
        let uniform = |x: f64| ((x + 6.0) / 12.0).clamp(1e-6, 1.0);
        let distributions = [
            ("normal", of(&mut |_, x| (300.0 + 50.0 * x).max(0.01))),
            ("exponential", of(&mut |_, x| (-80.0 * uniform(x).ln()).max(0.01))),
            ("lognormal", of(&mut |_, x| 40.0 * (1.2 * x).exp())),
            ("two peaks", of(&mut |k, x| (20.0 + 2_000.0 * k + 5.0 * x).max(0.01))),
            ("long tail", of(&mut |_, x| 10.0 * uniform(x).powf(-1.5))),
        ];
        for (name, values) in distributions {
            let histogram = self::of(&values);
            for share in [0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0] {
                let (found, exact) = (histogram.quantile(share).unwrap(), exact(&values, share));
                assert!((found / exact - 1.0).abs() < 0.01, "{name}, {share}: {found} in place of {exact}");
            }
        }
    }

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent(values in prop::collection::vec(0.01..600_000.0, 1..400), share in 0.0..=1.0) {
            let found = of(&values).quantile(share).unwrap();
            let exact = exact(&values, share);
            prop_assert!((found / exact - 1.0).abs() < 0.01, "{found} in place of {exact}");
        }

        #[test]
        fn merged_is_as_recorded_together(
            one in prop::collection::vec(0.0..1_000.0, 0..300),
            two in prop::collection::vec(0.0..1_000.0, 0..300),
        ) {
            let mut merged = of(&one);
            merged.merge(&of(&two));
            prop_assert_eq!(merged, of(&[one, two].concat()));
        }
    }
}
