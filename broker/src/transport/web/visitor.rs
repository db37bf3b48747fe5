//! One connection to the HTTPS listener: where it comes from, whose key it showed, what it has open.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_proto::{Hash, PublicKey, RefusalCode};

use crate::hub::{Came, Refusal, metrics};
use crate::session::Stranger;
use crate::transport::crowd::{Crowd, Place, Seat};
use crate::transport::desk::Desk;
use crate::transport::web::Door;

/// What all requests of one connection share.
#[derive(Debug)]
pub(crate) struct Visitor {
    address: SocketAddr,
    key: Option<PublicKey>,
    shown: Option<Hash>,
    /// Given up when the first caller is known.
    place: Mutex<Option<Place>>,
    /// The first session that has not logged in has the connection's place.
    is_lent: AtomicBool,
    /// The session of the last caller; nearly always there is one only.
    desk: tokio::sync::Mutex<Option<(PublicKey, Arc<Desk>)>>,
    _seat: Seat,
}

impl Visitor {
    pub(super) fn new(
        address: SocketAddr,
        (key, shown): (Option<PublicKey>, Option<Hash>),
        seat: Seat,
        place: Place,
    ) -> Self {
        let place = Mutex::new(Some(place));
        let (is_lent, desk) = (AtomicBool::new(false), tokio::sync::Mutex::default());
        Self { address, key, shown, place, is_lent, desk, _seat: seat }
    }

    /// Where it comes from.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key that it has proven with a certificate.
    pub(crate) const fn key(&self) -> Option<PublicKey> {
        self.key
    }

    /// The certificate that it was shown; none without TLS.
    pub(crate) const fn shown(&self) -> Option<Hash> {
        self.shown
    }

    /// A place for one more session over this connection until it has logged in: one connection may
    /// carry many.
    ///
    /// # Errors
    /// Too many of its address have one.
    pub(crate) fn stranger(self: &Arc<Self>, crowd: &Crowd) -> Result<Ungreeted, Refusal> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_some() && !self.is_lent.swap(true, Ordering::Relaxed) {
            return Ok(Ungreeted { lent_by: Some(Arc::clone(self)), _own: None });
        }
        drop(place);
        let own = crowd.stranger(self.address.ip()).ok_or_else(|| {
            metrics::handshake_failed("too-many-from-address");
            let why = "wanted fewer sessions of one address before they log in, found no room";
            Refusal::new(RefusalCode::TooMany, "strangers", why)
        })?;
        Ok(Ungreeted { lent_by: None, _own: Some(own) })
    }

    /// It has said who it is: it does not count as a stranger any more.
    pub(crate) fn known(&self) {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(place);
    }

    /// Whose session it was used for last.
    pub(super) async fn caller(&self) -> Option<PublicKey> {
        self.desk.lock().await.as_ref().map(|(whose, _desk)| *whose)
    }

    /// The session of a proven key, which lasts as long as the connection.
    ///
    /// # Errors
    /// The key has no business here.
    pub(crate) async fn desk(&self, door: &Door, key: PublicKey) -> Result<Arc<Desk>, Refusal> {
        let mut desk = self.desk.lock().await;
        if let Some((whose, open)) = &*desk
            && *whose == key
            && !open.is_over()
        {
            return Ok(Arc::clone(open));
        }
        let stranger = Stranger::new(Arc::clone(&door.hub), key);
        let stranger = stranger.by(Came::by("http", self.address));
        let open = Desk::open(&door.hub, stranger, &door.tasks).await?;
        self.known();
        *desk = Some((key, Arc::clone(&open)));
        Ok(open)
    }
}

/// A session's place among the strangers; given up when dropped.
#[derive(Debug)]
pub(crate) struct Ungreeted {
    lent_by: Option<Arc<Visitor>>,
    _own: Option<Place>,
}

impl Drop for Ungreeted {
    fn drop(&mut self) {
        if let Some(visitor) = &self.lent_by {
            visitor.is_lent.store(false, Ordering::Relaxed);
        }
    }
}
