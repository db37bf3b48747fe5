//! Following an organisation's control log over as many connections as it takes. What comes is the
//! log as the node tells it: whoever uses it checks the signatures by applying it to a policy. That
//! it is the log, unaltered and all of it, is checked here where it is the client's own
//! organisation's and followed from its beginning: each part must lead to a trusted checkpoint.

use std::{sync::Arc, time::Duration};

use sekisho_proto::{
    Frame, LogEntry, OrgName, Statement, StatementIndex, Timestamp,
    frame::{Follow, FollowedStatement, Statements},
};
use sekisho_tlog::{Known, Tree, leaf_hash};

use crate::{
    backoff::Backoff,
    chain::Chain,
    connection::Stream,
    entropy::OsEntropy,
    framing::{FrameReader, FrameWriter, StreamError},
    refusal::Refusal,
    session::{Closed, Session, handle::SessionHandle, link::Link},
    subscription::SubscribeError,
    trust::{
        TrustError,
        logs::{Source, Unchecked},
    },
};

/// A statement and its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Its place.
    pub index: StatementIndex,
    /// When the organisation's node logged it, as the node says.
    pub received: Timestamp,
    /// The statement; its signatures are not checked.
    pub statement: Statement,
}

/// A control log being followed; see [`Client::follow`](crate::Client::follow).
#[derive(Debug)]
pub struct Follower {
    handle: SessionHandle,
    organisation: OrgName,
    next: StatementIndex,
    open: Option<Open>,
    ended: u64,
    backoff: Backoff,
    own: Option<OwnLog>,
}

/// What was followed of the client's own organisation's log.
#[derive(Debug)]
struct OwnLog {
    source: Source,
    tree: Tree,
    /// What came and was not held to a checkpoint yet.
    pending: Option<Vec<Followed>>,
    end: End,
}

/// Whether what was told is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// As far as is known.
    Even,
    /// There is more in the log.
    Behind,
    /// It is again, and that is to be said: the node may have said so when it was not.
    Owed,
}

/// How long a node may take to tell statements that its checkpoint has.
const TELL_MAX: Duration = Duration::from_secs(30);

struct Open {
    link: Arc<Link>,
    subscription: u32,
    /// Held so that the node sees this end of the stream open.
    _writer: FrameWriter,
    reader: FrameReader,
}

impl OwnLog {
    fn new(source: Source) -> Self {
        let tree = Tree::new();
        Self { source, tree, pending: None, end: End::Even }
    }

    fn append(&mut self, told: &FollowedStatement) {
        let FollowedStatement { received, statement } = told;
        let entry = LogEntry { received: *received, statement: statement.clone() };
        self.tree.append(leaf_hash(&entry.encode()));
    }

    /// What came from this index on does not count.
    fn take_back(&mut self, from: u64) {
        let told = std::mem::take(&mut self.tree);
        (0..from).filter_map(|index| told.leaf(index)).for_each(|leaf| {
            self.tree.append(leaf);
        });
    }

    /// The next frame. Where the log is known to have more, it must come soon.
    async fn listen(
        &mut self,
        session: &Session,
        reader: &mut FrameReader,
    ) -> Result<Result<Option<Frame>, StreamError>, SubscribeError> {
        loop {
            let is_behind = self.end == End::Behind;
            let every = session.options.checkpoint_every;
            let limit = if is_behind { TELL_MAX.min(every) } else { every };
            if let Ok(heard) = tokio::time::timeout(limit, reader.next()).await {
                return Ok(heard);
            }
            let untrusted = |cause| SubscribeError::Untrusted(Arc::new(cause));
            let wanted = session.logs.trusted_size(&self.source).map_err(untrusted)?;
            let found = self.tree.size();
            if is_behind && found < wanted {
                let log = self.source.log.clone();
                return Err(untrusted(TrustError::Withheld { log, wanted, found }));
            }
            if found < wanted {
                self.end = End::Behind;
            }
        }
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Open")
            .field("subscription", &self.subscription)
            .finish_non_exhaustive()
    }
}

pub(crate) fn follow(
    handle: SessionHandle,
    organisation: OrgName,
    from: StatementIndex,
) -> Follower {
    let options = &handle.session().options;
    let backoff = Backoff::new(options.backoff_min, options.backoff_max);
    let source = handle.session().logs.own();
    let is_own = *source.log.organisation() == organisation && from == StatementIndex::ZERO;
    let own = is_own.then(|| OwnLog::new(source));
    Follower { handle, organisation, next: from, open: None, ended: 0, backoff, own }
}

impl Follower {
    /// The next statements; empty where the log has none yet and the node says so once. Waits for
    /// them, and for a connection where there is none. May be dropped and called again without
    /// losing anything.
    ///
    /// # Errors
    /// [`SubscribeError::Refused`], [`SubscribeError::Untrusted`] or [`SubscribeError::Closed`];
    /// calling again tries again.
    pub async fn next(&mut self) -> Result<Vec<Followed>, SubscribeError> {
        loop {
            if let Some(own) = self.own.as_mut().filter(|own| own.end == End::Owed) {
                own.end = End::Even;
                return Ok(Vec::new());
            }
            if self.open.is_none() {
                self.connect().await?;
            }
            if self.own.as_ref().is_some_and(|own| own.pending.is_some()) {
                match self.hold_to_checkpoint().await? {
                    Some(followed) => return Ok(followed),
                    None => continue,
                }
            }
            let session = Arc::clone(self.handle.session());
            let Some(open) = &mut self.open else { continue };
            let heard = match &mut self.own {
                Some(own) => own.listen(&session, &mut open.reader).await?,
                None => open.reader.next().await,
            };
            let outcome = match heard {
                Ok(Some(Frame::Statements(statements))) => self.take(statements),
                Ok(Some(Frame::Refused(refused))) => {
                    self.open = None;
                    let refusal = Refusal::from(refused);
                    if !refusal.code.is_passing() {
                        return Err(SubscribeError::Refused(refusal));
                    }
                    None
                }
                Ok(Some(other)) => {
                    let (wanted, found) = ("statements", other.name());
                    self.lose(&StreamError::Unexpected { wanted, found });
                    None
                }
                Ok(None) => {
                    self.lose(&StreamError::Ended { wanted: "statements" });
                    None
                }
                Err(cause) => {
                    self.lose(&cause);
                    None
                }
            };
            match (outcome, &mut self.own) {
                (Some(followed), None) => return Ok(followed),
                (Some(followed), Some(own)) => own.pending = Some(followed),
                (None, _) => {
                    let delay = self.backoff.next_delay(&mut OsEntropy::new());
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    /// Checks that everything told so far is the beginning of what is trusted; what came then may
    /// be handed over. None where it is to be tried again, or nothing is left to say.
    async fn hold_to_checkpoint(&mut self) -> Result<Option<Vec<Followed>>, SubscribeError> {
        let session = Arc::clone(self.handle.session());
        let (Some(own), Some(open)) = (&mut self.own, &self.open) else { return Ok(None) };
        let followed = Known { size: own.tree.size(), root: own.tree.root() };
        let timeout = session.options.query_timeout;
        let held = session.logs.begins_with(&own.source, &followed, &open.link, timeout).await;
        let trusted = match held {
            Ok(trusted) => trusted,
            Err(Unchecked::Trust(cause)) => {
                tracing::error!(cause = %Chain(&cause), "control log not trusted");
                self.open = None;
                // It is asked for again, and may be told otherwise.
                if let Some(first) = own.pending.take().and_then(|came| Some(came.first()?.index)) {
                    own.take_back(first.value());
                    self.next = first;
                }
                return Err(SubscribeError::Untrusted(Arc::new(cause)));
            }
            Err(Unchecked::Query(cause)) => {
                tracing::debug!(cause = %Chain(&cause), "control log not checked");
                self.lose(&StreamError::Ended { wanted: "a checkpoint" });
                tokio::time::sleep(self.backoff.next_delay(&mut OsEntropy::new())).await;
                return Ok(None);
            }
        };
        let pending = own.pending.take().unwrap_or_default();
        own.end = match own.end {
            _ if trusted.size > followed.size => End::Behind,
            End::Behind if !pending.is_empty() => End::Owed,
            End::Behind | End::Even | End::Owed => End::Even,
        };
        Ok((!pending.is_empty() || own.end == End::Even).then_some(pending))
    }

    fn lose(&mut self, cause: &StreamError) {
        tracing::debug!(cause = %Chain(cause), "followed log's stream lost");
        if let Some(open) = self.open.take()
            && open.link.is_ended()
        {
            self.ended = open.link.generation();
        }
    }

    async fn connect(&mut self) -> Result<(), SubscribeError> {
        let session = self.handle.session();
        let link = session.link_after(self.ended).await.map_err(|Closed| SubscribeError::Closed)?;
        let follow = |subscription| {
            let (organisation, from) = (self.organisation.clone(), self.next);
            Frame::Follow(Follow { subscription, organisation, from })
        };
        let opened = async {
            let (subscription, Stream { mut writer, reader }) = link.open_stream().await?;
            writer.send(&follow(subscription)).await?;
            Ok::<_, StreamError>((subscription, writer, reader))
        };
        match opened.await {
            Ok((subscription, writer, reader)) => {
                self.open = Some(Open { link, subscription, _writer: writer, reader });
            }
            Err(cause) => {
                tracing::debug!(cause = %Chain(&cause), "log not followed");
                if link.is_ended() {
                    self.ended = link.generation();
                }
            }
        }
        Ok(())
    }

    /// What is new of it. A log that does not go on where it was asked to is asked for again, and so is
    /// one with something that is no statement: of what came with it nothing counts.
    fn take(&mut self, statements: Statements) -> Option<Vec<Followed>> {
        let mut index = statements.first;
        if statements.organisation != self.organisation || index > self.next {
            self.lose(&StreamError::Unexpected {
                wanted: "statements from the index asked for",
                found: "later ones",
            });
            return None;
        }
        let (mut new, mut followed) = (Vec::new(), Vec::new());
        for one in statements.statements {
            if index >= self.next {
                match Statement::decode(&one.statement) {
                    Ok(statement) => {
                        followed.push(Followed { index, received: one.received, statement });
                        new.push(one);
                    }
                    Err(cause) => {
                        let organisation = &self.organisation;
                        tracing::warn!(%organisation, %index, %cause, "control log cannot be read on");
                        self.lose(&StreamError::Frame(cause));
                        return None;
                    }
                }
            }
            index = index.next();
        }
        self.backoff.reset();
        if let Some(own) = &mut self.own {
            new.iter().for_each(|one| own.append(one));
        }
        self.next = self.next.max(index);
        Some(followed)
    }
}
