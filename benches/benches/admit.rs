//! What the door costs beyond the one signature check it cannot do without.

use std::{
    hint::black_box,
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread::JoinHandle,
    time::Duration,
};

use criterion::{BenchmarkId, Criterion};
use ed25519_dalek::{Signature, VerifyingKey};
use sekisho::clock;
use sekisho_benches::{
    city::City,
    ratio::{Ratio, timed},
    sound,
    stream::Stream,
};
use sekisho_broker::{
    config::Config,
    hub::{Carrier, Ended, Entry, Hub, Parcel, Refusal, Started, metrics},
};
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{Action, Envelope, Position, PrincipalId, Timestamp};
use sekisho_routing::{Carriage, Limits, Router, SessionId};
use sekisho_seal::verify;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Sizes of encoded envelopes: one flush of a slow sensor, one full batch.
const SIZES: [usize; 2] = [1_024, 16_384];
/// Envelopes in one turn.
const TURN: u32 = 128;
/// Devices that may publish, each on its own topics.
const DEVICES: u64 = 100;
/// The clock of a bench stands still: the most that a node can be told to take.
const REQUESTS_PER_SECOND: u32 = 10_000_000;
const GOAL: f64 = 1.25;
const SESSION: SessionId = SessionId::new(1);

/// A node without listeners, and one device's envelopes.
struct Door {
    runtime: Runtime,
    hub: Arc<Hub>,
    shard: JoinHandle<Ended>,
    policy: Arc<Policy>,
    publisher: PrincipalId,
    now: Timestamp,
    _folder: TempDir,
}

/// The same envelopes as each side wants them.
struct Case {
    envelopes: Vec<Envelope>,
    signed: Vec<(Vec<u8>, Signature)>,
}

impl Door {
    fn open(city: &City) -> Self {
        let folder = sound(TempDir::new());
        let runtime = sound(Runtime::new());
        let config = format!(
            "organisation = \"{}\"\n[limits]\nrequests_per_second = {REQUESTS_PER_SECOND}\n",
            city.organisation()
        );
        let config = sound(Config::parse(&config, folder.path(), Path::new("bench")));
        let node = Arc::new(city.node().signing().clone());
        let guard = runtime.enter();
        let Started { hub, shard } = sound(Hub::start(config, node, city.statements()));
        drop(guard);
        let publisher = city.device(0).id();
        let policy = hub.authority().snapshot();
        Self { runtime, hub, shard, policy, publisher, now: city.now(), _folder: folder }
    }

    fn close(self) {
        self.runtime.block_on(self.hub.stop());
        drop(self.hub);
        assert!(matches!(self.shard.join(), Ok(Ended::Stopped)), "a door that works to its end");
    }

    fn parcel(&self, envelope: &Envelope, request: u64) -> Parcel {
        Parcel {
            envelope: envelope.encoded().clone(),
            key_header: None,
            carrier: Carrier::Principal(self.publisher),
            carriage: Carriage::Session { session: SESSION, request },
        }
    }

    /// As a connection's task does it; nothing in it waits once the key header is known.
    fn admit(&self, envelope: &Envelope, request: u64) -> Result<Entry, Refusal> {
        let admitted = pin!(self.hub.admit(self.parcel(envelope, request), self.now));
        match admitted.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => sound(Err("wanted a door that does not wait, found it waiting")),
        }
    }

    fn case(&self, city: &City, bytes: usize) -> Case {
        let topic = city.topic("trucks/0/air");
        let mut stream = Stream::new(city, city.device(0).signing(), topic, bytes);
        let envelopes: Vec<_> = (0..TURN).map(|_| stream.seal_next()).collect();
        if let Some(first) = envelopes.first() {
            let mut parcel = self.parcel(first, 0);
            parcel.key_header = Some(stream.key_header());
            sound(self.runtime.block_on(self.hub.admit(parcel, self.now)));
        }
        let signed = envelopes
            .iter()
            .map(|envelope| {
                let signature = Signature::from_bytes(envelope.signature().as_bytes());
                (envelope.signed_bytes(), signature)
            })
            .collect();
        Case { envelopes, signed }
    }

    /// Everything from bytes to the append queue, for a turn's envelopes, by a new router.
    fn turn(&self, case: &Case) -> Duration {
        let mut router = Router::new(Limits::default(), Arc::clone(&self.policy), Position::ZERO);
        router.handle_connect(
            SESSION,
            self.publisher,
            Recipient::Principal(self.publisher),
            self.now,
        );
        let mut envelopes = (1..).zip(&case.envelopes);
        let took = timed(TURN, || {
            let Some((request, envelope)) = envelopes.next() else { return };
            let entry = sound(self.admit(envelope, request));
            router.handle_publish(entry.admitted, self.now);
        });
        assert_eq!(router.pending_count(), case.envelopes.len(), "every envelope is appended");
        took
    }
}

fn parts(criterion: &mut Criterion, city: &City, door: &Door, key: &VerifyingKey) {
    let own_key = city.device(0).signing().verifying_key();
    let mut group = criterion.benchmark_group("admit");
    for bytes in SIZES {
        let case = door.case(city, bytes);
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
        let case = door.case(city, bytes);
        let ratio = Ratio::measure(
            TURN,
            |operations| {
                let mut signed = case.signed.iter();
                timed(operations, || {
                    let verified = signed.next().map(|(bytes, by)| key.verify_strict(bytes, by));
                    assert!(black_box(verified).is_some_and(|outcome| outcome.is_ok()));
                })
            },
            |_operations| door.turn(&case),
        );
        ratio.print_factor(&format!("admit {bytes} B by verify_strict"), GOAL);
    }
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    let mut city = City::new("fujisawa", clock::now());
    for number in 0..DEVICES {
        city.enrol_device(number);
        city.grant_device(number, Action::Publish, city.filter(&format!("trucks/{number}/#")));
    }
    // Without a recorder counting would cost nothing.
    let _recorder = sound(metrics::install());
    let door = Door::open(&city);
    let key = sound(VerifyingKey::from_bytes(city.device(0).public_key().as_bytes()));
    parts(&mut criterion, &city, &door, &key);
    ratios(&city, &door, &key);
    door.close();
    criterion.final_summary();
}
