use std::collections::BTreeMap;

use bytes::Bytes;
use sekisho_proto::statement::{EpochAnnounce, Principal, RevokeTarget, StreamClass};
use sekisho_proto::{
    BootId, ContentType, Envelope, Epoch, Filter, Hash, Offset, Position, PrincipalKind,
    PrincipalName, Scope, Sequence, Signature, StatementBody, Suite, Timestamp, Topic, limits,
};
use sekisho_seal::{
    Entropy as _, EpochKeyPair, EpochPublic, HeaderDraft, Sealer, SeededEntropy, SigningKey,
    sign_open,
};

use super::*;
use crate::clock;
use crate::hub::attesting_world::{AttestingWorld, described, fujisawa, key};

const OPEN: &str = "fujisawa/tide/open";
const SEALED: &str = "fujisawa/tide/sealed";

fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

fn tree() -> Filter {
    "fujisawa/tide/#".parse().unwrap()
}

fn pair() -> EpochKeyPair {
    EpochKeyPair::from_seed(Suite::X25519Aes256Gcm, &[7; 32]).unwrap()
}

fn epoch() -> EpochAnnounce {
    let (pair, now) = (pair(), clock::now());
    EpochAnnounce {
        organisation: fujisawa(),
        tree: tree(),
        epoch: Epoch::new(1),
        suite: pair.suite(),
        public_key: pair.public_key().to_bytes().into(),
        issued: now,
        not_before: Timestamp::from_micros(0),
        not_after: Timestamp::from_micros(now.as_micros() + 3_600_000_000),
        min_epoch: Epoch::new(1),
    }
}

/// A node that takes what the clock signs, sealed or on one topic open. The door asks the same of
/// everybody's publishers, so that the peer may be the organisation itself.
async fn world() -> AttestingWorld {
    let world = AttestingWorld::open();
    world.state(described(OPEN, StreamClass::Open)).await;
    let steward = Principal {
        name: PrincipalName::new("steward", &fujisawa()).unwrap(),
        kind: PrincipalKind::Steward,
        public_key: key("steward").public_key(),
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        issued: clock::now(),
        until: None,
        attested: false,
    };
    world.state(StatementBody::Principal(steward)).await;
    world.state_by("steward", StatementBody::EpochAnnounce(epoch())).await;
    world
}

/// What a peer sends, good and bad, drawn from a seed.
struct Drawn {
    entropy: SeededEntropy,
    boots: BTreeMap<u8, Sealer>,
    next: u64,
}

impl Drawn {
    fn new(seed: u64) -> Self {
        Self { entropy: SeededEntropy::new(seed), boots: BTreeMap::new(), next: 0 }
    }

    fn below(&mut self, bound: u8) -> u8 {
        let mut byte = [0];
        self.entropy.fill(&mut byte).unwrap();
        let [byte] = byte;
        byte % bound
    }

    fn draft(&self) -> HeaderDraft {
        HeaderDraft {
            sequence: Sequence::new(self.next),
            time: clock::now(),
            previous: None,
            content_type: ContentType::parse("text/plain").unwrap(),
            sample_count: 0,
            flags: 0,
            expiry_s: 0,
            scope: Scope::Federation,
        }
    }

    fn open(&self, signing: &SigningKey, text: &str) -> Envelope {
        let boot = BootId::new([1; 16]);
        sign_open(signing, topic(text), boot, self.draft(), b"a body").unwrap()
    }

    /// One of a few boots' next; with its key header where it is the boot's first.
    fn sealed(&mut self) -> (Envelope, Option<Bytes>) {
        let (number, draft) = (self.below(6), self.draft());
        let is_first = !self.boots.contains_key(&number);
        let Self { entropy, boots, .. } = self;
        let sealer = boots.entry(number).or_insert_with(|| {
            let boot = BootId::new([number.saturating_add(2); 16]);
            let epoch = EpochPublic::new(tree(), Epoch::new(1), pair().public_key().clone());
            Sealer::new(&key("clock"), topic(SEALED), boot, &epoch, entropy).unwrap()
        });
        let key_header = is_first.then(|| sealer.key_header().encoded().clone());
        (sealer.seal(draft, b"a body").unwrap(), key_header)
    }

    fn record(&mut self) -> Taken {
        let clock = key("clock");
        let (envelope, key_header) = match self.below(10) {
            0 => (self.open(&clock, "fujisawa/elsewhere").encoded().clone(), None),
            1 => (self.open(&key("stranger"), OPEN).encoded().clone(), None),
            2 => (self.open(&clock, "santander/tide/open").encoded().clone(), None),
            3 => (Bytes::from_static(b"no envelope"), None),
            4 => (forged(&self.open(&clock, OPEN)), None),
            5 => {
                let (envelope, key_header) = self.sealed();
                (forged(&envelope), key_header)
            }
            6 | 7 => {
                let (envelope, key_header) = self.sealed();
                (envelope.encoded().clone(), key_header)
            }
            _ => (self.open(&clock, OPEN).encoded().clone(), None),
        };
        self.taken(envelope, key_header)
    }

    fn taken(&mut self, envelope: Bytes, key_header: Option<Bytes>) -> Taken {
        self.next += 1;
        let position = Position::new(self.next);
        let (offset, received) = (Offset::new(self.next), clock::now());
        Taken { connection: 1, position, offset, received, envelope, key_header, hops: Vec::new() }
    }
}

/// The same with the signature of something else.
fn forged(envelope: &Envelope) -> Bytes {
    let (header, body) = (envelope.header_bytes().clone(), envelope.body().clone());
    let signature: Signature = key("clock").sign(b"something else");
    Envelope::assemble(header, body, signature).unwrap().encoded().clone()
}

fn told(verdict: Result<Entry, Refusal>) -> Result<Hash, Refusal> {
    verdict.map(|entry| entry.hash)
}

/// Order, refusals and reasons.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_that_are_judged_at_once_fare_as_one_after_the_other() {
    for seed in 0..4 {
        let mut drawn = Drawn::new(seed);
        let records: Vec<Taken> = (0..JUDGED_AT_ONCE).map(|_number| drawn.record()).collect();
        let (alone, together) = (world().await, world().await);
        let (mut wanted, mut left_behind) = (Vec::new(), LeftBehind::default());
        for record in &records {
            let parcel = parcel(&fujisawa(), &left_behind.attached(record));
            let verdict = alone.hub().admit(parcel, clock::now()).await;
            if verdict.is_err() {
                left_behind.keep(record);
            }
            wanted.push(told(verdict));
        }
        let about = (&fujisawa(), &mut LeftBehind::default());
        let found = judge(together.hub(), about, &records).await;
        let found: Vec<_> = found.into_iter().map(told).collect();
        assert_eq!(found, wanted, "seed {seed}");
        let codes: BTreeMap<_, usize> = found
            .iter()
            .filter_map(|verdict| verdict.as_ref().err())
            .fold(BTreeMap::new(), |mut codes, refusal| {
                *codes.entry(refusal.code.to_string()).or_default() += 1;
                codes
            });
        assert!(codes.len() >= 4, "seed {seed}: {codes:?}");
        assert!(found.iter().filter(|verdict| verdict.is_ok()).count() > 50, "seed {seed}");
        alone.close().await;
        together.close().await;
    }
}

/// What brings a key header and what needs it may be in the hands of two cores.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_header_serves_all_that_came_with_it() {
    let world = world().await;
    let mut drawn = Drawn::new(1);
    let mut records = Vec::new();
    while records.len() < JUDGED_AT_ONCE {
        let (envelope, key_header) = drawn.sealed();
        records.push(drawn.taken(envelope.encoded().clone(), key_header));
    }
    let brought = records.iter().filter(|record| record.key_header.is_some()).count();
    assert!(brought > 1 && brought < 10, "{brought}");
    let about = (&fujisawa(), &mut LeftBehind::default());
    for verdict in judge(world.hub(), about, &records).await {
        told(verdict).unwrap();
    }
    world.close().await;
}

/// What is wrong with the record that brought it is nothing to those behind it.
#[tokio::test]
async fn a_key_header_that_came_with_a_refused_record_serves_those_behind_it() {
    let world = world().await;
    let (mut drawn, mut left_behind) = (Drawn::new(1), LeftBehind::default());
    let mut let_in = 0;
    for _group in 0..4 {
        let mut records = Vec::new();
        for _record in 0..8 {
            let (envelope, key_header) = drawn.sealed();
            let is_first = key_header.is_some();
            let encoded = if is_first { forged(&envelope) } else { envelope.encoded().clone() };
            records.push(drawn.taken(encoded, key_header));
        }
        let about = (&fujisawa(), &mut left_behind);
        let verdicts = judge(world.hub(), about, &records).await;
        for (record, verdict) in records.iter().zip(verdicts) {
            match told(verdict) {
                Ok(_hash) => let_in += 1,
                Err(refusal) if record.key_header.is_some() => {
                    assert_eq!(refusal.code, RefusalCode::BadSignature);
                }
                Err(refusal) => panic!("wanted it let in, found {refusal}"),
            }
        }
    }
    assert!(let_in > 20, "found {let_in}");
    world.close().await;
}

#[test]
fn a_key_header_that_is_too_long_to_be_one_is_not_kept() {
    let (mut drawn, mut left_behind) = (Drawn::new(1), LeftBehind::default());
    let (envelope, key_header) = drawn.sealed();
    let encoded = envelope.encoded().clone();
    let without = drawn.taken(encoded.clone(), None);
    let long = Bytes::from(vec![0; limits::KEY_HEADER_BYTES_MAX + 1]);
    left_behind.keep(&drawn.taken(encoded.clone(), Some(long)));
    assert_eq!(left_behind.attached(&without).key_header, None);
    left_behind.keep(&drawn.taken(encoded, key_header.clone()));
    assert_eq!(left_behind.attached(&without).key_header, key_header);
}

#[tokio::test]
async fn what_is_judged_when_a_revocation_stands_is_refused() {
    let world = world().await;
    let record = |number| {
        let mut drawn = Drawn::new(number);
        let envelope = drawn.open(&key("clock"), OPEN).encoded().clone();
        drawn.taken(envelope, None)
    };
    let records: Vec<Taken> = (0..40).map(record).collect();
    let mut left_behind = LeftBehind::default();
    let verdicts = judge(world.hub(), (&fujisawa(), &mut left_behind), &records).await;
    assert!(verdicts.iter().all(Result::is_ok));
    world.revoke(RevokeTarget::Principal(key("clock").id())).await;
    for verdict in judge(world.hub(), (&fujisawa(), &mut left_behind), &records).await {
        assert_eq!(told(verdict).unwrap_err().code, RefusalCode::Revoked);
    }
    world.close().await;
}

#[test]
fn one_task_takes_few_large_records_and_many_small_ones_and_all_in_order() {
    let record = |bytes: usize| {
        let (position, offset) = (Position::new(1), Offset::new(1));
        let (envelope, received) = (Bytes::from(vec![0; bytes]), Timestamp::from_micros(0));
        Taken {
            connection: 1,
            position,
            offset,
            received,
            envelope,
            key_header: None,
            hops: Vec::new(),
        }
    };
    let sizes =
        |records: &[Taken]| parts(records).iter().map(|part| part.len()).collect::<Vec<_>>();
    assert_eq!(sizes(&[]), [0; 0]);
    assert_eq!(sizes(&vec![record(100); 70]), [32, 32, 6]);
    assert_eq!(sizes(&vec![record(100 << 10); 5]), [2, 2, 1]);
    assert_eq!(sizes(&vec![record(1 << 20); 3]), [1, 1, 1]);
    let mixed = [record(1 << 20), record(1), record(1), record(1 << 20), record(1)];
    assert_eq!(sizes(&mixed), [1, 2, 1, 1]);
    assert_eq!(parts(&mixed).concat(), mixed);
}
