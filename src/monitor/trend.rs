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
    let pairs =
        points.iter().enumerate().flat_map(|(k, from)| points[k + 1..].iter().map(move |to| (from, to)));
    let slopes = pairs.filter(|(from, to)| to.0 > from.0).map(|(from, to)| (to.1 - from.1) / (to.0 - from.0));
    let slope = median(slopes.collect())?;
    let level = median(points.iter().map(|(x, y)| y - slope * x).collect())?;
    let (last, _) = points.last()?;
    Some(Trend { slope, next: level + slope * (last + 1.0) })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    let above = *values.get(half)?;
    Some(if values.len() % 2 == 1 { above } else { f64::midpoint(values[half - 1], above) })
}

#[cfg(test)]
mod tests {
    use super::*;

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
