//! An organisation's folder: its keys, its first statements, its node's and its steward's settings.
//!
//! ```text
//! DIR/sekisho.toml           the node's configuration
//! DIR/genesis.statements     root, issuers, principals and grants that everything begins with
//! DIR/keys/root.key          signs issuers; may be moved away once the folder is made
//! DIR/keys/node.key          the node's key
//! DIR/administrator/         profile and key of administrator@ORG, an issuer
//! DIR/steward/               profile and key of steward@ORG, an issuer; its epoch seeds
//! DIR/data/                  what the node keeps
//! ```

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use sekisho::{OsEntropy, PROFILE_FILE, Profile, clock};
use sekisho_proto::statement::{Grant, Issuer, OrgRoot, Principal};
use sekisho_proto::{
    Action, Actions, Filter, Grantee, Hash, OrgName, PrincipalKind, PrincipalName, PublicKey,
    Statement, StatementBody, Timestamp,
};
use sekisho_seal::{Identity, KeyFile, KeyKind, SigningKey, sign_statement};

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
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// What everybody else pins.
    pub(crate) root: Hash,
    pub(crate) node_key: PublicKey,
}

/// Whether a folder is an organisation's.
///
/// # Errors
/// It is another one, or none.
pub(crate) fn check(dir: &Path) -> Result<()> {
    ensure!(
        dir.join(CONFIGURATION).exists(),
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
    let own = dir.join(PROFILE_FILE).exists();
    ensure!(
        own || dir.join(STEWARD).join(PROFILE_FILE).exists(),
        "{}: wanted a folder made by `sekisho init`, or the steward's in it, found no \
         {STEWARD}/{PROFILE_FILE} in it; name it with --dir",
        dir.display()
    );
    Ok(())
}

/// Makes the folder with everything in it.
pub(crate) fn make(plan: &Plan) -> Result<Made> {
    let taken = plan.dir.join(CONFIGURATION);
    ensure!(
        !taken.exists(),
        "{}: wanted a new folder, found an organisation in it; name another with --dir",
        plan.dir.display()
    );
    for folder in ["", "keys", ADMINISTRATOR, STEWARD] {
        let path = plan.dir.join(folder);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("{}: make the folder", path.display()))?;
    }
    let now = clock::now();
    let founders = Founders::draw(&plan.organisation)?;
    let statements = founders.statements(now)?;
    let root = statements.first().map(Statement::body_hash).context("a genesis has a root")?;
    founders.keep(plan, root)?;
    write(&plan.dir.join("genesis.statements"), &sekisho_broker::genesis::encode(&statements))?;
    write(&plan.dir.join(CONFIGURATION), configuration(plan).as_bytes())?;
    Ok(Made { root, node_key: founders.node.identity.signing().public_key() })
}

struct Founders {
    organisation: OrgName,
    root: KeyFile,
    administrator: KeyFile,
    steward: KeyFile,
    node: KeyFile,
}

impl Founders {
    fn draw(organisation: &OrgName) -> Result<Self> {
        let draw = |name: &str, kind: KeyKind| -> Result<KeyFile> {
            let name = PrincipalName::new(name, organisation)?;
            let identity = Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut OsEntropy::new())?;
            Ok(KeyFile { kind, name, identity })
        };
        Ok(Self {
            organisation: organisation.clone(),
            root: draw("root", KeyKind::Root)?,
            administrator: draw("administrator", KeyKind::Principal(PrincipalKind::Person))?,
            steward: draw("steward", KeyKind::Principal(PrincipalKind::Steward))?,
            node: draw("node", KeyKind::Principal(PrincipalKind::Node))?,
        })
    }

    /// Everything that must stand before the node can start, signed from the root down.
    fn statements(&self, now: Timestamp) -> Result<Vec<Statement>> {
        let root = self.root.identity.signing();
        let issuer = self.administrator.identity.signing();
        let everything: Filter = format!("{}/#", self.organisation).parse()?;
        let mut statements = vec![signed(
            StatementBody::OrgRoot(OrgRoot {
                organisation: self.organisation.clone(),
                keys: vec![root.public_key()],
                threshold: 1,
                issued: now,
            }),
            root,
        )];
        for file in [&self.administrator, &self.steward] {
            let body = StatementBody::Issuer(Issuer {
                name: file.name.clone(),
                public_key: file.identity.signing().public_key(),
                issued: now,
                until: None,
            });
            statements.push(signed(body, root));
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

    fn keep(&self, plan: &Plan, root: Hash) -> Result<()> {
        self.root.create(&plan.dir.join("keys/root.key"))?;
        self.node.create(&plan.dir.join("keys/node.key"))?;
        for (file, folder) in [(&self.administrator, ADMINISTRATOR), (&self.steward, STEWARD)] {
            let profile = Profile {
                principal: file.name.clone(),
                root,
                node: plan.address.clone(),
                node_key: self.node.identity.signing().public_key(),
            };
            profile.create(&plan.dir.join(folder), file.kind, file.identity.clone())?;
        }
        Ok(())
    }
}

fn principal(file: &KeyFile, kind: PrincipalKind, now: Timestamp) -> Principal {
    let kem = file.identity.kem();
    Principal {
        name: file.name.clone(),
        kind,
        public_key: file.identity.signing().public_key(),
        kem_suite: kem.suite(),
        kem_public_key: kem.public_key().to_bytes().into(),
        issued: now,
        until: None,
    }
}

/// Signs one statement.
pub(crate) fn signed(body: StatementBody, key: &SigningKey) -> Statement {
    sign_statement(Statement::unsigned(body), key)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("{}: write", path.display()))
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
         \n\
         [storage]\n\
         retention_days = 30         # 0 = for ever; a topic's descriptor may say otherwise\n\
         free_mebibytes_min = 256    # publishing stops when the disk has less free\n"
    )
}
