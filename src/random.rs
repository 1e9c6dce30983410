//! Randomness from a seed: the core draws from nothing else.

/// The generator `SplitMix64`. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 up, below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_the_range_and_repeat_with_the_seed() {
        let draw = |seed| {
            let mut rng = Random::new(seed);
            std::iter::repeat_with(move || rng.fraction()).take(10_000)
        };
        assert!(draw(7).all(|x| (0.0..1.0).contains(&x)));
        for tenth in 0..10 {
            let range = f64::from(tenth) / 10.0..f64::from(tenth + 1) / 10.0;
            let within = draw(7).filter(|x| range.contains(x)).count();
            assert!((900..1_100).contains(&within), "{within} of 10,000 in tenth {tenth}");
        }
        assert!(draw(7).eq(draw(7)) && !draw(7).eq(draw(8)));
    }
}
