//! From `--dir` to a connected client: a principal's folder, or an organisation's with its
//! administrator in it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sekisho::{Client, ClientOptions, ConnectError, PROFILE_FILE, Profile, Via};
use sekisho_proto::frame::{AnswerBody, Question};
use sekisho_seal::Identity;
use serde_json::Value;
use tokio::time::timeout;

use crate::command::Common;
use crate::command::serve::Logging;
use crate::organisation::{ADMINISTRATOR, is_there};
use crate::output;
use crate::via::ViaArgs;

/// How long a node may take to say Welcome: a handshake's time.
const CONNECT_MAX: Duration = Duration::from_secs(6);
/// After this long without an answer people are told that it is being waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// What one command acts as.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) dir: PathBuf,
    pub(crate) profile: Profile,
    pub(crate) identity: Arc<Identity>,
    pub(crate) via: Via,
}

impl Access {
    /// Reads profile and keys as a command was told, and begins to log as it was told.
    pub(crate) fn of(common: &Common) -> Result<Self> {
        Logging::quiet(&common.log).start()?;
        Self::load(&common.dir)?.through(&common.via)
    }

    /// The same by another way to the node.
    fn through(self, args: &ViaArgs) -> Result<Self> {
        let via = args.via(&self.profile)?;
        Ok(Self { via, ..self })
    }

    /// Reads profile and keys.
    pub(crate) fn load(dir: &Path) -> Result<Self> {
        let administrator = dir.join(ADMINISTRATOR);
        let dir = match (is_there(&dir.join(PROFILE_FILE))?, is_there(&administrator)?) {
            (true, _) => dir.to_owned(),
            (false, true) => administrator,
            (false, false) => bail!(
                "{}: wanted a folder made by `sekisho init` or `sekisho join`, found neither \
                 {PROFILE_FILE} nor {ADMINISTRATOR}/ in it; name it with --dir",
                dir.display()
            ),
        };
        let profile = Profile::load(&dir)?;
        let identity = Profile::identity(&dir)?;
        Ok(Self { dir, profile, identity, via: Via::Quic })
    }

    /// Connects; resolves when the node has welcomed this principal.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let (endpoint, trust) = (self.profile.endpoint(), self.profile.trust());
        let identity = Arc::clone(&self.identity);
        self.connected(Client::connect(endpoint, identity, trust, self.options())).await
    }

    /// As [`Access::connect`], where a node that carries envelopes home will do.
    pub(crate) async fn connect_to_publish(&self) -> Result<Client> {
        let (endpoint, trust) = (self.profile.endpoint(), self.profile.trust());
        let identity = Arc::clone(&self.identity);
        self.connected(Client::connect_to_publish(endpoint, identity, trust, self.options())).await
    }

    async fn connected(
        &self,
        connecting: impl Future<Output = Result<Client, ConnectError>>,
    ) -> Result<Client> {
        let connected = match self.show_waiting(connecting).await {
            // Somebody answered: what was wrong with that says more than that time is over.
            Err(ConnectError::Timeout { last: Some(last), .. }) => Err(*last),
            connected => connected,
        };
        connected.with_context(|| self.profile.principal.to_string())
    }

    /// As [`Access::connect`]; a node that is away is waited for in the background.
    pub(crate) async fn connect_or_wait(&self) -> Result<Client> {
        let (endpoint, trust) = (self.profile.endpoint(), self.profile.trust());
        let identity = Arc::clone(&self.identity);
        let client = Client::start(endpoint, identity, trust, self.options())?;
        let patience = patience_with(self.address());
        match self.show_waiting(timeout(patience, client.connected())).await {
            Ok(welcomed) => drop(welcomed.with_context(|| self.profile.principal.to_string())?),
            Err(_elapsed) => {
                let node = self.address();
                output::aside(format!("no answer from {node}; going on without it"));
            }
        }
        Ok(client)
    }

    /// Where the node is dialled.
    fn address(&self) -> &str {
        if let Via::WebSocket { address } | Via::Grpc { address } = &self.via {
            return address;
        }
        &self.profile.node
    }

    fn options(&self) -> ClientOptions {
        ClientOptions::default()
            .software(crate::SOFTWARE)
            .trust_folder(&self.dir)
            .connect_timeout(patience_with(self.address()))
            .via(self.via.clone())
    }

    /// What takes longer than people expect is shown to them.
    async fn show_waiting<T>(&self, connecting: impl Future<Output = T>) -> T {
        let mut connecting = Box::pin(connecting);
        if let Ok(connected) = timeout(PATIENCE, &mut connecting).await {
            return connected;
        }
        let node = self.address();
        let most = patience_with(node).as_secs();
        let _sign = output::waiting(format!("no answer yet from {node}; up to {most} s"));
        connecting.await
    }
}

/// A name may stand for two addresses, of which the first does not answer.
fn patience_with(node: &str) -> Duration {
    if node.parse::<SocketAddr>().is_ok() { CONNECT_MAX } else { CONNECT_MAX * 2 }
}

/// Asks for a document.
pub(crate) async fn document(client: &Client, question: Question) -> Result<Value> {
    match client.query(question).await? {
        AnswerBody::Json(text) => Ok(serde_json::from_str(&text)?),
        AnswerBody::Statements(_)
        | AnswerBody::KeyHeader(_)
        | AnswerBody::ExpectedSequence(_)
        | AnswerBody::Checkpoint { .. }
        | AnswerBody::Inclusion { .. }
        | AnswerBody::Errand(_)
        | AnswerBody::Errands(_) => {
            bail!("answer of the node: wanted a document, found something else")
        }
    }
}
