//! The figures as Markdown tables.

use sekisho_plot::short;
use sekisho_sim::scale::{OfInterests, OfPeers, OfSubscriptions, OfTopics, Scaled};

use crate::Figures;

/// Tables of everything, in the order of docs/scale.md.
pub(crate) fn render(figures: &Figures) -> String {
    let mut tables = vec![of_federations(&figures.federations), of_federations(&figures.mirrored)];
    let all = &figures.federations;
    let head = [
        "organisations",
        "change",
        "links",
        "frames",
        "bytes",
        "most",
        "bytes per link",
        "median ms",
        "slowest ms",
        "complete",
    ]
    .map(str::to_owned);
    let mut rows = Vec::new();
    for of in all {
        let all = of.changes.iter().chain(&of.healing);
        for change in all.filter(|change| change.samples > 0) {
            rows.push(vec![
                of.nodes.to_string(),
                change.what.clone(),
                format!("{:.1}", change.links),
                format!("{:.1}", change.frames),
                format!("{:.0}", change.bytes),
                change.bytes_max.to_string(),
                format!("{:.0}", change.bytes_per_link),
                format!("{:.0}", change.converged.median_ms),
                format!("{:.0}", change.converged.max_ms),
                format!("{} of {}", change.converged.complete, change.samples),
            ]);
        }
    }
    tables.push(table(&head, &rows));
    tables.extend(alone(figures));
    tables.join("\n")
}

fn of_federations(all: &[Scaled]) -> String {
    let head: Vec<String> = std::iter::once("organisations".to_owned())
        .chain(all.iter().map(|of| of.nodes.to_string()))
        .collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: &str, value: &dyn Fn(&Scaled) -> String| {
        rows.push(std::iter::once(name.to_owned()).chain(all.iter().map(value)).collect());
    };
    row("peerings", &|of| of.peerings.to_string());
    row("peers of the largest", &|of| of.peers_max.to_string());
    row("topics", &|of| of.topics.to_string());
    row("topics as nodes know them", &|of| of.topics_known.to_string());
    row("interests on links", &|of| of.interests.to_string());
    row("subscriptions", &|of| of.subscriptions.to_string());
    row("statements as nodes know them", &|of| of.statements_known.to_string());
    row("records across links", &|of| of.crossing.crossed.to_string());
    row("asked for by nodes", &|of| of.crossing.wanted.to_string());
    row("links that got another number", &|of| of.crossing.links_off.to_string());
    row("records given to people", &|of| of.crossing.delivered.to_string());
    row("people fed by one copy, at most", &|of| of.crossing.fan_out_max.to_string());
    row("frames for a record", &|of| format!("{:.4}", of.crossing.frames_per_record));
    row("bytes for a record", &|of| format!("{:.1}", of.crossing.bytes_per_record));
    row("of these the envelope", &|of| format!("{:.1}", of.crossing.envelope_bytes));
    row("link overhead, %", &|of| format!("{:.1}", of.crossing.overhead_percent));
    row("hops of records, mean (most)", &|of| {
        format!("{:.2} ({})", of.crossing.hops_mean, of.crossing.hops_max)
    });
    row("distance, mean (most)", &|of| {
        format!("{:.2} ({})", of.graph.distance_mean, of.graph.distance_max)
    });
    row("pairs within 1, 2, 3 peerings, %", &|of| {
        of.graph.within.map(|share| format!("{:.0}", share * 100.0)).join(", ")
    });
    row("heap per topic at a node", &|of| short(of.memory.per_topic));
    row("heap per subscription", &|of| short(of.memory.per_subscription));
    row("heap per link with the peer's log", &|of| short(of.memory.per_link));
    row("heap per node with its contracts", &|of| short(of.memory.per_node));
    row("heap in all", &|of| short(of.memory.total as f64));
    table(&head, &rows)
}

fn alone(figures: &Figures) -> [String; 4] {
    let alone = &figures.alone;
    [
        of_topics(&alone.topics),
        of_subscriptions(&alone.subscriptions),
        of_peers(&alone.peers),
        of_interests(&alone.interests),
    ]
}

fn of_topics(all: &[OfTopics]) -> String {
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|of| {
            vec![
                of.topics.to_string(),
                short(of.router_bytes),
                short(of.follower_bytes),
                short(of.store_bytes),
                short(of.match_ns),
                short(of.decide_ns),
                short(of.decide_again_ns),
            ]
        })
        .collect();
    table(
        &[
            "topics",
            "router, at home, bytes",
            "router, imported, bytes",
            "index of the log, bytes",
            "find subscriptions, ns",
            "decide, ns",
            "decide again, ns",
        ]
        .map(str::to_owned),
        &rows,
    )
}

fn of_subscriptions(all: &[OfSubscriptions]) -> String {
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|of| {
            vec![
                of.subscriptions.to_string(),
                short(of.bytes),
                short(of.change_ns / 1_000.0),
                short(of.policy_ns / 1_000.0),
            ]
        })
        .collect();
    table(
        &["subscriptions", "bytes each", "one comes or goes, µs", "policy changes, µs"]
            .map(str::to_owned),
        &rows,
    )
}

fn of_peers(all: &[OfPeers]) -> String {
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|of| {
            vec![
                of.peers.to_string(),
                of.statements.to_string(),
                short(of.statement_bytes),
                short(of.whose_ns / 1_000.0),
                short(of.import_ns / 1_000.0),
                short(of.apply_ns / 1_000.0),
            ]
        })
        .collect();
    table(
        &[
            "peers",
            "statements each",
            "bytes per statement",
            "whose key is it, µs",
            "may a record be taken, µs",
            "apply one statement, µs",
        ]
        .map(str::to_owned),
        &rows,
    )
}

fn of_interests(all: &[OfInterests]) -> String {
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|of| vec![of.wanted.to_string(), of.asked.to_string(), short(of.change_ns / 1_000.0)])
        .collect();
    table(
        &["topics wanted of one peer", "filters asked for", "one more or less, µs"]
            .map(str::to_owned),
        &rows,
    )
}

fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}{rows}", line(head))
}
