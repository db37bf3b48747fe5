//! The policy through its public face: what it takes, what it decides, how it explains itself.

#[cfg(test)]
mod arrival;
#[cfg(test)]
mod attesting;
mod authority;
#[cfg(test)]
mod carrying;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod delegation;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod epochs;
#[cfg(test)]
mod erasures;
#[cfg(test)]
mod explanations;
#[cfg(test)]
mod federation;
#[cfg(test)]
mod model;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod three;
#[cfg(test)]
mod transit;
#[cfg(test)]
mod transit_model;
#[cfg(test)]
mod world;
