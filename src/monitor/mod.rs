//! How the calls of a page are doing: counts and times by priority level, in samples, and what is too high.
//!
//! A sample spans the time between two [`Monitor::close`], by whatever clock wakes the page: it says how long that was, and
//! what spans a sleep is left out by [`Monitor::skip`]. Five minutes of samples are kept as they are, and what is older in
//! minutes, up to [`MonitorConfig::retention`] and to [`MAX_BYTES`] in all.

mod alarm;
mod histogram;
mod trend;

pub use alarm::{Alarm, Change};
pub use histogram::Histogram;
pub use trend::{MINIMUM, Trend, trend};

use crate::option::{Number, Options};
use crate::priority::Level;
use crate::time::{Duration, Time};

/// For so long samples are kept as they are.
pub const RECENT: Duration = Duration::from_secs(300);

/// What samples are merged to then.
pub const MINUTE: Duration = Duration::from_secs(60);

/// What all samples together may take. The oldest go where a page has calls so many and so unlike each other, or samples so
/// short, that its retention takes more.
pub const MAX_BYTES: usize = 256 * 1024;

/// What is watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// The time from sending to headers that 95 % do not exceed, in milliseconds.
    ResponseTime,
    /// The share of requests that failed.
    ErrorRate,
    /// Calls that wait.
    Queued,
    /// The share of time in which the main thread was in long tasks.
    MainThread,
    /// The used share of the heap.
    Memory,
    /// The browser's word for the processor's load: 0 nominal, 1 fair, 2 serious, 3 critical.
    CpuPressure,
}

impl Trigger {
    /// All, in the order of [`MonitorConfig::thresholds`].
    pub const ALL: [Self; 6] = [
        Self::ResponseTime,
        Self::ErrorRate,
        Self::Queued,
        Self::MainThread,
        Self::Memory,
        Self::CpuPressure,
    ];
}

/// What a monitor is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonitorConfig {
    /// How long a sample is to be.
    pub interval: Duration,
    /// How far back it looks.
    pub retention: Duration,
    /// By [`Trigger::ALL`]: an alert each time that a value is above.
    pub thresholds: [f64; Trigger::ALL.len()],
    /// For so long it must be above, or below, in all.
    pub pending: Duration,
    /// The share of a threshold below which it is right again.
    pub clear: f64,
    /// Fewer requests than this in a sample say nothing.
    pub minimum: u64,
}

impl MonitorConfig {
    /// What was said of it.
    pub fn of(options: &Options) -> Self {
        let thresholds = [
            Number::ResponseTime,
            Number::ErrorRate,
            Number::QueueLength,
            Number::MainThread,
            Number::Memory,
            Number::CpuPressure,
        ];
        Self {
            interval: options.span(Number::Interval),
            retention: options.span(Number::Retention),
            thresholds: thresholds.map(|threshold| options.get(threshold)),
            pending: options.span(Number::Pending),
            clear: options.get(Number::Clear),
            minimum: options.bound(Number::FewestRequests).into(),
        }
    }
}

impl Default for MonitorConfig {
    fn default() -> Self {
        Self::of(&Options::default())
    }
}

/// One call that is over.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// How urgent it was.
    pub level: Level,
    /// From the call to sending. `None`: it had been sent before.
    pub queued: Option<Duration>,
    /// From sending to headers. `None`: there were none.
    pub response: Option<Duration>,
    /// Whether it succeeded. What was turned away here is no failure, and is not to be recorded.
    pub ok: bool,
    /// Of its body, on the wire.
    pub bytes: u64,
}

/// What is read at the end of a sample. NaN where the browser does not tell.
#[derive(Clone, Copy, Debug)]
pub struct Gauges {
    /// Calls that wait.
    pub queued: u32,
    /// Calls that hold a slot.
    pub running: u32,
    /// As [`Trigger::MainThread`].
    pub main_thread: f64,
    /// As [`Trigger::Memory`].
    pub memory: f64,
    /// As [`Trigger::CpuPressure`].
    pub cpu_pressure: f64,
}

impl Gauges {
    /// Of a page of which the browser tells nothing.
    pub const NONE: Self =
        Self { queued: 0, running: 0, main_thread: f64::NAN, memory: f64::NAN, cpu_pressure: f64::NAN };
}

/// The times of one priority level.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Requests.
    pub requests: u64,
    /// From the call to sending.
    pub queued: Histogram,
    /// From sending to headers.
    pub response: Histogram,
}

impl Times {
    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.queued.merge(&other.queued);
        self.response.merge(&other.response);
    }
}

/// What happened in some time.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it ended.
    pub at: Time,
    /// How long it was, without what was left out.
    pub span: Duration,
    /// By [`Level::ALL`].
    pub levels: Vec<Times>,
    /// Requests that failed.
    pub failed: u64,
    /// Of bodies, on the wire.
    pub bytes: u64,
    /// Calls that the cache answered, and calls that it might have.
    pub hits: u64,
    /// See `hits`.
    pub lookups: u64,
    /// As they were at its end; of several samples the mean, and the most of those that wait and run.
    pub gauges: Gauges,
}

impl Sample {
    /// One in which nothing happened.
    pub fn new(at: Time) -> Self {
        Self {
            at,
            span: Duration::ZERO,
            levels: vec![Times::default(); Level::ALL.len()],
            failed: 0,
            bytes: 0,
            hits: 0,
            lookups: 0,
            gauges: Gauges::NONE,
        }
    }

    /// Requests of all levels.
    pub fn requests(&self) -> u64 {
        self.levels.iter().map(|times| times.requests).sum()
    }

    /// The times of all levels together.
    pub fn all(&self) -> Times {
        let mut all = Times::default();
        for times in &self.levels {
            all.merge(times);
        }
        all
    }

    /// The share of requests that failed. `None` without any.
    #[expect(clippy::cast_precision_loss, reason = "counts")]
    pub fn error_rate(&self) -> Option<f64> {
        let requests = self.requests();
        (requests > 0).then(|| self.failed as f64 / requests as f64)
    }

    /// Adds a later one.
    pub fn merge(&mut self, later: &Self) {
        let (before, after) = (self.span, later.span);
        self.at = later.at;
        self.span = before + after;
        for (own, other) in self.levels.iter_mut().zip(&later.levels) {
            own.merge(other);
        }
        self.failed += later.failed;
        self.bytes += later.bytes;
        self.hits += later.hits;
        self.lookups += later.lookups;
        let (own, other) = (self.gauges, later.gauges);
        let mean = |a: f64, b: f64| weighted(a, before, b, after);
        self.gauges = Gauges {
            queued: own.queued.max(other.queued),
            running: own.running.max(other.running),
            main_thread: mean(own.main_thread, other.main_thread),
            memory: mean(own.memory, other.memory),
            cpu_pressure: own.cpu_pressure.max(other.cpu_pressure),
        };
    }

    fn value(&self, trigger: Trigger, minimum: u64) -> Option<f64> {
        let has_enough = self.requests() >= minimum.max(1);
        let known = |value: f64| (!value.is_nan()).then_some(value);
        match trigger {
            Trigger::ResponseTime => has_enough.then(|| self.all().response.quantile(0.95)).flatten(),
            Trigger::ErrorRate => has_enough.then(|| self.error_rate()).flatten(),
            Trigger::Queued => Some(f64::from(self.gauges.queued)),
            Trigger::MainThread => known(self.gauges.main_thread),
            Trigger::Memory => known(self.gauges.memory),
            Trigger::CpuPressure => known(self.gauges.cpu_pressure),
        }
    }

    fn bins(&self) -> usize {
        self.levels.iter().map(|times| times.queued.size() + times.response.size()).sum()
    }
}

/// The mean of two values over two lengths of time; of one where the other is not known.
fn weighted(a: f64, before: Duration, b: f64, after: Duration) -> f64 {
    let (before, after) = (before.as_millis_f64(), after.as_millis_f64());
    if a.is_nan() || before + after == 0.0 {
        b
    } else if b.is_nan() {
        a
    } else {
        (a * before + b * after) / (before + after)
    }
}

/// A value that was too high for long enough, or is right again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alert {
    /// Which one.
    pub trigger: Trigger,
    /// What it is.
    pub value: f64,
    /// What it is not to be above.
    pub threshold: f64,
    /// Which way it has changed.
    pub change: Change,
}

/// Takes samples. See the [module's page](self).
#[derive(Clone, Debug)]
pub struct Monitor {
    config: MonitorConfig,
    current: Sample,
    begun: Time,
    /// When [`skip`](Self::skip) was last called.
    woke: Time,
    /// Minutes, then samples as they are; the oldest first.
    samples: Vec<Sample>,
    bins: usize,
    alarms: [Alarm; Trigger::ALL.len()],
}

impl Monitor {
    /// One whose first sample begins now.
    pub fn new(config: MonitorConfig, now: Time) -> Self {
        Self {
            config,
            current: Sample::new(now),
            begun: now,
            woke: now,
            samples: Vec::new(),
            bins: 0,
            alarms: Default::default(),
        }
    }

    /// Counts a call that is over.
    pub fn record(&mut self, call: &Record) {
        let times = &mut self.current.levels[call.level as usize];
        times.requests += 1;
        if let Some(queued) = call.queued {
            times.queued.record(queued.as_millis_f64());
        }
        if let Some(response) = call.response {
            times.response.record(response.as_millis_f64());
        }
        self.current.failed += u64::from(!call.ok);
        self.current.bytes += call.bytes;
    }

    /// Counts bytes of bodies.
    pub const fn received(&mut self, bytes: u64) {
        self.current.bytes += bytes;
    }

    /// Counts calls that the cache might have answered, and those that it did.
    pub const fn looked_up(&mut self, lookups: u64, hits: u64) {
        self.current.lookups += lookups;
        self.current.hits += hits;
    }

    /// When something was last left out: what began before says nothing.
    pub const fn woke(&self) -> Time {
        self.woke
    }

    /// Whether nothing has been counted since.
    pub fn is_idle(&self) -> bool {
        self.current.requests() == 0 && self.current.lookups == 0
    }

    /// Ends a sample, and begins the next. Returns what has become too high, or right again.
    pub fn close(&mut self, gauges: Gauges, now: Time) -> Vec<Alert> {
        let mut sample = std::mem::replace(&mut self.current, Sample::new(now));
        (sample.at, sample.span, sample.gauges) = (now, now.since(self.begun), gauges);
        self.begun = now;
        let MonitorConfig { thresholds, pending, clear, minimum, .. } = self.config;
        let mut alerts = Vec::new();
        for ((trigger, alarm), threshold) in Trigger::ALL.into_iter().zip(&mut self.alarms).zip(thresholds) {
            let value = sample.value(trigger, minimum);
            if let Some(change) = alarm.take(value, sample.span, threshold, clear, pending) {
                alerts.push(Alert { trigger, value: value.unwrap_or_default(), threshold, change });
            }
        }
        self.bins += sample.bins();
        self.samples.push(sample);
        self.age(now);
        alerts
    }

    /// Leaves out the time since the last sample, in which nothing happened and nobody looked.
    pub fn begin(&mut self, now: Time) {
        self.current = Sample::new(now);
        self.begun = now;
    }

    /// Leaves out what the sample has so far: the machine slept, and nothing in it says anything.
    pub fn skip(&mut self, now: Time) {
        self.begin(now);
        self.woke = now;
    }

    /// Whether an alert for this is on.
    pub fn is_raised(&self, trigger: Trigger) -> bool {
        self.alarms[trigger as usize].is_raised()
    }

    /// Whether the last value that is known of this, and is younger than `most`, was above that share of its threshold.
    pub fn is_above(&self, trigger: Trigger, share: f64, most: Duration, now: Time) -> bool {
        for sample in self.samples(most, now).iter().rev() {
            if let Some(value) = sample.value(trigger, self.config.minimum) {
                return value > self.config.thresholds[trigger as usize] * share;
            }
        }
        false
    }

    /// Which triggers are on, as bits, where those of `on` were before: a trigger is on from its alert until its value is below
    /// that share of its threshold. Where nothing was heard for longer than `most`, none is: what is given up may be why.
    pub fn triggers(&self, on: u32, share: f64, most: Duration, now: Time) -> u32 {
        let mut bits = 0;
        for trigger in Trigger::ALL {
            let bit = 1 << trigger as u32;
            let held = self.is_raised(trigger) || on & bit != 0;
            if held && self.is_above(trigger, share, most, now) {
                bits |= bit;
            }
        }
        bits
    }

    /// Bytes that its samples take.
    pub fn bytes(&self) -> usize {
        let sample = size_of::<Sample>() + Level::ALL.len() * size_of::<Times>();
        self.bins * 4 + self.samples.len() * sample
    }

    /// What it was told to do.
    pub const fn config(&self) -> &MonitorConfig {
        &self.config
    }

    /// The samples that ended within so much time, the oldest first.
    pub fn samples(&self, range: Duration, now: Time) -> &[Sample] {
        &self.samples[self.first_within(range, now)..]
    }

    fn first_within(&self, range: Duration, now: Time) -> usize {
        self.samples.partition_point(|sample| now.since(sample.at) > range)
    }

    /// Merges what is no longer recent, and forgets what is too old or too much.
    fn age(&mut self, now: Time) {
        let mut recent = self.first_within(RECENT, now);
        // The last minute takes in what follows it until it is full. Spans are added up: a sample that is longer stays one.
        while let Some(at) =
            (1..recent).find(|&at| self.samples[at - 1].span + self.samples[at].span <= MINUTE)
        {
            let later = self.samples.remove(at);
            self.change(at - 1, |sample| sample.merge(&later), later.bins());
            recent -= 1;
        }
        while let Some(oldest) = self.samples.first() {
            if now.since(oldest.at) <= self.config.retention && self.bytes() <= MAX_BYTES {
                break;
            }
            self.bins -= oldest.bins();
            self.samples.remove(0);
        }
    }

    /// Changes a sample, and counts its bins anew, with `others` that are gone.
    fn change(&mut self, at: usize, change: impl FnOnce(&mut Sample), others: usize) {
        let sample = &mut self.samples[at];
        let before = sample.bins() + others;
        change(sample);
        self.bins = self.bins + sample.bins() - before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: u64 = 5;

    fn at(seconds: u64) -> Time {
        Time::ZERO.after(Duration::from_secs(seconds))
    }

    fn call(response: u64, ok: bool) -> Record {
        Record {
            level: Level::Normal,
            queued: Some(Duration::from_millis(3)),
            response: Some(Duration::from_millis(response)),
            ok,
            bytes: 100,
        }
    }

    /// So many samples of so many calls each.
    fn filled(samples: u64, calls: u64) -> Monitor {
        let mut monitor = Monitor::new(MonitorConfig::default(), Time::ZERO);
        for sample in 1..=samples {
            for k in 0..calls {
                monitor.record(&call(20 + k, true));
            }
            monitor.close(Gauges::NONE, at(sample * SAMPLE));
        }
        monitor
    }

    #[test]
    fn five_minutes_are_kept_as_samples_and_an_hour_as_minutes() {
        let monitor = filled(2_000, 12);
        let kept = monitor.samples(Duration::MAX, at(10_000));
        let recent = kept.iter().filter(|sample| sample.span == Duration::from_secs(SAMPLE)).count();
        let minutes = kept.iter().filter(|sample| sample.span == MINUTE).count();
        assert!((60..=72).contains(&recent), "{recent}");
        assert!((54..=56).contains(&minutes), "{minutes}");
        assert!(kept.iter().all(|sample| sample.requests() == sample.span.as_secs() / SAMPLE * 12));
    }

    #[test]
    fn what_is_merged_has_the_same_quantiles_as_if_it_had_been_one() {
        let monitor = filled(1_000, 50);
        let oldest = monitor.samples(Duration::MAX, at(5_000)).first().unwrap();
        let p50 = oldest.all().response.quantile(0.5).unwrap();
        assert!((p50 / 44.0 - 1.0).abs() < 0.01, "{p50}");
        assert_eq!(oldest.bytes, oldest.requests() * 100);
    }

    #[test]
    fn all_of_it_is_bounded_whatever_calls_there_are() {
        let mut monitor = Monitor::new(MonitorConfig::default(), Time::ZERO);
        let mut millis = 1.0;
        for sample in 1..=1_000 {
            for k in 0..2_000_u32 {
                millis = millis * 1.013 % 60_000.0 + 0.01;
                let response = Duration::from_millis_f64(millis);
                let level = Level::ALL[k as usize % 5];
                monitor.record(&Record { level, queued: Some(Duration::ZERO), response, ok: true, bytes: 0 });
            }
            monitor.close(Gauges::NONE, at(sample * SAMPLE));
        }
        let counted: usize = monitor.samples.iter().map(Sample::bins).sum();
        assert_eq!(counted, monitor.bins);
        assert!(monitor.bytes() <= MAX_BYTES, "{}", monitor.bytes());
    }

    #[test]
    fn few_requests_raise_nothing_and_resolve_nothing() {
        let mut monitor = Monitor::new(MonitorConfig::default(), Time::ZERO);
        let mut seconds = 0;
        let mut sample = |count: u64, response| {
            for _ in 0..count {
                monitor.record(&call(response, true));
            }
            seconds += SAMPLE;
            monitor.close(Gauges::NONE, at(seconds))
        };
        assert_eq!([sample(9, 5_000), sample(9, 5_000), sample(9, 5_000)], [vec![], vec![], vec![]]);
        assert_eq!(sample(10, 5_000), []);
        let raised = sample(10, 5_000);
        assert!(matches!(raised[..], [Alert { trigger: Trigger::ResponseTime, change: Change::Raised, .. }]));
        assert_eq!([sample(0, 0), sample(9, 20), sample(10, 20)], [vec![], vec![], vec![]]);
        assert!(matches!(sample(10, 20)[..], [Alert { change: Change::Resolved, .. }]));
    }

    #[test]
    fn what_the_browser_does_not_tell_is_never_too_high() {
        let mut monitor = Monitor::new(MonitorConfig::default(), Time::ZERO);
        let gauges = Gauges { main_thread: f64::NAN, memory: 0.95, cpu_pressure: 2.0, ..Gauges::NONE };
        assert_eq!(monitor.close(gauges, at(5)), []);
        let raised: Vec<_> = monitor.close(gauges, at(10)).into_iter().map(|alert| alert.trigger).collect();
        assert_eq!(raised, [Trigger::Memory, Trigger::CpuPressure]);
        assert!(!monitor.is_raised(Trigger::MainThread) && monitor.is_raised(Trigger::Memory));
    }

    #[test]
    fn what_spans_a_sleep_is_left_out() {
        let mut monitor = filled(1, 10);
        monitor.record(&call(60_000, false));
        monitor.skip(at(4_000));
        monitor.close(Gauges::NONE, at(4_005));
        let last = monitor.samples(Duration::from_secs(10), at(4_005)).last().unwrap();
        assert_eq!((last.span, last.requests()), (Duration::from_secs(5), 0));
    }
}
