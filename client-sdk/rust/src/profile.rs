//! A principal's folder: who it is, which node it speaks to, which root it trusts, and its keys.
//!
//! ```text
//! DIR/profile.toml    principal, root fingerprint, node address and key: nothing secret
//! DIR/identity.key    the private keys, mode 0600
//! ```

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use sekisho_proto::{Hash, PrincipalName, PublicKey};
use sekisho_seal::{Identity, KeyFile, KeyFileError, KeyKind};
use thiserror::Error;

use crate::{Endpoint, Trust};

/// The file with everything that is not secret.
pub const PROFILE_FILE: &str = "profile.toml";
/// The file with the private keys.
pub const IDENTITY_FILE: &str = "identity.key";

/// What a client needs to know before it can connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Who it is.
    pub principal: PrincipalName,
    /// SHA-256 of the body of its organisation's root statement.
    pub root: Hash,
    /// Its node's address, `host:port`.
    pub node: String,
    /// The only key that the node may prove to hold.
    pub node_key: PublicKey,
    /// Its web listener's address, `host:port`, where it has one that this principal may use.
    pub web: Option<String>,
}

/// A profile that cannot be used or made.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// The file cannot be read or written.
    #[error("profile {}: {action}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("profile {}: not TOML", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A key is missing, unknown or wrong.
    #[error("profile {}: {key}: wanted {wanted}, found {found}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: String,
        /// What would have been right.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// The key file was refused.
    #[error(transparent)]
    Identity(#[from] KeyFileError),
}

impl Profile {
    /// Reads the profile in a folder.
    ///
    /// # Errors
    /// It is missing, is not TOML, or a key of it is missing, unknown or wrong.
    pub fn load(dir: &Path) -> Result<Self, ProfileError> {
        let path = dir.join(PROFILE_FILE);
        let text = fs::read_to_string(&path).map_err(|source| ProfileError::Io {
            path: path.clone(),
            action: "read",
            source,
        })?;
        let table: toml::Table = text.parse().map_err(|source| ProfileError::Syntax {
            path: path.clone(),
            source: Box::new(source),
        })?;
        let mut keys = Keys { path, table };
        let profile = Self {
            principal: keys
                .take("principal", "a name such as truck-17@fujisawa", |text| text.parse().ok())?,
            root: keys.take("root", "64 hexadecimal digits", |text| text.parse().ok())?,
            node: keys.take("node", "host:port", address)?,
            node_key: keys.take("node_key", "64 hexadecimal digits", |text| text.parse().ok())?,
            web: keys.take_optional("web", "host:port", address)?,
        };
        keys.finish()?;
        Ok(profile)
    }

    /// The principal's keys, from the same folder.
    ///
    /// # Errors
    /// The key file is missing, open to others, or not one.
    pub fn identity(dir: &Path) -> Result<Arc<Identity>, ProfileError> {
        Ok(Arc::new(Identity::load(&dir.join(IDENTITY_FILE))?))
    }

    /// Writes profile and keys into a folder, which is made where it is not there.
    ///
    /// # Errors
    /// There are keys already, or the system refuses.
    pub fn create(
        &self,
        dir: &Path,
        kind: KeyKind,
        identity: Identity,
    ) -> Result<(), ProfileError> {
        fs::create_dir_all(dir).map_err(|source| ProfileError::Io {
            path: dir.to_owned(),
            action: "make the folder",
            source,
        })?;
        let key_file = KeyFile { kind, name: self.principal.clone(), identity };
        key_file.create(&dir.join(IDENTITY_FILE))?;
        self.save(dir)
    }

    /// Writes the profile alone into a folder, beside keys that are there.
    ///
    /// # Errors
    /// The system refuses.
    pub fn save(&self, dir: &Path) -> Result<(), ProfileError> {
        let path = dir.join(PROFILE_FILE);
        replace(dir, &path, &self.to_string()).map_err(|source| ProfileError::Io {
            path,
            action: "write",
            source,
        })
    }

    /// Where the node is and what it must prove.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            address: self.node.clone(),
            node_key: self.node_key,
            organisation: self.principal.organisation().clone(),
        }
    }

    /// The root that everything is checked against.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust { organisation: self.principal.organisation().clone(), root: self.root }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { principal, root, node, node_key, web } = self;
        writeln!(f, "principal = \"{principal}\"")?;
        writeln!(f, "root = \"{root}\"")?;
        writeln!(f, "node = \"{node}\"")?;
        writeln!(f, "node_key = \"{node_key}\"")?;
        match web {
            Some(web) => writeln!(f, "web = \"{web}\""),
            None => Ok(()),
        }
    }
}

/// Writes a file: either the old one or the new one is there, whenever the power fails.
fn replace(dir: &Path, path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(dir)?.sync_all()
}

fn address(text: &str) -> Option<String> {
    text.contains(':').then(|| text.to_owned())
}

struct Keys {
    path: PathBuf,
    table: toml::Table,
}

impl Keys {
    fn take<T>(
        &mut self,
        key: &'static str,
        wanted: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ProfileError> {
        let found = match self.table.remove(key) {
            Some(toml::Value::String(text)) => match parse(&text) {
                Some(value) => return Ok(value),
                None => format!("{text:?}"),
            },
            Some(other) => other.type_str().to_owned(),
            None => "nothing".to_owned(),
        };
        Err(ProfileError::Key { path: self.path.clone(), key: key.to_owned(), wanted, found })
    }

    fn take_optional<T>(
        &mut self,
        key: &'static str,
        wanted: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ProfileError> {
        if !self.table.contains_key(key) {
            return Ok(None);
        }
        self.take(key, wanted, parse).map(Some)
    }

    fn finish(self) -> Result<(), ProfileError> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => Err(ProfileError::Key {
                path: self.path.clone(),
                key: key.clone(),
                wanted: "principal, root, node, node_key and web only",
                found: "another key".to_owned(),
            }),
        }
    }
}
