//! What a client wants to read: a subscription for each of its filters, which the node's gate feeds.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;

use sekisho_mqtt::Reason;
use sekisho_mqtt::mapping::is_system;
use sekisho_mqtt::overlap::Standing;
use sekisho_mqtt::packet::{Answer, Step, Subscribe, Unsubscribe, Version, Wish};
use sekisho_mqtt::session_state::{Form, Held, Owed, SPELT_BYTES_MAX, SUBSCRIPTIONS_MAX};
use sekisho_proto::frame::{self, Start};
use sekisho_proto::{Filter, Frame, Position, RefusalCode};
use sekisho_routing::SubscriptionId;
use sekisho_sensorthings::mqtt::Watch;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{debug, info};

use super::connection::{End, Live, Remembered};
use super::delivering::{CREDIT, Feed, Origin, RETAINED_WAITING_MAX};
use super::reasons;
use crate::clock;
use crate::hub::{Outgoing, Refusal, Telling, metrics};
use crate::session::unexpected;

/// The user property of SUBSCRIBE that says in which form records are wanted, and its one value.
const FORM: (&str, &str) = ("sekisho-form", "envelope");

/// What one filter of a SUBSCRIBE led to.
pub(super) enum Granted {
    /// A subscription, and whether it is a new one.
    Yes {
        number: u32,
        is_new: bool,
    },
    No(Reason, String),
}

fn not_taken_up(refusal: &Refusal) -> End {
    End::NotTakenUp(reasons::of_end(refusal.code), refusal.to_string())
}

impl<S> Live<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Opens what is remembered, and goes on with what was in flight.
    pub(super) async fn resume(&mut self) -> Result<(), End> {
        let released = self.state.outgoing.iter().filter(|(_id, flight)| flight.is_released);
        let released: Vec<u16> = released.map(|(id, _flight)| *id).collect();
        for id in released {
            let reason = Reason::SUCCESS;
            self.machine.answer(Answer { step: Step::Released, id, reason }, "");
        }
        self.strays = self.state.strays().collect();
        let held: Vec<_> = self.state.subscriptions.values().cloned().collect();
        let opened = held.iter().filter(|held| !is_system(&held.spelt)).count();
        let paid = self.prepaid.as_ref().map_or(0, |prepaid| prepaid.count());
        // Until it let go of the session an older connection may have subscribed to more.
        if let Err(refusal) = self.session.may_subscribe_again(opened.saturating_sub(paid)) {
            return Err(not_taken_up(&refusal));
        }
        if let Some(prepaid) = self.prepaid.take() {
            prepaid.spend(opened);
        }
        for held in held {
            if is_system(&held.spelt) {
                if !self.resume_system(held.standing.number) {
                    self.state.subscriptions.remove(&held.standing.number);
                    self.remembered = self.remembered.max(Remembered::Changed);
                }
                continue;
            }
            let own = self.door.hub.organisation();
            if let Some(Ok(watch)) = Watch::parse(&held.spelt, own) {
                self.watches.insert(held.standing.number, watch);
            }
            let Standing { number, filter, .. } = held.standing;
            let opened = self.open(number, filter, Start::Position(held.next)).await;
            match opened {
                Ok((mut feed, _position)) => {
                    feed.resume(held.next, &self.state);
                    self.join(&mut feed).await;
                    self.add_feed(feed);
                }
                // It is remembered still: the client is to come again for it.
                Err(refusal) if reasons::passes(refusal.code) => {
                    return Err(not_taken_up(&refusal));
                }
                Err(refusal) => {
                    info!(%refusal, filter = held.spelt, "a remembered subscription is over");
                    self.door.hub.mqtt().unshare(&self.state, number);
                    self.state.subscriptions.remove(&number);
                    self.watches.remove(&number);
                }
            }
        }
        // What cannot be sent again is settled with its subscription.
        self.send_strays().await?;
        self.bring_owed().await;
        Ok(())
    }

    /// SUBSCRIBE: what is wanted, with an answer for each filter.
    pub(super) async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        let Subscribe { id, wishes, identifier, user_properties } = subscribe;
        let sealed = user_properties.iter().any(|said| (&*said.name, &*said.value) == FORM);
        let form = if sealed { Form::Envelope } else { Form::Message };
        let (mut codes, mut whys) = (Vec::new(), Vec::new());
        for wish in wishes {
            match self.grant(&wish, identifier, form).await {
                Granted::Yes { number, .. } if !self.gets_messages(number) => {
                    codes.push(Reason::of(0));
                }
                Granted::Yes { number, is_new } => {
                    codes.push(Reason::of(wish.options.quality()));
                    let handling = wish.options.retain_handling();
                    if wish.parts().0.is_none() && (handling == 0 || handling == 1 && is_new) {
                        self.owe_retained(number, is_new);
                    }
                }
                Granted::No(reason, why) => {
                    codes.push(reason);
                    whys.push(why);
                }
            }
        }
        self.keep().await?;
        self.machine.subscribed(id, &codes, &whys.join("; "))?;
        self.bring_owed().await;
        Ok(())
    }

    async fn grant(&mut self, wish: &Wish, identifier: Option<u32>, form: Form) -> Granted {
        let (share, spelt) = wish.parts();
        if wish.spelt.len() > SPELT_BYTES_MAX {
            let why = format!("wanted filters of at most {SPELT_BYTES_MAX} bytes");
            return Granted::No(self.unusable(), why);
        }
        if self.is_of_system(spelt) {
            return self.grant_system(wish, identifier);
        }
        let watch = match self.watched(wish) {
            Ok(watch) => watch,
            Err((reason, why)) => return Granted::No(reason, why),
        };
        let filter = match (&watch, self.door.prefix.filter(spelt)) {
            (Some(watch), _) => watch.filter().clone(),
            (None, Ok(filter)) => filter,
            (None, Err(error)) => return Granted::No(self.unusable(), error.to_string()),
        };
        let same = self.state.subscriptions.values_mut().find(|held| held.spelt == wish.spelt);
        if let Some(held) = same {
            // It is not asked of the shard, and may bring all that is retained once more.
            if let Err(refusal) = self.session.hub().arrive(&self.session.who().id, clock::now()) {
                return Granted::No(reasons::of_filter(refusal.code), refusal.why);
            }
            let number = held.standing.number;
            let wants_own_now = held.standing.options.no_local() && !wish.options.no_local();
            held.standing.options = wish.options;
            held.standing.identifier = identifier;
            held.form = form;
            let feed = self.feeds.iter_mut().find(|feed| feed.number == number);
            if let Some(feed) = feed.filter(|_feed| wants_own_now) {
                feed.own_from = self.session.hub().head();
            }
            return Granted::Yes { number, is_new: false };
        }
        if self.state.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            let why = format!("wanted at most {SUBSCRIPTIONS_MAX} subscriptions");
            return Granted::No(Reason::QUOTA, why);
        }
        let number = self.free_number();
        let (mut feed, since) = match self.open(number, filter.clone(), Start::Latest).await {
            Ok(opened) => opened,
            Err(refusal) => {
                let why = format!("{}: {}", wish.spelt, refusal.why);
                return Granted::No(reasons::of_filter(refusal.code), why);
            }
        };
        feed.begin(since);
        let share = share.map(str::to_owned);
        let options = wish.options;
        let standing = Standing { number, filter, options, identifier, share, since };
        let spelt = wish.spelt.clone();
        let held = Held { standing, spelt, form, next: since, done: BTreeSet::new(), owed: None };
        self.state.subscriptions.insert(number, Box::new(held));
        self.join(&mut feed).await;
        self.add_feed(feed);
        self.watches.extend(watch.map(|watch| (number, watch)));
        Granted::Yes { number, is_new: true }
    }

    /// Has a feed take its place in its share, where it has one.
    async fn join(&mut self, feed: &mut Feed) {
        let share = self.door.hub.mqtt().share(&self.session, &self.state, feed.number);
        if share.is_some() {
            let subscription = SubscriptionId::new(feed.number);
            self.session.tell_place(subscription, Telling::WithRights).await;
        }
        feed.join(share);
    }

    /// Whether a subscription is sent records as they are: of others something else is made, or they
    /// are not of the log at all.
    pub(super) fn gets_messages(&self, number: u32) -> bool {
        !self.watches.contains_key(&number) && !self.system.has(number)
    }

    /// A filter that has no counterpart here: 3.1.1 has one code for every failure.
    pub(super) fn unusable(&self) -> Reason {
        match self.machine.version() {
            Version::V311 => Reason::UNSPECIFIED,
            Version::V5 => Reason::FILTER_INVALID,
        }
    }

    /// Most clients have one, and there are very many clients.
    fn add_feed(&mut self, feed: Feed) {
        if self.feeds.is_empty() {
            self.feeds.reserve_exact(1);
        }
        self.feeds.push(feed);
    }

    /// One that neither a subscription has nor a message that is in flight.
    pub(super) fn free_number(&self) -> u32 {
        let held = self.state.subscriptions.keys().max().copied().unwrap_or(0);
        let flown = self.state.outgoing.values().map(|flight| flight.subscription).max();
        held.max(flown.unwrap_or(0)).saturating_add(1)
    }

    /// Opens a subscription of the session and waits for the shard's yes.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a subscription begins with one frame, and what is taken up at a position"
    )]
    async fn open(
        &mut self,
        number: u32,
        filter: Filter,
        start: Start,
    ) -> Result<(Feed, Position), Refusal> {
        let subscribe =
            frame::Subscribe { subscription: number, filter, start, cursor: None, credit: CREDIT };
        let mut queue = match start {
            Start::Position(_) => self.session.subscribe_again(subscribe).await?,
            _ => self.session.subscribe(subscribe).await?,
        };
        let mut waiting = std::collections::VecDeque::new();
        loop {
            let taken = poll_fn(|context| queue.poll_take(context)).await;
            let Some(taken) = taken else { return Err(Refusal::stopping()) };
            waiting.extend(taken);
            let said = waiting.iter().position(|item| !matches!(item, Outgoing::Record(_)));
            let Some(first) = said.and_then(|index| waiting.remove(index)) else { continue };
            return match first {
                Outgoing::Frame(frame) => match &*frame {
                    Frame::Subscribed(subscribed) => {
                        Ok((Feed::new(number, queue, waiting), subscribed.position))
                    }
                    other => Err(unexpected("subscription", other)),
                },
                Outgoing::End { code, why } => Err(Refusal::new(code, "subscription", why)),
                Outgoing::Record(_) => {
                    let why = "wanted word of the subscription first, found a record";
                    Err(Refusal::new(RefusalCode::Internal, "subscription", why))
                }
            };
        }
    }

    /// The retained messages of a subscription are to be sent: of a new one, those that are older; of
    /// one that is asked for again, all (3.8.4), each after it came by the subscription itself.
    fn owe_retained(&mut self, number: u32, is_new: bool) {
        let head = self.session.hub().head();
        let Some(held) = self.state.subscriptions.get_mut(&number) else { return };
        let to = if is_new { held.standing.since } else { head };
        held.owed = Some(Owed { from: Position::ZERO, to }).filter(|owed| owed.from < owed.to);
        if let Some(feed) = self.feeds.iter_mut().find(|feed| feed.number == number) {
            // Those of an earlier SUBSCRIBE that still wait are the same.
            feed.besides.retain(|(_record, origin)| *origin != Origin::Retained);
        }
    }

    /// Has what is owed of what is retained sent, unless it waits already.
    async fn bring_owed(&mut self) {
        let owing = self.state.subscriptions.values();
        let owing = owing.filter_map(|held| Some((held.standing.number, held.owed?)));
        for (number, owed) in owing.collect::<Vec<_>>() {
            let feed = self.feeds.iter().find(|feed| feed.number == number);
            if feed.is_some_and(|feed| !feed.has_retained()) {
                self.want_retained(number, owed).await;
            }
        }
    }

    async fn want_retained(&mut self, number: u32, owed: Owed) {
        let Some(held) = self.state.subscriptions.get(&number) else { return };
        let filter = held.standing.filter.clone();
        let hub = Arc::clone(&self.door.hub);
        let levels = self.door.prefix.as_str().split('/').count();
        let wanted = (owed.from..owed.to, levels);
        let mut before = match hub.mqtt().retained(&self.session, &filter, wanted).await {
            Ok(records) => records,
            Err(refusal) => return debug!(%refusal, "no retained messages"),
        };
        if before.is_empty() {
            return self.state.brought(number, None);
        }
        let waiting: usize = self.feeds.iter().map(|feed| feed.besides.len()).sum();
        let room = RETAINED_WAITING_MAX.saturating_sub(waiting);
        for _lost in before.iter().skip(room) {
            metrics::count(metrics::MQTT_RETAINED_DROPPED);
        }
        let feed = self.feeds.iter_mut().find(|feed| feed.number == number);
        if let Some(feed) = feed {
            before.truncate(room);
            feed.add_retained(before);
            if feed.waits_behind() {
                // The gate may have passed by some of them: then nothing brings them as new.
                let subscription = SubscriptionId::new(number);
                self.session.tell_place(subscription, Telling::Once).await;
            }
        }
    }

    /// UNSUBSCRIBE.
    pub(super) async fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> Result<(), End> {
        let mut codes = Vec::with_capacity(unsubscribe.filters.len());
        for spelt in &unsubscribe.filters {
            let mut all = self.state.subscriptions.values();
            let number = all.find(|held| held.spelt == *spelt).map(|held| held.standing.number);
            codes.push(match number {
                Some(number) => {
                    self.door.hub.mqtt().unshare(&self.state, number);
                    self.leave_in_flight(number);
                    self.state.subscriptions.remove(&number);
                    self.watches.remove(&number);
                    self.system.remove(number);
                    self.feeds.retain(|feed| feed.number != number);
                    self.session.unsubscribe(SubscriptionId::new(number)).await;
                    Reason::SUCCESS
                }
                None => Reason::NO_SUBSCRIPTION,
            });
        }
        self.keep().await?;
        self.machine.unsubscribed(unsubscribe.id, &codes)?;
        Ok(())
    }
}
