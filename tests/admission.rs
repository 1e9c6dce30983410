//! How often the memory tier answers, on traces as caches meet them, beside the plain least-recently-used order and S3-FIFO
//! (Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", 2023).

use sixlane::cache::date::Wall;
use sixlane::cache::index::{EntryId, Index};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const REQUESTS: usize = 200_000;
const KEYS: u32 = 20_000;
/// How many entries there is room for, each of so many bytes.
const ROOM: usize = 1_000;
const BYTES: u32 = 2_048;

/// A cache by keys: whether it answers, keeping what was asked for.
trait Cache {
    fn ask(&mut self, key: u32) -> bool;
}

struct Ours {
    index: Index,
    ids: BTreeMap<u32, EntryId>,
    keys: BTreeMap<EntryId, u32>,
}

impl Cache for Ours {
    fn ask(&mut self, key: u32) -> bool {
        let hash = key.wrapping_mul(0x9e37_79b1);
        self.index.asked(hash);
        if let Some(&id) = self.ids.get(&key) {
            self.index.used(id);
            return true;
        }
        let mut gone = Vec::new();
        if let Some(id) = self.index.insert(hash, BYTES, Wall::END, Wall::default(), &mut gone) {
            self.ids.insert(key, id);
            self.keys.insert(id, key);
        }
        for id in gone {
            self.ids.remove(&self.keys.remove(&id).expect("it was kept"));
        }
        false
    }
}

#[derive(Default)]
struct LeastRecentlyUsed {
    now: u64,
    used: BTreeMap<u32, u64>,
    order: BTreeSet<(u64, u32)>,
}

impl Cache for LeastRecentlyUsed {
    fn ask(&mut self, key: u32) -> bool {
        self.now += 1;
        let before = self.used.insert(key, self.now);
        if let Some(before) = before {
            self.order.remove(&(before, key));
        }
        self.order.insert((self.now, key));
        if self.used.len() > ROOM {
            let (_, oldest) = self.order.pop_first().expect("it is not empty");
            self.used.remove(&oldest);
        }
        before.is_some()
    }
}

#[derive(Default)]
struct S3Fifo {
    small: VecDeque<u32>,
    main: VecDeque<u32>,
    ghost: VecDeque<u32>,
    ghosts: BTreeSet<u32>,
    uses: BTreeMap<u32, u8>,
}

impl Cache for S3Fifo {
    fn ask(&mut self, key: u32) -> bool {
        if let Some(uses) = self.uses.get_mut(&key) {
            *uses = (*uses + 1).min(3);
            return true;
        }
        while self.small.len() + self.main.len() >= ROOM {
            self.evict();
        }
        if self.ghosts.remove(&key) {
            self.main.push_back(key);
        } else {
            self.small.push_back(key);
        }
        self.uses.insert(key, 0);
        false
    }
}

impl S3Fifo {
    fn evict(&mut self) {
        if self.small.len() >= ROOM / 10 {
            let key = self.small.pop_front().expect("it is not empty");
            if self.uses[&key] > 1 {
                self.uses.insert(key, 0);
                self.main.push_back(key);
                return;
            }
            self.uses.remove(&key);
            self.ghost.push_back(key);
            self.ghosts.insert(key);
            if self.ghost.len() > ROOM {
                self.ghost.pop_front().map(|old| self.ghosts.remove(&old));
            }
            return;
        }
        let key = self.main.pop_front().expect("it is not empty");
        let uses = self.uses[&key];
        if uses == 0 {
            self.uses.remove(&key);
        } else {
            self.uses.insert(key, uses - 1);
            self.main.push_back(key);
        }
    }
}

/// Some keys are asked for far more often than others.
fn zipf(rng: &mut fastrand::Rng, sums: &[f64]) -> u32 {
    let at = rng.f64() * sums[sums.len() - 1];
    sums.partition_point(|&sum| sum < at) as u32
}

fn sums(exponent: f64) -> Vec<f64> {
    let mut sum = 0.0;
    (1..=KEYS)
        .map(|rank| {
            sum += f64::from(rank).powf(-exponent);
            sum
        })
        .collect()
}

fn traces() -> Vec<(&'static str, Vec<u32>)> {
    let mut rng = fastrand::Rng::with_seed(7);
    let sums = sums(0.9);
    let popular: Vec<u32> = (0..REQUESTS).map(|_| zipf(&mut rng, &sums)).collect();
    let mut new = KEYS;
    // Each 20,000 requests somebody looks at 5,000 things once.
    let scans = (0..REQUESTS).map(|at| {
        if at % 20_000 < 5_000 {
            new += 1;
            new
        } else {
            zipf(&mut rng, &sums)
        }
    });
    let scans: Vec<u32> = scans.collect();
    let around: Vec<u32> = (0..REQUESTS).map(|at| (at % (ROOM * 3 / 2)) as u32).collect();
    // What is popular is something else from time to time.
    let moving = (0..REQUESTS).map(|at| (zipf(&mut rng, &sums) + (at / 50_000) as u32 * 5_000) % KEYS);
    let moving: Vec<u32> = moving.collect();
    vec![("zipf", popular), ("zipf with scans", scans), ("loop", around), ("zipf that moves", moving)]
}

fn rate(cache: &mut dyn Cache, trace: &[u32]) -> f64 {
    let answered = trace.iter().map(|&key| u32::from(cache.ask(key))).sum::<u32>();
    f64::from(answered) / f64::from(REQUESTS as u32)
}

#[test]
fn it_answers_more_often_than_the_plain_order_on_every_trace() {
    println!("{:18}{:>8}{:>8}{:>10}", "hit rate", "ours", "LRU", "S3-FIFO");
    for (name, trace) in traces() {
        let index = Index::new((ROOM * BYTES as usize) as u64);
        let mut ours = Ours { index, ids: BTreeMap::new(), keys: BTreeMap::new() };
        let ours = rate(&mut ours, &trace);
        let plain = rate(&mut LeastRecentlyUsed::default(), &trace);
        let fifo = rate(&mut S3Fifo::default(), &trace);
        println!("{name:18}{ours:8.3}{plain:8.3}{fifo:10.3}");
        assert!(ours > plain, "{name}: {ours} and {plain}");
    }
}
