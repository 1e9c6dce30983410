//! How the routes read keys and bodies.

use serde::Deserialize;

use crate::answer::Refusal;

/// The number a key stands for, if it is one in its plain form: `07` is no key of item 7.
pub(crate) fn number(key: &str) -> Option<i64> {
    key.parse().ok().filter(|id: &i64| id.to_string() == key)
}

pub(crate) fn no_item(key: &str) -> Refusal {
    Refusal::not_found(format!("there is no item {key}"))
}

/// Reads JSON whatever its content type says: what matters is what it is.
pub(crate) fn read<'body, T: Deserialize<'body>>(body: &'body [u8], shape: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("the body must be JSON like {shape}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_numbers_are_keys() {
        assert_eq!(number("7"), Some(7));
        for key in ["07", "+7", " 7", "7.0", "", "seven", "99999999999999999999"] {
            assert_eq!(number(key), None, "{key}");
        }
    }
}
