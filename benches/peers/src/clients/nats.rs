//! NATS: core, and JetStream with a stream in files.

use anyhow::{Context as _, Result};
use async_nats::{
    Client, ConnectOptions,
    jetstream::{
        self,
        consumer::{DeliverPolicy, pull},
        context::PublishAckFuture,
        stream::{Config, StorageType},
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{job::Job, tally::Ear};

/// Acknowledgements that may be waited for: more than the library lets be outstanding.
const PROMISES: usize = 16_384;

async fn connect(job: &Job) -> Result<Client> {
    let options = ConnectOptions::new()
        .require_tls(true)
        .add_root_certificates(job.server.certificate.clone());
    let address = format!("tls://localhost:{}", job.server.socket.port());
    options.connect(address).await.context("NATS: connect")
}

/// Core.
pub(crate) struct Mouth {
    client: Client,
    subject: String,
}

impl Mouth {
    pub(super) async fn open(job: &Job) -> Result<Self> {
        Ok(Self { client: connect(job).await?, subject: job.subject() })
    }

    pub(super) async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        let payload = Bytes::copy_from_slice(payload);
        Ok(self.client.publish(self.subject.clone(), payload).await?)
    }

    pub(super) async fn leave(self) -> Result<()> {
        Ok(self.client.flush().await?)
    }
}

pub(super) async fn listen(job: &Job, ear: &Ear) -> Result<()> {
    let client = connect(job).await?;
    let mut messages = client.subscribe(job.subject()).await?;
    while let Some(message) = messages.next().await {
        ear.hear(&message.payload);
    }
    anyhow::bail!("NATS: wanted messages, found the end of the subscription")
}

/// JetStream: every message wants its acknowledgement, and a task of its own waits for them.
pub(crate) struct StreamMouth {
    context: jetstream::Context,
    subject: String,
    promised: mpsc::Sender<PublishAckFuture>,
    kept: JoinHandle<Result<()>>,
}

impl StreamMouth {
    pub(super) async fn open(job: &Job) -> Result<Self> {
        let context = jetstream::new(connect(job).await?);
        let (promised, mut promises) = mpsc::channel::<PublishAckFuture>(PROMISES);
        let kept = tokio::spawn(async move {
            while let Some(promise) = promises.recv().await {
                promise.await.context("JetStream: an acknowledgement")?;
            }
            Ok(())
        });
        Ok(Self { context, subject: job.subject(), promised, kept })
    }

    pub(super) async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        let payload = Bytes::copy_from_slice(payload);
        let promise = self.context.publish(self.subject.clone(), payload).await?;
        // Where nobody takes it any more, `leave` tells why.
        drop(self.promised.send(promise).await);
        Ok(())
    }

    pub(super) async fn leave(self) -> Result<()> {
        drop(self.promised);
        self.kept.await?
    }
}

pub(super) async fn make_stream(job: &Job) -> Result<()> {
    let config = Config {
        name: job.subject(),
        subjects: vec![job.subject()],
        storage: StorageType::File,
        num_replicas: 1,
        ..Config::default()
    };
    jetstream::new(connect(job).await?).create_stream(config).await?;
    Ok(())
}

pub(super) async fn drop_stream(job: &Job) -> Result<()> {
    jetstream::new(connect(job).await?).delete_stream(job.subject()).await?;
    Ok(())
}

pub(super) async fn listen_to_stream(job: &Job, ear: &Ear) -> Result<()> {
    let context = jetstream::new(connect(job).await?);
    let stream = context.get_stream(job.subject()).await?;
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..pull::OrderedConfig::default()
    };
    let mut messages = stream.create_consumer(config).await?.messages().await?;
    while let Some(message) = messages.next().await {
        ear.hear(&message?.payload);
    }
    anyhow::bail!("JetStream: wanted messages, found the end of the consumer")
}
