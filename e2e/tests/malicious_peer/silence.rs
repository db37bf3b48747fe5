//! A peer that is there and says nothing, at every point at which it may fall silent.

use std::time::Duration;

use sekisho_e2e::false_peer::Misdeed;
use sekisho_e2e::{eventually, linked};
use tokio::time::timeout;

use crate::coast::Coast;

/// Longer than a link waits for a sign of life, on a busy machine.
const SILENCE_MAX: Duration = Duration::from_secs(150);

async fn is_up(coast: &Coast) -> bool {
    coast.fujisawa.metric("sekisho_link_up{peer=\"santander\"}").await > 0.0
}

#[tokio::test]
async fn a_peer_that_answers_nothing_or_half_holds_up_nobody_and_is_welcome_when_it_speaks() {
    let mut coast = Coast::found().await;
    coast.lose().await;
    for (misdeed, did) in
        [(Misdeed::Deaf, "swallowed a datagram"), (Misdeed::Mute, "let it in and said nothing")]
    {
        let peer = coast.besiege(misdeed, 0).await;
        peer.tells(did).await;
        assert!(!is_up(&coast).await, "wanted no link to a peer that is {}", misdeed.name());
        coast.goes_on(10).await;
        // It is not waited for: another attempt follows.
        if misdeed == Misdeed::Mute {
            peer.tells("the other node is gone").await;
        }
        peer.end().await;
    }
    coast.santander.start().await;
    linked(&coast.santander, &coast.fujisawa).await;
    coast.ends_well().await;
}

#[tokio::test]
async fn a_link_that_falls_silent_is_given_up_and_dialled_again() {
    let mut coast = Coast::found().await;
    coast.lose().await;
    let peer = coast.besiege(Misdeed::Silent, 0).await;
    peer.tells("fell silent").await;
    eventually("the link", || async { is_up(&coast).await.then_some(()) }).await;
    coast.goes_on(10).await;
    let given_up = async {
        while coast.counted("sekisho_link_hangups_total", "reason", "silent").await < 1.0 {
            coast.fujisawa.page("/readyz").await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(SILENCE_MAX, given_up).await.expect("the link given up");
    coast.says("wanted a sign of life");
    coast.goes_on(3).await;
    peer.end().await;
    coast.ends_well().await;
}
