//! More than a link was granted, more than it may hold, more than anybody could want: the peer is
//! slowed or hung up on, and the city's own people do not notice.

use sekisho_e2e::false_peer::Misdeed;

use crate::coast::Coast;

const WAITS: &str = "sekisho_link_budget_waits_total";
const HANGUPS: &str = "sekisho_link_hangups_total";
/// What a link may take of a node's memory beyond what it keeps: its queue of 16 MiB, QUIC's windows
/// of 8 MiB, and room for a busy allocator.
const LINK_BYTES_MAX: f64 = 128.0 * 1024.0 * 1024.0;
/// Samples of the locals that must get through in the midst of it.
const LOCALS: usize = 20;

#[tokio::test]
async fn records_beyond_budget_and_credit_end_the_connection_and_take_no_memory() {
    let mut coast = Coast::found_on(&["--bytes-per-s", "4M", "--envelopes-per-s", "200"]).await;
    coast.lose().await;
    let before = coast.resident().await;
    // 60 KB each: half a gigabyte, of which the contract allows 4 MB a second.
    let peer = coast.besiege(Misdeed::Overdraw, 8_000).await;
    peer.tells("floods with records").await;
    coast.goes_on(LOCALS).await;
    coast.counts(WAITS, ("budget", "bytes"), 1.0).await;
    coast.counts(WAITS, ("budget", "envelopes"), 1.0).await;
    coast.counts(HANGUPS, ("reason", "credit"), 1.0).await;
    coast.counts("sekisho_link_refused_total", ("code", "malformed"), 1_000.0).await;
    coast.says("wanted no more records than were granted");
    let grown = coast.resident().await - before;
    assert!(grown < LINK_BYTES_MAX, "{grown} bytes taken");
    coast.goes_on(LOCALS).await;
    peer.end().await;
    coast.ends_well().await;
}

#[tokio::test]
async fn statements_without_end_do_not_keep_anybody_from_their_own() {
    let mut coast = Coast::found().await;
    coast.lose().await;
    let version = coast.fujisawa.metric("sekisho_policy_version").await;
    let peer = coast.besiege(Misdeed::StateFlood, 1_000_000).await;
    peer.tells("stated ").await;
    let before = coast.resident().await;
    coast.goes_on(LOCALS).await;
    // They are true statements of the peer about itself, and are taken, at a pace.
    coast.counts(WAITS, ("budget", "statements"), 1.0).await;
    assert!(coast.fujisawa.metric("sekisho_policy_version").await > version);
    let grown = coast.resident().await - before;
    assert!(grown < 2.0 * LINK_BYTES_MAX, "{grown} bytes taken");
    // What is not theirs to grow: this city's own log, and its right to state things.
    let grant = ["grant", "onlooker@fujisawa", "discover", "fujisawa/park/#"];
    coast.fujisawa.run(&grant).await.succeeded();
    peer.end().await;
    coast.ends_well().await;
}

/// Does it so often that the budget of frames is used up, and the locals go on meanwhile.
async fn is_slowed((misdeed, budget): (Misdeed, &str), count: u64, floods: &str, honest: usize) {
    let mut coast = Coast::found().await;
    coast.pack(honest);
    coast.lose().await;
    let before = coast.resident().await;
    let peer = coast.besiege(misdeed, count).await;
    peer.tells(floods).await;
    coast.goes_on(LOCALS).await;
    coast.counts(WAITS, ("budget", budget), 1.0).await;
    coast.goes_on(LOCALS).await;
    coast.app_has(honest).await;
    let grown = coast.resident().await - before;
    assert!(grown < LINK_BYTES_MAX, "{grown} bytes taken");
    peer.end().await;
    coast.ends_well().await;
}

#[tokio::test]
async fn statements_that_say_nothing_are_read_no_faster_than_a_link_needs() {
    Box::pin(is_slowed((Misdeed::EmptyFlood, "statements"), 1_000_000, "floods with nothing", 3))
        .await;
}

#[tokio::test]
async fn checkpoints_without_end_are_read_no_faster_than_a_link_needs() {
    Box::pin(is_slowed(
        (Misdeed::CheckpointFlood, "frames"),
        1_000_000,
        "floods with checkpoints",
        0,
    ))
    .await;
}

#[tokio::test]
async fn answers_that_nobody_asked_for_are_read_no_faster_than_a_link_needs() {
    Box::pin(is_slowed((Misdeed::PongFlood, "frames"), 1_000_000, "floods with pongs", 0)).await;
}

#[tokio::test]
async fn gaps_without_end_are_read_no_faster_than_a_link_needs() {
    Box::pin(is_slowed((Misdeed::GapFlood, "frames"), 1_000_000, "floods with gaps", 0)).await;
}
