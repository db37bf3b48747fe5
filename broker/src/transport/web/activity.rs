//! What is open on one connection, and whether its visitor takes what it asked for. An answer is
//! handed over part by part; where nobody takes the next one for long the connection ends, and what
//! answers one principal leaves lying is bounded.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Response};
use axum::response::IntoResponse as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use sekisho_proto::{PublicKey, RefusalCode};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::share::{Share, Shares};
use super::visitor::Ungreeted;
use super::{Problem, grpc};
use crate::clock;
use crate::hub::Refusal;

/// What of an answer is handed over at once, bytes.
const PART_BYTES: usize = 64 * 1024;
/// Bytes of answers that one principal has not taken yet: two of the largest. Those of one part are
/// not counted.
pub(super) const ANSWERS_OF_ONE_BYTES_MAX: usize = 64 << 20;

/// What answers say to the browser, whatever is in them.
const OF_EVERY_ANSWER: [HeaderName; 5] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    VARY,
    X_CONTENT_TYPE_OPTIONS,
    CACHE_CONTROL,
];

/// Who has how much of them.
static ANSWERS: Shares = Shares::of(ANSWERS_OF_ONE_BYTES_MAX);

/// What is open on one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    requests: Mutex<Requests>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Requests {
    next: u64,
    /// Since when the next part of the answer waits for the visitor, where it does.
    open: BTreeMap<u64, Option<Instant>>,
}

/// One request that is being answered.
#[derive(Debug)]
pub(super) struct Open {
    activity: Arc<Activity>,
    number: u64,
}

impl Activity {
    pub(super) fn begin(self: &Arc<Self>) -> Open {
        let mut requests = self.requests();
        let number = requests.next;
        requests.next += 1;
        requests.open.insert(number, None);
        drop(requests);
        self.changed.notify_one();
        Open { activity: Arc::clone(self), number }
    }

    /// Resolves when nothing was open for so long, or nobody took the next part of an answer.
    pub(super) async fn over(&self, patience: Duration) {
        loop {
            let (is_idle, oldest) = {
                let requests = self.requests();
                (requests.open.is_empty(), requests.open.values().flatten().min().copied())
            };
            let waited = oldest.map(|since| clock::instant().saturating_duration_since(since));
            let left = patience.saturating_sub(waited.unwrap_or_default());
            if left.is_zero() {
                return;
            }
            let changed = timeout(left, self.changed.notified()).await;
            if is_idle && changed.is_err() {
                return;
            }
        }
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The next part of the answer waits for the visitor from now on, or does not.
    fn waits(&self, is_waiting: bool) {
        let since = is_waiting.then(clock::instant);
        self.activity.requests().open.insert(self.number, since);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.activity.requests().open.remove(&self.number);
        self.activity.changed.notify_one();
    }
}

/// An answer that counts as open until its last byte, or another where too much of what the principal
/// asked for lies there. One to a stranger comes with the stranger's place, and is as a whole one but
/// while there is nothing to hand over.
pub(super) fn handed_over(
    mut response: Response<Body>,
    open: Open,
    whose: Option<PublicKey>,
) -> Response<Body> {
    let length = response.body().size_hint().exact();
    let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let large = length.filter(|length| *length > PART_BYTES);
    let share = match whose.zip(large) {
        None => None,
        Some((whose, length)) => match ANSWERS.take(whose, length) {
            Some(share) => Some(share),
            None => return handed_over(too_much(&response), open, None),
        },
    };
    let stranger = response.extensions_mut().remove::<Arc<Ungreeted>>();
    let waits_for_visitor = length.is_some() || stranger.is_some();
    open.waits(waits_for_visitor);
    response.map(|body| {
        let rest = Bytes::new();
        Body::new(Answer { body, rest, waits_for_visitor, open, _share: share, _place: stranger })
    })
}

/// What is answered in the place of an answer, in the words of its protocol: libraries of gRPC look for
/// a status of its own, and take that of HTTP for somebody's between.
fn too_much(answer: &Response<Body>) -> Response<Body> {
    let why = format!(
        "wanted at most {ANSWERS_OF_ONE_BYTES_MAX} bytes of answers that one principal has not taken \
         yet, found more"
    );
    let refusal = Refusal::new(RefusalCode::TooMany, "answer", why);
    let media_type = answer.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if media_type.is_some_and(grpc::is_grpc) {
        return grpc::refused(refusal);
    }
    let mut problem = Problem::from(refusal).into_response();
    for name in OF_EVERY_ANSWER {
        if let Some(value) = answer.headers().get(&name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// The body of an answer.
struct Answer {
    body: Body,
    /// What was not handed over yet of the frame before.
    rest: Bytes,
    /// What is there waits for nobody but the visitor.
    waits_for_visitor: bool,
    open: Open,
    _share: Option<Share>,
    _place: Option<Arc<Ungreeted>>,
}

impl Answer {
    /// The next part of a frame.
    fn part(&mut self, mut frame: Bytes) -> Frame<Bytes> {
        let part = frame.split_to(PART_BYTES.min(frame.len()));
        self.rest = frame;
        self.open.waits(self.waits_for_visitor);
        Frame::data(part)
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.part(rest))));
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() {
            self.open.waits(false);
        }
        let Poll::Ready(Some(Ok(frame))) = polled else { return polled };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => self.part(data),
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Error;

    use axum::http::StatusCode;
    use futures_util::FutureExt as _;
    use futures_util::stream::pending;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    /// A body and the activity in which it is open.
    fn answered(body: Body, whose: Option<PublicKey>) -> (Response<Body>, Arc<Activity>) {
        let activity = Arc::new(Activity::default());
        let open = activity.begin();
        (handed_over(Response::new(body), open, whose), activity)
    }

    async fn parts(response: Response<Body>) -> Vec<Bytes> {
        let mut parts = Vec::new();
        let mut body = response.into_body();
        while let Some(part) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            parts.push(part.unwrap().into_data().unwrap());
        }
        parts
    }

    #[tokio::test]
    async fn a_connection_is_idle_when_nothing_was_open_for_long() {
        let activity = Arc::new(Activity::default());
        let open = activity.begin();
        assert!(activity.over(SOON).now_or_never().is_none(), "wanted it awaited");
        drop(open);
        activity.over(SOON).await;
    }

    #[tokio::test]
    async fn an_answer_is_handed_over_part_by_part_and_is_whole() {
        let text: Vec<u8> = (0..=250).cycle().take(2 * PART_BYTES + 1).collect();
        let (response, activity) = answered(text.clone().into(), None);
        assert_eq!(response.body().size_hint().exact(), Some(text.len() as u64));
        let mut body = response.into_body();
        let first = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let first = first.unwrap().unwrap().into_data().unwrap();
        let left = text.len() - first.len();
        assert_eq!((first.len(), body.size_hint().exact()), (PART_BYTES, Some(left as u64)));
        assert!(!body.is_end_stream(), "wanted more to come");
        let rest = parts(Response::new(body)).await;
        assert_eq!(rest.iter().map(Bytes::len).collect::<Vec<_>>(), [PART_BYTES, 1]);
        assert_eq!([vec![first], rest].concat().concat(), text);
        activity.over(SOON).await;
    }

    #[tokio::test]
    async fn a_connection_is_over_when_an_answer_is_not_taken_and_not_when_it_comes_late() {
        let (untaken, activity) = answered("here".into(), None);
        activity.over(SOON).await;
        drop(untaken);
        let (waiting, activity) =
            answered(Body::from_stream(pending::<Result<Bytes, Error>>()), None);
        let over = timeout(20 * SOON, activity.over(SOON)).await;
        assert!(over.is_err(), "wanted it open, found it over");
        drop(waiting);
        activity.over(SOON).await;
    }

    #[test]
    fn a_page_may_read_why_an_answer_did_not_come() {
        let origin = HeaderValue::from_static("https://dash.example");
        let mut answer = Response::new(Body::from(vec![0; PART_BYTES + 1]));
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/csv"));
        let problem = too_much(&answer);
        assert_eq!(problem.status(), StatusCode::TOO_MANY_REQUESTS);
        let header = |name| problem.headers().get(name);
        assert_eq!(header(ACCESS_CONTROL_ALLOW_ORIGIN), Some(&origin));
        assert_eq!(header(X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
        assert_eq!(header(CONTENT_TYPE).unwrap(), "application/problem+json");
    }

    #[tokio::test]
    async fn what_one_principal_leaves_lying_is_bounded() {
        let whose = Some(PublicKey::from([7; 32]));
        let half = || Body::from(vec![0; ANSWERS_OF_ONE_BYTES_MAX / 2]);
        let status = |(response, _activity): &(Response<Body>, _)| response.status();
        let (one, two) = (answered(half(), whose), answered(half(), whose));
        let third = answered(half(), whose);
        let found = [&one, &two, &third].map(status);
        assert_eq!(found, [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]);
        let other = answered(half(), Some(PublicKey::from([8; 32])));
        let small = answered("small".into(), whose);
        assert_eq!([&other, &small].map(status), [StatusCode::OK; 2]);
        drop(one);
        assert_eq!(status(&answered(half(), whose)), StatusCode::OK);
    }
}
