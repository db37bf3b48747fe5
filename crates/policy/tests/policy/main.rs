//! The policy through its public face: what it takes, what it decides, how it explains itself.

#[cfg(test)]
mod authority;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod delegation;
#[cfg(test)]
mod epochs;
#[cfg(test)]
mod explanations;
#[cfg(test)]
mod federation;
#[cfg(test)]
mod model;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod world;
