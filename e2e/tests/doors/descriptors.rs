//! N-11: a node that can open nothing more goes on, and takes whoever waited as soon as it can.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use sekisho_e2e::{City, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::logins::{DOORS, with_doors};
use crate::tls::{Shown, dial};

const REFUSED: &str = "sekisho_handshake_failures_total{reason=\"accept\"} ";

/// Somebody who asked for metrics before and goes on asking: it takes no descriptor to answer.
struct Scraper(TcpStream);

impl Scraper {
    async fn of(city: &City) -> Self {
        let mut scraper = Self(TcpStream::connect(city.http()).await.unwrap());
        scraper.refused().await;
        scraper
    }

    /// How many connections could not be accepted.
    async fn refused(&mut self) -> f64 {
        let ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        self.0.write_all(ask).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within("a page", self.0.read_u8()).await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().unwrap()];
        within("a page", self.0.read_exact(&mut body)).await.unwrap();
        let text = String::from_utf8(body).unwrap();
        let count = text.lines().find_map(|line| line.strip_prefix(REFUSED));
        count.map_or(0.0, |count| count.parse().unwrap())
    }
}

/// How many files and sockets the node may have open.
fn limit(city: &City, count: Option<u64>) {
    let node = Pid::from_raw(i32::try_from(city.node().id()).unwrap()).unwrap();
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: count.or(before.current), maximum: before.maximum };
    prlimit(Some(node), Resource::Nofile, wanted).unwrap();
}

#[tokio::test]
async fn listeners_outlive_a_time_without_descriptors() {
    let city = with_doors("").await;
    let node = city.node().id();
    let mut scraper = Scraper::of(&city).await;
    for (door, alpn) in DOORS {
        let address = city.door(door);
        let before = scraper.refused().await;
        limit(&city, Some(3));
        let waiting = tokio::spawn(dial(address, alpn, Shown::Nothing));
        let failing = async { while scraper.refused().await < before + 2.0 {} };
        within("two attempts to accept that fail", failing).await;
        assert!(!waiting.is_finished(), "{door}: wanted it to wait");
        limit(&city, None);
        let waited = waiting.await.unwrap();
        waited
            .unwrap_or_else(|fault| panic!("{door}: wanted whoever waited let in, found {fault}"));
        dial(address, alpn, Shown::Nothing).await.expect("whoever comes next");
    }
    assert_eq!(city.node().id(), node, "wanted the same process");
    assert_eq!(city.page("/readyz").await.status, 200);
}
