//! The two tasks of a channel.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use sekisho_proto::{Frame, frame::Unsubscribe};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Shared,
    carrier::{Receiver, Sender},
};
use crate::{
    connection::ChannelError,
    framing::StreamError,
    tls::{IDLE_TIMEOUT, KEEP_ALIVE},
};

/// How long the last words may take to leave.
const FAREWELL_MAX: Duration = Duration::from_millis(200);

/// Reads until the end, and hands on what comes.
pub(super) async fn read(shared: Arc<Shared>, mut receiver: impl Receiver) {
    let reading = async {
        loop {
            let message = match receiver.next().await {
                Ok(Some(message)) => message,
                Ok(None) => return StreamError::Ended { wanted: "frames" },
                Err(cause) => return StreamError::Channel(cause),
            };
            let bytes = message.len();
            let handed = match Frame::decode(message) {
                Ok(frame) => shared.hand(frame, bytes),
                Err(cause) => Err(StreamError::Frame(cause)),
            };
            if let Err(cause) = handed {
                return cause;
            }
        }
    };
    if let Some(why) = shared.ended.run_until_cancelled(reading).await {
        shared.end(why);
    }
}

/// Writes until the end, then says goodbye in the way of what carries the frames.
pub(super) async fn write(
    shared: Arc<Shared>,
    mut sender: impl Sender,
    mut batches: mpsc::Receiver<Vec<Bytes>>,
) {
    let writing = async {
        if let Err(cause) = write_all(&shared, &mut sender, &mut batches).await {
            return Some(cause);
        }
        // Nothing more is said; what still comes is read.
        sender.finish().await.err()
    };
    match shared.ended.run_until_cancelled(writing).await {
        Some(Some(cause)) => shared.end(StreamError::Channel(cause)),
        Some(None) => {
            if timeout(IDLE_TIMEOUT, shared.ended.cancelled()).await.is_err() {
                shared.end(StreamError::Channel(ChannelError::Silent { waited: IDLE_TIMEOUT }));
            }
        }
        None => {
            if timeout(FAREWELL_MAX, sender.finish()).await.is_err() {
                tracing::trace!("node did not take the channel's end in time");
            }
        }
    }
}

async fn write_all(
    shared: &Shared,
    sender: &mut impl Sender,
    batches: &mut mpsc::Receiver<Vec<Bytes>>,
) -> Result<(), ChannelError> {
    let mut keep_alive = interval(KEEP_ALIVE);
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            Some(batch) = batches.recv() => {
                feed(sender, batch).await?;
                while let Ok(batch) = batches.try_recv() {
                    feed(sender, batch).await?;
                }
                sender.flush().await?;
            }
            () = shared.leaving.notified() => {
                let left = std::mem::take(&mut shared.lock().left);
                for subscription in left {
                    let frame = Frame::Unsubscribe(Unsubscribe { subscription });
                    sender.feed(Bytes::from(frame.encode())).await?;
                }
                sender.flush().await?;
            }
            () = shared.finishing.cancelled() => return Ok(()),
            _tick = keep_alive.tick() => sender.keep_alive().await?,
        }
    }
}

async fn feed(sender: &mut impl Sender, batch: Vec<Bytes>) -> Result<(), ChannelError> {
    for message in batch {
        sender.feed(message).await?;
    }
    Ok(())
}
