use sekisho_proto::{Action, PrincipalKind, Statement, statement::Peering};

use super::*;
use crate::{
    fixture::{Town, at, followed, genesis, grant, id, peering, principal, root, signed},
    plan::{Situation, plan},
};

fn fujisawa() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn santander() -> OrgName {
    "santander".parse().unwrap()
}

fn replica() -> Replica {
    Replica::new(&fujisawa(), root("fujisawa").body_hash(), id("steward@fujisawa"))
}

/// Fujisawa's log with a peering in it, and with somebody of the peer's that it lets read.
fn own_log() -> Vec<Statement> {
    let mut log = genesis("fujisawa");
    log.push(peering("fujisawa", "santander"));
    let body = grant("park@santander", "subscribe,decrypt", "fujisawa/#", at(0));
    log.push(signed(body, &["office@fujisawa"]));
    log
}

fn peers_log() -> Vec<Statement> {
    let mut log: Vec<Statement> = genesis("santander").into_iter().take(2).collect();
    log.push(peering("fujisawa", "santander"));
    log.push(signed(principal("park@santander", PrincipalKind::App, at(0)), &["office@santander"]));
    log
}

fn may_decrypt(replica: &Replica) -> bool {
    let topic = "fujisawa/truck/17/air".parse().unwrap();
    replica.policy().permit(Action::Decrypt, id("park@santander"), &topic, at(100)).is_ok()
}

#[test]
fn nothing_is_complete_before_the_end_of_the_log_was_read() {
    let mut replica = replica();
    assert!(!replica.is_complete());
    replica.take(&fujisawa(), followed(genesis("fujisawa"))).unwrap();
    assert!(!replica.is_complete());
    replica.take(&fujisawa(), Vec::new()).unwrap();
    assert!(replica.is_complete());
}

#[test]
fn a_peering_waits_for_the_peers_log_whichever_comes_first() {
    let mut replica = replica();
    replica.take(&fujisawa(), followed(own_log())).unwrap();
    replica.take(&fujisawa(), Vec::new()).unwrap();
    assert!(!replica.is_complete());
    assert_eq!(replica.organisations().collect::<Vec<_>>(), [&fujisawa(), &santander()]);
    let mut theirs = followed(peers_log());
    let last = theirs.split_off(1);
    replica.take(&santander(), theirs).unwrap();
    assert!(!may_decrypt(&replica));
    replica.take(&santander(), last).unwrap();
    assert!(!replica.is_complete());
    replica.take(&santander(), Vec::new()).unwrap();
    assert!(replica.is_complete());
    assert!(may_decrypt(&replica));
}

#[test]
fn a_peer_whose_log_is_not_told_holds_up_nobody_and_may_do_nothing() {
    let mut replica = replica();
    replica.take(&fujisawa(), followed(own_log())).unwrap();
    replica.take(&fujisawa(), Vec::new()).unwrap();
    replica.do_without(&santander());
    assert!(replica.is_complete());
    assert!(!may_decrypt(&replica));
    replica.take(&santander(), followed(peers_log())).unwrap();
    assert!(may_decrypt(&replica), "set aside and not tried again");
}

/// A node that has only just linked up tells an empty log of its peer, and then what it learns.
#[test]
fn a_peers_log_that_is_empty_at_first_gives_its_readers_their_keys_when_it_comes() {
    let mut town = Town::new(&["fujisawa/#"]);
    let mut replica = replica();
    replica.take(&fujisawa(), followed(own_log())).unwrap();
    replica.take(&fujisawa(), Vec::new()).unwrap();
    replica.take(&santander(), Vec::new()).unwrap();
    assert!(replica.is_complete(), "the own readers would wait for the peer");
    let mut log = own_log();
    let mut keep = |replica: &mut Replica| {
        let mut readers = Vec::new();
        loop {
            let situation = Situation {
                policy: replica.policy(),
                ledger: replica.ledger(),
                settings: &town.settings,
                seeds: town.keeper.seeds(),
                own: town.keeper.id(),
                now: town.now,
            };
            let actions = plan(&situation);
            let mut stated = Vec::new();
            for action in &actions {
                let done = town
                    .keeper
                    .carry_out(action, replica.policy(), town.now, &mut town.entropy)
                    .unwrap();
                stated.extend(done);
            }
            if stated.is_empty() {
                return readers;
            }
            readers.extend(stated.iter().filter_map(|statement| {
                let StatementBody::KeyGrant(body) = statement.body() else { return None };
                Some(body.reader)
            }));
            log.extend(stated);
            let news = followed(log.clone());
            replica.take(&fujisawa(), news).unwrap();
        }
    };
    assert_eq!(keep(&mut replica), []);
    replica.take(&santander(), followed(peers_log())).unwrap();
    assert!(may_decrypt(&replica));
    assert_eq!(keep(&mut replica), [id("park@santander")]);
}

#[test]
fn what_the_node_makes_up_is_not_believed() {
    let mut replica = replica();
    let mut log = genesis("fujisawa");
    let body = grant("eve@fujisawa", "subscribe,decrypt", "fujisawa/#", at(0));
    log.push(signed(body, &["node@fujisawa"]));
    let honest = principal("ann@fujisawa", PrincipalKind::App, at(0));
    log.push(signed(honest, &["office@fujisawa"]));
    replica.take(&fujisawa(), followed(log)).unwrap();
    replica.take(&fujisawa(), Vec::new()).unwrap();
    assert!(replica.is_complete());
    assert!(replica.policy().principal(&id("ann@fujisawa")).is_some());
    assert_eq!(replica.policy().log(&fujisawa()).len(), 5);
}

#[test]
fn another_root_than_the_pinned_one_gives_nothing() {
    let mut replica =
        Replica::new(&fujisawa(), root("santander").body_hash(), id("steward@fujisawa"));
    replica.take(&fujisawa(), followed(genesis("fujisawa"))).unwrap();
    replica.take(&fujisawa(), Vec::new()).unwrap();
    assert!(replica.policy().log(&fujisawa()).is_empty());
}

#[test]
fn a_statement_told_twice_changes_nothing() {
    let mut replica = replica();
    replica.take(&fujisawa(), followed(genesis("fujisawa"))).unwrap();
    replica.take(&fujisawa(), followed(genesis("fujisawa"))).unwrap();
    replica.take(&fujisawa(), Vec::new()).unwrap();
    assert!(replica.is_complete());
    assert_eq!(replica.policy().log(&fujisawa()).len(), genesis("fujisawa").len());
}

#[test]
fn a_peering_of_two_others_is_followed_by_nobody() {
    let mut replica = replica();
    let statement = peering("santander", "valencia");
    let StatementBody::Peering(body) = statement.body() else { panic!() };
    let _: &Peering = body;
    replica.take(&fujisawa(), followed([statement])).unwrap();
    assert_eq!(replica.organisations().count(), 1);
}

#[test]
fn the_number_of_peers_is_bounded() {
    let mut replica = replica();
    let log = (0..PEERS_MAX + 50).map(|number| peering("fujisawa", &format!("town-{number}")));
    replica.take(&fujisawa(), followed(log)).unwrap();
    assert_eq!(replica.organisations().count(), PEERS_MAX + 1);
}
