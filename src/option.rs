//! The options that are numbers: what each may be, and what holds where nothing is said. Ranges and defaults stand here
//! and nowhere else.

use crate::codes::codes;
use crate::time::Duration;
use std::fmt;

/// What a number may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    least: f64,
    /// Whether it must be above [`least`](Self::least).
    above: bool,
    /// Infinity where that is a value; else at most the largest number there is.
    most: f64,
    whole: bool,
    /// The same in words, with the unit.
    pub text: &'static str,
}

impl Range {
    const fn from(least: f64, most: f64, text: &'static str) -> Self {
        Self { least, above: false, most, whole: false, text }
    }

    const fn above(least: f64, most: f64, text: &'static str) -> Self {
        Self { above: true, ..Self::from(least, most, text) }
    }

    const fn whole(least: f64, most: f64, text: &'static str) -> Self {
        Self { whole: true, ..Self::from(least, most, text) }
    }

    /// Whether the number lies in it. NaN lies in none.
    pub fn admits(&self, value: f64) -> bool {
        let low = if self.above { value > self.least } else { value >= self.least };
        low && value <= self.most && (!self.whole || value.is_infinite() || value.fract() == 0.0)
    }
}

const END: f64 = f64::MAX;
const NEVER: f64 = f64::INFINITY;
/// No default: what is not said is not there.
const NONE: f64 = f64::NAN;

const COUNT: Range = Range::whole(1.0, NEVER, "a whole number from 1 up, or Infinity");
const COUNT_OR_0: Range = Range::whole(0.0, NEVER, "a whole number from 0 up, or Infinity");
const BYTES: Range = Range::whole(1.0, NEVER, "a whole number of bytes from 1 up, or Infinity");
const WEIGHT: Range = Range::whole(1.0, 4_294_967_294.0, "a whole number from 1 up");
const LANE: Range = Range::whole(1.0, 1000.0, "\"auto\" or a whole number from 1 to 1000");
const STATUS: Range = Range::whole(100.0, 599.0, "a whole number from 100 to 599");
const SHARE: Range = Range::from(0.0, 1.0, "a number from 0 to 1");
const RATE: Range = Range::above(0.0, 1.0, "a number above 0, at most 1");
const FACTOR: Range = Range::from(1.0, END, "a finite number from 1 up");
const AMOUNT: Range = Range::from(0.0, END, "a finite number from 0 up");
const SPAN: Range = Range::above(0.0, END, "a number of milliseconds above 0");
const LIMIT: Range = Range::above(0.0, NEVER, "a number of milliseconds above 0, or Infinity");
const DELAY: Range = Range::from(0.0, END, "a finite number of milliseconds from 0 up");
const AGE: Range = Range::from(0.0, NEVER, "a number of milliseconds from 0 up, or Infinity");
const LEVEL: Range = Range::from(-END, END, "a finite number or a level's name");
const INTERVAL: Range = Range::from(100.0, END, "a finite number of milliseconds from 100 up");
const RUNG: Range = Range::whole(1.0, 5.0, "a whole number from 1 to 5");
const AMOUNT_OR_ALL: Range = Range::from(0.0, NEVER, "a number from 0 up, or Infinity");
const FLOW: Range = Range::above(0.0, END, "a number above 0 that gives a token at most every nanosecond");
/// What JavaScript has read from a name or a flag, or what any number will do for.
const ANY: Range = Range::from(-NEVER, NEVER, "a number");

macro_rules! numbers {
    ($($(#[$doc:meta])* $variant:ident $name:literal $range:ident $default:expr;)*) => {
        codes! {
            /// An option that is a number, or is read as one.
            pub enum Number { $($(#[$doc])* $variant),* }
        }

        /// By the number of the option. Names are for errors in Rust: a table of their own is left out where nobody reads it.
        const NAMES: &[&str] = &[$($name),*];
        const TABLE: &[(Range, f64)] = &[$(($range, $default)),*];
    };
}

numbers! {
    /// Requests under way to one origin; not said: 6, and what is measured on a connection that many share.
    PerOrigin "perOrigin" LANE NONE;
    /// Tasks under way of one key.
    PerKey "perKey" COUNT NEVER;
    /// Calls under way in all.
    Concurrency "concurrency" COUNT 64.0;
    /// Waiting calls above which `strategy` applies.
    HighWater "highWater" COUNT_OR_0 NEVER;
    /// 0 turns the newcomer away, 1 the least urgent that waits.
    Strategy "strategy" ANY 0.0;
    /// Milliseconds after which a waiting call falls to low.
    DemoteAfter "aging.demoteAfter" AGE 5000.0;
    /// One start in this many goes to the call that has waited longest.
    OldestEvery "aging.oldestEvery" COUNT 8.0;
    /// What random numbers grow from.
    Seed "seed" ANY 0.0;
    /// How urgent a call is.
    Priority "priority" LEVEL 60.0;
    /// 1: above all priorities.
    Emergency "emergency" ANY 0.0;
    /// Milliseconds for a call in all.
    Total "total" LIMIT NEVER;
    /// Milliseconds for one attempt.
    Attempt "attempt" LIMIT NEVER;
    /// Milliseconds after which no attempt of a call begins.
    Wait "wait" LIMIT NEVER;
    /// What a call is for, as a hash from 0 up and below 1.
    Route "route" ANY NONE;
    /// When a call was sent that comes late, in milliseconds.
    Begun "begun" ANY NONE;
    /// 1: a slot is free when the headers are there.
    Slot "slot" ANY 0.0;
    /// Attempts after the first.
    Limit "limit" COUNT_OR_0 3.0;
    /// Milliseconds before the first retry.
    BaseDelay "baseDelay" DELAY 300.0;
    /// Milliseconds that no delay exceeds.
    MaxDelay "maxDelay" DELAY 10_000.0;
    /// How many times longer each delay is than the one before.
    Factor "factor" FACTOR 2.0;
    /// Milliseconds of a pause asked for by a server that are waited for at most.
    MaxRetryAfter "maxRetryAfter" AGE 60_000.0;
    /// Jitter as a share of the delay.
    Jitter "jitter" SHARE NONE;
    /// Where no share is said: 0 full, 1 equal, 2 decorrelated.
    Spread "jitter" ANY 0.0;
    /// Which failures without a response count: 0 those of the page's own origin, 1 all, 2 none.
    Network "network" ANY 0.0;
    /// 1: there is no budget.
    NoBudget "budget" ANY 0.0;
    /// Retries for each request.
    BudgetShare "share" SHARE 0.2;
    /// Retries in a second whatever the number of requests.
    BudgetFloor "minPerSecond" AMOUNT 10.0;
    /// A status that is retried. A list of them follows the other numbers.
    StatusCode "statusCodes" STATUS NONE;
    /// Statuses that are listed.
    StatusCodes "statusCodes" ANY NONE;
    /// Methods that are listed.
    Methods "methods" ANY NONE;
    /// 1: there is a circuit breaker.
    Breaker "breaker" ANY 0.0;
    /// The share of failures that opens it.
    FailureRate "failureRate" RATE 0.5;
    /// Milliseconds for which a call counts.
    Window "window" SPAN 10_000.0;
    /// Calls below which no share is looked at.
    Minimum "minimum" COUNT 10.0;
    /// Failures in a row that open it.
    Consecutive "consecutive" COUNT 5.0;
    /// Milliseconds before the first probe.
    OpenFor "openFor" SPAN 10_000.0;
    /// Milliseconds before a later one, at most.
    MaxOpenFor "maxOpenFor" SPAN 60_000.0;
    /// Probes under way at once.
    Probes "probes" COUNT 1.0;
    /// Probes in a row that close it.
    Successes "successes" COUNT 3.0;
    /// 0 a token bucket, 1 a sliding window. Not said: no limit.
    Algorithm "algorithm" ANY NONE;
    /// What a bucket holds.
    Capacity "capacity" COUNT 100.0;
    /// What flows in
    RefillRate "refillRate" FLOW 10.0;
    /// in so many milliseconds.
    RefillInterval "refillInterval" SPAN 1000.0;
    /// Calls in a sliding window
    WindowLimit "limit" COUNT NONE;
    /// of so many milliseconds.
    WindowSpan "window" SPAN NONE;
    /// What a call takes of a rate limit.
    Weight "weight" WEIGHT 1.0;
    /// Where a cache keeps things: the sum of 1 for memory, 2 for localStorage, 4 for `IndexedDB`.
    Tiers "tiers" ANY 1.0;
    /// Bytes in memory.
    MemoryBytes "maxBytes" BYTES 52_428_800.0;
    /// Bytes in localStorage.
    LocalBytes "maxBytes" BYTES 1_048_576.0;
    /// Bytes of one entry there: it is read at once, while the page waits.
    LocalEntryBytes "maxEntryBytes" BYTES 16_384.0;
    /// Bytes in `IndexedDB`.
    IndexedDbBytes "maxBytes" BYTES 268_435_456.0;
    /// 1: what carries credentials may be kept beyond memory.
    PersistPrivate "persistPrivate" ANY 0.0;
    /// Milliseconds for which an entry is fresh.
    Ttl "ttl" AGE NONE;
    /// Milliseconds for which it is given after that while it is asked for again,
    StaleWhileRevalidate "staleWhileRevalidate" AGE NONE;
    /// and when that fails.
    StaleIfError "staleIfError" AGE NONE;
    /// Keys of one batch.
    MaxSize "maxSize" COUNT 50.0;
    /// Milliseconds for which the first key waits for others. Not said: 10 for requests, 0 for a batcher by itself.
    MaxWait "maxWait" DELAY NONE;
    /// Bytes of one batch. Not said: 65,536 for requests, no bound for a batcher by itself.
    MaxBytes "maxBytes" COUNT NONE;
    /// 1: calls are watched.
    Monitor "monitor" ANY 1.0;
    /// Milliseconds of a sample.
    Interval "interval" INTERVAL 5000.0;
    /// Milliseconds for which samples are kept.
    Retention "retention" SPAN 3_600_000.0;
    /// Alerts above: milliseconds from sending to headers that 95 % do not exceed,
    ResponseTime "responseTime" LIMIT 1000.0;
    /// the share of requests that failed,
    ErrorRate "errorRate" SHARE 0.05;
    /// calls that wait,
    QueueLength "queued" AMOUNT_OR_ALL 500.0;
    /// the share of time in long tasks,
    MainThread "mainThread" SHARE 0.8;
    /// the used share of the heap,
    Memory "memory" SHARE 0.8;
    /// the word for the processor's load as its number, less a half: a word is above what lies before it.
    CpuPressure "cpuPressure" ANY 1.5;
    /// Milliseconds for which a value must be above, or below.
    Pending "pending" DELAY 10_000.0;
    /// The share of a threshold below which a value is right again.
    Clear "clear" SHARE 0.8;
    /// Requests in a sample below which it says nothing.
    FewestRequests "minimum" COUNT 10.0;
    /// 1: there is degradation.
    Degradation "degradation" ANY 0.0;
    /// Milliseconds without trouble before a level is left.
    RecoverAfter "recoverAfter" SPAN 30_000.0;
    /// 1: no share of calls is shed.
    NoShare "share" ANY 0.0;
    /// Calls that may be made for each that an origin accepts.
    ShareK "k" FACTOR 2.0;
    /// Milliseconds for which they count.
    ShareWindow "window" SPAN 30_000.0;
    /// Calls below which none is shed.
    ShareMinimum "minimum" COUNT 10.0;
    /// The largest share.
    ShareMost "most" SHARE 0.9;
    /// Numbers of rules, which follow all others.
    Rules "rules" ANY NONE;
    /// Of a rule: its level,
    RuleLevel "level" RUNG NONE;
    /// the share of slots that is used,
    To "to" RATE NONE;
    /// how many times longer or larger something is,
    Times "factor" FACTOR NONE;
    /// and milliseconds for which stale answers are given.
    StaleFor "for" AGE NONE;
}

impl Number {
    /// As callers write it.
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// What it may be.
    pub fn range(self) -> &'static Range {
        &TABLE[self as usize].0
    }

    /// What holds where nothing is said; NaN where that depends on more.
    pub fn default(self) -> f64 {
        TABLE[self as usize].1
    }
}

/// An option that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigError {
    /// Which.
    pub option: Number,
    /// What it was.
    pub value: f64,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must be {}, got {}", self.option.name(), self.option.range().text, self.value)
    }
}

impl std::error::Error for ConfigError {}

/// Options as they were set, each in its range.
#[derive(Clone, Copy, Debug)]
pub struct Options([f64; Number::ALL.len()]);

impl Default for Options {
    fn default() -> Self {
        Self([f64::NAN; Number::ALL.len()])
    }
}

impl Options {
    /// Of numbers in the order of [`Number`], NaN where nothing is said.
    ///
    /// # Errors
    /// Refused at the first that is out of its range.
    pub fn of(words: &[f64]) -> Result<Self, ConfigError> {
        let mut options = Self::default();
        for (&option, &value) in Number::ALL.iter().zip(words) {
            if !value.is_nan() {
                options.set(option, value)?;
            }
        }
        Ok(options)
    }

    /// Says one of them.
    ///
    /// # Errors
    /// Refused when it is out of its range.
    pub fn set(&mut self, option: Number, value: f64) -> Result<(), ConfigError> {
        if !option.range().admits(value) {
            return Err(ConfigError { option, value });
        }
        self.0[option as usize] = value;
        Ok(())
    }

    /// What was said.
    pub fn said(&self, option: Number) -> Option<f64> {
        Some(self.0[option as usize]).filter(|value| !value.is_nan())
    }

    /// What holds; NaN where that depends on more.
    pub fn get(&self, option: Number) -> f64 {
        self.said(option).unwrap_or_else(|| option.default())
    }

    /// Whether a flag is set.
    pub fn flag(&self, option: Number) -> bool {
        self.choice(option) == 1
    }

    /// Which of a few words was said.
    #[expect(clippy::cast_sign_loss, reason = "a float cast saturates, and no choice is negative")]
    pub fn choice(&self, option: Number) -> u32 {
        self.get(option) as u32
    }

    /// A whole number that holds; `None` for infinity, for what is too large to be reached, and for nothing.
    #[expect(clippy::cast_sign_loss, reason = "no range with whole numbers has negative ones")]
    pub fn count(&self, option: Number) -> Option<u32> {
        Some(self.get(option)).filter(|&value| value < f64::from(u32::MAX)).map(|value| value as u32)
    }

    /// The same, with the largest number for infinity.
    pub fn bound(&self, option: Number) -> u32 {
        self.count(option).unwrap_or(u32::MAX)
    }

    /// A number of bytes that holds, with the largest number for infinity.
    #[expect(clippy::cast_sign_loss, reason = "no range with whole numbers has negative ones")]
    pub fn bytes(&self, option: Number) -> u64 {
        self.get(option) as u64
    }

    /// A time that holds; `None` for infinity and for nothing.
    pub fn time(&self, option: Number) -> Option<Duration> {
        Some(self.get(option)).filter(|value| value.is_finite()).map(span)
    }

    /// The same, with the longest time for infinity.
    pub fn span(&self, option: Number) -> Duration {
        span(self.get(option))
    }
}

/// Milliseconds as callers write them: none for what is no number or below 0, and the longest time there is for what is
/// too long.
pub fn span(millis: f64) -> Duration {
    Duration::from_millis_f64(millis.max(0.0)).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_message_names_option_range_and_value() {
        let error = Options::default().set(Number::Concurrency, 0.5).unwrap_err();
        assert_eq!(error.to_string(), "`concurrency` must be a whole number from 1 up, or Infinity, got 0.5");
    }

    #[test]
    fn every_default_is_in_its_range() {
        for option in Number::ALL {
            let default = option.default();
            assert!(default.is_nan() || option.range().admits(default), "{}", option.name());
        }
    }

    #[test]
    fn ends_belong_to_a_range_or_do_not() {
        let cases: [(Range, &[f64], &[f64]); 6] = [
            (COUNT, &[1.0, 2e9, NEVER], &[0.0, 0.5, 1.5, -1.0, -NEVER]),
            (LANE, &[1.0, 1000.0], &[0.0, 1001.0, 2.5, NEVER]),
            (SHARE, &[0.0, -0.0, 1.0], &[-0.1, 1.1]),
            (RATE, &[1e-300, 1.0], &[0.0, 1.1]),
            (SPAN, &[0.1, END], &[0.0, -1.0, NEVER]),
            (AGE, &[0.0, NEVER], &[-0.1]),
        ];
        for (range, inside, outside) in cases {
            for &value in inside {
                assert!(range.admits(value), "{} of {}", value, range.text);
            }
            for &value in outside.iter().chain(&[f64::NAN]) {
                assert!(!range.admits(value), "{} of {}", value, range.text);
            }
        }
    }

    #[test]
    fn infinity_lifts_a_limit() {
        let mut options = Options::default();
        options.set(Number::Concurrency, NEVER).unwrap();
        options.set(Number::DemoteAfter, NEVER).unwrap();
        options.set(Number::MemoryBytes, NEVER).unwrap();
        assert_eq!((options.count(Number::Concurrency), options.time(Number::DemoteAfter)), (None, None));
        assert_eq!(
            (options.bound(Number::Concurrency), options.bytes(Number::MemoryBytes)),
            (u32::MAX, u64::MAX)
        );
    }

    proptest! {
        #[test]
        fn no_number_panics_or_slips_through(values in proptest::collection::vec(any::<f64>(), Number::ALL.len())) {
            let fits = |(option, value): (&Number, &f64)| value.is_nan() || option.range().admits(*value);
            let all = Number::ALL.iter().zip(&values).all(fits);
            let options = Options::of(&values);
            prop_assert_eq!(options.is_ok(), all);
            for option in Number::ALL {
                let mut options = Options::default();
                for &value in &values {
                    let _ = options.set(*option, value);
                }
                let _ = (options.count(*option), options.bytes(*option), options.time(*option));
            }
        }
    }
}
