//! What happens around the door, whatever brings an envelope: rates are counted, and a key header that
//! is seen for the first time is on the disk before the envelope goes on.

use std::sync::Arc;

use sekisho_proto::{KeyHeader, PrincipalId, Timestamp};
use tokio::task::spawn_blocking;

use super::{Carrier, Entry, Hub, Parcel, Refusal, internal, metrics};
use crate::clock;

impl Hub {
    /// Takes a parcel through the door; a key header seen for the first time is stored on the way.
    ///
    /// # Errors
    /// The first rule the envelope breaks, or the disk's refusal.
    pub async fn admit(&self, parcel: Parcel, now: Timestamp) -> Result<Entry, Refusal> {
        let bytes = parcel.envelope.len();
        let (entry, via) = self.judge(parcel, now)?;
        self.keep_entry(entry, (via, bytes)).await
    }

    /// Takes parcels that came together through the door, in their order; all key headers that are
    /// seen for the first time are stored with one flush, so that one that came with a parcel is
    /// not known yet to those behind it.
    pub(crate) async fn admit_together(&self, parcels: Vec<Parcel>) -> Vec<Result<Entry, Refusal>> {
        let (mut verdicts, mut fresh) = (Vec::with_capacity(parcels.len()), Vec::new());
        for parcel in parcels {
            let bytes = parcel.envelope.len();
            let verdict = self.judge(parcel, clock::now());
            if let Ok((entry, _via)) = &verdict {
                fresh.extend(entry.new_key_header.clone());
            }
            verdicts.push(verdict.map(|(entry, via)| (entry, via, bytes)));
        }
        let kept = self.keep_key_headers(fresh).await;
        let told = verdicts.into_iter().map(|verdict| {
            let (entry, via, bytes) = verdict?;
            if entry.new_key_header.is_some() {
                kept.clone()?;
            }
            note_admitted(&entry, via, bytes);
            Ok(entry)
        });
        told.collect()
    }

    /// What the door says of a parcel, and what brought it; nothing is stored.
    fn judge(&self, parcel: Parcel, now: Timestamp) -> Result<(Entry, &'static str), Refusal> {
        let via = self.arrived(&parcel.carrier, now)?;
        let bytes = parcel.envelope.len();
        let carrier = parcel.carrier.principal();
        let policy = self.authority.snapshot();
        let entry = self.ingress.admit(&policy, parcel, now)?;
        self.count_run(carrier, &entry, now)?;
        self.count_rates(&entry, bytes, now)?;
        Ok((entry, via))
    }

    /// Takes one parcel of whoever is connected; what brought it.
    pub(super) fn arrived(
        &self,
        carrier: &Carrier,
        now: Timestamp,
    ) -> Result<&'static str, Refusal> {
        match carrier {
            Carrier::Principal(principal) => {
                self.rates.arrive(principal, now)?;
                Ok("session")
            }
            Carrier::Peer(_) => Ok("link"),
        }
    }

    /// What remains of letting in what is in order: rates, and the key header on the disk.
    pub(super) async fn keep_up(
        &self,
        entry: Entry,
        (via, bytes): (&'static str, usize),
        now: Timestamp,
    ) -> Result<Entry, Refusal> {
        self.count_rates(&entry, bytes, now)?;
        self.keep_entry(entry, (via, bytes)).await
    }

    /// What begins at this node; what a link brings is in the bytes that the contract allows.
    pub(super) fn count_run(
        &self,
        carrier: Option<PrincipalId>,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match (carrier, &entry.new_key_header) {
            (Some(carrier), Some(_)) => self.rates.begin_run(&carrier, &entry.publisher, now),
            (Some(_), None) | (None, _) => Ok(()),
        }
    }

    fn count_rates(&self, entry: &Entry, bytes: usize, now: Timestamp) -> Result<(), Refusal> {
        match (&entry.carried, entry.rate_per_s) {
            (Some(carried), _) => self.count_carried(entry, carried, bytes, now),
            (None, Some(granted)) => self.rates.publish(&entry.publisher, granted, now),
            (None, None) => Ok(()),
        }
    }

    async fn keep_entry(
        &self,
        entry: Entry,
        (via, bytes): (&'static str, usize),
    ) -> Result<Entry, Refusal> {
        self.keep_key_headers(entry.new_key_header.iter().cloned().collect()).await?;
        note_admitted(&entry, via, bytes);
        Ok(entry)
    }

    async fn keep_key_headers(&self, fresh: Vec<KeyHeader>) -> Result<(), Refusal> {
        if fresh.is_empty() {
            return Ok(());
        }
        let key_headers = Arc::clone(&self.key_headers);
        let stored = spawn_blocking(move || key_headers.keep(&fresh)).await;
        stored.map_err(|fault| internal("key header", &fault))?
    }
}

fn note_admitted(entry: &Entry, via: &'static str, bytes: usize) {
    let via = if entry.carried.is_some() { "carrier" } else { via };
    metrics::admitted(via, entry.sample_count, bytes);
}
