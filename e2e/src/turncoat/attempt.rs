//! What a node that was taken over may try.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use sekisho::{Identity, KeyFile, OrgName, PublicKey, SigningKey};
use sekisho_proto::{Frame, Signature};
use sekisho_tlog::NoteSigner;

use super::control_log::{Forked, Frozen, Grown, Hidden, RolledBack};
use super::promises::{AddedReader, OldSteward, OwnEpoch};
use super::records::{Forged, Reordered, Replayed, Shown, Withheld};
use super::spoils::Read;

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the guest to the node.
    Up,
    /// From the node to the guest.
    Down,
}

/// A frame on its way.
pub(super) type Passing = (Way, Frame);

/// What is done to what passes.
pub(super) trait Meddler: Send {
    /// The frames that go on in a frame's place, either way.
    fn meddle(&mut self, passing: Passing) -> Vec<Passing>;
}

/// The keys of the node that was taken over.
#[derive(Clone)]
pub struct NodeKey {
    identity: Identity,
    organisation: OrgName,
}

impl NodeKey {
    /// From the node's own file.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let file = KeyFile::load(path).expect("the node's key");
        let organisation = file.name.organisation().clone();
        Self { identity: file.into_identity(), organisation }
    }

    /// What it signs with.
    #[must_use]
    pub fn signing(&self) -> &SigningKey {
        self.identity.signing()
    }

    /// All its keys.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whose node it is.
    #[must_use]
    pub const fn organisation(&self) -> &OrgName {
        &self.organisation
    }
}

impl NoteSigner for NodeKey {
    fn public_key(&self) -> PublicKey {
        self.identity.public_key()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.signing().sign(message)
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey(of {})", self.organisation)
    }
}

macro_rules! attempts {
    ($($(#[$doc:meta])* $attempt:ident = $name:literal,)+) => {
        /// What it tries.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Attempt {
            $($(#[$doc])* $attempt,)+
        }

        impl Attempt {
            /// Every attempt.
            pub const ALL: &[Self] = &[$(Self::$attempt,)+];

            /// What the program calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$attempt => $name,)+
                }
            }
        }
    };
}

attempts! {
    /// Keeps what passes, and opens what it can.
    Read = "read",
    /// Puts envelopes of its own making among a publisher's.
    Forge = "forge",
    /// Passes the third record on before the second.
    Reorder = "reorder",
    /// Passes the first record on again, after the third.
    Replay = "replay",
    /// Leaves out the second and third record.
    WithholdMiddle = "withhold-middle",
    /// Leaves out everything after the third record.
    WithholdTail = "withhold-tail",
    /// Tells whoever follows the control log of a reader of its own.
    AddReader = "add-reader",
    /// Tells publishers to seal to a key of its own.
    OwnEpoch = "own-epoch",
    /// Tells administrators that a steward is in force that was revoked.
    OldSteward = "old-steward",
    /// Shows the oldest checkpoint that it saw.
    RollBack = "roll-back",
    /// Signs another root for the size that the guest knows.
    Fork = "fork",
    /// Signs a longer log that does not begin with the one that the guest knows.
    Grow = "grow",
    /// Says that its newest checkpoint is a quarter of an hour old.
    Freeze = "freeze",
    /// Says that there is no checkpoint.
    Hide = "hide",
}

impl Attempt {
    pub(super) fn meddler(self, node: NodeKey, spoils: &Path) -> Box<dyn Meddler> {
        match self {
            Self::Read => Box::new(Read::new(node, spoils)),
            Self::Forge => Box::new(Shown::new(Forged::new(node))),
            Self::Reorder => Box::new(Shown::new(Reordered::default())),
            Self::Replay => Box::new(Shown::new(Replayed::default())),
            Self::WithholdMiddle => Box::new(Shown::new(Withheld::new(1..3))),
            Self::WithholdTail => Box::new(Shown::new(Withheld::new(3..usize::MAX))),
            Self::AddReader => Box::new(AddedReader::new(node)),
            Self::OwnEpoch => Box::new(OwnEpoch::new(node)),
            Self::OldSteward => Box::new(OldSteward::default()),
            Self::RollBack => Box::new(RolledBack::default()),
            Self::Fork => Box::new(Forked::new(node)),
            Self::Grow => Box::new(Grown::new(node)),
            Self::Freeze => Box::new(Frozen::new(node)),
            Self::Hide => Box::new(Hidden),
        }
    }
}

impl FromStr for Attempt {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|attempt| attempt.name() == name).ok_or(())
    }
}

/// Says on standard output what was done: a test waits for it.
pub(super) fn tell(what: impl fmt::Display) {
    let line = format!("{what}\n");
    drop(std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()));
}
