//! Two organisations with their nodes and stewards, and the contract between them.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use sekisho::OsEntropy;
use sekisho_broker::hub::metrics::{REFUSED, SUBSCRIPTIONS_ENDED};
use sekisho_proto::RefusalCode;
use sekisho_seal::Entropy as _;

use super::relay::Relay;
use super::report::{Refused, Searched};
use super::search::Needles;
use crate::city::{self, Contract, free_tcp_port};
use crate::launch::arguments;
use crate::page::Page;

/// Where a node counts.
const METRICS: &str = "/metrics";

/// One city's processes and where they are.
pub(super) struct City {
    city: city::City,
    /// Where its pages are.
    web: String,
    /// What the other city dials: the relay in front of this node.
    relay: Relay,
}

impl Deref for City {
    type Target = city::City;

    fn deref(&self) -> &city::City {
        &self.city
    }
}

/// Both, and what nobody between them may see.
pub(super) struct Cities {
    pub(super) fujisawa: City,
    pub(super) santander: City,
    pub(super) needles: Arc<Needles>,
    /// The text in every sample.
    pub(super) mark: String,
    /// The number in every sample.
    pub(super) number: f64,
}

impl Cities {
    /// Makes both, starts their processes and signs their peering.
    pub(super) async fn found(folder: &Path) -> Result<Self> {
        let mut random = [0; 16];
        OsEntropy::new().fill(&mut random)?;
        let mark = format!("canary-{:032x}", u128::from_be_bytes(random));
        // A number that no clock, length or constant is likely to have as its eight bytes.
        let number =
            f64::from_bits(0x4001_0000_0000_0000 | (u64::from_be_bytes(half(random)) >> 16));
        let needles = Arc::new(Needles::new(&mark, number));
        let (fujisawa, santander) = tokio::try_join!(
            City::start("fujisawa", folder, &needles),
            City::start("santander", folder, &needles),
        )?;
        let cities = Self { fujisawa, santander, needles, mark, number };
        cities.sign(folder).await?;
        Ok(cities)
    }

    async fn sign(&self, folder: &Path) -> Result<()> {
        let (ours, theirs) = (&self.fujisawa, &self.santander);
        let contract = Contract {
            from: (&ours.city, ours.relay.address.to_string()),
            to: (&theirs.city, theirs.relay.address.to_string()),
            export: "fujisawa/truck/#",
            purpose: "air-quality",
        };
        contract.sign(folder).await
    }

    /// What the nodes say they refused.
    pub(super) async fn refusals(&self) -> Result<Refused> {
        let fujisawa = Page::get(&self.fujisawa.http, METRICS).await?.body;
        let santander = Page::get(&self.santander.http, METRICS).await?.body;
        let count = |name: &str, code: &str| {
            counted(&fujisawa, name, code) + counted(&santander, name, code)
        };
        let denied = RefusalCode::NotPermitted.name();
        Ok(Refused {
            unauthorised: count(REFUSED, denied) + count(SUBSCRIPTIONS_ENDED, denied),
            forged: count(REFUSED, RefusalCode::BadSignature.name()),
            replayed: count(REFUSED, RefusalCode::Replayed.name()),
        })
    }

    /// Stops everything, then searches what both nodes kept and what passed between them.
    pub(super) async fn close(self) -> Result<Searched> {
        let Self { fujisawa, santander, needles, .. } = self;
        let mut searched = Searched::default();
        for City { city, relay, .. } in [santander, fujisawa] {
            let dir = city.dir.clone();
            city.stop().await?;
            let (found, bytes) = needles.count_below(&dir.join("data"))?;
            searched.found += found + relay.found();
            searched.file_bytes += bytes;
            searched.datagrams += relay.datagrams();
            searched.datagram_bytes += relay.bytes();
        }
        Ok(searched)
    }
}

impl City {
    async fn start(name: &str, folder: &Path, needles: &Arc<Needles>) -> Result<Self> {
        let web = format!("127.0.0.1:{}", free_tcp_port()?);
        let options = arguments([&"--insecure-web", &web]);
        let city = city::City::start(name, folder, "", options).await?;
        let relay = Relay::start(city.listen.parse()?, Arc::clone(needles)).await?;
        Ok(Self { city, web, relay })
    }

    /// The address of its pages, for this machine only.
    pub(super) fn pages(&self) -> String {
        format!("http://{}", self.web)
    }
}

fn half(random: [u8; 16]) -> [u8; 8] {
    let mut half = [0; 8];
    for (to, from) in half.iter_mut().zip(random) {
        *to = from;
    }
    half
}

/// One counter's value; a node that never refused anything for this reason does not name it.
fn counted(metrics: &str, name: &str, code: &str) -> u64 {
    let name = format!("{name}{{code=\"{code}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}
