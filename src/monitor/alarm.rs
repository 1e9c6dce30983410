//! When a value is reported as too high, and when as right again.

use crate::time::Duration;

/// Watches one value against its threshold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alarm {
    raised: bool,
    /// For how long the value has been on the other side by now.
    across: Duration,
}

/// A change of an [`Alarm`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The value was too high for long enough.
    Raised,
    /// It was low enough for as long.
    Resolved,
}

impl Alarm {
    /// Takes the value of a sample that spans so much time. Without a value the state is held: nothing is known.
    ///
    /// It is raised when the value was above `threshold` for `pending` in all, and resolved when it was below `clear` times
    /// that for as long. What lies between the two changes nothing.
    pub fn take(
        &mut self,
        value: Option<f64>,
        span: Duration,
        threshold: f64,
        clear: f64,
        pending: Duration,
    ) -> Option<Change> {
        let value = value?;
        let is_across = if self.raised { value <= threshold * clear } else { value > threshold };
        if !is_across {
            self.across = Duration::ZERO;
            return None;
        }
        self.across = self.across + span;
        if self.across < pending {
            return None;
        }
        self.across = Duration::ZERO;
        self.raised = !self.raised;
        Some(if self.raised { Change::Raised } else { Change::Resolved })
    }

    /// Whether it was raised, and not resolved since.
    pub const fn is_raised(&self) -> bool {
        self.raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(values: &[Option<f64>]) -> Vec<Option<Change>> {
        let mut alarm = Alarm::default();
        let take = |value: &Option<f64>| {
            alarm.take(*value, Duration::from_secs(5), 100.0, 0.8, Duration::from_secs(10))
        };
        values.iter().map(take).collect()
    }

    #[test]
    fn it_is_raised_by_the_second_sample_above_and_resolved_by_the_second_well_below() {
        let found = changes(&[Some(101.0), Some(150.0), Some(79.0), Some(70.0)]);
        assert_eq!(found, [None, Some(Change::Raised), None, Some(Change::Resolved)]);
    }

    #[test]
    fn a_threshold_of_nothing_is_resolved_by_nothing() {
        let mut alarm = Alarm::default();
        let mut take = |value| alarm.take(Some(value), Duration::from_secs(5), 0.0, 0.8, Duration::ZERO);
        assert_eq!([take(0.0), take(0.1), take(0.0)], [None, Some(Change::Raised), Some(Change::Resolved)]);
    }

    #[test]
    fn a_single_outlier_changes_nothing() {
        assert_eq!(changes(&[Some(500.0), Some(50.0), Some(500.0), Some(50.0)]), [None; 4]);
    }

    #[test]
    fn between_the_two_thresholds_it_stays_as_it_is() {
        let found = changes(&[Some(120.0), Some(120.0), Some(90.0), Some(70.0), Some(90.0), Some(70.0)]);
        assert_eq!(found, [None, Some(Change::Raised), None, None, None, None]);
    }

    #[test]
    fn without_a_value_the_state_is_held() {
        let found = changes(&[Some(120.0), None, Some(120.0), None, Some(1.0), None, Some(1.0)]);
        assert_eq!(found, [None, None, Some(Change::Raised), None, None, None, Some(Change::Resolved)]);
    }

    #[test]
    fn a_sample_that_spans_long_enough_alone_is_enough() {
        let mut alarm = Alarm::default();
        let change = alarm.take(Some(101.0), Duration::from_secs(60), 100.0, 0.8, Duration::from_secs(10));
        assert_eq!(change, Some(Change::Raised));
    }
}
