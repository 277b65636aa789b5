//! Foreign bytes by chance, for tests of what reads them.

use fastrand::Rng;
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread,
};

/// A source of foreign bytes.
#[derive(Debug)]
pub(crate) struct Random(Rng);

/// Checks so many times, or as many as `MILENA_FUZZ_RUNS` says. The seed of a check that fails is printed, and
/// `MILENA_FUZZ_SEED` begins with one.
#[allow(clippy::print_stderr, reason = "that is how a test tells")]
pub(crate) fn often(runs: u64, mut check: impl FnMut(&mut Random)) {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("MILENA_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let runs = number("MILENA_FUZZ_RUNS").unwrap_or(runs);
    for run in 0..runs {
        let seed = first.wrapping_add(run);
        let mut random = Random(Rng::with_seed(seed));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&mut random))) {
            eprintln!("MILENA_FUZZ_SEED={seed} MILENA_FUZZ_RUNS=1 finds this again");
            resume_unwind(panic);
        }
    }
    eprintln!("{}: {runs} inputs, 0 findings", thread::current().name().unwrap_or("a target"));
}

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0.usize(..limit)
    }

    /// A word as it is, changed here and there, beside others, or nothing of the sort.
    pub(crate) fn bytes(&mut self, words: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..self.0.usize(..4) {
            match self.0.u8(..4) {
                0 => bytes.extend((0..self.0.usize(..12)).map(|_| self.0.u8(..))),
                _ => bytes.extend_from_slice(words[self.0.usize(..words.len())].as_bytes()),
            }
        }
        for _ in 0..self.0.usize(..3) {
            self.change(&mut bytes);
        }
        bytes
    }

    /// The same as text.
    pub(crate) fn text(&mut self, words: &[&str]) -> String {
        String::from_utf8_lossy(&self.bytes(words)).into_owned()
    }

    /// One of these as it is.
    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        const NASTY: &[u8] = b"\0\n\r\t ,;:=/@%#?[](){}|.*+-\\\"'0\x7f\xc3\xff";
        let at = self.0.usize(..=bytes.len());
        match self.0.u8(..4) {
            0 if at < bytes.len() => drop(bytes.remove(at)),
            1 if at < bytes.len() => bytes[at] ^= 1 << self.0.u8(..8),
            2 => bytes.truncate(at),
            _ => bytes.insert(at, NASTY[self.0.usize(..NASTY.len())]),
        }
    }
}
