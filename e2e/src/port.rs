//! Ports that no other test has. They lie below those that the system gives to whoever does not
//! care, so that a node that was killed finds its own port free again.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;

const FIRST: u16 = 20_000;
const LAST: u16 = 31_999;

/// A port for both UDP and TCP on loopback; nobody else's for as long as this lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _claim: File,
}

impl Port {
    /// One that nobody else has claimed and nothing listens on.
    #[must_use]
    pub fn claim() -> Self {
        let claims = folder();
        std::fs::create_dir_all(&claims).expect("a folder for claims");
        let spread = u16::try_from(std::process::id() % u32::from(LAST - FIRST)).unwrap_or(0);
        for number in (FIRST + spread..=LAST).chain(FIRST..FIRST + spread) {
            let claim = File::create(claims.join(number.to_string())).expect("a file for a claim");
            if claim.try_lock().is_ok() && is_free(number) {
                return Self { number, _claim: claim };
            }
        }
        panic!("wanted a free port from {FIRST} to {LAST}, found none");
    }

    /// The port on loopback.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join("sekisho-e2e-ports")
}

fn is_free(number: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, number);
    UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
}
