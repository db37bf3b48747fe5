//! Why a steward does not run: its folder, its keys, its node, or its disk.

use std::{io, path::PathBuf};

use sekisho::{ConnectError, ProfileError, SubscribeError};
use sekisho_proto::{OrgName, PrincipalName};
use sekisho_seal::KeyFileError;
use thiserror::Error;

use crate::{
    enrolment::EnrolmentError, keeper::KeeperError, replica::ReplicaError, seeds::SeedError,
    settings::SettingsError,
};

/// Why a steward does not run, or runs no longer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StewardError {
    /// Its profile cannot be read.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Its keys were refused.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The keys are somebody else's.
    #[error("steward {}: wanted the keys of {wanted}, found those of {found}", dir.display())]
    Name {
        /// The folder.
        dir: PathBuf,
        /// As the profile says.
        wanted: PrincipalName,
        /// As the key file says.
        found: PrincipalName,
    },
    /// Its settings were refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another process is at work in the folder.
    #[error("steward {}: wanted the folder for itself, found another steward at work", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder cannot be locked.
    #[error("steward {}: wanted to lock the folder", dir.display())]
    Lock {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Seeds cannot be read.
    #[error(transparent)]
    Seeds(#[from] SeedError),
    /// Seeds cannot be kept, handed over or destroyed.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// Invitations cannot be read.
    #[error(transparent)]
    Enrolments(#[from] EnrolmentError),
    /// The node does not take this steward.
    #[error("steward {name}: wanted a session with its node")]
    Connect {
        /// Who.
        name: PrincipalName,
        /// Why not.
        source: Box<ConnectError>,
    },
    /// The node does not tell the own log.
    #[error("control log of {organisation}: wanted to follow it")]
    Follow {
        /// Whose.
        organisation: OrgName,
        /// Why not.
        source: Box<SubscribeError>,
    },
    /// The logs cannot be replayed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}
