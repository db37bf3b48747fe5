//! A policy while its lines are being added, each of which may only name what was defined before.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_proto::PublicKey;

use super::{Group, Log, Member, TlogPolicy, Witness};
use crate::{NoteKey, NoteKeyError, NoteKeyKind, encoding::quote};

/// The name of the quorum that demands nothing.
pub(super) const NONE: &[u8] = b"none";

/// Most logs, most witnesses and most groups. tlog-policy §Implementation limits: "at least up to 32
/// logs, 32 witnesses, and 32 groups".
const LINES_OF_A_KIND_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Draft {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Option<Member>>,
    names: BTreeMap<Vec<u8>, Member>,
    /// Names that a group has as a member already.
    taken: BTreeSet<Vec<u8>>,
    log_keys: BTreeSet<PublicKey>,
    witness_keys: BTreeSet<PublicKey>,
}

impl Draft {
    pub(super) fn log(&mut self, key: NoteKey, url: Option<&[u8]>) -> Result<(), TlogPolicyError> {
        limit("logs", self.logs.len())?;
        if !self.log_keys.insert(*key.public_key()) {
            return Err(TlogPolicyError::new("log", "each key once", &key.to_string()));
        }
        self.logs.push(Log { key, url: url.map(<[u8]>::to_vec) });
        Ok(())
    }

    pub(super) fn witness(
        &mut self,
        name: &[u8],
        key: NoteKey,
        url: Option<&[u8]>,
    ) -> Result<(), TlogPolicyError> {
        limit("witnesses", self.witnesses.len())?;
        if key.kind() != NoteKeyKind::Cosigner {
            let wanted = "a key of type 0x04, which cosigns";
            return Err(TlogPolicyError::new("witness", wanted, &key.to_string()));
        }
        if !self.witness_keys.insert(*key.public_key()) {
            return Err(TlogPolicyError::new("witness", "each key once", &key.to_string()));
        }
        self.define(name, Member::Witness(self.witnesses.len()))?;
        let (name, url) = (name.to_vec(), url.map(<[u8]>::to_vec));
        self.witnesses.push(Witness { name, key, url });
        Ok(())
    }

    pub(super) fn group(
        &mut self,
        name: &[u8],
        threshold: usize,
        members: &[&[u8]],
    ) -> Result<(), TlogPolicyError> {
        limit("groups", self.groups.len())?;
        if !(1..=members.len()).contains(&threshold) {
            let found = format!("{threshold} of {}", members.len());
            return Err(TlogPolicyError::new("group", "1 to as many as it has members", &found));
        }
        let mut places = Vec::new();
        for member in members {
            places.push(self.defined(member)?);
            if !self.taken.insert(member.to_vec()) {
                let wanted = "each name a member once, so that it counts once";
                return Err(TlogPolicyError::of_name("group", wanted, member));
            }
        }
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { name: name.to_vec(), threshold, members: places });
        Ok(())
    }

    pub(super) fn quorum(&mut self, name: &[u8]) -> Result<(), TlogPolicyError> {
        if self.quorum.is_some() {
            return Err(TlogPolicyError::of_name("quorum", "one line", name));
        }
        self.quorum = Some(if name == NONE { None } else { Some(self.defined(name)?) });
        Ok(())
    }

    pub(super) fn finish(self) -> Result<TlogPolicy, TlogPolicyError> {
        let Self { logs, witnesses, groups, quorum, .. } = self;
        let quorum = quorum.ok_or(TlogPolicyError {
            part: "quorum",
            wanted: "one line",
            found: "none".to_owned(),
        })?;
        Ok(TlogPolicy { logs, witnesses, groups, quorum })
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), TlogPolicyError> {
        let fits = |byte: &u8| *byte > b' ' && *byte != 0x7f;
        if name.is_empty() || name == NONE || !name.iter().all(fits) {
            let wanted = "a name of visible characters, other than none";
            return Err(TlogPolicyError::of_name("name", wanted, name));
        }
        if self.names.contains_key(name) {
            return Err(TlogPolicyError::of_name("name", "each defined once", name));
        }
        self.names.insert(name.to_vec(), member);
        Ok(())
    }

    fn defined(&self, name: &[u8]) -> Result<Member, TlogPolicyError> {
        let wanted = "a witness or group that a line before defines";
        self.names.get(name).copied().ok_or_else(|| TlogPolicyError::of_name("name", wanted, name))
    }
}

fn limit(part: &'static str, count: usize) -> Result<(), TlogPolicyError> {
    if count < LINES_OF_A_KIND_MAX {
        return Ok(());
    }
    Err(TlogPolicyError { part, wanted: "at most 256", found: "more".to_owned() })
}

/// Text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("witness policy: {part}: wanted {wanted}, found {found}")]
pub struct TlogPolicyError {
    pub(super) part: &'static str,
    pub(super) wanted: &'static str,
    pub(super) found: String,
}

impl TlogPolicyError {
    pub(super) fn new(part: &'static str, wanted: &'static str, found: &str) -> Self {
        Self { part, wanted, found: quote(found) }
    }

    pub(super) fn of_name(part: &'static str, wanted: &'static str, found: &[u8]) -> Self {
        Self::new(part, wanted, &String::from_utf8_lossy(found))
    }

    pub(super) fn of_key(part: &'static str, source: &NoteKeyError) -> Self {
        let found = source.to_string();
        Self { part, wanted: "a verifier key that this program can use", found }
    }
}
