use std::{
    hash::{BuildHasher as _, RandomState},
    ops::Range,
    time::Duration,
};

/// Numbers that look like chance, and are the same for the same seed.
pub(super) struct Dice(u64);

/// The seed of this run: that of `MILENA_SOAK_SEED`, or any.
pub(super) fn seed() -> u64 {
    let asked = std::env::var("MILENA_SOAK_SEED").ok().map(|seed| seed.parse().unwrap());
    asked.unwrap_or_else(|| RandomState::new().hash_one(()) >> 32)
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below this.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        spread(self.0) % bound
    }

    pub(super) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.below(range.end - range.start))
    }

    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            list.swap(place, self.below(place as u64 + 1) as usize);
        }
    }
}

/// Numbers that are near each other become numbers that are not.
pub(super) fn spread(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
