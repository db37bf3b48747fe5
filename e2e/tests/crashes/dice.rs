//! Chance that can be repeated: whom a fault hits and when follows from one number.

use std::collections::hash_map::RandomState;
use std::future::pending;
use std::hash::BuildHasher as _;
use std::time::Duration;

use tokio::time::timeout;

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// By the seed that the environment names, or by one that is drawn; a failing test shows which.
    pub(crate) fn of_the_run() -> Self {
        let seed = setting("SEKISHO_SEED", RandomState::new().hash_one("a run"));
        println!("SEKISHO_SEED={seed}");
        Self { state: seed }
    }

    /// From 0 to one below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// So many times in a hundred.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// A point in time that nothing in the processes is in step with, at most so many µs from now.
    pub(crate) async fn moment(&mut self, micros_max: u64) {
        let length = Duration::from_micros(self.below(micros_max));
        drop(timeout(length, pending::<()>()).await);
    }
}

/// A number that the environment may set.
pub(crate) fn setting(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => {
            text.parse().unwrap_or_else(|_other| panic!("{name}: wanted a number, found {text:?}"))
        }
        Err(_unset) => usual,
    }
}
