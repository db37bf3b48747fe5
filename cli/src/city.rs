//! A city on this machine for as long as its parent lives: an organisation's folder, with its node
//! and its steward as processes; and the contract between two.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sekisho::Question;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::access::{Access, document};
use crate::launch::{Child, arguments, run};
use crate::organisation::CONFIGURATION;

/// How long the link between two cities may take to come up.
const LINK_MAX: Duration = Duration::from_secs(30);
/// How often a node is asked again.
const LOOK: Duration = Duration::from_millis(100);

/// One city's processes and where they are.
#[derive(Debug)]
pub(crate) struct City {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    /// Where the node listens.
    pub(crate) listen: String,
    /// Health and metrics.
    pub(crate) http: String,
    node: Child,
    steward: Child,
}

impl City {
    /// Makes the folder below another, and starts node and steward; resolves when both are at work.
    ///
    /// `settings` end the node's configuration, `options` are further ones of its command.
    pub(crate) async fn start(
        name: &str,
        folder: &Path,
        settings: &str,
        options: Vec<OsString>,
    ) -> Result<Self> {
        let dir = folder.join(name);
        let listen = format!("127.0.0.1:{}", free_udp_port()?);
        let http = format!("127.0.0.1:{}", free_tcp_port()?);
        let made = arguments([
            &"init",
            &name,
            &"--dir",
            &dir,
            &"--listen",
            &listen,
            &"--http",
            &http,
            &"--json",
        ]);
        run("init", made).await?;
        let configuration = dir.join(CONFIGURATION);
        OpenOptions::new()
            .append(true)
            .open(&configuration)
            .and_then(|mut file| file.write_all(settings.as_bytes()))
            .with_context(|| format!("{}: write", configuration.display()))?;
        let mut serve = arguments([&"serve", &"--dir", &dir]);
        serve.extend(options);
        let mut node = Child::start(name, serve)?;
        node.line().await?;
        let mut steward = Child::start("steward", arguments([&"steward", &"--dir", &dir]))?;
        steward.line().await?;
        Ok(Self { name: name.to_owned(), dir, listen, http, node, steward })
    }

    /// The number of the node's process, while it runs.
    pub(crate) fn node_process(&self) -> Option<u32> {
        self.node.number()
    }

    /// Stops both in good order.
    pub(crate) async fn stop(self) -> Result<()> {
        self.steward.terminate().await?;
        self.node.terminate().await
    }

    /// Asks the node until it would allow something: what one city grants reaches another over the
    /// link, and until then its node knows of no right.
    pub(crate) async fn wait_until_allowed(&self, question: Question) -> Result<()> {
        let client = Access::load(&self.dir)?.connect().await?;
        let told = async {
            loop {
                let answer = document(&client, question.clone()).await?;
                if answer.get("permitted") == Some(&Value::Bool(true)) {
                    return Ok(());
                }
                sleep(LOOK).await;
            }
        };
        let told = timeout(LINK_MAX, told).await;
        client.close().await;
        told.unwrap_or_else(|_late| {
            bail!("the grant did not reach {} within {LINK_MAX:?}", self.name)
        })
    }
}

/// What one city gives another, and where each is dialled.
#[derive(Debug)]
pub(crate) struct Contract<'a> {
    pub(crate) from: (&'a City, String),
    pub(crate) to: (&'a City, String),
    /// Topics of the first.
    pub(crate) export: &'a str,
    pub(crate) purpose: &'a str,
}

impl Contract<'_> {
    /// Invitation, acceptance, contract: three letters in a folder, as by hand.
    pub(crate) async fn sign(&self, folder: &Path) -> Result<()> {
        let ((ours, our_address), (theirs, their_address)) = (&self.from, &self.to);
        let letters = ["invitation", "acceptance", "contract"]
            .map(|letter| folder.join(format!("{letter}-{}", theirs.name)));
        let [invitation, acceptance, contract] = &letters;
        let said = run(
            "peer invite",
            arguments([
                &"peer",
                &"invite",
                &"--to",
                &theirs.name,
                &"--export",
                &self.export,
                &"--purpose",
                &self.purpose,
                &"--address",
                our_address,
                &"--dir",
                &ours.dir,
            ]),
        );
        std::fs::write(invitation, said.await?)?;
        let said = run(
            "peer accept",
            arguments([
                &"peer",
                &"accept",
                invitation,
                &"--address",
                their_address,
                &"--dir",
                &theirs.dir,
            ]),
        );
        std::fs::write(acceptance, said.await?)?;
        let said =
            run("peer accept", arguments([&"peer", &"accept", acceptance, &"--dir", &ours.dir]));
        std::fs::write(contract, said.await?)?;
        run("peer accept", arguments([&"peer", &"accept", contract, &"--dir", &theirs.dir]))
            .await?;
        Ok(())
    }
}

/// A port that was free a moment ago.
fn free_udp_port() -> Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// As [`free_udp_port`], of the other kind.
pub(crate) fn free_tcp_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
