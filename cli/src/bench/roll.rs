//! Everybody: keys, names and rights, stated in bulk by their organisations' administrators, and
//! how each is connected.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sekisho::{
    Client, ClientOptions, Endpoint, Filter, OsEntropy, PrincipalName, Question, Statement,
    Subscription, Trust, clock,
};
use sekisho_proto::limits::STATEMENTS_PER_STATE_MAX;
use sekisho_proto::statement::Grant;
use sekisho_proto::{Action, Actions, Grantee, PrincipalKind, StatementBody, Suite};
use sekisho_seal::{Identity, KeyFile, KeyKind};
use tokio::task::JoinSet;

use super::ground::{Ground, HOME, PURPOSE, everything};
use super::plan::{Interest, Plan};
use crate::access::Access;
use crate::city::City;
use crate::organisation::{principal, signed};

/// Handshakes under way at a time.
pub(super) const AT_ONCE: usize = 64;
/// How long a handshake may take while hundreds are under way.
const CONNECT_MAX: Duration = Duration::from_secs(60);
/// What idle connections subscribe to is below this topic.
const NOBODY: &str = "bench/nobody";

/// Somebody with a key, and where they go.
#[derive(Debug, Clone)]
pub(super) struct Member {
    name: PrincipalName,
    identity: Arc<Identity>,
    endpoint: Endpoint,
    trust: Trust,
}

/// All of them by what they do.
#[derive(Debug)]
pub(super) struct Roll {
    pub(super) trucks: Vec<Member>,
    pub(super) subscribers: Vec<Member>,
    idle: Vec<Member>,
}

/// Those who only stay.
#[derive(Debug, Default)]
pub(super) struct Idle {
    clients: Vec<(Client, Vec<Subscription>)>,
}

/// A city's administrator, who signs what is stated.
struct Desk {
    access: Access,
    statements: Vec<Statement>,
}

impl Roll {
    /// Draws all keys and states who they are and what they may.
    pub(super) async fn enrol(plan: &Plan, ground: &Ground) -> Result<Self> {
        let mut home = Desk::of(ground.home()?)?;
        let mut far = ground.far().iter().map(Desk::of).collect::<Result<Vec<_>>>()?;
        // Nobody seals to trucks and idle ones: a small key of theirs keeps the log short.
        let mut devices = |kind: &str, count| {
            let draw = |number| {
                let name = format!("{kind}-{number}");
                home.enrol(&name, PrincipalKind::Device, Suite::X25519Aes256Gcm)
            };
            (0..count).map(draw).collect::<Result<Vec<_>>>()
        };
        let (trucks, idle) = (devices("truck", plan.trucks)?, devices("idle", plan.connections)?);
        for (number, truck) in trucks.iter().enumerate() {
            let topics = format!("{HOME}/truck/{number}/#").parse()?;
            home.grant(&truck.name, Action::Publish.into(), topics);
        }
        for (number, member) in idle.iter().enumerate().filter(|_| plan.subscriptions > 0) {
            let topics = format!("{NOBODY}/{number}/#").parse()?;
            home.grant(&member.name, Action::Subscribe.into(), topics);
        }
        let mut subscribers = Vec::new();
        for number in 0..plan.subscribers {
            let place = usize::try_from(number)?.checked_rem(far.len()).unwrap_or_default();
            let desk = far.get_mut(place).unwrap_or(&mut home);
            let suite = Identity::KEM_SUITE_DEFAULT;
            let name = format!("subscriber-{number}");
            let member = desk.enrol(&name, PrincipalKind::App, suite)?;
            let actions = [Action::Subscribe, Action::History, Action::Decrypt];
            let actions = actions.into_iter().collect();
            home.grant(&member.name, actions, interest(plan, number)?);
            subscribers.push(member);
        }
        for desk in far {
            desk.state().await?;
        }
        home.state().await?;
        let roll = Self { trucks, subscribers, idle };
        roll.wait_for_rights(plan, ground).await?;
        Ok(roll)
    }

    /// Until the far nodes have heard what was granted.
    async fn wait_for_rights(&self, plan: &Plan, ground: &Ground) -> Result<()> {
        let count = ground.far().len();
        for (number, member) in (0..plan.subscribers).zip(&self.subscribers).rev().take(count) {
            let truck = number % plan.trucks;
            let granted = Question::Why {
                principal: member.name.clone(),
                action: Action::Subscribe,
                topic: format!("{HOME}/truck/{truck}/0").parse()?,
                at: None,
            };
            ground.of_subscriber(number)?.wait_until_allowed(granted).await?;
        }
        Ok(())
    }

    pub(super) async fn connect_idle(&self, plan: &Plan) -> Result<Idle> {
        let stay = |number: usize, client: Client| async move {
            let mut subscriptions = Vec::new();
            for topic in 0..plan.subscriptions {
                let filter: Filter = format!("{NOBODY}/{number}/{topic}").parse()?;
                subscriptions.push(client.subscribe(filter).start().await?);
            }
            anyhow::Ok((client, subscriptions))
        };
        let mut idle = Idle::default();
        for (number, client) in connect_all(&self.idle).await?.into_iter().enumerate() {
            idle.clients.push(stay(number, client).await?);
        }
        Ok(idle)
    }
}

/// What a subscriber subscribes to, by number.
pub(super) fn interest(plan: &Plan, subscriber: u32) -> Result<Filter> {
    let filter = match plan.interest {
        Interest::All => everything(),
        Interest::Own => format!("{HOME}/truck/{}/#", subscriber % plan.trucks),
    };
    Ok(filter.parse()?)
}

/// Connects many side by side; clients in the order of the members.
pub(super) async fn connect_all(members: &[Member]) -> Result<Vec<Client>> {
    let mut coming = JoinSet::new();
    let mut there = Vec::new();
    for (number, member) in members.iter().enumerate() {
        if coming.len() >= AT_ONCE
            && let Some(client) = coming.join_next().await
        {
            there.push(client??);
        }
        let member = member.clone();
        coming.spawn(async move { anyhow::Ok((number, member.connect().await?)) });
    }
    while let Some(client) = coming.join_next().await {
        there.push(client??);
    }
    there.sort_by_key(|(number, _client)| *number);
    Ok(there.into_iter().map(|(_number, client)| client).collect())
}

impl Member {
    async fn connect(&self) -> Result<Client> {
        let (endpoint, trust) = (self.endpoint.clone(), self.trust.clone());
        let identity = Arc::clone(&self.identity);
        let options =
            ClientOptions::default().software(crate::SOFTWARE).connect_timeout(CONNECT_MAX);
        let connected = Client::connect(endpoint, identity, trust, options).await;
        connected.with_context(|| self.name.to_string())
    }
}

impl Idle {
    pub(super) async fn leave(self) {
        let mut leaving = JoinSet::new();
        for (client, subscriptions) in self.clients {
            leaving.spawn(async move {
                drop(subscriptions);
                client.close().await;
            });
        }
        leaving.join_all().await;
    }
}

impl Desk {
    fn of(city: &City) -> Result<Self> {
        Ok(Self { access: Access::load(&city.dir)?, statements: Vec::new() })
    }

    fn enrol(&mut self, name: &str, kind: PrincipalKind, suite: Suite) -> Result<Member> {
        let profile = &self.access.profile;
        let name = PrincipalName::new(name, profile.principal.organisation())?;
        let identity = Identity::generate(suite, &mut OsEntropy::new())?;
        let member = Member {
            name: name.clone(),
            identity: Arc::new(identity.clone()),
            endpoint: profile.endpoint(),
            trust: profile.trust(),
        };
        let file = KeyFile { kind: KeyKind::Principal(kind), name, identity };
        self.sign(StatementBody::Principal(principal(&file, kind, clock::now())));
        Ok(member)
    }

    fn grant(&mut self, to: &PrincipalName, actions: Actions, filter: Filter) {
        let now = clock::now();
        self.sign(StatementBody::Grant(Grant {
            organisation: self.access.profile.principal.organisation().clone(),
            grantee: Grantee::Principal(to.clone()),
            actions,
            filter,
            purpose: PURPOSE.to_owned(),
            issued: now,
            from: now,
            until: None,
            history_from: None,
            onward: false,
            rate_per_s: None,
        }));
    }

    fn sign(&mut self, body: StatementBody) {
        self.statements.push(signed(body, self.access.identity.signing()));
    }

    /// Has everything logged.
    async fn state(self) -> Result<()> {
        let client = self.access.connect().await?;
        for some in self.statements.chunks(STATEMENTS_PER_STATE_MAX) {
            client.state_all(some).await?;
        }
        client.close().await;
        Ok(())
    }
}
