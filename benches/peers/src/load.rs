//! The load of one turn, in a process of its own: reads a job, makes it, and answers with figures.

use std::{
    io::{Read, Write},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::AsyncWriteExt as _,
    process::Command,
    runtime::Handle,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    clients::{self, Mouth},
    job::{Figures, Job},
    tally::{Tally, now, stamp},
    work::Work,
};

/// What does not count yet.
pub(crate) const WARM_UP: Duration = Duration::from_millis(700);
/// Between two messages that only ask who listens.
const PROBING: Duration = Duration::from_millis(25);
/// How long it may take until everybody listens.
const ARRIVAL_MAX: Duration = Duration::from_secs(30);
/// How long one turn may take.
const TURN_MAX: Duration = Duration::from_secs(60);
/// Between two messages where lateness is asked for: 5,000 in a second.
const INTERVAL: Duration = Duration::from_micros(200);

/// Has a turn made by a process of its own.
pub(crate) async fn turn(job: &Job) -> Result<Figures> {
    let program = std::env::current_exe().context("this program")?;
    let mut child = Command::new(program)
        .arg("load")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start the load")?;
    let mut input = child.stdin.take().context("the load's input")?;
    input.write_all(&serde_json::to_vec(job)?).await?;
    drop(input);
    let output =
        timeout(TURN_MAX, child.wait_with_output()).await.context("a turn that ends")??;
    ensure!(output.status.success(), "the load ended with {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Is that process.
pub(crate) async fn answer(mut input: impl Read, mut output: impl Write) -> Result<()> {
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    let figures = make(serde_json::from_str(&text)?).await?;
    Ok(writeln!(output, "{}", serde_json::to_string(&figures)?)?)
}

async fn make(job: Job) -> Result<Figures> {
    if let Some(figures) = clients::without_messages(&job).await? {
        return Ok(figures);
    }
    let job = Arc::new(job);
    let tally = Tally::new(job.work.subscribers(), job.work.payload_bytes())?;
    clients::prepare(&job).await?;
    let mut listening = JoinSet::new();
    for number in 0..job.work.subscribers() {
        listening.spawn(clients::listen(Arc::clone(&job), tally.ear(number), number));
    }
    let turn = async {
        let mouth = arrive(&job, &tally).await?;
        match job.work {
            Work::Latency | Work::MqttLatency { .. } => late(&job, &tally, mouth).await,
            Work::Flow { .. } | Work::Single | Work::Bytes | Work::Mqtt { .. } | Work::Idle => {
                flow(&job, &tally, mouth).await
            }
        }
    };
    let figures = tokio::select! {
        figures = turn => figures?,
        Some(ended) = listening.join_next() => {
            ended??;
            bail!("wanted subscribers to stay, found one gone");
        }
    };
    clients::tidy(&job).await?;
    Ok(figures)
}

/// Connects the publisher and waits until everybody hears it.
async fn arrive(job: &Job, tally: &Tally) -> Result<Mouth> {
    let mut mouth = Mouth::open(job).await?;
    let heard = async {
        while !tally.is_ready() {
            mouth.publish(&tally.probe()).await?;
            mouth.push().await?;
            sleep(PROBING).await;
        }
        anyhow::Ok(())
    };
    timeout(ARRIVAL_MAX, heard).await.context("wanted everybody to listen")??;
    Ok(mouth)
}

/// As much as goes through.
async fn flow(job: &Job, tally: &Arc<Tally>, mouth: Mouth) -> Result<Figures> {
    let stop = Arc::new(AtomicBool::new(false));
    let pouring =
        tokio::spawn(pour(mouth, Arc::clone(tally), job.work.window(), Arc::clone(&stop)));
    sleep(WARM_UP).await;
    let (before, used, begun) = (tally.received(), job.processor()?, now());
    sleep(job.work.lasts()).await;
    let (after, passed) = (tally.received(), begun.elapsed().as_secs_f64());
    let used = (job.processor()? - used).as_secs_f64();
    stop.store(true, Ordering::Release);
    let (mouth, sent) = pouring.await??;
    mouth.leave().await?;
    let figures = finish(job, tally, sent).await;
    let rate = float(after - before) / passed;
    let value = match job.work {
        Work::Bytes => rate * float(job.work.payload_bytes() as u64) / 1e6,
        Work::Flow { .. }
        | Work::Single
        | Work::Mqtt { .. }
        | Work::Latency
        | Work::MqttLatency { .. }
        | Work::Idle => rate,
    };
    let processor_us = per_delivery_us(used, after - before);
    Ok(Figures { value, processor_us, cores: used / passed, ..figures })
}

/// Publishes as fast as the slowest subscriber allows.
async fn pour(
    mut mouth: Mouth,
    tally: Arc<Tally>,
    window: u64,
    stop: Arc<AtomicBool>,
) -> Result<(Mouth, u64)> {
    let mut payload = tally.payload(0, Duration::ZERO);
    let (mut sent, mut allowed) = (0, window);
    while !stop.load(Ordering::Acquire) {
        if sent >= allowed {
            allowed = tally.slowest() + window;
        }
        if sent >= allowed {
            mouth.push().await?;
            // A quarter of the window at once, rather than waking up for each message.
            allowed = tally.reach(sent + window / 4 - window).await? + window;
        }
        stamp(&mut payload, sent, Duration::ZERO);
        mouth.publish(&payload).await?;
        sent += 1;
    }
    mouth.push().await?;
    Ok((mouth, sent))
}

/// How late messages are that are published on a schedule.
async fn late(job: &Job, tally: &Arc<Tally>, mouth: Mouth) -> Result<Figures> {
    let lasts = WARM_UP + job.work.lasts();
    let (runtime, pacing) = (Handle::current(), Arc::clone(tally));
    let first = tally.passed() + PROBING;
    tally.count_from(first + WARM_UP);
    let (used, begun) = (job.processor()?, now());
    // A thread of its own: the runtime's timer knows milliseconds only.
    let paced = thread::spawn(move || runtime.block_on(pace(mouth, pacing, first, lasts)));
    let (mouth, sent) = tokio::task::spawn_blocking(move || paced.join())
        .await?
        .map_err(|_panicked| anyhow::anyhow!("the publisher's thread ended early"))??;
    let (used, passed) = ((job.processor()? - used).as_secs_f64(), begun.elapsed().as_secs_f64());
    mouth.leave().await?;
    let figures = finish(job, tally, sent).await;
    let [_median, p99, _p999] = figures.late_us.context("wanted messages, found none")?;
    let processor_us = per_delivery_us(used, figures.delivered);
    Ok(Figures { value: float(p99), processor_us, cores: used / passed, ..figures })
}

/// Publishes each message when it is due, with the time at which it was: one that waits because
/// the broker or this program is slow counts as late.
#[expect(clippy::disallowed_methods, reason = "on a thread where nothing else runs")]
async fn pace(
    mut mouth: Mouth,
    tally: Arc<Tally>,
    first: Duration,
    lasts: Duration,
) -> Result<(Mouth, u64)> {
    let mut payload = tally.payload(0, Duration::ZERO);
    let (mut due, mut sent) = (first, 0);
    while due < first + lasts {
        thread::sleep(due.saturating_sub(tally.passed()));
        stamp(&mut payload, sent, due);
        mouth.publish(&payload).await?;
        mouth.push().await?;
        sent += 1;
        due += INTERVAL;
    }
    Ok((mouth, sent))
}

/// What came of everything that was sent.
async fn finish(job: &Job, tally: &Tally, sent: u64) -> Figures {
    tally.settle(sent).await;
    let delivered = tally.received();
    let lost = (sent * job.work.subscribers() as u64).saturating_sub(delivered);
    let (wrong, late_us) = (tally.wrong(), tally.late_us());
    Figures { delivered, lost, wrong, late_us, ..Figures::default() }
}

/// Processor time of each of so many.
pub(crate) fn per_delivery_us(used_s: f64, deliveries: u64) -> f64 {
    used_s * 1e6 / float(deliveries.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn float(count: u64) -> f64 {
    count as f64
}
