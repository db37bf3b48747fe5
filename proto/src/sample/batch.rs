//! Many samples in one body: times as steps, values by column.

use std::collections::HashMap;

use bytes::Bytes;
use prost::Message as _;

use super::{Column, Sample, SampleError, SampleValue, column};
use crate::{
    DecodeError, Timestamp, TransducerName, Unit, ValueKind,
    decode::Fields,
    limits::{COLUMNS_MAX, ENVELOPE_BYTES_MAX, SAMPLES_PER_BATCH_MAX},
    wire,
};

const FIELDS: Fields = Fields("sample batch");

/// 1 to 65,536 samples in columns. What goes in comes out: the same samples, each with the same
/// values to the bit, in the order in which their columns first appeared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleBatch {
    times: Vec<Timestamp>,
    columns: Vec<Column>,
}

impl SampleBatch {
    /// Lays samples out in columns, in the order in which each (transducer, unit, kind of value)
    /// first appears.
    ///
    /// # Errors
    ///
    /// There are no samples, too many samples or columns, two values of one column in one sample,
    /// or two neighbours so far apart that the step does not fit into 64 bits.
    pub fn from_samples(samples: &[Sample]) -> Result<Self, SampleError> {
        if !(1..=SAMPLES_PER_BATCH_MAX).contains(&samples.len()) {
            return Err(SampleError::Count { found: samples.len() });
        }
        for (before, sample) in samples.iter().zip(samples.iter().skip(1)) {
            let (before, time) = (before.time, sample.time);
            if time.as_micros().checked_sub(before.as_micros()).is_none() {
                return Err(SampleError::TimeStep { time, before });
            }
        }
        let mut columns = Columns::default();
        for (number, sample) in samples.iter().enumerate() {
            columns.push(number, sample)?;
        }
        let times = samples.iter().map(|sample| sample.time).collect();
        Ok(Self { times, columns: columns.finish(samples.len()) })
    }

    /// How many samples.
    #[must_use]
    pub fn sample_count(&self) -> usize {
        self.times.len()
    }

    /// When each sample was measured.
    #[must_use]
    pub fn times(&self) -> &[Timestamp] {
        &self.times
    }

    /// The columns, in the order of their first appearance.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The samples again.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.clone().into_samples()
    }

    /// The samples again, in place of the columns.
    #[must_use]
    pub fn into_samples(self) -> Vec<Sample> {
        let columns = self.columns.len();
        let empty = |time| Sample { time, values: Vec::with_capacity(columns) };
        let mut samples: Vec<_> = self.times.into_iter().map(empty).collect();
        for column in self.columns {
            let (transducer, unit) = (column.transducer().clone(), column.unit().clone());
            for (sample, value) in samples.iter_mut().zip(column.into_values()) {
                let Some(value) = value else { continue };
                let (transducer, unit) = (transducer.clone(), unit.clone());
                sample.values.push(SampleValue { transducer, unit, value });
            }
        }
        samples
    }

    /// The bytes of a body of type [`ContentType::SAMPLES`](crate::ContentType::SAMPLES).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.clone().into_encoded()
    }

    /// The same, in place of the columns.
    #[must_use]
    pub fn into_encoded(self) -> Vec<u8> {
        self.into_wire().encode_to_vec()
    }

    /// Parses an encoded batch. What it allocates is bounded by a small multiple of the bytes.
    ///
    /// # Errors
    ///
    /// The bytes are not a batch, not in its one encoding, larger than an envelope, or a count, a
    /// time or a column is out of its range.
    pub fn decode(bytes: &[u8]) -> Result<Self, SampleError> {
        let message = FIELDS.0;
        if bytes.len() > ENVELOPE_BYTES_MAX {
            let (limit, found) = (ENVELOPE_BYTES_MAX, bytes.len());
            return Err(DecodeError::Oversized { message, limit, found }.into());
        }
        let columns = wire::fields_numbered(COLUMNS_FIELD, bytes);
        FIELDS.at_most("columns", COLUMNS_MAX, columns)?;
        let bytes = Bytes::copy_from_slice(bytes);
        let wire: wire::SampleBatch = wire::decode_any(message, ENVELOPE_BYTES_MAX, &bytes)?;
        let is_canonical = wire.encoded_len() == bytes.len()
            && wire.encode_to_vec() == bytes
            && says_it_one_way(&wire);
        let batch = Self::from_wire(wire)?;
        if !is_canonical {
            return Err(DecodeError::NonCanonical { message }.into());
        }
        Ok(batch)
    }

    fn into_wire(self) -> wire::SampleBatch {
        let base = self.times.first().copied().unwrap_or_default();
        let mut before = base;
        let step = |time: &Timestamp| {
            let step = time.as_micros().wrapping_sub(before.as_micros());
            before = *time;
            step
        };
        wire::SampleBatch {
            base_time_us: base.as_micros(),
            time_steps_us: self.times.iter().map(step).collect(),
            columns: self.columns.into_iter().map(Column::into_wire).collect(),
        }
    }

    /// The caller checks that the encoding is the canonical one.
    fn from_wire(wire: wire::SampleBatch) -> Result<Self, DecodeError> {
        let count = wire.time_steps_us.len();
        let fits = (1..=SAMPLES_PER_BATCH_MAX).contains(&count);
        FIELDS.require("time_steps_us", "1 to 65536 samples", fits, count)?;
        let mut time = wire.base_time_us;
        let mut times = Vec::with_capacity(count);
        for step in wire.time_steps_us {
            let Some(next) = time.checked_add(step) else {
                return Err(FIELDS.refuse("time_steps_us", "a time within 64 bits", step));
            };
            time = next;
            times.push(Timestamp::from_micros(time));
        }
        let columns = wire
            .columns
            .into_iter()
            .map(|column| Column::from_wire(column, count))
            .collect::<Result<Vec<_>, _>>()?;
        let mut keys = HashMap::new();
        for column in &columns {
            let key = (column.transducer(), column.unit(), column.kind());
            let first = keys.insert(key, ()).is_none();
            FIELDS.require("columns", "each column once", first, column.transducer())?;
        }
        // Otherwise the same samples would have another encoding.
        let mut reached = 0;
        for column in &columns {
            let first = column.first_sample();
            let wanted = "the order of first appearance";
            FIELDS.require("columns", wanted, reached <= first, column.transducer())?;
            reached = first;
        }
        Ok(Self { times, columns })
    }
}

/// Whether the message is the one that the encoder makes of these samples: no other says the same.
fn says_it_one_way(wire: &wire::SampleBatch) -> bool {
    let samples = wire.time_steps_us.len();
    wire.time_steps_us.first().is_none_or(|first| *first == 0)
        && wire.columns.iter().all(|column| column::says_it_one_way(column, samples))
}

/// Number of the field that repeats the columns.
const COLUMNS_FIELD: u32 = 3;

/// Columns while they are filled, sample by sample.
#[derive(Default)]
struct Columns {
    columns: Vec<Column>,
    numbers: HashMap<(TransducerName, Unit, ValueKind), usize>,
}

impl Columns {
    fn push(&mut self, number: usize, sample: &Sample) -> Result<(), SampleError> {
        for (place, value) in sample.values.iter().enumerate() {
            let column = self.column_of(value, place)?;
            if column.sample_count() > number {
                let transducer = value.transducer.clone();
                return Err(SampleError::Duplicate { time: sample.time, transducer });
            }
            column.pad(number);
            column.push(value.value.clone());
        }
        Ok(())
    }

    /// The column of a value. Samples of a stream are mostly alike, so the column that has the
    /// value's own `place` is tried before any is looked up.
    fn column_of(&mut self, value: &SampleValue, place: usize) -> Result<&mut Column, SampleError> {
        let is_there = self.columns.get(place).is_some_and(|column| column.holds(value));
        let number = if is_there { place } else { self.number_of(value) };
        match self.columns.get_mut(number) {
            Some(column) if number < COLUMNS_MAX => Ok(column),
            _ => Err(SampleError::Columns { transducer: value.transducer.clone() }),
        }
    }

    fn number_of(&mut self, value: &SampleValue) -> usize {
        let SampleValue { transducer, unit, value } = value;
        let next = self.columns.len();
        let key = (transducer.clone(), unit.clone(), value.kind());
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.columns.push(Column::new(transducer.clone(), unit.clone(), value.kind()));
        }
        number
    }

    fn finish(mut self, samples: usize) -> Vec<Column> {
        for column in &mut self.columns {
            column.pad(samples);
        }
        self.columns
    }
}
