//! A federation from its foundation to its last change, with the gauges read in between.

use std::{collections::BTreeSet, time::Duration};

use sekisho_federation::{Link, Since};
use sekisho_policy::Recipient;
use sekisho_proto::{Filter, Hash, Timestamp, frame::Start, statement::RevokeTarget};
use sekisho_routing::{Limits, Subscribe, SubscriptionId};

use super::{
    Gauges, Plan,
    counting::{Count, Traffic},
    federation::Federation,
    network::Wire,
    organisation::{TREES, parse, peering},
    report::{Change, ConnectedGraph, Convergence, Crossing, Memory, Scaled},
};
use crate::failure::{Broken, ensure};

/// Time in which all links connect, read logs and come to rest.
const SETTLING: Duration = Duration::from_secs(20);
/// Time in which everything that was published has come to everybody.
const ARRIVING: Duration = Duration::from_secs(2);
/// Time in which an interest that nobody has any longer is let go.
const LINGERING: Duration = Duration::from_secs(65);
/// Time after which a statement is known to the peers of whoever makes it.
const KNOWING: Duration = Duration::from_millis(160);
/// Nodes that publish at the same time.
const AT_ONCE: usize = 20;
/// Half of the time for which a cable is cut.
const HALF_CUT: Duration = Duration::from_secs(60);
/// Longer than the longest pause before dialling again.
const HEALING: Duration = Duration::from_secs(75);

/// What was changed, by whom, and what shows that it has come to everybody.
struct Made {
    /// Bytes of the links of others to these nodes are counted,
    by: Vec<usize>,
    /// or where this is so, of their own links to others.
    own_links: bool,
    /// What is to be seen at which nodes.
    seen: Vec<(Hash, BTreeSet<usize>)>,
}

pub(super) fn measure(
    plan: &Plan,
    gauges: &Gauges,
    tell: &mut dyn FnMut(&str),
) -> Result<Scaled, Broken> {
    let begin = (gauges.allocated)();
    let mut federation = Federation::found(plan)?;
    let founded = (gauges.allocated)();
    tell(&format!("{} organisations have {} contracts", plan.nodes, federation.graph.edges.len()));
    federation.connect()?;
    federation.connect_publishers()?;
    federation.run_for(SETTLING)?;
    federation.check_connected()?;
    let connected = (gauges.allocated)();
    tell("every node has read its peers' logs");
    federation.subscribe(plan.subscriptions_per_node, plan.topics_per_node)?;
    federation.run_for(ARRIVING)?;
    let subscribed = (gauges.allocated)();
    let (crossing, topics_known) = publish_everything(&mut federation, plan)?;
    let published = (gauges.allocated)();
    tell(&format!("{} records have crossed {} links", crossing.crossed, federation.wires.len()));
    let changes = change_everything(&mut federation, plan)?;
    tell("interests and rights have changed");
    let healing = cut_and_heal(&mut federation, plan)?;
    federation.check_connected()?;
    tell("what was cut is whole again");
    let (nodes, links) = (plan.nodes, federation.wires.len());
    let subscriptions = nodes.saturating_mul(plan.subscriptions_per_node);
    let statements = federation.nodes.iter().map(known_statements).sum();
    Ok(Scaled {
        nodes,
        peerings: federation.graph.edges.len(),
        peers_max: federation.graph.peers_max(),
        topics: nodes.saturating_mul(plan.topics_per_node),
        topics_known,
        interests: federation.wires.iter().map(interests).sum(),
        mirrors: plan.mirrors,
        subscriptions,
        statements_known: statements,
        graph: distances(&federation.graph.distances()),
        crossing,
        changes,
        healing,
        memory: Memory {
            per_node: share(founded.saturating_sub(begin), nodes),
            per_link: share(connected.saturating_sub(founded), links),
            per_subscription: share(subscribed.saturating_sub(connected), subscriptions),
            per_topic: share(
                published.saturating_sub(subscribed),
                usize::try_from(topics_known).unwrap_or(usize::MAX),
            ),
            total: (gauges.allocated)().saturating_sub(begin),
        },
    })
}

fn interests(wire: &Wire) -> u64 {
    wire.link.as_ref().map_or(0, |link| count(link.interests().count()))
}

fn known_statements(node: &super::node::Node) -> u64 {
    let organisations = node.imports.keys().chain(std::iter::once(&node.name));
    organisations.map(|organisation| count(node.policy.log(organisation).len())).sum()
}

fn distances(pairs: &[u64]) -> ConnectedGraph {
    let apart = || pairs.iter().zip(0_u64..).skip(1);
    let all: u64 = apart().map(|(pairs, _far)| pairs).sum();
    let sum: u64 = apart().map(|(pairs, far)| pairs.saturating_mul(far)).sum();
    let within = [1, 2, 3].map(|most| {
        let near: u64 = apart().filter(|(_, far)| *far <= most).map(|(pairs, _far)| pairs).sum();
        ratio(near, all)
    });
    let distance_max = pairs.len().saturating_sub(1);
    ConnectedGraph { distance_mean: ratio(sum, all), distance_max, within }
}

/// Publishes on every topic once and lets it come to everybody.
fn publish_everything(federation: &mut Federation, plan: &Plan) -> Result<(Crossing, u64), Broken> {
    let before: Vec<_> = federation.wires.iter().map(|wire| wire.traffic).collect();
    let mut published = 0_u64;
    let nodes: Vec<usize> = (0..plan.nodes).collect();
    for some in nodes.chunks(AT_ONCE) {
        for node in some {
            let hashes = federation.publish(*node, 0..plan.topics_per_node)?;
            published = published.saturating_add(count(hashes.len()));
        }
        federation.run_for(ARRIVING)?;
        federation.forget_proofs();
    }
    let (mut of_records, mut envelope_bytes) = (Count::default(), 0_u64);
    let (mut crossed, mut wanted, mut links_off) = (0_u64, 0_u64, 0_u64);
    for (wire, before) in federation.wires.iter().zip(&before) {
        let records = (wire.traffic.records - before.records).frames;
        let wanted_here = asked_topics(federation, wire, plan.topics_per_node)?;
        of_records = of_records + (wire.traffic.of_records() - before.of_records());
        let envelopes = wire.traffic.envelope_bytes.saturating_sub(before.envelope_bytes);
        envelope_bytes = envelope_bytes.saturating_add(envelopes);
        crossed = crossed.saturating_add(records);
        wanted = wanted.saturating_add(wanted_here);
        links_off = links_off.saturating_add(u64::from(records != wanted_here));
    }
    let hops: Vec<u64> = (0..4)
        .map(|hops| federation.nodes.iter().filter_map(|node| node.hops.get(hops)).sum())
        .collect();
    let far = |(records, hops): (&u64, u64)| records.saturating_mul(hops);
    let crossing = Crossing {
        published,
        crossed,
        wanted,
        links_off,
        delivered: federation.nodes.iter().map(|node| node.to_clients).sum(),
        frames_per_record: ratio(of_records.frames, crossed),
        bytes_per_record: ratio(of_records.bytes, crossed),
        envelope_bytes: ratio(envelope_bytes, crossed),
        overhead_percent: 100.0
            * ratio(of_records.bytes.saturating_sub(envelope_bytes), envelope_bytes),
        fan_out_max: federation.nodes.iter().map(|node| node.fan_out_max).max().unwrap_or(0),
        hops_mean: ratio(hops.iter().zip(0..).map(far).sum(), hops.iter().skip(1).sum()),
        hops_max: hops.iter().rposition(|records| *records > 0).unwrap_or(0),
    };
    Ok((crossing, published.saturating_add(wanted)))
}

/// Topics of the exporter that the importer asks for.
fn asked_topics(federation: &Federation, wire: &Wire, topics: usize) -> Result<u64, Broken> {
    let exporter = federation.organisation(wire.exporter)?;
    let interests: Vec<&Filter> =
        wire.link.iter().flat_map(Link::interests).map(|(filter, _is_given)| filter).collect();
    let mut asked = 0_u64;
    for topic in 0..topics {
        let topic = exporter.topic(topic)?;
        let is_asked = interests.iter().any(|filter| filter.matches(&topic));
        asked = asked.saturating_add(u64::from(is_asked));
    }
    Ok(asked)
}

fn change_everything(federation: &mut Federation, plan: &Plan) -> Result<Vec<Change>, Broken> {
    let some = chosen(federation, plan.samples);
    let mut new = Vec::new();
    for node in &some {
        new.extend(not_asked(federation, *node, plan)?.map(|wish| (*node, wish)));
    }
    let all: fn(&Traffic) -> Count = Traffic::of_changes;
    let interest: fn(&Traffic) -> Count = |traffic| traffic.interest;
    Ok(vec![
        change(federation, ("one more subscribes", ARRIVING, interest), |federation| {
            some.iter().map(|node| subscribe_too(federation, *node)).collect()
        })?,
        change(federation, ("somebody wants something new", ARRIVING, interest), |federation| {
            new.iter().map(|(node, wish)| subscribe_new(federation, *node, wish)).collect()
        })?,
        change(federation, ("nobody wants it any longer", LINGERING, interest), |federation| {
            new.iter().map(|(node, wish)| unsubscribe(federation, *node, wish)).collect()
        })?,
        change(federation, ("a grant", ARRIVING, all), |federation| {
            some.iter().map(|node| grant_one(federation, *node)).collect()
        })?,
        change(federation, ("a revocation", ARRIVING, all), |federation| {
            some.iter().map(|node| revoke_one(federation, *node)).collect()
        })?,
        change(federation, ("a contract takes more", SETTLING, all), |federation| {
            let edges = apart(federation, plan.samples);
            let made = edges.iter().map(|edge| change_contract(federation, *edge));
            let made = made.collect::<Result<Vec<_>, _>>()?;
            federation.run_for(KNOWING)?;
            made.into_iter().map(|made| want_more(federation, made)).collect()
        })?,
    ])
}

/// Nodes whose changes are measured: the one with most peers, and some of all others.
fn chosen(federation: &Federation, samples: usize) -> Vec<usize> {
    let nodes = federation.nodes.len();
    let step = nodes.checked_div(samples).unwrap_or(1).max(1);
    (0..nodes).step_by(step).take(samples).collect()
}

/// Peerings of which no two share an organisation.
fn apart(federation: &Federation, samples: usize) -> Vec<usize> {
    let mut taken = BTreeSet::new();
    let mut edges = Vec::new();
    for (number, edge) in federation.graph.edges.iter().enumerate().rev() {
        if edges.len() < samples && !taken.contains(&edge.left) && !taken.contains(&edge.right) {
            taken.extend([edge.left, edge.right]);
            edges.push(number);
        }
    }
    edges
}

/// Makes changes at the same time, and tells what they made on links until everybody has them.
fn change(
    federation: &mut Federation,
    (what, time, counted): (&str, Duration, fn(&Traffic) -> Count),
    make: impl FnOnce(&mut Federation) -> Result<Vec<Made>, Broken>,
) -> Result<Change, Broken> {
    let before: Vec<_> = federation.wires.iter().map(|wire| counted(&wire.traffic)).collect();
    let since = federation.agenda.now;
    let made = make(federation)?;
    federation.run_for(time)?;
    let (mut bytes_max, mut all, mut links) = (0, Count::default(), 0_usize);
    for made in &made {
        let mut here = Count::default();
        for (wire, before) in federation.wires.iter().zip(&before) {
            let maker = if made.own_links { wire.importer } else { wire.exporter };
            if made.by.contains(&maker) {
                here = here + (counted(&wire.traffic) - *before);
                links = links.saturating_add(1);
            }
        }
        bytes_max = bytes_max.max(here.bytes);
        all = all + here;
    }
    let samples = made.len();
    Ok(Change {
        what: what.to_owned(),
        samples,
        links: share(count(links), samples),
        frames: share(all.frames, samples),
        bytes: share(all.bytes, samples),
        bytes_max,
        bytes_per_link: share(all.bytes, links),
        converged: converged(federation, &made, since),
    })
}

/// When each change was seen by everybody whom it concerns.
fn converged(federation: &mut Federation, made: &[Made], since: Timestamp) -> Convergence {
    let mut times = Vec::new();
    for made in made {
        let mut last = Some(since);
        for (hash, wanted) in &made.seen {
            let seen = federation.watch.seen.get(hash).map_or(&[][..], Vec::as_slice);
            for node in wanted {
                let at = seen.iter().find(|(seen, _at)| seen == node).map(|(_seen, at)| *at);
                last = last.zip(at).map(|(last, at)| last.max(at));
            }
        }
        times.extend(last.map(|last| last.saturating_since(since)));
    }
    federation.watch.seen.clear();
    times.sort_unstable();
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    Convergence {
        median_ms: ms(times.get(times.len() / 2)),
        max_ms: ms(times.last()),
        complete: times.len(),
    }
}

/// A wish for a topic of another organisation.
struct Wish {
    owner: usize,
    topic: usize,
    filter: Filter,
}

/// A topic that a node might ask a peer for and does not; none where it asks for everything.
fn not_asked(federation: &Federation, node: usize, plan: &Plan) -> Result<Option<Wish>, Broken> {
    for wire in federation.node(node)?.imports.values() {
        let wire = federation.wire(*wire)?;
        let owner = federation.organisation(wire.exporter)?;
        let interests: Vec<&Filter> =
            wire.link.iter().flat_map(Link::interests).map(|(filter, _is_given)| filter).collect();
        for topic in (0..plan.topics_per_node).rev() {
            let filter: Filter = parse(owner.topic(topic)?.as_str())?;
            let is_taken = wire.takes.contains(&(topic % TREES.len()));
            if is_taken && !interests.iter().any(|known| known.contains(&filter)) {
                return Ok(Some(Wish { owner: wire.exporter, topic, filter }));
            }
        }
    }
    Ok(None)
}

/// Somebody subscribes to what is subscribed to already.
fn subscribe_too(federation: &mut Federation, node: usize) -> Result<Made, Broken> {
    let state = federation.node(node)?;
    let wanted = state.wants.values().flat_map(|of| of.keys()).next().cloned();
    let own = Filter::everything(&state.name);
    subscribe_one(federation, node, &wanted.unwrap_or(own), Start::Latest)?;
    Ok(Made { by: vec![node], own_links: true, seen: Vec::new() })
}

/// Somebody subscribes to what nobody did before, from its first record on.
fn subscribe_new(federation: &mut Federation, node: usize, wish: &Wish) -> Result<Made, Broken> {
    let hashes = federation.publish(wish.owner, std::iter::once(wish.topic))?;
    let seen = hashes.iter().map(|hash| (*hash, BTreeSet::from([node]))).collect();
    hashes.into_iter().for_each(|hash| federation.watch.watch(hash));
    subscribe_one(federation, node, &wish.filter, Start::Earliest)?;
    Ok(Made { by: vec![node], own_links: true, seen })
}

fn subscribe_one(
    federation: &mut Federation,
    node: usize,
    filter: &Filter,
    start: Start,
) -> Result<(), Broken> {
    let now = federation.agenda.now;
    let reader = federation.organisation(node)?.readers.first().map(|reader| reader.key.id());
    let reader = reader.ok_or_else(|| Broken("nobody reads".to_owned()))?;
    let state = federation.node_mut(node)?;
    let session = state.next_session();
    state.router.handle_connect(session, reader, Recipient::Principal(reader), now);
    let (filter_wanted, credit) = (filter.clone(), Limits::default().credit_max);
    let wish = Subscribe { filter: filter_wanted, start, cursor: None, credit };
    let before = state.router.subscription_count();
    state.router.handle_subscribe(session, SubscriptionId::new(0), wish, None, now);
    ensure(state.router.subscription_count() > before, || format!("{filter} is refused"))?;
    let since = if start == Start::Earliest { Since::Earliest } else { Since::Latest };
    federation.want(node, filter, since)?;
    federation.drain(node)
}

fn unsubscribe(federation: &mut Federation, node: usize, wish: &Wish) -> Result<Made, Broken> {
    federation.want_no_more(node, &wish.filter)?;
    federation.drain(node)?;
    Ok(Made { by: vec![node], own_links: true, seen: Vec::new() })
}

/// A node and all its peers.
fn around(federation: &Federation, node: usize) -> Vec<usize> {
    let peers = federation.graph.neighbours.get(node).cloned().unwrap_or_default();
    peers.into_iter().chain(std::iter::once(node)).collect()
}

fn grant_one(federation: &mut Federation, node: usize) -> Result<Made, Broken> {
    let now = federation.agenda.now;
    let own = federation.organisation(node)?;
    let peer = federation.graph.neighbours.get(node).and_then(|peers| peers.first());
    let peer = federation.organisation(peer.copied().unwrap_or(node))?;
    let statement = own.grant_to(&peer.name, 0, now)?;
    state_one(federation, node, &statement)
}

fn revoke_one(federation: &mut Federation, node: usize) -> Result<Made, Broken> {
    let now = federation.agenda.now;
    let own = federation.organisation(node)?;
    let Some(reader) = own.readers.last() else { return Err(Broken("nobody reads".to_owned())) };
    let statement = own.revoke(RevokeTarget::Principal(reader.key.id()), now);
    state_one(federation, node, &statement)
}

fn state_one(
    federation: &mut Federation,
    node: usize,
    statement: &sekisho_proto::Statement,
) -> Result<Made, Broken> {
    federation.watch.watch(statement.id());
    federation.state(node, statement)?;
    let concerned = around(federation, node).into_iter().collect();
    Ok(Made { by: vec![node], own_links: false, seen: vec![(statement.id(), concerned)] })
}

/// One of two peers takes every tree of the other from now on: a new contract and new grants. It has
/// come to them when a record of a new tree is there that somebody subscribes to as soon as the
/// grants are known.
fn change_contract(federation: &mut Federation, edge: usize) -> Result<Contract, Broken> {
    let now = federation.agenda.now;
    let mut wires = federation.wires.iter().enumerate().filter(|(_, wire)| wire.edge == edge);
    let (Some((number, taking)), Some((_, giving))) = (wires.next(), wires.next()) else {
        return Err(Broken(format!("peering {edge} has no links")));
    };
    let (importer, exporter) = (taking.importer, taking.exporter);
    let more: Vec<usize> = (0..TREES.len()).filter(|tree| !taking.takes.contains(tree)).collect();
    let everything: Vec<usize> = (0..TREES.len()).collect();
    let (taker, giver) = (federation.organisation(importer)?, federation.organisation(exporter)?);
    let contract = peering((taker, &everything), (giver, &giving.takes), now)?;
    let mut statements = Vec::new();
    for tree in &more {
        statements.push(giver.grant_to(&taker.name, *tree, now)?);
    }
    federation.wire_mut(number)?.takes = everything;
    federation.watch.watch(contract.id());
    for grant in &statements {
        federation.state(exporter, grant)?;
    }
    for node in [exporter, importer] {
        federation.state(node, &contract)?;
    }
    let concerned = around(federation, exporter).into_iter().chain(around(federation, importer));
    let seen = vec![(contract.id(), concerned.collect())];
    let made = Made { by: vec![importer, exporter], own_links: false, seen };
    Ok(Contract { made, importer, exporter, new: more.first().copied() })
}

/// A contract that takes more, and a tree that is new in it.
struct Contract {
    made: Made,
    importer: usize,
    exporter: usize,
    new: Option<usize>,
}

/// Somebody subscribes to what the new contract lets in.
fn want_more(federation: &mut Federation, contract: Contract) -> Result<Made, Broken> {
    let Contract { mut made, importer, exporter, new } = contract;
    if let Some(tree) = new {
        for hash in publish_watched(federation, exporter, tree, 1)? {
            made.seen.push((hash, BTreeSet::from([importer])));
        }
        let filter = federation.organisation(exporter)?.tree(tree)?;
        subscribe_one(federation, importer, &filter, Start::Earliest)?;
    }
    Ok(made)
}

/// Publishes on topics of one tree and watches where the records come.
fn publish_watched(
    federation: &mut Federation,
    node: usize,
    tree: usize,
    records: usize,
) -> Result<Vec<Hash>, Broken> {
    let topics = (0..records).map(|record| record.saturating_mul(TREES.len()).saturating_add(tree));
    let hashes = federation.publish(node, topics)?;
    for hash in &hashes {
        federation.watch.watch(*hash);
    }
    Ok(hashes)
}

/// Cuts cables, lets records and statements be made meanwhile, and waits for them to come.
fn cut_and_heal(federation: &mut Federation, plan: &Plan) -> Result<Vec<Change>, Broken> {
    let edges = apart(federation, plan.samples);
    want_what_is_cut(federation, &edges)?;
    edges.iter().for_each(|edge| federation.cut(*edge));
    federation.run_for(HALF_CUT)?;
    let (mut records, mut statements) = (Vec::new(), Vec::new());
    let cut = federation.wires.iter().filter(|wire| edges.contains(&wire.edge));
    let cut: Vec<_> =
        cut.map(|wire| (wire.importer, wire.exporter, wire.takes.first().copied())).collect();
    for (importer, exporter, tree) in cut {
        let now = federation.agenda.now;
        let peer = &federation.organisation(importer)?.name;
        let statement = federation.organisation(exporter)?.grant_to(peer, 0, now)?;
        federation.watch.watch(statement.id());
        federation.state(exporter, &statement)?;
        let at_peer = BTreeSet::from([importer]);
        statements.push(Made {
            by: Vec::new(),
            own_links: false,
            seen: vec![(statement.id(), at_peer.clone())],
        });
        let tree = tree.unwrap_or_default();
        let hashes = publish_watched(federation, exporter, tree, 20)?;
        let seen = hashes.into_iter().map(|hash| (hash, at_peer.clone())).collect();
        records.push(Made { by: Vec::new(), own_links: false, seen });
    }
    federation.run_for(HALF_CUT)?;
    for made in records.iter().chain(&statements) {
        for (hash, wanted) in &made.seen {
            let seen = federation.watch.seen.get(hash).into_iter().flatten();
            let crossed = seen.filter(|(node, _at)| wanted.contains(node)).count();
            ensure(crossed == 0, || "something came through a cable that is cut".to_owned())?;
        }
    }
    let since = federation.agenda.now;
    edges.iter().try_for_each(|edge| federation.heal(*edge))?;
    federation.run_for(HEALING)?;
    let seen = std::mem::take(&mut federation.watch.seen);
    let mut healed = Vec::new();
    for (what, made) in [("a grant made meanwhile", statements), ("20 records", records)] {
        federation.watch.seen.clone_from(&seen);
        healed.push(Change {
            what: what.to_owned(),
            samples: made.len(),
            links: 1.0,
            frames: 0.0,
            bytes: 0.0,
            bytes_max: 0,
            bytes_per_link: 0.0,
            converged: converged(federation, &made, since),
        });
    }
    federation.forget_proofs();
    Ok(healed)
}

/// Somebody subscribes to what is going to be published on the other side.
fn want_what_is_cut(federation: &mut Federation, edges: &[usize]) -> Result<(), Broken> {
    let cut = federation.wires.iter().filter(|wire| edges.contains(&wire.edge));
    let cut: Vec<_> =
        cut.map(|wire| (wire.importer, wire.exporter, wire.takes.first().copied())).collect();
    for (importer, exporter, tree) in cut {
        let filter = federation.organisation(exporter)?.tree(tree.unwrap_or_default())?;
        subscribe_one(federation, importer, &filter, Start::Latest)?;
    }
    federation.run_for(ARRIVING)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn share(of: u64, among: usize) -> f64 {
    ratio(of, count(among))
}

fn ratio(of: u64, among: u64) -> f64 {
    if among == 0 { 0.0 } else { of as f64 / among as f64 }
}
