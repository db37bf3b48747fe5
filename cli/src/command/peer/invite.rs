//! The first letter of a contract.

use anyhow::Result;
use clap::Args;
use sekisho::clock;
use sekisho_proto::statement::{Peering, PeeringBudget, PeeringParty};
use sekisho_proto::{Filter, Hash, OrgName, PublicKey, Statement, StatementBody, Timestamp};

use super::accept::{own_proofs, show, sorted};
use super::invited;
use super::terms::{Passage, Terms};
use crate::access::Access;
use crate::command::Common;
use crate::exit::Exit;
use crate::invitation::{Letter, Stage};
use crate::{fault, output};

/// Terms of an invitation.
#[derive(Debug, Args)]
#[command(after_help = "\
Three organisations, of which a and c need no contract with each other. What a states and sends goes \
through b to c; b shows a what c states, so that a's steward can give c's the keys:
  b$ sekisho peer invite --to c --passes-on 'a=a/truck/#' --dir b > for-c
  b$ sekisho peer invite --to a --import 'a/truck/#' --passes-on c --dir b > for-a
  a$ sekisho peer accept for-a --onward --dir a > from-a
a is asked whether its topics may travel on, and c whether it takes b's word for who a is.")]
pub(crate) struct Invite {
    /// Whom to invite.
    #[arg(long = "to", value_name = "ORGANISATION")]
    other: OrgName,
    /// What we offer of our topics; may be repeated.
    #[arg(long = "export", value_name = "FILTER")]
    exports: Vec<Filter>,
    /// What we would take of theirs; may be repeated.
    #[arg(long = "import", value_name = "FILTER")]
    imports: Vec<Filter>,
    /// What the data may be used for, in words for people: no node compares them; may be repeated.
    #[arg(long = "purpose")]
    purposes: Vec<String>,
    #[command(flatten)]
    terms: Terms,
    /// What we would have them pass on of another of their peers, and its topics that the filters
    /// name; may be repeated.
    #[arg(long = "takes-on", value_name = "ORGANISATION[=FILTER,…]")]
    takes_on: Vec<Passage>,
    /// Our topics whose envelopes we would have them take from our publishers and carry home; may be
    /// repeated.
    #[arg(long = "carried-home", value_name = "FILTER")]
    carried_home: Vec<Filter>,
    /// Where the other side's node dials ours, host:port; default as in our profile.
    #[arg(long)]
    address: Option<String>,
    /// Until when: RFC 3339; default one year.
    #[arg(long)]
    until: Option<Timestamp>,
    #[command(flatten)]
    common: Common,
}

/// One year, seconds: the longest a peering should go unlooked at.
const TERM_S: u64 = 365 * 86_400;

impl Invite {
    pub(super) async fn run(self) -> Result<Exit> {
        let access = Access::of(&self.common)?;
        let now = clock::now();
        let own = access.profile.principal.organisation();
        if self.other == *own {
            return Err(fault::usage(format!("--to: wanted another organisation, found {own}")));
        }
        let topics = [&self.exports, &self.imports, &self.carried_home];
        let nothing = topics.iter().all(|filters| filters.is_empty())
            && self.takes_on.is_empty()
            && self.terms.is_empty();
        if nothing {
            return Err(fault::usage(
                "wanted --export, --import or another term of the contract, found none",
            ));
        }
        let mut ours = PeeringParty {
            organisation: own.clone(),
            root: access.profile.root,
            node_key: access.profile.node_key,
            address: self.address.unwrap_or_else(|| access.profile.node.clone()),
            exports: self.exports,
            imports: self.imports,
            onward: false,
            passes_on: Vec::new(),
            carries_home: Vec::new(),
            budget: PeeringBudget::default(),
        };
        let mut wished: Vec<_> = self.takes_on.into_iter().map(Passage::wished).collect();
        wished.sort_by(|one, next| one.organisation.cmp(&next.organisation));
        // The other half says only whom it is for and what we would like; the other side fills it
        // in.
        let mut theirs = PeeringParty {
            organisation: self.other.clone(),
            root: Hash::new([0; 32]),
            node_key: PublicKey::new([0; 32]),
            address: "0.0.0.0:0".to_owned(),
            exports: ours.imports.clone(),
            imports: ours.exports.clone(),
            onward: false,
            passes_on: wished,
            carries_home: self.carried_home,
            budget: PeeringBudget::default(),
        };
        let client = access.connect().await?;
        self.terms.fill_in(&access, &client, &mut ours, &mut theirs).await?;
        let term = std::time::Duration::from_secs(TERM_S);
        let peering = Statement::unsigned(StatementBody::Peering(Peering {
            parties: sorted(ours, theirs),
            purposes: self.purposes,
            issued: now,
            from: now,
            until: Some(self.until.unwrap_or_else(|| now.saturating_add(term))),
        }));
        // What cannot be read again is told before it is sent.
        let peering = Statement::decode(&peering.encode())?;
        let proofs = own_proofs(&access, &client).await?;
        client.close().await;
        let letter = Letter { stage: Stage::Invitation, proofs, peering };
        invited::keep(&access, &self.other, &letter)?;
        show(&letter, self.common.json);
        output::aside(format!("root of {own}: {}", access.profile.root));
        output::aside(format!("tell {} this fingerprint on another way", self.other));
        Ok(Exit::Done)
    }
}
