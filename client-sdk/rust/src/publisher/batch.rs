//! Gathers samples until one signature is worth its cost: after an interval, at a number of
//! samples, or at a size, whichever comes first. Knows no clock: its owner watches the interval.

use std::time::Duration;

use sekisho_proto::{Sample, SampleBatch, SampleError, Value, limits};

/// When a batch is closed, sealed and signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// How long the first sample of a batch waits for others. Default 50 ms; zero = not at all.
    pub interval: Duration,
    /// Most samples of a batch, 1 to 65,536. Default 64.
    pub samples: usize,
    /// Size at which a batch is closed, bytes before encoding. Default 16 KiB.
    pub bytes: usize,
}

impl Batch {
    /// One envelope per sample.
    #[must_use]
    pub const fn single() -> Self {
        Self { interval: Duration::ZERO, samples: 1, bytes: 0 }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self { interval: Duration::from_millis(50), samples: 64, bytes: 16 * 1024 }
    }
}

/// The samples of the batch being gathered.
#[derive(Debug)]
pub(crate) struct Gathering {
    limits: Batch,
    samples: Vec<Sample>,
    bytes: usize,
}

impl Gathering {
    pub(crate) fn new(limits: Batch) -> Self {
        let samples = limits.samples.clamp(1, limits::SAMPLES_PER_BATCH_MAX);
        Self { limits: Batch { samples, ..limits }, samples: Vec::new(), bytes: 0 }
    }

    /// Takes a sample; tells whether the batch is to be closed now.
    pub(crate) fn push(&mut self, sample: Sample) -> bool {
        self.bytes = self.bytes.saturating_add(size(&sample));
        self.samples.push(sample);
        self.samples.len() >= self.limits.samples
            || self.bytes >= self.limits.bytes
            || self.limits.interval.is_zero()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    pub(crate) fn interval(&self) -> Duration {
        self.limits.interval
    }

    /// The gathered samples, leaving none.
    pub(crate) fn take(&mut self) -> Vec<Sample> {
        self.bytes = 0;
        std::mem::take(&mut self.samples)
    }
}

/// A batch as the body of an envelope.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) samples: u32,
}

/// Encodes samples into as few bodies as fit into `body_bytes_max` each.
///
/// # Errors
/// A single sample that does not fit or cannot be put into columns; the bodies of the others are
/// returned beside it.
pub(crate) fn encode(
    samples: &[Sample],
    body_bytes_max: usize,
) -> (Vec<Body>, Vec<(Sample, Unencodable)>) {
    let mut bodies = Vec::new();
    let mut refused = Vec::new();
    let mut pending = vec![samples];
    while let Some(slice) = pending.pop() {
        if slice.is_empty() {
            continue;
        }
        let fault = match SampleBatch::from_samples(slice) {
            Ok(batch) => {
                let bytes = batch.into_encoded();
                if bytes.len() <= body_bytes_max {
                    let samples = u32::try_from(slice.len()).unwrap_or(u32::MAX);
                    bodies.push(Body { bytes, samples });
                    continue;
                }
                Unencodable::Oversized { found: bytes.len(), wanted_max: body_bytes_max }
            }
            Err(cause) => Unencodable::Columns(cause),
        };
        match slice {
            [single] => refused.push((single.clone(), fault)),
            _ => {
                let (first, rest) = slice.split_at(slice.len() / 2);
                pending.push(rest);
                pending.push(first);
            }
        }
    }
    (bodies, refused)
}

/// Why a sample cannot travel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unencodable {
    /// The node would not take it.
    #[error("body: wanted at most {wanted_max} bytes, found {found}")]
    Oversized {
        /// Its size, bytes.
        found: usize,
        /// The most there is room for, bytes.
        wanted_max: usize,
    },
    /// It cannot be put into columns.
    #[error("sample: wanted values that fit into columns")]
    Columns(#[source] SampleError),
}

/// A sample's size before encoding, bytes: an estimate from above for numbers.
fn size(sample: &Sample) -> usize {
    let values = sample.values.iter().map(|value| match &value.value {
        Value::Float(_) | Value::Integer(_) => 8,
        Value::Boolean(_) => 1,
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
    });
    values.fold(8, usize::saturating_add)
}

#[cfg(test)]
mod tests;
