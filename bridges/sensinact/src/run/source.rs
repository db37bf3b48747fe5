//! What the bridge reads: a subscription for each filter, with a cursor of its own at the node.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_core::Stream as _;
use sekisho::{Client, CursorName, Delivery, Filter, Hash, SubscribeError, Subscription};

use super::BridgeError;
use crate::config::NodeConfig;
use crate::progress::Progress;

/// One subscription.
pub(super) struct Source {
    pub(super) filter: Filter,
    pub(super) subscription: Subscription,
    pub(super) progress: Progress,
}

impl Source {
    pub(super) async fn open(
        client: &Client,
        config: &NodeConfig,
        filter: &Filter,
    ) -> Result<Self, BridgeError> {
        let failed =
            |source| BridgeError::Subscribe { filter: filter.clone(), source: Box::new(source) };
        let subscribe = client.subscribe(filter.clone()).from(config.start);
        let subscribe = match cursor(&config.cursor, filter) {
            Some(cursor) => subscribe.cursor(cursor),
            None => subscribe,
        };
        let subscription = subscribe.start().await.map_err(failed)?;
        Ok(Self { filter: filter.clone(), subscription, progress: Progress::default() })
    }
}

/// The name of a filter's own cursor, whatever place it has in the list.
fn cursor(name: &CursorName, filter: &Filter) -> Option<CursorName> {
    let hash = Hash::of(filter.to_string().as_bytes()).to_string();
    format!("{name}-{}", hash.get(..16)?).parse().ok()
}

/// The next delivery of any source, each in its turn.
pub(super) async fn next(
    sources: &mut [Source],
    from: usize,
) -> (usize, Option<Result<Delivery, SubscribeError>>) {
    let count = sources.len().max(1);
    poll_fn(|context| {
        for step in 0..sources.len() {
            let index = from.wrapping_add(step) % count;
            let Some(source) = sources.get_mut(index) else { continue };
            if let Poll::Ready(found) = Pin::new(&mut source.subscription).poll_next(context) {
                return Poll::Ready((index, found));
            }
        }
        Poll::Pending
    })
    .await
}
