//! Processes that are killed, disks that lose their power, are full, rot
//! or turn read-only, fleets that all come back at
//! once, and programs that are replaced: what was acknowledged is there, once and in order.
//!
//! Each is short here and long where the environment says how often: `SEKISHO_KILLS`,
//! `SEKISHO_POWER_CUTS`, `SEKISHO_CROWD`; `SEKISHO_SEED` decides about whom and when, and is
//! drawn anew for each run where it is not set. A failing test prints it.

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
mod read_only;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod rot;
#[cfg(test)]
mod scribe;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod upgrade;
