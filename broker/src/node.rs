//! A whole node: configuration in, a running process out, and an orderly end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, PrometheusHandle};
use sekisho_proto::{Position, PrincipalKind};
use sekisho_seal::{KeyFile, KeyFileError, KeyKind, SigningKey};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::field::display;
use tracing::{info, warn};

use crate::config::{Config, ConfigError};
use crate::genesis::{self, GenesisError};
use crate::hub::{Ended, Hub, Request, StartError, metrics, receipts, releases, sweeping};
pub use crate::transport::certificate::TlsFileError;
use crate::transport::certificate::{Certificate, renewing};
use crate::transport::crowd::Crowd;
pub use crate::transport::quic::ListenError;
use crate::transport::quic::Listener;
use crate::transport::web::Own;
use crate::transport::{mqtt as mqtt_door, web};
use crate::{clock, engine, homeward, http, links, mqtt};

/// How often what is due now and then is done.
const TICK: Duration = Duration::from_secs(1);
/// How often the time is kept on the disk.
const MARK: Duration = Duration::from_secs(60);
/// How often is looked whether a session's right has ended by the clock alone.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Why a node did not start, or ended badly.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The configuration has faults.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The node's key file was refused.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The key file holds somebody else's key.
    #[error("key file {}: wanted a node's key, found another kind", path.display())]
    KeyKind {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The first statements were refused.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The hub did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The QUIC listener did not start.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// There is no certificate for those that know no raw public keys.
    #[error(transparent)]
    Certificate(#[from] TlsFileError),
    /// The HTTP listener did not start, or ended.
    #[error("health and metrics on {address}")]
    Http {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A flush failed. What was acknowledged is on disk; what else is, is learned by starting again.
    #[error("record log: wanted a disk that keeps what it is given, found a fault: {cause}")]
    Disk {
        /// What the disk said.
        cause: String,
    },
    /// A defect of this software: what was acknowledged is on disk, and the node can be started
    /// again.
    #[error("shard: wanted it to run until the node stops, found it ended in a panic")]
    Shard,
    /// Metrics were installed before.
    #[error("metrics: wanted a process without a recorder")]
    Metrics(#[from] BuildError),
}

/// Where a running node can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Clients and peers.
    pub quic: SocketAddr,
    /// Health and metrics.
    pub http: SocketAddr,
    /// Browsers, services and tools, where that door is open.
    pub web: Option<SocketAddr>,
    /// MQTT clients, where that door is open.
    pub mqtt: Option<SocketAddr>,
    /// MQTT clients of this machine, without TLS, where somebody asked for that.
    pub insecure_mqtt: Option<SocketAddr>,
    /// Browsers of this machine, without TLS, where somebody asked for that.
    pub insecure_web: Option<SocketAddr>,
}

/// Listeners without TLS, on loopback addresses: never in a configuration, always asked for anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Insecure {
    /// For MQTT clients.
    pub mqtt: Option<SocketAddr>,
    /// For browsers.
    pub web: Option<SocketAddr>,
}

/// Runs the node in `dir` until `stop`, then drains it. `ready` hears where it listens once it does.
///
/// # Errors
/// Anything that keeps the node from starting, named with its file or address.
pub async fn serve(
    dir: &Path,
    insecure: Insecure,
    stop: CancellationToken,
    ready: impl FnOnce(Addresses),
) -> Result<(), NodeError> {
    let config = Config::load(dir)?;
    let recorder = metrics::install()?;
    serve_with((config, insecure), recorder, stop, ready).await
}

/// Has the node in `dir`, whose data was put back from a backup and which does not run, go on behind
/// all that it published since that was made: no position and no offset is given twice. Where the
/// backup ends, and the next position.
///
/// # Errors
/// The configuration has faults, or the data cannot be opened.
pub fn set_ahead(dir: &Path) -> Result<(Position, Position), NodeError> {
    let config = Config::load(dir)?;
    Ok(engine::set_ahead(&config).map_err(StartError::from)?)
}

async fn serve_with(
    (config, insecure): (Config, Insecure),
    recorder: PrometheusHandle,
    stop: CancellationToken,
    ready: impl FnOnce(Addresses),
) -> Result<(), NodeError> {
    let key = Arc::new(load_key(&config)?);
    let genesis = genesis::read(&config.genesis)?;
    let (quic, http_address) = (config.listen_quic, config.listen_http);
    // First of all the data folder: whoever starts a node twice is to hear that, not of ports.
    let started = Hub::start(config, Arc::clone(&key), &genesis)?;
    let hub = started.hub;
    let page = http::bind(http_address)
        .await
        .map_err(|source| NodeError::Http { address: http_address, source })?;
    let crowd = Arc::new(Crowd::new(hub.config()));
    let listener = Listener::bind(quic, &key, Arc::clone(&hub), Arc::clone(&crowd))?;
    let doors = Doors::open(&hub, insecure, (&key, &crowd), &stop).await?;
    let addresses = Addresses {
        quic: listener.address().unwrap_or(quic),
        http: page.local_addr().unwrap_or(http_address),
        web: web_address_of(doors.web.as_ref()),
        mqtt: address_of(doors.mqtt.as_ref()),
        insecure_mqtt: address_of(doors.insecure_mqtt.as_ref()),
        insecure_web: web_address_of(doors.insecure_web.as_ref()),
    };
    let organisation = hub.organisation();
    let (quic, web, mqtt) = (addresses.quic, addresses.web, addresses.mqtt);
    let [web, mqtt] = [web, mqtt].map(|door| door.map(display));
    info!(%organisation, %quic, http = %addresses.http, web, mqtt, "serving");
    ready(addresses);
    let linking = tokio::spawn(links::run(Arc::clone(&hub), Arc::clone(&key), stop.clone()));
    let carrying = tokio::spawn(homeward::run(Arc::clone(&hub), key, stop.clone()));
    let recording = tokio::spawn(releases::run(Arc::clone(&hub), stop.clone()));
    let obeying = tokio::spawn(receipts::run(Arc::clone(&hub), stop.clone()));
    let sweeping = tokio::spawn(sweeping::run(Arc::clone(&hub), stop.clone()));
    let remembering = tokio::spawn(mqtt::run(Arc::clone(&hub), stop.clone()));
    let ticking = tokio::spawn(tick(Arc::clone(&hub), stop.clone()));
    let stopped = stop.clone();
    let served = tokio::spawn(http::serve(page, Arc::clone(&hub), recorder, async move {
        stopped.cancelled().await;
    }));
    let serving = tokio::spawn(doors.run());
    listener.run(stop.clone()).await;
    stop.cancel();
    if let Err(fault) = serving.await {
        warn!(%fault, "the doors for others");
    }
    for task in [linking, carrying, recording, obeying, ticking, sweeping, remembering] {
        if let Err(fault) = task.await {
            warn!(%fault, "a task of the node");
        }
    }
    hub.stop().await;
    drop(hub);
    match started.shard.join() {
        Ok(Ended::Stopped) => {}
        Ok(Ended::Poisoned { cause }) => return Err(NodeError::Disk { cause }),
        Err(_panic) => return Err(NodeError::Shard),
    }
    if let Ok(Err(source)) = served.await {
        return Err(NodeError::Http { address: http_address, source });
    }
    info!("stopped");
    Ok(())
}

/// The listeners for those that do not speak QUIC; each is closed unless the operator opens it.
struct Doors {
    web: Option<web::Listener>,
    mqtt: Option<mqtt_door::Listener>,
    insecure_mqtt: Option<mqtt_door::Listener>,
    insecure_web: Option<web::Listener>,
    /// What looks after the certificate, where one is shown.
    renewing: Option<JoinHandle<()>>,
}

fn address_of(listener: Option<&mqtt_door::Listener>) -> Option<SocketAddr> {
    listener.and_then(|listener| listener.address().ok())
}

fn web_address_of(listener: Option<&web::Listener>) -> Option<SocketAddr> {
    listener.and_then(|listener| listener.address().ok())
}

impl Doors {
    async fn open(
        hub: &Arc<Hub>,
        insecure: Insecure,
        (key, crowd): (&Arc<SigningKey>, &Arc<Crowd>),
        stop: &CancellationToken,
    ) -> Result<Self, NodeError> {
        let config = hub.config();
        let mut doors =
            Self { web: None, mqtt: None, insecure_mqtt: None, insecure_web: None, renewing: None };
        let shared = || (Arc::clone(hub), Arc::clone(key), Arc::clone(crowd));
        let mqtt = mqtt_door::Door::new(shared(), stop.clone());
        if let Some(address) = insecure.mqtt {
            let listener = mqtt_door::Listener::bind_loopback(address, Arc::clone(&mqtt)).await?;
            warn!(%address, "MQTT without TLS is open to this machine");
            doors.insecure_mqtt = Some(listener);
        }
        if let Some(address) = insecure.web {
            let door = Arc::new(web::Door::new(shared(), Own::Loopback, stop.clone()));
            doors.insecure_web = Some(web::Listener::bind_loopback(address, door).await?);
            warn!(%address, "pages and sessions without TLS are open to this machine");
        }
        if config.listen_web.is_none() && config.listen_mqtt.is_none() {
            return Ok(doors);
        }
        let (certificate, _shown) = watch::channel(Certificate::load_or_make(config)?);
        if let Some(address) = config.listen_mqtt {
            let listener = mqtt_door::Listener::bind(address, &certificate, Arc::clone(&mqtt));
            doors.mqtt = Some(listener.await?);
        }
        if let Some(address) = config.listen_web {
            let door = Arc::new(web::Door::new(shared(), Own::Tls, stop.clone()));
            doors.web = Some(web::Listener::bind(address, &certificate, door).await?);
        }
        let renewing = renewing::run(config.tls.clone(), certificate, stop.clone());
        doors.renewing = Some(tokio::spawn(renewing));
        Ok(doors)
    }

    /// Serves them until the node stops.
    async fn run(self) {
        let web = [self.web, self.insecure_web].map(|listener| async {
            if let Some(listener) = listener {
                listener.run().await;
            }
        });
        let [web, insecure_web] = web;
        let mqtt = [self.mqtt, self.insecure_mqtt].map(|listener| async {
            if let Some(listener) = listener {
                listener.run().await;
            }
        });
        let [secure, insecure] = mqtt;
        tokio::join!(web, insecure_web, secure, insecure);
        if let Some(renewing) = self.renewing
            && let Err(fault) = renewing.await
        {
            warn!(%fault, "what looks after the certificate");
        }
    }
}

fn load_key(config: &Config) -> Result<SigningKey, NodeError> {
    let file = KeyFile::load(&config.key)?;
    if file.kind != KeyKind::Principal(PrincipalKind::Node) {
        return Err(NodeError::KeyKind { path: config.key.clone() });
    }
    Ok(file.identity.signing().clone())
}

/// Tells the shard that time passes; a shard that is gone takes the node with it.
async fn tick(hub: Arc<Hub>, stop: CancellationToken) {
    let [mut ticks, mut looks, mut marks] = [TICK, LOOK_AGAIN, MARK].map(tokio::time::interval);
    for interval in [&mut ticks, &mut looks, &mut marks] {
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    }
    loop {
        let told = tokio::select! {
            () = stop.cancelled() => return,
            _at = ticks.tick() => {
                hub.tick(clock::now());
                hub.ask(Request::Tick).await
            }
            _at = looks.tick() => hub.look_again().await,
            _at = marks.tick() => {
                hub.mark_time(clock::now());
                Ok(())
            }
        };
        if told.is_err() {
            stop.cancel();
        }
    }
}
