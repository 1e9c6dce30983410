//! Options as callers write them, read with errors that name option, range and value.

use crate::batch::BatchConfig;
use crate::breaker::BreakerConfig;
use crate::cache::config::{CacheConfig, Tier, time};
use crate::config::{Config, ConfigError, Strategy, count, time_limit};
use crate::priority::{Level, Priority};
use crate::rate::RateConfig;
use crate::retry::{Jitter, Network, RetryConfig};
use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::prelude::*;

type Checked<T> = Result<T, JsValue>;

/// What one call may say, before defaults are put in. JavaScript gets it as numbers: see [`Lane::to_words`].
#[derive(Default)]
pub(super) struct Lane {
    priority: Option<Priority>,
    emergency: Option<bool>,
    total: Option<f64>,
    attempt: Option<f64>,
    until_headers: Option<bool>,
}

impl Lane {
    /// Priority, emergency, total, attempt, until headers; NaN where nothing was said.
    pub(super) fn to_words(&self) -> Vec<f64> {
        let flag = |flag: Option<bool>| flag.map_or(f64::NAN, |flag| f64::from(u8::from(flag)));
        let number = |number: Option<f64>| number.unwrap_or(f64::NAN);
        vec![
            number(self.priority.map(Priority::value)),
            flag(self.emergency),
            number(self.total),
            number(self.attempt),
            flag(self.until_headers),
        ]
    }
}

/// The options of `createFetch`: those about the queue become a [`Config`], the others are checked.
pub(super) fn fetch_options(options: &JsValue) -> Checked<Config> {
    let mut config = Config::default();
    let known = [
        "queue",
        "timeout",
        "retry",
        "breaker",
        "rateLimit",
        "cache",
        "batch",
        "dedupe",
        "routes",
        "wasm",
        "fetch",
        "seed",
    ];
    let options = Fields::of("", "options", options, &known)?;
    let known = ["perOrigin", "concurrency", "highWater", "strategy", "aging"];
    let queue = options.nested("queue", &known)?;
    if queue.text("perOrigin")?.as_deref() != Some("auto") {
        queue.number("perOrigin", &mut |value| config.set_per_origin(value))?;
    }
    common(&queue, &mut config)?;
    timeout(&options)?;
    retry(&options)?;
    let breaker = options.get("breaker")?;
    config.breaker = match breaker.as_bool() {
        Some(wanted) => wanted.then(BreakerConfig::default),
        None if breaker.is_undefined() => None,
        None => Some(breaker_options("breaker", &breaker)?),
    };
    let rate = options.get("rateLimit")?;
    if !rate.is_undefined() && rate.as_bool() != Some(false) {
        config.rate = Some(rate_options("rateLimit", &rate)?);
    }
    let cache = options.get("cache")?;
    if cache.as_bool() != Some(false) {
        cache_options("cache", &cache)?;
    }
    dedupe(&options)?;
    config.seed = seed(&options)?;
    options.function("fetch")?;
    options.each("routes", check_route)?;
    options.each("batch", |path, rule| batch_rule(path, rule).map(drop))?;
    Ok(config)
}

/// The options of `createQueue`.
pub(super) fn queue_options(options: &JsValue) -> Checked<Config> {
    let mut config = Config::for_tasks();
    let known = ["concurrency", "perKey", "highWater", "strategy", "aging"];
    let options = Fields::of("", "options", options, &known)?;
    options.number("perKey", &mut |value| config.set_per_key(value))?;
    common(&options, &mut config)?;
    Ok(config)
}

/// What random numbers grow from: said, or drawn.
fn seed(options: &Fields) -> Checked<u64> {
    let value = options.get("seed")?;
    match value.as_f64() {
        Some(seed) => Ok(seed.to_bits()),
        None if value.is_undefined() => Ok(js_sys::Math::random().to_bits()),
        None => Err(options.wrong_type("seed", "a number", &value)),
    }
}

/// The option `retry`, wherever it stands: a number is the limit, false is none.
fn retry(fields: &Fields) -> Checked<RetryConfig> {
    retry_options(&fields.path("retry"), &fields.get("retry")?)
}

pub(super) fn retry_options(path: &str, options: &JsValue) -> Checked<RetryConfig> {
    let mut config = RetryConfig::default();
    // A policy that stands by itself is not made to do nothing.
    let alone = path.is_empty();
    if !alone && options.as_bool() == Some(false) {
        return Ok(config);
    }
    if let (false, Some(limit)) = (alone, options.as_f64()) {
        config.set_limit(limit).map_err(|error| range_error(path, error.range, options))?;
        return Ok(config);
    }
    let known = [
        "limit",
        "baseDelay",
        "maxDelay",
        "factor",
        "maxRetryAfter",
        "jitter",
        "methods",
        "statusCodes",
        "network",
        "budget",
        "shouldRetry",
        "seed",
    ];
    // The seed of others is said elsewhere.
    let (known, expected) =
        if alone { (&known[..], "an object") } else { (&known[..11], "an object, a number or false") };
    let options = Fields::of(path, expected, options, known)?;
    let setters = [
        RetryConfig::set_limit,
        RetryConfig::set_base_delay,
        RetryConfig::set_max_delay,
        RetryConfig::set_factor,
        RetryConfig::set_max_retry_after,
    ];
    for (name, set) in known.iter().zip(setters) {
        options.number(name, &mut |value| set(&mut config, value))?;
    }
    let jitter = options.get("jitter")?;
    if jitter.as_bool() == Some(false) {
        config.jitter = Jitter::None;
    } else if jitter.as_f64().is_some() {
        options.number("jitter", &mut |value| config.set_jitter_share(value))?;
    } else {
        config.jitter = match options.choice("jitter", &["full", "equal", "decorrelated"])? {
            None => config.jitter,
            Some(0) => Jitter::Full,
            Some(1) => Jitter::Equal,
            Some(_) => Jitter::Decorrelated,
        };
    }
    let network = options.get("network")?;
    if network.as_bool() == Some(false) {
        config.network = Network::Never;
    } else {
        config.network = match options.choice("network", &["same-origin", "all"])? {
            None => config.network,
            Some(0) => Network::SameOrigin,
            Some(_) => Network::All,
        };
    }
    if let Some(methods) = options.array("methods")? {
        let texts = methods.iter().map(|method| method.as_string()).collect::<Option<_>>();
        let wrong = || options.wrong_type("methods", "an array of strings", &methods);
        config.set_methods(texts.ok_or_else(wrong)?);
    }
    if let Some(statuses) = options.array("statusCodes")? {
        config.clear_statuses();
        for status in statuses.iter() {
            let added = config.add_status(status.as_f64().unwrap_or(f64::NAN));
            added.map_err(|error| range_error(&options.path(error.option), error.range, &status))?;
        }
    }
    let budget = options.get("budget")?;
    if budget.as_bool() == Some(false) {
        config.lift_budget();
    } else {
        let path = options.path("budget");
        let budget = Fields::of(&path, "an object or false", &budget, &["share", "minPerSecond"])?;
        budget.number("share", &mut |value| config.set_budget_share(value))?;
        budget.number("minPerSecond", &mut |value| config.set_budget_floor(value))?;
    }
    options.function("shouldRetry")?;
    Ok(config)
}

/// The seed of a policy that stands by itself.
pub(super) fn retry_seed(options: &JsValue) -> Checked<u64> {
    seed(&Fields { path: String::new(), object: object(options) })
}

/// The options of a circuit breaker.
pub(super) fn breaker_options(path: &str, options: &JsValue) -> Checked<BreakerConfig> {
    let mut config = BreakerConfig::default();
    let known =
        ["failureRate", "window", "minimum", "consecutive", "openFor", "maxOpenFor", "probes", "successes"];
    let expected = if path.is_empty() { "an object" } else { "an object, true or false" };
    let options = Fields::of(path, expected, options, &known)?;
    let setters = [
        BreakerConfig::set_failure_rate,
        BreakerConfig::set_window,
        BreakerConfig::set_minimum,
        BreakerConfig::set_consecutive,
        BreakerConfig::set_open_for,
        BreakerConfig::set_max_open_for,
        BreakerConfig::set_probes,
        BreakerConfig::set_successes,
    ];
    for (name, set) in known.into_iter().zip(setters) {
        options.number(name, &mut |value| set(&mut config, value))?;
    }
    Ok(config)
}

/// The options of a rate limit.
pub(super) fn rate_options(path: &str, options: &JsValue) -> Checked<RateConfig> {
    let expected = if path.is_empty() { "an object" } else { "an object or false" };
    let all = ["algorithm", "capacity", "refillRate", "refillInterval", "limit", "window"];
    let either = Fields::of(path, expected, options, &all)?;
    let sliding = either.choice("algorithm", &["token-bucket", "sliding-window"])?;
    // What belongs to the other one is as unknown as what belongs to none.
    let config = if sliding == Some(1) {
        let fields = Fields::of(path, expected, options, &["algorithm", "limit", "window"])?;
        RateConfig::sliding_window(fields.number_or("limit", None)?, fields.number_or("window", None)?)
    } else {
        let known = ["algorithm", "capacity", "refillRate", "refillInterval"];
        let fields = Fields::of(path, expected, options, &known)?;
        RateConfig::token_bucket(
            fields.number_or("capacity", Some(RateConfig::CAPACITY))?,
            fields.number_or("refillRate", Some(RateConfig::REFILL_RATE))?,
            fields.number_or("refillInterval", Some(RateConfig::REFILL_INTERVAL))?,
        )
    };
    config.map_err(|error| range_error(&either.path(error.option), error.range, &error.value.into()))
}

/// The options of a cache.
pub(super) fn cache_options(path: &str, options: &JsValue) -> Checked<CacheConfig> {
    let mut config = CacheConfig::default();
    let expected = if path.is_empty() { "an object" } else { "an object or false" };
    let known = [
        "tiers",
        "memory",
        "localStorage",
        "indexedDB",
        "ttl",
        "staleWhileRevalidate",
        "staleIfError",
        "partition",
        "persistPrivate",
    ];
    let options = Fields::of(path, expected, options, &known)?;
    let memory = options.nested("memory", &["maxBytes"])?;
    memory.number("maxBytes", &mut |value| config.set_memory(value))?;
    let local = options.nested("localStorage", &["maxBytes", "maxEntryBytes"])?;
    local.number("maxBytes", &mut |value| config.set_local_storage(value))?;
    local.number("maxEntryBytes", &mut |value| config.set_local_storage_entry(value))?;
    let database = options.nested("indexedDB", &["maxBytes", "database"])?;
    database.number("maxBytes", &mut |value| config.set_indexed_db(value))?;
    database.text_only("database")?;
    if let Some(name) = database.text("database")? {
        config.database = name;
    }
    options.text_only("partition")?;
    config.persist_private = options.flag("persistPrivate")?.unwrap_or(config.persist_private);
    if let Some(tiers) = keeping(&options)? {
        config.tiers = tiers;
    }
    Ok(config)
}

/// What one call says about the cache.
pub(super) fn cache_rule(path: &str, rule: &JsValue) -> Checked<()> {
    let known = ["ttl", "staleWhileRevalidate", "staleIfError", "tags", "tiers", "key"];
    let expected = if path == "rule" { "an object" } else { "an object or false" };
    let rule = Fields::of(path, expected, rule, &known)?;
    if let Some(tags) = rule.array("tags")?
        && !tags.iter().all(|tag| tag.is_string())
    {
        return Err(rule.wrong_type("tags", "an array of strings", &tags));
    }
    rule.text_only("key")?;
    keeping(&rule).map(drop)
}

/// What the options of a cache have in common with what one call says; returns the tiers.
fn keeping(fields: &Fields) -> Checked<Option<Vec<Tier>>> {
    let mut tiers = None;
    if let Some(array) = fields.array("tiers")? {
        let read = array.iter().map(|name| {
            let tier = match name.as_string().as_deref() {
                Some("memory") => Tier::Memory,
                Some("localStorage") => Tier::LocalStorage,
                Some("indexedDB") => Tier::IndexedDb,
                _ => {
                    let range = "an array of \"memory\", \"localStorage\" and \"indexedDB\"";
                    return Err(range_error(&fields.path("tiers"), range, &name));
                }
            };
            Ok(tier)
        });
        tiers = Some(read.collect::<Result<_, _>>()?);
    }
    if fields.text("ttl")?.as_deref() != Some("http") {
        fields.number("ttl", &mut |value| time("ttl", value))?;
    }
    for name in ["staleWhileRevalidate", "staleIfError"] {
        fields.number(name, &mut |value| time(name, value))?;
    }
    Ok(tiers)
}

/// Whether equal calls are joined: only JavaScript needs it.
fn dedupe(fields: &Fields) -> Checked<()> {
    let value = fields.get("dedupe")?;
    if value.is_undefined() || value.as_bool().is_some() || value.as_string().as_deref() == Some("storable") {
        return Ok(());
    }
    let refuse = if value.is_string() { range_error } else { type_error };
    Err(refuse(&fields.path("dedupe"), "\"storable\", true or false", &value))
}

/// How much one call takes of a rate limit.
pub(super) fn weight(value: &JsValue) -> Checked<u32> {
    const RANGE: &str = "a whole number from 1 up";
    let Some(number) = value.as_f64() else { return Err(type_error("weight", RANGE, value)) };
    let weight = count("weight", number).ok().flatten();
    weight.ok_or_else(|| range_error("weight", RANGE, value))
}

/// The property `concurrency` of a queue, set later.
pub(super) fn concurrency(value: &JsValue) -> Checked<Option<u32>> {
    let object = Object::new();
    Reflect::set(&object, &"concurrency".into(), value)?;
    let mut config = Config::default();
    let fields = Fields { path: String::new(), object: Some(object) };
    fields.number("concurrency", &mut |value| config.set_concurrency(value))?;
    if value.is_undefined() {
        return Err(fields.wrong_type("concurrency", "a whole number from 1 up, or Infinity", value));
    }
    Ok(config.concurrency)
}

fn common(queue: &Fields, config: &mut Config) -> Checked<()> {
    queue.number("concurrency", &mut |value| config.set_concurrency(value))?;
    queue.number("highWater", &mut |value| config.set_high_water(value))?;
    config.strategy = match queue.choice("strategy", &["reject", "drop-lowest"])? {
        None => config.strategy,
        Some(0) => Strategy::Reject,
        Some(_) => Strategy::DropLowest,
    };
    let aging = queue.get("aging")?;
    if aging.as_bool() == Some(false) {
        config.aging = crate::config::Aging::NONE;
    } else if !aging.is_undefined() {
        let path = queue.path("aging");
        let aging = Fields::of(&path, "an object or false", &aging, &["demoteAfter", "oldestEvery"])?;
        aging.number("demoteAfter", &mut |value| config.aging.demote_after_millis(value))?;
        aging.number("oldestEvery", &mut |value| config.aging.set_oldest_every(value))?;
    }
    Ok(())
}

const LANE: [&str; 9] =
    ["priority", "emergency", "key", "timeout", "retry", "cache", "dedupe", "batch", "slot"];

/// What one call of `fetch` says under `lane`.
pub(super) fn lane_init(path: &str, lane: &JsValue) -> Checked<Lane> {
    read_lane(&Fields::of(path, "an object", lane, &LANE)?)
}

/// What one call of `add` says.
pub(super) fn add_options(options: &JsValue) -> Checked<Lane> {
    let known = ["id", "key", "priority", "signal", "timeout", "emergency"];
    let options = Fields::of("", "options", options, &known)?;
    options.text_only("id")?;
    let signal = options.get("signal")?;
    if !signal.is_undefined() && !matches!(Reflect::has(&signal, &"aborted".into()), Ok(true)) {
        return Err(options.wrong_type("signal", "an AbortSignal", &signal));
    }
    if options.get("timeout")?.is_object() {
        return Err(options.wrong_type("timeout", TIME, &options.get("timeout")?));
    }
    read_lane(&options)
}

/// One of `routes`.
fn check_route(path: &str, route: &JsValue) -> Checked<()> {
    let mut known = vec!["match", "method"];
    known.extend(LANE);
    let route = Fields::of(path, "an object", route, &known)?;
    check_match(&route)?;
    let method = route.get("method")?;
    let texts =
        Array::is_array(&method) && method.unchecked_ref::<Array>().iter().all(|item| item.is_string());
    if !method.is_undefined() && !method.is_string() && !texts {
        return Err(route.wrong_type("method", "a string or an array of strings", &method));
    }
    read_lane(&route).map(drop)
}

fn check_match(fields: &Fields) -> Checked<()> {
    let matcher = fields.get("match")?;
    if matcher.is_string() || matcher.is_function() || matcher.is_object() {
        return Ok(());
    }
    Err(fields.wrong_type("match", "a pathname pattern, a RegExp, a URLPattern or a function", &matcher))
}

/// One of `batch`.
pub(super) fn batch_rule(path: &str, rule: &JsValue) -> Checked<BatchConfig> {
    let mut config = BatchConfig::default();
    let known = ["match", "endpoint", "maxSize", "maxWait", "maxBytes", "key", "encode", "decode"];
    let rule = Fields::of(path, "an object", rule, &known)?;
    check_match(&rule)?;
    let endpoint = rule.get("endpoint")?;
    if !endpoint.is_string() && !endpoint.is_object() {
        return Err(rule.wrong_type("endpoint", "a string or a URL", &endpoint));
    }
    rule.number("maxSize", &mut |value| config.set_max_size(value))?;
    rule.number("maxWait", &mut |value| config.set_max_wait(value))?;
    rule.number("maxBytes", &mut |value| config.set_max_bytes(value))?;
    for name in ["key", "encode", "decode"] {
        rule.function(name)?;
    }
    Ok(config)
}

/// The options of `createBatcher`.
pub(super) fn batcher_options(options: &JsValue) -> Checked<BatchConfig> {
    let mut config = BatchConfig::alone();
    let options = Fields::of("", "options", options, &["maxSize", "maxWait", "keyOf"])?;
    options.number("maxSize", &mut |value| config.set_max_size(value))?;
    options.number("maxWait", &mut |value| config.set_max_wait(value))?;
    options.function("keyOf")?;
    Ok(config)
}

fn read_lane(fields: &Fields) -> Checked<Lane> {
    fields.text_only("key")?;
    let (total, attempt) = timeout(fields)?;
    retry(fields)?;
    let cache = fields.get("cache")?;
    if cache.as_bool() != Some(false) {
        cache_rule(&fields.path("cache"), &cache)?;
    }
    dedupe(fields)?;
    fields.flag("batch")?;
    Ok(Lane {
        priority: fields.priority()?,
        emergency: fields.flag("emergency")?,
        total,
        attempt,
        until_headers: fields.choice("slot", &["body", "headers"])?.map(|choice| choice == 1),
    })
}

const TIME: &str = "a number of milliseconds above 0, or Infinity";

fn timeout(fields: &Fields) -> Checked<(Option<f64>, Option<f64>)> {
    let value = fields.get("timeout")?;
    let mut limits = (None, None);
    if value.is_object() {
        let both = fields.nested("timeout", &["total", "attempt"])?;
        both.number("total", &mut |value| time_limit("total", value).map(|_| limits.0 = Some(value)))?;
        both.number("attempt", &mut |value| time_limit("attempt", value).map(|_| limits.1 = Some(value)))?;
    } else {
        fields
            .number("timeout", &mut |value| time_limit("timeout", value).map(|_| limits.0 = Some(value)))?;
    }
    Ok(limits)
}

/// The properties of one object of options, under the path by which its owner knows it.
struct Fields {
    path: String,
    /// None where there is none: to ask for each of its properties takes longer than all else that a call says.
    object: Option<Object>,
}

impl Fields {
    /// An object, or undefined for none; every property is known.
    fn of(path: &str, expected: &str, value: &JsValue, known: &[&str]) -> Checked<Self> {
        let fields = Self { path: path.into(), object: object(value) };
        if !value.is_undefined() && (!value.is_object() || Array::is_array(value)) {
            let name = if path.is_empty() { "options" } else { path };
            let expected = if expected == "options" { "an object" } else { expected };
            return Err(type_error(name, expected, value));
        }
        if let Some(object) = &fields.object {
            for name in Object::keys(object).iter().filter_map(|name| name.as_string()) {
                if !known.contains(&name.as_str()) {
                    return Err(unknown(&fields.path(&name), known, &name));
                }
            }
        }
        Ok(fields)
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { [&self.path, ".", name].concat() }
    }

    fn get(&self, name: &str) -> Checked<JsValue> {
        self.object.as_ref().map_or(Ok(JsValue::UNDEFINED), |object| Reflect::get(object, &name.into()))
    }

    fn nested(&self, name: &str, known: &[&str]) -> Checked<Self> {
        Self::of(&self.path(name), "an object", &self.get(name)?, known)
    }

    fn wrong_type(&self, name: &str, expected: &str, value: &JsValue) -> JsValue {
        type_error(&self.path(name), expected, value)
    }

    /// Hands a number to `set`, whose refusal names the range; nothing when it is left out.
    fn number(&self, name: &str, set: &mut dyn FnMut(f64) -> Result<(), ConfigError>) -> Checked<()> {
        let value = self.get(name)?;
        if value.is_undefined() {
            return Ok(());
        }
        let Err(error) = set(value.as_f64().unwrap_or(f64::NAN)) else { return Ok(()) };
        if value.as_f64().is_none() {
            return Err(self.wrong_type(name, error.range, &value));
        }
        Err(range_error(&self.path(name), error.range, &value))
    }

    /// A number, or what stands for it when it is left out.
    fn number_or(&self, name: &str, default: Option<f64>) -> Checked<f64> {
        let value = self.get(name)?;
        let default = default.filter(|_| value.is_undefined());
        value.as_f64().or(default).ok_or_else(|| self.wrong_type(name, "a number", &value))
    }

    fn array(&self, name: &str) -> Checked<Option<Array>> {
        let value = self.get(name)?;
        if value.is_undefined() {
            return Ok(None);
        }
        if Array::is_array(&value) {
            Ok(Some(value.unchecked_into()))
        } else {
            Err(self.wrong_type(name, "an array", &value))
        }
    }

    /// Has each one of an array checked, under its own path.
    fn each(&self, name: &str, check: impl Fn(&str, &JsValue) -> Checked<()>) -> Checked<()> {
        let Some(all) = self.array(name)? else { return Ok(()) };
        for (index, one) in all.iter().enumerate() {
            let index = shown(&JsValue::from(index as u32));
            check(&[&self.path(name), "[", &index, "]"].concat(), &one)?;
        }
        Ok(())
    }

    /// A function that only JavaScript calls, or nothing.
    fn function(&self, name: &str) -> Checked<()> {
        let value = self.get(name)?;
        if value.is_undefined() || value.is_function() {
            return Ok(());
        }
        Err(self.wrong_type(name, "a function", &value))
    }

    fn flag(&self, name: &str) -> Checked<Option<bool>> {
        let value = self.get(name)?;
        if value.is_undefined() {
            return Ok(None);
        }
        value.as_bool().map(Some).ok_or_else(|| self.wrong_type(name, "true or false", &value))
    }

    fn text(&self, name: &str) -> Checked<Option<String>> {
        Ok(self.get(name)?.as_string())
    }

    /// A text that only JavaScript needs, or nothing.
    fn text_only(&self, name: &str) -> Checked<()> {
        let value = self.get(name)?;
        if value.is_undefined() || value.is_string() {
            return Ok(());
        }
        Err(self.wrong_type(name, "a string", &value))
    }

    /// Which of these words it is.
    fn choice(&self, name: &str, choices: &[&str]) -> Checked<Option<usize>> {
        let value = self.get(name)?;
        if value.is_undefined() {
            return Ok(None);
        }
        let said = value.as_string();
        if let Some(choice) = choices.iter().position(|text| Some(*text) == said.as_deref()) {
            return Ok(Some(choice));
        }
        let mut expected = String::from("one of");
        for text in choices {
            expected.push_str(&[" \"", text, "\""].concat());
        }
        let refuse = if said.is_none() { type_error } else { range_error };
        Err(refuse(&self.path(name), &expected, &value))
    }

    fn priority(&self) -> Checked<Option<Priority>> {
        let Some(name) = self.text("priority")? else {
            let mut priority = None;
            self.number("priority", &mut |value| Priority::new(value).map(|value| priority = Some(value)))?;
            return Ok(priority);
        };
        if let Some(level) = Level::ALL.into_iter().find(|level| level.name() == name) {
            return Ok(Some(level.into()));
        }
        let mut expected = String::from("a finite number or one of");
        for level in Level::ALL {
            expected.push_str(&[" \"", level.name(), "\""].concat());
        }
        Err(range_error(&self.path("priority"), &expected, &name.into()))
    }
}

/// Not by `instanceof`: an object may have no prototype, or be of another frame.
fn object(value: &JsValue) -> Option<Object> {
    value.is_object().then(|| value.clone().unchecked_into())
}

fn unknown(path: &str, known: &[&str], name: &str) -> JsValue {
    let nearest = known.iter().min_by_key(|known| distance(known, name)).copied().unwrap_or_default();
    js_sys::TypeError::new(&["unknown option `", path, "`; did you mean `", nearest, "`?"].concat()).into()
}

pub(super) fn range_error(path: &str, range: &str, value: &JsValue) -> JsValue {
    js_sys::RangeError::new(&["`", path, "` must be ", range, ", got ", &shown(value)].concat()).into()
}

fn type_error(path: &str, expected: &str, value: &JsValue) -> JsValue {
    js_sys::TypeError::new(&["`", path, "` must be ", expected, ", got ", &shown(value)].concat()).into()
}

/// A value as its owner would write it. JavaScript does it: Rust's own printing of numbers is 10 kB.
fn shown(value: &JsValue) -> String {
    if let Some(text) = value.as_string() {
        return ["\"", &text, "\""].concat();
    }
    if let Some(number) = value.dyn_ref::<js_sys::Number>() {
        return number.to_string_with_radix(10).map_or_else(|_| "a number".into(), String::from);
    }
    if let Some(flag) = value.as_bool() {
        return (if flag { "true" } else { "false" }).into();
    }
    if value.is_null() {
        return "null".into();
    }
    if value.is_undefined() {
        return "undefined".into();
    }
    if Array::is_array(value) {
        return "an array".into();
    }
    let kind = value.js_typeof().as_string().unwrap_or_default();
    [if kind == "object" { "an " } else { "a " }, &kind].concat()
}

/// Letters to insert, remove or change to make one word of the other, whatever their case; letters that both begin
/// with count for them, so that an abbreviation is near to its word.
fn distance(a: &str, b: &str) -> isize {
    let same = |(x, y): &(u8, u8)| x.eq_ignore_ascii_case(y);
    let prefix = a.bytes().zip(b.bytes()).take_while(same).count();
    let b: Vec<u8> = b.bytes().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(!same(&(x, *y)));
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()].cast_signed() - prefix.cast_signed()
}

/// A function that JavaScript handed over for later.
pub(super) fn callback(value: JsValue) -> Checked<Function> {
    value.dyn_into().map_err(|value| type_error("wake", "a function", &value))
}
