//! The web listener: HTTP/1.1 and HTTP/2 for browsers, services and tools, over TLS; without it on
//! loopback, where somebody wants to look at the pages.
//!
//! It proves the node's certificate, finds out which key the client's certificate carries, if any,
//! and hands requests to the parts below it. Nothing is compressed and nothing is resumed.

mod about;
mod activity;
mod admin;
mod asked;
mod caller;
mod events;
mod grpc;
mod mqtt;
mod openapi;
mod origin;
mod pages;
mod problem;
mod publish;
mod sensorthings;
mod share;
mod shown;
mod turns;
mod unread;
mod visitor;
mod websocket;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use sekisho_proto::limits;
use sekisho_seal::SigningKey;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{Instrument as _, debug, debug_span};

use crate::hub::{Hub, metrics};
use crate::transport::certificate::{Certificate, peer_public_key};
use crate::transport::crowd::Crowd;
use crate::transport::quic::ListenError;
use crate::transport::socket::{HANDSHAKE_MAX, Newcomer, Security, Socket};
use activity::{Activity, handed_over};
pub(crate) use caller::Caller;
pub(crate) use origin::{Origins, Own};
use pages::Rules;
pub use pages::are_built;
pub(crate) use problem::Problem;
use unread::Unread;
pub(crate) use visitor::{Ungreeted, Visitor};

/// What TLS is to be spoken for (IANA's registry of ALPN protocol ids).
const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];
/// How long the headers of one request may take.
const HEADERS_MAX: Duration = Duration::from_secs(10);
/// How long a connection is kept on which nothing is asked, or nothing taken of what was asked for.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How often a silent HTTP/2 client is asked whether it is there, and how long it may think.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long a stopping node waits for answers that are due.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Headers of one request, bytes.
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Headers of one request.
const HEADERS_COUNT_MAX: usize = 64;
/// What is read of one HTTP/1 connection at once, bytes: the headers and some of the body.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Requests at a time of one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// Streams that a client may open and reset before they were looked at: what of a burst of honest
/// cancellations may be on its way. Beyond it the connection ends (CVE-2023-44487).
const RESETS_PENDING_MAX: usize = 32;
/// Streams that a client may have this side reset by breaking rules.
const RESETS_LOCAL_MAX: usize = 64;
/// What may be on its way to the node of one HTTP/2 stream, and of a connection, bytes: an envelope
/// of the largest size, and four of them.
const WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * WINDOW_BYTES;

/// The answer to a request without TLS.
const PLAIN: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 36\r\n\
                     Connection: close\r\n\r\nTLS: wanted https://, found http://\n";

/// What every part of this listener shares.
#[derive(Debug)]
pub(crate) struct Door {
    /// The node.
    pub(crate) hub: Arc<Hub>,
    /// The node's key, for those to whom TLS does not prove it.
    pub(crate) key: Arc<SigningKey>,
    /// Who else is connected.
    pub(crate) crowd: Arc<Crowd>,
    /// Whose pages may ask.
    pub(crate) origins: Origins,
    /// What the pages may do.
    pub(crate) rules: Rules,
    /// Fires when the node is stopping.
    pub(crate) stop: CancellationToken,
    /// What is waited for then.
    pub(crate) tasks: TaskTracker,
}

/// A bound listener.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    door: Arc<Door>,
}

impl Door {
    /// What the parts share while the node runs.
    pub(crate) fn new(
        (hub, key, crowd): (Arc<Hub>, Arc<SigningKey>, Arc<Crowd>),
        own: Own,
        stop: CancellationToken,
    ) -> Self {
        let config = hub.config();
        let origins = Origins::new(config.web_origins.clone(), own);
        let rules = Rules::new(config.map.tiles.as_ref(), &config.web_sign_in);
        Self { hub, key, crowd, origins, rules, stop, tasks: TaskTracker::new() }
    }
}

/// Everything that is served.
fn routes(door: &Arc<Door>) -> Router {
    Router::new()
        .merge(grpc::routes(door))
        .merge(websocket::routes())
        .merge(mqtt::routes())
        .merge(sensorthings::routes())
        .merge(about::routes())
        .merge(admin::routes())
        .merge(events::routes())
        .merge(openapi::routes())
        .merge(publish::routes(door))
        .fallback(pages::answer)
        .method_not_allowed_fallback(problem::otherwise)
        .layer(from_fn_with_state(Arc::clone(door), origin::guard))
        .layer(from_fn(origin::cautions))
        .layer(DefaultBodyLimit::max(limits::FRAME_BYTES_MAX))
        .with_state(Arc::clone(door))
}

impl Listener {
    /// Binds `address`.
    ///
    /// # Errors
    /// The certificate cannot be used, or the address not be bound.
    pub(crate) async fn bind(
        address: SocketAddr,
        certificate: &watch::Sender<Certificate>,
        door: Arc<Door>,
    ) -> Result<Self, ListenError> {
        let socket = Socket::bind(address, certificate, PROTOCOLS).await?;
        Ok(Self { socket, door })
    }

    /// Binds `address`, which is of this machine only, for browsers that are to come without TLS.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(crate) async fn bind_loopback(
        address: SocketAddr,
        door: Arc<Door>,
    ) -> Result<Self, ListenError> {
        let socket = Socket::bind_loopback(address).await?;
        Ok(Self { socket, door })
    }

    /// Where it listens; the port is the system's choice where 0 was asked for.
    ///
    /// # Errors
    /// The socket is gone.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.address()
    }

    /// Accepts until the node stops, then waits for what is due.
    pub(crate) async fn run(mut self) {
        let routes = routes(&self.door);
        let connections = self.door.tasks.clone();
        loop {
            let newcomer = tokio::select! {
                () = self.door.stop.cancelled() => break,
                newcomer = self.socket.next(&self.door.crowd) => newcomer,
            };
            let span = debug_span!("web", address = %newcomer.address);
            let serving = serve(newcomer, Arc::clone(&self.door), routes.clone());
            connections.spawn(serving.instrument(span));
        }
        drop(self.socket);
        connections.close();
        connections.wait().await;
    }
}

async fn serve(newcomer: Newcomer, door: Arc<Door>, routes: Router) {
    let Newcomer { stream, address, security, seat, stranger: place } = newcomer;
    let Security::Tls(acceptor, shown) = security else {
        let visitor = Visitor::new(address, (None, None), seat, place);
        let held = (&door.tasks, &door.stop, IDLE_MAX);
        return Box::pin(converse(stream, visitor, held, routes)).await;
    };
    let shaking = async {
        if is_plain(&stream).await? {
            return tell_plain(stream).await.map(|()| None);
        }
        acceptor.accept(stream).await.map(Some)
    };
    let stream = match timeout(HANDSHAKE_MAX, shaking).await {
        Ok(Ok(Some(stream))) => stream,
        Ok(Ok(None)) => return metrics::handshake_failed("tls"),
        Ok(Err(fault)) => {
            debug!(%fault, "no handshake");
            return metrics::handshake_failed("tls");
        }
        Err(_elapsed) => return metrics::handshake_failed("timeout"),
    };
    let key = peer_public_key(stream.get_ref().1);
    let visitor = Visitor::new(address, (key, Some(shown)), seat, place);
    Box::pin(converse(stream, visitor, (&door.tasks, &door.stop, IDLE_MAX), routes)).await;
}

/// Answers what is asked on one connection until it ends.
async fn converse<S>(
    stream: S,
    visitor: Visitor,
    (tasks, stop, idle_max): (&TaskTracker, &CancellationToken, Duration),
    routes: Router,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let visitor = Arc::new(visitor);
    let activity = Arc::new(Activity::default());
    let (asked, active) = (Arc::clone(&visitor), Arc::clone(&activity));
    let (reading, stopped) = (tasks.clone(), stop.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let open = active.begin();
        let unread = |body| Body::new(Unread::new(body, reading.clone(), stopped.clone()));
        let mut request = request.map(unread);
        request.extensions_mut().insert(Arc::clone(&asked));
        request.extensions_mut().insert(Arc::clone(&active));
        let answering = routes.clone().oneshot(request);
        let visitor = Arc::clone(&asked);
        async move {
            let response = answering.await?;
            Ok::<_, Infallible>(handed_over(response, open, visitor.caller().await))
        }
    });
    let builder = builder();
    let mut connection =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = activity.over(idle_max) => None,
        () = stop.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => Ok(ended),
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(DRAIN_MAX, connection).await
        }
    };
    if let Ok(Err(fault)) = ended {
        debug!(%fault, "connection");
    }
}

/// Whether a request begins without TLS, as after a mistyped `http://`.
async fn is_plain(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0; 1];
    stream.peek(&mut first).await?;
    Ok(first.first().is_some_and(u8::is_ascii_uppercase))
}

/// Says so in the protocol that the client understands; nothing that it asked is looked at.
async fn tell_plain(mut stream: TcpStream) -> std::io::Result<()> {
    let mut asked = vec![0; BUFFER_BYTES_MAX];
    // What is left unread would have the system throw the answer away.
    let _thrown_away = stream.read(&mut asked).await?;
    stream.write_all(PLAIN.as_bytes()).await?;
    stream.shutdown().await
}

/// HTTP with every bound that it can have.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX)
        .max_headers(HEADERS_COUNT_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_LOCAL_MAX)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .enable_connect_protocol();
    builder
}

#[cfg(test)]
mod tests;
