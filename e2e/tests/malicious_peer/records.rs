//! Records that are not what they say, not the peer's to pass on, or without the way they came.

use sekisho::Scope;
use sekisho_e2e::false_peer::Misdeed;
use sekisho_e2e::{City, Member, Press, linked, peer_with};

use crate::coast::Coast;

/// A device with a press on a topic of its own.
async fn press(city: &City, name: &str, topic: &str) -> Press {
    let device = Member::device(city, name, topic).await;
    Press::begin(&device, topic).await
}

#[tokio::test]
async fn forged_records_are_refused_by_code_and_the_honest_ones_among_them_are_not() {
    const HONEST: usize = 3;
    let mut coast = Coast::found().await;
    // Of ours, the peer has a real envelope to begin from.
    let ours = press(&coast.fujisawa, "truck-17", "fujisawa/truck/17/air").await;
    coast.pack(HONEST);
    coast.pack_stolen(&mut [ours], Scope::Federation);
    coast.lose().await;
    let peer = coast.besiege(Misdeed::Forge, 0).await;
    peer.tells("sent all records").await;
    coast.app_has(HONEST).await;
    // Of each honest one: a changed bit and another's signature; a topic of ours and of nobody's;
    // a publisher that may not; and bytes. What its node attests for those who sign themselves, in
    // its own name and in ours, and on a topic of ours. And of ours, a next one that it signed itself.
    coast
        .refuses(&[
            ("bad-signature", 2 * HONEST),
            ("foreign-topic", 3 * HONEST + 1),
            ("not-permitted", 3 * HONEST),
            ("malformed", HONEST),
        ])
        .await;
    coast.says("a record of the peer was refused");
    coast.goes_on(3).await;
    peer.end().await;
    coast.ends_well().await;
}

#[tokio::test]
async fn what_a_peer_may_not_pass_on_is_refused_whoever_made_it_and_whatever_its_hops_say() {
    const HONEST: usize = 2;
    let mut coast = Coast::found().await;
    let mut kyoto = City::found("kyoto").await;
    peer_with(&kyoto, &coast.fujisawa, &["--export", "kyoto/temple/#"]).await;
    linked(&kyoto, &coast.fujisawa).await;
    // Real envelopes: of an organisation that has its own contract with us, of ourselves, and of
    // Santander for nobody but Santander.
    let mut abroad = vec![
        press(&kyoto, "bell", "kyoto/temple/air").await,
        press(&coast.fujisawa, "truck-17", "fujisawa/truck/17/air").await,
    ];
    let mut at_home = vec![press(&coast.santander, "secret", "santander/sea/secret").await];
    coast.pack(HONEST);
    coast.pack_stolen(&mut abroad, Scope::Federation);
    coast.pack_stolen(&mut at_home, Scope::Organisation);
    kyoto.stop_steward().await;
    kyoto.stop_node().await;
    coast.lose().await;
    let peer = coast.besiege(Misdeed::Carry, 0).await;
    peer.tells("sent all records").await;
    coast.app_has(HONEST).await;
    // Each with the peer alone in its hops, and with another node before it.
    let each = 2 * HONEST;
    coast.refuses(&[("foreign-topic", 2 * each), ("not-permitted", each)]).await;
    peer.end().await;
    // Nor does a contract that has ended come back through a friend.
    coast.fujisawa.run(&["peer", "end", "kyoto", "--reason", "blocked"]).await.succeeded();
    coast.pack(HONEST);
    let peer = coast.besiege(Misdeed::Carry, 0).await;
    peer.tells("sent all records").await;
    coast.app_has(2 * HONEST).await;
    coast.refuses(&[("foreign-topic", 4 * each), ("not-permitted", 2 * each)]).await;
    coast.says("a record of the peer was refused");
    coast.goes_on(3).await;
    peer.end().await;
    coast.ends_well().await;
}

#[tokio::test]
async fn records_without_their_hops_are_passed_over_and_come_once_when_they_have_them() {
    const HONEST: usize = 3;
    let mut coast = Coast::found().await;
    coast.pack(HONEST);
    coast.lose().await;
    let peer = coast.besiege(Misdeed::StripHops, 0).await;
    peer.tells("sent all records").await;
    coast.app_has(HONEST).await;
    let dropped = "sekisho_link_dropped_total";
    coast.counts(dropped, ("reason", "wrong-hops"), 12.0).await;
    coast.counts(dropped, ("reason", "loop"), 3.0).await;
    assert_eq!(coast.counted(dropped, "reason", "wrong-hops").await.to_string(), "12");
    assert_eq!(coast.counted(dropped, "reason", "loop").await.to_string(), "3");
    coast.says("a record was passed over");
    coast.goes_on(3).await;
    peer.end().await;
    coast.ends_well().await;
}
