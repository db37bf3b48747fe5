//! What people look at: the trucks' topics in words, a visitor's way into Santander's dashboard, and
//! an administrator's into Fujisawa's console.

use anyhow::{Context as _, Result};
use sekisho::clock;
use sekisho_proto::limits::STATEMENTS_PER_STATE_MAX;
use sekisho_proto::statement::{StreamClass, StreamDescriptor, Transducer};
use sekisho_proto::{Statement, StatementBody};
use serde_json::{Value, json};

use super::cities::{Cities, City};
use super::fleet::TRANSDUCERS;
use super::people::TRUCKS;
use crate::access::Access;
use crate::launch::{arguments, run};
use crate::organisation::signed;

/// The visitor, who has a browser only.
const VISITOR: &str = "visitor";
/// The administrator, who has a browser only, too.
const OPERATOR: &str = "operator";
/// What the visitor may do, all of which has to be taken to blind them.
const RIGHTS: &str = "subscribe,history,decrypt,discover";
/// What the administrator may do, and on what.
const POWERS: &str = "administer,grant,discover";
const EVERYTHING: &str = "fujisawa/#";

/// Addresses to look at.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    /// Of Santander's node.
    dashboard: String,
    /// Of Fujisawa's.
    console: String,
    /// What blinds the visitor.
    deny: String,
}

impl Pages {
    /// Puts the trucks into words and invites the two; resolves when their links can be opened.
    pub(super) async fn open(cities: &Cities, trucks: u32) -> Result<Self> {
        let (here, there) = (&cities.fujisawa, &cities.santander);
        describe(here, trucks).await?;
        let visitor = invite(there, VISITOR).await?;
        let operator = invite(here, OPERATOR).await?;
        let grants = [(VISITOR, there, RIGHTS, TRUCKS), (OPERATOR, here, POWERS, EVERYTHING)];
        for (who, city, rights, topics) in grants {
            let who = format!("{who}@{}", city.name);
            let grant =
                arguments([&"grant", &who, &rights, &topics, &"--yes", &"--dir", &here.dir]);
            run("grant", grant).await?;
        }
        let program = std::env::current_exe().context("this program's own path")?;
        let deny = format!(
            "{} deny {VISITOR}@{} {RIGHTS} '{TRUCKS}' --yes --dir {}",
            program.display(),
            there.name,
            here.dir.display()
        );
        Ok(Self {
            dashboard: format!("{}/#join={visitor}", there.pages()),
            console: format!("{}/console#join={operator}", here.pages()),
            deny,
        })
    }

    /// Where the pages are, and what to click there.
    pub(super) fn words(&self) -> String {
        let Self { dashboard, console, deny } = self;
        if !sekisho_broker::are_pages_built() {
            return "\nThis program was made without its pages. To look at the trucks in a browser: \
                    npm ci && npm run build,\nthen build it again.\n"
                .to_owned();
        }
        format!(
            "\nDashboard, as a visitor of Santander:\n  {dashboard}\n\
             Console, as an administrator of Fujisawa:\n  {console}\n\
             Each link lets in whoever opens it first, within an hour. What to click:\n\
             1. In the dashboard, a truck: what it measures, who signed that, by which grant you see \
             it.\n\
             2. In the console, the rights: who reads the trucks, and why; take the visitor's away.\n\
             3. Or take them away here, and see the map go blank:\n   {deny}\n"
        )
    }

    /// The same for programs; links that let somebody in are for whoever sees the terminal.
    pub(super) fn document(&self) -> Value {
        let address = |link: &str| link.split('#').next().unwrap_or_default().to_owned();
        json!({ "dashboard": address(&self.dashboard), "console": address(&self.console) })
    }
}

/// A token for somebody, which admits whoever brings it.
async fn invite(city: &City, name: &str) -> Result<String> {
    let enrol = arguments([
        &"enrol",
        &name,
        &"--kind",
        &"person",
        &"--approve-matching",
        &"--json",
        &"--dir",
        &city.dir,
    ]);
    let said: Value = serde_json::from_str(&run("enrol", enrol).await?)?;
    let token = said.get("token").and_then(Value::as_str);
    Ok(token.context("enrol: wanted a token, found none")?.to_owned())
}

/// States what each truck is and measures, as few statements at a time as a node takes.
async fn describe(city: &City, trucks: u32) -> Result<()> {
    let access = Access::load(&city.dir)?;
    let client = access.connect().await?;
    let numbers: Vec<u32> = (1..=trucks).collect();
    for numbers in numbers.chunks(STATEMENTS_PER_STATE_MAX) {
        let statements: Vec<Statement> = numbers
            .iter()
            .map(|number| Ok(signed(descriptor(*number)?, access.identity.signing())))
            .collect::<Result<_>>()?;
        client.state_all(&statements).await?;
    }
    client.close().await;
    Ok(())
}

fn descriptor(truck: u32) -> Result<StatementBody> {
    let transducers = TRANSDUCERS.iter().map(|(name, unit, title, minimum, maximum)| {
        Ok(Transducer {
            name: name.parse()?,
            title: (*title).to_owned(),
            unit: unit.parse()?,
            minimum: (*minimum).to_owned(),
            maximum: (*maximum).to_owned(),
            resolution: String::new(),
            accuracy: String::new(),
        })
    });
    Ok(StatementBody::StreamDescriptor(StreamDescriptor {
        organisation: "fujisawa".parse()?,
        topic: format!("fujisawa/truck/{truck}/air").parse()?,
        device_type: "garbage truck".to_owned(),
        title: format!("Garbage truck {truck}"),
        class: StreamClass::Restricted,
        mobile: true,
        location: None,
        retention_s: None,
        transducers: transducers.collect::<Result<_>>()?,
        issued: clock::now(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_truck_can_be_put_into_words() {
        let StatementBody::StreamDescriptor(truck) = descriptor(7).unwrap() else {
            panic!("wanted a description")
        };
        assert_eq!(truck.topic.as_str(), "fujisawa/truck/7/air");
        assert_eq!(truck.transducers.len(), TRANSDUCERS.len());
        assert!(truck.transducers.iter().all(|transducer| !transducer.title.is_empty()));
    }

    #[test]
    fn a_report_tells_where_pages_were_and_lets_nobody_in() {
        let pages = Pages {
            dashboard: "http://127.0.0.1:1/#join=secret".to_owned(),
            console: "http://127.0.0.1:2/console#join=secret".to_owned(),
            deny: String::new(),
        };
        let wanted =
            json!({ "dashboard": "http://127.0.0.1:1/", "console": "http://127.0.0.1:2/console" });
        assert_eq!(pages.document(), wanted);
    }
}
