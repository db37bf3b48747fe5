//! A thousand MQTT clients that subscribe once and stay.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::mqtt::Connected;
use crate::{
    job::{Figures, Job, resident_kib},
    load::per_delivery_us,
};

const CLIENTS: usize = 1_000;
/// How long the system is given until memory has settled.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) async fn turn(job: &Job) -> Result<Figures> {
    sleep(SETTLE).await;
    let (before, used) = (resident_kib(job.server.pid)?, job.processor()?);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = Connected::open(job, number).await?;
        client.subscribe(&format!("{}/{number}", job.subject()), 0).await?;
        clients.push(client);
    }
    sleep(SETTLE).await;
    let more = resident_kib(job.server.pid)?.saturating_sub(before);
    let used = (job.processor()? - used).as_secs_f64();
    for client in clients {
        client.leave().await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let value = (more * 1_024) as f64 / CLIENTS as f64;
    let processor_us = per_delivery_us(used, CLIENTS as u64);
    Ok(Figures { value, processor_us, ..Figures::default() })
}
