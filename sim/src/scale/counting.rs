//! What crosses links, by what it is for.

use std::ops::{Add, Sub};

use sekisho_proto::Frame;

/// Frames and their bytes, length prefix included. What QUIC and UDP add is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

/// What has crossed a link in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Hello, Welcome, Goodbye.
    pub(super) greeting: Count,
    /// Statements and what asks for them.
    pub(super) statements: Count,
    /// Checkpoints and what answers them.
    pub(super) checkpoints: Count,
    /// What is asked for and what is answered to that.
    pub(super) interest: Count,
    /// Credit and acknowledgements.
    pub(super) flow: Count,
    pub(super) records: Count,
    /// Of these, the envelopes alone.
    pub(super) envelope_bytes: u64,
    /// Pings and everything else.
    pub(super) idle: Count,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            frames: self.frames.saturating_add(other.frames),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl Sub for Count {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            frames: self.frames.saturating_sub(other.frames),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

impl Traffic {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is between clients and nodes")]
    pub(super) fn note(&mut self, frame: &Frame, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let count = match frame {
            Frame::Hello(_) | Frame::Welcome(_) | Frame::Goodbye(_) => &mut self.greeting,
            Frame::Follow(_) | Frame::Statements(_) => &mut self.statements,
            Frame::Checkpoint(_) | Frame::Cosigned(_) => &mut self.checkpoints,
            Frame::Subscribe(_)
            | Frame::Subscribed(_)
            | Frame::Unsubscribe(_)
            | Frame::Refused(_) => &mut self.interest,
            Frame::Credit(_) | Frame::Acknowledge(_) => &mut self.flow,
            Frame::Record(record) => {
                let envelope = u64::try_from(record.envelope.len()).unwrap_or(u64::MAX);
                self.envelope_bytes = self.envelope_bytes.saturating_add(envelope);
                &mut self.records
            }
            _ => &mut self.idle,
        };
        count.add(bytes);
    }

    /// What a change of interest or of rights makes: everything but records, credit for them and
    /// signs of life.
    pub(super) fn of_changes(&self) -> Count {
        self.greeting + self.statements + self.checkpoints + self.interest
    }

    /// What records make.
    pub(super) fn of_records(&self) -> Count {
        self.records + self.flow
    }
}
