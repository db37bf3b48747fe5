//! Bad input to real nodes, stewards and agents: each is refused by name and counted, nothing is
//! lost, and the node serves everybody else as before.

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod epochs;
#[cfg(test)]
mod folders;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod leftovers;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod readings;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod times;
#[cfg(test)]
mod topics;
