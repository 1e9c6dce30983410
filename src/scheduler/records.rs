//! What is noted of calls that hold a slot, have time limits, or are to be sent again: where each stands, and when it is
//! to be looked at next. A call that only waits has no record: a million of them may.

use crate::breaker::Permit;
use crate::heap::{Heap, NOWHERE, Order, push_tight};
use crate::queue::CallId;
use crate::retry::{Cause, RetryConfig};
use crate::scheduler::Body;
use crate::time::{Duration, Time};
use std::rc::Rc;

/// Where a call stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// In line.
    Queued,
    /// Beside the line: its next attempt is not before this time.
    Delayed { until: Time },
    /// Beside the line: its next attempt is not before [`Event::Online`](super::Event::Online).
    Offline,
    /// An attempt is under way, until a time. `reported`: breaker and limit have been told what came of it.
    Sent { since: Time, until: Time, permit: Option<Permit>, reported: bool },
    /// An attempt failed in a way that may be retried, and the caller is asked whether it is to be. The response, if there
    /// is one, is held back with its body. `online`: there has been a network since.
    Asking { cause: Cause, body: Body, online: bool },
    /// Its caller has the headers and does not read, until a time.
    Unread { until: Time },
    /// Its caller reads.
    Reading,
    /// Its caller reads a body that has no end.
    Streaming,
}

impl Stage {
    /// Whether the caller has the headers.
    pub(super) const fn is_answered(self) -> bool {
        matches!(self, Self::Unread { .. } | Self::Reading | Self::Streaming)
    }

    /// Whether the call holds a slot.
    const fn is_running(self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Asking { .. }) || self.is_answered()
    }

    /// Whether the caller has nothing yet and an attempt is under way, or has just failed.
    pub(super) const fn is_attempted(self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Asking { .. })
    }

    /// Whether the call stands beside the line.
    pub(super) const fn is_parked(self) -> bool {
        matches!(self, Self::Delayed { .. } | Self::Offline)
    }

    const fn until(self) -> Time {
        match self {
            Self::Delayed { until } | Self::Sent { until, .. } | Self::Unread { until } => until,
            Self::Queued | Self::Offline | Self::Asking { .. } | Self::Reading | Self::Streaming => {
                Time::NEVER
            }
        }
    }
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) stage: Stage,
    /// [`Time::NEVER`]: no limit.
    pub(super) total_until: Time,
    /// No attempt begins after this. [`Time::NEVER`]: no limit.
    pub(super) wait_until: Time,
    /// Time for one attempt. [`Duration::MAX`]: no limit.
    pub(super) attempt: Duration,
    /// Attempts that followed a failed one.
    pub(super) retries: u32,
    /// The delay before the last of them, but for a pause that was longer.
    pub(super) backoff: Duration,
    /// Its rules, where they are not the scheduler's.
    pub(super) rules: Option<Rc<RetryConfig>>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            stage: Stage::Queued,
            total_until: Time::NEVER,
            wait_until: Time::NEVER,
            attempt: Duration::MAX,
            retries: 0,
            backoff: Duration::ZERO,
            rules: None,
        }
    }
}

impl Record {
    /// Whether the call, standing in line, needs no record.
    pub(super) fn is_plain(&self) -> bool {
        self.total_until == Time::NEVER
            && self.wait_until == Time::NEVER
            && self.attempt == Duration::MAX
            && self.retries == 0
            && self.rules.is_none()
    }

    /// When its time is up where it stands.
    pub(super) fn limit(&self) -> Time {
        if self.stage.is_running() { self.total_until } else { self.total_until.min(self.wait_until) }
    }

    fn due(&self) -> Time {
        self.stage.until().min(self.limit())
    }
}

#[derive(Debug)]
struct Slot {
    id: CallId,
    record: Record,
    /// What [`Record::due`] was when the slot was put at its place.
    due: Time,
    /// Place in the heap of deadlines.
    place: u32,
    /// Place in the list of those that hold a slot.
    running: u32,
}

/// The earliest first, of equals the lowest id.
#[derive(Debug)]
struct Due;
impl Order for Due {
    type Item = Slot;
    fn before(a: &Slot, b: &Slot) -> bool {
        (a.due, a.id) < (b.due, b.id)
    }
    fn place(slot: &mut Slot) -> &mut u32 {
        &mut slot.place
    }
}

/// Records by id, with all their deadlines.
#[derive(Debug)]
pub(super) struct Records {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Where the slot of a call is noted: at the place that its id hashes to, or the next one that was free. A list by
    /// the indices of ids would need no hashing, but room for each call that ever waited. Its length is a power of two.
    table: Vec<u32>,
    deadlines: Heap<Due>,
    running: Vec<u32>,
}

impl Records {
    const SMALLEST_TABLE: usize = 16;

    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            table: vec![NOWHERE; Self::SMALLEST_TABLE],
            deadlines: Heap::default(),
            running: Vec::new(),
        }
    }

    pub(super) fn get(&self, id: CallId) -> Option<&Record> {
        self.slot(self.find(id)).map(|slot| &slot.record)
    }

    /// Notes where a call of which something is noted stands by now.
    pub(super) fn set_stage(&mut self, id: CallId, stage: Stage) {
        if let Some(&index) = self.table.get(self.find(id)).filter(|&&index| index != NOWHERE) {
            let record = &mut self.slots[index as usize].record;
            record.stage = stage;
            let due = record.due();
            self.settle(index, stage.is_running(), due);
        }
    }

    /// There is a network again, also for calls whose `shouldRetry` has not answered yet.
    pub(super) fn online(&mut self) {
        for &index in &self.running {
            if let Stage::Asking { online, .. } = &mut self.slots[index as usize].record.stage {
                *online = true;
            }
        }
    }

    /// Notes this of a call, in place of what was noted.
    pub(super) fn put(&mut self, id: CallId, record: Record) {
        let mut entry = self.find(id);
        if self.table[entry] == NOWHERE {
            let live = self.slots.len() - self.free.len();
            if 2 * live >= self.table.len() {
                self.grow();
                entry = self.find(id);
            }
            self.table[entry] = self.take_slot(id);
        }
        let index = self.table[entry];
        let (running, due) = (record.stage.is_running(), record.due());
        self.slots[index as usize].record = record;
        self.settle(index, running, due);
    }

    /// Drops what is noted of a call.
    pub(super) fn remove(&mut self, id: CallId) -> Option<Record> {
        let entry = self.find(id);
        self.slot(entry)?;
        let index = self.table[entry];
        let record = std::mem::take(&mut self.slots[index as usize].record);
        self.settle(index, false, Time::NEVER);
        self.close(entry);
        self.free.push(index);
        // The room of a rush is given back once it is over.
        if self.free.len() == self.slots.len() && self.slots.capacity() > 1024 {
            *self = Self::new();
        }
        Some(record)
    }

    /// The earliest deadline, and whose it is.
    pub(super) fn first_due(&self) -> Option<(Time, CallId)> {
        self.deadlines.first().map(|index| {
            let Slot { due, id, .. } = self.slots[index as usize];
            (due, id)
        })
    }

    /// Calls that hold a slot, in no order.
    pub(super) fn running(&self) -> impl Iterator<Item = (CallId, Stage)> {
        self.running.iter().map(|&index| {
            let slot = &self.slots[index as usize];
            (slot.id, slot.record.stage)
        })
    }

    /// Calls that stand beside the line, in no order.
    pub(super) fn parked(&self) -> impl Iterator<Item = (CallId, Stage)> {
        let slots = (0..self.table.len()).filter_map(|entry| self.slot(entry));
        slots.map(|slot| (slot.id, slot.record.stage)).filter(|(_, stage)| stage.is_parked())
    }

    /// Puts a slot where it belongs in the list and in the heap.
    fn settle(&mut self, index: u32, running: bool, due: Time) {
        let slot = &mut self.slots[index as usize];
        let place = slot.running;
        if running && place == NOWHERE {
            slot.running = self.running.len() as u32;
            self.running.push(index);
        } else if !running && place != NOWHERE {
            slot.running = NOWHERE;
            self.running.swap_remove(place as usize);
            if let Some(&moved) = self.running.get(place as usize) {
                self.slots[moved as usize].running = place;
            }
        }
        let slot = &mut self.slots[index as usize];
        if slot.due == due {
            return;
        }
        slot.due = due;
        if due == Time::NEVER {
            self.deadlines.remove(&mut self.slots, index);
        } else if slot.place == NOWHERE {
            self.deadlines.push(&mut self.slots, index);
        } else {
            self.deadlines.update(&mut self.slots, index);
        }
    }

    fn take_slot(&mut self, id: CallId) -> u32 {
        let slot = Slot { id, record: Record::default(), due: Time::NEVER, place: NOWHERE, running: NOWHERE };
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = slot;
            index
        } else {
            push_tight(&mut self.slots, slot);
            self.slots.len() as u32 - 1
        }
    }

    fn slot(&self, entry: usize) -> Option<&Slot> {
        self.slots.get(self.table[entry] as usize)
    }

    /// The entry of a call in the table, or the free one where it would be.
    fn find(&self, id: CallId) -> usize {
        let mut entry = self.home(id);
        while self.slot(entry).is_some_and(|slot| slot.id != id) {
            entry = self.next(entry);
        }
        entry
    }

    /// By Fibonacci's hashing: also indices at equal distances are spread over the whole table.
    fn home(&self, id: CallId) -> usize {
        let hash = (id.to_bits() as u32).wrapping_mul(0x9e37_79b9);
        ((u64::from(hash) * self.table.len() as u64) >> 32) as usize
    }

    fn next(&self, entry: usize) -> usize {
        (entry + 1) & (self.table.len() - 1)
    }

    /// Frees an entry, and moves those up that were put behind it because it was taken.
    fn close(&mut self, mut gap: usize) {
        let mut entry = self.next(gap);
        while let Some(slot) = self.slot(entry) {
            let behind = |from: usize| entry.wrapping_sub(from) & (self.table.len() - 1);
            if behind(self.home(slot.id)) >= behind(gap) {
                self.table[gap] = self.table[entry];
                gap = entry;
            }
            entry = self.next(entry);
        }
        self.table[gap] = NOWHERE;
    }

    fn grow(&mut self) {
        let larger = vec![NOWHERE; 2 * self.table.len()];
        for index in std::mem::replace(&mut self.table, larger) {
            if index != NOWHERE {
                let entry = self.find(self.slots[index as usize].id);
                self.table[entry] = index;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn id(index: u32, generation: u64) -> CallId {
        CallId::from_bits(generation << 32 | u64::from(index))
    }

    fn stages() -> impl Strategy<Value = Stage> {
        let until = (0..9_u64).prop_map(Time::from_nanos);
        prop_oneof![
            Just(Stage::Queued),
            until.clone().prop_map(|until| Stage::Delayed { until }),
            Just(Stage::Offline),
            until.clone().prop_map(|until| Stage::Sent {
                since: Time::ZERO,
                until,
                permit: None,
                reported: false
            }),
            until.prop_map(|until| Stage::Unread { until }),
            Just(Stage::Asking { cause: Cause::NoResponse, body: Body::None, online: false }),
            Just(Stage::Reading),
            Just(Stage::Streaming),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_map_with_the_earliest_deadline_first(
            // Far apart, side by side, and all in one place of a small table.
            steps in proptest::collection::vec(
                (prop_oneof![0..40_u32, (0..40_u32).prop_map(|n| n << 26)], 0..2_u64, proptest::option::of((stages(), 0..9_u64))),
                0..300,
            ),
        ) {
            let mut records = Records::new();
            let mut model = BTreeMap::new();
            for (index, generation, change) in steps {
                let id = id(index, generation);
                if let Some((stage, total)) = change {
                    let total_until = if total == 0 { Time::NEVER } else { Time::from_nanos(total) };
                    records.put(id, Record { stage, total_until, ..Record::default() });
                    model.insert(id, (stage, total_until));
                } else {
                    let gone = records.remove(id).map(|record| (record.stage, record.total_until));
                    prop_assert_eq!(gone, model.remove(&id));
                }
                let due = |(&id, &(stage, total)): (&CallId, &(Stage, Time))| (stage.until().min(total), id);
                let first = model.iter().map(due).filter(|(due, _)| *due < Time::NEVER).min();
                prop_assert_eq!(records.first_due(), first);
                let sorted = |mut all: Vec<(CallId, Stage)>| { all.sort_unstable_by_key(|(id, _)| *id); all };
                let which = |belongs: fn(Stage) -> bool| {
                    model.iter().map(|(&id, &(stage, _))| (id, stage)).filter(|(_, stage)| belongs(*stage)).collect::<Vec<_>>()
                };
                prop_assert_eq!(sorted(records.running().collect()), which(Stage::is_running));
                prop_assert_eq!(sorted(records.parked().collect()), which(Stage::is_parked));
                for (&id, &(stage, _)) in &model {
                    prop_assert_eq!(records.get(id).map(|record| record.stage), Some(stage));
                }
            }
        }
    }

    #[test]
    fn the_room_of_a_rush_is_given_back() {
        let mut records = Records::new();
        for index in 0..5_000 {
            records.put(id(index, 0), Record::default());
        }
        for index in 0..5_000 {
            assert!(records.remove(id(index, 0)).is_some());
        }
        assert_eq!((records.slots.capacity(), records.table.len()), (0, Records::SMALLEST_TABLE));
    }
}
