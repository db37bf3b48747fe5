//! A person, device or app of a city: enrolled with a token, joined with it, and connected as its
//! own program would be.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sekisho::{
    Client, ClientOptions, ConnectError, Identity, PrincipalName, Profile, PublicKey, Via,
};

use crate::city::City;
use crate::command::{Said, sekisho};
use crate::patience::within;

/// Reconnecting members try this often: a test's node is back at once.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

/// Somebody with keys and a profile in a folder.
#[derive(Debug, Clone)]
pub struct Member {
    dir: PathBuf,
    profile: Profile,
    identity: Arc<Identity>,
    via: Via,
}

impl Member {
    /// Enrols a name with a token that admits at once, and joins with it. Options are those of
    /// `sekisho enrol`, such as `--topics`, `--read` and `--kind`.
    pub async fn enrol(city: &City, name: &str, options: &[&str]) -> Self {
        let dir = city.place(name);
        let token = city.place(format!("{name}.token"));
        let path = token.to_str().expect("a path of text");
        let mut enrol = vec!["enrol", name, "--approve-matching", "--out", path];
        enrol.extend(options);
        city.run(&enrol).await.succeeded();
        let folder = dir.to_str().expect("a path of text");
        sekisho(&["join", path, "--dir", folder]).await.succeeded();
        Self::at(dir)
    }

    /// A device that may publish below a filter.
    pub async fn device(city: &City, name: &str, topics: &str) -> Self {
        Self::enrol(city, name, &["--topics", topics]).await
    }

    /// An app that may read, live and history, and open, below a filter.
    pub async fn reader(city: &City, name: &str, topics: &str) -> Self {
        Self::enrol(city, name, &["--kind", "app", "--read", topics]).await
    }

    /// Whoever's keys and profile are in a folder.
    #[must_use]
    pub fn at(dir: PathBuf) -> Self {
        let profile = Profile::load(&dir).expect("a profile");
        let identity = Profile::identity(&dir).expect("keys");
        Self { dir, profile, identity, via: Via::Quic }
    }

    /// The same, that looks for its node elsewhere from now on.
    #[must_use]
    pub fn sent_to(&self, address: SocketAddr) -> Self {
        let profile = Profile { node: address.to_string(), ..self.profile.clone() };
        profile.save(&self.dir).expect("a profile can be kept");
        Self { profile, ..self.clone() }
    }

    /// The same, that goes in by another door of its node from now on.
    #[must_use]
    pub fn through(&self, via: Via) -> Self {
        Self { via, ..self.clone() }
    }

    /// The same, that expects another key of its node from now on, and keeps that to itself.
    #[must_use]
    pub fn expecting(&self, node_key: PublicKey) -> Self {
        Self { profile: Profile { node_key, ..self.profile.clone() }, ..self.clone() }
    }

    /// Connects; resolves when the node has said Welcome.
    pub async fn connect(&self) -> Client {
        match self.try_connect().await {
            Ok(client) => client,
            Err(error) => panic!("{}: wanted a welcome, found {error:?}", self.name()),
        }
    }

    /// Connects, or tells why not.
    ///
    /// # Errors
    /// What the SDK says.
    pub async fn try_connect(&self) -> Result<Client, ConnectError> {
        let Self { profile, identity, .. } = self;
        let options = ClientOptions::default();
        let options = options.backoff(BACKOFF.0, BACKOFF.1).trust_folder(&self.dir);
        let options = options.via(self.via.clone());
        let (endpoint, trust) = (profile.endpoint(), profile.trust());
        let connecting = Client::connect(endpoint, Arc::clone(identity), trust, options);
        within("a welcome or a refusal", connecting).await
    }

    /// The name with its organisation.
    #[must_use]
    pub fn name(&self) -> &PrincipalName {
        &self.profile.principal
    }

    /// Its keys.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Whom it trusts and where its node is.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The folder with its profile and keys.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a command as this member.
    pub async fn run(&self, arguments: &[&str]) -> Said {
        let dir = self.dir.to_str().expect("a path of text");
        sekisho(&[arguments, &["--dir", dir]].concat()).await
    }
}
