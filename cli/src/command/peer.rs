//! `peer`: contracts with other organisations.

mod accept;
mod invite;
mod invited;
mod listing;
mod terms;

use anyhow::Result;
use clap::{Args, Subcommand};
use sekisho::clock;
use sekisho_proto::frame::Question;
use sekisho_proto::statement::{Revoke, RevokeTarget};
use sekisho_proto::{Hash, OrgName, StatementBody};

use self::accept::Accept;
use self::invite::Invite;
use crate::access::{Access, document};
use crate::command::Common;
use crate::command::question::text;
use crate::command::signing::{Author, Signing};
use crate::exit::Exit;
use crate::fault;

/// Invite, accept, list and end peerings.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Two organisations sign one contract in four steps, with three letters that may travel by mail:
  a$ sekisho peer invite --to b --export 'a/truck/#' --dir a > invitation
  b$ sekisho peer accept invitation --dir b > acceptance
  a$ sekisho peer accept acceptance --dir a > contract
  b$ sekisho peer accept contract --dir b

Before it is signed the whole contract is shown in plain words, and asked for. A new contract with \
the same organisation takes the place of the old one, without an interruption.

A letter proves its sender's root key. Compare the fingerprint that is shown with what the other \
side tells you on another way, or give it with --root.")]
pub(crate) enum Peer {
    /// Write an invitation to another organisation; send it what is printed.
    Invite(Invite),
    /// Answer an invitation, countersign an acceptance, or add a contract to the log.
    Accept(Accept),
    /// The peers under contract: how their links are, what crosses, what was refused and why.
    List(listing::List),
    /// End the contract with an organisation.
    End(End),
}

/// Which contract.
#[derive(Debug, Args)]
pub(crate) struct End {
    /// The other organisation.
    organisation: OrgName,
    /// Why, for those who read it later.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    common: Common,
}

impl Peer {
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Invite(invite) => invite.run().await,
            Self::Accept(accept) => accept.run().await,
            Self::List(list) => list.run().await,
            Self::End(end) => end.run().await,
        }
    }
}

impl End {
    async fn run(self) -> Result<Exit> {
        let access = Access::of(&self.common)?;
        let client = access.connect().await?;
        let peers = document(&client, Question::Peers).await?;
        let all = peers.as_array().map(Vec::as_slice).unwrap_or_default();
        let other = &self.organisation;
        let found = all.iter().find(|peer| text(peer, "organisation") == other.as_str());
        let Some(peer) = found else {
            return Err(fault::no(format!("peer end: wanted a contract with {other}, found none")));
        };
        let id: Hash = text(peer, "statement").parse()?;
        let body = StatementBody::Revoke(Revoke {
            organisation: access.profile.principal.organisation().clone(),
            target: RevokeTarget::Statement(id),
            reason: self.reason,
            issued: clock::now(),
        });
        let author = Author { access, client, json: self.common.json };
        author.conclude(body, &self.signing).await
    }
}
