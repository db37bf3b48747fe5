//! What a peer's node says of a log of its organisation, and what may be wrong with it.

use sekisho_policy::PeeringView;
use sekisho_proto::{
    LogName, OrgName, ParseError, PublicKey, StatementVerifier, Timestamp, limits::CLOCK_AHEAD_MAX,
};
use sekisho_tlog::{Checkpoint, Note, NoteError, NoteKey, NoteKeyKind, WitnessError};

/// A checkpoint that a peer's node signed, with the time at which it did. Nothing is said about
/// what the log was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Of which log.
    pub log: LogName,
    /// The log's size and root.
    pub checkpoint: Checkpoint,
    /// When the node cosigned it, to the second.
    pub time: Timestamp,
    /// As it was received.
    pub note: Note,
}

/// Why a log, or what is said of it, is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// The log is shorter than it was, or is another one.
    #[error(transparent)]
    History(#[from] WitnessError),
    /// An old checkpoint: somebody keeps what happened since from being seen.
    #[error("log {log} is frozen: wanted a checkpoint of {wanted} or later, found one of {found}")]
    Frozen {
        /// Which.
        log: LogName,
        /// The earliest time that is taken.
        wanted: Timestamp,
        /// When the checkpoint was cosigned.
        found: Timestamp,
    },
    /// A checkpoint of the future: later ones would look old.
    #[error("log {log}: wanted a checkpoint of {wanted} or earlier, found one of {found}")]
    Ahead {
        /// Which.
        log: LogName,
        /// The latest time that is taken.
        wanted: Timestamp,
        /// When the checkpoint was cosigned.
        found: Timestamp,
    },
    /// The checkpoint is of more than was shown.
    #[error("log {log}: wanted all {size} entries of its checkpoint shown, found {shown}")]
    Withheld {
        /// Which.
        log: LogName,
        /// The checkpoint's size.
        size: u64,
        /// Entries that came.
        shown: u64,
    },
    /// No checkpoint has come for too long.
    #[error("log {log}: wanted a checkpoint, found none since {since}")]
    Missing {
        /// Which.
        log: LogName,
        /// When the last one came, or the connection began.
        since: Timestamp,
    },
    /// No checkpoint, or one that the peer's node did not sign.
    #[error("a log of {organisation}")]
    Note {
        /// Whose node it should have signed.
        organisation: OrgName,
        /// What is wrong with it.
        source: NoteError,
    },
    /// The log came through a peer and names no node that could have signed its checkpoint.
    #[error("log {log}: wanted a node that it names and has not revoked, found none")]
    NoNode {
        /// Which.
        log: LogName,
    },
    /// A checkpoint of no log, or of somebody else's.
    #[error("checkpoint: wanted a log of {organisation}, found {found}")]
    OtherLog {
        /// The peer.
        organisation: OrgName,
        /// Its origin line, safe to print.
        found: String,
    },
}

impl LogFault {
    /// In one word, for counting.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::History(WitnessError::RolledBack { .. }) => "rolled-back",
            Self::History(WitnessError::Forked { .. }) => "forked",
            Self::History(WitnessError::Inconsistent { .. }) => "inconsistent",
            Self::Frozen { .. } => "frozen",
            Self::Ahead { .. } => "ahead",
            Self::Withheld { .. } => "withheld",
            Self::Missing { .. } => "missing",
            Self::Note { .. } | Self::NoNode { .. } => "unsigned",
            Self::OtherLog { .. } => "other-log",
        }
    }
}

/// The name under which an organisation's node cosigns checkpoints, its own and others'.
#[must_use]
pub fn cosigner_name(organisation: &OrgName) -> String {
    format!("sekisho/{organisation}/node")
}

impl SignedCheckpoint {
    /// A checkpoint as the node of a peering must have signed it: as the log, and with the time.
    ///
    /// # Errors
    ///
    /// It is none of a log of that organisation, or its node did not sign it.
    pub fn parse(
        note: &str,
        peering: &PeeringView,
        verifier: &dyn StatementVerifier,
    ) -> Result<Self, LogFault> {
        let organisation = &peering.organisation;
        let (note, log) = read(note, organisation)?;
        Self::of(note, log, &peering.theirs.node_key, verifier)
    }

    /// The same of a log that came through a peer: one of the nodes that the log itself names must
    /// have signed.
    pub(crate) fn parse_passed_on(
        note: &str,
        organisation: &OrgName,
        node_keys: &[PublicKey],
        verifier: &dyn StatementVerifier,
    ) -> Result<Self, LogFault> {
        let (note, log) = read(note, organisation)?;
        let mut fault = LogFault::NoNode { log: log.clone() };
        for key in node_keys {
            match Self::of(note.clone(), log.clone(), key, verifier) {
                Ok(signed) => return Ok(signed),
                Err(found) => fault = found,
            }
        }
        Err(fault)
    }

    fn of(
        note: Note,
        log: LogName,
        node_key: &PublicKey,
        verifier: &dyn StatementVerifier,
    ) -> Result<Self, LogFault> {
        let organisation = log.organisation();
        let fault = |source| LogFault::Note { organisation: organisation.clone(), source };
        let key = |name: String, kind| {
            NoteKey::new(name, kind, *node_key).map_err(|source| fault(source.into()))
        };
        let signer = key(log.to_string(), NoteKeyKind::Log)?;
        let checkpoint = note.checkpoint_of(&signer, verifier).map_err(fault)?;
        let cosigner = key(cosigner_name(organisation), NoteKeyKind::Cosigner)?;
        let signed = note.verify(&cosigner, verifier).map_err(fault)?;
        let time = signed.time.unwrap_or(Timestamp::MIN);
        Ok(Self { log, checkpoint, time, note })
    }

    /// Whether it is from a time at which it could have been made, and not older than `newest`, the
    /// latest one seen before, by more than clocks may differ.
    pub(crate) fn check_time(
        &self,
        newest: Option<Timestamp>,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<(), LogFault> {
        let (log, found) = (self.log.clone(), self.time);
        let latest = now.saturating_add(CLOCK_AHEAD_MAX);
        if found > latest {
            return Err(LogFault::Ahead { log, wanted: latest, found });
        }
        let newest = newest.map(|newest| newest.saturating_sub(CLOCK_AHEAD_MAX));
        let wanted = newest.map_or(earliest, |newest| newest.max(earliest));
        if found < wanted {
            return Err(LogFault::Frozen { log, wanted, found });
        }
        Ok(())
    }
}

/// A note, and which log of the organisation it is of.
fn read(note: &str, organisation: &OrgName) -> Result<(Note, LogName), LogFault> {
    let fault = |source| LogFault::Note { organisation: organisation.clone(), source };
    let note = Note::parse(note).map_err(fault)?;
    let origin = note.checkpoint().map_err(|source| fault(source.into()))?.origin;
    let log: Result<LogName, ParseError> = origin.parse();
    let log = log.ok().filter(|log| log.organisation() == organisation);
    let Some(log) = log else {
        let found = origin.escape_debug().to_string();
        return Err(LogFault::OtherLog { organisation: organisation.clone(), found });
    };
    Ok((note, log))
}
