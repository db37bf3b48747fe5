//! What breaks the order of a link, or is no frame: the link is hung up, the reason is counted, and
//! what was honest has come once.

use sekisho_e2e::false_peer::Misdeed;

use crate::coast::Coast;

const HANGUPS: &str = "sekisho_link_hangups_total";

#[tokio::test]
async fn positions_and_statements_out_of_order_end_the_connection_and_nothing_comes_twice() {
    const HONEST: usize = 4;
    let mut coast = Coast::found().await;
    coast.pack(HONEST);
    coast.lose().await;
    let peer = coast.besiege(Misdeed::Disorder, 0).await;
    for breach in [
        "broke the order: a position again",
        "broke the order: a position that was acknowledged",
        "broke the order: a subscription that nobody asked for",
        "broke the order: statements of the future",
        "nothing is left to disorder",
    ] {
        peer.tells(breach).await;
    }
    coast.app_has(HONEST).await;
    coast.counts(HANGUPS, ("reason", "order"), 2.0).await;
    coast.counts(HANGUPS, ("reason", "unknown-subscription"), 1.0).await;
    coast.counts(HANGUPS, ("reason", "statement-order"), 1.0).await;
    coast.says("position: wanted");
    coast.goes_on(3).await;
    peer.end().await;
    coast.ends_well().await;
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection_and_is_counted() {
    let mut coast = Coast::found().await;
    coast.lose().await;
    let before = coast.resident().await;
    let peer = coast.besiege(Misdeed::Undecodable, 0).await;
    for what in [
        "sent a length of 4 GiB",
        "sent a length above the limit",
        "sent bytes that mean nothing",
        "sent groups in groups in groups",
    ] {
        peer.tells(what).await;
        coast.goes_on(1).await;
    }
    coast.counts(HANGUPS, ("reason", "frame"), 4.0).await;
    let grown = coast.resident().await - before;
    assert!(grown < 64.0 * 1024.0 * 1024.0, "{grown} bytes taken for lengths alone");
    peer.end().await;
    coast.ends_well().await;
}
