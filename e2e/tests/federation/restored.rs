//! A node whose data was lost goes on with a backup, and its peers miss nothing that it publishes then.

use std::path::Path;
use std::process::Command;

use sekisho::{Batch, Scope};
use sekisho_e2e::{City, Member, Terms, contract, eventually, linked, sample};

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";
/// What has crossed the link.
const RECORDS: &str = "sekisho_link_records_total{peer=\"fujisawa\"}";

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "wanted {} at {}", from.display(), to.display());
}

/// Publishes an envelope for each number, in a run of its own, until all are stored.
async fn publish(truck: &Member, numbers: std::ops::Range<i64>) {
    let client = truck.connect().await;
    let publisher = client.publisher(AIR.parse().unwrap()).scope(Scope::Federation);
    let publisher = publisher.batch(Batch::single()).start().await.unwrap();
    for number in numbers {
        publisher.publish(sample(number)).await.unwrap();
    }
    publisher.flush().await.unwrap();
    client.close().await;
}

async fn come(santander: &City, wanted: f64) {
    eventually("the records to come", || async {
        (santander.metric(RECORDS).await >= wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn peers_get_all_that_a_node_publishes_that_goes_on_with_a_backup() {
    let (mut fujisawa, santander) = tokio::join!(City::found("fujisawa"), City::found("santander"));
    let (exports, imports) = (Terms::none().exports(TRUCKS), Terms::none().imports(TRUCKS));
    contract((&fujisawa, exports), (&santander, imports)).await;
    linked(&fujisawa, &santander).await;
    let grant = ["grant", "*@santander", "subscribe,history", TRUCKS, "--yes"];
    fujisawa.run(&grant).await.succeeded();
    let truck = Member::device(&fujisawa, "truck", TRUCKS).await;
    publish(&truck, 0..5).await;
    come(&santander, 5.0).await;
    let (data, backup) = (fujisawa.dir().join("data"), fujisawa.place("backup"));
    assert_eq!(fujisawa.stop_node().await, Some(0));
    copy(&data, &backup);
    fujisawa.start_node().await;
    publish(&truck, 5..10).await;
    come(&santander, 10.0).await;

    assert_eq!(fujisawa.stop_node().await, Some(0));
    std::fs::remove_dir_all(&data).unwrap();
    copy(&backup, &data);
    let said = fujisawa.run(&["node", "restored"]).await.done();
    assert!(said.contains("records go on at"), "{said}");
    fujisawa.start_node().await;
    publish(&truck, 10..13).await;
    come(&santander, 13.0).await;
    assert_eq!(santander.refused("replayed").await.to_bits(), 0.0_f64.to_bits());
}

#[tokio::test]
async fn a_node_that_runs_is_not_taken_for_a_copy() {
    let city = City::found("fujisawa").await;
    city.run(&["node", "restored"]).await.failed(4, "found it in use by process");
}
