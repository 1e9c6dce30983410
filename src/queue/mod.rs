//! The order: who waits, who goes next, and how many are under way.
//!
//! Calls stand in lanes (one an origin, say). A lane has a limit, and so have all lanes together. Within
//! these limits the more urgent goes first, and among equals the one that arrived first. A lane that is full
//! holds up no other lane: only lanes with room compete.
//!
//! # How long a call waits
//!
//! With [`Aging::oldest_every`] = N, take a call with `a` older calls waiting in its lane (each time one comes
//! back after a pre-emption it counts again, here and in `A`). Emergencies apart, which go before everything:
//!
//! - **It is among the next N · (a + 1) starts of its lane**, whatever arrives after it at whatever priority.
//!   Each N-th start of a lane is a *turn*: it goes to the lane's oldest.
//! - **Its lane gets its share of the common limit**: each N-th start for which several lanes competed is a
//!   turn too, and goes to the oldest call of them all. With `A` older calls in all lanes, and its own lane
//!   ready all the while, it is among the next N · (A + 1) of these.
//!
//! Both are properties in `tests/model.rs`.
//!
//! # Cost
//!
//! Adding, taking, removing and changing priority are O(log n). A waiting call takes at most 64 bytes: an
//! entry of 40, and a place in up to four heaps of 4 bytes, with an eighth of slack.

use crate::config::{Aging, Config, Strategy};
use crate::heap::{Heap, NOWHERE, Order, push_tight};
use crate::limit::{AdaptiveLimit, Sample};
use crate::priority::{Level, Priority};
use crate::time::{Duration, Time};
use std::cmp::Reverse;

/// Where a lane has no limit of its own, a slow beginning is over at this many slots.
const RAMP_END: u32 = 64;

/// One call, from its arrival to its end. Late uses of an id whose call has ended are noticed and ignored.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId {
    index: u32,
    generation: u32,
}

impl CallId {
    /// Generations before an index's ids repeat: what leaves an id, and an action beside it, exact in a
    /// JavaScript number.
    const GENERATIONS: u32 = 1 << 16;

    /// As one number below 2^48; its low 32 bits are an index that is reused, so small and dense.
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// Back from [`to_bits`](Self::to_bits). Any number is an id, if perhaps of no call.
    pub const fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// A lane, as long as it has calls and for a while after.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LaneId(pub u32);

/// Facts about a call that the queue keeps for its owner.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CallFlags(u8);

impl CallFlags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Sending it again does no harm, so it may be pre-empted.
    pub const REPEATABLE: Self = Self(1);
    /// Its slot is free once its headers are there, not at the end of the body.
    pub const UNTIL_HEADERS: Self = Self(2);
    /// After a failed attempt it may be sent again as it was.
    pub const RESENDABLE: Self = Self(4);
    /// It is for the page's own origin.
    pub const SAME_ORIGIN: Self = Self(8);
    /// It wants its answers judged: a pause that its server asks for is made, and a failure may be retried.
    pub const HEEDFUL: Self = Self(16);
    /// Its caller is asked before each retry.
    pub const ASKS: Self = Self(32);
    /// There is something that can be given in place of its answer.
    pub const STANDS_IN: Self = Self(64);

    /// These flags and those.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of these are set.
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// From bits, in the order in which the flags stand here. What stands for none is dropped.
    pub const fn from_bits(bits: u32) -> Self {
        Self((bits & 127) as u8)
    }
}

#[derive(Debug)]
struct Entry {
    priority: Priority,
    /// Unique: order of arrival and age in one.
    arrived: Time,
    lane: u32,
    /// 16 bits of it; flags and the level that was told ride on top, which keeps an entry at 40 bytes.
    generation: u32,
    /// Places in the heaps.
    best: u32,
    oldest: u32,
    to_demote: u32,
    worst: u32,
}

impl Entry {
    /// Where the flags of the call begin.
    const FLAGS: u32 = 16;
    /// And where the level begins that its owner told.
    const LEVEL: u32 = 24;
    const PARKED: u32 = 1 << 30;
    const FREE: u32 = 1 << 31;

    const fn generation(&self) -> u32 {
        self.generation & (CallId::GENERATIONS - 1)
    }

    /// In line, and not parked.
    const fn waits(&self) -> bool {
        self.best != NOWHERE
    }

    const fn is_parked(&self) -> bool {
        self.generation & Self::PARKED != 0
    }

    const fn is_queued(&self) -> bool {
        self.waits() || self.is_parked()
    }

    fn key(&self) -> (Priority, Reverse<Time>) {
        (self.priority, Reverse(self.arrived))
    }
}

/// Most urgent first, then in order of arrival.
#[derive(Debug)]
struct Best;
impl Order for Best {
    type Item = Entry;
    fn before(a: &Entry, b: &Entry) -> bool {
        a.key() > b.key()
    }
    fn place(entry: &mut Entry) -> &mut u32 {
        &mut entry.best
    }
}

/// The other way round: least urgent first, the youngest among equals.
#[derive(Debug)]
struct Worst;
impl Order for Worst {
    type Item = Entry;
    fn before(a: &Entry, b: &Entry) -> bool {
        a.key() < b.key()
    }
    fn place(entry: &mut Entry) -> &mut u32 {
        &mut entry.worst
    }
}

#[derive(Debug)]
struct Oldest;
impl Order for Oldest {
    type Item = Entry;
    fn before(a: &Entry, b: &Entry) -> bool {
        a.arrived < b.arrived
    }
    fn place(entry: &mut Entry) -> &mut u32 {
        &mut entry.oldest
    }
}

/// Those that sink to low one day, the next one first.
#[derive(Debug)]
struct Fading;
impl Order for Fading {
    type Item = Entry;
    fn before(a: &Entry, b: &Entry) -> bool {
        a.arrived < b.arrived
    }
    fn place(entry: &mut Entry) -> &mut u32 {
        &mut entry.to_demote
    }
}

/// How a lane begins after something that held it up: with one slot, and one more each time that as many answers went well
/// as it has. To double them would be a second wave: all pages of an origin that comes back begin at about the same time.
#[derive(Clone, Copy, Debug)]
struct Ramp {
    slots: u32,
    /// Answers that it takes until there is one more.
    left: u32,
}

impl Ramp {
    const FIRST: Self = Self { slots: 1, left: 1 };

    const fn grown(self) -> Self {
        match self {
            Self { slots, left: 0 | 1 } => Self { slots: slots + 1, left: slots + 1 },
            Self { slots, left } => Self { slots, left: left - 1 },
        }
    }
}

#[derive(Debug)]
struct Lane {
    best: Heap<Best>,
    oldest: Heap<Oldest>,
    running: u32,
    /// Of them, those that hold their slot for a body without an end.
    streams: u32,
    parked: u32,
    /// Nothing starts in it for now.
    closed: bool,
    /// The share of its slots that is used.
    share: f64,
    /// Slots it has for now, fewer than it will have: what comes back from a pause begins slowly.
    ramp: Option<Ramp>,
    /// Slots it has, where they are fixed.
    limit: Option<u32>,
    /// What they may be where many share a connection, if that is wanted.
    adaptive: Option<AdaptiveLimit>,
    /// And whether they do.
    multiplexed: bool,
    /// Slots that others outside hold of the same origin, and how many there are for all together.
    foreign: u32,
    shared: Option<u32>,
    /// Starts since the last turn of the lane's oldest.
    starts: u32,
    open: bool,
    /// Keys of its first calls, kept here so that lanes compare without a look at the entries.
    first: (Priority, Reverse<Time>),
    eldest: Time,
    ready_best: u32,
    ready_oldest: u32,
}

impl Lane {
    fn slots(&self) -> Option<u32> {
        let full = self.full_slots();
        // A stream brings nothing more by which a slow beginning could go on.
        let ramp = self.ramp.map(|ramp| ramp.slots.saturating_add(self.streams));
        ramp.map_or(full, |ramp| Some(full.map_or(ramp, |full| full.min(ramp))))
    }

    fn full_slots(&self) -> Option<u32> {
        let adaptive = self.adaptive.as_ref().filter(|_| self.multiplexed);
        let all = adaptive.map_or(self.limit, |adaptive| Some(adaptive.get()));
        all.map(|all| part_of(all, self.share))
    }
}

/// A share of slots, of which there is one at least.
#[expect(clippy::cast_sign_loss, reason = "no share is negative")]
fn part_of(slots: u32, share: f64) -> u32 {
    ((f64::from(slots) * share + 0.5) as u32).clamp(1, slots.max(1))
}

#[derive(Debug)]
struct LaneBest;
impl Order for LaneBest {
    type Item = Lane;
    fn before(a: &Lane, b: &Lane) -> bool {
        a.first > b.first
    }
    fn place(lane: &mut Lane) -> &mut u32 {
        &mut lane.ready_best
    }
}

#[derive(Debug)]
struct LaneOldest;
impl Order for LaneOldest {
    type Item = Lane;
    fn before(a: &Lane, b: &Lane) -> bool {
        a.eldest < b.eldest
    }
    fn place(lane: &mut Lane) -> &mut u32 {
        &mut lane.ready_oldest
    }
}

/// Calls of one level.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// Waiting for a slot.
    pub queued: u32,
    /// Holding one.
    pub running: u32,
}

/// Figures of one lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LaneStatus {
    /// Which lane.
    pub lane: LaneId,
    /// Slots it has. `None`: only the common limit counts.
    pub limit: Option<u32>,
    /// Waiting and holding a slot.
    pub count: Count,
}

/// The call that a lane would start next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Want {
    /// How urgent it is.
    pub priority: Priority,
    /// When it arrived.
    pub arrived: Time,
    /// It would start now if only the others outside left it a slot.
    pub ready: bool,
}

/// See the [module's page](self).
#[derive(Debug)]
pub struct Queue {
    entries: Vec<Entry>,
    /// The first entry without a call, and the last; `lane` of each names the next. A list of its own would be four
    /// bytes more for a waiting call that has the place of an ended one. The first to end is the first to be used
    /// again, so that ids repeat as late as they can.
    free: u32,
    last_free: u32,
    lanes: Vec<Lane>,
    free_lanes: Vec<u32>,
    /// Lanes that have a call waiting and a slot to give.
    ready_best: Heap<LaneBest>,
    ready_oldest: Heap<LaneOldest>,
    to_demote: Heap<Fading>,
    /// Kept only where calls may be dropped.
    worst: Heap<Worst>,
    /// How many emergencies wait. A lane's first call is one if any of its calls is.
    emergencies: u32,
    last_arrival: Time,
    per_lane: Option<u32>,
    adaptive: bool,
    concurrency: Option<u32>,
    /// The share of all slots that is used.
    share: f64,
    drops: bool,
    aging: Aging,
    /// Contested starts since the last turn of the oldest of all.
    starts: u32,
    running: u32,
    waiting: u32,
    streams: u32,
    by_level: [Count; 5],
}

impl Queue {
    /// An empty queue that obeys `config`.
    pub fn new(config: &Config) -> Self {
        Self {
            entries: Vec::new(),
            free: NOWHERE,
            last_free: NOWHERE,
            lanes: Vec::new(),
            free_lanes: Vec::new(),
            ready_best: Heap::default(),
            ready_oldest: Heap::default(),
            to_demote: Heap::default(),
            worst: Heap::default(),
            emergencies: 0,
            last_arrival: Time::ZERO,
            per_lane: config.per_lane,
            adaptive: config.adaptive,
            concurrency: config.concurrency,
            share: 1.0,
            drops: config.high_water.is_some() && config.strategy == Strategy::DropLowest,
            aging: config.aging,
            starts: 0,
            running: 0,
            waiting: 0,
            streams: 0,
            by_level: [Count::default(); 5],
        }
    }

    /// Opens a lane.
    pub fn open_lane(&mut self) -> LaneId {
        let lane = Lane {
            best: Heap::default(),
            oldest: Heap::default(),
            running: 0,
            streams: 0,
            parked: 0,
            closed: false,
            share: self.share,
            ramp: None,
            limit: self.per_lane,
            adaptive: self.adaptive.then(AdaptiveLimit::default),
            multiplexed: false,
            foreign: 0,
            shared: None,
            starts: 0,
            open: true,
            first: (Priority::EMERGENCY, Reverse(Time::ZERO)),
            eldest: Time::ZERO,
            ready_best: NOWHERE,
            ready_oldest: NOWHERE,
        };
        if let Some(index) = self.free_lanes.pop() {
            self.lanes[index as usize] = lane;
            LaneId(index)
        } else {
            self.lanes.push(lane);
            LaneId(self.lanes.len() as u32 - 1)
        }
    }

    /// Closes a lane, unless calls wait or run in it. Its id may come back for another lane.
    pub fn close_lane(&mut self, lane: LaneId) {
        if self.is_idle(lane) {
            self.lanes[lane.0 as usize].open = false;
            self.free_lanes.push(lane.0);
        }
    }

    /// A lane in which many calls waited does not keep their room for ever.
    pub fn shrink_lane(&mut self, lane: LaneId) {
        if let Some(lane) = self.lanes.get_mut(lane.0 as usize) {
            lane.best.shrink();
            lane.oldest.shrink();
        }
    }

    /// Whether the lane is open and nothing waits or runs in it.
    pub fn is_idle(&self, lane: LaneId) -> bool {
        self.lane(lane)
            .is_some_and(|lane| lane.open && lane.running == 0 && lane.parked == 0 && lane.best.len() == 0)
    }

    /// Whether the lane is open.
    pub fn is_open(&self, lane: LaneId) -> bool {
        self.lane(lane).is_some_and(|lane| lane.open)
    }

    /// Lets a call in that arrived at `arrived`; no two arrive at the same time, the later one moves by a
    /// nanosecond. The lane must be open.
    pub fn insert(&mut self, lane: LaneId, priority: Priority, flags: CallFlags, arrived: Time) -> CallId {
        let id = self.admit(lane, priority, flags, arrived);
        self.join(id.index);
        id
    }

    /// Lets a call in that is under way already, whatever the limits say.
    pub fn insert_running(
        &mut self,
        lane: LaneId,
        priority: Priority,
        flags: CallFlags,
        arrived: Time,
    ) -> CallId {
        let id = self.admit(lane, priority, flags, arrived);
        self.occupy(id.index);
        id
    }

    fn admit(&mut self, lane: LaneId, priority: Priority, flags: CallFlags, arrived: Time) -> CallId {
        debug_assert!(self.is_open(lane));
        let arrived = arrived.max(self.last_arrival.next());
        self.last_arrival = arrived;
        let mut entry = Entry {
            priority,
            arrived,
            lane: lane.0,
            generation: u32::from(flags.0) << Entry::FLAGS | (priority.level() as u32) << Entry::LEVEL,
            best: NOWHERE,
            oldest: NOWHERE,
            to_demote: NOWHERE,
            worst: NOWHERE,
        };
        let index = self.free;
        if let Some(ended) = self.entries.get_mut(index as usize) {
            let generation = (ended.generation() + 1) % CallId::GENERATIONS;
            self.free = ended.lane;
            entry.generation |= generation;
            *ended = entry;
            CallId { index, generation }
        } else {
            push_tight(&mut self.entries, entry);
            CallId { index: self.entries.len() as u32 - 1, generation: 0 }
        }
    }

    /// Takes the call that goes next: it runs from now on. `None` when none may.
    pub fn take_next(&mut self, now: Time) -> Option<CallId> {
        self.demote(now);
        if self.common().is_some_and(|limit| self.running >= limit) {
            return None;
        }
        let best = self.ready_best.first()?;
        if self.lanes[best as usize].first.0 == Priority::EMERGENCY {
            // It goes before everything, and counts for no turn.
            let index = self.lanes[best as usize].best.first()?;
            return Some(self.start(index));
        }
        let (lane, index) = if self.is_turn_of_all() {
            let lane = self.ready_oldest.first()?;
            (lane, self.lanes[lane as usize].oldest.first()?)
        } else {
            (best, self.next_of(best)?)
        };
        self.count_start(lane, index);
        Some(self.start(index))
    }

    /// Starts this waiting call, whatever the limits say. `None` when it does not wait.
    pub fn take(&mut self, id: CallId) -> Option<CallId> {
        let index = self.find(id).filter(|&index| self.entries[index as usize].waits())?;
        Some(self.start(index))
    }

    fn is_turn_of_all(&self) -> bool {
        self.ready_best.len() > 1 && self.aging.oldest_every.is_some_and(|every| self.starts + 1 >= every)
    }

    /// The call of this lane that goes next: on its turn the oldest.
    fn next_of(&self, lane: u32) -> Option<u32> {
        let lane = &self.lanes[lane as usize];
        let is_turn = self.aging.oldest_every.is_some_and(|every| lane.starts + 1 >= every);
        if is_turn { lane.oldest.first() } else { lane.best.first() }
    }

    /// Both counts start again whenever the oldest has gone, on a turn or because it was its time anyway.
    fn count_start(&mut self, lane: u32, index: u32) {
        let contested = self.ready_best.len() > 1;
        let oldest_of_all = self.ready_oldest.first() == Some(lane);
        let lane = &mut self.lanes[lane as usize];
        let oldest = lane.oldest.first() == Some(index);
        lane.starts = if oldest { 0 } else { lane.starts.saturating_add(1) };
        if contested {
            self.starts = if oldest && oldest_of_all { 0 } else { self.starts.saturating_add(1) };
        }
    }

    fn start(&mut self, index: u32) -> CallId {
        self.leave(index);
        self.occupy(index);
        self.id_of(index)
    }

    /// Puts a running call back where it was, with its age.
    pub fn put_back(&mut self, id: CallId) {
        if let Some(index) = self.find(id).filter(|&index| !self.entries[index as usize].is_queued()) {
            self.release(index);
            self.join(index);
        }
    }

    /// Takes a running call's slot, and keeps it out of the line until [`unpark`](Self::unpark).
    pub fn park(&mut self, id: CallId) {
        let Some(index) = self.find(id) else { return };
        let entry = &mut self.entries[index as usize];
        if entry.is_queued() {
            return;
        }
        entry.generation |= Entry::PARKED;
        let lane = entry.lane;
        self.release(index);
        self.lanes[lane as usize].parked += 1;
        self.waiting += 1;
        self.level_count(index).queued += 1;
    }

    /// Lets a parked call in line again, at its old place.
    pub fn unpark(&mut self, id: CallId) {
        if let Some(index) = self.find(id).filter(|&index| self.entries[index as usize].is_parked()) {
            self.leave_park(index);
            self.join(index);
        }
    }

    fn leave_park(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        entry.generation &= !Entry::PARKED;
        let lane = entry.lane;
        self.lanes[lane as usize].parked -= 1;
        self.waiting -= 1;
        self.level_count(index).queued -= 1;
    }

    /// Lets nothing start in a lane, or lets it again.
    pub fn set_closed(&mut self, lane: LaneId, closed: bool) {
        if self.lane(lane).is_some_and(|lane| lane.open && lane.closed != closed) {
            self.lanes[lane.0 as usize].closed = closed;
            self.refresh(lane.0);
        }
    }

    /// A lane begins with one slot, after something that held it up.
    pub fn start_ramp(&mut self, lane: LaneId) {
        if self.is_open(lane) {
            self.lanes[lane.0 as usize].ramp = Some(Ramp::FIRST);
            self.refresh(lane.0);
        }
    }

    /// Something went well in a lane: if it began slowly, it goes on faster now.
    pub fn grow_ramp(&mut self, lane: LaneId) {
        let Some(entry) = self.lanes.get_mut(lane.0 as usize) else { return };
        let Some(ramp) = entry.ramp.map(Ramp::grown) else { return };
        let is_slow = ramp.slots < entry.full_slots().unwrap_or(RAMP_END);
        entry.ramp = is_slow.then_some(ramp);
        self.refresh(lane.0);
    }

    /// Whether a call waits in a lane, parked or in line.
    pub fn waits_in(&self, lane: LaneId) -> bool {
        self.lane(lane).is_some_and(|lane| lane.parked > 0 || lane.best.len() > 0)
    }

    /// Ends a call, waiting or running. False when it had ended before.
    pub fn remove(&mut self, id: CallId) -> bool {
        let Some(index) = self.find(id) else { return false };
        if self.entries[index as usize].waits() {
            self.leave(index);
        } else if self.entries[index as usize].is_parked() {
            self.leave_park(index);
        } else {
            self.release(index);
        }
        let entry = &mut self.entries[index as usize];
        entry.generation |= Entry::FREE;
        entry.lane = NOWHERE;
        let last = std::mem::replace(&mut self.last_free, index);
        if self.free == NOWHERE {
            self.free = index;
        } else {
            self.entries[last as usize].lane = index;
        }
        true
    }

    /// Changes how urgent a waiting call is; its age stays. False when it does not wait.
    pub fn set_priority(&mut self, id: CallId, priority: Priority) -> bool {
        let Some(index) = self.find(id).filter(|&index| self.entries[index as usize].waits()) else {
            return false;
        };
        self.reprioritise(index, priority);
        let entry = &mut self.entries[index as usize];
        entry.generation =
            entry.generation & !(7 << Entry::LEVEL) | (priority.level() as u32) << Entry::LEVEL;
        true
    }

    /// The level of a call as its owner told it, also where it has sunk.
    pub fn told_level_of(&self, id: CallId) -> Option<Level> {
        let index = self.find(id)?;
        Level::ALL.get((self.entries[index as usize].generation >> Entry::LEVEL & 7) as usize).copied()
    }

    fn reprioritise(&mut self, index: u32, priority: Priority) {
        self.leave(index);
        self.entries[index as usize].priority = priority;
        self.join(index);
    }

    /// How many may run in all. `None`: no bound.
    pub const fn concurrency(&self) -> Option<u32> {
        self.concurrency
    }

    fn common(&self) -> Option<u32> {
        self.concurrency.map(|all| part_of(all, self.share))
    }

    /// Uses no more than this share of all slots, and of those of each lane. Where they are more than before, they come one
    /// by one: what had to wait is not to go all at once.
    pub fn set_share(&mut self, share: f64) {
        let grows = share > self.share;
        self.share = share;
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            if grows && lane.ramp.is_none() {
                lane.ramp = lane.full_slots().map(|slots| Ramp { slots, left: slots });
            }
            lane.share = share;
            self.refresh(index as u32);
        }
    }

    /// Slots of a lane now. `None`: only the common limit counts.
    pub fn limit_of(&self, lane: LaneId) -> Option<u32> {
        self.lane(lane).map_or(self.per_lane, Lane::slots)
    }

    /// Whether the calls of a lane share one connection, so that its limit follows what is measured.
    pub fn set_multiplexed(&mut self, lane: LaneId, multiplexed: bool) {
        if self.is_open(lane) {
            let entry = &mut self.lanes[lane.0 as usize];
            entry.multiplexed = multiplexed && entry.adaptive.is_some();
            self.refresh(lane.0);
        }
    }

    /// Counts one more running call of a lane that holds its slot for a body without an end.
    pub fn add_stream(&mut self, lane: LaneId) {
        self.count_streams(lane, |streams| streams.saturating_add(1));
    }

    /// Counts one less of them.
    pub fn remove_stream(&mut self, lane: LaneId) {
        self.count_streams(lane, |streams| streams.saturating_sub(1));
    }

    fn count_streams(&mut self, lane: LaneId, change: impl Fn(u32) -> u32) {
        let Some(entry) = self.lanes.get_mut(lane.0 as usize) else { return };
        (entry.streams, self.streams) = (change(entry.streams), change(self.streams));
        self.refresh(lane.0);
    }

    /// How many hold their slots for bodies without an end.
    pub const fn streams(&self) -> u32 {
        self.streams
    }

    /// Whether fewer of them should do so: in this lane there are more than `most`, or than a quarter of its slots on a
    /// connection that many share, or they leave no slot to others, of this lane, of its origin where others outside share
    /// it, or of all.
    pub fn has_excess_streams(&self, lane: LaneId, most: u32) -> bool {
        let Some(entry) = self.lane(lane) else { return false };
        let Lane { streams, foreign, shared, multiplexed, .. } = *entry;
        let slots = entry.full_slots();
        let quarter = slots.filter(|_| multiplexed).unwrap_or(0) / 4;
        // What others outside hold may be streams, too.
        let left = shared.map(|shared| shared.saturating_sub(foreign));
        let full = [slots, left].into_iter().flatten().any(|slots| streams >= slots);
        streams > most.max(quarter) || full || self.common().is_some_and(|limit| self.streams >= limit)
    }

    /// Takes a sample of the load of a lane's origin, of a running call that was sent at `sent`.
    pub fn sample(&mut self, lane: LaneId, sample: Sample, sent: Time, now: Time) {
        let Some(entry) = self.lanes.get_mut(lane.0 as usize) else { return };
        let Some(adaptive) = &mut entry.adaptive else { return };
        adaptive.take(sample, sent, entry.running, now);
        self.refresh(lane.0);
    }

    /// Changes how many may run in all.
    pub fn set_concurrency(&mut self, limit: Option<u32>) {
        self.concurrency = limit;
    }

    /// Sets how many slots of this lane's origin other instances hold, of `shared` for all together. `None`: it is not shared.
    pub fn set_foreign_slots(&mut self, lane: LaneId, foreign: u32, shared: Option<u32>) {
        if self.is_open(lane) {
            let entry = &mut self.lanes[lane.0 as usize];
            (entry.foreign, entry.shared) = (foreign, shared);
            self.refresh(lane.0);
        }
    }

    /// Counts one more slot of this lane's origin as held by other instances, where it is shared.
    pub fn add_foreign_slot(&mut self, lane: LaneId) {
        if let Some(&Lane { foreign, shared, .. }) = self.lane(lane) {
            self.set_foreign_slots(lane, foreign + u32::from(shared.is_some()), shared);
        }
    }

    /// The first call that waits in a lane.
    pub fn first(&self, lane: LaneId) -> Option<Want> {
        let first = self.lane(lane).filter(|lane| lane.open)?.best.first()?;
        let Entry { priority, arrived, .. } = self.entries[first as usize];
        let ready = self.has_slot(lane.0)
            && !self.lanes[lane.0 as usize].closed
            && self.common().is_none_or(|limit| self.running < limit);
        Some(Want { priority, arrived, ready })
    }

    /// Slots held in this lane.
    pub fn running_in(&self, lane: LaneId) -> u32 {
        self.lane(lane).map_or(0, |lane| lane.running)
    }

    /// Sinks those to low whose moment has passed. The work is paid once a call: O(log n) for each.
    pub fn demote(&mut self, now: Time) {
        let Some(after) = self.aging.demote_after else { return };
        while let Some(index) = self.to_demote.first() {
            if now.since(self.entries[index as usize].arrived) < after {
                return;
            }
            self.reprioritise(index, Level::Low.into());
        }
    }

    /// The first waiting emergency of each lane, when it arrived, and the lane again if that is what is full.
    ///
    /// Of a lane that is closed there is none: no slot helps it.
    pub fn blocked_emergencies(&self) -> impl Iterator<Item = (Time, CallId, Option<LaneId>)> + '_ {
        // Nearly always there is none, and then not even the lanes are looked at.
        let lanes = if self.emergencies == 0 { &[][..] } else { &self.lanes[..] };
        lanes.iter().enumerate().filter(|(_, lane)| !lane.closed && self.has_emergency(lane)).filter_map(
            |(index, lane)| {
                let first = lane.best.first()?;
                let index = index as u32;
                let full = (!self.has_room(index)).then_some(LaneId(index));
                Some((self.entries[first as usize].arrived, self.id_of(first), full))
            },
        )
    }

    /// Who is dropped when too many wait: the least urgent, the youngest among equals.
    pub fn worst(&self) -> Option<CallId> {
        self.worst.first().map(|index| self.id_of(index))
    }

    /// Who has waited longest in line, of one lane or of all.
    pub fn eldest(&self, lane: Option<LaneId>) -> Option<CallId> {
        let index = if let Some(lane) = lane {
            self.lane(lane)?.oldest.first()
        } else {
            let firsts = self.lanes.iter().filter_map(|lane| lane.oldest.first());
            firsts.min_by_key(|&index| self.entries[index as usize].arrived)
        };
        index.map(|index| self.id_of(index))
    }

    /// Every call that waits, how urgent it is by now, and when it arrived; in no order.
    pub fn waiting_calls(&self) -> impl Iterator<Item = (CallId, Priority, Time)> + '_ {
        let queued = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_queued());
        queued.map(|(index, entry)| (self.id_of(index as u32), entry.priority, entry.arrived))
    }

    /// Whether this call waits.
    pub fn waits(&self, id: CallId) -> bool {
        self.find(id).is_some_and(|index| self.entries[index as usize].is_queued())
    }

    /// Whether this call waits or runs.
    pub fn contains(&self, id: CallId) -> bool {
        self.find(id).is_some()
    }

    /// The lane of a call.
    pub fn lane_of(&self, id: CallId) -> Option<LaneId> {
        self.find(id).map(|index| LaneId(self.entries[index as usize].lane))
    }

    /// The priority of a call, sunk if it has sunk.
    pub fn priority_of(&self, id: CallId) -> Option<Priority> {
        self.find(id).map(|index| self.entries[index as usize].priority)
    }

    /// When a call arrived.
    pub fn arrival_of(&self, id: CallId) -> Option<Time> {
        self.find(id).map(|index| self.entries[index as usize].arrived)
    }

    /// What the call's owner said of it.
    pub fn flags_of(&self, id: CallId) -> CallFlags {
        let bits = self.find(id).map(|index| self.entries[index as usize].generation);
        bits.map_or(CallFlags::NONE, |bits| CallFlags::from_bits(bits >> Entry::FLAGS))
    }

    /// Calls waiting.
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// Calls holding a slot.
    pub const fn running(&self) -> u32 {
        self.running
    }

    /// Both, by level as it is now; indexed as [`Level::ALL`].
    pub const fn by_level(&self) -> [Count; 5] {
        self.by_level
    }

    /// How long the oldest waiting call has waited.
    pub fn oldest_wait(&self, now: Time) -> Duration {
        let eldest = self.lanes.iter().filter_map(|lane| lane.oldest.first());
        let arrived = eldest.map(|index| self.entries[index as usize].arrived).min();
        arrived.map_or(Duration::ZERO, |arrived| now.since(arrived))
    }

    /// Figures of each open lane.
    pub fn lanes(&self) -> impl Iterator<Item = LaneStatus> + '_ {
        (0..).map_while(|index| self.lane_status(LaneId(index))).flatten()
    }

    /// Figures of a lane; nothing where it is not open. `None` where there is none, nor any after it.
    pub fn lane_status(&self, lane: LaneId) -> Option<Option<LaneStatus>> {
        let entry = self.lane(lane)?;
        Some(entry.open.then(|| LaneStatus {
            lane,
            limit: entry.slots(),
            count: Count { queued: entry.best.len() as u32 + entry.parked, running: entry.running },
        }))
    }

    #[cfg(test)]
    pub(crate) fn room_of(&self, lane: LaneId) -> usize {
        self.lane(lane).map_or(0, |lane| lane.best.room().max(lane.oldest.room()))
    }

    fn lane(&self, lane: LaneId) -> Option<&Lane> {
        self.lanes.get(lane.0 as usize)
    }

    fn find(&self, id: CallId) -> Option<u32> {
        let entry = self.entries.get(id.index as usize)?;
        (entry.generation() == id.generation && entry.generation & Entry::FREE == 0).then_some(id.index)
    }

    fn id_of(&self, index: u32) -> CallId {
        CallId { index, generation: self.entries[index as usize].generation() }
    }

    fn has_room(&self, lane: u32) -> bool {
        let Lane { running, foreign, shared, closed, .. } = self.lanes[lane as usize];
        !closed && self.has_slot(lane) && shared.is_none_or(|limit| running.saturating_add(foreign) < limit)
    }

    /// Whether the lane's own limit has room.
    fn has_slot(&self, lane: u32) -> bool {
        let lane = &self.lanes[lane as usize];
        lane.slots().is_none_or(|limit| lane.running < limit)
    }

    /// An emergency is its lane's first if any is there.
    fn has_emergency(&self, lane: &Lane) -> bool {
        lane.best.first().is_some_and(|first| self.entries[first as usize].priority == Priority::EMERGENCY)
    }

    fn level_count(&mut self, index: u32) -> &mut Count {
        &mut self.by_level[self.entries[index as usize].priority.level() as usize]
    }

    /// Into every heap it belongs to.
    fn join(&mut self, index: u32) {
        let Entry { priority, lane, .. } = self.entries[index as usize];
        self.lanes[lane as usize].best.push(&mut self.entries, index);
        self.lanes[lane as usize].oldest.push(&mut self.entries, index);
        if self.aging.demote_after.is_some() && priority.fades() {
            self.to_demote.push(&mut self.entries, index);
        }
        if self.drops {
            self.worst.push(&mut self.entries, index);
        }
        if priority == Priority::EMERGENCY {
            self.emergencies += 1;
        }
        self.waiting += 1;
        self.level_count(index).queued += 1;
        self.refresh(lane);
    }

    /// Out of every heap it is in.
    fn leave(&mut self, index: u32) {
        let Entry { priority, lane, .. } = self.entries[index as usize];
        self.lanes[lane as usize].best.remove(&mut self.entries, index);
        self.lanes[lane as usize].oldest.remove(&mut self.entries, index);
        self.to_demote.remove(&mut self.entries, index);
        self.worst.remove(&mut self.entries, index);
        if priority == Priority::EMERGENCY {
            self.emergencies -= 1;
        }
        self.waiting -= 1;
        self.level_count(index).queued -= 1;
        self.refresh(lane);
    }

    fn occupy(&mut self, index: u32) {
        let lane = self.entries[index as usize].lane;
        self.lanes[lane as usize].running += 1;
        self.running += 1;
        self.level_count(index).running += 1;
        self.refresh(lane);
    }

    fn release(&mut self, index: u32) {
        let lane = self.entries[index as usize].lane;
        self.lanes[lane as usize].running -= 1;
        self.running -= 1;
        self.level_count(index).running -= 1;
        self.refresh(lane);
    }

    /// Lets a lane compete where it has a call and room, at the place its first calls give it.
    fn refresh(&mut self, index: u32) {
        let room = self.has_room(index);
        let lane = &mut self.lanes[index as usize];
        let (Some(best), Some(oldest), true) = (lane.best.first(), lane.oldest.first(), room) else {
            self.ready_best.remove(&mut self.lanes, index);
            self.ready_oldest.remove(&mut self.lanes, index);
            return;
        };
        lane.first = self.entries[best as usize].key();
        lane.eldest = self.entries[oldest as usize].arrived;
        if lane.ready_best == NOWHERE {
            self.ready_best.push(&mut self.lanes, index);
            self.ready_oldest.push(&mut self.lanes, index);
        } else {
            self.ready_best.update(&mut self.lanes, index);
            self.ready_oldest.update(&mut self.lanes, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(change: impl FnOnce(&mut Config)) -> (Queue, LaneId) {
        let mut config = Config { per_lane: None, aging: Aging::NONE, ..Config::default() };
        change(&mut config);
        let mut queue = Queue::new(&config);
        let lane = queue.open_lane();
        (queue, lane)
    }

    fn drain(queue: &mut Queue) -> Vec<CallId> {
        std::iter::from_fn(|| queue.take_next(Time::ZERO)).collect()
    }

    #[test]
    fn an_entry_takes_what_the_module_says() {
        assert_eq!(size_of::<Entry>(), 40);
    }

    #[test]
    fn the_more_urgent_goes_first_and_equals_in_order_of_arrival() {
        let (mut queue, lane) = queue(|_| {});
        let mut add = |level: Level| queue.insert(lane, level.into(), CallFlags::NONE, Time::ZERO);
        let [low, first, second, high] =
            [Level::Low, Level::Normal, Level::Normal, Level::High].map(&mut add);
        assert_eq!(drain(&mut queue), [high, first, second, low]);
    }

    #[test]
    fn an_id_is_no_longer_good_once_its_call_has_ended() {
        let (mut queue, lane) = queue(|_| {});
        let id = queue.insert(lane, Level::Normal.into(), CallFlags::NONE, Time::ZERO);
        assert!(queue.remove(id));
        let next = queue.insert(lane, Level::Normal.into(), CallFlags::NONE, Time::ZERO);
        assert_eq!(id.to_bits() as u32, next.to_bits() as u32, "the index is reused");
        assert!(!queue.remove(id) && !queue.contains(id) && queue.contains(next));
        assert_eq!(CallId::from_bits(next.to_bits()), next);
    }

    #[test]
    fn places_of_ended_calls_are_used_again_before_new_ones() {
        let (mut queue, lane) = queue(|_| {});
        let add = |queue: &mut Queue| queue.insert(lane, Level::Normal.into(), CallFlags::NONE, Time::ZERO);
        let [a, b, c] = [0, 1, 2].map(|_| add(&mut queue));
        assert!(queue.remove(a) && queue.remove(c));
        let indices = [0, 1, 2].map(|_| add(&mut queue).index);
        assert_eq!(indices, [a.index, c.index, 3], "the longest unused first");
        assert!(queue.contains(b) && !queue.contains(a) && !queue.contains(c));
        assert_eq!(queue.waiting(), 4);
    }

    #[test]
    fn an_id_does_not_repeat_before_every_free_place_was_used_as_often_as_ids_allow() {
        let (mut queue, lane) = queue(|_| {});
        let add = |queue: &mut Queue| queue.insert(lane, Level::Normal.into(), CallFlags::NONE, Time::ZERO);
        let [a, b] = [0, 1].map(|_| add(&mut queue));
        assert!(queue.remove(a) && queue.remove(b));
        for use_of_place in 2..2 * CallId::GENERATIONS {
            let id = add(&mut queue);
            assert!(id != a && queue.remove(id), "use {use_of_place}");
        }
        assert_eq!([0, 1].map(|_| add(&mut queue)), [a, b]);
    }

    #[test]
    fn a_full_lane_holds_up_no_other() {
        let (mut queue, lane) = queue(|config| config.per_lane = Some(1));
        let other = queue.open_lane();
        let [a, _b] = [0, 1].map(|_| queue.insert(lane, Level::Critical.into(), CallFlags::NONE, Time::ZERO));
        let c = queue.insert(other, Level::Background.into(), CallFlags::NONE, Time::ZERO);
        assert_eq!(drain(&mut queue), [a, c]);
    }

    #[test]
    fn slots_that_others_hold_count_and_so_does_what_they_leave() {
        let (mut queue, lane) = queue(|config| config.per_lane = Some(2));
        let [a, b] = [0, 1].map(|_| queue.insert(lane, Level::Normal.into(), CallFlags::NONE, Time::ZERO));
        queue.set_foreign_slots(lane, 6, Some(6));
        assert_eq!(drain(&mut queue), []);
        assert!(queue.first(lane).is_some_and(|want| want.ready && want.priority == Level::Normal.into()));
        queue.set_foreign_slots(lane, 5, Some(6));
        assert_eq!(drain(&mut queue), [a]);
        queue.insert(lane, Level::Normal.into(), CallFlags::NONE, Time::ZERO);
        queue.set_foreign_slots(lane, 0, None);
        assert_eq!(drain(&mut queue), [b]);
        assert!(queue.first(lane).is_some_and(|want| !want.ready), "its own limit is reached");
    }

    #[test]
    fn a_call_put_back_goes_before_its_younger_equals() {
        let (mut queue, lane) = queue(|config| config.concurrency = Some(1));
        let [a, b] = [0, 1].map(|_| queue.insert(lane, Level::Normal.into(), CallFlags::NONE, Time::ZERO));
        assert_eq!(drain(&mut queue), [a]);
        queue.put_back(a);
        assert_eq!(drain(&mut queue), [a]);
        queue.remove(a);
        assert_eq!(drain(&mut queue), [b]);
    }

    #[test]
    fn what_waited_too_long_sinks_to_low_but_critical_does_not() {
        let (mut queue, lane) = queue(|config| config.aging.demote_after = Some(Duration::from_secs(5)));
        let mut add = |level: Level| queue.insert(lane, level.into(), CallFlags::NONE, Time::ZERO);
        let [_high, _critical, low] = [Level::High, Level::Critical, Level::Low].map(&mut add);
        let later = Time::ZERO.after(Duration::from_secs(6));
        let normal = queue.insert(lane, Level::Normal.into(), CallFlags::NONE, later);
        queue.demote(later);
        let counts = queue.by_level().map(|count| count.queued);
        assert_eq!(counts, [0, 2, 1, 0, 1]);
        let order: Vec<_> = std::iter::from_fn(|| queue.take_next(later)).collect();
        assert_eq!(order[1], normal);
        assert_eq!(order[3], low, "the sunk one is older");
    }

    #[test]
    fn a_lane_in_use_cannot_be_closed_and_a_closed_ones_place_is_used_again() {
        let (mut queue, lane) = queue(|_| {});
        let id = queue.insert(lane, Level::Normal.into(), CallFlags::NONE, Time::ZERO);
        queue.close_lane(lane);
        assert!(queue.is_open(lane));
        queue.remove(id);
        queue.close_lane(lane);
        queue.close_lane(lane);
        assert_eq!((queue.open_lane(), queue.open_lane()), (lane, LaneId(1)));
    }
}
