//! What trucks publish: bodies that say which they are and when they were due.

use anyhow::{Context as _, Result, bail};
use bytes::{BufMut as _, Bytes, BytesMut};
use sekisho::{
    Batch, ContentType, Message, Publisher, Sample, SampleValue, Timestamp, TransducerName, Unit,
    Value,
};
use sekisho_proto::SampleBatch;

/// Bytes at the beginning of an opaque body: its sequence and the time at which it was due.
const LABEL_BYTES: usize = 16;
/// What an opaque body is said to be.
const OPAQUE: &str = "application/octet-stream";

/// What a truck publishes.
#[derive(Debug, Clone)]
pub(crate) enum Load {
    /// Samples, gathered into envelopes.
    Samples { transducers: u32, batch: Batch },
    /// Bodies of so many bytes, an envelope each.
    Opaque { bytes: usize },
}

/// Makes the bodies of one publisher.
#[derive(Debug, Clone)]
pub(super) enum Maker {
    /// The sample that all others are made after.
    Samples(Vec<SampleValue>),
    Opaque {
        content_type: ContentType,
        filling: Bytes,
    },
}

impl Load {
    pub(super) fn batch(&self) -> Batch {
        match self {
            Self::Samples { batch, .. } => *batch,
            Self::Opaque { .. } => Batch::single(),
        }
    }

    pub(super) fn maker(&self) -> Result<Maker> {
        match self {
            Self::Samples { transducers, .. } => {
                let name = |number| match number {
                    0 => TransducerName::parse("sequence"),
                    _ => TransducerName::parse(&format!("transducer-{number}")),
                };
                let unit = Unit::parse("1")?;
                let value = |number| {
                    let value = if number == 0 { Value::Integer(0) } else { Value::Float(0.0) };
                    anyhow::Ok(SampleValue { transducer: name(number)?, unit: unit.clone(), value })
                };
                Ok(Maker::Samples((0..*transducers).map(value).collect::<Result<_>>()?))
            }
            Self::Opaque { bytes } => {
                let filling = (0..=250).cycle().take(bytes.saturating_sub(LABEL_BYTES)).collect();
                Ok(Maker::Opaque { content_type: OPAQUE.parse()?, filling })
            }
        }
    }
}

impl Maker {
    /// Hands the next one over.
    pub(super) async fn publish(
        &self,
        publisher: &Publisher,
        sequence: u64,
        due: Timestamp,
    ) -> Result<()> {
        match self {
            Self::Samples(pattern) => publisher.publish(sample(pattern, sequence, due)?).await?,
            Self::Opaque { content_type, filling } => {
                let mut body = BytesMut::with_capacity(LABEL_BYTES + filling.len());
                body.put_u64(sequence);
                body.put_i64(due.as_micros());
                body.put_slice(filling);
                publisher.publish_body(content_type.clone(), body.freeze()).await?;
            }
        }
        Ok(())
    }
}

fn sample(pattern: &[SampleValue], sequence: u64, due: Timestamp) -> Result<Sample> {
    let number = i64::try_from(sequence)?;
    let mut values = pattern.to_vec();
    for (place, value) in values.iter_mut().enumerate() {
        value.value = match value.value {
            Value::Integer(_) => Value::Integer(number),
            Value::Float(_) | Value::Text(_) | Value::Boolean(_) | Value::Blob(_) => {
                // Differs from value to value, as readings do.
                let digits = u32::try_from((sequence * 31 + place as u64 * 7) % 100_000)?;
                Value::Float(f64::from(digits) / 100.0)
            }
        };
    }
    Ok(Sample { time: due, values })
}

/// Which samples or bodies an opened message holds, and when each was due.
pub(super) fn read(message: &Message) -> Result<Vec<(u64, Timestamp)>> {
    let body = message.body()?;
    if message.content_type != ContentType::samples() {
        let (sequence, rest) = body.split_first_chunk().context("a body begins with a label")?;
        let (due, _filling) = rest.split_first_chunk().context("a label has a time")?;
        let due = Timestamp::from_micros(i64::from_be_bytes(*due));
        return Ok(vec![(u64::from_be_bytes(*sequence), due)]);
    }
    let batch = SampleBatch::decode(body)?;
    let numbers = batch.columns().first().context("a batch has columns")?.values();
    let labels = numbers.zip(batch.times()).map(|(value, due)| match value {
        Some(Value::Integer(number)) => Ok((u64::try_from(*number)?, *due)),
        other => bail!("sample: wanted its number, found {other:?}"),
    });
    labels.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_says_which_it_is_and_when_it_was_due() {
        let load = Load::Samples { transducers: 3, batch: Batch::default() };
        let Maker::Samples(pattern) = load.maker().unwrap() else { panic!("wanted samples") };
        let due = Timestamp::from_micros(1_700_000_000_000_123);
        let made = sample(&pattern, 41, due).unwrap();
        assert_eq!((made.time, made.values.len()), (due, 3));
        assert_eq!(made.values[0].value, Value::Integer(41));
        assert_ne!(made.values[1].value, made.values[2].value);
        assert_ne!(sample(&pattern, 42, due).unwrap().values[1].value, made.values[1].value);
    }
}
