//! Nodes and stewards that are stopped in good order and started again, one after the other, while
//! everybody is at work.

use sekisho_e2e::City;

use crate::federation::Federation;

/// Rounds over both cities.
const ROUNDS: u64 = 3;
/// Envelopes that are acknowledged between two restarts, at least.
const BETWEEN: u64 = 100;

#[tokio::test]
async fn a_federation_that_is_restarted_one_by_one_loses_and_doubles_nothing() {
    let mut federation = Federation::found().await;
    for _round in 0..ROUNDS {
        restart(&mut federation.home).await;
        federation.stored.more(BETWEEN).await;
        restart(&mut federation.far).await;
        federation.stored.more(BETWEEN).await;
    }
    let verdict = federation.judge().await;
    assert!(verdict.is_clean(), "{verdict}");
}

/// Node and steward of a city end in good order and begin again.
pub(crate) async fn restart(city: &mut City) {
    assert_eq!(city.stop_steward().await, Some(0), "{}'s steward", city.name());
    assert_eq!(city.stop_node().await, Some(0), "{}", city.log());
    city.start().await;
}
