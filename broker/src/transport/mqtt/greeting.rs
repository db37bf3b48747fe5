//! From CONNECT to CONNACK: which version, which key, whose.
//!
//! A key is proven in one of three ways: by the password that it is derived from, by the certificate
//! of the TLS connection, or by a signature of a challenge (method `SEKISHO-ED25519`).

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_mqtt::packet::{Beginning, Connect, Method, Packet};
use sekisho_mqtt::{Fault, Machine, Reason, TooLarge};
use sekisho_proto::{Hash, PrincipalId, PublicKey, RefusalCode, frame, limits};
use tokio::io::{AsyncRead, AsyncWrite};

use super::challenge::{Challenge, Challenged};
use super::connection::{read_packet, write};
use super::prepaid::Prepaid;
use super::{Door, Peer, reasons};
use crate::SOFTWARE;
use crate::clock;
use crate::hub::{Came, Refusal, metrics};
use crate::session::{Greeting, Port, Session, Stranger, key_of_password};

/// Who came in.
pub(super) struct Guest {
    pub(super) connect: Connect,
    pub(super) session: Arc<Session>,
    pub(super) port: Port,
    /// What CONNACK says of the authentication.
    pub(super) method: Option<Method>,
    /// What it may prove its key by once more.
    pub(super) challenged: Option<Box<Challenged>>,
    /// What it has to take up.
    pub(super) prepaid: Option<Box<Prepaid>>,
}

/// Why somebody did not.
pub(super) struct Unwelcome {
    pub(super) reason: Reason,
    pub(super) why: String,
    /// For the metric.
    pub(super) cause: &'static str,
}

impl Unwelcome {
    pub(super) fn new(reason: Reason, why: impl Into<String>, cause: &'static str) -> Self {
        Self { reason, why: why.into(), cause }
    }
}

impl From<Fault> for Unwelcome {
    fn from(fault: Fault) -> Self {
        Self::new(fault.reason, fault.why, "malformed")
    }
}

impl From<TooLarge> for Unwelcome {
    fn from(TooLarge: TooLarge) -> Self {
        let why = "wanted a client that takes the answer (3.1.2.11.4), found a smaller maximum";
        Self::new(Reason::TOO_LARGE, why, "packet-size")
    }
}

impl From<Refusal> for Unwelcome {
    fn from(refusal: Refusal) -> Self {
        let cause = refusal.code.name();
        Self::new(reasons::of_connect(refusal.code), refusal.to_string(), cause)
    }
}

/// Reads CONNECT and finds out whose it is. `None` where the client is gone.
pub(super) async fn greet<S>(
    door: &Arc<Door>,
    stream: &mut S,
    machine: &mut Machine,
    peer: &Peer,
) -> Result<Option<Guest>, Unwelcome>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let connect = match read_packet(stream, machine).await? {
        Some(Packet::Connect(connect)) => *connect,
        Some(_) | None => return Ok(None),
    };
    let (key, method) = match &connect.method {
        Some(method) => {
            let about = (method, peer.shown);
            let Some((key, last)) = challenge(door, stream, machine, about).await? else {
                return Ok(None);
            };
            (key, Some((last, Box::new(Challenged::new(key, peer.shown)))))
        }
        None => (shown(door, &connect, peer)?, None),
    };
    let (session, port, prepaid) = enter(door, key, (&connect, peer.address)).await?;
    let checked = match connect.password {
        Some(_) => Ok(()),
        None => check_name(&connect, &session),
    };
    if let Err(unwelcome) = checked {
        session.close().await;
        return Err(unwelcome);
    }
    let (method, challenged) = method.unzip();
    Ok(Some(Guest { connect, session, port, method, challenged, prepaid }))
}

/// The key of whoever shows a password, or else a certificate.
fn shown(door: &Door, connect: &Connect, peer: &Peer) -> Result<PublicKey, Unwelcome> {
    if let Some(password) = &connect.password {
        let name = connect.user_name.as_deref().unwrap_or_default();
        door.crowd.may_try(peer.address.ip(), name)?;
        // What is not text is no password either, and takes as long as a wrong one.
        let password = std::str::from_utf8(password).unwrap_or_default();
        return key_of_password(&door.hub, name, password).map_err(|refusal| {
            door.crowd.failed(peer.address.ip(), name);
            Unwelcome::new(Reason::BAD_CREDENTIALS, refusal.why, "password")
        });
    }
    peer.key.ok_or_else(|| {
        let why = "wanted a user name with its password, a client certificate with an Ed25519 \
                   key, or the authentication method SEKISHO-ED25519, found none of them";
        Unwelcome::new(Reason::NOT_AUTHORIZED, why, "no-key")
    })
}

/// A user name beside a key is that of its principal, or a mistake.
fn check_name(connect: &Connect, session: &Session) -> Result<(), Unwelcome> {
    let Some(said) = &connect.user_name else { return Ok(()) };
    let name = &session.who().name;
    if said.is_empty() || *said == name.to_string() || said == name.name() {
        return Ok(());
    }
    let why = "wanted the user name of the principal whose key was proven, found another";
    Err(Unwelcome::new(Reason::BAD_CREDENTIALS, why, "user-name"))
}

/// Has the client sign a challenge.
async fn challenge<S>(
    door: &Door,
    stream: &mut S,
    machine: &mut Machine,
    (method, shown): (&Method, Option<Hash>),
) -> Result<Option<(PublicKey, Method)>, Unwelcome>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (challenge, reply) = Challenge::begin(&door.key, method, shown)?;
    machine.auth(&reply)?;
    if write(stream, machine).await.is_err() {
        return Ok(None);
    }
    let Some(Packet::Auth(answer)) = read_packet(stream, machine).await? else {
        return Ok(None);
    };
    Ok(Some(challenge.finish(&door.key, &answer)?))
}

/// Opens the session of a key that was proven, where what its client has to take up is paid for.
async fn enter(
    door: &Arc<Door>,
    key: PublicKey,
    (connect, address): (&Connect, SocketAddr),
) -> Result<(Arc<Session>, Port, Option<Box<Prepaid>>), Unwelcome> {
    let principal = PrincipalId::of(&key);
    let left_behind = match connect.beginning {
        Beginning::Clean => 0,
        Beginning::Resumed => door.hub.mqtt().left_behind(principal, &connect.client),
    };
    let prepaid = Prepaid::pay(&door.hub, principal, left_behind)?;
    let hello = frame::Hello {
        version: limits::PROTOCOL_VERSION,
        software: SOFTWARE.to_owned(),
        organisation: door.hub.organisation().clone(),
    };
    let stranger = Stranger::new(Arc::clone(&door.hub), key).by(Came::by("mqtt", address));
    match stranger.greet(hello.into()).await? {
        Greeting::Session(session, port, _welcome) if !session.who().is_peer => {
            Ok((session, port, prepaid))
        }
        Greeting::Session(session, _port, _welcome) => {
            session.close().await;
            let why = "wanted a principal, found a peer's node";
            Err(Unwelcome::new(Reason::NOT_AUTHORIZED, why, "peer"))
        }
        Greeting::Enrolment(..) => {
            let why = "wanted a session, found an enrolment";
            Err(Refusal::new(RefusalCode::Internal, "greeting", why).into())
        }
    }
}

/// Counts and remembers somebody who did not come in.
pub(super) fn note(door: &Door, address: SocketAddr, unwelcome: &Unwelcome) {
    let refusal = count(unwelcome);
    door.hub.refusals().note(None, Came::by("mqtt", address), &refusal, clock::now());
}

/// Counts somebody who did not come in; what they were refused.
pub(super) fn count(unwelcome: &Unwelcome) -> Refusal {
    metrics::handshake_failed(unwelcome.cause);
    // A cause that is no code: there was no key, or not the one that was named.
    let code = unwelcome.cause.parse().unwrap_or(RefusalCode::UnknownKey);
    Refusal::new(code, "MQTT connection", unwelcome.why.clone())
}
