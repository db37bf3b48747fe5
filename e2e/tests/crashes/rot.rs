//! Bytes that rot in a file of the record log which nobody writes any more.

use std::fs;
use std::path::PathBuf;

use sekisho::{Batch, ContentType, Delivery, GapReason, Start};
use sekisho_e2e::{City, Member, holds_key, within};
use serde_json::Value;

const TOPIC: &str = "fujisawa/bin/1/level";
const FILTER: &str = "fujisawa/bin/#";
/// Bodies and their length, bytes: more than the 64 MiB that a segment holds.
const BODIES: u64 = 1_250;
const BODY: usize = 60_000;
/// Bodies that are handed over before the node has taken them.
const AT_ONCE: u64 = 50;

async fn publish(bin: &Member) {
    let client = bin.connect().await;
    let builder = client.publisher(TOPIC.parse().unwrap()).batch(Batch::single());
    let publisher = within("a publisher", builder.start()).await.unwrap();
    for number in 0..BODIES {
        let kind = ContentType::parse("text/plain").unwrap();
        publisher.publish_body(kind, format!("{number:0BODY$}")).await.unwrap();
        if number % AT_ONCE == 0 {
            within("what was published to be stored", publisher.flush()).await.unwrap();
        }
    }
    within("everything to be stored", publisher.flush()).await.unwrap();
    client.close().await;
}

/// The oldest file of the record log, of several.
fn oldest_segment(city: &City) -> PathBuf {
    let files = fs::read_dir(city.dir().join("data/log")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "segment");
    let mut segments: Vec<_> = paths.filter(is_segment).collect();
    segments.sort();
    assert!(segments.len() > 1, "wanted one that is closed, found {segments:?}");
    segments.swap_remove(0)
}

#[tokio::test]
async fn what_rots_in_a_closed_file_is_told_as_a_gap_and_everything_else_is_served() {
    let mut city = City::found("fujisawa").await;
    let (bin, wall) = tokio::join!(
        Member::device(&city, "bin-1", "fujisawa/bin/1/#"),
        Member::reader(&city, "wall", FILTER)
    );
    holds_key(&wall, TOPIC).await;
    publish(&bin).await;
    assert_eq!(city.stop_node().await, Some(0), "{}", city.log());
    let segment = oldest_segment(&city);
    let mut content = fs::read(&segment).unwrap();
    // In the midst of a body: they are nearly all there is.
    let middle = content.len() / 2;
    for byte in &mut content[middle..middle + 16] {
        *byte ^= 0x55;
    }
    fs::write(&segment, content).unwrap();
    city.start_node().await;
    let words = "records are damaged on disk and will not be served";
    assert!(city.log().contains(words), "{}", city.log());
    assert_eq!(city.page("/readyz").await.status, 200);

    // A subscriber gets everything else, in order, and hears what is missing in its place.
    let client = wall.connect().await;
    let builder = client.subscribe(FILTER.parse().unwrap()).from(Start::Earliest);
    let mut all = within("a subscription", builder.start()).await.unwrap();
    let (mut next, mut rotten) = (0, Vec::new());
    while next < BODIES {
        match within("everything else", all.next()).await.unwrap().unwrap() {
            Delivery::Message(message) => {
                let body = String::from_utf8(message.body().unwrap().to_vec()).unwrap();
                assert_eq!(body.parse::<u64>().unwrap(), next);
                next += 1;
            }
            Delivery::Gap(gap) => {
                assert_eq!(gap.reason, GapReason::Corrupt, "{gap:?}");
                assert_eq!(gap.to.value() - gap.from.value(), 1, "{gap:?}");
                rotten.push(next);
                next += 1;
            }
        }
    }
    client.close().await;
    assert_eq!(rotten.len(), 1, "{rotten:?}");
    assert_eq!(city.metric("sekisho_gaps_total{reason=\"corrupt\"}").await, 1.0);
    assert_eq!(city.metric("sekisho_damaged_records").await, 1.0);

    let doctor = city.run(&["doctor", "--json"]).await;
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    let findings: Value = serde_json::from_str(&doctor.output).unwrap();
    let findings = findings.as_array().unwrap();
    let told = findings.iter().find(|finding| finding["what"] == "record log").unwrap();
    assert_eq!(told["level"], "fail", "{told}");
    assert!(told["words"].as_str().unwrap().contains("1 record damaged on the disk"), "{told}");
    assert_eq!(city.stop_node().await, Some(0), "{}", city.log());
}
