//! Why samples are not a batch, or bytes are not one.

use crate::{DecodeError, Timestamp, TransducerName};

/// Samples that do not make a batch.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// There are none, or too many.
    #[error("sample batch: wanted 1 to 65536 samples, found {found}")]
    Count {
        /// How many.
        found: usize,
    },
    /// Too many different (transducer, unit, kind of value).
    #[error("sample batch: wanted at most 1024 columns, found one more with {transducer}")]
    Columns {
        /// The transducer of the first that does not fit.
        transducer: TransducerName,
    },
    /// One sample holds two values of the same transducer, unit and kind.
    #[error("sample at {time}: wanted one value of {transducer}, found two")]
    Duplicate {
        /// The time of the sample.
        time: Timestamp,
        /// The transducer.
        transducer: TransducerName,
    },
    /// Two neighbouring samples are further apart than 292,471 years.
    #[error("sample at {time}: wanted a time in reach of the sample before, found {before} there")]
    TimeStep {
        /// The time of the sample.
        time: Timestamp,
        /// The time of the sample before it.
        before: Timestamp,
    },
    /// The bytes are not a batch.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}
