//! What each principal has of something that all share, so that whoever takes much of it leaves some
//! to the others.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use sekisho_proto::PublicKey;

/// How much of it whom has.
#[derive(Debug)]
pub(super) struct Shares {
    of_one_max: usize,
    had: LazyLock<Mutex<HashMap<PublicKey, usize>>>,
}

impl Shares {
    /// Of which one principal has at most so much.
    pub(super) const fn of(of_one_max: usize) -> Self {
        Self { of_one_max, had: LazyLock::new(Mutex::default) }
    }

    /// So much more for a principal; `None` where that were more than it may have.
    pub(super) fn take(&'static self, whose: PublicKey, amount: usize) -> Option<Share> {
        let mut all = self.had.lock().unwrap_or_else(PoisonError::into_inner);
        let had = all.get(&whose).copied().unwrap_or(0);
        let more = had.checked_add(amount).filter(|more| *more <= self.of_one_max)?;
        all.insert(whose, more);
        Some(Share { of: self, whose, amount })
    }
}

/// A part of it; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    of: &'static Shares,
    whose: PublicKey,
    amount: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.of.had.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(had) = all.get_mut(&self.whose) else { return };
        *had = had.saturating_sub(self.amount);
        if *had == 0 {
            all.remove(&self.whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_has_is_bounded_and_given_back() {
        static SHARES: Shares = Shares::of(3);
        let [one, other] = [PublicKey::from([1; 32]), PublicKey::from([2; 32])];
        let two = SHARES.take(one, 2).unwrap();
        assert!(SHARES.take(one, 2).is_none(), "wanted at most 3 of one");
        assert!(SHARES.take(one, usize::MAX).is_none());
        let third = SHARES.take(one, 1).unwrap();
        let all = SHARES.take(other, 3).unwrap();
        drop(two);
        assert!(SHARES.take(one, 3).is_none());
        drop(SHARES.take(one, 2).unwrap());
        drop((third, all));
        assert!(SHARES.had.lock().unwrap().is_empty(), "wanted nobody remembered");
    }
}
