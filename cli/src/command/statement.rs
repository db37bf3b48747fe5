//! `grant`, `deny`, `revoke`, `describe`: sentences that the administrator signs and submits.

use std::collections::BTreeSet;
use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use sekisho::{Client, clock};
use sekisho_proto::frame::Question;
use sekisho_proto::statement::{Deny, Grant, Revoke, RevokeTarget, StreamDescriptor, Transducer};
use sekisho_proto::{
    Actions, Filter, Grantee, Hash, OrgName, PrincipalId, PrincipalName, StatementBody,
    StreamClass, Timestamp, Topic,
};
use serde_json::json;

use crate::access::{Access, document};
use crate::command::Common;
use crate::command::question::part;
use crate::exit::Exit;
use crate::organisation::signed;
use crate::{fault, output};

/// Give somebody a right.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho grant dashboard@santander subscribe,history,decrypt 'fujisawa/truck/#' --dir fujisawa
  sekisho grant '*@santander' discover 'fujisawa/#' --until 2027-04-01T00:00:00Z --dir fujisawa
  sekisho grant truck-17@fujisawa publish 'fujisawa/truck/17/#' --rate 50 --dir fujisawa

Another organisation's principals reach our topics where a peering exports them, too.")]
pub(crate) struct GrantCommand {
    /// Who: name@organisation, or *@organisation for everybody there.
    grantee: Grantee,
    /// What: publish, subscribe, history, decrypt, discover, grant, bridge, administer;
    /// several with commas.
    actions: Actions,
    /// On which topics, such as 'fujisawa/truck/+/air'.
    filter: Filter,
    /// What for.
    #[arg(long, default_value = "")]
    purpose: String,
    /// From when on: RFC 3339; default now.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Until when: RFC 3339; default until revoked.
    #[arg(long)]
    until: Option<Timestamp>,
    /// With history: records received since then; default all that is kept.
    #[arg(long)]
    history_from: Option<Timestamp>,
    /// The grantee's organisation may pass it on.
    #[arg(long)]
    onward: bool,
    /// Envelopes per second at most.
    #[arg(long)]
    rate: Option<u32>,
    #[command(flatten)]
    common: Common,
}

/// Forbid somebody something; wins over every grant.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sekisho deny dashboard@santander subscribe 'fujisawa/truck/17/#' --reason 'asked by the driver'

Take it back with `sekisho revoke` and the statement's id, as `sekisho what --json` lists it.")]
pub(crate) struct DenyCommand {
    /// Who: name@organisation, or *@organisation for everybody there.
    grantee: Grantee,
    /// What, several with commas.
    actions: Actions,
    /// On which topics.
    filter: Filter,
    /// Why, for those who read it later.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    common: Common,
}

/// Take back a statement, or all that a principal may do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho revoke truck-17@fujisawa --reason stolen --dir fujisawa
  sekisho revoke 231cb43d79ec71c7062a9005814aa85e06ae09be9accf806868e8e8cb8468528 --dir fujisawa

A revoked key stays revoked: to come back, the principal joins again with a new token.")]
pub(crate) struct RevokeCommand {
    /// The statement's id (64 hexadecimal digits) or the principal's name (name@organisation).
    target: Target,
    /// Why, for those who read it later.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    common: Common,
}

/// Describe a topic: what it carries and how it is protected.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho describe fujisawa/truck/17/air --type weather --transducer pm2_5=ug/m3 --mobile
  sekisho describe fujisawa/tide --class open --retention-days 3650 --dir fujisawa")]
pub(crate) struct Describe {
    /// The topic.
    topic: Topic,
    /// The kind of device, such as 'outdoor weather'.
    #[arg(long = "type", value_name = "TYPE", default_value = "")]
    device_type: String,
    /// A title for people.
    #[arg(long, default_value = "")]
    title: String,
    /// open (signed, not sealed), restricted or personal.
    #[arg(long, default_value = "restricted")]
    class: StreamClass,
    /// It moves.
    #[arg(long)]
    mobile: bool,
    /// Days its records are kept; default the node's.
    #[arg(long)]
    retention_days: Option<u32>,
    /// A transducer as name=unit (UCUM), such as pm2_5=ug/m3; may be repeated.
    #[arg(long = "transducer", value_name = "NAME=UNIT")]
    transducers: Vec<Described>,
    #[command(flatten)]
    common: Common,
}

/// What a revocation is about.
#[derive(Debug, Clone)]
enum Target {
    Statement(Hash),
    Principal(PrincipalName),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Statement(id));
        }
        let name = text.parse().map(Self::Principal);
        name.map_err(|_error| "wanted 64 hexadecimal digits or name@organisation".to_owned())
    }
}

/// A transducer as an argument.
#[derive(Debug, Clone)]
struct Described(Transducer);

impl FromStr for Described {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, unit) = text.split_once('=').ok_or("wanted NAME=UNIT, such as pm2_5=ug/m3")?;
        Ok(Self(Transducer {
            name: name.parse().map_err(|error| format!("{error}"))?,
            title: String::new(),
            unit: unit.parse().map_err(|error| format!("{error}"))?,
            minimum: String::new(),
            maximum: String::new(),
            resolution: String::new(),
            accuracy: String::new(),
        }))
    }
}

impl GrantCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        let author = Author::open(&self.common, self.filter.organisation()).await?;
        let now = clock::now();
        if let Grantee::Principal(name) = &self.grantee {
            author.note_where_unknown(name).await;
        }
        let body = StatementBody::Grant(Grant {
            organisation: self.filter.organisation().clone(),
            grantee: self.grantee,
            actions: self.actions,
            filter: self.filter,
            purpose: self.purpose,
            issued: now,
            from: self.from.unwrap_or(now),
            until: self.until,
            history_from: self.history_from,
            onward: self.onward,
            rate_per_s: self.rate,
        });
        author.finish(body).await
    }
}

impl DenyCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        let author = Author::open(&self.common, self.filter.organisation()).await?;
        if let Grantee::Principal(name) = &self.grantee {
            author.note_where_unknown(name).await;
        }
        let body = StatementBody::Deny(Deny {
            organisation: self.filter.organisation().clone(),
            grantee: self.grantee,
            actions: self.actions,
            filter: self.filter,
            reason: self.reason,
            issued: clock::now(),
        });
        author.finish(body).await
    }
}

impl RevokeCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        let access = Access::of(&self.common)?;
        let own = access.profile.principal.organisation().clone();
        let client = access.connect().await?;
        let author = Author { access, client, json: self.common.json };
        let revoke = |target| {
            StatementBody::Revoke(Revoke {
                organisation: own.clone(),
                target,
                reason: self.reason.clone(),
                issued: clock::now(),
            })
        };
        let name = match &self.target {
            Target::Statement(id) => {
                return author.finish(revoke(RevokeTarget::Statement(*id))).await;
            }
            Target::Principal(name) => name,
        };
        // Somebody who joined twice has two keys: the node names the newest that is in force.
        let mut ended = BTreeSet::new();
        while let Some(id) = author.key_of(name).await?
            && ended.insert(id)
        {
            author.state(revoke(RevokeTarget::Principal(id))).await?;
        }
        author.client.close().await;
        if ended.is_empty() {
            return Err(fault::no(format!("{name}: wanted a principal that joined, found none")));
        }
        Ok(Exit::Done)
    }
}

impl Describe {
    pub(crate) async fn run(self) -> Result<Exit> {
        let author = Author::open(&self.common, self.topic.organisation()).await?;
        let body = StatementBody::StreamDescriptor(StreamDescriptor {
            organisation: self.topic.organisation().clone(),
            topic: self.topic,
            device_type: self.device_type,
            title: self.title,
            class: self.class,
            mobile: self.mobile,
            location: None,
            retention_s: self.retention_days.map(|days| u64::from(days) * 86_400),
            transducers: self.transducers.into_iter().map(|Described(one)| one).collect(),
            issued: clock::now(),
        });
        author.finish(body).await
    }
}

/// Signs statements with a folder's key and submits them to its node.
pub(crate) struct Author {
    pub(crate) access: Access,
    pub(crate) client: Client,
    pub(crate) json: bool,
}

impl Author {
    /// Connects; what is to be stated is about this organisation's topics.
    async fn open(common: &Common, about: &OrgName) -> Result<Self> {
        let access = Access::of(common)?;
        let who = &access.profile.principal;
        if who.organisation() != about {
            let own = who.organisation();
            return Err(fault::usage(format!(
                "{who}: wanted topics of {own}, found some of {about}"
            )));
        }
        let client = access.connect().await?;
        Ok(Self { access, client, json: common.json })
    }

    async fn key_of(&self, name: &PrincipalName) -> Result<Option<PrincipalId>> {
        let question = Question::What { principal: name.clone(), at: None };
        let found = document(&self.client, question).await?;
        Ok(part(&found, "id").as_str().and_then(|id| id.parse().ok()))
    }

    /// A right may be given before its holder joins; a slip of the pen looks the same.
    async fn note_where_unknown(&self, name: &PrincipalName) {
        if let Ok(None) = self.key_of(name).await {
            output::aside(format!("note: {name} has not joined, as far as is known here"));
        }
    }

    async fn state(&self, body: StatementBody) -> Result<()> {
        let statement = signed(body, self.access.identity.signing());
        let index = self.client.state(&statement).await?;
        let id = statement.id();
        if self.json {
            output::json(&json!({ "statement": id.to_string(), "index": index.value() }));
        } else {
            let kind = statement.kind().name();
            output::line(format!("{kind} {id} stands at {index} in the control log"));
        }
        Ok(())
    }

    /// States, and ends the session.
    pub(crate) async fn finish(self, body: StatementBody) -> Result<Exit> {
        self.state(body).await?;
        self.client.close().await;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_about_a_statement_or_a_principal() {
        let id = "ab".repeat(32);
        assert!(matches!(id.parse(), Ok(Target::Statement(_))));
        assert!(matches!("truck-17@fujisawa".parse(), Ok(Target::Principal(_))));
        assert!("truck-17".parse::<Target>().unwrap_err().contains("name@organisation"));
    }

    #[test]
    fn a_transducer_has_a_name_and_a_unit() {
        let Described(transducer) = "pm2_5=ug/m3".parse().unwrap();
        assert_eq!((transducer.name.as_str(), transducer.unit.as_str()), ("pm2_5", "ug/m3"));
        assert!("pm2_5".parse::<Described>().unwrap_err().contains("NAME=UNIT"));
    }
}
