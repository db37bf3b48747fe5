//! The task behind a publisher: gathers samples into envelopes, keeps them, and works the outbox
//! against whatever connection there is. Alone in touching any of the three.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use sekisho_proto::{ContentType, Sample, Topic, limits::ENVELOPE_BYTES_DEFAULT};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Phase, PublishError, PublisherState,
    backlog::Backlog,
    batch::{self, Batch, Gathering, Unencodable},
    outbox::Outbox,
    sealing::{Sealed, Stamp, Terms, body_bytes_max},
    spool::{Kept, SpoolError},
    uplink::Uplink,
};
use crate::{
    backoff::Backoff,
    chain::Chain,
    clock,
    entropy::OsEntropy,
    session::{Connectivity, Session},
    timer::Timer,
};

/// Envelopes that may be on their way or waiting for it; more wait in the backlog.
const WINDOW_MAX: usize = 1024;

/// How long a spool without room is left alone before it is tried again.
const SPOOL_RETRY: Duration = Duration::from_secs(1);

/// Envelopes kept with one write to a spool. At 64 KiB each that is 16 MiB.
const ENVELOPES_PER_WRITE_MAX: usize = 256;

/// Envelopes sealed in a row where none is written: what is sealed is on its way while the next are.
const ENVELOPES_IN_A_ROW_MAX: usize = 16;

/// What a publisher's handle asks for.
#[derive(Debug)]
pub(super) enum Command {
    Sample(Sample),
    Body { content_type: ContentType, bytes: Bytes },
    Persist(oneshot::Sender<Result<(), PublishError>>),
    Flush(oneshot::Sender<Result<(), PublishError>>),
}

/// See the module.
pub(super) struct Driver {
    session: Arc<Session>,
    topic: Topic,
    gathering: Gathering,
    deadline: Timer,
    stamp: Stamp,
    unsaved: Vec<Sealed>,
    retry: Timer,
    /// Runs while a spool that failed is left alone.
    spool_failed: Timer,
    backlog: Backlog,
    loaded: u64,
    outbox: Outbox,
    uplink: Uplink,
    backoff: Backoff,
    wants_slot: bool,
    envelope_bytes_max: usize,
    persists: Vec<oneshot::Sender<Result<(), PublishError>>>,
    flushes: VecDeque<(u64, oneshot::Sender<Result<(), PublishError>>)>,
    fault: Option<PublishError>,
    status: PublisherState,
    state: watch::Sender<PublisherState>,
    ended_by: EndedBy,
}

/// The spool's fault that ended a publisher, where one did.
pub(super) type EndedBy = Arc<OnceLock<Arc<SpoolError>>>;

/// Why the driver cannot go on.
type Fatal = SpoolError;

impl Driver {
    pub(super) fn new(
        session: Arc<Session>,
        terms: &Terms,
        batch: Batch,
        stamp: Stamp,
        (backlog, first): (Backlog, u64),
        state: watch::Sender<PublisherState>,
    ) -> Self {
        let (min, max) = (session.options.backoff_min, session.options.backoff_max);
        let status = state.borrow().clone();
        let envelope_bytes_max = match session.connectivity() {
            Connectivity::Up(link) => delivery::largest_over(&link, ENVELOPE_BYTES_DEFAULT),
            Connectivity::Down { .. } | Connectivity::Closed => ENVELOPE_BYTES_DEFAULT,
        };
        Self {
            uplink: Uplink::new(Arc::clone(&session), terms.topic.clone()),
            topic: terms.topic.clone(),
            session,
            gathering: Gathering::new(batch),
            deadline: Timer::default(),
            stamp,
            unsaved: Vec::new(),
            retry: Timer::default(),
            spool_failed: Timer::default(),
            backlog,
            loaded: first,
            outbox: Outbox::new(WINDOW_MAX, first),
            backoff: Backoff::new(min, max),
            wants_slot: false,
            envelope_bytes_max,
            persists: Vec::new(),
            flushes: VecDeque::new(),
            fault: None,
            status,
            state,
            ended_by: EndedBy::default(),
        }
    }

    /// Where it will say what ended it.
    pub(super) fn ended_by(&self) -> EndedBy {
        Arc::clone(&self.ended_by)
    }

    /// Runs until the session closes, or until every handle is gone and everything is settled.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        if let Err(fatal) = self.serve(&mut commands).await {
            tracing::warn!(cause = %Chain(&fatal), "publisher stops: its spool failed");
            self.status.fault = Some(Chain(&fatal).to_string());
            self.ended_by.get_or_init(|| Arc::new(fatal));
        }
        commands.close();
        if let Err(cause) = self.finish(&mut commands).await {
            tracing::warn!(cause = %Chain(&cause), "spool not closed in order");
        }
        let unkept = self.unkept(&mut commands);
        if unkept > 0 {
            self.left_out(unkept, PublishError::Closed);
        }
        self.status.phase = Phase::Closed;
        self.publish_state();
    }

    async fn serve(&mut self, commands: &mut mpsc::Receiver<Command>) -> Result<(), Fatal> {
        let closing = self.session.users_closing.clone();
        let mut handles_left = true;
        loop {
            self.pump().await?;
            self.publish_state();
            if !handles_left && self.gathering.is_empty() && self.is_settled(self.backlog.end()) {
                return Ok(());
            }
            tokio::select! {
                () = closing.cancelled() => return Ok(()),
                command = commands.recv(), if handles_left && self.takes_more() => match command {
                    Some(first) => self.obey(first, commands).await?,
                    None => {
                        handles_left = false;
                        self.close_batch();
                        self.save().await?;
                    }
                },
                () = self.deadline.elapsed() => {
                    self.close_batch();
                    self.save().await?;
                }
                () = self.retry.elapsed() => self.save().await?,
                () = self.spool_failed.elapsed() => {}
                event = self.uplink.next(self.wants_slot) => self.handle(event).await?,
            }
        }
    }

    /// Keeps what was handed over before the end like all before it.
    async fn finish(&mut self, commands: &mut mpsc::Receiver<Command>) -> Result<(), Fatal> {
        while let Some(first) = commands.recv().await {
            self.obey(first, commands).await?;
        }
        self.close_batch();
        self.save().await?;
        self.backlog.forget(self.settled()).await?;
        self.backlog.save().await
    }

    /// How many samples were handed over and are kept nowhere; a body counts as one.
    fn unkept(&mut self, commands: &mut mpsc::Receiver<Command>) -> u32 {
        let mut unkept = u32::try_from(self.gathering.take().len()).unwrap_or(u32::MAX);
        for sealed in &self.unsaved {
            unkept = unkept.saturating_add(sealed.samples.max(1));
        }
        while let Ok(command) = commands.try_recv() {
            let is_data = matches!(command, Command::Sample(_) | Command::Body { .. });
            unkept = unkept.saturating_add(u32::from(is_data));
        }
        unkept
    }

    fn takes_more(&self) -> bool {
        self.unsaved.is_empty() && self.backlog.has_room()
    }

    /// Carries out a command and those that wait behind it, and keeps all they sealed with one
    /// write: what comes while the disk works shares the next one.
    async fn obey(
        &mut self,
        first: Command,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<(), Fatal> {
        self.carry_out(first);
        let most = match &self.backlog {
            Backlog::Memory(_) => ENVELOPES_IN_A_ROW_MAX,
            Backlog::Spool(_) => ENVELOPES_PER_WRITE_MAX,
        };
        while self.unsaved.len() < most
            && let Ok(command) = commands.try_recv()
        {
            self.carry_out(command);
        }
        self.save().await
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Sample(sample) => {
                if self.gathering.push(sample) {
                    self.close_batch();
                } else if !self.deadline.is_running() {
                    self.deadline.start(self.gathering.interval());
                }
            }
            Command::Body { content_type, bytes } => {
                self.close_batch();
                let (found, wanted_max) = (bytes.len(), body_bytes_max(self.envelope_bytes_max));
                if found <= wanted_max {
                    self.seal(&bytes, 0, content_type);
                } else {
                    self.left_out(1, Unencodable::Oversized { found, wanted_max }.into());
                }
            }
            Command::Persist(done) => {
                self.close_batch();
                self.persists.push(done);
            }
            Command::Flush(done) => {
                self.close_batch();
                let unsaved = u64::try_from(self.unsaved.len()).unwrap_or(u64::MAX);
                let upto = self.backlog.end().saturating_add(unsaved);
                self.flushes.push_back((upto, done));
            }
        }
    }

    /// Seals what was gathered.
    fn close_batch(&mut self) {
        self.deadline.stop();
        let samples = self.gathering.take();
        if samples.is_empty() {
            return;
        }
        let (bodies, unencodable) =
            batch::encode(&samples, body_bytes_max(self.envelope_bytes_max));
        for (_sample, cause) in unencodable {
            self.left_out(1, cause.into());
        }
        for body in bodies {
            self.seal(&body.bytes, body.samples, ContentType::samples());
        }
    }

    /// Seals a body. Where that fails it is left out, and the boot with the sequence that it used.
    fn seal(&mut self, body: &[u8], samples: u32, content_type: ContentType) {
        if self.outbox.is_dead(self.stamp.boot()) {
            self.reboot();
        }
        match self.stamp.seal(body, content_type, samples, clock::now()) {
            Ok(sealed) => self.unsaved.push(sealed),
            Err(cause) => {
                self.left_out(samples.max(1), cause.into());
                self.reboot();
            }
        }
    }

    fn reboot(&mut self) {
        if let Err(cause) = self.stamp.reboot(&mut OsEntropy::new()) {
            self.left_out(0, cause.into());
        }
    }

    fn left_out(&mut self, count: u32, cause: PublishError) {
        tracing::warn!(cause = %Chain(&cause), count, "samples left out");
        let left_out = self.status.samples_left_out.saturating_add(u64::from(count));
        self.status.samples_left_out = left_out;
        self.fault = Some(cause);
    }

    /// Keeps what is sealed; where there is no room, later.
    async fn save(&mut self) -> Result<(), Fatal> {
        if !self.unsaved.is_empty() {
            let mut index = self.backlog.end();
            let Kept { count, obstacle } = self.backlog.push(self.unsaved.clone()).await?;
            for sealed in self.unsaved.drain(..count.min(self.unsaved.len())) {
                self.status.count_kept(&sealed);
                if self.loaded == index && self.outbox.room() > 0 {
                    self.outbox.fill(sealed.into_entry(index));
                    self.loaded = index.saturating_add(1);
                }
                index = index.saturating_add(1);
            }
            self.status.fault = obstacle.as_ref().map(|cause| Chain(cause).to_string());
            if let Some(cause) = obstacle {
                if !cause.may_pass() {
                    return Err(cause);
                }
                self.retry.start(SPOOL_RETRY);
                return Ok(());
            }
        }
        if !self.persists.is_empty() {
            self.publish_state();
        }
        for done in self.persists.drain(..) {
            answer(done, Ok(()));
        }
        Ok(())
    }
}

fn answer(done: oneshot::Sender<Result<(), PublishError>>, outcome: Result<(), PublishError>) {
    if done.send(outcome).is_err() {
        tracing::trace!("nobody waits for this any more");
    }
}

mod delivery;
