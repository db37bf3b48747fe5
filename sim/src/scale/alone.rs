//! One node by itself, part by part: what each topic, subscription and statement costs in memory,
//! and what it costs to find and to decide as there are more of them.

use std::{hint::black_box, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use sekisho_federation::{Link, LinkLimits, Resume, Since, Wanted};
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{
    BootId, ContentType, Envelope, Filter, Grantee, Hash, Offset, Position, PrincipalId, Scope,
    Sequence, Statement, Timestamp, Topic, frame::Start,
};
use sekisho_routing::{
    Admitted, Appended, Carriage, Command, Limits, RestoredStream, Router, SessionId, Subscribe,
    SubscriptionId, SubscriptionTree,
};
use sekisho_seal::{HeaderDraft, StrictVerifier, sign_open, verify};
use sekisho_store::{NewRecord, Options, RecordLog, StdDisk, StreamKey};

use super::{
    Gauges, Most,
    federation::draw_zipf,
    organisation::{Organisation, TREES, parse, peering},
    report::{Alone, OfInterests, OfPeers, OfSubscriptions, OfTopics},
};
use crate::{
    failure::{Broken, broken},
    random::Random,
};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const TOPICS_LEAST: usize = 1_000;
const PEERS_LEAST: usize = 10;
/// A node tells no more filters of one organisation apart.
const WANTED_LEAST: usize = 10;
const WANTED_MOST: usize = 1_000;
const PER_SESSION: usize = 50;
/// Questions whose time is taken, at most.
const QUESTIONS: usize = 100_000;
/// Topics whose records flow while subscriptions change, and how often that is measured.
const TOPICS_FLOWING: usize = 10_000;
const ROUNDS: usize = 5;
/// Records that are made durable together.
const BATCH: usize = 10_000;

pub(super) fn measure(
    most: &Most,
    scratch: &Path,
    gauges: &Gauges,
    tell: &mut dyn FnMut(&str),
) -> Result<Alone, Broken> {
    let mut alone = Alone::default();
    for topics in tens(TOPICS_LEAST, most.topics) {
        alone.topics.push(of_topics(topics, most.subscriptions, scratch, gauges)?);
        tell(&format!("one node with {topics} topics"));
    }
    for subscriptions in tens(TOPICS_LEAST, most.subscriptions) {
        alone.subscriptions.push(of_subscriptions(subscriptions, gauges)?);
        tell(&format!("one node with {subscriptions} subscriptions"));
    }
    for peers in tens(PEERS_LEAST, most.peers) {
        alone.peers.push(of_peers(peers, gauges)?);
        tell(&format!("one node with {peers} peers"));
    }
    for wanted in tens(WANTED_LEAST, WANTED_MOST) {
        alone.interests.push(of_interests(wanted, gauges)?);
    }
    Ok(alone)
}

fn tens(least: usize, most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(least), |number| number.checked_mul(10))
        .take_while(move |number| *number <= most)
}

/// What the heap grows by.
fn weigh<T>(gauges: &Gauges, make: impl FnOnce() -> Result<T, Broken>) -> Result<(T, u64), Broken> {
    let before = (gauges.allocated)();
    let made = make()?;
    Ok((made, (gauges.allocated)().saturating_sub(before)))
}

/// Nanoseconds for each of so many.
fn time<T>(gauges: &Gauges, times: usize, run: impl FnOnce() -> T) -> (T, f64) {
    let before = (gauges.elapsed)();
    let outcome = run();
    let took: Duration = (gauges.elapsed)().saturating_sub(before);
    (outcome, took.as_secs_f64() * 1e9 / times.max(1) as f64)
}

fn share(bytes: u64, among: usize) -> f64 {
    bytes as f64 / among.max(1) as f64
}

/// The policy of an organisation with its people and nobody else.
fn policy_of(own: &Organisation) -> Result<Policy, Broken> {
    let mut policy = Policy::new(own.name.clone(), own.root_hash());
    let founding = [own.root(), own.issuer()?];
    for statement in founding.into_iter().chain(own.people(NOW)?) {
        apply(&mut policy, &statement)?;
    }
    Ok(policy)
}

fn apply(policy: &mut Policy, statement: &Statement) -> Result<(), Broken> {
    policy
        .apply(statement, NOW, &StrictVerifier)
        .map(|_applied| ())
        .map_err(|error| broken("a statement")(&error))
}

fn of_topics(
    topics: usize,
    subscriptions: usize,
    scratch: &Path,
    gauges: &Gauges,
) -> Result<OfTopics, Broken> {
    let own = Organisation::new(0)?;
    let policy = Arc::new(policy_of(&own)?);
    let publisher = own.publishers.first().map(|gateway| gateway.key.id());
    let publisher = publisher.ok_or_else(|| Broken("nobody publishes".to_owned()))?;
    let (router, router_bytes) =
        weigh(gauges, || router_of(&own, &policy, topics, publisher, false))?;
    drop(router);
    let (router, follower_bytes) =
        weigh(gauges, || router_of(&own, &policy, topics, publisher, true))?;
    drop(router);
    let store_bytes = store_of(&own, topics, scratch, gauges)?;
    let names = (0..topics.min(QUESTIONS))
        .map(|number| own.topic(spread(number, topics)))
        .collect::<Result<Vec<_>, _>>()?;
    let tree = tree_of(&own, topics, subscriptions)?;
    let asked = names.len();
    let find = || names.iter().map(|topic| black_box(tree.matches(topic)).len()).sum::<usize>();
    let (_found, match_ns) = time(gauges, asked, find);
    let reader = own.readers.first().map(|reader| Recipient::Principal(reader.key.id()));
    let reader = reader.ok_or_else(|| Broken("nobody reads".to_owned()))?;
    let ask = || {
        let permit = |topic| policy.permit_delivery(&reader, topic, Scope::Federation, NOW, NOW);
        names.iter().filter(|topic| permit(topic).is_ok()).count()
    };
    let (permitted, decide_ns) = time(gauges, asked, ask);
    let (again, decide_again_ns) = time(gauges, asked, ask);
    if permitted != asked || again != asked {
        return Err(Broken(format!("wanted {asked} permits, found {permitted} and {again}")));
    }
    let (router_bytes, follower_bytes) =
        (share(router_bytes, topics), share(follower_bytes, topics));
    Ok(OfTopics {
        topics,
        router_bytes,
        follower_bytes,
        store_bytes,
        match_ns,
        decide_ns,
        decide_again_ns,
    })
}

/// Numbers below `bound` in an order in which neighbours are far apart.
fn spread(number: usize, bound: usize) -> usize {
    number.wrapping_mul(7_919) % bound.max(1)
}

/// A router that knows one stream on each topic, as after a restart.
fn router_of(
    own: &Organisation,
    policy: &Arc<Policy>,
    topics: usize,
    publisher: PrincipalId,
    follows: bool,
) -> Result<Router, Broken> {
    let limits = Limits { streams_max: usize::MAX, ..Limits::default() };
    let mut router = Router::new(limits, Arc::clone(policy), Position::ZERO);
    for number in 0..topics {
        let topic = own.topic(number)?;
        if follows {
            router.restore_offset(&topic, Offset::ZERO);
        }
        router.restore_stream(&RestoredStream {
            topic,
            publisher,
            boot: BootId::new([7; 16]),
            sequence: Sequence::ZERO,
            hash: Hash::new([7; 32]),
            time: NOW,
            forgotten: None,
        });
    }
    Ok(router)
}

/// Bytes of the log's index for each topic, with one record of each on the disk.
fn store_of(
    own: &Organisation,
    topics: usize,
    scratch: &Path,
    gauges: &Gauges,
) -> Result<f64, Broken> {
    let folder = scratch.join(format!("log-of-{topics}-topics"));
    let failed = |error: &dyn std::error::Error| broken("a log")(error);
    let gateway = own.publishers.first().ok_or_else(|| Broken("nobody publishes".to_owned()))?;
    let outcome = weigh(gauges, || {
        let options = Options {
            tail_bytes_max: 64 * 1024,
            topics_max: topics,
            min_free_bytes: 0,
            ..Options::default()
        };
        let (mut log, _report) =
            RecordLog::open(Arc::new(StdDisk), &folder, options).map_err(|error| failed(&error))?;
        // The same envelope on every topic: the log looks at none.
        let envelope = envelope_of(own, &gateway.key)?;
        for number in 0..topics {
            let record = NewRecord {
                topic: own.topic(number)?,
                offset: None,
                received: NOW,
                envelope: envelope.encoded().clone(),
                hops: Vec::new(),
                stream: StreamKey {
                    publisher: gateway.key.id(),
                    boot: BootId::new([7; 16]),
                    sequence: Sequence::ZERO,
                },
                hash: envelope.hash(),
                key_header: None,
            };
            log.append(record).map_err(|error| failed(&error))?;
            if number % BATCH == BATCH.saturating_sub(1) {
                log.commit().map_err(|error| failed(&error))?;
            }
        }
        log.commit().map_err(|error| failed(&error))?;
        Ok(log)
    });
    let bytes = outcome.map(|(log, bytes)| {
        drop(log);
        share(bytes, topics)
    });
    match std::fs::remove_dir_all(&folder) {
        Ok(()) => bytes,
        Err(error) => bytes.and(Err(failed(&error))),
    }
}

fn envelope_of(own: &Organisation, key: &sekisho_seal::SigningKey) -> Result<Envelope, Broken> {
    sign_open(key, own.topic(0)?, BootId::new([7; 16]), draft(0, None), &[7; 200])
        .map_err(|error| broken("signing")(&error))
}

/// What people subscribe to: single topics by Zipf's law, and now and then one quantity of all
/// devices.
fn filters(own: &Organisation, topics: usize, number: usize) -> Result<Filter, Broken> {
    let mut random = Random::new(u64::try_from(number).unwrap_or(u64::MAX));
    let place = draw_zipf(&mut random, topics);
    let topic = own.topic(place)?;
    if random.below(1_000) > 0 {
        return parse(topic.as_str());
    }
    own.tree(place % TREES.len())
}

fn tree_of(
    own: &Organisation,
    topics: usize,
    subscriptions: usize,
) -> Result<SubscriptionTree<(SessionId, SubscriptionId)>, Broken> {
    let mut tree = SubscriptionTree::new();
    for number in 0..subscriptions {
        let (session, place) = (number / PER_SESSION, number % PER_SESSION);
        let session = SessionId::new(u64::try_from(session).unwrap_or(u64::MAX));
        let place = SubscriptionId::new(u32::try_from(place).unwrap_or(u32::MAX));
        tree.insert(&filters(own, topics, number)?, (session, place));
    }
    Ok(tree)
}

fn of_subscriptions(subscriptions: usize, gauges: &Gauges) -> Result<OfSubscriptions, Broken> {
    let own = Organisation::new(0)?;
    let policy = Arc::new(policy_of(&own)?);
    let reader = own.readers.first().map(|reader| reader.key.id());
    let reader = reader.ok_or_else(|| Broken("nobody reads".to_owned()))?;
    let wish = |filter| Subscribe { filter, start: Start::Latest, cursor: None, credit: 1_000 };
    let (mut router, bytes) = weigh(gauges, || {
        let mut router = Router::new(Limits::default(), Arc::clone(&policy), Position::ZERO);
        for number in 0..subscriptions {
            let (session, place) = (number / PER_SESSION, number % PER_SESSION);
            let session = SessionId::new(u64::try_from(session).unwrap_or(u64::MAX));
            if place == 0 {
                router.handle_connect(session, reader, Recipient::Principal(reader), NOW);
            }
            let place = SubscriptionId::new(u32::try_from(place).unwrap_or(u32::MAX));
            let filter = filters(&own, TOPICS_FLOWING, number)?;
            router.handle_subscribe(session, place, wish(filter), None, NOW);
            while router.poll_command().is_some() {}
        }
        Ok(router)
    })?;
    if router.subscription_count() != subscriptions {
        let found = router.subscription_count();
        return Err(Broken(format!("wanted {subscriptions} subscriptions, found {found}")));
    }
    let session = SessionId::new(u64::MAX);
    router.handle_connect(session, reader, Recipient::Principal(reader), NOW);
    let place = SubscriptionId::new(0);
    let mut changes_ns = 0.0;
    let mut flow = Flow::default();
    for round in 0..ROUNDS {
        // Records flow, so that what is subscribed to their topics is known by heart.
        flow.run(&mut router, &own, &policy)?;
        let filter = filters(&own, TOPICS_FLOWING, round)?;
        let ((), ns) = time(gauges, 2, || {
            router.handle_subscribe(session, place, wish(filter), None, NOW);
            router.handle_unsubscribe(session, place);
        });
        changes_ns += ns;
    }
    let ((), policy_ns) = time(gauges, 1, || router.handle_policy(Arc::clone(&policy), NOW));
    Ok(OfSubscriptions {
        subscriptions,
        bytes: share(bytes, subscriptions),
        change_ns: changes_ns / ROUNDS as f64,
        policy_ns,
    })
}

/// One record on each topic, again and again.
#[derive(Default)]
struct Flow {
    sequence: u64,
    previous: Vec<Hash>,
    position: u64,
}

impl Flow {
    fn run(
        &mut self,
        router: &mut Router,
        own: &Organisation,
        policy: &Policy,
    ) -> Result<(), Broken> {
        let mut hashes = Vec::with_capacity(TOPICS_FLOWING);
        for number in 0..TOPICS_FLOWING {
            let gateway = own.publishers.get(number % TREES.len());
            let gateway = gateway.ok_or_else(|| Broken("nobody publishes".to_owned()))?;
            let previous = self.previous.get(number).copied();
            let draft = draft(self.sequence, previous);
            let envelope =
                sign_open(&gateway.key, own.topic(number)?, BootId::new([7; 16]), draft, &[7; 200])
                    .map_err(|error| broken("signing")(&error))?;
            let verified = verify(envelope, &gateway.verifying)
                .map_err(|error| broken("an envelope")(&error))?;
            hashes.push(verified.hash());
            let topic = &verified.header().topic;
            let permit = policy
                .permit_publish(gateway.key.id(), topic, NOW)
                .map_err(|denial| broken("publishing")(&denial))?;
            // As a link brings it: nobody waits for an answer.
            let carriage = Carriage::Link {
                organisation: own.name.clone(),
                connection: 1,
                position: Position::new(self.position),
                offset: Offset::new(self.sequence),
                received: NOW,
                hops: Vec::new(),
            };
            let admitted = Admitted::new(verified, permit, carriage)
                .map_err(|error| broken("publishing")(&error))?;
            router.handle_publish(admitted, NOW);
            self.settle(router)?;
        }
        self.previous = hashes;
        self.sequence = self.sequence.saturating_add(1);
        Ok(())
    }

    fn settle(&mut self, router: &mut Router) -> Result<(), Broken> {
        while let Some(command) = router.poll_command() {
            let Command::Append { ticket, .. } = command else { continue };
            let position = Position::new(self.position);
            self.position = self.position.saturating_add(1);
            let offset = Offset::new(self.sequence);
            router
                .handle_appended(ticket, Appended { position, offset }, NOW)
                .map_err(|error| broken("an append")(&error))?;
        }
        Ok(())
    }
}

fn draft(sequence: u64, previous: Option<Hash>) -> HeaderDraft {
    HeaderDraft {
        sequence: Sequence::new(sequence),
        time: NOW,
        previous,
        content_type: ContentType::samples(),
        sample_count: 20,
        flags: 0,
        expiry_s: 0,
        scope: Scope::Federation,
    }
}

fn of_peers(peers: usize, gauges: &Gauges) -> Result<OfPeers, Broken> {
    const APPLIED: usize = 20;
    let own = Organisation::new(0)?;
    let own_policy = policy_of(&own)?;
    let others = (1..=peers).map(Organisation::new).collect::<Result<Vec<_>, _>>()?;
    let mut logs = Vec::new();
    for other in &others {
        let mut log = vec![other.root(), other.issuer()?];
        log.push(peering((&own, &[0]), (other, &[0]), NOW)?);
        log.extend(other.people(NOW)?);
        log.push(other.grant_to(&own.name, 0, NOW)?);
        logs.push(log);
    }
    let statements = logs.first().map_or(0, Vec::len);
    let (policy, bytes) = weigh(gauges, || {
        let mut policy = own_policy;
        for statement in logs.iter().flatten() {
            // As it comes from a link: decoded anew.
            let statement = Statement::decode(&Bytes::from(statement.encode()))
                .map_err(|error| broken("a statement")(&error))?;
            apply(&mut policy, &statement)?;
        }
        Ok(Arc::new(policy))
    })?;
    let mut questions = Vec::new();
    for other in &others {
        let Some(gateway) = other.publishers.first() else { continue };
        questions.push((gateway.key.id(), other.topic(0)?));
    }
    let (permitted, import_ns) = time(gauges, questions.len(), || {
        let permit = |publisher: &PrincipalId, topic: &Topic| {
            policy.permit_import(*publisher, topic, Scope::Federation, NOW)
        };
        questions.iter().filter(|(publisher, topic)| permit(publisher, topic).is_ok()).count()
    });
    if permitted != peers {
        return Err(Broken(format!("wanted records of {peers} peers taken, found {permitted}")));
    }
    let whose = || questions.iter().filter(|(id, _topic)| policy.principal(id).is_some()).count();
    let (known, whose_ns) = time(gauges, questions.len(), whose);
    if known != peers {
        return Err(Broken(format!("wanted keys of {peers} peers known, found {known}")));
    }
    let mut current = Arc::clone(&policy);
    let grants = (0..APPLIED)
        .map(|number| {
            let grantee = Grantee::Organisation(own.name.clone());
            let from = NOW.saturating_add(Duration::from_secs(u64::try_from(number).unwrap_or(0)));
            own.grant(grantee, "subscribe", own.tree(0)?, from)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (applied, apply_ns) = time(gauges, APPLIED, || {
        grants.iter().try_for_each(|grant| {
            let mut next = Policy::clone(&current);
            next.apply(grant, NOW.saturating_add(Duration::from_secs(60)), &StrictVerifier)
                .map_err(|error| broken("a statement")(&error))?;
            current = Arc::new(next);
            Ok::<_, Broken>(())
        })
    });
    applied?;
    Ok(OfPeers {
        peers,
        statements,
        statement_bytes: share(bytes, peers.saturating_mul(statements)),
        import_ns,
        whose_ns,
        apply_ns,
    })
}

fn of_interests(wanted: usize, gauges: &Gauges) -> Result<OfInterests, Broken> {
    const CHANGES: usize = 10;
    let (own, other) = (Organisation::new(0)?, Organisation::new(1)?);
    let mut policy = policy_of(&own)?;
    let contract = peering((&own, &[0, 1, 2, 3]), (&other, &[0]), NOW)?;
    for statement in [other.root(), other.issuer()?, contract] {
        apply(&mut policy, &statement)?;
    }
    let view = policy.peer(&other.name).ok_or_else(|| Broken("no peering".to_owned()))?;
    let (limits, resume) = (LinkLimits::default(), Resume::default());
    let mut link = Link::new(own.node.id(), view, resume, limits, 1, NOW);
    let all = |count: usize| {
        (0..count)
            .map(|number| Ok((parse::<Filter>(other.topic(number)?.as_str())?, Since::Latest)))
            .collect::<Result<Wanted, Broken>>()
    };
    let (less, more) = (all(wanted)?, all(wanted.saturating_add(1))?);
    link.handle_wanted(Some(less.clone()), NOW);
    let (_done, change_ns) = time(gauges, 2 * CHANGES, || {
        for _change in 0..CHANGES {
            link.handle_wanted(Some(more.clone()), NOW);
            link.handle_wanted(Some(less.clone()), NOW);
        }
    });
    Ok(OfInterests { wanted, asked: link.interests().count(), change_ns })
}
