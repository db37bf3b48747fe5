//! Where it is measured: a city for each node, and the contracts with the first.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::plan::Plan;
use super::process::{self, Usage};
use crate::city::{City, Contract};

/// The first city, and what its trucks publish below.
pub(super) const HOME: &str = "bench";
/// What contracts and grants are for.
pub(super) const PURPOSE: &str = "bench";

/// As much as a node lets its operator allow: what is measured is the node, not its limits.
const SETTINGS: &str = "\n\
    [limits]\n\
    envelope_bytes = 1048576\n\
    connections = 1000000\n\
    strangers_per_address = 100000\n\
    requests_per_second = 10000000\n";

/// All cities, the first one's first.
#[derive(Debug)]
pub(super) struct Ground {
    cities: Vec<City>,
}

/// All topics of the fleet.
pub(super) fn everything() -> String {
    format!("{HOME}/truck/#")
}

impl Ground {
    pub(super) async fn found(plan: &Plan, folder: &Path) -> Result<Self> {
        let home = City::start(HOME, folder, SETTINGS, Vec::new()).await?;
        let mut cities = vec![home];
        for number in 1..plan.nodes {
            let name = format!("far-{number}");
            cities.push(City::start(&name, folder, SETTINGS, Vec::new()).await?);
        }
        let ground = Self { cities };
        let home = ground.home()?;
        for far in ground.far() {
            let contract = Contract {
                from: (home, home.listen.clone()),
                to: (far, far.listen.clone()),
                export: &everything(),
                purpose: PURPOSE,
            };
            contract.sign(folder).await?;
        }
        Ok(ground)
    }

    pub(super) fn home(&self) -> Result<&City> {
        self.cities.first().context("there is a first city")
    }

    /// All others.
    pub(super) fn far(&self) -> &[City] {
        self.cities.get(1..).unwrap_or_default()
    }

    /// Where a subscriber is, by number.
    pub(super) fn of_subscriber(&self, number: u32) -> Result<&City> {
        let far = self.far();
        match usize::try_from(number)?.checked_rem(far.len()) {
            Some(place) => far.get(place).context("there is a city for each place"),
            None => self.home(),
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.cities.iter().map(|city| city.name.clone()).collect()
    }

    /// What each node has used so far.
    pub(super) fn usage(&self) -> Result<Vec<Usage>> {
        let numbers = self.cities.iter().map(|city| {
            city.node_process().with_context(|| format!("{}: wanted it to go on", city.name))
        });
        numbers.map(|number| process::of(number?)).collect()
    }

    pub(super) async fn close(self) -> Result<()> {
        for city in self.cities.into_iter().rev() {
            city.stop().await?;
        }
        Ok(())
    }
}
