//! OGC SensorThings 1.1 at `/v1.1`, to be read.
//!
//! It finds what the caller may discover, asks [`sekisho_sensorthings::answer`] what has to be read
//! for the answer, and reads that through the caller's session, as any subscriber does.

mod fetching;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{ALLOW, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use sekisho_policy::{Policy, Recipient};
use sekisho_proto::{Filter, Offset, RefusalCode, Timestamp, Topic};
use sekisho_sensorthings::limits::ROUNDS_MAX;
use sekisho_sensorthings::{
    Answer, Catalogue, Fault, FaultKind, Outcome, Records, Request, Stream, answer,
};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::turns::Turns;
use super::{Caller, Door, Problem};
use crate::clock;
use crate::hub::Refusal;
use crate::session::Session;
use crate::transport::desk::Desk;
use fetching::{Budget, Visitor};

/// Where the service is.
const ROOT: &str = "/v1.1";
/// Requests that are answered at once: each may hold some 200 MiB of what was read for it.
const ANSWERS_AT_ONCE: usize = 2;
/// Requests of one principal among them.
const ANSWERS_OF_ONE: usize = 1;
/// How long one request may take, with the time it waits for its turn.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// The longest name of this node that is put into links, bytes.
const HOST_BYTES_MAX: usize = 259;

/// The part of the listener that speaks SensorThings.
pub(crate) fn routes() -> Router<Arc<Door>> {
    let service = || get(serve).fallback(only_reading);
    let turns = Turns::new(ANSWERS_AT_ONCE, ANSWERS_OF_ONE);
    Router::new()
        .route(ROOT, service())
        .route("/v1.1/", service())
        .route("/v1.1/{*path}", service())
        .layer(Extension(turns))
}

async fn serve(
    State(door): State<Arc<Door>>,
    Extension(turns): Extension<Turns>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path().strip_prefix(ROOT).unwrap_or_default().to_owned();
    let request = match Request::parse(&path, uri.query().unwrap_or_default()) {
        Ok(request) => request,
        Err(fault) => return refused(&fault),
    };
    let host = uri.authority().map(|authority| authority.as_str().to_owned());
    let told = headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let base = base(door.origins.scheme(), host.or(told).as_deref());
    let answering = async {
        let turn = turns.take(caller.desk.session().who().id).await?;
        let runtime = Handle::current();
        let asked = Asked { desk: Arc::clone(&caller.desk), request, base };
        // Sorting and filtering are work for a processor: not for a thread that serves others.
        // It has its turn until it is done, also where nobody waits for it any more.
        let done = spawn_blocking(move || {
            let answered = runtime.block_on(timeout(ANSWER_MAX, asked.answer()));
            drop(turn);
            answered.unwrap_or_else(|_elapsed| Err(Refusal::stopping()))
        })
        .await;
        done.map_err(|fault| {
            Refusal::new(RefusalCode::Internal, "SensorThings request", fault.to_string())
        })?
    };
    let answered = tokio::select! {
        answered = timeout(ANSWER_MAX, answering) => answered,
        () = door.stop.cancelled() => Ok(Err(Refusal::stopping())),
    };
    match answered {
        Ok(Ok(Ok(answer))) => told_as(answer),
        Ok(Ok(Err(fault))) => refused(&fault),
        Ok(Err(refusal)) => {
            drop(door.hub.refuse(0, refusal.clone()));
            Problem::from(refusal).into_response()
        }
        Err(_elapsed) => {
            let seconds = ANSWER_MAX.as_secs();
            let why = format!(
                "wanted an answer within {seconds} s, found none: ask for less with $filter, or \
                 without $count and $orderby"
            );
            let code = RefusalCode::RateLimited;
            let what = "SensorThings request";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, what, why).into_response()
        }
    }
}

/// 18-088's create, update and delete: devices publish, and owners describe by statements.
async fn only_reading() -> Response {
    let why = "wanted GET or HEAD, found another method: publish to the topic instead";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let problem = Problem::new(status, RefusalCode::Malformed, "SensorThings request", why);
    let mut response = problem.into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// Where clients find this service: what they called this node.
fn base(scheme: &str, host: Option<&str>) -> String {
    let is_host = |host: &&str| {
        let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.bytes().all(is_of_host)
    };
    match host.filter(is_host) {
        Some(host) => format!("{scheme}://{host}{ROOT}"),
        None => ROOT.to_owned(),
    }
}

fn told_as(answer: Answer) -> Response {
    let (content_type, body) = match answer {
        Answer::Json(json) => ("application/json", json.to_string()),
        Answer::GeoJson(json) => ("application/geo+json", json.to_string()),
        Answer::Text(text) => ("text/plain; charset=utf-8", text),
        Answer::Nothing => return StatusCode::NO_CONTENT.into_response(),
    };
    ([(CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response()
}

fn refused(fault: &Fault) -> Response {
    let (status, code) = match fault.kind {
        FaultKind::Malformed => (StatusCode::BAD_REQUEST, RefusalCode::Malformed),
        FaultKind::NotFound => (StatusCode::NOT_FOUND, RefusalCode::NotFound),
        FaultKind::Unsupported => (StatusCode::NOT_IMPLEMENTED, RefusalCode::Malformed),
        FaultKind::TooMuch => (StatusCode::UNPROCESSABLE_ENTITY, RefusalCode::TooMany),
    };
    Problem::new(status, code, fault.what.clone(), fault.why.clone()).into_response()
}

/// One request of somebody.
struct Asked {
    desk: Arc<Desk>,
    request: Request,
    base: String,
}

impl Asked {
    async fn answer(self) -> Result<Result<Answer, Fault>, Refusal> {
        let session = self.desk.session();
        let hub = session.hub();
        let now = clock::now();
        hub.arrive(&session.who().id, now)?;
        let policy = hub.authority().snapshot();
        let found = discovered(session, &policy, self.request.topic().as_ref(), now);
        let catalogue = Catalogue::new(found);
        let mut records = Records::default();
        let mut budget = Budget::default();
        let (mut visitor, mut rounds) = (None, 0);
        while rounds < ROUNDS_MAX {
            let fetched = match answer(&self.request, &catalogue, &mut records, (&self.base, now)) {
                Outcome::Done(answer) => return Ok(answer),
                Outcome::Wants(wants) => {
                    rounds += 1;
                    fetching::fetch(&self.desk, &policy, wants, &mut records, &mut budget).await?
                }
                // It ends by its own limits, and may come by streams that are then asked about.
                Outcome::Visits(visit) => {
                    rounds = 0;
                    let visitor = visitor.get_or_insert_with(|| Visitor::of(visit));
                    let batch = visitor.batch(&self.desk, &policy).await?;
                    batch.map(|batch| records.put_visited(batch))
                }
            };
            if let Err(fault) = fetched {
                return Ok(Err(fault));
            }
        }
        let instead = "ask for less at once";
        Ok(Err(Fault::too_much("rounds of reading", ROUNDS_MAX, instead)))
    }
}

/// The streams that somebody may discover, or the one of them that is asked about.
fn discovered<'p>(
    session: &Session,
    policy: &'p Policy,
    only: Option<&Topic>,
    now: Timestamp,
) -> Vec<Stream<'p>> {
    let hub = session.hub();
    let filters: Vec<Filter> = match only {
        Some(topic) => vec![Filter::from(topic)],
        None => policy.organisations().map(Filter::everything).collect(),
    };
    let recipient = Recipient::Principal(session.who().id);
    let stream = |topic: Topic, (first_offset, next_offset), records| {
        let readable = policy.may_subscribe(&recipient, &Filter::from(&topic), now);
        let descriptor = policy.descriptor(&topic);
        let is_readable = readable.is_ok();
        Stream { topic, descriptor, first_offset, next_offset, records, is_readable }
    };
    let mut streams = Vec::new();
    for filter in filters {
        // What has records comes first: of what is there twice the first stays.
        let kept = hub.topics(&filter).into_iter();
        let kept =
            kept.map(|state| (state.topic, (state.first_offset, state.next_offset), state.records));
        let described = policy.descriptors(&filter).into_iter();
        let described =
            described.map(|found| (found.topic.clone(), (Offset::ZERO, Offset::ZERO), 0));
        let all = kept.chain(described);
        let may = all.filter(|(topic, _, _)| session.may_discover(policy, topic, now));
        streams.extend(may.map(|(topic, offsets, records)| stream(topic, offsets, records)));
    }
    streams
}

#[cfg(test)]
mod tests;
