//! What is done with the stores in one transaction.
//!
//! Three stores: `packs` has the entries, some to a record (see the core's `packs`), found by their keys and tags; `uses` has
//! for each pack when it was last used and what it counts for, so that neither an eviction nor a sum reads any body; `state`
//! has the totals, and for each partition a number that changes with each purge. All that one operation changes, it changes
//! in one transaction: a crash in the middle leaves nothing of it.

use crate::records::{Entry, FoundPack, Pack, Reply, Totals, Use};
use indexed_db_futures::KeyRange;
use indexed_db_futures::error::Error;
use indexed_db_futures::future::BasicRequest;
use indexed_db_futures::object_store::ObjectStore;
use indexed_db_futures::prelude::*;
use indexed_db_futures::query_source::QuerySource;
use indexed_db_futures::transaction::Transaction;
use js_sys::{Array, JsString, Map, Set};
use serde::Serialize;
use sixlane::cache::packs;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A text that stays on its side: in UTF-8 half of a pair of code units would become something else.
    #[wasm_bindgen(extends = JsString)]
    type Text;
    #[wasm_bindgen(method, structural, js_name = startsWith)]
    fn starts_with(this: &Text, beginning: &JsValue) -> bool;
}

pub(crate) const PACKS: &str = "packs";
pub(crate) const USES: &str = "uses";
pub(crate) const STATE: &str = "state";
pub(crate) const ALL: [&str; 3] = [PACKS, USES, STATE];
const TOTALS: &str = "totals";

/// Packs that are given up at a time.
const VICTIMS: u32 = 16;

/// Every so many wanted keys are looked up at first: as a rule they were written in that order, and as many lie together.
const STRIDE: usize = 16;

/// When each of those brings fewer than so many others along, the rest is better looked up all at once.
const TOGETHER: usize = 4;

/// What is done in one transaction: see the methods of `Storage`.
pub(crate) enum Operation {
    Read { partition: JsValue, keys: Array },
    Write { partition: JsValue, epoch: JsValue, entries: Array, known: Option<Array>, used: Array, most: f64 },
    Remove { keys: Array, beginnings: Array, tags: Array },
    Purge { partition: JsValue },
    MakeRoom { share: f64 },
    Recount,
}

/// The stores, in one transaction, and the totals as they are to be after it.
pub(crate) struct Work<'a> {
    packs: ObjectStore<'a>,
    uses: ObjectStore<'a>,
    state: ObjectStore<'a>,
    totals: Totals,
}

impl<'a> Work<'a> {
    pub(crate) fn of(transaction: &'a Transaction<'a>) -> Result<Self, Error> {
        Ok(Self {
            packs: transaction.object_store(PACKS)?,
            uses: transaction.object_store(USES)?,
            state: transaction.object_store(STATE)?,
            totals: Totals::default(),
        })
    }

    pub(crate) async fn perform(mut self, operation: Operation) -> Result<Reply, Error> {
        self.find_totals().await?;
        let mut reply = Reply::default();
        match operation {
            Operation::Read { partition, keys } => {
                reply.epoch = self.epoch(&partition).await?;
                self.read(&keys, &reply).await?;
            }
            Operation::Write { partition, epoch, entries, known, used, most } => {
                let found = self.epoch(&partition).await?;
                let is_known = epoch.is_undefined() || epoch == found || (epoch == 0.0 && is_first(&found));
                reply.epoch = found;
                if is_known {
                    if reply.epoch == 0.0 {
                        reply.epoch = self.set_epoch(&partition, -js_sys::Math::random())?;
                    }
                    self.put(&partition, &entries, known.as_ref()).await?;
                    self.touch(&used).await?;
                    reply.evicted = self.evict(most).await?;
                    self.save()?;
                }
            }
            Operation::Remove { keys, beginnings, tags } => {
                self.remove(&keys, &beginnings, &tags, &reply.gone).await?;
                self.save()?;
            }
            Operation::Purge { partition } => {
                let all = beginning_with(&partition);
                self.packs.delete::<JsValue, _>(all.clone()).primitive()?;
                self.uses.delete::<JsValue, _>(all).primitive()?;
                self.recount().await?;
                self.save()?;
                reply.epoch = self.set_epoch(&partition, js_sys::Math::random())?;
            }
            Operation::MakeRoom { share } => reply.evicted = self.evict(self.totals.bytes * share).await?,
            Operation::Recount => {
                self.recount().await?;
                self.save()?;
            }
        }
        reply.totals = self.totals;
        Ok(reply)
    }

    async fn find_totals(&mut self) -> Result<(), Error> {
        let found: Option<JsValue> = self.state.get(JsValue::from(TOTALS)).primitive()?.await?;
        let (totals, are_right) = Totals::of(&found.unwrap_or_default());
        self.totals = totals;
        if are_right { Ok(()) } else { self.recount().await }
    }

    /// Makes the totals say what there is.
    async fn recount(&mut self) -> Result<(), Error> {
        self.totals.none();
        for uses in self.uses.get_all::<JsValue>().primitive()?.await? {
            if let Some(uses) = Use::of(&uses?) {
                self.totals.more(&uses);
            }
        }
        Ok(())
    }

    fn save(&self) -> Result<(), Error> {
        self.state.put(object(&self.totals)).with_key(JsValue::from(TOTALS)).primitive().map(drop)
    }

    /// 0 for a partition that has none, below that for one that was written to and never purged.
    async fn epoch(&self, partition: &JsValue) -> Result<JsValue, Error> {
        let found: Option<JsValue> = self.state.get(partition).primitive()?.await?;
        // Whatever else lies there may differ from itself, and would seem to be another purge each time.
        let found = found.filter(|epoch| epoch.as_f64().is_some_and(|epoch| !epoch.is_nan()));
        Ok(found.unwrap_or_else(|| JsValue::from(0)))
    }

    /// It only has to differ from all others, also from those of a database that was deleted.
    fn set_epoch(&self, partition: &JsValue, epoch: f64) -> Result<JsValue, Error> {
        let epoch = JsValue::from(epoch);
        self.state.put(&epoch).with_key(partition.clone()).primitive()?;
        Ok(epoch)
    }

    async fn pack(&self, name: &JsValue) -> Result<Option<FoundPack>, Error> {
        let found: Option<JsValue> = self.packs.get(name).primitive()?.await?;
        Ok(found.and_then(|pack| FoundPack::of(&pack)))
    }

    /// What a pack counts for. Where something else lies there, it goes with its pack, since nothing would ever evict that.
    async fn counted(&mut self, name: &JsValue) -> Result<Option<Use>, Error> {
        // All of one key, so that nothing can be told from null.
        let mut found =
            self.uses.get_all::<JsValue>().with_query::<JsValue, _>(name.clone()).primitive()?.await?;
        let Some(found) = found.next() else { return Ok(None) };
        let uses = Use::of(&found?);
        if uses.is_none() {
            self.discard(name)?;
            self.recount().await?;
        }
        Ok(uses)
    }

    /// The packs in which these keys lie, each once.
    async fn find(&self, keys: Vec<JsValue>) -> Result<Set, Error> {
        let index = self.packs.index("keys")?;
        let mut asked = Vec::with_capacity(keys.len());
        for key in keys {
            asked.push(index.get_key(key).primitive()?);
        }
        let names = Set::default();
        for request in asked {
            let name: Option<JsValue> = request.await?;
            if let Some(name) = name {
                names.add(&name);
            }
        }
        Ok(names)
    }

    async fn read(&self, keys: &Array, reply: &Reply) -> Result<(), Error> {
        let names = Set::default();
        let index = self.packs.index("keys")?;
        let wanted = Set::new(keys);
        loop {
            let left = values(&wanted);
            let mut asked = Vec::new();
            for key in left.iter().step_by(STRIDE) {
                wanted.delete(key);
                asked.push(index.get(key).primitive()?);
            }
            let probes = asked.len();
            for request in asked {
                let found: Option<JsValue> = request.await?;
                if let Some(pack) = found.and_then(|pack| FoundPack::of(&pack)) {
                    deliver(&pack, &wanted, &names, &reply.packs);
                }
            }
            if wanted.size() == 0 || left.len() - (wanted.size() as usize) < probes * TOGETHER {
                break;
            }
        }
        for name in values(&self.find(values(&wanted)).await?) {
            if !names.has(&name)
                && let Some(pack) = self.pack(&name).await?
            {
                deliver(&pack, &wanted, &names, &reply.packs);
            }
        }
        for name in values(&names) {
            reply.names.push(&name);
        }
        Ok(())
    }

    /// `known`: the keys that may be there already, where that is known; if another one is, the transaction breaks off.
    async fn put(
        &mut self,
        partition: &JsValue,
        entries: &Array,
        known: Option<&Array>,
    ) -> Result<(), Error> {
        let fresh = Map::new();
        for entry in entries.iter().filter_map(Entry::of) {
            fresh.set(&entry.key, &entry.whole);
        }
        let keys = match known {
            Some(known) => known.to_vec(),
            None => Array::from(&fresh.keys()).to_vec(),
        };
        for name in values(&self.find(keys).await?) {
            let Some(pack) = self.pack(&name).await? else { continue };
            let mut entries = pack.sound();
            for entry in &mut entries {
                if let Some(new) = Entry::of(fresh.get(&entry.key)) {
                    fresh.delete(&new.key);
                    *entry = new;
                }
            }
            self.replace(&name, &entries).await?;
        }
        let fresh: Vec<Entry> =
            Array::from(&fresh.values()).to_vec().into_iter().filter_map(Entry::of).collect();
        #[expect(clippy::cast_sign_loss, reason = "`as` saturates")]
        let sizes: Vec<u64> = fresh.iter().map(|entry| entry.bytes as u64).collect();
        let mut written = Vec::new();
        for range in packs::split(&sizes) {
            let name = concatenated(partition, &self.totals.next.into());
            self.totals.next += 1.0;
            written.push(self.store(&name, &fresh[range])?);
        }
        // Before the commit: Firefox 153 does not break off a transaction for what fails after that.
        for request in written {
            request.await?;
        }
        Ok(())
    }

    /// Puts other entries into a pack that is there.
    async fn replace(&mut self, name: &JsValue, entries: &[Entry]) -> Result<(), Error> {
        if let Some(before) = self.counted(name).await? {
            self.totals.less(&before);
        }
        if entries.is_empty() { self.discard(name) } else { self.store(name, entries)?.await.map(drop) }
    }

    fn store(&mut self, name: &JsValue, entries: &[Entry]) -> Result<BasicRequest<JsValue>, Error> {
        let (pack, uses) = Pack::new(name, entries);
        let written = self.packs.put(object(&pack)).with_key(name.clone()).primitive()?;
        self.uses.put(object(&uses)).with_key(name.clone()).primitive()?;
        self.totals.more(&uses);
        Ok(written)
    }

    fn discard(&self, name: &JsValue) -> Result<(), Error> {
        self.packs.delete(name).primitive()?;
        self.uses.delete(name).primitive()?;
        Ok(())
    }

    async fn touch(&mut self, names: &Array) -> Result<(), Error> {
        for name in names.iter() {
            // It may be gone.
            if let Some(uses) = self.counted(&name).await? {
                self.uses.put(object(&uses)).with_key(name).primitive()?;
            }
        }
        Ok(())
    }

    /// Returns how many entries had to go.
    async fn evict(&mut self, most: f64) -> Result<f64, Error> {
        let mut evicted = 0.0;
        while self.totals.bytes > most && self.totals.entries > 0.0 {
            let (oldest, names) = {
                let index = self.uses.index("used")?;
                let oldest = index.get_all::<JsValue>().with_limit(VICTIMS).primitive()?;
                let names = index.get_all_keys::<JsValue>().with_limit(VICTIMS).primitive()?;
                (oldest.await?, names.await?)
            };
            let mut is_right = true;
            if oldest.len() == 0 {
                // Nothing is left, whatever the totals say: room was made, and the page went before they were corrected.
                self.totals.none();
            }
            for (victim, name) in oldest.zip(names) {
                if self.totals.bytes <= most {
                    break;
                }
                self.discard(&name?)?;
                match Use::of(&victim?) {
                    Some(victim) => {
                        self.totals.less(&victim);
                        evicted += victim.entries;
                    }
                    None => is_right = false,
                }
            }
            if !is_right {
                self.recount().await?;
            }
        }
        Ok(evicted)
    }

    /// `gone` gets what was there.
    async fn remove(
        &mut self,
        keys: &Array,
        beginnings: &Array,
        tags: &Array,
        gone: &Array,
    ) -> Result<(), Error> {
        let names = self.find(keys.to_vec()).await?;
        for beginning in beginnings.iter() {
            let range = beginning_with(&beginning);
            let by_key = self.packs.index("keys")?;
            for name in by_key.get_all_keys::<JsValue>().with_query::<JsValue, _>(range).primitive()?.await? {
                names.add(&name?);
            }
        }
        for tag in tags.iter() {
            let by_tag = self.packs.index("tags")?;
            for name in by_tag.get_all_keys::<JsValue>().with_query::<JsValue, _>(tag).primitive()?.await? {
                names.add(&name?);
            }
        }
        for name in values(&names) {
            let Some(pack) = self.pack(&name).await? else { continue };
            let goes = |entry: &Entry| {
                keys.includes(&entry.key, 0)
                    || beginnings.iter().any(|beginning| begins(&entry.key, &beginning))
                    || tags.iter().any(|tag| entry.tags.includes(&tag, 0))
            };
            let (going, rest): (Vec<Entry>, Vec<Entry>) = pack.sound().into_iter().partition(goes);
            for entry in going {
                gone.push(&entry.whole);
            }
            self.replace(&name, &rest).await?;
        }
        Ok(())
    }
}

/// Adds a pack to those that are handed over.
fn deliver(pack: &FoundPack, wanted: &Set, names: &Set, packs: &Array) {
    if names.has(&pack.name) {
        return;
    }
    names.add(&pack.name);
    for entry in pack.sound() {
        wanted.delete(&entry.key);
    }
    // With what is not sound: there it is seen that something has to go.
    packs.push(&pack.entries);
}

/// Whether an epoch began with the first that was written, and not with a purge.
fn is_first(epoch: &JsValue) -> bool {
    epoch.as_f64().is_some_and(|epoch| epoch < 0.0)
}

/// A record as it is stored.
fn object(record: &impl Serialize) -> JsValue {
    // None of them has anything that could fail.
    record.serialize(&serde_wasm_bindgen::Serializer::new()).unwrap_or_default()
}

fn values(set: &Set) -> Vec<JsValue> {
    Array::from(set).to_vec()
}

/// Keys are compared by their code units, of which none is above this one.
const LAST: &str = "\u{ffff}";

fn beginning_with(beginning: &JsValue) -> KeyRange<JsValue> {
    KeyRange::Bound(beginning.clone(), false, concatenated(beginning, &LAST.into()), false)
}

fn begins(key: &JsString, beginning: &JsValue) -> bool {
    key.unchecked_ref::<Text>().starts_with(beginning)
}

fn concatenated(start: &JsValue, end: &JsValue) -> JsValue {
    start.unchecked_ref::<JsString>().concat(end).into()
}
