//! Reading over HTTP: server-sent events for dashboards, pages of history for scripts, and what there
//! is to read. All of it comes through subscriptions of the caller's session, and so through the
//! gate.

mod start;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::stream::{Stream, unfold};
use sekisho_proto::frame::{AnswerBody, Question};
use sekisho_proto::{Filter, Frame, Position, RefusalCode, frame};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::asked::{Asked, malformed, parsed, parsed_optional, single};
use super::shown::{self, Form};
use super::turns::Turns;
use super::{Caller, Door, Problem};
use crate::clock;
use crate::hub::{Outgoing, Refusal};
use crate::transport::desk::{Desk, Feed};
use start::Begin;

/// Where a browser says how far it came.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often something is said to somebody who waits, so that nothing between takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Records of one page of history where nothing else was asked, and at most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;
/// Bytes of text in one page, beside its last record.
const PAGE_BYTES_MAX: usize = 4 << 20;
/// Pages that are gathered at once: with what a text reserves as it grows, some 10 MiB each.
const PAGES_AT_ONCE: usize = 16;
/// Pages of one principal among them.
const PAGES_OF_ONE: usize = 4;
/// How long a page is gathered, after as long a wait for its turn: where much is passed over, what was
/// found by then is given.
const PAGE_PATIENCE: Duration = Duration::from_secs(10);

/// What this part serves.
pub(super) fn routes() -> Router<Arc<Door>> {
    let turns = Turns::new(PAGES_AT_ONCE, PAGES_OF_ONE);
    Router::new()
        .route("/v1/events", get(events))
        .route("/v1/history", get(history).layer(Extension(turns)))
        .route("/v1/discover", get(discover))
}

/// What is to be read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    filter: String,
    /// `latest`, `last-value` or `earliest`.
    start: Option<String>,
    /// From this position of the node's log.
    position: Option<u64>,
    /// From this offset of one topic.
    offset: Option<u64>,
    /// What was received since.
    since: Option<String>,
    /// `plain` or `envelope`.
    form: Option<String>,
    /// Records of a page.
    limit: Option<usize>,
}

impl Reading {
    fn form(&self) -> Result<Form, Problem> {
        match self.form.as_deref() {
            None | Some("plain") => Ok(Form::Plain),
            Some("envelope") => Ok(Form::Envelope),
            Some(other) => {
                Err(malformed("form", format!("wanted plain or envelope, found {other:?}")))
            }
        }
    }

    fn limit(&self) -> Result<usize, Problem> {
        match self.limit {
            None => Ok(PAGE_DEFAULT),
            Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
            Some(other) => {
                Err(malformed("limit", format!("wanted 1 to {PAGE_MAX}, found {other}")))
            }
        }
    }
}

/// Opens a subscription and waits for the node's word on it.
async fn open(desk: &Desk, filter: Filter, begin: Begin) -> Result<(Feed, Frame), Problem> {
    let start = begin.start(&filter)?;
    if !desk.session().may_open() {
        let why = "wanted fewer new subscriptions a second, found more";
        return Err(Refusal::new(RefusalCode::RateLimited, "subscriptions", why).into());
    }
    let mut feed = desk.subscribe(filter, start, None).await?;
    match feed.next().await {
        Some(Outgoing::Frame(first)) => Ok((feed, *first)),
        Some(Outgoing::End { code, why }) => Err(Refusal::new(code, "subscription", why).into()),
        Some(Outgoing::Record(_)) => {
            let why = "wanted word of the subscription first, found a record";
            Err(Refusal::new(RefusalCode::Internal, "subscription", why).into())
        }
        None => Err(Refusal::stopping().into()),
    }
}

/// What is published from somewhere on, for as long as the client stays.
async fn events(
    State(door): State<Arc<Door>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(asked): Asked<Reading>,
) -> Result<Response, Problem> {
    if asked.limit.is_some() {
        return Err(malformed("limit", "wanted none: events have no end".to_owned()));
    }
    let (filter, form): (Filter, Form) = (parsed("filter", &asked.filter)?, asked.form()?);
    let resumed = single(&headers, &LAST_EVENT_ID)?.filter(|id| !id.is_empty());
    let begin = match resumed {
        Some(id) => Begin::after(id)?,
        None => Begin::asked(&asked, Begin::Latest)?,
    };
    let (feed, first) = open(&caller.desk, filter, begin).await?;
    let first = match begin {
        // Who comes back before the first of them is to be given the last values again, and not all
        // that was before.
        Begin::LastValue => told(&first),
        Begin::Latest
        | Begin::Earliest
        | Begin::Position(_)
        | Begin::Offset(_)
        | Begin::Time(_) => placed(&first),
    };
    let events = Events { door, desk: caller.desk, feed, first: Some(first), form, is_over: false };
    let kept_alive = Sse::new(events.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // Whatever passes it on is not to gather it first.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    Ok(([unbuffered], kept_alive).into_response())
}

struct Events {
    door: Arc<Door>,
    desk: Arc<Desk>,
    feed: Feed,
    first: Option<Event>,
    form: Form,
    is_over: bool,
}

impl Events {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, |mut events| async {
            let event = events.next().await?;
            Some((Ok(event), events))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let (door, feed) = (&self.door, &mut self.feed);
        let next = tokio::select! {
            next = feed.next() => next,
            () = door.stop.cancelled() => None,
        };
        let record = match next {
            Some(Outgoing::Record(record)) => record,
            Some(Outgoing::Frame(frame)) => return Some(placed(&frame)),
            Some(Outgoing::End { code, why }) => return Some(self.end(code, &why)),
            None if self.desk.is_over() => {
                let refusal = self.desk.over();
                return Some(self.end(refusal.code, &refusal.why));
            }
            None => return Some(self.end(RefusalCode::Draining, "the node is stopping")),
        };
        let data = shown::record(&self.door.hub, &record, self.form, clock::now());
        let event = Event::default().event("record").id(start::id(record.position().next()));
        Some(event.data(data.to_string()))
    }

    fn end(&mut self, code: RefusalCode, why: &str) -> Event {
        self.is_over = true;
        let data = json!({ "code": code.name(), "why": why });
        Event::default().event("end").data(data.to_string())
    }
}

/// What a frame says that carries no record.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is said to a subscription")]
fn told(frame: &Frame) -> Event {
    match frame {
        Frame::Subscribed(subscribed) => {
            Event::default().event("subscribed").data(standing(subscribed).to_string())
        }
        Frame::Gap(gap) => Event::default().event("gap").data(shown::gap(gap).to_string()),
        other => Event::default().comment(other.name()),
    }
}

/// The same, with the id from which whoever comes back goes on: before the first record there is no
/// other.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is said to a subscription")]
fn placed(frame: &Frame) -> Event {
    let next = match frame {
        Frame::Subscribed(subscribed) => subscribed.position,
        Frame::Gap(gap) => gap.to_position,
        other => return told(other),
    };
    told(frame).id(start::id(next))
}

fn standing(subscribed: &frame::Subscribed) -> Value {
    json!({ "position": subscribed.position.value(), "head": subscribed.head.value() })
}

/// A page of what was published, as text: documents in memory take many times as much.
#[derive(Default)]
struct Page {
    records: String,
    count: usize,
    gaps: String,
    /// Where the next page begins.
    next: Position,
    is_complete: bool,
}

async fn history(
    State(door): State<Arc<Door>>,
    Extension(turns): Extension<Turns>,
    caller: Caller,
    Asked(asked): Asked<Reading>,
) -> Result<Response, Problem> {
    let (filter, form): (Filter, Form) = (parsed("filter", &asked.filter)?, asked.form()?);
    let limit = asked.limit()?;
    let begin = Begin::asked(&asked, Begin::Earliest)?;
    let whose = caller.desk.session().who().id;
    let Ok(turn) = timeout(PAGE_PATIENCE, turns.take(whose)).await else {
        let why = format!("wanted a turn within {} s, found none", PAGE_PATIENCE.as_secs());
        return Err(Refusal::new(RefusalCode::TooMany, "pages", why).into());
    };
    let _turn = turn?;
    let (mut feed, first) = open(&caller.desk, filter, begin).await?;
    let mut page = Page::default();
    if let Frame::Subscribed(subscribed) = first {
        page.next = subscribed.position;
    }
    let gathering = gather(&door, &mut feed, &mut page, (limit, form));
    // What was found by then is given.
    if let Ok(gathered) = timeout(PAGE_PATIENCE, gathering).await {
        gathered?;
    }
    Ok(page.into_response())
}

async fn gather(
    door: &Door,
    feed: &mut Feed,
    page: &mut Page,
    (limit, form): (usize, Form),
) -> Result<(), Refusal> {
    while page.count < limit && page.bytes() < PAGE_BYTES_MAX && !page.is_complete {
        match feed.next().await {
            Some(Outgoing::Record(record)) => {
                page.next = record.position().next();
                page.count += 1;
                let shown = shown::record(&door.hub, &record, form, clock::now());
                append(&mut page.records, &shown);
            }
            Some(Outgoing::Frame(frame)) => page.take(&frame),
            Some(Outgoing::End { code, why }) => {
                return Err(Refusal::new(code, "subscription", why));
            }
            None => return Err(Refusal::stopping()),
        }
    }
    Ok(())
}

/// One more in a list of JSON without its brackets.
fn append(list: &mut String, one: &Value) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(&one.to_string());
}

impl Page {
    const fn bytes(&self) -> usize {
        self.records.len() + self.gaps.len()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is said to a subscription")]
    fn take(&mut self, frame: &Frame) {
        match frame {
            // The second of them says that there is nothing more now.
            Frame::Subscribed(subscribed) => {
                self.next = subscribed.position;
                self.is_complete = true;
            }
            // Ahead of what was asked for, or behind it where the log ends before.
            Frame::Gap(gap) => {
                self.next = gap.to_position;
                append(&mut self.gaps, &shown::gap(gap));
            }
            _ => {}
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self { records, gaps, next, is_complete, .. } = self;
        let next = next.value();
        let around =
            format!(r#"{{"complete":{is_complete},"gaps":[{gaps}],"next":{next},"records":["#);
        // In the place where the records are: there is no second text of them.
        let mut text = records;
        text.insert_str(0, &around);
        text.push_str("]}");
        json_text(text)
    }
}

/// A text that is JSON already.
pub(super) fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Discovering {
    filter: Option<String>,
    after: Option<String>,
    max: Option<u32>,
}

/// The topics that the caller may know of.
async fn discover(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Asked(asked): Asked<Discovering>,
) -> Result<Response, Problem> {
    let filter = match &asked.filter {
        Some(filter) => parsed("filter", filter)?,
        None => Filter::everything(door.hub.organisation()),
    };
    let after = parsed_optional("after", asked.after.as_deref())?;
    let max = asked.max.unwrap_or(u32::MAX);
    if max == 0 {
        return Err(malformed("max", "wanted 1 or more, found 0".to_owned()));
    }
    answered(caller.desk.query(Question::Discover { filter, after, max }).await?)
}

/// An answer that is a document.
///
/// # Errors
/// It is none.
pub(super) fn answered(answer: AnswerBody) -> Result<Response, Problem> {
    let AnswerBody::Json(text) = answer else {
        let why = "wanted a document, found something else";
        return Err(Refusal::new(RefusalCode::Internal, "answer", why).into());
    };
    Ok(json_text(text))
}
