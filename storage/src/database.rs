//! The database: its stores, and what is done with them in one transaction.
//!
//! Three stores: `packs` has the entries, some to a record (see the core's `packs`), found by their keys and tags; `uses` has
//! for each pack when it was last used and what it counts for, so that neither an eviction nor a sum reads any body; `state`
//! has the totals, and for each partition a number that changes with each purge. All that one operation changes, it changes
//! in one transaction: a crash in the middle leaves nothing of it.

use indexed_db_futures::database::Database;
use indexed_db_futures::error::{Error, OpenDbError};
use indexed_db_futures::future::BasicRequest;
use indexed_db_futures::internals::SystemRepr;
use indexed_db_futures::object_store::ObjectStore;
use indexed_db_futures::prelude::*;
use indexed_db_futures::query_source::QuerySource;
use indexed_db_futures::transaction::{
    Transaction, TransactionDurability, TransactionMode, TransactionOptions,
};
use indexed_db_futures::{KeyPath, KeyRange};
use js_sys::{Array, Date, Map, Object, Promise, Set};
use sixlane::cache::packs;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

const VERSION: u8 = 1;
const PACKS: &str = "packs";
const USES: &str = "uses";
const STATE: &str = "state";
const ALL: [&str; 3] = [PACKS, USES, STATE];
const TOTALS: &str = "totals";

/// Packs that are given up at a time.
const VICTIMS: u32 = 16;

/// Every so many wanted keys are looked up at first: as a rule they were written in that order, and as many lie together.
const STRIDE: usize = 16;

/// When each of those brings fewer than so many others along, the rest is better looked up all at once.
const TOGETHER: usize = 4;

#[wasm_bindgen]
extern "C" {
    /// One thing that is kept. Its key and its tags begin with its partition.
    #[wasm_bindgen(extends = Object)]
    type Entry;
    #[wasm_bindgen(method, getter, structural)]
    fn key(this: &Entry) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn bytes(this: &Entry) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn tags(this: &Entry) -> JsValue;

    /// Some of them together.
    #[wasm_bindgen(extends = Object)]
    type Pack;
    #[wasm_bindgen(method, getter, structural)]
    fn entries(this: &Pack) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_entries(this: &Pack, entries: &Array);
    /// Its own key, for who found it by one of its entries.
    #[wasm_bindgen(method, getter, structural)]
    fn name(this: &Pack) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_name(this: &Pack, name: &JsValue);
    /// Those of its entries: by these it is found.
    #[wasm_bindgen(method, getter, structural)]
    fn keys(this: &Pack) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_keys(this: &Pack, keys: &Array);
    #[wasm_bindgen(method, setter, structural)]
    fn set_tags(this: &Pack, tags: &Array);

    /// What a pack counts for.
    #[wasm_bindgen(extends = Object)]
    type Use;
    #[wasm_bindgen(method, setter, structural)]
    fn set_used(this: &Use, at: f64);
    #[wasm_bindgen(method, getter, structural)]
    fn bytes(this: &Use) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_bytes(this: &Use, bytes: f64);
    #[wasm_bindgen(method, getter, structural)]
    fn entries(this: &Use) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_entries(this: &Use, entries: f64);

    /// Of the whole database.
    #[wasm_bindgen(extends = Object)]
    type Totals;
    #[wasm_bindgen(method, getter, structural)]
    fn bytes(this: &Totals) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_bytes(this: &Totals, bytes: f64);
    #[wasm_bindgen(method, getter, structural)]
    fn entries(this: &Totals) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_entries(this: &Totals, entries: f64);
    /// The number of the next pack.
    #[wasm_bindgen(method, getter, structural)]
    fn next(this: &Totals) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_next(this: &Totals, next: f64);

    /// A string that stays on its side.
    #[wasm_bindgen(extends = js_sys::JsString)]
    type Text;
    #[wasm_bindgen(method, structural, js_name = startsWith)]
    fn starts_with(this: &Text, beginning: &JsValue) -> bool;

    /// What an operation brings back; see `js/cache/disk.ts`.
    #[wasm_bindgen(extends = Object)]
    type Outcome;
    #[wasm_bindgen(method, setter, structural)]
    fn set_totals(this: &Outcome, totals: &Totals);
    #[wasm_bindgen(method, setter, structural)]
    fn set_epoch(this: &Outcome, epoch: &JsValue);
    #[wasm_bindgen(method, setter, structural)]
    fn set_packs(this: &Outcome, packs: &Array);
    #[wasm_bindgen(method, setter, structural)]
    fn set_names(this: &Outcome, names: &Array);
    #[wasm_bindgen(method, setter, structural)]
    fn set_gone(this: &Outcome, entries: &Array);
    #[wasm_bindgen(method, setter, structural)]
    fn set_evicted(this: &Outcome, evicted: f64);
}

/// A connection to the database.
#[wasm_bindgen]
pub struct Storage {
    database: Database,
    closed: Rc<Cell<bool>>,
    _on_close: Closure<dyn FnMut()>,
}

/// Opens the database of that name; resolves with a [`Storage`], or rejects with what the browser says.
#[wasm_bindgen(js_name = openStorage)]
pub fn open_storage(name: String) -> Promise {
    future_to_promise(async move {
        let opening = Database::open(name).with_version(VERSION).with_on_upgrade_needed(|_, database| {
            let packs = database.create_object_store(PACKS).build()?;
            packs
                .create_index("keys", KeyPath::One("keys"))
                .with_unique(true)
                .with_multi_entry(true)
                .build()?;
            packs.create_index("tags", KeyPath::One("tags")).with_multi_entry(true).build()?;
            let uses = database.create_object_store(USES).build()?;
            uses.create_index("used", KeyPath::One("used")).build()?;
            database.create_object_store(STATE).build()?;
            Ok(())
        });
        let opening = opening.build().map_err(refused)?;
        let database = opening.await.map_err(refused)?;
        let closed = Rc::new(Cell::new(false));
        let on_close = Closure::new({
            let (database, closed) = (database.clone(), Rc::clone(&closed));
            // Whoever wants a later version, or none at all, waits for this.
            move || {
                closed.set(true);
                database.as_sys().close();
            }
        });
        let listener = on_close.as_ref().unchecked_ref();
        database.as_sys().set_onversionchange(Some(listener));
        database.as_sys().set_onclose(Some(listener));
        Ok(Storage { database, closed, _on_close: on_close }.into())
    })
}

#[wasm_bindgen]
impl Storage {
    /// Whether it is of no use any more.
    #[wasm_bindgen(getter)]
    pub fn closed(&self) -> bool {
        self.closed.get()
    }

    /// Ends the connection when what is under way is done.
    pub fn close(&self) {
        self.closed.set(true);
        self.database.as_sys().close();
    }

    /// Looks for entries with these keys. Resolves with the `packs` in which they lie, each an array of all its entries,
    /// their `names`, the totals, and the epoch of the partition.
    pub fn read(&self, partition: JsValue, keys: Array) -> Promise {
        self.within(TransactionMode::Readonly, async move |work| {
            let outcome = Outcome::new();
            outcome.set_totals(&work.totals().await?);
            outcome.set_epoch(&work.epoch(&partition).await?);
            work.read(&keys, &outcome).await?;
            Ok(outcome)
        })
    }

    /// Keeps entries in the place of those with the same keys, notes that some packs were used, and gives up what was used
    /// longest ago until no more than `most` bytes are left; nothing of it if the partition was purged since it had `epoch`.
    ///
    /// To look for what is to be replaced takes longer than to write. With `known` that is done for these keys alone; when
    /// there is another one, this rejects with a `ConstraintError`.
    pub fn write(
        &self,
        partition: JsValue,
        epoch: JsValue,
        entries: Array,
        known: Option<Array>,
        used: Array,
        most: f64,
    ) -> Promise {
        self.within(TransactionMode::Readwrite, async move |work| {
            let totals = work.totals().await?;
            let found = work.epoch(&partition).await?;
            let outcome = Outcome::new();
            outcome.set_totals(&totals);
            outcome.set_epoch(&found);
            if !epoch.is_undefined() && epoch != found && !(epoch == 0.0 && is_first(&found)) {
                return Ok(outcome);
            }
            if found == 0.0 {
                outcome.set_epoch(&work.set_epoch(&partition, -js_sys::Math::random())?);
            }
            work.put(&totals, &partition, &entries, known.as_ref()).await?;
            work.touch(&totals, &used).await?;
            outcome.set_evicted(work.evict(&totals, most).await?);
            work.save(&totals)?;
            Ok(outcome)
        })
    }

    /// Forgets entries by key, by the beginning of their keys, or by tag. Resolves with those that were there, in `gone`.
    pub fn remove(&self, keys: Array, beginnings: Array, tags: Array) -> Promise {
        self.within(TransactionMode::Readwrite, async move |work| {
            let totals = work.totals().await?;
            let outcome = Outcome::new();
            outcome.set_gone(&work.remove(&totals, &keys, &beginnings, &tags).await?);
            outcome.set_totals(&totals);
            work.save(&totals)?;
            Ok(outcome)
        })
    }

    /// Empties a partition: nothing is written there any more by who does not know of it.
    pub fn purge(&self, partition: JsValue) -> Promise {
        self.within(TransactionMode::Readwrite, async move |work| {
            let totals = work.totals().await?;
            let all = beginning_with(&partition);
            work.packs.delete::<JsValue, _>(all.clone()).primitive()?;
            work.uses.delete::<JsValue, _>(all).primitive()?;
            work.recount(&totals).await?;
            work.save(&totals)?;
            let outcome = Outcome::new();
            outcome.set_epoch(&work.set_epoch(&partition, js_sys::Math::random())?);
            outcome.set_totals(&totals);
            Ok(outcome)
        })
    }

    /// Gives up what was used longest ago until this share of the bytes is left, and writes nothing: Firefox lets the first
    /// transaction after a full quota delete, and breaks it off when it puts. The totals are wrong until [`recount`] is done.
    ///
    /// [`recount`]: Self::recount
    #[wasm_bindgen(js_name = makeRoom)]
    pub fn make_room(&self, share: f64) -> Promise {
        self.within(TransactionMode::Readwrite, async move |work| {
            let totals = work.totals().await?;
            let outcome = Outcome::new();
            outcome.set_evicted(work.evict(&totals, number(&totals.bytes()) * share).await?);
            outcome.set_totals(&totals);
            Ok(outcome)
        })
    }

    /// Makes the totals say what there is.
    pub fn recount(&self) -> Promise {
        self.within(TransactionMode::Readwrite, async move |work| {
            let totals = work.totals().await?;
            work.recount(&totals).await?;
            work.save(&totals)?;
            let outcome = Outcome::new();
            outcome.set_totals(&totals);
            Ok(outcome)
        })
    }

    /// Does something in one transaction; rejects with what the browser says when that breaks off.
    fn within<F>(&self, mode: TransactionMode, doing: F) -> Promise
    where
        F: AsyncFnOnce(&Work<'_>) -> Result<Outcome, Error> + 'static,
    {
        let database = self.database.clone();
        future_to_promise(async move {
            // What is lost with the power is only asked for again.
            let options = TransactionOptions::new().with_durability(TransactionDurability::Relaxed);
            let transaction =
                database.transaction(ALL).with_mode(mode).with_options(options).build().map_err(fault)?;
            let raw = transaction.as_sys().clone();
            // One request that fails makes all others fail, too: the first error tells why. The crate's own listener may be
            // called but once, so this one stands in its place.
            let first = Rc::new(Cell::new(None));
            let on_error: Closure<dyn FnMut(web_sys::Event)> = Closure::new({
                let first = Rc::clone(&first);
                move |event: web_sys::Event| {
                    let request =
                        event.target().and_then(|target| target.dyn_into::<web_sys::IdbRequest>().ok());
                    let error = request.and_then(|request| request.error().ok().flatten());
                    first.set(first.take().or(error));
                }
            });
            raw.set_onerror(Some(on_error.as_ref().unchecked_ref()));
            let result = match Work::of(&transaction) {
                Ok(work) => doing(&work).await,
                Err(error) => Err(error),
            };
            let result = match result {
                // Also where nothing was changed: one that is dropped is aborted, and in WebKit others may wait behind it.
                Ok(outcome) => transaction.commit().await.map(|()| outcome),
                Err(error) => Err(error),
            };
            // That there is no room may be found out at the very end, and stands there alone.
            raw.set_onerror(None);
            result.map(Into::into).map_err(|error| {
                first.take().or_else(|| raw.error()).map_or_else(|| fault(error), Into::into)
            })
        })
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.close();
        self.database.as_sys().set_onversionchange(None);
        self.database.as_sys().set_onclose(None);
    }
}

/// The stores, in one transaction.
struct Work<'a> {
    packs: ObjectStore<'a>,
    uses: ObjectStore<'a>,
    state: ObjectStore<'a>,
}

impl<'a> Work<'a> {
    fn of(transaction: &'a Transaction<'a>) -> Result<Self, Error> {
        Ok(Self {
            packs: transaction.object_store(PACKS)?,
            uses: transaction.object_store(USES)?,
            state: transaction.object_store(STATE)?,
        })
    }

    async fn totals(&self) -> Result<Totals, Error> {
        let found: Option<JsValue> = self.state.get(JsValue::from(TOTALS)).primitive()?.await?;
        let found: Totals = found.and_then(record).unwrap_or_else(|| Object::new().unchecked_into());
        let totals: Totals = Object::new().unchecked_into();
        // What is no number, or no longer one, begins above all that it can have been.
        totals.set_next(count(&found.next()).unwrap_or_else(Date::now));
        if let (Some(bytes), Some(entries)) = (count(&found.bytes()), count(&found.entries())) {
            totals.set_bytes(bytes);
            totals.set_entries(entries);
        } else {
            self.recount(&totals).await?;
        }
        Ok(totals)
    }

    /// Makes the totals say what there is.
    async fn recount(&self, totals: &Totals) -> Result<(), Error> {
        totals.none();
        for uses in self.uses.get_all::<JsValue>().primitive()?.await? {
            if let Some(uses) = Use::of(uses?) {
                totals.more(&uses);
            }
        }
        Ok(())
    }

    fn save(&self, totals: &Totals) -> Result<(), Error> {
        self.state.put(JsValue::from(totals)).with_key(JsValue::from(TOTALS)).primitive().map(drop)
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

    async fn pack(&self, name: &JsValue) -> Result<Option<Pack>, Error> {
        let found: Option<JsValue> = self.packs.get(name).primitive()?.await?;
        Ok(found.and_then(record))
    }

    /// What a pack counts for. Where something else lies there, it goes with its pack, since nothing would ever evict that.
    async fn counted(&self, totals: &Totals, name: &JsValue) -> Result<Option<Use>, Error> {
        // All of one key, so that nothing can be told from null.
        let mut found =
            self.uses.get_all::<JsValue>().with_query::<JsValue, _>(name.clone()).primitive()?.await?;
        let Some(found) = found.next() else { return Ok(None) };
        let uses = Use::of(found?);
        if uses.is_none() {
            self.discard(name)?;
            self.recount(totals).await?;
        }
        Ok(uses)
    }

    /// For each key the pack in which it lies, if there is one.
    async fn find(&self, keys: impl Iterator<Item = JsValue>) -> Result<Vec<Option<JsValue>>, Error> {
        let index = self.packs.index("keys")?;
        let mut asked = Vec::new();
        for key in keys {
            asked.push(index.get_key(key).primitive()?);
        }
        let mut found = Vec::with_capacity(asked.len());
        for request in asked {
            found.push(request.await?);
        }
        Ok(found)
    }

    async fn read(&self, keys: &Array, outcome: &Outcome) -> Result<(), Error> {
        let (packs, names) = (Array::new(), Set::default());
        let index = self.packs.index("keys")?;
        let wanted = Set::new(keys);
        loop {
            let left: Vec<JsValue> = wanted.values().into_iter().filter_map(Result::ok).collect();
            let mut asked = Vec::new();
            for key in left.iter().step_by(STRIDE) {
                wanted.delete(key);
                asked.push(index.get(key).primitive()?);
            }
            let probes = asked.len();
            for request in asked {
                let found: Option<JsValue> = request.await?;
                if let Some(pack) = found.and_then(record) {
                    deliver(&pack, &wanted, &packs, &names);
                }
            }
            if wanted.size() == 0 || left.len() - (wanted.size() as usize) < probes * TOGETHER {
                break;
            }
        }
        let rest = wanted.values().into_iter().filter_map(Result::ok);
        for name in distinct(self.find(rest).await?).values() {
            let name = name?;
            if !names.has(&name)
                && let Some(pack) = self.pack(&name).await?
            {
                deliver(&pack, &wanted, &packs, &names);
            }
        }
        outcome.set_packs(&packs);
        outcome.set_names(&Array::from(&names));
        Ok(())
    }

    /// `known`: the keys that may be there already, where that is known; if another one is, the transaction breaks off.
    async fn put(
        &self,
        totals: &Totals,
        partition: &JsValue,
        entries: &Array,
        known: Option<&Array>,
    ) -> Result<(), Error> {
        let fresh = Map::new();
        for entry in entries.iter() {
            fresh.set(&entry.unchecked_ref::<Entry>().key(), &entry);
        }
        let keys: Vec<JsValue> = match known {
            Some(known) => known.iter().collect(),
            None => fresh.keys().into_iter().filter_map(Result::ok).collect(),
        };
        for name in distinct(self.find(keys.into_iter()).await?).values() {
            let name = name?;
            let Some(pack) = self.pack(&name).await? else { continue };
            let entries = Array::new();
            for old in sound(&pack).iter() {
                let key = old.unchecked_ref::<Entry>().key();
                let new = fresh.get(&key);
                entries.push(if fresh.delete(&key) { &new } else { &old });
            }
            self.replace(totals, &name, &entries).await?;
        }
        let fresh: Vec<Entry> =
            fresh.values().into_iter().filter_map(Result::ok).map(JsCast::unchecked_into).collect();
        #[expect(clippy::cast_sign_loss, reason = "`as` saturates")]
        let sizes: Vec<u64> = fresh.iter().map(|entry| number(&entry.bytes()) as u64).collect();
        let mut written = Vec::new();
        for range in packs::split(&sizes) {
            let name = concatenated(partition, &totals.next());
            totals.set_next(number(&totals.next()) + 1.0);
            written.push(self.store(totals, &name, &fresh[range].iter().collect())?);
        }
        // Before the commit: Firefox 153 does not break off a transaction for what fails after that.
        for request in written {
            request.await?;
        }
        Ok(())
    }

    /// Puts other entries into a pack that is there.
    async fn replace(&self, totals: &Totals, name: &JsValue, entries: &Array) -> Result<(), Error> {
        if let Some(before) = self.counted(totals, name).await? {
            totals.less(&before);
        }
        if entries.length() == 0 {
            return self.discard(name);
        }
        self.store(totals, name, entries)?.await.map(drop)
    }

    fn store(
        &self,
        totals: &Totals,
        name: &JsValue,
        entries: &Array,
    ) -> Result<BasicRequest<JsValue>, Error> {
        let (pack, uses): (Pack, Use) = (Object::new().unchecked_into(), Object::new().unchecked_into());
        let (keys, tags) = (Array::new(), Array::new());
        let mut bytes = 0.0;
        for entry in entries.iter() {
            let entry: Entry = entry.unchecked_into();
            keys.push(&entry.key());
            for tag in entry.tags().unchecked_into::<Array>().iter() {
                tags.push(&tag);
            }
            bytes += number(&entry.bytes());
        }
        pack.set_name(name);
        pack.set_keys(&keys);
        pack.set_tags(&tags);
        pack.set_entries(entries);
        uses.set_used(Date::now());
        uses.set_bytes(bytes);
        uses.set_entries(f64::from(entries.length()));
        let written = self.packs.put(JsValue::from(pack)).with_key(name.clone()).primitive()?;
        self.uses.put(JsValue::from(&uses)).with_key(name.clone()).primitive()?;
        totals.more(&uses);
        Ok(written)
    }

    fn discard(&self, name: &JsValue) -> Result<(), Error> {
        self.packs.delete(name).primitive()?;
        self.uses.delete(name).primitive()?;
        Ok(())
    }

    async fn touch(&self, totals: &Totals, names: &Array) -> Result<(), Error> {
        for name in names.iter() {
            // It may be gone.
            if let Some(uses) = self.counted(totals, &name).await? {
                uses.set_used(Date::now());
                self.uses.put(JsValue::from(uses)).with_key(name).primitive()?;
            }
        }
        Ok(())
    }

    /// Returns how many entries had to go.
    async fn evict(&self, totals: &Totals, most: f64) -> Result<f64, Error> {
        let index = self.uses.index("used")?;
        let mut evicted = 0.0;
        while number(&totals.bytes()) > most && number(&totals.entries()) > 0.0 {
            let oldest = index.get_all::<JsValue>().with_limit(VICTIMS).primitive()?;
            let names = index.get_all_keys::<JsValue>().with_limit(VICTIMS).primitive()?;
            let (oldest, names) = (oldest.await?, names.await?);
            let mut is_right = true;
            if oldest.len() == 0 {
                // Nothing is left, whatever the totals say: room was made, and the page went before they were corrected.
                totals.none();
            }
            for (victim, name) in oldest.zip(names) {
                if number(&totals.bytes()) <= most {
                    break;
                }
                self.discard(&name?)?;
                match Use::of(victim?) {
                    Some(victim) => {
                        totals.less(&victim);
                        evicted += number(&victim.entries());
                    }
                    None => is_right = false,
                }
            }
            if !is_right {
                self.recount(totals).await?;
            }
        }
        Ok(evicted)
    }

    async fn remove(
        &self,
        totals: &Totals,
        keys: &Array,
        beginnings: &Array,
        tags: &Array,
    ) -> Result<Array, Error> {
        let distinct = distinct(self.find(keys.iter()).await?);
        let (by_key, by_tag) = (self.packs.index("keys")?, self.packs.index("tags")?);
        for beginning in beginnings.iter() {
            let range = beginning_with(&beginning);
            for name in by_key.get_all_keys::<JsValue>().with_query::<JsValue, _>(range).primitive()?.await? {
                distinct.add(&name?);
            }
        }
        for tag in tags.iter() {
            for name in by_tag.get_all_keys::<JsValue>().with_query::<JsValue, _>(tag).primitive()?.await? {
                distinct.add(&name?);
            }
        }
        let gone = Array::new();
        for name in distinct.values() {
            let name = name?;
            let Some(pack) = self.pack(&name).await? else { continue };
            let rest = Array::new();
            for entry in sound(&pack).iter() {
                let (key, own) =
                    (entry.unchecked_ref::<Entry>().key(), entry.unchecked_ref::<Entry>().tags());
                let own: Array = own.unchecked_into();
                let goes = keys.includes(&key, 0)
                    || beginnings.iter().any(|beginning| begins(&key, &beginning))
                    || tags.iter().any(|tag| own.includes(&tag, 0));
                if goes {
                    gone.push(&entry)
                } else {
                    rest.push(&entry)
                };
            }
            self.replace(totals, &name, &rest).await?;
        }
        Ok(gone)
    }
}

/// Adds a pack to those that are handed over.
fn deliver(pack: &Pack, wanted: &Set, packs: &Array, names: &Set) {
    if names.has(&pack.name()) {
        return;
    }
    names.add(&pack.name());
    for entry in sound(pack).iter() {
        wanted.delete(&entry.unchecked_into::<Entry>().key());
    }
    // With what is not sound: there it is seen that something has to go.
    packs.push(&pack.entries());
}

/// Whether an epoch began with the first that was written, and not with a purge.
fn is_first(epoch: &JsValue) -> bool {
    epoch.as_f64().is_some_and(|epoch| epoch < 0.0)
}

/// Entries of a pack that are what they should be: whatever lies in storage may have been changed there. The others go when
/// the pack is next written.
fn sound(pack: &Pack) -> Array {
    let (entries, keys) = (pack.entries(), pack.keys());
    if !Array::is_array(&entries) || !Array::is_array(&keys) {
        return Array::new();
    }
    let keys: Array = keys.unchecked_into();
    entries.unchecked_into::<Array>().iter().filter(|entry| is_sound(entry, &keys)).collect()
}

fn is_sound(entry: &JsValue, keys: &Array) -> bool {
    if !entry.is_object() {
        return false;
    }
    let entry: &Entry = entry.unchecked_ref();
    let (tags, bytes) = (entry.tags(), entry.bytes());
    keys.includes(&entry.key(), 0)
        && entry.key().is_string()
        && count(&bytes).is_some()
        && Array::is_array(&tags)
        && tags.unchecked_into::<Array>().iter().all(|tag| tag.is_string())
}

/// `None` for what is no number, or none that counts anything.
fn count(value: &JsValue) -> Option<f64> {
    value.as_f64().filter(|number| (0.0..=js_sys::Number::MAX_SAFE_INTEGER).contains(number))
}

/// 0 for what does not count.
fn number(value: &JsValue) -> f64 {
    count(value).unwrap_or(0.0)
}

fn distinct(names: Vec<Option<JsValue>>) -> Set {
    let set = Set::default();
    for name in names.into_iter().flatten() {
        set.add(&name);
    }
    set
}

impl Outcome {
    fn new() -> Self {
        Object::new().unchecked_into()
    }
}

/// A record that lies in storage, where anything may have been put in its place. `None` for what has no parts.
fn record<T: JsCast>(found: JsValue) -> Option<T> {
    found.is_object().then(|| found.unchecked_into())
}

impl Use {
    /// `None` for what counts nothing.
    fn of(found: JsValue) -> Option<Self> {
        record(found).filter(|uses: &Self| count(&uses.bytes()).and(count(&uses.entries())).is_some())
    }
}

impl Totals {
    fn more(&self, uses: &Use) {
        self.set_bytes(number(&self.bytes()) + number(&uses.bytes()));
        self.set_entries(number(&self.entries()) + number(&uses.entries()));
    }

    fn less(&self, uses: &Use) {
        self.set_bytes((number(&self.bytes()) - number(&uses.bytes())).max(0.0));
        self.set_entries((number(&self.entries()) - number(&uses.entries())).max(0.0));
    }

    fn none(&self) {
        self.set_bytes(0.0);
        self.set_entries(0.0);
    }
}

/// Keys are compared by their code units, of which none is above this one. They never come over here: in UTF-8 half of a
/// pair of units would become something else.
const LAST: &str = "\u{ffff}";

fn beginning_with(beginning: &JsValue) -> KeyRange<JsValue> {
    KeyRange::Bound(beginning.clone(), false, concatenated(beginning, &LAST.into()), false)
}

fn begins(key: &JsValue, beginning: &JsValue) -> bool {
    key.unchecked_ref::<Text>().starts_with(beginning)
}

fn concatenated(start: &JsValue, end: &JsValue) -> JsValue {
    start.unchecked_ref::<js_sys::JsString>().concat(end).into()
}

fn refused(error: OpenDbError) -> JsValue {
    match error {
        OpenDbError::Base(error) => fault(error),
        // Whatever `open` throws comes out as this.
        OpenDbError::VersionZero => named("SecurityError", "it may not be opened"),
        OpenDbError::UnsupportedEnvironment | OpenDbError::NullFactory => {
            named("NotSupportedError", "there is none")
        }
    }
}

fn fault(error: Error) -> JsValue {
    match error {
        Error::DomException(error) => error.into(),
        Error::Unknown(error) => error.into(),
        Error::MissingData(_) | Error::Serialisation(_) => named("AbortError", "the transaction broke off"),
    }
}

fn named(name: &str, message: &str) -> JsValue {
    web_sys::DomException::new_with_message_and_name(message, name).map_or_else(|error| error, Into::into)
}
