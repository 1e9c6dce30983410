//! Levels that say what a page does without while it is in trouble.
//!
//! The level rises at once to the highest whose triggers are on, and comes back one step at a time: each step only when its
//! triggers were off for a stay. A level that is entered again soon after it was left is left later the next time.

use crate::time::{Duration, Time};

/// Above 0, which is normal.
pub const MAX_LEVEL: u8 = 5;

/// A stay is doubled at each relapse, up to this.
pub const MAX_STAY: Duration = Duration::from_secs(300);

/// What holds at each level, as bits of triggers; which they are is for others to say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LadderConfig {
    /// By level, from 1: the triggers of its rule. 0: there is no such level.
    pub triggers: [u32; MAX_LEVEL as usize],
    /// How long its triggers must be off before a level is left.
    pub recover_after: Duration,
}

/// A level was entered or left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Its actions are to be done.
    Enter(u8),
    /// Its actions are to be undone.
    Leave(u8),
}

/// Where a page stands.
#[derive(Clone, Debug)]
pub struct Ladder {
    config: LadderConfig,
    level: u8,
    /// When it came to this level.
    since: Time,
    /// Since when the triggers of this level, and of those above, are off. `None` while one is on.
    healthy: Option<Time>,
    /// By level, from 1: how long it stays.
    stays: [Duration; MAX_LEVEL as usize],
    /// By level, from 1: when it was left.
    left: [Option<Time>; MAX_LEVEL as usize],
}

impl Ladder {
    /// At level 0.
    pub const fn new(config: LadderConfig, now: Time) -> Self {
        let stays = [config.recover_after; MAX_LEVEL as usize];
        Self { config, level: 0, since: now, healthy: Some(now), stays, left: [None; MAX_LEVEL as usize] }
    }

    /// The level, 0 where nothing is given up.
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// When it came to this level.
    pub const fn since(&self) -> Time {
        self.since
    }

    /// Whether the triggers of this level are off.
    pub const fn is_healthy(&self) -> bool {
        self.healthy.is_some()
    }

    /// Takes which triggers are on now, as bits. Returns what is to be done, in order.
    pub fn take(&mut self, on: u32, now: Time) -> Vec<Step> {
        let target = (1..=MAX_LEVEL).rev().find(|&level| self.triggers(level) & on != 0).unwrap_or(0);
        if target > self.level {
            return self.rise(target, now);
        }
        if target == self.level && target > 0 {
            self.healthy = None;
            return Vec::new();
        }
        let healthy = *self.healthy.get_or_insert(now);
        // In what a late call brings, each level has had a stay of its own.
        if self.level == 0 || now.since(healthy) < self.stays[self.index()] {
            return Vec::new();
        }
        self.fall(now)
    }

    /// When [`take`](Self::take) may bring something though nothing changes.
    pub fn due(&self) -> Option<Time> {
        self.healthy.filter(|_| self.level > 0).map(|healthy| healthy.after(self.stays[self.index()]))
    }

    /// Enters a level because somebody says so; it is left as any other.
    pub fn enter(&mut self, level: u8, now: Time) -> Vec<Step> {
        let level = level.min(MAX_LEVEL);
        if level > self.level { self.rise(level, now) } else { Vec::new() }
    }

    /// Back to level 0, as if nothing had been.
    pub fn reset(&mut self, now: Time) -> Vec<Step> {
        let steps = self.steps().rev().map(Step::Leave).collect();
        *self = Self::new(self.config, now);
        steps
    }

    const fn triggers(&self, level: u8) -> u32 {
        self.config.triggers[level as usize - 1]
    }

    const fn index(&self) -> usize {
        self.level as usize - 1
    }

    /// The levels that hold now, from the lowest: each takes in those below.
    fn steps(&self) -> impl DoubleEndedIterator<Item = u8> {
        1..=self.level
    }

    fn rise(&mut self, target: u8, now: Time) -> Vec<Step> {
        let before = self.level;
        (self.level, self.since, self.healthy) = (target, now, None);
        let index = self.index();
        // Soon is within the stay that was too short.
        let relapsed = self.left[index].is_some_and(|left| now.since(left) < self.stays[index]);
        self.stays[index] =
            if relapsed { (self.stays[index] * 2).min(MAX_STAY) } else { self.config.recover_after };
        (before + 1..=target).map(Step::Enter).collect()
    }

    fn fall(&mut self, now: Time) -> Vec<Step> {
        let left = self.level;
        self.left[self.index()] = Some(now);
        // Levels without a rule are no steps.
        let next = (1..left).rev().find(|&level| self.triggers(level) != 0).unwrap_or(0);
        (self.level, self.since, self.healthy) = (next, now, Some(now));
        (next + 1..=left).rev().map(Step::Leave).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: u32 = 1;
    const BUSY: u32 = 2;
    const FAILS: u32 = 4;

    fn ladder() -> Ladder {
        let config =
            LadderConfig { triggers: [SLOW, BUSY, FAILS, 0, 0], recover_after: Duration::from_secs(30) };
        Ladder::new(config, Time::ZERO)
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO.after(Duration::from_secs(seconds))
    }

    #[test]
    fn it_rises_at_once_and_takes_in_the_levels_below() {
        let mut ladder = ladder();
        assert_eq!(ladder.take(FAILS, at(1)), [Step::Enter(1), Step::Enter(2), Step::Enter(3)]);
        assert_eq!((ladder.level(), ladder.is_healthy()), (3, false));
    }

    #[test]
    fn it_comes_back_one_level_at_a_time() {
        let mut ladder = ladder();
        ladder.take(FAILS, at(0));
        assert_eq!(ladder.take(0, at(10)), []);
        assert_eq!(ladder.due(), Some(at(40)));
        assert_eq!(ladder.take(0, at(39)), []);
        assert_eq!(ladder.take(0, at(40)), [Step::Leave(3)]);
        assert_eq!(ladder.take(0, at(41)), []);
        assert_eq!(ladder.take(0, at(70)), [Step::Leave(2)]);
        assert_eq!(ladder.take(0, at(100)), [Step::Leave(1)]);
        assert_eq!((ladder.level(), ladder.due()), (0, None));
    }

    #[test]
    fn a_trigger_that_comes_back_begins_the_stay_anew() {
        let mut ladder = ladder();
        ladder.take(BUSY, at(0));
        ladder.take(0, at(5));
        ladder.take(BUSY, at(30));
        assert_eq!(ladder.take(0, at(40)), []);
        assert_eq!(ladder.take(0, at(69)), []);
        assert_eq!(ladder.take(0, at(70)), [Step::Leave(2)]);
    }

    #[test]
    fn a_trigger_of_a_lower_level_holds_that_level_alone() {
        let mut ladder = ladder();
        ladder.take(FAILS | SLOW, at(0));
        ladder.take(SLOW, at(1));
        assert_eq!(ladder.take(SLOW, at(31)), [Step::Leave(3)]);
        assert_eq!(ladder.take(SLOW, at(61)), [Step::Leave(2)]);
        assert_eq!(ladder.take(SLOW, at(1_000)), []);
        assert_eq!(ladder.level(), 1);
    }

    #[test]
    fn each_relapse_doubles_the_stay_up_to_five_minutes() {
        let mut ladder = ladder();
        let mut now = 0;
        let mut stays = Vec::new();
        for _ in 0..6 {
            ladder.take(SLOW, at(now));
            ladder.take(0, at(now + 1));
            let due = ladder.due().unwrap();
            stays.push(due.since(at(now + 1)).as_secs());
            assert_eq!(ladder.take(0, due), [Step::Leave(1)]);
            now = due.since(Time::ZERO).as_secs() + 5;
        }
        assert_eq!(stays, [30, 60, 120, 240, 300, 300]);
        now += 1_000;
        ladder.take(SLOW, at(now));
        ladder.take(0, at(now));
        assert_eq!(ladder.due(), Some(at(now + 30)));
    }

    #[test]
    fn levels_without_a_rule_are_no_steps() {
        let config = LadderConfig { triggers: [SLOW, 0, 0, FAILS, 0], recover_after: Duration::from_secs(1) };
        let mut ladder = Ladder::new(config, Time::ZERO);
        assert_eq!(ladder.take(FAILS, at(0)).len(), 4);
        ladder.take(0, at(0));
        assert_eq!(ladder.take(0, at(1)), [Step::Leave(4), Step::Leave(3), Step::Leave(2)]);
        assert_eq!(ladder.level(), 1);
    }

    #[test]
    fn it_can_be_entered_and_reset_from_outside() {
        let mut ladder = ladder();
        assert_eq!(ladder.enter(2, at(0)), [Step::Enter(1), Step::Enter(2)]);
        assert_eq!(ladder.enter(1, at(0)), []);
        assert_eq!(ladder.reset(at(1)), [Step::Leave(2), Step::Leave(1)]);
        assert_eq!(ladder.level(), 0);
    }
}
