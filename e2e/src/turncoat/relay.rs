//! Lets guests in with the node's key, and carries their frames on to the honest node behind.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use quinn::{Connection, Endpoint, Incoming};
use sekisho::framing::{FrameReader, FrameWriter};
use sekisho::{Profile, PublicKey, SigningKey, tls};
use tokio::task::JoinSet;

use super::Plan;
use super::attempt::{Meddler, NodeKey, Way, tell};

type Shared = Arc<Mutex<Box<dyn Meddler>>>;

/// Serves until the process is ended.
pub async fn serve(plan: Plan) {
    let node_key = NodeKey::load(&plan.node_key);
    let config = tls::quic_server_config(node_key.signing()).expect("TLS takes the key");
    let endpoint = tls::server_endpoint(plan.listen, config, node_key.signing());
    let endpoint = endpoint.expect("the address is free");
    let guests = plan.guests.iter().map(|folder| {
        let identity = Profile::identity(folder).expect("a guest's keys");
        (identity.public_key(), identity.signing().clone())
    });
    let inn = Arc::new(Inn {
        guests: guests.collect(),
        node: plan.node,
        node_key: node_key.signing().public_key(),
        meddler: Arc::new(Mutex::new(plan.attempt.meddler(node_key, &plan.spoils))),
    });
    tell(format_args!("serving on {}", plan.listen));
    let mut connections = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        connections.spawn(Arc::clone(&inn).receive(incoming));
    }
}

struct Inn {
    guests: BTreeMap<PublicKey, SigningKey>,
    node: SocketAddr,
    node_key: PublicKey,
    meddler: Shared,
}

impl Inn {
    async fn receive(self: Arc<Self>, incoming: Incoming) {
        let Ok(guest) = incoming.await else { return };
        let Some((_endpoint, node)) = self.dial_as(&guest).await else { return };
        let mut streams = JoinSet::new();
        loop {
            tokio::select! {
                opened = guest.accept_bi() => {
                    let (Ok(of_guest), Ok(of_node)) = (opened, node.open_bi().await) else { break };
                    streams.spawn(carry(End::of(of_guest), End::of(of_node), Arc::clone(&self.meddler)));
                }
                ended = node.closed() => {
                    drop(ended);
                    // What the node said last is carried on first.
                    while streams.join_next().await.is_some() {}
                    break;
                }
                _ended = guest.closed() => break,
            }
        }
        guest.close(0_u32.into(), b"");
        node.close(0_u32.into(), b"");
    }

    async fn dial_as(&self, guest: &Connection) -> Option<(Endpoint, Connection)> {
        let key = tls::peer_key(guest).ok()?;
        let Some(signing) = self.guests.get(&key) else {
            tell(format_args!("a stranger came: {key}"));
            return None;
        };
        let config = tls::quic_client_config(signing, &self.node_key).ok()?;
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = tls::client_endpoint(local).expect("a socket");
        let dialling = endpoint.connect_with(config, self.node, tls::SERVER_NAME).ok()?;
        Some((endpoint, dialling.await.ok()?))
    }
}

struct End {
    writer: FrameWriter,
    reader: FrameReader,
}

impl End {
    fn of((send, receive): (quinn::SendStream, quinn::RecvStream)) -> Self {
        Self { writer: FrameWriter::new(send), reader: FrameReader::new(receive) }
    }
}

/// Carries frames both ways until both ends have said their last.
async fn carry(mut guest: End, mut node: End, meddler: Shared) {
    let (mut guest_speaks, mut node_speaks) = (true, true);
    while guest_speaks || node_speaks {
        let (way, heard) = tokio::select! {
            heard = guest.reader.next(), if guest_speaks => (Way::Up, heard),
            heard = node.reader.next(), if node_speaks => (Way::Down, heard),
        };
        let Ok(Some(frame)) = heard else {
            match way {
                Way::Up => {
                    guest_speaks = false;
                    node.writer.end();
                }
                Way::Down => {
                    node_speaks = false;
                    guest.writer.end();
                }
            }
            continue;
        };
        let passing = meddler.lock().unwrap_or_else(PoisonError::into_inner).meddle((way, frame));
        for (way, frame) in passing {
            let writer = match way {
                Way::Up => &mut node.writer,
                Way::Down => &mut guest.writer,
            };
            // Whoever has hung up does not hear it.
            drop(writer.send(&frame).await);
        }
    }
}
