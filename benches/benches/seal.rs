//! What sealing costs beyond the signature, and opening beyond the cipher.

use std::{hint::black_box, time::Duration};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use criterion::{BenchmarkId, Criterion};
use sekisho::clock;
use sekisho_benches::{
    city::City,
    ratio::{Ratio, timed},
    sound,
    stream::{Stream, TAG_BYTES},
};
use sekisho_proto::{BootId, KeyHeader};
use sekisho_seal::{
    Opener, Sealer, SeededEntropy, SigningKey, Verified, verify, verify_key_header,
};

const SIZES: [usize; 2] = [1_024, 16_384];
const TURN: u32 = 128;
const SEAL_GOAL: f64 = 1.5;
const OPEN_GOAL: Duration = Duration::from_micros(1);

/// One device and one of its envelopes.
struct Case {
    signing: SigningKey,
    stream: Stream,
    signed: Vec<u8>,
    verified: Verified,
    opener: Opener,
}

impl Case {
    fn new(city: &City, bytes: usize) -> Self {
        let signing = city.device(0).signing().clone();
        let mut stream = Stream::new(city, &signing, city.topic("trucks/0/air"), bytes);
        let envelope = stream.seal_next();
        let key = signing.verifying_key();
        let key_header = sound(KeyHeader::decode(stream.key_header()));
        let key_header = sound(verify_key_header(key_header, &key));
        let opener = sound(Opener::new(&key_header, city.epoch_keys()));
        let (signed, verified) = (envelope.signed_bytes(), sound(verify(envelope, &key)));
        Self { signing, stream, signed, verified, opener }
    }
}

/// The cipher by itself: a body and a header as long as the envelope's, under some key.
struct Cipher {
    key: LessSafeKey,
    header: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
    plaintext: Vec<u8>,
}

impl Cipher {
    fn like(envelope: &Verified) -> Self {
        let key = LessSafeKey::new(sound(UnboundKey::new(&AES_256_GCM, &[3; 32])));
        let envelope = envelope.envelope();
        let header = envelope.header_bytes().to_vec();
        let plaintext = vec![5; envelope.body().len().saturating_sub(TAG_BYTES)];
        let (mut ciphertext, mut tag) = (vec![0; plaintext.len()], vec![0; TAG_BYTES]);
        let aad = Aad::from(&*header);
        sound(key.seal_out_of_place_scatter(
            nonce(),
            aad,
            &plaintext,
            &mut ciphertext,
            &[],
            &mut tag,
        ));
        Self { key, header, ciphertext, tag, plaintext }
    }

    fn open(&mut self) {
        let Self { key, header, ciphertext, tag, plaintext } = self;
        let aad = Aad::from(&**header);
        sound(key.open_separate_gather(nonce(), aad, ciphertext, tag, plaintext));
        black_box(plaintext);
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn parts(criterion: &mut Criterion, city: &City) {
    let mut group = criterion.benchmark_group("seal");
    for bytes in SIZES {
        let Case { signing, mut stream, signed, verified, opener } = Case::new(city, bytes);
        let mut cipher = Cipher::like(&verified);
        group.bench_function(BenchmarkId::new("sign alone", bytes), |bencher| {
            bencher.iter(|| signing.sign(black_box(&signed)));
        });
        group.bench_function(BenchmarkId::new("Sealer::seal", bytes), |bencher| {
            bencher.iter(|| stream.seal_next());
        });
        group.bench_function(BenchmarkId::new("AEAD open alone", bytes), |bencher| {
            bencher.iter(|| cipher.open());
        });
        group.bench_function(BenchmarkId::new("Opener::open", bytes), |bencher| {
            bencher.iter(|| sound(opener.open(black_box(&verified))));
        });
    }
    let (signing, topic) = (city.device(0).signing().clone(), city.topic("trucks/0/air"));
    let (epoch, mut entropy) = (city.epoch(), SeededEntropy::new(11));
    group.bench_function("Sealer::new, X25519", |bencher| {
        bencher.iter(|| {
            let boot = BootId::new([1; 16]);
            sound(Sealer::new(&signing, topic.clone(), boot, &epoch, &mut entropy))
        });
    });
    group.finish();
}

fn ratios(city: &City) {
    for bytes in SIZES {
        let Case { signing, mut stream, signed, verified, opener } = Case::new(city, bytes);
        let mut cipher = Cipher::like(&verified);
        let sealing = Ratio::measure(
            TURN,
            |operations| {
                timed(operations, || {
                    black_box(signing.sign(black_box(&signed)));
                })
            },
            |operations| {
                let mut envelope = None;
                let took = timed(operations, || envelope = Some(stream.seal_next()));
                drop(black_box(envelope));
                took
            },
        );
        sealing.print_factor(&format!("seal and sign {bytes} B by sign"), SEAL_GOAL);
        let opening = Ratio::measure(
            TURN,
            |operations| timed(operations, || cipher.open()),
            |operations| {
                timed(operations, || drop(black_box(sound(opener.open(black_box(&verified))))))
            },
        );
        opening.print_difference(&format!("open {bytes} B less AEAD"), OPEN_GOAL);
    }
}

fn main() {
    let mut criterion = sekisho_benches::criterion();
    let city = City::new("fujisawa", clock::now());
    parts(&mut criterion, &city);
    ratios(&city);
    criterion.final_summary();
}
