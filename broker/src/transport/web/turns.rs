//! Turns of work that takes much memory. The requests of one principal wait for one another first:
//! whoever asks for much at once waits for itself, and the others go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sekisho_proto::PrincipalId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::hub::Refusal;

/// The turns of all, and of each.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    of_one: usize,
    own: Arc<Mutex<HashMap<PrincipalId, Weak<Semaphore>>>>,
}

/// A turn until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl Turns {
    /// So many at once, and so many of one principal.
    pub(super) fn new(at_once: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), of_one, own: Arc::default() }
    }

    /// Waits for a turn of somebody.
    ///
    /// # Errors
    /// There are none any more.
    pub(super) async fn take(&self, whose: PrincipalId) -> Result<Turn, Refusal> {
        let take = |of: Arc<Semaphore>| async {
            of.acquire_owned().await.map_err(|_closed| Refusal::stopping())
        };
        let own = take(self.own(whose)).await?;
        Ok(Turn { _of_all: take(Arc::clone(&self.all)).await?, _own: own })
    }

    fn own(&self, whose: PrincipalId) -> Arc<Semaphore> {
        let mut all = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.get(&whose).and_then(Weak::upgrade) {
            return own;
        }
        all.retain(|_whose, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.of_one));
        all.insert(whose, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn whoever_asks_for_much_at_once_waits_for_itself_and_not_the_others_for_it() {
        let turns = Turns::new(2, 1);
        let [one, other] = [PrincipalId::from([1; 32]), PrincipalId::from([2; 32])];
        let first = turns.take(one).now_or_never().unwrap().unwrap();
        let mut second = Box::pin(turns.take(one));
        assert!(second.as_mut().now_or_never().is_none(), "wanted it to wait for its first");
        let beside = turns.take(other).now_or_never();
        assert!(beside.is_some(), "wanted a turn beside, found none");
        drop(first);
        let second = second.now_or_never().unwrap().unwrap();
        drop((second, beside));
        drop(turns.take(other).now_or_never().unwrap());
        assert_eq!(turns.own.lock().unwrap().len(), 1, "wanted nobody remembered who is gone");
    }
}
