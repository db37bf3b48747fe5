//! The log through its public face: trees, proofs, notes, policies and files, against known
//! answers, a naive model, other implementations, and whoever tampers.

#[cfg(test)]
mod files;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod oracles;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod trees;
#[cfg(test)]
mod witnesses;
#[cfg(test)]
mod world;
