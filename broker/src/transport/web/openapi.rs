//! The description of this listener's requests, as OpenAPI 3.1 has it: one file, checked in, given to
//! whoever asks.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::Door;
use super::events::json_text;

/// `docs/openapi.json`.
const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");

/// What this part serves.
pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new().route("/v1/openapi.json", get(document))
}

/// It says nothing about anybody: whoever asks is given it.
async fn document() -> Response {
    json_text(DOCUMENT.to_owned())
}

#[cfg(test)]
mod tests;
