use std::time::Duration;

use sekisho_proto::{Sample, SampleBatch, SampleValue, Timestamp, Value};

use super::{Batch, Gathering, Unencodable, encode};

fn sample(second: i64, text: &str) -> Sample {
    let value = SampleValue {
        transducer: "note".parse().unwrap(),
        unit: "".parse().unwrap(),
        value: Value::Text(text.to_owned()),
    };
    Sample { time: Timestamp::from_micros(second * 1_000_000), values: vec![value] }
}

#[test]
fn a_batch_is_full_at_its_number_of_samples_or_bytes() {
    let mut by_number = Gathering::new(Batch { samples: 3, ..Batch::default() });
    assert!(!by_number.push(sample(0, "a")));
    assert!(!by_number.push(sample(1, "b")));
    assert!(by_number.push(sample(2, "c")));
    assert_eq!(by_number.take().len(), 3);
    assert!(by_number.is_empty());

    let mut by_size = Gathering::new(Batch { bytes: 100, ..Batch::default() });
    assert!(!by_size.push(sample(0, &"x".repeat(50))));
    assert!(by_size.push(sample(1, &"x".repeat(50))));

    assert!(Gathering::new(Batch::single()).push(sample(0, "a")));
    let at_once = Batch { interval: Duration::ZERO, ..Batch::default() };
    assert!(Gathering::new(at_once).push(sample(0, "a")));
}

#[test]
fn samples_that_do_not_fit_into_one_body_are_split_in_order() {
    let samples: Vec<Sample> = (0..10).map(|second| sample(second, &"x".repeat(100))).collect();
    let (bodies, refused) = encode(&samples, 400);
    assert!(refused.is_empty());
    assert!(bodies.len() > 2, "{}", bodies.len());
    assert!(bodies.iter().all(|body| body.bytes.len() <= 400));
    let decoded: Vec<Sample> = bodies
        .iter()
        .flat_map(|body| SampleBatch::decode(&body.bytes).unwrap().samples())
        .collect();
    assert_eq!(decoded, samples);
}

#[test]
fn only_the_sample_that_is_too_large_is_left_out() {
    let samples = [sample(0, "a"), sample(1, &"x".repeat(1000)), sample(2, "c")];
    let (bodies, refused) = encode(&samples, 400);
    assert_eq!(bodies.iter().map(|body| body.samples).sum::<u32>(), 2);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].0, samples[1]);
    assert!(matches!(refused[0].1, Unencodable::Oversized { wanted_max: 400, .. }));
}
