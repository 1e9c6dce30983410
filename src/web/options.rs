//! Options as JavaScript hands them over: numbers in the order of [`Number`], which is all that is judged here. Their
//! shape is read in `js/options.ts`.

use super::border::Buffers;
use crate::config::{Config, Degradation};
use crate::degrade::Rules;
use crate::option::{ConfigError, Number, Options};
use crate::rate::RateConfig;
use crate::retry::RetryConfig;

/// What stands in the words.
pub(super) fn said(buffers: &Buffers) -> Result<Options, ConfigError> {
    let options = Options::of(buffers.words(0, Number::ALL.len()))?;
    for &status in statuses(&options, buffers).unwrap_or_default() {
        Options::default().set(Number::StatusCode, status)?;
    }
    Ok(options)
}

/// What holds, as numbers in the same order.
pub(super) fn held(options: &Options) -> Vec<f64> {
    Number::ALL.iter().map(|&option| options.get(option)).collect()
}

/// The options of `createFetch`.
pub(super) fn of_requests(options: &Options, buffers: &Buffers) -> Result<Config, ConfigError> {
    let limited = options.said(Number::Algorithm).is_some();
    let rate = if limited { Some(RateConfig::of(options)?) } else { None };
    let config = Config::of(options);
    let rules = rules(options, buffers);
    let degradation = config.degradation.map(|degradation| Degradation { rules, ..degradation });
    Ok(Config { rate, degradation, ..config })
}

/// The rules of degradation, which follow all else in the words.
pub(super) fn rules(options: &Options, buffers: &Buffers) -> Rules {
    let statuses = statuses(options, buffers).map_or(0, <[f64]>::len);
    options.count(Number::Rules).map_or_else(Rules::default, |count| {
        Rules::of(buffers.words(Number::ALL.len() + statuses, count as usize))
    })
}

/// Rules of retries; a list of statuses follows the options in the words.
#[expect(clippy::cast_sign_loss, reason = "statuses were judged")]
pub(super) fn retry(options: &Options, buffers: &Buffers) -> RetryConfig {
    let mut config = RetryConfig::of(options);
    if let Some(statuses) = statuses(options, buffers) {
        config.set_statuses(statuses.iter().map(|&status| status as u16).collect());
    }
    config
}

fn statuses<'a>(options: &Options, buffers: &'a Buffers) -> Option<&'a [f64]> {
    options.count(Number::StatusCodes).map(|count| buffers.words(Number::ALL.len(), count as usize))
}
