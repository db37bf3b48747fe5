//! `erase`: destroys what the node keeps about somebody, and states that it did.

use anyhow::{Context as _, Result};
use clap::Args;
use sekisho::clock;
use sekisho_proto::frame::Question;
use sekisho_proto::statement::{Erased, Erasure};
use sekisho_proto::{OrgName, PrincipalId, PrincipalName, StatementBody};
use serde_json::{Value, json};

use crate::access::document;
use crate::command::Common;
use crate::command::question::{part, text};
use crate::command::signing::Author;
use crate::exit::Exit;
use crate::organisation::signed;
use crate::{ask, fault, output};

/// Destroy what is kept about somebody's accesses; cannot be undone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho erase park@santander --reason 'asked to be forgotten' --dir fujisawa
  sekisho erase truck-17@fujisawa --yes --dir fujisawa

Destroyed are the key under which the records of this principal's sessions, keys and history are \
sealed, and those records; and the headers of what it published on topics of personal data, without \
which nobody opens that who has not kept them. The access log's entries stay, and every proof of \
them holds: they name nobody. A receipt is stated in the control log, which names the key erased.

Rights stay as they are: take those back with `sekisho revoke`. What it does later is recorded anew.")]
pub(crate) struct Erase {
    /// Who: name@organisation, also one of another organisation.
    subject: PrincipalName,
    /// Which of its keys, 64 hexadecimal digits; default the newest.
    #[arg(long, value_name = "ID")]
    key: Option<PrincipalId>,
    /// Why, for those who read the receipt later. Not a name: it stays in the control log.
    #[arg(long, default_value = "")]
    reason: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

impl Erase {
    pub(crate) async fn run(self) -> Result<Exit> {
        let Self { subject, key, reason, yes, common } = self;
        let author = Author::at_home(&common).await?;
        if !yes && !agreed(&subject, author.organisation())? {
            output::aside("nothing was erased");
            author.client.close().await;
            return Ok(Exit::No);
        }
        let question = Question::Erase { principal: subject.clone(), id: key };
        let erased = document(&author.client, question).await?;
        let stated = receipt(&author, &erased, reason).await.with_context(|| {
            format!("{subject}: erased, and the receipt is not stated: say `sekisho erase` again")
        });
        author.client.close().await;
        tell(&subject, &erased, &stated?, common.json);
        Ok(Exit::Done)
    }
}

fn agreed(subject: &PrincipalName, organisation: &OrgName) -> Result<bool> {
    output::aside(format!(
        "This destroys what the node of {organisation} keeps about {subject}: the key under which \
         the records of its sessions, keys and history are sealed, the records themselves, and what \
         opens its envelopes on topics of personal data for whoever has not kept it.\n\
         The entries of the access log stay and name nobody. It cannot be undone."
    ));
    if ask::somebody_is_there() {
        return ask::confirm(&format!("Erase {subject}?"));
    }
    Err(fault::usage("not erased: wanted --yes, as nobody can be asked here"))
}

/// Signs and states the receipt; tells its id and where it stands.
async fn receipt(author: &Author, erased: &Value, reason: String) -> Result<Value> {
    let id: PrincipalId = text(erased, "id").parse().context("answer of the node")?;
    let body = StatementBody::Erasure(Erasure {
        organisation: author.organisation().clone(),
        erased: Erased::Subject(id),
        records: part(erased, "records").as_u64().unwrap_or_default(),
        reason,
        issued: clock::now(),
    });
    let statement = signed(body, author.access.identity.signing());
    let index = author.client.state(&statement).await?;
    Ok(json!({ "statement": statement.id().to_string(), "index": index.value() }))
}

fn tell(subject: &PrincipalName, erased: &Value, receipt: &Value, in_json: bool) {
    if in_json {
        output::json(&json!({ "erased": erased, "receipt": receipt }));
        return;
    }
    let count = |field| part(erased, field).as_u64().unwrap_or_default();
    let key = if part(erased, "key").as_bool() == Some(true) { "its key" } else { "no key" };
    output::line(format!(
        "{subject}: erased {key}, {}, {}",
        output::count(count("records"), "record"),
        output::count(count("key_headers"), "key header"),
    ));
    output::line(format!("recorded at {} in the access log", text(erased, "index")));
    let (id, index) = (text(receipt, "statement"), text(receipt, "index"));
    output::line(format!("receipt {id} stands at {index} in the control log"));
    output::aside(format!("to prove it: sekisho log prove {id} --out erasure.tlog-proof"));
}
