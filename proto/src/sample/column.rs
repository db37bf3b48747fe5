//! One transducer's values through a batch.

use bytes::Bytes;

use super::SampleValue;
use crate::{DecodeError, TransducerName, Unit, Value, ValueKind, decode::Fields, wire};

const FIELDS: Fields = Fields("sample column");

/// Numbers of the kinds on the wire.
const KINDS: [(u32, ValueKind); 5] = [
    (1, ValueKind::Float),
    (2, ValueKind::Integer),
    (3, ValueKind::Text),
    (4, ValueKind::Boolean),
    (5, ValueKind::Blob),
];

/// The values of one (transducer, unit, kind) in the samples of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    transducer: TransducerName,
    unit: Unit,
    kind: ValueKind,
    /// Per sample, whether it has a value.
    validity: Vec<bool>,
    /// Only of the samples that have one: an entry costs as much as a few columns of validity.
    values: Vec<Value>,
}

impl Column {
    pub(super) fn new(transducer: TransducerName, unit: Unit, kind: ValueKind) -> Self {
        Self { transducer, unit, kind, validity: Vec::new(), values: Vec::new() }
    }

    /// Which transducer.
    #[must_use]
    pub fn transducer(&self) -> &TransducerName {
        &self.transducer
    }

    /// In which unit.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Of which kind all of its values are.
    #[must_use]
    pub fn kind(&self) -> ValueKind {
        self.kind
    }

    /// One entry per sample: its value, or `None` where the sample has none.
    pub fn values(&self) -> impl Iterator<Item = Option<&Value>> {
        let mut present = self.values.iter();
        self.validity.iter().map(move |valid| if *valid { present.next() } else { None })
    }

    /// The same, in place of the column.
    pub(super) fn into_values(self) -> impl Iterator<Item = Option<Value>> {
        let mut present = self.values.into_iter();
        self.validity.into_iter().map(move |valid| if valid { present.next() } else { None })
    }

    /// Whether the value belongs in this column.
    pub(super) fn holds(&self, value: &SampleValue) -> bool {
        self.kind == value.value.kind()
            && self.transducer == value.transducer
            && self.unit == value.unit
    }

    /// How many samples the column covers.
    pub(super) fn sample_count(&self) -> usize {
        self.validity.len()
    }

    /// The number of the first sample that has a value.
    pub(super) fn first_sample(&self) -> usize {
        self.validity.iter().take_while(|valid| !**valid).count()
    }

    /// Lengthens the column to so many samples, the new ones without a value.
    pub(super) fn pad(&mut self, samples: usize) {
        if self.validity.len() < samples {
            self.validity.resize(samples, false);
        }
    }

    pub(super) fn push(&mut self, value: Value) {
        self.validity.push(true);
        self.values.push(value);
    }

    pub(super) fn into_wire(self) -> wire::Column {
        let mut column = wire::Column {
            transducer: self.transducer.as_str().to_owned(),
            unit: self.unit.as_str().to_owned(),
            validity: packed(&self.validity),
            kind: number_of(self.kind),
            ..wire::Column::default()
        };
        for value in self.values {
            match value {
                Value::Float(value) => column.floats.push(value),
                Value::Integer(value) => column.integers.push(value),
                Value::Text(value) => column.texts.push(value),
                Value::Boolean(value) => column.booleans.push(value),
                Value::Blob(value) => column.blobs.push(Bytes::from(value)),
            }
        }
        column
    }

    /// The caller checks that the column's encoding is the canonical one, and with
    /// [`says_it_one_way`] everything that [`into_wire`](Self::into_wire) would write otherwise.
    pub(super) fn from_wire(column: wire::Column, samples: usize) -> Result<Self, DecodeError> {
        let kind = KINDS.iter().find(|(number, _)| *number == column.kind);
        let Some((_, kind)) = kind else {
            return Err(FIELDS.refuse("kind", "a kind from 1 to 5", column.kind));
        };
        let transducer = FIELDS.parse("transducer", &column.transducer)?;
        let unit = FIELDS.parse("unit", &column.unit)?;
        let wanted = "one bit per sample, or none where all have a value";
        let fits = column.validity.is_empty() || column.validity.len() == samples.div_ceil(8);
        FIELDS.require("validity", wanted, fits, column.validity.len())?;

        let validity = unpacked(&column.validity, samples);
        let values = values_of(*kind, column);
        let valid = validity.iter().filter(|valid| **valid).count();
        let wanted = "one entry per valid sample, and at least one";
        FIELDS.require("values", wanted, values.len() == valid && valid > 0, values.len())?;
        Ok(Self { transducer, unit, kind: *kind, validity, values })
    }
}

fn number_of(kind: ValueKind) -> u32 {
    match kind {
        ValueKind::Float => 1,
        ValueKind::Integer => 2,
        ValueKind::Text => 3,
        ValueKind::Boolean => 4,
        ValueKind::Blob => 5,
    }
}

/// Whether the column is written as [`Column::into_wire`] would: no validity where all samples have a
/// value, no bits beyond them, and no values of another kind.
pub(super) fn says_it_one_way(column: &wire::Column, samples: usize) -> bool {
    let lists = [
        (ValueKind::Float, column.floats.is_empty()),
        (ValueKind::Integer, column.integers.is_empty()),
        (ValueKind::Text, column.texts.is_empty()),
        (ValueKind::Boolean, column.booleans.is_empty()),
        (ValueKind::Blob, column.blobs.is_empty()),
    ];
    let kind = KINDS.iter().find(|(number, _)| *number == column.kind).map(|(_, kind)| *kind);
    let validity = &column.validity;
    lists.iter().all(|(other, is_empty)| *is_empty || kind == Some(*other))
        && (validity.is_empty() || packed(&unpacked(validity, samples)) == *validity)
}

/// The values of the kind that the column names.
fn values_of(kind: ValueKind, column: wire::Column) -> Vec<Value> {
    match kind {
        ValueKind::Float => column.floats.into_iter().map(Value::Float).collect(),
        ValueKind::Integer => column.integers.into_iter().map(Value::Integer).collect(),
        ValueKind::Text => column.texts.into_iter().map(Value::Text).collect(),
        ValueKind::Boolean => column.booleans.into_iter().map(Value::Boolean).collect(),
        ValueKind::Blob => {
            column.blobs.into_iter().map(|blob| Value::Blob(blob.to_vec())).collect()
        }
    }
}

/// Bit i, least significant first, tells whether sample i has a value; nothing where all have.
fn packed(validity: &[bool]) -> Bytes {
    if validity.iter().all(|valid| *valid) {
        return Bytes::new();
    }
    let byte_of =
        |eight: &[bool]| eight.iter().rev().fold(0, |byte: u8, valid| byte << 1 | u8::from(*valid));
    validity.chunks(8).map(byte_of).collect()
}

fn unpacked(validity: &[u8], samples: usize) -> Vec<bool> {
    if validity.is_empty() {
        return vec![true; samples];
    }
    let bits = |byte: &u8| std::array::from_fn::<bool, 8, _>(|bit| byte >> bit & 1 == 1);
    validity.iter().flat_map(bits).take(samples).collect()
}
