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
    StewardError,
    enrolment::{Enrolments, desk::Desk},
    feed::{Batch, Feed},
    folder::steward_folder,
    keeper::Keeper,
    mailbox::{Mailbox, Outcome},
    plan::{Action, Situation, plan},
    reception::Reception,
    replica::Replica,
    seeds::Seeds,
    settings::Settings,
};

const LOCK_FILE: &str = "steward.lock";

/// How often the waiting newcomers are asked for.
const NEWCOMERS_EVERY: Duration = Duration::from_secs(1);

/// How often is planned where no log says anything: rights begin and end by themselves.
const PLAN_EVERY: Duration = Duration::from_secs(5);

/// Key grants stated in a row; then the logs are looked at again, lest a reader that lost its right
/// in the meantime is given a key.
const GRANTS_PER_PLAN_MAX: usize = 64;

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
    let seeds = Seeds::open(&dir)?;
    let desk = Desk::open(Enrolments::open(&dir)?)?;
    let identity = Arc::new(keys.identity);
    let name = profile.principal.clone();
    let failed = |source| StewardError::Connect { name: name.clone(), source: Box::new(source) };
    let options =
        ClientOptions::default().software(concat!("sekisho-steward/", env!("CARGO_PKG_VERSION")));
    let client = Client::start(profile.endpoint(), Arc::clone(&identity), profile.trust(), options)
        .map_err(failed)?;
    let replica = Replica::new(profile.principal.organisation(), profile.root);
    let steward = Steward {
        name: profile.principal,
        keeper: Keeper::new(identity, seeds),
        settings,
        client: client.clone(),
        replica,
        feed: Feed::new(),
        reception: Reception::new(client.clone(), desk),
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
    keeper: Keeper,
    settings: Settings,
    client: Client,
    replica: Replica,
    feed: Feed,
    reception: Reception,
    mailbox: Mailbox,
}

impl Steward {
    async fn work(mut self, ready: impl FnOnce()) -> Result<(), StewardError> {
        let mut ready = Some(ready);
        let mut newcomers = interval(NEWCOMERS_EVERY);
        newcomers.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut planned: Option<Timestamp> = None;
        self.follow();
        loop {
            let mut has_news = false;
            let mut is_tick = false;
            tokio::select! {
                batch = self.feed.next() => if let Some(batch) = batch {
                    self.take(batch)?;
                    has_news = true;
                },
                _tick = newcomers.tick() => {
                    self.check_session().await?;
                    is_tick = true;
                }
            }
            while let Some(batch) = self.feed.ready() {
                self.take(batch)?;
                has_news = true;
            }
            if !self.replica.is_complete() || !self.client.is_connected() {
                continue;
            }
            let now = clock::now();
            let is_due = planned.is_none_or(|then| now.saturating_since(then) >= PLAN_EVERY);
            if (has_news || is_due) && !self.mailbox.is_waiting(now) {
                planned = Some(now);
                let is_done = self.keep_keys().await?;
                if let Some(ready) = ready.take_if(|_ready| is_done) {
                    tracing::info!(steward = %self.name, "ready");
                    ready();
                }
            }
            if is_tick {
                self.reception.let_in(&self.keeper, &mut self.mailbox).await;
            }
        }
    }

    fn follow(&mut self) {
        for organisation in self.replica.organisations() {
            self.feed.follow(&self.client, organisation);
        }
    }

    fn take(&mut self, batch: Batch) -> Result<(), StewardError> {
        let Batch { organisation, followed } = batch;
        match followed {
            Ok(followed) => {
                for one in &followed {
                    self.mailbox.hear(&one.statement.id());
                }
                self.replica.take(&organisation, followed)?;
                self.follow();
            }
            Err(source) if organisation == *self.name.organisation() => {
                return Err(StewardError::Follow { organisation, source: Box::new(source) });
            }
            Err(cause) => {
                tracing::warn!(%organisation, %cause, "control log of a peer is not followed");
                self.replica.do_without(&organisation);
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

    /// Plans and does it; whether nothing is left to do that the node would take.
    async fn keep_keys(&mut self) -> Result<bool, StewardError> {
        if !self.mailbox.restate(clock::now()).await {
            return Ok(false);
        }
        let actions = plan(&Situation {
            policy: self.replica.policy(),
            ledger: self.replica.ledger(),
            settings: &self.settings,
            seeds: self.keeper.seeds(),
            own: self.keeper.id(),
            now: clock::now(),
        });
        let mut grants = 0;
        let mut stated = 0;
        for action in &actions {
            if let Action::Grant(_) = action {
                grants += 1;
            }
            if grants > GRANTS_PER_PLAN_MAX {
                break;
            }
            let done = self.keeper.carry_out(action, clock::now(), &mut OsEntropy::new())?;
            let Some(statement) = done else { continue };
            match self.mailbox.state(statement, clock::now()).await {
                Outcome::Stated => stated += 1,
                Outcome::Refused(_) => {}
                Outcome::Later => return Ok(false),
            }
        }
        Ok(stated == 0)
    }
}
