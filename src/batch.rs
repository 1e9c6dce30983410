//! Batches: which keys go together, when they go, and what becomes of them when the end point does not take them.
//!
//! A group has one open batch at most. Keys, callers and answers are the shell's; here are counts, sizes and times.

use crate::backoff::Backoff;
use crate::option::{Number, Options, span};
use crate::priority::{Level, Priority};
use crate::time::{Duration, Time};
use std::collections::VecDeque;

/// What batches obey. Valid by construction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BatchConfig {
    /// Keys of one batch. `None`: no bound.
    pub max_size: Option<u32>,
    /// How long the first key waits for others.
    pub max_wait: Duration,
    /// Bytes of one batch. `None`: no bound.
    pub max_bytes: Option<u32>,
}

impl BatchConfig {
    /// What batches of requests obey.
    pub fn of(options: &Options) -> Self {
        Self {
            max_size: options.count(Number::MaxSize),
            max_wait: options.said(Number::MaxWait).map_or(Duration::from_millis(10), span),
            max_bytes: options
                .said(Number::MaxBytes)
                .map_or(Some(65_536), |_| options.count(Number::MaxBytes)),
        }
    }

    /// What a batcher by itself obeys: all that is asked for in one turn goes together.
    pub fn alone(options: &Options) -> Self {
        Self { max_wait: options.span(Number::MaxWait), max_bytes: None, ..Self::of(options) }
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self::of(&Options::default())
    }
}

/// Where a key has its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the batch that is open.
    Open {
        /// Which goes now, and is closed.
        complete: bool,
    },
    /// In the next one: the batch that was open goes now, without it.
    Next {
        /// The next one goes, too, and is closed.
        complete: bool,
    },
    /// In none: it is larger than a batch may be.
    Nowhere,
}

/// A batch that is being gathered.
#[derive(Clone, Copy, Debug)]
struct Open {
    due: Time,
    keys: u32,
    bytes: u32,
}

/// The open batches of all groups.
#[derive(Clone, Debug)]
pub struct Windows {
    config: BatchConfig,
    /// By group.
    open: Vec<Option<Open>>,
    /// In order of their times, which is that of their opening, since all wait equally long. Some are closed since.
    order: VecDeque<(Time, usize)>,
    /// What the end point is known to take.
    most: Option<u32>,
    /// How many times larger batches are than was said, and how many times longer they wait.
    wider: f64,
}

impl Windows {
    /// Bytes of a batch that has no key: `{"keys":[]}`.
    const EMPTY: u32 = 11;
    /// Between two keys: a comma.
    const BETWEEN: u32 = 1;

    /// None is open.
    pub const fn new(config: BatchConfig) -> Self {
        Self { config, open: Vec::new(), order: VecDeque::new(), most: None, wider: 1.0 }
    }

    /// A key that the open batch of its group does not have yet.
    pub fn add(&mut self, group: usize, bytes: u32, priority: Priority, now: Time) -> Place {
        let alone = Self::EMPTY.saturating_add(bytes);
        if self.config.max_bytes.is_some_and(|most| alone > most) {
            return Place::Nowhere;
        }
        if self.open.len() <= group {
            self.open.resize(group + 1, None);
        }
        let (open, is_next) = match self.open[group] {
            Some(open) => {
                let bytes = open.bytes.saturating_add(Self::BETWEEN).saturating_add(bytes);
                if self.config.max_bytes.is_some_and(|most| bytes > most) {
                    (self.begin(alone, now), true)
                } else {
                    (Open { keys: open.keys + 1, bytes, ..open }, false)
                }
            }
            None => (self.begin(alone, now), false),
        };
        let full = self.most().is_some_and(|most| open.keys >= most);
        let complete = full || Self::is_urgent(priority);
        self.open[group] = (!complete).then_some(open);
        if open.keys == 1 && !complete {
            self.order.push_back((open.due, group));
        }
        if is_next { Place::Next { complete } } else { Place::Open { complete } }
    }

    /// Adds a follower to a key in the open batch of this group. Returns whether the batch is sent now, and closed.
    pub fn urge(&mut self, group: usize, priority: Priority) -> bool {
        Self::is_urgent(priority) && self.close(group)
    }

    /// Removes a key of this size from the open batch of this group: its callers have left.
    pub fn remove(&mut self, group: usize, bytes: u32) {
        let Some(place) = self.open.get_mut(group) else { return };
        if let Some(open) = place {
            open.keys = open.keys.saturating_sub(1);
            open.bytes = open.bytes.saturating_sub(bytes.saturating_add(Self::BETWEEN));
            if open.keys == 0 {
                *place = None;
            }
        }
    }

    /// Closes the open batch of a group, which goes now. Whether there was one.
    pub fn close(&mut self, group: usize) -> bool {
        self.open.get_mut(group).and_then(Option::take).is_some()
    }

    /// Closes a batch that has waited long enough, and says of which group; ask again until there is none.
    pub fn poll_due(&mut self, now: Time) -> Option<usize> {
        let (due, group) = self.first()?;
        (due <= now).then(|| {
            self.close(group);
            group
        })
    }

    /// When the next batch goes if nothing happens before.
    pub fn poll_timeout(&mut self) -> Option<Time> {
        self.first().map(|(due, _)| due)
    }

    /// Whether a batch may have so many bytes.
    pub fn fits(&self, bytes: f64) -> bool {
        self.config.max_bytes.is_none_or(|most| bytes <= f64::from(most))
    }

    /// The end point took no batch of so many keys: those to come are at most half as large, rounded up.
    pub fn shrink(&mut self, keys: u32) {
        let half = keys.div_ceil(2).max(1);
        self.most = Some(self.most.map_or(half, |most| most.min(half)));
    }

    fn begin(&self, bytes: u32, now: Time) -> Open {
        Open { due: now.after(self.config.max_wait.mul_f64(self.wider)), keys: 1, bytes }
    }

    fn first(&mut self) -> Option<(Time, usize)> {
        while let Some(&(due, group)) = self.order.front() {
            if self.open.get(group).copied().flatten().is_some_and(|open| open.due == due) {
                return Some((due, group));
            }
            self.order.pop_front();
        }
        None
    }

    /// Keys that a batch may have. `None`: no bound.
    #[expect(clippy::cast_sign_loss, reason = "no size is negative")]
    pub fn most(&self) -> Option<u32> {
        let said = self.config.max_size.map(|most| (f64::from(most) * self.wider) as u32);
        let known = self.most.unwrap_or(u32::MAX).min(said.unwrap_or(u32::MAX));
        (known < u32::MAX).then_some(known)
    }

    /// Batches are so many times larger from now on, and wait so many times longer. None is to be open.
    pub const fn widen(&mut self, times: f64) {
        self.wider = times;
    }

    /// A click is not to wait for statistics.
    fn is_urgent(priority: Priority) -> bool {
        priority.level() == Level::Critical
    }
}

/// What is done with the answer to a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Each caller gets its part of it.
    Divide,
    /// Each caller gets it as it is, as its own request would have.
    Give,
    /// It is asked for in smaller parts.
    Smaller,
    /// Each key is asked for by itself.
    Singly,
}

/// Whether an end point takes batches at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndPoint {
    suspension: Option<Suspension>,
    /// Responses in a row that could not be divided.
    unreadable: u32,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug)]
enum Suspension {
    /// It says so itself.
    ForGood,
    /// What is wrong may be put right.
    Until(Time),
}

impl EndPoint {
    /// Responses in a row that cannot be divided before the end point is suspended for good.
    const UNREADABLE: u32 = 3;

    /// Whether it takes none now: keys are asked for one by one.
    pub fn is_aside(self, now: Time) -> bool {
        self.suspension.is_some_and(|suspension| match suspension {
            Suspension::ForGood => true,
            Suspension::Until(over) => now < over,
        })
    }

    /// A batch of so many keys was answered with this status.
    pub const fn answered(&mut self, keys: u32, status: u16) -> Next {
        match status {
            200..=299 => Next::Divide,
            413 if keys > 1 => Next::Smaller,
            // It is not there, is for something else, takes not even one, or does not know the method.
            404 | 405 | 413 | 501 => {
                self.suspension = Some(Suspension::ForGood);
                Next::Singly
            }
            _ => Next::Give,
        }
    }

    /// An answer could be read.
    pub fn read(&mut self) {
        self.unreadable = 0;
        self.backoff = Backoff::default();
    }

    /// An answer could not be read, or none was ever had: its keys are asked for one by one, and after some of that those to
    /// come for a while, too. After it, one more is enough.
    pub fn unreadable(&mut self, now: Time) {
        self.unreadable = self.unreadable.saturating_add(1);
        // Others may still come back from before.
        if self.unreadable >= Self::UNREADABLE && !self.is_aside(now) {
            self.suspension = Some(Suspension::Until(self.backoff.begin(now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WAITS: Place = Place::Open { complete: false };
    const GOES: Place = Place::Open { complete: true };

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn normal() -> Priority {
        Level::Normal.into()
    }

    fn windows(max_size: f64, max_bytes: f64) -> Windows {
        let mut options = Options::default();
        options.set(Number::MaxSize, max_size).unwrap();
        options.set(Number::MaxBytes, max_bytes).unwrap();
        Windows::new(BatchConfig::of(&options))
    }

    #[test]
    fn the_first_key_says_when_and_later_ones_do_not_postpone_it() {
        let mut windows = windows(50.0, f64::INFINITY);
        assert_eq!(windows.poll_timeout(), None);
        assert_eq!(windows.add(0, 3, normal(), at(5)), WAITS);
        assert_eq!(windows.add(0, 3, normal(), at(14)), WAITS);
        assert_eq!(windows.poll_timeout(), Some(at(15)));
        assert_eq!(windows.poll_due(at(14)), None);
        assert_eq!(windows.poll_due(at(15)), Some(0));
        assert_eq!((windows.poll_due(at(15)), windows.poll_timeout()), (None, None));
    }

    #[test]
    fn a_full_batch_and_one_with_a_critical_key_go_at_once() {
        let mut windows = windows(2.0, f64::INFINITY);
        assert_eq!(windows.add(0, 3, normal(), at(0)), WAITS);
        assert_eq!(windows.add(1, 3, normal(), at(0)), WAITS);
        assert_eq!(windows.add(0, 3, normal(), at(0)), GOES);
        assert_eq!(windows.add(2, 3, Level::Critical.into(), at(0)), GOES);
        assert!(!windows.urge(1, Level::High.into()));
        assert!(windows.urge(1, Level::Critical.into()));
        assert!(!windows.urge(1, Priority::EMERGENCY), "it has gone");
        assert_eq!(windows.poll_timeout(), None);
    }

    #[test]
    fn a_key_that_has_no_room_begins_the_next_batch() {
        // {"keys":["123456"]} is 19 bytes.
        let mut windows = windows(50.0, 27.0);
        assert_eq!(windows.add(0, 17, normal(), at(0)), Place::Nowhere);
        assert_eq!(windows.add(0, 8, normal(), at(0)), WAITS);
        assert_eq!(windows.add(0, 7, normal(), at(3)), WAITS, "27 bytes");
        assert_eq!(windows.add(0, 1, normal(), at(4)), Place::Next { complete: false });
        assert_eq!(windows.poll_timeout(), Some(at(14)));
        windows.remove(0, 1);
        assert_eq!(windows.poll_timeout(), None);
        windows.remove(0, 1);
        windows.remove(7, 1);
    }

    #[test]
    fn what_was_too_large_is_not_tried_again() {
        let mut windows = windows(50.0, f64::INFINITY);
        windows.shrink(50);
        windows.shrink(4);
        windows.shrink(9);
        assert_eq!(windows.add(0, 3, normal(), at(0)), WAITS);
        assert_eq!(windows.add(0, 3, normal(), at(0)), GOES);
        windows.shrink(1);
        assert_eq!(windows.add(0, 3, normal(), at(0)), GOES);
    }

    #[test]
    fn an_end_point_that_takes_no_batches_is_not_asked_again() {
        for status in [404, 405, 501] {
            let mut end = EndPoint::default();
            assert_eq!(end.answered(9, 200), Next::Divide);
            assert_eq!(
                (end.answered(9, status), end.is_aside(at(1 << 40))),
                (Next::Singly, true),
                "{status}"
            );
        }
        let mut end = EndPoint::default();
        for status in [301, 400, 401, 429, 500, 503] {
            assert_eq!(end.answered(9, status), Next::Give, "{status}");
        }
        assert_eq!((end.answered(2, 413), end.is_aside(at(1 << 40))), (Next::Smaller, false));
        assert_eq!((end.answered(1, 413), end.is_aside(at(1 << 40))), (Next::Singly, true));
    }

    #[test]
    fn what_nobody_can_read_is_an_accident_twice_and_then_left_alone_for_a_while() {
        let mut end = EndPoint::default();
        end.unreadable(at(0));
        end.unreadable(at(0));
        end.read();
        end.unreadable(at(0));
        end.unreadable(at(0));
        assert!(!end.is_aside(at(0)));
        for _ in 0..10 {
            // Those that were under way.
            end.unreadable(at(0));
        }
        assert_eq!([29_999, 30_000].map(|millis| end.is_aside(at(millis))), [true, false]);
        end.unreadable(at(30_000));
        assert_eq!([89_999, 90_000].map(|millis| end.is_aside(at(millis))), [true, false]);
        end.read();
        end.unreadable(at(90_000));
        assert!(!end.is_aside(at(90_000)));
    }

    #[test]
    fn requests_and_a_batcher_by_itself_have_defaults_of_their_own() {
        let mut options = Options::default();
        let (of, alone) = (BatchConfig::of(&options), BatchConfig::alone(&options));
        assert_eq!(
            (of.max_wait, of.max_bytes, of.max_size),
            (Duration::from_millis(10), Some(65_536), Some(50))
        );
        assert_eq!((alone.max_wait, alone.max_bytes, alone.max_size), (Duration::ZERO, None, Some(50)));
        options.set(Number::MaxBytes, f64::INFINITY).unwrap();
        assert_eq!(BatchConfig::of(&options).max_bytes, None);
    }

    #[test]
    fn what_goes_at_once_leaves_nothing_behind() {
        let mut windows = windows(1.0, f64::INFINITY);
        for n in 0..1_000 {
            assert_eq!(windows.add(n % 3, 3, normal(), at(5)), GOES);
        }
        assert_eq!((windows.order.len(), windows.poll_timeout()), (0, None));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add { group: usize, bytes: u32, critical: bool },
        Urge { group: usize, critical: bool },
        Remove { group: usize, which: usize },
        Close(usize),
        Shrink(u32),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..3_usize, 0..30_u32, 0..20_u8)
                .prop_map(|(group, bytes, one)| Step::Add { group, bytes, critical: one == 0 }),
            1 => (0..3_usize, any::<bool>()).prop_map(|(group, critical)| Step::Urge { group, critical }),
            2 => (0..3_usize, 0..9_usize).prop_map(|(group, which)| Step::Remove { group, which }),
            1 => (0..3_usize).prop_map(Step::Close),
            1 => (1..9_u32).prop_map(Step::Shrink),
            3 => (0..15_u64).prop_map(Step::Wait),
        ];
        proptest::collection::vec(step, 0..200)
    }

    /// What the shell has: the keys of each group's open batch, with their sizes and the times they came.
    #[derive(Default)]
    struct Model {
        open: [Vec<(u32, Time)>; 3],
        sent: usize,
    }

    impl Model {
        fn send(&mut self, group: usize, config: BatchConfig, now: Time) {
            let keys = std::mem::take(&mut self.open[group]);
            assert!(!keys.is_empty(), "an empty batch");
            assert!(keys.len() <= config.max_size.unwrap() as usize, "{} keys", keys.len());
            let bytes: u32 = keys.iter().map(|(bytes, _)| bytes + 1).sum();
            assert!(bytes + 10 <= config.max_bytes.unwrap(), "{bytes} bytes");
            for (_, came) in &keys {
                assert!(now.since(*came) <= config.max_wait, "waited {:?}", now.since(*came));
            }
            self.sent += keys.len();
        }
    }

    proptest! {
        #[test]
        fn every_key_goes_once_within_all_bounds_and_in_time(steps in steps(), size in 1..9_u32, bytes in 20..99_u32) {
            let mut options = Options::default();
            options.set(Number::MaxSize, size.into()).unwrap();
            options.set(Number::MaxBytes, bytes.into()).unwrap();
            let config = BatchConfig::of(&options);
            let mut windows = Windows::new(config);
            let (mut model, mut now, mut added) = (Model::default(), at(0), 0);
            let priority = |critical: bool| if critical { Level::Critical } else { Level::High }.into();
            for step in steps.into_iter().chain([Step::Wait(1_000)]) {
                match step {
                    Step::Add { group, bytes, critical } => {
                        let place = windows.add(group, bytes, priority(critical), now);
                        if place == Place::Nowhere {
                            prop_assert!(bytes + 11 > config.max_bytes.unwrap());
                            continue;
                        }
                        added += 1;
                        if let Place::Next { .. } = place {
                            model.send(group, config, now);
                        }
                        model.open[group].push((bytes, now));
                        if let Place::Open { complete: true } | Place::Next { complete: true } = place {
                            model.send(group, config, now);
                        } else {
                            prop_assert!(!critical);
                        }
                    }
                    Step::Urge { group, critical } => {
                        let goes = windows.urge(group, priority(critical));
                        prop_assert_eq!(goes, critical && !model.open[group].is_empty());
                        if goes {
                            model.send(group, config, now);
                        }
                    }
                    Step::Remove { group, which } => {
                        if which < model.open[group].len() {
                            windows.remove(group, model.open[group].remove(which).0);
                            added -= 1;
                        }
                    }
                    Step::Close(group) => {
                        let goes = windows.close(group);
                        prop_assert_eq!(goes, !model.open[group].is_empty());
                        if goes {
                            model.send(group, config, now);
                        }
                    }
                    Step::Shrink(keys) => windows.shrink(keys),
                    Step::Wait(millis) => {
                        let end = now.after(Duration::from_millis(millis));
                        while let Some(due) = windows.poll_timeout().filter(|due| *due <= end) {
                            now = now.max(due);
                            while let Some(group) = windows.poll_due(now) {
                                model.send(group, config, now);
                            }
                        }
                        now = end;
                    }
                }
            }
            prop_assert_eq!(model.sent, added);
        }
    }

    #[test]
    fn wider_batches_have_more_keys_and_wait_longer() {
        let config = BatchConfig { max_size: Some(2), max_wait: Duration::from_millis(10), max_bytes: None };
        let mut windows = Windows::new(config);
        windows.widen(2.0);
        assert_eq!(windows.most(), Some(4));
        windows.add(0, 3, Level::Normal.into(), Time::ZERO);
        assert_eq!(windows.poll_timeout(), Some(Time::ZERO.after(Duration::from_millis(20))));
        windows.close(0);
        windows.widen(1.0);
        assert_eq!(windows.most(), Some(2));
    }
}
