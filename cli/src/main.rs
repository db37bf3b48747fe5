//! The `sekisho` command: everything an operator, a device or a newcomer does from a shell.

mod access;
mod armour;
mod ask;
mod bench;
mod city;
mod command;
mod demo;
mod errand;
mod exit;
mod fault;
mod help;
mod invitation;
mod launch;
mod motion;
mod mqtt;
mod organisation;
mod output;
mod page;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod preview;
mod qr;
mod replay;
mod root_key;
mod signals;
mod temporary;
mod via;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use command::accesses::AccessCommand;
use command::agent::Agent;
use command::bench::Bench;
use command::bridge::Bridge;
use command::diff::Diff;
use command::doctor::Doctor;
use command::enrol::Enrol;
use command::erase::Erase;
use command::init::Init;
use command::issuer::IssuerCommand;
use command::join::Join;
use command::log::Log;
use command::node::NodeCommand;
use command::peer::Peer;
use command::publish::Publish;
use command::question::{Discover, What, Who, Why};
use command::revoke::RevokeCommand;
use command::role::Role;
use command::root::Root;
use command::serve::{Serve, Steward};
use command::sign::{Sign, State};
use command::statement::{DenyCommand, Describe, GrantCommand};
use command::subscribe::{History, Subscribe};
use demo::{Dashboard, Demo, Fleet, Intruder};
use exit::Exit;

/// The name that this program gives itself towards nodes.
const SOFTWARE: &str = concat!("sekisho-cli/", env!("CARGO_PKG_VERSION"));

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Signed, sealed sensor streams between organisations that need not trust each other's machines.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Two cities, a fleet and intruders on this machine, to look at:
  sekisho demo

An organisation of your own:
  sekisho init fujisawa
  sekisho serve --dir fujisawa
  sekisho steward --dir fujisawa
  sekisho enrol truck-17 --topics 'fujisawa/truck/17/#' --dir fujisawa

Every command takes --dir (or SEKISHO_DIR), the folder to act from, and --json where it answers.

Exit codes:
  0  done
  1  the answer is no, or the node refused
  2  the command was not used as it can be
  3  the node cannot be reached
  4  a file or setting of this machine is at fault
  5  what was stated stands, and was not confirmed everywhere in time";

#[derive(Debug, Subcommand)]
enum Command {
    Init(Init),
    Serve(Serve),
    Steward(Steward),
    Enrol(Enrol),
    Join(Join),
    Root(Root),
    #[command(subcommand)]
    Issuer(IssuerCommand),
    Sign(Sign),
    State(State),
    #[command(subcommand)]
    Node(NodeCommand),
    Grant(GrantCommand),
    Deny(DenyCommand),
    #[command(subcommand)]
    Role(Role),
    Revoke(RevokeCommand),
    #[command(subcommand)]
    Diff(Diff),
    Describe(Describe),
    Erase(Erase),
    #[command(subcommand)]
    Access(AccessCommand),
    #[command(subcommand)]
    Log(Log),
    Who(Who),
    Why(Why),
    What(What),
    #[command(subcommand)]
    Peer(Peer),
    Pub(Publish),
    Sub(Subscribe),
    History(History),
    Discover(Discover),
    Agent(Agent),
    #[command(subcommand)]
    Bridge(Bridge),
    Doctor(Doctor),
    Demo(Demo),
    Bench(Bench),
    /// A part of the demo.
    #[command(subcommand, hide = true)]
    Simulate(Simulate),
}

/// What the demo starts.
#[derive(Debug, Subcommand)]
enum Simulate {
    Fleet(Fleet),
    Dashboard(Dashboard),
    Intruder(Intruder),
}

impl Command {
    async fn run(self) -> Result<Exit> {
        match self {
            Self::Init(command) => command.run(),
            Self::Serve(command) => command.run().await,
            Self::Steward(command) => command.run().await,
            Self::Enrol(command) => command.run().await,
            Self::Join(command) => command.run().await,
            Self::Root(command) => command.run().await,
            Self::Issuer(command) => command.run().await,
            Self::Sign(command) => command.run(),
            Self::State(command) => command.run().await,
            Self::Node(command) => command.run().await,
            Self::Grant(command) => command.run().await,
            Self::Deny(command) => command.run().await,
            Self::Role(command) => Box::pin(command.run()).await,
            Self::Revoke(command) => command.run().await,
            Self::Diff(command) => Box::pin(command.run()).await,
            Self::Describe(command) => command.run().await,
            Self::Erase(command) => command.run().await,
            Self::Access(command) => command.run().await,
            Self::Log(command) => Box::pin(command.run()).await,
            Self::Who(command) => command.run().await,
            Self::Why(command) => command.run().await,
            Self::What(command) => command.run().await,
            Self::Peer(command) => command.run().await,
            Self::Pub(command) => command.run().await,
            Self::Sub(command) => command.run().await,
            Self::History(command) => command.run().await,
            Self::Discover(command) => command.run().await,
            Self::Agent(command) => command.run().await,
            Self::Bridge(command) => Box::pin(command.run()).await,
            Self::Doctor(command) => command.run().await,
            Self::Demo(command) => Box::pin(command.run()).await,
            Self::Bench(command) => Box::pin(command.run()).await,
            Self::Simulate(Simulate::Fleet(command)) => command.run().await,
            Self::Simulate(Simulate::Dashboard(command)) => command.run().await,
            Self::Simulate(Simulate::Intruder(command)) => command.run().await,
        }
    }
}

fn main() -> ExitCode {
    let mut command = help::fitted(Arguments::command());
    let arguments = match Arguments::from_arg_matches_mut(&mut command.get_matches_mut()) {
        Ok(arguments) => arguments,
        Err(error) => error.format(&mut command).exit(),
    };
    keep_pages_small();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            fault::tell(&anyhow::Error::new(cause).context("runtime: wanted threads"));
            return Exit::Local.into();
        }
    };
    let ended = runtime.block_on(arguments.command.run());
    // A thread may still wait for standard input; nothing does for it.
    runtime.shutdown_background();
    match (ended, output::fault()) {
        (Ok(_exit), Some(found)) => {
            fault::tell(&anyhow::anyhow!("standard output: wanted to write, found: {found}"));
            Exit::Local.into()
        }
        (Ok(exit), None) => exit.into(),
        (Err(error), _) => {
            fault::tell(&error);
            fault::exit_of(&error).into()
        }
    }
}

/// The allocator asks for huge pages. What is kept here is many small things that come and go, and
/// with huge pages the same node is twice as large when idle, and four times among clients.
fn keep_pages_small() {
    // Where a sandbox forbids asking for it, everything works and is larger.
    #[cfg(target_os = "linux")]
    let _unheard = rustix::thread::disable_transparent_huge_pages(true);
}
