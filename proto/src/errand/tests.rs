use super::*;
use crate::{Filter, PrincipalKind, PrincipalName, RefusalCode, TokenId};

fn content() -> ErrandContent {
    ErrandContent {
        organisation: "fujisawa".parse().unwrap(),
        id: ErrandId::new([1; 16]),
        asker: PrincipalId::new([2; 32]),
        steward: PrincipalId::new([3; 32]),
        issued: Timestamp::from_micros(1_000_000),
        until: Timestamp::from_micros(601_000_000),
        encapsulation: vec![4; 32].into(),
        sealed: vec![5; 40].into(),
    }
}

fn answer() -> ErrandAnswerContent {
    ErrandAnswerContent {
        organisation: "fujisawa".parse().unwrap(),
        errand: ErrandId::new([1; 16]),
        hash: Hash::new([6; 32]),
        asker: PrincipalId::new([2; 32]),
        steward: PrincipalId::new([3; 32]),
        issued: Timestamp::from_micros(2_000_000),
        encapsulation: Bytes::new(),
        sealed: vec![7; 9].into(),
    }
}

fn why(result: Result<impl std::fmt::Debug, DecodeError>) -> String {
    result.unwrap_err().to_string()
}

fn invitation() -> InviteTask {
    InviteTask {
        token_id: TokenId::new([8; 16]),
        secret: TaskSecret::new([9; 32]),
        name: "truck-17@fujisawa".parse().unwrap(),
        kind: PrincipalKind::Device,
        publish: vec!["fujisawa/truck/17/#".parse().unwrap()],
        read: Vec::new(),
        minutes: 60,
        approval: AdmissionBy::Hand,
        replace: false,
        office: Office::None,
    }
}

#[test]
fn an_errand_may_wait_for_an_hour_and_not_longer() {
    let signature = Signature::new([0; 64]);
    let made = |change: &dyn Fn(&mut ErrandContent)| {
        let mut content = content();
        change(&mut content);
        Errand::assemble(content.encode(), signature)
    };
    assert_eq!(*made(&|_same| {}).unwrap().content(), content());
    let hour = content().issued.saturating_add(ERRAND_LIFETIME_MAX);
    assert!(made(&|content| content.until = hour).is_ok());
    let longer = Timestamp::from_micros(hour.as_micros() + 1);
    assert!(why(made(&|content| content.until = longer)).contains("until_us"));
    assert!(why(made(&|content| content.until = content.issued)).contains("until_us"));
    assert!(why(made(&|content| content.encapsulation = Bytes::new())).contains("encapsulation"));
}

#[test]
fn its_hash_is_of_what_is_signed() {
    let content = content().encode();
    let one = Errand::assemble(content.clone(), Signature::new([0; 64])).unwrap();
    let other = Errand::assemble(content, Signature::new([1; 64])).unwrap();
    assert_eq!(one.hash(), other.hash());
    assert_ne!(one.encoded(), other.encoded());
    assert!(one.signing_input().starts_with(ERRAND_CONTEXT));
    let answer = ErrandAnswer::assemble(answer().encode(), Signature::new([0; 64])).unwrap();
    assert!(answer.signing_input().starts_with(ERRAND_ANSWER_CONTEXT));
}

#[test]
fn what_is_larger_than_an_errand_can_be_is_refused_before_it_is_parsed() {
    let large = Bytes::from(vec![0; ERRAND_BYTES_MAX + 1]);
    assert_eq!(Errand::decode(large.clone()).unwrap_err().code(), RefusalCode::Oversized);
    assert_eq!(ErrandTask::decode(&large).unwrap_err().code(), RefusalCode::Oversized);
    let large = Bytes::from(vec![0; ERRAND_ANSWER_BYTES_MAX + 1]);
    assert_eq!(ErrandAnswer::decode(large.clone()).unwrap_err().code(), RefusalCode::Oversized);
    assert_eq!(ErrandOutcome::decode(&large).unwrap_err().code(), RefusalCode::Oversized);
}

#[test]
fn an_invitation_says_who_says_yes_and_nothing_beside_it() {
    let name: PrincipalName = "sato@fujisawa".parse().unwrap();
    let with = |approval| {
        let task = InviteTask { name: name.clone(), approval, ..invitation() };
        ErrandTask::Invite(Box::new(task))
    };
    for approval in [
        AdmissionBy::Hand,
        AdmissionBy::Token,
        AdmissionBy::Fingerprint("0123456789abcdef".to_owned()),
        AdmissionBy::OpenId {
            issuer: "https://login.example".to_owned(),
            client: "sekisho".to_owned(),
            subject: "sato".to_owned(),
        },
    ] {
        let task = with(approval);
        assert_eq!(ErrandTask::decode(&task.encode().into()).unwrap(), task);
    }
    for digits in ["", "0123", "0123456789ABCDEF", "0123456789abcdeg"] {
        let task = with(AdmissionBy::Fingerprint(digits.to_owned()));
        assert!(why(ErrandTask::decode(&task.encode().into())).contains("fingerprint"), "{digits}");
    }
}

#[test]
fn a_secret_is_never_printed() {
    let printed = format!("{:?}", ErrandTask::Invite(Box::new(invitation())));
    assert!(printed.contains("TaskSecret(…)") && !printed.contains("9, 9"), "{printed}");
}

#[test]
fn bounds_of_tasks_hold() {
    let refused = |task: ErrandTask| why(ErrandTask::decode(&task.encode().into()));
    for max in [0, 101] {
        let task = ErrandTask::Invitations { after: None, max, pending: false };
        assert!(refused(task).contains("max"));
    }
    assert!(refused(ErrandTask::Countersign(Vec::new())).contains("statements"));
    let many = vec![Bytes::from_static(b"x"); 65];
    assert!(refused(ErrandTask::Countersign(many)).contains("statements"));
    for minutes in [0, 1441] {
        let task = InviteTask { minutes, ..invitation() };
        assert!(refused(ErrandTask::Invite(Box::new(task))).contains("minutes"));
    }
    let filter: Filter = "fujisawa/#".parse().unwrap();
    let task = InviteTask { read: vec![filter; 65], ..invitation() };
    assert!(refused(ErrandTask::Invite(Box::new(task))).contains("read"));
}

#[test]
fn an_invitation_names_a_key_where_somebody_came_and_nowhere_else() {
    let listed = |standing, claimant| {
        let outcome = ErrandOutcome::Invitations {
            invitations: vec![ListedInvitation {
                token_id: TokenId::new([8; 16]),
                name: "truck-17@fujisawa".parse().unwrap(),
                kind: PrincipalKind::Device,
                publish: Vec::new(),
                read: Vec::new(),
                standing,
                claimant,
                created: Timestamp::from_micros(1),
                expires: Timestamp::from_micros(2),
                approval: 1,
                replace: false,
                office: Office::None,
                invited_by: None,
            }],
            is_last: true,
        };
        ErrandOutcome::decode(&outcome.encode().into()).map(|found| found == outcome)
    };
    let claimant = Some((PrincipalId::new([2; 32]), Timestamp::from_micros(3)));
    for standing in InvitationStanding::ALL {
        let came = standing.number() >= 2 && standing.number() <= 4;
        assert_eq!(listed(standing, claimant).is_ok(), came, "{standing:?}");
        assert_eq!(listed(standing, None).is_ok(), !came, "{standing:?}");
    }
    assert!(InvitationStanding::try_from(0).is_err() && InvitationStanding::try_from(7).is_err());
}
