//! What the door costs beyond the one signature check it cannot do without.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion};
use ed25519_dalek::{Signature, VerifyingKey};
use sekisho_benches::{
    city::City,
    door::{self, Door},
    ratio::{Ratio, timed},
    sound,
};
use sekisho_broker::hub::metrics;
use sekisho_proto::Envelope;
use sekisho_seal::verify;

/// Sizes of encoded envelopes: one flush of a slow sensor, one full batch.
const SIZES: [usize; 2] = [1_024, 16_384];
/// Envelopes in one turn.
const TURN: u32 = 128;
const GOAL: f64 = 1.25;

/// The same envelopes as each side wants them.
struct Case {
    envelopes: Vec<Envelope>,
    signed: Vec<(Vec<u8>, Signature)>,
}

impl Case {
    fn new(door: &Door, city: &City, bytes: usize) -> Self {
        let envelopes = door.stream(city, bytes).next_few(TURN as usize);
        let signed = envelopes
            .iter()
            .map(|envelope| {
                let signature = Signature::from_bytes(envelope.signature().as_bytes());
                (envelope.signed_bytes(), signature)
            })
            .collect();
        Self { envelopes, signed }
    }

    /// Everything from bytes to the append queue, for a turn's envelopes, by a new router.
    fn turn(&self, door: &Door) -> Duration {
        let mut router = door.router();
        let mut envelopes = (1..).zip(&self.envelopes);
        let took = timed(TURN, || {
            let Some((request, envelope)) = envelopes.next() else { return };
            let entry = sound(door.admit(envelope, request));
            router.handle_publish(entry.admitted, door.now());
        });
        assert_eq!(router.pending_count(), self.envelopes.len(), "every envelope is appended");
        took
    }
}

fn parts(criterion: &mut Criterion, city: &City, door: &Door, key: &VerifyingKey) {
    let own_key = city.device(0).signing().verifying_key();
    let mut group = criterion.benchmark_group("admit");
    for bytes in SIZES {
        let case = Case::new(door, city, bytes);
        let mut encoded = case.envelopes.iter().map(Envelope::encoded).cycle();
        group.bench_function(BenchmarkId::new("decode and canonical check", bytes), |bencher| {
            bencher.iter(|| encoded.next().map(|encoded| Envelope::decode(encoded.clone())));
        });
        let mut signed = case.signed.iter().cycle();
        group.bench_function(BenchmarkId::new("verify_strict alone", bytes), |bencher| {
            bencher.iter(|| signed.next().map(|(bytes, by)| key.verify_strict(bytes, by)));
        });
        let mut envelopes = case.envelopes.iter().cycle();
        group.bench_function(BenchmarkId::new("seal::verify", bytes), |bencher| {
            bencher.iter(|| envelopes.next().map(|envelope| verify(envelope.clone(), &own_key)));
        });
        let mut envelopes = case.envelopes.iter().cycle();
        group.bench_function(BenchmarkId::new("Ingress::admit", bytes), |bencher| {
            bencher.iter(|| envelopes.next().map(|envelope| door.admit(envelope, 1)));
        });
    }
    group.finish();
}

fn ratios(city: &City, door: &Door, key: &VerifyingKey) {
    for bytes in SIZES {
        let case = Case::new(door, city, bytes);
        let ratio = Ratio::measure(
            TURN,
            |operations| {
                let mut signed = case.signed.iter();
                timed(operations, || {
                    let verified = signed.next().map(|(bytes, by)| key.verify_strict(bytes, by));
                    assert!(black_box(verified).is_some_and(|outcome| outcome.is_ok()));
                })
            },
            |_operations| case.turn(door),
        );
        ratio.print_factor(&format!("admit {bytes} B by verify_strict"), GOAL);
    }
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    let city = door::city();
    // Without a recorder counting would cost nothing.
    let _recorder = sound(metrics::install());
    let door = Door::open(&city);
    let key = sound(VerifyingKey::from_bytes(city.device(0).public_key().as_bytes()));
    parts(&mut criterion, &city, &door, &key);
    ratios(&city, &door, &key);
    door.close();
    criterion.final_summary();
}
