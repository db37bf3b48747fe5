//! Following an organisation's control log over as many connections as it takes. What comes is the
//! log as the node tells it: whoever uses it checks the signatures by applying it to a policy.

use std::sync::Arc;

use sekisho_proto::{
    Frame, OrgName, RefusalCode, Statement, StatementIndex, Timestamp,
    frame::{Follow, Statements},
};

use crate::{
    backoff::Backoff,
    chain::Chain,
    connection::Stream,
    entropy::OsEntropy,
    framing::{FrameReader, FrameWriter, StreamError},
    refusal::Refusal,
    session::{Closed, handle::SessionHandle, link::Link},
    subscription::SubscribeError,
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
}

struct Open {
    link: Arc<Link>,
    subscription: u32,
    /// Held so that the node sees this end of the stream open.
    _writer: FrameWriter,
    reader: FrameReader,
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
    Follower { handle, organisation, next: from, open: None, ended: 0, backoff }
}

impl Follower {
    /// The next statements; empty where the log has none yet and the node says so once. Waits for
    /// them, and for a connection where there is none. May be dropped and called again without
    /// losing anything.
    ///
    /// # Errors
    /// [`SubscribeError::Refused`] or [`SubscribeError::Closed`]; calling again tries again.
    pub async fn next(&mut self) -> Result<Vec<Followed>, SubscribeError> {
        loop {
            if self.open.is_none() {
                self.connect().await?;
            }
            let Some(open) = &mut self.open else { continue };
            let outcome = match open.reader.next().await {
                Ok(Some(Frame::Statements(statements))) => self.take(statements),
                Ok(Some(Frame::Refused(refused))) => {
                    self.open = None;
                    let refusal = Refusal::from(refused);
                    if !matches!(refusal.code, RefusalCode::Draining | RefusalCode::TooMany) {
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
            match outcome {
                Some(followed) => return Ok(followed),
                None => {
                    let delay = self.backoff.next_delay(&mut OsEntropy::new());
                    tokio::time::sleep(delay).await;
                }
            }
        }
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

    /// What is new of it. A log that does not go on where it was asked to is asked for again.
    fn take(&mut self, statements: Statements) -> Option<Vec<Followed>> {
        self.backoff.reset();
        let mut index = statements.first;
        let mut followed = Vec::with_capacity(statements.statements.len());
        if statements.organisation != self.organisation || index > self.next {
            self.lose(&StreamError::Unexpected {
                wanted: "statements from the index asked for",
                found: "later ones",
            });
            return None;
        }
        for one in statements.statements {
            if index >= self.next {
                match Statement::decode(&one.statement) {
                    Ok(statement) => {
                        followed.push(Followed { index, received: one.received, statement });
                    }
                    Err(cause) => {
                        self.lose(&StreamError::Frame(cause));
                        return None;
                    }
                }
            }
            index = index.next();
        }
        self.next = self.next.max(index);
        Some(followed)
    }
}
