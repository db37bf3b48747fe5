//! An organisation's folder: its keys, its first statements, its node's and its steward's settings.
//!
//! ```text
//! DIR/sekisho.toml           the node's configuration
//! DIR/genesis.statements     root, issuers, principals and grants that everything begins with
//! DIR/keys/root.key          names and ends issuers; to be moved away once the folder is made. Where
//!                            there are several: root-1.key, root-2.key, …
//! DIR/keys/node.key          the node's key
//! DIR/administrator/         profile and key of administrator@ORG, an issuer
//! DIR/steward/               profile and key of steward@ORG, an issuer; its epoch seeds
//! DIR/data/                  what the node keeps
//! ```

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use sekisho::{IDENTITY_FILE, OsEntropy, PROFILE_FILE, Profile, clock};
use sekisho_proto::statement::{Grant, Issuer, OrgRoot, Principal};
use sekisho_proto::{
    Action, Actions, Filter, Grantee, Hash, OrgName, PrincipalKind, PrincipalName, PublicKey,
    Statement, StatementBody, Timestamp,
};
use sekisho_seal::{Identity, KeyFile, KeyKind, SigningKey, sign_statement};

use crate::root_key::RootKey;

/// The folder with the administrator's profile, inside an organisation's folder.
pub(crate) const ADMINISTRATOR: &str = "administrator";
/// The folder with the steward's profile and seeds, inside an organisation's folder.
pub(crate) const STEWARD: &str = "steward";

/// The node's settings, by which an organisation's folder is known.
pub(crate) const CONFIGURATION: &str = "sekisho.toml";

/// What a new organisation is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) organisation: OrgName,
    pub(crate) dir: PathBuf,
    /// Where the node listens.
    pub(crate) listen: String,
    /// What others dial: the listener's address as seen from outside.
    pub(crate) address: String,
    /// Health and metrics.
    pub(crate) http: String,
    /// Root keys, 1 to 16.
    pub(crate) root_keys: usize,
    /// The root keys on tokens, by their URIs; where there are any, there are no others.
    pub(crate) root_tokens: Vec<PathBuf>,
    /// How many of them must sign, 1 to all.
    pub(crate) root_threshold: usize,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// What everybody else pins.
    pub(crate) root: Hash,
    pub(crate) node_key: PublicKey,
    /// The files of the root's keys: to be moved away.
    pub(crate) root_files: Vec<PathBuf>,
}

/// Whether a file or folder is there.
///
/// # Errors
/// The system does not say, as where one may not look into the folder: that is no reason to take it
/// for missing.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    path.try_exists().with_context(|| format!("{}: look for it", path.display()))
}

/// Whether a folder is an organisation's.
///
/// # Errors
/// It is another one, or none.
pub(crate) fn check(dir: &Path) -> Result<()> {
    ensure!(
        is_there(&dir.join(CONFIGURATION))?,
        "{}: wanted an organisation's folder made by `sekisho init`, found no {CONFIGURATION} in \
         it; name it with --dir",
        dir.display()
    );
    Ok(())
}

/// Whether a folder is a steward's, or an organisation's with its steward in it.
///
/// # Errors
/// It is another one, or none.
pub(crate) fn check_steward(dir: &Path) -> Result<()> {
    let own = is_there(&dir.join(PROFILE_FILE))?;
    ensure!(
        own || is_there(&dir.join(STEWARD).join(PROFILE_FILE))?,
        "{}: wanted a folder made by `sekisho init`, or the steward's in it, found no \
         {STEWARD}/{PROFILE_FILE} in it; name it with --dir",
        dir.display()
    );
    Ok(())
}

/// Whether a folder is a steward's, or an organisation's with its steward in it: another
/// principal's asks the steward past the node.
///
/// # Errors
/// It is neither, nor one that somebody joined into.
pub(crate) fn has_steward(dir: &Path) -> Result<bool> {
    if is_there(&dir.join(PROFILE_FILE))? {
        let kind = KeyFile::load(&dir.join(IDENTITY_FILE))?.kind;
        return Ok(kind == KeyKind::Principal(PrincipalKind::Steward));
    }
    ensure!(
        is_there(&dir.join(STEWARD).join(PROFILE_FILE))?,
        "{}: wanted a folder made by `sekisho init` or `sekisho join`, found neither \
         {STEWARD}/{PROFILE_FILE} nor {PROFILE_FILE} in it; name it with --dir",
        dir.display()
    );
    Ok(true)
}

/// Makes the folder with everything in it.
pub(crate) fn make(plan: &Plan) -> Result<Made> {
    let taken = plan.dir.join(CONFIGURATION);
    ensure!(
        !is_there(&taken)?,
        "{dir}: wanted a new folder, found an organisation in it; `sekisho serve --dir {dir}` runs that \
         one; name another with --dir",
        dir = plan.dir.display()
    );
    for folder in ["", "keys", ADMINISTRATOR, STEWARD] {
        let path = plan.dir.join(folder);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .and_then(|()| keep_entry(&path))
            .with_context(|| format!("{}: make the folder", path.display()))?;
    }
    let now = clock::now();
    let founders = Founders::draw(plan)?;
    let statements = founders.statements(now)?;
    let root = statements.first().map(Statement::body_hash).context("a genesis has a root")?;
    let root_files = founders.keep(plan, root)?;
    write(&plan.dir.join("genesis.statements"), &sekisho_broker::genesis::encode(&statements))?;
    write(&plan.dir.join(CONFIGURATION), configuration(plan).as_bytes())?;
    Ok(Made { root, node_key: founders.node.identity.signing().public_key(), root_files })
}

struct Founders {
    organisation: OrgName,
    roots: Vec<RootKey>,
    /// How many of them must sign.
    threshold: usize,
    administrator: KeyFile,
    steward: KeyFile,
    node: KeyFile,
}

impl Founders {
    fn draw(plan: &Plan) -> Result<Self> {
        let Plan { organisation, root_keys, root_tokens, root_threshold, .. } = plan;
        let draw = |name: &str, kind: KeyKind| -> Result<KeyFile> {
            let name = PrincipalName::new(name, organisation)?;
            let identity = Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut OsEntropy::new())?;
            Ok(KeyFile { kind, name, identity })
        };
        Ok(Self {
            organisation: organisation.clone(),
            roots: if root_tokens.is_empty() {
                let names = root_names(*root_keys).into_iter();
                names
                    .map(|name| draw(&name, KeyKind::Root).map(Box::new).map(RootKey::File))
                    .collect::<Result<_>>()?
            } else {
                root_tokens.iter().map(|name| RootKey::open(name)).collect::<Result<_>>()?
            },
            threshold: *root_threshold,
            administrator: draw("administrator", KeyKind::Principal(PrincipalKind::Person))?,
            steward: draw("steward", KeyKind::Principal(PrincipalKind::Steward))?,
            node: draw("node", KeyKind::Principal(PrincipalKind::Node))?,
        })
    }

    /// Everything that must stand before the node can start, signed from the root down.
    fn statements(&self, now: Timestamp) -> Result<Vec<Statement>> {
        let mut keys: Vec<PublicKey> = self.roots.iter().map(RootKey::public_key).collect();
        keys.sort_unstable();
        let twice = keys.windows(2).any(|pair| pair.first() == pair.last());
        ensure!(!twice, "root keys: wanted each once, found one twice");
        let by_root = |body| {
            let mut signers = self.roots.iter().take(self.threshold);
            signers.try_fold(Statement::unsigned(body), |statement, key| key.sign(statement))
        };
        let issuer = self.administrator.identity.signing();
        let everything: Filter = format!("{}/#", self.organisation).parse()?;
        let mut statements = vec![by_root(StatementBody::OrgRoot(OrgRoot {
            organisation: self.organisation.clone(),
            keys,
            threshold: u32::try_from(self.threshold)?,
            issued: now,
        }))?];
        for file in [&self.administrator, &self.steward] {
            let body = StatementBody::Issuer(Issuer {
                name: file.name.clone(),
                public_key: file.identity.signing().public_key(),
                issued: now,
                until: None,
            });
            statements.push(by_root(body)?);
        }
        for (file, kind) in [
            (&self.administrator, PrincipalKind::Person),
            (&self.steward, PrincipalKind::Steward),
            (&self.node, PrincipalKind::Node),
        ] {
            statements.push(signed(StatementBody::Principal(principal(file, kind, now)), issuer));
        }
        let actions: Actions =
            [Action::Administer, Action::Discover, Action::Grant].into_iter().collect();
        let body = StatementBody::Grant(Grant {
            organisation: self.organisation.clone(),
            grantee: Grantee::Principal(self.administrator.name.clone()),
            actions,
            filter: everything,
            purpose: "administration".to_owned(),
            issued: now,
            from: now,
            until: None,
            history_from: None,
            onward: false,
            rate_per_s: None,
        });
        statements.push(signed(body, issuer));
        Ok(statements)
    }

    fn keep(&self, plan: &Plan, root: Hash) -> Result<Vec<PathBuf>> {
        let keys = plan.dir.join("keys");
        let mut root_files = Vec::with_capacity(self.roots.len());
        for file in self.roots.iter().filter_map(RootKey::file) {
            let path = keys.join(format!("{}.key", file.name.name()));
            file.create(&path)?;
            root_files.push(path);
        }
        self.node.create(&plan.dir.join("keys/node.key"))?;
        for (file, folder) in [(&self.administrator, ADMINISTRATOR), (&self.steward, STEWARD)] {
            let profile = Profile {
                principal: file.name.clone(),
                root,
                node: plan.address.clone(),
                node_key: self.node.identity.signing().public_key(),
                web: None,
            };
            profile.create(&plan.dir.join(folder), file.kind, file.identity.clone())?;
        }
        Ok(root_files)
    }
}

/// What the root's keys are called: one is `root`, several are numbered.
fn root_names(count: usize) -> Vec<String> {
    if count == 1 {
        return vec!["root".to_owned()];
    }
    (1..=count).map(|number| format!("root-{number}")).collect()
}

/// The root's key files that are in an organisation's folder.
///
/// # Errors
/// The folder of keys is there and cannot be read.
pub(crate) fn root_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let keys = dir.join("keys");
    if !is_there(&keys)? {
        return Ok(Vec::new());
    }
    let failed = || format!("{}: read the folder", keys.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(&keys).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let is_key = path.extension().is_some_and(|extension| extension == "key");
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if is_key && (stem == "root" || stem.starts_with("root-")) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

pub(crate) fn principal(file: &KeyFile, kind: PrincipalKind, now: Timestamp) -> Principal {
    let kem = file.identity.kem();
    Principal {
        name: file.name.clone(),
        kind,
        public_key: file.identity.signing().public_key(),
        kem_suite: kem.suite(),
        kem_public_key: kem.public_key().to_bytes().into(),
        issued: now,
        until: None,
        attested: false,
    }
}

/// Signs one statement.
pub(crate) fn signed(body: StatementBody, key: &SigningKey) -> Statement {
    sign_statement(Statement::unsigned(body), key)
}

/// Writes a file that is there from now on, whenever the power fails.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        keep_entry(path)
    };
    written().with_context(|| format!("{}: write", path.display()))
}

/// Makes the name of a file or folder durable.
fn keep_entry(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The node's configuration, with what one is most likely to change.
fn configuration(plan: &Plan) -> String {
    let Plan { organisation, listen, http, .. } = plan;
    format!(
        "# The node of {organisation}. `docs/config.md` lists every key; all but `organisation` have defaults.\n\
         organisation = \"{organisation}\"\n\
         \n\
         [listen]\n\
         quic = \"{listen}\"    # clients and peers; UDP\n\
         http = \"{http}\"    # health and metrics; loopback only\n\
         # web = \"0.0.0.0:8443\"     # closed: HTTP, WebSocket, gRPC, SensorThings over TLS; TCP\n\
         # mqtt = \"0.0.0.0:8883\"    # closed: MQTT over TLS; TCP\n\
         \n\
         [storage]\n\
         retention_days = 30         # 0 = for ever; a topic's descriptor may say otherwise\n\
         free_mebibytes_min = 256    # publishing stops when the disk has less free\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_looked_at_is_not_told_as_missing() {
        // Root may look anywhere; nobody may look into what is no folder.
        let file = tempfile::NamedTempFile::new().unwrap();
        for looked in [check(file.path()), check_steward(file.path())] {
            let said = format!("{:#}", looked.unwrap_err());
            assert!(said.contains("look for it: Not a directory"), "{said}");
        }
        assert!(has_steward(file.path()).is_err());
        let empty = tempfile::tempdir().unwrap();
        let said = format!("{:#}", check(empty.path()).unwrap_err());
        assert!(said.contains("found no sekisho.toml in it"), "{said}");
    }
}
