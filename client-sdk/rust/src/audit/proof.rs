//! One entry of a log in one file, with everything that somebody needs who has nothing but the
//! fingerprint of the organisation's root: C2SP tlog-proof, whose extra data are lines of text.
//!
//! ```text
//! sekisho-proof/v1
//! entry BASE64              the log's entry, verbatim
//! statement BASE64          from the root to the node's key, in this order; then those who signed
//!                           the entry's statement
//! record BASE64             of an access: the record that the entry commits to
//! opening HEX               and what shows that it does
//! ```

use bytes::Bytes;
use data_encoding::BASE64;
use sekisho_proto::{
    AccessEntry, AccessRecord, Hash, LogEntry, LogName, PrincipalName, PublicKey, Statement,
    Timestamp,
};
use sekisho_seal::{AccessOpening, StrictVerifier};
use sekisho_tlog::{Cosigner, Note, TlogPolicy, TlogProof, leaf_hash, verify_inclusion};

use super::{
    chain::{Chain, log_of},
    error::AuditError,
    folder::decode_statement,
};

const MAGIC: &str = "sekisho-proof/v1";

/// See the module.
#[derive(Debug, Clone)]
pub struct LogProof {
    /// The log's entry, verbatim.
    pub entry: Bytes,
    /// From the root to the node's key, then those who signed the entry's statement.
    pub statements: Vec<Statement>,
    /// Of an access, what the entry commits to.
    pub opened: Option<OpenedRecord>,
    /// The entry's index.
    pub index: u64,
    /// The way to the root.
    pub path: Vec<Hash>,
    /// The checkpoint.
    pub note: Note,
}

/// The record of an access, and what shows that an entry commits to it.
#[derive(Debug, Clone)]
pub struct OpenedRecord {
    /// The encoded record.
    pub record: Bytes,
    /// What shows it.
    pub opening: AccessOpening,
}

/// What a proof proves.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Of which log.
    pub log: LogName,
    /// At which place.
    pub index: u64,
    /// In a log of so many entries.
    pub size: u64,
    /// What is there.
    pub entry: ProvenEntry,
    /// The node that signed the log.
    pub node: PrincipalName,
    /// Its key.
    pub node_key: PublicKey,
    /// When it did.
    pub signed: Option<Timestamp>,
    /// The witnesses that cosigned, of those that the policy names.
    pub cosigners: Vec<Cosigner>,
}

/// What is in a log.
#[derive(Debug, Clone)]
pub enum ProvenEntry {
    /// A statement.
    Statement {
        /// When the node logged it.
        received: Timestamp,
        /// It.
        statement: Box<Statement>,
        /// Whether what the proof shows besides suffices to see that those who signed it might.
        is_authorised: bool,
    },
    /// An access.
    Access {
        /// What the log says of it.
        entry: AccessEntry,
        /// Who was let at what, where the proof says so.
        record: Option<Box<AccessRecord>>,
    },
}

impl LogProof {
    /// Reads the file of a proof.
    ///
    /// # Errors
    /// It is none, or what it carries besides is not as it must be.
    pub fn parse(text: &str) -> Result<Self, AuditError> {
        let proof = TlogProof::parse(text).map_err(AuditError::Proof)?;
        let extra = proof.extra.unwrap_or_default();
        let extra =
            String::from_utf8(extra).map_err(|_other| wrong("extra data", MAGIC, "bytes"))?;
        let mut lines = extra.lines();
        let magic = lines.next().unwrap_or_default();
        if magic != MAGIC {
            return Err(wrong("extra data", MAGIC, magic));
        }
        let (mut entry, mut record, mut opening) = (None, None, None);
        let mut statements = Vec::new();
        for line in lines {
            match line.split_once(' ') {
                Some(("entry", value)) if entry.is_none() => entry = Some(bytes("entry", value)?),
                Some(("statement", value)) => statements.push(decode_statement(value)?),
                Some(("record", value)) if record.is_none() => {
                    record = Some(bytes("record", value)?);
                }
                Some(("opening", value)) if opening.is_none() => {
                    let parsed: Result<AccessOpening, _> = value.parse();
                    let parsed = parsed.map_err(|_other| wrong("opening", "64 digits", value))?;
                    opening = Some(parsed);
                }
                _ => return Err(wrong("extra data", "entry, statement, record, opening", line)),
            }
        }
        let entry = entry.ok_or_else(|| wrong("extra data", "an entry", "none"))?;
        let opened = match (record, opening) {
            (Some(record), Some(opening)) => Some(OpenedRecord { record, opening }),
            (None, None) => None,
            _ => return Err(wrong("record", "one with its opening", "one of them")),
        };
        let (index, path, note) = (proof.index, proof.path, proof.note);
        Ok(Self { entry, statements, opened, index, path, note })
    }

    /// The file.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut extra = format!("{MAGIC}\nentry {}\n", BASE64.encode(&self.entry));
        for statement in &self.statements {
            extra += &format!("statement {}\n", BASE64.encode(&statement.encode()));
        }
        if let Some(OpenedRecord { record, opening }) = &self.opened {
            extra += &format!("record {}\nopening {opening}\n", BASE64.encode(record));
        }
        let (index, path, note) = (self.index, self.path.clone(), self.note.clone());
        TlogProof { extra: Some(extra.into_bytes()), index, path, note }.encode()
    }

    /// Which log it is of, as it says.
    ///
    /// # Errors
    /// [`AuditError::Origin`].
    pub fn log(&self) -> Result<LogName, AuditError> {
        log_of(&self.note)
    }

    /// Checks everything from the root on.
    ///
    /// # Errors
    /// [`AuditError`]: the first thing that does not hold.
    pub fn verify(&self, root: Hash, witnesses: Option<&TlogPolicy>) -> Result<Proven, AuditError> {
        let log = self.log()?;
        let chain = Chain::follow(log.organisation(), root, &self.statements)?;
        let signed = chain.signed(&log, &self.note, witnesses)?;
        let checkpoint = &signed.accepted.checkpoint;
        let leaf = leaf_hash(&self.entry);
        verify_inclusion(&leaf, self.index, checkpoint.size, &checkpoint.root, &self.path)
            .map_err(AuditError::Inclusion)?;
        let entry = match &log {
            LogName::Control(_) => self.statement(&chain)?,
            LogName::Access(_) => self.access()?,
        };
        Ok(Proven {
            index: self.index,
            size: checkpoint.size,
            entry,
            node_key: signed.node.public_key,
            node: signed.node.name,
            signed: signed.time,
            cosigners: signed.accepted.cosigners,
            log,
        })
    }

    fn statement(&self, chain: &Chain) -> Result<ProvenEntry, AuditError> {
        let malformed = |source| AuditError::Entry { index: self.index, source };
        let LogEntry { received, statement } = LogEntry::decode(&self.entry).map_err(malformed)?;
        let statement = Statement::decode(&statement).map_err(malformed)?;
        let mut policy = chain.policy().clone();
        let is_authorised = policy.apply(&statement, received, &StrictVerifier).is_ok();
        Ok(ProvenEntry::Statement { received, statement: Box::new(statement), is_authorised })
    }

    fn access(&self) -> Result<ProvenEntry, AuditError> {
        let malformed = |source| AuditError::Entry { index: self.index, source };
        let entry = AccessEntry::decode(&self.entry).map_err(malformed)?;
        let record = match &self.opened {
            None => None,
            Some(OpenedRecord { record, opening }) => {
                if !opening.opens(record, &entry.commitment) {
                    return Err(AuditError::Opening { commitment: entry.commitment });
                }
                let record = AccessRecord::decode(record).map_err(malformed)?;
                let says_the_same =
                    record.kind == entry.kind && AccessEntry::hour_of(record.time) == entry.hour;
                if !says_the_same {
                    return Err(wrong("record", "one of the entry's kind and hour", "another"));
                }
                Some(Box::new(record))
            }
        };
        Ok(ProvenEntry::Access { entry, record })
    }
}

fn bytes(part: &'static str, value: &str) -> Result<Bytes, AuditError> {
    let decoded = BASE64.decode(value.as_bytes());
    decoded.map(Bytes::from).map_err(|cause| wrong(part, "Base 64", &cause.to_string()))
}

fn wrong(part: &'static str, wanted: &'static str, found: &str) -> AuditError {
    AuditError::Extra { part, wanted, found: found.escape_debug().to_string() }
}
