//! The steward: an owner's keeper of epoch keys, in a process of its own, which no node ever is.
//!
//! Every topic tree is sealed to the public key of its present epoch. The steward draws the seeds
//! of epochs, keeps them in its folder, announces their public keys in the organisation's control
//! log and seals each seed to everybody who may decrypt: its own people's and its peers'. When
//! somebody loses that right it begins a new epoch at once. It also lets newcomers in whom its
//! owner invited: see [`enrolment`].

mod custody;
pub mod enrolment;
mod errands;
mod error;
mod feed;
#[cfg(test)]
mod fixture;
mod folder;
mod keeper;
mod ledger;
mod mailbox;
pub mod openid;
mod plan;
mod private_file;
mod readers;
mod reception;
mod replica;
mod seeds;
mod settings;
mod steward;

pub use custody::{Custody, Plan};
pub use error::StewardError;
pub use keeper::KeeperError;
pub use private_file::FileError;
pub use replica::ReplicaError;
pub use seeds::SeedError;
pub use settings::{SETTINGS_FILE, SettingFault, Settings, SettingsError};
pub use steward::run;
