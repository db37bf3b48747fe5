//! The figures beside their goals.

use anyhow::Result;
use serde::Serialize;

const IDLE_MIB_MAX: f64 = 40.0;
const CLIENT_KIB_MAX: f64 = 24.0;
const SUBSCRIPTION_KIB_MAX: f64 = 1.0;

/// What one server weighed, KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    pub(crate) idle: u64,
    /// Until all clients were greeted, s.
    pub(crate) connect_s: f64,
    pub(crate) connected: u64,
    pub(crate) subscribed: u64,
    pub(crate) further: u64,
    pub(crate) left: u64,
}

/// Both servers.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) clients: u64,
    pub(crate) further: u64,
    pub(crate) bare: Weights,
    pub(crate) node: Weights,
}

#[derive(Debug, Serialize)]
struct Figures {
    clients: u64,
    subscriptions: [u64; 2],
    idle_mib: f64,
    idle_mib_goal: f64,
    connect_s: Seconds,
    client_kib: PerUnit,
    client_kib_goal: f64,
    subscription_kib: PerUnit,
    further_subscription_kib: PerUnit,
    subscription_kib_goal: f64,
    left_mib: f64,
    resident_kib: Resident,
}

/// Of one client or subscription.
#[derive(Debug, Serialize)]
struct PerUnit {
    node: f64,
    quinn: f64,
    ours: f64,
}

#[derive(Debug, Serialize)]
struct Seconds {
    node: f64,
    quinn: f64,
}

#[derive(Debug, Serialize)]
struct Resident {
    node: [u64; 5],
    quinn: [u64; 5],
}

impl Report {
    /// One JSON object on standard output.
    #[expect(clippy::print_stdout, reason = "this is the program's answer")]
    pub(crate) fn print(&self) -> Result<()> {
        let Self { clients, further, bare, node } = *self;
        let figures = Figures {
            clients,
            subscriptions: [clients, further],
            idle_mib: rounded(kib(node.idle) / 1024.0),
            idle_mib_goal: IDLE_MIB_MAX,
            connect_s: Seconds { node: rounded(node.connect_s), quinn: rounded(bare.connect_s) },
            client_kib: per_unit(clients, |weights| (weights.idle, weights.connected), bare, node),
            client_kib_goal: CLIENT_KIB_MAX,
            subscription_kib: per_unit(
                clients,
                |weights| (weights.connected, weights.subscribed),
                bare,
                node,
            ),
            further_subscription_kib: per_unit(
                further,
                |weights| (weights.subscribed, weights.further),
                bare,
                node,
            ),
            subscription_kib_goal: SUBSCRIPTION_KIB_MAX,
            left_mib: rounded(kib(node.left) / 1024.0),
            resident_kib: Resident { node: all(node), quinn: all(bare) },
        };
        println!("{}", serde_json::to_string_pretty(&figures)?);
        Ok(())
    }
}

fn per_unit(
    count: u64,
    step: impl Fn(Weights) -> (u64, u64),
    bare: Weights,
    node: Weights,
) -> PerUnit {
    let weight = |weights| {
        let (before, after) = step(weights);
        (kib(after) - kib(before)) / kib(count.max(1))
    };
    let (node, quinn) = (weight(node), weight(bare));
    PerUnit { node: rounded(node), quinn: rounded(quinn), ours: rounded(node - quinn) }
}

fn all(weights: Weights) -> [u64; 5] {
    let Weights { idle, connected, subscribed, further, left, connect_s: _ } = weights;
    [idle, connected, subscribed, further, left]
}

#[expect(clippy::cast_precision_loss, reason = "resident memory is below 2^53 KiB")]
fn kib(count: u64) -> f64 {
    count as f64
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}
