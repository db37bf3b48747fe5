//! The handle to a session with a node: everything a program does with Sekisho begins here.

use std::{io, path::Path, sync::Arc};

use bytes::Bytes;
use sekisho_proto::{
    Filter, Offset, OrgName, PrincipalId, PrincipalName, Statement, StatementIndex, Topic,
    frame::{AnswerBody, Question, Welcome},
};
use sekisho_seal::Identity;
use thiserror::Error;

use crate::{
    connection::{ConnectError, Endpoint},
    discover::{Discovered, discover},
    follow::{Follower, follow},
    options::{ClientOptions, Trust},
    profile::{Profile, ProfileError},
    publisher::PublisherBuilder,
    query::QueryError,
    session::{
        Closed, Connectivity, Session,
        handle::SessionHandle,
        link::{Link, LinkEnded, Reply},
    },
    subscription::{HistoryBuilder, SubscriptionBuilder},
    trust::Replica,
};

/// A session with one node. Clones share it; it reconnects by itself until it is closed or the
/// last clone, publisher and subscription is dropped.
#[derive(Debug, Clone)]
pub struct Client {
    handle: SessionHandle,
}

/// Why a folder's principal could not be connected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder holds no profile or keys that can be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The node could not be reached, or refused.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl Client {
    /// Connects as the principal whose profile and keys are in a folder, as `sekisho join` leaves
    /// them.
    ///
    /// # Errors
    /// [`OpenError`]: the folder is no such folder, or as for [`connect`](Self::connect).
    pub async fn open(dir: impl AsRef<Path>, options: ClientOptions) -> Result<Self, OpenError> {
        let profile = Profile::load(dir.as_ref())?;
        let identity = Profile::identity(dir.as_ref())?;
        let options = match options.trust_folder {
            Some(_) => options,
            None => options.trust_folder(dir.as_ref()),
        };
        Ok(Self::connect(profile.endpoint(), identity, profile.trust(), options).await?)
    }

    /// Connects, and resolves when the node has said Welcome.
    ///
    /// # Errors
    /// [`ConnectError`]: at once where patience does not help, such as a key the node does not
    /// know; otherwise the last failure when the connect timeout is over.
    pub async fn connect(
        endpoint: Endpoint,
        identity: Arc<Identity>,
        trust: Trust,
        options: ClientOptions,
    ) -> Result<Self, ConnectError> {
        let address = endpoint.address.clone();
        let client = Self::start(endpoint, identity, trust, options)?;
        client.within_timeout(address, client.session().welcomed()).await?;
        Ok(client)
    }

    /// Connects to publish: as [`connect`](Self::connect), where a node that carries envelopes home
    /// will do.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_to_publish(
        endpoint: Endpoint,
        identity: Arc<Identity>,
        trust: Trust,
        options: ClientOptions,
    ) -> Result<Self, ConnectError> {
        let address = endpoint.address.clone();
        let client = Self::start(endpoint, identity, trust, options)?;
        client.within_timeout(address, client.session().welcomed_anywhere()).await?;
        Ok(client)
    }

    async fn within_timeout(
        &self,
        address: String,
        welcomed: impl Future<Output = Result<Arc<Link>, ConnectError>>,
    ) -> Result<(), ConnectError> {
        let waited = self.session().options.connect_timeout;
        match tokio::time::timeout(waited, welcomed).await {
            Ok(welcomed) => welcomed.map(drop),
            Err(_elapsed) => {
                let last = match self.session().connectivity() {
                    // That a single attempt was too slow as well says nothing more.
                    Connectivity::Down { failure } => failure
                        .filter(|cause| !matches!(**cause, ConnectError::Timeout { .. }))
                        .map(|cause| Box::new((*cause).clone())),
                    Connectivity::Up(_) | Connectivity::Closed => None,
                };
                Err(ConnectError::Timeout { address, wanted: "Welcome", waited, last })
            }
        }
    }

    /// Begins to connect and does not wait: for programs that have work to do without a node, such
    /// as filling a spool.
    ///
    /// # Errors
    /// [`ConnectError::Tls`] where the identity cannot be used; [`ConnectError::Trust`] where the
    /// policy of witnesses is none.
    pub fn start(
        endpoint: Endpoint,
        identity: Arc<Identity>,
        trust: Trust,
        options: ClientOptions,
    ) -> Result<Self, ConnectError> {
        let replica = Replica::new(trust.organisation, trust.root);
        let session = Session::start(endpoint, identity, replica, options)?;
        Ok(Self { handle: SessionHandle::new(session) })
    }

    /// Waits until there is a connection, to the home or to a node that carries home; returns what
    /// the node said on it, which also says whose node it is.
    ///
    /// # Errors
    /// [`ConnectError`] where patience does not help.
    pub async fn connected(&self) -> Result<Welcome, ConnectError> {
        self.session().welcomed_anywhere().await.map(|link| link.welcome().clone())
    }

    /// Resolves when the node does not take this client any more and patience does not help, as
    /// after its key was revoked. The session goes on trying all the same, as nodes change their
    /// minds; a program in front of which somebody sits gives up here.
    pub async fn barred(&self) -> ConnectError {
        self.session().barred().await
    }

    /// Whether there is a connection at the moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.session().connectivity(), Connectivity::Up(_))
    }

    /// Whether envelopes of a topic can be sent at the moment, if only to be carried home.
    #[must_use]
    pub fn can_publish(&self, topic: &Topic) -> bool {
        self.session().can_publish(topic)
    }

    /// Whose node carries envelopes home at the moment; `None` at home, and without a connection.
    /// Publishers use it; questions, statements and subscriptions wait for the home.
    #[must_use]
    pub fn carrier(&self) -> Option<OrgName> {
        match self.session().connectivity() {
            Connectivity::Up(link) => link.carrier().map(|carrier| carrier.organisation().clone()),
            Connectivity::Down { .. } | Connectivity::Closed => None,
        }
    }

    /// Whose session it is.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.session().identity
    }

    /// A publisher on a topic; begins with [`PublisherBuilder::start`].
    pub fn publisher(&self, topic: Topic) -> PublisherBuilder {
        PublisherBuilder::new(self.handle.clone(), topic)
    }

    /// A subscription to the topics that match a filter; begins with
    /// [`SubscriptionBuilder::start`].
    pub fn subscribe(&self, filter: Filter) -> SubscriptionBuilder {
        SubscriptionBuilder::new(self.handle.clone(), filter)
    }

    /// What is stored of the topics that match a filter, up to the present; begins with
    /// [`HistoryBuilder::start`].
    pub fn history(&self, filter: Filter) -> HistoryBuilder {
        HistoryBuilder::new(self.handle.clone(), filter)
    }

    /// Asks the node. What comes back is its word; nothing of it was verified.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn query(&self, question: Question) -> Result<AnswerBody, QueryError> {
        let timeout = self.session().options.query_timeout;
        self.link().await?.query(question, timeout).await
    }

    /// The topics that match a filter and that this principal may know of, by name, in the node's
    /// words: nothing of it is signed. At most `max` of them, such as
    /// [`DISCOVER_MAX`](crate::DISCOVER_MAX), or as many as 64 MiB hold; the answer says whether
    /// there are more.
    ///
    /// # Errors
    /// [`QueryError`]; [`QueryError::Malformed`] also where the node's list does not go on.
    pub async fn discover(&self, filter: &Filter, max: usize) -> Result<Discovered, QueryError> {
        discover(self, filter, max).await
    }

    /// Whose key this is, as signed statements prove it from the pinned root; `None` where they do
    /// not.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn name_of(&self, id: PrincipalId) -> Result<Option<PrincipalName>, QueryError> {
        let AnswerBody::Statements(statements) = self.query(Question::Principal(id)).await? else {
            return Err(QueryError::WrongAnswer);
        };
        let replica = &self.session().replica;
        replica.learn(&statements);
        Ok(replica.publisher(&id).map(|found| found.name))
    }

    /// Submits a signed statement to the control log; returns its place there.
    ///
    /// # Errors
    /// [`QueryError`]. After [`QueryError::Disconnected`] the statement may have been logged;
    /// submitting it again is harmless.
    pub async fn state(&self, statement: &Statement) -> Result<StatementIndex, QueryError> {
        let stated = self.state_all(std::slice::from_ref(statement)).await?;
        stated.into_iter().next().ok_or(QueryError::WrongAnswer)
    }

    /// Submits 1 to 256 signed statements to the control log, in this order: all of them stand in
    /// the end, or none. Returns the place of each.
    ///
    /// # Errors
    /// As for [`state`](Self::state).
    pub async fn state_all(
        &self,
        statements: &[Statement],
    ) -> Result<Vec<StatementIndex>, QueryError> {
        let timeout = self.session().options.query_timeout;
        self.link().await?.state(statements, timeout).await
    }

    /// Follows an organisation's control log from an index on.
    #[must_use]
    pub fn follow(&self, organisation: OrgName, from: StatementIndex) -> Follower {
        follow(self.handle.clone(), organisation, from)
    }

    /// Sends one envelope that is sealed and signed already, and waits for its offset. A
    /// [`Publisher`](crate::Publisher) does this and everything that belongs to it; this is for
    /// bridges and tests.
    ///
    /// # Errors
    /// [`QueryError`]; after [`QueryError::Disconnected`] the envelope may have been stored.
    pub async fn publish_envelope(
        &self,
        envelope: impl Into<Bytes>,
        key_header: Option<Bytes>,
    ) -> Result<Offset, QueryError> {
        match self.link().await?.publish_one(envelope.into(), key_header).await {
            Ok(Reply::Published(offset)) => Ok(offset),
            Ok(Reply::Refused { refusal, .. }) => Err(QueryError::Refused(refusal)),
            Ok(Reply::Answer(_) | Reply::Stated(_) | Reply::Vouched { .. }) => {
                Err(QueryError::WrongAnswer)
            }
            Err(LinkEnded) => Err(QueryError::Disconnected),
        }
    }

    /// Moves the live connection to a new local socket, as after a change of network: streams,
    /// subscriptions and publishes in flight go on. Without a connection it does nothing, for the
    /// next one has a new socket anyway.
    ///
    /// # Errors
    /// The operating system's, where no socket can be had; the connection stays where it was.
    pub fn rebind(&self) -> io::Result<()> {
        match self.session().connectivity() {
            Connectivity::Up(link) => link.rebind(),
            Connectivity::Down { .. } | Connectivity::Closed => Ok(()),
        }
    }

    /// Ends publishers, subscriptions and the connection, and waits for them. What publishers
    /// without a spool have not had accepted is lost: flush them first.
    pub async fn close(&self) {
        self.session().close().await;
    }

    async fn link(&self) -> Result<Arc<Link>, QueryError> {
        let waited = self.session().options.query_timeout;
        match tokio::time::timeout(waited, self.session().link()).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(Closed)) => Err(QueryError::Closed),
            Err(_elapsed) => Err(QueryError::Timeout { waited }),
        }
    }

    fn session(&self) -> &Arc<Session> {
        self.handle.session()
    }
}
