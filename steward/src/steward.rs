//! The process: follows the logs, plans, does what is planned, and lets newcomers in. Everything it
//! does can be interrupted anywhere: what matters is on the disk or in the log, and the rest is
//! planned again.

use std::{fs::File, path::Path, sync::Arc, time::Duration};

use sekisho::{Client, ClientOptions, IDENTITY_FILE, OsEntropy, Profile, clock};
use sekisho_proto::{PrincipalKind, PrincipalName, Timestamp};
use sekisho_seal::{KeyFile, KeyKind};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    Custody, StewardError,
    enrolment::{Enrolments, desk::Desk},
    errands::{Errands, Means},
    feed::{Batch, Feed},
    folder::steward_folder,
    mailbox::{Mailbox, Outcome},
    reception::Reception,
    settings::Settings,
};

const LOCK_FILE: &str = "steward.lock";

/// How often the waiting newcomers are asked for.
const NEWCOMERS_EVERY: Duration = Duration::from_secs(1);

/// How often is planned where no log says anything: rights begin and end by themselves.
const PLAN_EVERY: Duration = Duration::from_secs(5);

/// Runs a steward in its folder, or in that of its organisation, until `stop`. `ready` is called
/// once, when every log was read to its end and what there was to do was stated.
///
/// # Errors
/// The folder is not a steward's, another process uses it, the node does not take it as one, or its
/// seeds cannot be kept. That the node is away is no error.
pub async fn run(
    dir: &Path,
    stop: CancellationToken,
    ready: impl FnOnce(),
) -> Result<(), StewardError> {
    let dir = steward_folder(dir);
    let profile = Profile::load(&dir)?;
    let keys =
        KeyFile::load_as(&dir.join(IDENTITY_FILE), KeyKind::Principal(PrincipalKind::Steward))?;
    if keys.name != profile.principal {
        let (wanted, found) = (profile.principal, keys.name);
        return Err(StewardError::Name { dir, wanted, found });
    }
    let settings = Settings::load(&dir, profile.principal.organisation())?;
    let _lock = lock(&dir)?;
    let identity = Arc::new(keys.identity);
    let own = profile.principal.organisation();
    let custody = Custody::open(&dir, Arc::clone(&identity), own, profile.root, settings)?;
    let enrolments = Enrolments::open(&dir)?;
    let desk = Desk::open(enrolments.clone())?;
    let name = profile.principal.clone();
    let failed = |source| StewardError::Connect { name: name.clone(), source: Box::new(source) };
    let software = concat!("sekisho-steward/", env!("CARGO_PKG_VERSION"));
    let options = ClientOptions::default().software(software).trust_folder(&dir);
    let client =
        Client::start(profile.endpoint(), identity, profile.trust(), options).map_err(failed)?;
    let steward = Steward {
        name: profile.principal,
        custody,
        client: client.clone(),
        feed: Feed::new(),
        reception: Reception::new(client.clone(), desk),
        errands: Errands::open(client.clone(), enrolments, &dir)?,
        mailbox: Mailbox::new(client.clone()),
    };
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        outcome = steward.work(ready) => outcome,
    };
    client.close().await;
    outcome
}

fn lock(dir: &Path) -> Result<File, StewardError> {
    let failed = |source| StewardError::Lock { dir: dir.to_owned(), source };
    let path = dir.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StewardError::Locked { dir: dir.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

struct Steward {
    name: PrincipalName,
    custody: Custody,
    client: Client,
    feed: Feed,
    reception: Reception,
    errands: Errands,
    mailbox: Mailbox,
}

/// How far following a plan came.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// There was nothing to do that the node would take.
    Nothing,
    /// Something was done: there may be more once the log says so.
    Some,
    /// The node is away or busy.
    Later,
}

impl Steward {
    async fn work(mut self, ready: impl FnOnce()) -> Result<(), StewardError> {
        let mut ready = Some(ready);
        let mut newcomers = interval(NEWCOMERS_EVERY);
        newcomers.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut planned: Option<Timestamp> = None;
        let mut is_wanted = false;
        self.follow();
        loop {
            let mut is_tick = false;
            let at_once = is_wanted && self.may_plan();
            tokio::select! {
                batch = self.feed.next() => if let Some(batch) = batch {
                    self.take(batch)?;
                    is_wanted = true;
                },
                _tick = newcomers.tick() => {
                    self.check_session().await?;
                    is_tick = true;
                }
                () = std::future::ready(()), if at_once => {}
            }
            is_wanted |= self.drain()?;
            let now = clock::now();
            is_wanted |= planned.is_none_or(|then| now.saturating_since(then) >= PLAN_EVERY);
            if is_wanted && self.may_plan() {
                planned = Some(now);
                let progress = self.keep_keys().await?;
                is_wanted = progress == Progress::Some;
                if let Some(ready) = ready.take_if(|_ready| progress == Progress::Nothing) {
                    tracing::info!(steward = %self.name, "ready");
                    ready();
                }
            }
            if is_tick && self.custody.is_complete() && self.client.is_connected() {
                let (policy, keeper) = (self.custody.policy(), self.custody.keeper());
                self.reception.let_in(policy, keeper, &mut self.mailbox).await;
                let mailbox = &mut self.mailbox;
                self.errands.serve(&mut Means { policy, keeper, mailbox }).await;
            }
        }
    }

    /// Whether everything is known that a plan is made from.
    fn may_plan(&mut self) -> bool {
        self.custody.is_complete()
            && self.client.is_connected()
            && !self.mailbox.is_waiting(clock::now())
    }

    /// Takes what has come of the logs; whether anything had.
    fn drain(&mut self) -> Result<bool, StewardError> {
        let mut has_news = false;
        while let Some(batch) = self.feed.ready() {
            self.take(batch)?;
            has_news = true;
        }
        Ok(has_news)
    }

    fn follow(&mut self) {
        for organisation in self.custody.organisations() {
            self.feed.follow(&self.client, organisation);
        }
    }

    fn take(&mut self, batch: Batch) -> Result<(), StewardError> {
        let Batch { organisation, followed } = batch;
        match followed {
            Ok(followed) => {
                if let Some(last) = followed.last()
                    && organisation == *self.name.organisation()
                {
                    self.mailbox.hear(last.index);
                }
                self.custody.take(&organisation, followed)?;
                self.follow();
            }
            Err(source) if organisation == *self.name.organisation() => {
                return Err(StewardError::Follow { organisation, source: Box::new(source) });
            }
            Err(cause) => {
                tracing::warn!(%organisation, %cause, "control log of a peer is not followed");
                self.custody.do_without(&organisation);
            }
        }
        Ok(())
    }

    /// Ends the work where the node will never take this steward again.
    async fn check_session(&self) -> Result<(), StewardError> {
        if self.client.is_connected() {
            return Ok(());
        }
        match timeout(Duration::ZERO, self.client.connected()).await {
            Ok(Err(source)) => {
                let (name, source) = (self.name.clone(), Box::new(source));
                Err(StewardError::Connect { name, source })
            }
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// Plans and does it, batch by batch, while the plan stands: a reader that loses its right in the
    /// meantime is given no key.
    async fn keep_keys(&mut self) -> Result<Progress, StewardError> {
        if !self.mailbox.restate(clock::now()).await {
            return Ok(Progress::Later);
        }
        let mut plan = self.custody.plan(clock::now());
        let mut progress = Progress::Nothing;
        let mut is_refused = false;
        loop {
            self.drain()?;
            let now = clock::now();
            if !self.custody.stands(&plan, now) {
                // What was refused is not asked for again at once.
                let is_idle = progress == Progress::Nothing && is_refused;
                return Ok(if is_idle { Progress::Later } else { Progress::Some });
            }
            let batch = self.custody.next_batch(&mut plan, now, &mut OsEntropy::new())?;
            if batch.is_empty() {
                return Ok(progress);
            }
            match self.mailbox.state_all(batch, now).await {
                Outcome::Stated => progress = Progress::Some,
                Outcome::Refused(_) => is_refused = true,
                Outcome::Later => return Ok(Progress::Later),
            }
        }
    }
}
