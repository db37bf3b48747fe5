//! What is agreed on beside what each side offers and takes: what comes or goes through the two of
//! others, and how much.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;
use sekisho::{Client, clock};
use sekisho_policy::Policy;
use sekisho_proto::statement::{PeeringBudget, PeeringParty, Transit};
use sekisho_proto::{Filter, Hash, OrgName};

use crate::access::Access;
use crate::fault;
use crate::replay::replayed_with;

/// What our side promises beside its topics, and what it allows the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct Terms {
    /// What we offer may travel on to their other peers.
    #[arg(long)]
    onward: bool,
    /// Pass on to them what another of our peers states, and its topics that the filters name; may
    /// be repeated.
    #[arg(long = "passes-on", value_name = "ORGANISATION[=FILTER,…]")]
    passes_on: Vec<Passage>,
    /// Take envelopes of their publishers on these topics of theirs, and carry them home; may be
    /// repeated.
    #[arg(long = "carries-home", value_name = "FILTER")]
    carries_home: Vec<Filter>,
    /// They may send us at most so many bytes per second, 1k to 1000G; default what our node allows.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    bytes_per_s: Option<u64>,
    /// They may send us at most so many envelopes per second; default what our node allows.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    envelopes_per_s: Option<u32>,
    /// They may ask us for at most so many filters at a time; default what our node allows.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    interests: Option<u32>,
    /// We give them at most so many bytes per second of what we kept before they asked, 1k to 1000G;
    /// default what our node allows.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    history_bytes_per_s: Option<u64>,
}

/// What passes of a third organisation, as it is typed: `alba` or `alba=alba/truck/#,alba/bus/#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passage {
    organisation: OrgName,
    filters: Vec<Filter>,
}

/// In place of the root of somebody whom the writer of a letter does not know.
pub(crate) const UNKNOWN_ROOT: Hash = Hash::new([0; 32]);

/// What a budget of bytes may be: below, nothing gets through in time.
const BYTES_PER_S: RangeInclusive<u64> = 1_000..=1_000_000_000_000;

impl FromStr for Passage {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (organisation, filters) = text.split_once('=').unwrap_or((text, ""));
        let organisation: OrgName = organisation.parse()?;
        let texts = filters.split(',').filter(|text| !text.is_empty());
        let filters = texts.map(str::parse).collect::<Result<Vec<Filter>, _>>()?;
        if let Some(other) = filters.iter().find(|one| *one.organisation() != organisation) {
            bail!("{text}: wanted topics of {organisation}, found {other}");
        }
        Ok(Self { organisation, filters })
    }
}

impl Passage {
    /// As a wish: whoever is to pass it on says by which root it is known.
    pub(crate) fn wished(self) -> Transit {
        Transit { organisation: self.organisation, root: UNKNOWN_ROOT, filters: self.filters }
    }
}

/// Bytes, with `k`, `M` or `G` behind it for thousands, millions and billions.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((place, 'k')) => (&text[..place], 1_000),
        Some((place, 'M')) => (&text[..place], 1_000_000),
        Some((place, 'G')) => (&text[..place], 1_000_000_000),
        _ => (text, 1),
    };
    let found = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    found
        .filter(|found| BYTES_PER_S.contains(found))
        .ok_or_else(|| "wanted 1k to 1000G bytes per second, as 250000, 250k, 5M or 1G".to_owned())
}

impl Terms {
    /// Whether anything was said.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds them to our side, and what we allow to theirs. What the other side would have us pass on
    /// stands in ours already, by a root that it need not know.
    ///
    /// # Errors
    ///
    /// Somebody is to be passed on whom our node does not have as a peer.
    pub(crate) async fn fill_in(
        &self,
        access: &Access,
        client: &Client,
        ours: &mut PeeringParty,
        theirs: &mut PeeringParty,
    ) -> Result<()> {
        ours.onward |= self.onward;
        for filter in &self.carries_home {
            if *filter.organisation() != theirs.organisation {
                return Err(fault::usage(format!(
                    "--carries-home: wanted topics of {}, found {filter}",
                    theirs.organisation
                )));
            }
            if !ours.carries_home.contains(filter) {
                ours.carries_home.push(filter.clone());
            }
        }
        let mut passes: BTreeMap<OrgName, Vec<Filter>> = BTreeMap::new();
        let wished = ours.passes_on.iter().map(|one| (&one.organisation, &one.filters));
        let stated = self.passes_on.iter().map(|one| (&one.organisation, &one.filters));
        for (organisation, filters) in wished.chain(stated) {
            let all = passes.entry(organisation.clone()).or_default();
            all.extend(filters.iter().cloned());
            all.sort_unstable();
            all.dedup();
        }
        ours.passes_on = self.transits(access, client, passes, &theirs.organisation).await?;
        let budget = &mut theirs.budget;
        *budget = PeeringBudget {
            bytes_per_s: self.bytes_per_s.or(budget.bytes_per_s),
            envelopes_per_s: self.envelopes_per_s.or(budget.envelopes_per_s),
            interests: self.interests.or(budget.interests),
            history_bytes_per_s: self.history_bytes_per_s.or(budget.history_bytes_per_s),
        };
        Ok(())
    }

    /// Whom we pass on, each by the root that the contract with it names: that contract is checked
    /// here, the node's word does not count.
    async fn transits(
        &self,
        access: &Access,
        client: &Client,
        passes: BTreeMap<OrgName, Vec<Filter>>,
        taker: &OrgName,
    ) -> Result<Vec<Transit>> {
        if passes.is_empty() {
            return Ok(Vec::new());
        }
        let own = access.profile.principal.organisation();
        let others: Vec<&OrgName> = passes.keys().collect();
        let policy = replayed_with(access, client, &others).await?;
        passes
            .into_iter()
            .map(|(organisation, filters)| {
                let wanted = if organisation == *own || organisation == *taker {
                    Err("wanted a third organisation, found a party of the contract")
                } else {
                    root_of_peer(&policy, &organisation).ok_or(
                        "wanted an organisation that ours has a contract in force with, found none",
                    )
                };
                let root = wanted.map_err(|why| {
                    fault::usage(format!(
                        "pass on {organisation}: {why}; agree on one with {organisation} first"
                    ))
                })?;
                Ok(Transit { organisation, root, filters })
            })
            .collect()
    }
}

/// Whether a party may do anything at all of what the contract says: a budget of nothing would have
/// its node ask, be refused and ask again for ever.
///
/// # Errors
/// A budget that is nothing.
pub(crate) fn check_budget(letter: &str, party: &PeeringParty) -> Result<()> {
    let PeeringBudget { bytes_per_s, envelopes_per_s, interests, history_bytes_per_s } =
        party.budget;
    let budgets = [
        ("bytes per second", bytes_per_s),
        ("envelopes per second", envelopes_per_s.map(u64::from)),
        ("filters at a time", interests.map(u64::from)),
        ("bytes of history per second", history_bytes_per_s),
    ];
    match budgets.into_iter().find(|(_what, budget)| *budget == Some(0)) {
        None => Ok(()),
        Some((what, _none)) => Err(fault::no(format!(
            "{letter}: wanted at least one of the {what} of {}, found none; a contract that offers \
             no topic says so by its filters",
            party.organisation
        ))),
    }
}

fn root_of_peer(policy: &Policy, organisation: &OrgName) -> Option<Hash> {
    let route = policy.route(organisation, clock::now())?;
    route.is_direct().then_some(route.view.theirs.root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_is_an_organisation_and_topics_of_it() {
        let passage = |text: &str| text.parse::<Passage>();
        assert_eq!(passage("alba").unwrap().filters, []);
        let two = passage("alba=alba/truck/#,alba/bus/+").unwrap();
        assert_eq!(two.organisation.as_str(), "alba");
        let texts: Vec<&str> = two.filters.iter().map(Filter::as_str).collect();
        assert_eq!(texts, ["alba/truck/#", "alba/bus/+"]);
        let error = passage("alba=bruges/#").unwrap_err().to_string();
        assert!(error.contains("wanted topics of alba, found bruges/#"), "{error}");
        assert!(passage("").is_err() && passage("Al ba").is_err());
        assert_eq!(two.wished().root, UNKNOWN_ROOT);
    }

    #[test]
    fn a_budget_of_nothing_is_no_budget() {
        let party = |budget| PeeringParty {
            organisation: "alba".parse().unwrap(),
            root: UNKNOWN_ROOT,
            node_key: sekisho_proto::PublicKey::new([0; 32]),
            address: "alba.example:7443".to_owned(),
            exports: Vec::new(),
            imports: Vec::new(),
            onward: false,
            passes_on: Vec::new(),
            carries_home: Vec::new(),
            budget,
        };
        let one = PeeringBudget {
            bytes_per_s: Some(1),
            envelopes_per_s: Some(1),
            interests: Some(1),
            history_bytes_per_s: Some(1),
        };
        for budget in [PeeringBudget::default(), one] {
            check_budget("invitation", &party(budget)).unwrap();
        }
        for (what, budget) in [
            ("bytes per second", PeeringBudget { bytes_per_s: Some(0), ..one }),
            ("envelopes per second", PeeringBudget { envelopes_per_s: Some(0), ..one }),
            ("filters at a time", PeeringBudget { interests: Some(0), ..one }),
            ("bytes of history", PeeringBudget { history_bytes_per_s: Some(0), ..one }),
        ] {
            let refused = check_budget("invitation", &party(budget)).unwrap_err().to_string();
            assert!(refused.contains(what) && refused.contains("alba"), "{refused}");
        }
    }

    #[test]
    fn bytes_per_second_have_units_and_bounds() {
        let cases =
            [("250000", 250_000), ("1k", 1_000), ("5M", 5_000_000), ("1000G", 1_000_000_000_000)];
        for (text, wanted) in cases {
            assert_eq!(bytes(text), Ok(wanted));
        }
        for text in
            ["999", "0", "1001G", "", "k", "5 M", "5m", "-1", "1.5M", "99999999999999999999G"]
        {
            let found = bytes(text);
            assert!(found.is_err_and(|why| why.contains("1k to 1000G")), "{text}");
        }
    }
}
