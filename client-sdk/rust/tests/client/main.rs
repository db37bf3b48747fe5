//! The SDK against a scripted node: real frames over real QUIC, and a node that can be told to
//! forget, refuse, forge and hang up.

#[cfg(test)]
mod attested;
#[cfg(test)]
mod connecting;
#[cfg(test)]
mod discovering;
#[cfg(test)]
mod enrolling;
#[cfg(test)]
mod federation;
#[cfg(test)]
mod handed_on;
#[cfg(test)]
mod node;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod roaming;
#[cfg(test)]
mod spooling;
#[cfg(test)]
mod subscribing;
#[cfg(test)]
mod trusting;
#[cfg(test)]
mod withholding;
#[cfg(test)]
mod world;
