use bytes::Bytes;

use super::{
    Action, Actions, EpochAnnounce, Erased, Erasure, Grant, OrgRoot, Peering, PeeringBudget,
    PeeringParty, Principal, PrincipalKind, Role, Statement, StatementBody, StatementKind,
    StreamClass, StreamDescriptor, Transducer, Transit,
};
use crate::{
    Epoch, Filter, Grantee, Hash, LogEntry, OrgName, PrincipalId, PublicKey, RefusalCode, RoleName,
    Signature, Suite, Timestamp, TransducerName, Unit,
    limits::{LOG_ENTRY_BYTES_MAX, STATEMENT_BYTES_MAX},
};

fn grant() -> Grant {
    Grant {
        organisation: OrgName::parse("o").unwrap(),
        grantee: "*@p".parse().unwrap(),
        actions: Actions::of(&[Action::Subscribe, Action::Decrypt]),
        filter: Filter::parse("o/a/#").unwrap(),
        purpose: "research".to_owned(),
        issued: Timestamp::from_micros(1),
        from: Timestamp::from_micros(2),
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    }
}

fn refused(body: impl Into<StatementBody>) -> String {
    Statement::decode(&Statement::unsigned(body.into()).encode()).unwrap_err().to_string()
}

#[test]
fn what_is_signed_begins_with_the_context_of_its_kind() {
    let statement = Statement::unsigned(grant().into());
    let input = statement.signing_input();
    let body = statement.body_bytes();
    let length = (body.len() as u64).to_be_bytes();
    assert_eq!(input, [&b"sekisho-statement-grant-v1\0"[..], &length, body].concat());
    assert_eq!(statement.id(), Hash::of(&input));
    assert_eq!(statement.body_hash(), Hash::of(body));
}

#[test]
fn contexts_and_numbers_are_distinct_and_never_change() {
    let all: Vec<_> =
        StatementKind::ALL.iter().map(|kind| (kind.number(), kind.context())).collect();
    let wanted = [
        (1, "sekisho-statement-org-root-v1\0"),
        (2, "sekisho-statement-issuer-v1\0"),
        (3, "sekisho-statement-principal-v1\0"),
        (4, "sekisho-statement-grant-v1\0"),
        (5, "sekisho-statement-deny-v1\0"),
        (6, "sekisho-statement-revoke-v1\0"),
        (7, "sekisho-statement-stream-descriptor-v1\0"),
        (8, "sekisho-statement-epoch-announce-v1\0"),
        (9, "sekisho-statement-key-grant-v1\0"),
        (10, "sekisho-statement-peering-v1\0"),
        (11, "sekisho-statement-role-v1\0"),
        (12, "sekisho-statement-erasure-v1\0"),
    ];
    assert_eq!(all, wanted);
}

#[test]
fn signatures_stand_by_signer_and_one_replaces_the_other() {
    let (low, high) = (PrincipalId::new([1; 32]), PrincipalId::new([2; 32]));
    let (first, second) = (Signature::new([1; 64]), Signature::new([2; 64]));
    let statement = Statement::unsigned(grant().into())
        .with_signature(high, first)
        .with_signature(low, first)
        .with_signature(high, second);
    let found: Vec<_> =
        statement.signatures().iter().map(|known| (known.signer, known.signature)).collect();
    assert_eq!(found, [(low, first), (high, second)]);
    assert_eq!(statement.id(), Statement::unsigned(grant().into()).id());
    assert_eq!(Statement::decode(&statement.encode()).unwrap(), statement);
}

#[test]
fn more_than_32_signatures_are_refused() {
    let statement = (0..33).fold(Statement::unsigned(grant().into()), |statement, signer| {
        statement.with_signature(PrincipalId::new([signer; 32]), Signature::new([0; 64]))
    });
    let error = Statement::decode(&statement.encode()).unwrap_err().to_string();
    assert_eq!(error, "statement: signatures: wanted fewer entries, found 33");
}

#[test]
fn nobody_states_anything_about_another_s_topics() {
    let filter = Filter::parse("p/#").unwrap();
    assert_eq!(
        refused(Grant { filter, ..grant() }),
        "grant statement: filter: wanted topics of the statement's organisation, found p/#"
    );
}

#[test]
fn a_right_is_given_to_a_role_by_the_organisation_of_the_role_alone() {
    let own = Grant { grantee: Grantee::parse("role/family@o").unwrap(), ..grant() };
    let statement = Statement::unsigned(own.clone().into());
    assert_eq!(Statement::decode(&statement.encode()).unwrap().body(), &own.into());
    let grantee = Grantee::parse("role/family@p").unwrap();
    assert_eq!(
        refused(Grant { grantee, ..grant() }),
        "grant statement: grantee: wanted a role of the statement's organisation, \
         found role/family@p"
    );
}

#[test]
fn a_role_is_held_by_principals_and_organisations_and_not_by_roles() {
    let role = |member: &str| Role {
        role: RoleName::parse("role/family@o").unwrap(),
        member: Grantee::parse(member).unwrap(),
        issued: Timestamp::EPOCH,
        until: None,
    };
    for member in ["sato@o", "sato@p", "*@p"] {
        let statement = Statement::unsigned(role(member).into());
        assert_eq!(Statement::decode(&statement.encode()).unwrap(), statement);
        assert_eq!(statement.organisations(), [&OrgName::parse("o").unwrap()]);
    }
    assert_eq!(
        refused(role("role/owner@o")),
        "role statement: member: wanted a principal or an organisation, found role/owner@o"
    );
}

#[test]
fn an_erasure_is_of_an_epoch_of_one_s_own_or_of_a_subject() {
    let erasure = |erased| Erasure {
        organisation: OrgName::parse("o").unwrap(),
        erased,
        records: 0,
        reason: String::new(),
        issued: Timestamp::EPOCH,
    };
    let epoch = |tree: &str, epoch| Erased::Epoch {
        tree: Filter::parse(tree).unwrap(),
        epoch: Epoch::new(epoch),
        key: Hash::new([7; 32]),
    };
    for erased in [epoch("o/#", 1), Erased::Subject(PrincipalId::new([1; 32]))] {
        let statement = Statement::unsigned(erasure(erased).into());
        assert_eq!(Statement::decode(&statement.encode()).unwrap(), statement);
    }
    let foreign = refused(erasure(epoch("p/#", 1)));
    assert!(foreign.contains("tree: wanted topics of the statement's organisation"), "{foreign}");
    assert!(refused(erasure(epoch("o/#", 0))).contains("epoch: wanted 1 or more, found 0"));
}

#[test]
fn the_largest_statement_fits_an_entry_of_a_log() {
    let statement = vec![0; STATEMENT_BYTES_MAX].into();
    let entry = LogEntry { received: Timestamp::from_micros(-1), statement };
    assert!(entry.encode().len() <= LOG_ENTRY_BYTES_MAX);
}

#[test]
fn a_grant_that_ends_in_1970_is_not_one_without_end() {
    let ended = Grant { until: Some(Timestamp::EPOCH), ..grant() };
    let again = Statement::decode(&Statement::unsigned(ended.clone().into()).encode()).unwrap();
    assert_eq!(again.body(), &StatementBody::Grant(ended));
}

#[test]
fn a_grant_of_nothing_and_unknown_actions_are_refused() {
    let none = Grant { actions: Actions::NONE, ..grant() };
    assert!(refused(none).starts_with("grant statement: actions: wanted some of bits 0 to 7"));
    assert!(Actions::try_from(0x100).is_err());
}

#[test]
fn text_under_a_signature_hides_nothing() {
    for purpose in ["a\nb", "\u{202e}txt", "x\0"] {
        let hidden = Grant { purpose: purpose.to_owned(), ..grant() };
        assert!(refused(hidden).contains("purpose: wanted no control characters"), "{purpose:?}");
    }
    let long = Grant { purpose: "x".repeat(1025), ..grant() };
    assert!(refused(long).contains("purpose: wanted a shorter text, found 1025"));
}

#[test]
fn a_root_has_ascending_keys_and_a_threshold_that_can_be_reached() {
    let root = |keys: &[u8], threshold| OrgRoot {
        organisation: OrgName::parse("o").unwrap(),
        keys: keys.iter().map(|key| PublicKey::new([*key; 32])).collect(),
        threshold,
        issued: Timestamp::EPOCH,
    };
    let good = Statement::unsigned(root(&[1, 2, 3], 2).into());
    assert_eq!(Statement::decode(&good.encode()).unwrap(), good);
    for (keys, threshold, wanted) in [
        (&[][..], 1, "1 to 16 keys"),
        (&(0..17).collect::<Vec<_>>()[..], 1, "1 to 16 keys"),
        (&[2, 1], 1, "ascending keys"),
        (&[1, 1], 1, "ascending keys"),
        (&[1, 2], 0, "1 to the number of keys"),
        (&[1, 2], 3, "1 to the number of keys"),
    ] {
        assert!(refused(root(keys, threshold)).contains(wanted), "{wanted}");
    }
}

#[test]
fn a_kem_key_has_the_length_of_its_suite() {
    let principal = |kem_suite, length| Principal {
        name: "truck@o".parse().unwrap(),
        kind: PrincipalKind::Device,
        public_key: PublicKey::new([1; 32]),
        kem_suite,
        kem_public_key: Bytes::from(vec![2; length]),
        issued: Timestamp::EPOCH,
        until: None,
        attested: false,
    };
    for (suite, length) in
        [(Suite::Open, 0), (Suite::X25519Aes256Gcm, 32), (Suite::XWingAes256Gcm, 1216)]
    {
        let good = Statement::unsigned(principal(suite, length).into());
        assert!(Statement::decode(&good.encode()).is_ok());
        assert!(refused(principal(suite, length + 1)).contains("the length of its suite"));
    }
}

#[test]
fn an_epoch_is_in_order() {
    let epoch = |epoch, min_epoch, not_before, not_after| EpochAnnounce {
        organisation: OrgName::parse("o").unwrap(),
        tree: Filter::parse("o/#").unwrap(),
        epoch: Epoch::new(epoch),
        suite: Suite::X25519Aes256Gcm,
        public_key: Bytes::from(vec![1; 32]),
        issued: Timestamp::EPOCH,
        not_before: Timestamp::from_micros(not_before),
        not_after: Timestamp::from_micros(not_after),
        min_epoch: Epoch::new(min_epoch),
    };
    assert!(Statement::decode(&Statement::unsigned(epoch(2, 2, 0, 1).into()).encode()).is_ok());
    assert!(refused(epoch(0, 0, 0, 1)).contains("epoch: wanted 1 or more"));
    assert!(refused(epoch(2, 3, 0, 1)).contains("min_epoch: wanted at most the epoch"));
    assert!(refused(epoch(2, 1, 1, 1)).contains("not_after_us: wanted after not_before_us"));
    let open = EpochAnnounce { suite: Suite::Open, public_key: Bytes::new(), ..epoch(1, 1, 0, 1) };
    assert!(refused(open).contains("public_key: wanted the length of a sealing suite"));
}

#[test]
fn a_descriptor_holds_numerals_and_places_on_earth() {
    let descriptor = |minimum: &str, latitude_e7| StreamDescriptor {
        organisation: OrgName::parse("o").unwrap(),
        topic: "o/a".parse().unwrap(),
        device_type: String::new(),
        title: String::new(),
        class: StreamClass::Restricted,
        mobile: false,
        location: Some(super::Location { latitude_e7, longitude_e7: 0 }),
        retention_s: Some(0),
        transducers: vec![Transducer {
            name: TransducerName::parse("t").unwrap(),
            title: String::new(),
            unit: Unit::none(),
            minimum: minimum.to_owned(),
            maximum: String::new(),
            resolution: String::new(),
            accuracy: String::new(),
        }],
        issued: Timestamp::EPOCH,
    };
    for numeral in ["", "0", "-40.5", "1e-3", "+7"] {
        let good = Statement::unsigned(descriptor(numeral, 353_000_000).into());
        assert_eq!(Statement::decode(&good.encode()).unwrap(), good, "{numeral:?}");
    }
    for numeral in ["inf", "NaN", "1,5", " 1", "0x1", "e", "-", "1e"] {
        assert!(refused(descriptor(numeral, 0)).contains("a decimal numeral"), "{numeral:?}");
    }
    assert!(
        refused(descriptor("", 900_000_001)).contains("latitude_e7: wanted at most 90 degrees")
    );
}

#[test]
fn a_peering_has_two_parties_in_order_each_with_its_own_topics() {
    let party = |own: &str, other: &str| PeeringParty {
        organisation: OrgName::parse(own).unwrap(),
        root: Hash::new([1; 32]),
        node_key: PublicKey::new([2; 32]),
        address: format!("{own}.example:7443"),
        exports: vec![Filter::parse(&format!("{own}/#")).unwrap()],
        imports: vec![Filter::parse(&format!("{other}/a/+")).unwrap()],
        onward: false,
        passes_on: Vec::new(),
        carries_home: Vec::new(),
        budget: PeeringBudget::default(),
    };
    let peering = |parties| Peering {
        parties,
        purposes: vec!["research".to_owned()],
        issued: Timestamp::EPOCH,
        from: Timestamp::EPOCH,
        until: None,
    };
    let good = peering([party("a", "b"), party("b", "a")]);
    let statement = Statement::unsigned(good.clone().into());
    assert_eq!(Statement::decode(&statement.encode()).unwrap(), statement);
    assert_eq!(
        statement.organisations(),
        [&good.parties[0].organisation, &good.parties[1].organisation]
    );
    let (own, other) = good.sides(&good.parties[1].organisation).unwrap();
    assert_eq!((own.organisation.as_str(), other.organisation.as_str()), ("b", "a"));
    assert_eq!(good.sides(&OrgName::parse("c").unwrap()), None);

    assert!(refused(peering([party("b", "a"), party("a", "b")])).contains("ascending names"));
    assert!(refused(peering([party("a", "a"), party("a", "a")])).contains("ascending names"));
    let foreign = peering([party("a", "c"), party("b", "a")]);
    assert!(refused(foreign).contains("imports: wanted topics of the statement's organisation"));

    let passing = |thirds: &[(&str, &str)]| {
        let mut left = party("a", "b");
        let transit = |(third, filter): &(&str, &str)| Transit {
            organisation: OrgName::parse(third).unwrap(),
            root: Hash::new([3; 32]),
            filters: vec![Filter::parse(filter).unwrap()],
        };
        left.passes_on = thirds.iter().map(transit).collect();
        peering([left, party("b", "a")])
    };
    let good_contract = good;
    let good = Statement::unsigned(passing(&[("c", "c/#"), ("d", "d/#")]).into());
    assert_eq!(Statement::decode(&good.encode()).unwrap(), good);
    for (thirds, why) in [
        (&[("d", "d/#"), ("c", "c/#")][..], "passes_on: wanted ascending names"),
        (&[("c", "c/#"), ("c", "c/#")], "passes_on: wanted ascending names"),
        (&[("a", "a/#")], "passes_on: wanted third organisations"),
        (&[("b", "b/#")], "passes_on: wanted third organisations"),
        (&[("c", "d/#")], "filters: wanted topics of the statement's organisation"),
    ] {
        let found = refused(passing(thirds));
        assert!(found.contains(why), "{found}");
    }
    let names: Vec<String> = (10..27).map(|number| format!("c{number}")).collect();
    let filters: Vec<String> = names.iter().map(|name| format!("{name}/#")).collect();
    let many: Vec<(&str, &str)> =
        names.iter().zip(&filters).map(|(name, filter)| (&**name, &**filter)).collect();
    let found = refused(passing(&many));
    assert!(found.contains("passes_on: wanted fewer entries, found 17"), "{found}");
    let mut carrying = good_contract;
    carrying.parties[0].carries_home = vec![Filter::parse("a/#").unwrap()];
    let found = refused(carrying);
    assert!(
        found.contains("carries_home: wanted topics of the statement's organisation"),
        "{found}"
    );
}

#[test]
fn an_unknown_kind_and_an_oversized_statement_are_refused() {
    let error = Statement::decode(&[0x08, 0x0d]).unwrap_err();
    assert_eq!(error.to_string(), "statement: kind: wanted a kind from 1 to 12, found 13");
    let error = Statement::decode(&vec![0; 64 * 1024 + 1]).unwrap_err();
    assert_eq!(error.code(), RefusalCode::Oversized);
}

#[test]
fn a_body_under_another_kind_is_another_statement_or_none() {
    let as_deny = Statement::unsigned(grant().into()).encode();
    assert_eq!(as_deny[..2], [0x08, 0x04]);
    let mut changed = as_deny.clone();
    changed[1] = 0x05;
    assert!(Statement::decode(&changed).is_err());
}

#[test]
fn sets_of_actions_are_read_and_written() {
    let set: Actions = "publish, history".parse().unwrap();
    assert_eq!(set.to_string(), "publish,history");
    assert!(set.contains(Action::Publish) && !set.contains(Action::Subscribe));
    assert!(Actions::ALL.contains_all(set) && !set.contains_all(Actions::ALL));
    assert_eq!(set.union(Actions::from(Action::Decrypt)).iter().count(), 3);
    assert_eq!(set.intersection(Actions::of(&[Action::History])).to_string(), "history");
    assert!(Actions::NONE.is_empty());
    assert_eq!(Actions::of(&Action::ALL), Actions::ALL);
    for text in ["", "publish,", "read", "Publish"] {
        assert!(text.parse::<Actions>().is_err(), "{text:?}");
    }
}
