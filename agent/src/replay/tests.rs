use std::time::Duration;

use proptest::prelude::*;
use sekisho_proto::{Sample, Timestamp};

use super::{Align, Order, Pacer, ReplayConfig, Sequencer, Speed, Start};
use crate::observation::Observation;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn observations(seconds: &[i64]) -> Vec<Observation> {
    let observation = |seconds: &i64| Observation {
        stream: "".into(),
        labels: Vec::new(),
        sample: Sample { time: at(*seconds), values: Vec::new() },
    };
    seconds.iter().map(observation).collect()
}

fn play(config: &ReplayConfig, lanes: &[&[i64]]) -> Vec<(usize, i64)> {
    let mut sequencer = Sequencer::new(config, lanes.len(), at(1000));
    let mut rest: Vec<_> = lanes.iter().map(|lane| lane.chunks(2)).collect();
    let mut played = Vec::new();
    loop {
        while let Some(lane) = sequencer.waits_for() {
            match rest[lane].next() {
                Some(chunk) => sequencer.push(lane, observations(chunk)).unwrap(),
                None => sequencer.end(lane),
            }
        }
        let Some((lane, observation)) = sequencer.pop() else { return played };
        played.push((lane, observation.sample.time.as_micros() / 1_000_000));
    }
}

#[test]
fn speeds_are_words_or_factors() {
    for (text, wanted) in [
        ("wall", Speed::Times(1.0)),
        ("1", Speed::Times(1.0)),
        ("10x", Speed::Times(10.0)),
        ("0.5x", Speed::Times(0.5)),
        ("max", Speed::Max),
    ] {
        assert_eq!(text.parse(), Ok(wanted));
    }
    for text in ["", "0", "-1x", "fast", "nan", "inf", "1e9x", "xx"] {
        assert!(text.parse::<Speed>().is_err(), "{text}");
    }
}

#[test]
fn recordings_are_played_in_the_order_of_their_times() {
    let config = ReplayConfig::default();
    let wanted = [(0, 1), (1, 2), (0, 3), (1, 3), (1, 4), (0, 9)];
    assert_eq!(play(&config, &[&[1, 3, 9], &[2, 3, 4], &[]]), wanted);
}

#[test]
fn a_recording_keeps_its_own_order_unless_sorting_is_wished() {
    let mut config = ReplayConfig::default();
    assert_eq!(play(&config, &[&[5, 1, 3]]), [(0, 5), (0, 1), (0, 3)]);
    config.order = Order::Time;
    assert_eq!(play(&config, &[&[5, 1, 3], &[4, 2]]), [(0, 1), (1, 2), (0, 3), (1, 4), (0, 5)]);
}

#[test]
fn one_drive_is_moved_as_a_whole() {
    let config = ReplayConfig { start: Start::Now, ..ReplayConfig::default() };
    assert_eq!(play(&config, &[&[7, 9], &[5, 8]]), [(1, 1000), (0, 1002), (1, 1003), (0, 1004)]);
}

#[test]
fn separate_drives_each_begin_at_the_start() {
    let start = Start::At(at(50));
    let config = ReplayConfig { start, align: Align::Each, ..ReplayConfig::default() };
    assert_eq!(play(&config, &[&[700, 703], &[5, 6]]), [(0, 50), (1, 50), (1, 51), (0, 53)]);
}

fn waits(pacer: &mut Pacer, steps: &[(i64, u64)]) -> Vec<u64> {
    let wait = |(time, elapsed): &(i64, u64)| {
        pacer.wait(at(*time), Duration::from_secs(*elapsed)).as_secs()
    };
    steps.iter().map(wait).collect()
}

#[test]
fn a_pacer_keeps_the_recorded_distances() {
    let mut pacer = Pacer::new(Speed::WALL, None);
    // Late by two seconds at the third: it and its successor are due at once, then on time again.
    let steps = [(100, 0), (110, 0), (112, 14), (114, 14), (120, 14)];
    assert_eq!(waits(&mut pacer, &steps), [0, 10, 0, 0, 6]);
}

#[test]
fn a_pacer_is_as_fast_as_it_is_told() {
    let mut pacer = Pacer::new(Speed::Times(10.0), None);
    assert_eq!(waits(&mut pacer, &[(0, 0), (100, 0), (200, 10)]), [0, 10, 10]);
    let mut pacer = Pacer::new(Speed::Max, None);
    assert_eq!(waits(&mut pacer, &[(0, 0), (100, 0)]), [0, 0]);
}

#[test]
fn a_step_back_in_time_is_not_waited_for_and_costs_nothing() {
    let mut pacer = Pacer::new(Speed::WALL, None);
    assert_eq!(waits(&mut pacer, &[(10, 0), (5, 0), (11, 0)]), [0, 0, 1]);
}

#[test]
fn long_pauses_can_be_cut() {
    let mut pacer = Pacer::new(Speed::WALL, Some(Duration::from_secs(60)));
    assert_eq!(waits(&mut pacer, &[(0, 0), (80_710, 0), (80_715, 60)]), [0, 60, 5]);
}

proptest! {
    #[test]
    fn nothing_is_lost_between_lanes(
        lanes in prop::collection::vec(prop::collection::vec(0_i64..100, 0..20), 0..5),
        by_time in any::<bool>(),
    ) {
        let order = if by_time { Order::Time } else { Order::File };
        let config = ReplayConfig { order, ..ReplayConfig::default() };
        let borrowed: Vec<&[i64]> = lanes.iter().map(Vec::as_slice).collect();
        let played = play(&config, &borrowed);
        for (index, lane) in lanes.iter().enumerate() {
            let of_lane: Vec<i64> =
                played.iter().filter(|(lane, _)| *lane == index).map(|(_, time)| *time).collect();
            let mut wanted = lane.clone();
            if by_time {
                wanted.sort_unstable();
            }
            prop_assert_eq!(of_lane, wanted);
        }
        if by_time {
            prop_assert!(played.is_sorted_by_key(|(_, time)| *time));
        }
    }
}
