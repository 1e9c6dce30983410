//! What is kept and what goes when there is no room: bytes bounded, the least recently used first, with an admission rule
//! that keeps a scan from emptying it all.
//!
//! A newcomer stands in a small window first. Who falls out of that competes with those that would have to go for it, and
//! gets in only if it was asked for more often than all of them together. What comes back in the main part moves to its
//! protected half. What is of no use any more competes with nobody, and goes before all others.
//!
//! Source: Einziger, Friedman, Manes, "`TinyLFU`: A Highly Efficient Cache Admission Policy", 2017; for entries of different
//! sizes Einziger, Eytan, Friedman, Manes, "Lightweight Robust Size Aware Cache Management", 2022.

use super::date::Wall;
use crate::heap::{Heap, NOWHERE, Order};

/// Part of the bytes that newcomers have, in hundredths.
const WINDOW: u64 = 1;
/// Part of the rest that is protected, in hundredths.
const PROTECTED: u64 = 80;

const NONE: u32 = u32::MAX;

/// A key's place in an [`Index`]. Reused when the key is gone.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct EntryId(pub u32);

/// Where an entry stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Segment {
    Window,
    Probation,
    Protected,
    Free,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    bytes: u32,
    /// From when on it is of no use.
    until: Wall,
    /// Its place among those for which such a time comes.
    expiring: u32,
    /// The one used before it, and after.
    older: u32,
    newer: u32,
    segment: Segment,
}

/// Those that are of no use one day, the first one first.
#[derive(Debug)]
struct Expiring;

impl Order for Expiring {
    type Item = Entry;
    fn before(a: &Entry, b: &Entry) -> bool {
        a.until < b.until
    }
    fn place(entry: &mut Entry) -> &mut u32 {
        &mut entry.expiring
    }
}

/// A list of entries from the least to the most recently used.
#[derive(Clone, Copy, Debug)]
struct List {
    oldest: u32,
    newest: u32,
    bytes: u64,
}

const EMPTY: List = List { oldest: NONE, newest: NONE, bytes: 0 };

/// See the [module's page](self).
#[derive(Debug)]
pub struct Index {
    most: u64,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// By segment.
    lists: [List; 3],
    expiring: Heap<Expiring>,
    asked: Frequencies,
    evictions: u64,
}

impl Index {
    /// An empty one for so many bytes.
    pub fn new(most: u64) -> Self {
        Self {
            most,
            entries: Vec::new(),
            free: Vec::new(),
            lists: [EMPTY; 3],
            expiring: Heap::default(),
            asked: Frequencies::default(),
            evictions: 0,
        }
    }

    /// Bytes that it may keep.
    pub const fn most(&self) -> u64 {
        self.most
    }

    /// Bytes kept. Never more than allowed.
    pub fn bytes(&self) -> u64 {
        self.lists.iter().map(|list| list.bytes).sum()
    }

    /// Entries kept.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many went because there was no room.
    pub const fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Counts a request for the key with this hash, stored or not.
    pub fn asked(&mut self, hash: u32) {
        self.asked.count(hash);
    }

    /// An entry answered.
    pub fn used(&mut self, id: EntryId) {
        let Some(segment) = self.segment(id) else { return };
        self.unlink(id.0);
        let next = if segment == Segment::Window { Segment::Window } else { Segment::Protected };
        self.link(id.0, next);
        self.settle_protected();
    }

    /// Who was protected longest without being used is protected no more.
    fn settle_protected(&mut self) {
        while self.list(Segment::Protected).bytes > self.most_protected() {
            let oldest = self.list(Segment::Protected).oldest;
            self.unlink(oldest);
            self.link(oldest, Segment::Probation);
        }
    }

    /// Keeps an entry of so many bytes, which is of no use from `until` on. Returns its id, unless it is larger than all
    /// there is, and tells in `gone` which entries had to go; it may be among them.
    pub fn insert(
        &mut self,
        hash: u32,
        bytes: u32,
        until: Wall,
        now: Wall,
        gone: &mut Vec<EntryId>,
    ) -> Option<EntryId> {
        if u64::from(bytes) > self.most {
            self.evictions += 1;
            return None;
        }
        let [older, newer] = [NONE; 2];
        let entry = Entry { hash, bytes, until, expiring: NOWHERE, older, newer, segment: Segment::Free };
        let index = if let Some(index) = self.free.pop() {
            self.entries[index as usize] = entry;
            index
        } else {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        };
        self.asked.make_room(self.len());
        self.link(index, Segment::Window);
        self.watch(index);
        self.settle(now, gone);
        Some(EntryId(index))
    }

    /// Keeps something else under the same key: it is no newcomer, but stands where the entry stood, as the last of those
    /// there to go. Otherwise as [`insert`](Self::insert); what is too large for all there is leaves nothing.
    pub fn replace(
        &mut self,
        id: EntryId,
        bytes: u32,
        until: Wall,
        now: Wall,
        gone: &mut Vec<EntryId>,
    ) -> Option<EntryId> {
        let segment = self.segment(id)?;
        if u64::from(bytes) > self.most {
            self.evictions += 1;
            self.remove(id);
            return None;
        }
        self.unlink(id.0);
        self.expiring.remove(&mut self.entries, id.0);
        let entry = &mut self.entries[id.0 as usize];
        (entry.bytes, entry.until) = (bytes, until);
        self.link(id.0, segment);
        self.watch(id.0);
        self.settle_protected();
        self.settle(now, gone);
        Some(id)
    }

    /// What is always of use need not be watched.
    fn watch(&mut self, index: u32) {
        if self.entries[index as usize].until < Wall::END {
            self.expiring.push(&mut self.entries, index);
        }
    }

    /// Forgets an entry.
    pub fn remove(&mut self, id: EntryId) {
        if self.segment(id).is_some() {
            self.unlink(id.0);
            self.expiring.remove(&mut self.entries, id.0);
            self.entries[id.0 as usize].segment = Segment::Free;
            self.free.push(id.0);
        }
    }

    fn settle(&mut self, now: Wall, gone: &mut Vec<EntryId>) {
        loop {
            let window = *self.list(Segment::Window);
            let too_many = window.bytes > self.most_of_window() && window.oldest != window.newest;
            let useless = self.expiring.first().filter(|&index| self.entries[index as usize].until <= now);
            if self.bytes() > self.most
                && let Some(useless) = useless
            {
                self.evict(useless, gone);
            } else if self.bytes() > self.most && window.oldest == NONE {
                // What took the place of a smaller one needs more room, and nobody new competes for it.
                self.evict(self.victim(), gone);
            } else if self.bytes() > self.most {
                // The last one may be too large for the window alone.
                self.admit(window.oldest, gone);
            } else if too_many {
                self.unlink(window.oldest);
                self.link(window.oldest, Segment::Probation);
            } else {
                return;
            }
        }
    }

    /// Moves a candidate out of the window into the main part, or out of the cache: what must go is what was asked for
    /// less often.
    fn admit(&mut self, candidate: u32, gone: &mut Vec<EntryId>) {
        let Entry { hash, .. } = self.entries[candidate as usize];
        let excess = self.bytes() - self.most;
        let own = self.asked.of(hash);
        let mut freed = 0;
        let mut theirs = 0;
        let mut victims = Vec::new();
        let mut next = self.victim();
        while freed < excess && next != NONE {
            let victim = self.entries[next as usize];
            freed += u64::from(victim.bytes);
            theirs += self.asked.of(victim.hash);
            victims.push(next);
            next = if victim.newer == NONE && victim.segment == Segment::Probation {
                self.list(Segment::Protected).oldest
            } else {
                victim.newer
            };
        }
        if freed < excess || own <= theirs {
            self.evict(candidate, gone);
            return;
        }
        for victim in victims {
            self.evict(victim, gone);
        }
        self.unlink(candidate);
        self.link(candidate, Segment::Probation);
    }

    /// Who goes first of the main part.
    fn victim(&self) -> u32 {
        let probation = self.list(Segment::Probation).oldest;
        if probation == NONE { self.list(Segment::Protected).oldest } else { probation }
    }

    fn evict(&mut self, index: u32, gone: &mut Vec<EntryId>) {
        self.evictions += 1;
        self.remove(EntryId(index));
        gone.push(EntryId(index));
    }

    const fn most_of_window(&self) -> u64 {
        self.most / 100 * WINDOW
    }

    const fn most_protected(&self) -> u64 {
        (self.most - self.most_of_window()) / 100 * PROTECTED
    }

    fn segment(&self, EntryId(index): EntryId) -> Option<Segment> {
        let segment = self.entries.get(index as usize)?.segment;
        (segment != Segment::Free).then_some(segment)
    }

    const fn list(&self, segment: Segment) -> &List {
        &self.lists[segment as usize % 3]
    }

    fn link(&mut self, index: u32, segment: Segment) {
        let list = &mut self.lists[segment as usize % 3];
        let entry = &mut self.entries[index as usize];
        (entry.segment, entry.older, entry.newer) = (segment, list.newest, NONE);
        list.bytes += u64::from(entry.bytes);
        let before = std::mem::replace(&mut list.newest, index);
        if before == NONE {
            list.oldest = index;
        } else {
            self.entries[before as usize].newer = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Entry { bytes, older, newer, segment, .. } = self.entries[index as usize];
        let list = &mut self.lists[segment as usize % 3];
        list.bytes -= u64::from(bytes);
        if older == NONE {
            list.oldest = newer;
        } else {
            self.entries[older as usize].newer = newer;
        }
        if newer == NONE {
            self.lists[segment as usize % 3].newest = older;
        } else {
            self.entries[newer as usize].older = older;
        }
    }
}

/// About how often each key was asked for lately, in little room: counters of four bits, four for each key, of which the
/// smallest counts. All are halved from time to time, so that what was once asked for is forgotten.
#[derive(Clone, Debug)]
struct Frequencies {
    /// Sixteen counters in each.
    words: Vec<u64>,
    counted: u32,
}

impl Default for Frequencies {
    fn default() -> Self {
        Self { words: vec![0; 64], counted: 0 }
    }
}

impl Frequencies {
    /// For so many keys. Where there are twice as many words, each stands twice: no count is lost.
    fn make_room(&mut self, keys: usize) {
        while keys > self.words.len() {
            self.words.extend_from_within(..);
        }
    }

    fn count(&mut self, hash: u32) {
        for row in 0..4 {
            let (word, shift) = self.place(hash, row);
            let counter = &mut self.words[word];
            if (*counter >> shift) & 15 < 15 {
                *counter += 1 << shift;
            }
        }
        self.counted += 1;
        // Ten times as many as there are keys: as in the source.
        if self.counted as usize >= self.words.len() * 10 {
            self.counted /= 2;
            for word in &mut self.words {
                *word = (*word >> 1) & 0x7777_7777_7777_7777;
            }
        }
    }

    fn of(&self, hash: u32) -> u64 {
        let counters = (0..4).map(|row| {
            let (word, shift) = self.place(hash, row);
            (self.words[word] >> shift) & 15
        });
        counters.min().unwrap_or_default()
    }

    fn place(&self, hash: u32, row: u32) -> (usize, u32) {
        // Mixed once for each row; the constants are those of splitmix64.
        let mixed = (u64::from(hash) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(row * 16);
        let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed >> 32) as usize & (self.words.len() - 1), (((mixed >> 8) as u32 & 3) * 4 + row) * 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u32, u32, u64),
        Replace(prop::sample::Index, u32, u64),
        Wait(u64),
        Use(prop::sample::Index),
        Remove(prop::sample::Index),
        Ask(u32),
    }

    /// For so long it is of use.
    fn until() -> impl Strategy<Value = u64> {
        prop_oneof![Just(u64::MAX), 0..100_u64]
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..50_u32, 0..120_u32, until()).prop_map(|(hash, bytes, until)| Step::Insert(hash, bytes, until)),
            2 => (any::<prop::sample::Index>(), 0..120_u32, until())
                .prop_map(|(place, bytes, until)| Step::Replace(place, bytes, until)),
            1 => (0..30_u64).prop_map(Step::Wait),
            3 => any::<prop::sample::Index>().prop_map(Step::Use),
            1 => any::<prop::sample::Index>().prop_map(Step::Remove),
            3 => (0..50_u32).prop_map(Step::Ask),
        ];
        prop::collection::vec(step, 1..300)
    }

    proptest! {
        #[test]
        fn the_bound_holds_and_the_counts_are_those_of_a_recount(most in 1..1_000_u64, steps in steps()) {
            let mut index = Index::new(most);
            // Bytes, and until when it is of use.
            let mut kept: BTreeMap<EntryId, (u32, Wall)> = BTreeMap::new();
            let mut evictions = 0;
            let mut now = Wall::default();
            for step in steps {
                let nth = |place: prop::sample::Index| {
                    (!kept.is_empty()).then(|| *kept.keys().nth(place.index(kept.len())).unwrap())
                };
                let until = |wait| Wall::from_millis(now.as_millis().saturating_add(wait));
                let mut gone = Vec::new();
                match step {
                    Step::Ask(hash) => index.asked(hash),
                    Step::Wait(millis) => now = until(millis),
                    Step::Use(place) => {
                        if let Some(id) = nth(place) {
                            index.used(id);
                        }
                    }
                    Step::Remove(place) => {
                        if let Some(id) = nth(place) {
                            index.remove(id);
                            kept.remove(&id);
                        }
                    }
                    Step::Insert(hash, bytes, wait) => match index.insert(hash, bytes, until(wait), now, &mut gone) {
                        None => {
                            prop_assert!(u64::from(bytes) > most && gone.is_empty());
                            evictions += 1;
                        }
                        Some(id) => prop_assert_eq!(kept.insert(id, (bytes, until(wait))), None, "an id of its own"),
                    },
                    Step::Replace(place, bytes, wait) => {
                        let Some(id) = nth(place) else { continue };
                        let before = kept.remove(&id).unwrap();
                        match index.replace(id, bytes, until(wait), now, &mut gone) {
                            None => {
                                prop_assert!(u64::from(bytes) > most && gone.is_empty());
                                evictions += 1;
                            }
                            Some(same) => {
                                prop_assert_eq!(same, id);
                                kept.insert(id, (bytes, until(wait)));
                                prop_assert!(bytes > before.0 || gone.is_empty(), "there is room for it");
                            }
                        }
                    }
                }
                evictions += gone.len() as u64;
                let gone: Vec<_> = gone.iter().map(|id| kept.remove(id).expect("gone once")).collect();
                let useless = |&(_, until): &(u32, Wall)| until <= now;
                if !gone.iter().all(useless) {
                    prop_assert!(!kept.values().any(useless), "something of no use is kept in place of what is");
                }
                prop_assert!(index.bytes() <= most);
                prop_assert_eq!(index.bytes(), kept.values().map(|&(bytes, _)| u64::from(bytes)).sum::<u64>());
                prop_assert_eq!(index.len(), kept.len());
                prop_assert_eq!(index.evictions(), evictions);
            }
        }
    }

    const NOW: Wall = Wall::from_millis(1_000);

    #[test]
    fn what_is_of_no_use_keeps_nothing_out_that_is() {
        let mut index = Index::new(500 * 100);
        let mut ids = BTreeMap::new();
        for hash in 0..500 {
            index.asked(hash);
            index.asked(hash);
            ids.insert(hash, index.insert(hash, 100, NOW, Wall::default(), &mut Vec::new()).unwrap());
        }
        let loaded = [(); 8].map(|()| {
            let mut loaded = 0;
            for hash in 1_000..1_300 {
                index.asked(hash);
                if let Some(&id) = ids.get(&hash) {
                    index.used(id);
                    continue;
                }
                let mut gone = Vec::new();
                let id = index.insert(hash, 100, Wall::END, NOW, &mut gone).unwrap();
                ids.retain(|_, id| !gone.contains(id));
                ids.insert(hash, id);
                loaded += 1;
            }
            loaded
        });
        assert_eq!(loaded, [300, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(index.evictions(), 300, "each for one that is of use");
    }

    #[test]
    fn what_is_of_no_use_stays_as_long_as_there_is_room() {
        let mut index = Index::new(300);
        let mut gone = Vec::new();
        for hash in 0..3 {
            index.insert(hash, 100, NOW, NOW, &mut gone).unwrap();
        }
        assert_eq!(gone, []);
        index.insert(3, 50, Wall::END, NOW, &mut gone).unwrap();
        assert_eq!((gone.len(), index.bytes()), (1, 250));
    }

    #[test]
    fn an_entry_that_is_written_again_is_no_newcomer() {
        let mut index = Index::new(1_000);
        let mut gone = Vec::new();
        let ids: Vec<_> =
            (0..10).map(|hash| index.insert(hash, 100, Wall::END, NOW, &mut gone).unwrap()).collect();
        for &id in &ids {
            for bytes in [100, 40, 100] {
                assert_eq!(index.replace(id, bytes, Wall::END, NOW, &mut gone), Some(id));
            }
        }
        assert_eq!(gone, []);
        // Where it needs more room, the oldest of the others makes it.
        assert_eq!(index.replace(ids[0], 200, Wall::END, NOW, &mut gone), Some(ids[0]));
        assert_eq!((gone.len(), gone.contains(&ids[0]), index.bytes()), (1, false, 1_000));
        assert_eq!(index.replace(ids[0], 1_001, Wall::END, NOW, &mut gone), None);
        assert_eq!((gone.len(), index.bytes()), (1, 800), "what is too large leaves nothing");
    }

    #[test]
    fn who_was_asked_for_more_often_gets_in_and_the_least_recently_used_goes() {
        let mut index = Index::new(300);
        let mut gone = Vec::new();
        index.asked(2);
        let ids: Vec<_> =
            (0..3).map(|hash| index.insert(hash, 100, Wall::END, NOW, &mut gone).unwrap()).collect();
        assert_eq!(gone, []);
        index.insert(7, 100, Wall::END, NOW, &mut gone).unwrap();
        assert_eq!(gone, [ids[0]]);
        // Nobody asked for that one, and it falls out of the window in its turn.
        let last = index.insert(8, 100, Wall::END, NOW, &mut gone).unwrap();
        assert_eq!(gone.len(), 2);
        assert!(index.segment(ids[1]).is_some() && index.segment(ids[2]).is_some());
        assert!(index.segment(last).is_some());
    }

    #[test]
    fn a_scan_takes_nothing_from_those_that_are_used() {
        let mut index = Index::new(100_000);
        let mut gone = Vec::new();
        let used: Vec<_> = (0..100)
            .map(|hash| {
                index.asked(hash);
                (hash, index.insert(hash, 900, Wall::END, NOW, &mut gone).unwrap())
            })
            .collect();
        assert_eq!(gone, []);
        for new in 1_000..10_000 {
            let (hash, id) = used[new as usize % 100];
            index.asked(hash);
            index.used(id);
            index.asked(new);
            index.insert(new, 900, Wall::END, NOW, &mut gone);
        }
        let stayed = used.iter().filter(|(_, id)| !gone.contains(id)).count();
        assert!(stayed >= 95, "{stayed} of 100 stayed");
    }

    #[test]
    fn what_was_asked_for_long_ago_is_forgotten() {
        let mut asked = Frequencies::default();
        for _ in 0..15 {
            asked.count(1);
        }
        assert_eq!(asked.of(1), 15);
        for hash in 0..3_000 {
            asked.count(100 + hash % 7);
        }
        assert!(asked.of(1) <= 2);
    }
}
