//! What anybody may know of this node: what a page says before somebody has an identity.
//!
//! None of it is to be believed: whose root counts is in the token that somebody was given, and TLS
//! or the login proves the key.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Door;
use crate::{SOFTWARE, clock};

/// What this part serves.
pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new().route("/v1/node", get(node))
}

async fn node(State(door): State<Arc<Door>>) -> Json<Value> {
    let organisation = door.hub.organisation();
    let root = door.hub.authority().snapshot().root_of(organisation);
    let mut about = json!({
        "organisation": organisation.to_string(),
        "node_key": door.key.public_key().to_string(),
        "root": root.map(|root| root.to_string()),
        "time": clock::now().to_string(),
        "software": SOFTWARE,
    });
    let config = door.hub.config();
    if let Some(about) = about.as_object_mut() {
        if let Some(tiles) = &config.map.tiles {
            let map = json!({ "tiles": tiles.to_string(), "attribution": config.map.attribution });
            about.insert("map".to_owned(), map);
        }
        if !config.web_sign_in.is_empty() {
            let providers: Value = config.web_sign_in.iter().map(ToString::to_string).collect();
            about.insert("sign_in".to_owned(), providers);
        }
    }
    Json(about)
}
