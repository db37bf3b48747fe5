//! A TCP socket that listens, and the TLS that its clients are to speak: what the web and the MQTT
//! listener stand on. Without TLS it is open on this machine only.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use sekisho_proto::Hash;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error};

use super::certificate::renewing::Renewed;
use super::certificate::{Certificate, TlsFileError};
use super::crowd::{Crowd, Place, Seat};
use super::quic::ListenError;
use crate::hub::metrics;

/// From the first byte to the end of the TLS handshake.
pub(super) const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Between two attempts to accept, where the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is between a client and its listener.
#[derive(Clone)]
pub(super) enum Security {
    /// TLS, and the certificate that the client is shown.
    Tls(TlsAcceptor, Hash),
    /// Nothing: it is on this machine.
    Loopback,
}

impl Security {
    fn tls(certificate: &Certificate, protocols: &[&[u8]]) -> Result<Self, TlsFileError> {
        let config = certificate.server_config(protocols)?;
        Ok(Self::Tls(TlsAcceptor::from(config), certificate.hash()))
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls(..) => "Tls",
            Self::Loopback => "Loopback",
        })
    }
}

/// Somebody for whom there is room.
pub(super) struct Newcomer {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) security: Security,
    pub(super) seat: Seat,
    /// Held until it is known who it is.
    pub(super) stranger: Place,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Socket {
    listener: TcpListener,
    security: Security,
    renewed: Renewed,
    protocols: &'static [&'static [u8]],
}

impl Socket {
    /// Binds `address` for clients that speak TLS and one of these application protocols.
    ///
    /// # Errors
    /// The certificate cannot be used, or the address not be bound.
    pub(super) async fn bind(
        address: SocketAddr,
        certificate: &watch::Sender<Certificate>,
        protocols: &'static [&'static [u8]],
    ) -> Result<Self, ListenError> {
        let renewed = Renewed::by(certificate.subscribe());
        let security = Security::tls(&certificate.borrow(), protocols);
        let security = security.map_err(|source| ListenError::Certificate { address, source })?;
        let listener = listen(address).await?;
        Ok(Self { listener, security, renewed, protocols })
    }

    /// Binds `address`, which is of this machine only, for clients that speak no TLS.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(super) async fn bind_loopback(address: SocketAddr) -> Result<Self, ListenError> {
        let (security, renewed) = (Security::Loopback, Renewed::never());
        let listener = listen(address).await?;
        Ok(Self { listener, security, renewed, protocols: &[] })
    }

    /// Where it listens; the port is the system's choice where 0 was asked for.
    ///
    /// # Errors
    /// The socket is gone.
    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts until there is somebody for whom there is room; whoever comes after a certificate was
    /// replaced is shown the new one.
    pub(super) async fn next(&mut self, crowd: &Crowd) -> Newcomer {
        loop {
            let accepted = tokio::select! {
                certificate = self.renewed.next() => {
                    match Security::tls(&certificate, self.protocols) {
                        Ok(security) => self.security = security,
                        Err(fault) => error!(%fault, "the certificate before goes on"),
                    }
                    continue;
                }
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    if let Some(newcomer) = self.welcome(stream, address, crowd) {
                        return newcomer;
                    }
                }
                Err(fault) => {
                    // Another connection may end and make room; this loop never does.
                    debug!(%fault, "accept");
                    metrics::handshake_failed("accept");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, address: SocketAddr, crowd: &Crowd) -> Option<Newcomer> {
        let Some(seat) = crowd.seat() else {
            metrics::handshake_failed("too-many-connections");
            return None;
        };
        let Some(stranger) = crowd.stranger(address.ip()) else {
            metrics::handshake_failed("too-many-from-address");
            return None;
        };
        if let Err(fault) = stream.set_nodelay(true) {
            debug!(%fault, "nodelay");
        }
        Some(Newcomer { stream, address, security: self.security.clone(), seat, stranger })
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError::Bind { address, source })
}
