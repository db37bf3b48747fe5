//! Whatever happens in a town, in whatever order, and wherever the steward is killed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::select};
use sekisho_proto::{Hash, PrincipalId, Timestamp, statement::RevokeTarget};

use super::*;

const TREES: [&str; 2] = ["fujisawa/park/#", "fujisawa/truck/#"];
const READERS: [&str; 4] = ["ann@fujisawa", "bob@fujisawa", "eve@santander", "gil@santander"];
const ON: [&str; 3] = ["fujisawa/#", "fujisawa/truck/17/#", "fujisawa/park/noise"];

#[derive(Debug, Clone)]
enum Event {
    Grant {
        reader: &'static str,
        on: &'static str,
        history_hours: Option<i64>,
        hours: Option<i64>,
    },
    RevokeGrant(usize),
    RevokeKey(&'static str),
    Deny {
        reader: &'static str,
        on: &'static str,
    },
    HoursPass(i64),
    /// The steward does so many actions of its plan and is killed.
    Crash(usize),
    /// It is killed between keeping a seed and announcing it.
    CrashBeforeAnnouncing,
    EndPeering,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (
            select(&READERS[..]),
            select(&ON[..]),
            prop::option::of(0..100_i64),
            prop::option::of(1..60_i64),
        ).prop_map(|(reader, on, history_hours, hours)| Event::Grant {
            reader, on, history_hours, hours,
        }),
        3 => any::<usize>().prop_map(Event::RevokeGrant),
        1 => select(&READERS[..]).prop_map(Event::RevokeKey),
        1 => (select(&READERS[..]), select(&ON[..]))
            .prop_map(|(reader, on)| Event::Deny { reader, on }),
        6 => (1..80_i64).prop_map(Event::HoursPass),
        2 => (0..4_usize).prop_map(Event::Crash),
        1 => Just(Event::CrashBeforeAnnouncing),
        1 => Just(Event::EndPeering),
    ];
    vec(event, 1..24)
}

/// What the steward is held to, told by the events alone.
struct World {
    town: Town,
    grants: Vec<Hash>,
    peering: Option<Hash>,
    /// The earliest time that each reader was ever entitled to read.
    entitled: BTreeMap<PrincipalId, Timestamp>,
}

impl World {
    fn new() -> Self {
        let mut town = Town::new(&TREES);
        town.settings.keep = Some(Duration::from_hours(100));
        let peering = Some(town.befriend("santander"));
        for reader in READERS {
            town.enrol(reader);
        }
        town.settle();
        Self { town, grants: Vec::new(), peering, entitled: BTreeMap::new() }
    }

    fn happen(&mut self, event: &Event) {
        let town = &mut self.town;
        match event {
            Event::Grant { reader, on, history_hours, hours } => {
                let what = if history_hours.is_some() {
                    "subscribe,history,decrypt"
                } else {
                    "subscribe,decrypt"
                };
                let mut grant = fixture::grant(reader, what, on, town.now);
                let ago = |hours: i64| at_hours(town.now, -hours);
                grant.history_from = history_hours.map(ago);
                grant.until = hours.map(|hours| at_hours(town.now, hours));
                let since = grant.history_from.unwrap_or(town.now);
                let known = self.entitled.entry(id(reader)).or_insert(since);
                *known = since.min(*known);
                self.grants.push(town.state(grant));
            }
            Event::RevokeGrant(which) => {
                if !self.grants.is_empty() {
                    let grant = self.grants.swap_remove(which % self.grants.len());
                    town.revoke(RevokeTarget::Statement(grant));
                }
            }
            Event::RevokeKey(reader) => town.revoke(RevokeTarget::Principal(id(reader))),
            Event::Deny { reader, on } => drop(town.deny(reader, "decrypt", on)),
            Event::HoursPass(hours) => town.hours_pass(*hours),
            Event::Crash(after) => {
                for action in town.plan().iter().take(*after) {
                    town.act(action);
                }
                town.restart();
            }
            Event::CrashBeforeAnnouncing => {
                if let Some(action @ Action::Announce(_)) = town.plan().first() {
                    let done =
                        town.keeper.carry_out(action, &town.policy, town.now, &mut town.entropy);
                    assert!(done.unwrap().is_some());
                }
                town.restart();
            }
            Event::EndPeering => {
                if let Some(peering) = self.peering.take() {
                    town.revoke(RevokeTarget::Statement(peering));
                }
            }
        }
    }

    fn check(&self) {
        let town = &self.town;
        for tree in TREES {
            let epochs = town.ledger.tree(&filter(tree)).unwrap();
            assert!(epochs.is_in_force(town.now), "{tree} cannot be published on");
            let readers = town.policy.decrypt_readers(&filter(tree), town.now);
            let readers: BTreeSet<PrincipalId> = readers.iter().map(|one| one.id).collect();
            let holders: BTreeSet<PrincipalId> = epochs.key_holders().collect();
            assert!(holders.is_subset(&readers), "a key of {tree} is in hands that may not");
            let topic = tree.replace('#', "17/x").parse().unwrap();
            let current = town.policy.epoch_of(&topic, town.now).unwrap().epoch;
            for reader in readers {
                assert!(epochs.granted(current, reader).is_some(), "a reader has no key of {tree}");
            }
        }
        for (_when, grant) in &town.key_grants {
            let epochs = town.ledger.tree(&grant.tree).unwrap();
            let end = epochs.end_of(grant.epoch).unwrap();
            let since = self.entitled[&grant.reader];
            // Equal where the next epoch began in the very instant that the key was handed over.
            assert!(since <= end, "epoch {} of {} was over before", grant.epoch, grant.tree);
        }
    }
}

fn at_hours(now: Timestamp, hours: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros() + hours * fixture::HOUR * 1_000_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn readers_have_the_keys_they_may_have_and_nobody_else(events in events()) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            world.town.settle();
            world.check();
        }
    }
}
