use super::{Skip, Tally};
use crate::fault::Fault;

#[test]
fn every_line_is_good_or_skipped_or_broken() {
    let mut tally = Tally::default();
    tally.good(2);
    tally.skip(Skip::Comment);
    tally.broken(Fault::Torn { bytes: 3 }, b"");
    assert_eq!((tally.lines, tally.samples), (3, 2));
    assert_eq!(tally.good + tally.skipped_lines() + tally.broken_lines(), 3);
    assert_eq!(
        tally.to_string(),
        "3 lines: 1 read, giving 2 samples; 1 skipped (comment 1); 1 broken (torn 1)"
    );
}

#[test]
fn one_line_is_no_plural_and_none_is() {
    let mut tally = Tally::default();
    assert_eq!(tally.to_string(), "0 lines: 0 read, giving 0 samples");
    tally.good(1);
    assert_eq!(tally.to_string(), "1 line: 1 read, giving 1 sample");
    tally.good(1);
    assert_eq!(tally.to_string(), "2 lines: 2 read, giving 2 samples");
}

#[test]
fn the_first_broken_lines_of_each_reason_are_kept_to_be_shown() {
    let mut tally = Tally::default();
    let mut shown = 0;
    for _ in 0..100 {
        shown += usize::from(tally.broken(Fault::Torn { bytes: 3 }, b"half"));
        let fault = Fault::Checksum { wanted: 1, found: 2 };
        shown += usize::from(tally.broken(fault, b"\xff\0long"));
    }
    assert_eq!((shown, tally.examples.len()), (6, 6));
    assert_eq!(tally.broken_lines(), 200);
    assert_eq!(tally.examples[1].line, 2);
    assert_eq!(tally.examples[1].text, r#""\xff\x00long""#);
}

#[test]
fn kinds_are_counted_in_bounded_memory() {
    let mut tally = Tally::default();
    for kind in 0..10_000 {
        tally.kind(&format!("K{kind}"));
    }
    assert!(tally.kinds.len() <= 257);
    assert_eq!(tally.kinds.values().sum::<u64>(), 10_000);
}
