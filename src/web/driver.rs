//! The loop: one event in, the core's actions out, one timer for everything.

use super::{clock, convert, options};
use crate::config::{Config, time_limit};
use crate::priority::Priority;
use crate::queue::{LaneId, Want};
use crate::retry::Failure;
use crate::scheduler::{Event, Protocol, Scheduler, Submission};
use crate::time::{Duration, Time};
use gloo_timers::callback::Timeout;
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// The longest a timer is set for. A browser fires one above 2^31 - 1 ms at once; waking for nothing is harmless.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);

/// A scheduler and its timer. After each call, drain [`poll`](Self::poll); after a wake-up, too.
#[wasm_bindgen]
pub struct Driver(Rc<RefCell<Inner>>);

struct Inner {
    core: Scheduler,
    timer: Option<(Time, Timeout)>,
    wake: js_sys::Function,
}

#[wasm_bindgen]
impl Driver {
    /// A scheduler of requests. `wake` is called when time alone has brought actions; it must not throw.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` that names the option.
    #[wasm_bindgen(js_name = forFetch)]
    pub fn for_fetch(options: &JsValue, wake: JsValue) -> Result<Driver, JsValue> {
        Self::new(&options::fetch_options(options)?, wake)
    }

    /// A scheduler of tasks.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` that names the option.
    #[wasm_bindgen(js_name = forQueue)]
    pub fn for_queue(options: &JsValue, wake: JsValue) -> Result<Driver, JsValue> {
        Self::new(&options::queue_options(options)?, wake)
    }

    fn new(config: &Config, wake: JsValue) -> Result<Driver, JsValue> {
        let inner = Inner { core: Scheduler::new(config), timer: None, wake: options::callback(wake)? };
        Ok(Self(Rc::new(RefCell::new(inner))))
    }

    /// Opens a lane.
    #[wasm_bindgen(js_name = openLane)]
    pub fn open_lane(&self) -> u32 {
        self.0.borrow_mut().core.open_lane().0
    }

    /// Takes a call in and returns its id. `flags`: 1 emergency, 2 repeatable, 4 until headers, 8 immediate.
    /// Times are milliseconds, NaN for none; `arrived` is on the clock of `performance.now()`.
    ///
    /// # Errors
    /// `RangeError` when the priority is not finite.
    pub fn submit(
        &self,
        lane: u32,
        priority: f64,
        flags: u32,
        total: f64,
        attempt: f64,
        arrived: f64,
    ) -> Result<f64, JsValue> {
        let priority = match flags & 1 {
            0 => read_priority(priority)?,
            _ => Priority::EMERGENCY,
        };
        let call = Submission {
            repeatable: flags & 2 != 0,
            until_headers: flags & 4 != 0,
            immediate: flags & 8 != 0,
            total: time_limit("total", total).unwrap_or(None),
            attempt: time_limit("attempt", attempt).unwrap_or(None),
            arrived: (!arrived.is_nan()).then(|| Time::from_millis_f64(arrived)),
            ..Submission::new(LaneId(lane), priority)
        };
        let mut inner = self.0.borrow_mut();
        let id = inner.core.submit(call, clock::now());
        self.set_timer(&mut inner);
        #[expect(clippy::cast_precision_loss, reason = "an id is below 2^48")]
        Ok(id.to_bits() as f64)
    }

    /// The headers are there, with this status, and the caller has them; see `convert::body` for `length`. True
    /// while the call still holds its slot, that is, while the end of the body must be told.
    pub fn headers(&self, id: f64, length: f64, status: u16) -> bool {
        let id = convert::call_id(id);
        self.on(Event::Headers(id, convert::body(length), status));
        self.0.borrow().core.contains(id)
    }

    /// The caller began to read.
    pub fn reading(&self, id: f64) {
        self.on(Event::Reading(convert::call_id(id)));
    }

    /// The body has ended.
    #[wasm_bindgen(js_name = bodyEnded)]
    pub fn body_ended(&self, id: f64) {
        self.on(Event::BodyEnded(convert::call_id(id)));
    }

    /// The call is over; see `convert::outcome` for `outcome`.
    pub fn settled(&self, id: f64, outcome: u32) {
        self.on(Event::Settled(convert::call_id(id), convert::outcome(outcome)));
    }

    /// An attempt has failed: see `convert::what` for `code`, and `asked` is the pause that the server asked for, in
    /// milliseconds, NaN for none. `flags`: 1 it carries an Idempotency-Key, 2 it can be sent again, 4 it goes to the
    /// page's own origin, 8 it waits for another attempt from now on, if there is one. Returns the delay before that,
    /// in milliseconds; NaN when what came of it is final.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` that names the option; they were checked when the call was made, so only when they
    /// have been changed since.
    pub fn retry(
        &self,
        id: f64,
        options: &JsValue,
        method: &str,
        code: f64,
        asked: f64,
        flags: u32,
    ) -> Result<f64, JsValue> {
        let config = options::retry_options("retry", options)?;
        let failure = Failure {
            method,
            idempotent: flags & 1 != 0,
            resendable: flags & 2 != 0,
            what: convert::what(code, flags & 4 != 0),
            asked: convert::asked(asked),
        };
        let mut inner = self.0.borrow_mut();
        let delay = inner.core.retry(convert::call_id(id), &config, &failure, flags & 8 != 0, clock::now());
        self.set_timer(&mut inner);
        Ok(delay.map_or(f64::NAN, convert::millis))
    }

    /// There is a network again.
    pub fn online(&self) {
        self.on(Event::Online);
    }

    /// Milliseconds that are left of a pause of a lane.
    #[wasm_bindgen(js_name = pausedFor)]
    pub fn paused_for(&self, lane: u32) -> f64 {
        convert::millis(self.0.borrow().core.paused_for(LaneId(lane), clock::now()))
    }

    /// Milliseconds until asking a lane's breaker again makes sense; NaN where nobody knows.
    #[wasm_bindgen(js_name = retryAfter)]
    pub fn retry_after(&self, lane: u32) -> f64 {
        let wait = self.0.borrow().core.retry_after(LaneId(lane), clock::now());
        wait.map_or(f64::NAN, convert::millis)
    }

    /// Changes the priority of a waiting call. False when it does not wait.
    ///
    /// # Errors
    /// `RangeError` when the priority is not finite.
    pub fn reprioritise(&self, id: f64, priority: f64) -> Result<bool, JsValue> {
        let id = convert::call_id(id);
        let priority = read_priority(priority)?;
        let waits = self.0.borrow().core.waits(id);
        self.on(Event::Reprioritised(id, priority));
        Ok(waits)
    }

    /// Changes how many may run in all.
    ///
    /// # Errors
    /// `RangeError` or `TypeError` when it is not a whole number from 1 up.
    #[wasm_bindgen(js_name = setConcurrency)]
    pub fn set_concurrency(&self, value: &JsValue) -> Result<(), JsValue> {
        let concurrency = options::concurrency(value)?;
        self.on(Event::Concurrency(concurrency));
        Ok(())
    }

    /// Starts nothing any more.
    pub fn pause(&self) {
        self.on(Event::Paused);
    }

    /// Starts again.
    pub fn resume(&self) {
        self.on(Event::Resumed);
    }

    /// Turns away everything that waits.
    pub fn clear(&self) {
        self.on(Event::Cleared);
    }

    /// Tells whether the calls of a lane share one connection.
    pub fn protocol(&self, lane: u32, multiplexed: bool) {
        let protocol = if multiplexed { Protocol::Multiplexed } else { Protocol::Serial };
        self.on(Event::Protocol(LaneId(lane), protocol));
    }

    /// Tells that other instances on the page hold this many slots of a lane's origin, of `shared` for all together.
    pub fn elsewhere(&self, lane: u32, held: u32, shared: u32) {
        self.on(Event::Elsewhere(LaneId(lane), held, Some(shared)));
    }

    /// The level of the call in a lane that would give its slot to an emergency: 0 for background to 4 for critical,
    /// NaN for none.
    pub fn preemptible(&self, lane: u32) -> f64 {
        self.0.borrow().core.preemptible(LaneId(lane)).map_or(f64::NAN, |level| f64::from(level as u8))
    }

    /// That call gives its slot to an emergency of another instance.
    #[wasm_bindgen(js_name = giveWay)]
    pub fn give_way(&self, lane: u32) {
        self.on(Event::GiveWay(LaneId(lane)));
    }

    /// Slots held in a lane.
    #[wasm_bindgen(js_name = runningIn)]
    pub fn running_in(&self, lane: u32) -> u32 {
        self.0.borrow().core.running_in(LaneId(lane))
    }

    /// Priority of the first call that waits in a lane; NaN for none.
    #[wasm_bindgen(js_name = firstPriority)]
    pub fn first_priority(&self, lane: u32) -> f64 {
        self.first(lane).map_or(f64::NAN, |want| want.priority.value())
    }

    /// When that call arrived, in milliseconds.
    #[wasm_bindgen(js_name = firstSince)]
    pub fn first_since(&self, lane: u32) -> f64 {
        self.first(lane).map_or(f64::NAN, |want| convert::millis(want.arrived.since(Time::ZERO)))
    }

    /// Whether that call would start now if only other instances left it a slot.
    #[wasm_bindgen(js_name = firstReady)]
    pub fn first_ready(&self, lane: u32) -> bool {
        self.first(lane).is_some_and(|want| want.ready)
    }

    fn first(&self, lane: u32) -> Option<Want> {
        self.0.borrow().core.first(LaneId(lane))
    }

    /// Slots of a lane now. Infinite where only the common limit counts.
    #[wasm_bindgen(js_name = limitOf)]
    pub fn limit_of(&self, lane: u32) -> f64 {
        self.0.borrow().core.limit_of(LaneId(lane)).map_or(f64::INFINITY, f64::from)
    }

    /// Calls waiting.
    #[wasm_bindgen(getter)]
    pub fn queued(&self) -> u32 {
        self.0.borrow().core.count().queued
    }

    /// Calls holding a slot.
    #[wasm_bindgen(getter)]
    pub fn running(&self) -> u32 {
        self.0.borrow().core.count().running
    }

    /// How many may run in all.
    #[wasm_bindgen(getter)]
    pub fn concurrency(&self) -> f64 {
        self.0.borrow().core.concurrency().map_or(f64::INFINITY, f64::from)
    }

    /// Whether nothing starts for now.
    #[wasm_bindgen(getter)]
    pub fn paused(&self) -> bool {
        self.0.borrow().core.is_paused()
    }

    /// The next action, as `convert::action_word` writes it; 0 when there is none.
    pub fn poll(&self) -> f64 {
        self.0.borrow_mut().core.poll_action().map_or(0.0, convert::action_word)
    }

    /// Figures, as plain data.
    ///
    /// # Errors
    /// None that can happen: the data is plain.
    pub fn status(&self) -> Result<JsValue, JsValue> {
        let status = convert::Status::of(&self.0.borrow().core, clock::now());
        Ok(status.serialize(&Serializer::json_compatible())?)
    }

    fn on(&self, event: Event) {
        let mut inner = self.0.borrow_mut();
        inner.core.handle(event, clock::now());
        self.set_timer(&mut inner);
    }

    /// A timer that is due no later than the deadline stays: waking early is cheaper than setting it anew.
    fn set_timer(&self, inner: &mut Inner) {
        let Some(deadline) = inner.core.poll_timeout() else {
            inner.timer = None;
            return;
        };
        if inner.timer.as_ref().is_some_and(|&(at, _)| at <= deadline) {
            return;
        }
        let sleep = deadline.since(clock::now()).min(LONGEST_SLEEP);
        let weak = Rc::downgrade(&self.0);
        let timeout = Timeout::new(sleep.as_nanos().div_ceil(1_000_000) as u32, move || {
            let Some(inner) = weak.upgrade() else { return };
            inner.borrow_mut().timer = None;
            let driver = Driver(inner);
            driver.on(Event::Woke);
            let wake = driver.0.borrow().wake.clone();
            // Its promise is not to throw; if it does, there is nobody here to tell.
            drop(wake.call0(&JsValue::NULL));
        });
        inner.timer = Some((deadline, timeout));
    }
}

fn read_priority(value: f64) -> Result<Priority, JsValue> {
    Priority::new(value).map_err(|error| options::range_error(error.option, error.range, &value.into()))
}

/// What one call of `fetch` says under `lane`, as numbers: priority, emergency, total, attempt, until headers;
/// NaN where nothing was said.
///
/// # Errors
/// `RangeError` or `TypeError` that names the option.
#[wasm_bindgen(js_name = readLane)]
pub fn read_lane(lane: &JsValue) -> Result<Vec<f64>, JsValue> {
    Ok(options::lane_init("lane", lane)?.to_words())
}

/// The same of one call of `add`.
///
/// # Errors
/// `RangeError` or `TypeError` that names the option.
#[wasm_bindgen(js_name = readAdd)]
pub fn read_add(add: &JsValue) -> Result<Vec<f64>, JsValue> {
    Ok(options::add_options(add)?.to_words())
}
