//! A laboratory: cities on machines of their own, as far as the network can tell. Each lives in a
//! network namespace with one cable to a hub, where the test and its clients are; the hub forwards
//! between cities, and there cables are cut and slowed.
//!
//! It wants root and `ip`, and touches nothing outside its own namespaces, which end with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::page::Page;
use crate::skipped::skipped;

/// Where `ip netns` keeps its namespaces.
const NAMESPACES: &str = "/var/run/netns";

/// Namespaces that belong together.
#[derive(Debug)]
pub struct Lab {
    hub: String,
    sites: Vec<Site>,
}

/// The place of one city: a namespace and its end of the cable.
#[derive(Debug, Clone)]
pub struct Site {
    namespace: String,
    hub: String,
    number: u8,
}

impl Lab {
    /// Runs a test in the hub of a laboratory with so many sites. Where this machine cannot have
    /// one it says so aloud, and the test is not run.
    pub fn run<F: Future<Output = ()>>(sites: u8, test: impl FnOnce(Self) -> F + Send) {
        let lab = match Self::set(sites) {
            Ok(lab) => lab,
            Err(missing) => {
                skipped(format!("wanted a laboratory of namespaces, found {missing}"));
                return;
            }
        };
        let hub = lab.hub.clone();
        std::thread::scope(|scope| {
            let running = scope.spawn(move || {
                enter(&hub);
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                let runtime = runtime.worker_threads(2).enable_all().build();
                runtime.expect("a runtime for the hub").block_on(test(lab));
            });
            if let Err(cause) = running.join() {
                std::panic::resume_unwind(cause);
            }
        });
    }

    fn set(sites: u8) -> Result<Self, String> {
        static SET: AtomicU32 = AtomicU32::new(0);
        let number = SET.fetch_add(1, Ordering::Relaxed);
        let hub = format!("sekisho-{}-{number}", std::process::id());
        ip(&["netns", "add", &hub])?;
        let mut lab = Self { hub, sites: Vec::new() };
        ip(&["-n", &lab.hub, "link", "set", "lo", "up"])?;
        in_namespace(&lab.hub, "sysctl", &["-q", "-w", "net.ipv4.ip_forward=1"])?;
        for number in 1..=sites {
            let namespace = format!("{}-{number}", lab.hub);
            ip(&["netns", "add", &namespace])?;
            let site = Site { namespace, hub: lab.hub.clone(), number };
            lab.sites.push(site.clone());
            site.lay_cable()?;
        }
        Ok(lab)
    }

    /// A place for a city, by its number from 0 on.
    #[must_use]
    pub fn site(&self, number: usize) -> &Site {
        self.sites.get(number).expect("a site of this laboratory")
    }

    /// Swallows what two sites send each other, as a cut cable does; both still reach the hub.
    pub fn cut(&self, one: usize, other: usize) {
        self.rule("add", one, other);
    }

    /// Puts the cable back.
    pub fn mend(&self, one: usize, other: usize) {
        self.rule("del", one, other);
    }

    fn rule(&self, what: &str, one: usize, other: usize) {
        for (from, to) in [(one, other), (other, one)] {
            let (from, to) = (self.site(from).cable(), self.site(to).network());
            done(ip(&["-n", &self.hub, "rule", what, "iif", &from, "to", &to, "blackhole"]));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in self.sites.iter().map(|site| &site.namespace).chain([&self.hub]) {
            if let Err(fault) = ip(&["netns", "delete", namespace]) {
                say(&format!("{namespace}: {fault}"));
            }
        }
    }
}

impl Site {
    fn lay_cable(&self) -> Result<(), String> {
        let (cable, address) = (self.cable(), format!("{}/30", self.address()));
        let (here, hub) = (&*self.namespace, &*self.hub);
        ip(&[
            "-n", hub, "link", "add", &cable, "type", "veth", "peer", "name", "wan", "netns", here,
        ])?;
        ip(&["-n", hub, "addr", "add", &format!("{}/30", self.gateway()), "dev", &cable])?;
        ip(&["-n", hub, "link", "set", &cable, "up"])?;
        ip(&["-n", here, "link", "set", "lo", "up"])?;
        ip(&["-n", here, "addr", "add", &address, "dev", "wan"])?;
        ip(&["-n", here, "link", "set", "wan", "up"])?;
        ip(&["-n", here, "route", "add", "default", "via", &self.gateway().to_string()])
    }

    /// Its own address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 78, self.number, 2)
    }

    const fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 78, self.number, 1)
    }

    fn network(&self) -> String {
        format!("10.78.{}.0/30", self.number)
    }

    fn cable(&self) -> String {
        format!("site-{}", self.number)
    }

    /// Slows its cable in both directions, in bytes per second.
    pub fn slow(&self, bytes_per_s: u64) {
        let rate = format!("{}bit", bytes_per_s.saturating_mul(8));
        for (namespace, device) in [(&self.hub, self.cable()), (&self.namespace, "wan".to_owned())]
        {
            let tbf = ["qdisc", "replace", "dev", &device, "root", "tbf", "rate", &rate];
            let queue = ["burst", "32kb", "latency", "100ms"];
            done(in_namespace(namespace, "tc", &[&tbf[..], &queue].concat()));
        }
    }

    /// A command whose process is there.
    #[must_use]
    pub fn command(&self, program: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// A page that is shown on the loopback of the site.
    pub(crate) async fn page(&self, address: SocketAddr, path: &str) -> Option<Page> {
        let (namespace, path) = (self.namespace.clone(), path.to_owned());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // A thread that has moved stays where it is, so it is of no use to anybody else.
        std::thread::spawn(move || {
            enter(&namespace);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let page = runtime.expect("a runtime").block_on(Page::get(address, &path));
            drop(sender.send(page));
        });
        receiver.await.ok().flatten()
    }
}

/// Moves this thread, and what it starts, into a namespace.
fn enter(namespace: &str) {
    let file = std::fs::File::open(Path::new(NAMESPACES).join(namespace));
    let file = file.expect("the namespace of a laboratory");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("root may move between namespaces");
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    carry_out("ip", arguments)
}

fn in_namespace(namespace: &str, program: &str, arguments: &[&str]) -> Result<(), String> {
    carry_out("ip", &[&["netns", "exec", namespace, program], arguments].concat())
}

fn carry_out(program: &str, arguments: &[&str]) -> Result<(), String> {
    let ran = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let ran = ran.map_err(|fault| format!("no {program} ({fault})"))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    Err(format!("{program} {}: {}", arguments.join(" "), said.trim()))
}

#[expect(clippy::print_stdout, reason = "whoever reads the results of a test is to see it")]
fn say(what: &str) {
    println!("{what}");
}

fn done(outcome: Result<(), String>) {
    if let Err(fault) = outcome {
        panic!("the laboratory: {fault}");
    }
}
