//! Health and metrics on loopback: what an operator's tools poll.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::hub::{Hub, metrics};

#[derive(Clone)]
struct Shared {
    hub: Arc<Hub>,
    metrics: PrometheusHandle,
}

/// Binds the listener; a loopback address is already guaranteed by the configuration.
///
/// # Errors
/// The address is taken or not ours.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stopped` resolves.
///
/// # Errors
/// Accepting failed for good.
pub(crate) async fn serve(
    listener: TcpListener,
    hub: Arc<Hub>,
    metrics: PrometheusHandle,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Shared { hub, metrics });
    axum::serve(listener, routes).with_graceful_shutdown(stopped).await
}

async fn readyz(State(shared): State<Shared>) -> impl IntoResponse {
    let readiness = shared.hub.readiness();
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(readiness))
}

async fn scrape(State(shared): State<Shared>) -> impl IntoResponse {
    if let Some(bytes) = resident_bytes() {
        metrics::set(metrics::RESIDENT_BYTES, bytes);
    }
    shared.hub.observe();
    let text = shared.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// Resident memory as the kernel counts it; `None` where it does not say.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
