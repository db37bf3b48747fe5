//! Somebody that can keep no key: a user name and a password for the protocols that know nothing
//! else. Its statement names the key that the password is; the node keeps neither.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use sekisho::{Client, OsEntropy, clock};
use sekisho_proto::statement::{Grant, Principal, Revoke, RevokeTarget};
use sekisho_proto::{
    Action, Actions, Filter, Grantee, PrincipalKind, PrincipalName, StatementBody, Suite, Timestamp,
};
use sekisho_seal::Password;
use serde_json::{Value, json};

use super::{Terms, token};
use crate::access::Access;
use crate::command::Place;
use crate::command::signing::{Author, Proposal, Signing};
use crate::exit::Exit;
use crate::replay::replayed;
use crate::{fault, output};

/// Whether, and where the password goes.
#[derive(Debug, Args)]
pub(super) struct Attested {
    /// It keeps no key: it comes with a user name and a password, over MQTT or HTTP, and this
    /// organisation's node signs in its place, and says so. What it publishes is not sealed. It is
    /// enrolled at once, without a token; the node must run.
    #[arg(long, conflicts_with_all = ["out", "minutes", "approve_matching", "openid", "list", "approve", "refuse", "administrator"])]
    pub(super) attested: bool,
    /// With --attested: write the password to this new file (mode 0600) instead of printing it.
    #[arg(long, value_name = "FILE", requires = "attested")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) signing: Signing,
}

impl Attested {
    /// States the principal and its rights, and shows name and password, once.
    pub(super) async fn enrol(
        self,
        name: &PrincipalName,
        terms: Terms,
        place: &Place,
    ) -> Result<Exit> {
        if matches!(terms.kind, PrincipalKind::Node | PrincipalKind::Steward) {
            let kind = terms.kind;
            let wanted = "wanted a device, person, app or bridge";
            return Err(fault::usage(format!("enrol --attested: {wanted}, found a {kind}")));
        }
        home_only(name, &terms)?;
        let access = Access::of(&place.common())?;
        let client = access.connect().await?;
        let password = Password::generate(&mut OsEntropy::new())?;
        let bodies = self.bodies(name, &terms, &password, (&access, &client)).await?;
        let author = Author { access, client, json: place.json };
        let path = self.password_file.as_deref();
        let file = path.map(|path| token::new_file(path).map(|file| (path, file))).transpose()?;
        let proposals: Vec<Proposal> =
            bodies.into_iter().map(|body| Proposal { body, diff: Value::Null }).collect();
        let stated = author.propose(&proposals, &self.signing).await;
        author.client.close().await;
        let Ok(Some(_standing)) = &stated else {
            if let Some((path, _file)) = file {
                // Nothing is in it; where it cannot be removed, the next attempt names it.
                drop(std::fs::remove_file(path));
            }
            return stated.map(|_no| Exit::No);
        };
        let text = password.to_text();
        if let Some((path, file)) = file {
            token::write_secret(file, path, &text)?;
        }
        self.tell(name, &text, place.json);
        Ok(Exit::Done)
    }

    async fn bodies(
        &self,
        name: &PrincipalName,
        terms: &Terms,
        password: &Password,
        (access, client): (&Access, &Client),
    ) -> Result<Vec<StatementBody>> {
        let issued = clock::now();
        let principal = Principal {
            name: name.clone(),
            kind: terms.kind,
            public_key: password.signing_key(name)?.public_key(),
            kem_suite: Suite::Open,
            kem_public_key: Vec::new().into(),
            issued,
            until: None,
            attested: true,
        };
        let mut bodies = vec![StatementBody::Principal(principal)];
        // It has no key that others could be sealed to: what is sealed it receives and cannot open.
        let reading = Actions::of(&[Action::Subscribe, Action::History, Action::Discover]);
        let publish = terms.topics.iter().map(|filter| (Actions::from(Action::Publish), filter));
        let rights = publish.chain(terms.read.iter().map(|filter| (reading, filter)));
        bodies.extend(rights.map(|(actions, filter)| grant(name, actions, filter, issued).into()));
        if terms.replace {
            let policy = replayed(access, client).await?;
            let of_name = policy.principals(name.organisation()).into_iter();
            let ended = of_name.filter(|one| one.name == *name && one.revoked.is_none());
            bodies.extend(ended.map(|one| {
                StatementBody::Revoke(Revoke {
                    organisation: name.organisation().clone(),
                    target: RevokeTarget::Principal(one.id),
                    reason: "replaced by a new password".to_owned(),
                    issued,
                })
            }));
        }
        Ok(bodies)
    }

    fn tell(&self, name: &PrincipalName, password: &str, in_json: bool) {
        let user = name.to_string();
        match (&self.password_file, in_json) {
            (Some(path), true) => output::json(&json!({ "user": user, "file": path })),
            (None, true) => output::json(&json!({ "user": user, "password": password })),
            (Some(path), false) => {
                output::line(format!("user name: {user}"));
                output::line(format!("the password is in {}", path.display()));
            }
            (None, false) => {
                output::line(format!("user name: {user}"));
                output::line(format!("password:  {password}"));
                output::aside(
                    "the password is shown this once and kept nowhere: who has it is the principal",
                );
            }
        }
        if !in_json {
            output::aside_for_people(
                "it comes by MQTT or HTTP, where [listen] of sekisho.toml opens them; docs/connect.md has \
                 a snippet for each client",
            );
        }
    }
}

/// Its own organisation's node signs for it, and grants what is its own.
fn home_only(name: &PrincipalName, terms: &Terms) -> Result<()> {
    let home = name.organisation();
    let mut filters = terms.topics.iter().chain(&terms.read);
    match filters.find(|filter| filter.organisation() != home) {
        None => Ok(()),
        Some(filter) => Err(fault::usage(format!(
            "enrol --attested: wanted topics of {home}, such as {home}/{filter}, found {filter}"
        ))),
    }
}

fn grant(name: &PrincipalName, actions: Actions, filter: &Filter, issued: Timestamp) -> Grant {
    Grant {
        organisation: filter.organisation().clone(),
        grantee: Grantee::Principal(name.clone()),
        actions,
        filter: filter.clone(),
        purpose: "as enrolled".to_owned(),
        issued,
        from: issued,
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    }
}
