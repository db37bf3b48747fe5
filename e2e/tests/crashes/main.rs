//! Processes that are killed, disks that lose their power or are full, fleets that all come back at
//! once, and programs that are replaced: what was acknowledged is there, once and in order.
//!
//! Each is short here and long where the environment says how often: `SEKISHO_KILLS`,
//! `SEKISHO_POWER_CUTS`, `SEKISHO_CROWD`; `SEKISHO_SEED` decides about whom and when.

#[cfg(test)]
mod crew;
#[cfg(test)]
mod dice;
#[cfg(test)]
mod federation;
#[cfg(test)]
mod full;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod power;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod scribe;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod upgrade;
