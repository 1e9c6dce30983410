//! Where a value is going, by Theil and Sen: the median of the slopes of all pairs. One outlier does not turn it round.

/// Fewer points say nothing.
pub const MINIMUM: usize = 10;

/// A straight line through points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// How much the value grows in one unit of the other axis.
    pub slope: f64,
    /// The value one unit after the last point.
    pub next: f64,
}

/// The trend of points in the order of their first number. `None` below [`MINIMUM`] points, or when all are at one place.
pub fn trend(points: &[(f64, f64)]) -> Option<Trend> {
    if points.len() < MINIMUM {
        return None;
    }
    let mut slopes = Vec::new();
    for (k, from) in points.iter().enumerate() {
        for to in &points[k + 1..] {
            if to.0 > from.0 {
                slopes.push((to.1 - from.1) / (to.0 - from.0));
            }
        }
    }
    let slope = median(&slopes)?;
    let mut levels = Vec::new();
    for (x, y) in points {
        levels.push(y - slope * x);
    }
    let level = median(&levels)?;
    let (last, _) = points.last()?;
    Some(Trend { slope, next: level + slope * (last + 1.0) })
}

fn median(values: &[f64]) -> Option<f64> {
    let half = values.len() / 2;
    let above = (!values.is_empty()).then(|| nth(values, half))?;
    Some(if values.len() % 2 == 1 { above } else { f64::midpoint(nth(values, half - 1), above) })
}

/// The value that so many others are not above, found bit by bit: to sort them all would be 3 kB more of the module,
/// compressed.
fn nth(values: &[f64], rank: usize) -> f64 {
    let mut found = 0_u64;
    for bit in (0..64).rev() {
        let candidate = found | 1 << bit;
        let below = values.iter().filter(|value| key(**value) < candidate).count();
        if below <= rank {
            found = candidate;
        }
    }
    value(found)
}

const SIGN: u64 = 1 << 63;

/// Numbers in the order of values: those of negative ones run the other way.
const fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

const fn value(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_median_is_that_of_the_sorted(values in proptest::collection::vec(-1e9_f64..1e9, 1..60)) {
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let half = sorted.len() / 2;
            let expected = if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) };
            prop_assert_eq!(median(&values), Some(expected));
        }
    }

    fn line(count: u32) -> Vec<(f64, f64)> {
        (0..count).map(|x| (f64::from(x), 3.0 + 2.0 * f64::from(x))).collect()
    }

    #[test]
    fn a_line_is_found_and_goes_on() {
        assert_eq!(trend(&line(10)), Some(Trend { slope: 2.0, next: 23.0 }));
    }

    #[test]
    fn one_outlier_does_not_turn_it_round() {
        let mut points = line(20);
        points[19].1 = -1_000.0;
        let found = trend(&points).unwrap();
        assert!((found.slope - 2.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn few_points_or_one_place_have_none() {
        assert_eq!(trend(&line(9)), None);
        assert_eq!(trend(&[(1.0, 5.0); 12]), None);
    }
}
