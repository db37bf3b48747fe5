//! `log verify`: holds a log in files, or the proof of one entry, to the fingerprint of a root.
//! Nobody is asked.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use sekisho::audit::{
    Cosigner, LogFolder, LogProof, Proven, ProvenEntry, ReadLog, TlogPolicy, read_log, trusted,
};
use sekisho::{Hash, PROFILE_FILE, Profile, Timestamp, clock};
use sekisho_policy::in_words;
use sekisho_proto::AccessRecord;
use serde_json::{Value, json};

use crate::command::Common;
use crate::exit::Exit;
use crate::organisation::ADMINISTRATOR;
use crate::output;

/// Check a log in files, or one proof, offline.
#[derive(Debug, Args)]
#[command(after_help = "\
Of a folder every hash is computed again and every statement is replayed from the root. Where \
--dir names a folder with a profile, its root is taken unless --root is given, and a log of its own \
organisation must go on from what was last trusted there.

Ends with 1 where something is wrong, and names the first entry that is.")]
pub(crate) struct Verify {
    /// A folder as `log export` writes it, or a file as `log prove` does.
    path: PathBuf,
    /// The fingerprint of the organisation's root, 64 hexadecimal digits.
    #[arg(long, value_name = "FINGERPRINT")]
    root: Option<Hash>,
    /// Whose cosignatures there must be: a file in the tlog-policy format.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Verify {
    pub(super) fn run(self) -> Result<Exit> {
        let profile = profile_in(&self.common.dir);
        let root = match (self.root, &profile) {
            (Some(root), _) => root,
            (None, Some((_folder, profile))) => profile.root,
            (None, None) => {
                return Err(crate::fault::usage(
                    "wanted --root with the fingerprint of the organisation's root, or --dir with a \
                     folder that has a profile, found neither",
                ));
            }
        };
        let witnesses = self.policy.as_deref().map(read_policy).transpose()?;
        if self.path.is_dir() {
            return self.log(root, witnesses.as_ref(), profile);
        }
        self.proof(root, witnesses.as_ref())
    }

    fn log(
        &self,
        root: Hash,
        witnesses: Option<&TlogPolicy>,
        profile: Option<(PathBuf, Profile)>,
    ) -> Result<Exit> {
        let began = clock::now();
        let folder = LogFolder::at(&self.path);
        let log = folder.note()?.checkpoint()?.origin.parse()?;
        let known = match profile.filter(|(_folder, profile)| profile.root == root) {
            Some((folder, _profile)) => trusted(&folder, &log)?,
            None => None,
        };
        let read = read_log(&folder, root, witnesses, known.as_ref())?;
        let took = clock::now().saturating_since(began);
        if self.common.json {
            output::json(&log_document(&read, known.is_some(), took));
            return Ok(Exit::Done);
        }
        let size = output::count(read.tree.size(), "entry").replace("entrys", "entries");
        output::line(format!("{}: {size}, all of them in order", read.log));
        output::line(format!("root of the tree: {}", read.tree.root()));
        tell_signatures(read.node.as_ref(), read.signed, &read.cosigners);
        if let Some(known) = known {
            output::line(format!("goes on from the {} entries that were trusted last", known.size));
        }
        Ok(Exit::Done)
    }

    fn proof(&self, root: Hash, witnesses: Option<&TlogPolicy>) -> Result<Exit> {
        let path = &self.path;
        let text = fs::read_to_string(path).with_context(|| format!("{}: read", path.display()))?;
        let began = clock::now();
        let proven = LogProof::parse(&text)?.verify(root, witnesses)?;
        let took = clock::now().saturating_since(began);
        if self.common.json {
            let mut document = proof_document(&proven);
            if let Value::Object(fields) = &mut document {
                fields.insert("bytes".to_owned(), json!(text.len()));
                fields.insert("microseconds".to_owned(), json!(took.as_micros()));
            }
            output::json(&document);
            return Ok(Exit::Done);
        }
        let Proven { log, index, size, .. } = &proven;
        output::line(format!("{log} holds, as entry {index} of {size}:"));
        for line in words(&proven) {
            output::line(format!("  {line}"));
        }
        tell_signatures(proven.node.as_ref(), proven.signed, &proven.cosigners);
        Ok(Exit::Done)
    }
}

/// The profile of a folder, or of the administrator in it; none where there is none to be read.
fn profile_in(dir: &Path) -> Option<(PathBuf, Profile)> {
    let folders = [dir.to_owned(), dir.join(ADMINISTRATOR)];
    let folder = folders.into_iter().find(|folder| folder.join(PROFILE_FILE).exists())?;
    let profile = Profile::load(&folder).ok()?;
    Some((folder, profile))
}

fn read_policy(path: &Path) -> Result<TlogPolicy> {
    let bytes = fs::read(path).with_context(|| format!("{}: read", path.display()))?;
    TlogPolicy::parse(bytes).with_context(|| format!("{}", path.display()))
}

fn tell_signatures(node: &str, signed: Option<Timestamp>, cosigners: &[Cosigner]) {
    let at = signed
        .map_or_else(String::new, |time| format!(" at {}", output::moment(&time.to_string())));
    output::line(format!("signed by {node}{at}"));
    for Cosigner { name, time, .. } in cosigners {
        output::line(format!("cosigned by {name} at {}", output::moment(&time.to_string())));
    }
}

/// What was proven, for people.
fn words(proven: &Proven) -> Vec<String> {
    match &proven.entry {
        ProvenEntry::Statement { received, statement, is_authorised } => vec![
            in_words(statement.body()),
            format!("statement {}", statement.id()),
            format!("logged {}", output::moment(&received.to_string())),
            if *is_authorised {
                "signed by those who may".to_owned()
            } else {
                "whether those who signed it may is not shown by this proof alone".to_owned()
            },
        ],
        ProvenEntry::Access { entry, record: None } => vec![
            format!("an access: {}, in the hour of {}", entry.kind.name(), entry.hour),
            format!("commitment {}; by whom is not shown", entry.commitment),
        ],
        ProvenEntry::Access { record: Some(record), .. } => access_words(record),
    }
}

fn access_words(record: &AccessRecord) -> Vec<String> {
    let mut said = format!("{}: {}", record.kind.name(), record.subject);
    if let Some(topics) = &record.topics {
        said += &format!(" on {topics}");
    }
    if let Some(epoch) = record.epoch {
        said += &format!(", epoch {epoch}");
    }
    if let (Some(from), Some(to)) = (record.from, record.to) {
        said += &format!(", positions {from} to {to}");
    }
    if !record.purpose.is_empty() {
        said += &format!(", for {}", record.purpose);
    }
    vec![said, format!("at {}, with key {}", record.time, record.id)]
}

fn cosigners(cosigners: &[Cosigner]) -> Vec<Value> {
    let one =
        |cosigner: &Cosigner| json!({ "name": cosigner.name, "time": cosigner.time.to_string() });
    cosigners.iter().map(one).collect()
}

fn log_document(read: &ReadLog, known: bool, took: std::time::Duration) -> Value {
    json!({
        "log": read.log.to_string(),
        "entries": read.tree.size(),
        "root": read.tree.root().to_string(),
        "node": read.node.to_string(),
        "signed": read.signed.map(|time| time.to_string()),
        "cosigners": cosigners(&read.cosigners),
        "goes_on": known,
        "microseconds": took.as_micros(),
    })
}

fn proof_document(proven: &Proven) -> Value {
    let mut document = json!({
        "log": proven.log.to_string(),
        "index": proven.index,
        "entries": proven.size,
        "words": words(proven).join("; "),
        "node": proven.node.to_string(),
        "signed": proven.signed.map(|time| time.to_string()),
        "cosigners": cosigners(&proven.cosigners),
    });
    let Value::Object(fields) = &mut document else { return document };
    match &proven.entry {
        ProvenEntry::Statement { received, statement, is_authorised } => {
            fields.insert("kind".to_owned(), json!(statement.kind().name()));
            fields.insert("statement".to_owned(), json!(statement.id().to_string()));
            fields.insert("logged".to_owned(), json!(received.to_string()));
            fields.insert("authorised".to_owned(), json!(is_authorised));
        }
        ProvenEntry::Access { entry, record } => {
            fields.insert("kind".to_owned(), json!(entry.kind.name()));
            fields.insert("hour".to_owned(), json!(entry.hour.to_string()));
            let subject = record.as_ref().map(|record| record.subject.to_string());
            fields.insert("subject".to_owned(), json!(subject));
        }
    }
    document
}
