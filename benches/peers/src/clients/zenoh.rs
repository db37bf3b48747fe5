//! Zenoh: a client session to the router, which gathers messages while the socket is busy.

use anyhow::{Result, anyhow};
use zenoh::{Config, Session, pubsub::Publisher, qos::CongestionControl};

use crate::{job::Job, tally::Ear};

async fn connect(job: &Job) -> Result<Session> {
    let mut config = Config::default();
    let endpoint = format!("[\"tls/localhost:{}\"]", job.server.socket.port());
    let certificate = format!("{:?}", job.server.certificate.display().to_string());
    for (key, value) in [
        ("mode", "\"client\""),
        ("connect/endpoints", &endpoint),
        ("scouting/multicast/enabled", "false"),
        ("transport/link/tls/root_ca_certificate", &certificate),
    ] {
        config.insert_json5(key, value).map_err(|cause| anyhow!("Zenoh: {key}: {cause}"))?;
    }
    zenoh::open(config).await.map_err(|cause| anyhow!("Zenoh: connect: {cause}"))
}

/// A publisher that waits where the router does not keep up, rather than dropping messages.
pub(crate) struct Mouth {
    session: Session,
    publisher: Publisher<'static>,
}

impl Mouth {
    pub(super) async fn open(job: &Job) -> Result<Self> {
        let session = connect(job).await?;
        let declared = session.declare_publisher(job.subject());
        let publisher = declared.congestion_control(CongestionControl::Block).await;
        let publisher = publisher.map_err(|cause| anyhow!("Zenoh: publisher: {cause}"))?;
        Ok(Self { session, publisher })
    }

    pub(super) async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        self.publisher.put(payload).await.map_err(|cause| anyhow!("Zenoh: put: {cause}"))
    }

    pub(super) async fn leave(self) -> Result<()> {
        self.session.close().await.map_err(|cause| anyhow!("Zenoh: close: {cause}"))
    }
}

pub(super) async fn listen(job: &Job, ear: Ear) -> Result<()> {
    let session = connect(job).await?;
    let declared = session.declare_subscriber(job.subject());
    let subscriber = declared.callback(move |sample| ear.hear(&sample.payload().to_bytes()));
    let _subscriber = subscriber.await.map_err(|cause| anyhow!("Zenoh: subscriber: {cause}"))?;
    std::future::pending().await
}
