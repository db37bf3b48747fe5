//! `grant`, `deny`, `describe`: sentences that the administrator reads, signs and submits.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use sekisho::clock;
use sekisho_proto::statement::{Deny, Grant, Location, StreamDescriptor, Transducer};
use sekisho_proto::{
    Actions, Filter, Grantee, OrgName, StatementBody, StreamClass, Timestamp, Topic,
};

use crate::command::Common;
use crate::command::revoke::{self, Patience};
use crate::command::signing::{Author, Signing};
use crate::exit::Exit;
use crate::fault;

/// Give somebody a right.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho grant dashboard@santander subscribe,decrypt 'fujisawa/truck/#' --dir fujisawa
  sekisho grant '*@santander' discover 'fujisawa/truck/#' --until 2027-04-01 --yes --dir fujisawa
  sekisho grant role/family@fujisawa subscribe,decrypt 'fujisawa/home/12/alarm/#' --dir fujisawa
  sekisho grant truck-17@fujisawa publish 'fujisawa/truck/17/#' --rate 50 --dir fujisawa

What it would do is shown in plain words before it is signed. On a terminal you are asked; without \
one it is signed, unless there is a warning: then --yes is needed. Warnings are given for every \
topic at once, everybody of another organisation, rights to grant or administer, --onward, and \
history without --history-from. `sekisho diff grant` shows the same and signs nothing.

Another organisation's principals reach our topics where a peering exports them, too.")]
pub(crate) struct GrantCommand {
    #[command(flatten)]
    terms: GrantTerms,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

/// What a grant says.
#[derive(Debug, Args)]
pub(crate) struct GrantTerms {
    /// Who: name@organisation, *@organisation for everybody there, or role/name@organisation.
    grantee: Grantee,
    /// What: publish, subscribe, history, decrypt, discover, grant, bridge, administer;
    /// several with commas.
    actions: Actions,
    /// On which topics, such as 'fujisawa/truck/+/air'.
    filter: Filter,
    /// What for, in words for people.
    #[arg(long, default_value = "")]
    purpose: String,
    /// From when on: a day (UTC) or RFC 3339; default now.
    #[arg(long, value_parser = day_or_time)]
    from: Option<Timestamp>,
    /// Until when: a day (UTC) or RFC 3339; default until revoked.
    #[arg(long, value_parser = day_or_time)]
    until: Option<Timestamp>,
    /// With history: records received since then; default all that is kept.
    #[arg(long, value_parser = day_or_time)]
    history_from: Option<Timestamp>,
    /// The grantee's organisation may pass it on.
    #[arg(long)]
    onward: bool,
    /// Envelopes per second at most.
    #[arg(long)]
    rate: Option<u32>,
}

/// Forbid somebody something; wins over every grant.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sekisho deny dashboard@santander subscribe 'fujisawa/truck/17/#' --reason 'asked by the driver'

Take it back with `sekisho revoke` and the statement's id, as `sekisho what --json` lists it.

Waits until the topics that it keeps somebody from opening are sealed to new keys, and every peer has \
applied it, and says when. Ends with 5 where the statement stands and one of these was not confirmed \
in time: peers that are cut off apply it when they are back.")]
pub(crate) struct DenyCommand {
    #[command(flatten)]
    terms: DenyTerms,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

/// What a deny says.
#[derive(Debug, Args)]
pub(crate) struct DenyTerms {
    /// Who: name@organisation, *@organisation for everybody there, or role/name@organisation.
    grantee: Grantee,
    /// What, several with commas.
    actions: Actions,
    /// On which topics.
    filter: Filter,
    /// Why, for those who read it later.
    #[arg(long, default_value = "")]
    reason: String,
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
    /// Where it stands, degrees north and east, such as 35.3389,139.4870.
    #[arg(long, value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true)]
    #[arg(conflicts_with = "mobile")]
    location: Option<Standing>,
    /// Days its records are kept; default the node's.
    #[arg(long)]
    retention_days: Option<u32>,
    /// A transducer as name=unit (UCUM), such as pm2_5=ug/m3, and as name= where it has no unit, such
    /// as state=; may be repeated.
    #[arg(long = "transducer", value_name = "NAME=UNIT")]
    transducers: Vec<Described>,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
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

/// A place as an argument.
#[derive(Debug, Clone, Copy)]
struct Standing(Location);

impl FromStr for Standing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "wanted degrees north and east, such as 35.3389,139.4870";
        let (north, east) = text.split_once(',').ok_or(wanted)?;
        let units = |degrees: &str, most: f64| {
            let number: f64 = degrees.trim().parse().ok()?;
            let on_earth = number.abs() <= most;
            on_earth.then(|| format!("{:.0}", number * 1e7).parse::<i32>().ok())?
        };
        let latitude_e7 = units(north, 90.0).ok_or(wanted)?;
        let longitude_e7 = units(east, 180.0).ok_or(wanted)?;
        Ok(Self(Location { latitude_e7, longitude_e7 }))
    }
}

/// A time as an argument: a day of it begins at midnight in UTC.
pub(crate) fn day_or_time(text: &str) -> Result<Timestamp, String> {
    let day = || format!("{text}T00:00:00Z").parse();
    text.parse().or_else(|_not_a_time| day()).map_err(|_neither| {
        "wanted a day such as 2026-12-20, or RFC 3339 such as 2026-12-20T14:30:00Z".to_owned()
    })
}

impl GrantTerms {
    /// Whose topics it is about.
    pub(crate) fn owner(&self) -> &OrgName {
        self.filter.organisation()
    }

    /// A right that ends before it begins is a slip of the pen.
    ///
    /// # Errors
    /// It is one, in words.
    pub(crate) fn check(&self, now: Timestamp) -> Result<()> {
        let from = self.from.unwrap_or(now);
        match self.until.filter(|until| *until <= from) {
            Some(until) => {
                Err(fault::usage(format!("--until: wanted a time after {from}, found {until}")))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn body(self, now: Timestamp) -> StatementBody {
        StatementBody::Grant(Grant {
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
        })
    }
}

impl DenyTerms {
    /// Whose topics it is about.
    pub(crate) fn owner(&self) -> &OrgName {
        self.filter.organisation()
    }

    pub(crate) fn body(self, now: Timestamp) -> StatementBody {
        StatementBody::Deny(Deny {
            organisation: self.filter.organisation().clone(),
            grantee: self.grantee,
            actions: self.actions,
            filter: self.filter,
            reason: self.reason,
            issued: now,
        })
    }
}

impl GrantCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        self.terms.check(clock::now())?;
        let author = Author::open(&self.common, self.terms.owner()).await?;
        author.conclude(self.terms.body(clock::now()), &self.signing).await
    }
}

impl DenyCommand {
    pub(crate) async fn run(self) -> Result<Exit> {
        let author = Author::open(&self.common, self.terms.owner()).await?;
        let proposal = author.weigh(self.terms.body(clock::now())).await;
        revoke::conclude(author, &[proposal], &self.signing, self.patience).await
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
            location: self.location.map(|Standing(location)| location),
            retention_s: self.retention_days.map(|days| u64::from(days) * 86_400),
            transducers: self.transducers.into_iter().map(|Described(one)| one).collect(),
            issued: clock::now(),
        });
        author.conclude(body, &self.signing).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transducer_has_a_name_and_a_unit() {
        let Described(transducer) = "pm2_5=ug/m3".parse().unwrap();
        assert_eq!((transducer.name.as_str(), transducer.unit.as_str()), ("pm2_5", "ug/m3"));
        assert!("pm2_5".parse::<Described>().unwrap_err().contains("NAME=UNIT"));
    }

    #[test]
    fn a_place_is_north_and_east() {
        let Standing(place) = "35.3389, -139.487".parse().unwrap();
        assert_eq!((place.latitude_e7, place.longitude_e7), (353_389_000, -1_394_870_000));
        for text in ["", "35", "95,0", "0,181", "nan,0", "a,b", "1,2,3"] {
            assert!(text.parse::<Standing>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let day = day_or_time("2026-12-20").unwrap();
        assert_eq!(day, day_or_time("2026-12-20T09:00:00+09:00").unwrap());
        assert!(day_or_time("20 Dec").unwrap_err().contains("2026-12-20"));
    }
}
