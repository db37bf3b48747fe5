//! The session over gRPC, for services: the same frames as a stream each way, and single calls for
//! those that only state or ask. Messages are never compressed.

mod announced;
mod codec;
mod gathered;
mod reflecting;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{BoxError, Router};
use sekisho_proto::frame::{Answer, Query, Stated};
use sekisho_proto::{Frame, RefusalCode, frame, limits};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::server::Grpc;
use tonic::{Code, Status, Streaming};
use tonic_health::ServingStatus;
use tower::service_fn;

use self::announced::Announced;
use self::codec::{Coded, Decoded};
use self::gathered::Gathered;
use super::asked::Room;
use super::caller::key_of;
use super::{Door, Problem, Visitor, problem};
use crate::clock;
use crate::hub::{Came, Refusal, metrics};
use crate::transport::channel::{self, End};
use crate::transport::desk::Desk;
use crate::transport::frames::{Gone, Silence, Sink, Source};

/// The service's name in the schema.
const SERVICE: &str = "sekisho.v1.Sekisho";
/// What a stranger may ask of the services that are everybody's, bytes: a name.
const STRANGERS_BYTES_MAX: usize = 4 * 1024;
/// How long a single call may take, from its headers to its answer.
const CALL_MAX: Duration = Duration::from_secs(60);
/// Frames that wait to be written.
const FRAMES_MAX: usize = 64;

pub(super) fn routes(door: &Arc<Door>) -> Router<Arc<Door>> {
    let (health, healthy) = tonic_health::server::health_reporter();
    let healthy = healthy.max_decoding_message_size(STRANGERS_BYTES_MAX);
    let stop = door.stop.clone();
    door.tasks.spawn(async move {
        health.set_service_status(SERVICE, ServingStatus::Serving).await;
        stop.cancelled().await;
        health.set_service_status(SERVICE, ServingStatus::NotServing).await;
    });
    Router::new()
        .route("/sekisho.v1.Sekisho/Session", post(session))
        .route("/sekisho.v1.Sekisho/State", post(state))
        .route("/sekisho.v1.Sekisho/Query", post(query))
        .route_service("/grpc.health.v1.Health/{method}", healthy)
        .merge(reflecting::routes(door))
        .route_layer(from_fn(spoken))
}

/// Lets through what is a call of gRPC; whoever speaks HTTP only is answered in HTTP.
async fn spoken(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        let refused = problem::otherwise(request.method().clone()).await;
        return ([(ALLOW, "POST")], refused).into_response();
    }
    let found = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if is_grpc(found) {
        return next.run(request).await;
    }
    let why = format!("wanted application/grpc, found {:?}", String::from_utf8_lossy(found));
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Problem::new(status, RefusalCode::Malformed, "content-type", why).into_response()
}

/// Whether a media type is that of gRPC, whatever its messages are called.
pub(super) fn is_grpc(media_type: &[u8]) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    let rest = media_type.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| rest.first().is_none_or(|next| b"+; ".contains(next)))
}

/// A stream of frames each way.
async fn session(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Arc<Visitor>>,
    request: Request,
) -> Response {
    let frame_bytes_max = Arc::new(AtomicUsize::new(limits::FRAME_BYTES_UNGREETED_MAX));
    let bounded = Arc::clone(&frame_bytes_max);
    let request = request.map(|body| Announced::new(body, bounded));
    let serving = service_fn(|request: tonic::Request<Streaming<Decoded<Frame>>>| {
        let (tell, told) = mpsc::channel(FRAMES_MAX);
        let frame_bytes_max = Arc::clone(&frame_bytes_max);
        let source = Messages { stream: request.into_inner(), frame_bytes_max };
        let (entered, visitor) = (Arc::clone(&door), Arc::clone(&visitor));
        door.tasks.spawn(async move {
            let (pen, end) = channel::serve(source, Pen(tell), &entered, (&visitor, "grpc")).await;
            if let (Some(Pen(tell)), End::Refused(code, why)) = (pen, end) {
                // A client that is gone does not read it.
                drop(tell.send(Err(Status::new(status_of(code), why))).await);
            }
        });
        async { Ok::<_, Status>(tonic::Response::new(ReceiverStream::new(told))) }
    });
    let mut grpc = Grpc::new(Coded::<Frame, Frame>::new())
        .max_decoding_message_size(limits::FRAME_BYTES_MAX)
        .max_encoding_message_size(limits::FRAME_BYTES_MAX);
    grpc.streaming(serving, request).await.map(Body::new)
}

/// Statements, for a caller whom TLS or a password has proven.
async fn state(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Arc<Visitor>>,
    request: Request,
) -> Response {
    let (desk, mut room) = match admitted(&door, &visitor, request.headers()).await {
        Ok(admitted) => admitted,
        Err(status) => return status.into_http(),
    };
    let serving = service_fn(move |request: tonic::Request<Decoded<frame::State>>| {
        drop(room.take());
        let desk = Arc::clone(&desk);
        async move {
            let state = message(request)?;
            let indices = desk.state(state.statements).await.map_err(status)?;
            Ok(tonic::Response::new(Stated { request: state.request, indices }))
        }
    });
    let mut grpc = unary(Coded::<frame::State, Stated>::new());
    in_time(Box::pin(grpc.unary(serving, request))).await
}

/// A question, for a caller whom TLS or a password has proven.
async fn query(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Arc<Visitor>>,
    request: Request,
) -> Response {
    let (desk, mut room) = match admitted(&door, &visitor, request.headers()).await {
        Ok(admitted) => admitted,
        Err(status) => return status.into_http(),
    };
    let serving = service_fn(move |request: tonic::Request<Decoded<Query>>| {
        drop(room.take());
        let desk = Arc::clone(&desk);
        async move {
            let query = message(request)?;
            let answer = desk.query(query.question).await.map_err(status)?;
            Ok(tonic::Response::new(Answer { request: query.request, answer }))
        }
    });
    let mut grpc = unary(Coded::<Query, Answer>::new());
    in_time(Box::pin(grpc.unary(serving, request))).await
}

fn unary<T>(coded: T) -> Grpc<T>
where
    T: tonic::codec::Codec,
{
    Grpc::new(coded)
        .max_decoding_message_size(limits::FRAME_BYTES_MAX)
        .max_encoding_message_size(limits::FRAME_BYTES_MAX)
}

/// The answer to a single call, whose message may not trickle in for ever. It is all there when it
/// leaves, and of a known size: so it counts as what its caller has not taken yet.
async fn in_time<B>(answering: impl Future<Output = axum::http::Response<B>>) -> Response
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let whole = async {
        let (head, body) = answering.await.into_parts();
        Gathered::of(body).await.map(|body| Response::from_parts(head, Body::new(body)))
    };
    match timeout(CALL_MAX, whole).await {
        Ok(Ok(response)) => response,
        Ok(Err(fault)) => Status::internal(fault.into().to_string()).into_http(),
        Err(_elapsed) => {
            let why = format!("wanted a whole call within {} s", CALL_MAX.as_secs());
            Status::deadline_exceeded(why).into_http()
        }
    }
}

/// What was sent.
fn message<M>(request: tonic::Request<Decoded<M>>) -> Result<M, Status> {
    request.into_inner().message.map_err(|fault| status(fault.into()))
}

/// The caller's session, and room for its message until that is there. Both are asked for before
/// anything is read of what strangers send.
async fn admitted(
    door: &Arc<Door>,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<(Arc<Desk>, Option<Room>), Status> {
    let refused = |refusal: Refusal| {
        let came = Came::by("grpc", visitor.address());
        door.hub.refusals().note(None, came, &refusal, clock::now());
        metrics::handshake_failed(refusal.code.name());
        drop(door.hub.refuse(0, refusal.clone()));
        status(refusal)
    };
    let key = key_of(door, visitor, headers).map_err(refused)?;
    let desk = visitor.desk(door, key).await.map_err(refused)?;
    let room = Room::take(Some(key)).map_err(|refusal| {
        drop(door.hub.refuse(0, refusal.clone()));
        status(refusal)
    })?;
    Ok((desk, Some(room)))
}

/// A refusal as the whole answer to a call: a status, and no message before it.
pub(super) fn refused(refusal: Refusal) -> Response {
    status(refusal).into_http()
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn status(refusal: Refusal) -> Status {
    Status::new(status_of(refusal.code), refusal.to_string())
}

/// The status that says most about a code to those who know gRPC only.
const fn status_of(code: RefusalCode) -> Code {
    match code {
        RefusalCode::Malformed
        | RefusalCode::NonCanonical
        | RefusalCode::WeakKey
        | RefusalCode::BadStatement
        | RefusalCode::BadEnrolment => Code::InvalidArgument,
        RefusalCode::Oversized => Code::OutOfRange,
        RefusalCode::UnknownVersion => Code::Unimplemented,
        RefusalCode::UnexpectedFrame
        | RefusalCode::ForeignTopic
        | RefusalCode::ClockAhead
        | RefusalCode::Expired
        | RefusalCode::EpochRetired
        | RefusalCode::EpochUnknown
        | RefusalCode::KeyHeaderMissing => Code::FailedPrecondition,
        RefusalCode::UnknownKey | RefusalCode::Revoked | RefusalCode::BadSignature => {
            Code::Unauthenticated
        }
        RefusalCode::NotPermitted | RefusalCode::WrongPublisher => Code::PermissionDenied,
        RefusalCode::Replayed | RefusalCode::AlreadyExists => Code::AlreadyExists,
        RefusalCode::SequenceGap | RefusalCode::Equivocation => Code::Aborted,
        RefusalCode::RateLimited | RefusalCode::TooMany | RefusalCode::StorageFull => {
            Code::ResourceExhausted
        }
        RefusalCode::Draining => Code::Unavailable,
        RefusalCode::NotFound => Code::NotFound,
        RefusalCode::Internal => Code::Internal,
    }
}

struct Messages {
    stream: Streaming<Decoded<Frame>>,
    /// What the next message may announce.
    frame_bytes_max: Arc<AtomicUsize>,
}

impl Source for Messages {
    fn set_frame_bytes_max(&mut self, frame_bytes_max: usize) {
        self.frame_bytes_max.store(frame_bytes_max, Ordering::Relaxed);
    }

    async fn next(&mut self) -> Result<Option<Frame>, Silence> {
        match self.stream.message().await {
            Ok(Some(Decoded { message })) => {
                message.map(Some).map_err(|fault| Silence::Broken(fault.into()))
            }
            Ok(None) => Ok(None),
            Err(status) if status.code() == Code::OutOfRange => {
                let refusal = Refusal::new(RefusalCode::Oversized, "message", status.message());
                Err(Silence::Broken(refusal))
            }
            Err(_gone) => Err(Silence::Gone),
        }
    }
}

struct Pen(mpsc::Sender<Result<Frame, Status>>);

impl Sink for Pen {
    async fn write(&mut self, frames: Vec<Frame>) -> Result<(), Gone> {
        for frame in frames {
            self.0.send(Ok(frame)).await.map_err(|_gone| Gone)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;
    use std::pin::Pin;

    use axum::http::uri::PathAndQuery;
    use sekisho_proto::PublicKey;
    use sekisho_proto::frame::Message as _;

    use super::super::activity::{ANSWERS_OF_ONE_BYTES_MAX, Activity, handed_over};
    use super::*;

    /// What a single call is answered, as tonic encodes it.
    async fn answered(answer: Result<Stated, Status>) -> Response {
        let serving = service_fn(move |_request: tonic::Request<Decoded<frame::State>>| {
            let answer = answer.clone();
            async move { answer.map(tonic::Response::new) }
        });
        let encoded = frame::State { request: 7, statements: Vec::new() }.encode();
        let mut message = vec![0];
        message.extend(u32::try_from(encoded.len()).unwrap().to_be_bytes());
        message.extend(&*encoded);
        let request = Request::new(Body::from(message));
        let mut grpc = unary(Coded::<frame::State, Stated>::new());
        in_time(grpc.unary(serving, request)).await
    }

    #[tokio::test]
    async fn the_answer_to_a_single_call_has_a_known_size_and_keeps_its_trailers() {
        let stated = Stated { request: 7, indices: Vec::new() };
        let mut body = answered(Ok(stated)).await.into_body();
        let size = body.size_hint().exact();
        let mut next = async || poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let data = next().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(size, Some(data.len() as u64));
        let trailers = next().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers.get("grpc-status").unwrap(), "0");
        assert!(next().await.is_none(), "wanted nothing after the trailers");
    }

    #[tokio::test]
    async fn a_refused_single_call_says_so_in_its_head_and_is_of_a_known_size() {
        let refused = answered(Err(Status::resource_exhausted("wanted less"))).await;
        assert_eq!(refused.headers().get("grpc-status").unwrap(), "8");
        assert_eq!(refused.body().size_hint().exact(), Some(0));
    }

    /// What another's library of gRPC makes of it.
    #[tokio::test]
    async fn who_has_too_much_of_answers_untaken_is_told_so_in_the_words_of_grpc() {
        let whose = Some(PublicKey::from([9; 32]));
        let serving = service_fn(async |_call: axum::http::Request<tonic::body::Body>| {
            let more = Body::from(vec![0; ANSWERS_OF_ONE_BYTES_MAX + 1]);
            let mut answer = Response::new(more);
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            let open = Arc::new(Activity::default()).begin();
            Ok::<_, Infallible>(handed_over(answer, open, whose))
        });
        let mut client = tonic::client::Grpc::new(serving);
        client.ready().await.unwrap();
        let asked = tonic::Request::new(frame::State { request: 7, statements: Vec::new() });
        let path = PathAndQuery::from_static("/sekisho.v1.Sekisho/State");
        let refused = client.unary(asked, path, Coded::<Stated, frame::State>::new()).await;
        let status = refused.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().starts_with("too-many: answer: wanted at most"), "{status}");
    }
}
