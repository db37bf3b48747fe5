//! What it can read of what passes.

use sekisho_e2e::turncoat::Attempt;

use crate::haunted::{AIR, Haunted, Seen, Turncoat};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|bytes| bytes == needle)
}

#[tokio::test]
async fn it_reads_topics_and_opens_neither_readings_nor_keys() {
    let haunted = Haunted::found().await;
    let guests = [&haunted.truck, &haunted.app];
    let turncoat = Turncoat::take_over(&haunted.city, Attempt::Read, &guests).await;
    let truck = haunted.truck.sent_to(turncoat.address());
    let app = haunted.app.sent_to(turncoat.address());
    let mut seen = Seen::by(&app).await;
    haunted.publish(&truck, 3).await;
    let needle = "藤沢市".as_bytes();
    for _ in 0..3 {
        let message = seen.message().await;
        assert!(contains(message.body().unwrap(), needle), "wanted the needle in what is opened");
    }
    let spoils = std::fs::read(&turncoat.spoils).unwrap();
    let said = turncoat.end().await;
    assert!(contains(&spoils, AIR.as_bytes()), "wanted topics among what it saw");
    assert!(!contains(&spoils, needle), "wanted no reading among what it saw");
    assert!(said.contains("could not open a key of fujisawa/"), "wanted it to try keys: {said}");
    assert!(!said.lines().any(|line| line.starts_with("opened")), "{said}");
}
