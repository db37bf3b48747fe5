//! The key of another organisation's tree, which a peer's steward was given for its own people.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};
use sekisho_proto::{
    Hash, OrgName, Statement, StatementBody, StatementIndex,
    statement::{Deny, Erased, Erasure, Grant, KeyGrant, Revoke},
};
use sekisho_seal::{SeededEntropy, StrictVerifier, unwrap_announced_epoch_seed};

use super::*;
use crate::{
    Custody,
    fixture::{genesis, grant, peering, principal, signed},
    settings::Settings,
};

const PARK: &str = "park@santander";
const LATE: &str = "late@santander";

/// Some towns, each with a log and a steward that reads all.
pub(super) struct Towns {
    logs: Vec<(&'static str, Vec<(Timestamp, Statement)>)>,
    pub(super) stewards: Vec<Custody>,
    _folders: Vec<tempfile::TempDir>,
    read: Vec<Vec<usize>>,
    entropy: SeededEntropy,
    pub(super) now: Timestamp,
}

const NAMES: [&str; 2] = ["fujisawa", "santander"];

impl Towns {
    fn new() -> Self {
        Self::under(&NAMES, &[peering("fujisawa", "santander")])
    }

    /// Under contracts, each of which is in the logs of both parties.
    pub(super) fn under(names: &[&'static str], contracts: &[Statement]) -> Self {
        let folders: Vec<_> = names.iter().map(|_name| tempfile::tempdir().unwrap()).collect();
        let steward = |(name, folder): (&&str, &tempfile::TempDir)| {
            let own = name.parse().unwrap();
            let mut settings = Settings::defaults(&own);
            settings.suite = Suite::X25519Aes256Gcm;
            settings.keep = None;
            let keys = identity(&format!("steward@{name}")).into();
            let root = fixture::root(name).body_hash();
            Custody::open(folder.path(), keys, &own, root, settings).unwrap()
        };
        let stewards = names.iter().zip(&folders).map(steward).collect();
        let log = |name: &&'static str| {
            let is_party = |contract: &&Statement| {
                contract.organisations().iter().any(|party| party.as_str() == *name)
            };
            let contracts = contracts.iter().filter(is_party).cloned();
            let log = genesis(name).into_iter().chain(contracts);
            (*name, log.map(|statement| (at(1), statement)).collect())
        };
        let mut towns = Self {
            logs: names.iter().map(log).collect(),
            stewards,
            _folders: folders,
            read: vec![vec![0; names.len()]; names.len()],
            entropy: SeededEntropy::new(5),
            now: at(100),
        };
        for name in names {
            let device = format!("device@{name}");
            towns.state(name, principal(&device, PrincipalKind::Device, at(100)));
        }
        towns
    }

    /// What an office states.
    pub(super) fn state(&mut self, town: &str, body: impl Into<StatementBody>) -> Hash {
        let statement = signed(body, &[&format!("office@{town}")]);
        let id = statement.id();
        let now = self.now;
        self.log_mut(town).push((now, statement));
        self.now = now.saturating_add(Duration::from_secs(1));
        id
    }

    pub(super) fn enrol(&mut self, label: &str) {
        let body = principal(label, PrincipalKind::App, self.now);
        self.state(label.split('@').nth(1).unwrap(), body);
    }

    pub(super) fn revoke(&mut self, town: &str, target: RevokeTarget) {
        let organisation = town.parse().unwrap();
        let reason = "a test".to_owned();
        let issued = self.now;
        self.state(town, Revoke { organisation, target, reason, issued });
    }

    fn log_mut(&mut self, town: &str) -> &mut Vec<(Timestamp, Statement)> {
        &mut self.logs.iter_mut().find(|(name, _log)| *name == town).unwrap().1
    }

    /// A steward reads the logs that it wants to know to their ends: what it reads in its own tells it
    /// which others.
    fn read(&mut self, steward: usize) {
        let mut wanted = BTreeSet::new();
        loop {
            let names: Vec<OrgName> = self.stewards[steward].organisations().cloned().collect();
            let before = wanted.len();
            wanted.extend(names);
            if wanted.len() == before {
                return;
            }
            for name in &wanted {
                self.read_log(steward, name);
            }
        }
    }

    fn read_log(&mut self, steward: usize, name: &OrgName) {
        let number = self.logs.iter().position(|(town, _log)| *town == name.as_str()).unwrap();
        let log = &self.logs[number].1;
        let from = std::mem::replace(&mut self.read[steward][number], log.len());
        let news = log.iter().enumerate().skip(from).map(|(index, (received, statement))| {
            sekisho::Followed {
                index: StatementIndex::new(index as u64),
                received: *received,
                statement: statement.clone(),
            }
        });
        let news: Vec<_> = news.collect();
        if !news.is_empty() {
            self.stewards[steward].take(name, news).unwrap();
        }
        self.stewards[steward].take(name, Vec::new()).unwrap();
    }

    /// One steward works until nothing is left for it to do.
    fn work(&mut self, steward: usize) -> usize {
        let mut stated = 0;
        loop {
            self.read(steward);
            let mut plan = self.stewards[steward].plan(self.now);
            let custody = &mut self.stewards[steward];
            let batch = custody.next_batch(&mut plan, self.now, &mut self.entropy).unwrap();
            if batch.is_empty() {
                return stated;
            }
            stated += batch.len();
            let now = self.now;
            self.logs[steward].1.extend(batch.into_iter().map(|statement| (now, statement)));
            self.now = self.now.saturating_add(Duration::from_secs(1));
            assert!(stated < 100, "the steward does not come to rest");
        }
    }

    /// All work until none has anything left to do.
    pub(super) fn settle(&mut self) {
        while (0..self.stewards.len()).map(|steward| self.work(steward)).sum::<usize>() > 0 {}
    }

    fn hours_pass(&mut self, hours: u64) {
        self.now = self.now.saturating_add(Duration::from_hours(hours));
    }

    pub(super) fn is_in_log(&self, town: usize, reader: &str) -> Vec<u64> {
        let reader = id(reader);
        let log = self.logs[town].1.iter();
        log.filter_map(|(_when, statement)| {
            let StatementBody::KeyGrant(grant) = statement.body() else { return None };
            (grant.reader == reader).then(|| grant.epoch.value())
        })
        .collect()
    }

    pub(super) fn present(&self) -> u64 {
        let policy = self.stewards[0].policy();
        let topic = TRUCK.parse().unwrap();
        policy.epoch_of(&topic, self.now).unwrap().epoch.value()
    }
}

fn everybody(now: Timestamp) -> Grant {
    grant("*@santander", "subscribe,decrypt", "fujisawa/truck/#", now)
}

#[test]
fn a_peers_steward_hands_the_key_on_in_its_own_log_to_its_own_people_alone() {
    let mut towns = Towns::new();
    towns.enrol(PARK);
    towns.enrol("wall@fujisawa");
    let granted = everybody(towns.now);
    towns.state("fujisawa", granted);
    towns.settle();
    assert_eq!(towns.is_in_log(0, "steward@santander"), [1]);
    assert!(towns.is_in_log(0, PARK).is_empty(), "the owner's log names none of its peer's people");
    assert_eq!(towns.is_in_log(1, PARK), [1]);
    assert!(towns.is_in_log(1, "wall@fujisawa").is_empty());
    // It is the announced key, and opens for the reader.
    let policy = towns.stewards[1].policy();
    let announce = policy.epoch_of(&TRUCK.parse().unwrap(), towns.now).unwrap();
    let grants = policy.key_grants(&id(PARK), &filter(ALL), Epoch::new(1));
    let [handed] = grants[..] else { panic!("{grants:?}") };
    let StatementBody::KeyGrant(handed) = handed.body() else { panic!("{handed:?}") };
    assert_eq!(handed.organisation.as_str(), "santander");
    let keys = unwrap_announced_epoch_seed(&identity(PARK), handed, announce).unwrap();
    assert_eq!(keys.public_key().to_bytes(), announce.public_key);
    // Whoever trusts nothing but Santander's root believes it.
    let proof = policy.proof_of_key_grants(&id(PARK), &filter(ALL), Epoch::new(1));
    let root = fixture::root("santander").body_hash();
    let mut client = Policy::new("santander".parse().unwrap(), root);
    for statement in proof {
        let issued = statement.body().issued();
        client.apply(statement, issued.max(at(0)), &StrictVerifier).unwrap();
    }
    assert_eq!(client.key_grants(&id(PARK), &filter(ALL), Epoch::new(1)).len(), 1);
}

#[test]
fn a_late_joiner_is_handed_the_key_of_now_and_with_history_those_of_before() {
    for (what, expected) in
        [("subscribe,decrypt", vec![3]), ("subscribe,history,decrypt", vec![1, 2, 3])]
    {
        let mut towns = Towns::new();
        towns.enrol(PARK);
        let granted = grant("*@santander", what, "fujisawa/truck/#", towns.now);
        towns.state("fujisawa", granted);
        towns.settle();
        for _day in 0..2 {
            towns.hours_pass(24);
            towns.settle();
        }
        assert_eq!(towns.is_in_log(1, PARK), [1, 2, 3]);
        towns.enrol(LATE);
        towns.settle();
        let mut given = towns.is_in_log(1, LATE);
        given.sort_unstable();
        assert_eq!(given, expected, "{what}");
    }
}

#[test]
fn somebody_who_leaves_the_peer_is_shut_out_of_the_owners_next_epoch() {
    for how in ["the peer revokes", "the owner revokes", "the owner denies"] {
        let mut towns = Towns::new();
        towns.enrol(PARK);
        towns.enrol(LATE);
        let granted = everybody(towns.now);
        towns.state("fujisawa", granted);
        towns.settle();
        let target = RevokeTarget::Principal(id(PARK));
        match how {
            "the peer revokes" => towns.revoke("santander", target),
            "the owner revokes" => towns.revoke("fujisawa", target),
            _ => {
                let deny = Deny {
                    organisation: "fujisawa".parse().unwrap(),
                    grantee: PARK.parse().unwrap(),
                    actions: "decrypt".parse().unwrap(),
                    filter: filter("fujisawa/truck/17/#"),
                    reason: "a test".to_owned(),
                    issued: towns.now,
                };
                towns.state("fujisawa", deny);
            }
        }
        towns.settle();
        assert_eq!(towns.present(), 2, "{how}");
        assert_eq!(towns.is_in_log(1, PARK), [1], "{how}");
        assert_eq!(towns.is_in_log(1, LATE), [1, 2], "{how}");
    }
}

#[test]
fn a_peer_whose_grant_ends_gets_no_key_any_more_and_hands_none_on() {
    let mut towns = Towns::new();
    towns.enrol(PARK);
    let granted = everybody(towns.now);
    let all = towns.state("fujisawa", granted);
    towns.settle();
    towns.revoke("fujisawa", RevokeTarget::Statement(all));
    towns.enrol(LATE);
    towns.settle();
    assert_eq!(towns.present(), 2);
    assert_eq!(towns.is_in_log(0, "steward@santander"), [1]);
    assert_eq!(towns.is_in_log(1, PARK), [1]);
    assert!(towns.is_in_log(1, LATE).is_empty());
}

#[test]
fn an_epoch_that_its_owner_erased_is_handed_on_to_nobody() {
    let mut towns = Towns::new();
    let granted = grant("*@santander", "subscribe,history,decrypt", ALL, towns.now);
    towns.state("fujisawa", granted);
    towns.settle();
    towns.hours_pass(24);
    towns.settle();
    // An epoch is over when what was sealed to it late has come in.
    towns.hours_pass(24);
    towns.settle();
    let policy = towns.stewards[0].policy();
    let log = policy.log(policy.own()).iter();
    let mut keys = log.filter_map(|logged| {
        let StatementBody::EpochAnnounce(announce) = logged.statement.body() else { return None };
        Some(Hash::of(&announce.public_key))
    });
    let key = keys.next().unwrap();
    let erased = Erased::Epoch { tree: filter(ALL), epoch: Epoch::new(1), key };
    let receipt = Erasure {
        organisation: "fujisawa".parse().unwrap(),
        erased,
        records: 1,
        reason: "a test".to_owned(),
        issued: towns.now,
    };
    let now = towns.now;
    towns.log_mut("fujisawa").push((now, signed(receipt, &["steward@fujisawa"])));
    towns.enrol(LATE);
    towns.settle();
    let given = towns.is_in_log(1, LATE);
    assert!(given.contains(&2) && !given.contains(&1), "{given:?}");
}

#[test]
fn a_peer_that_hands_keys_to_whom_it_may_not_cannot_keep_the_owner_busy_for_ever() {
    let mut towns = Towns::new();
    towns.enrol(PARK);
    let granted = everybody(towns.now);
    towns.state("fujisawa", granted);
    towns.settle();
    let deny = Deny {
        organisation: "fujisawa".parse().unwrap(),
        grantee: PARK.parse().unwrap(),
        actions: "decrypt".parse().unwrap(),
        filter: filter(ALL),
        reason: "a test".to_owned(),
        issued: towns.now,
    };
    towns.state("fujisawa", deny);
    towns.settle();
    for _turn in 0..40 {
        let epoch = Epoch::new(towns.present());
        let handed = KeyGrant {
            organisation: "santander".parse().unwrap(),
            tree: filter(ALL),
            epoch,
            suite: Suite::X25519Aes256Gcm,
            reader: id(PARK),
            purpose: "against the rules".to_owned(),
            encapsulation: vec![1; 32].into(),
            sealed_seed: vec![1; 48].into(),
            issued: towns.now,
        };
        let statement = signed(handed, &["steward@santander"]);
        let now = towns.now;
        towns.log_mut("santander").push((now, statement));
        towns.settle();
    }
    let most = 2 + EPOCHS_FOR_PEERS_MAX as u64;
    assert!((3..=most).contains(&towns.present()), "found epoch {}", towns.present());
}

const PEOPLE: [&str; 3] = ["ann@santander", "bob@santander", "gil@santander"];

#[derive(Debug, Clone, Copy)]
enum Event {
    Enrol(&'static str),
    GrantAll {
        history: bool,
        hours: Option<u64>,
    },
    GrantOne(&'static str),
    RevokeGrant(usize),
    /// By the owner or by the peer.
    RevokeKey(&'static str, usize),
    Deny(&'static str),
    HoursPass(u64),
    /// One of the stewards does a part of its work, and the other all of it.
    Work(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let who = || select(&PEOPLE[..]);
    let event = prop_oneof![
        4 => who().prop_map(Event::Enrol),
        3 => (any::<bool>(), prop::option::of(1..50_u64))
            .prop_map(|(history, hours)| Event::GrantAll { history, hours }),
        1 => who().prop_map(Event::GrantOne),
        2 => any::<usize>().prop_map(Event::RevokeGrant),
        2 => (who(), 0..2_usize).prop_map(|(who, by)| Event::RevokeKey(who, by)),
        1 => who().prop_map(Event::Deny),
        4 => (2..40_u64).prop_map(Event::HoursPass),
        2 => (0..2_usize).prop_map(Event::Work),
    ];
    vec(event, 1..12)
}

fn happen(towns: &mut Towns, grants: &mut Vec<Hash>, event: Event) {
    match event {
        Event::Enrol(who) => {
            // A key that was revoked is nobody's any more.
            let policy = towns.stewards[1].policy();
            if policy.principal(&id(who)).is_none() {
                towns.enrol(who);
            }
        }
        Event::GrantAll { history, hours } => {
            let what = if history { "subscribe,history,decrypt" } else { "subscribe,decrypt" };
            let mut body = grant("*@santander", what, "fujisawa/truck/#", towns.now);
            body.until = hours.map(|hours| towns.now.saturating_add(Duration::from_hours(hours)));
            grants.push(towns.state("fujisawa", body));
        }
        Event::GrantOne(who) => {
            let body = grant(who, "subscribe,decrypt", "fujisawa/truck/17/#", towns.now);
            grants.push(towns.state("fujisawa", body));
        }
        Event::RevokeGrant(which) => {
            if !grants.is_empty() {
                let grant = grants.swap_remove(which % grants.len());
                towns.revoke("fujisawa", RevokeTarget::Statement(grant));
            }
        }
        Event::RevokeKey(who, by) => towns.revoke(NAMES[by], RevokeTarget::Principal(id(who))),
        Event::Deny(who) => {
            let deny = Deny {
                organisation: "fujisawa".parse().unwrap(),
                grantee: who.parse().unwrap(),
                actions: "decrypt".parse().unwrap(),
                filter: filter("fujisawa/truck/17/#"),
                reason: "a test".to_owned(),
                issued: towns.now,
            };
            towns.state("fujisawa", deny);
        }
        Event::HoursPass(hours) => towns.hours_pass(hours),
        Event::Work(steward) => drop(towns.work(steward)),
    }
}

/// Whoever may read has the key of now, whoever may not has none that is still accepted, and the
/// owner's log speaks of nobody of the peer whom it does not name.
fn check(towns: &Towns, named: &BTreeSet<&str>) {
    let policy = towns.stewards[0].policy();
    let present = towns.present();
    for who in PEOPLE {
        let may = policy.may_hold_key(&id(who), &filter(ALL), towns.now);
        let (owner, peer) = (towns.is_in_log(0, who), towns.is_in_log(1, who));
        let has = owner.contains(&present) || peer.contains(&present);
        assert_eq!(has, may, "{who}: epoch {present}, given {owner:?} and {peer:?}");
        assert!(owner.is_empty() || named.contains(who), "{who} is in the owner's log");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_peers_people_have_the_keys_they_may_have_and_no_others(events in events()) {
        let mut towns = Towns::new();
        let mut grants = Vec::new();
        let mut named = BTreeSet::new();
        for event in events {
            if let Event::GrantOne(who) = event {
                named.insert(who);
            }
            happen(&mut towns, &mut grants, event);
            if !matches!(event, Event::Work(_)) {
                towns.settle();
                check(&towns, &named);
            }
        }
    }
}
