//! A heap whose items know their place in it, so that any of them can be taken out in O(log n).
//!
//! It holds indices into an arena that its owner keeps; each item notes its place in the heap, and may
//! be in several heaps at once (one note each).

use std::marker::PhantomData;

/// The note of an item that is in no place.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Children of a node. Four makes a shallower heap than two: fewer misses of the cache with a million items.
const ARITY: usize = 4;

/// What a heap is ordered by, and where an item notes its place.
pub(crate) trait Order {
    type Item;
    /// Whether `a` comes out before `b`. Of two that are equal either may come out first.
    fn before(a: &Self::Item, b: &Self::Item) -> bool;
    fn place(item: &mut Self::Item) -> &mut u32;
}

#[derive(Debug)]
pub(crate) struct Heap<O> {
    indices: Vec<u32>,
    order: PhantomData<O>,
}

impl<O> Default for Heap<O> {
    fn default() -> Self {
        Self { indices: Vec::new(), order: PhantomData }
    }
}

impl<O: Order> Heap<O> {
    pub(crate) fn first(&self) -> Option<u32> {
        self.indices.first().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }

    /// Gives back the room of a rush that is over.
    pub(crate) fn shrink(&mut self) {
        if self.indices.is_empty() && self.indices.capacity() > 1024 {
            self.indices = Vec::new();
        }
    }

    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.indices.capacity()
    }

    pub(crate) fn push(&mut self, arena: &mut [O::Item], index: u32) {
        debug_assert_eq!(*O::place(&mut arena[index as usize]), NOWHERE);
        push_tight(&mut self.indices, index);
        self.rise(arena, self.indices.len() - 1);
    }

    /// Takes `index` out; nothing happens when it is not in.
    pub(crate) fn remove(&mut self, arena: &mut [O::Item], index: u32) {
        let place = std::mem::replace(O::place(&mut arena[index as usize]), NOWHERE);
        if place == NOWHERE {
            return;
        }
        self.indices.swap_remove(place as usize);
        if (place as usize) < self.indices.len() {
            self.settle(arena, place as usize);
        }
    }

    /// Puts `index` right after its order has changed; nothing happens when it is not in.
    pub(crate) fn update(&mut self, arena: &mut [O::Item], index: u32) {
        let place = *O::place(&mut arena[index as usize]);
        if place != NOWHERE {
            self.settle(arena, place as usize);
        }
    }

    fn settle(&mut self, arena: &mut [O::Item], place: usize) {
        let place = self.rise(arena, place);
        self.sink(arena, place);
    }

    fn rise(&mut self, arena: &mut [O::Item], mut place: usize) -> usize {
        let index = self.indices[place];
        while place > 0 {
            let parent = (place - 1) / ARITY;
            let above = self.indices[parent];
            if !O::before(&arena[index as usize], &arena[above as usize]) {
                break;
            }
            self.set(arena, place, above);
            place = parent;
        }
        self.set(arena, place, index);
        place
    }

    fn sink(&mut self, arena: &mut [O::Item], mut place: usize) {
        let index = self.indices[place];
        loop {
            let children = place * ARITY + 1..(place * ARITY + 1 + ARITY).min(self.indices.len());
            let Some(best) = children.reduce(|a, b| {
                let (x, y) = (self.indices[a] as usize, self.indices[b] as usize);
                if O::before(&arena[y], &arena[x]) { b } else { a }
            }) else {
                break;
            };
            let below = self.indices[best];
            if !O::before(&arena[below as usize], &arena[index as usize]) {
                break;
            }
            self.set(arena, place, below);
            place = best;
        }
        self.set(arena, place, index);
    }

    fn set(&mut self, arena: &mut [O::Item], place: usize, index: u32) {
        self.indices[place] = index;
        *O::place(&mut arena[index as usize]) = place as u32;
    }
}

/// Appends, growing by an eighth instead of by doubling: still O(1) on average, and the promise of at most
/// 64 bytes a waiting call holds at every size, not just where the capacity happens to fit.
pub(crate) fn push_tight<T>(vec: &mut Vec<T>, value: T) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact(vec.len() / 8 + 8);
    }
    vec.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug)]
    struct ByKey;
    impl Order for ByKey {
        type Item = (u32, u32);
        fn before(a: &(u32, u32), b: &(u32, u32)) -> bool {
            a.0 < b.0
        }
        fn place(item: &mut (u32, u32)) -> &mut u32 {
            &mut item.1
        }
    }

    proptest! {
        #[test]
        fn comes_out_in_order_after_any_removals_and_changes(
            keys in proptest::collection::btree_set(0u32..10_000, 1..80),
            removed in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
            changed in proptest::collection::vec((any::<proptest::sample::Index>(), 10_000u32..20_000), 0..40),
        ) {
            let mut arena: Vec<_> = keys.iter().map(|&key| (key, NOWHERE)).rev().collect();
            let mut heap = Heap::<ByKey>::default();
            for index in 0..arena.len() {
                heap.push(&mut arena, index as u32);
            }
            for (n, (at, key)) in changed.iter().enumerate() {
                let index = at.index(arena.len());
                arena[index].0 = key * 100 + n as u32;
                heap.update(&mut arena, index as u32);
            }
            for at in &removed {
                let index = at.index(arena.len()) as u32;
                heap.remove(&mut arena, index);
            }
            let mut left: Vec<u32> = arena.iter().filter(|item| item.1 != NOWHERE).map(|item| item.0).collect();
            left.sort_unstable();
            let mut out = Vec::new();
            while let Some(index) = heap.first() {
                out.push(arena[index as usize].0);
                heap.remove(&mut arena, index);
            }
            prop_assert_eq!(out, left);
        }
    }
}
