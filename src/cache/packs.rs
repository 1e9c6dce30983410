//! What goes to storage together: a record costs a database far more than the bytes in it, so small entries of one turn
//! share one. What was written together is mostly wanted together, and comes with one read.

use std::ops::Range;

/// Entries in one record. With more, a single entry is read at the cost of too many others.
const ENTRIES: usize = 16;

/// Bytes in one record, unless one entry alone has more.
const BYTES: u64 = 64 << 10;

/// Splits entries with these sizes into packs, in their order.
pub fn split(sizes: &[u64]) -> Vec<Range<usize>> {
    let mut packs = Vec::new();
    let mut start = 0;
    let mut bytes: u64 = 0;
    for (index, &size) in sizes.iter().enumerate() {
        let full = index - start == ENTRIES || bytes.saturating_add(size) > BYTES;
        if full && index > start {
            packs.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(size);
    }
    if start < sizes.len() {
        packs.push(start..sizes.len());
    }
    packs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_ones_share_a_pack_and_a_large_one_has_its_own() {
        assert_eq!(split(&[]), []);
        assert_eq!(split(&[2_048; 40]), [0..16, 16..32, 32..40]);
        assert_eq!(split(&[10, 1 << 20, 10]), [0..1, 1..2, 2..3]);
        assert_eq!(split(&[u64::MAX, u64::MAX]), [0..1, 1..2]);
    }

    proptest! {
        #[test]
        fn each_is_in_one_pack_and_no_pack_is_too_large(sizes in prop::collection::vec(0..100_000_u64, 0..200)) {
            let packs = split(&sizes);
            prop_assert_eq!(packs.iter().flat_map(Clone::clone).collect::<Vec<_>>(), (0..sizes.len()).collect::<Vec<_>>());
            for pack in packs {
                prop_assert!(!pack.is_empty() && pack.len() <= ENTRIES);
                prop_assert!(pack.len() == 1 || sizes[pack].iter().sum::<u64>() <= BYTES);
            }
        }
    }
}
