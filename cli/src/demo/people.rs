//! Everybody in the demo: trucks, dashboards, and those who have no business there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use sekisho::Question;
use sekisho_proto::Action;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cities::{Cities, City};
use crate::launch::{arguments, run};

/// Enrolments under way at a time.
const AT_ONCE: usize = 16;
/// What the trucks publish below.
pub(super) const TRUCKS: &str = "fujisawa/truck/#";

/// Where everybody's keys are, and what every sample carries.
#[derive(Debug, Clone)]
pub(super) struct People {
    /// One folder for each truck.
    pub(super) trucks: PathBuf,
    pub(super) local: PathBuf,
    pub(super) far: PathBuf,
    /// Enrolled, and granted nothing on the trucks' topics.
    pub(super) stranger: PathBuf,
    /// A gateway gone bad: may carry what trucks signed.
    pub(super) forger: PathBuf,
    /// Another one, which listens too.
    pub(super) replayer: PathBuf,
    /// Enrolled, and granted nothing at all.
    pub(super) reader: PathBuf,
    pub(super) mark: String,
    pub(super) number: f64,
}

impl People {
    /// A token for each, used at once; then what the owner of the trucks grants.
    pub(super) async fn enrol(cities: &Cities, folder: &Path, trucks: u32) -> Result<Self> {
        let people = Self {
            trucks: folder.join("trucks"),
            local: folder.join("dashboard-fujisawa"),
            far: folder.join("dashboard-santander"),
            stranger: folder.join("stranger"),
            forger: folder.join("forger"),
            replayer: folder.join("replayer"),
            reader: folder.join("reader"),
            mark: cities.mark.clone(),
            number: cities.number,
        };
        let (here, there) = (&cities.fujisawa, &cities.santander);
        let mut crowd = Crowd::new(folder)?;
        for number in 1..=trucks {
            let topics = format!("fujisawa/truck/{number}/#");
            let dir = people.trucks.join(format!("truck-{number}"));
            crowd.enrol(here, &format!("truck-{number}"), &["--topics", &topics], &dir);
        }
        crowd.enrol(here, "dashboard", &["--kind", "app", "--read", TRUCKS], &people.local);
        crowd.enrol(there, "dashboard", &["--kind", "app"], &people.far);
        let elsewhere = ["--topics", "fujisawa/elsewhere/#"];
        crowd.enrol(here, "stranger", &elsewhere, &people.stranger);
        crowd.enrol(here, "forger", &["--kind", "bridge"], &people.forger);
        crowd.enrol(here, "replayer", &["--kind", "bridge"], &people.replayer);
        crowd.enrol(here, "reader", &["--kind", "person"], &people.reader);
        crowd.wait().await?;
        for (who, what) in [
            ("dashboard@santander", "subscribe,history,decrypt,discover"),
            ("forger@fujisawa", "bridge,subscribe,history"),
            ("replayer@fujisawa", "bridge,subscribe,history"),
        ] {
            let grant = arguments([&"grant", &who, &what, &TRUCKS, &"--yes", &"--dir", &here.dir]);
            run("grant", grant).await?;
        }
        let granted = Question::Why {
            principal: "dashboard@santander".parse()?,
            action: Action::Subscribe,
            topic: "fujisawa/truck/1/air".parse()?,
            at: None,
        };
        there.wait_until_allowed(granted).await?;
        Ok(people)
    }
}

/// Many enrolments side by side.
struct Crowd {
    tokens: PathBuf,
    room: Arc<Semaphore>,
    tasks: JoinSet<Result<()>>,
}

impl Crowd {
    fn new(folder: &Path) -> Result<Self> {
        let tokens = folder.join("tokens");
        std::fs::create_dir_all(&tokens).with_context(|| format!("{}", tokens.display()))?;
        Ok(Self { tokens, room: Arc::new(Semaphore::new(AT_ONCE)), tasks: JoinSet::new() })
    }

    fn enrol(&mut self, city: &City, name: &str, options: &[&str], dir: &Path) {
        let token = self.tokens.join(format!("{name}@{}", city.name));
        let mut enrol = arguments([
            &"enrol",
            &name,
            &"--approve-matching",
            &"--out",
            &token,
            &"--dir",
            &city.dir,
        ]);
        enrol.extend(options.iter().map(Into::into));
        let join = arguments([&"join", &token, &"--dir", &dir]);
        let room = Arc::clone(&self.room);
        self.tasks.spawn(async move {
            let _place = room.acquire_owned().await?;
            run("enrol", enrol).await?;
            run("join", join).await?;
            Ok(())
        });
    }

    async fn wait(mut self) -> Result<()> {
        while let Some(enrolled) = self.tasks.join_next().await {
            enrolled??;
        }
        Ok(())
    }
}
