//! Levels that say what a page does without while it is in trouble.
//!
//! The level rises at once to the highest whose triggers are on, and comes back one step at a time: each step only when its
//! triggers were off for a stay. A level that is entered again soon after it was left is left later the next time.

use crate::time::{Duration, Time};

/// Above 0, which is normal.
pub const MAX_LEVEL: u8 = 5;

/// A trigger is off again below this share of the threshold above which it is on.
pub const LEAVE: f64 = 0.7;

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

impl LadderConfig {
    /// The level that somebody means who says that a trigger, by its number, is on: the one that is said, or, for 0, the lowest
    /// that has this trigger.
    pub fn level_of(&self, trigger: u32, level: u8) -> u8 {
        let lowest =
            || self.triggers.iter().position(|&of| of & 1_u32.checked_shl(trigger).unwrap_or(0) != 0);
        if level > 0 { level } else { lowest().map_or(0, |index| index as u8 + 1) }
    }
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

    /// What holds at each level.
    pub const fn config(&self) -> &LadderConfig {
        &self.config
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

    /// Takes which triggers are on now, as bits. The level may be another one then: higher by as much as that takes, or lower
    /// by one step.
    pub fn take(&mut self, on: u32, now: Time) {
        let target = (1..=MAX_LEVEL).rev().find(|&level| self.triggers(level) & on != 0).unwrap_or(0);
        if target > self.level {
            self.rise(target, now);
        } else if target == self.level && target > 0 {
            self.healthy = None;
        } else {
            let healthy = *self.healthy.get_or_insert(now);
            // In what a late call brings, each level has had a stay of its own.
            if self.level > 0 && now.since(healthy) >= self.stays[self.index()] {
                self.fall(now);
            }
        }
    }

    /// When [`take`](Self::take) may bring something though nothing changes.
    pub fn due(&self) -> Option<Time> {
        self.healthy.filter(|_| self.level > 0).map(|healthy| healthy.after(self.stays[self.index()]))
    }

    /// Enters a level because somebody says so; it is left as any other.
    pub fn enter(&mut self, level: u8, now: Time) {
        let level = level.min(MAX_LEVEL);
        if level > self.level {
            self.rise(level, now);
        } else if level > 0 {
            // There is trouble still, so the stay begins anew.
            self.healthy = None;
        }
    }

    /// Back to level 0, as if nothing had been.
    pub const fn reset(&mut self, now: Time) {
        *self = Self::new(self.config, now);
    }

    const fn triggers(&self, level: u8) -> u32 {
        self.config.triggers[level as usize - 1]
    }

    const fn index(&self) -> usize {
        self.level as usize - 1
    }

    fn rise(&mut self, target: u8, now: Time) {
        (self.level, self.since, self.healthy) = (target, now, None);
        let index = self.index();
        // Soon is within the stay that was too short.
        let relapsed = self.left[index].is_some_and(|left| now.since(left) < self.stays[index]);
        self.stays[index] =
            if relapsed { (self.stays[index] * 2).min(MAX_STAY) } else { self.config.recover_after };
    }

    fn fall(&mut self, now: Time) {
        let left = self.level;
        self.left[self.index()] = Some(now);
        // Levels without a rule are no steps.
        let next = (1..left).rev().find(|&level| self.triggers(level) != 0).unwrap_or(0);
        (self.level, self.since, self.healthy) = (next, now, Some(now));
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

    /// What it takes at a time, and the level that it comes to.
    #[track_caller]
    fn check(ladder: &mut Ladder, steps: &[(u32, u64, u8)]) {
        for &(on, seconds, level) in steps {
            ladder.take(on, at(seconds));
            assert_eq!(ladder.level(), level, "after {seconds} s");
        }
    }

    #[test]
    fn it_rises_at_once_and_comes_back_one_level_at_a_time() {
        let mut ladder = ladder();
        check(&mut ladder, &[(FAILS, 0, 3)]);
        assert!(!ladder.is_healthy());
        check(&mut ladder, &[(0, 10, 3)]);
        assert_eq!(ladder.due(), Some(at(40)));
        check(&mut ladder, &[(0, 39, 3), (0, 40, 2), (0, 41, 2), (0, 70, 1), (0, 100, 0)]);
        assert_eq!(ladder.due(), None);
    }

    #[test]
    fn a_trigger_that_comes_back_begins_the_stay_anew() {
        check(&mut ladder(), &[(BUSY, 0, 2), (0, 5, 2), (BUSY, 30, 2), (0, 40, 2), (0, 69, 2), (0, 70, 1)]);
    }

    #[test]
    fn a_trigger_of_a_lower_level_holds_that_level_alone() {
        let steps = [(FAILS | SLOW, 0, 3), (SLOW, 1, 3), (SLOW, 31, 2), (SLOW, 61, 1), (SLOW, 1_000, 1)];
        check(&mut ladder(), &steps);
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
            ladder.take(0, due);
            assert_eq!(ladder.level(), 0);
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
        check(&mut ladder, &[(FAILS, 0, 4), (0, 0, 4), (0, 1, 1)]);
    }

    #[test]
    fn it_can_be_entered_and_reset_from_outside() {
        let mut ladder = ladder();
        ladder.enter(2, at(0));
        ladder.enter(1, at(0));
        assert_eq!(ladder.level(), 2);
        ladder.reset(at(1));
        assert_eq!(ladder.level(), 0);
    }

    #[test]
    fn who_says_again_that_there_is_trouble_keeps_the_level() {
        let mut ladder = ladder();
        ladder.enter(1, at(0));
        for seconds in 0..100 {
            ladder.enter(1, at(seconds));
            ladder.take(0, at(seconds));
            assert_eq!(ladder.level(), 1);
        }
        check(&mut ladder, &[(0, 128, 1), (0, 129, 0)]);
    }

    #[test]
    fn who_names_a_trigger_means_the_lowest_level_that_has_it() {
        let level = |trigger, level| ladder().config().level_of(trigger, level);
        assert_eq!([level(0, 0), level(1, 0), level(2, 0), level(6, 0), level(77, 0)], [1, 2, 3, 0, 0]);
        assert_eq!(level(0, 5), 5);
    }
}
