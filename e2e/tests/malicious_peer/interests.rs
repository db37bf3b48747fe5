//! A peer that asks: for more filters than anybody reads, for what it was not offered, for
//! everything that was ever stored and again, and for what it never reads.

use sekisho::Scope;
use sekisho_e2e::false_peer::Misdeed;
use sekisho_e2e::{Member, Press, Stranger, eventually};
use sekisho_seal::HeaderDraft;

use crate::coast::Coast;

/// Samples of the locals that must get through in the midst of it.
const LOCALS: usize = 20;
/// Filters that the contract lets the peer ask for at a time.
const INTERESTS_MAX: u32 = 300;
/// How many more it may have for the moment in which one replaces another.
const REPLACING: u32 = 16;

/// Stores records that the peer may have.
async fn shares(coast: &Coast, count: usize) {
    let topic = "fujisawa/shared/air";
    let device = Member::device(&coast.fujisawa, "sharer", "fujisawa/shared/#").await;
    let mut wire = Stranger::as_member(&coast.fujisawa, &device).welcome().await;
    let mut press = Press::begin(&device, topic).await;
    for number in 0..count {
        let draft = HeaderDraft { scope: Scope::Federation, ..press.draft() };
        let envelope = press.seal(draft, &format!("{number:010000}"));
        wire.publish(envelope.encoded().clone(), press.attached()).await.unwrap();
        press.advance(&envelope);
    }
}

async fn ended(coast: &Coast, code: &str) -> f64 {
    let name = format!("sekisho_subscriptions_ended_total{{code=\"{code}\"}}");
    coast.fujisawa.metric(&name).await
}

#[tokio::test]
async fn filters_without_end_are_refused_beyond_what_a_peer_may_ask_however_many_sessions_it_has() {
    let interests = INTERESTS_MAX.to_string();
    let mut coast = Coast::found_on(&["--interests", &interests]).await;
    coast.lose().await;
    let peer = coast.besiege(Misdeed::Interests, 6_000).await;
    peer.tells("asked ").await;
    coast.goes_on(LOCALS).await;
    let told = peer.tells("asked all ").await;
    assert!(ended(&coast, "too-many").await >= 5_000.0, "{told}");
    let away = "sekisho_handshake_failures_total{reason=\"too-many\"}";
    assert!(coast.fujisawa.metric(away).await >= 1.0, "wanted sessions refused: {told}");
    // What is held of them at this moment, with those of the locals.
    let held = coast.fujisawa.metric("sekisho_subscriptions").await;
    let granted = told.split("\"granted\": ").nth(1).and_then(|rest| rest.split(',').next());
    let granted: u32 = granted.unwrap().parse().unwrap();
    assert!((INTERESTS_MAX..=INTERESTS_MAX + REPLACING).contains(&granted), "{told}");
    assert!(held <= f64::from(granted + 16), "{held} subscriptions: {told}");
    coast.goes_on(LOCALS).await;
    peer.end().await;
    coast.ends_well().await;
}

#[tokio::test]
async fn what_the_contract_does_not_offer_is_refused_however_it_is_asked_for() {
    let mut coast = Coast::found().await;
    shares(&coast, 3).await;
    coast.lose().await;
    let delivered = "sekisho_records_delivered_total";
    let before = coast.fujisawa.metric(delivered).await;
    let peer = coast.besiege(Misdeed::Wildcards, 0).await;
    peer.tells("asked for everything").await;
    for line in peer.lines().iter().filter(|line| {
        line.starts_with("asked for fujisawa/bystander")
            || line.starts_with("asked for santander")
            || line.starts_with("asked for kyoto")
    }) {
        assert!(line.ends_with(": not-permitted"), "{line}");
    }
    assert!(ended(&coast, "not-permitted").await >= 3.0, "{:?}", peer.lines());
    // A wide filter gives what is offered below it and no more: the locals' samples are not.
    let shared = 3.0 * 3.0;
    let found = coast.fujisawa.metric(delivered).await - before;
    assert!(found <= shared, "wanted at most {shared} records handed out, found {found}");
    peer.end().await;
    coast.ends_well().await;
}

#[tokio::test]
async fn a_storm_of_requests_for_history_is_paced_and_holds_nobody_up() {
    let mut coast = Coast::found_on(&["--history-bytes-per-s", "1M"]).await;
    shares(&coast, 200).await;
    coast.lose().await;
    let before = coast.resident().await;
    let peer = coast.besiege(Misdeed::HistoryStorm, 64).await;
    eventually("the storm paced", || async {
        let waits = "sekisho_peer_history_waits_total{peer=\"santander\"}";
        (coast.fujisawa.metric(waits).await >= 1.0).then_some(())
    })
    .await;
    coast.goes_on(2 * LOCALS).await;
    let grown = coast.resident().await - before;
    assert!(grown < 256.0 * 1024.0 * 1024.0, "{grown} bytes taken");
    peer.end().await;
    coast.ends_well().await;
}

#[tokio::test]
async fn a_peer_that_reads_nothing_of_what_it_asked_for_holds_up_neither_anybody_nor_the_end() {
    let mut coast = Coast::found().await;
    // 800 MB are asked for, of which 64 MiB may wait for one session.
    shares(&coast, 400).await;
    coast.lose().await;
    let before = coast.resident().await;
    let peer = coast.besiege(Misdeed::Unread, 200).await;
    peer.tells("left ").await;
    coast.goes_on(LOCALS).await;
    let grown = coast.resident().await - before;
    assert!(grown < 256.0 * 1024.0 * 1024.0, "{grown} bytes taken");
    // The node stops in good order while they are still there.
    coast.ends_well().await;
    drop(peer);
}
