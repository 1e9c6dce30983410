//! One part of a body, as a request asks for it: RFC 9110, section 14.1.2.

use super::whole;
use std::ops::Range;

/// What a request gets that asks for one part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// These bytes; never none.
    Bytes(Range<u64>),
    /// There is no such part: status 416.
    Unsatisfiable,
}

/// The part of a body of `length` bytes that a field `Range` asks for. `None`: it asks for several, or for something else
/// than bytes, or in a way that is not understood.
pub fn part_of(field: &str, length: u64) -> Option<Part> {
    let (unit, spec) = field.trim_ascii().split_once('=')?;
    // "range units are case-insensitive" (section 14.1)
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        // "If the selected representation is shorter than the specified suffix-length, the entire representation is used."
        let suffix = whole(last)?;
        // Of a body without a byte it would be a part that Content-Range cannot say.
        return (length > 0).then(|| part(length.saturating_sub(suffix)..length));
    }
    let first = whole(first)?;
    let last = if last.is_empty() { u64::MAX } else { whole(last)? };
    // "An int-range is invalid if the last-pos value is present and less than first-pos."
    // "If […] the value is greater than or equal to the current length of the representation data, the byte range is
    // interpreted as the remainder of the representation".
    (first <= last).then(|| part(first..last.saturating_add(1).min(length)))
}

fn part(bytes: Range<u64>) -> Part {
    if bytes.is_empty() { Part::Unsatisfiable } else { Part::Bytes(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_part_of_bytes_is_understood_and_nothing_else() {
        for (field, part) in [
            ("bytes=0-9", Some(Part::Bytes(0..10))),
            ("bytes=5-", Some(Part::Bytes(5..100))),
            ("bytes=-3", Some(Part::Bytes(97..100))),
            ("bytes=-1000", Some(Part::Bytes(0..100))),
            ("bytes=99-99", Some(Part::Bytes(99..100))),
            ("bytes=0-99999999999999999999999999", Some(Part::Bytes(0..100))),
            (" Bytes=7-7\t", Some(Part::Bytes(7..8))),
            ("bytes=100-", Some(Part::Unsatisfiable)),
            ("bytes=100-200", Some(Part::Unsatisfiable)),
            ("bytes=-0", Some(Part::Unsatisfiable)),
            ("bytes=99999999999999999999999999-", Some(Part::Unsatisfiable)),
            ("bytes=18446744073709551615-18446744073709551615", Some(Part::Unsatisfiable)),
            ("bytes=9-0", None),
            ("bytes=0-1,3-4", None),
            ("bytes=0-1,", None),
            ("bytes=", None),
            ("bytes=-", None),
            ("bytes=5", None),
            ("bytes=+5-9", None),
            ("bytes=0x1-2", None),
            ("bytes=1-2-3", None),
            ("bytes=--3", None),
            ("bytes = 0-9", None),
            ("bytes=0 - 9", None),
            ("items=0-9", None),
            ("0-9", None),
            ("", None),
        ] {
            assert_eq!(part_of(field, 100), part, "{field:?}");
        }
        assert_eq!(part_of("bytes=0-", 0), Some(Part::Unsatisfiable));
        assert_eq!(part_of("bytes=-3", 0), None);
    }

    proptest! {
        /// The bytes that are meant, each looked at by itself.
        #[test]
        fn a_part_lies_inside_and_is_what_counting_finds(first: Option<u8>, last: Option<u8>, length in 0..40_u64) {
            let [from, to] = [first, last].map(|end| end.map(|end| u64::from(end) % 60));
            let text = |end: Option<u64>| end.map_or_else(String::new, |end| end.to_string());
            let field = format!("bytes={}-{}", text(from), text(to));
            let meant = |at: &u64| match (from, to) {
                (Some(from), to) => from <= *at && to.is_none_or(|to| *at <= to),
                (None, suffix) => suffix.is_some_and(|suffix| *at + suffix >= length),
            };
            let counted: Vec<u64> = (0..length).filter(meant).collect();
            match part_of(&field, length) {
                Some(Part::Bytes(bytes)) => {
                    prop_assert!(bytes.end <= length);
                    prop_assert_eq!(bytes.collect::<Vec<_>>(), counted);
                }
                Some(Part::Unsatisfiable) => prop_assert_eq!(counted, Vec::<u64>::new()),
                None => {
                    let understood = match (from, to) {
                        (Some(from), to) => to.is_none_or(|to| from <= to),
                        (None, suffix) => suffix.is_some() && length > 0,
                    };
                    prop_assert!(!understood);
                }
            }
        }

        #[test]
        fn whatever_a_page_sends_is_no_panic_and_no_part_outside(field in "(bytes)?[ =,0-9-]{0,40}|.*", length: u64) {
            if let Some(Part::Bytes(bytes)) = part_of(&field, length) {
                prop_assert!(bytes.start < bytes.end && bytes.end <= length);
            }
        }
    }
}
