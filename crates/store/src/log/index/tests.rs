use proptest::prelude::*;

use super::*;

/// What is pushed: how many positions are left out, which topic, how many offsets are left out,
/// and the time.
type Pushed = (u64, u32, u64, i64);

struct Known {
    position: u64,
    byte: u32,
    topic: TopicId,
    offset: u64,
    received: i64,
}

fn build(pushed: &[Pushed]) -> (SegmentIndex, Vec<Known>) {
    let mut index = SegmentIndex::new(100);
    let (mut position, mut offsets, mut known) = (100, [0_u64; 4], Vec::new());
    for (number, (skipped, topic, skipped_offsets, received)) in (0..).zip(pushed) {
        position += skipped;
        let next = &mut offsets[to_usize(*topic)];
        *next += skipped_offsets;
        known.push(Known {
            position,
            byte: index.end_byte(),
            topic: TopicId(*topic),
            offset: *next,
            received: *received,
        });
        let record = IndexedRecord {
            position,
            frame_bytes: 50 + number,
            received: *received,
            topic: TopicId(*topic),
            offset: *next,
        };
        index.push(record, LostReason::Corrupt);
        position += 1;
        *next += 1;
    }
    (index, known)
}

fn check(index: &SegmentIndex, known: &[Known]) {
    assert_eq!(index.len(), known.len());
    for (at, record) in known.iter().enumerate() {
        assert_eq!(index.position(at), record.position);
        assert_eq!(index.entry(at).unwrap().byte, record.byte);
        assert_eq!(index.index_at(record.position), Some(at));
        assert_eq!(index.frame_bytes(at), 50 + u32::try_from(at).unwrap());
    }
    for position in 95..index.end() + 5 {
        let wanted = known.iter().position(|record| record.position >= position);
        assert_eq!(index.index_from(position), wanted.unwrap_or(known.len()), "{position}");
        let lost = (100..index.end()).contains(&position) && index.index_at(position).is_none();
        let told = index.gaps().iter().any(|gap| (gap.from..gap.to).contains(&position));
        assert_eq!(lost, told, "{position}");
    }
    for topic in (0..5).map(TopicId) {
        let mine: Vec<usize> = (0..known.len()).filter(|at| known[*at].topic == topic).collect();
        let records: Vec<usize> = index.records_of(topic).iter().copied().map(to_usize).collect();
        assert_eq!(records, mine);
        let counted = index.counts().into_iter().find(|(counted, _records)| *counted == topic);
        let wanted = (!mine.is_empty()).then_some((topic, mine.len() as u64));
        assert_eq!(counted, wanted);
        assert_eq!(index.first_offset(topic), mine.first().map(|at| known[*at].offset));
        let end = mine.last().map_or(3, |at| known[*at].offset + 3);
        for offset in 0..end {
            let wanted = mine.iter().copied().find(|at| known[*at].offset >= offset);
            assert_eq!(index.index_of_offset(topic, offset), wanted);
        }
    }
}

proptest! {
    #[test]
    fn an_index_finds_what_was_pushed_growing_and_packed(
        pushed in prop::collection::vec(
            (
                prop_oneof![8 => Just(0_u64), 1 => 1..9_u64],
                0..4_u32,
                prop_oneof![8 => Just(0_u64), 1 => 1..9_u64],
                any::<i64>(),
            ),
            0..60,
        ),
    ) {
        let (mut index, known) = build(&pushed);
        check(&index, &known);
        index.pack();
        check(&index, &known);
    }

    #[test]
    fn a_record_is_never_thought_older_than_it_is(
        base in any::<i64>(),
        times in prop::collection::vec(any::<i64>(), 1..20),
        near in -3_000_000_000..3_000_000_000_i64,
    ) {
        let pushed: Vec<Pushed> = [base]
            .into_iter()
            .chain([base.saturating_add(near)])
            .chain(times)
            .map(|time| (0, 0, 0, time))
            .collect();
        let (index, known) = build(&pushed);
        for (at, record) in known.iter().enumerate() {
            let entry = index.entry(at).unwrap();
            prop_assert!(index.may_be_since(&entry, record.received));
            prop_assert!(!index.is_before(&entry, record.received));
        }
        // Within weeks of the base it is exact to a millisecond.
        let entry = index.entry(1).unwrap();
        if let Some(later) = known[1].received.checked_add(1000) {
            prop_assert!(index.is_before(&entry, later));
        }
    }
}
