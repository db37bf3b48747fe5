use std::time::Duration;

use sekisho_seal::{Entropy, EntropyError};

use super::Backoff;
use crate::entropy::OsEntropy;

struct Constant(u8);

impl Entropy for Constant {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(self.0);
        Ok(())
    }
}

#[test]
fn delays_double_until_the_maximum_and_start_over_after_success() {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let mut longest = Constant(u8::MAX);
    let mut millis = || backoff.next_delay(&mut longest).as_millis();
    assert_eq!([millis(), millis(), millis(), millis(), millis()], [100, 200, 400, 800, 1000]);
    backoff.reset();
    assert_eq!(backoff.next_delay(&mut longest), Duration::from_millis(100));
}

#[test]
fn every_delay_is_at_least_half_of_its_step() {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(100));
    assert_eq!(backoff.next_delay(&mut Constant(0)), Duration::from_millis(50));
    for _ in 0..100 {
        let delay = backoff.next_delay(&mut OsEntropy::new());
        assert!((Duration::from_millis(50)..=Duration::from_millis(100)).contains(&delay));
    }
}
