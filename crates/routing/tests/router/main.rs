//! The router through its public API, with real statements and real signatures: nothing else makes
//! the proofs it asks for.

#[cfg(test)]
mod interleaving;
#[cfg(test)]
mod links;
#[cfg(test)]
mod node;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod recheck;
#[cfg(test)]
mod stale;
#[cfg(test)]
mod subscribing;
#[cfg(test)]
mod world;
