use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sekisho::{PROFILE_FILE, Profile, QueryError, Refusal, StatementIndex};
use sekisho_proto::{
    AdmissionBy, ErrandId, ErrandOutcome, ErrandTask, InvitationStanding, InviteTask,
    PrincipalKind, PublicKey, Statement, StatementBody, Suite, TaskSecret, Timestamp, TokenId,
    statement::{Deny, Principal, Revoke, RevokeTarget},
};
use sekisho_seal::{ErrandDraft, SeededEntropy, StrictVerifier, open_errand_answer, seal_errand};

use super::*;
use crate::{
    fixture::{Town, at, filter, grant, id, identity, name, principal, signed},
    mailbox::{Mailbox, Takes},
};

const CLERK: &str = "clerk@fujisawa";
const STEWARD: &str = "steward@fujisawa";

/// What the node took, of a town whose log says what it says.
#[derive(Clone, Default)]
struct Node {
    stated: Arc<Mutex<Vec<Statement>>>,
    is_away: Arc<Mutex<bool>>,
    refuses: Arc<Mutex<bool>>,
}

impl Takes for Node {
    async fn take_all(&self, batch: &[Statement]) -> Result<Vec<StatementIndex>, QueryError> {
        if *self.is_away.lock().unwrap() {
            return Err(QueryError::Disconnected);
        }
        if *self.refuses.lock().unwrap() {
            let (code, what) = (RefusalCode::NotPermitted, "statement".to_owned());
            return Err(QueryError::Refused(Refusal { code, what, why: "no".to_owned() }));
        }
        self.stated.lock().unwrap().extend(batch.iter().cloned());
        Ok(batch.iter().map(|_| StatementIndex::new(1)).collect())
    }
}

/// Fujisawa with a clerk who may administer everything, and its steward's folder.
struct Office {
    town: Town,
    desk: ErrandDesk,
    enrolments: Enrolments,
    mailbox: Mailbox<Node>,
    node: Node,
}

impl Office {
    fn open() -> Self {
        let mut town = Town::new(&["fujisawa/#"]);
        for clerk in [CLERK, "other@fujisawa"] {
            let body = principal(clerk, PrincipalKind::Person, town.now);
            town.apply(&signed(body, &["office@fujisawa"]));
            town.grant(clerk, "administer,grant,discover", "fujisawa/#");
        }
        let profile = Profile {
            principal: name(STEWARD),
            root: crate::fixture::root("fujisawa").body_hash(),
            node: "node.fujisawa.example:7443".to_owned(),
            node_key: PublicKey::new([7; 32]),
            web: None,
        };
        std::fs::write(town.folder.path().join(PROFILE_FILE), profile.to_string()).unwrap();
        let enrolments = Enrolments::open(town.folder.path()).unwrap();
        let desk = ErrandDesk::open(enrolments.clone(), town.folder.path()).unwrap();
        let node = Node::default();
        Self { desk, enrolments, mailbox: Mailbox::new(node.clone()), node, town }
    }

    /// The steward is killed and started again.
    fn restart(&mut self) {
        let folder = self.town.folder.path();
        self.desk = ErrandDesk::open(self.enrolments.clone(), folder).unwrap();
    }

    async fn take(&mut self, errand: &Errand) -> Option<Bytes> {
        let Self { town, desk, mailbox, .. } = self;
        let mut means = Means { policy: &town.policy, keeper: &town.keeper, mailbox };
        desk.answer(errand, &mut means, town.now).await
    }

    async fn ask(&mut self, asker: &str, task: &ErrandTask) -> ErrandOutcome {
        let errand = self.errand(asker, task);
        let answer = self.take(&errand).await.expect("an answer");
        opened(asker, &errand, answer)
    }

    fn errand(&self, asker: &str, task: &ErrandTask) -> Errand {
        made(asker, task, self.town.now)
    }

    fn listed(&self) -> Vec<(String, &'static str)> {
        let listed = self.enrolments.list(self.town.now).unwrap();
        let told = listed.into_iter().map(crate::enrolment::Listed::told);
        told.map(|one| (one.name.to_string(), one.standing.name())).collect()
    }
}

fn made(asker: &str, task: &ErrandTask, now: Timestamp) -> Errand {
    let draft = ErrandDraft {
        organisation: "fujisawa".parse().unwrap(),
        id: ErrandId::new([1; 16]),
        steward: id(STEWARD),
        issued: now,
        until: Timestamp::from_micros(now.as_micros() + 600_000_000),
    };
    let key = identity(STEWARD).kem().public_key().clone();
    let entropy = &mut SeededEntropy::new(u64::try_from(now.as_micros()).unwrap());
    seal_errand(&identity(asker), &key, draft, task, entropy).unwrap()
}

fn opened(asker: &str, errand: &Errand, answer: Bytes) -> ErrandOutcome {
    let answer = sekisho_proto::ErrandAnswer::decode(answer).unwrap();
    let steward = identity(STEWARD).public_key();
    open_errand_answer(&identity(asker), &steward, errand, &answer).unwrap()
}

fn invitation(token: u8) -> InviteTask {
    InviteTask {
        token_id: TokenId::new([token; 16]),
        secret: TaskSecret::new([9; 32]),
        name: name("truck-17@fujisawa"),
        kind: PrincipalKind::Device,
        publish: vec![filter("fujisawa/truck/17/#")],
        read: Vec::new(),
        minutes: 60,
        approval: AdmissionBy::Hand,
        replace: false,
        office: sekisho_proto::Office::None,
    }
}

fn invite(token: u8) -> ErrandTask {
    ErrandTask::Invite(Box::new(invitation(token)))
}

fn withdraw(token: u8) -> ErrandTask {
    ErrandTask::Withdraw { token_id: TokenId::new([token; 16]), reason: "a slip".to_owned() }
}

fn countersign(statements: &[Statement]) -> ErrandTask {
    ErrandTask::Countersign(statements.iter().map(|one| one.encode().into()).collect())
}

#[track_caller]
fn refused(outcome: &ErrandOutcome, code: RefusalCode) {
    let ErrandOutcome::Refused { code: found, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(*found, code, "{outcome:?}");
}

#[tokio::test]
async fn an_administrator_invites_lists_and_withdraws() {
    let mut office = Office::open();
    let outcome = office.ask(CLERK, &invite(1)).await;
    assert_eq!(outcome, ErrandOutcome::Invited { expires: at(3_700), joined_before: false });
    let task = ErrandTask::Invitations { after: None, max: 10, pending: true };
    let ErrandOutcome::Invitations { invitations, is_last: true } = office.ask(CLERK, &task).await
    else {
        panic!("wanted a list")
    };
    let [one] = invitations.as_slice() else { panic!("{invitations:?}") };
    assert_eq!((one.standing, &one.invited_by), (InvitationStanding::Open, &Some(name(CLERK))));
    let outcome = office.ask("other@fujisawa", &withdraw(1)).await;
    assert_eq!(outcome, ErrandOutcome::Withdrawn { name: name("truck-17@fujisawa") });
    assert_eq!(office.listed(), [("truck-17@fujisawa".to_owned(), "withdrawn")]);
    refused(&office.ask(CLERK, &withdraw(7)).await, RefusalCode::NotFound);
}

#[tokio::test]
async fn an_errand_that_is_brought_again_does_nothing_and_is_answered_alike() {
    let mut office = Office::open();
    let errand = office.errand(CLERK, &invite(1));
    let first = office.take(&errand).await.unwrap();
    assert_eq!(
        office.ask(CLERK, &withdraw(1)).await,
        ErrandOutcome::Withdrawn { name: name("truck-17@fujisawa") }
    );
    // A node that plays it again revives nothing, also after the steward was killed.
    assert_eq!(office.take(&errand).await.unwrap(), first);
    office.restart();
    assert_eq!(office.take(&errand).await.unwrap(), first);
    assert_eq!(office.listed(), [("truck-17@fujisawa".to_owned(), "withdrawn")]);
}

#[tokio::test]
async fn what_was_done_before_it_was_kept_is_not_done_twice() {
    let mut office = Office::open();
    let errand = office.errand(CLERK, &invite(1));
    office.take(&errand).await.unwrap();
    office.ask(CLERK, &withdraw(1)).await;
    // As if the power had failed between the invitation and its record.
    for entry in std::fs::read_dir(office.town.folder.path().join("errands")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    office.restart();
    let answer = office.take(&errand).await.unwrap();
    assert!(matches!(opened(CLERK, &errand, answer), ErrandOutcome::Invited { .. }));
    assert_eq!(office.listed(), [("truck-17@fujisawa".to_owned(), "withdrawn")]);
}

#[tokio::test]
async fn a_forged_late_or_misdirected_errand_is_passed_over_in_silence() {
    let mut office = Office::open();
    let genuine = office.errand(CLERK, &invite(1));
    let content = genuine.content().clone();
    let forged = Errand::assemble(content.encode(), sekisho_proto::Signature::new([7; 64]));
    assert_eq!(office.take(&forged.unwrap()).await, None);
    let stranger = office.errand("stranger@fujisawa", &invite(1));
    assert_eq!(office.take(&stranger).await, None);
    let draft = ErrandDraft {
        organisation: "santander".parse().unwrap(),
        id: ErrandId::new([1; 16]),
        steward: id(STEWARD),
        issued: office.town.now,
        until: at(200),
    };
    let key = identity(STEWARD).kem().public_key().clone();
    let foreign =
        seal_errand(&identity(CLERK), &key, draft, &invite(1), &mut SeededEntropy::new(3));
    assert_eq!(office.take(&foreign.unwrap()).await, None);
    office.town.now = at(-100);
    assert_eq!(office.take(&genuine).await, None, "from the future");
    office.town.now = at(700);
    assert_eq!(office.take(&genuine).await, None, "held back until it was over");
    assert!(office.listed().is_empty());
    // Nothing of that keeps the genuine one from being done in its time.
    office.town.now = at(300);
    assert!(office.take(&genuine).await.is_some());
}

#[tokio::test]
async fn whoever_administers_no_more_is_refused_and_whoever_was_revoked_is_not_heard() {
    let mut office = Office::open();
    let (early, late) = (office.errand(CLERK, &invite(1)), office.errand(CLERK, &invite(2)));
    let deny = office.town.deny(CLERK, "administer", "fujisawa/home/#");
    let answer = office.take(&early).await.unwrap();
    refused(&opened(CLERK, &early, answer.clone()), RefusalCode::NotPermitted);
    // What was refused once stays refused, whatever is stated later.
    office.town.revoke(RevokeTarget::Statement(deny));
    assert_eq!(office.take(&early).await.unwrap(), answer);
    office.town.revoke(RevokeTarget::Principal(id(CLERK)));
    assert_eq!(office.take(&late).await, None);
    assert!(office.listed().is_empty());
    let outcome = office.ask("other@fujisawa", &invite(3)).await;
    assert!(matches!(outcome, ErrandOutcome::Invited { .. }));
}

#[tokio::test]
async fn whoever_may_administer_a_part_only_is_refused() {
    let mut office = Office::open();
    office.town.enrol("park@fujisawa");
    office.town.grant("park@fujisawa", "administer", "fujisawa/park/#");
    refused(&office.ask("park@fujisawa", &invite(1)).await, RefusalCode::NotPermitted);
    assert!(office.listed().is_empty());
}

#[tokio::test]
async fn two_administrators_at_once_get_what_the_first_left() {
    let mut office = Office::open();
    office.ask(CLERK, &invite(1)).await;
    // The same token, drawn by another.
    refused(&office.ask("other@fujisawa", &invite(1)).await, RefusalCode::AlreadyExists);
    let approve = |key| ErrandTask::Approve { token_id: TokenId::new([1; 16]), key };
    refused(
        &office.ask(CLERK, &approve(id("truck-17@fujisawa"))).await,
        RefusalCode::AlreadyExists,
    );
    let folder = office.town.folder.path().join("enrolments");
    let token = TokenId::new([1; 16]);
    let waits = format!("key = \"{}\"\nsince = \"{}\"\n", id("truck-17@fujisawa"), at(100));
    crate::private_file::create(&folder.join(format!("{token}.waiting")), waits.as_bytes())
        .unwrap();
    office.town.now = at(101);
    refused(&office.ask(CLERK, &approve(id("thief@fujisawa"))).await, RefusalCode::AlreadyExists);
    let first = office.ask(CLERK, &approve(id("truck-17@fujisawa"))).await;
    assert!(matches!(first, ErrandOutcome::Approved { .. }), "{first:?}");
    office.town.now = at(102);
    let second = office.ask("other@fujisawa", &approve(id("truck-17@fujisawa"))).await;
    assert!(matches!(second, ErrandOutcome::Approved { .. }), "{second:?}");
    refused(&office.ask("other@fujisawa", &withdraw(1)).await, RefusalCode::AlreadyExists);
}

#[tokio::test]
async fn a_steward_signs_beside_an_administrator_and_all_stands_or_nothing() {
    let mut office = Office::open();
    office.town.enrol("truck-17@fujisawa");
    let ends = Revoke {
        organisation: "fujisawa".parse().unwrap(),
        target: RevokeTarget::Principal(id("truck-17@fujisawa")),
        reason: "stolen".to_owned(),
        issued: office.town.now,
    };
    let reads = grant("wall@fujisawa", "subscribe,decrypt", "fujisawa/#", office.town.now);
    let asked = [signed(ends, &[CLERK]), signed(reads, &[CLERK])];
    // Alone it may state neither.
    for statement in &asked {
        let mut policy = office.town.policy.clone();
        policy.apply(statement, office.town.now, &StrictVerifier).unwrap_err();
    }
    let errand = office.errand(CLERK, &countersign(&asked));
    *office.node.is_away.lock().unwrap() = true;
    assert_eq!(office.take(&errand).await, None, "the node is away: it is begun again");
    *office.node.is_away.lock().unwrap() = false;
    let answer = office.take(&errand).await.unwrap();
    let ErrandOutcome::Countersigned(stood) = opened(CLERK, &errand, answer) else {
        panic!("wanted statements")
    };
    let stated = office.node.stated.lock().unwrap().clone();
    assert_eq!(stood, stated.iter().map(|one| Bytes::from(one.encode())).collect::<Vec<_>>());
    for (asked, stood) in asked.iter().zip(&stated) {
        assert_eq!(asked.id(), stood.id());
        assert_eq!(stood.signatures().len(), 2);
        office.town.apply(stood);
    }
    assert!(office.town.policy.standing(&id("truck-17@fujisawa"), at(101)).is_err());
    *office.node.refuses.lock().unwrap() = true;
    let body = grant("wall@fujisawa", "subscribe", "fujisawa/x", office.town.now);
    let outcome = office.ask(CLERK, &countersign(&[signed(body, &[CLERK])])).await;
    refused(&outcome, RefusalCode::BadStatement);
}

#[tokio::test]
async fn a_steward_signs_nothing_that_changes_who_speaks_for_the_organisation() {
    let mut office = Office::open();
    office.town.enrol("wall@fujisawa");
    let now = office.town.now;
    let revoke = |target| Revoke {
        organisation: "fujisawa".parse().unwrap(),
        target,
        reason: String::new(),
        issued: now,
    };
    let plain = principal("newcomer@fujisawa", PrincipalKind::Device, now);
    let steward =
        Principal { attested: true, ..principal("second@fujisawa", PrincipalKind::Steward, now) };
    let keyless = |label| Principal {
        attested: true,
        kem_suite: Suite::Open,
        kem_public_key: Bytes::new(),
        ..principal(label, PrincipalKind::Device, now)
    };
    // What was stated of a key stays, whosever it is.
    let gone = Principal { until: Some(at(1)), ..keyless(STEWARD) };
    let given =
        Principal { attested: true, ..principal("fresh@fujisawa", PrincipalKind::Device, now) };
    let named = Principal { name: STEWARD.parse().unwrap(), ..keyless("fresh@fujisawa") };
    let peering = office.town.befriend("santander");
    let bodies: Vec<(StatementBody, &str)> = vec![
        (plain.into(), CLERK),
        (steward.into(), CLERK),
        (gone.into(), CLERK),
        (keyless("wall@fujisawa").into(), CLERK),
        (keyless("office@fujisawa").into(), CLERK),
        (given.into(), CLERK),
        (named.into(), CLERK),
        (revoke(RevokeTarget::Principal(id(STEWARD))).into(), CLERK),
        (revoke(RevokeTarget::Principal(id("office@fujisawa"))).into(), CLERK),
        (revoke(RevokeTarget::Principal(id("wall@santander"))).into(), CLERK),
        (revoke(RevokeTarget::Statement(peering)).into(), CLERK),
        (revoke(RevokeTarget::Statement(sekisho_proto::Hash::new([1; 32]))).into(), CLERK),
        // To themselves.
        (grant(CLERK, "subscribe", "fujisawa/#", now).into(), CLERK),
        (grant("wall@santander", "subscribe", "santander/#", now).into(), CLERK),
        // What others have signed, or nobody.
        (grant("wall@fujisawa", "subscribe", "fujisawa/#", now).into(), "other@fujisawa"),
        (grant("wall@fujisawa", "subscribe", "fujisawa/#", now).into(), "office@fujisawa"),
    ];
    for (number, (body, by)) in bodies.into_iter().enumerate() {
        office.town.now = at(100 + i64::try_from(number).unwrap());
        let statement = signed(body, &[by]);
        let outcome = office.ask(CLERK, &countersign(&[statement])).await;
        assert!(matches!(outcome, ErrandOutcome::Refused { .. }), "{number}: {outcome:?}");
    }
    let garbage = ErrandTask::Countersign(vec![Bytes::from_static(b"garbage")]);
    office.town.now = at(150);
    assert!(matches!(office.ask(CLERK, &garbage).await, ErrandOutcome::Refused { .. }));
    assert!(office.node.stated.lock().unwrap().is_empty());
}

#[tokio::test]
async fn nobody_is_invited_in_the_name_of_what_the_organisation_acts_by() {
    let mut office = Office::open();
    for (number, label) in [(1, STEWARD), (2, "office@fujisawa")] {
        let task = InviteTask { name: label.parse().unwrap(), replace: true, ..invitation(number) };
        office.town.now = at(100 + i64::from(number));
        let outcome = office.ask(CLERK, &ErrandTask::Invite(Box::new(task))).await;
        refused(&outcome, RefusalCode::NotPermitted);
    }
}

#[tokio::test]
async fn nobody_invites_themselves_to_more_nor_frees_themselves() {
    let mut office = Office::open();
    let task = InviteTask { name: CLERK.parse().unwrap(), ..invitation(1) };
    let outcome = office.ask(CLERK, &ErrandTask::Invite(Box::new(task))).await;
    refused(&outcome, RefusalCode::NotPermitted);
    let deny = Deny {
        organisation: "fujisawa".parse().unwrap(),
        grantee: CLERK.parse().unwrap(),
        actions: "decrypt".parse().unwrap(),
        filter: filter("fujisawa/health/#"),
        reason: String::new(),
        issued: office.town.now,
    };
    let deny = signed(deny, &["office@fujisawa"]);
    office.town.apply(&deny);
    let revoke = Revoke {
        organisation: "fujisawa".parse().unwrap(),
        target: RevokeTarget::Statement(deny.id()),
        reason: String::new(),
        issued: office.town.now,
    };
    office.town.now = at(101);
    let statement = signed(revoke.clone(), &[CLERK]);
    let outcome = office.ask(CLERK, &countersign(&[statement])).await;
    refused(&outcome, RefusalCode::NotPermitted);
    // Another may.
    office.town.now = at(102);
    let statement = signed(revoke, &["other@fujisawa"]);
    let outcome = office.ask("other@fujisawa", &countersign(&[statement])).await;
    assert!(matches!(outcome, ErrandOutcome::Countersigned(_)), "{outcome:?}");
}

#[tokio::test]
async fn somebody_who_is_to_administer_everything_is_a_person_and_gets_that_and_no_more() {
    let mut office = Office::open();
    let device = InviteTask { office: sekisho_proto::Office::Administrator, ..invitation(1) };
    let outcome = office.ask(CLERK, &ErrandTask::Invite(Box::new(device.clone()))).await;
    refused(&outcome, RefusalCode::BadEnrolment);
    let person = InviteTask { kind: PrincipalKind::Person, publish: Vec::new(), ..device };
    office.town.now = at(101);
    let outcome = office.ask(CLERK, &ErrandTask::Invite(Box::new(person))).await;
    assert!(matches!(outcome, ErrandOutcome::Invited { .. }), "{outcome:?}");
    let steward = InviteTask { kind: PrincipalKind::Steward, ..invitation(2) };
    office.town.now = at(102);
    let outcome = office.ask(CLERK, &ErrandTask::Invite(Box::new(steward))).await;
    refused(&outcome, RefusalCode::BadEnrolment);
    let foreign = InviteTask { read: vec![filter("santander/#")], ..invitation(3) };
    office.town.now = at(103);
    let outcome = office.ask(CLERK, &ErrandTask::Invite(Box::new(foreign))).await;
    refused(&outcome, RefusalCode::BadEnrolment);
}

#[tokio::test]
async fn a_long_list_is_told_in_parts_that_fit() {
    let mut office = Office::open();
    let long: Vec<_> =
        (0..60).map(|number| filter(&format!("fujisawa/{}/{number}/#", "x".repeat(120)))).collect();
    for token in 0..40 {
        let task = InviteTask { publish: long.clone(), read: long.clone(), ..invitation(token) };
        office.town.now = at(100 + i64::from(token));
        let outcome = office.ask(CLERK, &ErrandTask::Invite(Box::new(task))).await;
        assert!(matches!(outcome, ErrandOutcome::Invited { .. }), "{outcome:?}");
    }
    let (mut after, mut told, mut parts) = (None, Vec::new(), 0);
    loop {
        let task = ErrandTask::Invitations { after, max: 100, pending: false };
        let ErrandOutcome::Invitations { invitations, is_last } = office.ask(CLERK, &task).await
        else {
            panic!("wanted a list")
        };
        parts += 1;
        after = invitations.last().map(|last| last.token_id);
        told.extend(invitations);
        if is_last {
            break;
        }
    }
    assert!(parts > 1 && told.len() == 40, "{parts} parts with {} in all", told.len());
    let gone = Some(TokenId::new([99; 16]));
    let task = ErrandTask::Invitations { after: gone, max: 100, pending: false };
    office.town.now = at(200);
    refused(&office.ask(CLERK, &task).await, RefusalCode::NotFound);
}

#[tokio::test]
async fn records_are_kept_a_day_longer_than_anybody_can_bring_the_errand() {
    let mut office = Office::open();
    let errand = office.errand(CLERK, &invite(1));
    office.take(&errand).await.unwrap();
    let kept = |office: &Office| {
        std::fs::read_dir(office.town.folder.path().join("errands")).unwrap().count()
    };
    office.desk.begin_look(at(700 + 86_399));
    assert_eq!(kept(&office), 1);
    office.desk.begin_look(at(700 + 86_400));
    assert_eq!(kept(&office), 0);
}
