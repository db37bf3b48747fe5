//! One publisher and one subscriber of every side, by the client library that its users would take.

mod idle;
mod mqtt;
mod nats;
mod quinn;
mod sekisho;
mod verify;
#[cfg(feature = "zenoh")]
mod zenoh;

use std::sync::Arc;

use anyhow::{Result, bail};

use crate::{
    job::{Figures, Job},
    tally::Ear,
    work::{Side, Work},
};

/// Whoever publishes.
pub(crate) enum Mouth {
    Sekisho(sekisho::Mouth),
    Nats(nats::Mouth),
    JetStream(nats::StreamMouth),
    #[cfg(feature = "zenoh")]
    Zenoh(zenoh::Mouth),
    Mqtt(mqtt::Mouth),
}

impl Mouth {
    /// Connects to publish.
    pub(crate) async fn open(job: &Job) -> Result<Self> {
        Ok(match job.side {
            Side::Sekisho => Self::Sekisho(sekisho::Mouth::open(job).await?),
            Side::Nats => Self::Nats(nats::Mouth::open(job).await?),
            Side::JetStream => Self::JetStream(nats::StreamMouth::open(job).await?),
            #[cfg(feature = "zenoh")]
            Side::Zenoh => Self::Zenoh(zenoh::Mouth::open(job).await?),
            #[cfg(not(feature = "zenoh"))]
            Side::Zenoh => bail!("built without {}", job.side),
            Side::SekishoMqtt | Side::Mosquitto | Side::Rumqttd => {
                Self::Mqtt(mqtt::Mouth::open(job).await?)
            }
            Side::Verify | Side::QuinnStream | Side::QuinnRelay => {
                bail!("{} has no messages", job.side)
            }
        })
    }

    /// Hands over a message; the library sends it when it sees fit.
    pub(crate) async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        match self {
            Self::Sekisho(mouth) => mouth.publish(payload).await,
            Self::Nats(mouth) => mouth.publish(payload).await,
            Self::JetStream(mouth) => mouth.publish(payload).await,
            #[cfg(feature = "zenoh")]
            Self::Zenoh(mouth) => mouth.publish(payload).await,
            Self::Mqtt(mouth) => mouth.publish(payload).await,
        }
    }

    /// Lets nothing wait that the load itself has gathered.
    pub(crate) async fn push(&mut self) -> Result<()> {
        match self {
            Self::Mqtt(mouth) => mouth.push().await,
            #[cfg(feature = "zenoh")]
            Self::Zenoh(_) => Ok(()),
            Self::Sekisho(_) | Self::Nats(_) | Self::JetStream(_) => Ok(()),
        }
    }

    /// Everything is stored, where the broker stores; goodbye.
    pub(crate) async fn leave(self) -> Result<()> {
        match self {
            Self::Sekisho(mouth) => mouth.leave().await,
            Self::Nats(mouth) => mouth.leave().await,
            Self::JetStream(mouth) => mouth.leave().await,
            #[cfg(feature = "zenoh")]
            Self::Zenoh(mouth) => mouth.leave().await,
            Self::Mqtt(mouth) => mouth.leave().await,
        }
    }
}

/// Listens until the turn is over; ends only where something is wrong.
pub(crate) async fn listen(job: Arc<Job>, ear: Ear, number: usize) -> Result<()> {
    match job.side {
        Side::Sekisho => sekisho::listen(&job, &ear, number).await,
        Side::Nats => nats::listen(&job, &ear).await,
        Side::JetStream => nats::listen_to_stream(&job, &ear).await,
        #[cfg(feature = "zenoh")]
        Side::Zenoh => zenoh::listen(&job, ear).await,
        #[cfg(not(feature = "zenoh"))]
        Side::Zenoh => bail!("built without {}", job.side),
        Side::SekishoMqtt | Side::Mosquitto | Side::Rumqttd => {
            mqtt::listen(&job, &ear, number).await
        }
        Side::Verify | Side::QuinnStream | Side::QuinnRelay => {
            bail!("{} has no messages", job.side)
        }
    }
}

/// What must be there before anybody listens.
pub(crate) async fn prepare(job: &Job) -> Result<()> {
    match job.side {
        Side::JetStream => nats::make_stream(job).await,
        Side::Sekisho
        | Side::SekishoMqtt
        | Side::Nats
        | Side::Zenoh
        | Side::Mosquitto
        | Side::Rumqttd
        | Side::Verify
        | Side::QuinnStream
        | Side::QuinnRelay => Ok(()),
    }
}

/// Gives back what [`prepare`] took.
pub(crate) async fn tidy(job: &Job) -> Result<()> {
    match job.side {
        Side::JetStream => nats::drop_stream(job).await,
        Side::Sekisho
        | Side::SekishoMqtt
        | Side::Nats
        | Side::Zenoh
        | Side::Mosquitto
        | Side::Rumqttd
        | Side::Verify
        | Side::QuinnStream
        | Side::QuinnRelay => Ok(()),
    }
}

/// A turn that has no messages, where it has none.
pub(crate) async fn without_messages(job: &Job) -> Result<Option<Figures>> {
    Ok(match (job.side, job.work) {
        (Side::Verify, _) => Some(verify::turn(job)),
        (Side::QuinnStream | Side::QuinnRelay, _) => Some(quinn::turn(job).await?),
        (_, Work::Idle) => Some(idle::turn(job).await?),
        _ => None,
    })
}
