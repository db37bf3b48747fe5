//! What signatures alone allow: `verify_strict` of envelopes' worth of bytes, on one core.

use std::{hint::black_box, time::Duration};

use ed25519_dalek::{Signer as _, SigningKey};

use crate::{
    job::{Figures, Job},
    tally::now,
};

/// Bytes under a signature: a sample of 256 bytes with everything that an envelope says of it.
const SIGNED_BYTES: usize = 512;
/// Messages; no two alike in a row.
const MESSAGES: u64 = 256;

pub(super) fn turn(job: &Job) -> Figures {
    let signing = SigningKey::from_bytes(&[7; 32]);
    let messages: Vec<_> = (0..MESSAGES)
        .map(|number| {
            let message = number.to_be_bytes().repeat(SIGNED_BYTES / 8);
            let signature = signing.sign(&message);
            (message, signature)
        })
        .collect();
    let key = signing.verifying_key();
    let (begun, mut count) = (now(), 0_u64);
    let mut passed = Duration::ZERO;
    while passed < job.work.lasts() {
        for (message, signature) in &messages {
            count += u64::from(key.verify_strict(black_box(message), signature).is_ok());
        }
        passed = begun.elapsed();
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let value = count as f64 / passed.as_secs_f64();
    Figures { value, processor_us: 1e6 / value, cores: 1.0, delivered: count, ..Figures::default() }
}
