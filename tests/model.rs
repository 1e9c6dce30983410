//! The scheduler's order against a model that is too simple to be wrong, and the properties the module
//! `queue` promises.
//!
//! The model keeps one list and scans it for everything. It is written from the documented rules.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sixlane::queue::{Count, Queue};
use sixlane::time::Duration;
use sixlane::{
    Action, Aging, Answer, Body, CallFlags, CallId, Config, Event, LaneId, Level, Outcome, Priority, Refusal,
    Scheduler, Strategy as Overflow, Submission, Time,
};
use std::cmp::Reverse;
use std::collections::BTreeMap;

const LANES: usize = 3;

/// One thing done to scheduler and model. An [`Index`] picks among the calls that it makes sense for.
#[derive(Clone, Debug)]
enum Op {
    Submit {
        lane: usize,
        priority: Priority,
        repeatable: bool,
        immediate: bool,
    },
    /// The caller has the headers and reads.
    Answer(Index),
    Finish(Index),
    Abort(Index),
    Reprioritise(Index, Priority),
    Advance(u32),
    Pause,
    Resume,
    Concurrency(Option<u32>),
    /// Others outside hold so many of so many slots.
    ForeignSlots(usize, u32, Option<u32>),
    YieldSlot(usize),
    Clear,
}

/// An [`Action`] with calls numbered in order of submission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Did {
    Start(usize, Level),
    Preempt(usize),
    Reject(usize, Refusal),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Waiting,
    Sent,
    Answered,
    Ended,
}

#[derive(Debug)]
struct Call {
    lane: usize,
    priority: Priority,
    arrived: Time,
    repeatable: bool,
    state: State,
}

#[derive(Debug)]
struct Model {
    config: Config,
    calls: Vec<Call>,
    paused: bool,
    last_arrival: Time,
    /// Slots held outside, and how many there are for all together.
    foreign: [(u32, Option<u32>); LANES],
    /// Starts of each lane since its oldest went.
    starts: [u32; LANES],
    /// Contested starts since the oldest of all went.
    contested: u32,
    did: Vec<Did>,
}

impl Model {
    fn new(config: &Config) -> Self {
        Self {
            config: *config,
            calls: Vec::new(),
            paused: false,
            last_arrival: Time::ZERO,
            foreign: [(0, None); LANES],
            starts: [0; LANES],
            contested: 0,
            did: Vec::new(),
        }
    }

    fn numbers(&self, which: impl Fn(&Call) -> bool) -> Vec<usize> {
        (0..self.calls.len()).filter(|&number| which(&self.calls[number])).collect()
    }

    fn waiting(&self) -> Vec<usize> {
        self.numbers(|call| call.state == State::Waiting)
    }

    fn running(&self) -> Vec<usize> {
        self.numbers(|call| matches!(call.state, State::Sent | State::Answered))
    }

    fn counts(&self) -> [Count; 5] {
        let count = |numbers: Vec<usize>, level| {
            numbers.into_iter().filter(|&number| self.calls[number].priority.level() == level).count() as u32
        };
        Level::ALL.map(|level| Count {
            queued: count(self.waiting(), level),
            running: count(self.running(), level),
        })
    }

    fn submit(&mut self, lane: usize, priority: Priority, repeatable: bool, immediate: bool, now: Time) {
        // No two arrive at the same time.
        self.last_arrival = now.max(self.last_arrival.next());
        let state = if immediate { State::Sent } else { State::Waiting };
        self.calls.push(Call { lane, priority, arrived: self.last_arrival, repeatable, state });
        self.go(now);
        let waiting = self.waiting();
        let newcomer = self.calls.len() - 1;
        if !waiting.contains(&newcomer)
            || self.config.high_water.is_none_or(|most| waiting.len() <= most as usize)
        {
            return;
        }
        let victim = match self.config.strategy {
            Overflow::Reject => newcomer,
            // The least urgent, the youngest among equals.
            Overflow::DropLowest => waiting
                .into_iter()
                .min_by_key(|&number| (self.calls[number].priority, Reverse(self.calls[number].arrived)))
                .expect("the newcomer waits"),
        };
        if self.calls[victim].priority != Priority::EMERGENCY {
            self.reject(victim, Refusal::QueueFull);
        }
    }

    fn reject(&mut self, number: usize, why: Refusal) {
        self.calls[number].state = State::Ended;
        self.did.push(Did::Reject(number, why));
    }

    fn clear(&mut self) {
        for number in self.waiting() {
            self.reject(number, Refusal::Cleared);
        }
    }

    /// Starts all that may.
    fn go(&mut self, now: Time) {
        loop {
            self.sink(now);
            let next = if self.paused { None } else { self.next().or_else(|| self.preempt()) };
            let Some(number) = next else { return };
            self.calls[number].state = State::Sent;
            self.did.push(Did::Start(number, self.calls[number].priority.level()));
        }
    }

    fn sink(&mut self, now: Time) {
        let Some(after) = self.config.aging.demote_after else { return };
        for number in self.waiting() {
            let call = &mut self.calls[number];
            let (high, normal) = (Level::High, Level::Normal);
            if [high, normal].contains(&call.priority.level()) && now.since(call.arrived) >= after {
                call.priority = Level::Low.into();
            }
        }
    }

    fn running_in(&self, lane: usize) -> u32 {
        self.running().into_iter().filter(|&number| self.calls[number].lane == lane).count() as u32
    }

    fn has_slot(&self, lane: usize) -> bool {
        self.config.per_lane.is_none_or(|limit| self.running_in(lane) < limit)
    }

    fn lane_is_full(&self, lane: usize) -> bool {
        let (held, shared) = self.foreign[lane];
        !self.has_slot(lane) || shared.is_some_and(|limit| self.running_in(lane) + held >= limit)
    }

    fn is_full(&self) -> bool {
        self.config.concurrency.is_some_and(|limit| self.running().len() >= limit as usize)
    }

    fn next(&mut self) -> Option<usize> {
        if self.is_full() {
            return None;
        }
        let mut candidates = self.waiting();
        candidates.retain(|&number| !self.lane_is_full(self.calls[number].lane));
        let by_urgency = |&number: &usize| (self.calls[number].priority, Reverse(self.calls[number].arrived));
        // The list is in order of arrival, so the first is the oldest.
        let oldest_of = |lane: usize| candidates.iter().copied().find(|&one| self.calls[one].lane == lane);
        let urgent = candidates.iter().copied().max_by_key(by_urgency)?;
        if self.calls[urgent].priority == Priority::EMERGENCY {
            return Some(urgent);
        }
        let contested = (0..LANES).filter(|&lane| oldest_of(lane).is_some()).count() > 1;
        let every = self.config.aging.oldest_every.unwrap_or(u32::MAX);
        let (oldest, lane) = (candidates[0], self.calls[urgent].lane);
        let next = if contested && self.contested + 1 >= every {
            oldest
        } else if self.starts[lane] + 1 >= every {
            oldest_of(lane)?
        } else {
            urgent
        };
        let lane = self.calls[next].lane;
        let oldest_of_lane = oldest_of(lane) == Some(next);
        self.starts[lane] = if oldest_of_lane { 0 } else { self.starts[lane] + 1 };
        if contested {
            self.contested = if next == oldest { 0 } else { self.contested + 1 };
        }
        Some(next)
    }

    /// The first emergency that some slot helps, after that slot has been taken from another.
    fn preempt(&mut self) -> Option<usize> {
        for emergency in self.waiting() {
            let Call { priority, lane, .. } = self.calls[emergency];
            if priority != Priority::EMERGENCY {
                continue;
            }
            if let Some(victim) = self.victim(self.lane_is_full(lane).then_some(lane)) {
                self.put_back(victim);
                return Some(emergency);
            }
        }
        None
    }

    /// The youngest of the lowest level below high that can be sent again, of one lane or of all.
    fn victim(&self, lane: Option<usize>) -> Option<usize> {
        let victims = self.numbers(|call| {
            call.state == State::Sent
                && call.repeatable
                && call.priority.level() < Level::High
                && lane.is_none_or(|lane| call.lane == lane)
        });
        let rank =
            |&number: &usize| (self.calls[number].priority.level(), Reverse(self.calls[number].arrived));
        victims.into_iter().min_by_key(rank)
    }

    fn put_back(&mut self, number: usize) {
        self.calls[number].state = State::Waiting;
        self.did.push(Did::Preempt(number));
    }

    fn yield_slot(&mut self, lane: usize) {
        if let Some(victim) = self.victim(Some(lane)) {
            self.put_back(victim);
            let (held, shared) = &mut self.foreign[lane];
            *held += u32::from(shared.is_some());
        }
    }

    /// Priority of the first that waits in a lane, and whether all but the others outside would let it go.
    fn first(&self, lane: usize) -> Option<(Priority, bool)> {
        let waiting = self.waiting().into_iter().filter(|&number| self.calls[number].lane == lane);
        let urgency = |&number: &usize| (self.calls[number].priority, Reverse(self.calls[number].arrived));
        let first = waiting.max_by_key(urgency)?;
        let ready = !self.paused && self.has_slot(lane) && !self.is_full();
        Some((self.calls[first].priority, ready))
    }
}

/// Scheduler and model, side by side.
struct Pair {
    core: Scheduler,
    model: Model,
    now: Time,
    lanes: Vec<LaneId>,
    ids: Vec<CallId>,
    numbers: BTreeMap<CallId, usize>,
}

impl Pair {
    fn new(config: &Config) -> Self {
        let mut core = Scheduler::new(config);
        let lanes = (0..LANES).map(|_| core.open_lane()).collect();
        let model = Model::new(config);
        Self { core, model, now: Time::ZERO, lanes, ids: Vec::new(), numbers: BTreeMap::new() }
    }

    fn tell(&mut self, event: Event) {
        self.core.handle(event, self.now);
        self.model.go(self.now);
    }

    fn end(&mut self, number: usize, event: Event) {
        self.model.calls[number].state = State::Ended;
        self.tell(event);
    }

    fn perform(&mut self, op: &Op) {
        let pick = |numbers: Vec<usize>, index: &Index| {
            (!numbers.is_empty()).then(|| numbers[index.index(numbers.len())])
        };
        match *op {
            Op::Submit { lane, priority, repeatable, immediate } => {
                let call = Submission::new(self.lanes[lane], priority);
                let flags = if repeatable { CallFlags::REPEATABLE } else { CallFlags::NONE };
                let id = self.core.submit(Submission { flags, immediate, ..call }, self.now);
                self.numbers.insert(id, self.ids.len());
                self.ids.push(id);
                self.model.submit(lane, priority, repeatable, immediate, self.now);
            }
            Op::Answer(ref index) => {
                let sent = self.model.numbers(|call| call.state == State::Sent);
                if let Some(number) = pick(sent, index) {
                    self.model.calls[number].state = State::Answered;
                    let id = self.ids[number];
                    self.tell(Event::Answered(id, Answer::new(200, Body::Unknown)));
                    assert_eq!(self.core.poll_action(), Some(Action::Deliver(id, true)));
                    self.tell(Event::Reading(self.ids[number]));
                }
            }
            Op::Finish(ref index) => {
                if let Some(number) = pick(self.model.running(), index) {
                    self.end(number, Event::Settled(self.ids[number], Outcome::Completed));
                }
            }
            Op::Abort(ref index) => {
                let alive = self.model.numbers(|call| call.state != State::Ended);
                if let Some(number) = pick(alive, index) {
                    self.end(number, Event::Settled(self.ids[number], Outcome::Cancelled));
                }
            }
            Op::Reprioritise(ref index, priority) => {
                let alive = self.model.numbers(|call| call.state != State::Ended);
                if let Some(number) = pick(alive, index) {
                    let call = &mut self.model.calls[number];
                    // Of a call that runs nothing can be changed any more.
                    if call.state == State::Waiting {
                        call.priority = priority;
                    }
                    self.tell(Event::Reprioritised(self.ids[number], priority));
                }
            }
            Op::Advance(millis) => {
                self.now = self.now.after(Duration::from_millis(millis.into()));
                self.tell(Event::Woke);
            }
            Op::Pause | Op::Resume => {
                self.model.paused = matches!(op, Op::Pause);
                self.tell(if self.model.paused { Event::Paused } else { Event::Resumed });
            }
            Op::Concurrency(limit) => {
                self.model.config.concurrency = limit;
                self.tell(Event::Concurrency(limit));
            }
            Op::ForeignSlots(lane, held, shared) => {
                self.model.foreign[lane] = (held, shared);
                self.tell(Event::ForeignSlots(self.lanes[lane], held, shared));
            }
            Op::YieldSlot(lane) => {
                let victim =
                    self.model.victim(Some(lane)).map(|number| self.model.calls[number].priority.level());
                assert_eq!(self.core.preemptible(self.lanes[lane]), victim);
                self.model.yield_slot(lane);
                self.tell(Event::YieldSlot(self.lanes[lane]));
            }
            Op::Clear => {
                self.model.clear();
                self.tell(Event::Cleared);
            }
        }
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let mut did = Vec::new();
        while let Some(action) = self.core.poll_action() {
            did.push(match action {
                Action::Start(id, level) => Did::Start(self.numbers[&id], level),
                Action::Preempt(id) => Did::Preempt(self.numbers[&id]),
                Action::Reject(id, why) => Did::Reject(self.numbers[&id], why),
                _ => {
                    return Err(TestCaseError::fail(format!("{action:?} came without a reason")));
                }
            });
        }
        prop_assert_eq!(did, std::mem::take(&mut self.model.did));
        prop_assert_eq!(self.core.by_level(), self.model.counts());
        for (number, &lane) in self.lanes.iter().enumerate() {
            let first = self.core.first(lane).map(|want| (want.priority, want.ready));
            prop_assert_eq!(first, self.model.first(number), "first of lane {}", number);
            prop_assert_eq!(self.core.running_in(lane), self.model.running_in(number));
        }
        Ok(())
    }
}

fn priorities() -> impl Strategy<Value = Priority> {
    prop_oneof![
        8 => (0..5_usize).prop_map(|level| Level::ALL[level].into()),
        2 => (0..120_i32).prop_map(|value| Priority::new(f64::from(value)).expect("it is finite")),
        1 => Just(Priority::EMERGENCY),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let submit = (0..LANES, priorities(), any::<bool>(), prop::bool::weighted(0.05)).prop_map(
        |(lane, priority, repeatable, immediate)| Op::Submit { lane, priority, repeatable, immediate },
    );
    prop_oneof![
        10 => submit,
        1 => any::<Index>().prop_map(Op::Answer),
        6 => any::<Index>().prop_map(Op::Finish),
        2 => any::<Index>().prop_map(Op::Abort),
        2 => (any::<Index>(), priorities()).prop_map(|(index, priority)| Op::Reprioritise(index, priority)),
        3 => (0..400_u32).prop_map(Op::Advance),
        1 => Just(Op::Pause),
        2 => Just(Op::Resume),
        1 => prop::option::weighted(0.9, 1..6_u32).prop_map(Op::Concurrency),
        2 => (0..LANES, 0..6_u32, prop::option::weighted(0.8, 1..7_u32))
            .prop_map(|(lane, held, shared)| Op::ForeignSlots(lane, held, shared)),
        1 => (0..LANES).prop_map(Op::YieldSlot),
        1 => prop::bool::weighted(0.2).prop_map(|clear| if clear { Op::Clear } else { Op::Resume }),
    ]
}

fn configs() -> impl Strategy<Value = Config> {
    let aging = (prop::option::of(0..1_000_u64), prop::option::of(1..6_u32)).prop_map(|(after, every)| {
        Aging { demote_after: after.map(Duration::from_millis), oldest_every: every }
    });
    let overflow = prop_oneof![Just(Overflow::Reject), Just(Overflow::DropLowest)];
    let limits = (prop::option::of(1..4_u32), prop::option::of(1..7_u32), prop::option::of(0..12_u32));
    (limits, overflow, aging).prop_map(|((per_lane, concurrency, high_water), strategy, aging)| Config {
        per_lane,
        adaptive: false,
        concurrency,
        high_water,
        strategy,
        aging,
        ..Config::default()
    })
}

/// The queue alone, with what a test of the bounds keeps of it.
struct Load {
    queue: Queue,
    lanes: Vec<LaneId>,
    running: Vec<CallId>,
}

impl Load {
    fn new(config: &Config, lanes: usize) -> Self {
        let mut queue = Queue::new(config);
        let lanes = (0..lanes).map(|_| queue.open_lane()).collect();
        Self { queue, lanes, running: Vec::new() }
    }

    fn add(&mut self, lane: usize, priority: Priority) -> CallId {
        self.queue.insert(self.lanes[lane], priority, CallFlags::NONE, Time::ZERO)
    }

    /// The lanes that have a call waiting and a slot to give.
    fn ready(&self) -> Vec<LaneId> {
        let room = self.queue.lanes().filter(|lane| {
            lane.count.queued > 0 && lane.limit.is_none_or(|limit| lane.count.running < limit)
        });
        room.map(|lane| lane.lane).collect()
    }

    fn start(&mut self) -> Option<CallId> {
        let id = self.queue.take_next(Time::ZERO)?;
        self.running.push(id);
        Some(id)
    }

    fn finish(&mut self, index: usize) {
        if !self.running.is_empty() {
            let id = self.running.swap_remove(index % self.running.len());
            self.queue.remove(id);
        }
    }

    /// As after a pre-emption: a running call is back in its place. Its id, if one runs.
    fn put_back(&mut self, index: usize) -> Option<CallId> {
        let at = index.checked_rem(self.running.len())?;
        let id = self.running.swap_remove(at);
        self.queue.put_back(id);
        Some(id)
    }
}

/// What the adversary does before each start.
#[derive(Clone, Debug)]
struct Move {
    /// How many more urgent newcomers, each in some lane.
    newcomers: Vec<usize>,
    finishes: Vec<usize>,
    returns: Option<usize>,
    emergency: Option<usize>,
}

fn moves(lanes: usize) -> impl Strategy<Value = Move> {
    let some = prop::option::weighted(0.1, 0..1_000_usize);
    let emergency = prop::option::weighted(0.1, 0..lanes);
    (vec(0..lanes, 0..4), vec(0..1_000_usize, 0..3), some, emergency).prop_map(
        |(newcomers, finishes, returns, emergency)| Move { newcomers, finishes, returns, emergency },
    )
}

fn under_load(every: u32, per_lane: Option<u32>, concurrency: Option<u32>) -> Config {
    let aging = Aging { demote_after: None, oldest_every: Some(every) };
    Config { per_lane, concurrency, aging, ..Config::default() }
}

proptest! {
    // A history that failed becomes a named test, not a line in a file of seeds.
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_scheduler_does_what_the_naive_model_does(
        config in configs(),
        history in vec(ops(), 1..120),
    ) {
        let mut pair = Pair::new(&config);
        for op in &history {
            pair.perform(op);
            pair.compare()?;
        }
        // And all that is left, until nothing is.
        for op in (0..LANES).map(|lane| Op::ForeignSlots(lane, 0, None)).chain([Op::Resume]) {
            pair.perform(&op);
            pair.compare()?;
        }
        while let Some(&number) = pair.model.running().first() {
            pair.end(number, Event::Settled(pair.ids[number], Outcome::Completed));
            pair.compare()?;
        }
        prop_assert_eq!(pair.core.count(), Count::default(), "nothing is lost");
    }

    #[test]
    fn without_ageing_the_order_is_by_priority_and_then_by_arrival(
        calls in vec((0..LANES, priorities()), 1..100),
    ) {
        let config = Config { per_lane: None, concurrency: None, aging: Aging::NONE, ..Config::default() };
        let mut load = Load::new(&config, LANES);
        let mut expected: Vec<_> =
            calls.iter().map(|&(lane, priority)| (Reverse(priority), load.add(lane, priority))).collect();
        // A stable sort keeps the order of arrival.
        expected.sort_by_key(|&(priority, _)| priority);
        let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
        let order: Vec<_> = std::iter::from_fn(|| load.start()).collect();
        prop_assert_eq!(order, expected);
    }

    #[test]
    fn no_limit_is_ever_exceeded_and_no_call_is_taken_twice(
        config in configs(),
        history in vec(moves(LANES), 1..100),
    ) {
        let mut load = Load::new(&config, LANES);
        for Move { newcomers, finishes, .. } in history {
            for lane in newcomers {
                load.add(lane, Level::Normal.into());
            }
            for index in finishes {
                load.finish(index);
            }
            while let Some(id) = load.start() {
                prop_assert!(!load.running[..load.running.len() - 1].contains(&id), "{:?} twice", id);
            }
            let running = load.queue.running();
            prop_assert_eq!(running as usize, load.running.len());
            prop_assert!(config.concurrency.is_none_or(|limit| running <= limit));
            for lane in load.queue.lanes() {
                prop_assert!(config.per_lane.is_none_or(|limit| lane.count.running <= limit));
            }
        }
    }

    /// The first of the two bounds in the documentation of `queue`.
    #[test]
    fn a_call_is_among_the_next_n_times_older_plus_one_starts_of_its_lane(
        every in 1..10_u32,
        before in vec((0..LANES, 0..5_usize), 0..30),
        lead in 0..30_usize,
        per_lane in prop::option::of(1..4_u32),
        concurrency in prop::option::of(1..4_u32),
        adversary in vec(moves(LANES), 1..40),
    ) {
        let mut load = Load::new(&under_load(every, per_lane, concurrency), LANES);
        for (lane, level) in before {
            load.add(lane, Level::ALL[level].into());
        }
        // The count of starts may stand anywhere when the call arrives.
        for index in 0..lead {
            load.add(0, Level::Critical.into());
            load.start();
            load.finish(index);
        }
        let own = load.lanes[0];
        let older = load.queue.lanes().find(|lane| lane.lane == own).unwrap().count.queued;
        let call = load.add(0, Level::Background.into());
        let arrived = load.queue.arrival_of(call).unwrap();
        let mut bound = every * (older + 1);
        let (mut starts, mut steps) = (0, 0);
        for adversary in adversary.iter().cycle() {
            load.add(0, Level::Critical.into());
            for &lane in &adversary.newcomers {
                load.add(lane, Level::Critical.into());
            }
            for &index in &adversary.finishes {
                load.finish(index);
            }
            if let Some(lane) = adversary.emergency.filter(|_| steps < 100) {
                load.add(lane, Priority::EMERGENCY);
            }
            // An older call that comes back counts as one of the older. Like emergencies, not for ever.
            if let Some(id) = adversary.returns.filter(|_| steps < 100).and_then(|index| load.put_back(index)) {
                let older = load.queue.arrival_of(id).unwrap() < arrived;
                if load.queue.lane_of(id) == Some(own) && older {
                    bound += every;
                }
            }
            match load.start() {
                Some(id) if id == call => {
                    starts += 1;
                    break;
                }
                Some(id) if load.queue.lane_of(id) == Some(own) => {
                    starts += u32::from(load.queue.priority_of(id) != Some(Priority::EMERGENCY));
                }
                Some(_) => {}
                None => load.finish(steps),
            }
            // The bound is about starts of the lane: there must be some, whatever goes on in the others.
            let in_lane = load.running.iter().position(|&id| load.queue.lane_of(id) == Some(own));
            if let Some(at) = in_lane.filter(|_| steps % 8 == 0) {
                load.finish(at);
            }
            prop_assert!(starts < bound, "{} starts, it was to be among {}", starts, bound);
            steps += 1;
            prop_assert!(steps < 100_000, "no more starts in the lane");
        }
        prop_assert!(starts <= bound, "start {} of {}", starts, bound);
    }

    /// The second one.
    #[test]
    fn a_call_is_among_the_next_n_times_older_plus_one_contested_starts_while_its_lane_is_ready(
        every in 1..10_u32,
        before in vec((0..LANES, 0..5_usize), 0..30),
        lead in 0..30_usize,
        per_lane in 1..4_u32,
        concurrency in 1..6_u32,
        adversary in vec(moves(LANES), 1..40),
    ) {
        let mut load = Load::new(&under_load(every, Some(per_lane), Some(concurrency)), LANES);
        for (lane, level) in before {
            load.add(lane, Level::ALL[level].into());
        }
        for index in 0..lead {
            load.add(index % LANES, Level::Critical.into());
            load.start();
            load.finish(index);
        }
        let own = load.lanes[0];
        // Ready from the first moment: nothing of its own lane runs.
        while let Some(at) = load.running.iter().position(|&id| load.queue.lane_of(id) == Some(own)) {
            load.finish(at);
        }
        let older = load.queue.waiting();
        let call = load.add(0, Level::Background.into());
        let arrived = load.queue.arrival_of(call).unwrap();
        let mut bound = every * (older + 1);
        let (mut starts, mut steps) = (0, 0);
        for adversary in adversary.iter().cycle() {
            for &lane in adversary.newcomers.iter().chain(&[1, 2]) {
                load.add(lane, Level::Critical.into());
            }
            for &index in &adversary.finishes {
                load.finish(index);
            }
            if let Some(lane) = adversary.emergency.filter(|_| steps < 100) {
                load.add(lane, Priority::EMERGENCY);
            }
            let returned = adversary.returns.filter(|_| steps < 100).and_then(|index| load.put_back(index));
            if returned.is_some_and(|id| load.queue.arrival_of(id).unwrap() < arrived) {
                bound += every;
            }
            let ready = load.ready();
            prop_assert!(ready.contains(&own), "the test keeps its lane ready");
            match load.start() {
                Some(id) if id == call => {
                    starts += u32::from(ready.len() > 1);
                    break;
                }
                Some(id) => {
                    let emergency = load.queue.priority_of(id) == Some(Priority::EMERGENCY);
                    starts += u32::from(ready.len() > 1 && !emergency);
                    if load.queue.lane_of(id) == Some(own) {
                        load.finish(load.running.len() - 1);
                    }
                }
                None => load.finish(steps),
            }
            prop_assert!(starts < bound, "{} contested starts, it was to be among {}", starts, bound);
            steps += 1;
            prop_assert!(steps < 100_000, "no more contested starts");
        }
        prop_assert!(starts <= bound, "contested start {} of {}", starts, bound);
    }
}

#[test]
fn the_bound_of_a_lane_is_tight() {
    let every = 8;
    let mut load = Load::new(&under_load(every, None, None), 1);
    for _ in 0..3 {
        load.add(0, Level::Background.into());
    }
    let call = load.add(0, Level::Background.into());
    let starts = (1..=every * 5).find(|_| {
        load.add(0, Level::Critical.into());
        load.start() == Some(call)
    });
    assert_eq!(starts, Some(every * 4));
}

#[test]
fn the_bound_between_lanes_is_tight() {
    let every = 8;
    let mut load = Load::new(&under_load(every, None, None), 2);
    for _ in 0..3 {
        load.add(1, Level::Background.into());
    }
    let call = load.add(0, Level::Background.into());
    let starts = (1..=every * 5).find(|_| {
        load.add(1, Level::Critical.into());
        load.start() == Some(call)
    });
    assert_eq!(starts, Some(every * 4));
}

#[test]
fn without_turns_a_call_may_wait_for_ever() {
    let config = Config { aging: Aging::NONE, ..under_load(1, None, None) };
    let mut load = Load::new(&config, 1);
    let call = load.add(0, Level::Background.into());
    for _ in 0..10_000 {
        load.add(0, Level::Critical.into());
        assert_ne!(load.start(), Some(call));
    }
}
