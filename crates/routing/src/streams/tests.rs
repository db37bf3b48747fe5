use proptest::prelude::*;
use sekisho_proto::{ContentType, Epoch, Scope, Suite};

use super::*;

fn topic(text: &str) -> Topic {
    Topic::parse(text).expect("a topic")
}

fn city() -> OrgName {
    OrgName::parse("city").expect("an organisation")
}

fn header(boot: u8, sequence: u64, previous: Option<Hash>) -> Header {
    Header {
        suite: Suite::Open,
        topic: topic("city/truck"),
        publisher: PrincipalId::new([7; 32]),
        boot: BootId::new([boot; 16]),
        sequence: Sequence::new(sequence),
        time: time(i64::from(boot) * 1_000 + i64::try_from(sequence).unwrap_or(0)),
        epoch: Epoch::ZERO,
        key_header: None,
        previous,
        content_type: ContentType::samples(),
        sample_count: 1,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Federation,
        attester: None,
    }
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn hash(text: &str) -> Hash {
    Hash::of(text.as_bytes())
}

fn small() -> Streams {
    let limits = Limits { boots_per_stream_max: 2, hashes_per_boot_max: 3, ..Limits::default() };
    Streams::new(limits, city())
}

/// Takes up an envelope of a boot whose hashes are named by boot and sequence.
fn store(streams: &mut Streams, boot: u8, sequence: u64, ticket: u64) {
    let header = chained(boot, sequence);
    let hash = hash_of(boot, sequence);
    let verdict = streams.judge(Role::Home, &header, &hash);
    assert!(matches!(verdict, Verdict::New { .. }), "{verdict:?}");
    streams.advance(&header, hash, Ticket(ticket));
    streams.commit(&header, Ticket(ticket));
}

fn chained(boot: u8, sequence: u64) -> Header {
    let previous = sequence.checked_sub(1).map(|before| hash_of(boot, before));
    header(boot, sequence, previous)
}

fn hash_of(boot: u8, sequence: u64) -> Hash {
    hash(&format!("{boot}/{sequence}"))
}

fn code(verdict: &Verdict) -> RefusalCode {
    let Verdict::Refused { code, .. } = verdict else {
        panic!("wanted a refusal, found {verdict:?}")
    };
    *code
}

#[test]
fn a_boot_begins_with_sequence_zero_at_home() {
    let streams = small();
    let verdict = streams.judge(Role::Home, &header(1, 1, Some(hash("0"))), &hash("1"));
    assert_eq!(code(&verdict), RefusalCode::SequenceGap);
}

#[test]
fn a_follower_takes_a_boot_from_where_it_begins_for_it() {
    let mut streams = small();
    let first = header(1, 41, Some(hash("unseen")));
    assert_eq!(streams.judge(Role::Follower, &first, &hash("41")), Verdict::New { after: None });
    streams.advance(&first, hash("41"), Ticket(1));
    streams.commit(&first, Ticket(1));
    let later = header(1, 50, Some(hash("49")));
    assert_eq!(streams.judge(Role::Follower, &later, &hash("50")), Verdict::New { after: None });
    let next = header(1, 42, Some(hash("another 41")));
    assert_eq!(code(&streams.judge(Role::Follower, &next, &hash("42"))), RefusalCode::Equivocation);
    let older = header(1, 40, None);
    assert_eq!(streams.judge(Role::Follower, &older, &hash("40")), Verdict::Stored);
}

#[test]
fn an_equivocation_names_both_hashes() {
    let mut streams = small();
    store(&mut streams, 1, 0, 1);
    let verdict = streams.judge(Role::Home, &chained(1, 0), &hash("forked"));
    let Verdict::Refused { code: found, why, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(found, RefusalCode::Equivocation);
    assert!(why.contains(&hash("forked").to_string()), "{why}");
    assert!(why.contains(&hash_of(1, 0).to_string()), "{why}");
}

#[test]
fn a_fork_behind_the_last_envelope_names_both_hashes() {
    let mut streams = small();
    store(&mut streams, 1, 0, 1);
    let verdict = streams.judge(Role::Home, &header(1, 1, Some(hash("forked"))), &hash("1"));
    let Verdict::Refused { code: found, why, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(found, RefusalCode::Equivocation);
    assert!(why.contains(&hash("forked").to_string()), "{why}");
    assert!(why.contains(&hash_of(1, 0).to_string()), "{why}");
    let unchained = streams.judge(Role::Home, &header(1, 1, None), &hash("1"));
    assert_eq!(code(&unchained), RefusalCode::Malformed);
}

#[test]
fn a_repetition_behind_the_window_is_taken_for_stored() {
    let mut streams = small();
    for sequence in 0..10 {
        store(&mut streams, 1, sequence, sequence);
    }
    let old = streams.judge(Role::Home, &chained(1, 2), &hash("forked"));
    assert_eq!(old, Verdict::Stored);
    let recent = streams.judge(Role::Home, &chained(1, 7), &hash("forked"));
    assert_eq!(code(&recent), RefusalCode::Equivocation);
}

#[test]
fn an_unknown_boot_as_old_as_a_forgotten_one_is_a_replay() {
    let mut streams = small();
    for boot in 1..=3 {
        store(&mut streams, boot, 0, u64::from(boot));
    }
    let forgotten = streams.judge(Role::Home, &chained(1, 0), &hash_of(1, 0));
    assert_eq!(code(&forgotten), RefusalCode::Replayed);
    let known = streams.judge(Role::Home, &chained(2, 0), &hash_of(2, 0));
    assert_eq!(known, Verdict::Stored);
    let young = streams.judge(Role::Home, &chained(4, 0), &hash_of(4, 0));
    assert_eq!(young, Verdict::New { after: None });
}

#[test]
fn what_is_taken_back_leaves_a_boot_as_old_as_its_newest_envelope() {
    let mut streams = small();
    let at = |sequence, micros| Header { time: time(micros), ..chained(1, sequence) };
    for (sequence, micros) in [(0, 500), (1, 400), (2, 600)] {
        let ticket = Ticket(sequence + 1);
        streams.advance(&at(sequence, micros), hash_of(1, sequence), ticket);
        if sequence < 2 {
            streams.commit(&at(sequence, micros), ticket);
        }
    }
    streams.take_back(&at(2, 600), Ticket(3));
    for boot in 2..=3 {
        store(&mut streams, boot, 0, 3 + u64::from(boot));
    }
    let old = streams.judge(Role::Home, &at(0, 500), &hash_of(1, 0));
    assert_eq!(code(&old), RefusalCode::Replayed);
    let young = streams.judge(Role::Home, &at(0, 501), &hash_of(1, 0));
    assert_eq!(young, Verdict::New { after: None });
}

/// A restored router has them in another order.
#[test]
fn of_boots_that_ended_at_once_the_smallest_number_is_forgotten() {
    for order in [[4, 5], [5, 4]] {
        let mut streams = small();
        for boot in order {
            let header = Header { time: time(500), ..chained(boot, 0) };
            streams.advance(&header, hash_of(boot, 0), Ticket(u64::from(boot)));
            streams.commit(&header, Ticket(u64::from(boot)));
        }
        store(&mut streams, 6, 0, 6);
        let kept = streams.judge(Role::Home, &chained(5, 0), &hash_of(5, 0));
        assert_eq!(kept, Verdict::Stored);
    }
}

#[test]
fn the_oldest_boot_is_not_forgotten_while_it_waits_for_the_disk() {
    let mut streams = small();
    for boot in 1..=2 {
        streams.advance(&chained(boot, 0), hash_of(boot, 0), Ticket(u64::from(boot)));
    }
    let third = chained(3, 0);
    let undecided = |streams: &Streams| {
        matches!(streams.judge(Role::Home, &third, &hash_of(3, 0)), Verdict::Undecided)
    };
    assert!(undecided(&streams));
    streams.commit(&chained(2, 0), Ticket(2));
    assert!(undecided(&streams), "the log would forget the first");
    streams.commit(&chained(1, 0), Ticket(1));
    streams.advance(&chained(2, 1), hash_of(2, 1), Ticket(3));
    assert_eq!(streams.judge(Role::Home, &third, &hash_of(3, 0)), Verdict::New { after: None });
}

#[test]
fn a_boot_is_forgotten_for_another_when_that_is_stored_and_not_before() {
    let mut streams = small();
    store(&mut streams, 1, 0, 1);
    store(&mut streams, 2, 0, 2);
    let third = (header(3, 0, None), hash_of(3, 0));
    let new = Verdict::New { after: None };
    for (ticket, is_stored) in [(3, false), (4, true)] {
        assert_eq!(streams.judge(Role::Home, &third.0, &third.1), new);
        streams.advance(&third.0, third.1, Ticket(ticket));
        let later = streams.judge(Role::Home, &chained(1, 1), &hash_of(1, 1));
        assert_eq!(later, Verdict::Undecided, "it is forgotten, or it is not");
        assert_eq!(streams.judge(Role::Home, &chained(2, 1), &hash_of(2, 1)), new);
        if is_stored {
            streams.commit(&third.0, Ticket(ticket));
        } else {
            streams.take_back(&third.0, Ticket(ticket));
            assert_eq!(streams.judge(Role::Home, &chained(1, 1), &hash_of(1, 1)), new);
        }
    }
    let forgotten = streams.judge(Role::Home, &chained(1, 0), &hash_of(1, 0));
    assert_eq!(code(&forgotten), RefusalCode::Replayed);
}

/// What others have on their way says nothing of the one too many.
#[test]
fn a_boot_that_goes_on_while_another_begins_is_not_taken_for_it() {
    let mut streams = small();
    store(&mut streams, 1, 0, 1);
    store(&mut streams, 2, 0, 2);
    streams.advance(&chained(2, 1), hash_of(2, 1), Ticket(3));
    streams.advance(&header(3, 0, None), hash_of(3, 0), Ticket(4));
    streams.commit(&chained(2, 1), Ticket(3));
    assert_eq!(streams.judge(Role::Home, &chained(1, 1), &hash_of(1, 1)), Verdict::Undecided);
    streams.commit(&header(3, 0, None), Ticket(4));
    let forgotten = streams.judge(Role::Home, &chained(1, 0), &hash_of(1, 0));
    assert_eq!(code(&forgotten), RefusalCode::Replayed);
}

#[test]
fn a_restart_remembers_boots_and_those_forgotten() {
    let mut streams = small();
    let key = || (topic("city/truck"), PrincipalId::new([7; 32]));
    let last = (Sequence::new(4), hash_of(2, 4), time(2_004));
    streams.restore(key(), BootId::new([2; 16]), last, Some(time(1_500)));
    assert_eq!(streams.judge(Role::Home, &chained(2, 3), &hash_of(2, 3)), Verdict::Stored);
    assert_eq!(
        streams.judge(Role::Home, &chained(2, 5), &hash_of(2, 5)),
        Verdict::New { after: None }
    );
    assert_eq!(
        code(&streams.judge(Role::Home, &chained(1, 0), &hash_of(1, 0))),
        RefusalCode::Replayed
    );
    for boot in 3..=4 {
        let last = (Sequence::ZERO, hash_of(boot, 0), time(i64::from(boot) * 1_000));
        streams.restore(key(), BootId::new([boot; 16]), last, None);
    }
    assert_eq!(
        code(&streams.judge(Role::Home, &chained(2, 5), &hash_of(2, 5))),
        RefusalCode::SequenceGap
    );
}

/// A peer has so many, and leaves room for others and for what is the node's own.
#[test]
fn streams_of_another_organisation_are_bounded() {
    let mut streams = Streams::new(Limits { streams_of_other_max: 1, ..Limits::default() }, city());
    let of = |organisation: &str, publisher: u8| {
        let mut header = header(1, 0, None);
        header.topic = topic(&format!("{organisation}/truck"));
        header.publisher = PrincipalId::new([publisher; 32]);
        header
    };
    streams.advance(&of("near", 1), hash("a"), Ticket(1));
    let judged = |streams: &Streams, role, header| streams.judge(role, &header, &hash("b"));
    assert_eq!(code(&judged(&streams, Role::Follower, of("near", 2))), RefusalCode::TooMany);
    let new = Verdict::New { after: None };
    assert_eq!(judged(&streams, Role::Follower, of("far", 2)), new);
    assert_eq!(judged(&streams, Role::Home, of("near", 2)), new);
    streams.take_back(&of("near", 1), Ticket(1));
    assert_eq!(judged(&streams, Role::Follower, of("near", 2)), new);
}

/// All peers together leave room for what is the node's own.
#[test]
fn streams_of_all_other_organisations_are_bounded_together() {
    let limits = Limits { streams_of_others_max: 2, streams_max: 3, ..Limits::default() };
    let mut streams = Streams::new(limits, city());
    let of = |organisation: &str| {
        let mut header = header(1, 0, None);
        header.topic = topic(&format!("{organisation}/truck"));
        header
    };
    let new = Verdict::New { after: None };
    for (number, organisation) in (1..).zip(["near", "far"]) {
        assert_eq!(streams.judge(Role::Follower, &of(organisation), &hash("a")), new);
        streams.advance(&of(organisation), hash("a"), Ticket(number));
    }
    let refused = streams.judge(Role::Follower, &of("third"), &hash("b"));
    assert_eq!(code(&refused), RefusalCode::TooMany);
    assert_eq!(streams.judge(Role::Home, &of("city"), &hash("b")), new);
    streams.advance(&of("city"), hash("b"), Ticket(3));
    streams.take_back(&of("near"), Ticket(1));
    assert_eq!(streams.judge(Role::Follower, &of("third"), &hash("b")), new);
}

#[test]
fn topics_of_a_publisher_and_streams_are_bounded() {
    let limits = Limits { topics_per_publisher_max: 1, streams_max: 2, ..Limits::default() };
    let mut streams = Streams::new(limits, city());
    store(&mut streams, 1, 0, 1);
    let mut other = header(1, 0, None);
    other.topic = topic("city/another");
    assert_eq!(code(&streams.judge(Role::Home, &other, &hash("x"))), RefusalCode::TooMany);
    other.publisher = PrincipalId::new([8; 32]);
    streams.advance(&other, hash("x"), Ticket(2));
    let mut third = header(1, 0, None);
    third.publisher = PrincipalId::new([9; 32]);
    assert_eq!(code(&streams.judge(Role::Home, &third, &hash("y"))), RefusalCode::TooMany);
    streams.take_back(&other, Ticket(2));
    assert_eq!(streams.judge(Role::Home, &third, &hash("y")), Verdict::New { after: None });
}

#[test]
fn the_last_sequence_number_is_never_taken() {
    let streams = small();
    let verdict = streams.judge(Role::Follower, &header(1, u64::MAX, None), &hash("x"));
    assert_eq!(code(&verdict), RefusalCode::Malformed);
}

#[test]
fn offsets_that_were_taken_back_can_come_again() {
    let mut streams = small();
    let topic = topic("city/truck");
    streams.restore_offset(&topic, Offset::new(4));
    assert_eq!(streams.judge_offset(&topic, Offset::new(4)), Err(Offset::new(4)));
    assert_eq!(streams.judge_offset(&topic, Offset::new(6)), Ok(()));
    streams.advance_offset(&topic, Offset::new(6), Ticket(1));
    assert_eq!(streams.judge_offset(&topic, Offset::new(5)), Err(Offset::new(6)));
    streams.take_back_offsets(&topic, Some(Offset::new(5)));
    assert_eq!(streams.judge_offset(&topic, Offset::new(5)), Err(Offset::new(5)));
    streams.take_back_offsets(&topic, None);
    assert_eq!(streams.judge_offset(&topic, Offset::new(6)), Ok(()));
    let before = streams.advance_offset(&topic, Offset::new(6), Ticket(2));
    assert_eq!(before, Some(Ticket(1)));
    streams.commit_offset(&topic, Offset::new(6));
    streams.take_back_offsets(&topic, None);
    assert_eq!(streams.judge_offset(&topic, Offset::new(6)), Err(Offset::new(6)));
}

/// What a home does with one boot, without any bound: a list of hashes.
#[derive(Default)]
struct Model {
    accepted: Vec<(Hash, Option<Ticket>)>,
}

impl Model {
    fn judge(&self, header: &Header, hash: &Hash) -> Expected {
        let index = usize::try_from(header.sequence.value()).expect("small");
        let last = self.accepted.last().map(|(hash, _)| *hash);
        match self.accepted.get(index) {
            Some((known, _)) if known != hash => Expected::Refused(RefusalCode::Equivocation),
            Some((_, Some(ticket))) => Expected::Pending(*ticket),
            Some((_, None)) => Expected::Stored,
            None if index > self.accepted.len() => Expected::Refused(RefusalCode::SequenceGap),
            None if index > 0 && header.previous.is_none() => {
                Expected::Refused(RefusalCode::Malformed)
            }
            None if index > 0 && header.previous != last => {
                Expected::Refused(RefusalCode::Equivocation)
            }
            None => Expected::New,
        }
    }

    fn first_pending(&self) -> Option<(usize, Ticket)> {
        let mut all = self.accepted.iter().enumerate();
        all.find_map(|(index, (_, ticket))| ticket.map(|ticket| (index, ticket)))
    }
}

#[derive(Debug, PartialEq)]
enum Expected {
    New,
    Pending(Ticket),
    Stored,
    Refused(RefusalCode),
}

#[derive(Clone, Debug)]
enum Step {
    Submit { ahead: i8, variant: u8, previous: u8 },
    Commit,
    Fail,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (-4..3_i8, prop::sample::select(vec![0, 0, 0, 1]), prop::sample::select(vec![0, 0, 0, 1, 2]))
            .prop_map(|(ahead, variant, previous)| Step::Submit { ahead, variant, previous }),
        3 => Just(Step::Commit),
        1 => Just(Step::Fail),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn a_home_judges_as_a_list_of_hashes_does(steps in steps()) {
        let mut streams = Streams::new(Limits { hashes_per_boot_max: 1_000, ..Limits::default() }, city());
        let mut model = Model::default();
        let mut tickets = 0;
        for step in steps {
            match step {
                Step::Submit { ahead, variant, previous } => {
                    let next = i64::try_from(model.accepted.len()).expect("small");
                    let Ok(sequence) = u64::try_from(next + i64::from(ahead)) else { continue };
                    let own = hash(&format!("{sequence}-{variant}"));
                    let before = usize::try_from(sequence).expect("small").checked_sub(1);
                    let known = before.and_then(|index| model.accepted.get(index)).map(|(hash, _)| *hash);
                    let previous = match previous {
                        0 => known,
                        1 => Some(hash("a stranger")),
                        _ => None,
                    };
                    let header = header(1, sequence, previous.filter(|_| sequence > 0));
                    let verdict = streams.judge(Role::Home, &header, &own);
                    let after = model.accepted.last().and_then(|(_, ticket)| *ticket);
                    let found = match verdict {
                        Verdict::New { after: found } => {
                            prop_assert_eq!(found, after);
                            Expected::New
                        }
                        Verdict::Pending(ticket) => Expected::Pending(ticket),
                        Verdict::Stored => Expected::Stored,
                        Verdict::Refused { code, .. } => Expected::Refused(code),
                        Verdict::Undecided => return Err(TestCaseError::fail("one boot")),
                    };
                    let wanted = model.judge(&header, &own);
                    prop_assert_eq!(&found, &wanted);
                    if wanted == Expected::New {
                        tickets += 1;
                        streams.advance(&header, own, Ticket(tickets));
                        model.accepted.push((own, Some(Ticket(tickets))));
                    }
                }
                Step::Commit => {
                    let Some((index, ticket)) = model.first_pending() else { continue };
                    streams.commit(&header(1, index as u64, None), ticket);
                    model.accepted[index].1 = None;
                }
                Step::Fail => {
                    let Some((index, ticket)) = model.first_pending() else { continue };
                    let lost = streams.take_back(&header(1, index as u64, None), ticket);
                    let later: Vec<_> = model.accepted.split_off(index).into_iter().skip(1).collect();
                    let later: Vec<_> = later.into_iter().filter_map(|(_, ticket)| ticket).collect();
                    prop_assert_eq!(lost, later);
                }
            }
            let durable = model.first_pending().map_or(model.accepted.len(), |(index, _)| index);
            let expected = streams.expected_durable(
                &topic("city/truck"), PrincipalId::new([7; 32]), BootId::new([1; 16]),
            );
            prop_assert_eq!(expected, Sequence::new(durable as u64));
        }
    }
}
