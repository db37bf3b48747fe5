//! Server reflection: what there is to call, told to anybody. Whoever asks counts as one more stranger
//! while it does, as with a session that has not logged in, and nobody asks without end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures_util::StreamExt as _;
use sekisho_proto::SCHEMA_DESCRIPTORS;
use tokio::time::sleep;
use tonic_reflection::pb;
use tonic_reflection::server::Builder;
use tracing::error;

use super::super::{Door, Visitor};
use super::{CALL_MAX, STRANGERS_BYTES_MAX, refused};

/// Also as it was called before it was settled: Python's library and older tools ask for nothing
/// else.
pub(super) fn routes(door: &Arc<Door>) -> Router<Arc<Door>> {
    let all = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(SCHEMA_DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(pb::v1alpha::FILE_DESCRIPTOR_SET)
            .include_reflection_service(false)
    };
    match (all().build_v1(), all().build_v1alpha()) {
        (Ok(settled), Ok(before)) => {
            let settled = settled.max_decoding_message_size(STRANGERS_BYTES_MAX);
            let before = before.max_decoding_message_size(STRANGERS_BYTES_MAX);
            Router::new()
                .route_service("/grpc.reflection.v1.ServerReflection/{method}", settled)
                .route_service("/grpc.reflection.v1alpha.ServerReflection/{method}", before)
                .route_layer(from_fn_with_state(Arc::clone(door), as_stranger))
        }
        (Err(fault), _) | (_, Err(fault)) => {
            error!(%fault, "gRPC reflection is not served");
            Router::new()
        }
    }
}

async fn as_stranger(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Arc<Visitor>>,
    request: Request,
    next: Next,
) -> Response {
    let place = match visitor.stranger(&door.crowd) {
        Ok(place) => place,
        Err(refusal) => return refused(refusal),
    };
    let mut response = next.run(request.map(|body| asked_for(body, CALL_MAX))).await;
    // Whoever hands the answer over gives the place up with it.
    response.extensions_mut().insert(Arc::new(place));
    response
}

/// What is asked within so long; nothing after it.
fn asked_for(body: Body, patience: Duration) -> Body {
    Body::from_stream(body.into_data_stream().take_until(sleep(patience)))
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures_util::stream::{iter, pending};

    use super::*;

    #[tokio::test]
    async fn nobody_asks_without_end() {
        let question = iter([Ok::<_, std::io::Error>(Bytes::from_static(b"question"))]);
        let unended = Body::from_stream(question.chain(pending()));
        let asked = asked_for(unended, Duration::from_millis(1)).into_data_stream();
        let asked: Vec<_> = asked.map(Result::unwrap).collect().await;
        assert_eq!(asked, ["question"]);
    }
}
