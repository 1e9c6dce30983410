//! The facade: events in, actions out, one deadline.

mod records;
mod recovery;
mod watch;

pub use watch::{Measured, Standing};

use crate::breaker::{BreakerConfig, State};
use crate::config::{Config, Strategy};
use crate::gate::Gate;
use crate::monitor::Alert;
use crate::priority::{Level, Priority};
use crate::queue::{CallFlags, CallId, Count, LaneId, LaneStatus, Queue, Want};
use crate::random::Random;
use crate::rate::RateConfig;
use crate::retry::{Cause, RetryConfig};
use crate::time::{Duration, Time};
use records::{Record, Records, Stage};
use recovery::Verdict;
use std::cell::LazyCell;
use std::collections::VecDeque;
use std::rc::Rc;
use watch::Watch;

/// A body that is not read keeps its slot this long. Then the slot is released: the browser
/// still holds the connection, but a page that forgot a body must not stand still for ever.
pub const UNREAD_LIMIT: Duration = Duration::from_secs(10);

/// A body of at most this many bytes frees its slot with its headers: the browser has read it off the
/// connection by then, whether or not the page reads it.
pub const SMALL_BODY: u64 = 64 * 1024;

/// Endless bodies (event streams) hold at most this many slots of a lane; on a connection that many share it is a quarter
/// of the slots. The last slot of a lane, or of all, they never hold: others would wait for ever.
pub const STREAMS_PER_LANE: u32 = 2;

/// Lanes without a call that are remembered for [`Scheduler::lanes`]; above that, the longest idle is forgotten.
pub const IDLE_LANES: usize = 64;

/// What a new call says of itself.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Where it stands; opened by [`Scheduler::open_lane`].
    pub lane: LaneId,
    /// How urgent it is.
    pub priority: Priority,
    /// What is known of it.
    pub flags: CallFlags,
    /// It must not wait, or does not wait any more: it counts as running from now on, whatever the limits say.
    pub immediate: bool,
    /// Time over waiting and all attempts.
    pub total: Option<Duration>,
    /// Time for one attempt.
    pub attempt: Option<Duration>,
    /// Time after which no attempt begins.
    pub wait: Option<Duration>,
    /// When it was sent, if that was before now and it is [`immediate`](Self::immediate).
    pub begun: Option<Time>,
    /// A hash of what it is for, from 0 up and below 1: calls with the same one share their fate.
    pub route: f64,
    /// When it arrived, if that was before now.
    pub arrived: Option<Time>,
    /// Which of its failures are retried, and how, where that is not as usual.
    pub rules: Option<Rc<RetryConfig>>,
}

impl Submission {
    /// A call that says nothing but where it stands and how urgent it is.
    pub const fn new(lane: LaneId, priority: Priority) -> Self {
        Self {
            lane,
            priority,
            flags: CallFlags::NONE,
            immediate: false,
            total: None,
            attempt: None,
            wait: None,
            begun: None,
            route: 0.0,
            arrived: None,
            rules: None,
        }
    }
}

/// What is still to come when the headers are there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// This many bytes on the wire.
    Sized(u64),
    /// A body of unknown length.
    Unknown,
    /// Something that does not end by itself, as an event stream.
    Endless,
}

/// The head of a response, as far as it matters here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Its status; 0 where that is not to be seen.
    pub status: u16,
    /// What follows.
    pub body: Body,
    /// The pause that its server asks for: see [`retry_after`](crate::retry_after).
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// One that asks for no pause.
    pub const fn new(status: u16, body: Body) -> Self {
        Self { status, body, retry_after: None }
    }
}

/// What is known of the connections to a lane's origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// One request at a time on each: HTTP/1.1.
    Serial,
    /// Many at once on one: HTTP/2, HTTP/3.
    Multiplexed,
}

/// How a call that needs no slot any more was settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// With a result.
    Completed,
    /// With an error of its own.
    Failed,
    /// By its caller's abort.
    Cancelled,
    /// By its caller's abort, after [`Action::Start`] and before it was sent.
    Unsent,
    /// With an error that says nothing of its origin: there is no network.
    Offline,
}

/// What happened outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The attempt that is under way brought this. What is to be done with it, an action says: [`Action::Deliver`],
    /// [`Action::Retry`] or [`Action::Ask`].
    Answered(CallId, Answer),
    /// The attempt that is under way brought no response. [`Action::Retry`], [`Action::Ask`] or [`Action::GiveUp`] follows.
    Failed(CallId, Cause),
    /// The answer to [`Action::Ask`].
    Permitted(CallId, bool),
    /// This came of a running call, and its caller has it already: the call began before it was submitted.
    Headers(CallId, Answer),
    /// The caller began to read the body.
    Reading(CallId),
    /// The body has ended: read, failed, cancelled or dropped.
    BodyEnded(CallId),
    /// The call is settled and needs no slot: a task is done, the caller aborted.
    Settled(CallId, Outcome),
    /// A waiting call is as urgent as this from now on.
    Reprioritised(CallId, Priority),
    /// It is seen what connections a lane's origin has.
    Protocol(LaneId, Protocol),
    /// How many may run in all has changed. `None`: no bound.
    Concurrency(Option<u32>),
    /// Others outside hold this many slots of a lane's origin, of the second number for all together. `None`:
    /// it is not shared.
    ForeignSlots(LaneId, u32, Option<u32>),
    /// An emergency outside needs a slot of this lane's origin: the call that [`Scheduler::preemptible`] tells of
    /// gives up its own, which counts as held outside from now on.
    YieldSlot(LaneId),
    /// Nothing starts any more, until [`Event::Resumed`].
    Paused,
    /// The end of [`Event::Paused`].
    Resumed,
    /// There is a network again.
    Online,
    /// The page is being left, or it is not after all. While it is, nothing is tried again.
    Leaving(bool),
    /// Everything that waits is to be turned away.
    Cleared,
    /// The answer to [`Action::Sample`].
    Sampled(Measured),
    /// Somebody looks at samples from now on, also while nothing happens.
    Watched,
    /// This trigger, by its number, is on, as somebody outside says: this level is entered, or, for 0, the lowest that has it.
    Triggered(u32, u8),
    /// Somebody outside has found that these triggers are on, as bits, and those off. What is on is so for a stay, unless it is
    /// said again.
    Signals {
        /// Those that are on.
        on: u32,
        /// Those that no longer are.
        off: u32,
    },
    /// The level is 0, as if nothing had been.
    Reset,
    /// The deadline has come.
    Woke,
}

/// Why a call is turned away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// More wait than [`Config::high_water`] allows.
    QueueFull,
    /// [`Event::Cleared`].
    Cleared,
    /// Its time is up, waiting or running; one that runs is to be aborted.
    TimedOut,
    /// The breaker of its lane, this one, is open.
    CircuitOpen(LaneId),
    /// Its origin does not accept what it gets, or the page does without such calls for now. Asking again before this time
    /// makes no sense.
    Shed(Duration),
}

/// Why a slot was given back although the body has not ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Released {
    /// Its body was not read for [`UNREAD_LIMIT`].
    Unread,
    /// Its body is endless, and others hold [`STREAMS_PER_LANE`] slots of the lane already, or it was the last slot.
    Streams,
}

/// What is to be done outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Send it, or run it; it is as urgent as this level by now.
    Start(CallId, Level),
    /// Stop the running attempt without a word to the caller; a [`Action::Start`] will come again.
    Preempt(CallId),
    /// Settle it with this error.
    Reject(CallId, Refusal),
    /// The time for one attempt is up: stop it. What follows is told by the next action on this call.
    Expire(CallId),
    /// Its caller gets the response. Whether the call still holds its slot, so that the end of its body must be told.
    Deliver(CallId, bool),
    /// What the attempt brought is dropped, and the call waits for another one, for so long at least: where there is no
    /// network, that is a guess. [`Action::Start`] will come again.
    Retry(CallId, Duration),
    /// Ask its caller whether the attempt that failed is to be followed by another; [`Event::Permitted`] says the answer.
    Ask(CallId),
    /// Settle it with the error that its attempt ended with.
    GiveUp(CallId),
    /// The call's slot is given to others; the call itself goes on.
    ReleaseSlot(CallId, Released),
    /// This lane is closed; its id may come back for another.
    Forget(LaneId),
    /// Its origin asked for a pause: nothing starts in this lane before [`Scheduler::paused_for`] is over.
    Pause(LaneId),
    /// The breaker of this lane has changed.
    Breaker(LaneId, State),
    /// A sample ends: [`Event::Sampled`] tells what only the outside knows.
    Sample,
    /// A value was too high for long enough, or is right again.
    Alert(Alert),
    /// The page has come to this level; [`Scheduler::standing`] says what it does without.
    Level(u8),
}

/// Calls settled so far, and slots taken from some for others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// With a result.
    pub completed: u64,
    /// With an error, being turned away included.
    pub failed: u64,
    /// By abort or by [`Event::Cleared`].
    pub cancelled: u64,
    /// Attempts stopped for an emergency.
    pub preempted: u64,
    /// Attempts that are to follow a failed one.
    pub retries: u64,
    /// Turned away under pressure; not counted as failed.
    pub shed: u64,
}

/// Decides who runs. Drive it in one loop: [`submit`](Self::submit) a call or [`handle`](Self::handle) an
/// event, drain [`poll_action`](Self::poll_action) to `None`, then sleep until
/// [`poll_timeout`](Self::poll_timeout) or the next event. Waking late or for nothing is harmless, and so are
/// events about calls that have ended.
#[derive(Debug)]
pub struct Scheduler {
    queue: Queue,
    high_water: Option<u32>,
    strategy: Strategy,
    paused: bool,
    records: Records,
    /// Longest idle first.
    idle: VecDeque<LaneId>,
    breaker: Option<BreakerConfig>,
    rate: Option<RateConfig>,
    /// By lane.
    gates: Vec<Gate>,
    watch: Option<Box<Watch>>,
    /// Lanes that are closed until a time.
    suspended: Vec<(LaneId, Time)>,
    /// Which failures are retried, and how, where a call does not say it.
    retry: Rc<RetryConfig>,
    leaving: bool,
    random: Random,
    actions: VecDeque<Action>,
    totals: Totals,
}

impl Scheduler {
    /// A scheduler without calls.
    pub fn new(config: &Config) -> Self {
        Self {
            queue: Queue::new(config),
            high_water: config.high_water,
            strategy: config.strategy,
            paused: false,
            records: Records::new(),
            idle: VecDeque::new(),
            breaker: config.breaker,
            rate: config.rate,
            gates: Vec::new(),
            watch: Watch::new(config),
            suspended: Vec::new(),
            retry: Rc::default(),
            leaving: false,
            random: Random::new(config.seed),
            actions: VecDeque::new(),
            totals: Totals::default(),
        }
    }

    /// Opens a lane. It is open until [`Action::Forget`] names it.
    pub fn open_lane(&mut self) -> LaneId {
        let lane = self.queue.open_lane();
        let gate = Gate::new(self.breaker.as_ref(), self.rate);
        match self.gates.get_mut(lane.0 as usize) {
            Some(old) => *old = gate,
            None => self.gates.push(gate),
        }
        self.watch_lane(lane);
        self.park_idle_lane(lane);
        lane
    }

    /// Takes a new call in.
    ///
    /// A lane that is not open any more is opened again under a new id first: nothing is lost by asking late.
    pub fn submit(&mut self, call: Submission, now: Time) -> CallId {
        let lane = if self.queue.is_open(call.lane) { call.lane } else { self.open_lane() };
        self.idle.retain(|&idle| idle != lane);
        let arrived = call.arrived.unwrap_or(now).min(now);
        let id = if call.immediate {
            self.queue.insert_running(lane, call.priority, call.flags, arrived)
        } else {
            self.queue.insert(lane, call.priority, call.flags, arrived)
        };
        self.watch_call(now);
        let Submission { total, attempt, wait, rules, .. } = call;
        if total.is_some() || attempt.is_some() || wait.is_some() || rules.is_some() {
            let until = |limit: Option<Duration>| limit.map_or(Time::NEVER, |limit| arrived.after(limit));
            let total_until = until(total.map(|total| total.mul_f64(self.time_factor())));
            let attempt = attempt.unwrap_or(Duration::MAX);
            self.records.put(
                id,
                Record { total_until, wait_until: until(wait), attempt, rules, ..Record::default() },
            );
        }
        if call.immediate {
            self.begin(id, call.begun.unwrap_or(now).min(now), now);
        } else {
            if self.is_guarded() {
                self.pass_gate(id, lane, now);
            }
            let limit = [call.total, call.attempt].into_iter().flatten().min();
            self.pass_watch(id, lane, call.route, limit.unwrap_or(Duration::MAX), now);
        }
        self.work_off(now);
        self.turn_away_overflow(id);
        id
    }

    /// Takes one event that happened at `now`.
    pub fn handle(&mut self, event: Event, now: Time) {
        match event {
            Event::Answered(id, answer) => self.answered(id, &answer, now),
            Event::Failed(id, cause) => self.failed(id, cause, now),
            Event::Permitted(id, yes) => self.permitted(id, yes, now),
            Event::Headers(id, answer) => self.headers(id, &answer, now),
            Event::Reading(id) => self.reading(id),
            Event::BodyEnded(id) => self.body_ended(id),
            Event::Settled(id, outcome) => self.settled(id, outcome, now),
            Event::Protocol(lane, protocol) => {
                self.queue.set_multiplexed(lane, protocol == Protocol::Multiplexed);
            }
            Event::Reprioritised(id, priority) => {
                self.queue.set_priority(id, priority);
            }
            Event::Concurrency(limit) => self.queue.set_concurrency(limit),
            Event::ForeignSlots(lane, held, shared) => self.queue.set_foreign_slots(lane, held, shared),
            Event::YieldSlot(lane) => self.yield_slot(lane, now),
            Event::Online => self.online(),
            Event::Leaving(leaving) => {
                self.leaving = leaving;
                self.watch_woken(now);
            }
            Event::Paused => self.paused = true,
            Event::Resumed => self.paused = false,
            Event::Cleared => self.refuse_waiting(None, Refusal::Cleared),
            Event::Sampled(measured) => self.sampled(measured, now),
            Event::Watched => self.watched(now),
            Event::Triggered(trigger, level) => self.triggered(trigger, level, now),
            Event::Signals { on, off } => self.signals(on, off, now),
            Event::Reset => self.reset_level(now),
            Event::Woke => {}
        }
        self.work_off(now);
    }

    /// The next thing to do outside, in order.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front().or_else(|| self.forget_lane());
        // A million refused at once need not be remembered for ever by the room they took.
        if action.is_none() && self.actions.capacity() > 1024 {
            self.actions = VecDeque::new();
        }
        action
    }

    /// When to hand in [`Event::Woke`] if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        // A lane without waiting calls needs no timer.
        let suspended =
            self.suspended.iter().filter(|&&(lane, _)| self.queue.waits_in(lane)).map(|&(_, at)| at);
        let sample = self.watch.as_ref().map(|watch| watch.due()).filter(|&due| due < Time::NEVER);
        self.records.first_due().map(|(at, _)| at).into_iter().chain(suspended).chain(sample).min()
    }

    /// How many may run in all. `None`: no bound.
    pub const fn concurrency(&self) -> Option<u32> {
        self.queue.concurrency()
    }

    /// Slots of a lane now. `None`: only the common limit counts.
    pub fn limit_of(&self, lane: LaneId) -> Option<u32> {
        self.queue.limit_of(lane)
    }

    /// Whether [`Event::Paused`] was the last word.
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// The first call that waits in a lane.
    pub fn first(&self, lane: LaneId) -> Option<Want> {
        self.queue.first(lane).map(|want| Want { ready: want.ready && !self.paused, ..want })
    }

    /// The level of the call in this lane that would give its slot to an emergency. `None`: no call would.
    pub fn preemptible(&self, lane: LaneId) -> Option<Level> {
        self.victim(Some(lane)).and_then(|id| self.queue.priority_of(id)).map(Priority::level)
    }

    /// Slots held in this lane.
    pub fn running_in(&self, lane: LaneId) -> u32 {
        self.queue.running_in(lane)
    }

    /// Every call that waits, how urgent it is by now, and when it arrived; in no order.
    pub fn waiting_calls(&self) -> impl Iterator<Item = (CallId, Priority, Time)> + '_ {
        self.queue.waiting_calls()
    }

    /// Whether this call waits.
    pub fn waits(&self, id: CallId) -> bool {
        self.queue.waits(id)
    }

    /// Whether this call waits or holds a slot.
    pub fn contains(&self, id: CallId) -> bool {
        self.queue.contains(id)
    }

    /// Calls waiting, and calls holding a slot.
    pub const fn count(&self) -> Count {
        Count { queued: self.queue.waiting(), running: self.queue.running() }
    }

    /// The same by level as it is now, indexed as [`Level::ALL`].
    pub const fn by_level(&self) -> [Count; 5] {
        self.queue.by_level()
    }

    /// Figures of a lane; nothing where it is not open. `None` where there is none, nor any after it.
    pub fn lane(&self, lane: LaneId) -> Option<Option<LaneStatus>> {
        self.queue.lane_status(lane)
    }

    /// Figures of each open lane.
    pub fn lanes(&self) -> impl Iterator<Item = LaneStatus> + '_ {
        self.queue.lanes()
    }

    /// How long the oldest waiting call has waited.
    pub fn oldest_wait(&self, now: Time) -> Duration {
        let arrivals = self.records.parked().filter_map(|(id, _)| self.queue.arrival_of(id));
        arrivals.map(|arrived| now.since(arrived)).fold(self.queue.oldest_wait(now), Duration::max)
    }

    /// What became of calls so far.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The caller has the headers. Whether the body holds the slot.
    fn begin_body(&mut self, id: CallId, body: Body, now: Time) -> bool {
        self.totals.completed += 1;
        if let Body::Sized(bytes) = body {
            self.received(bytes);
        }
        let stage = match body {
            Body::Endless => Stage::Streaming,
            Body::Sized(bytes) if bytes > SMALL_BODY => Stage::Unread { until: now.after(UNREAD_LIMIT) },
            Body::Unknown => Stage::Unread { until: now.after(UNREAD_LIMIT) },
            Body::None | Body::Sized(_) => {
                self.end(id);
                return false;
            }
        };
        if self.queue.flags_of(id).has(CallFlags::UNTIL_HEADERS) {
            self.end(id);
            return false;
        }
        if let (Stage::Streaming, Some(lane)) = (stage, self.queue.lane_of(id)) {
            self.queue.add_stream(lane);
        }
        self.records.put(id, Record { stage, ..Record::default() });
        true
    }

    fn yield_slot(&mut self, lane: LaneId, now: Time) {
        if let Some(id) = self.victim(Some(lane)) {
            self.preempt(id, now);
            self.queue.add_foreign_slot(lane);
        }
    }

    fn stage(&self, id: CallId) -> Option<Stage> {
        self.records.get(id).map(|record| record.stage)
    }

    /// Gives the slots of endless bodies to others where they hold too many: also because there are fewer slots by now.
    fn release_streams(&mut self) {
        while let Some(id) = self.excess_stream() {
            self.actions.push_back(Action::ReleaseSlot(id, Released::Streams));
            self.end(id);
        }
    }

    /// The youngest of those.
    fn excess_stream(&self) -> Option<CallId> {
        // Nearly always there is none, and then no record is looked at.
        if self.queue.streams() == 0 {
            return None;
        }
        let streams = self.records.running().filter(|(_, stage)| *stage == Stage::Streaming);
        let ids = streams.map(|(id, _)| id).filter(|&id| {
            let lane = self.queue.lane_of(id);
            lane.is_some_and(|lane| self.queue.has_excess_streams(lane, STREAMS_PER_LANE))
        });
        ids.max_by_key(|&id| self.queue.arrival_of(id))
    }

    fn reading(&mut self, id: CallId) {
        if let Some(Stage::Unread { .. }) = self.stage(id) {
            self.records.put(id, Record { stage: Stage::Reading, ..Record::default() });
        }
    }

    fn body_ended(&mut self, id: CallId) {
        // A call whose headers were never told of is not settled, so its body cannot have ended.
        if self.stage(id).is_some_and(Stage::is_answered) {
            self.end(id);
        }
    }

    fn settled(&mut self, id: CallId, outcome: Outcome, now: Time) {
        if !self.queue.contains(id) {
            return;
        }
        match outcome {
            // Streams that are refused fail like anything else.
            Outcome::Failed => self.report_outcome(id, Verdict::LOST, now),
            Outcome::Completed => self.report_outcome(id, Verdict::SUCCESS, now),
            Outcome::Unsent => self.unsent(id, now),
            Outcome::Cancelled | Outcome::Offline => self.report_outcome(id, Verdict::NOTHING, now),
        }
        // Once the caller has the headers, what comes is the end of the body, whatever it is called.
        if !self.stage(id).is_some_and(Stage::is_answered) {
            match outcome {
                Outcome::Completed => self.totals.completed += 1,
                Outcome::Failed | Outcome::Offline => self.totals.failed += 1,
                Outcome::Cancelled | Outcome::Unsent => self.totals.cancelled += 1,
            }
        }
        self.end(id);
    }

    /// Turns all away that wait, in a lane or in all: in order of arrival, and then those beside the line.
    fn refuse_waiting(&mut self, lane: Option<LaneId>, why: Refusal) {
        while let Some(id) = self.queue.eldest(lane) {
            self.refuse(id, why);
        }
        for id in self.parked(|_| true) {
            if lane.is_none_or(|lane| self.queue.lane_of(id) == Some(lane)) {
                self.refuse(id, why);
            }
        }
    }

    fn parked(&self, which: fn(Stage) -> bool) -> Vec<CallId> {
        self.records.parked().filter(|&(_, stage)| which(stage)).map(|(id, _)| id).collect()
    }

    fn refuse(&mut self, id: CallId, why: Refusal) {
        match why {
            Refusal::Cleared => self.totals.cancelled += 1,
            Refusal::Shed(_) => self.totals.shed += 1,
            Refusal::QueueFull | Refusal::TimedOut | Refusal::CircuitOpen(_) => self.totals.failed += 1,
        }
        self.actions.push_back(Action::Reject(id, why));
        self.end(id);
    }

    /// Emergencies are not turned away for want of room: at most slots keep them waiting.
    fn turn_away_overflow(&mut self, newcomer: CallId) {
        if self.high_water.is_none_or(|most| self.queue.waiting() <= most) || !self.queue.waits(newcomer) {
            return;
        }
        let victim = match self.strategy {
            Strategy::Reject => Some(newcomer),
            Strategy::DropLowest => self.queue.worst(),
        };
        if let Some(id) = victim.filter(|&id| self.queue.priority_of(id) != Some(Priority::EMERGENCY)) {
            self.refuse(id, Refusal::QueueFull);
        }
    }

    /// Does what is due by now, then starts the calls that may.
    fn work_off(&mut self, now: Time) {
        self.watch_time(now);
        while let Some((_, id)) = self.records.first_due().filter(|(at, _)| *at <= now) {
            self.time_is_up(id, now);
        }
        while let Some(&(lane, _)) = self.suspended.iter().find(|(_, at)| *at <= now) {
            self.settle_gate(lane, now);
        }
        self.release_streams();
        // Also where nothing may start: who is dropped, and what is counted, goes by priorities as they are now.
        self.queue.demote(now);
        if !self.paused {
            while let Some(id) = self.queue.take_next(now).or_else(|| self.preempt_for_emergency(now)) {
                self.begin(id, now, now);
                self.announce(id);
            }
        }
    }

    fn time_is_up(&mut self, id: CallId, now: Time) {
        let Some(record) = self.records.get(id) else { return };
        match record.stage {
            Stage::Unread { .. } | Stage::Reading | Stage::Streaming => {
                self.actions.push_back(Action::ReleaseSlot(id, Released::Unread));
                self.end(id);
            }
            _ if record.limit() <= now => {
                self.report_outcome(id, Verdict::FAILURE, now);
                self.refuse(id, Refusal::TimedOut);
            }
            Stage::Sent { since, permit, reported, .. } => {
                self.actions.push_back(Action::Expire(id));
                self.records.set_stage(id, Stage::Sent { since, until: Time::NEVER, permit, reported });
                self.failed(id, Cause::Expired, now);
            }
            // It has no deadline but that of the call, which was looked at above.
            Stage::Asking { .. } => {}
            Stage::Queued | Stage::Delayed { .. } | Stage::Offline => {
                self.queue.unpark(id);
                self.records.set_stage(id, Stage::Queued);
            }
        }
    }

    /// Takes a slot from a call that can be sent again, for the first emergency that such a slot helps.
    fn preempt_for_emergency(&mut self, now: Time) -> Option<CallId> {
        let blocked = self.queue.blocked_emergencies();
        // Where no call can give its slot up, no lane is asked; and all that the common limit holds up get the same victim.
        let any = LazyCell::new(|| self.victim(None));
        let helped = blocked.filter_map(|(arrived, id, full)| {
            let victim = any.and_then(|any| if full.is_some() { self.victim(full) } else { Some(any) });
            Some((arrived, id, victim?))
        });
        let (_, emergency, victim) = helped.min()?;
        self.preempt(victim, now);
        // The breaker of its lane may have turned it away since.
        self.queue.take(emergency)
    }

    /// Of those whose caller has nothing yet and that can be sent again: the youngest of the lowest level below high.
    fn victim(&self, lane: Option<LaneId>) -> Option<CallId> {
        let candidates = self.records.running().filter(|&(id, stage)| {
            stage.is_attempted()
                && self.queue.flags_of(id).has(CallFlags::REPEATABLE)
                && lane.is_none_or(|lane| self.queue.lane_of(id) == Some(lane))
        });
        let ranked = candidates.filter_map(|(id, _)| {
            let level = self.queue.priority_of(id)?.level();
            Some((level, std::cmp::Reverse(self.queue.arrival_of(id)?), id))
        });
        ranked.filter(|(level, ..)| *level < Level::High).min().map(|(.., id)| id)
    }

    /// Back to its place, with its age.
    fn preempt(&mut self, id: CallId, now: Time) {
        self.report_outcome(id, Verdict::NOTHING, now);
        match self.records.get(id) {
            Some(record) if !record.is_plain() => {
                // It had been sent in time, and is not to lose more than its slot.
                let record = Record { stage: Stage::Queued, wait_until: Time::NEVER, ..record.clone() };
                self.records.put(id, record);
            }
            _ => drop(self.records.remove(id)),
        }
        self.queue.put_back(id);
        self.totals.preempted += 1;
        self.actions.push_back(Action::Preempt(id));
        self.look_at_gate(id, now);
    }

    /// An attempt begins, or began at `since`: its clock runs.
    fn begin(&mut self, id: CallId, since: Time, now: Time) {
        let record = self.records.get(id).cloned().unwrap_or_default();
        let permit = self.enter_gate(id, record.retries, now);
        if let Some(lane) = self.queue.lane_of(id) {
            self.watch_sent(id, lane, now);
        }
        let limit = record.attempt;
        let longest = if limit < Duration::MAX { limit.mul_f64(self.time_factor()) } else { limit };
        let stage = Stage::Sent { since, until: now.after(longest), permit, reported: false };
        self.records.put(id, Record { stage, ..record });
    }

    fn announce(&mut self, id: CallId) {
        let level = self.queue.priority_of(id).map_or(Level::Normal, Priority::level);
        self.actions.push_back(Action::Start(id, level));
    }

    /// The call is over for us, wherever it was: nothing of it stays.
    fn end(&mut self, id: CallId) {
        let lane = self.queue.lane_of(id);
        let stage = self.records.remove(id).map(|record| record.stage);
        if let (Some(Stage::Streaming), Some(lane)) = (stage, lane) {
            self.queue.remove_stream(lane);
        }
        self.queue.remove(id);
        if let Some(lane) = lane.filter(|&lane| self.queue.is_idle(lane)) {
            self.park_idle_lane(lane);
        }
    }

    /// The lane is idle: it is remembered until others have been idle for a shorter time.
    fn park_idle_lane(&mut self, lane: LaneId) {
        self.queue.shrink_lane(lane);
        self.idle.push_back(lane);
    }

    /// Closes the longest idle lane when there are too many. Not before this is told outside: until then, whoever
    /// knows the lane may go on using it.
    fn forget_lane(&mut self) -> Option<Action> {
        let lane = (self.idle.len() > IDLE_LANES).then(|| self.idle.pop_front())??;
        self.queue.close_lane(lane);
        Some(Action::Forget(lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::option::{Number, Options};
    use crate::retry::Jitter;

    const MS: Duration = Duration::from_millis(1);

    fn at(millis: u32) -> Time {
        Time::ZERO.after(MS * millis)
    }

    struct Rig {
        core: Scheduler,
        lane: LaneId,
    }

    impl Rig {
        fn new(change: impl FnOnce(&mut Config)) -> Self {
            // It would wake them every five seconds.
            let mut config = Config { monitor: None, ..Config::default() };
            change(&mut config);
            let mut core = Scheduler::new(&config);
            let lane = core.open_lane();
            Self { core, lane }
        }

        fn get(&mut self, level: Level) -> CallId {
            let call =
                Submission { flags: CallFlags::REPEATABLE, ..Submission::new(self.lane, level.into()) };
            self.core.submit(call, Time::ZERO)
        }

        fn emergency(&mut self) -> CallId {
            self.core.submit(Submission::new(self.lane, Priority::EMERGENCY), Time::ZERO)
        }

        fn actions(&mut self) -> Vec<Action> {
            std::iter::from_fn(|| self.core.poll_action()).collect()
        }
    }

    #[test]
    fn the_next_starts_when_a_body_has_ended_not_with_the_headers() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        let [a, b] = [0, 1].map(|_| rig.get(Level::Normal));
        rig.core.handle(Event::Answered(a, Answer::new(200, Body::Unknown)), at(1));
        rig.core.handle(Event::Reading(a), at(2));
        assert_eq!(rig.actions(), [Action::Start(a, Level::Normal), Action::Deliver(a, true)]);
        rig.core.handle(Event::BodyEnded(a), at(3));
        assert_eq!(rig.actions(), [Action::Start(b, Level::Normal)]);
        assert_eq!(rig.core.poll_timeout(), None);
    }

    #[test]
    fn a_small_body_or_none_frees_the_slot_with_the_headers() {
        for body in [Body::None, Body::Sized(SMALL_BODY)] {
            let mut rig = Rig::new(|config| config.per_lane = Some(1));
            let [a, b] = [0, 1].map(|_| rig.get(Level::Normal));
            rig.core.handle(Event::Answered(a, Answer::new(200, body)), at(1));
            assert_eq!(rig.actions().last(), Some(&Action::Start(b, Level::Normal)));
        }
    }

    #[test]
    fn the_slot_of_a_body_that_nobody_reads_is_lent_out_after_ten_seconds() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        let [a, b] = [0, 1].map(|_| rig.get(Level::Normal));
        rig.core.handle(Event::Answered(a, Answer::new(200, Body::Sized(SMALL_BODY + 1))), at(5));
        rig.actions();
        assert_eq!(rig.core.poll_timeout(), Some(at(10_005)));
        rig.core.handle(Event::Woke, at(10_004));
        assert_eq!(rig.actions(), []);
        rig.core.handle(Event::Woke, at(10_005));
        assert_eq!(rig.actions(), [Action::ReleaseSlot(a, Released::Unread), Action::Start(b, Level::Low)]);
    }

    #[test]
    fn endless_bodies_hold_two_slots_of_a_lane_and_no_more() {
        let mut rig = Rig::new(|_| {});
        let streams = [0, 1, 2].map(|_| rig.get(Level::Normal));
        rig.actions();
        for id in streams {
            rig.core.handle(Event::Answered(id, Answer::new(200, Body::Endless)), at(1));
        }
        assert_eq!(rig.actions()[3..], [Action::ReleaseSlot(streams[2], Released::Streams)]);
        assert_eq!(rig.core.count().running, 2);
    }

    impl Rig {
        /// So many calls whose bodies never end.
        fn streams(&mut self, count: u32) -> Vec<CallId> {
            let streams: Vec<_> = (0..count).map(|_| self.get(Level::Normal)).collect();
            for &id in &streams {
                self.core.handle(Event::Answered(id, Answer::new(200, Body::Endless)), at(1));
            }
            streams
        }
    }

    #[test]
    fn endless_bodies_never_hold_the_last_slot_of_a_lane() {
        for (per_lane, held) in [(1, 0), (2, 1), (3, 2), (6, 2)] {
            let mut rig = Rig::new(|config| config.per_lane = Some(per_lane));
            rig.streams(4);
            assert_eq!(rig.core.count(), Count { queued: 0, running: held }, "of {per_lane} slots");
        }
    }

    #[test]
    fn endless_bodies_of_several_lanes_never_hold_the_last_slot_of_all() {
        let mut rig = Rig::new(|config| config.concurrency = Some(2));
        rig.streams(1);
        rig.lane = rig.core.open_lane();
        let [stream] = rig.streams(1)[..] else { panic!("one was wanted") };
        let call = rig.get(Level::Normal);
        assert_eq!(
            rig.actions()[4..],
            [Action::ReleaseSlot(stream, Released::Streams), Action::Start(call, Level::Normal)]
        );
    }

    #[test]
    fn endless_bodies_lend_their_slots_when_there_are_fewer_of_them() {
        let mut rig = Rig::new(|_| {});
        let streams = rig.streams(2);
        rig.actions();
        rig.core.handle(Event::Concurrency(Some(2)), at(2));
        assert_eq!(rig.actions(), [Action::ReleaseSlot(streams[1], Released::Streams)]);
        rig.core.handle(Event::Concurrency(Some(1)), at(3));
        assert_eq!(rig.actions(), [Action::ReleaseSlot(streams[0], Released::Streams)]);
        let shared = rig.streams(2);
        rig.actions();
        rig.core.handle(Event::Concurrency(None), at(4));
        rig.core.handle(Event::Protocol(rig.lane, Protocol::Multiplexed), at(4));
        let more = rig.streams(6);
        assert_eq!(rig.core.count().running, 6, "a quarter of 24: {shared:?}, {more:?}");
        rig.core.handle(Event::Protocol(rig.lane, Protocol::Serial), at(5));
        assert_eq!(rig.core.count().running, 2);
    }

    #[test]
    fn endless_bodies_leave_a_slot_where_others_outside_hold_the_rest() {
        let mut rig = Rig::new(|config| config.per_lane = Some(2));
        let [stream] = rig.streams(1)[..] else { panic!("one was wanted") };
        rig.core.handle(Event::ForeignSlots(rig.lane, 0, Some(2)), at(2));
        assert!(rig.core.contains(stream));
        rig.core.handle(Event::ForeignSlots(rig.lane, 1, Some(2)), at(3));
        assert!(!rig.core.contains(stream), "the other one may be a stream, too, and never end");
    }

    /// Back-off without jitter.
    fn plain() -> RetryConfig {
        let mut config = RetryConfig::default();
        config.jitter = Jitter::Share(0.0);
        config
    }

    /// A GET of the page's own origin, under rules.
    fn resendable(lane: LaneId, rules: RetryConfig) -> Submission {
        let flags = CallFlags::RESENDABLE.and(CallFlags::SAME_ORIGIN).and(CallFlags::HEEDFUL);
        Submission { flags, rules: Some(Rc::new(rules)), ..Submission::new(lane, Level::Normal.into()) }
    }

    impl Rig {
        fn resendable(&mut self, rules: RetryConfig) -> CallId {
            self.core.submit(resendable(self.lane, rules), Time::ZERO)
        }

        fn refused(&mut self, id: CallId, retry_after: Option<Duration>, now: Time) {
            self.core
                .handle(Event::Answered(id, Answer { retry_after, ..Answer::new(503, Body::None) }), now);
        }
    }

    /// What the first retry among actions waits.
    fn retry(actions: &[Action]) -> Option<Duration> {
        actions.iter().find_map(|action| match action {
            Action::Retry(_, delay) => Some(*delay),
            _ => None,
        })
    }

    #[test]
    fn a_pause_shorter_than_the_back_off_does_not_shorten_it() {
        for (asked, least) in [(0, 300), (50, 300), (299, 300), (1_000, 1_000)] {
            let mut rig = Rig::new(|_| {});
            let call = rig.resendable(plain());
            rig.refused(call, Some(MS * asked), at(0));
            let delay = retry(&rig.actions()).unwrap();
            assert!(
                delay >= MS * least && delay <= MS * (least + least / 10),
                "asked for {asked}: {delay:?}"
            );
            rig.core.handle(Event::Woke, Time::ZERO.after(delay.saturating_sub(Duration::from_nanos(1))));
            assert_eq!(rig.actions(), [], "asked for {asked}");
            rig.core.handle(Event::Woke, Time::ZERO.after(delay));
            assert_eq!(rig.actions(), [Action::Start(call, Level::Normal)]);
        }
    }

    #[test]
    fn a_refusal_whose_pause_is_not_made_counts_against_the_breaker() {
        for (asked, state) in [
            (None, State::Open),
            (Some(Duration::ZERO), State::Open),
            (Some(Duration::from_secs(61)), State::Open),
            (Some(Duration::MAX), State::Open),
            (Some(MS), State::Closed),
            (Some(Duration::from_secs(60)), State::Closed),
        ] {
            let mut rig = Rig::new(|config| config.breaker = Some(BreakerConfig::default()));
            for call in (0..5).map(|_| rig.resendable(plain())).collect::<Vec<_>>() {
                rig.refused(call, asked, at(1));
            }
            assert_eq!(rig.core.breaker_of(rig.lane, at(1)), state, "{asked:?}");
        }
    }

    #[test]
    fn retries_that_are_asked_for_at_once_count_against_limit_and_budget() {
        let mut rig = Rig::new(|_| {});
        let call = rig.resendable(plain());
        let mut now = Time::ZERO;
        let mut delays = Vec::new();
        loop {
            rig.refused(call, Some(Duration::ZERO), now);
            let Some(delay) = retry(&rig.actions()) else { break };
            delays.push(delay.as_millis());
            now = now.after(delay);
            rig.core.handle(Event::Woke, now);
        }
        assert_eq!(delays, [300, 600, 1_200]);
        let mut options = Options::default();
        options.set(Number::BudgetShare, 0.0).unwrap();
        options.set(Number::BudgetFloor, 0.1).unwrap();
        let mut rig = Rig::new(|_| {});
        for call in (0..4).map(|_| rig.resendable(RetryConfig::of(&options))).collect::<Vec<_>>() {
            rig.refused(call, Some(Duration::ZERO), at(1));
        }
        assert_eq!(rig.core.totals().retries, 1);
    }

    #[test]
    fn what_is_not_to_be_tried_again_is_delivered_or_given_up() {
        let flags = CallFlags::RESENDABLE.and(CallFlags::SAME_ORIGIN).and(CallFlags::HEEDFUL);
        for (missing, leaving) in [
            (CallFlags::RESENDABLE, false),
            (CallFlags::SAME_ORIGIN, false),
            (CallFlags::HEEDFUL, false),
            (CallFlags::NONE, true),
        ] {
            let mut rig = Rig::new(|_| {});
            let bits = (0..6).map(|bit| 1 << bit).map(CallFlags::from_bits);
            let left = bits.filter(|&flag| flags.has(flag) && flag != missing);
            let call = Submission {
                flags: left.fold(CallFlags::NONE, CallFlags::and),
                ..Submission::new(rig.lane, Level::Normal.into())
            };
            let id = rig.core.submit(call, at(0));
            rig.core.handle(Event::Leaving(leaving), at(0));
            rig.actions();
            rig.core.handle(Event::Failed(id, Cause::NoResponse), at(1));
            assert_eq!(rig.actions(), [Action::GiveUp(id)], "without {missing:?}");
            assert_eq!(rig.core.totals().failed, 1);
        }
        let mut rig = Rig::new(|_| {});
        let [a, b] = [0, 1].map(|_| rig.resendable(plain()));
        rig.actions();
        rig.core.handle(Event::Answered(a, Answer::new(404, Body::None)), at(1));
        rig.core.handle(Event::Answered(b, Answer::new(404, Body::Unknown)), at(1));
        assert_eq!(rig.actions(), [Action::Deliver(a, false), Action::Deliver(b, true)]);
    }

    #[test]
    fn an_attempt_that_takes_too_long_is_followed_by_another_at_once_decided() {
        let mut rig = Rig::new(|_| {});
        let call = Submission { attempt: Some(MS * 50), ..resendable(rig.lane, plain()) };
        let id = rig.core.submit(call, at(0));
        rig.actions();
        rig.core.handle(Event::Woke, at(50));
        assert_eq!(rig.actions(), [Action::Expire(id), Action::Retry(id, MS * 300)]);
        assert_eq!(rig.core.poll_timeout(), Some(at(350)));
    }

    impl Rig {
        /// A call whose caller is asked, and was.
        fn asking(&mut self, change: impl FnOnce(&mut Submission)) -> CallId {
            let mut call = resendable(self.lane, plain());
            call.flags = call.flags.and(CallFlags::ASKS).and(CallFlags::REPEATABLE);
            change(&mut call);
            let id = self.core.submit(call, Time::ZERO);
            self.actions();
            self.core.handle(Event::Failed(id, Cause::Offline), at(1));
            assert_eq!(self.actions(), [Action::Ask(id)]);
            assert_eq!(self.core.count(), Count { queued: 0, running: 1 }, "it holds its slot");
            id
        }
    }

    #[test]
    fn whoever_is_asked_may_say_no_or_answer_late() {
        let mut rig = Rig::new(|_| {});
        let id = rig.asking(|_| {});
        rig.core.handle(Event::Permitted(id, false), at(2));
        assert_eq!(rig.actions(), [Action::GiveUp(id)]);
        let id = rig.asking(|call| call.total = Some(MS * 10));
        rig.core.handle(Event::Woke, at(10));
        assert_eq!(rig.actions(), [Action::Reject(id, Refusal::TimedOut)]);
        rig.core.handle(Event::Permitted(id, true), at(11));
        assert_eq!(rig.actions(), []);
    }

    #[test]
    fn a_network_that_came_back_while_somebody_was_asked_is_not_waited_for() {
        let mut rig = Rig::new(|_| {});
        let id = rig.asking(|_| {});
        rig.core.handle(Event::Online, at(2));
        rig.core.handle(Event::Permitted(id, true), at(3));
        assert_eq!(rig.actions(), [Action::Retry(id, Duration::ZERO), Action::Start(id, Level::Normal)]);
    }

    #[test]
    fn an_emergency_takes_the_slot_of_a_call_about_which_somebody_is_asked() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        let id = rig.asking(|_| {});
        let emergency = rig.emergency();
        assert_eq!(rig.actions(), [Action::Preempt(id), Action::Start(emergency, Level::Critical)]);
        rig.core.handle(Event::Permitted(id, true), at(3));
        assert_eq!(rig.actions(), [], "it waits already");
    }

    #[test]
    fn a_pause_takes_no_slot_from_the_streams_that_may_have_it() {
        let mut rig = Rig::new(|_| {});
        rig.core.handle(Event::Protocol(rig.lane, Protocol::Multiplexed), at(0));
        let streams = rig.streams(6);
        let refused = rig.resendable(plain());
        rig.actions();
        rig.refused(refused, Some(MS * 500), at(2));
        assert!(retry(&rig.actions()).is_some());
        rig.core.handle(Event::Woke, at(1_000));
        assert!(streams.iter().all(|&id| rig.core.contains(id)));
    }

    #[test]
    fn a_lane_with_open_streams_comes_back_from_a_pause() {
        let mut rig = Rig::new(|_| {});
        rig.streams(2);
        let refused = rig.resendable(plain());
        rig.actions();
        rig.refused(refused, Some(MS * 500), at(2));
        assert!(retry(&rig.actions()).is_some());
        rig.actions();
        rig.core.handle(Event::Woke, at(1_000));
        assert_eq!(rig.actions(), [Action::Start(refused, Level::Normal)]);
    }

    #[test]
    fn an_emergency_takes_the_slot_of_the_least_urgent_youngest_that_can_be_repeated() {
        let mut rig = Rig::new(|config| config.per_lane = Some(3));
        let old = rig.get(Level::Background);
        let young = rig.get(Level::Background);
        let post = rig.core.submit(Submission::new(rig.lane, Level::Background.into()), Time::ZERO);
        rig.actions();
        let emergency = rig.emergency();
        assert_eq!(rig.actions(), [Action::Preempt(young), Action::Start(emergency, Level::Critical)]);
        rig.core.handle(Event::Settled(old, Outcome::Completed), at(1));
        assert_eq!(rig.actions(), [Action::Start(young, Level::Background)]);
        assert!(rig.core.contains(post));
    }

    #[test]
    fn an_emergency_takes_nothing_from_those_who_have_an_answer_or_are_urgent() {
        let mut rig = Rig::new(|config| config.per_lane = Some(2));
        let answered = rig.get(Level::Background);
        let high = rig.get(Level::High);
        rig.core.handle(Event::Answered(answered, Answer::new(200, Body::Unknown)), at(1));
        let waiting = rig.get(Level::Critical);
        rig.actions();
        let emergency = rig.emergency();
        assert_eq!(rig.actions(), []);
        rig.core.handle(Event::Settled(high, Outcome::Failed), at(2));
        assert_eq!(rig.actions(), [Action::Start(emergency, Level::Critical)]);
        assert!(rig.core.waits(waiting));
    }

    #[test]
    fn time_limits_end_waiting_and_running_calls_but_not_bodies() {
        let mut rig = Rig::new(|config| config.per_lane = Some(2));
        let limited = Submission { total: Some(MS * 50), ..Submission::new(rig.lane, Level::Normal.into()) };
        let answered = rig.core.submit(limited.clone(), at(0));
        let running = rig.core.submit(limited.clone(), at(0));
        let waiting = rig.core.submit(limited.clone(), at(0));
        rig.core.handle(Event::Answered(answered, Answer::new(200, Body::Unknown)), at(1));
        rig.actions();
        rig.core.handle(Event::Woke, at(50));
        let refused = [running, waiting].map(|id| Action::Reject(id, Refusal::TimedOut));
        assert_eq!(rig.actions(), refused);
        assert_eq!(rig.core.count(), Count { queued: 0, running: 1 });
    }

    #[test]
    fn the_clock_of_an_attempt_starts_with_it() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        let limited =
            Submission { attempt: Some(MS * 50), ..Submission::new(rig.lane, Level::Normal.into()) };
        let [a, b] = [0, 1].map(|_| rig.core.submit(limited.clone(), at(0)));
        assert_eq!(rig.core.poll_timeout(), Some(at(50)));
        rig.core.handle(Event::Settled(a, Outcome::Completed), at(30));
        assert_eq!(rig.core.poll_timeout(), Some(at(80)));
        rig.core.handle(Event::Woke, at(80));
        assert_eq!(rig.actions()[2..], [Action::Expire(b), Action::GiveUp(b)]);
        assert_eq!(rig.core.poll_timeout(), None);
    }

    #[test]
    fn above_high_water_the_newcomer_is_turned_away_but_no_emergency() {
        let mut rig = Rig::new(|config| {
            config.per_lane = Some(1);
            config.high_water = Some(1);
        });
        let [_running, _waiting, newcomer] = [0, 1, 2].map(|_| rig.get(Level::Normal));
        assert_eq!(rig.actions().last(), Some(&Action::Reject(newcomer, Refusal::QueueFull)));
        let emergency = rig.emergency();
        assert!(rig.core.contains(emergency));
    }

    #[test]
    fn drop_lowest_turns_the_least_urgent_youngest_away() {
        let mut rig = Rig::new(|config| {
            config.per_lane = Some(1);
            config.high_water = Some(2);
            config.strategy = Strategy::DropLowest;
        });
        let [_running, _low, younger_low] = [0, 1, 2].map(|_| rig.get(Level::Low));
        rig.get(Level::High);
        assert_eq!(rig.actions().last(), Some(&Action::Reject(younger_low, Refusal::QueueFull)));
        let background = rig.get(Level::Background);
        assert_eq!(rig.actions(), [Action::Reject(background, Refusal::QueueFull)]);
    }

    #[test]
    fn drop_lowest_turns_no_emergency_away_even_where_nothing_else_waits() {
        let mut rig = Rig::new(|config| {
            config.per_lane = Some(1);
            config.high_water = Some(0);
            config.strategy = Strategy::DropLowest;
        });
        rig.get(Level::High);
        let emergency = rig.emergency();
        assert!(rig.core.waits(emergency));
    }

    #[test]
    fn what_waits_too_long_in_a_pause_sinks_and_is_dropped_before_the_younger() {
        let mut rig = Rig::new(|config| {
            config.high_water = Some(1);
            config.strategy = Strategy::DropLowest;
        });
        rig.core.handle(Event::Paused, at(0));
        let high = rig.get(Level::High);
        rig.core.submit(Submission::new(rig.lane, Level::Normal.into()), at(5_001));
        assert_eq!(rig.actions(), [Action::Reject(high, Refusal::QueueFull)]);
    }

    #[test]
    fn a_pause_starts_nothing_and_clear_works_in_it() {
        let mut rig = Rig::new(|_| {});
        rig.core.handle(Event::Paused, at(0));
        let [a, b] = [Level::Low, Level::Critical].map(|level| rig.get(level));
        assert_eq!(rig.actions(), []);
        rig.core.handle(Event::Cleared, at(1));
        assert_eq!(rig.actions(), [a, b].map(|id| Action::Reject(id, Refusal::Cleared)));
        let c = rig.get(Level::Normal);
        rig.core.handle(Event::Resumed, at(2));
        assert_eq!(rig.actions(), [Action::Start(c, Level::Normal)]);
    }

    #[test]
    fn a_call_that_must_not_wait_counts_but_does_not_wait() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        let running = rig.get(Level::Normal);
        let call = Submission { immediate: true, ..Submission::new(rig.lane, Level::Normal.into()) };
        let beacon = rig.core.submit(call, at(0));
        let waiting = rig.get(Level::Normal);
        assert_eq!(rig.core.count(), Count { queued: 1, running: 2 });
        rig.core.handle(Event::Settled(running, Outcome::Completed), at(1));
        assert!(rig.core.waits(waiting), "the lane is still full");
        rig.core.handle(Event::Settled(beacon, Outcome::Completed), at(2));
        assert!(!rig.core.waits(waiting));
    }

    #[test]
    fn the_room_of_many_actions_is_given_back() {
        let mut rig = Rig::new(|_| {});
        for _ in 0..5_000 {
            rig.get(Level::Normal);
        }
        rig.core.handle(Event::Cleared, at(1));
        assert_eq!(rig.actions().len(), 5_000, "six starts, the others are turned away");
        assert_eq!(rig.core.actions.capacity(), 0);
    }

    #[test]
    fn idle_lanes_are_remembered_in_bounds() {
        let mut rig = Rig::new(|_| {});
        let lanes: Vec<_> = (0..=IDLE_LANES).map(|_| rig.core.open_lane()).collect();
        assert_eq!(rig.actions(), [rig.lane, lanes[0]].map(Action::Forget));
        assert_eq!(rig.core.lanes().count(), IDLE_LANES);
        let call = Submission::new(rig.lane, Level::Normal.into());
        let id = rig.core.submit(call, at(0));
        assert!(rig.core.contains(id), "a call for a forgotten lane is not lost");
    }

    #[test]
    fn a_lane_is_forgotten_when_it_is_told_and_not_before() {
        let mut rig = Rig::new(|_| {});
        let lanes: Vec<_> = (0..=IDLE_LANES).map(|_| rig.core.open_lane()).collect();
        // Two are to go, but nobody has heard of it: they are the same lanes as before, and no other one gets their ids.
        rig.core.submit(Submission::new(rig.lane, Level::Normal.into()), at(0));
        let new = rig.core.open_lane();
        assert_eq!(rig.core.running_in(rig.lane), 1);
        assert!(new != rig.lane && !lanes.contains(&new));
        assert_eq!(rig.actions()[1..], [lanes[0], lanes[1]].map(Action::Forget));
    }

    #[test]
    fn a_lane_does_not_keep_the_room_of_a_rush() {
        let mut rig = Rig::new(|_| {});
        for _ in 0..5_000 {
            rig.get(Level::Normal);
        }
        let started = rig.actions();
        rig.core.handle(Event::Cleared, at(1));
        for action in started {
            if let Action::Start(id, _) = action {
                rig.core.handle(Event::Settled(id, Outcome::Completed), at(2));
            }
        }
        assert_eq!(rig.core.count(), Count::default());
        assert!(rig.core.queue.room_of(rig.lane) <= 1024);
    }

    #[test]
    fn a_lane_gives_way_to_an_emergency_outside_and_keeps_the_slot_for_it() {
        let mut rig = Rig::new(|config| config.per_lane = Some(2));
        let [_high, low] = [Level::High, Level::Low].map(|level| rig.get(level));
        assert_eq!(rig.core.preemptible(rig.lane), Some(Level::Low));
        rig.core.handle(Event::ForeignSlots(rig.lane, 0, Some(2)), at(0));
        rig.actions();
        rig.core.handle(Event::YieldSlot(rig.lane), at(1));
        assert_eq!(rig.actions(), [Action::Preempt(low)]);
        assert_eq!(rig.core.preemptible(rig.lane), None, "a high one gives its slot to nobody");
        rig.core.handle(Event::YieldSlot(rig.lane), at(1));
        assert_eq!(rig.actions(), []);
        rig.core.handle(Event::ForeignSlots(rig.lane, 0, Some(2)), at(2));
        assert_eq!(rig.actions(), [Action::Start(low, Level::Low)]);
        assert_eq!(rig.core.totals().preempted, 1);
    }

    #[test]
    fn a_pre_empted_call_keeps_its_time_limits() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        let call = Submission {
            flags: CallFlags::REPEATABLE,
            total: Some(MS * 50),
            attempt: Some(MS * 40),
            ..Submission::new(rig.lane, Level::Low.into())
        };
        let low = rig.core.submit(call, at(0));
        let emergency = rig.emergency();
        assert_eq!(rig.core.poll_timeout(), Some(at(50)), "the attempt is over, the call is not");
        rig.core.handle(Event::Settled(emergency, Outcome::Completed), at(20));
        rig.actions();
        rig.core.handle(Event::Woke, at(50));
        assert_eq!(rig.actions(), [Action::Reject(low, Refusal::TimedOut)]);
        assert_eq!(rig.core.poll_timeout(), None);
    }

    #[test]
    fn emergencies_in_one_full_lane_do_not_hinder_those_of_another() {
        let mut rig = Rig::new(|config| config.per_lane = Some(1));
        rig.get(Level::High);
        let hopeless = rig.emergency();
        let other = rig.core.open_lane();
        let low = Submission { flags: CallFlags::REPEATABLE, ..Submission::new(other, Level::Low.into()) };
        let low = rig.core.submit(low, at(0));
        rig.actions();
        let helped = rig.core.submit(Submission::new(other, Priority::EMERGENCY), at(1));
        assert_eq!(rig.actions(), [Action::Preempt(low), Action::Start(helped, Level::Critical)]);
        assert!(rig.core.waits(hopeless));
    }

    #[test]
    fn what_the_common_limit_holds_up_is_helped_from_any_lane_what_its_lane_holds_up_is_not() {
        let mut rig = Rig::new(|config| (config.per_lane, config.concurrency) = (Some(1), Some(2)));
        rig.get(Level::High);
        let [other, third] = [0, 1].map(|_| rig.core.open_lane());
        let low = Submission { flags: CallFlags::REPEATABLE, ..Submission::new(other, Level::Low.into()) };
        let low = rig.core.submit(low, at(0));
        let hopeless = rig.emergency();
        rig.actions();
        let [helped, late] =
            [1, 2].map(|time| rig.core.submit(Submission::new(third, Priority::EMERGENCY), at(time)));
        assert_eq!(rig.actions(), [Action::Preempt(low), Action::Start(helped, Level::Critical)]);
        assert!(rig.core.waits(hopeless) && rig.core.waits(late), "nobody else gives a slot up");
    }
}
