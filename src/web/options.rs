//! Options as JavaScript hands them over: numbers in the order of [`Number`], which is all that is judged here. Their
//! shape is read in `js/options.ts`.

use super::border::Buffers;
use crate::config::Config;
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
pub(super) fn of_requests(options: &Options) -> Result<Config, ConfigError> {
    let limited = options.said(Number::Algorithm).is_some();
    let rate = if limited { Some(RateConfig::of(options)?) } else { None };
    Ok(Config { rate, ..Config::of(options) })
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
