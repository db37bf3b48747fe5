//! A router that was made from the log judges as the one that was there before it.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::statement::{Grant, Issuer, OrgRoot, Principal};
use sekisho_proto::{
    BootId, ContentType, Envelope, Hash, OrgName, PrincipalKind, PrincipalName, Scope, Sequence,
    Statement, StatementBody, StreamClass, Suite, Topic,
};
use sekisho_routing::{Admitted, Carriage};
use sekisho_seal::{HeaderDraft, SigningKey, StrictVerifier, sign_open, sign_statement, verify};
use sekisho_store::fault::{FaultDisk, Survival};
use sekisho_store::{Keep, Options, RecordLog, RetentionRules};

use super::*;
use crate::hub::attesting_world::{AttestingWorld, described};
use crate::hub::start::router;

const SESSION: SessionId = SessionId::new(1);
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn own() -> OrgName {
    "fujisawa".parse().unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Hash::of(name.as_bytes()).as_bytes())
}

fn stated(body: StatementBody, by: &str) -> Statement {
    sign_statement(Statement::unsigned(body), &key(by))
}

fn root() -> Statement {
    let keys = vec![key("root").public_key()];
    let root = OrgRoot { organisation: own(), keys, threshold: 1, issued: at(0) };
    stated(StatementBody::OrgRoot(root), "root")
}

fn issuer() -> Statement {
    let issuer = Issuer {
        name: PrincipalName::new("administrator", &own()).unwrap(),
        public_key: key("issuer").public_key(),
        issued: at(0),
        until: None,
    };
    stated(StatementBody::Issuer(issuer), "root")
}

fn truck() -> SigningKey {
    key("truck")
}

fn topic() -> Topic {
    "fujisawa/truck".parse().unwrap()
}

/// The truck may publish.
fn policy() -> Arc<Policy> {
    let mut policy = Policy::new(own(), root().body_hash());
    let principal = StatementBody::Principal(Principal {
        name: PrincipalName::new("truck", &own()).unwrap(),
        kind: PrincipalKind::Device,
        public_key: truck().public_key(),
        kem_suite: Suite::Open,
        kem_public_key: bytes::Bytes::new(),
        issued: at(0),
        until: None,
        attested: false,
    });
    let grant = StatementBody::Grant(Grant {
        organisation: own(),
        grantee: "truck@fujisawa".parse().unwrap(),
        actions: "publish".parse().unwrap(),
        filter: "fujisawa/#".parse().unwrap(),
        purpose: "a test".to_owned(),
        issued: at(0),
        from: at(0),
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    });
    let all = [root(), issuer(), stated(principal, "issuer"), stated(grant, "issuer")];
    for statement in all {
        policy.apply(&statement, at(1), &StrictVerifier).unwrap();
    }
    Arc::new(policy)
}

/// One run of the truck: what it made, sent or not.
#[derive(Clone, Default)]
struct Run(Vec<Envelope>);

impl Run {
    fn make(&mut self, boot: u8, time: Timestamp) -> Envelope {
        let draft = HeaderDraft {
            sequence: Sequence::new(self.0.len() as u64),
            time,
            previous: self.0.last().map(Envelope::hash),
            content_type: ContentType::parse("text/plain").unwrap(),
            sample_count: 0,
            flags: 0,
            expiry_s: 0,
            scope: Scope::Federation,
        };
        let boot = BootId::new([boot; 16]);
        let envelope = sign_open(&truck(), topic(), boot, draft, b"21.5").unwrap();
        self.0.push(envelope.clone());
        envelope
    }
}

/// What a router says of an envelope.
#[derive(Debug, PartialEq)]
enum Said {
    New,
    Refused(RefusalCode, Option<Sequence>, String),
}

/// What a router that was never restarted says, and one that was.
type Both = [Vec<Said>; 2];

/// A node as far as it judges envelopes.
struct Node {
    policy: Arc<Policy>,
    disk: FaultDisk,
    log: RecordLog,
    router: Router,
    /// Where the log put what is not flushed yet, and who waits for it: this router, and another.
    group: Vec<(sekisho_routing::Appended, [Option<Ticket>; 2])>,
    now: Timestamp,
}

impl Node {
    fn new() -> Self {
        let (policy, disk) = (policy(), FaultDisk::new());
        let log = open(&disk);
        let router = connected(router(&policy, &log, &log.reader()));
        Self { policy, disk, log, router, group: Vec::new(), now: at(1_000) }
    }

    /// Gives an envelope to the router and to another that must say the same, and to the log where it
    /// is new.
    fn publish(&mut self, envelope: &Envelope, another: &mut Router) -> Both {
        self.now = self.now.saturating_add(SECOND);
        for router in [&mut self.router, &mut *another] {
            router.handle_publish(admitted(&self.policy, envelope, self.now), self.now);
        }
        self.take(another)
    }

    fn take(&mut self, another: &mut Router) -> Both {
        let [ours, theirs] = [polled(&mut self.router), polled(another)];
        for at in 0..ours.len().max(theirs.len()) {
            let both = [&ours, &theirs].map(|judged| judged.get(at)?.as_ref().ok());
            let Some((_, record)) = both.into_iter().flatten().next() else { continue };
            let place = self.log.append(to_store(record.clone())).unwrap();
            let (position, offset) = (place.position, place.offset);
            let tickets = both.map(|judged| judged.map(|(ticket, _)| *ticket));
            self.group.push((sekisho_routing::Appended { position, offset }, tickets));
        }
        [ours, theirs]
            .map(|judged| judged.into_iter().map(|one| one.err().unwrap_or(Said::New)).collect())
    }

    /// What waited for others is judged when they are on the disk.
    fn flush(&mut self, another: &mut Router) -> Both {
        let mut said = Both::default();
        while !self.group.is_empty() {
            self.log.commit().unwrap();
            for (place, tickets) in std::mem::take(&mut self.group) {
                for (router, ticket) in [&mut self.router, &mut *another].into_iter().zip(tickets) {
                    let Some(ticket) = ticket else { continue };
                    router.handle_appended(ticket, place, self.now).unwrap();
                }
            }
            for (all, new) in said.iter_mut().zip(self.take(another)) {
                all.extend(new);
            }
        }
        said
    }

    fn trim(&mut self, keep: Keep) {
        while self.log.trim(&RetentionRules::uniform(keep), self.now).unwrap().more {}
    }

    /// The router that a node has which starts now.
    fn restarted(mut self) -> (Self, Router) {
        drop(self.log);
        self.disk.cut_power(Survival::Nothing);
        self.log = open(&self.disk);
        let restored = connected(router(&self.policy, &self.log, &self.log.reader()));
        (self, restored)
    }
}

fn open(disk: &FaultDisk) -> RecordLog {
    let options = Options { segment_bytes: 4_096, min_free_bytes: 0, ..Options::default() };
    RecordLog::open(Arc::new(disk.clone()), Path::new("/log"), options).unwrap().0
}

fn connected(mut router: Router) -> Router {
    let recipient = Recipient::Principal(truck().id());
    router.handle_connect(SESSION, truck().id(), recipient, at(1_000));
    while router.poll_command().is_some() {}
    router
}

/// What a node's door does.
fn admitted(policy: &Policy, envelope: &Envelope, now: Timestamp) -> Admitted {
    let verified = verify(envelope.clone(), &truck().verifying_key()).unwrap();
    let permit = policy.permit_publish(truck().id(), &topic(), now).unwrap();
    Admitted::new(verified, permit, Carriage::Session { session: SESSION, request: 1 }).unwrap()
}

/// What a router has judged.
fn polled(router: &mut Router) -> Vec<Result<(Ticket, NewRecord), Said>> {
    let mut judged = Vec::new();
    while let Some(command) = router.poll_command() {
        if let Command::Append { ticket, record, .. } = command {
            judged.push(Ok((ticket, record)));
        } else if let Command::Refused { code, expected_sequence, why, .. } = command {
            judged.push(Err(Said::Refused(code, expected_sequence, why)));
        } else {
            assert!(matches!(command, Command::Published { .. }), "found {command:?}");
        }
    }
    judged
}

#[derive(Clone, Debug)]
enum Step {
    /// A run makes another envelope, by a clock that says whatever it says.
    Next {
        boot: u8,
        second: i64,
    },
    /// A run sends one of its envelopes again, or for the first time.
    Again {
        boot: u8,
        back: usize,
    },
    Flush,
    Restart,
    Trim(bool),
}

/// More runs than are remembered.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..14_u8, 0..60_i64).prop_map(|(boot, second)| Step::Next { boot, second }),
        6 => (0..14_u8, 0..4_usize).prop_map(|(boot, back)| Step::Again { boot, back }),
        9 => Just(Step::Flush),
        1 => Just(Step::Restart),
        1 => any::<bool>().prop_map(Step::Trim),
    ];
    prop::collection::vec(step, 20..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The one is never restarted, the other whenever the node is.
    #[test]
    fn a_router_made_from_the_log_judges_as_the_one_before_it(steps in steps()) {
        let mut node = Node::new();
        let mut restored = connected(router(&node.policy, &node.log, &node.log.reader()));
        let mut runs = vec![Run::default(); 14];
        for step in steps {
            let [before, after] = match step {
                Step::Next { boot, second } => {
                    let envelope = runs[usize::from(boot)].make(boot, at(second));
                    node.publish(&envelope, &mut restored)
                }
                Step::Again { boot, back } => {
                    let made = &runs[usize::from(boot)].0;
                    let Some(envelope) = made.iter().nth_back(back) else { continue };
                    node.publish(envelope, &mut restored)
                }
                Step::Flush => node.flush(&mut restored),
                Step::Restart => {
                    let said = node.flush(&mut restored);
                    (node, restored) = node.restarted();
                    said
                }
                Step::Trim(last) => {
                    let said = node.flush(&mut restored);
                    node.trim(if last { Keep::Last } else { Keep::Nothing });
                    said
                }
            };
            prop_assert_eq!(before, after);
        }
    }
}

/// A truck that was away for days brings all its runs in their order.
#[test]
fn a_restart_while_old_runs_are_brought_loses_none_of_them() {
    let mut node = Node::new();
    let mut unused = connected(router(&node.policy, &node.log, &node.log.reader()));
    let made = (0..40).map(|boot| Run::default().make(boot, at(i64::from(boot))));
    let made: Vec<_> = made.collect();
    let (first, last) = made.split_at(18);
    let bring = |node: &mut Node, another: &mut Router, envelopes: &[Envelope]| {
        let mut stored = 0;
        for envelope in envelopes {
            let [said, same] = node.publish(envelope, another);
            assert_eq!(said, same);
            stored += said.len();
            assert!(said.iter().all(|said| *said == Said::New), "{said:?}");
        }
        let [said, same] = node.flush(another);
        assert_eq!(said, same);
        assert!(said.iter().all(|said| *said == Said::New), "{said:?}");
        assert_eq!(stored + said.len(), envelopes.len());
    };
    bring(&mut node, &mut unused, first);
    let (mut node, mut restored) = node.restarted();
    bring(&mut node, &mut restored, last);
}

/// A device that sleeps between two samples begins a run for each.
#[tokio::test]
async fn runs_that_come_at_once_are_stored_in_their_order_and_all_are_answered() {
    let world = AttestingWorld::open();
    world.state(described("fujisawa/tide/1", StreamClass::Open)).await;
    let (session, mut port) = world.session(key("clock").public_key()).await;
    let signing = key("clock");
    for run in 0..40 {
        let draft = HeaderDraft {
            sequence: Sequence::ZERO,
            time: clock::now(),
            previous: None,
            content_type: ContentType::parse("text/plain").unwrap(),
            sample_count: 0,
            flags: 0,
            expiry_s: 0,
            scope: Scope::Organisation,
        };
        let topic = "fujisawa/tide/1".parse().unwrap();
        let envelope = sign_open(&signing, topic, BootId::new([run; 16]), draft, b"a").unwrap();
        let (request, envelope) = (run.into(), envelope.encoded().clone());
        let publish = frame::Publish { request, envelope, key_header: None };
        session.handle(Frame::Publish(publish)).await.unwrap();
    }
    for run in 0..40_u64 {
        let answer = port.answers.recv().await.unwrap();
        let Frame::Published(published) = answer else { panic!("run {run}: found {answer:?}") };
        assert_eq!((published.request, published.offset.value()), (run, run));
    }
    session.close().await;
    world.close().await;
}
