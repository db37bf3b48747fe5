use sekisho_seal::{Entropy, EntropyError};

use super::{OsEntropy, draw_boot};

/// Says that it gave random bytes, and gave none.
struct Dead;

impl Entropy for Dead {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(0);
        Ok(())
    }
}

#[test]
fn a_run_is_not_named_by_a_source_that_gives_only_zeros() {
    draw_boot(&mut Dead).unwrap_err();
}

#[test]
fn two_runs_are_named_differently() {
    let mut entropy = OsEntropy::new();
    assert_ne!(draw_boot(&mut entropy).unwrap(), draw_boot(&mut entropy).unwrap());
}
