//! A virtual world around the scheduler: origins, callers and a clock, all drawn from one seed.
//!
//! The world keeps books of its own and holds the scheduler to them after every single step.

mod origin;

pub(crate) use origin::{Brought, Origin, Wish};

use fastrand::Rng;
use sixlane::breaker::{BreakerConfig, State};
use sixlane::cache::date::Wall;
use sixlane::config::Degradation;
use sixlane::degrade::{Relief, Rules, ShareConfig};
use sixlane::monitor::MonitorConfig;
use sixlane::queue::Count;
use sixlane::rate::RateConfig;
use sixlane::retry::{Cause, RetryConfig};
use sixlane::retry_after;
use sixlane::scheduler::{Measured, SMALL_BODY, STREAMS_PER_LANE, Totals, UNREAD_LIMIT};
use sixlane::time::Duration;
use sixlane::{
    Action, Aging, Answer, Body, CallFlags, CallId, Config, Event, LaneId, Level, Number, Options, Outcome,
    Priority, Refusal, Released, Scheduler, Strategy, Submission, Time,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::rc::Rc;

const MS: Duration = Duration::from_millis(1);

/// What happens in the world at some time, unless the call has gone on by then.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Submitted,
    /// What came of one attempt.
    Ended(usize, u32, Brought),
    /// What the caller says who was asked after one attempt.
    Permitted(usize, u32, bool),
    ReadingBegan(usize),
    BodyEnded(usize),
    CallerAborted(usize),
    CallerChangedPriority(usize, Priority),
    Paused,
    Resumed,
    Cleared,
    ConcurrencyChanged(Option<u32>),
    NetworkLost,
    NetworkBack,
    PageLeft,
    PageBack,
    /// Others outside hold so many of an origin's slots, of so many for all together.
    OthersHold(usize, u32, Option<u32>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Waiting,
    /// Its next attempt is not before this time; `None`: not before there is a network.
    Held(Option<Time>),
    Sent,
    /// Its caller is asked; the slot is held.
    Asking,
    /// The caller has the headers; the slot is held.
    Unread(Time),
    Reading,
    Streaming,
    /// It holds no slot: nothing the shell says of it may change anything.
    Over,
}

impl Stage {
    const fn waits(self) -> bool {
        matches!(self, Self::Waiting | Self::Held(_))
    }

    const fn runs(self) -> bool {
        matches!(self, Self::Sent | Self::Asking | Self::Unread(_) | Self::Reading | Self::Streaming)
    }
}

#[derive(Debug)]
struct Call {
    id: CallId,
    lane: LaneId,
    origin: usize,
    priority: Priority,
    arrived: Time,
    stage: Stage,
    attempt: u32,
    /// What the last attempt brought, until an action says what becomes of it.
    brought: Option<Brought>,
    /// There has been a network again since its caller was asked.
    online: bool,
    /// Retries that used up attempts.
    retries: u32,
    most_retries: u32,
    settled: u32,
    flags: CallFlags,
    keepalive: bool,
    total_until: Option<Time>,
    /// No attempt begins after this.
    wait_until: Option<Time>,
    attempt_limit: Option<Duration>,
    attempt_until: Option<Time>,
}

macro_rules! seen {
    ($($name:ident $what:literal,)*) => {
        /// How often the rarer things happened, so that a test can tell that they do happen.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub(crate) struct Seen { $(pub $name: u32),* }

        impl Seen {
            /// Each by name.
            pub(crate) fn all(&self) -> Vec<(&'static str, u32)> {
                vec![$(($what, self.$name)),*]
            }

            /// Adds what was seen elsewhere.
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

seen! {
    aborted_waiting "aborted while waiting",
    aborted_sent "aborted when sent",
    aborted_asking "aborted while somebody was asked",
    aborted_in_body "aborted in the body",
    preempted "pre-empted",
    preempted_asking "pre-empted while somebody was asked",
    lent_unread "lent, unread",
    lent_streams "lent, too many streams",
    timed_out_waiting "timed out while waiting",
    timed_out_sent "timed out when sent",
    timed_out_asking "timed out while somebody was asked",
    queue_full "turned away",
    cleared "cleared",
    forgotten_lanes "lane forgotten",
    late_events "late event",
    faded "faded",
    above_lowered_concurrency "ran above a lowered concurrency",
    immediate "immediate",
    kept_out_by_others "kept out by others outside",
    aborted_held "aborted while held",
    timed_out_held "timed out while held",
    retried "retried",
    retried_offline "retried for want of a network",
    online_while_asking "a network again while somebody was asked",
    asked "asked",
    forbidden "asked, and the answer was no",
    permitted_late "permitted, and too late",
    failures_delivered "a failure that was delivered",
    given_up "given up",
    paused_by_seconds "paused by a number of seconds",
    paused_by_date "paused by a date",
    paused_by_rate_limit "paused by a rate limit with nothing left",
    pause_unheeded "a pause that nobody makes",
    paused_lanes "lane paused",
    left "nothing tried again since the page is being left",
    circuit_open "turned away by a breaker",
    half_open "breaker half-open",
    closed_again "breaker closed again",
    rate_limited "kept by a rate limit",
    unsent "not sent after all",
    lost_its_moment "not sent in its time",
    shed "turned away under pressure",
    alerts "alert",
    climbed "level entered",
    descended "level left",
    fewer_slots "started while slots were given up",
    longer_limits "sent while time limits were longer",
}

/// What running counts were before a call was pre-empted: the start that follows may only swap.
#[derive(Clone, Copy, Debug)]
struct Swap {
    running: u32,
    lane: LaneId,
    in_lane: u32,
}

/// See the [module's page](self).
pub(crate) struct World {
    seed: u64,
    rng: Rng,
    now: Time,
    core: Scheduler,
    config: Config,
    offline: bool,
    leaving: bool,
    /// Starts that a rate limit counts, by lane.
    counted: BTreeMap<LaneId, Vec<Time>>,
    concurrency: Option<u32>,
    paused: bool,
    origins: Vec<Origin>,
    /// The shell's table: which lane an origin has, while it has one.
    lane_of: Vec<Option<LaneId>>,
    open_lanes: BTreeSet<LaneId>,
    /// Of open lanes that are shared: slots that others hold, of how many for all together.
    shared: BTreeMap<LaneId, (u32, u32)>,
    /// Ties break by sequence number.
    future: BTreeMap<(Time, u64), Happening>,
    sequence: u64,
    calls: Vec<Call>,
    by_id: BTreeMap<CallId, usize>,
    alive: BTreeSet<usize>,
    last_arrival: Time,
    totals: Totals,
    swap: Option<Swap>,
    /// Of the ladder.
    level: u8,
    log: Vec<(Time, Action)>,
    seen: Seen,
    habit: Habit,
}

/// What callers do that they do not always do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Habit {
    None,
    /// After each call there is another.
    Restless,
    /// They hold endless bodies for ever, and wait as long for others.
    Patient,
}

impl World {
    /// A world with everything drawn from `seed`: options, origins, load.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = any_config(&mut rng);
        // Now and then more origins than the scheduler remembers lanes.
        let many = if rng.u8(..10) == 0 { 90 } else { 5 };
        let origins = (0..rng.usize(1..=many)).map(|_| Origin::any(&mut rng)).collect();
        let mut world = Self::with(seed, rng, &config, origins);
        world.schedule_load();
        world.schedule_operator();
        world
    }

    /// One origin as told and as many calls at once: for tests about that origin.
    pub(crate) fn of_one_origin(seed: u64, config: &Config, origin: Origin, calls: u32) -> Self {
        let mut world = Self::with(seed, Rng::with_seed(seed), config, vec![origin]);
        for _ in 0..calls {
            world.later(Duration::ZERO, Happening::Submitted);
        }
        world
    }

    /// A world that never rests: after each call there is another.
    pub(crate) fn restless(seed: u64) -> Self {
        let mut world = Self::of_one_origin(seed, &Config::default(), Origin::healthy(), 1);
        world.habit = Habit::Restless;
        world
    }

    fn with(seed: u64, rng: Rng, config: &Config, origins: Vec<Origin>) -> Self {
        Self {
            seed,
            rng,
            now: Time::ZERO,
            core: Scheduler::new(config),
            config: *config,
            offline: false,
            leaving: false,
            counted: BTreeMap::new(),
            concurrency: config.concurrency,
            paused: false,
            lane_of: vec![None; origins.len()],
            origins,
            open_lanes: BTreeSet::new(),
            shared: BTreeMap::new(),
            future: BTreeMap::new(),
            sequence: 0,
            calls: Vec::new(),
            by_id: BTreeMap::new(),
            alive: BTreeSet::new(),
            last_arrival: Time::ZERO,
            totals: Totals::default(),
            swap: None,
            level: 0,
            log: Vec::new(),
            seen: Seen::default(),
            habit: Habit::None,
        }
    }

    /// One in which endless bodies are held for ever, by callers who never go.
    pub(crate) fn with_streams_held_for_ever(seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.habit = Habit::Patient;
        for origin in &mut world.origins {
            if world.rng.bool() {
                *origin = Origin::event_streams();
            }
        }
        world
    }

    /// Steps until nothing will happen any more. False when that takes more than `most` steps.
    pub(crate) fn comes_to_rest(&mut self, most: u32) -> bool {
        (0..most).any(|_| !self.step())
    }

    /// Checks what must be true when nothing will happen any more.
    pub(crate) fn check_rest(&self) {
        let streams = self.running(|call| self.habit == Habit::Patient && call.stage == Stage::Streaming);
        self.check(self.alive.len() == streams as usize, || format!("lost: {:?}", self.alive));
        let count = Count { queued: 0, running: streams };
        self.check(self.core.count() == count, || format!("{:?}", self.core.count()));
        self.check(self.core.poll_timeout().is_none(), || "a deadline is left".to_owned());
        for (number, call) in self.calls.iter().enumerate() {
            self.check(call.settled == 1, || format!("call {number} settled {} times", call.settled));
        }
    }

    /// Slots that endless bodies hold.
    pub(crate) fn held_for_ever(&self) -> u32 {
        self.running(|call| call.stage == Stage::Streaming)
    }

    /// Every action so far, with its time.
    pub(crate) fn log(&self) -> &[(Time, Action)] {
        &self.log
    }

    /// What happened so far.
    pub(crate) const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    #[track_caller]
    fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what());
        }
    }

    #[track_caller]
    fn fail(&self, what: impl Display) -> ! {
        let last: Vec<_> = self.log.iter().rev().take(60).rev().collect();
        panic!(
            "seed {}: {what}\nat {:?}, after call {}, paused: {}, under {:?}\nthe last actions: {last:?}",
            self.seed,
            self.now,
            self.calls.len(),
            self.paused,
            self.config
        );
    }

    // ── what will happen

    fn later(&mut self, wait: Duration, happening: Happening) {
        self.sequence += 1;
        self.future.insert((self.now.after(wait), self.sequence), happening);
    }

    fn millis(&mut self, range: (u64, u64)) -> Duration {
        Duration::from_millis(self.rng.u64(range.0..=range.1))
    }

    fn schedule_load(&mut self) {
        let calls = self.rng.u32(1..=150);
        // From all at once to a trickle.
        let span = [0, 100, 5_000, 60_000][self.rng.usize(..4)];
        for _ in 0..calls {
            let wait = self.millis((0, span));
            self.later(wait, Happening::Submitted);
        }
    }

    /// Somebody who pauses, clears and turns knobs, and others who share origins. A pause ends, the others leave, and
    /// some concurrency stays, or nothing could come to rest.
    fn schedule_operator(&mut self) {
        for _ in 0..self.rng.u32(0..4) {
            let wait = self.millis((0, 20_000));
            let happening = match self.rng.u8(..6) {
                0 => Happening::Cleared,
                1 | 2 => {
                    let pause = self.millis((0, 8_000));
                    self.later(wait + pause, Happening::Resumed);
                    Happening::Paused
                }
                3 => Happening::ConcurrencyChanged(None),
                _ => Happening::ConcurrencyChanged(Some(self.rng.u32(1..12))),
            };
            self.later(wait, happening);
        }
        if self.rng.u8(..4) == 0 {
            let (wait, gone) = (self.millis((0, 5_000)), self.millis((1, 8_000)));
            self.later(wait, Happening::NetworkLost);
            self.later(wait + gone, Happening::NetworkBack);
        }
        if self.rng.u8(..4) == 0 {
            let (wait, gone) = (self.millis((0, 3_000)), self.millis((1, 2_000)));
            self.later(wait, Happening::PageLeft);
            self.later(wait + gone, Happening::PageBack);
        }
        for _ in 0..self.rng.u32(0..6) {
            let origin = self.rng.usize(..self.origins.len());
            let (held, shared) = (self.rng.u32(..7), self.rng.u32(1..8));
            let (wait, stay) = (self.millis((0, 5_000)), self.millis((1, 8_000)));
            self.later(wait, Happening::OthersHold(origin, held, Some(shared)));
            self.later(wait + stay, Happening::OthersHold(origin, 0, None));
        }
    }

    /// Jumps to the next thing that happens; false when nothing will.
    fn step(&mut self) -> bool {
        let arrival = self.future.keys().next().copied();
        let mut wake = self.core.poll_timeout();
        if let Some(at) = &mut wake {
            // Timers of background tabs come late.
            if self.rng.u8(..8) == 0 {
                *at = at.after(MS * self.rng.u32(1..3_000));
            }
        }
        match (arrival, wake) {
            (Some(key), wake) if wake.is_none_or(|at| key.0 <= at) => {
                self.now = key.0;
                let happening = self.future.remove(&key).expect("the key was just read");
                self.happen(happening);
            }
            (_, Some(at)) => {
                self.now = at;
                self.tell(Event::Woke);
            }
            _ => return false,
        }
        self.perform();
        self.check_books();
        true
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Submitted => self.submit(),
            Happening::Ended(call, attempt, brought) => self.ended(call, attempt, brought),
            Happening::Permitted(call, attempt, yes) => self.permitted(call, attempt, yes),
            Happening::ReadingBegan(call) => {
                if matches!(self.calls[call].stage, Stage::Unread(_)) {
                    self.calls[call].stage = Stage::Reading;
                }
                self.tell_of(call, Event::Reading(self.calls[call].id));
            }
            Happening::BodyEnded(call) => {
                self.over(call);
                self.tell_of(call, Event::BodyEnded(self.calls[call].id));
            }
            Happening::CallerAborted(call) => self.caller_aborted(call),
            Happening::CallerChangedPriority(call, priority) => {
                if self.calls[call].stage == Stage::Waiting {
                    self.calls[call].priority = priority;
                }
                self.tell_of(call, Event::Reprioritised(self.calls[call].id, priority));
            }
            Happening::Paused => {
                self.paused = true;
                self.tell(Event::Paused);
            }
            Happening::Resumed => {
                self.paused = false;
                self.tell(Event::Resumed);
            }
            Happening::Cleared => self.tell(Event::Cleared),
            Happening::NetworkLost => {
                self.offline = true;
                // The scheduler is told by the next failure. Waking for nothing is harmless.
                self.tell(Event::Woke);
            }
            Happening::NetworkBack => {
                self.offline = false;
                for &number in &self.alive {
                    let call = &mut self.calls[number];
                    match call.stage {
                        Stage::Held(None) => call.stage = Stage::Waiting,
                        Stage::Asking => call.online = true,
                        _ => {}
                    }
                }
                self.tell(Event::Online);
            }
            Happening::PageLeft => {
                self.leaving = true;
                self.tell(Event::Leaving(true));
            }
            Happening::PageBack => {
                self.leaving = false;
                self.tell(Event::Leaving(false));
            }
            Happening::ConcurrencyChanged(limit) => {
                self.concurrency = limit;
                if limit.is_some_and(|limit| self.running(|_| true) > limit) {
                    self.seen.above_lowered_concurrency += 1;
                }
                self.tell(Event::Concurrency(limit));
            }
            Happening::OthersHold(origin, held, shared) => {
                // Of an origin without a lane the scheduler knows nothing. Waking for nothing is harmless.
                match self.lane_of[origin] {
                    Some(lane) => self.others_hold(lane, held, shared),
                    None => self.tell(Event::Woke),
                }
            }
        }
    }

    fn others_hold(&mut self, lane: LaneId, held: u32, shared: Option<u32>) {
        self.shared.remove(&lane);
        self.shared.extend(shared.map(|shared| (lane, (held, shared))));
        let in_lane = self.running(|call| call.lane == lane);
        let waits =
            |&number: &usize| self.calls[number].lane == lane && self.calls[number].stage == Stage::Waiting;
        let has_slot = self.config.per_lane.is_none_or(|limit| in_lane < limit);
        if has_slot && !self.leaves_room(lane, in_lane) && self.alive.iter().any(waits) {
            self.seen.kept_out_by_others += 1;
        }
        self.tell(Event::ForeignSlots(lane, held, shared));
    }

    /// Whether the others outside leave one slot more to a lane that holds so many.
    fn leaves_room(&self, lane: LaneId, in_lane: u32) -> bool {
        self.shared.get(&lane).is_none_or(|&(held, shared)| in_lane + held < shared)
    }

    fn tell(&mut self, event: Event) {
        self.core.handle(event, self.now);
    }

    /// An event about a call; about one that is over it is said again, for it must not matter.
    fn tell_of(&mut self, call: usize, event: Event) {
        if self.calls[call].stage == Stage::Over && self.rng.bool() {
            self.seen.late_events += 1;
            self.tell(event);
        }
        self.tell(event);
    }

    // ── what callers and origins do

    fn submit(&mut self) {
        if self.habit == Habit::Restless {
            self.later(MS * 20, Happening::Submitted);
        }
        let number = self.calls.len();
        let origin = self.rng.usize(..self.origins.len());
        let lane = self.lane_of[origin].unwrap_or_else(|| self.open_lane(origin));
        let call = self.any_submission(lane);
        let id = self.core.submit(call.clone(), self.now);
        let made = call.arrived.unwrap_or(self.now);
        let arrived = made.min(self.now).max(self.last_arrival.next());
        self.last_arrival = arrived;
        let keepalive = call.immediate && !call.flags.has(CallFlags::REPEATABLE);
        self.calls.push(Call {
            id,
            lane,
            origin,
            priority: call.priority,
            arrived,
            stage: Stage::Waiting,
            attempt: 0,
            brought: None,
            online: false,
            retries: 0,
            most_retries: match &call.rules {
                Some(rules) if **rules == rules_of(0) => 0,
                Some(rules) if **rules == rules_of(1) => 1,
                _ => 3,
            },
            settled: 0,
            flags: call.flags,
            keepalive,
            total_until: call.total.map(|total| made.after(total.mul_f64(self.relief().time_limits()))),
            wait_until: call.wait.map(|wait| made.after(wait)),
            attempt_limit: call.attempt,
            attempt_until: None,
        });
        let new = self.by_id.insert(id, number).is_none();
        self.check(new, || format!("{id:?} was given twice"));
        self.alive.insert(number);
        if call.immediate {
            self.seen.immediate += 1;
            self.send(number);
        }
        let patience = match (call.total, call.attempt) {
            // Who waits behind them is not let off by going away.
            _ if self.habit == Habit::Patient => None,
            (None, None) => Some((0, 90_000)),
            _ => self.rng.bool().then_some((0, 3_000)),
        };
        if let Some(range) = patience {
            let wait = self.millis(range);
            self.later(wait, Happening::CallerAborted(number));
        }
        if self.rng.u8(..5) == 0 {
            let wait = self.millis((0, 4_000));
            let priority = any_priority(&mut self.rng);
            self.later(wait, Happening::CallerChangedPriority(number, priority));
        }
    }

    fn open_lane(&mut self, origin: usize) -> LaneId {
        let lane = self.core.open_lane();
        self.lane_of[origin] = Some(lane);
        let new = self.open_lanes.insert(lane);
        self.check(new, || format!("{lane:?} was open already"));
        // A lane may have to be forgotten for it, and the shell must know before it asks again.
        self.perform();
        lane
    }

    fn any_submission(&mut self, lane: LaneId) -> Submission {
        let priority = any_priority(&mut self.rng);
        let mut call = Submission::new(lane, priority);
        for (flag, share) in [
            (CallFlags::REPEATABLE, 0.75),
            (CallFlags::UNTIL_HEADERS, 0.125),
            (CallFlags::RESENDABLE, 0.8),
            (CallFlags::SAME_ORIGIN, 0.7),
            (CallFlags::HEEDFUL, 0.8),
            (CallFlags::ASKS, 0.3),
        ] {
            if self.rng.f64() < share {
                call.flags = call.flags.and(flag);
            }
        }
        if self.rng.bool() {
            call.rules = Some(Rc::new(rules_of(self.rng.u8(..2))));
        }
        if self.rng.u8(..3) == 0 {
            call.total = Some(self.millis((1, 30_000)));
        }
        if self.rng.u8(..8) == 0 {
            call.wait = Some(self.millis((1, 4_000)));
        }
        call.route = self.rng.f64();
        if self.rng.bool() {
            call.flags = call.flags.and(CallFlags::STANDS_IN);
        }
        if self.rng.u8(..3) == 0 {
            call.attempt = Some(self.millis((1, 10_000)));
            // Both limits at one moment, where a call starts at once.
            if self.rng.u8(..3) == 0 {
                call.total = call.attempt;
            }
        }
        match self.rng.u8(..16) {
            // What a page sends as it is left must not wait, ever.
            0 => (call.immediate, call.flags) = (true, CallFlags::HEEDFUL),
            // Sent before the scheduler was there.
            1 => {
                call.immediate = true;
                call.arrived = Some(Time::from_nanos(self.now.as_nanos().saturating_sub(5_000_000)));
            }
            _ => {}
        }
        call
    }

    fn send(&mut self, number: usize) {
        let longer = self.relief().time_limits();
        self.seen.longer_limits += u32::from(longer > 1.0);
        let call = &mut self.calls[number];
        call.stage = Stage::Sent;
        call.attempt += 1;
        call.attempt_until = call.attempt_limit.map(|limit| self.now.after(limit.mul_f64(longer)));
        let (attempt, at) = (call.attempt, call.origin);
        let busy = self.running(|call| call.origin == at);
        let brought = if self.offline {
            Some((MS, Brought::Lost))
        } else {
            self.origins[at].answer(self.now, busy, &mut self.rng)
        };
        if let Some((wait, brought)) = brought {
            self.later(wait, Happening::Ended(number, attempt, brought));
        }
        // Nobody waits for ever: where no limit was set, the caller goes.
        if self.calls[number].total_until.is_none() && self.calls[number].attempt_limit.is_none() {
            let wait = self.millis((10_000, 60_000));
            self.later(wait, Happening::CallerAborted(number));
        }
    }

    fn ended(&mut self, number: usize, attempt: u32, brought: Brought) {
        let Call { id, stage, lane, flags, .. } = self.calls[number];
        // Of an attempt that was stopped the shell hears nothing more. Waking for nothing is harmless.
        if self.calls[number].attempt != attempt || stage.waits() {
            return self.tell(Event::Woke);
        }
        let event = match brought {
            Brought::Response { status, body, wish } => {
                // Half a second past the last whole one, as clocks are.
                let now = Wall::from_millis(784_111_777_500);
                let retry_after = retry_after::asked(status, &wish.fields(now).each(), now);
                self.check(retry_after == wish.asked(status), || {
                    format!("{wish:?} is read as {retry_after:?}")
                });
                Event::Answered(id, Answer { status, body, retry_after })
            }
            _ => Event::Failed(id, if self.offline { Cause::Offline } else { Cause::NoResponse }),
        };
        if stage != Stage::Sent {
            // Its caller has gone, or its time was up.
            return self.tell_of(number, event);
        }
        let brought = if event == Event::Failed(id, Cause::Offline) { Brought::Offline } else { brought };
        self.calls[number].brought = Some(brought);
        let paused = self.core.paused_for(lane, self.now);
        self.tell(event);
        let pause = self.core.paused_for(lane, self.now);
        let Event::Answered(_, Answer { retry_after: Some(asked), .. }) = event else { return };
        if !flags.has(CallFlags::HEEDFUL) || asked.is_zero() || asked > Duration::from_secs(60) {
            self.seen.pause_unheeded += 1;
            self.check(pause == paused, || format!("pauses {pause:?} for nothing"));
            return;
        }
        let most = paused.max(asked + (asked / 10).min(Duration::from_secs(1)));
        self.check(pause >= asked && pause <= most, || format!("asked for {asked:?}, pauses {pause:?}"));
        match brought {
            Brought::Response { wish: Wish::Seconds(_), .. } => self.seen.paused_by_seconds += 1,
            Brought::Response { wish: Wish::Date(_), .. } => self.seen.paused_by_date += 1,
            _ => self.seen.paused_by_rate_limit += 1,
        }
    }

    fn permitted(&mut self, number: usize, attempt: u32, yes: bool) {
        let Call { id, stage, attempt: latest, .. } = self.calls[number];
        // Of what was asked about an attempt that is past, the shell wants to hear no more.
        if stage != Stage::Over && (stage != Stage::Asking || attempt != latest) {
            self.seen.permitted_late += 1;
            return self.tell(Event::Woke);
        }
        if stage == Stage::Over {
            self.seen.permitted_late += 1;
        }
        self.tell_of(number, Event::Permitted(id, yes));
    }

    /// What the rules make of a call whose headers are there.
    fn stage_of(&self, number: usize, body: Body) -> Stage {
        match body {
            Body::None => Stage::Over,
            Body::Sized(bytes) if bytes <= SMALL_BODY => Stage::Over,
            _ if self.calls[number].flags.has(CallFlags::UNTIL_HEADERS) => Stage::Over,
            // One too many is lent out at once; the action that says so is checked as it comes.
            Body::Endless => Stage::Streaming,
            Body::Sized(_) | Body::Unknown => Stage::Unread(self.now.after(UNREAD_LIMIT)),
        }
    }

    /// The body's fate goes on whether or not it holds a slot, so some of what follows comes late.
    fn schedule_body(&mut self, number: usize, body: Body) {
        if body == Body::None || (body == Body::Endless && self.habit == Habit::Patient) {
            return;
        }
        let origin = &self.origins[self.calls[number].origin];
        let (reads, takes) = (origin.callers_that_read, origin.body_takes);
        let end = self.millis(takes);
        if self.rng.f64() < reads {
            let read = self.millis((0, 200));
            self.later(read, Happening::ReadingBegan(number));
            self.later(read + end, Happening::BodyEnded(number));
        } else if self.rng.bool() {
            // Dropped at last, and noticed late.
            self.later(end * 3, Happening::BodyEnded(number));
        }
        if body == Body::Endless {
            let closed = self.millis((1_000, 40_000));
            self.later(closed, Happening::BodyEnded(number));
        }
    }

    fn caller_aborted(&mut self, number: usize) {
        let id = self.calls[number].id;
        let stage = self.calls[number].stage;
        if stage == Stage::Streaming && self.habit == Habit::Patient {
            return self.tell(Event::Woke);
        }
        let mut event = Event::Settled(id, Outcome::Cancelled);
        match stage {
            Stage::Waiting | Stage::Held(_) | Stage::Sent | Stage::Asking => {
                self.calls[number].settled += 1;
                self.totals.cancelled += 1;
                match stage {
                    Stage::Waiting => self.seen.aborted_waiting += 1,
                    Stage::Held(_) => self.seen.aborted_held += 1,
                    Stage::Asking => self.seen.aborted_asking += 1,
                    _ => self.seen.aborted_sent += 1,
                }
                self.over(number);
            }
            Stage::Unread(_) | Stage::Reading | Stage::Streaming => {
                self.seen.aborted_in_body += 1;
                // Whatever a shell calls it, the call was settled before.
                if self.rng.bool() {
                    event = Event::BodyEnded(id);
                }
                self.over(number);
            }
            Stage::Over => {}
        }
        self.tell_of(number, event);
    }

    fn over(&mut self, number: usize) {
        self.calls[number].stage = Stage::Over;
        self.alive.remove(&number);
    }

    // ── what the scheduler says

    fn perform(&mut self) {
        while let Some(action) = self.core.poll_action() {
            self.log.push((self.now, action));
            match action {
                Action::Start(id, level) => self.start(id, level),
                Action::Preempt(id) => self.preempt(id),
                Action::Reject(id, why) => self.reject(id, why),
                Action::ReleaseSlot(id, why) => self.release_slot(id, why),
                Action::Forget(lane) => self.forget(lane),
                Action::Expire(id) => self.expire(id),
                Action::Deliver(id, holds) => self.deliver(id, holds),
                Action::Retry(id, delay) => self.retry(id, delay),
                Action::Ask(id) => self.ask(id),
                Action::GiveUp(id) => self.give_up(id),
                Action::Pause(_) => self.seen.paused_lanes += 1,
                Action::Breaker(_, State::HalfOpen) => self.seen.half_open += 1,
                Action::Breaker(_, State::Closed) => self.seen.closed_again += 1,
                Action::Breaker(..) => {}
                Action::Sample => self.sample(),
                Action::Alert(_) => self.seen.alerts += 1,
                Action::Level(level) => self.level(level),
            }
        }
        self.check(self.swap.is_none(), || "pre-empted for nobody".to_owned());
    }

    fn sample(&mut self) {
        // A world that is at rest has a browser that is at ease.
        let busy = !self.future.is_empty();
        let mut share = || if busy && self.rng.bool() { self.rng.f64() } else { f64::NAN };
        let measured = Measured {
            main_thread: share(),
            memory: share(),
            cpu_pressure: share() * 3.0,
            ..Measured::NOTHING
        };
        self.tell(Event::Sampled(measured));
    }

    fn level(&mut self, level: u8) {
        let Some(Degradation { rules, .. }) = self.config.degradation else {
            self.fail("a level of nothing")
        };
        if level > self.level {
            self.check(rules.triggers()[level as usize - 1] != 0, || {
                format!("level {level} has no triggers")
            });
            self.seen.climbed += 1;
        } else {
            let between = self.level - level - 1;
            let skipped = (level..self.level - 1).filter(|&k| rules.triggers()[k as usize] != 0);
            self.check(skipped.count() == 0, || format!("{between} levels were skipped down to {level}"));
            self.seen.descended += 1;
        }
        self.level = level;
    }

    fn relief(&self) -> Relief {
        self.config.degradation.map_or(Relief::NONE, |degradation| degradation.rules.relief(self.level))
    }

    /// What the level leaves of so many slots.
    #[expect(clippy::cast_sign_loss, reason = "no share is negative")]
    fn left_of(&self, slots: u32) -> u32 {
        ((f64::from(slots) * self.relief().concurrency()).round() as u32).max(1)
    }

    /// Its attempt took too long. The next action on it says what follows.
    fn expire(&mut self, id: CallId) {
        let number = self.number(id);
        let Call { stage, attempt_until, .. } = self.calls[number];
        self.check(stage == Stage::Sent && attempt_until.is_some_and(|at| at <= self.now), || {
            format!("the attempt of {number} is not over: {stage:?} until {attempt_until:?}")
        });
        self.seen.timed_out_sent += 1;
        let call = &mut self.calls[number];
        (call.attempt_until, call.brought) = (None, Some(Brought::Expired));
        call.attempt += 1;
    }

    /// What the attempt brought that an action is about.
    fn take_brought(&mut self, number: usize) -> Brought {
        let stage = self.calls[number].stage;
        self.check(matches!(stage, Stage::Sent | Stage::Asking), || format!("{number} ends, is {stage:?}"));
        let brought = self.calls[number].brought.take();
        brought.unwrap_or_else(|| self.fail(format!("{number} has brought nothing")))
    }

    fn deliver(&mut self, id: CallId, holds: bool) {
        let number = self.number(id);
        let Brought::Response { status, body, .. } = self.take_brought(number) else {
            self.fail(format!("{number} has no response to deliver"))
        };
        if status >= 400 {
            self.seen.failures_delivered += 1;
        }
        let stage = self.stage_of(number, body);
        self.check(holds == (stage != Stage::Over), || {
            format!("{number} holds its slot: {holds}, is {stage:?}")
        });
        self.calls[number].settled += 1;
        self.totals.completed += 1;
        self.calls[number].stage = stage;
        if stage == Stage::Over {
            self.over(number);
        }
        self.schedule_body(number, body);
    }

    /// What the attempt brought may be followed by another one.
    fn check_may_retry(&self, number: usize, brought: Brought) {
        let Call { flags, retries, most_retries, .. } = self.calls[number];
        self.check(!self.leaving, || format!("{number} tries again while the page is being left"));
        let may = flags.has(CallFlags::RESENDABLE.and(CallFlags::HEEDFUL));
        self.check(may, || format!("{number} tries again, {flags:?}"));
        let (offline, same_origin) = (brought == Brought::Offline, flags.has(CallFlags::SAME_ORIGIN));
        self.check(most_retries > 0 && (offline || retries < most_retries), || {
            format!("{number} tries again after {retries} of {most_retries}")
        });
        let helps = match brought {
            Brought::Response { status, .. } => status == 503,
            Brought::Expired => true,
            Brought::Lost | Brought::Offline => same_origin,
        };
        self.check(helps, || format!("{number} tries again after {brought:?}"));
    }

    fn retry(&mut self, id: CallId, delay: Duration) {
        let number = self.number(id);
        let brought = self.take_brought(number);
        self.check_may_retry(number, brought);
        let Call { lane, stage, flags, total_until, online, .. } = self.calls[number];
        let asks = flags.has(CallFlags::ASKS);
        self.check(asks == (stage == Stage::Asking), || format!("{number} was not asked"));
        let pause = self.core.paused_for(lane, self.now);
        self.check(delay >= pause, || format!("{delay:?} is too soon, {pause:?} to go"));
        let limits = total_until.into_iter().chain(self.calls[number].wait_until).min();
        let in_time = limits.is_none_or(|until| self.now.after(delay) < until);
        self.check(in_time, || format!("{number} waits {delay:?}, longer than it may"));
        self.totals.retries += 1;
        let offline = brought == Brought::Offline;
        let call = &mut self.calls[number];
        call.attempt_until = None;
        call.stage = match brought {
            Brought::Offline if !online => Stage::Held(None),
            // For a pause it waits in line.
            _ if delay <= pause => Stage::Waiting,
            _ => Stage::Held(Some(self.now.after(delay))),
        };
        if offline && online {
            self.seen.online_while_asking += 1;
        } else if offline {
            self.seen.retried_offline += 1;
        } else {
            call.retries += 1;
            self.seen.retried += 1;
        }
    }

    fn ask(&mut self, id: CallId) {
        let number = self.number(id);
        let Call { stage, flags, attempt, total_until, .. } = self.calls[number];
        self.check(stage == Stage::Sent && flags.has(CallFlags::ASKS), || format!("asked for {number}"));
        let brought = self.calls[number].brought;
        self.check_may_retry(number, brought.unwrap_or_else(|| self.fail("asked for nothing")));
        self.seen.asked += 1;
        let call = &mut self.calls[number];
        (call.stage, call.online, call.attempt_until) = (Stage::Asking, false, None);
        let yes = self.rng.u8(..4) != 0;
        if !yes {
            self.seen.forbidden += 1;
        }
        // At once, later, or never where a limit ends it.
        if total_until.is_none() || self.rng.bool() {
            let most = [0, 300, 8_000][self.rng.usize(..3)];
            let wait = self.millis((0, most));
            self.later(wait, Happening::Permitted(number, attempt, yes));
        }
    }

    fn give_up(&mut self, id: CallId) {
        let number = self.number(id);
        let brought = self.take_brought(number);
        self.check(!matches!(brought, Brought::Response { .. }), || format!("{number} has a response"));
        if self.leaving {
            self.seen.left += 1;
        }
        self.seen.given_up += 1;
        self.calls[number].settled += 1;
        self.totals.failed += 1;
        self.over(number);
    }

    fn number(&self, id: CallId) -> usize {
        self.by_id.get(&id).copied().unwrap_or_else(|| self.fail(format!("{id:?} was never given")))
    }

    fn start(&mut self, id: CallId, level: Level) {
        self.fade();
        let number = self.number(id);
        let Call { stage, lane, priority, .. } = self.calls[number];
        self.check(stage == Stage::Waiting, || format!("started {number} that is {stage:?}"));
        self.check(!self.paused, || format!("started {number} in a pause"));
        self.check(level == priority.level(), || format!("{number} started as {level:?}, is {priority:?}"));
        let (running, in_lane) = (self.running(|_| true), self.running(|call| call.lane == lane));
        if let Some(swap) = self.swap.take() {
            self.check(priority == Priority::EMERGENCY, || format!("pre-empted for {number}"));
            self.check(running < swap.running, || "pre-empted, yet one more runs".to_owned());
            let before = if lane == swap.lane { swap.in_lane } else { 0 };
            let fits = self.config.per_lane.is_none_or(|limit| in_lane < limit.max(before));
            self.check(fits, || format!("pre-empted in another lane than the full one of {number}"));
            let fits = in_lane < before || self.leaves_room(lane, in_lane);
            self.check(fits, || format!("{number} got a slot that others hold, not the one of its lane"));
        } else {
            let fits = self.concurrency.is_none_or(|limit| running < self.left_of(limit));
            self.check(fits, || format!("started {number} beside {running}"));
            let fits = self.config.per_lane.is_none_or(|limit| in_lane < self.left_of(limit));
            self.seen.fewer_slots += u32::from(self.relief().concurrency() < 1.0);
            self.check(fits, || format!("started {number} beside {in_lane} of its lane"));
            let fits = self.leaves_room(lane, in_lane);
            self.check(fits, || format!("started {number} beside {in_lane} and others outside"));
        }
        let open = self.core.breaker_of(lane, self.now) == State::Open;
        self.check(!open, || format!("started {number} through an open breaker"));
        let pause = self.core.paused_for(lane, self.now);
        self.check(pause.is_zero(), || format!("started {number}, {pause:?} before a pause is over"));
        self.count_against_rate(lane);
        self.send(number);
        // One signal may abort many calls: its caller is gone before it could be sent.
        if self.rng.u8(..30) == 0 {
            self.seen.unsent += 1;
            self.counted.entry(lane).or_default().pop();
            self.calls[number].settled += 1;
            self.totals.cancelled += 1;
            self.over(number);
            self.tell(Event::Settled(id, Outcome::Unsent));
        }
    }

    /// No window has more starts than the limit of rate allows.
    fn count_against_rate(&mut self, lane: LaneId) {
        let starts = self.counted.entry(lane).or_default();
        starts.push(self.now);
        let allowed = |span: Duration| match self.config.rate {
            Some(RateConfig::TokenBucket { capacity, every }) => {
                u64::from(capacity) + span.as_nanos() / every.as_nanos() + 1
            }
            Some(RateConfig::SlidingWindow { limit, window }) if span < window => u64::from(limit),
            _ => u64::MAX,
        };
        let spans = starts.iter().rev().zip(1_u64..);
        let most = spans.map(|(&start, count)| (self.now.since(start), count));
        let above = most.into_iter().find(|&(span, count)| count > allowed(span));
        self.check(above.is_none(), || format!("{above:?} are too many in {lane:?}"));
    }

    fn preempt(&mut self, id: CallId) {
        self.fade();
        let number = self.number(id);
        let call = &self.calls[number];
        let attempted = matches!(call.stage, Stage::Sent | Stage::Asking);
        self.check(attempted, || format!("pre-empted {number} that is {:?}", call.stage));
        self.check(call.flags.has(CallFlags::REPEATABLE), || {
            format!("pre-empted {number} that cannot be repeated")
        });
        self.check(!call.keepalive, || format!("pre-empted {number} that must not wait"));
        self.check(call.priority.level() < Level::High, || format!("pre-empted {number}, urgent itself"));
        self.check(!self.paused, || format!("pre-empted {number} in a pause"));
        let emergency = |other: &Call| other.stage == Stage::Waiting && other.priority == Priority::EMERGENCY;
        let waits = self.alive.iter().any(|&other| emergency(&self.calls[other]));
        self.check(waits, || format!("pre-empted {number}, but no emergency waits"));
        let lane = call.lane;
        self.swap = Some(Swap {
            running: self.running(|_| true),
            lane,
            in_lane: self.running(|call| call.lane == lane),
        });
        if self.calls[number].stage == Stage::Asking {
            self.seen.preempted_asking += 1;
        }
        let call = &mut self.calls[number];
        (call.stage, call.brought, call.attempt_until, call.wait_until) = (Stage::Waiting, None, None, None);
        self.totals.preempted += 1;
        self.seen.preempted += 1;
    }

    fn reject(&mut self, id: CallId, why: Refusal) {
        let number = self.number(id);
        let Call { stage, lane, total_until, attempt_until, wait_until, priority, .. } = self.calls[number];
        self.check(stage.waits() || matches!(stage, Stage::Sent | Stage::Asking), || {
            format!("turned {number} away that is {stage:?}")
        });
        match why {
            Refusal::Cleared => {
                self.check(stage.waits(), || format!("cleared {number} that runs"));
                self.totals.cancelled += 1;
                self.seen.cleared += 1;
            }
            Refusal::QueueFull => {
                self.check(stage.waits(), || format!("turned {number} away that runs"));
                self.check(priority != Priority::EMERGENCY, || format!("turned emergency {number} away"));
                let waiting = self.alive.iter().filter(|&&one| self.calls[one].stage.waits()).count();
                let full = self.config.high_water.is_some_and(|most| waiting > most as usize);
                self.check(full, || format!("turned {number} away with {waiting} waiting"));
                self.totals.failed += 1;
                self.seen.queue_full += 1;
            }
            Refusal::TimedOut => {
                let wait_until = wait_until.filter(|_| stage.waits());
                let due = total_until.into_iter().chain(attempt_until).chain(wait_until).min();
                if wait_until == due && wait_until.is_some() {
                    self.seen.lost_its_moment += 1;
                }
                self.check(due.is_some_and(|at| at <= self.now), || format!("timed {number} out too soon"));
                self.totals.failed += 1;
                match stage {
                    Stage::Waiting => self.seen.timed_out_waiting += 1,
                    Stage::Held(_) => self.seen.timed_out_held += 1,
                    Stage::Asking => self.seen.timed_out_asking += 1,
                    _ => self.seen.timed_out_sent += 1,
                }
            }
            Refusal::CircuitOpen(_) => {
                self.check(stage.waits(), || format!("turned {number} away that runs"));
                let open = self.core.breaker_of(lane, self.now) == State::Open;
                self.check(open, || format!("turned {number} away by a breaker that is not open"));
                self.totals.failed += 1;
                self.seen.circuit_open += 1;
            }
            Refusal::Shed(_) => {
                let Call { attempt, .. } = self.calls[number];
                self.check(stage == Stage::Waiting && attempt == 0, || {
                    format!("shed {number} that is {stage:?}")
                });
                self.check(priority.level() < Level::High, || format!("shed {number}, {priority:?}"));
                self.check(self.config.degradation.is_some(), || format!("shed {number} for nothing"));
                let pause = self.core.paused_for(lane, self.now);
                self.check(pause.is_zero(), || format!("shed {number} that a pause holds up"));
                let open = self.core.breaker_of(lane, self.now) == State::Open;
                self.check(!open, || format!("shed {number} that a breaker turns away"));
                self.totals.shed += 1;
                self.seen.shed += 1;
            }
        }
        self.calls[number].settled += 1;
        self.over(number);
    }

    fn release_slot(&mut self, id: CallId, why: Released) {
        let number = self.number(id);
        let Call { stage, lane, .. } = self.calls[number];
        let fits = match why {
            Released::Unread => {
                self.seen.lent_unread += 1;
                matches!(stage, Stage::Unread(until) if until <= self.now)
            }
            Released::Streams => {
                self.seen.lent_streams += 1;
                stage == Stage::Streaming && self.has_excess_streams(lane)
            }
        };
        self.check(fits, || format!("lent the slot of {number} that is {stage:?}: {why:?}"));
        self.over(number);
    }

    /// Whether endless bodies hold more slots of a lane than they may, or the last one that anybody could have.
    fn has_excess_streams(&self, lane: LaneId) -> bool {
        let streams = self.running(|call| call.lane == lane && call.stage == Stage::Streaming);
        let all = self.running(|call| call.stage == Stage::Streaming);
        let left = self.shared.get(&lane).map(|&(held, shared)| shared.saturating_sub(held));
        streams > STREAMS_PER_LANE
            || self
                .config
                .per_lane
                .map(|slots| self.left_of(slots))
                .into_iter()
                .chain(left)
                .any(|slots| streams >= slots)
            || self.concurrency.is_some_and(|limit| all >= self.left_of(limit))
    }

    fn forget(&mut self, lane: LaneId) {
        self.seen.forgotten_lanes += 1;
        let known = self.open_lanes.remove(&lane);
        self.check(known, || format!("forgot {lane:?} that was not open"));
        let used = self.alive.iter().any(|&number| self.calls[number].lane == lane);
        self.check(!used, || format!("forgot {lane:?} that is in use"));
        self.shared.remove(&lane);
        self.counted.remove(&lane);
        for known in &mut self.lane_of {
            known.take_if(|known| *known == lane);
        }
    }

    // ── the books

    fn running(&self, which: impl Fn(&Call) -> bool) -> u32 {
        let calls = self.alive.iter().map(|&number| &self.calls[number]);
        calls.filter(|call| call.stage.runs() && which(call)).count() as u32
    }

    fn fade(&mut self) {
        for &number in &self.alive {
            let stage = &mut self.calls[number].stage;
            if matches!(*stage, Stage::Held(Some(until)) if until <= self.now) {
                *stage = Stage::Waiting;
            }
        }
        let Some(after) = self.config.aging.demote_after else { return };
        for &number in &self.alive {
            let call = &mut self.calls[number];
            let due = self.now.since(call.arrived) >= after;
            if call.stage == Stage::Waiting && call.priority.fades() && due {
                call.priority = Level::Low.into();
                self.seen.faded += 1;
            }
        }
    }

    fn check_books(&mut self) {
        self.fade();
        let mut all = Count::default();
        let mut by_level = [Count::default(); 5];
        let mut by_lane: BTreeMap<LaneId, Count> =
            self.open_lanes.iter().map(|&lane| (lane, Count::default())).collect();
        for call in self.alive.iter().map(|&number| &self.calls[number]) {
            let lane = by_lane.entry(call.lane).or_default();
            for count in [&mut all, &mut by_level[call.priority.level() as usize], lane] {
                if call.stage.waits() {
                    count.queued += 1;
                } else {
                    count.running += 1;
                }
            }
            self.check(self.core.contains(call.id), || format!("{:?} is lost", call.id));
            self.check(self.core.waits(call.id) == call.stage.waits(), || {
                format!("{:?} waits: {}, books: {:?}", call.id, self.core.waits(call.id), call.stage)
            });
        }
        self.check(self.core.count() == all, || format!("{:?}, books: {all:?}", self.core.count()));
        self.check(self.core.by_level() == by_level, || {
            format!("{:?}, books: {by_level:?}", self.core.by_level())
        });
        let lanes: BTreeMap<_, _> = self.core.lanes().map(|status| (status.lane, status.count)).collect();
        self.check(lanes == by_lane, || format!("{lanes:?}, books: {by_lane:?}"));
        self.check(self.core.totals() == self.totals, || {
            format!("{:?}, books: {:?}", self.core.totals(), self.totals)
        });
        self.check(self.core.is_paused() == self.paused, || "who paused?".to_owned());
        for &lane in by_lane.keys() {
            let streams = self.running(|call| call.lane == lane && call.stage == Stage::Streaming);
            let fits = streams == 0 || !self.has_excess_streams(lane);
            self.check(fits, || format!("{streams} streams hold too many slots of {lane:?}"));
        }
        if self.nobody_waits_for_nothing(all, &by_lane) {
            self.seen.rate_limited += 1;
        }
        self.check_time();
    }

    /// Checks that; whether somebody waits for a limit of rate and nothing else.
    fn nobody_waits_for_nothing(&self, all: Count, by_lane: &BTreeMap<LaneId, Count>) -> bool {
        if self.paused || self.concurrency.is_some_and(|limit| all.running >= self.left_of(limit)) {
            return false;
        }
        let mut rate_limited = false;
        for (lane, count) in by_lane {
            let held = |&&number: &&usize| {
                let Call { lane: of, stage, .. } = self.calls[number];
                of == *lane && matches!(stage, Stage::Held(_))
            };
            let in_line = count.queued - self.alive.iter().filter(held).count() as u32;
            let room = self.core.limit_of(*lane).is_none_or(|limit| count.running < limit)
                && self.core.paused_for(*lane, self.now).is_zero()
                // What it lets through as probes, its own tests say.
                && self.core.breaker_of(*lane, self.now) == State::Closed
                && self.leaves_room(*lane, count.running);
            let waits = room && in_line > 0;
            rate_limited |= waits;
            let fits = !waits || self.config.rate.is_some();
            self.check(fits, || format!("{lane:?} waits with slots free: {count:?}"));
        }
        rate_limited
    }

    fn check_time(&self) {
        let calls = || self.alive.iter().map(|&number| &self.calls[number]);
        let waiting = calls().filter(|call| call.stage.waits());
        let oldest = waiting.map(|call| self.now.since(call.arrived)).max().unwrap_or_default();
        self.check(self.core.oldest_wait(self.now) == oldest, || format!("the oldest waits {oldest:?}"));
        let due = calls().filter_map(|call| match call.stage {
            Stage::Waiting => {
                let pause = self.core.paused_for(call.lane, self.now);
                let over = (!pause.is_zero()).then(|| self.now.after(pause));
                call.total_until.into_iter().chain(over).chain(call.wait_until).min()
            }
            Stage::Held(until) => {
                let pause = self.core.paused_for(call.lane, self.now);
                let over = (!pause.is_zero()).then(|| self.now.after(pause));
                call.total_until.into_iter().chain(until).chain(over).chain(call.wait_until).min()
            }
            Stage::Sent => call.total_until.into_iter().chain(call.attempt_until).min(),
            Stage::Asking => call.total_until,
            Stage::Unread(until) => Some(until),
            Stage::Reading | Stage::Streaming | Stage::Over => None,
        });
        let (due, told) = (due.min(), self.core.poll_timeout());
        let watched = self.config.monitor.is_some() || self.config.degradation.is_some();
        let guarded = watched || self.config.breaker.is_some() || self.config.rate.is_some();
        let fits =
            if guarded { due.is_none_or(|due| told.is_some_and(|told| told <= due)) } else { told == due };
        self.check(fits, || format!("wants to wake at {told:?}, books: {due:?}"));
        self.check(told.is_none_or(|at| at > self.now), || format!("wants to wake in the past: {told:?}"));
    }
}

/// Rules with so many retries at most.
fn rules_of(limit: u8) -> RetryConfig {
    let mut options = Options::default();
    options.set(Number::Limit, f64::from(limit)).expect("it is in range");
    RetryConfig::of(&options)
}

fn any_priority(rng: &mut Rng) -> Priority {
    match rng.u8(..12) {
        0 => Priority::EMERGENCY,
        1 => Priority::new(f64::from(rng.i32(-50..150)) / 1.5).expect("it is finite"),
        _ => Level::ALL[rng.usize(..5)].into(),
    }
}

fn any_config(rng: &mut Rng) -> Config {
    let demote_after = [None, Some(MS * 50), Some(MS * 2_000), Some(MS * 5_000)];
    Config {
        per_lane: [None, Some(1), Some(2), Some(6)][rng.usize(..4)],
        adaptive: false,
        concurrency: [None, Some(1), Some(4), Some(10), Some(64)][rng.usize(..5)],
        high_water: [None, None, Some(0), Some(5), Some(40)][rng.usize(..5)],
        strategy: if rng.bool() { Strategy::Reject } else { Strategy::DropLowest },
        aging: Aging {
            demote_after: demote_after[rng.usize(..4)],
            oldest_every: [None, Some(1), Some(2), Some(8)][rng.usize(..4)],
        },
        breaker: (rng.u8(..3) == 0).then(|| {
            let mut options = Options::default();
            options.set(Number::OpenFor, f64::from(rng.u16(1..5_000))).expect("it is in range");
            options.set(Number::Successes, f64::from(rng.u8(1..4))).expect("it is in range");
            BreakerConfig::of(&options)
        }),
        rate: (rng.u8(..4) == 0).then(|| {
            let (many, time) = (f64::from(rng.u8(1..20)), f64::from(rng.u16(1..4_000)));
            let config = if rng.bool() {
                RateConfig::sliding_window(many, time)
            } else {
                RateConfig::token_bucket(many, many, time)
            };
            config.expect("it is in range")
        }),
        monitor: (rng.u8(..3) == 0).then(|| {
            let mut options = Options::default();
            options.set(Number::ResponseTime, f64::from(rng.u16(1..2_000))).expect("it is in range");
            MonitorConfig::of(&options)
        }),
        degradation: (rng.u8(..3) == 0).then(|| any_degradation(rng)),
        seed: rng.u64(..),
    }
}

fn any_degradation(rng: &mut Rng) -> Degradation {
    let words: Vec<f64> = (0..5)
        .flat_map(|_| {
            let triggers = if rng.bool() { f64::from(rng.u8(..128)) } else { 0.0 };
            let (shed, shed_stale) = (f64::from(rng.u8(..4)), f64::from(rng.u8(..4)));
            let concurrency = [1.0, 0.5, 0.1][rng.usize(..3)];
            [triggers, shed, shed_stale, concurrency, 1.0 + f64::from(rng.u8(..2)), 0.0, 1.0]
        })
        .collect();
    let rules = if rng.bool() { Rules::of(&words) } else { Rules::default() };
    let recover_after = MS * rng.u32(1_000..60_000);
    Degradation { rules, recover_after, share: rng.bool().then(ShareConfig::default) }
}
