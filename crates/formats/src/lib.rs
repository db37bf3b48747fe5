//! What other systems write, read as samples: SenML in JSON and CBOR (RFC 8428), GeoJSON (RFC 7946)
//! and the XML of SOX.
//!
//! It is given bytes and when they came, and does no I/O. Everything here reads what strangers send:
//! depth, counts and lengths are bounded before anything is allocated for them.

pub mod body;
pub mod fault;
pub mod geojson;
pub mod number;
pub mod senml;
pub mod sox;
mod values;

pub use body::Body;
pub use fault::{Fault, quote};
pub use values::Values;
