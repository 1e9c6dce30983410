//! A connection to the database, and what is done through it.

use crate::records::Reply;
use crate::work::{ALL, Operation, PACKS, STATE, USES, Work};
use indexed_db_futures::database::Database;
use indexed_db_futures::error::{Error, OpenDbError};
use indexed_db_futures::internals::SystemRepr;
use indexed_db_futures::prelude::*;
use indexed_db_futures::transaction::{TransactionDurability, TransactionMode, TransactionOptions};
use js_sys::{Array, Promise};
use serde::Serialize;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{IdbDatabase, IdbIndexParameters, IdbObjectStore};

const VERSION: u8 = 1;

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
        let opening = Database::open(name).with_version(VERSION).build().map_err(refused)?;
        // The crate would print an error that occurs in here, and for that bring along how numbers are printed: a fifth of
        // the module. The browser tells it, too, as why the database cannot be opened.
        let request = opening.as_sys().clone();
        let create: Closure<dyn FnMut() -> Result<(), JsValue>> =
            Closure::new(move || create_stores(request.result()?.unchecked_ref()));
        opening.as_sys().set_onupgradeneeded(Some(create.as_ref().unchecked_ref()));
        let database = opening.await.map_err(refused)?;
        let closed = Rc::new(Cell::new(false));
        let on_close = Closure::new({
            let (database, closed) = (database.clone(), Rc::clone(&closed));
            // A tab that wants a later version, or deletes the database, waits for this.
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

fn create_stores(database: &IdbDatabase) -> Result<(), JsValue> {
    let index = |store: &IdbObjectStore, name: &str, unique: bool, entries: bool| {
        let parameters = IdbIndexParameters::new();
        parameters.set_unique(unique);
        parameters.set_multi_entry(entries);
        store.create_index_with_str_and_optional_parameters(name, name, &parameters).map(drop)
    };
    let packs = database.create_object_store(PACKS)?;
    index(&packs, "keys", true, true)?;
    index(&packs, "tags", false, true)?;
    let uses = database.create_object_store(USES)?;
    index(&uses, "used", false, false)?;
    database.create_object_store(STATE).map(drop)
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
        self.perform(Operation::Read { partition, keys })
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
        self.perform(Operation::Write { partition, epoch, entries, known, used, most })
    }

    /// Forgets entries by key, by the beginning of their keys, or by tag. Resolves with those that were there, in `gone`.
    pub fn remove(&self, keys: Array, beginnings: Array, tags: Array) -> Promise {
        self.perform(Operation::Remove { keys, beginnings, tags })
    }

    /// Empties a partition: nothing is written there any more by who does not know of it.
    pub fn purge(&self, partition: JsValue) -> Promise {
        self.perform(Operation::Purge { partition })
    }

    /// Gives up what was used longest ago until this share of the bytes is left, and writes nothing: Firefox lets the first
    /// transaction after a full quota delete, and breaks it off when it puts. The totals are wrong until [`recount`] is done.
    ///
    /// [`recount`]: Self::recount
    #[wasm_bindgen(js_name = makeRoom)]
    pub fn make_room(&self, share: f64) -> Promise {
        self.perform(Operation::MakeRoom { share })
    }

    /// Makes the totals say what there is.
    pub fn recount(&self) -> Promise {
        self.perform(Operation::Recount)
    }

    fn perform(&self, operation: Operation) -> Promise {
        let database = self.database.clone();
        future_to_promise(async move {
            let reply = transact(&database, operation).await?;
            reply.serialize(&serde_wasm_bindgen::Serializer::new()).map_err(Into::into)
        })
    }
}

/// Does something in one transaction; fails with what the browser says when that breaks off.
async fn transact(database: &Database, operation: Operation) -> Result<Reply, JsValue> {
    let mode = match operation {
        Operation::Read { .. } => TransactionMode::Readonly,
        _ => TransactionMode::Readwrite,
    };
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
            let request = event.target().and_then(|target| target.dyn_into::<web_sys::IdbRequest>().ok());
            let error = request.and_then(|request| request.error().ok().flatten());
            first.set(first.take().or(error));
        }
    });
    raw.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    let result = match Work::of(&transaction) {
        Ok(work) => work.perform(operation).await,
        Err(error) => Err(error),
    };
    let result = match result {
        // Also where nothing was changed: one that is dropped is aborted, and in WebKit others may wait behind it.
        Ok(reply) => transaction.commit().await.map(|()| reply),
        Err(error) => Err(error),
    };
    // That there is no room may be found out at the very end, and stands there alone.
    raw.set_onerror(None);
    result.map_err(|error| first.take().or_else(|| raw.error()).map_or_else(|| fault(error), Into::into))
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.close();
        self.database.as_sys().set_onversionchange(None);
        self.database.as_sys().set_onclose(None);
    }
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

pub(crate) fn named(name: &str, message: &str) -> JsValue {
    web_sys::DomException::new_with_message_and_name(message, name).map_or_else(|error| error, Into::into)
}
