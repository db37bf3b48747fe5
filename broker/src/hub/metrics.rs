//! What the node counts: every name once, with its unit and meaning.
//!
//! Labels are bounded sets: a refusal's code, a gap's reason, a peer's organisation. Never a topic,
//! a principal or anything else that a client chooses.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use sekisho_proto::{AccessKind, LogName, RefusalCode};

/// Connections at present, clients and peers.
pub const CONNECTIONS: &str = "sekisho_connections";
/// Connections that ended before a `Welcome`, by `reason`.
pub const HANDSHAKE_FAILURES: &str = "sekisho_handshake_failures_total";
/// Logins with a name and a password that were not a principal's.
pub const PASSWORD_FAILURES: &str = "sekisho_password_failures_total";
/// Envelopes that the door let in, by `via` (session, attested, link or carrier).
pub const ADMITTED: &str = "sekisho_envelopes_admitted_total";
/// Envelopes, statements, questions and frames refused, by `code`.
pub const REFUSED: &str = "sekisho_envelopes_refused_total";
/// Samples in admitted envelopes, as their headers count them.
pub const SAMPLES: &str = "sekisho_samples_total";
/// Bytes of admitted envelopes.
pub const BYTES_IN: &str = "sekisho_envelope_bytes_in_total";
/// Bytes of delivered envelopes.
pub const BYTES_OUT: &str = "sekisho_envelope_bytes_out_total";
/// Records handed to subscribers and peers.
pub const DELIVERED: &str = "sekisho_records_delivered_total";
/// Records a subscriber was told it will not get, by `reason`.
pub const GAPS: &str = "sekisho_gaps_total";
/// Records that waited for a subscriber and were taken back, as it may not have them any more.
pub const WITHHELD: &str = "sekisho_records_withheld_total";
/// Subscriptions at present.
pub const SUBSCRIPTIONS: &str = "sekisho_subscriptions";
/// Subscriptions that the node refused or ended, by `code`.
pub const SUBSCRIPTIONS_ENDED: &str = "sekisho_subscriptions_ended_total";
/// Seconds from the first record of a group to the group being durable.
pub const APPEND_SECONDS: &str = "sekisho_append_seconds";
/// Records made durable together.
pub const APPEND_RECORDS: &str = "sekisho_append_records";
/// Records ever appended to the log.
pub const LOG_HEAD: &str = "sekisho_log_head_position";
/// Records of the log that were found damaged on the disk when the node started.
pub const DAMAGED: &str = "sekisho_damaged_records";
/// Statements the node acts on, all organisations together.
pub const POLICY_VERSION: &str = "sekisho_policy_version";
/// 1 while the link to `peer` is up.
pub const LINK_UP: &str = "sekisho_link_up";
/// Records that `peer` had when it last answered and this node had not stored.
pub const LINK_LAG: &str = "sekisho_link_lag_records";
/// Records taken over the link from `peer`.
pub const LINK_RECORDS: &str = "sekisho_link_records_total";
/// Bytes of envelopes taken over the link from `peer`.
pub const LINK_BYTES: &str = "sekisho_link_bytes_total";
/// Seconds between the home's and this node's receipt of the last record from `peer`.
pub const LINK_DELAY: &str = "sekisho_link_delay_seconds";
/// Seconds since the control log of `peer` was last known to be complete here.
pub const LINK_HEARD: &str = "sekisho_link_heard_seconds";
/// Filters that the link asks of `peer`.
pub const LINK_INTERESTS: &str = "sekisho_link_interests";
/// Records from `peer` that were refused for good, by `code`.
pub const LINK_REFUSED: &str = "sekisho_link_refused_total";
/// Records from `peer` that were passed over, by `reason`.
pub const LINK_DROPPED: &str = "sekisho_link_dropped_total";
/// Gaps that `peer` told, by `reason`.
pub const LINK_GAPS: &str = "sekisho_link_gaps_total";
/// Times the link hung up on `peer`, by `reason`.
pub const LINK_HANGUPS: &str = "sekisho_link_hangups_total";
/// Times `peer` had used up what it may send, by `budget`.
pub const LINK_WAITS: &str = "sekisho_link_budget_waits_total";
/// Checkpoints of `peer` that were found in order and cosigned or kept.
pub const LINK_WITNESSED: &str = "sekisho_link_checkpoints_total";
/// Filters that `peer` has asked of this node.
pub const PEER_INTERESTS: &str = "sekisho_peer_interests";
/// Records written to `peer`.
pub const PEER_RECORDS: &str = "sekisho_peer_records_total";
/// Bytes of envelopes written to `peer`.
pub const PEER_BYTES: &str = "sekisho_peer_bytes_total";
/// Records of this node's log behind what `peer` last acknowledged.
pub const PEER_BEHIND: &str = "sekisho_peer_behind_records";
/// Pages of older records for which `peer` had to wait.
pub const HISTORY_WAITS: &str = "sekisho_peer_history_waits_total";
/// Envelopes carried to their `home` for their publishers, by `outcome`: vouched, refused or lost.
pub const CARRIED: &str = "sekisho_carried_envelopes_total";
/// Accesses recorded in the access log, by `kind`.
pub const ACCESSES_RECORDED: &str = "sekisho_accesses_recorded_total";
/// Accesses that wait to be recorded, and do not take place before.
pub const ACCESSES_WAITING: &str = "sekisho_accesses_waiting";
/// Entries of this organisation's `log` (control or access).
pub const LOG_ENTRIES: &str = "sekisho_log_entries";
/// Entries of this organisation's `log` that `peer` has cosigned: it has all of them.
pub const LOG_COSIGNED: &str = "sekisho_log_cosigned_entries";
/// Times that a log of `peer` was not to be trusted, by `reason`.
pub const LOG_FAULTS: &str = "sekisho_log_faults_total";
/// By how much the machine's clock is behind the time that the node goes by.
pub const CLOCK_BEHIND: &str = "sekisho_clock_behind_seconds";
/// MQTT sessions, connected or remembered.
pub const MQTT_SESSIONS: &str = "sekisho_mqtt_sessions";
/// Topics with a retained message.
pub const MQTT_RETAINED: &str = "sekisho_mqtt_retained_messages";
/// Messages that were to be retained, or to be sent as retained, and were not.
pub const MQTT_RETAINED_DROPPED: &str = "sekisho_mqtt_retained_dropped_total";
/// Messages of members of a share that left which no other member was given.
pub const MQTT_SHARED_LOST: &str = "sekisho_mqtt_shared_lost_total";
/// Wills that were due, by `outcome`: published, refused or lost.
pub const MQTT_WILLS: &str = "sekisho_mqtt_wills_total";
/// Times that other files of a certificate were found, by `outcome`: renewed or refused.
pub const CERTIFICATE_RENEWALS: &str = "sekisho_certificate_renewals_total";
/// Errands that wait for a steward's answer.
pub const ERRANDS_WAITING: &str = "sekisho_errands_waiting";
/// Errands, by `outcome`: taken, answered or expired.
pub const ERRANDS: &str = "sekisho_errands_total";
/// Resident memory of the process, bytes.
pub const RESIDENT_BYTES: &str = "sekisho_resident_bytes";
/// Bytes free on the disk of the data folder.
pub const FREE_BYTES: &str = "sekisho_disk_free_bytes";

/// Every metric with its help text, as registered.
pub const CATALOGUE: &[(&str, Kind, &str)] = &[
    (CONNECTIONS, Kind::Gauge, "Connections at present, clients and peers."),
    (HANDSHAKE_FAILURES, Kind::Counter, "Connections that ended before a Welcome, by reason."),
    (ADMITTED, Kind::Counter, "Envelopes let in, by via: session, attested, link or carrier."),
    (REFUSED, Kind::Counter, "Envelopes, statements, questions and frames refused, by code."),
    (SAMPLES, Kind::Counter, "Samples in admitted envelopes."),
    (BYTES_IN, Kind::Counter, "Bytes of admitted envelopes."),
    (BYTES_OUT, Kind::Counter, "Bytes of delivered envelopes."),
    (DELIVERED, Kind::Counter, "Records handed to subscribers and peers."),
    (GAPS, Kind::Counter, "Gaps told to subscribers, by reason."),
    (WITHHELD, Kind::Counter, "Records taken back while they waited, for want of a right."),
    (SUBSCRIPTIONS, Kind::Gauge, "Subscriptions at present."),
    (SUBSCRIPTIONS_ENDED, Kind::Counter, "Subscriptions refused or ended by the node, by code."),
    (APPEND_SECONDS, Kind::Histogram, "Seconds a group of records took to become durable."),
    (APPEND_RECORDS, Kind::Histogram, "Records made durable together."),
    (LOG_HEAD, Kind::Gauge, "Position after the last durable record."),
    (POLICY_VERSION, Kind::Gauge, "Statements the node acts on."),
    (LINK_UP, Kind::Gauge, "1 while the link to the peer is up."),
    (LINK_LAG, Kind::Gauge, "Records the peer has and this node has not stored."),
    (LINK_RECORDS, Kind::Counter, "Records taken over the link."),
    (LINK_BYTES, Kind::Counter, "Bytes of envelopes taken over the link."),
    (LINK_DELAY, Kind::Gauge, "Seconds the last record took from its home's receipt to here."),
    (LINK_HEARD, Kind::Gauge, "Seconds since the peer's control log was known to be complete."),
    (LINK_INTERESTS, Kind::Gauge, "Filters that the link asks of the peer."),
    (LINK_REFUSED, Kind::Counter, "Records of the peer refused for good, by code."),
    (LINK_DROPPED, Kind::Counter, "Records of the peer passed over for their hops, by reason."),
    (LINK_GAPS, Kind::Counter, "Gaps that the peer told, by reason."),
    (LINK_HANGUPS, Kind::Counter, "Times the link hung up on the peer, by reason."),
    (LINK_WAITS, Kind::Counter, "Times the peer had used up what it may send, by budget."),
    (LINK_WITNESSED, Kind::Counter, "Checkpoints of the peer found in order."),
    (PEER_INTERESTS, Kind::Gauge, "Filters that the peer has asked of this node."),
    (PEER_RECORDS, Kind::Counter, "Records written to the peer."),
    (PEER_BYTES, Kind::Counter, "Bytes of envelopes written to the peer."),
    (
        PASSWORD_FAILURES,
        Kind::Counter,
        "Logins with a name and a password that were not a principal's.",
    ),
    (PEER_BEHIND, Kind::Gauge, "Records behind the end of the log that the peer acknowledged."),
    (HISTORY_WAITS, Kind::Counter, "Pages of older records for which the peer had to wait."),
    (
        CARRIED,
        Kind::Counter,
        "Envelopes carried to their home, by outcome: vouched, refused, lost.",
    ),
    (ACCESSES_RECORDED, Kind::Counter, "Accesses recorded in the access log, by kind."),
    (ACCESSES_WAITING, Kind::Gauge, "Accesses that wait to be recorded before they take place."),
    (LOG_ENTRIES, Kind::Gauge, "Entries of an own log, by log: control or access."),
    (LOG_COSIGNED, Kind::Gauge, "Entries of an own log that the peer has cosigned, by log."),
    (LOG_FAULTS, Kind::Counter, "Times a log of the peer was not to be trusted, by reason."),
    (FREE_BYTES, Kind::Gauge, "Bytes free on the disk of the data folder."),
    (CLOCK_BEHIND, Kind::Gauge, "The clock was set back by so much, seconds."),
    (MQTT_SESSIONS, Kind::Gauge, "MQTT sessions, connected or remembered."),
    (MQTT_RETAINED, Kind::Gauge, "Topics with a retained message."),
    (MQTT_RETAINED_DROPPED, Kind::Counter, "Messages not retained, or not sent as such."),
    (MQTT_SHARED_LOST, Kind::Counter, "Messages of a share that nobody was given."),
    (CERTIFICATE_RENEWALS, Kind::Counter, "Times a certificate was replaced, by outcome."),
    (MQTT_WILLS, Kind::Counter, "Wills that were due, by outcome."),
    (ERRANDS_WAITING, Kind::Gauge, "Errands that wait for a steward's answer."),
    (ERRANDS, Kind::Counter, "Errands to stewards, by outcome: taken, answered, expired."),
    (RESIDENT_BYTES, Kind::Gauge, "Resident memory of the process, bytes."),
];

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// Installs the recorder of this process.
///
/// # Errors
/// A recorder is installed already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let seconds = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0];
    let records = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(APPEND_SECONDS.to_owned()), &seconds)?
        .set_buckets_for_metric(Matcher::Full(APPEND_RECORDS.to_owned()), &records)?
        .install_recorder()?;
    for (name, kind, help) in CATALOGUE {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *help),
            Kind::Histogram => metrics::describe_histogram!(*name, *help),
        }
    }
    Ok(handle)
}

pub(crate) fn admitted(via: &'static str, samples: u32, bytes: usize) {
    counter!(ADMITTED, "via" => via).increment(1);
    counter!(SAMPLES).increment(u64::from(samples));
    counter!(BYTES_IN).increment(bytes as u64);
}

/// Envelopes without samples that came together.
pub(crate) fn admitted_all(via: &'static str, count: usize, bytes: usize) {
    counter!(ADMITTED, "via" => via).increment(count as u64);
    counter!(BYTES_IN).increment(bytes as u64);
}

pub(crate) fn refused(code: RefusalCode) {
    counter!(REFUSED, "code" => code.name()).increment(1);
}

pub(crate) fn subscription_ended(code: RefusalCode) {
    counter!(SUBSCRIPTIONS_ENDED, "code" => code.name()).increment(1);
}

pub(crate) fn delivered(records: u64, bytes: u64) {
    counter!(DELIVERED).increment(records);
    counter!(BYTES_OUT).increment(bytes);
}

pub(crate) fn gap(reason: &'static str) {
    counter!(GAPS, "reason" => reason).increment(1);
}

pub(crate) fn withheld(records: u32) {
    counter!(WITHHELD).increment(records.into());
}

pub(crate) fn appended(records: u32, took: Duration) {
    histogram!(APPEND_SECONDS).record(took.as_secs_f64());
    histogram!(APPEND_RECORDS).record(f64::from(records));
}

pub(crate) fn access_logged(kind: AccessKind) {
    counter!(ACCESSES_RECORDED, "kind" => kind.name()).increment(1);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; 2^53 is beyond every value here"
)]
pub(crate) fn access_waits(records: u64) {
    gauge!(ACCESSES_WAITING).increment(records as f64);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; 2^53 is beyond every value here"
)]
pub(crate) fn access_waited(records: u64) {
    gauge!(ACCESSES_WAITING).decrement(records as f64);
}

pub(crate) fn password_failed() {
    counter!(PASSWORD_FAILURES).increment(1);
}

pub(crate) fn handshake_failed(reason: &'static str) {
    counter!(HANDSHAKE_FAILURES, "reason" => reason).increment(1);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; 2^53 is beyond every value here"
)]
pub(crate) fn set(name: &'static str, value: u64) {
    gauge!(name).set(value as f64);
}

pub(crate) fn count(name: &'static str) {
    counter!(name).increment(1);
}

pub(crate) fn certificate_renewal(outcome: &'static str) {
    counter!(CERTIFICATE_RENEWALS, "outcome" => outcome).increment(1);
}

pub(crate) fn mqtt_will(outcome: &'static str) {
    counter!(MQTT_WILLS, "outcome" => outcome).increment(1);
}

pub(crate) fn errand(outcome: &'static str) {
    counter!(ERRANDS, "outcome" => outcome).increment(1);
}

pub(crate) fn change(name: &'static str, by: f64) {
    gauge!(name).increment(by);
}

pub(crate) fn link_up(peer: &str, up: bool) {
    gauge!(LINK_UP, "peer" => peer.to_owned()).set(if up { 1.0 } else { 0.0 });
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; 2^53 is beyond every value here"
)]
pub(crate) fn link_lag(peer: &str, records: u64) {
    gauge!(LINK_LAG, "peer" => peer.to_owned()).set(records as f64);
}

pub(crate) fn link_record(peer: &str, bytes: usize, delay: Duration) {
    counter!(LINK_RECORDS, "peer" => peer.to_owned()).increment(1);
    counter!(LINK_BYTES, "peer" => peer.to_owned()).increment(bytes as u64);
    gauge!(LINK_DELAY, "peer" => peer.to_owned()).set(delay.as_secs_f64());
}

pub(crate) fn link_heard(peer: &str, ago: Duration) {
    gauge!(LINK_HEARD, "peer" => peer.to_owned()).set(ago.as_secs_f64());
}

pub(crate) fn link_interests(peer: &str, count: usize) {
    set_of(LINK_INTERESTS, peer, count as u64);
}

pub(crate) fn link_refused(peer: &str, code: RefusalCode, count: u64) {
    counter!(LINK_REFUSED, "peer" => peer.to_owned(), "code" => code.name()).increment(count);
}

pub(crate) fn link_dropped(peer: &str, reason: &'static str) {
    counter!(LINK_DROPPED, "peer" => peer.to_owned(), "reason" => reason).increment(1);
}

pub(crate) fn link_gap(peer: &str, reason: &'static str) {
    counter!(LINK_GAPS, "peer" => peer.to_owned(), "reason" => reason).increment(1);
}

pub(crate) fn link_hangup(peer: &str, reason: &'static str) {
    counter!(LINK_HANGUPS, "peer" => peer.to_owned(), "reason" => reason).increment(1);
}

pub(crate) fn link_waits(peer: &str, budget: &'static str, count: u64) {
    counter!(LINK_WAITS, "peer" => peer.to_owned(), "budget" => budget).increment(count);
}

pub(crate) fn link_witnessed(peer: &str) {
    counter!(LINK_WITNESSED, "peer" => peer.to_owned()).increment(1);
}

pub(crate) fn peer_interests(peer: &str, count: u32) {
    set_of(PEER_INTERESTS, peer, count.into());
}

pub(crate) fn peer_delivered(peer: &str, records: u64, bytes: u64) {
    counter!(PEER_RECORDS, "peer" => peer.to_owned()).increment(records);
    counter!(PEER_BYTES, "peer" => peer.to_owned()).increment(bytes);
}

pub(crate) fn peer_behind(peer: &str, records: u64) {
    set_of(PEER_BEHIND, peer, records);
}

pub(crate) fn history_waits(peer: &str) {
    counter!(HISTORY_WAITS, "peer" => peer.to_owned()).increment(1);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; 2^53 is beyond every value here"
)]
fn set_of(name: &'static str, peer: &str, value: u64) {
    gauge!(name, "peer" => peer.to_owned()).set(value as f64);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; 2^53 is beyond every value here"
)]
pub(crate) fn log_entries(log: &LogName, size: u64) {
    gauge!(LOG_ENTRIES, "log" => word_of(log)).set(size as f64);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; 2^53 is beyond every value here"
)]
pub(crate) fn cosigned(peer: &str, log: &LogName, size: u64) {
    gauge!(LOG_COSIGNED, "peer" => peer.to_owned(), "log" => word_of(log)).set(size as f64);
}

pub(crate) fn carried(home: &str, outcome: &'static str) {
    counter!(CARRIED, "home" => home.to_owned(), "outcome" => outcome).increment(1);
}

pub(crate) fn log_fault(peer: &str, reason: &'static str) {
    counter!(LOG_FAULTS, "peer" => peer.to_owned(), "reason" => reason).increment(1);
}

const fn word_of(log: &LogName) -> &'static str {
    match log {
        LogName::Control(_) => "control",
        LogName::Access(_) => "access",
    }
}
