//! The first frame of a connection: who is this, and may it come in?

use std::sync::Arc;
use std::time::Duration;

use sekisho_policy::{Missing, Recipient};
use sekisho_proto::{
    AccessKind, Frame, PrincipalId, PrincipalKind, PrincipalName, PublicKey, RefusalCode,
    StatementIndex, frame,
};
use sekisho_seal::VerifyingKey;
use tokio::sync::mpsc;

use super::{ANSWERS_MAX, INFLIGHT_MAX, PEER_NAME, Port, Session, Vouchers, Who, unexpected};
use crate::clock;
use crate::hub::{Backlog, Came, Carrier, Cut, Hub, Refusal, Request, answers, internal};

/// The protocol version this node speaks.
const VERSION: u32 = 1;
/// How long a device may wait for an administrator's yes on one connection.
const ENROLMENT_WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// A connection whose key is known and whose principal is not yet.
#[derive(Debug)]
pub(crate) struct Stranger {
    hub: Arc<Hub>,
    key: PublicKey,
    came: Came,
}

/// Whose key it is.
struct Known {
    who: Who,
    recipient: Recipient,
    parting: Option<StatementIndex>,
}

/// What a first frame leads to.
#[derive(Debug)]
pub(crate) enum Greeting {
    /// A principal came in; the frame is its `Welcome`.
    Session(Arc<Session>, Port, Frame),
    /// A device wants to be enrolled; the decision comes from [`Stranger::enrol`].
    Enrolment(Stranger, frame::Enrol),
}

impl Stranger {
    /// A connection that proved to hold `key`.
    #[must_use]
    pub(crate) fn new(hub: Arc<Hub>, key: PublicKey) -> Self {
        Self { hub, key, came: Came::unknown() }
    }

    /// The same, who came by a certain door.
    #[must_use]
    pub(crate) fn by(self, came: Came) -> Self {
        Self { came, ..self }
    }

    /// Judges the first frame.
    ///
    /// # Errors
    /// It is neither `Hello` nor `Enrol`, or this key has no business here.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other frame is refused alike")]
    pub(crate) async fn greet(self, first: Frame) -> Result<Greeting, Refusal> {
        match first {
            Frame::Hello(hello) => {
                let (session, port) = self.open(&hello).await?;
                let welcome = session.welcome();
                Ok(Greeting::Session(session, port, welcome))
            }
            Frame::Enrol(enrol) => {
                let enrol = self.check_enrol(enrol)?;
                Ok(Greeting::Enrolment(self, enrol))
            }
            other => Err(unexpected("greeting: Hello or Enrol", &other)),
        }
    }

    async fn open(&self, hello: &frame::Hello) -> Result<(Arc<Session>, Port), Refusal> {
        check_version(hello.version)?;
        if hello.organisation != *self.hub.organisation() {
            let why = format!("wanted {}, found {}", self.hub.organisation(), hello.organisation);
            return Err(Refusal::new(RefusalCode::NotFound, "organisation", why));
        }
        let Known { who, recipient, parting } = self.known()?;
        self.hub.may_record(&who.id, clock::now())?;
        let present = self.hub.enter(&who)?;
        self.hub.access().note(who.accesses(AccessKind::Session, clock::now())).await?;
        let carrier = Carrier::Principal(who.id);
        let id = self.hub.next_session();
        let (answers, queue) = answers(ANSWERS_MAX);
        let cut = Cut::new();
        let connect = Request::Connect {
            session: id,
            principal: who.id,
            recipient: recipient.clone(),
            answers: answers.clone(),
            cut: cut.clone(),
        };
        if parting.is_none() {
            self.hub.ask(connect).await?;
        }
        let (hub, cutting) = (Arc::clone(&self.hub), cut.clone());
        let (refusals, now) = (self.hub.refusals(), clock::now());
        let listed = self.hub.roster().enter((id, &who), self.came, refusals, now);
        let is_peer = matches!(recipient, Recipient::Peer(_));
        let vouchers = is_peer.then(|| Arc::new(Vouchers::default()));
        let session = Session {
            hub,
            id,
            who,
            carrier,
            recipient,
            answers,
            cut: cutting,
            backlog: Backlog::default(),
            listed,
            _present: present,
            parting,
            vouchers: vouchers.clone(),
        };
        Ok((Arc::new(session), Port { answers: queue, cut, vouchers }))
    }

    /// A peer's node is known by its contract: its own log, which names it too, is what the link
    /// is for. One whose contract this organisation ended comes in to hear just that. Everybody
    /// else is known by a statement in force, of this organisation or of one under contract with it.
    fn known(&self) -> Result<Known, Refusal> {
        let policy = self.hub.authority().snapshot();
        let id = PrincipalId::of(&self.key);
        let peer = policy.peer_of_key(&self.key, clock::now()).map(|peer| (peer, None));
        let former = || policy.former_peer_of_key(&self.key).map(|(peer, end)| (peer, Some(end)));
        if let Some((peer, parting)) = peer.or_else(former) {
            let name =
                PrincipalName::new(PEER_NAME, peer).map_err(|fault| internal("peer", &fault))?;
            let who = Who { name, id, kind: PrincipalKind::Node, is_peer: true };
            return Ok(Known { who, recipient: Recipient::Peer(peer.clone()), parting });
        }
        let refuse = |missing: Missing| {
            let what = format!("key {}", id.short());
            Refusal::new(missing.code(), what, missing.to_string())
        };
        let found = policy.standing(&id, clock::now()).map_err(refuse)?;
        let home = found.name.organisation();
        // Whose statements come here through a peer only has no contract here, and no business.
        let route = policy.route(home, clock::now());
        if home != self.hub.organisation() && !route.is_some_and(|route| route.is_direct()) {
            let (own, organisation) = (self.hub.organisation().clone(), home.clone());
            return Err(refuse(Missing::NoPeering { own, organisation }));
        }
        let who = Who { name: found.name.clone(), id, kind: found.kind, is_peer: false };
        Ok(Known { who, recipient: Recipient::Principal(id), parting: None })
    }

    fn check_enrol(&self, enrol: frame::Enrol) -> Result<frame::Enrol, Refusal> {
        check_version(enrol.version)?;
        if enrol.public_key != self.key {
            let why = "wanted the connection's own key, found another";
            return Err(Refusal::new(RefusalCode::BadEnrolment, "public key", why));
        }
        VerifyingKey::parse(&enrol.public_key)?;
        let policy = self.hub.authority().snapshot();
        let id = PrincipalId::of(&self.key);
        match policy.standing(&id, clock::now()) {
            // A revoked key is never enrolled again.
            Err(missing @ Missing::Revoked { .. }) => {
                let what = format!("key {}", id.short());
                Err(Refusal::new(missing.code(), what, missing.to_string()))
            }
            Ok(_) | Err(_) => Ok(enrol),
        }
    }

    /// Waits for the steward's decision; what it says in the meantime goes to `tell`. Every frame
    /// is to be written.
    ///
    /// # Errors
    /// Too many wait already, the token is in use, or nobody decided in time.
    pub(crate) async fn enrol(
        &self,
        enrol: frame::Enrol,
        tell: &mpsc::Sender<Frame>,
    ) -> Result<Frame, Refusal> {
        let token = enrol.token_id;
        let mut changed = self.hub.authority().watch();
        let mut waiting = self.hub.enrolments().wait(enrol, clock::now())?;
        let decided = async {
            loop {
                if let Some(admitted) = self.admitted() {
                    return Ok(admitted);
                }
                tokio::select! {
                    word = waiting.word() => {
                        // Whoever does not read what is said misses it.
                        drop(tell.try_send(waits_for(word?)));
                    }
                    changed = changed.changed() => if changed.is_err() {
                        return Err(Refusal::new(RefusalCode::Draining, "enrolment", "the node is stopping"));
                    }
                }
            }
        };
        tokio::time::timeout(ENROLMENT_WAIT_MAX, decided).await.unwrap_or_else(|_elapsed| {
            let minutes = ENROLMENT_WAIT_MAX.as_secs() / 60;
            let why = format!("wanted an approval within {minutes} minutes, found none");
            Err(Refusal::new(RefusalCode::BadEnrolment, format!("token {token}"), why))
        })
    }

    fn admitted(&self) -> Option<Frame> {
        let policy = self.hub.authority().snapshot();
        let id = PrincipalId::of(&self.key);
        let standing = policy.standing(&id, clock::now()).ok()?;
        let is_ours = standing.name.organisation() == self.hub.organisation();
        let proof = policy.proof_of_principal(&id);
        is_ours.then(|| {
            Frame::Enrolling(frame::Enrolling {
                state: frame::EnrolmentState::Admitted,
                why: String::new(),
                statements: proof.into_iter().map(|statement| statement.encode().into()).collect(),
            })
        })
    }
}

/// What a newcomer is told while it waits.
pub(crate) fn waits_for(why: String) -> Frame {
    let state = frame::EnrolmentState::Waiting;
    Frame::Enrolling(frame::Enrolling { state, why, statements: Vec::new() })
}

impl Session {
    fn welcome(&self) -> Frame {
        Frame::Welcome(frame::Welcome {
            version: VERSION,
            organisation: self.hub.organisation().clone(),
            principal: Some(self.who.name.clone()),
            policy_version: self.hub.authority().snapshot().version(),
            time: clock::now(),
            envelope_bytes_max: u32::try_from(self.hub.config().envelope_bytes_max)
                .unwrap_or(u32::MAX),
            inflight_max: INFLIGHT_MAX,
        })
    }
}

fn check_version(found: u32) -> Result<(), Refusal> {
    if found == VERSION {
        return Ok(());
    }
    let why = format!("wanted {VERSION}, found {found}");
    Err(Refusal::new(RefusalCode::UnknownVersion, "protocol version", why))
}
