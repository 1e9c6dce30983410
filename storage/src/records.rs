//! What lies in the database, and what an operation brings back.
//!
//! What is written is typed here, and becomes an object of JavaScript by serde. What is read may be anything: whatever lies in
//! storage may have been changed there. It is looked at field by field, since serde's errors bring the printing of numbers
//! along, which is a fifth of the module.

use js_sys::{Array, Date, JsString, Object};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// An object that was found.
    #[wasm_bindgen(extends = Object)]
    type Found;
    #[wasm_bindgen(method, getter, structural)]
    fn key(this: &Found) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn tags(this: &Found) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn bytes(this: &Found) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn entries(this: &Found) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn name(this: &Found) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn keys(this: &Found) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn next(this: &Found) -> JsValue;
}

/// What is looked at of one thing that is kept. Its key and its tags begin with its partition.
pub(crate) struct Entry {
    /// All of it, as it came.
    pub(crate) whole: JsValue,
    pub(crate) key: JsString,
    pub(crate) tags: Array,
    pub(crate) bytes: f64,
}

impl Entry {
    /// `None` for what is none.
    pub(crate) fn of(whole: JsValue) -> Option<Self> {
        let found = found(&whole)?;
        let (key, tags, bytes) = (found.key().dyn_into().ok()?, array(found.tags())?, count(&found.bytes())?);
        Some(Self { whole, key, tags, bytes })
    }
}

/// Some entries together.
#[derive(Serialize)]
pub(crate) struct Pack {
    /// Its own key, for who found it by one of its entries.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub(crate) name: JsValue,
    /// Those of its entries: by these, and by their tags, it is found.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub(crate) keys: Array,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub(crate) tags: Array,
    /// With their bodies, as they came.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub(crate) entries: Array,
}

impl Pack {
    /// One of these entries, and what it counts for.
    pub(crate) fn new(name: &JsValue, all: &[Entry]) -> (Self, Use) {
        let pack = Self { name: name.clone(), keys: Array::new(), tags: Array::new(), entries: Array::new() };
        let mut uses = Use { used: Date::now(), bytes: 0.0, entries: 0.0 };
        for entry in all {
            pack.keys.push(&entry.key);
            for tag in entry.tags.iter() {
                pack.tags.push(&tag);
            }
            pack.entries.push(&entry.whole);
            uses.bytes += entry.bytes;
            uses.entries += 1.0;
        }
        (pack, uses)
    }
}

/// A pack that was found.
pub(crate) struct FoundPack {
    pub(crate) name: JsValue,
    /// Whatever lies in the place of its entries.
    pub(crate) entries: JsValue,
    keys: JsValue,
}

impl FoundPack {
    /// `None` for what has no parts.
    pub(crate) fn of(value: &JsValue) -> Option<Self> {
        found(value).map(|pack| Self { name: pack.name(), entries: pack.entries(), keys: pack.keys() })
    }

    /// Its entries that are what they should be. The others go when the pack is next written.
    pub(crate) fn sound(&self) -> Vec<Entry> {
        let (Some(entries), Some(keys)) = (array(self.entries.clone()), array(self.keys.clone())) else {
            return Vec::new();
        };
        let is_sound =
            |entry: &Entry| keys.includes(&entry.key, 0) && entry.tags.iter().all(|tag| tag.is_string());
        entries.iter().filter_map(Entry::of).filter(is_sound).collect()
    }
}

/// What a pack counts for.
#[derive(Serialize)]
pub(crate) struct Use {
    /// When it was last used, in milliseconds since 1970.
    pub(crate) used: f64,
    pub(crate) bytes: f64,
    pub(crate) entries: f64,
}

impl Use {
    /// As if it was used now. `None` for what counts nothing.
    pub(crate) fn of(value: &JsValue) -> Option<Self> {
        let found = found(value)?;
        Some(Self { used: Date::now(), bytes: count(&found.bytes())?, entries: count(&found.entries())? })
    }
}

/// Of the whole database.
#[derive(Default, Serialize)]
pub(crate) struct Totals {
    pub(crate) bytes: f64,
    pub(crate) entries: f64,
    /// The number of the next pack.
    pub(crate) next: f64,
}

impl Totals {
    /// Whether they say what there is, beside what they say.
    pub(crate) fn of(value: &JsValue) -> (Self, bool) {
        let found = found(value);
        let number = |field: fn(&Found) -> JsValue| found.and_then(|found| count(&field(found)));
        let (bytes, entries) = (number(Found::bytes), number(Found::entries));
        // What is no number, or no longer one, begins above all that it can have been.
        let next = number(Found::next).unwrap_or_else(Date::now);
        let totals = Self { bytes: bytes.unwrap_or(0.0), entries: entries.unwrap_or(0.0), next };
        (totals, bytes.and(entries).is_some())
    }

    pub(crate) fn more(&mut self, uses: &Use) {
        self.bytes += uses.bytes;
        self.entries += uses.entries;
    }

    pub(crate) fn less(&mut self, uses: &Use) {
        self.bytes = (self.bytes - uses.bytes).max(0.0);
        self.entries = (self.entries - uses.entries).max(0.0);
    }

    pub(crate) fn none(&mut self) {
        (self.bytes, self.entries) = (0.0, 0.0);
    }
}

/// What an operation brings back; see `js/cache/disk.ts`.
#[derive(Default, Serialize)]
pub(crate) struct Reply {
    pub(crate) totals: Totals,
    /// Undefined where it was not looked at.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub(crate) epoch: JsValue,
    /// In which something lies that was wanted: all that lies in the place of its entries.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub(crate) packs: Array,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub(crate) names: Array,
    /// Entries that are no longer there.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub(crate) gone: Array,
    /// How many had to make room.
    pub(crate) evicted: f64,
}

fn found(value: &JsValue) -> Option<&Found> {
    value.is_object().then(|| value.unchecked_ref())
}

fn array(value: JsValue) -> Option<Array> {
    Array::is_array(&value).then(|| value.unchecked_into())
}

/// `None` for what is no number, or none that counts anything.
fn count(value: &JsValue) -> Option<f64> {
    value.as_f64().filter(|number| (0.0..=js_sys::Number::MAX_SAFE_INTEGER).contains(number))
}
