//! A statement that the root has to sign, on its way from one key's keeper to the next: its file
//! goes on a stick or by mail, so that the keys need never be on one machine.
//!
//! The file holds the root's own statement first, so that everybody can check who may sign and how
//! many must; then what is needed to understand the last one, which is what is signed. Nothing
//! that a keeper is shown comes from elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use sekisho::Fingerprint;
use sekisho_proto::statement::{OrgRoot, RevokeTarget};
use sekisho_proto::{
    Hash, PrincipalId, PublicKey, Statement, StatementBody, StatementVerifier as _, Timestamp,
};
use sekisho_seal::StrictVerifier;

use crate::root_key::RootKey;
use crate::{armour, fault, output};

const NAME: &str = "STATEMENT";

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Motion {
    root: Statement,
    /// What is known of whom the statement is about.
    context: Vec<Statement>,
    statement: Statement,
}

impl Motion {
    /// Something that nobody has signed yet. `root` is the organisation's.
    pub(crate) fn new(
        root: Statement,
        context: Vec<Statement>,
        body: StatementBody,
    ) -> Result<Self> {
        let motion = Self { root, context, statement: Statement::unsigned(body) };
        motion.check()?;
        Ok(motion)
    }

    /// Reads the text of one.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (_name, mut statements) = armour::parse("statement file", [NAME], text)?.context(
            "statement file: wanted a block -----BEGIN SEKISHO STATEMENT-----, found none",
        )?;
        let wanted = "statement file: wanted the root's statement and one to sign, found fewer";
        let statement = statements.pop().context(wanted)?;
        ensure!(!statements.is_empty(), "{wanted}");
        let root = statements.remove(0);
        let motion = Self { root, context: statements, statement };
        motion.check()?;
        Ok(motion)
    }

    /// Reads a file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{}: read", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Everything about it that can be checked by whoever holds it.
    fn check(&self) -> Result<()> {
        let root = self.org_root()?;
        let threshold = usize::try_from(root.threshold)?;
        let own = signers(&self.root, root)?;
        ensure!(
            own.len() >= threshold,
            "root of {}: wanted {threshold} signatures, found {}",
            root.organisation,
            own.len()
        );
        let about = self.statement.organisations();
        ensure!(
            about == [&root.organisation],
            "statement file: wanted a statement of {}, found one of another",
            root.organisation
        );
        self.words()?;
        signers(&self.statement, root)?;
        Ok(())
    }

    fn org_root(&self) -> Result<&OrgRoot> {
        let StatementBody::OrgRoot(root) = self.root.body() else {
            bail!("statement file: wanted a root first, found a {}", self.root.kind().name())
        };
        Ok(root)
    }

    /// The fingerprint of the root that is to sign.
    pub(crate) fn root(&self) -> Hash {
        self.root.body_hash()
    }

    pub(crate) const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// How many keys signed, and how many must.
    pub(crate) fn signatures(&self) -> Result<(usize, usize)> {
        let root = self.org_root()?;
        Ok((self.statement.signatures().len(), usize::try_from(root.threshold)?))
    }

    /// What it says, from its own bytes.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other kind is refused alike")]
    pub(crate) fn words(&self) -> Result<String> {
        let organisation = &self.org_root()?.organisation;
        match self.statement.body() {
            StatementBody::Issuer(issuer) => {
                let key = fingerprint(&issuer.public_key);
                let until = until(issuer.until);
                Ok(format!(
                    "{organisation}: {} becomes an issuer with the key {key}, {until}. An issuer \
                     enrols principals, grants rights and signs peerings in the organisation's \
                     name.",
                    issuer.name
                ))
            }
            StatementBody::Revoke(revoke) => {
                let (what, id) = match &revoke.target {
                    RevokeTarget::Principal(id) => ("is revoked, for good", *id),
                    RevokeTarget::Statement(target) => {
                        ("is no issuer any more", self.issuer(target)?)
                    }
                };
                let reason = if revoke.reason.is_empty() { "not said" } else { &revoke.reason };
                let key = Fingerprint::of(&id);
                let whose = self.name_of(&id);
                Ok(format!("{organisation}: the key {key}, {whose}, {what}. Reason: {reason}."))
            }
            other => bail!(
                "statement file: wanted an issuer or a revocation, found a {}: root keys sign \
                 nothing else",
                other.kind().name()
            ),
        }
    }

    /// The key that a statement beside this one makes an issuer's.
    fn issuer(&self, target: &Hash) -> Result<PrincipalId> {
        let found = self.context.iter().find(|statement| statement.id() == *target);
        let Some(StatementBody::Issuer(issuer)) = found.map(Statement::body) else {
            bail!("statement file: wanted the statement {target} that is to end, found it nowhere")
        };
        Ok(PrincipalId::of(&issuer.public_key))
    }

    /// Whose key it is, as statements say that the root itself signed.
    fn name_of(&self, id: &PrincipalId) -> String {
        let Ok(root) = self.org_root() else { return String::new() };
        let signed = |statement: &&Statement| {
            let count = signers(statement, root).map_or(0, |signers| signers.len());
            u32::try_from(count).is_ok_and(|count| count >= root.threshold)
        };
        let names = self.context.iter().filter(signed).filter_map(|statement| {
            let StatementBody::Issuer(issuer) = statement.body() else { return None };
            (PrincipalId::of(&issuer.public_key) == *id).then(|| issuer.name.to_string())
        });
        names.last().unwrap_or_else(|| "of somebody that this file does not name".to_owned())
    }

    /// Signs with root keys, each from its file or on its token: each must be one of the root's, and another than
    /// every one that has signed.
    pub(crate) fn sign(&mut self, files: &[PathBuf]) -> Result<()> {
        let mut used: Vec<(PrincipalId, &Path)> = Vec::new();
        for path in files {
            let key = RootKey::open(path)?;
            let id = PrincipalId::of(&key.public_key());
            let shown = path.display();
            if let Some((_id, earlier)) = used.iter().find(|(earlier, _path)| *earlier == id) {
                let words = format!(
                    "{shown}: wanted another root key than that of {}, found the same one: each \
                     counts once",
                    earlier.display()
                );
                return Err(fault::usage(words));
            }
            let root = self.org_root()?;
            ensure!(
                root.keys.contains(&key.public_key()),
                "{shown}: wanted one of the {} root keys of {}, found another key",
                root.keys.len(),
                root.organisation
            );
            if self.statement.signatures().iter().any(|signed| signed.signer == id) {
                let words = format!(
                    "{shown}: wanted a root key that has not signed, found one that has: each \
                     counts once"
                );
                return Err(fault::no(words));
            }
            self.statement = key.sign(self.statement.clone())?;
            used.push((id, path));
        }
        Ok(())
    }

    /// Whether enough keys signed.
    ///
    /// # Errors
    /// They did not; says what to do.
    pub(crate) fn ensure_complete(&self) -> Result<()> {
        let (found, wanted) = self.signatures()?;
        if found >= wanted {
            return Ok(());
        }
        let words = format!(
            "wanted the signatures of {wanted} root keys, found {found}: name more with --root, or \
             have `sekisho sign` add them to the file that --out writes"
        );
        Err(fault::no(words))
    }

    /// The text of it: what it says for people, then the block.
    fn print(&self) -> Result<String> {
        let (found, wanted) = self.signatures()?;
        let words = self.words()?;
        let about = [&self.root].into_iter().chain(&self.context);
        let statements: Vec<&Statement> = about.chain([&self.statement]).collect();
        let block = armour::print(NAME, &statements);
        Ok(format!(
            "{words}\nSigned by {found} of the {wanted} root keys that must. `sekisho sign` adds \
             one, `sekisho state` submits it.\n\n{block}"
        ))
    }

    /// Writes a file that was not there.
    pub(crate) fn create(&self, path: &Path) -> Result<()> {
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        let file =
            made.with_context(|| format!("{}: wanted to make a new file", path.display()))?;
        write(file, path, &self.print()?)
    }

    /// Writes the file anew, as a whole or not at all.
    pub(crate) fn replace(&self, path: &Path) -> Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let file = File::create(&beside).with_context(|| format!("{}: make", beside.display()))?;
        write(file, &beside, &self.print()?)?;
        fs::rename(&beside, path).with_context(|| format!("{}: replace", path.display()))
    }

    /// Says how far the file is and what is next.
    pub(crate) fn tell(&self, path: &Path) -> Result<()> {
        let (found, wanted) = self.signatures()?;
        let shown = path.display();
        output::line(format!("{shown}: signed by {found} of the {wanted} root keys that must"));
        output::line(if found < wanted {
            format!("next: sekisho sign {shown} --root KEYFILE, where the next root key is")
        } else {
            format!("next: sekisho state {shown}")
        });
        Ok(())
    }
}

fn write(mut file: File, path: &Path, text: &str) -> Result<()> {
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.with_context(|| format!("{}: write", path.display()))
}

/// The root keys that signed a statement.
///
/// # Errors
/// A signature is by another key, or is not its maker's.
fn signers(statement: &Statement, root: &OrgRoot) -> Result<Vec<PrincipalId>> {
    let message = statement.signing_input();
    let mut found = Vec::new();
    for signed in statement.signatures() {
        let key = root.keys.iter().find(|key| PrincipalId::of(key) == signed.signer);
        let shown = Fingerprint::of(&signed.signer);
        let key = key.with_context(|| {
            format!("statement file: wanted signatures of root keys only, found one of {shown}")
        })?;
        ensure!(
            StrictVerifier.verify(key, &message, &signed.signature),
            "statement file: wanted a signature that holds, found one of {shown} that does not"
        );
        found.push(signed.signer);
    }
    Ok(found)
}

fn fingerprint(key: &PublicKey) -> Fingerprint {
    Fingerprint::of(&PrincipalId::of(key))
}

fn until(until: Option<Timestamp>) -> String {
    until.map_or_else(
        || "until the root ends it".to_owned(),
        |until| format!("until {}", output::moment(&until.to_string())),
    )
}

#[cfg(test)]
mod tests;
