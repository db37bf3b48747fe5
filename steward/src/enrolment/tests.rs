use std::time::Duration;

use sekisho_proto::{Filter, OrgName, PublicKey};
use sekisho_seal::SeededEntropy;
use tempfile::TempDir;

use super::*;
use crate::fixture::{at, filter, id, name};

pub(super) fn office() -> (TempDir, Enrolments) {
    let folder = tempfile::tempdir().unwrap();
    let profile = Profile {
        principal: name("steward@fujisawa"),
        root: crate::fixture::root("fujisawa").body_hash(),
        node: "node.fujisawa.example:7443".to_owned(),
        node_key: PublicKey::new([7; 32]),
        web: None,
    };
    let steward = folder.path().join("steward");
    std::fs::create_dir(&steward).unwrap();
    std::fs::write(steward.join(sekisho::PROFILE_FILE), profile.to_string()).unwrap();
    let enrolments = Enrolments::open(folder.path()).unwrap();
    (folder, enrolments)
}

pub(super) fn offer() -> Offer {
    Offer {
        publish: vec![filter("fujisawa/truck/17/#")],
        read: vec![filter("fujisawa/park/+/noise"), filter("fujisawa/\"quoted\" \\ 気温/#")],
        ..Offer::new(name("truck-17@fujisawa"), PrincipalKind::Device)
    }
}

fn fault(offer: Offer) -> String {
    let (_folder, enrolments) = office();
    let refused = enrolments.invite(offer, at(0), &mut SeededEntropy::new(1));
    assert!(enrolments.list(at(0)).unwrap().is_empty());
    refused.unwrap_err().to_string()
}

#[test]
fn an_invitation_is_a_token_and_is_listed_as_it_was_made() {
    let (_folder, enrolments) = office();
    let token = enrolments.invite(offer(), at(0), &mut SeededEntropy::new(1)).unwrap();
    assert_eq!(token.name, name("truck-17@fujisawa"));
    assert_eq!(token.kind, PrincipalKind::Device);
    assert_eq!(token.address, "node.fujisawa.example:7443");
    assert_eq!(token.node_key, PublicKey::new([7; 32]));
    assert_eq!(token.root, crate::fixture::root("fujisawa").body_hash());
    assert_eq!(token.expires, at(3_600));
    assert_eq!(JoinToken::parse(&token.to_text()).unwrap(), token);

    let listed = enrolments.list(at(1)).unwrap();
    let [Listed { invitation, standing }] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(*standing, Standing::Open);
    assert_eq!(invitation.token, token.id);
    assert_eq!(invitation.publish, offer().publish);
    assert_eq!(invitation.read, offer().read);
    assert_eq!(invitation.approval, Approval::ByHand);
    assert_eq!(invitation.secret, token.secret);
    assert_eq!(enrolments.list(at(3_600)).unwrap()[0].standing, Standing::Expired);
}

#[test]
fn two_invitations_have_nothing_in_common_and_the_newest_comes_first() {
    let (_folder, enrolments) = office();
    let mut entropy = SeededEntropy::new(1);
    let first = enrolments.invite(offer(), at(0), &mut entropy).unwrap();
    let second = enrolments.invite(offer(), at(1), &mut entropy).unwrap();
    assert_ne!(first.id, second.id);
    assert_ne!(first.secret, second.secret);
    let listed = enrolments.list(at(1)).unwrap();
    let tokens: Vec<TokenId> = listed.iter().map(|listed| listed.invitation.token).collect();
    assert_eq!(tokens, [second.id, first.id]);
}

#[test]
fn what_is_offered_is_the_organisations_own_and_never_an_office() {
    let other: OrgName = "santander".parse().unwrap();
    let foreign = Offer::new(name("truck-17@santander"), PrincipalKind::Device);
    assert!(fault(foreign).contains("name: wanted a principal of fujisawa"));
    for kind in [PrincipalKind::Steward, PrincipalKind::Node] {
        assert!(fault(Offer { kind, ..offer() }).contains("kind: wanted device"));
    }
    let everything = Filter::everything(&other);
    assert!(fault(Offer { publish: vec![everything.clone()], ..offer() }).contains("publish"));
    assert!(fault(Offer { read: vec![everything], ..offer() }).contains("read"));
    let many = vec![filter("fujisawa/#"); FILTERS_MAX + 1];
    assert!(fault(Offer { read: many, ..offer() }).contains("at most 64"));
}

#[test]
fn an_invitation_is_good_for_a_day_at_most() {
    assert!(fault(Offer { ttl: Duration::ZERO, ..offer() }).contains("time"));
    let longer = TTL_MAX + Duration::from_secs(1);
    assert!(fault(Offer { ttl: longer, ..offer() }).contains("up to 24 hours"));
    let (_folder, enrolments) = office();
    let longest = Offer { ttl: TTL_MAX, ..offer() };
    enrolments.invite(longest, at(0), &mut SeededEntropy::new(1)).unwrap();
}

#[test]
fn the_longest_invitation_is_read_back() {
    let (_folder, enrolments) = office();
    let long = format!("fujisawa/{}/#", ["\u{22}".repeat(99).as_str(); 5].join("/"));
    let longest =
        Offer { publish: vec![filter(&long); 64], read: vec![filter(&long); 64], ..offer() };
    enrolments.invite(longest.clone(), at(0), &mut SeededEntropy::new(1)).unwrap();
    assert_eq!(enrolments.list(at(0)).unwrap()[0].invitation.read, longest.read);
}

#[test]
fn nobody_is_approved_who_does_not_wait() {
    let (_folder, enrolments) = office();
    let truck = name("truck-17@fujisawa");
    let nobody = enrolments.approve(&truck, id("truck"), at(0));
    assert!(matches!(nobody, Err(EnrolmentError::NotWaiting { found: 0, .. })));
    enrolments.invite(offer(), at(0), &mut SeededEntropy::new(1)).unwrap();
    let nobody = enrolments.approve(&truck, id("truck"), at(0));
    assert!(matches!(nobody, Err(EnrolmentError::NotWaiting { found: 0, .. })));
}

#[test]
fn an_invitation_belongs_to_the_first_key_it_was_given_to() {
    let (_folder, enrolments) = office();
    let token = enrolments.invite(offer(), at(0), &mut SeededEntropy::new(1)).unwrap().id;
    let first = Claimant { id: id("one"), since: at(1) };
    let second = Claimant { id: id("two"), since: at(2) };
    assert_eq!(enrolments.bind(token, first).unwrap(), first);
    assert_eq!(enrolments.bind(token, second).unwrap(), first);
    assert_eq!(enrolments.list(at(3)).unwrap()[0].standing, Standing::Approved(first));
}

#[test]
fn a_file_that_is_no_invitation_is_told_by_its_name() {
    let (_folder, enrolments) = office();
    let token = enrolments.invite(offer(), at(0), &mut SeededEntropy::new(1)).unwrap().id;
    let path = enrolments.path(token, File::Invitation);
    let text = std::fs::read_to_string(&path).unwrap();
    let wrongs = [
        text.replace("device", "emperor"),
        text.replace("by-hand", "by-foot"),
        text.replace("by-hand", "key 5189"),
        text.replace("replace = false", "replace = 1"),
        text.replace(&token.to_string(), &TokenId::new([9; 16]).to_string()),
        text.replace("publish = ", "published = "),
        text.replace("secret = \"", "secret = \"00"),
        text.replace("fujisawa/truck", "+/truck"),
        String::new(),
        "[".to_owned(),
    ];
    for wrong in wrongs {
        std::fs::write(&path, wrong).unwrap();
        let refused = enrolments.list(at(0)).unwrap_err();
        let EnrolmentError::Text { path: found, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(found, path);
    }
}

#[test]
fn who_may_come_and_what_ends_then_are_read_back() {
    let (_folder, enrolments) = office();
    let approval = Approval::Key("5189-bfc3-7f7b-2a37".parse().unwrap());
    let offer = Offer { approval: approval.clone(), replace: true, ..offer() };
    let token = enrolments.invite(offer, at(0), &mut SeededEntropy::new(1)).unwrap();
    let found = enrolments.list(at(0)).unwrap().remove(0).invitation;
    assert_eq!((found.approval, found.replace), (approval, true));
    // An earlier program did not say the latter.
    let path = enrolments.path(token.id, File::Invitation);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("replace = true\n", "")).unwrap();
    assert!(!enrolments.list(at(0)).unwrap()[0].invitation.replace);
}
