//! Administration over HTTP: the questions and statements of the session protocol under paths of
//! their own. Who may ask what is decided where it is for every session; nothing is decided here.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use data_encoding::BASE64;
use sekisho_formats::body::essence;
use sekisho_proto::frame::{AnswerBody, ErrandStanding, Question, Which};
use sekisho_proto::{Action, RefusalCode, limits};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::asked::{Asked, Rest, Sent, malformed, parsed, parsed_optional, single};
use super::events::answered;
use super::{Caller, Door, Problem};
use crate::hub::Refusal;

/// What a statement is that is sent as its bytes.
const STATEMENT: &str = "application/vnd.sekisho.statement";
/// Entries of the access log where nothing else was asked.
const ACCESSES_DEFAULT: u32 = 100;

/// What this part serves.
pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/v1/admin/status", get(status))
        .route("/v1/admin/peers", get(peers))
        .route("/v1/admin/who", get(who))
        .route("/v1/admin/why", get(why))
        .route("/v1/admin/what", get(what))
        .route("/v1/admin/diff", post(diff))
        .route("/v1/admin/accesses", get(accesses))
        .route("/v1/admin/erasures", post(erase))
        .route("/v1/admin/enrolments", get(enrolments))
        .route("/v1/admin/enrolments/{token}/refuse", post(refuse_enrolment))
        .route("/v1/admin/enrolments/{token}/tell", post(tell_enrolment))
        .route("/v1/admin/errands", get(errands))
        .route("/v1/admin/errands", post(errand))
        .route("/v1/admin/errands/answers", post(answer_errand))
        .route("/v1/admin/sessions", get(sessions))
        .route("/v1/admin/refusals", get(refusals))
        .route("/v1/admin/epochs", get(epochs))
        .route("/v1/admin/storage", get(storage))
        .route("/v1/statements", post(state))
        .route("/v1/log/checkpoint", get(checkpoint))
        .route("/v1/log/inclusion", get(inclusion))
        .route("/v1/proof/principal", get(principal))
        .route("/v1/proof/epoch", get(epoch))
        .route("/v1/key-header", get(key_header))
}

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn status(caller: Caller, Asked(Nothing {}): Asked<Nothing>) -> Result<Response, Problem> {
    answered(caller.desk.query(Question::Status).await?)
}

async fn peers(caller: Caller, Asked(Nothing {}): Asked<Nothing>) -> Result<Response, Problem> {
    answered(caller.desk.query(Question::Peers).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhoAsked {
    topic: String,
    action: Option<String>,
    at: Option<String>,
}

async fn who(caller: Caller, Asked(asked): Asked<WhoAsked>) -> Result<Response, Problem> {
    let action = parsed_optional("action", asked.action.as_deref())?;
    let question = Question::Who {
        topic: parsed("topic", &asked.topic)?,
        action: action.unwrap_or(Action::Subscribe),
        at: parsed_optional("at", asked.at.as_deref())?,
    };
    answered(caller.desk.query(question).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhyAsked {
    principal: String,
    action: String,
    topic: String,
    at: Option<String>,
}

async fn why(caller: Caller, Asked(asked): Asked<WhyAsked>) -> Result<Response, Problem> {
    let question = Question::Why {
        principal: parsed("principal", &asked.principal)?,
        action: parsed("action", &asked.action)?,
        topic: parsed("topic", &asked.topic)?,
        at: parsed_optional("at", asked.at.as_deref())?,
    };
    answered(caller.desk.query(question).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhatAsked {
    principal: String,
    at: Option<String>,
}

async fn what(caller: Caller, Asked(asked): Asked<WhatAsked>) -> Result<Response, Problem> {
    let question = Question::What {
        principal: parsed("principal", &asked.principal)?,
        at: parsed_optional("at", asked.at.as_deref())?,
    };
    answered(caller.desk.query(question).await?)
}

/// What a statement would change, which nobody needs to have signed.
async fn diff(caller: Caller, headers: HeaderMap, sent: Sent) -> Result<Response, Problem> {
    let [statement] = statements(&headers, sent)?.try_into().map_err(|several: Vec<Bytes>| {
        malformed("statements", format!("wanted one, found {}", several.len()))
    })?;
    answered(caller.desk.query(Question::Diff(statement)).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessesAsked {
    subject: Option<String>,
    from: Option<u64>,
    max: Option<u32>,
}

async fn accesses(caller: Caller, Asked(asked): Asked<AccessesAsked>) -> Result<Response, Problem> {
    let question = Question::Accesses {
        subject: parsed_optional("subject", asked.subject.as_deref())?,
        from: asked.from.unwrap_or(0),
        max: asked.max.unwrap_or(ACCESSES_DEFAULT),
    };
    answered(caller.desk.query(question).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Erasure {
    principal: String,
    id: Option<String>,
}

async fn erase(caller: Caller, headers: HeaderMap, sent: Sent) -> Result<Response, Problem> {
    let erasure: Erasure = json_body(&headers, &sent)?;
    let question = Question::Erase {
        principal: parsed("principal", &erasure.principal)?,
        id: parsed_optional("id", erasure.id.as_deref())?,
    };
    answered(caller.desk.query(question).await?)
}

async fn enrolments(
    caller: Caller,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Response, Problem> {
    answered(caller.desk.query(Question::Enrolments).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    why: String,
}

impl Said {
    fn take(headers: &HeaderMap, sent: &Sent) -> Result<String, Problem> {
        let Self { why } = json_body(headers, sent)?;
        if why.len() > limits::TEXT_BYTES_MAX {
            let most = limits::TEXT_BYTES_MAX;
            return Err(malformed("why", format!("wanted at most {most} bytes")));
        }
        Ok(why)
    }
}

async fn refuse_enrolment(
    caller: Caller,
    Rest(token): Rest,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Problem> {
    let (token_id, why) = (parsed("token", &token)?, Said::take(&headers, &sent)?);
    answered(caller.desk.query(Question::RefuseEnrolment { token_id, why }).await?)
}

async fn tell_enrolment(
    caller: Caller,
    Rest(token): Rest,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Problem> {
    let (token_id, why) = (parsed("token", &token)?, Said::take(&headers, &sent)?);
    answered(caller.desk.query(Question::TellEnrolment { token_id, why }).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Errand {
    /// In base64.
    errand: String,
}

/// Takes an errand to a steward, or tells how far it is: the same is asked again until it is answered.
async fn errand(caller: Caller, headers: HeaderMap, sent: Sent) -> Result<Json<Value>, Problem> {
    let Errand { errand } = json_body(&headers, &sent)?;
    let question = Question::Errand(bytes_of("errand", &errand)?);
    let AnswerBody::Errand(standing) = caller.desk.query(question).await? else {
        return Err(unexpected());
    };
    let (state, answer) = match standing {
        ErrandStanding::Away => ("away", None),
        ErrandStanding::Waiting => ("waiting", None),
        ErrandStanding::Answered(answer) => ("answered", Some(BASE64.encode(&answer))),
    };
    Ok(Json(json!({ "state": state, "answer": answer })))
}

/// What waits for the steward that asks.
async fn errands(
    caller: Caller,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Json<Value>, Problem> {
    let AnswerBody::Errands(waiting) = caller.desk.query(Question::Errands).await? else {
        return Err(unexpected());
    };
    let waiting: Vec<String> = waiting.iter().map(|errand| BASE64.encode(errand)).collect();
    Ok(Json(json!({ "errands": waiting })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrandAnswer {
    /// In base64.
    answer: String,
}

async fn answer_errand(
    caller: Caller,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Problem> {
    let ErrandAnswer { answer } = json_body(&headers, &sent)?;
    answered(caller.desk.query(Question::AnswerErrand(bytes_of("answer", &answer)?)).await?)
}

fn bytes_of(what: &str, text: &str) -> Result<Bytes, Problem> {
    let decoded = BASE64.decode(text.as_bytes());
    decoded.map(Bytes::from).map_err(|fault| malformed(what, format!("wanted base64: {fault}")))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionsAsked {
    principal: Option<String>,
    from: Option<u64>,
    max: Option<u32>,
}

async fn sessions(caller: Caller, Asked(asked): Asked<SessionsAsked>) -> Result<Response, Problem> {
    let question = Question::Sessions {
        principal: parsed_optional("principal", asked.principal.as_deref())?,
        from: asked.from.unwrap_or(0),
        max: asked.max.unwrap_or(u32::MAX),
    };
    answered(caller.desk.query(question).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusalsAsked {
    before: Option<u64>,
    max: Option<u32>,
}

async fn refusals(caller: Caller, Asked(asked): Asked<RefusalsAsked>) -> Result<Response, Problem> {
    let (before, max) = (asked.before, asked.max.unwrap_or(u32::MAX));
    answered(caller.desk.query(Question::Refusals { before, max }).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochsAsked {
    after: Option<String>,
    max: Option<u32>,
}

async fn epochs(caller: Caller, Asked(asked): Asked<EpochsAsked>) -> Result<Response, Problem> {
    let after = parsed_optional("after", asked.after.as_deref())?;
    let max = asked.max.unwrap_or(u32::MAX);
    answered(caller.desk.query(Question::Epochs { after, max }).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StorageAsked {
    filter: Option<String>,
    levels: Option<u32>,
    after: Option<String>,
    max: Option<u32>,
}

async fn storage(caller: Caller, Asked(asked): Asked<StorageAsked>) -> Result<Response, Problem> {
    let question = Question::Storage {
        filter: parsed_optional("filter", asked.filter.as_deref())?,
        levels: asked.levels.unwrap_or(0),
        after: parsed_optional("after", asked.after.as_deref())?,
        max: asked.max.unwrap_or(u32::MAX),
    };
    answered(caller.desk.query(question).await?)
}

/// Statements that whoever may state them has signed.
async fn state(caller: Caller, headers: HeaderMap, sent: Sent) -> Result<Json<Value>, Problem> {
    let indices = caller.desk.state(statements(&headers, sent)?).await?;
    let indices: Vec<u64> = indices.into_iter().map(|index| index.value()).collect();
    Ok(Json(json!({ "indices": indices })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointAsked {
    log: String,
    old_size: Option<u64>,
}

async fn checkpoint(
    caller: Caller,
    Asked(asked): Asked<CheckpointAsked>,
) -> Result<Json<Value>, Problem> {
    let (log, old_size) = (parsed("log", &asked.log)?, asked.old_size.unwrap_or(0));
    let answer = caller.desk.query(Question::Checkpoint { log, old_size }).await?;
    let AnswerBody::Checkpoint { note, consistency } = answer else { return Err(unexpected()) };
    let consistency: Vec<String> =
        consistency.iter().map(|hash| BASE64.encode(hash.as_ref())).collect();
    Ok(Json(json!({ "note": note, "consistency": consistency })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InclusionAsked {
    log: String,
    statement: Option<String>,
    index: Option<u64>,
    size: u64,
}

async fn inclusion(
    caller: Caller,
    Asked(asked): Asked<InclusionAsked>,
) -> Result<Json<Value>, Problem> {
    let which = match (asked.statement.as_deref(), asked.index) {
        (Some(id), None) => Which::Statement(parsed("statement", id)?),
        (None, Some(index)) => Which::Index(index),
        (None, None) | (Some(_), Some(_)) => {
            return Err(malformed("statement", "wanted a statement or an index".to_owned()));
        }
    };
    let question = Question::Inclusion { log: parsed("log", &asked.log)?, which, size: asked.size };
    let AnswerBody::Inclusion { index, entry, path } = caller.desk.query(question).await? else {
        return Err(unexpected());
    };
    let path: Vec<String> = path.iter().map(|hash| BASE64.encode(hash.as_ref())).collect();
    Ok(Json(json!({ "index": index, "entry": BASE64.encode(&entry), "path": path })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdAsked {
    id: String,
}

/// The statements that prove who a key is.
async fn principal(caller: Caller, Asked(asked): Asked<IdAsked>) -> Result<Json<Value>, Problem> {
    let id = parsed("id", &asked.id)?;
    proven(caller.desk.query(Question::Principal(id)).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicAsked {
    topic: String,
}

/// The statements that announce to which key a topic is sealed.
async fn epoch(caller: Caller, Asked(asked): Asked<TopicAsked>) -> Result<Json<Value>, Problem> {
    let topic = parsed("topic", &asked.topic)?;
    proven(caller.desk.query(Question::EpochOf(topic)).await?)
}

async fn key_header(caller: Caller, Asked(asked): Asked<IdAsked>) -> Result<Json<Value>, Problem> {
    let id = parsed("id", &asked.id)?;
    let AnswerBody::KeyHeader(encoded) = caller.desk.query(Question::KeyHeader(id)).await? else {
        return Err(unexpected());
    };
    Ok(Json(json!({ "key_header": BASE64.encode(&encoded) })))
}

fn proven(answer: AnswerBody) -> Result<Json<Value>, Problem> {
    let AnswerBody::Statements(statements) = answer else { return Err(unexpected()) };
    let statements: Vec<String> =
        statements.iter().map(|statement| BASE64.encode(statement)).collect();
    Ok(Json(json!({ "statements": statements })))
}

fn unexpected() -> Problem {
    let why = "wanted the answer to the question, found another";
    Refusal::new(RefusalCode::Internal, "answer", why).into()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statements {
    /// In base64.
    statements: Vec<String>,
}

/// One statement as its bytes, or several in JSON.
fn statements(headers: &HeaderMap, sent: Sent) -> Result<Vec<Bytes>, Problem> {
    if media_type(headers)? == STATEMENT {
        let Sent(bytes) = sent;
        return Ok(vec![bytes]);
    }
    let Statements { statements } = json_body(headers, &sent)?;
    let most = limits::STATEMENTS_PER_STATE_MAX;
    if !(1..=most).contains(&statements.len()) {
        let why = format!("wanted 1 to {most}, found {}", statements.len());
        return Err(malformed("statements", why));
    }
    let decoded = statements.iter().map(|text| BASE64.decode(text.as_bytes()).map(Bytes::from));
    let decoded: Result<Vec<Bytes>, _> = decoded.collect();
    decoded.map_err(|fault| malformed("statements", format!("wanted base64: {fault}")))
}

fn media_type(headers: &HeaderMap) -> Result<String, Problem> {
    Ok(essence(single(headers, &header::CONTENT_TYPE)?.unwrap_or_default()))
}

/// A body that must say that it is JSON: a page of another origin could not send that unasked.
fn json_body<T: DeserializeOwned>(headers: &HeaderMap, sent: &Sent) -> Result<T, Problem> {
    let found = media_type(headers)?;
    if found != "application/json" {
        let why = format!("wanted application/json, found {found:?}");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, RefusalCode::Malformed, "content-type", why));
    }
    let Sent(bytes) = sent;
    serde_json::from_slice(bytes)
        .map_err(|fault| malformed("body", format!("wanted JSON: {fault}")))
}
