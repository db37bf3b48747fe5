//! Publish and subscribe to signed, sealed sensor streams over a Sekisho node.
//!
//! A [`Client`] holds one session with its organisation's node and reconnects by itself. A
//! [`Publisher`] gathers samples, seals them to the readers of the topic's epoch, signs them and
//! keeps them, on disk where asked to, until the node has stored them. A [`Subscription`] yields
//! messages whose publisher is proven by signed statements, and tells every gap. The node is
//! trusted with delivery and with nothing else.
//!
//! ```no_run
//! # use sekisho::{Client, ClientOptions, Delivery};
//! # async fn example(sample: sekisho::Sample) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::open("truck-17", ClientOptions::default()).await?;
//! let publisher = client.publisher("fujisawa/truck/17/air".parse()?).spool("spool").start().await?;
//! publisher.publish(sample).await?;
//! let mut readings = client.subscribe("fujisawa/truck/+/air".parse()?).start().await?;
//! while let Some(delivery) = readings.next().await {
//!     match delivery? {
//!         Delivery::Message(message) => println!("{}: {:?}", message.publisher, message.samples()?),
//!         Delivery::Gap(gap) => eprintln!("missed {} to {}: {}", gap.from, gap.to, gap.reason),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

pub mod audit;
mod backoff;
mod chain;
mod client;
pub mod clock;
mod config_fault;
pub mod connection;
mod discover;
mod enrol;
mod entropy;
mod fingerprint;
mod follow;
pub mod framing;
mod message;
mod options;
mod profile;
mod publisher;
mod query;
mod refusal;
mod session;
mod subscription;
mod timer;
pub mod tls;
mod token;
mod trust;

pub use client::{Client, OpenError};
pub use config_fault::ConfigFault;
pub use connection::{ChannelError, ConnectError, Endpoint, Via};
pub use discover::{DISCOVER_MAX, Discovered, DiscoveredTopic};
pub use enrol::{EnrolError, Enrolled, check_admission, join};
pub use entropy::OsEntropy;
pub use fingerprint::{Fingerprint, FingerprintError};
pub use follow::{Followed, Follower};
pub use message::{BodyError, Delivery, Gap, Message, RejectReason};
pub use options::{ClientOptions, Trust};
pub use profile::{IDENTITY_FILE, PROFILE_FILE, Profile, ProfileError};
pub use publisher::{
    Batch, Lost, Phase, PublishError, Publisher, PublisherBuilder, PublisherState, SealingError,
    SpoolError, Unencodable,
};
pub use query::QueryError;
pub use refusal::Refusal;
pub use sekisho_proto::{
    BootId, ContentType, CursorName, Epoch, Filter, GapReason, Hash, Offset, OrgName, Position,
    PrincipalId, PrincipalName, PublicKey, RefusalCode, Sample, SampleValue, Scope, Sequence,
    Statement, StatementIndex, Timestamp, Topic, TransducerName, Unit, Value,
    frame::{AnswerBody, Question, Start},
};
pub use sekisho_seal::{Identity, KeyFile, SigningKey};
pub use session::Closed;
pub use subscription::{HistoryBuilder, SubscribeError, Subscription, SubscriptionBuilder};
pub use token::{JoinSecret, JoinToken, TokenError};
pub use trust::{TrustError, WITNESSES_FILE};
