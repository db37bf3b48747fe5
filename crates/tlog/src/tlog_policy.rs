//! Whose cosignatures suffice: a policy file of known logs, known witnesses and a quorum.

use std::{fmt, str::FromStr};

use sekisho_proto::{StatementVerifier, Timestamp};

use crate::{Checkpoint, Note, NoteError, NoteKey, encoding::quote};

mod draft;
mod parsing;

use draft::Draft;
pub use draft::TlogPolicyError;

/// A `tlog-policy` file: "a checkpoint is considered valid if it is signed by any one of the listed
/// logs, and it is cosigned by witnesses according to the defined quorum rule" (§What is a
/// "policy"?).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogPolicy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    /// Each names only witnesses, and groups before it.
    groups: Vec<Group>,
    quorum: Option<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Log {
    key: NoteKey,
    url: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Witness {
    name: Vec<u8>,
    key: NoteKey,
    url: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: Vec<u8>,
    threshold: usize,
    members: Vec<Member>,
}

/// A name, as its place among the witnesses or the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// A checkpoint that the policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Whose log it is.
    pub log: NoteKey,
    /// Every known witness that cosigned it, whether needed or not.
    pub cosigners: Vec<Cosigner>,
}

/// A known witness whose cosignature held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigner {
    /// What the policy calls it.
    pub name: String,
    /// Its key.
    pub key: NoteKey,
    /// When it cosigned.
    pub time: Timestamp,
}

impl TlogPolicy {
    /// The policy of one log, of which `threshold` of the named witnesses must have cosigned; with
    /// zero, none need to.
    ///
    /// # Errors
    ///
    /// A name or a key is there twice or cannot be used, or there are fewer witnesses than the
    /// threshold.
    pub fn of<N: AsRef<str>>(
        log: NoteKey,
        witnesses: impl IntoIterator<Item = (N, NoteKey)>,
        threshold: usize,
    ) -> Result<Self, TlogPolicyError> {
        const QUORUM: &[u8] = b"quorum-of-witnesses";
        let mut draft = Draft::default();
        draft.log(log, None)?;
        let mut names = Vec::new();
        for (name, key) in witnesses {
            draft.witness(name.as_ref().as_bytes(), key, None)?;
            names.push(name);
        }
        if threshold == 0 {
            draft.quorum(draft::NONE)?;
        } else {
            let members: Vec<_> = names.iter().map(|name| name.as_ref().as_bytes()).collect();
            draft.group(QUORUM, threshold, &members)?;
            draft.quorum(QUORUM)?;
        }
        draft.finish()
    }

    /// The keys of the logs whose checkpoints are accepted.
    pub fn logs(&self) -> impl Iterator<Item = &NoteKey> {
        self.logs.iter().map(|log| &log.key)
    }

    /// The keys of the witnesses whose cosignatures count.
    pub fn witnesses(&self) -> impl Iterator<Item = &NoteKey> {
        self.witnesses.iter().map(|witness| &witness.key)
    }

    /// Checks that a checkpoint is one of a listed log, and cosigned as the quorum demands.
    ///
    /// # Errors
    ///
    /// The note is no checkpoint, of no listed log, has a signature under the name of a listed key
    /// that the key did not make, or has too few cosignatures.
    pub fn check(
        &self,
        note: &Note,
        verifier: &dyn StatementVerifier,
    ) -> Result<Accepted, QuorumError> {
        let origin = note.checkpoint().map_err(NoteError::from)?.origin;
        let mut refused = None;
        for log in self.logs().filter(|log| log.name() == origin) {
            match self.check_of(log, note, verifier) {
                Err(QuorumError::Note(error @ NoteError::Unsigned { .. })) => refused = Some(error),
                outcome => return outcome,
            }
        }
        let unknown = QuorumError::Log { found: quote(&origin) };
        Err(refused.map_or(unknown, QuorumError::from))
    }

    /// Checks that a checkpoint is one of this log, whether listed or not, and cosigned as the
    /// quorum demands: "An application where the appropriate log(s) are known from other context
    /// may accept a policy with an empty set of logs" (§What is a "policy"?).
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_of(
        &self,
        log: &NoteKey,
        note: &Note,
        verifier: &dyn StatementVerifier,
    ) -> Result<Accepted, QuorumError> {
        self.accept(log, note, verifier, None)
    }

    /// As [`check_of`](Self::check_of), where only what was cosigned at `since` or later counts: an
    /// old checkpoint with its old cosignatures is no proof that it is still the newest.
    ///
    /// # Errors
    /// As there.
    pub fn check_since(
        &self,
        log: &NoteKey,
        note: &Note,
        verifier: &dyn StatementVerifier,
        since: Timestamp,
    ) -> Result<Accepted, QuorumError> {
        self.accept(log, note, verifier, Some(since))
    }

    fn accept(
        &self,
        log: &NoteKey,
        note: &Note,
        verifier: &dyn StatementVerifier,
        since: Option<Timestamp>,
    ) -> Result<Accepted, QuorumError> {
        let checkpoint = note.checkpoint_of(log, verifier)?;
        let mut cosigners = Vec::new();
        let mut witnessed = Vec::new();
        for witness in &self.witnesses {
            let time = match note.verify(&witness.key, verifier) {
                Ok(signed) => signed.time.filter(|time| since.is_none_or(|since| *time >= since)),
                Err(NoteError::Unsigned { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            witnessed.push(time.is_some());
            let name = || String::from_utf8_lossy(&witness.name).into_owned();
            let cosigner = |time| Cosigner { name: name(), key: witness.key.clone(), time };
            cosigners.extend(time.map(cosigner));
        }
        if self.is_quorum(&witnessed) {
            return Ok(Accepted { checkpoint, log: log.clone(), cosigners });
        }
        Err(QuorumError::Quorum {
            log: log.name().to_owned(),
            size: checkpoint.size,
            wanted: self.quorum_in_words(),
            found: cosigners.into_iter().map(|cosigner| cosigner.name).collect(),
        })
    }

    /// Whether witnesses that cosigned, by their places, are enough.
    fn is_quorum(&self, witnessed: &[bool]) -> bool {
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let has = |member: &&Member| has_witnessed(**member, witnessed, &groups);
            let count = group.members.iter().filter(has).count();
            groups.push(count >= group.threshold);
        }
        self.quorum.is_none_or(|quorum| has_witnessed(quorum, witnessed, &groups))
    }

    fn quorum_in_words(&self) -> String {
        let name = |member: Member| String::from_utf8_lossy(self.name(member)).into_owned();
        match self.quorum {
            None => "none".to_owned(),
            Some(quorum @ Member::Witness(_)) => name(quorum),
            Some(quorum @ Member::Group(at)) => self.groups.get(at).map_or_else(
                || name(quorum),
                |group| {
                    let names: Vec<_> = group.members.iter().map(|member| name(*member)).collect();
                    format!("{} of {}", group.threshold, names.join(", "))
                },
            ),
        }
    }

    fn name(&self, member: Member) -> &[u8] {
        let name = match member {
            Member::Witness(at) => self.witnesses.get(at).map(|witness| &witness.name),
            Member::Group(at) => self.groups.get(at).map(|group| &group.name),
        };
        name.map_or(draft::NONE, Vec::as_slice)
    }

    /// The file: logs, witnesses, groups, quorum. Names and URLs are octets, so that it need not be
    /// UTF-8.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut lines: Vec<Vec<Vec<u8>>> = Vec::new();
        for Log { key, url } in &self.logs {
            let mut line = vec![b"log".to_vec(), key.to_string().into_bytes()];
            line.extend(url.clone());
            lines.push(line);
        }
        for Witness { name, key, url } in &self.witnesses {
            let key = key.to_string().into_bytes();
            let mut line = vec![b"witness".to_vec(), name.clone(), key];
            line.extend(url.clone());
            lines.push(line);
        }
        for Group { name, threshold, members } in &self.groups {
            let threshold = threshold.to_string().into_bytes();
            let mut line = vec![b"group".to_vec(), name.clone(), threshold];
            line.extend(members.iter().map(|member| self.name(*member).to_vec()));
            lines.push(line);
        }
        let quorum = self.quorum.map_or(draft::NONE, |quorum| self.name(quorum));
        lines.push(vec![b"quorum".to_vec(), quorum.to_vec()]);
        lines.iter().flat_map(|line| [line.join(&b' '), vec![b'\n']].concat()).collect()
    }
}

fn has_witnessed(member: Member, witnesses: &[bool], groups: &[bool]) -> bool {
    let witnessed = match member {
        Member::Witness(at) => witnesses.get(at),
        Member::Group(at) => groups.get(at),
    };
    witnessed.copied().unwrap_or(false)
}

impl fmt::Display for TlogPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.encode()))
    }
}

impl FromStr for TlogPolicy {
    type Err = TlogPolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// A checkpoint that the policy does not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// Of a log that is not listed.
    #[error("checkpoint: wanted one of a log that the policy lists, found one of {found}")]
    Log {
        /// Its origin, safe to print.
        found: String,
    },
    /// Not enough witnesses cosigned it.
    #[error(
        "checkpoint of {log} at {size} entries: wanted cosignatures of {wanted}, found [{}]",
        found.join(", ")
    )]
    Quorum {
        /// Which log.
        log: String,
        /// Which of its sizes.
        size: u64,
        /// The quorum.
        wanted: String,
        /// The known witnesses that cosigned.
        found: Vec<String>,
    },
    /// The note is no checkpoint, or not signed as it must be.
    #[error(transparent)]
    Note(#[from] NoteError),
}
